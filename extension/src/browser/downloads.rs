//! The browser's downloads, as far as they matter to the gate.

use doorlight_guard::ports::Download;
use futures_util::future::join;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::api;
use crate::browser::url::{address_of, without_user};

/// A download, as both browsers describe it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: i64,
    url: String,
    /// Where redirects led (Chromium); Firefox names that as its URL.
    #[serde(default)]
    final_url: String,
    start_time: String,
    state: String,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    can_resume: bool,
}

impl Item {
    /// `None` for one that no server would be asked for again (`blob:`, `data:`).
    fn describe(self) -> Option<Download> {
        let url = if self.final_url.is_empty() { &self.url } else { &self.final_url };
        Some(Download {
            id: self.id,
            address: address_of(without_user(url).as_deref().unwrap_or(url))?,
            is_tls: url.starts_with("https:"),
            started: self.start_time,
            // Chromium calls a paused one "in progress", Firefox "interrupted".
            is_running: self.state == "in_progress" && !self.paused,
            can_resume: self.can_resume || self.paused,
        })
    }
}

/// How many of the newest are looked through for what broke off.
const NEWEST: u32 = 300;

/// Those that run or are paused.
pub async fn unfinished() -> Vec<Download> {
    let (running, paused) = join(
        api::downloads(json!({"state": "in_progress"})),
        api::downloads(json!({"paused": true})),
    )
    .await;
    let mut found: Vec<_> =
        running.into_iter().chain(paused).filter_map(|item| read(item)?.describe()).collect();
    // In Chromium what is paused is in progress, too.
    found.sort_by_key(|one| one.id);
    found.dedup_by_key(|one| one.id);
    found
}

/// Of the newest, those that broke off without being paused. Chromium 156 does not find them all by
/// `state: "interrupted"` (measured).
pub async fn broken() -> Vec<Download> {
    let query = json!({"orderBy": ["-startTime"], "limit": NEWEST});
    let is_broken = |item: &Item| item.state == "interrupted" && !item.paused;
    let found = api::downloads(query).await.into_iter().filter_map(read);
    found.filter(is_broken).filter_map(Item::describe).collect()
}

fn read(item: Value) -> Option<Item> {
    serde_json::from_value(item).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_say() {
        let item = |changes: Value| {
            let mut item = json!({
                "id": 7, "url": "https://home.example/backup?authSig=secret", "finalUrl": "",
                "startTime": "2026-11-30T18:00:00.123Z", "state": "in_progress", "paused": false,
                "canResume": false, "filename": "/tmp/b.tar",
            });
            item.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            read(item).and_then(Item::describe)
        };
        let running = item(json!({})).unwrap();
        assert_eq!(running.address.to_string(), "home.example");
        assert!(running.is_tls && running.is_running && !running.can_resume);
        assert_eq!(running.started, "2026-11-30T18:00:00.123Z");
        let paused = item(json!({"paused": true, "canResume": true})).unwrap();
        assert!(!paused.is_running && paused.can_resume, "Chromium");
        let paused = item(json!({"state": "interrupted", "paused": true})).unwrap();
        assert!(!paused.is_running && paused.can_resume, "Firefox");
        let broken = item(json!({"state": "interrupted", "canResume": true})).unwrap();
        assert!(!broken.is_running && broken.can_resume);
        let led_on = item(json!({"finalUrl": "http://store.example:8080/b"})).unwrap();
        assert_eq!(led_on.address.to_string(), "store.example:8080");
        assert!(!led_on.is_tls);
        assert!(item(json!({"url": "blob:https://home.example/1-2-3"})).is_none());
        assert!(item(json!({"url": "data:,x"})).is_none());
        assert!(read(json!({"id": 1})).is_none());
    }
}
