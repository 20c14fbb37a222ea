//! The certificates in a PKCS#7 container (`.p7b`, RFC 5652 section 5.1), and what else a file in
//! DER may be. Nothing but the certificates is looked at: a container proves nothing.

use const_oid::ObjectIdentifier;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use crate::x509::name::sequence;

/// `signedData` (RFC 5652 section 5.1).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `content` of a ContentInfo and `certificates` of a SignedData.
const ZERO: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

/// What a file in DER holds, by how it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Container {
    /// PKCS#7.
    SignedData,
    /// PKCS#12 (RFC 7292 section 4): behind a password.
    Pkcs12,
    /// A private key: PKCS#1, PKCS#8 or SEC 1.
    PrivateKey,
    /// A certificate, or nothing that is known here.
    Other,
}

/// Tells them apart.
pub(crate) fn container(input: &[u8]) -> Container {
    begins(input).unwrap_or(Container::Other)
}

fn begins(input: &[u8]) -> Result<Container, der::Error> {
    let mut file = SliceReader::new(input)?;
    let mut reader = SliceReader::new(sequence(file.tlv_bytes()?)?)?;
    let first = AnyRef::decode(&mut reader)?;
    if first.tag() == Tag::ObjectIdentifier {
        let kind: ObjectIdentifier = first.decode_as()?;
        return Ok(if kind == SIGNED_DATA { Container::SignedData } else { Container::Other });
    }
    // A certificate begins with a SEQUENCE, all of these with their version.
    let version: u8 = first.decode_as()?;
    let second = AnyRef::decode(&mut reader)?.tag();
    Ok(match (version, second) {
        (3, Tag::Sequence) => Container::Pkcs12,
        (0..=2, Tag::Sequence | Tag::Integer | Tag::OctetString) => Container::PrivateKey,
        _ => Container::Other,
    })
}

/// The certificates of a SignedData, in their order; what is of another kind is left out.
///
/// # Errors
/// What the DER reader objected to.
pub(crate) fn certificates(input: &[u8]) -> Result<Vec<Vec<u8>>, der::Error> {
    let mut info = SliceReader::new(sequence(input)?)?;
    let kind = ObjectIdentifier::decode(&mut info)?;
    if kind != SIGNED_DATA {
        return Err(Tag::ObjectIdentifier.value_error().into());
    }
    let content = AnyRef::decode(&mut info)?;
    content.tag().assert_eq(ZERO)?;
    info.finish()?;
    let mut data = SliceReader::new(sequence(content.value())?)?;
    // version, digestAlgorithms, encapContentInfo
    for tag in [Tag::Integer, Tag::Set, Tag::Sequence] {
        AnyRef::decode(&mut data)?.tag().assert_eq(tag)?;
    }
    if data.is_finished() || Tag::peek(&data)? != ZERO {
        return Ok(Vec::new());
    }
    let mut set = SliceReader::new(AnyRef::decode(&mut data)?.value())?;
    let mut found = Vec::new();
    while !set.is_finished() {
        let tag = Tag::peek(&set)?;
        let der = set.tlv_bytes()?;
        if tag == Tag::Sequence {
            found.push(der.to_vec());
        }
    }
    Ok(found)
}
