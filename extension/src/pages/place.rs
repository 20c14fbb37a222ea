//! Where this page is, and where it leads.

use web_sys::{Location, Url};

fn location() -> Option<Location> {
    web_sys::window().map(|window| window.location())
}

/// What stands behind the `#` of this page's address, as it is.
pub fn fragment() -> String {
    let hash = location().and_then(|location| location.hash().ok()).unwrap_or_default();
    hash.strip_prefix('#').unwrap_or_default().to_owned()
}

/// What stands behind the `?`.
pub fn query() -> String {
    let search = location().and_then(|location| location.search().ok()).unwrap_or_default();
    search.strip_prefix('?').unwrap_or_default().to_owned()
}

/// Goes to an `https://` address, which takes this page's place in the history. Goes nowhere else.
pub fn replace_by(url: &str) {
    if let Some(location) = location().filter(|_| url.starts_with("https://")) {
        let _ = location.replace(url);
    }
}

/// Loads this page afresh.
pub fn reload() {
    if let Some(location) = location() {
        let _ = location.reload();
    }
}

/// The host of an address with its port, in ASCII; empty where it has none.
pub fn host_of(url: &str) -> String {
    Url::new(url).map(|url| url.host()).unwrap_or_default()
}

/// The same address over HTTPS; `None` where it is not plain `http`.
pub fn over_https(url: &str) -> Option<String> {
    url.strip_prefix("http://").map(|rest| format!("https://{rest}"))
}
