//! A checkpoint, handed over by anybody.
#![no_main]

use doorlight::ct::checkpoint::{MAX_CHECKPOINT, parse};
use doorlight::ct::tree_head::SignedHead;
use libfuzzer_sys::fuzz_target;

const ID: [u8; 32] = [9; 32];

fuzz_target!(|data: &[u8]| {
    // Its own first line is the origin, so that what is behind the comparison is reached.
    let first = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(origin) = core::str::from_utf8(first) else { return };
    match parse(data, origin, &ID) {
        Ok(signed) => {
            assert!(data.len() <= MAX_CHECKPOINT);
            assert_eq!(SignedHead::new(signed.head, &signed.digitally_signed()).as_ref(), Ok(&signed));
            let kept = serde_json::to_string(&signed).expect("it can be kept");
            assert_eq!(serde_json::from_str::<SignedHead>(&kept).ok(), Some(signed));
            assert!(parse(data, "another.example", &ID).is_err());
        }
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
});
