//! A monitor that answers as Cert Spotter does: unexpired issuances, oldest first, a page at a
//! time, with key and certificate.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::http::{Request, Response};
use crate::issuance::{Conduct, Issuance, Ledger};
use crate::log::rfc3339;
use crate::scenario::MARKUP;
use crate::static_ct::hex;

/// The first number.
const FIRST_ID: u64 = 4_326_219_514;

/// An answer to `/v1/issuances?domain=…`, in pages of `page`.
pub fn answer(ledger: &Ledger, conduct: Conduct, page: usize, request: &Request) -> Response {
    if request.path() != "/v1/issuances" {
        return error("404 Not Found", "not_found", "No such endpoint");
    }
    let Some(domain) = request.query("domain") else {
        return error("400 Bad Request", "missing_parameter", "The domain parameter is required");
    };
    let is_set = |name: &str| request.query(name).as_deref() == Some("true");
    let (with_subdomains, with_wildcards) =
        (is_set("include_subdomains"), is_set("match_wildcards"));
    let after = match request
        .query("after")
        .filter(|after| !after.is_empty())
        .map(|after| after.parse())
    {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => {
            return error("400 Bad Request", "invalid_parameter", "The after parameter is no ID");
        }
    };
    let expands = request.queries("expand");
    let parent = domain.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    let now = OffsetDateTime::now_utc();
    let mut found = ledger.select(|one| {
        let below = |name: &String| name.to_ascii_lowercase().ends_with(&format!(".{domain}"));
        let fits = one.is_for(&domain)
            || with_wildcards && parent.as_ref().is_some_and(|parent| one.is_for(parent))
            || with_subdomains && one.names.iter().any(below);
        fits && one.not_after > now
    });
    match conduct {
        Conduct::Empty => found.clear(),
        Conduct::Loop => {}
        _ => found.retain(|(n, _)| FIRST_ID + n > after),
    }
    found.truncate(page);
    let said_key = ledger.get(0).filter(|_| conduct == Conduct::Lie).map(|one| one.spki_sha256);
    let rows: Vec<_> = found
        .iter()
        .map(|(n, one)| row(one, *n, said_key.unwrap_or(one.spki_sha256), &expands, conduct))
        .collect();
    let answer = Response::json(&rows.into());
    match found.last() {
        None => answer,
        Some((n, _)) => {
            let rest = request.target.split('&').filter(|part| !part.starts_with("after="));
            let rest = rest.collect::<Vec<_>>().join("&");
            let next = format!("<{rest}&after={}>; rel=\"next\"", FIRST_ID + n);
            answer.with("link", &next)
        }
    }
}

fn error(status: &'static str, code: &str, message: &str) -> Response {
    Response {
        body: json!({"code": code, "message": message}).to_string().into(),
        ..Response::json(&Value::Null)
    }
    .with_status(status)
}

fn row(one: &Issuance, n: u64, key: [u8; 32], expands: &[String], conduct: Conduct) -> Value {
    let is_expanded = |field: &str| expands.iter().any(|one| one == field);
    // Of some issuances it has only seen the precertificate.
    let (kind, der) = match &one.precertificate {
        Some(precertificate) if n % 2 == 1 => ("precert", precertificate),
        _ => ("cert", &one.certificate),
    };
    let cert_sha256 = hex(&Sha256::digest(der));
    let mut row = json!({
        "id": (FIRST_ID + n).to_string(),
        "tbs_sha256": hex(&one.tbs_sha256()),
        "cert_sha256": cert_sha256,
        "pubkey_sha256": hex(&key),
        "not_before": rfc3339(one.not_before),
        "not_after": rfc3339(one.not_after),
        "revoked": false,
    });
    if is_expanded("dns_names") {
        row["dns_names"] = one.names.clone().into();
    }
    if is_expanded("issuer") {
        row["issuer"] = json!({
            "friendly_name": one.operator,
            "website": "https://authority.test/",
            "caa_domains": ["authority.test"],
            "operator": {"name": one.operator, "website": "https://authority.test/"},
            "pubkey_sha256": hex(&one.issuer_spki_sha256),
            "name": one.issuer_name(),
        });
    }
    if is_expanded("cert") {
        row["cert"] =
            json!({"type": kind, "sha256": cert_sha256, "data": Base64::encode_string(der)});
    }
    match conduct {
        Conduct::Hostile => {
            row["dns_names"] = json!([one.names.first(), MARKUP, "\u{202e}tset\u{200b}\u{0}"]);
            row["issuer"] =
                json!({"friendly_name": MARKUP, "name": format!("O={MARKUP}, CN=\u{2066}\n")});
        }
        Conduct::Garbled => {
            row["id"] = json!([n]);
            row["pubkey_sha256"] = "not hexadecimal".into();
            row["not_after"] = 7.into();
        }
        _ => {}
    }
    row
}
