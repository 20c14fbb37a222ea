//! Answers to the pages and to the content script.

use std::rc::Rc;

use doorlight::address::{Address, Host};
use doorlight::certificate::Certificate;
use doorlight::evidence::Code;
use doorlight::examination;
use doorlight::fingerprint::{Fingerprint, SpkiSha256};
use doorlight::pins::Pins;
use doorlight::site::{Origin, SiteRecord};
use doorlight::verdict::Verdict;
use doorlight_browser::now;
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen_futures::spawn_local;

use crate::api;
use crate::believed::Believed;
use crate::events::address_of;
use crate::gate;
use crate::home::Occasion;
use crate::journal::Event;
use crate::keeper::Keeper;
use crate::keeper::check::{asks_for_key, last_chain};
use crate::light;
use crate::log_list;
use crate::message::{Exported, Light, Overview, Passage, Request, SelfTest, SelfTestStep, Status, Trouble};
use crate::settings::{Consent, Settings};
use crate::standing::{Standing, opens};
use crate::store;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The URL of the page or frame.
    pub url: String,
    /// Its tab.
    pub tab: Option<i32>,
    /// 0 for the page itself.
    pub frame: i32,
}

impl Sender {
    /// From `runtime.MessageSender`.
    pub fn read(sender: &Value) -> Self {
        let text = |name: &str| sender.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number =
            |value: Option<&Value>| value.and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
        Self {
            url: text("url"),
            tab: number(sender.get("tab").and_then(|tab| tab.get("id"))),
            frame: number(sender.get("frameId")).unwrap_or(0),
        }
    }

    /// True for the extension's own pages. The browser vouches for the URL.
    fn is_own_page(&self) -> bool {
        let own = api::own_url("");
        !own.is_empty() && self.url.starts_with(&own)
    }
}

/// Answers a message, JSON for JSON; `null` for one that is not understood or may not be asked.
pub async fn answer(keeper: &Rc<Keeper>, message: &str, sender: &Sender) -> String {
    let Ok(request) = serde_json::from_str::<Request>(message) else { return "null".into() };
    if request.is_for_pages() && !sender.is_own_page() {
        return "null".into();
    }
    match request {
        Request::Hello { url, is_restored, has_woken } => {
            json(hello(keeper, &url, is_restored, has_woken, sender).await)
        }
        Request::Enter { url } => json(enter(keeper, &url, sender).await),
        Request::Status { url } => json(status_of_url(keeper, &url).await),
        Request::CheckAgain { address } => {
            keeper.expire(Some(&address)).await;
            keeper.check(&address).await;
            json(status(keeper, &address, None).await)
        }
        Request::Guard { address } => json(guard(keeper, &address).await),
        Request::Unguard { address } => {
            let trouble = unguard(keeper, &address).await;
            json(overview(keeper, trouble).await)
        }
        Request::Accept { address, sha256 } => {
            let trouble = accept(keeper, &address, &sha256).await.err();
            json(status(keeper, &address, trouble).await)
        }
        Request::EnterFingerprint { address, text } => {
            let trouble = enter_fingerprint(keeper, &address, &text).await.err();
            json(status(keeper, &address, trouble).await)
        }
        Request::Unpin { address, spki_sha256 } => {
            let trouble = unpin(keeper, &address, &spki_sha256).await.err();
            json(status(keeper, &address, trouble).await)
        }
        Request::Except { address, typed, sha256 } => {
            let trouble = except(keeper, &address, &typed, sha256.as_deref()).await.err();
            json(status(keeper, &address, trouble).await)
        }
        Request::Overview => json(overview(keeper, None).await),
        Request::Change { settings } => {
            let trouble = change(keeper, settings).await.err();
            json(overview(keeper, trouble).await)
        }
        Request::Consent { address, consent } => {
            let trouble = consent_to(keeper, &address, consent).await.err();
            json(overview(keeper, trouble).await)
        }
        Request::ImportPins { json: file } => {
            let trouble = import_pins(keeper, &file).await.err();
            json(overview(keeper, trouble).await)
        }
        Request::ExportPins => json(export_pins(keeper)),
        Request::ExportEvidence { address } => json(export_evidence(keeper, &address)),
        Request::StartAfresh => {
            let trouble = start_afresh(keeper).await.err();
            json(overview(keeper, trouble).await)
        }
        Request::Audit { address } => {
            if last_chain(keeper, &address).is_none() {
                keeper.check(&address).await;
            }
            keeper.renew_log_list(true).await;
            keeper.audit(&address, true).await;
            json(status(keeper, &address, None).await)
        }
        Request::Acknowledge { address, id, is_known } => {
            keeper.acknowledge(&address, &id, is_known).await;
            json(status(keeper, &address, None).await)
        }
        Request::SetHome { address, local, token, keeps_token } => {
            let set = keeper.set_home(&address, &local, token.as_deref(), keeps_token).await;
            json(status(keeper, &address, set.err()).await)
        }
        Request::ForgetHome { address } => {
            keeper.forget_home(&address).await;
            json(status(keeper, &address, None).await)
        }
        Request::AskHome { address, again } => {
            if api::is_private() {
                return json(status(keeper, &address, Some(trouble("home-private", &address))).await);
            }
            let occasion = if again { Occasion::Again } else { Occasion::ByHand };
            keeper.ask_home_and_decide(&address, occasion).await;
            json(status(keeper, &address, None).await)
        }
        Request::AcceptRisk { address, is_accepted, shown } => {
            let accepted = keeper.accept_risk(&address, is_accepted, shown).await;
            json(status(keeper, &address, accepted.err()).await)
        }
        Request::SelfTest { address } => json(self_test(keeper, &address).await),
    }
}

fn json<T: Serialize>(answer: T) -> String {
    // Serialising plain structs with text keys does not fail.
    serde_json::to_string(&answer).unwrap_or_else(|_| "null".into())
}

fn trouble(code: &str, detail: impl ToString) -> Trouble {
    Trouble { code: code.into(), detail: doorlight::text::printable(&detail.to_string()) }
}

/// The veil of a page. A content script is told nothing but whether it may lift.
async fn hello(
    keeper: &Rc<Keeper>,
    url: &str,
    is_restored: bool,
    has_woken: bool,
    sender: &Sender,
) -> Passage {
    let shut = |is_leaving| Passage { is_open: false, is_leaving, status: None };
    // What the page says of itself has to be what the browser says of it.
    let Some(address) = address_of(url).filter(|address| address_of(&sender.url).as_ref() == Some(address))
    else {
        return shut(false);
    };
    let is_top = sender.frame == 0;
    let leave = async || {
        if let (true, Some(tab)) = (is_top, sender.tab) {
            return shut(api::send_tab(tab, &gate::page(url, false)).await.is_ok());
        }
        shut(false)
    };
    if url.starts_with("http:") || !keeper.is_guarded(&address) {
        return leave().await;
    }
    if has_woken {
        keeper.expire(Some(&address)).await;
    }
    if !keeper.way(&address).is_open() {
        // A page out of a service worker or a restored session asked nobody: it starts over behind the gate. One that is alive
        // waits under its veil, because leaving would lose what it holds. So does a frame in another site's page.
        if is_top && !is_restored && !has_woken {
            return leave().await;
        }
        keeper.check(&address).await;
    }
    if !keeper.way(&address).is_open() {
        return leave().await;
    }
    if let (true, Some(tab)) = (is_top, sender.tab) {
        let light = keeper.light(&address);
        // The page does not wait for the toolbar.
        spawn_local(async move { light::show(tab, light, address.host.as_str()).await });
    }
    Passage { is_open: true, is_leaving: false, status: None }
}

/// The gate page.
async fn enter(keeper: &Rc<Keeper>, url: &str, sender: &Sender) -> Passage {
    let Some(address) = address_of(url) else {
        return Passage { is_open: false, is_leaving: false, status: Some(Box::new(no_address(keeper))) };
    };
    let mut found = if url.starts_with("http:") && keeper.is_host_guarded(&address.host) {
        let mut found = standing(keeper, &address, None).await;
        found.report = Some(examination::unseen(&address, now(), Code::TransportPlain, url));
        found.light = Light::Danger;
        found
    } else {
        if keeper.is_guarded(&address)
            && !keeper.way(&address).is_open()
            && !keeper.was_just_checked(&address)
        {
            keeper.check(&address).await;
        }
        standing(keeper, &address, None).await
    };
    let is_open = url.starts_with("https:") && found.has_permission && keeper.way(&address).is_open();
    if is_open && keeper.browser.has_rules() {
        // Whatever became of the rules since: the page comes back at once where they are shut.
        keeper.set_gate().await;
    }
    if let (false, Some(tab)) = (is_open, sender.tab) {
        light::show(tab, found.light, address.host.as_str()).await;
    }
    if !is_open && keeper.is_blocked(&address) {
        found.home = keeper.home_status(&address).await.map(Box::new);
    }
    if is_open {
        // The page goes on at once; nobody reads more.
        found.report = None;
        found.record = None;
    }
    Passage { is_open, is_leaving: false, status: Some(Box::new(found)) }
}

fn no_address(keeper: &Keeper) -> Status {
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
        watch: None,
        home: None,
        trouble: keeper.not_stored.borrow().clone(),
    }
}

async fn status_of_url(keeper: &Rc<Keeper>, url: &str) -> Status {
    let is_https = url.starts_with("https:");
    match address_of(url) {
        Some(address) if is_https || keeper.is_host_guarded(&address.host) => {
            let mut found = status(keeper, &address, None).await;
            if !is_https {
                found.light = Light::Danger;
                found.report = Some(examination::unseen(&address, now(), Code::TransportPlain, url));
            }
            found
        }
        _ => no_address(keeper),
    }
}

/// What is known, with what logs and monitors say.
async fn status(keeper: &Rc<Keeper>, address: &Address, trouble: Option<Trouble>) -> Status {
    let watch = keeper.watch(address).await.map(Box::new);
    let home = keeper.home_status(address).await.map(Box::new);
    Status { watch, home, ..standing(keeper, address, trouble).await }
}

async fn standing(keeper: &Rc<Keeper>, address: &Address, trouble: Option<Trouble>) -> Status {
    let Standing { report, fresh_until, since, exception, .. } = keeper.standing(address);
    let is_guarded = keeper.is_guarded(address);
    let is_open = keeper.way(address).is_open();
    let unreadable =
        keeper.kept.borrow().pins.as_ref().err().map(|error| self::trouble("pins-unreadable", error));
    let stored = keeper.not_stored.borrow().clone();
    let unusable = keeper.believed.borrow().trouble.clone();
    Status {
        address: Some(address.clone()),
        light: keeper.light(address),
        is_guarded,
        is_host_guarded: keeper.is_host_guarded(&address.host),
        has_permission: keeper.may_guard(&address.host).await,
        report: report.filter(|_| is_guarded),
        open_until: fresh_until.filter(|_| is_open),
        since: since.filter(|_| is_guarded),
        exception_since: exception.map(|one| one.since),
        record: keeper.record(address),
        watch: None,
        home: None,
        trouble: trouble.or(stored).or(unreadable).or(unusable),
    }
}

async fn overview(keeper: &Rc<Keeper>, trouble: Option<Trouble>) -> Overview {
    let mut sites = Vec::new();
    for address in keeper.guarded() {
        sites.push(status(keeper, &address, None).await);
    }
    let kept = keeper.kept.borrow();
    let mut journal = kept.journal.clone();
    journal.reverse();
    let unreadable = kept.pins.as_ref().err().map(|error| self::trouble("pins-unreadable", error));
    let settings_unreadable =
        kept.unreadable.contains(&"settings").then(|| self::trouble("settings-unreadable", ""));
    let stored = keeper.not_stored.borrow().clone();
    let believed = keeper.believed.borrow();
    let list = keeper.log_list_trouble.borrow().clone();
    Overview {
        sites,
        settings: kept.settings.clone(),
        journal,
        kept_aside: kept.kept_aside,
        trouble: trouble
            .or(stored)
            .or(unreadable)
            .or(settings_unreadable)
            .or(believed.trouble.clone())
            .or(list),
        capture: keeper.browser.capture_name().into(),
        log_list_published: believed.log_lists.judging(now()).and_then(|list| list.timestamp),
        advisories_published: believed.advisories.as_ref().map(|table| table.published),
    }
}

/// Guards an address. What is open of it already is covered and checked.
async fn guard(keeper: &Rc<Keeper>, address: &Address) -> Status {
    keeper.read_permissions().await;
    if !keeper.may_guard(&address.host).await {
        return status(keeper, address, Some(trouble("permission-missing", address))).await;
    }
    let is_new = keeper.record(address).is_none();
    if keeper.change_pins(|pins| drop(pins.site_mut(address).clone())).await.is_none() {
        return status(keeper, address, None).await;
    }
    let set = keeper.set_guard().await;
    if is_new {
        keeper.note(Some(address), Event::Guarded, String::new()).await;
    }
    if !keeper.way(address).is_open() {
        keeper.check(address).await;
    }
    if is_new {
        for tab in keeper.tabs(address).await {
            api::run_in_tab(tab.id, "veil.js").await;
        }
    }
    status(keeper, address, set.err().map(|error| trouble("gate-not-set", error))).await
}

async fn unguard(keeper: &Rc<Keeper>, address: &Address) -> Option<Trouble> {
    keeper.change_pins(|pins| pins.remove(address)).await?;
    keeper.standings.borrow_mut().remove(address);
    keeper.forget_audits(address).await;
    keeper.forget_home(address).await;
    if keeper.consent(address) != Consent::default() {
        let forgotten = keeper.change_settings(|settings| settings.allow(address, Consent::default())).await;
        keeper.stored(forgotten);
    }
    keeper.set_gate().await;
    if !keeper.is_host_guarded(&address.host) {
        // A permission that stays is not asked for again; it does no harm.
        let _ = api::give_back(&keeper.patterns(&address.host)).await;
    }
    keeper.note(Some(address), Event::Unguarded, String::new()).await;
    keeper.set_guard().await.err().map(|error| trouble("gate-not-set", error))
}

async fn accept(keeper: &Rc<Keeper>, address: &Address, sha256: &str) -> Result<(), Trouble> {
    let standing = keeper.standing(address);
    let may_be_accepted = standing.report.as_ref().is_some_and(asks_for_key);
    let chain = last_chain(keeper, address).filter(|chain| chain.leaf().sha256().to_string() == sha256);
    let Some(chain) = chain.filter(|_| may_be_accepted) else {
        return Err(trouble("not-acceptable", address));
    };
    let at = now();
    let accepted =
        keeper.change_pins(|pins| pins.site_mut(address).accept(chain.leaf(), Origin::Seen, at)).await;
    accepted.ok_or_else(|| trouble("pins-unreadable", ""))?;
    keeper.note(Some(address), Event::Accepted, chain.leaf().spki_sha256().to_string()).await;
    keeper.expire(Some(address)).await;
    keeper.check(address).await;
    Ok(())
}

async fn enter_fingerprint(keeper: &Rc<Keeper>, address: &Address, text: &str) -> Result<(), Trouble> {
    let at = now();
    let is_key = text.trim().starts_with("pin-sha256") || text.trim().starts_with("sha256/");
    let change: Box<dyn FnOnce(&mut SiteRecord)> = if is_key {
        let key = SpkiSha256::parse(text).map_err(|error| trouble("fingerprint", error))?;
        Box::new(move |site| site.pin(key, Origin::Entered, at))
    } else {
        let fingerprint: Fingerprint = text.parse().map_err(|error| trouble("fingerprint", error))?;
        Box::new(move |site| site.enter(fingerprint, at))
    };
    let entered = keeper.change_pins(|pins| change(pins.site_mut(address))).await;
    entered.ok_or_else(|| trouble("pins-unreadable", ""))?;
    keeper.note(Some(address), Event::Entered, doorlight::text::printable(text.trim())).await;
    // What is under way was judged by the old record.
    keeper.expire(Some(address)).await;
    keeper.check(address).await;
    Ok(())
}

async fn unpin(keeper: &Rc<Keeper>, address: &Address, spki_sha256: &str) -> Result<(), Trouble> {
    let key: SpkiSha256 = spki_sha256.parse().map_err(|error| trouble("fingerprint", error))?;
    let removed = keeper.change_pins(|pins| pins.site_mut(address).unpin(key, now())).await;
    removed.ok_or_else(|| trouble("pins-unreadable", ""))?;
    keeper.note(Some(address), Event::Unpinned, key.to_string()).await;
    keeper.expire(Some(address)).await;
    keeper.check(address).await;
    Ok(())
}

/// Past the gate, for the certificate that was seen last. The host's name has to be typed, so that nobody gets there by habit.
async fn except(
    keeper: &Rc<Keeper>,
    address: &Address,
    typed: &str,
    sha256: Option<&str>,
) -> Result<(), Trouble> {
    let typed: Result<Host, _> = typed.trim().parse();
    if !keeper.is_guarded(address) || typed.as_ref() != Ok(&address.host) {
        return Err(trouble("not-typed", ""));
    }
    let reuse = keeper.kept.borrow().settings.reuse();
    {
        let mut standings = keeper.standings.borrow_mut();
        // A good check that ran out is checked again, not passed by.
        let standing =
            standings.get_mut(address).filter(|one| one.report.as_ref().is_some_and(|one| !opens(one)));
        let standing = standing.ok_or_else(|| trouble("not-checked-yet", ""))?;
        if standing.certificate().map(|one| one.to_string()).as_deref() != sha256 {
            return Err(trouble("other-certificate", ""));
        }
        standing.except(reuse, now());
    }
    keeper.set_gate().await;
    keeper.note(Some(address), Event::Exception, keeper.codes(address)).await;
    Ok(())
}

async fn change(keeper: &Rc<Keeper>, settings: Settings) -> Result<(), Trouble> {
    let fetched = keeper.kept.borrow().fetched_log_list.clone();
    let fetched = log_list::read(fetched.as_ref(), &settings).await;
    let believed = Believed::new(&settings, fetched);
    if let Some(trouble) = believed.trouble {
        return Err(trouble);
    }
    let changed = keeper.change_settings(|now| *now = core::mem::take(now).with(settings)).await;
    changed.map_err(|error| trouble("not-stored", error))?;
    let has_other_table = keeper.believed.borrow().advisories != believed.advisories;
    *keeper.believed.borrow_mut() = Rc::new(believed);
    if has_other_table {
        keeper.judge_versions_anew().await;
    }
    // What was judged by other rules counts no longer.
    keeper.expire(None).await;
    keeper.renew().await;
    keeper.set_audit_alarm().await;
    spawn_local({
        let keeper = Rc::clone(keeper);
        async move { keeper.audit_due().await }
    });
    Ok(())
}

/// Whoever may be asked from now on is asked without anybody waiting for it; what another said until now counts no longer.
async fn consent_to(keeper: &Rc<Keeper>, address: &Address, consent: Consent) -> Result<(), Trouble> {
    let changed = keeper.change_settings(|settings| {
        // A page may not know yet that the address was taken away.
        if keeper.is_guarded(address) {
            settings.allow(address, consent);
        }
    });
    changed.await.map_err(|error| trouble("not-stored", error))?;
    keeper.set_audit_alarm().await;
    keeper.redecide(address).await;
    keeper.audit_later(address);
    Ok(())
}

async fn import_pins(keeper: &Rc<Keeper>, file: &str) -> Result<(), Trouble> {
    let pins = Pins::from_json(file.as_bytes()).map_err(|error| trouble(error.code(), error))?;
    let count = pins.sites().len();
    let imported = keeper.change_pins(|own| own.merge(pins)).await;
    imported.ok_or_else(|| trouble("pins-unreadable", ""))?;
    keeper.note(None, Event::Imported, count.to_string()).await;
    keeper.expire(None).await;
    keeper.set_guard().await.map_err(|error| trouble("gate-not-set", error))?;
    keeper.renew().await;
    Ok(())
}

fn export_pins(keeper: &Keeper) -> Exported {
    let kept = keeper.kept.borrow();
    let name = "doorlight-pins.json".into();
    match &kept.pins {
        Ok(pins) => Exported { name, content: pins.to_json(), trouble: None },
        Err(error) => {
            Exported { name, content: String::new(), trouble: Some(trouble("pins-unreadable", error)) }
        }
    }
}

/// The report and the certificates in one file: JSON with the PEM in it.
fn export_evidence(keeper: &Keeper, address: &Address) -> Exported {
    let standing = keeper.standing(address);
    let name = format!("doorlight-{}.json", address.host.as_str().replace(':', "-"));
    match standing.report {
        Some(report) => {
            let mut file: Value = serde_json::from_str(&report.to_json()).unwrap_or_default();
            if let Some(file) = file.as_object_mut() {
                file.insert("pem".into(), Value::String(standing.pem));
            }
            Exported { name, content: format!("{file:#}\n"), trouble: None }
        }
        None => Exported { name, content: String::new(), trouble: Some(trouble("not-checked-yet", "")) },
    }
}

async fn start_afresh(keeper: &Rc<Keeper>) -> Result<(), Trouble> {
    if keeper.kept.borrow().pins.is_err() {
        let empty = Pins::default();
        store::keep_aside("pins", empty.to_json(), now())
            .await
            .map_err(|error| trouble("not-stored", error))?;
        {
            let mut kept = keeper.kept.borrow_mut();
            kept.pins = Ok(empty);
            kept.kept_aside += 1;
            kept.unreadable.retain(|key| *key != "pins");
        }
        keeper.standings.borrow_mut().clear();
        // Nothing is guarded any more, and so no home is asked, and no token kept.
        let homes: Vec<_> = keeper.kept.borrow().settings.homes.keys().cloned().collect();
        for address in &homes {
            keeper.forget_home(address).await;
        }
        keeper.note(None, Event::KeptAside, "pins".into()).await;
        keeper.set_gate().await;
    }
    keeper.set_guard().await.map_err(|error| trouble("gate-not-set", error))
}

/// Shows that each part works, and that an attacker with another key would be stopped.
async fn self_test(keeper: &Rc<Keeper>, address: &Address) -> SelfTest {
    let step = |name: &str, works: bool, detail: String| SelfTestStep { name: name.into(), works, detail };
    let has_permission = keeper.may_guard(&address.host).await;
    let has_gate = match keeper.browser.has_rules() {
        true => gate::is_shut(&address.host).await,
        // The listener is set in the first turn of the background's script, or none of this would run.
        false => keeper.is_guarded(address),
    };
    let has_veil = gate::has_veil(&address.host).await;
    keeper.expire(Some(address)).await;
    keeper.check(address).await;
    let standing = keeper.standing(address);
    let codes = |report: &doorlight::report::Report| {
        report.decided_by.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (was_seen, is_trusted, found) = match &standing.report {
        Some(report) => (report.certificate.is_some(), report.verdict == Verdict::Trusted, codes(report)),
        None => (false, false, String::new()),
    };
    let stopped = match (last_chain(keeper, address), &standing.report) {
        (Some(chain), Some(report)) => {
            let mut stranger = SiteRecord::new(address.clone());
            stranger.pin(SpkiSha256::of(b"the key of somebody else"), Origin::Entered, now());
            let known: Vec<Certificate> = keeper.kept.borrow().intermediates.clone();
            let found = keeper.examine(address, &chain, report.seen, now(), Some(&stranger), &known).await;
            Some(found.report).filter(|report| report.verdict == Verdict::Danger)
        }
        _ => None,
    };
    SelfTest {
        steps: vec![
            step("permission", has_permission, keeper.patterns(&address.host).join(" ")),
            step("gate", has_gate, String::new()),
            step("veil", has_veil, String::new()),
            step("capture", was_seen, keeper.browser.capture_name().into()),
            step("verdict", is_trusted, found),
            step("attacker", stopped.is_some(), stopped.as_ref().map(codes).unwrap_or_default()),
        ],
    }
}
