//! `native DIR`: Doorlight with AWS-LC as a contender of the bench. It answers the lines `accepts
//! TASK SHAPE FILE` (with `true` or `false`) and `time TASK SHAPE FILE TIMES` (with nanoseconds).

use std::error::Error;
use std::fs;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use doorlight::address::Address;
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::ct::policy;
use doorlight::site::pins::Pins;
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::examination::{Examination, Knowledge, Site};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::verdict::report::Report;
use doorlight::x509::bundle;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use doorlight::x509::signature::SignatureCheck;
use doorlight_bench::SctBench;

struct Contender {
    dir: PathBuf,
    address: Address,
    at: Timestamp,
    roots: Roots,
    logs_json: Vec<u8>,
    log_lists: LogLists,
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: native DIR")?);
    let contender = Contender::new(dir)?;
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["accepts", task, shape, file] => {
                writeln!(out, "{}", contender.task(task, shape, file)?())?
            }
            ["time", task, shape, file, times] => {
                let once = contender.task(task, shape, file)?;
                let started = Instant::now();
                for _ in 0..times.parse::<u32>()? {
                    std::hint::black_box(once());
                }
                writeln!(out, "{}", started.elapsed().as_nanos())?;
            }
            _ => return Err(format!("what is {line:?}?").into()),
        }
        out.flush()?;
    }
    Ok(())
}

impl Contender {
    fn new(dir: PathBuf) -> Result<Self, Box<dyn Error>> {
        let mut roots = Roots::mozilla();
        roots.add(&bundle::split(&fs::read(dir.join("roots.pem"))?)?)?;
        let logs_json = fs::read(dir.join("logs.json"))?;
        Ok(Self {
            address: fs::read_to_string(dir.join("host"))?.parse()?,
            at: Timestamp::from_millis(fs::read_to_string(dir.join("at"))?.parse()?),
            roots,
            log_lists: LogLists::new(vec![LogList::parse(&logs_json, Provenance::Unsigned)?]),
            logs_json,
            dir,
        })
    }

    /// What is timed: bytes in, yes or no out.
    fn task(
        &self,
        task: &str,
        shape: &str,
        file: &str,
    ) -> Result<Box<dyn Fn() -> bool + '_>, Box<dyn Error>> {
        let read = |name: &str| fs::read(self.dir.join(shape).join(name));
        let leaf = read(&format!("{file}.der"))?;
        if task == "scts" {
            let scts = SctBench::from_parts(&leaf, read("issuer.spki")?, &self.logs_json)
                .ok_or("unreadable")?;
            return Ok(Box::new(move || {
                scts.checks()
                    .is_some_and(|checks| checks.iter().all(SignatureCheck::verify_natively))
            }));
        }
        let chain = [leaf, read("issuer.der")?].concat();
        let pins = Pins::from_json(&read("pins.json")?)?;
        let is_whole = task == "whole";
        Ok(Box::new(move || {
            let Some(report) = self.judge(&chain, &pins) else { return false };
            if is_whole {
                report.verdict == Verdict::Trusted
            } else {
                report.evidence.iter().any(|one| one.code == Code::PathAddedRoot)
            }
        }))
    }

    fn judge(&self, chain: &[u8], pins: &Pins) -> Option<Report> {
        let observation = Observation {
            address: self.address.clone(),
            at: self.at,
            chain: Chain::read(chain).ok()?,
            seen: Seen::File,
            possession: Possession::Unknown,
        };
        let knowledge = Knowledge {
            roots: &self.roots,
            log_lists: &self.log_lists,
            policy: &policy::CHROME,
            intermediates: &[],
            site: pins.site(&self.address).map_or(Site::Unknown, Site::Record),
            also_required: &[],
        };
        let report =
            Examination::new(&observation, knowledge).run(SignatureCheck::verify_natively).report;
        // The product ends in JSON; so it does here.
        std::hint::black_box(report.to_json());
        Some(report)
    }
}
