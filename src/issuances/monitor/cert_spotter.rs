//! Cert Spotter: `GET /v1/issuances`, unexpired certificates, oldest first, page by page until one
//! is empty.
//!
//! ```json
//! [{"id": "…", "tbs_sha256": "…", "pubkey_sha256": "…", "dns_names": ["…"], "issuer": {"name": "C=US, O=…, CN=…", …},
//!   "not_before": "…Z", "not_after": "…Z", "revoked": false, "cert": {"type": "precert", "sha256": "…", "data": "base64", …}}, …]
//! ```
//!
//! Certificate and precertificate are one entry already. Where the certificate is in it, all that
//! is said comes from there, and a monitor that says otherwise is not believed.

use std::collections::BTreeSet;

use base64ct::{Base64, Encoding};
use serde::Deserialize;

use super::{
    Gathering, Look, MAX_ANSWER, MAX_ENTRIES, MAX_NAMES, Monitor, MonitorError, Query, dates,
    digits, moment, rows,
};
use crate::fetch::{self, Get, Platform};
use crate::issuances::issuance::{Entry, Issuance, Issuer, Revoked};
use crate::x509::certificate::{Certificate, MAX_CERTIFICATE};
use crate::x509::fingerprint::{SpkiSha256, TbsSha256};
use crate::x509::name::covering;

/// Where it is.
pub const BASE: &str = "https://api.certspotter.com";

/// The most pages of one look. A page has a hundred entries or more.
pub const MAX_PAGES: usize = 200;

const MONITOR: Monitor = Monitor::CertSpotter;

/// One entry, as far as it is read.
#[derive(Deserialize)]
struct Row {
    #[serde(deserialize_with = "digits")]
    id: String,
    tbs_sha256: String,
    pubkey_sha256: String,
    dns_names: Vec<String>,
    issuer: RowIssuer,
    not_before: String,
    not_after: String,
    revoked: Option<bool>,
    revocation: Option<RowRevocation>,
    cert: Option<RowCertificate>,
    cert_der: Option<String>,
}

#[derive(Deserialize)]
struct RowIssuer {
    name: String,
}

#[derive(Deserialize)]
struct RowRevocation {
    time: Option<String>,
}

#[derive(Deserialize)]
struct RowCertificate {
    data: Option<String>,
}

/// What there is of an entry whose rest makes no sense: enough to go on to the next page.
#[derive(Deserialize)]
struct RowId {
    #[serde(deserialize_with = "digits")]
    id: String,
}

/// Looks the name up, and wildcards that are for it; or everything below it.
pub async fn look_up<H: Platform>(host: &H, base: &str, query: Option<&Query>) -> Look {
    let mut found = Gathering::new(MONITOR);
    found.failure = match query {
        Some(query) => read_pages(host, base, query, &mut found).await.err(),
        None => Some(MonitorError::NoName { monitor: MONITOR }),
    };
    found.finish()
}

async fn read_pages<H: Platform>(
    host: &H,
    base: &str,
    query: &Query,
    found: &mut Gathering,
) -> Result<(), MonitorError> {
    let (name, is_below) = (query.name(), query.is_below());
    let first = format!(
        "{}/v1/issuances?domain={name}&include_subdomains={is_below}&match_wildcards=true&expand=dns_names&expand=issuer&expand=cert",
        base.trim_end_matches('/')
    );
    let mut url = first.clone();
    let mut ids = BTreeSet::new();
    for _ in 0..MAX_PAGES {
        let body =
            fetch::get(host, &Get { url, max_bytes: MAX_ANSWER, is_immutable: false }).await?;
        let page = rows(MONITOR, &body)?;
        if page.rows.is_empty() {
            return Ok(());
        }
        let mut last = None;
        let mut has_new = false;
        for row in page.rows {
            if let Ok(RowId { id }) = serde_json::from_str(row.get()) {
                if !ids.insert(id.clone()) {
                    continue;
                }
                last = Some(id);
                has_new = true;
            }
            if ids.len() > MAX_ENTRIES {
                return Err(MonitorError::TooMany { monitor: MONITOR });
            }
            let row = serde_json::from_str::<Row>(row.get()).ok();
            let names = |row: &Row| query.wants(row.dns_names.iter().map(String::as_str));
            if row.as_ref().is_some_and(|row| !names(row)) {
                continue;
            }
            match row.and_then(|row| row.read(&query.host)) {
                Some((entry, is_contradicted)) => {
                    found.contradictions += usize::from(is_contradicted);
                    found.entries.extend(entry);
                }
                None => found.skipped += 1,
            }
        }
        if page.has_more {
            return Err(MonitorError::TooMany { monitor: MONITOR });
        }
        match last {
            Some(id) if has_new => url = format!("{first}&after={id}"),
            _ => return Err(MonitorError::PagingStuck { monitor: MONITOR }),
        }
    }
    Err(MonitorError::TooMany { monitor: MONITOR })
}

impl Row {
    /// The entry, and whether the certificate in it says something else; `None` for what makes no
    /// sense.
    fn read(self, name: &str) -> Option<(Option<Issuance>, bool)> {
        let (not_before, not_after) = dates(&self.not_before, &self.not_after)?;
        let tbs_sha256: TbsSha256 = exact(&self.tbs_sha256)?;
        let spki_sha256: SpkiSha256 = exact(&self.pubkey_sha256)?;
        if self.dns_names.iter().map(String::len).sum::<usize>() > MAX_NAMES {
            return None;
        }
        let names: BTreeSet<_> =
            self.dns_names.iter().filter_map(|one| covering(one, name)).collect();
        if names.is_empty() {
            return None;
        }
        let entry = Entry { monitor: MONITOR, id: self.id };
        let revoked = match (self.revoked, self.revocation.and_then(|one| one.time)) {
            (Some(true), time) => Some(Revoked { at: time.as_deref().and_then(moment) }),
            _ => None,
        };
        let in_words = Issuance {
            spki_sha256: Some(spki_sha256),
            is_read: false,
            serials: BTreeSet::new(),
            tbs_sha256: BTreeSet::from([tbs_sha256]),
            certificates: BTreeSet::new(),
            issuer: Issuer::read(&self.issuer.name),
            names,
            not_before,
            not_after,
            revoked,
            entries: BTreeSet::from([entry.clone()]),
        };
        let Some(base64) = self.cert_der.or(self.cert.and_then(|cert| cert.data)) else {
            return Some((Some(in_words), false));
        };
        if base64.len() > MAX_CERTIFICATE * 2 {
            return None;
        }
        let certificate = Certificate::from_der(&Base64::decode_vec(&base64).ok()?).ok()?;
        let Some(mut read) = Issuance::of(&certificate, name, entry) else {
            // For another host altogether, though the monitor says it is for this one: nothing is
            // taken from it.
            return Some((None, true));
        };
        read.revoked = revoked;
        let is_contradicted = read.spki_sha256 != in_words.spki_sha256
            || read.tbs_sha256 != in_words.tbs_sha256
            || (read.not_before, read.not_after) != (not_before, not_after);
        Some((Some(read), is_contradicted))
    }
}

/// A digest in one form only: lower-case hex digits.
fn exact<T: core::str::FromStr>(text: &str) -> Option<T> {
    let is_exact = text.len() == 64
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    if is_exact { text.parse().ok() } else { None }
}
