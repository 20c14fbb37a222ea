//! Who sends a message, and what each may ask. Pure.

use doorlight::address::Address;
use serde_json::Value;

use crate::browser::url::address_of;
use crate::protocol::Audience;

/// Who asks, as the browser vouches for it (`runtime.MessageSender`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The URL of the page or frame.
    pub url: String,
    /// Its origin, `null` for an opaque one; `None` where the browser does not say it.
    pub origin: Option<String>,
    /// Its tab.
    pub tab: Option<i32>,
    /// What the tab shows, as far as a permission says so.
    pub tab_url: String,
    /// 0 for the page itself; `None` where the browser does not say it. Firefox's numbers exceed 32
    /// bits.
    pub frame: Option<i64>,
}

impl Sender {
    /// From what the browser says.
    pub fn read(sender: &Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
        let tab = sender.get("tab");
        let number = tab.and_then(|tab| tab.get("id")).and_then(Value::as_i64);
        Self {
            url: text(sender.get("url")).unwrap_or_default(),
            origin: text(sender.get("origin")),
            tab: number.and_then(|id| i32::try_from(id).ok()),
            tab_url: text(tab.and_then(|tab| tab.get("url"))).unwrap_or_default(),
            frame: sender.get("frameId").and_then(Value::as_i64),
        }
    }

    /// True for the page itself. A number that is not known is not the page's.
    pub fn is_page(&self) -> bool {
        self.frame == Some(0)
    }

    /// True where this one may ask what those may. `own` is the root of the extension's pages.
    pub fn is_among(&self, audience: Audience, own: &str) -> bool {
        match audience {
            Audience::Pages => self.is_own_page(own),
            Audience::Documents => !self.is_own_page(own) && self.tab.is_some(),
        }
    }

    /// True for the extension's own pages; one in a sandbox has lost its origin.
    fn is_own_page(&self, own: &str) -> bool {
        let has_own_origin = self.origin.as_ref().is_none_or(|origin| format!("{origin}/") == own);
        !own.is_empty() && self.url.starts_with(own) && has_own_origin
    }

    /// Whose document asks.
    pub fn whose(&self) -> Whose {
        let origin = self.origin.as_deref().unwrap_or_default();
        let url = if self.url.starts_with("http") { self.url.as_str() } else { origin };
        match address_of(url) {
            Some(_) if url.starts_with("http:") => Whose::Plain(address_of(url)),
            Some(address) => Whose::Address(address),
            None => Whose::Opaque(
                address_of(&self.tab_url).filter(|_| self.tab_url.starts_with("https:")),
            ),
        }
    }
}

/// Whose document a content script is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An address's own: its page, or a document that has inherited its origin.
    Address(Address),
    /// One that came without encryption; the address is what it would be with it.
    Plain(Option<Address>),
    /// One without an origin, such as a frame in a sandbox, in a tab that shows this address, if it
    /// is one.
    Opaque(Option<Address>),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use crate::protocol::{Knock, Request};
    use serde_json::json;

    const OWN: &str = "chrome-extension://abcdef/";

    fn own_page() -> Value {
        json!({"url": format!("{OWN}options.html"), "origin": "chrome-extension://abcdef", "tab": {"id": 3}, "frameId": 0})
    }

    fn home_page() -> Value {
        json!({"url": "https://home.example/", "origin": "https://home.example", "tab": {"id": 3, "url": "https://home.example/"}, "frameId": 0})
    }

    /// One valid message of each kind.
    fn requests() -> Vec<(Value, Audience)> {
        use Audience::{Documents, Pages};
        let address = "home.example";
        let settings =
            serde_json::to_value(doorlight_guard::settings::Settings::default()).unwrap();
        vec![
            (json!({"ask": "hello", "url": "https://home.example/", "document": "1"}), Documents),
            (json!({"ask": "enter", "url": "https://home.example/"}), Pages),
            (json!({"ask": "status", "url": "https://home.example/"}), Pages),
            (json!({"ask": "check-again", "address": address}), Pages),
            (json!({"ask": "guard", "address": address}), Pages),
            (json!({"ask": "unguard", "address": address}), Pages),
            (json!({"ask": "accept", "address": address, "sha256": ""}), Pages),
            (json!({"ask": "enter-fingerprint", "address": address, "text": ""}), Pages),
            (json!({"ask": "unpin", "address": address, "spki_sha256": ""}), Pages),
            (json!({"ask": "except", "address": address, "typed": "home.example"}), Pages),
            (json!({"ask": "overview"}), Pages),
            (json!({"ask": "change", "settings": settings}), Pages),
            (json!({"ask": "consent", "address": address, "consent": {}}), Pages),
            (json!({"ask": "preview-pins", "json": ""}), Pages),
            (json!({"ask": "import-pins", "json": ""}), Pages),
            (json!({"ask": "export-pins"}), Pages),
            (json!({"ask": "export-evidence", "address": address}), Pages),
            (json!({"ask": "start-afresh"}), Pages),
            (json!({"ask": "audit", "address": address}), Pages),
            (json!({"ask": "acknowledge", "address": address, "id": "", "is_known": true}), Pages),
            (json!({"ask": "set-home", "address": address, "local": ""}), Pages),
            (json!({"ask": "forget-home", "address": address}), Pages),
            (json!({"ask": "ask-home", "address": address}), Pages),
            (json!({"ask": "accept-risk", "address": address, "is_accepted": true}), Pages),
            (json!({"ask": "cleaned", "address": address}), Pages),
            (json!({"ask": "self-test", "address": address}), Pages),
        ]
    }

    #[test]
    fn each_request_has_its_senders() {
        let with = |mut sender: Value, key: &str, value: Value| {
            sender[key] = value;
            sender
        };
        // Who; what is answered.
        let senders = [
            (own_page(), Some(Audience::Pages)),
            // The popup is in no tab.
            (
                json!({"url": format!("{OWN}popup.html"), "origin": "chrome-extension://abcdef"}),
                Some(Audience::Pages),
            ),
            (json!({"url": format!("{OWN}popup.html")}), Some(Audience::Pages)),
            (home_page(), Some(Audience::Documents)),
            (with(home_page(), "frameId", json!(1u64 << 33)), Some(Audience::Documents)),
            // A host named like the extension, a page in a sandbox, a page of another extension,
            // somebody without a tab, nobody.
            (
                json!({"url": "https://abcdef/options.html", "origin": "https://abcdef", "tab": {"id": 1}, "frameId": 0}),
                Some(Audience::Documents),
            ),
            (with(own_page(), "origin", json!("null")), Some(Audience::Documents)),
            (
                json!({"url": "chrome-extension://abcdefg/options.html", "tab": {"id": 1}, "frameId": 0}),
                Some(Audience::Documents),
            ),
            (json!({"url": "https://home.example/", "origin": "https://home.example"}), None),
            (json!({}), None),
        ];
        for (sender, allowed) in senders {
            let sender = Sender::read(&sender);
            for (message, audience) in requests() {
                // Each question is of one kind, and that kind alone says who may ask it.
                let knock: Option<Knock> = serde_json::from_value(message.clone()).ok();
                let request: Option<Request> = serde_json::from_value(message.clone()).ok();
                assert!(knock.is_some() != request.is_some(), "{message}");
                let asks_as = knock.map_or(Audience::Pages, |knock| knock.audience());
                assert_eq!(asks_as, audience, "{message}");
                let is_allowed = allowed == Some(audience);
                assert_eq!(sender.is_among(audience, OWN), is_allowed, "{sender:?} {message}");
            }
        }
        let is_anybody = Sender::read(&own_page()).is_among(Audience::Pages, "");
        assert!(!is_anybody, "without an own root nobody is the extension");
        assert!(!Sender::read(&own_page()).is_among(Audience::Documents, OWN));
    }

    #[test]
    fn only_a_known_number_is_the_page() {
        for (frame, is_page) in [
            (json!(0), true),
            (json!(1), false),
            (json!(1u64 << 33), false),
            (json!(null), false),
            (json!("0"), false),
        ] {
            assert_eq!(Sender::read(&json!({"frameId": frame})).is_page(), is_page, "{frame}");
        }
        assert!(!Sender::read(&json!({})).is_page());
    }

    #[test]
    fn a_document_belongs_to_its_url_or_to_the_origin_that_it_inherited() {
        let home: Address = "home.example:8123".parse().unwrap();
        let whose = |url: &str, origin: &str, tab: &str| {
            Sender::read(&json!({"url": url, "origin": origin, "tab": {"id": 1, "url": tab}}))
                .whose()
        };
        let origin = "https://home.example:8123";
        assert_eq!(whose("https://home.example:8123/x", origin, ""), Whose::Address(home.clone()));
        for inherited in ["about:blank", "about:srcdoc", "blob:https://home.example:8123/1"] {
            assert_eq!(
                whose(inherited, origin, "https://evil.example/"),
                Whose::Address(home.clone()),
                "{inherited}"
            );
            assert_eq!(
                whose(inherited, "null", "https://evil.example/"),
                Whose::Opaque("evil.example".parse().ok()),
                "{inherited}"
            );
        }
        assert_eq!(
            whose("data:text/html,x", "null", "https://home.example:8123/"),
            Whose::Opaque(Some(home.clone()))
        );
        assert_eq!(
            whose("http://home.example:8123/", "http://home.example:8123", ""),
            Whose::Plain(Some(home))
        );
        assert_eq!(whose("", "", ""), Whose::Opaque(None));
    }
}
