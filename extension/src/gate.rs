//! The gate of each browser: what keeps requests back until the check is good.
//!
//! Firefox holds each request in a blocking listener while it is checked (`before_request` in [`crate::keeper`]). Chromium knows no such listener:
//! there, rules of `declarativeNetRequest` shut the gate, and rules of the session open it for a while. The shut ones are kept across restarts, the
//! open ones are not, so a browser that starts, an update and a worker that was killed all find the gate shut.

use std::collections::BTreeSet;

use doorlight::address::{Address, Host};
use serde_json::{Value, json};

use crate::api::{self, ApiError, Rules};
use crate::pattern::in_url;

/// The page that says what is being checked.
pub const PAGE: &str = "gate.html";
/// The ID of the content script.
const VEIL: &str = "veil";

/// Everything that can be asked for, main frames apart.
const SUBRESOURCES: [&str; 13] = [
    "sub_frame",
    "stylesheet",
    "script",
    "image",
    "font",
    "object",
    "xmlhttprequest",
    "ping",
    "csp_report",
    "media",
    "websocket",
    "webtransport",
    "other",
];

/// The match pattern of a host's pages: every port, with and without encryption.
pub fn pattern(host: &Host) -> String {
    format!("*://{}/*", in_url(host))
}

/// The host of a match pattern that one of ours could be.
pub fn host_of_pattern(pattern: &str) -> Option<Host> {
    pattern.split_once("://")?.1.strip_suffix("/*")?.parse().ok()
}

/// The gate page for a wanted URL.
pub fn page(wanted: &str, is_form: bool) -> String {
    format!("{}{}#{wanted}", api::own_url(PAGE), if is_form { "?post" } else { "" })
}

/// Covers every page of the guarded hosts from its first moment.
pub async fn register_veil(hosts: &BTreeSet<Host>) -> Result<(), ApiError> {
    if hosts.is_empty() {
        return api::unregister_content_script(VEIL).await;
    }
    let matches: Vec<_> = hosts.iter().map(pattern).collect();
    let script = json!({
        "id": VEIL,
        "js": ["veil.js"],
        "matches": matches,
        "runAt": "document_start",
        "allFrames": true,
        "persistAcrossSessions": true,
    });
    api::register_content_script(script).await
}

/// True where the veil is registered for a host.
pub async fn has_veil(host: &Host) -> bool {
    let wanted = json!(pattern(host));
    let scripts = api::content_scripts().await.unwrap_or_default();
    scripts
        .iter()
        .filter_map(|script| script.get("matches")?.as_array())
        .any(|matches| matches.contains(&wanted))
}

/// Chromium: shuts the gate of all `hosts`, for good.
pub async fn shut(hosts: &BTreeSet<Host>) -> Result<(), ApiError> {
    let present = api::rules(Rules::Dynamic).await?;
    api::replace_rules(Rules::Dynamic, &present, &shut_rules(hosts, &api::own_url(PAGE), &api::own_id()))
        .await
}

/// Chromium: opens the gate for `addresses`, and for no other.
pub async fn open(addresses: &BTreeSet<Address>) -> Result<(), ApiError> {
    let wanted = open_rules(addresses);
    let present = api::rules(Rules::Session).await?;
    // Most checks change nothing.
    if present.len() == wanted.len()
        && wanted.iter().all(|one| present.iter().any(|other| filter(one) == filter(other)))
    {
        return Ok(());
    }
    api::replace_rules(Rules::Session, &present, &wanted).await
}

/// What a rule is about.
fn filter(rule: &Value) -> Option<&Value> {
    rule.get("condition")?.get("regexFilter")
}

/// True where the gate of a host is shut by a rule.
pub async fn is_shut(host: &Host) -> bool {
    let wanted = shut_rules(&BTreeSet::from([host.clone()]), &api::own_url(PAGE), &api::own_id());
    let present = api::rules(Rules::Dynamic).await.unwrap_or_default();
    wanted.iter().all(|rule| present.iter().any(|one| filter(one) == filter(rule)))
}

/// A host for RE2.
fn escaped(host: &Host) -> String {
    in_url(host).replace('.', "\\.").replace('[', "\\[").replace(']', "\\]")
}

/// Without encryption nothing ever passes (priority 3). Over TLS nothing passes (1) but what the session's rules let through (2). The
/// extension's own probes are not its to hold back.
fn shut_rules(hosts: &BTreeSet<Host>, page: &str, own_id: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    let mut add = |priority: u32, condition: Value, action: Value| {
        rules.push(
            json!({"id": rules.len() + 1, "priority": priority, "condition": condition, "action": action}),
        );
    };
    let to_page = |query: &str| json!({"type": "redirect", "redirect": {"regexSubstitution": format!("{page}{query}#\\0")}});
    for host in hosts {
        // With its last dot it is the same name to DNS.
        let host = format!("{}\\.?", escaped(host));
        // A name and password in the URL must not get round the rule.
        let user = "([^/?#]*@)?";
        // `\0` is what was matched, so it has to be the whole URL.
        let whole = format!("^https?://{user}{host}(:[0-9]+)?/.*");
        let any = format!("^(https?|wss?)://{user}{host}(:[0-9]+)?/");
        let plain_whole = format!("^http://{user}{host}(:[0-9]+)?/.*");
        let plain = format!("^(http|ws)://{user}{host}(:[0-9]+)?/");
        let forms = ["post", "put", "patch", "delete"];
        let main = ["main_frame"];
        add(
            1,
            json!({"regexFilter": whole, "resourceTypes": main, "excludedRequestMethods": forms}),
            to_page(""),
        );
        add(
            1,
            json!({"regexFilter": whole, "resourceTypes": main, "requestMethods": forms}),
            to_page("?post"),
        );
        add(
            1,
            json!({"regexFilter": any, "resourceTypes": SUBRESOURCES, "excludedInitiatorDomains": [own_id]}),
            json!({"type": "block"}),
        );
        add(3, json!({"regexFilter": plain_whole, "resourceTypes": main}), to_page(""));
        add(3, json!({"regexFilter": plain, "resourceTypes": SUBRESOURCES}), json!({"type": "block"}));
    }
    rules
}

fn open_rules(addresses: &BTreeSet<Address>) -> Vec<Value> {
    let types: Vec<_> = SUBRESOURCES.iter().copied().chain(["main_frame"]).collect();
    addresses
        .iter()
        .enumerate()
        .map(|(n, address)| {
            let port = match address.port {
                443 => "(:443)?".to_owned(),
                port => format!(":{port}"),
            };
            let filter = format!("^(https|wss)://{}{port}/", escaped(&address.host));
            json!({
                "id": n + 1,
                "priority": 2,
                "condition": {"regexFilter": filter, "resourceTypes": types},
                "action": {"type": "allow"},
            })
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_the_host_alone() {
        for (host, expected) in
            [("home.example", "*://home.example/*"), ("2001:db8::1", "*://[2001:db8::1]/*")]
        {
            let host: Host = host.parse().unwrap();
            assert_eq!(pattern(&host), expected);
            assert_eq!(host_of_pattern(expected), Some(host));
        }
        assert_eq!(host_of_pattern("<all_urls>"), None);
        assert_eq!(host_of_pattern("*://*/*"), None);
    }

    #[test]
    fn open_rules_are_for_one_port() {
        let addresses =
            BTreeSet::from(["home.example".parse().unwrap(), "home.example:8443".parse().unwrap()]);
        let filters: Vec<_> =
            open_rules(&addresses).iter().map(|rule| rule["condition"]["regexFilter"].clone()).collect();
        assert_eq!(filters, ["^(https|wss)://home\\.example(:443)?/", "^(https|wss)://home\\.example:8443/"]);
    }

    #[test]
    fn shut_outranks_open_only_without_encryption() {
        let hosts = BTreeSet::from(["home.example".parse().unwrap()]);
        for rule in shut_rules(&hosts, "chrome-extension://x/gate.html", "x") {
            let filter = rule["condition"]["regexFilter"].as_str().unwrap();
            let is_plain = filter.starts_with("^http://") || filter.starts_with("^(http|ws)://");
            assert_eq!(rule["priority"].as_u64().unwrap() > 2, is_plain, "{rule}");
        }
    }
}
