//! Homes, logs and monitors, asked by a whole background: what follows from their answers for the
//! gate, and when each is asked. It holds no rule of its own.

use doorlight::address::Address;
use doorlight::ct::publication::Promises;
use doorlight::site::SiteRecord;
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;

use crate::audits::Audits;
use crate::engine::{Engine, Inquire};
use crate::home::Occasion;
use crate::homes::{Asking, Homes, Risk, is_due};
use crate::log_list;
use crate::ports::{HomeLine, News, Ports};
use crate::settings::Consent;
use crate::store::Store;
use crate::trouble::Trouble;
use crate::turn::Turn;

/// An engine that asks everybody itself.
pub type Whole<P> = Engine<P, Inquiries<P>>;

/// Who is asked.
#[derive(Debug)]
pub struct Inquiries<P> {
    /// The homes.
    pub homes: Homes<P>,
    /// The logs and the monitors.
    pub audits: Audits<P>,
    /// One after the other: renewals of the list of logs.
    log_list_turn: Turn,
}

impl<P: Ports + HomeLine> Inquire<P> for Inquiries<P> {
    fn new(store: Store<P>) -> Self {
        Self {
            homes: Homes::new(store.clone()),
            audits: Audits::new(store),
            log_list_turn: Turn::default(),
        }
    }

    async fn home(engine: &Whole<P>, address: &Address, report: &Report) -> News {
        let (news, late) = engine.inquiries.homes.consult(address, report).await;
        if let Some(asking) = late {
            let address = address.clone();
            engine.spawn(|engine| async move { engine.decide_after(&address, asking).await });
        }
        news
    }

    async fn proof(engine: &Whole<P>, address: &Address, leaf: &Certificate, promises: &Promises) {
        engine.inquiries.audits.prove_at_the_gate(address, leaf, promises).await;
    }

    fn checked(engine: &Whole<P>, address: &Address) {
        engine.audit_later(address);
        engine.spawn(|engine| async move { engine.ask_homes_due().await });
    }
}

impl<P: Ports + HomeLine> Whole<P> {
    /// Audits an address. Whoever asks meanwhile waits for the same audit; whoever wants all of
    /// them asked, for one after it.
    pub async fn audit(&self, address: &Address, is_forced: bool) {
        if self.ports().is_private() {
            return;
        }
        if is_forced && let Some(before) = self.inquiries.audits.running(address) {
            // It may be one that asks only those whose time has come.
            before.await;
        }
        let audit = self.inquiries.audits.begin(address, is_forced, || {
            let (engine, address) = (self.clone(), address.clone());
            async move { engine.redecide(&address).await }
        });
        audit.await;
    }

    /// After a check: asks on, without anybody waiting for it.
    pub fn audit_later(&self, address: &Address) {
        if self.store.with(|state| state.consent(address)) != Consent::default() {
            let address = address.clone();
            self.spawn(|engine| async move { engine.audit(&address, false).await });
        }
    }

    /// After a start: asks whoever is due, without anybody waiting for it. What a small background
    /// ended for may be among it.
    pub fn ask_later(&self) {
        for address in self.guarded() {
            self.audit_later(&address);
        }
        self.spawn(|engine| async move { engine.ask_homes_due().await });
    }

    /// Audits what is due, now that the background is awake anyway.
    pub async fn audit_due(&self) {
        self.renew_log_list(false).await;
        self.ask_homes_due().await;
        for address in self.guarded() {
            self.audit(&address, false).await;
        }
    }

    /// Fetches a newer list of logs, where that is wanted and due.
    pub async fn renew_log_list(&self, is_forced: bool) {
        log_list::renew(&self.store, &self.inquiries.log_list_turn, is_forced).await;
    }

    /// The user knows a certificate, or takes that back.
    pub async fn acknowledge(&self, address: &Address, id: &str, is_known: bool) {
        if self.inquiries.audits.acknowledge(address, id, is_known).await {
            self.redecide(address).await;
        }
    }

    /// Says where a home answers, and asks it.
    ///
    /// # Errors
    /// The place is not on the local network, or the token has the wrong form.
    pub async fn set_home(
        &self,
        address: &Address,
        local: &str,
        token: Option<&str>,
        keeps_token: bool,
    ) -> Result<(), Trouble> {
        let asking = self.inquiries.homes.set(address, local, token, keeps_token).await?;
        self.set_audit_alarm().await;
        self.decide_after(address, asking).await;
        Ok(())
    }

    /// Asks a home no longer, and forgets its token and what it said.
    pub async fn forget_home(&self, address: &Address) {
        let forget_word = async {
            if self.store.is_guarded(address) {
                self.change_judging(Some(address), |pins| {
                    pins.known_mut(address).map(SiteRecord::forget_home)
                })
                .await;
            }
        };
        self.inquiries.homes.forget(address, forget_word).await;
        self.set_audit_alarm().await;
    }

    /// Asks the home, and checks anew where that changed what is known.
    pub async fn ask_home_and_decide(&self, address: &Address, occasion: Occasion) {
        self.decide_after(address, self.inquiries.homes.ask(address, occasion)).await;
    }

    async fn decide_after(&self, address: &Address, asking: Asking) {
        if self.inquiries.homes.has_news(address, asking).await {
            self.expire(Some(address)).await;
            self.check(address).await;
        }
    }

    /// Asks the homes whose time has come, now that the background is awake anyway.
    pub async fn ask_homes_due(&self) {
        for address in self.guarded() {
            if self.store.with(|state| is_due(state, &address, self.store.now())) {
                self.ask_home_and_decide(&address, Occasion::Due).await;
            }
        }
    }

    /// The owner lets a version pass, or takes that back.
    ///
    /// # Errors
    /// The home has another version by now than the owner was `shown`, or another table judges it.
    pub async fn accept_risk(
        &self,
        address: &Address,
        is_accepted: bool,
        shown: Option<Risk>,
    ) -> Result<(), Trouble> {
        self.inquiries.homes.accept_risk(address, is_accepted, shown).await?;
        self.redecide(address).await;
        Ok(())
    }

    /// The table of advisories has changed: every home is judged by it.
    pub async fn judge_versions_anew(&self) {
        for address in self.guarded() {
            if self.inquiries.homes.judge_version_anew(&address).await {
                self.redecide(&address).await;
            }
        }
    }
}
