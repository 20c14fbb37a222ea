//! The good homes and the attackers A1 to A9 of the threat model, each as a chain, a key and what
//! has to come of it.

use std::sync::Arc;

use rcgen::{KeyPair, PublicKeyData};
use rustls::sign::SigningKey;
use serde_json::json;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::authority::{Authority, KeyShape, Order, Scts, key, sct_list};
use crate::log::{Log, log_list, rfc3339};
use crate::server::signing_key;
use crate::weak::WeakKey;

/// The remote address of the lab's home. It keeps its key, as Home Assistant Cloud does.
pub const HOST: &str = "a1b2c3d4.ui.nabu.test";
/// Everything one level below it: homes with hass-nabucasa 2.9.0 have it in their certificate.
pub const WILDCARD: &str = "*.a1b2c3d4.ui.nabu.test";
/// A name that its owner alone knows.
pub const SECRET_HOST: &str = "s3cret.a1b2c3d4.ui.nabu.test";

/// A name that runs a script if it is ever taken for HTML.
pub const MARKUP: &str = r#"<img src=x onerror="document.title='owned'">"#;

/// The public world of the lab: authorities, logs, and one home.
pub struct Lab {
    /// The time of everything.
    pub now: OffsetDateTime,
    /// The home's own authority.
    pub authority: Authority,
    /// Another public authority.
    pub other_authority: Authority,
    /// A proxy's private one, installed on the machine and nowhere else.
    pub proxy: Authority,
    /// Another proxy's, whose name is markup.
    pub proxy_of_markup: Authority,
    /// Accepted logs: ECDSA, RSA, and one of static-ct-api.
    pub logs: Vec<Log>,
    /// In the list as rejected.
    pub rejected_log: Log,
    /// In the list as retired since thirty days.
    pub retired_log: Log,
    /// In no list.
    pub unknown_log: Log,
    /// The home's key.
    pub home_key: KeyPair,
}

/// One thing that may answer at the home's address.
#[derive(Clone)]
pub struct Scenario {
    /// What tests call it by.
    pub name: &'static str,
    /// The attacker's number in the threat model, or `good`.
    pub id: &'static str,
    /// What happens.
    pub title: &'static str,
    /// What is presented, in DER.
    pub chain: Vec<Vec<u8>>,
    /// What signs the handshake.
    pub key: Arc<dyn SigningKey>,
    /// The verdict with the home's pin.
    pub pinned: &'static str,
    /// The verdict at first sight.
    pub first_sight: &'static str,
    /// Codes that have to be among the evidence with the home's pin.
    pub codes: &'static [&'static str],
}

impl Lab {
    /// A new world.
    pub fn new(now: OffsetDateTime) -> Self {
        let now = now.replace_nanosecond(0).expect("zero is in range");
        Self {
            now,
            authority: Authority::new("Lab Encrypt", KeyShape::P384, KeyShape::P384, now),
            other_authority: Authority::new(
                "Other Trust",
                KeyShape::Rsa2048,
                KeyShape::Rsa2048,
                now,
            ),
            proxy: Authority::new("Office Proxy", KeyShape::P256, KeyShape::P256, now),
            proxy_of_markup: Authority::new(MARKUP, KeyShape::P256, KeyShape::P256, now),
            logs: vec![
                Log::new("Lab log Ash", "First operator", KeyShape::P256),
                Log::new("Lab log Birch", "Second operator", KeyShape::Rsa2048),
                Log::tiled("Lab log Cedar (tiled)", "Third operator", 600),
            ],
            rejected_log: Log::new("Lab log Dogwood", "Fourth operator", KeyShape::P256),
            retired_log: Log::new("Lab log Elm", "Fifth operator", KeyShape::P256),
            unknown_log: Log::new("Lab log Fir", "Nobody", KeyShape::P256),
            home_key: key(KeyShape::Rsa2048),
        }
    }

    /// The accepted logs.
    pub fn good_logs(&self) -> Vec<&Log> {
        self.logs.iter().collect()
    }

    /// All logs, each with its state in the list, or none for the one that is in none.
    pub fn all_logs(&self) -> Vec<(&Log, Option<&'static str>)> {
        let mut logs: Vec<_> = self.logs.iter().map(|log| (log, Some("usable"))).collect();
        logs.push((&self.rejected_log, Some("rejected")));
        logs.push((&self.retired_log, Some("retired")));
        logs.push((&self.unknown_log, None));
        logs
    }

    /// An order for the home's name: ninety days, the first `age_days` of them gone.
    pub fn order<'a>(&self, age_days: i64, scts: Scts<'a>) -> Order<'a> {
        let not_before = self.now - Duration::days(age_days);
        Order { names: &[HOST], not_before, not_after: not_before + Duration::days(90), scts }
    }

    /// The public roots, for `--roots`.
    pub fn roots(&self) -> Vec<Vec<u8>> {
        vec![self.authority.root.clone(), self.other_authority.root.clone()]
    }

    /// The list of logs, for `--log-list`.
    pub fn log_list(&self) -> String {
        let long_ago = self.now - Duration::days(400);
        let mut logs: Vec<_> = self.logs.iter().map(|log| (log, "usable", long_ago)).collect();
        logs.push((&self.rejected_log, "rejected", long_ago));
        logs.push((&self.retired_log, "retired", self.now - Duration::days(30)));
        log_list(self.now, &logs)
    }

    /// The site record of the home, for `--site`: its key, read at home.
    pub fn pins(&self) -> String {
        self.pins_at(HOST)
    }

    /// The same, where the home answers at `address`: the host, and the port if it is not 443.
    pub fn pins_at(&self, address: &str) -> String {
        let spki: String = Sha256::digest(self.home_key.subject_public_key_info())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        json!({"schema": 1, "kind": "doorlight-pins", "sites": [{
            "address": address,
            "key_habit": "keeps",
            "pins": [{"spki_sha256": spki, "origin": "home", "added": rfc3339(self.now)}],
        }]})
        .to_string()
    }

    /// All of them, the good ones first.
    pub fn scenarios(&self) -> Vec<Scenario> {
        let logs = self.good_logs();
        let from = |logs: &'_ [&'_ Log]| -> Vec<u8> {
            let at = self.now - Duration::days(10);
            sct_list(&logs.iter().map(|log| log.invent(at)).collect::<Vec<_>>())
        };
        let thief = key(KeyShape::P256);
        let thief_signs = signing_key(&thief);
        let home_signs = signing_key(&self.home_key);
        let weak = WeakKey::default();

        let good = self.authority.issue(&self.order(30, Scts::From(&logs)), &self.home_key);
        let renewed = self.authority.issue(&self.order(1, Scts::From(&logs)), &self.home_key);
        let moved = self.other_authority.issue(&self.order(1, Scts::From(&logs)), &self.home_key);
        let wildcard = Order { names: &[HOST, WILDCARD], ..self.order(9, Scts::From(&logs)) };
        let wildcard = self.authority.issue(&wildcard, &self.home_key);
        let due = Order { names: &[HOST, WILDCARD], ..self.order(57, Scts::From(&logs)) };
        let due = self.authority.issue(&due, &self.home_key);
        let new_key = key(KeyShape::P384);
        let downgraded = self.authority.issue(&self.order(1, Scts::From(&logs)), &new_key);
        let copied_scts = Scts::Forged(embedded_sct_list(&good[0]));

        let rogue = |scts| self.authority.issue(&self.order(2, scts), &thief);
        let intercepted = |scts| self.proxy.issue(&self.order(2, scts), &thief);
        let rogue_logged = rogue(Scts::From(&logs));
        let elsewhere =
            Order { names: &["other.ui.nabu.test"], ..self.order(2, Scts::From(&logs)) };
        let malformed = {
            let mut chain = good.clone();
            // The outer length promises more than there is.
            chain[0][3] = chain[0][3].wrapping_add(9);
            chain
        };

        let scenario = |name,
                        id,
                        title,
                        chain: &[Vec<u8>],
                        key: &Arc<dyn SigningKey>,
                        pinned,
                        first_sight,
                        codes| {
            Scenario {
                name,
                id,
                title,
                chain: chain.to_vec(),
                key: Arc::clone(key),
                pinned,
                first_sight,
                codes,
            }
        };
        vec![
            scenario(
                "good",
                "good",
                "the home itself",
                &good,
                &home_signs,
                "trusted",
                "attention",
                &[
                    "pin-same-key",
                    "sct-valid",
                    "ct-policy-met",
                    "path-added-root",
                    "possession-proven",
                ],
            ),
            scenario(
                "renewed",
                "good",
                "renewed, same key",
                &renewed,
                &home_signs,
                "trusted",
                "attention",
                &["pin-same-key"],
            ),
            scenario(
                "renewed-other-ca",
                "good",
                "renewed by another CA, same key",
                &moved,
                &home_signs,
                "trusted",
                "attention",
                &["pin-same-key"],
            ),
            scenario(
                "A1",
                "A1",
                "a proxy with its own root",
                &intercepted(Scts::None),
                &thief_signs,
                "danger",
                "danger",
                &["path-unknown-issuer", "pin-new-key"],
            ),
            scenario(
                "A1-root-sent",
                "A1",
                "the same, sending its root along",
                &[intercepted(Scts::None), vec![self.proxy.root.clone()]].concat(),
                &thief_signs,
                "danger",
                "danger",
                &["path-private-root", "pin-new-key"],
            ),
            scenario(
                "A2",
                "A2",
                "a proxy that invents SCTs",
                &intercepted(Scts::Forged(from(&logs))),
                &thief_signs,
                "danger",
                "danger",
                &["path-unknown-issuer", "sct-invalid"],
            ),
            scenario(
                "A3",
                "A3",
                "a proxy that copies the home's SCTs",
                &intercepted(copied_scts),
                &thief_signs,
                "danger",
                "danger",
                &["path-unknown-issuer", "sct-invalid"],
            ),
            scenario(
                "A4",
                "A4",
                "another public CA was tricked, logged",
                &self.other_authority.issue(&self.order(2, Scts::From(&logs)), &thief),
                &thief_signs,
                "danger",
                "attention",
                &["pin-new-key", "sct-valid"],
            ),
            scenario(
                "A5",
                "A5",
                "the same CA was tricked, logged",
                &rogue_logged,
                &thief_signs,
                "danger",
                "attention",
                &["pin-new-key", "sct-valid"],
            ),
            scenario(
                "A5-home-chain-behind",
                "A5",
                "the same, with the home's chain behind it",
                &[rogue_logged.clone(), good.clone()].concat(),
                &thief_signs,
                "danger",
                "attention",
                &["pin-new-key"],
            ),
            scenario(
                "A6-unknown",
                "A6",
                "SCTs of a log that nobody knows",
                &rogue(Scts::From(&[&self.unknown_log, &self.unknown_log])),
                &thief_signs,
                "danger",
                "attention",
                &["sct-unknown-logs", "ct-policy-short"],
            ),
            scenario(
                "A6-rejected",
                "A6",
                "SCTs of a rejected log",
                &rogue(Scts::From(&[&self.rejected_log, logs[0]])),
                &thief_signs,
                "danger",
                "attention",
                &["ct-policy-short"],
            ),
            scenario(
                "A6-retired",
                "A6",
                "SCTs of a log after it was retired",
                &rogue(Scts::From(&[&self.retired_log, logs[0]])),
                &thief_signs,
                "danger",
                "attention",
                &["ct-policy-short"],
            ),
            scenario(
                "A7",
                "A7",
                "the same CA was tricked, logs keep it back",
                &rogue(Scts::Withheld(&logs)),
                &thief_signs,
                "danger",
                "attention",
                &["pin-new-key", "sct-valid"],
            ),
            scenario(
                "A8",
                "A8",
                "the same CA was tricked, logs show two trees",
                &rogue(Scts::Forked(&logs)),
                &thief_signs,
                "danger",
                "attention",
                &["pin-new-key", "sct-valid"],
            ),
            scenario(
                "A9-name",
                "A9",
                "a certificate for another host",
                &self.authority.issue(&elsewhere, &thief),
                &thief_signs,
                "danger",
                "danger",
                &["name-mismatch"],
            ),
            scenario(
                "A9-expired",
                "A9",
                "an expired one of the home",
                &self.authority.issue(&self.order(100, Scts::From(&logs)), &self.home_key),
                &home_signs,
                "danger",
                "danger",
                &["validity-expired"],
            ),
            scenario(
                "A9-weak",
                "A9",
                "one with a broken key size (RSA-1024)",
                &self.authority.issue(&self.order(2, Scts::From(&logs)), &weak),
                &(Arc::new(weak) as Arc<dyn SigningKey>),
                "danger",
                "danger",
                &["key-weak", "pin-new-key"],
            ),
            scenario(
                "A9-malformed",
                "A9",
                "a malformed one",
                &malformed,
                &home_signs,
                "danger",
                "danger",
                &["certificate-malformed"],
            ),
            scenario(
                "A9-no-key",
                "A9",
                "the home's certificate without its key",
                &good,
                &thief_signs,
                "danger",
                "danger",
                &["possession-unproven"],
            ),
            scenario(
                "wildcard",
                "good",
                "the home with a name and its wildcard",
                &wildcard,
                &home_signs,
                "trusted",
                "attention",
                &["pin-same-key", "name-match"],
            ),
            // 33 of 90 days are left: hass-nabucasa 2.9.0 renews when its authority says so (ARI, RFC
            // 9773), at about a third of the lifetime; before, it did so with 25 days left.
            scenario(
                "due",
                "good",
                "the home in the days in which its authority has it renew",
                &due,
                &home_signs,
                "trusted",
                "attention",
                &["pin-same-key"],
            ),
            // hass-nabucasa 2.8.1 revokes a certificate with a wildcard and makes a new key. From
            // outside it is A5; only the home itself can say that it is the home.
            scenario(
                "downgraded",
                "good",
                "the home after going back to an older version: a new key",
                &downgraded,
                &signing_key(&new_key),
                "danger",
                "attention",
                &["pin-new-key"],
            ),
        ]
    }
}

/// The SCT list inside a certificate that the lab issued: what follows its OID, two OCTET STRINGs
/// deep. It is the last extension.
fn embedded_sct_list(certificate: &[u8]) -> Vec<u8> {
    const OID: &[u8] = &[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02];
    let at = certificate.windows(OID.len()).position(|window| window == OID).expect("an SCT list")
        + OID.len();
    let outer = octets(&certificate[at..]);
    octets(outer).to_vec()
}

fn octets(der: &[u8]) -> &[u8] {
    let (header, length) = match der[1] {
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        0x81 => (3, usize::from(der[2])),
        short => (2, usize::from(short)),
    };
    &der[header..header + length]
}
