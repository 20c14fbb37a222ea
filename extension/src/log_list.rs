//! A newer list of logs, once a day where the user wants it.

use core::time::Duration;
use std::rc::Rc;

use base64ct::{Base64, Encoding};
use doorlight::ct::log_list::LogList;
use doorlight::ct::log_list::renewal::{self, Fetched, PUBLISHER, RenewalError};
use doorlight::fetch::FetchError;
use doorlight::text::printable;
use doorlight::time::DAY;
use doorlight_browser::now;

use crate::believed::Believed;
use crate::journal::Event;
use crate::keeper::Keeper;
use crate::message::Trouble;
use crate::network::Network;
use crate::settings::Settings;
use crate::store;

/// How long one answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// How long list and signature may take together.
const IN_ALL: Duration = Duration::from_secs(60);

/// Where the list is fetched.
pub fn place(settings: &Settings) -> &str {
    let own = settings.log_list_url.trim();
    if own.is_empty() { PUBLISHER } else { own }
}

/// Whether, from where and by whose signature the user wants the list.
fn wish(settings: &Settings) -> (bool, &str, &str) {
    (settings.renews_log_list, place(settings), settings.log_list_key.trim())
}

/// The key that the user named, SubjectPublicKeyInfo in DER.
fn own_key(settings: &Settings) -> Result<Option<Vec<u8>>, RenewalError> {
    let pem = settings.log_list_key.trim();
    if pem.is_empty() { Ok(None) } else { renewal::public_key(pem.as_bytes()).map(Some) }
}

/// The list that was fetched, if it is from where the user wants it now and still proves to be signed.
pub async fn read(fetched: Option<&Fetched>, settings: &Settings) -> Option<LogList> {
    let fetched = fetched.filter(|one| settings.renews_log_list && one.from == place(settings))?;
    let key = own_key(settings).ok()?.map(|key| Base64::encode_string(&key));
    if fetched.key != key {
        return None;
    }
    fetched.verify(&Network::new(TIME_LIMIT, IN_ALL)).await.ok()
}

impl Keeper {
    /// Fetches the list where that is wanted and due. One that cannot be had or believed leaves the one at hand.
    pub async fn renew_log_list(self: &Rc<Self>, is_forced: bool) {
        let _turn = self.log_list_turn.take().await;
        let asked = self.kept.borrow().settings.clone();
        if !asked.renews_log_list || crate::api::is_private() {
            return;
        }
        let at = now();
        let is_recent = |one: &Fetched| {
            one.from == place(&asked) && one.fetched_at <= at && at.since(one.fetched_at) < DAY
        };
        if !is_forced && self.kept.borrow().fetched_log_list.as_ref().is_some_and(is_recent) {
            return;
        }
        let believed = Rc::clone(&self.believed.borrow());
        let held = believed.log_lists.judging(at).and_then(|list| list.timestamp);
        let found = match own_key(&asked) {
            Ok(key) => {
                let network = Network::new(TIME_LIMIT, IN_ALL);
                renewal::renew(&network, place(&asked), key.as_deref(), held, at).await
            }
            Err(error) => Err(error),
        };
        // That took its time: what counts is what the user wants now, and no older list takes the place of a newer one.
        let settings = self.kept.borrow().settings.clone();
        if wish(&settings) != wish(&asked) {
            return;
        }
        let believed = Rc::clone(&self.believed.borrow());
        let held = believed.log_lists.judging(at).and_then(|list| list.timestamp);
        match found {
            Ok((_, list)) if list.timestamp < held => {}
            Ok((fetched, list)) => {
                *self.log_list_trouble.borrow_mut() = None;
                let news = (list.timestamp > held).then(|| list.version.clone());
                *self.believed.borrow_mut() = Rc::new(Believed::new(&settings, Some(list)));
                self.kept.borrow_mut().fetched_log_list = Some(fetched.clone());
                self.stored(store::save_fetched_log_list(&fetched).await);
                if let Some(version) = news {
                    self.note(None, Event::LogListRenewed, version).await;
                }
            }
            Err(error) => {
                let code = match &error {
                    RenewalError::Fetch(fetch) if !matches!(fetch, FetchError::TooLarge { .. }) => {
                        "log-list-not-fetched"
                    }
                    other => other.code(),
                };
                let trouble = Trouble { code: code.into(), detail: printable(&error.to_string()) };
                *self.log_list_trouble.borrow_mut() = Some(trouble);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_is_for_one_wish() {
        let asked = Settings { renews_log_list: true, ..Settings::default() };
        let roots = Settings { roots: "other".into(), reuse_minutes: 3, ..asked.clone() };
        assert_eq!(wish(&asked), wish(&roots), "the settings of today go with it");
        for other in [
            Settings::default(),
            Settings { log_list_url: "https://lists.example/l.json".into(), ..asked.clone() },
            Settings { log_list_key: "-----BEGIN PUBLIC KEY-----".into(), ..asked.clone() },
        ] {
            assert_ne!(wish(&asked), wish(&other));
        }
    }
}
