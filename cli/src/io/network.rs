//! The network of the command line: HTTPS by ureq and rustls, checked against Mozilla's roots
//! alone, whatever is installed on this machine.
//!
//! Sent are the question and `User-Agent: doorlight/VERSION`; no cookie, no credentials. No
//! redirect is followed and no proxy of the environment is used: who is asked is who is named in
//! the documentation. Each question runs on a thread of its own, so that those asked side by side
//! wait side by side.
//!
//! | limit | |
//! |---|---|
//! | connecting | [`CONNECT`] |
//! | one question as a whole | [`WHOLE`] |
//! | all questions of a look-up | the patience that the user has, [`PATIENCE`] if nothing is said |
//! | questions at the same time | [`AT_ONCE`] |

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use doorlight::fetch::{self, Answer, FetchError, Get, Platform};
use doorlight::x509::signature::SignatureCheck;
use rustls::crypto::aws_lc_rs;
use sha2::{Digest, Sha256};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use crate::io::input;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long one question may take as a whole. crt.sh thinks for half a minute at times.
const WHOLE: Duration = Duration::from_secs(60);
/// How long all questions of a look-up may take together, in seconds.
pub(crate) const PATIENCE: u64 = 180;
/// How many questions are under way at the same time.
const AT_ONCE: usize = 8;
/// How many tiles are kept; the oldest go first. A tile has 8 KB at most.
const MAX_TILES: usize = 1024;

/// Asks for one look-up, till its time is over.
pub(crate) struct Network {
    agent: Agent,
    until: Instant,
    room: Arc<Room>,
    tiles: Option<PathBuf>,
}

impl Network {
    /// With this much time, and a folder for tiles if they are to be kept.
    pub(crate) fn new(patience: Duration, tiles: Option<PathBuf>) -> Self {
        Self::trusting(RootCerts::WebPki, patience, tiles)
    }

    fn trusting(roots: RootCerts, patience: Duration, tiles: Option<PathBuf>) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("doorlight/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .build();
        let until = Instant::now().checked_add(patience).unwrap_or_else(Instant::now);
        Self { agent: config.new_agent(), until, room: Arc::default(), tiles }
    }

    /// Where a body that never changes is kept.
    fn tile(&self, get: &Get) -> Option<PathBuf> {
        let name: String =
            Sha256::digest(&get.url).iter().map(|byte| format!("{byte:02x}")).collect();
        self.tiles.as_ref().map(|folder| folder.join(name))
    }
}

impl Platform for Network {
    async fn get(&self, get: &Get) -> Result<Answer, FetchError> {
        let kept = if get.is_immutable {
            self.tile(get).and_then(|path| read(&path, get.max_bytes))
        } else {
            None
        };
        if let Some(body) = kept {
            return Ok(Answer { status: 200, retry_after: None, body });
        }
        if !may_be_asked(&get.url) {
            return Err(FetchError::NotAllowed { url: get.url.clone() });
        }
        let (agent, room, until, question) =
            (self.agent.clone(), Arc::clone(&self.room), self.until, get.clone());
        let asked = on_a_thread(move || {
            let _place = room.enter();
            ask(&agent, &question, until)
        });
        asked.await.unwrap_or_else(|| Err(FetchError::Unreachable { url: get.url.clone() }))
    }

    async fn keep(&self, get: &Get, body: &[u8]) {
        if let (Some(path), Some(folder)) = (self.tile(get), &self.tiles) {
            // A cache that cannot be written is none.
            let _ = keep(folder, &path, body, MAX_TILES);
        }
    }

    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool> {
        checks.iter().map(SignatureCheck::verify_natively).collect()
    }

    async fn sleep(&self, time: Duration) {
        let left = self.until.saturating_duration_since(Instant::now());
        on_a_thread(move || std::thread::sleep(time.min(left))).await;
    }
}

/// `https`, or `http` on loopback: what [`Get::url`] promises, held to here too because monitors'
/// addresses come from the user.
fn may_be_asked(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let is_bare = url.username().is_empty() && url.password().is_none();
    is_bare && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback))
}

fn ask(agent: &Agent, get: &Get, until: Instant) -> Result<Answer, FetchError> {
    let url = || get.url.clone();
    let failed = |error: Error| match error {
        Error::Timeout(_) => FetchError::TimedOut { url: url() },
        Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            FetchError::TimedOut { url: url() }
        }
        Error::BodyExceedsLimit(_) => FetchError::TooLarge { url: url(), max_bytes: get.max_bytes },
        _ => FetchError::Unreachable { url: url() },
    };
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(FetchError::TimedOut { url: url() });
    }
    let request = agent.get(&get.url).config().timeout_global(Some(left.min(WHOLE))).build();
    let mut response = request.call().map_err(failed)?;
    let status = response.status().as_u16();
    let header =
        |name| response.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let retry_after =
        header("retry-after").map(|value| fetch::retry_after(value, header("date"), input::now()));
    // What a server says beside 200 is not for us.
    if status != 200 {
        return Ok(Answer { status, retry_after, body: Vec::new() });
    }
    // One byte more, by which the core sees that it was too much.
    let limit = u64::try_from(get.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(failed)?;
    Ok(Answer { status, retry_after, body })
}

/// Runs the work on a thread; `None` where there is no thread to be had.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = futures_channel::oneshot::channel();
    let spawned = std::thread::Builder::new().spawn(move || {
        // Nobody waits any more: the program ends.
        let _ = sender.send(work());
    });
    spawned.ok()?;
    receiver.await.ok()
}

/// As many as [`AT_ONCE`] have room; the others wait.
#[derive(Default)]
struct Room {
    taken: Mutex<usize>,
    left: Condvar,
}

struct Place(Arc<Room>);

impl Room {
    fn enter(self: &Arc<Self>) -> Place {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = self
            .left
            .wait_while(taken, |taken| *taken >= AT_ONCE)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Place(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(1);
        self.0.left.notify_one();
    }
}

/// A kept body, if it is there and not too large.
fn read(path: &Path, max_bytes: usize) -> Option<Vec<u8>> {
    let limit = u64::try_from(max_bytes).ok()?.checked_add(1)?;
    let mut body = Vec::new();
    File::open(path).ok()?.take(limit).read_to_end(&mut body).ok()?;
    (body.len() <= max_bytes).then_some(body)
}

/// Keeps it, and of all that is kept the newest `max`.
fn keep(folder: &Path, path: &Path, body: &[u8], max: usize) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(body)?;
    file.persist(path)?;
    let mut kept: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    kept.sort();
    for (_, path) in kept.iter().take(kept.len().saturating_sub(max)) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use doorlight_lab::scenario::Lab;
    use doorlight_lab::world::{CRT_SH, LISTS, World};
    use ureq::tls::Certificate;

    use super::*;

    fn ask(network: &Network, url: &str) -> Result<Answer, FetchError> {
        let get = Get { url: url.into(), max_bytes: 1 << 20, is_immutable: false };
        pollster::block_on(network.get(&get))
    }

    #[test]
    fn tls_is_checked_against_the_roots() {
        let lab = Lab::new(time::OffsetDateTime::now_utc());
        let world = World::start_over_tls(&lab, Arc::default(), "localhost").unwrap();
        let url = world.url(LISTS) + "log_list.json";
        let patience = Duration::from_secs(20);
        let roots = lab.roots();
        let own = RootCerts::new_with_certs(&[Certificate::from_der(&roots[0]).to_owned()]);
        let answer = ask(&Network::trusting(own, patience, None), &url).unwrap();
        assert_eq!((answer.status, answer.body), (200, world.publisher.list()));
        // Mozilla has never heard of the lab's authority.
        world.journal.clear();
        assert_eq!(ask(&Network::new(patience, None), &url), Err(FetchError::Unreachable { url }));
        assert!(world.journal.entries().is_empty());
    }

    #[test]
    fn only_https_and_loopback_are_asked() {
        let network = Network::new(Duration::from_secs(5), None);
        for url in [
            "http://log.example/",
            "ftp://localhost/",
            "https://user@log.example/",
            "file:///etc/hosts",
            "x",
            "",
        ] {
            assert_eq!(
                ask(&network, url),
                Err(FetchError::NotAllowed { url: url.into() }),
                "{url}"
            );
        }
    }

    #[test]
    fn the_wait_that_a_server_asks_for_is_read() {
        let lab = Lab::new(time::OffsetDateTime::now_utc());
        let world = World::start(&lab, Arc::default()).unwrap();
        world.set_monitor(CRT_SH, "429").unwrap();
        let answer = ask(&Network::new(Duration::from_secs(5), None), &world.url(CRT_SH)).unwrap();
        assert_eq!((answer.status, answer.retry_after), (429, Some(Duration::from_secs(2))));
    }

    #[test]
    fn nothing_is_asked_when_the_time_is_over() {
        let url = "https://log.example/".to_owned();
        assert_eq!(
            ask(&Network::new(Duration::ZERO, None), &url),
            Err(FetchError::TimedOut { url })
        );
    }

    #[test]
    fn the_newest_tiles_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..6 {
            keep(folder.path(), &folder.path().join(n.to_string()), b"tile", 3).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut kept: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        kept.sort();
        assert_eq!(kept, ["3", "4", "5"]);
        assert_eq!(read(&folder.path().join("5"), 4).as_deref(), Some(&b"tile"[..]));
        assert_eq!(read(&folder.path().join("5"), 3), None);
    }
}
