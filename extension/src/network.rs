//! What an audit asks of the network, in a browser: `fetch` without credentials, WebCrypto, and the browser's cache for tiles.
//!
//! Nothing is asked of a host that the user gave no permission for; the browser would refuse it or, worse, ask by the rules of pages.

use core::time::Duration;

use doorlight::fetch::{Answer, FetchError, Get, Host};
use doorlight::signature::SignatureCheck;
use doorlight::time::Timestamp;
use doorlight_browser::now;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Promise, Reflect, Uint8Array};
use serde_json::json;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::api;
use crate::capture::time_limit;

/// The cache for what never changes.
const CACHE: &str = "tiles";
/// The most entries of it; a full tile has 8 KB. Over that it begins anew.
const MAX_CACHED: u32 = 1024;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["globalThis", "caches"], js_name = open)]
    fn open_cache(name: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["globalThis", "caches"], js_name = delete)]
    fn delete_cache(name: &str) -> Result<Promise, JsValue>;

    type Cache;
    #[wasm_bindgen(method, catch, js_name = match)]
    fn find(this: &Cache, url: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn put(this: &Cache, url: &str, response: &Response) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn keys(this: &Cache) -> Result<Promise, JsValue>;

    /// What `fetch` and the cache answer.
    pub type Response;
    #[wasm_bindgen(constructor, catch)]
    fn new(body: &[u8]) -> Result<Response, JsValue>;
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
        if api::member(&chunk, "done").is_truthy() {
            return Ok(bytes);
        }
        let value: Uint8Array = api::member(&chunk, "value").dyn_into().map_err(BodyError::Broken)?;
        let length = usize::try_from(value.length()).unwrap_or(usize::MAX);
        if length > max_bytes.saturating_sub(bytes.len()) {
            // The server is not listened to any longer; how that goes matters to nobody.
            let _ = reader.cancel();
            return Err(BodyError::TooLarge);
        }
        bytes.extend(value.to_vec());
    }
}

/// The network for one audit.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// How long one answer may take, its body too.
    each: Duration,
    /// How long all of them may take together, from `since` on.
    in_all: Duration,
    since: Timestamp,
}

impl Network {
    /// A network that answers nothing any more once `in_all` is over: whoever answers each question just in time would hold the audit for hours.
    pub fn new(each: Duration, in_all: Duration) -> Self {
        Self { each, in_all, since: now() }
    }

    /// So much of `wanted` as is left at `now`, in milliseconds. A clock that is set back begins anew.
    fn left(&self, wanted: Duration, now: Timestamp) -> u32 {
        let left = self.in_all.saturating_sub(now.since(self.since)).min(wanted);
        u32::try_from(left.as_millis()).unwrap_or(u32::MAX)
    }
}

impl Host for Network {
    async fn get(&self, get: &Get) -> Result<Answer, FetchError> {
        if get.is_immutable
            && let Some(body) = cached(get).await
        {
            return Ok(Answer { status: 200, retry_after: None, body });
        }
        let url = || get.url.clone();
        let Some(pattern) = pattern(&get.url) else { return Err(FetchError::NotAllowed { url: url() }) };
        if !api::is_granted(&pattern).await {
            return Err(FetchError::NotAllowed { url: url() });
        }
        let init = api::to_js(&json!({
            "credentials": "omit",
            "cache": "no-store",
            "redirect": "error",
            "referrerPolicy": "no-referrer",
        }));
        let limit = self.left(self.each, now());
        if limit == 0 {
            return Err(FetchError::TimedOut { url: url() });
        }
        // Setting a member of a fresh object does not fail. The limit holds for the body too.
        let _ = Reflect::set(&init, &"signal".into(), &time_limit(limit));
        let failed = |error: &JsValue| match api::member(error, "name").as_string().as_deref() {
            Some("TimeoutError") => FetchError::TimedOut { url: url() },
            _ => FetchError::Unreachable { url: url() },
        };
        let response = api::fetch(&get.url, &init).await.map_err(|error| failed(&error))?;
        let response: Response = response.unchecked_into();
        let seconds = response.headers().get("retry-after").and_then(|text| text.trim().parse().ok());
        let body = match body(&response, get.max_bytes).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => {
                return Err(FetchError::TooLarge { url: url(), max_bytes: get.max_bytes });
            }
            Err(BodyError::Broken(error)) => return Err(failed(&error)),
        };
        Ok(Answer { status: response.status(), retry_after: seconds.map(Duration::from_secs), body })
    }

    async fn keep(&self, get: &Get, body: &[u8]) {
        // Without a cache (Firefox in private windows) the tile is fetched again.
        let _ = keep(get, body).await;
    }

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        doorlight_browser::verify(checks).await
    }

    async fn sleep(&self, time: Duration) {
        TimeoutFuture::new(self.left(time, now())).await;
    }
}

async fn cache() -> Result<Cache, JsValue> {
    Ok(JsFuture::from(open_cache(CACHE)?).await?.unchecked_into())
}

async fn cached(get: &Get) -> Option<Vec<u8>> {
    let found = JsFuture::from(cache().await.ok()?.find(&get.url).ok()?).await.ok()?;
    if found.is_undefined() {
        return None;
    }
    body(&found.unchecked_into(), get.max_bytes).await.ok()
}

async fn keep(get: &Get, body: &[u8]) -> Result<(), JsValue> {
    let mut cache = self::cache().await?;
    let keys: js_sys::Array = JsFuture::from(cache.keys()?).await?.dyn_into()?;
    if keys.length() >= MAX_CACHED {
        JsFuture::from(delete_cache(CACHE)?).await?;
        cache = self::cache().await?;
    }
    JsFuture::from(cache.put(&get.url, &Response::new(body)?)?).await.map(drop)
}

/// The host pattern that a URL needs permission for. `None` for anything but the web's.
pub fn pattern(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.rsplit_once(':') {
        // Patterns know no ports in Firefox.
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let is_web = ["https", "http"].contains(&scheme) && !host.is_empty() && !host.contains(['@', '*']);
    is_web.then(|| format!("{scheme}://{host}/*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_together_have_a_limit() {
        let at = |seconds: u64| Timestamp::from_secs(1000 + seconds);
        let network = Network { each: Duration::from_secs(3), in_all: Duration::from_secs(8), since: at(0) };
        for (seconds, left) in [(0, 3000), (5, 3000), (6, 2000), (8, 0), (900, 0)] {
            assert_eq!(network.left(network.each, at(seconds)), left, "{seconds}");
        }
        assert_eq!(network.left(Duration::from_secs(60), at(1)), 7000, "a wait ends with it");
        let before = Timestamp::from_secs(10);
        assert_eq!(network.left(network.each, before), 3000);
    }

    #[test]
    fn patterns_are_for_one_host() {
        for (url, expected) in [
            ("https://crt.sh/?q=1", Some("https://crt.sh/*")),
            ("http://127.0.0.1:8080/tile/0", Some("http://127.0.0.1/*")),
            ("https://[::1]:1/x", Some("https://[::1]/*")),
            ("https://user@log.example/", None),
            ("file:///etc/passwd", None),
            ("https://*/x", None),
            ("", None),
        ] {
            assert_eq!(pattern(url).as_deref(), expected, "{url}");
        }
    }
}
