//! The lines of a check-up: what is well, what is not, and what to do about it.

use core::time::Duration;

use doorlight::address::Address;
use doorlight::home_assistant::advisory::Advisory;
use doorlight::text::printable;
use doorlight::verdict::evidence::{Check, Evidence};
use doorlight::verdict::findings::{self, Finding, Weight};

use crate::protocol::{HomeStatus, Request, Status, Watch};
use doorlight_guard::homes::Risk;
use doorlight_guard::trouble::Trouble;

use super::background::ask;
use super::button::{Look, button, row};
use super::dom::{Part, folded, paragraph, part};
use super::findings::mark;
use super::words::{self, Translated};
use super::{browser, clock, said};

/// From this age on it is said when the home answered.
const OLD: Duration = Duration::from_secs(2 * 3600);

/// What happens with the background's answer.
type Then = std::rc::Rc<dyn Fn(Status)>;

/// All that is known of the state of the house, what matters most first.
pub fn lines(status: &Status, home: &HomeStatus) -> Vec<Part> {
    let evidence = evidence(status, home);
    let mut items: Vec<_> = findings::by_weight(&evidence, &Translated).iter().map(line).collect();
    items.extend(status.watch.as_deref().map(watched));
    let mut parts = vec![part("ul").class("check-up").children(items)];
    parts.extend(home.check_up.as_ref().and_then(|check_up| advisories(&check_up.advisories)));
    parts
}

/// What is known against the version, the worst first.
fn advisories(known: &[Advisory]) -> Option<Part> {
    let line = |one: &Advisory| {
        let severity = words::word(&format!("severity_{}", one.severity.as_str()));
        part("li")
            .child(part("strong").text(&severity))
            .then(" · ")
            .child(part("span").text(&printable(&one.title)))
            .then(" · ")
            .child(part("a").link(&one.link).attr("rel", "noreferrer").text(&printable(one.id())))
    };
    (!known.is_empty()).then(|| {
        let title = words::with("home_advisories", &[&known.len().to_string()]);
        folded(&title, [part("ul").class("advisories").children(known.iter().map(line))])
    })
}

/// What the home said of itself, and what its word means for the certificate that was seen last.
fn evidence(status: &Status, home: &HomeStatus) -> Vec<Evidence> {
    let mut evidence: Vec<_> =
        home.check_up.iter().flat_map(|check_up| check_up.evidence.iter().cloned()).collect();
    let report = status.report.iter().flat_map(|report| report.evidence.iter());
    evidence.extend(report.filter(|one| one.check == Check::Home).cloned());
    evidence
}

/// What keeps the home from being asked, and waits for the user. Away from home nobody answers, or
/// somebody else: that is no reason to bother anybody.
fn in_the_way(trouble: &Trouble) -> Option<(Weight, &'static str)> {
    match trouble.code.as_str() {
        "home-token-refused" => Some((Weight::Attention, "home_short_refused")),
        "home-token-resting" => Some((Weight::NotChecked, "home_short_resting")),
        "home-token-missing" => Some((Weight::NotChecked, "home_short_missing")),
        "home-permission-missing" => Some((Weight::NotChecked, "home_short_permission")),
        "home-other-account" | "home-other-host" => Some((Weight::Attention, "home_short_other")),
        _ => None,
    }
}

/// One line for the popup: nothing is amiss, or how much is.
pub fn in_short(status: &Status) -> Option<(Weight, String)> {
    let home = status.home.as_deref()?;
    home.local.as_ref()?;
    // While it cannot be asked, nothing that it said before makes all well.
    if let Some((weight, key)) = home.trouble.as_ref().and_then(in_the_way) {
        return Some((weight, words::word(key)));
    }
    if home.check_up.is_none() {
        return Some((Weight::NotChecked, words::word("home_short_unknown")));
    }
    let evidence = evidence(status, home);
    let amiss = |one: &&Evidence| matches!(Weight::of(one), Weight::Fail | Weight::Attention);
    let worst = evidence.iter().filter(amiss).map(Weight::of).min();
    Some(match (worst, evidence.iter().filter(amiss).count()) {
        (None, _) => (Weight::Pass, words::word("home_short_well")),
        (Some(worst), 1) => (worst, words::word("home_short_one")),
        (Some(worst), count) => (worst, words::with("home_short_some", &[&count.to_string()])),
    })
}

/// When the home answered last, where that is so long ago that what it said may be true no more. It
/// is asked every hour.
fn as_of(status: &Status) -> Option<String> {
    let answered = status.home.as_deref().filter(|home| home.local.is_some())?.answered?;
    let is_old = clock::now().since(answered) >= OLD;
    is_old.then(|| words::with("home_short_as_of", &[&clock::ago(answered)]))
}

/// The way to the page.
pub fn link(address: &Address, text: &str) -> Part {
    let url = format!("{}#{address}", browser::own_url("home.html"));
    part("a").attr("href", &url).text(&words::word(text))
}

/// The same as a line with the way to the page.
pub fn glance(address: &Address, status: &Status, go: impl Fn(String) + 'static) -> Part {
    let (weight, text) =
        in_short(status).unwrap_or_else(|| (Weight::Note, words::word("home_short_unset")));
    let text = [Some(text), as_of(status)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let url = format!("{}#{address}", browser::own_url("home.html"));
    let link = link(address, "home_short_more").on("click", move |event| {
        event.prevent_default();
        go(url.clone());
    });
    let line = part("li").child(mark(weight)).child(part("span").text(&text).then(" ").child(link));
    part("ul").class("watched").child(line)
}

fn line(finding: &Finding) -> Part {
    let mut inside = vec![
        part("p")
            .class("line")
            .child(mark(finding.weight))
            .child(
                part("span").class("unseen").text(&format!("{}: ", words::outcome(finding.weight))),
            )
            .child(part("strong").text(&finding.sentence)),
    ];
    if finding.weight != Weight::Pass {
        inside.push(paragraph(&finding.meaning));
        inside.push(
            part("p")
                .child(part("strong").text(&words::word("finding_action")))
                .then(" ")
                .then(&finding.action),
        );
    }
    inside.extend(particulars(finding));
    part("li").class(&format!("card {}", finding.weight.as_str())).children(inside)
}

/// What the finding rests on, for whoever wants to know.
fn particulars(finding: &Finding) -> Option<Part> {
    let told = finding.particulars.iter().flat_map(|one| {
        let lines = one.lines.iter().filter(|line| !line.is_empty());
        lines.map(|line| part("li").child(part("bdi").text(&format!("{}: {line}", one.name))))
    });
    let told: Vec<_> = told.collect();
    (!told.is_empty()).then(|| {
        folded(&words::word("home_particulars"), [part("ul").class("hint").children(told)])
            .class("told")
    })
}

/// Whether other people's certificates for the name are watched for.
fn watched(watch: &Watch) -> Part {
    let is_watched = watch.consent.cert_spotter || watch.consent.crt_sh;
    let (weight, key) = if is_watched {
        (Weight::Pass, "home_watched")
    } else {
        (Weight::Note, "home_not_watched")
    };
    part("li").class(&format!("card {}", weight.as_str())).child(
        part("p")
            .class("line")
            .child(mark(weight))
            .child(part("span").class("unseen").text(&format!("{}: ", words::outcome(weight))))
            .child(part("strong").text(&words::word(key))),
    )
}

/// The version is not to be reached from outside: what that means, and the owner's way past it.
pub fn blocked(address: &Address, home: &HomeStatus, then: &Then) -> Option<Part> {
    if !home.is_blocked && !home.has_accepted_risk {
        return None;
    }
    let is_accepted = !home.is_blocked;
    let (text, name, look) = if is_accepted {
        ("risk_accepted", "risk_refuse", Look::Plain)
    } else {
        ("risk_text", "risk_accept", Look::Past)
    };
    let (whose, then) = (address.clone(), then.clone());
    let shown = home.check_up.as_ref().and_then(Risk::of);
    let decide = button(&words::word(name), look, move || {
        let (whose, then) = (whose.clone(), then.clone());
        async move {
            let request = Request::AcceptRisk { address: whose, is_accepted: !is_accepted, shown };
            match ask::<Status>(&request).await {
                Ok(status) => then(status),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    });
    Some(
        part("div")
            .class("card risk no-print")
            .child(paragraph(&words::word(text)))
            .child(row([decide])),
    )
}

/// What nobody can read from outside: how to switch the second step on, the ban, and good
/// passwords.
pub fn accounts_advice() -> Part {
    let steps = ["two_factor", "ban", "password"].map(|key| {
        part("li")
            .child(part("strong").text(&words::word(&format!("home_advice_{key}_title"))))
            .child(paragraph(&words::word(&format!("home_advice_{key}"))))
    });
    let rate = part("a")
        .attr("href", &browser::own_url("passwords.html"))
        .text(&words::word("home_passwords"));
    part("section")
        .child(part("h2").text(&words::word("home_advice_title")))
        .child(part("ul").class("advice").children(steps))
        .child(part("p").class("no-print").child(rate))
}
