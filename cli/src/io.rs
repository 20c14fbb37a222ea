//! Files, the network, and output.

pub(crate) mod connect;
pub(crate) mod dial;
pub(crate) mod first_bytes;
pub(crate) mod input;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod output;
pub(crate) mod possession;
pub(crate) mod store;
pub(crate) mod upgrade;
pub(crate) mod websocket;
