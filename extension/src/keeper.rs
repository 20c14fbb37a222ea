//! The keeper of the gate: holds what is known, and is the one who writes it down.
//!
//! ```text
//! look (capture) ─► judge (core) ─► conclude: site record ─► standing ─► gate ─► light, tabs, alarm
//! ╰──────────── check ─────────────────────────────────╯   ╰─────────────── guard ───────────────╯
//! ```
//!
//! [`check`] is the way from a look to what is thought of an address; [`guard`] sets gate, light and tabs by it. No borrow is held over an `await`.

pub mod check;
pub mod guard;

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use doorlight::address::{Address, Host};
use doorlight::pins::Pins;
use doorlight::site::SiteRecord;
use doorlight::watch::WatchRecord;
use doorlight_browser::now;
use futures_util::future::join4;
use js_sys::Promise;

use crate::api;
use crate::audit::Audited;
use crate::believed::Believed;
use crate::capture::Browser;
use crate::gate;
use crate::home::Asked;
use crate::journal::{self, Entry, Event};
use crate::log_list;
use crate::message::Trouble;
use crate::pattern;
use crate::settings::Settings;
use crate::standing::{Standing, Way};
use crate::store::{self, Kept};
use crate::turn::Turn;

/// How long a check counts as a moment ago.
const JUST_NOW: Duration = Duration::from_secs(3);

/// Everything the background knows.
#[derive(Debug)]
pub struct Keeper {
    /// The browser.
    pub browser: Browser,
    /// What outlives the browser.
    pub kept: RefCell<Kept>,
    /// What does not.
    pub standings: RefCell<BTreeMap<Address, Standing>>,
    /// The hosts that the user gave permission for.
    pub granted: RefCell<BTreeSet<Host>>,
    /// Whom to believe.
    pub believed: RefCell<Rc<Believed>>,
    /// What could not be stored last.
    pub not_stored: RefCell<Option<Trouble>>,
    /// What the audits found.
    pub audits: RefCell<BTreeMap<Address, Audited>>,
    /// The watch records that could not be kept last.
    pub unsaved_watches: RefCell<BTreeMap<Address, WatchRecord>>,
    /// Why the list of logs could not be renewed last.
    pub log_list_trouble: RefCell<Option<Trouble>>,
    /// What the homes said.
    pub homes: RefCell<BTreeMap<Address, Asked>>,
    /// The homes that are being asked, each with its age then.
    pub asking: RefCell<BTreeMap<Address, (u32, Promise)>>,
    /// How often the user has set each home, or asked for it by hand.
    pub home_ages: RefCell<BTreeMap<Address, u32>>,
    /// One after the other: a home's place and token are written and read together.
    pub homes_turn: Turn,
    /// The audits that are under way.
    pub auditing: RefCell<BTreeMap<Address, Promise>>,
    /// One after the other: what audits know is read, changed and written as a whole.
    pub audit_turn: Turn,
    /// One after the other: changes of the settings, which are written as a whole.
    settings_turn: Turn,
    /// One after the other: renewals of the list of logs.
    pub log_list_turn: Turn,
    running: RefCell<BTreeMap<Address, Promise>>,
    /// Rises whenever what was seen before counts no longer.
    age: Cell<u32>,
    /// One after the other: two that set the gate at once could each undo half of the other's work.
    gate_turn: Turn,
}

impl Keeper {
    /// Reads what is kept. Whoever starts it then sets the gate.
    pub async fn start() -> Result<Rc<Self>, api::ApiError> {
        let (kept, standings, permissions, session_info) = join4(
            store::load(),
            store::load_standings(),
            api::granted_patterns(),
            api::session_get("has_security_info"),
        )
        .await;
        let mut kept = kept?;
        let audits = RefCell::new(core::mem::take(&mut kept.audits));
        let homes = RefCell::new(core::mem::take(&mut kept.homes));
        let fetched = log_list::read(kept.fetched_log_list.as_ref(), &kept.settings).await;
        let believed = Rc::new(Believed::new(&kept.settings, fetched));
        let keeper = Rc::new(Self {
            browser: Browser::detect(),
            kept: RefCell::new(kept),
            standings: RefCell::new(standings),
            granted: RefCell::default(),
            believed: RefCell::new(believed),
            not_stored: RefCell::default(),
            audits,
            unsaved_watches: RefCell::default(),
            log_list_trouble: RefCell::default(),
            homes,
            asking: RefCell::default(),
            home_ages: RefCell::default(),
            homes_turn: Turn::default(),
            auditing: RefCell::default(),
            audit_turn: Turn::default(),
            settings_turn: Turn::default(),
            log_list_turn: Turn::default(),
            running: RefCell::default(),
            age: Cell::new(0),
            gate_turn: Turn::default(),
        });
        if let Browser::Chromium(chromium) = &keeper.browser {
            chromium.recall(session_info.ok().and_then(|known| known.as_bool()));
        }
        keeper.take_permissions(permissions);
        Ok(keeper)
    }

    /// Reads which hosts the user gave permission for.
    pub async fn read_permissions(&self) {
        self.take_permissions(api::granted_patterns().await);
    }

    fn take_permissions(&self, patterns: Result<Vec<String>, api::ApiError>) {
        if let Ok(patterns) = patterns {
            *self.granted.borrow_mut() =
                patterns.iter().filter_map(|pattern| gate::host_of_pattern(pattern)).collect();
        }
    }

    /// The host patterns that guarding a host takes in this browser.
    pub fn patterns(&self, host: &Host) -> Vec<String> {
        pattern::guarding(host, !self.browser.has_rules())
    }

    /// True where the user has given permission for all of that.
    pub async fn may_guard(&self, host: &Host) -> bool {
        api::are_granted(&self.patterns(host)).await
    }

    /// The guarded addresses. Where the pins cannot be read, the permissions still tell the hosts.
    pub fn guarded(&self) -> BTreeSet<Address> {
        match &self.kept.borrow().pins {
            Ok(pins) => pins.sites().iter().map(|site| site.address.clone()).collect(),
            Err(_) => self
                .granted_homes()
                .into_iter()
                .map(|host| Address { host, port: 443 })
                .chain(self.standings.borrow().keys().cloned())
                .collect(),
        }
    }

    /// The hosts that the user gave permission for to have them guarded, as far as can be told without the pins.
    fn granted_homes(&self) -> BTreeSet<Host> {
        self.granted.borrow().difference(&self.asked_hosts()).cloned().collect()
    }

    /// The guarded hosts, with or without a permission: without it rules and veil do nothing, and they are there when it comes back.
    fn guarded_hosts(&self) -> BTreeSet<Host> {
        self.guarded().into_iter().map(|address| address.host).collect()
    }

    /// True for an address that the user added. Where the pins cannot be read, every port of a host with a permission counts.
    pub fn is_guarded(&self, address: &Address) -> bool {
        match &self.kept.borrow().pins {
            Ok(pins) => pins.site(address).is_some(),
            Err(_) => self.granted_homes().contains(&address.host),
        }
    }

    /// True where some port of the host is guarded.
    pub fn is_host_guarded(&self, host: &Host) -> bool {
        self.guarded().iter().any(|address| address.host == *host)
    }

    /// The standing of an address.
    pub fn standing(&self, address: &Address) -> Standing {
        self.standings.borrow().get(address).cloned().unwrap_or_default()
    }

    /// Whether a request to an address may pass now.
    pub fn way(&self, address: &Address) -> Way {
        if !self.is_guarded(address) {
            return Way::Shut;
        }
        self.standings.borrow().get(address).map_or(Way::Shut, |standing| standing.way(now()))
    }

    /// True where a check ended a moment ago: whoever was sent to the gate by it need not wait for another.
    pub fn was_just_checked(&self, address: &Address) -> bool {
        let at = now();
        let standings = self.standings.borrow();
        let checked_at =
            standings.get(address).filter(|one| one.fresh_until.is_some()).and_then(|one| one.checked_at);
        checked_at.is_some_and(|checked_at| checked_at <= at && at.since(checked_at) < JUST_NOW)
    }

    /// The record of an address.
    pub fn record(&self, address: &Address) -> Option<SiteRecord> {
        self.kept.borrow().pins.as_ref().ok().and_then(|pins| pins.site(address).cloned())
    }

    /// Changes the site records and keeps them. `None` where they cannot be read.
    pub async fn change_pins<T>(&self, change: impl FnOnce(&mut Pins) -> T) -> Option<T> {
        let (result, pins) = {
            let mut kept = self.kept.borrow_mut();
            let pins = kept.pins.as_mut().ok()?;
            let before = pins.clone();
            let result = change(pins);
            (result, (*pins != before).then(|| pins.clone()))
        };
        if let Some(pins) = pins {
            self.stored(store::save_pins(&pins).await);
        }
        Some(result)
    }

    /// Changes the settings as they are now, and keeps them; those that could not be read, aside.
    ///
    /// # Errors
    /// They could not be stored, and stay as they were.
    pub async fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Result<(), api::ApiError> {
        let _turn = self.settings_turn.take().await;
        let mut settings = self.kept.borrow().settings.clone();
        change(&mut settings);
        let is_unreadable = self.kept.borrow().unreadable.contains(&"settings");
        if is_unreadable {
            store::keep_aside("settings", store::written_settings(&settings), now()).await?;
            let mut kept = self.kept.borrow_mut();
            kept.unreadable.retain(|key| *key != "settings");
            kept.kept_aside += 1;
        } else {
            store::save_settings(&settings).await?;
        }
        self.kept.borrow_mut().settings = settings;
        Ok(())
    }

    /// Notes that something could not be stored; it is kept in memory, and tried again with the next change.
    pub fn stored(&self, result: Result<(), api::ApiError>) {
        *self.not_stored.borrow_mut() = match result {
            Ok(()) => None,
            Err(error) => Some(Trouble { code: "not-stored".into(), detail: error.to_string() }),
        };
    }

    /// Adds to the journal.
    pub async fn note(&self, address: Option<&Address>, what: Event, detail: String) {
        let address = address.map(Address::to_string).unwrap_or_default();
        let entry = Entry { at: now(), address, what, detail };
        let journal = {
            let mut kept = self.kept.borrow_mut();
            journal::note(&mut kept.journal, entry);
            kept.journal.clone()
        };
        // A journal that cannot be kept must not hide that pins could not.
        let _ = store::save_journal(&journal).await;
    }

    /// Another background of this browser (a private window's) has written: what it knows is taken over.
    pub async fn read_again(&self, is_session: bool) {
        let _turn = self.gate_turn.take().await;
        if is_session {
            let standings = store::load_standings().await;
            *self.standings.borrow_mut() = standings;
            self.set_rules(true).await;
        } else if let Ok(kept) = store::load().await {
            let fetched = log_list::read(kept.fetched_log_list.as_ref(), &kept.settings).await;
            *self.believed.borrow_mut() = Rc::new(Believed::new(&kept.settings, fetched));
            *self.audits.borrow_mut() = kept.audits.clone();
            *self.homes.borrow_mut() = kept.homes.clone();
            *self.kept.borrow_mut() = kept;
        }
    }
}
