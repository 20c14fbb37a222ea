//! What every page uses of the browser's own interface.

use js_sys::{Function, Promise, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["navigator", "clipboard"], js_name = writeText)]
    fn clipboard_write_text(text: &str) -> Result<Promise, JsValue>;
}

/// What went wrong in the browser, in its own words.
pub fn reason(error: &JsValue) -> String {
    let message =
        Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    doorlight::text::printable(&message.or_else(|| error.as_string()).unwrap_or_default())
}

/// As a value of the browser; what cannot be written as JSON is `null`.
pub fn value(of: &impl Serialize) -> JsValue {
    let json = serde_json::to_string(of).unwrap_or_default();
    js_sys::JSON::parse(&json).unwrap_or(JsValue::NULL)
}

/// Puts text on the clipboard.
///
/// # Errors
/// What the browser says.
pub async fn copy(text: &str) -> Result<(), JsValue> {
    JsFuture::from(clipboard_write_text(text)?).await.map(|_| ())
}

/// As a function of the browser that lives as long as somebody there holds it.
pub fn listener(listen: impl FnMut(web_sys::Event) + 'static) -> Function {
    Closure::<dyn FnMut(web_sys::Event)>::new(listen).into_js_value().unchecked_into()
}
