//! Doorlight's core: a certificate chain in, a verdict with its evidence out.
//!
//! Pure: no clock, no network, no browser, no arithmetic of signatures. The command line, the extension and the web page
//! bring those along and all get the same answer.
//!
//! | to learn about | read |
//! |---|---|
//! | the way of the data | [`examination`] |
//! | which other host could be mistaken for a guarded one | [`look_alike`] |
//! | what is accepted as a certificate | [`certificate`], [`chain`], [`fingerprint`], [`address`] |
//! | whom to believe | [`roots`], and the private module `path`; who vouches for whom, for a picture: [`ladder`] |
//! | how signatures are checked, and why that is sound | [`signature`] |
//! | Certificate Transparency | [`ct`] |
//! | how the network is asked | [`fetch`] |
//! | renewals and new keys | [`site`], [`pins`] |
//! | who else has a certificate for the name | [`ct::monitor`], [`issuance`], [`watch`], the picture of it in [`timeline`], whom to write to in [`authority`] |
//! | what can be found, and what it means for the light | [`evidence`], [`verdict`], [`report`]; in words: [`findings`] |
//! | Home Assistant: what it tells at home, its version, its state | [`home_assistant`] |
//!
//! Whether the logs published what they promised is a second step, over the network: [`ct::publication`]; so is the watch on other people's certificates.
//!
//! What is *not* checked: revocation. `docs/threat-model.md` says attacker by attacker what that leaves open.

pub mod address;
pub mod authority;
pub mod certificate;
pub mod chain;
pub mod ct;
pub mod evidence;
pub mod examination;
pub mod fetch;
pub mod findings;
pub mod fingerprint;
pub mod home_assistant;
pub mod issuance;
pub mod ladder;
pub mod look_alike;
pub mod pins;
pub mod report;
pub mod roots;
pub mod signature;
pub mod site;
pub mod text;
pub mod time;
pub mod timeline;
pub mod verdict;
pub mod watch;

mod name;
mod path;
