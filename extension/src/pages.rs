//! The pages of the extension: what the user sees.
//!
//! They are built of what the web page is built of too (`doorlight-view`); nothing that came from a
//! certificate, a server or the storage is ever taken for markup. All words come from the locale
//! files ([`words`]); what a code means comes from the core. The pages decide nothing: they ask the
//! background ([`background`]) and show what it answers.

pub mod alarm;
pub mod background;
pub mod browser;
pub mod check_up;
pub mod cleaning;
pub mod client_certificate;
pub mod confirm;
pub mod consent;
pub mod downloads;
pub mod gate;
pub mod glance;
pub mod home;
pub mod import;
pub mod options;
pub mod passwords;
pub mod past;
pub mod permission;
pub mod place;
pub mod popup;
pub mod setup;
pub mod sources;
pub mod watch;

pub use doorlight_view::{
    button, certificate, clock, dom, field, file, findings, published, reason, said, sign,
    timeline, words,
};
use wasm_bindgen::prelude::wasm_bindgen;

/// Shows the page of this name: `gate`, `popup`, `setup`, `options`, `home` or `passwords`. Called
/// by `static/page.js`.
#[wasm_bindgen]
pub async fn show_page(page: String) {
    doorlight_view::host::set(browser::Extension);
    match page.as_str() {
        "gate" => gate::show().await,
        "popup" => popup::show().await,
        "setup" => setup::show().await,
        "options" => options::show().await,
        "passwords" => passwords::show().await,
        "home" => home::show().await,
        _ => {}
    }
}
