//! What `static/page.js` calls.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::samples::Sample;
use crate::{host, known, loader, page, result, shown};

/// Builds the page: with the words (the reader's language first, English last), with its pictures
/// where they are no files of their own, and with what loads the module that asks logs and
/// monitors.
#[wasm_bindgen]
pub fn show_page(words: Vec<String>, pictures: JsValue, deep: Function) {
    doorlight_view::host::set(host::Web::new(&words, pictures));
    loader::set(deep);
    shown::draw_with(result::parts);
    page::show();
}

/// Reads the list of logs ahead of the first certificate, and judges a sample that nobody sees, so
/// that the browser has compiled what that takes.
#[wasm_bindgen]
pub fn warm_up() {
    known::with(|known| drop(known.log_lists()));
    wasm_bindgen_futures::spawn_local(async { drop(Sample::Good.check().await) });
}

/// Says that the page is there without a network from now on. `is_file`: it is one file, and always
/// was.
#[wasm_bindgen]
pub fn works_offline(is_file: bool) {
    page::say_offline(is_file);
}
