//! Merkle trees of logs: hashing, and what proves that an entry is in a tree or that one tree began
//! as another.
//!
//! Hashing is RFC 6962 section 2.1; the proofs are checked by the algorithms of RFC 9162 sections
//! 2.1.3.2 and 2.1.4.2, which accept the proofs of RFC 6962 sections 2.1.1 and 2.1.2. A proof is
//! accepted in one form only: exactly as many nodes as the two numbers call for.
//!
//! **The empty tree.** Its root is defined ([`EMPTY_ROOT`], RFC 6962 section 2.1). Two conventions
//! exist for consistency *from* it: "whatever follows an empty tree is consistent with it" (Go's
//! `tlog`, C2SP's tools), and "the proof is undefined" (RFC 6962 section 2.1.2 asks for `0 < m`;
//! transparency-dev's vectors). Here [`verify_consistency`] follows the second: it proves nothing,
//! so it is an error, also between two empty trees. That an empty head came before is no objection
//! to any later one; whoever keeps heads says so without a proof.

use sha2::{Digest, Sha256};

/// SHA-256 of a leaf or of an inner node.
pub type NodeHash = [u8; 32];

/// The root of the tree without leaves: SHA-256 of nothing.
pub const EMPTY_ROOT: NodeHash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The most nodes that any proof over sizes of 64 bits has: the path to a leaf and the node it
/// starts from.
pub const MAX_PROOF: usize = 65;

/// The proof does not prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// There is no such leaf in a tree of this size.
    #[error("the tree has {size} entries, none of them number {index}")]
    OutOfRange {
        /// The leaf.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A tree cannot begin as a larger one.
    #[error("a tree of {new} entries cannot follow one of {old}")]
    Shrinks {
        /// The size before.
        old: u64,
        /// The size after.
        new: u64,
    },
    /// From the empty tree nothing can be proven; see the top of the module.
    #[error("nothing can be proven from the empty tree")]
    FromEmpty,
    /// More or fewer nodes than the sizes call for.
    #[error("a proof of {found} nodes where the sizes call for another number")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// The proof leads to another root than the head's.
    #[error("the proof leads to another root")]
    Root,
    /// The proof leads to the new root, and says that the tree before had another root than was
    /// signed. See [`verify_consistency`].
    #[error("the proof leads to the new root, but from another old one")]
    OldRoot,
}

impl ProofError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "proof-out-of-range",
            Self::Shrinks { .. } => "proof-shrinks",
            Self::FromEmpty => "proof-from-empty",
            Self::Length { .. } => "proof-length",
            Self::Root => "proof-root",
            Self::OldRoot => "proof-old-root",
        }
    }
}

/// The hash of a leaf: SHA-256(0x00 ‖ leaf).
pub fn leaf_hash(leaf: &[u8]) -> NodeHash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &NodeHash, right: &NodeHash) -> NodeHash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Checks that `leaf` is number `index` of the tree of `size` entries with `root` (RFC 9162 section
/// 2.1.3.2).
///
/// # Errors
/// [`ProofError`].
pub fn verify_inclusion(
    leaf: &NodeHash,
    index: u64,
    size: u64,
    proof: &[NodeHash],
    root: &NodeHash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { index, size });
    }
    let wrong_length = ProofError::Length { found: proof.len() };
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for node in proof {
        if last == 0 {
            return Err(wrong_length);
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(node, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, node);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `new` entries begins with the tree of `old` entries (RFC 9162 section
/// 2.1.4.2).
///
/// **What a failure shows.** [`ProofError::OldRoot`] means that the nodes lead to the new root, so
/// (short of a collision of SHA-256) they are that tree's own, and that the same nodes make another
/// root for the first `old` entries than `old_root`. Where both roots are signed, the two
/// signatures and the proof are evidence that anybody can check: the log has two histories. Every
/// other error only says that what was handed over is no proof. Where `old` is a power of two the
/// old root is itself a node of the proof, so that the two cannot be told apart and the error is
/// [`ProofError::Root`].
///
/// # Errors
/// [`ProofError`].
pub fn verify_consistency(
    (old, old_root): (u64, &NodeHash),
    (new, new_root): (u64, &NodeHash),
    proof: &[NodeHash],
) -> Result<(), ProofError> {
    if old == new && old > 0 {
        return match (proof.is_empty(), old_root == new_root) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
            (false, _) => Err(ProofError::Length { found: proof.len() }),
        };
    }
    let (made_old, made_new) = consistency_roots((old, old_root), new, proof)?;
    if made_new != *new_root {
        Err(ProofError::Root)
    } else if made_old != *old_root {
        Err(ProofError::OldRoot)
    } else {
        Ok(())
    }
}

/// The old and the new root that the nodes of a consistency proof make. Where `old` is a power of
/// two, the old one is what was put in.
///
/// # Errors
/// [`ProofError`], for sizes without a proof and for a wrong number of nodes.
pub fn consistency_roots(
    (old, old_root): (u64, &NodeHash),
    new: u64,
    proof: &[NodeHash],
) -> Result<(NodeHash, NodeHash), ProofError> {
    let wrong_length = ProofError::Length { found: proof.len() };
    if old >= new {
        return Err(if old == 0 {
            ProofError::FromEmpty
        } else {
            ProofError::Shrinks { old, new }
        });
    }
    if old == 0 {
        return Err(ProofError::FromEmpty);
    }
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(wrong_length)?
    };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for node in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if place & 1 == 1 || place == last {
            old_hash = node_hash(node, &old_hash);
            new_hash = node_hash(node, &new_hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, node);
        }
        place >>= 1;
        last >>= 1;
    }
    if last == 0 { Ok((old_hash, new_hash)) } else { Err(wrong_length) }
}

/// A complete subtree: the 2^`level` leaves from `index` · 2^`level` on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subtree {
    /// 0 for a leaf.
    pub level: u32,
    /// Its place among those of its level, from 0.
    pub index: u64,
}

/// A run of leaves whose hash is one node of a proof, as the complete subtrees that it consists of,
/// the largest first.
pub type Span = Vec<Subtree>;

/// The complete subtrees of the leaves from `begin` up to `end`, where `begin` is a multiple of the
/// largest of them.
fn span(mut begin: u64, end: u64) -> Span {
    let mut span = Vec::new();
    while let Some(length) = end.checked_sub(begin).filter(|length| *length > 0) {
        let level = length.ilog2();
        span.push(Subtree { level, index: begin >> level });
        begin += 1 << level;
    }
    span
}

/// The subtrees of which a whole tree of `size` entries consists; none for the empty tree.
pub fn peaks(size: u64) -> Span {
    span(0, size)
}

/// The hash of a span from the hashes of its subtrees: folded from the right, as MTH of RFC 6962
/// section 2.1 splits. `None` without any.
pub fn fold(hashes: &[NodeHash]) -> Option<NodeHash> {
    let (last, others) = hashes.split_last()?;
    Some(others.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// The nodes of the inclusion proof (PATH of RFC 6962 section 2.1.1), in the order of the proof;
/// none for a leaf that is not in the tree.
pub fn inclusion_spans(index: u64, size: u64) -> Vec<Span> {
    if index >= size {
        return Vec::new();
    }
    let mut spans = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + largest_power_below(end - begin);
        if index < middle {
            spans.push(span(middle, end));
            end = middle;
        } else {
            spans.push(span(begin, middle));
            begin = middle;
        }
    }
    spans.reverse();
    spans
}

/// The nodes of the consistency proof (PROOF of RFC 6962 section 2.1.2), in the order of the proof;
/// none where `old` is 0 or not smaller.
pub fn consistency_spans(old: u64, new: u64) -> Vec<Span> {
    if old == 0 || old >= new {
        return Vec::new();
    }
    let mut spans = Vec::new();
    let (mut begin, mut end) = (0, new);
    // The subtree from `begin` on ends where the old tree does once `end` is `old`.
    while end != old {
        let middle = begin + largest_power_below(end - begin);
        if old <= middle {
            spans.push(span(middle, end));
            end = middle;
        } else {
            spans.push(span(begin, middle));
            begin = middle;
        }
    }
    if begin != 0 {
        spans.push(span(begin, end));
    }
    spans.reverse();
    spans
}

/// The largest power of two smaller than `length`, which is at least 2.
fn largest_power_below(length: u64) -> u64 {
    1 << length.saturating_sub(1).max(1).ilog2()
}
