//! What the lab's monitors know: issuances, each a certificate and its precertificate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// One issuance.
#[derive(Clone, Debug)]
pub struct Issuance {
    /// The names that the certificate is for.
    pub names: Vec<String>,
    /// The authority's organisation.
    pub operator: String,
    /// SHA-256 of the issuer's key.
    pub issuer_spki_sha256: [u8; 32],
    /// The serial number, without zeros before it.
    pub serial: Vec<u8>,
    /// The certificate's first moment.
    pub not_before: OffsetDateTime,
    /// Its last moment.
    pub not_after: OffsetDateTime,
    /// When the logs signed.
    pub logged: OffsetDateTime,
    /// SHA-256 of its key.
    pub spki_sha256: [u8; 32],
    /// Its TBS without the SCT list or the poison.
    pub tbs: Vec<u8>,
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// The precertificate in DER; none of those that are made up.
    pub precertificate: Option<Vec<u8>>,
}

/// What a monitor does. The same words are the modes of the command `monitor`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conduct {
    /// Tells what it knows.
    #[default]
    Good,
    /// Knows nothing.
    Empty,
    /// Says that every certificate is the first one that it learnt of: the key at Cert Spotter, the
    /// certificate at crt.sh.
    Lie,
    /// Names and issuers are full of markup and of characters that nobody sees.
    Hostile,
    /// JSON, but not of the types that it should be.
    Garbled,
    /// Gives the first page whatever page is asked for (Cert Spotter).
    Loop,
    /// Takes `deduplicate=Y` at its word, and shows no precertificate beside its certificate
    /// (crt.sh).
    Deduplicate,
}

/// The issuances that both monitors know, in the order that they learnt of them.
#[derive(Default)]
pub struct Ledger {
    issuances: Mutex<Vec<Arc<Issuance>>>,
}

impl Issuance {
    /// The issuer as monitors write it.
    pub fn issuer_name(&self) -> String {
        format!("O={0}, CN={0} Intermediate 1", self.operator)
    }

    /// The serial number in hexadecimal, as DER has it: never negative.
    pub fn serial_hex(&self) -> String {
        let serial = crate::static_ct::hex(&self.serial);
        if self.serial.first().is_none_or(|byte| *byte >= 0x80) {
            format!("00{serial}")
        } else {
            serial
        }
    }

    /// SHA-256 of the TBS without the SCT list or the poison: the same for certificate and
    /// precertificate.
    pub fn tbs_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.tbs).into()
    }

    /// True where `name` is among its names.
    pub fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|one| one.eq_ignore_ascii_case(name))
    }

    /// Made up after this one: the same but for the serial number, so that no signature fits. The
    /// serial has to be one of eight bytes.
    pub fn made_up(&self, n: u32) -> Self {
        let serial = [&self.serial[..4], &n.to_be_bytes()].concat();
        let renumbered = |der: &[u8]| {
            let mut der = der.to_vec();
            let at =
                der.windows(8).position(|eight| eight == self.serial).expect("the serial number");
            der[at..at + 8].copy_from_slice(&serial);
            der
        };
        Self {
            tbs: renumbered(&self.tbs),
            certificate: renumbered(&self.certificate),
            precertificate: None,
            serial: serial.clone(),
            ..self.clone()
        }
    }
}

impl Ledger {
    /// Lets the monitors know.
    pub fn add(&self, issuances: impl IntoIterator<Item = Arc<Issuance>>) {
        self.lock().extend(issuances);
    }

    /// How many they know.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True where they know nothing.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Forgets all but the first.
    pub fn truncate(&self, length: usize) {
        self.lock().truncate(length);
    }

    /// Those that fit, each with its number.
    pub fn select(&self, fits: impl Fn(&Issuance) -> bool) -> Vec<(u64, Arc<Issuance>)> {
        let issuances = self.lock();
        let numbered = (0..).zip(issuances.iter());
        numbered.filter(|(_, one)| fits(one)).map(|(n, one)| (n, Arc::clone(one))).collect()
    }

    /// The newest.
    pub fn last(&self) -> Option<Arc<Issuance>> {
        self.lock().last().cloned()
    }

    /// One of them.
    pub fn get(&self, n: u64) -> Option<Arc<Issuance>> {
        self.lock().get(usize::try_from(n).ok()?).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Issuance>>> {
        self.issuances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
