//! Monitors of the public logs: who else has a certificate for the name?
//!
//! A monitor reads all logs and answers by name. It is not authenticated by anything but TLS, may
//! be down, lag behind, or lie; what it says of a certificate is believed where the certificate
//! itself is at hand, and a look that was not whole says so. What a monitor learns is the name that
//! was asked for.
//!
//! | | [`cert_spotter`] | [`crt_sh`] |
//! |---|---|---|
//! | one question finds | the name and its wildcard | one of them: two questions |
//! | a name that no certificate has ([`query`]) | its parent with all below | the same |
//! | pages | yes | no |
//! | says | key, TBS hash, dates, the certificate | serial number, dates |
//! | the certificate | in the answer | one more question each, at most [`crt_sh::MAX_CERTIFICATES`] in a look |

use core::fmt;
use core::time::Duration;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::fetch::{FetchError, Platform};
use crate::issuances::issuance::{Issuance, Joined, join};
use crate::issuances::monitor::id::Monitor;
use crate::issuances::monitor::query::Query;
use crate::text::printable;
use crate::time::Timestamp;

pub mod cert_spotter;
pub mod crt_sh;
pub mod id;
pub mod query;

/// The largest answer that is read, in bytes: ten thousand entries of crt.sh have half of it.
pub const MAX_ANSWER: usize = 8 << 20;
/// The most entries that are read in one look at one monitor.
pub const MAX_ENTRIES: usize = 20_000;
/// The longest list of names in one entry, in bytes.
const MAX_NAMES: usize = 64 << 10;

/// Why a look at a monitor is not whole. None of these says anything about a certificate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// No answer to use.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Something else than JSON, for example a page that says "try again later".
    #[error("{} answered with something else than JSON", .monitor.name())]
    NotJson {
        /// Which monitor.
        monitor: Monitor,
    },
    /// JSON of another form.
    #[error("{} answered in another form: {reason}", .monitor.name())]
    Malformed {
        /// Which monitor.
        monitor: Monitor,
        /// What the JSON reader objected to.
        reason: String,
    },
    /// Over [`MAX_ENTRIES`], or over [`cert_spotter::MAX_PAGES`].
    #[error("{} has more entries than are read", .monitor.name())]
    TooMany {
        /// Which monitor.
        monitor: Monitor,
    },
    /// A page that brings nothing but what was on the pages before it.
    #[error("the pages of {} come to no end", .monitor.name())]
    PagingStuck {
        /// Which monitor.
        monitor: Monitor,
    },
    /// Monitors are asked by name, and the address has none.
    #[error("an IP address cannot be looked up in {}", .monitor.name())]
    NoName {
        /// Which monitor.
        monitor: Monitor,
    },
    /// Entries that make no sense; the others were read.
    #[error("{count} entries of {} make no sense", .monitor.name())]
    EntriesSkipped {
        /// Which monitor.
        monitor: Monitor,
        /// How many.
        count: usize,
    },
    /// It says other things of certificates than they say themselves.
    #[error("{} contradicts {count} certificates that it shows", .monitor.name())]
    NotBelieved {
        /// Which monitor.
        monitor: Monitor,
        /// How many.
        count: usize,
    },
}

impl MonitorError {
    /// The stable code of the error, for scripts and texts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::NotJson { .. } => "not-json",
            Self::Malformed { .. } => "malformed",
            Self::TooMany { .. } => "too-many",
            Self::PagingStuck { .. } => "paging-stuck",
            Self::NoName { .. } => "no-name",
            Self::EntriesSkipped { .. } => "entries-skipped",
            Self::NotBelieved { .. } => "not-believed",
        }
    }

    /// True where the monitor answered, only not to all of it: the next look is due in a day, not
    /// sooner.
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::TooMany { .. }
                | Self::NoName { .. }
                | Self::EntriesSkipped { .. }
                | Self::NotBelieved { .. }
        )
    }

    /// How long the monitor wants to be left alone, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch(FetchError::RateLimited { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }
}

/// What one monitor showed. What was read before a look broke off is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// Which monitor.
    pub monitor: Monitor,
    /// Its entries, not joined yet.
    pub entries: Vec<Issuance>,
    /// Why the look is not whole; `None` where it is.
    pub flaw: Option<MonitorError>,
}

/// What is gathered while a monitor is asked.
struct Gathering {
    monitor: Monitor,
    entries: Vec<Issuance>,
    skipped: usize,
    contradictions: usize,
    failure: Option<MonitorError>,
}

impl Gathering {
    fn new(monitor: Monitor) -> Self {
        Self { monitor, entries: Vec::new(), skipped: 0, contradictions: 0, failure: None }
    }

    /// The worst flaw is the one that is told.
    fn finish(self) -> Look {
        let Self { monitor, entries, skipped, contradictions, failure } = self;
        let told = (contradictions > 0)
            .then_some(MonitorError::NotBelieved { monitor, count: contradictions });
        let odd = (skipped > 0).then_some(MonitorError::EntriesSkipped { monitor, count: skipped });
        Look { monitor, entries, flaw: told.or(failure).or(odd) }
    }
}

/// Which monitors are asked, and where: each can be turned off, and the lab stands in for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sources<'a> {
    /// [`cert_spotter::BASE`], or another.
    pub cert_spotter: Option<&'a str>,
    /// [`crt_sh::BASE`], or another.
    pub crt_sh: Option<&'a str>,
}

impl Sources<'static> {
    /// The public ones.
    pub const PUBLIC: Self =
        Self { cert_spotter: Some(cert_spotter::BASE), crt_sh: Some(crt_sh::BASE) };
}

impl Sources<'_> {
    /// Those that are asked.
    pub fn monitors(&self) -> Vec<Monitor> {
        let is_on = |monitor: &Monitor| match monitor {
            Monitor::CertSpotter => self.cert_spotter.is_some(),
            Monitor::CrtSh => self.crt_sh.is_some(),
        };
        Monitor::ALL.into_iter().filter(is_on).collect()
    }

    /// These without what is not among `monitors`: an audit asks those whose time has come.
    #[must_use]
    pub fn only(self, monitors: &[Monitor]) -> Self {
        Self {
            cert_spotter: self.cert_spotter.filter(|_| monitors.contains(&Monitor::CertSpotter)),
            crt_sh: self.crt_sh.filter(|_| monitors.contains(&Monitor::CrtSh)),
        }
    }
}

/// What all monitors showed, each certificate once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Each monitor's whole or broken look, without its entries.
    pub looks: Vec<(Monitor, Option<MonitorError>)>,
    /// What was issued.
    pub issuances: Vec<Issuance>,
}

impl Found {
    /// Joins what the monitors showed. Where one contradicts a certificate that another showed,
    /// neither look is whole.
    pub fn new(looks: Vec<Look>) -> Self {
        let mut flaws = Vec::with_capacity(looks.len());
        let mut entries = Vec::new();
        for look in looks {
            flaws.push((look.monitor, look.flaw));
            entries.extend(look.entries);
        }
        let Joined { issuances, contradictions, .. } = join(entries);
        if contradictions > 0 {
            for (monitor, flaw) in &mut flaws {
                *flaw =
                    Some(MonitorError::NotBelieved { monitor: *monitor, count: contradictions });
            }
        }
        Self { looks: flaws, issuances }
    }
}

/// Asks the monitors, one after the other; without a query, an IP address is all there is, and no
/// monitor can be asked for it. `is_known` says of an entry whether the certificate
/// behind it need not be fetched, because whose it is is known already.
pub async fn look_up<H: Platform>(
    host: &H,
    query: Option<&Query>,
    sources: &Sources<'_>,
    is_known: impl Fn(&Issuance) -> bool,
) -> Found {
    let mut looks = Vec::new();
    if let Some(base) = sources.cert_spotter {
        looks.push(cert_spotter::look_up(host, base, query).await);
    }
    if let Some(base) = sources.crt_sh {
        let shown = looks.iter().flat_map(|look| look.entries.iter().cloned()).collect();
        looks.push(crt_sh::look_up(host, base, query, shown, is_known).await);
    }
    Found::new(looks)
}

/// The elements of an array, not read yet, so that one that makes no sense costs itself alone.
struct Rows<'a> {
    rows: Vec<&'a RawValue>,
    has_more: bool,
}

impl<'de> Deserialize<'de> for Rows<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Rows<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Rows<'de>, A::Error> {
                let mut rows = Vec::new();
                while rows.len() < MAX_ENTRIES {
                    match array.next_element()? {
                        Some(row) => rows.push(row),
                        None => return Ok(Rows { rows, has_more: false }),
                    }
                }
                let mut has_more = false;
                while array.next_element::<IgnoredAny>()?.is_some() {
                    has_more = true;
                }
                Ok(Rows { rows, has_more })
            }
        }
        deserializer.deserialize_seq(RowVisitor)
    }
}

fn rows(monitor: Monitor, body: &[u8]) -> Result<Rows<'_>, MonitorError> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(first, Some(b'[' | b'{')) {
        return Err(MonitorError::NotJson { monitor });
    }
    serde_json::from_slice(body)
        .map_err(|error| MonitorError::Malformed { monitor, reason: printable(&error.to_string()) })
}

/// A number, or the same as text: public answers have both.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Number(number) => number.to_string(),
        Written::Text(text) => text,
    };
    // It becomes part of a URL.
    let is_plain =
        !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { Ok(text) } else { Err(serde::de::Error::custom("not a number")) }
}

/// RFC 3339, or the same without a zone, which then is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

/// The dates of a certificate, which are whole seconds and in order.
fn dates(not_before: &str, not_after: &str) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = (moment(not_before)?, moment(not_after)?);
    let is_whole = from.millis() % 1000 == 0 && to.millis() % 1000 == 0;
    (from <= to && is_whole).then_some((from, to))
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
