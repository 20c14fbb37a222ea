//! Pins from a file: what it would change is shown before it counts, because whoever hands a file
//! in decides which keys are the home's.

use std::rc::Rc;

use crate::protocol::{Preview, PreviewSite, Request};

use super::background::{ask, trouble_in_words};
use super::button::{Look, button, deliberate, row};
use super::dom::{Part, paragraph, part};
use super::{file, said, words};

/// A button to choose a file, and room for what it would change; `take` gets the file once the user
/// has agreed.
pub fn import<F, W>(take: F) -> Part
where
    F: Fn(String) -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    let shown = part("div").attr("role", "region").attr("aria-label", &words::word("import_title"));
    let (room, take) = (shown.clone(), Rc::new(take));
    let choose =
        file::choose(&words::word("import_button"), ".json,application/json", move |json| {
            let (room, take) = (room.clone(), Rc::clone(&take));
            async move {
                match ask::<Preview>(&Request::PreviewPins { json: json.clone() }).await {
                    Ok(Preview { trouble: Some(trouble), .. }) => {
                        room.fill([]);
                        said::say(&trouble_in_words(&trouble));
                    }
                    Ok(preview) => show(&room, &preview, json, &take),
                    Err(unanswered) => said::say(&unanswered.in_words()),
                }
            }
        });
    part("div").child(row([choose])).child(shown)
}

fn show<F, W>(room: &Part, preview: &Preview, json: String, take: &Rc<F>)
where
    F: Fn(String) -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    let heading = part("h3").attr("tabindex", "-1").text(&words::word("import_title"));
    let (taken, done) = (Rc::clone(take), room.clone());
    let agree = deliberate(&words::word("import_agree"), Look::First, move || {
        let (work, done) = (taken(json.clone()), done.clone());
        async move {
            work.await;
            done.fill([]);
        }
    });
    let left = room.clone();
    let cancel = button(&words::word("import_cancel"), Look::Plain, move || {
        left.fill([]);
        async {}
    });
    let list = part("ul").children(preview.sites.iter().map(site));
    let parts =
        [heading.clone(), paragraph(&words::word("import_text")), list, row([agree, cancel])];
    room.fill([part("div").class("card").children(parts)]);
    heading.focus();
}

fn site(one: &PreviewSite) -> Part {
    let key =
        |text: &String| part("li").child(part("code").text(&doorlight::text::printable(text)));
    let state = if one.is_new {
        words::word("import_new_address")
    } else {
        words::word("import_known_address")
    };
    let mut whole = part("li")
        .child(part("bdi").class("host").text(&one.address.to_string()))
        .then(" ")
        .then(&state);
    let counts = [
        ("import_new_keys", one.new_keys.len()),
        ("import_known_keys", one.known_keys),
        ("import_fingerprints", one.new_fingerprints),
    ];
    for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        whole = whole.child(paragraph(&words::with(name, &[&count.to_string()])).class("hint"));
    }
    if one.new_keys.is_empty() {
        whole
    } else {
        whole.child(part("ul").class("keys").children(one.new_keys.iter().map(key)))
    }
}
