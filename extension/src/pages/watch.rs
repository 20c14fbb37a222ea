//! What the logs and the monitors say about an address: whom to ask, what each answered, the
//! picture, the alarms.

use doorlight::address::Address;
use doorlight::issuances::watch::Looks;

use crate::protocol::{Alarm, Overview, Request, Status, Watch};

use super::background::{Unanswered, ask, trouble_in_words};
use super::button::{Look, button, row};
use super::confirm::Then;
use super::consent::{self, Source};
use super::dom::{Part, by_id, folded, paragraph, part};
use super::published::{published, why};
use super::{alarm, browser, clock, said, timeline, words};

/// What happens with an answer, and which element has the focus afterwards.
pub type After<'a> = &'a dyn Fn(&str) -> Then;

/// The section of the options page about one address.
pub fn section(address: &Address, watch: &Watch, after: After<'_>) -> Part {
    let id = format!("watch-{address}");
    let heading =
        part("h4").attr("id", &id).attr("tabindex", "-1").text(&words::word("watch_title"));
    let (standing, others): (Vec<&Alarm>, Vec<&Alarm>) =
        watch.alarms.iter().partition(|one| alarm::stands(one));
    let mut whole = part("section")
        .class("watch")
        .attr("aria-labelledby", &id)
        .child(heading)
        .children(standing.into_iter().map(|one| alarm::card(address, one, &after(&id))))
        .child(paragraph(&words::word("watch_text")).class("hint"))
        .child(switches(address, watch, after));
    if !watch.missing.is_empty() {
        whole = whole
            .child(paragraph(&words::word("watch_missing")).class("note"))
            .child(row([allow_button(address, watch, &after(&id))]));
    }
    if consent::is_any(watch.consent) {
        whole = whole.child(asked(watch)).child(row([ask_button(address, &after(&id))]));
    }
    if !watch.publication.is_empty() {
        whole = whole
            .child(part("h5").text(&words::word("published_title")))
            .child(published(&watch.publication, watch.timeline.host.as_str()));
    }
    let has_looked = watch.looks.iter().any(|looks| looks.last_whole.is_some());
    if !watch.timeline.bars.is_empty() || has_looked {
        whole = whole
            .child(timeline::picture(&watch.timeline))
            .children(timeline::table(&watch.timeline, &format!("table-{address}")));
    }
    if !others.is_empty() {
        let name = words::with("alarms_known", &[&others.len().to_string()]);
        let cards = others.into_iter().map(|one| alarm::card(address, one, &after(&id)));
        whole = whole.child(folded(&name, cards).attr("id", &format!("known-{address}")));
    }
    whole
}

/// What each source learns, and a switch for it.
fn switches(address: &Address, watch: &Watch, after: After<'_>) -> Part {
    part("div")
        .class("switches")
        .children(consent::on_offer(watch).map(|source| switch(address, watch, source, after)))
}

fn switch(address: &Address, watch: &Watch, source: Source, after: After<'_>) -> Part {
    let id = format!("{}-{address}", source.as_str());
    let then = after(&id);
    let hint_id = format!("{id}-hint");
    let input = part("input")
        .attr("type", "checkbox")
        .attr("role", "switch")
        .attr("id", &id)
        .attr("aria-describedby", &hint_id);
    let input = if source.is_in(watch.consent) { input.attr("checked", "") } else { input };
    let (handle, address, needs) = (input.clone(), address.clone(), watch.needs.clone());
    // The click and not the change after it: there the browser lets permissions be asked for.
    let input = input.on("click", move |_| {
        let is_on = handle.is_checked();
        let given = is_on.then(|| consent::ask_browser(&[source], &needs, &[]));
        let (handle, address, then) = (handle.clone(), address.clone(), then.clone());
        wasm_bindgen_futures::spawn_local(async move {
            if let Some(given) = given
                && let Some(refusal) = refused(given.await)
            {
                handle.uncheck();
                return said::say(&refusal);
            }
            match consent::store(&address, |consent| source.put(consent, is_on)).await {
                Ok(overview) => settled(&address, overview, is_on, &then).await,
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        });
    });
    let name = words::word(&format!("watch_{}", source.as_str()));
    let hint = words::word(&format!("watch_{}_hint", source.as_str()));
    let mut whole = part("div")
        .class("switch")
        .child(
            part("div")
                .class("tick")
                .child(input)
                .child(part("label").attr("for", &id).text(&name)),
        )
        .child(part("p").attr("id", &hint_id).class("hint").text(&hint));
    if source == Source::Logs {
        whole = whole.child(
            folded(
                &words::word("watch_logs_more"),
                [paragraph(&words::word("watch_logs_more_text"))],
            )
            .attr("id", &format!("{id}-more"))
            .class("plain"),
        );
    }
    whole
}

/// Why the browser gave no permission, in words; `None` where it gave it.
pub fn refused(given: Result<bool, wasm_bindgen::JsValue>) -> Option<String> {
    match given {
        Ok(true) => None,
        Ok(false) => Some(words::word("permission_denied")),
        Err(error) => Some(words::with("permission_failed", &[&browser::reason(&error)])),
    }
}

/// After consent was given: they are asked at once. After it was taken back: everything is shown
/// afresh.
async fn settled(address: &Address, overview: Overview, is_on: bool, then: &Then) {
    if let Some(trouble) = &overview.trouble {
        return said::say(&trouble_in_words(trouble));
    }
    if is_on {
        return match audit(address).await {
            Ok(status) => then(status),
            Err(unanswered) => said::say(&unanswered.in_words()),
        };
    }
    let status = overview.sites.into_iter().find(|status| status.address.as_ref() == Some(address));
    if let Some(status) = status {
        then(status);
    }
}

/// Asks everybody who may be asked about the address.
///
/// # Errors
/// [`Unanswered`].
pub async fn audit(address: &Address) -> Result<Status, Unanswered> {
    said::say(&words::word("watch_asking"));
    ask::<Status>(&Request::Audit { address: address.clone() }).await
}

fn allow_button(address: &Address, watch: &Watch, then: &Then) -> Part {
    let (address, missing, then) = (address.clone(), watch.missing.clone(), then.clone());
    button(&words::word("watch_allow"), Look::First, move || {
        let (given, address, then) =
            (consent::ask_for_hosts(&missing), address.clone(), then.clone());
        async move {
            if let Some(refusal) = refused(given.await) {
                return said::say(&refusal);
            }
            match audit(&address).await {
                Ok(status) => then(status),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

fn ask_button(address: &Address, then: &Then) -> Part {
    let (address, then) = (address.clone(), then.clone());
    button(&words::word("watch_ask"), Look::Plain, move || {
        let (address, then) = (address.clone(), then.clone());
        async move {
            match audit(&address).await {
                Ok(status) => then(status),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

/// When they were asked, how it went, when they are asked next.
fn asked(watch: &Watch) -> Part {
    let mut lines = Vec::new();
    if watch.is_running {
        lines.push(paragraph(&words::word("watch_running")));
    }
    let mut list = Vec::new();
    if watch.consent.logs {
        let text = match watch.proven_at {
            Some(at) => words::with("watch_logs_asked", &[&clock::ago(at)]),
            None => words::word("watch_logs_not_yet"),
        };
        list.push(part("li").text(&text));
    }
    for source in [Source::CertSpotter, Source::CrtSh] {
        if source.is_in(watch.consent) {
            let looks = watch
                .looks
                .iter()
                .find(|looks| looks.monitor.as_str().replace('-', "_") == source.as_str());
            list.push(
                part("li")
                    .text(&looked(&words::word(&format!("watch_{}_name", source.as_str())), looks)),
            );
        }
    }
    lines.push(part("ul").class("asked").children(list));
    if let Some(due) = watch.due.filter(|_| !watch.is_running) {
        let text = if due <= clock::now() {
            words::word("watch_due_now")
        } else {
            words::with("watch_due", &[&clock::moment(due)])
        };
        lines.push(paragraph(&text).class("hint"));
    }
    part("div").children(lines)
}

/// How the looks at a monitor went, in a sentence.
fn looked(name: &str, looks: Option<&Looks>) -> String {
    let Some(looks) = looks else { return words::with("looked_not_yet", &[name]) };
    let last = clock::ago(looks.last);
    match (&looks.reason, looks.last_whole) {
        (None, _) => words::with("looked_whole", &[name, &last]),
        (Some(reason), Some(whole)) if whole != looks.last => {
            words::with("looked_failed_since", &[name, &last, &why(reason), &clock::ago(whole)])
        }
        (Some(reason), _) => words::with("looked_failed", &[name, &last, &why(reason)]),
    }
}

/// Leads to the section of an address: from the popup or a notification, by what stands behind the
/// `#`.
pub fn go_to(fragment: &str) {
    if fragment.starts_with("watch-") {
        let heading = by_id(fragment);
        heading.focus();
        heading.scroll_to();
    }
}
