//! Real chains, real lists, and what other projects made to break theirs. It lies beside the
//! project; without it these tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::ct::sct::{Sct, SctError, SignedEntry};
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use doorlight::verdict::evidence::{Check, Code, Outcome};
use doorlight::verdict::examination::Site;
use doorlight::verdict::report::SctSignature;
use doorlight::x509::bundle;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::certificate::SubjectName;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use serde_json::{Value, json};
use support::{World, code, corpora, files};

fn all_lists() -> LogLists {
    let folder = corpora("log-lists");
    let read = |path| LogList::parse(&std::fs::read(path).unwrap(), Provenance::Unsigned).unwrap();
    LogLists::new(files(&folder, ".json").iter().map(read).collect())
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn every_real_chain_is_judged_right() {
    let (folder, log_lists) = (corpora("real-chains"), all_lists());
    let world = World { roots: Roots::mozilla(), log_lists };
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut scts = 0;
    let files = files(&folder, ".pem");
    for file in &files {
        let chain = Chain::read(&std::fs::read(file).unwrap()).unwrap();
        let at = chain.leaf().not_before().plus(Duration::from_secs(12 * 3600));
        let host = host_of(chain.leaf());
        let report = world.conclude(chain, &host, at, Site::Unknown).report;
        for sct in &report.scts {
            assert_eq!(sct.signature, SctSignature::Valid, "{}: {sct:?}", file.display());
        }
        assert_eq!(code(&report, Check::Sct), Code::SctValid, "{}", file.display());
        scts += report.scts.len();
        let path = code(&report, Check::Path);
        *reasons.entry(path.as_str()).or_default() += 1;
        // All that is not validated lacks its root in today's programme; nothing else may be wrong
        // with a real chain.
        let is_a_reason = matches!(
            path,
            Code::PathPublic
                | Code::PathPrivateRoot
                | Code::PathRootDistrusted
                | Code::PathUnknownIssuer
                | Code::PathIssuerMissing
        );
        assert!(is_a_reason, "{}: {path}", file.display());
        assert_ne!(report.verdict, Verdict::Trusted, "nothing is known of the site");
    }
    println!("{} chains, {scts} SCTs, all valid; paths: {reasons:?}", files.len());
    assert_eq!((files.len(), scts), (685, 2046));
    assert_eq!(reasons["path-public"], 577);
}

fn host_of(leaf: &Certificate) -> String {
    let dns = leaf.names().iter().find_map(|name| match name {
        SubjectName::Dns(name) => Some(name.replace('*', "any")),
        _ => None,
    });
    dns.unwrap()
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn every_signed_list_verifies_and_no_flipped_copy_does() {
    let folder = corpora("log-lists");
    let is_good = |json: &[u8], signature: &[u8]| {
        LogList::signature_check(json, signature).is_some_and(|check| check.verify_natively())
    };
    let signatures = files(&folder, ".sig");
    let mut flipped = 0;
    for path in &signatures {
        let signature = std::fs::read(path).unwrap();
        let json = std::fs::read(path.with_extension("json")).unwrap();
        assert!(is_good(&json, &signature), "{}", path.display());
        let list = LogList::parse(&json, Provenance::Signed).unwrap();
        assert!(list.timestamp.is_some() && list.skipped == 0, "{}", path.display());
        // Every byte of the signature, and bytes all over the list: a prime stride visits every
        // kind of place.
        for at in 0..signature.len() {
            let mut forged = signature.clone();
            forged[at] ^= 1 << (at % 8);
            assert!(!is_good(&json, &forged), "{} signature byte {at}", path.display());
            flipped += 1;
        }
        for at in (0..json.len()).step_by(997) {
            let mut forged = json.clone();
            forged[at] ^= 1 << (at % 8);
            assert!(!is_good(&forged, &signature), "{} byte {at}", path.display());
            flipped += 1;
        }
    }
    println!("{} signed lists verify, {flipped} flipped copies do not", signatures.len());
    assert!(signatures.len() >= 20);
}

/// Cases where Doorlight's answer differs from the expected one, with the reason. Those of
/// rustls-webpki itself are in its own list.
const LIMBO_EXCEPTIONS: &[(&str, &str)] = &[
    (
        "rfc5280::ee-empty-issuer",
        "its certificate has the issuer CN=empty-issuer, which is valid and signed; see empty_issuer",
    ),
    ("rfc5280::validity::notbefore-fractional", A_CLOCK_MAY_BE_WRONG),
    ("rfc5280::validity::expired-1-second", A_CLOCK_MAY_BE_WRONG),
    ("rfc5280::validity::expired-5-seconds", A_CLOCK_MAY_BE_WRONG),
    ("rfc5280::validity::not-yet-valid-1-second", A_CLOCK_MAY_BE_WRONG),
    ("rfc5280::validity::not-yet-valid-5-seconds", A_CLOCK_MAY_BE_WRONG),
];
const A_CLOCK_MAY_BE_WRONG: &str =
    "an hour past the end and a day before the beginning are forgiven, and said (validity-skewed)";

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn limbo_agrees_but_for_the_exceptions() {
    let folder = corpora("limbo");
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let lists = ["limbo-2023-12-02.json", "limbo-2026-06.json"].map(read);
    let cases = lists.iter().flat_map(|list| list["testcases"].as_array().unwrap());
    let of_webpki = read("webpki-known-divergences.json");
    let (mut agreed, mut inapplicable, mut excepted, mut unexplained) =
        (0, 0, Vec::new(), Vec::new());
    for case in cases {
        let id = case["id"].as_str().unwrap();
        // A limit on the depth is no parameter of a TLS client; webpki's own is 6.
        // Nor are lists of revoked certificates asked for yet.
        let is_other = case["features"].as_array().is_some_and(|all| {
            all.contains(&"max-chain-depth".into()) || all.contains(&"has-crl".into())
        });
        let has_name = case["expected_peer_name"]["value"].is_string();
        if case["validation_kind"] != "SERVER" || is_other || !has_name {
            inapplicable += 1;
            continue;
        }
        let expected = case["expected_result"] == "SUCCESS";
        let actual = limbo_accepts(case);
        if actual == expected {
            agreed += 1;
            continue;
        }
        let reason = of_webpki[id]["reason"]
            .as_str()
            .or(LIMBO_EXCEPTIONS.iter().find(|(known, _)| *known == id).map(|(_, reason)| *reason));
        let word = if actual { "accepted" } else { "refused" };
        match reason {
            Some(reason) => excepted.push((id, word, reason)),
            None => unexplained
                .push(format!("{id}: {word}, and no reason is known: {}", case["description"])),
        }
    }
    println!(
        "limbo: {agreed} agree, {inapplicable} do not apply, {} differ for a reason:",
        excepted.len()
    );
    for (id, word, reason) in &excepted {
        println!("  {word:<9} {id}: {reason}");
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(agreed >= 90);
}

/// True where everything that a TLS client asks of a chain is right; pins and logs are not limbo's
/// subject.
fn limbo_accepts(case: &Value) -> bool {
    let ders = |field: &str| -> Vec<Vec<u8>> {
        let pems = case[field].as_array().unwrap().iter();
        pems.flat_map(|pem| bundle::split(pem.as_str().unwrap().as_bytes()).unwrap_or_default())
            .collect()
    };
    let mut roots = Roots::none();
    if roots.add(&ders("trusted_certs")).is_err() {
        return false;
    }
    let Ok(leaf) = bundle::split(case["peer_certificate"].as_str().unwrap().as_bytes()) else {
        return false;
    };
    let Ok(chain) = Chain::presented(&[leaf, ders("untrusted_intermediates")].concat()) else {
        return false;
    };
    let at = case["validation_time"].as_str().map_or_else(
        || "2023-12-02T00:00:00Z".parse::<Timestamp>().unwrap(),
        |time| time.parse().unwrap(),
    );
    let world = World { roots, log_lists: LogLists::default() };
    let host = case["expected_peer_name"]["value"].as_str().unwrap();
    let report = world.conclude(chain, host, at, Site::Unknown).report;
    [Check::Certificate, Check::Name, Check::Validity, Check::Key, Check::Path].into_iter().all(
        |check| {
            let is_right = |outcome| matches!(outcome, Outcome::Pass | Outcome::Note);
            report.evidence.iter().any(|one| one.check == check && is_right(one.outcome))
        },
    )
}

fn log_key(name: &str) -> Vec<u8> {
    let keys: Value = serde_json::from_str(include_str!("log_keys.json")).unwrap();
    Base64::decode_vec(keys[name].as_str().unwrap()).unwrap()
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn single_scts_give_the_errors_that_sct_rs_expects() {
    let folder = corpora("sct-negatives");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let judge = |name: &str, key: &str, entry: &[u8]| -> Result<bool, SctError> {
        let sct = Sct::parse(&read(name))?;
        let check = sct.signature_check(&log_key(key), &SignedEntry::Certificate(entry.to_vec()));
        Ok(check.is_some_and(|check| check.verify_natively()))
    };
    let mut cases = 0;
    let mut expect = |name: &str, key: &str, entry: &[u8], expected: Result<bool, SctError>| {
        assert_eq!(judge(name, key, entry), expected, "{name}");
        cases += 1;
    };
    for kind in ["ecdsa_p256", "ecdsa_p384", "rsa2048", "rsa3072", "rsa4096"] {
        let key = format!("sct.rs {kind}");
        for (case, good) in [("basic", true), ("wrongtime", false), ("wrongcert", false)] {
            expect(&format!("{kind}-{case}-sct.bin"), &key, b"cert", Ok(good));
        }
    }
    for (case, expected) in [
        ("wrongext", Ok(false)),
        ("badsigalg", Ok(false)),
        // Read and verified as such; that its log is another, or its time to come, is for the
        // examination to say.
        ("wrongid", Ok(true)),
        ("future", Ok(true)),
        ("junk", Err(SctError::Malformed)),
        ("version", Err(SctError::Malformed)),
    ] {
        let expected = if case == "badsigalg" {
            judge("ecdsa_p256-badsigalg-sct.bin", "sct.rs ecdsa_p256", b"cert").and(expected)
        } else {
            expected
        };
        expect(&format!("ecdsa_p256-{case}-sct.bin"), "sct.rs ecdsa_p256", b"cert", expected);
    }
    let whole = read("ecdsa_p256-short-sct.bin");
    for length in 0..whole.len() {
        assert!(Sct::parse(&whole[..length]).is_err(), "cut at {length}");
    }
    expect("google-sct0.bin", "sct.rs google pilot", &read("google-cert.bin"), Ok(true));
    expect("google-sct1.bin", "sct.rs symantec", &read("google-cert.bin"), Ok(true));
    println!("{cases} single SCTs give the expected results");
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn firefox_ct_certificates_give_the_expected_results() {
    let folder = corpora("test-ct");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    // The operators are those of Firefox's test logs.
    let log = |key: &str| {
        let spki = log_key(key);
        let id = doorlight::x509::fingerprint::SpkiSha256::of(&spki);
        json!({
            "description": key,
            "log_id": Base64::encode_string(id.as_bytes()),
            "key": Base64::encode_string(&spki),
            "state": {"usable": {"timestamp": "2015-01-01T00:00:00Z"}},
        })
    };
    let list = json!({"version": "test", "log_list_timestamp": "2025-12-01T00:00:00Z", "operators": [
        {"name": "Mozilla Test Org 1", "logs": [log("mozilla default"), log("mozilla secp256r1")]},
        {"name": "Mozilla Test Org 2", "logs": [log("mozilla alternate")], "tiled_logs": [log("mozilla ev")]},
    ]});
    let list = LogList::parse(list.to_string().as_bytes(), Provenance::Unsigned).unwrap();
    let mut roots = Roots::none();
    roots.add(&bundle::split(&read("test-ca.pem")).unwrap()).unwrap();
    let world = World { roots, log_lists: LogLists::new(vec![list]) };
    for (name, sct, policy) in [
        ("ct-valid", Code::SctValid, Code::CtPolicyMet),
        ("ct-tiled-valid", Code::SctValid, Code::CtPolicyMet),
        ("ct-insufficient-scts", Code::SctValid, Code::CtPolicyShort),
        ("ct-multiple-from-same-log", Code::SctValid, Code::CtPolicyShort),
        ("ct-unknown-log", Code::SctValid, Code::CtPolicyShort),
        ("ct-future-timestamp", Code::SctFromTheFuture, Code::CtPolicyMet),
        ("no-ct", Code::SctNotExpected, Code::CtPolicyNotExpected),
    ] {
        let chain = Chain::read(&read(&format!("{name}.example.com.pem"))).unwrap();
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let report =
            world.conclude(chain, &format!("{name}.example.com"), at, Site::Unknown).report;
        assert_eq!(
            (code(&report, Check::Sct), code(&report, Check::CtPolicy)),
            (sct, policy),
            "{name}"
        );
        assert_eq!(code(&report, Check::Path), Code::PathAddedRoot, "{name}");
        if name == "ct-tiled-valid" {
            let index: Vec<_> = report.scts.iter().filter_map(|sct| sct.leaf_index).collect();
            assert_eq!(index, [567_502_607_955]);
        }
    }
    // SCTs that come beside the certificate sign the certificate itself.
    let pairs = [
        ("ct-tampered", "ct-tampered-1.sct", "mozilla default", false),
        ("ct-tampered", "ct-tampered-2.sct", "mozilla alternate", true),
        ("ct-via-ocsp", "ct-via-ocsp-1.sct", "mozilla default", true),
        ("ct-via-tls", "ct-via-tls-1.sct", "mozilla default", true),
    ];
    for (certificate, sct, key, expected) in pairs {
        let leaf =
            bundle::split(&read(&format!("{certificate}.example.com.pem"))).unwrap().remove(0);
        let bytes = read(sct);
        let sct = Sct::parse(&bytes).unwrap_or_else(|error| panic!("{sct}: {error}"));
        let check = sct.signature_check(&log_key(key), &SignedEntry::Certificate(leaf)).unwrap();
        assert_eq!(check.verify_natively(), expected, "{certificate}");
    }
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn precertificates_are_taken_apart_to_the_byte() {
    let folder = corpora("precerts");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let first =
        |name: &str| Certificate::from_der(&bundle::split(&read(name)).unwrap()[0]).unwrap();
    let cloudflare = first("cloudflare.pem");
    assert_eq!(cloudflare.precertificate_tbs().unwrap(), read("cloudflare-tbs-without-sct.der"));
    assert!(!cloudflare.is_precertificate() && cloudflare.sct_list().is_some());
    for name in ["precert-valid.pem", "real-precert-with-eku.pem", "preissuer-chain.pem"] {
        let precertificate = first(name);
        assert!(precertificate.is_precertificate(), "{name}");
        // Taking the poison out shortens it, by that extension and nothing else.
        let tbs = precertificate.precertificate_tbs().unwrap();
        assert!(tbs.len() < precertificate.der().len(), "{name}");
        let chain = Chain::read(&read(name)).unwrap();
        let world = World { roots: Roots::mozilla(), log_lists: LogLists::default() };
        let at = precertificate.not_before().plus(Duration::from_secs(3600));
        let report =
            world.conclude(chain, "certificate.transparency.dev", at, Site::Unknown).report;
        assert_eq!(report.verdict, Verdict::Danger, "{name}: a precertificate must not be used");
    }
    assert_eq!(
        first("preissuer-chain.pem").precertificate_tbs().unwrap(),
        read("preissuer-precert-tbs.der")
    );
}
