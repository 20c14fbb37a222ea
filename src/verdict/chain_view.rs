//! Who vouches for whom: the way from the server's certificate upwards, as a picture shows it.
//!
//! It explains what the private module `path` found and decides nothing. Where there is a valid
//! path, it is that path; where there is none, the way goes up over good signatures as far as they
//! reach, and the last link says why it ends there.

use serde::Serialize;

use crate::time::Timestamp;
use crate::x509::certificate::Certificate;
use crate::x509::fingerprint::CertificateSha256;

/// What somebody on the way is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The server's own certificate.
    Server,
    /// An authority between server and root.
    Authority,
    /// A root of Mozilla's programme.
    Root,
    /// A root that the user added.
    AddedRoot,
    /// A certificate that vouches for itself, and for which nobody else does.
    PrivateRoot,
    /// Somebody who is named as the issuer and is not at hand.
    Absent,
}

/// How the next one up stands to this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// It signed this one.
    Vouches,
    /// It signed this one, and the way as a whole is refused all the same.
    Refused,
    /// It has the right name, and did not sign this one, or not in a way that counts.
    False,
    /// It is not at hand, so nobody can tell.
    Missing,
    /// There is no next one.
    Top,
}

impl Role {
    /// As it stands in texts' keys and in styles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Authority => "authority",
            Self::Root => "root",
            Self::AddedRoot => "added-root",
            Self::PrivateRoot => "private-root",
            Self::Absent => "absent",
        }
    }
}

impl Link {
    /// As it stands in texts' keys and in styles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vouches => "vouches",
            Self::Refused => "refused",
            Self::False => "false",
            Self::Missing => "missing",
            Self::Top => "top",
        }
    }
}

/// Somebody on the way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ChainEntry {
    /// What it is.
    pub role: Role,
    /// Whom it is about, in the form of RFC 4514, safe to show.
    pub name: String,
    /// Its certificate's fingerprint; a root of the programme is known by name and key alone.
    pub sha256: Option<CertificateSha256>,
    /// The last moment of its certificate.
    pub not_after: Option<Timestamp>,
    /// How the next one up stands to it.
    pub above: Link,
}

/// The way, from the server's certificate upwards. The last rung is the only one with
/// [`Link::Top`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ChainView {
    /// Who stands on it.
    pub rungs: Vec<ChainEntry>,
    /// How many further certificates came along that are not on it.
    pub aside: usize,
}

impl ChainEntry {
    pub(crate) fn of(certificate: &Certificate, role: Role, above: Link) -> Self {
        Self {
            role,
            name: certificate.subject(),
            sha256: Some(certificate.sha256()),
            not_after: Some(certificate.not_after()),
            above,
        }
    }

    pub(crate) fn named(name: String, role: Role) -> Self {
        Self { role, name, sha256: None, not_after: None, above: Link::Top }
    }
}
