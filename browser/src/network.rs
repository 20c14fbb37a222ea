//! `fetch` for audits: without credentials, cache, referrer and redirects, within limits of time
//! and size.

use core::time::Duration;

use doorlight::fetch::{Answer, FetchError, Get, retry_after};
use js_sys::{Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::now;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["globalThis"], js_name = fetch)]
    fn global_fetch(url: &str, init: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["AbortSignal"], js_name = timeout)]
    fn abort_after(milliseconds: u32) -> JsValue;

    /// What `fetch` and caches answer.
    pub type Response;
    /// A response made of bytes.
    #[wasm_bindgen(constructor, catch)]
    pub fn new(body: &[u8]) -> Result<Response, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn status(this: &Response) -> u16;
    #[wasm_bindgen(method, getter)]
    fn headers(this: &Response) -> Headers;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Response) -> Option<Body>;

    type Headers;
    #[wasm_bindgen(method)]
    fn get(this: &Headers, name: &str) -> Option<String>;

    type Body;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn reader(this: &Body) -> Result<Reader, JsValue>;

    type Reader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &Reader) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn cancel(this: &Reader) -> Result<Promise, JsValue>;
}

/// A member of an object; `undefined` where there is none.
fn member(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Why a body could not be read.
#[derive(Debug)]
pub enum BodyError {
    /// More than was wanted.
    TooLarge,
    /// It broke off; what the browser says.
    Broken(JsValue),
}

/// Reads a body as far as `max_bytes`, and no further.
pub async fn body(response: &Response, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    let Some(body) = response.body() else { return Ok(bytes) };
    let reader = body.reader().map_err(BodyError::Broken)?;
    loop {
        let read = reader.read().map_err(BodyError::Broken)?;
        let chunk = JsFuture::from(read).await.map_err(BodyError::Broken)?;
        if member(&chunk, "done").is_truthy() {
            return Ok(bytes);
        }
        let value: Uint8Array = member(&chunk, "value").dyn_into().map_err(BodyError::Broken)?;
        let length = usize::try_from(value.length()).unwrap_or(usize::MAX);
        if length > max_bytes.saturating_sub(bytes.len()) {
            // The server is not listened to any longer; how that goes matters to nobody.
            let _ = reader.cancel();
            return Err(BodyError::TooLarge);
        }
        bytes.extend(value.to_vec());
    }
}

/// The status that answers to a `GET` without credentials; 300 for a redirect, which is not followed
/// and of which browsers tell no more. `None` where nobody answers in time, or the browser may not
/// tell.
pub async fn status(url: &str, time_limit: Duration) -> Option<u16> {
    let init = Object::new();
    let limit = u32::try_from(time_limit.as_millis()).unwrap_or(u32::MAX);
    for (name, value) in [
        ("credentials", "omit".into()),
        ("cache", "no-store".into()),
        ("redirect", "manual".into()),
        ("referrerPolicy", "no-referrer".into()),
        ("signal", abort_after(limit)),
    ] {
        // Setting a member of a fresh object does not fail.
        let _ = Reflect::set(&init, &name.into(), &value);
    }
    let response = JsFuture::from(global_fetch(url, &init).ok()?).await.ok()?;
    let is_redirect = member(&response, "type") == "opaqueredirect";
    let response: Response = response.unchecked_into();
    if is_redirect { Some(300) } else { Some(response.status()) }
}

/// Asks once.
///
/// # Errors
/// [`FetchError`]. A browser does not say whether nobody answered or the answer may not be read:
/// both are "unreachable".
pub async fn ask(get: &Get, time_limit: Duration) -> Result<Answer, FetchError> {
    let url = || get.url.clone();
    let init = Object::new();
    let mut members: Vec<(&str, JsValue)> = [
        ("credentials", "omit"),
        ("cache", "no-store"),
        ("redirect", "error"),
        ("referrerPolicy", "no-referrer"),
    ]
    .map(|(name, value)| (name, value.into()))
    .into();
    // The limit holds for the body too.
    members
        .push(("signal", abort_after(u32::try_from(time_limit.as_millis()).unwrap_or(u32::MAX))));
    for (name, value) in members {
        // Setting a member of a fresh object does not fail.
        let _ = Reflect::set(&init, &name.into(), &value);
    }
    let failed = |error: &JsValue| match member(error, "name").as_string().as_deref() {
        Some("TimeoutError") => FetchError::TimedOut { url: url() },
        _ => FetchError::Unreachable { url: url() },
    };
    let response = match global_fetch(&get.url, &init) {
        Ok(promise) => JsFuture::from(promise).await,
        Err(error) => Err(error),
    };
    let response: Response = response.map_err(|error| failed(&error))?.unchecked_into();
    let header = |name| response.headers().get(name);
    let retry_after =
        header("retry-after").map(|value| retry_after(&value, header("date").as_deref(), now()));
    let body = match body(&response, get.max_bytes).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            return Err(FetchError::TooLarge { url: url(), max_bytes: get.max_bytes });
        }
        Err(BodyError::Broken(error)) => return Err(failed(&error)),
    };
    Ok(Answer { status: response.status(), retry_after, body })
}
