//! The light as the user sees it: a sign, a colour and a word, always all three.
//!
//! A light goes by its name here: that of a verdict, or one of those that only the extension has
//! (`exception`, `not-guarded`).

use crate::dom::{Part, part};
use crate::words;

/// The light in a word.
pub fn word(light: &str) -> String {
    words::word(&format!("light_{}", light.replace('-', "_")))
}

/// The light's picture.
pub fn picture(light: &str) -> Part {
    part("img").class("sign").image(&format!("icons/{}.svg", light))
}

/// Picture and word side by side, small.
pub fn label(light: &str) -> Part {
    let class = format!("light {}", light);
    part("span").class(&class).child(picture(light)).child(part("span").text(&word(light)))
}
