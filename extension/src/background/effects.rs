//! The ports of the guard engine, in a browser.

#[cfg(not(feature = "background"))]
use core::convert::Infallible;
#[cfg(not(feature = "background"))]
use core::future::pending;
use core::pin::pin;
use core::time::Duration;
use std::collections::BTreeSet;

use doorlight::address::{Address, Host};
use doorlight::time::Timestamp;
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::signature::SignatureCheck;
use doorlight_guard::armed::Armed;
use doorlight_guard::audits::{PERIOD, issuer_of};
use doorlight_guard::light::Light;
use doorlight_guard::pattern;
#[cfg(feature = "background")]
use doorlight_guard::ports::HomeLine;
#[cfg(not(feature = "background"))]
use doorlight_guard::ports::Relief;
use doorlight_guard::ports::{
    Area, Browser, Captured, Clock, Download, Downloads, Notification, Probe, Refused, Spawn,
    Storage, Unseen,
};
use futures_util::future::{Either, select};
#[cfg(feature = "background")]
use futures_util::{SinkExt, StreamExt};
#[cfg(feature = "background")]
use gloo_net::websocket::Message;
#[cfg(feature = "background")]
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::TimeoutFuture;
use js_sys::Function;
use serde_json::{Value, json};
#[cfg(not(feature = "background"))]
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::browser::api::{self, DownloadChange};
use crate::browser::capture::{self, probe::CaptureError};
use crate::browser::document;
use crate::browser::downloads;
use crate::browser::gate::{self, Gate};
use crate::browser::intermediates;
use crate::browser::network::Network;
use crate::browser::tabs;

/// The alarm at the end of a good check, and before it.
const EXPIRY: &str = "expiry";
/// The alarm that looks whether an audit is due.
pub const AUDIT: &str = "audit";
/// When it goes off first.
const FIRST_AUDIT: Duration = Duration::from_secs(120);
/// Where it is kept whether this Chromium has `securityInfo`.
const SECURITY_INFO: &str = "has_security_info";

/// How long a browser takes to refuse to go on with a download, in milliseconds.
const REFUSES_WITHIN: u32 = 50;

/// A browser.
#[derive(Debug)]
pub struct Effects {
    /// How it shows certificates.
    pub capture: capture::Browser,
    /// What it lets pass.
    pub gate: Gate,
    /// Called where the whole background is to take over. The whole one has none.
    pub relief: Option<Function>,
}

impl Effects {
    /// The browser that this runs in.
    pub fn new(relief: Option<Function>) -> Self {
        let capture = capture::Browser::detect();
        Self { gate: Gate::new(capture.is_firefox()), capture, relief }
    }
}

#[cfg(not(feature = "background"))]
impl Relief for Effects {
    async fn relieve(&self) -> Infallible {
        if let capture::Browser::Chromium(chromium) = &self.capture {
            chromium.let_go();
        }
        api::end().await;
        if let Some(relief) = &self.relief {
            // It only begins something, and does not fail.
            let _ = relief.call0(&JsValue::UNDEFINED);
        }
        pending().await
    }
}

impl Clock for Effects {
    fn now(&self) -> Timestamp {
        doorlight_browser::now()
    }

    async fn sleep(&self, time: Duration) {
        TimeoutFuture::new(u32::try_from(time.as_millis()).unwrap_or(u32::MAX)).await;
    }
}

impl Spawn for Effects {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        spawn_local(work);
    }
}

impl From<CaptureError> for Unseen {
    fn from(error: CaptureError) -> Self {
        Self { code: error.code(), reason: error.reason().into() }
    }
}

impl Probe for Effects {
    async fn look(
        &self,
        address: &Address,
        shows_client_certificate: bool,
    ) -> Result<Captured, Unseen> {
        Ok(self.capture.look(&self.gate, address, shows_client_certificate).await?)
    }
}

impl doorlight_guard::ports::Network for Effects {
    fn network(&self, each: Duration, in_all: Duration) -> impl doorlight::fetch::Platform {
        Network::new(each, in_all)
    }

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        doorlight_browser::verify(checks).await
    }

    async fn missing_issuers(&self, report: &Report) -> Vec<Certificate> {
        intermediates::fetch(report).await
    }
}

impl Storage for Effects {
    async fn read(&self, area: Area, keys: &[&str]) -> Result<Value, Refused> {
        api::stored(area, Some(keys)).await
    }

    async fn read_all(&self, area: Area) -> Result<Value, Refused> {
        api::stored(area, None).await
    }

    async fn write(&self, area: Area, entries: Value) -> Result<(), Refused> {
        api::store(area, entries).await
    }

    async fn remove(&self, area: Area, keys: &[&str]) -> Result<(), Refused> {
        api::unstore(area, keys).await
    }

    fn random_uuid(&self) -> String {
        api::random_uuid()
    }
}

#[cfg(feature = "background")]
impl HomeLine for Effects {
    type Line = WebSocket;

    fn open(&self, url: &str) -> Option<WebSocket> {
        WebSocket::open(url).ok()
    }

    async fn hear(&self, line: &mut WebSocket) -> Option<String> {
        match line.next().await {
            Some(Ok(Message::Text(text))) => Some(text),
            Some(Ok(Message::Bytes(_)) | Err(_)) | None => None,
        }
    }

    async fn say(&self, line: &mut WebSocket, text: String) -> Option<()> {
        line.send(Message::Text(text)).await.ok()
    }

    async fn status(&self, url: &str) -> Option<u16> {
        doorlight_browser::network::status(url, core::time::Duration::from_secs(3)).await
    }
}

impl Downloads for Effects {
    fn sees_downloads(&self) -> bool {
        api::has("downloads.search")
    }

    async fn downloads(&self) -> Vec<Download> {
        downloads::unfinished().await
    }

    async fn broken_downloads(&self) -> Vec<Download> {
        downloads::broken().await
    }

    async fn pause_download(&self, id: i64) {
        let _ = api::change_download(DownloadChange::Pause, id).await;
    }

    async fn resume_download(&self, id: i64) -> bool {
        // Firefox answers when all has arrived, or at once where it refuses.
        let resumed = pin!(api::change_download(DownloadChange::Resume, id));
        match select(resumed, TimeoutFuture::new(REFUSES_WITHIN)).await {
            Either::Left((answer, _)) => answer.is_ok(),
            Either::Right(_) => true,
        }
    }

    async fn discard_download(&self, id: i64) {
        let _ = api::change_download(DownloadChange::Cancel, id).await;
        let _ = api::change_download(DownloadChange::Erase, id).await;
    }
}

impl Browser for Effects {
    fn is_private(&self) -> bool {
        api::is_private()
    }

    async fn is_granted(&self, pattern: &str) -> bool {
        api::is_granted(pattern).await
    }

    async fn give_back(&self, pattern: &str) {
        // A permission that stays is not asked for again; it does no harm.
        let _ = api::give_back(&[pattern.to_owned()], &[]).await;
    }

    async fn notify(
        &self,
        address: &Address,
        notification: &Notification<'_>,
    ) -> Result<(), Refused> {
        let host = address.host.as_str();
        let (name, text) = match notification {
            Notification::Issuance { id, issuance } => (
                format!("{id} {address}"),
                api::text("notify_issuance_text", &[host, &issuer_of(issuance)]),
            ),
            Notification::Issuances(count) => (
                format!("many {address}"),
                api::text("notify_many_text", &[&count.to_string(), host]),
            ),
        };
        api::notify(&name, &api::text("notify_issuance_title", &[]), &text).await
    }

    async fn set_audit_alarm(&self, is_needed: bool) {
        if is_needed {
            let _ = api::set_repeated_alarm(AUDIT, FIRST_AUDIT, PERIOD).await;
        } else {
            api::clear_alarm(AUDIT).await;
        }
    }

    async fn show(&self, address: &Address, light: &impl Fn() -> Light) {
        for tab in tabs::of(address).await {
            tabs::show_light(tab.id, address, None, light).await;
        }
    }

    async fn leave(&self, address: &Address, is_danger: bool) {
        if is_danger {
            document::leave_everywhere(address).await;
        }
        for tab in tabs::of(address).await {
            let _ = api::send_tab(tab.id, &gate::page(&tab.url, false)).await;
        }
    }

    async fn call_in(&self, address: &Address) {
        for tab in api::own_tabs(gate::PAGE).await {
            let wanted =
                tab.url.split_once('#').and_then(|(_, wanted)| wanted.parse::<Address>().ok());
            if wanted.as_ref() == Some(address) {
                api::reload_tab(tab.id).await;
            }
        }
    }

    async fn remember_capture(&self) {
        if let capture::Browser::Chromium(chromium) = &self.capture
            && let Some(known) = chromium.has_security_info()
        {
            // Without it the next life of the worker finds out again.
            let _ = api::store(Area::Session, json!({SECURITY_INFO: known})).await;
        }
    }

    async fn recall_capture(&self) {
        if let capture::Browser::Chromium(chromium) = &self.capture {
            let known = api::stored(Area::Session, Some(&[SECURITY_INFO])).await.ok();
            chromium.recall(known.and_then(|known| known.get(SECURITY_INFO)?.as_bool()));
        }
    }

    async fn granted_hosts(&self) -> Option<BTreeSet<Host>> {
        let patterns = api::granted_patterns().await.ok()?;
        Some(patterns.iter().filter_map(|one| pattern::host_of(one)).collect())
    }

    async fn shut_rules(
        &self,
        guarded: &BTreeSet<Host>,
        open: &BTreeSet<Address>,
    ) -> Result<(), Refused> {
        self.gate.shut_all_but(guarded, open).await
    }

    async fn open_rules(&self, guarded: &BTreeSet<Host>, open: &Armed) -> Result<(), Refused> {
        self.gate.open(guarded, &open.addresses()).await
    }

    async fn set_gate_alarm(&self, at: Option<Timestamp>) -> Result<(), Refused> {
        match at {
            Some(at) => api::set_alarm(EXPIRY, at.millis()).await?,
            None => api::clear_alarm(EXPIRY).await,
        }
        Ok(())
    }
}
