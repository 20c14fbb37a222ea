//! The public world as servers: the logs, two monitors, the publisher of the list, and a place
//! where nobody should end up.
//!
//! For a test in Rust: `let world = World::start(&lab, Arc::default())?`; from then on
//! `lab.log_list()` says where the logs are. All ends when the world is dropped.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::PublicKeyData;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::authority::{KeyShape, Order, Scts, key};
use crate::fault::Fault;
use crate::http::Response;
use crate::issuance::{self, Issuance, Ledger};
use crate::journal::Journal;
use crate::list::{self, Publisher};
use crate::log::{self, Log};
use crate::scenario::{HOST, Lab};
use crate::server::{signing_key, tls_config};
use crate::service::{Reach, Service};
use crate::static_ct::hex;
use crate::{cert_spotter, crt_sh, port, rfc6962, static_ct};

/// The name of the monitor that is like crt.sh.
pub const CRT_SH: &str = "crt-sh";

/// The name of the monitor that is like Cert Spotter.
pub const CERT_SPOTTER: &str = "cert-spotter";

/// The name of the publisher of the list.
pub const LISTS: &str = "lists";

/// The name of the server that redirects lead to. Whoever asks it for anything followed one.
pub const ASTRAY: &str = "astray";

/// How many issuances a page of Cert Spotter has.
const PAGE: usize = 3;

/// The servers.
pub struct World {
    /// All that they were asked.
    pub journal: Arc<Journal>,
    /// What the monitors know.
    pub ledger: Arc<Ledger>,
    /// Who publishes the list.
    pub publisher: Arc<Publisher>,
    logs: Vec<Log>,
    monitors: Arc<Monitors>,
    services: Vec<Service>,
    reach: Reach,
}

/// What the monitors do.
struct Monitors {
    crt_sh: Mutex<issuance::Conduct>,
    cert_spotter: Mutex<issuance::Conduct>,
    page: AtomicUsize,
}

impl World {
    /// Starts the servers, over plain HTTP. The monitors know nothing yet. A lab has one world at a
    /// time: its logs are where they were started last.
    pub fn start(lab: &Lab, journal: Arc<Journal>) -> io::Result<Self> {
        Self::start_at(lab, journal, Reach::plain())
    }

    /// The same over TLS at `host`, which clients have to be told is on loopback, as its subdomain
    /// `astray` is.
    pub fn start_over_tls(lab: &Lab, journal: Arc<Journal>, host: &str) -> io::Result<Self> {
        let other_host = format!("{ASTRAY}.{host}");
        let key = key(KeyShape::P256);
        let order = Order { names: &[host, &other_host], ..lab.order(1, Scts::None) };
        let tls = tls_config(&lab.authority.issue(&order, &key), signing_key(&key));
        Self::start_at(lab, journal, Reach { host: host.into(), other_host, tls: Some(tls) })
    }

    fn start_at(lab: &Lab, journal: Arc<Journal>, reach: Reach) -> io::Result<Self> {
        let mut services = Vec::new();
        let logs: Vec<Log> = lab.all_logs().into_iter().map(|(log, _)| log.clone()).collect();
        for log in &logs {
            let listener = port::listen()?;
            log.serve_at(&reach.url(&listener)?);
            let journal = Arc::clone(&journal);
            services.push(Service::start(&log.slug(), listener, &reach, journal, answers_of(log))?);
        }

        let ledger = Arc::new(Ledger::default());
        let monitors = Arc::new(Monitors {
            crt_sh: Mutex::default(),
            cert_spotter: Mutex::default(),
            page: AtomicUsize::new(PAGE),
        });
        let publisher = Arc::new(Publisher::new(lab.log_list(), lab.now));
        let mut start =
            |name, answer: Box<dyn Fn(&crate::http::Request) -> Response + Send + Sync>| {
                let listener = port::listen()?;
                services.push(Service::start(
                    name,
                    listener,
                    &reach,
                    Arc::clone(&journal),
                    answer,
                )?);
                io::Result::Ok(())
            };
        let (known, conduct) = (Arc::clone(&ledger), Arc::clone(&monitors));
        start(
            CRT_SH,
            Box::new(move |request| crt_sh::answer(&known, current(&conduct.crt_sh), request)),
        )?;
        let (known, conduct) = (Arc::clone(&ledger), Arc::clone(&monitors));
        start(
            CERT_SPOTTER,
            Box::new(move |request| {
                let page = conduct.page.load(Ordering::SeqCst);
                cert_spotter::answer(&known, current(&conduct.cert_spotter), page, request)
            }),
        )?;
        let lists = Arc::clone(&publisher);
        start(LISTS, Box::new(move |request| lists.answer(request)))?;
        start(ASTRAY, Box::new(|_| Response::json(&json!({"you": "followed"}))))?;
        Ok(Self { journal, ledger, publisher, logs, monitors, services, reach })
    }

    /// Where everything is, for the driver of a test.
    pub fn describe(&self, lab: &Lab) -> Value {
        let logs: Vec<_> =
            lab.all_logs().into_iter().map(|(log, state)| describe(log, state)).collect();
        json!({
            "logs": logs,
            "monitors": {"crt_sh": self.url(CRT_SH), "cert_spotter": self.url(CERT_SPOTTER)},
            "lists": self.url(LISTS),
            "astray": self.astray(),
            "public_host": self.reach.host,
        })
    }

    /// A log by the name that commands have for it.
    pub fn log(&self, name: &str) -> Option<&Log> {
        self.logs.iter().find(|log| log.slug() == name)
    }

    /// A server: a log's name, [`CRT_SH`], [`CERT_SPOTTER`], [`LISTS`] or [`ASTRAY`].
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name() == name)
    }

    /// Where a server is, with a slash at the end; nothing, if there is none of that name.
    pub fn url(&self, name: &str) -> String {
        self.service(name).map_or(String::new(), |service| service.url().into())
    }

    /// Lets the monitors know of what the home's key was certified for under its name alone.
    pub fn publish_home(&self, lab: &Lab) {
        let home: [u8; 32] = Sha256::digest(lab.home_key.subject_public_key_info()).into();
        let is_home = |one: &Arc<Issuance>| one.spki_sha256 == home && one.names == [HOST];
        self.ledger.add(issued(lab).into_iter().filter(is_home));
    }

    /// Lets the monitors know of one certificate, if an authority had it logged.
    pub fn publish(&self, lab: &Lab, leaf: &[u8]) -> bool {
        let found = issued(lab).into_iter().find(|one| one.certificate == leaf);
        let is_found = found.is_some();
        self.ledger.add(found);
        is_found
    }

    /// Sets how many issuances a page of Cert Spotter has.
    pub fn set_page(&self, page: usize) {
        self.monitors.page.store(page.max(1), Ordering::SeqCst);
    }

    /// Sets what a log does; `*` for all. Besides a [`log::Conduct`] that can be `down` or one of
    /// [`Fault::preset`]. `good` heals all.
    pub fn set_log(&self, name: &str, mode: &str) -> Result<(), String> {
        let chosen: Vec<_> =
            self.logs.iter().filter(|log| name == "*" || log.slug() == name).collect();
        if chosen.is_empty() {
            return Err(format!("no {name}"));
        }
        chosen.into_iter().try_for_each(|log| {
            self.set(&log.slug(), mode, |conduct: log::Conduct| log.set_conduct(conduct))
        })
    }

    /// Sets what a monitor does; `*` for both. Besides a [`issuance::Conduct`] the same as for a
    /// log.
    pub fn set_monitor(&self, name: &str, mode: &str) -> Result<(), String> {
        let monitors =
            [(CRT_SH, &self.monitors.crt_sh), (CERT_SPOTTER, &self.monitors.cert_spotter)];
        let chosen: Vec<_> =
            monitors.iter().filter(|(one, _)| name == "*" || *one == name).collect();
        if chosen.is_empty() {
            return Err(format!("no {name}"));
        }
        chosen.into_iter().try_for_each(|(name, place)| {
            self.set(name, mode, |conduct| {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = conduct
            })
        })
    }

    /// Sets what the publisher of the list does. Besides a [`list::Conduct`] the same as for a log.
    pub fn set_list(&self, mode: &str) -> Result<(), String> {
        self.set(LISTS, mode, |conduct: list::Conduct| self.publisher.set_conduct(conduct))
    }

    /// Lets a server fail at the paths that begin with `path`; `*` for all servers. Without a fault
    /// it heals there.
    pub fn fail(&self, name: &str, path: &str, fault: Option<&Fault>) -> Result<(), String> {
        let mut services =
            self.services.iter().filter(|one| name == "*" || one.name() == name).peekable();
        if services.peek().is_none() {
            return Err(format!("no {name}"));
        }
        services.for_each(|service| service.fail(path, fault.cloned()));
        Ok(())
    }

    /// Lets a server fail in one of the ways that they all can fail in; or heals it, and lets `set`
    /// do the rest.
    fn set<C: DeserializeOwned>(
        &self,
        name: &str,
        mode: &str,
        set: impl FnOnce(C),
    ) -> Result<(), String> {
        let service = self.service(name).ok_or_else(|| format!("no {name}"))?;
        if let Ok(conduct) = serde_json::from_value(mode.into()) {
            service.heal().map_err(|error| error.to_string())?;
            set(conduct);
        } else if mode == "down" {
            service.down();
        } else {
            let fault =
                Fault::preset(mode, &self.astray()).ok_or_else(|| format!("no mode {mode}"))?;
            service.fail("/", Some(fault));
        }
        Ok(())
    }

    /// Where redirects lead: the same machine, but another host.
    fn astray(&self) -> String {
        self.url(ASTRAY).replacen(&self.reach.host, &self.reach.other_host, 1)
    }
}

fn answers_of(log: &Log) -> impl Fn(&crate::http::Request) -> Response + Send + Sync + 'static {
    let (log, slug) = (log.clone(), log.slug());
    move |request| {
        let path = request.path();
        let below = |prefix: String| path.strip_prefix(&prefix);
        if log.is_tiled() {
            if let Some(path) = below(format!("/{slug}-tiles/")) {
                return static_ct::answer(&log, path);
            }
        } else if let Some(path) = below(format!("/{slug}/")) {
            return rfc6962::answer(&log, path, request);
        }
        Response::new("404 Not Found", "text/plain", "404 page not found\n")
    }
}

fn describe(log: &Log, state: Option<&str>) -> Value {
    let mut described = json!({
        "name": log.slug(),
        "description": log.name,
        "kind": if log.is_tiled() { "static-ct" } else { "rfc6962" },
        "state": state,
        "log_id": hex(&log.id()),
    });
    if log.is_tiled() {
        described["submission_url"] = log.submission_url().into();
        described["monitoring_url"] = log.monitoring_url().into();
    } else {
        described["url"] = log.submission_url().into();
    }
    described
}

/// All that the public authorities had logged.
fn issued(lab: &Lab) -> Vec<Arc<Issuance>> {
    [lab.authority.issued(), lab.other_authority.issued()].concat()
}

fn current(conduct: &Mutex<issuance::Conduct>) -> issuance::Conduct {
    *conduct.lock().unwrap_or_else(PoisonError::into_inner)
}
