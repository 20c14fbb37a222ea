//! Certificate authorities that issue the way public ones do: precertificate first, the logs' SCTs,
//! then the certificate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, RsaKeySize,
    SanType, SerialNumber,
};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::issuance::Issuance;
use crate::log::{Log, Shown, Submission};

/// 1.3.6.1.4.1.11129.2.4.2 (RFC 6962 section 3.3).
const SCT_LIST: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

/// 1.3.6.1.4.1.11129.2.4.3: this is no certificate (RFC 6962 section 3.1).
const POISON: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 3];

/// The kinds of key that the lab makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyShape {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 4096 bits.
    Rsa4096,
}

/// A new key.
pub fn key(shape: KeyShape) -> KeyPair {
    let made = match shape {
        KeyShape::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyShape::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        KeyShape::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        KeyShape::Rsa4096 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_4096),
    };
    made.expect("AWS-LC makes keys of these kinds")
}

/// A root and one intermediate.
pub struct Authority {
    /// The organisation, as it stands in the certificates.
    pub name: String,
    /// The root's certificate in DER.
    pub root: Vec<u8>,
    /// The intermediate's certificate in DER.
    pub intermediate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    /// What it issued and had logged for everybody to see.
    issued: Mutex<Vec<Arc<Issuance>>>,
}

/// What a certificate is to say.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The names it is for.
    pub names: &'a [&'a str],
    /// Its first moment.
    pub not_before: OffsetDateTime,
    /// Its last moment.
    pub not_after: OffsetDateTime,
    /// Where its SCTs come from.
    pub scts: Scts<'a>,
}

/// Where the SCTs of a certificate come from.
#[derive(Clone, Debug)]
pub enum Scts<'a> {
    /// It carries none.
    None,
    /// These logs sign it, an hour after its first moment, and publish it if that is their conduct.
    From(&'a [&'a Log]),
    /// The same, but whatever their conduct, these logs never publish it (A7).
    Withheld(&'a [&'a Log]),
    /// The same, but it is only in the history that these logs show while they fork (A8).
    Forked(&'a [&'a Log]),
    /// This list is put in as it is.
    Forged(Vec<u8>),
}

impl Authority {
    /// A new one, valid from two years before `now` to ten years after.
    pub fn new(name: &str, root: KeyShape, intermediate: KeyShape, now: OffsetDateTime) -> Self {
        let root_key = key(root);
        let root_params = ca_params(&format!("{name} Root"), name, now);
        let root = root_params.self_signed(&root_key).expect("a root").der().to_vec();
        let root_issuer = Issuer::new(root_params, root_key);
        let intermediate_key = key(intermediate);
        let mut params = ca_params(&format!("{name} Intermediate 1"), name, now);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        let intermediate = params
            .signed_by(&intermediate_key, &root_issuer)
            .expect("an intermediate")
            .der()
            .to_vec();
        let issuer = Issuer::new(params, intermediate_key);
        Self { name: name.into(), root, intermediate, issuer, issued: Mutex::default() }
    }

    /// Issues a certificate for `key`. Returns the chain in DER: leaf, intermediate.
    pub fn issue(&self, order: &Order<'_>, key: &impl PublicKeyData) -> Vec<Vec<u8>> {
        self.issue_changed(order, key, |_| {})
    }

    /// The same, with something about the certificate `change`d before the logs see it.
    pub fn issue_changed(
        &self,
        order: &Order<'_>,
        key: &impl PublicKeyData,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Vec<Vec<u8>> {
        let mut params = self.params(order);
        change(&mut params);
        let (shown, logs) = match &order.scts {
            Scts::None => return self.finish(&params, key, None),
            Scts::Forged(list) => return self.finish(&params, key, Some(list)),
            Scts::From(logs) => (None, logs),
            Scts::Withheld(logs) => (Some(Shown::ToNobody), logs),
            Scts::Forked(logs) => (Some(Shown::InTheFork), logs),
        };
        // What the logs sign is the certificate as it is without the list: rcgen writes it so, and
        // writes the list, or the poison, last.
        let without = params.signed_by(key, &self.issuer).expect("a certificate");
        let mut poisoned = params.clone();
        let mut poison = CustomExtension::from_oid_content(POISON, vec![5, 0]);
        poison.set_criticality(true);
        poisoned.custom_extensions.push(poison);
        let precertificate = poisoned.signed_by(key, &self.issuer).expect("a precertificate");
        let issuer_spki = self.issuer.key().subject_public_key_info();
        let chain = [self.intermediate.clone(), self.root.clone()];
        let tbs = tbs_of(without.der());
        let submission = Submission {
            issuer_spki: &issuer_spki,
            tbs,
            precertificate: precertificate.der(),
            chain: &chain,
        };
        let at = order.not_before + Duration::HOUR;
        let submit = |log: &&Log| match shown {
            None => log.submit(at, &submission),
            Some(shown) => log.submit_for(shown, at, &submission),
        };
        let scts: Vec<_> = logs.iter().map(submit).collect();
        let chain = self.finish(&params, key, Some(&sct_list(&scts)));
        if shown.is_none() {
            let serial = params.serial_number.as_ref().map_or(Vec::new(), SerialNumber::to_bytes);
            let issuance = Issuance {
                names: params.subject_alt_names.iter().filter_map(dns_name).collect(),
                operator: self.name.clone(),
                issuer_spki_sha256: Sha256::digest(&issuer_spki).into(),
                serial: serial.into_iter().skip_while(|byte| *byte == 0).collect(),
                not_before: params.not_before,
                not_after: params.not_after,
                logged: at,
                spki_sha256: Sha256::digest(key.subject_public_key_info()).into(),
                tbs: tbs.to_vec(),
                certificate: chain[0].clone(),
                precertificate: Some(precertificate.der().to_vec()),
            };
            self.issued.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(issuance));
        }
        chain
    }

    /// What it issued and had logged for everybody to see, in order.
    pub fn issued(&self) -> Vec<Arc<Issuance>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn finish(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
        list: Option<&Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        let mut params = params.clone();
        let extension =
            |list: &Vec<u8>| CustomExtension::from_oid_content(SCT_LIST, octet_string(list));
        params.custom_extensions.extend(list.map(extension));
        let leaf = params.signed_by(key, &self.issuer).expect("a certificate").der().to_vec();
        vec![leaf, self.intermediate.clone()]
    }

    fn params(&self, order: &Order<'_>) -> CertificateParams {
        static SERIAL: AtomicU64 = AtomicU64::new(0x1000);
        let names: Vec<String> = order.names.iter().map(|name| (*name).into()).collect();
        let mut params = CertificateParams::new(names).expect("names that rcgen takes");
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from(SERIAL.fetch_add(1, Ordering::Relaxed)));
        params.not_before = order.not_before;
        params.not_after = order.not_after;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.is_ca = IsCa::ExplicitNoCa;
        params
    }
}

fn dns_name(name: &SanType) -> Option<String> {
    match name {
        SanType::DnsName(name) => Some(name.as_str().into()),
        _ => None,
    }
}

fn ca_params(common_name: &str, organisation: &str, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organisation);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = now - Duration::days(2 * 365);
    params.not_after = now + Duration::days(10 * 365);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The first element of the outer SEQUENCE, with its header.
fn tbs_of(certificate: &[u8]) -> &[u8] {
    let (header, _) = der_header(certificate);
    let rest = &certificate[header..];
    let (header, length) = der_header(rest);
    &rest[..header + length]
}

/// Length of the header and of the value.
fn der_header(der: &[u8]) -> (usize, usize) {
    match der[1] {
        short @ 0..0x80 => (2, short.into()),
        long => {
            let count = usize::from(long & 0x7f);
            (2 + count, der[2..2 + count].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
        }
    }
}

fn octet_string(value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a short list").to_be_bytes();
    let header = match value.len() {
        0..0x80 => vec![4, length[1]],
        0x80..0x100 => vec![4, 0x81, length[1]],
        _ => vec![4, 0x82, length[0], length[1]],
    };
    [header.as_slice(), value].concat()
}

/// SignedCertificateTimestampList (RFC 6962 section 3.3).
pub fn sct_list(scts: &[Vec<u8>]) -> Vec<u8> {
    let entries: Vec<u8> = scts.iter().flat_map(|sct| with_length(sct)).collect();
    with_length(&entries)
}

fn with_length(value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a short list").to_be_bytes();
    [&length[..], value].concat()
}

/// One or more certificates as PEM.
pub fn pem(ders: &[Vec<u8>]) -> String {
    use base64ct::{Base64, Encoding};
    let mut out = String::new();
    for der in ders {
        out += "-----BEGIN CERTIFICATE-----\n";
        for line in Base64::encode_string(der).as_bytes().chunks(64) {
            out += std::str::from_utf8(line).expect("base64 is ASCII");
            out.push('\n');
        }
        out += "-----END CERTIFICATE-----\n";
    }
    out
}
