//! What was seen of each log: its newest head, heads still to be linked to it, and what contradicts
//! it.
//!
//! A log may show one history to the owner of a name and another to everybody else (attacker A8).
//! Whoever keeps what the log signed and asks it to prove that the next head follows from it will
//! see that, sooner or later. Two signed heads that cannot be of one history are evidence against
//! the log that anybody can check: they are kept for ever.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use crate::ct::merkle::{MAX_PROOF, NodeHash, verify_consistency};
use crate::ct::sct::LogId;
use crate::ct::tree_head::{SignedHead, decode_hash};
use crate::time::Timestamp;
use crate::versioned::{Field, Format, from_unreadable};
use crate::x509::signature::SignatureCheck;

/// The version of the JSON that is written.
pub const VERSION: u32 = 1;
/// The largest JSON that is read, in bytes.
pub const MAX_HEADS: usize = 4 << 20;
/// The most logs that are remembered. All that ever were listed are fewer than 320.
pub const MAX_LOGS: usize = 512;
/// The most heads of a log that wait to be linked, and the most contradictions: one is enough, and
/// none is ever pushed out.
pub const MAX_OF_A_LOG: usize = 4;

const FORMAT: Format =
    Format { field: Field::Version, kind: None, newest: VERSION, max_bytes: MAX_HEADS };

/// What was kept cannot be read. It is never the same as nothing: whoever holds it keeps it aside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadsError {
    /// Over [`MAX_HEADS`].
    #[error("larger than {MAX_HEADS} bytes: not a memory of heads")]
    TooLarge,
    /// Not JSON of this form, or over its limits.
    #[error("not a memory of heads: {reason}")]
    Malformed {
        /// What the JSON reader objected to.
        reason: String,
    },
    /// From a version that is newer than this one.
    #[error(
        "written by a newer version of Doorlight (version {version}; this one reads {VERSION})"
    )]
    NewerVersion {
        /// The version it names.
        version: u32,
    },
}

from_unreadable!(HeadsError, NewerVersion { version });

impl HeadsError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "heads-too-large",
            Self::Malformed { .. } => "heads-malformed",
            Self::NewerVersion { .. } => "heads-newer-version",
        }
    }
}

/// Two heads that one log signed and that cannot be of one history.
///
/// The first `older.size` entries of the newer tree have another root than the older head says:
/// `proof` leads from that root to the newer head's ([`Contradiction::is_proof`]). For heads of one
/// size the other root is the newer one's and the proof is empty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contradiction {
    /// When it was found.
    pub found_at: Timestamp,
    /// The head of the smaller tree.
    pub older: SignedHead,
    /// The head of the larger tree, or of one as large.
    pub newer: SignedHead,
    #[serde(with = "hash_in_base64")]
    older_root_in_newer: NodeHash,
    #[serde(with = "hashes_in_base64")]
    proof: Vec<NodeHash>,
}

impl Contradiction {
    /// From two heads whose signatures were found good; `None` where it proves nothing.
    pub fn new(
        found_at: Timestamp,
        older: &SignedHead,
        newer: &SignedHead,
        older_root_in_newer: NodeHash,
        proof: Vec<NodeHash>,
    ) -> Option<Self> {
        let one = Self {
            found_at,
            older: older.clone(),
            newer: newer.clone(),
            older_root_in_newer,
            proof,
        };
        one.is_proof().then_some(one)
    }

    /// True where the two heads exclude each other; whether the log signed them,
    /// [`Contradiction::signature_checks`] lets one ask.
    pub fn is_proof(&self) -> bool {
        let (older, newer) = (&self.older.head, &self.newer.head);
        self.older_root_in_newer != older.root
            && verify_consistency(
                (older.size, &self.older_root_in_newer),
                (newer.size, &newer.root),
                &self.proof,
            )
            .is_ok()
    }

    /// What to ask the platform to believe it of the log with this key.
    pub fn signature_checks(&self, log_spki: &[u8]) -> Option<[SignatureCheck; 2]> {
        Some([self.older.signature_check(log_spki)?, self.newer.signature_check(log_spki)?])
    }
}

/// What was seen of one log.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenLog {
    /// The largest head that everything else seen leads to.
    pub newest: Option<SignedHead>,
    /// Heads that no proof has linked to it yet, because the log gave none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlinked: Vec<SignedHead>,
    /// What the log can never explain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<Contradiction>,
}

impl SeenLog {
    /// Every head that a new one has to be consistent with.
    pub fn heads(&self) -> impl Iterator<Item = &SignedHead> {
        self.newest.iter().chain(&self.unlinked)
    }

    /// Notes a head with a good signature that is linked to every one of [`SeenLog::heads`]: they
    /// are superseded.
    pub fn link(&mut self, head: &SignedHead) {
        let largest =
            self.heads().chain([head]).max_by_key(|one| (one.head.size, one.head.timestamp));
        self.newest = largest.cloned();
        self.unlinked.clear();
    }

    /// Notes a head with a good signature that could not be linked: it is asked about again.
    pub fn defer(&mut self, head: &SignedHead) {
        let same =
            |one: &SignedHead| one.head.size == head.head.size && one.head.root == head.head.root;
        if self.newest.is_none() {
            self.newest = Some(head.clone());
        } else if !self.heads().any(same) && self.unlinked.len() < MAX_OF_A_LOG {
            self.unlinked.push(head.clone());
        }
    }

    /// Notes a contradiction, once.
    pub fn accuse(&mut self, contradiction: Contradiction) {
        let same = |one: &Contradiction| {
            one.older.head.size == contradiction.older.head.size
                && one.newer.head.size == contradiction.newer.head.size
        };
        if self.contradictions.len() < MAX_OF_A_LOG && !self.contradictions.iter().any(same) {
            self.contradictions.push(contradiction);
        }
    }

    /// Takes in what another look at the same log remembers. Heads of one size and two roots are a
    /// contradiction at once; others wait for a proof.
    pub fn merge(&mut self, other: &Self, at: Timestamp) {
        for contradiction in &other.contradictions {
            self.accuse(contradiction.clone());
        }
        for head in other.heads() {
            let rival = self
                .heads()
                .find(|one| one.head.size == head.head.size && one.head.root != head.head.root);
            let found = rival
                .and_then(|rival| Contradiction::new(at, rival, head, head.head.root, Vec::new()));
            match found {
                Some(contradiction) => self.accuse(contradiction),
                None => self.defer(head),
            }
        }
    }
}

/// What was seen of all logs.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Heads(BTreeMap<LogId, SeenLog>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    logs: BTreeMap<String, SeenLog>,
}

impl Heads {
    /// What was seen of this log.
    pub fn log(&self, id: &LogId) -> Option<&SeenLog> {
        self.0.get(id)
    }

    /// Everything that was seen.
    pub fn logs(&self) -> impl Iterator<Item = (&LogId, &SeenLog)> {
        self.0.iter()
    }

    /// Puts what an audit remembers of a log in the place of what was remembered before.
    pub(crate) fn put(&mut self, id: LogId, seen: SeenLog) {
        if self.0.contains_key(&id) || self.0.len() < MAX_LOGS {
            self.0.insert(id, seen);
        }
    }

    /// Takes in another memory of one's own, of an audit that ran at the same time. The signatures
    /// in it were checked by whoever made it: what strangers hand in has no place here.
    pub fn merge(&mut self, other: &Self, at: Timestamp) {
        for (id, seen) in &other.0 {
            let mut own = self.0.get(id).cloned().unwrap_or_default();
            own.merge(seen, at);
            self.put(*id, own);
        }
    }

    /// Reads what [`Heads::to_json`] wrote. The proofs of contradictions are checked again;
    /// signatures are a question to the platform.
    ///
    /// # Errors
    /// [`HeadsError`].
    pub fn from_json(json: &[u8]) -> Result<Self, HeadsError> {
        let malformed = |reason: &str| HeadsError::Malformed { reason: reason.into() };
        let kept: Kept = FORMAT.read(json)?;
        if kept.logs.len() > MAX_LOGS {
            return Err(malformed("too many logs"));
        }
        let mut heads = Self::default();
        for (id, seen) in kept.logs {
            let id = decode_hash(&id).map_err(|_| malformed("a log's ID is no hash"))?;
            let is_bounded =
                seen.unlinked.len() <= MAX_OF_A_LOG && seen.contradictions.len() <= MAX_OF_A_LOG;
            if !is_bounded || !seen.contradictions.iter().all(Contradiction::is_proof) {
                return Err(malformed(
                    "more of a log than is kept, or an accusation without proof",
                ));
            }
            heads.0.insert(id, seen);
        }
        Ok(heads)
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        let logs =
            self.0.iter().map(|(id, seen)| (Base64::encode_string(id), seen.clone())).collect();
        // Serialising plain structs with text keys to a string does not fail.
        serde_json::to_string(&Kept { version: VERSION, logs }).unwrap_or_default()
    }
}

mod hash_in_base64 {
    use super::{Base64, Encoding, NodeHash, decode_hash};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        hash: &NodeHash,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NodeHash, D::Error> {
        decode_hash(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

mod hashes_in_base64 {
    use super::{Base64, Encoding, MAX_PROOF, NodeHash, decode_hash};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        hashes: &[NodeHash],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(|hash| Base64::encode_string(hash)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<NodeHash>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        if texts.len() > MAX_PROOF {
            return Err(D::Error::custom("a proof of too many nodes"));
        }
        texts.iter().map(|text| decode_hash(text).map_err(D::Error::custom)).collect()
    }
}
