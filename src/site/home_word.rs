//! The home's own word: what it told of its certificate over the local network, whether it is the home that told, and what that means for a certificate that is presented.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Origin, Pin, SiteRecord};
use crate::address::Host;
use crate::certificate::Certificate;
use crate::fingerprint::{CertificateSha1, SpkiSha256};
use crate::home_assistant::conversation::{HomeCertificate, HomeReport};
use crate::time::{DAY, Timestamp};

/// What the home itself told of its certificate, over the local network.
///
/// Home Assistant tells SHA-1. To pass for the certificate, another one would have to have the same digest as a given one: a second preimage, which is out of reach for SHA-1 (collisions,
/// where the attacker chooses both, are not). An authority could in principle prepare such a pair, and give the home one half of it. So the digest only finds the certificate when
/// it is seen; what is kept from then on is SHA-256 of its key, and everything else about it is checked as ever: path, name, time, the logs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HomeWord {
    /// SHA-1 of the certificate.
    pub fingerprint: CertificateSha1,
    /// The hosts that it is for; the guarded one is among them.
    pub names: Vec<Host>,
    /// Its last moment.
    pub not_after: Timestamp,
    /// When this certificate was told of first.
    pub first_told: Timestamp,
    /// When it was told of last.
    pub last_told: Timestamp,
}

/// Home Assistant renews when 25 days are left; five more for a clock, and for renewals by hand.
const WORD_IS_DUE: Duration = Duration::from_secs(30 * DAY.as_secs());
/// For so long the home may tell of a new certificate and still present the old one, or the other way round.
const CHANGE_TAKES: Duration = DAY;

impl HomeWord {
    /// True while the home would not have taken another certificate since: long before its end, or within a day of its word.
    pub fn is_current(&self, at: Timestamp) -> bool {
        let is_due = at.plus(WORD_IS_DUE) >= self.not_after;
        !is_due || (at <= self.not_after && at.since(self.last_told) <= CHANGE_TAKES)
    }
}

/// What a certificate is in the light of the home's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HomeSays {
    /// The very certificate that it told of.
    Confirms,
    /// Another certificate of a key that it has confirmed.
    SameKey,
    /// A certificate whose key it never confirmed, or has left for another.
    Other,
    /// It was not asked since it may have taken another certificate.
    LongAgo,
}

/// What came of asking the home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It told of its certificate for the first time.
    First,
    /// The same as before.
    Same,
    /// Another than before.
    Other,
    /// It has none to tell of; what it told before stands.
    Nothing(Silence),
}

/// Why the home tells of no certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silence {
    /// It was asked without a token, and so for its version alone.
    NotAsked,
    /// Home Assistant runs without its cloud.
    NoCloud,
    /// It is not logged in there.
    LoggedOut,
    /// It is, and has no certificate yet.
    NoCertificate,
    /// It has one for another name: the address is a domain of the owner's own, beside the cloud's.
    OtherName,
}

impl Silence {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not-asked",
            Self::NoCloud => "no-cloud",
            Self::LoggedOut => "logged-out",
            Self::NoCertificate => "no-certificate",
            Self::OtherName => "other-name",
        }
    }
}

/// The home that was asked is not the one of this address. Nothing of what it told is taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtherHome {
    /// The address is one of Home Assistant Cloud, and the home's certificate is for another one.
    #[error("the home holds a certificate for {told}, not for {guarded}: it is another home")]
    Host {
        /// For what its certificate is, safe to show.
        told: String,
        /// The address of the record.
        guarded: Host,
    },
    /// The token's account is another than the one that the home is known by. Over plain HTTP nothing else tells the home from a stranger who answers in its place:
    /// the account's number is known to those alone who were once shown it.
    #[error(
        "the account behind the token is another than the one that your home is known by: it is another home, or the token belongs to another account"
    )]
    Account,
}

impl OtherHome {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Host { .. } => "home-other-host",
            Self::Account => "home-other-account",
        }
    }
}

/// The hosts that a told certificate is for; names in no form of a host are left out.
fn hosts(certificate: &HomeCertificate) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for name in core::iter::once(&certificate.common_name).chain(&certificate.names) {
        match name.parse() {
            Ok(host) if !hosts.contains(&host) => hosts.push(host),
            _ => {}
        }
    }
    hosts
}

impl SiteRecord {
    pub(super) fn is_told(&self, leaf: &Certificate) -> bool {
        self.home.as_ref().is_some_and(|word| word.fingerprint == leaf.sha1())
    }

    /// What the home says of `leaf`, presented at `at`; nothing where it was never asked.
    pub fn home_says(&self, leaf: &Certificate, at: Timestamp) -> Option<HomeSays> {
        let word = self.home.as_ref()?;
        if self.is_told(leaf) {
            return Some(HomeSays::Confirms);
        }
        let spki = leaf.spki_sha256();
        let is_confirmed = |pin: &Pin| pin.spki_sha256 == spki && pin.origin == Origin::Home;
        // A key that the home has left for another does not come back: by then somebody else may hold it.
        let is_left =
            self.told_key().is_some_and(|told| told != spki) && at.since(word.first_told) > CHANGE_TAKES;
        Some(if is_left {
            HomeSays::Other
        } else if self.pins.iter().any(is_confirmed) {
            HomeSays::SameKey
        } else if word.is_current(at) {
            HomeSays::Other
        } else {
            HomeSays::LongAgo
        })
    }

    /// The key of the certificate that the home told of, once that was seen.
    fn told_key(&self) -> Option<SpkiSha256> {
        let word = self.home.as_ref()?;
        self.seen.iter().find(|one| one.sha1 == word.fingerprint).map(|one| one.spki_sha256)
    }

    /// Takes in what the home told over the local network at `at`. If its certificate was seen, its key is the home's from now on; every other key that was only
    /// seen on the line is in doubt.
    ///
    /// Who it is comes before what it says: once a home is known by an account, nothing is taken over from one that does not tell the same.
    ///
    /// # Errors
    /// [`OtherHome`] where the certificate is not for the address of this record, or another home answered than the one that is known. Nothing has changed then.
    pub fn hear(&mut self, told: &HomeReport, at: Timestamp) -> Result<Heard, OtherHome> {
        let Some(account) = &told.account else { return Ok(Heard::Nothing(Silence::NotAsked)) };
        if self.home_account.is_some() && self.home_account != account.id {
            return Err(OtherHome::Account);
        }
        let word = self.word_of(told)?;
        self.home_account = account.id;
        let certificate = match word {
            Ok(certificate) => certificate,
            Err(silence) => return Ok(Heard::Nothing(silence)),
        };
        let HomeCertificate { fingerprint, not_after, .. } = *certificate;
        let before = self.home.take();
        let heard = match &before {
            None => Heard::First,
            Some(word) if word.fingerprint == fingerprint => Heard::Same,
            Some(_) => Heard::Other,
        };
        let first_told = before.filter(|_| heard == Heard::Same).map_or(at, |word| word.first_told.min(at));
        self.home =
            Some(HomeWord { fingerprint, names: hosts(certificate), not_after, first_told, last_told: at });
        self.settle(at);
        Ok(heard)
    }

    /// The same in the moment in which the user introduces the home, by handing in a token or, on the command line, by saying that it has another account: whoever answers now is
    /// known from here on.
    ///
    /// # Errors
    /// [`OtherHome`]. Nothing has changed then.
    pub fn meet(&mut self, told: &HomeReport, at: Timestamp) -> Result<Heard, OtherHome> {
        let is_nameless = told.account.as_ref().is_some_and(|account| account.id.is_none());
        if is_nameless && self.home_account.is_some() {
            return Err(OtherHome::Account);
        }
        let known = self.home_account.take();
        let heard = self.hear(told, at);
        // Who does not say who they are, or cannot be the home, takes nobody's place.
        self.home_account = self.home_account.or(known);
        heard
    }

    /// True where `told` was told by the home that this record knows, or by one that is asked without a token and known by its place alone.
    pub fn is_from_home(&self, told: &HomeReport) -> bool {
        self.home_account == told.account.as_ref().and_then(|account| account.id)
    }

    /// The certificate that the home tells of, where it is this address's.
    fn word_of<'a>(&self, told: &'a HomeReport) -> Result<Result<&'a HomeCertificate, Silence>, OtherHome> {
        let certificate = match &told.cloud {
            None => return Ok(Err(Silence::NoCloud)),
            Some(cloud) if !cloud.logged_in => return Ok(Err(Silence::LoggedOut)),
            Some(cloud) => cloud.certificate.as_ref(),
        };
        let Some(certificate) = certificate else { return Ok(Err(Silence::NoCertificate)) };
        let guarded = &self.address.host;
        if hosts(certificate).contains(guarded) {
            Ok(Ok(certificate))
        } else if guarded.is_home_assistant_cloud() {
            Err(OtherHome::Host { told: certificate.common_name.clone(), guarded: guarded.clone() })
        } else {
            Ok(Err(Silence::OtherName))
        }
    }

    /// Forgets what the home told and by which account it is known. Keys that it has confirmed stay; those that its word alone has put in doubt go with it: they would be trusted
    /// again without anybody's word.
    pub fn forget_home(&mut self) {
        self.home = None;
        self.home_account = None;
        if self.entered.is_empty() {
            self.pins.retain(|pin| !pin.doubted);
        }
    }

    /// Brings the pins in line with the home's word: the key of its certificate is the home's, and a key that was only seen on the line, before that word or while it was
    /// current, is in doubt.
    pub(super) fn settle(&mut self, at: Timestamp) {
        let told_key = self.told_key();
        if let Some(key) = told_key {
            self.make_room();
            self.pin(key, Origin::Home, at);
        }
        let Some(word) = &self.home else { return };
        for pin in &mut self.pins {
            let is_contradicted = pin.added <= word.last_told || word.is_current(pin.added);
            pin.doubted |= pin.origin == Origin::Seen && Some(pin.spki_sha256) != told_key && is_contradicted;
        }
    }
}
