//! What people hand in: a file or a paste with certificates in it, whatever is around them.
//!
//! | form | read as |
//! |---|---|
//! | DER | one certificate after the other, or a PKCS#7 container |
//! | text | every block whose label ends in `CERTIFICATE` (RFC 7468 section 5), and `PKCS7` or `CMS` |
//!
//! The text may be UTF-8 or UTF-16, with any line ends; blocks may be indented, quoted, prefixed,
//! glued to each other, or stand in YAML and JSON strings. What may not happen is that one is passed
//! over: then another one would be judged in the place of the server's own. So whatever looks like
//! the first line of a certificate and cannot be read as one is an error.
//!
//! Not read: PKCS#12, which needs a password, and BER of indefinite length.

use base64ct::{Base64, Encoding};
use der::{Reader, SliceReader, Tag};

use crate::x509::certificate::{MAX_CERTIFICATE, MAX_CERTIFICATES, MAX_INPUT, ReadError};
use crate::x509::pkcs7;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// The longest label that is one.
const MAX_LABEL: usize = 64;

/// Splits a file or paste into certificates in DER. They are not read yet, and stay in their order.
///
/// # Errors
/// [`ReadError`], within the limits of [`crate::x509::certificate`].
pub fn split(input: &[u8]) -> Result<Vec<Vec<u8>>, ReadError> {
    if input.len() > MAX_INPUT {
        return Err(ReadError::InputTooLarge);
    }
    // A certificate in DER may hold a PEM block as text. Looked for first, it would be taken for
    // the certificate around it.
    let ders = match text_of(input) {
        Some(text) if text.contains(BEGIN) || is_marked(&text) => of_text(&text)?,
        _ => of_der(input)?,
    };
    if ders.is_empty() {
        return Err(ReadError::NoCertificate);
    }
    for (n, der) in ders.iter().enumerate() {
        if der.len() > MAX_CERTIFICATE {
            return Err(ReadError::CertificateTooLarge { number: n + 1 });
        }
    }
    Ok(ders)
}

/// True for what is meant to be certificates, readable or not.
pub fn is_meant(input: &[u8]) -> bool {
    is_der(input) || text_of(input).is_some_and(|text| text.contains(BEGIN) || is_marked(&text))
}

/// True for DER of 128 bytes or more. No text starts so: the second byte would be a UTF-8
/// continuation without a beginning, and no UTF-16 of letters holds it.
fn is_der(input: &[u8]) -> bool {
    matches!(input, [0x30, 0x81..=0x84, ..])
}

/// The text, without what cannot be seen and with the spaces and dashes of ASCII; `None` for DER.
fn text_of(input: &[u8]) -> Option<String> {
    if is_der(input) {
        return None;
    }
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
        char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    let text: String = match input {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // Without a byte order mark: no text has these.
        [_, 0, _, 0, ..] => utf16(input, u16::from_le_bytes),
        [0, _, 0, _, ..] => utf16(input, u16::from_be_bytes),
        _ => String::from_utf8_lossy(input).into_owned(),
    };
    Some(plain(&text))
}

/// Takes out what cannot be seen and the escapes of strings in JSON and YAML.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        match one {
            '\\' => plain.extend(unescaped(&mut rest)),
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => plain.push('\n'),
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => {}
            '\u{2060}'..='\u{2064}' | '\u{feff}' => {}
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => {
                plain.push('-');
            }
            other if other.is_whitespace() && other != '\n' => plain.push(' '),
            other => plain.push(other),
        }
    }
    plain
}

/// What an escape stands for, after its backslash; a string in a string has more than one.
fn unescaped(rest: &mut core::str::Chars<'_>) -> Option<char> {
    let mut next = rest.next();
    while next == Some('\\') {
        next = rest.next();
    }
    match next? {
        'n' | 'r' => Some('\n'),
        't' => Some(' '),
        'u' => {
            let hex = rest.as_str().get(..4)?;
            let code = u32::from_str_radix(hex, 16).ok()?;
            *rest = rest.as_str().get(4..)?.chars();
            char::from_u32(code)
        }
        other => Some(other),
    }
}

/// What a block holds, by its label.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Certificate,
    /// OpenSSL's: a certificate, and behind it what it is trusted for.
    Trusted,
    Pkcs7,
    PrivateKey,
    Other,
}

impl Kind {
    fn of(label: &str) -> Self {
        match label {
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => Self::Pkcs7,
            // RFC 5755.
            "ATTRIBUTE CERTIFICATE" => Self::Other,
            "TRUSTED CERTIFICATE" => Self::Trusted,
            _ if label.ends_with("CERTIFICATE") => Self::Certificate,
            _ if label.ends_with("PRIVATE KEY") => Self::PrivateKey,
            _ => Self::Other,
        }
    }
}

fn of_text(text: &str) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut ders = Vec::new();
    let mut has_key = false;
    let mut number = 0;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        if is_marked(before) {
            return Err(ReadError::Pem { number: number + 1 });
        }
        let label = after.split_once(DASHES).filter(|(label, _)| is_label(label));
        let Some((label, body)) = label else {
            // Its dashes are needed to see whether it was to be one.
            if is_marked(&format!("{BEGIN}{}", near(after))) {
                return Err(ReadError::Pem { number: number + 1 });
            }
            rest = after;
            continue;
        };
        let kind = Kind::of(label);
        if matches!(kind, Kind::PrivateKey | Kind::Other) {
            has_key |= kind == Kind::PrivateKey;
            rest = body;
            continue;
        }
        number += 1;
        let malformed = ReadError::Pem { number };
        let (content, tail) = body.split_once(END).ok_or(malformed)?;
        rest =
            tail.strip_prefix(label).and_then(|tail| tail.strip_prefix(DASHES)).ok_or(malformed)?;
        let prefix = before.rsplit('\n').next().unwrap_or_default().trim();
        let der = content_of(content, prefix).ok_or(malformed)?;
        match kind {
            Kind::Pkcs7 => ders.extend(pkcs7_of(&der, number)?),
            Kind::Trusted => ders.push(first_of(&der).ok_or(malformed)?),
            _ => ders.push(der),
        }
        if ders.len() > MAX_CERTIFICATES {
            return Err(ReadError::TooManyCertificates);
        }
    }
    if is_marked(rest) {
        return Err(ReadError::Pem { number: number + 1 });
    }
    if ders.is_empty() && has_key {
        return Err(ReadError::PrivateKey);
    }
    Ok(ders)
}

/// As much of the first line as a label and its dashes may take.
fn near(text: &str) -> &str {
    let end = text.char_indices().find(|(at, one)| *at >= MAX_LABEL + 32 || *one == '\n');
    end.map_or(text, |(at, _)| &text[..at])
}

fn is_label(text: &str) -> bool {
    let is_of_label =
        |one: u8| one.is_ascii_uppercase() || one.is_ascii_digit() || b" #.".contains(&one);
    text.len() <= MAX_LABEL && text.bytes().all(is_of_label)
}

/// True where some line looks like the first or the last one of a certificate: in another case,
/// with other dashes, with more in its label.
fn is_marked(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let is_mark = |line: &str, mark: &str| {
        line.match_indices(mark).any(|(at, _)| {
            let (before, after) = (&line[..at], near(&line[at + mark.len()..]));
            let Some((label, behind)) = after.split_once("CERTIFICATE") else { return false };
            before.trim_end().ends_with('-')
                && behind.trim_start().starts_with('-')
                && !label.contains('-')
                && label.trim() != "ATTRIBUTE"
        })
    };
    upper.split('\n').any(|line| is_mark(line, "BEGIN") || is_mark(line, "END"))
}

/// The bytes of a block whose first line began with `prefix`, which its other lines may repeat.
fn content_of(content: &str, prefix: &str) -> Option<Vec<u8>> {
    let mut base64 = String::with_capacity(content.len());
    for line in content.split('\n') {
        let line = line.trim();
        let line = if prefix.is_empty() { line } else { line.strip_prefix(prefix).unwrap_or(line) };
        // Strings of programs, and how they are joined.
        let line = line.replace(['"', '\'', '`', ',', ';', ' '], "");
        if line != "+" && line != "." {
            base64.push_str(&line);
        }
    }
    Base64::decode_vec(&base64).ok()
}

/// The first element; what is behind it is one more element, or nothing.
fn first_of(der: &[u8]) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(der).ok()?;
    let first = reader.tlv_bytes().ok()?.to_vec();
    if !reader.is_finished() {
        reader.tlv_bytes().ok()?;
    }
    reader.is_finished().then_some(first)
}

fn pkcs7_of(der: &[u8], number: usize) -> Result<Vec<Vec<u8>>, ReadError> {
    pkcs7::certificates(der).map_err(|source| ReadError::Malformed { number, source })
}

fn of_der(input: &[u8]) -> Result<Vec<Vec<u8>>, ReadError> {
    match pkcs7::container(input) {
        pkcs7::Container::SignedData => return pkcs7_of(input, 1),
        pkcs7::Container::Pkcs12 => return Err(ReadError::Pkcs12),
        pkcs7::Container::PrivateKey => return Err(ReadError::PrivateKey),
        pkcs7::Container::Other => {}
    }
    let Ok(mut reader) = SliceReader::new(input) else { return Err(ReadError::NoCertificate) };
    let mut ders = Vec::new();
    while !reader.is_finished() {
        if ders.len() == MAX_CERTIFICATES {
            return Err(ReadError::TooManyCertificates);
        }
        match Tag::peek(&reader).and_then(|tag| tag.assert_eq(Tag::Sequence)) {
            Ok(_) => {}
            Err(_) if ders.is_empty() => return Err(ReadError::NoCertificate),
            Err(source) => return Err(ReadError::Malformed { number: ders.len() + 1, source }),
        }
        match reader.tlv_bytes() {
            Ok(der) => ders.push(der.to_vec()),
            Err(source) => return Err(ReadError::Malformed { number: ders.len() + 1, source }),
        }
    }
    Ok(ders)
}
