//! What the logs proved about a certificate, and what of it stays known.

use doorlight::ct::publication::{self, History, Kept, PublicationReport};
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::{Evidence, Outcome};
use doorlight::x509::fingerprint::CertificateSha256;
use serde::{Deserialize, Serialize};

/// What the logs proved about one certificate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// Which.
    pub certificate: CertificateSha256,
    /// When the look at them ended.
    pub at: Timestamp,
    /// What came of it.
    pub evidence: Vec<Evidence>,
    /// The same log by log.
    pub reports: Vec<PublicationReport>,
}

impl Proof {
    /// True where a day is soon enough to ask again: nothing is open, and no log is waited for or
    /// accused.
    pub fn is_settled(&self) -> bool {
        self.evidence.iter().all(|one| one.outcome != Outcome::NotChecked)
            && self.reports.iter().all(|report| report.inclusion == Kept::Proven)
    }

    /// This look after an earlier one at the same certificate, log by log: what one knew stays
    /// known, however many fail after it. Else whoever broke a promise had only to cut the line.
    pub fn after(mut self, mut before: Self) -> Self {
        for report in &mut self.reports {
            let is_same = |one: &PublicationReport| {
                (&one.log, one.promised_at) == (&report.log, report.promised_at)
            };
            if let Some(place) = before.reports.iter().position(is_same) {
                follow(report, before.reports.remove(place));
            }
        }
        // A log that was not looked at at all, because another list does not name it, has proven
        // nothing.
        self.reports
            .extend(before.reports.into_iter().filter(|known| known.inclusion == Kept::Missing));
        if !self.reports.is_empty() {
            self.evidence = publication::evidence(&self.reports);
        }
        self
    }
}

/// What a log is known for, after what it was known for `before`: proof outlives everything but
/// "missing", "missing" everything but proof.
fn follow(report: &mut PublicationReport, before: PublicationReport) {
    let is_known = match before.inclusion {
        Kept::Proven => report.inclusion != Kept::Missing,
        Kept::Missing => report.inclusion != Kept::Proven,
        Kept::Pending | Kept::NotChecked => false,
    };
    if before.consistency == History::Contradiction {
        report.consistency = before.consistency;
        report.consistency_reason = before.consistency_reason;
    }
    if is_known {
        report.inclusion = before.inclusion;
        report.leaf_index = before.leaf_index;
    }
    if is_known && before.inclusion == Kept::Missing {
        report.inclusion_reason = before.inclusion_reason;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use doorlight::verdict::evidence::Code;

    /// A look at one log, or several: what became of each promise.
    fn look(found: &[(&str, Kept)]) -> Proof {
        let report = |(log, inclusion): &(&str, Kept)| PublicationReport {
            log: (*log).into(),
            operator: String::new(),
            host: None,
            promised_at: Timestamp::from_secs(1),
            inclusion: *inclusion,
            inclusion_reason: None,
            consistency: History::Proven,
            consistency_reason: None,
            tree_size: None,
            head_at: None,
            leaf_index: None,
        };
        let reports: Vec<_> = found.iter().map(report).collect();
        let evidence = publication::evidence(&reports);
        let certificate = CertificateSha256::of(b"a certificate");
        Proof { certificate, at: Timestamp::from_secs(2), evidence, reports }
    }

    fn kept(proof: &Proof) -> Vec<(&str, Kept)> {
        proof.reports.iter().map(|one| (one.log.as_str(), one.inclusion)).collect()
    }

    fn says(proof: &Proof, code: Code) -> bool {
        proof.evidence.iter().any(|one| one.code == code)
    }

    /// A7, then A14: who broke a promise cuts the line.
    #[test]
    fn missing_stays_until_it_is_proven() {
        let mut proof = look(&[("ash", Kept::Missing), ("birch", Kept::Proven)]);
        for next in [Kept::NotChecked, Kept::Pending, Kept::Missing] {
            proof = look(&[("ash", next), ("birch", next)]).after(proof);
            assert_eq!(kept(&proof)[0], ("ash", Kept::Missing), "{next:?}");
            assert!(says(&proof, Code::InclusionMissing), "{next:?}");
        }
        proof = look(&[]).after(proof);
        assert!(says(&proof, Code::InclusionMissing), "nobody was asked");
        proof = look(&[("ash", Kept::Proven), ("birch", Kept::Proven)]).after(proof);
        assert!(!says(&proof, Code::InclusionMissing) && says(&proof, Code::InclusionProven));
    }

    #[test]
    fn what_is_waited_for_is_not_settled() {
        assert!(look(&[("ash", Kept::Proven), ("birch", Kept::Proven)]).is_settled());
        for open in [Kept::Pending, Kept::Missing, Kept::NotChecked] {
            assert!(!look(&[("ash", Kept::Proven), ("birch", open)]).is_settled(), "{open:?}");
        }
    }

    #[test]
    fn each_log_is_known_for_itself() {
        let first =
            look(&[("ash", Kept::Proven), ("birch", Kept::NotChecked), ("cedar", Kept::Pending)]);
        let second = look(&[
            ("cedar", Kept::NotChecked),
            ("birch", Kept::Proven),
            ("ash", Kept::NotChecked),
        ]);
        let proof = second.after(first);
        assert_eq!(
            kept(&proof),
            [("cedar", Kept::NotChecked), ("birch", Kept::Proven), ("ash", Kept::Proven)],
            "a \"not yet\" is no proof"
        );
        let worse = look(&[("ash", Kept::Missing)]).after(look(&[("ash", Kept::Proven)]));
        assert_eq!(kept(&worse), [("ash", Kept::Missing)]);
    }

    #[test]
    fn two_histories_stay_two() {
        let mut before = look(&[("ash", Kept::Proven)]);
        before.reports[0].consistency = History::Contradiction;
        let after = look(&[("ash", Kept::Proven)]).after(before);
        assert!(says(&after, Code::ConsistencyContradiction));
    }
}
