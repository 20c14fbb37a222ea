//! Doorlight's guard engine: what is decided between the core and a browser.
//!
//! Nothing here has a clock, a network, a storage or a browser of its own. Decisions are plain
//! functions of what is known, what was learned and the time; what has to be asked goes through
//! [`ports`].
//!
//! | to learn about | read |
//! |---|---|
//! | who carries out what follows from what | [`engine`] |
//! | the way from a look to what is thought of an address | [`check`] |
//! | what is known of an address in this session, and whether it may pass | [`session`] |
//! | what a check was judged by | [`basis`] |
//! | the order in which rules, storage and alarm change | [`gate`], [`armed`] |
//! | all that is known, and what follows from it | [`state`]; with what is stored: [`store`] |
//! | what logs and monitors are asked, and what they found | [`audits`], [`audit`], [`proof`], [`sources`] |
//! | a newer list of logs | [`log_list`] |
//! | what the home is asked and said, and when its token may be sent | [`homes`], [`home`] |
//! | whether a look may show a client certificate | [`client_certificate`] |
//! | which downloads wait while the gate is shut | [`downloads`] |
//! | what a flow may ask of a browser | [`ports`] |
//! | who asks homes, logs and monitors, and when | [`inquiries`]; a background that leaves it to another one | [`deferred`] |
//! | the light in the toolbar | [`light`] |
//! | what checks are judged by | [`trust_config`], read when it is needed: [`trust`]; versions | [`advisories`] |
//! | what two backgrounds change at once | [`changes`] |
//! | what the user chose | [`settings`] |
//! | how stored values are read | [`storage`], [`journal`] |
//! | one after the other, one piece of work for many | [`turn`], [`single_flight`] |

pub mod advisories;
pub mod armed;
pub mod audit;
pub mod audits;
pub mod basis;
pub mod changes;
pub mod check;
pub mod client_certificate;
pub mod deferred;
pub mod downloads;
pub mod engine;
pub mod gate;
pub mod home;
pub mod homes;
pub mod inquiries;
pub mod journal;
pub mod light;
pub mod log_list;
pub mod pattern;
pub mod ports;
pub mod proof;
pub mod prove;
pub mod session;
pub mod settings;
pub mod single_flight;
pub mod sources;
pub mod state;
pub mod storage;
pub mod store;
pub mod trouble;
pub mod trust;
pub mod trust_config;
pub mod turn;

#[cfg(all(feature = "today", target_arch = "wasm32"))]
compile_error!("the feature `today` breaks the order on purpose, for a test");
