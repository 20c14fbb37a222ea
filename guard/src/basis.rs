//! What a check was judged by: the site's record and what the user chose. Judged by anything else, a
//! stored check counts no longer.
//!
//! What a check itself writes into the record (when a certificate was seen) is not among it, nor
//! when the home was heard last, nor a newer list of logs of the same publisher: none of it makes a
//! good check bad, and each would shut the gate every hour or day.

use std::hash::{DefaultHasher, Hash, Hasher};

use doorlight::site::SiteRecord;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;
use crate::storage::written;

/// A digest of it. Good for one session of the browser, which one build writes and reads; it keeps
/// nobody out who could write there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Basis(u64);

impl Basis {
    /// What an address is judged by now; `None` for one without a record.
    pub fn of(record: Option<&SiteRecord>, settings: &Settings) -> Self {
        let mut hasher = DefaultHasher::new();
        if let Some(record) = record {
            let mut home = record.home.clone();
            if let Some(word) = &mut home {
                word.last_told = word.counts_since();
            }
            let judging =
                (record.key_habit, &record.pins, &record.entered, &home, &record.home_account);
            written(&judging).hash(&mut hasher);
        }
        (settings.requires_ct, settings.requires_proof).hash(&mut hasher);
        (settings.roots.trim(), settings.log_list.trim()).hash(&mut hasher);
        (settings.renews_log_list, &settings.log_list_url, &settings.log_list_key)
            .hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use core::time::Duration;
    use doorlight::site::{KeyHabit, Origin};
    use doorlight::time::Timestamp;
    use doorlight::x509::fingerprint::AccountId;

    fn record() -> SiteRecord {
        let mut record = SiteRecord::new("home.test".parse().unwrap());
        record.pin("ab".repeat(32).parse().unwrap(), Origin::Seen, Timestamp::from_secs(1));
        record.home = Some(
            serde_json::from_value(serde_json::json!({
                "fingerprint": "cd".repeat(20), "names": ["home.test"],
                "not_after": Timestamp::from_secs(9), "first_told": Timestamp::from_secs(1),
                "last_told": Timestamp::from_secs(1),
            }))
            .unwrap(),
        );
        record
    }

    #[test]
    fn what_changes_it_and_what_does_not() {
        let before = Basis::of(Some(&record()), &Settings::default());
        let is_same = |change: fn(&mut SiteRecord)| {
            let mut record = record();
            change(&mut record);
            Basis::of(Some(&record), &Settings::default()) == before
        };
        assert!(is_same(|_| ()));
        assert!(is_same(|record| record.history.clear()), "what happened");
        assert!(is_same(|record| record.seen.clear()), "when it was seen");
        let told = |record: &mut SiteRecord| {
            if let Some(home) = &mut record.home {
                home.last_told = home.last_told.plus(Duration::from_secs(3600));
            }
        };
        assert!(is_same(told), "when the home was heard last");
        assert!(!is_same(|record| record.pins.clear()), "pins");
        assert!(!is_same(|record| record.pins.iter_mut().for_each(|pin| pin.doubted = true)));
        assert!(!is_same(|record| record.home = None), "the home's word");
        assert!(!is_same(|record| record.home_account = Some(AccountId::of(b"account"))));
        assert!(!is_same(|record| {
            record.key_habit = match record.key_habit {
                KeyHabit::Keeps => KeyHabit::Rotates,
                KeyHabit::Rotates => KeyHabit::Keeps,
            };
        }));
        assert!(!is_same(|record| {
            record.enter("12".repeat(20).parse().unwrap(), Timestamp::from_secs(2));
        }));
        for settings in [
            Settings { requires_ct: true, ..Settings::default() },
            Settings { requires_proof: true, ..Settings::default() },
            Settings { roots: "x".into(), ..Settings::default() },
            Settings { log_list: "x".into(), ..Settings::default() },
            Settings { log_list_key: "x".into(), ..Settings::default() },
        ] {
            assert_ne!(Basis::of(Some(&record()), &settings), before);
        }
        let same = Settings { reuse_minutes: 3, crt_sh: "x".into(), ..Settings::default() };
        assert_eq!(Basis::of(Some(&record()), &same), before);
        assert_ne!(Basis::of(None, &Settings::default()), before);
    }
}
