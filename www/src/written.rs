//! A report that was handed in: what somebody wrote, shown as that. Its light is never this page's
//! light.

use doorlight::verdict::Verdict;
use doorlight::verdict::report::Report;
use doorlight_view::dom::{Part, folded, paragraph, part};
use doorlight_view::{certificate, clock, findings, sign, words};

/// The section.
pub fn section(report: &Report, has_certificates: bool) -> Part {
    let light = match report.verdict {
        Verdict::Trusted => "trusted",
        Verdict::Attention => "attention",
        Verdict::Danger => "danger",
        Verdict::Unchecked => "unchecked",
    };
    let heading = part("h2")
        .attr("id", "written")
        .attr("tabindex", "-1")
        .text(&words::word("www_written_title"));
    let address = doorlight::address::Address { host: report.host.clone(), port: report.port };
    let says = words::with(
        "www_written_says",
        &[&sign::word(light), &address.to_string(), &clock::moment(report.at)],
    );
    let key = if has_certificates { "www_written_again" } else { "www_written_alone" };
    let mut inside = vec![findings::list(&report.evidence)];
    if let Some(certificate) = &report.certificate {
        inside.push(certificate::details(certificate));
        inside.extend(certificate::logs(&report.scts));
    }
    part("section")
        .class("card written")
        .attr("aria-labelledby", "written")
        .child(heading)
        .child(paragraph(&says))
        .child(paragraph(&certificate::seen(report.seen)).class("hint"))
        .child(paragraph(&words::word(key)).class("note"))
        .child(folded(&words::word("www_written_findings"), inside).attr("id", "written-findings"))
}
