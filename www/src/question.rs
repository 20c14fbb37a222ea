//! What the page's module asks of the one that asks logs and monitors, and its answer, as JSON.

use doorlight::address::Address;
use doorlight::ct::publication::PublicationReport;
use doorlight::issuances::monitor::id::Monitor;
use doorlight::site::SiteRecord;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Evidence;
use serde::{Deserialize, Serialize};

/// A question about a name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NameQuestion {
    /// Which name.
    pub address: Address,
    /// Whom to ask; nobody where only what is known already is to be shown.
    pub monitor: Option<Monitor>,
    /// What the page knows of it.
    pub record: Option<SiteRecord>,
    /// The certificate on the page, as PEM.
    pub pem: Option<String>,
    /// The reader's own mirrors; empty for the public ones.
    pub cert_spotter: String,
    /// The same.
    pub crt_sh: String,
}

/// A question about a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogQuestion {
    /// For whom it was judged.
    pub address: Address,
    /// By which time.
    pub at: Timestamp,
    /// The certificates.
    pub pem: String,
    /// The reader's own roots, in base64.
    pub roots: Vec<String>,
    /// The reader's own list of logs, in base64.
    pub log_list: Option<String>,
}

/// What the logs said.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LogAnswer {
    /// What it means.
    pub evidence: Vec<Evidence>,
    /// Log by log.
    pub reports: Vec<PublicationReport>,
}
