//! Host patterns: what the browser is asked for.

use doorlight::address::Host;

/// A host as it stands in URLs.
pub fn in_url(host: &Host) -> String {
    if host.as_str().contains(':') { format!("[{host}]") } else { host.to_string() }
}

/// Everything that guarding a host takes: every port, with and without encryption, WebSockets too.
/// Firefox's `*` has WebSockets in it. Chromium's has not, and its rules let pass what the
/// extension has no permission for (measured in Chromium 156: with `*` alone, a page's WebSocket
/// went out through the shut gate).
pub fn guarding(host: &Host, is_firefox: bool) -> Vec<String> {
    let schemes: &[&str] = if is_firefox { &["*"] } else { &["*", "ws", "wss"] };
    let host = in_url(host);
    schemes.iter().map(|scheme| format!("{scheme}://{host}/*")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn chromium_is_asked_for_websockets_by_name() {
        let host = "home.example".parse().unwrap();
        assert_eq!(guarding(&host, true), ["*://home.example/*"]);
        assert_eq!(
            guarding(&host, false),
            ["*://home.example/*", "ws://home.example/*", "wss://home.example/*"]
        );
        assert_eq!(guarding(&"[2001:db8::1]".parse().unwrap(), true), ["*://[2001:db8::1]/*"]);
    }
}
