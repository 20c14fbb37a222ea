//! The light in the toolbar: colour, sign and words for each [`Light`].

use serde_json::{Map, Value, json};

use crate::browser::api;
use doorlight_guard::light::Light;

/// Shows a light in the toolbar of one tab. Browsers forget it when the tab goes to another page,
/// so a light never outlives its page.
pub async fn show(tab: i32, light: Light, host: &str) {
    let icons: Map<String, Value> = [16, 32, 48]
        .iter()
        .map(|size| (size.to_string(), json!(format!("/icons/{}-{size}.png", light.as_str()))))
        .collect();
    let key = format!("action_{}", light.as_str().replace('-', "_"));
    let title = api::text(&key, &[host]);
    api::set_action(tab, Value::Object(icons), light.sign(), light.color(), &title).await;
}
