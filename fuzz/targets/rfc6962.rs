//! Answers of a log of RFC 6962, and what was kept of logs: JSON by anybody.
#![no_main]

use doorlight::ct::heads::Heads;
use doorlight::ct::merkle::{MAX_PROOF, verify_consistency, verify_inclusion};
use doorlight::ct::rfc6962::{parse_consistency, parse_entry, parse_proof, parse_sth};
use doorlight::ct::tree_head::SignedHead;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(signed) = parse_sth(data) {
        assert_eq!(SignedHead::new(signed.head, &signed.digitally_signed()), Ok(signed));
    }
    if let Ok(place) = parse_proof(data) {
        assert!(place.proof.len() <= MAX_PROOF);
        // Nobody finds a proof for these by accident.
        assert!(verify_inclusion(&[1; 32], place.index, u64::MAX, &place.proof, &[2; 32]).is_err());
    }
    if let Ok(proof) = parse_consistency(data) {
        assert!(verify_consistency((6, &[1; 32]), (u64::MAX, &[2; 32]), &proof).is_err());
    }
    let _ = parse_entry(data);
    if let Ok(heads) = Heads::from_json(data) {
        assert_eq!(Heads::from_json(heads.to_json().as_bytes()).as_ref(), Ok(&heads));
        assert!(heads.logs().all(|(_, seen)| seen.contradictions.iter().all(|one| one.is_proof())));
    }
});
