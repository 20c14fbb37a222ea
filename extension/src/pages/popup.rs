//! The popup: what is true now for the page that the user is looking at.

use core::time::Duration;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::verdict::report::Report;

use crate::protocol::{Request, Status};
use doorlight_guard::light::Light;

use super::background::{ask, trouble_in_words};
use super::button::{Look, button, row};
use super::confirm::Then;
use super::dom::{Part, by_id, folded, paragraph, part};
use super::{
    browser, certificate, check_up, cleaning, clock, downloads, findings, gate, glance, reason,
    said, sign, words,
};

/// Shows the page.
pub async fn show() {
    let tab = browser::active_tab().await;
    let id = tab.as_ref().and_then(|tab| tab.id);
    let url = tab.map(|tab| wanted(tab.url));
    let head = match &url {
        Some(url) => ask::<Status>(&Request::Status { url: url.clone(), tab: id }).await.map(Some),
        None => Ok(None),
    };
    match head {
        Ok(Some(status)) => fill(&url.unwrap_or_default(), &status),
        Ok(None) => fill_elsewhere(&words::word("popup_elsewhere")),
        Err(unanswered) => fill_elsewhere(&unanswered.in_words()),
    }
}

/// The address that a tab is about: behind the gate page, the one that waits.
fn wanted(url: String) -> String {
    let gate = browser::own_url("gate.html");
    match url.strip_prefix(&gate).and_then(|rest| rest.split_once('#')) {
        // Where it is known by https, it is led there.
        Some((_, wanted)) => wanted.replacen("http://", "https://", 1),
        None => url,
    }
}

fn fill(url: &str, status: &Status) {
    match &status.address {
        Some(address) if status.is_guarded => fill_guarded(address, status),
        Some(address) => fill_free(address, status),
        None if url.starts_with("http://") => fill_elsewhere(&words::word("popup_plain")),
        None => fill_elsewhere(&words::word("popup_other")),
    }
}

fn fill_guarded(address: &Address, status: &Status) {
    let mut parts = vec![head(status.light, &address.to_string())];
    if let Some(trouble) = &status.trouble {
        parts.push(paragraph(&trouble_in_words(trouble)).class("note"));
    }
    let url_of_downloads = format!("https://{address}/");
    let then: Then = Rc::new(move |status| fill(&url_of_downloads, &status));
    parts.extend(downloads::note(address, status.downloads, &then));
    // While somebody may still be in between there is no point in it.
    if status.should_clean && !matches!(status.light, Light::Danger | Light::Exception) {
        let url = format!("https://{address}/");
        let then: Then = Rc::new(move |status| fill(&url, &status));
        parts.push(cleaning::note(address, &then));
    }
    let watch = status.watch.as_deref();
    parts.extend(watch.and_then(|watch| glance::alarms(address, watch)));
    parts.extend(truth(status).into_iter().map(|line| paragraph(&line)));
    if !status.has_permission {
        parts.push(setup_button(address, "permission_button"));
    }
    let report = status.report.as_ref();
    parts.extend(watch.into_iter().flat_map(|watch| glance::lines(address, watch, report)));
    parts.push(home_line(address, status));
    let mut buttons = Vec::new();
    let is_waiting =
        !status.has_permission || status.light == Light::Attention && status.open_until.is_none();
    if status.has_permission && is_waiting {
        buttons.push(setup_button(address, "popup_confirm"));
    }
    let url = format!("https://{address}/");
    let again_for = address.clone();
    let look = if is_waiting || status.light == Light::Trusted { Look::Plain } else { Look::First };
    let again = button(&words::word("again_button"), look, move || {
        let (address, url) = (again_for.clone(), url.clone());
        said::say(&words::word("again_running"));
        async move {
            match ask::<Status>(&Request::CheckAgain { address }).await {
                Ok(status) => {
                    fill(&url, &status);
                    said::say_briefly(&words::with(
                        "again_done",
                        &[&sign::word(status.light.as_str())],
                    ));
                }
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    });
    buttons.extend([again, options_button()]);
    parts.push(row(buttons));
    parts.extend(report.map(|report| evidence(address, report)).into_iter().flatten());
    parts.extend(watch.and_then(glance::picture));
    show_parts(status.light, parts);
}

/// What is true now, in one line; since when; how it was seen.
fn truth(status: &Status) -> Vec<String> {
    let when = status.report.as_ref().map(|report| clock::ago(report.at)).unwrap_or_default();
    let report = status.report.as_ref();
    let mut lines = vec![match (status.light, report) {
        (Light::Trusted, _) => words::with("truth_trusted", &[&when]),
        (Light::Attention, Some(report)) => {
            words::with("truth_attention", &[&when, &reason::of_attention(report).title])
        }
        (Light::Danger, Some(report)) => {
            words::with("truth_danger", &[&when, &reason::of_danger(report).text])
        }
        (Light::Exception, _) => words::with(
            "truth_exception",
            &[&status.exception_since.map(clock::ago).unwrap_or_default()],
        ),
        (_, Some(report)) => {
            let found = reason::deciding(report).next().map(words::finding);
            words::with("truth_unchecked", &[&found.unwrap_or_default()])
        }
        _ => words::word("truth_not_yet"),
    }];
    if let Some(report) = report.filter(|report| report.certificate.is_some()) {
        lines.push(certificate::seen(report.seen));
    }
    let is_old = |since| clock::now().since(since) >= Duration::from_secs(60);
    if let Some(since) = status.since.filter(|since| is_old(*since)) {
        lines.push(words::with(
            "truth_since",
            &[&sign::word(status.light.as_str()), &clock::hour(since)],
        ));
    }
    if let Some(until) = status.open_until.filter(|_| status.light == Light::Trusted) {
        lines.push(words::with("truth_until", &[&clock::hour(until)]));
    }
    lines
}

fn evidence(address: &Address, report: &Report) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(shown) = &report.certificate {
        parts.push(folded(&words::word("certificate_title"), [certificate::details(shown)]));
    }
    let mut inside = vec![findings::list(&report.evidence)];
    inside.extend(certificate::logs(&report.scts));
    inside.push(row([gate::export_button(address)]));
    let count = report.evidence.len().to_string();
    parts.push(folded(&words::with("popup_findings", &[&count]), inside));
    parts
}

fn fill_free(address: &Address, status: &Status) {
    let mut parts = vec![head(Light::NotGuarded, &address.to_string())];
    let text = if status.is_host_guarded {
        words::with("port_text", &[address.host.as_str()])
    } else {
        words::word("popup_free")
    };
    parts.push(paragraph(&text));
    parts.push(row([setup_button(address, "popup_guard"), options_button()]));
    show_parts(Light::NotGuarded, parts);
}

fn fill_elsewhere(text: &str) {
    let guard =
        button(&words::word("popup_guard_other"), Look::Plain, || open_setup(String::new()));
    let parts = vec![head(Light::NotGuarded, ""), paragraph(text), row([guard, options_button()])];
    show_parts(Light::NotGuarded, parts);
}

/// The home in one line, with the way to its check-up.
fn home_line(address: &Address, status: &Status) -> Part {
    check_up::glance(address, status, |url| {
        wasm_bindgen_futures::spawn_local(async move {
            browser::open_tab(&url).await;
            close();
        });
    })
}

fn setup_button(address: &Address, name: &str) -> Part {
    let address = format!("https://{address}");
    button(&words::word(name), Look::First, move || open_setup(address.clone()))
}

async fn open_setup(address: String) {
    browser::open_tab(&format!("{}#{address}", browser::own_url("setup.html"))).await;
    close();
}

fn options_button() -> Part {
    button(&words::word("options_button"), Look::Plain, || async {
        browser::open_options().await;
        close();
    })
}

fn close() {
    if let Some(window) = web_sys::window() {
        let _ = window.close();
    }
}

fn head(light: Light, host: &str) -> Part {
    let name = part("h1").child(part("span").class("light-word").text(&sign::word(light.as_str())));
    let host = (!host.is_empty())
        .then(|| part("p").class("whose").child(part("bdi").class("host").text(host)));
    part("div")
        .class("head")
        .child(sign::picture(light.as_str()))
        .child(part("div").child(name).children(host))
}

fn show_parts(light: Light, parts: Vec<Part>) {
    let page = by_id("page");
    page.set("class", &format!("popup {}", light.as_str()));
    page.fill(parts);
}
