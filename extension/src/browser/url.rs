//! URLs as browsers report them. Pure.

use doorlight::address::Address;
use doorlight::url::Url;

/// The address of a URL of the web, whatever its scheme; a port that is not named is TLS's. A host
/// that is written with its last dot is none of ours: the same name to DNS, another one to cookies,
/// permissions and rules.
pub fn address_of(url: &str) -> Option<Address> {
    let url = Url::split(url)?;
    let is_web = ["https", "wss", "http", "ws"].contains(&url.scheme);
    if !is_web || url.host().ends_with('.') {
        return None;
    }
    Address::of_authority(url.authority).ok()
}

/// A URL without the name and password in it; `None` where there are none.
pub fn without_user(url: &str) -> Option<String> {
    let url = Url::split(url)?;
    url.has_user().then(|| [url.scheme, "://", url.host_and_port(), url.path].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_taken_out_of_a_url() {
        for (url, expected) in [
            (
                "https://user:pass@home.example:8123/x?y@z#a@b",
                Some("https://home.example:8123/x?y@z#a@b"),
            ),
            ("https://a@b@home.example", Some("https://home.example")),
            ("https://user@[2001:db8::1]:8123/", Some("https://[2001:db8::1]:8123/")),
            ("https://home.example/@x", None),
            ("https://home.example?q=a@b", None),
            ("about:blank", None),
        ] {
            assert_eq!(without_user(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn addresses_of_urls() {
        for (url, expected) in [
            ("https://home.example/x?y#z", Some("home.example")),
            ("wss://home.example:8443/api", Some("home.example:8443")),
            ("http://home.example/", Some("home.example")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https://user@home.example/", None),
            ("file:///etc/passwd", None),
            ("https://home.example./", None),
            ("https://home.example.:8443/", None),
        ] {
            assert_eq!(
                address_of(url).map(|address| address.to_string()).as_deref(),
                expected,
                "{url}"
            );
        }
    }
}
