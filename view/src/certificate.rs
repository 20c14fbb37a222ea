//! The certificate: who issued it, until when, and its fingerprints in a form that can be compared
//! and copied.

use doorlight::text::printable;
use doorlight::verdict::observation::Seen;
use doorlight::verdict::report::{CertificateReport, SctReport, SctSignature};

use crate::button::{Look, button};
use crate::dom::{Part, folded, part};
use crate::{browser, clock, said, words};

/// The most names that are shown.
const MAX_NAMES: usize = 8;

/// All that is shown of a certificate.
pub fn details(certificate: &CertificateReport) -> Part {
    let mut names: Vec<_> =
        certificate.names.iter().take(MAX_NAMES).map(|name| printable(name)).collect();
    if certificate.names.len() > names.len() {
        names.push("…".into());
    }
    part("dl")
        .class("certificate")
        .child(pair(&words::word("certificate_issuer"), part("bdi").text(&issuer(certificate))))
        .child(pair(
            &words::word("certificate_until"),
            clock::time(certificate.not_after, &clock::day(certificate.not_after)),
        ))
        .child(pair(&words::word("certificate_names"), part("bdi").text(&names.join(", "))))
        .children(fingerprints(certificate))
        .child(copyable(&words::word("certificate_pin"), &certificate.spki_sha256.to_string()))
        .child(pair(
            &words::word("certificate_key"),
            part("span").text(&printable(&certificate.key)),
        ))
}

/// The two fingerprints: the form that Home Assistant shows first.
pub fn fingerprints(certificate: &CertificateReport) -> [Part; 2] {
    [
        copyable(&words::word("certificate_sha1"), &certificate.sha1.to_string()),
        copyable(&words::word("certificate_sha256"), &certificate.sha256.to_string()),
    ]
}

fn issuer(certificate: &CertificateReport) -> String {
    printable(&certificate.issuer)
}

/// A name and its value, for a list of them.
pub fn pair(name: &str, value: Part) -> Part {
    part("div").child(part("dt").text(name)).child(part("dd").child(value))
}

/// Hex digits in groups of four for the eye; what is copied has no gaps.
pub fn copyable(name: &str, digits: &str) -> Part {
    let groups =
        digits.as_bytes().chunks(4).map(|group| part("span").text(&String::from_utf8_lossy(group)));
    let value = part("span")
        .class("digits")
        .child(part("code").children(groups))
        .child(copy_button(name, digits));
    pair(name, value)
}

/// Text as it is, of one line or more, with a button that copies it.
pub fn copyable_text(name: &str, text: &str) -> Part {
    let shown = part("code").class("text").text(text);
    pair(name, part("span").class("digits").child(shown).child(copy_button(name, text)))
}

fn copy_button(name: &str, text: &str) -> Part {
    let copied = text.to_owned();
    let copy = button(&words::word("copy"), Look::Plain, move || {
        let text = copied.clone();
        async move {
            match browser::copy(&text).await {
                Ok(()) => said::say_briefly(&words::word("copied")),
                Err(_) => said::say(&words::word("not_copied")),
            }
        }
    });
    copy.attr("aria-label", &words::with("copy_what", &[name]))
}

/// How the certificate was seen, as a sentence.
pub fn seen(seen: Seen) -> String {
    words::word(match seen {
        Seen::ThisConnection => "seen_this_connection",
        Seen::OwnProbe => "seen_own_probe",
        Seen::File => "seen_file",
    })
}

/// The logs' promises, folded; nothing where there are none.
pub fn logs(scts: &[SctReport]) -> Option<Part> {
    let line = |sct: &SctReport| {
        let name = printable(sct.log.as_deref().unwrap_or_default());
        let name = if name.is_empty() { words::word("log_unknown") } else { name };
        let signature = words::word(match sct.signature {
            SctSignature::Valid => "log_valid",
            SctSignature::Invalid => "log_forged",
            SctSignature::UnknownLog => "log_key_unknown",
            SctSignature::NotChecked => "log_not_checked",
        });
        part("li")
            .child(part("bdi").text(&name))
            .then(" · ")
            .child(clock::time(sct.timestamp, &clock::day(sct.timestamp)))
            .then(" · ")
            .then(&signature)
    };
    if scts.is_empty() {
        return None;
    }
    Some(folded(
        &words::word("logs_title"),
        [part("ul").class("logs").children(scts.iter().map(line))],
    ))
}
