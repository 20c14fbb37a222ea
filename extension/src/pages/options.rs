//! The options: guarded addresses with their keys, what happened, settings, files.

use doorlight::address::Address;
use doorlight::site::{Entered, Event, EventKind, KeyHabit, Origin, Pin, SiteRecord};

use crate::protocol::{Exported, Overview, Request, Status};
use doorlight_guard::journal::Entry;
use doorlight_guard::settings::{MAX_REUSE_MINUTES, Settings};

use super::background::{ask, save, say_outcome, trouble_in_words};
use super::button::{Look, button, row};
use super::confirm::{self, Then};
use super::dom::{self, Part, by_id, folded, paragraph, part};
use super::field::field;
use super::import::import;
use super::{
    browser, certificate, check_up, cleaning, client_certificate, clock, downloads, file, gate,
    permission, place, said, sign, sources, watch, words,
};

/// The most entries of the journal that are shown.
const MAX_SHOWN: usize = 100;
/// The trouble after which the pins are not used until the user says what to do.
const PINS_UNREADABLE: &str = "pins-unreadable";

/// Shows the page.
pub async fn show() {
    refresh("").await;
    watch::go_to(&place::fragment());
}

/// Asks for everything afresh and shows it; the focus goes to the element with the id.
async fn refresh(focus: &str) {
    match ask::<Overview>(&Request::Overview).await {
        Ok(overview) => fill(&overview, focus),
        Err(unanswered) => {
            by_id("page").fill([
                part("h1").text(&words::word("options_title")),
                paragraph(&unanswered.in_words()),
            ]);
        }
    }
}

/// Asks for a change that is answered with everything, shows it, and says what came of it.
async fn change(request: Request, focus: &str, done: &str) {
    match ask::<Overview>(&request).await {
        Ok(overview) => {
            fill(&overview, focus);
            say_outcome(overview.trouble.as_ref(), &words::word(done));
        }
        Err(unanswered) => said::say(&unanswered.in_words()),
    }
}

fn fill(overview: &Overview, focus: &str) {
    let open = dom::open_folds();
    let mut parts = vec![part("h1").text(&words::word("options_title"))];
    parts.extend(trouble(overview));
    parts.push(sites(overview));
    parts.push(settings(&overview.settings, overview));
    parts.push(pins_as_file());
    parts.push(journal(&overview.journal));
    parts.push(about(overview));
    let page = by_id("page");
    page.set("class", "options");
    page.fill(parts);
    dom::open_again(&open);
    if !focus.is_empty() {
        by_id(focus).focus();
    }
}

fn section(id: &str, name: &str) -> Part {
    let heading = part("h2").attr("id", id).attr("tabindex", "-1").text(&words::word(name));
    part("section").attr("aria-labelledby", id).child(heading)
}

fn trouble(overview: &Overview) -> Option<Part> {
    let trouble = overview.trouble.as_ref();
    if let Some(trouble) = trouble.filter(|trouble| trouble.code == PINS_UNREADABLE) {
        let afresh = button(&words::word("afresh_button"), Look::Plain, || {
            change(Request::StartAfresh, "sites", "afresh_done")
        });
        return Some(
            part("div")
                .class("card bad")
                .attr("role", "alert")
                .child(part("h2").text(&words::word("aside_title")))
                .child(paragraph(&trouble_in_words(trouble)))
                .child(paragraph(&words::word("aside_text")))
                .child(import_button())
                .child(folded(
                    &words::word("afresh_title"),
                    [paragraph(&words::word("afresh_text")), row([afresh])],
                )),
        );
    }
    if let Some(trouble) = trouble {
        return Some(paragraph(&trouble_in_words(trouble)).class("note").attr("role", "alert"));
    }
    (overview.kept_aside > 0).then(|| {
        paragraph(&words::with("aside_note", &[&overview.kept_aside.to_string()])).class("note")
    })
}

fn sites(overview: &Overview) -> Part {
    let add = button(&words::word("sites_add"), Look::First, || async {
        browser::open_tab(&browser::own_url("setup.html")).await;
    });
    let mut list = section("sites", "sites_title");
    if overview.sites.is_empty() {
        list = list.child(paragraph(&words::word("sites_none")));
    }
    let shown =
        overview.sites.iter().filter_map(|status| Some(site(status.address.as_ref()?, status)));
    list.children(shown).child(row([add]))
}

fn site(address: &Address, status: &Status) -> Part {
    let id = format!("site-{address}");
    let heading = part("h3")
        .attr("id", &id)
        .attr("tabindex", "-1")
        .child(part("bdi").class("host").text(&address.to_string()));
    let mut whole = part("article")
        .class(&format!("card site {}", status.light.as_str()))
        .attr("aria-labelledby", &id)
        .child(
            part("div").class("site-head").child(heading).child(sign::label(status.light.as_str())),
        );
    whole = match &status.report {
        Some(report) => whole.child(
            part("p").class("hint").text(&words::with("site_checked", &[&clock::ago(report.at)])),
        ),
        None => whole.child(paragraph(&words::word("site_not_checked")).class("hint")),
    };
    if let Some(trouble) = &status.trouble {
        whole = whole.child(paragraph(&trouble_in_words(trouble)).class("note"));
    }
    if status.should_clean {
        whole = whole.child(cleaning::note(address, &then(&id)));
    }
    whole = whole.children(downloads::note(address, status.downloads, &then(&id)));
    whole = whole.children(client_certificate::note(address, status, &then(&id)));
    if !status.has_permission {
        whole = whole
            .child(paragraph(&words::word("site_no_permission")).class("note"))
            .child(row([give_button(address)]));
    }
    if let Some(record) = &status.record {
        whole = whole
            .child(pins(address, record))
            .children(entered(address, record))
            .children(history(address, record));
    }
    whole = whole.child(check_up::glance(address, status, |url| {
        wasm_bindgen_futures::spawn_local(async move { browser::open_tab(&url).await });
    }));
    if let Some(shown) = &status.watch {
        whole = whole.child(watch::section(address, shown, &then_watched));
    }
    let enter = fold(
        &format!("enter-{address}"),
        "site_enter",
        [paragraph(&words::word("site_enter_text")), confirm::by_fingerprint(address, &then(&id))],
    );
    let remove = fold(
        &format!("remove-{address}"),
        "site_remove",
        [paragraph(&words::word("site_remove_text")), row([remove_button(address)])],
    );
    let buttons = [
        Some(again_button(address, &id)),
        status.report.as_ref().map(|_| gate::export_button(address)),
    ];
    whole.child(enter).child(remove).child(row(buttons.into_iter().flatten()))
}

/// A folded part that stays open when the page is filled again.
fn fold(id: &str, name: &str, inside: impl IntoIterator<Item = Part>) -> Part {
    folded(&words::word(name), inside).attr("id", id)
}

/// The answer is told, and everything shown afresh.
fn then(focus: &str) -> Then {
    let focus = focus.to_owned();
    std::rc::Rc::new(move |status: Status| {
        let focus = focus.clone();
        wasm_bindgen_futures::spawn_local(async move {
            refresh(&focus).await;
            say_outcome(
                status.trouble.as_ref(),
                &words::with("again_done", &[&sign::word(status.light.as_str())]),
            );
        });
    })
}

/// The same after something about the watch.
fn then_watched(focus: &str) -> Then {
    let focus = focus.to_owned();
    std::rc::Rc::new(move |status: Status| {
        let focus = focus.clone();
        wasm_bindgen_futures::spawn_local(async move {
            refresh(&focus).await;
            say_outcome(status.trouble.as_ref(), &words::word("watch_done"));
        });
    })
}

fn again_button(address: &Address, focus: &str) -> Part {
    let (address, then) = (address.clone(), then(focus));
    button(&words::word("again_button"), Look::Plain, move || {
        let (address, then) = (address.clone(), then.clone());
        said::say(&words::word("again_running"));
        async move {
            match ask::<Status>(&Request::CheckAgain { address }).await {
                Ok(status) => then(status),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    })
}

fn give_button(address: &Address) -> Part {
    let (host, id) = (address.host.clone(), format!("site-{address}"));
    button(&words::word("permission_button"), Look::First, move || {
        let (given, id) = (permission::ask_for_host(&host), id.clone());
        async move {
            match given.await {
                Ok(true) => refresh(&id).await,
                Ok(false) => said::say(&words::word("permission_denied")),
                Err(error) => {
                    said::say(&words::with("permission_failed", &[&browser::reason(&error)]))
                }
            }
        }
    })
}

fn remove_button(address: &Address) -> Part {
    let address = address.clone();
    button(&words::with("site_remove_button", &[&address.to_string()]), Look::Plain, move || {
        let address = address.clone();
        async move {
            let overview =
                match ask::<Overview>(&Request::Unguard { address: address.clone() }).await {
                    Ok(overview) => overview,
                    Err(unanswered) => return said::say(&unanswered.in_words()),
                };
            fill(&overview, "sites");
            say_outcome(
                overview.trouble.as_ref(),
                &words::with("site_removed", &[&address.to_string()]),
            );
        }
    })
}

fn pins(address: &Address, record: &SiteRecord) -> Part {
    let habit = words::word(match record.key_habit {
        KeyHabit::Keeps => "habit_keeps",
        KeyHabit::Rotates => "habit_rotates",
    });
    let whole = part("div").child(part("h4").text(&words::word("pins_title")));
    if record.pins.is_empty() {
        let text = if record.entered.is_empty() { "pins_none" } else { "pins_awaited" };
        return whole.child(paragraph(&words::word(text)));
    }
    let shown = record.pins.iter().map(|pin| one_pin(address, pin));
    whole.child(part("ul").class("pins").children(shown)).child(paragraph(&habit).class("hint"))
}

fn one_pin(address: &Address, pin: &Pin) -> Part {
    let origin = words::word(match pin.origin {
        Origin::Home => "origin_home",
        Origin::Entered => "origin_entered",
        Origin::Seen => "origin_seen",
    });
    let since = words::with("pin_since", &[&origin, &clock::day(pin.added)]);
    let spki = pin.spki_sha256.to_string();
    let (address, removed) = (address.clone(), spki.clone());
    let remove = button(&words::word("pin_remove"), Look::Plain, move || {
        let request = Request::Unpin { address: address.clone(), spki_sha256: removed.clone() };
        let then = then(&format!("site-{address}"));
        async move {
            match ask::<Status>(&request).await {
                Ok(status) => then(status),
                Err(unanswered) => said::say(&unanswered.in_words()),
            }
        }
    });
    let mut whole = part("li").child(paragraph(&since));
    if pin.doubted {
        whole = whole.child(paragraph(&words::word("pin_doubted")).class("note"));
    }
    let digits = part("dl")
        .class("certificate")
        .child(certificate::copyable(&words::word("certificate_pin"), &spki));
    whole.child(folded(&words::word("pin_details"), [digits, row([remove])]))
}

fn entered(address: &Address, record: &SiteRecord) -> Option<Part> {
    let line = |one: &Entered| {
        part("li")
            .child(clock::time(one.added, &clock::moment(one.added)))
            .child(part("span").child(part("code").text(&String::from(one.fingerprint))))
    };
    if record.entered.is_empty() {
        return None;
    }
    let lines = part("ul").class("events").children(record.entered.iter().rev().map(line));
    Some(fold(&format!("entered-{address}"), "entered_title", [lines]))
}

fn history(address: &Address, record: &SiteRecord) -> Option<Part> {
    let line = |event: &Event| {
        let text = words::word(match event.what {
            EventKind::Pinned => "event_pinned",
            EventKind::Unpinned => "event_unpinned",
            EventKind::Renewed => "event_renewed",
            EventKind::OtherKey => "event_other_key",
        });
        let key: String = event.spki_sha256.to_string().chars().take(8).collect();
        part("li")
            .child(clock::time(event.at, &clock::moment(event.at)))
            .child(part("span").text(&text).then(" ").child(part("code").text(&format!("{key}…"))))
    };
    if record.history.is_empty() {
        return None;
    }
    let lines = part("ul").class("events").children(record.history.iter().rev().map(line));
    Some(fold(&format!("history-{address}"), "history_title", [lines]))
}

fn settings(now: &Settings, overview: &Overview) -> Part {
    section("settings", "settings_title")
        .child(reuse(now))
        .child(strictness(now))
        .child(downloads::switch(overview))
        .children(sources::cards(now, overview, &storing()))
        .child(own_roots(now))
        .child(own_log_list(now, overview))
        .child(own_advisories(now, overview))
}

async fn store(settings: Settings, done: &'static str) {
    change(Request::Change { settings }, "settings", done).await;
}

/// The same for settings that have their own place for the focus.
fn storing() -> sources::Store {
    std::rc::Rc::new(|settings, focus| {
        wasm_bindgen_futures::spawn_local(async move {
            change(Request::Change { settings }, focus, "saved").await;
        });
    })
}

fn reuse(now: &Settings) -> Part {
    let field = field("reuse", &words::word("reuse_label"), &words::word("reuse_hint"));
    for (name, value) in [("type", "number"), ("min", "1"), ("step", "1"), ("inputmode", "numeric")]
    {
        field.input.set(name, value);
    }
    field.input.set("max", &MAX_REUSE_MINUTES.to_string());
    field.input.set("value", &now.reuse_minutes.to_string());
    let (asked, now) = (field.clone(), now.clone());
    let save = button(&words::word("save_button"), Look::Plain, move || {
        let minutes =
            asked.value().parse().ok().filter(|minutes| (1..=MAX_REUSE_MINUTES).contains(minutes));
        let (field, now) = (asked.clone(), now.clone());
        async move {
            match minutes {
                Some(reuse_minutes) => store(Settings { reuse_minutes, ..now }, "saved").await,
                None => {
                    field.complain(&words::with("reuse_wrong", &[&MAX_REUSE_MINUTES.to_string()]))
                }
            }
        }
    });
    let field = field.enter_clicks(&save);
    part("div").class("card setting").child(field.whole).child(row([save]))
}

fn strictness(now: &Settings) -> Part {
    let settings = now.clone();
    let store = storing();
    sources::tick("strict", "strict_label", "strict_hint", now.requires_ct, move |handle| {
        store(Settings { requires_ct: handle.is_checked(), ..settings.clone() }, "strict");
    })
}

fn own_roots(now: &Settings) -> Part {
    let count = now.roots.matches("-----BEGIN CERTIFICATE-----").count();
    let state = if count == 0 {
        words::word("roots_none")
    } else {
        words::with("roots_some", &[&count.to_string()])
    };
    let (adding, removing) = (now.clone(), now.clone());
    let choose = file::choose(&words::word("roots_choose"), ".pem,.crt,.cer", move |roots| {
        store(Settings { roots, ..adding.clone() }, "saved")
    });
    let remove = (count > 0).then(|| {
        button(&words::word("roots_remove"), Look::Plain, move || {
            store(Settings { roots: String::new(), ..removing.clone() }, "saved")
        })
    });
    setting("roots_title", "roots_hint", &state, choose, remove)
}

fn own_log_list(now: &Settings, overview: &Overview) -> Part {
    let published = overview.log_list_published.map(clock::day);
    let published = published.unwrap_or_else(|| words::word("log_list_undated"));
    let key = if now.log_list.is_empty() { "log_list_shipped" } else { "log_list_own" };
    let (adding, removing) = (now.clone(), now.clone());
    let choose =
        file::choose(&words::word("log_list_choose"), ".json,application/json", move |log_list| {
            store(Settings { log_list, ..adding.clone() }, "saved")
        });
    let remove = (!now.log_list.is_empty()).then(|| {
        button(&words::word("log_list_remove"), Look::Plain, move || {
            store(Settings { log_list: String::new(), ..removing.clone() }, "saved")
        })
    });
    setting("log_list_title", "log_list_hint", &words::with(key, &[&published]), choose, remove)
}

fn own_advisories(now: &Settings, overview: &Overview) -> Part {
    let published = overview.advisories_published.map(clock::day).unwrap_or_default();
    let (adding, removing) = (now.clone(), now.clone());
    let choose = file::choose(
        &words::word("advisories_choose"),
        ".json,application/json",
        move |advisories| store(Settings { advisories, ..adding.clone() }, "saved"),
    );
    let remove = (!now.advisories.is_empty()).then(|| {
        button(&words::word("log_list_remove"), Look::Plain, move || {
            store(Settings { advisories: String::new(), ..removing.clone() }, "saved")
        })
    });
    setting(
        "advisories_title",
        "advisories_hint",
        &words::with("advisories_of", &[&published]),
        choose,
        remove,
    )
}

fn setting(name: &str, hint: &str, state: &str, choose: Part, remove: Option<Part>) -> Part {
    part("div")
        .class("card setting")
        .child(part("h3").text(&words::word(name)))
        .child(paragraph(&words::word(hint)).class("hint"))
        .child(paragraph(state))
        .child(row(core::iter::once(choose).chain(remove)))
}

fn pins_as_file() -> Part {
    let export = button(&words::word("export_pins_button"), Look::Plain, || async {
        match ask::<Exported>(&Request::ExportPins).await {
            Ok(exported) => save(&exported).await,
            Err(unanswered) => said::say(&unanswered.in_words()),
        }
    });
    section("file", "file_title")
        .child(paragraph(&words::word("file_text")))
        .child(row([export]))
        .child(import_button())
}

fn import_button() -> Part {
    import(|json| change(Request::ImportPins { json }, "sites", "imported"))
}

fn journal(entries: &[Entry]) -> Part {
    let whole = section("journal", "journal_title");
    if entries.is_empty() {
        return whole.child(paragraph(&words::word("journal_none")));
    }
    let lines = part("ul").class("events").children(entries.iter().take(MAX_SHOWN).map(entry));
    whole.child(
        folded(&words::with("journal_fold", &[&entries.len().to_string()]), [lines])
            .attr("id", "journal-fold"),
    )
}

fn entry(one: &Entry) -> Part {
    let event = serde_json::to_value(one.what).ok();
    let event = event.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let text = words::word(&format!("journal_{}", event.replace('-', "_")));
    // What concerns all addresses has its particulars in the place of the address.
    let is_about_all = one.address.is_empty();
    let about = doorlight::text::printable(if is_about_all { &one.detail } else { &one.address });
    let mut line = part("span").text(&text).then(" ").child(part("bdi").text(&about));
    if !is_about_all && !one.detail.is_empty() {
        line = line.child(part("span").class("hint block").text(&words::codes(&one.detail)));
    }
    part("li").child(clock::time(one.at, &clock::moment(one.at))).child(line)
}

fn about(overview: &Overview) -> Part {
    let item = |key: &str| part("li").text(&words::word(key));
    let mut permissions = vec![item("about_host"), item("about_rules"), item("about_storage")];
    if !browser::is_firefox() {
        permissions.push(item("about_cookies"));
    }
    if overview.capture == "chromium-debugger" {
        permissions.push(item("about_debugger"));
    }
    section("about", "about_title")
        .child(part("h3").text(&words::word("about_permissions")))
        .child(part("ul").children(permissions))
        .child(part("h3").text(&words::word("about_privacy")))
        .child(paragraph(&words::word("about_privacy_text")))
}
