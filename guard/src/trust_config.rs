//! Trust configuration: roots, log lists, advisories; each shipped or the user's own.

use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::home_assistant::advisory::{Advisories, AdvisoryError};
use doorlight::time::Timestamp;
use doorlight::x509::bundle::split;
use doorlight::x509::roots::Roots;

use crate::settings::Settings;
use crate::trouble::Trouble;

/// What checks are judged by.
#[derive(Debug)]
pub struct TrustConfig {
    /// Roots.
    pub roots: Roots,
    /// Lists of logs.
    pub log_lists: LogLists,
    /// What is known against versions of Home Assistant; none where not even the table that is
    /// shipped can be read.
    pub advisories: Option<Advisories>,
    /// What of the user's own could not be read; nothing of it counts then.
    pub trouble: Option<Trouble>,
}

impl TrustConfig {
    /// Reads the user's own roots and list; `fetched` is a newer public one, whose signature was
    /// found good.
    pub fn new(settings: &Settings, fetched: Option<LogList>, now: Timestamp) -> Self {
        let mut trouble = None;
        let mut roots = Roots::mozilla();
        if !settings.roots.trim().is_empty() {
            let added = split(settings.roots.as_bytes())
                .map_err(|error| error.to_string())
                .and_then(|ders| roots.add(&ders).map_err(|error| error.to_string()));
            if let Err(detail) = added {
                roots = Roots::mozilla();
                trouble = Some(Trouble { code: "roots-unreadable".into(), detail });
            }
        }
        let own = (!settings.log_list.trim().is_empty())
            .then(|| LogList::parse(settings.log_list.as_bytes(), Provenance::Unsigned));
        let log_lists = match own {
            Some(Ok(list)) => LogLists::new(vec![list]),
            Some(Err(error)) => {
                trouble =
                    Some(Trouble { code: "log-list-unreadable".into(), detail: error.to_string() });
                LogLists::new(Vec::new())
            }
            None => {
                let mut lists = LogLists::shipped().unwrap_or_default();
                fetched.into_iter().for_each(|list| lists.push(list));
                lists
            }
        };
        let shipped = Advisories::shipped();
        let own = settings.advisories.trim();
        let advisories = match shipped {
            Ok(shipped) if !own.is_empty() => match shipped.renew(own.as_bytes(), now) {
                Ok(own) => Some(own),
                // An update of the extension has brought a newer one.
                Err(AdvisoryError::Older { .. }) => Some(shipped),
                Err(error) => {
                    trouble = Some(Trouble {
                        code: "advisories-unreadable".into(),
                        detail: error.to_string(),
                    });
                    Some(shipped)
                }
            },
            shipped => shipped.ok(),
        };
        Self { roots, log_lists, advisories, trouble }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use core::time::Duration;
    use doorlight::time::DAY;

    /// What cannot be read never takes the place of what is shipped, and never counts as something
    /// that judges; each has its code.
    #[test]
    fn what_cannot_be_read_is_named_and_judges_nothing() {
        let shipped =
            TrustConfig::new(&Settings::default(), None, Timestamp::from_secs(1_796_000_000));
        let published = shipped.advisories.as_ref().unwrap().published;
        let at = published.plus(DAY);
        let list = |config: &TrustConfig| config.log_lists.judging(at).is_some();
        assert!(shipped.trouble.is_none() && list(&shipped));
        let older = serde_json::to_value(shipped.advisories.as_ref().unwrap()).unwrap();
        let older = {
            let mut older = older;
            older["published"] = serde_json::json!(published.minus(DAY));
            older.to_string()
        };
        let default = Settings::default;
        for (name, settings, code, has_list) in [
            (
                "spaces are nothing",
                Settings {
                    roots: " \n".into(),
                    log_list: " ".into(),
                    advisories: "\t".into(),
                    ..default()
                },
                None,
                true,
            ),
            (
                "roots",
                Settings { roots: "no certificate".into(), ..default() },
                Some("roots-unreadable"),
                true,
            ),
            (
                "log list",
                Settings { log_list: "{}x".into(), ..default() },
                Some("log-list-unreadable"),
                false,
            ),
            (
                "advisories",
                Settings { advisories: "{".into(), ..default() },
                Some("advisories-unreadable"),
                true,
            ),
            // An update of the extension has brought a newer one.
            ("older advisories", Settings { advisories: older, ..default() }, None, true),
        ] {
            let config = TrustConfig::new(&settings, None, at.plus(Duration::from_secs(1)));
            assert_eq!(config.trouble.as_ref().map(|one| one.code.as_str()), code, "{name}");
            assert_eq!(list(&config), has_list, "{name}");
            assert_eq!(config.advisories.as_ref().unwrap().published, published, "{name}");
        }
    }
}
