//! Home Assistant, which Doorlight knows inside out: what it tells over the local network, and
//! whether its house is in order.
//!
//! | to learn about | read |
//! |---|---|
//! | where it may be asked | [`local`] |
//! | what is said between it and us | [`conversation`] |
//! | why it cannot be spoken to | [`unreached`] |
//! | what its version means | [`version`], [`advisory`] |
//! | the state of the house as findings | [`check_up`] |
//! | how its word enters the site record | [`crate::site::SiteRecord::hear`] |
//!
//! Pure like the rest of the core: the command line and the extension bring the connection and the
//! clock.
//!
//! **What the home's word is worth.** It is believed as far as the local network is. Over plain
//! HTTP nothing proves that the home itself answers: whoever controls the network in which the
//! question is asked can answer in its place, and reads the token. So a home is asked where its
//! owner says, at a local address alone ([`local`]), never at the guarded one: what comes over the
//! remote address can be rewritten by the very attacker that this is about.

pub mod advisory;
pub mod check_up;
pub mod conversation;
pub mod local;
pub mod unreached;
pub mod version;
