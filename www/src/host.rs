//! The web page as the surroundings of its own parts: words from the extension's locale files.

use std::collections::BTreeMap;

use doorlight_view::host::Host;
use js_sys::Reflect;
use serde::Deserialize;
use wasm_bindgen::JsValue;

/// One text, as in an extension's `messages.json`.
#[derive(Deserialize)]
struct Message {
    message: String,
    #[serde(default)]
    placeholders: BTreeMap<String, Placeholder>,
}

#[derive(Deserialize)]
struct Placeholder {
    content: String,
}

/// The page.
pub struct Web {
    /// The reader's language first.
    locales: Vec<BTreeMap<String, Message>>,
    /// Pictures by path, where the page is one file.
    pictures: JsValue,
}

impl Web {
    /// From the contents of locale files, the reader's language first. One that is no such file has
    /// no words.
    pub fn new(locales: &[String], pictures: JsValue) -> Self {
        let read = |json: &String| serde_json::from_str(json).unwrap_or_default();
        Self { locales: locales.iter().map(read).collect(), pictures }
    }
}

impl Host for Web {
    fn message(&self, key: &str, values: &[&str]) -> String {
        let found = self.locales.iter().find_map(|locale| locale.get(key));
        found.map(|message| filled_in(message, values)).unwrap_or_default()
    }

    fn language(&self) -> String {
        let language = self.message("language", &[]);
        if language.is_empty() { "en".into() } else { language }
    }

    fn own_url(&self, path: &str) -> String {
        Reflect::get(&self.pictures, &path.into())
            .ok()
            .and_then(|url| url.as_string())
            .unwrap_or_else(|| path.to_owned())
    }
}

/// A text with `$1`…`$9` and its named placeholders (`$NAME$`) filled in, and `$$` for a dollar.
/// What is filled in is not looked at again.
fn filled_in(message: &Message, values: &[&str]) -> String {
    let mut out = String::with_capacity(message.message.len());
    let mut rest = message.message.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((value, after)) = numbered(rest, values) {
            out.push_str(value);
            rest = after;
        } else if let Some((name, after)) = rest.split_once('$')
            && let Some(placeholder) = message.placeholders.get(&name.to_ascii_lowercase())
            && let Some((value, "")) =
                placeholder.content.strip_prefix('$').and_then(|n| numbered(n, values))
        {
            out.push_str(value);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// The value of the number in front, and what comes after it.
fn numbered<'v, 't>(text: &'t str, values: &[&'v str]) -> Option<(&'v str, &'t str)> {
    let digit = text.chars().next()?.to_digit(10).filter(|digit| *digit > 0)?;
    let index = usize::try_from(digit).ok()? - 1;
    Some((values.get(index).copied().unwrap_or_default(), text.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(json: &str, values: &[&str]) -> String {
        filled_in(&serde_json::from_str(json).unwrap(), values)
    }

    #[test]
    fn texts_are_filled_in_as_browsers_do() {
        assert_eq!(say(r#"{"message": "$1 and $2, for $$5"}"#, &["a", "b"]), "a and b, for $5");
        let named = r#"{"message": "$ISSUER$ for $Host$", "placeholders": {"host": {"content": "$1"}, "issuer": {"content": "$2"}}}"#;
        assert_eq!(say(named, &["home.example", "Lab"]), "Lab for home.example");
        assert_eq!(say(r#"{"message": "$1 $3"}"#, &["a"]), "a ");
        assert_eq!(say(r#"{"message": "costs $ or $UNKNOWN$"}"#, &[]), "costs $ or $UNKNOWN$");
        // What somebody else wrote is not read as a placeholder.
        assert_eq!(say(r#"{"message": "$1$2"}"#, &["$2$$", "b"]), "$2$$b");
    }

    /// Every locale file of the extension reads, and a page in a language without a text has it in
    /// English.
    #[test]
    fn english_stands_in() {
        let english = include_str!("../../extension/static/_locales/en/messages.json");
        let other = r#"{"language": {"message": "xx"}, "copy": {"message": "Kopie"}}"#;
        let web = Web {
            locales: [other, english].map(|json| serde_json::from_str(json).unwrap()).into(),
            pictures: JsValue::NULL,
        };
        assert_eq!(
            (web.message("copy", &[]).as_str(), web.message("copied", &[]).as_str()),
            ("Kopie", "Copied.")
        );
        assert_eq!((web.language().as_str(), web.message("no_such_key", &[]).as_str()), ("xx", ""));
    }

    /// Every text that the page asks for by its whole key is there, and every error has one.
    #[test]
    fn no_text_is_missing() {
        let english: BTreeMap<String, Message> =
            serde_json::from_str(include_str!("../../extension/static/_locales/en/messages.json"))
                .unwrap();
        let mut asked = 0;
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
            let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for quoted in source.split('"').skip(1).step_by(2) {
                let is_key =
                    quoted.starts_with("www_") && !quoted.contains('{') && !quoted.ends_with('_');
                asked += usize::from(is_key);
                assert!(!is_key || english.contains_key(quoted), "{quoted} is missing");
            }
        }
        assert!(asked > 60, "{asked}");
        let codes = "empty unknown input-too-large no-certificate pem-malformed too-many-certificates certificate-too-large \
             certificate-malformed ambiguous-leaf only-authorities pkcs12 private-key report-too-large report-malformed report-newer-schema";
        for code in codes.split_whitespace() {
            assert!(
                english.contains_key(&format!("www_error_{}", code.replace('-', "_"))),
                "{code}"
            );
        }
        for (family, of) in [
            ("role", "server authority root added_root private_root absent"),
            ("link", "vouches refused false missing top"),
            ("state", "pending qualified usable readonly retired rejected unlisted"),
            ("sample", "good renewed between"),
        ] {
            for one in of.split(' ') {
                assert!(english.contains_key(&format!("www_{family}_{one}")), "{family} {one}");
            }
        }
    }
}
