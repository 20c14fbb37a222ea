//! Serial numbers of certificates (RFC 5280 section 4.1.2.2).

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::x509::certificate::Certificate;

/// The longest serial number that is read, in hex digits. RFC 5280 section 4.1.2.2 allows forty and
/// a sign.
const MAX_DIGITS: usize = 64;
/// From this many hex digits on, a serial number was drawn at random: sixteen, of which a few may
/// be leading zeros.
const RANDOM_DIGITS: usize = 14;

/// A serial number: lower-case hex digits without leading zeros, however it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(String);

/// The text is no serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a serial number in hex digits")]
pub struct InvalidSerial;

impl Serial {
    /// That of a certificate. `None` for one that is longer than any CA writes.
    pub fn of(certificate: &Certificate) -> Option<Self> {
        certificate.serial().parse().ok()
    }

    /// As hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if it is long enough to have been drawn at random.
    pub(crate) fn is_random(&self) -> bool {
        self.0.len() >= RANDOM_DIGITS
    }
}

impl FromStr for Serial {
    type Err = InvalidSerial;

    fn from_str(text: &str) -> Result<Self, InvalidSerial> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.is_empty() || text.len() > MAX_DIGITS || !is_hex {
            return Err(InvalidSerial);
        }
        Ok(Self(text.trim_start_matches('0').to_ascii_lowercase()))
    }
}

impl TryFrom<String> for Serial {
    type Error = InvalidSerial;

    fn try_from(text: String) -> Result<Self, InvalidSerial> {
        // Zero is written as nothing: no public CA may use it.
        if text.is_empty() { Ok(Self(text)) } else { text.parse() }
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "0" } else { &self.0 })
    }
}
