//! What answers behind the doors: the home, another site and a look-alike, and how they can be made
//! slow or send people away.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tungstenite::Message;

use crate::door::Line;
use crate::http::{Request, Response, next_request};
use crate::journal::{Entry, Journal};
use crate::upstream::{self, Upstream};
use crate::{pages, websocket};

/// The kinds of server.
pub enum Site {
    /// The home, over TLS.
    Home,
    /// The home's pages over plain HTTP.
    Plain,
    /// Somebody else's site.
    Other {
        /// The certificate that it hands out to who looks for a missing one.
        issuer: Vec<u8>,
    },
    /// A host that looks like the home's.
    LookAlike,
}

/// Settings that change while the servers run.
#[derive(Default)]
pub struct Mood {
    delay: Mutex<Duration>,
    redirects: Mutex<HashMap<String, String>>,
    upstream: Mutex<Option<Upstream>>,
}

/// One server.
pub struct Host {
    site: Site,
    mood: Arc<Mood>,
    journal: Arc<Journal>,
}

impl Site {
    fn name(&self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Plain => "plain",
            Self::Other { .. } => "other",
            Self::LookAlike => "look-alike",
        }
    }

    fn is_home(&self) -> bool {
        matches!(self, Self::Home | Self::Plain)
    }
}

impl Mood {
    /// How long the home waits before each answer.
    pub fn set_delay(&self, delay: Duration) {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Lets a path of the home send people on.
    pub fn redirect(&self, path: String, to: String) {
        self.redirects.lock().unwrap_or_else(PoisonError::into_inner).insert(path, to);
    }

    /// Lets a real server answer for the home, or the lab's own pages again.
    pub fn set_upstream(&self, upstream: Option<Upstream>) {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    fn upstream(&self) -> Option<Upstream> {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delay(&self) -> Duration {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn redirect_of(&self, path: &str) -> Option<String> {
        self.redirects.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }
}

impl Host {
    /// A server that writes down all it is asked.
    pub fn new(site: Site, mood: Arc<Mood>, journal: Arc<Journal>) -> Self {
        Self { site, mood, journal }
    }

    /// Answers a connection until it ends.
    pub fn answer(&self, line: Line, presented: &str) {
        // A client that hangs up is part of the game.
        let _ = match line {
            Line::Tls(mut stream) => {
                let ended = stream
                    .sock
                    .try_clone()
                    .and_then(|socket| self.converse(&mut stream, &socket, presented));
                stream.conn.send_close_notify();
                ended.and(stream.flush())
            }
            Line::Plain(stream) => {
                stream.try_clone().and_then(|socket| self.converse(stream, &socket, presented))
            }
        };
    }

    /// `socket` is what `stream` stands on.
    fn converse(
        &self,
        mut stream: impl Read + Write,
        socket: &TcpStream,
        presented: &str,
    ) -> io::Result<()> {
        let mut buffer = Vec::new();
        while let Some(request) = next_request(&mut stream, &mut buffer)? {
            let upgrades = self.site.is_home()
                && request.path() == "/api/websocket"
                && request.wants_websocket();
            let n = self.journal.add(Entry {
                server: self.site.name().into(),
                n: 0,
                presented: presented.into(),
                method: request.method.clone(),
                target: request.target.clone(),
                headers: request.headers.clone(),
                body: String::from_utf8_lossy(&request.body).into_owned(),
                websocket: upgrades,
                messages: Vec::new(),
            });
            if self.site.is_home() {
                std::thread::sleep(self.mood.delay());
            }
            if matches!(self.site, Site::Home)
                && let Some(server) = self.mood.upstream()
                && self.mood.redirect_of(request.path()).is_none()
            {
                // What is said in a WebSocket is not taken apart; that something was said is
                // written down.
                let heard =
                    |count| self.journal.add_message(n, &format!("{count} bytes, passed on"));
                if !upstream::pass_on(&mut stream, socket, &request, &buffer, server, heard)? {
                    break;
                }
                continue;
            }
            if upgrades {
                return self.chat(stream, &request, buffer, n).map_err(io::Error::other);
            }
            self.response(&request).send(&mut stream, request.method == "HEAD")?;
            if request.is_last() {
                break;
            }
        }
        Ok(())
    }

    fn response(&self, request: &Request) -> Response {
        match &self.site {
            Site::Home | Site::Plain => match self.mood.redirect_of(request.path()) {
                Some(to) => Response::new("302 Found", "text/plain", "").with("location", &to),
                None => pages::home(request),
            },
            Site::Other { issuer } => pages::other(request, issuer),
            Site::LookAlike => pages::look_alike(request),
        }
    }

    /// A WebSocket as Home Assistant opens it: it asks for the token first. Then it says back what
    /// it hears.
    fn chat(
        &self,
        stream: impl Read + Write,
        request: &Request,
        buffer: Vec<u8>,
        n: u64,
    ) -> tungstenite::Result<()> {
        let mut socket = websocket::accept(stream, request, buffer)?;
        socket.send(Message::text(
            json!({"type": "auth_required", "ha_version": "2025.4.4"}).to_string(),
        ))?;
        loop {
            if let Message::Text(text) = socket.read()? {
                self.journal.add_message(n, &text);
                socket.send(Message::Text(text))?;
            }
        }
    }
}
