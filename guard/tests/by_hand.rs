//! What the user does by hand, one after the other, over the whole engine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod world;

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::Code;
use doorlight_guard::home::{Occasion, TokenState};
use doorlight_guard::journal::Event;
use doorlight_guard::light::Light;
use doorlight_guard::session::Way;
use doorlight_guard::settings::Consent;
use futures_util::future::join;
use serde_json::json;
use world::{AtHome, LOCAL, Life, TOKEN, World, addresses, start};

fn with(prepare: impl Fn(&mut World)) -> (Rc<RefCell<World>>, Rc<Life>) {
    let mut world = World::new();
    prepare(&mut world);
    let world = Rc::new(RefCell::new(world));
    let life = Life::new(&world, u64::MAX, 7, 0);
    (world, life)
}

#[test]
fn a_home_is_set_asked_and_forgotten() {
    let [one, two] = addresses();
    let (world, life) = with(|world| world.at_home = AtHome::Holds("good"));
    assert!(life.run(async {
        let engine = start(&life).await;
        engine.set_gate().await;
        let code = |result: Result<(), doorlight_guard::trouble::Trouble>| result.unwrap_err().code;
        let nowhere = "nowhere.test".parse().unwrap();
        assert_eq!(code(engine.set_home(&nowhere, LOCAL, None, false).await), "not-guarded");
        let public = engine.set_home(&one, "http://8.8.8.8", None, false).await;
        assert_eq!(code(public), "local-address-public-ip");
        assert_eq!(
            code(engine.set_home(&one, LOCAL, Some("a b"), false).await),
            "home-token-invalid"
        );
        engine.set_home(&one, LOCAL, Some(TOKEN), true).await.unwrap();
        let home = || engine.store.with(|state| state.home(&one));
        assert_eq!(home().token, TokenState::Good);
        assert!(world.borrow().stored_pins().site(&one).unwrap().home_account.is_some());
        assert_eq!(engine.store.load_token(&one).await.as_deref(), Some(TOKEN));
        // The version is no risk, so there is none to accept.
        assert_eq!(code(engine.accept_risk(&one, true, None).await), "risk-changed");
        engine.accept_risk(&one, false, None).await.unwrap();
        engine.judge_versions_anew().await;
        // Nobody answers: what it said stands.
        world.borrow_mut().at_home = AtHome::Nobody;
        engine.ask_home_and_decide(&one, Occasion::ByHand).await;
        assert_eq!(home().trouble.unwrap().code, "home-unreachable");
        assert!(home().check_up.is_some());
        // What answers in its place tells why.
        for (status, code) in [
            (403, "home-bans"),
            (400, "home-distrusts-proxy"),
            (300, "home-sends-on"),
            (200, "home-unreachable"),
            (502, "home-unreachable"),
        ] {
            world.borrow_mut().answers_with = Some(status);
            engine.ask_home_and_decide(&one, Occasion::ByHand).await;
            assert_eq!(home().trouble.unwrap().code, code);
            assert!(home().check_up.is_some());
        }
        // Without the token it is known by its place alone.
        engine.set_home(&one, LOCAL, Some(""), false).await.unwrap();
        assert!(world.borrow().stored_pins().site(&one).unwrap().home_account.is_none());
        engine.forget_home(&one).await;
        assert!(engine.store.load_token(&one).await.is_none());
        assert!(engine.store.with(|state| state.local_home(&one).is_none()));
        assert!(world.borrow().stored_pins().site(&one).unwrap().home.is_none());
        assert!(world.borrow().stored_pins().site(&two).is_some());
    }));
}

/// The user sets the home anew while it is being asked why it did not answer. The late answer must
/// not be stored for the new home.
#[test]
fn what_is_found_out_about_a_home_of_before_is_not_written() {
    let [one, _] = addresses();
    let mut late = 0;
    for seed in 1..200 {
        let world = Rc::new(RefCell::new(World::new()));
        let life = Life::new(&world, u64::MAX, seed, 0);
        assert!(life.run(async {
            let engine = start(&life).await;
            world.borrow_mut().at_home = AtHome::Holds("good");
            engine.set_home(&one, LOCAL, Some(TOKEN), true).await.unwrap();
            world.borrow_mut().at_home = AtHome::Nobody;
            world.borrow_mut().answers_with = Some(403);
            let set_anew = async {
                while !world.borrow().log.iter().any(|one| one == "line ended") {
                    life.next_round().await;
                }
                world.borrow_mut().at_home = AtHome::Holds("good");
                engine.set_home(&one, LOCAL, Some(TOKEN), true).await.unwrap();
            };
            join(engine.ask_home_and_decide(&one, Occasion::ByHand), set_anew).await;
            let trouble = engine.store.with(|state| state.home(&one).trouble);
            assert!(trouble.is_none(), "{trouble:?}\n{:#?}", world.borrow().log);
        }));
        assert!(world.borrow().stored_home(&one).trouble.is_none(), "{:#?}", world.borrow().log);
        let log = &world.borrow().log;
        let asked = log.iter().skip_while(|one| *one != "line ended");
        late +=
            u32::from(asked.take_while(|one| *one != "status").any(|one| one.contains("settings")));
    }
    assert!(late > 20, "hardly ever: {late}");
}

#[test]
fn a_certificate_of_somebody_else_is_acknowledged_and_forgotten() {
    let [one, _] = addresses();
    let (world, life) = with(|world| world.issue("A5"));
    assert!(life.run(async {
        let engine = start(&life).await;
        engine.check(&one).await;
        engine.audit(&one, true).await;
        let has_alarm = || {
            engine.store.with(|state| {
                let report = state.address(&one).report().cloned().unwrap();
                report.evidence.iter().any(|found| found.code == Code::IssuancesUnknown)
            })
        };
        assert!(has_alarm() && engine.light(&one) == Light::Attention);
        let id = world.borrow().told[0].clone();
        engine.acknowledge(&one, &id, true).await;
        assert!(!has_alarm() && engine.light(&one) == Light::Trusted);
        engine.acknowledge(&one, &id, false).await;
        assert!(has_alarm());
        engine.acknowledge(&one, "of another", true).await;
        assert_eq!(world.borrow().told.len(), 1);
        engine.inquiries.audits.forget(&one).await;
        assert!(world.borrow().stored_watch(&one).is_none());
        let events = engine
            .store
            .with(|state| state.kept.journal.iter().map(|entry| entry.what).collect::<Vec<_>>());
        assert!(events.contains(&Event::Issuance) && events.contains(&Event::Acknowledged));
    }));
}

/// Proof is wanted and no log can be had: not green, and asked for again.
#[test]
fn no_green_without_the_proof_that_is_wanted() {
    let [one, _] = addresses();
    let (_, life) = with(|_| ());
    assert!(life.run(async {
        let engine = start(&life).await;
        let settings = engine.store.change_settings(|settings| {
            settings.requires_proof = true;
            settings.allow(&one, Consent { logs: true, ..Consent::default() });
        });
        settings.await.unwrap();
        engine.check(&one).await;
        assert_eq!(engine.light(&one), Light::Unchecked);
        engine.audit(&one, true).await;
        let proof = engine.store.with(|state| state.kept.audits[&one].proof.clone()).unwrap();
        assert!(!proof.is_settled());
        engine.set_audit_alarm().await;
        engine.audit_due().await;
    }));
}

#[test]
fn what_is_seen_without_a_certificate_shuts() {
    let [one, _] = addresses();
    let (world, life) = with(|_| ());
    assert!(life.run(async {
        let engine = start(&life).await;
        engine.check(&one).await;
        assert!(engine.passes(&one).await && engine.is_open(&one));
        engine.saw_without(&one, Code::BrowserRefuses, "made up").await;
        assert_eq!((engine.way(&one), engine.light(&one)), (Way::Shut, Light::Danger));
        assert!(world.borrow().rules.is_empty() && !engine.passes(&one).await);
        world.borrow_mut().presents.clear();
        engine.expire(Some(&one)).await;
        engine.check(&one).await;
        let verdict = engine.store.with(|state| state.address(&one).report().unwrap().verdict);
        assert_eq!((verdict, engine.light(&one)), (Verdict::Unchecked, Light::Unchecked));
    }));
}

/// What cannot be read is kept aside before it is overwritten.
#[test]
fn what_cannot_be_read_is_kept_aside() {
    let [one, _] = addresses();
    let (world, life) = with(|world| {
        for key in ["settings", "heads"] {
            world.local.insert(key.into(), "{".into());
        }
        world.local.insert(format!("watch {}", addresses()[0]), "{".into());
        world.local.insert("audits".into(), json!(3));
    });
    assert!(life.run(async {
        let engine = start(&life).await;
        engine.store.change_settings(|settings| settings.reuse_minutes = 3).await.unwrap();
        engine.store.load_heads().await.unwrap();
        engine.store.load_watch(&one, engine.store.now()).await.unwrap();
        engine.store.seed().await.unwrap();
        let aside = world.borrow().local["kept_aside"].as_array().unwrap().clone();
        let keys: Vec<_> = aside.iter().map(|one| one["key"].as_str().unwrap()).collect();
        assert_eq!(keys, ["settings", "heads", &format!("watch {one}")]);
        assert!(aside.iter().all(|one| one["value"] == "{"));
        // Pins that go bad under a background are not overwritten.
        engine.check(&one).await;
        world.borrow_mut().spoil_pins();
        life.goes_on(Duration::from_secs(60));
        engine.store.change_pins(|pins| pins.site_mut(&one).history.clear()).await;
        engine.store.change_pins(|pins| pins.remove(&one)).await;
        assert!(engine.store.with(|state| state.kept.pins.is_err()));
        assert_eq!(world.borrow().local["pins"], "{");
        engine.store.begin_pins_anew().await.unwrap();
        assert!(engine.guarded().is_empty());
        assert_eq!(world.borrow().local["kept_aside"].as_array().unwrap().len(), 4);
    }));
}

#[test]
fn a_client_certificate_is_shown_where_the_user_lets_it() {
    let [one, two] = addresses();
    let (_world, life) = with(|world| world.asks_for_certificate = true);
    assert!(life.run(async {
        let engine = start(&life).await;
        let found = |address| {
            engine.store.with(|state| {
                state.address(address).report().map(|report| report.decided_by.clone())
            })
        };
        let wanted = Some(vec![Code::CertificateClientWanted]);
        for address in [&one, &two] {
            engine.check(address).await;
            assert_eq!(found(address), wanted);
        }
        engine.show_client_certificate(&one, true).await.unwrap();
        assert_eq!(engine.light(&one), Light::Trusted);
        engine.check(&two).await;
        assert_eq!(found(&two), wanted, "for that address alone");
        engine.show_client_certificate(&one, false).await.unwrap();
        assert_eq!((engine.light(&one), found(&one)), (Light::Unchecked, wanted));
        let nowhere = "nowhere.test".parse().unwrap();
        engine.show_client_certificate(&nowhere, true).await.unwrap();
        let shown = engine.store.with(|state| state.kept.settings.client_certificates.len());
        assert_eq!(shown, 0, "an address that is not guarded is not asked");
    }));
}
