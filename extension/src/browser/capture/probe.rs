//! Our own probe, and what can come of it.

use doorlight::address::Address;
use doorlight::verdict::evidence::Code;
use doorlight_guard::ports::Captured;
use js_sys::Reflect;

use crate::browser::api::{self, time_limit};
use crate::browser::gate::Gate;

/// How long a look may take, in milliseconds.
pub const TIME_LIMIT: u32 = 10_000;
/// What a probe asks for: small, public, and there on most servers. Home Assistant has it.
pub const PROBE_PATH: &str = "/robots.txt";

/// No certificate was seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The browser refuses the certificate.
    #[error("the browser refuses it: {0}")]
    Refused(String),
    /// The user told the browser to accept anything.
    #[error("the browser holds an exception")]
    Overridden,
    /// There was no connection, or no TLS.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It took longer than [`TIME_LIMIT`].
    #[error("no answer in time")]
    /// No answer in time.
    TimedOut,
    /// The user pressed Cancel in the debugger's bar.
    #[error("the look was ended")]
    Ended,
    /// The connection worked, and the browser did not say what was presented.
    #[error("not shown: {0}")]
    NotShown(String),
}

impl CaptureError {
    /// How it stands in the evidence.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(_) => Code::BrowserRefuses,
            Self::Overridden => Code::BrowserOverride,
            Self::Unreachable(_) => Code::CertificateMissing,
            Self::TimedOut => Code::CertificateTimedOut,
            Self::Ended => Code::CertificateLookEnded,
            Self::NotShown(_) => Code::CertificateNotShown,
        }
    }

    /// What the browser said, if anything.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused(reason) | Self::Unreachable(reason) | Self::NotShown(reason) => reason,
            Self::Overridden | Self::TimedOut | Self::Ended => "",
        }
    }

    /// From the error of a failed request.
    ///
    /// Chromium names its errors (`net_error_list.h`). Firefox writes `NS_ERROR_…` for the network,
    /// and for certificates and TLS the text of NSS in the user's language: a certificate is one of
    /// "certifi…" or "Zertifi…" in most, and a server that ends the handshake is no certificate.
    /// What is not recognised is "not checked"; the gate is shut either way.
    pub fn from_error(text: &str) -> Self {
        let is_about_certificate = match text.strip_prefix("net::ERR_") {
            Some(name) => {
                name.starts_with("CERT")
                    || [
                        "SSL_SERVER_CERT_BAD_FORMAT",
                        "SSL_KEY_USAGE_INCOMPATIBLE",
                        "SSL_PINNED_KEY_NOT_IN_CERT_CHAIN",
                    ]
                    .contains(&name)
            }
            None => {
                let is_about_it = text.contains("ertifi") || text.contains("ssuer");
                is_about_it
                    && !text.starts_with("NS_")
                    && !text.contains("SSL")
                    && !text.contains("TLS")
            }
        };
        if is_about_certificate {
            Self::Refused(text.into())
        } else {
            Self::Unreachable(text.into())
        }
    }
}

/// How certificates are seen in this browser.
#[expect(async_fn_in_trait, reason = "a page has one thread, and nobody else implements it")]
pub trait Capture {
    /// Looks at what an address presents now.
    async fn look(&self, gate: &Gate, address: &Address) -> Result<Captured, CaptureError>;

    /// The name of the way, for the report of the options page.
    fn name(&self) -> &'static str;
}

/// A probe that has ended.
pub struct Probe {
    /// Its URL: nobody else can have made a request to it.
    pub url: String,
    /// `Ok(false)` where the answer leads elsewhere.
    pub result: Result<bool, ProbeError>,
}

/// Sends a probe through the shut gate, and ends it after [`TIME_LIMIT`].
pub async fn probe(gate: &Gate, address: &Address, path: &str) -> Result<Probe, CaptureError> {
    let exemption = gate.exempt(&format!("https://{address}{path}")).await;
    let exemption = exemption.map_err(|error| CaptureError::NotShown(error.to_string()))?;
    let result = send(exemption.url()).await;
    Ok(Probe { url: exemption.url().to_owned(), result })
}

async fn send(url: &str) -> Result<bool, ProbeError> {
    let init = api::to_js(&serde_json::json!({
        "method": "HEAD",
        "credentials": "omit",
        "cache": "no-store",
        "redirect": "manual",
        "referrerPolicy": "no-referrer",
    }));
    // Setting a member of a fresh object does not fail.
    let _ = Reflect::set(&init, &"signal".into(), &time_limit(TIME_LIMIT));
    match api::fetch(url, &init).await {
        Ok(response) => {
            Ok(api::member(&response, "type").as_string().as_deref() != Some("opaqueredirect"))
        }
        Err(error)
            if api::member(&error, "name").as_string().as_deref() == Some("TimeoutError") =>
        {
            Err(ProbeError::TimedOut)
        }
        Err(_) => Err(ProbeError::Failed),
    }
}

/// A probe came to nothing; `fetch` tells nobody why.
pub enum ProbeError {
    /// No answer in time.
    TimedOut,
    /// Anything else.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart() {
        for refused in [
            "net::ERR_CERT_AUTHORITY_INVALID",
            "net::ERR_CERTIFICATE_TRANSPARENCY_REQUIRED",
            "net::ERR_SSL_SERVER_CERT_BAD_FORMAT",
            "Issuer certificate is invalid.",
            "Das Zertifikat der Gegenstelle ist abgelaufen.",
        ] {
            assert_eq!(CaptureError::from_error(refused), CaptureError::Refused(refused.into()));
        }
        for unreachable in [
            "net::ERR_CONNECTION_REFUSED",
            "net::ERR_SSL_PROTOCOL_ERROR",
            "NS_ERROR_UNKNOWN_HOST",
            "Peer reports it experienced an internal error.",
            "SSL received a record that exceeded the maximum permissible length.",
            "",
        ] {
            assert_eq!(
                CaptureError::from_error(unreachable),
                CaptureError::Unreachable(unreachable.into())
            );
        }
    }
}
