//! Certificate Transparency (RFC 6962): was this certificate shown to public logs?
//!
//! An SCT is a log's signed promise to publish. Here the promises are read from the certificate,
//! their signatures checked against the logs' keys, and their number and spread against a policy.
//!
//! Whether a promise was *kept* is a question to the log itself: [`publication`] asks it, for the
//! entry's place in a signed tree ([`merkle`], [`tree_head`]), in the way of RFC 6962 ([`rfc6962`])
//! or by tiles ([`checkpoint`], [`tile`]), and holds the log to what it said before ([`heads`]).
//!
//! Monitors read all logs and answer what was issued for a name ([`issuances::monitor`]). They are
//! taken at their word, and checked against the certificate where that is at hand.
//!
//! [`issuances::monitor`]: crate::issuances::monitor

pub mod checkpoint;
pub mod heads;
pub mod log_list;
pub mod merkle;
pub mod policy;
pub mod publication;
pub mod rfc6962;
pub mod sct;
pub mod tile;
pub mod tree_head;
