//! The tabs of an address, and the light in each of them.

use std::collections::BTreeSet;

use doorlight::address::Address;
use doorlight::text::printable;
use doorlight_guard::light::Light;
use futures_util::future::join_all;

use crate::browser::api;
use crate::browser::document;
use crate::browser::gate;
use crate::browser::light;

/// The tabs that show an address.
pub async fn of(address: &Address) -> Vec<api::Tab> {
    let mut tabs = api::tabs(&[gate::pattern(&address.host)]).await;
    tabs.retain(|tab| tab.url.parse::<Address>().is_ok_and(|of| of == *address));
    tabs
}

/// Shows the light of an address in a tab, if the document there is the address's own (and `named`,
/// where one is named): a light belongs to one document. It is compared again afterwards, because
/// the tab may have gone on meanwhile, and the light is taken back where it differs.
pub async fn show_light(
    tab: i32,
    address: &Address,
    named: Option<&str>,
    light_now: &impl Fn() -> Light,
) {
    let before = document::of_tab(tab).await;
    let Some(document) =
        before.filter(|one| one.is_of(address) && named.is_none_or(|id| id == one.id))
    else {
        return;
    };
    let light = light_now();
    light::show(tab, light, address.host.as_str()).await;
    let after = document::of_tab(tab).await;
    if after.as_ref() != Some(&document) || light_now() != light {
        light::show(tab, Light::NotGuarded, "").await;
        if after.is_some_and(|one| one.is_of(address)) {
            light::show(tab, Light::Unchecked, address.host.as_str()).await;
        }
    }
}

/// Shows the light of an address in a tab that stands at the gate for it. Nothing is green there.
pub async fn show_light_at_gate(tab: i32, address: &Address, light_now: &impl Fn() -> Light) {
    let is_there = async || gate::wanted(&api::tab_url(tab).await).as_ref() == Some(address);
    if !is_there().await {
        return;
    }
    let light = match light_now() {
        Light::Trusted | Light::Exception => Light::Unchecked,
        light => light,
    };
    light::show(tab, light, address.host.as_str()).await;
    if !is_there().await {
        light::show(tab, Light::NotGuarded, "").await;
    }
}

/// The service workers that answer for open pages of an address.
pub async fn workers(address: &Address) -> Vec<String> {
    let tabs = of(address).await;
    let documents = join_all(tabs.iter().map(|tab| document::of_tab(tab.id))).await;
    let workers =
        documents.into_iter().flatten().filter(|one| one.is_of(address)).map(|one| one.worker);
    let known: BTreeSet<_> =
        workers.filter(|url| !url.is_empty()).map(|url| printable(&url)).collect();
    known.into_iter().collect()
}
