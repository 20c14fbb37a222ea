//! Signed tree heads: a log's word for "these are all my entries at this moment" (RFC 6962 section
//! 3.5).

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use crate::ct::merkle::NodeHash;
use crate::time::Timestamp;
use crate::x509::signature::{Algorithm, Hash, PublicKey, SignatureCheck};

/// The longest signature that is read. ECDSA's have 72 bytes, RSA-4096's 512.
const MAX_SIGNATURE: usize = 1024;

/// A head breaks the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Later than the year 9999.
    #[error("the head's time is beyond all calendars")]
    Time,
    /// The DigitallySigned is cut off, too long, has bytes left over, or is by another scheme than
    /// RFC 6962 section 2.1.4 allows.
    #[error("the head's signature is malformed")]
    Signature,
    /// Text that is not base64 of the right length, or not in its one canonical form.
    #[error("the head is not in canonical base64")]
    Base64,
}

/// What a log says of its tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeHead {
    /// When.
    pub timestamp: Timestamp,
    /// How many entries there are.
    pub size: u64,
    /// The root over them.
    pub root: NodeHash,
}

impl TreeHead {
    /// From numbers that came from outside.
    ///
    /// # Errors
    /// [`HeadError::Time`]: a time that cannot be written would not be signed over as it was read.
    pub fn new(timestamp: u64, size: u64, root: NodeHash) -> Result<Self, HeadError> {
        let time = Timestamp::from_millis(timestamp);
        if time.millis() != timestamp {
            return Err(HeadError::Time);
        }
        Ok(Self { timestamp: time, size, root })
    }

    /// The TreeHeadSignature of RFC 6962 section 3.5: what the log signs.
    ///
    /// ```text
    /// version v1 (0) ‖ tree_hash (1) ‖ uint64 timestamp ‖ uint64 tree_size ‖ opaque sha256_root_hash[32]
    /// ```
    pub fn signed_data(&self) -> Vec<u8> {
        let mut out = vec![0, 1];
        out.extend_from_slice(&self.timestamp.millis().to_be_bytes());
        out.extend_from_slice(&self.size.to_be_bytes());
        out.extend_from_slice(&self.root);
        out
    }
}

/// A head with the log's signature: evidence that can be handed on. The JSON keeps every byte that
/// was signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct SignedHead {
    /// What was signed.
    pub head: TreeHead,
    is_rsa: bool,
    signature: Vec<u8>,
}

impl SignedHead {
    /// With a DigitallySigned of RFC 5246 section 4.7: `hash ‖ signature algorithm ‖ opaque
    /// signature<0..2^16-1>`. RFC 6962 section 2.1.4 leaves SHA-256 with RSA or ECDSA.
    ///
    /// # Errors
    /// [`HeadError::Signature`].
    pub fn new(head: TreeHead, digitally_signed: &[u8]) -> Result<Self, HeadError> {
        let (header, signature) =
            digitally_signed.split_first_chunk::<4>().ok_or(HeadError::Signature)?;
        let [4, scheme @ (1 | 3), high, low] = *header else { return Err(HeadError::Signature) };
        let is_exact = usize::from(u16::from_be_bytes([high, low])) == signature.len();
        if !is_exact || signature.is_empty() || signature.len() > MAX_SIGNATURE {
            return Err(HeadError::Signature);
        }
        Ok(Self { head, is_rsa: scheme == 1, signature: signature.to_vec() })
    }

    /// The DigitallySigned as it was read.
    pub fn digitally_signed(&self) -> Vec<u8> {
        let length = u16::try_from(self.signature.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut out = vec![4, if self.is_rsa { 1 } else { 3 }];
        out.extend_from_slice(&length);
        out.extend_from_slice(&self.signature);
        out
    }

    /// What to ask the platform to learn whether the log with the key `log_spki` (DER) signed this.
    /// `None` where scheme and key do not go together: the signature is bad then.
    pub fn signature_check(&self, log_spki: &[u8]) -> Option<SignatureCheck> {
        let key = PublicKey::from_spki(log_spki).ok()?;
        let check = key.check_log(Hash::Sha256, &self.head.signed_data(), &self.signature)?;
        (matches!(check.algorithm, Algorithm::RsaPkcs1(_)) == self.is_rsa).then_some(check)
    }
}

/// The JSON of a kept head: the names of `get-sth`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    tree_size: u64,
    timestamp: u64,
    sha256_root_hash: String,
    tree_head_signature: String,
}

impl TryFrom<Kept> for SignedHead {
    type Error = HeadError;

    fn try_from(kept: Kept) -> Result<Self, HeadError> {
        let root = decode_hash(&kept.sha256_root_hash)?;
        let signature = decode(&kept.tree_head_signature, MAX_SIGNATURE + 4)?;
        Self::new(TreeHead::new(kept.timestamp, kept.tree_size, root)?, &signature)
    }
}

impl From<SignedHead> for Kept {
    fn from(signed: SignedHead) -> Self {
        Self {
            tree_size: signed.head.size,
            timestamp: signed.head.timestamp.millis(),
            sha256_root_hash: Base64::encode_string(&signed.head.root),
            tree_head_signature: Base64::encode_string(&signed.digitally_signed()),
        }
    }
}

/// Base64 in its one canonical form, of at most `max` bytes.
pub(crate) fn decode(text: &str, max: usize) -> Result<Vec<u8>, HeadError> {
    if text.len() > max.div_ceil(3).saturating_mul(4) {
        return Err(HeadError::Base64);
    }
    let bytes = Base64::decode_vec(text).map_err(|_| HeadError::Base64)?;
    if bytes.len() > max || Base64::encode_string(&bytes) != text {
        Err(HeadError::Base64)
    } else {
        Ok(bytes)
    }
}

/// A hash in base64.
pub(crate) fn decode_hash(text: &str) -> Result<NodeHash, HeadError> {
    decode(text, 32)?.try_into().map_err(|_| HeadError::Base64)
}
