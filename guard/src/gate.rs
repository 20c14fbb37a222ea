//! When the gate opens and shuts: the order of rules, storage and alarm, one caller at a time.
//!
//! ```text
//! to shut:  rules ─► storage          to open:  storage ─► alarm ─► rules
//!           (an end that comes nearer: alarm ─► storage)
//! ```
//!
//! A background that ends between two steps leaves less open than what is stored as good, and never
//! more, unless the browser refuses to shut: then it is tried again, at once and by an alarm.
//!
//! Outside this crate the types keep the order: [`Rules::open`] takes an [`Armed`], which is made
//! here alone, from a completed write (or what another background has stored) and a set alarm; and
//! of that, only what still holds.

use core::time::Duration;
use std::cell::{Cell, RefCell};

use doorlight::address::Address;
use doorlight::time::Timestamp;

use crate::armed::{Armed, Written};
use crate::ports::{Known, Rules, SessionStorage};
use crate::session::OpenSet;
use crate::turn::{Taken, Turn};

/// An open page's address is checked again this long before its check ends, so that the page
/// notices nothing. Chromium sets no alarm nearer than that.
pub const LEAD: Duration = Duration::from_secs(30);

/// What the browser lets pass, as far as this life of the background has set it.
#[derive(Debug, Default)]
pub struct Gate {
    turn: Turn,
    /// With the ends that were stored for it. `None` before the first call: what an earlier life
    /// has opened is open by what it stored.
    opened: RefCell<Option<OpenSet>>,
    /// The alarm that this life has set.
    alarm: Cell<Option<Timestamp>>,
}

impl Gate {
    /// True for an address that the rules let pass.
    pub fn is_opened(&self, address: &Address) -> bool {
        self.opened.borrow().as_ref().is_some_and(|opened| opened.contains(address))
    }

    /// Keeps the gate as it is until this is dropped.
    pub async fn hold(&self) -> Taken {
        self.turn.take().await
    }

    /// Shuts what counts no longer, stores the session, and opens what it says.
    pub async fn apply(&self, ports: &(impl Known + SessionStorage + Rules)) {
        let _turn = self.turn.take().await;
        let (held, is_shut) = loop {
            let held = self.held(ports);
            let is_shut = cfg!(feature = "today") || self.shut_ahead(ports, &held).await;
            // Something may have ended meanwhile, and must not be stored before it is shut too.
            if cfg!(feature = "today") || !is_shut || held.is_within(&ports.open_now()) {
                break (held, is_shut);
            }
        };
        let (written, is_shut) = match write(ports).await {
            Ok(written) => (written, is_shut),
            Err(is_all_shut) => (Written(OpenSet::default()), is_all_shut),
        };
        self.open(ports, &held, written, is_shut).await;
    }

    /// What may stay open until more is stored.
    fn held(&self, ports: &(impl Known + Rules)) -> OpenSet {
        let open = ports.open_now();
        match &*self.opened.borrow() {
            Some(opened) => opened.and(&open).after(ports.now()),
            None => open,
        }
    }

    /// Shuts all but `open`, of which nothing stays open longer than until its end.
    async fn shut_ahead(&self, ports: &impl Rules, open: &OpenSet) -> bool {
        shut(ports, open).await
            && (self.hasten(ports, open).await || {
                shut(ports, &OpenSet::default()).await;
                false
            })
    }

    /// Sets the alarm earlier if what is going to be stored ends before it (a check that was made
    /// after the clock was set back), or if it has gone off. False if the browser refused.
    ///
    /// What an earlier life has set is not known, and its first call comes before any check.
    async fn hasten(&self, ports: &impl Rules, open: &OpenSet) -> bool {
        let now = ports.now();
        let (Some(next), Some(set)) = (next_alarm(open, now), self.alarm.get()) else {
            return true;
        };
        if now < set && set <= next {
            return true;
        }
        // Of what is stored, something may end before.
        let soon = if set <= now { next.min(now.plus(LEAD)) } else { next };
        self.set_alarm(ports, soon).await
    }

    async fn set_alarm(&self, ports: &impl Rules, at: Timestamp) -> bool {
        let is_set = ports.set_alarm(Some(at)).await.is_ok();
        if is_set {
            self.alarm.set(Some(at));
        }
        is_set
    }

    /// The same by a session that another background has stored.
    pub async fn apply_stored(&self, ports: &(impl Known + Rules)) {
        let _turn = self.turn.take().await;
        let stored = ports.open_now();
        let is_shut = shut(ports, &stored).await;
        self.open(ports, &stored, Written(stored.clone()), is_shut).await;
    }

    /// Sets the alarm at which the first of it ends. Without one nothing is armed.
    async fn arm(&self, ports: &(impl Known + Rules), written: Written) -> Armed {
        // Also of what has ended meanwhile: its rule may still be there.
        match next_alarm(&written.0, ports.now()) {
            Some(alarm) if self.set_alarm(ports, alarm).await => {
                Armed(written.0.and(&ports.open_now()))
            }
            _ => Armed(OpenSet::default()),
        }
    }

    /// Opens what was written, where `held` may be open already, and more unless `is_shut`.
    async fn open(
        &self,
        ports: &(impl Known + Rules),
        held: &OpenSet,
        written: Written,
        is_shut: bool,
    ) {
        let written = if is_shut { written } else { Written(OpenSet::default()) };
        let armed = self.arm(ports, written).await;
        let opened = self.opened.borrow_mut().take().unwrap_or_default();
        *self.opened.borrow_mut() = Some(opened.and(&armed.0));
        // It has ended meanwhile, is not stored, has no alarm, or was not shut before.
        let has_more = cfg!(feature = "today") || !is_shut || !held.is_within(&armed.0);
        let is_shut = !has_more || shut(ports, &armed.0).await;
        if !is_shut {
            // The browser refused, so it is tried again soon.
            self.set_alarm(ports, ports.now().plus(LEAD)).await;
        } else if armed.0.is_empty() {
            self.alarm.set(None);
            // One that goes off for nothing does no harm.
            let _ = ports.set_alarm(None).await;
        }
        let is_open = ports.open(&armed).await.is_ok();
        // What ended under it is taken back; it is not `opened`, whether that works or not.
        let still = if is_open { armed.0.and(&ports.open_now()) } else { OpenSet::default() };
        if still != armed.0 {
            shut(ports, &still).await;
        }
        *self.opened.borrow_mut() = Some(still);
    }
}

/// Shuts all but `open`. False if something may have stayed open.
async fn shut(ports: &impl Rules, open: &OpenSet) -> bool {
    ports.shut_all_but(&open.addresses()).await.is_ok()
}

/// Stores the session.
///
/// # Errors
/// It could not be stored. True if all was shut for it.
async fn write(ports: &(impl Known + SessionStorage + Rules)) -> Result<Written, bool> {
    let (text, open) = (ports.session_text(), ports.open_now());
    if ports.write_session(text).await.is_ok() {
        return Ok(Written(if cfg!(feature = "today") { ports.open_now() } else { open }));
    }
    // What is stored may call something good that isn't any more, so it goes; rules first.
    let is_shut = shut(ports, &OpenSet::default()).await;
    // Without storage there is nothing else to do.
    let _ = ports.forget_session().await;
    Err(is_shut)
}

/// When the gate has to be set again for what is open.
fn next_alarm(open: &OpenSet, now: Timestamp) -> Option<Timestamp> {
    open.ends().map(|end| if now < end.minus(LEAD) { end.minus(LEAD) } else { end }).min()
}
