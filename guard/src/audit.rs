//! What the audits of an address have found.

use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Evidence;
use serde::{Deserialize, Serialize};

use crate::proof::Proof;

/// What the audits of an address have found. Small: it is read at every start of the background.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditState {
    /// What the logs proved.
    pub proof: Option<Proof>,
    /// What the watch has to say.
    pub watch: Vec<Evidence>,
    /// When the monitors are asked again.
    pub due: Option<Timestamp>,
}
