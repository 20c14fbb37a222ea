//! The home's own word: what it told of its certificate over the local network, whether it is the
//! home that told, and what that means for a certificate that is presented.

use super::attestation::{CHANGE_TAKES, Heard, HomeAttestation, HomeSays, OtherHome, Silence};
use super::record::{Origin, Pin, SiteRecord};
use crate::address::Host;
use crate::home_assistant::conversation::{HomeCertificate, HomeReport};
use crate::time::Timestamp;
use crate::x509::certificate::Certificate;
use crate::x509::fingerprint::SpkiSha256;
use crate::x509::name::covering;

/// The names that a told certificate is for.
fn names(certificate: &HomeCertificate) -> impl Iterator<Item = &str> {
    core::iter::once(&certificate.common_name).chain(&certificate.names).map(String::as_str)
}

impl SiteRecord {
    /// The hosts that a told certificate is for, the guarded one among them where a wildcard covers
    /// it; other names in no form of a host are left out.
    fn hosts(&self, certificate: &HomeCertificate) -> Vec<Host> {
        let mut hosts: Vec<Host> = Vec::new();
        let named = names(certificate).filter_map(|name| name.parse().ok());
        let guarded = self.is_named(certificate).then(|| self.address.host.clone());
        for host in named.chain(guarded) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    /// True where the told certificate is for the guarded host, by name or by wildcard.
    fn is_named(&self, certificate: &HomeCertificate) -> bool {
        let guarded = self.address.host.as_str();
        names(certificate).any(|name| covering(name, guarded).is_some())
    }

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
        // A key that the home has left for another does not come back: by then somebody else may
        // hold it.
        let is_left = self.told_key().is_some_and(|told| told != spki)
            && at.since(word.first_told) > CHANGE_TAKES;
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

    /// Takes in what the home told over the local network at `at`. If its certificate was seen, its
    /// key is the home's from now on; every other key that was only seen on the line is in doubt.
    ///
    /// Who it is comes before what it says: once a home is known by an account, nothing is taken
    /// over from one that does not tell the same.
    ///
    /// # Errors
    /// [`OtherHome`] where the certificate is not for the address of this record, or another home
    /// answered than the one that is known. Nothing has changed then.
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
        let first_told =
            before.filter(|_| heard == Heard::Same).map_or(at, |word| word.first_told.min(at));
        self.home = Some(HomeAttestation {
            fingerprint,
            names: self.hosts(certificate),
            not_before: None,
            not_after,
            first_told,
            last_told: at,
        });
        self.settle(at);
        Ok(heard)
    }

    /// The same in the moment in which the user introduces the home, by handing in a token or, on
    /// the command line, by saying that it has another account: whoever answers now is known from
    /// here on.
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

    /// True where `told` was told by the home that this record knows, or by one that is asked
    /// without a token and known by its place alone.
    pub fn is_from_home(&self, told: &HomeReport) -> bool {
        self.home_account == told.account.as_ref().and_then(|account| account.id)
    }

    /// The certificate that the home tells of, where it is this address's.
    fn word_of<'a>(
        &self,
        told: &'a HomeReport,
    ) -> Result<Result<&'a HomeCertificate, Silence>, OtherHome> {
        let certificate = match &told.cloud {
            None => return Ok(Err(Silence::NoCloud)),
            Some(cloud) if !cloud.logged_in => return Ok(Err(Silence::LoggedOut)),
            Some(cloud) => cloud.certificate.as_ref(),
        };
        let Some(certificate) = certificate else { return Ok(Err(Silence::NoCertificate)) };
        let guarded = &self.address.host;
        if self.is_named(certificate) {
            Ok(Ok(certificate))
        } else if guarded.is_home_assistant_cloud() {
            Err(OtherHome::Host { told: certificate.common_name.clone(), guarded: guarded.clone() })
        } else {
            Ok(Err(Silence::OtherName))
        }
    }

    /// Forgets what the home told and by which account it is known. Keys that it has confirmed
    /// stay; those that its word alone has put in doubt go with it: they would be trusted again
    /// without anybody's word.
    pub fn forget_home(&mut self) {
        self.home = None;
        self.home_account = None;
        if self.entered.is_empty() {
            self.pins.retain(|pin| !pin.doubted);
        }
    }

    /// Brings the pins in line with the home's word: the key of its certificate is the home's, and
    /// a key that was only seen on the line, before that word or while it was current, is in doubt.
    pub(super) fn settle(&mut self, at: Timestamp) {
        let told_key = self.told_key();
        let seen = self.home.as_ref().and_then(|word| {
            self.seen.iter().find(|one| one.sha1 == word.fingerprint).map(|one| one.not_before)
        });
        if let Some(word) = &mut self.home {
            word.not_before = seen.or(word.not_before);
        }
        if let Some(key) = told_key {
            self.make_room();
            self.pin(key, Origin::Home, at);
        }
        let Some(word) = &self.home else { return };
        for pin in &mut self.pins {
            let is_contradicted = pin.added <= word.last_told || word.is_current(pin.added);
            pin.doubted |=
                pin.origin == Origin::Seen && Some(pin.spki_sha256) != told_key && is_contradicted;
        }
    }
}
