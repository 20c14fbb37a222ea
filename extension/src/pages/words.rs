//! All words that the pages show, from the locale files.

use doorlight::evidence::{Code, Evidence, Outcome};

use super::browser;

/// The text of `key`; the key itself where it is missing, so that the gap is seen.
pub fn word(key: &str) -> String {
    with(key, &[])
}

/// The text of `key` with its `$1`, `$2`… filled in.
pub fn with(key: &str, values: &[&str]) -> String {
    find(key, values).unwrap_or_else(|| key.to_owned())
}

/// The text of `key`, if there is one.
pub fn find(key: &str, values: &[&str]) -> Option<String> {
    Some(browser::message(key, values)).filter(|text| !text.is_empty())
}

/// A finding as a sentence: in the user's language where somebody translated it, else as the core wrote it.
pub fn finding(evidence: &Evidence) -> String {
    let key = format!("code_{}", evidence.code.as_str().replace('-', "_"));
    find(&key, &[]).unwrap_or_else(|| doorlight::text::printable(&evidence.message))
}

/// How a check came out, in a word.
pub fn outcome(evidence: &Evidence) -> String {
    word(match evidence.outcome {
        Outcome::Pass => "outcome_pass",
        Outcome::Note if evidence.code.asks_attention() => "outcome_attention",
        Outcome::Note => "outcome_note",
        Outcome::Fail => "outcome_fail",
        Outcome::NotChecked => "outcome_not_checked",
    })
}

/// Codes in a row as sentences; what is no code stays as it is.
pub fn codes(row: &str) -> String {
    let one = |part: &str| match part.parse::<Code>() {
        Ok(code) => finding(&Evidence::new(code)),
        Err(_) => doorlight::text::printable(part),
    };
    row.split([',', ' ']).filter(|part| !part.is_empty()).map(one).collect::<Vec<_>>().join(" ")
}
