//! Whom to believe: Mozilla's root programme, independent of the machine's store, and roots that
//! the user added by hand.
//!
//! `webpki-roots` carries the keys and names. It carries no distrust-after dates and keeps roots
//! for more than a year past them, so `PROGRAMME_NOTES` in this file adds what it lacks. Not
//! checked: the programme's limits that it enforces on CAs and not in certificates.

use pki_types::{CertificateDer, TrustAnchor};

use crate::time::Timestamp;
use crate::x509::fingerprint::SpkiSha256;

/// What the programme says of a root beyond "trusted".
#[derive(Clone, Copy, Debug)]
struct ProgrammeNote {
    /// The root's label.
    #[cfg_attr(not(test), allow(dead_code, reason = "for the reader of the table"))]
    label: &'static str,
    /// SHA-256 of its SubjectPublicKeyInfo, lower-case hex.
    spki_sha256: &'static str,
    /// Certificates issued later than this are not trusted (`CKA_NSS_SERVER_DISTRUST_AFTER`), RFC
    /// 3339; `None` for a root that the programme has taken out.
    issued_until: Option<&'static str>,
}

/// The programme as Firefox ESR 153.7 (November 2026) ships it, where it says less than
/// `webpki-roots` 1.0.10: of 120 roots there, 118 are trusted, one of them up to a date.
const PROGRAMME_NOTES: &[ProgrammeNote] = &[
    ProgrammeNote {
        label: "Izenpe.com",
        spki_sha256: "952c2039c0243eb515dd73d83fc3643184874feb0862a9837731ed9b4742e17a",
        issued_until: Some("2026-04-15T23:59:59Z"),
    },
    ProgrammeNote {
        label: "emSign Root CA - C1",
        spki_sha256: "b7408b4d2be0238ba37004dd34e276c6019bd2f24c9db7d4980f5f6c359a4bcc",
        issued_until: None,
    },
    ProgrammeNote {
        label: "emSign ECC Root CA - C3",
        spki_sha256: "eabc185c4e82d942b1a5978ba3c0181487d6b3b9974e5c49f72f6d0bd9637150",
        issued_until: None,
    },
];

/// A certificate that was handed in as a root cannot serve as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {number} cannot serve as a root: {reason}")]
pub struct InvalidRoot {
    /// Which certificate, from 1.
    pub number: usize,
    /// What rustls-webpki objected to.
    pub reason: &'static str,
}

/// A set of trust anchors.
#[derive(Clone, Debug)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    /// Anchors from this index on were added by the user.
    added_from: usize,
}

impl Default for Roots {
    fn default() -> Self {
        Self::mozilla()
    }
}

impl Roots {
    /// Mozilla's programme.
    pub fn mozilla() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        Self { added_from: anchors.len(), anchors }
    }

    /// No root at all.
    pub fn none() -> Self {
        Self { anchors: Vec::new(), added_from: 0 }
    }

    /// Adds roots of the user's own, each a certificate in DER. Their dates and extensions are not
    /// looked at: a trust anchor is a name and a key (RFC 5280 section 6.1.1 (d)), and, if it has
    /// them, name constraints.
    ///
    /// # Errors
    /// [`InvalidRoot`]; nothing is added then.
    pub fn add(&mut self, certificates: &[Vec<u8>]) -> Result<(), InvalidRoot> {
        let mut anchors = Vec::with_capacity(certificates.len());
        for (n, der) in certificates.iter().enumerate() {
            let der = CertificateDer::from(der.as_slice());
            let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| InvalidRoot {
                number: n + 1,
                reason: "it is malformed or of an unsupported version",
            })?;
            anchors.push(anchor.to_owned());
        }
        self.anchors.extend(anchors);
        Ok(())
    }

    /// The anchors, Mozilla's first.
    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// True for an anchor that the user added, and that is not in the programme anyway.
    pub(crate) fn is_added(&self, anchor: &TrustAnchor<'_>) -> bool {
        !self.anchors.iter().take(self.added_from).any(|known| {
            known.subject == anchor.subject
                && known.subject_public_key_info == anchor.subject_public_key_info
        })
    }

    /// True where the programme still trusts what `anchor` issued at `not_before`. Roots added by
    /// the user are trusted as they are.
    pub(crate) fn trusts(&self, anchor: &TrustAnchor<'_>, not_before: Timestamp) -> bool {
        self.is_added(anchor) || programme_trusts(anchor, not_before)
    }
}

fn programme_trusts(anchor: &TrustAnchor<'_>, not_before: Timestamp) -> bool {
    let spki = SpkiSha256::of(&webpki::spki_for_anchor(anchor)).to_string();
    let Some(note) = PROGRAMME_NOTES.iter().find(|note| note.spki_sha256 == spki) else {
        return true;
    };
    // A date that cannot be read distrusts: the tests keep that from happening.
    note.issued_until
        .and_then(|date| date.parse::<Timestamp>().ok())
        .is_some_and(|until| not_before <= until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_is_about_a_root_that_is_there() {
        for note in PROGRAMME_NOTES {
            let found = Roots::mozilla().anchors.iter().any(|anchor| {
                SpkiSha256::of(&webpki::spki_for_anchor(anchor)).to_string() == note.spki_sha256
            });
            assert!(found, "{} has left webpki-roots: drop its note", note.label);
        }
    }

    #[test]
    fn distrust_after_looks_at_the_day_of_issue() {
        let roots = Roots::mozilla();
        let by_spki = |hex: &str| {
            roots
                .anchors
                .iter()
                .find(|a| SpkiSha256::of(&webpki::spki_for_anchor(a)).to_string() == hex)
                .unwrap()
        };
        let izenpe = by_spki(PROGRAMME_NOTES[0].spki_sha256);
        assert!(roots.trusts(izenpe, "2026-04-15T23:59:59Z".parse().unwrap()));
        assert!(!roots.trusts(izenpe, "2026-04-16T00:00:00Z".parse().unwrap()));
        assert!(!roots.trusts(by_spki(PROGRAMME_NOTES[1].spki_sha256), Timestamp::from_secs(1)));
    }
}
