//! A log in memory, of either kind and of any size: all its leaves are the same but a few, so that
//! the hash of every subtree without one of those is known by its level alone. It is the
//! [`Platform`] too, counts what is asked of it, and misbehaves on demand. Its signatures are
//! hashes: what is tried here is what the core makes of answers.

#![allow(dead_code, reason = "each user has its own part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a simulation that fails panics")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use doorlight::ct::checkpoint;
use doorlight::ct::heads::Heads;
use doorlight::ct::log_list::{Access, Log};
use doorlight::ct::merkle::{
    EMPTY_ROOT, NodeHash, Span, Subtree, consistency_spans, fold, inclusion_spans, leaf_hash,
    node_hash, peaks,
};
use doorlight::ct::publication::{Promise, Promises, Publication, audit};
use doorlight::ct::sct::{Sct, SignedEntry};
use doorlight::ct::tree_head::TreeHead;
use doorlight::fetch::{Answer, FetchError, Get, Platform};
use doorlight::time::{DAY, Timestamp};
use doorlight::x509::fingerprint::SpkiSha256;
use doorlight::x509::signature::SignatureCheck;
use serde_json::json;

/// Runs a future that never waits for anything outside.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// When everything here takes place.
pub fn now() -> Timestamp {
    Timestamp::from_secs(1_795_348_800)
}

/// What a misbehaving log, or somebody on the way, makes of a question and the honest answer;
/// `None` leaves it.
pub type Meddler = Box<dyn Fn(&str, &Answer) -> Option<Result<Answer, FetchError>>>;

/// The log.
pub struct SimulatedLog {
    pub is_tiled: bool,
    pub size: u64,
    /// How many entries the tiles on disk are of, where that is more: a log that answers with an
    /// older head.
    pub stored: u64,
    /// Leaves that are not the filler.
    pub leaves: BTreeMap<u64, NodeHash>,
    pub head_at: Timestamp,
    pub promised_at: Timestamp,
    /// Where the SCT says that the entry stands.
    pub index: u64,
    pub key: u8,
    pub meddler: Meddler,
    filler: Vec<NodeHash>,
    pub kept: RefCell<BTreeMap<String, Vec<u8>>>,
    pub requests: Cell<u64>,
    pub bytes: Cell<u64>,
    pub hits: Cell<u64>,
    pub slept: Cell<Duration>,
}

const FILLER: &[u8] = b"somebody else's certificate";

impl SimulatedLog {
    /// An honest log that holds the entry at `index`.
    pub fn new(is_tiled: bool, size: u64, index: u64) -> Self {
        let mut filler = vec![leaf_hash(FILLER)];
        for level in 0..62 {
            filler.push(node_hash(&filler[level], &filler[level]));
        }
        let mut log = Self {
            is_tiled,
            size,
            stored: 0,
            leaves: BTreeMap::new(),
            head_at: now().minus(Duration::from_secs(60)),
            promised_at: now().minus(3 * DAY),
            index,
            key: 1,
            meddler: Box::new(|_, _| None),
            filler,
            kept: RefCell::default(),
            requests: Cell::default(),
            bytes: Cell::default(),
            hits: Cell::default(),
            slept: Cell::default(),
        };
        log.publish();
        log
    }

    /// Puts the entry where its SCT says.
    pub fn publish(&mut self) {
        let hash = self.sct().leaf_hash(&entry());
        self.leaves.insert(self.index, hash);
    }

    pub fn meddle(
        &mut self,
        meddler: impl Fn(&str, &Answer) -> Option<Result<Answer, FetchError>> + 'static,
    ) {
        self.meddler = Box::new(meddler);
    }

    fn spki(&self) -> Vec<u8> {
        let header = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        [&header[..], &[1; 64]].concat()
    }

    pub fn log(&self) -> Log {
        let spki = self.spki();
        let access = if self.is_tiled {
            Access::Tiled {
                submission_url: "https://log.example/2026".into(),
                monitoring_url: "https://mon.log.example/2026".into(),
            }
        } else {
            Access::Rfc6962 { url: "https://log.example/2026".into() }
        };
        Log {
            id: *SpkiSha256::of(&spki).as_bytes(),
            spki,
            description: "Simulated".into(),
            operator: "Nobody".into(),
            previous_operators: Vec::new(),
            state: None,
            access: Some(access),
            mmd: DAY,
        }
    }

    pub fn sct(&self) -> Sct {
        let extension: &[u8] = if self.is_tiled { &[0, 0, 5] } else { &[] };
        let index = if self.is_tiled { &self.index.to_be_bytes()[3..] } else { &[] };
        let extensions = [extension, index].concat();
        let mut sct = vec![0];
        sct.extend(self.log().id);
        sct.extend(self.promised_at.millis().to_be_bytes());
        sct.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        sct.extend(extensions);
        sct.extend([4, 3, 0, 1, 0]);
        Sct::parse(&sct).unwrap()
    }

    pub fn promises(&self) -> Promises {
        Promises::Entry {
            entry: entry(),
            promises: vec![Promise { sct: self.sct(), log: self.log() }],
        }
    }

    pub fn audit(&self, heads: &Heads) -> Publication {
        block_on(audit(self, &self.promises(), heads, now()))
    }

    pub fn subtree(&self, subtree: Subtree) -> NodeHash {
        let Subtree { level, index } = subtree;
        let (first, last) = (index << level, ((index + 1) << level) - 1);
        if self.leaves.range(first..=last).next().is_none() {
            return self.filler[usize::try_from(level).unwrap()];
        }
        match level.checked_sub(1) {
            None => self.leaves[&index],
            Some(level) => {
                let half = |index| self.subtree(Subtree { level, index });
                node_hash(&half(index * 2), &half(index * 2 + 1))
            }
        }
    }

    fn span(&self, span: &Span) -> Option<NodeHash> {
        fold(&span.iter().map(|one| self.subtree(*one)).collect::<Vec<_>>())
    }

    pub fn root(&self, size: u64) -> NodeHash {
        self.span(&peaks(size)).unwrap_or(EMPTY_ROOT)
    }

    fn sign(&self, head: &TreeHead) -> Vec<u8> {
        let signature = signature(&self.spki()[26..], &head.signed_data(), self.key);
        [&[4, 3, 0, 32][..], &signature].concat()
    }

    fn base64(&self, spans: &[Span]) -> Vec<String> {
        spans.iter().map(|span| Base64::encode_string(&self.span(span).unwrap())).collect()
    }

    fn honest(&self, url: &str) -> Answer {
        let path = url.split_once("/2026/").map_or("", |(_, path)| path);
        let found = if self.is_tiled { self.tiled(path) } else { self.rfc6962(path) };
        Answer {
            status: if found.is_some() { 200 } else { 404 },
            retry_after: None,
            body: found.unwrap_or_default(),
        }
    }

    fn tiled(&self, path: &str) -> Option<Vec<u8>> {
        let head = TreeHead::new(self.head_at.millis(), self.size, self.root(self.size)).unwrap();
        if path == "checkpoint" {
            let origin = "log.example/2026";
            let mut signature = checkpoint::key_id(origin, &self.log().id).to_vec();
            signature.extend(head.timestamp.millis().to_be_bytes());
            signature.extend(self.sign(&head));
            let (root, signature) =
                (Base64::encode_string(&head.root), Base64::encode_string(&signature));
            let note = format!(
                "{origin}\n{}\n{root}\n\n\u{2014} grease.invalid AAAAAAA=\n\u{2014} {origin} {signature}\n",
                head.size
            );
            return Some(note.into_bytes());
        }
        let (level, name) = path.strip_prefix("tile/")?.split_once('/')?;
        let (name, width) = name.split_once(".p/").unwrap_or((name, "256"));
        let level: u32 = level.parse().ok()?;
        let index = name.split('/').fold(0, |sum, group| {
            sum * 1000 + group.trim_start_matches('x').parse::<u64>().unwrap()
        });
        let width: u64 = width.parse().ok()?;
        let first = index * 256;
        let hashes = first..first + width;
        let exist = hashes.end <= self.size.max(self.stored) >> (8 * level);
        exist.then(|| {
            hashes.flat_map(|index| self.subtree(Subtree { level: 8 * level, index })).collect()
        })
    }

    fn rfc6962(&self, path: &str) -> Option<Vec<u8>> {
        let (what, query) = path.strip_prefix("ct/v1/")?.split_once('?').unwrap_or((path, ""));
        let what = what.strip_prefix("ct/v1/").unwrap_or(what);
        let arguments: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|one| one.split_once('='))
            .map(|(name, value)| {
                (name, value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="))
            })
            .collect();
        let number = |name: &str| arguments[name].parse::<u64>().unwrap();
        let answer = match what {
            "get-sth" => {
                let head =
                    TreeHead::new(self.head_at.millis(), self.size, self.root(self.size)).unwrap();
                json!({
                    "tree_size": head.size, "timestamp": head.timestamp.millis(),
                    "sha256_root_hash": Base64::encode_string(&head.root),
                    "tree_head_signature": Base64::encode_string(&self.sign(&head)),
                })
            }
            "get-proof-by-hash" => {
                let hash: NodeHash =
                    Base64::decode_vec(&arguments["hash"]).unwrap().try_into().unwrap();
                let size = number("tree_size");
                let own = self.leaves.iter().find(|(index, leaf)| **leaf == hash && **index < size);
                let index = match own {
                    Some((index, _)) => *index,
                    None if hash == self.filler[0] => size - 1,
                    None => return None,
                };
                json!({ "leaf_index": index, "audit_path": self.base64(&inclusion_spans(index, size)) })
            }
            "get-sth-consistency" => {
                json!({ "consistency": self.base64(&consistency_spans(number("first"), number("second"))) })
            }
            "get-entries" => json!({
                "entries": [{ "leaf_input": Base64::encode_string(FILLER), "extra_data": "" }],
            }),
            _ => return None,
        };
        Some(answer.to_string().into_bytes())
    }
}

/// What everybody here promised to publish.
pub fn entry() -> SignedEntry {
    SignedEntry::Certificate(b"the home's certificate".to_vec())
}

fn signature(key: &[u8], message: &[u8], by: u8) -> NodeHash {
    leaf_hash(&[&[by], key, message].concat())
}

impl Platform for SimulatedLog {
    async fn get(&self, get: &Get) -> Result<Answer, FetchError> {
        if let Some(body) = self.kept.borrow().get(&get.url).filter(|_| get.is_immutable) {
            self.hits.set(self.hits.get() + 1);
            return Ok(Answer { status: 200, retry_after: None, body: body.clone() });
        }
        let honest = self.honest(&get.url);
        let answer = (self.meddler)(&get.url, &honest).unwrap_or(Ok(honest))?;
        self.requests.set(self.requests.get() + 1);
        self.bytes.set(self.bytes.get() + answer.body.len() as u64);
        Ok(answer)
    }

    async fn keep(&self, get: &Get, body: &[u8]) {
        assert!(get.is_immutable, "{} may change", get.url);
        self.kept.borrow_mut().insert(get.url.clone(), body.to_vec());
    }

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        checks.iter().map(|one| signature(&one.key, &one.message, 1)[..] == one.signature).collect()
    }

    async fn sleep(&self, time: Duration) {
        self.slept.set(self.slept.get() + time);
    }
}
