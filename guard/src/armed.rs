//! What has to have happened before a rule may open.

use std::collections::BTreeSet;

use doorlight::address::Address;

use crate::session::OpenSet;

/// What may pass by what is stored, by this background or another one. Made by [`crate::gate`]
/// alone.
#[derive(Debug)]
pub struct Written(pub(crate) OpenSet);

/// What may pass by what is stored, and an alarm will end. Made by [`crate::gate`] alone.
#[derive(Clone, PartialEq, Debug)]
pub struct Armed(pub(crate) OpenSet);

impl Armed {
    /// The addresses.
    pub fn addresses(&self) -> BTreeSet<Address> {
        self.0.addresses()
    }
}
