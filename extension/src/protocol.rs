//! What the pages and the content script ask of the background, and what it answers: plain JSON
//! through `runtime.sendMessage`.

use doorlight::address::Address;
use doorlight::ct::publication::PublicationReport;
use doorlight::home_assistant::check_up::CheckUp;
use doorlight::issuances::timeline::Timeline;
use doorlight::issuances::watch::Looks;
use doorlight::site::SiteRecord;
use doorlight::time::Timestamp;
use doorlight::verdict::report::Report;
use doorlight_guard::homes::Risk;
use doorlight_guard::journal::Entry;
use doorlight_guard::light::Light;
use doorlight_guard::settings::{Consent, Settings};
use doorlight_guard::sources::Needs;
use doorlight_guard::trouble::Trouble;
use serde::{Deserialize, Serialize};

/// Whether a page may go on: what is asked most, and all that a background answers which has just
/// woken. Who may ask it: [`Knock::audience`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Knock {
    /// The veil of a page: may the page at `url` be shown? Answered with [`Passage`].
    Hello {
        /// The page's address.
        url: String,
        /// What the content script calls this document.
        #[serde(default)]
        document: String,
        /// True where the page comes from the back/forward cache, so that sending it elsewhere
        /// would lose its state.
        #[serde(default)]
        is_restored: bool,
        /// True where the machine slept, or changed its network, since the page was last looked at.
        #[serde(default)]
        has_woken: bool,
        /// True where the page has opened its document anew (`document.open()`), so that nothing
        /// keeps what is typed from it.
        #[serde(default)]
        was_reopened: bool,
    },
    /// The gate page: check, and open if all is well. Answered with [`Passage`].
    Enter {
        /// The wanted address with everything behind it.
        url: String,
    },
}

/// Any other question. The extension's own pages alone may ask it: everything changes something, or
/// tells about other addresses.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// What is known of the address of a page. Answered with [`Status`].
    Status {
        /// The page's address.
        url: String,
        /// The tab that shows it, if there is one.
        #[serde(default)]
        tab: Option<i32>,
    },
    /// Check again, whatever is known. Answered with [`Status`].
    CheckAgain {
        /// Which address.
        address: Address,
    },
    /// Guard an address from now on; the permission for its host has been given. Answered with
    /// [`Status`].
    Guard {
        /// Which address.
        address: Address,
    },
    /// Guard it no longer. Answered with [`Overview`].
    Unguard {
        /// Which address.
        address: Address,
    },
    /// The user takes the key that is presented for the home's. Answered with [`Status`].
    Accept {
        /// Which address.
        address: Address,
        /// SHA-256 of the certificate that the user looked at, so that another one cannot slip in.
        sha256: String,
    },
    /// The user entered a fingerprint: of a certificate (SHA-1, SHA-256) or, with `pin-sha256=`, of
    /// a key. Answered with [`Status`].
    EnterFingerprint {
        /// Which address.
        address: Address,
        /// As it was typed.
        text: String,
    },
    /// Takes a pinned key away. Answered with [`Status`].
    Unpin {
        /// Which address.
        address: Address,
        /// SHA-256 of the key.
        spki_sha256: String,
    },
    /// Past the gate all the same, for this session. Answered with [`Status`].
    Except {
        /// Which address.
        address: Address,
        /// What the user typed: has to be the host's name.
        typed: String,
        /// SHA-256 of the certificate that the user was told of, `null` where none was seen.
        #[serde(default)]
        sha256: Option<String>,
    },
    /// Everything the options page shows. Answered with [`Overview`].
    Overview,
    /// Changes the settings. Answered with [`Overview`].
    Change {
        /// All of them; what belongs to one address ([`Settings::consents`], [`Settings::homes`])
        /// stays as it is, because a page may be older than that.
        settings: Settings,
    },
    /// Whom the user allows to be asked about an address, from now on. Answered with [`Overview`].
    Consent {
        /// Which address.
        address: Address,
        /// Whom, and nobody else.
        consent: Consent,
    },
    /// What an export of pins would change; nothing is changed. Answered with [`Preview`].
    PreviewPins {
        /// The file.
        json: String,
    },
    /// Takes over pins from an export. Answered with [`Overview`].
    ImportPins {
        /// The file.
        json: String,
    },
    /// The pins as a file. Answered with [`Exported`].
    ExportPins,
    /// The last check as a file, with the certificates. Answered with [`Exported`].
    ExportEvidence {
        /// Which address.
        address: Address,
    },
    /// Starts afresh after stored values could not be read; what was there stays kept aside.
    /// Answered with [`Overview`].
    StartAfresh,
    /// Ask the logs and monitors now that the user allowed for an address. Answered with
    /// [`Status`].
    Audit {
        /// Which address.
        address: Address,
    },
    /// The user knows a certificate with a key that is not pinned, or takes that back. Answered
    /// with [`Status`].
    Acknowledge {
        /// Which address.
        address: Address,
        /// Which one: [`Alarm::id`].
        id: String,
        /// False: it is to be told again.
        is_known: bool,
    },
    /// Where the home answers on the local network, and the token that it may be asked with. Asks
    /// it at once. Answered with [`Status`].
    SetHome {
        /// Whose home.
        address: Address,
        /// Where it answers, as it was typed; the permission for it has been given.
        local: String,
        /// A new token; `None` leaves the one that is there, an empty one takes it away.
        #[serde(default)]
        token: Option<String>,
        /// True: the token is kept when the browser ends.
        #[serde(default)]
        keeps_token: bool,
    },
    /// Asks the home no longer, and forgets the token and its word. Keys that it confirmed stay
    /// pinned. Answered with [`Status`].
    ForgetHome {
        /// Whose home.
        address: Address,
    },
    /// Ask the home now. Answered with [`Status`].
    AskHome {
        /// Whose home.
        address: Address,
        /// True: with a token that was refused too, because another home refused it.
        #[serde(default)]
        again: bool,
    },
    /// The owner lets a version pass that is not to be reached from outside, at their own risk, or
    /// takes that back. Answered with [`Status`].
    AcceptRisk {
        /// Whose home.
        address: Address,
        /// False: the gate is shut again.
        is_accepted: bool,
        /// What the owner was shown.
        #[serde(default)]
        shown: Option<Risk>,
    },
    /// Chromium: the page that asks wants to make a look by itself, so that the browser asks the user
    /// for a client certificate. Answered with [`Choice`].
    ChooseClientCertificate {
        /// Which address.
        address: Address,
    },
    /// Firefox: a look may show a client certificate of the user's where the address asks for one,
    /// or no longer. Looks at once. Answered with [`Status`].
    ShowClientCertificate {
        /// Which address.
        address: Address,
        /// False: no longer.
        is_shown: bool,
    },
    /// What the site of an address has stored in this browser was cleared, or the user leaves it.
    /// Answered with [`Status`].
    Cleaned {
        /// Which address.
        address: Address,
    },
    /// Takes the downloads of an address's host off the browser's list that stopped before their
    /// end. Answered with [`Status`].
    DiscardDownloads {
        /// Which address.
        address: Address,
    },
    /// Shows that everything works for an address. Answered with [`SelfTest`].
    SelfTest {
        /// Which address.
        address: Address,
    },
}

/// Where a page may look by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Choice {
    /// The URL whose headers it may ask for within five seconds.
    pub url: Option<String>,
    /// Why it may not.
    pub trouble: Option<Trouble>,
}

/// Who may ask something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// The extension's own pages.
    Pages,
    /// Our content script, in whatever document.
    Documents,
}

impl Knock {
    /// Who may ask this.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Hello { .. } => Audience::Documents,
            Self::Enter { .. } => Audience::Pages,
        }
    }
}

/// Whether a page may be shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Passage {
    /// True: go on. False: the page stays covered, and `status` says why.
    pub is_open: bool,
    /// True where the tab is being sent to the gate page.
    pub is_leaving: bool,
    /// The gate page asked about a URL without encryption, and this is the same with it, at an
    /// address that is guarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_https: Option<String>,
    /// What is known. Never sent to a content script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<Status>>,
}

/// What is known of an address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Which address; `None` where the page has none that could be guarded.
    pub address: Option<Address>,
    /// The light now.
    pub light: Light,
    /// True for an address that the user added.
    pub is_guarded: bool,
    /// True where another port of the same host is guarded: cookies do not know ports.
    pub is_host_guarded: bool,
    /// False where the browser was told to take the permission for the host back.
    pub has_permission: bool,
    /// The last check of this session.
    pub report: Option<Report>,
    /// A good check is reused until then.
    pub open_until: Option<Timestamp>,
    /// Since when the light has this colour.
    pub since: Option<Timestamp>,
    /// Since when the user goes past the gate.
    pub exception_since: Option<Timestamp>,
    /// What is remembered.
    pub record: Option<SiteRecord>,
    /// What the logs and monitors say; `None` for an address that is not guarded.
    #[cfg(any(feature = "background", feature = "pages"))]
    pub watch: Option<Box<Watch>>,
    /// What the home itself says; `None` for an address that is not guarded.
    #[cfg(any(feature = "background", feature = "pages"))]
    pub home: Option<Box<HomeStatus>>,
    /// The downloads from its host, while its gate is shut.
    #[serde(default)]
    pub downloads: Downloads,
    /// Firefox: whether looks may show a client certificate of the user's.
    #[serde(default)]
    pub shows_client_certificate: bool,
    /// True where somebody else may have stored something under the address's name: after a Danger
    /// or a way past the gate.
    #[serde(default)]
    pub should_clean: bool,
    /// What could not be done, in words for the user.
    pub trouble: Option<Trouble>,
}

/// Downloads that have not come to their end. Without the permission for them all is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Downloads {
    /// So many wait for the gate, and go on by themselves.
    pub waiting: usize,
    /// So many others stopped. The browser asks for them past the gate if the user presses "retry".
    pub stopped: usize,
}

/// What is known of a home by asking itself, over the local network.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct HomeStatus {
    /// Where it answers; `None` where nobody said so.
    pub local: Option<String>,
    /// False where the browser was told to take the permission for that place back.
    pub has_permission: bool,
    /// True where there is a token that it may be asked with. The token itself is never sent to a
    /// page.
    pub has_token: bool,
    /// True where there is one that was refused.
    pub has_refused_token: bool,
    /// True where it is kept when the browser ends.
    pub keeps_token: bool,
    /// When it was last tried.
    pub tried: Option<Timestamp>,
    /// When it last answered.
    pub answered: Option<Timestamp>,
    /// Why it did not.
    pub trouble: Option<Trouble>,
    /// What it said about itself.
    pub check_up: Option<CheckUp>,
    /// True where its version is blocked and the owner lets it pass.
    pub has_accepted_risk: bool,
    /// True where its version keeps the gate shut.
    pub is_blocked: bool,
}

/// What the logs and the monitors say about an address. What it means is in the report's evidence
/// (`inclusion`, `consistency`, `issuances`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Watch {
    /// Whom the user allowed to be asked.
    pub consent: Consent,
    /// The host patterns that asking each of them needs permission for.
    pub needs: Needs,
    /// Those of them that were agreed to and that the browser has no permission for.
    pub missing: Vec<String>,
    /// True while they are being asked.
    pub is_running: bool,
    /// When the logs were asked last.
    pub proven_at: Option<Timestamp>,
    /// What they proved, SCT by SCT, about the certificate that was presented then.
    pub publication: Vec<PublicationReport>,
    /// The monitors' last looks.
    pub looks: Vec<Looks>,
    /// When somebody is asked again; `None` where nobody is.
    pub due: Option<Timestamp>,
    /// The certificates for the name.
    pub timeline: Timeline,
    /// Those with a key that is not the user's, newest first, acknowledged ones too.
    pub alarms: Vec<Alarm>,
}

/// A certificate for the name with a key that is not the user's. Everything is safe to show.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alarm {
    /// Stays the same; also names the notification.
    pub id: String,
    /// Who issued it.
    pub issuer: String,
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// The names it is for, at most a few.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// SHA-256 of its key, where a monitor said it.
    pub spki_sha256: Option<String>,
    /// True where it may be the renewal of a home that changes its key.
    pub may_be_renewal: bool,
    /// True where the user said that it is known.
    pub is_acknowledged: bool,
    /// True where it has expired or was revoked.
    pub has_ended: bool,
    /// Whom to write to, an e-mail address; `None` where it is not known.
    pub report_to: Option<String>,
    /// A letter to the authority.
    pub letter: String,
    /// CAA records that allow the authorities of the user's own certificates alone.
    pub caa: Vec<String>,
}

/// Everything the options page shows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Overview {
    /// One for each guarded address.
    pub sites: Vec<Status>,
    /// The settings.
    pub settings: Settings,
    /// What happened, latest first.
    pub journal: Vec<Entry>,
    /// How many stored values were kept aside because they could not be read.
    pub kept_aside: usize,
    /// What could not be done.
    pub trouble: Option<Trouble>,
    /// How this browser shows certificates: `firefox`, `chromium-security-info` or
    /// `chromium-debugger`.
    pub capture: String,
    /// True where downloads of guarded addresses wait while the gate is shut.
    #[serde(default)]
    pub pauses_downloads: bool,
    /// The list of logs: when it was published, if it says so.
    pub log_list_published: Option<Timestamp>,
    /// The table of Home Assistant's advisories: when it was published.
    pub advisories_published: Option<Timestamp>,
}

/// What an import of pins would change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Preview {
    /// The addresses in the file.
    pub sites: Vec<PreviewSite>,
    /// Why the file cannot be read.
    pub trouble: Option<Trouble>,
}

/// What an import would change about one address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreviewSite {
    /// Which address.
    pub address: Address,
    /// True where it is not guarded yet.
    pub is_new: bool,
    /// SHA-256 of each key that would be accepted from then on and is not now.
    pub new_keys: Vec<String>,
    /// How many of the keys in the file are accepted already.
    pub known_keys: usize,
    /// Fingerprints in the file that were entered and are not known here.
    pub new_fingerprints: usize,
}

/// A file for the user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: String,
    /// What could not be done.
    pub trouble: Option<Trouble>,
}

/// What a self-test found, step by step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SelfTest {
    /// The steps in order. The texts are `selftest_NAME` in the locale files.
    pub steps: Vec<SelfTestStep>,
    /// The service workers that answer for pages of the address that are open, by URL. One that was
    /// there before Doorlight may be anybody's.
    pub workers: Vec<String>,
    /// Whether cookies stay behind where rules hold nothing; `None` in a browser that needs no such
    /// thing.
    pub blocks_cookies: Option<bool>,
}

/// One step of a self-test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SelfTestStep {
    /// `permission`, `gate`, `veil`, `capture`, `verdict` or `attacker`.
    pub name: String,
    /// Whether it works.
    pub works: bool,
    /// Particulars, safe to show.
    pub detail: String,
}
