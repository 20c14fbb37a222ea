//! Evidence in words: the one renderer that the command line, the popup, the gate and the web page
//! share.
//!
//! The English texts stand in the table of codes ([`crate::verdict::evidence`]). A translation has
//! them in its locale file, under `code_NAME` (what was found), `code_NAME_meaning` and
//! `code_NAME_action`, where `NAME` is the code with `_` for `-`.

use serde_json::Value;

use crate::text::printable;
use crate::verdict::evidence::{Code, Entry, Evidence, Outcome};

/// Texts in the reader's language, by key.
pub trait Texts {
    /// The text of `key`, if this language has it.
    fn find(&self, key: &str) -> Option<String>;
}

/// The language of the table itself.
#[derive(Clone, Copy, Debug)]
pub struct English;

impl Texts for English {
    fn find(&self, _: &str) -> Option<String> {
        None
    }
}

/// How much a finding matters; what matters most comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Weight {
    /// Something is wrong.
    Fail,
    /// Somebody should look.
    Attention,
    /// It could not be looked at.
    NotChecked,
    /// Worth saying.
    Note,
    /// As it should be.
    Pass,
}

impl Weight {
    /// Of a finding.
    pub fn of(evidence: &Evidence) -> Self {
        match evidence.outcome {
            Outcome::Fail => Self::Fail,
            Outcome::Note if evidence.code.asks_attention() => Self::Attention,
            Outcome::NotChecked => Self::NotChecked,
            Outcome::Note => Self::Note,
            Outcome::Pass => Self::Pass,
        }
    }

    /// As it stands in texts' keys and in styles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Attention => "attention",
            Self::NotChecked => "not-checked",
            Self::Note => "note",
            Self::Pass => "pass",
        }
    }

    /// A sign that says the same as the colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Fail => "✕",
            Self::Attention => "!",
            Self::NotChecked => "?",
            Self::Note => "i",
            Self::Pass => "✓",
        }
    }

    /// The sign for a terminal that has ASCII alone, two characters wide.
    pub fn ascii(self) -> &'static str {
        match self {
            Self::Fail => "X ",
            Self::Attention => "! ",
            Self::NotChecked => "? ",
            Self::Note => "- ",
            Self::Pass => "ok",
        }
    }
}

/// A particular of a finding: its name and what it says, safe to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Particular {
    /// Its name, as in the JSON.
    pub name: String,
    /// A line for each thing where there are several with particulars of their own, else one.
    pub lines: Vec<String>,
}

/// A finding in words. Everything in it is safe to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// Its code.
    pub code: Code,
    /// What was found.
    pub sentence: String,
    /// What that means.
    pub meaning: String,
    /// What to do.
    pub action: String,
    /// The particulars.
    pub particulars: Vec<Particular>,
}

impl Finding {
    /// Puts evidence in words. The sentence is the one of the code; what a report that was handed
    /// in says in its place is not repeated.
    pub fn new(evidence: &Evidence, texts: &impl Texts) -> Self {
        let (entry, explanation) = (evidence.code.entry(), evidence.code.explanation());
        let text = |part: &str, english: &str| {
            texts.find(&key(entry, part)).unwrap_or_else(|| english.to_owned())
        };
        let particulars = evidence.detail.iter();
        Self {
            weight: Weight::of(evidence),
            code: evidence.code,
            sentence: text("", entry.message),
            meaning: text("_meaning", explanation.meaning),
            action: text("_action", explanation.action),
            particulars: particulars
                .map(|(name, value)| Particular { name: printable(name), lines: lines(value) })
                .collect(),
        }
    }
}

/// All findings in words, what matters most first.
pub fn by_weight(evidence: &[Evidence], texts: &impl Texts) -> Vec<Finding> {
    let mut findings: Vec<_> = evidence.iter().map(|one| Finding::new(one, texts)).collect();
    findings.sort_by_key(|one| one.weight);
    findings
}

/// The key of one of a code's texts in a locale file.
fn key(entry: &Entry, part: &str) -> String {
    format!("code_{}{part}", entry.name.replace('-', "_"))
}

fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().map(plain).collect()
        }
        value => vec![plain(value)],
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(parts) => {
            let said = parts.iter().filter(|(_, value)| !value.is_null());
            said.map(|(name, value)| format!("{}: {}", printable(name), plain(value)))
                .collect::<Vec<_>>()
                .join("; ")
        }
        Value::Null => "–".into(),
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::*;

    struct Locale(BTreeMap<String, Value>);

    impl Texts for Locale {
        fn find(&self, key: &str) -> Option<String> {
            Some(self.0.get(key)?.get("message")?.as_str()?.to_owned())
        }
    }

    fn locales() -> Vec<(PathBuf, Locale)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("extension/static/_locales");
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path().join("messages.json");
            let locale = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (path, Locale(locale))
        };
        std::fs::read_dir(folder).unwrap().map(read).collect()
    }

    /// The tests of the pages look for texts that are missing; here are the ones of the codes.
    /// English is the table's, and need not stand in a locale.
    #[test]
    fn every_code_has_its_text_in_every_language() {
        let locales = locales();
        assert!(!locales.is_empty());
        for (path, locale) in &locales {
            let is_english = path.parent().is_some_and(|folder| folder.ends_with("en"));
            for entry in Code::all() {
                let finding = Finding::new(&Evidence::new(entry.code), locale);
                for text in [&finding.sentence, &finding.meaning, &finding.action] {
                    assert!(
                        !text.trim().is_empty(),
                        "{}: {} has an empty text",
                        path.display(),
                        entry.name
                    );
                }
                for part in ["", "_meaning", "_action"] {
                    let key = key(entry, part);
                    assert!(
                        is_english || locale.find(&key).is_some(),
                        "{}: no {key}",
                        path.display()
                    );
                }
            }
            let keys: Vec<_> = Code::all()
                .flat_map(|entry| ["", "_meaning", "_action"].map(|part| key(entry, part)))
                .collect();
            for name in locale.0.keys().filter(|name| name.starts_with("code_")) {
                assert!(keys.contains(name), "{}: {name} is the text of no code", path.display());
            }
        }
    }

    #[test]
    fn a_translation_takes_the_place_of_the_table() {
        let evidence = Evidence::new(Code::PinSameKey);
        let german = Locale(BTreeMap::from([(
            "code_pin_same_key".into(),
            json!({"message": "Der Schlüssel."}),
        )]));
        let finding = Finding::new(&evidence, &german);
        assert_eq!(finding.sentence, "Der Schlüssel.");
        assert_eq!(finding.meaning, Code::PinSameKey.explanation().meaning);
        assert_eq!(Finding::new(&evidence, &English).sentence, Code::PinSameKey.entry().message);
    }

    #[test]
    fn particulars_are_safe_to_show() {
        let evidence = Evidence::new(Code::PinNewKey)
            .with("a\u{202e}b", "c\u{1b}d")
            .with("list", json!([{"x\n": null, "y": 1}, {"z": ["p", "q"]}]))
            .with("none", Value::Null);
        let finding = Finding::new(&evidence, &English);
        let said: Vec<_> = finding
            .particulars
            .iter()
            .map(|one| (one.name.as_str(), one.lines.join("|")))
            .collect();
        assert_eq!(
            said,
            [
                ("a\\u{202e}b", "c\\u{1b}d".to_owned()),
                ("list", "y: 1|z: p, q".to_owned()),
                ("none", "–".to_owned()),
            ]
        );
    }
}
