//! What tests of monitors need: certificates made here, entries about them in the monitors' shapes,
//! and a network in memory.

use core::cell::RefCell;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use base64ct::{Base64, Encoding};
use doorlight_lab::authority::{Authority, KeyShape, Order, Scts, key};
use rcgen::{CustomExtension, KeyPair, SerialNumber};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::fetch::{Answer, FetchError, Get, Platform};
use crate::time::{DAY, Timestamp};
use crate::x509::certificate::Certificate;
use crate::x509::fingerprint::TbsSha256;
use crate::x509::signature::SignatureCheck;

pub(crate) const HOST: &str = "home.lab.example";
pub(crate) const WILDCARD: &str = "*.lab.example";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_795_348_800)
}

pub(crate) fn days(days: i64) -> Timestamp {
    let length = Duration::from_secs(days.unsigned_abs() * DAY.as_secs());
    if days < 0 { now().minus(length) } else { now().plus(length) }
}

/// A CA, and keys by number.
pub(crate) struct World {
    authority: Authority,
    keys: Vec<KeyPair>,
}

/// What a certificate is to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) key: usize,
    pub(crate) serial: u128,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) name: &'static str,
    pub(crate) is_precertificate: bool,
}

pub(crate) const WISH: Wish = Wish {
    key: 0,
    serial: 0x0abc_def0_1234_5678_9abc_def0_1234_5678,
    from: -10,
    to: 80,
    name: HOST,
    is_precertificate: false,
};

impl World {
    pub(crate) fn new(organisation: &str) -> Self {
        let at = OffsetDateTime::from_unix_timestamp(1_795_348_800).unwrap();
        Self {
            authority: Authority::new(organisation, KeyShape::P256, KeyShape::P256, at),
            keys: (0..4).map(|_| key(KeyShape::P256)).collect(),
        }
    }

    pub(crate) fn issue(&self, wish: Wish) -> Certificate {
        let at = |days_off: i64| {
            OffsetDateTime::from_unix_timestamp(i64::try_from(days(days_off).secs()).unwrap())
                .unwrap()
        };
        let order = Order {
            names: &[wish.name],
            not_before: at(wish.from),
            not_after: at(wish.to),
            scts: Scts::None,
        };
        let chain = self.authority.issue_changed(&order, &self.keys[wish.key], |params| {
            params.serial_number = Some(SerialNumber::from_slice(&wish.serial.to_be_bytes()));
            if wish.is_precertificate {
                let oid = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 3];
                let mut poison = CustomExtension::from_oid_content(oid, vec![5, 0]);
                poison.set_criticality(true);
                params.custom_extensions.push(poison);
            }
        });
        Certificate::from_der(&chain[0]).unwrap()
    }
}

/// The issuer as monitors write it: the other way round, with spaces.
fn issuer(certificate: &Certificate) -> String {
    let issuer = certificate.issuer();
    let mut parts: Vec<_> = issuer.split(',').collect();
    parts.reverse();
    parts.join(", ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn crt_sh_row(certificate: &Certificate, id: u64, name: &str) -> Value {
    let local = |at: Timestamp| at.to_string().trim_end_matches('Z').to_owned();
    json!({
        "issuer_ca_id": 7, "issuer_name": issuer(certificate), "common_name": name,
        "name_value": format!("{name}\nother.example"), "id": id, "entry_timestamp": "2026-11-20T10:00:00.25",
        "not_before": local(certificate.not_before()), "not_after": local(certificate.not_after()),
        "serial_number": certificate.serial(), "result_count": 2,
    })
}

pub(crate) fn cert_spotter_row(
    certificate: &Certificate,
    id: u64,
    name: &str,
    with_certificate: bool,
) -> Value {
    let tbs = TbsSha256::of(&certificate.precertificate_tbs().unwrap());
    let mut row = json!({
        "id": id.to_string(), "tbs_sha256": hex(tbs.as_bytes()), "cert_sha256": certificate.sha256().to_string(),
        "dns_names": [name, "other.example"], "pubkey_sha256": certificate.spki_sha256().to_string(),
        "issuer": {"name": issuer(certificate), "friendly_name": "Lab", "pubkey_sha256": "00".repeat(32)},
        "not_before": certificate.not_before().to_string(), "not_after": certificate.not_after().to_string(),
        "revoked": false, "revocation": {"time": null, "reason": null},
    });
    if with_certificate {
        row["cert"] = json!({"type": "precert", "sha256": "", "data": Base64::encode_string(certificate.der())});
    }
    row
}

type Respond<'a> = Box<dyn Fn(&str) -> Result<Answer, FetchError> + 'a>;

/// A network in memory that notes what it was asked.
pub(crate) struct Memory<'a> {
    respond: Respond<'a>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) slept: RefCell<Duration>,
}

impl<'a> Memory<'a> {
    pub(crate) fn new(respond: impl Fn(&str) -> Result<Answer, FetchError> + 'a) -> Self {
        Self { respond: Box::new(respond), asked: RefCell::default(), slept: RefCell::default() }
    }
}

pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Result<Answer, FetchError> {
    Ok(Answer { status: 200, retry_after: None, body: body.into() })
}

pub(crate) fn status(status: u16, retry_after: Option<u64>) -> Result<Answer, FetchError> {
    Ok(Answer {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        body: b"<html>no</html>".to_vec(),
    })
}

impl Platform for Memory<'_> {
    async fn get(&self, get: &Get) -> Result<Answer, FetchError> {
        self.asked.borrow_mut().push(get.url.clone());
        (self.respond)(&get.url)
    }

    async fn keep(&self, _: &Get, _: &[u8]) {}

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        vec![false; checks.len()]
    }

    async fn sleep(&self, time: Duration) {
        *self.slept.borrow_mut() += time;
    }
}

/// Runs what never waits for anything outside.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
