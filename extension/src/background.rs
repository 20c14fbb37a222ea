//! The background as the scripts see it: every event of the browser is handed to one of these functions.

use std::rc::Rc;

use js_sys::Promise;
use serde_json::json;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use crate::answer::{self, Sender};
use crate::capture::Browser;
use crate::events::{self, Details};
use crate::keeper::Keeper;
use crate::{api, store};

/// The background, started.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Background(Rc<Keeper>);

/// Starts the background: reads what is kept.
///
/// # Errors
/// The browser's storage does not answer. Every gate stays shut then.
#[wasm_bindgen]
pub async fn start() -> Result<Background, JsValue> {
    let failed = |error: api::ApiError| JsValue::from(js_sys::Error::new(&error.to_string()));
    let keeper = Keeper::start().await.map_err(failed)?;
    spawn_local({
        let keeper = Rc::clone(&keeper);
        async move {
            keeper.set_gate().await;
            if store::is_first_start().await {
                events::started(&keeper).await;
            }
            keeper.show_lights().await;
        }
    });
    Ok(Background(keeper))
}

fn promise(work: impl Future<Output = serde_json::Value> + 'static) -> Promise {
    future_to_promise(async move { Ok(api::to_js(&work.await)) })
}

#[wasm_bindgen]
impl Background {
    /// `runtime.onMessage`.
    pub fn message(&self, message: &JsValue, sender: &JsValue) -> Promise {
        let (keeper, message) = (Rc::clone(&self.0), api::text_of(message));
        let sender = Sender::read(&api::from_js(sender));
        future_to_promise(
            async move { Ok(api::from_text(&answer::answer(&keeper, &message, &sender).await)) },
        )
    }

    /// Firefox: `webRequest.onBeforeRequest`, blocking. What cannot be understood is cancelled.
    pub fn before_request(&self, details: &JsValue) -> Promise {
        let (keeper, details) = (Rc::clone(&self.0), Details::read(details));
        promise(async move {
            match details {
                Some(details) => events::before_request(&keeper, &details).await,
                None => json!({"cancel": true}),
            }
        })
    }

    /// Firefox, for the common case without a wait: true where a request to `url` may pass because its check is fresh.
    pub fn is_open(&self, url: &str) -> bool {
        events::open_address(&self.0, url).is_some()
    }

    /// Firefox: true where that is so, and the check was about the certificate with this fingerprint (SHA-256, as Firefox writes it).
    pub fn is_open_for(&self, url: &str, fingerprint: &str) -> bool {
        events::open_address(&self.0, url)
            .and_then(|address| self.0.standing(&address).certificate())
            .is_some_and(|known| fingerprint.parse() == Ok(known))
    }

    /// `webRequest.onHeadersReceived`; blocking in Firefox.
    pub fn headers_received(&self, details: &JsValue) -> Promise {
        let (keeper, raw, read) = (Rc::clone(&self.0), details.clone(), Details::read(details));
        promise(async move {
            match (read, &keeper.browser) {
                (Some(details), Browser::Firefox(_)) => events::headers_received(&keeper, &details).await,
                (Some(details), Browser::Chromium(_)) => {
                    events::security_seen(&keeper, &details, &raw).await;
                    json!({})
                }
                (None, _) => json!({"cancel": true}),
            }
        })
    }

    /// `webRequest.onErrorOccurred`.
    pub fn request_failed(&self, details: &JsValue) {
        if let Some(details) = Details::read(details) {
            events::request_failed(&self.0, &details);
        }
    }

    /// Chromium: `webRequest.onBeforeRedirect`.
    pub fn redirected(&self, details: &JsValue) -> Promise {
        let (keeper, details) = (Rc::clone(&self.0), Details::read(details));
        promise(async move {
            if let Some(details) = details {
                events::redirected(&keeper, &details).await;
            }
            json!({})
        })
    }

    /// Chromium: `debugger.onDetach` with the reason `canceled_by_user`.
    pub fn look_ended(&self) {
        if let Browser::Chromium(chromium) = &self.0.browser {
            chromium.ended();
        }
    }

    /// Chromium: whether `securityInfo` is known to be there or not.
    pub fn has_security_info(&self) -> Option<bool> {
        match &self.0.browser {
            Browser::Chromium(chromium) => chromium.has_security_info(),
            Browser::Firefox(_) => None,
        }
    }

    /// `alarms.onAlarm`: its name, and the time it was set for, in milliseconds since 1970.
    pub fn alarm(&self, name: String, scheduled: f64) -> Promise {
        let keeper = Rc::clone(&self.0);
        promise(async move {
            if let Some(scheduled) = doorlight_browser::timestamp(scheduled) {
                events::alarm(&keeper, &name, scheduled).await;
            }
            json!({})
        })
    }

    /// `storage.onChanged`: takes over what another background of this browser wrote.
    pub fn stored(&self, changes: &JsValue, area: String) -> Promise {
        let keeper = Rc::clone(&self.0);
        let stamp = api::member(&api::member(changes, "written"), "newValue").as_string();
        promise(async move {
            if stamp.is_some_and(|stamp| !store::is_own(&stamp)) {
                keeper.read_again(area == "session").await;
            }
            json!({})
        })
    }

    /// The network changed.
    pub fn network_changed(&self) -> Promise {
        let keeper = Rc::clone(&self.0);
        promise(async move {
            events::network_changed(&keeper).await;
            json!({})
        })
    }

    /// `permissions.onAdded` and `onRemoved`, and the start after an installation, an update or of the browser.
    pub fn permissions_changed(&self) -> Promise {
        let keeper = Rc::clone(&self.0);
        promise(async move {
            events::permissions_changed(&keeper).await;
            json!({})
        })
    }
}
