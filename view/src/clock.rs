//! Times in words.

use core::time::Duration;

use doorlight::time::Timestamp;
use js_sys::Date;
use wasm_bindgen::JsValue;

use crate::dom::{Part, part};
use crate::{browser, host, words};

/// The time now.
pub fn now() -> Timestamp {
    let text = String::from(Date::new_0().to_iso_string());
    text.parse().unwrap_or(Timestamp::from_secs(0))
}

fn language() -> String {
    host::ask(|host| host.language())
}

fn in_form(at: Timestamp, form: serde_json::Value) -> String {
    let date = Date::new(&JsValue::from_str(&at.to_string()));
    String::from(date.to_locale_string(&language(), &browser::value(&form)))
}

/// The day, in the user's way of writing it.
pub fn day(at: Timestamp) -> String {
    in_form(at, serde_json::json!({"dateStyle": "long"}))
}

/// The day, as short as it goes.
pub fn short_day(at: Timestamp) -> String {
    in_form(at, serde_json::json!({"dateStyle": "medium"}))
}

/// The day and the hour.
pub fn moment(at: Timestamp) -> String {
    in_form(at, serde_json::json!({"dateStyle": "medium", "timeStyle": "short"}))
}

/// The hour alone for times of today and yesterday, else the day too.
pub fn hour(at: Timestamp) -> String {
    let now = now();
    let apart = now.since(at).max(at.since(now));
    if apart < Duration::from_secs(12 * 60 * 60) {
        in_form(at, serde_json::json!({"timeStyle": "short"}))
    } else {
        moment(at)
    }
}

/// How long ago: "just now", "3 minutes ago", else the moment.
pub fn ago(at: Timestamp) -> String {
    let minutes = now().since(at).as_secs() / 60;
    match (minutes, minutes / 60) {
        (0, _) => words::word("ago_now"),
        (1, _) => words::word("ago_minute"),
        (_, 0) => words::with("ago_minutes", &[&minutes.to_string()]),
        (_, 1) => words::word("ago_hour"),
        (_, hours @ 2..=12) => words::with("ago_hours", &[&hours.to_string()]),
        _ => words::with("ago_moment", &[&moment(at)]),
    }
}

/// A number in the user's way of writing it.
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let text = js_sys::BigInt::new(&JsValue::from_str(&digits)).ok().map(|count| {
        String::from(count.to_locale_string(&JsValue::from_str(&language()), &JsValue::UNDEFINED))
    });
    text.unwrap_or(digits)
}

/// A time as an element, with the exact one for whoever points at it.
pub fn time(at: Timestamp, text: &str) -> Part {
    part("time").attr("datetime", &at.to_string()).attr("title", &at.to_string()).text(text)
}
