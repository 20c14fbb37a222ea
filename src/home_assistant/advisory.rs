//! What is known to be wrong with versions of Home Assistant: a dated table
//! (`data/advisories.json`), and a version judged by it.
//!
//! ```json
//! {"schema": 1, "kind": "doorlight-advisories", "published": "2026-11-22T00:00:00Z", "source": "…",
//!  "blocked_up_to": "2021.1.4", "blocked_link": "https://…",
//!  "advisories": [{"ids": ["CVE-…", "GHSA-…"], "severity": "high", "title": "…",
//!                  "affected": [{"from": "2025.1.0", "before": "2025.10.2"}], "link": "https://…", "published": "2025-10-14T00:00:00Z"}]}
//! ```
//!
//! `from` is missing where every earlier version is affected, `before` where nothing mends it yet.
//! Nabu Casa shuts the remote address of versions up to `blocked_up_to`; the owner may open it
//! again, until an insecurity is found that was not known then.
//!
//! A table that is older than the one at hand is refused, so that nobody can make a hole forgotten
//! by handing in last year's.

pub mod pypi;

use serde::{Deserialize, Serialize};

use crate::home_assistant::version::Version;
use crate::text::printable;
use crate::time::{CLOCK_SKEW, DAY, Timestamp};
use crate::url::Url;
use crate::versioned::{Field, Format, from_unreadable};

/// The version of the format that is written.
pub const SCHEMA: u32 = 1;
/// The largest table that is read, in bytes.
pub const MAX_TABLE: usize = 1 << 20;
/// The most advisories of a table.
pub const MAX_ADVISORIES: usize = 1000;
/// The longest title and link, in characters.
pub const MAX_TEXT: usize = 240;
/// How old a table may be before the lack of an advisory in it says nothing any more.
pub const TABLE_AGE: core::time::Duration = core::time::Duration::from_secs(180 * DAY.as_secs());

const KIND: &str = "doorlight-advisories";
/// The most names of one advisory, and the most ranges.
const MAX_PARTS: usize = 16;

/// How bad it is, as its publisher says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Needs much luck, or does little.
    Low,
    /// Does harm under conditions.
    Medium,
    /// Does much harm, or needs little.
    High,
    /// Hands over the home.
    Critical,
}

impl Severity {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Versions one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first that is affected; all earlier ones too where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// The first that is not; none where nothing mends it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Version>,
}

impl Range {
    /// A beta of the version that brought a weakness has it; a beta of the version that mended it
    /// may have it still. In doubt a version is affected.
    pub fn contains(&self, version: &Version) -> bool {
        self.from.is_none_or(|from| version.release() >= from)
            && self.before.is_none_or(|before| *version < before)
    }
}

/// One published weakness.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// Its names (CVE, GHSA, PYSEC), the best known first.
    pub ids: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in plain words.
    pub title: String,
    /// Which versions have it.
    pub affected: Vec<Range>,
    /// Where to read about it.
    pub link: String,
    /// When it was published.
    pub published: Timestamp,
}

impl Advisory {
    /// Its best known name.
    pub fn id(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }

    /// True where one of its ranges holds the version.
    pub fn affects(&self, version: &Version) -> bool {
        self.affected.iter().any(|range| range.contains(version))
    }
}

const FORMAT: Format =
    Format { field: Field::Schema, kind: Some(KIND), newest: SCHEMA, max_bytes: MAX_TABLE };

/// The table cannot be used. It is never taken for one that knows of nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdvisoryError {
    /// Over [`MAX_TABLE`].
    #[error("larger than {MAX_TABLE} bytes: not a table of advisories")]
    TooLarge,
    /// Not JSON of this form.
    #[error("not a table of advisories: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// From a version that is newer than this one.
    #[error(
        "written for a newer version of Doorlight (schema {schema}; this version reads {SCHEMA})"
    )]
    NewerSchema {
        /// The schema it names.
        schema: u32,
    },
    /// More entries than [`MAX_ADVISORIES`], or more names or ranges for one than are ever written.
    #[error("more entries than are ever written")]
    TooMany,
    /// One advisory contradicts itself.
    #[error("the entry {id}: {reason}")]
    Entry {
        /// Which one, safe to show.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Older than the one at hand.
    #[error("published on {published}, older than the one at hand of {at_hand}")]
    Older {
        /// Its date.
        published: Timestamp,
        /// The other's date.
        at_hand: Timestamp,
    },
    /// Dated later than now: it would keep every true one away.
    #[error("dated {published}, which is in the future")]
    FromTheFuture {
        /// Its date.
        published: Timestamp,
    },
}

from_unreadable!(AdvisoryError, NewerSchema { schema });

impl AdvisoryError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "advisories-too-large",
            Self::Malformed { .. } => "advisories-malformed",
            Self::NewerSchema { .. } => "advisories-newer-schema",
            Self::TooMany => "advisories-too-many",
            Self::Entry { .. } => "advisories-entry",
            Self::Older { .. } => "advisories-older",
            Self::FromTheFuture { .. } => "advisories-from-the-future",
        }
    }
}

/// The table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Advisories {
    schema: u32,
    kind: &'static str,
    /// When it was put together.
    pub published: Timestamp,
    /// From what.
    pub source: String,
    /// The last version whose remote address Nabu Casa shuts.
    pub blocked_up_to: Version,
    /// Where Nabu Casa says so.
    pub blocked_link: String,
    /// What is known, the newest first.
    pub advisories: Vec<Advisory>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadTable {
    #[serde(rename = "schema")]
    _schema: u32,
    #[serde(rename = "kind")]
    _kind: String,
    published: Timestamp,
    source: String,
    blocked_up_to: Version,
    blocked_link: String,
    advisories: Vec<Advisory>,
}

/// What a version is worth in the light of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// True where Nabu Casa shuts its remote address.
    pub blocked: bool,
    /// What is known to be wrong with it, the worst first.
    pub advisories: Vec<Advisory>,
    /// From when on it is more than two years old: unsupported where that is past.
    pub unsupported_since: Timestamp,
}

impl Advisories {
    /// Reads a table. Everything in it is safe to show afterwards.
    ///
    /// # Errors
    /// [`AdvisoryError`].
    pub fn parse(json: &[u8]) -> Result<Self, AdvisoryError> {
        let read: ReadTable = FORMAT.read(json)?;
        if read.advisories.len() > MAX_ADVISORIES {
            return Err(AdvisoryError::TooMany);
        }
        if !is_plain(&read.source) || !is_link(&read.blocked_link) {
            return Err(AdvisoryError::Malformed {
                reason: "its source or link is no plain text".into(),
            });
        }
        let mut ids = std::collections::BTreeSet::new();
        for one in &read.advisories {
            check(one)?;
            if let Some(twice) = one.ids.iter().find(|id| !ids.insert(id.as_str())) {
                return Err(AdvisoryError::Entry {
                    id: printable(twice),
                    reason: "stands in it twice",
                });
            }
        }
        let ReadTable { published, source, blocked_up_to, blocked_link, advisories, .. } = read;
        Ok(Self {
            schema: SCHEMA,
            kind: KIND,
            published,
            source,
            blocked_up_to,
            blocked_link,
            advisories,
        })
    }

    /// The table that comes with Doorlight.
    ///
    /// # Errors
    /// None: the tests read it.
    pub fn shipped() -> Result<Self, AdvisoryError> {
        Self::parse(include_bytes!("../../data/advisories.json"))
    }

    /// Reads a table that is to take the place of this one.
    ///
    /// # Errors
    /// [`AdvisoryError`], among them `Older` and `FromTheFuture`.
    pub fn renew(&self, json: &[u8], now: Timestamp) -> Result<Self, AdvisoryError> {
        let next = Self::parse(json)?;
        if next.published < self.published {
            return Err(AdvisoryError::Older {
                published: next.published,
                at_hand: self.published,
            });
        }
        if next.published > now.plus(CLOCK_SKEW) {
            return Err(AdvisoryError::FromTheFuture { published: next.published });
        }
        Ok(next)
    }

    /// The table as it stands in files.
    pub fn to_json(&self) -> String {
        // Serialising plain structs with text keys to a string does not fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// True where too much may have been published since.
    pub fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.published) > TABLE_AGE
    }

    /// What the version is worth.
    pub fn judge(&self, version: &Version) -> Standing {
        let mut advisories: Vec<_> =
            self.advisories.iter().filter(|one| one.affects(version)).cloned().collect();
        advisories.sort_by_key(|one| core::cmp::Reverse((one.severity, one.published)));
        Standing {
            blocked: *version <= self.blocked_up_to,
            advisories,
            unsupported_since: version.unsupported_since(),
        }
    }
}

fn check(advisory: &Advisory) -> Result<(), AdvisoryError> {
    let Advisory { ids, title, affected, link, .. } = advisory;
    if ids.len() > MAX_PARTS || affected.len() > MAX_PARTS {
        return Err(AdvisoryError::TooMany);
    }
    let wrong = |reason| Err(AdvisoryError::Entry { id: printable(advisory.id()), reason });
    if ids.is_empty() || !ids.iter().all(|id| is_id(id)) {
        return wrong("its name is none of CVE, GHSA or the like");
    }
    if !is_plain(title) {
        return wrong("its title is no plain text");
    }
    if !is_link(link) {
        return wrong("its link is not https");
    }
    let is_empty = |range: &Range| matches!((range.from, range.before), (Some(from), Some(before)) if from >= before);
    if affected.is_empty() || affected.iter().any(is_empty) {
        return wrong("it affects nothing");
    }
    Ok(())
}

fn is_id(text: &str) -> bool {
    text.len() <= 40
        && text.contains('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= MAX_TEXT
        && printable(text) == text
        && !text.contains(['<', '>'])
}

fn is_link(text: &str) -> bool {
    let is_harmless =
        |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\' | '@');
    text.len() <= MAX_TEXT
        && Url::split(text).is_some_and(|url| {
            url.scheme == "https" && url.authority.parse::<crate::address::Host>().is_ok()
        })
        && text.chars().all(is_harmless)
}

#[cfg(test)]
mod tests;
