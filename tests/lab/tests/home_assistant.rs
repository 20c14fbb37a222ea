//! The double of Home Assistant: held to what a real one answered, and doing what it is told.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use doorlight_lab::control::Control;
use doorlight_lab::scenario::{HOST, Lab};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tempfile::TempDir;
use time::OffsetDateTime;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// Written by `tests/home/record`: a version, and what it answered.
const RECORDED: [(&str, &str); 2] = [
    ("2025.4.4", include_str!("../../home/recorded/2025.4.4.json")),
    ("2026.11.0", include_str!("../../home/recorded/2026.11.0.json")),
];

struct Driver {
    control: Control,
    hello: Value,
    folder: TempDir,
}

impl Driver {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let lab = Lab::new(OffsetDateTime::now_utc());
        let (control, hello) = Control::start(lab, folder.path(), None).unwrap();
        Self { control, hello, folder }
    }

    fn command(&self, command: Value) -> Value {
        let mut answer = Vec::new();
        self.control.obey(format!("{command}\n").as_bytes(), &mut answer).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["error"], Value::Null, "{command}");
        answer
    }

    fn tell(&self, mut told: Value) -> Value {
        told["do"] = json!("home-assistant");
        self.command(told)
    }

    fn port(&self, name: &str) -> u16 {
        u16::try_from(self.hello[name].as_u64().unwrap()).unwrap()
    }

    fn token(&self) -> &str {
        self.hello["home_assistant_token"].as_str().unwrap()
    }

    fn dial(&self, name: &str) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port(name)))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(stream)
    }

    fn local(&self) -> WebSocket<TcpStream> {
        self.passed_on_for(&Value::Null)
    }

    /// As from who passes it on for this address, if one is named.
    fn passed_on_for(&self, from: &Value) -> WebSocket<TcpStream> {
        let address = format!("ws://127.0.0.1:{}/api/websocket", self.port("home_assistant_port"));
        let mut request = address.into_client_request().unwrap();
        if let Some(from) = from.as_str() {
            request.headers_mut().insert("x-forwarded-for", from.parse().unwrap());
        }
        tungstenite::client(request, self.dial("home_assistant_port").unwrap()).unwrap().0
    }

    /// Logs in, and asks one thing.
    fn ask(&self, command: &str) -> Value {
        let mut socket = self.local();
        hear(&mut socket);
        say(&mut socket, &json!({"type": "auth", "access_token": self.token()}));
        assert_eq!(hear(&mut socket)["type"], "auth_ok");
        say(&mut socket, &json!({"id": 1, "type": command}));
        hear(&mut socket)
    }

    /// One wrong token.
    fn fail(&self) {
        let mut socket = self.local();
        hear(&mut socket);
        say(&mut socket, &json!({"type": "auth", "access_token": "wrong"}));
        assert_eq!(hear(&mut socket)["type"], "auth_invalid");
        assert!(hear_if(&mut socket).is_none());
    }

    /// What `GET` of a path answers, head and body, to somebody who is not logged in.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = self.dial("home_assistant_port").unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    fn sha1(&self, name: &str) -> String {
        let file = self.folder.path().join("chains").join(format!("{name}.pem"));
        let leaf = CertificateDer::pem_file_iter(file).unwrap().next().unwrap().unwrap();
        Sha1::digest(&leaf).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn hear_if<S: Read + Write>(socket: &mut WebSocket<S>) -> Option<Value> {
    match socket.read() {
        Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
        Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => None,
        other => panic!("{other:?}"),
    }
}

fn hear<S: Read + Write>(socket: &mut WebSocket<S>) -> Value {
    hear_if(socket).unwrap()
}

fn say<S: Read + Write>(socket: &mut WebSocket<S>, message: &Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

/// A frame to compare. What the real one says of a message's form quotes the message as Python
/// writes it: of that, only how it begins.
fn comparable(mut frame: Value) -> Value {
    for pointer in ["/message", "/error/message"] {
        if let Some(Value::String(text)) = frame.pointer_mut(pointer) {
            for end in [". Got ", "incorrectly formatted: "] {
                if let Some(at) = text.find(end) {
                    text.truncate(at);
                }
            }
        }
    }
    frame
}

#[test]
fn the_double_answers_as_the_real_ones_did() {
    let driver = Driver::new();
    for (version, recorded) in RECORDED {
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        driver.tell(json!({"version": version}));
        answers_as(&driver, version, &recorded);
    }
}

fn answers_as(driver: &Driver, version: &str, recorded: &Value) {
    let exchanges = recorded["exchanges"].as_array().unwrap();
    assert!(exchanges.len() >= 22);
    for exchange in exchanges {
        let name = format!("{version}: {}", exchange["name"].as_str().unwrap());
        driver
            .tell(json!({"cloud": exchange["cloud"], "tokens": {"known": exchange["user"]}, "forget": true}));
        let mut socket = driver.passed_on_for(&exchange["from"]);
        let mut answer = hear(&mut socket);
        if !exchange["auth"].is_null() {
            let is_token = exchange["auth"] == "token";
            let known = json!({"type": "auth", "access_token": "known"});
            say(&mut socket, if is_token { &known } else { &exchange["auth"] });
            answer = hear(&mut socket);
        }
        for message in exchange["sent"].as_array().unwrap() {
            say(&mut socket, message);
            answer = hear(&mut socket);
        }
        let real: Value = serde_json::from_str(exchange["answer"].as_str().unwrap()).unwrap();
        assert_eq!(comparable(answer), comparable(real), "{name}");
        if exchange["is_closed"] == true {
            assert!(hear_if(&mut socket).is_none(), "{name}");
        }
        let failed = driver.tell(json!({}))["failed_logins"].clone();
        assert_eq!(failed, u64::from(exchange["is_failed_login"] == true), "{name}");
    }
    let http = &recorded["http"];
    let (status, body) = driver.get(http["path"].as_str().unwrap());
    assert_eq!(json!([status, body]), json!([http["status"], http["body"]]));
}

#[test]
fn a_version_that_was_not_recorded_answers_as_the_last_recorded_before_it() {
    let driver = Driver::new();
    for (version, is_new) in [
        ("2021.1.4", false),
        ("2026.10.4", false),
        ("2026.11.1", true),
        ("2026.12.0b1", true),
        ("2027.1.0", true),
        ("<b>", false),
    ] {
        for cloud in [json!({"holds": "good"}), json!({"cloud": "logged-out"})] {
            driver.tell(json!({"version": version}));
            driver.tell(cloud);
            let status = driver.ask("cloud/status")["result"].clone();
            assert_eq!(status.get("auto_login"), is_new.then_some(&Value::Null), "{version}");
        }
    }
}

#[test]
fn it_holds_what_the_home_presents_until_it_is_told_otherwise() {
    let driver = Driver::new();
    let status = driver.ask("cloud/status")["result"].clone();
    assert_eq!(status["remote_domain"], HOST);
    assert_eq!(status["remote_certificate"]["fingerprint"], driver.sha1("good"));
    assert_eq!(status["remote_certificate"]["alternative_names"], json!([HOST]));
    let expires = status["remote_certificate"]["expire_date"].as_str().unwrap();
    assert!(expires.len() == 25 && expires.ends_with("+00:00"), "{expires}");

    driver.tell(json!({"holds": "A5"}));
    assert_eq!(
        driver.ask("cloud/status")["result"]["remote_certificate"]["fingerprint"],
        driver.sha1("A5")
    );
    driver.command(json!({"do": "issue", "what": "renewal"}));
    driver.tell(json!({"holds": "issued-1", "version": "2021.1.4", "two_factor": true}));
    let renewed = driver.ask("cloud/status")["result"]["remote_certificate"]["fingerprint"].clone();
    assert!(renewed != driver.sha1("good") && renewed != driver.sha1("A5"));
    assert_eq!(driver.ask("auth/current_user")["result"]["mfa_modules"][0]["enabled"], true);
    assert_eq!(hear(&mut driver.local())["ha_version"], "2021.1.4");

    driver
        .tell(json!({"instead": {"auth_required": "{\"type\":\"<b>\"}", "cloud/status": "[$id]"}}));
    assert_eq!(hear(&mut driver.local()), json!({"type": "<b>"}));
    assert_eq!(driver.ask("cloud/status"), json!([1]));
    driver.tell(json!({"instead": {"auth_required": "", "auth_invalid": "{}"}}));
    let mut silent = driver.local();
    silent.send(json!({"type": "auth", "access_token": "nobody's"}).to_string().into()).unwrap();
    assert_eq!(hear(&mut silent), json!({}), "what is empty is not sent");
    driver.tell(json!({"instead": {}}));
    assert_eq!(driver.ask("cloud/status")["success"], true);
    let seen = driver.command(json!({"do": "requests"}));
    assert!(
        seen["requests"].as_array().unwrap().iter().all(|one| one["server"] == "home-assistant")
    );
}

#[test]
fn failed_logins_are_counted_and_five_in_a_row_are_too_many() {
    let driver = Driver::new();
    for _ in 0..4 {
        driver.fail();
    }
    driver.ask("ping");
    assert_eq!(
        driver.tell(json!({})),
        json!({"ok": true, "logins": 1, "failed_logins": 4, "banned": false})
    );
    assert_eq!(driver.get("/").0, 200);
    assert_eq!(driver.get("/api/states").0, 401);
    for _ in 0..4 {
        driver.fail();
    }
    assert_eq!(
        driver.tell(json!({})),
        json!({"ok": true, "logins": 1, "failed_logins": 9, "banned": true})
    );
    assert_eq!(driver.get("/").0, 403);
    driver.tell(json!({"forget": true}));
    assert_eq!(driver.get("/").0, 200);
}

#[test]
fn it_goes_and_comes_back_on_its_port() {
    let driver = Driver::new();
    driver.tell(json!({"state": "down"}));
    assert_eq!(
        driver.dial("home_assistant_port").unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    driver.tell(json!({"state": "up"}));
    assert_eq!(driver.ask("ping")["type"], "pong");
    driver.tell(json!({"state": "hang"}));
    let mut stream = driver.dial("home_assistant_port").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").unwrap();
    let waited = stream.read(&mut [0; 16]).unwrap_err().kind();
    assert!(matches!(waited, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    driver.tell(json!({"state": "up"}));
    assert_eq!(driver.ask("ping")["type"], "pong");
}

#[test]
fn a_real_server_can_answer_behind_the_homes_tls() {
    let driver = Driver::new();
    let mut roots = RootCertStore::empty();
    for file in std::fs::read_dir(driver.folder.path().join("trusted")).unwrap() {
        roots.add(CertificateDer::from_pem_file(file.unwrap().path()).unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let remote = || {
        let name = ServerName::try_from(HOST).unwrap();
        let connection = ClientConnection::new(Arc::clone(&config), name).unwrap();
        StreamOwned::new(connection, driver.dial("port").unwrap())
    };
    let get = |stream: &mut StreamOwned<ClientConnection, TcpStream>, head: &str| {
        write!(stream, "{head}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        // The end of the page, or of the connection.
        while !answer.ends_with(b"</h1>") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        String::from_utf8(answer).unwrap()
    };
    // Any server will do as a real one.
    let upstream = format!("127.0.0.1:{}", driver.port("home_assistant_port"));
    driver.command(json!({"do": "upstream", "address": upstream}));
    let head = format!(
        "GET / HTTP/1.1\r\nhost: {HOST}\r\nx-forwarded-for: 10.0.0.1\r\ncookie: a=b\r\nconnection: keep-alive"
    );
    // Twice on one connection.
    let mut line = remote();
    for _ in 0..2 {
        let answer = get(&mut line, &head);
        assert!(
            answer.ends_with("<h1>Home Assistant</h1>") && !answer.contains("connection:"),
            "{answer}"
        );
    }
    let seen = driver.command(json!({"do": "requests"}))["requests"].clone();
    assert_eq!(seen[0]["server"], "home");
    assert_eq!(seen[1]["server"], "home-assistant");
    let headers = &seen[1]["headers"];
    assert_eq!(headers["x-forwarded-for"], "203.0.113.7");
    assert_eq!(headers["x-forwarded-proto"], "https");
    assert_eq!(headers["connection"], "close");
    assert_eq!(headers["cookie"], "a=b");
    assert_eq!(headers["host"], HOST);

    driver.command(json!({"do": "present", "name": "A5"}));
    let (mut socket, _) =
        tungstenite::client(format!("wss://{HOST}/api/websocket"), remote()).unwrap();
    assert_eq!(hear(&mut socket)["type"], "auth_required");
    say(&mut socket, &json!({"type": "auth", "access_token": driver.token()}));
    assert_eq!(hear(&mut socket)["type"], "auth_ok");
    say(&mut socket, &json!({"id": 1, "type": "doorlight/".to_owned() + &"x".repeat(100_000)}));
    assert_eq!(hear(&mut socket)["error"]["code"], "unknown_command");
    let seen = driver.command(json!({"do": "requests"}))["requests"].clone();
    let passed_on = seen[4]["messages"][0].as_str().unwrap();
    assert!(seen[4]["websocket"] == true && passed_on.ends_with("bytes, passed on"), "{passed_on}");
    // Whoever was let in before is not let stay.
    driver.command(json!({"do": "present", "name": "good"}));
    assert!(socket.read().is_err());

    driver.command(json!({"do": "clear"}));
    driver.command(json!({"do": "upstream", "address": upstream, "from": "192.168.1.7"}));
    get(&mut remote(), &head);
    let seen = driver.command(json!({"do": "requests"}))["requests"].clone();
    assert_eq!(seen[1]["headers"]["x-forwarded-for"], "192.168.1.7");

    driver.command(json!({"do": "upstream", "address": null}));
    assert!(get(&mut remote(), &head).contains("session=secret-cookie"));
}
