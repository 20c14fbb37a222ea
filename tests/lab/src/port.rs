//! Ports that a server can leave for a while and come back to.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt as _;

/// Below those that Linux hands out for connections (`ip_local_port_range`, from 32768): one that
/// is not listened on for a while is nobody's meanwhile.
const PORTS: core::ops::Range<u16> = 20_000..32_000;
/// So many that are taken are passed over.
const TRIES: u32 = 200;

/// Listens on loopback, at a free port.
pub fn listen() -> io::Result<TcpListener> {
    let mut tries = 0;
    loop {
        let port = rand::rng().random_range(PORTS);
        tries += 1;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => {}
            other => return other,
        }
    }
}
