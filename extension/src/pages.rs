//! The pages of the extension: what the user sees.
//!
//! Every page is built of elements and text ([`dom`]); nothing that came from a certificate, a server or the storage is ever taken for
//! markup. All words come from the locale files ([`words`]); what a code means comes from the core. The pages decide nothing: they ask the
//! background ([`background`]) and show what it answers.

pub mod alarm;
pub mod background;
pub mod browser;
pub mod button;
pub mod certificate;
pub mod cleaning;
pub mod clock;
pub mod confirm;
pub mod consent;
pub mod dom;
pub mod field;
pub mod file;
pub mod findings;
pub mod gate;
pub mod glance;
pub mod options;
pub mod past;
pub mod permission;
pub mod place;
pub mod popup;
pub mod reason;
pub mod said;
pub mod setup;
pub mod sign;
pub mod sources;
pub mod timeline;
pub mod watch;
pub mod words;

use wasm_bindgen::prelude::wasm_bindgen;

/// Shows the page of this name: `gate`, `popup`, `setup` or `options`. Called by `static/page.js`.
#[wasm_bindgen]
pub async fn show_page(page: String) {
    match page.as_str() {
        "gate" => gate::show().await,
        "popup" => popup::show().await,
        "setup" => setup::show().await,
        "options" => options::show().await,
        _ => {}
    }
}
