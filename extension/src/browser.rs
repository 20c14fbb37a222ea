//! What is asked of a browser: its interface, and what of it shuts, shows and looks.

pub mod api;
#[cfg(feature = "background")]
pub mod capture;
#[cfg(feature = "background")]
pub mod document;
#[cfg(feature = "background")]
pub mod downloads;
#[cfg(feature = "background")]
pub mod gate;
#[cfg(feature = "background")]
pub mod intermediates;
#[cfg(feature = "background")]
pub mod light;
#[cfg(feature = "background")]
pub mod network;
pub mod pattern;
#[cfg(feature = "background")]
pub mod rules;
#[cfg(feature = "background")]
pub mod tabs;
#[cfg(feature = "background")]
pub mod url;
