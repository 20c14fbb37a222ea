//! Clears what a site has stored in this browser: after a mismatch its pages, its service worker or its cookies may be somebody else's.

use doorlight::address::Address;

use super::button::{Look, button};
use super::dom::Part;
use super::{browser, permission, said, words};

/// A button that clears the site's data. The permission is asked for in its click.
pub fn clear_button(address: &Address) -> Part {
    let address = address.clone();
    button(&words::word("clear_button"), Look::Plain, move || {
        let asked = permission::ask_to_clear();
        let address = address.clone();
        async move {
            match asked.await {
                Ok(true) => {}
                Ok(false) => return said::say(&words::word("clear_denied")),
                Err(error) => return said::say(&words::with("clear_failed", &[&browser::reason(&error)])),
            }
            match clear(&address).await {
                Ok(()) => said::say_briefly(&words::with("clear_done", &[address.host.as_str()])),
                Err(error) => said::say(&words::with("clear_failed", &[&browser::reason(&error)])),
            }
        }
    })
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
