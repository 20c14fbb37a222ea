use super::*;
use crate::home_assistant::conversation::{Cloud, SecondFactor};
use crate::site::Silence;
use crate::time::DAY;
use crate::x509::fingerprint::AccountId;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn table() -> Advisories {
    Advisories::shipped().unwrap()
}

fn report(version: &str) -> HomeReport {
    HomeReport {
        version: version.parse().ok(),
        version_text: version.into(),
        cloud: Some(Cloud {
            logged_in: true,
            remote_domain: Some("abc.ui.nabu.casa".into()),
            is_enabled: true,
            connected: true,
            certificate_status: Some("ready".into()),
            certificate: Some(HomeCertificate {
                common_name: "abc.ui.nabu.casa".into(),
                names: vec![],
                not_after: now().plus(DAY * 60),
                fingerprint: crate::x509::fingerprint::CertificateSha1::of(b"abc"),
            }),
        }),
        account: Some(Account {
            id: Some(AccountId::of(b"d0")),
            name: "Doorlight".into(),
            is_admin: false,
            is_owner: false,
            mfa: vec![SecondFactor { id: "totp".into(), enabled: true }],
        }),
        ban: Some(Ban { enabled: true, threshold: 5 }),
    }
}

fn asked() -> LocalAddress {
    "http://192.168.1.5:8123".parse().unwrap()
}

fn check_up(report: &HomeReport) -> CheckUp {
    CheckUp::new(now(), None, asked(), report, None, &table())
}

fn codes(check_up: &CheckUp) -> Vec<&'static str> {
    check_up.evidence.iter().map(|one| one.code.as_str()).collect()
}

#[test]
fn a_house_in_order_is_green() {
    let check_up = check_up(&report("2026.11.1"));
    assert_eq!(check_up.verdict, Verdict::Trusted, "{}", check_up.to_text());
    assert_eq!(
        codes(&check_up),
        ["home-version-current", "home-told", "home-account-two-factor-on", "home-account-ban-on"]
    );
    assert_eq!(CheckUp::from_json(check_up.to_json().as_bytes()), Ok(check_up));
}

#[test]
fn versions_and_their_findings() {
    for (version, expected, verdict) in [
        ("2026.7.0", &["home-version-current"][..], Verdict::Trusted),
        ("2025.4.4", &["home-version-advisory"], Verdict::Attention),
        ("2024.10.4", &["home-version-advisory", "home-version-unsupported"], Verdict::Attention),
        ("2021.1.5", &["home-version-advisory", "home-version-unsupported"], Verdict::Attention),
        (
            "2021.1.4",
            &["home-version-blocked", "home-version-advisory", "home-version-unsupported"],
            Verdict::Danger,
        ),
        (
            "0.118.5",
            &["home-version-blocked", "home-version-advisory", "home-version-unsupported"],
            Verdict::Danger,
        ),
        ("<b>", &["home-version-unknown"], Verdict::Unchecked),
    ] {
        let check_up = check_up(&report(version));
        let mut found = codes(&check_up);
        found.retain(|code| code.starts_with("home-version"));
        assert_eq!((found.as_slice(), check_up.verdict), (expected, verdict), "{version}");
        assert_eq!(check_up.blocks(None), verdict == Verdict::Danger, "{version}");
    }
}

#[test]
fn two_years_to_the_day() {
    let mut table = table();
    table.advisories.clear();
    let report = report("2024.11.3");
    for (at, expected) in [
        ("2026-11-06T23:59:59Z", "home-version-current"),
        ("2026-11-07T00:00:00Z", "home-version-unsupported"),
    ] {
        table.published = at.parse().unwrap();
        let check_up = CheckUp::new(at.parse().unwrap(), None, asked(), &report, None, &table);
        assert_eq!(codes(&check_up)[0], expected, "{at}");
    }
}

#[test]
fn an_old_table_says_nothing_in_favour() {
    let late = table().published.plus(crate::home_assistant::advisory::TABLE_AGE).plus(DAY);
    let check_up = CheckUp::new(late, None, asked(), &report("2027.3.1"), None, &table());
    assert_eq!(
        (codes(&check_up)[0], check_up.verdict),
        ("home-version-table-old", Verdict::Unchecked)
    );
}

#[test]
fn an_override_ends_with_the_first_weakness_that_was_not_known() {
    let blocked = check_up(&report("2020.12.1"));
    let mine = blocked.override_now(now());
    assert!(blocked.blocks(None) && !blocked.blocks(Some(&mine)));
    // A newer table that knows no more leaves it, also where an advisory got a further name.
    let mut newer = table();
    newer.published = newer.published.plus(DAY);
    newer.advisories[0].ids.push("GHSA-aaaa-bbbb-cccc".into());
    assert!(!blocked.judged_by(&newer, now()).blocks(Some(&mine)));
    // One that affects other versions too.
    let mut one = newer.advisories[0].clone();
    one.ids = vec!["CVE-2027-1".into()];
    one.affected = serde_json::from_str(r#"[{"from":"2024.1.0"}]"#).unwrap();
    newer.advisories.push(one.clone());
    assert!(!blocked.judged_by(&newer, now()).blocks(Some(&mine)));
    // One that affects this one ends it; and a new word starts from there.
    one.ids = vec!["CVE-2027-2".into()];
    one.affected = serde_json::from_str(r#"[{"before":"2027.1.0"}]"#).unwrap();
    newer.advisories.push(one);
    let again = blocked.judged_by(&newer, now());
    assert!(again.blocks(Some(&mine)) && !again.blocks(Some(&again.override_now(now()))));
    assert!(codes(&again).contains(&"home-told"), "the other findings stay");
    // No override is needed where nothing is blocked, and an empty one covers no weakness.
    assert!(!check_up(&report("2026.7.0")).blocks(None));
    let empty = Override { at: now(), known: BTreeSet::new(), table_published: now() };
    assert!(blocked.blocks(Some(&empty)));
    let json = serde_json::to_string(&mine).unwrap();
    assert_eq!(serde_json::from_str::<Override>(&json).unwrap(), mine);
}

#[test]
fn what_the_home_tells_of_its_certificate() {
    let all = report("2026.11.1");
    let other = Err(OtherHome::Host {
        told: "b.ui.nabu.casa".into(),
        guarded: "a.ui.nabu.casa".parse().unwrap(),
    });
    let told = |report: &HomeReport, word: Option<Result<Heard, OtherHome>>| {
        codes(&CheckUp::new(now(), None, asked(), report, word.as_ref(), &table()))[1]
    };
    assert_eq!(told(&all, None), "home-told");
    assert_eq!(told(&all, Some(Ok(Heard::Other))), "home-told");
    assert_eq!(told(&all, Some(other)), "home-other-host");
    assert_eq!(told(&all, Some(Ok(Heard::Nothing(Silence::LoggedOut)))), "home-says-nothing");
    let mut silent = all.clone();
    silent.cloud = None;
    assert_eq!(told(&silent, None), "home-says-nothing");
    silent.account = None;
    assert_eq!(told(&silent, None), "home-not-asked");
}

#[test]
fn accounts_and_bans() {
    let mut report = report("2026.11.1");
    report.ban = None;
    let account = report.account.as_mut().unwrap();
    account.mfa[0].enabled = false;
    account.is_admin = true;
    let plain = check_up(&report);
    assert_eq!(
        codes(&plain)[2..],
        ["home-account-two-factor-off", "home-account-admin-token", "home-account-ban-unknown"]
    );
    assert_eq!(plain.verdict, Verdict::Attention);
    let account = report.account.as_mut().unwrap();
    account.is_admin = false;
    let least = check_up(&report);
    assert_eq!(codes(&least)[2..], ["home-account-two-factor-unseen", "home-account-ban-unknown"]);
    assert_eq!(
        least.verdict,
        Verdict::Trusted,
        "the account that the guide asks for is no reason for amber"
    );
    report.ban = Some(Ban { enabled: true, threshold: -1 });
    assert!(codes(&check_up(&report)).contains(&"home-account-ban-off"));
    report.account = None;
    assert_eq!(codes(&check_up(&report))[1..], ["home-not-asked", "home-account-not-asked"]);
}

#[test]
fn a_home_that_was_not_reached_is_not_checked_and_blocks_nothing() {
    let check_up = CheckUp::not_reached(
        now(),
        None,
        asked(),
        &Unreached::NoAnswer("refused\u{1b}[31m".into()),
        &table(),
    );
    assert_eq!((check_up.verdict, check_up.blocks(None)), (Verdict::Unchecked, false));
    assert!(!check_up.to_text().contains('\u{1b}'));
    // The version is told before the token is refused.
    let mut conversation = Conversation::new(Some("a.b.c".parse().unwrap()));
    conversation.hear(r#"{"type":"auth_required","ha_version":"2021.1.4"}"#).unwrap();
    let refused = conversation.hear(r#"{"type":"auth_invalid","message":"Invalid"}"#).unwrap_err();
    let old = CheckUp::failed(now(), None, asked(), &conversation, &refused, &table());
    assert_eq!(codes(&old)[0], "home-version-blocked");
    assert!(codes(&old).contains(&"home-token-refused") && old.blocks(None));
    let mut conversation = Conversation::new(Some("a.b.c".parse().unwrap()));
    conversation.hear(r#"{"type":"auth_required","ha_version":"2026.11.1"}"#).unwrap();
    let refused = conversation.hear(r#"{"type":"auth_invalid"}"#).unwrap_err();
    let check_up = CheckUp::failed(now(), None, asked(), &conversation, &refused, &table());
    assert_eq!(
        (codes(&check_up), check_up.verdict),
        (vec!["home-version-current", "home-token-refused"], Verdict::Unchecked)
    );
    assert_eq!(check_up.evidence[1].detail["error"], "home-token-refused");
}

/// Whatever is in the way has its own name, and is never danger.
#[test]
fn what_is_in_the_way_is_named() {
    let location = "https://a.test/\u{1b}[2J";
    for (why, code) in [
        (Unreached::by_status(403, None), "home-bans"),
        (Unreached::by_status(400, None), "home-distrusts-proxy"),
        (Unreached::by_status(302, Some(location)), "home-sends-on"),
        (Unreached::by_status(308, None), "home-sends-on"),
        (Unreached::by_status(200, None), "home-not-reached"),
        (Unreached::by_status(502, None), "home-not-reached"),
        (Unreached::SpeaksTls, "home-speaks-tls"),
        (Unreached::SpeaksPlainHttp, "home-speaks-plain-http"),
    ] {
        let check_up = CheckUp::not_reached(now(), None, asked(), &why, &table());
        assert_eq!(codes(&check_up), ["home-version-unknown", code]);
        assert_eq!(
            (check_up.verdict, check_up.blocks(None)),
            (Verdict::Unchecked, false),
            "{code}"
        );
        assert!(!check_up.to_text().contains('\u{1b}'));
    }
}

#[test]
fn a_remote_address_that_is_not_as_it_should_be_is_attention() {
    type Change = fn(&mut Cloud);
    let until = |cloud: &mut Cloud, at| cloud.certificate.as_mut().unwrap().not_after = at;
    let ends = |at: Timestamp| {
        let mut report = report("2026.11.1");
        until(report.cloud.as_mut().unwrap(), at);
        check_up(&report)
    };
    for (left, code) in [
        (DAY * 8, None),
        (DAY * 6, Some("home-certificate-overdue")),
        (Duration::from_secs(1), Some("home-certificate-overdue")),
    ] {
        let found = ends(now().plus(left));
        assert_eq!(
            codes(&found).get(2).filter(|one| one.starts_with("home-certificate")),
            code.as_ref()
        );
        assert_eq!(found.verdict == Verdict::Attention, code.is_some(), "{left:?}");
    }
    let ended = ends(now().minus(DAY * 300));
    assert_eq!((codes(&ended)[2], ended.verdict), ("home-certificate-ended", Verdict::Attention));
    let changes: [(Change, &[&str]); 7] = [
        (|cloud| cloud.certificate_status = Some("error".into()), &["home-certificate-not-ready"]),
        (
            |cloud| cloud.certificate_status = Some("renewal_failed".into()),
            &["home-certificate-not-ready"],
        ),
        (
            |cloud| cloud.certificate_status = Some("something_of_2028".into()),
            &["home-certificate-not-ready"],
        ),
        // Home Assistant of before told none.
        (|cloud| cloud.certificate_status = None, &[]),
        (|cloud| cloud.connected = false, &["home-not-connected"]),
        // Who wants no remote address, or has no account there, misses nothing.
        (|cloud| (cloud.is_enabled, cloud.connected) = (false, false), &[]),
        (|cloud| (cloud.logged_in, cloud.connected) = (false, false), &[]),
    ];
    for (n, (change, wanted)) in changes.into_iter().enumerate() {
        let mut report = report("2026.11.1");
        change(report.cloud.as_mut().unwrap());
        let check_up = check_up(&report);
        let of_cloud: Vec<_> = codes(&check_up)
            .into_iter()
            .filter(|code| code.starts_with("home-certificate") || *code == "home-not-connected")
            .collect();
        assert_eq!(of_cloud, wanted, "{n}");
        let verdict = if wanted.is_empty() { Verdict::Trusted } else { Verdict::Attention };
        assert_eq!(check_up.verdict, verdict, "{n}");
    }
}
