//! What the lab's servers were asked, in order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// A request as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Which server was asked.
    pub server: String,
    /// Its number; never used twice.
    pub n: u64,
    /// The scenario that the connection was accepted under.
    pub presented: String,
    /// `GET` and so on.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// By their names in lower case; those that come twice are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// The body, or the first 64 KB of it.
    pub body: String,
    /// True where it became a WebSocket.
    pub websocket: bool,
    /// The texts that came over the WebSocket.
    pub messages: Vec<String>,
}

/// All requests since the last [`Journal::clear`].
#[derive(Default)]
pub struct Journal {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    entries: Vec<Entry>,
}

impl Journal {
    /// Adds a request and returns its number.
    pub fn add(&self, entry: Entry) -> u64 {
        let mut inner = self.lock();
        inner.next += 1;
        let n = inner.next;
        inner.entries.push(Entry { n, ..entry });
        n
    }

    /// Adds a text to the WebSocket that request `n` became.
    pub fn add_message(&self, n: u64, text: &str) {
        if let Some(entry) = self.lock().entries.iter_mut().find(|entry| entry.n == n) {
            entry.messages.push(text.into());
        }
    }

    /// The requests so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// Forgets them.
    pub fn clear(&self) {
        self.lock().entries.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
