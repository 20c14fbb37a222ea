//! Renewal histories: silent where silence is promised, and an attacker in them never trusted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod support;

use std::sync::LazyLock;

use doorlight::home_assistant::conversation::{Account, Cloud, HomeCertificate, HomeReport};
use doorlight::site::pins::Pins;
use doorlight::site::{Continuity, Heard, KeyHabit, Origin, OtherHome, Silence, SiteRecord};
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code};
use doorlight::verdict::examination::Site;
use doorlight::verdict::report::Report;
use doorlight::x509::chain::Chain;
use doorlight::x509::fingerprint::{AccountId, Fingerprint};
use doorlight_lab::authority::{Authority, KeyShape, Order, Scts, key};
use doorlight_lab::scenario::{HOST, Lab};
use proptest::prelude::*;
use rcgen::KeyPair;
use support::{World, code, lab_world, timestamp};
use time::{Duration, OffsetDateTime};

/// Two public authorities, their logs, and keys enough for any history.
static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let mut lab = Lab::new(OffsetDateTime::now_utc());
    // The world has to be older and to last longer than the histories told in it.
    lab.other_authority = Authority::new("Other Trust", KeyShape::P256, KeyShape::P256, lab.now);
    lab
});
static KEYS: LazyLock<Vec<KeyPair>> =
    LazyLock::new(|| (0..12).map(|_| key(KeyShape::P256)).collect());
static THIEF: LazyLock<KeyPair> = LazyLock::new(|| key(KeyShape::P256));

/// One certificate of a history.
#[derive(Clone, Debug)]
struct Step {
    /// Days until the next certificate comes.
    days_in_service: i64,
    /// How long the certificate lives.
    lifetime: i64,
    /// Which authority issues it.
    is_other_authority: bool,
    /// Days of overlap: the certificate starts that long before it is first used.
    overlap: i64,
    /// Days by which the visitor's clock is wrong, from -1 to 1.
    skew: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let lifetime = prop_oneof![Just(7i64), Just(45), Just(64), Just(90), Just(365)];
    (lifetime, any::<bool>(), 0..3i64, -1..=1i64, 0..100i64).prop_map(
        |(lifetime, is_other_authority, overlap, skew, early)| {
            // Anything from a renewal at once to one on the last day.
            let days_in_service = (lifetime * early / 100).max(1) - overlap.min(lifetime / 4);
            Step {
                days_in_service: days_in_service.max(1),
                lifetime,
                is_other_authority,
                overlap: overlap.min(lifetime / 4),
                skew,
            }
        },
    )
}

fn issue(step: &Step, first_used: OffsetDateTime, key: &KeyPair, scts: Scts<'_>) -> Chain {
    let authority = if step.is_other_authority { &LAB.other_authority } else { &LAB.authority };
    let not_before = first_used - Duration::days(step.overlap) - Duration::hours(1);
    let order = Order {
        names: &[HOST],
        not_before,
        not_after: not_before + Duration::days(step.lifetime),
        scts,
    };
    Chain::presented(&authority.issue(&order, key)).unwrap()
}

fn world() -> World {
    lab_world(&LAB)
}

/// Visits the site, and updates its record the way the hosts do.
fn visit(
    world: &World,
    record: &mut SiteRecord,
    chain: Chain,
    at: OffsetDateTime,
) -> (Report, Continuity) {
    let leaf = chain.leaf().clone();
    let conclusion = world.conclude(chain, HOST, timestamp(at), Site::Record(record));
    let continuity = conclusion.continuity.unwrap();
    record.remember(&leaf, continuity, conclusion.report.verdict, timestamp(at));
    (conclusion.report, continuity)
}

fn record(habit: KeyHabit) -> SiteRecord {
    let mut record = SiteRecord::new(HOST.parse().unwrap());
    record.key_habit = habit;
    record
}

/// The lab's authorities are two years old; a history has to fit in there and in the ten years
/// after.
fn beginning() -> OffsetDateTime {
    LAB.now - Duration::days(300)
}

/// Judged as if the list of logs were always fresh: its age is another question.
fn world_at(at: OffsetDateTime) -> World {
    use doorlight::ct::log_list::{LogList, LogLists, Provenance};
    let mut world = world();
    let long_ago = LAB.now - Duration::days(700);
    let logs: Vec<_> = LAB.logs.iter().map(|log| (log, "usable", long_ago)).collect();
    let list = doorlight_lab::log::log_list(at, &logs);
    world.log_lists =
        LogLists::new(vec![LogList::parse(list.as_bytes(), Provenance::Signed).unwrap()]);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Same key, whatever the certificate: early, late, overlapping renewals, changes of the
    /// authority, a clock off by a day. Silent.
    #[test]
    fn the_same_key_is_silent(steps in prop::collection::vec(step(), 1..8), several in any::<bool>()) {
        let logs = LAB.good_logs();
        let mut record = record(KeyHabit::Keeps);
        let mut now = beginning();
        let mut previous = None;
        for (n, step) in steps.iter().enumerate() {
            let chain = issue(step, now, &KEYS[0], Scts::From(&logs));
            if n == 0 {
                record.accept(chain.leaf(), Origin::Home, timestamp(now));
            }
            let seen_at = now + Duration::days(step.skew);
            let (report, continuity) = visit(&world_at(seen_at), &mut record, chain.clone(), seen_at);
            prop_assert_eq!(continuity, Continuity::SameKey);
            prop_assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
            // Several valid certificates at once: the old one may still answer, on another address
            // of the same name.
            if let (true, Some((old, last_day))) = (several, previous)
                && now < last_day
            {
                let (report, _) = visit(&world_at(now), &mut record, old, now);
                prop_assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
            }
            previous = Some((chain, now + Duration::days(step.lifetime - step.overlap - 1)));
            now += Duration::days(step.days_in_service);
        }
    }

    /// New keys that the user's home confirms by its fingerprint (SHA-1 or SHA-256): adopted, and
    /// silent from then on.
    #[test]
    fn confirmed_keys_are_adopted(steps in prop::collection::vec(step(), 1..6), sha1 in any::<bool>(), keeps in any::<bool>()) {
        let logs = LAB.good_logs();
        let mut record = record(if keeps { KeyHabit::Keeps } else { KeyHabit::Rotates });
        let mut now = beginning();
        for (n, step) in steps.iter().enumerate() {
            let chain = issue(step, now, &KEYS[n], Scts::From(&logs));
            let leaf = chain.leaf();
            let fingerprint = if sha1 { Fingerprint::Sha1(leaf.sha1()) } else { Fingerprint::Sha256(leaf.sha256()) };
            record.enter(fingerprint, timestamp(now));
            let (report, continuity) = visit(&world_at(now), &mut record, chain.clone(), now);
            prop_assert_eq!(continuity, Continuity::Confirmed(fingerprint));
            prop_assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
            let (report, continuity) = visit(&world_at(now), &mut record, chain, now);
            prop_assert_eq!((continuity, report.verdict), (Continuity::SameKey, Verdict::Trusted));
            now += Duration::days(step.days_in_service);
        }
    }

    /// Rotating keys, renewed by the same authority when due: a question each time, never an alarm;
    /// silent once answered.
    #[test]
    fn a_due_renewal_with_a_new_key_is_a_question(steps in prop::collection::vec(step(), 2..6), skew in -1..=1i64) {
        let logs = LAB.good_logs();
        let mut record = record(KeyHabit::Rotates);
        let mut now = beginning();
        for (n, step) in steps.iter().enumerate() {
            let step = Step { is_other_authority: false, overlap: 0, ..step.clone() };
            let chain = issue(&step, now, &KEYS[n], Scts::From(&logs));
            let leaf = chain.leaf().clone();
            if n == 0 {
                record.accept(&leaf, Origin::Seen, timestamp(now));
            } else {
                let seen_at = now + Duration::days(skew);
                let (report, continuity) = visit(&world_at(seen_at), &mut record, chain.clone(), seen_at);
                prop_assert_eq!(continuity, Continuity::RenewalDue, "{}", report.to_text());
                prop_assert_eq!(report.verdict, Verdict::Attention, "{}", report.to_text());
                record.accept(&leaf, Origin::Seen, timestamp(now));
            }
            let (report, _) = visit(&world_at(now), &mut record, chain, now);
            prop_assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
            // Due: from a third of the lifetime before the end (a half for the shortest) to the
            // end.
            let left = if step.lifetime <= 10 { step.lifetime / 2 } else { step.lifetime / 3 };
            now += Duration::days(step.lifetime - left + (i64::try_from(n).unwrap() * 7) % (left + 1));
        }
    }

    /// An attacker's certificate at any time: never trusted; red wherever the home keeps its key,
    /// or where anything but a due renewal by the same authority is claimed.
    #[test]
    fn an_attacker_is_never_trusted(
        steps in prop::collection::vec(step(), 1..6),
        keeps in any::<bool>(),
        attack in 0..6usize,
        days_into in 0..400i64,
        other_authority in any::<bool>(),
        logged in any::<bool>(),
    ) {
        let logs = LAB.good_logs();
        let mut record = record(if keeps { KeyHabit::Keeps } else { KeyHabit::Rotates });
        let mut now = beginning();
        for (n, step) in steps.iter().enumerate() {
            // The home: the same key throughout, or a new one each time, each of them confirmed.
            let step = Step { overlap: 0, ..step.clone() };
            let chain = issue(&step, now, &KEYS[if keeps { 0 } else { n }], Scts::From(&logs));
            record.accept(chain.leaf(), Origin::Home, timestamp(now));
            let last_day = now + Duration::days(step.lifetime);

            if n == attack.min(steps.len() - 1) {
                let at = now + Duration::days(days_into % step.lifetime);
                let theirs = Step { is_other_authority: other_authority, lifetime: 90, ..step.clone() };
                let scts = if logged { Scts::From(&logs) } else { Scts::Forged(doorlight_lab::authority::sct_list(&[LAB.unknown_log.invent(at)])) };
                let chain = issue(&theirs, at, &THIEF, scts);
                let before = record.clone();
                let (report, continuity) = visit(&world_at(at), &mut record, chain, at);
                prop_assert_ne!(report.verdict, Verdict::Trusted, "{}", report.to_text());
                prop_assert_ne!(report.verdict, Verdict::Unchecked, "{}", report.to_text());
                prop_assert_eq!(&before.pins, &record.pins, "an attacker's key was pinned");
                prop_assert_eq!(&before.seen, &record.seen);
                let left = if step.lifetime <= 10 { step.lifetime / 2 } else { step.lifetime / 3 };
                let is_due = at + Duration::days(1) >= last_day - Duration::hours(1) - Duration::days(left) - Duration::hours(16);
                let is_clearly_due_renewal = !keeps && is_due && other_authority == step.is_other_authority && logged;
                if !is_clearly_due_renewal {
                    prop_assert_eq!(report.verdict, Verdict::Danger, "{:?} {}", continuity, report.to_text());
                }
            }
            // The home renews when due, not before.
            now += Duration::days(step.lifetime - step.lifetime / 3);
        }
    }
}

#[test]
fn the_objections_one_by_one() {
    let logs = LAB.good_logs();
    let home =
        Step { days_in_service: 60, lifetime: 90, is_other_authority: false, overlap: 0, skew: 0 };
    let now = beginning();
    let old = issue(&home, now, &KEYS[0], Scts::From(&logs));
    let due = now + Duration::days(65);
    let early = now + Duration::days(20);
    let because =
        |key: &KeyPair, step: &Step, at: OffsetDateTime, scts: Scts<'_>, known: &SiteRecord| {
            let chain = issue(step, at, key, scts);
            let report =
                world_at(at).conclude(chain, HOST, timestamp(at), Site::Record(known)).report;
            let pin = report.evidence.iter().find(|one| one.check == Check::Pin).unwrap();
            (
                pin.code,
                pin.detail.get("because").and_then(|value| value.as_str()).unwrap_or("").to_owned(),
            )
        };
    let mut rotating = record(KeyHabit::Rotates);
    rotating.accept(old.leaf(), Origin::Seen, timestamp(now));
    let other = Step { is_other_authority: true, ..home.clone() };
    let from = || Scts::From(&logs);
    let unexplained = |why: &str| (Code::PinNewKeyUnexplained, why.to_owned());
    assert_eq!(
        because(&KEYS[1], &home, due, from(), &rotating),
        (Code::PinRenewalDue, String::new())
    );
    assert_eq!(because(&KEYS[1], &home, early, from(), &rotating), unexplained("not-due"));
    assert_eq!(because(&KEYS[1], &other, due, from(), &rotating), unexplained("other-authority"));
    let one_log = [logs[0]];
    assert_eq!(
        because(&KEYS[1], &home, due, Scts::From(&one_log), &rotating),
        unexplained("not-logged")
    );
    let mut key_only = record(KeyHabit::Rotates);
    key_only.pin(old.leaf().spki_sha256(), Origin::Entered, timestamp(now));
    assert_eq!(because(&KEYS[1], &home, due, from(), &key_only), unexplained("nothing-to-replace"));
    // After one renewal was accepted, the next new key has to wait for its own time.
    let new = issue(&home, due, &KEYS[1], from());
    rotating.accept(new.leaf(), Origin::Seen, timestamp(due));
    assert_eq!(
        because(&KEYS[2], &home, due + Duration::days(1), from(), &rotating),
        unexplained("not-due")
    );
}

#[test]
fn what_the_user_reads_at_home_outranks_what_was_seen_on_the_line() {
    let logs = LAB.good_logs();
    let step =
        Step { days_in_service: 60, lifetime: 90, is_other_authority: false, overlap: 0, skew: 0 };
    let now = beginning();
    let later = now + Duration::days(1);
    let rogue = issue(&step, now, &THIEF, Scts::From(&logs));
    let genuine = issue(&step, now, &KEYS[0], Scts::From(&logs));
    let mut record = record(KeyHabit::Keeps);
    // Accepted at first sight: an attacker was on the line.
    record.accept(rogue.leaf(), Origin::Seen, timestamp(now));
    record.enter(Fingerprint::Sha1(genuine.leaf().sha1()), timestamp(later));
    // However often, and also after the genuine one was seen.
    for _ in 0..2 {
        let (report, _) = visit(&world_at(later), &mut record, rogue.clone(), later);
        assert_eq!(code(&report, Check::Pin), Code::PinFingerprintMismatch);
        assert_eq!(report.verdict, Verdict::Danger);
        let (report, _) = visit(&world_at(later), &mut record, genuine.clone(), later);
        assert_eq!(report.verdict, Verdict::Trusted);
    }
    // A key that is taken away does not come back by its fingerprint.
    assert!(record.unpin(genuine.leaf().spki_sha256(), timestamp(later)));
    let (report, _) = visit(&world_at(later), &mut record, genuine, later);
    assert_ne!(report.verdict, Verdict::Trusted);
}

#[test]
fn a_mistyped_fingerprint_is_mended_by_the_right_one() {
    let logs = LAB.good_logs();
    let step =
        Step { days_in_service: 60, lifetime: 90, is_other_authority: false, overlap: 0, skew: 0 };
    let now = beginning();
    let genuine = issue(&step, now, &KEYS[0], Scts::From(&logs));
    // Seen once and accepted; the right fingerprint may have been met before the mistyped one, or
    // come after it.
    for sees_first in [true, false] {
        let mut record = record(KeyHabit::Keeps);
        record.accept(genuine.leaf(), Origin::Seen, timestamp(now));
        record.enter(
            Fingerprint::Sha1(doorlight::x509::fingerprint::CertificateSha1::of(b"mistyped")),
            timestamp(now),
        );
        if sees_first {
            let (report, _) = visit(&world_at(now), &mut record, genuine.clone(), now);
            assert_eq!(code(&report, Check::Pin), Code::PinFingerprintMismatch);
        }
        record.enter(Fingerprint::Sha1(genuine.leaf().sha1()), timestamp(now));
        let (report, _) = visit(&world_at(now), &mut record, genuine.clone(), now);
        assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
    }
}

#[test]
fn a_fingerprint_entered_before_the_first_visit_decides_it() {
    let logs = LAB.good_logs();
    let step =
        Step { days_in_service: 60, lifetime: 90, is_other_authority: false, overlap: 0, skew: 0 };
    let now = beginning();
    let rogue = issue(&step, now, &THIEF, Scts::From(&logs));
    let genuine = issue(&step, now, &KEYS[0], Scts::From(&logs));
    let mut record = record(KeyHabit::Keeps);
    record.enter(Fingerprint::Sha256(genuine.leaf().sha256()), timestamp(now));
    let (report, continuity) = visit(&world_at(now), &mut record, rogue, now);
    assert_eq!((continuity, report.verdict), (Continuity::FingerprintMismatch, Verdict::Danger));
    let (report, _) = visit(&world_at(now), &mut record, genuine, now);
    assert_eq!(report.verdict, Verdict::Trusted);
}

#[test]
fn a_damaged_record_is_not_an_empty_one() {
    let logs = LAB.good_logs();
    let step =
        Step { days_in_service: 60, lifetime: 90, is_other_authority: false, overlap: 0, skew: 0 };
    let now = beginning();
    let chain = issue(&step, now, &KEYS[0], Scts::From(&logs));
    let conclusion = world_at(now).conclude(chain, HOST, timestamp(now), Site::Unreadable);
    assert_eq!(code(&conclusion.report, Check::Pin), Code::PinRecordUnreadable);
    assert_eq!(conclusion.report.verdict, Verdict::Unchecked);
    assert!(conclusion.continuity.is_none());
}

/// The home's cloud, holding this certificate.
fn cloud(chain: &Chain) -> Cloud {
    let leaf = chain.leaf();
    Cloud {
        logged_in: true,
        remote_domain: Some(HOST.into()),
        is_enabled: true,
        connected: true,
        certificate_status: Some("ready".into()),
        certificate: Some(HomeCertificate {
            common_name: HOST.into(),
            names: vec![HOST.into(), "ha.home.example".into()],
            not_after: leaf.not_after(),
            fingerprint: leaf.sha1(),
        }),
    }
}

fn account() -> AccountId {
    AccountId::of(b"d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0")
}

/// What the home tells to whoever logs in with this account; to nobody, its version alone.
fn told(cloud: Option<Cloud>, account: Option<AccountId>) -> HomeReport {
    let account = account.map(|id| Account {
        id: Some(id),
        name: "Doorlight".into(),
        is_admin: false,
        is_owner: false,
        mfa: Vec::new(),
    });
    HomeReport { version: None, version_text: String::new(), cloud, account, ban: None }
}

fn hear(record: &mut SiteRecord, chain: &Chain, at: OffsetDateTime) -> Heard {
    record.hear(&told(Some(cloud(chain)), Some(account())), timestamp(at)).unwrap()
}

fn step_of(lifetime: i64) -> Step {
    Step { days_in_service: lifetime, lifetime, is_other_authority: false, overlap: 0, skew: 0 }
}

/// The codes of the checks that are about whose key it is.
fn said(report: &Report) -> (Code, Option<Code>, Verdict) {
    let home = report.evidence.iter().find(|one| one.check == Check::Home).map(|one| one.code);
    (code(report, Check::Pin), home, report.verdict)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Renewals and new keys that the home tells of, by any authority, early or late: adopted, and
    /// silent. A renewal that it has not told of yet is silent too.
    #[test]
    fn what_the_home_tells_is_silent(steps in prop::collection::vec((step(), any::<bool>()), 1..6), keeps in any::<bool>()) {
        let logs = LAB.good_logs();
        let mut record = record(if keeps { KeyHabit::Keeps } else { KeyHabit::Rotates });
        let (mut now, mut key) = (beginning(), 0);
        for (n, (step, is_new_key)) in steps.iter().enumerate() {
            key += usize::from(*is_new_key);
            let chain = issue(step, now, &KEYS[key], Scts::From(&logs));
            let is_confirmed = record.pins.iter().any(|pin| pin.spki_sha256 == chain.leaf().spki_sha256());
            let heard = hear(&mut record, &chain, now);
            prop_assert_eq!(heard, if n == 0 { Heard::First } else { Heard::Other });
            let (report, continuity) = visit(&world_at(now), &mut record, chain.clone(), now);
            prop_assert_eq!(continuity, if is_confirmed { Continuity::SameKey } else { Continuity::ToldByHome });
            prop_assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
            prop_assert_eq!(said(&report).1, Some(Code::HomeConfirms));
            prop_assert!(record.pins.iter().all(|pin| pin.origin == Origin::Home && !pin.doubted));
            prop_assert_eq!(hear(&mut record, &chain, now), Heard::Same);
            let untold = issue(&step_of(90), now, &KEYS[key], Scts::From(&logs));
            let (report, _) = visit(&world_at(now), &mut record, untold, now);
            prop_assert_eq!(said(&report), (Code::PinSameKey, Some(Code::HomeSameKey), Verdict::Trusted));
            now += Duration::days(step.days_in_service);
        }
    }

    /// A5 and its relatives: whoever has a certificate of the same or another authority, logged or
    /// not, at any time after the home's word, is never trusted; and while the word is current, it
    /// is what shows them.
    #[test]
    fn a_certificate_that_the_home_does_not_hold_is_never_trusted(
        lifetime in prop_oneof![Just(6i64), Just(45), Just(47), Just(64), Just(90), Just(200)],
        day in 0..200i64,
        other_authority in any::<bool>(),
        logged in any::<bool>(),
        keeps in any::<bool>(),
        was_seen in any::<bool>(),
    ) {
        let logs = LAB.good_logs();
        let start = beginning();
        let home = issue(&step_of(lifetime), start, &KEYS[0], Scts::From(&logs));
        let mut record = record(if keeps { KeyHabit::Keeps } else { KeyHabit::Rotates });
        hear(&mut record, &home, start);
        if was_seen {
            visit(&world_at(start), &mut record, home.clone(), start);
        }
        let at = start + Duration::days(day);
        let forged = doorlight_lab::authority::sct_list(&[LAB.unknown_log.invent(at)]);
        let scts = if logged { Scts::From(&logs) } else { Scts::Forged(forged) };
        let theirs = Step { is_other_authority: other_authority, ..step_of(90) };
        let rogue = issue(&theirs, at, &THIEF, scts);
        let before = record.clone();
        let (report, _) = visit(&world_at(at), &mut record, rogue, at);
        let (_, home_code, verdict) = said(&report);
        prop_assert_ne!(verdict, Verdict::Trusted, "{}", report.to_text());
        prop_assert_eq!(&before.pins, &record.pins);
        // The certificate began an hour before. The word is current until five twelfths of the
        // lifetime before its end (of 90 days where it was not seen), but no later than 26 days
        // before; and within a day.
        let due = (if was_seen { lifetime } else { 90 } * 10).max(26 * 24);
        let is_current = day == 0 || day * 24 < lifetime * 24 - 1 - due;
        let is_left = was_seen && day > 1;
        if is_current || is_left {
            prop_assert_eq!((home_code, verdict), (Some(Code::HomeOtherCertificate), Verdict::Danger));
        } else {
            prop_assert_eq!(home_code, Some(Code::HomeLongAgo));
        }
        // The home itself stays what it was.
        if at < start + Duration::days(lifetime - 1) {
            let (report, _) = visit(&world_at(at), &mut record, home, at);
            prop_assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
        }
    }

    /// An attacker who was there first, accepted by the user; then the home is asked. From then on
    /// the attacker is never green, however long ago the home was asked, and however the records
    /// are exported, merged and imported.
    #[test]
    fn an_attacker_who_was_first_is_shown_by_the_homes_word(
        day in 0..300i64, keeps in any::<bool>(), visits_home in any::<bool>(), is_merged in any::<bool>(),
    ) {
        let logs = LAB.good_logs();
        let start = beginning();
        let rogue = issue(&step_of(365), start, &THIEF, Scts::From(&logs));
        let home = issue(&step_of(90), start, &KEYS[0], Scts::From(&logs));
        let mut record = record(if keeps { KeyHabit::Keeps } else { KeyHabit::Rotates });
        record.accept(rogue.leaf(), Origin::Seen, timestamp(start));
        let fooled = record.clone();
        let (report, _) = visit(&world_at(start), &mut record, rogue.clone(), start);
        prop_assert_eq!(report.verdict, Verdict::Trusted, "nobody can know better yet");
        hear(&mut record, &home, start);
        if visits_home {
            let (report, _) = visit(&world_at(start), &mut record, home, start);
            prop_assert_eq!(report.verdict, Verdict::Trusted, "{}", report.to_text());
        }
        if is_merged {
            // A browser that knows nothing of it, both ways round; and by way of a file.
            let mut other = fooled;
            other.merge(record.clone());
            record.merge(other.clone());
            prop_assert_eq!(&other.home, &record.home);
            let (report, _) = visit(&world_at(start), &mut other, rogue.clone(), start);
            prop_assert_eq!(report.verdict, Verdict::Danger, "{}", report.to_text());
            let mut pins = Pins::default();
            *pins.site_mut(&HOST.parse().unwrap()) = record.clone();
            let read = Pins::from_json(pins.to_json().as_bytes()).unwrap();
            prop_assert_eq!(read.site(&HOST.parse().unwrap()), Some(&record));
        }
        let at = start + Duration::days(day);
        let (report, continuity) = visit(&world_at(at), &mut record, rogue.clone(), at);
        prop_assert_eq!((continuity, report.verdict), (Continuity::DoubtedByHome, Verdict::Danger), "{}", report.to_text());
        // Accepting it again, while the home says otherwise, does not make it good.
        let now = start + Duration::days(1);
        record.accept(rogue.leaf(), Origin::Seen, timestamp(now));
        let (report, _) = visit(&world_at(at), &mut record, rogue, at);
        prop_assert_eq!(report.verdict, Verdict::Danger, "{}", report.to_text());
    }
}

#[test]
fn a_key_accepted_before_the_home_told_of_it_becomes_the_homes() {
    let logs = LAB.good_logs();
    let now = beginning();
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let mut record = record(KeyHabit::Keeps);
    record.accept(home.leaf(), Origin::Seen, timestamp(now));
    assert_eq!(hear(&mut record, &home, now), Heard::First);
    assert_eq!((record.pins[0].origin, record.pins[0].doubted), (Origin::Home, false));
    let (report, _) = visit(&world_at(now), &mut record, home, now);
    assert_eq!(said(&report), (Code::PinSameKey, Some(Code::HomeConfirms), Verdict::Trusted));
}

#[test]
fn the_homes_word_outranks_a_fingerprint_that_was_typed() {
    let logs = LAB.good_logs();
    let now = beginning();
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let typed = issue(&step_of(90), now, &THIEF, Scts::From(&logs));
    for is_pinned in [false, true] {
        let mut record = record(KeyHabit::Keeps);
        record.enter(Fingerprint::Sha1(typed.leaf().sha1()), timestamp(now));
        if is_pinned {
            visit(&world_at(now), &mut record, typed.clone(), now);
        }
        hear(&mut record, &home, now);
        let (report, _) = visit(&world_at(now), &mut record, typed.clone(), now);
        assert_eq!(
            (said(&report).1, report.verdict),
            (Some(Code::HomeOtherCertificate), Verdict::Danger)
        );
        let (report, continuity) = visit(&world_at(now), &mut record, home.clone(), now);
        assert_eq!((continuity, report.verdict), (Continuity::ToldByHome, Verdict::Trusted));
        assert_eq!(said(&report).0, Code::PinToldByHome);
    }
}

#[test]
fn a_key_that_the_home_has_left_does_not_come_back() {
    let logs = LAB.good_logs();
    let now = beginning();
    let old = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let new = issue(&step_of(90), now, &KEYS[1], Scts::From(&logs));
    let mut record = record(KeyHabit::Keeps);
    for chain in [&old, &new] {
        hear(&mut record, chain, now);
        visit(&world_at(now), &mut record, chain.clone(), now);
    }
    // For a day the change may be under way.
    let soon = now + Duration::hours(23);
    let (report, _) = visit(&world_at(soon), &mut record, old.clone(), soon);
    assert_eq!(said(&report), (Code::PinSameKey, Some(Code::HomeSameKey), Verdict::Trusted));
    for days in [2, 70, 85] {
        let later = now + Duration::days(days);
        let (report, _) = visit(&world_at(later), &mut record, old.clone(), later);
        assert_eq!(
            said(&report),
            (Code::PinSameKey, Some(Code::HomeOtherCertificate), Verdict::Danger),
            "{days}"
        );
    }
}

#[test]
fn another_home_is_refused_whatever_it_says() {
    let logs = LAB.good_logs();
    let now = beginning();
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let mut record = record(KeyHabit::Keeps);
    hear(&mut record, &home, now);
    let before = record.clone();
    // Somebody who answers in the home's place does not know the account's number.
    let out = Cloud { logged_in: false, certificate: None, ..cloud(&home) };
    for cloud in [Some(cloud(&home)), Some(out), None] {
        let theirs = told(cloud, Some(AccountId::of(b"another")));
        assert_eq!(record.hear(&theirs, timestamp(now)), Err(OtherHome::Account));
        assert!(!record.is_from_home(&theirs));
        let mut nameless = theirs;
        nameless.account.as_mut().unwrap().id = None;
        assert_eq!(record.hear(&nameless, timestamp(now)), Err(OtherHome::Account));
    }
    // Nor does he where he is asked without a token.
    let nobody = told(None, None);
    assert_eq!(record.hear(&nobody, timestamp(now)), Ok(Heard::Nothing(Silence::NotAsked)));
    assert!(!record.is_from_home(&nobody));
    assert_eq!(record, before);
    // Until the user introduces the other one.
    let cloud = cloud(&home);
    let theirs = told(Some(cloud.clone()), Some(AccountId::of(b"another")));
    assert_eq!(record.meet(&theirs, timestamp(now)), Ok(Heard::Same));
    assert!(record.is_from_home(&theirs));
    assert_eq!(
        record.hear(&told(Some(cloud.clone()), Some(account())), timestamp(now)),
        Err(OtherHome::Account)
    );
    // Who says nothing of who they are is not introduced.
    assert_eq!(record.meet(&nobody, timestamp(now)), Ok(Heard::Nothing(Silence::NotAsked)));
    assert!(record.is_from_home(&theirs));
    let mut nameless = told(Some(cloud), Some(account()));
    nameless.account.as_mut().unwrap().id = None;
    let before = record.clone();
    assert_eq!(record.meet(&nameless, timestamp(now)), Err(OtherHome::Account));
    assert_eq!(record, before);
    // A home that was never asked with a token is known by its place alone.
    assert!(SiteRecord::new(HOST.parse().unwrap()).is_from_home(&nobody));
}

#[test]
fn a_silent_home_changes_nothing_and_is_known_all_the_same() {
    let logs = LAB.good_logs();
    let now = beginning();
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let mut asked = record(KeyHabit::Keeps);
    hear(&mut asked, &home, now);
    let silent = |change: fn(&mut Cloud)| {
        let mut cloud = cloud(&home);
        change(&mut cloud);
        Some(cloud)
    };
    for (cloud, silence) in [
        (None, Silence::NoCloud),
        (silent(|cloud| cloud.logged_in = false), Silence::LoggedOut),
        (silent(|cloud| cloud.certificate = None), Silence::NoCertificate),
        // An address of one's own beside the cloud's.
        (silent(other_name), Silence::OtherName),
    ] {
        let told = told(cloud, Some(account()));
        let before = asked.clone();
        assert_eq!(asked.hear(&told, timestamp(now)), Ok(Heard::Nothing(silence)));
        assert_eq!(asked, before);
        // At first sight it is known from then on, although it told of nothing.
        let mut fresh = record(KeyHabit::Keeps);
        assert_eq!(fresh.hear(&told, timestamp(now)), Ok(Heard::Nothing(silence)));
        assert_eq!((fresh.home_account, fresh.home), (Some(account()), None));
    }
    // Where the remote address is a further name of the certificate, that is enough.
    let further =
        silent(|cloud| cloud.certificate.as_mut().unwrap().common_name = "abc.ui.nabu.test".into());
    assert_eq!(asked.hear(&told(further, Some(account())), timestamp(now)), Ok(Heard::Same));
}

fn other_name(cloud: &mut Cloud) {
    let certificate = cloud.certificate.as_mut().unwrap();
    (certificate.common_name, certificate.names) =
        ("other.ui.nabu.casa".into(), vec!["*.nabu.test".into(), format!("x{HOST}")]);
}

#[test]
fn the_home_of_another_address_of_the_cloud_is_another_home() {
    let logs = LAB.good_logs();
    let now = beginning();
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let mut cloud = cloud(&home);
    other_name(&mut cloud);
    // The remote domain alone does not make it the home of that name.
    cloud.remote_domain = Some("abc.ui.nabu.casa".into());
    let told = told(Some(cloud), Some(account()));
    let mut record = SiteRecord::new("abc.ui.nabu.casa".parse().unwrap());
    let before = record.clone();
    for introduced in [false, true] {
        let heard = if introduced {
            record.meet(&told, timestamp(now))
        } else {
            record.hear(&told, timestamp(now))
        };
        assert!(
            matches!(heard, Err(OtherHome::Host { ref told, .. }) if told == "other.ui.nabu.casa")
        );
        assert_eq!(record, before);
        assert!(!record.is_from_home(&told), "it is not known by that");
    }
    // One that got another name is known by its account still.
    record.home_account = Some(account());
    assert!(record.hear(&told, timestamp(now)).is_err() && record.is_from_home(&told));
}

#[test]
fn to_forget_the_home_absolves_no_key() {
    let logs = LAB.good_logs();
    let now = beginning();
    let rogue = issue(&step_of(365), now, &THIEF, Scts::From(&logs));
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    for visits_home in [false, true] {
        let mut record = record(KeyHabit::Keeps);
        record.accept(rogue.leaf(), Origin::Seen, timestamp(now));
        hear(&mut record, &home, now);
        if visits_home {
            visit(&world_at(now), &mut record, home.clone(), now);
        }
        record.forget_home();
        let (report, _) = visit(&world_at(now), &mut record, rogue.clone(), now);
        let wanted = match visits_home {
            true => (Code::PinNewKey, None, Verdict::Danger),
            false => (Code::PinFirstSight, None, Verdict::Attention),
        };
        assert_eq!(said(&report), wanted);
    }
}

#[test]
fn a_file_introduces_no_home() {
    let logs = LAB.good_logs();
    let now = beginning();
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let address = HOST.parse().unwrap();
    let mut theirs = Pins::default();
    hear(theirs.site_mut(&address), &home, now);
    for mut own in [Pins::default(), {
        let mut own = Pins::default();
        let mine = told(Some(cloud(&home)), Some(AccountId::of(b"mine")));
        own.site_mut(&address).hear(&mine, timestamp(now - Duration::days(1))).unwrap();
        own
    }] {
        let known = own.site(&address).and_then(|site| site.home_account);
        own.merge(theirs.clone());
        let site = own.site(&address).unwrap();
        assert_eq!(site.home_account, known);
        assert_eq!(site.home.as_ref().unwrap().last_told, timestamp(now), "its word counts");
    }
}

#[test]
fn what_was_taken_away_or_forgotten_does_not_come_back_by_itself() {
    let logs = LAB.good_logs();
    let now = beginning();
    let home = issue(&step_of(90), now, &KEYS[0], Scts::From(&logs));
    let mut record = record(KeyHabit::Keeps);
    hear(&mut record, &home, now);
    visit(&world_at(now), &mut record, home.clone(), now);
    assert!(record.unpin(home.leaf().spki_sha256(), timestamp(now)));
    let (report, _) = visit(&world_at(now), &mut record, home.clone(), now);
    assert_eq!(said(&report), (Code::PinFirstSight, None, Verdict::Attention));
    hear(&mut record, &home, now);
    let (report, _) = visit(&world_at(now), &mut record, home.clone(), now);
    assert_eq!(report.verdict, Verdict::Trusted, "told again");
    record.forget_home();
    let (report, _) = visit(&world_at(now), &mut record, home, now);
    assert_eq!(said(&report), (Code::PinSameKey, None, Verdict::Trusted));
}

/// What a record looked like before homes were asked is read as ever, and written without a trace
/// of it.
#[test]
fn records_without_a_word_are_as_before() {
    let mut record = record(KeyHabit::Keeps);
    let json = serde_json::to_string(&record).unwrap();
    assert!(!json.contains("home\":"));
    assert_eq!(serde_json::from_str::<SiteRecord>(&json).unwrap(), record);
    let logs = LAB.good_logs();
    let chain = issue(&step_of(90), beginning(), &KEYS[0], Scts::From(&logs));
    hear(&mut record, &chain, beginning());
    let json = serde_json::to_string(&record).unwrap();
    assert!(!json.to_lowercase().contains("token"));
    assert_eq!(serde_json::from_str::<SiteRecord>(&json).unwrap(), record);
}
