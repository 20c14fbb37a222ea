//! Asking the home itself, over the local network: which certificate it holds, which version it
//! runs.
//!
//! ```text
//! alarm, a key that nobody knows, "ask now" ─► Homes::ask ─► Conversation (core) over a line
//!                                                 ├─► the home's word ─► the site's record ─► pin
//!                                                 └─► check-up ─► page, popup; a blocked version ─► gate
//! ```
//!
//! Only the place is asked that the user named, with their permission for it, and never the remote
//! address: what comes over that proves nothing. Away from home that place is somebody else's:
//! nothing is taken over from whoever does not tell the account by which the home is known.
//!
//! A token that was refused is not said again before the user wants it, so that nobody gets banned
//! by it; nor for a day one whose answer was lost, which may have been a refusal. That it is going
//! to be said is written down before it is.

use core::time::Duration;

use doorlight::address::Address;
use doorlight::home_assistant::advisory::Advisories;
use doorlight::home_assistant::check_up::CheckUp;
use doorlight::home_assistant::conversation::{
    Conversation, ConversationError, HomeReport, Step, Token,
};
use doorlight::home_assistant::local::LocalAddress;
use doorlight::home_assistant::unreached::Unreached;
use doorlight::home_assistant::version::Version;
use doorlight::site::Heard;
use doorlight::text::printable;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::{Check, Evidence, Outcome};
use doorlight::verdict::report::{CertificateReport, Report};
use futures_util::future::{Either, select};
use serde::{Deserialize, Serialize};

use crate::advisories;
use crate::basis::Basis;
use crate::home::{HomeState, Occasion, TokenState};
use crate::journal::Event;
use crate::ports::{HomeLine, News, Ports, Refused};
use crate::settings::LocalHome;
use crate::single_flight::{Flight, Flights};
use crate::state::State;
use crate::store::{Store, not_stored};
use crate::trouble::Trouble;
use crate::turn::Turn;

/// How long one conversation may take.
const LIMIT: Duration = Duration::from_secs(15);
/// How long the gate waits for it: a home that is near answers in a fraction of that.
const PATIENCE: Duration = Duration::from_secs(3);
/// A certificate that is younger may be one that the home does not name yet. Let's Encrypt dates
/// them back by an hour.
const RENEWED: Duration = Duration::from_secs(2 * 60 * 60);
/// A home that did not answer is left alone for so long while somebody waits at the gate.
const PAUSE: Duration = Duration::from_secs(20);
/// How often it is asked in the background.
const PERIOD: Duration = Duration::from_secs(3600);

/// Nobody answers, and nothing tells why.
const UNREACHABLE: &str = "home-unreachable";

/// A version with what judges it: what the owner lets pass is what was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Risk {
    /// The version.
    pub version: Version,
    /// The date of the table.
    pub table_published: Timestamp,
}

impl Risk {
    /// None where no version is known.
    pub fn of(check_up: &CheckUp) -> Option<Self> {
        Some(Self { version: check_up.version?, table_published: check_up.table_published })
    }
}

/// What decides over what is open. When the home was heard last is no news, unless its word speaks
/// again: a gate that is open stays open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    basis: Basis,
    is_current: bool,
    is_blocked: bool,
}

/// A home is being asked, and what was known of it before.
#[derive(Debug)]
pub struct Asking {
    before: Word,
    flight: Flight,
}

/// What one conversation begins with.
struct Start {
    /// Which home that was.
    generation: u32,
    place: LocalAddress,
    token: Option<Token>,
    state: TokenState,
}

/// Why nothing was heard from a home.
enum Unheard {
    /// The line ended, or there was none.
    Ended,
    /// Nothing was said for too long.
    Silent,
    /// What answers does not talk as a home does, or refused the token.
    Failed(ConversationError),
    /// That the token is going to be said could not be written down, so it was not: after a refusal
    /// it might be said again and again.
    NotStored,
    /// Meanwhile the user named another place, or wants it asked no longer.
    Outdated,
}

fn trouble(code: &str, detail: impl ToString) -> Trouble {
    Trouble { code: code.into(), detail: printable(&detail.to_string()) }
}

/// The homes, and which of them are being asked. Cheap to clone: all are one.
#[derive(Debug)]
pub struct Homes<P> {
    store: Store<P>,
    /// Each with its generation then.
    asking: Flights<(Address, u32)>,
    /// One after the other: a home's place and token are written and read together.
    turn: Turn,
}

impl<P> Clone for Homes<P> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), asking: self.asking.clone(), turn: self.turn.clone() }
    }
}

impl<P: Ports + HomeLine> Homes<P> {
    /// The homes of a state.
    pub fn new(store: Store<P>) -> Self {
        Self { store, asking: Flights::default(), turn: Turn::default() }
    }

    /// Says where a home answers, and begins to ask it.
    ///
    /// # Errors
    /// The place is not on the local network, or the token has the wrong form.
    pub async fn set(
        &self,
        address: &Address,
        local: &str,
        token: Option<&str>,
        keeps_token: bool,
    ) -> Result<Asking, Trouble> {
        if !self.store.is_guarded(address) {
            return Err(trouble("not-guarded", address));
        }
        if self.store.ports().is_private() {
            return Err(trouble("home-private", address));
        }
        let place =
            LocalHome::place(local, &address.host).map_err(|error| trouble(error.code(), error))?;
        let token = token.map(str::trim);
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            token.parse::<Token>().map_err(|error| trouble(error.code(), error))?;
        }
        let _turn = self.turn.take().await;
        // Who asks already has the place or the token of before, and who begins meanwhile may have
        // either.
        self.outdate(address);
        let kept = self.keep(address, &place, token, keeps_token).await;
        self.outdate(address);
        kept.map_err(|error| not_stored(&error))?;
        let is_new = token.is_some_and(|token| !token.is_empty());
        // The turn is still held: whoever asks takes it, so nobody may wait for that here.
        Ok(self.ask(address, if is_new { Occasion::Introduction } else { Occasion::ByHand }))
    }

    fn outdate(&self, address: &Address) {
        self.store.change(|state| state.outdate_home(address));
    }

    async fn keep(
        &self,
        address: &Address,
        place: &LocalAddress,
        token: Option<&str>,
        keeps_token: bool,
    ) -> Result<(), Refused> {
        let store = &self.store;
        let known = store.load_token(address).await;
        match token.or(known.as_deref()).filter(|token| !token.is_empty()) {
            Some(token) => store.save_token(address, token, keeps_token).await?,
            None => store.forget_token(address).await?,
        }
        let home = LocalHome { local: place.to_string(), keeps_token };
        let left = store.with(|state| state.local_home(address));
        store
            .change_settings(|settings| drop(settings.homes.insert(address.clone(), home)))
            .await?;
        if let Some(left) = left {
            self.give_back(&left).await;
        }
        store
            .change_home(address, |home| {
                home.trouble = None;
                home.token = match token {
                    Some("") => TokenState::None,
                    Some(_) => TokenState::Good,
                    None => home.token,
                };
            })
            .await;
        if token == Some("") {
            // From now on it is known by its place alone.
            store
                .change_pins(|pins| pins.known_mut(address).map(|site| site.home_account = None))
                .await;
        }
        Ok(())
    }

    /// Asks a home no longer, and forgets its token and what it said about itself. What it had said
    /// of its certificate is the engine's to forget, behind the shut gate.
    pub async fn forget(&self, address: &Address, forget_word: impl Future<Output = ()>) {
        let store = &self.store;
        let _turn = self.turn.take().await;
        self.outdate(address);
        forget_word.await;
        let _ = store.noted(store.forget_token(address).await);
        let (is_kept, place) = store.with(|state| {
            (state.kept.settings.homes.contains_key(address), state.local_home(address))
        });
        if is_kept {
            let forgotten =
                store.change_settings(|settings| drop(settings.homes.remove(address))).await;
            let _ = store.noted(forgotten);
        }
        store.forget_home_state(address).await;
        if let Some(place) = place {
            self.give_back(&place).await;
        }
        // Who began to ask meanwhile may not have noticed.
        self.outdate(address);
    }

    /// Gives the permission for a place back, unless another home answers there or it is guarded
    /// itself.
    async fn give_back(&self, place: &LocalAddress) {
        let pattern = LocalHome::pattern(place);
        let now = self.store.now();
        let is_needed = self.store.with(|state| {
            let mut homes =
                state.kept.settings.homes.keys().filter_map(|one| state.local_home(one));
            homes.any(|other| LocalHome::pattern(&other) == pattern)
                || state.guarded_hosts(now).contains(&place.host)
        });
        if !is_needed {
            self.store.ports().give_back(&pattern).await;
        }
    }

    /// Asks the home; whoever asks meanwhile waits for the same answer, unless the user has changed
    /// something since.
    pub fn ask(&self, address: &Address, occasion: Occasion) -> Asking {
        let before = self.word(address);
        if occasion == Occasion::Again {
            // What is under way is without the token.
            self.outdate(address);
        }
        let generation = self.store.with(|state| state.home_generation(address));
        let flight = self.asking.join(self.store.ports(), &(address.clone(), generation), || {
            let (homes, address) = (self.clone(), address.clone());
            async move { homes.ask_now(&address, occasion, generation).await }
        });
        Asking { before, flight }
    }

    /// Waits for the answer. True where it changed what decides over what is open.
    pub async fn has_news(&self, address: &Address, asking: Asking) -> bool {
        asking.flight.await;
        asking.before != self.word(address)
    }

    fn word(&self, address: &Address) -> Word {
        let now = self.store.now();
        self.store.with(|state| {
            let word = state.record(address).and_then(|record| record.home.as_ref());
            Word {
                basis: state.basis(address),
                is_current: word.is_some_and(|word| word.is_current(now)),
                is_blocked: state.is_blocked(address),
            }
        })
    }

    /// Where and with what the home is asked; nothing where it is not to be asked.
    async fn start(&self, address: &Address, occasion: Occasion, generation: u32) -> Option<Start> {
        let store = &self.store;
        // Not while the place is already the new one and the token still the old.
        let _turn = self.turn.take().await;
        if self.is_outdated(address, generation) {
            return None;
        }
        let place = store.with(|state| state.local_home(address))?;
        if !store.ports().is_granted(&LocalHome::pattern(&place)).await {
            let missing = Some(trouble("home-permission-missing", &place));
            store.change_home(address, |home| home.trouble = missing).await;
            return None;
        }
        let state = store.with(|state| state.home(address).token);
        let may_be_said = state.may_be_said(occasion, store.now());
        let stored = store.load_token(address).await.filter(|_| may_be_said);
        // One that was kept in a form that is none is the same as none.
        let token = stored.and_then(|token| token.parse::<Token>().ok());
        // Where the pins cannot be read, nothing that it says could be taken over.
        let is_known = store
            .with(|state| state.record(address).map(|record| record.home_account.is_some()))?;
        may_ask(token.is_some(), is_known, occasion).then_some(Start {
            generation,
            place,
            token,
            state,
        })
    }

    /// What versions are judged by now.
    fn table(&self) -> Option<Advisories> {
        self.store.with(|state| advisories::read(&state.kept.settings, self.store.now()).0)
    }

    fn is_outdated(&self, address: &Address, generation: u32) -> bool {
        self.store.with(|state| state.home_generation(address)) != generation
    }

    /// One conversation with a home. The line is closed with it, however it ends.
    async fn talk(
        &self,
        address: &Address,
        start: &Start,
        conversation: &mut Conversation,
    ) -> Result<HomeReport, Unheard> {
        let ports = self.store.ports();
        let mut line = ports.open(&start.place.websocket_url()).ok_or(Unheard::Ended)?;
        let talking = async {
            loop {
                let text = ports.hear(&mut line).await.ok_or(Unheard::Ended)?;
                let step = conversation.hear(&text).map_err(Unheard::Failed)?;
                let is_outdated = || self.is_outdated(address, start.generation);
                if is_outdated() {
                    return Err(Unheard::Outdated);
                }
                match step {
                    Step::Wait => {}
                    Step::Say(text) => {
                        if conversation.is_authenticating() {
                            let said = TokenState::Said(self.store.now());
                            if !self.store.change_home(address, |home| home.token = said).await {
                                return Err(Unheard::NotStored);
                            }
                            if is_outdated() {
                                return Err(Unheard::Outdated);
                            }
                        }
                        ports.say(&mut line, text).await.ok_or(Unheard::Ended)?;
                    }
                    Step::Done(report) => return Ok(*report),
                }
            }
        };
        match select(core::pin::pin!(talking), core::pin::pin!(ports.sleep(LIMIT))).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Unheard::Silent),
        }
    }

    /// Why the line ended, as far as a plain question tells. It carries no token, and is no question
    /// to the WebSocket: a home answers that with 400, too.
    async fn in_the_way(&self, place: &LocalAddress) -> &'static str {
        let url = format!("{}/manifest.json", place.origin());
        let status = self.store.ports().status(&url).await;
        match status.map(|status| Unreached::by_status(status, None)) {
            Some(
                why @ (Unreached::Banned | Unreached::ProxyNotTrusted | Unreached::SendsOn(_)),
            ) => why.evidence().code.as_str(),
            _ => UNREACHABLE,
        }
    }

    async fn ask_now(&self, address: &Address, occasion: Occasion, generation: u32) {
        let store = &self.store;
        if store.ports().is_private() || self.table().is_none() {
            return;
        }
        let Some(mut start) = self.start(address, occasion, generation).await else { return };
        let mut conversation = Conversation::new(start.token.take());
        let tried = store.now();
        let talked = self.talk(address, &start, &mut conversation).await;
        // The table of now: it may have changed during the conversation.
        let Some(table) = self.table() else { return };
        let at = store.now();
        if self.is_outdated(address, start.generation) {
            return;
        }
        let host = Some(address.host.clone());
        let is_taken = conversation.is_authenticated();
        let tried = |home: &mut HomeState, trouble| {
            home.tried = Some(tried);
            home.trouble = trouble;
            if is_taken {
                home.token = TokenState::Good;
            }
        };
        let report = match talked {
            Ok(report) => report,
            Err(Unheard::Outdated) => return,
            Err(Unheard::NotStored) => {
                let not_stored = trouble("not-stored", &start.place);
                store
                    .change_home(address, |home| {
                        tried(home, Some(not_stored));
                        home.token = start.state;
                    })
                    .await;
                return;
            }
            Err(unheard @ (Unheard::Ended | Unheard::Silent)) => {
                let code = match unheard {
                    Unheard::Ended => self.in_the_way(&start.place).await,
                    _ => UNREACHABLE,
                };
                if self.is_outdated(address, start.generation) {
                    return;
                }
                // What it said before stands: away from home this is how it always ends.
                let silent = trouble(code, &start.place);
                store.change_home(address, |home| tried(home, Some(silent))).await;
                return;
            }
            Err(Unheard::Failed(error)) => {
                let is_refused = matches!(error, ConversationError::TokenRefused { .. });
                let is_known = store.with(|state| {
                    state.record(address).is_none_or(|record| record.home_account.is_some())
                });
                let check_up =
                    CheckUp::failed(at, host, start.place, &conversation, &error, &table);
                store
                    .change_home(address, |home| {
                        tried(home, Some(trouble(error.code(), &error)));
                        if is_refused {
                            home.token = TokenState::Refused;
                        }
                        // A stranger in the home's place must not make its version look better, or
                        // worse.
                        if is_refused && !is_known {
                            home.check_up = Some(check_up);
                        }
                    })
                    .await;
                if is_refused {
                    store.note(Some(address), Event::HomeRefused, String::new()).await;
                }
                return;
            }
        };
        let taken_over = store
            .change_pins(|pins| {
                // An address that is not guarded any more stays so.
                let site = pins.known_mut(address)?;
                let heard = match occasion {
                    Occasion::Introduction => site.meet(&report, at),
                    _ => site.hear(&report, at),
                };
                Some((heard, site.is_from_home(&report)))
            })
            .await;
        // Pins that cannot be read are told of elsewhere.
        let Some((heard, is_from_home)) = taken_over.flatten() else { return };
        let refused = heard.as_ref().err().map(|error| trouble(error.code(), error));
        let is_news = matches!(heard, Ok(Heard::First | Heard::Other));
        let check_up = CheckUp::new(at, host, start.place, &report, Some(&heard), &table);
        store
            .change_home(address, |home| {
                tried(home, refused);
                // Nothing of what a stranger said.
                if is_from_home {
                    home.answered = Some(at);
                    home.check_up = Some(check_up);
                }
            })
            .await;
        if is_news {
            store.note(Some(address), Event::HomeConfirmed, String::new()).await;
        }
    }

    /// While somebody waits at the gate, and what is presented is not known from the home, or its
    /// version keeps the gate shut: asks it. It may take longer than anybody waits here; what comes
    /// of it then is the caller's to decide on when it is there.
    pub async fn consult(&self, address: &Address, report: &Report) -> (News, Option<Asking>) {
        let at = self.store.now();
        if !self.store.with(|state| is_worth_asking(state, address, report, at)) {
            return (News::None, None);
        }
        let fingerprint =
            || self.store.with(|state| Some(state.record(address)?.home.as_ref()?.fingerprint));
        let before = fingerprint();
        let mut asking = self.ask(address, Occasion::Gate);
        let patience = core::pin::pin!(self.store.ports().sleep(PATIENCE));
        let is_late = matches!(select(&mut asking.flight, patience).await, Either::Right(_));
        let has_answered = self
            .store
            .with(|state| state.home(address).answered.is_some_and(|answered| answered >= at));
        let news = if fingerprint() != before {
            News::Other
        } else if has_answered && report.certificate.as_ref().is_some_and(|one| is_young(one, at)) {
            News::Wait
        } else {
            News::None
        };
        (news, is_late.then_some(asking))
    }

    /// The owner lets the version pass, or takes that back.
    ///
    /// # Errors
    /// The home has another version by now than the owner was `shown`, or another table judges it.
    pub async fn accept_risk(
        &self,
        address: &Address,
        is_accepted: bool,
        shown: Option<Risk>,
    ) -> Result<(), Trouble> {
        let at = self.store.now();
        let risk =
            self.store.with(|state| state.home(address).check_up.as_ref().and_then(Risk::of));
        if is_accepted && (risk.is_none() || risk != shown) {
            return Err(trouble("risk-changed", address));
        }
        self.store
            .change_home(address, |home| {
                let check_up = home.check_up.as_ref().filter(|_| is_accepted);
                home.accepted_risk = check_up.map(|check_up| check_up.override_now(at));
            })
            .await;
        let what = if is_accepted { Event::RiskAccepted } else { Event::RiskRefused };
        self.store.note(Some(address), what, String::new()).await;
        Ok(())
    }

    /// The table of advisories has changed: a home is judged by it, and what was accepted by the
    /// old one may end. True where there is something to judge.
    pub async fn judge_version_anew(&self, address: &Address) -> bool {
        let check_up = self.store.with(|state| state.home(address).check_up);
        let (Some(table), Some(check_up)) = (self.table(), check_up) else { return false };
        let anew = check_up.judged_by(&table, self.store.now());
        self.store.change_home(address, |home| home.check_up = Some(anew)).await;
        true
    }
}

/// Whether a home may be asked with a token or without one; `is_known` by the account of one.
pub fn may_ask(has_token: bool, is_known: bool, occasion: Occasion) -> bool {
    match (has_token, is_known) {
        (true, true) | (false, false) => true,
        // Whoever takes the token first is the home from then on: that happens at a click at home,
        // and not wherever the browser is next.
        (true, false) => occasion.is_by_user(),
        // Anybody might be the home then.
        (false, true) => false,
    }
}

/// True where the home is asked while somebody waits at the gate.
pub fn is_worth_asking(state: &State, address: &Address, report: &Report, at: Timestamp) -> bool {
    let home = state.home(address);
    let failed = home.tried.filter(|_| home.answered < home.tried);
    let is_resting = failed.is_some_and(|tried| tried <= at && at.since(tried) < PAUSE);
    state.local_home(address).is_some()
        && (state.is_blocked(address) || leaves_question(report))
        && !is_resting
}

/// True for a home whose time has come.
pub fn is_due(state: &State, address: &Address, at: Timestamp) -> bool {
    let tried = state.home(address).tried;
    state.local_home(address).is_some()
        && tried.is_none_or(|tried| tried > at || at.since(tried) >= PERIOD)
}

/// True where a report leaves a question that the home could answer. Where the key is known, an old
/// word is no reason to wait: away from home nobody answers, at every check.
pub fn leaves_question(report: &Report) -> bool {
    report.evidence.iter().any(|one: &Evidence| match one.check {
        Check::Pin => one.outcome != Outcome::Pass,
        Check::Home => one.outcome == Outcome::Fail,
        _ => false,
    })
}

fn is_young(certificate: &CertificateReport, at: Timestamp) -> bool {
    at.since(certificate.not_before) < RENEWED
}
