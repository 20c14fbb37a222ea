//! From what was observed to what is thought of it.

pub mod chain_view;
pub mod evidence;
pub mod examination;
pub mod findings;
pub mod observation;
pub mod report;

mod decision;

pub use decision::*;
