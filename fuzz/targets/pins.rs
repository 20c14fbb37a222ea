//! An export of pins, from anywhere: what is read can be written, read again and merged, and always
//! tells the same of a certificate.
#![no_main]

use doorlight::site::pins::Pins;
use doorlight::site::{Continuity, Origin, Standing};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight_fuzz::{HOME, assert_safe_to_show};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let pins = match Pins::from_json(data) {
        Ok(pins) => pins,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
            return;
        }
    };
    check_round_trip(&pins);
    // A file made by hand may name a key twice or its history in any order. Merging tidies that
    // once, and never again.
    let mut merged = pins.clone();
    merged.merge(pins.clone());
    check_round_trip(&merged);
    for (before, after) in pins.sites().iter().zip(merged.sites()) {
        assert_eq!((&before.address, before.key_habit), (&after.address, after.key_habit));
        assert_eq!(before.pins.len(), after.pins.len());
        assert!(
            before
                .pins
                .iter()
                .zip(&after.pins)
                .all(|(a, b)| a.spki_sha256 == b.spki_sha256 && a.added == b.added)
        );
        assert_eq!(before.entered, after.entered);
        assert_eq!(before.seen.len(), after.seen.len());
        assert!(before.history.iter().all(|event| after.history.contains(event)));
        assert_eq!(before.history.len(), after.history.len());
    }
    let tidy = merged.clone();
    merged.merge(pins.clone());
    assert_eq!(merged, tidy, "merging once more");
    merged.merge(tidy.clone());
    assert_eq!(merged, tidy, "merging with itself");
    let mut imported = Pins::default();
    imported.merge(pins.clone());
    assert_eq!(imported, pins, "importing into nothing");

    let times = [0, 1_795_000_000, u64::MAX].map(Timestamp::from_secs);
    let mut changed = pins.clone();
    for site in pins.sites() {
        assert_eq!(pins.site(&site.address), Some(site));
        assert_safe_to_show(&site.address.to_string());
        let is_pinned = site.pins.iter().any(|pin| pin.spki_sha256 == HOME.spki_sha256());
        for at in times {
            for has_path in [false, true] {
                for is_logged in [None, Some(false), Some(true)] {
                    let standing = Standing { has_path, is_logged };
                    let continuity = site.continuity(&HOME, standing, at);
                    match continuity {
                        Continuity::SameKey => assert!(is_pinned),
                        Continuity::FirstSight => assert!(site.pins.is_empty() && site.entered.is_empty()),
                        Continuity::RenewalDue => {
                            assert!(
                                has_path && is_logged != Some(false) && !is_pinned && !site.seen.is_empty()
                            );
                        }
                        Continuity::Confirmed(one) => {
                            assert!(site.entered.iter().any(|entered| entered.fingerprint == one));
                        }
                        _ => {}
                    }
                    changed.site_mut(&site.address).remember(&HOME, continuity, Verdict::Trusted, at);
                }
            }
            let now = changed.site_mut(&site.address);
            now.accept(&HOME, Origin::Home, at);
            let standing = Standing { has_path: false, is_logged: Some(false) };
            assert_eq!(now.continuity(&HOME, standing, at), Continuity::SameKey);
            now.enter("a9993e364706816aba3e25717850c26c9cd0d89d".parse().unwrap(), at);
            now.unpin(HOME.spki_sha256(), at);
            assert_ne!(now.continuity(&HOME, standing, at), Continuity::SameKey);
        }
    }
    check_round_trip(&changed);
    // Whatever is imported, what was here can still be read.
    merged.merge(changed);
    check_round_trip(&merged);
});

#[track_caller]
fn check_round_trip(pins: &Pins) {
    let json = pins.to_json();
    assert_eq!(Pins::from_json(json.as_bytes()).as_ref(), Ok(pins));
}
