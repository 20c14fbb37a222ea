//! `lab-home` as a test driver uses it: a process, its commands, and a client over real TLS.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorlight_lab::scenario::HOST;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

type Tls = StreamOwned<ClientConnection, TcpStream>;

struct Driver {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    hello: Value,
    config: Arc<ClientConfig>,
    folder: TempDir,
}

impl Driver {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_lab-home"))
            .arg(folder.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let hello = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        for file in std::fs::read_dir(folder.path().join("trusted")).unwrap() {
            roots.add(CertificateDer::from_pem_file(file.unwrap().path()).unwrap()).unwrap();
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { process, input, output, hello, config: Arc::new(config), folder }
    }

    fn command(&mut self, command: Value) -> Value {
        writeln!(self.input, "{command}").unwrap();
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    fn tell(&mut self, command: Value) {
        assert_eq!(self.command(command.clone()), json!({"ok": true}), "{command}");
    }

    fn port(&self, name: &str) -> u16 {
        u16::try_from(self.hello[name].as_u64().unwrap()).unwrap()
    }

    fn dial(&self, name: &str) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port(name)))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(stream)
    }

    fn connect_to(&self, host: &str, port: &str) -> std::io::Result<Tls> {
        let mut stream = self.dial(port)?;
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }

    fn connect(&self) -> std::io::Result<Tls> {
        self.connect_to(HOST, "port")
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(self.folder.path().join("chains").join(format!("{name}.pem")))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks, and reads head and body by the length in the head.
fn ask(stream: &mut (impl Read + Write), head: &str, body: &str) -> std::io::Result<String> {
    write!(stream, "{head}\r\nhost: {HOST}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    stream.flush()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    let text = String::from_utf8(answer.clone()).unwrap();
    if !head.starts_with("HEAD") {
        let length = text.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body)?;
        answer.extend(body);
    }
    Ok(String::from_utf8(answer).unwrap())
}

#[test]
fn the_home_does_what_it_is_told() {
    let mut driver = Driver::new();

    // Several requests on one connection, each written down.
    let mut line = driver.connect().unwrap();
    assert_eq!(line.conn.peer_certificates().unwrap(), driver.chain("good"));
    let page = ask(&mut line, "GET / HTTP/1.1", "").unwrap();
    assert!(page.contains("<h1>Home</h1>") && page.contains("set-cookie: session=secret-cookie;"));
    let head = ask(&mut line, "HEAD /bfcache HTTP/1.1", "").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && !head.contains("no-store"));
    let echo =
        ask(&mut line, "POST /echo/it?q=<1> HTTP/1.1\r\nCookie: a=b\r\ncookie: c=d", "a body")
            .unwrap();
    assert!(echo.contains(r#""body":"a body""#) && echo.contains("q=&lt;1>"), "{echo}");
    assert!(ask(&mut line, "GET /nothing HTTP/1.1", "").unwrap().starts_with("HTTP/1.1 404"));
    let seen = driver.command(json!({"do": "requests"}));
    let echoed = &seen["requests"][2];
    assert_eq!(seen["requests"].as_array().unwrap().len(), 4);
    assert_eq!(
        [
            &echoed["server"],
            &echoed["presented"],
            &echoed["method"],
            &echoed["target"],
            &echoed["body"]
        ],
        ["home", "good", "POST", "/echo/it?q=<1>", "a body"]
    );
    assert_eq!(echoed["headers"]["cookie"], "a=b, c=d");

    // A swap closes what is open, and counts.
    driver.tell(json!({"do": "present", "name": "A5"}));
    assert!(ask(&mut line, "GET / HTTP/1.1", "").is_err());
    let mut line = driver.connect().unwrap();
    assert_eq!(line.conn.peer_certificates().unwrap(), driver.chain("A5"));
    driver.tell(json!({"do": "present", "name": "A9-expired", "keep": true}));
    assert!(ask(&mut line, "GET / HTTP/1.1", "").is_ok());
    assert!(driver.connect().is_err());
    let seen = driver.command(json!({"do": "requests"}));
    assert_eq!(seen["requests"][4]["presented"], "A5");
    assert_eq!(
        driver.command(json!({"do": "connections"})),
        json!({"accepted": 3, "handshakes": 2})
    );
    assert!(driver.command(json!({"do": "present", "name": "nobody"}))["error"].is_string());
    assert!(driver.command(json!({"do": "dance"}))["error"].is_string());
    driver.tell(json!({"do": "clear"}));
    assert_eq!(driver.command(json!({"do": "requests"})), json!({"requests": []}));
    assert_eq!(
        driver.command(json!({"do": "connections"})),
        json!({"accepted": 0, "handshakes": 0})
    );
}

#[test]
fn the_home_goes_away_and_comes_back() {
    let mut driver = Driver::new();
    let mut line = driver.connect().unwrap();
    ask(&mut line, "GET / HTTP/1.1", "").unwrap();
    driver.tell(json!({"do": "down"}));
    assert!(ask(&mut line, "GET / HTTP/1.1", "").is_err());
    assert_eq!(driver.dial("port").unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    driver.tell(json!({"do": "down"}));
    driver.tell(json!({"do": "up"}));
    driver.tell(json!({"do": "up"}));
    ask(&mut driver.connect().unwrap(), "GET / HTTP/1.1", "").unwrap();

    driver.tell(json!({"do": "hang"}));
    let mut silent = driver.dial("port").unwrap();
    silent.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    silent.write_all(b"hello?").unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    driver.tell(json!({"do": "unhang"}));
    assert!(matches!(silent.read(&mut [0]), Ok(0) | Err(_)));

    driver.tell(json!({"do": "slow", "ms": 150}));
    driver.tell(json!({"do": "redirect", "path": "/away", "to": "https://elsewhere.test/"}));
    let mut line = driver.connect().unwrap();
    let started = Instant::now();
    let answer = ask(&mut line, "GET /away?x HTTP/1.1", "").unwrap();
    assert!(started.elapsed() >= Duration::from_millis(150));
    assert!(
        answer.starts_with("HTTP/1.1 302")
            && answer.contains("location: https://elsewhere.test/\r\n")
    );
    driver.tell(json!({"do": "slow", "ms": 0}));
    driver.tell(json!({"do": "close-connections"}));
    assert!(ask(&mut line, "GET / HTTP/1.1", "").is_err());
}

#[test]
fn websockets_are_heard_and_closed() {
    let mut driver = Driver::new();
    let address = format!("wss://{HOST}/api/websocket");
    let (mut socket, _) = tungstenite::client(address, driver.connect().unwrap()).unwrap();
    assert!(socket.read().unwrap().to_text().unwrap().contains("auth_required"));
    socket.send("secret-token".into()).unwrap();
    assert_eq!(socket.read().unwrap().to_text().unwrap(), "secret-token");
    let seen = driver.command(json!({"do": "requests"}));
    assert_eq!(seen["requests"][0]["websocket"], true);
    assert_eq!(seen["requests"][0]["messages"], json!(["secret-token"]));
    driver.tell(json!({"do": "present", "name": "A1"}));
    assert!(socket.read().is_err());
}

#[test]
fn the_public_world_does_what_it_is_told() {
    let mut driver = Driver::new();
    let fetch = |url: &str| {
        let (authority, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(authority).ok()?;
        write!(stream, "GET /{target} HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").map(|(head, body)| (head[9..12].to_owned(), body.to_owned()))
    };
    let logs = driver.hello["logs"].as_array().unwrap().clone();
    let kinds: Vec<_> = logs
        .iter()
        .map(|log| (log["name"].as_str().unwrap(), log["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds[..3], [("ash", "rfc6962"), ("birch", "rfc6962"), ("cedar", "static-ct")]);
    let url = |value: &Value| value.as_str().unwrap().to_owned();
    let head = format!("{}ct/v1/get-sth", url(&logs[0]["url"]));
    let checkpoint = format!("{}checkpoint", url(&logs[2]["monitoring_url"]));
    let crt_sh =
        format!("{}?dNSName={HOST}&match==&output=json", url(&driver.hello["monitors"]["crt_sh"]));
    let spotter =
        format!("{}v1/issuances?domain={HOST}", url(&driver.hello["monitors"]["cert_spotter"]));
    let list = format!("{}log_list.json", url(&driver.hello["lists"]));
    let rows = |url: &str| -> Value { serde_json::from_str(&fetch(url).unwrap().1).unwrap() };
    let count = |url: &str| rows(url).as_array().unwrap().len();
    let held = std::fs::read_to_string(driver.folder.path().join("log_list.json")).unwrap();
    assert_eq!(fetch(&list).unwrap().1, held);
    assert!(driver.folder.path().join("log_list.sig").metadata().unwrap().len() == 256);

    // The logs.
    let size = rows(&head)["tree_size"].as_u64().unwrap();
    driver.tell(json!({"do": "log", "name": "*", "mode": "pending"}));
    let issued = driver.command(json!({"do": "issue", "what": "renewal", "age_hours": 2}));
    assert_eq!(rows(&head)["tree_size"], size);
    driver.tell(json!({"do": "merge", "name": "ash"}));
    assert_eq!(rows(&head)["tree_size"], size + 1);
    driver.tell(json!({"do": "present", "name": issued["name"]}));
    let line = driver.connect().unwrap();
    let leaf = line.conn.peer_certificates().unwrap()[0].to_vec();
    let sha256: String = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        leaf,
    ))
    .iter()
    .map(|byte| format!("{byte:02x}"))
    .collect();
    assert_eq!(issued["sha256"], sha256.as_str());
    driver.tell(json!({"do": "log", "name": "cedar", "mode": "429"}));
    assert_eq!(fetch(&checkpoint).unwrap().0, "429");
    driver.tell(json!({"do": "answer", "where": "cedar", "path": "/cedar-tiles/checkpoint", "with": {"body": "lies"}}));
    assert_eq!(fetch(&checkpoint).unwrap().1, "lies");
    driver.tell(json!({"do": "answer", "where": "cedar", "path": "/cedar-tiles/checkpoint"}));
    assert_eq!(fetch(&checkpoint).unwrap().0, "429");
    driver.tell(json!({"do": "log", "name": "cedar", "mode": "down"}));
    assert!(fetch(&checkpoint).is_none());
    driver.tell(json!({"do": "list", "mode": "older"}));
    assert_ne!(fetch(&list).unwrap().1, held);
    driver.tell(json!({"do": "cut"}));
    assert!([&head, &checkpoint, &crt_sh, &spotter, &list].iter().all(|url| fetch(url).is_none()));
    driver.tell(json!({"do": "heal"}));
    assert!(fetch(&checkpoint).unwrap().0 == "200" && fetch(&list).unwrap().1 == held);

    // The monitors.
    driver.tell(json!({"do": "monitor", "name": "cert-spotter", "page": 100_000}));
    driver.tell(json!({"do": "forget"}));
    let (known, spotted) = (count(&crt_sh), count(&spotter));
    for (what, more) in
        [("unknown-same-ca", 2), ("unknown-other-ca", 2), ("wildcard", 0), ("renewal", 2)]
    {
        let before = count(&crt_sh);
        let issued = driver.command(json!({"do": "issue", "what": what}));
        assert_eq!((count(&crt_sh), &issued["ok"]), (before + more, &json!(true)), "{what}");
    }
    driver.command(json!({"do": "issue", "what": "renewal", "publish": false}));
    driver.tell(json!({"do": "publish", "name": "A5"}));
    assert!(driver.command(json!({"do": "publish", "name": "A1"}))["error"].is_string());
    assert_eq!(count(&crt_sh), known + 8);
    let started = Instant::now();
    driver.command(json!({"do": "issue", "what": "many", "count": 10_000}));
    assert_eq!(count(&crt_sh), known + 8 + 10_001);
    assert_eq!(count(&format!("{spotter}&match_wildcards=true")), spotted + 5 + 10_000);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    driver.tell(json!({"do": "forget"}));
    assert_eq!(count(&crt_sh), known);
    driver.tell(json!({"do": "monitor", "name": "*", "mode": "502"}));
    assert_eq!(fetch(&crt_sh).unwrap().0, "502");

    // All of it was written down, by whom.
    let seen = driver.command(json!({"do": "requests"}));
    let servers: std::collections::BTreeSet<_> = seen["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["server"].as_str().unwrap())
        .collect();
    assert_eq!(
        servers.into_iter().collect::<Vec<_>>(),
        ["ash", "cedar", "cert-spotter", "crt-sh", "lists"]
    );
    assert!(
        driver.command(json!({"do": "log", "name": "oak", "mode": "good"}))["error"].is_string()
    );
}

#[test]
fn the_public_world_is_there_over_tls_too() {
    let mut driver = Driver::with(&["public.test"]);
    assert_eq!(driver.hello["public_host"], "public.test");
    let url = driver.hello["monitors"]["crt_sh"].as_str().unwrap();
    let port = url.strip_prefix("https://public.test:").unwrap().strip_suffix('/').unwrap();
    driver.hello["crt_sh_port"] = port.parse::<u16>().unwrap().into();
    let mut line = driver.connect_to("public.test", "crt_sh_port").unwrap();
    let target = format!("GET /?dNSName={HOST}&match==&output=json HTTP/1.1");
    assert!(ask(&mut line, &target, "").unwrap().contains("issuer_ca_id"));
    driver.tell(json!({"do": "monitor", "name": "crt-sh", "mode": "redirect"}));
    assert!(ask(&mut line, &target, "").unwrap().contains("location: https://astray.public.test:"));
}

#[test]
fn the_neighbours_answer_too() {
    let driver = Driver::new();
    for (port, target, expected) in [
        ("plain_port", "/", "<h1>Home</h1>"),
        ("other_port", "/form?to=x", "post-body"),
        ("other_port", "/issuer.cer", "application/pkix-cert"),
    ] {
        let mut stream = driver.dial(port).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(String::from_utf8_lossy(&answer).contains(expected), "{target}");
    }
    let look_alike = driver.hello["look_alike_host"].as_str().unwrap();
    let mut line = driver.connect_to(look_alike, "look_alike_port").unwrap();
    assert!(ask(&mut line, "GET / HTTP/1.1", "").unwrap().contains("ha-authorize"));
}

#[test]
fn every_scenario_can_be_presented_under_a_name_of_its_own() {
    let mut driver = Driver::new();
    let scenarios = driver.hello["scenarios"].as_array().unwrap().clone();
    let mut names: Vec<_> = scenarios.iter().map(|one| one["name"].as_str().unwrap()).collect();
    // What no client in its right mind accepts, or what leaves it to the client to find an issuer.
    let refused = [
        "A9-name",
        "A9-expired",
        "A9-weak",
        "A9-malformed",
        "A9-no-key",
        "leaf-only",
        "proxy-hidden",
    ];
    for name in &names {
        driver.tell(json!({"do": "present", "name": name}));
        let ended = driver.connect().map(|line| line.conn.peer_certificates().unwrap().len());
        let expected = (!refused.contains(name)).then(|| driver.chain(name).len());
        assert_eq!(ended.as_ref().ok(), expected.as_ref(), "{name}: {ended:?}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), scenarios.len());
}
