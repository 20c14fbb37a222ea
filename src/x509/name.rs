//! The names in a certificate as text: distinguished names in the form of RFC 4514, and general
//! names (RFC 5280 section 4.2.1.6).
//!
//! This is for showing. That a certificate is *for* a host, and that issuer and subject agree, is
//! decided by rustls-webpki. `x509-cert` has types for all of it; they bring every kind of name and
//! a table of every object identifier along, a quarter of the whole download.

use der::asn1::{AnyRef, BmpString, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};

use crate::text::printable;

/// The attributes that have a short name in practice (RFC 4514 section 3, RFC 4519); others are
/// written as their number.
const SHORT_NAMES: &[(ObjectIdentifier, &str)] = &[
    (ObjectIdentifier::new_unwrap("2.5.4.3"), "CN"),
    (ORGANISATION, "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.9"), "STREET"),
    (ObjectIdentifier::new_unwrap("2.5.4.5"), "serialNumber"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"), "DC"),
];
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// A distinguished name for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DistinguishedName {
    /// The whole name, the most particular part first, safe to show.
    pub(crate) text: String,
    /// The first organisation in it, safe to show.
    pub(crate) organisation: Option<String>,
}

impl DistinguishedName {
    /// Reads an RDNSequence without its header, the form in which trust anchors keep it:
    /// a SET for each level, in it a SEQUENCE of identifier and value for each attribute.
    pub(crate) fn from_value(value: &[u8]) -> Result<Self, der::Error> {
        let mut parts = Vec::new();
        let mut organisation = None;
        let mut levels = SliceReader::new(value)?;
        while !levels.is_finished() {
            let level = AnyRef::decode(&mut levels)?;
            level.tag().assert_eq(Tag::Set)?;
            let mut attributes = SliceReader::new(level.value())?;
            while !attributes.is_finished() {
                let mut attribute = SliceReader::new(sequence(attributes.tlv_bytes()?)?)?;
                let oid = ObjectIdentifier::decode(&mut attribute)?;
                let value = text(AnyRef::decode(&mut attribute)?);
                attribute.finish()?;
                if oid == ORGANISATION && organisation.is_none() {
                    organisation = Some(printable(&value));
                }
                let short = SHORT_NAMES.iter().find(|(known, _)| *known == oid);
                let key = short.map_or_else(|| oid.to_string(), |(_, short)| (*short).to_owned());
                parts.push(format!("{key}={}", escape(&value)));
            }
        }
        parts.reverse();
        Ok(Self { text: printable(&parts.join(",")), organisation })
    }
}

/// The text of a DirectoryString or one of its relatives; the DER in hex after `#` for anything
/// else.
fn text(any: AnyRef<'_>) -> String {
    let text = match any.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            core::str::from_utf8(any.value()).ok().map(str::to_owned)
        }
        // T.61 is read as Latin-1, as everyone does.
        Tag::TeletexString => Some(any.value().iter().copied().map(char::from).collect()),
        Tag::BmpString => BmpString::from_ucs2(any.value()).ok().map(|bmp| bmp.chars().collect()),
        _ => None,
    };
    text.unwrap_or_else(|| {
        let der = any.to_der().unwrap_or_default();
        core::iter::once("#".to_owned())
            .chain(der.iter().map(|byte| format!("{byte:02x}")))
            .collect()
    })
}

/// RFC 4514 section 2.4, as far as it is about telling the parts apart.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// `[2]` dNSName, `[6]` uniformResourceIdentifier and `[7]` iPAddress of GeneralName, all implicit
/// and primitive.
const DNS_NAME: Tag = general_name(2);
const URI: Tag = general_name(6);
const IP_ADDRESS: Tag = general_name(7);

const fn general_name(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: false, number: TagNumber(number) }
}

/// A name that a certificate is for (subjectAltName, RFC 5280 section 4.2.1.6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SubjectName {
    /// A DNS name, perhaps with `*` as its first label; ASCII, as it stands in the certificate.
    Dns(String),
    /// An IP address.
    Ip(core::net::IpAddr),
    /// Any other kind of name (e-mail, URI, directory), which says nothing about a host.
    Other,
}

impl SubjectName {
    /// True for a DNS name that stands for every host one level below it (RFC 6125 section 6.4.3).
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns(name) if name.starts_with("*."))
    }
}

/// The name in one form if it is for the host: the same name, or the wildcard one level above (RFC
/// 6125 section 6.4.3).
pub(crate) fn covering(name: &str, host: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_for_host = match name.strip_prefix("*.") {
        Some(parent) => {
            let is_ip = host.parse::<core::net::IpAddr>().is_ok();
            let is_below = |(first, rest): (&str, &str)| !first.is_empty() && rest == parent;
            !is_ip && host.split_once('.').is_some_and(is_below)
        }
        None => name == host,
    };
    is_for_host.then_some(name)
}

/// Reads a subjectAltName.
pub(crate) fn subject_alt_names(extension: &[u8]) -> Result<Vec<SubjectName>, der::Error> {
    let mut reader = SliceReader::new(sequence(extension)?)?;
    let mut names = Vec::new();
    while !reader.is_finished() {
        let name = AnyRef::decode(&mut reader)?;
        names.push(match name.tag() {
            DNS_NAME => SubjectName::Dns(printable(ia5(name)?)),
            IP_ADDRESS => ip_address(name.value()),
            _ => SubjectName::Other,
        });
    }
    Ok(names)
}

fn ip_address(octets: &[u8]) -> SubjectName {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        SubjectName::Ip(v4.into())
    } else if let Ok(v6) = <[u8; 16]>::try_from(octets) {
        SubjectName::Ip(v6.into())
    } else {
        SubjectName::Other
    }
}

/// Reads the addresses of one kind from an authorityInfoAccess (RFC 5280 section 4.2.2.1), safe to
/// show.
pub(crate) fn access_urls(
    extension: &[u8],
    method: ObjectIdentifier,
) -> Result<Vec<String>, der::Error> {
    let mut reader = SliceReader::new(sequence(extension)?)?;
    let mut urls = Vec::new();
    while !reader.is_finished() {
        let mut access = SliceReader::new(sequence(reader.tlv_bytes()?)?)?;
        let oid = ObjectIdentifier::decode(&mut access)?;
        let location = AnyRef::decode(&mut access)?;
        access.finish()?;
        if oid == method && location.tag() == URI {
            urls.push(printable(ia5(location)?));
        }
    }
    Ok(urls)
}

fn ia5(any: AnyRef<'_>) -> Result<&str, der::Error> {
    match core::str::from_utf8(any.value()) {
        Ok(text) if text.is_ascii() => Ok(text),
        _ => Err(Tag::Ia5String.value_error().into()),
    }
}

/// The value of one SEQUENCE and nothing after it.
pub(crate) fn sequence(der: &[u8]) -> Result<&[u8], der::Error> {
    let any = AnyRef::from_der(der)?;
    any.tag().assert_eq(Tag::Sequence)?;
    Ok(any.value())
}

#[cfg(test)]
mod tests {
    use core::str::FromStr;

    use x509_cert::name::Name;

    use super::*;

    fn read(name: &str) -> DistinguishedName {
        let der = Name::from_str(name).unwrap().to_der().unwrap();
        DistinguishedName::from_value(sequence(&der).unwrap()).unwrap()
    }

    #[test]
    fn parts_stay_apart_and_unknown_ones_are_numbered() {
        let name = read("CN=evil\\, Inc,O=A,2.5.4.97=VAT");
        assert!(name.text.contains("CN=evil\\, Inc"), "{}", name.text);
        assert!(name.text.contains("2.5.4.97="), "{}", name.text);
        assert_eq!(name.organisation.as_deref(), Some("A"));
    }

    #[test]
    fn as_x509_cert_writes_it() {
        for name in ["CN=R11,O=Let's Encrypt,C=US", "CN=a,OU=b,O=c,L=d,ST=e,C=DE"] {
            assert_eq!(read(name).text, Name::from_str(name).unwrap().to_string());
        }
        assert_eq!(DistinguishedName::from_value(&[]).unwrap().text, "");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [&[0x31][..], &[0x30, 0], &[0x31, 2, 0x31, 0], &[0x31, 4, 0x30, 2, 6, 0]] {
            assert!(DistinguishedName::from_value(bad).is_err(), "{bad:02x?}");
        }
        assert!(subject_alt_names(&[0x30, 3, 0x82, 1, 0xff]).is_err());
        assert!(access_urls(&[0x30, 2, 0x31, 0], ORGANISATION).is_err());
    }
}
