//! The opening of a WebSocket (RFC 6455, section 4.1).
//!
//! tungstenite's own wants the header `Connection` to be the one word `Upgrade`. It is a list (RFC
//! 9110, section 7.6.1), and proxies before homes write `keep-alive, Upgrade`. What is asked is
//! tungstenite's, and so is everything behind the opening.

use std::io::{Error, ErrorKind, Read, Write};

use doorlight::home_assistant::unreached::Unreached;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::generate_request;
use tungstenite::handshake::derive_accept_key;

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// The most headers of an answer.
const MAX_HEADERS: usize = 256;

/// Why no WebSocket came about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] Error),
    /// It ended before an answer was there.
    #[error("it ended the connection without an answer")]
    Ended,
    /// What came is no answer of HTTP.
    #[error("it does not speak HTTP")]
    NotHttp,
    /// HTTP, and not the status that opens a WebSocket.
    #[error("it answered with HTTP status {status}")]
    Status {
        /// Which.
        status: u16,
        /// Where it sends on to.
        location: Option<String>,
    },
    /// The answer does not open a WebSocket, or not the one that was asked for.
    #[error("its answer opens no WebSocket: {0}")]
    NotOpened(&'static str),
}

impl UpgradeError {
    /// What is in the way, as far as the answer tells.
    pub(crate) fn unreached(&self) -> Unreached {
        match self {
            Self::Status { status, location } => Unreached::by_status(*status, location.as_deref()),
            Self::Broken(error) if error.kind() == ErrorKind::TimedOut => {
                Unreached::NoAnswer("no answer in time".into())
            }
            other => Unreached::NoAnswer(other.to_string()),
        }
    }
}

/// Opens a WebSocket over `stream`. Returns what came behind the answer.
pub(crate) fn open<S: Read + Write>(stream: &mut S, url: &str) -> Result<Vec<u8>, UpgradeError> {
    let generated = url.into_client_request().and_then(generate_request);
    let (request, key) = generated.map_err(Error::other)?;
    stream.write_all(&request)?;
    stream.flush()?;
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(if received.is_empty() {
                UpgradeError::Ended
            } else {
                UpgradeError::NotHttp
            });
        }
        received.extend(buffer.iter().take(count));
        if let Some(length) = read_answer(&received, &key)? {
            return Ok(received.split_off(length));
        }
        if received.len() > MAX_HEAD {
            return Err(UpgradeError::NotOpened("its head has no end"));
        }
    }
}

/// The length of the head once all of it is there.
fn read_answer(received: &[u8], key: &str) -> Result<Option<usize>, UpgradeError> {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let length = match answer.parse(received) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(UpgradeError::NotHttp),
    };
    let values = |name: &'static str| {
        let headers = answer.headers.iter();
        headers
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| str::from_utf8(header.value).unwrap_or_default().trim())
    };
    let lists = |name, token: &str| {
        let mut members = values(name).flat_map(|value| value.split(','));
        members.any(|member| member.trim().eq_ignore_ascii_case(token))
    };
    let status = answer.code.unwrap_or_default();
    if status != 101 {
        let location = values("location").next().map(str::to_owned);
        return Err(UpgradeError::Status { status, location });
    }
    // The order of RFC 6455, section 4.1.
    let accept = derive_accept_key(key.as_bytes());
    let flaw = if answer.version != Some(1) {
        Some("it is not HTTP/1.1")
    } else if !lists("upgrade", "websocket") {
        Some("Upgrade does not name websocket")
    } else if !lists("connection", "upgrade") {
        Some("Connection does not list Upgrade")
    } else if !values("sec-websocket-accept").eq([accept.as_str()]) {
        Some("Sec-WebSocket-Accept does not fit")
    } else if values("sec-websocket-extensions")
        .chain(values("sec-websocket-protocol"))
        .next()
        .is_some()
    {
        Some("it has extensions or a protocol that nobody asked for")
    } else {
        None
    };
    match flaw {
        Some(flaw) => Err(UpgradeError::NotOpened(flaw)),
        None => Ok(Some(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    /// RFC 6455, section 1.3.
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn answer(status: &str, headers: &str) -> String {
        format!("HTTP/1.1 {status}\r\n{headers}\r\n\r\n").replace("ACCEPT", ACCEPT)
    }

    #[test]
    fn what_rfc_6455_allows_opens() {
        for (status, headers) in [
            (
                "101 Switching Protocols",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT",
            ),
            (
                "101 Switching Protocols",
                "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: ACCEPT",
            ),
            (
                "101 Switching Protocols",
                "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT",
            ),
            ("101 ", "upgrade: websocket\r\nconnection:upgrade\r\nsec-websocket-accept:  ACCEPT "),
            ("101", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT"),
        ] {
            let text = answer(status, headers);
            let behind = [text.as_bytes(), b"\x81\x02{}"].concat();
            assert_eq!(read_answer(&behind, KEY).unwrap(), Some(text.len()), "{text}");
            for end in 0..text.len() {
                assert_eq!(read_answer(&behind[..end], KEY).unwrap(), None, "{end} of {text}");
            }
        }
        let many = (0..130).map(|n| format!("X-{n}: {}\r\n", "v".repeat(100))).collect::<String>();
        let text = answer(
            "101 x",
            &format!(
                "{many}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT"
            ),
        );
        assert_eq!(read_answer(text.as_bytes(), KEY).unwrap(), Some(text.len()));
    }

    #[test]
    fn everything_else_does_not() {
        let good = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT";
        for headers in [
            "Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT".to_owned(),
            "Upgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT".into(),
            "Upgrade: websocket\r\nConnection: Upgrades, NoUpgrade\r\nSec-WebSocket-Accept: ACCEPT"
                .into(),
            "Upgrade: websockets\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT".into(),
            "Upgrade: websocket\r\nConnection: Upgrade".into(),
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x".into(),
            format!("{good}\r\nSec-WebSocket-Accept: x"),
            format!("{good}\r\nSec-WebSocket-Extensions: permessage-deflate"),
            format!("{good}\r\nSec-WebSocket-Protocol: chat"),
        ] {
            let text = answer("101 Switching Protocols", &headers);
            let error = read_answer(text.as_bytes(), KEY).unwrap_err();
            assert!(matches!(error, UpgradeError::NotOpened(_)), "{text}: {error}");
        }
        let old = answer("101 x", good).replace("HTTP/1.1", "HTTP/1.0");
        assert!(matches!(read_answer(old.as_bytes(), KEY), Err(UpgradeError::NotOpened(_))));
        assert!(matches!(read_answer(b"SSH-2.0-x\r\n\r\n", KEY), Err(UpgradeError::NotHttp)));
        assert!(matches!(read_answer(&[0x15, 3, 1, 0, 2, 2, 70], KEY), Err(UpgradeError::NotHttp)));
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        for (status, headers, wanted) in [
            ("403 Forbidden", "Content-Length: 14", Unreached::Banned),
            ("400 Bad Request", "Content-Length: 0", Unreached::ProxyNotTrusted),
            (
                "301 Moved",
                "Location: https://a.test/\u{9b}",
                Unreached::SendsOn(Some("https://a.test/\\u{9b}".into())),
            ),
            ("307 x", "X: y", Unreached::SendsOn(None)),
            ("200 OK", "X: y", Unreached::Status(200)),
            ("502 Bad Gateway", "X: y", Unreached::Status(502)),
        ] {
            let error = read_answer(answer(status, headers).as_bytes(), KEY).unwrap_err();
            assert_eq!(error.unreached(), wanted, "{status}");
        }
    }
}
