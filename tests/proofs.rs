//! Merkle proofs, checkpoints and tiles: against vectors and real logs where they lie beside the
//! project, against tlog_tiles and signed_note (Cloudflare's, written for their own logs) over
//! made-up trees.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test that fails panics"
)]

use std::collections::BTreeMap;
use std::path::Path;

use base64ct::{Base64, Encoding};
use doorlight::ct::checkpoint::{self, CheckpointError};
use doorlight::ct::merkle::{
    EMPTY_ROOT, NodeHash, ProofError, consistency_spans, fold, inclusion_spans, leaf_hash,
    node_hash, peaks, verify_consistency, verify_inclusion,
};
use doorlight::ct::tile::{Tile, Tiles, Tree, needed};
use doorlight::ct::tree_head::SignedHead;
use doorlight::x509::signature::SignatureCheck;
use proptest::prelude::*;
use serde_json::Value;
use tlog_tiles::tlog::{self, HashReader};

mod support;

/// A whole tree in memory: every row of hashes of complete subtrees.
struct Rows(Vec<Vec<NodeHash>>);

impl Rows {
    fn new(leaves: Vec<NodeHash>) -> Self {
        let mut rows = vec![leaves];
        while rows.last().unwrap().len() > 1 {
            let (pairs, _) = rows.last().unwrap().as_chunks::<2>();
            rows.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
        }
        Self(rows)
    }

    fn size(&self) -> u64 {
        self.0[0].len() as u64
    }

    fn root(&self, size: u64) -> NodeHash {
        let hashes: Vec<_> =
            peaks(size).iter().map(|one| self.0[one.level as usize][one.index as usize]).collect();
        fold(&hashes).unwrap_or(EMPTY_ROOT)
    }

    fn tile(&self, tile: Tile) -> Vec<u8> {
        let first = tile.index as usize * 256;
        self.0[tile.level as usize * 8][first..first + usize::from(tile.width)].concat()
    }

    fn read(&self, tiles: impl IntoIterator<Item = Tile>, size: u64) -> Tree {
        let mut read = Tiles::default();
        for tile in tiles {
            read.insert(tile, &self.tile(tile)).unwrap();
        }
        read.authenticate(size, &self.root(size)).unwrap()
    }

    fn prove(&self, index: u64, size: u64) -> Vec<NodeHash> {
        let spans = inclusion_spans(index, size);
        self.read(needed(&spans, size), size).proof(&spans).unwrap()
    }

    fn prove_growth(&self, old: u64, size: u64) -> Vec<NodeHash> {
        let spans = consistency_spans(old, size);
        self.read(needed(&spans, size), size).proof(&spans).unwrap()
    }
}

fn numbered(count: u64) -> Rows {
    Rows::new((0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect())
}

fn json_files(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            json_files(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            out.push(path);
        }
    }
}

/// Whatever is no hash of 32 bytes cannot even be asked about: that is a refusal too.
fn hash(value: &Value) -> Option<NodeHash> {
    Base64::decode_vec(value.as_str()?).ok()?.try_into().ok()
}

fn hashes(value: &Value) -> Option<Vec<NodeHash>> {
    value.as_array().map_or(Some(Vec::new()), |nodes| nodes.iter().map(hash).collect())
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn the_vectors_agree() {
    let folder = support::corpora("merkle");
    for (kind, expected) in [("inclusion", 98), ("consistency", 98)] {
        let mut files = Vec::new();
        json_files(&folder.join(kind), &mut files);
        let mut by_form = 0;
        for file in &files {
            let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let number = |name: &str| case[name].as_u64().unwrap();
            let accepted = if kind == "inclusion" {
                let parts = (hash(&case["leafHash"]), hashes(&case["proof"]), hash(&case["root"]));
                let (Some(leaf), Some(proof), Some(root)) = parts else {
                    by_form += 1;
                    assert_eq!(case["wantErr"], true, "{}", file.display());
                    continue;
                };
                verify_inclusion(&leaf, number("leafIdx"), number("treeSize"), &proof, &root)
                    .is_ok()
            } else {
                // Some roots of the vectors are not hashes, with equal sizes: there they are only
                // compared.
                let parts = (hash(&case["root1"]), hash(&case["root2"]), hashes(&case["proof"]));
                let (Some(old), Some(new), Some(proof)) = parts else {
                    by_form += 1;
                    let pad = |value: &Value| {
                        let mut bytes = Base64::decode_vec(value.as_str().unwrap()).unwrap();
                        bytes.resize(32, 0);
                        NodeHash::try_from(bytes).ok()
                    };
                    let Some(proof) = hashes(&case["proof"]) else {
                        assert_eq!(case["wantErr"], true, "{}", file.display());
                        continue;
                    };
                    let (old, new) = (pad(&case["root1"]), pad(&case["root2"]));
                    if let (Some(old), Some(new)) = (old, new) {
                        let ok = verify_consistency(
                            (number("size1"), &old),
                            (number("size2"), &new),
                            &proof,
                        )
                        .is_ok();
                        assert_eq!(ok, case["wantErr"] == false, "{}", file.display());
                    }
                    continue;
                };
                verify_consistency((number("size1"), &old), (number("size2"), &new), &proof).is_ok()
            };
            assert_eq!(accepted, case["wantErr"] == false, "{}", file.display());
        }
        assert_eq!(files.len(), expected);
        println!(
            "{kind}: {} vectors agree, {by_form} of them with a field that is no hash",
            files.len()
        );
    }
}

/// Reads the leaves of a data tile (static-ct-api, "Log Entries"), as their hashes.
fn leaf_hashes(mut tile: &[u8]) -> Vec<NodeHash> {
    fn take<'a>(tile: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (head, rest) = tile.split_at(count);
        *tile = rest;
        head
    }
    fn vector<'a>(tile: &mut &'a [u8], prefix: usize) -> &'a [u8] {
        let mut peek = *tile;
        let length =
            take(&mut peek, prefix).iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        take(tile, prefix + length)
    }
    let mut out = Vec::new();
    while !tile.is_empty() {
        let mut leaf = vec![0, 0];
        leaf.extend_from_slice(take(&mut tile, 8));
        let kind = take(&mut tile, 2);
        leaf.extend_from_slice(kind);
        if kind == [0, 1] {
            leaf.extend_from_slice(take(&mut tile, 32));
        }
        leaf.extend_from_slice(vector(&mut tile, 3));
        leaf.extend_from_slice(vector(&mut tile, 2));
        if kind == [0, 1] {
            vector(&mut tile, 3);
        }
        vector(&mut tile, 2);
        out.push(leaf_hash(&leaf));
    }
    out
}

fn prove_every_leaf(rows: &Rows) {
    let (size, root) = (rows.size(), rows.root(rows.size()));
    for index in 0..size {
        let leaf = rows.0[0][index as usize];
        let mut proof = rows.prove(index, size);
        assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
        for node in 0..proof.len() {
            let bit = (index as usize * 7 + node) % 256;
            proof[node][bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Err(ProofError::Root));
            proof[node][bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn real_tiles_prove_every_leaf() {
    let folder = support::corpora("tiles");
    // A staging log's tiles, without a checkpoint: the hashes of its entries are those in its
    // tiles, and make a root.
    let log = folder.join("navigli2025h2/tile");
    let tiles = ["000", "001", "002", "003.p/10"];
    let mut leaves = Vec::new();
    for tile in tiles {
        let data = leaf_hashes(&std::fs::read(log.join("data").join(tile)).unwrap());
        assert_eq!(std::fs::read(log.join("0").join(tile)).unwrap(), data.concat(), "{tile}");
        leaves.extend(data);
    }
    // The last tile, full: what the log served once it had grown.
    let full = std::fs::read(log.join("0/003")).unwrap();
    let grown: Vec<NodeHash> =
        leaves.iter().copied().chain(full.as_chunks().0.iter().skip(10).copied()).collect();
    for rows in [Rows::new(leaves), Rows::new(grown)] {
        println!("navigli2025h2: {} leaves", rows.size());
        prove_every_leaf(&rows);
    }
}

/// Its tiles are placeholders ("fake full data tile"), so that its leaves cannot be proven; its
/// checkpoint is real.
#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn the_example_log_verifies() {
    let folder = support::corpora("tiles");
    let log = folder.join("example-log");
    let about: Value =
        serde_json::from_slice(&std::fs::read(log.join("log.v3.json")).unwrap()).unwrap();
    let id = hash(&about["log_id"]).unwrap();
    let note = std::fs::read(log.join("checkpoint")).unwrap();
    let signed = checkpoint::parse(&note, "rome2026h1.example.org", &id).unwrap();
    let key = Base64::decode_vec(about["key"].as_str().unwrap()).unwrap();
    assert!(signed.signature_check(&key).unwrap().verify_natively());
    let last = &about["final_tree_head"];
    assert_eq!(
        (Some(signed.head.size), Some(signed.head.root)),
        (last["tree_size"].as_u64(), hash(&last["sha256_root_hash"]))
    );
    for tile in needed(&inclusion_spans(299, 300), 300) {
        let bytes = std::fs::read(log.join(tile.to_string())).unwrap();
        assert!(Tiles::default().insert(tile, &bytes).is_err(), "{tile} is a placeholder");
    }
    every_bit_of_a_note_counts(&note, "rome2026h1.example.org", &id, &key);
}

/// A flipped bit is refused, or stands in a signature of somebody else: then the head is the same.
fn every_bit_of_a_note_counts(note: &[u8], origin: &str, id: &[u8; 32], key: &[u8]) {
    let genuine = checkpoint::parse(note, origin, id).unwrap();
    let mut refused = 0;
    for bit in 0..note.len() * 8 {
        let mut bad = note.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        let signed: Option<SignedHead> = checkpoint::parse(&bad, origin, id).ok();
        let good = signed.as_ref().filter(|signed| {
            signed.signature_check(key).as_ref().is_some_and(SignatureCheck::verify_natively)
        });
        match good {
            Some(good) => assert_eq!(*good, genuine, "bit {bit}"),
            None => refused += 1,
        }
    }
    println!(
        "{origin}: {refused} of {} flipped bits are refused, the others are in foreign signatures",
        note.len() * 8
    );
    assert!(refused > 1000);
}

#[test]
#[ignore = "needs the corpora: DOORLIGHT_CORPORA names their folder"]
fn real_checkpoints_verify() {
    let (folder, lists) = (support::corpora("checkpoints"), support::corpora("log-lists"));
    let keys: Value =
        serde_json::from_slice(&std::fs::read(lists.join("all_known_keys.json")).unwrap()).unwrap();
    let mut verified = 0;
    for file in support::files(&folder, ".checkpoint") {
        let note = std::fs::read(&file).unwrap();
        let origin = String::from_utf8(note.clone()).unwrap().lines().next().unwrap().to_owned();
        let mut found = false;
        for entry in keys.as_array().unwrap() {
            let Some(id) = hash(&entry["log_id"]) else { continue };
            let Ok(signed) = checkpoint::parse(&note, &origin, &id) else { continue };
            let key = Base64::decode_vec(entry["key"].as_str().unwrap()).unwrap();
            assert!(signed.signature_check(&key).unwrap().verify_natively(), "{}", file.display());
            every_bit_of_a_note_counts(&note, &origin, &id, &key);
            assert_eq!(
                checkpoint::parse(&note, "other.example", &id),
                Err(CheckpointError::Origin)
            );
            assert_eq!(
                checkpoint::parse(&note, &origin, &[7; 32]),
                Err(CheckpointError::NotSigned)
            );
            found = true;
            verified += 1;
        }
        if !found {
            println!("{}: its log's key is not in the list", file.display());
        }
    }
    println!("checkpoints: {verified} verified");
    assert!(verified > 0);
}

/// tlog_tiles' own storage over our rows.
struct Stored<'a>(&'a Rows);

impl HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let at = |index: &u64| {
            let (level, n) = tlog::split_stored_hash_index(*index);
            tlog::Hash(self.0.0[usize::from(level)][n as usize])
        };
        Ok(indexes.iter().map(at).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The same roots, proofs and refusals as tlog_tiles.
    #[test]
    fn proofs_are_those_of_tlog_tiles(count in 1_u64..1500, a in any::<u64>(), b in any::<u64>(), bit in any::<u32>()) {
        let rows = numbered(count);
        let (index, old) = (a % count, b % count + 1);
        let root = rows.root(count);
        prop_assert_eq!(tlog::tree_hash(count, &Stored(&rows)).unwrap().0, root);

        let leaf = rows.0[0][index as usize];
        let mut proof = rows.prove(index, count);
        let theirs: Vec<_> =
            tlog::prove_record(count, index, &Stored(&rows)).unwrap().iter().map(|hash| hash.0).collect();
        prop_assert_eq!(&proof, &theirs);
        prop_assert_eq!(verify_inclusion(&leaf, index, count, &proof, &root), Ok(()));
        if !proof.is_empty() {
            let node = bit as usize % proof.len();
            proof[node][bit as usize / 8 % 32] ^= 1 << (bit % 8);
            prop_assert!(verify_inclusion(&leaf, index, count, &proof, &root).is_err());
            proof.push([0; 32]);
            prop_assert!(verify_inclusion(&leaf, index, count, &proof, &root).is_err());
        }

        let mut growth = rows.prove_growth(old, count);
        let before = rows.root(old);
        let theirs = tlog::prove_tree(count, old, &Stored(&rows)).unwrap();
        // Theirs repeats the old root where the sizes are equal or a power of two apart; ours is
        // RFC 6962's.
        let theirs: Vec<_> = theirs.iter().map(|hash| hash.0).collect();
        if old < count {
            prop_assert_eq!(&growth, &theirs);
        }
        prop_assert_eq!(verify_consistency((old, &before), (count, &root), &growth), Ok(()));
        let mut other = before;
        other[bit as usize / 8 % 32] ^= 1 << (bit % 8);
        let refused = verify_consistency((old, &other), (count, &root), &growth);
        let proves_a_fork = old < count && !old.is_power_of_two();
        prop_assert_eq!(refused, Err(if proves_a_fork { ProofError::OldRoot } else { ProofError::Root }));
        if !growth.is_empty() {
            let node = bit as usize % growth.len();
            growth[node][bit as usize / 8 % 32] ^= 1 << (bit % 8);
            prop_assert!(verify_consistency((old, &before), (count, &root), &growth) == Err(ProofError::Root));
        }
    }

    /// Paths of tiles are those of tlog_tiles, also far out.
    #[test]
    fn paths_are_those_of_tlog_tiles(level in 0_u32..6, index in 0_u64..1 << 40, width in 1_u16..=256) {
        let theirs = tlog_tiles::tile::Tile::new(8, level as u8, index, width.into(), false).path();
        // Theirs names the height first, as Go's does: tile/8/…
        prop_assert_eq!(theirs.replacen("tile/8/", "tile/", 1), Tile { level, index, width }.to_string());
    }

    /// A flipped bit in any tile is refused, and so is any other root.
    #[test]
    fn a_flipped_bit_in_a_tile_is_refused(count in 1_u64..3000, a in any::<u64>(), which in any::<usize>(), bit in any::<usize>()) {
        let rows = numbered(count);
        let spans = inclusion_spans(a % count, count);
        let tiles: Vec<_> = needed(&spans, count).into_iter().collect();
        let mut read = Tiles::default();
        for (n, tile) in tiles.iter().enumerate() {
            let mut bytes = rows.tile(*tile);
            if n == which % tiles.len() {
                let bit = bit % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            read.insert(*tile, &bytes).unwrap();
        }
        prop_assert!(read.authenticate(count, &rows.root(count)).is_err());
    }

    /// What is parsed as a checkpoint is one for signed_note and tlog_tiles too.
    #[test]
    fn checkpoints_are_read_as_by_signed_note(size in any::<u64>(), root in any::<[u8; 32]>(), time in 0_u64..1 << 46, at in any::<usize>(), byte in any::<u8>()) {
        let id = [9; 32];
        let mut signature = checkpoint::key_id("log.example/a", &id).to_vec();
        signature.extend(time.to_be_bytes());
        signature.extend([4, 3, 0, 3, 1, 2, 3]);
        let text = format!("log.example/a\n{size}\n{}\n", Base64::encode_string(&root));
        let mut note = format!("{text}\n\u{2014} grease.invalid AAAAAAA=\n\u{2014} log.example/a {}\n", Base64::encode_string(&signature)).into_bytes();
        let read = checkpoint::parse(&note, "log.example/a", &id).unwrap();
        prop_assert_eq!((read.head.size, read.head.root, read.head.timestamp.millis()), (size, root, time));
        let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
        prop_assert_eq!((theirs.size(), theirs.hash().0), (size, root));
        prop_assert!(signed_note::Note::from_bytes(&note).is_ok());
        let place = at % note.len();
        note[place] = byte;
        if checkpoint::parse(&note, "log.example/a", &id).is_ok() {
            prop_assert!(signed_note::Note::from_bytes(&note).is_ok(), "{:?}", String::from_utf8_lossy(&note));
        }
    }
}

/// The tiles of a proof grow with the logarithm of the tree.
#[test]
fn tiles_of_a_proof_grow_logarithmically() {
    let mut found = BTreeMap::new();
    for power in [3, 6, 9, 12] {
        let size = 10_u64.pow(power);
        let counts =
            [0, size / 3, size - 1].map(|index| needed(&inclusion_spans(index, size), size).len());
        found.insert(power, counts.into_iter().max().unwrap());
    }
    assert_eq!(found, BTreeMap::from([(3, 3), (6, 5), (9, 6), (12, 8)]));
}
