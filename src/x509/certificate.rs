//! One certificate (RFC 5280): its names, dates, keys, fingerprints, and the raw parts that
//! signatures cover.
//!
//! Reading is strict DER. Whether the certificate may be *believed* is not decided here: that takes
//! a path ([`crate::x509::chain`]), and rustls-webpki reads the same bytes again by its own parser.

use const_oid::db::{rfc5280, rfc6962};
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, OctetStringRef};
use der::{Decode, Encode, Header, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::time::Time;

use crate::time::Timestamp;
use crate::x509::fingerprint::{CertificateSha1, CertificateSha256, SpkiSha256};
pub use crate::x509::name::SubjectName;
use crate::x509::name::{self, DistinguishedName, sequence};
use crate::x509::signature::{KeyKind, PublicKey};

/// The largest certificate that is read, in bytes of DER. rustls-webpki stops there too; real ones
/// have 1 to 10 KB.
pub const MAX_CERTIFICATE: usize = 65_535;
/// The most certificates that one chain or bundle may hold. Real chains have 1 to 5.
pub const MAX_CERTIFICATES: usize = 32;
/// The largest file or paste that is looked at, in bytes.
pub const MAX_INPUT: usize = 1 << 20;

/// No certificate could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Over [`MAX_INPUT`].
    #[error("larger than {MAX_INPUT} bytes: not a certificate chain")]
    InputTooLarge,
    /// Neither a PEM block `CERTIFICATE` nor DER nor PKCS#7.
    #[error("no certificate found (PEM blocks `CERTIFICATE`, DER and PKCS#7 are read)")]
    NoCertificate,
    /// A block that is to be a certificate, and is cut off or holds something else than base64.
    #[error(
        "the PEM block of certificate {number} is cut off, is not base64, or has another first line"
    )]
    Pem {
        /// Which of those blocks, from 1.
        number: usize,
    },
    /// A PKCS#12 file, which is behind a password.
    #[error(
        "this is PKCS#12 (.p12, .pfx), which holds a private key: hand in its certificates alone"
    )]
    Pkcs12,
    /// A private key and no certificate.
    #[error("this is a private key and no certificate: keep it to yourself")]
    PrivateKey,
    /// Certificates of authorities alone.
    #[error("there are only certificates of authorities in it, and none of a server")]
    OnlyAuthorities,
    /// Over [`MAX_CERTIFICATES`].
    #[error("more than {MAX_CERTIFICATES} certificates")]
    TooManyCertificates,
    /// Over [`MAX_CERTIFICATE`].
    #[error("certificate {number} is larger than {MAX_CERTIFICATE} bytes")]
    CertificateTooLarge {
        /// Which certificate, from 1.
        number: usize,
    },
    /// Not a certificate in strict DER.
    #[error("certificate {number} is malformed: {source}")]
    Malformed {
        /// Which certificate, from 1.
        number: usize,
        /// What the DER reader objected to.
        source: der::Error,
    },
    /// A bundle in which more than one certificate can be the server's.
    #[error("which of the {candidates} certificates is the server's own cannot be told")]
    AmbiguousLeaf {
        /// How many might be.
        candidates: usize,
    },
}

impl ReadError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InputTooLarge => "input-too-large",
            Self::NoCertificate => "no-certificate",
            Self::Pem { .. } => "pem-malformed",
            Self::Pkcs12 => "pkcs12",
            Self::PrivateKey => "private-key",
            Self::OnlyAuthorities => "only-authorities",
            Self::TooManyCertificates => "too-many-certificates",
            Self::CertificateTooLarge { .. } => "certificate-too-large",
            Self::Malformed { .. } => "certificate-malformed",
            Self::AmbiguousLeaf { .. } => "ambiguous-leaf",
        }
    }
}

/// A certificate in parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    parts: Parts,
    subject: DistinguishedName,
    issuer: DistinguishedName,
    not_before: Timestamp,
    not_after: Timestamp,
    names: Vec<SubjectName>,
    issuer_urls: Vec<String>,
    is_ca: bool,
    /// What the key is for; `None` where the certificate does not say.
    key_usage: Option<KeyUsage>,
    has_critical_policies: bool,
    has_early_date: bool,
    is_precertificate: bool,
    sct_list: Option<Vec<u8>>,
}

/// Raw bytes, exactly as signed and as compared.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Parts {
    /// TBSCertificate with its header: what the issuer signed.
    tbs: Vec<u8>,
    /// The outer signatureAlgorithm without its header.
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
    serial: Vec<u8>,
    /// Issuer and subject without their headers, the form of a trust anchor's name.
    issuer: Vec<u8>,
    subject: Vec<u8>,
    /// SubjectPublicKeyInfo with its header.
    spki: Vec<u8>,
}

impl Certificate {
    /// Reads one certificate.
    ///
    /// # Errors
    /// What the DER reader objected to.
    pub fn from_der(der: &[u8]) -> Result<Self, der::Error> {
        let mut outer = SliceReader::new(sequence(der)?)?;
        let tbs = outer.tlv_bytes()?;
        let signature_algorithm = sequence(outer.tlv_bytes()?)?;
        let signature =
            BitStringRef::decode(&mut outer)?.as_bytes().ok_or(Tag::BitString.value_error())?;
        outer.finish()?;

        let mut reader = SliceReader::new(sequence(tbs)?)?;
        if reader.peek_byte() == Some(VERSION) {
            reader.tlv_bytes()?;
        }
        let serial = AnyRef::decode(&mut reader)?;
        serial.tag().assert_eq(Tag::Integer)?;
        sequence(reader.tlv_bytes()?)?; // the signature algorithm once more: webpki compares the two
        let issuer = sequence(reader.tlv_bytes()?)?;
        let mut validity = SliceReader::new(sequence(reader.tlv_bytes()?)?)?;
        let [not_before, not_after] = [moment(&mut validity)?, moment(&mut validity)?];
        validity.finish()?;
        let subject = sequence(reader.tlv_bytes()?)?;
        let spki = reader.tlv_bytes()?;
        sequence(spki)?;
        while matches!(reader.peek_byte(), Some(ISSUER_UNIQUE_ID | SUBJECT_UNIQUE_ID)) {
            reader.tlv_bytes()?;
        }
        let extensions =
            if reader.is_finished() { Vec::new() } else { read_extensions(reader.tlv_bytes()?)? };
        reader.finish()?;
        PublicKey::from_spki(spki)?;

        let mut certificate = Self {
            der: der.to_vec(),
            parts: Parts {
                tbs: tbs.to_vec(),
                signature_algorithm: signature_algorithm.to_vec(),
                signature: signature.to_vec(),
                serial: serial.value().to_vec(),
                issuer: issuer.to_vec(),
                subject: subject.to_vec(),
                spki: spki.to_vec(),
            },
            subject: DistinguishedName::from_value(subject)?,
            issuer: DistinguishedName::from_value(issuer)?,
            not_before: not_before.unwrap_or_else(|| Timestamp::from_secs(0)),
            not_after: not_after.unwrap_or_else(|| Timestamp::from_secs(0)),
            has_early_date: not_before.is_none() || not_after.is_none(),
            names: Vec::new(),
            issuer_urls: Vec::new(),
            is_ca: false,
            key_usage: None,
            has_critical_policies: false,
            is_precertificate: false,
            sct_list: None,
        };
        for extension in extensions {
            certificate.apply(&extension)?;
        }
        Ok(certificate)
    }

    fn apply(&mut self, extension: &Extension) -> Result<(), der::Error> {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            rfc5280::ID_CE_SUBJECT_ALT_NAME => {
                self.names = name::subject_alt_names(value)?;
            }
            rfc5280::ID_CE_BASIC_CONSTRAINTS => self.is_ca = BasicConstraints::from_der(value)?.ca,
            rfc5280::ID_CE_KEY_USAGE => self.key_usage = Some(KeyUsage::from_der(value)?),
            rfc5280::ID_CE_CERTIFICATE_POLICIES => self.has_critical_policies = extension.critical,
            rfc5280::ID_PE_AUTHORITY_INFO_ACCESS => {
                self.issuer_urls = name::access_urls(value, rfc5280::ID_AD_CA_ISSUERS)?;
            }
            rfc6962::CT_PRECERT_POISON => self.is_precertificate = true,
            // The extension holds an OCTET STRING that holds the TLS structure (RFC 6962 section
            // 3.3).
            rfc6962::CT_PRECERT_SCTS => {
                if self.sct_list.is_some() {
                    return Err(Tag::OctetString.value_error().into());
                }
                self.sct_list = Some(<&OctetStringRef>::from_der(value)?.as_bytes().to_vec());
            }
            _ => {}
        }
        Ok(())
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as a PEM block (RFC 7468 section 5).
    pub fn pem(&self) -> String {
        use base64ct::{Base64, Encoding};
        let base64 = Base64::encode_string(&self.der);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for (n, c) in base64.chars().enumerate() {
            if n > 0 && n % 64 == 0 {
                pem.push('\n');
            }
            pem.push(c);
        }
        pem + "\n-----END CERTIFICATE-----\n"
    }

    /// SHA-256 of the whole certificate.
    pub fn sha256(&self) -> CertificateSha256 {
        CertificateSha256::of(&self.der)
    }

    /// SHA-1 of the whole certificate.
    pub fn sha1(&self) -> CertificateSha1 {
        CertificateSha1::of(&self.der)
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn spki_sha256(&self) -> SpkiSha256 {
        SpkiSha256::of(&self.parts.spki)
    }

    /// Kind and size of the public key.
    pub fn key(&self) -> KeyKind {
        self.public_key().map_or(KeyKind::Other, |key| key.kind())
    }

    /// Whom the certificate is about, in the form of RFC 4514, safe to show.
    pub fn subject(&self) -> String {
        self.subject.text.clone()
    }

    /// Who issued it, in the form of RFC 4514, safe to show.
    pub fn issuer(&self) -> String {
        self.issuer.text.clone()
    }

    /// The organisation that issued it, by which "the same CA" is told: a CA changes the other
    /// parts of its name with each intermediate. The whole name where it names no organisation.
    pub fn issuer_organisation(&self) -> String {
        self.issuer.organisation.clone().unwrap_or_else(|| self.issuer())
    }

    /// The serial number in lower-case hex.
    pub fn serial(&self) -> String {
        self.parts.serial.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first moment at which it is valid; the beginning of 1970 for what is earlier.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last moment at which it is valid.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The names it is for.
    pub fn names(&self) -> &[SubjectName] {
        &self.names
    }

    /// Where its issuer's certificate can be fetched (authority information access, RFC 5280
    /// section 4.2.2.1).
    pub fn issuer_urls(&self) -> &[String] {
        &self.issuer_urls
    }

    /// True for a certificate that may issue others.
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// True where the certificate contradicts itself: no CA, but a key usage of signing
    /// certificates, which RFC 5280 section 4.2.1.9 forbids.
    pub(crate) fn is_ca_in_disguise(&self) -> bool {
        !self.is_ca && self.key_usage.is_some_and(|usage| usage.key_cert_sign())
    }

    /// True where the key may not sign certificates (RFC 5280 section 4.2.1.3: "If the keyUsage
    /// extension is present, then the subject public key MUST NOT be used to verify signatures on
    /// certificates … unless the corresponding keyCertSign … bit is set"). webpki does not look.
    pub(crate) fn forbids_issuing(&self) -> bool {
        self.key_usage.is_some_and(|usage| !usage.key_cert_sign())
    }

    /// True where the key may not serve TLS, by any of its key exchanges (RFC 5280 section
    /// 4.2.1.12, id-kp-serverAuth). webpki does not look.
    pub(crate) fn forbids_tls(&self) -> bool {
        self.key_usage.is_some_and(|usage| {
            !(usage.digital_signature() || usage.key_encipherment() || usage.key_agreement())
        })
    }

    /// True where a date of it is before 1970; the beginning of that year stands for it.
    pub(crate) fn has_early_date(&self) -> bool {
        self.has_early_date
    }

    /// True where certificatePolicies (RFC 5280 section 4.2.1.4) are critical.
    pub(crate) fn has_critical_policies(&self) -> bool {
        self.has_critical_policies
    }

    /// True where issuer and subject are the same: a root, or a certificate that vouches for
    /// itself.
    pub fn is_self_issued(&self) -> bool {
        self.parts.issuer == self.parts.subject
    }

    /// True for a precertificate: shown to logs, never to be used by a server (RFC 6962 section
    /// 3.1).
    pub fn is_precertificate(&self) -> bool {
        self.is_precertificate
    }

    /// The embedded SignedCertificateTimestampList, if there is one.
    pub fn sct_list(&self) -> Option<&[u8]> {
        self.sct_list.as_deref()
    }

    pub(crate) fn public_key(&self) -> Option<PublicKey<'_>> {
        PublicKey::from_spki(&self.parts.spki).ok()
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.parts.spki
    }

    pub(crate) fn issuer_value(&self) -> &[u8] {
        &self.parts.issuer
    }

    pub(crate) fn subject_value(&self) -> &[u8] {
        &self.parts.subject
    }

    /// What to ask the platform to learn whether `issuer` signed this certificate.
    pub(crate) fn signature_check(
        &self,
        issuer: &PublicKey<'_>,
    ) -> Option<crate::x509::signature::SignatureCheck> {
        issuer.check(&self.parts.signature_algorithm, &self.parts.tbs, &self.parts.signature)
    }

    /// The TBSCertificate that the logs signed: this one without its SCT list, or without its
    /// poison if it is a precertificate, and otherwise to the byte the same (RFC 6962 section 3.2).
    /// Not covered: a precertificate issued by a Precertificate Signing Certificate, whose issuer
    /// would have to be replaced; no public CA has used one for years.
    ///
    /// # Errors
    /// None in practice: the certificate was read before.
    pub fn precertificate_tbs(&self) -> Result<Vec<u8>, der::Error> {
        let body = AnyRef::from_der(&self.parts.tbs)?.value();
        let mut reader = SliceReader::new(body)?;
        let mut kept = Vec::with_capacity(body.len());
        while !reader.is_finished() {
            let is_extensions = reader.peek_byte() == Some(EXTENSIONS);
            let field = reader.tlv_bytes()?;
            if is_extensions {
                kept.extend(without_ct_extensions(field)?);
            } else {
                kept.extend_from_slice(field);
            }
        }
        wrap(Tag::Sequence, &kept)
    }
}

/// Context-specific, constructed: `[0]` and `[3]` of TBSCertificate are explicit, `[1]` and `[2]`
/// are bit strings.
const VERSION: u8 = 0xa0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;
const EXPLICIT_EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };

/// Each extension with its raw bytes, from `[3] EXPLICIT SEQUENCE OF Extension`.
fn raw_extensions(field: &[u8]) -> Result<Vec<(&[u8], Extension)>, der::Error> {
    let explicit = AnyRef::from_der(field)?;
    explicit.tag().assert_eq(EXPLICIT_EXTENSIONS)?;
    let mut reader = SliceReader::new(sequence(explicit.value())?)?;
    let mut extensions = Vec::new();
    while !reader.is_finished() {
        let raw = reader.tlv_bytes()?;
        extensions.push((raw, Extension::from_der(raw)?));
    }
    Ok(extensions)
}

fn read_extensions(field: &[u8]) -> Result<Vec<Extension>, der::Error> {
    Ok(raw_extensions(field)?.into_iter().map(|(_, extension)| extension).collect())
}

fn without_ct_extensions(field: &[u8]) -> Result<Vec<u8>, der::Error> {
    let mut kept = Vec::with_capacity(field.len());
    let mut is_whole = true;
    for (raw, extension) in raw_extensions(field)? {
        if extension.extn_id != rfc6962::CT_PRECERT_SCTS
            && extension.extn_id != rfc6962::CT_PRECERT_POISON
        {
            kept.extend_from_slice(raw);
        } else {
            is_whole = false;
        }
    }
    if is_whole {
        return Ok(field.to_vec());
    }
    if kept.is_empty() {
        // An empty Extensions is not allowed (SIZE (1..MAX)), so the field goes too.
        return Ok(kept);
    }
    wrap(EXPLICIT_EXTENSIONS, &wrap(Tag::Sequence, &kept)?)
}

fn wrap(tag: Tag, value: &[u8]) -> Result<Vec<u8>, der::Error> {
    let mut out = Header::new(tag, value.len().try_into()?).to_der()?;
    out.extend_from_slice(value);
    Ok(out)
}

/// A moment of a validity (RFC 5280, section 4.1.2.5); `None` before 1970, which UTCTime reaches
/// back to 1950 and the reader of times does not.
fn moment(reader: &mut SliceReader<'_>) -> Result<Option<Timestamp>, der::Error> {
    let time = AnyRef::decode(reader)?;
    let digits = time.value().strip_suffix(b"Z").unwrap_or_default();
    let is_early = match (time.tag(), digits) {
        (Tag::UtcTime, [b'5' | b'6', ..]) => digits.len() == 12,
        (
            Tag::GeneralizedTime,
            [b'0', ..] | [b'1', b'0'..=b'8', ..] | [b'1', b'9', b'0'..=b'6', ..],
        ) => digits.len() == 14,
        _ => false,
    };
    if !is_early {
        let time: Time = time.decode_as()?;
        return Ok(Some(Timestamp::from_secs(time.to_unix_duration().as_secs())));
    }
    // The rest of it has to be one all the same: a century later it is read as any other.
    let (start, rest) = digits.split_at(digits.len().saturating_sub(10));
    let year = start.get(start.len().saturating_sub(2)..).unwrap_or_default();
    let later = [b"20", year, rest, b"Z"].concat();
    if later.get(4..8) != Some(b"0229".as_slice()) {
        AnyRef::new(Tag::GeneralizedTime, &later)?.decode_as::<GeneralizedTime>()?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::bundle::split;

    /// The smallest certificate there can be, with the tags of the parts whose content is kept raw,
    /// and what stands in place of its extensions.
    fn made_of(
        outer: Tag,
        tbs: Tag,
        serial: Tag,
        algorithm: Tag,
        spki: Tag,
        extensions: &[u8],
    ) -> Vec<u8> {
        const VERSION_3: &[u8] = &[0xa0, 3, 2, 1, 2];
        const NAME: &[u8] = &[0x30, 0];
        const BITS: &[u8] = &[3, 1, 0];
        let time = wrap(Tag::UtcTime, b"260101000000Z").unwrap();
        let algorithm = wrap(algorithm, &[]).unwrap();
        let spki = wrap(spki, &[NAME, BITS].concat()).unwrap();
        let validity = wrap(Tag::Sequence, &[time.clone(), time].concat()).unwrap();
        let serial = wrap(serial, &[1]).unwrap();
        let parts = [VERSION_3, &serial, &algorithm, NAME, &validity, NAME, &spki, extensions];
        let tbs = wrap(tbs, &parts.concat()).unwrap();
        wrap(outer, &[&tbs, &algorithm, BITS].concat()).unwrap()
    }

    #[test]
    fn moments_are_read_from_1950_on() {
        let read = |tag, text: &str| {
            moment(&mut SliceReader::new(&wrap(tag, text.as_bytes()).unwrap()).unwrap())
        };
        for text in ["500101000000Z", "600229120000Z", "691231235959Z"] {
            assert_eq!(read(Tag::UtcTime, text), Ok(None), "{text}");
        }
        for text in ["19600229120000Z", "00010101000000Z", "18991231235959Z"] {
            assert_eq!(read(Tag::GeneralizedTime, text), Ok(None), "{text}");
        }
        let secs = |secs| Ok(Some(Timestamp::from_secs(secs)));
        assert_eq!(read(Tag::UtcTime, "700101000000Z"), secs(0));
        assert_eq!(read(Tag::UtcTime, "491231235959Z"), secs(2_524_607_999));
        assert_eq!(read(Tag::GeneralizedTime, "19700101000001Z"), secs(1));
        for text in [
            "601301000000Z",
            "600132000000Z",
            "6001010000Z",
            "600101000000",
            "60010100000xZ",
            "600101000000+0100",
            "600101250000Z",
        ] {
            assert!(read(Tag::UtcTime, text).is_err(), "{text}");
        }
        for text in ["19601301000000Z", "1960010100Z", "19600101000000.5Z"] {
            assert!(read(Tag::GeneralizedTime, text).is_err(), "{text}");
        }
    }

    /// Found by fuzzing: a TBSCertificate that was a SET was read, and given to the logs'
    /// signatures as a SEQUENCE.
    #[test]
    fn every_part_has_its_tag() {
        use Tag::{Integer, Sequence, Set};
        let read = |tags: [Tag; 5]| {
            let [outer, tbs, serial, algorithm, spki] = tags;
            Certificate::from_der(&made_of(outer, tbs, serial, algorithm, spki, &[]))
        };
        let right = [Sequence, Sequence, Integer, Sequence, Sequence];
        assert!(read(right).is_ok());
        for n in 0..right.len() {
            for wrong in [Set, EXPLICIT_EXTENSIONS] {
                let mut tags = right;
                tags[n] = wrong;
                assert!(read(tags).is_err(), "{n}: {wrong}");
            }
        }
    }

    #[test]
    fn pem_inside_der_is_not_looked_for() {
        use Tag::{Integer, Sequence};
        let genuine = made_of(Sequence, Sequence, Integer, Sequence, Sequence, &[]);
        let pem = Certificate::from_der(&genuine).unwrap().pem();
        let extension =
            [&[6, 1, 0x2a][..], &wrap(Tag::OctetString, pem.as_bytes()).unwrap()].concat();
        let list = wrap(Sequence, &wrap(Sequence, &extension).unwrap()).unwrap();
        let field = wrap(EXPLICIT_EXTENSIONS, &list).unwrap();
        let other = made_of(Sequence, Sequence, Integer, Sequence, Sequence, &field);
        assert!(Certificate::from_der(&other).is_ok());
        assert_eq!(split(&other), Ok(vec![other.clone()]));
        assert_eq!(split(&[&b"0 text\n"[..], pem.as_bytes()].concat()), Ok(vec![genuine.clone()]));
        assert!(split(&[&other[..], b"\n", pem.as_bytes()].concat()).is_err());
    }

    #[test]
    fn without_words_for_the_logs_nothing_is_taken_away() {
        use Tag::{Integer, Sequence};
        // None, an empty list (which RFC 5280 forbids), one that is unknown.
        let unknown: &[u8] = &[0xa3, 9, 0x30, 7, 0x30, 5, 6, 1, 0x2a, 4, 0];
        for extensions in [&[][..], &[0xa3, 2, 0x30, 0], unknown] {
            let der = made_of(Sequence, Sequence, Integer, Sequence, Sequence, extensions);
            let certificate = Certificate::from_der(&der).unwrap();
            assert_eq!(certificate.precertificate_tbs().unwrap(), certificate.parts.tbs);
        }
    }
}
