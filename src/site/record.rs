//! The site record: what is known of a guarded address, and what a certificate means in its light.
//!
//! Keys are pinned, not certificates. A home that keeps its key through renewals (Home Assistant
//! Cloud does) is silent for ever; a new key is asked about, or refused.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::time::{CLOCK_SKEW, DAY, Timestamp};
use crate::verdict::Verdict;
use crate::x509::certificate::Certificate;
use crate::x509::fingerprint::{
    AccountId, CertificateSha1, CertificateSha256, Fingerprint, SpkiSha256,
};
use crate::x509::serial::Serial;

pub use super::attestation::{Heard, HomeAttestation, HomeSays, OtherHome, Silence};

/// The most pins of one address.
pub const MAX_PINS: usize = 32;
/// The most certificates and events that are kept of one address; the oldest go first.
pub const MAX_HISTORY: usize = 200;

/// Whether the home changes its key at a renewal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyHabit {
    /// The key stays (Home Assistant Cloud; certbot with `--reuse-key`): another key is an alarm.
    Keeps,
    /// The key changes (certbot, Caddy and acme.sh as they come): another key at the right time is
    /// a question.
    Rotates,
}

/// Where a pin comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Read from the home itself over the local network.
    Home,
    /// Typed or pasted by the user, as the key or as the fingerprint of a certificate that then was
    /// seen.
    Entered,
    /// Seen on the line, and accepted by the user.
    Seen,
}

/// A key that is accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_sha256: SpkiSha256,
    /// Where it comes from.
    pub origin: Origin,
    /// Since when.
    pub added: Timestamp,
    /// True for a key that was only seen on the line, once the user has entered a fingerprint, or
    /// the home has told one, that is not of a certificate seen with it: what was read at home
    /// outranks it until a certificate with this key has an entered or told fingerprint.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub doubted: bool,
}

/// A fingerprint that the user entered, of a certificate that may not have been seen yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entered {
    /// The fingerprint.
    pub fingerprint: Fingerprint,
    /// Since when.
    pub added: Timestamp,
}

/// A certificate that was seen and accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeenCertificate {
    /// SHA-256 of the certificate.
    pub sha256: CertificateSha256,
    /// SHA-1 of the certificate, the form that Home Assistant shows.
    pub sha1: CertificateSha1,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: SpkiSha256,
    /// The organisation that issued it.
    pub authority: String,
    /// Its serial number, by which a monitor's entry is known to be of it. Absent in records from
    /// before monitors were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// Its first moment.
    pub not_before: Timestamp,
    /// Its last moment.
    pub not_after: Timestamp,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// True once a certificate with another key was accepted in its place.
    #[serde(default)]
    pub replaced: bool,
}

/// Something that happened to the record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: EventKind,
    /// Which key.
    pub spki_sha256: SpkiSha256,
}

/// What can happen to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A key was pinned.
    Pinned,
    /// A pin was taken away.
    Unpinned,
    /// A new certificate with a pinned key was seen.
    Renewed,
    /// A key that is not pinned was seen.
    OtherKey,
}

/// All that is known of one address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SiteRecord {
    /// Which address.
    pub address: Address,
    /// What its home does with keys.
    pub key_habit: KeyHabit,
    /// The accepted keys.
    #[serde(default)]
    pub pins: Vec<Pin>,
    /// Fingerprints entered by the user.
    #[serde(default)]
    pub entered: Vec<Entered>,
    /// What the home itself told last; none where it was never asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<HomeAttestation>,
    /// The account by which the home is known: that of the token when it was first asked with one,
    /// or was introduced anew. Whoever answers in its place tells another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_account: Option<AccountId>,
    /// Certificates seen and accepted, oldest first.
    #[serde(default)]
    pub seen: Vec<SeenCertificate>,
    /// What happened, oldest first.
    #[serde(default)]
    pub history: Vec<Event>,
}

/// What else is known of a new certificate, as far as it bears on whether a new key can be
/// explained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// There is a valid path to a root in Mozilla's programme, or to one that the user added.
    pub has_path: bool,
    /// `Some(false)` where the logs do not vouch for it, `None` where that could not be told.
    pub is_logged: Option<bool>,
}

/// What a certificate means in the light of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Continuity {
    /// Nothing is known of the address yet.
    FirstSight,
    /// A pinned key.
    SameKey,
    /// The fingerprint that the user entered.
    Confirmed(Fingerprint),
    /// The certificate that the home told of, with a key that it had not confirmed before.
    ToldByHome,
    /// A new key where one was due.
    RenewalDue,
    /// A new key on a home that keeps its own.
    NewKey,
    /// A new key, and this speaks against a renewal.
    Unexplained(Objection),
    /// Not the fingerprint that the user entered.
    FingerprintMismatch,
    /// A key that was only seen on the line; the home has told of a certificate that is not known
    /// to be of it.
    DoubtedByHome,
}

impl Continuity {
    /// True where the key is the home's, so that it is kept if everything else is right too.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::SameKey | Self::Confirmed(_) | Self::ToldByHome)
    }
}

/// What speaks against taking a new key for a renewal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Objection {
    /// There is no valid path.
    NoPath,
    /// The logs do not vouch for it.
    NotLogged,
    /// No certificate of the home is known that it could replace.
    NothingToReplace,
    /// No certificate of the home is due.
    NotDue,
    /// The one that is due was issued by another authority.
    OtherAuthority,
}

impl Objection {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPath => "no-path",
            Self::NotLogged => "not-logged",
            Self::NothingToReplace => "nothing-to-replace",
            Self::NotDue => "not-due",
            Self::OtherAuthority => "other-authority",
        }
    }
}

impl SiteRecord {
    /// An empty record. The habit follows from the address: Home Assistant Cloud keeps its keys,
    /// others may rotate them.
    pub fn new(address: Address) -> Self {
        let key_habit = if address.host.is_home_assistant_cloud() {
            KeyHabit::Keeps
        } else {
            KeyHabit::Rotates
        };
        Self {
            address,
            key_habit,
            pins: Vec::new(),
            entered: Vec::new(),
            home: None,
            home_account: None,
            seen: Vec::new(),
            history: Vec::new(),
        }
    }

    /// What `leaf`, presented at `at`, means.
    pub fn continuity(&self, leaf: &Certificate, standing: Standing, at: Timestamp) -> Continuity {
        let spki = leaf.spki_sha256();
        let pin = self.pins.iter().find(|pin| pin.spki_sha256 == spki);
        // The home's own word comes before everything that was seen or typed.
        if self.is_told(leaf) && pin.is_none_or(|pin| pin.origin != Origin::Home) {
            return Continuity::ToldByHome;
        }
        if let Some(pin) = pin {
            let is_doubted = pin.doubted && !self.entered.iter().any(|one| one.is_of(leaf));
            return match is_doubted {
                false => Continuity::SameKey,
                true if self.home.is_some() && self.entered.is_empty() => Continuity::DoubtedByHome,
                true => Continuity::FingerprintMismatch,
            };
        }
        if let Some(one) = self.entered.iter().find(|one| one.is_of(leaf)) {
            return Continuity::Confirmed(one.fingerprint);
        }
        if self.pins.is_empty() {
            return if self.entered.is_empty() {
                Continuity::FirstSight
            } else {
                Continuity::FingerprintMismatch
            };
        }
        match self.key_habit {
            KeyHabit::Keeps => Continuity::NewKey,
            KeyHabit::Rotates => match self.objection(leaf, standing, at) {
                Some(objection) => Continuity::Unexplained(objection),
                None => Continuity::RenewalDue,
            },
        }
    }

    fn objection(
        &self,
        leaf: &Certificate,
        standing: Standing,
        at: Timestamp,
    ) -> Option<Objection> {
        if !standing.has_path {
            return Some(Objection::NoPath);
        }
        if standing.is_logged == Some(false) {
            return Some(Objection::NotLogged);
        }
        let in_service: Vec<_> = self.in_service().collect();
        if in_service.is_empty() {
            return Some(Objection::NothingToReplace);
        }
        let due: Vec<_> = in_service.into_iter().filter(|one| one.is_due(at)).collect();
        if due.is_empty() {
            return Some(Objection::NotDue);
        }
        let authority = leaf.issuer_organisation();
        if due.iter().all(|one| one.authority != authority) {
            return Some(Objection::OtherAuthority);
        }
        None
    }

    /// The newest certificate of each pinned key, as long as no other key took its place.
    fn in_service(&self) -> impl Iterator<Item = &SeenCertificate> {
        self.pins.iter().filter_map(|pin| {
            let of_key = self.seen.iter().filter(|one| one.spki_sha256 == pin.spki_sha256);
            of_key.max_by_key(|one| one.not_before).filter(|one| !one.replaced)
        })
    }

    /// True where a certificate of this authority was in service and due for renewal at that time.
    pub(crate) fn was_due(&self, authority: &str, at: Timestamp) -> bool {
        self.in_service().any(|one| one.authority == authority && one.is_due(at))
    }

    /// Pins the key of `leaf`, which the user accepted or confirmed. Where that ends a renewal, the
    /// certificate that was due is marked as replaced, so that the next new key has to wait for its
    /// own time.
    pub fn accept(&mut self, leaf: &Certificate, origin: Origin, at: Timestamp) {
        let spki = leaf.spki_sha256();
        if self.pins.iter().all(|pin| pin.spki_sha256 != spki) {
            let authority = leaf.issuer_organisation();
            let due = self.in_service().filter(|one| one.is_due(at));
            let replaced = due
                .min_by_key(|one| (one.authority != authority, one.not_after))
                .map(|one| one.sha256);
            for one in self.seen.iter_mut().filter(|one| Some(one.sha256) == replaced) {
                one.replaced = true;
            }
            self.make_room();
        }
        self.pin(spki, origin, at);
        self.see(leaf, at);
        self.settle(at);
    }

    /// Pins a key, as long as there are fewer than [`MAX_PINS`]. A pin that is there already is
    /// kept, and gains a better origin if this one is (home before entered before seen).
    pub fn pin(&mut self, spki_sha256: SpkiSha256, origin: Origin, at: Timestamp) {
        if let Some(pin) = self.pins.iter_mut().find(|pin| pin.spki_sha256 == spki_sha256) {
            if origin.rank() < pin.origin.rank() {
                pin.origin = origin;
                pin.doubted = false;
            }
            return;
        }
        if self.pins.len() >= MAX_PINS {
            return;
        }
        self.pins.push(Pin { spki_sha256, origin, added: at, doubted: false });
        self.note(EventKind::Pinned, spki_sha256, at);
    }

    /// Drops the longest known pin whose certificate was replaced, where there is no room for
    /// another.
    pub(super) fn make_room(&mut self) {
        if self.pins.len() >= MAX_PINS {
            let is_over = |pin: &Pin| {
                self.seen.iter().any(|one| one.replaced && one.spki_sha256 == pin.spki_sha256)
            };
            if let Some(over) = self.pins.iter().position(is_over) {
                self.pins.remove(over);
            }
        }
    }

    /// Takes a pin away, and the entered fingerprints of certificates that were seen with its key:
    /// they would bring it back. False where there was none.
    pub fn unpin(&mut self, spki_sha256: SpkiSha256, at: Timestamp) -> bool {
        let of_key: Vec<_> =
            self.seen.iter().filter(|one| one.spki_sha256 == spki_sha256).collect();
        self.entered.retain(|entered| !of_key.iter().any(|one| one.has(entered.fingerprint)));
        // What the home told is forgotten too; it may tell it again.
        let is_told =
            |word: &HomeAttestation| of_key.iter().any(|one| one.sha1 == word.fingerprint);
        self.home = self.home.take().filter(|word| !is_told(word));
        let before = self.pins.len();
        self.pins.retain(|pin| pin.spki_sha256 != spki_sha256);
        let removed = self.pins.len() < before;
        if removed {
            self.note(EventKind::Unpinned, spki_sha256, at);
        }
        removed
    }

    /// Notes a fingerprint that the user entered. It confirms the key that a certificate was seen
    /// with, and puts every other key that was only seen on the line in doubt.
    pub fn enter(&mut self, fingerprint: Fingerprint, at: Timestamp) {
        let confirmed =
            self.seen.iter().find(|one| one.has(fingerprint)).map(|one| one.spki_sha256);
        for pin in self.pins.iter_mut().filter(|pin| pin.origin == Origin::Seen) {
            if Some(pin.spki_sha256) == confirmed {
                pin.origin = Origin::Entered;
                pin.doubted = false;
            } else {
                pin.doubted = true;
            }
        }
        self.entered.retain(|one| one.fingerprint != fingerprint);
        self.entered.push(Entered { fingerprint, added: at });
        if self.entered.len() > MAX_PINS {
            self.entered.remove(0);
        }
    }

    /// Brings the record up to date after a check that ended in `continuity`. A key is adopted only
    /// where the check as a whole was trusted; what went wrong is noted in any case. A first sight
    /// or a question changes nothing until the user answers.
    pub fn remember(
        &mut self,
        leaf: &Certificate,
        continuity: Continuity,
        verdict: Verdict,
        at: Timestamp,
    ) {
        if continuity.is_accepted() && verdict != Verdict::Trusted {
            return;
        }
        match continuity {
            Continuity::SameKey => {
                if self.entered.iter().any(|one| one.is_of(leaf)) {
                    self.pin(leaf.spki_sha256(), Origin::Entered, at);
                }
                self.see(leaf, at);
            }
            Continuity::Confirmed(_) => self.accept(leaf, Origin::Entered, at),
            Continuity::ToldByHome => self.accept(leaf, Origin::Home, at),
            Continuity::FirstSight => {}
            Continuity::RenewalDue
            | Continuity::NewKey
            | Continuity::Unexplained(_)
            | Continuity::FingerprintMismatch
            | Continuity::DoubtedByHome => {
                let spki = leaf.spki_sha256();
                let is_news = self.history.last().is_none_or(|last| {
                    (last.what, last.spki_sha256) != (EventKind::OtherKey, spki)
                });
                if is_news {
                    self.note(EventKind::OtherKey, spki, at);
                }
            }
        }
    }

    fn see(&mut self, leaf: &Certificate, at: Timestamp) {
        let sha256 = leaf.sha256();
        if let Some(known) = self.seen.iter_mut().find(|one| one.sha256 == sha256) {
            known.last_seen = known.last_seen.max(at);
            known.serial = Serial::of(leaf);
            return;
        }
        let spki_sha256 = leaf.spki_sha256();
        if self.seen.iter().any(|one| one.spki_sha256 == spki_sha256) {
            self.note(EventKind::Renewed, spki_sha256, at);
        }
        self.seen.push(SeenCertificate {
            sha256,
            sha1: leaf.sha1(),
            spki_sha256,
            authority: leaf.issuer_organisation(),
            serial: Serial::of(leaf),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            first_seen: at,
            last_seen: at,
            replaced: false,
        });
        if self.seen.len() > MAX_HISTORY {
            self.seen.remove(0);
        }
    }

    fn note(&mut self, what: EventKind, spki_sha256: SpkiSha256, at: Timestamp) {
        self.history.push(Event { at, what, spki_sha256 });
        if self.history.len() > MAX_HISTORY {
            self.history.remove(0);
        }
    }

    /// Takes over what `other` knows of the same address. Nothing that is here is lost. By which
    /// account its home is known stays here: a file does not introduce a home.
    pub fn merge(&mut self, other: Self) {
        if other.key_habit == KeyHabit::Keeps {
            self.key_habit = KeyHabit::Keeps;
        }
        for pin in other.pins {
            self.pin(pin.spki_sha256, pin.origin, pin.added);
            for own in self.pins.iter_mut().filter(|own| own.spki_sha256 == pin.spki_sha256) {
                own.doubted |= pin.doubted && own.origin == Origin::Seen;
            }
        }
        for one in other.entered {
            let is_new = self.entered.iter().all(|known| known.fingerprint != one.fingerprint);
            if is_new && self.entered.len() < MAX_PINS {
                self.entered.push(one);
            }
        }
        for one in other.seen {
            match self.seen.iter_mut().find(|known| known.sha256 == one.sha256) {
                Some(known) => {
                    known.first_seen = known.first_seen.min(one.first_seen);
                    known.last_seen = known.last_seen.max(one.last_seen);
                    known.replaced |= one.replaced;
                    known.serial = known.serial.take().or(one.serial);
                }
                None => {
                    let at = self.seen.partition_point(|known| known.first_seen <= one.first_seen);
                    self.seen.insert(at, one);
                }
            }
        }
        for event in other.history {
            if !self.history.contains(&event) {
                let at = self.history.partition_point(|known| known.at <= event.at);
                self.history.insert(at, event);
            }
        }
        match (&mut self.home, other.home) {
            (Some(own), Some(theirs)) if own.fingerprint == theirs.fingerprint => {
                own.first_told = own.first_told.min(theirs.first_told);
                own.last_told = own.last_told.max(theirs.last_told);
            }
            (Some(own), Some(theirs)) if theirs.last_told <= own.last_told => {}
            (own, Some(theirs)) => *own = Some(theirs),
            (_, None) => {}
        }
        if let Some(at) = self.home.as_ref().map(|word| word.last_told) {
            self.settle(at);
        }
        self.seen.drain(..self.seen.len().saturating_sub(MAX_HISTORY));
        self.history.drain(..self.history.len().saturating_sub(MAX_HISTORY));
    }
}

impl Origin {
    /// The lower, the closer to the home.
    fn rank(self) -> u8 {
        match self {
            Self::Home => 0,
            Self::Entered => 1,
            Self::Seen => 2,
        }
    }
}

impl Entered {
    fn is_of(&self, leaf: &Certificate) -> bool {
        match self.fingerprint {
            Fingerprint::Sha1(sha1) => sha1 == leaf.sha1(),
            Fingerprint::Sha256(sha256) => sha256 == leaf.sha256(),
        }
    }
}

impl SeenCertificate {
    fn has(&self, fingerprint: Fingerprint) -> bool {
        match fingerprint {
            Fingerprint::Sha1(sha1) => sha1 == self.sha1,
            Fingerprint::Sha256(sha256) => sha256 == self.sha256,
        }
    }

    /// True from the moment at which ACME clients renew: with a third of the lifetime left, or a
    /// half where it lives no longer than ten days (certbot, Caddy, RFC 9773 suggestions of Let's
    /// Encrypt), give or take a day for the clock.
    fn is_due(&self, at: Timestamp) -> bool {
        let lifetime = self.not_after.since(self.not_before);
        let left = if lifetime <= SHORT_LIVED { lifetime / 2 } else { lifetime / 3 };
        at.plus(CLOCK_SKEW) >= self.not_after.minus(left)
    }
}

/// Certificates that live no longer than this are renewed at half-time.
const SHORT_LIVED: Duration = Duration::from_secs(10 * DAY.as_secs());
