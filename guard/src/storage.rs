//! The schema of what is stored: how each value is read, and what an unreadable one counts as.
//!
//! Each value is one string of JSON, so that a browser writes it whole or not at all. What can't be
//! read is never overwritten before it was kept aside; unreadable pins never count as no pins, and
//! unreadable settings count as the strict ones.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use doorlight::address::Address;
use doorlight::ct::log_list::renewal::Fetched;
use doorlight::site::pins::{Pins, PinsError};
use doorlight::x509::certificate::Certificate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::audit::AuditState;
use crate::home::HomeState;
use crate::journal::Entry;
use crate::settings::{self, Settings};

/// The most intermediates that are kept; the oldest go first.
const MAX_INTERMEDIATES: usize = 32;
/// What was kept, read.
#[derive(Debug)]
pub struct Kept {
    /// The site records, or why they cannot be read.
    pub pins: Result<Pins, PinsError>,
    /// The settings.
    pub settings: Settings,
    /// What happened.
    pub journal: Vec<Entry>,
    /// Intermediates seen before.
    pub intermediates: Vec<Certificate>,
    /// What the audits found.
    pub audits: BTreeMap<Address, AuditState>,
    /// What the homes said.
    pub homes: BTreeMap<Address, HomeState>,
    /// The list of logs that was fetched last.
    pub fetched_log_list: Option<Fetched>,
    /// How many values are kept aside.
    pub kept_aside: usize,
    /// The keys whose values could not be read.
    pub unreadable: Vec<&'static str>,
}

impl Kept {
    /// Reads what `storage.local` holds. Pure.
    pub fn read(all: &Value) -> Self {
        let mut unreadable = Vec::new();
        let pins = match all.get("pins") {
            None => Ok(Pins::default()),
            Some(Value::String(json)) => Pins::from_json(json.as_bytes()),
            Some(_) => Err(PinsError::Malformed { reason: "not a string".into() }),
        };
        if pins.is_err() {
            unreadable.push("pins");
        }
        // Settings that cannot be read may have asked for more than the defaults do.
        let strict = || Settings { requires_ct: true, requires_proof: true, ..Settings::default() };
        let settings = match read::<Settings>(all, "settings") {
            Read::Value(settings) if settings.schema <= settings::SCHEMA => settings,
            Read::Absent => Settings::default(),
            Read::Value(_) | Read::Unreadable => {
                unreadable.push("settings");
                strict()
            }
        };
        let journal = match read(all, "journal") {
            Read::Value(journal) => journal,
            Read::Absent => Vec::new(),
            Read::Unreadable => {
                unreadable.push("journal");
                Vec::new()
            }
        };
        let intermediates: Vec<String> = match read(all, "intermediates") {
            Read::Value(intermediates) => intermediates,
            // They come again with the next chain.
            Read::Absent | Read::Unreadable => Vec::new(),
        };
        let intermediates = intermediates
            .iter()
            .filter_map(|one| Certificate::from_der(&Base64::decode_vec(one).ok()?).ok())
            .collect();
        // They are made again by the next audit.
        let audits = match read(all, "audits") {
            Read::Value(audits) => audits,
            Read::Absent | Read::Unreadable => BTreeMap::new(),
        };
        // They are asked again. What the home said of its certificate is with the pins.
        let homes = match read(all, "homes") {
            Read::Value(homes) => homes,
            Read::Absent | Read::Unreadable => BTreeMap::new(),
        };
        // It is fetched again.
        let fetched_log_list = all.get("fetched_log_list").and_then(Value::as_str);
        let fetched_log_list =
            fetched_log_list.and_then(|json| Fetched::from_json(json.as_bytes()).ok());
        let kept_aside = all.get("kept_aside").and_then(Value::as_array).map_or(0, Vec::len);
        Self {
            pins,
            settings,
            journal,
            intermediates,
            audits,
            homes,
            fetched_log_list,
            kept_aside,
            unreadable,
        }
    }

    /// Adds intermediates that a good chain came with. True where there was a new one.
    pub fn add_intermediates(&mut self, others: &[Certificate]) -> bool {
        let before = self.intermediates.len();
        for one in others.iter().filter(|one| one.is_ca() && !one.is_self_issued()) {
            if self.intermediates.iter().all(|known| known.der() != one.der()) {
                self.intermediates.push(one.clone());
            }
        }
        let has_new = self.intermediates.len() > before;
        self.intermediates.drain(..self.intermediates.len().saturating_sub(MAX_INTERMEDIATES));
        has_new
    }
}

/// What is read at every start.
pub const KEYS: [&str; 9] = [
    "pins",
    "pins_written",
    "settings",
    "journal",
    "intermediates",
    "audits",
    "homes",
    "fetched_log_list",
    "kept_aside",
];

enum Read<T> {
    Value(T),
    Absent,
    Unreadable,
}

fn read<T: DeserializeOwned>(all: &Value, key: &str) -> Read<T> {
    match all.get(key) {
        None => Read::Absent,
        Some(Value::String(json)) => {
            serde_json::from_str(json).map_or(Read::Unreadable, Read::Value)
        }
        Some(_) => Read::Unreadable,
    }
}

/// A value as it is stored.
pub fn written<T: Serialize>(value: &T) -> String {
    // Serialising plain structs with text keys to a string does not fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// What `all` holds of audits, with what was found about one address in the place of what was
/// there. Pure.
pub fn with_audited(all: &Value, address: &Address, audited: Option<&AuditState>) -> String {
    let mut audits: BTreeMap<Address, AuditState> = match read(all, "audits") {
        Read::Value(audits) => audits,
        Read::Absent | Read::Unreadable => BTreeMap::new(),
    };
    match audited {
        Some(audited) => audits.insert(address.clone(), audited.clone()),
        None => audits.remove(address),
    };
    written(&audits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorlight::time::Timestamp;
    use serde_json::json;

    #[test]
    fn nothing_kept_is_empty() {
        let kept = Kept::read(&json!({}));
        assert_eq!(kept.pins, Ok(Pins::default()));
        assert!(kept.unreadable.is_empty());
    }

    #[test]
    fn what_is_kept_is_read() {
        let mut pins = Pins::default();
        let address: Address = "home.example:8443".parse().expect("an address");
        pins.site_mut(&address);
        let settings = Settings { reuse_minutes: 3, ..Settings::default() };
        let kept = Kept::read(&json!({"pins": pins.to_json(), "settings": written(&settings)}));
        assert_eq!(kept.pins, Ok(pins));
        assert_eq!(kept.settings, settings);
    }

    /// A private window's background, or the other one, has written meanwhile.
    #[test]
    fn only_ones_own_audit_is_overwritten() {
        let [one, two]: [Address; 2] =
            ["one.test", "two.test"].map(|text| text.parse().expect("an address"));
        let due = |at| AuditState { due: Some(Timestamp::from_secs(at)), ..AuditState::default() };
        let keep = |all: Value, address, audited: Option<&AuditState>| json!({"audits": with_audited(&all, address, audited)});
        let both = keep(keep(json!({}), &one, Some(&due(1))), &two, Some(&due(2)));
        let after = Kept::read(&keep(both.clone(), &one, Some(&due(3)))).audits;
        assert_eq!(after, BTreeMap::from([(one.clone(), due(3)), (two.clone(), due(2))]));
        assert_eq!(Kept::read(&keep(both, &one, None)).audits, BTreeMap::from([(two, due(2))]));
    }

    #[test]
    fn damage_is_never_taken_for_nothing() {
        for damaged in
            [json!(""), json!("{"), json!({}), json!(null), json!([1]), json!("{\"schema\":9}")]
        {
            let kept =
                Kept::read(&json!({"pins": damaged, "settings": damaged, "journal": damaged}));
            assert!(kept.pins.is_err(), "{damaged}");
            assert!(kept.unreadable.contains(&"pins"), "{damaged}");
            if damaged != json!("{}") {
                assert!(kept.settings.requires_ct && kept.settings.requires_proof, "{damaged}");
                assert!(kept.unreadable.contains(&"settings"), "{damaged}");
            }
        }
    }

    #[test]
    fn settings_of_a_newer_version_are_not_overwritten_by_guesses() {
        let kept = Kept::read(&json!({"settings": "{\"schema\":2,\"reuse_minutes\":600}"}));
        assert_eq!(kept.unreadable, ["settings"]);
        assert_eq!(kept.settings.reuse_minutes, Settings::default().reuse_minutes);
    }
}
