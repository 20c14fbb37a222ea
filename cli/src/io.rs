//! Files, and the network.

pub(crate) mod connect;
pub(crate) mod input;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod store;
pub(crate) mod websocket;
