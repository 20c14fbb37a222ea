//! What the tests have in common: the core with everything it takes as an argument.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::PathBuf;

use doorlight::ct::log_list::LogLists;
use doorlight::ct::policy::CHROME;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::{Check, Code, Outcome};
use doorlight::verdict::examination::{Conclusion, Examination, Knowledge, Site};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::verdict::report::Report;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use doorlight::x509::signature::SignatureCheck;

/// Roots and logs.
pub struct World {
    pub roots: Roots,
    pub log_lists: LogLists,
}

impl World {
    pub fn conclude(&self, chain: Chain, host: &str, at: Timestamp, site: Site<'_>) -> Conclusion {
        self.conclude_with(chain, host, at, site, SignatureCheck::verify_natively)
    }

    pub fn conclude_with(
        &self,
        chain: Chain,
        host: &str,
        at: Timestamp,
        site: Site<'_>,
        verify: impl Fn(&SignatureCheck) -> bool,
    ) -> Conclusion {
        let observation = observation(chain, host, at);
        Examination::new(&observation, self.knowledge(site)).run(verify)
    }

    pub fn knowledge<'a>(&'a self, site: Site<'a>) -> Knowledge<'a> {
        Knowledge {
            roots: &self.roots,
            log_lists: &self.log_lists,
            policy: &CHROME,
            intermediates: &[],
            site,
            also_required: &[],
        }
    }
}

pub fn observation(chain: Chain, host: &str, at: Timestamp) -> Observation {
    Observation {
        address: host.parse().unwrap(),
        at,
        chain,
        seen: Seen::File,
        possession: Possession::Unknown,
    }
}

/// The code that a check came out with.
pub fn code(report: &Report, check: Check) -> Code {
    report.evidence.iter().find(|one| one.check == check).unwrap().code
}

pub fn outcome(report: &Report, check: Check) -> Outcome {
    report.evidence.iter().find(|one| one.check == check).unwrap().outcome
}

/// Real material that is not part of the project. Tests that need it are ignored without it.
pub fn corpora(folder: &str) -> PathBuf {
    let corpora = std::env::var_os("DOORLIGHT_CORPORA")
        .expect("DOORLIGHT_CORPORA: the folder of the corpora");
    let path = PathBuf::from(corpora).join(folder);
    assert!(path.is_dir(), "{} is missing", path.display());
    path
}

/// Files of a folder with an ending, in order.
pub fn files(folder: &std::path::Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files
}

pub fn timestamp(time: time::OffsetDateTime) -> Timestamp {
    Timestamp::from_secs(u64::try_from(time.unix_timestamp()).unwrap())
}

/// The lab's public world, as the core takes it.
pub fn lab_world(lab: &doorlight_lab::scenario::Lab) -> World {
    use doorlight::ct::log_list::{LogList, Provenance};
    let mut roots = Roots::mozilla();
    roots.add(&lab.roots()).unwrap();
    let list = LogList::parse(lab.log_list().as_bytes(), Provenance::Unsigned).unwrap();
    World { roots, log_lists: LogLists::new(vec![list]) }
}
