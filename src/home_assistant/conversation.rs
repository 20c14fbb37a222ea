//! What is said between Home Assistant and Doorlight over its WebSocket, `/api/websocket`: what
//! came in leads to what is to be said next.
//!
//! ```text
//! home                                              we
//! {"type":"auth_required","ha_version":"2025.4.4"}                                      no login needed for this much; without a token it ends here
//!                                                   {"type":"auth","access_token":"…"}
//! {"type":"auth_ok","ha_version":"2025.4.4"}                                            or auth_invalid: the end
//!                                                   {"id":1,"type":"auth/current_user"}
//! {"id":1,"type":"result","success":true,"result":{"name":"…","is_admin":false,"mfa_modules":[…],…}}
//!                                                   {"id":2,"type":"cloud/status"}
//! {"id":2,"type":"result","success":true,"result":{"logged_in":true,"remote_domain":"…","remote_certificate":{…},…}}
//!                                                   {"id":3,"type":"http/config"}       only where the account may
//! ```
//!
//! No input, no output: the command line and the extension carry the messages. A home that refuses
//! the token counts a failed login and may ban our address, so the token is said once, and
//! **whoever drives this must not begin again by itself after
//! [`ConversationError::TokenRefused`]**.
//!
//! `http/config` (Home Assistant of 2026) tells whether failed logins ban, and is for
//! administrators alone; others are not asked, so that nothing of ours fills their log. Fields that
//! are not known are passed over: Home Assistant adds some with every release.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::home_assistant::version::Version;
use crate::text::printable;
use crate::time::Timestamp;
use crate::x509::fingerprint::{AccountId, CertificateSha1};

/// The largest message that is read, in bytes: `cloud/status` carries the user's preferences, some
/// kilobytes.
pub const MAX_MESSAGE: usize = 1 << 20;
/// The most messages that are listened to; an orderly conversation has five.
pub const MAX_MESSAGES: u32 = 32;
/// The longest token; Home Assistant's long-lived ones have about 183 characters.
pub const MAX_TOKEN: usize = 4096;
/// The most names of a certificate, and the most second factors of an account.
pub const MAX_NAMES: usize = 100;

/// An access token of Home Assistant: the right to ask in somebody's name. It is never printed, and
/// wiped when it is dropped.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// The text is no access token. It is not repeated here: it may be one with a slip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an access token of Home Assistant: three parts of letters, digits, - and _ with a dot between them"
)]
pub struct InvalidToken;

impl InvalidToken {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        "home-token-invalid"
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    /// White space around it is left out. All of Home Assistant's are JSON Web Tokens in compact
    /// form (RFC 7519 section 3): what is none would only cost a failed login.
    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if text.len() > MAX_TOKEN || text.split('.').count() != 3 || !text.split('.').all(is_part) {
            return Err(InvalidToken);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl Token {
    /// The message that carries it. Its characters need no escaping.
    fn said(&self) -> String {
        format!(r#"{{"type":"auth","access_token":"{}"}}"#, self.0.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What the home told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HomeReport {
    /// Its version; none where it is in no form that is known.
    pub version: Option<Version>,
    /// What it said of its version, safe to show.
    pub version_text: String,
    /// Its cloud; none where that was not asked, or Home Assistant runs without that integration.
    pub cloud: Option<Cloud>,
    /// The account of the token; none where there is no token.
    pub account: Option<Account>,
    /// Whether failed logins ban; none where it cannot be read.
    pub ban: Option<Ban>,
}

/// Home Assistant Cloud, as the home sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cloud {
    /// Whether the home is logged in there.
    pub logged_in: bool,
    /// The name under `ui.nabu.casa`, in lower case and safe to show.
    pub remote_domain: Option<String>,
    /// Whether the owner wants it to be reached from outside; true where that was not told.
    pub is_enabled: bool,
    /// Whether the remote address is connected.
    pub connected: bool,
    /// How it stands with the certificate: `ready` when all is well.
    pub certificate_status: Option<String>,
    /// The certificate that the home holds.
    pub certificate: Option<HomeCertificate>,
}

/// A certificate as the home tells of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HomeCertificate {
    /// Its subject's common name, in lower case and safe to show.
    pub common_name: String,
    /// Its other names, in lower case and safe to show.
    pub names: Vec<String>,
    /// Its last moment.
    pub not_after: Timestamp,
    /// SHA-1 of the certificate: all that Home Assistant tells.
    pub fingerprint: CertificateSha1,
}

/// The account that the token belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Its number in the home, as a digest: 128 random bits that nobody knows who was never shown
    /// them. None where the home does not tell it.
    pub id: Option<AccountId>,
    /// Its name, safe to show.
    pub name: String,
    /// Whether it may change the home.
    pub is_admin: bool,
    /// Whether it owns the home.
    pub is_owner: bool,
    /// The second factors that there are.
    pub mfa: Vec<SecondFactor>,
}

/// A way to prove oneself besides the password.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecondFactor {
    /// Which one: `totp`, `notify`; safe to show.
    pub id: String,
    /// Whether the account uses it.
    pub enabled: bool,
}

/// What happens to an address from which somebody fails to log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ban {
    /// Whether addresses are banned at all.
    pub enabled: bool,
    /// After how many failures; below 1, never (the default is -1).
    pub threshold: i64,
}

impl Ban {
    /// True where guessing passwords ends some time.
    pub fn is_effective(&self) -> bool {
        self.enabled && self.threshold > 0
    }
}

/// What comes next.
#[derive(Clone, PartialEq)]
pub enum Step {
    /// Send this. It may hold the token: it is for the line, not for a log.
    Say(String),
    /// Nothing; listen on.
    Wait,
    /// The conversation is over, and this is what it told.
    Done(Box<HomeReport>),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(_) => f.write_str("Say(…)"),
            Self::Wait => f.write_str("Wait"),
            Self::Done(report) => f.debug_tuple("Done").field(report).finish(),
        }
    }
}

/// The conversation failed. Of what the home told before, only the version counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversationError {
    /// A message over [`MAX_MESSAGE`].
    #[error("the home sent a message of more than {MAX_MESSAGE} bytes")]
    TooLarge,
    /// More than [`MAX_MESSAGES`].
    #[error("the home sent more than {MAX_MESSAGES} messages")]
    TooMany,
    /// Not JSON, or not an object of the protocol.
    #[error("the home sent something that is none of its messages: {reason}")]
    Malformed {
        /// What the JSON reader objected to, safe to show.
        reason: String,
    },
    /// A message of the protocol that does not belong here: most likely this is no Home Assistant.
    #[error("the home said “{got}” where {expected} was due")]
    OutOfOrder {
        /// What should have come.
        expected: &'static str,
        /// What came, safe to show.
        got: String,
    },
    /// An answer to a question that was not asked.
    #[error("the home answered a question that was not asked")]
    UnknownId,
    /// The token does not count here. **Do not try it again:** each time counts as a failed login.
    #[error("the home refused the token: {reason}")]
    TokenRefused {
        /// What the home said, safe to show.
        reason: String,
    },
    /// A question was refused.
    #[error("the home refused {command}: {reason}")]
    Refused {
        /// The question.
        command: &'static str,
        /// The home's code for it, safe to show.
        reason: String,
    },
    /// An answer that is not in the form that is known.
    #[error("the home's answer to {command} cannot be read: {reason}")]
    Answer {
        /// The question.
        command: &'static str,
        /// What the reader objected to, safe to show.
        reason: String,
    },
    /// Something came after the end, or after a failure.
    #[error("the conversation is over")]
    Over,
}

impl ConversationError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "home-message-too-large",
            Self::TooMany => "home-too-many-messages",
            Self::Malformed { .. } => "home-message-malformed",
            Self::OutOfOrder { .. } => "home-out-of-order",
            Self::UnknownId => "home-unknown-id",
            Self::TokenRefused { .. } => "home-token-refused",
            Self::Refused { .. } => "home-command-refused",
            Self::Answer { .. } => "home-answer-malformed",
            Self::Over => "home-conversation-over",
        }
    }
}

/// What is asked with a token, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    User,
    Cloud,
    Http,
}

impl Question {
    fn command(self) -> &'static str {
        match self {
            Self::User => "auth/current_user",
            Self::Cloud => "cloud/status",
            Self::Http => "http/config",
        }
    }

    /// Home Assistant wants them to rise.
    fn id(self) -> u64 {
        match self {
            Self::User => 1,
            Self::Cloud => 2,
            Self::Http => 3,
        }
    }

    fn said(self) -> String {
        format!(r#"{{"id":{},"type":"{}"}}"#, self.id(), self.command())
    }
}

#[derive(Debug)]
enum State {
    /// Waiting for `auth_required`.
    Greeting,
    /// The token was said.
    Authenticating,
    /// This was asked.
    Asking(Question),
    /// Done, or failed.
    Over,
}

/// A conversation under way.
#[derive(Debug)]
pub struct Conversation {
    state: State,
    token: Option<Token>,
    is_authenticated: bool,
    heard: u32,
    report: HomeReport,
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(rename = "type")]
    kind: String,
    ha_version: Option<String>,
    message: Option<String>,
    id: Option<u64>,
    success: Option<bool>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<String>,
}

#[derive(Deserialize)]
struct CloudStatus {
    logged_in: bool,
    remote_domain: Option<String>,
    remote_connected: Option<bool>,
    remote_certificate_status: Option<String>,
    remote_certificate: Option<RemoteCertificate>,
    prefs: Option<CloudPreferences>,
}

#[derive(Deserialize)]
struct CloudPreferences {
    remote_enabled: Option<bool>,
}

#[derive(Deserialize)]
struct RemoteCertificate {
    common_name: String,
    expire_date: String,
    fingerprint: String,
    alternative_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CurrentUser {
    id: Option<String>,
    name: Option<String>,
    is_owner: bool,
    is_admin: bool,
    #[serde(default)]
    mfa_modules: Vec<MfaModule>,
}

#[derive(Deserialize)]
struct MfaModule {
    id: String,
    enabled: bool,
}

#[derive(Deserialize)]
struct HttpConfig {
    active_config_type: String,
    stable: Option<HttpSettings>,
    pending: Option<HttpSettings>,
    default: Option<HttpSettings>,
}

#[derive(Deserialize)]
struct HttpSettings {
    ip_ban_enabled: bool,
    login_attempts_threshold: i64,
}

impl Conversation {
    /// Begins by listening. Without a token it learns the version, and no more.
    pub fn new(token: Option<Token>) -> Self {
        let report = HomeReport {
            version: None,
            version_text: String::new(),
            cloud: None,
            account: None,
            ban: None,
        };
        Self { state: State::Greeting, token, is_authenticated: false, heard: 0, report }
    }

    /// True between the token and what the home says to it. Whoever drives this notes that before
    /// sending: if the answer is lost, it may have been a refusal.
    pub fn is_authenticating(&self) -> bool {
        matches!(self.state, State::Authenticating)
    }

    /// True once the home has taken the token.
    pub fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// What it told so far: the version counts also where the token was refused.
    pub fn so_far(&self) -> &HomeReport {
        &self.report
    }

    /// Takes in a message of the home, as text.
    ///
    /// # Errors
    /// [`ConversationError`]; the conversation is over then.
    pub fn hear(&mut self, text: &str) -> Result<Step, ConversationError> {
        let state = core::mem::replace(&mut self.state, State::Over);
        if matches!(state, State::Over) {
            return Err(ConversationError::Over);
        }
        self.heard += 1;
        if self.heard > MAX_MESSAGES {
            return Err(ConversationError::TooMany);
        }
        if text.len() > MAX_MESSAGE {
            return Err(ConversationError::TooLarge);
        }
        let malformed = |reason: &str| ConversationError::Malformed { reason: printable(reason) };
        if !is_object(text) {
            return Err(malformed("not an object"));
        }
        let incoming: Incoming<'_> =
            serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))?;
        match state {
            State::Greeting => self.greeted(&incoming),
            State::Authenticating => self.authenticated(&incoming),
            State::Asking(question) => self.answered(question, &incoming),
            State::Over => Err(ConversationError::Over),
        }
    }

    fn greeted(&mut self, incoming: &Incoming<'_>) -> Result<Step, ConversationError> {
        expect(incoming, "auth_required")?;
        let text = incoming.ha_version.as_deref().unwrap_or_default();
        self.report.version = text.parse().ok();
        self.report.version_text = printable(text);
        // The token is gone from here once it was said.
        match self.token.take() {
            Some(token) => {
                self.state = State::Authenticating;
                Ok(Step::Say(token.said()))
            }
            None => Ok(self.done()),
        }
    }

    fn authenticated(&mut self, incoming: &Incoming<'_>) -> Result<Step, ConversationError> {
        if incoming.kind == "auth_invalid" {
            let reason = printable(incoming.message.as_deref().unwrap_or("it did not say why"));
            return Err(ConversationError::TokenRefused { reason });
        }
        expect(incoming, "auth_ok")?;
        self.is_authenticated = true;
        Ok(self.ask(Question::User))
    }

    fn ask(&mut self, question: Question) -> Step {
        self.state = State::Asking(question);
        Step::Say(question.said())
    }

    fn done(&mut self) -> Step {
        let silent = HomeReport {
            version: None,
            version_text: String::new(),
            cloud: None,
            account: None,
            ban: None,
        };
        Step::Done(Box::new(core::mem::replace(&mut self.report, silent)))
    }

    fn answered(
        &mut self,
        question: Question,
        incoming: &Incoming<'_>,
    ) -> Result<Step, ConversationError> {
        let Some(id) = incoming.id else {
            return Err(out_of_order("an answer", incoming));
        };
        if id != question.id() {
            return Err(ConversationError::UnknownId);
        }
        expect(incoming, "result")?;
        let answer = answer(question, incoming);
        match question {
            Question::User => {
                let account = account(read(question, answer?)?)?;
                self.report.account = Some(account);
                Ok(self.ask(Question::Cloud))
            }
            Question::Cloud => {
                self.report.cloud = match answer {
                    // Home Assistant without its cloud integration.
                    Err(ConversationError::Refused { reason, .. })
                        if reason == "unknown_command" =>
                    {
                        None
                    }
                    Err(error) => return Err(error),
                    Ok(result) => Some(cloud(read(question, result)?)?),
                };
                let is_admin = self.report.account.as_ref().is_some_and(|account| account.is_admin);
                Ok(if is_admin { self.ask(Question::Http) } else { self.done() })
            }
            Question::Http => {
                // Most versions do not know the question. What cannot be read is unknown, and
                // nothing hangs on it.
                self.report.ban = answer.ok().and_then(|result| ban(read(question, result).ok()?));
                Ok(self.done())
            }
        }
    }
}

fn expect(incoming: &Incoming<'_>, expected: &'static str) -> Result<(), ConversationError> {
    if incoming.kind == expected { Ok(()) } else { Err(out_of_order(expected, incoming)) }
}

fn out_of_order(expected: &'static str, incoming: &Incoming<'_>) -> ConversationError {
    ConversationError::OutOfOrder { expected, got: printable(&incoming.kind) }
}

fn malformed(question: Question, reason: &str) -> ConversationError {
    ConversationError::Answer { command: question.command(), reason: printable(reason) }
}

/// The result of an answer that says it is a good one.
fn answer<'a>(
    question: Question,
    incoming: &Incoming<'a>,
) -> Result<&'a RawValue, ConversationError> {
    match (incoming.success, incoming.result, &incoming.error) {
        (Some(true), Some(result), None) => Ok(result),
        (Some(false), _, Some(Refusal { code: Some(code) })) => {
            Err(ConversationError::Refused { command: question.command(), reason: printable(code) })
        }
        _ => Err(malformed(question, "neither a result nor an error")),
    }
}

fn read<'a, T: Deserialize<'a>>(
    question: Question,
    result: &'a RawValue,
) -> Result<T, ConversationError> {
    if !is_object(result.get()) {
        return Err(malformed(question, "not an object"));
    }
    serde_json::from_str(result.get()).map_err(|error| malformed(question, &error.to_string()))
}

/// The reader behind would take an array for an object whose fields stand in order.
fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{')
}

fn account(user: CurrentUser) -> Result<Account, ConversationError> {
    if user.mfa_modules.len() > MAX_NAMES {
        return Err(malformed(Question::User, "too many second factors"));
    }
    let mfa = user
        .mfa_modules
        .iter()
        .map(|one| SecondFactor { id: printable(&one.id), enabled: one.enabled });
    Ok(Account {
        id: user.id.map(|id| AccountId::of(id.as_bytes())),
        name: printable(user.name.as_deref().unwrap_or_default()),
        is_admin: user.is_admin,
        is_owner: user.is_owner,
        mfa: mfa.collect(),
    })
}

fn cloud(status: CloudStatus) -> Result<Cloud, ConversationError> {
    let certificate = match status.remote_certificate {
        // A home that is logged out says nothing of a certificate that it may have had.
        Some(certificate) if status.logged_in => Some(certificate_of(&certificate)?),
        _ => None,
    };
    Ok(Cloud {
        logged_in: status.logged_in,
        remote_domain: status.remote_domain.as_deref().filter(|name| !name.is_empty()).map(name),
        is_enabled: status.prefs.and_then(|prefs| prefs.remote_enabled).unwrap_or(true),
        connected: status.remote_connected.unwrap_or(false),
        certificate_status: status.remote_certificate_status.as_deref().map(printable),
        certificate,
    })
}

fn certificate_of(told: &RemoteCertificate) -> Result<HomeCertificate, ConversationError> {
    let wrong = |reason: &str| malformed(Question::Cloud, reason);
    let names = told.alternative_names.as_deref().unwrap_or_default();
    if names.len() > MAX_NAMES {
        return Err(wrong("too many names"));
    }
    // Home Assistant writes 40 digits without separators; Python writes the offset as +00:00, and
    // left it out in old versions.
    let date = &told.expire_date;
    let not_after = date.parse().or_else(|_| format!("{date}Z").parse());
    let is_plain = told.fingerprint.len() == 40
        && told.fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fingerprint = told.fingerprint.parse().ok().filter(|_| is_plain);
    Ok(HomeCertificate {
        common_name: name(&told.common_name),
        names: names.iter().map(|one| name(one)).collect(),
        not_after: not_after.map_err(|_| wrong("its expire_date is no time"))?,
        fingerprint: fingerprint.ok_or_else(|| wrong("its fingerprint is not 40 hex digits"))?,
    })
}

fn name(text: &str) -> String {
    printable(&text.trim_end_matches('.').to_ascii_lowercase())
}

/// The settings that the running server was started with.
fn ban(config: HttpConfig) -> Option<Ban> {
    let active = match config.active_config_type.as_str() {
        "stable" => config.stable,
        "pending" => config.pending,
        "default" => config.default,
        _ => None,
    };
    active.map(|active| Ban {
        enabled: active.ip_ban_enabled,
        threshold: active.login_attempts_threshold,
    })
}

#[cfg(test)]
mod tests;
