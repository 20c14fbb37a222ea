//! What the pages use of the browser's interface for extensions: one declaration each.

pub use doorlight_view::browser::{reason, value};
use doorlight_view::host::Host;
use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["chrome", "runtime"], js_name = sendMessage)]
    fn runtime_send_message(message: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "runtime"], js_name = getURL)]
    fn runtime_get_url(path: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "runtime"], js_name = openOptionsPage)]
    fn runtime_open_options_page() -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "i18n"], js_name = getMessage)]
    fn i18n_get_message(key: &str, values: &Array) -> Result<String, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "i18n"], js_name = getUILanguage)]
    fn i18n_get_ui_language() -> Result<String, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "permissions"], js_name = request)]
    fn permissions_request(permissions: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "permissions"], js_name = remove)]
    fn permissions_remove(permissions: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "tabs"], js_name = query)]
    fn tabs_query(query: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "tabs"], js_name = create)]
    fn tabs_create(properties: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "tabs"], js_name = getCurrent)]
    fn tabs_get_current() -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "tabs"], js_name = remove)]
    fn tabs_remove(id: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_name = fetch)]
    fn global_fetch(url: &str, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["chrome", "browsingData"], js_name = remove)]
    fn browsing_data_remove(options: &JsValue, kinds: &JsValue) -> Result<Promise, JsValue>;
}

/// Waits for what the browser promised.
async fn kept(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
}

/// Sends a message to the background and waits for its answer.
///
/// # Errors
/// What the browser says where nobody answers.
pub async fn send_message(message: &JsValue) -> Result<JsValue, JsValue> {
    kept(runtime_send_message(message)).await
}

/// The full address of a file of the extension; empty for the path that leads to all of them.
pub fn own_url(path: &str) -> String {
    runtime_get_url(path).unwrap_or_default()
}

/// The extension as the surroundings of its pages.
#[derive(Clone, Copy, Debug)]
pub struct Extension;

impl Host for Extension {
    fn message(&self, key: &str, values: &[&str]) -> String {
        let values: Array = values.iter().map(|value| JsValue::from_str(value)).collect();
        i18n_get_message(key, &values).unwrap_or_default()
    }

    fn language(&self) -> String {
        i18n_get_ui_language().unwrap_or_else(|_| "en".into())
    }

    fn own_url(&self, path: &str) -> String {
        own_url(path)
    }
}

/// True in Firefox.
pub fn is_firefox() -> bool {
    own_url("").starts_with("moz-extension:")
}

/// Asks an address for headers alone, with no cookie, password or referrer.
///
/// # Errors
/// What the browser says.
pub async fn ask_for_headers(url: &str) -> Result<(), JsValue> {
    let options = serde_json::json!({
        "method": "HEAD",
        "credentials": "omit",
        "cache": "no-store",
        "redirect": "manual",
        "referrerPolicy": "no-referrer",
    });
    kept(global_fetch(url, &value(&options))).await.map(|_| ())
}

/// Opens the options page.
pub async fn open_options() {
    let _ = kept(runtime_open_options_page()).await;
}

/// Asks the user for permissions. The question is put before this returns, as the browser wants it
/// in a click; the answer is awaited.
pub fn request_permissions(
    permissions: &JsValue,
) -> impl Future<Output = Result<bool, JsValue>> + use<> {
    let asked = permissions_request(permissions);
    async move { Ok(kept(asked).await?.is_truthy()) }
}

/// Gives permissions back.
///
/// # Errors
/// What the browser says.
pub async fn remove_permissions(permissions: &JsValue) -> Result<(), JsValue> {
    kept(permissions_remove(permissions)).await.map(|_| ())
}

/// A tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// The browser's number.
    pub id: Option<i32>,
    /// What it shows.
    pub url: String,
}

/// The tab that the user is looking at, as far as the browser tells.
pub async fn active_tab() -> Option<Tab> {
    let query = value(&serde_json::json!({"active": true, "currentWindow": true}));
    let tab = Array::from(&kept(tabs_query(&query)).await.ok()?).get(0);
    let member = |name: &str| Reflect::get(&tab, &name.into()).ok();
    let url = member("url")?.as_string().filter(|url| !url.is_empty())?;
    let id = member("id").and_then(|id| id.as_f64()).map(|id| format!("{id}"));
    Some(Tab { id: id.and_then(|id| id.parse().ok()), url })
}

/// Opens a tab; an empty address opens the browser's own new tab.
pub async fn open_tab(url: &str) {
    let properties =
        if url.is_empty() { serde_json::json!({}) } else { serde_json::json!({ "url": url }) };
    let _ = kept(tabs_create(&value(&properties))).await;
}

/// Closes the tab that this page is in. Its window stays: where it is the last one, a new tab is
/// opened first.
///
/// # Errors
/// What the browser says.
pub async fn close_own_tab() -> Result<(), JsValue> {
    let tab = kept(tabs_get_current()).await?;
    let id = Reflect::get(&tab, &"id".into())?;
    let query = value(&serde_json::json!({"currentWindow": true}));
    if Array::from(&kept(tabs_query(&query)).await?).length() < 2 {
        open_tab("").await;
    }
    kept(tabs_remove(&id)).await.map(|_| ())
}

/// Removes what sites have stored.
///
/// # Errors
/// What the browser says.
pub async fn remove_browsing_data(options: &JsValue, kinds: &JsValue) -> Result<(), JsValue> {
    kept(browsing_data_remove(options, kinds)).await.map(|_| ())
}
