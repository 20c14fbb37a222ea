//! The lab's home and the public world around it as a process: one command a line comes in, one
//! answer a line goes out.
//!
//! A log that gives an SCT for the home's own key and never publishes the entry, for example:
//!
//! ```json
//! {"do": "log", "name": "cedar", "mode": "withhold"}
//! {"do": "issue", "what": "renewal", "age_hours": 48}
//! {"do": "present", "name": "issued-1"}
//! ```
//!
//! And a monitor that is busy for its second and third question, with the number of seconds that it
//! wants to be left alone:
//!
//! ```json
//! {"do": "answer", "where": "cert-spotter", "with": {"status": 429, "headers": {"retry-after": "1"}, "skip": 1, "times": 2}}
//! ```
//!
//! And a Home Assistant on the local network that has a renewed certificate, is of another version,
//! and then is gone:
//!
//! ```json
//! {"do": "home-assistant", "holds": "issued-1", "version": "2021.1.4"}
//! {"do": "home-assistant", "state": "down"}
//! ```

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rcgen::PublicKeyData;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::authority::{KeyShape, Order, Scts, key, pem};
use crate::door::{Door, Presented};
use crate::fault::Fault;
use crate::home::{Host, Mood, Site};
use crate::home_assistant::{Cloud, HomeAssistant, LoggedIn, Presence, TOKEN, Told};
use crate::journal::Journal;
use crate::port;
use crate::scenario::{HOST, Lab, SECRET_HOST, Scenario};
use crate::server::{signing_key, tls_config};
use crate::static_ct::hex;
use crate::upstream::Upstream;
use crate::world::World;

/// Another site's host.
const OTHER_HOST: &str = "elsewhere.test";

/// A host that looks like [`HOST`]: the first `a` of `nabu` is Cyrillic.
const LOOK_ALIKE_HOST: &str = "a1b2c3d4.ui.xn--nbu-6cd.test";

/// The first serial number of many: eight bytes, the last four of which count.
const MANY: u64 = 0x4d61_6e79_0000_0000;

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
    /// Lets a real server answer behind the home's TLS, whatever certificate that presents; without
    /// an address the lab's own pages again. `from` is whom it is told that requests come from;
    /// without it, somebody on the internet.
    Upstream { address: Option<SocketAddr>, from: Option<IpAddr> },
    /// What the double of Home Assistant is and says. Answers with what it has counted, also where
    /// nothing is to change.
    HomeAssistant(Told),
    /// What a log does, or all with the name `*`: a word of [`crate::log::Conduct`], `down`, or one
    /// of [`Fault::preset`].
    Log { name: String, mode: String },
    /// A log puts into its tree what waits.
    Merge { name: String },
    /// What a monitor does (`crt-sh`, `cert-spotter`, `*`): a word of [`crate::issuance::Conduct`],
    /// or as for a log. And how long Cert Spotter's pages are.
    Monitor { name: String, mode: Option<String>, page: Option<usize> },
    /// What the publisher of the list does: a word of [`crate::list::Conduct`], or as for a log.
    List { mode: String },
    /// Lets a server of the public world (a log, a monitor, `lists`, `*`) fail in a way of one's
    /// own, where the target begins with `path`. Without `with` it heals there.
    Answer {
        #[serde(rename = "where")]
        name: String,
        #[serde(default = "everywhere")]
        path: String,
        with: Option<Fault>,
    },
    /// An authority issues a certificate for the home's name, has it logged, and the monitors learn
    /// of it. Its name can be presented.
    Issue {
        what: Issue,
        /// How long ago; the SCTs are an hour younger. With 1 they are of this moment, within every
        /// maximum merge delay.
        #[serde(default = "a_day")]
        age_hours: i64,
        /// How many, for `many`.
        #[serde(default = "ten_thousand")]
        count: u32,
        /// False where the monitors are not to learn of it.
        #[serde(default = "yes")]
        publish: bool,
    },
    /// The monitors learn of a scenario's certificate.
    Publish { name: String },
    /// The monitors forget all but what they knew at the beginning.
    Forget,
    /// Nobody reaches the public world any more (A14).
    Cut,
    /// All of the public world is there again and tells the truth.
    Heal,
}

/// What can be issued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Issue {
    /// For another key, by the home's authority (A5).
    UnknownSameCa,
    /// For another key, by another authority (A4).
    UnknownOtherCa,
    /// For another key and a wildcard that covers the name, by the home's authority.
    Wildcard,
    /// For the home's key, by its authority.
    Renewal,
    /// One for the home's key, and made up after it, with other numbers and signatures that do not
    /// fit, all others.
    Many,
    /// The same for another key.
    ManyUnknown,
}

fn everywhere() -> String {
    "/".into()
}

fn a_day() -> i64 {
    24
}

fn ten_thousand() -> u32 {
    10_000
}

fn yes() -> bool {
    true
}

/// The running servers.
pub struct Control {
    lab: Lab,
    world: World,
    /// How many issuances the monitors knew at the beginning.
    known: usize,
    presentable: Mutex<BTreeMap<String, Presentable>>,
    home: Door,
    home_assistant: Arc<HomeAssistant>,
    home_assistant_door: Door,
    mood: Arc<Mood>,
    journal: Arc<Journal>,
    // Serve until the process ends.
    _others: [Door; 3],
}

/// What a name stands for.
struct Presentable {
    presented: Presented,
    leaf: Vec<u8>,
}

impl Control {
    /// Starts the servers, those of the public world over TLS if it is given a host; leaves in
    /// `folder` what Doorlight and the browsers are to be told, and says where everything is.
    pub fn start(lab: Lab, folder: &Path, tls_host: Option<&str>) -> io::Result<(Self, Value)> {
        let journal = Arc::new(Journal::default());
        let world = match tls_host {
            None => World::start(&lab, Arc::clone(&journal)),
            Some(host) => World::start_over_tls(&lab, Arc::clone(&journal), host),
        }?;
        let [home, plain, other, look_alike] =
            [port::listen()?, port::listen()?, port::listen()?, port::listen()?];
        let local = port::listen()?;
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        let ports = (port(&home)?, port(&plain)?, port(&other)?, port(&look_alike)?);

        let issuer_url = format!("http://{OTHER_HOST}:{}/issuer.cer", ports.2);
        let scenarios = [lab.scenarios(), lab.further_scenarios(&issuer_url)].concat();
        world.publish_home(&lab);
        publish(&lab, &world, &scenarios, ports.0, folder)?;
        let mut hello = json!({
            "host": HOST,
            "port": ports.0,
            "plain_port": ports.1,
            "other_host": OTHER_HOST,
            "other_port": ports.2,
            "look_alike_host": LOOK_ALIKE_HOST,
            "secret_host": SECRET_HOST,
            "look_alike_port": ports.3,
            "home_assistant_port": port(&local)?,
            "home_assistant_token": TOKEN,
            "scenarios": scenarios.iter().map(describe).collect::<Vec<_>>(),
        });

        if let (Some(hello), Value::Object(world)) = (hello.as_object_mut(), world.describe(&lab)) {
            hello.extend(world);
        }

        let presentable: BTreeMap<_, _> =
            scenarios.iter().map(|one| (one.name.to_owned(), presentable(one))).collect();
        let mood = Arc::new(Mood::default());
        let door = |listener, presented, site| {
            let host = Host::new(site, Arc::clone(&mood), Arc::clone(&journal));
            Door::new(listener, presented, Box::new(move |line, name| host.answer(line, name)))
        };
        let in_the_clear = || Presented { name: String::new(), tls: None };
        let issuer = lab.proxy.intermediate.clone();
        let good = presentable.get("good").ok_or_else(|| io::Error::other("no good home"))?;
        let held = LoggedIn::holding(&good.leaf).map_err(io::Error::other)?;
        let good = good.presented.clone();
        let home_assistant = Arc::new(HomeAssistant::new(held, Arc::clone(&journal)));
        let local_answer = Arc::clone(&home_assistant);
        let control = Self {
            home: door(home, good, Site::Home),
            home_assistant_door: Door::new(
                local,
                in_the_clear(),
                Box::new(move |line, _| local_answer.answer(line)),
            ),
            home_assistant,
            _others: [
                door(plain, in_the_clear(), Site::Plain),
                door(other, in_the_clear(), Site::Other { issuer }),
                door(look_alike, look_alike_certificate(&lab), Site::LookAlike),
            ],
            known: world.ledger.len(),
            presentable: Mutex::new(presentable),
            lab,
            world,
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
                let presentable = self.lock();
                let one = presentable.get(&name).ok_or_else(|| format!("no {name}"))?;
                self.home.present(one.presented.clone(), keep);
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
            Command::Upstream { address, from } => {
                self.mood.set_upstream(address.map(|address| Upstream::new(address, from)));
            }
            Command::HomeAssistant(told) => return self.tell_home_assistant(told),
            Command::Log { name, mode } => self.world.set_log(&name, &mode)?,
            Command::Merge { name } => {
                self.world.log(&name).ok_or_else(|| format!("no {name}"))?.merge()
            }
            Command::Monitor { name, mode, page } => {
                page.into_iter().for_each(|page| self.world.set_page(page));
                mode.map_or(Ok(()), |mode| self.world.set_monitor(&name, &mode))?;
            }
            Command::List { mode } => self.world.set_list(&mode)?,
            Command::Answer { name, path, with } => self.world.fail(&name, &path, with.as_ref())?,
            Command::Issue { what, age_hours, count, publish } => {
                return Ok(self.issue(what, age_hours, count, publish));
            }
            Command::Publish { name } => {
                let presentable = self.lock();
                let one = presentable.get(&name).ok_or_else(|| format!("no {name}"))?;
                if !self.world.publish(&self.lab, &one.leaf) {
                    return Err(format!("{name} is in no log"));
                }
            }
            Command::Forget => self.world.ledger.truncate(self.known),
            Command::Cut => {
                self.world.set_log("*", "down")?;
                self.world.set_monitor("*", "down")?;
                self.world.set_list("down")?;
            }
            Command::Heal => {
                self.world.fail("*", "/", None)?;
                self.world.set_log("*", "good")?;
                self.world.set_monitor("*", "good")?;
                self.world.set_list("good")?;
            }
        }
        Ok(json!({"ok": true}))
    }

    /// Changes the double of Home Assistant, and says what it has counted.
    fn tell_home_assistant(&self, mut told: Told) -> Result<Value, String> {
        if let Some(name) = told.holds.take() {
            let presentable = self.lock();
            let one = presentable.get(&name).ok_or_else(|| format!("no {name}"))?;
            told.cloud = Some(Cloud::LoggedIn(Box::new(LoggedIn::holding(&one.leaf)?)));
        }
        let door = &self.home_assistant_door;
        match told.state {
            None => {}
            Some(Presence::Down) => door.down(),
            Some(Presence::Hang) => door.hang(true),
            Some(Presence::Up) => {
                door.hang(false);
                door.up().map_err(|error| error.to_string())?;
            }
        }
        self.home_assistant.tell(told);
        Ok(self.home_assistant.counts())
    }

    /// Issues, and says what can be presented now and what is in the certificate.
    fn issue(&self, what: Issue, age_hours: i64, count: u32, publish: bool) -> Value {
        let lab = &self.lab;
        let stranger = key(KeyShape::P256);
        let wildcard =
            HOST.split_once('.').map_or(String::new(), |(_, parent)| format!("*.{parent}"));
        let (authority, key, name) = match what {
            Issue::UnknownSameCa | Issue::ManyUnknown => (&lab.authority, &stranger, HOST),
            Issue::UnknownOtherCa => (&lab.other_authority, &stranger, HOST),
            Issue::Wildcard => (&lab.authority, &stranger, wildcard.as_str()),
            Issue::Renewal | Issue::Many => (&lab.authority, &lab.home_key, HOST),
        };
        let logs = lab.good_logs();
        let not_before = OffsetDateTime::now_utc() - time::Duration::hours(age_hours);
        let not_after = not_before + time::Duration::days(90);
        let order = Order { names: &[name], not_before, not_after, scts: Scts::From(&logs) };
        let is_many = matches!(what, Issue::Many | Issue::ManyUnknown);
        let chain = authority.issue_changed(&order, key, |params| {
            if is_many {
                params.serial_number = Some(MANY.into());
            }
        });
        if publish {
            self.world.publish(lab, &chain[0]);
        }
        if publish
            && is_many
            && let Some(first) = self.world.ledger.last()
        {
            self.world.ledger.add((1..count).map(|n| Arc::new(first.made_up(n))));
        }
        let mut presentable = self.lock();
        let name = format!(
            "issued-{}",
            presentable.keys().filter(|name| name.starts_with("issued-")).count() + 1
        );
        let tls = Some(tls_config(&chain, signing_key(key)));
        let presented = Presented { name: name.clone(), tls };
        presentable.insert(name.clone(), Presentable { presented, leaf: chain[0].clone() });
        json!({
            "ok": true,
            "name": name,
            "sha256": hex(&Sha256::digest(&chain[0])),
            "spki_sha256": hex(&Sha256::digest(key.subject_public_key_info())),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Presentable>> {
        self.presentable.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

fn presentable(scenario: &Scenario) -> Presentable {
    let tls = Some(tls_config(&scenario.chain, Arc::clone(&scenario.key)));
    Presentable {
        presented: Presented { name: scenario.name.into(), tls },
        leaf: scenario.chain.first().cloned().unwrap_or_default(),
    }
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
fn publish(
    lab: &Lab,
    world: &World,
    scenarios: &[Scenario],
    port: u16,
    folder: &Path,
) -> io::Result<()> {
    let [trusted, chains] = [folder.join("trusted"), folder.join("chains")];
    std::fs::create_dir_all(&trusted)?;
    std::fs::create_dir_all(&chains)?;
    std::fs::write(folder.join("roots.pem"), pem(&lab.roots()))?;
    std::fs::write(folder.join("log_list.json"), world.publisher.list())?;
    std::fs::write(folder.join("log_list.sig"), world.publisher.signature())?;
    std::fs::write(folder.join("log_list_key.pem"), world.publisher.public_key())?;
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
    // For files alone: no browser finishes a handshake with it.
    std::fs::write(chains.join("A16-ten-thousand-names.pem"), pem(&lab.ten_thousand_names()))?;
    Ok(())
}
