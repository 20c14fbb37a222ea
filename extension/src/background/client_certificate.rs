//! Chromium asks its user for a client certificate where a page asks a server that wants one, and
//! not where a background does. It shows the chosen one to that server until it ends, without
//! cookies and passwords too (measured in Chromium 156, `URLLoader` with `omit`): so a page of ours
//! makes the first look, and every later one is made as ever.

use doorlight::address::Address;
use doorlight_guard::trouble::Trouble;
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen_futures::spawn_local;

use crate::background::engine::Engine;
use crate::browser::capture::probe::PROBE_PATH;
use crate::browser::rules::Method;
use crate::protocol::Choice;

/// How long the page has to send its look, in milliseconds. The browser's question comes later.
/// Shorter than an idle worker lives, so that it is there to take the rule back.
const LIMIT: u32 = 5_000;

/// Lets a page of ours in `tab` look at a guarded address now.
pub async fn choose(engine: &Engine, address: &Address, tab: Option<i32>) -> Choice {
    let refused = |code, detail: String| Choice {
        url: None,
        trouble: Some(Trouble { code: String::from(code), detail }),
    };
    if !engine.store.is_guarded(address) {
        return refused("not-guarded", address.to_string());
    }
    let url = format!("https://{address}{PROBE_PATH}");
    match engine.ports().gate.exempt(&url, Method::Head, tab).await {
        Ok(exemption) => {
            let url = Some(exemption.url().to_owned());
            spawn_local(async move {
                TimeoutFuture::new(LIMIT).await;
                drop(exemption);
            });
            Choice { url, trouble: None }
        }
        Err(error) => refused("gate-not-set", error.to_string()),
    }
}
