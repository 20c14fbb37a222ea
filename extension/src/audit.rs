//! The audit of an address: its logs are asked for proof, and the monitors for other certificates.
//!
//! ```text
//! alarm, a good check, "ask now" ─► Keeper::audit ─┬► publication::audit ─► heads, proof      (storage.local)
//!                                                  └► monitor::look_up ──► watch record ─► notification, once
//!                                                                └──► evidence ─► the standing's report ─► light
//! ```
//!
//! Nobody is asked whom the user did not allow, address by address ([`Consent`]). What is found is written down before anybody is told of it; the name
//! of a notification is the issuance's, so that one told twice, because the background was killed in between, takes the first one's place.
//!
//! Private windows have a background of their own in Chromium, which leaves audits to the other one.

mod proof;
mod shown;

use core::time::Duration;
use std::collections::BTreeSet;
use std::rc::Rc;

use doorlight::address::{Address, Host};
use doorlight::certificate::Certificate;
use doorlight::ct::monitor::{Sources, look_up};
use doorlight::ct::publication::{self, Promises};
use doorlight::evidence::{Check, Evidence};
use doorlight::fingerprint::CertificateSha256;
use doorlight::issuance::Issuance;
use doorlight::report::Report;
use doorlight::site::SiteRecord;
use doorlight::text::printable;
use doorlight::time::{DAY, Timestamp};
use doorlight::watch::{self, WatchRecord};
use doorlight_browser::now;
use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

pub use self::proof::Proof;
use crate::api;
use crate::gate;
use crate::journal::Event;
use crate::keeper::Keeper;
use crate::keeper::check::last_chain;
use crate::log_list;
use crate::message::Needs;
use crate::network::{Network, pattern};
use crate::settings::{Consent, LocalHome, Settings};
use crate::store;

/// The alarm that looks whether an audit is due.
pub const ALARM: &str = "audit";
/// How often it goes off.
pub const PERIOD: Duration = Duration::from_secs(3600);
/// When it goes off first.
const FIRST: Duration = Duration::from_secs(120);
/// How long one answer may take in the background, and all of a look: what was not answered by then was not checked.
const UNHURRIED: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(120));
/// And while somebody waits at the gate.
const HURRIED: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(8));
/// How long a proof that could not be had is left alone while somebody waits at the gate.
const PAUSE: Duration = Duration::from_secs(60);
/// More new issuances than this are told in one notification.
const MAX_NOTIFICATIONS: usize = 3;

/// What the audits of an address have found. Small: it is read at every start of the background.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Audited {
    /// What the logs proved.
    pub proof: Option<Proof>,
    /// What the watch has to say.
    pub watch: Vec<Evidence>,
    /// When the monitors are asked again.
    pub due: Option<Timestamp>,
}

/// True for findings of an audit, which outlive the check that they are added to.
fn is_deep(evidence: &Evidence) -> bool {
    matches!(evidence.check, Check::Inclusion | Check::Consistency | Check::Issuances | Check::HomeVersion)
}

/// Which monitors the user allows, and where they are.
fn sources<'a>(settings: &'a Settings, consent: Consent) -> Sources<'a> {
    fn place<'a>(own: &'a str, public: Option<&'static str>) -> Option<&'a str> {
        let own = own.trim().trim_end_matches('/');
        if own.is_empty() { public } else { Some(own) }
    }
    Sources {
        cert_spotter: place(&settings.cert_spotter, Sources::PUBLIC.cert_spotter)
            .filter(|_| consent.cert_spotter),
        crt_sh: place(&settings.crt_sh, Sources::PUBLIC.crt_sh).filter(|_| consent.crt_sh),
    }
}

impl Keeper {
    /// Whom the user allows to be asked about an address.
    pub fn consent(&self, address: &Address) -> Consent {
        self.kept.borrow().settings.consents.get(address).copied().unwrap_or_default()
    }

    /// The checks without which an address is not green, beside the core's own.
    pub fn also_required(&self) -> Vec<Check> {
        let kept = self.kept.borrow();
        let mut required = Vec::new();
        if kept.settings.requires_ct {
            required.push(Check::CtPolicy);
        }
        if kept.settings.requires_proof {
            required.push(Check::Inclusion);
        }
        required
    }

    /// Adds to a report what the audits have found, in the place of what they had found before.
    pub fn deepen(&self, address: &Address, report: &mut Report) {
        if report.certificate.is_none() {
            return;
        }
        let mut evidence = Vec::new();
        report.evidence.retain(|one| !is_deep(one));
        report.publication.clear();
        let seen = report.certificate.as_ref().map(|certificate| certificate.sha256);
        let consent = self.consent(address);
        if let Some(audited) = self.audits.borrow().get(address) {
            if let Some(proof) = audited.proof.as_ref().filter(|proof| Some(proof.certificate) == seen) {
                evidence.extend(proof.evidence.iter().cloned());
                report.publication = proof.reports.clone();
            }
            if consent.cert_spotter || consent.crt_sh {
                evidence.extend(audited.watch.iter().cloned());
            }
        }
        evidence.extend(self.version_evidence(address));
        report.add(evidence, &self.also_required());
    }

    /// While somebody waits at the gate, and the user wants no green without proof: asks the logs, unless they were asked about this certificate.
    pub async fn prove_at_the_gate(&self, address: &Address, certificate: &Certificate, promises: &Promises) {
        if api::is_private() {
            return;
        }
        let is_wanted = self.kept.borrow().settings.requires_proof && self.consent(address).logs;
        let is_known =
            self.audits.borrow().get(address).and_then(|audited| audited.proof.as_ref()).is_some_and(
                |proof| {
                    proof.certificate == certificate.sha256()
                        && (proof.is_settled() || now().since(proof.at) < PAUSE)
                },
            );
        if is_wanted && !is_known {
            self.prove(address, certificate.sha256(), promises, HURRIED).await;
        }
    }

    /// Asks the logs, and keeps what they said.
    async fn prove(
        &self,
        address: &Address,
        certificate: CertificateSha256,
        promises: &Promises,
        (each, in_all): (Duration, Duration),
    ) {
        let at = now();
        let heads = self.noted(store::load_heads(at).await);
        let Ok(heads) = heads else { return };
        let found = publication::audit(&Network::new(each, in_all), promises, &heads, at).await;
        {
            // Another audit may have learnt something meanwhile.
            let _turn = self.audit_turn.take().await;
            if let Ok(kept) = self.noted(store::load_heads(at).await) {
                let mut learnt = found.heads;
                // Only then: a head that this audit has linked to a later one would wait to be linked again.
                if kept != heads {
                    learnt.merge(&kept, at);
                }
                let _ = self.noted(store::save_heads(&learnt).await);
            }
        }
        let mut proof = Proof { certificate, at: now(), evidence: found.evidence, reports: found.reports };
        let _turn = self.audit_turn.take().await;
        self.change_audited(address, |audited| {
            // What is known stays so. A look that failed takes none of it away.
            if let Some(before) = audited.proof.take().filter(|before| before.certificate == certificate) {
                proof = proof.after(before);
            }
            audited.proof = Some(proof);
        })
        .await;
    }

    /// Changes what is kept of an address, in the turn of whoever calls, and leaves no trace of one that is guarded no longer.
    async fn change_audited(&self, address: &Address, change: impl FnOnce(&mut Audited)) {
        if !self.is_guarded(address) {
            return;
        }
        let changed = {
            let mut audits = self.audits.borrow_mut();
            let audited = audits.entry(address.clone()).or_default();
            let before = audited.clone();
            change(audited);
            (*audited != before).then(|| audited.clone())
        };
        if let Some(audited) = changed {
            let _ = self.noted(store::save_audited(address, Some(&audited)).await);
        }
    }

    /// Audits an address. Whoever asks meanwhile waits for the same audit; whoever wants all of them asked, for one after it.
    pub async fn audit(self: &Rc<Self>, address: &Address, is_forced: bool) {
        if api::is_private() {
            return;
        }
        let mut running = self.auditing.borrow().get(address).cloned();
        if let Some(before) = running.as_ref().filter(|_| is_forced) {
            // It may be one that asks only those whose time has come.
            let _ = JsFuture::from(before.clone()).await;
            running = self.auditing.borrow().get(address).cloned();
        }
        let audit = running.unwrap_or_else(|| {
            let audit: Promise = future_to_promise({
                let (keeper, address) = (Rc::clone(self), address.clone());
                async move {
                    keeper.audit_now(&address, is_forced).await;
                    keeper.auditing.borrow_mut().remove(&address);
                    Ok(JsValue::UNDEFINED)
                }
            });
            self.auditing.borrow_mut().insert(address.clone(), audit.clone());
            audit
        });
        // The audit itself cannot fail.
        let _ = JsFuture::from(audit).await;
    }

    /// True while an address is being audited.
    pub fn is_auditing(&self, address: &Address) -> bool {
        self.auditing.borrow().contains_key(address)
    }

    async fn audit_now(self: &Rc<Self>, address: &Address, is_forced: bool) {
        let consent = self.consent(address);
        if consent.logs {
            self.ask_logs(address, is_forced).await;
        }
        if consent.cert_spotter || consent.crt_sh {
            self.ask_monitors(address, consent, is_forced).await;
        }
        self.redecide(address).await;
    }

    /// About the certificate that was presented last.
    async fn ask_logs(&self, address: &Address, is_forced: bool) {
        let standing = self.standing(address);
        let Some(chain) = last_chain(self, address) else { return };
        let certificate = chain.leaf().sha256();
        let is_due = self.audits.borrow().get(address).and_then(|audited| audited.proof.as_ref()).is_none_or(
            |proof| {
                let wait = if proof.is_settled() { DAY } else { PERIOD };
                proof.certificate != certificate || proof.at > now() || now().since(proof.at) >= wait
            },
        );
        let Some(report) = standing.report.filter(|_| is_forced || is_due) else { return };
        let record = self.record(address);
        let intermediates = self.kept.borrow().intermediates.clone();
        let found = self.examine(address, &chain, report.seen, now(), record.as_ref(), &intermediates).await;
        self.prove(address, certificate, &found.promises, UNHURRIED).await;
    }

    async fn ask_monitors(self: &Rc<Self>, address: &Address, consent: Consent, is_forced: bool) {
        let at = now();
        let settings = self.kept.borrow().settings.clone();
        let sources = sources(&settings, consent);
        let Some(site) = self.record(address) else { return };
        let Ok(seed) = self.noted(store::seed().await) else { return };
        let Ok(watch) = self.noted(self.load_watch(address, at).await) else { return };
        let due = if is_forced { sources.monitors() } else { watch.due(&sources.monitors(), at, seed) };
        let found = if due.is_empty() {
            None
        } else {
            let (each, in_all) = UNHURRIED;
            let network = Network::new(each, in_all);
            Some(look_up(&network, &address.host, &sources.only(&due), watch.knows(&site)).await)
        };
        let changed = self
            .change_watch(address, |watch, site| {
                match &found {
                    Some(found) => drop(watch.take_in(found, site, at)),
                    // The pins may have changed since the last look.
                    None => watch.reclassify(site),
                }
                watch.clone()
            })
            .await;
        let Some(watch) = changed else { return };
        for known in watch.issuances.iter().filter(|known| known.first_seen == at && known.is_alarming(at)) {
            self.note(Some(address), Event::Issuance, issuer_of(&known.issuance)).await;
        }
        self.tell(address, &watch).await;
    }

    /// The watch record: the one that could not be kept last, or the one that is kept.
    async fn load_watch(&self, address: &Address, at: Timestamp) -> Result<WatchRecord, api::ApiError> {
        let unsaved = self.unsaved_watches.borrow().get(address).cloned();
        match unsaved {
            Some(watch) => Ok(watch),
            None => store::load_watch(address, at).await,
        }
    }

    /// Changes a watch record in turn, and keeps it with what it has to say.
    async fn change_watch<T>(
        &self,
        address: &Address,
        change: impl FnOnce(&mut WatchRecord, &SiteRecord) -> T,
    ) -> Option<T> {
        let _turn = self.audit_turn.take().await;
        let at = now();
        let mut watch = self.noted(self.load_watch(address, at).await).ok()?;
        let site = self.record(address)?;
        let seed = self.noted(store::seed().await).ok()?;
        let before = watch.clone();
        let result = change(&mut watch, &site);
        if watch != before {
            // Without room for it the alarm is told all the same.
            let saved = self.noted(store::save_watch(&watch).await);
            let mut unsaved = self.unsaved_watches.borrow_mut();
            match saved {
                Ok(()) => drop(unsaved.remove(address)),
                Err(_) => drop(unsaved.insert(address.clone(), watch.clone())),
            }
        }
        let settings = self.kept.borrow().settings.clone();
        let monitors = sources(&settings, self.consent(address)).monitors();
        self.change_audited(address, |audited| {
            audited.watch = watch.evidence(&monitors, at);
            audited.due = monitors.iter().map(|monitor| watch.next_due(*monitor, at, seed)).min();
        })
        .await;
        Some(result)
    }

    /// Tells the user of each unknown issuance once. Where the browser shows no notifications, they wait in popup and options, and are told when it does.
    async fn tell(&self, address: &Address, watch: &WatchRecord) {
        let alarms = watch.due_alarms();
        let host = address.host.as_str();
        let title = api::text("notify_issuance_title", &[]);
        let mut told = Vec::new();
        if alarms.len() > MAX_NOTIFICATIONS {
            let text = api::text("notify_many_text", &[&alarms.len().to_string(), host]);
            if api::notify(&format!("many {address}"), &title, &text).await.is_ok() {
                told.extend(alarms.iter().map(|alarm| alarm.id.clone()));
            }
        } else {
            for watch::Alarm { id, issuance, .. } in &alarms {
                let text = api::text("notify_issuance_text", &[host, &issuer_of(issuance)]);
                if api::notify(&format!("{id} {address}"), &title, &text).await.is_ok() {
                    told.push(id.clone());
                }
            }
        }
        if !told.is_empty() {
            let at = now();
            self.change_watch(address, |watch, _| {
                for id in &told {
                    watch.told(id, at);
                }
            })
            .await;
        }
    }

    /// The user knows a certificate, or takes that back.
    pub async fn acknowledge(self: &Rc<Self>, address: &Address, id: &str, is_known: bool) {
        let at = now();
        let changed =
            self.change_watch(address, |watch, _| {
                if is_known { watch.acknowledge(id, at) } else { watch.unacknowledge(id) }
            })
            .await;
        if changed == Some(true) {
            if is_known {
                self.note(Some(address), Event::Acknowledged, printable(id)).await;
            }
            self.redecide(address).await;
        }
    }

    /// Notes that something could not be kept; unlike a success, which says nothing about what could not be kept before.
    pub fn noted<T>(&self, result: Result<T, api::ApiError>) -> Result<T, api::ApiError> {
        if let Err(error) = &result {
            self.stored(Err(error.clone()));
        }
        result
    }

    /// Sets the alarm where somebody may be asked.
    pub async fn set_audit_alarm(&self) {
        let settings = self.kept.borrow().settings.clone();
        let is_asking = settings.consents.values().any(|one| *one != Consent::default());
        if is_asking || settings.renews_log_list || !settings.homes.is_empty() {
            // Without it, audits are made after checks and when the user asks.
            let _ = api::set_repeated_alarm(ALARM, FIRST, PERIOD).await;
        } else {
            api::clear_alarm(ALARM).await;
        }
    }

    /// Forgets what audits found out about an address.
    pub async fn forget_audits(&self, address: &Address) {
        let _turn = self.audit_turn.take().await;
        self.audits.borrow_mut().remove(address);
        self.unsaved_watches.borrow_mut().remove(address);
        let _ = self.noted(store::save_audited(address, None).await);
        let _ = self.noted(store::forget_watch(address).await);
    }

    /// Decides the standing anew with what the audits have found.
    pub async fn redecide(self: &Rc<Self>, address: &Address) {
        let (before, after) = {
            let mut standings = self.standings.borrow_mut();
            let Some(standing) = standings.get_mut(address) else { return };
            let Some(change) = standing.redecide(|report| self.deepen(address, report), now()) else {
                return;
            };
            change
        };
        self.decided_anew(address, before, after).await;
    }

    /// Audits what is due, now that the background is awake anyway.
    pub async fn audit_due(self: &Rc<Self>) {
        self.renew_log_list(false).await;
        self.ask_homes_due().await;
        for address in self.guarded() {
            self.audit(&address, false).await;
        }
    }

    /// After a check: asks on, without anybody waiting for it.
    pub fn audit_later(self: &Rc<Self>, address: &Address) {
        if self.consent(address) != Consent::default() {
            let (keeper, address) = (Rc::clone(self), address.clone());
            spawn_local(async move { keeper.audit(&address, false).await });
        }
    }

    /// The hosts that are asked about addresses, as far as the settings tell: a permission for one of them does not say that it is guarded.
    pub fn asked_hosts(&self) -> BTreeSet<Host> {
        let settings = self.kept.borrow().settings.clone();
        let needs = self.needs(&settings);
        let is_any = |is_in: fn(&Consent) -> bool| settings.consents.values().any(is_in);
        let patterns = [
            (is_any(|consent| consent.logs), needs.logs),
            (is_any(|consent| consent.cert_spotter), needs.cert_spotter),
            (is_any(|consent| consent.crt_sh), needs.crt_sh),
            (settings.renews_log_list, needs.log_list),
        ];
        let patterns =
            patterns.into_iter().filter(|(is_asked, _)| *is_asked).flat_map(|(_, patterns)| patterns);
        let homes = settings.homes.iter();
        let homes =
            homes.filter_map(|(address, home)| Some(LocalHome::place(&home.local, &address.host).ok()?.host));
        let mut hosts: BTreeSet<Host> =
            patterns.filter_map(|pattern| gate::host_of_pattern(&pattern)).chain(homes).collect();
        for address in settings.consents.keys().chain(settings.homes.keys()) {
            hosts.remove(&address.host);
        }
        hosts
    }

    /// The host patterns that each source needs.
    fn needs(&self, settings: &Settings) -> Needs {
        let all = Consent { logs: true, cert_spotter: true, crt_sh: true };
        let of = |url: Option<&str>| url.and_then(pattern).into_iter().collect::<Vec<_>>();
        let sources = sources(settings, all);
        let believed = Rc::clone(&self.believed.borrow());
        let mut logs = Vec::new();
        if let Some(list) = believed.log_lists.judging(now()) {
            logs.extend(list.logs.iter().filter_map(|log| pattern(log.access.as_ref()?.url())));
        }
        logs.sort();
        logs.dedup();
        Needs {
            logs,
            cert_spotter: of(sources.cert_spotter),
            crt_sh: of(sources.crt_sh),
            log_list: of(Some(log_list::place(settings))),
        }
    }
}

/// Who issued it, as people call them.
fn issuer_of(issuance: &Issuance) -> String {
    printable(issuance.issuer.organisation.as_ref().unwrap_or(&issuance.issuer.name))
}
