//! The gate in the browser: rules, content scripts and cookies, set so that a guarded host is shut
//! for everybody but what [`Gate::open`] lets pass.
//!
//! ```text
//! shut: rules of the session go, cookies are blocked (Chromium), the stop script is registered, at once
//! open: the stop script goes ─► cookies return ─► rules of the session let exactly one address pass;
//!       in Firefox script and rules at once, because its listener holds pages meanwhile
//! ```
//!
//! The rules that shut are kept over restarts, those that open are not: a browser that starts, an
//! update and a background that was killed all find the gate shut. The cover stays registered for
//! good, because a crash while the gate is open leaves what is registered then.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use doorlight::address::{Address, Host};
use doorlight::url::Url;
use doorlight_browser::now;
use futures_util::future::{join, join3};
use serde_json::{Value, json};
use wasm_bindgen_futures::spawn_local;

use crate::browser::api::{self, RuleKind};
use crate::browser::pattern::in_url;
use crate::browser::rules::{self, Method, Rules, id};
use crate::browser::url::{address_of, without_user};
use doorlight_guard::ports::{Area, Refused};

/// The page that says what is being checked.
pub const PAGE: &str = "gate.html";
/// The ID of the content script that covers a page until it may be seen.
const COVER: &str = "veil";
/// The ID of the content script that ends a document before its own scripts run.
const STOP: &str = "stop";
/// Where the hosts are kept whose cookies are blocked: the browser keeps its settings over
/// restarts, and does not list them.
const BLOCKED: &str = "cookies_blocked";

/// The match pattern of a host's pages: every port, with and without encryption.
pub fn pattern(host: &Host) -> String {
    format!("*://{}/*", in_url(host))
}

/// The gate page for a wanted URL.
pub fn page(wanted: &str, is_form: bool) -> String {
    format!("{}{}#{wanted}", api::own_url(PAGE), if is_form { "?post" } else { "" })
}

/// The address that a gate page with this URL is about.
pub fn wanted(url: &str) -> Option<Address> {
    let page = api::own_url(PAGE);
    let (before, wanted) = url.split_once('#')?;
    let is_gate = before.split('?').next() == Some(page.as_str()) && !page.is_empty();
    is_gate
        .then(|| address_of(&without_user(wanted).unwrap_or_else(|| wanted.to_owned())))
        .flatten()
}

/// Probes by URL, each with the number of the rule that lets it pass, until it was sent.
type Probes = Rc<RefCell<BTreeMap<String, Option<u64>>>>;

/// The gate of this browser.
#[derive(Debug)]
pub struct Gate {
    rules: Rules,
    /// The hosts whose cookies are blocked; `None` until that is known.
    blocked: RefCell<Option<BTreeSet<Host>>>,
    /// True at the browser's start: Chromium writes its settings down seconds after they were made,
    /// so a crash may have lost what was blocked last.
    must_block_again: Cell<bool>,
    /// Our own probes that are under way.
    probes: Probes,
    next_probe: Cell<u64>,
    /// What the last call has set, in Firefox: to ask again takes a millisecond each time, and no
    /// other background shares it there.
    known: Known,
}

/// What the browser holds; `None` until it was asked, and after a call that failed.
#[derive(Debug, Default)]
struct Known {
    /// The rules that let addresses pass.
    open: RefCell<Option<Vec<Value>>>,
    /// The pages that the stop script ends, and those that it spares.
    stopped: RefCell<Option<(Vec<String>, Vec<String>)>>,
}

impl Gate {
    /// The gate of the browser that this runs in.
    pub fn new(is_firefox: bool) -> Self {
        let own = api::own_url("");
        let own_host = Url::split(&own).map_or("", |url| url.authority).to_owned();
        let rules =
            Rules { is_firefox, page: api::own_url(PAGE), own_host, is_private: api::is_private() };
        // An earlier life of this background may have left rules behind: another number than its.
        let next_probe = Cell::new(now().millis());
        Self {
            rules,
            blocked: RefCell::default(),
            must_block_again: Cell::default(),
            probes: Probes::default(),
            next_probe,
            known: Known::default(),
        }
    }

    /// Puts the rules that shut `hosts` in their places, each with whether its permission is there.
    /// The hosts for which that failed, with the reason.
    ///
    /// # Errors
    /// The browser does not tell which rules there are.
    pub async fn shut_hosts(
        &self,
        hosts: &BTreeMap<Host, bool>,
    ) -> Result<BTreeMap<Host, Refused>, Refused> {
        let present = api::rules(RuleKind::Dynamic).await?;
        let mut failed = BTreeMap::new();
        for change in self.rules.shut_changes(&present, hosts) {
            let done = api::change_rules(RuleKind::Dynamic, &change.remove, &change.add).await;
            if let (Some(host), Err(error)) = (change.host, done) {
                failed.insert(host, error);
            }
        }
        Ok(failed)
    }

    /// True where the rules that shut a host are in their places.
    pub async fn is_shut(&self, host: &Host) -> bool {
        let present = api::rules(RuleKind::Dynamic).await.unwrap_or_default();
        let changes = self.rules.shut_changes(&present, &BTreeMap::from([(host.clone(), true)]));
        changes.iter().all(|change| change.host.is_none())
    }

    /// Shuts whatever is open and not among `open`, for `hosts` that are guarded.
    ///
    /// # Errors
    /// Something stayed open.
    pub async fn shut_all_but(
        &self,
        hosts: &BTreeSet<Host>,
        open: &BTreeSet<Address>,
    ) -> Result<(), Refused> {
        let present = self.open_rules().await?;
        let strays = self.rules.open_strays(&present, open);
        let shut = hosts.iter().filter(|host| !is_among(host, open)).cloned().collect();
        let rules = async {
            if strays.is_empty() {
                Ok(())
            } else {
                self.change_open_rules(present, &strays, &[]).await
            }
        };
        let stopped = self.stop_pages(hosts, open);
        let (rules, cookies, scripts) =
            join3(rules, self.block_cookies(shut, false), stopped).await;
        rules.and(cookies).and(scripts)
    }

    /// Lets `open` pass. Of `hosts`, nothing else passes.
    ///
    /// # Errors
    /// Something could not be opened; the others are.
    pub async fn open(
        &self,
        hosts: &BTreeSet<Host>,
        open: &BTreeSet<Address>,
    ) -> Result<(), Refused> {
        let present = self.open_rules().await?;
        let changes = self.rules.open_changes(&present, open);
        if self.rules.is_firefox {
            // Its listener holds pages until both are done, whichever comes first.
            let (scripts, rules) =
                join(self.stop_pages(hosts, open), self.add_open_rules(present, changes)).await;
            return scripts.and(rules);
        }
        self.stop_pages(hosts, open).await?;
        self.block_cookies(
            hosts.iter().filter(|host| !is_among(host, open)).cloned().collect(),
            true,
        )
        .await?;
        self.add_open_rules(present, changes).await
    }

    /// One call for each address, so that none fails with another's.
    async fn add_open_rules(
        &self,
        mut present: Vec<Value>,
        changes: Vec<(Address, Vec<Value>)>,
    ) -> Result<(), Refused> {
        let mut result = Ok(());
        for (_, rules) in changes {
            match self.change_open_rules(present.clone(), &[], &rules).await {
                Ok(()) => present.extend(rules),
                Err(error) => result = Err(error),
            }
        }
        if result.is_err() {
            // What a call that failed has left behind is not known.
            *self.known.open.borrow_mut() = None;
        }
        result
    }

    /// Asks the browser again what it holds: `background.js` shuts everything by itself if the core
    /// takes too long.
    pub fn ask_again(&self) {
        *self.known.open.borrow_mut() = None;
        *self.known.stopped.borrow_mut() = None;
    }

    /// The session's rules that let addresses pass.
    async fn open_rules(&self) -> Result<Vec<Value>, Refused> {
        if let Some(known) = self.known.open.borrow().clone() {
            return Ok(known);
        }
        let mut rules = api::rules(RuleKind::Session).await?;
        rules.retain(rules::opens);
        if self.rules.is_firefox {
            *self.known.open.borrow_mut() = Some(rules.clone());
        }
        Ok(rules)
    }

    /// Changes them, of which `present` are there.
    async fn change_open_rules(
        &self,
        mut present: Vec<Value>,
        remove: &[u64],
        add: &[Value],
    ) -> Result<(), Refused> {
        *self.known.open.borrow_mut() = None;
        api::change_rules(RuleKind::Session, remove, add).await?;
        present.retain(|rule| !remove.contains(&id(rule)));
        present.extend_from_slice(add);
        if self.rules.is_firefox {
            *self.known.open.borrow_mut() = Some(present);
        }
        Ok(())
    }

    /// Registers the script that ends documents of `hosts`, those of `open` apart. Chromium knows
    /// ports in patterns; in Firefox a host is spared as soon as one of its ports is open, and the
    /// listener holds its pages before a worker can answer.
    async fn stop_pages(
        &self,
        hosts: &BTreeSet<Host>,
        open: &BTreeSet<Address>,
    ) -> Result<(), Refused> {
        let (stopped, spared): (Vec<_>, Vec<_>) = if self.rules.is_firefox {
            (hosts.iter().filter(|host| !is_among(host, open)).map(pattern).collect(), Vec::new())
        } else {
            let spared =
                open.iter().map(|one| format!("https://{}:{}/*", in_url(&one.host), one.port));
            (hosts.iter().map(pattern).collect(), spared.collect())
        };
        let wanted = (stopped, spared);
        if self.known.stopped.borrow().as_ref() == Some(&wanted) {
            return Ok(());
        }
        *self.known.stopped.borrow_mut() = None;
        register(STOP, "stop.js", &wanted.0, &wanted.1).await?;
        if self.rules.is_firefox {
            *self.known.stopped.borrow_mut() = Some(wanted);
        }
        Ok(())
    }

    /// Covers every page of the guarded hosts from its first moment.
    ///
    /// # Errors
    /// The browser refused it.
    pub async fn cover_pages(&self, hosts: &BTreeSet<Host>) -> Result<(), Refused> {
        register(COVER, "veil.js", &hosts.iter().map(pattern).collect::<Vec<_>>(), &[]).await
    }

    /// Chromium asks no rule for a WebSocket of a shared worker or a service worker, nor for the
    /// first request of its start (measured in Chromium 156). With the permission for it, these go
    /// without cookies while the gate is shut. `may_return` is false where only more may be
    /// blocked.
    async fn block_cookies(&self, wanted: BTreeSet<Host>, may_return: bool) -> Result<(), Refused> {
        // A private window's background may not change settings that the other one sees too.
        if self.rules.is_firefox || self.rules.is_private || !api::has("contentSettings.cookies") {
            return Ok(());
        }
        let known = self.blocked.borrow().clone();
        let known: Option<BTreeSet<Host>> = match known {
            Some(known) => Some(known),
            None => api::stored(Area::Local, Some(&[BLOCKED]))
                .await?
                .get(BLOCKED)
                .cloned()
                .and_then(|kept| serde_json::from_value(kept).ok()),
        };
        let is_less = known.as_ref().is_none_or(|known| !known.is_subset(&wanted));
        let is_sure = !self.must_block_again.get();
        let is_enough = is_sure && known.as_ref().is_some_and(|known| wanted.is_subset(known));
        if is_enough && !(may_return && is_less) {
            *self.blocked.borrow_mut() = known;
            return Ok(());
        }
        // Not known any more, until it is done: whoever is killed in between finds that out and
        // begins anew.
        *self.blocked.borrow_mut() = None;
        // Where that cannot be stored, the gate opens all the same.
        let _ = api::unstore(Area::Local, &[BLOCKED]).await;
        // Nothing takes back a single setting: all go, and those that stay are made again.
        if may_return && is_less {
            api::clear_cookie_settings().await?;
        }
        let stays = known.clone().filter(|_| !may_return || !is_less).unwrap_or_default();
        let there = if is_sure { stays.clone() } else { BTreeSet::new() };
        for host in wanted.difference(&there) {
            api::block_cookies(&format!("*://{}:*/*", in_url(host))).await?;
        }
        if known.is_some() || may_return {
            let now: BTreeSet<Host> = wanted.union(&stays).cloned().collect();
            let _ = api::store(Area::Local, json!({BLOCKED: now})).await;
            *self.blocked.borrow_mut() = Some(now);
        }
        self.must_block_again.set(false);
        Ok(())
    }

    /// Lifts every block of cookies, for good. True where that was done.
    pub async fn release_cookies(&self) -> bool {
        if self.rules.is_private || self.can_block_cookies() != Some(true) {
            return false;
        }
        let is_clear = api::clear_cookie_settings().await.is_ok();
        *self.blocked.borrow_mut() = None;
        is_clear && api::unstore(Area::Local, &[BLOCKED]).await.is_ok()
    }

    /// The browser has started: what was blocked before is blocked again with the next change.
    pub fn block_cookies_again(&self) {
        self.must_block_again.set(true);
    }

    /// True where a host's cookies are blocked while it is shut; `None` where the browser needs no
    /// such thing.
    pub fn can_block_cookies(&self) -> Option<bool> {
        (!self.rules.is_firefox).then(|| api::has("contentSettings.cookies"))
    }

    /// Makes a URL for one probe of our own, and lets it pass for as long as the exemption lives: from
    /// this background, or from a page of ours in `tab`.
    ///
    /// # Errors
    /// The browser refused the rule.
    pub async fn exempt(
        &self,
        url: &str,
        method: Method,
        tab: Option<i32>,
    ) -> Result<Exemption, Refused> {
        let url = format!("{url}?{}", api::random_uuid().replace('-', ""));
        let n = self.next_probe.get();
        self.next_probe.set(n.wrapping_add(1));
        let rule = self.rules.probe(n, &url, method, tab);
        self.probes.borrow_mut().insert(url.clone(), Some(id(&rule)));
        // Whoever gives up while the browser sets the rule takes it back too.
        let exemption = Exemption { probes: Rc::clone(&self.probes), url };
        api::change_rules(RuleKind::Session, &[id(&rule)], &[rule]).await?;
        Ok(exemption)
    }

    /// The request with this URL has left the browser: nothing else may pass by its rule.
    pub fn probe_was_sent(&self, url: &str) {
        take_back(self.probes.borrow_mut().get_mut(url).and_then(Option::take));
    }

    /// True for the URL of a probe that is under way.
    pub fn is_probe(&self, url: &str) -> bool {
        self.probes.borrow().contains_key(url)
    }

    /// Takes back what an earlier life of this background let pass for its probes.
    ///
    /// # Errors
    /// The browser refused it.
    pub async fn forget_probes(&self) -> Result<(), Refused> {
        let mut strays = self.rules.probe_strays(&api::rules(RuleKind::Session).await?);
        strays.retain(|id| !self.probes.borrow().values().any(|own| own.as_ref() == Some(id)));
        if strays.is_empty() {
            Ok(())
        } else {
            api::change_rules(RuleKind::Session, &strays, &[]).await
        }
    }
}

/// Lets one probe of our own pass the shut gate. Its rule goes when the request was sent, or with
/// the exemption, whatever became of the probe.
#[derive(Debug)]
pub struct Exemption {
    probes: Probes,
    url: String,
}

impl Exemption {
    /// The URL of the probe.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Exemption {
    fn drop(&mut self) {
        take_back(self.probes.borrow_mut().remove(&self.url).flatten());
    }
}

fn take_back(rule: Option<u64>) {
    if let Some(rule) = rule {
        spawn_local(async move { drop(api::change_rules(RuleKind::Session, &[rule], &[]).await) });
    }
}

fn is_among(host: &Host, open: &BTreeSet<Address>) -> bool {
    open.iter().any(|address| address.host == *host)
}

/// Registers one of our content scripts for the pages of `matches`, `spared` apart; for none it is
/// taken away. What is there already is left alone.
async fn register(
    script: &str,
    file: &str,
    matches: &[String],
    spared: &[String],
) -> Result<(), Refused> {
    let present = api::content_scripts().await?;
    let found = present.iter().find(|one| one.get("id") == Some(&json!(script)));
    if matches.is_empty() {
        return match found {
            Some(_) => api::unregister_content_script(script).await,
            None => Ok(()),
        };
    }
    let listed = |key: &str| -> BTreeSet<String> {
        let list = found.and_then(|one| one.get(key)).cloned().unwrap_or_default();
        serde_json::from_value(list).unwrap_or_default()
    };
    let is_same = |key: &str, wanted: &[String]| listed(key) == wanted.iter().cloned().collect();
    if found.is_some() && is_same("matches", matches) && is_same("excludeMatches", spared) {
        return Ok(());
    }
    let wanted = json!({
        "id": script,
        "js": [file],
        "matches": matches,
        "excludeMatches": spared,
        "runAt": "document_start",
        "allFrames": true,
        // `about:blank`, `srcdoc`, `blob:` and `data:` documents of the home too, in frames and in
        // popups.
        "matchOriginAsFallback": true,
        "persistAcrossSessions": true,
    });
    api::register_content_script(wanted, found.is_some()).await
}

/// True where the cover is registered for a host.
pub async fn has_cover(host: &Host) -> bool {
    let wanted = json!(pattern(host));
    let scripts = api::content_scripts().await.unwrap_or_default();
    let covers = scripts.iter().filter(|script| script.get("id") == Some(&json!(COVER)));
    covers
        .filter_map(|script| script.get("matches").and_then(Value::as_array))
        .any(|matches| matches.contains(&wanted))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use doorlight_guard::pattern::host_of;

    #[test]
    fn patterns_name_the_host_alone() {
        for (host, expected) in
            [("home.example", "*://home.example/*"), ("2001:db8::1", "*://[2001:db8::1]/*")]
        {
            let host: Host = host.parse().unwrap();
            assert_eq!(pattern(&host), expected);
            assert_eq!(host_of(expected), Some(host));
        }
        assert_eq!(host_of("<all_urls>"), None);
        assert_eq!(host_of("*://*/*"), None);
    }
}
