//! Asking the background.

use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

use crate::message::{Request, Trouble};

use super::{browser, words};

/// There was no answer, or none that could be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unanswered {
    /// Particulars, safe to show.
    pub detail: String,
}

impl Unanswered {
    /// As a sentence for people.
    pub fn in_words(&self) -> String {
        words::with("unanswered", &[&self.detail])
    }
}

/// Asks, and waits for the answer.
///
/// # Errors
/// [`Unanswered`].
pub async fn ask<T: DeserializeOwned>(request: &Request) -> Result<T, Unanswered> {
    let failed = |error: JsValue| Unanswered { detail: browser::reason(&error) };
    let answer = browser::send_message(&browser::value(request)).await.map_err(failed)?;
    let json = js_sys::JSON::stringify(&answer).map_err(failed)?;
    let unreadable =
        |error: serde_json::Error| Unanswered { detail: doorlight::text::printable(&error.to_string()) };
    serde_json::from_str(&String::from(json)).map_err(unreadable)
}

/// What could not be done, as a sentence for people.
pub fn trouble_in_words(trouble: &Trouble) -> String {
    let detail = doorlight::text::printable(&trouble.detail);
    let key = format!("trouble_{}", trouble.code.replace('-', "_"));
    words::find(&key, &[&detail]).unwrap_or_else(|| {
        words::with("trouble_other", &[&detail, &doorlight::text::printable(&trouble.code)])
    })
}
