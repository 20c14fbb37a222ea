//! The steps by which the logs are asked for proof: the same for a background and for the command
//! line, wherever they keep what they saw.
//!
//! ```text
//! heads kept ─► the logs are asked ─► heads kept, with what others learnt meanwhile
//!                       └───────────► evidence, and reports log by log
//! ```

use doorlight::ct::heads::Heads;
use doorlight::ct::publication::{self, History, Promises, Publication, PublicationReport};
use doorlight::fetch::Platform;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Evidence;

/// Why nothing is said of a log's history: what was seen of it is there and cannot be read.
const HEADS_UNREADABLE: &str = "heads-unreadable";

/// Where what was seen of the logs is kept.
pub trait HeadMemory {
    /// Why it cannot be read or written.
    type Failure;

    /// What is kept.
    fn heads(&self) -> impl Future<Output = Result<Heads, Self::Failure>>;

    /// Changes what is kept. It is read, changed and written as one: what another audit learns
    /// meanwhile is not lost.
    fn change_heads(
        &self,
        change: impl FnOnce(Heads) -> Heads,
    ) -> impl Future<Output = Result<(), Self::Failure>>;
}

/// What came of asking.
#[derive(Debug)]
pub struct Asked<F> {
    /// What it adds to the report.
    pub evidence: Vec<Evidence>,
    /// Promise by promise.
    pub reports: Vec<PublicationReport>,
    /// What was seen before could not be read, or what was seen now not be kept.
    pub failure: Option<F>,
}

/// Asks the logs that made these promises.
pub async fn ask_logs<M: HeadMemory>(
    memory: &M,
    platform: &impl Platform,
    promises: &Promises,
    at: Timestamp,
) -> Asked<M::Failure> {
    let before = memory.heads().await;
    let known = before.as_ref().cloned().unwrap_or_default();
    let Publication { evidence, mut reports, heads } =
        publication::audit(platform, promises, &known, at).await;
    match before {
        Ok(before) => {
            let kept = if heads == before {
                Ok(())
            } else {
                memory.change_heads(|kept| keep(&before, heads, kept, at)).await
            };
            Asked { evidence, reports, failure: kept.err() }
        }
        Err(failure) => {
            // Two histories at once are proof by themselves.
            let is_open = |one: &&mut PublicationReport| one.consistency != History::Contradiction;
            for report in reports.iter_mut().filter(is_open) {
                report.consistency = History::NotChecked;
                report.consistency_reason = Some(HEADS_UNREADABLE.into());
            }
            let evidence =
                if reports.is_empty() { evidence } else { publication::evidence(&reports) };
            Asked { evidence, reports, failure: Some(failure) }
        }
    }
}

/// What to keep after an audit that began with `before`, where `kept` is kept by now.
fn keep(before: &Heads, mut learnt: Heads, kept: Heads, at: Timestamp) -> Heads {
    // Only where another one was there too: a head that this audit has linked to a later one would
    // wait to be linked again.
    if kept != *before {
        learnt.merge(&kept, at);
    }
    learnt
}
