//! A home that asks for a client certificate: whether a look may show the user's.

use std::rc::Rc;

use doorlight::address::Address;
use doorlight::verdict::evidence::Code;

use crate::protocol::{Choice, Request, Status};

use super::background::{Unanswered, ask, trouble_in_words};
use super::button::{Look, button, row};
use super::confirm::Then;
use super::dom::{Part, paragraph, part};
use super::{browser, said, words};

/// The offer to show it, where the last look may have failed for want of one; or that it is shown,
/// and the way to end that.
pub fn note(address: &Address, status: &Status, then: &Then) -> Option<Part> {
    let code = status.report.as_ref().and_then(|report| report.decided_by.first());
    let is_wanted =
        matches!(code, Some(Code::CertificateClientWanted | Code::CertificateHandshakeFailed));
    let text = match (status.shows_client_certificate, is_wanted) {
        (true, true) => "client_certificate_failed",
        (true, false) => "client_certificate_on",
        (false, true) => "client_certificate_text",
        (false, false) => return None,
    };
    let button = match status.shows_client_certificate {
        true => hide_button(address, then),
        false => show_button(address, then),
    };
    Some(
        part("div")
            .class("note client-certificate")
            .child(part("h2").text(&words::word("client_certificate_title")))
            .child(paragraph(&words::with(text, &[address.host.as_str()])))
            .child(row([button])),
    )
}

fn show_button(address: &Address, then: &Then) -> Part {
    let (address, then) = (address.clone(), Rc::clone(then));
    button(&words::word("client_certificate_button"), Look::Plain, move || {
        let (address, then) = (address.clone(), Rc::clone(&then));
        said::say(&words::word("client_certificate_asks"));
        async move {
            let looked = match browser::is_firefox() {
                true => ask(&Request::ShowClientCertificate { address, is_shown: true }).await,
                false => look_from_here(address).await,
            };
            match looked {
                Ok(status) => then(status),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

/// The browser asks its user for a certificate on the way, and shows it in the looks that follow.
async fn look_from_here(address: Address) -> Result<Status, Unanswered> {
    let request = Request::ChooseClientCertificate { address: address.clone() };
    let choice: Choice = ask(&request).await?;
    if let Some(trouble) = &choice.trouble {
        said::say(&trouble_in_words(trouble));
    }
    if let Some(url) = &choice.url {
        // What comes of it is seen by the look that follows.
        let _ = browser::ask_for_headers(url).await;
    }
    ask(&Request::CheckAgain { address }).await
}

fn hide_button(address: &Address, then: &Then) -> Part {
    let (address, then) = (address.clone(), Rc::clone(then));
    button(&words::word("client_certificate_off"), Look::Plain, move || {
        let (address, then) = (address.clone(), Rc::clone(&then));
        async move {
            match ask(&Request::ShowClientCertificate { address, is_shown: false }).await {
                Ok(status) => then(status),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}
