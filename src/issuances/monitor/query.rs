//! What a monitor is asked for a host: a name that stands in a certificate, and so is public
//! already.
//!
//! A home may be reached under a name that no certificate has: `<secret>.<id>.ui.nabu.casa` is
//! covered by `*.<id>.ui.nabu.casa`, and its first label is known to its owner alone
//! (hass-nabucasa 2.9.0). A monitor that is asked for it learns it. So it is asked for the parent
//! with all below, and what is not for the host is left out here.

use crate::address::Host;
use crate::x509::certificate::{Certificate, SubjectName};
use crate::x509::name::covering;

/// Under which Home Assistant Cloud has each home as one label.
const CLOUD: &str = "ui.nabu.casa";

/// What is asked, and for which host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// The host whose certificates are wanted. It leaves this machine only where it is `name`.
    pub(crate) host: String,
    /// The name that is asked for.
    name: String,
    /// Whether everything below it is asked for, too.
    is_below: bool,
}

impl Query {
    /// For `host`, whose certificate was `leaf` when it was last seen. Without one, and where that
    /// one is not for the host, the host itself is asked for; of Home Assistant Cloud, the home's
    /// own name. `None` for an IP address.
    pub fn new(host: &Host, leaf: Option<&Certificate>) -> Option<Self> {
        let text = host.as_str();
        if text.parse::<core::net::IpAddr>().is_ok() {
            return None;
        }
        let names = leaf.map(Certificate::names).unwrap_or_default();
        let covered: Vec<_> = names
            .iter()
            .filter_map(|name| match name {
                SubjectName::Dns(name) => covering(name, text),
                _ => None,
            })
            .collect();
        let is_named = covered.iter().any(|name| name == text);
        let is_covered = !covered.is_empty() || is_below_a_home(text);
        // Nobody is asked for everything below a top-level domain, or for all homes of the cloud.
        let parent = text.split_once('.').map(|(_, parent)| parent);
        let parent = parent.filter(|one| one.contains('.') && *one != CLOUD);
        Some(match parent {
            Some(parent) if is_covered && !is_named => {
                Self { host: text.into(), name: parent.into(), is_below: true }
            }
            _ => Self { host: text.into(), name: text.into(), is_below: false },
        })
    }

    /// The name that whoever is asked learns.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether everything below that name is asked for, too.
    pub fn is_below(&self) -> bool {
        self.is_below
    }

    /// False for what was only answered because more was asked than is wanted.
    pub(crate) fn wants<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        !self.is_below || names.any(|name| covering(name, &self.host).is_some())
    }
}

/// A name below a home's own under Home Assistant Cloud, which has one label there.
fn is_below_a_home(host: &str) -> bool {
    let labels = host.strip_suffix(CLOUD).and_then(|labels| labels.strip_suffix('.'));
    labels.is_some_and(|labels| labels.contains('.'))
}
