//! The platform's side of [`doorlight::x509::signature`] in a browser: WebCrypto says which
//! signatures are good.
//!
//! Wherever `crypto.subtle` is: a page, a worker, an extension's service worker, Node. It is
//! missing on pages that came over plain `http`; every signature is bad there, so ask
//! [`is_available`] first. Whatever goes wrong (an exception, a rejected promise, an algorithm or a
//! key that this browser does not know), the signature is bad, never good, and nothing traps.

pub mod network;

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;

use doorlight::time::Timestamp;
use doorlight::verdict::examination::{Conclusion, Examination, Step};
use doorlight::x509::signature::{Algorithm, Answers, Curve, Hash, SignatureCheck};
use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

// Both copy the bytes they are handed before they return (Web Cryptography API, sections 14.3.4 and
// 14.3.9: "get a copy of the bytes held by"), so they may be handed views of the module's memory.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["globalThis", "crypto", "subtle"], js_name = importKey)]
    fn import_key(
        format: &str,
        key: &[u8],
        algorithm: &Object,
        extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["globalThis", "crypto", "subtle"], js_name = verify)]
    fn verify_signature(
        algorithm: &Object,
        key: &JsValue,
        signature: &[u8],
        message: &[u8],
    ) -> Result<Promise, JsValue>;
}

/// False where there is no WebCrypto to ask. An examination would find every signature bad there,
/// and cry wolf.
pub fn is_available() -> bool {
    let member = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok();
    let crypto = member(&js_sys::global(), "crypto");
    crypto.and_then(|crypto| member(&crypto, "subtle")).is_some_and(|subtle| subtle.is_object())
}

/// The time now, by this device's clock.
pub fn now() -> Timestamp {
    timestamp(js_sys::Date::now()).unwrap_or(Timestamp::from_millis(0))
}

/// From milliseconds as JavaScript counts them; `None` for what is no time after 1970. The standard
/// library's one checked way from `f64` to an integer is by the seconds of a `Duration`.
pub fn timestamp(millis: f64) -> Option<Timestamp> {
    Duration::try_from_secs_f64(millis)
        .ok()
        .map(|duration| Timestamp::from_millis(duration.as_secs()))
}

/// Runs an examination to its end.
pub async fn run(examination: &Examination<'_>) -> Conclusion {
    let mut answers = Answers::new();
    // Every round answers signatures that were open, and a chain has only so many pairs of them.
    loop {
        match examination.step(&answers) {
            Step::Done(conclusion) => return *conclusion,
            Step::Ask(checks) => {
                let good = verify(&checks).await;
                for (check, good) in checks.into_iter().zip(good) {
                    answers.insert(check, good);
                }
            }
        }
    }
}

/// Asks about all of `checks` at once; the answers come in the same order.
pub async fn verify(checks: &[SignatureCheck]) -> Vec<bool> {
    let mut running: Vec<_> =
        checks.iter().map(|check| Asked::Running(Box::pin(is_good(check)))).collect();
    poll_fn(|context| {
        let mut all_done = true;
        for one in &mut running {
            if let Asked::Running(future) = one {
                match future.as_mut().poll(context) {
                    Poll::Ready(good) => *one = Asked::Done(good),
                    Poll::Pending => all_done = false,
                }
            }
        }
        if all_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.iter().map(|one| matches!(one, Asked::Done(true))).collect()
}

enum Asked<F> {
    Running(Pin<Box<F>>),
    Done(bool),
}

async fn is_good(check: &SignatureCheck) -> bool {
    ask(check).await.is_ok_and(|answer| answer == JsValue::TRUE)
}

/// An error stands for "bad"; nobody needs to know which it was.
async fn ask(check: &SignatureCheck) -> Result<JsValue, JsValue> {
    let converted;
    let signature = if let Algorithm::Ecdsa(..) = check.algorithm {
        converted = check.ecdsa_raw_signature().ok_or(JsValue::NULL)?;
        &converted
    } else {
        &check.signature
    };
    let spki = check.spki().map_err(|_| JsValue::NULL)?;
    let algorithm = algorithm(check.algorithm)?;
    let key = import_key("spki", &spki, &algorithm, false, &Array::of1(&"verify".into()))?;
    let key = JsFuture::from(key).await?;
    JsFuture::from(verify_signature(&algorithm, &key, signature, &check.message)?).await
}

/// The parameters of both calls in one object: each passes over members that are the other's.
fn algorithm(algorithm: Algorithm) -> Result<Object, JsValue> {
    let object = Object::new();
    let set = |name: &str, value: JsValue| Reflect::set(&object, &name.into(), &value).map(|_| ());
    match algorithm {
        Algorithm::RsaPkcs1(hash) => {
            set("name", "RSASSA-PKCS1-v1_5".into())?;
            set("hash", name_of_hash(hash).into())?;
        }
        Algorithm::RsaPss(hash) => {
            set("name", "RSA-PSS".into())?;
            set("hash", name_of_hash(hash).into())?;
            set("saltLength", bytes_of_hash(hash).into())?;
        }
        Algorithm::Ecdsa(curve, hash) => {
            set("name", "ECDSA".into())?;
            set("namedCurve", name_of_curve(curve).into())?;
            set("hash", name_of_hash(hash).into())?;
        }
        Algorithm::Ed25519 => set("name", "Ed25519".into())?,
    }
    Ok(object)
}

fn name_of_hash(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "SHA-256",
        Hash::Sha384 => "SHA-384",
        Hash::Sha512 => "SHA-512",
    }
}

fn bytes_of_hash(hash: Hash) -> u32 {
    match hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    }
}

fn name_of_curve(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "P-256",
        Curve::P384 => "P-384",
        Curve::P521 => "P-521",
    }
}
