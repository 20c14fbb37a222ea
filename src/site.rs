//! What is known of an address: its record, the home's word in it, and the file of all records.

pub mod look_alike;
pub mod pins;

mod attestation;
mod home_word;
mod record;

pub use record::*;
