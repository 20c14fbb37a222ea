//! What is known of an address in this session: the last check, how long it counts, and whether the
//! gate is open. Pure.

use core::ops::Deref;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use doorlight::address::Address;
use doorlight::ct::publication::PublicationReport;
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Evidence, Outcome};
use doorlight::verdict::report::{Added, Report};
use doorlight::x509::fingerprint::CertificateSha256;
use serde::{Deserialize, Serialize};

use crate::basis::Basis;
use crate::light::Light;
use crate::storage::written;

/// What is known of one address. It ends with the browser's session: a browser that starts knows
/// nothing, and every gate is shut.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct AddressState {
    /// The last check, as the core made it, and what audits and the home add to it.
    judged: Option<(Report, Added)>,
    /// Both in one: follows from them.
    report: Option<Report>,
    /// The certificates that it was about, PEM.
    pub pem: String,
    /// When it was made; nothing counts before it, so that a clock set back does not keep the gate
    /// open.
    pub checked_at: Option<Timestamp>,
    /// Until when it counts.
    pub fresh_until: Option<Timestamp>,
    /// Since when the light has its colour.
    pub since: Option<Timestamp>,
    /// The user went past the gate.
    pub exception: Option<Exception>,
    /// What it was judged by: [`crate::state::State`] lets nothing pass that was judged by anything
    /// else. `None` for a check that version 0.1.0 has stored, which counts to its end.
    pub basis: Option<Basis>,
}

/// The same as it is stored.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    /// As the core made it.
    report: Option<Report>,
    /// `None` where version 0.1.0 wrote it, whose reports hold it.
    added: Option<Vec<Evidence>>,
    publication: Vec<PublicationReport>,
    also_required: Vec<Check>,
    pem: String,
    checked_at: Option<Timestamp>,
    fresh_until: Option<Timestamp>,
    since: Option<Timestamp>,
    exception: Option<Exception>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<Basis>,
}

impl From<AddressState> for Stored {
    fn from(state: AddressState) -> Self {
        let AddressState { judged, pem, checked_at, fresh_until, since, exception, basis, .. } =
            state;
        let (report, added) = judged.unzip();
        let added = added.unwrap_or_default();
        Self {
            added: report.is_some().then_some(added.evidence),
            report,
            publication: added.publication,
            also_required: added.also_required,
            pem,
            checked_at,
            fresh_until,
            since,
            exception,
            basis,
        }
    }
}

impl From<Stored> for AddressState {
    fn from(stored: Stored) -> Self {
        let Stored { pem, checked_at, fresh_until, since, exception, basis, .. } = stored;
        let mut state =
            Self { pem, checked_at, fresh_until, since, exception, basis, ..Self::default() };
        let Stored { publication, also_required, .. } = stored;
        match (stored.report, stored.added) {
            (Some(report), Some(evidence)) => {
                state.decide(report, Added { evidence, publication, also_required });
            }
            (Some(report), None) => {
                let (judged, added) = taken_apart(&report);
                state.decide(judged, added);
            }
            (None, _) => {}
        }
        state
    }
}

/// A report of version 0.1.0: as the core had made it, and what had been added.
fn taken_apart(report: &Report) -> (Report, Added) {
    let added = [Check::Inclusion, Check::Consistency, Check::Issuances, Check::HomeVersion];
    let evidence = report.evidence.iter().filter(|one| added.contains(&one.check));
    // What was asked for beside the core's own checks is not in it. Settings ask for two: a light
    // that was not green, which may be for that, stays so.
    let also_required = match report.verdict {
        Verdict::Unchecked => vec![Check::CtPolicy, Check::Inclusion],
        Verdict::Trusted | Verdict::Attention | Verdict::Danger => Vec::new(),
    };
    let added_to_it = Added {
        evidence: evidence.cloned().collect(),
        publication: report.publication.clone(),
        also_required,
    };
    (report.without(&added), added_to_it)
}

/// The user's way past the gate. It ends with the session, as soon as another certificate is seen,
/// when a good check needs it no more, and with a Danger that there was not when the user was
/// asked. While none is seen, one that was given for a certificate rests: else whoever keeps the
/// probe from its answer could put another certificate in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exception {
    /// Since when.
    pub since: Timestamp,
    /// The certificate that it is for; `None` where none was seen.
    pub certificate: Option<CertificateSha256>,
    /// What was last thought of it.
    pub verdict: Verdict,
}

impl Exception {
    /// What a report leaves of it.
    fn after(self, report: &Report) -> Option<Self> {
        let seen = report.certificate.as_ref().map(|one| one.sha256);
        let is_other = seen.is_some() && self.certificate != seen;
        let is_worse = report.verdict == Verdict::Danger && self.verdict != Verdict::Danger;
        if opens(report) || is_other || is_worse {
            return None;
        }
        let is_about_it = self.certificate == seen;
        Some(if is_about_it { Self { verdict: report.verdict, ..self } } else { self })
    }
}

/// Whether a request may pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The last check was good and still counts.
    Open,
    /// The user said so, and the certificate is still the same.
    Exception,
    /// Not without a check.
    Shut,
}

impl Way {
    /// True for both ways of being open.
    pub fn is_open(self) -> bool {
        self != Self::Shut
    }
}

/// True where a report opens the gate: green, or amber for a reason other than the key. A shortfall
/// in the logs informs and never blocks; a key that nobody confirmed does.
pub fn opens(report: &Report) -> bool {
    let has_good_pin =
        report.evidence.iter().any(|one| one.check == Check::Pin && one.outcome == Outcome::Pass);
    match report.verdict {
        Verdict::Trusted => true,
        Verdict::Attention => has_good_pin,
        Verdict::Danger | Verdict::Unchecked => false,
    }
}

impl AddressState {
    /// The last check, with what audits and the home add to it.
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// The last check as the core made it.
    pub fn judged(&self) -> Option<&Report> {
        self.judged.as_ref().map(|(report, _)| report)
    }

    fn decide(&mut self, judged: Report, added: Added) {
        self.report = Some(judged.with(&added));
        self.judged = Some((judged, added));
    }

    fn verdict(&self) -> Option<Verdict> {
        self.report.as_ref().map(|report| report.verdict)
    }

    /// Whether a request may pass at `now`.
    pub fn way(&self, now: Timestamp) -> Way {
        if !self.is_fresh(now) {
            Way::Shut
        } else if self.report.as_ref().is_some_and(opens) {
            Way::Open
        } else if self.exception.is_some_and(|one| one.certificate == self.certificate()) {
            Way::Exception
        } else {
            Way::Shut
        }
    }

    /// The light at `now`. A red one stays red until a check says otherwise; every other goes out
    /// with its time.
    pub fn light(&self, now: Timestamp) -> Light {
        let Some(report) = &self.report else { return Light::Unchecked };
        if self.way(now) == Way::Exception {
            return Light::Exception;
        }
        match report.verdict {
            Verdict::Danger => Light::Danger,
            _ if !self.is_fresh(now) => Light::Unchecked,
            Verdict::Trusted => Light::Trusted,
            Verdict::Attention => Light::Attention,
            Verdict::Unchecked => Light::Unchecked,
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.checked_at.is_some_and(|at| at <= now)
            && self.fresh_until.is_some_and(|until| now < until)
    }

    /// Takes in a check, with what is known beside it.
    fn conclude(
        &mut self,
        (judged, added): (Report, Added),
        pem: String,
        reuse: Duration,
        now: Timestamp,
    ) -> Concluded {
        let before = self.certificate();
        let seen = judged.certificate.as_ref().map(|one| one.sha256);
        // It counts from the look, however long it took to judge it.
        self.fresh_until = Some(now.plus(reuse.saturating_sub(now.since(judged.at))));
        self.pem = pem;
        self.checked_at = Some(now);
        let has_other_certificate = before.is_some() && seen.is_some() && before != seen;
        Concluded { has_other_certificate, ..self.change_light(judged, added, now) }
    }

    /// Takes in what was learned since the check, which goes on counting as long as before. `None`
    /// without a check.
    fn redecide(&mut self, added: Added, now: Timestamp) -> Option<Concluded> {
        let (judged, _) = self.judged.take()?;
        Some(self.change_light(judged, added, now))
    }

    fn change_light(&mut self, judged: Report, added: Added, now: Timestamp) -> Concluded {
        let before = self.verdict();
        self.decide(judged, added);
        let report = self.report.as_ref();
        self.exception = self.exception.and_then(|one| one.after(report?));
        let verdict = self.verdict().unwrap_or(Verdict::Unchecked);
        if before != Some(verdict) || self.since.is_none() {
            self.since = Some(now);
        }
        Concluded { before, verdict, has_other_certificate: false }
    }

    /// The certificate of the last check.
    pub fn certificate(&self) -> Option<CertificateSha256> {
        self.report.as_ref()?.certificate.as_ref().map(|one| one.sha256)
    }

    /// The last check counts no longer: the network changed, or the machine slept.
    fn expire(&mut self) {
        self.fresh_until = None;
    }

    fn is_danger(&self) -> bool {
        self.verdict() == Some(Verdict::Danger)
    }

    /// True where this is to be believed rather than `other`, of the same address.
    fn outweighs(&self, other: &Self, now: Timestamp) -> bool {
        let age = |one: &Self| {
            (
                one.checked_at.filter(|at| *at <= now),
                one.is_danger(),
                one.fresh_until.is_none(),
                core::cmp::Reverse(one.fresh_until),
            )
        };
        age(self) > age(other)
    }

    /// Lets the user past, for the certificate that was seen last.
    fn except(&mut self, reuse: Duration, now: Timestamp) {
        let verdict = self.verdict().unwrap_or(Verdict::Unchecked);
        self.exception = Some(Exception { since: now, certificate: self.certificate(), verdict });
        self.since = Some(now);
        self.checked_at = Some(self.checked_at.map_or(now, |at| at.min(now)));
        self.fresh_until = Some(now.plus(reuse));
    }
}

/// What is known of each address in this session.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Session {
    states: BTreeMap<Address, AddressState>,
    /// Rises whenever what was seen before counts no longer.
    #[serde(skip)]
    generation: u32,
}

/// The session as it is stored: all of it, and by what a page may be seen while it waits for the
/// engine. Both are written together, and say the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionText {
    /// All of it, in JSON.
    pub standings: String,
    /// For each origin that may pass: from when to when, in milliseconds since 1970; the end is
    /// not part of it. Whoever compares that with a clock decides as [`AddressState::way`] does.
    pub passes: BTreeMap<String, (u64, u64)>,
}

/// A look that has begun. It is concluded once, or not at all.
#[derive(Debug)]
pub struct Attempt {
    address: Address,
    generation: u32,
}

/// Something was learned since the look began that counts for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outdated;

/// What a check has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Concluded {
    /// The verdict before; `None` for the first.
    pub before: Option<Verdict>,
    /// The verdict now.
    pub verdict: Verdict,
    /// True if another certificate was seen than before.
    pub has_other_certificate: bool,
}

/// The addresses that may pass, each with the end of its check; in order, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenSet(Vec<(Address, Timestamp)>);

impl OpenSet {
    /// What is in both, each with the end that comes first.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = self.0.iter().filter_map(|(address, end)| {
            other.end_of(address).map(|other| (address.clone(), (*end).min(other)))
        });
        Self(both.collect())
    }

    /// What ends later than `now`.
    #[must_use]
    pub fn after(mut self, now: Timestamp) -> Self {
        self.0.retain(|(_, end)| now < *end);
        self
    }

    /// The addresses.
    pub fn addresses(&self) -> BTreeSet<Address> {
        self.0.iter().map(|(address, _)| address.clone()).collect()
    }

    /// When each ends.
    pub fn ends(&self) -> impl Iterator<Item = Timestamp> {
        self.0.iter().map(|(_, end)| *end)
    }

    /// True if `other` has each of these addresses too, with an end that does not come before.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|(address, end)| other.end_of(address).is_some_and(|other| *end <= other))
    }

    /// True if nothing may pass.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True for an address that is in it.
    pub fn contains(&self, address: &Address) -> bool {
        self.end_of(address).is_some()
    }

    fn end_of(&self, address: &Address) -> Option<Timestamp> {
        self.0.iter().find(|(one, _)| one == address).map(|(_, end)| *end)
    }
}

impl Deref for Session {
    type Target = BTreeMap<Address, AddressState>;

    fn deref(&self) -> &Self::Target {
        &self.states
    }
}

impl Session {
    /// Begins a look at an address.
    pub fn begin(&self, address: &Address) -> Attempt {
        Attempt { address: address.clone(), generation: self.generation }
    }

    /// # Errors
    /// What the attempt sees counts no longer.
    pub fn is_current(&self, attempt: &Attempt) -> Result<(), Outdated> {
        if attempt.generation == self.generation { Ok(()) } else { Err(Outdated) }
    }

    /// Whatever look is under way counts no longer.
    pub fn outdate(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Takes in a check: the only way by which one sets until when it counts.
    ///
    /// # Errors
    /// It counts no longer, and nothing changed.
    pub fn conclude(
        &mut self,
        attempt: Attempt,
        judged: (Report, Added),
        pem: String,
        reuse: Duration,
        basis: Basis,
        now: Timestamp,
    ) -> Result<Concluded, Outdated> {
        self.is_current(&attempt)?;
        let state = self.states.entry(attempt.address).or_default();
        let concluded = state.conclude(judged, pem, reuse, now);
        state.basis = Some(basis);
        Ok(concluded)
    }

    /// Takes in what was learned since the check of an address, in the place of what was known
    /// beside it before. The check goes on counting as long as it did. `None` without a check.
    pub fn redecide(
        &mut self,
        address: &Address,
        added: Added,
        now: Timestamp,
    ) -> Option<Concluded> {
        self.states.get_mut(address)?.redecide(added, now)
    }

    /// Lets the user past the gate of an address whose last check does not open it.
    pub fn except(&mut self, address: &Address, reuse: Duration, now: Timestamp) -> bool {
        let state = self.states.get_mut(address);
        let state = state.filter(|one| one.report.as_ref().is_some_and(|report| !opens(report)));
        state.map(|state| state.except(reuse, now)).is_some()
    }

    /// Forgets an address.
    pub fn forget(&mut self, address: &Address) {
        self.outdate();
        self.states.remove(address);
    }

    /// Forgets every address.
    pub fn forget_all(&mut self) {
        self.outdate();
        self.states.clear();
    }

    /// The last check counts no longer, of one address or of all; nor does any look under way.
    pub fn expire(&mut self, address: Option<&Address>) {
        self.outdate();
        for (of, state) in &mut self.states {
            if address.is_none_or(|address| address == of) {
                state.expire();
            }
        }
    }

    /// What may pass at `now`, of the addresses for which `is_ready` holds.
    pub fn open_at(&self, now: Timestamp, is_ready: impl Fn(&Address) -> bool) -> OpenSet {
        let open = self
            .states
            .iter()
            .filter(|(address, state)| state.way(now).is_open() && is_ready(address));
        OpenSet(
            open.filter_map(|(address, state)| Some((address.clone(), state.fresh_until?)))
                .collect(),
        )
    }

    /// As it is stored, where `open` may pass.
    pub fn text(&self, open: &OpenSet) -> SessionText {
        let passes = open.0.iter().filter_map(|(address, end)| {
            let from = self.get(address)?.checked_at?;
            Some((format!("https://{address}"), (from.millis(), end.millis())))
        });
        SessionText { standings: written(self), passes: passes.collect() }
    }

    /// Takes over what another background of this browser knows. For the same address the newer
    /// check wins, and of two that are equally old the one that is worse. True if this one knows
    /// something better than the other.
    pub fn merge(&mut self, theirs: Self, now: Timestamp) -> bool {
        let before = self.states.clone();
        let mut is_better = false;
        let mut merged = BTreeMap::new();
        for (address, their) in theirs.states {
            match self.states.remove(&address) {
                Some(own) if own != their && own.outweighs(&their, now) => {
                    is_better = true;
                    merged.insert(address, own);
                }
                _ => drop(merged.insert(address, their)),
            }
        }
        // What the other one does not know: it was checked here, and is being written, or the other
        // one has taken it away. Only a Danger is kept.
        for (address, own) in core::mem::take(&mut self.states) {
            if own.is_danger() {
                is_better = true;
                merged.insert(address, own);
            }
        }
        self.states = merged;
        if self.states != before {
            // A look that began before must not outweigh what the other one has seen since.
            self.outdate();
        }
        is_better
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use doorlight::verdict::evidence::{Code, Evidence};
    use doorlight::verdict::examination::unseen;

    const REUSE: Duration = Duration::from_secs(900);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    fn unreachable(at: Timestamp) -> Report {
        unseen(&"home.example".parse().unwrap(), at, Code::CertificateMissing, "made up")
    }

    /// A report as the core makes it, with another verdict and pin, on certificate `n`.
    fn report(verdict: Verdict, pin: Code, n: u8) -> Report {
        let mut report = unreachable(at(0));
        report.verdict = verdict;
        report.evidence = vec![Evidence::new(pin)];
        report.certificate = Some(
            serde_json::from_value(serde_json::json!({
                "sha256": format!("{n:02x}").repeat(32), "sha1": "00".repeat(20), "spki_sha256": "00".repeat(32),
                "subject": "", "issuer": "", "serial": "", "key": "", "names": [],
                "not_before": at(0), "not_after": at(9),
            }))
            .unwrap(),
        );
        report
    }

    /// With nothing beside it.
    fn alone(judged: Report) -> (Report, Added) {
        (judged, Added::default())
    }

    fn session(states: BTreeMap<Address, AddressState>) -> Session {
        Session { states, generation: 0 }
    }

    fn after(report: Report) -> AddressState {
        let mut standing = AddressState::default();
        standing.conclude(alone(report), String::new(), REUSE, at(0));
        standing
    }

    #[test]
    fn nothing_known_is_shut() {
        assert_eq!(AddressState::default().way(at(0)), Way::Shut);
        assert_eq!(AddressState::default().light(at(0)), Light::Unchecked);
    }

    #[test]
    fn each_verdict_has_its_way_and_light() {
        for (verdict, pin, way, light) in [
            (Verdict::Trusted, Code::PinSameKey, Way::Open, Light::Trusted),
            (Verdict::Attention, Code::PinSameKey, Way::Open, Light::Attention),
            (Verdict::Attention, Code::PinFirstSight, Way::Shut, Light::Attention),
            (Verdict::Attention, Code::PinRenewalDue, Way::Shut, Light::Attention),
            (Verdict::Danger, Code::PinSameKey, Way::Shut, Light::Danger),
            (Verdict::Unchecked, Code::PinSameKey, Way::Shut, Light::Unchecked),
        ] {
            let standing = after(report(verdict, pin, 1));
            assert_eq!(
                (standing.way(at(1)), standing.light(at(1))),
                (way, light),
                "{verdict:?} {pin}"
            );
        }
    }

    #[test]
    fn a_good_check_ends_with_its_time_and_does_not_begin_before_it() {
        let standing = after(report(Verdict::Trusted, Code::PinSameKey, 1));
        assert_eq!(standing.way(at(899)), Way::Open);
        assert_eq!((standing.way(at(900)), standing.light(at(900))), (Way::Shut, Light::Unchecked));
        let mut late = AddressState::default();
        late.conclude(
            alone(report(Verdict::Trusted, Code::PinSameKey, 1)),
            String::new(),
            REUSE,
            at(5000),
        );
        assert_eq!(late.way(at(4999)), Way::Shut, "the clock was set back");
    }

    #[test]
    fn a_check_counts_from_its_look() {
        let mut slow = AddressState::default();
        slow.conclude(
            alone(report(Verdict::Trusted, Code::PinSameKey, 1)),
            String::new(),
            REUSE,
            at(40),
        );
        assert_eq!(
            (slow.way(at(39)), slow.way(at(40)), slow.way(at(899))),
            (Way::Shut, Way::Open, Way::Open)
        );
        assert_eq!(slow.way(at(900)), Way::Shut);
    }

    #[test]
    fn danger_outlives_its_time() {
        let standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        assert_eq!(standing.light(at(90_000)), Light::Danger);
    }

    #[test]
    fn an_exception_is_for_one_certificate() {
        let mut standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        standing.except(REUSE, at(10));
        assert_eq!(
            (standing.way(at(11)), standing.light(at(11))),
            (Way::Exception, Light::Exception)
        );
        assert!(
            !standing
                .conclude(
                    alone(report(Verdict::Danger, Code::PinNewKey, 1)),
                    String::new(),
                    REUSE,
                    at(12)
                )
                .has_other_certificate
        );
        assert_eq!(standing.way(at(13)), Way::Exception, "the same certificate");
        assert!(
            standing
                .conclude(
                    alone(report(Verdict::Danger, Code::PinNewKey, 2)),
                    String::new(),
                    REUSE,
                    at(14)
                )
                .has_other_certificate
        );
        assert_eq!((standing.way(at(15)), standing.light(at(15))), (Way::Shut, Light::Danger));
        standing.except(REUSE, at(16));
        standing.conclude(
            alone(report(Verdict::Trusted, Code::PinSameKey, 2)),
            String::new(),
            REUSE,
            at(17),
        );
        assert_eq!(standing.light(at(18)), Light::Trusted, "a good check needs no exception");
        standing.conclude(
            alone(report(Verdict::Danger, Code::PinSameKey, 2)),
            String::new(),
            REUSE,
            at(19),
        );
        assert_eq!(standing.light(at(20)), Light::Danger, "and leaves none behind");
    }

    #[test]
    fn an_exception_without_a_certificate_ends_when_one_is_seen() {
        let unseen = || unreachable(at(0));
        let mut standing = after(unseen());
        standing.except(REUSE, at(1));
        standing.conclude(alone(unseen()), String::new(), REUSE, at(2));
        assert_eq!(standing.way(at(3)), Way::Exception);
        standing.conclude(
            alone(report(Verdict::Danger, Code::PinNewKey, 1)),
            String::new(),
            REUSE,
            at(4),
        );
        assert_eq!(standing.way(at(5)), Way::Shut);
    }

    #[test]
    fn an_exception_for_a_certificate_rests_while_none_is_seen() {
        let mut standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        standing.except(REUSE, at(1));
        standing.conclude(alone(unreachable(at(2))), String::new(), REUSE, at(2));
        assert_eq!((standing.way(at(3)), standing.light(at(3))), (Way::Shut, Light::Unchecked));
        standing.conclude(
            alone(report(Verdict::Danger, Code::PinNewKey, 1)),
            String::new(),
            REUSE,
            at(4),
        );
        assert_eq!(standing.way(at(5)), Way::Exception);
    }

    /// An audit heals a light that the user went past, and finds something else later.
    #[test]
    fn an_exception_ends_when_it_is_not_needed_and_when_danger_is_new() {
        let good = || report(Verdict::Trusted, Code::PinSameKey, 1);
        let bad =
            || Added { evidence: vec![Evidence::new(Code::InclusionMissing)], ..Added::default() };
        let changed = |before, verdict| {
            Some(Concluded { before: Some(before), verdict, has_other_certificate: false })
        };
        let mut standing = AddressState::default();
        standing.conclude((good(), bad()), String::new(), REUSE, at(0));
        assert_eq!((standing.way(at(1)), standing.light(at(1))), (Way::Shut, Light::Danger));
        standing.except(REUSE, at(1));
        assert_eq!(standing.redecide(bad(), at(2)), changed(Verdict::Danger, Verdict::Danger));
        assert_eq!(standing.way(at(3)), Way::Exception, "nothing new");
        assert_eq!(
            standing.redecide(Added::default(), at(4)),
            changed(Verdict::Danger, Verdict::Trusted)
        );
        assert_eq!(
            (standing.way(at(5)), standing.exception, standing.since),
            (Way::Open, None, Some(at(4)))
        );
        standing.redecide(bad(), at(6));
        assert_eq!((standing.way(at(7)), standing.light(at(7))), (Way::Shut, Light::Danger));
        let nowhere = "home.test".parse().unwrap();
        assert_eq!(Session::default().redecide(&nowhere, bad(), at(1)), None);

        // The user was told that it could not be told.
        for is_audit in [true, false] {
            let mut standing = after(report(Verdict::Unchecked, Code::PinSameKey, 1));
            standing.except(REUSE, at(1));
            if is_audit {
                standing.redecide(bad(), at(2));
            } else {
                standing.conclude(
                    alone(report(Verdict::Danger, Code::PinSameKey, 1)),
                    String::new(),
                    REUSE,
                    at(2),
                );
            }
            assert_eq!(
                (standing.way(at(3)), standing.light(at(3))),
                (Way::Shut, Light::Danger),
                "{is_audit}"
            );
        }
    }

    #[test]
    fn a_look_counts_for_what_was_known_when_it_began() {
        let (home, other): (Address, Address) =
            ("home.example".parse().unwrap(), "b.example".parse().unwrap());
        let good = || report(Verdict::Trusted, Code::PinSameKey, 1);
        type Learn = fn(&mut Session, &Address);
        let learned: [(&str, Learn, bool); 6] = [
            ("nothing", |_, _| {}, true),
            ("outdated", |session, _| session.outdate(), false),
            ("the network changed", |session, _| session.expire(None), false),
            ("another address expired", |session, other| session.expire(Some(other)), false),
            ("another one is forgotten", |session, other| session.forget(other), false),
            ("all are", |session, _| session.forget_all(), false),
        ];
        for (name, learn, counts) in learned {
            let mut session = Session::default();
            let attempt = session.begin(&home);
            learn(&mut session, &other);
            assert_eq!(session.is_current(&attempt).is_ok(), counts, "{name}");
            let concluded = session.conclude(
                attempt,
                alone(good()),
                String::new(),
                REUSE,
                Basis::default(),
                at(0),
            );
            let expected =
                Concluded { before: None, verdict: Verdict::Trusted, has_other_certificate: false };
            assert_eq!(concluded, if counts { Ok(expected) } else { Err(Outdated) }, "{name}");
            assert_eq!(session.open_at(at(1), |_| true).contains(&home), counts, "{name}");
        }
    }

    #[test]
    fn what_may_pass_is_good_and_fresh_and_ready() {
        let [good, bad, past]: [Address; 3] =
            ["a.test", "b.test", "c.test"].map(|text| text.parse().unwrap());
        let mut session = Session::default();
        for (address, verdict) in
            [(&good, Verdict::Trusted), (&bad, Verdict::Danger), (&past, Verdict::Danger)]
        {
            let attempt = session.begin(address);
            session
                .conclude(
                    attempt,
                    alone(report(verdict, Code::PinSameKey, 1)),
                    String::new(),
                    REUSE,
                    Basis::default(),
                    at(0),
                )
                .unwrap();
        }
        assert!(session.except(&past, Duration::from_secs(60), at(1)));
        assert!(
            !session.except(&good, Duration::from_secs(60), at(1)),
            "a good check needs no exception"
        );
        let open = |now, ready: &[&Address]| {
            session.open_at(now, |address| ready.contains(&address)).addresses()
        };
        let all = [&good, &bad, &past];
        assert_eq!(open(at(2), &all), BTreeSet::from([good.clone(), past.clone()]));
        assert_eq!(open(at(2), &[&bad, &past]), BTreeSet::from([past.clone()]));
        assert_eq!(open(at(61), &all), BTreeSet::from([good.clone()]));
        assert_eq!(open(at(900), &all), BTreeSet::new());
        // Of two sets, what is in both, and the nearer end.
        let (early, late) = (session.open_at(at(2), |_| true), session.open_at(at(61), |_| true));
        assert_eq!(early.and(&late).addresses(), BTreeSet::from([good]));
        assert_eq!(early.ends().min(), Some(at(61)));
    }

    #[test]
    fn a_stored_session_is_read_as_it_was() {
        let mut session = Session::default();
        let home: Address = "home.example:8123".parse().unwrap();
        let attempt = session.begin(&home);
        session
            .conclude(
                attempt,
                alone(report(Verdict::Trusted, Code::PinSameKey, 1)),
                "PEM".into(),
                REUSE,
                Basis::default(),
                at(0),
            )
            .unwrap();
        let text = serde_json::to_string(&session).unwrap();
        // As version 0.1.0 wrote it: an object of addresses.
        assert!(text.starts_with("{\"home.example:8123\":{\"report\":{"), "{text}");
        assert_eq!(serde_json::from_str::<Session>(&text).unwrap(), session);
        // What was added is stored beside it, and the verdict follows again.
        let bad =
            Added { evidence: vec![Evidence::new(Code::InclusionMissing)], ..Added::default() };
        session.redecide(&home, bad, at(1)).unwrap();
        let text = serde_json::to_string(&session).unwrap();
        let read: Session = serde_json::from_str(&text).unwrap();
        assert_eq!(read, session);
        let (whole, judged) = (read[&home].report().unwrap(), read[&home].judged().unwrap());
        assert_eq!((whole.verdict, judged.verdict), (Verdict::Danger, Verdict::Trusted));
        assert!(
            text.contains("\"verdict\":\"trusted\"") && !text.contains("\"verdict\":\"danger\"")
        );
    }

    /// Two backgrounds of one browser: the newer check wins, and of two that are equally old the
    /// worse one.
    #[test]
    fn of_two_backgrounds_the_newer_check_wins_and_a_danger_is_not_lost() {
        let address: Address = "home.example".parse().unwrap();
        let of = |standing: &AddressState| {
            session(BTreeMap::from([(address.clone(), standing.clone())]))
        };
        let checked = |verdict, seconds| {
            let mut standing = AddressState::default();
            standing.conclude(
                alone(report(verdict, Code::PinSameKey, 1)),
                String::new(),
                REUSE,
                at(seconds),
            );
            standing
        };
        let (good, bad) = (checked(Verdict::Trusted, 5), checked(Verdict::Danger, 5));
        let (newer_good, newer_bad) = (checked(Verdict::Trusted, 6), checked(Verdict::Danger, 6));
        let mut expired = good.clone();
        expired.expire();
        // What this background knows, what the other one wrote, and what holds then.
        for (own, theirs, expected) in [
            (&good, &newer_bad, &newer_bad),
            (&newer_bad, &good, &newer_bad),
            (&bad, &newer_good, &newer_good),
            (&newer_good, &bad, &newer_good),
            (&good, &bad, &bad),
            (&bad, &good, &bad),
            (&good, &expired, &expired),
            (&expired, &good, &expired),
            (&good, &good, &good),
        ] {
            let mut standings = of(own);
            let is_better = standings.merge(of(theirs), at(9));
            assert_eq!(standings.states, of(expected).states);
            assert_eq!(
                is_better,
                expected != theirs,
                "written again only where the other one does not know it"
            );
            // Whoever reads it then has nothing to write.
            let mut other = of(theirs);
            assert!(!other.merge(standings.clone(), at(9)));
            assert_eq!(other.states, standings.states);
        }
    }

    #[test]
    fn another_address_of_another_background_is_not_lost() {
        let [one, two]: [Address; 2] = ["one.test", "two.test"].map(|text| text.parse().unwrap());
        let bad = after(report(Verdict::Danger, Code::PinNewKey, 1));
        let good = after(report(Verdict::Trusted, Code::PinSameKey, 1));
        let mut own = session(BTreeMap::from([(one.clone(), bad.clone())]));
        assert!(own.merge(session(BTreeMap::from([(two.clone(), good.clone())])), at(9)));
        assert_eq!(own.states, BTreeMap::from([(one.clone(), bad), (two.clone(), good.clone())]));
        // A good check that the other one does not know of is made again rather than believed: it
        // may have been taken away.
        let mut own = session(BTreeMap::from([(one, good.clone())]));
        assert!(!own.merge(session(BTreeMap::from([(two.clone(), good.clone())])), at(9)));
        assert_eq!(own.states, BTreeMap::from([(two, good)]));
    }

    #[test]
    fn an_exception_needs_fresh_eyes_too() {
        let mut standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        standing.except(REUSE, at(10));
        standing.expire();
        assert_eq!((standing.way(at(11)), standing.light(at(11))), (Way::Shut, Light::Danger));
    }
}
