//! Certificates (RFC 5280): what is accepted as one, who vouches for whom, and by which signature.

pub mod bundle;
pub mod certificate;
pub mod chain;
pub mod fingerprint;
pub mod roots;
pub mod serial;
pub mod signature;

pub(crate) mod name;
pub(crate) mod path;
pub(crate) mod pkcs7;
