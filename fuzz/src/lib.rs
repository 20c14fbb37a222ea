//! What the targets have in common.

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use doorlight::x509::certificate::Certificate;
use doorlight::ct::log_list::LogLists;
use doorlight::x509::roots::Roots;
use doorlight::text::printable;

/// The shipped lists of logs.
pub static LOG_LISTS: LazyLock<LogLists> =
    LazyLock::new(|| LogLists::shipped().expect("the shipped list is whole"));

/// Mozilla's programme.
pub static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::mozilla);

/// A certificate that is always the same: `CN=home.example`, P-256, by nobody.
pub static HOME: LazyLock<Certificate> = LazyLock::new(|| {
    Certificate::from_der(include_bytes!("../seeds/home.der")).expect("it was made by a CA's tool")
});

/// An RSA key (SubjectPublicKeyInfo): the one that signs the list of logs.
pub static RSA_SPKI: LazyLock<Vec<u8>> = LazyLock::new(|| {
    Base64::decode_vec(include_str!("../../data/google_log_list_key.txt").trim()).expect("it is base64")
});

/// Text that is made for a terminal: every character but the end of a line has to show as itself.
#[track_caller]
pub fn assert_safe_to_show(text: &str) {
    for c in text.chars().filter(|c| *c != '\n' && !(' '..='~').contains(c)) {
        assert_eq!(printable(c.encode_utf8(&mut [0; 4])), c.to_string(), "{c:?} in a text for people");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed that is refused at the door leads nowhere: they have to follow the formats.
    #[test]
    fn seeds_are_read() {
        use doorlight::ct::{checkpoint, heads, log_list, rfc6962, sct};
        use doorlight::{chain::Chain, pins::Pins, report::Report};
        type Reader = fn(&[u8]) -> bool;
        let readers: [(&str, Reader); 9] = [
            ("certificate", |bytes| Chain::read(bytes).is_ok()),
            ("sct_list", |bytes| sct::parse_list(bytes).is_ok()),
            ("log_list", |bytes| {
                log_list::LogList::parse(bytes, log_list::Provenance::Unsigned)
                    .is_ok_and(|list| list.skipped == 0)
            }),
            ("pins", |bytes| Pins::from_json(bytes).is_ok()),
            ("report", |bytes| Report::from_json(bytes).is_ok()),
            ("checkpoint", |bytes| checkpoint::parse(bytes, "log.example/a", &[9; 32]).is_ok()),
            ("tile", |bytes| bytes.len() == 4 + 32 + 3 * 32),
            ("conversation", |bytes| {
                use doorlight::home_assistant::conversation::{Conversation, ConversationError, Step};
                let Some((first, rest)) = bytes.split_first() else { return false };
                let token = (first & 1 == 1).then(|| "a.b.c".parse().unwrap());
                let mut conversation = Conversation::new(token);
                let last =
                    core::str::from_utf8(rest).unwrap().split('\n').map(|one| conversation.hear(one)).last();
                matches!(last, Some(Ok(Step::Done(_)) | Err(ConversationError::TokenRefused { .. })))
            }),
            ("rfc6962", |bytes| {
                rfc6962::parse_sth(bytes).is_ok()
                    || rfc6962::parse_proof(bytes).is_ok()
                    || rfc6962::parse_consistency(bytes).is_ok()
                    || rfc6962::parse_entry(bytes).is_ok()
                    || heads::Heads::from_json(bytes).is_ok()
            }),
        ];
        for (target, is_read) in readers {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
            for seed in std::fs::read_dir(folder).unwrap() {
                let path = seed.unwrap().path();
                assert!(is_read(&std::fs::read(&path).unwrap()), "{}", path.display());
            }
        }
    }
}
