//! Homes that ask for a client certificate, and the user who lets theirs be shown.
//!
//! Whoever answers under the home's name can ask for it, and reads in it who the user is. They get
//! no key by it, and nothing that they could show to the home (RFC 8446, section 4.4.3).

use doorlight::address::Address;

use crate::engine::{Engine, Inquire};
use crate::ports::Ports;
use crate::store::not_stored;
use crate::trouble::Trouble;

impl<P: Ports, I: Inquire<P>> Engine<P, I> {
    /// Lets looks at a guarded address show a client certificate of the user's, or no longer, and
    /// looks at once.
    ///
    /// # Errors
    /// It could not be stored, so it stays as it was.
    pub async fn show_client_certificate(
        &self,
        address: &Address,
        is_shown: bool,
    ) -> Result<(), Trouble> {
        let changed = self.store.change_settings(|settings| {
            if !is_shown {
                settings.client_certificates.remove(address);
            } else if self.store.is_guarded(address) {
                settings.client_certificates.insert(address.clone());
            }
        });
        changed.await.map_err(|error| not_stored(&error))?;
        self.expire(Some(address)).await;
        self.check(address).await;
        Ok(())
    }
}
