//! Doorlight's extension: stops before the page until the certificate is checked.
//!
//! | to learn about | read |
//! |---|---|
//! | what the scripts call | [`background`] |
//! | what the browser reports | [`background::browser_events`] |
//! | what the pages ask, and who may ask it | [`protocol`], [`background::passage`], [`background::message_handler`], [`background::sender`] |
//! | what is decided, and in which order | [`doorlight_guard`]; its ports in a browser: [`background::effects`] |
//! | what is guarded, and whether its gate is in its place | [`background::guarding`] |
//! | how certificates are seen | [`browser::capture`] |
//! | what keeps requests back | [`browser::gate`], its [`browser::rules`], and `static/veil.js` and `stop.js` for pages that make none |
//! | which page a light belongs to | [`browser::tabs`], [`browser::document`], [`browser::light`] |
//! | how logs and monitors are asked | [`browser::network`] |
//! | the pages | [`pages`] |
//! | the browser's own interface | [`browser::api`]; what it is asked for: [`browser::pattern`] |
//!
//! `static/background.js` registers the listeners in its first turn, because Chromium loses the
//! event that woke a worker if its listener comes later, and hands every event to [`background`].
//! Three modules for the browser are made of the features of the same names: `waking`, which answers
//! what is asked most and judges; `background`, the whole one, which takes over from it where homes,
//! logs or monitors are asked, or a page of the extension asks; and `pages`.

#[cfg(feature = "waking")]
pub mod background;
pub mod browser;
#[cfg(feature = "pages")]
pub mod pages;
pub mod protocol;
