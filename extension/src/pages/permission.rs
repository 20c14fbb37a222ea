//! The permission for a host: asked for when its address is guarded. The background gives it back.

use doorlight::address::Host;
use doorlight::home_assistant::local::LocalAddress;
use wasm_bindgen::JsValue;

use crate::pattern;
use crate::settings::LocalHome;

use super::browser;

fn of_host(host: &Host) -> JsValue {
    let origins = pattern::guarding(host, browser::is_firefox());
    browser::value(&serde_json::json!({ "origins": origins }))
}

/// Asks for the host. Has to be called inside a click: the question is put before this returns.
pub fn ask_for_host(host: &Host) -> impl Future<Output = Result<bool, JsValue>> + use<> {
    browser::request_permissions(&of_host(host))
}

/// Asks for the place where a home answers. Has to be called inside a click.
pub fn ask_for_place(place: &LocalAddress) -> impl Future<Output = Result<bool, JsValue>> + use<> {
    let origins = [LocalHome::pattern(place)];
    browser::request_permissions(&browser::value(&serde_json::json!({ "origins": origins })))
}

/// Asks to clear what sites have stored. Has to be called inside a click.
pub fn ask_to_clear() -> impl Future<Output = Result<bool, JsValue>> + use<> {
    browser::request_permissions(&browser::value(&serde_json::json!({ "permissions": ["browsingData"] })))
}
