//! Gate, light and tabs, set by the standings; and the alarms by which an open gate shuts again.
//!
//! Standings are written down before rules open anything, and nothing stays open for which there is no alarm.

use core::time::Duration;
use std::collections::BTreeSet;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::time::Timestamp;
use doorlight_browser::now;
use futures_util::future::join_all;

use super::Keeper;
use crate::api;
use crate::gate;
use crate::light;
use crate::message::Light;
use crate::standing::{Standing, Way};
use crate::store;

/// An open page's address is checked again this long before the last check counts no more, so that the page notices nothing. Chromium sets no alarm
/// nearer than that.
const LEAD: Duration = Duration::from_secs(30);
/// The alarm at the end of a good check, and before it.
const EXPIRY: &str = "expiry";
/// The alarm that notices a machine that slept, while a guarded page is open.
const TICK: &str = "tick";

impl Keeper {
    /// The next end of an open way, where it is so near that the alarm of a browser may come late for it.
    pub fn near_end(&self) -> Option<Timestamp> {
        let at = now();
        let standings = self.standings.borrow();
        let open = standings.values().filter(|standing| standing.way(at).is_open());
        open.filter_map(|standing| standing.fresh_until).min().filter(|end| *end <= at.plus(LEAD))
    }

    /// Whether the way is open for some time yet.
    fn stays_open(&self, address: &Address) -> bool {
        self.way(address).is_open()
            && self.standing(address).fresh_until.is_some_and(|end| now().plus(LEAD) < end)
    }

    /// What is seen from now on counts, what was seen before does not: the gate is shut when this returns.
    pub async fn expire(&self, address: Option<&Address>) {
        self.age.set(self.age.get().wrapping_add(1));
        for (of, standing) in self.standings.borrow_mut().iter_mut() {
            if address.is_none_or(|address| address == of) {
                standing.expire();
            }
        }
        self.set_gate().await;
        self.show_lights().await;
    }

    /// Puts rules and content script in their places after a change of what is guarded.
    pub async fn set_guard(&self) -> Result<(), api::ApiError> {
        let _turn = self.gate_turn.take().await;
        self.read_permissions().await;
        let hosts = self.guarded_hosts();
        let veiled = gate::register_veil(&hosts).await;
        if self.browser.has_rules() {
            gate::shut(&hosts).await?;
        }
        veiled?;
        self.set_audit_alarm().await;
        if hosts.is_empty() {
            api::clear_alarm(TICK).await;
            Ok(())
        } else {
            api::set_minute_alarm(TICK).await
        }
    }

    /// Writes the standings down, sets the alarm, and opens the gate exactly where a standing says so.
    pub async fn set_gate(&self) {
        let _turn = self.gate_turn.take().await;
        let standings = self.standings.borrow().clone();
        let is_written = store::save_standings(&standings).await.is_ok();
        self.set_rules(is_written).await;
    }

    pub(super) async fn set_rules(&self, is_written: bool) {
        let at = now();
        let (open, next) = {
            let standings = self.standings.borrow();
            let is_open = |address: &Address, standing: &Standing| {
                self.is_guarded(address) && standing.way(at).is_open()
            };
            let open: BTreeSet<_> = standings
                .iter()
                .filter(|(address, standing)| is_open(address, standing))
                .map(|(address, _)| address.clone())
                .collect();
            let ends = open.iter().filter_map(|address| standings.get(address)?.fresh_until);
            let next = ends.map(|end| if at < end.minus(LEAD) { end.minus(LEAD) } else { end }).min();
            (open, next)
        };
        let has_alarm = match next {
            Some(next) => api::set_alarm(EXPIRY, next.millis()).await.is_ok(),
            None => {
                api::clear_alarm(EXPIRY).await;
                true
            }
        };
        if self.browser.has_rules() {
            // Nothing stays open that would not be shut again.
            let open = if is_written && has_alarm { open } else { BTreeSet::new() };
            if gate::open(&open).await.is_err() {
                let _ = gate::open(&BTreeSet::new()).await;
            }
        }
    }

    /// Shuts the gate of what counts no longer, and checks it again where it is open in tabs.
    pub async fn renew(self: &Rc<Self>) {
        self.set_gate().await;
        let mut ending = Vec::new();
        for address in self.guarded() {
            let tabs = self.tabs(&address).await;
            if !tabs.is_empty() && !self.stays_open(&address) {
                ending.push(address);
            }
        }
        // One that is slow does not keep the others waiting.
        join_all(ending.iter().map(|address| self.check(address))).await;
        for address in self.guarded() {
            self.set_tabs(&address).await;
        }
    }

    /// Shows the light of every guarded address in its tabs. Done at each start too: a worker that was killed may have left an old one.
    pub async fn show_lights(&self) {
        for address in self.guarded() {
            let light = self.light(&address);
            for tab in self.tabs(&address).await {
                light::show(tab.id, light, address.host.as_str()).await;
            }
        }
    }

    /// Shows the light in the tabs of an address, and sends them to the gate where it must not be left to look at.
    pub async fn set_tabs(&self, address: &Address) {
        let (light, way) = (self.light(address), self.way(address));
        let must_leave = way == Way::Shut && matches!(light, Light::Danger | Light::Attention);
        for tab in self.tabs(address).await {
            if must_leave {
                let _ = api::send_tab(tab.id, &gate::page(&tab.url, false)).await;
            } else {
                light::show(tab.id, light, address.host.as_str()).await;
            }
        }
    }

    /// The tabs that show an address.
    pub async fn tabs(&self, address: &Address) -> Vec<api::Tab> {
        let mut tabs = api::tabs(&[gate::pattern(&address.host)]).await;
        tabs.retain(|tab| tab.url.parse::<Address>().is_ok_and(|of| of == *address));
        tabs
    }

    /// The light of an address now.
    pub fn light(&self, address: &Address) -> Light {
        if !self.is_guarded(address) {
            return Light::NotGuarded;
        }
        self.standings.borrow().get(address).map_or(Light::Unchecked, |standing| standing.light(now()))
    }
}
