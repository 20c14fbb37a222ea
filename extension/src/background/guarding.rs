//! What is guarded: its permissions, rules and cover, put in their places in the browser.

use std::collections::BTreeMap;

use doorlight::address::{Address, Host};
use doorlight::time::Timestamp;
use doorlight_browser::now;
use doorlight_guard::downloads;
use doorlight_guard::gate::LEAD;
use doorlight_guard::ports::{Known as _, Refused};
use futures_util::future::join_all;

use crate::background::engine::Engine;
use crate::browser::api;
use crate::browser::pattern;
use crate::browser::tabs;

/// The alarm that notices a machine that slept, while a guarded page is open.
const TICK: &str = "tick";

/// The host patterns that guarding a host takes in this browser.
pub fn patterns(engine: &Engine, host: &Host) -> Vec<String> {
    pattern::guarding(host, engine.ports().capture.is_firefox())
}

/// True where the user has given permission for all of that.
pub async fn may_guard(engine: &Engine, host: &Host) -> bool {
    api::are_granted(&patterns(engine, host)).await
}

/// True where some port of the host is guarded.
pub fn is_host_guarded(engine: &Engine, host: &Host) -> bool {
    engine.store.with(|state| state.guarded_hosts(now()).contains(host))
}

/// True where the gate of a host is in its place.
pub fn is_ready(engine: &Engine, host: &Host) -> bool {
    engine.store.with(|state| state.is_ready(host))
}

/// Puts rules and cover in their places after a change of what is guarded or permitted. A host for
/// which that fails is not open, and never green.
///
/// # Errors
/// What the browser refused for one of them.
pub async fn set_guard(engine: &Engine) -> Result<(), Refused> {
    let turn = engine.gate.hold().await;
    engine.read_permissions().await;
    let mut hosts = BTreeMap::new();
    for host in engine.store.with(|state| state.guarded_hosts(now())) {
        let has_permission = may_guard(engine, &host).await;
        hosts.insert(host, has_permission);
    }
    let gate = &engine.ports().gate;
    let covered = gate.cover_pages(&hosts.keys().cloned().collect()).await;
    let failed = gate.shut_hosts(&hosts).await;
    let is_set = |host: &Host| failed.as_ref().is_ok_and(|failed| !failed.contains_key(host));
    let placed =
        hosts.iter().map(|(host, may_guard)| (host.clone(), *may_guard && is_set(host))).collect();
    engine.store.change(|state| state.placed = placed);
    drop(turn);
    let is_written = engine.store.save_placed().await;
    engine.set_gate().await;
    engine.set_audit_alarm().await;
    if hosts.is_empty() {
        api::clear_alarm(TICK).await;
    } else {
        api::set_minute_alarm(TICK).await?;
    }
    covered.and(is_written)?;
    failed?.into_values().next().map_or(Ok(()), Err)
}

/// Sets the gate of whatever is guarded now, where an earlier life of the background was killed
/// before it had done so.
pub async fn finish_guard(engine: &Engine) {
    let is_done =
        engine.store.with(|state| state.guarded_hosts(now()).iter().eq(state.placed.keys()));
    if !is_done {
        let _ = set_guard(engine).await;
    }
}

/// Puts the gate of a host in its place, where it is not yet: a browser has just started.
pub async fn make_ready(engine: &Engine, host: &Host) {
    if is_host_guarded(engine, host) && !is_ready(engine, host) {
        // What cannot be set is shown by the self-test and in the options.
        let _ = set_guard(engine).await;
    }
}

/// The next end of an open way, where it is so near that the alarm of a browser may come late for
/// it.
pub fn near_end(engine: &Engine) -> Option<Timestamp> {
    let at = now();
    engine.open_now().ends().min().filter(|end| *end <= at.plus(LEAD))
}

/// Whether the way is open for some time yet.
fn stays_open(engine: &Engine, address: &Address) -> bool {
    let end = engine.store.with(|state| state.session.get(address)?.fresh_until);
    engine.way(address).is_open() && end.is_some_and(|end| now().plus(LEAD) < end)
}

/// Shuts the gate of what counts no longer, and checks it again where a tab shows it or a download
/// comes from it.
pub async fn renew(engine: &Engine) {
    // In Firefox one that was just paused is for a moment neither running nor paused.
    let loading = downloads::in_use(&engine.store).await;
    engine.set_gate().await;
    let mut ending = Vec::new();
    for address in engine.guarded() {
        let is_used = loading.contains(&address) || !tabs::of(&address).await.is_empty();
        if is_used && !stays_open(engine, &address) {
            ending.push(address);
        }
    }
    // One that is slow does not keep the others waiting.
    join_all(ending.iter().map(|address| engine.check(address))).await;
    for address in engine.guarded() {
        engine.set_tabs(&address).await;
    }
}
