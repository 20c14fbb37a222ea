//! What the page knows while it is open: roots, lists of logs, pins, fingerprints that were typed,
//! and whom to ask. None of it is stored; it is gone with the page.

use std::cell::RefCell;
use std::rc::Rc;

use doorlight::address::Address;
use doorlight::ct::log_list::{LogList, LogListError, LogLists, Provenance};
use doorlight::site::pins::Pins;
use doorlight::site::{Origin, SiteRecord};
use doorlight::time::Timestamp;
use doorlight::x509::bundle;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::certificate::SubjectName;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;

use crate::input::Expected;

/// All of it.
#[derive(Default)]
pub struct Known {
    roots: Option<Rc<Roots>>,
    log_lists: Option<Rc<LogLists>>,
    /// The reader's own roots in DER, and own list of logs, as they were handed in.
    own_roots: Vec<Vec<u8>>,
    own_list: Option<Vec<u8>>,
    /// Pins that were handed in.
    pub pins: Pins,
    /// Fingerprints that were typed, each for an address.
    pub expected: Vec<(Address, Expected)>,
    /// One that was given before there was a certificate to compare it with.
    pub waiting: Option<Expected>,
    /// The reader's own mirror of Cert Spotter; empty for the public one.
    pub cert_spotter: String,
    /// The reader's own mirror of crt.sh; empty for the public one.
    pub crt_sh: String,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Works with what is known.
pub fn with<T>(work: impl FnOnce(&mut Known) -> T) -> T {
    KNOWN.with_borrow_mut(work)
}

impl Known {
    /// Mozilla's roots, or those with the reader's own.
    pub fn roots(&mut self) -> Rc<Roots> {
        Rc::clone(self.roots.get_or_insert_with(|| Rc::new(Roots::mozilla())))
    }

    /// The shipped list, or the reader's own.
    ///
    /// # Errors
    /// [`LogListError`], of the shipped one; a test keeps that from happening.
    pub fn log_lists(&mut self) -> Result<Rc<LogLists>, LogListError> {
        let lists = match &self.log_lists {
            Some(lists) => Rc::clone(lists),
            None => Rc::new(LogLists::shipped()?),
        };
        self.log_lists = Some(Rc::clone(&lists));
        Ok(lists)
    }

    /// Trusts further roots. What is wrong with them is told as a code.
    ///
    /// # Errors
    /// They cannot be read, or cannot serve as roots.
    pub fn add_roots(&mut self, file: &[u8]) -> Result<usize, &'static str> {
        let ders = bundle::split(file).map_err(|error| error.code())?;
        let mut roots = Roots::mozilla();
        roots.add(&ders).map_err(|_| "root-unusable")?;
        self.roots = Some(Rc::new(roots));
        let count = ders.len();
        self.own_roots = ders;
        Ok(count)
    }

    /// What another module has to be told to know the same: own roots in DER, own list of logs.
    pub fn own(&self) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
        (self.own_roots.clone(), self.own_list.clone())
    }

    /// Counts logs by another list.
    ///
    /// # Errors
    /// [`LogListError`].
    pub fn set_log_list(&mut self, json: &[u8]) -> Result<Option<Timestamp>, LogListError> {
        let list = LogList::parse(json, Provenance::Unsigned)?;
        let timestamp = list.timestamp;
        self.own_list = Some(json.to_vec());
        self.log_lists = Some(Rc::new(LogLists::new(vec![list])));
        Ok(timestamp)
    }

    /// The record of an address: its pins, with the fingerprints that were typed for it.
    pub fn record(
        &self,
        address: &Address,
        at: Timestamp,
        chain: Option<&Chain>,
    ) -> Option<SiteRecord> {
        let mut record = self.pins.site(address).cloned();
        for (_, expected) in self.expected.iter().filter(|(of, _)| of == address) {
            let record = record.get_or_insert_with(|| SiteRecord::new(address.clone()));
            let is_key_of = |key| chain.is_some_and(|chain| chain.leaf().spki_sha256() == key);
            match *expected {
                Expected::Sha1(fingerprint) => record.enter(fingerprint, at),
                Expected::Sha256(_, key) if is_key_of(key) => record.pin(key, Origin::Entered, at),
                Expected::Sha256(one, _) => {
                    record.enter(doorlight::x509::fingerprint::Fingerprint::Sha256(one), at);
                }
                Expected::Key(key) => record.pin(key, Origin::Entered, at),
            }
        }
        record
    }

    /// Takes a fingerprint over for an address, in the place of one that was typed before.
    pub fn expect(&mut self, address: &Address, expected: Option<Expected>) {
        self.expected.retain(|(of, _)| of != address);
        self.expected.extend(expected.map(|one| (address.clone(), one)));
    }

    /// What is expected of an address.
    pub fn expected_of(&self, address: &Address) -> Option<Expected> {
        self.expected.iter().find(|(of, _)| of == address).map(|(_, expected)| *expected)
    }

    /// The address of the pins that know this certificate's key, or its name.
    pub fn address_of(&self, leaf: &Certificate) -> Option<Address> {
        let sites = || self.pins.sites().iter();
        let has_key =
            |site: &&SiteRecord| site.pins.iter().any(|pin| pin.spki_sha256 == leaf.spki_sha256());
        let has_name = |site: &&SiteRecord| is_named(leaf, site.address.host.as_str());
        let found =
            sites().find(|site| has_key(site) && has_name(site)).or_else(|| sites().find(has_name));
        found.map(|site| site.address.clone())
    }
}

/// True where the certificate names the host, itself or by a wildcard. Good enough to guess which
/// host is meant; whether it is really for it, the examination says.
fn is_named(leaf: &Certificate, host: &str) -> bool {
    leaf.names().iter().any(|name| match name {
        SubjectName::Dns(name) => match name.strip_prefix("*.") {
            Some(parent) => {
                host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
            }
            None => name.eq_ignore_ascii_case(host),
        },
        SubjectName::Ip(ip) => ip.to_string() == host,
        SubjectName::Other => false,
    })
}
