//! Who vouches for whom, as a picture that is a list: the root on top, the server at the bottom.
//! The words in it are its text alternative.

use doorlight::text::printable;
use doorlight::verdict::chain_view::{ChainEntry, ChainView, Link, Role};
use doorlight::x509::certificate::Certificate;
use doorlight::x509::certificate::SubjectName;
use doorlight_view::dom::{Part, paragraph, part};
use doorlight_view::{clock, words};

/// The most that are drawn; the rest is said. No valid way is longer.
const MAX_DRAWN: usize = 12;

/// The section.
pub fn section(chain_view: &ChainView, leaf: &Certificate) -> Part {
    let mut items = Vec::new();
    let top = chain_view.rungs.last().map(|rung| rung.role);
    let is_rooted = matches!(top, Some(Role::Root | Role::AddedRoot));
    for (n, rung) in chain_view.rungs.iter().enumerate().take(MAX_DRAWN).rev() {
        let is_top = n + 1 == chain_view.rungs.len();
        let mut item = part("li").child(who(rung, leaf));
        if is_top && !is_rooted && rung.above == Link::Top && rung.role != Role::Absent {
            items.push(part("li").child(line("nobody", "fail", "✕", "www_link_nobody")));
        }
        if let Some(below) = n.checked_sub(1).and_then(|below| chain_view.rungs.get(below)) {
            item = item.child(link(below.above));
        }
        items.push(item);
    }
    let mut section = part("section")
        .child(part("h3").attr("id", "chain").text(&words::word("www_chain_title")))
        .child(paragraph(&words::word("www_chain_text")).class("hint"))
        .child(
            part("ol")
                .class("ladder")
                .attr("reversed", "")
                .attr("aria-labelledby", "chain")
                .children(items),
        );
    let left_out = chain_view.rungs.len().saturating_sub(MAX_DRAWN);
    if left_out > 0 {
        section =
            section.child(paragraph(&words::with("www_chain_left_out", &[&left_out.to_string()])));
    }
    if chain_view.aside > 0 {
        let text = words::with("www_chain_aside", &[&chain_view.aside.to_string()]);
        section = section.child(paragraph(&text).class("hint"));
    }
    section
}

fn who(rung: &ChainEntry, leaf: &Certificate) -> Part {
    let (mut name, organisation) = short_name(&rung.name);
    if rung.role == Role::Server {
        // Public authorities leave the subject empty: the names are what the certificate is about.
        name = named(leaf).or(name);
    }
    let name = name.unwrap_or_else(|| words::word("www_no_name"));
    let role = words::word(&format!("www_role_{}", rung.role.as_str().replace('-', "_")));
    let until = rung.not_after.map(|until| words::with("www_until", &[&clock::short_day(until)]));
    let mut what = part("span").class("what").then(&role);
    for more in organisation.filter(|organisation| *organisation != name).into_iter().chain(until) {
        what = what.then(" · ").child(part("bdi").text(&more));
    }
    part("div")
        .class(&format!("who {}", rung.role.as_str()))
        .child(part("bdi").class("name").attr("title", &printable(&rung.name)).text(&name))
        .child(what)
}

/// The first names that a certificate is for.
fn named(leaf: &Certificate) -> Option<String> {
    let names: Vec<_> = leaf
        .names()
        .iter()
        .filter_map(|name| match name {
            SubjectName::Dns(name) => Some(printable(name)),
            SubjectName::Ip(ip) => Some(ip.to_string()),
            SubjectName::Other => None,
        })
        .take(3)
        .collect();
    let more = if leaf.names().len() > names.len() { ", …" } else { "" };
    (!names.is_empty()).then(|| names.join(", ") + more)
}

/// The common name, else the organisation, else all of a name in the form of RFC 4514; and the
/// organisation. Safe to show.
fn short_name(name: &str) -> (Option<String>, Option<String>) {
    let mut parts = vec![String::new()];
    let mut is_escaped = false;
    for c in name.chars() {
        match c {
            ',' | '+' if !is_escaped => parts.push(String::new()),
            '\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            c => parts.last_mut().into_iter().for_each(|last| last.push(c)),
        }
        is_escaped = false;
    }
    let value = |key: &str| parts.iter().find_map(|part| part.strip_prefix(key)).map(printable);
    let all = Some(printable(name)).filter(|name| !name.is_empty());
    (value("CN=").or_else(|| value("O=")).or(all), value("O="))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened() {
        let both = |name: &str| {
            let (name, organisation) = short_name(name);
            (name.unwrap_or_default(), organisation.unwrap_or_default())
        };
        for (name, short, organisation) in [
            ("CN=R3,O=Let's Encrypt,C=US", "R3", "Let's Encrypt"),
            (r"O=Example\, Inc.,C=US", "Example, Inc.", "Example, Inc."),
            ("OU=Class 3", "OU=Class 3", ""),
            ("", "", ""),
            ("CN=a\u{202e}b", "a\\u{202e}b", ""),
        ] {
            assert_eq!(both(name), (short.to_owned(), organisation.to_owned()), "{name}");
        }
    }
}
