//! The line that says what has just happened; screen readers read it out.

use core::time::Duration;

use crate::dom::by_id;

/// How long good news stays.
const GOOD_NEWS: Duration = Duration::from_secs(8);

/// Says it. The page has an element `said` with the role of a status.
pub fn say(text: &str) {
    by_id("said").set_text(text);
}

/// Says it for a while: for good news, that nobody has to act on.
pub fn say_briefly(text: &str) {
    say(text);
    let said = text.to_owned();
    wasm_bindgen_futures::spawn_local(async move {
        gloo_timers::future::sleep(GOOD_NEWS).await;
        if by_id("said").text_inside() == said {
            say("");
        }
    });
}
