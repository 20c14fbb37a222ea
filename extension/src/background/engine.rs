//! The guard engine in this browser.

#[cfg(not(feature = "background"))]
use doorlight_guard::deferred::Waking;
#[cfg(feature = "background")]
use doorlight_guard::inquiries::Whole;
#[cfg(feature = "background")]
use doorlight_guard::ports::Area;
#[cfg(feature = "background")]
use serde_json::json;

use crate::background::effects::Effects;
#[cfg(feature = "background")]
use crate::browser::api;

/// The engine of this module.
#[cfg(feature = "background")]
pub type Engine = Whole<Effects>;
/// The engine of this module.
#[cfg(not(feature = "background"))]
pub type Engine = Waking<Effects>;

/// True once in a session of the browser: after its start, and after the extension was installed,
/// updated or switched on.
#[cfg(feature = "background")]
pub async fn is_first_start() -> bool {
    let started = api::stored(Area::Session, Some(&["started"])).await;
    let is_first = started.is_ok_and(|known| known.get("started").is_none());
    is_first && api::store(Area::Session, json!({"started": true})).await.is_ok()
}
