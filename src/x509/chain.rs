//! A chain: the server's own certificate, and what came with it.

use crate::x509::bundle;
use crate::x509::certificate::{self, Certificate, MAX_CERTIFICATES, ReadError};
use crate::x509::name::SubjectName;

/// The server's certificate and the others, in no particular order.
#[derive(Clone, Debug)]
pub struct Chain {
    leaf: Certificate,
    others: Vec<Certificate>,
    unreadable: usize,
}

impl Chain {
    /// What a server presented. The first certificate is the server's own, whatever else is there
    /// (RFC 8446 section 4.4.2): were the leaf looked for, an attacker could send the genuine one
    /// along and be taken for it. A companion that cannot be read is left out and counted; it can
    /// only be missed.
    ///
    /// # Errors
    /// [`ReadError`] where the first certificate cannot be read, or where there are too many.
    pub fn presented(ders: &[Vec<u8>]) -> Result<Self, ReadError> {
        let (first, rest) = ders.split_first().ok_or(ReadError::NoCertificate)?;
        if ders.len() > MAX_CERTIFICATES {
            return Err(ReadError::TooManyCertificates);
        }
        let leaf = read(first, 1)?;
        let others: Vec<_> = rest.iter().filter_map(|der| read(der, 0).ok()).collect();
        Ok(Self { leaf, unreadable: rest.len() - others.len(), others })
    }

    /// A file or paste, in any order. The server's certificate is the first one if it may be one,
    /// else the only one that may.
    ///
    /// # Errors
    /// [`ReadError`]: here every certificate has to be readable.
    pub fn from_bundle(ders: &[Vec<u8>]) -> Result<Self, ReadError> {
        if ders.len() > MAX_CERTIFICATES {
            return Err(ReadError::TooManyCertificates);
        }
        let mut others = ders
            .iter()
            .enumerate()
            .map(|(n, der)| read(der, n + 1))
            .collect::<Result<Vec<_>, _>>()?;
        let ends: Vec<usize> =
            others.iter().enumerate().filter(|(_, one)| may_be_leaf(one)).map(|(n, _)| n).collect();
        let leaf = match (ends.as_slice(), others.len()) {
            (_, 0) => return Err(ReadError::NoCertificate),
            ([0, ..], _) | ([], 1) => 0,
            ([only], _) => *only,
            ([], _) => return Err(ReadError::OnlyAuthorities),
            (_, _) => return Err(ReadError::AmbiguousLeaf { candidates: ends.len() }),
        };
        let leaf = others.remove(leaf);
        Ok(Self { leaf, others, unreadable: 0 })
    }

    /// Reads a file or paste: [`bundle::split`], then [`Chain::from_bundle`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(input: &[u8]) -> Result<Self, ReadError> {
        Self::from_bundle(&bundle::split(input)?)
    }

    /// The server's own certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The others.
    pub fn others(&self) -> &[Certificate] {
        &self.others
    }

    /// How many companions could not be read.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }
}

/// True for what a browser would take as a server's: it is for a host, or at least no CA's. A CA's
/// certificate that is for a host counts, so that an attacker's cannot hide behind its CA flag
/// while the genuine chain, put after it, is judged.
fn may_be_leaf(certificate: &Certificate) -> bool {
    let is_for_a_host = certificate.names().iter().any(|name| *name != SubjectName::Other);
    is_for_a_host || !(certificate.is_ca() || certificate.is_self_issued())
}

fn read(der: &[u8], number: usize) -> Result<Certificate, ReadError> {
    if der.len() > certificate::MAX_CERTIFICATE {
        return Err(ReadError::CertificateTooLarge { number });
    }
    Certificate::from_der(der).map_err(|source| ReadError::Malformed { number, source })
}
