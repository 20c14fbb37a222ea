//! Connects to where a name leads: to each of its addresses a moment after the one before, the
//! families in turn, until one answers (Happy Eyeballs, RFC 8305).
//!
//! All of it ends at one moment, however many addresses there are. The order is the system's
//! resolver's (RFC 6724). No address is asked for twice, and none is remembered.

use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long one address is waited for before the next one is tried as well (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Where a name leads.
pub(crate) fn resolve(host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    let host = host.to_owned();
    // The system's resolver has no limit of time that could be set.
    std::thread::Builder::new().spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody waits any more: the time was over.
        let _ = sender.send(found);
    })?;
    receiver.recv_timeout(left(until)?).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// The first connection that comes about.
pub(crate) fn connect(candidates: &[SocketAddr], until: Instant) -> Result<TcpStream> {
    let (sender, receiver) = mpsc::channel();
    let mut waiting = in_turn(candidates).into_iter().peekable();
    let mut under_way = 0_usize;
    let mut last = Error::new(ErrorKind::NotFound, "the name leads nowhere");
    loop {
        let time = left(until)?;
        if let Some(candidate) = waiting.next() {
            let sender = sender.clone();
            let spawned = std::thread::Builder::new().spawn(move || {
                let _ = sender.send(TcpStream::connect_timeout(&candidate, time));
            });
            match spawned {
                Ok(_) => under_way += 1,
                Err(error) => last = error,
            }
        }
        let is_more = waiting.peek().is_some();
        if under_way == 0 {
            if is_more {
                continue;
            }
            return Err(last);
        }
        match receiver.recv_timeout(if is_more { ATTEMPT_DELAY.min(time) } else { time }) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                under_way -= 1;
                last = error;
            }
            // The next one is tried beside it, or the time is over.
            Err(_) => {}
        }
    }
}

/// The time that is left.
fn left(until: Instant) -> Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// One of each family after the other, beginning with the first one's (RFC 8305, section 4).
fn in_turn(candidates: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_v6_first = candidates.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        candidates.iter().partition(|candidate| candidate.is_ipv6() == is_v6_first);
    let mut second = second.into_iter();
    let mut ordered: Vec<_> =
        first.into_iter().flat_map(|one| std::iter::once(one).chain(second.next())).collect();
    ordered.extend(second);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn soon(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn the_families_take_turns() {
        let [a, b, c] = ["192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443"].map(at);
        let [x, y] = ["[2001:db8::1]:443", "[2001:db8::2]:443"].map(at);
        assert_eq!(in_turn(&[x, y, a, b, c]), [x, a, y, b, c]);
        assert_eq!(in_turn(&[a, b, c, x]), [a, x, b, c]);
        assert_eq!(in_turn(&[a, b]), [a, b]);
        assert_eq!(in_turn(&[]), []);
    }

    #[test]
    fn the_last_of_many_addresses_is_reached() {
        // Nobody listens at the ports of those before: refused at once.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut candidates: Vec<_> =
            (2..40).map(|n| SocketAddr::from(([127, 9, 9, n], port))).collect();
        candidates.push(listener.local_addr().unwrap());
        assert!(connect(&candidates, soon(5)).is_ok());
    }

    /// What says nothing at all holds nobody up for longer than a moment. A full queue of
    /// connections is silent, as a host behind a firewall is.
    #[test]
    fn the_silent_are_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let mut held = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            held.push(stream);
        }
        let alive = TcpListener::bind("127.0.0.1:0").unwrap();
        let begun = Instant::now();
        let stream = connect(&[address, address, alive.local_addr().unwrap()], soon(10)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive.local_addr().unwrap());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let error = connect(&[address], soon(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn nothing_to_connect_to_is_said() {
        assert_eq!(connect(&[], soon(5)).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(connect(&[], Instant::now()).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
