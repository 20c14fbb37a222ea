//! The lab's home as a process: one command a line comes in, one answer a line goes out.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::authority::{KeyShape, Order, Scts, key, pem};
use crate::door::{Door, Presented};
use crate::home::{Host, Mood, Site};
use crate::journal::Journal;
use crate::scenario::{HOST, Lab, Scenario};
use crate::server::{signing_key, tls_config};

/// Another site's host.
const OTHER_HOST: &str = "elsewhere.test";

/// A host that looks like [`HOST`]: the first `a` of `nabu` is Cyrillic.
const LOOK_ALIKE_HOST: &str = "a1b2c3d4.ui.xn--nbu-6cd.test";

/// What a test driver can ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Command {
    /// Another scenario for all new connections; closes the live ones unless they are kept.
    Present {
        name: String,
        #[serde(default)]
        keep: bool,
    },
    /// What was asked so far.
    Requests,
    /// Forgets what was asked, and counts connections from zero.
    Clear,
    /// How many connections the home had.
    Connections,
    /// Hangs up on everybody at the home.
    CloseConnections,
    /// Refuses connections.
    Down,
    /// Listens again.
    Up,
    /// Accepts and says nothing.
    Hang,
    /// Speaks again.
    Unhang,
    /// Waits before each answer.
    Slow { ms: u64 },
    /// Sends who asks for a path of the home somewhere else.
    Redirect { path: String, to: String },
}

/// The running servers.
pub struct Control {
    scenarios: BTreeMap<&'static str, Presented>,
    home: Door,
    mood: Arc<Mood>,
    journal: Arc<Journal>,
    // Serve until the process ends.
    _others: [Door; 3],
}

impl Control {
    /// Starts the servers, leaves in `folder` what Doorlight and the browsers are to be told, and says where everything is.
    pub fn start(lab: &Lab, folder: &Path) -> io::Result<(Self, Value)> {
        let [home, plain, other, look_alike] = [listen()?, listen()?, listen()?, listen()?];
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        let ports = (port(&home)?, port(&plain)?, port(&other)?, port(&look_alike)?);

        let issuer_url = format!("http://{OTHER_HOST}:{}/issuer.cer", ports.2);
        let scenarios = [lab.scenarios(), lab.further_scenarios(&issuer_url)].concat();
        publish(lab, &scenarios, ports.0, folder)?;
        let hello = json!({
            "host": HOST,
            "port": ports.0,
            "plain_port": ports.1,
            "other_host": OTHER_HOST,
            "other_port": ports.2,
            "look_alike_host": LOOK_ALIKE_HOST,
            "look_alike_port": ports.3,
            "scenarios": scenarios.iter().map(describe).collect::<Vec<_>>(),
        });

        let scenarios: BTreeMap<_, _> = scenarios.iter().map(|one| (one.name, presented(one))).collect();
        let mood = Arc::new(Mood::default());
        let journal = Arc::new(Journal::default());
        let door = |listener, presented, site| {
            let host = Host::new(site, Arc::clone(&mood), Arc::clone(&journal));
            Door::new(listener, presented, Box::new(move |line, name| host.answer(line, name)))
        };
        let in_the_clear = || Presented { name: String::new(), tls: None };
        let issuer = lab.proxy.intermediate.clone();
        let good = scenarios.get("good").ok_or_else(|| io::Error::other("no good home"))?.clone();
        let control = Self {
            home: door(home, good, Site::Home),
            _others: [
                door(plain, in_the_clear(), Site::Plain),
                door(other, in_the_clear(), Site::Other { issuer }),
                door(look_alike, look_alike_certificate(lab), Site::LookAlike),
            ],
            scenarios,
            mood: Arc::clone(&mood),
            journal: Arc::clone(&journal),
        };
        Ok((control, hello))
    }

    /// Does what the lines of `input` say until they end, and answers each with a line.
    pub fn obey(&self, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
        for line in input.lines() {
            let answer = self.carry_out(&line?).unwrap_or_else(|error| json!({"error": error}));
            writeln!(output, "{answer}")?;
            output.flush()?;
        }
        Ok(())
    }

    fn carry_out(&self, line: &str) -> Result<Value, String> {
        let counts = self.home.counts();
        match serde_json::from_str(line).map_err(|error| error.to_string())? {
            Command::Present { name, keep } => {
                let presented = self.scenarios.get(name.as_str()).ok_or_else(|| format!("no {name}"))?;
                self.home.present(presented.clone(), keep);
            }
            Command::Requests => return Ok(json!({"requests": self.journal.entries()})),
            Command::Clear => {
                self.journal.clear();
                counts.accepted.store(0, Ordering::SeqCst);
                counts.handshakes.store(0, Ordering::SeqCst);
            }
            Command::Connections => {
                return Ok(json!({
                    "accepted": counts.accepted.load(Ordering::SeqCst),
                    "handshakes": counts.handshakes.load(Ordering::SeqCst),
                }));
            }
            Command::CloseConnections => self.home.close_live(),
            Command::Down => self.home.down(),
            Command::Up => self.home.up().map_err(|error| error.to_string())?,
            Command::Hang => self.home.hang(true),
            Command::Unhang => self.home.hang(false),
            Command::Slow { ms } => self.mood.set_delay(Duration::from_millis(ms)),
            Command::Redirect { path, to } => self.mood.redirect(path, to),
        }
        Ok(json!({"ok": true}))
    }
}

fn listen() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0")
}

fn describe(scenario: &Scenario) -> Value {
    json!({
        "name": scenario.name,
        "id": scenario.id,
        "title": scenario.title,
        "pinned": scenario.pinned,
        "first_sight": scenario.first_sight,
    })
}

fn presented(scenario: &Scenario) -> Presented {
    let tls = Some(tls_config(&scenario.chain, Arc::clone(&scenario.key)));
    Presented { name: scenario.name.into(), tls }
}

/// A flawless certificate, for the wrong host.
fn look_alike_certificate(lab: &Lab) -> Presented {
    let key = key(KeyShape::P256);
    let logs = lab.good_logs();
    let order = Order { names: &[LOOK_ALIKE_HOST], ..lab.order(2, Scts::From(&logs)) };
    let tls = Some(tls_config(&lab.authority.issue(&order, &key), signing_key(&key)));
    Presented { name: String::new(), tls }
}

/// Writes what Doorlight is told, the roots that the browsers are to trust, and every chain.
fn publish(lab: &Lab, scenarios: &[Scenario], port: u16, folder: &Path) -> io::Result<()> {
    let [trusted, chains] = [folder.join("trusted"), folder.join("chains")];
    std::fs::create_dir_all(&trusted)?;
    std::fs::create_dir_all(&chains)?;
    std::fs::write(folder.join("roots.pem"), pem(&lab.roots()))?;
    std::fs::write(folder.join("log_list.json"), lab.log_list())?;
    std::fs::write(folder.join("pins.json"), lab.pins_at(&format!("{HOST}:{port}")))?;
    let authorities = [
        ("lab-encrypt", &lab.authority),
        ("other-trust", &lab.other_authority),
        ("office-proxy", &lab.proxy),
        ("proxy-of-markup", &lab.proxy_of_markup),
    ];
    for (name, authority) in authorities {
        let root = std::slice::from_ref(&authority.root);
        std::fs::write(trusted.join(format!("{name}.pem")), pem(root))?;
    }
    for scenario in scenarios {
        std::fs::write(chains.join(format!("{}.pem", scenario.name)), pem(&scenario.chain))?;
    }
    Ok(())
}
