//! What is kept: `storage.local` for what outlives the browser, `storage.session` for what must not.
//!
//! | key | content |
//! |---|---|
//! | `pins` | the site records, in the format of the export (`doorlight::pins`) |
//! | `settings` | [`Settings`] |
//! | `journal` | a list of [`Entry`] |
//! | `intermediates` | certificates in base64 DER, to complete chains that come without |
//! | `audits` | an [`Audited`] for each address |
//! | `watch ADDRESS` | what was issued for a name (`doorlight::watch`); read when it is needed |
//! | `heads` | what was seen of each log (`doorlight::ct::heads`); the same |
//! | `fetched_log_list` | a list of logs whose signature was found good |
//! | `homes` | an [`Asked`] for each address |
//! | `token ADDRESS` (both) | the token that its home may be asked with: kept in the session, or for longer where the user chose so |
//! | `seed` | spreads the hours of the audits |
//! | `kept_aside` | values that could not be read, as they were |
//! | `standings` (session) | a [`Standing`] for each address |
//! | `started` (session) | that this session has begun |
//! | `written` (both) | who wrote last, so that a second background notices |
//!
//! Each value is one string of JSON, so that the browser writes it whole or not at all. What cannot be read is never overwritten before it is kept
//! aside, and pins that cannot be read are never taken for none.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use doorlight::address::Address;
use doorlight::certificate::Certificate;
use doorlight::ct::heads::Heads;
use doorlight::ct::log_list::renewal::Fetched;
use doorlight::pins::{Pins, PinsError};
use doorlight::time::Timestamp;
use doorlight::watch::WatchRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::{self, ApiError};
use crate::audit::Audited;
use crate::home::Asked;
use crate::journal::Entry;
use crate::settings::{self, Settings};
use crate::standing::Standing;

/// The most intermediates that are kept; the oldest go first.
const MAX_INTERMEDIATES: usize = 32;
/// The most values that are kept aside; the newest are refused beyond that, and stay where they are.
const MAX_KEPT_ASIDE: usize = 16;

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
    pub audits: BTreeMap<Address, Audited>,
    /// What the homes said.
    pub homes: BTreeMap<Address, Asked>,
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
        let fetched_log_list = match read(all, "fetched_log_list") {
            Read::Value(fetched) => Some(fetched),
            Read::Absent | Read::Unreadable => None,
        };
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
const KEYS: [&str; 8] =
    ["pins", "settings", "journal", "intermediates", "audits", "homes", "fetched_log_list", "kept_aside"];

enum Read<T> {
    Value(T),
    Absent,
    Unreadable,
}

fn read<T: DeserializeOwned>(all: &Value, key: &str) -> Read<T> {
    match all.get(key) {
        None => Read::Absent,
        Some(Value::String(json)) => serde_json::from_str(json).map_or(Read::Unreadable, Read::Value),
        Some(_) => Read::Unreadable,
    }
}

fn written<T: Serialize>(value: &T) -> String {
    // Serialising plain structs with text keys to a string does not fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads everything that outlives the browser.
pub async fn load() -> Result<Kept, ApiError> {
    Ok(Kept::read(&api::local_get(&KEYS).await?))
}

thread_local! {
    /// Who writes, and how often so far: in Chromium a private window has a background of its own, over the same storage.
    static STAMP: RefCell<(String, u64)> = RefCell::new((random(), 0));
}

#[wasm_bindgen::prelude::wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["globalThis", "crypto"], js_name = randomUUID)]
    fn random() -> String;
}

/// A new stamp for something that is written.
fn stamp() -> String {
    STAMP.with_borrow_mut(|(own, count)| {
        *count += 1;
        format!("{own} {count}")
    })
}

/// True for a stamp of this background.
pub fn is_own(stamp: &str) -> bool {
    STAMP.with_borrow(|(own, _)| stamp.split(' ').next() == Some(own))
}

/// Keeps the site records.
pub async fn save_pins(pins: &Pins) -> Result<(), ApiError> {
    api::local_set(json!({"pins": pins.to_json(), "written": stamp()})).await
}

/// Keeps the settings.
pub async fn save_settings(settings: &Settings) -> Result<(), ApiError> {
    api::local_set(json!({"settings": written(settings), "written": stamp()})).await
}

/// Keeps the journal.
pub async fn save_journal(journal: &Vec<Entry>) -> Result<(), ApiError> {
    api::local_set(json!({"journal": written(journal)})).await
}

/// Keeps the intermediates.
pub async fn save_intermediates(intermediates: &[Certificate]) -> Result<(), ApiError> {
    let ders: Vec<_> = intermediates.iter().map(|one| Base64::encode_string(one.der())).collect();
    api::local_set(json!({"intermediates": written(&ders)})).await
}

/// Keeps an unreadable value aside, in one step with what takes its place.
pub async fn keep_aside(key: &str, replacement: String, at: Timestamp) -> Result<(), ApiError> {
    let all = api::local_all().await?;
    let mut aside = all.get("kept_aside").and_then(Value::as_array).cloned().unwrap_or_default();
    if aside.len() >= MAX_KEPT_ASIDE {
        return Err(ApiError { call: "keep_aside", reason: "too many values are kept aside".into() });
    }
    aside.push(json!({"key": key, "at": at.to_string(), "value": all.get(key)}));
    api::local_set(json!({"kept_aside": aside, key: replacement, "written": stamp()})).await
}

/// Keeps what the audits found about an address, `None` for nothing any more. What another background knows of other addresses stays.
pub async fn save_audited(address: &Address, audited: Option<&Audited>) -> Result<(), ApiError> {
    let all = api::local_get(&["audits"]).await?;
    let audits = with_audited(&all, address, audited);
    api::local_set(json!({"audits": audits, "written": stamp()})).await
}

/// What `all` holds of audits, with what was found about one address in the place of what was there. Pure.
fn with_audited(all: &Value, address: &Address, audited: Option<&Audited>) -> String {
    let mut audits: BTreeMap<Address, Audited> = match read(all, "audits") {
        Read::Value(audits) => audits,
        Read::Absent | Read::Unreadable => BTreeMap::new(),
    };
    match audited {
        Some(audited) => audits.insert(address.clone(), audited.clone()),
        None => audits.remove(address),
    };
    written(&audits)
}

/// Keeps what the homes said.
pub async fn save_homes(homes: &BTreeMap<Address, Asked>) -> Result<(), ApiError> {
    api::local_set(json!({"homes": written(homes), "written": stamp()})).await
}

fn token_key(address: &Address) -> String {
    format!("token {address}")
}

/// The token of a home, wherever it is.
pub async fn load_token(address: &Address) -> Option<String> {
    let key = token_key(address);
    let found = |value: Value| value.as_str().map(ToOwned::to_owned);
    match api::session_get(&key).await.ok().and_then(found) {
        Some(token) => Some(token),
        None => found(api::local_get(&[&key]).await.ok()?.get(&key)?.clone()),
    }
}

/// Keeps the token of a home, for this session or for longer. It is in one place only.
pub async fn save_token(address: &Address, token: &str, is_kept: bool) -> Result<(), ApiError> {
    let key = token_key(address);
    let entry = json!({&key: token});
    // Written before the other is removed: a worker that is killed in between loses nothing.
    if is_kept {
        api::local_set(entry).await?;
        api::session_remove(&key).await
    } else {
        api::session_set(entry).await?;
        api::local_remove(&key).await
    }
}

/// Forgets the token of a home.
pub async fn forget_token(address: &Address) -> Result<(), ApiError> {
    let key = token_key(address);
    // One that cannot be reached keeps nobody from the other.
    let in_session = api::session_remove(&key).await;
    api::local_remove(&key).await.and(in_session)
}

/// Keeps a list of logs that was fetched.
pub async fn save_fetched_log_list(fetched: &Fetched) -> Result<(), ApiError> {
    api::local_set(json!({"fetched_log_list": written(fetched)})).await
}

/// Reads one value. One that cannot be read is kept aside, and `empty` takes its place.
async fn load_one<T>(
    key: &str,
    at: Timestamp,
    read: impl Fn(&str) -> Option<T>,
    empty: impl Fn() -> (T, String),
) -> Result<T, ApiError> {
    let all = api::local_get(&[key]).await?;
    let (new, json) = empty();
    match all.get(key) {
        None => Ok(new),
        Some(value) => match value.as_str().and_then(read) {
            Some(found) => Ok(found),
            None => keep_aside(key, json, at).await.map(|()| new),
        },
    }
}

fn watch_key(address: &Address) -> String {
    format!("watch {address}")
}

/// Reads what was issued for the name of an address.
pub async fn load_watch(address: &Address, at: Timestamp) -> Result<WatchRecord, ApiError> {
    let read =
        |json: &str| WatchRecord::from_json(json.as_bytes()).ok().filter(|watch| watch.address == *address);
    let empty = || {
        let watch = WatchRecord::new(address.clone(), at);
        let json = watch.to_json();
        (watch, json)
    };
    load_one(&watch_key(address), at, read, empty).await
}

/// Keeps it.
pub async fn save_watch(watch: &WatchRecord) -> Result<(), ApiError> {
    api::local_set(json!({watch_key(&watch.address): watch.to_json()})).await
}

/// Forgets it.
pub async fn forget_watch(address: &Address) -> Result<(), ApiError> {
    api::local_remove(&watch_key(address)).await
}

/// Reads what was seen of each log.
pub async fn load_heads(at: Timestamp) -> Result<Heads, ApiError> {
    let read = |json: &str| Heads::from_json(json.as_bytes()).ok();
    load_one("heads", at, read, || (Heads::default(), Heads::default().to_json())).await
}

/// Keeps it.
pub async fn save_heads(heads: &Heads) -> Result<(), ApiError> {
    api::local_set(json!({"heads": heads.to_json()})).await
}

/// A number of this installation's own, by which its audits are spread over the hours.
pub async fn seed() -> Result<u64, ApiError> {
    let known = api::local_get(&["seed"]).await?;
    if let Some(seed) = known.get("seed").and_then(Value::as_str).and_then(|text| text.parse().ok()) {
        return Ok(seed);
    }
    // 60 bits of it are random (RFC 9562 section 5.4).
    let digits: String = random().chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let seed = u64::from_str_radix(&digits, 16).unwrap_or(0);
    api::local_set(json!({"seed": seed.to_string()})).await?;
    Ok(seed)
}

/// The settings and the journal as they are written.
pub fn written_settings(settings: &Settings) -> String {
    written(settings)
}

/// Reads the standings of this session. What cannot be read counts as nothing known: every gate is shut.
pub async fn load_standings() -> BTreeMap<Address, Standing> {
    let kept = api::session_get("standings").await.unwrap_or(Value::Null);
    kept.as_str().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// True once in a session of the browser: after its start, and after the extension was installed, updated or switched on.
pub async fn is_first_start() -> bool {
    let is_first = api::session_get("started").await.is_ok_and(|known| known.is_null());
    is_first && api::session_set(json!({"started": true})).await.is_ok()
}

/// Keeps the standings for this session.
pub async fn save_standings(standings: &BTreeMap<Address, Standing>) -> Result<(), ApiError> {
    api::session_set(json!({"standings": written(standings), "written": stamp()})).await
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let standings = BTreeMap::from([(address, Standing::default())]);
        assert_eq!(
            serde_json::from_str::<BTreeMap<Address, Standing>>(&written(&standings)).expect("JSON"),
            standings
        );
    }

    /// A private window's background, or the other one, has written meanwhile.
    #[test]
    fn only_ones_own_audit_is_overwritten() {
        let [one, two]: [Address; 2] = ["one.test", "two.test"].map(|text| text.parse().expect("an address"));
        let due = |at| Audited { due: Some(Timestamp::from_secs(at)), ..Audited::default() };
        let keep = |all: Value, address, audited: Option<&Audited>| json!({"audits": with_audited(&all, address, audited)});
        let both = keep(keep(json!({}), &one, Some(&due(1))), &two, Some(&due(2)));
        let after = Kept::read(&keep(both.clone(), &one, Some(&due(3)))).audits;
        assert_eq!(after, BTreeMap::from([(one.clone(), due(3)), (two.clone(), due(2))]));
        assert_eq!(Kept::read(&keep(both, &one, None)).audits, BTreeMap::from([(two, due(2))]));
    }

    #[test]
    fn damage_is_never_taken_for_nothing() {
        for damaged in [json!(""), json!("{"), json!({}), json!(null), json!([1]), json!("{\"schema\":9}")] {
            let kept = Kept::read(&json!({"pins": damaged, "settings": damaged, "journal": damaged}));
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
