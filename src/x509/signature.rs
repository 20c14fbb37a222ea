//! The seam between the rules and the arithmetic of signatures.
//!
//! The core holds no cryptography but hashing. It says *which* signatures matter
//! ([`SignatureCheck`]), the platform says which of them are good ([`Answers`]): WebCrypto in a
//! browser, AWS-LC natively. WebCrypto is asynchronous and rustls-webpki is not, so the checks are
//! planned first, answered all at once, and then looked up while the path is built.
//!
//! **Soundness.** A signature counts as good only if the platform said so about exactly these
//! bytes: algorithm, key, message and signature. One that was not asked about is *bad* for this
//! pass, and is noted, so that the pass is run again with its answer; there is no "yes for now"
//! anywhere. The fewest answers a path can be accepted with are therefore the answers for all its
//! signatures. `tests/soundness.rs` tries to break this.

use std::sync::Mutex;

use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Encode, Reader, SliceReader};
use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

/// The smallest RSA modulus that is accepted, in bits (CA/Browser Forum Baseline Requirements
/// 6.1.5).
pub const RSA_MIN_BITS: usize = 2048;
/// The largest RSA modulus that is accepted, in bits: what AWS-LC takes, and a bound on work.
pub const RSA_MAX_BITS: usize = 8192;

/// A hash function used under a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A curve of FIPS 186-5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Curve {
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

/// A signature scheme that is accepted. SHA-1, MD5 and DSA have no place here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1(Hash),
    /// RSASSA-PSS with MGF1 and a salt as long as the hash (RFC 8017 section 8.1, RFC 8446 section
    /// 4.2.3).
    RsaPss(Hash),
    /// ECDSA; the signature is DER (RFC 3279 section 2.2.3).
    Ecdsa(Curve, Hash),
    /// Ed25519 (RFC 8032). No public CA may use it; a CA of one's own may.
    Ed25519,
}

/// Every accepted scheme, the common ones first.
const ALGORITHMS: &[Algorithm] = {
    use Algorithm::*;
    use Curve::*;
    use Hash::*;
    &[
        Ecdsa(P384, Sha384),
        Ecdsa(P256, Sha256),
        RsaPkcs1(Sha256),
        RsaPkcs1(Sha384),
        RsaPkcs1(Sha512),
        Ecdsa(P256, Sha384),
        Ecdsa(P256, Sha512),
        Ecdsa(P384, Sha256),
        Ecdsa(P384, Sha512),
        Ecdsa(P521, Sha256),
        Ecdsa(P521, Sha384),
        Ecdsa(P521, Sha512),
        RsaPss(Sha256),
        RsaPss(Sha384),
        RsaPss(Sha512),
        Ed25519,
    ]
};

impl Algorithm {
    fn key_id(self) -> AlgorithmIdentifier {
        match self {
            Self::RsaPkcs1(_) | Self::RsaPss(_) => alg_id::RSA_ENCRYPTION,
            Self::Ecdsa(Curve::P256, _) => alg_id::ECDSA_P256,
            Self::Ecdsa(Curve::P384, _) => alg_id::ECDSA_P384,
            Self::Ecdsa(Curve::P521, _) => alg_id::ECDSA_P521,
            Self::Ed25519 => alg_id::ED25519,
        }
    }

    fn signature_id(self) -> AlgorithmIdentifier {
        match self {
            Self::RsaPkcs1(Hash::Sha256) => alg_id::RSA_PKCS1_SHA256,
            Self::RsaPkcs1(Hash::Sha384) => alg_id::RSA_PKCS1_SHA384,
            Self::RsaPkcs1(Hash::Sha512) => alg_id::RSA_PKCS1_SHA512,
            Self::RsaPss(Hash::Sha256) => alg_id::RSA_PSS_SHA256,
            Self::RsaPss(Hash::Sha384) => alg_id::RSA_PSS_SHA384,
            Self::RsaPss(Hash::Sha512) => alg_id::RSA_PSS_SHA512,
            Self::Ecdsa(_, Hash::Sha256) => alg_id::ECDSA_SHA256,
            Self::Ecdsa(_, Hash::Sha384) => alg_id::ECDSA_SHA384,
            Self::Ecdsa(_, Hash::Sha512) => alg_id::ECDSA_SHA512,
            Self::Ed25519 => alg_id::ED25519,
        }
    }

    fn is_rsa(self) -> bool {
        matches!(self, Self::RsaPkcs1(_) | Self::RsaPss(_))
    }
}

/// One signature to be checked by the platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureCheck {
    /// The scheme.
    pub algorithm: Algorithm,
    /// The bits of the subjectPublicKey: for RSA a DER RSAPublicKey, for ECDSA a point (RFC 5480
    /// section 2.2).
    pub key: Vec<u8>,
    /// The bytes that were signed.
    pub message: Vec<u8>,
    /// The signature; ECDSA in DER.
    pub signature: Vec<u8>,
}

/// A public key as it stands in a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicKey<'a> {
    /// The AlgorithmIdentifier without its outer header, the form of
    /// [`pki_types::AlgorithmIdentifier`].
    algorithm: &'a [u8],
    key: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads a SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7).
    pub(crate) fn from_spki(spki: &'a [u8]) -> Result<Self, der::Error> {
        Self::from_spki_value(AnyRef::from_der(spki)?.value())
    }

    /// The same without the outer header, as trust anchors are kept.
    pub(crate) fn from_spki_value(value: &'a [u8]) -> Result<Self, der::Error> {
        let mut reader = SliceReader::new(value)?;
        let algorithm = AnyRef::decode(&mut reader)?.value();
        let bits = BitStringRef::decode(&mut reader)?;
        reader.finish()?;
        let key = bits.as_bytes().ok_or(der::ErrorKind::Failed)?;
        Ok(Self { algorithm, key })
    }

    /// The kind and size of the key.
    pub(crate) fn kind(&self) -> KeyKind {
        let is = |id: AlgorithmIdentifier| id.as_ref() == self.algorithm;
        if is(alg_id::RSA_ENCRYPTION) {
            KeyKind::Rsa { bits: rsa_bits(self.key).unwrap_or(0) }
        } else if is(alg_id::ECDSA_P256) {
            KeyKind::Ec(Curve::P256)
        } else if is(alg_id::ECDSA_P384) {
            KeyKind::Ec(Curve::P384)
        } else if is(alg_id::ECDSA_P521) {
            KeyKind::Ec(Curve::P521)
        } else if is(alg_id::ED25519) {
            KeyKind::Ed25519
        } else {
            KeyKind::Other
        }
    }

    /// What to ask the platform about `signature` over `message` by this key. `None` where the
    /// scheme, the key or its size is not accepted: such a signature is bad whatever a platform
    /// would say.
    pub(crate) fn check(
        &self,
        signature_algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Option<SignatureCheck> {
        let algorithm = *ALGORITHMS.iter().find(|algorithm| {
            algorithm.signature_id().as_ref() == signature_algorithm
                && algorithm.key_id().as_ref() == self.algorithm
        })?;
        self.check_with(algorithm, message, signature)
    }

    /// As [`PublicKey::check`], for a signature by the log that this key belongs to, over `hash`
    /// (RFC 6962 section 2.1.4).
    pub(crate) fn check_log(
        &self,
        hash: Hash,
        message: &[u8],
        signature: &[u8],
    ) -> Option<SignatureCheck> {
        let algorithm = match self.kind() {
            KeyKind::Rsa { .. } => Algorithm::RsaPkcs1(hash),
            KeyKind::Ec(curve) => Algorithm::Ecdsa(curve, hash),
            KeyKind::Ed25519 | KeyKind::Other => return None,
        };
        self.check_with(algorithm, message, signature)
    }

    fn check_with(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<SignatureCheck> {
        key_is_acceptable(algorithm, self.key).then(|| SignatureCheck {
            algorithm,
            key: self.key.to_vec(),
            message: message.to_vec(),
            signature: signature.to_vec(),
        })
    }
}

/// The kind of a public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// RSA with a modulus of so many bits; 0 where the modulus could not be read.
    Rsa {
        /// Length of the modulus in bits.
        bits: usize,
    },
    /// An elliptic curve of FIPS 186-5.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// Anything else: DSA, another curve, a key of the future.
    Other,
}

impl core::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::Ec(Curve::P256) => f.write_str("P-256"),
            Self::Ec(Curve::P384) => f.write_str("P-384"),
            Self::Ec(Curve::P521) => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other => f.write_str("unknown"),
        }
    }
}

/// The length of the modulus of a DER RSAPublicKey (RFC 8017 appendix A.1.1) in bits.
fn rsa_bits(key: &[u8]) -> Result<usize, der::Error> {
    let mut reader = SliceReader::new(AnyRef::from_der(key)?.value())?;
    let modulus = UintRef::decode(&mut reader)?;
    UintRef::decode(&mut reader)?;
    reader.finish()?;
    let bytes = modulus.as_bytes();
    let leading = bytes.first().map_or(0, |byte| byte.leading_zeros());
    let leading = usize::try_from(leading).unwrap_or(0);
    Ok((bytes.len() * 8).saturating_sub(leading))
}

fn key_is_acceptable(algorithm: Algorithm, key: &[u8]) -> bool {
    if algorithm.is_rsa() {
        return rsa_bits(key).is_ok_and(|bits| (RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits));
    }
    let Algorithm::Ecdsa(curve, _) = algorithm else { return true };
    // Uncompressed points only: WebCrypto need not take others, and both hosts must agree (RFC 5280
    // certificates use none).
    let field = field_bytes(curve);
    key.first() == Some(&4) && key.len() == 1 + 2 * field
}

/// The length of a field element, and so of `r` and of `s`, in bytes.
fn field_bytes(curve: Curve) -> usize {
    match curve {
        Curve::P256 => 32,
        Curve::P384 => 48,
        Curve::P521 => 66,
    }
}

impl SignatureCheck {
    /// The key as a SubjectPublicKeyInfo in DER, the form that WebCrypto imports.
    ///
    /// # Errors
    /// None in practice: the parts were read from DER.
    pub fn spki(&self) -> Result<Vec<u8>, der::Error> {
        let algorithm = sequence(self.algorithm.key_id().as_ref())?;
        let bits = BitStringRef::from_bytes(&self.key)?.to_der()?;
        sequence(&[algorithm, bits].concat())
    }

    /// An ECDSA signature as `r ‖ s`, the form that WebCrypto takes; `None` where the DER is
    /// malformed or a number too long: the signature is bad then.
    pub fn ecdsa_raw_signature(&self) -> Option<Vec<u8>> {
        let Algorithm::Ecdsa(curve, _) = self.algorithm else { return None };
        let mut reader = SliceReader::new(AnyRef::from_der(&self.signature).ok()?.value()).ok()?;
        let r = UintRef::decode(&mut reader).ok()?;
        let s = UintRef::decode(&mut reader).ok()?;
        reader.finish().ok()?;
        let field = field_bytes(curve);
        let mut raw = Vec::with_capacity(2 * field);
        for number in [r, s] {
            let bytes = number.as_bytes();
            raw.resize(raw.len() + field.checked_sub(bytes.len())?, 0);
            raw.extend_from_slice(bytes);
        }
        Some(raw)
    }

    /// Asks AWS-LC.
    #[cfg(feature = "native")]
    pub fn verify_natively(&self) -> bool {
        use webpki::aws_lc_rs as aws;
        let implementation: &dyn SignatureVerificationAlgorithm = match self.algorithm {
            Algorithm::RsaPkcs1(Hash::Sha256) => aws::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RsaPkcs1(Hash::Sha384) => aws::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::RsaPkcs1(Hash::Sha512) => aws::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::RsaPss(Hash::Sha256) => aws::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            Algorithm::RsaPss(Hash::Sha384) => aws::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
            Algorithm::RsaPss(Hash::Sha512) => aws::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
            Algorithm::Ecdsa(Curve::P256, Hash::Sha256) => aws::ECDSA_P256_SHA256,
            Algorithm::Ecdsa(Curve::P256, Hash::Sha384) => aws::ECDSA_P256_SHA384,
            Algorithm::Ecdsa(Curve::P256, Hash::Sha512) => aws::ECDSA_P256_SHA512,
            Algorithm::Ecdsa(Curve::P384, Hash::Sha256) => aws::ECDSA_P384_SHA256,
            Algorithm::Ecdsa(Curve::P384, Hash::Sha384) => aws::ECDSA_P384_SHA384,
            Algorithm::Ecdsa(Curve::P384, Hash::Sha512) => aws::ECDSA_P384_SHA512,
            Algorithm::Ecdsa(Curve::P521, Hash::Sha256) => aws::ECDSA_P521_SHA256,
            Algorithm::Ecdsa(Curve::P521, Hash::Sha384) => aws::ECDSA_P521_SHA384,
            Algorithm::Ecdsa(Curve::P521, Hash::Sha512) => aws::ECDSA_P521_SHA512,
            Algorithm::Ed25519 => aws::ED25519,
        };
        implementation.verify_signature(&self.key, &self.message, &self.signature).is_ok()
    }
}

fn sequence(value: &[u8]) -> Result<Vec<u8>, der::Error> {
    AnyRef::new(der::Tag::Sequence, value)?.to_der()
}

/// What the platform said, signature by signature.
#[derive(Clone, Default, Debug)]
pub struct Answers(Vec<(SignatureCheck, bool)>);

impl Answers {
    /// No answers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the platform found `check` good, or not. The first word about a signature stands.
    pub fn insert(&mut self, check: SignatureCheck, good: bool) {
        if self.get(&check).is_none() {
            self.0.push((check, good));
        }
    }

    /// What was said about `check`, if anything.
    pub fn get(&self, check: &SignatureCheck) -> Option<bool> {
        self.0.iter().find(|(known, _)| known == check).map(|(_, good)| *good)
    }

    /// True only where the platform said so.
    pub(crate) fn is_good(&self, check: Option<&SignatureCheck>) -> bool {
        check.and_then(|check| self.get(check)) == Some(true)
    }
}

/// The signatures that a pass wanted to know of and was not told.
#[derive(Default, Debug)]
pub(crate) struct Missing(Mutex<Vec<SignatureCheck>>);

impl Missing {
    fn note(&self, check: SignatureCheck) {
        let mut missing = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !missing.contains(&check) {
            missing.push(check);
        }
    }

    pub(crate) fn into_inner(self) -> Vec<SignatureCheck> {
        self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One scheme, as rustls-webpki asks for it: looks the answer up.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    algorithm: Algorithm,
    answers: &'a Answers,
    missing: &'a Missing,
}

impl<'a> Answered<'a> {
    /// One of these for every accepted scheme.
    pub(crate) fn all(answers: &'a Answers, missing: &'a Missing) -> Vec<Self> {
        ALGORITHMS.iter().map(|&algorithm| Self { algorithm, answers, missing }).collect()
    }
}

impl SignatureVerificationAlgorithm for Answered<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        if !key_is_acceptable(self.algorithm, public_key) {
            return Err(InvalidSignature);
        }
        let check = SignatureCheck {
            algorithm: self.algorithm,
            key: public_key.to_vec(),
            message: message.to_vec(),
            signature: signature.to_vec(),
        };
        match self.answers.get(&check) {
            Some(true) => Ok(()),
            Some(false) => Err(InvalidSignature),
            None => {
                self.missing.note(check);
                Err(InvalidSignature)
            }
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.key_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_id()
    }
}
