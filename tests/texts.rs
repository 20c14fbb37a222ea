//! Every text of the extension and the web page is asked for somewhere, and says to translators
//! where it stands. That none is missing is tested where they are asked for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// Where texts are asked for.
const SOURCES: [&str; 9] = [
    "extension/src",
    "extension/static",
    "extension/manifest.json",
    "passwords/src",
    "src/verdict/findings.rs",
    "tools/pages.mjs",
    "view/src",
    "www/src",
    "www/static",
];

fn english() -> Map<String, Value> {
    let text = fs::read_to_string("extension/static/_locales/en/messages.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The contents of all files below, the texts themselves and tests apart.
fn sources(path: &Path, all: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with("_locales") {
                sources(&path, all);
            }
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        *all += text.split("#[cfg(test)]").next().unwrap();
    }
}

/// The words of a source that a key could be, and the beginnings of keys that are put together:
/// `"trouble_{}"`.
fn asked(source: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words =
        source.split(|character| !is_part(character)).filter(|word| !word.is_empty()).collect();
    let families = source
        .match_indices("_{")
        .map(|(end, _)| {
            &source[source[..end].rfind(|before| !is_part(before)).map_or(0, |at| at + 1)..=end]
        })
        .collect();
    (words, families)
}

#[test]
fn every_text_is_used() {
    let mut source = String::new();
    SOURCES.iter().for_each(|path| sources(Path::new(path), &mut source));
    let (words, families) = asked(&source);
    let is_used = |key: &str| {
        let is_of = |(end, _)| families.contains(&key[..=end]);
        let in_manifest = format!("__MSG_{key}__");
        words.contains(key)
            || words.contains(in_manifest.as_str())
            || key.match_indices('_').any(is_of)
    };
    let unused: Vec<_> =
        english().into_iter().map(|(key, _)| key).filter(|key| !is_used(key)).collect();
    assert!(unused.is_empty(), "nobody asks for {unused:?}");
    assert!(!is_used("popup_that_is_not_there"), "nothing would be found out");
}

#[test]
fn every_text_says_where_it_stands() {
    let bare: Vec<_> = english()
        .into_iter()
        .filter(|(_, text)| text["description"].as_str().is_none_or(|words| words.trim().len() < 5))
        .map(|(key, _)| key)
        .collect();
    assert!(bare.is_empty(), "without a description for translators: {bare:?}");
}
