//! The light as the user sees it: a sign, a colour and a word, always all three.

use crate::message::Light;

use super::dom::{Part, part};
use super::words;

/// The light in a word.
pub fn word(light: Light) -> String {
    words::word(&format!("light_{}", light.as_str().replace('-', "_")))
}

/// The light's picture.
pub fn picture(light: Light) -> Part {
    part("img").class("sign").image(&format!("icons/{}.svg", light.as_str()))
}

/// Picture and word side by side, small.
pub fn label(light: Light) -> Part {
    let class = format!("light {}", light.as_str());
    part("span").class(&class).child(picture(light)).child(part("span").text(&word(light)))
}
