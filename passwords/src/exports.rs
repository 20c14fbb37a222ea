//! What the page calls, through a worker (`static/rater.js`): JSON out, so that the page's
//! module needs none of this one's types.

use js_sys::Reflect;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use crate::generator::{self, GenerateError};
use crate::rating;

/// The JSON of [`rating::rate`]. The password is not in it.
#[wasm_bindgen]
pub fn rate(password: String, inputs: Vec<String>) -> String {
    let (password, inputs) = (Zeroizing::new(password), Zeroizing::new(inputs));
    // A number that JSON cannot hold was turned into `null` before, so this cannot fail.
    serde_json::to_string(&rating::rate(&password, &inputs)).unwrap_or_default()
}

#[derive(Serialize)]
struct Shown<'a> {
    text: &'a str,
    bits: f64,
}

/// `{"text": …, "bits": …}`: a new password of `count` `"words"` or `"characters"`, from the
/// browser's `crypto.getRandomValues`.
///
/// # Errors
/// An `Error` with the stable `code` of [`GenerateError`].
#[wasm_bindgen]
pub fn generate(kind: &str, count: u32) -> Result<JsValue, JsValue> {
    let made = kind
        .parse()
        .and_then(|kind| generator::generate(kind, count, fill))
        .map_err(|error| failure(&error))?;
    // Room for all of it, and handed over from here: so that this copy can be overwritten.
    let mut json = Zeroizing::new(Vec::with_capacity(made.text.len() * 2 + 64));
    let shown = Shown { text: &made.text, bits: made.bits };
    serde_json::to_writer(&mut *json, &shown).map_err(|error| JsError::new(&error.to_string()))?;
    Ok(core::str::from_utf8(&json).map(JsValue::from_str).unwrap_or(JsValue::NULL))
}

/// The browser's own randomness.
fn fill(bytes: &mut [u8]) -> Result<(), GenerateError> {
    getrandom::fill(bytes).map_err(|_| GenerateError::NoRandomness)
}

fn failure(error: &GenerateError) -> JsValue {
    let value = JsValue::from(JsError::new(&error.to_string()));
    // The message is there, whatever becomes of the code.
    let _ = Reflect::set(&value, &"code".into(), &error.code().into());
    value
}
