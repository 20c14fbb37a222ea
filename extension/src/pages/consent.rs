//! Whom the user allows to be asked about an address, and the browser's permissions that go with
//! it: asked for at the click that agrees, given back when nobody needs them any more.

use std::collections::BTreeSet;

use doorlight::address::Address;

use crate::protocol::{Overview, Request, Status, Watch};
use doorlight_guard::pattern;
use doorlight_guard::settings::Consent;
use doorlight_guard::sources::Needs;

use super::background::{Unanswered, ask};
use super::browser;

/// Somebody who can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The logs that promised to publish the certificate.
    Logs,
    /// Cert Spotter.
    CertSpotter,
    /// crt.sh.
    CrtSh,
}

impl Source {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Logs, Self::CertSpotter, Self::CrtSh];

    /// In ids and in keys of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::CertSpotter => "cert_spotter",
            Self::CrtSh => "crt_sh",
        }
    }

    /// Whether the user agreed.
    pub fn is_in(self, consent: Consent) -> bool {
        match self {
            Self::Logs => consent.logs,
            Self::CertSpotter => consent.cert_spotter,
            Self::CrtSh => consent.crt_sh,
        }
    }

    /// The consent with this one agreed to, or not.
    pub fn put(self, consent: Consent, is_agreed: bool) -> Consent {
        match self {
            Self::Logs => Consent { logs: is_agreed, ..consent },
            Self::CertSpotter => Consent { cert_spotter: is_agreed, ..consent },
            Self::CrtSh => Consent { crt_sh: is_agreed, ..consent },
        }
    }

    /// The hosts it takes.
    pub fn needs(self, needs: &Needs) -> &[String] {
        match self {
            Self::Logs => &needs.logs,
            Self::CertSpotter => &needs.cert_spotter,
            Self::CrtSh => &needs.crt_sh,
        }
    }

    /// True where it may find what the user has to be told of when no page is open.
    fn tells(self) -> bool {
        self != Self::Logs
    }
}

/// True where anybody may be asked.
pub fn is_any(consent: Consent) -> bool {
    consent != Consent::default()
}

/// The sources that can be asked about an address: an address without a name is in no monitor.
pub fn on_offer(watch: &Watch) -> impl Iterator<Item = Source> {
    Source::ALL
        .into_iter()
        .filter(|one| one.is_in(watch.consent) || !one.needs(&watch.needs).is_empty())
}

/// Asks the browser for what these sources take, and for `more` hosts. Has to be called inside a
/// click: the question is put before this returns.
pub fn ask_browser(
    sources: &[Source],
    needs: &Needs,
    more: &[String],
) -> impl Future<Output = Result<bool, wasm_bindgen::JsValue>> + use<> {
    let hosts: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.needs(needs))
        .chain(more)
        .map(String::as_str)
        .collect();
    let permissions: &[&str] =
        if sources.iter().any(|source| source.tells()) { &["notifications"] } else { &[] };
    browser::request_permissions(&browser::value(
        &serde_json::json!({ "origins": hosts, "permissions": permissions }),
    ))
}

/// Asks the browser for hosts alone. Has to be called inside a click.
pub fn ask_for_hosts(
    hosts: &[String],
) -> impl Future<Output = Result<bool, wasm_bindgen::JsValue>> + use<> {
    browser::request_permissions(&browser::value(&serde_json::json!({ "origins": hosts })))
}

/// Stores what was agreed to, on top of what is agreed to now, and gives back what nobody needs any
/// more. The answer holds no trouble of the permissions: one that stays is one too many, and
/// nothing that the user could mend.
///
/// # Errors
/// [`Unanswered`].
pub async fn store(
    address: &Address,
    change: impl FnOnce(Consent) -> Consent,
) -> Result<Overview, Unanswered> {
    let settings = ask::<Overview>(&Request::Overview).await?.settings;
    let before = settings.consents.get(address).copied().unwrap_or_default();
    let after = change(before);
    let overview =
        ask::<Overview>(&Request::Consent { address: address.clone(), consent: after }).await?;
    if overview.trouble.is_none()
        && let Some(status) =
            overview.sites.iter().find(|status| status.address.as_ref() == Some(address))
        && let Some(watch) = &status.watch
    {
        let given_up =
            Source::ALL.into_iter().filter(|source| source.is_in(before) && !source.is_in(after));
        let hosts: Vec<String> =
            given_up.flat_map(|source| source.needs(&watch.needs)).cloned().collect();
        give_back(&hosts, &overview).await;
    }
    Ok(overview)
}

/// Gives those of these hosts back that nobody needs any more, and the notifications once no
/// monitor is asked.
pub async fn give_back(hosts: &[String], overview: &Overview) {
    let idle = idle(hosts, &overview.sites, overview.settings.renews_log_list);
    if !idle.is_empty() {
        let _ =
            browser::remove_permissions(&browser::value(&serde_json::json!({ "origins": idle })))
                .await;
    }
    let asks_monitors =
        |consent: &Consent| Source::ALL.iter().any(|one| one.tells() && one.is_in(*consent));
    if !overview.settings.consents.values().any(asks_monitors) {
        let notifications = serde_json::json!({ "permissions": ["notifications"] });
        let _ = browser::remove_permissions(&browser::value(&notifications)).await;
    }
}

/// Those of these host patterns that no consent needs, nor the list of logs, nor the guarding of an
/// address.
fn idle(hosts: &[String], sites: &[Status], renews_log_list: bool) -> Vec<String> {
    let is_needed = |pattern: &String| {
        sites.iter().any(|status| {
            let is_guarded = status
                .address
                .as_ref()
                .is_some_and(|address| pattern::host_of(pattern).as_ref() == Some(&address.host));
            is_guarded
                || status.watch.as_ref().is_some_and(|watch| {
                    renews_log_list && watch.needs.log_list.contains(pattern)
                        || Source::ALL.into_iter().any(|source| {
                            source.is_in(watch.consent)
                                && source.needs(&watch.needs).contains(pattern)
                        })
                })
        })
    };
    let idle: BTreeSet<&String> = hosts.iter().filter(|pattern| !is_needed(pattern)).collect();
    idle.into_iter().cloned().collect()
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use doorlight::issuances::timeline::Timeline;
    use doorlight::time::Timestamp;

    /// Nobody was asked yet, nor may be.
    pub fn watch(address: &str) -> Watch {
        let address: Address = address.parse().unwrap();
        let at = Timestamp::from_secs(0);
        let of = |host: &str| vec![format!("https://{host}/*")];
        Watch {
            consent: Consent::default(),
            needs: Needs {
                logs: [of("log-a.test"), of("log-b.test")].concat(),
                cert_spotter: of("spotter.test"),
                crt_sh: of("crt.test"),
                log_list: of("list.test"),
            },
            missing: vec![],
            is_running: false,
            proven_at: None,
            publication: vec![],
            looks: vec![],
            due: None,
            timeline: Timeline {
                host: address.host,
                now: at,
                from: at,
                to: at,
                bars: vec![],
                left_out: 0,
            },
            alarms: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Downloads;
    use doorlight_guard::light::Light;

    fn site(address: &str, consent: Consent) -> Status {
        Status {
            address: Some(address.parse().unwrap()),
            light: Light::Trusted,
            is_guarded: true,
            is_host_guarded: true,
            has_permission: true,
            report: None,
            open_until: None,
            since: None,
            exception_since: None,
            record: None,
            home: None,
            watch: Some(Box::new(Watch { consent, ..samples::watch(address) })),
            downloads: Downloads::default(),
            shows_client_certificate: false,
            should_clean: false,
            trouble: None,
        }
    }

    #[test]
    fn only_what_nobody_needs_is_given_back() {
        let all = [
            "https://log-a.test/*",
            "https://log-b.test/*",
            "https://crt.test/*",
            "https://list.test/*",
        ];
        let all: Vec<String> = all.map(str::to_owned).into();
        let off = Consent::default();
        let one = |consent| [site("one.test", off), site("two.test", consent)];
        assert_eq!(idle(&all, &one(off), false).len(), 4);
        assert_eq!(
            idle(&all, &one(off), true),
            ["https://crt.test/*", "https://log-a.test/*", "https://log-b.test/*"]
        );
        assert_eq!(
            idle(&all, &one(Consent { logs: true, ..off }), false),
            ["https://crt.test/*", "https://list.test/*"]
        );
        assert_eq!(
            idle(&all[2..3], &one(Consent { crt_sh: true, ..off }), false),
            Vec::<String>::new()
        );
        // Guarding an address of the same host needs it as well, at any port.
        let guarded = [site("one.test", off), site("log-a.test:8443", off)];
        assert_eq!(idle(&all[..2], &guarded, false), ["https://log-b.test/*"]);
        assert_eq!(
            idle(&["https://[::1]/*".to_owned()], &[site("https://[::1]:8443", off)], false),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_source_is_switched_alone() {
        for source in Source::ALL {
            let on = source.put(Consent::default(), true);
            let who: Vec<_> = Source::ALL.into_iter().filter(|one| one.is_in(on)).collect();
            assert_eq!(who, [source]);
            assert!(is_any(on) && !is_any(source.put(on, false)));
        }
    }

    #[test]
    fn a_source_without_hosts_is_not_offered_unless_it_is_on() {
        let mut watch = samples::watch("one.test");
        assert_eq!(on_offer(&watch).count(), 3);
        watch.needs.crt_sh.clear();
        assert!(!on_offer(&watch).any(|one| one == Source::CrtSh));
        watch.consent.crt_sh = true;
        assert!(on_offer(&watch).any(|one| one == Source::CrtSh));
    }
}
