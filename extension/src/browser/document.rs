//! The documents that our content script is in, in whatever tab and frame: a light belongs to one
//! of them, and at Danger each is left.
//!
//! A tab is asked by a message, which reaches the document that it shows at that moment. The
//! browser's own error pages have no content script and do not answer, whatever URL the tab names;
//! no connection needs to be kept, so a background that slept knows as much as one that did not.

use doorlight::address::Address;
use futures_util::future::{Either, join_all, select};
use gloo_timers::future::TimeoutFuture;
use serde::Deserialize;
use serde_json::json;

use crate::browser::api;
use crate::browser::url::address_of;

/// How long a document may take to answer, in milliseconds: a busy page is no reason to wait
/// longer.
const PATIENCE: u32 = 2000;

/// The document that a tab shows, as our content script in it says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Document {
    /// Made up by the content script, for this document alone.
    #[serde(rename = "document")]
    pub id: String,
    /// Where it is.
    pub url: String,
    /// The service worker that answers for it; empty for none.
    #[serde(default)]
    pub worker: String,
}

impl Document {
    /// True where it is a page of this address, over TLS.
    pub fn is_of(&self, address: &Address) -> bool {
        self.url.starts_with("https:") && address_of(&self.url).as_ref() == Some(address)
    }
}

/// The document that a tab shows now. `None` where our content script is not in it.
pub async fn of_tab(tab: i32) -> Option<Document> {
    let question = json!({"tell": "which"});
    let asked = Box::pin(api::ask_document(tab, &question));
    match select(asked, TimeoutFuture::new(PATIENCE)).await {
        Either::Left((answer, _)) => serde_json::from_value(answer.ok()?).ok(),
        Either::Right(_) => None,
    }
}

/// Ends every document of an address, in frames of other sites' tabs and in popups too.
pub async fn leave_everywhere(address: &Address) {
    let message = json!({"tell": "leave", "origin": format!("https://{address}")});
    let tabs = api::tab_ids().await;
    // Those that are busy keep nobody waiting.
    let told = join_all(tabs.into_iter().map(|tab| api::tell_documents(tab, &message)));
    let _ = select(Box::pin(told), TimeoutFuture::new(PATIENCE)).await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_of_one_address() {
        let home: Address = "home.example:8123".parse().unwrap();
        let is_of = |url: &str| {
            Document { id: "1".into(), url: url.into(), worker: String::new() }.is_of(&home)
        };
        assert!(is_of("https://home.example:8123/lovelace"));
        for other in [
            "http://home.example:8123/",
            "https://home.example/",
            "https://home.example.:8123/",
            "https://sub.home.example:8123/",
            "https://home.example:8123@evil.example/",
            "https://user@home.example:8123/",
            "about:blank",
            "about:srcdoc",
            "blob:https://home.example:8123/1",
            "",
        ] {
            assert!(!is_of(other), "{other}");
        }
    }
}
