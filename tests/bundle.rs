//! Whatever people hand in: exactly the certificates that are in it, or an error that names the
//! block. None is ever passed over.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use doorlight::x509::bundle::{is_meant, split};
use doorlight::x509::certificate::ReadError;
use doorlight::x509::chain::Chain;
use doorlight_lab::scenario::Lab;
use proptest::prelude::*;
use time::OffsetDateTime;

/// Two leaves and two authorities.
static DERS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let lab = Lab::new(OffsetDateTime::now_utc());
    let chain =
        |name: &str| lab.scenarios().into_iter().find(|one| one.name == name).unwrap().chain;
    let (good, other) = (chain("good"), chain("A5"));
    vec![good[0].clone(), other[0].clone(), good[1].clone(), lab.roots()[0].clone()]
});

fn block(der: &[u8], label: &str, width: usize) -> String {
    let base64 = Base64::encode_string(der);
    let lines: Vec<_> =
        base64.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn plain(der: &[u8]) -> String {
    block(der, "CERTIFICATE", 64)
}

fn lines_with(prefix: &str, text: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}\n")).collect()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2], has_mark: bool) -> Vec<u8> {
    let mark = has_mark.then_some(0xfeff);
    mark.into_iter().chain(text.encode_utf16()).flat_map(unit).collect()
}

/// `content` in DER under a tag.
fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header: &[u8] = match (high, low) {
        (0, ..=127) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [header, content].concat()
}

fn pkcs7(ders: &[Vec<u8>]) -> Vec<u8> {
    const SIGNED_DATA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    const DATA: [u8; 13] = [0x30, 11, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let parts = [&[2, 1, 1, 0x31, 0][..], &DATA, &wrap(0xa0, &ders.concat()), &[0x31, 0]];
    wrap(0x30, &[&SIGNED_DATA[..], &wrap(0xa0, &wrap(0x30, &parts.concat()))].concat())
}

/// The first one of a file is the server's own. What hides it in front of another must not work.
#[test]
fn no_block_is_passed_over() {
    let [theirs, mine] = [&DERS[1], &DERS[0]];
    let both = [theirs.clone(), mine.clone()];
    let (first, second) = (plain(theirs), plain(mine));
    let in_a_string = |text: &str| text.replace('\n', "\\n");
    let trusted = [&theirs[..], &[0x30, 0]].concat();
    for (what, text) in [
        ("plain", first.clone() + &second),
        ("indented", format!("Server certificate\n{}{second}", lines_with("    ", &first))),
        (
            "in YAML",
            format!("ssl:\n  certificate: |\n{}", lines_with("    ", &(first.clone() + &second))),
        ),
        ("quoted", lines_with("> ", &first) + &second),
        ("as a comment", lines_with("# ", &first) + &second),
        ("in a difference", lines_with("+", &first) + &second),
        ("prefixed", format!("cert: {first}{second}")),
        ("glued", first.trim_end().to_owned() + &second),
        ("in one line", first.replace('\n', " ") + &second),
        ("with the line ends of Windows", (first.clone() + &second).replace('\n', "\r\n")),
        ("with those of old Macs", (first.clone() + &second).replace('\n', "\r")),
        (
            "in JSON",
            format!("{{\"a\": \"{}\", \"b\": \"{}\"}}", in_a_string(&first), in_a_string(&second)),
        ),
        ("in JSON in JSON", (first.clone() + &second).replace('\n', "\\\\n")),
        (
            "in JSON, slashes escaped",
            (in_a_string(&first) + &in_a_string(&second)).replace('/', "\\/"),
        ),
        (
            "in JSON, signs escaped",
            (in_a_string(&first) + &in_a_string(&second))
                .replace('+', "\\u002b")
                .replace('=', "\\u003D"),
        ),
        (
            "in strings of a program",
            format!(
                "{};\n{second}",
                first
                    .trim_end()
                    .lines()
                    .map(|line| format!("\"{line}\\n\" +\n"))
                    .collect::<String>()
            ),
        ),
        ("trusted", block(&trusted, "TRUSTED CERTIFICATE", 64) + &second),
        (
            "of old tools",
            block(theirs, "X509 CERTIFICATE", 76) + &block(mine, "NEW CERTIFICATE", 64),
        ),
        ("of RFC 7468's other name", block(theirs, "X.509 CERTIFICATE", 64) + &second),
        (
            "behind an attribute certificate",
            block(&[0x30, 0], "ATTRIBUTE CERTIFICATE", 64) + &first + &second,
        ),
        (
            "behind a key",
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,2B\n\nxY8a\n-----END RSA PRIVATE KEY-----\n{first}{second}"
            ),
        ),
        (
            "with what cannot be seen",
            format!("\u{feff}\u{200b}{}\u{200b}{second}", first.replace("BEGIN ", "BEGIN\u{a0}")),
        ),
        ("in a container", block(&pkcs7(&both), "PKCS7", 64)),
    ] {
        assert_eq!(split(text.as_bytes()), Ok(both.to_vec()), "{what}\n{text}");
        assert!(is_meant(text.as_bytes()), "{what}");
        for has_mark in [true, false] {
            assert_eq!(
                split(&utf16(&text, u16::to_le_bytes, has_mark)),
                Ok(both.to_vec()),
                "{what}, UTF-16"
            );
            assert_eq!(
                split(&utf16(&text, u16::to_be_bytes, has_mark)),
                Ok(both.to_vec()),
                "{what}, UTF-16, big-endian"
            );
        }
    }
    for (what, text, number) in [
        ("in small letters", first.to_lowercase() + &second, 1),
        ("its label in small letters", first.replace("CERTIFICATE", "certificate") + &second, 1),
        (
            "with dashes of a word processor",
            first.replace("-----", "\u{2013}\u{2013}-") + &second,
            1,
        ),
        ("with four dashes", first.replace("-----", "----") + &second, 1),
        ("with more in its label", first.replace("CERTIFICATE", "server CERTIFICATE") + &second, 1),
        ("with its first line lost", first.split_once('\n').unwrap().1.to_owned() + &second, 1),
        ("cut off", first[..200].to_owned() + "\n" + &second, 1),
        ("with another end", first.replace("END CERT", "END X509 CERT") + &second, 1),
        ("with a word in it", first.replacen("MII", "M!II", 1) + &second, 1),
        ("the second without its end", first.clone() + &second[..300], 2),
        (
            "the second without its first dashes",
            first.clone() + &second.replacen("-----BEGIN", "--BEGIN", 1),
            2,
        ),
        (
            "trusted, with more behind it",
            block(&[&trusted[..], &[0x30, 0]].concat(), "TRUSTED CERTIFICATE", 64) + &second,
            1,
        ),
    ] {
        assert_eq!(split(text.as_bytes()), Err(ReadError::Pem { number }), "{what}\n{text}");
    }
    // Words about one are none.
    let noise = "Begin certificate renewal -- the CERTIFICATE begins below - BEGIN here\n";
    assert_eq!(split((noise.to_owned() + &first).as_bytes()), Ok(vec![theirs.clone()]));
}

#[test]
fn what_is_no_certificate_is_named_for_what_it_is() {
    let container = pkcs7(&DERS[..2]);
    assert_eq!(split(&container), Ok(DERS[..2].to_vec()));
    let none = split(&pkcs7(&[]));
    assert_eq!(none, Err(ReadError::NoCertificate));
    assert!(matches!(split(&container[..container.len() - 9]), Err(ReadError::Malformed { .. })));
    // PFX: version 3 and a ContentInfo (RFC 7292 section 4).
    assert_eq!(
        split(&wrap(0x30, &[&[2, 1, 3][..], &wrap(0x30, &[0; 200])].concat())),
        Err(ReadError::Pkcs12)
    );
    // RSAPrivateKey, PrivateKeyInfo, ECPrivateKey.
    for second in [[2, 1, 5], [0x30, 1, 0], [4, 1, 5]] {
        let key = wrap(0x30, &[&[2, 1, 0][..], &second, &[0; 150]].concat());
        assert_eq!(split(&key), Err(ReadError::PrivateKey));
    }
    let key = block(&[0x30, 0], "EC PRIVATE KEY", 64);
    assert_eq!(split(key.as_bytes()), Err(ReadError::PrivateKey));
    let authorities = plain(&DERS[2]) + &plain(&DERS[3]);
    assert_eq!(Chain::read(authorities.as_bytes()).unwrap_err(), ReadError::OnlyAuthorities);
    for text in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----",
    ] {
        assert_eq!(split(text.as_bytes()), Err(ReadError::NoCertificate), "{text}");
    }
}

/// What may stand around and between blocks.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("\n".to_owned()),
        Just("subject=CN = home.example.org\nissuer=CN = R3\n".to_owned()),
        Just(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
                .to_owned()
        ),
        Just("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n".to_owned()),
        Just("Bag Attributes\n    friendlyName: home – \u{200b}Zuhause\n".to_owned()),
        "[a-z0-9 :=#.]{0,40}\n",
    ]
}

/// How a block may be written.
fn written(der: Vec<u8>) -> impl Strategy<Value = String> {
    let label = prop_oneof![
        Just("CERTIFICATE"),
        Just("X509 CERTIFICATE"),
        Just("NEW CERTIFICATE"),
        Just("TRUSTED CERTIFICATE")
    ];
    let prefix = prop_oneof![
        Just(""),
        Just("  "),
        Just("> "),
        Just("# "),
        Just("\t"),
        Just("+"),
        Just("// "),
        Just("| ")
    ];
    (label, prefix, prop_oneof![Just(64usize), Just(76), Just(20), Just(4096)], any::<bool>())
        .prop_map(move |(label, prefix, width, is_in_a_string)| {
            let text = block(&der, label, width);
            if is_in_a_string {
                format!("\"pem\": \"{}\",\n", text.replace('\n', "\\n"))
            } else {
                lines_with(prefix, &text)
            }
        })
}

fn mixture() -> impl Strategy<Value = (Vec<Vec<u8>>, String)> {
    let one = (0..4usize).prop_flat_map(|n| (Just(n), noise(), written(DERS[n].clone())));
    (prop::collection::vec(one, 1..6), noise()).prop_map(|(blocks, last)| {
        let ders = blocks.iter().map(|(n, ..)| DERS[*n].clone()).collect();
        let text: String =
            blocks.into_iter().flat_map(|(_, noise, block)| [noise, block]).collect();
        (ders, text + &last)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_mixture_gives_exactly_its_certificates(
        (ders, text) in mixture(),
        ends in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        encoding in 0..4,
    ) {
        let text = text.replace('\n', ends);
        let bytes = match encoding {
            0 => text.into_bytes(),
            1 => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            2 => utf16(&text, u16::to_le_bytes, true),
            _ => utf16(&text, u16::to_be_bytes, true),
        };
        prop_assert_eq!(split(&bytes), Ok(ders));
    }

    /// One sign is lost, doubled or another: never fewer certificates without a word.
    #[test]
    fn what_is_damaged_is_never_passed_over((ders, text) in mixture(), at in any::<prop::sample::Index>(), sign in "[ -~]?") {
        let at = at.index(text.len());
        prop_assume!(text.is_char_boundary(at) && text.is_char_boundary(at + 1));
        let damaged = format!("{}{sign}{}", &text[..at], &text[at + 1..]);
        if let Ok(found) = split(damaged.as_bytes()) {
            prop_assert_eq!(found.len(), ders.len(), "{}", damaged);
        }
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), words in "(-{3,6}(BEGIN|END) [A-Z #.]{0,12}CERTIFICATE-{3,6}|\\\\[nu0-9a-f]{0,6}|[ -~]|\n){0,40}") {
        let _ = split(&bytes);
        let _ = split(words.as_bytes());
    }
}
