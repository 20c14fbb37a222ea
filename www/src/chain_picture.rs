//! Who vouches for whom, as a picture that is a list: the root on top, the server at the bottom. The words in it are its text alternative.

use doorlight::ladder::{Ladder, Link, Rung};
use doorlight::text::printable;
use doorlight_view::dom::{Part, paragraph, part};
use doorlight_view::{clock, words};

/// The most that are drawn; the rest is said. No valid way is longer.
const MAX_DRAWN: usize = 12;

/// The section.
pub fn section(ladder: &Ladder) -> Part {
    let mut items = Vec::new();
    let top = ladder.rungs.last().map(|rung| rung.role);
    let is_rooted = matches!(top, Some(doorlight::ladder::Role::Root | doorlight::ladder::Role::AddedRoot));
    for (n, rung) in ladder.rungs.iter().enumerate().take(MAX_DRAWN).rev() {
        let is_top = n + 1 == ladder.rungs.len();
        let mut item = part("li").child(who(rung));
        if is_top && !is_rooted && rung.above == Link::Top && rung.role != doorlight::ladder::Role::Absent {
            items.push(part("li").child(line("nobody", "fail", "✕", "www_link_nobody")));
        }
        if let Some(below) = n.checked_sub(1).and_then(|below| ladder.rungs.get(below)) {
            item = item.child(link(below.above));
        }
        items.push(item);
    }
    let mut section = part("section")
        .child(part("h3").attr("id", "chain").text(&words::word("www_chain_title")))
        .child(paragraph(&words::word("www_chain_text")).class("hint"))
        .child(
            part("ol").class("ladder").attr("reversed", "").attr("aria-labelledby", "chain").children(items),
        );
    let left_out = ladder.rungs.len().saturating_sub(MAX_DRAWN);
    if left_out > 0 {
        section = section.child(paragraph(&words::with("www_chain_left_out", &[&left_out.to_string()])));
    }
    if ladder.aside > 0 {
        let text = words::with("www_chain_aside", &[&ladder.aside.to_string()]);
        section = section.child(paragraph(&text).class("hint"));
    }
    section
}

fn who(rung: &Rung) -> Part {
    let name = if rung.name.is_empty() { words::word("www_no_name") } else { printable(&rung.name) };
    let role = words::word(&format!("www_role_{}", rung.role.as_str().replace('-', "_")));
    let until = rung.not_after.map(|until| words::with("www_until", &[&clock::short_day(until)]));
    let what = core::iter::once(role).chain(until).collect::<Vec<_>>().join(" · ");
    part("div")
        .class(&format!("who {}", rung.role.as_str()))
        .child(part("bdi").class("name").text(&name))
        .child(part("span").class("what").text(&what))
}

fn link(link: Link) -> Part {
    let (class, sign) = match link {
        Link::Vouches => ("pass", "✓"),
        Link::Refused | Link::False => ("fail", "✕"),
        Link::Missing | Link::Top => ("not-checked", "?"),
    };
    line(link.as_str(), class, sign, &format!("www_link_{}", link.as_str()))
}

fn line(kind: &str, class: &str, sign: &str, key: &str) -> Part {
    part("div")
        .class(&format!("line {kind}"))
        .child(part("span").class(&format!("mark {class}")).attr("aria-hidden", "true").text(sign))
        .child(part("span").text(&words::word(key)))
}
