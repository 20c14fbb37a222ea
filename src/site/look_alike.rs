//! Whether another host could be mistaken for a guarded one (attacker A10).
//!
//! Asked where a guarded address sends its visitor on to another host. Not found: names that are
//! alike only in meaning (`my-home-login.example`), and letters of other scripts beyond saying that
//! there are some.

use crate::address::Host;

/// Names differ by no more than this many letters to be alike, where they are long enough to be
/// misread at all.
const MAX_DISTANCE: usize = 2;
/// Shorter names are different words, not misreadings.
const MIN_LENGTH: usize = 6;
/// A label of this length is a name of its own (Home Assistant Cloud's have 32): whoever repeats it
/// under another domain means to be mistaken.
const TELLING_LABEL: usize = 8;

/// Why a host could be mistaken for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Likeness {
    /// It has letters from outside ASCII (an `xn--` label) and the guarded name has none.
    OtherLetters,
    /// It begins with the guarded name.
    Prefix,
    /// It repeats the guarded name's own label under another domain.
    SameLabel,
    /// It differs by a letter or two.
    FewLetters,
}

impl Likeness {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtherLetters => "other-letters",
            Self::Prefix => "prefix",
            Self::SameLabel => "same-label",
            Self::FewLetters => "few-letters",
        }
    }
}

/// How `other` could be mistaken for `guarded`; `None` where it is the same host, or plainly
/// another.
pub fn likeness(guarded: &Host, other: &Host) -> Option<Likeness> {
    let (guarded, other) = (guarded.as_str(), other.as_str());
    let is_ip = |host: &str| host.parse::<core::net::IpAddr>().is_ok();
    if guarded == other || is_ip(guarded) || is_ip(other) {
        return None;
    }
    let has_other_letters = |name: &str| name.split('.').any(|label| label.starts_with("xn--"));
    if has_other_letters(other) && !has_other_letters(guarded) {
        return Some(Likeness::OtherLetters);
    }
    if other.strip_prefix(guarded).is_some_and(|rest| rest.starts_with(['.', '-'])) {
        return Some(Likeness::Prefix);
    }
    let (own_label, own_parent) = guarded.split_once('.')?;
    let (label, parent) = other.split_once('.')?;
    // Beside one another under a domain of one's own are `home` and `auth`; under a shared one are
    // strangers.
    if parent == own_parent && !is_shared(own_parent) {
        return None;
    }
    if label == own_label && label.len() >= TELLING_LABEL {
        return Some(Likeness::SameLabel);
    }
    let is_near =
        guarded.len() >= MIN_LENGTH && strsim::damerau_levenshtein(guarded, other) <= MAX_DISTANCE;
    is_near.then_some(Likeness::FewLetters)
}

/// True for a domain under which every household has its own name.
fn is_shared(parent: &str) -> bool {
    const SHARED: &[&str] = &[
        "ui.nabu.casa",
        "duckdns.org",
        "dynu.net",
        "no-ip.org",
        "ddns.net",
        "myds.me",
        "synology.me",
    ];
    SHARED.contains(&parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_misreadings_from_neighbours() {
        use Likeness::{FewLetters, OtherLetters, Prefix, SameLabel};
        for (guarded, other, expected) in [
            ("abcdefgh.ui.nabu.casa", "abcdefgh.ui.nabu.casa", None),
            ("abcdefgh.ui.nabu.casa", "abcdefgh.ui.xn--nbu-hoa.casa", Some(OtherLetters)),
            ("abcdefgh.ui.nabu.casa", "abcdefgh.ui.nabu.casa.evil.example", Some(Prefix)),
            ("abcdefgh.ui.nabu.casa", "abcdefgh.ui.nabu.casa-login.example", Some(Prefix)),
            ("abcdefgh.ui.nabu.casa", "abcdefgh.ui-nabu.example", Some(SameLabel)),
            ("abcdefgh.ui.nabu.casa", "abcdefgh.ui.nabu.cash", Some(SameLabel)),
            ("abcdefgh.ui.nabu.casa", "abcdefqh.ui.nabu.casa", Some(FewLetters)),
            ("abcdefgh.ui.nabu.casa", "zyxwvuts.ui.nabu.casa", None),
            ("home.example.org", "horne.example.net", None),
            ("home.example.org", "home.exarnple.org", Some(FewLetters)),
            ("home.example.org", "auth.example.org", None),
            ("home.example.org", "hone.example.org", None),
            ("home.example.org", "accounts.elsewhere.example", None),
            ("192.0.2.1", "192.0.2.2", None),
            ("2001:db8::1", "2001:db8::2", None),
        ] {
            let found = likeness(&guarded.parse().unwrap(), &other.parse().unwrap());
            assert_eq!(found, expected, "{guarded} {other}");
        }
    }
}
