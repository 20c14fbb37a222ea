//! Ways from a server's certificate to a root that are not as they should be; and thousands made at
//! random, each way that is taken shown to OpenSSL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use doorlight::ct::log_list::LogLists;
use doorlight::verdict::evidence::{Check, Code, Outcome};
use doorlight::verdict::examination::Site;
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use support::{World, code, timestamp};
use time::{Duration, OffsetDateTime};

const HOST: &str = "home.example.org";

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_796_000_000).unwrap()
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = now() - Duration::days(30);
    params.not_after = now() + Duration::days(30);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server() -> CertificateParams {
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "server");
    params.not_before = now() - Duration::days(10);
    params.not_after = now() + Duration::days(10);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

/// A certificate for the key of `of`, by whoever has the name in `by` and the key `with`. It names
/// that key, because OpenSSL tries one issuer of a name.
fn signed(
    what: &CertificateParams,
    of: &KeyPair,
    by: &CertificateParams,
    with: &KeyPair,
) -> Vec<u8> {
    let mut what = what.clone();
    what.use_authority_key_identifier_extension = true;
    what.signed_by(of, &Issuer::from_params(by, with)).unwrap().der().to_vec()
}

fn judge(chain: &[Vec<u8>], roots: &[Vec<u8>]) -> Report {
    let mut known = Roots::none();
    known.add(roots).unwrap();
    let world = World { roots: known, log_lists: LogLists::default() };
    let chain = Chain::presented(chain).unwrap();
    world.conclude(chain, HOST, timestamp(now()), Site::Unknown).report
}

fn path_of(chain: &[Vec<u8>], roots: &[Vec<u8>]) -> Code {
    code(&judge(chain, roots), Check::Path)
}

/// The path of server, one authority, root, where something about either is `changed`.
fn changed(change: impl Fn(&mut CertificateParams, &mut CertificateParams)) -> Code {
    let [root_key, authority_key, server_key] = [key(), key(), key()];
    let root_params = authority("Root");
    let root = root_params.self_signed(&root_key).unwrap().der().to_vec();
    let (mut authority, mut server) = (authority("Authority"), server());
    change(&mut authority, &mut server);
    let between = signed(&authority, &authority_key, &root_params, &root_key);
    let leaf = signed(&server, &server_key, &authority, &authority_key);
    path_of(&[leaf, between], &[root])
}

#[test]
fn a_key_is_used_for_what_it_is_for() {
    use KeyUsagePurpose::*;
    assert_eq!(changed(|_, _| {}), Code::PathAddedRoot);
    for usages in [vec![], vec![KeyCertSign], vec![DigitalSignature, KeyCertSign, CrlSign]] {
        let found = changed(|authority, _| authority.key_usages = usages.clone());
        assert_eq!(found, Code::PathAddedRoot, "{usages:?}");
    }
    for usages in [vec![CrlSign], vec![DigitalSignature], vec![DigitalSignature, CrlSign]] {
        let found = changed(|authority, _| authority.key_usages = usages.clone());
        assert_eq!(found, Code::PathIssuerNotCa, "{usages:?}");
    }
    for usages in [vec![], vec![DigitalSignature], vec![KeyEncipherment], vec![KeyAgreement]] {
        let found = changed(|_, server| server.key_usages = usages.clone());
        assert_eq!(found, Code::PathAddedRoot, "{usages:?}");
    }
    for usages in [vec![CrlSign], vec![ContentCommitment], vec![DataEncipherment]] {
        let found = changed(|_, server| server.key_usages = usages.clone());
        assert_eq!(found, Code::PathWrongPurpose, "{usages:?}");
    }
}

#[test]
fn critical_policies_are_not_judged_and_no_danger() {
    // anyPolicy (RFC 5280 section 4.2.1.4).
    let any = vec![0x30, 0x08, 0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x20, 0x00];
    let with = |params: &mut CertificateParams, is_critical| {
        let mut policies = CustomExtension::from_oid_content(&[2, 5, 29, 32], any.clone());
        policies.set_criticality(is_critical);
        params.custom_extensions.push(policies);
    };
    assert_eq!(changed(|authority, _| with(authority, false)), Code::PathAddedRoot);
    assert_eq!(changed(|authority, _| with(authority, true)), Code::PathCriticalPolicies);
    assert_eq!(changed(|_, server| with(server, true)), Code::PathCriticalPolicies);
    let policies = Code::all().find(|entry| entry.code == Code::PathCriticalPolicies).unwrap();
    assert_eq!(policies.outcome, Outcome::NotChecked);
    let unknown = |_: &mut CertificateParams, server: &mut CertificateParams| {
        let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        unknown.set_criticality(true);
        server.custom_extensions.push(unknown);
    };
    assert_eq!(changed(unknown), Code::PathUnknownExtension);
}

/// As `openssl x509 -not_before 600101000000Z` makes them.
#[test]
fn a_date_before_1970_is_read_not_judged_and_no_danger() {
    let early =
        |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(1960, 1, 1);
    assert_eq!(changed(|_, server| early(server)), Code::PathEarlyDate);
    assert_eq!(changed(|authority, _| early(authority)), Code::PathEarlyDate);
    let of_1970 = |_: &mut CertificateParams, server: &mut CertificateParams| {
        server.not_before = rcgen::date_time_ymd(1970, 1, 1);
    };
    assert_eq!(changed(of_1970), Code::PathAddedRoot);
    let early = Code::all().find(|entry| entry.code == Code::PathEarlyDate).unwrap();
    assert_eq!(early.outcome, Outcome::NotChecked);
}

#[test]
fn the_good_one_is_found_behind_any_number_of_namesakes() {
    let [root_key, authority_key, server_key] = [key(), key(), key()];
    let root_params = authority("Root");
    let roots = [root_params.self_signed(&root_key).unwrap().der().to_vec()];
    let of_name = authority("Authority");
    let leaf = signed(&server(), &server_key, &of_name, &authority_key);
    let good = signed(&of_name, &authority_key, &root_params, &root_key);
    let mut expired = of_name.clone();
    expired.not_after = now() - Duration::days(2);
    for count in [1, 3, 4, 20] {
        let others = (0..count).map(|_| signed(&of_name, &key(), &root_params, &root_key));
        let others: Vec<_> = others.collect();
        let behind = [vec![leaf.clone()], others.clone(), vec![good.clone()]].concat();
        assert_eq!(path_of(&behind, &roots), Code::PathAddedRoot, "{count}");
        // They have the name, and signed nothing.
        let alone = [vec![leaf.clone()], others].concat();
        assert_eq!(path_of(&alone, &roots), Code::PathBadSignature, "{count}");
        let old: Vec<_> = (0..count)
            .map(|n| {
                expired.not_before = now() - Duration::days(100 + n);
                signed(&expired, &authority_key, &root_params, &root_key)
            })
            .collect();
        let behind = [vec![leaf.clone()], old.clone(), vec![good.clone()]].concat();
        assert_eq!(path_of(&behind, &roots), Code::PathAddedRoot, "{count}");
        let alone = [vec![leaf.clone()], old].concat();
        assert_eq!(path_of(&alone, &roots), Code::PathIssuerExpired, "{count}");
    }
}

#[test]
fn the_reason_is_the_true_one() {
    let [root_key, one_key, two_key, server_key] = [key(), key(), key(), key()];
    let root_params = authority("Root");
    let roots = [root_params.self_signed(&root_key).unwrap().der().to_vec()];
    let (one, two) = (authority("One"), authority("Two"));
    let leaf = signed(&server(), &server_key, &one, &one_key);
    // Each vouches for the other, and nobody for both.
    let circle = [
        leaf.clone(),
        signed(&one, &one_key, &two, &two_key),
        signed(&two, &two_key, &one, &one_key),
    ];
    assert_eq!(path_of(&circle, &roots), Code::PathUnknownIssuer);
    assert_eq!(path_of(core::slice::from_ref(&leaf), &roots), Code::PathUnknownIssuer);
    let private = one.self_signed(&one_key).unwrap().der().to_vec();
    assert_eq!(path_of(&[leaf.clone(), private], &roots), Code::PathPrivateRoot);
    // Of the root's name, by another key.
    let forged = signed(&one, &one_key, &root_params, &two_key);
    assert_eq!(path_of(&[leaf.clone(), forged], &roots), Code::PathBadSignature);
    // A maze: more than is asked for, and none of it is the root's.
    let maze: Vec<_> = (0..30).map(|_| signed(&one, &one_key, &two, &two_key)).collect();
    let more: Vec<_> = (0..30).map(|_| signed(&two, &two_key, &one, &one_key)).collect();
    let maze = [vec![leaf], maze, more].concat();
    assert_eq!(path_of(&maze[..32], &roots), Code::PathTooComplex);
}

/// An hour is a clock's; a day is somebody's to look at.
#[test]
fn a_certificate_that_has_just_ended_asks_for_a_look() {
    let lab = doorlight_lab::scenario::Lab::new(OffsetDateTime::now_utc());
    let world = support::lab_world(&lab);
    let chain = Chain::presented(&lab.scenarios().remove(0).chain).unwrap();
    let end = chain.leaf().not_after();
    let hour = core::time::Duration::from_secs(3600);
    for (past, expected) in [
        (hour / 2, Code::ValiditySkewed),
        (hour, Code::ValiditySkewed),
        (hour * 2, Code::ValidityJustEnded),
        (hour * 24, Code::ValidityJustEnded),
        (hour * 25, Code::ValidityExpired),
    ] {
        let at = end.plus(past);
        let host = doorlight_lab::scenario::HOST;
        let report = world.conclude(chain.clone(), host, at, Site::Unknown).report;
        assert_eq!(code(&report, Check::Validity), expected, "{past:?}");
    }
    assert!(Code::ValidityJustEnded.asks_attention() && !Code::ValiditySkewed.asks_attention());
}

/// One certificate of an authority, in a graph.
#[derive(Clone, PartialEq, Debug)]
struct Cross {
    /// Whose, and by whom: indices of names and keys.
    subject: usize,
    issuer: usize,
    /// A key that is not the issuer's, for a forgery.
    forged_with: Option<usize>,
    usage: u8,
    is_ca: bool,
    path_length: Option<u8>,
    days: i64,
    is_odd: bool,
}

fn cross() -> impl Strategy<Value = Cross> {
    (
        (0..6usize, 0..6usize),
        prop::option::weighted(0.1, 0..6usize),
        prop_oneof![6 => Just(0u8), 1 => Just(1), 1 => Just(2)],
        prop::bool::weighted(0.92),
        prop::option::weighted(0.15, 0..3u8),
        prop_oneof![8 => Just(30i64), 1 => Just(-2), 1 => Just(90)],
        prop::bool::weighted(0.04),
    )
        .prop_map(
            |((subject, issuer), forged_with, usage, is_ca, path_length, days, is_odd)| Cross {
                subject,
                issuer,
                forged_with,
                usage,
                is_ca,
                path_length,
                days,
                is_odd,
            },
        )
}

struct Graph {
    /// The server's first.
    chain: Vec<Vec<u8>>,
    roots: Vec<Vec<u8>>,
}

/// Six authorities of three names: two have each.
fn name(of: usize) -> String {
    format!("Authority {}", of / 2)
}

fn draw(crosses: &[Cross], leaf: (usize, u8, u8), roots: &[usize], keys: &[KeyPair]) -> Graph {
    let subject = |of: usize| authority(&name(of));
    let of = |cross: &Cross| {
        let mut params = subject(cross.subject);
        params.key_usages = match cross.usage {
            0 => vec![KeyUsagePurpose::KeyCertSign],
            1 => vec![KeyUsagePurpose::CrlSign],
            _ => vec![],
        };
        let length = cross
            .path_length
            .map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained);
        params.is_ca = if cross.is_ca { IsCa::Ca(length) } else { IsCa::ExplicitNoCa };
        if !cross.is_ca {
            params.key_usages.clear();
        }
        params.not_after = now() + Duration::days(cross.days);
        if cross.days > 60 {
            params.not_before = now() + Duration::days(5);
        }
        if cross.is_odd {
            let mut odd = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            odd.set_criticality(true);
            params.custom_extensions.push(odd);
        }
        let with = cross.forged_with.unwrap_or(cross.issuer);
        signed(&params, &keys[cross.subject], &subject(cross.issuer), &keys[with])
    };
    let (issuer, usage, purpose) = leaf;
    let mut server = server();
    server.key_usages = match usage {
        0 => vec![KeyUsagePurpose::DigitalSignature],
        1 => vec![],
        _ => vec![KeyUsagePurpose::CrlSign],
    };
    server.extended_key_usages = match purpose {
        0 => vec![ExtendedKeyUsagePurpose::ServerAuth],
        1 => vec![],
        _ => vec![ExtendedKeyUsagePurpose::ClientAuth],
    };
    let first = signed(&server, &keys[6], &subject(issuer), &keys[issuer]);
    let chain = core::iter::once(first).chain(crosses.iter().map(of)).collect();
    let root = |of: &usize| subject(*of).self_signed(&keys[*of]).unwrap().der().to_vec();
    Graph { chain, roots: roots.iter().map(root).collect() }
}

fn pem(ders: &[&[u8]]) -> String {
    ders.iter().map(|der| Certificate::from_der(der).unwrap().pem()).collect()
}

/// Whether OpenSSL accepts the first certificate over these others.
fn openssl_accepts(folder: &Path, leaf: &[u8], others: &[&[u8]], roots: &[&[u8]]) -> bool {
    let write = |name: &str, ders: &[&[u8]]| {
        let file = folder.join(name);
        fs::write(&file, pem(ders)).unwrap();
        file
    };
    let mut command = Command::new("openssl");
    command.args(["verify", "-purpose", "sslserver", "-no-CApath", "-no-CAstore"]);
    command.args(["-attime", &now().unix_timestamp().to_string(), "-verify_hostname", HOST]);
    command.arg("-CAfile").arg(write("roots.pem", roots));
    if !others.is_empty() {
        command.arg("-untrusted").arg(write("others.pem", others));
    }
    command.arg(write("leaf.pem", &[leaf]));
    command.output().expect("openssl").status.success()
}

/// What Doorlight takes OpenSSL takes too, over the very certificates that Doorlight names.
#[test]
fn no_way_is_taken_that_openssl_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<_> = (0..7).map(|_| key()).collect();
    let graph = (
        prop::collection::vec(cross(), 1..14),
        (
            0..6usize,
            prop_oneof![8 => Just(0u8), 2 => Just(1), 1 => Just(2)],
            prop_oneof![8 => Just(0u8), 2 => Just(1), 1 => Just(2)],
        ),
        prop::collection::vec(0..6usize, 1..3),
    );
    let cases = 2_000;
    let taken = core::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    });
    let result = runner.run(&graph, |(crosses, leaf, roots)| {
        let Graph { chain, roots } = draw(&crosses, leaf, &roots, &keys);
        let report = judge(&chain, &roots);
        let is_right = |check: Check| {
            let mut found = report.evidence.iter().filter(|one| one.check == check);
            found.all(|one| matches!(one.outcome, Outcome::Pass | Outcome::Note))
        };
        let path = report.evidence.iter().find(|one| one.check == Check::Path).unwrap();
        if ![Check::Certificate, Check::Name, Check::Validity, Check::Path]
            .into_iter()
            .all(is_right)
        {
            return Ok(());
        }
        taken.set(taken.get() + 1);
        let named = path.detail["intermediates"].as_array().unwrap();
        let digest = |der: &Vec<u8>| Certificate::from_der(der).unwrap().sha256().to_string();
        let on_it: Vec<&[u8]> = named
            .iter()
            .map(|one| {
                chain.iter().find(|der| digest(der) == one.as_str().unwrap()).unwrap().as_slice()
            })
            .collect();
        let roots: Vec<_> = roots.iter().map(Vec::as_slice).collect();
        prop_assert!(openssl_accepts(folder.path(), &chain[0], &on_it, &roots), "{named:?}");
        Ok(())
    });
    assert_eq!(result, Ok(()));
    // A generator that makes nothing but rubbish would show nothing.
    assert!(taken.get() > cases / 10, "{} of {cases} were taken", taken.get());
    println!("{} of {cases} ways were taken", taken.get());
}
