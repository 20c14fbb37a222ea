//! What every check of a run is judged by.

use std::path::PathBuf;

use clap::Args;
use doorlight::ct::log_list::LogLists;
use doorlight::ct::policy::CHROME;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Check;
use doorlight::verdict::examination::{Conclusion, Examination, Knowledge, Site};
use doorlight::verdict::observation::Observation;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::roots::Roots;
use doorlight::x509::signature::SignatureCheck;

use crate::commands::log_list;
use crate::failure::Failure;
use crate::io::input;

/// What a check is judged by, as it is asked for.
#[derive(Args)]
pub(crate) struct JudgedBy {
    /// A list of logs (v3 JSON, or an array of log keys), any number of times; the newest of the
    /// shipped and the fetched one if none is given.
    #[arg(long, value_name = "FILE")]
    log_list: Vec<PathBuf>,
    /// The signature of one of the lists; refused where it does not fit.
    #[arg(long, value_name = "FILE", requires = "log_list")]
    log_list_sig: Vec<PathBuf>,
    /// Further roots to trust, besides Mozilla's.
    #[arg(long, value_name = "FILE")]
    roots: Vec<PathBuf>,
    /// A further check without which nothing is trusted, such as ct-policy.
    #[arg(long, value_name = "CHECK", value_parser = parse_check)]
    require: Vec<Check>,
}

fn parse_check(text: &str) -> Result<Check, String> {
    serde_json::from_value(text.into())
        .map_err(|_| "no check of this name; see docs/codes.md".into())
}

impl JudgedBy {
    pub(crate) fn setting(&self) -> Result<Setting, Failure> {
        Ok(Setting {
            roots: input::roots(&self.roots)?,
            log_lists: log_list::of_files(&self.log_list, &self.log_list_sig)?,
            require: self.require.clone(),
        })
    }
}

/// What every check of this run knows.
pub(crate) struct Setting {
    pub(crate) roots: Roots,
    pub(crate) log_lists: LogLists,
    pub(crate) require: Vec<Check>,
}

/// The time that a certificate is judged by.
pub(crate) enum When {
    At(Timestamp),
    AtIssue,
}

impl When {
    pub(crate) fn of(&self, leaf: &Certificate) -> Timestamp {
        match self {
            Self::At(time) => *time,
            Self::AtIssue => leaf.not_before().plus(std::time::Duration::from_secs(12 * 60 * 60)),
        }
    }
}

impl Setting {
    pub(crate) fn new(roots: Roots, log_lists: LogLists) -> Self {
        Self { roots, log_lists, require: Vec::new() }
    }

    pub(crate) fn judge(&self, observation: &Observation, site: Site<'_>) -> Conclusion {
        let knowledge = Knowledge {
            roots: &self.roots,
            log_lists: &self.log_lists,
            policy: &CHROME,
            intermediates: &[],
            site,
            also_required: &self.require,
        };
        Examination::new(observation, knowledge).run(SignatureCheck::verify_natively)
    }
}
