//! Downloads that wait for the gate, and those that would go past it.

use std::rc::Rc;

use doorlight::address::Address;

use crate::protocol::{Downloads, Overview, Request, Status};

use super::background::ask;
use super::button::{Look, button, row};
use super::confirm::Then;
use super::dom::{Part, paragraph, part};
use super::{browser, permission, said, sources, watch, words};

/// What there is to say about them while a gate is shut.
pub fn note(address: &Address, downloads: Downloads, then: &Then) -> Option<Part> {
    let mut parts = Vec::new();
    if downloads.waiting > 0 {
        let count = downloads.waiting.to_string();
        parts.push(paragraph(&words::with("downloads_waiting", &[&count])));
    }
    if downloads.stopped > 0 {
        let count = downloads.stopped.to_string();
        parts.push(paragraph(&words::with("downloads_stopped", &[&count])));
        parts.push(row([discard_button(address, then)]));
    }
    (!parts.is_empty()).then(|| part("div").class("note downloads").children(parts))
}

fn discard_button(address: &Address, then: &Then) -> Part {
    let (address, then) = (address.clone(), Rc::clone(then));
    button(&words::word("downloads_discard"), Look::Plain, move || {
        let (address, then) = (address.clone(), Rc::clone(&then));
        async move {
            match ask::<Status>(&Request::DiscardDownloads { address }).await {
                Ok(status) => {
                    then(status);
                    said::say_briefly(&words::word("downloads_discarded"));
                }
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

/// The switch in the options: the permission is the setting.
pub fn switch(overview: &Overview) -> Part {
    let is_on = overview.pauses_downloads;
    sources::tick("downloads", "downloads_label", "downloads_hint", is_on, move |handle| {
        if handle.is_checked() {
            let asked = permission::ask_for_downloads();
            wasm_bindgen_futures::spawn_local(async move {
                match watch::refused(asked.await) {
                    Some(refusal) => {
                        handle.uncheck();
                        said::say(&refusal);
                    }
                    None => said::say_briefly(&words::word("saved")),
                }
            });
        } else {
            wasm_bindgen_futures::spawn_local(async move {
                match permission::give_downloads_back().await {
                    Ok(()) => said::say_briefly(&words::word("saved")),
                    Err(error) => said::say(&browser::reason(&error)),
                }
            });
        }
    })
}
