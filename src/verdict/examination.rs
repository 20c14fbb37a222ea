//! The one way through: what was seen, and what is known, become evidence and a verdict.
//!
//! ```text
//! Observation + Knowledge ──► Examination ──► signatures to check ──► platform
//!                                   ▲                                    │
//!                                   └───────────── Answers ◄─────────────┘
//!                                   └──► Conclusion { report, continuity }
//! ```
//!
//! Everything is an argument: the time, the roots, the lists of logs, the site record. Nothing is
//! fetched.

use serde_json::Value;

use crate::address::Address;
use crate::ct::log_list::{Log, LogList, LogLists, Provenance};
use crate::ct::policy::{Policy, Promise};
use crate::ct::publication::{self, Promises};
use crate::ct::sct::{Sct, SctError, SignedEntry, parse_list};
use crate::site::{Continuity, HomeSays, SiteRecord, Standing};
use crate::time::{CLOCK_SKEW, ENDED_SKEW, Timestamp};
use crate::verdict::chain_view::ChainView;
use crate::verdict::evidence::{Check, Code, Evidence, Outcome};
use crate::verdict::observation::{Observation, Possession, Seen};
use crate::verdict::report::{CertificateReport, Report, SctReport, SctSignature};
use crate::verdict::required;
use crate::x509::certificate::{Certificate, ReadError};
use crate::x509::name::SubjectName;
use crate::x509::path::{self, Path, PathError, Plan};
use crate::x509::roots::Roots;
use crate::x509::signature::{
    Answers, KeyKind, Missing, RSA_MAX_BITS, RSA_MIN_BITS, SignatureCheck,
};

/// What is known of the address.
#[derive(Clone, Copy, Debug)]
pub enum Site<'a> {
    /// Nothing yet.
    Unknown,
    /// This.
    Record(&'a SiteRecord),
    /// Something, but it cannot be read. Never the same as nothing.
    Unreadable,
}

/// What is known.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// Whom to believe.
    pub roots: &'a Roots,
    /// Lists of logs.
    pub log_lists: &'a LogLists,
    /// How many logs to ask for.
    pub policy: &'a Policy,
    /// Intermediates seen before, to complete a chain that came without.
    pub intermediates: &'a [Certificate],
    /// The record of the address.
    pub site: Site<'a>,
    /// Checks that the user asks for beyond [`crate::verdict::REQUIRED`].
    pub also_required: &'a [Check],
}

/// An examination under way.
#[derive(Debug)]
pub struct Examination<'a> {
    observation: &'a Observation,
    knowledge: Knowledge<'a>,
    plan: Plan<'a>,
    scts: Option<Result<Vec<Sct>, SctError>>,
    /// For each that may have issued the leaf: its SubjectPublicKeyInfo, and what to ask of each
    /// SCT if it did.
    sct_checks: Vec<(Vec<u8>, Vec<Promised<'a>>)>,
}

/// What can be said of an SCT before its signature is checked.
#[derive(Clone, Debug)]
struct Promised<'a> {
    /// The log, and whether the judging list has it.
    log: Option<(&'a Log, bool)>,
    /// `None` where log and signature do not go together, or the log is unknown.
    check: Option<SignatureCheck>,
}

/// Where an examination stands.
#[derive(Debug)]
pub enum Step {
    /// These signatures have to be checked by the platform first.
    Ask(Vec<SignatureCheck>),
    /// Done.
    Done(Box<Conclusion>),
}

/// The end of an examination.
#[derive(Debug)]
pub struct Conclusion {
    /// What is told to the user.
    pub report: Report,
    /// What it means for the site record; see [`SiteRecord::remember`].
    pub continuity: Option<Continuity>,
    /// What the logs can be asked about; see [`publication::audit`].
    pub promises: Promises,
    /// Who vouches for whom.
    pub chain_view: ChainView,
}

impl<'a> Examination<'a> {
    /// Begins: reads the SCTs and plans which signatures matter.
    pub fn new(observation: &'a Observation, knowledge: Knowledge<'a>) -> Self {
        let leaf = observation.chain.leaf();
        let plan =
            Plan::new(leaf, observation.chain.others(), knowledge.intermediates, knowledge.roots);
        let scts = leaf.sct_list().map(parse_list);
        let mut sct_checks = Vec::new();
        if let Some(Ok(scts)) = &scts {
            for spki in plan.leaf_issuers() {
                let Ok(entry) = SignedEntry::embedded(leaf, &spki) else { continue };
                let promised = scts
                    .iter()
                    .map(|sct| {
                        let log = knowledge.log_lists.log(&sct.log_id, observation.at);
                        Promised {
                            log,
                            check: log.and_then(|(log, _)| sct.signature_check(&log.spki, &entry)),
                        }
                    })
                    .collect();
                sct_checks.push((spki, promised));
            }
        }
        Self { observation, knowledge, plan, scts, sct_checks }
    }

    /// Every signature that is known to matter: ask the platform about all of them at once.
    pub fn checks(&self) -> Vec<SignatureCheck> {
        let of_scts = self
            .sct_checks
            .iter()
            .flat_map(|(_, promised)| promised)
            .filter_map(|one| one.check.as_ref());
        let mut checks: Vec<SignatureCheck> = Vec::new();
        for check in self.plan.checks().chain(of_scts) {
            if !checks.contains(check) {
                checks.push(check.clone());
            }
        }
        checks
    }

    /// Concludes from the platform's answers, or says which are missing. What is not answered is
    /// never taken for good.
    pub fn step(&self, answers: &Answers) -> Step {
        let mut unanswered = self.checks();
        unanswered.retain(|check| answers.get(check).is_none());
        if !unanswered.is_empty() {
            return Step::Ask(unanswered);
        }
        let missing = Missing::default();
        let path = self.plan.validate(answers, self.observation.at, &missing);
        let missing = missing.into_inner();
        if missing.is_empty() {
            Step::Done(Box::new(self.conclude(path, answers)))
        } else {
            Step::Ask(missing)
        }
    }

    /// Runs to the end with a platform that answers at once.
    pub fn run(&self, verify: impl Fn(&SignatureCheck) -> bool) -> Conclusion {
        let mut answers = Answers::new();
        // Every round answers signatures that were open, and a chain has only so many pairs of
        // them.
        loop {
            match self.step(&answers) {
                Step::Done(conclusion) => return *conclusion,
                Step::Ask(checks) => {
                    for check in checks {
                        let good = verify(&check);
                        answers.insert(check, good);
                    }
                }
            }
        }
    }

    fn conclude(&self, path: Result<Path, PathError>, answers: &Answers) -> Conclusion {
        let leaf = self.observation.chain.leaf();
        let at = self.observation.at;
        let list = self.knowledge.log_lists.judging(at);
        let scts = self.sct_reports(&path, answers);
        let under_added_root = path.as_ref().is_ok_and(|path| path.root_is_added);
        let sct = self.sct_evidence(&scts, under_added_root);
        let policy = self.policy_evidence(&scts, &sct, under_added_root);
        let standing = Standing { has_path: path.is_ok(), is_logged: is_logged(&sct, &policy) };
        let continuity = match self.knowledge.site {
            Site::Unknown => Some(Continuity::FirstSight),
            Site::Record(record) => Some(record.continuity(leaf, standing, at)),
            Site::Unreadable => None,
        };

        let mut evidence = vec![self.certificate_evidence()];
        let required = required(self.observation.seen, self.knowledge.also_required);
        if self.observation.seen != Seen::File {
            evidence.push(self.possession_evidence());
        }
        evidence.extend(self.name_evidence());
        evidence.extend([
            validity_evidence(leaf, at),
            key_evidence(leaf),
            path_evidence(leaf, &path),
            sct,
            policy,
            self.log_list_evidence(list),
            self.pin_evidence(continuity),
        ]);
        evidence.extend(self.home_evidence());
        let chain_view =
            self.plan.chain_view(&path, answers, self.observation.chain.others().len());
        let promises = self.promises(&scts, self.leaf_issuer(&path, answers), under_added_root);
        let scts = scts.into_iter().map(|one| one.report).collect();
        let report =
            Report::new(self.observation, CertificateReport::new(leaf), evidence, scts, &required);
        Conclusion { report, continuity, promises, chain_view }
    }

    /// What the logs promised with a good signature.
    fn promises(
        &self,
        judged: &[JudgedSct<'_>],
        issuer: Option<Vec<u8>>,
        under_added_root: bool,
    ) -> Promises {
        let Some(Ok(scts)) = &self.scts else {
            return if under_added_root && self.scts.is_none() {
                Promises::NotExpected
            } else {
                Promises::None
            };
        };
        let leaf = self.observation.chain.leaf();
        let Some(entry) = issuer.and_then(|issuer| SignedEntry::embedded(leaf, &issuer).ok())
        else {
            return Promises::None;
        };
        let lists = self.knowledge.log_lists;
        let promises = scts
            .iter()
            .zip(judged)
            .filter(|(_, judged)| judged.report.signature == SctSignature::Valid)
            .filter_map(|(sct, _)| {
                let (log, _) = lists.log(&sct.log_id, self.observation.at)?;
                Some(publication::Promise { sct: sct.clone(), log: log.clone() })
            })
            .collect();
        Promises::Entry { entry, promises }
    }

    /// The key of the leaf's true issuer: the one on the path, else whoever signed the leaf.
    fn leaf_issuer(&self, path: &Result<Path, PathError>, answers: &Answers) -> Option<Vec<u8>> {
        match path {
            Ok(path) => Some(path.issuer_spki.clone()),
            Err(_) => self.plan.leaf_issuer(answers),
        }
    }

    fn certificate_evidence(&self) -> Evidence {
        let chain = &self.observation.chain;
        Evidence::new(Code::CertificateRead)
            .with("certificates", chain.others().len() + 1)
            .with("unreadable", chain.unreadable())
    }

    fn possession_evidence(&self) -> Evidence {
        let has_weak_key = key_evidence(self.observation.chain.leaf()).outcome == Outcome::Fail;
        Evidence::new(match self.observation.possession {
            Possession::Proven => Code::PossessionProven,
            // Nobody checks a signature by a key that is refused for its kind or size.
            Possession::Unproven if has_weak_key => Code::PossessionUnknown,
            Possession::Unproven => Code::PossessionUnproven,
            Possession::Unknown => Code::PossessionUnknown,
        })
    }

    fn name_evidence(&self) -> Option<Evidence> {
        let host = &self.observation.address.host;
        let leaf = self.observation.chain.leaf();
        let code =
            if path::is_for_host(leaf, host)? { Code::NameMatch } else { Code::NameMismatch };
        let wildcard = leaf.names().iter().any(SubjectName::is_wildcard);
        Some(Evidence::new(code).with("host", host.as_str()).with("has_wildcard", wildcard))
    }

    /// Judges each SCT by the leaf's true issuer: the one on the path, else whoever signed the
    /// leaf. Without one they are not judged.
    fn sct_reports(&self, path: &Result<Path, PathError>, answers: &Answers) -> Vec<JudgedSct<'_>> {
        let Some(Ok(scts)) = &self.scts else { return Vec::new() };
        let promised = self
            .leaf_issuer(path, answers)
            .and_then(|issuer| self.sct_checks.iter().find(|(spki, _)| *spki == issuer));
        let lists = self.knowledge.log_lists;
        let at = self.observation.at;
        scts.iter()
            .enumerate()
            .map(|(n, sct)| {
                let known = lists.log(&sct.log_id, at);
                let signature = match (known, promised) {
                    (None, _) => SctSignature::UnknownLog,
                    (Some(_), None) => SctSignature::NotChecked,
                    (Some(_), Some((_, promised))) => {
                        let check = promised
                            .get(n)
                            .filter(|one| one.log.is_some())
                            .and_then(|one| one.check.as_ref());
                        if answers.is_good(check) {
                            SctSignature::Valid
                        } else {
                            SctSignature::Invalid
                        }
                    }
                };
                JudgedSct {
                    log: known.filter(|(_, is_listed)| *is_listed).map(|(log, _)| log),
                    timestamp: sct.timestamp,
                    report: SctReport::new(sct, known, signature),
                }
            })
            .collect()
    }

    fn sct_evidence(&self, scts: &[JudgedSct<'_>], under_added_root: bool) -> Evidence {
        use SctSignature::{Invalid, NotChecked, UnknownLog, Valid};
        match &self.scts {
            None if under_added_root => return Evidence::new(Code::SctNotExpected),
            None => return Evidence::new(Code::SctNone),
            Some(Err(error)) => {
                return Evidence::new(Code::SctMalformed).with("reason", error.to_string());
            }
            Some(Ok(_)) => {}
        }
        let count =
            |wanted: SctSignature| scts.iter().filter(|one| one.report.signature == wanted).count();
        let latest = self.observation.at.plus(CLOCK_SKEW);
        let code = if count(Invalid) > 0 {
            Code::SctInvalid
        } else if scts.iter().any(|one| one.timestamp > latest) {
            Code::SctFromTheFuture
        } else if count(Valid) > 0 {
            Code::SctValid
        } else if count(NotChecked) > 0 {
            Code::SctIssuerMissing
        } else if scts.iter().all(|one| self.is_newer_than_list(one)) {
            Code::SctNewerLogs
        } else {
            Code::SctUnknownLogs
        };
        Evidence::new(code)
            .with("valid", count(Valid))
            .with("invalid", count(Invalid))
            .with("unknown_log", count(UnknownLog))
    }

    /// True where the list cannot know the log, because the SCT is younger than it.
    fn is_newer_than_list(&self, sct: &JudgedSct<'_>) -> bool {
        let published =
            self.knowledge.log_lists.judging(self.observation.at).and_then(|list| list.timestamp);
        sct.log.is_none() && published.is_none_or(|published| sct.timestamp > published)
    }

    fn policy_evidence(
        &self,
        scts: &[JudgedSct<'_>],
        sct: &Evidence,
        under_added_root: bool,
    ) -> Evidence {
        let leaf = self.observation.chain.leaf();
        let policy = self.knowledge.policy;
        if sct.code == Code::SctNotExpected {
            return Evidence::new(Code::CtPolicyNotExpected);
        }
        if sct.code == Code::SctIssuerMissing {
            return Evidence::new(Code::CtPolicyUnverified);
        }
        let Some(list) = self.knowledge.log_lists.judging(self.observation.at) else {
            return Evidence::new(Code::CtPolicyNoList);
        };
        if is_too_old(list, self.observation.at, policy) {
            return Evidence::new(Code::CtPolicyListTooOld).with("policy", policy.since);
        }
        let promises: Vec<_> = scts
            .iter()
            .filter(|one| one.report.signature == SctSignature::Valid)
            .filter_map(|one| Some(Promise { log: one.log?, timestamp: one.timestamp }))
            .collect();
        let count = policy.count(leaf.not_after().since(leaf.not_before()), &promises);
        let code = if count.is_met() {
            Code::CtPolicyMet
        } else if scts.iter().any(|one| self.is_newer_than_list(one)) {
            Code::CtPolicyNewerLogs
        } else {
            Code::CtPolicyShort
        };
        Evidence::new(code)
            .with("logs", count.logs)
            .with("logs_needed", count.logs_needed)
            .with("operators", count.operators)
            .with("operators_needed", count.operators_needed)
            .with("one_accepted_now", count.one_accepted_now)
            .with("policy", policy.since)
            .with("under_added_root", under_added_root)
    }

    fn log_list_evidence(&self, list: Option<&LogList>) -> Evidence {
        let Some(list) = list else { return Evidence::new(Code::LogListMissing) };
        let published = list.timestamp.unwrap_or(Timestamp::from_secs(0));
        let code = if is_too_old(list, self.observation.at, self.knowledge.policy) {
            Code::LogListTooOld
        } else if list.provenance == Provenance::Unsigned {
            Code::LogListUnsigned
        } else {
            Code::LogListCurrent
        };
        Evidence::new(code)
            .with("version", list.version.as_str())
            .with("published", published.to_string())
            .with("age_days", self.observation.at.since(published).as_secs() / 86_400)
            .with("provenance", list.provenance.as_str())
            .with("entries_left_out", list.skipped)
    }

    fn pin_evidence(&self, continuity: Option<Continuity>) -> Evidence {
        let leaf = self.observation.chain.leaf();
        let evidence = match continuity {
            None => Evidence::new(Code::PinRecordUnreadable),
            Some(Continuity::FirstSight) => Evidence::new(Code::PinFirstSight),
            Some(Continuity::SameKey) => Evidence::new(Code::PinSameKey),
            Some(Continuity::Confirmed(fingerprint)) => {
                Evidence::new(Code::PinConfirmed).with("fingerprint", fingerprint.to_string())
            }
            Some(Continuity::ToldByHome) => Evidence::new(Code::PinToldByHome),
            Some(Continuity::DoubtedByHome) => Evidence::new(Code::PinDoubtedByHome),
            Some(Continuity::RenewalDue) => Evidence::new(Code::PinRenewalDue),
            Some(Continuity::NewKey) => Evidence::new(Code::PinNewKey),
            Some(Continuity::Unexplained(objection)) => {
                Evidence::new(Code::PinNewKeyUnexplained).with("because", objection.as_str())
            }
            Some(Continuity::FingerprintMismatch) => Evidence::new(Code::PinFingerprintMismatch),
        };
        let evidence = evidence.with("spki_sha256", leaf.spki_sha256().to_string());
        let Site::Record(record) = self.knowledge.site else { return evidence };
        let origin = record.pins.iter().find(|pin| pin.spki_sha256 == leaf.spki_sha256());
        let origin =
            origin.and_then(|pin| serde_json::to_value(pin.origin).ok()).unwrap_or(Value::Null);
        let pinned: Vec<_> =
            record.pins.iter().map(|pin| Value::from(pin.spki_sha256.to_string())).collect();
        evidence.with("origin", origin).with("pinned", pinned)
    }

    /// What the home itself says of it; none where it was never asked.
    fn home_evidence(&self) -> Option<Evidence> {
        let Site::Record(record) = self.knowledge.site else { return None };
        let word = record.home.as_ref()?;
        let leaf = self.observation.chain.leaf();
        let code = match record.home_says(leaf, self.observation.at)? {
            HomeSays::Confirms => Code::HomeConfirms,
            HomeSays::SameKey => Code::HomeSameKey,
            HomeSays::Other => Code::HomeOtherCertificate,
            HomeSays::LongAgo => Code::HomeLongAgo,
        };
        let evidence = Evidence::new(code)
            .with("told_sha1", word.fingerprint.to_string())
            .with("seen_sha1", leaf.sha1().to_string())
            .with("first_told", word.first_told.to_string())
            .with("last_told", word.last_told.to_string())
            .with("told_not_after", word.not_after.to_string());
        Some(evidence)
    }
}

/// An SCT with its log as the judging list has it.
struct JudgedSct<'a> {
    log: Option<&'a Log>,
    timestamp: Timestamp,
    report: SctReport,
}

fn is_too_old(list: &LogList, at: Timestamp, policy: &Policy) -> bool {
    list.timestamp.is_none_or(|published| at.since(published) > policy.list_age)
}

fn is_logged(sct: &Evidence, policy: &Evidence) -> Option<bool> {
    let speaks_against = |one: &Evidence| one.outcome == Outcome::Fail || one.code.asks_attention();
    if speaks_against(sct) || speaks_against(policy) {
        Some(false)
    } else if sct.outcome == Outcome::NotChecked || policy.outcome == Outcome::NotChecked {
        None
    } else {
        Some(true)
    }
}

fn validity_evidence(leaf: &Certificate, at: Timestamp) -> Evidence {
    let code = if (leaf.not_before()..=leaf.not_after()).contains(&at) {
        Code::ValidityCurrent
    } else if at < leaf.not_before() {
        let is_near = leaf.not_before().since(at) <= CLOCK_SKEW;
        if is_near { Code::ValiditySkewed } else { Code::ValidityNotYet }
    } else {
        match at.since(leaf.not_after()) {
            past if past <= ENDED_SKEW => Code::ValiditySkewed,
            past if past <= CLOCK_SKEW => Code::ValidityJustEnded,
            _ => Code::ValidityExpired,
        }
    };
    Evidence::new(code)
        .with("not_before", leaf.not_before().to_string())
        .with("not_after", leaf.not_after().to_string())
}

fn key_evidence(leaf: &Certificate) -> Evidence {
    let key = leaf.key();
    let code = match key {
        KeyKind::Rsa { bits } if bits < RSA_MIN_BITS => Code::KeyWeak,
        KeyKind::Rsa { bits } if bits > RSA_MAX_BITS => Code::KeyUnsupported,
        KeyKind::Other => Code::KeyUnsupported,
        KeyKind::Rsa { .. } | KeyKind::Ec(_) | KeyKind::Ed25519 => Code::KeyStrong,
    };
    Evidence::new(code).with("key", key.to_string())
}

fn path_evidence(leaf: &Certificate, path: &Result<Path, PathError>) -> Evidence {
    let error = match path {
        Ok(path) => {
            let code = if path.root_is_added { Code::PathAddedRoot } else { Code::PathPublic };
            return Evidence::new(code)
                .with("root", path.root.as_str())
                .with("intermediates", path.intermediates.clone());
        }
        Err(error) => error,
    };
    let code = match error {
        PathError::PrivateRoot => Code::PathPrivateRoot,
        PathError::SelfSigned => Code::PathSelfSigned,
        PathError::UnknownIssuer => Code::PathUnknownIssuer,
        PathError::IssuerMissing => Code::PathIssuerMissing,
        PathError::BadSignature => Code::PathBadSignature,
        PathError::WeakSignature => Code::PathWeakSignature,
        PathError::WeakIssuerKey => Code::PathWeakIssuerKey,
        PathError::IssuerExpired => Code::PathIssuerExpired,
        PathError::IssuerNotYetValid => Code::PathIssuerNotYetValid,
        PathError::NameConstraints => Code::PathNameConstraints,
        PathError::TooLong => Code::PathTooLong,
        PathError::WrongPurpose => Code::PathWrongPurpose,
        PathError::LeafIsCa => Code::PathLeafIsCa,
        PathError::IssuerIsNotCa => Code::PathIssuerNotCa,
        PathError::CriticalPolicies => Code::PathCriticalPolicies,
        PathError::EarlyDate => Code::PathEarlyDate,
        PathError::UnknownCriticalExtension => Code::PathUnknownExtension,
        PathError::Precertificate => Code::PathPrecertificate,
        PathError::RootDistrusted => Code::PathRootDistrusted,
        PathError::TooComplex => Code::PathTooComplex,
        PathError::Malformed => Code::PathMalformed,
    };
    let evidence = Evidence::new(code).with("issuer", leaf.issuer());
    match error {
        PathError::IssuerMissing => evidence.with("fetch_from", leaf.issuer_urls().to_vec()),
        _ => evidence,
    }
}

/// The report on something presented on the line that cannot be read as a chain: no server does
/// that by accident.
pub fn unreadable(address: &Address, at: Timestamp, seen: Seen, error: ReadError) -> Report {
    let code = match error {
        ReadError::NoCertificate => Code::CertificateMissing,
        ReadError::TooManyCertificates => Code::ChainTooLong,
        ReadError::CertificateTooLarge { .. } | ReadError::InputTooLarge => {
            Code::CertificateTooLarge
        }
        _ => Code::CertificateMalformed,
    };
    Report::without_certificate(
        address,
        at,
        seen,
        Evidence::new(code).with("reason", error.to_string()),
    )
}

/// The report where no certificate was seen, for the reason that `code` stands for: never a danger
/// by itself. `reason` is what the platform said; it may come from anywhere.
pub fn unseen(address: &Address, at: Timestamp, code: Code, reason: &str) -> Report {
    let evidence = Evidence::new(code).with("reason", crate::text::printable(reason));
    Report::without_certificate(address, at, Seen::OwnProbe, evidence)
}
