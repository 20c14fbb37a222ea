//! A newer list of logs, once a day if the user wants it.

use std::rc::Rc;

use doorlight::ct::log_list::renewal::{self, RenewalError};
use doorlight::fetch::FetchError;
use doorlight::text::printable;
use doorlight::time::DAY;

use crate::journal::Event;
use crate::ports::Ports;
use crate::settings::Settings;
use crate::sources::log_list_url;
use crate::store::Store;
use crate::trouble::Trouble;
use crate::trust::{self, IN_ALL, TIME_LIMIT, own_key};
use crate::trust_config::TrustConfig;
use crate::turn::Turn;

/// Whether, from where and by whose signature the user wants the list.
fn wish(settings: &Settings) -> (bool, &str, &str) {
    (settings.renews_log_list, log_list_url(settings), settings.log_list_key.trim())
}

/// Fetches the list where that is wanted and due. One that cannot be had or believed leaves the one
/// at hand.
pub async fn renew<P: Ports>(store: &Store<P>, turn: &Turn, is_forced: bool) {
    let _turn = turn.take().await;
    let (asked, kept) = store.with(|state| {
        let kept =
            state.kept.fetched_log_list.as_ref().map(|one| (one.from.clone(), one.fetched_at));
        (state.kept.settings.clone(), kept)
    });
    if !asked.renews_log_list || store.ports().is_private() {
        return;
    }
    let at = store.now();
    let is_recent = kept.is_some_and(|(from, when)| {
        from == log_list_url(&asked) && when <= at && at.since(when) < DAY
    });
    if !is_forced && is_recent {
        return;
    }
    let held = trust::current(store).await.log_lists.judging(at).and_then(|list| list.timestamp);
    let found = match own_key(&asked) {
        Ok(key) => {
            let network = store.ports().network(TIME_LIMIT, IN_ALL);
            renewal::renew(&network, log_list_url(&asked), key.as_deref(), held, at).await
        }
        Err(error) => Err(error),
    };
    // That took its time: what counts is what the user wants now, and no older list takes the place
    // of a newer one.
    let trust = trust::current(store).await;
    let settings = store.with(|state| state.kept.settings.clone());
    if wish(&settings) != wish(&asked) {
        return;
    }
    let held = trust.log_lists.judging(at).and_then(|list| list.timestamp);
    match found {
        Ok((_, list)) if list.timestamp < held => {}
        Ok((fetched, list)) => {
            let news = (list.timestamp > held).then(|| list.version.clone());
            let trust = TrustConfig::new(&settings, Some(list));
            store.change(|state| {
                state.log_list_trouble = None;
                state.set_trust(Some(Rc::new(trust)));
                state.kept.fetched_log_list = Some(fetched.clone());
            });
            store.save_fetched_log_list(&fetched).await;
            if let Some(version) = news {
                store.note(None, Event::LogListRenewed, version).await;
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
            store.change(|state| state.log_list_trouble = Some(trouble));
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
