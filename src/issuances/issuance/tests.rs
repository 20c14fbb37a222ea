use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::issuances::monitor::samples::{HOST, WISH, Wish, World, days, now};
use crate::site::{MAX_PINS, Origin};
use crate::x509::certificate::Certificate;
use crate::x509::fingerprint::Fingerprint;
use crate::x509::serial::InvalidSerial;

fn entry(monitor: Monitor, id: u64) -> Entry {
    Entry { monitor, id: id.to_string() }
}

fn read(certificate: &Certificate) -> Issuance {
    Issuance::of(certificate, HOST, entry(Monitor::CertSpotter, 1)).unwrap()
}

/// What crt.sh says of it.
fn without_key(certificate: &Certificate) -> Issuance {
    Issuance {
        spki_sha256: None,
        is_read: false,
        tbs_sha256: BTreeSet::new(),
        certificates: BTreeSet::new(),
        entries: BTreeSet::from([entry(Monitor::CrtSh, 2)]),
        ..read(certificate)
    }
}

/// What Cert Spotter says of it without the certificate.
fn in_words(certificate: &Certificate) -> Issuance {
    Issuance {
        is_read: false,
        serials: BTreeSet::new(),
        certificates: BTreeSet::new(),
        entries: BTreeSet::from([entry(Monitor::CertSpotter, 3)]),
        ..read(certificate)
    }
}

#[test]
fn a_serial_number_has_one_form() {
    for (text, form) in [
        ("086cb1fa40c81e2512eacf2ea9444e53", "86cb1fa40c81e2512eacf2ea9444e53"),
        ("00F3", "f3"),
        ("f3", "f3"),
        ("0f3", "f3"),
        ("01", "1"),
        ("00", ""),
    ] {
        let serial: Serial = text.parse().unwrap();
        assert_eq!(serial.as_str(), form, "{text}");
        assert_eq!(
            serde_json::from_str::<Serial>(&serde_json::to_string(&serial).unwrap()).unwrap(),
            serial
        );
    }
    for bad in ["", "-1", "0x1", "f3 ", "g", "é", &"1".repeat(65)] {
        assert_eq!(bad.parse::<Serial>(), Err(InvalidSerial), "{bad}");
    }
}

#[test]
fn one_issuer_however_it_is_written() {
    let written = [
        "C=US, O=DigiCert, Inc., CN=DigiCert TLS CA1",
        "C=US, O=\"DigiCert, Inc.\", CN=DigiCert TLS CA1",
        "CN=DigiCert TLS CA1,O=DigiCert\\, Inc.,C=US",
        "C = US, O = \"DigiCert, Inc.\", CN = DigiCert TLS CA1",
        "C=US+O=\"DigiCert, Inc.\",CN=DigiCert TLS CA1",
    ];
    for name in written {
        let issuer = Issuer::read(name);
        assert_eq!(issuer.organisation.as_deref(), Some("DigiCert, Inc."), "{name}");
        assert_eq!(issuer.normal(), Issuer::read(written[0]).normal(), "{name}");
    }
    for other in [
        "C=US, O=DigiCert, Inc, CN=DigiCert TLS CA1",
        "",
        "=",
        ",,,",
        "\"",
        "\\",
        "O=a, O=b",
        "no parts",
    ] {
        let issuer = Issuer::read(other);
        assert_ne!(issuer.normal(), Issuer::read(written[0]).normal(), "{other}");
        assert_ne!(issuer.organisation.as_deref(), Some("DigiCert, Inc."), "{other}");
    }
    let world = World::new("Lab, \"Trust\"; Inc.");
    let certificate = world.issue(WISH);
    let of = Issuer::of(&certificate);
    assert_eq!(Issuer::read(&certificate.issuer()).normal(), of.normal());
    assert_eq!(of.organisation.as_deref(), Some("Lab, \"Trust\"; Inc."));
}

#[test]
fn names_are_for_the_host_or_for_another() {
    for (name, is_for_host) in [
        ("home.lab.example", true),
        ("HOME.lab.example.", true),
        ("*.lab.example", true),
        ("*.LAB.example", true),
        ("*.example", false),
        ("*.home.lab.example", false),
        ("*", false),
        ("*.", false),
        ("x.home.lab.example", false),
        ("lab.example", false),
        ("h*.lab.example", false),
        ("home.lab.example\u{200b}", false),
        ("", false),
    ] {
        assert_eq!(covering(name, HOST).is_some(), is_for_host, "{name}");
    }
}

/// The table of [`classify`], row by row.
#[test]
fn whose_it_is() {
    let world = World::new("Lab Trust");
    let rival = World::new("Other Trust");
    let own = world.issue(WISH);
    let renewal = world.issue(Wish { serial: 1 << 98, from: 60, to: 150, ..WISH });
    let other = world.issue(Wish { key: 1, serial: 1 << 97, ..WISH });
    let when_due = world.issue(Wish { key: 1, serial: 1 << 96, from: 60, to: 150, ..WISH });
    let rival_when_due = rival.issue(Wish { key: 1, serial: 1 << 95, from: 60, to: 150, ..WISH });
    let future = world.issue(Wish { key: 2, serial: 1 << 94, ..WISH });
    let twin = world.issue(Wish { key: 1, ..WISH });

    let mut site = SiteRecord::new(HOST.parse().unwrap());
    assert_eq!(site.key_habit, KeyHabit::Rotates);
    assert_eq!(classify(&read(&other), &site), Class::Open, "nothing is pinned");
    assert_eq!(classify(&without_key(&other), &site), Class::Open, "nothing is known at all");

    site.accept(&own, Origin::Seen, now());
    assert_eq!(classify(&read(&own), &site), Class::Yours);
    assert_eq!(classify(&read(&renewal), &site), Class::Yours, "a renewal with the pinned key");
    assert_eq!(classify(&in_words(&renewal), &site), Class::Yours);
    assert_eq!(classify(&without_key(&own), &site), Class::YoursByHistory);
    assert_eq!(classify(&read(&other), &site), Class::Unknown, "the same CA, another key: A5");
    assert_eq!(classify(&in_words(&other), &site), Class::Unknown);
    assert_eq!(classify(&read(&when_due), &site), Class::Unknown, "A5 waits for the right moment");
    assert!(may_be_renewal(&read(&when_due), &site) && !may_be_renewal(&read(&other), &site));
    assert!(!may_be_renewal(&read(&rival_when_due), &site));
    assert_eq!(classify(&without_key(&when_due), &site), Class::ExpectedRenewal);
    assert_eq!(classify(&without_key(&rival_when_due), &site), Class::Open);
    assert_eq!(classify(&without_key(&other), &site), Class::Open, "nothing was due");
    assert_eq!(
        classify(&read(&twin), &site),
        Class::Unknown,
        "the number of one's own, with another key"
    );

    // A key that is pinned before it is used.
    assert_eq!(classify(&read(&future), &site), Class::Unknown);
    site.pin(future.spki_sha256(), Origin::Entered, now());
    assert_eq!(classify(&read(&future), &site), Class::Yours);

    // Accepted once, its pin taken away since.
    site.unpin(own.spki_sha256(), now());
    assert_eq!(classify(&read(&own), &site), Class::YoursByHistory, "by its fingerprint");
    let precertificate = world.issue(Wish { is_precertificate: true, ..WISH });
    assert_eq!(
        classify(&read(&precertificate), &site),
        Class::YoursByHistory,
        "by its serial number"
    );
    assert_eq!(
        classify(&read(&renewal), &site),
        Class::Unknown,
        "a new one with that key is not accepted"
    );

    // A key in doubt is nobody's.
    let mut site = SiteRecord::new(HOST.parse().unwrap());
    site.accept(&own, Origin::Seen, now());
    site.enter(Fingerprint::Sha256(other.sha256()), now());
    assert_eq!(classify(&read(&own), &site), Class::Open);
    site.pin(future.spki_sha256(), Origin::Home, now());
    assert_eq!(classify(&read(&own), &site), Class::Unknown);
    assert!(site.pins.len() < MAX_PINS);

    // Keeps its key: nothing looks like a renewal there.
    let mut site = SiteRecord::new("abc.ui.nabu.casa".parse().unwrap());
    site.accept(&own, Origin::Seen, now());
    assert!(!may_be_renewal(&read(&when_due), &site));
}

#[test]
fn what_has_ended_has_ended() {
    let world = World::new("Lab Trust");
    let mut one = read(&world.issue(WISH));
    assert!(!one.has_ended(now()) && one.has_ended(days(81)) && !one.has_ended(one.not_after));
    one.revoked = Some(Revoked { at: Some(days(3)) });
    assert!(!one.has_ended(now()) && one.has_ended(days(3)));
    one.revoked = Some(Revoked { at: None });
    assert!(one.has_ended(now()));
}

/// Cert Spotter says that it was revoked; crt.sh, which tells nothing of that, shows it too.
#[test]
fn one_monitor_does_not_end_what_another_shows() {
    let world = World::new("Lab Trust");
    let certificate = world.issue(WISH);
    let revoked = |at, id| Issuance {
        revoked: Some(Revoked { at }),
        entries: BTreeSet::from([entry(Monitor::CertSpotter, id)]),
        ..read(&certificate)
    };
    for at in [None, Some(days(-1))] {
        // However much it says of it.
        let mut all: Vec<_> = (0..20).map(|id| revoked(at, id)).collect();
        assert!(
            join(all.clone()).issuances[0].has_ended(now()),
            "alone, it could as well have kept silent"
        );
        all.insert(7, without_key(&certificate));
        let joined = join(all).issuances;
        let [one] = joined.as_slice() else { panic!("{joined:?}") };
        assert!(
            one.revoked.is_some() && one.revocation().is_none() && !one.has_ended(now()),
            "{at:?}"
        );
        assert_eq!(one.entries.len(), MAX_PARTS + 1);
    }
    let before_it_was =
        revoked(Some(read(&certificate).not_before.minus(Duration::from_secs(1))), 1);
    assert!(!before_it_was.has_ended(now()));
}

#[test]
fn the_name_of_an_issuance_does_not_hang_on_its_source() {
    let world = World::new("Lab Trust");
    let (own, precertificate) =
        (world.issue(WISH), world.issue(Wish { is_precertificate: true, ..WISH }));
    let id = read(&own).id();
    assert!(id.len() == 36 && id.starts_with("key-"));
    assert_eq!(in_words(&own).id(), id);
    assert_eq!(read(&precertificate).id(), id);
    assert!(without_key(&own).id().starts_with("serial-"));
    assert_ne!(read(&world.issue(Wish { from: -9, ..WISH })).id(), id);
}

/// A monitor's words go where the certificate with their TBS hash is, and put nothing beside what
/// that says of itself.
#[test]
fn words_add_nothing_to_a_certificate() {
    let world = World::new("Lab Trust");
    let (own, other) = (world.issue(WISH), world.issue(Wish { key: 1, serial: 1 << 99, ..WISH }));
    let mut words = in_words(&own);
    words.tbs_sha256.extend(in_words(&other).tbs_sha256);
    words.spki_sha256 = Some(other.spki_sha256());
    let joined = join([words, read(&own)]);
    assert_eq!((joined.issuances.len(), joined.contradictions), (1, 1));
    assert_eq!(joined.issuances[0].tbs_sha256, read(&own).tbs_sha256);
    assert_eq!(joined.issuances[0].spki_sha256, Some(own.spki_sha256()));
    assert_eq!(joined.issuances[0].entries.len(), 2);
}

#[test]
fn a_short_serial_number_is_not_enough() {
    let world = World::new("Lab Trust");
    let rival = World::new("Other Trust");
    let short = Wish { serial: 0x1001, ..WISH };
    let (own, other) = (world.issue(short), rival.issue(Wish { key: 1, ..short }));
    let joined = join([read(&own), without_key(&other), without_key(&own)]);
    assert_eq!(joined.issuances.len(), 2);
    assert_eq!((joined.places[0], joined.places[2]), (joined.places[2], joined.places[0]));
    // A long one is enough, however the issuer is written.
    let (own, other) = (world.issue(WISH), rival.issue(WISH));
    assert_eq!(join([read(&own), without_key(&other)]).issuances.len(), 1);
}

/// Certificates of one CA: keys, serial numbers and dates that meet often.
fn wishes() -> impl Strategy<Value = Vec<(usize, u128, i64, u8, u64)>> {
    let serial =
        prop_oneof![Just(5_u128), Just(1 << 100), Just((1 << 100) + 1), Just((1 << 100) + 2)];
    proptest::collection::vec((0..3_usize, serial, 0..2_i64, 0..4_u8, 0..3_u64), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any order, any split into looks, any repetition: the same issuances.
    #[test]
    fn joining_is_one_whatever_the_order(wishes in wishes(), split in 0..12_usize, turn in 0..12_usize) {
        use std::sync::LazyLock;
        static WORLD: LazyLock<World> = LazyLock::new(|| World::new("Lab Trust"));
        let all: Vec<Issuance> = wishes
            .iter()
            .map(|(key, serial, from, kind, id)| {
                let wish = Wish { key: *key, serial: *serial, from: *from, is_precertificate: *kind == 1, ..WISH };
                let certificate = WORLD.issue(wish);
                let mut one = match kind {
                    0 | 1 => read(&certificate),
                    2 => without_key(&certificate),
                    _ => in_words(&certificate),
                };
                one.entries = one.entries.iter().map(|known| entry(known.monitor, *id)).collect();
                one
            })
            .collect();
        // Whose an entry without a key is can be said in one way only, unless keys share a serial
        // number: then it goes to the one that is there.
        let mut keys: BTreeMap<SerialIdentity, BTreeSet<SpkiSha256>> = BTreeMap::new();
        for one in all.iter().filter(|one| one.is_read) {
            for serial in one.by_serial() {
                keys.entry(serial).or_default().extend(one.spki_sha256);
            }
        }
        let has_twins = keys.values().any(|keys| keys.len() > 1);
        let join = |entries: Vec<Issuance>| {
            let mut joined = join(entries);
            if has_twins {
                joined.issuances.iter_mut().for_each(|one| one.entries.clear());
            }
            joined
        };
        let whole = join(all.clone()).issuances;
        let again = join(whole.clone());
        prop_assert_eq!(&again.issuances, &whole);
        let mut turned = all.clone();
        turned.rotate_left(turn.min(all.len()));
        turned.reverse();
        prop_assert_eq!(&join(turned).issuances, &whole);
        let (first, second) = all.split_at(split.min(all.len()));
        let (first, second) = (join(first.to_vec()).issuances, join(second.to_vec()).issuances);
        prop_assert_eq!(&join(first.into_iter().chain(second).collect()).issuances, &whole);
        // Each once: no two with one name, each key with its dates once.
        let ids: BTreeSet<_> = whole.iter().map(Issuance::id).collect();
        prop_assert_eq!(ids.len(), whole.len());
        for place in join(all.clone()).places {
            prop_assert!(place.is_some_and(|place| place < whole.len()));
        }
        // What was issued with a key is there with this key.
        for one in all.iter().filter(|one| one.is_read) {
            prop_assert!(whole.iter().any(|known| known.spki_sha256 == one.spki_sha256 && known.not_before == one.not_before));
        }
    }
}
