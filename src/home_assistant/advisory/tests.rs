use super::*;
use serde_json::{Value, json};

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn table() -> Advisories {
    Advisories::shipped().unwrap()
}

/// The best known name of everything that affects a version, in the order of the names.
fn affecting(text: &str) -> Vec<String> {
    let mut ids: Vec<_> =
        table().judge(&version(text)).advisories.iter().map(|one| one.id().to_owned()).collect();
    ids.sort();
    ids
}

fn is_affected(text: &str, id: &str) -> bool {
    affecting(text).iter().any(|one| one == id)
}

#[test]
fn the_shipped_table_is_written_as_it_is_read() {
    let table = table();
    assert_eq!(Advisories::parse(table.to_json().as_bytes()), Ok(table.clone()));
    assert_eq!(table.to_json(), include_str!("../../../data/advisories.json"));
    assert!(table.advisories.iter().all(|one| one.published <= table.published));
}

/// Each boundary of each range, from both sides: the last version before it, its own betas, itself.
#[test]
fn every_boundary_of_every_range() {
    for (id, from, inside, before) in [
        ("CVE-2026-91130", None, "2026.6.9", "2026.7.0"),
        ("CVE-2026-64825", None, "2026.5.4", "2026.6.0"),
        ("CVE-2026-64824", None, "2026.6.9", "2026.7.0"),
        ("CVE-2026-54317", None, "2026.5.4", "2026.6.0"),
        ("CVE-2026-33044", Some(("0.104.3", "0.105.0")), "2025.12.9", "2026.1.0"),
        ("CVE-2026-33045", Some(("2025.1.4", "2025.2.0")), "2025.12.9", "2026.1.0"),
        ("CVE-2025-65713", None, "2025.7.4", "2025.8.0"),
        ("CVE-2025-62172", Some(("2024.12.5", "2025.1.0")), "2025.10.1", "2025.10.2"),
        ("CVE-2025-25305", None, "2024.1.5", "2024.1.6"),
        ("CVE-2023-50715", None, "2023.12.2", "2023.12.3"),
        ("CVE-2023-41893", None, "2023.8.4", "2023.9.0"),
        ("CVE-2023-41894", None, "2023.8.4", "2023.9.0"),
        ("CVE-2023-41895", None, "2023.8.4", "2023.9.0"),
        ("CVE-2023-41896", None, "2023.8.4", "2023.9.0"),
        ("CVE-2023-41897", None, "2023.8.4", "2023.9.0"),
        ("CVE-2023-41899", None, "2023.8.4", "2023.9.0"),
        ("CVE-2023-27482", None, "2023.3.1", "2023.3.2"),
        ("HA-2021-01", None, "2021.1.4", "2021.1.5"),
        ("CVE-2018-21019", None, "0.66.1", "0.67.0"),
        ("CVE-2017-16782", None, "0.56.2", "0.57.0"),
    ] {
        assert!(is_affected(inside, id), "{id} {inside}");
        assert!(!is_affected(before, id), "{id} {before}");
        let (beta, dev) = (format!("{before}b3"), format!("{before}.dev0"));
        assert!(
            is_affected(&beta, id) && is_affected(&dev, id),
            "{id}: a beta of the mended version may not have the mending"
        );
        match from {
            None => assert!(is_affected("0.7.0", id), "{id}"),
            Some((outside, first)) => {
                assert!(!is_affected(outside, id), "{id} {outside}");
                assert!(is_affected(first, id), "{id} {first}");
                assert!(
                    is_affected(&format!("{first}b0"), id),
                    "{id}: a beta of the first affected version has it"
                );
            }
        }
    }
    let known: Vec<_> = table().advisories.iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(known.len(), 20, "a new advisory needs its boundaries in this test");
}

#[test]
fn blocked_up_to_2021_1_4() {
    for (text, blocked) in [
        ("0.7.0", true),
        ("0.118.5", true),
        ("2020.12.2", true),
        ("2021.1.0b4", true),
        ("2021.1.4", true),
        ("2021.1.5", false),
        ("2021.2.0.dev0", false),
        ("2021.2.0b0", false),
        ("2021.2.0", false),
        ("2026.12.0b1", false),
    ] {
        assert_eq!(table().judge(&version(text)).blocked, blocked, "{text}");
    }
}

#[test]
fn the_worst_stands_first() {
    let standing = table().judge(&version("2023.8.4"));
    let severities: Vec<_> = standing.advisories.iter().map(|one| one.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
    assert_eq!(affecting("2026.7.0"), Vec::<String>::new());
    assert_eq!(
        affecting("2025.4.4"),
        [
            "CVE-2025-62172",
            "CVE-2025-65713",
            "CVE-2026-33044",
            "CVE-2026-33045",
            "CVE-2026-54317",
            "CVE-2026-64824",
            "CVE-2026-64825",
            "CVE-2026-91130"
        ]
    );
}

fn sample() -> Value {
    serde_json::from_str(&table().to_json()).unwrap()
}

fn code(value: &Value) -> &'static str {
    Advisories::parse(value.to_string().as_bytes()).map_or_else(|error| error.code(), |_| "read")
}

#[test]
fn a_newer_table_takes_its_place_and_an_older_one_does_not() {
    let at_hand = table();
    let now = at_hand.published.plus(DAY);
    let dated = |at: Timestamp| {
        let mut json = sample();
        json["published"] = String::from(at).into();
        json.to_string().into_bytes()
    };
    assert!(at_hand.renew(&dated(at_hand.published), now).is_ok());
    assert!(at_hand.renew(&dated(now), now).is_ok());
    let code = |at| at_hand.renew(&dated(at), now).unwrap_err().code();
    assert_eq!(code(Timestamp::from_millis(at_hand.published.millis() - 1)), "advisories-older");
    assert_eq!(code(now.plus(CLOCK_SKEW).plus(DAY)), "advisories-from-the-future");
    assert!(!at_hand.is_old(at_hand.published.plus(TABLE_AGE)));
    assert!(
        at_hand
            .is_old(at_hand.published.plus(TABLE_AGE).plus(core::time::Duration::from_millis(1)))
    );
}

#[test]
fn what_is_no_table_is_never_taken_for_an_empty_one() {
    assert_eq!(code(&sample()), "read");
    for bytes in
        [&b""[..], b"{}", b"[]", b"null", b"\xff", br#"{"schema":1,"kind":"doorlight-advisories"}"#]
    {
        assert_eq!(Advisories::parse(bytes).unwrap_err().code(), "advisories-malformed");
    }
    assert_eq!(
        Advisories::parse(&vec![b' '; MAX_TABLE + 1]).unwrap_err().code(),
        "advisories-too-large"
    );
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 18] = [
        ("advisories-newer-schema", |json| json["schema"] = 2.into()),
        ("advisories-malformed", |json| json["schema"] = 0.into()),
        ("advisories-malformed", |json| json["kind"] = "other".into()),
        ("advisories-malformed", |json| json["extra"] = 1.into()),
        ("advisories-malformed", |json| json["blocked_up_to"] = "latest".into()),
        ("advisories-malformed", |json| json["blocked_link"] = "http://example.org".into()),
        ("advisories-malformed", |json| json["source"] = "a\u{202e}b".into()),
        ("advisories-malformed", |json| json["advisories"][0]["severity"] = "harmless".into()),
        ("advisories-malformed", |json| {
            json["advisories"][0]["affected"][0]["until"] = "2026.1.0".into()
        }),
        ("advisories-entry", |json| json["advisories"][0]["ids"] = json!([])),
        ("advisories-entry", |json| json["advisories"][0]["ids"] = json!(["<b>"])),
        ("advisories-entry", |json| {
            json["advisories"][1]["ids"] = json["advisories"][0]["ids"].clone()
        }),
        ("advisories-entry", |json| json["advisories"][0]["title"] = "<img src=x>".into()),
        ("advisories-entry", |json| json["advisories"][0]["title"] = "".into()),
        ("advisories-entry", |json| json["advisories"][0]["link"] = "javascript:alert(1)".into()),
        ("advisories-entry", |json| {
            json["advisories"][0]["link"] = "https://user@example.org/".into()
        }),
        ("advisories-entry", |json| json["advisories"][0]["affected"] = json!([])),
        ("advisories-entry", |json| {
            json["advisories"][0]["affected"][0] = json!({"from": "2026.7.0", "before": "2026.7.0"})
        }),
    ];
    for (n, (expected, change)) in changes.into_iter().enumerate() {
        let mut json = sample();
        change(&mut json);
        assert_eq!(code(&json), expected, "change {n}");
    }
    let mut many = sample();
    let one = many["advisories"][0].clone();
    many["advisories"] = (0..=MAX_ADVISORIES)
        .map(|n| {
            let mut one = one.clone();
            one["ids"] = json!([format!("CVE-{n}")]);
            one
        })
        .collect();
    assert_eq!(code(&many), "advisories-too-many");
}
