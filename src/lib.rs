//! Doorlight's core: a certificate chain in, a verdict with its evidence out.
//!
//! Pure: no clock, no network, no browser, no arithmetic of signatures. The command line, the
//! extension and the web page bring those along and all get the same answer.
//!
//! | to learn about | read |
//! |---|---|
//! | the way of the data | [`verdict::observation`], [`verdict::examination`] |
//! | what is accepted as a certificate | [`x509::certificate`], [`x509::chain`], [`x509::fingerprint`], [`address`], [`url`] |
//! | whom to believe | [`x509::roots`], and the private module `path`; who vouches for whom, for a picture: [`verdict::chain_view`] |
//! | how signatures are checked, and why that is sound | [`x509::signature`] |
//! | Certificate Transparency | [`ct`] |
//! | how the network is asked | [`fetch`] |
//! | how files that name their version are opened | [`versioned`] |
//! | renewals and new keys | [`site`], [`site::pins`] |
//! | which other host could be mistaken for a guarded one | [`site::look_alike`] |
//! | who else has a certificate for the name | [`issuances`] |
//! | what can be found, and what it means for the light | [`verdict::evidence`], [`verdict`], [`verdict::report`]; in words: [`verdict::findings`] |
//! | Home Assistant: what it tells at home, its version, its state | [`home_assistant`] |
//!
//! Whether the logs published what they promised is a second step, over the network:
//! [`ct::publication`]; so is the watch on other people's certificates.
//!
//! What is *not* checked: revocation. `docs/threat-model.md` says attacker by attacker what that
//! leaves open.

pub mod address;
pub mod ct;
pub mod fetch;
pub mod home_assistant;
pub mod issuances;
pub mod site;
pub mod text;
pub mod time;
pub mod url;
pub mod verdict;
pub mod versioned;
pub mod x509;
