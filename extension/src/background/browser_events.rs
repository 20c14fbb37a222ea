//! What the browser reports: requests, alarms, permissions, the network.

use core::time::Duration;

use doorlight::address::Address;
use doorlight::site::look_alike::likeness;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::observation::Seen;
use doorlight_browser::now;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Promise};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::background::effects::AUDIT;
use crate::background::engine::Engine;
use crate::background::guarding;
use crate::browser::api;
use crate::browser::capture::Browser;
use crate::browser::capture::chromium;
use crate::browser::capture::firefox::{Shown, shown};
use crate::browser::capture::probe::CaptureError;
use crate::browser::gate;
#[cfg(feature = "background")]
use crate::browser::tabs;
use crate::browser::url::{address_of, without_user};
#[cfg(not(feature = "background"))]
use doorlight_guard::deferred::relieve;
use doorlight_guard::ports::Captured;
use doorlight_guard::session::Way;
use doorlight_guard::sources::asked_hosts;

/// A page is held this long, in milliseconds, before the gate page says what is going on.
const HOLD: u32 = 400;
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

    /// The address it goes to, whatever the scheme, and with whatever name and password.
    pub fn address(&self) -> Option<Address> {
        address_of(without_user(&self.url).as_deref().unwrap_or(&self.url))
    }

    /// The URL that the answer sends the browser to.
    fn leads_to(&self) -> Option<String> {
        if !self.redirect_url.is_empty() {
            return Some(self.redirect_url.clone());
        }
        let location =
            self.response_headers.iter().find(|one| one.name.eq_ignore_ascii_case("location"))?;
        let is_redirect = (300..400).contains(&self.status_code);
        is_redirect.then(|| resolve(&location.value, &self.url)).flatten()
    }
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
pub fn open_address(engine: &Engine, url: &str) -> Option<Address> {
    let is_tls = url.starts_with("https://") || url.starts_with("wss://");
    address_of(url).filter(|address| is_tls && engine.is_open(address))
}

fn let_through() -> Value {
    json!({})
}

fn cancel() -> Value {
    json!({"cancel": true})
}

/// Firefox, before anything is sent: holds a page of a guarded host until the check is good.
/// Everything else is the rules' ([`crate::browser::rules`]), which come first.
pub async fn before_request(engine: &Engine, details: &Details) -> Value {
    if details.is_own() {
        return let_through();
    }
    let bare = without_user(&details.url);
    let url = bare.as_deref().unwrap_or(&details.url);
    let Some(address) = address_of(url) else { return cancel() };
    let is_told_apart = engine.store.with(|state| state.kept.pins.is_ok()) || {
        engine.store.with(|state| {
            let trust = state.trust().map(|trust| &**trust);
            asked_hosts(&state.kept.settings, trust, now()).contains(&address.host)
        })
    };
    if !guarding::is_host_guarded(engine, &address.host) && is_told_apart {
        return let_through();
    }
    if !details.is_main() {
        return if open_address(engine, &details.url).is_some() { let_through() } else { cancel() };
    }
    let is_form = !["GET", "HEAD"].contains(&details.method.as_str());
    let stop = || json!({"redirectUrl": gate::page(url, is_form)});
    // The gate page goes on without the name and the password.
    if details.is_plain() || bare.is_some() || !engine.store.is_guarded(&address) {
        return stop();
    }
    guarding::make_ready(engine, &address.host).await;
    if !engine.way(&address).is_open() {
        let check = future_to_promise({
            let (engine, address) = (engine.clone(), address.clone());
            async move {
                engine.check(&address).await;
                Ok(JsValue::UNDEFINED)
            }
        });
        // A form cannot be sent again from the gate page, so it is held as long as it takes.
        let held = if is_form { check } else { first_of(check, HOLD) };
        let _ = JsFuture::from(held).await;
    }
    if engine.passes(&address).await { let_through() } else { stop() }
}

fn first_of(work: Promise, milliseconds: u32) -> Promise {
    let limit = future_to_promise(async move {
        TimeoutFuture::new(milliseconds).await;
        Ok(JsValue::UNDEFINED)
    });
    Promise::race(&Array::of2(&work, &limit))
}

/// Firefox, on the headers of every answer: the certificate of this very connection has to be the
/// one that was checked.
pub async fn headers_received(engine: &Engine, details: &Details) -> Value {
    let Browser::Firefox(firefox) = &engine.ports().capture else { return let_through() };
    if details.is_own() {
        if !engine.ports().gate.is_probe(&details.url) {
            // A look that was given up must not leave a cookie or ask for a password either.
            let is_late = details.address().is_some_and(|one| engine.store.is_guarded(&one));
            return if is_late { cancel() } else { let_through() };
        }
        firefox.probe_answered(&details.url, &details.request_id).await;
        // All has been seen: no body is waited for, no cookie kept, no password asked for.
        return cancel();
    }
    let Some(address) = details.address() else { return cancel() };
    // Plain answers and other ports never got this far; what the cache holds is no evidence (and
    // carried nothing anywhere).
    if !engine.store.is_guarded(&address) || details.from_cache || details.is_plain() {
        return let_through();
    }
    if look_alike(engine, &address, details).await {
        return stop_here(details);
    }
    let known = engine
        .store
        .with(|state| state.address(&address))
        .certificate()
        .map(|known| known.to_string());
    let way = match shown(&details.request_id, false).await {
        Shown::Certificates(fingerprint, _) if Some(&fingerprint) == known.as_ref() => {
            engine.way(&address)
        }
        Shown::Certificates(..) => match shown(&details.request_id, true).await {
            Shown::Certificates(_, ders) => {
                engine.saw(&address, &Captured { ders, seen: Seen::ThisConnection }).await
            }
            Shown::Overridden | Shown::Nothing => Way::Shut,
        },
        Shown::Overridden => {
            engine.saw_without(&address, Code::BrowserOverride, "").await;
            engine.way(&address)
        }
        Shown::Nothing => {
            engine.saw_without(&address, Code::CertificateNotShown, "getSecurityInfo").await;
            engine.way(&address)
        }
    };
    if way.is_open() { let_through() } else { stop_here(details) }
}

fn stop_here(details: &Details) -> Value {
    if details.is_main() {
        json!({"redirectUrl": gate::page(&details.url, false)})
    } else {
        cancel()
    }
}

/// Names a redirect to a look-alike. True where there was one.
async fn look_alike(engine: &Engine, address: &Address, details: &Details) -> bool {
    if !["main_frame", "sub_frame"].contains(&details.kind.as_str()) {
        return false;
    }
    let Some(other) = details.leads_to().and_then(|url| address_of(&url)) else { return false };
    let Some(likeness) = likeness(&address.host, &other.host) else { return false };
    let reason = format!("{} ({})", other.host, likeness.as_str());
    engine.saw_without(address, Code::TransportLookAlike, &reason).await;
    true
}

/// Chromium, when a page was sent elsewhere: to the gate, where the check may begin before that
/// page is there; or by its own server, and the tab is taken back from a look-alike.
pub async fn redirected(engine: &Engine, details: &Details) {
    let Some(address) = details.address() else { return };
    if details.redirect_url.starts_with(&api::own_url(gate::PAGE)) {
        if !details.is_plain()
            && engine.store.is_guarded(&address)
            && !engine.way(&address).is_open()
        {
            engine.check(&address).await;
        }
    } else if engine.store.is_guarded(&address) && look_alike(engine, &address, details).await {
        let _ = api::send_tab(details.tab_id, &gate::page(&details.url, false)).await;
    }
}

/// Chromium, on the headers of every answer: what `securityInfo` shows, where it is switched on.
/// Cannot hold anything back.
pub async fn security_seen(engine: &Engine, details: &Details, raw: &JsValue) {
    let Browser::Chromium(chromium) = &engine.ports().capture else { return };
    if details.is_own() {
        if engine.ports().gate.is_probe(&details.url) {
            chromium.probe_answered(&details.url, raw);
        }
        return;
    }
    let Some(address) = details.address() else { return };
    if details.from_cache || !engine.store.is_guarded(&address) {
        return;
    }
    if chromium::is_overridden(raw) {
        engine.saw_without(&address, Code::BrowserOverride, "").await;
        return;
    }
    let Some(leaf) = chromium::leaf_of(raw) else { return };
    let is_known =
        engine.store.with(|state| state.address(&address)).certificate().is_some_and(|known| {
            known == doorlight::x509::fingerprint::CertificateSha256::of(&leaf)
        });
    if !is_known {
        engine.saw(&address, &Captured { ders: vec![leaf], seen: Seen::ThisConnection }).await;
    }
}

/// A request failed. For our own probes this is the only word on why. A page, frame or socket of a
/// guarded address that fails for its certificate is a finding like our own look's with the same
/// error, and shuts the gate at once: the browser may offer to go on regardless.
pub async fn request_failed(engine: &Engine, details: &Details) {
    // What we ended ourselves is reported too, and may come after the next probe has begun.
    let was_ended = ["net::ERR_ABORTED", "NS_BINDING_ABORTED"].contains(&details.error.as_str());
    if was_ended {
        return;
    }
    if details.is_own() {
        return match &engine.ports().capture {
            Browser::Firefox(firefox) => firefox.probe_failed(&details.url, &details.error),
            Browser::Chromium(chromium) => chromium.probe_failed(&details.url, &details.error),
        };
    }
    let Some(address) = details.address().filter(|address| engine.store.is_guarded(address)) else {
        return;
    };
    // Chromium gives no reason for a socket (measured: the same for a bad certificate and for a
    // server that is down), so our own look finds out. Only the home's own pages are reported here.
    let is_silent = details.kind == "websocket" && details.error == "net::ERR_FAILED";
    if is_silent && engine.way(&address).is_open() {
        // A server that restarts says nothing about its certificate.
        match engine.ports().capture.look(&engine.ports().gate, &address, false).await {
            Ok(captured) => {
                engine.saw(&address, &captured).await;
            }
            Err(CaptureError::Refused(reason)) => {
                engine.saw_without(&address, Code::BrowserRefuses, &reason).await;
            }
            Err(_) => {}
        }
        return;
    }
    if let (CaptureError::Refused(reason), false) =
        (CaptureError::from_error(&details.error), details.is_plain())
    {
        engine.saw_without(&address, Code::BrowserRefuses, &reason).await;
    }
}

/// An alarm went off. One that comes late tells that the machine slept: nothing from before counts
/// then.
pub async fn alarm(engine: &Engine, name: &str, scheduled: Timestamp) {
    engine.ports().gate.ask_again();
    if now().since(scheduled) > LATE {
        engine.expire(None).await;
    }
    engine.set_gate().await;
    // Checks take their time, and whoever waits for this would take the core for dead.
    spawn_local({
        let engine = engine.clone();
        async move { guarding::renew(&engine).await }
    });
    set_at_the_end(engine);
    if name == AUDIT {
        // The logs take their time; the gates do not wait for them.
        spawn_local(audit_due(engine.clone()));
    }
}

/// Sets the gate at the next end of an open way, where that is near.
pub fn set_at_the_end(engine: &Engine) {
    let Some(end) = guarding::near_end(engine) else { return };
    let engine = engine.clone();
    spawn_local(async move {
        let wait = end.since(now()).as_millis();
        TimeoutFuture::new(u32::try_from(wait).unwrap_or(u32::MAX)).await;
        engine.set_gate().await;
    });
}

#[cfg(feature = "background")]
async fn audit_due(engine: Engine) {
    engine.audit_due().await;
}

/// The script gives this alarm to the whole background: this is only for one that comes here all the
/// same.
#[cfg(not(feature = "background"))]
async fn audit_due(engine: Engine) {
    match relieve(&engine).await {}
}

/// The network changed: what was seen over the old one says nothing about this one.
pub async fn network_changed(engine: &Engine) {
    engine.expire(None).await;
    guarding::renew(engine).await;
}

/// The browser started, or the extension did: what is open already never went through the gate.
/// Measured in Chromium 156: tabs of the last session are sent to the gate before the extension's
/// own pages can be shown, and stand there with an error; and a tab may be loaded before Chromium
/// has read the rules that shut the gate.
#[cfg(feature = "background")]
pub async fn started(engine: &Engine) {
    engine.ports().gate.block_cookies_again();
    permissions_changed(engine).await;
    // An update may have brought a newer table.
    engine.judge_versions_anew().await;
    for address in engine.guarded() {
        for tab in tabs::of(&address).await {
            if !engine.way(&address).is_open() {
                let _ = api::send_tab(tab.id, &gate::page(&tab.url, false)).await;
            }
        }
    }
    for tab in api::own_tabs(gate::PAGE).await {
        api::reload_tab(tab.id).await;
    }
}

/// The user gave or took a permission in the browser's own pages.
pub async fn permissions_changed(engine: &Engine) {
    // What cannot be set is shown by the self-test and in the options.
    let _ = guarding::set_guard(engine).await;
    for address in engine.guarded() {
        if !guarding::may_guard(engine, &address.host).await {
            engine.expire(Some(&address)).await;
        }
    }
}
