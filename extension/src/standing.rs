//! How an address stands in this session: the last check, how long it counts, and whether the gate is open. Pure.

use core::time::Duration;

use doorlight::evidence::{Check, Outcome};
use doorlight::fingerprint::CertificateSha256;
use doorlight::report::Report;
use doorlight::time::Timestamp;
use doorlight::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::message::Light;

/// The standing of one address. Lives in the session's storage: a browser that starts anew knows nothing, and the gate is shut.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// The last check.
    pub report: Option<Report>,
    /// The certificates that it was about, PEM.
    pub pem: String,
    /// When it was made; nothing counts before it, so that a clock set back does not keep the gate open.
    pub checked_at: Option<Timestamp>,
    /// Until when it counts.
    pub fresh_until: Option<Timestamp>,
    /// Since when the light has its colour.
    pub since: Option<Timestamp>,
    /// The user went past the gate.
    pub exception: Option<Exception>,
}

/// The user's way past the gate. It ends with the session, as soon as another certificate is seen, when a good check needs it no more, and with a
/// Danger that there was not when the user was asked. While none is seen, one that was given for a certificate rests: else whoever keeps the probe
/// from its answer could put another certificate in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exception {
    /// Since when.
    pub since: Timestamp,
    /// The certificate that it is for; `None` where none was seen.
    pub certificate: Option<CertificateSha256>,
    /// What was last thought of it.
    pub verdict: Verdict,
}

impl Exception {
    /// What a report leaves of it.
    fn after(self, report: &Report) -> Option<Self> {
        let seen = report.certificate.as_ref().map(|one| one.sha256);
        let is_other = seen.is_some() && self.certificate != seen;
        let is_worse = report.verdict == Verdict::Danger && self.verdict != Verdict::Danger;
        if opens(report) || is_other || is_worse {
            return None;
        }
        let is_about_it = self.certificate == seen;
        Some(if is_about_it { Self { verdict: report.verdict, ..self } } else { self })
    }
}

/// Whether a request may pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The last check was good and still counts.
    Open,
    /// The user said so, and the certificate is still the same.
    Exception,
    /// Not without a check.
    Shut,
}

impl Way {
    /// True for both ways of being open.
    pub fn is_open(self) -> bool {
        self != Self::Shut
    }
}

/// True where a report opens the gate: green, or amber for a reason other than the key. A shortfall in the logs informs and never blocks; a
/// key that nobody confirmed does.
pub fn opens(report: &Report) -> bool {
    let has_good_pin =
        report.evidence.iter().any(|one| one.check == Check::Pin && one.outcome == Outcome::Pass);
    match report.verdict {
        Verdict::Trusted => true,
        Verdict::Attention => has_good_pin,
        Verdict::Danger | Verdict::Unchecked => false,
    }
}

impl Standing {
    /// Whether a request may pass at `now`.
    pub fn way(&self, now: Timestamp) -> Way {
        if !self.is_fresh(now) {
            Way::Shut
        } else if self.report.as_ref().is_some_and(opens) {
            Way::Open
        } else if self.exception.is_some_and(|one| one.certificate == self.certificate()) {
            Way::Exception
        } else {
            Way::Shut
        }
    }

    /// The light at `now`. A red one stays red until a check says otherwise; every other goes out with its time.
    pub fn light(&self, now: Timestamp) -> Light {
        let Some(report) = &self.report else { return Light::Unchecked };
        if self.way(now) == Way::Exception {
            return Light::Exception;
        }
        match report.verdict {
            Verdict::Danger => Light::Danger,
            _ if !self.is_fresh(now) => Light::Unchecked,
            Verdict::Trusted => Light::Trusted,
            Verdict::Attention => Light::Attention,
            Verdict::Unchecked => Light::Unchecked,
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.checked_at.is_some_and(|at| at <= now) && self.fresh_until.is_some_and(|until| now < until)
    }

    /// Takes in a check. True where another certificate was seen than before.
    pub fn conclude(&mut self, report: Report, pem: String, reuse: Duration, now: Timestamp) -> bool {
        let before = self.certificate();
        let old_light = self.report.as_ref().map(|report| report.verdict);
        if old_light != Some(report.verdict) || self.since.is_none() {
            self.since = Some(now);
        }
        let seen = report.certificate.as_ref().map(|one| one.sha256);
        self.exception = self.exception.and_then(|one| one.after(&report));
        // It counts from the look, however long it took to judge it.
        self.fresh_until = Some(now.plus(reuse.saturating_sub(now.since(report.at))));
        self.report = Some(report);
        self.pem = pem;
        self.checked_at = Some(now);
        before.is_some() && seen.is_some() && before != seen
    }

    /// Takes in what was learnt since the check, which goes on counting as long as before. What was thought, and what is: `None` without a check.
    pub fn redecide(
        &mut self,
        learn: impl FnOnce(&mut Report),
        now: Timestamp,
    ) -> Option<(Verdict, Verdict)> {
        let report = self.report.as_mut()?;
        let before = report.verdict;
        learn(report);
        self.exception = self.exception.and_then(|one| one.after(report));
        if before != report.verdict {
            self.since = Some(now);
        }
        Some((before, report.verdict))
    }

    /// The certificate of the last check.
    pub fn certificate(&self) -> Option<CertificateSha256> {
        self.report.as_ref()?.certificate.as_ref().map(|one| one.sha256)
    }

    /// The last check counts no longer: the network changed, or the machine slept.
    pub fn expire(&mut self) {
        self.fresh_until = None;
    }

    /// Lets the user past, for the certificate that was seen last.
    pub fn except(&mut self, reuse: Duration, now: Timestamp) {
        let verdict = self.report.as_ref().map_or(Verdict::Unchecked, |report| report.verdict);
        self.exception = Some(Exception { since: now, certificate: self.certificate(), verdict });
        self.since = Some(now);
        self.checked_at = Some(self.checked_at.map_or(now, |at| at.min(now)));
        self.fresh_until = Some(now.plus(reuse));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use doorlight::evidence::{Code, Evidence};
    use doorlight::examination::unreachable;

    const REUSE: Duration = Duration::from_secs(900);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    /// A report as the core makes it, with another verdict and pin, on certificate `n`.
    fn report(verdict: Verdict, pin: Code, n: u8) -> Report {
        let mut report = unreachable(&"home.example".parse().unwrap(), at(0), "made up");
        report.verdict = verdict;
        report.evidence = vec![Evidence::new(pin)];
        report.certificate = Some(
            serde_json::from_value(serde_json::json!({
                "sha256": format!("{n:02x}").repeat(32), "sha1": "00".repeat(20), "spki_sha256": "00".repeat(32),
                "subject": "", "issuer": "", "serial": "", "key": "", "names": [],
                "not_before": at(0), "not_after": at(9),
            }))
            .unwrap(),
        );
        report
    }

    fn after(report: Report) -> Standing {
        let mut standing = Standing::default();
        standing.conclude(report, String::new(), REUSE, at(0));
        standing
    }

    #[test]
    fn nothing_known_is_shut() {
        assert_eq!(Standing::default().way(at(0)), Way::Shut);
        assert_eq!(Standing::default().light(at(0)), Light::Unchecked);
    }

    #[test]
    fn each_verdict_has_its_way_and_light() {
        for (verdict, pin, way, light) in [
            (Verdict::Trusted, Code::PinSameKey, Way::Open, Light::Trusted),
            (Verdict::Attention, Code::PinSameKey, Way::Open, Light::Attention),
            (Verdict::Attention, Code::PinFirstSight, Way::Shut, Light::Attention),
            (Verdict::Attention, Code::PinRenewalDue, Way::Shut, Light::Attention),
            (Verdict::Danger, Code::PinSameKey, Way::Shut, Light::Danger),
            (Verdict::Unchecked, Code::PinSameKey, Way::Shut, Light::Unchecked),
        ] {
            let standing = after(report(verdict, pin, 1));
            assert_eq!((standing.way(at(1)), standing.light(at(1))), (way, light), "{verdict:?} {pin}");
        }
    }

    #[test]
    fn a_good_check_ends_with_its_time_and_does_not_begin_before_it() {
        let standing = after(report(Verdict::Trusted, Code::PinSameKey, 1));
        assert_eq!(standing.way(at(899)), Way::Open);
        assert_eq!((standing.way(at(900)), standing.light(at(900))), (Way::Shut, Light::Unchecked));
        let mut late = Standing::default();
        late.conclude(report(Verdict::Trusted, Code::PinSameKey, 1), String::new(), REUSE, at(5000));
        assert_eq!(late.way(at(4999)), Way::Shut, "the clock was set back");
    }

    #[test]
    fn a_check_counts_from_its_look() {
        let mut slow = Standing::default();
        slow.conclude(report(Verdict::Trusted, Code::PinSameKey, 1), String::new(), REUSE, at(40));
        assert_eq!(
            (slow.way(at(39)), slow.way(at(40)), slow.way(at(899))),
            (Way::Shut, Way::Open, Way::Open)
        );
        assert_eq!(slow.way(at(900)), Way::Shut);
    }

    #[test]
    fn danger_outlives_its_time() {
        let standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        assert_eq!(standing.light(at(90_000)), Light::Danger);
    }

    #[test]
    fn an_exception_is_for_one_certificate() {
        let mut standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        standing.except(REUSE, at(10));
        assert_eq!((standing.way(at(11)), standing.light(at(11))), (Way::Exception, Light::Exception));
        assert!(!standing.conclude(
            report(Verdict::Danger, Code::PinNewKey, 1),
            String::new(),
            REUSE,
            at(12)
        ));
        assert_eq!(standing.way(at(13)), Way::Exception, "the same certificate");
        assert!(standing.conclude(report(Verdict::Danger, Code::PinNewKey, 2), String::new(), REUSE, at(14)));
        assert_eq!((standing.way(at(15)), standing.light(at(15))), (Way::Shut, Light::Danger));
        standing.except(REUSE, at(16));
        standing.conclude(report(Verdict::Trusted, Code::PinSameKey, 2), String::new(), REUSE, at(17));
        assert_eq!(standing.light(at(18)), Light::Trusted, "a good check needs no exception");
        standing.conclude(report(Verdict::Danger, Code::PinSameKey, 2), String::new(), REUSE, at(19));
        assert_eq!(standing.light(at(20)), Light::Danger, "and leaves none behind");
    }

    #[test]
    fn an_exception_without_a_certificate_ends_when_one_is_seen() {
        let unseen = || unreachable(&"home.example".parse().unwrap(), at(0), "made up");
        let mut standing = after(unseen());
        standing.except(REUSE, at(1));
        standing.conclude(unseen(), String::new(), REUSE, at(2));
        assert_eq!(standing.way(at(3)), Way::Exception);
        standing.conclude(report(Verdict::Danger, Code::PinNewKey, 1), String::new(), REUSE, at(4));
        assert_eq!(standing.way(at(5)), Way::Shut);
    }

    #[test]
    fn an_exception_for_a_certificate_rests_while_none_is_seen() {
        let mut standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        standing.except(REUSE, at(1));
        standing.conclude(
            unreachable(&"home.example".parse().unwrap(), at(2), "made up"),
            String::new(),
            REUSE,
            at(2),
        );
        assert_eq!((standing.way(at(3)), standing.light(at(3))), (Way::Shut, Light::Unchecked));
        standing.conclude(report(Verdict::Danger, Code::PinNewKey, 1), String::new(), REUSE, at(4));
        assert_eq!(standing.way(at(5)), Way::Exception);
    }

    /// An audit heals a light that the user went past, and finds something else later.
    #[test]
    fn an_exception_ends_when_it_is_not_needed_and_when_danger_is_new() {
        let says = |verdict| move |report: &mut Report| report.verdict = verdict;
        let mut standing = after(report(Verdict::Danger, Code::PinSameKey, 1));
        standing.except(REUSE, at(1));
        assert_eq!(standing.redecide(says(Verdict::Danger), at(2)), Some((Verdict::Danger, Verdict::Danger)));
        assert_eq!(standing.way(at(3)), Way::Exception, "nothing new");
        assert_eq!(
            standing.redecide(says(Verdict::Trusted), at(4)),
            Some((Verdict::Danger, Verdict::Trusted))
        );
        assert_eq!((standing.way(at(5)), standing.exception, standing.since), (Way::Open, None, Some(at(4))));
        standing.redecide(says(Verdict::Danger), at(6));
        assert_eq!((standing.way(at(7)), standing.light(at(7))), (Way::Shut, Light::Danger));
        assert_eq!(Standing::default().redecide(says(Verdict::Trusted), at(1)), None);

        // The user was told that it could not be told.
        for is_audit in [true, false] {
            let mut standing = after(report(Verdict::Unchecked, Code::PinSameKey, 1));
            standing.except(REUSE, at(1));
            if is_audit {
                standing.redecide(says(Verdict::Danger), at(2));
            } else {
                standing.conclude(report(Verdict::Danger, Code::PinSameKey, 1), String::new(), REUSE, at(2));
            }
            assert_eq!(
                (standing.way(at(3)), standing.light(at(3))),
                (Way::Shut, Light::Danger),
                "{is_audit}"
            );
        }
    }

    #[test]
    fn an_exception_needs_fresh_eyes_too() {
        let mut standing = after(report(Verdict::Danger, Code::PinNewKey, 1));
        standing.except(REUSE, at(10));
        standing.expire();
        assert_eq!((standing.way(at(11)), standing.light(at(11))), (Way::Shut, Light::Danger));
    }
}
