//! The background as the scripts see it: every event of the browser is handed to one of these
//! functions.

pub mod browser_events;
#[cfg(feature = "background")]
pub mod client_certificate;
pub mod effects;
pub mod engine;
pub mod guarding;
#[cfg(feature = "background")]
pub mod home_status;
#[cfg(feature = "background")]
pub mod message_handler;
pub mod passage;
pub mod sender;
#[cfg(feature = "background")]
pub mod watch_status;

use core::pin::Pin;

use js_sys::{Function, Promise};
use serde_json::json;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use crate::background::browser_events::Details;
use crate::background::effects::Effects;
use crate::background::engine::Engine;
use crate::background::sender::Sender;
use crate::browser::api;
use crate::browser::capture::Browser;
#[cfg(not(feature = "background"))]
use doorlight_guard::deferred::relieve;
use doorlight_guard::ports::Refused;

/// The background, started.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Background(Engine);

/// Starts the background: reads what is kept. `relief` is called where the whole one is to take over
/// from one that asks nobody; nothing happens here any more then.
///
/// # Errors
/// The browser's storage does not answer. Every gate stays shut then.
#[wasm_bindgen]
pub async fn start(relief: Option<Function>) -> Result<Background, JsValue> {
    let failed = |error: Refused| JsValue::from(js_sys::Error::new(&error.to_string()));
    let engine = Engine::start(Effects::new(relief)).await.map_err(failed)?;
    spawn_local({
        let engine = engine.clone();
        async move {
            // What an earlier life let pass for its own looks goes first. Where it cannot, these
            // rules end with the browser.
            let _ = engine.ports().gate.forget_probes().await;
            engine.set_gate().await;
            put_in_place(&engine).await;
            engine.show_lights().await;
        }
    });
    Ok(Background(engine))
}

/// What the last life may not have come to. After the start of a browser there was none.
async fn put_in_place(engine: &Engine) {
    #[cfg(feature = "background")]
    if engine::is_first_start().await {
        return browser_events::started(engine).await;
    }
    guarding::finish_guard(engine).await;
    // A small background may have ended in the middle of what follows from its alarm.
    #[cfg(feature = "background")]
    {
        browser_events::set_at_the_end(engine);
        engine.ask_later();
        guarding::renew(engine).await;
    }
}

/// The answer to a message. A background that asks nobody is asked nothing else.
async fn answer(engine: &Engine, message: &str, sender: &Sender) -> String {
    #[cfg(feature = "background")]
    return message_handler::answer(engine, message, sender).await;
    #[cfg(not(feature = "background"))]
    passage::answer(engine, message, sender).await.unwrap_or_else(|| "null".into())
}

/// The work in a box: else each event has a copy of what drives it, a tenth of the module.
fn promise(work: impl Future<Output = serde_json::Value> + 'static) -> Promise {
    let work: Pin<Box<dyn Future<Output = serde_json::Value>>> = Box::pin(work);
    future_to_promise(async move { Ok(api::to_js(&work.await)) })
}

#[wasm_bindgen]
impl Background {
    /// The whole background is to take over from this one, which calls for it once it has ended.
    /// Does nothing in the whole one.
    pub fn step_down(&self) {
        #[cfg(not(feature = "background"))]
        spawn_local({
            let engine = self.0.clone();
            async move { match relieve(&engine).await {} }
        });
    }

    /// `runtime.onMessage`.
    pub fn message(&self, message: &JsValue, sender: &JsValue) -> Promise {
        let (engine, message) = (self.0.clone(), api::text_of(message));
        let sender = Sender::read(&api::from_js(sender));
        future_to_promise(
            async move { Ok(api::from_text(&answer(&engine, &message, &sender).await)) },
        )
    }

    /// Firefox: `webRequest.onBeforeRequest`, blocking. What cannot be understood is cancelled.
    pub fn before_request(&self, details: &JsValue) -> Promise {
        let (engine, details) = (self.0.clone(), Details::read(details));
        promise(async move {
            match details {
                Some(details) => browser_events::before_request(&engine, &details).await,
                None => json!({"cancel": true}),
            }
        })
    }

    /// Firefox, for the common case without a wait: true where a request to `url` may pass because
    /// its check is fresh.
    pub fn is_open(&self, url: &str) -> bool {
        browser_events::open_address(&self.0, url).is_some()
    }

    /// Firefox: true where that is so, and the check was about the certificate with this
    /// fingerprint (SHA-256, as Firefox writes it).
    pub fn is_open_for(&self, url: &str, fingerprint: &str) -> bool {
        browser_events::open_address(&self.0, url)
            .and_then(|address| {
                self.0.store.with(|state| state.session.get(&address)?.certificate())
            })
            .is_some_and(|known| fingerprint.parse() == Ok(known))
    }

    /// `webRequest.onHeadersReceived`; blocking in Firefox.
    pub fn headers_received(&self, details: &JsValue) -> Promise {
        let (engine, raw, read) = (self.0.clone(), details.clone(), Details::read(details));
        promise(async move {
            match (read, &engine.ports().capture) {
                (Some(details), Browser::Firefox(_)) => {
                    browser_events::headers_received(&engine, &details).await
                }
                (Some(details), Browser::Chromium(_)) => {
                    browser_events::security_seen(&engine, &details, &raw).await;
                    json!({})
                }
                (None, _) => json!({"cancel": true}),
            }
        })
    }

    /// `webRequest.onSendHeaders` of a request that belongs to no tab.
    pub fn request_sent(&self, url: &str) {
        self.0.ports().gate.probe_was_sent(url);
    }

    /// `webRequest.onErrorOccurred`.
    pub fn request_failed(&self, details: &JsValue) -> Promise {
        let (engine, details) = (self.0.clone(), Details::read(details));
        promise(async move {
            if let Some(details) = details {
                browser_events::request_failed(&engine, &details).await;
            }
            json!({})
        })
    }

    /// Chromium: `webRequest.onBeforeRedirect`.
    pub fn redirected(&self, details: &JsValue) -> Promise {
        let (engine, details) = (self.0.clone(), Details::read(details));
        promise(async move {
            if let Some(details) = details {
                browser_events::redirected(&engine, &details).await;
            }
            json!({})
        })
    }

    /// Chromium: `debugger.onDetach` with the reason `canceled_by_user`.
    pub fn look_ended(&self) {
        if let Browser::Chromium(chromium) = &self.0.ports().capture {
            chromium.ended();
        }
    }

    /// Chromium: whether `securityInfo` is known to be there or not.
    pub fn has_security_info(&self) -> Option<bool> {
        match &self.0.ports().capture {
            Browser::Chromium(chromium) => chromium.has_security_info(),
            Browser::Firefox(_) => None,
        }
    }

    /// `alarms.onAlarm`: its name, and the time it was set for, in milliseconds since 1970.
    pub fn alarm(&self, name: String, scheduled: f64) -> Promise {
        let engine = self.0.clone();
        promise(async move {
            if let Some(scheduled) = doorlight_browser::timestamp(scheduled) {
                browser_events::alarm(&engine, &name, scheduled).await;
            }
            json!({})
        })
    }

    /// `storage.onChanged`: takes over what another background of this browser wrote.
    pub fn stored(&self, changes: &JsValue, area: String) -> Promise {
        let engine = self.0.clone();
        let stamp = api::member(&api::member(changes, "written"), "newValue").as_string();
        promise(async move {
            if stamp.is_some_and(|stamp| !engine.store.is_own(&stamp)) {
                engine.read_again(area == "session").await;
            }
            json!({})
        })
    }

    /// `downloads.onCreated` and `onChanged`: one began, or the user went on with one.
    pub fn download_changed(&self) -> Promise {
        let engine = self.0.clone();
        promise(async move {
            engine.set_downloads().await;
            json!({})
        })
    }

    /// The network changed.
    pub fn network_changed(&self) -> Promise {
        let engine = self.0.clone();
        promise(async move {
            browser_events::network_changed(&engine).await;
            json!({})
        })
    }

    /// `permissions.onAdded` and `onRemoved`, and the start after an installation, an update or of
    /// the browser.
    pub fn permissions_changed(&self) -> Promise {
        let engine = self.0.clone();
        promise(async move {
            browser_events::permissions_changed(&engine).await;
            json!({})
        })
    }
}
