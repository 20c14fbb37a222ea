//! One certificate judged: by the same core as everywhere, with WebCrypto.

use std::rc::Rc;

use doorlight::address::Address;
use doorlight::ct::log_list::LogLists;
use doorlight::ct::policy;
use doorlight::ct::publication::Promises;
use doorlight::site::SiteRecord;
use doorlight::time::Timestamp;
use doorlight::verdict::chain_view::ChainView;
use doorlight::verdict::examination::{Conclusion, Examination, Knowledge, Site};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::verdict::report::{Added, Report};
use doorlight::x509::certificate::Certificate;
use doorlight::x509::certificate::SubjectName;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;

/// Where a certificate came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The reader pasted, dropped or chose it.
    Given,
    /// A link that was opened carries it.
    Link,
    /// A report carries it.
    Report,
    /// It is a sample, in a world of its own.
    Sample,
}

/// By what it is judged.
#[derive(Clone, Debug)]
pub struct World {
    /// Whom to believe.
    pub roots: Rc<Roots>,
    /// Which logs count.
    pub log_lists: Rc<LogLists>,
    /// What is known of the address.
    pub record: Option<SiteRecord>,
}

/// A certificate with what was found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// As it was given.
    pub chain: Chain,
    /// For whom it was judged.
    pub address: Address,
    /// The time that was asked for; `None` for the moment of the check.
    pub wanted: Option<Timestamp>,
    /// Where it came from.
    pub origin: Origin,
    /// What was found.
    pub judged: Report,
    /// What asking others has added to it.
    pub added: Added,
    /// Who vouches for whom.
    pub chain_view: ChainView,
    /// What the logs can be asked about.
    pub promises: Promises,
    /// What was known.
    pub world: World,
}

impl Checked {
    /// What was found, with what asking others has added.
    pub fn report(&self) -> Report {
        self.judged.with(&self.added)
    }

    /// Judges it.
    pub async fn new(
        chain: Chain,
        address: Address,
        wanted: Option<Timestamp>,
        origin: Origin,
        world: World,
    ) -> Self {
        let at = wanted.unwrap_or_else(doorlight_browser::now);
        let observation = Observation {
            address: address.clone(),
            at,
            chain,
            seen: Seen::File,
            possession: Possession::Unknown,
        };
        let knowledge = Knowledge {
            roots: &world.roots,
            log_lists: &world.log_lists,
            policy: &policy::CHROME,
            intermediates: &[],
            site: world.record.as_ref().map_or(Site::Unknown, Site::Record),
            also_required: &[],
        };
        let Conclusion { report, chain_view, promises, .. } =
            doorlight_browser::run(&Examination::new(&observation, knowledge)).await;
        Self {
            chain: observation.chain,
            address,
            wanted,
            origin,
            judged: report,
            added: Added::default(),
            chain_view,
            promises,
            world,
        }
    }
}

/// The host that a certificate is most likely asked about: its first name without a wildcard, or
/// one that its first wildcard covers.
pub fn likely_host(leaf: &Certificate) -> Option<Address> {
    let names = || {
        leaf.names().iter().filter_map(|name| match name {
            SubjectName::Dns(name) => Some(name.clone()),
            SubjectName::Ip(ip) => Some(ip.to_string()),
            SubjectName::Other => None,
        })
    };
    let plain = names().filter(|name| !name.contains('*')).find_map(|name| name.parse().ok());
    plain.or_else(|| {
        names().find_map(|name| {
            name.strip_prefix("*.").and_then(|parent| format!("www.{parent}").parse().ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likely_host_is_a_name_of_the_certificate() {
        let chain = Chain::read(include_bytes!("../samples/good.pem")).unwrap();
        assert_eq!(likely_host(chain.leaf()).unwrap().to_string(), "a1b2c3d4.ui.nabu.test");
        // An authority's certificate is for no host.
        assert_eq!(likely_host(&chain.others()[0]), None);
    }
}
