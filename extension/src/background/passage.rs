//! Whether a page may go on: the answers to the content script and to the gate page, which every
//! background gives.

use doorlight::address::Address;
use doorlight_browser::now;
use serde::Serialize;
use wasm_bindgen_futures::spawn_local;

use crate::background::engine::Engine;
use crate::background::guarding;
#[cfg(feature = "background")]
use crate::background::home_status;
use crate::background::sender::{Sender, Whose};
use crate::browser::api;
use crate::browser::gate;
use crate::browser::tabs;
use crate::browser::url::{address_of, without_user};
use crate::protocol::{Downloads, Knock, Passage, Status};
#[cfg(not(feature = "background"))]
use doorlight_guard::deferred::relieve;
use doorlight_guard::downloads;
use doorlight_guard::light::Light;
use doorlight_guard::state::State;
use doorlight_guard::trouble::Trouble;

/// Answers a message, JSON for JSON; `null` for one that may not be asked. `None` for any other
/// question.
pub async fn answer(engine: &Engine, message: &str, sender: &Sender) -> Option<String> {
    let knock = serde_json::from_str::<Knock>(message).ok()?;
    if !sender.is_among(knock.audience(), &api::own_url("")) {
        return Some("null".into());
    }
    Some(match knock {
        Knock::Hello { url, document, is_restored, has_woken, was_reopened } => {
            let may_wait = (is_restored || has_woken) && !was_reopened;
            let page = Page { url, document, has_woken, may_wait };
            json(hello(engine, &page, sender).await)
        }
        Knock::Enter { url } => json(enter(engine, &url, sender).await),
    })
}

pub(super) fn json<T: Serialize>(answer: T) -> String {
    // Serialising plain structs with text keys does not fail.
    serde_json::to_string(&answer).unwrap_or_else(|_| "null".into())
}

pub(super) fn trouble(code: &str, detail: impl ToString) -> Trouble {
    Trouble { code: code.into(), detail: doorlight::text::printable(&detail.to_string()) }
}

/// What a content script says of its document.
struct Page {
    url: String,
    document: String,
    has_woken: bool,
    /// True where it may wait under its veil.
    may_wait: bool,
}

/// The veil of a page. A content script is told nothing but whether it may lift.
async fn hello(engine: &Engine, page: &Page, sender: &Sender) -> Passage {
    let open = Passage { is_open: true, is_leaving: false, over_https: None, status: None };
    let shut = |is_leaving| Passage { is_open: false, is_leaving, ..open.clone() };
    let is_top = sender.is_page();
    let leave = async |wanted: &str| match sender.tab.filter(|_| is_top) {
        Some(tab) => shut(api::send_tab(tab, &gate::page(wanted, false)).await.is_ok()),
        None => shut(false),
    };
    let address = match sender.whose() {
        Whose::Address(address) => address,
        Whose::Plain(Some(address)) if guarding::is_host_guarded(engine, &address.host) => {
            return leave(&page.url).await;
        }
        // It has no storage and no cookies; where it stands in a page of the home, that page is
        // covered.
        Whose::Opaque(Some(tab)) if engine.store.is_guarded(&tab) => tab,
        Whose::Opaque(_) if engine.guarded().iter().all(|one| !engine.way(one).is_open()) => {
            return shut(false);
        }
        Whose::Plain(_) | Whose::Opaque(_) => return open,
    };
    // A page that is guarded no longer is free.
    if !guarding::is_host_guarded(engine, &address.host) {
        return open;
    }
    // A document that has inherited its origin has no address of its own to come back to.
    let own_url =
        page.url.starts_with("https:") && address_of(&page.url).as_ref() == Some(&address);
    let wanted = if own_url { page.url.clone() } else { format!("https://{address}/") };
    if !engine.store.is_guarded(&address) {
        return leave(&wanted).await;
    }
    guarding::make_ready(engine, &address.host).await;
    if page.has_woken {
        engine.expire(Some(&address)).await;
    }
    if !engine.way(&address).is_open() {
        // A page out of a service worker or a restored session asked nobody: it starts over behind
        // the gate. One that is alive waits under its veil, because leaving would lose what it
        // holds. So does a frame in another site's page.
        if is_top && !page.may_wait {
            return leave(&wanted).await;
        }
        engine.check(&address).await;
    }
    if !engine.passes(&address).await {
        return leave(&wanted).await;
    }
    if let Some(tab) = sender.tab.filter(|_| is_top) {
        let (engine, document) = (engine.clone(), page.document.clone());
        // The page does not wait for the toolbar.
        spawn_local(async move {
            tabs::show_light(tab, &address, Some(&document), &|| engine.light(&address)).await
        });
    }
    open
}

/// The gate page.
async fn enter(engine: &Engine, url: &str, sender: &Sender) -> Passage {
    let bare = without_user(url);
    let url = bare.as_deref().unwrap_or(url);
    let Some(address) = address_of(url) else {
        let status = Some(Box::new(no_address(engine)));
        return Passage { is_open: false, is_leaving: false, over_https: None, status };
    };
    let is_plain = url.starts_with("http:");
    if is_plain {
        // A home that is known by https is led there, through the gate.
        let over_https = url.strip_prefix("http:").map(|rest| format!("https:{rest}"));
        let over_https = over_https.filter(|_| engine.store.is_guarded(&address));
        let mut found = standing(engine, &address, None).await;
        found.light = Light::Unchecked;
        return Passage {
            is_open: false,
            is_leaving: false,
            over_https,
            status: Some(Box::new(found)),
        };
    }
    guarding::make_ready(engine, &address.host).await;
    if engine.store.is_guarded(&address)
        && !engine.way(&address).is_open()
        && !engine.store.with(|state| state.was_just_checked(&address, now()))
    {
        engine.check(&address).await;
    }
    // Whatever became of the rules since: the page comes back at once where they are shut.
    if engine.way(&address).is_open() {
        engine.set_gate().await;
    }
    let is_open = engine.is_open(&address);
    // The check was good, and the browser did not open.
    let is_stuck = !is_open && engine.way(&address).is_open();
    let mut found =
        standing(engine, &address, is_stuck.then(|| trouble("gate-not-set", &address.host))).await;
    let is_open = found.has_permission && engine.is_open(&address);
    if let (false, Some(tab)) = (is_open, sender.tab) {
        tabs::show_light_at_gate(tab, &address, &|| engine.light(&address)).await;
    }
    if !is_open && engine.store.with(|state| state.is_blocked(&address)) {
        tell_of_the_home(engine, &address, &mut found).await;
    }
    if is_open {
        // The page goes on at once; nobody reads more.
        found.report = None;
        found.record = None;
    }
    Passage { is_open, is_leaving: false, over_https: None, status: Some(Box::new(found)) }
}

pub(super) fn no_address(engine: &Engine) -> Status {
    Status {
        address: None,
        light: Light::NotGuarded,
        is_guarded: false,
        is_host_guarded: false,
        has_permission: false,
        report: None,
        open_until: None,
        since: None,
        exception_since: None,
        record: None,
        #[cfg(any(feature = "background", feature = "pages"))]
        watch: None,
        #[cfg(any(feature = "background", feature = "pages"))]
        home: None,
        downloads: Downloads::default(),
        shows_client_certificate: false,
        should_clean: false,
        trouble: engine.store.with(|state| state.not_stored.clone()),
    }
}

/// Where the home's version keeps the gate shut: what it said of itself.
async fn tell_of_the_home(engine: &Engine, address: &Address, found: &mut Status) {
    #[cfg(feature = "background")]
    {
        found.home = home_status::of(engine, address).await.map(Box::new);
    }
    #[cfg(not(feature = "background"))]
    {
        let _ = (address, found);
        match relieve(engine).await {}
    }
}

/// What is asked of the browser comes first: light and report are then of the same moment.
pub(super) async fn standing(
    engine: &Engine,
    address: &Address,
    trouble: Option<Trouble>,
) -> Status {
    let has_permission = guarding::may_guard(engine, &address.host).await;
    // A background that has just begun has not set its gate yet.
    let (waiting, stopped) = match engine.passes(address).await {
        true => (0, 0),
        false => downloads::count(&engine.store, &address.host).await,
    };
    let at = now();
    engine.store.with(|state| {
        let known = state.address(address);
        let is_guarded = state.is_guarded(address, at);
        let is_open = state.way(address, at).is_open();
        let is_set = state.is_ready(&address.host);
        let not_set = (is_guarded && has_permission && !is_set)
            .then(|| self::trouble("gate-not-set", &address.host));
        Status {
            address: Some(address.clone()),
            light: engine.light(address),
            is_guarded,
            is_host_guarded: state.guarded_hosts(at).contains(&address.host),
            has_permission,
            report: known.report().filter(|_| is_guarded).cloned(),
            open_until: known.fresh_until.filter(|_| is_open),
            since: known.since.filter(|_| is_guarded),
            exception_since: known.exception.map(|one| one.since),
            record: state.record(address).cloned(),
            #[cfg(any(feature = "background", feature = "pages"))]
            watch: None,
            #[cfg(any(feature = "background", feature = "pages"))]
            home: None,
            downloads: Downloads { waiting, stopped },
            shows_client_certificate: state.kept.settings.client_certificates.contains(address),
            should_clean: state.kept.settings.unclean.contains(address),
            trouble: trouble
                .or_else(|| state.not_stored.clone())
                .or_else(|| unreadable(state))
                .or_else(|| state.trust()?.trouble.clone())
                .or(not_set),
        }
    })
}

pub(super) fn unreadable(state: &State) -> Option<Trouble> {
    state.kept.pins.as_ref().err().map(|error| trouble("pins-unreadable", error))
}
