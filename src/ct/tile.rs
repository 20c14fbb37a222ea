//! Tiles: a log's tree cut into files of 256 hashes (c2sp.org/tlog-tiles, "Merkle Tree").
//!
//! A tile at level L holds the hashes of complete subtrees of 256^L leaves. What stands in a tile
//! is believed only where it leads to a signed root: first the tiles at the right edge make the
//! root, then every full tile makes one hash of the tile above it.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crate::ct::merkle::{EMPTY_ROOT, NodeHash, Span, Subtree, fold, node_hash, peaks};

/// Hashes of a full tile.
pub const WIDTH: u16 = 256;
/// The bytes of a full tile.
pub const MAX_TILE: usize = 256 * 32;
/// The height of a tile in levels of the tree.
const HEIGHT: u32 = 8;

/// One tile of hashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tile {
    /// 0 for the hashes of leaves.
    pub level: u32,
    /// Its place at its level, from 0.
    pub index: u64,
    /// How many hashes it has: 256, or 1 to 255 at the right edge.
    pub width: u16,
}

impl Tile {
    /// The tile that holds `subtree` in a tree of `size` entries, as wide as the tree has it;
    /// `None` where the subtree is not complete there.
    pub fn holding(subtree: Subtree, size: u64) -> Option<Self> {
        let level = subtree.level / HEIGHT;
        let depth = subtree.level % HEIGHT;
        if subtree.index >= size.checked_shr(subtree.level).unwrap_or(0) {
            return None;
        }
        // The subtree is complete, so its leaves are numbers of 64 bits, and all the more these.
        Self::at(level, (subtree.index << depth) / u64::from(WIDTH), size)
    }

    /// The tile at this place in a tree of `size` entries; `None` where there is none.
    fn at(level: u32, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(level.checked_mul(HEIGHT)?).unwrap_or(0);
        let left = hashes.checked_sub(index.checked_mul(u64::from(WIDTH))?)?;
        let width = u16::try_from(left.min(u64::from(WIDTH))).ok()?;
        (width > 0).then_some(Self { level, index, width })
    }

    /// False for a tile at the right edge that is still growing.
    pub fn is_full(&self) -> bool {
        self.width == WIDTH
    }

    /// The full tile at the same place: what a log may serve in the place of a partial one that it
    /// has deleted (tlog-tiles, "Partial Tiles").
    pub fn full(&self) -> Self {
        Self { width: WIDTH, ..*self }
    }

    /// The subtree whose hash is that of the whole (full) tile.
    fn top(&self) -> Subtree {
        Subtree { level: (self.level + 1) * HEIGHT, index: self.index }
    }
}

impl fmt::Display for Tile {
    /// The path below the monitoring prefix: `tile/<L>/<N>[.p/<W>]`, N in groups of three digits,
    /// all but the last with an `x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let mut groups = Vec::new();
        let mut rest = self.index;
        loop {
            groups.push(rest % 1000);
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        let (last, higher) = groups.split_first().unwrap_or((&0, &[]));
        for group in higher.iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{last:03}")?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The tiles do not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Another number of bytes than the tile has.
    #[error("{tile} has {found} bytes")]
    Length {
        /// The tile.
        tile: Tile,
        /// How many bytes came.
        found: usize,
    },
    /// A tile that is needed is not there.
    #[error("a tile is missing")]
    Missing,
    /// The tiles at the right edge do not make the signed root, or the root of the empty tree is
    /// not what it must be.
    #[error("the tiles do not lead to the signed root")]
    Root,
    /// A full tile does not make the hash that stands above it.
    #[error("{tile} is not of this tree")]
    NotOfThisTree {
        /// The tile.
        tile: Tile,
    },
}

impl TileError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "tile-length",
            Self::Missing => "tile-missing",
            Self::Root => "tile-root",
            Self::NotOfThisTree { .. } => "tile-not-of-this-tree",
        }
    }
}

/// The tiles from which the hashes of `spans` can be read and believed, in a tree of `size`
/// entries: those at the right edge, those that hold the spans' subtrees, and those above these.
///
/// For a proof these are at most three a level of 256, so their number grows with the logarithm of
/// `size`.
pub fn needed(spans: &[Span], size: u64) -> BTreeSet<Tile> {
    let edge = peaks(size);
    let mut tiles = BTreeSet::new();
    for subtree in edge.iter().chain(spans.iter().flatten()) {
        let mut next = Tile::holding(*subtree, size);
        while let Some(tile) = next {
            if !tiles.insert(tile) || !tile.is_full() {
                break;
            }
            next = Tile::holding(tile.top(), size);
        }
    }
    tiles
}

/// Tiles of one tree that were read, and not yet believed.
#[derive(Clone, Default, Debug)]
pub struct Tiles(BTreeMap<(u32, u64), Vec<NodeHash>>);

impl Tiles {
    /// Reads a tile. A full tile in the place of a partial one is cut to the width that the tree
    /// has.
    ///
    /// # Errors
    /// [`TileError::Length`].
    pub fn insert(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), TileError> {
        let width = usize::from(tile.width);
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || (hashes.len() != width && hashes.len() != usize::from(WIDTH)) {
            return Err(TileError::Length { tile, found: bytes.len() });
        }
        self.0.insert((tile.level, tile.index), hashes.iter().take(width).copied().collect());
        Ok(())
    }

    /// Believes them, all of them or none: they are the tiles of the tree of `size` entries with
    /// the signed `root`.
    ///
    /// # Errors
    /// [`TileError`]. It says nothing about the log: anybody on the way may have altered a tile.
    pub fn authenticate(self, size: u64, root: &NodeHash) -> Result<Tree, TileError> {
        let tree = Tree { size, tiles: self.0 };
        let made = if size == 0 {
            EMPTY_ROOT
        } else {
            tree.span(&peaks(size)).ok_or(TileError::Missing)?
        };
        if made != *root {
            return Err(TileError::Root);
        }
        for ((level, index), hashes) in &tree.tiles {
            let tile = Tile::at(*level, *index, size).ok_or(TileError::Missing)?;
            if hashes.len() != usize::from(tile.width) {
                return Err(TileError::Length { tile, found: hashes.len() * 32 });
            }
            // A partial tile stands at the right edge: all its hashes went into the root.
            if tile.is_full() {
                let above = tree.hash(tile.top()).ok_or(TileError::Missing)?;
                if complete(hashes) != Some(above) {
                    return Err(TileError::NotOfThisTree { tile });
                }
            }
        }
        Ok(tree)
    }
}

/// Tiles that lead to a signed root.
#[derive(Clone, Debug)]
pub struct Tree {
    size: u64,
    tiles: BTreeMap<(u32, u64), Vec<NodeHash>>,
}

impl Tree {
    /// The hash of a complete subtree; `None` where its tile was not read.
    pub fn hash(&self, subtree: Subtree) -> Option<NodeHash> {
        let tile = Tile::holding(subtree, self.size)?;
        let hashes = self.tiles.get(&(tile.level, tile.index))?;
        let depth = subtree.level % HEIGHT;
        let first = usize::try_from((subtree.index << depth) % u64::from(WIDTH)).ok()?;
        complete(hashes.get(first..)?.get(..1 << depth)?)
    }

    /// The hashes of spans: the proof that they were named for. `None` where a tile was not read.
    pub fn proof(&self, spans: &[Span]) -> Option<Vec<NodeHash>> {
        spans.iter().map(|span| self.span(span)).collect()
    }

    fn span(&self, span: &Span) -> Option<NodeHash> {
        fold(&span.iter().map(|subtree| self.hash(*subtree)).collect::<Option<Vec<_>>>()?)
    }
}

/// The hash of a complete subtree from the hashes of its 1, 2, 4 … 256 parts.
fn complete(hashes: &[NodeHash]) -> Option<NodeHash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let (pairs, odd) = row.as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied()
}
