//! The seam between the audit and the world: bytes from the network, and the arithmetic of
//! signatures.
//!
//! The core decides what to ask and what to make of the answer; the host asks. In a browser that is
//! `fetch` and WebCrypto, on the command line a TLS client and AWS-LC. Nothing here trusts an
//! answer: what comes in is checked by whoever asked for it.

use core::future::Future;
use core::time::Duration;

use crate::x509::signature::SignatureCheck;

/// How often one thing is asked for, the first time included.
pub const MAX_TRIES: u32 = 3;

/// The longest a server may ask to be left alone before the question is given up for this audit.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// The wait before the second try, doubled before each further one, where the server names none.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// One question: always a `GET`, without credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Get {
    /// The whole URL; `https`, or `http` on loopback.
    pub url: String,
    /// The largest answer that is read, in bytes. A host stops reading there.
    pub max_bytes: usize,
    /// True for what never changes (full tiles): a host may answer from what it was told to
    /// [keep](Platform::keep).
    pub is_immutable: bool,
}

/// What a server said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// `Retry-After`, where it is a number of seconds (RFC 9110 section 10.2.3).
    pub retry_after: Option<Duration>,
    /// The body, at most [`Get::max_bytes`].
    pub body: Vec<u8>,
}

/// Why there is no answer to use. None of these says anything about a certificate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("{url} could not be reached")]
    Unreachable {
        /// What was asked for.
        url: String,
    },
    /// No whole answer in time.
    #[error("{url} did not answer in time")]
    TimedOut {
        /// What was asked for.
        url: String,
    },
    /// More than was asked for.
    #[error("{url} answered with more than {max_bytes} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        max_bytes: usize,
    },
    /// Another status than 200.
    #[error("{url} answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The server wants to be left alone for longer than [`MAX_WAIT`].
    #[error("{url} allows no further question now")]
    RateLimited {
        /// What was asked for.
        url: String,
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// The user has not agreed to ask this server, or the browser does not allow it.
    #[error("{url} may not be asked")]
    NotAllowed {
        /// What was asked for.
        url: String,
    },
    /// As many questions were asked as one look-up may ask.
    #[error("{url} was not asked: the look-up has taken too many questions already")]
    TooManyQuestions {
        /// What would have been asked for.
        url: String,
    },
    /// Whoever wanted to know has gone.
    #[error("the look-up was ended")]
    Cancelled,
}

impl FetchError {
    /// The stable code of the error, for scripts and texts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed-out",
            Self::TooLarge { .. } => "too-large",
            Self::Status { .. } => "status",
            Self::RateLimited { .. } => "rate-limited",
            Self::NotAllowed { .. } => "not-allowed",
            Self::TooManyQuestions { .. } => "too-many-questions",
            Self::Cancelled => "cancelled",
        }
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }
}

/// What the audit needs of whoever runs it.
pub trait Platform {
    /// Asks once. Time limits are the host's; redirects to another host are not followed.
    fn get(&self, get: &Get) -> impl Future<Output = Result<Answer, FetchError>>;

    /// Keeps a body that was proven right, for a later [`Get::is_immutable`]. A host without room
    /// forgets it.
    fn keep(&self, get: &Get, body: &[u8]) -> impl Future<Output = ()>;

    /// Says of each signature whether it is good, in the same order.
    fn verify(&self, checks: &[SignatureCheck]) -> impl Future<Output = Vec<bool>>;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
}

/// Asks until there is a body, at most [`MAX_TRIES`] times, waiting as long as the server wants or
/// twice as long each time.
///
/// # Errors
/// The last [`FetchError`].
pub async fn get<H: Platform>(host: &H, get: &Get) -> Result<Vec<u8>, FetchError> {
    let mut wait = FIRST_WAIT;
    let mut tries = 0;
    loop {
        tries += 1;
        let (error, asked) = match host.get(get).await {
            Ok(answer) if answer.body.len() > get.max_bytes => {
                return Err(FetchError::TooLarge {
                    url: get.url.clone(),
                    max_bytes: get.max_bytes,
                });
            }
            Ok(Answer { status: 200, body, .. }) => return Ok(body),
            Ok(Answer { status, retry_after, .. }) if status == 429 || status == 503 => {
                let error = FetchError::RateLimited { url: get.url.clone(), retry_after };
                (error, Some(retry_after.unwrap_or(wait)))
            }
            Ok(Answer { status, .. }) => {
                (FetchError::Status { url: get.url.clone(), status }, None)
            }
            Err(error) => (error, None),
        };
        let pause = asked.unwrap_or(wait);
        if tries >= MAX_TRIES || pause > MAX_WAIT || (asked.is_none() && !error.may_pass()) {
            return Err(error);
        }
        host.sleep(pause).await;
        wait = wait.saturating_mul(2);
    }
}
