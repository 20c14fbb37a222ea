//! Tiles of a small tree, handed over by anybody. The first four bytes are the size of the tree and
//! the place of a leaf, 32 more the signed root, the rest is the tiles, one behind the other.
#![no_main]

use doorlight::ct::merkle::{Subtree, inclusion_spans, verify_inclusion};
use doorlight::ct::tile::{Tiles, needed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(([a, b, c, d], rest)) = data.split_first_chunk::<4>() else { return };
    let Some((root, mut rest)) = rest.split_first_chunk::<32>() else { return };
    let size = u64::from(u16::from_be_bytes([*a, *b]));
    let index = u64::from(u16::from_be_bytes([*c, *d]));
    let mut spans = inclusion_spans(index, size);
    spans.push(vec![Subtree { level: 0, index }]);
    let mut tiles = Tiles::default();
    for tile in needed(&spans, size) {
        let (bytes, left) = rest.split_at(rest.len().min(usize::from(tile.width) * 32));
        rest = left;
        if let Err(error) = tiles.insert(tile, bytes) {
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
        }
    }
    // Whatever is believed proves the leaf.
    if let Ok(tree) = tiles.authenticate(size, root) {
        match tree.proof(&spans) {
            Some(mut proof) => {
                let leaf = proof.pop().expect("the leaf was asked for last");
                assert_eq!(verify_inclusion(&leaf, index, size, &proof, root), Ok(()));
            }
            None => assert!(index >= size),
        }
    }
});
