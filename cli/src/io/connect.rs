//! A TLS connection of our own: what does the server present, and does it hold the key? Nothing is
//! sent but the handshake.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorlight::address::Address;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::observation::Possession;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
};

use crate::io::first_bytes::FirstBytes;
use crate::io::{dial, possession};

/// How long connecting may take, whatever number of addresses the name has.
const CONNECT: Duration = Duration::from_secs(10);
/// How long each read and write may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the whole handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// What came.
pub(crate) struct Presented {
    /// In DER, the server's own first.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) possession: Possession,
}

/// Why no certificate came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// Nobody answered in time, or the handshake did not come far enough.
    #[error("no answer in time")]
    TimedOut,
    /// The name leads nowhere, or nobody listens there.
    #[error("{0}")]
    Unreachable(std::io::Error),
    /// The answer to TLS was HTTP.
    #[error("the answer was plain HTTP")]
    PlainHttp,
    /// Somebody answers, and TLS did not come about.
    #[error("{0}")]
    HandshakeFailed(String),
}

impl ConnectError {
    /// How it stands in the evidence.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::TimedOut => Code::CertificateTimedOut,
            Self::Unreachable(_) => Code::CertificateMissing,
            Self::PlainHttp => Code::CertificatePlainHttp,
            Self::HandshakeFailed(_) => Code::CertificateHandshakeFailed,
        }
    }

    fn from_tls(error: rustls::Error) -> Self {
        Self::HandshakeFailed(error.to_string())
    }
}

/// A socket whose time is over says that it would block.
fn is_time_out(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// Shakes hands with `address`, at `at` instead of where its name leads if that is given.
pub(crate) fn connect(
    address: &Address,
    at: Option<SocketAddr>,
) -> Result<Presented, ConnectError> {
    let name = ServerName::try_from(address.host.to_string())
        .map_err(|error| ConnectError::HandshakeFailed(error.to_string()))?;
    let stream = open(address, at).map_err(|error| {
        if is_time_out(&error) { ConnectError::TimedOut } else { ConnectError::Unreachable(error) }
    })?;
    let mut stream = Listened { stream, first: FirstBytes::default() };
    let recorder = Arc::new(Recorder::default());
    let verifier: Arc<dyn ServerCertVerifier> = recorder.clone();
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&recorder.provider))
        .with_safe_default_protocol_versions()
        .map_err(ConnectError::from_tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // A resumed session presents no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(ConnectError::from_tls)?;
    let outcome = shake_hands(&mut connection, &mut stream);
    let Seen { chain, signature } = recorder.take();
    if chain.is_empty() {
        // What else is spoken there shows soon or not at all.
        let _ = stream.stream.set_read_timeout(Some(Duration::from_secs(1)));
        return Err(match outcome {
            _ if stream.first.are_http(&mut stream.stream) => ConnectError::PlainHttp,
            Err(error) if is_time_out(&error) => ConnectError::TimedOut,
            Err(error) => ConnectError::HandshakeFailed(error.to_string()),
            Ok(()) => ConnectError::HandshakeFailed("no certificate came".into()),
        });
    }
    // What is signed holds random bytes of ours (RFC 8446, section 4.4.3; RFC 8422, section 5.4),
    // so the signature alone is the proof. A server that wants a certificate of its visitor's ends
    // TLS 1.2 after it.
    let possession = match signature {
        Some(true) => Possession::Proven,
        Some(false) => Possession::Unproven,
        None => Possession::Unknown,
    };
    Ok(Presented { chain, possession })
}

/// A stream whose first bytes are remembered.
struct Listened {
    stream: TcpStream,
    first: FirstBytes,
}

impl Read for Listened {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.first.note(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Turn by turn, so that a server that drips byte after byte cannot hold us longer than
/// [`HANDSHAKE`].
fn shake_hands(connection: &mut ClientConnection, listened: &mut Listened) -> std::io::Result<()> {
    let deadline = Instant::now() + HANDSHAKE;
    while connection.is_handshaking() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        listened.stream.set_read_timeout(Some(left.min(TIMEOUT)))?;
        if connection.wants_write() {
            connection.write_tls(&mut listened.stream)?;
        } else {
            if connection.read_tls(listened)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Err(error) = connection.process_new_packets() {
                // The alert that says why.
                let _ = connection.write_tls(&mut listened.stream);
                return Err(std::io::Error::other(error));
            }
        }
    }
    while connection.wants_write() {
        connection.write_tls(&mut listened.stream)?;
    }
    Ok(())
}

fn open(address: &Address, at: Option<SocketAddr>) -> std::io::Result<TcpStream> {
    let until = Instant::now() + CONNECT;
    let candidates = match at {
        Some(at) => vec![at],
        None => dial::resolve(address.host.as_str(), address.port, until)?,
    };
    let stream = dial::connect(&candidates, until)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
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
        self.note(possession::tls12(
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
        self.note(possession::tls13(
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
