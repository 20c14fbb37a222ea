//! Downloads of guarded hosts. A browser goes on with one that broke off past every rule and every
//! listener (measured in Chromium 156 and Firefox 153), cookie and signed path included. So what
//! runs is paused where the gate shuts, and what was paused here, nothing else, goes on where it
//! opens.
//!
//! ```text
//! shut:  written as ours ─► paused          open:  goes on ─► ours no longer
//! ```
//!
//! A background that ends in between leaves a download that runs and is called ours, never one that
//! is paused and that nobody remembers.

use core::time::Duration;
use std::collections::BTreeSet;

use doorlight::address::{Address, Host};
use doorlight::time::{DAY, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ports::{Area, Download, Ports};
use crate::storage::written;
use crate::store::Store;
use crate::turn::Turn;

/// Where it is stored which were paused here.
const KEY: &str = "paused_downloads";
/// For a private window's own background, until the browser ends.
const PRIVATE_KEY: &str = "paused_downloads_private";
/// How long one is remembered that the browser does not name. Its list may not be read yet when
/// the browser has just started.
const REMEMBERED: Duration = DAY.saturating_mul(30);
/// How many are remembered.
const MAX_REMEMBERED: usize = 200;

/// One that was paused here. Neither its file nor its path: these may be secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Paused {
    host: Host,
    started: String,
    at: Timestamp,
}

impl Paused {
    fn is(&self, download: &Download) -> bool {
        self.host == download.address.host && self.started == download.started
    }
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// To be paused.
    pub pause: Vec<i64>,
    /// To go on, with where each leads.
    pub resume: Vec<(i64, Address)>,
    /// What is ours until they go on.
    pub paused: Vec<Paused>,
}

/// What follows for `downloads` of which `paused` were paused here. `is_open` tells what passes.
pub fn plan(
    downloads: &[Download],
    guarded: &BTreeSet<Host>,
    is_open: impl Fn(&Address) -> bool,
    paused: &[Paused],
    now: Timestamp,
) -> Plan {
    let mut plan = Plan { paused: paused.to_vec(), ..Plan::default() };
    plan.paused.retain(|one| one.at <= now && now.since(one.at) < REMEMBERED);
    for download in downloads {
        let is_ours = plan.paused.iter().any(|one| one.is(download));
        let may_pass = !guarded.contains(&download.address.host)
            || download.is_tls && is_open(&download.address);
        match (may_pass, download.is_running) {
            (false, true) => {
                plan.pause.push(download.id);
                if !is_ours {
                    let (host, started) = (download.address.host.clone(), download.started.clone());
                    plan.paused.push(Paused { host, started, at: now });
                }
            }
            (true, false) if is_ours && download.can_resume => {
                plan.resume.push((download.id, download.address.clone()));
            }
            // The user went on with it, or it broke off for good.
            (true, _) => plan.paused.retain(|one| !one.is(download)),
            (false, false) => {}
        }
    }
    let too_many = plan.paused.len().saturating_sub(MAX_REMEMBERED);
    plan.paused.drain(..too_many);
    plan
}

/// What does not run and leads to a host: how many wait for its gate, and the others, which stopped
/// before their end. The "retry" of these in the browser's own list asks past the gate.
pub fn stopped(downloads: Vec<Download>, host: &Host, paused: &[Paused]) -> (usize, Vec<Download>) {
    let (ours, others): (Vec<_>, Vec<_>) = downloads
        .into_iter()
        .filter(|one| one.address.host == *host && !one.is_running)
        .partition(|one| paused.iter().any(|ours| ours.is(one)));
    (ours.len(), others)
}

/// Pauses what has to wait, and lets go on what was paused here and may. Without the permission
/// nothing is done: what was paused waits for the user.
pub async fn set<P: Ports>(
    store: &Store<P>,
    turn: &Turn,
    guarded: &BTreeSet<Host>,
    is_open: impl Fn(&Address) -> bool,
) {
    let ports = store.ports();
    if !ports.sees_downloads() {
        return;
    }
    let _turn = turn.take().await;
    let paused = remembered(store).await;
    let downloads = known(store, &paused).await;
    let plan = plan(&downloads, guarded, &is_open, &paused, store.now());
    if plan.paused != paused {
        remember(store, &plan.paused).await;
    }
    for id in plan.pause {
        ports.pause_download(id).await;
    }
    let mut gone_on = Vec::new();
    for (id, address) in plan.resume {
        // The gate may have shut since; whoever shut it is waiting for this turn.
        if (is_open(&address) || !guarded.contains(&address.host))
            && ports.resume_download(id).await
        {
            gone_on.extend(downloads.iter().filter(|one| one.id == id));
        }
    }
    if !gone_on.is_empty() {
        let mut left = plan.paused;
        left.retain(|one| !gone_on.iter().any(|download| one.is(download)));
        remember(store, &left).await;
    }
}

/// The addresses of what runs or waits for its gate: there is somebody who uses them, though no tab
/// shows it.
pub async fn in_use<P: Ports>(store: &Store<P>) -> BTreeSet<Address> {
    if !store.ports().sees_downloads() {
        return BTreeSet::new();
    }
    let paused = remembered(store).await;
    let downloads = known(store, &paused).await;
    let is_used = |one: &Download| one.is_running || paused.iter().any(|ours| ours.is(one));
    downloads.into_iter().filter(is_used).map(|one| one.address).collect()
}

/// How many downloads of a host wait for its gate, and how many others stopped before their end.
pub async fn count<P: Ports>(store: &Store<P>, host: &Host) -> (usize, usize) {
    if !store.ports().sees_downloads() {
        return (0, 0);
    }
    let (waiting, others) = all_stopped(store, host).await;
    (waiting, others.len())
}

/// Takes those off the browser's list that stopped before their end, without those that wait.
pub async fn discard<P: Ports>(store: &Store<P>, turn: &Turn, host: &Host) {
    if !store.ports().sees_downloads() {
        return;
    }
    let _turn = turn.take().await;
    for one in all_stopped(store, host).await.1 {
        store.ports().discard_download(one.id).await;
    }
}

async fn all_stopped<P: Ports>(store: &Store<P>, host: &Host) -> (usize, Vec<Download>) {
    let paused = remembered(store).await;
    let mut downloads = store.ports().downloads().await;
    downloads.extend(store.ports().broken_downloads().await);
    stopped(downloads, host, &paused)
}

/// What runs or is paused, and what was paused here and broke off since: the end of a browser does
/// that in Chromium.
async fn known<P: Ports>(store: &Store<P>, paused: &[Paused]) -> Vec<Download> {
    let mut downloads = store.ports().downloads().await;
    if paused.iter().any(|ours| !downloads.iter().any(|one| ours.is(one))) {
        downloads.extend(store.ports().broken_downloads().await);
    }
    downloads
}

fn place<P: Ports>(store: &Store<P>) -> (Area, &'static str) {
    if store.ports().is_private() { (Area::Session, PRIVATE_KEY) } else { (Area::Local, KEY) }
}

/// What was paused here. What cannot be read waits for the user.
pub async fn remembered<P: Ports>(store: &Store<P>) -> Vec<Paused> {
    let (area, key) = place(store);
    let stored = store.ports().read(area, &[key]).await.unwrap_or_default();
    let text = stored.get(key).and_then(Value::as_str);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

async fn remember<P: Ports>(store: &Store<P>, paused: &[Paused]) {
    let (area, key) = place(store);
    // If this cannot be stored, the downloads are still paused, and the user can resume them.
    let _ = store.ports().write(area, json!({ key: written(&paused) })).await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_secs(1_764_000_000)
    }

    fn download(id: i64, url: &str, is_running: bool) -> Download {
        let (scheme, address) = url.split_once("://").unwrap();
        Download {
            id,
            address: address.parse().unwrap(),
            is_tls: scheme == "https",
            started: format!("2026-11-30T18:00:00.{id:03}Z"),
            is_running,
            can_resume: !is_running,
        }
    }

    fn guarded() -> BTreeSet<Host> {
        BTreeSet::from(["home.example".parse().unwrap()])
    }

    fn open(address: &Address) -> bool {
        address.to_string() == "home.example"
    }

    fn shut(_: &Address) -> bool {
        false
    }

    fn at_shut(downloads: &[Download], paused: &[Paused]) -> Plan {
        plan(downloads, &guarded(), shut, paused, now())
    }

    #[test]
    fn what_runs_waits_and_goes_on_and_nothing_else_does() {
        let running = download(1, "https://home.example", true);
        let by_user = download(2, "https://home.example", false);
        let elsewhere = download(3, "https://other.example", true);
        let shut_now = at_shut(&[running.clone(), by_user.clone(), elsewhere.clone()], &[]);
        assert_eq!((shut_now.pause, shut_now.resume), (vec![1], vec![]));
        assert_eq!(shut_now.paused.len(), 1);
        // Paused: nothing more to do.
        let waiting = Download { is_running: false, can_resume: true, ..running.clone() };
        let all = [waiting.clone(), by_user.clone(), elsewhere];
        let still = at_shut(&all, &shut_now.paused);
        assert_eq!((still.pause, still.resume), (vec![], vec![]));
        assert_eq!(still.paused, shut_now.paused);
        let stopped = stopped(all.to_vec(), &running.address.host, &still.paused);
        assert_eq!(stopped, (1, vec![by_user]));
        // Open: what was paused here, and not what the user did.
        let opened = plan(&all, &guarded(), open, &still.paused, now());
        assert_eq!(opened.pause, Vec::<i64>::new());
        assert_eq!(opened.resume, [(1, running.address.clone())]);
        // It is ours until it has gone on.
        assert_eq!(opened.paused, still.paused);
        assert_eq!(plan(&[running], &guarded(), open, &opened.paused, now()).paused, []);
    }

    #[test]
    fn what_the_user_goes_on_with_while_shut_is_paused_again() {
        let running = download(1, "https://home.example", true);
        let first = at_shut(core::slice::from_ref(&running), &[]);
        let again = at_shut(&[running], &first.paused);
        assert_eq!(again.pause, [1]);
        assert_eq!(again.paused, first.paused);
    }

    #[test]
    fn open_means_this_port_and_encrypted() {
        for url in ["http://home.example", "https://home.example:8443"] {
            let running = download(1, url, true);
            assert_eq!(plan(&[running], &guarded(), open, &[], now()).pause, [1], "{url}");
        }
    }

    #[test]
    fn a_host_that_is_guarded_no_longer_keeps_nothing_waiting() {
        let running = download(1, "https://home.example", true);
        let first = at_shut(core::slice::from_ref(&running), &[]);
        let waiting = Download { is_running: false, can_resume: true, ..running };
        let freed = plan(&[waiting], &BTreeSet::new(), shut, &first.paused, now());
        assert_eq!(freed.resume.len(), 1);
    }

    #[test]
    fn what_the_browser_does_not_name_is_remembered_for_a_month() {
        let first = at_shut(&[download(1, "https://home.example", true)], &[]);
        let later = |days: u32| {
            plan(&[], &guarded(), open, &first.paused, now().plus(DAY * days)).paused.len()
        };
        assert_eq!((later(1), later(29), later(30)), (1, 1, 0));
        let many: Vec<_> = (0..300).map(|id| download(id, "https://home.example", true)).collect();
        let all = at_shut(&many, &[]);
        assert_eq!((all.pause.len(), all.paused.len()), (300, MAX_REMEMBERED));
    }

    #[test]
    fn another_of_the_same_moment_elsewhere_is_not_ours() {
        let first = at_shut(&[download(1, "https://home.example", true)], &[]);
        let other = download(1, "https://other.example", false);
        assert_eq!(plan(&[other], &guarded(), open, &first.paused, now()).resume, []);
    }
}
