//! Guarding an address, step by step: the address, the home's key, a test that it works, and, who
//! likes, a watch on the public logs.
//!
//! The address may stand behind the `#`; without one this is a first start, and the page says what
//! Doorlight is for.

use std::rc::Rc;

use doorlight::address::{Address, InvalidAddress};
use doorlight::verdict::report::Report;
use doorlight_guard::settings::Settings;

use crate::protocol::{Overview, Request, SelfTest, SelfTestStep, Status, Watch};
use doorlight_guard::light::Light;

use super::background::{ask, trouble_in_words};
use super::button::{Look, button, row};
use super::confirm::Then;
use super::dom::{Part, by_id, folded, paragraph, part, title};
use super::field::{Field, field};
use super::{
    browser, certificate, cleaning, client_certificate, clock, confirm, consent, findings,
    permission, place, reason, said, sign, watch, words,
};

/// How the background says that it has to use the browser's debugger.
const DEBUGGER: &str = "chromium-debugger";

/// Shows the page.
pub async fn show() {
    let overview = ask::<Overview>(&Request::Overview).await;
    let has_bar = overview.is_ok_and(|overview| overview.capture == DEBUGGER);
    show_address(&place::fragment(), has_bar);
}

/// Step 1: which address.
fn show_address(prefilled: &str, has_bar: bool) {
    let field =
        field("address", &words::word("setup_address_label"), &words::word("setup_address_hint"));
    field.input.set("value", prefilled);
    field.input.set("inputmode", "url");
    let asked = field.clone();
    let guard = button(&words::word("setup_guard_button"), Look::First, move || {
        // The browser wants to be asked inside the click, before anything is waited for.
        let started =
            read(&asked).map(|address| (permission::ask_for_host(&address.host), address));
        let field = asked.clone();
        async move {
            let Some((given, address)) = started else { return };
            match given.await {
                Ok(true) => guard(&field, address).await,
                Ok(false) => field.complain(&words::word("setup_denied")),
                Err(error) => {
                    field.complain(&words::with("permission_failed", &[&browser::reason(&error)]))
                }
            }
        }
    });
    let field = field.enter_clicks(&guard);
    let mut parts = Vec::new();
    if prefilled.is_empty() {
        parts.push(paragraph(&words::word("welcome_text")).class("lead"));
        parts.push(welcome());
        parts.push(part("h2").text(&words::word("setup_address_title")));
    }
    parts.push(field.whole);
    parts.push(paragraph(&words::word("setup_permission_text")).class("hint"));
    if !browser::is_firefox() {
        parts.push(paragraph(&words::word("setup_cookies_text")).class("hint"));
    }
    if has_bar {
        parts.push(paragraph(&words::word("setup_bar_text")).class("note"));
    }
    parts.push(row([guard]));
    let name = if prefilled.is_empty() { "welcome_title" } else { "setup_address_title" };
    fill(1, &words::word(name), parts);
}

fn welcome() -> Part {
    let list = |name: &str, keys: &[&str]| {
        part("section")
            .child(part("h2").text(&words::word(name)))
            .child(part("ul").children(keys.iter().map(|key| part("li").text(&words::word(key)))))
    };
    part("div")
        .class("columns")
        .child(list("welcome_does_title", &["welcome_does_1", "welcome_does_2", "welcome_does_3"]))
        .child(list("welcome_not_title", &["welcome_not_1", "welcome_not_2", "welcome_not_3"]))
}

fn read(field: &Field) -> Option<Address> {
    match field.value().parse::<Address>() {
        Ok(address) => {
            field.forgive();
            Some(address)
        }
        Err(error) => {
            let key = match error {
                InvalidAddress::NotHttps => "address_not_https",
                InvalidAddress::Credentials => "address_credentials",
                InvalidAddress::NotAscii => "address_not_ascii",
                InvalidAddress::Port => "address_port",
                _ if field.value().is_empty() => "address_empty",
                _ => "address_host",
            };
            field.complain(&words::word(key));
            None
        }
    }
}

async fn guard(field: &Field, address: Address) {
    said::say(&words::word("again_running"));
    match ask::<Status>(&Request::Guard { address: address.clone() }).await {
        Ok(status) => match (&status.trouble, status.is_guarded) {
            (Some(trouble), false) => field.complain(&trouble_in_words(trouble)),
            _ => show_status(&address, &status),
        },
        Err(unanswered) => field.complain(&unanswered.in_words()),
    }
}

fn then(address: &Address) -> Then {
    let address = address.clone();
    Rc::new(move |status| show_status(&address, &status))
}

/// Step 2, or, where there is nothing to confirm any more, step 3.
fn show_status(address: &Address, status: &Status) {
    match (status.light, &status.report) {
        (Light::Trusted, _) => show_test(address),
        // Confirmed, and only something else asks for a look: the gate is open.
        (Light::Attention, Some(_)) if status.open_until.is_some() => show_test(address),
        (Light::Attention, Some(report)) => show_sight(address, status, report),
        (Light::Danger, Some(report)) => show_danger(address, status, report),
        _ => show_unchecked(address, status),
    }
}

fn show_sight(address: &Address, status: &Status, report: &Report) {
    let why = reason::of_attention(report);
    let mut parts = notes(status);
    parts.push(paragraph(&why.text).class("lead"));
    if let Some(seen) = &report.certificate {
        parts.push(part("h2").text(&words::word("attention_seen")));
        parts.push(part("dl").class("certificate card").children(certificate::fingerprints(seen)));
    }
    parts.push(part("h2").text(&words::word("attention_ways")));
    parts.push(confirm::ways(address, Some(report), &then(address)));
    parts.push(evidence(report));
    parts.push(paragraph(&words::word("setup_later")).class("hint"));
    fill(2, &why.title, parts);
}

fn show_danger(address: &Address, status: &Status, report: &Report) {
    let why = reason::of_danger(report);
    let mut parts = notes(status);
    parts.push(part("div").class("head small").child(sign::label(Light::Danger.as_str())));
    parts.push(paragraph(&why.text).class("lead"));
    parts.push(reason::found(report));
    parts.push(paragraph(&words::word("setup_danger_text")));
    parts.push(row([again_button(address, Look::First)]));
    if reason::is_only_the_key(report) {
        parts.push(confirm::set_up_anew(address, &then(address)));
    }
    parts.push(evidence(report));
    fill(2, &why.title, parts);
}

fn show_unchecked(address: &Address, status: &Status) {
    let why = reason::of_unchecked(status.report.as_ref());
    let mut parts = notes(status);
    parts.push(part("div").class("head small").child(sign::label(Light::Unchecked.as_str())));
    parts.push(paragraph(&why.text).class("lead"));
    parts.extend(status.report.as_ref().and_then(reason::advice));
    parts.push(paragraph(&words::word("setup_unchecked_text")));
    parts.push(row([again_button(address, Look::First)]));
    parts.extend(client_certificate::note(address, status, &then(address)));
    parts.push(folded(
        &words::word("setup_before_title"),
        [
            paragraph(&words::word("setup_before_text")),
            confirm::by_fingerprint(address, &then(address)),
        ],
    ));
    parts.extend(status.report.as_ref().map(evidence));
    fill(2, &why.title, parts);
}

fn again_button(address: &Address, look: Look) -> Part {
    let address = address.clone();
    button(&words::word("again_button"), look, move || {
        let address = address.clone();
        said::say(&words::word("again_running"));
        async move {
            match ask::<Status>(&Request::CheckAgain { address: address.clone() }).await {
                Ok(status) => {
                    show_status(&address, &status);
                    said::say_briefly(&words::with(
                        "again_done",
                        &[&sign::word(status.light.as_str())],
                    ));
                }
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

fn notes(status: &Status) -> Vec<Part> {
    let trouble = status.trouble.as_ref();
    trouble.map(|trouble| paragraph(&trouble_in_words(trouble)).class("note")).into_iter().collect()
}

fn evidence(report: &Report) -> Part {
    let seen = format!(
        "{} {}",
        words::with("evidence_checked", &[&clock::moment(report.at)]),
        certificate::seen(report.seen)
    );
    let mut inside = vec![paragraph(&seen), findings::list(&report.evidence)];
    if let Some(shown) = &report.certificate {
        inside.push(part("h3").text(&words::word("certificate_title")));
        inside.push(certificate::details(shown));
    }
    folded(&words::word("evidence_title"), inside)
}

/// Step 3: it is shown that it works.
fn show_test(address: &Address) {
    let result =
        part("div").attr("aria-live", "polite").child(paragraph(&words::word("selftest_running")));
    fill(
        3,
        &words::word("selftest_title"),
        vec![
            paragraph(&words::with("selftest_text", &[&address.to_string()])).class("lead"),
            result.clone(),
        ],
    );
    let address = address.clone();
    wasm_bindgen_futures::spawn_local(async move { run_test(&address, &result).await });
}

async fn run_test(address: &Address, result: &Part) {
    match ask::<SelfTest>(&Request::SelfTest { address: address.clone() }).await {
        Ok(test) => result.fill(tested(address, &test)),
        Err(unanswered) => {
            result.fill([
                paragraph(&unanswered.in_words()).class("note"),
                row([test_button(address)]),
            ]);
        }
    }
}

fn tested(address: &Address, test: &SelfTest) -> Vec<Part> {
    let mut parts =
        vec![part("ul").class("findings steps-done").children(test.steps.iter().map(step))];
    if !test.workers.is_empty() {
        let workers = test.workers.iter().map(|url| part("li").child(part("code").text(url)));
        parts.push(
            part("div")
                .class("note")
                .child(paragraph(&words::word("selftest_workers")))
                .child(part("ul").children(workers))
                .child(row([cleaning::clear_button(address)])),
        );
    }
    if test.blocks_cookies == Some(false) {
        parts.push(paragraph(&words::word("selftest_cookies")).class("note"));
    }
    if !test.steps.is_empty() && test.steps.iter().all(|step| step.works) {
        parts.push(
            part("div")
                .class("card good")
                .child(part("h2").text(&words::word("selftest_works_title")))
                .child(paragraph(&words::word("selftest_done_text"))),
        );
        parts.push(row([next_button(address)]));
    } else {
        parts.push(paragraph(&words::word("selftest_failed_text")).class("note"));
        parts.push(row([test_button(address), options_button()]));
    }
    parts
}

fn next_button(address: &Address) -> Part {
    let address = address.clone();
    button(&words::word("setup_next"), Look::First, move || {
        let address = address.clone();
        async move {
            let status =
                ask::<Status>(&Request::Status { url: format!("https://{address}/"), tab: None })
                    .await;
            match status.ok().and_then(|status| status.watch) {
                Some(watch) if !consent::is_any(watch.consent) => show_offer(&address, &watch),
                _ => show_done(&address, None),
            }
        }
    })
}

/// Step 4: the watch, with what it tells whom. Nothing is asked of anybody before the click.
fn show_offer(address: &Address, offered: &Watch) {
    let item = |source: consent::Source| {
        let key = |end: &str| words::word(&format!("watch_{}{end}", source.as_str()));
        part("li").child(part("strong").text(&key("_name"))).then(" ").then(&key("_hint"))
    };
    let sources: Vec<_> = consent::on_offer(offered).collect();
    // The shipped list of logs may be months old, and then their number is not judged.
    let publisher = part("li")
        .child(part("strong").text(&words::word("setup_list_name")))
        .then(" ")
        .then(&words::word("renewal_hint"));
    let learns = part("ul")
        .class("learns")
        .children(sources.iter().copied().map(item).chain(core::iter::once(publisher)));
    let (agreed, needs) = (address.clone(), offered.needs.clone());
    let agree = button(&words::word("setup_watch_button"), Look::First, move || {
        let (given, address, sources) = (
            consent::ask_browser(&sources, &needs, &needs.log_list),
            agreed.clone(),
            sources.clone(),
        );
        let list = needs.log_list.clone();
        async move {
            if let Some(refusal) = watch::refused(given.await) {
                return said::say(&refusal);
            }
            let all = |consent| sources.iter().fold(consent, |consent, one| one.put(consent, true));
            match consent::store(&address, all).await {
                Ok(overview @ Overview { trouble: Some(_), .. }) => {
                    consent::give_back(&list, &overview).await;
                    said::say(&overview.trouble.as_ref().map(trouble_in_words).unwrap_or_default());
                }
                Ok(overview) => {
                    // Where it cannot be stored, the options show the list as it is.
                    let settings = Settings { renews_log_list: true, ..overview.settings.clone() };
                    if ask::<Overview>(&Request::Change { settings }).await.is_err() {
                        consent::give_back(&list, &overview).await;
                    }
                    // The first look goes on by itself; nobody has to wait for it here.
                    wasm_bindgen_futures::spawn_local({
                        let address = address.clone();
                        async move {
                            let _ = ask::<Status>(&Request::Audit { address }).await;
                        }
                    });
                    show_done(&address, Some("setup_watch_on"));
                }
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    });
    let skipped = address.clone();
    let skip = button(&words::word("setup_watch_skip"), Look::Plain, move || {
        show_done(&skipped, Some("setup_watch_off"));
        async {}
    });
    let parts = vec![
        paragraph(&words::with("setup_watch_text", &[address.host.as_str()])).class("lead"),
        part("h2").text(&words::word("setup_watch_learns")),
        learns,
        folded(&words::word("watch_logs_more"), [paragraph(&words::word("watch_logs_more_text"))]),
        paragraph(&words::word("setup_watch_later")).class("hint"),
        row([agree, skip]),
    ];
    fill(4, &words::word("setup_watch_title"), parts);
}

fn show_done(address: &Address, watched: Option<&str>) {
    let mut card =
        part("div").class("card good").child(paragraph(&words::word("selftest_done_text")));
    if let Some(watched) = watched {
        card = card.child(paragraph(&words::word(watched)));
    }
    let open = part("a")
        .class("button first")
        .link(&format!("https://{address}/"))
        .text(&words::word("selftest_open"));
    let clean = folded(
        &words::word("clear_title"),
        [paragraph(&words::word("clear_setup_text")), row([cleaning::clear_button(address)])],
    );
    let parts = vec![
        card.child(paragraph(&words::word("selftest_backup_text"))),
        row([open, options_button()]),
        clean,
    ];
    fill(4, &words::word("selftest_done_title"), parts);
}

fn step(step: &SelfTestStep) -> Part {
    let (sign, class, outcome) = if step.works {
        ("✓", "mark pass", "outcome_pass")
    } else {
        ("✕", "mark fail", "outcome_fail")
    };
    let key = format!("selftest_{}", step.name.replace('-', "_"));
    let name = words::find(&key, &[]).unwrap_or_else(|| doorlight::text::printable(&step.name));
    let line = part("div")
        .class("line")
        .child(part("span").class(class).attr("aria-hidden", "true").text(sign))
        .child(part("span").class("unseen").text(&format!("{}: ", words::word(outcome))))
        .child(part("span").text(&name));
    let detail = (!step.works && !step.detail.is_empty())
        .then(|| paragraph(&words::codes(&step.detail)).class("hint"));
    part("li").child(line).children(detail)
}

fn test_button(address: &Address) -> Part {
    let address = address.clone();
    button(&words::word("selftest_button"), Look::First, move || {
        show_test(&address);
        async {}
    })
}

fn options_button() -> Part {
    button(&words::word("options_button"), Look::Plain, browser::open_options)
}

fn fill(step: usize, name: &str, parts: Vec<Part>) {
    let steps = ["setup_step_address", "setup_step_confirm", "setup_step_test", "setup_step_watch"];
    let shown = steps.iter().zip(1..).map(|(key, number)| {
        let item = part("li")
            .child(
                part("span").class("number").attr("aria-hidden", "true").text(&number.to_string()),
            )
            .then(&words::word(key));
        match number {
            _ if number == step => item.attr("aria-current", "step"),
            _ if number < step => item.class("past-step"),
            _ => item,
        }
    });
    let heading = part("h1").attr("tabindex", "-1").text(name);
    let progress = part("ol")
        .class("progress")
        .attr("aria-label", &words::word("setup_steps"))
        .children(shown);
    let page = by_id("page");
    page.set("class", "setup");
    page.fill([progress, heading.clone()].into_iter().chain(parts));
    title(&format!("{name} · Doorlight"));
    said::say("");
    if step > 1 {
        heading.focus();
    }
}
