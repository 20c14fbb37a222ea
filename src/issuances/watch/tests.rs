use std::collections::BTreeMap;

use super::*;
use crate::fetch::FetchError;
use crate::issuances::issuance::{Entry, Revoked};
use crate::issuances::monitor::samples::{HOST, WISH, Wish, World, days, now};
use crate::issuances::monitor::{Look, MonitorError};
use crate::site::Origin;
use crate::verdict::evidence::{Check, Outcome};
use crate::verdict::{REQUIRED, Verdict, verdict};
use crate::x509::certificate::Certificate;

const HOUR: Duration = Duration::from_secs(3600);

fn issuance(certificate: &Certificate) -> Issuance {
    let entry = Entry { monitor: Monitor::CertSpotter, id: "1".into() };
    Issuance::of(certificate, HOST, entry).unwrap()
}

fn found(issuances: &[Issuance]) -> Found {
    Found {
        looks: vec![(Monitor::CertSpotter, None), (Monitor::CrtSh, None)],
        issuances: issuances.to_vec(),
    }
}

fn look(monitor: Monitor, entries: Vec<Issuance>) -> Look {
    Look { monitor, entries, flaw: None }
}

fn failed(error: FetchError) -> Found {
    Found {
        looks: vec![(Monitor::CertSpotter, Some(MonitorError::Fetch(error)))],
        issuances: vec![],
    }
}

fn unreachable() -> Found {
    failed(FetchError::Unreachable { url: String::new() })
}

/// A site with one key, a certificate of it, one with another key, and a watch that began ten days
/// ago.
fn setting() -> (World, SiteRecord, Issuance, Issuance, WatchRecord) {
    let world = World::new("Lab Trust");
    let own = world.issue(WISH);
    let other = issuance(&world.issue(Wish { key: 1, serial: 1 << 99, from: -1, ..WISH }));
    let mut site = SiteRecord::new(HOST.parse().unwrap());
    site.accept(&own, Origin::Home, days(-10));
    let record = WatchRecord::new(HOST.parse().unwrap(), days(-10));
    (world, site, issuance(&own), other, record)
}

fn ids(alarms: &[Alarm]) -> Vec<&str> {
    alarms.iter().map(|alarm| alarm.id.as_str()).collect()
}

fn codes(record: &WatchRecord, at: Timestamp) -> Vec<Code> {
    record.evidence(&Monitor::ALL, at).iter().map(|one| one.code).collect()
}

/// Done-when 3, as far as the core goes: the worker is killed after every step in turn, and each
/// notification is shown under its name.
#[test]
fn killed_between_any_two_steps_an_alarm_is_told_once_and_never_lost() {
    let (_, site, own, other, fresh) = setting();
    let looked = found(&[own, other.clone()]);
    // In each life the worker gets so many steps done; the storage outlives it.
    for lives in [
        vec![0, 1, 2, 3, 9],
        vec![1, 1, 1, 9],
        vec![2, 2, 9],
        vec![3, 9],
        vec![9, 9],
        vec![0, 2, 1, 9, 9],
    ] {
        let mut storage = fresh.to_json();
        let mut notifications: BTreeMap<String, u32> = BTreeMap::new();
        for steps in &lives {
            let mut record = WatchRecord::from_json(storage.as_bytes()).unwrap();
            let alarms = record.take_in(&looked, &site, now());
            if *steps < 1 {
                continue;
            }
            storage = record.to_json();
            for alarm in &alarms {
                if *steps < 2 {
                    continue;
                }
                *notifications.entry(alarm.id.clone()).or_default() += 1;
                if *steps < 3 {
                    continue;
                }
                assert!(record.told(&alarm.id, now()));
                storage = record.to_json();
            }
        }
        assert_eq!(notifications.keys().collect::<Vec<_>>(), [&other.id()], "{lives:?}");
        let record = WatchRecord::from_json(storage.as_bytes()).unwrap();
        assert_eq!(record.due_alarms(), [], "{lives:?}");
    }
}

#[test]
fn one_alarm_for_one_issuance_from_whichever_source_it_comes_next() {
    let (world, site, own, other, mut record) = setting();
    let alarms = record.take_in(&found(&[own.clone(), other.clone()]), &site, now());
    assert_eq!(ids(&alarms), [other.id()]);
    assert_eq!(
        record.take_in(&found(&[own.clone(), other.clone()]), &site, now()),
        alarms,
        "until it is told"
    );
    assert!(record.told(&other.id(), now()));
    let words = Issuance {
        is_read: false,
        serials: BTreeSet::new(),
        certificates: BTreeSet::new(),
        ..other.clone()
    };
    let row = Issuance {
        spki_sha256: None,
        is_read: false,
        tbs_sha256: BTreeSet::new(),
        ..other.clone()
    };
    for again in [other.clone(), words, row] {
        assert_eq!(record.take_in(&found(&[again]), &site, days(1)), []);
        assert_eq!(record.issuances.len(), 2);
    }
    // Another certificate for that key is another alarm; a renewal with one's own is none.
    let more = issuance(&world.issue(Wish { key: 1, serial: 1 << 98, from: 0, ..WISH }));
    let renewal = issuance(&world.issue(Wish { serial: 1 << 97, from: 1, ..WISH }));
    assert_eq!(ids(&record.take_in(&found(&[more.clone(), renewal]), &site, days(1))), [more.id()]);
    // What was open, and then turned out to be another's.
    let late = issuance(&world.issue(Wish { key: 2, serial: 1 << 96, from: 1, ..WISH }));
    let open =
        Issuance { spki_sha256: None, is_read: false, tbs_sha256: BTreeSet::new(), ..late.clone() };
    let before = record.take_in(&found(&[open]), &site, days(2)).len();
    let alarms = record.take_in(&found(std::slice::from_ref(&late)), &site, days(3));
    assert_eq!((before, alarms.len()), (1, 2));
    let known = record.issuances.iter().find(|known| known.id() == late.id()).unwrap();
    assert_eq!((known.first_seen, known.last_seen), (days(2), days(3)));
}

#[test]
fn acknowledged_stays_acknowledged() {
    let (_, site, own, other, mut record) = setting();
    let both = found(&[own, other.clone()]);
    record.take_in(&both, &site, now());
    assert_eq!(codes(&record, now()), [Code::IssuancesUnknown]);
    assert!(record.acknowledge(&other.id(), now()) && !record.acknowledge("key-0", now()));
    let mut record = WatchRecord::from_json(record.to_json().as_bytes()).unwrap();
    assert_eq!(record.take_in(&both, &site, days(1)), []);
    assert_eq!(codes(&record, days(1)), [Code::IssuancesAcknowledged]);
    assert!(record.unacknowledge(&other.id()));
    assert_eq!(record.take_in(&both, &site, days(1)).len(), 1);
}

/// A home that changes its key: the alarm goes once its owner accepts the new key.
#[test]
fn an_accepted_key_ends_the_alarm() {
    let (world, mut site, own, other, mut record) = setting();
    record.take_in(&found(&[own, other.clone()]), &site, now());
    site.accept(
        &world.issue(Wish { key: 1, serial: 1 << 99, from: -1, ..WISH }),
        Origin::Home,
        now(),
    );
    record.reclassify(&site);
    assert_eq!(
        (record.due_alarms(), codes(&record, now())),
        (vec![], vec![Code::IssuancesAllYours])
    );
    // Taken back later, it is told after all.
    site.unpin(other.spki_sha256.unwrap(), now());
    site.seen.clear();
    record.reclassify(&site);
    assert_eq!(ids(&record.due_alarms()), [other.id()]);
}

#[test]
fn history_is_no_alarm_and_what_came_and_went_is_told_once() {
    let (world, site, own, ..) = setting();
    let mut revoked = issuance(&world.issue(Wish { key: 1, serial: 1 << 90, from: -50, ..WISH }));
    revoked.revoked = Some(Revoked { at: Some(days(-20)) });
    let expired =
        issuance(&world.issue(Wish { key: 1, serial: 1 << 91, from: -50, to: -30, ..WISH }));
    let undated = Issuance {
        revoked: Some(Revoked { at: None }),
        ..issuance(&world.issue(Wish { key: 2, ..WISH }))
    };
    let mut record = WatchRecord::new(HOST.parse().unwrap(), now());
    let looked = found(&[own, revoked, expired, undated]);
    assert_eq!(record.take_in(&looked, &site, now()), []);
    assert_eq!(codes(&record, now()), [Code::IssuancesAllYours]);
    // Issued and gone between two audits: expired, or revoked by the thief himself.
    let brief = issuance(&world.issue(Wish { key: 1, serial: 1 << 92, from: 1, to: 3, ..WISH }));
    let mut hidden =
        issuance(&world.issue(Wish { key: 1, serial: 1 << 93, from: 2, to: 90, ..WISH }));
    hidden.revoked = Some(Revoked { at: None });
    let alarms = record.take_in(&found(&[brief.clone(), hidden.clone()]), &site, days(5));
    let (told, expected): (BTreeSet<_>, BTreeSet<_>) =
        (alarms.iter().map(|one| one.id.clone()).collect(), [brief.id(), hidden.id()].into());
    assert_eq!(told, expected);
    for id in &told {
        record.told(id, days(5));
    }
    assert_eq!(record.take_in(&found(&[brief, hidden]), &site, days(6)), []);
    assert_eq!(codes(&record, days(6)), [Code::IssuancesAllYours]);
}

/// A monitor that lies calls revoked what it cannot hide, because the other shows it.
#[test]
fn what_is_called_revoked_is_told_once_all_the_same() {
    let (_, site, own, other, fresh) = setting();
    let crt_sh = Entry { monitor: Monitor::CrtSh, id: "2".into() };
    let shown = Issuance { entries: BTreeSet::from([crt_sh]), ..other.clone() };
    for at in [None, Some(days(-400)), Some(days(-11)), Some(days(-1))] {
        let called = Issuance { revoked: Some(Revoked { at }), ..other.clone() };
        // By both, at first sight or later.
        let both = Found::new(vec![
            look(Monitor::CertSpotter, vec![own.clone(), called.clone()]),
            look(Monitor::CrtSh, vec![shown.clone()]),
        ]);
        for mut record in [fresh.clone(), WatchRecord::new(HOST.parse().unwrap(), now())] {
            assert_eq!(ids(&record.take_in(&both, &site, now())), [other.id()], "{at:?}");
            assert!(codes(&record, now()).contains(&Code::IssuancesUnknown), "{at:?}");
            record.told(&other.id(), now());
            assert_eq!(record.take_in(&both, &site, days(1)), []);
        }
        // By the one alone, after the watch began.
        let mut record = fresh.clone();
        let alone = found(&[own.clone(), called]);
        assert_eq!(ids(&record.take_in(&alone, &site, now())), [other.id()], "{at:?}");
        record.told(&other.id(), now());
        assert_eq!(record.take_in(&alone, &site, days(1)), []);
    }
}

#[test]
fn a_failed_look_loses_nothing() {
    let (_, site, own, other, mut record) = setting();
    record.take_in(&found(&[own, other]), &site, now());
    let before = record.issuances.clone();
    let alarms = record.due_alarms();
    assert_eq!(record.take_in(&unreachable(), &site, days(1)), alarms);
    assert_eq!(record.issuances, before);
    let looks = &record.looks[0];
    assert_eq!(
        (looks.failures, looks.last_whole, looks.reason.as_deref()),
        (1, Some(now()), Some("unreachable"))
    );
}

#[test]
fn the_next_look_is_due_in_a_day_and_sooner_after_a_failure() {
    let (_, site, own, _, mut record) = setting();
    let due =
        |record: &WatchRecord, at: Timestamp, seed| record.next_due(Monitor::CertSpotter, at, seed);
    assert_eq!(due(&record, now(), 1), now(), "never looked");
    record.take_in(&found(&[own]), &site, now());
    let mut times = BTreeSet::new();
    for seed in 0..100 {
        let at = due(&record, now(), seed);
        assert!(at > days(1).minus(JITTER) && at <= days(1), "{at}");
        assert_eq!(at, due(&record, now().plus(HOUR), seed), "asked again, it is the same");
        times.insert(at);
    }
    assert!(times.len() > 90, "spread");
    assert_eq!(record.due(&Monitor::ALL, now(), 1), []);
    assert_eq!(record.due(&Monitor::ALL, days(1), 1), Monitor::ALL);
    // A clock that was set back by a year, and one that jumped ahead.
    assert_eq!(due(&record, days(-365), 1), days(-365));
    assert!(due(&record, days(365), 1) < days(365));
    // A little back is forgiven, and the wait is never longer than a day from now.
    assert!(due(&record, now().minus(HOUR), 1) <= now().minus(HOUR).plus(DAY));
    // One hour, two, four, up to a day.
    let mut at = now();
    for hours in [1, 2, 4, 8, 16, 24, 24, 24] {
        record.take_in(&unreachable(), &site, at);
        let next = due(&record, at, 7);
        let wait = HOUR * hours;
        assert!(
            next <= at.plus(wait) && next >= at.plus(wait * 5 / 6),
            "{hours}: {:?}",
            next.since(at)
        );
        at = next;
    }
    for looks in &mut record.looks {
        looks.failures = u32::MAX;
    }
    assert!(due(&record, at, 7) <= at.plus(DAY));
    // As long as the monitor asks for.
    record.looks.clear();
    let busy = FetchError::RateLimited { url: String::new(), retry_after: Some(HOUR * 5) };
    record.take_in(&failed(busy), &site, now());
    assert_eq!(due(&record, now(), 7), now().plus(HOUR * 5));
    record.take_in(&found(&[]), &site, days(1));
    assert_eq!((record.looks[0].failures, record.looks[0].wait), (0, None));
}

/// The table of [`WatchRecord::evidence`].
#[test]
fn what_the_watch_has_to_say() {
    let (world, site, own, other, fresh) = setting();
    let monitors = Monitor::ALL;
    assert_eq!(codes(&fresh, now()), [Code::IssuancesNotChecked]);
    let reason = |record: &WatchRecord| record.evidence(&[], now())[0].detail["reason"].clone();
    assert_eq!(reason(&fresh), "no monitor is asked");
    let after = |found: &Found| {
        let mut record = fresh.clone();
        record.take_in(found, &site, now());
        record
    };
    let good = after(&found(std::slice::from_ref(&own)));
    assert_eq!(codes(&good, now()), [Code::IssuancesAllYours]);
    assert_eq!(codes(&good, days(3)), [Code::IssuancesAllYours]);
    assert_eq!(codes(&good, days(4)), [Code::IssuancesStale]);
    assert_eq!(codes(&good, days(-2)), [Code::IssuancesStale], "a look of the day after tomorrow");
    assert_eq!(codes(&after(&found(&[])), now()), [Code::IssuancesNoneFound]);
    let open = Issuance { spki_sha256: None, is_read: false, ..other.clone() };
    assert_eq!(codes(&after(&found(&[own.clone(), open])), now()), [Code::IssuancesOpen]);
    assert_eq!(codes(&after(&unreachable()), now()), [Code::IssuancesNotChecked]);
    let unknown = after(&found(&[own.clone(), other.clone()]));
    assert_eq!(codes(&unknown, days(4)), [Code::IssuancesUnknown, Code::IssuancesStale]);
    let detail = &unknown.evidence(&monitors, now())[0].detail["issuances"][0];
    assert_eq!((&detail["id"], &detail["caa"]), (&json!(other.id()), &Value::Null));
    assert_eq!(detail["report_to"], authority::REPORTING_LIST);
    // One of two monitors is not enough, also where the other is whole: whoever is cut off may be
    // the one that knew.
    for (error, code) in [
        (
            MonitorError::EntriesSkipped { monitor: Monitor::CrtSh, count: 1 },
            Code::IssuancesIncomplete,
        ),
        (
            MonitorError::NotBelieved { monitor: Monitor::CrtSh, count: 1 },
            Code::IssuancesIncomplete,
        ),
        (MonitorError::TooMany { monitor: Monitor::CrtSh }, Code::IssuancesIncomplete),
        (MonitorError::NotJson { monitor: Monitor::CrtSh }, Code::IssuancesNotChecked),
    ] {
        let looks = vec![(Monitor::CertSpotter, None), (Monitor::CrtSh, Some(error))];
        let record = after(&Found { looks, issuances: vec![own.clone()] });
        assert_eq!(codes(&record, now()), [code]);
        assert_eq!(
            record.evidence(&[Monitor::CertSpotter], now())[0].code,
            Code::IssuancesAllYours,
            "turned off"
        );
    }
    // A look in part after a whole one, and no answer after a whole one.
    let mut record = good.clone();
    let skipped = MonitorError::EntriesSkipped { monitor: Monitor::CrtSh, count: 1 };
    record.take_in(
        &Found { looks: vec![(Monitor::CrtSh, Some(skipped))], issuances: vec![] },
        &site,
        now(),
    );
    assert_eq!(codes(&record, now()), [Code::IssuancesIncomplete]);
    record.take_in(&found(&[]), &site, now());
    record.take_in(&unreachable(), &site, days(1));
    assert_eq!(codes(&record, days(1)), [Code::IssuancesAllYours]);
    // Never danger, and green only where nothing is wrong and nothing open, if it is asked for.
    let base: Vec<_> = [Code::CertificateRead, Code::PinSameKey].map(Evidence::new).into();
    let mut required = vec![Check::Certificate, Check::Pin, Check::Issuances];
    let light = |record: &WatchRecord, at, required: &[Check]| {
        let evidence: Vec<_> = base.iter().cloned().chain(record.evidence(&monitors, at)).collect();
        assert!(evidence.iter().all(|one| one.outcome != Outcome::Fail));
        verdict(&evidence, required)
    };
    assert_eq!(light(&good, now(), &required), Verdict::Trusted);
    assert_eq!(light(&good, days(4), &required), Verdict::Unchecked);
    assert_eq!(light(&unknown, now(), &required), Verdict::Attention);
    assert_eq!(light(&after(&unreachable()), now(), &required), Verdict::Unchecked);
    required.pop();
    assert_eq!(light(&after(&unreachable()), now(), &required), Verdict::Trusted, "not asked for");
    assert!(!REQUIRED.contains(&Check::Issuances));
    drop(world);
}

#[test]
fn merging_is_one_in_either_order_and_any_number_of_times() {
    let (world, site, own, other, fresh) = setting();
    let third = issuance(&world.issue(Wish { key: 2, serial: 1 << 95, ..WISH }));
    let mut a = fresh.clone();
    a.take_in(&found(&[own.clone(), other.clone()]), &site, now());
    a.told(&other.id(), now());
    let mut b = WatchRecord::new(HOST.parse().unwrap(), days(-3));
    b.take_in(&found(&[other.clone(), third.clone()]), &site, days(1));
    b.acknowledge(&other.id(), days(1));
    b.take_in(&unreachable(), &site, days(2));
    let merge = |one: &WatchRecord, two: &WatchRecord| {
        let mut merged = one.clone();
        merged.merge(two.clone(), &site, days(2));
        merged
    };
    let ab = merge(&a, &b);
    assert_eq!(merge(&b, &a), ab);
    assert_eq!(merge(&ab, &b), ab);
    assert_eq!(merge(&a, &a), a);
    assert_eq!(ids(&ab.due_alarms()), [third.id()]);
    let known = ab.issuances.iter().find(|known| known.id() == other.id()).unwrap();
    assert_eq!((known.told, known.acknowledged), (Some(now()), Some(days(1))));
    assert_eq!(
        (ab.since, ab.looks[0].last, ab.looks[0].last_whole),
        (days(-10), days(2), Some(days(1)))
    );
}

#[test]
fn what_is_no_record_is_never_taken_for_an_empty_one() {
    let (_, site, own, other, mut record) = setting();
    record.take_in(&found(&[own, other]), &site, now());
    record.take_in(
        &failed(FetchError::RateLimited { url: String::new(), retry_after: Some(HOUR) }),
        &site,
        now(),
    );
    assert_eq!(WatchRecord::from_json(record.to_json().as_bytes()).as_ref(), Ok(&record));
    let newer = record.to_json().replacen("\"version\":1", "\"version\":2", 1);
    let known = serde_json::to_string(&record.issuances[0]).unwrap();
    let flood = format!("\"issuances\":[{}", format!("{known},").repeat(MAX_ISSUANCES));
    for (json, code) in [
        (String::new(), "watch-malformed"),
        ("{}".into(), "watch-malformed"),
        ("{\"version\":1}".into(), "watch-malformed"),
        (newer, "watch-newer-version"),
        (" ".repeat(MAX_RECORD + 1), "watch-too-large"),
        (record.to_json().replacen("\"issuances\":[", &flood, 1), "watch-too-many"),
    ] {
        assert_eq!(WatchRecord::from_json(json.as_bytes()).unwrap_err().code(), code);
    }
    let evil = record.to_json().replace("Lab Trust", "\\u202e<b>\\u001b");
    let read = WatchRecord::from_json(evil.as_bytes()).unwrap();
    for known in &read.issuances {
        assert!(!known.issuance.issuer.name.contains(['\u{202e}', '\u{1b}']));
    }
}

#[test]
fn alarms_are_the_last_to_go() {
    let (_, site, own, other, mut record) = setting();
    let shifted = |of: &Issuance, n: usize| Issuance {
        not_before: of.not_before.minus(Duration::from_secs(u64::try_from(n).unwrap() + 1)),
        ..of.clone()
    };
    let yours: Vec<_> = (0..MAX_ISSUANCES + 500).map(|n| shifted(&own, n)).collect();
    let mut all = yours.clone();
    let oldest = shifted(&other, 90 * 86_400);
    all.push(oldest.clone());
    assert_eq!(ids(&record.take_in(&found(&all), &site, now())), [oldest.id()]);
    assert!(record.issuances.len() > 500 && record.to_json().len() < MAX_KEPT + 1000);
    assert!(record.told(&oldest.id(), now()));
    assert_eq!(record.take_in(&found(&yours), &site, days(1)), []);
    assert!(record.issuances.iter().any(|known| known.id() == oldest.id()));
    assert_eq!(record.told_until, None, "only one's own had to go");
}
