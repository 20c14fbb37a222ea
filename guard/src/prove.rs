//! The steps by which the logs are asked for proof: the same for a background and for the command
//! line, wherever they keep what they saw.
//!
//! ```text
//! heads seen before ─► the logs are asked ─► heads kept, with what others learnt meanwhile
//!                            └─────────────► evidence, and reports log by log
//! ```

use doorlight::ct::heads::Heads;
use doorlight::ct::publication::{self, Promises, Publication};
use doorlight::fetch::Platform;
use doorlight::time::Timestamp;

/// Where what was seen of the logs is kept.
pub trait HeadMemory {
    /// Why it cannot be written.
    type Failure;

    /// Changes what is kept. It is read, changed and written as one: what another audit learns
    /// meanwhile is not lost.
    fn change_heads(
        &self,
        change: impl FnOnce(Heads) -> Heads,
    ) -> impl Future<Output = Result<(), Self::Failure>>;
}

/// Asks the logs that made these promises, where `before` is what was seen of them. Whoever cannot
/// read that learns nothing here of their history, and of a fork nothing at all.
pub async fn ask_logs<M: HeadMemory>(
    memory: &M,
    platform: &impl Platform,
    promises: &Promises,
    before: &Heads,
    at: Timestamp,
) -> (Publication, Result<(), M::Failure>) {
    let found = publication::audit(platform, promises, before, at).await;
    let learnt = &found.heads;
    let kept = if learnt == before {
        Ok(())
    } else {
        memory.change_heads(|kept| keep(before, learnt, kept, at)).await
    };
    (found, kept)
}

/// What to keep after an audit that began with `before`, where `kept` is kept by now.
fn keep(before: &Heads, learnt: &Heads, mut kept: Heads, at: Timestamp) -> Heads {
    if kept == *before {
        return learnt.clone();
    }
    // Another audit ran meanwhile, and what it has linked stays so. Only then: a head that this one
    // has linked to a later one waits to be linked again.
    kept.merge(learnt, at);
    kept
}
