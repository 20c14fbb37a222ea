//! What this background changed of the site records, until it is sure that another one knows of it.
//!
//! All records are one stored value, and in Chromium a private window has a background of its own
//! over the same storage. Whoever writes takes over what is stored of other addresses; and notes
//! which write that was, so that the other one sees whether its own last change was among it.

use std::collections::BTreeMap;

use doorlight::address::Address;
use doorlight::site::SiteRecord;
use doorlight::site::pins::Pins;
use serde::{Deserialize, Serialize};

use crate::basis::Basis;
use crate::settings::Settings;

/// How many writes back one says on which others it is based.
const MAX_LINEAGE: usize = 16;

/// Which write of the site records this is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Write {
    /// Its own stamp; empty for one of an older version.
    pub stamp: String,
    /// The stamps of those that it is based on, the newest first.
    pub after: Vec<String>,
    /// The stamp of the one with which the file began anew.
    pub since: String,
}

impl Write {
    /// The next one.
    #[must_use]
    pub fn next(self, stamp: String) -> Self {
        let after = core::iter::once(self.stamp).chain(self.after).take(MAX_LINEAGE).collect();
        Self { stamp, after, since: self.since }
    }

    /// The first one of a file that begins anew.
    pub fn first(stamp: String) -> Self {
        Self { since: stamp.clone(), stamp, after: Vec::new() }
    }

    /// True where what was stored with this stamp was known to whoever wrote.
    fn has(&self, stamp: &str) -> bool {
        self.stamp == stamp || self.after.iter().any(|one| one == stamp)
    }
}

/// One change.
#[derive(Debug)]
struct Change {
    /// The record now; `None` for one that was taken away.
    record: Option<SiteRecord>,
    /// The stamp of the write that stored it, if one did.
    stored_as: Option<String>,
    /// False where it changes nothing that a check is judged by: when a certificate was seen.
    is_judging: bool,
}

/// Changes by address.
#[derive(Debug, Default)]
pub struct Changes {
    changes: BTreeMap<Address, Change>,
    since: String,
}

impl Changes {
    /// Notes what has changed. False where nothing did.
    pub fn note(&mut self, before: &Pins, after: &Pins) -> bool {
        let mut has_changed = false;
        for site in before.sites().iter().chain(after.sites()) {
            let now = after.site(&site.address);
            if before.site(&site.address) != now {
                let is_pending = |change: &Change| change.is_judging && change.stored_as.is_none();
                let is_judging = judging(before.site(&site.address)) != judging(now)
                    || self.changes.get(&site.address).is_some_and(is_pending);
                let change = Change { record: now.cloned(), stored_as: None, is_judging };
                self.changes.insert(site.address.clone(), change);
                has_changed = true;
            }
        }
        has_changed
    }

    /// Puts them over what `write` has stored: all that whoever wrote it did not know of. What
    /// another background knew is forgotten, because what it made of it counts; `is_own` tells that
    /// there is no other.
    pub fn over(&mut self, write: &Write, is_own: bool, mut stored: Pins) -> Pins {
        if self.since != write.since {
            *self = Self { changes: BTreeMap::new(), since: write.since.clone() };
        }
        self.changes.retain(|_, change| is_own || change.is_missing_in(write));
        // What a check has merely seen does not bring back what the user took away elsewhere.
        self.changes.retain(|address, change| {
            change.is_judging || judging(stored.site(address)) == judging(change.record.as_ref())
        });
        for (address, change) in &self.changes {
            match &change.record {
                Some(record) => *stored.site_mut(address) = record.clone(),
                None => drop(stored.remove(address)),
            }
        }
        stored
    }

    /// True where something is not in what `write` has stored.
    pub fn are_missing_in(&self, write: &Write) -> bool {
        self.changes.values().any(|change| change.is_missing_in(write))
    }

    /// What was missing in `write` is being stored with this stamp.
    pub fn begin(&mut self, write: &Write, stamp: &str) {
        for change in self.changes.values_mut().filter(|change| change.is_missing_in(write)) {
            change.stored_as = Some(stamp.to_owned());
        }
    }

    /// What was being stored with this stamp was not.
    pub fn failed(&mut self, stamp: &str) {
        for change in
            self.changes.values_mut().filter(|change| change.stored_as.as_deref() == Some(stamp))
        {
            change.stored_as = None;
        }
    }
}

impl Change {
    fn is_missing_in(&self, write: &Write) -> bool {
        self.stored_as.as_ref().is_none_or(|stamp| !write.has(stamp))
    }
}

/// What of a record a check is judged by.
fn judging(record: Option<&SiteRecord>) -> Option<Basis> {
    record.map(|record| Basis::of(Some(record), &Settings::default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    fn pins(addresses: &[&str]) -> Pins {
        let mut pins = Pins::default();
        for address in addresses {
            pins.site_mut(&address.parse().unwrap());
        }
        pins
    }

    fn addresses(pins: &Pins) -> Vec<String> {
        pins.sites().iter().map(|site| site.address.to_string()).collect()
    }

    fn write(stamp: &str, after: &[&str]) -> Write {
        let after = after.iter().map(|one| (*one).to_owned()).collect();
        Write { stamp: stamp.into(), after, since: String::new() }
    }

    #[test]
    fn what_another_one_stored_of_other_addresses_stays() {
        let mut changes = Changes::default();
        assert!(!changes.note(&pins(&["a.test"]), &pins(&["a.test"])));
        assert!(changes.note(&pins(&["a.test", "b.test"]), &pins(&["b.test", "c.test"])));
        let stored = changes.over(&write("b 1", &[]), false, pins(&["a.test", "b.test", "d.test"]));
        assert_eq!(addresses(&stored), ["b.test", "d.test", "c.test"]);
    }

    /// Whether a change that was stored as `a 1` goes over what another one wrote.
    #[test]
    fn who_knew_of_a_change_and_who_did_not() {
        for (is_stored, of, is_missing, is_kept) in [
            (true, write("a 1", &[]), false, true),
            (true, write("a 2", &["a 1"]), false, true),
            // It knew, and what it made of it counts; however many it wrote since.
            (true, write("b 1", &["a 1"]), false, false),
            (true, write("b 9", &["b 8", "b 7", "a 1"]), false, false),
            // It was written over what was there before.
            (true, write("b 1", &[]), true, true),
            (true, write("b 1", &["a 0"]), true, true),
            // What is not stored yet, or could not be, is in no write.
            (false, write("b 1", &["a 1"]), true, true),
            (false, write("", &[]), true, true),
        ] {
            let mut changes = Changes::default();
            changes.note(&pins(&[]), &pins(&["a.test"]));
            changes.begin(&write("b 0", &[]), "a 1");
            if !is_stored {
                changes.failed("a 1");
            }
            let stored = changes.over(&of, of.stamp.starts_with('a'), pins(&[]));
            assert_eq!(addresses(&stored) == ["a.test"], is_kept, "{is_stored} {of:?}");
            assert_eq!(changes.are_missing_in(&of), is_missing, "{is_stored} {of:?}");
        }
        assert!(!Changes::default().are_missing_in(&write("b 1", &[])), "nothing was changed here");
    }

    /// A change that is noted while an earlier one is being stored is not taken for stored.
    #[test]
    fn what_comes_meanwhile_is_not_stored_yet() {
        let mut changes = Changes::default();
        changes.note(&pins(&[]), &pins(&["a.test"]));
        changes.begin(&write("", &[]), "a 1");
        changes.note(&pins(&["a.test"]), &pins(&["a.test", "b.test"]));
        let knowing = write("b 1", &["a 1"]);
        assert_eq!(
            addresses(&changes.over(&knowing, false, pins(&[]))),
            ["b.test"],
            "and a.test was taken away"
        );
        assert!(changes.are_missing_in(&knowing));
    }

    #[test]
    fn a_file_that_begins_anew_takes_nothing_over() {
        let mut changes = Changes::default();
        changes.note(&pins(&[]), &pins(&["a.test"]));
        let anew = Write::first("b 1".into());
        assert_eq!(addresses(&changes.over(&anew, false, pins(&[]))), Vec::<String>::new());
        changes.note(&pins(&[]), &pins(&["c.test"]));
        let next = anew.next("b 2".into());
        assert_eq!(addresses(&changes.over(&next, false, pins(&[]))), ["c.test"]);
        let mut many = next;
        for number in 0..40 {
            many = many.next(number.to_string());
        }
        assert_eq!((many.after.len(), many.since.as_str()), (MAX_LINEAGE, "b 1"));
    }
}
