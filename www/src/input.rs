//! What somebody pasted, dropped or chose, recognised by its content.

use base64ct::{Base64, Encoding};
use doorlight::address::{Address, InvalidAddress};
use doorlight::site::pins::{Pins, PinsError};
use doorlight::verdict::report::{Report, ReportError};
use doorlight::x509::bundle;
use doorlight::x509::certificate::{Certificate, MAX_INPUT, ReadError};
use doorlight::x509::chain::Chain;
use doorlight::x509::fingerprint::{
    CertificateSha256, Fingerprint, InvalidFingerprint, SpkiSha256,
};
use serde::Deserialize;

use crate::link;

/// The longest text that may be an address or a fingerprint, in bytes.
const MAX_LINE: usize = 2048;

/// What was recognised.
#[derive(Debug)]
pub enum Input {
    /// Certificates.
    Chain(Box<Chain>),
    /// The same out of a link, with the host that the link names.
    Linked(Box<Chain>, Option<Address>),
    /// A host.
    Name(Address),
    /// A fingerprint of a certificate or of a key.
    Fingerprint(Expected),
    /// A report, with the certificates if it carries them: what somebody wrote.
    Report(Box<Report>, Option<Box<Chain>>),
    /// Pins.
    Pins(Pins),
}

/// A fingerprint that somebody read elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// 40 hex digits: of a certificate, as Home Assistant shows it.
    Sha1(Fingerprint),
    /// 64 hex digits: of a certificate, as browsers show it, or of a key. Only the certificate
    /// tells.
    Sha256(CertificateSha256, SpkiSha256),
    /// In the form of pins (RFC 7469): of a key.
    Key(SpkiSha256),
}

/// Which form of fingerprint fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// SHA-1 of the certificate.
    Sha1,
    /// SHA-256 of the certificate.
    Sha256,
    /// SHA-256 of the key.
    Key,
}

impl Expected {
    /// The form in which it is of this certificate.
    pub fn form_of(&self, certificate: &Certificate) -> Option<Form> {
        let is_key = |key: &SpkiSha256| (certificate.spki_sha256() == *key).then_some(Form::Key);
        match self {
            Self::Sha1(one) => {
                (Fingerprint::Sha1(certificate.sha1()) == *one).then_some(Form::Sha1)
            }
            Self::Sha256(one, _) if certificate.sha256() == *one => Some(Form::Sha256),
            Self::Sha256(_, key) | Self::Key(key) => is_key(key),
        }
    }
}

/// Nothing that this page can check.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// There is nothing.
    #[error("nothing was given")]
    Empty,
    /// Certificates that cannot be read.
    #[error(transparent)]
    Certificates(#[from] ReadError),
    /// A report that cannot be read.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Pins that cannot be read.
    #[error(transparent)]
    Pins(#[from] PinsError),
    /// Almost a fingerprint.
    #[error(transparent)]
    Fingerprint(#[from] InvalidFingerprint),
    /// Almost an address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// None of all that.
    #[error("this is neither a certificate nor anything else that can be checked here")]
    Unknown,
}

impl InputError {
    /// The stable code of the error, as in keys of texts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Certificates(error) => error.code(),
            Self::Report(ReportError::TooLarge) => "report-too-large",
            Self::Report(ReportError::NewerSchema { .. }) => "report-newer-schema",
            Self::Report(_) => "report-malformed",
            Self::Pins(error) => error.code(),
            Self::Fingerprint(_) => "fingerprint",
            Self::Address(_) => "address",
            Self::Unknown => "unknown",
        }
    }
}

/// What tells files in JSON apart.
#[derive(Deserialize)]
struct Header {
    kind: Option<String>,
    schema: Option<serde_json::Value>,
    #[serde(default)]
    pem: serde_json::Value,
}

/// Recognises it.
///
/// # Errors
/// [`InputError`].
pub fn recognise(input: &[u8]) -> Result<Input, InputError> {
    let bare = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).trim_ascii();
    if bare.is_empty() {
        return Err(InputError::Empty);
    }
    if bare.starts_with(b"{") {
        return of_json(bare);
    }
    if input.len() > MAX_INPUT {
        return Err(ReadError::InputTooLarge.into());
    }
    if bundle::is_meant(input) {
        return Ok(Input::Chain(Box::new(Chain::read(input)?)));
    }
    let Ok(text) = str::from_utf8(bare) else { return Err(InputError::Unknown) };
    if let Some((_, fragment)) = text.split_once('#')
        && let Some(found) = link::read(fragment)
    {
        let (chain, address) = found?;
        return Ok(Input::Linked(Box::new(chain), address));
    }
    if let Some(der) = armourless(text) {
        return Ok(Input::Chain(Box::new(Chain::from_bundle(&bundle::split(&der)?)?)));
    }
    of_line(text)
}

fn of_json(json: &[u8]) -> Result<Input, InputError> {
    let malformed = |error: serde_json::Error| ReportError::Malformed {
        reason: doorlight::text::printable(&error.to_string()),
    };
    if json.len() > doorlight::site::pins::MAX_FILE {
        return Err(ReportError::TooLarge.into());
    }
    let header: Option<Header> = serde_json::from_slice(json).ok();
    let (kind, schema) =
        header.as_ref().map_or((None, None), |one| (one.kind.as_ref(), one.schema.as_ref()));
    if kind.is_none() && schema.is_none() && bundle::is_meant(json) {
        // Other programs' JSON, with certificates in its strings.
        return Ok(Input::Chain(Box::new(Chain::read(json)?)));
    }
    let Header { kind, pem, .. } = serde_json::from_slice(json).map_err(malformed)?;
    if kind.is_some() {
        return Ok(Input::Pins(Pins::from_json(json)?));
    }
    let report = Report::from_json(json)?;
    // A report counts as one, whatever is wrong with the certificates that somebody put beside it.
    let chain = pem.as_str().and_then(|pem| Chain::read(pem.as_bytes()).ok());
    Ok(Input::Report(Box::new(report), chain.map(Box::new)))
}

/// The base64 of a certificate whose first and last line were lost.
fn armourless(text: &str) -> Option<Vec<u8>> {
    if !text.starts_with("MI") || text.len() < 256 {
        return None;
    }
    let bare: String = text.split_ascii_whitespace().collect();
    Base64::decode_vec(&bare).ok()
}

fn of_line(text: &str) -> Result<Input, InputError> {
    if text.len() > MAX_LINE {
        return Err(InputError::Unknown);
    }
    if SpkiSha256::is_meant(text)
        && let Ok(key) = SpkiSha256::parse(text)
    {
        return Ok(Input::Fingerprint(Expected::Key(key)));
    }
    let almost = match fingerprint(text) {
        Ok(expected) => return Ok(Input::Fingerprint(expected)),
        Err(error) => error,
    };
    let is_of_digits = matches!(almost, InvalidFingerprint::Length { digits } if digits >= 16);
    if is_of_digits && !text.contains('.') {
        return Err(almost.into());
    }
    // One word without a dot may be anything.
    let is_like_address = text.contains("://")
        || text.contains(['.', '[']) && !text.contains(char::is_whitespace)
        || text == "localhost";
    if is_like_address {
        Ok(Input::Name(text.parse::<Address>()?))
    } else {
        Err(InputError::Unknown)
    }
}

/// Reads a fingerprint of any form.
///
/// # Errors
/// [`InvalidFingerprint`].
pub fn fingerprint(text: &str) -> Result<Expected, InvalidFingerprint> {
    match text.parse::<Fingerprint>() {
        Ok(one @ Fingerprint::Sha1(_)) => Ok(Expected::Sha1(one)),
        Ok(Fingerprint::Sha256(one)) => {
            let key = SpkiSha256::from(*one.as_bytes());
            // A label may say which of the two it is; digits alone do not.
            Ok(if SpkiSha256::is_meant(text) {
                Expected::Key(key)
            } else {
                Expected::Sha256(one, key)
            })
        }
        Err(error) => SpkiSha256::parse(text).map(Expected::Key).map_err(|_| error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../samples/good.pem");
    const PINS: &str = include_str!("../samples/pins.json");

    fn chain_of(input: &[u8]) -> Chain {
        match recognise(input) {
            Ok(Input::Chain(chain)) => *chain,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn certificates_in_every_form_people_have_them() {
        let bundle = chain_of(GOOD.as_bytes());
        assert_eq!(bundle.others().len(), 1);
        let s_client = format!(
            "CONNECTED(00000003)\n---\nCertificate chain\n 0 s:CN=x\n{GOOD}---\nSSL handshake has read\n"
        );
        let windows = GOOD.replace('\n', "\r\n");
        let marked = format!("\u{feff}{GOOD}");
        for text in [&s_client, &windows, &marked] {
            assert_eq!(chain_of(text.as_bytes()).leaf(), bundle.leaf());
        }
        let der = bundle.leaf().der();
        assert_eq!(chain_of(der).leaf(), bundle.leaf());
        let both = [der, bundle.others()[0].der()].concat();
        assert_eq!(chain_of(&both).others().len(), 1);
        assert_eq!(chain_of(Base64::encode_string(der).as_bytes()).leaf(), bundle.leaf());
    }

    #[test]
    fn fingerprints_in_every_form_people_have_them() {
        let leaf = chain_of(GOOD.as_bytes()).leaf().clone();
        let key = Base64::encode_string(leaf.spki_sha256().as_bytes());
        for (text, form) in [
            (leaf.sha1().to_string(), Form::Sha1),
            (leaf.sha1().with_colons(), Form::Sha1),
            (format!("SHA1 Fingerprint={}", leaf.sha1().with_colons()), Form::Sha1),
            (leaf.sha256().to_string(), Form::Sha256),
            (format!("sha256 Fingerprint={}", leaf.sha256().with_colons()), Form::Sha256),
            (leaf.spki_sha256().to_string(), Form::Key),
            (key.clone(), Form::Key),
            (format!("sha256/{key}"), Form::Key),
            (format!("pin-sha256=\"{key}\""), Form::Key),
            (format!("(key) pin-sha256:{key}"), Form::Key),
            (format!("SHA1: {}", leaf.sha1().with_colons()), Form::Sha1),
            (format!("\u{200e}{}", leaf.sha1()), Form::Sha1),
            (format!("sha256:{}", leaf.sha256()), Form::Sha256),
        ] {
            match recognise(text.as_bytes()) {
                Ok(Input::Fingerprint(expected)) => {
                    assert_eq!(expected.form_of(&leaf), Some(form), "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let other = recognise("00".repeat(32).as_bytes());
        assert!(
            matches!(other, Ok(Input::Fingerprint(expected)) if expected.form_of(&leaf).is_none())
        );
    }

    #[test]
    fn names_pins_and_what_is_nothing() {
        for text in [
            "home.example",
            "https://home.example:8443/lovelace",
            " a1b2.ui.nabu.casa\n",
            "192.0.2.1",
            "[2001:db8::1]:8443",
        ] {
            assert!(matches!(recognise(text.as_bytes()), Ok(Input::Name(_))), "{text}");
        }
        assert!(
            matches!(recognise(PINS.as_bytes()), Ok(Input::Pins(pins)) if pins.sites().len() == 1)
        );
        for (input, code) in [
            (&b""[..], "empty"),
            (b" \n", "empty"),
            (b"hello", "unknown"),
            (b"what is this?", "unknown"),
            (b"\xff\xfe\x00", "unknown"),
            (b"http://home.example", "address"),
            (b"a9993e364706816aba3e25717850c26c", "fingerprint"),
            (b"{", "report-malformed"),
            (b"{\"schema\": 99}", "report-newer-schema"),
            (b"{\"kind\": \"other\", \"schema\": 1}", "pins-malformed"),
            (b"-----BEGIN CERTIFICATE-----\nMII", "pem-malformed"),
            (b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "private-key"),
            (b"{\"a\": \"-----BEGIN CERTIFICATE-----\\nMII\"}", "pem-malformed"),
            (&[b'x'; MAX_INPUT + 1], "input-too-large"),
            (&[0x30, 0x82, 0, 1, 0], "certificate-malformed"),
        ] {
            assert_eq!(
                recognise(input).err().map(|error| error.code()),
                Some(code),
                "{:?}",
                input.get(..40)
            );
        }
    }
}
