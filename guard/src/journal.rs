//! What happened at the gate, for the user to read later: the last [`MAX_ENTRIES`] events of all
//! addresses.

use doorlight::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most entries that are kept; the oldest go first.
pub const MAX_ENTRIES: usize = 300;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Which address; empty for what concerns all of them.
    pub address: String,
    /// What.
    pub what: Event,
    /// The codes behind it, or a reason.
    pub detail: String,
}

/// What can happen. The texts are `journal_EVENT` in the locale files, with `_` in the place of
/// `-`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// An address was added.
    Guarded,
    /// An address was taken away.
    Unguarded,
    /// A check ended otherwise than the one before.
    Trusted,
    /// The same.
    Attention,
    /// The same.
    Danger,
    /// The same.
    Unchecked,
    /// The user accepted a key.
    Accepted,
    /// The user entered a fingerprint.
    Entered,
    /// The user took a key away.
    Unpinned,
    /// The user went past the gate.
    Exception,
    /// The certificate changed while pages were open.
    Changed,
    /// Pins were imported.
    Imported,
    /// Stored values could not be read, and were kept aside.
    KeptAside,
    /// Storing failed.
    NotStored,
    /// A certificate with a key that is not the user's was found.
    Issuance,
    /// The user said that it is known.
    Acknowledged,
    /// A newer list of logs was taken over.
    LogListRenewed,
    /// The home refused the token; it is not said again by itself.
    HomeRefused,
    /// The home confirmed a key.
    HomeConfirmed,
    /// The owner let a blocked version pass.
    RiskAccepted,
    /// The owner took that back.
    RiskRefused,
}

/// Adds an entry.
pub fn note(journal: &mut Vec<Entry>, entry: Entry) {
    journal.push(entry);
    let over = journal.len().saturating_sub(MAX_ENTRIES);
    journal.drain(..over);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let mut journal = Vec::new();
        let entry = |second| Entry {
            at: Timestamp::from_secs(second),
            address: String::new(),
            what: Event::Trusted,
            detail: String::new(),
        };
        for second in 0..310 {
            note(&mut journal, entry(second));
        }
        assert_eq!(journal.len(), MAX_ENTRIES);
        assert_eq!((journal.first(), journal.last()), (Some(&entry(10)), Some(&entry(309))));
    }
}
