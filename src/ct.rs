//! Certificate Transparency (RFC 6962): was this certificate shown to public logs?
//!
//! An SCT is a log's signed promise to publish. Here the promises are read from the certificate, their signatures checked against the logs'
//! keys, and their number and spread against a policy. Whether a promise was *kept* is a question to the log itself, not asked yet.
//! Monitors read all logs and answer what was issued for a name ([`monitor`]); what they say is taken as said, and believed where the certificate
//! is at hand.

pub mod log_list;
pub mod monitor;
pub mod policy;
pub mod sct;
