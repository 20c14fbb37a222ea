//! Whom to believe: the roots, the logs and the table of advisories, each shipped or the user's own.

use doorlight::certificate::split;
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::home_assistant::advisory::{Advisories, AdvisoryError};
use doorlight::roots::Roots;
use doorlight_browser::now;

use crate::message::Trouble;
use crate::settings::Settings;

/// Whom to believe: from the settings.
#[derive(Debug)]
pub struct Believed {
    /// Roots.
    pub roots: Roots,
    /// Lists of logs.
    pub log_lists: LogLists,
    /// What is known against versions of Home Assistant; none where not even the table that is shipped can be read.
    pub advisories: Option<Advisories>,
    /// What of the user's own could not be read; nothing of it counts then.
    pub trouble: Option<Trouble>,
}

impl Believed {
    /// Reads the user's own roots and list; `fetched` is a newer public one, whose signature was found good.
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
                trouble = Some(Trouble { code: "log-list-unreadable".into(), detail: error.to_string() });
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
            Ok(shipped) if !own.is_empty() => match shipped.renew(own.as_bytes(), now()) {
                Ok(own) => Some(own),
                // An update of the extension has brought a newer one.
                Err(AdvisoryError::Older { .. }) => Some(shipped),
                Err(error) => {
                    trouble =
                        Some(Trouble { code: "advisories-unreadable".into(), detail: error.to_string() });
                    Some(shipped)
                }
            },
            shipped => shipped.ok(),
        };
        Self { roots, log_lists, advisories, trouble }
    }
}
