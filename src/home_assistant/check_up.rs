//! The check-up: the state of the house as findings, of the same kind as those about a certificate
//! and with codes of their own.
//!
//! They never enter the verdict over a certificate: an old version is no reason to take the home
//! for an impostor. One of them shuts the remote address by itself, [`CheckUp::blocks`], as Nabu
//! Casa does, until the owner says that they know what they do ([`Override`]).

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::address::Host;
use crate::home_assistant::advisory::{Advisories, Advisory, Standing};
use crate::home_assistant::conversation::{
    Account, Ban, Cloud, Conversation, ConversationError, HomeCertificate, HomeReport,
};
use crate::home_assistant::local::LocalAddress;
use crate::home_assistant::unreached::Unreached;
use crate::home_assistant::version::Version;
use crate::site::{Heard, OtherHome};
use crate::text::printable;
use crate::time::{DAY, Timestamp};
use crate::verdict::evidence::{Check, Code, Evidence, Outcome};
use crate::verdict::{Verdict, verdict};
use crate::versioned::{Field, Format, from_unreadable};

/// The version of the JSON that is written.
pub const SCHEMA: u32 = 1;
/// The largest check-up that is read, in bytes.
pub const MAX_CHECK_UP: usize = 4 << 20;

const FORMAT: Format =
    Format { field: Field::Schema, kind: None, newest: SCHEMA, max_bytes: MAX_CHECK_UP };

/// The check-up cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckUpError {
    /// Over [`MAX_CHECK_UP`].
    #[error("larger than {MAX_CHECK_UP} bytes: not a check-up")]
    TooLarge,
    /// Not JSON of this form.
    #[error("not a check-up: {reason}")]
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

from_unreadable!(CheckUpError, NewerSchema { schema });

/// The state of a house at one time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CheckUp {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When the home was asked.
    pub at: Timestamp,
    /// The guarded host that it is the home of; none where that was not said.
    pub host: Option<Host>,
    /// Where it was asked.
    pub asked: LocalAddress,
    /// How its state looks as a whole.
    pub verdict: Verdict,
    /// Its version.
    pub version: Option<Version>,
    /// True where Nabu Casa shuts the remote address of this version.
    pub blocked: bool,
    /// What is known to be wrong with it, the worst first.
    pub advisories: Vec<Advisory>,
    /// From when on it is more than two years old.
    pub unsupported_since: Option<Timestamp>,
    /// The date of the table that it was judged by.
    pub table_published: Timestamp,
    /// The certificate that it told of.
    pub certificate: Option<HomeCertificate>,
    /// All findings.
    pub evidence: Vec<Evidence>,
}

/// The owner's word that a version which is too insecure may be reached from outside all the same,
/// at their own risk. It holds for what was known when it was given, and ends by itself with the
/// first weakness that was not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Override {
    /// When it was given.
    pub at: Timestamp,
    /// All names of everything that was known against the version then.
    pub known: BTreeSet<String>,
    /// The date of the table that told so.
    pub table_published: Timestamp,
}

impl Override {
    /// True while everything in `advisories` was known when it was given. One of an advisory's
    /// names is enough: it may have got further ones since.
    fn covers(&self, advisories: &[Advisory]) -> bool {
        advisories.iter().all(|one| one.ids.iter().any(|id| self.known.contains(id)))
    }
}

impl CheckUp {
    /// From what the home told. `word` is what the site record made of it
    /// ([`crate::site::SiteRecord::hear`]), none where it was not for a guarded address.
    pub fn new(
        at: Timestamp,
        host: Option<Host>,
        asked: LocalAddress,
        report: &HomeReport,
        word: Option<&Result<Heard, OtherHome>>,
        table: &Advisories,
    ) -> Self {
        let standing = report.version.map(|version| table.judge(&version));
        let mut evidence = version_evidence(report, standing.as_ref(), table, at);
        evidence.push(word_evidence(report, word));
        evidence.extend(report.cloud.iter().flat_map(|cloud| cloud_evidence(cloud, at)));
        evidence.extend(account_evidence(report.account.as_ref(), report.ban));
        let certificate = report.cloud.as_ref().and_then(|cloud| cloud.certificate.clone());
        Self::of(at, host, asked, report.version, standing, table, certificate, evidence)
    }

    /// Where the home could not be reached.
    pub fn not_reached(
        at: Timestamp,
        host: Option<Host>,
        asked: LocalAddress,
        why: &Unreached,
        table: &Advisories,
    ) -> Self {
        let told = Conversation::new(None);
        Self::broken(at, host, asked, told.so_far(), why.evidence(), table)
    }

    /// Where the conversation failed; the version may have been told before.
    pub fn failed(
        at: Timestamp,
        host: Option<Host>,
        asked: LocalAddress,
        conversation: &Conversation,
        error: &ConversationError,
        table: &Advisories,
    ) -> Self {
        let code = match error {
            ConversationError::TokenRefused { .. } => Code::HomeTokenRefused,
            _ => Code::HomeNotReached,
        };
        let reached = Evidence::new(code)
            .with("reason", printable(&error.to_string()))
            .with("error", error.code());
        Self::broken(at, host, asked, conversation.so_far(), reached, table)
    }

    fn broken(
        at: Timestamp,
        host: Option<Host>,
        asked: LocalAddress,
        told: &HomeReport,
        reached: Evidence,
        table: &Advisories,
    ) -> Self {
        let standing = told.version.map(|version| table.judge(&version));
        let mut evidence = version_evidence(told, standing.as_ref(), table, at);
        evidence.push(reached);
        Self::of(at, host, asked, told.version, standing, table, None, evidence)
    }

    #[expect(clippy::too_many_arguments, reason = "the one place that puts them together")]
    fn of(
        at: Timestamp,
        host: Option<Host>,
        asked: LocalAddress,
        version: Option<Version>,
        standing: Option<Standing>,
        table: &Advisories,
        certificate: Option<HomeCertificate>,
        evidence: Vec<Evidence>,
    ) -> Self {
        // A home without the cloud has no certificate to tell of, and is in order all the same.
        let is_broken = |one: &Evidence| {
            matches!(
                one.code,
                Code::HomeNotReached
                    | Code::HomeTokenRefused
                    | Code::HomeBans
                    | Code::HomeDistrustsProxy
                    | Code::HomeSendsOn
                    | Code::HomeSpeaksTls
                    | Code::HomeSpeaksPlainHttp
            )
        };
        let required: &[Check] = if evidence.iter().any(is_broken) {
            &[Check::HomeVersion, Check::Home]
        } else {
            &[Check::HomeVersion]
        };
        let unsupported_since = standing.as_ref().map(|standing| standing.unsupported_since);
        let (blocked, advisories) = standing.map_or_else(
            || (false, Vec::new()),
            |standing| (standing.blocked, standing.advisories),
        );
        Self {
            schema: SCHEMA,
            at,
            host,
            asked,
            verdict: verdict(&evidence, required),
            version,
            blocked,
            advisories,
            unsupported_since,
            table_published: table.published,
            certificate,
            evidence,
        }
    }

    /// True where the remote address is to be shut: the version is blocked, and the owner has not
    /// said otherwise in the knowledge of everything that is known against it now. Nothing but the
    /// remote address is meant, and an unknown version blocks nothing.
    pub fn blocks(&self, overridden: Option<&Override>) -> bool {
        self.blocked && !overridden.is_some_and(|one| one.covers(&self.advisories))
    }

    /// The owner's word over what is known now.
    pub fn override_now(&self, at: Timestamp) -> Override {
        let known = self.advisories.iter().flat_map(|one| one.ids.iter().cloned()).collect();
        Override { at, known, table_published: self.table_published }
    }

    /// Judges the same home by another table, such as a newer one; findings about the rest stay.
    #[must_use]
    pub fn judged_by(&self, table: &Advisories, now: Timestamp) -> Self {
        let Some(version) = self.version else { return self.clone() };
        let standing = table.judge(&version);
        let report = HomeReport {
            version: self.version,
            version_text: version.to_string(),
            cloud: None,
            account: None,
            ban: None,
        };
        let mut evidence = version_evidence(&report, Some(&standing), table, now);
        evidence
            .extend(self.evidence.iter().filter(|one| one.check != Check::HomeVersion).cloned());
        let (host, asked, certificate) =
            (self.host.clone(), self.asked.clone(), self.certificate.clone());
        Self::of(self.at, host, asked, self.version, Some(standing), table, certificate, evidence)
    }

    /// For programs, and to keep.
    pub fn to_json(&self) -> String {
        // Serialising plain structs with text keys to a string does not fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads what [`CheckUp::to_json`] wrote.
    ///
    /// # Errors
    /// [`CheckUpError`].
    pub fn from_json(json: &[u8]) -> Result<Self, CheckUpError> {
        Ok(FORMAT.read(json)?)
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write_text(&mut out);
        out
    }

    fn write_text(&self, out: &mut String) -> core::fmt::Result {
        let headline = match self.verdict {
            Verdict::Trusted => "[ok] IN ORDER",
            Verdict::Attention => "[!]  ATTENTION",
            Verdict::Danger => "[X]  INSECURE",
            Verdict::Unchecked => "[?]  NOT CHECKED",
        };
        write!(out, "{headline} {}", self.asked)?;
        if let Some(host) = &self.host {
            write!(out, ", the home of {host}")?;
        }
        writeln!(out, ", {}", self.at)?;
        if let Some(version) = self.version {
            writeln!(
                out,
                "  Home Assistant {version}, judged by the advisories of {}",
                self.table_published
            )?;
        }
        if let Some(certificate) = &self.certificate {
            writeln!(out, "\nCertificate of the remote address, as the home tells")?;
            writeln!(out, "  SHA-1     {}", certificate.fingerprint)?;
            writeln!(out, "  name      {}", printable(&certificate.common_name))?;
            writeln!(out, "  until     {}", certificate.not_after)?;
        }
        if !self.advisories.is_empty() {
            writeln!(out, "\nKnown against this version")?;
            for one in &self.advisories {
                let (severity, id) = (one.severity.as_str(), printable(one.id()));
                writeln!(
                    out,
                    "  {severity:<9} {id:<15} {}\n{:28}{}",
                    printable(&one.title),
                    "",
                    printable(&one.link)
                )?;
            }
        }
        writeln!(out, "\nFindings")?;
        for one in &self.evidence {
            let mark = match one.outcome {
                Outcome::Pass => "ok",
                Outcome::Note if one.code.asks_attention() => "!",
                Outcome::Note => "-",
                Outcome::Fail => "X",
                Outcome::NotChecked => "?",
            };
            writeln!(out, "  {mark:<2} {} [{}]", printable(&one.message), one.code)?;
            if one.outcome != Outcome::Pass {
                writeln!(out, "     What to do: {}", one.code.explanation().action)?;
            }
        }
        Ok(())
    }
}

fn version_evidence(
    report: &HomeReport,
    standing: Option<&Standing>,
    table: &Advisories,
    at: Timestamp,
) -> Vec<Evidence> {
    let published = table.published.to_string();
    let (Some(version), Some(standing)) = (report.version, standing) else {
        return vec![
            Evidence::new(Code::HomeVersionUnknown)
                .with("told", printable(&report.version_text))
                .with("table", published),
        ];
    };
    let of = |code| {
        Evidence::new(code).with("version", version.to_string()).with("table", published.as_str())
    };
    let mut evidence = Vec::new();
    if standing.blocked {
        let up_to = table.blocked_up_to.to_string();
        evidence.push(
            of(Code::HomeVersionBlocked)
                .with("up_to", up_to)
                .with("link", table.blocked_link.as_str()),
        );
    }
    if let Some(worst) = standing.advisories.first() {
        let ids: Vec<_> = standing.advisories.iter().map(|one| one.id().to_owned()).collect();
        evidence.push(
            of(Code::HomeVersionAdvisory)
                .with("advisories", ids)
                .with("severity", worst.severity.as_str()),
        );
    }
    if at >= standing.unsupported_since {
        evidence.push(
            of(Code::HomeVersionUnsupported).with("since", standing.unsupported_since.to_string()),
        );
    }
    if evidence.is_empty() {
        evidence.push(of(if table.is_old(at) {
            Code::HomeVersionTableOld
        } else {
            Code::HomeVersionCurrent
        }));
    }
    evidence
}

/// What the home's word is worth; without a guarded address, whether there is one.
fn word_evidence(report: &HomeReport, word: Option<&Result<Heard, OtherHome>>) -> Evidence {
    if report.account.is_none() {
        return Evidence::new(Code::HomeNotAsked);
    }
    let cloud = report.cloud.as_ref();
    let certificate = cloud.and_then(|cloud| cloud.certificate.as_ref());
    let told = |certificate: &HomeCertificate| {
        Evidence::new(Code::HomeTold)
            .with("sha1", certificate.fingerprint.to_string())
            .with("name", certificate.common_name.as_str())
            .with("not_after", certificate.not_after.to_string())
    };
    let silent = |why: &str| {
        let status = cloud.and_then(|cloud| cloud.certificate_status.clone());
        Evidence::new(Code::HomeSaysNothing).with("because", why).with("status", status)
    };
    match (word, certificate) {
        (Some(Err(OtherHome::Host { told, guarded })), _) => Evidence::new(Code::HomeOtherHost)
            .with("told", told.as_str())
            .with("guarded", guarded.as_str()),
        (Some(Err(OtherHome::Account)), _) => Evidence::new(Code::HomeOtherAccount),
        (Some(Ok(Heard::Nothing(silence))), _) => silent(silence.as_str()),
        (_, Some(certificate)) => told(certificate),
        (_, None) => silent(match cloud {
            None => "no-cloud",
            Some(cloud) if !cloud.logged_in => "logged-out",
            Some(_) => "no-certificate",
        }),
    }
}

/// Home Assistant warns of a certificate that was not renewed this long before its end, whatever its
/// lifetime (`RENEWAL_ESCALATION_MIN_DAYS` of hass-nabucasa 2.9.0).
const OVERDUE: Duration = Duration::from_secs(7 * DAY.as_secs());

/// What the home tells of its remote address that is not as it should be.
fn cloud_evidence(cloud: &Cloud, at: Timestamp) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    // Who is not logged in there, or wants no remote address, misses nothing.
    if !cloud.logged_in || !cloud.is_enabled {
        return evidence;
    }
    if let Some(certificate) = &cloud.certificate {
        let of = |code| Evidence::new(code).with("not_after", certificate.not_after.to_string());
        if certificate.not_after < at {
            evidence.push(of(Code::HomeCertificateEnded));
        } else if certificate.not_after < at.plus(OVERDUE) {
            evidence.push(of(Code::HomeCertificateOverdue));
        }
    }
    // `CertificateStatus` of hass-nabucasa 2.9.0 (`const.py`): every other one is on the way there,
    // or has failed.
    if let Some(status) = cloud.certificate_status.as_deref().filter(|status| *status != "ready") {
        evidence.push(Evidence::new(Code::HomeCertificateNotReady).with("status", status));
    }
    if !cloud.connected {
        let domain = cloud.remote_domain.as_deref();
        evidence.push(Evidence::new(Code::HomeNotConnected).with("remote_domain", domain));
    }
    evidence
}

fn account_evidence(account: Option<&Account>, ban: Option<Ban>) -> Vec<Evidence> {
    let Some(account) = account else { return vec![Evidence::new(Code::HomeAccountNotAsked)] };
    let enabled: Vec<_> =
        account.mfa.iter().filter(|one| one.enabled).map(|one| one.id.clone()).collect();
    let is_powerful = account.is_admin || account.is_owner;
    let code = match enabled.is_empty() {
        false => Code::HomeAccountTwoFactorOn,
        true if is_powerful => Code::HomeAccountTwoFactorOff,
        // The account that the guide asks for has none, and needs none: it may log in from the
        // local network only.
        true => Code::HomeAccountTwoFactorUnseen,
    };
    let mut evidence =
        vec![Evidence::new(code).with("account", account.name.as_str()).with("enabled", enabled)];
    if is_powerful {
        evidence.push(
            Evidence::new(Code::HomeAccountAdminToken).with("account", account.name.as_str()),
        );
    }
    evidence.push(match ban {
        Some(ban) if ban.is_effective() => {
            Evidence::new(Code::HomeAccountBanOn).with("after_failures", ban.threshold)
        }
        Some(_) => Evidence::new(Code::HomeAccountBanOff),
        None => Evidence::new(Code::HomeAccountBanUnknown),
    });
    evidence
}

#[cfg(test)]
mod tests;
