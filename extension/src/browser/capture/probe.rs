//! Our own probe, and what can come of it.

use doorlight::address::Address;
use doorlight::verdict::evidence::Code;
use js_sys::Reflect;

use crate::browser::api::{self, time_limit};
use crate::browser::gate::Gate;
use crate::browser::rules::Method;

/// How long a probe by HEAD may take, in milliseconds: then GET is tried.
const HEAD_LIMIT: u32 = 4_000;
/// And one by GET.
const GET_LIMIT: u32 = 6_000;
/// And one that shows a client certificate, which the browser may ask the user for. The background
/// of Firefox may end after 30 seconds without an event.
const CHOICE_LIMIT: u32 = 25_000;
/// How long both may take with what lies between: less than the gate page waits for an answer.
pub const LOOK_LIMIT: u32 = HEAD_LIMIT + GET_LIMIT + 1_000;
/// A request failed and no event said why.
pub const UNTOLD: &str = "the request failed";
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
    /// The server wants a certificate of the visitor's, and our look has none.
    #[error("it asks for a client certificate: {0}")]
    ClientWanted(String),
    /// Somebody answers, and TLS did not come about.
    #[error("no TLS: {0}")]
    HandshakeFailed(String),
    /// It took too long.
    #[error("no answer in time")]
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
            Self::ClientWanted(_) => Code::CertificateClientWanted,
            Self::HandshakeFailed(_) => Code::CertificateHandshakeFailed,
            Self::TimedOut => Code::CertificateTimedOut,
            Self::Ended => Code::CertificateLookEnded,
            Self::NotShown(_) => Code::CertificateNotShown,
        }
    }

    /// What the browser said, if anything.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused(reason)
            | Self::Unreachable(reason)
            | Self::ClientWanted(reason)
            | Self::HandshakeFailed(reason)
            | Self::NotShown(reason) => reason,
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
        if wants_client(text) {
            Self::ClientWanted(text.into())
        } else if is_about_certificate {
            Self::Refused(text.into())
        } else if is_of_tls(text) {
            Self::HandshakeFailed(text.into())
        } else {
            Self::Unreachable(text.into())
        }
    }
}

/// A probe that has ended.
pub struct Probe {
    /// Its URL: nobody else can have made a request to it.
    pub url: String,
    /// `Ok(false)` where the answer leads elsewhere.
    pub result: Result<bool, ProbeError>,
}

/// How an address is asked. Not every home answers the common way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Way {
    method: Method,
    /// At a path that nobody has asked for before.
    is_new_path: bool,
    /// With a client certificate of the user's, where one is asked for.
    shows_client_certificate: bool,
}

impl Way {
    /// The common one.
    pub const FIRST: Self =
        Self { method: Method::Head, is_new_path: false, shows_client_certificate: false };

    /// What to try after a probe failed in this way; `None` where another would fail too.
    /// `may_show`: a client certificate may be shown.
    pub fn after(self, error: &CaptureError, may_show: bool) -> Option<Self> {
        let by_get = Self { method: Method::Get, ..self };
        match error {
            // Chromium refuses an extension's requests to a URL for a while after some answers of
            // 5xx, before any event (`extension_url_loader_throttle.cc`). The query does not count.
            CaptureError::Unreachable(reason) if reason == UNTOLD => {
                (!self.is_new_path).then_some(Self { is_new_path: true, ..self })
            }
            // Some servers drop what they do not know, or never answer it.
            CaptureError::Unreachable(reason) if is_hang_up(reason) => {
                (self != by_get).then_some(by_get)
            }
            // The user may still be asked which certificate to show.
            CaptureError::TimedOut if self.shows_client_certificate => None,
            CaptureError::TimedOut => (self != by_get).then_some(by_get),
            CaptureError::ClientWanted(_) | CaptureError::HandshakeFailed(_) => (may_show
                && !self.shows_client_certificate)
                .then_some(Self { shows_client_certificate: true, ..self }),
            _ => None,
        }
    }

    /// True where a client certificate of the user's may be shown.
    pub fn shows_client_certificate(self) -> bool {
        self.shows_client_certificate
    }

    fn limit(self) -> u32 {
        match self.method {
            _ if self.shows_client_certificate => CHOICE_LIMIT,
            Method::Head => HEAD_LIMIT,
            Method::Get => GET_LIMIT,
        }
    }

    /// A request without credentials shows no client certificate (Fetch standard, "connections").
    /// With them the browser would add cookies and HTTP authentication: `background.js` takes them
    /// out, and the answer's end at the listener of its headers keeps what it brings from counting.
    fn credentials(self) -> &'static str {
        if self.shows_client_certificate { "include" } else { "omit" }
    }
}

/// True for the error of a server that wants a certificate of the visitor's. By TLS 1.2 it sends an
/// alert that stands for much else too (`handshake_failure`, RFC 5246 section 7.2.2), of which
/// Firefox says no more.
fn wants_client(text: &str) -> bool {
    text.strip_prefix("net::ERR_").is_some_and(|name| name.contains("SSL_CLIENT_AUTH"))
        || text.contains("SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT")
}

/// True for any other error of TLS. Firefox writes the names of the network's errors, and of TLS a
/// sentence of NSS in the user's language, or its name where there is no sentence.
fn is_of_tls(text: &str) -> bool {
    match text.strip_prefix("net::ERR_") {
        Some(name) => name.starts_with("SSL_") || name.starts_with("BAD_SSL"),
        None => text.contains("SSL_ERROR_") || text.contains(' '),
    }
}

/// True where there was a connection and the server ended it without an answer.
fn is_hang_up(reason: &str) -> bool {
    const CHROMIUM: [&str; 7] = [
        "EMPTY_RESPONSE",
        "SOCKET_NOT_CONNECTED",
        "CONNECTION_CLOSED",
        "CONNECTION_RESET",
        "INVALID_HTTP_RESPONSE",
        "HTTP2_PROTOCOL_ERROR",
        "RESPONSE_HEADERS_TRUNCATED",
    ];
    const FIREFOX: [&str; 4] =
        ["NET_RESET", "NET_INTERRUPT", "NET_EMPTY_RESPONSE", "NET_PARTIAL_TRANSFER"];
    let is_among = |prefix, names: &[&str]| {
        reason.strip_prefix(prefix).is_some_and(|name| names.contains(&name))
    };
    is_among("net::ERR_", &CHROMIUM) || is_among("NS_ERROR_", &FIREFOX)
}

/// Sends a probe through the shut gate, and ends it after some seconds.
pub async fn probe(
    gate: &Gate,
    address: &Address,
    path: &str,
    way: Way,
) -> Result<Probe, CaptureError> {
    let path = match way.is_new_path {
        true => format!("/doorlight-{}", api::random_uuid()),
        false => path.to_owned(),
    };
    let exemption = gate.exempt(&format!("https://{address}{path}"), way.method, None).await;
    let exemption = exemption.map_err(|error| CaptureError::NotShown(error.to_string()))?;
    let result = send(exemption.url(), way).await;
    Ok(Probe { url: exemption.url().to_owned(), result })
}

async fn send(url: &str, way: Way) -> Result<bool, ProbeError> {
    let init = api::to_js(&serde_json::json!({
        "method": way.method.as_str(),
        "credentials": way.credentials(),
        "cache": "no-store",
        "redirect": "manual",
        "referrerPolicy": "no-referrer",
    }));
    // Setting a member of a fresh object does not fail.
    let _ = Reflect::set(&init, &"signal".into(), &time_limit(way.limit()));
    match api::fetch(url, &init).await {
        Ok(response) => {
            // The headers are all that is needed of it.
            api::end_body(&response);
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
    fn another_way_is_tried_where_it_may_help() {
        let unreachable = |reason: &str| CaptureError::Unreachable(reason.into());
        let throttled = unreachable(UNTOLD);
        let (first, by_get) = (Way::FIRST, Way { method: Method::Get, ..Way::FIRST });
        let elsewhere = |way| Way { is_new_path: true, ..way };
        for hung_up in [
            CaptureError::TimedOut,
            unreachable("net::ERR_EMPTY_RESPONSE"),
            unreachable("net::ERR_CONNECTION_RESET"),
            unreachable("NS_ERROR_NET_RESET"),
        ] {
            assert_eq!(first.after(&hung_up, true), Some(by_get), "{hung_up:?}");
            assert_eq!(by_get.after(&hung_up, true), None, "{hung_up:?}: that was the last");
            assert_eq!(elsewhere(first).after(&hung_up, true), Some(elsewhere(by_get)));
        }
        assert_eq!(first.after(&throttled, true), Some(elsewhere(first)));
        assert_eq!(by_get.after(&throttled, true), Some(elsewhere(by_get)));
        assert_eq!(elsewhere(first).after(&throttled, true), None);
        for other in [
            unreachable("net::ERR_CONNECTION_REFUSED"),
            unreachable("net::ERR_NAME_NOT_RESOLVED"),
            unreachable("NS_ERROR_CONNECTION_REFUSED"),
            CaptureError::Refused("net::ERR_CERT_DATE_INVALID".into()),
            CaptureError::Overridden,
            CaptureError::Ended,
            CaptureError::NotShown("x".into()),
        ] {
            assert_eq!(first.after(&other, true), None, "{other:?}");
        }
    }

    #[test]
    fn a_client_certificate_is_shown_where_the_user_lets_it() {
        let wanted = CaptureError::ClientWanted("x".into());
        let failed = CaptureError::HandshakeFailed("x".into());
        for error in [&wanted, &failed] {
            assert_eq!(Way::FIRST.after(error, false), None, "{error:?}");
            let way = Way::FIRST.after(error, true).unwrap();
            assert!(way.shows_client_certificate());
            assert_eq!((way.credentials(), Way::FIRST.credentials()), ("include", "omit"));
            assert_eq!(way.after(error, true), None, "{error:?}: once");
            assert_eq!(way.after(&CaptureError::TimedOut, true), None, "the user was asked");
        }
        for other in
            [CaptureError::TimedOut, CaptureError::Unreachable("NS_ERROR_NET_RESET".into())]
        {
            assert!(!Way::FIRST.after(&other, true).unwrap().shows_client_certificate());
        }
    }

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
        for wanted in [
            "net::ERR_BAD_SSL_CLIENT_AUTH_CERT",
            "net::ERR_SSL_CLIENT_AUTH_CERT_NEEDED",
            "NS_ERROR_GENERATE_FAILURE(NS_ERROR_MODULE_SECURITY, SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT)",
        ] {
            assert_eq!(CaptureError::from_error(wanted), CaptureError::ClientWanted(wanted.into()));
        }
        for failed in [
            "net::ERR_SSL_PROTOCOL_ERROR",
            "NS_ERROR_GENERATE_FAILURE(NS_ERROR_MODULE_SECURITY, SSL_ERROR_UNKNOWN)",
            "Peer reports it experienced an internal error.",
            "SSL received a record that exceeded the maximum permissible length.",
        ] {
            assert_eq!(
                CaptureError::from_error(failed),
                CaptureError::HandshakeFailed(failed.into())
            );
        }
        for unreachable in ["net::ERR_CONNECTION_REFUSED", "NS_ERROR_UNKNOWN_HOST", ""] {
            assert_eq!(
                CaptureError::from_error(unreachable),
                CaptureError::Unreachable(unreachable.into())
            );
        }
    }
}
