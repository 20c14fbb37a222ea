//! The line that says what has just happened; screen readers read it out.

use crate::message::Trouble;

use super::background::trouble_in_words;
use super::dom::by_id;

/// Says it. The page has an element `said` with the role of a status.
pub fn say(text: &str) {
    by_id("said").set_text(text);
}

/// Says what could not be done, or that it was.
pub fn say_outcome(trouble: Option<&Trouble>, done: &str) {
    match trouble {
        Some(trouble) => say(&trouble_in_words(trouble)),
        None => say(done),
    }
}
