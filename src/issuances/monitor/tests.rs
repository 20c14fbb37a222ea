use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::samples::*;
use super::*;
use crate::fetch::Answer;
use crate::x509::certificate::Certificate;
use crate::x509::serial::Serial;

const LAB: Sources<'_> =
    Sources { cert_spotter: Some("http://spotter"), crt_sh: Some("http://crt") };

/// Both monitors as they should be: what is asked for by name, one page, then an empty one;
/// certificates by number.
fn honest<'a>(
    spotter: Vec<Value>,
    exact: Vec<Value>,
    wildcard: Vec<Value>,
    certificates: &'a [(u64, Certificate)],
) -> impl Fn(&str) -> Result<Answer, FetchError> + 'a {
    move |url| {
        let list = |rows: &[Value]| ok(Value::from(rows.to_vec()).to_string());
        if let Some(id) = url.strip_prefix("http://crt/?d=") {
            let found = certificates.iter().find(|(number, _)| number.to_string() == id);
            return found.map_or_else(|| status(404, None), |(_, one)| ok(one.pem()));
        }
        match url {
            _ if url.starts_with("http://spotter/v1/issuances?domain=home.lab.example&") => {
                if url.contains("&after=") { ok("[]") } else { list(&spotter) }
            }
            "http://crt/?dNSName=home.lab.example&match==&exclude=expired&deduplicate=Y&output=json" => {
                list(&exact)
            }
            "http://crt/?dNSName=*.lab.example&match==&exclude=expired&deduplicate=Y&output=json" => {
                list(&wildcard)
            }
            _ => panic!("nobody should ask for {url}"),
        }
    }
}

/// The question for a host of which no certificate was seen.
fn of(host: &str) -> Option<Query> {
    Query::new(&host.parse().unwrap(), None, None)
}

fn query() -> Option<Query> {
    of(HOST)
}

fn look(network: &Memory<'_>) -> Found {
    block_on(look_up(network, query().as_ref(), &LAB, |_| false))
}

fn codes(found: &Found) -> Vec<Option<&'static str>> {
    found.looks.iter().map(|(_, flaw)| flaw.as_ref().map(MonitorError::code)).collect()
}

#[test]
fn certificate_and_precertificate_from_both_monitors_are_one() {
    let world = World::new("Lab Trust");
    let certificate = world.issue(WISH);
    let precertificate = world.issue(Wish { is_precertificate: true, ..WISH });
    assert!(precertificate.is_precertificate() && !certificate.is_precertificate());
    for with_certificate in [true, false] {
        let kept = [(11, certificate.clone()), (12, precertificate.clone())];
        let exact = vec![crt_sh_row(&certificate, 11, HOST), crt_sh_row(&precertificate, 12, HOST)];
        let spotter = vec![cert_spotter_row(&precertificate, 5, HOST, with_certificate)];
        // The wildcard's question brings the same entry again.
        let wildcard = vec![crt_sh_row(&certificate, 11, HOST)];
        let network = Memory::new(honest(spotter, exact, wildcard, &kept));
        let found = look(&network);
        assert_eq!(codes(&found), [None, None]);
        let [one] = found.issuances.as_slice() else { panic!("{:#?}", found.issuances) };
        assert_eq!(one.spki_sha256, Some(certificate.spki_sha256()));
        assert_eq!(one.serials, BTreeSet::from([Serial::of(&certificate).unwrap()]));
        assert_eq!(
            one.tbs_sha256.len(),
            1,
            "TBS of certificate and precertificate are the same without their words for logs"
        );
        assert_eq!(one.entries.len(), 3);
        assert!(one.is_read);
    }
}

#[test]
fn exact_and_wildcard_are_asked_for_and_others_are_told_apart() {
    let world = World::new("Lab Trust");
    let own = world.issue(WISH);
    let wild = world.issue(Wish { key: 1, serial: 1 << 100, name: WILDCARD, ..WISH });
    let kept = [(1, own.clone()), (2, wild.clone())];
    let network = Memory::new(honest(
        vec![],
        vec![crt_sh_row(&own, 1, HOST)],
        vec![crt_sh_row(&wild, 2, WILDCARD)],
        &kept,
    ));
    let found = look(&network);
    assert_eq!(codes(&found), [None, None]);
    let keys: BTreeSet<_> = found.issuances.iter().map(|one| one.spki_sha256.unwrap()).collect();
    assert_eq!(keys, BTreeSet::from([own.spki_sha256(), wild.spki_sha256()]));
    let names: BTreeSet<_> = found.issuances.iter().flat_map(|one| one.names.clone()).collect();
    assert_eq!(
        names,
        BTreeSet::from([HOST.to_owned(), WILDCARD.to_owned()]),
        "names of others are not kept"
    );
}

#[test]
fn a_name_directly_under_a_top_level_domain_has_no_wildcard_question() {
    let network = Memory::new(|_| ok("[]"));
    let sources = Sources { cert_spotter: None, ..LAB };
    let found = block_on(look_up(&network, of("home.example").as_ref(), &sources, |_| false));
    assert_eq!(codes(&found), [None]);
    assert_eq!(network.asked.borrow().len(), 1);
}

#[test]
fn an_ip_address_is_asked_of_nobody() {
    let network = Memory::new(|_| panic!("nobody may learn of it"));
    let found = block_on(look_up(&network, of("192.168.1.5").as_ref(), &LAB, |_| false));
    assert_eq!(codes(&found), [Some("no-name"), Some("no-name")]);
}

#[test]
fn only_what_nothing_explains_is_fetched_and_at_most_twenty() {
    let world = World::new("Lab Trust");
    let all: Vec<_> = (0..30)
        .map(|n| {
            (
                n,
                world.issue(Wish {
                    key: 1,
                    serial: (1 << 90) + u128::from(n),
                    from: -30 + i64::try_from(n).unwrap(),
                    ..WISH
                }),
            )
        })
        .collect();
    let rows: Vec<_> = all.iter().map(|(n, one)| crt_sh_row(one, *n, HOST)).collect();
    let network = Memory::new(honest(vec![], rows.clone(), vec![], &all));
    let found = look(&network);
    assert_eq!(codes(&found), [None, None], "certificates that wait for the next look are no flaw");
    let with_key: Vec<_> = found.issuances.iter().filter(|one| one.spki_sha256.is_some()).collect();
    assert_eq!((found.issuances.len(), with_key.len()), (30, crt_sh::MAX_CERTIFICATES));
    assert!(with_key.iter().all(|one| one.not_before >= days(-20)), "the newest come first");
    // Known ones are left alone, and those that the other monitor explains.
    let spotter =
        all.iter().take(10).map(|(n, one)| cert_spotter_row(one, *n, HOST, true)).collect();
    let network = Memory::new(honest(spotter, rows, vec![], &all));
    let is_known = |one: &Issuance| one.not_before < days(-12);
    let found = block_on(look_up(&network, query().as_ref(), &LAB, is_known));
    let fetched: Vec<u64> = network
        .asked
        .borrow()
        .iter()
        .filter_map(|url| url.strip_prefix("http://crt/?d=")?.parse().ok())
        .collect();
    assert_eq!(fetched, (18..30).rev().collect::<Vec<u64>>());
    assert_eq!(found.issuances.len(), 30);
}

/// A CA that was made to issue a second certificate under the number of the first hides nothing.
#[test]
fn one_serial_number_with_two_keys_is_two_issuances() {
    let world = World::new("Lab Trust");
    let (own, twin) = (world.issue(WISH), world.issue(Wish { key: 1, ..WISH }));
    assert_eq!(own.serial(), twin.serial());
    let kept = [(1, own.clone()), (2, twin.clone())];
    let rows = vec![crt_sh_row(&own, 1, HOST), crt_sh_row(&twin, 2, HOST)];
    let spotter = vec![cert_spotter_row(&own, 1, HOST, true)];
    let found = look(&Memory::new(honest(spotter, rows, vec![], &kept)));
    let keys: BTreeSet<_> = found.issuances.iter().map(|one| one.spki_sha256).collect();
    assert_eq!(keys, BTreeSet::from([Some(own.spki_sha256()), Some(twin.spki_sha256())]));
}

#[test]
fn the_certificate_wins_over_the_words_and_the_words_cost_belief() {
    let world = World::new("Lab Trust");
    let (own, other) = (world.issue(WISH), world.issue(Wish { key: 1, serial: 1 << 99, ..WISH }));
    let honest_row = cert_spotter_row(&other, 1, HOST, true);
    for (field, value) in [
        ("pubkey_sha256", json!(own.spki_sha256())),
        ("tbs_sha256", json!("ab".repeat(32))),
        ("not_after", json!(days(5))),
    ] {
        let mut row = honest_row.clone();
        row[field] = value;
        let found = look(&Memory::new(honest(vec![row], vec![], vec![], &[])));
        assert_eq!(codes(&found), [Some("not-believed"), None], "{field}");
        let [one] = found.issuances.as_slice() else { panic!("{field}") };
        assert_eq!(
            (one.spki_sha256, one.not_after),
            (Some(other.spki_sha256()), other.not_after()),
            "{field}"
        );
    }
    // A certificate for somebody else, said to be for this host.
    let foreign = world.issue(Wish { name: "bank.example", ..WISH });
    let found = look(&Memory::new(honest(
        vec![cert_spotter_row(&foreign, 1, HOST, true)],
        vec![],
        vec![],
        &[],
    )));
    assert_eq!((codes(&found), found.issuances.len()), (vec![Some("not-believed"), None], 0));
    // crt.sh: another certificate behind the number than the entry says. The entry stays open.
    let kept = [(1, other.clone())];
    let found = look(&Memory::new(honest(vec![], vec![crt_sh_row(&own, 1, HOST)], vec![], &kept)));
    assert_eq!(codes(&found), [None, Some("not-believed")]);
    assert_eq!(found.issuances.iter().map(|one| one.spki_sha256).collect::<Vec<_>>(), [None]);
    // Words of one monitor about a certificate that the other shows.
    let mut row = cert_spotter_row(&own, 1, HOST, false);
    row["pubkey_sha256"] = json!(other.spki_sha256());
    let kept = [(1, own.clone()), (2, own.clone())];
    let rows = vec![crt_sh_row(&own, 1, HOST), crt_sh_row(&own, 2, HOST)];
    let found = look(&Memory::new(honest(vec![row], rows, vec![], &kept)));
    assert_eq!(codes(&found), [Some("not-believed"), Some("not-believed")]);
    assert_eq!(
        found.issuances.iter().map(|one| one.spki_sha256).collect::<Vec<_>>(),
        [Some(own.spki_sha256())]
    );
}

#[test]
fn pages_are_followed_to_the_empty_one() {
    let world = World::new("Lab Trust");
    let all: Vec<_> = (0..5_u64)
        .map(|n| {
            world.issue(Wish {
                serial: (1 << 90) + u128::from(n),
                from: -5 - i64::try_from(n).unwrap(),
                ..WISH
            })
        })
        .collect();
    let network = Memory::new(|url| {
        let after: u64 = url.split_once("&after=").map_or(0, |(_, id)| id.parse().unwrap());
        let page: Vec<_> = (after + 1..=5)
            .take(2)
            .map(|id| cert_spotter_row(&all[usize::try_from(id).unwrap() - 1], id, HOST, true))
            .collect();
        ok(Value::from(page).to_string())
    });
    let found =
        block_on(look_up(&network, query().as_ref(), &Sources { crt_sh: None, ..LAB }, |_| false));
    assert_eq!((codes(&found), found.issuances.len()), (vec![None], 5));
    assert_eq!(network.asked.borrow().len(), 4);
}

#[test]
fn endless_pages_come_to_an_end() {
    let world = World::new("Lab Trust");
    let own = world.issue(WISH);
    // The same page for ever.
    let network = Memory::new(|_| ok(json!([cert_spotter_row(&own, 7, HOST, true)]).to_string()));
    let sources = Sources { crt_sh: None, ..LAB };
    let found = block_on(look_up(&network, query().as_ref(), &sources, |_| false));
    assert_eq!((codes(&found), found.issuances.len()), (vec![Some("paging-stuck")], 1));
    assert_eq!(network.asked.borrow().len(), 2);
    // Always one more.
    let network = Memory::new(|url| {
        let after: u64 = url.split_once("&after=").map_or(0, |(_, id)| id.parse().unwrap());
        ok(json!([cert_spotter_row(&own, after + 1, HOST, false)]).to_string())
    });
    let found = block_on(look_up(&network, query().as_ref(), &sources, |_| false));
    assert_eq!((codes(&found), found.issuances.len()), (vec![Some("too-many")], 1));
    assert_eq!(network.asked.borrow().len(), cert_spotter::MAX_PAGES);
}

#[test]
fn a_monitor_that_asks_for_patience_gets_it() {
    let network = Memory::new(|_| status(429, Some(3600)));
    let found = look(&network);
    assert_eq!(codes(&found), [Some("rate-limited"), Some("rate-limited")]);
    assert!(
        found.looks.iter().all(
            |(_, flaw)| flaw.as_ref().unwrap().retry_after() == Some(Duration::from_secs(3600))
        )
    );
    // Once for each question: no second try against the monitor's will.
    assert_eq!((network.asked.borrow().len(), *network.slept.borrow()), (3, Duration::ZERO));
}

/// Done-when 4: every endpoint, every kind of bad answer. The others' entries are there, nothing is
/// taken for fine, nothing panics.
#[test]
fn every_bad_answer_of_every_endpoint_is_a_look_that_is_not_whole() {
    let world = World::new("Lab Trust");
    let (own, second) = (world.issue(WISH), world.issue(Wish { key: 1, serial: 1 << 99, ..WISH }));
    let good = cert_spotter_row(&own, 1, HOST, true);
    let row = crt_sh_row(&own, 1, HOST);
    let with = |row: &Value, field: &str, value: Value| {
        let mut row = row.clone();
        row[field] = value;
        json!([row]).to_string()
    };
    let deep = "[".repeat(100_000);
    let half = json!([good]).to_string();
    let mut table: Vec<(&str, Result<Answer, FetchError>, &str)> = vec![
        ("a page", ok("<!DOCTYPE html><title>502</title>"), "not-json"),
        ("nothing", ok(""), "not-json"),
        ("white space", ok("  \n"), "not-json"),
        ("text", ok("null"), "not-json"),
        ("no UTF-8", ok(b"[\"\xff\xfe\"]".to_vec()), "malformed"),
        ("an object", ok(r#"{"code":"not_allowed_by_plan","message":"no"}"#), "malformed"),
        ("cut off", ok(half[..half.len() / 2].to_owned()), "malformed"),
        ("more after the end", ok("[] []"), "malformed"),
        ("nesting", ok(deep.clone()), "malformed"),
        ("nesting that closes", ok(format!("[{deep}{}]", "]".repeat(100_000))), "entries-skipped"),
        (
            "nesting in a field",
            ok(format!("[{{\"id\":{deep}{}}}]", "]".repeat(100_000))),
            "entries-skipped",
        ),
        ("ten megabytes", ok(vec![b' '; 10 << 20]), "too-large"),
        ("entries without end", ok(format!("[{}1]", "1,".repeat(1_000_000))), "too-many"),
        ("empty objects", ok(r#"[{},{}]"#), "entries-skipped"),
        ("numbers", ok("[1,2,3]"), "entries-skipped"),
        ("502", status(502, None), "status"),
        ("500", status(500, None), "status"),
        ("404", status(404, None), "status"),
        ("a redirect", status(302, None), "status"),
        ("429", status(429, None), "rate-limited"),
        ("503 for a day", status(503, Some(86_400)), "rate-limited"),
        ("no connection", Err(FetchError::Unreachable { url: String::new() }), "unreachable"),
        ("no time", Err(FetchError::TimedOut { url: String::new() }), "timed-out"),
        ("not allowed", Err(FetchError::NotAllowed { url: String::new() }), "not-allowed"),
        ("ended", Err(FetchError::Cancelled), "cancelled"),
    ];
    let shared = table.len();
    let evil = "<script>alert(1)</script>\u{202e}\u{200b}\u{0}";
    for (field, value) in [
        ("id", json!(-1)),
        ("id", json!(1.5)),
        ("id", json!("../../evil")),
        ("id", json!("9".repeat(21))),
        ("not_before", json!("tomorrow")),
        ("not_before", json!("2026-11-22T12:00:00.5")),
        ("not_after", json!("1969-01-01T00:00:00")),
        ("not_after", json!("2020-01-01T00:00:00")),
        ("serial_number", json!("")),
        ("serial_number", json!("-5")),
        ("serial_number", json!("f".repeat(65))),
        ("name_value", json!("bank.example")),
        ("name_value", json!("x".repeat(70_000))),
        ("name_value", json!([HOST])),
        ("issuer_name", json!(null)),
    ] {
        let mut bad = with(&row, field, value);
        if field == "name_value" {
            bad = bad.replace(
                &format!("\"common_name\":\"{HOST}\""),
                &format!("\"common_name\":{}", json!(evil)),
            );
        }
        table.push(("crt.sh", ok(bad), "entries-skipped"));
    }
    for (field, value) in [
        ("id", json!(null)),
        ("tbs_sha256", json!("AB".repeat(32))),
        ("tbs_sha256", json!("ab".repeat(31))),
        ("pubkey_sha256", json!("zz".repeat(32))),
        ("dns_names", json!(["*.com", evil])),
        ("dns_names", json!("home.lab.example")),
        ("dns_names", json!([HOST, "x".repeat(70_000)])),
        ("issuer", json!({})),
        ("not_after", json!("")),
        ("cert", json!({"data": "not base64!"})),
        ("cert", json!({"data": "AAAA"})),
        ("cert", json!({"data": "A".repeat(200_000)})),
    ] {
        table.push(("Cert Spotter", ok(with(&good, field, value)), "entries-skipped"));
    }
    let spotter_rows = vec![cert_spotter_row(&second, 9, HOST, true)];
    let kept = [(1, own.clone())];
    let mut cases = 0;
    for (n, (what, bad, code)) in table.iter().enumerate() {
        let is_shared = n < shared;
        for (endpoint, monitor) in [
            ("http://spotter/v1/issuances?", 0),
            ("&after=9", 0),
            ("http://crt/?dNSName=home", 1),
            ("http://crt/?dNSName=*", 1),
        ] {
            if !is_shared && (*what == "Cert Spotter") != (monitor == 0) {
                continue;
            }
            let right = honest(spotter_rows.clone(), vec![row.clone()], vec![], &kept);
            let network = Memory::new(|url| {
                let is_hit = url.contains(endpoint)
                    && (endpoint.starts_with('&') || !url.contains("&after="));
                if is_hit { bad.clone() } else { right(url) }
            });
            let found = look(&network);
            let flaws = codes(&found);
            // What is skipped may have no number to go on from; that ends the pages.
            let is_expected = flaws[monitor] == Some(code)
                || (monitor == 0 && *code == "entries-skipped" && flaws[0] == Some("paging-stuck"));
            assert!(is_expected, "{what} at {endpoint}: {flaws:?}");
            assert_eq!(flaws[1 - monitor], None, "{what} at {endpoint}");
            let other = if monitor == 0 { own.spki_sha256() } else { second.spki_sha256() };
            assert!(
                found.issuances.iter().any(|one| one.spki_sha256 == Some(other)),
                "{what} at {endpoint}: lost"
            );
            assert!(
                network.asked.borrow().len() < 20
                    && *network.slept.borrow() < Duration::from_secs(10)
            );
            cases += 1;
        }
        // A certificate that cannot be had: its entry stays open.
        let right = honest(vec![], vec![row.clone()], vec![], &kept);
        let network = Memory::new(|url| if url.contains("?d=") { bad.clone() } else { right(url) });
        let found = look(&network);
        assert_eq!(codes(&found), [None, None], "{what}");
        assert_eq!(
            found.issuances.iter().map(|one| one.spki_sha256).collect::<Vec<_>>(),
            [None],
            "{what}"
        );
        cases += 1;
    }
    println!("{cases} bad answers");
}

#[test]
fn hostile_text_is_safe_to_show() {
    let world = World::new("Lab Trust");
    let own = world.issue(WISH);
    let evil = "O=<b>\u{202e}\u{200b}\u{1b}[2J\n, CN=x";
    let mut row = crt_sh_row(&own, 1, HOST);
    row["issuer_name"] = json!(evil);
    let mut spotted =
        cert_spotter_row(&world.issue(Wish { key: 2, serial: 1 << 80, ..WISH }), 1, HOST, false);
    spotted["issuer"]["name"] = json!(evil);
    let found = look(&Memory::new(honest(vec![spotted], vec![row], vec![], &[])));
    assert_eq!(found.issuances.len(), 2);
    for one in &found.issuances {
        for text in [Some(&one.issuer.name), one.issuer.organisation.as_ref()].into_iter().flatten()
        {
            assert!(
                !text.chars().any(|c| c.is_control() || c == '\u{202e}' || c == '\u{200b}'),
                "{text:?}"
            );
        }
    }
}

#[test]
fn numbers_as_text_are_numbers() {
    let world = World::new("Lab Trust");
    let own = world.issue(WISH);
    let mut row = crt_sh_row(&own, 1, HOST);
    row["id"] = json!("1");
    row["serial_number"] = json!(format!("00{}", own.serial().to_uppercase()));
    row["not_before"] = json!(own.not_before());
    let mut spotted = cert_spotter_row(&own, 1, HOST, true);
    spotted["id"] = json!(1);
    let found = look(&Memory::new(honest(vec![spotted], vec![row], vec![], &[])));
    assert_eq!((codes(&found), found.issuances.len()), (vec![None, None], 1));
}

/// Entries as the public monitors wrote them, where they lie beside the project.
#[test]
fn real_entries_are_read() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/monitors");
    if !folder.is_dir() {
        println!("monitors: skipped, the corpora are not beside the project");
        return;
    }
    let mut read = 0;
    for (file, host, count) in [
        ("certspotter_issuances_sslmate_2022.json", "sslmate.com", 1),
        ("crtsh_github_2015.json", "www.github.com", 2),
        ("crtsh_r11_2025.json", "inlanefreight.com", 1),
    ] {
        let body = std::fs::read(folder.join(file)).unwrap();
        let is_spotter = file.starts_with("certspotter");
        let network = Memory::new(|url| {
            let is_asked = url.contains(&format!("={host}&")) && !url.contains("&after=");
            if is_asked { ok(body.clone()) } else { ok("[]") }
        });
        let sources = if is_spotter {
            Sources { crt_sh: None, ..LAB }
        } else {
            Sources { cert_spotter: None, ..LAB }
        };
        let found = block_on(look_up(&network, of(host).as_ref(), &sources, |_| true));
        assert_eq!(found.issuances.len(), count, "{file}");
        assert!(found.issuances.iter().all(|one| one.issuer.organisation.is_some()), "{file}");
        // One entry of the file is of another host: it makes no sense as an answer to this
        // question.
        let flaw = (host == "www.github.com").then_some("entries-skipped");
        assert_eq!(codes(&found), [flaw], "{file}");
        read += found.issuances.len();
    }
    println!("{read} real entries of 3 files");
}

/// Done-when 3: ten thousand issuances in both monitors.
#[test]
fn ten_thousand_issuances_are_handled() {
    use crate::issuances::watch::{MAX_ISSUANCES, MAX_KEPT, WatchRecord};
    let world = World::new("Lab Trust");
    let base = world.issue(WISH);
    let (spotter, crt): (Vec<_>, Vec<_>) = (1..=10_000_u64)
        .map(|n| {
            let mut row = cert_spotter_row(&base, n, HOST, true);
            row["cert"] = json!(null);
            row["tbs_sha256"] = json!(format!("{n:064x}"));
            row["not_before"] = json!(days(-10).plus(Duration::from_secs(n)));
            let mut other = crt_sh_row(&base, n, HOST);
            other["serial_number"] = json!(format!("{:032x}", (1_u128 << 100) + u128::from(n)));
            (row, other)
        })
        .unzip();
    let pages: Vec<String> =
        spotter.chunks(1000).map(|page| Value::from(page.to_vec()).to_string()).collect();
    let exact = Value::from(crt).to_string();
    println!(
        "crt.sh: {} bytes, Cert Spotter: {} pages of {} bytes",
        exact.len(),
        pages.len(),
        pages[0].len()
    );
    let network = Memory::new(|url| {
        if url.contains("?d=") {
            return status(404, None);
        }
        if url.contains("spotter") {
            let after: usize = url.split_once("&after=").map_or(0, |(_, id)| id.parse().unwrap());
            return ok(pages.get(after / 1000).cloned().unwrap_or("[]".into()));
        }
        if url.contains("=home.") { ok(exact.clone()) } else { ok("[]") }
    });
    let mut site = crate::site::SiteRecord::new(HOST.parse().unwrap());
    site.pin(crate::x509::fingerprint::SpkiSha256::of(b"mine"), crate::site::Origin::Home, now());
    let mut record = WatchRecord::new(HOST.parse().unwrap(), days(-100));
    let start = std::time::Instant::now();
    let found = look(&network);
    let looked = start.elapsed();
    let alarms = record.take_in(&found, &site, now());
    println!(
        "10,000 + 10,000 entries: read and joined in {looked:?}, taken in after {:?}",
        start.elapsed()
    );
    // So many of crt.sh may be a part, which it does not say.
    assert_eq!((codes(&found), found.issuances.len()), (vec![None, Some("too-many")], 20_000));
    assert_eq!(alarms.len(), record.issuances.len());
    assert!(
        (1000..=MAX_ISSUANCES).contains(&alarms.len()) && record.to_json().len() < MAX_KEPT + 1000
    );
    for alarm in alarms {
        assert!(record.told(&alarm.id, now()));
    }
    assert_eq!(record.take_in(&found, &site, days(1)), [], "told is told, also what had no room");
}

/// What leaves this machine for a host, by the certificate that was last seen there.
#[test]
fn a_name_is_asked_for_that_stands_in_a_certificate() {
    let world = World::new("Lab Trust");
    let leaf = |name| world.issue(Wish { name, ..WISH });
    let cloud = "s3cret.a1b2c3d4.ui.nabu.casa";
    for (host, leaf, name, is_below) in [
        ("home.lab.example", None, "home.lab.example", false),
        ("home.lab.example", Some(leaf("home.lab.example")), "home.lab.example", false),
        ("home.lab.example", Some(leaf("*.lab.example")), "lab.example", true),
        ("HOME.lab.example", Some(leaf("*.LAB.example")), "lab.example", true),
        // A certificate for somebody else says nothing.
        ("home.lab.example", Some(leaf("other.example")), "home.lab.example", false),
        ("home.lab.example", Some(leaf("*.home.lab.example")), "home.lab.example", false),
        // Nobody is asked for a whole top-level domain, or for all homes of the cloud.
        ("home.example", Some(leaf("*.example")), "home.example", false),
        ("a1b2c3d4.ui.nabu.casa", Some(leaf("*.ui.nabu.casa")), "a1b2c3d4.ui.nabu.casa", false),
        (cloud, None, "a1b2c3d4.ui.nabu.casa", true),
        (cloud, Some(leaf("other.example")), "a1b2c3d4.ui.nabu.casa", true),
        (cloud, Some(leaf("*.a1b2c3d4.ui.nabu.casa")), "a1b2c3d4.ui.nabu.casa", true),
        (cloud, Some(leaf(cloud)), "a1b2c3d4.ui.nabu.casa", true),
        ("x.y.a1b2c3d4.ui.nabu.casa", None, "a1b2c3d4.ui.nabu.casa", true),
    ] {
        let query = Query::new(&host.parse().unwrap(), leaf.as_ref(), None).unwrap();
        assert_eq!((query.name(), query.is_below()), (name, is_below), "{host}");
    }
    assert_eq!(Query::new(&"192.168.1.5".parse().unwrap(), Some(&leaf("*.168.1.5")), None), None);
    // Without one that nothing speaks against, it is as before.
    for (before, name) in [
        (Some("lab.example"), "lab.example"),
        (Some("home.lab.example"), "home.lab.example"),
        (Some("other.example"), "home.lab.example"),
        (Some("b.example"), "home.lab.example"),
        (None, "home.lab.example"),
    ] {
        let host = "home.lab.example".parse().unwrap();
        for leaf in [None, Some(leaf("other.example"))] {
            assert_eq!(Query::new(&host, leaf.as_ref(), before).unwrap().name(), name);
        }
        let seen = leaf("*.lab.example");
        assert_eq!(Query::new(&host, Some(&seen), before).unwrap().name(), "lab.example");
    }
}

/// crt.sh cuts at ten thousand names, before it groups them by certificate, and does not say so.
#[test]
fn an_answer_of_crt_sh_that_may_be_cut_is_not_whole() {
    let world = World::new("Lab Trust");
    let own = world.issue(WISH);
    let sources = Sources { cert_spotter: None, ..LAB };
    for (rows, names, code) in
        [(90, 99, None), (91, 99, Some("too-many")), (9_001, 1, Some("too-many"))]
    {
        let all: Vec<_> = (0..rows)
            .map(|n| {
                let mut row = crt_sh_row(&own, n, HOST);
                row["name_value"] = vec![HOST; names].join("\n").into();
                row
            })
            .collect();
        let body = Value::from(all).to_string();
        let network = Memory::new(|url| {
            if url.contains("?d=") {
                return status(404, None);
            }
            if url.contains("=home.") { ok(body.clone()) } else { ok("[]") }
        });
        let found = block_on(look_up(&network, query().as_ref(), &sources, |_| true));
        assert_eq!(codes(&found), [code], "{rows} rows of {names} names");
    }
}
