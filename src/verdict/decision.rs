//! From evidence to light: the one place that decides.

use serde::{Deserialize, Serialize};

use crate::verdict::evidence::{Check, Evidence, Outcome};
use crate::verdict::observation::Seen;

/// The light.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Green: checked and matching, now, for this address.
    Trusted,
    /// Amber: nothing is wrong, and somebody should look.
    Attention,
    /// Red: something is wrong.
    Danger,
    /// Grey: it could not be told.
    Unchecked,
}

impl Verdict {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Attention => "attention",
            Self::Danger => "danger",
            Self::Unchecked => "unchecked",
        }
    }
}

/// The checks without which no light is green. More can be asked for.
pub const REQUIRED: &[Check] =
    &[Check::Certificate, Check::Name, Check::Validity, Check::Key, Check::Path, Check::Pin];

/// The verdict over `evidence`, where each of `required` has to be there and looked at.
///
/// | in the evidence | verdict |
/// |---|---|
/// | any `Fail` | Danger |
/// | else: a required check is absent or `NotChecked` | Unchecked |
/// | else: any `Note` that asks for attention | Attention |
/// | else | Trusted |
///
/// Danger comes first: one thing known to be wrong outweighs any number of things unknown.
/// Unchecked comes before Attention: where a required check is open, "have a look" would promise
/// too much. No evidence at all is Unchecked. Evidence can only be added: more of it never turns
/// Danger into anything else.
pub fn verdict(evidence: &[Evidence], required: &[Check]) -> Verdict {
    if evidence.iter().any(|one| one.outcome == Outcome::Fail) {
        return Verdict::Danger;
    }
    let is_open = |check: &Check| {
        let mut found = evidence.iter().filter(|one| one.check == *check).peekable();
        found.peek().is_none() || found.any(|one| one.outcome == Outcome::NotChecked)
    };
    if evidence.is_empty() || required.iter().any(is_open) {
        return Verdict::Unchecked;
    }
    if evidence.iter().any(|one| one.outcome == Outcome::Note && one.code.asks_attention()) {
        return Verdict::Attention;
    }
    Verdict::Trusted
}

/// The evidence that decided: what stands behind anything but green, and the pin behind green.
pub fn deciding(evidence: &[Evidence], required: &[Check]) -> Vec<Evidence> {
    let decides = |one: &&Evidence| match verdict(evidence, required) {
        Verdict::Danger => one.outcome == Outcome::Fail,
        Verdict::Unchecked => one.outcome == Outcome::NotChecked && required.contains(&one.check),
        Verdict::Attention => one.outcome == Outcome::Note && one.code.asks_attention(),
        Verdict::Trusted => one.check == Check::Pin,
    };
    evidence.iter().filter(decides).cloned().collect()
}

/// The checks without which no light is green, for something seen in this way.
pub(crate) fn required(seen: Seen, also_required: &[Check]) -> Vec<Check> {
    let mut required = [REQUIRED, also_required].concat();
    if seen != Seen::File {
        required.push(Check::Possession);
    }
    required
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::evidence::Code;

    fn of(codes: &[Code]) -> Verdict {
        let evidence: Vec<_> = codes.iter().copied().map(Evidence::new).collect();
        verdict(&evidence, REQUIRED)
    }

    const GREEN: [Code; 6] = [
        Code::CertificateRead,
        Code::NameMatch,
        Code::ValidityCurrent,
        Code::KeyStrong,
        Code::PathPublic,
        Code::PinSameKey,
    ];

    fn green_and(code: Code) -> Verdict {
        of(&[&GREEN[..], &[code]].concat())
    }

    #[test]
    fn any_fail_is_danger() {
        for entry in Code::all().filter(|entry| entry.outcome == Outcome::Fail) {
            assert_eq!(of(&[entry.code]), Verdict::Danger, "{}", entry.name);
            assert_eq!(green_and(entry.code), Verdict::Danger, "{}", entry.name);
            assert_eq!(
                of(&[entry.code, Code::PathIssuerMissing, Code::PinFirstSight]),
                Verdict::Danger,
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn a_required_check_that_is_open_is_unchecked() {
        assert_eq!(of(&[]), Verdict::Unchecked);
        assert_eq!(verdict(&[], &[]), Verdict::Unchecked);
        for missing in GREEN {
            let mut codes = GREEN.to_vec();
            codes.retain(|code| *code != missing);
            assert_eq!(of(&codes), Verdict::Unchecked, "without {missing}");
            codes.push(Code::PinFirstSight);
            codes.retain(|code| *code != Code::PinSameKey);
            if missing != Code::PinSameKey {
                assert_eq!(of(&codes), Verdict::Unchecked, "unchecked comes before attention");
            }
        }
        assert_eq!(green_and(Code::PathIssuerMissing), Verdict::Unchecked);
        let evidence: Vec<_> =
            GREEN.into_iter().chain([Code::CtPolicyListTooOld]).map(Evidence::new).collect();
        assert_eq!(
            verdict(&evidence, REQUIRED),
            Verdict::Trusted,
            "not required, not checked: says so, stays green"
        );
        let strict = [REQUIRED, &[Check::CtPolicy]].concat();
        assert_eq!(verdict(&evidence, &strict), Verdict::Unchecked, "required by the user");
    }

    #[test]
    fn a_note_that_asks_is_attention() {
        for entry in Code::all().filter(|entry| entry.outcome == Outcome::Note) {
            let expected = if entry.asks_attention { Verdict::Attention } else { Verdict::Trusted };
            assert_eq!(green_and(entry.code), expected, "{}", entry.name);
        }
    }

    #[test]
    fn all_as_it_should_be_is_trusted() {
        assert_eq!(of(&GREEN), Verdict::Trusted);
        for entry in Code::all().filter(|entry| entry.outcome == Outcome::Pass) {
            assert_eq!(green_and(entry.code), Verdict::Trusted, "{}", entry.name);
        }
    }

    #[test]
    fn what_decided_is_named() {
        let evidence: Vec<_> = [Code::NameMismatch, Code::PinFirstSight, Code::PathPublic]
            .into_iter()
            .map(Evidence::new)
            .collect();
        let codes: Vec<_> = deciding(&evidence, REQUIRED).iter().map(|one| one.code).collect();
        assert_eq!(codes, [Code::NameMismatch]);
    }
}
