//! What checks are judged by, read when it is needed: most of what wakes a background judges nothing.

use core::time::Duration;
use std::rc::Rc;

use base64ct::{Base64, Encoding};
use doorlight::ct::log_list::LogList;
use doorlight::ct::log_list::renewal::{self, Fetched, RenewalError};

use crate::ports::{Clock, Network, Storage};
use crate::settings::Settings;
use crate::sources::log_list_url;
use crate::store::Store;
use crate::trust_config::TrustConfig;

/// How long one answer may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(15);
/// How long list and signature may take together.
pub const IN_ALL: Duration = Duration::from_secs(60);

/// What checks are judged by now.
pub async fn current<P: Clock + Storage + Network>(store: &Store<P>) -> Rc<TrustConfig> {
    loop {
        if let Some(trust) = store.with(|state| state.trust().cloned()) {
            return trust;
        }
        let (generation, settings, fetched) = store.with(|state| {
            let kept = &state.kept;
            (state.trust_generation(), kept.settings.clone(), kept.fetched_log_list.clone())
        });
        let list = fetched_list(store.ports(), fetched.as_ref(), &settings).await;
        let trust = Rc::new(TrustConfig::new(&settings, list));
        store.change(|state| {
            // Something else may count by now.
            if state.trust_generation() == generation {
                state.set_trust(Some(trust));
            }
        });
    }
}

/// The list of logs that was fetched, if it is from where the user wants it now and still proves to
/// be signed.
pub async fn fetched_list(
    platform: &impl Network,
    fetched: Option<&Fetched>,
    settings: &Settings,
) -> Option<LogList> {
    let fetched =
        fetched.filter(|one| settings.renews_log_list && one.from == log_list_url(settings))?;
    let key = own_key(settings).ok()?.map(|key| Base64::encode_string(&key));
    if fetched.key != key {
        return None;
    }
    fetched.verify(&platform.network(TIME_LIMIT, IN_ALL)).await.ok()
}

/// The key that the user named, SubjectPublicKeyInfo in DER.
///
/// # Errors
/// It cannot be read.
pub fn own_key(settings: &Settings) -> Result<Option<Vec<u8>>, RenewalError> {
    let pem = settings.log_list_key.trim();
    if pem.is_empty() { Ok(None) } else { renewal::public_key(pem.as_bytes()).map(Some) }
}
