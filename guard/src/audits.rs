//! The audit of an address: its logs are asked for proof, and the monitors for other certificates.
//!
//! ```text
//! alarm, a good check, "ask now" ─► Audits::audit ─┬► prove::ask_logs ─► heads, proof
//!                                                  └► monitor::look_up ──► watch record ─► notification, once
//!                                                                └──► evidence ─► (the engine) verdict, light
//! ```
//!
//! Nobody is asked whom the user did not allow, address by address ([`Consent`]). What is found is
//! written down before anybody is told of it; the name of a notification is the issuance's, so that
//! one told twice, because the background was killed in between, takes the first one's place.
//!
//! [`Consent`]: crate::settings::Consent

use core::time::Duration;

use doorlight::address::Address;
use doorlight::ct::heads::Heads;
use doorlight::ct::publication::Promises;
use doorlight::issuances::issuance::Issuance;
use doorlight::issuances::monitor::look_up;
use doorlight::issuances::monitor::query::Query;
use doorlight::issuances::watch::WatchRecord;
use doorlight::site::SiteRecord;
use doorlight::text::printable;
use doorlight::time::{DAY, Timestamp};
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::Outcome;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::chain::Chain;
use doorlight::x509::fingerprint::CertificateSha256;

use crate::audit::AuditState;
use crate::check::{examine, observed_last};
use crate::journal::Event;
use crate::ports::{Notification, Ports, Refused};
use crate::proof::Proof;
use crate::prove::{HeadMemory, ask_logs};
use crate::settings::Consent;
use crate::single_flight::{Flight, Flights};
use crate::sources::monitors;
use crate::state::State;
use crate::store::Store;
use crate::turn::Turn;

/// How often it is looked whether an audit is due, and a proof that is not settled asked for again.
pub const PERIOD: Duration = Duration::from_secs(3600);
/// How long one answer may take in the background, and all of a look: what was not answered by then
/// was not checked.
const UNHURRIED: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(120));
/// And while somebody waits at the gate.
const HURRIED: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(8));
/// How long a proof that could not be had is left alone while somebody waits at the gate.
const PAUSE: Duration = Duration::from_secs(60);
/// More new issuances than this are told in one notification.
const MAX_NOTIFICATIONS: usize = 3;

/// The audits, and which are under way. Cheap to clone: all are one.
#[derive(Debug)]
pub struct Audits<P> {
    store: Store<P>,
    running: Flights<Address>,
    /// One after the other: what audits know is read, changed and written as a whole.
    turn: Turn,
}

impl<P> Clone for Audits<P> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), running: self.running.clone(), turn: self.turn.clone() }
    }
}

impl<P: Ports> Audits<P> {
    /// The audits of a state.
    pub fn new(store: Store<P>) -> Self {
        Self { store, running: Flights::default(), turn: Turn::default() }
    }

    /// The audit that is under way.
    pub fn running(&self, address: &Address) -> Option<Flight> {
        self.running.running(address)
    }

    /// The audit under way, or one that begins now; after it, `then` is done.
    pub fn begin<F: Future<Output = ()> + 'static>(
        &self,
        address: &Address,
        is_forced: bool,
        then: impl FnOnce() -> F,
    ) -> Flight {
        self.running.join(self.store.ports(), address, || {
            let (audits, address, then) = (self.clone(), address.clone(), then());
            async move {
                audits.audit(&address, is_forced).await;
                then.await;
            }
        })
    }

    /// Asks whom the user allows, those whose time has come or all of them.
    async fn audit(&self, address: &Address, is_forced: bool) {
        let consent = self.store.with(|state| state.consent(address));
        if consent.logs {
            self.ask_logs(address, is_forced).await;
        }
        if consent.cert_spotter || consent.crt_sh {
            self.ask_monitors(address, consent, is_forced).await;
        }
    }

    /// While somebody waits at the gate, and the user wants no green without proof: asks the logs,
    /// unless they were asked about this certificate.
    pub async fn prove_at_the_gate(
        &self,
        address: &Address,
        certificate: &Certificate,
        promises: &Promises,
    ) {
        let (sha256, now) = (certificate.sha256(), self.store.now());
        let is_wanted = self.store.with(|state| wants_proof(state, address, sha256, now));
        if is_wanted && !self.store.ports().is_private() {
            self.prove(address, sha256, promises, HURRIED).await;
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
        let store = &self.store;
        // A proof without the history of its log would stand for both.
        let Ok(before) = store.noted(store.load_heads().await) else { return };
        let network = store.ports().network(each, in_all);
        let (found, _) = ask_logs(self, &network, promises, &before, store.now()).await;
        let mut proof = Proof {
            certificate,
            at: store.now(),
            evidence: found.evidence,
            reports: found.reports,
        };
        let _turn = self.turn.take().await;
        self.change(address, |audited| {
            // What is known stays so. A look that failed takes none of it away.
            if let Some(before) =
                audited.proof.take().filter(|before| before.certificate == certificate)
            {
                proof = proof.after(before);
            }
            audited.proof = Some(proof);
        })
        .await;
    }

    /// Changes what is kept of an address, in the turn of whoever calls, and leaves no trace of one
    /// that is guarded no longer.
    async fn change(&self, address: &Address, change: impl FnOnce(&mut AuditState)) {
        let store = &self.store;
        if !store.is_guarded(address) {
            return;
        }
        let changed = store.change(|state| {
            let audited = state.kept.audits.entry(address.clone()).or_default();
            let before = audited.clone();
            change(audited);
            (*audited != before).then(|| audited.clone())
        });
        if let Some(audited) = changed {
            let _ = store.noted(store.save_audited(address, Some(&audited)).await);
        }
    }

    /// About the certificate that was presented last.
    async fn ask_logs(&self, address: &Address, is_forced: bool) {
        let store = &self.store;
        let Some(chain) = store.with(|state| state.last_chain(address)) else { return };
        let (certificate, now) = (chain.leaf().sha256(), store.now());
        let (seen, record, intermediates) = store.with(|state| {
            let proof = state.kept.audits.get(address).and_then(|audited| audited.proof.as_ref());
            let is_due = proof.is_none_or(|proof| is_due(proof, certificate, now));
            let report = state.session.get(address).and_then(|known| known.report());
            let seen = report.filter(|_| is_forced || is_due).map(|report| report.seen);
            (seen, state.record(address).cloned(), state.kept.intermediates.clone())
        });
        let Some(seen) = seen else { return };
        let observation = observed_last(address, &chain, seen, now);
        let found = examine(store, &observation, record.as_ref(), &intermediates).await;
        self.prove(address, certificate, &found.promises, UNHURRIED).await;
    }

    async fn ask_monitors(&self, address: &Address, consent: Consent, is_forced: bool) {
        let store = &self.store;
        let at = store.now();
        let (settings, site) =
            store.with(|state| (state.kept.settings.clone(), state.record(address).cloned()));
        let sources = monitors(&settings, consent);
        let Some(site) = site else { return };
        let Ok(seed) = store.noted(store.seed().await) else { return };
        let Ok(watch) = store.noted(store.load_watch(address, at).await) else { return };
        let due =
            if is_forced { sources.monitors() } else { watch.due(&sources.monitors(), at, seed) };
        let found = if due.is_empty() {
            None
        } else {
            let network = store.ports().network(UNHURRIED.0, UNHURRIED.1);
            let chain = store.with(|state| {
                let report = state.session.get(address).and_then(|known| known.report());
                let is_doubted = report.is_none_or(|report| report.verdict == Verdict::Danger);
                state.last_chain(address).filter(|_| !is_doubted)
            });
            let leaf = chain.as_ref().map(Chain::leaf);
            let query = Query::new(&address.host, leaf, watch.asked.as_deref());
            let found =
                look_up(&network, query.as_ref(), &sources.only(&due), watch.knows(&site)).await;
            Some((found, query.map(|query| query.name().to_owned())))
        };
        let changed = self
            .change_watch(address, |watch, site| {
                match &found {
                    Some((found, asked)) => {
                        watch.asked.clone_from(asked);
                        drop(watch.take_in(found, site, at));
                    }
                    // The pins may have changed since the last look.
                    None => watch.reclassify(site),
                }
                watch.clone()
            })
            .await;
        let Some(watch) = changed else { return };
        for known in
            watch.issuances.iter().filter(|known| known.first_seen == at && known.is_alarming(at))
        {
            store.note(Some(address), Event::Issuance, issuer_of(&known.issuance)).await;
        }
        self.tell(address, &watch).await;
    }

    /// Changes a watch record in turn, and keeps it with what it has to say.
    async fn change_watch<T>(
        &self,
        address: &Address,
        change: impl FnOnce(&mut WatchRecord, &SiteRecord) -> T,
    ) -> Option<T> {
        let store = &self.store;
        let _turn = self.turn.take().await;
        let at = store.now();
        let mut watch = store.noted(store.load_watch(address, at).await).ok()?;
        let site = store.with(|state| state.record(address).cloned())?;
        let seed = store.noted(store.seed().await).ok()?;
        let before = watch.clone();
        let result = change(&mut watch, &site);
        if watch != before {
            // Without room for it the alarm is told all the same.
            store.save_watch(&watch).await;
        }
        let monitors =
            store.with(|state| monitors(&state.kept.settings, state.consent(address)).monitors());
        self.change(address, |audited| {
            audited.watch = watch.evidence(&monitors, at);
            audited.due = monitors.iter().map(|monitor| watch.next_due(*monitor, at, seed)).min();
        })
        .await;
        Some(result)
    }

    /// Tells the user of each unknown issuance once. Where the browser shows no notifications, they
    /// wait in popup and options, and are told when it does.
    async fn tell(&self, address: &Address, watch: &WatchRecord) {
        let ports = self.store.ports();
        let alarms = watch.due_alarms();
        let mut told = Vec::new();
        if alarms.len() > MAX_NOTIFICATIONS {
            if ports.notify(address, &Notification::Issuances(alarms.len())).await.is_ok() {
                told.extend(alarms.iter().map(|alarm| alarm.id.clone()));
            }
        } else {
            for alarm in &alarms {
                let notification =
                    Notification::Issuance { id: &alarm.id, issuance: &alarm.issuance };
                if ports.notify(address, &notification).await.is_ok() {
                    told.push(alarm.id.clone());
                }
            }
        }
        if !told.is_empty() {
            let at = self.store.now();
            self.change_watch(address, |watch, _| {
                for id in &told {
                    watch.told(id, at);
                }
            })
            .await;
        }
    }

    /// The user knows a certificate, or takes that back. True where that changed something.
    pub async fn acknowledge(&self, address: &Address, id: &str, is_known: bool) -> bool {
        let at = self.store.now();
        let changed = self
            .change_watch(address, |watch, _| {
                if is_known { watch.acknowledge(id, at) } else { watch.unacknowledge(id) }
            })
            .await
            == Some(true);
        if changed && is_known {
            self.store.note(Some(address), Event::Acknowledged, printable(id)).await;
        }
        changed
    }

    /// Forgets what audits found out about an address.
    pub async fn forget(&self, address: &Address) {
        let store = &self.store;
        let _turn = self.turn.take().await;
        store.change(|state| state.kept.audits.remove(address));
        let _ = store.noted(store.save_audited(address, None).await);
        let _ = store.noted(store.forget_watch(address).await);
    }
}

impl<P: Ports> HeadMemory for Audits<P> {
    type Failure = Refused;

    async fn change_heads(&self, change: impl FnOnce(Heads) -> Heads) -> Result<(), Refused> {
        let _turn = self.turn.take().await;
        let store = &self.store;
        let kept = store.noted(store.load_heads().await)?;
        store.noted(store.save_heads(&change(kept)).await)
    }
}

/// True where the logs are asked while somebody waits at the gate.
pub fn wants_proof(
    state: &State,
    address: &Address,
    certificate: CertificateSha256,
    now: Timestamp,
) -> bool {
    let known = state.kept.audits.get(address).and_then(|audited| audited.proof.as_ref());
    let is_known = known.is_some_and(|proof| {
        proof.certificate == certificate && (proof.is_settled() || now.since(proof.at) < PAUSE)
    });
    state.kept.settings.requires_proof && state.consent(address).logs && !is_known
}

/// True where something is to be asked about an address after a check, as far as is known without
/// reading its watch record: or where a changed record may say something else of what was found.
pub fn has_work(state: &State, address: &Address, now: Timestamp) -> bool {
    let consent = state.consent(address);
    let audited = state.kept.audits.get(address);
    let seen = state.session.get(address).and_then(|known| known.certificate());
    let logs = consent.logs
        && seen.is_some_and(|seen| {
            audited.and_then(|one| one.proof.as_ref()).is_none_or(|proof| is_due(proof, seen, now))
        });
    let monitors = (consent.cert_spotter || consent.crt_sh)
        && audited.is_none_or(|audited| {
            audited.due.is_none_or(|due| due <= now)
                || audited.watch.iter().any(|one| one.outcome != Outcome::Pass)
        });
    logs || monitors
}

/// True where the logs are to be asked for proof again.
pub fn is_due(proof: &Proof, certificate: CertificateSha256, now: Timestamp) -> bool {
    let wait = if proof.is_settled() { DAY } else { PERIOD };
    proof.certificate != certificate || proof.at > now || now.since(proof.at) >= wait
}

/// Who issued it, as people call them.
pub fn issuer_of(issuance: &Issuance) -> String {
    printable(issuance.issuer.organisation.as_ref().unwrap_or(&issuance.issuer.name))
}
