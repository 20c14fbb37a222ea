//! Asking the home itself, over the local network: which certificate it holds, which version it runs.
//!
//! ```text
//! alarm, a key that nobody knows, "ask now" ─► Keeper::ask_home ─► Conversation (core) over a WebSocket
//!                                                   ├─► the home's word ─► the site's record ─► pin
//!                                                   └─► check-up ─► page, popup; a blocked version ─► gate
//! ```
//!
//! Only the place is asked that the user named, with their permission for it, and never the remote address: what comes over that proves nothing. Away from home that
//! place is somebody else's: nothing is taken over from whoever does not tell the account by which the home is known.
//!
//! A token that was refused is not said again before the user wants it, so that nobody gets banned by it; nor for a day one whose answer was lost, which may have been a refusal.
//! That it is going to be said is written down before it is.
//!
//! Private windows have a background of their own in Chromium, which leaves this to the other one.

use core::time::Duration;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::evidence::{Check, Code, Evidence, Outcome};
use doorlight::home_assistant::check_up::CheckUp;
use doorlight::home_assistant::conversation::{Conversation, ConversationError, HomeReport, Step, Token};
use doorlight::home_assistant::local::LocalAddress;
use doorlight::report::{CertificateReport, Report};
use doorlight::site::{Heard, SiteRecord};
use doorlight::text::printable;
use doorlight::time::Timestamp;
use doorlight_browser::now;
use futures_util::future::{Either, select};
use futures_util::{SinkExt, StreamExt};
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::TimeoutFuture;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::api;
use crate::journal::Event;
use crate::keeper::Keeper;
use crate::message::{HomeStatus, Risk, Trouble};
use crate::settings::LocalHome;
use crate::store;

pub mod asked;

pub use asked::Asked;
use asked::TokenState;

/// How long one conversation may take.
const LIMIT: Duration = Duration::from_secs(15);
/// How long the gate waits for it: a home that is near answers in a fraction of that.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the home is asked while somebody waits at the gate. For some seconds after a renewal it still names the certificate from before.
pub const TRIES: u32 = 3;
/// How long it is left alone between two of them, in milliseconds.
pub const BETWEEN: u32 = 2000;
/// A certificate that is younger may be one that the home does not name yet. Let's Encrypt dates them back by an hour.
const RENEWED: Duration = Duration::from_secs(2 * 60 * 60);
/// A home that did not answer is left alone for so long while somebody waits at the gate.
const PAUSE: Duration = Duration::from_secs(20);
/// How often it is asked in the background.
const PERIOD: Duration = Duration::from_secs(3600);

/// What one conversation begins with.
struct Start {
    /// Which home that was: [`Keeper::home_age`].
    age: u32,
    place: LocalAddress,
    token: Option<Token>,
    state: TokenState,
}

/// What came of asking while somebody waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// The home names another certificate than before.
    Other,
    /// It names the same as before, and what is presented is so young that it may soon name another.
    Wait,
    /// Nothing to wait for.
    None,
}

/// On whose account a home is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// It was time to.
    Due,
    /// Somebody waits at the gate.
    Gate,
    /// The user wants to know now.
    ByHand,
    /// The user says that it was another home that refused the token.
    Again,
    /// The user has just handed the token in.
    Introduction,
}

impl Occasion {
    /// True where somebody has clicked for it.
    pub fn is_by_user(self) -> bool {
        !matches!(self, Self::Due | Self::Gate)
    }
}

/// Why nothing was heard from a home.
enum Unheard {
    /// Nobody answered, or not to the end.
    Silent,
    /// What answers does not talk as a home does, or refused the token.
    Failed(ConversationError),
    /// That the token is going to be said could not be written down, so it was not: after a refusal it might be said again and again.
    NotStored,
    /// Meanwhile the user named another place, or wants it asked no longer.
    Outdated,
}

fn after(time: Duration) -> TimeoutFuture {
    TimeoutFuture::new(u32::try_from(time.as_millis()).unwrap_or(u32::MAX))
}

fn trouble(code: &str, detail: impl ToString) -> Trouble {
    Trouble { code: code.into(), detail: printable(&detail.to_string()) }
}

impl Keeper {
    /// Where a home answers on the local network.
    fn local_home(&self, address: &Address) -> Option<(LocalAddress, LocalHome)> {
        let home = self.kept.borrow().settings.homes.get(address).cloned()?;
        Some((LocalHome::place(&home.local, &address.host).ok()?, home))
    }

    fn asked(&self, address: &Address) -> Asked {
        self.homes.borrow().get(address).cloned().unwrap_or_default()
    }

    /// False where that could not be stored.
    async fn change_asked(&self, address: &Address, change: impl FnOnce(&mut Asked)) -> bool {
        // One that was forgotten while it was asked leaves no trace.
        if !self.kept.borrow().settings.homes.contains_key(address) {
            return true;
        }
        let homes = {
            let mut homes = self.homes.borrow_mut();
            change(homes.entry(address.clone()).or_default());
            homes.clone()
        };
        self.noted(store::save_homes(&homes).await).is_ok()
    }

    /// Rises whenever the user sets a home or wants it asked no longer: what is heard from one of before counts no longer.
    fn home_age(&self, address: &Address) -> u32 {
        self.home_ages.borrow().get(address).copied().unwrap_or(0)
    }

    fn age_home(&self, address: &Address) {
        let mut ages = self.home_ages.borrow_mut();
        let age = ages.entry(address.clone()).or_default();
        *age = age.wrapping_add(1);
    }

    /// Says where a home answers, and asks it.
    ///
    /// # Errors
    /// The place is not on the local network, or the token has the wrong form.
    pub async fn set_home(
        self: &Rc<Self>,
        address: &Address,
        local: &str,
        token: Option<&str>,
        keeps_token: bool,
    ) -> Result<(), Trouble> {
        if !self.is_guarded(address) {
            return Err(trouble("not-guarded", address));
        }
        if api::is_private() {
            return Err(trouble("home-private", address));
        }
        let place = LocalHome::place(local, &address.host).map_err(|error| trouble(error.code(), error))?;
        let token = token.map(str::trim);
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            token.parse::<Token>().map_err(|error| trouble(error.code(), error))?;
        }
        let turn = self.homes_turn.take().await;
        // Who asks already has the place or the token of before, and who begins meanwhile may have either.
        self.age_home(address);
        let kept = self.keep_home(address, &place, token, keeps_token).await;
        self.age_home(address);
        kept.map_err(|error| trouble("not-stored", error))?;
        let before = self.known_of_home(address);
        let is_new = token.is_some_and(|token| !token.is_empty());
        let asking =
            self.begin_to_ask(address, if is_new { Occasion::Introduction } else { Occasion::ByHand });
        drop(turn);
        self.set_audit_alarm().await;
        self.decide_after(address, &before, asking).await;
        Ok(())
    }

    async fn keep_home(
        &self,
        address: &Address,
        place: &LocalAddress,
        token: Option<&str>,
        keeps_token: bool,
    ) -> Result<(), api::ApiError> {
        let known = store::load_token(address).await;
        match token.or(known.as_deref()).filter(|token| !token.is_empty()) {
            Some(token) => store::save_token(address, token, keeps_token).await?,
            None => store::forget_token(address).await?,
        }
        let home = LocalHome { local: place.to_string(), keeps_token };
        let left = self.local_home(address).map(|(place, _)| place);
        self.change_settings(|settings| drop(settings.homes.insert(address.clone(), home))).await?;
        if let Some(left) = left {
            self.give_back_place(&left).await;
        }
        self.change_asked(address, |asked| {
            asked.trouble = None;
            asked.token = match token {
                Some("") => TokenState::None,
                Some(_) => TokenState::Good,
                None => asked.token,
            };
        })
        .await;
        if token == Some("") {
            // From now on it is known by its place alone.
            self.change_pins(|pins| pins.known_mut(address).map(|site| site.home_account = None)).await;
        }
        Ok(())
    }

    /// Asks a home no longer, and forgets its token and what it said about itself.
    pub async fn forget_home(&self, address: &Address) {
        let _turn = self.homes_turn.take().await;
        self.age_home(address);
        if self.is_guarded(address) {
            self.change_pins(|pins| pins.known_mut(address).map(SiteRecord::forget_home)).await;
            self.expire(Some(address)).await;
        }
        let _ = self.noted(store::forget_token(address).await);
        let local = self.kept.borrow().settings.homes.get(address).cloned();
        if local.is_some() {
            let forgotten = self.change_settings(|settings| drop(settings.homes.remove(address))).await;
            let _ = self.noted(forgotten);
        }
        self.homes.borrow_mut().remove(address);
        let homes = self.homes.borrow().clone();
        let _ = self.noted(store::save_homes(&homes).await);
        if let Some(place) = local.and_then(|home| LocalHome::place(&home.local, &address.host).ok()) {
            self.give_back_place(&place).await;
        }
        // Who began to ask meanwhile may not have noticed.
        self.age_home(address);
        self.set_audit_alarm().await;
    }

    /// Gives the permission for a place back, unless another home answers there or it is guarded itself.
    async fn give_back_place(&self, place: &LocalAddress) {
        let pattern = LocalHome::pattern(place);
        let homes = self.kept.borrow().settings.homes.clone();
        let is_needed = homes.iter().any(|(address, home)| {
            LocalHome::place(&home.local, &address.host)
                .is_ok_and(|other| LocalHome::pattern(&other) == pattern)
        });
        if !is_needed && !self.is_host_guarded(&place.host) {
            // A permission that stays is not asked for again; it does no harm.
            let _ = api::give_back(&[pattern]).await;
        }
    }

    /// Asks the home; whoever asks meanwhile waits for the same answer, unless the user has changed something since.
    fn ask_home(self: &Rc<Self>, address: &Address, occasion: Occasion) -> Promise {
        let running = self.asking.borrow().get(address).cloned();
        match running {
            Some((age, asking)) if occasion != Occasion::Again && age == self.home_age(address) => asking,
            _ => self.begin_to_ask(address, occasion),
        }
    }

    fn begin_to_ask(self: &Rc<Self>, address: &Address, occasion: Occasion) -> Promise {
        if occasion == Occasion::Again {
            // What is under way is without the token.
            self.age_home(address);
        }
        let age = self.home_age(address);
        let asking: Promise = future_to_promise({
            let (keeper, address) = (Rc::clone(self), address.clone());
            async move {
                keeper.ask_home_now(&address, occasion, age).await;
                let mut asking = keeper.asking.borrow_mut();
                if asking.get(&address).is_some_and(|(of, _)| *of == age) {
                    asking.remove(&address);
                }
                Ok(JsValue::UNDEFINED)
            }
        });
        self.asking.borrow_mut().insert(address.clone(), (age, asking.clone()));
        asking
    }

    /// Where and with what the home is asked; nothing where it is not to be asked.
    async fn start_asking(&self, address: &Address, occasion: Occasion, age: u32) -> Option<Start> {
        // Not while the place is already the new one and the token still the old.
        let _turn = self.homes_turn.take().await;
        let (place, _) = self.local_home(address).filter(|_| age == self.home_age(address))?;
        if !api::is_granted(&LocalHome::pattern(&place)).await {
            let missing = Some(trouble("home-permission-missing", &place));
            self.change_asked(address, |asked| asked.trouble = missing).await;
            return None;
        }
        let state = self.asked(address).token;
        let may_be_said = state.may_be_said(occasion, now());
        let stored = store::load_token(address).await.filter(|_| may_be_said);
        // One that was kept in a form that is none is the same as none.
        let token = stored.and_then(|token| token.parse::<Token>().ok());
        // Where the pins cannot be read, nothing that it says could be taken over.
        let is_known = self.record(address)?.home_account.is_some();
        let may_ask = match (&token, is_known) {
            (Some(_), true) | (None, false) => true,
            // Whoever takes the token first is the home from then on: that happens at a click at home, and not wherever the browser is next.
            (Some(_), false) => occasion.is_by_user(),
            // Anybody might be the home then.
            (None, true) => false,
        };
        may_ask.then_some(Start { age, place, token, state })
    }

    /// One conversation with a home. The connection is closed with it, however it ends.
    async fn talk(
        &self,
        address: &Address,
        start: &Start,
        conversation: &mut Conversation,
    ) -> Result<HomeReport, Unheard> {
        let mut socket = WebSocket::open(&start.place.websocket_url()).map_err(|_| Unheard::Silent)?;
        let talking = async {
            loop {
                let text = match socket.next().await {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Bytes(_)) | Err(_)) | None => return Err(Unheard::Silent),
                };
                let step = conversation.hear(&text).map_err(Unheard::Failed)?;
                let is_outdated = || self.home_age(address) != start.age;
                if is_outdated() {
                    return Err(Unheard::Outdated);
                }
                match step {
                    Step::Wait => {}
                    Step::Say(text) => {
                        if conversation.is_authenticating() {
                            let said = TokenState::Said(now());
                            if !self.change_asked(address, |asked| asked.token = said).await {
                                return Err(Unheard::NotStored);
                            }
                            if is_outdated() {
                                return Err(Unheard::Outdated);
                            }
                        }
                        socket.send(Message::Text(text)).await.map_err(|_| Unheard::Silent)?;
                    }
                    Step::Done(report) => return Ok(*report),
                }
            }
        };
        match select(core::pin::pin!(talking), after(LIMIT)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Unheard::Silent),
        }
    }

    async fn ask_home_now(&self, address: &Address, occasion: Occasion, age: u32) {
        if api::is_private() {
            return;
        }
        let Some(table) = self.believed.borrow().advisories.clone() else { return };
        let Some(mut start) = self.start_asking(address, occasion, age).await else { return };
        let mut conversation = Conversation::new(start.token.take());
        let tried = now();
        let talked = self.talk(address, &start, &mut conversation).await;
        let at = now();
        if self.home_age(address) != start.age {
            return;
        }
        let host = Some(address.host.clone());
        let is_taken = conversation.is_authenticated();
        let tried = |asked: &mut Asked, trouble| {
            asked.tried = Some(tried);
            asked.trouble = trouble;
            if is_taken {
                asked.token = TokenState::Good;
            }
        };
        let report = match talked {
            Ok(report) => report,
            Err(Unheard::Outdated) => return,
            Err(Unheard::NotStored) => {
                let not_stored = trouble("not-stored", &start.place);
                self.change_asked(address, |asked| {
                    tried(asked, Some(not_stored));
                    asked.token = start.state;
                })
                .await;
                return;
            }
            Err(Unheard::Silent) => {
                // What it said before stands: away from home this is how it always ends.
                let silent = trouble("home-unreachable", &start.place);
                self.change_asked(address, |asked| tried(asked, Some(silent))).await;
                return;
            }
            Err(Unheard::Failed(error)) => {
                let is_refused = matches!(error, ConversationError::TokenRefused { .. });
                let is_known = self.record(address).is_none_or(|record| record.home_account.is_some());
                let check_up = CheckUp::failed(at, host, start.place, &conversation, &error, &table);
                self.change_asked(address, |asked| {
                    tried(asked, Some(trouble(error.code(), &error)));
                    if is_refused {
                        asked.token = TokenState::Refused;
                    }
                    // A stranger in the home's place must not make its version look better, or worse.
                    if is_refused && !is_known {
                        asked.check_up = Some(check_up);
                    }
                })
                .await;
                if is_refused {
                    self.note(Some(address), Event::HomeRefused, String::new()).await;
                }
                return;
            }
        };
        let taken_over = self
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
        self.change_asked(address, |asked| {
            tried(asked, refused);
            // Nothing of what a stranger said.
            if is_from_home {
                asked.answered = Some(at);
                asked.check_up = Some(check_up);
            }
        })
        .await;
        if is_news {
            self.note(Some(address), Event::HomeConfirmed, String::new()).await;
        }
    }

    /// Asks the home, and checks anew where that changed what is known.
    pub async fn ask_home_and_decide(self: &Rc<Self>, address: &Address, occasion: Occasion) {
        let before = self.known_of_home(address);
        self.decide_after(address, &before, self.ask_home(address, occasion)).await;
    }

    /// What decides over what is open. When the home was heard last is no news, unless its word speaks again: a gate that is open stays open.
    fn known_of_home(&self, address: &Address) -> (Option<SiteRecord>, bool, bool) {
        let mut record = self.record(address);
        let mut is_current = false;
        if let Some(word) = record.as_mut().and_then(|record| record.home.as_mut()) {
            is_current = word.is_current(now());
            word.last_told = word.first_told;
        }
        (record, is_current, self.is_blocked(address))
    }

    async fn decide_after(
        self: &Rc<Self>,
        address: &Address,
        before: &(Option<SiteRecord>, bool, bool),
        asking: Promise,
    ) {
        // Asking itself cannot fail.
        let _ = JsFuture::from(asking).await;
        if *before != self.known_of_home(address) {
            self.expire(Some(address)).await;
            self.check(address).await;
        }
    }

    /// While somebody waits at the gate, and what is presented is not known from the home, or its version keeps the gate shut: asks it.
    pub async fn home_has_news(self: &Rc<Self>, address: &Address, report: &Report) -> News {
        // Where the key is known, an old word is no reason to wait: away from home nobody answers, at every check.
        let is_open = |one: &Evidence| match one.check {
            Check::Pin => one.outcome != Outcome::Pass,
            Check::Home => one.outcome == Outcome::Fail,
            _ => false,
        };
        let is_question = self.is_blocked(address) || report.evidence.iter().any(is_open);
        if self.local_home(address).is_none() || !is_question {
            return News::None;
        }
        let at = now();
        let asked = self.asked(address);
        let failed = asked.tried.filter(|_| asked.answered < asked.tried);
        if failed.is_some_and(|tried| tried <= at && at.since(tried) < PAUSE) {
            return News::None;
        }
        let word = || Some(self.record(address)?.home?.fingerprint);
        let before = word();
        let known = self.known_of_home(address);
        let asking = self.ask_home(address, Occasion::Gate);
        // It may take longer than anybody waits here; then what comes of it is decided on when it is there.
        if let Either::Right(_) = select(JsFuture::from(asking.clone()), after(PATIENCE)).await {
            let (keeper, address) = (Rc::clone(self), address.clone());
            spawn_local(async move { keeper.decide_after(&address, &known, asking).await });
        }
        let has_answered = self.asked(address).answered.is_some_and(|answered| answered >= at);
        let is_young = |certificate: &CertificateReport| at.since(certificate.not_before) < RENEWED;
        if word() != before {
            News::Other
        } else if has_answered && report.certificate.as_ref().is_some_and(is_young) {
            News::Wait
        } else {
            News::None
        }
    }

    /// Asks those whose time has come, now that the background is awake anyway.
    pub async fn ask_homes_due(self: &Rc<Self>) {
        let at = now();
        for address in self.guarded() {
            let is_due = |tried: Timestamp| tried > at || at.since(tried) >= PERIOD;
            if self.local_home(&address).is_some() && self.asked(&address).tried.is_none_or(is_due) {
                self.ask_home_and_decide(&address, Occasion::Due).await;
            }
        }
    }

    /// After a check, without anybody waiting for it: the home may be near again.
    pub fn ask_home_later(self: &Rc<Self>) {
        let keeper = Rc::clone(self);
        spawn_local(async move { keeper.ask_homes_due().await });
    }

    /// True where the home's version keeps the gate shut.
    pub fn is_blocked(&self, address: &Address) -> bool {
        self.homes.borrow().get(address).is_some_and(Asked::is_blocked)
    }

    /// What the home's version adds to a report.
    pub fn version_evidence(&self, address: &Address) -> Option<Evidence> {
        let asked = self.asked(address);
        let version = asked.check_up.as_ref()?.version.as_ref()?.to_string();
        let code = match (asked.is_blocked(), asked.is_insecure()) {
            (true, _) => Code::HomeVersionBlocked,
            (false, true) => Code::HomeVersionOverridden,
            (false, false) => return None,
        };
        Some(Evidence::new(code).with("version", version))
    }

    /// The owner lets the version pass, or takes that back.
    ///
    /// # Errors
    /// The home has another version by now than the owner was `shown`, or another table judges it.
    pub async fn accept_risk(
        self: &Rc<Self>,
        address: &Address,
        is_accepted: bool,
        shown: Option<Risk>,
    ) -> Result<(), Trouble> {
        let at = now();
        let risk = self.asked(address).check_up.as_ref().and_then(Risk::of);
        if is_accepted && (risk.is_none() || risk != shown) {
            return Err(trouble("risk-changed", address));
        }
        self.change_asked(address, |asked| {
            let check_up = asked.check_up.as_ref().filter(|_| is_accepted);
            asked.accepted_risk = check_up.map(|check_up| check_up.override_now(at));
        })
        .await;
        let what = if is_accepted { Event::RiskAccepted } else { Event::RiskRefused };
        self.note(Some(address), what, String::new()).await;
        self.redecide(address).await;
        Ok(())
    }

    /// The table of advisories has changed: every home is judged by it, and what was accepted by the old one may end.
    pub async fn judge_versions_anew(self: &Rc<Self>) {
        let Some(table) = self.believed.borrow().advisories.clone() else { return };
        for address in self.guarded() {
            let Some(check_up) = self.asked(&address).check_up else { continue };
            let anew = check_up.judged_by(&table, now());
            self.change_asked(&address, |asked| asked.check_up = Some(anew)).await;
            self.redecide(&address).await;
        }
    }

    /// What a page shows of all this.
    pub async fn home_status(&self, address: &Address) -> Option<HomeStatus> {
        if !self.is_guarded(address) {
            return None;
        }
        let asked = self.asked(address);
        let is_blocked = asked.is_blocked();
        let home = self.kept.borrow().settings.homes.get(address).cloned();
        let place = home.as_ref().and_then(|home| LocalHome::place(&home.local, &address.host).ok());
        let has_permission = match &place {
            Some(place) => api::is_granted(&LocalHome::pattern(place)).await,
            None => false,
        };
        let stored = home.is_some() && store::load_token(address).await.is_some();
        let is_known = self.record(address).is_some_and(|record| record.home_account.is_some());
        let table = self.believed.borrow().advisories.clone();
        // Time goes on without an answer: a version grows old, and so does the table.
        let check_up = match (asked.check_up, table) {
            (Some(check_up), Some(table)) => Some(check_up.judged_by(&table, now())),
            (check_up, _) => check_up,
        };
        let is_missed = home.is_some() && is_known;
        let token_trouble = asked.token.trouble(stored, is_missed, now());
        Some(HomeStatus {
            has_permission,
            has_token: stored && asked.token != TokenState::Refused,
            has_refused_token: stored && asked.token == TokenState::Refused,
            keeps_token: home.as_ref().is_some_and(|home| home.keeps_token),
            has_accepted_risk: asked.accepted_risk.is_some(),
            is_blocked,
            trouble: token_trouble.or(asked.trouble),
            local: home.map(|home| home.local),
            tried: asked.tried,
            answered: asked.answered,
            check_up,
        })
    }
}
