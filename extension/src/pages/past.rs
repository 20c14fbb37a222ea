//! The deliberate way past the gate: the host's name is typed, and it counts for this session only.

use doorlight::address::Address;

use crate::protocol::{Request, Status};

use super::background::{ask, trouble_in_words};
use super::button::{Look, button, row};
use super::confirm::Then;
use super::dom::{Part, folded, paragraph};
use super::field::field;
use super::words;

/// The folded way past; `then` gets what the background answers.
pub fn way_past(address: &Address, sha256: Option<String>, then: &Then) -> Part {
    let host = address.host.to_string();
    let field = field("past", &words::with("past_label", &[&host]), &words::word("past_hint"));
    let (asked, address, then) = (field.clone(), address.clone(), then.clone());
    let go = button(&words::word("past_button"), Look::Past, move || {
        let (field, address, then) = (asked.clone(), address.clone(), then.clone());
        let sha256 = sha256.clone();
        async move {
            let typed = field.value();
            if !typed.eq_ignore_ascii_case(address.host.as_str()) {
                return field.complain(&words::with("past_other", &[address.host.as_str()]));
            }
            field.forgive();
            match ask::<Status>(&Request::Except { address, typed, sha256 }).await {
                Ok(status) => match &status.trouble {
                    Some(trouble) => field.complain(&trouble_in_words(trouble)),
                    None => then(status),
                },
                Err(unanswered) => field.complain(&unanswered.in_words()),
            }
        }
    });
    let field = field.enter_clicks(&go);
    folded(
        &words::word("past_title"),
        [paragraph(&words::word("past_text")), field.whole, row([go])],
    )
    .class("past-fold")
}
