//! The keeper of the gate: holds what is known, and runs the one way from a look to the light.
//!
//! ```text
//! look (capture) ─► judge (core) ─► conclude: site record ─► standing ─► gate ─► light, tabs, alarm
//! ```
//!
//! The order in `conclude` matters: everything is written down before the gate opens, so that a worker that is killed at any point leaves the gate shut
//! or an open one with its end in storage. No borrow is held over an `await`.

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use doorlight::address::{Address, Host};
use doorlight::certificate::{Certificate, split};
use doorlight::chain::Chain;
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::ct::policy;
use doorlight::evidence::{Check, Code, Outcome};
use doorlight::examination::{self, Conclusion, Examination, Knowledge, Observation, Possession, Seen, Site};
use doorlight::home_assistant::advisory::{Advisories, AdvisoryError};
use doorlight::pins::Pins;
use doorlight::report::Report;
use doorlight::roots::Roots;
use doorlight::site::{Continuity, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::watch::WatchRecord;
use doorlight_browser::now;
use futures_util::future::{join, join_all, join4};
use gloo_timers::future::TimeoutFuture;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::api;
use crate::audit::Audited;
use crate::capture::chromium::Chromium;
use crate::capture::firefox::Firefox;
use crate::capture::{Capture, CaptureError, Captured};
use crate::gate;
use crate::home::{self, Asked, News};
use crate::intermediates;
use crate::journal::{self, Entry, Event};
use crate::light;
use crate::log_list;
use crate::message::{Light, Trouble};
use crate::pattern;
use crate::settings::Settings;
use crate::standing::{Standing, Way, opens};
use crate::store::{self, Kept};
use crate::turn::Turn;

/// How often a look is taken again because the network changed under it.
const MAX_LOOKS: u32 = 3;
/// How long a check counts as a moment ago.
const JUST_NOW: Duration = Duration::from_secs(3);
/// An open page's address is checked again this long before the last check counts no more, so that the page notices nothing. Chromium sets no alarm
/// nearer than that.
const LEAD: Duration = Duration::from_secs(30);
/// The alarm at the end of a good check, and before it.
pub const EXPIRY: &str = "expiry";
/// The alarm that notices a machine that slept, while a guarded page is open.
pub const TICK: &str = "tick";

/// Which browser this is, and how it shows certificates.
#[derive(Debug)]
pub enum Browser {
    /// Firefox.
    Firefox(Firefox),
    /// Chromium.
    Chromium(Chromium),
}

impl Browser {
    /// Told apart by what they have: only Firefox shows the security of a request.
    pub fn detect() -> Self {
        if api::has("webRequest.getSecurityInfo") {
            Self::Firefox(Firefox::default())
        } else {
            Self::Chromium(Chromium::default())
        }
    }

    async fn look(&self, address: &Address) -> Result<Captured, CaptureError> {
        match self {
            Self::Firefox(firefox) => firefox.look(address).await,
            Self::Chromium(chromium) => chromium.look(address).await,
        }
    }

    /// The name of the way certificates are seen.
    pub fn capture_name(&self) -> &'static str {
        match self {
            Self::Firefox(firefox) => firefox.name(),
            Self::Chromium(chromium) => chromium.name(),
        }
    }

    /// True for Chromium: rules shut the gate there.
    pub fn has_rules(&self) -> bool {
        matches!(self, Self::Chromium(_))
    }
}

/// Whom to believe: from the settings.
#[derive(Debug)]
pub struct Believed {
    /// Roots.
    pub roots: Roots,
    /// Lists of logs.
    pub log_lists: LogLists,
    /// What is known against versions of Home Assistant; none where not even the table that is shipped can be read.
    pub advisories: Option<Advisories>,
    /// What of the user's own could not be read; nothing of it counts then.
    pub trouble: Option<Trouble>,
}

impl Believed {
    /// Reads the user's own roots and list; `fetched` is a newer public one, whose signature was found good.
    pub fn new(settings: &Settings, fetched: Option<LogList>) -> Self {
        let mut trouble = None;
        let mut roots = Roots::mozilla();
        if !settings.roots.trim().is_empty() {
            let added = split(settings.roots.as_bytes())
                .map_err(|error| error.to_string())
                .and_then(|ders| roots.add(&ders).map_err(|error| error.to_string()));
            if let Err(detail) = added {
                roots = Roots::mozilla();
                trouble = Some(Trouble { code: "roots-unreadable".into(), detail });
            }
        }
        let own = (!settings.log_list.trim().is_empty())
            .then(|| LogList::parse(settings.log_list.as_bytes(), Provenance::Unsigned));
        let log_lists = match own {
            Some(Ok(list)) => LogLists::new(vec![list]),
            Some(Err(error)) => {
                trouble = Some(Trouble { code: "log-list-unreadable".into(), detail: error.to_string() });
                LogLists::new(Vec::new())
            }
            None => {
                let mut lists = LogLists::shipped().unwrap_or_default();
                fetched.into_iter().for_each(|list| lists.push(list));
                lists
            }
        };
        let shipped = Advisories::shipped();
        let own = settings.advisories.trim();
        let advisories = match shipped {
            Ok(shipped) if !own.is_empty() => match shipped.renew(own.as_bytes(), now()) {
                Ok(own) => Some(own),
                // An update of the extension has brought a newer one.
                Err(AdvisoryError::Older { .. }) => Some(shipped),
                Err(error) => {
                    trouble =
                        Some(Trouble { code: "advisories-unreadable".into(), detail: error.to_string() });
                    Some(shipped)
                }
            },
            shipped => shipped.ok(),
        };
        Self { roots, log_lists, advisories, trouble }
    }
}

/// What came of a look.
struct Judged {
    report: Report,
    pem: String,
    /// The chain, and what it means for the site record.
    chain: Option<(Chain, Option<Continuity>)>,
}

impl Judged {
    fn unseen(address: &Address, code: Code, reason: &str) -> Self {
        Self { report: examination::unseen(address, now(), code, reason), pem: String::new(), chain: None }
    }
}

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

    /// Shows the light of every guarded address in its tabs. Done at each start too: a worker that was killed may have left an old one.
    pub async fn show_lights(&self) {
        for address in self.guarded() {
            let light = self.light(&address);
            for tab in self.tabs(&address).await {
                light::show(tab.id, light, address.host.as_str()).await;
            }
        }
    }

    /// Checks an address. Whoever asks meanwhile waits for the same check.
    pub async fn check(self: &Rc<Self>, address: &Address) {
        let running = self.running.borrow().get(address).cloned();
        let check = running.unwrap_or_else(|| {
            let check = future_to_promise({
                let (keeper, address) = (Rc::clone(self), address.clone());
                async move {
                    keeper.check_now(&address).await;
                    keeper.running.borrow_mut().remove(&address);
                    keeper.audit_later(&address);
                    keeper.ask_home_later();
                    Ok(JsValue::UNDEFINED)
                }
            });
            self.running.borrow_mut().insert(address.clone(), check.clone());
            check
        });
        // The check itself cannot fail.
        let _ = JsFuture::from(check).await;
    }

    async fn check_now(self: &Rc<Self>, address: &Address) {
        for looks_left in (0..MAX_LOOKS).rev() {
            let age = self.age.get();
            let judged = match self.browser.look(address).await {
                Ok(captured) => self.judge(address, &captured).await,
                Err(error) => Judged::unseen(address, error.code(), error.reason()),
            };
            if self.conclude(address, judged, age).await {
                break;
            }
            if looks_left == 0 {
                let judged = Judged::unseen(address, Code::CertificateTimedOut, "the network keeps changing");
                self.conclude(address, judged, self.age.get()).await;
            }
        }
        self.remember_capture().await;
    }

    /// Takes in a chain that was seen on a connection of the page's own, and says whether the way is open after it.
    pub async fn saw(self: &Rc<Self>, address: &Address, captured: &Captured) -> Way {
        let judged = self.judge(address, captured).await;
        if !opens(&judged.report) {
            // A probe that is under way must not outweigh what this very connection showed.
            self.age.set(self.age.get().wrapping_add(1));
        } else if self.way(address) != Way::Open {
            // An answer to a request from before may come late, over a connection from before: it says nothing about the line now, so
            // it never opens a gate that was shut in the meantime.
            return self.way(address);
        }
        self.conclude(address, judged, self.age.get()).await;
        self.way(address)
    }

    /// Takes in something that was seen without a certificate.
    pub async fn saw_without(&self, address: &Address, code: Code, reason: &str) {
        self.age.set(self.age.get().wrapping_add(1));
        self.conclude(address, Judged::unseen(address, code, reason), self.age.get()).await;
    }

    async fn judge(self: &Rc<Self>, address: &Address, captured: &Captured) -> Judged {
        let at = now();
        let pem = captured.ders.iter().filter_map(|der| Certificate::from_der(der).ok());
        let pem = pem.map(|certificate| certificate.pem()).collect();
        let chain = match Chain::presented(&captured.ders) {
            Ok(chain) => chain,
            Err(error) => {
                let report = examination::unreadable(address, at, captured.seen, error);
                return Judged { report, pem, chain: None };
            }
        };
        let record = self.record(address);
        let mut intermediates = self.kept.borrow().intermediates.clone();
        let Conclusion { mut report, mut continuity, mut promises, .. } =
            self.examine(address, &chain, captured.seen, at, record.as_ref(), &intermediates).await;
        for _ in 0..intermediates::MAX_FETCHES {
            let fetched = intermediates::fetch(&report).await;
            if fetched.is_empty() {
                break;
            }
            intermediates.extend(fetched);
            Conclusion { report, continuity, promises, .. } =
                self.examine(address, &chain, captured.seen, at, record.as_ref(), &intermediates).await;
        }
        if report.verdict == Verdict::Trusted {
            let new = {
                let mut kept = self.kept.borrow_mut();
                let others = [chain.others(), &intermediates].concat();
                kept.add_intermediates(&others).then(|| kept.intermediates.clone())
            };
            if let Some(intermediates) = new {
                // They are a convenience; without room they come again.
                let _ = store::save_intermediates(&intermediates).await;
            }
        }
        for tries_left in (0..home::TRIES).rev() {
            match self.home_has_news(address, &report).await {
                News::None => break,
                // It may name the certificate from before, for some seconds after a renewal.
                News::Wait if tries_left > 0 => TimeoutFuture::new(home::BETWEEN).await,
                News::Wait => {}
                News::Other => {
                    let record = self.record(address);
                    Conclusion { report, continuity, promises, .. } = self
                        .examine(address, &chain, captured.seen, at, record.as_ref(), &intermediates)
                        .await;
                }
            }
        }
        self.prove_at_the_gate(address, chain.leaf(), &promises).await;
        self.deepen(address, &mut report);
        Judged { report, pem, chain: Some((chain, continuity)) }
    }

    /// Judges a chain in the light of a record; nothing is remembered.
    pub async fn examine(
        &self,
        address: &Address,
        chain: &Chain,
        seen: Seen,
        at: Timestamp,
        record: Option<&SiteRecord>,
        intermediates: &[Certificate],
    ) -> Conclusion {
        let believed = Rc::clone(&self.believed.borrow());
        let is_readable = self.kept.borrow().pins.is_ok();
        let also_required = self.also_required();
        let site = match record {
            Some(record) => Site::Record(record),
            None if is_readable => Site::Unknown,
            None => Site::Unreadable,
        };
        let observation = Observation {
            address: address.clone(),
            at,
            chain: chain.clone(),
            seen,
            // The browser does not finish a handshake that is not signed by the certificate's key (RFC 8446 section 4.4.3).
            possession: Possession::Proven,
        };
        let knowledge = Knowledge {
            roots: &believed.roots,
            log_lists: &believed.log_lists,
            policy: &policy::CHROME,
            intermediates,
            site,
            also_required: &also_required,
        };
        doorlight_browser::run(&Examination::new(&observation, knowledge)).await
    }

    /// False where everything seen at `age` counts no longer; nothing is concluded then.
    async fn conclude(&self, address: &Address, judged: Judged, age: u32) -> bool {
        if !self.is_guarded(address) {
            return true;
        }
        if age != self.age.get() {
            return false;
        }
        let Judged { mut report, pem, chain } = judged;
        let (verdict, at) = (report.verdict, report.at);
        if let Some((chain, Some(continuity))) = &chain {
            // A key is adopted by a good check only; what went wrong is noted in any case.
            if !continuity.is_accepted() || verdict == Verdict::Trusted {
                self.change_pins(|pins| pins.site_mut(address).remember(chain.leaf(), *continuity, at)).await;
            }
        }
        let reuse = self.kept.borrow().settings.reuse();
        // Storing took its time.
        if age != self.age.get() {
            return false;
        }
        // And an audit may have ended meanwhile.
        self.deepen(address, &mut report);
        let verdict = report.verdict;
        let codes = codes_of(&report);
        let (before, has_changed) = {
            let mut standings = self.standings.borrow_mut();
            let standing = standings.entry(address.clone()).or_default();
            let before = standing.report.as_ref().map(|report| report.verdict);
            (before, standing.conclude(report, pem, reuse, now()))
        };
        self.set_gate().await;
        let noted = self.note_conclusion(address, has_changed, before, verdict, codes);
        join(noted, self.set_tabs(address)).await;
        true
    }

    /// An audit has changed what is thought of the certificate that was seen last.
    pub async fn decided_anew(&self, address: &Address, before: Verdict, verdict: Verdict) {
        let codes = self.codes(address);
        self.set_gate().await;
        let noted = self.note_conclusion(address, false, Some(before), verdict, codes);
        join(noted, self.set_tabs(address)).await;
        if before != verdict && self.way(address) == Way::Open {
            // What waits at the gate asks for passage again.
            for tab in api::own_tabs(gate::PAGE).await {
                let wanted = tab.url.split_once('#').and_then(|(_, wanted)| wanted.parse::<Address>().ok());
                if wanted.as_ref() == Some(address) {
                    api::reload_tab(tab.id).await;
                }
            }
        }
    }

    /// What decided the last check.
    pub fn codes(&self, address: &Address) -> String {
        self.standing(address).report.as_ref().map(codes_of).unwrap_or_default()
    }

    async fn note_conclusion(
        &self,
        address: &Address,
        has_changed: bool,
        before: Option<Verdict>,
        verdict: Verdict,
        codes: String,
    ) {
        if has_changed {
            self.note(Some(address), Event::Changed, codes.clone()).await;
        }
        if before != Some(verdict) {
            let event = match verdict {
                Verdict::Trusted => Event::Trusted,
                Verdict::Attention => Event::Attention,
                Verdict::Danger => Event::Danger,
                Verdict::Unchecked => Event::Unchecked,
            };
            self.note(Some(address), event, codes).await;
        }
    }

    /// Writes the standings down, sets the alarm, and opens the gate exactly where a standing says so.
    pub async fn set_gate(&self) {
        let _turn = self.gate_turn.take().await;
        let standings = self.standings.borrow().clone();
        let is_written = store::save_standings(&standings).await.is_ok();
        self.set_rules(is_written).await;
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

    async fn set_rules(&self, is_written: bool) {
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

    async fn remember_capture(&self) {
        if let Browser::Chromium(chromium) = &self.browser
            && let Some(known) = chromium.has_security_info()
        {
            // Without it the next life of the worker finds out again.
            let _ = api::session_set(serde_json::json!({"has_security_info": known})).await;
        }
    }
}

fn codes_of(report: &Report) -> String {
    report.decided_by.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
}

/// The chain of the last check.
pub fn last_chain(keeper: &Keeper, address: &Address) -> Option<Chain> {
    let ders = split(keeper.standing(address).pem.as_bytes()).ok()?;
    Chain::presented(&ders).ok()
}

/// True where the key alone keeps a report from being green: the user may answer for it.
pub fn asks_for_key(report: &Report) -> bool {
    report.verdict == Verdict::Attention
        && report.evidence.iter().any(|one| one.check == Check::Pin && one.outcome == Outcome::Note)
}
