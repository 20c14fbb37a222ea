//! Why nothing could be said to a home, as far as that can be told from outside. None of it says
//! anything about a certificate.

use crate::text::printable;
use crate::verdict::evidence::{Code, Evidence};

/// What is in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unreached {
    /// Nobody answers, or what answers is no home; in words.
    NoAnswer(String),
    /// Home Assistant answers 403 to every question of an address that it has banned
    /// (`components/http/ban.py`).
    Banned,
    /// Home Assistant answers 400 to every question that comes through a proxy which it does not
    /// trust (`components/http/forwarded.py`).
    ProxyNotTrusted,
    /// A redirect; where to, if that was told.
    SendsOn(Option<String>),
    /// Another status of HTTP than that of a home.
    Status(u16),
    /// TLS where plain http was asked for.
    SpeaksTls,
    /// Plain http where TLS was asked for.
    SpeaksPlainHttp,
}

impl Unreached {
    /// By the status of what answered to the opening of the conversation.
    pub fn by_status(status: u16, location: Option<&str>) -> Self {
        match status {
            300..=399 => Self::SendsOn(location.map(printable)),
            400 => Self::ProxyNotTrusted,
            403 => Self::Banned,
            _ => Self::Status(status),
        }
    }

    /// How it stands in the check-up.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::NoAnswer(reason) => {
                Evidence::new(Code::HomeNotReached).with("reason", printable(reason))
            }
            Self::Banned => Evidence::new(Code::HomeBans).with("status", 403),
            Self::ProxyNotTrusted => Evidence::new(Code::HomeDistrustsProxy).with("status", 400),
            Self::SendsOn(to) => Evidence::new(Code::HomeSendsOn).with("to", to.as_deref()),
            Self::Status(status) => Evidence::new(Code::HomeNotReached)
                .with("reason", format!("it answered with HTTP status {status}")),
            Self::SpeaksTls => Evidence::new(Code::HomeSpeaksTls),
            Self::SpeaksPlainHttp => Evidence::new(Code::HomeSpeaksPlainHttp),
        }
    }
}
