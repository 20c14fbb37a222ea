//! What the other end may be: silent, without encryption, no TLS at all, one that wants to see a
//! certificate first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod desk;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use doorlight_lab::cli::{Judged, judged};
use doorlight_lab::scenario::{HOST, Scenario};
use doorlight_lab::server::signing_key;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use desk::Desk;

/// A server that does this with each connection.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

/// Answers whatever was asked, then reads to the end. Closing a connection with unread bytes in it
/// resets it, and the answer may be lost.
fn tell<'a>(mut stream: TcpStream, parts: impl IntoIterator<Item = &'a [u8]>) {
    let _ = stream.read(&mut [0; 1024]);
    for part in parts {
        let _ = stream.write_all(part);
    }
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

fn check(desk: &Desk, at: SocketAddr) -> Judged {
    let (roots, list) = (desk.path("roots.pem"), desk.path("log_list.json"));
    let at = at.to_string();
    let arguments =
        ["check", "--json", HOST, "--connect", &at, "--roots", &roots, "--log-list", &list];
    judged(&desk.run(&arguments))
}

#[test]
fn what_no_certificate_came_of_is_named() {
    let desk = Desk::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let say = |answer: &'static [u8]| server(move |stream| tell(stream, [answer]));
    let silent = {
        let held = std::sync::Mutex::new(Vec::new());
        server(move |stream| held.lock().unwrap().push(stream))
    };
    // In parts, as a slow proxy writes it.
    let dripping = server(|stream| tell(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n".chunks(1)));
    for (at, code) in [
        (closed, "certificate-missing"),
        (silent, "certificate-timed-out"),
        (say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), "certificate-plain-http"),
        (say(b"HTTP/1.0 400\r\n"), "certificate-plain-http"),
        (dripping, "certificate-plain-http"),
        (say(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "certificate-handshake-failed"),
        (say(b"\x15\x03\x01\x00\x02\x02\x46"), "certificate-handshake-failed"),
        (say(b""), "certificate-handshake-failed"),
    ] {
        let judged = check(&desk, at);
        // Never danger for what was only not seen.
        assert_eq!((judged.verdict(), judged.exit_code), ("unchecked", 3), "{code}");
        assert_eq!(judged.decided_by(), [code], "{:#}", judged.report);
    }
}

/// A home that wants a certificate of its visitors'.
fn demanding(
    desk: &Desk,
    scenario: &Scenario,
    key: Arc<dyn rustls::sign::SigningKey>,
    version: &'static SupportedProtocolVersion,
) -> SocketAddr {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(desk.lab.authority.root.clone())).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let chain = scenario.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let presented = rustls::sign::SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_cert_resolver(Arc::new(presented));
    let config = Arc::new(config);
    server(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection.complete_io(&mut stream).is_ok() && connection.is_handshaking() {}
    })
}

#[test]
fn a_server_that_wants_a_certificate_first_proves_its_own_key() {
    let desk = Desk::new();
    let home = &desk.scenarios[0];
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let own = demanding(&desk, home, Arc::clone(&home.key), version);
        let judged = check(&desk, own);
        assert!(judged.codes().contains(&"possession-proven"), "{version:?}: {:#}", judged.report);
        assert_eq!(judged.verdict(), "attention", "nothing is pinned");
        // Somebody else with the home's certificate.
        let other = doorlight_lab::authority::key(doorlight_lab::authority::KeyShape::P256);
        let thief = demanding(&desk, home, signing_key(&other), version);
        let judged = check(&desk, thief);
        assert!(
            judged.codes().contains(&"possession-unproven"),
            "{version:?}: {:#}",
            judged.report
        );
        assert_eq!((judged.verdict(), judged.exit_code), ("danger", 2));
    }
}
