//! How to get at a certificate, and what no page can know about it.

use doorlight_view::certificate::copyable_text;
use doorlight_view::dom::{Part, folded, paragraph, part};
use doorlight_view::words;

/// The way in each program: how many steps it has, and a command to copy.
const RECIPES: [(&str, usize, Option<&str>); 4] = [
    ("firefox", 4, None),
    ("chromium", 4, None),
    (
        "openssl",
        2,
        Some("openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null"),
    ),
    ("home_assistant", 3, None),
];

/// The recipes, each folded.
pub fn section() -> Part {
    let recipe = |(name, steps, command): (&str, usize, Option<&str>)| {
        let step = |n: usize| part("li").text(&words::word(&format!("www_recipe_{name}_{n}")));
        let mut inside = vec![part("ol").children((1..=steps).map(step))];
        inside.extend(command.map(|command| {
            part("dl").child(copyable_text(&words::word("www_recipe_command"), command))
        }));
        folded(&words::word(&format!("www_recipe_{name}")), inside)
    };
    part("section")
        .class("recipes")
        .child(part("h2").text(&words::word("www_recipes_title")))
        .children(RECIPES.map(recipe))
}

/// What this page cannot know.
pub fn limits() -> Part {
    let items = (1..=4).map(|n| part("li").text(&words::word(&format!("www_cannot_{n}"))));
    part("section")
        .child(part("h2").text(&words::word("www_cannot_title")))
        .child(part("ul").children(items))
        .child(paragraph(&words::word("www_cannot_extension")).class("hint"))
}
