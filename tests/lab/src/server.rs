//! A home behind TLS on loopback: presents the chain it is given, answers every request with a
//! small page, and keeps what it was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::port;

/// A server; it ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A key made by rcgen, as rustls signs with it.
pub fn signing_key(key: &rcgen::KeyPair) -> Arc<dyn SigningKey> {
    let der = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8");
    aws_lc_rs::sign::any_supported_type(&der).expect("a key that AWS-LC signs with")
}

/// TLS that presents `chain`, whatever it is, and signs the handshake with `key`, whether it fits
/// or not.
///
/// Nothing is resumed: a resumed session shows no certificate, and what is presented may have been
/// swapped since.
pub fn tls_config(chain: &[Vec<u8>], key: Arc<dyn SigningKey>) -> Arc<ServerConfig> {
    let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let resolver = Arc::new(Always(Arc::new(CertifiedKey::new(chain, key))));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

impl Server {
    /// Presents `chain`, whatever it is, and signs the handshake with `key`, whether it fits or
    /// not.
    pub fn start(chain: &[Vec<u8>], key: Arc<dyn SigningKey>) -> Self {
        let config = tls_config(chain, key);
        let listener = port::listen().expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (requests, stop, config) = (Arc::clone(&requests), Arc::clone(&stop), config);
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    if let Ok(stream) = stream {
                        // A client that hangs up or objects is part of the game.
                        let _ = answer(stream, Arc::clone(&config), &requests);
                    }
                }
            }
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, each with its headers.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic in the server").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") && request.len() < 65_536 {
        let count = tls.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        request.extend_from_slice(&buffer[..count]);
    }
    if !request.is_empty() {
        requests
            .lock()
            .expect("no panic in the server")
            .push(String::from_utf8_lossy(&request).into_owned());
        let page = "<!doctype html><title>Home</title><h1>Home</h1>";
        write!(
            tls,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
            page.len()
        )?;
    }
    tls.conn.send_close_notify();
    tls.flush()
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
