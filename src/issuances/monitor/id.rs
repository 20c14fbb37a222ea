//! Which monitors there are.

use serde::{Deserialize, Serialize};

/// Which monitor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Monitor {
    /// SSLMate's Cert Spotter.
    CertSpotter,
    /// Sectigo's crt.sh.
    CrtSh,
}

impl Monitor {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 2] = [Self::CertSpotter, Self::CrtSh];

    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CertSpotter => "cert-spotter",
            Self::CrtSh => "crt-sh",
        }
    }

    /// True where it says of what it shows whether that was revoked.
    pub fn tells_revocation(self) -> bool {
        self == Self::CertSpotter
    }

    /// What it calls itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::CertSpotter => "Cert Spotter",
            Self::CrtSh => "crt.sh",
        }
    }
}
