//! How many SCTs, from which logs: the policy that browsers hold certificates to, as data.
//!
//! This is Chrome's policy for embedded SCTs. Doorlight reports by it as an auditor does: a
//! shortfall is a note, never a reason to block (the terms of the log list reserve enforcement).
//! Not looked at: SCTs that come by TLS or OCSP, the logs' temporal intervals, and whether the logs
//! kept their promise.

use crate::ct::log_list::{Log, StateKind};
use crate::time::{DAY, Timestamp};
use core::time::Duration;

/// The numbers of a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Where it stands.
    pub source: &'static str,
    /// Since when it reads like this.
    pub since: &'static str,
    /// Certificates that live no longer than this need `few` distinct logs, others `many`.
    pub short_lifetime: Duration,
    /// See `short_lifetime`.
    pub few: usize,
    /// See `short_lifetime`.
    pub many: usize,
    /// The number of distinct operators.
    pub operators: usize,
    /// A list older than this judges nothing.
    pub list_age: Duration,
}

/// Chrome's policy as of 2026-04-15, when the demand for one log of RFC 6962 was dropped.
pub const CHROME: Policy = Policy {
    source: "https://googlechrome.github.io/CertificateTransparency/ct_policy.html",
    since: "2026-04-15",
    short_lifetime: Duration::from_secs(180 * DAY.as_secs()),
    few: 2,
    many: 3,
    operators: 2,
    list_age: Duration::from_secs(70 * DAY.as_secs()),
};

/// A valid SCT and the log that gave it, as the judging list has it.
#[derive(Clone, Copy, Debug)]
pub struct Promise<'a> {
    /// The log.
    pub log: &'a Log,
    /// The moment of the SCT.
    pub timestamp: Timestamp,
}

impl Promise<'_> {
    /// True where the log was accepted at the moment of the SCT: it is accepted now, or was retired
    /// only later.
    pub fn counts(&self) -> bool {
        match self.log.state {
            Some(state) => match state.kind {
                StateKind::Qualified | StateKind::Usable | StateKind::ReadOnly => true,
                StateKind::Retired => self.timestamp < state.since,
                StateKind::Pending | StateKind::Rejected => false,
            },
            None => false,
        }
    }

    fn is_accepted_now(&self) -> bool {
        self.counts() && self.log.state.is_some_and(|state| state.kind != StateKind::Retired)
    }
}

/// What was found, and what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// Distinct logs whose SCTs count.
    pub logs: usize,
    /// Distinct logs asked for.
    pub logs_needed: usize,
    /// Distinct operators of those logs.
    pub operators: usize,
    /// Distinct operators asked for.
    pub operators_needed: usize,
    /// True where at least one of the logs is accepted now.
    pub one_accepted_now: bool,
}

impl Count {
    /// True where everything asked for is there.
    pub fn is_met(&self) -> bool {
        self.logs >= self.logs_needed
            && self.operators >= self.operators_needed
            && self.one_accepted_now
    }
}

impl Policy {
    /// Counts `promises` for a certificate that lives for `lifetime`.
    pub fn count(&self, lifetime: Duration, promises: &[Promise<'_>]) -> Count {
        let counting: Vec<_> = promises.iter().filter(|promise| promise.counts()).collect();
        let logs = distinct(counting.iter().map(|promise| promise.log.id));
        let operators =
            distinct(counting.iter().map(|promise| promise.log.operator_at(promise.timestamp)));
        Count {
            logs,
            logs_needed: if lifetime <= self.short_lifetime { self.few } else { self.many },
            operators,
            operators_needed: self.operators,
            one_accepted_now: counting.iter().any(|promise| promise.is_accepted_now()),
        }
    }
}

/// How many different ones there are; of a handful.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> usize {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ct::log_list::LogState;

    fn log(id: u8, operator: &str, kind: StateKind, since: u64) -> Log {
        Log {
            id: [id; 32],
            spki: Vec::new(),
            description: String::new(),
            operator: operator.into(),
            previous_operators: Vec::new(),
            state: Some(LogState { kind, since: Timestamp::from_secs(since) }),
            access: None,
            mmd: DAY,
        }
    }

    fn met(days: u64, logs: &[Log]) -> bool {
        let promises: Vec<_> =
            logs.iter().map(|log| Promise { log, timestamp: Timestamp::from_secs(100) }).collect();
        CHROME.count(Duration::from_secs(days * 86_400), &promises).is_met()
    }

    #[test]
    fn the_rules_one_by_one() {
        use StateKind::*;
        let (a, b) = (log(1, "A", Usable, 0), log(2, "B", Usable, 0));
        assert!(met(90, &[a.clone(), b.clone()]));
        assert!(met(180, &[a.clone(), b.clone()]));
        assert!(!met(181, &[a.clone(), b.clone()]), "a long life needs three logs");
        assert!(met(181, &[a.clone(), b.clone(), log(3, "A", Usable, 0)]));
        assert!(!met(90, &[a.clone(), a.clone()]), "the same log twice is one");
        assert!(!met(90, &[a.clone(), log(3, "A", Usable, 0)]), "one operator is not enough");
        assert!(!met(90, &[a.clone(), log(3, "B", Pending, 0)]));
        assert!(!met(90, &[a.clone(), log(3, "B", Rejected, 0)]));
        assert!(met(90, &[a.clone(), log(3, "B", Retired, 101)]), "retired after the SCT");
        assert!(!met(90, &[a, log(3, "B", Retired, 100)]), "retired before the SCT");
        let both_retired = [log(1, "A", Retired, 101), log(2, "B", Retired, 101)];
        assert!(!met(90, &both_retired), "one log must be accepted now");
        assert!(met(90, &[log(1, "A", ReadOnly, 0), log(2, "B", Qualified, 0)]));
    }
}
