//! Comparing with a fingerprint that somebody read elsewhere: at home, in a browser, in a letter.

use doorlight::x509::certificate::Certificate;
use doorlight::x509::fingerprint::InvalidFingerprint;
use doorlight_view::button::{Look, button, row};
use doorlight_view::dom::{Part, paragraph, part};
use doorlight_view::field::field;
use doorlight_view::words;

use crate::check::{Checked, Origin};
use crate::input::{self, Expected, Form};
use crate::{known, shown};

/// The section.
pub fn section(checked: &Checked) -> Part {
    let address = checked.address.clone();
    let expected = known::with(|known| known.expected_of(&address))
        .filter(|_| checked.origin != Origin::Sample);
    let mut section = part("section")
        .class("compare")
        .child(part("h3").text(&words::word("www_compare_title")))
        .child(paragraph(&words::word("www_compare_text")).class("hint"));
    if let Some(expected) = expected {
        section = section.child(outcome(&expected, checked.chain.leaf()));
    }
    let entry =
        field("expected", &words::word("fingerprint_label"), &words::word("www_compare_hint"));
    let answer = part("div").attr("role", "status");
    let (typed, again, place) = (entry.clone(), checked.clone(), answer.clone());
    let compare = button(&words::word("fingerprint_button"), Look::Plain, move || {
        let (typed, checked, place) = (typed.clone(), again.clone(), place.clone());
        async move {
            match input::fingerprint(&typed.value()) {
                Ok(expected) => {
                    typed.forgive();
                    if checked.origin == Origin::Sample {
                        // A sample's world is left as it is: the answer is enough.
                        place.fill([outcome(&expected, checked.chain.leaf())]);
                    } else {
                        known::with(|known| known.expect(&checked.address, Some(expected)));
                        shown::judge_again(checked, "expected").await;
                    }
                }
                Err(error) => typed.complain(&why(error)),
            }
        }
    });
    let entry = entry.enter_clicks(&compare);
    let mut buttons = vec![compare];
    if expected.is_some() {
        let checked = checked.clone();
        buttons.push(button(&words::word("www_compare_forget"), Look::Plain, move || {
            let checked = checked.clone();
            async move {
                known::with(|known| known.expect(&checked.address, None));
                shown::judge_again(checked, "expected").await;
            }
        }));
    }
    section.child(entry.whole).child(row(buttons)).child(answer)
}

/// Equal or not, and which form it is.
fn outcome(expected: &Expected, leaf: &Certificate) -> Part {
    let (class, sign, key) = match expected.form_of(leaf) {
        Some(Form::Sha1) => ("pass", "✓", "www_compare_sha1"),
        Some(Form::Sha256) => ("pass", "✓", "www_compare_sha256"),
        Some(Form::Key) => ("pass", "✓", "www_compare_key"),
        None => ("fail", "✕", "www_compare_differs"),
    };
    part("p")
        .class("compared")
        .child(part("span").class(&format!("mark {class}")).attr("aria-hidden", "true").text(sign))
        .child(part("span").text(&words::word(key)))
}

/// What is wrong with a fingerprint, in words.
pub fn why(error: InvalidFingerprint) -> String {
    match error {
        InvalidFingerprint::Length { digits } => {
            words::with("fingerprint_length", &[&digits.to_string()])
        }
        _ => words::word("fingerprint_not_hex"),
    }
}
