//! Where a home may be asked: an address in the local network, and never the guarded one.
//!
//! The command line resolves the name itself and refuses what is not local ([`is_local_ip`]). A
//! browser does not say where a name leads, so there the name has to tell
//! ([`LocalAddress::stays_local`]):
//!
//! | host | plain `http` | `https` |
//! |---|---|---|
//! | a local IP address | yes | yes |
//! | any other IP address | no | no |
//! | one label (`homeassistant`), or under `.local`, `.home.arpa`, `.internal`, `.lan`, `.home`, `.localdomain`, `.test`, `.localhost` | yes | yes |
//! | any other name | no | only where the caller sees where it leads |
//! | the guarded host, or anything under `nabu.casa` | no | no |
//!
//! The suffixes are those that no public server answers for: RFC 6761, RFC 6762, RFC 8375, and
//! names that ICANN keeps out of the public root for the use at home. `fritz.box` is not among
//! them, popular as it is: `.box` is a public top-level domain, so away from home such a name leads
//! to a stranger who would be handed the token. A home behind it has an IP address and a `.local`
//! name as well.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::address::{Address, Host, InvalidAddress};
use crate::url::{Url, split_authority, split_port};

/// The port of a home whose address names none, without a scheme.
pub const HOME_PORT: u16 = 8123;

/// Suffixes that lead nowhere in the public DNS.
const PRIVATE_SUFFIXES: &[&str] =
    &[".local", ".home.arpa", ".internal", ".lan", ".home", ".localdomain", ".test", ".localhost"];

/// How the home is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Encrypted.
    Https,
}

/// The local address of a home.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalAddress {
    /// How.
    pub scheme: Scheme,
    /// Where.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// The text is no address at which a home may be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalAddressError {
    /// Neither `http` nor `https`.
    #[error("a local address begins with http:// or https://")]
    Scheme,
    /// No host and port in it.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// An IP address that is not of a local network.
    #[error("{host} is not an address of a local network")]
    PublicIp {
        /// Which.
        host: Host,
    },
    /// A name that may lead into the internet, without encryption.
    #[error(
        "{host} may lead into the internet, and http is not encrypted: use the home's IP address, or its .local name"
    )]
    PublicName {
        /// Which.
        host: Host,
    },
    /// The remote address itself, or another of Home Assistant Cloud.
    #[error("{host} is a remote address: what it says of itself proves nothing")]
    Remote {
        /// Which.
        host: Host,
    },
}

impl LocalAddressError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scheme => "local-address-scheme",
            Self::Address(_) => "local-address-invalid",
            Self::PublicIp { .. } => "local-address-public-ip",
            Self::PublicName { .. } => "local-address-public-name",
            Self::Remote { .. } => "local-address-remote",
        }
    }
}

impl LocalAddress {
    /// The same, as long as it is not the host that it is to speak for.
    ///
    /// # Errors
    /// [`LocalAddressError::Remote`].
    pub fn beside(self, guarded: &Host) -> Result<Self, LocalAddressError> {
        if self.host == *guarded {
            Err(LocalAddressError::Remote { host: self.host })
        } else {
            Ok(self)
        }
    }

    /// True where the host tells that nobody in the internet answers for it. Whoever cannot see
    /// where a name leads asks no other.
    pub fn stays_local(&self) -> bool {
        match self.host.as_str().parse::<IpAddr>() {
            Ok(ip) => is_local_ip(ip),
            Err(_) => is_private_name(&self.host),
        }
    }

    /// Where the conversation takes place.
    pub fn websocket_url(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "ws",
            Scheme::Https => "wss",
        };
        format!("{scheme}://{}/api/websocket", self.authority())
    }

    /// As browsers write an origin (URL standard).
    pub fn origin(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        format!("{scheme}://{}", self.authority())
    }

    fn authority(&self) -> String {
        let default = match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let host = self.host.as_str();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for LocalAddress {
    type Err = LocalAddressError;

    /// Reads `http://host[:port]`, `https://host[:port]`, and `host[:port]`, which is `http` at
    /// [`HOME_PORT`]. A path behind it is passed over.
    fn from_str(text: &str) -> Result<Self, LocalAddressError> {
        let text = text.trim();
        let (scheme, authority) = match Url::split(text) {
            Some(url) if url.is("http") => (Some(Scheme::Http), url.authority),
            Some(url) if url.is("https") => (Some(Scheme::Https), url.authority),
            Some(_) => return Err(LocalAddressError::Scheme),
            None => (None, split_authority(text).0),
        };
        let address = Address::of_authority(authority)?;
        let has_port = split_port(authority).1.is_some();
        let port = match scheme {
            _ if has_port => address.port,
            Some(Scheme::Http) => 80,
            Some(Scheme::Https) => 443,
            None => HOME_PORT,
        };
        let (scheme, host) = (scheme.unwrap_or(Scheme::Http), address.host);
        let name = host.as_str();
        if name == "nabu.casa" || name.ends_with(".nabu.casa") {
            return Err(LocalAddressError::Remote { host });
        }
        match name.parse::<IpAddr>() {
            Ok(ip) if !is_local_ip(ip) => Err(LocalAddressError::PublicIp { host }),
            Err(_) if scheme == Scheme::Http && !is_private_name(&host) => {
                Err(LocalAddressError::PublicName { host })
            }
            _ => Ok(Self { scheme, host, port }),
        }
    }
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

impl TryFrom<String> for LocalAddress {
    type Error = LocalAddressError;

    fn try_from(text: String) -> Result<Self, LocalAddressError> {
        text.parse()
    }
}

impl From<LocalAddress> for String {
    fn from(address: LocalAddress) -> Self {
        address.origin()
    }
}

/// A name of one label is looked up in the local network. (A top-level domain that answers by
/// itself is forbidden by ICANN.)
fn is_private_name(host: &Host) -> bool {
    let name = host.as_str();
    !name.contains('.') || PRIVATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// True for an address of this machine or of a local network: loopback, link-local (RFC 3927, RFC
/// 4291), private (RFC 1918) and unique local (RFC 4193). Addresses behind a provider's translation
/// (RFC 6598, 100.64.0.0/10) are shared with strangers, and not local.
pub fn is_local_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(inner) => is_local_ip(IpAddr::V4(inner)),
            None => is_local_ipv6(ip),
        },
    }
}

fn is_local_ipv6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> LocalAddress {
        text.parse().unwrap()
    }

    #[test]
    fn what_people_type() {
        for (text, origin, websocket) in [
            (
                "http://homeassistant.local:8123",
                "http://homeassistant.local:8123",
                "ws://homeassistant.local:8123/api/websocket",
            ),
            (
                "homeassistant.local:8123",
                "http://homeassistant.local:8123",
                "ws://homeassistant.local:8123/api/websocket",
            ),
            (
                "homeassistant.local",
                "http://homeassistant.local:8123",
                "ws://homeassistant.local:8123/api/websocket",
            ),
            (
                "HomeAssistant.Local.",
                "http://homeassistant.local:8123",
                "ws://homeassistant.local:8123/api/websocket",
            ),
            ("homeassistant", "http://homeassistant:8123", "ws://homeassistant:8123/api/websocket"),
            (
                "http://homeassistant/lovelace/0?x=1#y",
                "http://homeassistant",
                "ws://homeassistant/api/websocket",
            ),
            (
                "http://192.168.1.5:8123",
                "http://192.168.1.5:8123",
                "ws://192.168.1.5:8123/api/websocket",
            ),
            ("http://192.168.1.5:80", "http://192.168.1.5", "ws://192.168.1.5/api/websocket"),
            ("HTTPS://192.168.1.5", "https://192.168.1.5", "wss://192.168.1.5/api/websocket"),
            (
                "https://192.168.1.5:8123/",
                "https://192.168.1.5:8123",
                "wss://192.168.1.5:8123/api/websocket",
            ),
            ("[fd00::1]:8123", "http://[fd00::1]:8123", "ws://[fd00::1]:8123/api/websocket"),
            ("[fd00::1]", "http://[fd00::1]:8123", "ws://[fd00::1]:8123/api/websocket"),
            ("fd00::1", "http://[fd00::1]:8123", "ws://[fd00::1]:8123/api/websocket"),
            ("https://[FE80::1]:443", "https://[fe80::1]", "wss://[fe80::1]/api/websocket"),
            (
                "https://ha.home.example:8123",
                "https://ha.home.example:8123",
                "wss://ha.home.example:8123/api/websocket",
            ),
            ("http://ha.home.arpa", "http://ha.home.arpa", "ws://ha.home.arpa/api/websocket"),
            ("http://127.0.0.1:8123", "http://127.0.0.1:8123", "ws://127.0.0.1:8123/api/websocket"),
        ] {
            let address = local(text);
            assert_eq!(
                (address.origin().as_str(), address.websocket_url().as_str()),
                (origin, websocket),
                "{text}"
            );
            assert_eq!(local(&address.origin()), address, "{text}");
        }
    }

    #[test]
    fn what_is_not_local_is_refused() {
        for (text, code) in [
            ("", "local-address-invalid"),
            ("http://", "local-address-invalid"),
            ("ws://homeassistant.local", "local-address-scheme"),
            ("javascript://homeassistant.local", "local-address-scheme"),
            ("http://user@homeassistant.local", "local-address-invalid"),
            ("http://homeassistant.local:0", "local-address-invalid"),
            ("http://homeassistant.local:99999", "local-address-invalid"),
            ("http://home assistant.local", "local-address-invalid"),
            ("http://хом.local", "local-address-invalid"),
            ("http://[fe80::1%eth0]:8123", "local-address-invalid"),
            ("http://8.8.8.8:8123", "local-address-public-ip"),
            ("https://8.8.8.8", "local-address-public-ip"),
            ("http://100.64.0.1:8123", "local-address-public-ip"),
            ("http://0.0.0.0:8123", "local-address-public-ip"),
            ("http://[2001:db8::1]:8123", "local-address-public-ip"),
            ("http://[::ffff:8.8.8.8]:8123", "local-address-public-ip"),
            ("http://172.32.0.1", "local-address-public-ip"),
            ("http://192.169.0.1", "local-address-public-ip"),
            ("http://0x7f.1", "local-address-invalid"),
            ("http://2130706433", "local-address-invalid"),
            ("http://home.example:8123", "local-address-public-name"),
            ("http://homeassistant.fritz.box:8123", "local-address-public-name"),
            ("http://homeassistant.local.example", "local-address-public-name"),
            ("http://notlocal.xlocal", "local-address-public-name"),
            ("home.duckdns.org", "local-address-public-name"),
            ("https://abc.ui.nabu.casa", "local-address-remote"),
            ("http://abc.ui.nabu.casa:8123", "local-address-remote"),
            ("https://nabu.casa", "local-address-remote"),
        ] {
            assert_eq!(text.parse::<LocalAddress>().unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn never_the_guarded_host_itself() {
        let guarded: Host = "ha.home.example".parse().unwrap();
        assert_eq!(
            local("https://HA.home.example:8123").beside(&guarded).unwrap_err().code(),
            "local-address-remote"
        );
        assert!(local("https://192.168.1.5").beside(&guarded).is_ok());
    }

    #[test]
    fn what_a_browser_may_ask() {
        for (text, stays) in [
            ("http://192.168.1.5", true),
            ("https://ha.lan", true),
            ("https://homeassistant", true),
            ("https://ha.home.example", false),
            ("https://homeassistant.fritz.box", false),
        ] {
            assert_eq!(local(text).stays_local(), stays, "{text}");
        }
    }

    #[test]
    fn local_networks_to_the_last_address() {
        for (text, expected) in [
            ("9.255.255.255", false),
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("172.15.255.255", false),
            ("172.16.0.0", true),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
            ("192.167.255.255", false),
            ("192.168.0.0", true),
            ("192.168.255.255", true),
            ("192.169.0.0", false),
            ("169.253.255.255", false),
            ("169.254.0.0", true),
            ("169.254.255.255", true),
            ("169.255.0.0", false),
            ("127.0.0.0", true),
            ("127.255.255.255", true),
            ("128.0.0.0", false),
            ("0.0.0.0", false),
            ("100.64.0.0", false),
            ("100.127.255.255", false),
            ("255.255.255.255", false),
            ("224.0.0.251", false),
            ("::1", true),
            ("::", false),
            ("::2", false),
            ("fbff::1", false),
            ("fc00::", true),
            ("fdff:ffff::1", true),
            ("fe00::1", false),
            ("fe80::1", true),
            ("febf::1", true),
            ("fec0::1", false),
            ("2001:db8::1", false),
            ("ff02::fb", false),
            ("::ffff:192.168.1.1", true),
            ("::ffff:8.8.8.8", false),
            ("64:ff9b::c0a8:101", false),
            ("2002:c0a8:101::1", false),
        ] {
            assert_eq!(is_local_ip(text.parse().unwrap()), expected, "{text}");
        }
    }
}
