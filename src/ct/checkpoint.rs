//! Checkpoints: the signed heads of static-ct logs.
//!
//! ```text
//! example.com/2026h1                                  origin: the submission prefix without scheme and trailing slash
//! 300                                                 size
//! lCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0=        root
//!
//! — grease.invalid DLzQSDHFSzQAoz8nHm…                other signatures, to be ignored
//! — example.com/2026h1 kVB1JgAAAZtxtEwABAMARzBF…      key ID (4) ‖ uint64 timestamp ‖ DigitallySigned, over a TreeHeadSignature
//! ```
//!
//! The note is c2sp.org/signed-note, its text c2sp.org/tlog-checkpoint, the signature
//! c2sp.org/static-ct-api ("Checkpoints"). Strict beyond them in one thing: no extension lines,
//! because the signature of RFC 6962 does not cover them.

use sha2::{Digest, Sha256};

use crate::ct::sct::LogId;
use crate::ct::tree_head::{HeadError, SignedHead, TreeHead, decode, decode_hash};

/// The largest checkpoint that is read, in bytes. Real ones have 300 to 1000; cosignatures take 100
/// to 200 each.
pub const MAX_CHECKPOINT: usize = 16 << 10;
/// The most signatures that are read.
pub const MAX_SIGNATURES: usize = 64;

/// The checkpoint cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Over [`MAX_CHECKPOINT`].
    #[error("larger than {MAX_CHECKPOINT} bytes: not a checkpoint")]
    TooLarge,
    /// Not a signed note: not UTF-8, a control character, no signatures, an ill-formed line.
    #[error("not a signed note")]
    Note,
    /// More than [`MAX_SIGNATURES`].
    #[error("more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// The text is not origin, size and root, each on its line.
    #[error("the note is not a checkpoint")]
    Text,
    /// Of another log.
    #[error("the checkpoint is of another log")]
    Origin,
    /// No signature, or more than one, under the log's name and key.
    #[error("the checkpoint does not bear the log's signature")]
    NotSigned,
    /// The head or its signature is malformed.
    #[error(transparent)]
    Head(#[from] HeadError),
}

impl CheckpointError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "checkpoint-too-large",
            Self::Note => "checkpoint-not-a-note",
            Self::TooManySignatures => "checkpoint-too-many-signatures",
            Self::Text => "checkpoint-malformed",
            Self::Origin => "checkpoint-of-another-log",
            Self::NotSigned => "checkpoint-not-signed",
            Self::Head(_) => "checkpoint-bad-head",
        }
    }
}

/// The key ID under which a log signs notes: SHA-256(name ‖ 0x0A ‖ 0x05 ‖ log ID)\[:4\]
/// (static-ct-api, "Checkpoints").
pub fn key_id(origin: &str, log_id: &LogId) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(origin)
        .chain_update([0x0a, 0x05])
        .chain_update(log_id)
        .finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

/// Reads a checkpoint of the log with this origin and ID. Its signature is a question of its own:
/// [`SignedHead::signature_check`].
///
/// # Errors
/// [`CheckpointError`].
pub fn parse(note: &[u8], origin: &str, log_id: &LogId) -> Result<SignedHead, CheckpointError> {
    if note.len() > MAX_CHECKPOINT {
        return Err(CheckpointError::TooLarge);
    }
    let note = core::str::from_utf8(note).map_err(|_| CheckpointError::Note)?;
    // ASCII control characters but the newline are forbidden (signed-note, "Format").
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(CheckpointError::Note);
    }
    // The signatures follow the last empty line: the text may have others, and a checkpoint's may
    // not.
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(CheckpointError::Note)?;
    let signatures = signatures.strip_suffix('\n').ok_or(CheckpointError::Note)?;
    if signatures.split('\n').count() > MAX_SIGNATURES {
        return Err(CheckpointError::TooManySignatures);
    }
    let key = key_id(origin, log_id);
    let mut own = None;
    for line in signatures.split('\n') {
        let (name, id, signature) = signature_line(line)?;
        if name == origin && id == key && own.replace(signature).is_some() {
            return Err(CheckpointError::NotSigned);
        }
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let [found_origin, size, root] = lines.as_slice() else { return Err(CheckpointError::Text) };
    let size = decimal(size).ok_or(CheckpointError::Text)?;
    let root = decode_hash(root).map_err(|_| CheckpointError::Text)?;
    if *found_origin != origin {
        return Err(CheckpointError::Origin);
    }
    let own = own.ok_or(CheckpointError::NotSigned)?;
    let (timestamp, digitally_signed) = own.split_first_chunk::<8>().ok_or(HeadError::Signature)?;
    let head = TreeHead::new(u64::from_be_bytes(*timestamp), size, root)?;
    Ok(SignedHead::new(head, digitally_signed)?)
}

/// `— name base64(key ID ‖ signature)`.
fn signature_line(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), CheckpointError> {
    let rest = line.strip_prefix("\u{2014} ").ok_or(CheckpointError::Note)?;
    let (name, encoded) = rest.split_once(' ').ok_or(CheckpointError::Note)?;
    if name.is_empty() || name.contains('+') || name.chars().any(char::is_whitespace) {
        return Err(CheckpointError::Note);
    }
    let bytes = decode(encoded, MAX_CHECKPOINT).map_err(|_| CheckpointError::Note)?;
    let (id, signature) = bytes.split_first_chunk::<4>().ok_or(CheckpointError::Note)?;
    if signature.is_empty() {
        return Err(CheckpointError::Note);
    }
    Ok((name, *id, signature.to_vec()))
}

/// A number as tlog-checkpoint writes it: ASCII digits without a leading zero.
fn decimal(text: &str) -> Option<u64> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_canonical { text.parse().ok() } else { None }
}
