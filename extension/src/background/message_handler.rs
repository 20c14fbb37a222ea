//! Answers to the pages: everything but whether a page may go on ([`passage`]).

use doorlight::address::{Address, Host};
use doorlight::home_assistant::advisory::Advisories;
use doorlight::site::pins::Pins;
use doorlight::site::{Entered, Origin, Pin, SiteRecord};
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::examination;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::fingerprint::{Fingerprint, SpkiSha256};
use doorlight_browser::now;
use serde_json::Value;
use wasm_bindgen_futures::spawn_local;

use crate::background::client_certificate;
use crate::background::engine::Engine;
use crate::background::guarding;
use crate::background::home_status;
use crate::background::passage::{self, json, no_address, standing, trouble, unreadable};
use crate::background::sender::Sender;
use crate::background::watch_status;
use crate::browser::api;
use crate::browser::document;
use crate::browser::gate;
use crate::browser::tabs;
use crate::browser::url::address_of;
use crate::protocol::{
    Audience, Exported, Overview, Preview, PreviewSite, Request, SelfTest, SelfTestStep, Status,
};
use doorlight_guard::advisories;
use doorlight_guard::check::{asks_for_key, examine, observed_last};
use doorlight_guard::home::Occasion;
use doorlight_guard::journal::Event;
use doorlight_guard::light::Light;
use doorlight_guard::ports::Downloads as _;
use doorlight_guard::session::opens;
use doorlight_guard::settings::{Consent, Settings};
use doorlight_guard::store::not_stored;
use doorlight_guard::trouble::Trouble;
use doorlight_guard::trust;
use doorlight_guard::trust_config::TrustConfig;

/// Answers a message, JSON for JSON; `null` for one that is not understood or may not be asked.
pub async fn answer(engine: &Engine, message: &str, sender: &Sender) -> String {
    if let Some(answer) = passage::answer(engine, message, sender).await {
        return answer;
    }
    let Ok(request) = serde_json::from_str::<Request>(message) else { return "null".into() };
    if !sender.is_among(Audience::Pages, &api::own_url("")) {
        return "null".into();
    }
    match request {
        Request::Status { url, tab } => json(status_of_tab(engine, &url, tab).await),
        Request::CheckAgain { address } => {
            engine.expire(Some(&address)).await;
            engine.check(&address).await;
            json(status(engine, &address, None).await)
        }
        Request::Guard { address } => json(guard(engine, &address).await),
        Request::Unguard { address } => {
            let trouble = unguard(engine, &address).await;
            json(overview(engine, trouble).await)
        }
        Request::Accept { address, sha256 } => {
            let trouble = accept(engine, &address, &sha256).await.err();
            json(status(engine, &address, trouble).await)
        }
        Request::EnterFingerprint { address, text } => {
            let trouble = enter_fingerprint(engine, &address, &text).await.err();
            json(status(engine, &address, trouble).await)
        }
        Request::Unpin { address, spki_sha256 } => {
            let trouble = unpin(engine, &address, &spki_sha256).await.err();
            json(status(engine, &address, trouble).await)
        }
        Request::Except { address, typed, sha256 } => {
            let trouble = except(engine, &address, &typed, sha256.as_deref()).await.err();
            json(status(engine, &address, trouble).await)
        }
        Request::Overview => json(overview(engine, None).await),
        Request::Change { settings } => {
            let trouble = change(engine, settings).await.err();
            json(overview(engine, trouble).await)
        }
        Request::Consent { address, consent } => {
            let trouble = consent_to(engine, &address, consent).await.err();
            json(overview(engine, trouble).await)
        }
        Request::PreviewPins { json: file } => json(preview_pins(engine, &file)),
        Request::ImportPins { json: file } => {
            let trouble = import_pins(engine, &file).await.err();
            json(overview(engine, trouble).await)
        }
        Request::ExportPins => json(export_pins(engine)),
        Request::ExportEvidence { address } => json(export_evidence(engine, &address)),
        Request::StartAfresh => {
            let trouble = start_afresh(engine).await.err();
            json(overview(engine, trouble).await)
        }
        Request::Audit { address } => {
            if engine.store.with(|state| state.last_chain(&address)).is_none() {
                engine.check(&address).await;
            }
            engine.renew_log_list(true).await;
            engine.audit(&address, true).await;
            json(status(engine, &address, None).await)
        }
        Request::Acknowledge { address, id, is_known } => {
            engine.acknowledge(&address, &id, is_known).await;
            json(status(engine, &address, None).await)
        }
        Request::SetHome { address, local, token, keeps_token } => {
            let set = engine.set_home(&address, &local, token.as_deref(), keeps_token).await;
            json(status(engine, &address, set.err()).await)
        }
        Request::ForgetHome { address } => {
            engine.forget_home(&address).await;
            json(status(engine, &address, None).await)
        }
        Request::AskHome { address, again } => {
            if api::is_private() {
                return json(
                    status(engine, &address, Some(trouble("home-private", &address))).await,
                );
            }
            let occasion = if again { Occasion::Again } else { Occasion::ByHand };
            engine.ask_home_and_decide(&address, occasion).await;
            json(status(engine, &address, None).await)
        }
        Request::AcceptRisk { address, is_accepted, shown } => {
            let accepted = engine.accept_risk(&address, is_accepted, shown).await;
            json(status(engine, &address, accepted.err()).await)
        }
        Request::ChooseClientCertificate { address } => {
            json(client_certificate::choose(engine, &address, sender.tab).await)
        }
        Request::ShowClientCertificate { address, is_shown } => {
            let shown = engine.show_client_certificate(&address, is_shown).await;
            json(status(engine, &address, shown.err()).await)
        }
        Request::Cleaned { address } => {
            let changed = engine
                .store
                .change_settings(|settings| {
                    settings.unclean.remove(&address);
                })
                .await;
            let trouble = changed.err().map(|error| not_stored(&error));
            json(status(engine, &address, trouble).await)
        }
        Request::DiscardDownloads { address } => {
            engine.discard_downloads(&address.host).await;
            json(status(engine, &address, None).await)
        }
        Request::SelfTest { address } => json(self_test(engine, &address).await),
    }
}

/// What is known of the page that a tab shows. A tab that names the address and shows another
/// document, such as the browser's own error page or the gate, is never called checked.
async fn status_of_tab(engine: &Engine, url: &str, tab: Option<i32>) -> Status {
    let mut found = status_of_url(engine, url).await;
    if let (Light::Trusted | Light::Exception, Some(tab), Some(address)) =
        (found.light, tab, &found.address)
    {
        let is_shown = document::of_tab(tab).await.is_some_and(|document| document.is_of(address));
        if engine.light(address) != found.light {
            // The light changed while the document answered, so its answer vouches for nothing.
            found = status_of_url(engine, url).await;
            if matches!(found.light, Light::Trusted | Light::Exception) {
                found.light = Light::Unchecked;
            }
        } else if !is_shown {
            found.light = Light::Unchecked;
        }
    }
    found
}

async fn status_of_url(engine: &Engine, url: &str) -> Status {
    let is_https = url.starts_with("https:");
    match address_of(url) {
        Some(address) if is_https || guarding::is_host_guarded(engine, &address.host) => {
            let mut found = status(engine, &address, None).await;
            if !is_https {
                found.light = Light::Danger;
                found.report =
                    Some(examination::unseen(&address, now(), Code::TransportPlain, url));
            }
            found
        }
        _ => no_address(engine),
    }
}

/// What is known, with what logs and monitors say.
async fn status(engine: &Engine, address: &Address, trouble: Option<Trouble>) -> Status {
    // Where roots or list of the user's own cannot be read, the status says so.
    trust::current(&engine.store).await;
    let watch = watch_status::of(engine, address).await.map(Box::new);
    let home = home_status::of(engine, address).await.map(Box::new);
    let mut found = standing(engine, address, trouble).await;
    found.trouble = found.trouble.or_else(|| table(engine).1);
    Status { watch, home, ..found }
}

/// What versions of Home Assistant are judged by, and why the user's own table does not count.
fn table(engine: &Engine) -> (Option<Advisories>, Option<Trouble>) {
    engine.store.with(|state| advisories::read(&state.kept.settings, now()))
}

async fn overview(engine: &Engine, trouble: Option<Trouble>) -> Overview {
    let mut sites = Vec::new();
    for address in engine.guarded() {
        sites.push(status(engine, &address, None).await);
    }
    let trust = trust::current(&engine.store).await;
    let (table, table_unreadable) = table(engine);
    engine.store.with(|state| {
        let kept = &state.kept;
        let settings_unreadable =
            kept.unreadable.contains(&"settings").then(|| self::trouble("settings-unreadable", ""));
        Overview {
            sites,
            settings: kept.settings.clone(),
            journal: kept.journal.iter().rev().cloned().collect(),
            kept_aside: kept.kept_aside,
            trouble: trouble
                .or_else(|| state.not_stored.clone())
                .or_else(|| unreadable(state))
                .or(settings_unreadable)
                .or_else(|| trust.trouble.clone())
                .or(table_unreadable)
                .or_else(|| state.log_list_trouble.clone()),
            capture: engine.ports().capture.capture_name().into(),
            pauses_downloads: engine.ports().sees_downloads(),
            log_list_published: trust.log_lists.judging(now()).and_then(|list| list.timestamp),
            advisories_published: table.map(|table| table.published),
        }
    })
}

/// Guards an address. What is open of it already is covered and checked.
async fn guard(engine: &Engine, address: &Address) -> Status {
    engine.read_permissions().await;
    if !guarding::may_guard(engine, &address.host).await {
        return status(engine, address, Some(trouble("permission-missing", address))).await;
    }
    let is_new = engine.store.with(|state| state.record(address).is_none());
    if engine.store.change_pins(|pins| drop(pins.site_mut(address).clone())).await.is_none() {
        return status(engine, address, None).await;
    }
    let set = guarding::set_guard(engine).await;
    if is_new {
        engine.store.note(Some(address), Event::Guarded, String::new()).await;
    }
    if !engine.way(address).is_open() {
        engine.check(address).await;
    }
    if is_new {
        // In every tab: a frame of it may be in another site's page.
        for tab in api::tab_ids().await {
            api::run_in_tab(tab, "veil.js").await;
        }
    }
    status(engine, address, set.err().map(|error| trouble("gate-not-set", error))).await
}

/// The record goes last: if the background ends before, the address is still guarded, and whoever
/// takes it away again finds no consent and no token left behind.
async fn unguard(engine: &Engine, address: &Address) -> Option<Trouble> {
    // Pins that cannot be read stay as they are, and with them all else.
    if engine.store.with(|state| state.kept.pins.is_err()) {
        return None;
    }
    if let Err(trouble) = forget(engine, address).await {
        return Some(trouble);
    }
    engine.store.change_pins(|pins| pins.remove(address)).await?;
    engine.store.change(|state| state.session.forget(address));
    // An audit or a question that was under way may have stored something meanwhile; nothing of an
    // address that is not guarded is stored from now on.
    if let Err(trouble) = forget(engine, address).await {
        return Some(trouble);
    }
    engine.set_gate().await;
    if !guarding::is_host_guarded(engine, &address.host) {
        // A permission that stays is not asked for again; it does no harm.
        let _ = api::give_back(&guarding::patterns(engine, &address.host), &[]).await;
    }
    engine.store.note(Some(address), Event::Unguarded, String::new()).await;
    // Without the permission nobody could lift what is still blocked.
    if engine.guarded().is_empty() && engine.ports().gate.release_cookies().await {
        let _ = api::give_back(&[], &["contentSettings"]).await;
    }
    guarding::set_guard(engine).await.err().map(|error| trouble("gate-not-set", error))
}

/// Forgets what is kept of an address beside its record.
async fn forget(engine: &Engine, address: &Address) -> Result<(), Trouble> {
    let is_kept = engine.store.with(|state| {
        let settings = &state.kept.settings;
        settings.consents.contains_key(address)
            || settings.unclean.contains(address)
            || settings.client_certificates.contains(address)
    });
    if is_kept {
        let forgotten = engine.store.change_settings(|settings| {
            settings.allow(address, Consent::default());
            settings.unclean.remove(address);
            settings.client_certificates.remove(address);
        });
        forgotten.await.map_err(|error| not_stored(&error))?;
    }
    engine.forget_home(address).await;
    engine.inquiries.audits.forget(address).await;
    Ok(())
}

async fn accept(engine: &Engine, address: &Address, sha256: &str) -> Result<(), Trouble> {
    let standing = engine.store.with(|state| state.address(address));
    let may_be_accepted = standing.report().is_some_and(asks_for_key);
    let chain = engine
        .store
        .with(|state| state.last_chain(address))
        .filter(|chain| chain.leaf().sha256().to_string() == sha256);
    let Some(chain) = chain.filter(|_| may_be_accepted) else {
        return Err(trouble("not-acceptable", address));
    };
    let at = now();
    // What it adds opens nothing by itself, so it is stored first and outlives a background that
    // ends.
    let accepted = engine
        .store
        .change_pins(|pins| pins.site_mut(address).accept(chain.leaf(), Origin::Seen, at))
        .await;
    accepted.ok_or_else(|| trouble("pins-unreadable", ""))?;
    engine.store.note(Some(address), Event::Accepted, chain.leaf().spki_sha256().to_string()).await;
    engine.expire(Some(address)).await;
    engine.check(address).await;
    Ok(())
}

async fn enter_fingerprint(engine: &Engine, address: &Address, text: &str) -> Result<(), Trouble> {
    let at = now();
    let change: Box<dyn FnOnce(&mut SiteRecord)> = if SpkiSha256::is_meant(text) {
        let key = SpkiSha256::parse(text).map_err(|error| trouble("fingerprint", error))?;
        Box::new(move |site| site.pin(key, Origin::Entered, at))
    } else {
        let fingerprint: Fingerprint =
            text.parse().map_err(|error| trouble("fingerprint", error))?;
        Box::new(move |site| site.enter(fingerprint, at))
    };
    let entered = engine.change_judging(Some(address), |pins| change(pins.site_mut(address))).await;
    entered.ok_or_else(|| trouble("pins-unreadable", ""))?;
    engine.store.note(Some(address), Event::Entered, doorlight::text::printable(text.trim())).await;
    engine.check(address).await;
    Ok(())
}

async fn unpin(engine: &Engine, address: &Address, spki_sha256: &str) -> Result<(), Trouble> {
    let key: SpkiSha256 = spki_sha256.parse().map_err(|error| trouble("fingerprint", error))?;
    let removed =
        engine.change_judging(Some(address), |pins| pins.site_mut(address).unpin(key, now())).await;
    removed.ok_or_else(|| trouble("pins-unreadable", ""))?;
    engine.store.note(Some(address), Event::Unpinned, key.to_string()).await;
    engine.check(address).await;
    Ok(())
}

/// Past the gate, for the certificate that was seen last. The host's name has to be typed, so that
/// nobody gets there by habit.
async fn except(
    engine: &Engine,
    address: &Address,
    typed: &str,
    sha256: Option<&str>,
) -> Result<(), Trouble> {
    let typed: Result<Host, _> = typed.trim().parse();
    if !engine.store.is_guarded(address) || typed.as_ref() != Ok(&address.host) {
        return Err(trouble("not-typed", ""));
    }
    let reuse = engine.store.with(|state| state.kept.settings.reuse());
    let excepted = engine.store.change(|state| {
        let known = state.session.get(address);
        // A good check that ran out is checked again, not passed by.
        let seen = known.filter(|one| one.report().is_some_and(|report| !opens(report)));
        let seen = seen.ok_or_else(|| trouble("not-checked-yet", ""))?.certificate();
        if seen.map(|one| one.to_string()).as_deref() != sha256 {
            return Err(trouble("other-certificate", ""));
        }
        state.session.except(address, reuse, now());
        Ok(())
    });
    excepted?;
    engine.store.make_unclean(address).await;
    engine.set_gate().await;
    engine
        .store
        .note(Some(address), Event::Exception, engine.store.with(|state| state.codes(address)))
        .await;
    Ok(())
}

async fn change(engine: &Engine, settings: Settings) -> Result<(), Trouble> {
    let fetched = engine.store.with(|state| state.kept.fetched_log_list.clone());
    let fetched = trust::fetched_list(engine.ports(), fetched.as_ref(), &settings).await;
    let mut trust = TrustConfig::new(&settings, fetched);
    let (table, table_unreadable) = advisories::read(&settings, now());
    if let Some(trouble) = trust.trouble.take().or(table_unreadable) {
        return Err(trouble);
    }
    // Before and after: what was judged by other rules counts no longer, wherever this ends.
    engine.expire(None).await;
    let (before, _) = self::table(engine);
    let changed =
        engine.store.change_settings(|now| *now = core::mem::take(now).with(settings)).await;
    if let Err(error) = changed {
        guarding::renew(engine).await;
        return Err(not_stored(&error));
    }
    engine.store.change(|state| state.set_trust(Some(trust.into())));
    if table != before {
        engine.judge_versions_anew().await;
    }
    engine.expire(None).await;
    guarding::renew(engine).await;
    engine.set_audit_alarm().await;
    spawn_local({
        let engine = engine.clone();
        async move { engine.audit_due().await }
    });
    Ok(())
}

/// Whoever may be asked from now on is asked without anybody waiting for it; what another said
/// until now counts no longer.
async fn consent_to(engine: &Engine, address: &Address, consent: Consent) -> Result<(), Trouble> {
    let changed = engine.store.change_settings(|settings| {
        // A page may not know yet that the address was taken away.
        if engine.store.is_guarded(address) {
            settings.allow(address, consent);
        }
    });
    changed.await.map_err(|error| not_stored(&error))?;
    engine.set_audit_alarm().await;
    engine.redecide(address).await;
    engine.audit_later(address);
    Ok(())
}

/// What an import would change. It is shown before it counts, because whoever hands a file in
/// decides which keys are the home's.
fn preview_pins(engine: &Engine, file: &str) -> Preview {
    let pins = match Pins::from_json(file.as_bytes()) {
        Ok(pins) => pins,
        Err(error) => {
            return Preview { sites: Vec::new(), trouble: Some(trouble(error.code(), error)) };
        }
    };
    let sites = engine.store.with(|state| {
        let sites = pins.sites().iter().map(|site| {
            let known = state.record(&site.address);
            let is_known = |pin: &&Pin| {
                known.is_some_and(|known| {
                    known.pins.iter().any(|own| own.spki_sha256 == pin.spki_sha256)
                })
            };
            let is_entered = |one: &&Entered| {
                known.is_some_and(|known| {
                    known.entered.iter().any(|own| own.fingerprint == one.fingerprint)
                })
            };
            PreviewSite {
                address: site.address.clone(),
                is_new: known.is_none(),
                new_keys: site
                    .pins
                    .iter()
                    .filter(|pin| !is_known(pin))
                    .map(|pin| pin.spki_sha256.to_string())
                    .collect(),
                known_keys: site.pins.iter().filter(is_known).count(),
                new_fingerprints: site.entered.iter().filter(|one| !is_entered(one)).count(),
            }
        });
        sites.collect()
    });
    Preview { sites, trouble: None }
}

async fn import_pins(engine: &Engine, file: &str) -> Result<(), Trouble> {
    let pins = Pins::from_json(file.as_bytes()).map_err(|error| trouble(error.code(), error))?;
    let count = pins.sites().len();
    let imported = engine.change_judging(None, |own| own.merge(pins)).await;
    imported.ok_or_else(|| trouble("pins-unreadable", ""))?;
    engine.store.note(None, Event::Imported, count.to_string()).await;
    guarding::set_guard(engine).await.map_err(|error| trouble("gate-not-set", error))?;
    guarding::renew(engine).await;
    Ok(())
}

fn export_pins(engine: &Engine) -> Exported {
    let name = "doorlight-pins.json".into();
    engine.store.with(|state| match &state.kept.pins {
        Ok(pins) => Exported { name, content: pins.to_json(), trouble: None },
        Err(_) => Exported { name, content: String::new(), trouble: unreadable(state) },
    })
}

/// The report and the certificates in one file: JSON with the PEM in it.
fn export_evidence(engine: &Engine, address: &Address) -> Exported {
    let standing = engine.store.with(|state| state.address(address));
    let name = format!("doorlight-{}.json", address.host.as_str().replace(':', "-"));
    match standing.report() {
        Some(report) => {
            let mut file: Value = serde_json::from_str(&report.to_json()).unwrap_or_default();
            if let Some(file) = file.as_object_mut() {
                file.insert("pem".into(), Value::String(standing.pem.clone()));
            }
            Exported { name, content: format!("{file:#}\n"), trouble: None }
        }
        None => {
            Exported { name, content: String::new(), trouble: Some(trouble("not-checked-yet", "")) }
        }
    }
}

async fn start_afresh(engine: &Engine) -> Result<(), Trouble> {
    if engine.store.with(|state| state.kept.pins.is_err()) {
        let begun = engine.store.begin_pins_anew().await;
        begun.map_err(|error| not_stored(&error))?;
        // Nothing is guarded any more, and so no home is asked, and no token kept.
        let homes: Vec<_> =
            engine.store.with(|state| state.kept.settings.homes.keys().cloned().collect());
        for address in &homes {
            engine.forget_home(address).await;
        }
        engine.store.note(None, Event::KeptAside, "pins".into()).await;
        engine.set_gate().await;
    }
    guarding::set_guard(engine).await.map_err(|error| trouble("gate-not-set", error))
}

/// Shows that each part works, and that an attacker with another key would be stopped.
async fn self_test(engine: &Engine, address: &Address) -> SelfTest {
    let step =
        |name: &str, works: bool, detail: String| SelfTestStep { name: name.into(), works, detail };
    let has_permission = guarding::may_guard(engine, &address.host).await;
    // In Firefox the listener holds pages; it is set in the first turn of the background's script,
    // or none of this would run.
    let has_gate = guarding::is_ready(engine, &address.host)
        && engine.ports().gate.is_shut(&address.host).await;
    let has_cover = gate::has_cover(&address.host).await;
    let workers = tabs::workers(address).await;
    engine.expire(Some(address)).await;
    engine.check(address).await;
    let standing = engine.store.with(|state| state.address(address));
    let codes = |report: &doorlight::verdict::report::Report| {
        report.decided_by.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (was_seen, is_trusted, found) = match standing.report() {
        Some(report) => {
            (report.certificate.is_some(), report.verdict == Verdict::Trusted, codes(report))
        }
        None => (false, false, String::new()),
    };
    let stopped = match (engine.store.with(|state| state.last_chain(address)), standing.report()) {
        (Some(chain), Some(report)) => {
            let mut stranger = SiteRecord::new(address.clone());
            stranger.pin(SpkiSha256::of(b"the key of somebody else"), Origin::Entered, now());
            let known: Vec<Certificate> =
                engine.store.with(|state| state.kept.intermediates.clone());
            let observation = observed_last(address, &chain, report.seen, now());
            let found = examine(&engine.store, &observation, Some(&stranger), &known).await;
            Some(found.report).filter(|report| report.verdict == Verdict::Danger)
        }
        _ => None,
    };
    SelfTest {
        steps: vec![
            step("permission", has_permission, guarding::patterns(engine, &address.host).join(" ")),
            step("gate", has_gate, String::new()),
            step("veil", has_cover, String::new()),
            step("capture", was_seen, engine.ports().capture.capture_name().into()),
            step("verdict", is_trusted, found),
            step("attacker", stopped.is_some(), stopped.as_ref().map(codes).unwrap_or_default()),
        ],
        workers,
        blocks_cookies: engine.ports().gate.can_block_cookies(),
    }
}
