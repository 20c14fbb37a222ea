//! The report: the same facts as text for people and as JSON for programs.
//!
//! The JSON is documented in `docs/report.md`. [`SCHEMA`] rises when a field changes its meaning or
//! goes; new fields may come at any time.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use crate::address::{Address, Host};
use crate::ct::log_list::Log;
use crate::ct::publication::{History, Kept, PublicationReport};
use crate::ct::sct::Sct;
use crate::text::printable;
use crate::time::Timestamp;
use crate::verdict::evidence::{Check, Code, Evidence};
use crate::verdict::findings::{English, Finding, Particular, Weight};
use crate::verdict::observation::{Observation, Seen};
use crate::verdict::required;
use crate::verdict::{Verdict, deciding, verdict};
use crate::versioned::{Field, Format, from_unreadable};
use crate::x509::certificate::Certificate;
use crate::x509::fingerprint::{CertificateSha1, CertificateSha256, SpkiSha256};
use crate::x509::name::SubjectName;

/// The version of the JSON that is written.
pub const SCHEMA: u32 = 1;
/// The largest report that is read, in bytes.
pub const MAX_REPORT: usize = 4 << 20;
const FORMAT: Format =
    Format { field: Field::Schema, kind: None, newest: SCHEMA, max_bytes: MAX_REPORT };

/// The report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Over [`MAX_REPORT`].
    #[error("larger than {MAX_REPORT} bytes: not a report")]
    TooLarge,
    /// Not JSON of this form.
    #[error("not a report: {reason}")]
    Malformed {
        /// What the JSON reader objected to.
        reason: String,
    },
    /// From a version that is newer than this one.
    #[error(
        "written by a newer version of Doorlight (schema {schema}; this version reads {SCHEMA})"
    )]
    NewerSchema {
        /// The schema it names.
        schema: u32,
    },
}

from_unreadable!(ReportError, NewerSchema { schema });

/// What was found about one certificate at one time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The host that was asked for.
    pub host: Host,
    /// The port that was asked for.
    pub port: u16,
    /// The time of the check.
    pub at: Timestamp,
    /// How the certificate came to be seen.
    pub seen: Seen,
    /// The light.
    pub verdict: Verdict,
    /// The codes that decided it.
    pub decided_by: Vec<Code>,
    /// The certificate; `None` where none could be read.
    pub certificate: Option<CertificateReport>,
    /// All findings.
    pub evidence: Vec<Evidence>,
    /// The logs' promises in the certificate.
    pub scts: Vec<SctReport>,
    /// What became of them, promise by promise; empty where the logs were not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publication: Vec<PublicationReport>,
}

/// What later looks add to a report: at the logs, at the monitors, at the home. It is kept beside
/// the report, so that a newer look takes the place of an older one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Added {
    /// What they found.
    pub evidence: Vec<Evidence>,
    /// What became of the logs' promises, one by one.
    pub publication: Vec<PublicationReport>,
    /// The checks that the examination was asked for beside its own.
    pub also_required: Vec<Check>,
}

/// The certificate in brief.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CertificateReport {
    /// SHA-256 of the certificate.
    pub sha256: CertificateSha256,
    /// SHA-1 of the certificate, the form that Home Assistant shows.
    pub sha1: CertificateSha1,
    /// SHA-256 of the SubjectPublicKeyInfo: the pin.
    pub spki_sha256: SpkiSha256,
    /// Whom it is about.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its serial number in hex.
    pub serial: String,
    /// Kind and size of the key.
    pub key: String,
    /// Its first moment.
    pub not_before: Timestamp,
    /// Its last moment.
    pub not_after: Timestamp,
    /// The DNS names and IP addresses it is for.
    pub names: Vec<String>,
}

/// What became of an SCT's signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SctSignature {
    /// Genuine.
    Valid,
    /// Forged, or over something else.
    Invalid,
    /// Nobody knows the log's key.
    UnknownLog,
    /// The issuer is missing.
    NotChecked,
}

/// One SCT.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SctReport {
    /// The log's ID in base64.
    pub log_id: String,
    /// The log's name.
    pub log: Option<String>,
    /// Who ran the log at the moment of the SCT.
    pub operator: Option<String>,
    /// The log's state as the judging list has it, `unlisted` where only another list knows the
    /// log.
    pub state: Option<String>,
    /// Since when it has that state.
    pub state_since: Option<Timestamp>,
    /// The moment of the SCT.
    pub timestamp: Timestamp,
    /// The entry's position in a log of static-ct-api.
    pub leaf_index: Option<u64>,
    /// What became of its signature.
    pub signature: SctSignature,
}

impl SctReport {
    pub(crate) fn new(sct: &Sct, log: Option<(&Log, bool)>, signature: SctSignature) -> Self {
        let (state, state_since) = match log {
            Some((log, true)) => (
                log.state.map(|state| state.kind.as_str().to_owned()),
                log.state.map(|state| state.since),
            ),
            Some((_, false)) => (Some("unlisted".to_owned()), None),
            None => (None, None),
        };
        Self {
            log_id: Base64::encode_string(&sct.log_id),
            log: log.map(|(log, _)| log.description.clone()),
            operator: log.map(|(log, _)| log.operator_at(sct.timestamp).to_owned()),
            state,
            state_since,
            timestamp: sct.timestamp,
            leaf_index: sct.leaf_index,
            signature,
        }
    }
}

impl CertificateReport {
    /// From a certificate.
    pub fn new(certificate: &Certificate) -> Self {
        let name = |name: &SubjectName| match name {
            SubjectName::Dns(name) => Some(name.clone()),
            SubjectName::Ip(ip) => Some(ip.to_string()),
            SubjectName::Other => None,
        };
        Self {
            sha256: certificate.sha256(),
            sha1: certificate.sha1(),
            spki_sha256: certificate.spki_sha256(),
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            serial: certificate.serial(),
            key: certificate.key().to_string(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            names: certificate.names().iter().filter_map(name).collect(),
        }
    }
}

impl Report {
    pub(crate) fn new(
        observation: &Observation,
        certificate: CertificateReport,
        evidence: Vec<Evidence>,
        scts: Vec<SctReport>,
        required: &[Check],
    ) -> Self {
        let address = &observation.address;
        Self {
            certificate: Some(certificate),
            scts,
            ..Self::bare(address, observation.at, observation.seen, evidence, required)
        }
    }

    pub(crate) fn without_certificate(
        address: &Address,
        at: Timestamp,
        seen: Seen,
        evidence: Evidence,
    ) -> Self {
        Self::bare(address, at, seen, vec![evidence], &[Check::Certificate])
    }

    fn bare(
        address: &Address,
        at: Timestamp,
        seen: Seen,
        evidence: Vec<Evidence>,
        required: &[Check],
    ) -> Self {
        Self {
            schema: SCHEMA,
            host: address.host.clone(),
            port: address.port,
            at,
            seen,
            verdict: verdict(&evidence, required),
            decided_by: deciding(&evidence, required).into_iter().map(|one| one.code).collect(),
            certificate: None,
            evidence,
            scts: Vec::new(),
            publication: Vec::new(),
        }
    }

    /// This report, as the examination made it, with what was found later; the verdict follows from
    /// both. Slow evidence only adds: what speaks against the certificate never goes away by it,
    /// and the light turns to Danger or grey at most, or from grey to what the fast evidence said.
    #[must_use]
    pub fn with(&self, added: &Added) -> Self {
        let mut whole = self.clone();
        whole.publication.clone_from(&added.publication);
        whole.evidence.extend_from_slice(&added.evidence);
        // With nothing added, and nothing asked for, the examination has decided.
        if !added.evidence.is_empty() || !added.also_required.is_empty() {
            whole.decide(&added.also_required);
        }
        whole
    }

    /// This report without what some checks found, and decided without it.
    #[must_use]
    pub fn without(&self, checks: &[Check]) -> Self {
        let mut rest = self.clone();
        rest.publication.clear();
        rest.evidence.retain(|one| !checks.contains(&one.check));
        rest.decide(&[]);
        rest
    }

    fn decide(&mut self, also_required: &[Check]) {
        let required = match self.certificate {
            Some(_) => required(self.seen, also_required),
            None => vec![Check::Certificate],
        };
        self.verdict = verdict(&self.evidence, &required);
        let decided_by = deciding(&self.evidence, &required);
        self.decided_by = decided_by.into_iter().map(|one| one.code).collect();
    }

    /// Reads a report that was exported. What it says is what somebody wrote into it: it is shown
    /// as such, never taken for a check.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn from_json(json: &[u8]) -> Result<Self, ReportError> {
        Ok(FORMAT.read(json)?)
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Serialising plain structs with text keys to a string does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For people: the light, why, the certificate, every finding. Safe to show, also where the
    /// report was read: whoever made it may have written anything into its strings.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write_text(&mut out);
        out
    }

    fn write_text(&self, out: &mut String) -> core::fmt::Result {
        let address = Address { host: self.host.clone(), port: self.port };
        writeln!(out, "{} {address}, {}", headline(self.verdict), self.at)?;
        let decided_by: BTreeSet<_> = self.decided_by.iter().collect();
        let decided = |one: &&Evidence| decided_by.contains(&one.code);
        for one in self.evidence.iter().filter(decided) {
            let Finding { sentence, action, .. } = Finding::new(one, &English);
            writeln!(out, "  {sentence}\n  What to do: {action}")?;
        }
        if let Some(certificate) = &self.certificate {
            writeln!(out, "\nCertificate ({})", seen_in_words(self.seen))?;
            writeln!(out, "  SHA-256   {}", certificate.sha256.with_colons())?;
            writeln!(out, "  SHA-1     {}   (the form Home Assistant shows)", certificate.sha1)?;
            writeln!(
                out,
                "  key pin   {}   {}",
                certificate.spki_sha256,
                printable(&certificate.key)
            )?;
            writeln!(out, "  issuer    {}", printable(&certificate.issuer))?;
            writeln!(out, "  valid     {} to {}", certificate.not_before, certificate.not_after)?;
            let mut names: Vec<_> =
                certificate.names.iter().take(8).map(|name| printable(name)).collect();
            if certificate.names.len() > names.len() {
                names.push("…".into());
            }
            writeln!(out, "  names     {}", names.join(", "))?;
        }
        if !self.scts.is_empty() {
            writeln!(out, "\nLogs named in it")?;
            for sct in &self.scts {
                let log = printable(sct.log.as_deref().unwrap_or("a log that nobody knows"));
                let operator = printable(sct.operator.as_deref().unwrap_or("unknown operator"));
                let state = printable(sct.state.as_deref().unwrap_or("state unknown"));
                let signature = match sct.signature {
                    SctSignature::Valid => "signature valid",
                    SctSignature::Invalid => "signature FORGED",
                    SctSignature::UnknownLog => "key unknown",
                    SctSignature::NotChecked => "signature not checked",
                };
                writeln!(out, "  {}  {log} ({operator}, {state}): {signature}", sct.timestamp)?;
            }
        }
        if !self.publication.is_empty() {
            writeln!(out, "\nWhat the logs were asked")?;
            for one in &self.publication {
                let inclusion = match one.inclusion {
                    Kept::Proven => "published",
                    Kept::Pending => "not published yet",
                    Kept::Missing => "NOT PUBLISHED",
                    Kept::NotChecked => "not checked",
                };
                let consistency = match one.consistency {
                    History::Proven => "same history as before",
                    History::FirstSight => "first seen",
                    History::Contradiction => "TWO HISTORIES",
                    History::NotChecked => "history not checked",
                };
                writeln!(
                    out,
                    "  {} ({}): {inclusion}, {consistency}",
                    printable(&one.log),
                    printable(&one.operator)
                )?;
            }
        }
        writeln!(out, "\nFindings")?;
        for one in &self.evidence {
            let Finding { weight, code, sentence, particulars, .. } = Finding::new(one, &English);
            writeln!(out, "  {} {:<11} {sentence} [{code}]", weight.ascii(), one.check.as_str())?;
            for Particular { name, lines } in particulars.iter().filter(|_| weight != Weight::Pass)
            {
                match lines.as_slice() {
                    [line] => writeln!(out, "                {name}: {line}")?,
                    // Things with particulars of their own: a line for each.
                    lines => {
                        writeln!(out, "                {name}:")?;
                        for line in lines {
                            writeln!(out, "                  - {line}")?;
                        }
                    }
                }
            }
        }
        // Nothing else of a green report asks for anything, and this would be passed over.
        let stale = self.evidence.iter().find(|one| one.code == Code::LogListTooOld);
        if let (Verdict::Trusted, Some(stale)) = (self.verdict, stale) {
            let Finding { sentence, action, .. } = Finding::new(stale, &English);
            writeln!(out, "\n{sentence} How many logs count was not judged. {action}")?;
        }
        Ok(())
    }
}

/// A sign and a word for each light: colour is never the only signal.
pub fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Trusted => "[ok] TRUSTED",
        Verdict::Attention => "[!]  ATTENTION",
        Verdict::Danger => "[X]  DANGER",
        Verdict::Unchecked => "[?]  NOT CHECKED",
    }
}

fn seen_in_words(seen: Seen) -> &'static str {
    match seen {
        Seen::File => "from a file: nothing says that a server presented it",
        Seen::ThisConnection => "seen on this very connection",
        Seen::OwnProbe => "seen on a connection of Doorlight's own",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verdict::evidence::Evidence;

    fn sample() -> Report {
        let address = "home.example".parse().unwrap();
        let evidence = Evidence::new(Code::CertificateMissing).with("reason", "timed out");
        Report::without_certificate(
            &address,
            Timestamp::from_millis(1_795_348_800_250),
            Seen::OwnProbe,
            evidence,
        )
    }

    #[test]
    fn what_is_written_is_read() {
        let report = sample();
        assert_eq!(Report::from_json(report.to_json().as_bytes()), Ok(report));
    }

    #[test]
    fn a_stale_list_is_the_last_line_of_a_green_report() {
        let mut report = sample();
        report.verdict = Verdict::Trusted;
        report.evidence.insert(0, Evidence::new(Code::LogListTooOld));
        let text = report.to_text();
        let last = text.lines().last().unwrap();
        assert!(
            last.starts_with("The list of logs is old.") && last.contains("log-list update"),
            "{text}"
        );
        // Where something else asks for something, it stands with its like.
        report.verdict = Verdict::Danger;
        assert!(!report.to_text().ends_with(&format!("{last}\n")));
    }

    /// Found by fuzzing: a report that was made up would have written to the terminal.
    #[test]
    fn the_text_of_a_hostile_report_is_safe_to_show() {
        let bad = "a\u{1b}[2J\n\u{9b}\u{202e}b";
        let json = serde_json::to_string(&json!({
            "schema": 1, "host": "home.example", "port": 443, "at": "2026-11-22T12:00:00Z", "seen": "file",
            "verdict": "trusted", "decided_by": ["pin-same-key"],
            "certificate": {
                "sha256": "00".repeat(32), "sha1": "00".repeat(20), "spki_sha256": "00".repeat(32), "subject": bad,
                "issuer": bad, "serial": bad, "key": bad, "not_before": "2026-11-22T12:00:00Z",
                "not_after": "2026-11-22T12:00:00Z", "names": [bad, bad],
            },
            "evidence": [{
                "check": "pin", "outcome": "note", "code": "pin-same-key", "message": bad,
                "detail": {bad: bad, "list": [bad, {bad: bad}]},
            }],
            "scts": [{
                "log_id": bad, "log": bad, "operator": bad, "state": bad, "timestamp": "2026-11-22T12:00:00Z",
                "signature": "valid",
            }],
        }))
        .unwrap();
        let text = Report::from_json(json.as_bytes()).unwrap().to_text();
        for line in text.lines() {
            assert!(!line.chars().any(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
        }
        assert!(text.contains("a\\u{1b}[2J\\u{a}\\u{9b}\\u{202e}b"));
    }
}
