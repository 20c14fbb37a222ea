//! The light as the user sees it: a sign, a colour and a word, always all three.

use crate::message::Light;

use super::dom::{Part, part};
use super::words;

/// The light's name, as it stands in file names and classes.
pub fn name(light: Light) -> &'static str {
    match light {
        Light::Trusted => "trusted",
        Light::Attention => "attention",
        Light::Danger => "danger",
        Light::Unchecked => "unchecked",
        Light::Exception => "exception",
        Light::NotGuarded => "not-guarded",
    }
}

/// The light in a word.
pub fn word(light: Light) -> String {
    words::word(&format!("light_{}", name(light).replace('-', "_")))
}

/// The light's picture.
pub fn picture(light: Light) -> Part {
    part("img").class("sign").image(&format!("icons/{}.svg", name(light)))
}

/// Picture and word side by side, small.
pub fn label(light: Light) -> Part {
    let class = format!("light {}", name(light));
    part("span").class(&class).child(picture(light)).child(part("span").text(&word(light)))
}
