//! The one sentence: what was found, and why that matters, for people who never heard of
//! certificates.

use doorlight::time::Timestamp;
use doorlight::verdict::evidence::{Check, Code, Evidence, Outcome};
use doorlight::verdict::findings::Finding;
use doorlight::verdict::report::Report;

use crate::clock;
use crate::dom::{Part, paragraph, part};
use crate::words::{self, Translated};

/// What stands at the top of a page that says no, or asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// A few words.
    pub title: String,
    /// Why, in a sentence or two.
    pub text: String,
}

/// The evidence that decided.
pub fn deciding(report: &Report) -> impl Iterator<Item = &Evidence> {
    report.evidence.iter().filter(|one| report.decided_by.contains(&one.code))
}

/// True where nothing but the key speaks against the connection: a home that was set up anew looks
/// like that too.
pub fn is_only_the_key(report: &Report) -> bool {
    let fails = || report.evidence.iter().filter(|one| one.outcome == Outcome::Fail);
    fails().count() > 0 && fails().all(|one| one.check == Check::Pin)
}

/// True where nothing is wrong with the connection, but the home runs a version that is not to be
/// reached from outside.
pub fn is_only_the_version(report: &Report) -> bool {
    let mut fails = report.evidence.iter().filter(|one| one.outcome == Outcome::Fail).peekable();
    fails.peek().is_some() && fails.all(|one| one.check == Check::HomeVersion)
}

/// Why a connection is dangerous. Where several things are wrong, the one that explains most.
pub fn of_danger(report: &Report) -> Reason {
    let fails = |code: Code| report.evidence.iter().any(|one| one.code == code);
    let any = |codes: &[Code]| codes.iter().any(|code| fails(*code));
    let kind = if fails(Code::TransportLookAlike) {
        "look_alike"
    } else if fails(Code::TransportPlain) {
        "plain"
    } else if fails(Code::PossessionUnproven) {
        "thief"
    } else if any(&[Code::PathPrivateRoot, Code::PathUnknownIssuer, Code::PathSelfSigned]) {
        "between"
    } else if any(&[Code::SctInvalid, Code::SctMalformed, Code::PathBadSignature]) {
        "forged"
    } else if fails(Code::NameMismatch) {
        "name"
    } else if fails(Code::PinFingerprintMismatch) {
        "fingerprint"
    } else if fails(Code::HomeOtherCertificate) {
        "home"
    } else if any(&[Code::PinNewKey, Code::PinNewKeyUnexplained]) {
        "key"
    } else if fails(Code::BrowserOverride) {
        "override"
    } else if fails(Code::ValidityExpired) {
        "expired"
    } else if is_only_the_version(report) {
        "version"
    } else {
        return of_finding(
            "danger_other_title",
            report.evidence.iter().find(|one| one.outcome == Outcome::Fail),
        );
    };
    // A word from weeks ago is not told as one of now.
    let told = report
        .evidence
        .iter()
        .find(|one| one.code == Code::HomeOtherCertificate)
        .and_then(last_told);
    Reason {
        title: words::word(&format!("danger_{kind}_title")),
        text: words::with(
            &format!("danger_{kind}_text"),
            &[&told.map_or_else(String::new, clock::ago)],
        ),
    }
}

fn last_told(evidence: &Evidence) -> Option<Timestamp> {
    evidence.detail.get("last_told")?.as_str()?.parse().ok()
}

/// What the user is asked to look at.
pub fn of_attention(report: &Report) -> Reason {
    let has = |code: Code| report.decided_by.contains(&code);
    let kind = if has(Code::PinFirstSight) {
        "first"
    } else if has(Code::PinRenewalDue) {
        "renewal"
    } else if has(Code::IssuancesUnknown) {
        "issuance"
    } else {
        return of_finding("attention_other_title", deciding(report).next());
    };
    Reason {
        title: words::word(&format!("attention_{kind}_title")),
        text: words::word(&format!("attention_{kind}_text")),
    }
}

/// Why it could not be told.
pub fn of_unchecked(report: Option<&Report>) -> Reason {
    match report.and_then(|report| deciding(report).next()) {
        Some(finding) => of_finding("unchecked_title", Some(finding)),
        None => {
            Reason { title: words::word("unchecked_title"), text: words::word("unchecked_text") }
        }
    }
}

fn of_finding(title: &str, finding: Option<&Evidence>) -> Reason {
    let text = finding
        .map(|one| format!("{} {}", words::finding(one), Finding::new(one, &Translated).meaning));
    Reason { title: words::word(title), text: text.unwrap_or_default() }
}

/// The findings that decided, as a list of short sentences.
pub fn found(report: &Report) -> Part {
    let items = deciding(report).map(|one| part("li").text(&words::finding(one)));
    part("ul").class("found").children(items)
}

/// What to do about the first finding that decided.
pub fn advice(report: &Report) -> Option<Part> {
    deciding(report).next().map(|one| paragraph(&Finding::new(one, &Translated).action))
}
