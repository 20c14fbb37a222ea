//! What the pages show of the audits of an address.

use doorlight::address::Address;
use doorlight::issuances::authority;
use doorlight::issuances::issuance::Class;
use doorlight::issuances::timeline::Timeline;
use doorlight::issuances::watch::{self, WatchRecord};
use doorlight::text::printable;
use doorlight::time::{DAY, Timestamp};
use doorlight_browser::now;

use crate::background::engine::Engine;
use crate::browser::api;
use crate::protocol::{Alarm, Watch};
use doorlight_guard::audits::issuer_of;
use doorlight_guard::settings::Consent;
use doorlight_guard::sources::Needs;
use doorlight_guard::trust;

/// The most names of a certificate that are shown.
const MAX_NAMES: usize = 8;
/// The most alarms that a page is sent.
const MAX_ALARMS: usize = 100;

/// What a page shows of them; `None` for an address that is not guarded.
pub async fn of(engine: &Engine, address: &Address) -> Option<Watch> {
    let store = &engine.store;
    if !store.is_guarded(address) {
        return None;
    }
    let at = now();
    let record = store
        .load_watch(address, at)
        .await
        .unwrap_or_else(|_| WatchRecord::new(address.clone(), at));
    let trust = trust::current(store).await;
    let (consent, needs) = store
        .with(|state| (state.consent(address), Needs::of(&state.kept.settings, Some(&trust), at)));
    let mut agreed = Vec::new();
    for (is_agreed, patterns) in [
        (consent.logs, &needs.logs),
        (consent.cert_spotter, &needs.cert_spotter),
        (consent.crt_sh, &needs.crt_sh),
    ] {
        agreed.extend(patterns.iter().filter(|_| is_agreed).cloned());
    }
    let mut missing = Vec::new();
    if !api::are_granted(&agreed).await {
        for one in agreed {
            if !api::is_granted(&one).await {
                missing.push(one);
            }
        }
    }
    let (leaf, audited) = store.with(|state| {
        let leaf = state.last_chain(address).map(|chain| chain.leaf().clone());
        (leaf, state.kept.audits.get(address).cloned().unwrap_or_default())
    });
    let is_asked = consent != Consent::default();
    let proven_due =
        audited.proof.as_ref().filter(|_| consent.logs).map(|proof| proof.at.plus(DAY));
    Some(Watch {
        consent,
        needs,
        missing,
        is_running: engine.inquiries.audits.running(address).is_some(),
        proven_at: audited.proof.as_ref().map(|proof| proof.at),
        publication: audited.proof.map(|proof| proof.reports).unwrap_or_default(),
        looks: record.looks.clone(),
        due: audited.due.into_iter().chain(proven_due).min().filter(|_| is_asked),
        timeline: Timeline::new(&record, leaf.as_ref(), at),
        alarms: alarms(&record, at),
    })
}

fn alarms(record: &WatchRecord, at: Timestamp) -> Vec<Alarm> {
    let own = record.issuances.iter().filter(|known| known.class == Class::Yours);
    let own: Vec<_> = own.filter_map(|known| authority::of(&known.issuance.issuer)).collect();
    let caa = authority::caa_records(&record.address.host, &own);
    let alarm = |known: &watch::Known| {
        let issuance = &known.issuance;
        Alarm {
            id: known.id(),
            issuer: issuer_of(issuance),
            serial: issuance.serials.first().map(ToString::to_string).unwrap_or_default(),
            names: issuance.names.iter().take(MAX_NAMES).map(|name| printable(name)).collect(),
            not_before: issuance.not_before,
            not_after: issuance.not_after,
            spki_sha256: issuance.spki_sha256.map(|key| key.to_string()),
            may_be_renewal: known.may_be_renewal,
            is_acknowledged: known.acknowledged.is_some(),
            has_ended: issuance.has_ended(at),
            report_to: authority::of(&issuance.issuer).and_then(|one| one.reports).map(Into::into),
            letter: authority::report_text(&record.address.host, issuance),
            caa: caa.clone(),
        }
    };
    let mut unknown: Vec<_> =
        record.issuances.iter().filter(|known| known.class == Class::Unknown).collect();
    unknown.sort_by_key(|known| {
        core::cmp::Reverse((known.is_alarming(at), known.issuance.not_before))
    });
    unknown.into_iter().take(MAX_ALARMS).map(alarm).collect()
}
