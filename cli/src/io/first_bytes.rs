//! The first bytes that come from the other end: they tell what is spoken there.

use std::io::Read;

const HTTP: &[u8] = b"HTTP/";

/// As many of them as it takes to know.
#[derive(Debug, Default)]
pub(crate) struct FirstBytes(Vec<u8>);

impl FirstBytes {
    /// Takes note of what came.
    pub(crate) fn note(&mut self, received: &[u8]) {
        let wanted = HTTP.len().saturating_sub(self.0.len());
        self.0.extend(received.iter().take(wanted));
    }

    /// An answer of HTTP (RFC 9112, section 4). Where one may be on its way, it is waited for: at
    /// most five reads.
    pub(crate) fn are_http(&mut self, stream: &mut impl Read) -> bool {
        while !self.0.is_empty() && self.0.len() < HTTP.len() && HTTP.starts_with(&self.0) {
            let mut buffer = [0; HTTP.len()];
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.note(buffer.get(..count).unwrap_or_default()),
            }
        }
        self.0 == HTTP
    }

    /// An alert or a handshake of TLS (RFC 8446, section 5.1).
    pub(crate) fn are_tls(&self) -> bool {
        matches!(self.0.as_slice(), [0x15 | 0x16, 3, ..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_is_told() {
        for (came, comes, http, tls) in [
            ("HTTP/1.1 400", "", true, false),
            ("H", "TTP/1.1", true, false),
            ("HTT", "P", false, false),
            ("SSH-2.0", "", false, false),
            ("", "HTTP/1.1", false, false),
            ("\x15\x03\x01", "", false, true),
            ("\x16\x03", "", false, true),
            ("\x15", "", false, false),
        ] {
            let mut first = FirstBytes::default();
            first.note(came.as_bytes());
            assert_eq!(
                (first.are_http(&mut comes.as_bytes()), first.are_tls()),
                (http, tls),
                "{came:?}"
            );
        }
    }
}
