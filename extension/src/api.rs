//! The one seam to the browser: everything that is called of `chrome.*`, which Firefox has under the same name.
//!
//! Arguments and answers are JSON. A missing function or a refused call is an [`ApiError`], never a trap: the externs are declared as fallible
//! functions that return a promise, because `async` externs trap where the function is missing.

use core::time::Duration;

use futures_util::future::join4;
use js_sys::{Function, JSON, Promise, Reflect};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// The browser refused or lacks something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {reason}")]
pub struct ApiError {
    /// What was called.
    pub call: &'static str,
    /// What the browser said.
    pub reason: String,
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = chrome)]
    static CHROME: JsValue;

    #[wasm_bindgen(catch, js_name = fetch)]
    fn js_fetch(url: &str, init: &JsValue) -> Result<Promise, JsValue>;
}

/// JSON to JavaScript.
pub fn to_js(value: &Value) -> JsValue {
    from_text(&value.to_string())
}

/// JavaScript to JSON; what JSON cannot say is left out.
pub fn from_js(value: &JsValue) -> Value {
    serde_json::from_str(&text_of(value)).unwrap_or(Value::Null)
}

/// JSON as text to JavaScript.
pub fn from_text(json: &str) -> JsValue {
    JSON::parse(json).unwrap_or(JsValue::NULL)
}

/// JavaScript to JSON as text.
pub fn text_of(value: &JsValue) -> String {
    JSON::stringify(value).ok().and_then(|text| text.as_string()).unwrap_or_else(|| "null".into())
}

/// A member of an object, `undefined` where there is none.
pub fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Calls `chrome.PATH(arguments)` without waiting.
fn start(call: &'static str, arguments: &[Value]) -> Result<JsValue, ApiError> {
    let failed = |reason: JsValue| ApiError { call, reason: reason_of(&reason) };
    let (owner, name) = call.rsplit_once('.').unwrap_or(("", call));
    let owner = owner.split('.').fold(CHROME.with(JsValue::clone), |object, name| member(&object, name));
    let function: Function =
        member(&owner, name).dyn_into().map_err(|_| ApiError { call, reason: "missing".into() })?;
    let arguments = arguments.iter().map(to_js).collect::<js_sys::Array>();
    function.apply(&owner, &arguments).map_err(failed)
}

/// Calls `chrome.PATH(arguments)` and waits for the answer.
async fn call_js(call: &'static str, arguments: &[Value]) -> Result<JsValue, ApiError> {
    let started = start(call, arguments)?;
    let failed = |reason: JsValue| ApiError { call, reason: reason_of(&reason) };
    JsFuture::from(Promise::resolve(&started)).await.map_err(failed)
}

/// The same, with the answer in JSON.
async fn call(path: &'static str, arguments: &[Value]) -> Result<Value, ApiError> {
    Ok(from_js(&call_js(path, arguments).await?))
}

/// What an exception or a rejected promise says.
pub fn reason_of(error: &JsValue) -> String {
    let message = member(error, "message").as_string().or_else(|| error.as_string());
    doorlight::text::printable(&message.unwrap_or_else(|| "no reason given".into()))
}

/// `storage.local.get` for all keys.
pub async fn local_all() -> Result<Value, ApiError> {
    call("storage.local.get", &[Value::Null]).await
}

/// `storage.local.get` for some keys.
pub async fn local_get(keys: &[&str]) -> Result<Value, ApiError> {
    call("storage.local.get", &[json!(keys)]).await
}

/// `storage.local.remove`.
pub async fn local_remove(key: &str) -> Result<(), ApiError> {
    call("storage.local.remove", &[json!(key)]).await.map(drop)
}

/// `storage.local.set`.
pub async fn local_set(entries: Value) -> Result<(), ApiError> {
    call("storage.local.set", &[entries]).await.map(drop)
}

/// `storage.session.get` for one key.
pub async fn session_get(key: &str) -> Result<Value, ApiError> {
    Ok(call("storage.session.get", &[json!(key)]).await?.get(key).cloned().unwrap_or(Value::Null))
}

/// `storage.session.remove`.
pub async fn session_remove(key: &str) -> Result<(), ApiError> {
    call("storage.session.remove", &[json!(key)]).await.map(drop)
}

/// `storage.session.set`.
pub async fn session_set(entries: Value) -> Result<(), ApiError> {
    call("storage.session.set", &[entries]).await.map(drop)
}

/// An own file's URL.
pub fn own_url(path: &str) -> String {
    start("runtime.getURL", &[json!(path)]).ok().and_then(|url| url.as_string()).unwrap_or_default()
}

/// The extension's ID: in Chromium the host of its pages too.
pub fn own_id() -> String {
    member(&member(&CHROME.with(JsValue::clone), "runtime"), "id").as_string().unwrap_or_default()
}

/// True where `chrome.PATH` is there.
pub fn has(path: &str) -> bool {
    let found = path.split('.').fold(CHROME.with(JsValue::clone), |object, name| member(&object, name));
    !found.is_undefined() && !found.is_null()
}

/// A fetch; the answer is the response.
pub async fn fetch(url: &str, init: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(js_fetch(url, init)?).await
}

/// The host patterns that the user has granted.
pub async fn granted_patterns() -> Result<Vec<String>, ApiError> {
    let all = call("permissions.getAll", &[]).await?;
    let origins = all.get("origins").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(origins.iter().filter_map(|one| one.as_str().map(Into::into)).collect())
}

/// True where the user has granted a host pattern.
pub async fn is_granted(pattern: &str) -> bool {
    call("permissions.contains", &[json!({"origins": [pattern]})]).await == Ok(Value::Bool(true))
}

/// True where the user has granted all of them.
pub async fn are_granted(patterns: &[String]) -> bool {
    call("permissions.contains", &[json!({"origins": patterns})]).await == Ok(Value::Bool(true))
}

/// Gives host patterns back.
pub async fn give_back(patterns: &[String]) -> Result<(), ApiError> {
    call("permissions.remove", &[json!({"origins": patterns})]).await.map(drop)
}

/// A tab, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Tab {
    /// The browser's number.
    pub id: i32,
    /// What it shows; absent where no permission says so.
    #[serde(default)]
    pub url: String,
}

/// The tabs that show something under one of the host patterns.
pub async fn tabs(patterns: &[String]) -> Vec<Tab> {
    if patterns.is_empty() {
        return Vec::new();
    }
    let found = call_js("tabs.query", &[json!({"url": patterns})]).await.unwrap_or(JsValue::NULL);
    serde_json::from_str(&text_of(&found)).unwrap_or_default()
}

/// The tabs that show one of our own pages.
pub async fn own_tabs(page: &str) -> Vec<Tab> {
    let found = call_js("tabs.query", &[json!({})]).await.unwrap_or(JsValue::NULL);
    let tabs: Vec<Tab> = serde_json::from_str(&text_of(&found)).unwrap_or_default();
    let start = own_url(page);
    tabs.into_iter().filter(|tab| !start.is_empty() && tab.url.starts_with(&start)).collect()
}

/// Loads a tab again.
pub async fn reload_tab(tab: i32) {
    let _ = call("tabs.reload", &[json!(tab)]).await;
}

/// Sends a tab elsewhere.
pub async fn send_tab(tab: i32, url: &str) -> Result<(), ApiError> {
    call("tabs.update", &[json!(tab), json!({"url": url})]).await.map(drop)
}

/// Opens a tab.
pub async fn open_tab(url: &str) -> Result<(), ApiError> {
    call("tabs.create", &[json!({"url": url})]).await.map(drop)
}

/// Sets the toolbar's sign for one tab. A tab that has gone in the meantime is no error.
pub async fn set_action(tab: i32, icons: Value, badge: &str, color: &str, title: &str) {
    // All at once, the sign first: the icon's files have to be read.
    let _ = join4(
        call("action.setBadgeText", &[json!({"tabId": tab, "text": badge})]),
        call("action.setBadgeBackgroundColor", &[json!({"tabId": tab, "color": color})]),
        call("action.setTitle", &[json!({"tabId": tab, "title": title})]),
        call("action.setIcon", &[json!({"tabId": tab, "path": icons})]),
    )
    .await;
}

/// A text of the locale files.
pub fn text(key: &str, substitutions: &[&str]) -> String {
    let found = start("i18n.getMessage", &[json!(key), json!(substitutions)]);
    found.ok().and_then(|text| text.as_string()).unwrap_or_default()
}

/// Sets an alarm at a time in milliseconds since 1970. One that is set for then already stays: set anew, it would wait for half a minute again.
pub async fn set_alarm(name: &str, when: u64) -> Result<(), ApiError> {
    let set_for = call("alarms.get", &[json!(name)]).await?.get("scheduledTime").and_then(Value::as_f64);
    if set_for.and_then(doorlight_browser::timestamp).is_some_and(|set_for| set_for.millis() == when) {
        return Ok(());
    }
    call("alarms.create", &[json!(name), json!({"when": when})]).await.map(drop)
}

/// Sets an alarm every minute, where it is not set yet.
pub async fn set_minute_alarm(name: &str) -> Result<(), ApiError> {
    if call("alarms.get", &[json!(name)]).await?.is_object() {
        return Ok(());
    }
    call("alarms.create", &[json!(name), json!({"periodInMinutes": 1})]).await.map(drop)
}

/// Sets an alarm that comes again and again, where it is not set yet; the first time after `first`.
pub async fn set_repeated_alarm(name: &str, first: Duration, period: Duration) -> Result<(), ApiError> {
    if call("alarms.get", &[json!(name)]).await?.is_object() {
        return Ok(());
    }
    let minutes = |duration: Duration| duration.as_secs_f64() / 60.0;
    let times = json!({"delayInMinutes": minutes(first), "periodInMinutes": minutes(period)});
    call("alarms.create", &[json!(name), times]).await.map(drop)
}

/// Shows a notification, in the place of the one with the same name. Without the permission there is no such function.
pub async fn notify(name: &str, title: &str, text: &str) -> Result<(), ApiError> {
    let options = json!({"type": "basic", "iconUrl": own_url("icons/attention-128.png"), "title": title, "message": text});
    call("notifications.create", &[json!(name), options]).await.map(drop)
}

/// True in the background of private windows (Chromium's `split`).
pub fn is_private() -> bool {
    member(&member(&CHROME.with(JsValue::clone), "extension"), "inIncognitoContext").is_truthy()
}

/// Takes an alarm back.
pub async fn clear_alarm(name: &str) {
    let _ = call("alarms.clear", &[json!(name)]).await;
}

/// The content scripts registered at run time.
pub async fn content_scripts() -> Result<Vec<Value>, ApiError> {
    let found = call("scripting.getRegisteredContentScripts", &[]).await?;
    Ok(found.as_array().cloned().unwrap_or_default())
}

/// Registers a content script, in the place of the one with the same ID.
pub async fn register_content_script(script: Value) -> Result<(), ApiError> {
    let is_known = content_scripts().await?.iter().any(|known| known.get("id") == script.get("id"));
    let path = if is_known { "scripting.updateContentScripts" } else { "scripting.registerContentScripts" };
    call(path, &[json!([script])]).await.map(drop)
}

/// Takes a content script back.
pub async fn unregister_content_script(id: &str) -> Result<(), ApiError> {
    if content_scripts().await?.iter().any(|known| known.get("id") == Some(&json!(id))) {
        call("scripting.unregisterContentScripts", &[json!({"ids": [id]})]).await?;
    }
    Ok(())
}

/// Runs a file in a tab that is open already.
pub async fn run_in_tab(tab: i32, file: &str) {
    let target = json!({"target": {"tabId": tab, "allFrames": true}, "files": [file]});
    let _ = call("scripting.executeScript", &[target]).await;
}

/// The rules that stay (`dynamic`) or end with the browser (`session`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rules {
    /// Kept across restarts and updates.
    Dynamic,
    /// Gone with the browser.
    Session,
}

/// The rules that are in force.
pub async fn rules(kind: Rules) -> Result<Vec<Value>, ApiError> {
    let path = match kind {
        Rules::Dynamic => "declarativeNetRequest.getDynamicRules",
        Rules::Session => "declarativeNetRequest.getSessionRules",
    };
    Ok(call(path, &[]).await?.as_array().cloned().unwrap_or_default())
}

/// Puts `wanted` in the place of the rules that are `present`, in one step.
pub async fn replace_rules(kind: Rules, present: &[Value], wanted: &[Value]) -> Result<(), ApiError> {
    let ids: Vec<&Value> = present.iter().filter_map(|rule| rule.get("id")).collect();
    let path = match kind {
        Rules::Dynamic => "declarativeNetRequest.updateDynamicRules",
        Rules::Session => "declarativeNetRequest.updateSessionRules",
    };
    call(path, &[json!({"removeRuleIds": ids, "addRules": wanted})]).await.map(drop)
}

/// What Firefox knows of the connection that carried a response. `rawDER` makes it slower.
pub async fn security_info(request: &str, with_chain: bool) -> Result<Value, ApiError> {
    let options = json!({"certificateChain": with_chain, "rawDER": with_chain});
    call("webRequest.getSecurityInfo", &[json!(request), options]).await
}

/// The targets that the debugger knows.
pub async fn debugger_targets() -> Result<Vec<Value>, ApiError> {
    Ok(call("debugger.getTargets", &[]).await?.as_array().cloned().unwrap_or_default())
}

/// Attaches the debugger.
pub async fn debugger_attach(target: &Value) -> Result<(), ApiError> {
    call("debugger.attach", &[target.clone(), json!("1.3")]).await.map(drop)
}

/// A command over the debugger.
pub async fn debugger_send(target: &Value, method: &str, parameters: Value) -> Result<Value, ApiError> {
    call("debugger.sendCommand", &[target.clone(), json!(method), parameters]).await
}

/// Detaches the debugger.
pub async fn debugger_detach(target: &Value) {
    let _ = call("debugger.detach", core::slice::from_ref(target)).await;
}
