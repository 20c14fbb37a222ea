//! A browser, a network and homes that outlive the background, and a background that ends before or
//! after any effect. The chains are the lab's, the core is the real one.

#![allow(dead_code, reason = "each test has its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::future::{pending, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;

use doorlight::address::{Address, Host};
use doorlight::fetch::{self, Answer, FetchError, Get};
use doorlight::issuances::watch::WatchRecord;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::observation::Seen;
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::signature::SignatureCheck;
use doorlight_guard::armed::Armed;
use doorlight_guard::deferred::Waking;
use doorlight_guard::engine::Engine;
use doorlight_guard::home::{HomeState, TokenState};
use doorlight_guard::inquiries::Whole;
use doorlight_guard::light::Light;
use doorlight_guard::ports::{
    Area, Browser, Captured, Clock, Download, Downloads, HomeLine, Network, Notification, Probe,
    Refused, Relief, Spawn, Storage, Unseen,
};
use doorlight_guard::session::{Session, opens};
use doorlight_guard::settings::{Consent, Settings};
use doorlight_guard::storage::written;
use doorlight_lab::scenario::{HOST, Lab};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// Where the monitor is.
const MONITOR: &str = "http://127.0.0.1:1";
/// Where the home answers on the local network.
pub const LOCAL: &str = "http://192.168.1.20:8123";
/// Its token.
pub const TOKEN: &str = "aaa.bbb.ccc";

/// The lab's certificates, which take their time to make.
pub struct Material {
    roots: String,
    log_list: String,
    pins: String,
    chains: BTreeMap<&'static str, Vec<Vec<u8>>>,
    now: Timestamp,
}

impl Material {
    /// What a page's own connection shows.
    pub fn shown(&self, chain: &str) -> Captured {
        Captured { ders: self.chains[chain].clone(), seen: Seen::ThisConnection }
    }

    /// The certificate of a chain.
    pub fn leaf(&self, chain: &str) -> Certificate {
        Certificate::from_der(&self.chains[chain][0]).unwrap()
    }

    /// A certificate in the form that a home tells of it.
    fn told(&self, chain: &str) -> Value {
        let leaf = self.leaf(chain);
        json!({
            "common_name": HOST,
            "alternative_names": [HOST],
            "expire_date": leaf.not_after().to_string().replace('Z', "+00:00"),
            "fingerprint": leaf.sha1().to_string().replace(':', "").to_lowercase(),
        })
    }
}

pub static MATERIAL: LazyLock<Material> = LazyLock::new(|| {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let pem = |der: &Vec<u8>| Certificate::from_der(der).unwrap().pem();
    Material {
        roots: lab.roots().iter().map(pem).collect(),
        log_list: lab.log_list(),
        pins: lab.pins_at(HOST),
        chains: lab.scenarios().into_iter().map(|one| (one.name, one.chain)).collect(),
        now: Timestamp::from_secs(u64::try_from(lab.now.unix_timestamp()).unwrap()),
    }
});

/// The address whose key is pinned, and one whose key nobody knows.
pub fn addresses() -> [Address; 2] {
    [HOST.parse().unwrap(), format!("{HOST}:8123").parse().unwrap()]
}

/// What answers where the home should on the local network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtHome {
    /// The home, which holds this certificate.
    Holds(&'static str),
    /// The home, which refuses the token.
    Refuses,
    /// Nobody.
    Nobody,
}

/// The alarm at which the gate is set again.
#[derive(Clone, Copy, Debug, Default)]
struct Alarm {
    at: Option<Timestamp>,
    /// It has gone off, and nobody has set another since.
    has_gone_off: bool,
}

/// What outlives a background.
pub struct World {
    pub local: Map<String, Value>,
    pub session: Map<String, Value>,
    pub rules: BTreeSet<Address>,
    /// Each background has an alarm of its own (Chromium's `split`).
    alarms: [Alarm; 2],
    pub now: Timestamp,
    /// What each address presents; nobody answers for the others.
    pub presents: BTreeMap<Address, &'static str>,
    /// True: whoever answers asks for a client certificate.
    pub asks_for_certificate: bool,
    pub at_home: AtHome,
    /// What answers to a plain question at the home's place.
    pub answers_with: Option<u16>,
    /// The ID of each notification, as often as it was shown.
    pub told: Vec<String>,
    /// How often the token was sent.
    pub sent: u32,
    /// Downloads that have not come to their end: one from each address that runs, and one from the
    /// first that the user paused.
    pub downloads: Vec<Download>,
    /// An issuance of somebody else's, as the monitor tells of it.
    pub issuance: Option<Value>,
    pub log: Vec<String>,
    /// Where writes come to that another background has to hear of.
    pub written: Vec<(Area, String)>,
    /// Two backgrounds write it: what one has stored may be gone by the time it opens by it, until
    /// it hears of that.
    is_shared: bool,
    known: RefCell<Option<Known>>,
}

/// The texts of session and pins, and what they say.
type Known = ((Option<Value>, Value), Session, doorlight::site::pins::Pins);

impl World {
    /// A browser in which the first address is guarded with its pin, and the second without one.
    pub fn new() -> Self {
        let material = &*MATERIAL;
        let [one, two] = addresses();
        let mut pins = doorlight::site::pins::Pins::from_json(material.pins.as_bytes()).unwrap();
        pins.site_mut(&two);
        let mut settings = Settings {
            roots: material.roots.clone(),
            log_list: material.log_list.clone(),
            cert_spotter: MONITOR.into(),
            ..Settings::default()
        };
        settings.allow(&one, Consent { cert_spotter: true, ..Consent::default() });
        let local = json!({"pins": pins.to_json(), "settings": written(&settings), "seed": "7"});
        let session = json!({"placed": {HOST: true}});
        let object = |value: Value| value.as_object().unwrap().clone();
        Self {
            local: object(local),
            session: object(session),
            downloads: [(&one, true), (&two, true), (&one, false)]
                .into_iter()
                .zip(0..)
                .map(|((address, is_running), id)| Download {
                    id,
                    address: address.clone(),
                    is_tls: true,
                    started: format!("2026-11-30T18:00:00.{id:03}Z"),
                    is_running,
                    can_resume: true,
                })
                .collect(),
            rules: BTreeSet::new(),
            alarms: [Alarm::default(); 2],
            now: material.now,
            presents: BTreeMap::from([(one, "good"), (two, "good")]),
            asks_for_certificate: false,
            at_home: AtHome::Nobody,
            answers_with: None,
            told: Vec::new(),
            sent: 0,
            issuance: None,
            log: Vec::new(),
            written: Vec::new(),
            is_shared: false,
            known: RefCell::default(),
        }
    }

    /// The stored pins go bad, and nothing is expected of them any more.
    pub fn spoil_pins(&mut self) {
        self.local.insert("pins".into(), "{".into());
        self.is_shared = true;
    }

    /// The key of the second address is known too.
    pub fn pin_both(&mut self) {
        let [one, two] = addresses();
        let mut pins = self.stored_pins();
        let known = pins.site_mut(&one).pins.clone();
        pins.site_mut(&two).pins = known;
        self.local.insert("pins".into(), pins.to_json().into());
    }

    /// Somebody has had a certificate issued for the name.
    pub fn issue(&mut self, chain: &str) {
        let leaf = MATERIAL.leaf(chain);
        let hex = |bytes: String| bytes.replace(':', "").to_lowercase();
        self.issuance = Some(json!({
            "id": "4326219514",
            "tbs_sha256": "0".repeat(64),
            "pubkey_sha256": hex(leaf.spki_sha256().to_string()),
            "dns_names": [HOST],
            "issuer": {"name": "C=XX, O=Lab Encrypt, CN=Lab Encrypt"},
            "not_before": leaf.not_before().to_string(),
            "not_after": leaf.not_after().to_string(),
            "revoked": false,
        }));
    }

    /// What is stored, read once for each text of it.
    fn known(&self) -> (Session, doorlight::site::pins::Pins) {
        let texts = (self.session.get("standings").cloned(), self.local["pins"].clone());
        let mut known = self.known.borrow_mut();
        match &*known {
            Some((of, session, pins)) if *of == texts => (session.clone(), pins.clone()),
            _ => {
                let (session, pins) = (self.stored_session(), self.pins_or_none());
                *known = Some((texts, session.clone(), pins.clone()));
                (session, pins)
            }
        }
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        area: &Map<String, Value>,
        key: &str,
    ) -> Option<T> {
        serde_json::from_str(area.get(key)?.as_str()?).ok()
    }

    pub fn stored_session(&self) -> Session {
        self.read(&self.session, "standings").unwrap_or_default()
    }

    pub fn stored_pins(&self) -> doorlight::site::pins::Pins {
        doorlight::site::pins::Pins::from_json(self.local["pins"].as_str().unwrap().as_bytes())
            .unwrap()
    }

    fn pins_or_none(&self) -> doorlight::site::pins::Pins {
        let pins = self.local["pins"].as_str().unwrap();
        doorlight::site::pins::Pins::from_json(pins.as_bytes()).unwrap_or_default()
    }

    pub fn stored_home(&self, address: &Address) -> HomeState {
        let homes: Option<BTreeMap<Address, HomeState>> = self.read(&self.local, "homes");
        homes.and_then(|mut homes| homes.remove(address)).unwrap_or_default()
    }

    pub fn stored_watch(&self, address: &Address) -> Option<WatchRecord> {
        WatchRecord::from_json(self.local.get(&format!("watch {address}"))?.as_str()?.as_bytes())
            .ok()
    }

    /// What has to hold after every single effect.
    fn check(&self) {
        let (session, pins) = self.known();
        let passes = self.session.get("passes").cloned().unwrap_or_default();
        let passes: Option<BTreeMap<String, (u64, u64)>> = serde_json::from_value(passes).ok();
        let passes = passes.unwrap_or_default();
        // Who compares a clock with that decides as who reads the session.
        for (origin, (from, until)) in &passes {
            let address = origin.strip_prefix("https://").unwrap().parse().unwrap();
            let known = session.get(&address).expect("of what is stored");
            for at in [from - 1, *from, until - 1, *until] {
                let is_open = known.way(Timestamp::from_millis(at)).is_open();
                assert_eq!(is_open, (*from..*until).contains(&at), "{origin}\n{:#?}", self.log);
            }
        }
        for address in self.rules.iter().filter(|_| !self.is_shared) {
            let known = session.get(address);
            let end = known.and_then(|known| known.fresh_until);
            let is_good = known.and_then(|known| known.report()).is_some_and(opens);
            assert!(
                is_good && end.is_some(),
                "{address} is open without a stored good check\n{:#?}",
                self.log
            );
            assert!(
                passes.contains_key(&format!("https://{address}")),
                "a page of {address} would wait\n{:#?}",
                self.log
            );
            assert!(
                self.alarms
                    .iter()
                    .any(|alarm| alarm.has_gone_off || alarm.at.is_some_and(|at| Some(at) <= end)),
                "{address} is open until {end:?} with {:?}\n{:#?}",
                self.alarms,
                self.log
            );
        }
        if self.is_shared {
            return;
        }
        // No record is lost: the key that is pinned stays pinned.
        let [one, two] = addresses();
        assert!(pins.site(&two).is_some(), "{two} is lost\n{:#?}", self.log);
        assert!(
            pins.site(&one).is_some_and(|site| !site.pins.is_empty()),
            "the pin of {one} is lost\n{:#?}",
            self.log
        );
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// One life of a background.
pub struct Life {
    pub world: Rc<RefCell<World>>,
    tasks: Rc<RefCell<Vec<Task>>>,
    /// How many halves of effects are left to it.
    left: Cell<u64>,
    is_over: Cell<bool>,
    /// It ended by itself, for a whole one to take over.
    pub was_relieved: Cell<bool>,
    dice: Cell<u64>,
    /// Rises with whatever happens: where it stands still, everybody waits for time to go on.
    steps: Cell<u64>,
    sleepers: RefCell<BTreeSet<Timestamp>>,
    /// One in so many writes is refused; 0 for none.
    refuses: u64,
    /// Which of two backgrounds.
    number: usize,
    /// How much longer the arithmetic of signatures takes.
    pub slowness: Cell<u64>,
}

/// A life as the engine has it.
#[derive(Clone)]
pub struct Ports(pub Rc<Life>);

thread_local! {
    static VERIFIED: RefCell<Vec<(SignatureCheck, bool)>> = const { RefCell::new(Vec::new()) };
}

/// The lab's signatures, each calculated once.
fn verify(check: &SignatureCheck) -> bool {
    if let Some(good) = VERIFIED
        .with_borrow(|known| known.iter().find(|(one, _)| one == check).map(|(_, good)| *good))
    {
        return good;
    }
    let good = check.verify_natively();
    VERIFIED.with_borrow_mut(|known| known.push((check.clone(), good)));
    good
}

impl Life {
    pub fn new(world: &Rc<RefCell<World>>, left: u64, seed: u64, refuses: u64) -> Rc<Self> {
        Rc::new(Self {
            world: Rc::clone(world),
            tasks: Rc::default(),
            left: Cell::new(left),
            is_over: Cell::new(false),
            was_relieved: Cell::new(false),
            dice: Cell::new(seed | 1),
            steps: Cell::new(0),
            sleepers: RefCell::default(),
            refuses,
            number: 0,
            slowness: Cell::new(0),
        })
    }

    /// The two backgrounds of a browser with a private window.
    pub fn pair(world: &Rc<RefCell<World>>, seed: u64) -> [Rc<Self>; 2] {
        world.borrow_mut().is_shared = true;
        let [one, two] =
            [seed, !seed].map(|seed| Rc::into_inner(Self::new(world, u64::MAX, seed, 0)).unwrap());
        [Rc::new(one), Rc::new(Self { number: 1, ..two })]
    }

    /// xorshift64: the same seed, the same schedule.
    pub fn dice(&self, sides: u64) -> u64 {
        let mut x = self.dice.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.dice.set(x);
        x % sides
    }

    fn step(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    pub async fn pause(&self) {
        for _ in 0..self.dice(3) {
            self.step();
            self.next_round().await;
        }
    }

    async fn may_end(&self) {
        self.step();
        match self.left.get() {
            0 => {
                self.is_over.set(true);
                pending().await
            }
            left => self.left.set(left - 1),
        }
    }

    async fn effect<T>(&self, name: String, apply: impl FnOnce(&mut World) -> T) -> T {
        self.pause().await;
        self.may_end().await;
        let result = {
            let mut world = self.world.borrow_mut();
            world.log.push(name);
            let result = apply(&mut world);
            world.check();
            result
        };
        self.may_end().await;
        self.pause().await;
        result
    }

    /// Time goes on. An alarm that is passed goes off: true.
    pub fn goes_on(&self, by: Duration) -> bool {
        let mut world = self.world.borrow_mut();
        world.now = world.now.plus(by);
        let now = world.now;
        let mut goes_off = false;
        for alarm in world.alarms.iter_mut().filter(|alarm| alarm.at.is_some_and(|at| at <= now)) {
            *alarm = Alarm { at: None, has_gone_off: true };
            goes_off = true;
        }
        goes_off
    }

    fn now(&self) -> Timestamp {
        self.world.borrow().now
    }

    /// Comes back in the next round.
    pub async fn next_round(&self) {
        let mut was_polled = false;
        poll_fn(|_| {
            if core::mem::replace(&mut was_polled, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// One round for what was spawned, beginning with another one each time.
    fn poll_tasks(&self, context: &mut Context<'_>) {
        let mut tasks = core::mem::take(&mut *self.tasks.borrow_mut());
        if !tasks.is_empty() {
            let first = usize::try_from(self.dice(tasks.len().try_into().unwrap())).unwrap();
            tasks.rotate_left(first);
        }
        tasks.retain_mut(|task| !self.is_over.get() && task.as_mut().poll(context).is_pending());
        // What was spawned meanwhile comes after them.
        let spawned = core::mem::replace(&mut *self.tasks.borrow_mut(), tasks);
        self.tasks.borrow_mut().extend(spawned);
    }

    /// Runs to the end, or to the end of that life. True for the end.
    pub fn run(self: &Rc<Self>, work: impl Future<Output = ()>) -> bool {
        let mut work = core::pin::pin!(work);
        let mut context = Context::from_waker(Waker::noop());
        let (mut is_done, mut quiet) = (false, 0);
        for _ in 0..1_000_000 {
            let before = self.steps.get();
            is_done = is_done || work.as_mut().poll(&mut context).is_ready();
            self.poll_tasks(&mut context);
            if self.is_over.get() {
                return false;
            }
            if is_done && self.tasks.borrow().is_empty() {
                return true;
            }
            quiet = if self.steps.get() == before { quiet + 1 } else { 0 };
            // Whoever waits for somebody's turn or answer is called in the next rounds.
            if quiet > 4 {
                quiet = 0;
                let next = self.sleepers.borrow_mut().pop_first();
                let next = next.unwrap_or_else(|| {
                    panic!("nothing moves any more\n{:#?}", self.world.borrow().log)
                });
                let now = self.world.borrow().now;
                self.goes_on(next.since(now));
            }
        }
        panic!("it does not end\n{:#?}", self.world.borrow().log)
    }
}

/// Runs two lives beside each other until nothing moves any more.
pub fn run_both<T, F: Future<Output = T>>(lives: &[Rc<Life>; 2], work: [F; 2]) -> Vec<T> {
    let mut work: Vec<_> = work.into_iter().map(|one| (Box::pin(one), None)).collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut quiet = 0;
    while quiet < 20 {
        let before: u64 = lives.iter().map(|life| life.steps.get()).sum();
        for (life, (work, result)) in lives.iter().zip(&mut work) {
            if result.is_none()
                && let Poll::Ready(done) = work.as_mut().poll(&mut context)
            {
                *result = Some(done);
            }
            life.poll_tasks(&mut context);
        }
        let after: u64 = lives.iter().map(|life| life.steps.get()).sum();
        quiet = if after == before { quiet + 1 } else { 0 };
        if quiet == 10 {
            let first = |life: &Rc<Life>| life.sleepers.borrow().first().copied();
            if let Some(next) = lives.iter().filter_map(first).min() {
                let now = lives[0].now();
                lives[0].goes_on(next.since(now));
                for life in lives {
                    life.sleepers.borrow_mut().retain(|end| *end > next);
                }
                quiet = 0;
            }
        }
    }
    work.into_iter().map(|(_, result)| result.expect("it ends")).collect()
}

/// Starts an engine in this life.
pub async fn start(life: &Rc<Life>) -> Whole<Ports> {
    Engine::start(Ports(Rc::clone(life))).await.unwrap()
}

/// Starts one that asks nobody.
pub async fn wake(life: &Rc<Life>) -> Waking<Ports> {
    Engine::start(Ports(Rc::clone(life))).await.unwrap()
}

impl Relief for Ports {
    async fn relieve(&self) -> Infallible {
        self.0.world.borrow_mut().log.push("a whole one takes over".into());
        self.0.was_relieved.set(true);
        self.0.is_over.set(true);
        pending().await
    }
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        self.0.world.borrow().now
    }

    async fn sleep(&self, time: Duration) {
        let end = self.now().plus(time);
        self.0.sleepers.borrow_mut().insert(end);
        poll_fn(|_| if self.now() >= end { Poll::Ready(()) } else { Poll::Pending }).await;
        self.0.step();
    }
}

impl Spawn for Ports {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.0.step();
        self.0.tasks.borrow_mut().push(Box::pin(work));
    }
}

impl Probe for Ports {
    async fn look(
        &self,
        address: &Address,
        shows_client_certificate: bool,
    ) -> Result<Captured, Unseen> {
        if !shows_client_certificate && self.0.world.borrow().asks_for_certificate {
            let reason = "none was shown".into();
            return Err(Unseen { code: Code::CertificateClientWanted, reason });
        }
        let presented = self
            .0
            .effect(format!("look at {address}"), |world| world.presents.get(address).copied())
            .await;
        match presented {
            Some(chain) => {
                Ok(Captured { ders: MATERIAL.chains[chain].clone(), seen: Seen::OwnProbe })
            }
            None => Err(Unseen { code: Code::CertificateMissing, reason: "nobody answers".into() }),
        }
    }
}

/// The monitor.
pub struct Monitors(Rc<Life>);

impl fetch::Platform for Monitors {
    async fn get(&self, get: &Get) -> Result<Answer, FetchError> {
        let body = self
            .0
            .effect(format!("get {}", get.url), |world| {
                let is_first = !get.url.contains("after=");
                json!(world.issuance.iter().filter(|_| is_first).collect::<Vec<_>>()).to_string()
            })
            .await;
        Ok(Answer { status: 200, retry_after: None, body: body.into_bytes() })
    }

    async fn keep(&self, _: &Get, _: &[u8]) {}

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        checks.iter().map(verify).collect()
    }

    async fn sleep(&self, time: Duration) {
        Ports(Rc::clone(&self.0)).sleep(time).await;
    }
}

impl Network for Ports {
    fn network(&self, _: Duration, _: Duration) -> impl fetch::Platform {
        Monitors(Rc::clone(&self.0))
    }

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        for _ in 0..=self.0.slowness.get() {
            self.0.pause().await;
        }
        checks.iter().map(verify).collect()
    }

    async fn missing_issuers(&self, _: &Report) -> Vec<Certificate> {
        Vec::new()
    }
}

impl Storage for Ports {
    async fn read(&self, area: Area, keys: &[&str]) -> Result<Value, Refused> {
        let found = self
            .0
            .effect(format!("read {keys:?}"), |world| {
                let area = if area == Area::Local { &world.local } else { &world.session };
                keys.iter()
                    .filter_map(|key| Some(((*key).to_owned(), area.get(*key)?.clone())))
                    .collect::<Map<_, _>>()
            })
            .await;
        Ok(Value::Object(found))
    }

    async fn read_all(&self, area: Area) -> Result<Value, Refused> {
        let found = self
            .0
            .effect("read all".into(), |world| match area {
                Area::Local => world.local.clone(),
                Area::Session => world.session.clone(),
            })
            .await;
        Ok(Value::Object(found))
    }

    async fn write(&self, area: Area, entries: Value) -> Result<(), Refused> {
        let entries = entries.as_object().unwrap().clone();
        let names: Vec<_> = entries.keys().cloned().collect();
        let is_refused = self.0.refuses > 0 && self.0.dice(self.0.refuses) == 0;
        let name = format!("write {names:?}{}", if is_refused { ": refused" } else { "" });
        self.0
            .effect(name, |world| {
                if is_refused {
                    return;
                }
                if let Some(stamp) = entries.get("written").and_then(Value::as_str) {
                    world.written.push((area, stamp.to_owned()));
                }
                match area {
                    Area::Local => world.local.extend(entries),
                    Area::Session => world.session.extend(entries),
                }
            })
            .await;
        if is_refused { Err(Refused { call: "write", reason: "no room".into() }) } else { Ok(()) }
    }

    async fn remove(&self, area: Area, keys: &[&str]) -> Result<(), Refused> {
        self.0
            .effect(format!("remove {}", keys.join(" ")), |world| {
                let held = match area {
                    Area::Local => &mut world.local,
                    Area::Session => &mut world.session,
                };
                held.retain(|key, _| !keys.contains(&key.as_str()));
            })
            .await;
        Ok(())
    }

    fn random_uuid(&self) -> String {
        format!("{:016x}", self.0.dice(u64::MAX))
    }
}

/// A line to whoever answers at home.
pub struct Line {
    replies: Vec<String>,
}

impl HomeLine for Ports {
    type Line = Line;

    fn open(&self, _: &str) -> Option<Line> {
        let greeting = json!({"type": "auth_required", "ha_version": "2026.11.1"}).to_string();
        (self.0.world.borrow().at_home != AtHome::Nobody).then(|| Line { replies: vec![greeting] })
    }

    async fn status(&self, _: &str) -> Option<u16> {
        self.0.world.borrow_mut().log.push("line ended".into());
        // As slow as a whole conversation.
        for _ in 0..self.0.dice(40) {
            self.0.pause().await;
        }
        self.0.effect("status".into(), |world| world.answers_with).await
    }

    async fn hear(&self, line: &mut Line) -> Option<String> {
        self.0.effect("hear".into(), |_| ()).await;
        line.replies.pop()
    }

    async fn say(&self, line: &mut Line, text: String) -> Option<()> {
        let said: Value = serde_json::from_str(&text).unwrap();
        let reply = self
            .0
            .effect(format!("say {}", said["type"]), |world| match (said["type"].as_str().unwrap(), world.at_home) {
                (_, AtHome::Nobody) => None,
                ("auth", at_home) => {
                    let [one, _] = addresses();
                    world.sent += 1;
                    assert!(
                        matches!(world.stored_home(&one).token, TokenState::Said(_)),
                        "sent before that was written down\n{:#?}",
                        world.log
                    );
                    Some(match at_home {
                        AtHome::Refuses => json!({"type": "auth_invalid", "message": "Invalid"}),
                        _ => json!({"type": "auth_ok", "ha_version": "2026.11.1"}),
                    })
                }
                ("auth/current_user", _) => Some(json!({"id": said["id"], "type": "result", "success": true, "result": {
                    "id": "ab".repeat(16), "name": "Doorlight", "is_owner": false, "is_admin": false, "mfa_modules": [],
                }})),
                (_, AtHome::Holds(chain)) => Some(json!({"id": said["id"], "type": "result", "success": true, "result": {
                    "logged_in": true, "remote_domain": HOST, "remote_connected": true,
                    "remote_certificate_status": "ready", "remote_certificate": MATERIAL.told(chain),
                }})),
                (other, _) => panic!("{other}"),
            })
            .await?;
        line.replies.push(reply.to_string());
        Some(())
    }
}

impl Downloads for Ports {
    fn sees_downloads(&self) -> bool {
        true
    }

    async fn downloads(&self) -> Vec<Download> {
        // A private window has its own, and here it has none.
        let is_first = self.0.number == 0;
        self.0
            .effect("downloads".into(), |world| {
                world.downloads.iter().filter(|_| is_first).cloned().collect()
            })
            .await
    }

    async fn broken_downloads(&self) -> Vec<Download> {
        Vec::new()
    }

    async fn pause_download(&self, id: i64) {
        self.0
            .effect(format!("pause {id}"), |world| {
                let one = world.downloads.iter_mut().find(|one| one.id == id).unwrap();
                one.is_running = false;
                let known: Vec<Value> =
                    world.local.get("paused_downloads").map_or_else(Vec::new, |known| {
                        serde_json::from_str(known.as_str().unwrap()).unwrap()
                    });
                let is_known = known.iter().any(|known| known["started"] == one.started);
                assert!(
                    is_known || self.0.refuses > 0,
                    "paused, and nobody remembers it\n{:#?}",
                    world.log
                );
            })
            .await;
    }

    async fn resume_download(&self, id: i64) -> bool {
        {
            let world = self.0.world.borrow();
            let one = world.downloads.iter().find(|one| one.id == id).unwrap();
            assert!(
                // A write that fails, or another background, shuts the gate of a check that is
                // good here.
                world.rules.contains(&one.address) || self.0.refuses > 0 || world.is_shared,
                "goes on behind a gate that is shut\n{:#?}",
                world.log
            );
        }
        self.0
            .effect(format!("resume {id}"), |world| {
                world.downloads.iter_mut().find(|one| one.id == id).unwrap().is_running = true;
            })
            .await;
        true
    }

    async fn discard_download(&self, id: i64) {
        self.0
            .effect(format!("discard {id}"), |world| world.downloads.retain(|one| one.id != id))
            .await;
    }
}

impl Browser for Ports {
    fn is_private(&self) -> bool {
        false
    }

    async fn is_granted(&self, _: &str) -> bool {
        true
    }

    async fn give_back(&self, _: &str) {}

    async fn notify(
        &self,
        address: &Address,
        notification: &Notification<'_>,
    ) -> Result<(), Refused> {
        let Notification::Issuance { id, .. } = notification else { panic!("{notification:?}") };
        self.0
            .effect(format!("notify {id}"), |world| {
                let watch = world.stored_watch(address);
                let known =
                    watch.iter().flat_map(|watch| &watch.issuances).find(|known| known.id() == *id);
                // Without room for it the alarm is told all the same.
                assert!(
                    self.0.refuses > 0 || known.is_some_and(|known| known.told.is_none()),
                    "told before it was written down, or twice\n{:#?}",
                    world.log
                );
                world.told.push((*id).to_owned());
            })
            .await;
        Ok(())
    }

    async fn set_audit_alarm(&self, _: bool) {
        self.0.effect("audit alarm".into(), |_| ()).await;
    }

    async fn show(&self, address: &Address, light: &impl Fn() -> Light) {
        self.0.effect(format!("show {address}"), |_| ()).await;
        let light = light();
        let world = self.0.world.borrow();
        let (stored, _) = world.known();
        let is_stored = stored.get(address).and_then(|known| known.report());
        assert!(
            world.is_shared || light != Light::Trusted || is_stored.is_some_and(opens),
            "{address} is green without a stored good check\n{:#?}",
            world.log
        );
    }

    async fn leave(&self, address: &Address, _: bool) {
        self.0.effect(format!("leave {address}"), |_| ()).await;
    }

    async fn call_in(&self, _: &Address) {}

    async fn remember_capture(&self) {}

    async fn recall_capture(&self) {}

    async fn granted_hosts(&self) -> Option<BTreeSet<Host>> {
        Some(BTreeSet::from([HOST.parse().unwrap()]))
    }

    async fn shut_rules(
        &self,
        _: &BTreeSet<Host>,
        open: &BTreeSet<Address>,
    ) -> Result<(), Refused> {
        self.0
            .effect(format!("shut all but {open:?}"), |world| {
                world.rules.retain(|one| open.contains(one))
            })
            .await;
        Ok(())
    }

    async fn open_rules(&self, _: &BTreeSet<Host>, open: &Armed) -> Result<(), Refused> {
        let open = open.addresses();
        self.0.effect(format!("open {open:?}"), |world| world.rules.extend(open.clone())).await;
        Ok(())
    }

    async fn set_gate_alarm(&self, at: Option<Timestamp>) -> Result<(), Refused> {
        self.0
            .effect(format!("alarm {at:?}"), |world| {
                let is_over = at.is_some_and(|at| at <= world.now);
                world.alarms[self.0.number] =
                    Alarm { at: at.filter(|_| !is_over), has_gone_off: is_over };
            })
            .await;
        Ok(())
    }
}
