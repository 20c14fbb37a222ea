//! The one seam to the browser: everything that is called of `chrome.*`, which Firefox has under
//! the same name.
//!
//! Arguments and answers are JSON. A missing function or a refused call is a [`Refused`], never a
//! trap: the externs are declared as fallible functions that return a promise, because `async`
//! externs trap where the function is missing.

use core::cell::Cell;
use core::future::pending;
use core::time::Duration;

use doorlight_guard::ports::{Area, Refused};
use futures_util::future::join4;
use js_sys::{Function, JSON, Promise, Reflect};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// How long the end waits for calls that are under way, in steps of five milliseconds.
#[cfg(all(feature = "waking", not(feature = "background")))]
const STEPS_TO_THE_END: u32 = 200;

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
fn start(call: &'static str, arguments: &[Value]) -> Result<JsValue, Refused> {
    let failed = |reason: JsValue| Refused { call, reason: reason_of(&reason) };
    let (owner, name) = call.rsplit_once('.').unwrap_or(("", call));
    let owner =
        owner.split('.').fold(CHROME.with(JsValue::clone), |object, name| member(&object, name));
    let function: Function =
        member(&owner, name).dyn_into().map_err(|_| Refused { call, reason: "missing".into() })?;
    let arguments = arguments.iter().map(to_js).collect::<js_sys::Array>();
    function.apply(&owner, &arguments).map_err(failed)
}

thread_local! {
    /// True once another background has taken over, as after this one's end.
    static HAS_ENDED: Cell<bool> = const { Cell::new(false) };
    /// How many calls are under way.
    static UNDER_WAY: Cell<u32> = const { Cell::new(0) };
}

/// A call that is under way, until it is dropped.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        UNDER_WAY.set(UNDER_WAY.get() + 1);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.set(UNDER_WAY.get() - 1);
    }
}

/// The end of this background, as far as the browser sees: no call begins after it, and nothing
/// comes back from those that were made. Waits for those under way, so that whoever follows reads
/// what they have stored; one that hangs, such as the debugger's, stores nothing.
#[cfg(all(feature = "waking", not(feature = "background")))]
pub async fn end() {
    HAS_ENDED.set(true);
    for _ in 0..STEPS_TO_THE_END {
        if UNDER_WAY.get() == 0 {
            break;
        }
        gloo_timers::future::TimeoutFuture::new(5).await;
    }
}

/// Begins to detach the debugger, for a background that does not see the end of it.
#[cfg(all(feature = "waking", not(feature = "background")))]
pub fn debugger_let_go(target: &Value) {
    if let Ok(started) = start("debugger.detach", core::slice::from_ref(target)) {
        spawn_local(async move { drop(JsFuture::from(Promise::resolve(&started)).await) });
    }
}

/// Calls `chrome.PATH(arguments)` and waits for the answer.
async fn call_js(call: &'static str, arguments: &[Value]) -> Result<JsValue, Refused> {
    if HAS_ENDED.get() {
        return pending().await;
    }
    let under_way = UnderWay::begin();
    let started = start(call, arguments)?;
    let failed = |reason: JsValue| Refused { call, reason: reason_of(&reason) };
    let answer = JsFuture::from(Promise::resolve(&started)).await.map_err(failed);
    drop(under_way);
    if HAS_ENDED.get() { pending().await } else { answer }
}

/// The same, with the answer in JSON.
async fn call(path: &'static str, arguments: &[Value]) -> Result<Value, Refused> {
    Ok(from_js(&call_js(path, arguments).await?))
}

/// What an exception or a rejected promise says.
pub fn reason_of(error: &JsValue) -> String {
    let message = member(error, "message").as_string().or_else(|| error.as_string());
    doorlight::text::printable(&message.unwrap_or_else(|| "no reason given".into()))
}

/// The stored values of some keys, or of all.
pub async fn stored(area: Area, keys: Option<&[&str]>) -> Result<Value, Refused> {
    let path = match area {
        Area::Local => "storage.local.get",
        Area::Session => "storage.session.get",
    };
    call(path, &[json!(keys)]).await
}

/// Stores entries.
pub async fn store(area: Area, entries: Value) -> Result<(), Refused> {
    let path = match area {
        Area::Local => "storage.local.set",
        Area::Session => "storage.session.set",
    };
    call(path, &[entries]).await.map(drop)
}

/// Removes what is stored under some keys.
pub async fn unstore(area: Area, keys: &[&str]) -> Result<(), Refused> {
    let path = match area {
        Area::Local => "storage.local.remove",
        Area::Session => "storage.session.remove",
    };
    call(path, &[json!(keys)]).await.map(drop)
}

#[wasm_bindgen]
extern "C" {
    /// A random number that nobody guesses, as a UUID.
    #[wasm_bindgen(js_namespace = ["globalThis", "crypto"], js_name = randomUUID)]
    pub fn random_uuid() -> String;
}

/// An own file's URL.
pub fn own_url(path: &str) -> String {
    start("runtime.getURL", &[json!(path)]).ok().and_then(|url| url.as_string()).unwrap_or_default()
}

/// True where `chrome.PATH` is there.
pub fn has(path: &str) -> bool {
    let found =
        path.split('.').fold(CHROME.with(JsValue::clone), |object, name| member(&object, name));
    !found.is_undefined() && !found.is_null()
}

/// A fetch; the answer is the response.
pub async fn fetch(url: &str, init: &JsValue) -> Result<JsValue, JsValue> {
    if HAS_ENDED.get() {
        return pending().await;
    }
    JsFuture::from(js_fetch(url, init)?).await
}

/// Ends a response of which nothing more is read.
pub fn end_body(response: &JsValue) {
    let body = member(response, "body");
    let Ok(cancel) = member(&body, "cancel").dyn_into::<Function>() else { return };
    if let Ok(ended) = cancel.call0(&body) {
        // One that has broken off already says so here, and nobody needs to know.
        spawn_local(async move { drop(JsFuture::from(Promise::resolve(&ended)).await) });
    }
}

/// The host patterns that the user has granted.
pub async fn granted_patterns() -> Result<Vec<String>, Refused> {
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

/// Gives host patterns and named permissions back.
pub async fn give_back(patterns: &[String], permissions: &[&str]) -> Result<(), Refused> {
    call("permissions.remove", &[json!({"origins": patterns, "permissions": permissions})])
        .await
        .map(drop)
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

/// The numbers of all tabs.
pub async fn tab_ids() -> Vec<i32> {
    let found = call_js("tabs.query", &[json!({})]).await.unwrap_or(JsValue::NULL);
    let tabs: Vec<Value> = serde_json::from_str(&text_of(&found)).unwrap_or_default();
    tabs.iter().filter_map(|tab| i32::try_from(tab.get("id")?.as_i64()?).ok()).collect()
}

/// The URL of a tab, empty where no permission says it or the tab has gone.
pub async fn tab_url(tab: i32) -> String {
    let found = call("tabs.get", &[json!(tab)]).await.unwrap_or_default();
    found.get("url").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Sends a message to our content script in the document that a tab shows, and waits for its
/// answer. An error page of the browser has none.
pub async fn ask_document(tab: i32, message: &Value) -> Result<Value, Refused> {
    call("tabs.sendMessage", &[json!(tab), message.clone(), json!({"frameId": 0})]).await
}

/// Sends a message to our content script in every document of a tab, frames too. Nobody needs to be
/// there.
pub async fn tell_documents(tab: i32, message: &Value) {
    let _ = call("tabs.sendMessage", &[json!(tab), message.clone()]).await;
}

/// Loads a tab again.
pub async fn reload_tab(tab: i32) {
    let _ = call("tabs.reload", &[json!(tab)]).await;
}

/// Sends a tab elsewhere.
pub async fn send_tab(tab: i32, url: &str) -> Result<(), Refused> {
    call("tabs.update", &[json!(tab), json!({"url": url})]).await.map(drop)
}

/// Opens a tab.
pub async fn open_tab(url: &str) -> Result<(), Refused> {
    call("tabs.create", &[json!({"url": url})]).await.map(drop)
}

/// Sets the toolbar's sign for one tab. A tab that has gone in the meantime is no error.
pub async fn set_action(tab: i32, icons: Value, badge: &str, color: &str, title: &str) {
    // All at once, the sign first: the icon's files have to be read.
    let _ = join4(
        call("action.setBadgeText", &[json!({"tabId": tab, "text": badge})]),
        call("action.setBadgeBackgroundColor", &[json!({"tabId": tab, "color": color})]),
        call("action.setTitle", &[json!({"tabId": tab, "title": title})]),
        set_icon(json!({"tabId": tab, "path": icons})),
    )
    .await;
}

/// Chromium keeps its promise for a tab that has gone, and reports an error that no callback has
/// read (measured in Chromium 156; the other three reject).
async fn set_icon(details: Value) {
    if HAS_ENDED.get() {
        return pending().await;
    }
    let _under_way = UnderWay::begin();
    let details = to_js(&details);
    let done = Promise::new(&mut |done, _| {
        let read = Closure::once_into_js({
            let done = done.clone();
            move || {
                let runtime = CHROME.with(|chrome| member(chrome, "runtime"));
                drop(member(&runtime, "lastError"));
                drop(done.call0(&JsValue::UNDEFINED));
            }
        });
        if action_set_icon(&details, &read).is_err() {
            drop(done.call0(&JsValue::UNDEFINED));
        }
    });
    drop(JsFuture::from(done).await);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["chrome", "action"], js_name = setIcon)]
    fn action_set_icon(details: &JsValue, done: &JsValue) -> Result<(), JsValue>;
}

/// A text of the locale files.
pub fn text(key: &str, substitutions: &[&str]) -> String {
    let found = start("i18n.getMessage", &[json!(key), json!(substitutions)]);
    found.ok().and_then(|text| text.as_string()).unwrap_or_default()
}

/// Sets an alarm at a time in milliseconds since 1970. One that is set for then already stays: set
/// anew, it would wait for half a minute again.
pub async fn set_alarm(name: &str, when: u64) -> Result<(), Refused> {
    let set_for =
        call("alarms.get", &[json!(name)]).await?.get("scheduledTime").and_then(Value::as_f64);
    if set_for
        .and_then(doorlight_browser::timestamp)
        .is_some_and(|set_for| set_for.millis() == when)
    {
        return Ok(());
    }
    call("alarms.create", &[json!(name), json!({"when": when})]).await.map(drop)
}

/// Sets an alarm every minute, where it is not set yet.
pub async fn set_minute_alarm(name: &str) -> Result<(), Refused> {
    if call("alarms.get", &[json!(name)]).await?.is_object() {
        return Ok(());
    }
    call("alarms.create", &[json!(name), json!({"periodInMinutes": 1})]).await.map(drop)
}

/// Sets an alarm that comes again and again, where it is not set yet; the first time after `first`.
pub async fn set_repeated_alarm(
    name: &str,
    first: Duration,
    period: Duration,
) -> Result<(), Refused> {
    if call("alarms.get", &[json!(name)]).await?.is_object() {
        return Ok(());
    }
    let minutes = |duration: Duration| duration.as_secs_f64() / 60.0;
    let times = json!({"delayInMinutes": minutes(first), "periodInMinutes": minutes(period)});
    call("alarms.create", &[json!(name), times]).await.map(drop)
}

/// Shows a notification, in the place of the one with the same name. Without the permission there
/// is no such function.
pub async fn notify(name: &str, title: &str, text: &str) -> Result<(), Refused> {
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
pub async fn content_scripts() -> Result<Vec<Value>, Refused> {
    let found = call("scripting.getRegisteredContentScripts", &[]).await?;
    Ok(found.as_array().cloned().unwrap_or_default())
}

/// Registers a content script, or changes the one with the same ID.
pub async fn register_content_script(script: Value, is_known: bool) -> Result<(), Refused> {
    let path = if is_known {
        "scripting.updateContentScripts"
    } else {
        "scripting.registerContentScripts"
    };
    call(path, &[json!([script])]).await.map(drop)
}

/// Takes a content script back.
pub async fn unregister_content_script(id: &str) -> Result<(), Refused> {
    call("scripting.unregisterContentScripts", &[json!({"ids": [id]})]).await.map(drop)
}

/// Runs a file in a tab that is open already.
pub async fn run_in_tab(tab: i32, file: &str) {
    let target = json!({"target": {"tabId": tab, "allFrames": true}, "files": [file], "injectImmediately": true});
    let _ = call("scripting.executeScript", &[target]).await;
}

/// The rules that stay (`dynamic`) or end with the browser (`session`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleKind {
    /// Kept across restarts and updates.
    Dynamic,
    /// Gone with the browser.
    Session,
}

/// The rules that are in force.
pub async fn rules(kind: RuleKind) -> Result<Vec<Value>, Refused> {
    let path = match kind {
        RuleKind::Dynamic => "declarativeNetRequest.getDynamicRules",
        RuleKind::Session => "declarativeNetRequest.getSessionRules",
    };
    Ok(call(path, &[]).await?.as_array().cloned().unwrap_or_default())
}

/// Removes rules by their numbers and adds others, in one step: all of it or nothing.
pub async fn change_rules(kind: RuleKind, remove: &[u64], add: &[Value]) -> Result<(), Refused> {
    let path = match kind {
        RuleKind::Dynamic => "declarativeNetRequest.updateDynamicRules",
        RuleKind::Session => "declarativeNetRequest.updateSessionRules",
    };
    call(path, &[json!({"removeRuleIds": remove, "addRules": add})]).await.map(drop)
}

/// Blocks the cookies of a content setting pattern, over restarts too. Chromium, with the
/// permission `contentSettings`.
pub async fn block_cookies(pattern: &str) -> Result<(), Refused> {
    call("contentSettings.cookies.set", &[json!({"primaryPattern": pattern, "setting": "block"})])
        .await
        .map(drop)
}

/// Takes back all that [`block_cookies`] set.
pub async fn clear_cookie_settings() -> Result<(), Refused> {
    call("contentSettings.cookies.clear", &[json!({})]).await.map(drop)
}

/// The downloads that fit a query.
pub async fn downloads(query: Value) -> Vec<Value> {
    let found = call("downloads.search", &[query]).await.unwrap_or_default();
    found.as_array().cloned().unwrap_or_default()
}

/// Pauses, goes on with, cancels or erases a download.
pub async fn change_download(change: DownloadChange, id: i64) -> Result<(), Refused> {
    let (path, which) = match change {
        DownloadChange::Pause => ("downloads.pause", json!(id)),
        DownloadChange::Resume => ("downloads.resume", json!(id)),
        DownloadChange::Cancel => ("downloads.cancel", json!(id)),
        DownloadChange::Erase => ("downloads.erase", json!({ "id": id })),
    };
    call(path, &[which]).await.map(drop)
}

/// What can be done with a download.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DownloadChange {
    /// Waits.
    Pause,
    /// Goes on.
    Resume,
    /// Ends, and what was loaded of it goes.
    Cancel,
    /// Goes from the browser's list.
    Erase,
}

/// What Firefox knows of the connection that carried a response. `rawDER` makes it slower.
pub async fn security_info(request: &str, with_chain: bool) -> Result<Value, Refused> {
    let options = json!({"certificateChain": with_chain, "rawDER": with_chain});
    call("webRequest.getSecurityInfo", &[json!(request), options]).await
}

/// The targets that the debugger knows.
pub async fn debugger_targets() -> Result<Vec<Value>, Refused> {
    Ok(call("debugger.getTargets", &[]).await?.as_array().cloned().unwrap_or_default())
}

/// Attaches the debugger.
pub async fn debugger_attach(target: &Value) -> Result<(), Refused> {
    call("debugger.attach", &[target.clone(), json!("1.3")]).await.map(drop)
}

/// A command over the debugger.
pub async fn debugger_send(
    target: &Value,
    method: &str,
    parameters: Value,
) -> Result<Value, Refused> {
    call("debugger.sendCommand", &[target.clone(), json!(method), parameters]).await
}

/// Detaches the debugger.
pub async fn debugger_detach(target: &Value) {
    let _ = call("debugger.detach", core::slice::from_ref(target)).await;
}

#[wasm_bindgen::prelude::wasm_bindgen]
extern "C" {
    type AbortSignal;
    #[wasm_bindgen(static_method_of = AbortSignal)]
    fn timeout(milliseconds: u32) -> JsValue;
}

/// Ends a fetch, its body too, after so many milliseconds.
pub fn time_limit(milliseconds: u32) -> JsValue {
    AbortSignal::timeout(milliseconds)
}
