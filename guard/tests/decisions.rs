//! A table for each decision that is a plain function of what is known and the time. Those of the
//! session, the token, the proof and the settings stand with their code.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails panics")]

use core::time::Duration;
use std::collections::BTreeMap;

use doorlight::address::Address;
use doorlight::site::Origin;
use doorlight::time::{DAY, Timestamp};
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Evidence};
use doorlight::verdict::examination::unseen;
use doorlight::verdict::report::{Added, Report};
use doorlight::x509::fingerprint::CertificateSha256;
use doorlight_guard::audit::AuditState;
use doorlight_guard::audits;
use doorlight_guard::basis::Basis;
use doorlight_guard::check::{asks_for_key, events};
use doorlight_guard::home::Occasion;
use doorlight_guard::homes::{leaves_question, may_ask};
use doorlight_guard::journal::Event;
use doorlight_guard::light::Light;
use doorlight_guard::pattern;
use doorlight_guard::proof::Proof;
use doorlight_guard::session::{Concluded, Session, Way};
use doorlight_guard::settings::{Consent, LocalHome, Settings};
use doorlight_guard::sources::{Needs, asked_hosts, monitors};
use doorlight_guard::state::State;
use doorlight_guard::storage::Kept;
use doorlight_guard::trust_config::TrustConfig;
use serde_json::{Value, json};

const REUSE: Duration = Duration::from_secs(900);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + seconds)
}

fn address() -> Address {
    "home.test".parse().unwrap()
}

/// A report with a verdict and findings, on certificate `n`.
fn report(verdict: Verdict, codes: &[Code], n: u8) -> Report {
    let mut report = unseen(&address(), at(0), Code::CertificateMissing, "made up");
    report.verdict = verdict;
    report.evidence = codes.iter().map(|code| Evidence::new(*code)).collect();
    report.certificate = Some(
        serde_json::from_value(json!({
            "sha256": format!("{n:02x}").repeat(32), "sha1": "00".repeat(20), "spki_sha256": "00".repeat(32),
            "subject": "", "issuer": "", "serial": "", "key": "", "names": [],
            "not_before": at(0), "not_after": at(9),
        }))
        .unwrap(),
    );
    report
}

/// What is known after a check at second 0, if there was one.
fn state(
    stored: &Value,
    report: Option<Report>,
    placed: &[(&str, bool)],
    granted: &[&str],
) -> State {
    let kept = Kept::read(stored);
    let trust = TrustConfig::new(&kept.settings, None);
    let mut session = Session::default();
    if let Some(report) = report {
        let record = kept.pins.as_ref().ok().and_then(|pins| pins.site(&address()));
        let basis = Basis::of(record, &kept.settings);
        let attempt = session.begin(&address());
        let judged = (report, Added::default());
        session.conclude(attempt, judged, String::new(), REUSE, basis, at(0)).unwrap();
    }
    let placed = placed.iter().map(|(host, is_set)| (host.parse().unwrap(), *is_set)).collect();
    let granted = granted.iter().map(|host| host.parse().unwrap()).collect();
    let mut state = State::new(kept, session, placed, granted);
    state.set_trust(Some(trust.into()));
    state
}

fn guarding() -> Value {
    let mut pins = doorlight::site::pins::Pins::default();
    pins.site_mut(&address());
    json!({"pins": pins.to_json()})
}

#[test]
fn way_and_light_of_an_address() {
    let good = || Some(report(Verdict::Trusted, &[Code::PinSameKey], 1));
    let bad = || Some(report(Verdict::Danger, &[Code::PinNewKey], 1));
    let set: &[(&str, bool)] = &[("home.test", true)];
    let nowhere: &[(&str, bool)] = &[];
    for (name, stored, checked, placed, seconds, way, light) in [
        ("never checked", guarding(), None, set, 1, Way::Shut, Light::Unchecked),
        ("good", guarding(), good(), set, 1, Way::Open, Light::Trusted),
        ("good until its end", guarding(), good(), set, 899, Way::Open, Light::Trusted),
        ("ended", guarding(), good(), set, 900, Way::Shut, Light::Unchecked),
        ("no rules", guarding(), good(), nowhere, 1, Way::Shut, Light::Unchecked),
        (
            "no permission",
            guarding(),
            good(),
            &[("home.test", false)],
            1,
            Way::Shut,
            Light::Unchecked,
        ),
        (
            "rules of another",
            guarding(),
            good(),
            &[("x.test", true)],
            1,
            Way::Shut,
            Light::Unchecked,
        ),
        ("bad", guarding(), bad(), set, 1, Way::Shut, Light::Danger),
        ("bad stays", guarding(), bad(), set, 9000, Way::Shut, Light::Danger),
        ("bad without rules", guarding(), bad(), nowhere, 1, Way::Shut, Light::Danger),
        ("not guarded", json!({}), good(), set, 1, Way::Shut, Light::NotGuarded),
    ] {
        let state = state(&stored, checked, placed, &[]);
        assert_eq!(state.way(&address(), at(seconds)), way, "{name}");
        assert_eq!(state.light(&address(), at(seconds)), light, "{name}");
        let is_open = state.open_at(at(seconds)).contains(&address());
        assert_eq!(is_open, way.is_open(), "{name}");
    }
}

/// A check that was judged by another record, or by other settings, counts no longer, wherever the
/// background ended in between. A Danger stays.
#[test]
fn what_was_judged_by_anything_else() {
    for (verdict, code, light) in [
        (Verdict::Trusted, Code::PinSameKey, Light::Unchecked),
        (Verdict::Danger, Code::PinNewKey, Light::Danger),
    ] {
        for change in [
            |kept: &mut Kept| kept.settings.requires_ct = true,
            |kept: &mut Kept| {
                let pins = kept.pins.as_mut().unwrap();
                pins.site_mut(&address()).pin(
                    "ab".repeat(32).parse().unwrap(),
                    Origin::Entered,
                    at(0),
                );
            },
        ] {
            let mut state =
                state(&guarding(), Some(report(verdict, &[code], 1)), &[("home.test", true)], &[]);
            assert_eq!(state.way(&address(), at(1)).is_open(), verdict == Verdict::Trusted);
            change(&mut state.kept);
            state.has_changed();
            assert_eq!(state.way(&address(), at(1)), Way::Shut);
            assert!(!state.open_at(at(1)).contains(&address()));
            assert_eq!(state.light(&address(), at(1)), light);
        }
    }
}

/// Without the pins the permissions tell what is guarded: more rather than less, but for the hosts
/// that are asked about addresses.
#[test]
fn what_is_guarded() {
    let mut settings =
        Settings { cert_spotter: "https://spotter.test".into(), ..Settings::default() };
    settings.allow(&address(), Consent { cert_spotter: true, ..Consent::default() });
    let settings = serde_json::to_string(&settings).unwrap();
    let unreadable = json!({"pins": "{", "settings": settings});
    let all = ["home.test", "other.test", "spotter.test"];
    for (name, stored, granted, guarded) in [
        ("nothing", json!({}), &all[..], &[][..]),
        ("what has a record", guarding(), &all[..], &["home.test"]),
        ("unreadable", unreadable.clone(), &all[..], &["home.test", "other.test"]),
        ("unreadable, no permission", unreadable, &[], &[]),
    ] {
        let state = state(&stored, None, &[], granted);
        let found: Vec<_> = state.guarded(at(0)).iter().map(ToString::to_string).collect();
        assert_eq!(found, guarded, "{name}");
        for host in all {
            let address: Address = host.parse().unwrap();
            assert_eq!(
                state.is_guarded(&address, at(0)),
                guarded.contains(&host),
                "{name}: {host}"
            );
            assert_eq!(
                state.guarded_hosts(at(0)).contains(&address.host),
                guarded.contains(&host),
                "{name}: {host}"
            );
        }
    }
}

#[test]
fn a_moment_ago_is_three_seconds() {
    let state = state(&guarding(), Some(report(Verdict::Danger, &[], 1)), &[], &[]);
    for (seconds, is_just) in [(0, true), (2, true), (3, false), (900, false)] {
        assert_eq!(state.was_just_checked(&address(), at(seconds)), is_just, "{seconds}");
    }
    assert!(!state.was_just_checked(&address(), at(0).minus(DAY)), "a clock that was set back");
    let mut expired = state;
    expired.session.expire(None);
    assert!(!expired.was_just_checked(&address(), at(1)), "it counts no longer");
}

#[test]
fn what_is_required() {
    for (requires_ct, requires_proof, expected) in [
        (false, false, &[][..]),
        (true, false, &[Check::CtPolicy]),
        (false, true, &[Check::Inclusion]),
        (true, true, &[Check::CtPolicy, Check::Inclusion]),
    ] {
        let mut state = state(&json!({}), None, &[], &[]);
        state.kept.settings.requires_ct = requires_ct;
        state.kept.settings.requires_proof = requires_proof;
        assert_eq!(state.also_required(), expected);
    }
}

/// What audits say is added beside a check, of this certificate, and of whom the user allows.
#[test]
fn what_audits_add() {
    let proof = |n: u8| Proof {
        certificate: format!("{n:02x}").repeat(32).parse().unwrap(),
        at: at(0),
        evidence: vec![Evidence::new(Code::InclusionProven)],
        reports: Vec::new(),
    };
    let spotter = Consent { cert_spotter: true, ..Consent::default() };
    let logs = Consent { logs: true, ..Consent::default() };
    for (name, proof, consent, expected) in [
        ("nothing", None, logs, &[Code::PinSameKey][..]),
        ("of this certificate", Some(proof(1)), logs, &[Code::PinSameKey, Code::InclusionProven]),
        ("of another", Some(proof(2)), logs, &[Code::PinSameKey]),
        ("monitors", None, spotter, &[Code::PinSameKey, Code::IssuancesUnknown]),
        (
            "both",
            Some(proof(1)),
            spotter,
            &[Code::PinSameKey, Code::InclusionProven, Code::IssuancesUnknown],
        ),
        ("nobody any more", None, Consent::default(), &[Code::PinSameKey]),
    ] {
        let mut state = state(&guarding(), None, &[], &[]);
        state.kept.settings.allow(&address(), consent);
        let watch = vec![Evidence::new(Code::IssuancesUnknown)];
        state.kept.audits.insert(address(), AuditState { proof, watch, due: None });
        let mut report = report(Verdict::Trusted, &[Code::PinSameKey], 1);
        let whole = report.with(&state.added(&address(), &report));
        let codes: Vec<_> = whole.evidence.iter().map(|one| one.code).collect();
        assert_eq!(codes, expected, "{name}");
        // Without a certificate there is nothing that they could be about.
        report.certificate = None;
        assert!(state.added(&address(), &report).evidence.is_empty(), "{name}");
    }
}

#[test]
fn what_the_journal_tells_of_a_check() {
    use Verdict::{Attention, Danger, Trusted, Unchecked};
    let same = &[Code::PinSameKey][..];
    let other = &[Code::PinNewKey][..];
    let version = &[Code::PinSameKey, Code::HomeVersionBlocked][..];
    for (before, verdict, has_other, codes, expected, is_unclean) in [
        (None, Trusted, false, same, &[Event::Trusted][..], false),
        (Some(Trusted), Trusted, false, same, &[], false),
        (Some(Trusted), Trusted, true, same, &[Event::Changed], false),
        (Some(Trusted), Danger, true, other, &[Event::Changed, Event::Danger], true),
        (Some(Trusted), Danger, false, version, &[Event::Danger], false),
        (Some(Danger), Danger, false, other, &[], false),
        (Some(Danger), Trusted, false, same, &[Event::Trusted], false),
        (Some(Trusted), Attention, false, same, &[Event::Attention], false),
        (Some(Trusted), Unchecked, false, &[], &[Event::Unchecked], false),
    ] {
        let concluded = Concluded { before, verdict, has_other_certificate: has_other };
        let mut report = report(verdict, codes, 1);
        report.decided_by = codes.to_vec();
        let (events, unclean) = events(&concluded, &report);
        let detail = codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ");
        assert!(events.iter().all(|(_, of)| *of == detail), "{events:?}");
        let events: Vec<_> = events.into_iter().map(|(event, _)| event).collect();
        assert_eq!((&events[..], unclean), (expected, is_unclean), "{concluded:?}");
    }
}

#[test]
fn for_which_key_the_user_may_answer() {
    for (verdict, code, expected) in [
        (Verdict::Attention, Code::PinFirstSight, true),
        (Verdict::Attention, Code::PinSameKey, false),
        (Verdict::Danger, Code::PinFirstSight, false),
        (Verdict::Danger, Code::PinNewKey, false),
        (Verdict::Trusted, Code::PinSameKey, false),
        (Verdict::Unchecked, Code::PinFirstSight, false),
    ] {
        assert_eq!(asks_for_key(&report(verdict, &[code], 1)), expected, "{verdict:?} {code:?}");
    }
}

#[test]
fn what_the_home_could_answer() {
    for (codes, expected) in [
        (&[Code::PinSameKey, Code::HomeConfirms][..], false),
        (&[Code::PinFirstSight], true),
        (&[Code::PinNewKey, Code::HomeOtherCertificate], true),
        // An old word beside a known key is no reason to wait.
        (&[Code::PinSameKey, Code::HomeOtherHost], false),
        (&[Code::PinSameKey, Code::HomeOtherCertificate], true),
        (&[], false),
    ] {
        assert_eq!(leaves_question(&report(Verdict::Trusted, codes, 1)), expected, "{codes:?}");
    }
}

#[test]
fn who_may_be_asked() {
    for occasion in
        [Occasion::Due, Occasion::Gate, Occasion::ByHand, Occasion::Again, Occasion::Introduction]
    {
        assert!(may_ask(true, true, occasion) && may_ask(false, false, occasion), "{occasion:?}");
        assert!(!may_ask(false, true, occasion), "{occasion:?}: anybody might be the home");
        assert_eq!(may_ask(true, false, occasion), occasion.is_by_user(), "{occasion:?}");
    }
}

#[test]
fn when_logs_are_asked_again() {
    let own = CertificateSha256::of(b"own");
    let settled = Proof { certificate: own, at: at(0), evidence: Vec::new(), reports: Vec::new() };
    let open =
        Proof { evidence: vec![Evidence::new(Code::InclusionNotChecked)], ..settled.clone() };
    let hour = audits::PERIOD;
    let moment = Duration::from_secs(1);
    for (name, proof, now, expected) in [
        ("settled", &settled, at(0).plus(DAY).minus(moment), false),
        ("settled, a day old", &settled, at(0).plus(DAY), true),
        ("open", &open, at(0).plus(hour).minus(moment), false),
        ("open, an hour old", &open, at(0).plus(hour), true),
        ("from the future", &settled, at(0).minus(moment), true),
    ] {
        assert_eq!(audits::is_due(proof, own, now), expected, "{name}");
    }
    assert!(
        audits::is_due(&settled, CertificateSha256::of(b"other"), at(0)),
        "another certificate"
    );
}

#[test]
fn who_is_asked_about_an_address() {
    let own = Settings {
        cert_spotter: " https://spotter.test:8443/ ".into(),
        crt_sh: String::new(),
        log_list_url: "https://list.test/list.json".into(),
        ..Settings::default()
    };
    let all = Consent { logs: true, cert_spotter: true, crt_sh: true };
    let sources = monitors(&own, all);
    assert_eq!(
        (sources.cert_spotter, sources.crt_sh),
        (Some("https://spotter.test:8443"), Some("https://crt.sh"))
    );
    let nobody = monitors(&own, Consent { logs: true, ..Consent::default() });
    assert_eq!((nobody.cert_spotter, nobody.crt_sh), (None, None));

    let trust = TrustConfig::new(&own, None);
    let needs = Needs::of(&own, Some(&trust), at(0));
    assert_eq!(needs.cert_spotter, ["https://spotter.test/*"]);
    assert_eq!(needs.log_list, ["https://list.test/*"]);
    for pattern in needs.logs.iter().chain(&needs.crt_sh) {
        assert!(pattern::host_of(pattern).is_some(), "{pattern}");
    }
    for none in ["<all_urls>", "*://*/*", "https://host.test/path"] {
        assert_eq!(pattern::host_of(none), None, "{none}");
    }

    let hosts = |settings: &Settings| {
        let found = asked_hosts(settings, Some(&trust), at(0));
        found
            .iter()
            .map(ToString::to_string)
            .filter(|host| host.ends_with(".test"))
            .collect::<Vec<_>>()
    };
    assert_eq!(hosts(&own), Vec::<String>::new(), "nobody was allowed");
    let mut asking = own.clone();
    asking.allow(&address(), Consent { cert_spotter: true, ..Consent::default() });
    assert_eq!(hosts(&asking), ["spotter.test"]);
    asking.renews_log_list = true;
    assert_eq!(hosts(&asking), ["list.test", "spotter.test"]);
    // Whoever guards the monitor's own host keeps it guarded.
    asking.allow(&"spotter.test".parse().unwrap(), all);
    assert_eq!(hosts(&asking), ["list.test"]);
    let home = LocalHome { local: "http://192.168.1.20:8123".into(), keeps_token: false };
    let asking = Settings { homes: BTreeMap::from([(address(), home)]), ..own };
    assert_eq!(
        asked_hosts(&asking, Some(&trust), at(0))
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["192.168.1.20"]
    );
}

#[test]
fn a_home_of_before_is_another() {
    let mut state = state(&guarding(), None, &[], &[]);
    let before = state.home_generation(&address());
    state.outdate_home(&"other.test".parse().unwrap());
    assert_eq!(state.home_generation(&address()), before);
    state.outdate_home(&address());
    assert_ne!(state.home_generation(&address()), before);
}
