//! Whatever a person hands in: PEM in any dress, DER, PKCS#7.
#![no_main]

use base64ct::{Base64, Encoding};
use doorlight::x509::bundle::{is_meant, split};
use doorlight::x509::certificate::{MAX_CERTIFICATE, MAX_CERTIFICATES};
use doorlight_fuzz::assert_safe_to_show;
use libfuzzer_sys::fuzz_target;

/// PEM as it should be.
fn pem(ders: &[Vec<u8>]) -> String {
    let block = |der: &Vec<u8>| {
        let body = Base64::encode_string(der);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    };
    ders.iter().map(block).collect()
}

fuzz_target!(|data: &[u8]| {
    let found = match split(data) {
        Ok(found) => found,
        Err(error) => {
            assert!(!error.code().is_empty());
            assert_safe_to_show(&error.to_string());
            return;
        }
    };
    assert!(!found.is_empty() && found.len() <= MAX_CERTIFICATES);
    assert!(found.iter().all(|der| der.len() <= MAX_CERTIFICATE));
    // No certificate is shorter than that.
    assert!(is_meant(data) || found[0].len() < 130);
    // The same, in the plainest dress, indented, and in UTF-16.
    let plain = pem(&found);
    assert_eq!(split(plain.as_bytes()).as_ref(), Ok(&found));
    let indented: String = plain.lines().map(|line| format!("    {line}\r\n")).collect();
    assert_eq!(split(indented.as_bytes()).as_ref(), Ok(&found));
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(split(&utf16).as_ref(), Ok(&found));
    // One more at its end is found, and hides none. DER that is too short for a certificate is left
    // out: it may be valid UTF-8.
    let is_text = core::str::from_utf8(data).is_ok() && !data.contains(&0);
    let one_more = [data, b"\n", pem(&found[..1]).as_bytes()].concat();
    if let (true, Ok(more)) = (is_text && is_meant(data), split(&one_more)) {
        assert_eq!(more.len(), found.len() + 1);
    }
});
