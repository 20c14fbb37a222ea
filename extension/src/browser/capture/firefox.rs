//! Firefox: `webRequest.getSecurityInfo` inside a blocking `onHeadersReceived` listener, the chain
//! as Firefox built it with its root.
//! <https://developer.mozilla.org/docs/Mozilla/Add-ons/WebExtensions/API/webRequest/getSecurityInfo>

use std::cell::RefCell;
use std::collections::BTreeMap;

use doorlight::address::Address;
use doorlight::verdict::observation::Seen;
use gloo_timers::future::TimeoutFuture;
use serde_json::Value;

use crate::browser::api;
use doorlight_guard::ports::Captured;

use crate::browser::capture::probe::{CaptureError, PROBE_PATH, Probe, ProbeError, Way, probe};
use crate::browser::gate::Gate;

/// How long to wait for the event that says why a fetch failed, in steps of ten milliseconds. It
/// comes at once, unless the machine is very busy.
const STEPS_FOR_REASON: u32 = 200;

/// The certificates of a connection in DER, or why there are none.
type Presented = Result<Vec<Vec<u8>>, CaptureError>;

/// What the listeners saw of our own probes, by URL.
#[derive(Debug, Default)]
pub struct Firefox {
    seen: RefCell<BTreeMap<String, Presented>>,
    /// By which way each address was reached last.
    ways: RefCell<BTreeMap<Address, Way>>,
}

/// What Firefox says of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The SHA-256 of the server's certificate, lower-case hex; the certificates where they were
    /// asked for.
    Certificates(String, Vec<Vec<u8>>),
    /// Secured, and without certificates: the user's exception is in force.
    Overridden,
    /// Not secured.
    Nothing,
}

/// Asks Firefox about the connection of a response. Only inside `onHeadersReceived`.
pub async fn shown(request: &str, with_chain: bool) -> Shown {
    let Ok(info) = api::security_info(request, with_chain).await else { return Shown::Nothing };
    read(&info)
}

fn read(info: &Value) -> Shown {
    let certificates = info.get("certificates").and_then(Value::as_array);
    let fingerprint =
        certificates.and_then(|all| all.first()?.get("fingerprint")?.get("sha256")?.as_str());
    match (certificates, fingerprint) {
        (Some(all), Some(fingerprint)) => {
            let ders = all.iter().filter_map(|one| bytes(one.get("rawDER")?)).collect();
            Shown::Certificates(fingerprint.replace(':', "").to_ascii_lowercase(), ders)
        }
        // Measured: after a click through the warning the state is "secure" and the list is empty.
        (Some(_), None) => Shown::Overridden,
        (None, _) => Shown::Nothing,
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value
        .as_array()?
        .iter()
        .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
        .collect()
}

impl Firefox {
    /// A response to one of our own probes arrived.
    pub async fn probe_answered(&self, url: &str, request: &str) {
        let seen = match shown(request, true).await {
            Shown::Certificates(_, ders) => Ok(ders),
            Shown::Overridden => Err(CaptureError::Overridden),
            Shown::Nothing => Err(CaptureError::NotShown("getSecurityInfo".into())),
        };
        self.seen.borrow_mut().insert(url.into(), seen);
    }

    /// One of our own probes failed.
    pub fn probe_failed(&self, url: &str, error: &str) {
        // A probe that was answered may be cut off afterwards; what was seen stays.
        let failed = Err(CaptureError::from_error(error));
        self.seen.borrow_mut().entry(url.into()).or_insert(failed);
    }
}

impl Firefox {
    /// Looks at what an address presents now, by whichever way leads to it.
    ///
    /// # Errors
    /// No certificate was seen.
    pub async fn look(
        &self,
        gate: &Gate,
        address: &Address,
        shows_client_certificate: bool,
    ) -> Result<Captured, CaptureError> {
        let last = self.ways.borrow().get(address).copied();
        let may_go = |way: &Way| shows_client_certificate || !way.shows_client_certificate();
        let mut way = last.filter(may_go).unwrap_or(Way::FIRST);
        loop {
            match self.look_by(gate, address, way).await {
                Ok(captured) => {
                    self.ways.borrow_mut().insert(address.clone(), way);
                    return Ok(captured);
                }
                Err(error) => {
                    // The common way is tried first again.
                    self.ways.borrow_mut().remove(address);
                    way = way.after(&error, shows_client_certificate).ok_or(error)?;
                }
            }
        }
    }

    async fn look_by(
        &self,
        gate: &Gate,
        address: &Address,
        way: Way,
    ) -> Result<Captured, CaptureError> {
        let Probe { url, result } = probe(gate, address, PROBE_PATH, way).await?;
        for _ in 0..STEPS_FOR_REASON {
            let seen = self.seen.borrow_mut().remove(&url);
            if let Some(seen) = seen {
                return seen.map(|ders| Captured { ders, seen: Seen::OwnProbe });
            }
            if let Err(ProbeError::TimedOut) = result {
                return Err(CaptureError::TimedOut);
            }
            TimeoutFuture::new(10).await;
        }
        Err(CaptureError::NotShown("no event for the probe".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_firefox_says() {
        let info = json!({"state": "secure", "certificates": [
            {"fingerprint": {"sha256": "AB:CD"}, "rawDER": [48, 1, 255]},
            {"fingerprint": {"sha256": "00:11"}, "rawDER": [49]},
        ]});
        assert_eq!(
            read(&info),
            Shown::Certificates("abcd".into(), vec![vec![48, 1, 255], vec![49]])
        );
        assert_eq!(read(&json!({"state": "secure", "certificates": []})), Shown::Overridden);
        assert_eq!(read(&json!({"state": "insecure"})), Shown::Nothing);
    }
}
