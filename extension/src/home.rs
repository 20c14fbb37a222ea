//! Asking the home itself, over the local network: which certificate it holds, which version it runs.
//!
//! ```text
//! alarm, a key that nobody knows, "ask now" ─► Keeper::ask_home ─► Conversation (core) over a WebSocket
//!                                                   ├─► the home's word ─► the site's record ─► pin
//!                                                   └─► check-up ─► page, popup; a blocked version ─► gate
//! ```
//!
//! Only the place is asked that the user named, with their permission for it, and never the remote address: what comes over that proves nothing. A token
//! that was refused is forgotten before anything else happens, so that nobody gets banned by it.
//!
//! Private windows have a background of their own in Chromium, which leaves this to the other one.

use core::time::Duration;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::evidence::{Check, Code, Evidence, Outcome};
use doorlight::home_assistant::check_up::{CheckUp, Override};
use doorlight::home_assistant::conversation::{Conversation, ConversationError, HomeReport, Step, Token};
use doorlight::home_assistant::local::LocalAddress;
use doorlight::report::{CertificateReport, Report};
use doorlight::site::{Heard, OtherHome};
use doorlight::text::printable;
use doorlight::time::Timestamp;
use doorlight_browser::now;
use futures_util::future::{Either, select};
use futures_util::{SinkExt, StreamExt};
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::TimeoutFuture;
use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::api;
use crate::journal::Event;
use crate::keeper::Keeper;
use crate::message::{HomeStatus, Trouble};
use crate::settings::LocalHome;
use crate::store;

/// How long one conversation may take in the background.
const UNHURRIED: Duration = Duration::from_secs(15);
/// And while somebody waits at the gate: a home that is near answers in a fraction of it.
const HURRIED: Duration = Duration::from_secs(3);
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

/// What is kept of asking a home.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// When it was last tried.
    pub tried: Option<Timestamp>,
    /// When it last answered.
    pub answered: Option<Timestamp>,
    /// Why it did not, or why its word does not count.
    pub trouble: Option<Trouble>,
    /// What it said about itself.
    pub check_up: Option<CheckUp>,
    /// The version that the owner lets pass, with what was known against it then.
    pub accepted_risk: Option<Override>,
}

impl Asked {
    /// True where the version is not to be reached from outside, whatever the owner says.
    fn is_insecure(&self) -> bool {
        self.check_up.as_ref().is_some_and(|check_up| check_up.blocks(None))
    }

    /// True where it keeps the gate shut: the owner does not let it pass, or did so before something new was known against it.
    fn is_blocked(&self) -> bool {
        self.check_up.as_ref().is_some_and(|check_up| check_up.blocks(self.accepted_risk.as_ref()))
    }
}

/// Why nothing was heard from a home.
enum Unheard {
    /// Nobody answered, or not to the end.
    Silent,
    /// What answers does not talk as a home does, or refused the token.
    Failed(ConversationError),
}

/// One conversation with a home. The connection is closed with it, however it ends.
async fn talk(
    conversation: &mut Conversation,
    place: &LocalAddress,
    limit: Duration,
) -> Result<HomeReport, Unheard> {
    let mut socket = WebSocket::open(&place.websocket_url()).map_err(|_| Unheard::Silent)?;
    let talking = async {
        loop {
            let text = match socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Bytes(_)) | Err(_)) | None => return Err(Unheard::Silent),
            };
            match conversation.hear(&text).map_err(Unheard::Failed)? {
                Step::Wait => {}
                Step::Say(text) => {
                    socket.send(Message::Text(text)).await.map_err(|_| Unheard::Silent)?;
                }
                Step::Done(report) => return Ok(*report),
            }
        }
    };
    let limit = TimeoutFuture::new(u32::try_from(limit.as_millis()).unwrap_or(u32::MAX));
    match select(core::pin::pin!(talking), limit).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Unheard::Silent),
    }
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

    async fn change_asked(&self, address: &Address, change: impl FnOnce(&mut Asked)) {
        // One that was forgotten while it was asked leaves no trace.
        if !self.kept.borrow().settings.homes.contains_key(address) {
            return;
        }
        let homes = {
            let mut homes = self.homes.borrow_mut();
            change(homes.entry(address.clone()).or_default());
            homes.clone()
        };
        let _ = self.noted(store::save_homes(&homes).await);
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
        let refused = |code: &str, detail: String| Trouble { code: code.into(), detail: printable(&detail) };
        if !self.is_guarded(address) {
            return Err(refused("not-guarded", address.to_string()));
        }
        let place = LocalHome::place(local, &address.host)
            .map_err(|error| refused(error.code(), error.to_string()))?;
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            token.parse::<Token>().map_err(|error| refused(error.code(), error.to_string()))?;
        }
        let unstored = |error: api::ApiError| refused("not-stored", error.to_string());
        let token = match token {
            Some(token) => Some(token.to_owned()).filter(|token| !token.is_empty()),
            None => store::load_token(address).await,
        };
        match token {
            Some(token) => store::save_token(address, token.trim(), keeps_token).await.map_err(unstored)?,
            None => store::forget_token(address).await.map_err(unstored)?,
        }
        let home = LocalHome { local: place.to_string(), keeps_token };
        let changed =
            self.change_settings(|settings| drop(settings.homes.insert(address.clone(), home))).await;
        changed.map_err(unstored)?;
        self.change_asked(address, |asked| asked.trouble = None).await;
        self.set_audit_alarm().await;
        self.ask_home_and_decide(address).await;
        Ok(())
    }

    /// Asks a home no longer, and forgets its token and what it said about itself.
    pub async fn forget_home(&self, address: &Address) {
        if self.is_guarded(address) {
            self.change_pins(|pins| pins.site_mut(address).forget_home()).await;
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
        let place = local.and_then(|home| LocalHome::place(&home.local, &address.host).ok());
        if let Some(place) = place.filter(|place| !self.is_host_guarded(&place.host)) {
            // A permission that stays is not asked for again; it does no harm.
            let _ = api::give_back(&[LocalHome::pattern(&place)]).await;
        }
        self.set_audit_alarm().await;
    }

    /// Asks the home; whoever asks meanwhile waits for the same answer.
    async fn ask_home(self: &Rc<Self>, address: &Address, limit: Duration) {
        let running = self.asking.borrow().get(address).cloned();
        let asking = running.unwrap_or_else(|| {
            let asking: Promise = future_to_promise({
                let (keeper, address) = (Rc::clone(self), address.clone());
                async move {
                    keeper.ask_home_now(&address, limit).await;
                    keeper.asking.borrow_mut().remove(&address);
                    Ok(JsValue::UNDEFINED)
                }
            });
            self.asking.borrow_mut().insert(address.clone(), asking.clone());
            asking
        });
        // Asking itself cannot fail.
        let _ = JsFuture::from(asking).await;
    }

    async fn ask_home_now(&self, address: &Address, limit: Duration) {
        let Some((place, _)) = self.local_home(address) else { return };
        let trouble =
            |code: &str, detail: String| Some(Trouble { code: code.into(), detail: printable(&detail) });
        if api::is_private() {
            return;
        }
        if !api::is_granted(&LocalHome::pattern(&place)).await {
            let missing = trouble("home-permission-missing", place.to_string());
            return self.change_asked(address, |asked| asked.trouble = missing).await;
        }
        let Some(table) = self.believed.borrow().advisories.clone() else { return };
        let host = Some(address.host.clone());
        // A token that was kept in a form that is none is the same as none.
        let token = store::load_token(address).await.and_then(|token| token.parse::<Token>().ok());
        let mut conversation = Conversation::new(token);
        let tried = now();
        let talked = talk(&mut conversation, &place, limit).await;
        let at = now();
        let report = match talked {
            Ok(report) => report,
            Err(Unheard::Silent) => {
                // What it said before stands: away from home this is how it always ends.
                let silent = trouble("home-unreachable", place.to_string());
                return self
                    .change_asked(address, |asked| {
                        asked.tried = Some(tried);
                        asked.trouble = silent;
                    })
                    .await;
            }
            Err(Unheard::Failed(error)) => {
                let is_refused = matches!(error, ConversationError::TokenRefused { .. });
                if is_refused {
                    // First of all: whatever happens next, this token is never sent again.
                    let _ = self.noted(store::forget_token(address).await);
                    self.note(Some(address), Event::HomeRefused, String::new()).await;
                }
                let failed = trouble(error.code(), error.to_string());
                let check_up = CheckUp::failed(at, host, place, &conversation, &error, &table);
                return self
                    .change_asked(address, |asked| {
                        asked.tried = Some(tried);
                        asked.trouble = failed;
                        // A stranger in the home's place must not make its version look better, or worse.
                        if is_refused {
                            asked.check_up = Some(check_up);
                        }
                    })
                    .await;
            }
        };
        let account = report.account.as_ref().and_then(|account| account.id);
        let heard =
            self.change_pins(|pins| pins.site_mut(address).hear(report.cloud.as_ref(), account, at)).await;
        // Pins that cannot be read are told of elsewhere.
        let refused = match &heard {
            Some(Err(error)) => trouble(error.code(), error.to_string()),
            _ => None,
        };
        if matches!(heard, Some(Ok(Heard::First | Heard::Other))) {
            self.note(Some(address), Event::HomeConfirmed, String::new()).await;
        }
        let check_up = CheckUp::new(at, host, place, &report, heard.as_ref(), &table);
        if matches!(heard, Some(Err(OtherHome::Account))) {
            // Nothing of what a stranger said.
            return self
                .change_asked(address, |asked| {
                    asked.tried = Some(tried);
                    asked.trouble = refused;
                })
                .await;
        }
        self.change_asked(address, |asked| {
            asked.tried = Some(tried);
            asked.answered = Some(at);
            asked.trouble = refused;
            asked.check_up = Some(check_up);
        })
        .await;
    }

    /// Asks the home, and checks anew where that changed what is known.
    pub async fn ask_home_and_decide(self: &Rc<Self>, address: &Address) {
        // When the home was heard last is no news: a gate that is open stays open.
        let known = || {
            let mut record = self.record(address);
            if let Some(word) = record.as_mut().and_then(|record| record.home.as_mut()) {
                word.last_told = word.first_told;
            }
            (record, self.is_blocked(address))
        };
        let before = known();
        self.ask_home(address, UNHURRIED).await;
        if before != known() {
            self.expire(Some(address)).await;
            self.check(address).await;
        }
    }

    /// While somebody waits at the gate, and what is presented is not known from the home: asks it.
    pub async fn home_has_news(self: &Rc<Self>, address: &Address, report: &Report) -> News {
        // Where the key is known, an old word is no reason to wait: away from home nobody answers, at every check.
        let is_open = |one: &Evidence| match one.check {
            Check::Pin => one.outcome != Outcome::Pass,
            Check::Home => one.outcome == Outcome::Fail,
            _ => false,
        };
        if self.local_home(address).is_none() || !report.evidence.iter().any(is_open) {
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
        self.ask_home(address, HURRIED).await;
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
                self.ask_home_and_decide(&address).await;
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
    pub async fn accept_risk(self: &Rc<Self>, address: &Address, is_accepted: bool) {
        let at = now();
        self.change_asked(address, |asked| {
            let check_up = asked.check_up.as_ref().filter(|_| is_accepted);
            asked.accepted_risk = check_up.map(|check_up| check_up.override_now(at));
        })
        .await;
        let what = if is_accepted { Event::RiskAccepted } else { Event::RiskRefused };
        self.note(Some(address), what, String::new()).await;
        self.redecide(address).await;
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
        let home = self.kept.borrow().settings.homes.get(address).cloned();
        let place = home.as_ref().and_then(|home| LocalHome::place(&home.local, &address.host).ok());
        let has_permission = match &place {
            Some(place) => api::is_granted(&LocalHome::pattern(place)).await,
            None => false,
        };
        Some(HomeStatus {
            has_permission,
            has_token: home.is_some() && store::load_token(address).await.is_some(),
            keeps_token: home.as_ref().is_some_and(|home| home.keeps_token),
            local: home.map(|home| home.local),
            has_accepted_risk: asked.accepted_risk.is_some(),
            is_blocked: asked.is_blocked(),
            tried: asked.tried,
            answered: asked.answered,
            trouble: asked.trouble,
            check_up: asked.check_up,
        })
    }
}
