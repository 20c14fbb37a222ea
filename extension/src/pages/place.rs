//! Where this page is, and where it leads.

use wasm_bindgen::prelude::*;
use web_sys::{Location, Url};

fn location() -> Option<Location> {
    web_sys::window().map(|window| window.location())
}

/// What stands behind the `#` of this page's address, as it is.
pub fn fragment() -> String {
    let hash = location().and_then(|location| location.hash().ok()).unwrap_or_default();
    hash.strip_prefix('#').unwrap_or_default().to_owned()
}

/// What stands behind the `?`.
pub fn query() -> String {
    let search = location().and_then(|location| location.search().ok()).unwrap_or_default();
    search.strip_prefix('?').unwrap_or_default().to_owned()
}

/// Goes to an `https://` address, which takes this page's place in the history. Goes nowhere else.
pub fn replace_by(url: &str) {
    if let Some(location) = location().filter(|_| url.starts_with("https://")) {
        let _ = location.replace(url);
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = doorlightGoOn)]
    fn go_on_as_it_came(url: &str) -> Result<(), JsValue>;
}

/// Goes on from the gate page as it came there, which may have been by another site's link:
/// `static/gate.js`.
pub fn go_on(url: &str) {
    if url.starts_with("https://") {
        let _ = go_on_as_it_came(url);
    }
}

/// Takes the gate page to another address: it loads afresh then (`static/gate.js`).
pub fn want(url: &str) {
    if let Some(location) = location() {
        let _ = location.set_hash(url);
    }
}

/// Loads this page afresh.
pub fn reload() {
    if let Some(location) = location() {
        let _ = location.reload();
    }
}

/// The host of an address with its port, in ASCII; empty where it has none.
pub fn host_of(url: &str) -> String {
    Url::new(url).map(|url| url.host()).unwrap_or_default()
}
