//! Match patterns: what a browser asks the user to allow.

use doorlight::address::Host;
use doorlight::url::Url;

/// The match pattern that asking a URL needs permission for: its scheme and host. `None` where it
/// is not of the web.
pub fn of_url(url: &str) -> Option<String> {
    let url = Url::split(url)?;
    // Patterns know no ports in Firefox.
    let (scheme, host) = (url.scheme, url.host());
    let is_web = ["https", "http"].contains(&scheme) && !host.is_empty();
    let is_plain = !url.has_user() && !url.authority.contains('*');
    (is_web && is_plain).then(|| format!("{scheme}://{host}/*"))
}

/// The host of a match pattern that one of ours could be.
pub fn host_of(pattern: &str) -> Option<Host> {
    let url = Url::split(pattern).filter(|url| url.path == "/*")?;
    url.authority.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_for_one_host() {
        for (url, expected) in [
            ("https://crt.sh/?q=1", Some("https://crt.sh/*")),
            ("http://127.0.0.1:8080/tile/0", Some("http://127.0.0.1/*")),
            ("https://[::1]:1/x", Some("https://[::1]/*")),
            ("https://user@log.example/", None),
            ("file:///etc/passwd", None),
            ("https://*/x", None),
            ("https://log.example:*", None),
            ("", None),
        ] {
            assert_eq!(of_url(url).as_deref(), expected, "{url}");
        }
    }
}
