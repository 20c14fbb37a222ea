//! Doorlight for the stand-alone web page: whatever people have of a certificate in, the verdict
//! with its evidence out.
//!
//! Everything happens on the page. Nobody is asked anything before the reader agreed to it,
//! question by question; nothing is stored but the page's own files.
//!
//! | to learn about | read |
//! |---|---|
//! | what is recognised in a paste, a file or a link | [`input`], [`link`] |
//! | how it is judged, and what the page knows for that | [`check`], [`known`] |
//! | the page from top to bottom | [`page`], what is on it: [`shown`], how it looks: [`result`] |
//! | who vouches for whom, the logs' promises | [`chain_picture`], [`logs`] |
//! | comparing with a fingerprint | [`compare`] |
//! | asking logs and monitors | [`monitors`], [`loader`]; in a module of its own `deep`, [`network`], over [`question`] |
//! | reports that somebody wrote, files to take along | [`written`], [`exported`] |
//! | how to get at a certificate, what a page cannot know | [`recipes`] |
//! | samples | [`samples`] |
//! | the words, and where the page's own files are | [`host`] |
//! | the same for scripts | [`api`] |

#[cfg(feature = "page")]
pub mod api;
#[cfg(feature = "page")]
pub mod chain_picture;
pub mod check;
#[cfg(feature = "page")]
pub mod compare;
#[cfg(feature = "deep")]
pub mod deep;
#[cfg(feature = "page")]
pub mod exported;
pub mod host;
pub mod input;
pub mod known;
pub mod link;
#[cfg(feature = "page")]
pub mod loader;
#[cfg(feature = "page")]
pub mod logs;
#[cfg(feature = "page")]
pub mod monitors;
pub mod network;
#[cfg(feature = "page")]
pub mod page;
pub mod question;
#[cfg(feature = "page")]
pub mod recipes;
#[cfg(feature = "page")]
pub mod result;
#[cfg(feature = "page")]
pub mod samples;
#[cfg(feature = "page")]
pub mod shown;
#[cfg(feature = "page")]
pub mod start;
#[cfg(feature = "page")]
pub mod written;
