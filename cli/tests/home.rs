//! `doorlight home` against a WebSocket server on loopback that speaks as Home Assistant does, or
//! worse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorlight::time::Timestamp;
use doorlight_lab::cli::Doorlight;
use doorlight_lab::scenario::{HOST, Lab, SECRET_HOST, Scenario, WILDCARD};
use doorlight_lab::server::Server;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tungstenite::{Message, WebSocket};

const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ0ZXN0In0.c2VjcmV0LXNlY3JldA";

/// What the home on loopback holds.
#[derive(Clone)]
struct Home {
    version: &'static str,
    is_admin: bool,
    cloud: Value,
}

impl Home {
    fn new(cloud: Value) -> Self {
        Self { version: "2026.11.1", is_admin: false, cloud }
    }

    /// As Home Assistant answers.
    fn answer(&self, message: &Value) -> Value {
        let result = |result: Value| json!({"id": message["id"], "type": "result", "success": true, "result": result});
        let refused = |code: &str| json!({"id": message["id"], "type": "result", "success": false, "error": {"code": code, "message": "No."}});
        match message["type"].as_str().unwrap_or_default() {
            "auth" if message["access_token"] == TOKEN => {
                json!({"type": "auth_ok", "ha_version": self.version})
            }
            "auth" => {
                json!({"type": "auth_invalid", "message": "Invalid access token or password"})
            }
            "auth/current_user" => result(json!({
                "id": "1", "name": "Doorlight", "is_owner": false, "is_admin": self.is_admin, "credentials": [],
                "mfa_modules": [{"id": "totp", "name": "Authenticator app", "enabled": true}]
            })),
            "cloud/status" if self.cloud.is_null() => refused("unknown_command"),
            "cloud/status" => result(self.cloud.clone()),
            _ => refused("unknown_command"),
        }
    }
}

/// A server on loopback and everything that was said to it, connection by connection.
struct Served {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Served {
    /// `speak` holds one connection.
    fn new(speak: impl Fn(&mut WebSocket<TcpStream>, &mut Vec<String>) + Send + 'static) -> Self {
        Self::raw(move |stream, heard| {
            let mut socket = tungstenite::accept(stream).unwrap();
            speak(&mut socket, heard);
            // Till the other side has gone.
            while socket.read().is_ok() {}
        })
    }

    fn raw(speak: impl Fn(TcpStream, &mut Vec<String>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                let mut said = Vec::new();
                let guard = Noted { said: &mut said, written: &written };
                speak(stream, guard.said);
            }
        });
        Self { address, heard }
    }

    fn home(home: Home) -> Self {
        Self::new(move |socket, heard| {
            say(socket, &json!({"type": "auth_required", "ha_version": home.version}));
            while let Ok(Message::Text(text)) = socket.read() {
                heard.push(text.to_string());
                let answer = home.answer(&serde_json::from_str(&text).unwrap());
                say(socket, &answer);
                if answer["type"] == "auth_invalid" {
                    let _ = socket.close(None);
                    break;
                }
            }
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Once the connections are over.
    fn heard(&self, connections: usize) -> Vec<Vec<String>> {
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            let heard = self.heard.lock().unwrap().clone();
            if heard.len() >= connections || Instant::now() > patience {
                return heard;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Writes down what was said when the connection is over, however it ends.
struct Noted<'a> {
    said: &'a mut Vec<String>,
    written: &'a Mutex<Vec<Vec<String>>>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.written.lock().unwrap().push(std::mem::take(self.said));
    }
}

fn say(socket: &mut WebSocket<TcpStream>, message: &Value) {
    let _ = socket.send(Message::text(message.to_string()));
}

struct Desk {
    lab: Lab,
    doorlight: Doorlight,
}

impl Desk {
    fn new() -> Self {
        let lab = Lab::new(OffsetDateTime::now_utc());
        let doorlight = Doorlight::new(Path::new(env!("CARGO_BIN_EXE_doorlight")), &lab);
        // The shipped table as of today: it grows old, and these tests do not.
        let mut table: Value =
            serde_json::from_str(include_str!("../../data/advisories.json")).unwrap();
        let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap();
        table["published"] = Timestamp::from_secs(now).to_string().into();
        std::fs::write(doorlight.file("table-of-today.json"), table.to_string()).unwrap();
        Self { lab, doorlight }
    }

    fn token(&self, text: &str) -> String {
        let path = self.doorlight.file("token");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn home(&self, arguments: &[&str]) -> Output {
        let table = self.doorlight.file("table-of-today.json");
        let table = ["--advisories", table.to_str().unwrap()];
        let table = if arguments.contains(&"--advisories") { &[][..] } else { &table[..] };
        let output = self.doorlight.run(&[&["home"], table, arguments].concat());
        let printed = [output.stdout.clone(), output.stderr.clone()].concat();
        assert!(!String::from_utf8_lossy(&printed).contains("eyJ"), "a token was printed");
        output
    }

    fn check(&self, scenario: &Scenario) -> Value {
        self.check_as(HOST, scenario)
    }

    fn check_as(&self, host: &str, scenario: &Scenario) -> Value {
        let server = Server::start(&scenario.chain, Arc::clone(&scenario.key));
        let connect = server.address().to_string();
        let file = |name: &str| self.doorlight.file(name).to_str().unwrap().to_owned();
        let output = self.doorlight.run(&[
            "check",
            host,
            "--connect",
            &connect,
            "--roots",
            &file("roots.pem"),
            "--log-list",
            &file("log_list.json"),
            "--json",
        ]);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn codes(output: &Output) -> Vec<String> {
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    json["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap().to_owned())
        .collect()
}

fn cloud_with(leaf: &[u8], name: &str) -> Value {
    let fingerprint: String = Sha1::digest(leaf).iter().map(|byte| format!("{byte:02x}")).collect();
    let certificate = doorlight::x509::certificate::Certificate::from_der(leaf).unwrap();
    json!({
        "logged_in": true, "cloud": "connected", "remote_domain": name, "remote_connected": true, "remote_certificate_status": "ready",
        "remote_certificate": {
            "common_name": name, "alternative_names": [name], "fingerprint": fingerprint,
            "expire_date": certificate.not_after().to_string().replace('Z', "+00:00")
        }
    })
}

#[test]
fn without_a_token_it_reads_the_version_and_says_nothing() {
    let desk = Desk::new();
    let served = Served::home(Home::new(Value::Null));
    let output = desk.home(&[&served.url(), "--json"]);
    assert_eq!(
        codes(&output),
        ["home-version-current", "home-not-asked", "home-account-not-asked"]
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(served.heard(1), [Vec::<String>::new()]);
    let old = Served::home(Home { version: "2021.1.4", ..Home::new(Value::Null) });
    let output = desk.home(&[&old.url()]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.starts_with("[X]  INSECURE http://127.0.0.1:") && text.contains("CVE-2023-27482"),
        "{text}"
    );
}

/// From the home's word to the light at the remote address: confirmed where it is the home's,
/// Danger where it is another's (A5).
#[test]
fn what_the_home_tells_decides_at_the_remote_address() {
    let desk = Desk::new();
    let scenarios = desk.lab.scenarios();
    let scenario = |title: &str| scenarios.iter().find(|one| one.title.contains(title)).unwrap();
    let (home, rogue) = (scenario("the home itself"), scenario("the same CA was tricked, logged"));
    let first = desk.check(home);
    assert_eq!(first["verdict"], "attention", "{first:#}");

    let served = Served::home(Home::new(cloud_with(&home.chain[0], HOST)));
    let token = desk.token(TOKEN);
    let output = desk.home(&[&served.url(), "--token-file", &token, "--for", HOST, "--json"]);
    assert_eq!(
        codes(&output),
        [
            "home-version-current",
            "home-told",
            "home-account-two-factor-on",
            "home-account-ban-unknown"
        ]
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(served.heard(1)[0].len(), 3);

    let report = desk.check(rogue);
    assert_eq!(report["verdict"], "danger");
    let decided = report["decided_by"].as_array().unwrap();
    assert!(decided.contains(&json!("home-other-certificate")), "{decided:?}");
    for round in 0..2 {
        let report = desk.check(home);
        assert_eq!(report["verdict"], "trusted", "{report:#}");
        let pin = if round == 0 { "pin-told-by-home" } else { "pin-same-key" };
        assert!(
            report["evidence"].as_array().unwrap().iter().any(|one| one["code"] == pin),
            "{report:#}"
        );
    }
    let list = String::from_utf8(desk.doorlight.run(&["pin", "list"]).stdout).unwrap();
    assert!(list.matches("told by the home").count() == 2, "{list}");
    let kept = String::from_utf8(desk.doorlight.run(&["pin", "export"]).stdout).unwrap();
    assert!(!kept.contains("eyJ"));

    // Another home's word is not taken over, nor is silence.
    for cloud in
        [cloud_with(&home.chain[0], "other.ui.nabu.test"), Value::Null, json!({"logged_in": false})]
    {
        let served = Served::home(Home::new(cloud));
        desk.home(&[&served.url(), "--token-file", &token, "--for", HOST]);
        let now = String::from_utf8(desk.doorlight.run(&["pin", "export"]).stdout).unwrap();
        assert_eq!(now, kept);
    }
    desk.home(&[&served.url(), "--token-file", &token, "--for", "other.example"]);
    let now = String::from_utf8(desk.doorlight.run(&["pin", "export"]).stdout).unwrap();
    assert_eq!(now, kept, "no record is made of a home that told of another");
}

/// The names of a home as hass-nabucasa 2.9.0 orders them.
fn cloud_with_wildcard(leaf: &[u8]) -> Value {
    let mut cloud = cloud_with(leaf, HOST);
    cloud["remote_certificate"]["alternative_names"] = json!([HOST, WILDCARD]);
    cloud
}

/// `<secret>.<id>.ui.nabu.casa`, which no certificate names and a wildcard covers.
#[test]
fn a_home_under_a_secret_name_is_confirmed_by_its_wildcard() {
    let desk = Desk::new();
    let scenarios = desk.lab.scenarios();
    let scenario = |name: &str| scenarios.iter().find(|one| one.name == name).unwrap();
    let (home, rogue) = (scenario("wildcard"), scenario("A5"));
    let served = Served::home(Home::new(cloud_with_wildcard(&home.chain[0])));
    let token = desk.token(TOKEN);
    let ask =
        |host: &str| desk.home(&[&served.url(), "--token-file", &token, "--for", host, "--json"]);
    for host in [SECRET_HOST, HOST] {
        assert_eq!(codes(&ask(host))[1], "home-told", "{host}");
        let report = desk.check_as(host, home);
        assert_eq!(report["verdict"], "trusted", "{report:#}");
        let has = |code: &str| {
            report["evidence"].as_array().unwrap().iter().any(|one| one["code"] == code)
        };
        assert!(has("home-confirms") && has("pin-told-by-home"), "{report:#}");
    }
    // One level, and nothing else: neither two levels down nor a name that only ends like it.
    for host in ["a.b.a1b2c3d4.ui.nabu.test", "xa1b2c3d4.ui.nabu.test", "ui.nabu.test"] {
        assert_ne!(codes(&ask(host))[1], "home-told", "{host}");
        assert_ne!(desk.check_as(host, home)["verdict"], "trusted");
    }
    assert_eq!(desk.check_as(SECRET_HOST, rogue)["verdict"], "danger");
}

/// Going back to an older version makes a new key. From outside nothing tells it from an attacker
/// (A5), so it is Danger, with that question; the home's own word ends it, and only that.
#[test]
fn a_new_key_after_a_downgrade_is_a_question_to_the_home() {
    let desk = Desk::new();
    let scenarios = desk.lab.scenarios();
    let scenario = |name: &str| scenarios.iter().find(|one| one.name == name).unwrap();
    let (before, after, rogue) = (scenario("wildcard"), scenario("downgraded"), scenario("A5"));
    let token = desk.token(TOKEN);
    let ask = |cloud: Value| {
        let served = Served::home(Home::new(cloud));
        desk.home(&[&served.url(), "--token-file", &token, "--for", HOST, "--json"])
    };
    ask(cloud_with_wildcard(&before.chain[0]));
    assert_eq!(desk.check(before)["verdict"], "trusted");
    for presented in [after, rogue] {
        let report = desk.check(presented);
        assert_eq!(report["verdict"], "danger");
        let decided = report["decided_by"].as_array().unwrap();
        assert!(decided.contains(&json!("home-other-certificate")), "{decided:?}");
        for code in decided {
            let code: doorlight::verdict::evidence::Code =
                serde_json::from_value(code.clone()).unwrap();
            assert!(code.explanation().action.contains("older version"), "{code}");
        }
    }
    // Asked again: the new certificate is the home's, the attacker's is not, and the key that was
    // left does not come back.
    assert_eq!(codes(&ask(cloud_with(&after.chain[0], HOST)))[1], "home-told");
    let report = desk.check(after);
    assert_eq!(report["verdict"], "trusted", "{report:#}");
    assert_eq!(desk.check(rogue)["verdict"], "danger");
}

/// A home whose authority may have had it renew by now (ARI) is not held to what it told before. Its
/// renewal is silent, and a key that it has left is never taken for its own.
#[test]
fn a_word_from_before_a_renewal_was_due_runs_out() {
    let desk = Desk::new();
    let scenarios = desk.lab.scenarios();
    let scenario = |name: &str| scenarios.iter().find(|one| one.name == name).unwrap();
    let (due, renewed, new_key) = (scenario("due"), scenario("renewed"), scenario("downgraded"));
    let token = desk.token(TOKEN);
    let served = Served::home(Home::new(cloud_with(&due.chain[0], HOST)));
    desk.home(&[&served.url(), "--token-file", &token, "--for", HOST, "--json"]);
    let says = |presented| {
        let report = desk.check(presented);
        let codes = report["evidence"].as_array().unwrap().iter().map(|one| &one["code"]);
        let home = codes.filter_map(Value::as_str).find(|code| code.starts_with("home-"));
        (home.unwrap().to_owned(), report["verdict"].as_str().unwrap().to_owned())
    };
    let expect = |presented, code: &str, verdict: &str| {
        assert_eq!(says(presented), (code.to_owned(), verdict.to_owned()));
    };
    expect(new_key, "home-other-certificate", "danger");
    // Two days go by.
    let path = desk.doorlight.file("config/doorlight/pins.json");
    let mut pins: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let word = &mut pins["sites"][0]["home"];
    for at in ["first_told", "last_told"] {
        let told = OffsetDateTime::parse(word[at].as_str().unwrap(), &Rfc3339).unwrap();
        word[at] = json!((told - time::Duration::days(2)).format(&Rfc3339).unwrap());
    }
    std::fs::write(&path, pins.to_string()).unwrap();
    expect(new_key, "home-long-ago", "attention");
    expect(due, "home-confirms", "trusted");
    expect(renewed, "home-same-key", "trusted");
    // Its key is known now.
    expect(new_key, "home-other-certificate", "danger");
}

#[test]
fn a_wrong_token_is_said_exactly_once() {
    let desk = Desk::new();
    let served = Served::home(Home::new(Value::Null));
    let token = desk.token("eyJ3cm9uZyI.eyJ3cm9uZyI.d3Jvbmc");
    let output = desk.home(&[&served.url(), "--token-file", &token, "--for", HOST, "--json"]);
    assert_eq!(codes(&output), ["home-version-current", "home-token-refused"]);
    assert_eq!(output.status.code(), Some(3));
    let heard = served.heard(1);
    let tries = heard.iter().flatten().filter(|said| said.contains(r#""type":"auth""#)).count();
    assert_eq!((heard.len(), tries), (1, 1), "{heard:?}");
    assert!(!desk.doorlight.file("config/doorlight/pins.json").exists(), "nothing is kept");
}

#[test]
fn what_is_no_token_costs_no_failed_login() {
    let desk = Desk::new();
    let served = Served::home(Home::new(Value::Null));
    for text in ["", "secret", "a.b.c\",\"x\":\"", &"x".repeat(1 << 20)] {
        let token = desk.token(text);
        let output = desk.home(&[&served.url(), "--token-file", &token]);
        assert_eq!(output.status.code(), Some(65));
        assert!(String::from_utf8_lossy(&output.stderr).contains("home-token-invalid"));
    }
    assert!(served.heard.lock().unwrap().is_empty(), "it was not even connected to");
}

#[test]
fn only_local_addresses_are_asked() {
    let desk = Desk::new();
    let token = desk.token(TOKEN);
    for (arguments, code) in [
        (&["http://8.8.8.8:8123"][..], "local-address-public-ip"),
        (&["http://home.example:8123"], "local-address-public-name"),
        (&["https://abc.ui.nabu.casa"], "local-address-remote"),
        (&["https://ha.home.example", "--for", "ha.home.example"], "local-address-remote"),
        (&["ftp://homeassistant.local"], "local-address-scheme"),
        // A name that is fine, and leads into the internet.
        (&["http://homeassistant.local", "--connect", "8.8.8.8:8123"], "local-address-public-ip"),
        (&["https://ha.home.example", "--connect", "[2001:db8::1]:443"], "local-address-public-ip"),
    ] {
        let output = desk.home(&[arguments, &["--token-file", &token]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{arguments:?} {stderr}");
        assert!(stderr.contains(code), "{arguments:?} {stderr}");
    }
    let output = desk.home(&["http://127.0.0.1:1", "--for", HOST]);
    assert_eq!(output.status.code(), Some(64), "--for needs a token");
}

#[test]
fn hostile_homes_end_in_not_checked() {
    let desk = Desk::new();
    let token = desk.token(TOKEN);
    let greeting = json!({"type": "auth_required", "ha_version": "2026.11.1"});
    type Speak = Box<dyn Fn(&mut WebSocket<TcpStream>, &mut Vec<String>) + Send>;
    let after = |message: Message| -> Speak {
        let greeting = greeting.clone();
        Box::new(move |socket, _| {
            say(socket, &greeting);
            let _ = socket.read();
            let _ = socket.send(message.clone());
        })
    };
    let homes: Vec<(&str, Speak)> = vec![
        ("home-message-malformed", Box::new(|socket, _| say(socket, &json!(["auth_required"])))),
        ("home-message-malformed", after(Message::text("{"))),
        ("home-message-malformed", after(Message::binary(vec![0; 9]))),
        ("home-message-too-large", after(Message::text("x".repeat(10 << 20)))),
        ("home-out-of-order", after(Message::text(r#"{"type":"auth_required"}"#))),
        (
            "home-out-of-order",
            after(Message::text(r#"{"id":1,"type":"result","success":true,"result":{}}"#)),
        ),
    ];
    for (code, speak) in homes {
        let served = Served::new(speak);
        let output = desk.home(&[&served.url(), "--token-file", &token, "--json"]);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found =
            json["evidence"].as_array().unwrap().iter().find(|one| one["check"] == "home").unwrap();
        assert_eq!(
            (found["code"].as_str(), found["detail"]["error"].as_str()),
            (Some("home-not-reached"), Some(code)),
            "{json:#}"
        );
        assert_eq!((json["verdict"].as_str(), output.status.code()), (Some("unchecked"), Some(3)));
    }
}

/// What is in the way is named, and the token is not said to it.
#[test]
fn what_keeps_us_from_the_home_is_named() {
    let desk = Desk::new();
    let token = desk.token(TOKEN);
    let answers = |answer: &'static [u8]| {
        Served::raw(move |mut stream, _| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        })
    };
    let banned = answers(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 14\r\n\r\n403: Forbidden");
    let proxy = answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let moved =
        answers(b"HTTP/1.1 301 Moved\r\nLocation: https://ha.local/\r\nContent-Length: 0\r\n\r\n");
    let page = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let alert = answers(b"\x15\x03\x01\x00\x02\x02\x46");
    let gone = Served::raw(|stream, _| drop(stream));
    // Asyncio ends the connection without a word, nginx with a page.
    let home = &desk.lab.scenarios()[0];
    let secure = Server::start(&home.chain, Arc::clone(&home.key));
    let config = doorlight_lab::server::tls_config(&home.chain, Arc::clone(&home.key));
    let nginx = Served::raw(move |mut stream, _| {
        let mut first = [0];
        let _ = stream.peek(&mut first);
        if first == [0x16] {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            while connection.complete_io(&mut stream).is_ok() && connection.is_handshaking() {}
        } else {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let https = |served: &Served| served.url().replace("http:", "https:");
    for (url, code) in [
        (banned.url(), "home-bans"),
        (proxy.url(), "home-distrusts-proxy"),
        (moved.url(), "home-sends-on"),
        (page.url(), "home-not-reached"),
        (alert.url(), "home-speaks-tls"),
        (format!("http://{}", secure.address()), "home-speaks-tls"),
        (nginx.url(), "home-speaks-tls"),
        (https(&proxy), "home-speaks-plain-http"),
        (https(&banned), "home-speaks-plain-http"),
        (gone.url(), "home-not-reached"),
        (https(&gone), "home-not-reached"),
        ("http://127.0.0.1:1".into(), "home-not-reached"),
    ] {
        let output = desk.home(&[&url, "--token-file", &token, "--json"]);
        assert_eq!(codes(&output), ["home-version-unknown", code], "{url}");
        assert_eq!(output.status.code(), Some(3));
        assert!(!String::from_utf8_lossy(&output.stdout).contains("eyJ"));
    }
}

/// Over http nothing would be compared, and the token would go out in plain.
#[test]
fn a_certificate_is_not_taken_for_http() {
    let desk = Desk::new();
    let served = Served::home(Home::new(Value::Null));
    let (token, roots) = (desk.token(TOKEN), desk.doorlight.file("roots.pem"));
    let fingerprint = "00".repeat(32);
    for more in [["--certificate", &fingerprint], ["--roots", roots.to_str().unwrap()]] {
        let output =
            desk.home(&[&[served.url().as_str(), "--token-file", &token], &more[..]].concat());
        assert_eq!(output.status.code(), Some(64), "{more:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("certificate-without-https"));
    }
    assert!(served.heard.lock().unwrap().is_empty(), "it was not even connected to");
}

/// Proxies before a home answer so.
#[test]
fn a_home_behind_a_proxy_is_asked() {
    let desk = Desk::new();
    let served = Served::raw(|mut stream, _| {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).unwrap_or(0) == 0 {
                return;
            }
            request.extend(byte);
        }
        let request = String::from_utf8(request).unwrap();
        let key =
            request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let greeting = json!({"type": "auth_required", "ha_version": "2026.11.1"}).to_string();
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nServer: proxy\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        // The first message right behind it.
        answer.extend([0x81, u8::try_from(greeting.len()).unwrap()]);
        answer.extend(greeting.as_bytes());
        stream.write_all(&answer).unwrap();
        let _ = stream.read(&mut [0; 64]);
    });
    let output = desk.home(&[&served.url(), "--json"]);
    assert_eq!(codes(&output)[0], "home-version-current");
    assert_eq!(output.status.code(), Some(0));
}

/// DER: one tag, a length, a value.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let length = match length {
        0..128 => vec![u8::try_from(length).unwrap()],
        _ => [&[0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [&[tag][..], &length, value].concat()
}

/// The values of a SEQUENCE, each with its tag and length.
fn members(sequence: &[u8]) -> Vec<&[u8]> {
    fn head(der: &[u8]) -> (usize, usize) {
        match der[1] {
            0x81 => (3, der[2].into()),
            0x82 => (4, u16::from_be_bytes([der[2], der[3]]).into()),
            short => (2, short.into()),
        }
    }
    let (start, length) = head(sequence);
    let mut rest = &sequence[start..start + length];
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (start, length) = head(rest);
        let (one, behind) = rest.split_at(start + length);
        all.push(one);
        rest = behind;
    }
    all
}

/// A certificate as `openssl x509 -req` made them for decades: X.509 v1, for twenty years, for no
/// name at all. The fingerprint that its owner accepted is enough.
#[test]
fn an_accepted_certificate_of_the_first_version_is_enough() {
    let desk = Desk::new();
    let key = doorlight_lab::authority::key(doorlight_lab::authority::KeyShape::Rsa2048);
    let signed = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let whole = members(signed.der());
    // Without the version in front and the extensions behind.
    let fields: Vec<_> =
        members(whole[0]).into_iter().filter(|one| one[0] & 0xe0 != 0xa0).collect();
    let v1 = tlv(0x30, &[tlv(0x30, &fields.concat()).as_slice(), whole[1], whole[2]].concat());
    assert!(
        rustls::server::ParsedCertificate::try_from(&v1.clone().into()).is_err(),
        "rustls refuses it"
    );
    let sha256 = doorlight::x509::fingerprint::CertificateSha256::of(&v1).to_string();
    let other = doorlight::x509::fingerprint::CertificateSha256::of(b"another").to_string();
    let thief = doorlight_lab::authority::key(doorlight_lab::authority::KeyShape::Rsa2048);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let serve = |key: &rcgen::KeyPair| {
            let certified = rustls::sign::CertifiedKey::new(
                vec![v1.clone().into()],
                doorlight_lab::server::signing_key(key),
            );
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
            let config = Arc::new(config);
            Served::raw(move |stream, _| {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let stream = rustls::StreamOwned::new(connection, stream);
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                let greeting = json!({"type": "auth_required", "ha_version": "2026.11.1"});
                socket.send(Message::text(greeting.to_string())).unwrap();
                while socket.read().is_ok() {}
            })
        };
        let (own, stolen) = (serve(&key), serve(&thief));
        for (served, fingerprint, code) in [
            (&own, &sha256, "home-version-current"),
            (&own, &other, "home-version-unknown"),
            // The same certificate, and not its key.
            (&stolen, &sha256, "home-version-unknown"),
        ] {
            let url = served.url().replace("http:", "https:");
            let output = desk.home(&[&url, "--certificate", fingerprint, "--json"]);
            assert_eq!(codes(&output)[0], code, "{version:?}");
        }
    }
}

/// A home that drips a byte a second is given up on in its time.
#[test]
fn a_home_that_drips_does_not_hold_us() {
    let desk = Desk::new();
    let served = Served::raw(|mut stream, _| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: ");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    let began = Instant::now();
    let output = desk.home(&[&served.url(), "--json"]);
    assert_eq!(codes(&output), ["home-version-unknown", "home-not-reached"]);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
}

#[test]
fn an_older_table_is_refused_and_a_newer_one_used() {
    let desk = Desk::new();
    let served = Served::home(Home::new(Value::Null));
    let table: Value = serde_json::from_str(include_str!("../../data/advisories.json")).unwrap();
    let write = |published: &str, before: &str| {
        let mut table = table.clone();
        table["published"] = published.into();
        table["advisories"][0]["affected"] = json!([{"before": before}]);
        let path = desk.doorlight.file("advisories.json");
        std::fs::write(&path, table.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let older = write("2026-11-21T23:59:59Z", "2026.7.0");
    let output = desk.home(&[&served.url(), "--advisories", &older]);
    assert_eq!(output.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&output.stderr).contains("advisories-older"));
    let newer = write(table["published"].as_str().unwrap(), "2026.12.0");
    let output = desk.home(&[&served.url(), "--advisories", &newer, "--json"]);
    assert_eq!(
        (codes(&output)[0].as_str(), output.status.code()),
        ("home-version-advisory", Some(1))
    );
}
