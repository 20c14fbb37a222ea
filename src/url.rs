//! URLs, split where RFC 3986 section 3 splits them. Nothing is decoded, and nothing is judged:
//! whether a host is one is [`crate::address::Host`]'s to say.

/// An absolute URL with an authority, in its parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Url<'a> {
    /// Before `://`, as it is written.
    pub scheme: &'a str,
    /// Name, password, host and port; ends before the first of `/?#\`. Browsers read a backslash as
    /// a slash (URL standard, "authority state").
    pub authority: &'a str,
    /// Path, query and fragment.
    pub path: &'a str,
}

impl<'a> Url<'a> {
    /// Splits a URL; `None` for what has no `://`.
    pub fn split(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = split_authority(rest);
        Some(Self { scheme, authority, path })
    }

    /// The authority without name and password. Browsers take the last `@` for their end.
    pub fn host_and_port(&self) -> &'a str {
        self.authority.rsplit_once('@').map_or(self.authority, |(_, host)| host)
    }

    /// The host, an IPv6 address in its brackets.
    pub fn host(&self) -> &'a str {
        split_port(self.host_and_port()).0
    }

    /// True where it names a user, even an empty one.
    pub fn has_user(&self) -> bool {
        self.authority.contains('@')
    }

    /// True for a scheme, whatever its case (RFC 3986 section 3.1).
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }
}

/// Where an authority ends that has no scheme before it.
pub fn split_authority(text: &str) -> (&str, &str) {
    let end = text.find(['/', '?', '#', '\\']).unwrap_or(text.len());
    text.split_at(end)
}

/// Host and port, as they are written. An IPv6 address with a port has brackets; without them, all
/// of it is the address.
pub fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => (authority, None),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn urls_fall_into_their_parts() {
        for (text, scheme, authority, path, host) in [
            ("https://home.example", "https", "home.example", "", "home.example"),
            ("HTTPS://a:1/x?y#z", "HTTPS", "a:1", "/x?y#z", "a"),
            (
                "https://u:p@a@home.example:8123?q=@",
                "https",
                "u:p@a@home.example:8123",
                "?q=@",
                "home.example",
            ),
            ("wss://[2001:db8::1]:8123#f/", "wss", "[2001:db8::1]:8123", "#f/", "[2001:db8::1]"),
            ("https://[::1]/", "https", "[::1]", "/", "[::1]"),
            (
                "https://good.example\\@evil.example/",
                "https",
                "good.example",
                "\\@evil.example/",
                "good.example",
            ),
            ("https://", "https", "", "", ""),
            ("x://a://b", "x", "a:", "//b", "a"),
        ] {
            let url = Url::split(text).unwrap();
            assert_eq!(
                (url.scheme, url.authority, url.path, url.host()),
                (scheme, authority, path, host),
                "{text}"
            );
        }
        for none in ["about:blank", "home.example", "", "data:text/html,x", "https:/x"] {
            assert_eq!(Url::split(none), None, "{none}");
        }
    }

    #[test]
    fn a_port_is_told_from_an_address() {
        for (text, expected) in [
            ("home.example", ("home.example", None)),
            ("home.example:1", ("home.example", Some("1"))),
            ("home.example:", ("home.example", Some(""))),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("[2001:db8::1]", ("[2001:db8::1]", None)),
            ("[2001:db8::1]:1", ("[2001:db8::1]", Some("1"))),
        ] {
            assert_eq!(split_port(text), expected, "{text}");
        }
    }
}
