//! The ways to confirm that a key is the home's: a fingerprint from home, pins from another
//! browser, or the user's own word.

use std::rc::Rc;

use doorlight::address::Address;
use doorlight::verdict::evidence::{Check, Evidence};
use doorlight::verdict::report::Report;
use doorlight::x509::fingerprint::{Fingerprint, InvalidFingerprint, SpkiSha256};

use crate::protocol::{Overview, Request, Status};

use super::background::{ask, trouble_in_words};
use super::button::{Look, button, deliberate, row};
use super::dom::{Part, folded, paragraph, part};
use super::field::field;
use super::import::import;
use super::{said, words};

/// What happens with the answer.
pub type Then = Rc<dyn Fn(Status)>;

/// All three ways; `report` is what was seen.
pub fn ways(address: &Address, report: Option<&Report>, then: &Then) -> Part {
    let way = |number: &str, name: &str, inside: Part| {
        part("li")
            .class("way")
            .child(
                part("h3")
                    .child(part("span").class("number").attr("aria-hidden", "true").text(number))
                    .then(&words::word(name)),
            )
            .child(inside)
    };
    let mut ways = vec![
        way("1", "confirm_fingerprint_title", by_fingerprint(address, then)),
        way("2", "confirm_import_title", by_import(address, then)),
    ];
    if let Some(accept) = report.and_then(|report| by_word(address, report, then)) {
        ways.push(way("3", "confirm_accept_title", accept));
    }
    part("ol").class("ways").children(ways)
}

/// The fingerprint that the home shows.
pub fn by_fingerprint(address: &Address, then: &Then) -> Part {
    let cloud = address.host.is_home_assistant_cloud();
    let hint = words::word(if cloud { "fingerprint_hint_cloud" } else { "fingerprint_hint" });
    // Addresses have no spaces, so this is an id.
    let id = format!("fingerprint-{address}");
    let field = field(&id, &words::word("fingerprint_label"), &hint);
    let (address, then, asked) = (address.clone(), Rc::clone(then), field.clone());
    let compare = button(&words::word("fingerprint_button"), Look::First, move || {
        let (address, then, field) = (address.clone(), Rc::clone(&then), asked.clone());
        async move {
            let text = field.value();
            if let Some(complaint) = complaint(&text) {
                return field.complain(&complaint);
            }
            field.forgive();
            match ask::<Status>(&Request::EnterFingerprint { address, text }).await {
                Ok(status) => match &status.trouble {
                    Some(trouble) => field.complain(&trouble_in_words(trouble)),
                    None => then(status),
                },
                Err(unanswered) => field.complain(&unanswered.in_words()),
            }
        }
    });
    let field = field.enter_clicks(&compare);
    part("div").child(field.whole).child(row([compare]))
}

/// What is wrong with a fingerprint as it was typed.
fn complaint(text: &str) -> Option<String> {
    let error = if SpkiSha256::is_meant(text) {
        SpkiSha256::parse(text).err()
    } else {
        text.parse::<Fingerprint>().err()
    };
    Some(match error? {
        InvalidFingerprint::Length { digits } => {
            words::with("fingerprint_length", &[&digits.to_string()])
        }
        _ => words::word("fingerprint_not_hex"),
    })
}

/// Pins from an export.
fn by_import(address: &Address, then: &Then) -> Part {
    let (address, then) = (address.clone(), Rc::clone(then));
    let choose = import(move |json| {
        let (address, then) = (address.clone(), Rc::clone(&then));
        async move {
            match import_and_look(&address, json).await {
                Ok(status) => then(status),
                Err(complaint) => said::say(&complaint),
            }
        }
    });
    part("div").child(paragraph(&words::word("confirm_import_text"))).child(choose)
}

async fn import_and_look(address: &Address, json: String) -> Result<Status, String> {
    let overview: Overview =
        ask(&Request::ImportPins { json }).await.map_err(|error| error.in_words())?;
    if let Some(trouble) = &overview.trouble {
        return Err(trouble_in_words(trouble));
    }
    ask(&Request::CheckAgain { address: address.clone() }).await.map_err(|error| error.in_words())
}

/// The user's word, for exactly the certificate that was shown. `None` where none was seen, or the
/// key is not what is asked about.
fn by_word(address: &Address, report: &Report, then: &Then) -> Option<Part> {
    let asks_for_key = |one: &Evidence| one.check == Check::Pin && one.code.asks_attention();
    report.evidence.iter().find(|one| asks_for_key(one))?;
    let sha256 = report.certificate.as_ref()?.sha256.to_string();
    let (address, then) = (address.clone(), Rc::clone(then));
    let accept = deliberate(&words::word("accept_button"), Look::Plain, move || {
        let (address, then, sha256) = (address.clone(), Rc::clone(&then), sha256.clone());
        async move {
            match ask::<Status>(&Request::Accept { address, sha256 }).await {
                Ok(status) => match &status.trouble {
                    Some(trouble) => said::say(&trouble_in_words(trouble)),
                    None => then(status),
                },
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    });
    Some(part("div").child(paragraph(&words::word("confirm_accept_text"))).child(row([accept])))
}

/// For a key that is refused: the fingerprint that the home shows now, folded.
pub fn set_up_anew(address: &Address, then: &Then) -> Part {
    folded(
        &words::word("anew_title"),
        [paragraph(&words::word("anew_text")), by_fingerprint(address, then)],
    )
}
