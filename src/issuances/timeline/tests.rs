use std::collections::BTreeSet;

use super::*;
use crate::issuances::issuance::{Entry, Issuance, Issuer};
use crate::issuances::monitor::Found;
use crate::issuances::monitor::id::Monitor;
use crate::issuances::monitor::samples::{HOST, WISH, Wish, World, days, now};
use crate::site::{Origin, SiteRecord};

fn issuance(certificate: &Certificate) -> Issuance {
    Issuance::of(certificate, HOST, Entry { monitor: Monitor::CrtSh, id: "1".into() }).unwrap()
}

/// Every class, an old certificate and its renewal that is on the line.
fn sample() -> (WatchRecord, Certificate) {
    let world = World::new("Lab Trust");
    let old = world.issue(Wish { serial: 1 << 90, from: -100, to: -10, ..WISH });
    let own = world.issue(Wish { serial: 1 << 91, from: -40, to: 50, ..WISH });
    let seen = world.issue(Wish { key: 3, serial: 1 << 92, from: -60, to: 30, ..WISH });
    let other = world.issue(Wish { key: 1, serial: 1 << 93, from: -5, to: 85, ..WISH });
    let friend = world.issue(Wish { key: 2, serial: 1 << 94, from: -20, to: 70, ..WISH });
    let open = Issuance {
        spki_sha256: None,
        ..issuance(&world.issue(Wish { serial: 1 << 95, from: -90, ..WISH }))
    };
    let due = Issuance {
        spki_sha256: None,
        ..issuance(&world.issue(Wish { serial: 1 << 96, from: 25, to: 110, ..WISH }))
    };
    let mut site = SiteRecord::new(HOST.parse().unwrap());
    site.accept(&own, Origin::Home, days(-30));
    site.accept(&seen, Origin::Seen, days(-30));
    site.unpin(seen.spki_sha256(), now());
    let mut record = WatchRecord::new(HOST.parse().unwrap(), days(-50));
    let mut issuances: Vec<_> = [&old, &own, &seen, &other, &friend].map(issuance).into();
    issuances.extend([Issuance { is_read: false, ..open }, Issuance { is_read: false, ..due }]);
    record.take_in(&Found { looks: vec![], issuances }, &site, now());
    record.acknowledge(&issuance(&friend).id(), now());
    (record, own)
}

/// The text of XML apart: every tag closed, nothing but the five entities, no stray angle bracket.
fn well_formed(svg: &str) -> bool {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        let is_entity = |part: &str| {
            ["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|one| part.starts_with(one))
        };
        if text.contains('>') || !text.split('&').skip(1).all(is_entity) {
            return false;
        }
        let Some(end) = rest[at..].find('>') else { return false };
        let tag = &rest[at + 1..at + end];
        if tag.contains('<') || tag.matches('"').count() % 2 == 1 {
            return false;
        }
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[at + end + 1..];
    }
    open.is_empty() && rest.trim().is_empty()
}

#[test]
fn every_class_has_its_own_sign_words_and_pattern() {
    let (record, own) = sample();
    let timeline = Timeline::new(&record, Some(&own), now());
    let classes: BTreeSet<_> = timeline.bars.iter().map(|bar| bar.class).collect();
    assert_eq!(classes.len(), 5);
    assert!(timeline.bars.is_sorted_by_key(|bar| core::cmp::Reverse(bar.from)));
    assert!(timeline.bars.iter().enumerate().all(|(n, bar)| bar.lane == n));
    let count = |is: fn(&Bar) -> bool| timeline.bars.iter().filter(|bar| is(bar)).count();
    assert_eq!(count(|bar| bar.is_alarm), 1);
    assert_eq!(count(|bar| bar.is_acknowledged), 1);
    assert_eq!(count(|bar| bar.is_on_the_line && bar.is_renewal), 1);
    assert_eq!(count(|bar| bar.is_on_the_line), 1);
    assert_eq!(count(|bar| bar.has_ended), 1);
    let svg = timeline.to_svg(&Labels::ENGLISH);
    let text = timeline.to_text(&Labels::ENGLISH);
    let mut signs = BTreeSet::new();
    for bar in &timeline.bars {
        signs.insert((bar.sign(), bar.css_class()));
        let words = Labels::ENGLISH.class(bar);
        assert!(svg.contains(&escape(words)) && text.contains(words), "{words}");
        assert!(svg.contains(&format!("class=\"{}", bar.css_class())));
        assert!(text.contains(&bar.serial));
    }
    assert_eq!(signs.len(), 6);
    assert!(
        svg.contains("role=\"img\"") && svg.contains("<title id=") && svg.contains("<desc id=")
    );
    assert!(well_formed(&svg), "{svg}");
    assert!(svg.contains("in use now, renewal") && text.contains("in use now, renewal"));
    println!("{text}");
    if let Some(path) = std::env::var_os("DOORLIGHT_TIMELINE") {
        std::fs::write(path, &svg).unwrap();
    }
}

/// A page's policy may let no style in, neither as an element nor as an attribute.
#[test]
fn without_style_the_patterns_are_still_there() {
    let (record, own) = sample();
    let timeline = Timeline::new(&record, Some(&own), now());
    let svg = timeline.to_plain_svg(&Labels::ENGLISH);
    assert!(well_formed(&svg) && !svg.contains("style"), "{svg}");
    let patterns: BTreeSet<_> =
        timeline.bars.iter().map(|bar| (bar.css_class(), bar.pattern("x"))).collect();
    let distinct: BTreeSet<_> = timeline
        .bars
        .iter()
        .map(|bar| Bar { has_ended: false, ..bar.clone() }.pattern("x"))
        .collect();
    assert_eq!(distinct.len(), 6, "{patterns:?}");
    for bar in &timeline.bars {
        let id = HOST.replace('.', "-");
        assert!(svg.contains(&bar.pattern(&id)));
        if let Some((_, rest)) = bar.pattern(&id).split_once("url(#") {
            let name = rest.split(')').next().unwrap();
            assert!(svg.contains(&format!("<pattern id=\"{name}\"")), "{name}");
        }
    }
    assert_eq!(timeline.to_svg(&Labels::ENGLISH).replacen(STYLE, "", 1), svg);
}

#[test]
fn hostile_words_stay_words() {
    let (mut record, own) = sample();
    for known in &mut record.issuances {
        known.issuance.issuer = Issuer {
            name: String::new(),
            organisation: Some(
                "</text><script>alert(1)</script>\"'&\u{202e}\u{200b}\u{0}\u{fffe}]]>".into(),
            ),
        };
    }
    let evil = "<i>\"'&\u{1b}";
    let labels =
        Labels { title: evil, unknown: evil, now: evil, certificates: evil, ..Labels::ENGLISH };
    let timeline = Timeline::new(&record, Some(&own), now());
    let svg = timeline.to_svg(&labels);
    assert!(well_formed(&svg), "{svg}");
    assert!(!svg.contains("<script") && !svg.contains("<i>"));
    assert!(!svg.contains('\u{fffe}'), "no XML may hold it");
    for text in [svg, timeline.to_text(&Labels::ENGLISH)] {
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\0', '\u{1b}']));
    }
}

#[test]
fn the_newest_and_all_alarms_have_room() {
    let (mut record, _) = sample();
    let find = |class| {
        record
            .issuances
            .iter()
            .find(|known| known.class == class && known.acknowledged.is_none())
            .unwrap()
            .clone()
    };
    let (yours, alarm) = (find(Class::Yours), find(Class::Unknown));
    record.issuances.clear();
    for n in 0..200_u32 {
        for (of, first) in [(&yours, 0), (&alarm, 1000)] {
            let mut known = of.clone();
            known.issuance.not_before = now().minus(DAY * (n + first));
            known.issuance.not_after = days(60);
            record.issuances.push(known);
        }
    }
    let timeline = Timeline::new(&record, None, now());
    let alarms = timeline.bars.iter().filter(|bar| bar.is_alarm).count();
    assert_eq!(
        (timeline.bars.len(), alarms, timeline.left_out),
        (MAX_ROWS + MAX_ALARMS, MAX_ALARMS, 300)
    );
    assert_eq!(timeline.bars[0].from, now());
    let svg = timeline.to_svg(&Labels::ENGLISH);
    assert!(
        well_formed(&svg) && svg.contains("300 more are not shown") && svg.len() < 120_000,
        "{}",
        svg.len()
    );
}

#[test]
fn nothing_is_shown_as_nothing() {
    let record = WatchRecord::new(HOST.parse().unwrap(), now());
    let timeline = Timeline::new(&record, None, now());
    assert!(well_formed(&timeline.to_svg(&Labels::ENGLISH)));
    assert_eq!(
        timeline.to_text(&Labels::ENGLISH),
        format!("Certificates for {HOST}\nNone is known.\n")
    );
    assert!(timeline.from < timeline.to);
}
