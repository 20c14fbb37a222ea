//! The picture of a watch: the certificates for a name in the order of time, whose they are, the
//! renewals, the alarms.
//!
//! [`Timeline`] is the data; [`Timeline::to_svg`] and [`Timeline::to_text`] draw it, for pages,
//! files and the command line alike. One row for each certificate, the newest first. No colour
//! carries meaning alone: each class has its own sign, its own words and its own pattern, and the
//! text has all that the picture has. Colours come from the custom properties `--doorlight-ink`,
//! `--doorlight-paper` and `--doorlight-alarm` of the page around it; alone, the picture follows
//! the light or dark scheme of its reader.

use core::fmt::Write as _;
use serde::{Deserialize, Serialize};

use crate::address::Host;
use crate::issuances::issuance::Class;
use crate::issuances::watch::{Known, WatchRecord};
use crate::text::printable;
use crate::time::{DAY, Timestamp};
use crate::x509::certificate::Certificate;
use crate::x509::serial::Serial;

/// The most rows of a picture that are no alarms; the newest stay.
pub const MAX_ROWS: usize = 24;
/// The most alarms in a picture; the newest stay.
pub const MAX_ALARMS: usize = 76;

/// The longest name of an issuer in a row, in characters: what a telephone has room for.
const MAX_ISSUER: usize = 24;

/// One certificate in the picture.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bar {
    /// The name of the issuance.
    pub id: String,
    /// Its first moment.
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
    /// Its row, from 0 at the top.
    pub lane: usize,
    /// Whose it is.
    pub class: Class,
    /// True for an alarm that stands.
    pub is_alarm: bool,
    /// True for an unknown one that was acknowledged.
    pub is_acknowledged: bool,
    /// True for the certificate that is presented now.
    pub is_on_the_line: bool,
    /// True for one that follows another with the same key.
    pub is_renewal: bool,
    /// True for one that has expired or was revoked.
    pub has_ended: bool,
    /// Who issued it, safe to show.
    pub issuer: String,
    /// Its first serial number, safe to show; empty where none is known.
    pub serial: String,
}

/// The picture as data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Timeline {
    /// Whose name it is about.
    pub host: Host,
    /// The moment of the picture.
    pub now: Timestamp,
    /// Its left edge.
    pub from: Timestamp,
    /// Its right edge.
    pub to: Timestamp,
    /// The certificates, the newest first.
    pub bars: Vec<Bar>,
    /// How many had no room.
    pub left_out: usize,
}

/// The words of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Labels<'a> {
    /// Before the host's name.
    pub title: &'a str,
    /// What the picture shows, for those who do not see it; before the number of certificates.
    pub certificates: &'a str,
    /// Before the number of alarms.
    pub alarms: &'a str,
    /// Where there is none.
    pub empty: &'a str,
    /// The mark of this moment.
    pub now: &'a str,
    /// [`Class::Yours`].
    pub yours: &'a str,
    /// [`Class::YoursByHistory`].
    pub yours_by_history: &'a str,
    /// [`Class::ExpectedRenewal`].
    pub expected_renewal: &'a str,
    /// [`Class::Unknown`].
    pub unknown: &'a str,
    /// [`Class::Open`].
    pub open: &'a str,
    /// An unknown one that was acknowledged.
    pub acknowledged: &'a str,
    /// The certificate that is presented now.
    pub on_the_line: &'a str,
    /// A renewal.
    pub renewal: &'a str,
    /// One that has expired or was revoked.
    pub ended: &'a str,
    /// After the number of those that had no room.
    pub left_out: &'a str,
    /// Heads of the table: whose, from, to, issuer, serial number, remarks.
    pub heads: [&'a str; 6],
}

impl Labels<'static> {
    /// In English.
    pub const ENGLISH: Self = Self {
        title: "Certificates for",
        certificates: "certificates",
        alarms: "alarms",
        empty: "None is known.",
        now: "now",
        yours: "yours",
        yours_by_history: "yours, seen before",
        expected_renewal: "renewal, key not known",
        unknown: "NOT YOURS",
        open: "key not known",
        acknowledged: "acknowledged",
        on_the_line: "in use now",
        renewal: "renewal",
        ended: "ended",
        left_out: "more are not shown",
        heads: ["whose", "from", "to", "issuer", "serial number", "remarks"],
    };
}

impl Labels<'_> {
    /// Whose a certificate is, in words.
    pub fn class(&self, bar: &Bar) -> &str {
        match bar.class {
            Class::Unknown if bar.is_acknowledged => self.acknowledged,
            Class::Yours => self.yours,
            Class::YoursByHistory => self.yours_by_history,
            Class::ExpectedRenewal => self.expected_renewal,
            Class::Unknown => self.unknown,
            Class::Open => self.open,
        }
    }

    /// What else there is to say of it; empty where there is nothing.
    pub fn remarks(&self, bar: &Bar) -> String {
        let all = [
            (bar.is_on_the_line, self.on_the_line),
            (bar.is_renewal, self.renewal),
            (bar.has_ended, self.ended),
        ];
        let said: Vec<_> =
            all.iter().filter(|(is_so, _)| *is_so).map(|(_, label)| *label).collect();
        said.join(", ")
    }
}

impl Bar {
    /// A sign for each class, all of ASCII, so that every font and terminal has it.
    pub fn sign(&self) -> &'static str {
        match self.class {
            Class::Unknown if self.is_acknowledged => "(!)",
            Class::Yours => "+",
            Class::YoursByHistory => "=",
            Class::ExpectedRenewal => "~",
            Class::Unknown => "!",
            Class::Open => "?",
        }
    }

    /// Patterns tell the classes apart: filled, half filled, dashed, hatched, dotted. What has
    /// ended is pale.
    fn pattern(&self, id: &str) -> String {
        let class = self.css_class();
        let pattern = match class {
            "yours" => r#"fill="currentColor""#.to_owned(),
            "history" => r#"fill="currentColor" fill-opacity=".35""#.to_owned(),
            "expected" => r#"fill="none" stroke-dasharray="6 3""#.to_owned(),
            "open" => r#"fill="none" stroke-dasharray="1 3""#.to_owned(),
            "unknown" => format!(r#"fill="url(#doorlight-unknown-{id})" stroke-width="2""#),
            _ => format!(r#"fill="url(#doorlight-{class}-{id})""#),
        };
        if self.has_ended { format!(r#"{pattern} opacity=".5""#) } else { pattern }
    }

    fn css_class(&self) -> &'static str {
        match self.class {
            Class::Unknown if self.is_acknowledged => "acknowledged",
            Class::Yours => "yours",
            Class::YoursByHistory => "history",
            Class::ExpectedRenewal => "expected",
            Class::Unknown => "unknown",
            Class::Open => "open",
        }
    }
}

impl Timeline {
    /// The picture of a watch at `now`, while `presented` is on the line.
    pub fn new(record: &WatchRecord, presented: Option<&Certificate>, now: Timestamp) -> Self {
        let mut known: Vec<&Known> = record.issuances.iter().collect();
        known.sort_by_cached_key(|known| {
            core::cmp::Reverse((known.issuance.not_before, known.id()))
        });
        let (mut rows, mut alarms) = (0, 0);
        let kept: Vec<&Known> = known
            .iter()
            .copied()
            .filter(|known| {
                let (count, limit) = if known.is_alarming(now) {
                    (&mut alarms, MAX_ALARMS)
                } else {
                    (&mut rows, MAX_ROWS)
                };
                *count += 1;
                *count <= limit
            })
            .collect();
        let mut oldest = std::collections::BTreeMap::new();
        for one in known.iter().rev() {
            if let Some(key) = one.issuance.spki_sha256 {
                oldest.entry(key).or_insert(one.issuance.not_before);
            }
        }
        let bar = |(lane, known): (usize, &&Known)| {
            let issuance = &known.issuance;
            let first = issuance.spki_sha256.and_then(|key| oldest.get(&key));
            Bar {
                id: known.id(),
                from: issuance.not_before,
                to: issuance.not_after,
                lane,
                class: known.class,
                is_alarm: known.is_alarming(now),
                is_acknowledged: known.class == Class::Unknown && known.acknowledged.is_some(),
                is_on_the_line: presented.is_some_and(|leaf| is_of(known, leaf)),
                is_renewal: first.is_some_and(|first| *first < issuance.not_before),
                has_ended: issuance.has_ended(now),
                issuer: printable(
                    issuance.issuer.organisation.as_ref().unwrap_or(&issuance.issuer.name),
                ),
                serial: issuance.serials.first().map(ToString::to_string).unwrap_or_default(),
            }
        };
        let bars: Vec<Bar> = kept.iter().enumerate().map(bar).collect();
        let from = bars.iter().map(|bar| bar.from).min().unwrap_or(now).min(now.minus(DAY));
        let to = bars.iter().map(|bar| bar.to).max().unwrap_or(now).max(now.plus(DAY));
        Self {
            host: record.address.host.clone(),
            now,
            from,
            to,
            left_out: known.len() - bars.len(),
            bars,
        }
    }

    /// The picture in SVG, with its own style: alone in a file, or in a page that lets it in.
    pub fn to_svg(&self, labels: &Labels<'_>) -> String {
        self.svg(labels, STYLE)
    }

    /// The same without style, for a page whose policy (`style-src 'self'`) lets none in. What
    /// tells the classes apart are attributes, so it is whole all the same; colours and fonts are
    /// the page's, by the same classes.
    pub fn to_plain_svg(&self, labels: &Labels<'_>) -> String {
        self.svg(labels, "")
    }

    fn svg(&self, labels: &Labels<'_>, style: &str) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write_svg(&mut out, labels, style);
        out
    }

    fn write_svg(&self, out: &mut String, labels: &Labels<'_>, style: &str) -> core::fmt::Result {
        let rows = u64::try_from(self.bars.len()).unwrap_or(0);
        let bottom = HEAD + rows.max(1) * ROW;
        let height = bottom + FOOT;
        let title = format!("{} {}", labels.title, self.host);
        // A page may hold a picture for each address.
        let id = self.host.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let alarms = self.bars.iter().filter(|bar| bar.is_alarm).count();
        let mut about =
            format!("{}: {}; {}: {alarms}.", labels.certificates, self.bars.len(), labels.alarms);
        for bar in &self.bars {
            let _ = write!(about, " {}.", self.in_words(bar, labels));
        }
        writeln!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="doorlight-timeline" viewBox="0 0 {WIDTH} {height}" width="100%" role="img" aria-labelledby="doorlight-title-{id} doorlight-about-{id}">"#
        )?;
        writeln!(out, r#"<title id="doorlight-title-{id}">{}</title>"#, escape(&title))?;
        writeln!(out, r#"<desc id="doorlight-about-{id}">{}</desc>"#, escape(&about))?;
        out.push_str(style);
        // A pattern does not take the colour of what it fills, so there is one for each.
        for class in ["unknown", "acknowledged"] {
            writeln!(
                out,
                r#"<defs class="{class}"><pattern id="doorlight-{class}-{id}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V6" stroke="currentColor" stroke-width="4"/></pattern></defs>"#
            )?;
        }
        writeln!(out, r#"<text class="head" x="4" y="13">{}</text>"#, escape(&cut(&title, 46)))?;
        if self.bars.is_empty() {
            writeln!(out, r#"<text x="4" y="{}">{}</text>"#, HEAD + 14, escape(labels.empty))?;
        }
        // Behind the words.
        let x = self.x(self.now);
        writeln!(
            out,
            r#"<path class="now" d="M{x} {HEAD}V{bottom}" stroke="currentColor" stroke-opacity=".6" stroke-dasharray="2 3"/>"#
        )?;
        for (row, bar) in (0_u64..).zip(&self.bars) {
            let top = HEAD + row * ROW;
            let (left, right) = (self.x(bar.from), self.x(bar.to));
            let width = right.saturating_sub(left).max(3);
            let class = bar.css_class();
            let ended = if bar.has_ended { " ended" } else { "" };
            writeln!(
                out,
                r#"<g class="{class}{ended}"><title>{}</title>"#,
                escape(&self.in_words(bar, labels))
            )?;
            let line = format!("{} {}", bar.sign(), labels.class(bar));
            let remarks = labels.remarks(bar);
            let line = if remarks.is_empty() { line } else { format!("{line}, {remarks}") };
            writeln!(
                out,
                r#"<text class="whose" x="4" y="{}">{}</text>"#,
                top + 11,
                escape(&cut(&line, 52))
            )?;
            let line =
                format!("{} – {} · {}", day(bar.from), day(bar.to), cut(&bar.issuer, MAX_ISSUER));
            writeln!(out, r#"<text class="when" x="4" y="{}">{}</text>"#, top + 23, escape(&line))?;
            writeln!(
                out,
                r#"<rect class="bar" x="{left}" y="{}" width="{width}" height="10" rx="2" stroke="currentColor" {}/>"#,
                top + 28,
                bar.pattern(&id)
            )?;
            if bar.is_on_the_line {
                writeln!(
                    out,
                    r#"<path class="mark" d="M{left} {}h{width}" stroke="currentColor" stroke-width="2"/>"#,
                    top + 41
                )?;
            }
            out.push_str("</g>\n");
        }
        let y = bottom + 12;
        // The word stands where its line ends, as far as there is room between the dates at the
        // edges.
        let middle = x.clamp(104, WIDTH - 104);
        writeln!(out, r#"<text x="4" y="{y}">{}</text>"#, day(self.from))?;
        writeln!(
            out,
            r#"<text x="{middle}" y="{y}" text-anchor="middle">{}</text>"#,
            escape(labels.now)
        )?;
        writeln!(
            out,
            r#"<text x="{}" y="{y}" text-anchor="end">{}</text>"#,
            WIDTH - 4,
            day(self.to)
        )?;
        if self.left_out > 0 {
            writeln!(
                out,
                r#"<text x="4" y="{}">{} {}</text>"#,
                y + 14,
                self.left_out,
                escape(labels.left_out)
            )?;
        }
        out.push_str("</svg>\n");
        Ok(())
    }

    /// The picture as a table, for terminals and for those who do not see it.
    pub fn to_text(&self, labels: &Labels<'_>) -> String {
        let mut out = format!("{} {}\n", labels.title, self.host);
        if self.bars.is_empty() {
            return out + labels.empty + "\n";
        }
        let mut table = vec![labels.heads.map(|head| format!("  {head}"))];
        let [first, ..] = labels.heads;
        if let Some([head, ..]) = table.first_mut() {
            *head = format!("    {first}");
        }
        for bar in &self.bars {
            table.push([
                format!("{:<3} {}", bar.sign(), labels.class(bar)),
                format!("  {}", day(bar.from)),
                format!("  {}", day(bar.to)),
                format!("  {}", bar.issuer),
                format!("  {}", bar.serial),
                format!("  {}", labels.remarks(bar)),
            ]);
        }
        let mut widths = [0; 6];
        for row in &table {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &table {
            let line: String =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            out += line.trim_end();
            out.push('\n');
        }
        if self.left_out > 0 {
            out += &format!("{} {}\n", self.left_out, labels.left_out);
        }
        out
    }

    fn in_words(&self, bar: &Bar, labels: &Labels<'_>) -> String {
        let mut parts = vec![
            labels.class(bar).to_owned(),
            format!("{} – {}", day(bar.from), day(bar.to)),
            bar.issuer.clone(),
            bar.serial.clone(),
            labels.remarks(bar),
        ];
        parts.retain(|part| !part.is_empty());
        parts.join(", ")
    }

    /// Where a moment lies between the edges.
    fn x(&self, at: Timestamp) -> u64 {
        let whole = self.to.since(self.from).as_secs().max(1);
        let part = at.since(self.from).as_secs().min(whole);
        4 + part.saturating_mul(WIDTH - 8) / whole
    }
}

/// In the units of the picture, which are the pixels of a narrow telephone.
const WIDTH: u64 = 320;
const HEAD: u64 = 20;
const ROW: u64 = 46;
const FOOT: u64 = 32;

/// Colours and fonts where no page gives them.
const STYLE: &str = r"<style>
.doorlight-timeline{--ink:var(--doorlight-ink,#1c1b1f);--paper:var(--doorlight-paper,#fff);--alarm:var(--doorlight-alarm,#b3261e);color:var(--ink);background:var(--paper);font:11px system-ui,sans-serif;max-width:40rem}
@media (prefers-color-scheme:dark){.doorlight-timeline{--ink:var(--doorlight-ink,#e6e1e5);--paper:var(--doorlight-paper,#1c1b1f);--alarm:var(--doorlight-alarm,#f2b8b5)}}
.doorlight-timeline text{fill:currentColor;stroke:var(--paper);stroke-width:3px;paint-order:stroke}
.doorlight-timeline .head{font-size:13px;font-weight:600}
.doorlight-timeline .whose{font-weight:600}
.doorlight-timeline .when{font-size:10px}
.doorlight-timeline .unknown{color:var(--alarm)}
</style>
";

fn is_of(known: &Known, leaf: &Certificate) -> bool {
    let issuance = &known.issuance;
    let has_serial = || Serial::of(leaf).is_some_and(|serial| issuance.serials.contains(&serial));
    let is_same_time =
        (issuance.not_before, issuance.not_after) == (leaf.not_before(), leaf.not_after());
    match issuance.spki_sha256 {
        Some(key) => is_same_time && key == leaf.spki_sha256(),
        None => is_same_time && has_serial(),
    }
}

/// The date without the time.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take_while(|c| *c != 'T').collect()
}

fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(core::iter::once('…')).collect()
}

/// Text for XML: no character of it can end the text or an attribute, or make the whole unreadable.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML 1.0 at all.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
