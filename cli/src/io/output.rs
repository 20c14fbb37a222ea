//! Answers go to standard output, everything else to standard error.
//!
//! With `--json` an answer is one line of JSON, and so is an error that stands in its place:
//! `{"error": {"code": …, "message": …}}`. Warnings beside an answer are such lines on standard
//! error, notes are `{"note": …}`. Characters that do not show as themselves are written as JSON's
//! `\u…`, so that nothing of a certificate or a file name reaches a terminal raw and nothing is
//! lost.
//!
//! An answer that could not be written is a failure (74): whoever asked knows nothing. That a
//! stream was closed before the program began cannot be seen (Rust opens `/dev/null` in its place).

use std::fmt::Display;
use std::io::Write as _;

use doorlight::text::shows_as_itself;
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// True where the command line has `--json`, be it otherwise wrong.
pub(crate) fn is_json() -> bool {
    std::env::args_os()
        .skip(1)
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json")
}

/// One line of JSON, safe to show.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    // Serialising plain structs with text keys to a string does not fail.
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // Outside strings, JSON has printable ASCII alone.
        if shows_as_itself(c) {
            line.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| line += &format!("\\u{unit:04x}"));
        }
    }
    line.push('\n');
    line
}

/// Writes an answer, or a part of it.
///
/// # Errors
/// `not-written`: nobody can have read it.
pub(crate) fn answer(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)
}

/// Says something beside the answer, with `--json` as `{"note": …}`.
pub(crate) fn note(text: &str) {
    if is_json() { aside(json_line(&json!({"note": text}))) } else { aside(text) }
}

/// Writes to standard error. Where nobody listens, nothing is lost.
pub(crate) fn aside(text: impl Display) {
    let _ = write!(std::io::stderr(), "{text}");
}

/// Says that something failed, beside an answer.
pub(crate) fn warn(failure: &Failure) {
    if is_json() {
        aside(json_line(&in_json(failure)));
    } else {
        aside(format_args!("doorlight: {failure}\n"));
    }
}

/// Says what failed, in the place of an answer.
pub(crate) fn fail(failure: &Failure) {
    if !is_json() || answer(&json_line(&in_json(failure))).is_err() {
        warn(failure);
    }
}

/// As it stands in JSON.
pub(crate) fn in_json(failure: &Failure) -> serde_json::Value {
    json!({"error": {"code": failure.code, "message": failure.message}})
}
