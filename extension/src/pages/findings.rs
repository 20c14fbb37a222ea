//! The evidence in words: what was found, and, folded, what it means and what to do.

use doorlight::evidence::{Evidence, Outcome};
use doorlight::report::Report;
use doorlight::text::printable;
use serde_json::Value;

use super::dom::{Part, paragraph, part};
use super::words;

/// All findings of a report, what is wrong first.
pub fn list(report: &Report) -> Part {
    let mut findings: Vec<&Evidence> = report.evidence.iter().collect();
    findings.sort_by_key(|one| rank(one));
    part("ul").class("findings").children(findings.into_iter().map(item))
}

fn rank(one: &Evidence) -> u8 {
    match one.outcome {
        Outcome::Fail => 0,
        Outcome::Note if one.code.asks_attention() => 1,
        Outcome::NotChecked => 2,
        Outcome::Note => 3,
        Outcome::Pass => 4,
    }
}

fn item(one: &Evidence) -> Part {
    let (sign, class) = match one.outcome {
        Outcome::Pass => ("✓", "mark pass"),
        Outcome::Note if one.code.asks_attention() => ("!", "mark attention"),
        Outcome::Note => ("i", "mark note"),
        Outcome::Fail => ("✕", "mark fail"),
        Outcome::NotChecked => ("?", "mark not-checked"),
    };
    let summary = part("summary")
        .child(part("span").class(class).attr("aria-hidden", "true").text(sign))
        .child(part("span").class("unseen").text(&format!("{}: ", words::outcome(one))))
        .child(part("span").text(&words::finding(one)));
    let entry = one.code.entry();
    let mut inside = vec![paragraph(entry.meaning)];
    if one.outcome != Outcome::Pass {
        inside.push(
            part("p").child(part("strong").text(&words::word("finding_action"))).then(" ").then(entry.action),
        );
    }
    inside.push(particulars(one));
    part("li").child(part("details").child(summary).child(part("div").class("inside").children(inside)))
}

fn particulars(one: &Evidence) -> Part {
    let pair = |name: &str, value: &str| {
        part("div").child(part("dt").text(name)).child(part("dd").child(part("code").text(value)))
    };
    let mut pairs = vec![pair(&words::word("finding_code"), one.code.as_str())];
    pairs.extend(one.detail.iter().map(|(name, value)| pair(&printable(name), &plain(value))));
    part("dl").class("particulars").children(pairs)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(parts) => {
            let said = parts.iter().filter(|(_, value)| !value.is_null());
            said.map(|(name, value)| format!("{}: {}", printable(name), plain(value)))
                .collect::<Vec<_>>()
                .join("; ")
        }
        Value::Null => "–".into(),
        other => printable(&other.to_string()),
    }
}
