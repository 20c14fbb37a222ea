//! Doorlight's extension: stops before the page until the certificate is checked.
//!
//! | to learn about | read |
//! |---|---|
//! | what the scripts call | [`background`] |
//! | the way from a look to the light | [`keeper`], [`keeper::check`], [`keeper::guard`] |
//! | whom it believes | [`believed`] |
//! | how certificates are seen | [`capture`] |
//! | what keeps requests back | [`gate`], and `static/veil.js` for pages that make none |
//! | what the browser reports | [`events`] |
//! | what logs and monitors are asked, and how | [`audit`], [`network`]; the list of logs: [`log_list`] |
//! | what the home itself says, over the local network | [`home`] |
//! | how an address stands in this session | [`standing`] |
//! | what is kept, and where | [`store`], [`settings`], [`journal`] |
//! | the pages | [`pages`], and what they ask: [`message`], [`answer`] |
//! | the toolbar | [`light`] |
//! | the browser's own interface | [`api`]; what it is asked for: [`pattern`] |
//!
//! `static/background.js` registers the listeners in its first turn, because Chromium loses the event that woke a worker if its listener comes
//! later, and hands every event to [`background`]. Background and pages are two modules for the browser, made of the features of the same names.

#[cfg(feature = "background")]
pub mod answer;
pub mod api;
#[cfg(feature = "background")]
pub mod audit;
#[cfg(feature = "background")]
pub mod background;
#[cfg(feature = "background")]
pub mod believed;
#[cfg(feature = "background")]
pub mod capture;
#[cfg(feature = "background")]
pub mod events;
#[cfg(feature = "background")]
pub mod gate;
#[cfg(feature = "background")]
pub mod home;
#[cfg(feature = "background")]
pub mod intermediates;
pub mod journal;
#[cfg(feature = "background")]
pub mod keeper;
pub mod light;
#[cfg(feature = "background")]
pub mod log_list;
pub mod message;
#[cfg(feature = "background")]
pub mod network;
#[cfg(feature = "pages")]
pub mod pages;
pub mod pattern;
pub mod settings;
#[cfg(feature = "background")]
pub mod standing;
#[cfg(feature = "background")]
pub mod store;
#[cfg(feature = "background")]
pub mod turn;
