//! The page from top to bottom, and what happens when something is pasted, dropped, chosen or
//! opened by a link.

use doorlight::address::Address;
use doorlight::time::Timestamp;
use doorlight::x509::chain::Chain;
use doorlight_view::button::{Look, button, row};
use doorlight_view::certificate::pair;
use doorlight_view::dom::{self, Part, body, by_id, folded, paragraph, part};
use doorlight_view::field::{Field, field};
use doorlight_view::{browser, clock, file, said, words};
use wasm_bindgen::JsCast;
use web_sys::Event;

use crate::check::{Origin, likely_host};
use crate::input::{self, Input, InputError};
use crate::network::may_be_asked;
use crate::samples::Sample;
use crate::{compare, known, monitors, recipes, result, shown, written};

/// The longest text that is put into the text field, in characters: browsers take seconds to show
/// more, and none that is meant here comes near.
const MAX_PASTED: u32 = 1 << 20;

/// Builds the page.
pub fn show() {
    dom::title(&words::word("www_page"));
    let page = by_id("page");
    page.set("class", "www");
    page.fill([
        part("h1").text(&words::word("www_title")),
        paragraph(&words::word("www_text")).class("lead"),
        given(),
        samples(),
        part("div").attr("id", "knows"),
        part("section").attr("id", "result").class("result").attr("aria-live", "off"),
        recipes::section(),
        recipes::limits(),
        sources(),
        foot(),
    ]);
    let _ = body().on("dragover", |event| {
        event.prevent_default();
        body().set("class", "dropping");
    });
    let _ = body().on("dragleave", |_| body().unset("class"));
    let _ = body().on("drop", dropped);
    if let Some(window) = web_sys::window() {
        let listen = |name, listen: fn(Event)| {
            let _ = window.add_event_listener_with_callback(name, &browser::listener(listen));
        };
        listen("hashchange", |_| open_link());
        listen("beforeprint", |_| unfold());
    }
    open_link();
}

/// Says that the page needs no network from now on.
pub fn say_offline(is_file: bool) {
    by_id("offline").set_text(&words::word(if is_file {
        "www_offline_file"
    } else {
        "www_offline"
    }));
}

/// What is folded is opened before it is printed: paper cannot be clicked.
fn unfold() {
    dom::each("#result details", |one| one.set("open", ""));
}

fn given() -> Part {
    let text = part("textarea")
        .attr("id", "given")
        .attr("rows", "5")
        .attr("autocomplete", "off")
        .attr("autocapitalize", "none")
        .attr("spellcheck", "false")
        .attr("placeholder", "-----BEGIN CERTIFICATE-----")
        .attr("aria-describedby", "given-hint given-complaint");
    let (typed, pasted) = (text.clone(), text.clone());
    let check = button(&words::word("www_check"), Look::First, move || {
        let text = typed.value();
        async move { take_typed(&text).await }
    });
    let text = text.on("paste", move |event| {
        let text = event
            .dyn_ref::<web_sys::ClipboardEvent>()
            .and_then(web_sys::ClipboardEvent::clipboard_data)
            .and_then(|data| data.get_data("text").ok())
            .unwrap_or_default();
        if js_sys::JsString::from(text.as_str()).length() > MAX_PASTED {
            event.prevent_default();
            return complain(&words::word("www_error_input_too_large"));
        }
        // The field has the whole of it a moment later.
        let pasted = pasted.clone();
        wasm_bindgen_futures::spawn_local(async move {
            gloo_timers::future::TimeoutFuture::new(0).await;
            take_typed(&pasted.value()).await;
        });
    });
    let cleared = text.clone();
    let clear = button(&words::word("www_clear"), Look::Plain, move || {
        cleared.set_value("");
        complain("");
        shown::show_instead([]);
        cleared.focus();
        async {}
    });
    let choose = file::choose_bytes(&words::word("www_choose"), "", |bytes| async move {
        take(&bytes).await;
    });
    part("div")
        .class("input field")
        .child(part("label").attr("for", "given").text(&words::word("www_given_label")))
        .child(
            part("p").attr("id", "given-hint").class("hint").text(&words::word("www_given_hint")),
        )
        .child(text)
        .child(part("p").attr("id", "given-complaint").class("complaint").attr("role", "alert"))
        .child(row([check, choose, clear]))
}

fn samples() -> Part {
    let buttons = Sample::ALL.map(|sample| {
        let key = format!("www_sample_{}", sample.as_str());
        button(&words::word(&key), Look::Plain, move || async move {
            complain("");
            shown::show_instead([]);
            if let Some(checked) = sample.check().await {
                shown::show(checked, None);
                by_id("verdict").focus();
                by_id("result").scroll_to();
            }
        })
        .attr("id", &format!("sample-{}", sample.as_str()))
    });
    part("div")
        .class("samples")
        .child(part("span").text(&words::word("www_samples")))
        .children(buttons)
}

/// Whom to ask and to believe instead of the usual ones.
fn sources() -> Part {
    let place = |id: &str, name: &str, put: fn(&mut known::Known, String)| {
        let whole = field(id, &words::word(name), &words::word("source_hint"));
        let typed = whole.clone();
        let _ = whole.input.clone().on("change", move |_| keep_place(&typed, put));
        whole.whole
    };
    let roots = file::choose_bytes(&words::word("roots_choose"), "", |bytes| async move {
        match known::with(|known| known.add_roots(&bytes)) {
            Ok(count) => settled("www_roots_added", &count.to_string()).await,
            Err(code) => said::say(&words::with("trouble_roots_unreadable", &[code])),
        }
    });
    let list = file::choose_bytes(&words::word("log_list_choose"), ".json", |bytes| async move {
        match known::with(|known| known.set_log_list(&bytes)) {
            Ok(published) => {
                let day = published.map_or_else(|| words::word("log_list_undated"), clock::day);
                settled("log_list_own", &day).await;
            }
            Err(error) => said::say(&words::with("trouble_log_list_unreadable", &[error.code()])),
        }
    });
    let inside = [
        paragraph(&words::word("www_sources_text")).class("hint"),
        place("cert-spotter", "source_spotter", |known, text| known.cert_spotter = text),
        place("crt-sh", "source_crt", |known, text| known.crt_sh = text),
        part("dl")
            .child(pair(&words::word("roots_title"), roots.attr("id", "own-roots")))
            .child(pair(&words::word("source_list"), list.attr("id", "own-list"))),
    ];
    folded(&words::word("www_sources_title"), inside).attr("id", "sources").class("no-print")
}

fn keep_place(typed: &Field, put: fn(&mut known::Known, String)) {
    let text = typed.value().trim_end_matches('/').to_owned();
    if !text.is_empty() && !may_be_asked(&text) {
        return typed.complain(&words::word("source_wrong"));
    }
    typed.forgive();
    known::with(|known| put(known, text));
}

/// What the page knows has changed: what is on it is judged anew.
async fn settled(key: &str, value: &str) {
    said::say_briefly(&words::with(key, &[value]));
    if let Some(checked) = shown::shown() {
        shown::judge_again(checked, "verdict").await;
    }
}

fn foot() -> Part {
    part("p")
        .class("foot")
        .child(part("span").text(&words::with("www_version", &[env!("CARGO_PKG_VERSION")])))
        .then(" ")
        .child(part("span").attr("id", "offline"))
}

/// Something that is wrong with what was given; empty takes it back.
fn complain(text: &str) {
    by_id("given-complaint").set_text(text);
    if text.is_empty() {
        by_id("given").unset("aria-invalid");
    } else {
        by_id("given").set("aria-invalid", "true");
    }
}

fn dropped(event: Event) {
    event.prevent_default();
    body().unset("class");
    let data = event.dyn_ref::<web_sys::DragEvent>().and_then(web_sys::DragEvent::data_transfer);
    let Some(data) = data else { return };
    let file = data.files().and_then(|files| files.get(0));
    let text = data.get_data("text").unwrap_or_default();
    wasm_bindgen_futures::spawn_local(async move {
        match file {
            Some(file) => match file::read(&file).await {
                Ok(bytes) => take(&bytes).await,
                Err(_) => complain(&words::word("www_error_input_too_large")),
            },
            None => take_typed(&text).await,
        }
    });
}

/// A link to this page that carries certificates.
fn open_link() {
    let hash =
        web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default();
    let Some(found) = hash.strip_prefix('#').and_then(crate::link::read) else { return };
    wasm_bindgen_futures::spawn_local(async move {
        match found {
            Ok((chain, address)) => take_chain(chain, address, None, Origin::Link, None).await,
            Err(error) => complain(&in_words(&error.into())),
        }
    });
}

async fn take_typed(text: &str) {
    let bare = text.trim();
    take(result::in_ascii(bare).as_bytes()).await;
}

/// Does what fits what was given.
async fn take(bytes: &[u8]) {
    said::say("");
    let found = match input::recognise(bytes) {
        Ok(found) => found,
        Err(error) => return complain(&in_words(&error)),
    };
    complain("");
    match found {
        Input::Chain(chain) => take_chain(*chain, None, None, Origin::Given, None).await,
        Input::Linked(chain, address) => {
            take_chain(*chain, address, None, Origin::Link, None).await
        }
        Input::Name(address) => show_name(&address),
        Input::Fingerprint(expected) => match shown::shown() {
            Some(checked) => {
                known::with(|known| known.expect(&checked.address, Some(expected)));
                shown::judge_again(checked, "expected").await;
                by_id("expected").scroll_to();
            }
            None => {
                known::with(|known| known.waiting = Some(expected));
                shown::show_instead([
                    part("h2").text(&words::word("www_waiting_title")),
                    paragraph(&words::word("www_waiting_text")),
                ]);
            }
        },
        Input::Report(report, chain) => {
            let address = Address { host: report.host.clone(), port: report.port };
            let shown = written::section(&report, chain.is_some());
            match chain {
                Some(chain) => {
                    take_chain(*chain, Some(address), Some(report.at), Origin::Report, Some(shown))
                        .await;
                }
                None => {
                    shown::show_instead([shown]);
                    by_id("written").focus();
                }
            }
        }
        Input::Pins(pins) => {
            let count = pins.sites().len();
            by_id("given").set_value("");
            known::with(|known| known.pins.merge(pins));
            show_known();
            settled("www_pins_taken", &count.to_string()).await;
        }
    }
}

async fn take_chain(
    chain: Chain,
    address: Option<Address>,
    wanted: Option<Timestamp>,
    origin: Origin,
    before: Option<Part>,
) {
    let leaf = chain.leaf();
    let address = address
        .or_else(|| known::with(|known| known.address_of(leaf)))
        .or_else(|| likely_host(leaf));
    let Some(address) = address else { return result::ask_host(chain, wanted, origin) };
    known::with(|known| {
        if let Some(expected) = known.waiting.take() {
            known.expect(&address, Some(expected));
        }
    });
    shown::judge(chain, address, wanted, origin, before).await;
}

/// A name alone: there is no certificate to judge, but the monitors can be asked.
fn show_name(address: &Address) {
    let heading = part("h2").attr("id", "verdict").attr("tabindex", "-1");
    shown::show_instead([
        heading.child(part("bdi").text(&address.to_string())),
        paragraph(&words::word("www_name_text")),
        monitors::section(address, None),
    ]);
    by_id("verdict").focus();
}

/// Which pins the page holds.
fn show_known() {
    let addresses: Vec<String> = known::with(|known| {
        known.pins.sites().iter().map(|site| site.address.to_string()).collect()
    });
    let forget = button(&words::word("www_pins_forget"), Look::Plain, || async {
        known::with(|known| known.pins = Default::default());
        show_known();
        settled("www_pins_gone", "").await;
    });
    let shown = addresses.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    let line = words::with("www_pins_known", &[&addresses.len().to_string(), &shown]);
    let parts =
        if addresses.is_empty() { Vec::new() } else { vec![paragraph(&line), row([forget])] };
    by_id("knows").set("class", if addresses.is_empty() { "" } else { "card" });
    by_id("knows").fill(parts);
}

/// What is wrong with what was given, in words.
fn in_words(error: &InputError) -> String {
    match error {
        InputError::Fingerprint(error) => compare::why(*error),
        InputError::Address(error) => words::word(result::why_no_address(*error)),
        InputError::Pins(error) => {
            let key = format!("trouble_{}", error.code().replace('-', "_"));
            words::with(&key, &[&doorlight::text::printable(&error.to_string())])
        }
        error => {
            let key = format!("www_error_{}", error.code().replace('-', "_"));
            words::with(&key, &[&doorlight::text::printable(&error.to_string())])
        }
    }
}
