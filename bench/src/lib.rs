//! The one thing that the bench times and the product has no door for: the SCTs of a certificate by
//! themselves.

use doorlight::ct::log_list::{LogList, Provenance};
use doorlight::ct::sct::{SignedEntry, parse_list};
use doorlight::x509::certificate::Certificate;
use doorlight::x509::signature::SignatureCheck;

/// A certificate that was read, its issuer's key, and the logs.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
pub struct SctBench {
    leaf: Certificate,
    issuer_spki: Vec<u8>,
    logs: LogList,
}

impl SctBench {
    /// From DER, a SubjectPublicKeyInfo and a log list. `None` where one of them cannot be read.
    pub fn from_parts(leaf: &[u8], issuer_spki: Vec<u8>, log_list: &[u8]) -> Option<Self> {
        let leaf = Certificate::from_der(leaf).ok()?;
        let logs = LogList::parse(log_list, Provenance::Unsigned).ok()?;
        Some(Self { leaf, issuer_spki, logs })
    }

    /// From the bytes in the certificate to what the platform is asked, one for each SCT. `None`
    /// where an SCT is bad without asking.
    pub fn checks(&self) -> Option<Vec<SignatureCheck>> {
        let entry = SignedEntry::embedded(&self.leaf, &self.issuer_spki).ok()?;
        let scts = parse_list(self.leaf.sct_list()?).ok()?;
        scts.iter()
            .map(|sct| sct.signature_check(&self.logs.log(&sct.log_id)?.spki, &entry))
            .collect()
    }
}

#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
impl SctBench {
    /// See [`SctBench::from_parts`].
    #[wasm_bindgen(constructor)]
    pub fn new(
        leaf: &[u8],
        issuer_spki: Vec<u8>,
        log_list: &[u8],
    ) -> Result<SctBench, js_sys::Error> {
        Self::from_parts(leaf, issuer_spki, log_list)
            .ok_or_else(|| js_sys::Error::new("a fixture is unreadable"))
    }

    /// True where every SCT is genuine.
    pub async fn verify(&self) -> bool {
        match self.checks() {
            Some(checks) => doorlight_browser::verify(&checks).await.into_iter().all(|good| good),
            None => false,
        }
    }
}
