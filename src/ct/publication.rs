//! Was it published? The one way from a leaf's SCTs to proof that the logs kept their promise.
//!
//! ```text
//! Promises ──► for each log: a signed head ──► consistent with every head seen before?   consistency (A8)
//!                                        └───► is the entry in it?                       inclusion   (A7)
//! ```
//!
//! **What is a failure and what is not.** Everything on the way may be cut off, slow, altered or
//! made up by somebody between here and the log. So an answer counts against a log only where the
//! log's own signatures say so, or where it answers rightly about everything but this entry:
//!
//! | found | said |
//! |---|---|
//! | a proof that leads to a signed head | proven |
//! | the head is younger than the SCT's time + MMD, and the entry is not in it | pending: RFC 6962 section 3 gives the log that long |
//! | tiled: the head need hold the entry, and is too small for the SCT's leaf index | missing: two signatures say so |
//! | tiled: … and holds another entry at the index, by tiles that lead to the signed root | missing: two signatures say so |
//! | RFC 6962: … and the log says 404 to the hash, proves its newest entry *by the same question*, and says 404 again | missing |
//! | two signed heads that exclude each other, with the proof | contradiction, kept for ever |
//! | a proof that is wrong, or none | not checked: it shows that an answer was bad, not whose fault that is |
//! | no answer, an error, a limit, a head too old or from the future | not checked |
//!
//! RFC 6962 has no signed "no", so its row rests on a log that works: the control question tells
//! "does not have it" from "has moved", "is broken" and "its index lags". Whether the head need
//! hold the entry is decided by the log's own times (SCT and head), never by this device's clock.
//!
//! A head counts as the log's present word until [`HEAD_AGE`] beyond the MMD, by which a log has to
//! sign a new one (RFC 6962 section 3.5). A frozen log (read-only) signs no more: there an old head
//! may prove, and nothing else.

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ct::checkpoint::{self, MAX_CHECKPOINT};
use crate::ct::heads::{Contradiction, Heads, SeenLog};
use crate::ct::log_list::{Access, Log, StateKind};
use crate::ct::merkle::{
    NodeHash, ProofError, Span, Subtree, consistency_roots, consistency_spans, inclusion_spans,
    verify_consistency, verify_inclusion,
};
use crate::ct::rfc6962;
use crate::ct::sct::{Sct, SignedEntry};
use crate::ct::tile::{MAX_TILE, Tile, Tiles, Tree, needed};
use crate::ct::tree_head::SignedHead;
use crate::fetch::{self, FetchError, Get, Platform};
use crate::time::{CLOCK_SKEW, DAY, Timestamp};
use crate::url::Url;
use crate::verdict::evidence::{Code, Evidence};

/// How much older than the log's MMD a head may be.
pub const HEAD_AGE: Duration = DAY;
/// The most SCTs of one leaf that are looked up. Real leaves have 2 to 5.
pub const MAX_LOOK_UPS: usize = 8;
/// The most questions for one SCT, repetitions by [`fetch::get`] not counted. A proof in a tree of
/// 2^40 entries takes 16 tiles, its consistency as many.
pub const MAX_QUESTIONS: u32 = 64;

/// A valid SCT and the log that gave it.
#[derive(Clone, Debug)]
pub struct Promise {
    /// The SCT; its signature was found good.
    pub sct: Sct,
    /// The log.
    pub log: Log,
}

/// What the logs promised about one leaf.
#[derive(Clone, Debug)]
pub enum Promises {
    /// Nothing: the certificate is under a root of one's own.
    NotExpected,
    /// Nothing that could be looked up: no SCT, none that is genuine, or no issuer to tell by.
    None,
    /// This entry, by these logs.
    Entry {
        /// What the logs have to hold.
        entry: SignedEntry,
        /// Who promised.
        promises: Vec<Promise>,
    },
}

/// What became of one promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// The entry is in a signed tree.
    Proven,
    /// Not yet, and the log has time.
    Pending,
    /// Not, and the log's time is over.
    Missing,
    /// It could not be told.
    NotChecked,
}

/// How a log's head stands to those seen before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum History {
    /// One history.
    Proven,
    /// There was none before.
    FirstSight,
    /// Two histories.
    Contradiction,
    /// It could not be told.
    NotChecked,
}

/// What was found out about one SCT.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PublicationReport {
    /// The log's name, safe to show.
    pub log: String,
    /// Who ran it at the moment of the SCT, safe to show.
    pub operator: String,
    /// Who was asked: the host and port of the log's URL alone.
    pub host: Option<String>,
    /// The moment of the SCT.
    pub promised_at: Timestamp,
    /// What became of the promise.
    pub inclusion: Kept,
    /// Why, where it is missing or was not checked; beside proof from an earlier look, why this one
    /// did not check it: a stable word.
    pub inclusion_reason: Option<String>,
    /// How the head stands to those before.
    pub consistency: History,
    /// Why, where that was not checked: a stable word.
    pub consistency_reason: Option<String>,
    /// The size of the signed tree.
    pub tree_size: Option<u64>,
    /// When the log signed it.
    pub head_at: Option<Timestamp>,
    /// The entry's place in it.
    pub leaf_index: Option<u64>,
}

/// What an audit of the logs ends with.
#[derive(Clone, Debug)]
pub struct Publication {
    /// For [`crate::verdict::report::Report::with`].
    pub evidence: Vec<Evidence>,
    /// SCT by SCT.
    pub reports: Vec<PublicationReport>,
    /// What to remember in the place of what was handed in; where another audit ran meanwhile, see
    /// [`Heads::merge`].
    pub heads: Heads,
}

/// Asks the logs of all promises, side by side.
pub async fn audit<H: Platform>(
    host: &H,
    promises: &Promises,
    heads: &Heads,
    at: Timestamp,
) -> Publication {
    let nothing = |code| Publication {
        evidence: vec![Evidence::new(code)],
        reports: Vec::new(),
        heads: heads.clone(),
    };
    let (entry, promises) = match promises {
        Promises::NotExpected => return nothing(Code::InclusionNotExpected),
        Promises::None => return nothing(Code::InclusionNoPromise),
        Promises::Entry { promises, .. } if promises.is_empty() => {
            return nothing(Code::InclusionNoPromise);
        }
        Promises::Entry { entry, promises } => (entry, promises),
    };
    let look_ups = promises.iter().take(MAX_LOOK_UPS).map(|promise| {
        let seen = heads.log(&promise.log.id).cloned().unwrap_or_default();
        LookUp { host, promise, at, questions: Cell::new(0) }.run(entry, seen)
    });
    let found = join(look_ups).await;
    let mut learnt = heads.clone();
    for (promise, (_, seen)) in promises.iter().zip(&found) {
        // Two SCTs of one log: both looks count.
        let mut own = seen.clone();
        if let Some(other) =
            learnt.log(&promise.log.id).filter(|other| Some(*other) != heads.log(&promise.log.id))
        {
            own.merge(other, at);
        }
        if own != SeenLog::default() {
            learnt.put(promise.log.id, own);
        }
    }
    let mut reports: Vec<_> = found.into_iter().map(|(report, _)| report).collect();
    for promise in promises.iter().skip(MAX_LOOK_UPS) {
        let mut report = PublicationReport::new(promise);
        report.not_checked("too-many-scts");
        reports.push(report);
    }
    Publication { evidence: evidence(&reports), reports, heads: learnt }
}

/// One finding for each code that is called for, with the logs it is about.
pub fn evidence(reports: &[PublicationReport]) -> Vec<Evidence> {
    let inclusion = |report: &PublicationReport| match report.inclusion {
        Kept::Proven => Code::InclusionProven,
        Kept::Pending => Code::InclusionPending,
        Kept::Missing => Code::InclusionMissing,
        Kept::NotChecked if report.inclusion_reason.as_deref() == Some(HEAD_STALE) => {
            Code::InclusionHeadStale
        }
        Kept::NotChecked => Code::InclusionNotChecked,
    };
    let consistency = |report: &PublicationReport| match report.consistency {
        History::Proven => Code::ConsistencyProven,
        History::FirstSight => Code::ConsistencyFirstSight,
        History::Contradiction => Code::ConsistencyContradiction,
        History::NotChecked => Code::ConsistencyNotChecked,
    };
    let mut found: Vec<(Code, Map<String, Value>)> = Vec::new();
    let mut note = |code: Code, log: &str, reason: Option<&String>| {
        let reason = reason.map_or(Value::Null, |reason| reason.as_str().into());
        match found.iter_mut().find(|(known, _)| *known == code) {
            Some((_, logs)) => {
                logs.insert(log.into(), reason);
            }
            None => found.push((code, Map::from_iter([(log.to_owned(), reason)]))),
        }
    };
    for report in reports {
        let reason = report.inclusion_reason.as_ref().filter(|_| report.inclusion != Kept::Proven);
        note(inclusion(report), &report.log, reason);
        note(consistency(report), &report.log, report.consistency_reason.as_ref());
    }
    found.sort_by_key(|(code, _)| *code);
    let with_logs = |(code, logs): (Code, Map<String, Value>)| {
        let names: Vec<_> = logs
            .iter()
            .map(|(log, reason)| match reason.as_str() {
                Some(reason) => format!("{log}: {reason}"),
                None => log.clone(),
            })
            .collect();
        Evidence::new(code).with("logs", names)
    };
    found.into_iter().map(with_logs).collect()
}

const HEAD_STALE: &str = "head-stale";

impl PublicationReport {
    fn new(Promise { sct, log }: &Promise) -> Self {
        let url = log.access.as_ref().and_then(|access| Url::split(access.url()));
        let host = url.map(|url| url.authority.to_owned());
        Self {
            log: log.description.clone(),
            operator: log.operator_at(sct.timestamp).to_owned(),
            host,
            promised_at: sct.timestamp,
            inclusion: Kept::NotChecked,
            inclusion_reason: None,
            consistency: History::NotChecked,
            consistency_reason: None,
            tree_size: None,
            head_at: None,
            leaf_index: None,
        }
    }

    fn not_checked(&mut self, reason: &str) {
        self.inclusion_reason = Some(reason.into());
        self.consistency_reason = Some(reason.into());
    }
}

/// Why something could not be told: a stable word.
type Reason = &'static str;

/// How the question for the entry ended.
enum Found {
    At(u64),
    Pending,
    Missing(Reason),
}

/// One promise being looked up.
struct LookUp<'a, H> {
    host: &'a H,
    promise: &'a Promise,
    at: Timestamp,
    questions: Cell<u32>,
}

impl<H: Platform> LookUp<'_, H> {
    async fn run(self, entry: &SignedEntry, mut seen: SeenLog) -> (PublicationReport, SeenLog) {
        let mut report = PublicationReport::new(self.promise);
        match &self.promise.log.access {
            None => report.not_checked("no-address"),
            Some(access) => match self.head(access).await {
                Err(reason) => report.not_checked(reason),
                Ok(head) => self.judge(access, &head, entry, &mut report, &mut seen).await,
            },
        }
        if !seen.contradictions.is_empty() {
            report.consistency = History::Contradiction;
            report.consistency_reason = None;
        }
        (report, seen)
    }

    async fn judge(
        &self,
        access: &Access,
        signed: &SignedHead,
        entry: &SignedEntry,
        report: &mut PublicationReport,
        seen: &mut SeenLog,
    ) {
        let head = signed.head;
        report.tree_size = Some(head.size);
        report.head_at = Some(head.timestamp);
        if head.timestamp > self.at.plus(CLOCK_SKEW) {
            return report.not_checked("head-from-the-future");
        }
        match self.history(access, signed, seen).await {
            Ok(history) => report.consistency = history,
            Err(reason) => report.consistency_reason = Some(reason.into()),
        }
        let log = &self.promise.log;
        let is_stale = self.at.since(head.timestamp) > log.mmd.saturating_add(HEAD_AGE);
        let is_frozen = log.state.is_some_and(|state| state.kind == StateKind::ReadOnly);
        if is_stale && !is_frozen {
            // An old head that goes well with what was seen says nothing about what the log shows
            // now.
            report.consistency = History::NotChecked;
            return report.not_checked(HEAD_STALE);
        }
        let found = match access {
            Access::Rfc6962 { url } => self.by_hash(url, signed, entry).await,
            Access::Tiled { monitoring_url, .. } => {
                self.by_index(monitoring_url, signed, entry).await
            }
        };
        report.inclusion = match found {
            Ok(Found::At(index)) => {
                report.leaf_index = Some(index);
                Kept::Proven
            }
            Ok(_) if is_stale => {
                report.inclusion_reason = Some(HEAD_STALE.into());
                Kept::NotChecked
            }
            Ok(Found::Pending) => Kept::Pending,
            Ok(Found::Missing(reason)) => {
                report.inclusion_reason = Some(reason.into());
                Kept::Missing
            }
            Err(reason) => {
                report.inclusion_reason = Some(reason.into());
                Kept::NotChecked
            }
        };
    }

    /// Asks, within the limit of questions.
    async fn ask(&self, get: &Get) -> Result<Vec<u8>, FetchError> {
        let asked = self.questions.get();
        if asked >= MAX_QUESTIONS {
            return Err(FetchError::TooManyQuestions { url: get.url.clone() });
        }
        self.questions.set(asked + 1);
        fetch::get(self.host, get).await
    }

    /// The log's head, its signature checked.
    async fn head(&self, access: &Access) -> Result<SignedHead, Reason> {
        let log = &self.promise.log;
        let signed = match access {
            Access::Rfc6962 { url } => {
                let body = self.ask(&rfc6962::get_sth(url)).await.map_err(|error| error.code())?;
                rfc6962::parse_sth(&body).map_err(|error| error.code())?
            }
            Access::Tiled { submission_url, monitoring_url } => {
                let get = Get {
                    url: format!("{monitoring_url}/checkpoint"),
                    max_bytes: MAX_CHECKPOINT,
                    is_immutable: false,
                };
                let body = self.ask(&get).await.map_err(|error| error.code())?;
                let origin = Url::split(submission_url);
                let origin = origin.map(|url| [url.authority, url.path].concat());
                checkpoint::parse(&body, &origin.unwrap_or_default(), &log.id)
                    .map_err(|error| error.code())?
            }
        };
        let check = signed.signature_check(&log.spki).ok_or("head-not-signed")?;
        let is_good = self.host.verify(&[check]).await == [true];
        if is_good { Ok(signed) } else { Err("head-not-signed") }
    }

    /// Holds `signed` to every head seen before, and remembers it.
    async fn history(
        &self,
        access: &Access,
        signed: &SignedHead,
        seen: &mut SeenLog,
    ) -> Result<History, Reason> {
        let before: Vec<SignedHead> = seen.heads().cloned().collect();
        let mut open = None;
        for one in &before {
            match self.follows(access, one, signed).await {
                Ok(None) => {}
                Ok(Some(contradiction)) => seen.accuse(contradiction),
                Err(reason) => open = Some(reason),
            }
        }
        if !seen.contradictions.is_empty() {
            return Ok(History::Contradiction);
        }
        match open {
            Some(reason) => {
                seen.defer(signed);
                Err(reason)
            }
            None => {
                seen.link(signed);
                Ok(if before.is_empty() { History::FirstSight } else { History::Proven })
            }
        }
    }

    /// Whether two heads are of one history, whichever is the larger. A log may well answer with an
    /// older head than before (several machines, a cache); the smaller has to be the beginning of
    /// the larger all the same.
    async fn follows(
        &self,
        access: &Access,
        one: &SignedHead,
        other: &SignedHead,
    ) -> Result<Option<Contradiction>, Reason> {
        let (older, newer) =
            if one.head.size <= other.head.size { (one, other) } else { (other, one) };
        let (old, new) = (older.head, newer.head);
        let accuse = |root, proof| Contradiction::new(self.at, older, newer, root, proof);
        if old.size == new.size {
            return Ok(accuse(new.root, Vec::new()));
        }
        // Whatever follows an empty tree is consistent with it.
        if old.size == 0 {
            return Ok(None);
        }
        match access {
            Access::Rfc6962 { url } => {
                let get = rfc6962::get_sth_consistency(url, old.size, new.size);
                let body = self.ask(&get).await.map_err(|error| error.code())?;
                let proof = rfc6962::parse_consistency(&body).map_err(|error| error.code())?;
                match verify_consistency((old.size, &old.root), (new.size, &new.root), &proof) {
                    Ok(()) => Ok(None),
                    Err(ProofError::OldRoot) => {
                        let (root, _) = consistency_roots((old.size, &old.root), new.size, &proof)
                            .map_err(|error| error.code())?;
                        accuse(root, proof).map(Some).ok_or("proof-old-root")
                    }
                    Err(error) => Err(error.code()),
                }
            }
            Access::Tiled { monitoring_url, .. } => {
                let beginning = crate::ct::merkle::peaks(old.size);
                let mut spans = consistency_spans(old.size, new.size);
                let nodes = spans.len();
                spans.push(beginning);
                let tree = self.tree(monitoring_url, &spans, newer).await?;
                let mut proof = tree.proof(&spans).ok_or("tile-missing")?;
                let root = proof.pop().ok_or("tile-missing")?;
                proof.truncate(nodes);
                // The tiles lead to the newer signed root, so this is its own beginning.
                if root == old.root {
                    Ok(None)
                } else {
                    accuse(root, proof).map(Some).ok_or("proof-old-root")
                }
            }
        }
    }

    /// True where the log's time was over when it signed the head.
    fn must_hold(&self, signed: &SignedHead) -> bool {
        let Promise { sct, log } = self.promise;
        signed.head.timestamp >= sct.timestamp.plus(log.mmd)
    }

    /// RFC 6962: the log says where the entry stands.
    async fn by_hash(
        &self,
        url: &str,
        signed: &SignedHead,
        entry: &SignedEntry,
    ) -> Result<Found, Reason> {
        let must_hold = self.must_hold(signed);
        let absent = |reason| if must_hold { Found::Missing(reason) } else { Found::Pending };
        let Some(last) = signed.head.size.checked_sub(1) else {
            return Ok(absent("beyond-the-head"));
        };
        let hash = self.promise.sct.leaf_hash(entry);
        if let Some(index) = self.place(url, signed, &hash).await? {
            return Ok(Found::At(index));
        }
        if !must_hold {
            return Ok(Found::Pending);
        }
        // The control: the same question about the newest entry, which has to be answered rightly.
        let body = self.ask(&rfc6962::get_entry(url, last)).await.map_err(|error| error.code())?;
        let control = rfc6962::parse_entry(&body).map_err(|error| error.code())?;
        if self.place(url, signed, &control).await?.is_none() {
            return Err("log-does-not-look-up");
        }
        match self.place(url, signed, &hash).await? {
            Some(index) => Ok(Found::At(index)),
            None => Ok(Found::Missing("unknown-to-the-log")),
        }
    }

    /// The proven place of a leaf; `None` where the log says that it has none.
    async fn place(
        &self,
        url: &str,
        signed: &SignedHead,
        hash: &NodeHash,
    ) -> Result<Option<u64>, Reason> {
        let head = signed.head;
        let body = match self.ask(&rfc6962::get_proof_by_hash(url, hash, head.size)).await {
            Ok(body) => body,
            Err(FetchError::Status { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error.code()),
        };
        let place = rfc6962::parse_proof(&body).map_err(|error| error.code())?;
        verify_inclusion(hash, place.index, head.size, &place.proof, &head.root)
            .map_err(|error| error.code())?;
        Ok(Some(place.index))
    }

    /// static-ct: the SCT says where the entry stands.
    async fn by_index(
        &self,
        url: &str,
        signed: &SignedHead,
        entry: &SignedEntry,
    ) -> Result<Found, Reason> {
        let must_hold = self.must_hold(signed);
        let absent = |reason| if must_hold { Found::Missing(reason) } else { Found::Pending };
        let index = self.promise.sct.leaf_index.ok_or("no-leaf-index")?;
        let head = signed.head;
        if index >= head.size {
            return Ok(absent("beyond-the-head"));
        }
        let mut spans = inclusion_spans(index, head.size);
        spans.push(vec![Subtree { level: 0, index }]);
        let tree = self.tree(url, &spans, signed).await?;
        let mut proof = tree.proof(&spans).ok_or("tile-missing")?;
        let leaf = proof.pop().ok_or("tile-missing")?;
        if leaf != self.promise.sct.leaf_hash(entry) {
            return Ok(absent("another-entry-at-its-place"));
        }
        verify_inclusion(&leaf, index, head.size, &proof, &head.root)
            .map_err(|error| error.code())?;
        Ok(Found::At(index))
    }

    /// The tiles for `spans`, believed. Where kept ones do not serve, they are all asked for anew,
    /// once.
    async fn tree(&self, url: &str, spans: &[Span], signed: &SignedHead) -> Result<Tree, Reason> {
        let head = signed.head;
        let wanted = needed(spans, head.size);
        let mut may_be_kept = true;
        loop {
            let answers = join(wanted.iter().map(|tile| self.tile(url, *tile, may_be_kept))).await;
            let mut tiles = Tiles::default();
            let mut read = Ok(());
            let mut bodies = Vec::new();
            for (tile, answer) in wanted.iter().zip(answers) {
                let (get, body) = answer?;
                read = read.and(tiles.insert(*tile, &body));
                bodies.push((get, body));
            }
            match read.and_then(|()| tiles.authenticate(head.size, &head.root)) {
                Ok(tree) => {
                    for (tile, (get, body)) in wanted.iter().zip(&bodies) {
                        // A full tile that stood in for a partial one was believed only as far as
                        // the tree goes.
                        if tile.is_full() {
                            self.host.keep(get, body).await;
                        }
                    }
                    return Ok(tree);
                }
                Err(_) if may_be_kept => may_be_kept = false,
                Err(error) => return Err(error.code()),
            }
        }
    }

    /// One tile; the full one where a partial one is gone (tlog-tiles, "Partial Tiles"). Object
    /// stores say 403 of what is not there to everybody who may not list it.
    async fn tile(
        &self,
        url: &str,
        tile: Tile,
        may_be_kept: bool,
    ) -> Result<(Get, Vec<u8>), Reason> {
        let question = |tile: Tile| Get {
            url: format!("{url}/{tile}"),
            max_bytes: MAX_TILE,
            is_immutable: may_be_kept && tile.is_full(),
        };
        let get = question(tile);
        match self.ask(&get).await {
            Ok(body) => Ok((Get { is_immutable: tile.is_full(), ..get }, body)),
            Err(FetchError::Status { status: 403 | 404 | 410, .. }) if !tile.is_full() => {
                let get = question(tile.full());
                self.ask(&get).await.map(|body| (get, body)).map_err(|error| error.code())
            }
            Err(error) => Err(error.code()),
        }
    }
}

/// Runs futures side by side; their results come in the same order.
async fn join<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    enum One<F: Future> {
        Running(Pin<Box<F>>),
        Done(Option<F::Output>),
    }
    // What a future put out is only moved.
    impl<F: Future> Unpin for One<F> {}
    let mut all: Vec<One<F>> = futures.map(|future| One::Running(Box::pin(future))).collect();
    poll_fn(|context| {
        let mut all_done = true;
        for one in &mut all {
            if let One::Running(future) = one {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *one = One::Done(Some(output)),
                    Poll::Pending => all_done = false,
                }
            }
        }
        if all_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all.into_iter()
        .filter_map(|one| if let One::Done(output) = one { output } else { None })
        .collect()
}
