//! Seeing the certificate that an address presents, on a connection of our own that carries nothing
//! of the user's.
//!
//! The probe is `HEAD /robots.txt?NONCE`: no cookie, no token, no referrer, no cache, and
//! `Connection: close`, so that the next probe cannot be answered over an old connection. HTTP/2
//! has no such header: there a second probe may travel over the first one's connection
//! (docs/threat-model.md). One module per browser.
//!
//! A home that asks for a client certificate is looked at in Firefox with the one that the user
//! chose, once they let it: the only thing of theirs that a look may show.

pub mod chromium;
pub mod firefox;
pub mod probe;

use doorlight::address::Address;

use self::chromium::Chromium;
use self::firefox::Firefox;
use self::probe::CaptureError;
use crate::browser::api;
use crate::browser::gate::Gate;
use doorlight_guard::ports::Captured;

/// Which browser this is, and how it shows certificates.
#[derive(Debug)]
pub enum Browser {
    /// Firefox.
    Firefox(Firefox),
    /// Chromium.
    Chromium(Chromium),
}

impl Browser {
    /// Told apart by what they have: only Firefox shows the security of a request.
    pub fn detect() -> Self {
        if api::has("webRequest.getSecurityInfo") {
            Self::Firefox(Firefox::default())
        } else {
            Self::Chromium(Chromium::default())
        }
    }

    /// Looks at what an address presents now. `shows_client_certificate` counts in Firefox alone.
    ///
    /// # Errors
    /// No certificate was seen, for the reason given.
    pub async fn look(
        &self,
        gate: &Gate,
        address: &Address,
        shows_client_certificate: bool,
    ) -> Result<Captured, CaptureError> {
        match self {
            Self::Firefox(firefox) => firefox.look(gate, address, shows_client_certificate).await,
            Self::Chromium(chromium) => chromium.look(gate, address).await,
        }
    }

    /// The name of the way certificates are seen.
    pub fn capture_name(&self) -> &'static str {
        match self {
            Self::Firefox(_) => "firefox",
            Self::Chromium(chromium) => chromium.name(),
        }
    }

    /// True for Firefox.
    pub fn is_firefox(&self) -> bool {
        matches!(self, Self::Firefox(_))
    }
}
