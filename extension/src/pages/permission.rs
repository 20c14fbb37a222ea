//! The permission for a host: asked for when its address is guarded. The background gives it back.

use doorlight::address::Host;
use doorlight::home_assistant::local::LocalAddress;
use wasm_bindgen::JsValue;

use crate::browser::pattern;
use doorlight_guard::settings::LocalHome;

use super::browser;

fn of_host(host: &Host) -> JsValue {
    let is_firefox = browser::is_firefox();
    let origins = pattern::guarding(host, is_firefox);
    // Chromium's rules miss some sockets, and the first request of a start; with this these go
    // without cookies.
    let permissions: &[&str] = if is_firefox { &[] } else { &["contentSettings"] };
    browser::value(&serde_json::json!({ "origins": origins, "permissions": permissions }))
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

fn for_downloads() -> JsValue {
    browser::value(&serde_json::json!({ "permissions": ["downloads"] }))
}

/// Asks to pause downloads. Has to be called inside a click.
pub fn ask_for_downloads() -> impl Future<Output = Result<bool, JsValue>> + use<> {
    browser::request_permissions(&for_downloads())
}

/// Gives that back.
///
/// # Errors
/// What the browser says.
pub async fn give_downloads_back() -> Result<(), JsValue> {
    browser::remove_permissions(&for_downloads()).await
}

/// Asks to clear what sites have stored. Has to be called inside a click.
pub fn ask_to_clear() -> impl Future<Output = Result<bool, JsValue>> + use<> {
    browser::request_permissions(&browser::value(
        &serde_json::json!({ "permissions": ["browsingData"] }),
    ))
}
