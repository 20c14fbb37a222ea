//! What Doorlight's pages are built of, in the extension and on the web: elements, words, and
//! everything that shows a report.
//!
//! Pages are built of elements and text ([`dom`]); nothing that came from a certificate, a server,
//! a file or the storage is ever taken for markup.
//!
//! | to learn about | read |
//! |---|---|
//! | what the surroundings of a page bring along | [`host`] |
//! | elements, fields, buttons, files | [`dom`], [`field`], [`button`], [`mod@file`] |
//! | the words | [`words`], times in words: [`clock`], what has just happened: [`said`] |
//! | a report on a page | [`reason`], [`findings`], [`certificate`], [`sign`] |
//! | what the logs proved | [`published`] |
//! | the certificates for a name | [`timeline`] |

pub mod browser;
pub mod button;
pub mod certificate;
pub mod clock;
pub mod dom;
pub mod field;
pub mod file;
pub mod findings;
pub mod host;
pub mod published;
pub mod reason;
pub mod said;
pub mod sign;
pub mod timeline;
pub mod words;
