//! What the logs proved, log by log, and why something could not be told.

use doorlight::ct::publication::{History, Kept, PublicationReport};
use doorlight::text::printable;

use crate::certificate::pair;
use crate::dom::{Part, part};
use crate::{clock, words};

/// Why something could not be told, in words; a code that nobody wrote words for stays as it is.
pub fn why(code: &str) -> String {
    key_of_reason(code)
        .and_then(|key| words::find(&key, &[]))
        .unwrap_or_else(|| words::with("why_other", &[&printable(code)]))
}

/// The key of a reason's text. Of answers that are wrong in themselves there are many kinds and one
/// text for each family.
fn key_of_reason(code: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c == '-';
    if code.is_empty() || !code.chars().all(is_plain) {
        return None;
    }
    let family = ["checkpoint", "answer", "proof", "tile"]
        .into_iter()
        .find(|family| code.strip_prefix(family).is_some_and(|rest| rest.starts_with('-')));
    Some(format!("why_{}", family.map_or_else(|| code.replace('-', "_"), str::to_owned)))
}

/// Log by log: whether the entry is proven, and in what. `place` tells the lists of one page apart.
pub fn published(reports: &[PublicationReport], place: &str) -> Part {
    let item = |(number, one): (usize, &PublicationReport)| {
        publication(one, &format!("log-{place}-{number}"))
    };
    part("ul").class("findings").children(reports.iter().enumerate().map(item))
}

fn publication(one: &PublicationReport, id: &str) -> Part {
    let (sign, class, key) = match one.inclusion {
        _ if one.consistency == History::Contradiction => {
            ("✕", "mark fail", "published_contradiction")
        }
        Kept::Proven => ("✓", "mark pass", "published_proven"),
        Kept::Pending => ("i", "mark note", "published_pending"),
        Kept::Missing => ("✕", "mark fail", "published_missing"),
        Kept::NotChecked => ("?", "mark not-checked", "published_not_checked"),
    };
    let mut sentence = words::word(key);
    if let Some(reason) =
        one.inclusion_reason.as_deref().filter(|_| one.inclusion == Kept::NotChecked)
    {
        sentence = format!("{sentence} {}", why(reason));
    }
    let text = part("span")
        .child(part("bdi").class("host").text(&printable(&one.log)))
        .child(part("span").class("block").text(&sentence));
    let summary = part("summary")
        .child(part("span").class(class).attr("aria-hidden", "true").text(sign))
        .child(text);
    let line = |name: &str, value: Part| pair(&words::word(name), value);
    let mut list = part("dl")
        .class("certificate")
        .child(line("published_operator", part("bdi").text(&printable(&one.operator))))
        .child(line(
            "published_promised",
            clock::time(one.promised_at, &clock::moment(one.promised_at)),
        ));
    if let Some(host) = &one.host {
        list = list.child(line("published_host", part("bdi").text(&printable(host))));
    }
    if let Some(size) = one.tree_size {
        list = list.child(line("published_size", part("span").text(&clock::number(size))));
    }
    if let Some(index) = one.leaf_index {
        list = list.child(line("published_index", part("span").text(&clock::number(index))));
    }
    if let Some(at) = one.head_at {
        list = list.child(line("published_head", clock::time(at, &clock::moment(at))));
    }
    let mut history = words::word(match one.consistency {
        History::Proven => "history_proven",
        History::FirstSight => "history_first",
        History::Contradiction => "history_contradiction",
        History::NotChecked => "history_not_checked",
    });
    if let Some(reason) = &one.consistency_reason {
        history = format!("{history} {}", why(reason));
    }
    list = list.child(line("published_history", part("span").text(&history)));
    let whole = part("details")
        .attr("id", id)
        .child(summary)
        .child(part("div").class("inside").child(list));
    part("li").child(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = include_str!("../../extension/static/_locales/en/messages.json");

    /// Every reason that the core can give for a look that failed has words.
    #[test]
    fn every_reason_has_words() {
        let words: serde_json::Value = serde_json::from_str(WORDS).unwrap();
        let reasons = "unreachable timed-out too-large status rate-limited not-allowed too-many-questions cancelled not-json malformed \
             too-many paging-stuck no-name entries-skipped not-believed not-asked-yet too-many-scts no-address head-from-the-future \
             head-not-signed head-stale log-does-not-look-up unknown-to-the-log no-leaf-index proof-root proof-old-root tile-missing \
             tile-not-of-this-tree checkpoint-not-signed answer-malformed";
        for reason in reasons.split_whitespace() {
            let key = key_of_reason(reason).unwrap();
            assert!(words.get(&key).is_some(), "{reason}: no {key}");
        }
        assert_eq!(key_of_reason("proof-root").unwrap(), "why_proof");
        assert_eq!(key_of_reason("<script>"), None);
        assert_eq!(key_of_reason(""), None);
    }
}
