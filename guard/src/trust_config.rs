//! Trust configuration: roots and lists of logs, each shipped or the user's own.

use doorlight::ct::log_list::{LogList, LogLists, Provenance};
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
    /// What of the user's own could not be read; nothing of it counts then.
    pub trouble: Option<Trouble>,
}

impl TrustConfig {
    /// Reads the user's own roots and list; `fetched` is a newer public one, whose signature was
    /// found good.
    pub fn new(settings: &Settings, fetched: Option<LogList>) -> Self {
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
        Self { roots, log_lists, trouble }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorlight::time::Timestamp;

    /// What cannot be read never takes the place of what is shipped, and never counts as something
    /// that judges; each has its code.
    #[test]
    fn what_cannot_be_read_is_named_and_judges_nothing() {
        // Soon after the shipped list was published.
        let at = Timestamp::from_secs(1_796_000_000);
        let list = |config: &TrustConfig| config.log_lists.judging(at).is_some();
        let default = Settings::default;
        for (name, settings, code, has_list) in [
            ("none", default(), None, true),
            (
                "spaces are nothing",
                Settings { roots: " \n".into(), log_list: " ".into(), ..default() },
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
        ] {
            let config = TrustConfig::new(&settings, None);
            assert_eq!(config.trouble.as_ref().map(|one| one.code.as_str()), code, "{name}");
            assert_eq!(list(&config), has_list, "{name}");
        }
    }
}
