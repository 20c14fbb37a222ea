//! `doorlight check --batch DIR`: every file with certificates in a folder, one line of JSON each,
//! and a table by reason at the end.

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use doorlight::address::Address;
use doorlight::verdict::evidence::Check;
use doorlight::verdict::examination::Site;
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::verdict::report::{Report, SctSignature};
use doorlight::x509::certificate::SubjectName;
use doorlight::x509::chain::Chain;
use serde_json::Value;

use crate::failure::{Failure, INPUT};
use crate::io::input;
use crate::io::output;
use crate::judge::{Setting, When};

pub(crate) fn run(folder: &Path, setting: &Setting, when: &When) -> Result<ExitCode, Failure> {
    let (files, left_out) = certificate_files(folder)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut tally = Tally::default();
    let shows_progress = std::io::stderr().is_terminal();
    for (n, file) in files.iter().enumerate() {
        if shows_progress && n % 20 == 0 {
            output::aside(format_args!("\r{n} of {}", files.len()));
        }
        let mut line = match judge(file, setting, when) {
            Ok(report) => {
                tally.add(&report);
                serde_json::to_value(&report).unwrap_or_default()
            }
            Err(failure) => {
                tally.unreadable += 1;
                output::in_json(&failure)
            }
        };
        if let Value::Object(fields) = &mut line {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            fields.insert("file".into(), name.into());
        }
        out.write_all(output::json_line(&line).as_bytes()).map_err(Failure::output)?;
    }
    out.flush().map_err(Failure::output)?;
    if shows_progress {
        output::aside("\r");
    }
    output::aside(tally.table());
    if left_out > 0 {
        let endings = ENDINGS.join(", ");
        output::aside(format_args!("left out: {left_out} files that end in none of {endings}\n"));
    }
    Ok(if tally.unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::from(INPUT) })
}

/// The endings of files with certificates.
const ENDINGS: [&str; 6] = ["pem", "crt", "cer", "der", "p7b", "txt"];

/// The files with one of [`ENDINGS`], and how many have another.
fn certificate_files(folder: &Path) -> Result<(Vec<PathBuf>, usize), Failure> {
    let unreadable = |error| Failure::input("file-unreadable", error).in_file(folder);
    let (mut files, mut left_out) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        // A pipe would be waited for.
        if ENDINGS.iter().any(|known| ending == *known) && !is_special(&path) {
            files.push(path);
        } else {
            left_out += usize::from(path.is_file());
        }
    }
    files.sort();
    Ok((files, left_out))
}

/// True for a pipe, a folder, a device. A file that cannot be read is reported later.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

fn judge(file: &Path, setting: &Setting, when: &When) -> Result<Report, Failure> {
    let chain = Chain::from_bundle(&input::certificates(file)?)?;
    let observation = Observation {
        address: own_address(&chain)?,
        at: when.of(chain.leaf()),
        chain,
        seen: Seen::File,
        possession: Possession::Unknown,
    };
    Ok(setting.judge(&observation, Site::Unknown).report)
}

/// A host that the certificate says it is for: a batch asks nothing of the name.
fn own_address(chain: &Chain) -> Result<Address, Failure> {
    let host = chain.leaf().names().iter().find_map(|name| match name {
        SubjectName::Dns(name) => name.replace("*.", "any.").parse().ok(),
        SubjectName::Ip(ip) => ip.to_string().parse().ok(),
        SubjectName::Other => None,
    });
    host.map(|host| Address { host, port: 443 })
        .ok_or_else(|| Failure::input("no-name", "the certificate is for no host at all"))
}

/// How many of what.
#[derive(Default)]
struct Tally {
    chains: usize,
    unreadable: usize,
    reasons: BTreeMap<(Check, String), usize>,
    scts: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, report: &Report) {
        self.chains += 1;
        for one in &report.evidence {
            // Where a path fails, whose certificates they are is the reason behind the reason.
            let issuer = one.detail.get("issuer").and_then(Value::as_str);
            let reason = match issuer {
                Some(issuer) if one.check == Check::Path => format!("{}: {issuer}", one.code),
                _ => one.code.to_string(),
            };
            *self.reasons.entry((one.check, reason)).or_default() += 1;
        }
        for sct in &report.scts {
            let name = match sct.signature {
                SctSignature::Valid => "valid",
                SctSignature::Invalid => "invalid",
                SctSignature::UnknownLog => "unknown log",
                SctSignature::NotChecked => "not checked",
            };
            *self.scts.entry(name).or_default() += 1;
        }
    }

    fn table(&self) -> String {
        let mut table = format!("{} chains, {} files unreadable\n", self.chains, self.unreadable);
        for ((check, reason), count) in &self.reasons {
            table += &format!("{count:>7}  {:<11}  {reason}\n", check.as_str());
        }
        for (name, count) in &self.scts {
            table += &format!("{count:>7}  SCT          {name}\n");
        }
        table
    }
}
