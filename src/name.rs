//! Distinguished names as text, in the form of RFC 4514.
//!
//! `x509-cert` can write them too, but brings a table of every object identifier there is along, which a download has to pay for.

use der::asn1::{Any, BmpString, ObjectIdentifier};
use der::{Decode, Encode, Tag, Tagged};
use x509_cert::name::Name;

use crate::text::printable;

/// The attributes that have a short name in practice (RFC 4514 section 3, RFC 4519); others are written as their number.
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

/// The whole name, the most particular part first, safe to show.
pub(crate) fn to_text(name: &Name) -> String {
    let mut parts: Vec<String> = name
        .iter()
        .map(|attribute| {
            let short = SHORT_NAMES
                .iter()
                .find(|(oid, _)| *oid == attribute.oid)
                .map(|(_, short)| (*short).to_owned());
            let key = short.unwrap_or_else(|| attribute.oid.to_string());
            format!("{key}={}", escape(&value(&attribute.value)))
        })
        .collect();
    parts.reverse();
    printable(&parts.join(","))
}

/// The first organisation in the name, safe to show.
pub(crate) fn organisation(name: &Name) -> Option<String> {
    name.iter()
        .find(|attribute| attribute.oid == ORGANISATION)
        .map(|attribute| printable(&value(&attribute.value)))
}

/// The text of a DirectoryString or one of its relatives; the DER in hex after `#` for anything else.
fn value(any: &Any) -> String {
    let text = match any.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            String::from_utf8(any.value().to_vec()).ok()
        }
        // T.61 is read as Latin-1, as everyone does.
        Tag::TeletexString => Some(any.value().iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            any.to_der().ok().and_then(|der| BmpString::from_der(&der).ok()).map(|bmp| bmp.chars().collect())
        }
        _ => None,
    };
    text.unwrap_or_else(|| {
        let der = any.to_der().unwrap_or_default();
        core::iter::once("#".to_owned()).chain(der.iter().map(|byte| format!("{byte:02x}"))).collect()
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

#[cfg(test)]
mod tests {
    use core::str::FromStr;

    use super::*;

    #[test]
    fn parts_stay_apart_and_unknown_ones_are_numbered() {
        let name = Name::from_str("CN=evil\\, Inc,O=A+2.5.4.97=VAT").unwrap();
        assert_eq!(to_text(&name).matches("\\,").count(), 1);
        assert!(to_text(&name).contains("2.5.4.97="), "{}", to_text(&name));
        assert_eq!(organisation(&name).as_deref(), Some("A"));
    }
}
