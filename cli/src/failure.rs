//! What keeps the command line from giving a verdict. The exit codes are those of sysexits.h.

use std::fmt;

use doorlight::ct::heads::HeadsError;
use doorlight::ct::log_list::LogListError;
use doorlight::ct::log_list::renewal::RenewalError;
use doorlight::fetch::FetchError;
use doorlight::home_assistant::advisory::AdvisoryError;
use doorlight::issuances::watch::WatchError;
use doorlight::site::pins::PinsError;
use doorlight::x509::certificate::ReadError;

/// Wrong usage (EX_USAGE).
pub(crate) const USAGE: u8 = 64;
/// Unreadable input (EX_DATAERR).
pub(crate) const INPUT: u8 = 65;
/// Somebody else's service gave no answer to use (EX_UNAVAILABLE).
pub(crate) const UNAVAILABLE: u8 = 69;
/// Could not be written (EX_IOERR).
pub(crate) const OUTPUT: u8 = 74;

/// An error with its stable code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit_code: u8,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn usage(code: &'static str, message: impl fmt::Display) -> Self {
        Self { exit_code: USAGE, code, message: message.to_string() }
    }

    pub(crate) fn input(code: &'static str, message: impl fmt::Display) -> Self {
        Self { exit_code: INPUT, code, message: message.to_string() }
    }

    pub(crate) fn output(message: impl fmt::Display) -> Self {
        Self { exit_code: OUTPUT, code: "not-written", message: message.to_string() }
    }

    /// Says what is done instead.
    pub(crate) fn and(self, message: &str) -> Self {
        Self { message: format!("{}; {message}", self.message), ..self }
    }

    /// Says which file it is about.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // File names and what a parser quotes of a file are not ours.
        write!(f, "{}: {}", self.code, doorlight::text::printable(&self.message))
    }
}

macro_rules! unreadable {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::input(error.code(), error)
            }
        }
    )*};
}

unreadable!(ReadError, LogListError, PinsError, HeadsError, WatchError, AdvisoryError);

impl From<RenewalError> for Failure {
    fn from(error: RenewalError) -> Self {
        let exit_code = match &error {
            RenewalError::Address => USAGE,
            RenewalError::Fetch(FetchError::TooLarge { .. }) => INPUT,
            RenewalError::Fetch(_) => UNAVAILABLE,
            _ => INPUT,
        };
        Self { exit_code, code: error.code(), message: error.to_string() }
    }
}
