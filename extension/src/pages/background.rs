//! Asking the background.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

use crate::protocol::Exported;
use doorlight_guard::trouble::Trouble;

use super::{browser, said, words};

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

/// Asks a [`Request`](crate::protocol::Request) or a [`Knock`](crate::protocol::Knock), and waits
/// for the answer.
///
/// # Errors
/// [`Unanswered`].
pub async fn ask<T: DeserializeOwned>(request: &impl Serialize) -> Result<T, Unanswered> {
    let failed = |error: JsValue| Unanswered { detail: browser::reason(&error) };
    let answer = browser::send_message(&browser::value(request)).await.map_err(failed)?;
    let json = js_sys::JSON::stringify(&answer).map_err(failed)?;
    let unreadable = |error: serde_json::Error| Unanswered {
        detail: doorlight::text::printable(&error.to_string()),
    };
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

/// Says what could not be done, or that it was.
pub fn say_outcome(trouble: Option<&Trouble>, done: &str) {
    match trouble {
        Some(trouble) => said::say(&trouble_in_words(trouble)),
        None => said::say_briefly(done),
    }
}

/// Hands a file to the user, or says why there is none.
pub async fn save(file: &Exported) {
    match &file.trouble {
        Some(trouble) => said::say(&trouble_in_words(trouble)),
        None => doorlight_view::file::save(&file.name, "application/json", &file.content).await,
    }
}
