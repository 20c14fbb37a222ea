//! A conversation with a home over a WebSocket (RFC 6455), at a local address and nowhere else,
//! within times that do not depend on the home.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorlight::address::Address;
use doorlight::home_assistant::conversation::{
    Conversation, ConversationError, HomeReport, MAX_MESSAGE, Step,
};
use doorlight::home_assistant::local::{LocalAddress, Scheme, is_local_ip};
use doorlight::home_assistant::unreached::Unreached;
use doorlight::x509::fingerprint::{CertificateSha1, CertificateSha256, Fingerprint};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use tungstenite::error::CapacityError;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::failure::Failure;
use crate::io::first_bytes::FirstBytes;
use crate::io::upgrade::UpgradeError;
use crate::io::{connect, dial, possession, upgrade};

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
    Unreached(Unreached),
    /// The conversation failed.
    Failed(ConversationError),
}

impl From<Error> for Unheard {
    fn from(error: Error) -> Self {
        let is_late = error.kind() == ErrorKind::TimedOut;
        let reason = if is_late { "no answer in time".into() } else { error.to_string() };
        Self::Unreached(Unreached::NoAnswer(reason))
    }
}

impl From<tungstenite::Error> for Unheard {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                Self::Failed(ConversationError::TooLarge)
            }
            tungstenite::Error::Io(error) => error.into(),
            other => Self::Unreached(Unreached::NoAnswer(other.to_string())),
        }
    }
}

/// Holds the conversation to its end. One connection, one try; where nothing answers in the way
/// that was asked for, a second connection may look for TLS, and says nothing. That one has the
/// limits of [`connect`].
pub(crate) fn converse(
    conversation: &mut Conversation,
    address: &LocalAddress,
    at: Option<SocketAddr>,
    trust: Trust,
) -> Result<HomeReport, Unheard> {
    let stream = open(address, at)?;
    let reached = stream.peer_addr()?;
    let mut stream =
        Timed { stream, until: Instant::now() + CONVERSATION, first: FirstBytes::default() };
    match address.scheme {
        Scheme::Http => {
            let opened = upgrade::open(&mut stream, &address.websocket_url());
            let behind = opened.map_err(|error| {
                let speaks_tls =
                    stream.first.are_tls() || (may_be_tls(&error) && has_tls(address, reached));
                Unheard::Unreached(if speaks_tls {
                    Unreached::SpeaksTls
                } else {
                    error.unreached()
                })
            })?;
            speak(conversation, stream, behind)
        }
        Scheme::Https => {
            let other = |error: &dyn std::fmt::Display| {
                Unheard::Unreached(Unreached::NoAnswer(error.to_string()))
            };
            let name =
                ServerName::try_from(address.host.to_string()).map_err(|error| other(&error))?;
            let config = config(trust).map_err(|error| other(&error))?;
            let connection =
                ClientConnection::new(Arc::new(config), name).map_err(|error| other(&error))?;
            let mut stream = StreamOwned::new(connection, stream);
            let opened = upgrade::open(&mut stream, &address.websocket_url());
            let behind = opened.map_err(|error| {
                let is_plain = stream.sock.is_http();
                Unheard::Unreached(if is_plain {
                    Unreached::SpeaksPlainHttp
                } else {
                    error.unreached()
                })
            })?;
            speak(conversation, stream, behind)
        }
    }
}

/// A server that wants TLS ends a question in plain http without a word, or with status 400.
fn may_be_tls(error: &UpgradeError) -> bool {
    match error {
        UpgradeError::Ended | UpgradeError::Status { status: 400, .. } => true,
        UpgradeError::Broken(error) => error.kind() == ErrorKind::ConnectionReset,
        _ => false,
    }
}

/// True where a certificate is presented at the very place that was just spoken to.
fn has_tls(address: &LocalAddress, reached: SocketAddr) -> bool {
    let address = Address { host: address.host.clone(), port: address.port };
    connect::connect(&address, Some(reached)).is_ok()
}

fn speak<S: Read + Write>(
    conversation: &mut Conversation,
    stream: S,
    behind: Vec<u8>,
) -> Result<HomeReport, Unheard> {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket = WebSocket::from_partially_read(stream, behind, Role::Client, Some(limits));
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
                let reason = "it ended the conversation".to_owned();
                return Err(Unheard::Unreached(Unreached::NoAnswer(reason)));
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
    first: FirstBytes,
}

impl Timed {
    /// True where the other end speaks plain http.
    fn is_http(&mut self) -> bool {
        let mut first = std::mem::take(&mut self.first);
        first.are_http(self)
    }

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
        let count = timed(self.stream.read(buffer))?;
        self.first.note(buffer.get(..count).unwrap_or_default());
        Ok(count)
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
        possession::tls12(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        possession::tls13(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
