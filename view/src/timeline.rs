//! The picture of the certificates for a name, and the same as a table.

use doorlight::issuances::timeline::{Bar, Labels, Timeline};
use doorlight::text::printable;

use crate::dom::{self, Part, folded, part};
use crate::{clock, words};

/// The words of the picture in the user's language.
struct Words {
    title: String,
    certificates: String,
    alarms: String,
    empty: String,
    now: String,
    yours: String,
    yours_by_history: String,
    expected_renewal: String,
    unknown: String,
    open: String,
    acknowledged: String,
    on_the_line: String,
    renewal: String,
    ended: String,
    left_out: String,
    heads: [String; 6],
}

impl Words {
    fn new() -> Self {
        let word = |key: &str| words::word(&format!("timeline_{key}"));
        Self {
            title: word("title"),
            certificates: word("certificates"),
            alarms: word("alarms"),
            empty: word("empty"),
            now: word("now"),
            yours: word("yours"),
            yours_by_history: word("history"),
            expected_renewal: word("expected"),
            unknown: word("unknown"),
            open: word("open"),
            acknowledged: word("acknowledged"),
            on_the_line: word("on_the_line"),
            renewal: word("renewal"),
            ended: word("ended"),
            left_out: word("left_out"),
            heads: ["whose", "from", "to", "issuer", "serial", "remarks"]
                .map(|head| word(&format!("head_{head}"))),
        }
    }

    fn labels(&self) -> Labels<'_> {
        Labels {
            title: &self.title,
            certificates: &self.certificates,
            alarms: &self.alarms,
            empty: &self.empty,
            now: &self.now,
            yours: &self.yours,
            yours_by_history: &self.yours_by_history,
            expected_renewal: &self.expected_renewal,
            unknown: &self.unknown,
            open: &self.open,
            acknowledged: &self.acknowledged,
            on_the_line: &self.on_the_line,
            renewal: &self.renewal,
            ended: &self.ended,
            left_out: &self.left_out,
            heads: self.heads.each_ref().map(String::as_str),
        }
    }
}

/// The picture.
pub fn picture(timeline: &Timeline) -> Part {
    part("div")
        .class("timeline")
        .child(dom::drawing(&timeline.to_plain_svg(&Words::new().labels())))
}

/// All that is in the picture as a table, folded; `id` keeps it open when the page is filled again.
pub fn table(timeline: &Timeline, id: &str) -> Option<Part> {
    if timeline.bars.is_empty() {
        return None;
    }
    let words = Words::new();
    let labels = words.labels();
    let head = part("tr")
        .children(labels.heads.iter().map(|head| part("th").attr("scope", "col").text(head)));
    let cell = |text: &str| part("td").text(text);
    let row = |bar: &Bar| {
        let whose = part("th")
            .attr("scope", "row")
            .child(part("code").attr("aria-hidden", "true").text(bar.sign()))
            .then(" ")
            .then(labels.class(bar));
        part("tr")
            .child(whose)
            .child(part("td").child(clock::time(bar.from, &clock::short_day(bar.from))))
            .child(part("td").child(clock::time(bar.to, &clock::short_day(bar.to))))
            .child(part("td").child(part("bdi").text(&printable(&bar.issuer))))
            .child(part("td").child(part("code").text(&printable(&bar.serial))))
            .child(cell(&labels.remarks(bar)))
    };
    let name = format!("{} {}", labels.title, timeline.host);
    let table = part("table")
        .child(part("caption").class("unseen").text(&name))
        .child(part("thead").child(head))
        .child(part("tbody").children(timeline.bars.iter().map(row)));
    // Wider than a telephone: it scrolls by itself, by keyboard too.
    let frame = part("div")
        .class("wide")
        .attr("role", "region")
        .attr("aria-label", &name)
        .attr("tabindex", "0")
        .child(table);
    Some(folded(&words::word("timeline_table"), [frame]).attr("id", id))
}
