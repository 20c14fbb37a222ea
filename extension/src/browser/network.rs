//! What an audit asks of the network, in a browser: `fetch` without credentials, WebCrypto, and the
//! browser's cache for tiles.
//!
//! Nothing is asked of a host that the user gave no permission for; the browser would refuse it or,
//! worse, ask by the rules of pages.

use core::time::Duration;

use doorlight::fetch::{Answer, FetchError, Get, Platform};
use doorlight::time::Timestamp;
use doorlight::x509::signature::SignatureCheck;
use doorlight_browser::network::ask;
pub use doorlight_browser::network::{BodyError, Response, body};
use doorlight_browser::now;
use gloo_timers::future::TimeoutFuture;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::browser::api;
use doorlight_guard::pattern;

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
    /// A network that answers nothing any more once `in_all` is over: whoever answers each question
    /// just in time would hold the audit for hours.
    pub fn new(each: Duration, in_all: Duration) -> Self {
        Self { each, in_all, since: now() }
    }

    /// So much of `wanted` as is left at `now`, in milliseconds. A clock that is set back begins
    /// anew.
    fn left(&self, wanted: Duration, now: Timestamp) -> u32 {
        let left = self.in_all.saturating_sub(now.since(self.since)).min(wanted);
        u32::try_from(left.as_millis()).unwrap_or(u32::MAX)
    }
}

impl Platform for Network {
    async fn get(&self, get: &Get) -> Result<Answer, FetchError> {
        if get.is_immutable
            && let Some(body) = cached(get).await
        {
            return Ok(Answer { status: 200, retry_after: None, body });
        }
        let url = || get.url.clone();
        let Some(pattern) = pattern::of_url(&get.url) else {
            return Err(FetchError::NotAllowed { url: url() });
        };
        if !api::is_granted(&pattern).await {
            return Err(FetchError::NotAllowed { url: url() });
        }
        let limit = self.left(self.each, now());
        if limit == 0 {
            return Err(FetchError::TimedOut { url: url() });
        }
        ask(get, Duration::from_millis(limit.into())).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_together_have_a_limit() {
        let at = |seconds: u64| Timestamp::from_secs(1000 + seconds);
        let network =
            Network { each: Duration::from_secs(3), in_all: Duration::from_secs(8), since: at(0) };
        for (seconds, left) in [(0, 3000), (5, 3000), (6, 2000), (8, 0), (900, 0)] {
            assert_eq!(network.left(network.each, at(seconds)), left, "{seconds}");
        }
        assert_eq!(network.left(Duration::from_secs(60), at(1)), 7000, "a wait ends with it");
        let before = Timestamp::from_secs(10);
        assert_eq!(network.left(network.each, before), 3000);
    }
}
