//! crt.sh: one question for the exact name, one for the wildcard above it, and one for each
//! certificate whose key is not known otherwise.
//!
//! ```json
//! [{"issuer_ca_id": 1, "issuer_name": "C=US, O=…, CN=…", "common_name": "…", "name_value": "name\nname", "id": 1,
//!   "entry_timestamp": "2026-11-22T12:00:00.25", "not_before": "2026-11-22T11:00:00", "not_after": "…", "serial_number": "hex"}, …]
//! ```
//!
//! There is neither a fingerprint nor a key in it: whose a certificate is, its entry does not say.
//! `deduplicate=Y` leaves certificates out whose precertificate is there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    Gathering, Look, MAX_ANSWER, MAX_ENTRIES, MAX_NAMES, Monitor, MonitorError, Query, dates,
    digits, rows,
};
use crate::fetch::{self, FetchError, Get, Platform};
use crate::issuances::issuance::{Entry, Issuance, Issuer, join};
use crate::x509::bundle;
use crate::x509::certificate::{Certificate, MAX_CERTIFICATE};
use crate::x509::name::covering;
use crate::x509::serial::Serial;

/// Where it is.
pub const BASE: &str = "https://crt.sh";

/// The most certificates that are fetched in one look, the newest first. The others stay open until
/// the next.
pub const MAX_CERTIFICATES: usize = 20;

/// crt.sh reads ten thousand names for a question and says nothing of what it left out (its source:
/// `LIMIT 10000` in `web_apis.fnc`, before rows are grouped by certificate). An answer that is near
/// that may be a part.
const MAX_NAMED: usize = 9_000;

const MONITOR: Monitor = Monitor::CrtSh;

/// One entry, as far as it is read.
#[derive(Deserialize)]
struct Row {
    #[serde(deserialize_with = "digits")]
    id: String,
    issuer_name: String,
    common_name: Option<String>,
    name_value: String,
    not_before: String,
    not_after: String,
    serial_number: String,
}

/// Looks the name up. The certificates behind entries are fetched unless one in `shown`, by another
/// monitor, explains them, or `is_known` does.
pub async fn look_up<H: Platform>(
    host: &H,
    base: &str,
    query: Option<&Query>,
    shown: Vec<Issuance>,
    is_known: impl Fn(&Issuance) -> bool,
) -> Look {
    let mut found = Gathering::new(MONITOR);
    let Some(query) = query else {
        found.failure = Some(MonitorError::NoName { monitor: MONITOR });
        return found.finish();
    };
    let base = base.trim_end_matches('/');
    let mut ids = BTreeSet::new();
    for asked in questions(query) {
        if let Err(failure) = read_entries(host, base, &asked, query, &mut ids, &mut found).await {
            found.failure = found.failure.or(Some(failure));
        }
    }
    read_certificates(host, base, &query.host, shown, is_known, &mut found).await;
    found.finish()
}

/// What stands in the URLs: the name and its wildcard as they are, or everything below the name,
/// where the percent sign stands for any text (and is written as `%25`).
fn questions(query: &Query) -> Vec<String> {
    let name = query.name();
    if query.is_below() {
        return vec![format!("%25.{name}&match=ILIKE")];
    }
    let parent = name.split_once('.').map(|(_, parent)| parent);
    let wildcard = parent.filter(|parent| parent.contains('.')).map(|one| format!("*.{one}"));
    core::iter::once(name.to_owned())
        .chain(wildcard)
        .map(|name| format!("{name}&match=="))
        .collect()
}

async fn read_entries<H: Platform>(
    host: &H,
    base: &str,
    asked: &str,
    query: &Query,
    ids: &mut BTreeSet<String>,
    found: &mut Gathering,
) -> Result<(), MonitorError> {
    let url = format!("{base}/?dNSName={asked}&exclude=expired&deduplicate=Y&output=json");
    let body = fetch::get(host, &Get { url, max_bytes: MAX_ANSWER, is_immutable: false }).await?;
    let answer = rows(MONITOR, &body)?;
    let mut named = 0_usize;
    for row in answer.rows {
        let row = serde_json::from_str::<Row>(row.get()).ok();
        named += row.as_ref().map_or(1, |row| row.name_value.split('\n').count());
        if row.as_ref().is_some_and(|row| !query.wants(row.names())) {
            continue;
        }
        match row.and_then(|row| row.read(&query.host)) {
            Some((id, entry)) => {
                if ids.insert(id) {
                    found.entries.push(entry);
                }
            }
            None => found.skipped += 1,
        }
        if ids.len() > MAX_ENTRIES {
            return Err(MonitorError::TooMany { monitor: MONITOR });
        }
    }
    if answer.has_more || named > MAX_NAMED {
        return Err(MonitorError::TooMany { monitor: MONITOR });
    }
    Ok(())
}

impl Row {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.name_value.split('\n').chain(self.common_name.as_deref())
    }

    fn read(self, name: &str) -> Option<(String, Issuance)> {
        let (not_before, not_after) = dates(&self.not_before, &self.not_after)?;
        let serial: Serial = self.serial_number.parse().ok()?;
        if self.name_value.len() > MAX_NAMES {
            return None;
        }
        let names: BTreeSet<_> = self.names().filter_map(|one| covering(one, name)).collect();
        if names.is_empty() {
            return None;
        }
        let entry = Entry { monitor: MONITOR, id: self.id.clone() };
        let issuance = Issuance {
            spki_sha256: None,
            is_read: false,
            serials: BTreeSet::from([serial]),
            tbs_sha256: BTreeSet::new(),
            certificates: BTreeSet::new(),
            issuer: Issuer::read(&self.issuer_name),
            names,
            not_before,
            not_after,
            revoked: None,
            entries: BTreeSet::from([entry]),
        };
        Some((self.id, issuance))
    }
}

/// Puts the certificate in the place of its entry, for as many as may be asked for. One that cannot
/// be had leaves its entry open; that is no flaw of the look.
///
/// Several entries with one serial number are fetched even where one is explained: a CA that was
/// made to issue a second certificate under the number of the first would hide it behind that.
async fn read_certificates<H: Platform>(
    host: &H,
    base: &str,
    name: &str,
    shown: Vec<Issuance>,
    is_known: impl Fn(&Issuance) -> bool,
    found: &mut Gathering,
) {
    let mut times: BTreeMap<&Serial, usize> = BTreeMap::new();
    for serial in found.entries.iter().flat_map(|entry| &entry.serials) {
        *times.entry(serial).or_default() += 1;
    }
    let is_double: Vec<bool> = found
        .entries
        .iter()
        .map(|entry| entry.serials.iter().any(|one| times.get(one) > Some(&1)))
        .collect();
    let offset = shown.len();
    let joined = join(shown.into_iter().chain(found.entries.iter().cloned()));
    let is_explained = |n: usize| {
        let place = joined.places.get(offset + n).copied().flatten();
        place.and_then(|at| joined.issuances.get(at)).is_some_and(|one| one.spki_sha256.is_some())
    };
    let mut wanted: Vec<(bool, usize)> = Vec::new();
    for (n, (entry, is_double)) in found.entries.iter().zip(is_double).enumerate() {
        if is_double || (!is_explained(n) && !is_known(entry)) {
            wanted.push((is_double && (is_explained(n) || is_known(entry)), n));
        }
    }
    // Those that nothing explains come first, of each kind the newest.
    wanted.sort_by_key(|(is_second, n)| {
        (*is_second, core::cmp::Reverse(found.entries.get(*n).map(|entry| entry.not_before)))
    });
    for (_, n) in wanted.into_iter().take(MAX_CERTIFICATES) {
        let Some(entry) = found.entries.get_mut(n) else { continue };
        let Some(id) = entry.entries.first().cloned() else { continue };
        let url = format!("{base}/?d={}", id.id);
        // Behind a number there is always the same certificate.
        let get = Get { url, max_bytes: MAX_CERTIFICATE * 2, is_immutable: true };
        let body = match fetch::get(host, &get).await {
            Ok(body) => body,
            Err(FetchError::Status { status: 400..=499, .. }) => continue,
            // Whoever does not answer this does not want to be asked for more.
            Err(_) => return,
        };
        let ders = bundle::split(&body).unwrap_or_default();
        let [der] = ders.as_slice() else { continue };
        let Ok(certificate) = Certificate::from_der(der) else { continue };
        let read = Issuance::of(&certificate, name, id);
        let is_same = |read: &Issuance| {
            read.serials == entry.serials
                && (read.not_before, read.not_after) == (entry.not_before, entry.not_after)
        };
        match read.filter(is_same) {
            Some(read) => {
                host.keep(&get, &body).await;
                *entry = read;
            }
            None => found.contradictions += 1,
        }
    }
}
