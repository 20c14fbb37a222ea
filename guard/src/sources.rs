//! Who is asked about addresses beside the addresses themselves, and which host patterns that needs
//! permission for.

use std::collections::BTreeSet;

use doorlight::address::Host;
use doorlight::ct::log_list::renewal::PUBLISHER;
use doorlight::issuances::monitor::Sources;
use doorlight::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::settings::{Consent, LocalHome, Settings};
use crate::trust_config::TrustConfig;

/// Host patterns by source.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Needs {
    /// Of the logs that a certificate may be in now.
    pub logs: Vec<String>,
    /// Of Cert Spotter.
    pub cert_spotter: Vec<String>,
    /// Of crt.sh.
    pub crt_sh: Vec<String>,
    /// Of the list of logs.
    pub log_list: Vec<String>,
}

impl Needs {
    /// The host patterns that each source needs at `now`.
    pub fn of(settings: &Settings, trust: Option<&TrustConfig>, now: Timestamp) -> Self {
        let all = Consent { logs: true, cert_spotter: true, crt_sh: true };
        let of = |url: Option<&str>| url.and_then(pattern::of_url).into_iter().collect::<Vec<_>>();
        let sources = monitors(settings, all);
        let mut logs = Vec::new();
        if let Some(list) = trust.and_then(|trust| trust.log_lists.judging(now)) {
            logs.extend(
                list.logs.iter().filter_map(|log| pattern::of_url(log.access.as_ref()?.url())),
            );
        }
        logs.sort();
        logs.dedup();
        Self {
            logs,
            cert_spotter: of(sources.cert_spotter),
            crt_sh: of(sources.crt_sh),
            log_list: of(Some(log_list_url(settings))),
        }
    }
}

/// Which monitors the user allows, and where they are.
pub fn monitors<'a>(settings: &'a Settings, consent: Consent) -> Sources<'a> {
    fn place<'a>(own: &'a str, public: Option<&'static str>) -> Option<&'a str> {
        let own = own.trim().trim_end_matches('/');
        if own.is_empty() { public } else { Some(own) }
    }
    Sources {
        cert_spotter: place(&settings.cert_spotter, Sources::PUBLIC.cert_spotter)
            .filter(|_| consent.cert_spotter),
        crt_sh: place(&settings.crt_sh, Sources::PUBLIC.crt_sh).filter(|_| consent.crt_sh),
    }
}

/// Where the list of logs is fetched.
pub fn log_list_url(settings: &Settings) -> &str {
    let own = settings.log_list_url.trim();
    if own.is_empty() { PUBLISHER } else { own }
}

/// The hosts that are asked about addresses, as far as settings and `trust` tell: a permission for one of
/// them does not say that it is guarded.
pub fn asked_hosts(
    settings: &Settings,
    trust: Option<&TrustConfig>,
    now: Timestamp,
) -> BTreeSet<Host> {
    let needs = Needs::of(settings, trust, now);
    let is_any = |is_in: fn(&Consent) -> bool| settings.consents.values().any(is_in);
    let patterns = [
        (is_any(|consent| consent.logs), needs.logs),
        (is_any(|consent| consent.cert_spotter), needs.cert_spotter),
        (is_any(|consent| consent.crt_sh), needs.crt_sh),
        (settings.renews_log_list, needs.log_list),
    ];
    let patterns =
        patterns.into_iter().filter(|(is_asked, _)| *is_asked).flat_map(|(_, patterns)| patterns);
    let homes = settings.homes.iter();
    let homes = homes.filter_map(|(address, home)| {
        Some(LocalHome::place(&home.local, &address.host).ok()?.host)
    });
    let mut hosts: BTreeSet<Host> =
        patterns.filter_map(|pattern| pattern::host_of(&pattern)).chain(homes).collect();
    for address in settings.consents.keys().chain(settings.homes.keys()) {
        hosts.remove(&address.host);
    }
    hosts
}
