//! What a monitor is asked for a host: a name that stands in its certificate, as soon as one was
//! seen that nothing speaks against.
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
    /// For `host`. `leaf` is the certificate that was last seen there and that nothing speaks
    /// against: whoever is in between may present any other. Without one, and where it is not for
    /// the host, the question is the one of `before`; without that, the host itself, because
    /// nothing tells that it is no public name. Under Home Assistant Cloud it is always the home's
    /// own name. `None` for an IP address.
    pub fn new(host: &Host, leaf: Option<&Certificate>, before: Option<&str>) -> Option<Self> {
        let text = host.as_str();
        if text.parse::<core::net::IpAddr>().is_ok() {
            return None;
        }
        let of = |name: &str| Self { host: text.into(), name: name.into(), is_below: name != text };
        let cloud = text.strip_suffix(CLOUD).and_then(|labels| labels.strip_suffix('.'));
        if let Some(home) = cloud.and_then(|labels| labels.rsplit('.').next()) {
            return Some(of(&format!("{home}.{CLOUD}")));
        }
        let names = leaf.map(Certificate::names).unwrap_or_default();
        let covered: Vec<_> = names
            .iter()
            .filter_map(|name| match name {
                SubjectName::Dns(name) => covering(name, text),
                _ => None,
            })
            .collect();
        if covered.is_empty() {
            let is_above = |name: &&str| {
                *name == text || text.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
            };
            return Some(of(before.filter(is_above).unwrap_or(text)));
        }
        // Nobody is asked for everything below a top-level domain.
        let parent = text.split_once('.').map(|(_, parent)| parent).filter(|one| one.contains('.'));
        let is_named = covered.iter().any(|name| name == text);
        Some(of(parent.filter(|_| !is_named).unwrap_or(text)))
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
