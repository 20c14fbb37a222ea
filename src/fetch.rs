//! The seam between the audit and the world: bytes from the network, and the arithmetic of
//! signatures.
//!
//! The core decides what to ask and what to make of the answer; the host asks. In a browser that is
//! `fetch` and WebCrypto, on the command line a TLS client and AWS-LC. Nothing here trusts an
//! answer: what comes in is checked by whoever asked for it.

use core::future::Future;
use core::time::Duration;
use std::time::SystemTime;

use crate::time::Timestamp;
use crate::x509::signature::SignatureCheck;

/// How often one thing is asked for, the first time included.
pub const MAX_TRIES: u32 = 3;

/// The longest a server may ask to be left alone before the question is given up for this audit.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// The wait before the second try, doubled before each further one, where the server names none.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How long a server is left alone whose `Retry-After` cannot be read: it asked for something.
const UNREADABLE_WAIT: Duration = Duration::from_secs(3600);

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
    /// How long the server wants to be left alone: its `Retry-After`, read by [`retry_after`].
    pub retry_after: Option<Duration>,
    /// The body, at most [`Get::max_bytes`].
    pub body: Vec<u8>,
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): a number of seconds, or a date in one of the
/// three forms of HTTP. A date is told by the server's own clock, so `date`, the header `Date` of
/// the same answer, goes before `now`. A date that has passed is no wait; what is neither counts as
/// an hour.
pub fn retry_after(value: &str, date: Option<&str>, now: Timestamp) -> Duration {
    let moment = |text: &str| httpdate::parse_http_date(text.trim()).ok();
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds: longer than anybody waits.
        return value.parse().map_or(Duration::MAX, Duration::from_secs);
    }
    let Some(until) = moment(value) else { return UNREADABLE_WAIT };
    let since = date.and_then(moment).unwrap_or_else(|| {
        let since_epoch = Duration::from_millis(now.millis());
        SystemTime::UNIX_EPOCH.checked_add(since_epoch).unwrap_or(SystemTime::UNIX_EPOCH)
    });
    until.duration_since(since).unwrap_or_default()
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
            Ok(Answer { status, retry_after, .. })
                if matches!(status, 429 | 503) || (status >= 500 && retry_after.is_some()) =>
            {
                let error = FetchError::RateLimited { url: get.url.clone(), retry_after };
                // Nobody is asked sooner than without the header.
                (error, Some(retry_after.map_or(wait, |asked| asked.max(wait))))
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

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::RefCell;

    fn now() -> Timestamp {
        Timestamp::from_secs(1795942800)
    }

    #[test]
    fn a_wait_is_read_in_every_form() {
        let seconds = Duration::from_secs;
        for (value, date, wait) in [
            ("120", None, seconds(120)),
            (" 0 ", None, seconds(0)),
            ("99999999999999999999999", None, Duration::MAX),
            // The three forms of RFC 9110, section 5.6.7.
            ("Sun, 29 Nov 2026 09:10:00 GMT", None, seconds(600)),
            ("Sunday, 29-Nov-26 09:10:00 GMT", None, seconds(600)),
            ("Sun Nov 29 09:10:00 2026", None, seconds(600)),
            ("Sun, 29 Nov 2026 09:00:00 GMT", None, seconds(0)),
            ("Sat, 28 Nov 2026 09:00:00 GMT", None, seconds(0)),
            // By the server's own clock, which is an hour behind.
            ("Sun, 29 Nov 2026 08:10:00 GMT", Some("Sun, 29 Nov 2026 08:00:00 GMT"), seconds(600)),
            ("Sun, 29 Nov 2026 09:10:00 GMT", Some("yesterday"), seconds(600)),
            ("30", Some("Sun, 29 Nov 2026 08:00:00 GMT"), seconds(30)),
            ("soon", None, UNREADABLE_WAIT),
            ("", None, UNREADABLE_WAIT),
            ("-1", None, UNREADABLE_WAIT),
            ("1.5", None, UNREADABLE_WAIT),
            ("Sun, 29 Nov 2026 25:00:00 GMT", None, UNREADABLE_WAIT),
        ] {
            assert_eq!(retry_after(value, date, now()), wait, "{value:?}");
        }
    }

    /// Answers one after the other, and remembers how long was waited between them.
    struct Server {
        answers: RefCell<Vec<(u16, Option<&'static str>)>>,
        waits: RefCell<Vec<Duration>>,
    }

    impl Platform for Server {
        async fn get(&self, _: &Get) -> Result<Answer, FetchError> {
            let (status, header) = self.answers.borrow_mut().remove(0);
            let retry_after = header.map(|value| retry_after(value, None, now()));
            Ok(Answer { status, retry_after, body: Vec::new() })
        }

        async fn keep(&self, _: &Get, _: &[u8]) {}

        async fn verify(&self, _: &[SignatureCheck]) -> Vec<bool> {
            Vec::new()
        }

        async fn sleep(&self, time: Duration) {
            self.waits.borrow_mut().push(time);
        }
    }

    #[test]
    fn nobody_is_asked_sooner_than_they_want() {
        let soon = Some("Sun, 29 Nov 2026 09:00:07 GMT");
        let later = Some("Sun, 29 Nov 2026 10:00:00 GMT");
        let over = Some("Sun, 29 Nov 2026 08:00:00 GMT");
        type Answers<'a> = &'a [(u16, Option<&'static str>)];
        let cases: [(Answers<'_>, &[u64], Result<usize, &str>); 10] = [
            (&[(429, soon), (200, None)], &[7_000], Ok(0)),
            (&[(503, Some("3")), (200, None)], &[3_000], Ok(0)),
            (&[(502, Some("3")), (200, None)], &[3_000], Ok(0)),
            // Longer than the audit waits: given up at once.
            (&[(429, later)], &[], Err("rate-limited")),
            (&[(503, Some("11"))], &[], Err("rate-limited")),
            (&[(500, later)], &[], Err("rate-limited")),
            (&[(429, Some("when I am well again"))], &[], Err("rate-limited")),
            // No wait is no reason to hurry.
            (&[(429, over), (429, Some("0")), (200, None)], &[500, 1_000], Ok(0)),
            (&[(429, None), (502, None), (503, None)], &[500, 1_000], Err("rate-limited")),
            (&[(404, Some("1"))], &[], Err("status")),
        ];
        for (answers, waits, result) in cases {
            let server =
                Server { answers: RefCell::new(answers.to_vec()), waits: RefCell::default() };
            let question =
                Get { url: "https://log.example/".into(), max_bytes: 1, is_immutable: false };
            let got = pollster::block_on(get(&server, &question));
            assert_eq!(
                got.map(|body| body.len()).map_err(|error| error.code()),
                result,
                "{answers:?}"
            );
            let waited: Vec<_> = server.waits.borrow().iter().map(Duration::as_millis).collect();
            assert_eq!(
                waited,
                waits.iter().map(|wait| u128::from(*wait)).collect::<Vec<_>>(),
                "{answers:?}"
            );
            assert!(server.answers.borrow().is_empty(), "{answers:?}");
        }
    }
}
