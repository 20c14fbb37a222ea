//! The gate page: shown where an address was not let through, or not yet.
//!
//! The address that is wanted stands behind the `#`. `gate.js` has asked for passage already and
//! has left the answer on the page's body; where all is well this code never runs.

use std::cell::Cell;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::verdict::report::Report;
use gloo_timers::future::TimeoutFuture;

use crate::protocol::{Exported, Knock, Passage, Request, Status};
use doorlight_guard::light::Light;

use super::background::{ask, save, trouble_in_words};
use super::button::{Look, button, row};
use super::confirm::Then;
use super::dom::{Part, body, by_id, folded, paragraph, part, title};
use super::{
    browser, certificate, check_up, cleaning, client_certificate, clock, confirm, downloads,
    findings, past, permission, place, reason, said, sign, words,
};

/// How long a page that was let go on has to leave, in milliseconds.
const STAYS: u32 = 3_000;

/// What is wanted, and how it came here.
#[derive(Clone, Debug)]
struct Gate {
    /// The wanted address, with everything behind it.
    wanted: Rc<str>,
    /// True where a form was sent there.
    is_post: bool,
    /// How often passage was asked for: what comes late says nothing about what is shown by then.
    asked: Rc<Cell<u32>>,
}

/// Shows the page.
pub async fn show() {
    let gate = Gate {
        wanted: place::fragment().into(),
        is_post: place::query() == "post",
        asked: Rc::default(),
    };
    let is_plain = gate.wanted.starts_with("http://");
    if !is_plain && !gate.wanted.starts_with("https://") {
        let text = vec![paragraph(&words::word("nowhere_text")), row([leave_button()])];
        return gate.fill(Light::NotGuarded, &words::word("nowhere_title"), text);
    }
    if body().get("data-stayed").is_some() {
        return gate.show_stayed();
    }
    let answer =
        body().get("data-answer").and_then(|json| serde_json::from_str::<Passage>(&json).ok());
    match answer {
        Some(passage) => gate.take(passage),
        None => gate.show_unanswered(),
    }
}

impl Gate {
    /// Asks for passage.
    async fn enter(&self) {
        match ask::<Passage>(&Knock::Enter { url: self.wanted.to_string() }).await {
            Ok(passage) => self.take(passage),
            Err(unanswered) => said::say(&unanswered.in_words()),
        }
    }

    /// Goes through where the gate is open, else says why not.
    fn take(&self, passage: Passage) {
        self.asked.set(self.asked.get().wrapping_add(1));
        match passage.status {
            Some(status) if self.wanted.starts_with("http://") => self.show_plain(&status),
            Some(status) if !status.is_guarded => self.show_not_guarded(&status),
            _ if passage.is_open && !self.is_post => self.go_on(),
            _ if passage.is_open => self.show_form(),
            Some(status) => self.show_shut(&status),
            None => self.show_unanswered(),
        }
    }

    /// Goes on; whoever is still here after that was sent a file, or nothing to show.
    fn go_on(&self) {
        place::go_on(&self.wanted);
        let (gate, asked) = (self.clone(), self.asked.get());
        wasm_bindgen_futures::spawn_local(async move {
            TimeoutFuture::new(STAYS).await;
            if gate.asked.get() == asked {
                gate.show_stayed();
            }
        });
    }

    /// What happens after the user did something: the gate is asked again, and it is said what went
    /// wrong.
    fn then(&self) -> Then {
        let gate = self.clone();
        Rc::new(move |status: Status| {
            let gate = gate.clone();
            wasm_bindgen_futures::spawn_local(async move {
                gate.enter().await;
                if let Some(trouble) = &status.trouble {
                    said::say(&trouble_in_words(trouble));
                }
            });
        })
    }

    fn show_shut(&self, status: &Status) {
        let Some(address) = &status.address else { return self.show_unanswered() };
        if !status.has_permission {
            return self.show_permission(address);
        }
        match (status.light, &status.report) {
            (Light::Danger, Some(report)) => self.show_danger(address, status, report),
            (Light::Attention, Some(report)) => self.show_attention(address, status, report),
            _ => self.show_unchecked(address, status),
        }
    }

    fn show_danger(&self, address: &Address, status: &Status, report: &Report) {
        let why = reason::of_danger(report);
        let mut parts = self.notes(status);
        parts.push(paragraph(&why.text).class("lead"));
        parts.push(paragraph(&words::word("danger_stopped")));
        if reason::is_only_the_version(report) {
            return self.show_version(address, status, report, parts);
        }
        parts.push(part("h2").text(&words::word("danger_do_title")));
        parts.push(
            part("ol").class("todo").children(
                ["danger_do_leave", "danger_do_network", "danger_do_home"]
                    .map(|key| part("li").text(&words::word(key))),
            ),
        );
        parts.push(row([leave_button(), self.again_button(address, Look::Plain)]));
        parts.extend(downloads::note(address, status.downloads, &self.then()));
        parts.push(self.evidence(address, report));
        if reason::is_only_the_key(report) {
            parts.push(confirm::set_up_anew(address, &self.then()));
        }
        parts.push(folded(
            &words::word("clear_title"),
            [paragraph(&words::word("clear_text")), row([cleaning::clear_button(address)])],
        ));
        parts.push(past::way_past(address, sha256_of(status), &self.then()));
        self.fill(Light::Danger, &why.title, parts);
    }

    /// Nothing is wrong with the connection: the owner may go on at their own risk.
    fn show_version(
        &self,
        address: &Address,
        status: &Status,
        report: &Report,
        mut parts: Vec<Part>,
    ) {
        parts.extend(reason::advice(report));
        parts.push(part("p").child(check_up::link(address, "home_title")));
        parts.push(row([leave_button(), self.again_button(address, Look::Plain)]));
        parts.extend(downloads::note(address, status.downloads, &self.then()));
        parts.push(self.evidence(address, report));
        parts.extend(
            status.home.as_deref().and_then(|home| check_up::blocked(address, home, &self.then())),
        );
        self.fill(Light::Danger, &reason::of_danger(report).title, parts);
    }

    fn show_attention(&self, address: &Address, status: &Status, report: &Report) {
        let why = reason::of_attention(report);
        let mut parts = self.notes(status);
        parts.push(paragraph(&why.text).class("lead"));
        if let Some(seen) = &report.certificate {
            parts.push(part("h2").text(&words::word("attention_seen")));
            parts.push(
                part("dl").class("certificate card").children(certificate::fingerprints(seen)),
            );
        }
        parts.push(part("h2").text(&words::word("attention_ways")));
        parts.push(confirm::ways(address, Some(report), &self.then()));
        parts.push(row([self.again_button(address, Look::Plain), leave_button_plain()]));
        parts.extend(downloads::note(address, status.downloads, &self.then()));
        parts.push(self.evidence(address, report));
        parts.push(past::way_past(address, sha256_of(status), &self.then()));
        self.fill(Light::Attention, &why.title, parts);
    }

    fn show_unchecked(&self, address: &Address, status: &Status) {
        let why = reason::of_unchecked(status.report.as_ref());
        let mut parts = self.notes(status);
        parts.push(paragraph(&why.text).class("lead"));
        parts.extend(status.report.as_ref().and_then(reason::advice));
        parts.push(row([self.again_button(address, Look::First), leave_button_plain()]));
        parts.extend(client_certificate::note(address, status, &self.then()));
        parts.extend(downloads::note(address, status.downloads, &self.then()));
        parts.extend(status.report.as_ref().map(|report| self.evidence(address, report)));
        parts.push(past::way_past(address, sha256_of(status), &self.then()));
        self.fill(Light::Unchecked, &why.title, parts);
    }

    fn show_unanswered(&self) {
        let again = button(&words::word("again_button"), Look::First, || async { place::reload() });
        let parts = vec![
            paragraph(&words::word("gate_unanswered_text")).class("lead"),
            row([again, leave_button_plain()]),
        ];
        self.fill(Light::Unchecked, &words::word("unchecked_title"), parts);
    }

    fn show_permission(&self, address: &Address) {
        let (gate, host) = (self.clone(), address.host.clone());
        let give = button(&words::word("permission_button"), Look::First, move || {
            let (gate, given) = (gate.clone(), permission::ask_for_host(&host));
            async move {
                match given.await {
                    Ok(true) => gate.enter().await,
                    Ok(false) => said::say(&words::word("permission_denied")),
                    Err(error) => {
                        said::say(&words::with("permission_failed", &[&browser::reason(&error)]))
                    }
                }
            }
        });
        let text = words::with("permission_text", &[address.host.as_str()]);
        let parts = vec![paragraph(&text).class("lead"), row([give, leave_button_plain()])];
        self.fill(Light::Unchecked, &words::word("permission_title"), parts);
    }

    /// Without encryption, and at no address that is known by https.
    fn show_plain(&self, status: &Status) {
        let (light, text) = match status.is_host_guarded {
            true => (Light::Unchecked, "plain_guarded_text"),
            false => (Light::NotGuarded, "free_text"),
        };
        let parts = vec![paragraph(&words::word(text)).class("lead"), row([leave_button()])];
        self.fill(light, &words::word("plain_title"), parts);
    }

    fn show_not_guarded(&self, status: &Status) {
        match status.address.as_ref().filter(|_| status.is_host_guarded) {
            Some(address) => {
                let parts = vec![
                    paragraph(&words::with("port_text", &[address.host.as_str()])).class("lead"),
                    row([self.guard_button(address), leave_button_plain()]),
                ];
                self.fill(Light::Attention, &words::word("port_title"), parts);
            }
            None => {
                let parts =
                    vec![paragraph(&words::word("free_text")).class("lead"), row([leave_button()])];
                self.fill(Light::NotGuarded, &words::word("free_title"), parts);
            }
        }
    }

    /// The host is guarded, so the permission is there.
    fn guard_button(&self, address: &Address) -> Part {
        let (gate, address) = (self.clone(), address.clone());
        button(&words::with("port_button", &[&address.to_string()]), Look::First, move || {
            let (gate, address) = (gate.clone(), address.clone());
            async move {
                match ask::<Status>(&Request::Guard { address }).await {
                    Ok(Status { trouble: Some(trouble), .. }) => {
                        said::say(&trouble_in_words(&trouble))
                    }
                    Ok(_) => gate.enter().await,
                    Err(unanswered) => said::say(&unanswered.in_words()),
                }
            }
        })
    }

    /// All was well, and a form was sent: only the user can fill it in again. How it stands by now
    /// is asked when they do, so there is no light here.
    fn show_form(&self) {
        let parts = vec![
            paragraph(&words::word("post_text")).class("lead"),
            row([self.open_button("post_button"), leave_button_plain()]),
        ];
        self.fill(None, &words::word("post_title"), parts);
    }

    /// The tab was let go on and is still here: a download, an answer without a page, or a home
    /// that takes its time. No light here either: it would grow old.
    fn show_stayed(&self) {
        let host = place::host_of(&self.wanted);
        let start = format!("https://{host}/");
        let mut buttons = vec![self.open_button("stayed_again")];
        if *self.wanted != *start {
            buttons.push(button(&words::word("stayed_start"), Look::Plain, move || {
                place::want(&start);
                async {}
            }));
        }
        buttons.push(leave_button_plain());
        let parts = vec![
            paragraph(&words::word("stayed_text")).class("lead"),
            paragraph(&words::word("stayed_wait")),
            row(buttons),
        ];
        self.fill(None, &words::word("stayed_title"), parts);
    }

    /// Asks for passage once more, and goes on by GET.
    fn open_button(&self, name: &str) -> Part {
        let gate = Self { is_post: false, ..self.clone() };
        button(&words::word(name), Look::First, move || {
            let gate = gate.clone();
            async move { gate.enter().await }
        })
    }

    /// What has to be said before everything else.
    fn notes(&self, status: &Status) -> Vec<Part> {
        let mut notes = Vec::new();
        if let Some(trouble) = &status.trouble {
            notes.push(paragraph(&trouble_in_words(trouble)).class("note"));
        }
        if self.is_post {
            notes.push(paragraph(&words::word("post_note")).class("note"));
        }
        notes
    }

    /// Everything for the expert, folded.
    fn evidence(&self, address: &Address, report: &Report) -> Part {
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
        inside.extend(certificate::logs(&report.scts));
        inside.push(row([export_button(address)]));
        folded(&words::word("evidence_title"), inside)
    }

    /// Checks again; where all is well then, the page opens by itself.
    fn again_button(&self, address: &Address, look: Look) -> Part {
        let (gate, address) = (self.clone(), address.clone());
        button(&words::word("again_button"), look, move || {
            let (gate, address) = (gate.clone(), address.clone());
            said::say(&words::word("again_running"));
            async move {
                match ask::<Status>(&Request::CheckAgain { address }).await {
                    Ok(status) => {
                        let light = sign::word(status.light.as_str());
                        gate.enter().await;
                        said::say_briefly(&words::with("again_done", &[&light]));
                    }
                    Err(unanswered) => said::say(&unanswered.in_words()),
                }
            }
        })
    }

    fn fill(&self, light: impl Into<Option<Light>>, name: &str, parts: Vec<Part>) {
        let light = light.into().map(Light::as_str);
        let heading = part("h1").attr("tabindex", "-1").text(name);
        let host = place::host_of(&self.wanted);
        let word = light.map(|light| part("strong").class("light-word").text(&sign::word(light)));
        let whose =
            part("p").class("whose").children(word).child(part("bdi").class("host").text(&host));
        let head = part("div")
            .class("head")
            .child(sign::picture(light.unwrap_or("doorlight")))
            .child(part("div").child(whose).child(heading.clone()));
        let page = by_id("page");
        page.set("class", &format!("gate {}", light.unwrap_or_default()));
        page.fill(core::iter::once(head).chain(parts));
        title(&format!("{name} · {host}"));
        said::say("");
        heading.focus();
    }
}

/// A button that hands out the last check as a file.
pub fn export_button(address: &Address) -> Part {
    let address = address.clone();
    button(&words::word("export_evidence_button"), Look::Plain, move || {
        let address = address.clone();
        async move {
            match ask::<Exported>(&Request::ExportEvidence { address }).await {
                Ok(exported) => save(&exported).await,
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

fn leave_button() -> Part {
    leave(Look::First)
}

fn leave_button_plain() -> Part {
    leave(Look::Plain)
}

fn leave(look: Look) -> Part {
    button(&words::word("leave_button"), look, || async {
        if browser::close_own_tab().await.is_err() {
            said::say(&words::word("leave_by_hand"));
        }
    })
}

/// The certificate that the page tells of.
fn sha256_of(status: &Status) -> Option<String> {
    status.report.as_ref()?.certificate.as_ref().map(|one| one.sha256.to_string())
}
