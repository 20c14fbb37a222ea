//! What the pages show of a home that is asked over the local network.

use doorlight::address::Address;
use doorlight_browser::now;
use doorlight_guard::advisories;
use doorlight_guard::home::TokenState;
use doorlight_guard::settings::LocalHome;

use crate::background::engine::Engine;
use crate::browser::api;
use crate::protocol::HomeStatus;

/// What a page shows of it; `None` for an address that is not guarded.
pub async fn of(engine: &Engine, address: &Address) -> Option<HomeStatus> {
    let store = &engine.store;
    if !store.is_guarded(address) {
        return None;
    }
    let place = store.with(|state| state.local_home(address));
    let has_permission = match &place {
        Some(place) => api::is_granted(&LocalHome::pattern(place)).await,
        None => false,
    };
    let stored = store.load_token(address).await;
    let at = now();
    store.with(|state| {
        let known = state.home(address);
        let home = state.kept.settings.homes.get(address);
        let stored = home.is_some() && stored.is_some();
        let is_known = state.record(address).is_some_and(|record| record.home_account.is_some());
        // Time goes on without an answer: a version grows old, and so does the table.
        let check_up = known.check_up.as_ref().map(|check_up| {
            match advisories::read(&state.kept.settings, at).0 {
                Some(table) => check_up.clone().judged_by(&table, at),
                None => check_up.clone(),
            }
        });
        let token_trouble = known.token.trouble(stored, home.is_some() && is_known, at);
        Some(HomeStatus {
            has_permission,
            has_token: stored && known.token != TokenState::Refused,
            has_refused_token: stored && known.token == TokenState::Refused,
            keeps_token: home.is_some_and(|home| home.keeps_token),
            has_accepted_risk: known.accepted_risk.is_some(),
            is_blocked: known.is_blocked(),
            trouble: token_trouble.or(known.trouble),
            local: home.map(|home| home.local.clone()),
            tried: known.tried,
            answered: known.answered,
            check_up,
        })
    })
}
