//! Lists of logs: whose keys are known, who runs them, and in which state each is.
//!
//! The format is version 3 of Google's list (`log_list.json`, `all_logs_list.json`), whose terms
//! welcome monitors and auditors and forbid enforcing CT in TLS clients: what is judged by it
//! informs here, and blocks nothing by itself. A plain array of `{log_id, key, description,
//! operator}` is read too: a set of keys, which verifies signatures and judges nothing.

use core::time::Duration;

pub mod renewal;

use base64ct::{Base64, Encoding};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::ct::sct::LogId;
use crate::text::printable;
use crate::time::{CLOCK_SKEW, DAY, Timestamp};
use crate::url::Url;
use crate::x509::signature::{Algorithm, Hash, PublicKey, SignatureCheck};

/// The largest list that is read, in bytes. The real one has 40 to 170 KB.
pub const MAX_LIST: usize = 4 << 20;

/// The longest merge delay that is believed: a list that says a year would excuse everything. Real
/// ones are a day or a minute.
const MAX_MMD: Duration = DAY;

/// The key that signs Google's list: RSA-4096, SubjectPublicKeyInfo in base64. Published with the
/// list at `www.gstatic.com/ct/log_list/v3/log_list_pubkey.pem`; the tests hold the SHA-256 of the
/// DER.
const GOOGLE_KEY: &str = include_str!("../../data/google_log_list_key.txt");

/// The list that is shipped; `./build.sh renew log-list` fetches a newer one.
pub const SHIPPED: &str = include_str!("../../data/log_list.json");

/// The list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogListError {
    /// Over [`MAX_LIST`].
    #[error("larger than {MAX_LIST} bytes: not a list of logs")]
    TooLarge,
    /// Not JSON of either form.
    #[error("not a list of logs: {reason}")]
    Malformed {
        /// What the JSON reader objected to.
        reason: String,
    },
    /// No usable log in it.
    #[error("the list names no log")]
    Empty,
}

impl LogListError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "log-list-too-large",
            Self::Malformed { .. } => "log-list-malformed",
            Self::Empty => "log-list-empty",
        }
    }
}

/// How far the list itself can be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provenance {
    /// Came with the product.
    Shipped,
    /// Signed by the pinned key, or by one that the user named.
    Signed,
    /// Handed in by the user without a signature.
    Unsigned,
}

impl Provenance {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
        }
    }
}

/// What the list says of a log, since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogState {
    /// The state.
    pub kind: StateKind,
    /// When it took effect.
    pub since: Timestamp,
}

/// The states of a log in a v3 list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateKind {
    /// Applied, not looked at yet.
    Pending,
    /// Accepted, not in wide use yet.
    Qualified,
    /// Accepted.
    Usable,
    /// Accepted; takes no new entries.
    ReadOnly,
    /// Was accepted up to a moment.
    Retired,
    /// Was never accepted, or is no longer, from the first moment on.
    Rejected,
}

impl StateKind {
    const ALL: [(&'static str, Self); 6] = [
        ("pending", Self::Pending),
        ("qualified", Self::Qualified),
        ("usable", Self::Usable),
        ("readonly", Self::ReadOnly),
        ("retired", Self::Retired),
        ("rejected", Self::Rejected),
    ];

    /// As it stands in the list.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("unknown", |(name, _)| name)
    }
}

/// One log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// SHA-256 of the key.
    pub id: LogId,
    /// The public key, SubjectPublicKeyInfo in DER.
    pub spki: Vec<u8>,
    /// Its name, safe to show.
    pub description: String,
    /// Who runs it now, safe to show.
    pub operator: String,
    /// Who ran it up to when.
    pub previous_operators: Vec<(String, Timestamp)>,
    /// Its state; `None` in sets of keys and for test logs.
    pub state: Option<LogState>,
    /// Where it is asked; `None` where the list does not say so in a way that is accepted.
    pub access: Option<Access>,
    /// The maximum merge delay: how long after an SCT the entry may be missing (RFC 6962 section
    /// 3).
    pub mmd: Duration,
}

/// Where and how a log is asked. The URLs are without a trailing slash; `https`, or `http` on
/// loopback.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Access {
    /// By the questions of RFC 6962 section 4.
    Rfc6962 {
        /// What stands before `/ct/v1/`.
        url: String,
    },
    /// By tiles (c2sp.org/static-ct-api).
    Tiled {
        /// Where CAs hand in; the log's name in its checkpoints, without the scheme.
        submission_url: String,
        /// Where everybody reads.
        monitoring_url: String,
    },
}

impl Access {
    /// The URL that questions go to.
    pub fn url(&self) -> &str {
        match self {
            Self::Rfc6962 { url } => url,
            Self::Tiled { monitoring_url, .. } => monitoring_url,
        }
    }

    fn read(entry: &Value) -> Option<Self> {
        if let Some(url) = text(entry, "url") {
            return Some(Self::Rfc6962 { url: log_url(url)? });
        }
        Some(Self::Tiled {
            submission_url: log_url(text(entry, "submission_url")?)?,
            monitoring_url: log_url(text(entry, "monitoring_url")?)?,
        })
    }
}

/// The longest URL of a log that is accepted.
const MAX_URL: usize = 256;

/// The URL of a log without its trailing slash, if it is `https` (on loopback `http` too), names
/// host, port and path and nothing else.
fn log_url(text: &str) -> Option<String> {
    let Url { scheme, authority, path } = Url::split(text)?;
    let bare = text.trim_end_matches('/');
    let address = Address::of_authority(authority).ok()?;
    let host = address.host.as_str();
    let is_loopback = host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|ip: core::net::IpAddr| ip.is_loopback());
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~/".contains(&c);
    let climbs = path.split('/').any(|part| part == "." || part == "..");
    let accepted = (scheme == "https" || (scheme == "http" && is_loopback))
        && text.len() <= MAX_URL
        && authority.bytes().all(|c| is_plain(c) || b":[]".contains(&c))
        && path.bytes().all(is_plain)
        && !climbs;
    accepted.then(|| bare.to_owned())
}

impl Log {
    /// Who ran the log at `time`: an SCT counts for the operator of its moment.
    pub fn operator_at(&self, time: Timestamp) -> &str {
        let before = self
            .previous_operators
            .iter()
            .filter(|(_, end)| time < *end)
            .min_by_key(|(_, end)| *end);
        before.map_or(&self.operator, |(name, _)| name)
    }
}

/// One list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogList {
    /// As the publisher numbers it, safe to show; empty for a set of keys.
    pub version: String,
    /// When it was published; `None` for a set of keys, which cannot judge.
    pub timestamp: Option<Timestamp>,
    /// Where it is from.
    pub provenance: Provenance,
    /// Its logs, those of static-ct-api among them.
    pub logs: Vec<Log>,
    /// How many entries were left out because they made no sense.
    pub skipped: usize,
}

impl LogList {
    /// Reads a list of either form. Entries that make no sense are left out and counted, as the
    /// format's own notes ask; so are the logs of an operator without a name, of whom the policies
    /// could not say whether it is another than the next.
    ///
    /// # Errors
    /// [`LogListError`]. The signature is a question of its own: [`LogList::signature_check`].
    pub fn parse(json: &[u8], provenance: Provenance) -> Result<Self, LogListError> {
        if json.len() > MAX_LIST {
            return Err(LogListError::TooLarge);
        }
        let malformed = |reason: &str| LogListError::Malformed { reason: reason.into() };
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| malformed(&printable(&error.to_string())))?;
        let mut list = Self {
            version: String::new(),
            timestamp: None,
            provenance,
            logs: Vec::new(),
            skipped: 0,
        };
        if let Value::Array(keys) = &value {
            list.extend(keys, None);
        } else {
            let timestamp = text(&value, "log_list_timestamp").and_then(|time| time.parse().ok());
            list.timestamp =
                Some(timestamp.ok_or_else(|| malformed("it has no log_list_timestamp"))?);
            list.version = printable(text(&value, "version").unwrap_or_default());
            let operators = value.get("operators").and_then(Value::as_array);
            for operator in operators.ok_or_else(|| malformed("it has no operators"))? {
                let name = text(operator, "name").filter(|name| !name.is_empty());
                let logs = |kind| {
                    operator.get(kind).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
                };
                let all = [logs("logs"), logs("tiled_logs")];
                match name {
                    Some(name) => all.iter().for_each(|logs| list.extend(logs, Some(name))),
                    None => list.skipped += all.concat().len().max(1),
                }
            }
        }
        if list.logs.is_empty() { Err(LogListError::Empty) } else { Ok(list) }
    }

    fn extend(&mut self, logs: &[Value], operator: Option<&str>) {
        for log in logs {
            match Log::read(log, operator) {
                Some(log) => self.logs.push(log),
                None => self.skipped += 1,
            }
        }
    }

    /// What to ask the platform to learn whether `signature` over the bytes of a list is by the
    /// pinned key: RSASSA-PKCS1-v1_5 with SHA-256. `None` cannot happen for the key that is pinned.
    pub fn signature_check(json: &[u8], signature: &[u8]) -> Option<SignatureCheck> {
        let spki = Base64::decode_vec(GOOGLE_KEY.trim()).ok()?;
        let check = Self::signature_check_by(&spki, json, signature)?;
        debug_assert!(check.algorithm == Algorithm::RsaPkcs1(Hash::Sha256));
        Some(check)
    }

    /// The same for a list of one's own, signed by one's own key (SubjectPublicKeyInfo in DER):
    /// RSASSA-PKCS1-v1_5 or ECDSA, with SHA-256. `None` where the key is of another kind, or too
    /// weak.
    pub fn signature_check_by(
        spki: &[u8],
        json: &[u8],
        signature: &[u8],
    ) -> Option<SignatureCheck> {
        PublicKey::from_spki(spki).ok()?.check_log(Hash::Sha256, json, signature)
    }

    /// The log with this ID.
    pub fn log(&self, id: &LogId) -> Option<&Log> {
        self.logs.iter().find(|log| log.id == *id)
    }
}

impl Log {
    /// Reads an entry; `None` where it makes no sense.
    fn read(entry: &Value, operator: Option<&str>) -> Option<Self> {
        let spki = Base64::decode_vec(text(entry, "key")?).ok()?;
        let id: LogId = Base64::decode_vec(text(entry, "log_id")?).ok()?.try_into().ok()?;
        PublicKey::from_spki(&spki).ok()?;
        if <[u8; 32]>::from(Sha256::digest(&spki)) != id {
            return None;
        }
        let state = match entry.get("state") {
            None | Some(Value::Null) => None,
            Some(state) => Some(LogState::read(state)?),
        };
        let mut previous_operators = Vec::new();
        for was in entry.get("previous_operators").and_then(Value::as_array).into_iter().flatten() {
            previous_operators
                .push((printable(text(was, "name")?), text(was, "end_time")?.parse().ok()?));
        }
        Some(Self {
            id,
            spki,
            description: printable(text(entry, "description").unwrap_or_default()),
            operator: printable(operator.or_else(|| text(entry, "operator")).unwrap_or_default()),
            previous_operators,
            state,
            access: Access::read(entry),
            mmd: entry
                .get("mmd")
                .and_then(Value::as_u64)
                .map_or(DAY, |mmd| Duration::from_secs(mmd).min(MAX_MMD)),
        })
    }
}

impl LogState {
    /// `{"usable": {"timestamp": "…"}}`: exactly one state.
    fn read(states: &Value) -> Option<Self> {
        let mut entries = states.as_object()?.iter();
        let (name, body) = entries.next()?;
        let kind = StateKind::ALL.iter().find(|(known, _)| known == name)?.1;
        let since = text(body, "timestamp")?.parse().ok()?;
        entries.next().is_none().then_some(Self { kind, since })
    }
}

/// A field that is text.
fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str()
}

/// All the lists at hand.
#[derive(Clone, Default, Debug)]
pub struct LogLists(Vec<LogList>);

impl LogLists {
    /// From lists in any order.
    pub fn new(lists: Vec<LogList>) -> Self {
        Self(lists)
    }

    /// The shipped list alone.
    ///
    /// # Errors
    /// None in a build that passed its tests.
    pub fn shipped() -> Result<Self, LogListError> {
        Ok(Self(vec![LogList::parse(SHIPPED.as_bytes(), Provenance::Shipped)?]))
    }

    /// Adds a list.
    pub fn push(&mut self, list: LogList) {
        self.0.push(list);
    }

    /// The list by which a certificate seen at `time` is judged: the newest that is not younger
    /// than that time (give or take [`CLOCK_SKEW`], so that a slow clock does not lose today's
    /// list).
    pub fn judging(&self, time: Timestamp) -> Option<&LogList> {
        let latest = time.plus(CLOCK_SKEW);
        self.0
            .iter()
            .filter(|list| list.timestamp.is_some_and(|timestamp| timestamp <= latest))
            .max_by_key(|list| list.timestamp)
    }

    /// The log with this ID: as the judging list has it, else as any other list does (its key is
    /// known then, its state is not).
    pub fn log(&self, id: &LogId, time: Timestamp) -> Option<(&Log, bool)> {
        if let Some(log) = self.judging(time).and_then(|list| list.log(id)) {
            return Some((log, true));
        }
        self.0.iter().find_map(|list| list.log(id)).map(|log| (log, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_is_whole() {
        let list = LogList::parse(SHIPPED.as_bytes(), Provenance::Shipped).unwrap();
        assert_eq!(list.skipped, 0);
        assert!(list.logs.len() > 40, "{}", list.logs.len());
        assert!(list.timestamp.is_some() && !list.version.is_empty());
    }

    #[test]
    fn the_pinned_key_is_the_published_one() {
        let spki = Base64::decode_vec(GOOGLE_KEY.trim()).unwrap();
        let digest = crate::x509::fingerprint::SpkiSha256::of(&spki).to_string();
        assert_eq!(digest, "f1d8b68e50210d8e73d9a3e97f571773c52d7f28c0b1a71beee81d8562e6fd85");
        assert!(matches!(
            PublicKey::from_spki(&spki).unwrap().kind(),
            crate::x509::signature::KeyKind::Rsa { bits: 4096 }
        ));
    }

    #[test]
    fn odd_entries_are_left_out_and_counted() {
        let mut list: Value = serde_json::from_str(SHIPPED).unwrap();
        let logs = list["operators"][0]["logs"].as_array_mut().unwrap();
        let before = logs.len();
        logs[0]["key"] = "AAAA".into();
        logs[1]["state"] = serde_json::json!({"usable": {"timestamp": "x"}});
        logs[2]["state"] = serde_json::json!({});
        logs.push(Value::Null);
        let parsed = LogList::parse(list.to_string().as_bytes(), Provenance::Unsigned).unwrap();
        assert_eq!(parsed.skipped, 4);
        assert!(before > 3);
    }

    #[test]
    fn urls_of_logs_are_plain() {
        for (url, expected) in [
            ("https://log.example/2026h1/", Some("https://log.example/2026h1")),
            ("https://log.example:8443", Some("https://log.example:8443")),
            ("http://127.0.0.1:8080/a", Some("http://127.0.0.1:8080/a")),
            ("http://[::1]:8080/a", Some("http://[::1]:8080/a")),
            ("http://log.example/", None),
            ("https://user@log.example/", None),
            ("https://log.example/?a", None),
            ("https://log.example/#a", None),
            ("https://log.example/../a", None),
            ("https://log.example/a b", None),
            ("https:///a", None),
            ("ftp://log.example/", None),
            ("log.example", None),
        ] {
            assert_eq!(log_url(url).as_deref(), expected, "{url}");
        }
        let list = LogList::parse(SHIPPED.as_bytes(), Provenance::Shipped).unwrap();
        assert!(list.logs.iter().all(|log| log.access.is_some()));
        assert!(list.logs.iter().any(|log| matches!(log.access, Some(Access::Tiled { .. }))));
    }

    #[test]
    fn an_sct_counts_for_the_operator_of_its_moment() {
        let list = LogList::parse(SHIPPED.as_bytes(), Provenance::Shipped).unwrap();
        let mut log = list.logs[0].clone();
        let sold: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        log.previous_operators = vec![("Before".into(), sold)];
        log.operator = "After".into();
        assert_eq!(log.operator_at(sold.minus(crate::time::DAY)), "Before");
        assert_eq!(log.operator_at(sold), "After");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in ["", "{}", "[]", "null", "{\"operators\":[]}", "[1,2]", "<html>"] {
            assert!(LogList::parse(bad.as_bytes(), Provenance::Unsigned).is_err(), "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert!(LogList::parse(deep.as_bytes(), Provenance::Unsigned).is_err());
        assert_eq!(
            LogList::parse(&vec![b' '; MAX_LIST + 1], Provenance::Unsigned),
            Err(LogListError::TooLarge)
        );
    }

    /// One part that is odd takes nothing else with it, and is counted.
    #[test]
    fn an_odd_operator_or_state_is_left_out() {
        let shipped: Value = serde_json::from_str(SHIPPED).unwrap();
        let whole = LogList::parse(SHIPPED.as_bytes(), Provenance::Shipped).unwrap();
        let count = |operator: &Value| {
            let of = |kind| operator.get(kind).and_then(Value::as_array).map_or(0, Vec::len);
            of("logs") + of("tiled_logs")
        };
        let first = count(&shipped["operators"][0]);
        assert!(first > 0);
        type Spoil = fn(&mut Value);
        let spoils: [(&str, Spoil, usize); 8] = [
            (
                "no name",
                |list| _ = list["operators"][0].as_object_mut().unwrap().remove("name"),
                first,
            ),
            ("an empty name", |list| list["operators"][0]["name"] = "".into(), first),
            ("a number for a name", |list| list["operators"][0]["name"] = 7.into(), first),
            (
                "a new state",
                |list| {
                    list["operators"][0]["logs"][0]["state"] =
                        serde_json::json!({"dozing": {"timestamp": "2026-01-01T00:00:00Z"}})
                },
                1,
            ),
            (
                "a state of no form",
                |list| list["operators"][0]["logs"][0]["state"] = "usable".into(),
                1,
            ),
            (
                "a state without its time",
                |list| list["operators"][0]["logs"][0]["state"] = serde_json::json!({"usable": {}}),
                1,
            ),
            ("a log of no form", |list| list["operators"][0]["logs"][0] = 7.into(), 1),
            ("a key of no form", |list| list["operators"][0]["logs"][0]["key"] = "AAAA".into(), 1),
        ];
        for (what, spoil, lost) in spoils {
            let mut list = shipped.clone();
            spoil(&mut list);
            let read = LogList::parse(list.to_string().as_bytes(), Provenance::Unsigned).unwrap();
            assert_eq!((read.skipped, read.logs.len()), (lost, whole.logs.len() - lost), "{what}");
        }
        let mut list = shipped.clone();
        list["operators"].as_array_mut().unwrap().push(Value::Null);
        let read = LogList::parse(list.to_string().as_bytes(), Provenance::Unsigned).unwrap();
        assert_eq!((read.skipped, read.logs.len()), (1, whole.logs.len()));
        // An entry that is there and is no operator, in all of them: nothing is left.
        list["operators"] = serde_json::json!([{}, 7]);
        let error = LogList::parse(list.to_string().as_bytes(), Provenance::Unsigned).unwrap_err();
        assert_eq!(error, LogListError::Empty);
    }
}
