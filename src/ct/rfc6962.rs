//! The questions to a log of RFC 6962 (section 4) and the reading of its answers.
//!
//! Answers are read strictly in what is used (types, canonical base64, no field twice, limits) and
//! tolerantly in what is not: fields of other names are passed over.

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ct::merkle::{MAX_PROOF, NodeHash, leaf_hash};
use crate::ct::tree_head::{HeadError, SignedHead, TreeHead, decode, decode_hash};
use crate::fetch::Get;

/// The largest head or proof that is read, in bytes: a proof of 65 nodes has 3.2 KB.
pub const MAX_ANSWER: usize = 16 << 10;
/// The largest answer with one entry that is read, in bytes: a chain in base64 on both sides.
pub const MAX_ENTRY: usize = 1 << 20;

/// The answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Over the limit of its kind.
    #[error("the log's answer is too large")]
    TooLarge,
    /// Not JSON of this form.
    #[error("the log's answer is malformed")]
    Malformed,
    /// More than [`MAX_PROOF`] nodes.
    #[error("the log's proof has more than {MAX_PROOF} nodes")]
    TooLong,
    /// A head, or a hash, is malformed.
    #[error(transparent)]
    Head(#[from] HeadError),
}

impl AnswerError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "answer-too-large",
            Self::Malformed => "answer-malformed",
            Self::TooLong => "answer-proof-too-long",
            Self::Head(_) => "answer-bad-head",
        }
    }
}

/// Asks for the newest head (section 4.3).
pub fn get_sth(url: &str) -> Get {
    question(url, "get-sth", MAX_ANSWER)
}

/// Asks where in the tree of `size` entries the leaf with this hash stands (section 4.5).
pub fn get_proof_by_hash(url: &str, hash: &NodeHash, size: u64) -> Get {
    // The only characters of base64 that mean something else in a query.
    let hash =
        Base64::encode_string(hash).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    question(url, &format!("get-proof-by-hash?hash={hash}&tree_size={size}"), MAX_ANSWER)
}

/// Asks how the tree of `new` entries goes on from that of `old` (section 4.4).
pub fn get_sth_consistency(url: &str, old: u64, new: u64) -> Get {
    question(url, &format!("get-sth-consistency?first={old}&second={new}"), MAX_ANSWER)
}

/// Asks for one entry (section 4.6).
pub fn get_entry(url: &str, index: u64) -> Get {
    question(url, &format!("get-entries?start={index}&end={index}"), MAX_ENTRY)
}

fn question(url: &str, what: &str, max_bytes: usize) -> Get {
    Get { url: format!("{url}/ct/v1/{what}"), max_bytes, is_immutable: false }
}

fn read<T: DeserializeOwned>(json: &[u8], max: usize) -> Result<T, AnswerError> {
    if json.len() > max {
        return Err(AnswerError::TooLarge);
    }
    serde_json::from_slice(json).map_err(|_| AnswerError::Malformed)
}

fn nodes(texts: &[String]) -> Result<Vec<NodeHash>, AnswerError> {
    if texts.len() > MAX_PROOF {
        return Err(AnswerError::TooLong);
    }
    Ok(texts.iter().map(|text| decode_hash(text)).collect::<Result<_, _>>()?)
}

/// Reads the answer to [`get_sth`].
///
/// # Errors
/// [`AnswerError`]. The signature is a question of its own: [`SignedHead::signature_check`].
pub fn parse_sth(json: &[u8]) -> Result<SignedHead, AnswerError> {
    #[derive(Deserialize)]
    struct Sth {
        tree_size: u64,
        timestamp: u64,
        sha256_root_hash: String,
        tree_head_signature: String,
    }
    let sth: Sth = read(json, MAX_ANSWER)?;
    let head = TreeHead::new(sth.timestamp, sth.tree_size, decode_hash(&sth.sha256_root_hash)?)?;
    Ok(SignedHead::new(head, &decode(&sth.tree_head_signature, MAX_ANSWER)?)?)
}

/// Where an entry stands, and the proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The entry's number.
    pub index: u64,
    /// See [`crate::ct::merkle::verify_inclusion`].
    pub proof: Vec<NodeHash>,
}

/// Reads the answer to [`get_proof_by_hash`].
///
/// # Errors
/// [`AnswerError`].
pub fn parse_proof(json: &[u8]) -> Result<Place, AnswerError> {
    #[derive(Deserialize)]
    struct Proof {
        leaf_index: u64,
        #[serde(deserialize_with = "list_or_null")]
        audit_path: Vec<String>,
    }
    let proof: Proof = read(json, MAX_ANSWER)?;
    Ok(Place { index: proof.leaf_index, proof: nodes(&proof.audit_path)? })
}

/// Reads the answer to [`get_sth_consistency`].
///
/// # Errors
/// [`AnswerError`].
pub fn parse_consistency(json: &[u8]) -> Result<Vec<NodeHash>, AnswerError> {
    #[derive(Deserialize)]
    struct Proof {
        #[serde(deserialize_with = "list_or_null")]
        consistency: Vec<String>,
    }
    nodes(&read::<Proof>(json, MAX_ANSWER)?.consistency)
}

/// Logs written in Go send `null` for a list without members.
fn list_or_null<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads the answer to [`get_entry`]: the hash of the one leaf in it.
///
/// # Errors
/// [`AnswerError`].
pub fn parse_entry(json: &[u8]) -> Result<NodeHash, AnswerError> {
    #[derive(Deserialize)]
    struct Entry {
        leaf_input: String,
    }
    #[derive(Deserialize)]
    struct Entries {
        entries: Vec<Entry>,
    }
    let entries: Entries = read(json, MAX_ENTRY)?;
    let [entry] = entries.entries.as_slice() else { return Err(AnswerError::Malformed) };
    Ok(leaf_hash(&decode(&entry.leaf_input, MAX_ENTRY)?))
}
