//! All that is known while the background lives, and what follows from it. Pure.

use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use core::time::Duration;

use doorlight::address::{Address, Host};
use doorlight::home_assistant::local::LocalAddress;
use doorlight::issuances::watch::WatchRecord;
use doorlight::site::SiteRecord;
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Evidence};
use doorlight::verdict::report::{Added, Report};
use doorlight::x509::bundle::split;
use doorlight::x509::chain::Chain;

use crate::basis::Basis;
use crate::home::HomeState;
use crate::light::Light;
use crate::session::{AddressState, OpenSet, Session, Way};
use crate::settings::{Consent, LocalHome};
use crate::sources;
use crate::storage::Kept;
use crate::trouble::Trouble;
use crate::trust_config::TrustConfig;

/// How long a check counts as a moment ago.
const JUST_NOW: Duration = Duration::from_secs(3);

/// A value that no borrow can hold across an `await`: it is reached by closures alone.
#[derive(Debug)]
pub struct Shared<T>(RefCell<T>);

impl<T> Shared<T> {
    /// Shares a value.
    pub fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Reads it.
    pub fn with<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.0.borrow())
    }

    /// Changes it.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.borrow_mut())
    }
}

/// Everything the background knows.
#[derive(Debug)]
pub struct State {
    /// What outlives the browser.
    pub kept: Kept,
    /// What does not.
    pub session: Session,
    /// The hosts whose gate was set, each with whether its rules and its permission are there.
    /// Nothing else is ever open, or green.
    pub placed: BTreeMap<Host, bool>,
    /// The hosts that the user gave permission for.
    pub granted: BTreeSet<Host>,
    /// What checks are judged by, once it was needed: [`Store::trust`](crate::store::Store::trust).
    trust: Option<Rc<TrustConfig>>,
    /// How often that has changed.
    trust_generation: u32,
    /// What could not be stored last.
    pub not_stored: Option<Trouble>,
    /// The watch records that could not be kept last.
    pub unsaved_watches: BTreeMap<Address, WatchRecord>,
    /// Why the list of logs could not be renewed last.
    pub log_list_trouble: Option<Trouble>,
    /// How often the user has set each home, or asked for it by hand.
    home_generations: BTreeMap<Address, u32>,
    /// What each address is judged by, as long as nothing changes: it is asked for at every request.
    bases: RefCell<BTreeMap<Address, Basis>>,
}

impl State {
    /// What is known when a background starts.
    pub fn new(
        kept: Kept,
        session: Session,
        placed: BTreeMap<Host, bool>,
        granted: BTreeSet<Host>,
    ) -> Self {
        Self {
            kept,
            session,
            placed,
            granted,
            trust: None,
            trust_generation: 0,
            not_stored: None,
            unsaved_watches: BTreeMap::new(),
            log_list_trouble: None,
            home_generations: BTreeMap::new(),
            bases: RefCell::default(),
        }
    }

    /// The guarded addresses. Where the pins cannot be read, the permissions still tell the hosts.
    pub fn guarded(&self, now: Timestamp) -> BTreeSet<Address> {
        match &self.kept.pins {
            Ok(pins) => pins.sites().iter().map(|site| site.address.clone()).collect(),
            Err(_) => self
                .granted_homes(now)
                .into_iter()
                .map(|host| Address { host, port: 443 })
                .chain(self.session.keys().cloned())
                .collect(),
        }
    }

    /// The hosts that the user gave permission for to have them guarded, as far as can be told
    /// without the pins.
    fn granted_homes(&self, now: Timestamp) -> BTreeSet<Host> {
        let asked = sources::asked_hosts(&self.kept.settings, self.trust.as_deref(), now);
        self.granted.difference(&asked).cloned().collect()
    }

    /// The guarded hosts, with or without a permission: without it rules and veil do nothing, and
    /// they are there when it comes back.
    pub fn guarded_hosts(&self, now: Timestamp) -> BTreeSet<Host> {
        self.guarded(now).into_iter().map(|address| address.host).collect()
    }

    /// True for an address that the user added. Where the pins cannot be read, every port of a host
    /// with a permission counts.
    pub fn is_guarded(&self, address: &Address, now: Timestamp) -> bool {
        match &self.kept.pins {
            Ok(pins) => pins.site(address).is_some(),
            Err(_) => self.granted_homes(now).contains(&address.host),
        }
    }

    /// True where the gate of a host is in its place: its rules, and the permission for it.
    pub fn is_ready(&self, host: &Host) -> bool {
        self.placed.get(host) == Some(&true)
    }

    /// What an address is judged by now.
    pub fn basis(&self, address: &Address) -> Basis {
        let known = self.bases.borrow().get(address).copied();
        known.unwrap_or_else(|| {
            let basis = Basis::of(self.record(address), &self.kept.settings);
            self.bases.borrow_mut().insert(address.clone(), basis);
            basis
        })
    }

    /// What checks are judged by, as far as it was read.
    pub fn trust(&self) -> Option<&Rc<TrustConfig>> {
        self.trust.as_ref()
    }

    /// Checks are judged by this from now on; by what is stored where it is `None`.
    pub fn set_trust(&mut self, trust: Option<Rc<TrustConfig>>) {
        self.trust = trust;
        self.trust_generation = self.trust_generation.wrapping_add(1);
    }

    /// Rises whenever that changes.
    pub fn trust_generation(&self) -> u32 {
        self.trust_generation
    }

    /// Whatever was calculated from what is known may be another now.
    pub fn has_changed(&mut self) {
        self.bases.get_mut().clear();
    }

    /// True where a check was judged by what counts now.
    fn counts(&self, address: &Address, known: &AddressState) -> bool {
        known.basis.is_none_or(|basis| basis == self.basis(address))
    }

    /// What is known of an address in this session.
    pub fn address(&self, address: &Address) -> AddressState {
        self.session.get(address).cloned().unwrap_or_default()
    }

    /// Whether a request to an address may pass at `now`.
    pub fn way(&self, address: &Address, now: Timestamp) -> Way {
        if !self.is_guarded(address, now) || !self.is_ready(&address.host) {
            return Way::Shut;
        }
        let known = self.session.get(address).filter(|known| self.counts(address, known));
        known.map_or(Way::Shut, |known| known.way(now))
    }

    /// What may pass at `now`, each with the end of its check.
    pub fn open_at(&self, now: Timestamp) -> OpenSet {
        let guarded = self.guarded(now);
        self.session.open_at(now, |address| {
            guarded.contains(address)
                && self.is_ready(&address.host)
                && self.session.get(address).is_some_and(|known| self.counts(address, known))
        })
    }

    /// The light of an address at `now`.
    pub fn light(&self, address: &Address, now: Timestamp) -> Light {
        if !self.is_guarded(address, now) {
            return Light::NotGuarded;
        }
        let Some(known) = self.session.get(address) else { return Light::Unchecked };
        if self.is_ready(&address.host) && self.counts(address, known) {
            return known.light(now);
        }
        // Also one that the user went past.
        let is_danger = known.report().is_some_and(|report| report.verdict == Verdict::Danger);
        if is_danger { Light::Danger } else { Light::Unchecked }
    }

    /// True where a check ended a moment ago: whoever was sent to the gate by it need not wait for
    /// another.
    pub fn was_just_checked(&self, address: &Address, now: Timestamp) -> bool {
        let known = self.session.get(address).filter(|one| one.fresh_until.is_some());
        let checked_at = known.and_then(|one| one.checked_at);
        checked_at.is_some_and(|at| at <= now && now.since(at) < JUST_NOW)
    }

    /// The record of an address.
    pub fn record(&self, address: &Address) -> Option<&SiteRecord> {
        self.kept.pins.as_ref().ok()?.site(address)
    }

    /// The chain of the last check.
    pub fn last_chain(&self, address: &Address) -> Option<Chain> {
        let ders = split(self.session.get(address)?.pem.as_bytes()).ok()?;
        Chain::presented(&ders).ok()
    }

    /// What decided the last check.
    pub fn codes(&self, address: &Address) -> String {
        let report = self.session.get(address).and_then(|known| known.report());
        report.map(codes_of).unwrap_or_default()
    }

    /// Whom the user allows to be asked about an address.
    pub fn consent(&self, address: &Address) -> Consent {
        self.kept.settings.consents.get(address).copied().unwrap_or_default()
    }

    /// The checks without which an address is not green, beside the core's own.
    pub fn also_required(&self) -> Vec<Check> {
        let settings = &self.kept.settings;
        let ct = settings.requires_ct.then_some(Check::CtPolicy);
        ct.into_iter().chain(settings.requires_proof.then_some(Check::Inclusion)).collect()
    }

    /// What audits and the home's version say beside a check of an address, of the certificate that
    /// it saw.
    pub fn added(&self, address: &Address, judged: &Report) -> Added {
        let mut added = Added { also_required: self.also_required(), ..Added::default() };
        let Some(seen) = judged.certificate.as_ref().map(|certificate| certificate.sha256) else {
            return added;
        };
        let consent = self.consent(address);
        if let Some(audited) = self.kept.audits.get(address) {
            if let Some(proof) = audited.proof.as_ref().filter(|proof| proof.certificate == seen) {
                added.evidence.extend(proof.evidence.iter().cloned());
                added.publication = proof.reports.clone();
            }
            if consent.cert_spotter || consent.crt_sh {
                added.evidence.extend(audited.watch.iter().cloned());
            }
        }
        added.evidence.extend(self.version_evidence(address));
        added
    }

    /// What the home's version adds to a report.
    fn version_evidence(&self, address: &Address) -> Option<Evidence> {
        let home = self.kept.homes.get(address)?;
        let version = home.check_up.as_ref()?.version.as_ref()?.to_string();
        let code = match (home.is_blocked(), home.is_insecure()) {
            (true, _) => Code::HomeVersionBlocked,
            (false, true) => Code::HomeVersionOverridden,
            (false, false) => return None,
        };
        Some(Evidence::new(code).with("version", version))
    }

    /// What is kept of asking a home.
    pub fn home(&self, address: &Address) -> HomeState {
        self.kept.homes.get(address).cloned().unwrap_or_default()
    }

    /// True where the home's version keeps the gate shut.
    pub fn is_blocked(&self, address: &Address) -> bool {
        self.kept.homes.get(address).is_some_and(HomeState::is_blocked)
    }

    /// Where a home answers on the local network.
    pub fn local_home(&self, address: &Address) -> Option<LocalAddress> {
        let home = self.kept.settings.homes.get(address)?;
        LocalHome::place(&home.local, &address.host).ok()
    }

    /// Rises whenever the user sets a home or wants it asked no longer: what is heard from one of
    /// before counts no longer.
    pub fn home_generation(&self, address: &Address) -> u32 {
        self.home_generations.get(address).copied().unwrap_or(0)
    }

    /// Lets it rise.
    pub fn outdate_home(&mut self, address: &Address) {
        let generation = self.home_generations.entry(address.clone()).or_default();
        *generation = generation.wrapping_add(1);
    }
}

/// What decided a report, for the journal.
pub fn codes_of(report: &Report) -> String {
    report.decided_by.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
}
