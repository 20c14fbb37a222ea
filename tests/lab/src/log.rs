//! Logs that sign. They build no trees yet.

use base64ct::{Base64, Encoding};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::authority::{KeyShape, key};

/// A log.
#[derive(Debug)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// Who runs it.
    pub operator: String,
    /// For a log of static-ct-api: where it puts the next entry.
    pub leaf_index: Option<u64>,
    key: KeyPair,
    is_rsa: bool,
}

impl Log {
    /// A new log; P-256 or RSA, as RFC 6962 section 2.1.4 has it.
    pub fn new(name: &str, operator: &str, shape: KeyShape) -> Self {
        let is_rsa = matches!(shape, KeyShape::Rsa2048 | KeyShape::Rsa4096);
        Self { name: name.into(), operator: operator.into(), leaf_index: None, key: key(shape), is_rsa }
    }

    /// The same, with leaf indexes from `leaf_index` (40 bits).
    pub fn tiled(name: &str, operator: &str, leaf_index: u64) -> Self {
        Self { leaf_index: Some(leaf_index), ..Self::new(name, operator, KeyShape::P256) }
    }

    /// The public key, SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }

    /// SHA-256 of the key.
    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(self.spki()).into()
    }

    /// An SCT for a precertificate (RFC 6962 section 3.2).
    pub fn sign(&self, at: OffsetDateTime, issuer_spki: &[u8], tbs: &[u8]) -> Vec<u8> {
        let timestamp =
            u64::try_from(at.unix_timestamp_nanos() / 1_000_000).expect("after 1970").to_be_bytes();
        let extensions =
            self.leaf_index.map_or(Vec::new(), |index| [&[0, 0, 5][..], &index.to_be_bytes()[3..]].concat());
        let extensions_length = u16::try_from(extensions.len()).expect("short").to_be_bytes();
        let tbs_length = u32::try_from(tbs.len()).expect("short").to_be_bytes();
        let signed = [
            &[0, 0][..],
            &timestamp,
            &[0, 1],
            &Sha256::digest(issuer_spki),
            &tbs_length[1..],
            tbs,
            &extensions_length,
            &extensions,
        ]
        .concat();
        let signature = self.key.sign(&signed).expect("a signature");
        self.serialize(&timestamp, &extensions, &signature)
    }

    /// An SCT whose signature is invented.
    pub fn invent(&self, at: OffsetDateTime) -> Vec<u8> {
        let timestamp =
            u64::try_from(at.unix_timestamp_nanos() / 1_000_000).expect("after 1970").to_be_bytes();
        let of_something_else = self.key.sign(b"something else").expect("a signature");
        self.serialize(&timestamp, &[], &of_something_else)
    }

    fn serialize(&self, timestamp: &[u8; 8], extensions: &[u8], signature: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
        // SHA-256 with RSA or ECDSA (RFC 5246 section 7.4.1.4.1)
        let scheme = if self.is_rsa { [4, 1] } else { [4, 3] };
        [
            &[0][..],
            &self.id(),
            timestamp,
            &length(extensions),
            extensions,
            &scheme,
            &length(signature),
            signature,
        ]
        .concat()
    }

    /// The log's entry in a v3 list.
    fn entry(&self, state: &str, since: OffsetDateTime) -> Value {
        let mut states = serde_json::Map::new();
        states.insert(state.into(), json!({"timestamp": rfc3339(since)}));
        json!({
            "description": self.name,
            "log_id": Base64::encode_string(&self.id()),
            "key": Base64::encode_string(&self.spki()),
            "url": "https://log.test/",
            "mmd": 86400,
            "state": states,
        })
    }
}

/// RFC 3339, to the second.
pub fn rfc3339(time: OffsetDateTime) -> String {
    time.replace_nanosecond(0).expect("zero is in range").format(&Rfc3339).expect("a year of four digits")
}

/// A v3 list, published at `published`, of logs with their states and since when they have them.
pub fn log_list(published: OffsetDateTime, logs: &[(&Log, &str, OffsetDateTime)]) -> String {
    let mut operators: Vec<Value> = Vec::new();
    for (log, state, since) in logs {
        let field = if log.leaf_index.is_some() { "tiled_logs" } else { "logs" };
        let entry = log.entry(state, *since);
        match operators.iter_mut().find(|operator| operator["name"] == log.operator.as_str()) {
            Some(operator) => operator[field].as_array_mut().expect("an array").push(entry),
            None => {
                let mut operator = json!({"name": log.operator, "email": [], "logs": [], "tiled_logs": []});
                operator[field].as_array_mut().expect("an array").push(entry);
                operators.push(operator);
            }
        }
    }
    json!({"version": "1.0", "log_list_timestamp": rfc3339(published), "operators": operators}).to_string()
}
