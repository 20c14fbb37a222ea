//! A TLS connection of our own: what does the server present, and does it hold the key? Nothing is
//! sent but the handshake.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorlight::address::Address;
use doorlight::verdict::observation::Possession;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
};

/// How long each address may take to answer, and each read and write.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the whole handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// What came.
pub(crate) struct Presented {
    /// In DER, the server's own first.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) possession: Possession,
}

/// Shakes hands with `address`, at `at` instead of where its name leads if that is given.
///
/// # Errors
/// Why no certificate came, in words.
pub(crate) fn connect(address: &Address, at: Option<SocketAddr>) -> Result<Presented, String> {
    let name = ServerName::try_from(address.host.to_string()).map_err(|error| error.to_string())?;
    let mut stream = open(address, at).map_err(|error| error.to_string())?;
    let recorder = Arc::new(Recorder::default());
    let verifier: Arc<dyn ServerCertVerifier> = recorder.clone();
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&recorder.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // A resumed session presents no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let outcome = shake_hands(&mut connection, &mut stream);
    let completed = outcome.is_ok();
    let Seen { chain, signature } = recorder.take();
    if chain.is_empty() {
        return Err(outcome
            .err()
            .map_or_else(|| "no certificate came".into(), |error| error.to_string()));
    }
    let possession = match signature {
        Some(true) if completed => Possession::Proven,
        Some(false) => Possession::Unproven,
        Some(true) | None => Possession::Unknown,
    };
    Ok(Presented { chain, possession })
}

/// Turn by turn, so that a server that drips byte after byte cannot hold us longer than
/// [`HANDSHAKE`].
fn shake_hands(connection: &mut ClientConnection, stream: &mut TcpStream) -> std::io::Result<()> {
    let deadline = Instant::now() + HANDSHAKE;
    while connection.is_handshaking() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left.min(TIMEOUT)))?;
        if connection.wants_write() {
            connection.write_tls(stream)?;
        } else {
            if connection.read_tls(stream)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Err(error) = connection.process_new_packets() {
                // The alert that says why.
                let _ = connection.write_tls(stream);
                return Err(std::io::Error::other(error));
            }
        }
    }
    while connection.wants_write() {
        connection.write_tls(stream)?;
    }
    Ok(())
}

fn open(address: &Address, at: Option<SocketAddr>) -> std::io::Result<TcpStream> {
    let candidates = match at {
        Some(at) => vec![at],
        None => (address.host.as_str(), address.port).to_socket_addrs()?.collect(),
    };
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name leads nowhere");
    for candidate in candidates.iter().take(4) {
        match TcpStream::connect_timeout(candidate, TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Accepts every chain, because judging it is the core's work and comes after, and writes down what
/// it sees. Only the handshake's signature is checked here: that cannot be done later.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    chain: Vec<Vec<u8>>,
    /// `None` where there was none, or none that could be judged.
    signature: Option<bool>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { provider: Arc::new(aws_lc_rs::default_provider()), seen: Mutex::default() }
    }
}

impl Recorder {
    fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(
        &self,
        result: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let verdict = match &result {
            Ok(_) => Some(true),
            // By another key, or by one of another kind than the certificate's.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            )) => Some(false),
            Err(_) => None,
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).signature = verdict;
        result
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain =
            std::iter::once(end_entity).chain(intermediates).map(|der| der.to_vec()).collect();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).chain = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.note(verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.note(verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        ))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
