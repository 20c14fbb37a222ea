//! The engine: what follows from a check for the gate, the journal and the light. It holds no rule
//! of its own.
//!
//! ```text
//! check ─► conclude ─► gate ─► journal ─► light and tabs ─► whoever else is asked (Inquire)
//! audit, home, pins ──────► verdict decided anew ─► gate ─► journal ─► light and tabs
//! ```

use core::cell::Cell;
use core::ops::Deref;
use core::time::Duration;
use std::collections::BTreeSet;
use std::rc::Rc;

use doorlight::address::{Address, Host};
use doorlight::ct::publication::Promises;
use doorlight::site::pins::Pins;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::fingerprint::CertificateSha256;
use futures_util::future::{join, join5};

use crate::armed::Armed;
use crate::check::{self, Judged, MAX_LOOKS};
use crate::downloads;
use crate::gate::Gate;
use crate::light::Light;
use crate::ports::{Captured, Consult, Known, News, Ports, Refused, Rules, SessionStorage, Unseen};
use crate::session::{Attempt, Concluded, OpenSet, SessionText, Way, opens};
use crate::settings::Consent;
use crate::single_flight::Flights;
use crate::state::State;
use crate::store::{self, Store};
use crate::trust;
use crate::turn::Turn;

/// How often a background waits for its own changes before it takes over another one's.
const MAX_TRIES: u32 = 50;
/// How long each time.
const MOMENT: Duration = Duration::from_millis(5);

/// Asks whoever is asked beside the address itself: its home, the logs, the monitors.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Inquire<P>: Sized + 'static {
    /// Over what is known.
    fn new(store: Store<P>) -> Self;

    /// While somebody waits at the gate: asks the home, if the report leaves a question that it
    /// could answer.
    async fn home(engine: &Engine<P, Self>, address: &Address, report: &Report) -> News;

    /// While somebody waits at the gate: asks the logs for proof, if the user wants no green
    /// without it.
    async fn proof(
        engine: &Engine<P, Self>,
        address: &Address,
        leaf: &Certificate,
        promises: &Promises,
    );

    /// A check has ended. Nobody waits for what is asked after it.
    fn checked(engine: &Engine<P, Self>, address: &Address);
}

/// The engine over a browser's ports. Cheap to clone: all are one.
#[derive(Debug)]
pub struct Engine<P, I>(Rc<Parts<P, I>>);

/// What it is made of.
#[derive(Debug)]
pub struct Parts<P, I> {
    /// What is known, with what is stored.
    pub store: Store<P>,
    /// What the rules let pass, and in which order that changes.
    pub gate: Gate,
    /// Who asks whoever is asked beside the address itself.
    pub inquiries: I,
    checks: Flights<Address>,
    /// How many conclusions are being carried out.
    deciding: Cell<u32>,
    /// One after the other: what is done about downloads.
    downloads_turn: Turn,
}

impl<P, I> Clone for Engine<P, I> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P, I> Deref for Engine<P, I> {
    type Target = Parts<P, I>;

    fn deref(&self) -> &Parts<P, I> {
        &self.0
    }
}

impl<P: Ports, I: Inquire<P>> Engine<P, I> {
    /// An engine over what is stored. Whoever starts it then sets the gate.
    ///
    /// # Errors
    /// The storage does not answer.
    pub async fn start(ports: P) -> Result<Self, Refused> {
        let (kept, session, granted, (), placed) = join5(
            store::load(&ports),
            store::load_session(&ports),
            ports.granted_hosts(),
            ports.recall_capture(),
            store::load_placed(&ports),
        )
        .await;
        let state = State::new(kept?, session, placed, granted.unwrap_or_default());
        let store = Store::new(ports, state);
        trust_where_needed(&store).await;
        Ok(Self(Rc::new(Parts {
            gate: Gate::default(),
            inquiries: I::new(store.clone()),
            checks: Flights::default(),
            deciding: Cell::new(0),
            downloads_turn: Turn::default(),
            store,
        })))
    }

    /// Reads which hosts the user gave permission for.
    pub async fn read_permissions(&self) {
        if let Some(granted) = self.ports().granted_hosts().await {
            self.store.change(|state| state.granted = granted);
        }
    }

    /// The ports.
    pub fn ports(&self) -> &P {
        self.store.ports()
    }

    /// Whether a request to an address may pass now.
    pub fn way(&self, address: &Address) -> Way {
        self.store.with(|state| state.way(address, self.store.now()))
    }

    /// True where a request to an address may pass, and the browser lets it.
    pub fn is_open(&self, address: &Address) -> bool {
        self.way(address).is_open() && self.gate.is_opened(address)
    }

    /// The same, after another try to open what may pass.
    pub async fn passes(&self, address: &Address) -> bool {
        if self.way(address).is_open() && !self.is_open(address) {
            self.set_gate().await;
        }
        self.is_open(address)
    }

    /// The light of an address now: green only where a good check is stored and the gate open by
    /// it.
    pub fn light(&self, address: &Address) -> Light {
        match self.store.with(|state| state.light(address, self.store.now())) {
            Light::Trusted if !self.gate.is_opened(address) => Light::Unchecked,
            light => light,
        }
    }

    /// The guarded addresses.
    pub fn guarded(&self) -> BTreeSet<Address> {
        self.store.with(|state| state.guarded(self.store.now()))
    }

    /// Runs work that nobody waits for.
    pub(crate) fn spawn<F: Future<Output = ()> + 'static>(&self, work: impl FnOnce(Self) -> F) {
        self.ports().spawn(work(self.clone()));
    }

    /// Checks an address. Whoever asks meanwhile waits for the same check.
    pub async fn check(&self, address: &Address) {
        let flight = self.checks.join(self.ports(), address, || {
            let (engine, address) = (self.clone(), address.clone());
            async move {
                engine.check_now(&address).await;
                I::checked(&engine, &address);
            }
        });
        flight.await;
    }

    async fn check_now(&self, address: &Address) {
        for looks_left in (0..MAX_LOOKS).rev() {
            let attempt = self.begin(address);
            let shows =
                self.store.with(|state| state.kept.settings.client_certificates.contains(address));
            let judged = match self.ports().look(address, shows).await {
                Ok(captured) => check::judge(&self.store, self, address, &captured).await,
                Err(unseen) => Judged::unseen(address, self.store.now(), &unseen),
            };
            if self.conclude(address, judged, attempt).await {
                break;
            }
            if looks_left == 0 {
                self.conclude_now(address, Judged::unsteady(address, self.store.now())).await;
            }
        }
        self.ports().remember_capture().await;
    }

    /// Takes in a chain that was seen on a connection of the page's own, and says whether it may go
    /// on after it.
    pub async fn saw(&self, address: &Address, captured: &Captured) -> Way {
        for _ in 0..MAX_LOOKS {
            let judged = check::judge(&self.store, self, address, captured).await;
            if !opens(&judged.whole(&self.store, address)) {
                // A probe that is under way must not outweigh what this very connection showed.
                self.store.change(|state| state.session.outdate());
            } else if self.way(address) != Way::Open {
                // An answer to a request from before may come late, over a connection from before:
                // it says nothing about the line now, so it never opens a gate that was shut in the
                // meantime.
                return self.way(address);
            }
            let attempt = self.begin(address);
            if self.conclude(address, judged, attempt).await {
                break;
            }
            // It was judged by what counts no longer.
        }
        // By now another connection may have shown another one.
        let seen = captured.ders.first().map(|der| CertificateSha256::of(der));
        let known = self.store.with(|state| state.session.get(address)?.certificate());
        if known == seen { self.way(address) } else { Way::Shut }
    }

    /// Takes in something that was seen without a certificate.
    pub async fn saw_without(&self, address: &Address, code: Code, reason: &str) {
        self.store.change(|state| state.session.outdate());
        let unseen = Unseen { code, reason: reason.into() };
        self.conclude_now(address, Judged::unseen(address, self.store.now(), &unseen)).await;
    }

    fn begin(&self, address: &Address) -> Attempt {
        self.store.with(|state| state.session.begin(address))
    }

    /// Takes in what was seen a moment ago.
    async fn conclude_now(&self, address: &Address, judged: Judged) {
        let attempt = self.begin(address);
        self.conclude(address, judged, attempt).await;
    }

    /// False if what the attempt saw counts no longer; nothing is concluded then.
    async fn conclude(&self, address: &Address, judged: Judged, attempt: Attempt) -> bool {
        match check::conclude(&self.store, address, judged, attempt).await {
            Ok(Some(concluded)) => {
                self.decided(address, &concluded).await;
                true
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// True while gate, journal and light follow what was concluded.
    pub(crate) fn is_deciding(&self) -> bool {
        self.deciding.get() > 0
    }

    /// Something is thought of an address: gate first, then journal and light.
    async fn decided(&self, address: &Address, concluded: &Concluded) {
        self.deciding.set(self.deciding.get() + 1);
        let (events, is_unclean) = self.store.with(|state| {
            let report = state.session.get(address).and_then(|known| known.report());
            report.map(|report| check::events(concluded, report)).unwrap_or_default()
        });
        self.set_gate().await;
        let noted = async {
            if is_unclean {
                self.store.make_unclean(address).await;
            }
            for (event, detail) in events {
                self.store.note(Some(address), event, detail).await;
            }
        };
        join(noted, self.set_tabs(address)).await;
        self.deciding.set(self.deciding.get() - 1);
    }

    /// Decides anew with what audits and home have said since.
    pub async fn redecide(&self, address: &Address) {
        let now = self.store.now();
        let concluded = self.store.change(|state| {
            let added = state.added(address, state.session.get(address)?.judged()?);
            state.session.redecide(address, added, now)
        });
        let Some(concluded) = concluded else { return };
        self.decided(address, &concluded).await;
        if concluded.before != Some(concluded.verdict) && self.way(address) == Way::Open {
            self.ports().call_in(address).await;
        }
    }

    /// What is seen from now on counts, what was seen before does not: the gate is shut when this
    /// returns.
    pub async fn expire(&self, address: Option<&Address>) {
        self.store.change(|state| state.session.expire(address));
        self.set_gate().await;
        self.show_lights().await;
    }

    /// Sets the gate by what is known: [`crate::gate`].
    pub async fn set_gate(&self) {
        self.gate.apply(self).await;
        self.set_downloads().await;
    }

    /// Takes the downloads of a host off the browser's list that stopped before their end.
    pub async fn discard_downloads(&self, host: &Host) {
        downloads::discard(&self.store, &self.downloads_turn, host).await;
    }

    /// Pauses the downloads of what is shut, and lets those go on that were paused here and may.
    pub async fn set_downloads(&self) {
        let guarded = self.store.with(|state| state.guarded_hosts(self.store.now()));
        let is_open = |address: &Address| self.is_open(address);
        downloads::set(&self.store, &self.downloads_turn, &guarded, is_open).await;
    }

    /// Shows the light of every guarded address in its tabs. Done at each start too: a background
    /// that was killed may have left an old one.
    pub async fn show_lights(&self) {
        for address in self.guarded() {
            self.ports().show(&address, &|| self.light(&address)).await;
        }
    }

    /// Shows the light in the tabs of an address, and sends them to the gate where it must not be
    /// left to look at.
    pub async fn set_tabs(&self, address: &Address) {
        let (light, way) = (self.light(address), self.way(address));
        if way == Way::Shut && matches!(light, Light::Danger | Light::Attention) {
            self.ports().leave(address, light == Light::Danger).await;
        } else {
            self.ports().show(address, &|| self.light(address)).await;
        }
    }

    /// Changes the site records by which an address was judged, or all of them. `None` if they
    /// cannot be read.
    ///
    /// In memory they change in one step with the end of what was judged by the old ones, so that
    /// no look is concluded by those any more. They are stored behind the shut gate: a background
    /// that ends in between leaves nothing open by a key that is no longer pinned.
    pub async fn change_judging<T>(
        &self,
        address: Option<&Address>,
        change: impl FnOnce(&mut Pins) -> T,
    ) -> Option<T> {
        let (result, _) = self.store.change_pins_in_memory(change)?;
        self.expire(address).await;
        self.store.save_pins().await;
        Some(result)
    }

    /// Sets the alarm of the audits where somebody may be asked. Without it, audits are made after
    /// checks and when the user asks.
    pub async fn set_audit_alarm(&self) {
        let is_needed = self.store.with(|state| {
            let settings = &state.kept.settings;
            let is_asking = settings.consents.values().any(|one| *one != Consent::default());
            is_asking || settings.renews_log_list || !settings.homes.is_empty()
        });
        self.ports().set_audit_alarm(is_needed).await;
    }

    /// Another background of this browser (a private window's) has written: what it knows is taken
    /// over.
    pub async fn read_again(&self, is_session: bool) {
        if !is_session {
            for tries_left in (0..MAX_TRIES).rev() {
                // Whoever has to shut meanwhile does not wait longer than for one try.
                let turn = self.gate.hold().await;
                let read = self.store.read_again(tries_left == 0).await;
                drop(turn);
                match read {
                    Ok(None) | Err(_) => self.ports().sleep(MOMENT).await,
                    Ok(Some(is_missing)) => {
                        trust_where_needed(&self.store).await;
                        if is_missing {
                            self.store.save_pins().await;
                        }
                        // What is judged by it may be another. The session is not written: the
                        // other background may be writing its own.
                        self.gate.apply_stored(self).await;
                        self.set_downloads().await;
                        return self.show_lights().await;
                    }
                }
            }
            return;
        }
        let turn = self.gate.hold().await;
        let theirs = store::load_session(self.ports()).await;
        let placed = store::load_placed(self.ports()).await;
        let now = self.store.now();
        let is_newer = self.store.change(|state| {
            state.placed = placed;
            state.session.merge(theirs, now)
        });
        drop(turn);
        // What this background knows better is written again.
        if is_newer {
            self.set_gate().await;
        } else {
            self.gate.apply_stored(self).await;
            self.set_downloads().await;
        }
    }
}

/// Where the pins cannot be read, the lists of logs tell which permissions are for logs.
async fn trust_where_needed<P: Ports>(store: &Store<P>) {
    if store.with(|state| state.kept.pins.is_err()) {
        trust::current(store).await;
    }
}

impl<P: Ports, I: Inquire<P>> Consult for Engine<P, I> {
    async fn home(&self, address: &Address, report: &Report) -> News {
        I::home(self, address, report).await
    }

    async fn proof(&self, address: &Address, leaf: &Certificate, promises: &Promises) {
        I::proof(self, address, leaf, promises).await;
    }
}

impl<P: Ports, I: Inquire<P>> Known for Engine<P, I> {
    fn open_now(&self) -> OpenSet {
        self.store.with(|state| state.open_at(self.store.now()))
    }

    fn session_text(&self) -> SessionText {
        self.store.with(|state| state.session.text(&state.open_at(self.store.now())))
    }
}

impl<P: Ports, I: Inquire<P>> SessionStorage for Engine<P, I> {
    async fn write_session(&self, text: SessionText) -> Result<(), Refused> {
        self.store.save_session(text).await
    }

    async fn forget_session(&self) -> Result<(), Refused> {
        self.store.forget_session().await
    }
}

impl<P: Ports, I: Inquire<P>> Rules for Engine<P, I> {
    async fn shut_all_but(&self, open: &BTreeSet<Address>) -> Result<(), Refused> {
        let hosts = self.store.with(|state| state.guarded_hosts(self.store.now()));
        self.ports().shut_rules(&hosts, open).await
    }

    async fn open(&self, open: &Armed) -> Result<(), Refused> {
        let hosts = self.store.with(|state| state.guarded_hosts(self.store.now()));
        self.ports().open_rules(&hosts, open).await
    }

    async fn set_alarm(&self, at: Option<Timestamp>) -> Result<(), Refused> {
        self.ports().set_gate_alarm(at).await
    }

    fn now(&self) -> Timestamp {
        self.store.now()
    }
}
