//! From a look at an address to what is thought of it.
//!
//! ```text
//! look ─► judge: the core, a missing intermediate, the home's word, the logs' proof
//!           ─► conclude: site record ─► session ─► (the engine) gate, journal, light
//! ```
//!
//! The order in [`conclude`] matters: everything is written down before the gate opens, so that a
//! background that is killed at any point leaves the gate shut, or an open one with its end in
//! storage.

use core::time::Duration;

use doorlight::address::Address;
use doorlight::ct::policy;
use doorlight::site::pins::Pins;
use doorlight::site::{Continuity, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Outcome};
use doorlight::verdict::examination::{self, Conclusion, Examination, Knowledge, Site, Step};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::chain::Chain;
use doorlight::x509::signature::Answers;

use crate::basis::Basis;
use crate::journal::Event;
use crate::ports::{Captured, Clock, Consult, Network, News, Storage, Unseen};
use crate::session::{Attempt, Concluded, Outdated, opens};
use crate::state::codes_of;
use crate::store::Store;
use crate::trust;

/// How often a look is taken again because the network changed under it.
pub const MAX_LOOKS: u32 = 3;
/// How many issuers up the chain are fetched.
const MAX_FETCHES: u32 = 3;
/// How often the home is asked while somebody waits at the gate. For some seconds after a renewal
/// it still names the certificate from before.
const TRIES: u32 = 3;
/// How long it is left alone between two of them.
const BETWEEN: Duration = Duration::from_secs(2);

/// What came of a look.
#[derive(Debug)]
pub struct Judged {
    /// What the core thinks of it.
    report: Report,
    pem: String,
    /// The chain, and what it means for the site record.
    chain: Option<(Chain, Option<Continuity>)>,
    /// What it was judged by; `None` where nothing was.
    basis: Option<Basis>,
}

impl Judged {
    /// No certificate was seen.
    pub fn unseen(address: &Address, at: Timestamp, unseen: &Unseen) -> Self {
        let report = examination::unseen(address, at, unseen.code, &unseen.reason);
        Self { report, pem: String::new(), chain: None, basis: None }
    }

    /// The same with what audits and the home say beside it.
    pub fn whole<P: Clock + Storage>(&self, store: &Store<P>, address: &Address) -> Report {
        store.with(|state| self.report.with(&state.added(address, &self.report)))
    }

    /// The network kept changing under it.
    pub fn unsteady(address: &Address, at: Timestamp) -> Self {
        let reason = "the network keeps changing".into();
        Self::unseen(address, at, &Unseen { code: Code::CertificateTimedOut, reason })
    }
}

/// Judges what was presented. Only intermediates are remembered, and what home and logs said.
pub async fn judge<P: Clock + Storage + Network>(
    store: &Store<P>,
    consult: &impl Consult,
    address: &Address,
    captured: &Captured,
) -> Judged {
    let at = store.now();
    let pem = captured.ders.iter().filter_map(|der| Certificate::from_der(der).ok());
    let pem = pem.map(|certificate| certificate.pem()).collect();
    let chain = match Chain::presented(&captured.ders) {
        Ok(chain) => chain,
        Err(error) => {
            let report = examination::unreadable(address, at, captured.seen, error);
            return Judged { report, pem, chain: None, basis: None };
        }
    };
    let mut intermediates = store.with(|state| state.kept.intermediates.clone());
    let observation = Observation {
        address: address.clone(),
        at,
        chain,
        seen: captured.seen,
        // The browser does not finish a handshake that is not signed by the certificate's key (RFC
        // 8446 section 4.4.3).
        possession: Possession::Proven,
    };
    let known = || store.with(|state| (state.record(address).cloned(), state.basis(address)));
    let (record, mut basis) = known();
    let mut found = examine(store, &observation, record.as_ref(), &intermediates).await;
    for _ in 0..MAX_FETCHES {
        let fetched = store.ports().missing_issuers(&found.report).await;
        if fetched.is_empty() {
            break;
        }
        intermediates.extend(fetched);
        found = examine(store, &observation, record.as_ref(), &intermediates).await;
    }
    if found.report.verdict == Verdict::Trusted {
        let others = [observation.chain.others(), &intermediates].concat();
        if store.change(|state| state.kept.add_intermediates(&others)) {
            store.save_intermediates().await;
        }
    }
    for tries_left in (0..TRIES).rev() {
        match consult.home(address, &found.report).await {
            News::None => break,
            // It may name the certificate from before, for some seconds after a renewal.
            News::Wait if tries_left > 0 => store.ports().sleep(BETWEEN).await,
            News::Wait => {}
            News::Other => {
                let (record, anew) = known();
                basis = anew;
                found = examine(store, &observation, record.as_ref(), &intermediates).await;
            }
        }
    }
    consult.proof(address, observation.chain.leaf(), &found.promises).await;
    let Conclusion { report, continuity, .. } = found;
    Judged { report, pem, chain: Some((observation.chain, continuity)), basis: Some(basis) }
}

/// Judges what was observed in the light of a record; nothing is remembered.
pub async fn examine<P: Clock + Storage + Network>(
    store: &Store<P>,
    observation: &Observation,
    record: Option<&SiteRecord>,
    intermediates: &[Certificate],
) -> Conclusion {
    let trust = trust::current(store).await;
    let (is_readable, also_required) =
        store.with(|state| (state.kept.pins.is_ok(), state.also_required()));
    let site = match record {
        Some(record) => Site::Record(record),
        None if is_readable => Site::Unknown,
        None => Site::Unreadable,
    };
    let knowledge = Knowledge {
        roots: &trust.roots,
        log_lists: &trust.log_lists,
        policy: &policy::CHROME,
        intermediates,
        site,
        also_required: &also_required,
    };
    let examination = Examination::new(observation, knowledge);
    let mut answers = Answers::new();
    // Every round answers signatures that were open, and a chain has only so many pairs of them.
    loop {
        match examination.step(&answers) {
            Step::Done(conclusion) => return *conclusion,
            Step::Ask(checks) => {
                let good = store.ports().verify(&checks).await;
                for (check, good) in checks.into_iter().zip(good) {
                    answers.insert(check, good);
                }
            }
        }
    }
}

/// The chain of the last check, as it was observed, judged at `at`.
pub fn observed_last(address: &Address, chain: &Chain, seen: Seen, at: Timestamp) -> Observation {
    Observation {
        address: address.clone(),
        at,
        chain: chain.clone(),
        seen,
        possession: Possession::Proven,
    }
}

/// Takes in what a look came to: pins first, then the session. The engine sets the gate by it.
///
/// # Errors
/// What the attempt saw counts no longer; nothing is concluded then.
pub async fn conclude<P: Clock + Storage>(
    store: &Store<P>,
    address: &Address,
    judged: Judged,
    attempt: Attempt,
) -> Result<Option<Concluded>, Outdated> {
    if !store.is_guarded(address) {
        return Ok(None);
    }
    store.with(|state| state.session.is_current(&attempt))?;
    let whole = judged.whole(store, address);
    let Judged { report, pem, chain, mut basis } = judged;
    // What the home has told meanwhile, or what was pinned by another background, makes nothing good
    // that was judged without it. What is bad stays so.
    if opens(&whole) && basis != Some(store.with(|state| state.basis(address))) {
        return Err(Outdated);
    }
    let (verdict, at) = (whole.verdict, whole.at);
    if let Some((chain, Some(continuity))) = &chain {
        let remember = |pins: &mut Pins| {
            pins.site_mut(address).remember(chain.leaf(), *continuity, verdict, at);
        };
        let has_changed =
            store.change_pins_in_memory(remember).is_some_and(|((), changed)| changed);
        // With what the check itself has changed of the record.
        basis = Some(store.with(|state| state.basis(address)));
        if has_changed {
            store.save_pins().await;
        }
    }
    let now = store.now();
    let concluded = store.change(|state| {
        // Storing took its time, and an audit may have ended meanwhile, or the home been heard.
        let added = state.added(address, &report);
        let now_by = state.basis(address);
        if opens(&report.with(&added)) && basis != Some(now_by) {
            return Err(Outdated);
        }
        let reuse = state.kept.settings.reuse();
        state.session.conclude(attempt, (report, added), pem, reuse, now_by, now)
    })?;
    Ok(Some(concluded))
}

/// What the journal tells of a check, and whether somebody else may have stored something under the
/// name of the address.
pub fn events(concluded: &Concluded, report: &Report) -> (Vec<(Event, String)>, bool) {
    let codes = codes_of(report);
    let mut events = Vec::new();
    if concluded.has_other_certificate {
        events.push((Event::Changed, codes.clone()));
    }
    if concluded.before == Some(concluded.verdict) {
        return (events, false);
    }
    events.push((event_of(concluded.verdict), codes));
    // A version that is blocked says nothing about who answers.
    let mut evidence = report.evidence.iter();
    let is_about_certificate =
        evidence.any(|one| one.outcome == Outcome::Fail && one.check != Check::HomeVersion);
    (events, concluded.verdict == Verdict::Danger && is_about_certificate)
}

fn event_of(verdict: Verdict) -> Event {
    match verdict {
        Verdict::Trusted => Event::Trusted,
        Verdict::Attention => Event::Attention,
        Verdict::Danger => Event::Danger,
        Verdict::Unchecked => Event::Unchecked,
    }
}

/// True where the key alone keeps a report from being green: the user may answer for it.
pub fn asks_for_key(report: &Report) -> bool {
    report.verdict == Verdict::Attention
        && report.evidence.iter().any(|one| one.check == Check::Pin && one.outcome == Outcome::Note)
}
