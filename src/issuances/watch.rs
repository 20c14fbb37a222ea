//! The watch over one address: what was issued for its name, what was told of it, when to look
//! again.
//!
//! Finding, storing and telling are three steps, because a browser ends its worker whenever it
//! likes:
//! 1. [`WatchRecord::take_in`] puts what was found into the record and returns the alarms that are
//!    due. The host stores the record.
//! 2. The host shows a notification for each, under [`Alarm::id`].
//! 3. [`WatchRecord::told`] notes it, and the host stores the record again.
//!
//! Killed before 2, the next audit returns the same alarms. Killed between 2 and 3, it returns them
//! too, and the notification with the same name takes the place of the first: nothing is lost and
//! nothing is there twice.

use core::time::Duration;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::issuances::authority::{self, Authority};
use crate::issuances::issuance::{Class, Issuance, Joined, classify, join, may_be_renewal};
use crate::issuances::monitor::Found;
use crate::issuances::monitor::id::Monitor;
use crate::site::SiteRecord;
use crate::text::printable;
use crate::time::{CLOCK_SKEW, DAY, Timestamp};
use crate::verdict::evidence::{Code, Evidence};
use crate::versioned::{Field, Format, from_unreadable};

/// The version of the record that is written.
pub const VERSION: u32 = 1;
/// The largest record that is read, in bytes.
pub const MAX_RECORD: usize = 8 << 20;
/// The most issuances that are kept; see [`WatchRecord::take_in`] for what goes first.
pub const MAX_ISSUANCES: usize = 2000;
/// How large they may be together, in bytes of JSON: a browser gives an extension a few megabytes
/// for everything.
pub const MAX_KEPT: usize = 1 << 20;
/// How old the last whole look may be before it says nothing of now.
pub const MAX_AGE: Duration = Duration::from_secs(3 * DAY.as_secs());

/// The first wait after a failed look, doubled after each further one, up to a day.
const FIRST_WAIT: Duration = Duration::from_secs(60 * 60);
/// By how much looks are spread, so that not everybody asks at the same time: up to this much
/// sooner than a day.
const JITTER: Duration = Duration::from_secs(4 * 60 * 60);
/// How many issuances stand in a finding by name.
const MAX_SHOWN: usize = 8;
const FORMAT: Format =
    Format { field: Field::Version, kind: None, newest: VERSION, max_bytes: MAX_RECORD };

/// The record cannot be read. It is never taken for an empty one: what was told and acknowledged
/// would be told again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// Over [`MAX_RECORD`].
    #[error("larger than {MAX_RECORD} bytes: not a record of a watch")]
    TooLarge,
    /// Not JSON of this form.
    #[error("not a record of a watch: {reason}")]
    Malformed {
        /// What the JSON reader objected to.
        reason: String,
    },
    /// From a version that is newer than this one.
    #[error(
        "written by a newer version of Doorlight (version {version}; this one reads {VERSION})"
    )]
    NewerVersion {
        /// The version it names.
        version: u32,
    },
    /// More than [`MAX_ISSUANCES`].
    #[error("more entries than are ever written")]
    TooMany,
}

from_unreadable!(WatchError, NewerVersion { version });

impl WatchError {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "watch-too-large",
            Self::Malformed { .. } => "watch-malformed",
            Self::NewerVersion { .. } => "watch-newer-version",
            Self::TooMany => "watch-too-many",
        }
    }
}

/// An issuance, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Known {
    /// What it is.
    pub issuance: Issuance,
    /// Whose it was when it was last looked at.
    pub class: Class,
    /// True where it may be the renewal of a home that changes its key.
    #[serde(default)]
    pub may_be_renewal: bool,
    /// When it was first found.
    pub first_seen: Timestamp,
    /// When it was last found.
    pub last_seen: Timestamp,
    /// When the user was told.
    #[serde(default)]
    pub told: Option<Timestamp>,
    /// When the user said that it is all right.
    #[serde(default)]
    pub acknowledged: Option<Timestamp>,
}

impl Known {
    /// The name under which it is told and acknowledged.
    pub fn id(&self) -> String {
        self.issuance.id()
    }

    /// True for an alarm that stands: a key that is not yours, not acknowledged, still of use to
    /// whoever holds it.
    pub fn is_alarming(&self, now: Timestamp) -> bool {
        self.class == Class::Unknown && self.acknowledged.is_none() && !self.issuance.has_ended(now)
    }

    /// How worth keeping it is; the least goes first.
    fn worth(&self, now: Timestamp) -> (bool, bool, bool, bool, Timestamp) {
        let is_alarm = self.class == Class::Unknown && self.acknowledged.is_none();
        let is_live = !self.issuance.has_ended(now);
        (
            is_alarm && self.told.is_none(),
            is_alarm && is_live,
            self.class == Class::Unknown,
            is_live,
            self.issuance.not_before,
        )
    }
}

/// How looks at one monitor went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Looks {
    /// Which monitor.
    pub monitor: Monitor,
    /// The last look, however it went.
    pub last: Timestamp,
    /// The last whole one.
    pub last_whole: Option<Timestamp>,
    /// How many got no answer since the last that did.
    pub failures: u32,
    /// Why the last one was not whole, as a stable code.
    pub reason: Option<String>,
    /// How long the monitor wants to be left alone after the last look.
    pub wait: Option<Duration>,
}

/// Something the user has to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// The name of the notification: the same in every repetition.
    pub id: String,
    /// The issuance.
    pub issuance: Issuance,
    /// True where it may be the renewal of a home that changes its key.
    pub may_be_renewal: bool,
    /// Whom to write to, where that is known.
    pub authority: Option<&'static Authority>,
}

/// All that is known of what was issued for one address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WatchRecord {
    /// [`VERSION`].
    pub version: u32,
    /// Which address.
    pub address: Address,
    /// Since when its name is watched: what ended before is history and no alarm.
    pub since: Timestamp,
    /// What was issued, each certificate once, in the order of [`Known::id`].
    #[serde(default)]
    pub issuances: Vec<Known>,
    /// How the looks went.
    #[serde(default)]
    pub looks: Vec<Looks>,
    /// Among issuances that had to be dropped for want of room, the latest beginning of one that
    /// was unknown or acknowledged: what comes new and began no later counts as told. That takes
    /// more than [`MAX_ISSUANCES`] or [`MAX_KEPT`] for one name, which was told by then.
    #[serde(default)]
    pub told_until: Option<Timestamp>,
    /// The name that monitors were asked for last: the host, or one above it whose wildcard is all
    /// that covers it ([`crate::issuances::monitor::query`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

impl WatchRecord {
    /// A watch that begins now.
    pub fn new(address: Address, now: Timestamp) -> Self {
        Self {
            version: VERSION,
            address,
            since: now,
            issuances: Vec::new(),
            looks: Vec::new(),
            told_until: None,
            asked: None,
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`WatchError`].
    pub fn from_json(json: &[u8]) -> Result<Self, WatchError> {
        let mut record: Self = FORMAT.read(json)?;
        if record.issuances.len() > MAX_ISSUANCES || record.looks.len() > Monitor::ALL.len() {
            return Err(WatchError::TooMany);
        }
        for known in &mut record.issuances {
            let issuance = &mut known.issuance;
            issuance.issuer.name = printable(&issuance.issuer.name);
            issuance.issuer.organisation = issuance.issuer.organisation.as_deref().map(printable);
            issuance.names = issuance.names.iter().map(|name| printable(name)).collect();
            let is_plain =
                |id: &str| id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit());
            issuance.entries.retain(|entry| is_plain(&entry.id));
        }
        record.issuances.sort_by_cached_key(Known::id);
        for looks in &mut record.looks {
            looks.reason = looks.reason.as_deref().map(printable);
        }
        Ok(record)
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Serialising plain structs with text keys to a string does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Says of a monitor's entry whether it is known whose it is, so that its certificate need not
    /// be fetched again ([`crate::issuances::monitor::look_up`]).
    pub fn knows(&self, site: &SiteRecord) -> impl Fn(&Issuance) -> bool {
        let with_key = self.issuances.iter().filter(|known| known.issuance.spki_sha256.is_some());
        let entries: BTreeSet<_> =
            with_key.flat_map(|known| known.issuance.entries.iter().cloned()).collect();
        move |issuance| {
            issuance.entries.iter().any(|entry| entries.contains(entry))
                || classify(issuance, site) == Class::YoursByHistory
        }
    }

    /// Puts what was found into the record, and says what has to be told now: unknown issuances
    /// that were neither told nor acknowledged, unless they ended before the watch began. One that
    /// came and went between two audits is told too. Called again with the same, it says the same,
    /// until [`Self::told`].
    ///
    /// Nothing that was known is lost by a look that failed. Over [`MAX_ISSUANCES`] or
    /// [`MAX_KEPT`], what goes first is: your own and open ones that have ended, then those that
    /// are still valid, then unknown ones that have ended or are acknowledged, then the alarms that
    /// were told; of each kind the oldest.
    pub fn take_in(&mut self, found: &Found, site: &SiteRecord, now: Timestamp) -> Vec<Alarm> {
        for (monitor, flaw) in &found.looks {
            let looks = match self.looks.iter_mut().find(|looks| looks.monitor == *monitor) {
                Some(looks) => looks,
                None => {
                    let last_whole = None;
                    let new = Looks {
                        monitor: *monitor,
                        last: now,
                        last_whole,
                        failures: 0,
                        reason: None,
                        wait: None,
                    };
                    self.looks.push(new);
                    let Some(new) = self.looks.last_mut() else { continue };
                    new
                }
            };
            looks.last = now;
            looks.reason = flaw.as_ref().map(|flaw| flaw.code().to_owned());
            looks.wait =
                flaw.as_ref().and_then(|flaw| flaw.retry_after()).map(|wait| wait.min(DAY));
            match flaw {
                None => {
                    looks.failures = 0;
                    looks.last_whole = Some(now);
                }
                Some(flaw) if flaw.is_answer() => looks.failures = 0,
                Some(_) => looks.failures = looks.failures.saturating_add(1),
            }
        }
        self.looks.sort_by_key(|looks| looks.monitor);
        let news = found.issuances.iter().map(|issuance| Known {
            issuance: issuance.clone(),
            class: Class::Open,
            may_be_renewal: false,
            first_seen: now,
            last_seen: now,
            told: None,
            acknowledged: None,
        });
        let before: BTreeSet<_> = self.issuances.iter().map(Known::id).collect();
        let all = core::mem::take(&mut self.issuances).into_iter().chain(news).collect();
        self.issuances = joined(all);
        for known in self
            .issuances
            .iter_mut()
            .filter(|known| known.first_seen == now && !before.contains(&known.id()))
        {
            let was_told = self.told_until.is_some_and(|until| known.issuance.not_before <= until);
            known.told = known.told.or(was_told.then_some(now));
        }
        self.reclassify(site);
        self.make_room(now);
        self.due_alarms()
    }

    /// Looks at all issuances again in the light of a record that has changed, for example after a
    /// new key was accepted.
    pub fn reclassify(&mut self, site: &SiteRecord) {
        for known in &mut self.issuances {
            known.class = classify(&known.issuance, site);
            known.may_be_renewal =
                known.class == Class::Unknown && may_be_renewal(&known.issuance, site);
        }
    }

    /// What has to be told: also what an earlier audit found and nobody was told of.
    pub fn due_alarms(&self) -> Vec<Alarm> {
        let is_due = |known: &&Known| {
            known.class == Class::Unknown
                && known.told.is_none()
                && known.acknowledged.is_none()
                && !self.is_history(known)
        };
        let alarm = |known: &Known| Alarm {
            id: known.id(),
            issuance: known.issuance.clone(),
            may_be_renewal: known.may_be_renewal,
            authority: authority::of(&known.issuance.issuer),
        };
        self.issuances.iter().filter(is_due).map(alarm).collect()
    }

    /// True for what had ended when the watch began. A revocation is history only of what was there
    /// at first sight: of what comes later, a monitor may say that it was revoked whenever it
    /// likes.
    fn is_history(&self, known: &Known) -> bool {
        let is_first_sight = known.first_seen <= self.since;
        known.issuance.not_after < self.since
            || (is_first_sight && known.issuance.has_ended(self.since))
    }

    /// Notes that the user was told. False where there is no such issuance.
    pub fn told(&mut self, id: &str, at: Timestamp) -> bool {
        self.note(id, |known| {
            known.told.get_or_insert(at);
        })
    }

    /// Notes that the user said it is all right. False where there is no such issuance.
    pub fn acknowledge(&mut self, id: &str, at: Timestamp) -> bool {
        self.note(id, |known| {
            known.acknowledged.get_or_insert(at);
        })
    }

    /// Takes that back. False where there is no such issuance.
    pub fn unacknowledge(&mut self, id: &str) -> bool {
        self.note(id, |known| known.acknowledged = None)
    }

    fn note(&mut self, id: &str, change: impl FnOnce(&mut Known)) -> bool {
        // They stand in the order of their names.
        let place = self.issuances.binary_search_by(|known| known.id().as_str().cmp(id)).ok();
        place.and_then(|place| self.issuances.get_mut(place)).map(change).is_some()
    }

    fn make_room(&mut self, now: Timestamp) {
        self.issuances.sort_by_cached_key(|known| known.worth(now));
        let mut room = Some(MAX_KEPT);
        let has_room = |known: &&Known| {
            let size = serde_json::to_vec(known).map_or(0, |json| json.len() + 1);
            room = room.and_then(|room| room.checked_sub(size));
            room.is_some()
        };
        let kept = self.issuances.iter().rev().take(MAX_ISSUANCES).take_while(has_room).count();
        let too_many = self.issuances.len().saturating_sub(kept);
        for gone in self.issuances.drain(..too_many) {
            if gone.class == Class::Unknown || gone.acknowledged.is_some() {
                self.told_until = self.told_until.max(Some(gone.issuance.not_before));
            }
        }
        self.issuances.sort_by_cached_key(Known::id);
    }

    /// Takes over what `other` knows of the same address, from an import: in either order to the
    /// same end, and any number of times. What was told or acknowledged there counts as told and
    /// acknowledged here.
    pub fn merge(&mut self, other: Self, site: &SiteRecord, now: Timestamp) {
        self.since = self.since.min(other.since);
        self.told_until = self.told_until.max(other.told_until);
        for looks in other.looks {
            match self.looks.iter_mut().find(|own| own.monitor == looks.monitor) {
                Some(own) => {
                    let last_whole = own.last_whole.max(looks.last_whole);
                    let order =
                        |one: &Looks| (one.last, one.failures, one.reason.clone(), one.wait);
                    if order(&looks) > order(own) {
                        *own = looks;
                    }
                    own.last_whole = last_whole;
                }
                None => self.looks.push(looks),
            }
        }
        self.looks.sort_by_key(|looks| looks.monitor);
        let all = core::mem::take(&mut self.issuances).into_iter().chain(other.issuances).collect();
        self.issuances = joined(all);
        self.reclassify(site);
        self.make_room(now);
    }

    /// When to look at a monitor next: a day after the last look, up to four hours sooner by
    /// `seed`, so that not all users ask at once; after one that got no answer in an hour, then
    /// two, four and so on up to a day. A moment in the past means now. A clock that was set back
    /// does not stop the watch: a last look that lies ahead of `now` counts as none.
    pub fn next_due(&self, monitor: Monitor, now: Timestamp, seed: u64) -> Timestamp {
        let Some(looks) = self.looks.iter().find(|looks| looks.monitor == monitor) else {
            return now;
        };
        if looks.last > now.plus(CLOCK_SKEW) {
            return now;
        }
        let wait = match looks.failures.checked_sub(1) {
            None => DAY,
            Some(doublings) => {
                FIRST_WAIT.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(DAY)
            }
        };
        // A sixth at most: four hours of a day, ten minutes of an hour.
        let spread = wait.saturating_mul(10) / 60;
        let digest = Sha256::new()
            .chain_update(seed.to_be_bytes())
            .chain_update(monitor.as_str())
            .chain_update(looks.last.millis().to_be_bytes())
            .finalize();
        let draw = digest.iter().take(4).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let sooner = Duration::from_millis(
            u64::try_from(spread.min(JITTER).as_millis()).unwrap_or(0).saturating_mul(draw) >> 32,
        );
        let wait = wait.saturating_sub(sooner).max(looks.wait.unwrap_or_default());
        looks.last.plus(wait).min(now.plus(DAY))
    }

    /// The monitors whose time has come.
    pub fn due(&self, monitors: &[Monitor], now: Timestamp, seed: u64) -> Vec<Monitor> {
        let is_due = |monitor: &Monitor| self.next_due(*monitor, now, seed) <= now;
        monitors.iter().copied().filter(is_due).collect()
    }

    /// What the watch has to say at `now`, where `monitors` are asked.
    ///
    /// | what was issued and has not ended | the looks | findings |
    /// |---|---|---|
    /// | one with a key that is not yours, not acknowledged | any | `issuances-unknown` |
    /// | one that is acknowledged | any | `issuances-acknowledged` |
    /// | one whose key is not known, or nothing is pinned | any | `issuances-open` |
    /// | any | a monitor gave no whole answer yet, or none is asked | `issuances-not-checked` |
    /// | any | a monitor's last whole look is more than three days old | `issuances-stale` |
    /// | any | a monitor's last look was whole only in part | `issuances-incomplete` |
    /// | none | all whole and recent | `issuances-none-found` |
    /// | some, all yours | all whole and recent | `issuances-all-yours` |
    ///
    /// Every row that applies is a finding of its own; the last two apply only where no other does.
    pub fn evidence(&self, monitors: &[Monitor], now: Timestamp) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        let live: Vec<_> =
            self.issuances.iter().filter(|known| !known.issuance.has_ended(now)).collect();
        let of = |is_of: &dyn Fn(&Known) -> bool| {
            live.iter().copied().filter(|known| is_of(known)).collect::<Vec<_>>()
        };
        let unknown = of(&|known| known.is_alarming(now));
        let acknowledged =
            of(&|known| known.class == Class::Unknown && known.acknowledged.is_some());
        let open = of(&|known| {
            matches!(known.class, Class::Open | Class::ExpectedRenewal)
                && known.acknowledged.is_none()
        });
        for (code, found) in [
            (Code::IssuancesUnknown, &unknown),
            (Code::IssuancesAcknowledged, &acknowledged),
            (Code::IssuancesOpen, &open),
        ] {
            if !found.is_empty() {
                let shown: Vec<_> =
                    found.iter().take(MAX_SHOWN).map(|known| particulars(known)).collect();
                evidence
                    .push(Evidence::new(code).with("count", found.len()).with("issuances", shown));
            }
        }
        evidence.extend(self.looks_evidence(monitors, now));
        if evidence.is_empty() {
            let code =
                if live.is_empty() { Code::IssuancesNoneFound } else { Code::IssuancesAllYours };
            let names: Vec<_> = monitors.iter().map(|monitor| monitor.name()).collect();
            evidence.push(Evidence::new(code).with("count", live.len()).with("monitors", names));
        }
        evidence
    }

    /// What keeps the looks from being whole and recent, at most one finding of each kind.
    fn looks_evidence(&self, monitors: &[Monitor], now: Timestamp) -> Vec<Evidence> {
        if monitors.is_empty() {
            return vec![
                Evidence::new(Code::IssuancesNotChecked).with("reason", "no monitor is asked"),
            ];
        }
        let mut found: Vec<(Code, Vec<Value>)> = Vec::new();
        for monitor in monitors {
            let looks = self.looks.iter().find(|looks| looks.monitor == *monitor);
            let last_whole = looks.and_then(|looks| looks.last_whole);
            let reason = looks.and_then(|looks| looks.reason.as_deref());
            // A look of which the clock says that it will be tomorrow is none.
            let is_recent =
                last_whole.is_some_and(|at| at <= now.plus(CLOCK_SKEW) && now.since(at) <= MAX_AGE);
            let is_partial =
                matches!(reason, Some("entries-skipped" | "not-believed" | "too-many"));
            let code = match last_whole {
                _ if is_partial => Code::IssuancesIncomplete,
                Some(_) if is_recent => continue,
                Some(_) => Code::IssuancesStale,
                None => Code::IssuancesNotChecked,
            };
            let detail = json!({
                "monitor": monitor.name(),
                "reason": reason.map_or_else(|| "not-asked-yet".to_owned(), printable),
                "last_whole": last_whole.map(|at| at.to_string()),
            });
            match found.iter_mut().find(|(known, _)| *known == code) {
                Some((_, details)) => details.push(detail),
                None => found.push((code, vec![detail])),
            }
        }
        found
            .into_iter()
            .map(|(code, details)| Evidence::new(code).with("monitors", details))
            .collect()
    }
}

/// What is told of an issuance: in findings, and by the command line. Safe to show.
pub fn particulars(known: &Known) -> Value {
    let issuance = &known.issuance;
    let authority = authority::of(&issuance.issuer);
    json!({
        "id": known.id(),
        "class": known.class.as_str(),
        "issuer": printable(&issuance.issuer.name),
        "serials": issuance.serials.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "not_before": issuance.not_before.to_string(),
        "not_after": issuance.not_after.to_string(),
        "first_seen": known.first_seen.to_string(),
        "names": issuance.names.iter().map(|name| printable(name)).collect::<Vec<_>>(),
        "spki_sha256": issuance.spki_sha256.map(|key| key.to_string()),
        "read_from_certificate": issuance.is_read,
        "may_be_renewal": known.may_be_renewal,
        "entries": issuance.entries.iter().map(|entry| format!("{} {}", entry.monitor.name(), printable(&entry.id))).collect::<Vec<_>>(),
        "report_to": authority.and_then(|one| one.reports).unwrap_or(authority::REPORTING_LIST),
        "caa": authority.map(|one| one.caa),
    })
}

/// Each certificate once, with the earliest of all that was noted of it.
fn joined(all: Vec<Known>) -> Vec<Known> {
    let Joined { issuances, places, .. } = join(all.iter().map(|known| known.issuance.clone()));
    let mut out: Vec<Option<Known>> = vec![None; issuances.len()];
    for (known, place) in all.into_iter().zip(places) {
        let Some(slot) = place.and_then(|place| out.get_mut(place)) else { continue };
        match slot {
            Some(one) => {
                one.first_seen = one.first_seen.min(known.first_seen);
                one.last_seen = one.last_seen.max(known.last_seen);
                one.told = one.told.into_iter().chain(known.told).min();
                one.acknowledged = one.acknowledged.into_iter().chain(known.acknowledged).min();
            }
            slot => *slot = Some(known),
        }
    }
    let whole = out.into_iter().zip(issuances);
    let mut known: Vec<_> = whole
        .filter_map(|(known, issuance)| known.map(|known| Known { issuance, ..known }))
        .collect();
    known.sort_by_cached_key(Known::id);
    known
}

#[cfg(test)]
mod tests;
