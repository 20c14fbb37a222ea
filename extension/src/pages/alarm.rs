//! A certificate for the name with a key that is not the user's: what it is, and what to do.

use doorlight::address::Address;
use doorlight::issuances::authority::REPORTING_LIST;
use doorlight::text::printable;

use crate::protocol::{Alarm, Request, Status};

use super::background::ask;
use super::button::{Look, button, row};
use super::certificate::{copyable, copyable_text, pair};
use super::confirm::Then;
use super::dom::{Part, folded, paragraph, part};
use super::{clock, said, words};

/// True for an alarm that stands: neither known to the user nor over.
pub fn stands(alarm: &Alarm) -> bool {
    !alarm.is_acknowledged && !alarm.has_ended
}

/// The card; `then` gets what the background answers.
pub fn card(address: &Address, alarm: &Alarm, then: &Then) -> Part {
    let id = format!("alarm-{address}-{}", alarm.id);
    let issuer = printable(&alarm.issuer);
    let (name, sign, class) = if stands(alarm) {
        ("alarm_title", "!", "card alarm")
    } else if alarm.is_acknowledged {
        ("alarm_known", "i", "card known")
    } else {
        ("alarm_over", "i", "card known")
    };
    let mark = if stands(alarm) { "mark fail" } else { "mark note" };
    let heading = part("h5")
        .attr("id", &id)
        .attr("tabindex", "-1")
        .child(part("span").class(mark).attr("aria-hidden", "true").text(sign))
        .child(part("span").text(&words::with(name, &[&issuer])));
    let mut whole =
        part("article").class(class).attr("aria-labelledby", &id).child(heading).child(what(alarm));
    if stands(alarm) {
        if alarm.may_be_renewal {
            whole = whole.child(paragraph(&words::word("alarm_renewal")).class("note"));
        }
        whole = whole.child(todo(address, alarm, &id));
    }
    whole.child(row([acknowledge(address, alarm, then)]))
}

fn what(alarm: &Alarm) -> Part {
    let names: Vec<_> = alarm.names.iter().map(|name| printable(name)).collect();
    let valid = words::with(
        "alarm_valid",
        &[&clock::short_day(alarm.not_before), &clock::short_day(alarm.not_after)],
    );
    let short = part("dl")
        .class("certificate")
        .child(pair(&words::word("certificate_names"), part("bdi").text(&names.join(", "))))
        .child(pair(&words::word("alarm_when"), part("span").text(&valid)));
    let mut digits = part("dl").class("certificate");
    if !alarm.serial.is_empty() {
        digits = digits.child(copyable(&words::word("alarm_serial"), &printable(&alarm.serial)));
    }
    digits = match &alarm.spki_sha256 {
        Some(key) => digits.child(copyable(&words::word("certificate_pin"), &printable(key))),
        None => digits.child(pair(
            &words::word("certificate_pin"),
            part("span").text(&words::word("alarm_key_unknown")),
        )),
    };
    part("div").child(short).child(folded(&words::word("alarm_numbers"), [digits]))
}

/// If it is the user's, accept its key; else have it revoked, and keep it from happening again.
fn todo(address: &Address, alarm: &Alarm, id: &str) -> Part {
    let step = |name: &str, text: &str| {
        part("li").child(part("strong").text(&words::word(name))).then(" ").then(&words::word(text))
    };
    let mine = step("alarm_mine", "alarm_mine_text");
    let mut letter = vec![match &alarm.report_to {
        Some(to) => part("dl")
            .class("certificate")
            .child(copyable_text(&words::word("alarm_to"), &printable(to))),
        None => part("p").then(&words::word("alarm_to_unknown")).then(" ").child(
            part("a")
                .link(REPORTING_LIST)
                .attr("target", "_blank")
                .attr("rel", "noreferrer noopener")
                .text(REPORTING_LIST.trim_start_matches("https://")),
        ),
    }];
    letter.push(
        part("dl")
            .class("certificate letter")
            .child(copyable_text(&words::word("alarm_letter"), &lines(&alarm.letter))),
    );
    let revoke = step("alarm_revoke", "alarm_revoke_text").child(
        folded(&words::word("alarm_letter_show"), letter).attr("id", &format!("{id}-letter")),
    );
    let accounts = step("alarm_accounts", "alarm_accounts_text");
    let mut steps = vec![mine, revoke, accounts];
    if !alarm.caa.is_empty() {
        let records: Vec<_> = alarm.caa.iter().map(|record| printable(record)).collect();
        let shown = part("dl")
            .class("certificate letter")
            .child(copyable_text(&words::word("alarm_caa_record"), &records.join("\n")));
        steps.push(step("alarm_caa", "alarm_caa_text").child(
            folded(&words::word("alarm_caa_show"), [shown]).attr("id", &format!("{id}-caa")),
        ));
    }
    let host = address.host.as_str();
    part("div")
        .child(paragraph(&words::with("alarm_means", &[host])))
        .child(part("h6").text(&words::word("danger_do_title")))
        .child(part("ol").class("todo").children(steps))
}

/// A text of several lines, each made safe by itself.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn acknowledge(address: &Address, alarm: &Alarm, then: &Then) -> Part {
    let is_known = !alarm.is_acknowledged;
    let request = Request::Acknowledge { address: address.clone(), id: alarm.id.clone(), is_known };
    let then = then.clone();
    button(
        &words::word(if is_known { "alarm_know" } else { "alarm_tell_again" }),
        Look::Plain,
        move || {
            let (request, then) = (request.clone(), then.clone());
            async move {
                match ask::<Status>(&request).await {
                    Ok(status) => then(status),
                    Err(unanswered) => said::say(&unanswered.in_words()),
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_letter_keeps_its_lines_and_nothing_else_that_cannot_be_seen() {
        assert_eq!(super::lines("Dear\u{202e} CA,\n\n\u{1b}[31mrevoke").lines().count(), 3);
        assert!(
            !super::lines("Dear\u{202e} CA,\n\n\u{1b}[31mrevoke").contains(['\u{202e}', '\u{1b}'])
        );
    }
}
