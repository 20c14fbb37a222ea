//! What a home told of its certificate, and what came of asking it.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Host;
use crate::time::{DAY, Timestamp};
use crate::x509::fingerprint::CertificateSha1;

/// What the home itself told of its certificate, over the local network.
///
/// Home Assistant tells SHA-1. To pass for the certificate, another one would have to have the same
/// digest as a given one: a second preimage, which is out of reach for SHA-1 (collisions, where the
/// attacker chooses both, are not). An authority could in principle prepare such a pair, and give
/// the home one half of it. So the digest only finds the certificate when it is seen; what is kept
/// from then on is SHA-256 of its key, and everything else about it is checked as ever: path, name,
/// time, the logs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HomeAttestation {
    /// SHA-1 of the certificate.
    pub fingerprint: CertificateSha1,
    /// The hosts that it is for; the guarded one is among them.
    pub names: Vec<Host>,
    /// Its first moment, which the home does not tell: known once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Its last moment.
    pub not_after: Timestamp,
    /// When this certificate was told of first.
    pub first_told: Timestamp,
    /// When it was told of last.
    pub last_told: Timestamp,
}

/// hass-nabucasa before 2.9.0 renews when 25 days are left, whatever the lifetime; one more for a
/// clock.
const DUE_BY_DAYS: Duration = Duration::from_secs(26 * DAY.as_secs());
/// From 2.9.0 on it renews when its authority says so (ARI, RFC 9773): about a third of the lifetime
/// before the end. A twelfth more for the authority's window, and for renewals by hand.
const DUE_BY_SHARE: (u32, u32) = (5, 12);
/// The lifetime of a certificate that was told of and never seen: Let's Encrypt's longest.
const UNSEEN_LIFETIME: Duration = Duration::from_secs(90 * DAY.as_secs());
/// For so long the home may tell of a new certificate and still present the old one, or the other
/// way round.
pub(super) const CHANGE_TAKES: Duration = DAY;

impl HomeAttestation {
    /// Since when it says what it says: when it was first told; near its end, where it counts for a
    /// day each time, the day on which it was told last.
    pub fn counts_since(&self) -> Timestamp {
        if self.last_told < self.due() {
            return self.first_told;
        }
        Timestamp::from_secs(self.last_told.secs() / DAY.as_secs() * DAY.as_secs())
    }

    /// From when on the home may have taken another certificate. A certificate that lives for less
    /// than a month is always due.
    fn due(&self) -> Timestamp {
        let lifetime =
            self.not_before.map_or(UNSEEN_LIFETIME, |not_before| self.not_after.since(not_before));
        let (share, of) = DUE_BY_SHARE;
        let before_end = (lifetime / of).saturating_mul(share).max(DUE_BY_DAYS);
        self.not_after.minus(before_end)
    }

    /// True while the home would not have taken another certificate since: long before its end, or
    /// within a day of its word.
    pub fn is_current(&self, at: Timestamp) -> bool {
        at < self.due() || (at <= self.not_after && at.since(self.last_told) <= CHANGE_TAKES)
    }
}

/// What a certificate is in the light of the home's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HomeSays {
    /// The very certificate that it told of.
    Confirms,
    /// Another certificate of a key that it has confirmed.
    SameKey,
    /// A certificate whose key it never confirmed, while its word is current or its own key is known;
    /// or one whose key it has left for another.
    Other,
    /// It was not asked since it may have taken another certificate, and its key was never seen.
    LongAgo,
}

/// What came of asking the home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It told of its certificate for the first time.
    First,
    /// The same as before.
    Same,
    /// Another than before.
    Other,
    /// It has none to tell of; what it told before stands.
    Nothing(Silence),
}

/// Why the home tells of no certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silence {
    /// It was asked without a token, and so for its version alone.
    NotAsked,
    /// Home Assistant runs without its cloud.
    NoCloud,
    /// It is not logged in there.
    LoggedOut,
    /// It is, and has no certificate yet.
    NoCertificate,
    /// It has one for another name: the address is a domain of the owner's own, beside the cloud's.
    OtherName,
}

impl Silence {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not-asked",
            Self::NoCloud => "no-cloud",
            Self::LoggedOut => "logged-out",
            Self::NoCertificate => "no-certificate",
            Self::OtherName => "other-name",
        }
    }
}

/// The home that was asked is not the one of this address. Nothing of what it told is taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtherHome {
    /// The address is one of Home Assistant Cloud, and the home's certificate is for another one.
    #[error("the home holds a certificate for {told}, not for {guarded}: it is another home")]
    Host {
        /// For what its certificate is, safe to show.
        told: String,
        /// The address of the record.
        guarded: Host,
    },
    /// The token's account is another than the one that the home is known by. Over plain HTTP
    /// nothing else tells the home from a stranger who answers in its place: the account's number
    /// is known to those alone who were once shown it.
    #[error(
        "the account behind the token is another than the one that your home is known by: it is another home, or the token belongs to another account"
    )]
    Account,
}

impl OtherHome {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Host { .. } => "home-other-host",
            Self::Account => "home-other-account",
        }
    }
}
