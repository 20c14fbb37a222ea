//! Hostile sizes and shapes end in a clear error, soon. The bound is generous for a debug build: it
//! is there to catch work that grows with the square of the input, not to measure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod support;

use std::time::{Duration, Instant};

use doorlight::ct::log_list::{LogList, Provenance};
use doorlight::site::pins::Pins;
use doorlight::verdict::evidence::{Check, Outcome};
use doorlight::verdict::examination::Site;
use doorlight::verdict::report::Report;
use doorlight::x509::bundle;
use doorlight::x509::certificate::{self, Certificate, MAX_CERTIFICATES, ReadError};
use doorlight::x509::chain::Chain;
use doorlight_lab::authority::{KeyShape, Order, Scts, key, pem};
use doorlight_lab::scenario::{HOST, Lab};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyUsagePurpose};
use support::{lab_world, outcome, timestamp};
use time::OffsetDateTime;

const SOON: Duration = Duration::from_secs(10);

fn soon<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = run();
    assert!(begin.elapsed() < SOON, "{what} took {:?}", begin.elapsed());
    result
}

#[test]
fn ten_megabytes_of_junk() {
    let mut junk: Vec<u8> =
        (0..10_000_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    assert_eq!(soon("junk", || bundle::split(&junk)), Err(ReadError::InputTooLarge));
    junk.truncate(certificate::MAX_INPUT);
    assert!(soon("junk of the largest size", || bundle::split(&junk)).is_err());
    assert!(soon("junk as a log list", || LogList::parse(&junk, Provenance::Unsigned)).is_err());
    assert!(soon("junk as pins", || Pins::from_json(&junk)).is_err());
    assert!(soon("junk as a report", || Report::from_json(&junk)).is_err());
    let begun = [&b"-----BEGIN CERTIFICATE-----\n"[..], &vec![b'A'; 1_000_000]].concat();
    assert!(soon("a PEM block without end", || bundle::split(&begun)).is_err());
    let blocks = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".repeat(15_000);
    assert_eq!(
        soon("very many blocks", || bundle::split(&blocks)),
        Err(ReadError::TooManyCertificates)
    );
}

#[test]
fn a_chain_of_a_hundred() {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let chain = vec![lab.authority.intermediate.clone(); 100];
    assert_eq!(
        soon("a hundred", || Chain::presented(&chain)).unwrap_err(),
        ReadError::TooManyCertificates
    );
    assert_eq!(bundle::split(pem(&chain).as_bytes()), Err(ReadError::TooManyCertificates));
    assert_eq!(bundle::split(&chain.concat()), Err(ReadError::TooManyCertificates));
}

#[test]
fn ten_thousand_names() {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let names: Vec<String> = (0..10_000).map(|n| format!("name-{n}.example.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let order = Order { names: &names, ..lab.order(1, Scts::None) };
    let chain = lab.authority.issue(&order, &key(KeyShape::P256));
    let read = soon("ten thousand names", || Chain::presented(&chain));
    assert_eq!(read.unwrap_err(), ReadError::CertificateTooLarge { number: 1 });
    // As many as fit.
    let logs = lab.good_logs();
    let order = Order { names: &names[..2000], ..lab.order(1, Scts::From(&logs)) };
    let chain = Chain::presented(&lab.authority.issue(&order, &key(KeyShape::P256))).unwrap();
    let world = lab_world(&lab);
    let report = soon("two thousand names", || {
        world.conclude(chain, "name-1999.example.test", timestamp(lab.now), Site::Unknown)
    })
    .report;
    assert_eq!(outcome(&report, Check::Name), Outcome::Pass);
}

#[test]
fn deep_nesting() {
    // SEQUENCE in SEQUENCE, as deep as 60,000 bytes go.
    let mut der = Vec::new();
    for _ in 0..15_000 {
        let length = u16::try_from(der.len()).unwrap().to_be_bytes();
        der = [&[0x30, 0x82][..], &length, &der].concat();
    }
    assert!(soon("nested DER", || Certificate::from_der(&der)).is_err());
    let json = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let object = format!("{}1{}", "{\"schema\":".repeat(100_000), "}".repeat(100_000));
    for json in [json.as_bytes(), object.as_bytes()] {
        assert!(soon("nested JSON", || LogList::parse(json, Provenance::Unsigned)).is_err());
        assert!(soon("nested JSON", || Pins::from_json(json)).is_err());
        assert!(soon("nested JSON", || Report::from_json(json)).is_err());
    }
}

#[test]
fn a_maze_of_cross_signed_namesakes() {
    // Authorities that all bear one name and have signed one another: every order of them is a
    // chain by name.
    let keys: Vec<_> = (0..6).map(|_| key(KeyShape::P256)).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Maze");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let mut maze = Vec::new();
    for issuer in &keys {
        let issuer = Issuer::from_params(&params, issuer);
        maze.extend(
            keys.iter().map(|subject| params.signed_by(subject, &issuer).unwrap().der().to_vec()),
        );
    }
    let leaf_params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let leaf = leaf_params
        .signed_by(&key(KeyShape::P256), &Issuer::from_params(&params, &keys[0]))
        .unwrap();
    let chain: Vec<_> =
        std::iter::once(leaf.der().to_vec()).chain(maze).take(MAX_CERTIFICATES).collect();
    assert_eq!(chain.len(), MAX_CERTIFICATES);
    let lab = Lab::new(OffsetDateTime::now_utc());
    let world = lab_world(&lab);
    let chain = Chain::presented(&chain).unwrap();
    let report =
        soon("the maze", || world.conclude(chain, HOST, timestamp(lab.now), Site::Unknown)).report;
    assert_eq!(outcome(&report, Check::Path), Outcome::Fail);
}
