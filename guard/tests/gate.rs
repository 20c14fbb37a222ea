//! The gate under a browser that outlives its background, and a background that ends before or
//! after any effect: never open without a stored good check and an alarm that ends it.
//!
//! `cargo test -p doorlight-guard --features today` runs the order of before, and turns red.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use core::cell::{Cell, RefCell};
use core::future::{pending, poll_fn};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeSet;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::examination::unseen;
use doorlight::verdict::report::Added;
use doorlight_guard::armed::Armed;
use doorlight_guard::basis::Basis;
use doorlight_guard::gate::Gate;
use doorlight_guard::ports::{Known, Refused, Rules, SessionStorage};
use doorlight_guard::session::{OpenSet, Session, SessionText};
use futures_util::future::{join, join_all, join4};

const REUSE: Duration = Duration::from_secs(900);
/// How many schedules are tried; each is ended before and after every effect.
const SCHEDULES: u64 = 200;

/// What outlives a background.
#[derive(Clone)]
struct Disk {
    session: Option<String>,
    rules: BTreeSet<Address>,
    alarm: Option<Timestamp>,
    now: Timestamp,
    log: Vec<String>,
    /// The browser has refused to shut, and has not shut since.
    is_stuck: bool,
    /// The alarm has gone off, and nobody has set another since.
    has_gone_off: bool,
}

impl Disk {
    fn new() -> Self {
        let now = Timestamp::from_secs(1_800_000_000);
        Self {
            session: None,
            rules: BTreeSet::new(),
            alarm: None,
            now,
            log: Vec::new(),
            is_stuck: false,
            has_gone_off: false,
        }
    }

    fn stored(&self) -> Session {
        self.session.as_ref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// What has to hold after every single effect.
    fn check(&self) {
        if self.rules.is_empty() {
            return;
        }
        let session = self.stored();
        for address in &self.rules {
            // Whether its time is over is the alarm's: nothing runs at that moment.
            let state = session.get(address);
            let end = state.and_then(|state| state.fresh_until);
            let is_good = state
                .and_then(|one| one.report())
                .is_some_and(|one| one.verdict == Verdict::Trusted);
            assert!(
                self.is_stuck || (is_good && end.is_some()),
                "{address} is open without a stored good check\n{:#?}",
                self.log
            );
            assert!(
                self.is_stuck
                    || self.has_gone_off
                    || self.alarm.is_some_and(|alarm| Some(alarm) <= end),
                "{address} is open until {end:?} with the alarm {:?} at {:?}\n{:#?}",
                self.alarm,
                self.now,
                self.log
            );
        }
    }
}

/// One life of a background.
struct Life {
    disk: Rc<RefCell<Disk>>,
    session: RefCell<Session>,
    gate: Gate,
    /// How many halves of effects are left to it.
    left: Cell<u64>,
    is_over: Cell<bool>,
    dice: Cell<u64>,
    /// One in so many effects is refused; 0 for none.
    refuses: u64,
    /// The same for shutting.
    sticks: u64,
}

impl Life {
    fn new(disk: &Rc<RefCell<Disk>>, left: u64, seed: u64, [refuses, sticks]: [u64; 2]) -> Self {
        Self {
            session: RefCell::new(disk.borrow().stored()),
            disk: Rc::clone(disk),
            gate: Gate::default(),
            left: Cell::new(left),
            is_over: Cell::new(false),
            dice: Cell::new(seed | 1),
            refuses,
            sticks,
        }
    }

    /// xorshift64: the same seed, the same schedule.
    fn dice(&self, sides: u64) -> u64 {
        let mut x = self.dice.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.dice.set(x);
        x % sides
    }

    async fn pause(&self) {
        for _ in 0..self.dice(4) {
            let mut was_polled = false;
            poll_fn(|_| {
                if core::mem::replace(&mut was_polled, true) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    async fn may_end(&self) {
        match self.left.get() {
            0 => {
                self.is_over.set(true);
                pending().await
            }
            left => self.left.set(left - 1),
        }
    }

    async fn effect(
        &self,
        name: String,
        one_in: u64,
        apply: impl FnOnce(&mut Disk),
    ) -> Result<(), Refused> {
        self.pause().await;
        self.may_end().await;
        let is_refused = one_in > 0 && self.dice(one_in) == 0;
        {
            let mut disk = self.disk.borrow_mut();
            disk.log.push(if is_refused { format!("{name}: refused") } else { name });
            if !is_refused {
                apply(&mut disk);
            }
            disk.check();
        }
        self.may_end().await;
        self.pause().await;
        if is_refused { Err(Refused { call: "made up", reason: String::new() }) } else { Ok(()) }
    }

    async fn conclude(&self, address: &Address, verdict: Verdict) {
        let attempt = self.session.borrow().begin(address);
        self.pause().await;
        let now = self.now();
        let mut report = unseen(address, now, Code::CertificateTimedOut, "made up");
        report.verdict = verdict;
        let concluded = self.session.borrow_mut().conclude(
            attempt,
            (report, Added::default()),
            String::new(),
            REUSE,
            Basis::default(),
            now,
        );
        if concluded.is_ok() {
            self.apply().await;
        }
    }

    async fn expire(&self) {
        self.pause().await;
        self.pause().await;
        self.session.borrow_mut().expire(None);
        self.apply().await;
        // The gate is shut when this returns, unless a look that began since has opened it.
        let open = self.open_now().addresses();
        assert!(
            self.is_over.get()
                || self.disk.borrow().rules.is_subset(&open)
                || self.refuses + self.sticks > 0
        );
    }

    /// Sets the gate. Whatever is open then has an alarm that will set it again.
    async fn apply(&self) {
        self.gate.apply(self).await;
        let disk = self.disk.borrow();
        let has_alarm = disk.alarm.is_some() || disk.has_gone_off;
        assert!(
            disk.rules.is_empty() || has_alarm || self.refuses > 0,
            "nothing will shut it\n{:#?}",
            disk.log
        );
    }

    /// Time goes on, or the clock is set. An alarm that is passed goes off.
    async fn jump(&self) {
        self.pause().await;
        let by = Duration::from_secs(self.dice(2000));
        let goes_off = {
            let mut disk = self.disk.borrow_mut();
            disk.now = if self.dice(4) == 0 { disk.now.minus(by) } else { disk.now.plus(by) };
            let goes_off = disk.alarm.is_some_and(|alarm| alarm <= disk.now);
            if goes_off {
                disk.alarm = None;
                disk.has_gone_off = true;
            }
            goes_off
        };
        if goes_off {
            self.apply().await;
        }
    }
}

impl Known for Life {
    fn open_now(&self) -> OpenSet {
        self.session.borrow().open_at(self.now(), |_| true)
    }

    fn session_text(&self) -> SessionText {
        self.session.borrow().text(&self.open_now())
    }
}

impl SessionStorage for Life {
    async fn write_session(&self, text: SessionText) -> Result<(), Refused> {
        self.effect("write".into(), self.refuses, |disk| disk.session = Some(text.standings)).await
    }

    async fn forget_session(&self) -> Result<(), Refused> {
        self.effect("forget".into(), self.refuses, |disk| disk.session = None).await
    }
}

impl Rules for Life {
    async fn shut_all_but(&self, open: &BTreeSet<Address>) -> Result<(), Refused> {
        if self.sticks > 0 {
            self.disk.borrow_mut().is_stuck = true;
        }
        self.effect(format!("shut all but {open:?}"), self.sticks, |disk| {
            disk.rules.retain(|one| open.contains(one));
            disk.is_stuck = false;
        })
        .await
    }

    async fn open(&self, open: &Armed) -> Result<(), Refused> {
        let name = format!("open {:?}", open.addresses());
        self.effect(name, self.refuses, |disk| disk.rules.extend(open.addresses())).await
    }

    async fn set_alarm(&self, at: Option<Timestamp>) -> Result<(), Refused> {
        self.effect(format!("alarm {at:?}"), self.refuses, |disk| {
            // One in the past goes off at once.
            disk.has_gone_off = at.is_some_and(|at| at <= disk.now);
            disk.alarm = at.filter(|at| *at > disk.now);
        })
        .await
    }

    fn now(&self) -> Timestamp {
        self.disk.borrow().now
    }
}

/// Runs to the end, or to the end of that life. True for the end.
fn run(life: &Life, work: impl Future<Output = ()>) -> bool {
    let mut work = core::pin::pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if work.as_mut().poll(&mut context).is_ready() {
            return true;
        }
        if life.is_over.get() {
            return false;
        }
    }
    panic!("nothing moves any more\n{:#?}", life.disk.borrow().log)
}

fn addresses() -> [Address; 2] {
    ["one.test", "two.test:8123"].map(|text| text.parse().unwrap())
}

/// Two addresses are checked, one of them again with a bad end, while the network and the clock
/// change.
async fn day(life: &Life) {
    let [one, two] = addresses();
    life.apply().await;
    let bad = async {
        life.pause().await;
        life.conclude(&one, if life.dice(2) == 0 { Verdict::Danger } else { Verdict::Trusted })
            .await;
    };
    let good =
        join_all([life.conclude(&one, Verdict::Trusted), life.conclude(&two, Verdict::Trusted)]);
    join4(good, bad, life.expire(), life.jump()).await;
    life.jump().await;
    // One that ends alone, while another is concluded.
    let ends = async {
        life.pause().await;
        life.session.borrow_mut().expire(Some(&one));
        life.apply().await;
    };
    join(life.conclude(&one, Verdict::Trusted), ends).await;
    life.conclude(&two, Verdict::Trusted).await;
}

fn schedules(count: u64, refuses: [u64; 2]) -> (u64, u64) {
    let (mut lives, mut opened) = (0, 0);
    for seed in 1..=count {
        let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for left in 0.. {
            let disk = Rc::new(RefCell::new(Disk::new()));
            let life = Life::new(&disk, left, seed, refuses);
            let has_ended = run(&life, day(&life));
            lives += 1;
            opened += u64::from(!disk.borrow().rules.is_empty());
            // The next life makes sense of whatever was left.
            let next = Life::new(&disk, u64::MAX, seed ^ left, [0, 0]);
            assert!(run(&next, day(&next)));
            let [_, two] = addresses();
            assert!(
                disk.borrow().rules.contains(&two) && next.gate.is_opened(&two),
                "{:#?}",
                disk.borrow().log
            );
            if has_ended {
                break;
            }
        }
    }
    (lives, opened)
}

#[test]
fn killed_before_and_after_every_effect() {
    let (lives, opened) = schedules(SCHEDULES, [0, 0]);
    println!("{lives} lives, {opened} left something open");
    assert!(opened > lives / 20, "hardly any of them opened anything");
}

#[test]
fn killed_while_the_browser_refuses() {
    for refuses in [[3, 0], [7, 0], [0, 2], [0, 5]] {
        let (lives, opened) = schedules(SCHEDULES / 4, refuses);
        println!("one in {refuses:?} effects refused: {lives} lives, {opened} left something open");
        assert!(opened > 0);
    }
}

/// What another background has stored opens, and shuts, without another write.
#[test]
fn what_another_background_stored_is_applied() {
    let [one, _] = addresses();
    let disk = Rc::new(RefCell::new(Disk::new()));
    let first = Life::new(&disk, u64::MAX, 1, [0, 0]);
    assert!(run(&first, first.conclude(&one, Verdict::Trusted)));
    disk.borrow_mut().rules.clear();
    disk.borrow_mut().log.clear();
    let second = Life::new(&disk, u64::MAX, 2, [0, 0]);
    assert!(run(&second, second.gate.apply_stored(&second)));
    assert!(disk.borrow().rules.contains(&one) && second.gate.is_opened(&one));
    second.session.borrow_mut().expire(None);
    assert!(run(&second, second.gate.apply_stored(&second)));
    assert!(disk.borrow().rules.is_empty() && !second.gate.is_opened(&one));
    assert!(
        !disk.borrow().log.iter().any(|entry| entry.starts_with("write")),
        "{:#?}",
        disk.borrow().log
    );
}
