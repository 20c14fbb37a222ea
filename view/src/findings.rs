//! The evidence in words: what was found, and, folded, what it means and what to do.

use doorlight::verdict::evidence::Evidence;
use doorlight::verdict::findings::{self, Finding, Weight};

use crate::dom::{Part, paragraph, part};
use crate::words::{self, Translated};

/// All findings, what matters most first.
pub fn list(evidence: &[Evidence]) -> Part {
    let findings = findings::by_weight(evidence, &Translated);
    part("ul").class("findings").children(findings.iter().map(item))
}

/// The sign of a finding's weight, for the eye alone.
pub fn mark(weight: Weight) -> Part {
    let class = format!("mark {}", weight.as_str());
    part("span").class(&class).attr("aria-hidden", "true").text(weight.sign())
}

fn item(one: &Finding) -> Part {
    let summary = part("summary")
        .child(mark(one.weight))
        .child(part("span").class("unseen").text(&format!("{}: ", words::outcome(one.weight))))
        .child(part("span").text(&one.sentence));
    let mut inside = vec![paragraph(&one.meaning)];
    if one.weight != Weight::Pass {
        inside.push(
            part("p")
                .child(part("strong").text(&words::word("finding_action")))
                .then(" ")
                .then(&one.action),
        );
    }
    inside.push(particulars(one));
    part("li")
        .child(part("details").child(summary).child(part("div").class("inside").children(inside)))
}

fn particulars(one: &Finding) -> Part {
    let pair = |name: &str, lines: &[String]| {
        let values = lines.iter().map(|line| part("dd").child(part("code").text(line)));
        part("div").child(part("dt").text(name)).children(values)
    };
    let mut pairs = vec![pair(&words::word("finding_code"), &[one.code.to_string()])];
    pairs.extend(one.particulars.iter().map(|one| pair(&one.name, &one.lines)));
    part("dl").class("particulars").children(pairs)
}
