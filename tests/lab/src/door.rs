//! A port on loopback whose certificate can be swapped, which can go down and come back, hang, and
//! hang up on everybody.

use std::collections::HashMap;
use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// What a connection gets to see.
#[derive(Clone)]
pub struct Presented {
    /// The scenario's name; empty where there is only one.
    pub name: String,
    /// TLS, or none for plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
}

/// How many connections there were.
#[derive(Default)]
pub struct Counts {
    /// TCP connections.
    pub accepted: AtomicU64,
    /// TLS handshakes that the client completed.
    pub handshakes: AtomicU64,
}

/// A connection that is ready for requests.
pub enum Line {
    /// Over TLS.
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
    /// Without.
    Plain(TcpStream),
}

/// What answers on a connection; gets the name of what was presented too.
pub type Answer = dyn Fn(Line, &str) + Send + Sync;

/// A port and the connections that came in by it.
///
/// The port is its own as long as it lives, also while it refuses connections: a socket holds it
/// that does not listen. Otherwise it would be free for the servers of other tests.
pub struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
    open: Mutex<Option<Open>>,
    /// What holds the port while it is down.
    held: Mutex<Option<Socket>>,
}

struct Shared {
    counts: Counts,
    state: Mutex<State>,
    answer: Box<Answer>,
}

struct State {
    presented: Presented,
    hangs: bool,
    next: u64,
    live: HashMap<u64, TcpStream>,
}

/// The thread that accepts, while the port is up.
struct Open {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Door {
    /// Lets everyone in who comes to `listener`.
    pub fn new(listener: TcpListener, presented: Presented, answer: Box<Answer>) -> Self {
        let address = listener.local_addr().expect("an address");
        let state = Mutex::new(State { presented, hangs: false, next: 0, live: HashMap::new() });
        let shared = Arc::new(Shared { counts: Counts::default(), state, answer });
        let open = Mutex::new(Some(accept(listener, &shared)));
        Self { address, shared, open, held: Mutex::default() }
    }

    /// How many came.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Swaps what new connections see.
    ///
    /// The live ones are closed in the same moment, unless they are kept: none that was let in
    /// before outlives the swap.
    pub fn present(&self, presented: Presented, keep: bool) {
        let mut state = self.shared.lock();
        state.presented = presented;
        if !keep {
            state.close_live();
        }
    }

    /// Accepts and says nothing, or stops doing so. Closes the live connections either way.
    pub fn hang(&self, hangs: bool) {
        let mut state = self.shared.lock();
        state.hangs = hangs;
        state.close_live();
    }

    /// Hangs up on everybody.
    pub fn close_live(&self) {
        self.shared.lock().close_live();
    }

    /// Refuses connections, and hangs up on everybody.
    pub fn down(&self) {
        self.close();
        let mut held = self.lock_held();
        let mut tries = 0..50;
        // What was just closed may not have gone yet.
        while held.is_none() && tries.next().is_some() {
            *held = hold(self.address).ok();
            if held.is_none() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// The same for good: the port is anybody's.
    pub fn close(&self) {
        if let Some(open) = self.lock_open().take() {
            open.stop.store(true, Ordering::SeqCst);
            // Wakes the accept.
            let _ = TcpStream::connect(self.address);
            let _ = open.thread.join();
        }
        self.close_live();
    }

    /// Listens again, on the same port.
    pub fn up(&self) -> std::io::Result<()> {
        let mut open = self.lock_open();
        if open.is_none() {
            let held = self.lock_held().take();
            let socket = held.map_or_else(|| hold(self.address), Ok)?;
            // The connections of before may not have gone yet.
            socket.set_reuse_address(true)?;
            socket.listen(128)?;
            *open = Some(accept(socket.into(), &self.shared));
        }
        Ok(())
    }

    fn lock_held(&self) -> MutexGuard<'_, Option<Socket>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the connection as live, and shows it to what answers.
    fn let_in(self: &Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        self.counts.accepted.fetch_add(1, Ordering::SeqCst);
        stream.set_nodelay(true)?;
        let copy = stream.try_clone()?;
        // Under one lock, so that a swap comes either before this connection or closes it.
        let mut state = self.lock();
        let n = state.next;
        state.next += 1;
        state.live.insert(n, copy);
        let (presented, hangs) = (state.presented.clone(), state.hangs);
        drop(state);
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            // A client that hangs up or objects is part of the game.
            let _ = if hangs { swallow(stream) } else { shared.serve(stream, presented) };
            shared.lock().live.remove(&n);
        });
        Ok(())
    }

    fn serve(&self, mut stream: TcpStream, presented: Presented) -> std::io::Result<()> {
        let line = match presented.tls {
            None => Line::Plain(stream),
            Some(config) => {
                let mut connection =
                    ServerConnection::new(config).map_err(std::io::Error::other)?;
                while connection.is_handshaking() {
                    // Takes the alert along that says why the handshake failed.
                    connection.complete_io(&mut stream)?;
                }
                self.counts.handshakes.fetch_add(1, Ordering::SeqCst);
                Line::Tls(Box::new(StreamOwned::new(connection, stream)))
            }
        };
        (self.answer)(line, &presented.name);
        Ok(())
    }
}

impl State {
    fn close_live(&mut self) {
        for (_, stream) in self.live.drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Takes a port without listening there.
fn hold(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // From here on: another may come to a port that is not listened on if both allow it.
    socket.set_reuse_address(false)?;
    Ok(socket)
}

fn accept(listener: TcpListener, shared: &Arc<Shared>) -> Open {
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (stop, shared) = (Arc::clone(&stop), Arc::clone(shared));
        move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                if stream.and_then(|stream| shared.let_in(stream)).is_err() {
                    // Out of descriptors, most likely: some will be free again.
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
    });
    Open { stop, thread }
}

/// Reads and says nothing, until the connection ends.
fn swallow(mut stream: TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 4096])? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_port_that_is_down_is_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let presented = Presented { name: String::new(), tls: None };
        let answer = |line, _: &str| {
            if let Line::Plain(mut stream) = line {
                let _ = stream.write_all(b"here");
            }
        };
        let door = Door::new(listener, presented, Box::new(answer));
        let call = || -> std::io::Result<String> {
            let mut said = String::new();
            TcpStream::connect(address)?.read_to_string(&mut said)?;
            Ok(said)
        };
        for _ in 0..50 {
            assert_eq!(call().unwrap(), "here");
            door.down();
            assert_eq!(call().unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
            assert!(TcpListener::bind(address).is_err(), "somebody else took it");
            door.up().unwrap();
        }
    }
}
