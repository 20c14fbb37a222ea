//! Completing a chain: the issuer's certificate from where the certificate itself says it is (RFC
//! 5280 section 4.2.2.1).
//!
//! Tried only where the chain leads nowhere without it. What comes is a candidate; its signature
//! decides. The authority learns that somebody asked. The browser lets the answer be read only
//! where the server allows it or the user gave permission for the host.

use doorlight::address::Address;
use doorlight::url::Url;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::report::Report;
use doorlight::x509::bundle::split;
use doorlight::x509::certificate::Certificate;
use js_sys::Reflect;
use serde_json::{Value, json};
use wasm_bindgen::JsCast;

use crate::browser::api::{self, time_limit};
use crate::browser::network;

/// How many issuers up the chain are fetched.
pub const MAX_FETCHES: u32 = 3;
/// How long one may take, in milliseconds.
const TIME_LIMIT: u32 = 4000;
/// The largest answer that is read, in bytes; real ones have two kilobytes.
const MAX_ANSWER: usize = 65_536;

/// Fetches what a report says is missing; nothing where it is not.
pub async fn fetch(report: &Report) -> Vec<Certificate> {
    let missing = report.evidence.iter().find(|one| one.code == Code::PathIssuerMissing);
    let urls = missing.and_then(|one| one.detail.get("fetch_from")).and_then(Value::as_array);
    let urls = urls.into_iter().flatten().filter_map(Value::as_str);
    for url in urls.filter(|url| is_public(url)).take(2) {
        if let Some(found) = fetch_one(url).await {
            return found;
        }
    }
    Vec::new()
}

/// True for a host of the public web: whoever presents a certificate must not send requests into
/// the local network by it.
fn is_public(url: &str) -> bool {
    let url = Url::split(url).filter(|url| ["http", "https"].contains(&url.scheme));
    let address = url.and_then(|url| Address::of_authority(url.authority).ok());
    let Some(Address { host, .. }) = address else { return false };
    let host = host.as_str();
    let is_ip = host.parse::<core::net::IpAddr>().is_ok();
    let is_local = [".local", ".lan", ".home", ".internal", ".localhost", ".home.arpa"]
        .iter()
        .any(|end| host.ends_with(end));
    !is_ip && !is_local && host.contains('.')
}

async fn fetch_one(url: &str) -> Option<Vec<Certificate>> {
    let init = api::to_js(
        &json!({"credentials": "omit", "referrerPolicy": "no-referrer", "redirect": "error"}),
    );
    // Setting a member of a fresh object does not fail. The limit holds for the body too.
    let _ = Reflect::set(&init, &"signal".into(), &time_limit(TIME_LIMIT));
    let response = api::fetch(url, &init).await.ok()?;
    let body = network::body(&response.unchecked_into(), MAX_ANSWER).await.ok()?;
    let ders = split(&body).ok()?;
    let found: Vec<_> = ders.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_fetched_from_the_local_network() {
        assert!(is_public("http://r11.i.lencr.org/"));
        for local in [
            "http://192.168.1.1/x",
            "http://[::1]/",
            "http://router.local/",
            "http://nas/",
            "ftp://a.example/",
        ] {
            assert!(!is_public(local), "{local}");
        }
    }
}
