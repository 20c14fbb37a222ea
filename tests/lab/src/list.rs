//! Who publishes the list of logs: `/log_list.json` and, of its bytes, `/log_list.sig`, RSA PKCS#1
//! v1.5 with SHA-256.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rcgen::{KeyPair, SigningKey};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::authority::{KeyShape, key};
use crate::http::{Request, Response};
use crate::log::rfc3339;

/// What the publisher does. The same words are the modes of the command `list`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conduct {
    /// The list as the lab has it.
    #[default]
    Good,
    /// The same list, published now.
    Newer,
    /// Signed, but published ten days before.
    Older,
    /// Signed, but published 71 days before: nobody goes by it any more.
    Stale,
    /// Signed by another key (A15).
    Forged,
    /// A log was put in after it was signed (A15).
    Tampered,
    /// Signed, but no list of logs.
    Malformed,
}

/// The publisher.
pub struct Publisher {
    key: KeyPair,
    good: String,
    published: OffsetDateTime,
    current: Mutex<Signed>,
}

#[derive(Clone)]
struct Signed {
    list: Vec<u8>,
    signature: Vec<u8>,
}

impl Publisher {
    /// One with a new key, and with a list that was published at `published`.
    pub fn new(good: String, published: OffsetDateTime) -> Self {
        let key = key(KeyShape::Rsa2048);
        let current = Mutex::new(signed(&key, good.clone().into()));
        Self { key, good, published, current }
    }

    /// The key that signs, in PEM.
    pub fn public_key(&self) -> String {
        self.key.public_key_pem()
    }

    /// The list.
    pub fn list(&self) -> Vec<u8> {
        self.lock().list.clone()
    }

    /// The signature over it.
    pub fn signature(&self) -> Vec<u8> {
        self.lock().signature.clone()
    }

    /// Tells it what to publish from now on.
    pub fn set_conduct(&self, conduct: Conduct) {
        let list = match conduct {
            Conduct::Good | Conduct::Forged => self.good.clone().into(),
            Conduct::Newer => self.published_at(OffsetDateTime::now_utc()),
            Conduct::Older => self.published_at(self.published - Duration::days(10)),
            Conduct::Stale => self.published_at(self.published - Duration::days(71)),
            Conduct::Tampered => self.published_at(self.published + Duration::MINUTE),
            Conduct::Malformed => json!({"version": 1, "operators": "none"}).to_string().into(),
        };
        *self.lock() = match conduct {
            Conduct::Forged => signed(&key(KeyShape::Rsa2048), list),
            Conduct::Tampered => Signed { list, ..signed(&self.key, self.good.clone().into()) },
            _ => signed(&self.key, list),
        };
    }

    /// The list or its signature.
    pub fn answer(&self, request: &Request) -> Response {
        match request.path() {
            "/log_list.json" => Response::new("200 OK", "application/json", self.list()),
            "/log_list.sig" => {
                Response::new("200 OK", "application/octet-stream", self.signature())
            }
            _ => Response::new("404 Not Found", "text/plain", "404 page not found\n"),
        }
    }

    fn published_at(&self, time: OffsetDateTime) -> Vec<u8> {
        let mut list: Value = serde_json::from_str(&self.good).expect("what the lab wrote");
        list["log_list_timestamp"] = rfc3339(time).into();
        list.to_string().into()
    }

    fn lock(&self) -> MutexGuard<'_, Signed> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signed(key: &KeyPair, list: Vec<u8>) -> Signed {
    let signature = key.sign(&list).expect("a signature");
    Signed { list, signature }
}
