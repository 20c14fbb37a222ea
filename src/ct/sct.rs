//! Signed certificate timestamps: reading them, and what each of them signs (RFC 6962 section 3.2).

use der::asn1::OctetString;
use sha2::{Digest, Sha256};
use x509_cert::ext::pkix::{SignedCertificateTimestamp, SignedCertificateTimestampList, sct};

use crate::ct::merkle::{self, NodeHash};
use crate::time::Timestamp;
use crate::x509::certificate::Certificate;
use crate::x509::signature::{Hash, PublicKey, SignatureCheck};

/// The most SCTs that one certificate may carry. Real ones carry 2 to 5.
pub const MAX_SCTS: usize = 32;

/// SHA-256 of a log's public key in DER: the log's name on the wire.
pub type LogId = [u8; 32];

/// The SCT list, or one SCT in it, breaks the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SctError {
    /// The TLS structure is cut off, has bytes left over, or names an unknown version or algorithm.
    #[error("the SCT list is malformed")]
    Malformed,
    /// A list without an entry, which RFC 6962 section 3.3 forbids.
    #[error("the SCT list is empty")]
    Empty,
    /// More than [`MAX_SCTS`].
    #[error("more than {MAX_SCTS} SCTs")]
    TooMany,
}

/// One SCT of version 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Sct {
    /// Which log promised.
    pub log_id: LogId,
    /// When it promised.
    pub timestamp: Timestamp,
    /// The entry's position in a log of static-ct-api (c2sp.org/static-ct-api, "leaf_index"
    /// extension).
    pub leaf_index: Option<u64>,
    raw_timestamp: u64,
    extensions: Vec<u8>,
    scheme: Option<Scheme>,
    signature: Vec<u8>,
}

/// The signature scheme that an SCT names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scheme {
    hash: Hash,
    is_rsa: bool,
}

/// What a log signed: the certificate as such, or its precertificate.
#[derive(Clone, Debug)]
pub enum SignedEntry {
    /// `x509_entry`: the certificate in DER. For SCTs that came by TLS or OCSP.
    Certificate(Vec<u8>),
    /// `precert_entry`: for SCTs embedded in the certificate.
    Precertificate {
        /// SHA-256 of the issuer's SubjectPublicKeyInfo.
        issuer_key_hash: [u8; 32],
        /// The TBSCertificate without its SCT list.
        tbs: Vec<u8>,
    },
}

impl SignedEntry {
    /// The entry that the SCTs embedded in `certificate` sign, if its issuer has the key
    /// `issuer_spki` (DER).
    ///
    /// # Errors
    /// None in practice: the certificate was read before.
    pub fn embedded(certificate: &Certificate, issuer_spki: &[u8]) -> Result<Self, der::Error> {
        Ok(Self::Precertificate {
            issuer_key_hash: Sha256::digest(issuer_spki).into(),
            tbs: certificate.precertificate_tbs()?,
        })
    }

    /// Appends `entry_type` and `signed_entry`.
    fn write(&self, out: &mut Vec<u8>) {
        let body = match self {
            Self::Certificate(der) => {
                out.extend_from_slice(&[0, 0]);
                der
            }
            Self::Precertificate { issuer_key_hash, tbs } => {
                out.extend_from_slice(&[0, 1]);
                out.extend_from_slice(issuer_key_hash);
                tbs
            }
        };
        // opaque <1..2^24-1>. A certificate is at most 65,535 bytes, so the length fits.
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        out.extend_from_slice(length.get(1..).unwrap_or_default());
        out.extend_from_slice(body);
    }
}

/// Reads a SignedCertificateTimestampList, strictly: every byte accounted for.
///
/// # Errors
/// [`SctError`]. One malformed SCT spoils the list, since the CA signed them all.
pub fn parse_list(list: &[u8]) -> Result<Vec<Sct>, SctError> {
    let list = OctetString::new(list).map_err(|_| SctError::Malformed)?;
    let serialized = SignedCertificateTimestampList::from(list)
        .parse_timestamps()
        .map_err(|_| SctError::Malformed)?;
    if serialized.is_empty() {
        return Err(SctError::Empty);
    }
    if serialized.len() > MAX_SCTS {
        return Err(SctError::TooMany);
    }
    serialized
        .iter()
        .map(|one| one.parse_timestamp().map(Sct::new).map_err(|_| SctError::Malformed))
        .collect()
}

impl Sct {
    /// Reads one SignedCertificateTimestamp, as it comes by TLS or OCSP.
    ///
    /// # Errors
    /// [`SctError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SctError> {
        // The one-element list is the only public door of the decoder.
        let inner = u16::try_from(bytes.len()).map_err(|_| SctError::Malformed)?;
        let outer = inner.checked_add(2).ok_or(SctError::Malformed)?;
        let list = [&outer.to_be_bytes()[..], &inner.to_be_bytes()[..], bytes].concat();
        parse_list(&list)?.pop().ok_or(SctError::Malformed)
    }

    fn new(sct: SignedCertificateTimestamp) -> Self {
        let extensions = sct.extensions.into_vec();
        Self {
            log_id: sct.log_id.key_id,
            timestamp: Timestamp::from_millis(sct.timestamp),
            leaf_index: leaf_index(&extensions),
            raw_timestamp: sct.timestamp,
            extensions,
            scheme: scheme(&sct.signature.algorithm),
            signature: sct.signature.signature.into_vec(),
        }
    }

    /// What to ask the platform to learn whether the log with the key `log_spki` (DER) signed this
    /// SCT for `entry`. `None` where scheme and key do not go together: the signature is bad then.
    pub fn signature_check(&self, log_spki: &[u8], entry: &SignedEntry) -> Option<SignatureCheck> {
        let Scheme { hash, is_rsa } = self.scheme?;
        let check = PublicKey::from_spki(log_spki).ok()?.check_log(
            hash,
            &self.signed_data(entry),
            &self.signature,
        )?;
        let key_is_rsa = matches!(check.algorithm, crate::x509::signature::Algorithm::RsaPkcs1(_));
        (key_is_rsa == is_rsa).then_some(check)
    }

    /// The `digitally-signed struct` of RFC 6962 section 3.2.
    fn signed_data(&self, entry: &SignedEntry) -> Vec<u8> {
        // sct_version v1, signature_type certificate_timestamp
        self.versioned_entry([0, 0], entry)
    }

    /// The hash under which the log has to hold `entry`: of the MerkleTreeLeaf of RFC 6962 section
    /// 3.4, which repeats the SCT's time and extensions.
    pub fn leaf_hash(&self, entry: &SignedEntry) -> NodeHash {
        // version v1, leaf_type timestamped_entry: by chance the same two bytes as in what is
        // signed.
        merkle::leaf_hash(&self.versioned_entry([0, 0], entry))
    }

    /// Two bytes that say what it is, and a TimestampedEntry.
    fn versioned_entry(&self, kind: [u8; 2], entry: &SignedEntry) -> Vec<u8> {
        let mut out = kind.to_vec();
        out.extend_from_slice(&self.raw_timestamp.to_be_bytes());
        entry.write(&mut out);
        // They were read from a field of the same form, so the length fits.
        out.extend_from_slice(
            &u16::try_from(self.extensions.len()).unwrap_or(u16::MAX).to_be_bytes(),
        );
        out.extend_from_slice(&self.extensions);
        out
    }
}

fn scheme(algorithm: &sct::SignatureAndHashAlgorithm) -> Option<Scheme> {
    let hash = match algorithm.hash {
        sct::HashAlgorithm::Sha256 => Hash::Sha256,
        sct::HashAlgorithm::Sha384 => Hash::Sha384,
        sct::HashAlgorithm::Sha512 => Hash::Sha512,
        _ => return None,
    };
    match algorithm.signature {
        sct::SignatureAlgorithm::Rsa => Some(Scheme { hash, is_rsa: true }),
        sct::SignatureAlgorithm::Ecdsa => Some(Scheme { hash, is_rsa: false }),
        _ => None,
    }
}

/// Reads `CTExtensions` of static-ct-api: a list of (type: 1 byte, data<0..2^16-1>), of which type
/// 0 is a 40-bit index.
///
/// RFC 6962 leaves the field opaque, so what is not of this form is no error: there is no index
/// then, and the signature covers the bytes whatever they mean.
fn leaf_index(mut extensions: &[u8]) -> Option<u64> {
    let mut index = None;
    while let Some((kind, rest)) = extensions.split_first() {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (data, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        if *kind == 0 {
            let bytes: [u8; 5] = data.try_into().ok()?;
            if index.is_some() {
                return None;
            }
            index = Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        }
        extensions = rest;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaf_index_is_forty_bits() {
        assert_eq!(leaf_index(&[]), None);
        assert_eq!(leaf_index(&[0, 0, 5, 1, 2, 3, 4, 5]), Some(0x01_0203_0405));
        assert_eq!(leaf_index(&[7, 0, 1, 9, 0, 0, 5, 0, 0, 0, 0, 1]), Some(1));
        let twice = [&[0, 0, 5, 0, 0, 0, 0, 1][..]; 2].concat();
        for odd in [&[0][..], &[0, 0], &[0, 0, 4, 1, 2, 3, 4], &[0, 0, 6, 1, 2, 3, 4, 5], &twice] {
            assert_eq!(leaf_index(odd), None, "{odd:?}");
        }
    }
}
