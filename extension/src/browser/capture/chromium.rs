//! Chromium: `securityInfo` of `onHeadersReceived` where it is switched on, else the debugger on
//! our own service worker.
//!
//! The debugger is attached to nothing but the worker that this code runs in: no page is ever
//! touched. Chromium shows its "started debugging" bar meanwhile all the same, and Cancel in it
//! ends the look. Where `securityInfo` is there the debugger is never used.
//! <https://developer.chrome.com/docs/extensions/reference/api/debugger>,
//! <https://chromedevtools.github.io/devtools-protocol/tot/Network/>

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use doorlight::address::Address;
use doorlight::verdict::observation::Seen;
use gloo_timers::future::TimeoutFuture;
use js_sys::Uint8Array;
use serde_json::{Value, json};
use wasm_bindgen::{JsCast, JsValue};

use crate::browser::api;
use crate::browser::capture::probe::{
    CaptureError, LOOK_LIMIT, PROBE_PATH, Probe, ProbeError, UNTOLD, Way, probe,
};
use crate::browser::gate::Gate;
use doorlight_guard::ports::{Captured, Refused};
use doorlight_guard::turn::Turn;

/// Where a probe goes if the first one is only sent elsewhere: Chromium shows no certificate of a
/// redirect.
const PROBE_PATHS: [&str; 3] = [PROBE_PATH, "/", "/favicon.ico"];
/// How long to wait for the event that says why a fetch failed, in steps of ten milliseconds. It
/// comes at once, unless the machine is very busy or the browser did not ask at all.
const STEPS_FOR_REASON: u32 = 200;

/// What the listeners saw.
#[derive(Debug, Default)]
pub struct Chromium {
    /// Whether `securityInfo` is there; `None` until a first probe has shown it.
    has_security_info: Cell<Option<bool>>,
    /// The leaves that `securityInfo` showed of our own probes, by URL.
    leaves: RefCell<BTreeMap<String, Option<Vec<u8>>>>,
    /// Why our own probes failed, by URL.
    errors: RefCell<BTreeMap<String, String>>,
    /// True once the user has pressed Cancel during the present look.
    was_ended: Cell<bool>,
    /// By which way each address was reached last.
    ways: RefCell<BTreeMap<Address, Way>>,
    /// What the debugger is attached to during the present look.
    target: RefCell<Option<Value>>,
    /// The debugger can be attached once.
    turn: Turn,
}

/// The server's certificate in `securityInfo`, `None` where Chromium does not show it.
pub fn leaf_of(details: &JsValue) -> Option<Vec<u8>> {
    let certificates = api::member(&api::member(details, "securityInfo"), "certificates");
    let raw = api::member(&certificates.dyn_into::<js_sys::Array>().ok()?.get(0), "rawDER");
    (!raw.is_undefined()).then(|| Uint8Array::new(&raw).to_vec())
}

/// True where the user clicked a certificate warning away.
pub fn is_overridden(details: &JsValue) -> bool {
    api::member(&api::member(details, "securityInfo"), "state").as_string().as_deref()
        == Some("broken")
}

impl Chromium {
    /// A response to one of our own probes arrived.
    pub fn probe_answered(&self, url: &str, details: &JsValue) {
        let leaf = leaf_of(details);
        self.has_security_info.set(Some(leaf.is_some()));
        self.leaves.borrow_mut().insert(url.into(), leaf.filter(|_| !is_overridden(details)));
    }

    /// One of our own probes failed.
    pub fn probe_failed(&self, url: &str, error: &str) {
        self.errors.borrow_mut().insert(url.into(), error.into());
    }

    /// The debugger was detached by the user.
    pub fn ended(&self) {
        self.was_ended.set(true);
    }

    /// Whether `securityInfo` is there, as far as is known.
    pub fn has_security_info(&self) -> Option<bool> {
        self.has_security_info.get()
    }

    /// This background ends, and the worker lives on: a look that is under way lets go of it.
    #[cfg(not(feature = "background"))]
    pub fn let_go(&self) {
        if let Some(target) = self.target.take() {
            api::debugger_let_go(&target);
        }
    }

    /// What an earlier life of the worker found out.
    pub fn recall(&self, has_security_info: Option<bool>) {
        self.has_security_info.set(has_security_info);
    }

    /// Sends a probe, and others where that one fails: its URL, and whether it was answered by the
    /// address itself.
    async fn probe(
        &self,
        gate: &Gate,
        address: &Address,
        path: &str,
    ) -> Result<(String, bool), CaptureError> {
        let mut way = self.ways.borrow().get(address).copied().unwrap_or(Way::FIRST);
        loop {
            match self.probe_by(gate, address, path, way).await {
                Ok(answered) => {
                    if answered.1 {
                        self.ways.borrow_mut().insert(address.clone(), way);
                    }
                    return Ok(answered);
                }
                Err(error) if self.was_ended.get() => return Err(error),
                Err(error) => {
                    // The common way is tried first again.
                    self.ways.borrow_mut().remove(address);
                    way = way.after(&error, false).ok_or(error)?;
                }
            }
        }
    }

    async fn probe_by(
        &self,
        gate: &Gate,
        address: &Address,
        path: &str,
        way: Way,
    ) -> Result<(String, bool), CaptureError> {
        let Probe { url, result } = probe(gate, address, path, way).await?;
        match result {
            Ok(is_answer) => Ok((url, is_answer)),
            // Some errors of a certificate are told by an event while the fetch hangs.
            Err(ProbeError::TimedOut) => Err(match self.errors.borrow_mut().remove(&url) {
                Some(error) => CaptureError::from_error(&error),
                None => CaptureError::TimedOut,
            }),
            Err(ProbeError::Failed) => {
                for _ in 0..STEPS_FOR_REASON {
                    let error = self.errors.borrow_mut().remove(&url);
                    if let Some(error) = error {
                        return Err(CaptureError::from_error(&error));
                    }
                    TimeoutFuture::new(10).await;
                }
                Err(CaptureError::Unreachable(UNTOLD.into()))
            }
        }
    }

    /// By `securityInfo`: the leaf alone. `Ok(None)` where it is not switched on.
    async fn by_security_info(
        &self,
        gate: &Gate,
        address: &Address,
    ) -> Result<Option<Captured>, CaptureError> {
        let (url, _) = self.probe(gate, address, PROBE_PATH).await?;
        let seen = self.leaves.borrow_mut().remove(&url);
        match (self.has_security_info.get(), seen) {
            (Some(true), Some(Some(leaf))) => {
                Ok(Some(Captured { ders: vec![leaf], seen: Seen::OwnProbe }))
            }
            (Some(true), Some(None)) => Err(CaptureError::Overridden),
            (Some(true), None) => Err(CaptureError::NotShown("securityInfo".into())),
            (Some(false) | None, _) => {
                // The listener ran without it, or was dropped: the feature is off.
                self.has_security_info.set(Some(false));
                Ok(None)
            }
        }
    }

    /// By the debugger on our own worker: the whole chain.
    async fn by_debugger(&self, gate: &Gate, address: &Address) -> Result<Captured, CaptureError> {
        let own = api::own_url("background.js");
        let targets = api::debugger_targets().await.map_err(not_shown)?;
        // In a private window there is a second worker of the same URL; only ours makes the
        // request.
        let own_targets = targets.iter().filter(|target| target.get("url") == Some(&json!(own)));
        let mut last = CaptureError::NotShown("no debugger target".into());
        for target in own_targets {
            let target = json!({"targetId": target.get("id")});
            self.was_ended.set(false);
            if api::debugger_attach(&target).await.is_err() {
                // An earlier life of the worker that was killed in the middle of a look is still
                // attached.
                api::debugger_detach(&target).await;
                if let Err(error) = api::debugger_attach(&target).await {
                    last = not_shown(error);
                    continue;
                }
            }
            self.target.replace(Some(target.clone()));
            let result = within(LOOK_LIMIT, self.attached(gate, &target, address)).await;
            self.target.take();
            api::debugger_detach(&target).await;
            match result {
                Ok(captured) => return Ok(captured),
                Err(_) if self.was_ended.get() => return Err(CaptureError::Ended),
                Err(error @ CaptureError::NotShown(_)) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    async fn attached(
        &self,
        gate: &Gate,
        target: &Value,
        address: &Address,
    ) -> Result<Captured, CaptureError> {
        api::debugger_send(target, "Network.enable", json!({})).await.map_err(not_shown)?;
        // Measured: without it, every further probe is answered over the first one's connection.
        let headers = json!({"headers": {"Connection": "close"}});
        api::debugger_send(target, "Network.setExtraHTTPHeaders", headers)
            .await
            .map_err(not_shown)?;
        for path in PROBE_PATHS {
            if !self.probe(gate, address, path).await?.1 {
                continue;
            }
            let origin = json!({"origin": format!("https://{address}")});
            let answer = api::debugger_send(target, "Network.getCertificate", origin)
                .await
                .map_err(not_shown)?;
            let ders = certificates(&answer);
            if !ders.is_empty() {
                return Ok(Captured { ders, seen: Seen::OwnProbe });
            }
        }
        Err(CaptureError::NotShown("every answer leads elsewhere".into()))
    }
}

impl Chromium {
    /// Looks at what an address presents now, by whichever way leads to it.
    ///
    /// # Errors
    /// No certificate was seen.
    pub async fn look(&self, gate: &Gate, address: &Address) -> Result<Captured, CaptureError> {
        let _turn = self.turn.take().await;
        match self.has_security_info.get() {
            Some(false) => self.by_debugger(gate, address).await,
            Some(true) | None => match self.by_security_info(gate, address).await {
                Ok(Some(captured)) => Ok(captured),
                Ok(None) => self.by_debugger(gate, address).await,
                Err(error) => Err(error),
            },
        }
    }

    /// The name of the way, for the report of the options page.
    pub fn name(&self) -> &'static str {
        match self.has_security_info.get() {
            Some(true) => "chromium-security-info",
            Some(false) | None => "chromium-debugger",
        }
    }
}

/// Base64 DER, the server's first.
fn certificates(answer: &Value) -> Vec<Vec<u8>> {
    let names = answer.get("tableNames").and_then(Value::as_array).cloned().unwrap_or_default();
    names.iter().filter_map(|one| Base64::decode_vec(one.as_str()?).ok()).collect()
}

fn not_shown(error: Refused) -> CaptureError {
    CaptureError::NotShown(error.to_string())
}

/// The debugger hangs on some certificate errors.
async fn within<T>(
    milliseconds: u32,
    work: impl Future<Output = Result<T, CaptureError>>,
) -> Result<T, CaptureError> {
    let mut work = Box::pin(work);
    let mut limit = TimeoutFuture::new(milliseconds);
    core::future::poll_fn(|context| {
        if let core::task::Poll::Ready(result) = work.as_mut().poll(context) {
            return core::task::Poll::Ready(result);
        }
        core::pin::Pin::new(&mut limit).poll(context).map(|()| Err(CaptureError::TimedOut))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_debugger_says() {
        assert_eq!(
            certificates(&json!({"tableNames": ["MAE=", "MQ=="]})),
            vec![vec![48, 1], vec![49]]
        );
        assert!(certificates(&json!({})).is_empty());
        assert!(certificates(&json!({"tableNames": [1, "?"]})).is_empty());
    }
}
