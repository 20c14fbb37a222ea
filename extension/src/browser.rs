//! What is asked of a browser: its interface, and what of it shuts, shows and looks.

pub mod api;
#[cfg(feature = "waking")]
pub mod capture;
#[cfg(feature = "waking")]
pub mod document;
#[cfg(feature = "waking")]
pub mod downloads;
#[cfg(feature = "waking")]
pub mod gate;
#[cfg(feature = "waking")]
pub mod intermediates;
#[cfg(feature = "waking")]
pub mod light;
#[cfg(feature = "waking")]
pub mod network;
pub mod pattern;
#[cfg(feature = "waking")]
pub mod rules;
#[cfg(feature = "waking")]
pub mod tabs;
#[cfg(feature = "waking")]
pub mod url;
