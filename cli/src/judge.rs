//! What every check of a run is judged by.

use doorlight::ct::log_list::LogLists;
use doorlight::ct::policy::CHROME;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Check;
use doorlight::verdict::examination::{Conclusion, Examination, Knowledge, Site};
use doorlight::verdict::observation::Observation;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::roots::Roots;
use doorlight::x509::signature::SignatureCheck;

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
