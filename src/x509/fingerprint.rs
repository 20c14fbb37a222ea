//! Fingerprints of certificates and of keys.
//!
//! People meet them in many forms: Home Assistant shows SHA-1 as 40 lower-case hex digits, browsers
//! show SHA-256 in upper case with colons, `openssl` puts `sha256 Fingerprint=` in front, pins of
//! HPKP are base64. Reading takes them all; writing gives one.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The text is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFingerprint {
    /// A character that is neither a hex digit nor a separator.
    #[error("a fingerprint is written in the digits 0-9 and a-f")]
    NotHex,
    /// The number of digits fits none of the forms that are known.
    #[error("a fingerprint has 40 (SHA-1) or 64 (SHA-256) hex digits, this has {digits}")]
    Length {
        /// How many hex digits were given.
        digits: usize,
    },
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $length:literal, $algorithm:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $length]);

        impl $name {
            /// The digest of `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                Self(<$algorithm>::digest(bytes).into())
            }

            /// The bytes of the digest.
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// In upper case with colons, the way browsers show it.
            pub fn with_colons(&self) -> String {
                let pairs: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
                pairs.join(":")
            }
        }

        impl From<[u8; $length]> for $name {
            fn from(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            /// Lower-case hex digits without separators.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidFingerprint;

            fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
                let bytes = hex_digits(text)?;
                let digits = bytes.len() * 2;
                bytes.try_into().map(Self).map_err(|_| InvalidFingerprint::Length { digits })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidFingerprint;

            fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.to_string()
            }
        }
    };
}

digest!(
    /// SHA-256 over the whole certificate in DER: what browsers show.
    CertificateSha256, 32, Sha256
);
digest!(
    /// SHA-1 over the whole certificate in DER: what Home Assistant shows. Good enough to compare
    /// with a value read at home (a second preimage of SHA-1 is out of reach), not for anything
    /// that an attacker may have chosen both sides of.
    CertificateSha1, 20, Sha1
);
digest!(
    /// SHA-256 over the SubjectPublicKeyInfo in DER (RFC 7469 section 2.4): the pin, the same for
    /// every certificate of a key.
    SpkiSha256, 32, Sha256
);
digest!(
    /// SHA-256 over the TBSCertificate without its words for the logs
    /// ([`crate::x509::certificate::Certificate::precertificate_tbs`]): the same for a certificate
    /// and its precertificate.
    TbsSha256, 32, Sha256
);
digest!(
    /// SHA-256 over the number that an account has in its Home Assistant: by it a home is told from
    /// another one that answers at the same place.
    AccountId, 32, Sha256
);

impl SpkiSha256 {
    /// Reads hex in any form, and base64 as in `sha256/…=`, `pin-sha256="…"` of RFC 7469 or
    /// `(key) pin-sha256:…` of other tools.
    ///
    /// # Errors
    /// [`InvalidFingerprint`] where the text is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidFingerprint> {
        let visible = crate::text::visible(text);
        let inner = visible.trim().trim_start_matches("(key)").trim_start();
        let inner = inner
            .trim_start_matches("pin-")
            .trim_start_matches("sha256")
            .trim_start_matches(['/', '=', ':', ' ']);
        let inner = inner.trim_matches('"');
        if inner.len() == 44 {
            let mut bytes = [0; 32];
            if let Ok(decoded) = Base64::decode(inner, &mut bytes)
                && decoded.len() == 32
            {
                return Ok(Self(bytes));
            }
        }
        inner.parse()
    }

    /// True where the text says that it is of a key, or is in a form that only those have.
    pub fn is_meant(text: &str) -> bool {
        let visible = crate::text::visible(text);
        let text = visible.trim();
        ["(key)", "pin-", "sha256/"].iter().any(|label| text.starts_with(label))
            || text.len() == 44 && text.ends_with('=')
    }
}

/// The fingerprint of a certificate, of the kind that its length tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fingerprint {
    /// 40 hex digits.
    Sha1(CertificateSha1),
    /// 64 hex digits.
    Sha256(CertificateSha256),
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let digits = hex_digits(text)?.len() * 2;
        match digits {
            40 => text.parse().map(Self::Sha1),
            64 => text.parse().map(Self::Sha256),
            _ => Err(InvalidFingerprint::Length { digits }),
        }
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha1(digest) => digest.fmt(f),
            Self::Sha256(digest) => digest.fmt(f),
        }
    }
}

/// The bytes behind hex digits in any case, with colons, hyphens or white space between them, and
/// with a label like `SHA256 Fingerprint=` in front.
fn hex_digits(text: &str) -> Result<Vec<u8>, InvalidFingerprint> {
    // The longest honest form is a label and 64 digits with separators: nothing longer is worth
    // reading.
    if text.len() > 512 {
        return Err(InvalidFingerprint::Length { digits: text.len() });
    }
    let visible = crate::text::visible(text);
    let mut nibbles = Vec::with_capacity(64);
    for c in unlabelled(visible.trim()).chars() {
        match c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) {
            Some(nibble) => nibbles.push(nibble),
            None if c == ':' || c == '-' || c.is_whitespace() => {}
            None => return Err(InvalidFingerprint::NotHex),
        }
    }
    let pairs = nibbles.as_chunks::<2>();
    if !pairs.1.is_empty() || nibbles.is_empty() {
        return Err(InvalidFingerprint::Length { digits: nibbles.len() });
    }
    Ok(pairs.0.iter().map(|[high, low]| high << 4 | low).collect())
}

/// What follows a label. A label begins with a word for fingerprints and is short: a mistyped digit
/// must not pass for its end, or the last 40 of 64 digits would be read as SHA-1.
fn unlabelled(text: &str) -> &str {
    const LONGEST: usize = 24;
    const LABELS: [&str; 4] = ["sha", "fingerprint", "thumbprint", "pin-sha"];
    let is_labelled = LABELS.iter().any(|label| {
        text.get(..label.len()).is_some_and(|start| start.eq_ignore_ascii_case(label))
    });
    // It ends behind its last letter that is no digit; the digits of `SHA256:` belong to it too.
    let is_letter = |c: char| c.is_ascii_alphabetic() && !c.is_ascii_hexdigit();
    let is_short = |end: &usize| {
        *end < LONGEST && text.get(..*end).is_some_and(|label| !label.contains([':', '=']))
    };
    let end = text.rfind(is_letter).filter(is_short).filter(|_| is_labelled);
    let rest = end.and_then(|end| text.get(end..)?.split_once([':', '=', '/', ' ', '\n', '\t']));
    rest.map_or(text, |(_, digits)| digits.trim_start_matches([':', '=', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";

    #[test]
    fn digests_of_abc() {
        assert_eq!(CertificateSha1::of(b"abc").to_string(), SHA1);
        assert_eq!(
            CertificateSha256::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn reads_every_way_people_write_them() {
        let expected = Fingerprint::Sha1(CertificateSha1::of(b"abc"));
        for text in [
            SHA1,
            "A9993E364706816ABA3E25717850C26C9CD0D89D",
            "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D",
            " a9 99 3e 36 47 06 81 6a ba 3e\n25 71 78 50 c2 6c 9c d0 d8 9d ",
            "SHA1 Fingerprint=A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D",
            "sha1 Fingerprint = a9-99-3e-36-47-06-81-6a-ba-3e-25-71-78-50-c2-6c-9c-d0-d8-9d",
            "\u{200e}a9 99 3e 36 47 06 81 6a ba 3e 25 71 78 50 c2 6c 9c d0 d8 9d",
            "a9\u{200b}99\u{200b}3e\u{200b}364706816aba3e25717850c26c9cd0d89d",
            "\u{feff}a9993e364706816aba3e25717850c26c9cd0d89d\u{2069}",
            "a9993e36\u{ad}4706816aba3e25717850c26c9cd0d89d",
            "a9\u{a0}99\u{202f}3e 364706816aba3e25717850c26c9cd0d89d",
            "SHA1: A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D",
            "SHA1 Fingerprint: A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D",
            "SHA-1 Fingerprint\nA9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D",
            "SHA-1 a9993e364706816aba3e25717850c26c9cd0d89d",
            "Thumbprint: a9993e364706816aba3e25717850c26c9cd0d89d",
            "Fingerprint (SHA-1): a9993e364706816aba3e25717850c26c9cd0d89d",
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(CertificateSha1::of(b"abc").with_colons().parse(), Ok(expected));
        let sha256 = Fingerprint::Sha256(CertificateSha256::of(b"abc"));
        for label in
            ["sha256:", "SHA256=", "SHA-256 Fingerprint=", "sha256/", "SHA256 Fingerprint\n"]
        {
            assert_eq!(format!("{label}{sha256}").parse(), Ok(sha256), "{label}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        use InvalidFingerprint::{Length, NotHex};
        for (text, error) in [
            ("", Length { digits: 0 }),
            ("a999", Length { digits: 4 }),
            ("a99", Length { digits: 3 }),
            ("not a fingerprint", NotHex),
            (&"0".repeat(1000), Length { digits: 1000 }),
            (&"é".repeat(40), NotHex),
            // One digit is mistyped, and what follows it would be a fingerprint of its own.
            (&format!("ba7816bf8f01cfea414140:g:{SHA1}"), NotHex),
            (&format!("ba7816bf8f01cfea414140 sha1:{SHA1}"), NotHex),
            (&format!("SHA256: ba:78:16:bf:8f:01:cf:ea:41:41:40:xg:{SHA1}"), NotHex),
            (&format!("SHA256 ba7816bf8f01cfea414140xg {SHA1}"), NotHex),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(error), "{text}");
        }
    }

    #[test]
    fn key_pins_in_base64() {
        let pin = SpkiSha256::of(b"abc");
        let base64 = Base64::encode_string(pin.as_bytes());
        for text in [
            format!("sha256/{base64}"),
            format!("pin-sha256=\"{base64}\""),
            base64,
            format!("(key) pin-sha256:{}", Base64::encode_string(pin.as_bytes())),
            format!("\u{feff}pin-sha256=\u{200b}{}", Base64::encode_string(pin.as_bytes())),
            format!("sha256/{pin}"),
            pin.with_colons(),
            pin.to_string(),
        ] {
            assert_eq!(SpkiSha256::parse(&text), Ok(pin), "{text}");
        }
        assert!(SpkiSha256::parse("sha256/AAAA").is_err());
        for (text, is_meant) in
            [("(key) pin-sha256:x", true), ("sha256/x", true), ("sha256:x", false), (SHA1, false)]
        {
            assert_eq!(SpkiSha256::is_meant(text), is_meant, "{text}");
        }
    }
}
