//! A double of Home Assistant on the local network, as far as Doorlight talks to it: plain HTTP,
//! and the WebSocket at `/api/websocket`.
//!
//! What real ones answer is in `tests/home/recorded`, a file for each version;
//! `tests/lab/tests/home_assistant.rs` holds the double to them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tungstenite::{Message, WebSocket};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::door::Line;
use crate::http::{Request, Response, next_request};
use crate::journal::{Entry, Journal};
use crate::static_ct::hex;
use crate::websocket;

/// The token of a user of the least privilege that the double has from the start.
pub const TOKEN: &str = "a-long-lived.token-of.the-least-privilege";

/// What commands and the journal call it.
pub const NAME: &str = "home-assistant";

/// After so many failed logins it bans, as the real one of the tests does; a new installation never
/// would.
const THRESHOLD: u32 = 5;

/// So long it waits for the token.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is refused, by the names in [`Told::instead`], is `auth_invalid`.
const REFUSAL: &str = "auth_invalid";

/// A home on the local network.
pub struct HomeAssistant {
    state: Mutex<State>,
    journal: Arc<Journal>,
}

struct State {
    version: String,
    users: BTreeMap<String, User>,
    cloud: Cloud,
    instead: BTreeMap<String, String>,
    failed_logins: u32,
    logins: u32,
    /// Failed logins since the last one that did not fail.
    in_a_row: u32,
}

/// A change of what the home is and says. What is not named stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Told {
    /// The version that it says it is, and answers as.
    pub version: Option<String>,
    /// The tokens that it takes, each with its user.
    pub tokens: Option<BTreeMap<String, User>>,
    /// The state of two-factor authentication of all users.
    pub two_factor: Option<bool>,
    /// What it knows of its cloud.
    pub cloud: Option<Cloud>,
    /// For [`crate::control`]: the cloud is logged in, and holds the certificate that can be
    /// presented by this name.
    pub holds: Option<String>,
    /// For [`crate::control`]: whether it is there.
    pub state: Option<Presence>,
    /// Frames to send instead of the true ones, as they are but for `$id`: by `auth_required`,
    /// `auth_ok`, `auth_invalid` or the type of a command. An empty one is not sent: the answer is
    /// lost. The empty object takes them all back.
    pub instead: Option<BTreeMap<String, String>>,
    /// Counts from zero, and bans nobody any more.
    pub forget: bool,
}

/// Whether the home is there.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Listens, always on the same port.
    Up,
    /// Refuses connections.
    Down,
    /// Accepts and says nothing.
    Hang,
}

/// Whose token it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    id: String,
    name: String,
    is_owner: bool,
    is_admin: bool,
    /// May log in from the local network only.
    local_only: bool,
    /// None where the home has no module for it.
    two_factor: Option<bool>,
}

/// What is different between the versions of which the answers were recorded, the older first. A
/// version in between is taken for the older: when each of its answers changed is not known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Form {
    Of2025_4,
    Of2026_11,
}

/// What the home knows of its cloud.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The integration is not there.
    Absent,
    /// Nobody is logged in.
    LoggedOut,
    /// Somebody is.
    #[serde(untagged)]
    LoggedIn(Box<LoggedIn>),
}

/// The cloud of somebody who is logged in, by the names of `cloud/status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedIn {
    remote_domain: Option<String>,
    remote_connected: bool,
    remote_certificate_status: Option<String>,
    remote_certificate: Option<RemoteCertificate>,
    #[serde(default = "connected")]
    cloud: String,
    #[serde(default = "somebody")]
    email: String,
    #[serde(default = "yes")]
    active_subscription: bool,
}

/// The certificate that the home holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteCertificate {
    common_name: String,
    /// With seconds and `+00:00`.
    expire_date: String,
    /// SHA-1, in lower-case digits without colons.
    fingerprint: String,
    alternative_names: Option<Vec<String>>,
}

fn connected() -> String {
    "connected".into()
}

fn somebody() -> String {
    "somebody@example.org".into()
}

fn yes() -> bool {
    true
}

impl Default for User {
    fn default() -> Self {
        Self {
            id: "d0".repeat(16),
            name: "Doorlight".into(),
            is_owner: false,
            is_admin: false,
            local_only: true,
            two_factor: Some(false),
        }
    }
}

impl Form {
    /// Whatever is no version is taken for an old one.
    fn of(version: &str) -> Self {
        let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(year), Some(month)) if (year, month) >= (2026, 11) => Self::Of2026_11,
            _ => Self::Of2025_4,
        }
    }

    /// What is said to somebody on the internet whose account is for the local network only. The
    /// older form asks nobody where a WebSocket comes from.
    fn refuses(self, user: &User, from: Option<IpAddr>) -> Option<&'static str> {
        let is_far = from.is_some_and(|from| match from {
            IpAddr::V4(from) => !(from.is_loopback() || from.is_private() || from.is_link_local()),
            IpAddr::V6(from) => {
                !(from.is_loopback() || from.is_unique_local() || from.is_unicast_link_local())
            }
        });
        (self >= Self::Of2026_11 && user.local_only && is_far)
            .then_some("User cannot authenticate remotely")
    }
}

impl LoggedIn {
    /// Connected, and holding this certificate, in DER.
    pub fn holding(leaf: &[u8]) -> Result<Self, String> {
        let certificate = Certificate::from_der(leaf).map_err(|error| error.to_string())?;
        let certificate = certificate.tbs_certificate();
        let names =
            certificate.get_extension::<SubjectAltName>().map_err(|error| error.to_string())?;
        let names: Vec<_> = names
            .into_iter()
            .flat_map(|(_, names)| names.0)
            .filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.to_string()),
                _ => None,
            })
            .collect();
        let domain = names.first().ok_or("a certificate without a name")?.clone();
        let expires = certificate.validity().not_after.to_date_time().to_string();
        Ok(Self {
            remote_domain: Some(domain.clone()),
            remote_connected: true,
            remote_certificate_status: Some("ready".into()),
            remote_certificate: Some(RemoteCertificate {
                common_name: domain,
                expire_date: expires.replace('Z', "+00:00"),
                fingerprint: hex(&Sha1::digest(leaf)),
                alternative_names: Some(names),
            }),
            cloud: connected(),
            email: somebody(),
            active_subscription: true,
        })
    }
}

impl HomeAssistant {
    /// A home that knows one user, and what it holds.
    pub fn new(cloud: LoggedIn, journal: Arc<Journal>) -> Self {
        let state = State {
            version: "2025.4.4".into(),
            users: BTreeMap::from([(TOKEN.to_owned(), User::default())]),
            cloud: Cloud::LoggedIn(Box::new(cloud)),
            instead: BTreeMap::new(),
            failed_logins: 0,
            logins: 0,
            in_a_row: 0,
        };
        Self { state: Mutex::new(state), journal }
    }

    /// Is and says something else from now on; connections that are open learn of it too.
    pub fn tell(&self, told: Told) {
        let mut state = self.lock();
        if let Some(version) = told.version {
            state.version = version;
        }
        if let Some(users) = told.tokens {
            state.users = users;
        }
        if let Some(two_factor) = told.two_factor {
            state.users.values_mut().for_each(|user| user.two_factor = Some(two_factor));
        }
        if let Some(cloud) = told.cloud {
            state.cloud = cloud;
        }
        if let Some(instead) = told.instead {
            state.instead = instead;
        }
        if told.forget {
            (state.failed_logins, state.logins, state.in_a_row) = (0, 0, 0);
        }
    }

    /// How many logins there were, and whether the home has had enough of us.
    pub fn counts(&self) -> Value {
        let state = self.lock();
        json!({"ok": true, "logins": state.logins, "failed_logins": state.failed_logins, "banned": state.bans()})
    }

    /// Answers a connection until it ends.
    pub fn answer(&self, line: Line) {
        // A client that hangs up is part of the game.
        let _ = match line {
            Line::Plain(stream) => self.converse(stream),
            Line::Tls(_) => Ok(()),
        };
    }

    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = Vec::new();
        while let Some(request) = next_request(&mut stream, &mut buffer)? {
            let upgrades = request.path() == "/api/websocket" && request.wants_websocket();
            let n = self.journal.add(Entry {
                server: NAME.into(),
                n: 0,
                presented: String::new(),
                method: request.method.clone(),
                target: request.target.clone(),
                headers: request.headers.clone(),
                body: String::from_utf8_lossy(&request.body).into_owned(),
                websocket: upgrades,
                messages: Vec::new(),
            });
            if upgrades && !self.lock().bans() {
                stream.set_read_timeout(Some(PATIENCE))?;
                let mut socket =
                    websocket::accept(stream, &request, buffer).map_err(io::Error::other)?;
                // Who passes a request on for somebody is believed, as by the real one of the tests.
                let from = request.header("x-forwarded-for").parse().ok();
                let ended = self.talk(&mut socket, n, from);
                let _ = socket.close(None).and_then(|()| socket.flush());
                return ended.map_err(io::Error::other);
            }
            self.response(&request).send(&mut stream, request.method == "HEAD")?;
            if request.is_last() {
                break;
            }
        }
        Ok(())
    }

    fn response(&self, request: &Request) -> Response {
        let mut state = self.lock();
        let plain = |status, text: &str| Response::new(status, "text/plain; charset=utf-8", text);
        if state.bans() {
            return plain("403 Forbidden", "403: Forbidden");
        }
        match request.path() {
            "/" => Response::html(
                "<!doctype html><title>Home Assistant</title><h1>Home Assistant</h1>",
            ),
            path if path.starts_with("/api/") => {
                state.fail_a_login();
                plain("401 Unauthorized", "401: Unauthorized")
            }
            _ => plain("404 Not Found", "404: Not Found"),
        }
    }

    /// Asks for the token, and then answers commands.
    fn talk(
        &self,
        socket: &mut WebSocket<TcpStream>,
        n: u64,
        from: Option<IpAddr>,
    ) -> tungstenite::Result<()> {
        let version = self.lock().version.clone();
        self.send(
            socket,
            "auth_required",
            0,
            json!({"type": "auth_required", "ha_version": version}),
        )?;
        let Some(token) = self.token(socket, n)? else { return Ok(()) };
        let refusal = {
            let mut state = self.lock();
            let refusal = match state.users.get(&token) {
                Some(user) => Form::of(&state.version).refuses(user, from),
                None => Some("Invalid access token or password"),
            };
            if refusal.is_none() {
                state.logins += 1;
                state.in_a_row = 0;
            } else {
                state.fail_a_login();
            }
            refusal
        };
        if let Some(message) = refusal {
            return self.send(socket, REFUSAL, 0, json!({"type": REFUSAL, "message": message}));
        }
        self.send(socket, "auth_ok", 0, json!({"type": "auth_ok", "ha_version": version}))?;
        socket.get_ref().set_read_timeout(None)?;
        let mut last = 0;
        loop {
            let Ok(message) = serde_json::from_str(&self.hear(socket, n)?) else { return Ok(()) };
            let (kind, answer) = self.lock().obey(&message, &token, &mut last);
            self.send(socket, kind, message["id"].as_i64().unwrap_or(0), answer)?;
        }
    }

    /// The token, if what comes first has the form of a login. Another form is refused, but is no
    /// failed login.
    fn token(
        &self,
        socket: &mut WebSocket<TcpStream>,
        n: u64,
    ) -> tungstenite::Result<Option<String>> {
        let Ok(message) = serde_json::from_str(&self.hear(socket, n)?) else { return Ok(None) };
        match serde_json::from_value(message) {
            Ok(Login::Auth { access_token }) => Ok(Some(access_token)),
            Err(error) => {
                let message = format!("Auth message incorrectly formatted: {error}");
                self.send(socket, REFUSAL, 0, json!({"type": REFUSAL, "message": message}))?;
                Ok(None)
            }
        }
    }

    /// The next text.
    fn hear(&self, socket: &mut WebSocket<TcpStream>, n: u64) -> tungstenite::Result<String> {
        loop {
            if let Message::Text(text) = socket.read()? {
                self.journal.add_message(n, &text);
                return Ok(text.as_str().into());
            }
        }
    }

    /// Sends the true frame, or what was told to be sent instead.
    fn send(
        &self,
        socket: &mut WebSocket<impl Read + Write>,
        kind: &str,
        id: i64,
        truth: Value,
    ) -> tungstenite::Result<()> {
        let instead =
            self.lock().instead.get(kind).map(|text| text.replace("$id", &id.to_string()));
        let text = instead.unwrap_or_else(|| truth.to_string());
        if text.is_empty() { Ok(()) } else { socket.send(Message::text(text)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first message.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Login {
    Auth { access_token: String },
}

/// The commands that it knows. The others are said to be unknown, as by a home without the
/// integrations that have them.
const COMMANDS: [&str; 3] = ["auth/current_user", "cloud/status", "ping"];

impl State {
    fn bans(&self) -> bool {
        self.in_a_row >= THRESHOLD
    }

    fn fail_a_login(&mut self) {
        self.failed_logins += 1;
        self.in_a_row += 1;
    }

    /// A command's type and its answer. `last` is the highest number so far; like the real one, an
    /// unknown command does not use its number up.
    fn obey<'a>(&self, message: &'a Value, token: &str, last: &mut i64) -> (&'a str, Value) {
        let kind = message["type"].as_str().unwrap_or_default();
        let Some(id) = message["id"].as_i64().filter(|id| *id > 0 && !kind.is_empty()) else {
            return (
                kind,
                refusal(&message["id"], "invalid_format", "Message incorrectly formatted."),
            );
        };
        if id <= *last {
            return (kind, refusal(&json!(id), "id_reuse", "Identifier values have to increase."));
        }
        if !COMMANDS.contains(&kind)
            || (kind == "cloud/status" && matches!(self.cloud, Cloud::Absent))
        {
            return (kind, refusal(&json!(id), "unknown_command", "Unknown command."));
        }
        *last = id;
        if message.as_object().is_some_and(|fields| fields.len() > 2) {
            return (kind, refusal(&json!(id), "invalid_format", "extra keys not allowed"));
        }
        if kind == "ping" {
            return (kind, json!({"id": id, "type": "pong"}));
        }
        let result = if kind == "cloud/status" {
            self.cloud.status(Form::of(&self.version))
        } else {
            self.current_user(token)
        };
        (kind, json!({"id": id, "type": "result", "success": true, "result": result}))
    }

    fn current_user(&self, token: &str) -> Value {
        let user = self.users.get(token).cloned().unwrap_or_default();
        let module =
            |enabled| json!({"id": "totp", "name": "Authenticator app", "enabled": enabled});
        json!({
            "id": user.id,
            "name": user.name,
            "is_owner": user.is_owner,
            "is_admin": user.is_admin,
            "credentials": [{"auth_provider_type": "homeassistant", "auth_provider_id": null}],
            "mfa_modules": user.two_factor.map(module).into_iter().collect::<Vec<_>>(),
        })
    }
}

impl Cloud {
    /// The result of `cloud/status`.
    fn status(&self, form: Form) -> Value {
        let mut status = match self {
            Self::Absent => return Value::Null,
            Self::LoggedOut => {
                json!({"logged_in": false, "cloud": "disconnected", "http_use_ssl": false})
            }
            Self::LoggedIn(known) => {
                let mut status = json!(known);
                if let Value::Object(status) = &mut status {
                    status.extend(beside());
                }
                status
            }
        };
        if form >= Form::Of2026_11 {
            status["auto_login"] = Value::Null;
            if matches!(self, Self::LoggedIn(_)) {
                status["onboarding_completed"] = json!(false);
                status["onboarding_postponed"] = json!(false);
                status["prefs"]["onboarded_items"] = json!([]);
                status["prefs"]["onboarding_postponed_until"] = Value::Null;
            }
        }
        status
    }
}

/// What `cloud/status` says besides, and is no business of ours.
fn beside() -> serde_json::Map<String, Value> {
    let nothing = json!({
        "include_entities": [],
        "include_domains": [],
        "exclude_domains": [],
        "exclude_entities": [],
        "include_entity_globs": [],
        "exclude_entity_globs": [],
    });
    let exposed = json!([
        "climate",
        "cover",
        "fan",
        "humidifier",
        "light",
        "lock",
        "scene",
        "script",
        "sensor",
        "switch",
        "vacuum",
        "water_heater"
    ]);
    let prefs = json!({
        "alexa_default_expose": exposed,
        "alexa_report_state": true,
        "cloudhooks": {},
        "alexa_enabled": true,
        "cloud_ice_servers_enabled": true,
        "google_enabled": true,
        "remote_enabled": true,
        "google_default_expose": exposed,
        "google_report_state": true,
        "google_secure_devices_pin": null,
        "remote_allow_remote_enable": true,
        "tts_default_voice": ["en-US", "JennyNeural"],
    });
    let fields = [
        ("logged_in", json!(true)),
        ("http_use_ssl", json!(false)),
        ("cloud_last_disconnect_reason", Value::Null),
        ("alexa_entities", nothing.clone()),
        ("alexa_registered", json!(false)),
        ("google_entities", nothing),
        ("google_registered", json!(false)),
        ("google_local_connected", json!(false)),
        ("prefs", prefs),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn refusal(id: &Value, code: &str, message: &str) -> Value {
    json!({"id": id, "type": "result", "success": false, "error": {"code": code, "message": message}})
}
