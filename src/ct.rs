//! Certificate Transparency (RFC 6962): was this certificate shown to public logs?
//!
//! An SCT is a log's signed promise to publish. Here the promises are read from the certificate, their signatures checked against the logs'
//! keys, and their number and spread against a policy. Whether a promise was *kept* is a question to the log itself, not asked yet.

pub mod checkpoint;
pub mod log_list;
pub mod merkle;
pub mod policy;
pub mod rfc6962;
pub mod sct;
pub mod tile;
pub mod tree_head;
