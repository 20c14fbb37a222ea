//! A key that nobody should use any more: RSA of 1024 bits. AWS-LC refuses to sign with it, so the
//! `rsa` crate does.

use std::sync::Arc;

use rcgen::PublicKeyData;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

/// RSA-1024.
#[derive(Clone, Debug)]
pub struct WeakKey {
    private: Arc<rsa::RsaPrivateKey>,
    public: Vec<u8>,
}

impl Default for WeakKey {
    fn default() -> Self {
        let private = rsa::RsaPrivateKey::new(&mut rand::rng(), 1024).expect("a key");
        let public = private.to_public_key().to_pkcs1_der().expect("DER").into_vec();
        Self { private: Arc::new(private), public }
    }
}

impl PublicKeyData for WeakKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for WeakKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::RSA_PSS_SHA256).then(|| Box::new(self.clone()) as _)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for WeakKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signer = rsa::pss::SigningKey::<sha2::Sha256>::new((*self.private).clone());
        Ok(signer.sign_with_rng(&mut rand::rng(), message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PSS_SHA256
    }
}
