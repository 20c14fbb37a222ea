//! Rates passwords and makes new ones: a module of its own, because the rating brings lists of
//! words that are larger than all the rest of the extension together. Only `static/rater.js` loads
//! it, a worker: the rating of a long password takes seconds.
//!
//! | to learn about | read |
//! |---|---|
//! | how hard a password is to guess | [`rating`] |
//! | what is wrong with it, and what would be better | [`advice`] |
//! | how a new one is drawn | [`generator`], out of [`words`] |
//! | what the page calls | [`exports`] |
//!
//! Nothing is stored and nothing is sent: there is no network and no storage in here. What holds a
//! password is overwritten when it is done with, as far as this crate holds it. Copies that it
//! cannot reach stay until their memory is used again: those of the zxcvbn crate, and those of the
//! browser, whose strings nobody can overwrite.

pub mod advice;
pub mod exports;
pub mod generator;
pub mod rating;
pub mod words;
