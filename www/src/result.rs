//! What was found, on the page: the light, why, and everything behind it.

use doorlight::address::{Address, InvalidAddress};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::Code;
use doorlight::x509::chain::Chain;
use doorlight_view::button::{Look, button, row};
use doorlight_view::dom::{Part, folded, paragraph, part};
use doorlight_view::field::field;
use doorlight_view::reason::{self, Reason};
use doorlight_view::{certificate, clock, findings, sign, words};

use crate::check::{Checked, Origin};
use crate::shown::{judge, judge_again, show_instead};
use crate::{chain_picture, compare, exported, logs, monitors};

/// Everything that is said of a certificate.
pub fn parts(checked: &Checked) -> Vec<Part> {
    let report = &checked.report();
    let mut parts = vec![head(checked)];
    parts.extend(labels(checked));
    parts.push(paragraph(&reason_of(checked).text).class("lead"));
    if report.verdict != Verdict::Trusted {
        parts.push(reason::found(report));
        parts.extend(reason::advice(report));
    }
    if report.decided_by.contains(&Code::PinFirstSight) {
        parts.push(paragraph(&words::word("www_first_hint")));
    }
    parts.push(paragraph(&words::word("www_seen")).class("hint"));
    if checked.origin != Origin::Sample {
        parts.push(wanted(checked));
    }
    parts.push(
        part("section")
            .child(part("h3").text(&words::word("www_findings_title")))
            .child(findings::list(&report.evidence)),
    );
    parts.push(chain_picture::section(&checked.chain_view, checked.chain.leaf()));
    if let Some(found) = &report.certificate {
        let section = part("section").child(part("h3").text(&words::word("certificate_title")));
        parts.push(section.child(certificate::details(found)));
    }
    parts.push(compare::section(checked));
    parts.push(logs::section(checked));
    if checked.origin != Origin::Sample {
        parts.push(monitors::section(&checked.address, Some(checked.chain.leaf())));
    }
    parts.push(exported::section(checked));
    parts
}

fn light(verdict: Verdict) -> &'static str {
    verdict.as_str()
}

fn head(checked: &Checked) -> Part {
    let light = light(checked.report().verdict);
    let whose = part("p")
        .class("whose")
        .child(part("strong").class("light-word").text(&sign::word(light)))
        .child(part("bdi").class("host").text(&checked.address.to_string()));
    let heading =
        part("h2").attr("id", "verdict").attr("tabindex", "-1").text(&reason_of(checked).title);
    part("div")
        .class(&format!("head {light}"))
        .child(sign::picture(light))
        .child(part("div").child(whose).child(heading))
}

/// What has to be known about where it comes from and by which time it was judged.
fn labels(checked: &Checked) -> Vec<Part> {
    let mut lines = Vec::new();
    match checked.origin {
        Origin::Sample => lines.push(words::word("www_is_sample")),
        Origin::Link => lines.push(words::word("www_is_link")),
        Origin::Report => lines.push(words::word("www_is_report")),
        Origin::Given => {}
    }
    if let Some(at) = checked.wanted {
        lines.push(words::with("www_as_of", &[&clock::moment(at)]));
    }
    lines.iter().map(|line| paragraph(line).class("note")).collect()
}

fn reason_of(checked: &Checked) -> Reason {
    let report = &checked.report();
    match report.verdict {
        Verdict::Trusted => Reason {
            title: words::word("www_trusted_title"),
            text: words::word("www_trusted_text"),
        },
        // The text of the extension leads to its options.
        Verdict::Attention if report.decided_by == [Code::IssuancesUnknown] => Reason {
            title: words::word("attention_issuance_title"),
            text: words::word("www_issuance_text"),
        },
        Verdict::Attention => reason::of_attention(report),
        Verdict::Danger => reason::of_danger(report),
        Verdict::Unchecked => reason::of_unchecked(Some(report)),
    }
}

/// For whom and by which time: both can be changed.
fn wanted(checked: &Checked) -> Part {
    let host = field("host", &words::word("www_host_label"), &words::word("www_host_hint"));
    host.input.set_value(&checked.address.to_string());
    let time = field("time", &words::word("www_time_label"), &words::word("www_time_hint"));
    time.input.set_value(&checked.wanted.map(|at| at.to_string()).unwrap_or_default());
    let (host_again, time_again, checked) = (host.clone(), time.clone(), checked.clone());
    let again = button(&words::word("www_judge"), Look::Plain, move || {
        let (host, time, mut checked) = (host_again.clone(), time_again.clone(), checked.clone());
        async move {
            let Some(address) = address_in(&host) else { return };
            let typed = time.value();
            checked.wanted = match typed.parse() {
                Ok(at) => Some(at),
                Err(_) if typed.is_empty() => None,
                Err(_) => return time.complain(&words::word("www_time_wrong")),
            };
            checked.address = address;
            judge_again(checked, "verdict").await;
        }
    });
    let (host, time) = (host.enter_clicks(&again), time.enter_clicks(&again));
    let inside = [part("div").class("for").child(host.whole).child(time.whole), row([again])];
    folded(&words::word("www_wanted"), inside).attr("id", "wanted").class("no-print")
}

/// The address in a field, or a complaint at the field.
fn address_in(host: &doorlight_view::field::Field) -> Option<Address> {
    match in_ascii(&host.value()).parse::<Address>() {
        Ok(address) => {
            host.forgive();
            Some(address)
        }
        Err(error) => {
            host.complain(&words::word(why_no_address(error)));
            None
        }
    }
}

/// A name in letters outside ASCII as browsers write it.
pub fn in_ascii(text: &str) -> String {
    if text.is_ascii() || text.len() > 300 || text.contains(char::is_whitespace) {
        return text.to_owned();
    }
    let with_scheme =
        if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    web_sys::Url::new(&with_scheme).map_or_else(|_| text.to_owned(), |url| url.href())
}

/// The key of what is wrong with an address.
pub fn why_no_address(error: InvalidAddress) -> &'static str {
    match error {
        InvalidAddress::NotHttps => "address_not_https",
        InvalidAddress::Credentials => "address_credentials",
        InvalidAddress::NotAscii => "address_not_ascii",
        InvalidAddress::Port => "address_port",
        _ => "address_host",
    }
}

/// A certificate without a name that could be meant: asks for whom it is judged.
pub fn ask_host(chain: Chain, wanted: Option<Timestamp>, origin: Origin) {
    let host = field("host", &words::word("www_host_label"), &words::word("www_host_missing"));
    let typed = host.clone();
    let judge_button = button(&words::word("www_judge"), Look::First, move || {
        let (typed, chain) = (typed.clone(), chain.clone());
        async move {
            if let Some(address) = address_in(&typed) {
                judge(chain, address, wanted, origin, None).await;
            }
        }
    });
    let host = host.enter_clicks(&judge_button);
    let input = host.input.clone();
    show_instead([
        part("h2").text(&words::word("www_host_title")),
        host.whole,
        row([judge_button]),
    ]);
    input.focus();
}
