//! The core for scripts, tests and Node: a chain in, the report of the command line out.
use doorlight::address::Address;
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::ct::policy;
use doorlight::site::pins::Pins;
use doorlight::verdict::examination::{Examination, Knowledge, Site};
use doorlight::verdict::observation::{Observation, Possession, Seen};
use doorlight::x509::bundle;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const OWN: &str = "
/** The user's own choice of whom to believe. */
export interface Own {
    /** Certificates of further roots, PEM or DER. */
    roots?: Uint8Array;
    /** A list of logs in JSON, in the place of the one that is shipped. */
    logList?: Uint8Array;
}
";

#[wasm_bindgen]
extern "C" {
    /// `Own` of the TypeScript above.
    #[wasm_bindgen(typescript_type = "Own")]
    pub type Own;

    #[wasm_bindgen(method, getter)]
    fn roots(this: &Own) -> Option<Uint8Array>;

    #[wasm_bindgen(method, getter, js_name = logList)]
    fn log_list(this: &Own) -> Option<Uint8Array>;
}

/// Whom to believe, read once. Errors are `Error`s with the stable `code` that the command line has
/// for them.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Doorlight {
    roots: Roots,
    log_lists: LogLists,
}

#[wasm_bindgen]
impl Doorlight {
    /// With Mozilla's roots and the log list that is shipped, or with the user's own.
    ///
    /// # Errors
    /// The user's own cannot be read, or the page may not use WebCrypto because it did not come
    /// over `https`.
    #[wasm_bindgen(constructor)]
    pub fn new(own: Option<Own>) -> Result<Doorlight, JsValue> {
        if !doorlight_browser::is_available() {
            return Err(failure(
                "webcrypto-missing",
                &"this page has no WebCrypto: open it over https",
            ));
        }
        let mut roots = Roots::mozilla();
        if let Some(input) = own.as_ref().and_then(Own::roots) {
            let ders =
                bundle::split(&input.to_vec()).map_err(|error| failure(error.code(), &error))?;
            roots.add(&ders).map_err(|error| failure("root-unusable", &error))?;
        }
        let log_lists = match own.as_ref().and_then(Own::log_list) {
            Some(json) => LogList::parse(&json.to_vec(), Provenance::Unsigned)
                .map(|list| LogLists::new(vec![list])),
            None => LogLists::shipped(),
        };
        let log_lists = log_lists.map_err(|error| failure(error.code(), &error))?;
        Ok(Self { roots, log_lists })
    }

    /// The report in JSON on a chain (PEM or DER) for an address, at a time in milliseconds since
    /// 1970. `pins` is an export of pins.
    ///
    /// # Errors
    /// The chain, the address, the time or the pins cannot be read.
    pub async fn judge(
        &self,
        chain: Vec<u8>,
        address: String,
        at: f64,
        pins: Option<Vec<u8>>,
    ) -> Result<String, JsValue> {
        let address: Address = address.parse().map_err(|error| failure("address", &error))?;
        let at = doorlight_browser::timestamp(at)
            .ok_or_else(|| failure("time", &"not a time after 1970"))?;
        let chain = Chain::read(&chain).map_err(|error| failure(error.code(), &error))?;
        let pins = match pins {
            Some(json) => Pins::from_json(&json).map_err(|error| failure(error.code(), &error))?,
            None => Pins::default(),
        };
        let site = pins.site(&address).map_or(Site::Unknown, Site::Record);
        let observation = Observation {
            address: address.clone(),
            at,
            chain,
            seen: Seen::File,
            possession: Possession::Unknown,
        };
        let knowledge = Knowledge {
            roots: &self.roots,
            log_lists: &self.log_lists,
            policy: &policy::CHROME,
            intermediates: &[],
            site,
            also_required: &[],
        };
        let examination = Examination::new(&observation, knowledge);
        Ok(doorlight_browser::run(&examination).await.report.to_json())
    }
}

fn failure(code: &str, error: &impl ToString) -> JsValue {
    let failure = js_sys::Error::new(&error.to_string());
    // Setting a member of a fresh object does not fail.
    let _ = Reflect::set(&failure, &"code".into(), &code.into());
    failure.into()
}
