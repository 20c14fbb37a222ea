//! What was issued for a name, as monitors of the public logs show it: one entry for each
//! certificate, and whose it is.
//!
//! Monitors show the same certificate many times: as precertificate and certificate, from two
//! monitors, found by its exact name and by its wildcard. All of that is one [`Issuance`].
//!
//! | known of an entry | its identity |
//! |---|---|
//! | the certificate itself | key and dates |
//! | its TBS hash and key, in the monitor's words | that of a certificate with the same TBS hash; else key and dates |
//! | serial number and dates, no key | that of a certificate with the same serial number and dates; else these |
//!
//! Two certificates for one key with dates equal to the second are one issuance with two serial
//! numbers: they open the same doors, so a second alarm would say nothing new. Two certificates
//! with one serial number and *different* keys stay two, whoever made them. Serial numbers of
//! public CAs have 64 bits from a random generator (Baseline Requirements section 7.1), so serial
//! number and dates are enough to know a certificate by; where the number is shorter, the issuer's
//! name has to be the same too. How names of issuers are written differs too much between monitors
//! to rest anything else on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::issuances::monitor::id::Monitor;
use crate::site::{KeyHabit, SiteRecord};
use crate::text::printable;
use crate::time::Timestamp;
use crate::x509::certificate::Certificate;
use crate::x509::fingerprint::{CertificateSha256, SpkiSha256, TbsSha256};
use crate::x509::name::{SubjectName, covering};
use crate::x509::serial::Serial;

/// The most serial numbers and hashes that are kept of one issuance, and entries of each monitor:
/// certificate and precertificate in two monitors make four.
pub const MAX_PARTS: usize = 8;

/// Who issued it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Issuer {
    /// The whole name, as the source wrote it, safe to show.
    pub name: String,
    /// The organisation in it, safe to show; `None` where there is none or more than one.
    pub organisation: Option<String>,
}

impl Issuer {
    /// Reads a name as monitors write it: `C=US, O=Let's Encrypt, CN=R11`, in this order or turned
    /// round, values plain, in quotes or with backslashes.
    pub fn read(name: &str) -> Self {
        let name = printable(name);
        let attributes = attributes(&name);
        let mut organisations =
            attributes.iter().filter(|(key, _)| key == "O").map(|(_, value)| value.clone());
        let organisation = match (organisations.next(), organisations.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        };
        Self { name, organisation }
    }

    /// That of a certificate.
    pub fn of(certificate: &Certificate) -> Self {
        Self { name: certificate.issuer(), organisation: Some(certificate.issuer_organisation()) }
    }

    /// What is the same for one name however it is written: its parts without order.
    fn normal(&self) -> Vec<(String, String)> {
        let mut attributes = attributes(&self.name);
        attributes.sort();
        attributes
    }
}

/// The parts of a distinguished name in text. A part without `KEY=` in front belongs to the value
/// before it: some write `O=Example, Inc.` without quotes.
fn attributes(name: &str) -> Vec<(String, String)> {
    let mut parts = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in name.chars() {
        let is_plain = !is_quoted && !is_escaped;
        if is_plain && c == '\\' {
            is_escaped = true;
            continue;
        }
        if !is_escaped && c == '"' {
            is_quoted = !is_quoted;
        } else if is_plain && matches!(c, ',' | '+') {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
        is_escaped = false;
    }
    let mut attributes: Vec<(String, String)> = Vec::new();
    for part in parts {
        let split = part.split_once('=').filter(|(key, _)| {
            let key = key.trim();
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        });
        match (split, attributes.last_mut()) {
            (Some((key, value)), _) => {
                attributes.push((key.trim().to_owned(), value.trim().to_owned()))
            }
            (None, Some((_, value))) => *value = format!("{value}, {}", part.trim()),
            (None, None) => {}
        }
    }
    attributes
}

/// Where a monitor has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Which monitor.
    pub monitor: Monitor,
    /// The monitor's own number of it: letters and digits.
    pub id: String,
}

/// What is said of revocation: a monitor's word. See [`Issuance::revocation`] for when it counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Revoked {
    /// When, where that is said.
    pub at: Option<Timestamp>,
}

/// A certificate that was issued for the name, with all that is known of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Issuance {
    /// SHA-256 of its SubjectPublicKeyInfo; `None` where no source said it.
    pub spki_sha256: Option<SpkiSha256>,
    /// True where the key was read from the certificate, not taken from the monitor's words.
    pub is_read: bool,
    /// Its serial numbers.
    pub serials: BTreeSet<Serial>,
    /// The hashes of its TBSCertificate.
    pub tbs_sha256: BTreeSet<TbsSha256>,
    /// The fingerprints of certificate and precertificate, where they were read.
    pub certificates: BTreeSet<CertificateSha256>,
    /// Who issued it.
    pub issuer: Issuer,
    /// The names in it that are for the host: the host itself, its wildcard, or both.
    pub names: BTreeSet<String>,
    /// Its first moment.
    pub not_before: Timestamp,
    /// Its last moment.
    pub not_after: Timestamp,
    /// That it was revoked, as some monitor says.
    pub revoked: Option<Revoked>,
    /// Where monitors have it.
    pub entries: BTreeSet<Entry>,
}

/// What an issuance is known by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Identity {
    Key(SpkiSha256, Timestamp, Timestamp),
    Serial(SerialIdentity),
}

/// Serial number and dates, and the issuer where the number is too short to be random.
type SerialIdentity = (Serial, Timestamp, Timestamp, Vec<(String, String)>);

impl Issuance {
    /// From a certificate or precertificate, as far as it is for the host. `None` where it is not.
    pub fn of(certificate: &Certificate, host: &str, entry: Entry) -> Option<Self> {
        let names: BTreeSet<_> = certificate
            .names()
            .iter()
            .filter_map(|name| match name {
                SubjectName::Dns(name) => covering(name, host),
                _ => None,
            })
            .collect();
        if names.is_empty() {
            return None;
        }
        Some(Self {
            spki_sha256: Some(certificate.spki_sha256()),
            is_read: true,
            serials: Serial::of(certificate).into_iter().collect(),
            tbs_sha256: certificate
                .precertificate_tbs()
                .ok()
                .map(|tbs| TbsSha256::of(&tbs))
                .into_iter()
                .collect(),
            certificates: BTreeSet::from([certificate.sha256()]),
            issuer: Issuer::of(certificate),
            names,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            revoked: None,
            entries: BTreeSet::from([entry]),
        })
    }

    /// The stable name under which it is acknowledged: the same from whichever source, on every
    /// device.
    pub fn id(&self) -> String {
        self.identity().map_or_else(String::new, |identity| identity.id())
    }

    fn identity(&self) -> Option<Identity> {
        match self.spki_sha256 {
            Some(key) => Some(Identity::Key(key, self.not_before, self.not_after)),
            None => self.by_serial().next().map(Identity::Serial),
        }
    }

    fn by_serial(&self) -> impl Iterator<Item = SerialIdentity> {
        self.serials.iter().map(|serial| {
            let issuer = if serial.is_random() { Vec::new() } else { self.issuer.normal() };
            (serial.clone(), self.not_before, self.not_after, issuer)
        })
    }

    /// Takes over what `other` knows of the same certificate, in any order to the same end.
    fn absorb(&mut self, other: Self) {
        let better = |one: &Self| (!one.is_read, one.issuer.clone());
        if better(&other) < better(self) {
            self.issuer = other.issuer;
        }
        if self.spki_sha256.is_none() || (other.is_read && !self.is_read) {
            self.spki_sha256 = other.spki_sha256.or(self.spki_sha256);
        }
        // A certificate that was read says of itself all there is: no word of a monitor is put
        // beside it.
        if other.is_read || !self.is_read {
            extend(&mut self.serials, other.serials);
            extend(&mut self.tbs_sha256, other.tbs_sha256);
            extend(&mut self.certificates, other.certificates);
        }
        self.is_read |= other.is_read;
        self.revoked = match (self.revoked, other.revoked) {
            (Some(one), Some(two)) => Some(Revoked { at: one.at.into_iter().chain(two.at).min() }),
            (one, two) => one.or(two),
        };
        extend(&mut self.names, other.names);
        // Of each monitor by itself: one that says much must not make forget that another showed it
        // too.
        for monitor in Monitor::ALL {
            let more = other.entries.iter().filter(|entry| entry.monitor == monitor).cloned();
            let mut of: BTreeSet<_> =
                self.entries.extract_if(.., |entry| entry.monitor == monitor).collect();
            extend(&mut of, more.collect());
            self.entries.extend(of);
        }
    }

    /// Its revocation, as far as it counts: where every monitor that shows it tells revocations, so
    /// that one that lies could as well have kept silent. Where another shows it that tells nothing
    /// of that (crt.sh), one word could put an end to the alarm of both. One from before the
    /// certificate was valid is none.
    pub fn revocation(&self) -> Option<Revoked> {
        let is_undisputed = self.entries.iter().all(|entry| entry.monitor.tells_revocation());
        self.revoked.filter(|one| is_undisputed && one.at.is_none_or(|at| at >= self.not_before))
    }

    /// True from its last moment on, or from its revocation.
    pub fn has_ended(&self, at: Timestamp) -> bool {
        let is_past = |revoked: Revoked| revoked.at.is_none_or(|since| since <= at);
        self.not_after < at || self.revocation().is_some_and(is_past)
    }
}

/// The first few of both in order: the same, in whichever order they came.
fn extend<T: Ord>(to: &mut BTreeSet<T>, more: BTreeSet<T>) {
    to.extend(more);
    while to.len() > MAX_PARTS {
        to.pop_last();
    }
}

impl Identity {
    fn id(&self) -> String {
        let mut hash = Sha256::new();
        let (kind, not_before, not_after) = match self {
            Self::Key(key, not_before, not_after) => {
                hash.update(key.as_bytes());
                ("key", not_before, not_after)
            }
            Self::Serial((serial, not_before, not_after, issuer)) => {
                for part in core::iter::once(serial.as_str())
                    .chain(issuer.iter().flat_map(|(a, b)| [&**a, &**b]))
                {
                    hash.update(part.as_bytes());
                    hash.update([0]);
                }
                ("serial", not_before, not_after)
            }
        };
        hash.update(not_before.millis().to_be_bytes());
        hash.update(not_after.millis().to_be_bytes());
        let digits =
            hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("{kind}-{digits}")
    }
}

/// Entries as issuances.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// One for each certificate, in the order of what they are known by.
    pub issuances: Vec<Issuance>,
    /// For each entry that was handed in, where in `issuances` it went. `None` for one that nothing
    /// is known by.
    pub places: Vec<Option<usize>>,
    /// How many entries said something of a certificate that the certificate itself does not say.
    pub contradictions: usize,
}

/// Joins entries, and issuances that were joined before: in any order, and any number of times, to
/// the same end.
pub fn join(entries: impl IntoIterator<Item = Issuance>) -> Joined {
    let entries: Vec<_> = entries.into_iter().collect();
    let mut identities: Vec<Option<Identity>> = vec![None; entries.len()];
    let mut contradictions = 0;

    let mut by_tbs: BTreeMap<TbsSha256, Identity> = BTreeMap::new();
    let mut by_serial: BTreeMap<SerialIdentity, Identity> = BTreeMap::new();
    // One serial number for several keys: the least takes the entries without a key, whichever came
    // first.
    let note_serials =
        |by_serial: &mut BTreeMap<_, Identity>, one: &Issuance, identity: &Identity| {
            for serial in one.by_serial() {
                let known = by_serial.entry(serial).or_insert_with(|| identity.clone());
                if identity < known {
                    *known = identity.clone();
                }
            }
        };
    for (one, place) in entries.iter().zip(&mut identities).filter(|(one, _)| one.is_read) {
        let Some(identity) = one.identity() else { continue };
        for tbs in &one.tbs_sha256 {
            by_tbs.insert(*tbs, identity.clone());
        }
        note_serials(&mut by_serial, one, &identity);
        *place = Some(identity);
    }
    let is_told = |one: &Issuance| !one.is_read && one.spki_sha256.is_some();
    for (one, place) in entries.iter().zip(&mut identities).filter(|(one, _)| is_told(one)) {
        let own = one.identity();
        let read = one.tbs_sha256.iter().find_map(|tbs| by_tbs.get(tbs));
        if let (Some(read), Some(own)) = (read, &own)
            && read != own
        {
            contradictions += 1;
        }
        let identity = read.cloned().or(own);
        if let Some(identity) = &identity {
            note_serials(&mut by_serial, one, identity);
        }
        *place = identity;
    }
    for (one, place) in
        entries.iter().zip(&mut identities).filter(|(one, _)| one.spki_sha256.is_none())
    {
        *place = one
            .by_serial()
            .find_map(|serial| by_serial.get(&serial).cloned())
            .or_else(|| one.identity());
    }

    // What was read comes first, so that what a certificate says of itself stands wherever words
    // differ.
    let mut groups: BTreeMap<&Identity, Option<Issuance>> = BTreeMap::new();
    for wants_read in [true, false] {
        for (one, identity) in
            entries.iter().zip(&identities).filter(|(one, _)| one.is_read == wants_read)
        {
            let Some(identity) = identity else { continue };
            match groups.entry(identity).or_default() {
                Some(group) => group.absorb(one.clone()),
                group => *group = Some(one.clone()),
            }
        }
    }
    let positions: BTreeMap<_, _> =
        groups.keys().enumerate().map(|(n, identity)| (*identity, n)).collect();
    let places = identities
        .iter()
        .map(|identity| identity.as_ref().and_then(|one| positions.get(one).copied()))
        .collect();
    Joined { issuances: groups.into_values().flatten().collect(), places, contradictions }
}

/// Whose it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// With a pinned key.
    Yours,
    /// Seen at the address before, and accepted.
    YoursByHistory,
    /// The key is not known; it came from the same authority when a renewal was due.
    ExpectedRenewal,
    /// With another key than yours: the alarm.
    Unknown,
    /// It cannot be said.
    Open,
}

impl Class {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yours => "yours",
            Self::YoursByHistory => "yours-by-history",
            Self::ExpectedRenewal => "expected-renewal",
            Self::Unknown => "unknown",
            Self::Open => "open",
        }
    }
}

/// Whose an issuance is, in the light of the record.
///
/// | the key | and | class |
/// |---|---|---|
/// | is pinned without doubt: any of several, also one that is not in use yet | | `Yours` |
/// | any, or not known | its fingerprint, or its serial number and dates, are those of a certificate that was accepted at the address, whose key is not in doubt and not another | `YoursByHistory` |
/// | is another | nothing is pinned without doubt, so what is yours is not known | `Open` |
/// | is another | however much it looks like a renewal: the same CA issues for whoever controls the name (attacker A5) | `Unknown` |
/// | is not known | same authority as a certificate in service that was due when this one begins | `ExpectedRenewal` |
/// | is not known | | `Open` |
///
/// `ExpectedRenewal` explains, and is no better than `Open` otherwise: neither is an alarm, neither
/// is fine.
pub fn classify(issuance: &Issuance, site: &SiteRecord) -> Class {
    let is_doubted =
        |key: SpkiSha256| site.pins.iter().any(|pin| pin.doubted && pin.spki_sha256 == key);
    let mut sure = site.pins.iter().filter(|pin| !pin.doubted).peekable();
    let has_sure = sure.peek().is_some();
    if issuance.spki_sha256.is_some_and(|key| sure.any(|pin| pin.spki_sha256 == key)) {
        return Class::Yours;
    }
    let was_accepted = site.seen.iter().any(|seen| {
        let is_same = issuance.certificates.contains(&seen.sha256)
            || seen.serial.as_ref().is_some_and(|serial| {
                issuance.serials.contains(serial)
                    && (seen.not_before, seen.not_after)
                        == (issuance.not_before, issuance.not_after)
                    && (serial.is_random()
                        || issuance.issuer.organisation.as_ref() == Some(&seen.authority))
            });
        is_same
            && !is_doubted(seen.spki_sha256)
            && issuance.spki_sha256.is_none_or(|key| key == seen.spki_sha256)
    });
    if was_accepted {
        return Class::YoursByHistory;
    }
    match issuance.spki_sha256 {
        Some(_) if has_sure => Class::Unknown,
        None if is_when_due(issuance, site) => Class::ExpectedRenewal,
        _ => Class::Open,
    }
}

/// True for an unknown issuance that may well be the renewal of a home that changes its key: an
/// alarm all the same, with gentler words.
pub fn may_be_renewal(issuance: &Issuance, site: &SiteRecord) -> bool {
    site.key_habit == KeyHabit::Rotates && is_when_due(issuance, site)
}

fn is_when_due(issuance: &Issuance, site: &SiteRecord) -> bool {
    let organisation = issuance.issuer.organisation.as_deref();
    organisation.is_some_and(|authority| site.was_due(authority, issuance.not_before))
}

#[cfg(test)]
mod tests;
