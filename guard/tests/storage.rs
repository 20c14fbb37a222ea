//! What version 0.1.0 has stored is taken over. `storage-0.1.0.json` is what the build of
//! 2026-11-23 had in its two storages after a check, an audit, a Danger and a check again.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

use core::time::Duration;

use doorlight::address::Address;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Evidence};
use doorlight::verdict::report::{Added, Report};
use doorlight_guard::home::TokenState;
use doorlight_guard::journal::Event;
use doorlight_guard::light::Light;
use doorlight_guard::session::{Session, Way};
use doorlight_guard::storage::{KEYS, Kept, written};
use serde_json::Value;

fn stored(area: &str) -> Value {
    serde_json::from_str::<Value>(include_str!("storage-0.1.0.json")).unwrap()[area].take()
}

#[test]
fn what_outlives_the_browser_is_taken_over() {
    let local = stored("local");
    let kept = Kept::read(&local);
    assert!(kept.unreadable.is_empty(), "{:?}", kept.unreadable);
    let pins = kept.pins.as_ref().unwrap();
    let [site] = pins.sites() else { panic!("{pins:?}") };
    let address: Address = "a1b2c3d4.ui.nabu.test:34741".parse().unwrap();
    assert_eq!(site.address, address);
    let key = "4fe581c8420812044a0c10b93600d6887aeaed5647e05687e579395e8fbd83da";
    assert_eq!(site.pins.iter().map(|pin| pin.spki_sha256.to_string()).collect::<Vec<_>>(), [key]);
    let settings = &kept.settings;
    assert!(
        settings.roots.contains("BEGIN CERTIFICATE") && settings.log_list.contains("Lab log Ash")
    );
    assert!(settings.consents[&address].logs && !settings.consents[&address].crt_sh);
    assert_eq!(settings.homes[&address].local, "http://127.0.0.1:45865");
    // New since, and so at its default.
    assert!(settings.unclean.is_empty());
    assert_eq!(kept.homes[&address].token, TokenState::Good);
    assert_eq!(kept.homes[&address].trouble.as_ref().unwrap().code, "home-permission-missing");
    assert!(kept.audits[&address].proof.is_some() && kept.audits[&address].due.is_some());
    let events: Vec<_> = kept.journal.iter().map(|entry| entry.what).collect();
    assert!(
        [Event::Imported, Event::Trusted, Event::Danger].iter().all(|one| events.contains(one)),
        "{events:?}"
    );
    assert_eq!(kept.intermediates.len(), 1);
    // Written again, each is the same value, with what is new since.
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (key, again) in [
        ("pins", pins.to_json()),
        ("audits", written(&kept.audits)),
        ("homes", written(&kept.homes)),
    ] {
        assert!(KEYS.contains(&key));
        assert_eq!(read(&again), read(local[key].as_str().unwrap()), "{key}");
    }
}

#[test]
fn the_session_goes_on_over_an_update() {
    let text = stored("session")["standings"].as_str().unwrap().to_owned();
    let session: Session = serde_json::from_str(&text).unwrap();
    let (address, state) = session.iter().next().unwrap();
    assert_eq!(state.report().unwrap().verdict, Verdict::Trusted);
    let (checked_at, end) = (state.checked_at.unwrap(), state.fresh_until.unwrap());
    assert_eq!((state.way(checked_at), state.light(checked_at)), (Way::Open, Light::Trusted));
    assert_eq!(state.way(checked_at.minus(Duration::from_secs(1))), Way::Shut);
    assert_eq!((state.way(end), state.light(end)), (Way::Shut, Light::Unchecked));
    assert!(session.open_at(checked_at, |_| true).contains(address));
    // Its report held what the audits had found; from now on that is kept beside it.
    let has = |report: &Report, check| report.evidence.iter().any(|one| one.check == check);
    let (whole, judged) = (state.report().unwrap(), state.judged().unwrap());
    for check in [Check::Inclusion, Check::Consistency, Check::Issuances] {
        assert!(has(whole, check) && !has(judged, check), "{check:?}");
    }
    assert!(judged.publication.is_empty() && !whole.publication.is_empty());
    assert_eq!(judged.evidence.len() + 3, whole.evidence.len());
    let again: Session = serde_json::from_str(&written(&session)).unwrap();
    assert_eq!(again, session);
    assert_eq!(again[address].way(checked_at), Way::Open);
}

/// One that was not green because the logs had not proven it yet does not become so.
#[test]
fn a_session_that_waits_for_proof_waits_on() {
    let text = stored("session")["standings"].as_str().unwrap().to_owned();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    let report = &mut value.as_object_mut().unwrap().values_mut().next().unwrap()["report"];
    report["evidence"].as_array_mut().unwrap().retain(|one| one["check"] != "inclusion");
    report["verdict"] = "unchecked".into();
    report["decided_by"] = Value::Array(Vec::new());
    let session: Session = serde_json::from_value(value).unwrap();
    let state = session.values().next().unwrap();
    let at = state.checked_at.unwrap();
    assert_eq!((state.way(at), state.light(at)), (Way::Shut, Light::Unchecked));
}

/// What had been added to a report of 0.1.0 decides no longer once it is not said any more.
#[test]
fn a_danger_of_an_update_before_heals() {
    let text = stored("session")["standings"].as_str().unwrap().to_owned();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    let report = &mut value.as_object_mut().unwrap().values_mut().next().unwrap()["report"];
    let blocked = Evidence::new(Code::HomeVersionBlocked);
    report["evidence"].as_array_mut().unwrap().push(serde_json::to_value(&blocked).unwrap());
    report["verdict"] = "danger".into();
    report["decided_by"] = serde_json::to_value([Code::HomeVersionBlocked]).unwrap();
    let mut session: Session = serde_json::from_value(value).unwrap();
    let (address, state) = session.iter().next().unwrap();
    let (address, at) = (address.clone(), state.checked_at.unwrap());
    assert_eq!((state.way(at), state.light(at)), (Way::Shut, Light::Danger));
    assert_eq!(state.judged().unwrap().verdict, Verdict::Trusted);
    assert_eq!(serde_json::from_str::<Session>(&written(&session)).unwrap(), session);
    session.redecide(&address, Added::default(), at).unwrap();
    assert_eq!(
        (session[&address].way(at), session[&address].light(at)),
        (Way::Open, Light::Trusted)
    );
    // And a proof that is asked for and not there is missed.
    let asked = Added { also_required: vec![Check::Inclusion], ..Added::default() };
    session.redecide(&address, asked, at).unwrap();
    assert_eq!(session[&address].report().unwrap().verdict, Verdict::Unchecked);
    assert_eq!(session[&address].way(at), Way::Shut);
}
