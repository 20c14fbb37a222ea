//! The logs' promises as a table, and what became of them.

use base64ct::{Base64, Encoding};
use doorlight::ct::publication::Promises;
use doorlight::text::printable;
use doorlight::verdict::evidence::Check;
use doorlight::verdict::report::{SctReport, SctSignature};
use doorlight_view::button::{Look, button, row};
use doorlight_view::dom::{Part, by_id, paragraph, part};
use doorlight_view::published::published;
use doorlight_view::{clock, said, words};

use crate::check::{Checked, Origin};
use crate::question::LogQuestion;
use crate::{exported, known, loader, shown};

/// The section.
pub fn section(checked: &Checked) -> Part {
    let report = &checked.report();
    let mut section = part("section").child(part("h3").text(&words::word("www_logs_title")));
    if report.scts.is_empty() {
        return section.child(paragraph(&words::word("www_logs_none")));
    }
    section = section.child(table(&report.scts));
    if !report.publication.is_empty() {
        section = section
            .child(part("h4").text(&words::word("published_title")))
            .child(published(&report.publication, "www"));
    }
    let has_promises =
        matches!(&checked.promises, Promises::Entry { promises, .. } if !promises.is_empty());
    // The logs of a sample are nowhere.
    if has_promises && checked.origin != Origin::Sample {
        section = section.child(ask(checked));
    }
    section
}

fn table(scts: &[SctReport]) -> Part {
    let heads = ["log", "operator", "at", "state", "signature"];
    let head = heads.map(|head| {
        part("th").attr("scope", "col").text(&words::word(&format!("www_logs_{head}")))
    });
    let text = |text: Option<&str>| part("bdi").text(&printable(text.unwrap_or("–")));
    let row = |sct: &SctReport| {
        let name = sct.log.clone().unwrap_or_else(|| words::word("log_unknown"));
        let state = sct.state.as_deref().map(state);
        let signature = words::word(match sct.signature {
            SctSignature::Valid => "log_valid",
            SctSignature::Invalid => "log_forged",
            SctSignature::UnknownLog => "log_key_unknown",
            SctSignature::NotChecked => "log_not_checked",
        });
        part("tr")
            .child(part("th").attr("scope", "row").child(text(Some(&name))))
            .child(part("td").child(text(sct.operator.as_deref())))
            .child(part("td").child(clock::time(sct.timestamp, &clock::short_day(sct.timestamp))))
            .child(part("td").child(text(state.as_deref())))
            .child(part("td").text(&signature))
    };
    let name = words::word("www_logs_title");
    let table = part("table")
        .child(part("caption").class("unseen").text(&name))
        .child(part("thead").child(part("tr").children(head)))
        .child(part("tbody").children(scts.iter().map(row)));
    part("div")
        .class("wide")
        .attr("role", "region")
        .attr("aria-label", &name)
        .attr("tabindex", "0")
        .child(table)
}

/// The state of a log in words; one that nobody wrote words for stays as it is.
fn state(state: &str) -> String {
    let is_plain = state.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let key = format!("www_state_{}", state.replace('-', "_"));
    is_plain.then(|| words::find(&key, &[])).flatten().unwrap_or_else(|| printable(state))
}

/// Asks for proof, after a click that says who learns what.
fn ask(checked: &Checked) -> Part {
    let asked = checked.clone();
    let act = button(&words::word("watch_logs"), Look::Plain, move || {
        let checked = asked.clone();
        said::say(&words::word("watch_asking"));
        let (roots, log_list) = known::with(|known| known.own());
        let question = LogQuestion {
            address: checked.address.clone(),
            at: checked.judged.at,
            pem: exported::pem(&checked.chain),
            roots: roots.iter().map(|der| Base64::encode_string(der)).collect(),
            log_list: log_list.map(|json| Base64::encode_string(&json)),
        };
        async move {
            let Ok(answer) = loader::ask_logs(question).await else {
                return said::say(&words::word("www_not_loaded"));
            };
            said::say_briefly(&words::word("watch_done"));
            let checks = [Check::Inclusion, Check::Consistency];
            shown::prove(&checked, answer.reports, &checks, answer.evidence);
            by_id("ask-logs").focus();
        }
    });
    part("div")
        .class("ask-logs no-print")
        .child(paragraph(&words::word("watch_logs_hint")).class("hint"))
        .child(paragraph(&words::word("www_ask_rules")).class("hint"))
        .child(row([act.attr("id", "ask-logs")]))
}
