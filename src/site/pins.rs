//! Site records as one JSON file, the same on the command line, in both browsers and on the web
//! page.
//!
//! ```json
//! {"schema": 1, "kind": "doorlight-pins", "sites": [{"address": "…", "key_habit": "keeps", "pins": […], …}]}
//! ```
//!
//! Times are RFC 3339, fingerprints lower-case hex. The file holds no secret, and tells whose
//! addresses it is about.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::home_assistant::conversation::MAX_NAMES;
use crate::site::{MAX_HISTORY, MAX_PINS, SiteRecord};
use crate::versioned::{Field, Format, from_unreadable};

/// The version of the format that is written.
pub const SCHEMA: u32 = 1;
/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 8 << 20;
/// The most addresses in one file.
pub const MAX_SITES: usize = 1000;

const KIND: &str = "doorlight-pins";
const FORMAT: Format =
    Format { field: Field::Schema, kind: Some(KIND), newest: SCHEMA, max_bytes: MAX_FILE };

/// The file cannot be read. It is never taken for an empty one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinsError {
    /// Over [`MAX_FILE`].
    #[error("larger than {MAX_FILE} bytes: not an export of pins")]
    TooLarge,
    /// Not JSON of this form.
    #[error("not an export of pins: {reason}")]
    Malformed {
        /// What the JSON reader objected to.
        reason: String,
    },
    /// From a version that is newer than this one.
    #[error(
        "written by a newer version of Doorlight (schema {schema}; this version reads {SCHEMA})"
    )]
    NewerSchema {
        /// The schema it names.
        schema: u32,
    },
    /// More than [`MAX_SITES`] addresses, or more entries for one than are ever written.
    #[error("more entries than are ever written")]
    TooMany,
    /// One address stands twice, and which is meant cannot be told.
    #[error("{address} stands in it twice")]
    Duplicate {
        /// Which one.
        address: String,
    },
}

from_unreadable!(PinsError, NewerSchema { schema });

impl PinsError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "pins-too-large",
            Self::Malformed { .. } => "pins-malformed",
            Self::NewerSchema { .. } => "pins-newer-schema",
            Self::TooMany => "pins-too-many",
            Self::Duplicate { .. } => "pins-duplicate",
        }
    }
}

/// Any number of site records.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Pins {
    sites: Vec<SiteRecord>,
}

#[derive(Deserialize)]
struct ReadFile {
    sites: Vec<SiteRecord>,
}

#[derive(Serialize)]
struct WrittenFile<'a> {
    schema: u32,
    kind: &'static str,
    sites: &'a [SiteRecord],
}

impl Pins {
    /// Reads a file.
    ///
    /// # Errors
    /// [`PinsError`].
    pub fn from_json(json: &[u8]) -> Result<Self, PinsError> {
        let ReadFile { sites } = FORMAT.read(json)?;
        let is_too_much = |site: &SiteRecord| {
            site.pins.len() > MAX_PINS
                || site.entered.len() > MAX_PINS
                || site.home.as_ref().is_some_and(|word| word.names.len() > MAX_NAMES + 1)
                || site.seen.len() > MAX_HISTORY
                || site.history.len() > MAX_HISTORY
        };
        if sites.len() > MAX_SITES || sites.iter().any(is_too_much) {
            return Err(PinsError::TooMany);
        }
        let mut addresses = std::collections::BTreeSet::new();
        for site in &sites {
            if !addresses.insert(&site.address) {
                return Err(PinsError::Duplicate { address: site.address.to_string() });
            }
        }
        Ok(Self { sites })
    }

    /// Writes a file, one address after the other, for people to read.
    pub fn to_json(&self) -> String {
        let file = WrittenFile { schema: SCHEMA, kind: KIND, sites: &self.sites };
        // Serialising plain structs with text keys to a string does not fail.
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// The records.
    pub fn sites(&self) -> &[SiteRecord] {
        &self.sites
    }

    /// The record of an address.
    pub fn site(&self, address: &Address) -> Option<&SiteRecord> {
        self.sites.iter().find(|site| site.address == *address)
    }

    /// The record of an address, made where there is none.
    pub fn site_mut(&mut self, address: &Address) -> &mut SiteRecord {
        let index = match self.sites.iter().position(|site| site.address == *address) {
            Some(index) => index,
            None => {
                self.sites.push(SiteRecord::new(address.clone()));
                self.sites.len() - 1
            }
        };
        #[expect(clippy::indexing_slicing, reason = "the index was found or made just now")]
        &mut self.sites[index]
    }

    /// The record of an address, to change it; none is made.
    pub fn known_mut(&mut self, address: &Address) -> Option<&mut SiteRecord> {
        self.sites.iter_mut().find(|site| site.address == *address)
    }

    /// Takes a record away; false where there was none.
    pub fn remove(&mut self, address: &Address) -> bool {
        let before = self.sites.len();
        self.sites.retain(|site| site.address != *address);
        self.sites.len() < before
    }

    /// Takes over everything from `other` that there is room for; see [`SiteRecord::merge`].
    pub fn merge(&mut self, other: Self) {
        for site in other.sites {
            let has_room = self.sites.len() < MAX_SITES;
            match self.sites.iter_mut().find(|known| known.address == site.address) {
                Some(known) => known.merge(site),
                None if has_room => self.sites.push(SiteRecord { home_account: None, ..site }),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Origin;
    use crate::time::Timestamp;
    use crate::x509::fingerprint::SpkiSha256;

    fn sample() -> Pins {
        let mut pins = Pins::default();
        let at = Timestamp::from_secs(1_795_000_000);
        let site = pins.site_mut(&"abc.ui.nabu.casa".parse().unwrap());
        site.pin(SpkiSha256::of(b"key"), Origin::Home, at);
        site.enter("a9993e364706816aba3e25717850c26c9cd0d89d".parse().unwrap(), at);
        pins.site_mut(&"home.example:8443".parse().unwrap()).pin(
            SpkiSha256::of(b"other"),
            Origin::Seen,
            at,
        );
        pins
    }

    #[test]
    fn what_is_written_is_read() {
        let pins = sample();
        assert_eq!(Pins::from_json(pins.to_json().as_bytes()), Ok(pins));
    }

    #[test]
    fn importing_loses_nothing_and_doubles_nothing() {
        let pins = sample();
        let mut merged = pins.clone();
        merged.merge(pins.clone());
        assert_eq!(merged, pins);
        let mut empty = Pins::default();
        empty.merge(pins.clone());
        assert_eq!(empty, pins);
    }

    #[test]
    fn a_better_origin_wins() {
        let mut pins = sample();
        let mut other = sample();
        let address = "home.example:8443".parse().unwrap();
        other.site_mut(&address).pins[0].origin = Origin::Home;
        pins.merge(other);
        assert_eq!(pins.site(&address).unwrap().pins[0].origin, Origin::Home);
    }

    #[test]
    fn what_is_no_export_is_never_taken_for_an_empty_one() {
        for (json, code) in [
            ("", "pins-malformed"),
            ("{}", "pins-malformed"),
            ("[]", "pins-malformed"),
            (r#"{"schema":1,"kind":"doorlight-pins"}"#, "pins-malformed"),
            (r#"{"schema":1,"kind":"other","sites":[]}"#, "pins-malformed"),
            (r#"{"schema":2,"kind":"doorlight-pins","new":true}"#, "pins-newer-schema"),
        ] {
            assert_eq!(Pins::from_json(json.as_bytes()).unwrap_err().code(), code, "{json}");
        }
        let twice = sample().to_json().replace("home.example:8443", "abc.ui.nabu.casa");
        assert_eq!(Pins::from_json(twice.as_bytes()).unwrap_err().code(), "pins-duplicate");
        let newline = sample().to_json().replace("abc.ui.nabu.casa", "a b");
        assert_eq!(Pins::from_json(newline.as_bytes()).unwrap_err().code(), "pins-malformed");
    }
}
