//! Whether a handshake was signed by the key of the certificate that is presented, whatever that
//! certificate is otherwise.
//!
//! rustls reads the key out of certificates of X.509 v3 alone. A home's own may be of v1 (`openssl
//! x509 -req` made them for decades): for what the core reads, the key is taken from there.

use doorlight::x509::certificate::Certificate;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error};
use webpki::RawPublicKeyEntity;

/// By TLS 1.2 (RFC 5246, section 7.4.3).
pub(crate) fn tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let result = verify_tls12_signature(message, certificate, signed, algorithms);
    let Some(spki) = unread(&result, certificate) else { return result };
    let bad = |error: CertificateError| Error::InvalidCertificate(error);
    let key =
        RawPublicKeyEntity::try_from(&spki).map_err(|_| bad(CertificateError::BadEncoding))?;
    let fitting = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
    let is_signed = fitting
        .flat_map(|(_, algorithms)| *algorithms)
        .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok());
    if is_signed {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(bad(CertificateError::BadSignature))
    }
}

/// By TLS 1.3 (RFC 8446, section 4.4.3).
pub(crate) fn tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let result = verify_tls13_signature(message, certificate, signed, algorithms);
    match unread(&result, certificate) {
        Some(spki) => verify_tls13_signature_with_raw_key(message, &spki, signed, algorithms),
        None => result,
    }
}

/// The key, where it was not the signature that rustls objected to.
fn unread(
    result: &Result<HandshakeSignatureValid, Error>,
    certificate: &CertificateDer<'_>,
) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let is_judged = match result {
        Ok(_) => true,
        Err(Error::InvalidCertificate(error)) => matches!(
            error,
            CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        ),
        Err(_) => true,
    };
    let read = || Certificate::from_der(certificate).ok();
    if is_judged { None } else { read().map(|read| read.spki().to_vec().into()) }
}
