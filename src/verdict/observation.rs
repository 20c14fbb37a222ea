//! What was seen, and how.

use crate::address::Address;
use crate::time::Timestamp;
use crate::x509::chain::Chain;

/// How a certificate came to be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// In a file or paste: nothing says that a server presented it.
    File,
    /// On the very connection that carries the page.
    ThisConnection,
    /// On a connection of Doorlight's own to the same address.
    OwnProbe,
}

/// Whether the server proved to hold the certificate's private key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Possession {
    /// The handshake was signed with it.
    Proven,
    /// The handshake's signature does not fit it.
    Unproven,
    /// The handshake did not get that far.
    Unknown,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The address that was asked for.
    pub address: Address,
    /// When.
    pub at: Timestamp,
    /// What was presented.
    pub chain: Chain,
    /// How it came to be seen.
    pub seen: Seen,
    /// What the handshake showed; without meaning for a file.
    pub possession: Possession,
}
