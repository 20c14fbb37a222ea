//! The light in the toolbar: colour, sign and words for each [`Light`].

use serde_json::{Map, Value, json};

use crate::api;
use crate::message::Light;

impl Light {
    /// As it stands in file names, texts and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Attention => "attention",
            Self::Danger => "danger",
            Self::Unchecked => "unchecked",
            Self::Exception => "exception",
            Self::NotGuarded => "not-guarded",
        }
    }

    /// The sign that says the same as the colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Trusted => "✓",
            Self::Attention => "!",
            Self::Danger => "✕",
            Self::Unchecked => "?",
            Self::Exception => "↷",
            Self::NotGuarded => "",
        }
    }

    /// Behind the sign; white on each has a contrast of at least 4.5 to 1.
    fn color(self) -> &'static str {
        match self {
            Self::Trusted => "#1a7f37",
            Self::Attention => "#9a6700",
            Self::Danger => "#cf222e",
            Self::Unchecked => "#57606a",
            Self::Exception => "#8250df",
            Self::NotGuarded => "#57606a",
        }
    }
}

/// Shows a light in the toolbar of one tab. Browsers forget it when the tab goes to another page, so a light never outlives its page.
pub async fn show(tab: i32, light: Light, host: &str) {
    let icons: Map<String, Value> = [16, 32, 48]
        .iter()
        .map(|size| (size.to_string(), json!(format!("/icons/{}-{size}.png", light.as_str()))))
        .collect();
    let key = format!("action_{}", light.as_str().replace('-', "_"));
    let title = api::text(&key, &[host]);
    api::set_action(tab, Value::Object(icons), light.sign(), light.color(), &title).await;
}
