//! Logs: they sign, queue what they signed, merge it into a tree and sign the tree's head; and they
//! can be told to cheat.
//!
//! The tree begins with entries of other people, the fillers, so that there are full tiles and more
//! than one level. They cost nothing until somebody asks for the tree.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use base64ct::{Base64, Encoding};
use rcgen::{CertificateParams, KeyPair, PublicKeyData, SigningKey};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::authority::{KeyShape, key};
use crate::tree::{self, Hash};

/// How many entries of other people a log of RFC 6962 begins with.
const FILLERS: u64 = 300;

/// 2026-01-01, in milliseconds: the first filler; the others follow by the second.
const FIRST_FILLER: u64 = 1_767_225_600_000;

/// The filler that a second history has another entry for.
const FORKED_FILLER: usize = 1;

/// A log. A copy is the same log.
#[derive(Clone)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// Who runs it.
    pub operator: String,
    shared: Arc<Shared>,
}

/// What a log of the lab does. The same words are the modes of the command `log`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conduct {
    /// Tells the truth, and merges at once, what waited too.
    #[default]
    Good,
    /// Signs, and merges when it is told to.
    Pending,
    /// Signs from now on and never merges (A7). Where the entry should be, another one stands.
    Withhold,
    /// Shows a second history under heads of its own (A8): of the same size, with another root.
    /// What is submitted meanwhile is only in there.
    Fork,
    /// Its heads are a week old.
    Stale,
    /// Its heads are from tomorrow.
    Future,
    /// The signatures under its heads are another message's.
    BadSignature,
    /// One bit of every proof, and of every tile, is wrong.
    WrongProof,
    /// Answers of the right kind with numbers that are none, hashes of the wrong length, proofs
    /// without end, and tiles that are cut off.
    Garbled,
    /// Shows the tree as it was before anything was submitted, under new heads.
    Rollback,
}

/// Who gets to see an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// Everybody.
    ToAll,
    /// Nobody: an SCT without an entry.
    ToNobody,
    /// Who is shown the second history.
    InTheFork,
}

/// What an authority hands in.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// The SPKI of the key that will sign the certificate.
    pub issuer_spki: &'a [u8],
    /// The certificate's TBS without the SCT list.
    pub tbs: &'a [u8],
    /// The precertificate.
    pub precertificate: &'a [u8],
    /// Its issuers, in DER.
    pub chain: &'a [Vec<u8>],
}

/// A head of a tree, before it is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// How many entries.
    pub size: u64,
    /// When, in milliseconds.
    pub timestamp: u64,
    /// The root.
    pub root: Hash,
}

/// An entry, as both kinds of log give it out.
#[derive(Clone)]
pub struct Entry {
    /// MerkleTreeLeaf (RFC 6962 section 3.4).
    pub leaf: Vec<u8>,
    /// The precertificate; none where the leaf has a certificate.
    pub precertificate: Option<Vec<u8>>,
    /// The issuers, in DER.
    pub chain: Vec<Vec<u8>>,
}

/// The tree as who asks now gets to see it.
pub struct View {
    hashes: Vec<Hash>,
}

/// What stands at a place of the tree.
#[derive(Clone, Copy)]
enum Place {
    /// A filler; a variant but 0 is another one in its place, or in an entry's.
    Filler { index: usize, variant: u64 },
    /// The `n`th that was handed in.
    Queued(usize),
}

struct Shared {
    key: KeyPair,
    is_rsa: bool,
    is_tiled: bool,
    fillers: u64,
    filler_certificate: OnceLock<Vec<u8>>,
    filler_hashes: OnceLock<Vec<Hash>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    origin: Option<String>,
    conduct: Conduct,
    queue: Vec<Queued>,
    /// How many of the queue are in the tree.
    merged: usize,
    /// The sizes that heads were given out for.
    published: BTreeSet<u64>,
}

struct Queued {
    entry: Entry,
    hash: Hash,
    shown: Shown,
}

impl Log {
    /// A new log of RFC 6962; P-256 or RSA, as its section 2.1.4 has it.
    pub fn new(name: &str, operator: &str, shape: KeyShape) -> Self {
        Self::with(name, operator, shape, false, FILLERS)
    }

    /// A new log of static-ct-api, whose first own entry is the `leaf_index`th (40 bits). One that
    /// is to be asked should begin with few thousand.
    pub fn tiled(name: &str, operator: &str, leaf_index: u64) -> Self {
        Self::with(name, operator, KeyShape::P256, true, leaf_index)
    }

    fn with(name: &str, operator: &str, shape: KeyShape, is_tiled: bool, fillers: u64) -> Self {
        let is_rsa = matches!(shape, KeyShape::Rsa2048 | KeyShape::Rsa4096);
        let shared = Shared {
            key: key(shape),
            is_rsa,
            is_tiled,
            fillers,
            filler_certificate: OnceLock::new(),
            filler_hashes: OnceLock::new(),
            state: Mutex::default(),
        };
        Self { name: name.into(), operator: operator.into(), shared: Arc::new(shared) }
    }

    /// What commands and paths call it: the last word of its name that is not in brackets, in lower
    /// case.
    pub fn slug(&self) -> String {
        let name = self.name.split('(').next().unwrap_or_default();
        name.split_whitespace().last().unwrap_or_default().to_ascii_lowercase()
    }

    /// True for one of static-ct-api.
    pub fn is_tiled(&self) -> bool {
        self.shared.is_tiled
    }

    /// The public key, SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        self.shared.key.subject_public_key_info()
    }

    /// SHA-256 of the key.
    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(self.spki()).into()
    }

    /// Tells it what to do from now on.
    pub fn set_conduct(&self, conduct: Conduct) {
        self.lock().conduct = conduct;
        if conduct == Conduct::Good {
            self.merge();
        }
    }

    /// What it does.
    pub fn conduct(&self) -> Conduct {
        self.lock().conduct
    }

    /// Puts what waits into the tree.
    pub fn merge(&self) {
        let mut state = self.lock();
        state.merged = state.queue.len();
    }

    /// Says where it is served: `http://…/`, with a slash at the end.
    pub fn serve_at(&self, origin: &str) {
        self.lock().origin = Some(origin.into());
    }

    /// Where things are handed in; for a log of RFC 6962 also where they are asked for.
    pub fn submission_url(&self) -> String {
        format!("{}{}/", self.origin(), self.slug())
    }

    /// Where its tiles are. Not the same place, so that a client cannot mix them up unnoticed.
    pub fn monitoring_url(&self) -> String {
        format!("{}{}-tiles/", self.origin(), self.slug())
    }

    fn origin(&self) -> String {
        self.lock().origin.clone().unwrap_or_else(|| "https://log.test/".into())
    }

    /// Takes a precertificate, as its conduct is, and gives an SCT (RFC 6962 section 3.2).
    pub fn submit(&self, at: OffsetDateTime, submission: &Submission<'_>) -> Vec<u8> {
        let shown = match self.conduct() {
            Conduct::Withhold => Shown::ToNobody,
            Conduct::Fork => Shown::InTheFork,
            _ => Shown::ToAll,
        };
        self.submit_for(shown, at, submission)
    }

    /// The same for an entry that only some get to see.
    pub fn submit_for(
        &self,
        shown: Shown,
        at: OffsetDateTime,
        submission: &Submission<'_>,
    ) -> Vec<u8> {
        let mut state = self.lock();
        let index = self.shared.fillers + u64::try_from(state.queue.len()).expect("small");
        let extensions = self.extensions(index);
        let timestamp = millis(at);
        // What an SCT signs and what a leaf holds differ in name only: version 0, then a signature
        // type or a leaf type of 0, then the entry.
        let leaf = [
            &[0, 0][..],
            &timestamp.to_be_bytes(),
            &[0, 1],
            &Sha256::digest(submission.issuer_spki),
            &with_length_of_24_bits(submission.tbs),
            &with_length_of_16_bits(&extensions),
        ]
        .concat();
        let sct = self.serialize(&timestamp.to_be_bytes(), &extensions, &self.sign_raw(&leaf));
        let hash = tree::leaf_hash(&leaf);
        let (precertificate, chain) =
            (Some(submission.precertificate.to_vec()), submission.chain.to_vec());
        state.queue.push(Queued { entry: Entry { leaf, precertificate, chain }, hash, shown });
        if state.conduct != Conduct::Pending {
            state.merged = state.queue.len();
        }
        sct
    }

    /// An SCT whose signature is invented.
    pub fn invent(&self, at: OffsetDateTime) -> Vec<u8> {
        self.serialize(&millis(at).to_be_bytes(), &[], &self.sign_raw(b"something else"))
    }

    /// The tree as who asks now gets to see it.
    pub fn view(&self) -> View {
        let state = self.lock();
        let hash = |place| match place {
            Place::Filler { index, variant: 0 } => self.filler_hashes()[index],
            Place::Filler { index, variant } => tree::leaf_hash(&self.filler(index, variant).leaf),
            Place::Queued(n) => state.queue[n].hash,
        };
        View { hashes: self.places(&state).map(hash).collect() }
    }

    /// The entries of that tree from the `start`th, at most `count`.
    pub fn entries(&self, start: usize, count: usize) -> Vec<Entry> {
        let state = self.lock();
        let entry = |place| match place {
            Place::Filler { index, variant } => self.filler(index, variant),
            Place::Queued(n) => state.queue[n].entry.clone(),
        };
        self.places(&state).skip(start).take(count).map(entry).collect()
    }

    /// What stands where.
    fn places<'a>(&self, state: &'a State) -> impl Iterator<Item = Place> + use<'a> {
        let fillers = usize::try_from(self.shared.fillers).expect("few");
        let is_forked = state.conduct == Conduct::Fork;
        let merged = if state.conduct == Conduct::Rollback { 0 } else { state.merged };
        let first = (0..fillers).map(move |index| Place::Filler {
            index,
            variant: if is_forked && index == FORKED_FILLER { 1 } else { 0 },
        });
        let queued = (0..).zip(&state.queue[..merged]).map(move |(n, queued)| match queued.shown {
            Shown::ToAll => Place::Queued(n),
            Shown::InTheFork if is_forked => Place::Queued(n),
            _ => Place::Filler { index: fillers + n, variant: 2 },
        });
        first.chain(queued)
    }

    /// The head of a view, of now or of when its conduct has it; and notes that it was given out.
    pub fn head(&self, view: &View) -> Head {
        let now = OffsetDateTime::now_utc();
        let mut state = self.lock();
        let at = match state.conduct {
            Conduct::Stale => now - Duration::WEEK,
            Conduct::Future => now + Duration::DAY,
            _ => now,
        };
        state.published.insert(view.size());
        Head { size: view.size(), timestamp: millis(at), root: tree::root(&view.hashes) }
    }

    /// True where a head of that size was given out.
    pub fn has_published(&self, is_such: impl Fn(u64) -> bool) -> bool {
        self.lock().published.iter().any(|size| is_such(*size))
    }

    /// The signature under a head: TreeHeadSignature (RFC 6962 section 3.5) in a digitally-signed
    /// struct.
    pub fn sign_head(&self, head: &Head) -> Vec<u8> {
        let mut signed =
            [&[0, 1][..], &head.timestamp.to_be_bytes(), &head.size.to_be_bytes(), &head.root]
                .concat();
        if self.conduct() == Conduct::BadSignature {
            signed[2] ^= 1;
        }
        self.digitally_signed(&self.sign_raw(&signed))
    }

    /// A filler, or another entry that may stand in its place.
    fn filler(&self, index: usize, variant: u64) -> Entry {
        let index = u64::try_from(index).expect("40 bits");
        let certificate = self.shared.filler_certificate.get_or_init(|| {
            let params = CertificateParams::new(vec!["somebody-else.test".into()]).expect("a name");
            params.self_signed(&key(KeyShape::P256)).expect("a certificate").der().to_vec()
        });
        let timestamp = FIRST_FILLER + index * 1_000 + variant;
        let leaf = [
            &[0, 0][..],
            &timestamp.to_be_bytes(),
            &[0, 0],
            &with_length_of_24_bits(certificate),
            &with_length_of_16_bits(&self.extensions(index)),
        ]
        .concat();
        Entry { leaf, precertificate: None, chain: Vec::new() }
    }

    fn filler_hashes(&self) -> &[Hash] {
        self.shared.filler_hashes.get_or_init(|| {
            (0..usize::try_from(self.shared.fillers).expect("few"))
                .map(|index| tree::leaf_hash(&self.filler(index, 0).leaf))
                .collect()
        })
    }

    /// CtExtensions with `leaf_index` (static-ct-api), where the log is one of those.
    fn extensions(&self, index: u64) -> Vec<u8> {
        if self.shared.is_tiled {
            [&[0, 0, 5][..], &index.to_be_bytes()[3..]].concat()
        } else {
            Vec::new()
        }
    }

    fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        self.shared.key.sign(message).expect("a signature")
    }

    fn serialize(&self, timestamp: &[u8; 8], extensions: &[u8], signature: &[u8]) -> Vec<u8> {
        let extensions = with_length_of_16_bits(extensions);
        [&[0][..], &self.id(), timestamp, &extensions, &self.digitally_signed(signature)].concat()
    }

    fn digitally_signed(&self, signature: &[u8]) -> Vec<u8> {
        // SHA-256 with RSA or ECDSA (RFC 5246 section 7.4.1.4.1)
        let scheme = if self.shared.is_rsa { [4, 1] } else { [4, 3] };
        [&scheme[..], &with_length_of_16_bits(signature)].concat()
    }

    /// The log's entry in a v3 list.
    fn entry(&self, state: &str, since: OffsetDateTime, published: OffsetDateTime) -> Value {
        let mut states = serde_json::Map::new();
        states.insert(state.into(), json!({"timestamp": rfc3339(since)}));
        let mut entry = json!({
            "description": self.name,
            "log_id": Base64::encode_string(&self.id()),
            "key": Base64::encode_string(&self.spki()),
            "mmd": if self.is_tiled() { 60 } else { 86_400 },
            "state": states,
            "temporal_interval": {
                "start_inclusive": rfc3339(published - Duration::days(3 * 365)),
                "end_exclusive": rfc3339(published + Duration::days(3 * 365)),
            },
        });
        if self.is_tiled() {
            entry["submission_url"] = self.submission_url().into();
            entry["monitoring_url"] = self.monitoring_url().into();
        } else {
            entry["url"] = self.submission_url().into();
        }
        entry
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Log").field(&self.name).finish()
    }
}

impl View {
    /// How many entries.
    pub fn size(&self) -> u64 {
        u64::try_from(self.hashes.len()).expect("small")
    }

    /// The hashes of the leaves.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }
}

fn millis(time: OffsetDateTime) -> u64 {
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("after 1970")
}

/// `opaque<0..2^16-1>`.
pub fn with_length_of_16_bits(value: &[u8]) -> Vec<u8> {
    [&u16::try_from(value.len()).expect("short").to_be_bytes()[..], value].concat()
}

/// `opaque<0..2^24-1>`.
pub fn with_length_of_24_bits(value: &[u8]) -> Vec<u8> {
    [&u32::try_from(value.len()).expect("short").to_be_bytes()[1..], value].concat()
}

/// RFC 3339, to the second.
pub fn rfc3339(time: OffsetDateTime) -> String {
    time.replace_nanosecond(0)
        .expect("zero is in range")
        .format(&Rfc3339)
        .expect("a year of four digits")
}

/// A v3 list, published at `published`, of logs with their states and since when they have them.
pub fn log_list(published: OffsetDateTime, logs: &[(&Log, &str, OffsetDateTime)]) -> String {
    let mut operators: Vec<Value> = Vec::new();
    for (log, state, since) in logs {
        let field = if log.is_tiled() { "tiled_logs" } else { "logs" };
        let entry = log.entry(state, *since, published);
        match operators.iter_mut().find(|operator| operator["name"] == log.operator.as_str()) {
            Some(operator) => operator[field].as_array_mut().expect("an array").push(entry),
            None => {
                let mut operator =
                    json!({"name": log.operator, "email": [], "logs": [], "tiled_logs": []});
                operator[field].as_array_mut().expect("an array").push(entry);
                operators.push(operator);
            }
        }
    }
    json!({"version": "1.0", "log_list_timestamp": rfc3339(published), "operators": operators})
        .to_string()
}
