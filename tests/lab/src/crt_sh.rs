//! A monitor that answers as crt.sh does: a row for each certificate and each precertificate, with
//! neither key nor fingerprint.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::authority::pem;
use crate::http::{Request, Response};
use crate::issuance::{Conduct, Issuance, Ledger};
use crate::log::rfc3339;
use crate::scenario::MARKUP;
use crate::static_ct::hex;

/// The first number. A precertificate has the one before its certificate's.
const FIRST_ID: u64 = 16_566_286_032;

/// An answer to `/?dNSName=…&output=json`, `/?spkisha256=…&output=json` or `/?d=…`.
pub fn answer(ledger: &Ledger, conduct: Conduct, request: &Request) -> Response {
    if request.path() != "/" {
        return Response::new(
            "404 Not Found",
            "text/html; charset=UTF-8",
            "<html><body>Not Found</body></html>",
        );
    }
    if let Some(id) = request.query("d") {
        return download(ledger, conduct, &id);
    }
    if request.query("output").as_deref() != Some("json") {
        return Response::html("<!doctype html><title>crt.sh | Certificate Search</title>");
    }
    let name = request.query("dNSName");
    let is_like = request.query("match").as_deref() == Some("ILIKE");
    let key = request.query("spkisha256");
    let is_deduplicated =
        conduct == Conduct::Deduplicate && request.query("deduplicate").as_deref() == Some("Y");
    let excludes_expired = request.query("exclude").as_deref() == Some("expired");
    let now = OffsetDateTime::now_utc();
    let found = ledger.select(|one| {
        let fits = match (&name, &key) {
            // Everything below a name; or the name itself: what a wildcard covers is not found.
            (Some(name), _) if is_like => one.names.iter().any(|one| is_asked(one, name)),
            (Some(name), _) => one.is_for(name),
            (None, Some(key)) => hex(&one.spki_sha256).eq_ignore_ascii_case(key),
            (None, None) => false,
        };
        fits && !(excludes_expired && one.not_after < now)
    });
    let mut rows = Vec::new();
    // The newest first.
    for (n, one) in found.iter().rev() {
        rows.push(row(one, FIRST_ID + 2 * n + 1, name.as_deref(), conduct));
        if one.precertificate.is_some() && !is_deduplicated {
            rows.push(row(one, FIRST_ID + 2 * n, name.as_deref(), conduct));
        }
    }
    if conduct == Conduct::Empty {
        rows.clear();
    }
    Response::json(&rows.into()).with("access-control-allow-origin", "*")
}

/// SQL's `%`, where it stands in front.
fn is_asked(name: &str, asked: &str) -> bool {
    match asked.strip_prefix('%') {
        Some(end) => name.to_ascii_lowercase().ends_with(&end.to_ascii_lowercase()),
        None => name.eq_ignore_ascii_case(asked),
    }
}

/// The certificate of a row, in PEM.
fn download(ledger: &Ledger, conduct: Conduct, id: &str) -> Response {
    let number = id.parse::<u64>().ok().and_then(|id| id.checked_sub(FIRST_ID));
    let number = number.map(|number| if conduct == Conduct::Lie { 1 } else { number });
    let der = number.and_then(|number| {
        let one = ledger.get(number / 2)?;
        if number % 2 == 1 { Some(one.certificate.clone()) } else { one.precertificate.clone() }
    });
    match der {
        Some(der) => Response::new("200 OK", "application/pkix-cert", pem(&[der])),
        None => Response::new(
            "404 Not Found",
            "text/html; charset=UTF-8",
            "<html><body>Not Found</body></html>",
        ),
    }
}

fn row(one: &Issuance, id: u64, asked: Option<&str>, conduct: Conduct) -> Value {
    // Of the names, only those that were asked for.
    let names: Vec<_> =
        one.names.iter().filter(|name| asked.is_none_or(|asked| is_asked(name, asked))).collect();
    let names: Vec<_> = names.into_iter().map(String::as_str).collect();
    let ca =
        u32::from_be_bytes(one.issuer_spki_sha256[..4].try_into().expect("four bytes")) % 400_000;
    // Local to nowhere: crt.sh writes no zone, and means UTC.
    let moment = |time| rfc3339(time).trim_end_matches('Z').to_owned();
    let mut row = json!({
        "issuer_ca_id": ca,
        "issuer_name": one.issuer_name(),
        "common_name": names.first().copied().unwrap_or_default(),
        "name_value": names.join("\n"),
        "id": id,
        "entry_timestamp": format!("{}.84", moment(one.logged)),
        "not_before": moment(one.not_before),
        "not_after": moment(one.not_after),
        "serial_number": one.serial_hex(),
        "result_count": names.len() + 1,
    });
    match conduct {
        Conduct::Hostile => {
            row["issuer_name"] = MARKUP.into();
            row["common_name"] = format!("\u{202e}{MARKUP}\u{0}\u{200b}").into();
            row["name_value"] = format!("{}\n{MARKUP}\n\u{2066}\u{7}", names.join("\n")).into();
        }
        Conduct::Garbled => {
            row["id"] = (-1).into();
            row["serial_number"] = json!({"is": ["not", "a", "number"]});
            row["not_after"] = "tomorrow".into();
        }
        _ => {}
    }
    row
}
