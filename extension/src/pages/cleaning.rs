//! Clears what a site has stored in this browser: after a mismatch its pages, its service worker or
//! its cookies may be somebody else's.

use std::rc::Rc;

use doorlight::address::Address;

use crate::protocol::{Request, Status};

use super::background::ask;
use super::button::{Look, button, row};
use super::confirm::Then;
use super::dom::{Part, paragraph, part};
use super::{browser, permission, said, words};

/// A button that clears the site's data. The permission is asked for in its click.
pub fn clear_button(address: &Address) -> Part {
    clear_button_then(address, Rc::new(|_| {}))
}

fn clear_button_then(address: &Address, then: Then) -> Part {
    let address = address.clone();
    button(&words::word("clear_button"), Look::Plain, move || {
        let asked = permission::ask_to_clear();
        let (address, then) = (address.clone(), Rc::clone(&then));
        async move {
            match asked.await {
                Ok(true) => {}
                Ok(false) => return said::say(&words::word("clear_denied")),
                Err(error) => {
                    return said::say(&words::with("clear_failed", &[&browser::reason(&error)]));
                }
            }
            match clear(&address).await {
                Ok(()) => {
                    let host = address.host.clone();
                    cleaned(address, &then).await;
                    said::say_briefly(&words::with("clear_done", &[host.as_str()]));
                }
                Err(error) => said::say(&words::with("clear_failed", &[&browser::reason(&error)])),
            }
        }
    })
}

/// After a Danger or a way past the gate: what somebody else may have stored in this browser can be
/// cleared, or left.
pub fn note(address: &Address, then: &Then) -> Part {
    let (left, done) = (address.clone(), Rc::clone(then));
    let leave = button(&words::word("clear_leave"), Look::Plain, move || {
        let (address, then) = (left.clone(), Rc::clone(&done));
        async move { cleaned(address, &then).await }
    });
    part("div")
        .class("note")
        .child(paragraph(&words::word("clear_note")))
        .child(row([clear_button_then(address, Rc::clone(then)), leave]))
}

async fn cleaned(address: Address, then: &Then) {
    match ask::<Status>(&Request::Cleaned { address }).await {
        Ok(status) => then(status),
        Err(unanswered) => said::say(&unanswered.in_words()),
    }
}

/// Firefox goes by hosts, Chromium by origins; only Chromium names the cache of service workers.
async fn clear(address: &Address) -> Result<(), wasm_bindgen::JsValue> {
    let host = address.host.as_str();
    let mut kinds = serde_json::json!({
        "cookies": true, "localStorage": true, "indexedDB": true, "serviceWorkers": true,
    });
    let whose = if browser::is_firefox() {
        serde_json::json!({ "hostnames": [host] })
    } else {
        if let Some(kinds) = kinds.as_object_mut() {
            kinds.insert("cacheStorage".into(), true.into());
        }
        serde_json::json!({ "origins": [format!("https://{address}")] })
    };
    browser::remove_browsing_data(&browser::value(&whose), &browser::value(&kinds)).await
}
