//! The address that is guarded: a host and a port, always over HTTPS.
//!
//! Hosts are compared in ASCII (A-labels, RFC 5890), never in the letters they stand for:
//! `nabu.casa` and its Cyrillic look-alike differ here as they do on the wire (attacker A10).
//! Browsers hand out hosts in that form already.

use core::fmt;
use core::str::FromStr;

use pki_types::{IpAddr, ServerName};
use serde::{Deserialize, Serialize};

use crate::url::{Url, split_authority, split_port};

/// A DNS name in lower-case ASCII without trailing dot, or an IP address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);

/// A host and the port it is reached at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// Whose certificate is checked.
    pub host: Host,
    /// 443 where the address names none.
    pub port: u16,
}

/// The text is no address that can be guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// Another scheme than `https`: there is no certificate to look at.
    #[error("only https:// addresses have a certificate to check")]
    NotHttps,
    /// A user name or password in the address.
    #[error("an address with a user name or password in it is not accepted")]
    Credentials,
    /// Letters outside ASCII.
    #[error("write the host in ASCII (xn--…), so that look-alikes can be told apart")]
    NotAscii,
    /// Neither a DNS name nor an IP address.
    #[error("neither a host name nor an IP address")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port is a number from 1 to 65535")]
    Port,
}

impl Host {
    /// The host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a name under `ui.nabu.casa`, where Home Assistant Cloud puts its remote addresses.
    pub fn is_home_assistant_cloud(&self) -> bool {
        self.0.ends_with(".ui.nabu.casa")
    }

    /// In the form that path validation asks for. `None` cannot happen for a host that was parsed.
    pub(crate) fn server_name(&self) -> Option<ServerName<'_>> {
        ServerName::try_from(self.0.as_str()).ok()
    }
}

impl FromStr for Host {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if !text.is_ascii() {
            return Err(InvalidAddress::NotAscii);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let lower = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
        match ServerName::try_from(lower.as_str()).map_err(|_| InvalidAddress::Host)? {
            // The standard library writes an address in its one canonical form (RFC 5952).
            ServerName::IpAddress(IpAddr::V4(ip)) => {
                Ok(Self(core::net::Ipv4Addr::from(ip).to_string()))
            }
            ServerName::IpAddress(IpAddr::V6(ip)) => {
                Ok(Self(core::net::Ipv6Addr::from(ip).to_string()))
            }
            // A name whose last label is all digits is how browsers write an IPv4 address, never a
            // DNS name (URL standard, "ends in a number").
            ServerName::DnsName(_) if ends_in_number(&lower) || is_fingerprint(&lower) => {
                Err(InvalidAddress::Host)
            }
            ServerName::DnsName(_) => Ok(Self(lower)),
            _ => Err(InvalidAddress::Host),
        }
    }
}

/// A name of 40 hex digits is somebody's fingerprint, in the wrong field.
fn is_fingerprint(name: &str) -> bool {
    [40, 64].contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn ends_in_number(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    /// Reads `https://host[:port][/path…]`, `host` and `host:port`. IPv6 with a port is written in
    /// brackets.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        match Url::split(text) {
            Some(url) if url.is("https") => Self::of_authority(url.authority),
            Some(_) => Err(InvalidAddress::NotHttps),
            None => Self::of_authority(split_authority(text).0),
        }
    }
}

impl Address {
    /// Reads the authority of a URL, to the letter: no space around it is passed over.
    ///
    /// # Errors
    /// [`InvalidAddress`].
    pub fn of_authority(authority: &str) -> Result<Self, InvalidAddress> {
        if authority.contains('@') {
            return Err(InvalidAddress::Credentials);
        }
        let (host, port) = split_port(authority);
        let port = match port {
            Some(port) => match port.parse() {
                Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                    number
                }
                _ => return Err(InvalidAddress::Port),
            },
            None => 443,
        };
        Ok(Self { host: host.parse()?, port })
    }
}

impl fmt::Display for Address {
    /// `host`, or `host:port` where the port is not 443.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.as_str().contains(':')) {
            (443, _) => self.host.fmt(f),
            (port, true) => write!(f, "[{}]:{port}", self.host),
            (port, false) => write!(f, "{}:{port}", self.host),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidAddress;

            fn try_from(text: String) -> Result<Self, InvalidAddress> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(Host, Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_one_address() {
        for (text, expected) in [
            ("https://Abc.UI.nabu.casa/lovelace?x#y", "abc.ui.nabu.casa"),
            ("home.example.", "home.example"),
            ("home.example:8443", "home.example:8443"),
            ("HTTPS://home.example:443", "home.example"),
            ("192.168.1.5:8123", "192.168.1.5:8123"),
            ("https://[2001:DB8:0::1]:8443/", "[2001:db8::1]:8443"),
            ("2001:db8::1", "2001:db8::1"),
            ("https://home.example\\@evil.example", "home.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(
                text.parse::<Address>().map(|address| address.to_string()),
                Ok(expected.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn each_refusal_has_its_reason() {
        use InvalidAddress::*;
        for (text, error) in [
            ("http://home.example", NotHttps),
            ("https://user@home.example", Credentials),
            ("https://nаbu.casa", NotAscii),
            ("https://", Host),
            ("https://a b", Host),
            ("home.example:0", Port),
            ("home.example:+80", Port),
            ("home.example:99999", Port),
            ("https://1.2.3", Host),
            ("https://0x7f.1", Host),
            ("a9993e364706816aba3e25717850c26c9cd0d89d", Host),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
