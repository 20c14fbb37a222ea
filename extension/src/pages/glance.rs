//! The watch in a line or two, for the popup.

use doorlight::address::Address;
use doorlight::ct::publication::Kept;
use doorlight::text::printable;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::{Check, Evidence, Outcome};
use doorlight::verdict::report::Report;

use crate::protocol::{Alarm, Watch};

use super::button::{Look, button, row};
use super::dom::{Part, folded, paragraph, part};
use super::{alarm, browser, clock, consent, timeline, words};

/// The alarms that stand, at the top of everything.
pub fn alarms(address: &Address, watch: &Watch) -> Option<Part> {
    let standing: Vec<&Alarm> = watch.alarms.iter().filter(|one| alarm::stands(one)).collect();
    let first = standing.first()?;
    let count = standing.len();
    let from = clock::short_day(first.not_before);
    let text = words::with("glance_alarm_text", &[&printable(&first.issuer), &from]);
    let mut whole = part("div")
        .class("card alarm")
        .child(
            part("h2")
                .child(part("span").class("mark fail").attr("aria-hidden", "true").text("!"))
                .child(part("span").text(&words::word("glance_alarm"))),
        )
        .child(paragraph(&text));
    if count > 1 {
        whole = whole.child(paragraph(&words::with("glance_more", &[&(count - 1).to_string()])));
    }
    Some(whole.child(row([go_button(address, "glance_look", Look::First)])))
}

/// What is known, what is not, and a way to more.
pub fn lines(address: &Address, watch: &Watch, report: Option<&Report>) -> Vec<Part> {
    if !consent::is_any(watch.consent) {
        return vec![
            part("p")
                .class("hint watched")
                .then(&words::word("glance_off"))
                .then(" ")
                .child(go_link(address, "glance_turn_on")),
        ];
    }
    let mut items = Vec::new();
    if watch.consent.logs {
        items.push(of_logs(watch));
    }
    if watch.consent.cert_spotter || watch.consent.crt_sh {
        items.extend(of_monitors(watch, report));
    }
    let mut parts = vec![part("ul").class("watched").children(items)];
    if !watch.missing.is_empty() {
        parts.push(
            part("p")
                .class("note")
                .then(&words::word("watch_missing"))
                .then(" ")
                .child(go_link(address, "watch_allow")),
        );
    }
    if let Some(at) = looked_at(watch) {
        parts.push(paragraph(&words::with("glance_looked", &[&clock::ago(at)])).class("hint"));
    }
    parts
}

/// The picture, folded.
pub fn picture(watch: &Watch) -> Option<Part> {
    let count = watch.timeline.bars.len() + watch.timeline.left_out;
    (count > 0).then(|| {
        folded(
            &words::with("glance_picture", &[&count.to_string()]),
            [timeline::picture(&watch.timeline)],
        )
    })
}

/// When anybody was asked last.
fn looked_at(watch: &Watch) -> Option<Timestamp> {
    watch.looks.iter().map(|looks| looks.last).chain(watch.proven_at).max()
}

/// How the logs stand: the worst first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Logs {
    NotAsked,
    Missing,
    NotChecked { proven: usize, of: usize },
    Pending { proven: usize, of: usize },
    Proven { of: usize },
}

fn logs(watch: &Watch) -> Logs {
    let of = watch.publication.len();
    let count = |kept: Kept| watch.publication.iter().filter(|one| one.inclusion == kept).count();
    let proven = count(Kept::Proven);
    if of == 0 {
        Logs::NotAsked
    } else if count(Kept::Missing) > 0 {
        Logs::Missing
    } else if count(Kept::NotChecked) > 0 {
        Logs::NotChecked { proven, of }
    } else if count(Kept::Pending) > 0 {
        Logs::Pending { proven, of }
    } else {
        Logs::Proven { of }
    }
}

fn of_logs(watch: &Watch) -> Part {
    let numbers = |key: &str, proven: usize, of: usize| {
        words::with(key, &[&proven.to_string(), &of.to_string()])
    };
    let (sign, class, text) = match logs(watch) {
        Logs::NotAsked => ("?", "mark not-checked", words::word("watch_logs_not_yet")),
        Logs::Missing => ("✕", "mark fail", words::word("glance_logs_missing")),
        Logs::NotChecked { proven, of } => {
            ("?", "mark not-checked", numbers("glance_logs_not_checked", proven, of))
        }
        Logs::Pending { proven, of } => {
            ("i", "mark note", numbers("glance_logs_pending", proven, of))
        }
        Logs::Proven { of: 1 } => ("✓", "mark pass", words::word("glance_logs_proven_one")),
        Logs::Proven { of } => {
            ("✓", "mark pass", words::with("glance_logs_proven", &[&of.to_string()]))
        }
    };
    item(sign, class, &text)
}

/// What the findings say, but for the alarm, which stands above.
fn of_monitors(watch: &Watch, report: Option<&Report>) -> Vec<Part> {
    let found = |one: &&Evidence| one.check == Check::Issuances && !one.code.asks_attention();
    let findings: Vec<_> =
        report.into_iter().flat_map(|report| report.evidence.iter().filter(found)).collect();
    if findings.is_empty() && watch.looks.is_empty() {
        return vec![item("?", "mark not-checked", &words::word("glance_monitors_not_yet"))];
    }
    let line = |one: &Evidence| {
        let (sign, class) = match one.outcome {
            Outcome::Pass => ("✓", "mark pass"),
            Outcome::NotChecked => ("?", "mark not-checked"),
            _ => ("i", "mark note"),
        };
        item(sign, class, &words::finding(one))
    };
    findings.into_iter().map(line).collect()
}

fn item(sign: &str, class: &str, text: &str) -> Part {
    part("li")
        .child(part("span").class(class).attr("aria-hidden", "true").text(sign))
        .child(part("span").text(text))
}

/// Where the options page has everything about the watch of an address.
fn place(address: &Address) -> String {
    format!("{}#watch-{address}", browser::own_url("options.html"))
}

fn go_button(address: &Address, name: &str, look: Look) -> Part {
    let place = place(address);
    button(&words::word(name), look, move || leave_for(place.clone()))
}

fn go_link(address: &Address, name: &str) -> Part {
    let place = place(address);
    part("a").attr("href", &place).text(&words::word(name)).on("click", move |event| {
        event.prevent_default();
        wasm_bindgen_futures::spawn_local(leave_for(place.clone()));
    })
}

async fn leave_for(place: String) {
    browser::open_tab(&place).await;
    if let Some(window) = web_sys::window() {
        let _ = window.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::consent::samples;
    use doorlight::ct::publication::{History, PublicationReport};

    #[test]
    fn the_worst_log_is_what_is_said() {
        let one = |inclusion| PublicationReport {
            log: String::new(),
            operator: String::new(),
            host: None,
            promised_at: Timestamp::from_secs(0),
            inclusion,
            inclusion_reason: None,
            consistency: History::Proven,
            consistency_reason: None,
            tree_size: None,
            head_at: None,
            leaf_index: None,
        };
        let mut watch = samples::watch("home.test");
        assert_eq!(logs(&watch), Logs::NotAsked);
        for (kept, said) in [
            (Kept::Proven, Logs::Proven { of: 1 }),
            (Kept::Pending, Logs::Pending { proven: 1, of: 2 }),
            (Kept::NotChecked, Logs::NotChecked { proven: 1, of: 3 }),
            (Kept::Missing, Logs::Missing),
        ] {
            watch.publication.push(one(kept));
            assert_eq!(logs(&watch), said);
        }
    }
}
