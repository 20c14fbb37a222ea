//! From the server's certificate to a root (RFC 5280 section 6), by rustls-webpki.
//!
//! webpki decides. This module prepares what it needs ahead of time ([`Plan`]: which signatures
//! could lie on a path), and tells its refusals apart in the words of Doorlight. Not checked here:
//! revocation, the strength and the dates of the leaf itself (they are evidence of their own),
//! Extended Validation, and the Baseline Requirements as such.

use core::cell::Cell;
use std::collections::BTreeMap;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use crate::address::Host;
use crate::time::Timestamp;
use crate::verdict::chain_view::{ChainEntry, ChainView, Link, Role};
use crate::x509::certificate::Certificate;
use crate::x509::name::DistinguishedName;
use crate::x509::roots::Roots;
use crate::x509::signature::{
    Answered, Answers, KeyKind, Missing, PublicKey, RSA_MIN_BITS, SignatureCheck,
};

/// The most signatures that are asked for ahead of time. Cross-signing makes a handful; a hostile
/// chain could make a maze.
const MAX_PLANNED: usize = 64;

/// The signatures that could lie on a path, and the certificates between leaf and roots that could.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    leaf: &'a Certificate,
    roots: &'a Roots,
    edges: Vec<Edge<'a>>,
    /// True where there are more than [`MAX_PLANNED`].
    is_cut: bool,
}

/// "`child` names `issuer` as its issuer."
#[derive(Debug)]
struct Edge<'a> {
    child: &'a Certificate,
    issuer: Issuer<'a>,
    /// `None` where the signature is not acceptable whatever a platform says.
    check: Option<SignatureCheck>,
}

#[derive(Clone, Copy, Debug)]
enum Issuer<'a> {
    Intermediate(&'a Certificate),
    Anchor(&'a TrustAnchor<'static>),
}

impl Issuer<'_> {
    fn spki(&self) -> Vec<u8> {
        match self {
            Self::Intermediate(certificate) => certificate.spki().to_vec(),
            Self::Anchor(anchor) => webpki::spki_for_anchor(anchor).to_vec(),
        }
    }
}

impl<'a> Plan<'a> {
    /// Walks from `leaf` upwards by name. `presented` come before `known`, should there be too many.
    pub(crate) fn new(
        leaf: &'a Certificate,
        presented: &'a [Certificate],
        known: &'a [Certificate],
        roots: &'a Roots,
    ) -> Self {
        let mut by_subject: BTreeMap<&[u8], Vec<&Certificate>> = BTreeMap::new();
        for certificate in presented.iter().chain(known) {
            let namesakes = by_subject.entry(certificate.subject_value()).or_default();
            let is_new = certificate.der() != leaf.der()
                && namesakes.iter().all(|one| one.der() != certificate.der());
            if is_new {
                namesakes.push(certificate);
            }
        }
        let mut plan = Self { leaf, roots, edges: Vec::new(), is_cut: false };
        let mut reached = vec![leaf];
        let mut next = 0;
        while let Some(&child) = reached.get(next) {
            next += 1;
            let name = child.issuer_value();
            for anchor in roots.anchors().iter().filter(|anchor| anchor.subject.as_ref() == name) {
                let key = PublicKey::from_spki_value(&anchor.subject_public_key_info).ok();
                plan.push(child, Issuer::Anchor(anchor), key);
            }
            for &certificate in by_subject.get(name).into_iter().flatten() {
                if certificate.der() == child.der() {
                    continue;
                }
                let key = certificate.public_key().filter(|_| !certificate.forbids_issuing());
                plan.push(child, Issuer::Intermediate(certificate), key);
                if reached.iter().all(|one| one.der() != certificate.der()) {
                    reached.push(certificate);
                }
            }
        }
        plan
    }

    fn push(&mut self, child: &'a Certificate, issuer: Issuer<'a>, key: Option<PublicKey<'_>>) {
        if self.edges.len() == MAX_PLANNED {
            self.is_cut = true;
        } else {
            let check = key.and_then(|key| child.signature_check(&key));
            self.edges.push(Edge { child, issuer, check });
        }
    }

    /// Everything to ask the platform before [`Plan::validate`].
    pub(crate) fn checks(&self) -> impl Iterator<Item = &SignatureCheck> {
        self.edges.iter().filter_map(|edge| edge.check.as_ref())
    }

    /// The SubjectPublicKeyInfos of those that may have issued the leaf, by name.
    pub(crate) fn leaf_issuers(&self) -> Vec<Vec<u8>> {
        let mut spkis = Vec::new();
        for edge in self.edges_from(self.leaf) {
            let spki = edge.issuer.spki();
            if !spkis.contains(&spki) {
                spkis.push(spki);
            }
        }
        spkis
    }

    /// The SubjectPublicKeyInfo of the one that did issue the leaf, by signature.
    pub(crate) fn leaf_issuer(&self, answers: &Answers) -> Option<Vec<u8>> {
        self.edges_from(self.leaf)
            .find(|edge| answers.is_good(edge.check.as_ref()))
            .map(|edge| edge.issuer.spki())
    }

    fn edges_from<'s>(&'s self, child: &'s Certificate) -> impl Iterator<Item = &'s Edge<'a>> {
        self.edges.iter().filter(move |edge| edge.child.der() == child.der())
    }

    /// The certificates that the leaf reaches over good signatures only.
    fn intermediates(&self, answers: &Answers) -> Vec<&'a Certificate> {
        let mut reached: Vec<&Certificate> = vec![self.leaf];
        let mut next = 0;
        while let Some(&child) = reached.get(next) {
            next += 1;
            for edge in self.edges_from(child) {
                if let Issuer::Intermediate(certificate) = edge.issuer
                    && answers.is_good(edge.check.as_ref())
                    && reached.iter().all(|one| one.der() != certificate.der())
                {
                    reached.push(certificate);
                }
            }
        }
        reached.split_off(1)
    }

    /// Validates at `at`, but within the leaf's own validity, so that an expired leaf is not
    /// mistaken for a wrong chain. Signatures that `answers` does not know count as bad and are
    /// noted in `missing`; if any were, the result does not count.
    pub(crate) fn validate(
        &self,
        answers: &Answers,
        at: Timestamp,
        missing: &Missing,
    ) -> Result<Path, PathError> {
        // Two things that webpki does not mind: "The issuer field MUST contain a non-empty
        // distinguished name" (RFC 5280 section 4.1.2.4), and a server's certificate must not claim
        // to sign others (section 4.2.1.9).
        if self.leaf.issuer_value().is_empty() || self.leaf.is_ca_in_disguise() {
            return Err(PathError::Malformed);
        }
        if self.leaf.forbids_tls() {
            return Err(PathError::WrongPurpose);
        }
        let leaf_der = CertificateDer::from(self.leaf.der());
        let end_entity =
            EndEntityCert::try_from(&leaf_der).map_err(|error| self.tell(&error, answers))?;
        let intermediates = self.intermediates(answers);
        let ders: Vec<_> = intermediates
            .iter()
            .map(|certificate| CertificateDer::from(certificate.der()))
            .collect();
        let schemes = Answered::all(answers, missing);
        let schemes: Vec<_> =
            schemes.iter().map(|one| -> &dyn SignatureVerificationAlgorithm { one }).collect();
        let at = at.min(self.leaf.not_after()).max(self.leaf.not_before());
        let time = UnixTime::since_unix_epoch(core::time::Duration::from_millis(at.millis()));
        let distrusted = Cell::new(false);
        let still_trusted = |path: &VerifiedPath<'_>| {
            if self.roots.trusts(path.anchor(), self.leaf.not_before()) {
                return Ok(());
            }
            distrusted.set(true);
            Err(webpki::Error::CertDistrusted)
        };
        let result = end_entity.verify_for_usage(
            &schemes,
            self.roots.anchors(),
            &ders,
            time,
            KeyUsage::server_auth(),
            None,
            Some(&still_trusted),
        );
        match result {
            Ok(path) => Ok(Path::new(&path, self.roots)),
            Err(_) if distrusted.get() => Err(PathError::RootDistrusted),
            Err(error) => Err(self.tell(&error, answers)),
        }
    }

    /// The way up as a picture shows it; `came_along` certificates came with the leaf.
    pub(crate) fn chain_view(
        &self,
        path: &Result<Path, PathError>,
        answers: &Answers,
        came_along: usize,
    ) -> ChainView {
        let mut rungs = vec![ChainEntry::of(self.leaf, Role::Server, Link::Top)];
        let mut on_it = vec![self.leaf];
        let mut current = self.leaf;
        loop {
            let edges: Vec<_> = self.edges_from(current).collect();
            let is_new =
                |certificate: &Certificate| on_it.iter().all(|one| one.der() != certificate.der());
            let step = match path {
                Ok(path) => {
                    let wanted = path.intermediates.get(on_it.len() - 1);
                    let found = edges.iter().find_map(|edge| match edge.issuer {
                        Issuer::Intermediate(one) if Some(&one.sha256().to_string()) == wanted => {
                            Some(one)
                        }
                        _ => None,
                    });
                    let role = if path.root_is_added { Role::AddedRoot } else { Role::Root };
                    found.ok_or_else(|| {
                        (Link::Vouches, Some(ChainEntry::named(path.root.clone(), role)))
                    })
                }
                Err(_) => self.step_without_path(current, &edges, answers, is_new),
            };
            let last = rungs.len() - 1;
            let (link, above) = match step {
                Ok(next) => {
                    on_it.push(next);
                    current = next;
                    (Link::Vouches, Some(ChainEntry::of(next, Role::Authority, Link::Top)))
                }
                Err((link, above)) => {
                    if let Some(rung) = rungs.get_mut(last) {
                        rung.above = link;
                        if above.is_none() && current.is_self_issued() {
                            rung.role = Role::PrivateRoot;
                        }
                    }
                    rungs.extend(above);
                    let aside = came_along.saturating_sub(on_it.len() - 1);
                    return ChainView { rungs, aside };
                }
            };
            if let Some(rung) = rungs.get_mut(last) {
                rung.above = link;
            }
            rungs.extend(above);
        }
    }

    /// The next one up over a good signature, or how the way ends.
    fn step_without_path(
        &self,
        current: &Certificate,
        edges: &[&Edge<'a>],
        answers: &Answers,
        is_new: impl Fn(&Certificate) -> bool,
    ) -> Result<&'a Certificate, (Link, Option<ChainEntry>)> {
        let anchor_role =
            |anchor| if self.roots.is_added(anchor) { Role::AddedRoot } else { Role::Root };
        let good = || edges.iter().filter(|edge| answers.is_good(edge.check.as_ref()));
        for edge in good() {
            if let Issuer::Anchor(anchor) = edge.issuer {
                return Err((
                    Link::Refused,
                    Some(ChainEntry::named(name_of(anchor), anchor_role(anchor))),
                ));
            }
        }
        let next = good().find_map(|edge| match edge.issuer {
            Issuer::Intermediate(one) if is_new(one) => Some(one),
            _ => None,
        });
        if let Some(next) = next {
            return Ok(next);
        }
        if current.is_self_issued() {
            return Err((Link::Top, None));
        }
        Err(match edges.first().map(|edge| edge.issuer) {
            Some(Issuer::Intermediate(one)) => {
                (Link::False, Some(ChainEntry::of(one, Role::Authority, Link::Top)))
            }
            Some(Issuer::Anchor(anchor)) => {
                (Link::False, Some(ChainEntry::named(name_of(anchor), anchor_role(anchor))))
            }
            None => (Link::Missing, Some(ChainEntry::named(current.issuer(), Role::Absent))),
        })
    }

    /// webpki's refusal in Doorlight's words.
    fn tell(&self, error: &webpki::Error, answers: &Answers) -> PathError {
        use webpki::Error as E;
        if self.leaf.is_precertificate() {
            return PathError::Precertificate;
        }
        match error {
            // A signature that was not asked for counts as false there.
            E::UnknownIssuer | E::InvalidSignatureForPublicKey | E::SignatureAlgorithmMismatch => {
                self.why_no_root(answers)
            }
            E::CertExpired { .. } => PathError::IssuerExpired,
            E::CertNotValidYet { .. } => PathError::IssuerNotYetValid,
            E::UnsupportedSignatureAlgorithmContext(_)
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => PathError::WeakSignature,
            E::NameConstraintViolation
            | E::MalformedNameConstraint
            | E::InvalidNetworkMaskConstraint => PathError::NameConstraints,
            E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => PathError::TooLong,
            E::CaUsedAsEndEntity => PathError::LeafIsCa,
            E::EndEntityUsedAsCa => PathError::IssuerIsNotCa,
            E::EmptyEkuExtension | E::RequiredEkuNotFoundContext(_) => PathError::WrongPurpose,
            E::UnsupportedCriticalExtension
                if self.all(answers).any(Certificate::has_critical_policies) =>
            {
                PathError::CriticalPolicies
            }
            E::UnsupportedCriticalExtension => PathError::UnknownCriticalExtension,
            E::BadDerTime if self.all(answers).any(Certificate::has_early_date) => {
                PathError::EarlyDate
            }
            E::MaximumNameConstraintComparisonsExceeded
            | E::MaximumPathBuildCallsExceeded
            | E::MaximumSignatureChecksExceeded => PathError::TooComplex,
            E::CertDistrusted => PathError::RootDistrusted,
            _ => PathError::Malformed,
        }
    }

    /// The leaf, and what it reaches over good signatures.
    fn all(&self, answers: &Answers) -> impl Iterator<Item = &'a Certificate> + use<'a> {
        core::iter::once(self.leaf).chain(self.intermediates(answers))
    }

    /// Why no path reached a root: looks at each place where a way up ends. A signature is called
    /// false only where one was checked and nothing else is the matter.
    fn why_no_root(&self, answers: &Answers) -> PathError {
        if self.leaf.is_self_issued() {
            return PathError::SelfSigned;
        }
        if self.is_cut {
            return PathError::TooComplex;
        }
        let is_end = |one: &&Certificate| {
            self.edges_from(one).all(|edge| !answers.is_good(edge.check.as_ref()))
        };
        let ends = self.all(answers).filter(is_end);
        let reasons: Vec<_> = ends.map(|end| self.why_it_ends(end)).collect();
        // If there are several, the first of these is reported.
        const FIRST: [PathError; 6] = [
            PathError::PrivateRoot,
            PathError::IssuerIsNotCa,
            PathError::WeakIssuerKey,
            PathError::WeakSignature,
            PathError::BadSignature,
            PathError::IssuerMissing,
        ];
        let first = FIRST.into_iter().find(|reason| reasons.contains(reason));
        first.unwrap_or(PathError::UnknownIssuer)
    }

    /// Why nobody vouches for the one at the end of a way.
    fn why_it_ends(&self, end: &Certificate) -> PathError {
        if end.is_self_issued() {
            return PathError::PrivateRoot;
        }
        let onward: Vec<_> = self.edges_from(end).map(Edge::unusable).collect();
        match onward.iter().flatten().next() {
            Some(reason) => *reason,
            // Somebody of the right name is there, and did not sign this.
            None if !onward.is_empty() => PathError::BadSignature,
            None if end.issuer_urls().is_empty() => PathError::UnknownIssuer,
            None => PathError::IssuerMissing,
        }
    }
}

impl Edge<'_> {
    /// Why its signature is not acceptable, whatever a platform says of it.
    fn unusable(&self) -> Option<PathError> {
        if self.check.is_some() {
            return None;
        }
        if matches!(self.issuer, Issuer::Intermediate(one) if one.forbids_issuing()) {
            return Some(PathError::IssuerIsNotCa);
        }
        let spki = self.issuer.spki();
        let kind = PublicKey::from_spki(&spki).map_or(KeyKind::Other, |key| key.kind());
        Some(match kind {
            KeyKind::Rsa { bits } if bits < RSA_MIN_BITS => PathError::WeakIssuerKey,
            _ => PathError::WeakSignature,
        })
    }
}

/// A path that was validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// The root, in the form of RFC 4514, safe to show.
    pub(crate) root: String,
    /// True where the root is one that the user added.
    pub(crate) root_is_added: bool,
    /// SubjectPublicKeyInfo of the leaf's issuer in DER.
    pub(crate) issuer_spki: Vec<u8>,
    /// SHA-256 of the certificates between leaf and root, in order.
    pub(crate) intermediates: Vec<String>,
}

impl Path {
    fn new(path: &VerifiedPath<'_>, roots: &Roots) -> Self {
        Self {
            root: name_of(path.anchor()),
            root_is_added: roots.is_added(path.anchor()),
            issuer_spki: path.issuer_spki().to_vec(),
            intermediates: path
                .intermediate_certificates()
                .map(|one| crate::x509::fingerprint::CertificateSha256::of(&one.der()).to_string())
                .collect(),
        }
    }
}

fn name_of(anchor: &TrustAnchor<'_>) -> String {
    DistinguishedName::from_value(&anchor.subject)
        .map_or_else(|_| String::from("unnamed"), |name| name.text)
}

/// Why there is no valid path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// The chain ends at a root that is not in the programme.
    PrivateRoot,
    /// The leaf vouches for itself.
    SelfSigned,
    /// Nobody of the issuer's name is known, and nothing says where to find them.
    UnknownIssuer,
    /// The issuer's certificate is not at hand, but the certificate says where to fetch it.
    IssuerMissing,
    /// A signature is not by the one it names.
    BadSignature,
    /// A signature scheme or a kind of key that is not accepted, such as SHA-1.
    WeakSignature,
    /// An issuer's RSA key is too short.
    WeakIssuerKey,
    /// Policies are critical, which webpki does not read.
    CriticalPolicies,
    /// A date before 1970, which webpki does not read.
    EarlyDate,
    /// A certificate between leaf and root has expired.
    IssuerExpired,
    /// A certificate between leaf and root is not valid yet.
    IssuerNotYetValid,
    /// An issuer may not issue for this name.
    NameConstraints,
    /// Longer than an issuer allows, or than anyone needs.
    TooLong,
    /// Extended key usage does not allow a server.
    WrongPurpose,
    /// A CA's certificate in the place of a server's.
    LeafIsCa,
    /// An issuer that may not issue.
    IssuerIsNotCa,
    /// A critical extension that nobody here understands.
    UnknownCriticalExtension,
    /// A precertificate.
    Precertificate,
    /// The programme does not trust what this root issued at that time.
    RootDistrusted,
    /// A maze; see the limits.
    TooComplex,
    /// A part that is not as it should be.
    Malformed,
}

/// Whether the certificate is for `host` (RFC 6125 section 6.4; the common name does not count).
/// `None` where webpki cannot read it: the path has failed then, and the name is no finding of its
/// own.
pub(crate) fn is_for_host(leaf: &Certificate, host: &Host) -> Option<bool> {
    let der = CertificateDer::from(leaf.der());
    let end_entity = EndEntityCert::try_from(&der).ok()?;
    Some(end_entity.verify_is_valid_for_subject_name(&host.server_name()?).is_ok())
}
