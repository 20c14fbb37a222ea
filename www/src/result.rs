//! What was found, on the page: the light, why, and everything behind it.

use std::cell::{Cell, RefCell};

use doorlight::address::{Address, InvalidAddress};
use doorlight::chain::Chain;
use doorlight::ct::publication::PublicationReport;
use doorlight::evidence::{Check, Code, Evidence};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight_view::button::{Look, button, row};
use doorlight_view::dom::{self, Part, by_id, folded, paragraph, part};
use doorlight_view::field::field;
use doorlight_view::reason::{self, Reason};
use doorlight_view::{certificate, clock, findings, said, sign, words};

use crate::check::{Checked, Origin, World};
use crate::{chain_picture, compare, exported, known, logs, monitors};

thread_local! {
    /// Counts what was begun: what ends after something newer was begun is not shown any more.
    static TURN: Cell<u32> = const { Cell::new(0) };
    /// What is on the page.
    static SHOWN: RefCell<Option<Checked>> = const { RefCell::new(None) };
}

/// The certificate that is on the page, unless it is a sample, which nothing of the reader's is compared with.
pub fn shown() -> Option<Checked> {
    SHOWN.with_borrow(Clone::clone).filter(|checked| checked.origin != Origin::Sample)
}

/// Adds what was found by asking to the report on the page, in the place of what the same `checks` had found before, and decides anew. False where the page shows
/// something else by now.
pub fn deepen(address: &Address, checks: &[Check], evidence: Vec<Evidence>) -> bool {
    let Some(mut checked) = shown().filter(|checked| checked.address == *address) else { return false };
    checked.report.evidence.retain(|one| !checks.contains(&one.check));
    checked.report.add(evidence, &[]);
    show_again(checked);
    true
}

/// True where the report on the page says something else of this check.
pub fn lacks(address: &Address, check: Check, evidence: &[Evidence]) -> bool {
    shown().is_some_and(|checked| {
        let there = checked.report.evidence.iter().filter(|one| one.check == check);
        checked.address == *address && !there.eq(evidence)
    })
}

/// The same for what the logs proved about a certificate, which has to be on the page still.
pub fn prove(
    asked: &Checked,
    reports: Vec<PublicationReport>,
    checks: &[Check],
    evidence: Vec<Evidence>,
) -> bool {
    let is_there = SHOWN.with_borrow_mut(|shown| match shown {
        Some(shown) if shown.chain.leaf() == asked.chain.leaf() && shown.report.at == asked.report.at => {
            shown.report.publication = reports;
            true
        }
        _ => false,
    });
    is_there && deepen(&asked.address, checks, evidence)
}

/// Begins something new.
fn begin() -> u32 {
    TURN.set(TURN.get().wrapping_add(1));
    TURN.get()
}

/// By what the page judges: what it knows now.
fn world(address: &Address, at: Timestamp, chain: &Chain) -> Option<World> {
    known::with(|known| {
        Some(World {
            roots: known.roots(),
            log_lists: known.log_lists().ok()?,
            record: known.record(address, at, Some(chain)),
        })
    })
}

/// Judges certificates, and shows what was found after `before`.
pub async fn judge(
    chain: Chain,
    address: Address,
    wanted: Option<Timestamp>,
    origin: Origin,
    before: Option<Part>,
) {
    let at = wanted.unwrap_or_else(doorlight_browser::now);
    if !doorlight_browser::is_available() {
        return said::say(&words::word("www_no_webcrypto"));
    }
    let Some(world) = world(&address, at, &chain) else { return said::say(&words::word("not_loaded")) };
    let has_before = before.is_some();
    let turn = begin();
    let checked = Checked::new(chain, address, wanted, origin, world).await;
    if turn != TURN.get() {
        return;
    }
    show(checked, before);
    by_id(if has_before { "written" } else { "verdict" }).focus();
    by_id("result").scroll_to();
}

/// Judges what is on the page by what is known now, and keeps the focus where it was.
pub async fn judge_again(checked: Checked, focus: &str) {
    let Checked { chain, address, wanted, origin, report, .. } = checked;
    let at = wanted.unwrap_or_else(doorlight_browser::now);
    let Some(world) = world(&address, at, &chain) else { return };
    let turn = begin();
    let mut checked = Checked::new(chain, address, wanted, origin, world).await;
    if turn == TURN.get() {
        if (&checked.report.host, checked.report.port) == (&report.host, report.port) {
            // What was asked stays known.
            let is_asked = |one: &Evidence| {
                matches!(one.check, Check::Inclusion | Check::Consistency | Check::Issuances)
            };
            checked.report.publication = report.publication;
            checked.report.add(report.evidence.into_iter().filter(is_asked).collect(), &[]);
        }
        show_again(checked);
        by_id(focus).focus();
    }
}

/// Shows it in the place of the same before, with what was open open and the focus where it was.
pub fn show_again(checked: Checked) {
    let (open, focused) = (dom::open_folds(), dom::focused());
    show(checked, None);
    dom::open_again(&open);
    if !focused.is_empty() && dom::focused() != focused {
        by_id(&focused).focus();
    }
}

/// Shows a result.
pub fn show(checked: Checked, before: Option<Part>) {
    let parts = parts(&checked);
    by_id("result").fill(before.into_iter().chain(parts));
    SHOWN.set(Some(checked));
}

/// Shows something that is no result.
pub fn show_instead(parts: impl IntoIterator<Item = Part>) {
    begin();
    SHOWN.set(None);
    by_id("result").fill(parts);
    by_id("result").scroll_to();
}

fn parts(checked: &Checked) -> Vec<Part> {
    let report = &checked.report;
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
    parts.push(chain_picture::section(&checked.ladder, checked.chain.leaf()));
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
    let light = light(checked.report.verdict);
    let whose = part("p")
        .class("whose")
        .child(part("strong").class("light-word").text(&sign::word(light)))
        .child(part("bdi").class("host").text(&checked.address.to_string()));
    let heading = part("h2").attr("id", "verdict").attr("tabindex", "-1").text(&reason_of(checked).title);
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
    let report = &checked.report;
    match report.verdict {
        Verdict::Trusted => {
            Reason { title: words::word("www_trusted_title"), text: words::word("www_trusted_text") }
        }
        // The text of the extension leads to its options.
        Verdict::Attention if report.decided_by == [Code::IssuancesUnknown] => {
            Reason { title: words::word("attention_issuance_title"), text: words::word("www_issuance_text") }
        }
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
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
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
    show_instead([part("h2").text(&words::word("www_host_title")), host.whole, row([judge_button])]);
    input.focus();
}
