//! What the page asks of the network, after the reader agreed: `fetch` by the browser's rules for
//! pages, so only of servers that allow pages to read their answers.

use core::time::Duration;

use doorlight::fetch::{Answer, FetchError, Get, Platform};
use doorlight::url::Url;
use doorlight::x509::signature::SignatureCheck;
use doorlight_browser::network::ask;
use gloo_timers::future::TimeoutFuture;

/// How long one answer may take, its body too.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// The network of one question.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Platform for Network {
    async fn get(&self, get: &Get) -> Result<Answer, FetchError> {
        ask(get, TIME_LIMIT).await
    }

    async fn keep(&self, _: &Get, _: &[u8]) {
        // Nothing of what was asked stays behind.
    }

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        doorlight_browser::verify(checks).await
    }

    async fn sleep(&self, time: Duration) {
        TimeoutFuture::new(u32::try_from(time.as_millis()).unwrap_or(u32::MAX)).await;
    }
}

/// True for an address that can be asked: `https`, or `http` on this machine. The page's policy
/// allows no other.
pub fn may_be_asked(url: &str) -> bool {
    Url::split(url).is_some_and(|url| match url.scheme {
        "https" => !url.authority.is_empty(),
        "http" => !url.has_user() && ["127.0.0.1", "localhost"].contains(&url.host()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_are_asked() {
        for (url, expected) in [
            ("https://crt.sh", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://localhost", true),
            ("http://127.0.0.1.evil.example/", false),
            ("http://user@localhost/", false),
            ("http://crt.sh", false),
            ("https://", false),
            ("ftp://x", false),
            ("crt.sh", false),
        ] {
            assert_eq!(may_be_asked(url), expected, "{url}");
        }
    }
}
