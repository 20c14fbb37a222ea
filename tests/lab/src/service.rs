//! A server of the public world: it writes down what it is asked, answers, and fails as it is told.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;

use crate::door::{Door, Line, Presented};
use crate::fault::Fault;
use crate::http::{Request, Response, next_request};
use crate::journal::{Entry, Journal};

/// How clients reach the servers.
#[derive(Clone)]
pub struct Reach {
    /// The host in URLs.
    pub host: String,
    /// The host that redirects lead to.
    pub other_host: String,
    /// TLS, or none for plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
}

/// A server on a port of loopback. It ends when it is dropped.
pub struct Service {
    name: String,
    url: String,
    door: Door,
    faults: Arc<Faults>,
}

/// Which paths fail, and how.
#[derive(Default)]
struct Faults {
    set: Mutex<Vec<Set>>,
}

struct Set {
    /// The beginning of the targets that it is for.
    path: String,
    fault: Fault,
    met: u32,
}

impl Reach {
    /// Plain HTTP, by the address.
    pub fn plain() -> Self {
        Self { host: "127.0.0.1".into(), other_host: "localhost".into(), tls: None }
    }

    /// The URL of a port, with a slash at the end.
    pub fn url(&self, listener: &TcpListener) -> io::Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}:{}/", self.host, listener.local_addr()?.port()))
    }
}

impl Service {
    /// Starts to answer.
    pub fn start(
        name: &str,
        listener: TcpListener,
        reach: &Reach,
        journal: Arc<Journal>,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let url = reach.url(&listener)?;
        let faults = Arc::new(Faults::default());
        let converse = {
            let (name, faults) = (name.to_owned(), Arc::clone(&faults));
            move |line, _: &str| {
                // A client that hangs up is part of the game.
                let _ = match line {
                    Line::Plain(stream) => converse(stream, &name, &journal, &faults, &answer),
                    Line::Tls(mut stream) => {
                        let ended = converse(&mut *stream, &name, &journal, &faults, &answer);
                        stream.conn.send_close_notify();
                        ended.and(stream.flush())
                    }
                };
            }
        };
        let presented = Presented { name: String::new(), tls: reach.tls.clone() };
        Ok(Self {
            name: name.into(),
            url,
            door: Door::new(listener, presented, Box::new(converse)),
            faults,
        })
    }

    /// What commands and the journal call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is, with a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets the paths that begin with `path` fail; `/` for all. Of several faults, the longest path
    /// goes first. Without a fault they heal.
    pub fn fail(&self, path: &str, fault: Option<Fault>) {
        let mut set = self.faults.lock();
        set.retain(|one| one.path != path);
        set.extend(fault.map(|fault| Set { path: path.into(), fault, met: 0 }));
        set.sort_by_key(|one| std::cmp::Reverse(one.path.len()));
    }

    /// Answers truly again, everywhere, and to everybody.
    pub fn heal(&self) -> io::Result<()> {
        self.faults.lock().clear();
        self.door.up()
    }

    /// Refuses connections, until it heals.
    pub fn down(&self) {
        self.door.down();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.door.close();
    }
}

impl Faults {
    /// The fault that a request meets.
    fn meet(&self, target: &str) -> Option<Fault> {
        let mut set = self.lock();
        let one = set.iter_mut().find(|one| target.starts_with(&one.path))?;
        one.met += 1;
        let past = one.met.checked_sub(one.fault.skip).filter(|past| *past > 0)?;
        one.fault.times.is_none_or(|times| past <= times).then(|| one.fault.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Set>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn converse(
    mut stream: impl Read + Write,
    name: &str,
    journal: &Journal,
    faults: &Faults,
    answer: &dyn Fn(&Request) -> Response,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut buffer)? {
        journal.add(Entry {
            server: name.into(),
            n: 0,
            presented: String::new(),
            method: request.method.clone(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            websocket: false,
            messages: Vec::new(),
        });
        let fault = faults.meet(&request.target).unwrap_or_default();
        let answer = fault.apply(answer(&request));
        if !fault.send(&answer, &mut stream, request.method == "HEAD")? || request.is_last() {
            break;
        }
    }
    Ok(())
}
