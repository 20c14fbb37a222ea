//! A conversation with a home over a WebSocket (RFC 6455), at a local address and nowhere else,
//! within a time that does not depend on the home.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorlight::home_assistant::conversation::{
    Conversation, ConversationError, HomeReport, MAX_MESSAGE, Step,
};
use doorlight::home_assistant::local::{LocalAddress, Scheme, is_local_ip};
use doorlight::text::printable;
use doorlight::x509::fingerprint::{CertificateSha1, CertificateSha256, Fingerprint};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use tungstenite::client::client_with_config;
use tungstenite::error::CapacityError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::failure::Failure;
use crate::io::dial;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all of it may take.
const CONVERSATION: Duration = Duration::from_secs(20);

/// Whom to believe over TLS.
pub(crate) enum Trust {
    /// Mozilla's roots, and these.
    Roots(Vec<Vec<u8>>),
    /// This certificate, and no other.
    Exactly(Fingerprint),
}

/// Why there is no report.
pub(crate) enum Unheard {
    /// It was not even tried.
    Refused(Failure),
    /// Nothing that speaks like a home answered.
    Unreached(String),
    /// The conversation failed.
    Failed(ConversationError),
}

impl From<Error> for Unheard {
    fn from(error: Error) -> Self {
        Self::Unreached(error.to_string())
    }
}

impl From<tungstenite::Error> for Unheard {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                Self::Failed(ConversationError::TooLarge)
            }
            tungstenite::Error::Http(response) => {
                Self::Unreached(format!("it answered with HTTP status {}", response.status()))
            }
            other => Self::Unreached(printable(&other.to_string())),
        }
    }
}

/// Holds the conversation to its end. One connection, one try.
pub(crate) fn converse(
    conversation: &mut Conversation,
    address: &LocalAddress,
    at: Option<SocketAddr>,
    trust: Trust,
) -> Result<HomeReport, Unheard> {
    let stream = Timed { stream: open(address, at)?, until: Instant::now() + CONVERSATION };
    match address.scheme {
        Scheme::Http => speak(conversation, address, stream),
        Scheme::Https => {
            let name = ServerName::try_from(address.host.to_string())
                .map_err(|error| Unheard::Unreached(error.to_string()))?;
            let config = config(trust).map_err(|error| Unheard::Unreached(error.to_string()))?;
            let connection = ClientConnection::new(Arc::new(config), name)
                .map_err(|error| Unheard::Unreached(error.to_string()))?;
            speak(conversation, address, StreamOwned::new(connection, stream))
        }
    }
}

fn speak<S: Read + Write>(
    conversation: &mut Conversation,
    address: &LocalAddress,
    stream: S,
) -> Result<HomeReport, Unheard> {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let (mut socket, _) = client_with_config(address.websocket_url(), stream, Some(limits))
        .map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => Unheard::from(error),
            tungstenite::HandshakeError::Interrupted(_) => {
                Unheard::from(Error::from(ErrorKind::TimedOut))
            }
        })?;
    let report = listen(conversation, &mut socket);
    // Saying goodbye is polite, and nothing hangs on it.
    let _ = socket.close(None);
    report
}

fn listen<S: Read + Write>(
    conversation: &mut Conversation,
    socket: &mut WebSocket<S>,
) -> Result<HomeReport, Unheard> {
    loop {
        let step = match socket.read()? {
            Message::Text(text) => conversation.hear(text.as_str()).map_err(Unheard::Failed)?,
            Message::Ping(_) | Message::Pong(_) => Step::Wait,
            Message::Close(_) => {
                return Err(Unheard::Unreached("it ended the conversation".into()));
            }
            Message::Binary(_) | Message::Frame(_) => {
                let reason = "not text".to_owned();
                return Err(Unheard::Failed(ConversationError::Malformed { reason }));
            }
        };
        match step {
            Step::Say(text) => socket.send(Message::text(text))?,
            Step::Wait => {}
            Step::Done(report) => return Ok(*report),
        }
    }
}

/// Connects to where the name leads, as far as that is in the local network. The very address that
/// was looked at is connected to: the name is not asked again.
fn open(address: &LocalAddress, at: Option<SocketAddr>) -> Result<TcpStream, Unheard> {
    let until = Instant::now() + CONNECT;
    let candidates = match at {
        Some(at) => vec![at],
        None => dial::resolve(address.host.as_str(), address.port, until)?,
    };
    let (local, public): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| is_local_ip(candidate.ip()));
    if let (true, Some(public)) = (local.is_empty(), public.first()) {
        let message =
            format!("{} leads to {}, which is not in the local network", address.host, public.ip());
        return Err(Unheard::Refused(Failure::usage("local-address-public-ip", message)));
    }
    Ok(dial::connect(&local, until)?)
}

/// A connection that ends at a given moment, however slowly the other side drips.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Timed {
    fn left(&self) -> std::io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// A socket says that it would block where its time is over.
fn timed<T>(result: std::io::Result<T>) -> std::io::Result<T> {
    result.map_err(|error| {
        if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
    })
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        timed(self.stream.read(buffer))
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        timed(self.stream.write(buffer))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn config(trust: Trust) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    Ok(match trust {
        Trust::Roots(added) => {
            let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            for der in added {
                roots.add(CertificateDer::from(der))?;
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Trust::Exactly(fingerprint) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Exactly { fingerprint, provider }))
            .with_no_client_auth(),
    })
}

/// Accepts one certificate, whoever issued it and for whichever name: a home's own is often of its
/// own making, or for its remote name.
#[derive(Debug)]
struct Exactly {
    fingerprint: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_it = match self.fingerprint {
            Fingerprint::Sha1(sha1) => CertificateSha1::of(end_entity) == sha1,
            Fingerprint::Sha256(sha256) => CertificateSha256::of(end_entity) == sha256,
        };
        if is_it {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
