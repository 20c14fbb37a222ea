//! What the user can choose.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use doorlight::address::{Address, Host};
use doorlight::home_assistant::local::{LocalAddress, LocalAddressError};
use serde::{Deserialize, Serialize};

use crate::pattern;

/// How long a good check may be reused at most.
pub const MAX_REUSE_MINUTES: u32 = 24 * 60;

/// All settings, with their defaults.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The version of the format.
    pub schema: u32,
    /// How long a good check is reused, in minutes; at its end an open tab's address is checked
    /// again. 1 to [`MAX_REUSE_MINUTES`].
    pub reuse_minutes: u32,
    /// True: no green without enough logs vouching (`ct-policy`).
    pub requires_ct: bool,
    /// Roots of the user's own, PEM; empty for none.
    pub roots: String,
    /// A list of logs in the place of the one that is shipped, JSON; empty for none.
    pub log_list: String,
    /// Whom to ask about each address beside the address itself. Nobody is asked about one that is
    /// not named here.
    pub consents: BTreeMap<Address, Consent>,
    /// True: no green before the logs have proven that they published the certificate
    /// (`inclusion`).
    pub requires_proof: bool,
    /// True: the list of logs is fetched once a day, and used if its signature is good.
    pub renews_log_list: bool,
    /// Where the list is fetched; empty for its publisher. The signature is beside it, `.sig` in
    /// the place of `.json`.
    pub log_list_url: String,
    /// The key that has to have signed it, SubjectPublicKeyInfo in PEM; empty for its publisher's.
    pub log_list_key: String,
    /// The Cert Spotter that is asked; empty for the public one.
    pub cert_spotter: String,
    /// The crt.sh that is asked; empty for the public one.
    pub crt_sh: String,
    /// Where each home answers on the local network. The tokens are not here: settings are shown to
    /// pages.
    pub homes: BTreeMap<Address, LocalHome>,
    /// The addresses whose site may have stored what somebody else sent: after a Danger or a way
    /// past the gate, until it is cleared.
    pub unclean: BTreeSet<Address>,
    /// The addresses that may be shown a client certificate of the user's in a look, where they ask
    /// for one. Which one is between the user and the browser.
    pub client_certificates: BTreeSet<Address>,
    /// A newer table of Home Assistant's advisories than the one that is shipped, JSON; empty for
    /// none.
    pub advisories: String,
}

/// Where a home answers on the local network.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalHome {
    /// The place, `http://homeassistant.local:8123`.
    pub local: String,
    /// True: its token is kept when the browser ends.
    pub keeps_token: bool,
}

impl LocalHome {
    /// Reads a place that the extension may ask about `guarded`. It cannot see where a name leads,
    /// so the name has to tell that nobody in the internet answers for it.
    ///
    /// # Errors
    /// It is no such place.
    pub fn place(text: &str, guarded: &Host) -> Result<LocalAddress, LocalAddressError> {
        let place = text.parse::<LocalAddress>()?.beside(guarded)?;
        if place.stays_local() {
            Ok(place)
        } else {
            Err(LocalAddressError::PublicName { host: place.host })
        }
    }

    /// The host pattern that asking it needs permission for: its scheme and host, in Firefox
    /// patterns know no ports.
    pub fn pattern(place: &LocalAddress) -> String {
        pattern::of_url(&place.origin()).unwrap_or_default()
    }
}

/// Whom the user allowed to be asked about an address. Each learns something by it:
/// `docs/privacy.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// The logs that promised to publish the certificate.
    pub logs: bool,
    /// Cert Spotter.
    pub cert_spotter: bool,
    /// crt.sh.
    pub crt_sh: bool,
}

/// The version of the format that is written.
pub const SCHEMA: u32 = 1;

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            reuse_minutes: 15,
            requires_ct: false,
            roots: String::new(),
            log_list: String::new(),
            consents: BTreeMap::new(),
            requires_proof: false,
            renews_log_list: false,
            log_list_url: String::new(),
            log_list_key: String::new(),
            cert_spotter: String::new(),
            crt_sh: String::new(),
            homes: BTreeMap::new(),
            unclean: BTreeSet::new(),
            client_certificates: BTreeSet::new(),
            advisories: String::new(),
        }
    }
}

impl Settings {
    /// These settings with all that does not belong to one address from `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            consents: self.consents,
            homes: self.homes,
            unclean: self.unclean,
            client_certificates: self.client_certificates,
            ..other
        }
    }

    /// Notes whom the user allows to be asked about an address.
    pub fn allow(&mut self, address: &Address, consent: Consent) {
        if consent == Consent::default() {
            self.consents.remove(address);
        } else {
            self.consents.insert(address.clone(), consent);
        }
    }

    /// How long a good check is reused.
    pub fn reuse(&self) -> Duration {
        Duration::from_secs(u64::from(self.reuse_minutes.clamp(1, MAX_REUSE_MINUTES)) * 60)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_asked_in_the_local_network_alone() {
        let guarded: Host = "a1b2c3d4.ui.nabu.casa".parse().unwrap();
        for (text, pattern) in [
            ("http://homeassistant.local:8123", Some("http://homeassistant.local/*")),
            ("192.168.1.20", Some("http://192.168.1.20/*")),
            ("https://192.168.1.20", Some("https://192.168.1.20/*")),
            ("http://[fd00::1]:8123", Some("http://[fd00::1]/*")),
            ("http://[fd00::1]:80", Some("http://[fd00::1]/*")),
            ("https://a1b2c3d4.ui.nabu.casa", None),
            ("http://8.8.8.8:8123", None),
            // The extension cannot see where it leads.
            ("https://home.example.org", None),
            ("http://homeassistant.fritz.box:8123", None),
        ] {
            let place = LocalHome::place(text, &guarded);
            assert_eq!(place.as_ref().map(LocalHome::pattern).ok().as_deref(), pattern, "{text}");
        }
    }

    /// A page that was filled before a consent was taken back does not bring it back, nor lose one
    /// that was given since.
    #[test]
    fn a_page_does_not_change_what_belongs_to_an_address() {
        let [one, two]: [Address; 2] = ["one.test", "two.test"].map(|text| text.parse().unwrap());
        let yes = Consent { logs: true, ..Consent::default() };
        let mut now = Settings::default();
        now.allow(&one, yes);
        let page = Settings { reuse_minutes: 3, ..now.clone() };
        now.allow(&one, Consent::default());
        now.allow(&two, yes);
        now.homes.insert(two.clone(), LocalHome::default());
        now.unclean.insert(two.clone());
        now.client_certificates.insert(two.clone());
        let after = now.clone().with(page);
        assert_eq!(after, Settings { reuse_minutes: 3, ..now });
        assert_eq!(after.consents.keys().collect::<Vec<_>>(), [&two]);
    }
}
