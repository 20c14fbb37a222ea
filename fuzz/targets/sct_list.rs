//! A SignedCertificateTimestampList, or one SCT: compared with a second reading of the same bytes,
//! ten lines long.
#![no_main]

use doorlight::ct::log_list::SHIPPED;
use doorlight::ct::log_list::{LogList, Provenance};
use doorlight::ct::sct::{MAX_SCTS, Sct, SignedEntry, parse_list};
use doorlight::x509::signature::Algorithm;
use doorlight::time::Timestamp;
use doorlight_fuzz::{HOME, RSA_SPKI};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static EC_SPKI: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let list = LogList::parse(SHIPPED.as_bytes(), Provenance::Shipped).expect("the shipped list is whole");
    list.logs[0].spki.clone()
});

fuzz_target!(|data: &[u8]| {
    if let Ok(sct) = Sct::parse(data) {
        check(&sct, data);
    }
    if let Ok(scts) = parse_list(data) {
        assert!((1..=MAX_SCTS).contains(&scts.len()));
        let parts = split(data).expect("every byte is accounted for");
        assert_eq!(parts.len(), scts.len());
        for (sct, part) in scts.iter().zip(parts) {
            assert_eq!(Sct::parse(part).as_ref(), Ok(sct));
            check(sct, part);
        }
    }
});

/// The list as RFC 6962 section 3.3 writes it.
fn split(list: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = vector(list).filter(|(_, rest)| rest.is_empty())?.0;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (part, after) = vector(rest)?;
        parts.push(part);
        rest = after;
    }
    Some(parts)
}

/// `opaque<0..2^16-1>` and what follows.
fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

fn check(sct: &Sct, bytes: &[u8]) {
    // version v1, log ID, timestamp, extensions, hash, scheme, signature
    assert_eq!(bytes[0], 0);
    assert_eq!(sct.log_id, bytes[1..33]);
    let timestamp = u64::from_be_bytes(bytes[33..41].try_into().unwrap());
    assert_eq!(sct.timestamp, Timestamp::from_millis(timestamp));
    let (extensions, rest) = vector(&bytes[41..]).unwrap();
    let (&[hash, scheme], rest) = rest.split_first_chunk().unwrap();
    let (signature, rest) = vector(rest).unwrap();
    assert!(rest.is_empty());
    assert!(sct.leaf_index.is_none_or(|index| index < 1 << 40));
    assert!(sct.leaf_index.is_none() || extensions.len() >= 8);

    let entries = [
        SignedEntry::Certificate(HOME.der().to_vec()),
        SignedEntry::embedded(&HOME, &EC_SPKI).expect("it was read before"),
    ];
    for entry in &entries {
        for (spki, is_rsa) in [(&*EC_SPKI, false), (&*RSA_SPKI, true)] {
            let Some(check) = sct.signature_check(spki, entry) else { continue };
            assert!((4..=6).contains(&hash), "SHA-256, SHA-384, SHA-512");
            assert_eq!(scheme, if is_rsa { 1 } else { 3 });
            assert_eq!(matches!(check.algorithm, Algorithm::RsaPkcs1(_)), is_rsa);
            assert_eq!(check.spki().as_ref(), Ok(spki));
            assert_eq!(check.signature, signature);
            assert_eq!(check.message[..2], [0, 0]);
            assert_eq!(check.message[2..10], bytes[33..41]);
            assert!(check.message.ends_with(extensions));
            let raw = check.ecdsa_raw_signature();
            assert!(raw.is_none_or(|raw| !is_rsa && raw.len() == 64));
        }
        assert_eq!(sct.signature_check(b"", entry), None);
    }
}
