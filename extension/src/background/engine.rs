//! The guard engine in this browser.

use doorlight_guard::ports::Area;
use serde_json::json;

use crate::background::effects::Effects;
use crate::browser::api;

/// The engine of this browser.
pub type Engine = doorlight_guard::engine::Engine<Effects>;

/// True once in a session of the browser: after its start, and after the extension was installed,
/// updated or switched on.
pub async fn is_first_start() -> bool {
    let started = api::stored(Area::Session, Some(&["started"])).await;
    let is_first = started.is_ok_and(|known| known.get("started").is_none());
    is_first && api::store(Area::Session, json!({"started": true})).await.is_ok()
}
