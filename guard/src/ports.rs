//! What a flow may ask of whoever runs it. Each call is one effect, and the background may end
//! before or after any of them.

use core::convert::Infallible;
use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

use doorlight::address::{Address, Host};
use doorlight::fetch;
use doorlight::issuances::issuance::Issuance;
use doorlight::time::Timestamp;
use doorlight::verdict::evidence::Code;
use doorlight::verdict::observation::Seen;
use doorlight::verdict::report::Report;
use doorlight::x509::certificate::Certificate;
use doorlight::x509::signature::SignatureCheck;
use serde_json::Value;

use crate::armed::Armed;
use crate::light::Light;
use crate::session::{OpenSet, SessionText};

/// The browser refused, or could not say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Which call.
    pub call: &'static str,
    /// What the browser said, printable.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}", self.call, self.reason)
    }
}

/// The clock.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Clock {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Comes back after `time`.
    async fn sleep(&self, time: Duration);
}

/// Runs work that nobody waits for.
pub trait Spawn {
    /// Runs it to its end, or to the end of the background.
    fn spawn(&self, work: impl Future<Output = ()> + 'static);
}

/// What was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The certificates in DER, the server's first.
    pub ders: Vec<Vec<u8>>,
    /// On which connection.
    pub seen: Seen,
}

/// No certificate was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// How it stands in the evidence.
    pub code: Code,
    /// What the browser said, if anything.
    pub reason: String,
}

/// Looks at what an address presents.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Probe {
    /// Looks at what it presents now, on a connection of its own. With
    /// `shows_client_certificate` the user's may be shown where one is asked for.
    ///
    /// # Errors
    /// No certificate was seen.
    async fn look(
        &self,
        address: &Address,
        shows_client_certificate: bool,
    ) -> Result<Captured, Unseen>;
}

/// Arithmetic and network.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Network {
    /// A network for one look at logs or monitors: how long one answer may take, and all of them.
    fn network(&self, each: Duration, in_all: Duration) -> impl fetch::Platform;

    /// Which of the signatures are good, in the same order.
    async fn verify(&self, checks: &[SignatureCheck]) -> Vec<bool>;

    /// The certificates that a report says are missing, from where it says they are.
    async fn missing_issuers(&self, report: &Report) -> Vec<Certificate>;
}

/// Where something is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Area {
    /// Outlives the browser.
    Local,
    /// Ends with it.
    Session,
}

/// What is stored, by key.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Storage {
    /// The values of `keys`, a JSON object; without those that are not there.
    ///
    /// # Errors
    /// The storage does not answer.
    async fn read(&self, area: Area, keys: &[&str]) -> Result<Value, Refused>;

    /// Everything in it.
    ///
    /// # Errors
    /// The storage does not answer.
    async fn read_all(&self, area: Area) -> Result<Value, Refused>;

    /// Stores the members of a JSON object, all of them or none.
    ///
    /// # Errors
    /// What was stored before may still be there.
    async fn write(&self, area: Area, entries: Value) -> Result<(), Refused>;

    /// Removes one value.
    ///
    /// # Errors
    /// It may still be there.
    async fn remove(&self, area: Area, keys: &[&str]) -> Result<(), Refused>;

    /// A new random UUID (RFC 9562 section 5.4).
    fn random_uuid(&self) -> String;
}

/// A line to a home: text after text, either way.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait HomeLine {
    /// An open line. It ends when it is dropped.
    type Line;

    /// Opens the WebSocket at `url`; `None` where the browser does not.
    fn open(&self, url: &str) -> Option<Self::Line>;

    /// The next text; `None` where the line ended, or something else came.
    async fn hear(&self, line: &mut Self::Line) -> Option<String>;

    /// Sends a text; `None` where the line ended.
    async fn say(&self, line: &mut Self::Line, text: String) -> Option<()>;

    /// The status of HTTP that answers to a plain question at `url`, 300 for any redirect: a browser
    /// tells nothing of why a line did not come about. `None` where nobody answers within seconds.
    async fn status(&self, url: &str) -> Option<u16>;
}

/// What the user is told outside any page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notification<'a> {
    /// A certificate of a key that is not the home's.
    Issuance {
        /// Its ID. One that is told twice takes the first one's place.
        id: &'a str,
        /// The certificate.
        issuance: &'a Issuance,
    },
    /// So many of them at once.
    Issuances(usize),
}

/// The rest of the browser.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Browser {
    /// True in a private window's own background, which leaves homes and audits to the other one.
    fn is_private(&self) -> bool;

    /// True where the user has given permission for a match pattern.
    async fn is_granted(&self, pattern: &str) -> bool;

    /// Gives the permission for a match pattern back.
    async fn give_back(&self, pattern: &str);

    /// Tells the user.
    ///
    /// # Errors
    /// The browser shows no notifications.
    async fn notify(
        &self,
        address: &Address,
        notification: &Notification<'_>,
    ) -> Result<(), Refused>;

    /// Sets the alarm that looks whether an audit is due, or clears it.
    async fn set_audit_alarm(&self, is_needed: bool);

    /// Shows the light of an address in its tabs, read as each is shown.
    async fn show(&self, address: &Address, light: &impl Fn() -> Light);

    /// Sends the tabs of an address to the gate. `is_danger`: its documents in frames of others end
    /// too.
    async fn leave(&self, address: &Address, is_danger: bool);

    /// What waits at the gate for an address asks for passage again.
    async fn call_in(&self, address: &Address);

    /// Puts away what is known of how certificates are seen here.
    async fn remember_capture(&self);

    /// Recalls it.
    async fn recall_capture(&self);

    /// The hosts that the user gave permission for; `None` where the browser does not say.
    async fn granted_hosts(&self) -> Option<BTreeSet<Host>>;

    /// Shuts whatever is open of `guarded` and not among `open`.
    ///
    /// # Errors
    /// Something may have stayed open.
    async fn shut_rules(
        &self,
        guarded: &BTreeSet<Host>,
        open: &BTreeSet<Address>,
    ) -> Result<(), Refused>;

    /// Lets `open` pass. Takes nothing back.
    ///
    /// # Errors
    /// Something could not be opened.
    async fn open_rules(&self, guarded: &BTreeSet<Host>, open: &Armed) -> Result<(), Refused>;

    /// Sets the alarm at which the gate is set again; `None` clears it.
    ///
    /// # Errors
    /// There may be no alarm.
    async fn set_gate_alarm(&self, at: Option<Timestamp>) -> Result<(), Refused>;
}

/// A download that has not come to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Download {
    /// The browser's number of it, for now.
    pub id: i64,
    /// Where it would be asked for again.
    pub address: Address,
    /// False without encryption.
    pub is_tls: bool,
    /// When it began, as the browser writes it: to the millisecond, and the same after a restart.
    pub started: String,
    /// True where bytes arrive.
    pub is_running: bool,
    /// True where it could go on from where it is.
    pub can_resume: bool,
}

/// The browser's downloads. Calls that it refuses change nothing.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Downloads {
    /// True where the user gave permission for it.
    fn sees_downloads(&self) -> bool;

    /// Those that run or are paused, of those that would be asked for over the web again.
    async fn downloads(&self) -> Vec<Download>;

    /// Of the newest, those that stopped before their end without being paused.
    async fn broken_downloads(&self) -> Vec<Download>;

    /// Pauses one that runs.
    async fn pause_download(&self, id: i64);

    /// Goes on with one. False if the browser refused.
    async fn resume_download(&self, id: i64) -> bool;

    /// Takes one that does not run off the browser's list, and what was loaded of it with it.
    async fn discard_download(&self, id: i64);
}

/// All that the engine needs of a browser.
pub trait Ports: Clock + Spawn + Probe + Network + Storage + Downloads + Browser + 'static {}

impl<T: Clock + Spawn + Probe + Network + Storage + Downloads + Browser + 'static> Ports for T {}

/// A whole background that stands by for one that asks nobody.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Relief {
    /// It takes over. This background ends here, as any may end at any effect: nothing comes back
    /// from here, nor from any effect after it.
    async fn relieve(&self) -> Infallible;
}

/// What is known, as the gate needs it. Read between two effects, never held over one.
pub trait Known {
    /// The addresses that may pass now, each with the end of its check: a good one, of an address
    /// that is guarded and whose rules are in place.
    fn open_now(&self) -> OpenSet;

    /// The session as it is stored.
    fn session_text(&self) -> SessionText;
}

/// The storage that ends with the browser.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait SessionStorage {
    /// Stores the session, all of it or nothing.
    ///
    /// # Errors
    /// What was stored before may still be there.
    async fn write_session(&self, text: SessionText) -> Result<(), Refused>;

    /// Forgets the session: after it, nothing stored is good.
    ///
    /// # Errors
    /// What was stored before may still be there.
    async fn forget_session(&self) -> Result<(), Refused>;
}

/// The rules that let requests pass, and the alarm that ends them.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Rules {
    /// Shuts whatever is open and not among `open`.
    ///
    /// # Errors
    /// Something may have stayed open.
    async fn shut_all_but(&self, open: &BTreeSet<Address>) -> Result<(), Refused>;

    /// Lets `open` pass. Takes nothing back.
    ///
    /// # Errors
    /// Something could not be opened.
    async fn open(&self, open: &Armed) -> Result<(), Refused>;

    /// Sets the alarm at which the gate is set again; `None` clears it.
    ///
    /// # Errors
    /// There may be no alarm.
    async fn set_alarm(&self, at: Option<Timestamp>) -> Result<(), Refused>;

    /// The time.
    fn now(&self) -> Timestamp;
}

/// What came of asking a home while somebody waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// The home names another certificate than before.
    Other,
    /// It names the same as before, and what is presented is so young that it may soon name
    /// another.
    Wait,
    /// Nothing to wait for.
    None,
}

/// Who else is asked while somebody waits at the gate. The engine supplies it: a check knows
/// neither homes nor audits.
#[allow(async_fn_in_trait, reason = "one thread")]
pub trait Consult {
    /// Asks the home, if the report leaves a question that it could answer.
    async fn home(&self, address: &Address, report: &Report) -> News;

    /// Asks the logs for proof, if the user wants no green without it.
    async fn proof(
        &self,
        address: &Address,
        leaf: &Certificate,
        promises: &doorlight::ct::publication::Promises,
    );
}
