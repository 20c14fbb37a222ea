//! The settings about logs and monitors that count for all addresses: how strict to be, where the
//! list of logs comes from, and other sources than the public ones.

use doorlight::text::printable;
use doorlight::url::Url;

use crate::protocol::{Overview, Request};
use doorlight_guard::settings::Settings;

use super::background::ask;
use super::button::{Look, button, row};
use super::dom::{Part, folded, paragraph, part};
use super::field::field;
use super::{consent, file, said, watch, words};

/// How changed settings are stored and everything shown afresh: the settings, and where the focus
/// goes.
pub type Store = std::rc::Rc<dyn Fn(Settings, &'static str)>;

/// All of them.
pub fn cards(now: &Settings, overview: &Overview, store: &Store) -> Vec<Part> {
    let mut cards = vec![proof(now, store)];
    cards.extend(renewal(now, overview, store));
    cards.push(others(now, store));
    cards
}

/// A box to tick with a hint below it.
pub fn tick(
    id: &str,
    name: &str,
    hint: &str,
    is_ticked: bool,
    act: impl Fn(Part) + 'static,
) -> Part {
    let hint_id = format!("{id}-hint");
    let input =
        part("input").attr("type", "checkbox").attr("id", id).attr("aria-describedby", &hint_id);
    let input = if is_ticked { input.attr("checked", "") } else { input };
    let handle = input.clone();
    let input = input.on("click", move |_| act(handle.clone()));
    part("div")
        .class("card setting")
        .child(
            part("div")
                .class("tick")
                .child(input)
                .child(part("label").attr("for", id).text(&words::word(name))),
        )
        .child(part("p").attr("id", &hint_id).class("hint").text(&words::word(hint)))
}

fn proof(now: &Settings, store: &Store) -> Part {
    let (settings, store) = (now.clone(), store.clone());
    tick("proof", "proof_label", "proof_hint", now.requires_proof, move |handle| {
        store(Settings { requires_proof: handle.is_checked(), ..settings.clone() }, "proof");
    })
}

/// Without an address there is nothing to look at, and nobody has said yet which host the list
/// comes from.
fn renewal(now: &Settings, overview: &Overview, store: &Store) -> Option<Part> {
    let needs = overview
        .sites
        .iter()
        .find_map(|status| Some(status.watch.as_ref()?.needs.log_list.clone()))?;
    let (settings, store) = (now.clone(), store.clone());
    Some(tick("renewal", "renewal_label", "renewal_hint", now.renews_log_list, move |handle| {
        let is_on = handle.is_checked();
        let given = is_on.then(|| consent::ask_for_hosts(&needs));
        let (settings, store, needs) = (settings.clone(), store.clone(), needs.clone());
        wasm_bindgen_futures::spawn_local(async move {
            if let Some(given) = given
                && let Some(refusal) = watch::refused(given.await)
            {
                handle.uncheck();
                return said::say(&refusal);
            }
            store(Settings { renews_log_list: is_on, ..settings }, "renewal");
            if !is_on && let Ok(overview) = ask::<Overview>(&Request::Overview).await {
                consent::give_back(&needs, &overview).await;
            }
        });
    }))
}

/// One's own mirrors, for whoever has them. New hosts need a new permission: the section of each
/// address then says so.
fn others(now: &Settings, store: &Store) -> Part {
    let named = |id: &str, name: &str, value: &str| {
        let field = field(id, &words::word(name), &words::word("source_hint"));
        field.input.set("inputmode", "url");
        field.input.set("value", value);
        field
    };
    let fields = [
        named("source-list", "source_list", &now.log_list_url),
        named("source-spotter", "source_spotter", &now.cert_spotter),
        named("source-crt", "source_crt", &now.crt_sh),
    ];
    let (asked, settings, storing) = (fields.clone(), now.clone(), store.clone());
    let save = button(&words::word("save_button"), Look::Plain, move || {
        let is_fine = asked.iter().all(|field| {
            let is_fine = field.value().is_empty() || is_source(&field.value());
            if is_fine {
                field.forgive();
            } else {
                field.complain(&words::word("source_wrong"));
            }
            is_fine
        });
        if is_fine {
            let [log_list_url, cert_spotter, crt_sh] =
                asked.each_ref().map(super::field::Field::value);
            storing(
                Settings { log_list_url, cert_spotter, crt_sh, ..settings.clone() },
                "sources-save",
            );
        }
        async {}
    });
    let (settings, storing) = (now.clone(), store.clone());
    let choose =
        file::choose(&words::word("source_key_choose"), ".pem,.pub,.key", move |log_list_key| {
            storing(Settings { log_list_key, ..settings.clone() }, "sources-save");
            async {}
        });
    let (settings, storing) = (now.clone(), store.clone());
    let remove = (!now.log_list_key.is_empty()).then(|| {
        button(&words::word("source_key_remove"), Look::Plain, move || {
            storing(Settings { log_list_key: String::new(), ..settings.clone() }, "sources-save");
            async {}
        })
    });
    let key = words::word(if now.log_list_key.is_empty() {
        "source_key_shipped"
    } else {
        "source_key_own"
    });
    let inside = [paragraph(&words::word("sources_text")).class("hint")]
        .into_iter()
        .chain(fields.map(|field| field.enter_clicks(&save).whole))
        .chain([
            row([save.attr("id", "sources-save")]),
            part("h3").text(&words::word("source_key")),
            paragraph(&printable(&key)),
            row(core::iter::once(choose).chain(remove)),
        ]);
    folded(&words::word("sources_title"), inside).attr("id", "sources-fold")
}

/// True for what can be asked: over HTTPS, or on this machine.
fn is_source(url: &str) -> bool {
    let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(url) = Url::split(url) else { return false };
    let is_here = matches!(url.host(), "127.0.0.1" | "[::1]" | "localhost");
    is_clean
        && !url.host().is_empty()
        && (url.host().starts_with('[') || !url.host().contains(':'))
        && !url.has_user()
        && (url.scheme == "https" || url.scheme == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use super::is_source;

    #[test]
    fn a_source_is_asked_over_https_or_on_this_machine() {
        for good in [
            "https://ct.example/list.json",
            "https://ct.example",
            "http://127.0.0.1:8080",
            "http://[::1]:1/x",
            "http://localhost",
        ] {
            assert!(is_source(good), "{good}");
        }
        for bad in [
            "http://ct.example",
            "ct.example",
            "https://",
            "ftp://x",
            "https://me@ct.example",
            "http://127.0.0.1.evil.test/",
            "https://a b",
            "http://localhost@evil.test",
            "https://::1/",
            "https://:::",
        ] {
            assert!(!is_source(bad), "{bad}");
        }
    }
}
