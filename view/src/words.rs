//! All words that the pages show, from the locale files.

use doorlight::verdict::evidence::{Code, Evidence};
use doorlight::verdict::findings::{Finding, Texts, Weight};

use crate::host;

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
    Some(host::ask(|host| host.message(key, values))).filter(|text| !text.is_empty())
}

/// The texts of findings in the user's language.
#[derive(Clone, Copy, Debug)]
pub struct Translated;

impl Texts for Translated {
    fn find(&self, key: &str) -> Option<String> {
        find(key, &[])
    }
}

/// A finding as a sentence.
pub fn finding(evidence: &Evidence) -> String {
    Finding::new(evidence, &Translated).sentence
}

/// How a check came out, in a word.
pub fn outcome(weight: Weight) -> String {
    word(&format!("outcome_{}", weight.as_str().replace('-', "_")))
}

/// Codes in a row as sentences; what is no code stays as it is.
pub fn codes(row: &str) -> String {
    let one = |part: &str| match part.parse::<Code>() {
        Ok(code) => finding(&Evidence::new(code)),
        Err(_) => doorlight::text::printable(part),
    };
    row.split([',', ' ']).filter(|part| !part.is_empty()).map(one).collect::<Vec<_>>().join(" ")
}
