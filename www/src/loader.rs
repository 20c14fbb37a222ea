//! The module that asks logs and monitors (`deep.rs`), loaded when it is needed first.

use std::cell::RefCell;

use doorlight::verdict::evidence::Evidence;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::question::{LogAnswer, LogQuestion, NameQuestion};

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type Deep;
    #[wasm_bindgen(method, catch)]
    fn ask_monitor(this: &Deep, question: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn ask_logs(this: &Deep, question: &str) -> Result<Promise, JsValue>;
}

thread_local! {
    /// What loads it; given by `static/page.js`.
    static LOAD: RefCell<Option<Function>> = const { RefCell::new(None) };
    /// It, once it is there.
    static DEEP: RefCell<Option<Deep>> = const { RefCell::new(None) };
}

/// Says how it is loaded.
pub fn set(load: Function) {
    LOAD.set(Some(load));
}

async fn deep() -> Result<Deep, JsValue> {
    if let Some(deep) = DEEP.with_borrow(Clone::clone) {
        return Ok(deep);
    }
    let load = LOAD.with_borrow(Clone::clone).ok_or(JsValue::NULL)?;
    let loading: Promise = load.call0(&JsValue::NULL)?.dyn_into()?;
    let deep: Deep = JsFuture::from(loading).await?.unchecked_into();
    DEEP.set(Some(deep.clone()));
    Ok(deep)
}

/// Asks a monitor; the answer stands in the page then. The findings are for the report.
///
/// # Errors
/// The module could not be loaded.
pub async fn ask_monitor(question: NameQuestion) -> Result<Vec<Evidence>, JsValue> {
    let question = serde_json::to_string(&question).unwrap_or_default();
    let answer = JsFuture::from(deep().await?.ask_monitor(&question)?).await?;
    serde_json::from_str(&answer.as_string().unwrap_or_default()).map_err(|_| JsValue::NULL)
}

/// Asks the logs.
///
/// # Errors
/// The module could not be loaded.
pub async fn ask_logs(question: LogQuestion) -> Result<LogAnswer, JsValue> {
    let question = serde_json::to_string(&question).unwrap_or_default();
    let answer = JsFuture::from(deep().await?.ask_logs(&question)?).await?;
    serde_json::from_str(&answer.as_string().unwrap_or_default()).map_err(|_| JsValue::NULL)
}

/// True where it was loaded, so that somebody may have been asked.
pub fn is_there() -> bool {
    DEEP.with_borrow(Option::is_some)
}
