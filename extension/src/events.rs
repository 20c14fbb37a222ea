//! What the browser reports: requests, alarms, permissions, the network.

use core::time::Duration;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::evidence::Code;
use doorlight::examination::Seen;
use doorlight::look_alike::likeness;
use doorlight::time::Timestamp;
use doorlight_browser::now;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Promise};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::api;
use crate::audit;
use crate::capture::Browser;
use crate::capture::chromium;
use crate::capture::firefox::{Shown, shown};
use crate::capture::{Captured, PROBE_PATH};
use crate::gate;
use crate::keeper::Keeper;
use crate::standing::Way;

/// A page is held this long, in milliseconds, before the gate page says what is going on.
const HOLD: u32 = 400;
/// A part of a page is held this long, in milliseconds, before it fails. Measured in Firefox 153: parts that are held hold our own probe to the same
/// host up, before it is sent.
const HOLD_PART: u32 = 20;
/// An alarm that comes this late tells of a machine that slept.
const LATE: Duration = Duration::from_secs(45);

/// A request, as both browsers describe it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The browser's number of it.
    pub request_id: String,
    /// Where to.
    pub url: String,
    /// `main_frame`, `websocket`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `GET`, …
    #[serde(default)]
    pub method: String,
    /// The tab, −1 for none.
    #[serde(default)]
    pub tab_id: i32,
    /// True for an answer from the browser's cache.
    #[serde(default)]
    pub from_cache: bool,
    /// Who asked (Firefox).
    #[serde(default)]
    pub origin_url: Option<String>,
    /// Who asked (Chromium).
    #[serde(default)]
    pub initiator: Option<String>,
    /// The status of the answer.
    #[serde(default)]
    pub status_code: u16,
    /// Where the answer leads (`onBeforeRedirect`).
    #[serde(default)]
    pub redirect_url: String,
    /// Why it failed (`onErrorOccurred`).
    #[serde(default)]
    pub error: String,
    /// The answer's headers.
    #[serde(default)]
    pub response_headers: Vec<Header>,
}

/// A header.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// Its name, in any case.
    pub name: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

impl Details {
    /// From what a listener got. `None` for something unknown; the caller fails safe.
    pub fn read(details: &JsValue) -> Option<Self> {
        serde_json::from_str(&api::text_of(details)).ok()
    }

    /// True for our own requests: they are not held back, and only they are captured.
    pub fn is_own(&self) -> bool {
        // Firefox names the page (with a path), Chromium the origin (without the last slash).
        let own = api::own_url("");
        let by = self.origin_url.as_ref().or(self.initiator.as_ref());
        let is_own = |by: &String| by.starts_with(&own) || format!("{by}/") == own;
        self.tab_id == -1 && !own.is_empty() && by.is_some_and(is_own)
    }

    fn is_main(&self) -> bool {
        self.kind == "main_frame"
    }

    fn is_plain(&self) -> bool {
        self.url.starts_with("http://") || self.url.starts_with("ws://")
    }

    /// The address it goes to, whatever the scheme.
    pub fn address(&self) -> Option<Address> {
        address_of(&self.url)
    }

    /// The URL that the answer sends the browser to.
    fn leads_to(&self) -> Option<String> {
        if !self.redirect_url.is_empty() {
            return Some(self.redirect_url.clone());
        }
        let location = self.response_headers.iter().find(|one| one.name.eq_ignore_ascii_case("location"))?;
        let is_redirect = (300..400).contains(&self.status_code);
        is_redirect.then(|| resolve(&location.value, &self.url)).flatten()
    }
}

/// The address of a URL of the web, whatever its scheme; a port that is not named is TLS's. A host that is written with its last dot is none of ours:
/// the same name to DNS, another one to cookies, permissions and rules.
pub fn address_of(url: &str) -> Option<Address> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    if host.ends_with('.') {
        return None;
    }
    ["https", "wss", "http", "ws"].contains(&scheme).then(|| format!("https://{rest}").parse().ok()).flatten()
}

#[wasm_bindgen::prelude::wasm_bindgen]
extern "C" {
    type URL;
    #[wasm_bindgen(constructor, catch)]
    fn new(url: &str, base: &str) -> Result<URL, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn href(this: &URL) -> String;
}

fn resolve(url: &str, base: &str) -> Option<String> {
    URL::new(url, base).ok().map(|url| url.href())
}

/// The address of a URL that may pass because its check is fresh.
pub fn open_address(keeper: &Keeper, url: &str) -> Option<Address> {
    let is_tls = url.starts_with("https://") || url.starts_with("wss://");
    address_of(url).filter(|address| is_tls && keeper.way(address).is_open())
}

fn let_through() -> Value {
    json!({})
}

fn cancel() -> Value {
    json!({"cancel": true})
}

/// Firefox, before anything is sent: holds what goes to a guarded host until the check is good.
pub async fn before_request(keeper: &Rc<Keeper>, details: &Details) -> Value {
    if details.is_own() {
        return let_through();
    }
    let Some(address) = details.address() else { return cancel() };
    let is_told_apart = keeper.kept.borrow().pins.is_ok() || keeper.asked_hosts().contains(&address.host);
    if !keeper.is_host_guarded(&address.host) && is_told_apart {
        return let_through();
    }
    let is_form = !["GET", "HEAD"].contains(&details.method.as_str());
    let stop = || {
        if details.is_main() { json!({"redirectUrl": gate::page(&details.url, is_form)}) } else { cancel() }
    };
    if details.is_plain() || !keeper.is_guarded(&address) {
        return stop();
    }
    if !keeper.way(&address).is_open() {
        let check = future_to_promise({
            let (keeper, address) = (Rc::clone(keeper), address.clone());
            async move {
                keeper.check(&address).await;
                Ok(JsValue::UNDEFINED)
            }
        });
        let held = if is_form {
            // It cannot be sent again from the gate page, so it is held as long as it takes.
            check
        } else if details.is_main() {
            first_of(check, HOLD)
        } else {
            first_of(check, HOLD_PART)
        };
        let _ = JsFuture::from(held).await;
    }
    if keeper.way(&address).is_open() { let_through() } else { stop() }
}

fn first_of(work: Promise, milliseconds: u32) -> Promise {
    let limit = future_to_promise(async move {
        TimeoutFuture::new(milliseconds).await;
        Ok(JsValue::UNDEFINED)
    });
    Promise::race(&Array::of2(&work, &limit))
}

/// Firefox, on the headers of every answer: the certificate of this very connection has to be the one that was checked.
pub async fn headers_received(keeper: &Rc<Keeper>, details: &Details) -> Value {
    let Browser::Firefox(firefox) = &keeper.browser else { return let_through() };
    if details.is_own() {
        firefox.probe_answered(&details.url, &details.request_id).await;
        return let_through();
    }
    let Some(address) = details.address() else { return cancel() };
    // Plain answers and other ports never got this far; what the cache holds is no evidence (and carried nothing anywhere).
    if !keeper.is_guarded(&address) || details.from_cache || details.is_plain() {
        return let_through();
    }
    if look_alike(keeper, &address, details).await {
        return stop_here(details);
    }
    let known = keeper.standing(&address).certificate().map(|known| known.to_string());
    let way = match shown(&details.request_id, false).await {
        Shown::Certificates(fingerprint, _) if Some(&fingerprint) == known.as_ref() => keeper.way(&address),
        Shown::Certificates(..) => match shown(&details.request_id, true).await {
            Shown::Certificates(_, ders) => {
                keeper.saw(&address, &Captured { ders, seen: Seen::ThisConnection }).await
            }
            Shown::Overridden | Shown::Nothing => Way::Shut,
        },
        Shown::Overridden => {
            keeper.saw_without(&address, Code::BrowserOverride, "").await;
            keeper.way(&address)
        }
        Shown::Nothing => {
            keeper.saw_without(&address, Code::CertificateNotShown, "getSecurityInfo").await;
            keeper.way(&address)
        }
    };
    if way.is_open() { let_through() } else { stop_here(details) }
}

fn stop_here(details: &Details) -> Value {
    if details.is_main() { json!({"redirectUrl": gate::page(&details.url, false)}) } else { cancel() }
}

/// Names a redirect to a look-alike. True where there was one.
async fn look_alike(keeper: &Rc<Keeper>, address: &Address, details: &Details) -> bool {
    if !["main_frame", "sub_frame"].contains(&details.kind.as_str()) {
        return false;
    }
    let Some(other) = details.leads_to().and_then(|url| address_of(&url)) else { return false };
    let Some(likeness) = likeness(&address.host, &other.host) else { return false };
    let reason = format!("{} ({})", other.host, likeness.as_str());
    keeper.saw_without(address, Code::TransportLookAlike, &reason).await;
    true
}

/// Chromium, when a page was sent elsewhere: to the gate, where the check may begin before that page is there; or by its own server,
/// and the tab is taken back from a look-alike.
pub async fn redirected(keeper: &Rc<Keeper>, details: &Details) {
    let Some(address) = details.address() else { return };
    if details.redirect_url.starts_with(&api::own_url(gate::PAGE)) {
        if !details.is_plain() && keeper.is_guarded(&address) && !keeper.way(&address).is_open() {
            keeper.check(&address).await;
        }
    } else if keeper.is_guarded(&address) && look_alike(keeper, &address, details).await {
        let _ = api::send_tab(details.tab_id, &gate::page(&details.url, false)).await;
    }
}

/// Chromium, on the headers of every answer: what `securityInfo` shows, where it is switched on. Cannot hold anything back.
pub async fn security_seen(keeper: &Rc<Keeper>, details: &Details, raw: &JsValue) {
    let Browser::Chromium(chromium) = &keeper.browser else { return };
    if details.is_own() {
        if details.url.ends_with(PROBE_PATH) {
            chromium.probe_answered(&details.url, raw);
        }
        return;
    }
    let Some(address) = details.address() else { return };
    if details.from_cache || !keeper.is_guarded(&address) {
        return;
    }
    if chromium::is_overridden(raw) {
        keeper.saw_without(&address, Code::BrowserOverride, "").await;
        return;
    }
    let Some(leaf) = chromium::leaf_of(raw) else { return };
    let is_known = keeper
        .standing(&address)
        .certificate()
        .is_some_and(|known| known == doorlight::fingerprint::CertificateSha256::of(&leaf));
    if !is_known {
        keeper.saw(&address, &Captured { ders: vec![leaf], seen: Seen::ThisConnection }).await;
    }
}

/// A request failed: for our own probes this is the only word on why.
pub fn request_failed(keeper: &Rc<Keeper>, details: &Details) {
    // What we ended ourselves is reported too, and may come after the next probe has begun.
    let was_ended = ["net::ERR_ABORTED", "NS_BINDING_ABORTED"].contains(&details.error.as_str());
    if !details.is_own() || was_ended {
        return;
    }
    match &keeper.browser {
        Browser::Firefox(firefox) => firefox.probe_failed(&details.url, &details.error),
        Browser::Chromium(chromium) => chromium.probe_failed(&details.url, &details.error),
    }
}

/// An alarm went off. One that comes late tells that the machine slept: nothing from before counts then.
pub async fn alarm(keeper: &Rc<Keeper>, name: &str, scheduled: Timestamp) {
    if now().since(scheduled) > LATE {
        keeper.expire(None).await;
    }
    keeper.set_gate().await;
    // Checks take their time, and whoever waits for this would take the core for dead.
    spawn_local({
        let keeper = Rc::clone(keeper);
        async move { keeper.renew().await }
    });
    if let Some(end) = keeper.near_end() {
        spawn_local({
            let keeper = Rc::clone(keeper);
            async move {
                let wait = end.since(now()).as_millis();
                TimeoutFuture::new(u32::try_from(wait).unwrap_or(u32::MAX)).await;
                keeper.set_gate().await;
            }
        });
    }
    if name == audit::ALARM {
        // The logs take their time; the gates do not wait for them.
        spawn_local({
            let keeper = Rc::clone(keeper);
            async move { keeper.audit_due().await }
        });
    }
}

/// The network changed: what was seen over the old one says nothing about this one.
pub async fn network_changed(keeper: &Rc<Keeper>) {
    keeper.expire(None).await;
    keeper.renew().await;
}

/// The browser started, or the extension did: what is open already never went through the gate. Measured in Chromium 156: tabs of the last session are sent to the gate before the extension's own pages can be shown,
/// and stand there with an error; and a tab may be loaded before Chromium has read the rules that shut the gate.
pub async fn started(keeper: &Rc<Keeper>) {
    // An update may have brought a newer table.
    keeper.judge_versions_anew().await;
    for address in keeper.guarded() {
        for tab in keeper.tabs(&address).await {
            if !keeper.way(&address).is_open() {
                let _ = api::send_tab(tab.id, &gate::page(&tab.url, false)).await;
            }
        }
    }
    permissions_changed(keeper).await;
    for tab in api::own_tabs(gate::PAGE).await {
        api::reload_tab(tab.id).await;
    }
}

/// The user gave or took a permission in the browser's own pages.
pub async fn permissions_changed(keeper: &Rc<Keeper>) {
    // What cannot be set is shown by the self-test and in the options.
    let _ = keeper.set_guard().await;
    for address in keeper.guarded() {
        if !keeper.may_guard(&address.host).await {
            keeper.expire(Some(&address)).await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_urls() {
        for (url, expected) in [
            ("https://home.example/x?y#z", Some("home.example")),
            ("wss://home.example:8443/api", Some("home.example:8443")),
            ("http://home.example/", Some("home.example")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https://user@home.example/", None),
            ("file:///etc/passwd", None),
            ("https://home.example./", None),
            ("https://home.example.:8443/", None),
        ] {
            assert_eq!(address_of(url).map(|address| address.to_string()).as_deref(), expected, "{url}");
        }
    }
}
