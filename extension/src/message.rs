//! What the pages and the content script ask of the background, and what it answers: plain JSON through `runtime.sendMessage`.

use doorlight::address::Address;
use doorlight::report::Report;
use doorlight::site::SiteRecord;
use doorlight::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Entry;
use crate::settings::Settings;

/// A question. Only [`Request::Hello`] may come from a content script; see [`Request::is_for_pages`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// The veil of a page: may the page at `url` be shown? Answered with [`Passage`].
    Hello {
        /// The page's address.
        url: String,
        /// True where the page comes from the back/forward cache, so that sending it elsewhere would lose its state.
        #[serde(default)]
        is_restored: bool,
        /// True where the machine slept, or changed its network, since the page was last looked at.
        #[serde(default)]
        has_woken: bool,
    },
    /// The gate page: check, and open if all is well. Answered with [`Passage`].
    Enter {
        /// The wanted address with everything behind it.
        url: String,
    },
    /// What is known of the address of a page. Answered with [`Status`].
    Status {
        /// The page's address.
        url: String,
    },
    /// Check again, whatever is known. Answered with [`Status`].
    CheckAgain {
        /// Which address.
        address: Address,
    },
    /// Guard an address from now on; the permission for its host has been given. Answered with [`Status`].
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
    /// The user entered a fingerprint: of a certificate (SHA-1, SHA-256) or, with `pin-sha256=`, of a key. Answered with [`Status`].
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
        /// All of them.
        settings: Settings,
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
    /// Starts afresh after stored values could not be read; what was there stays kept aside. Answered with [`Overview`].
    StartAfresh,
    /// Shows that everything works for an address. Answered with [`SelfTest`].
    SelfTest {
        /// Which address.
        address: Address,
    },
}

impl Request {
    /// False for what a content script may ask too. Everything else changes something or tells about other addresses.
    pub fn is_for_pages(&self) -> bool {
        !matches!(self, Self::Hello { .. })
    }
}

/// The colour of the light: the verdict, and what the verdict does not know of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    /// Checked and matching, now.
    Trusted,
    /// Nothing is wrong, and somebody should look.
    Attention,
    /// Something is wrong.
    Danger,
    /// It could not be told, or not yet.
    Unchecked,
    /// The user went past the gate.
    Exception,
    /// Nobody asked Doorlight to look here.
    NotGuarded,
}

/// Whether a page may be shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Passage {
    /// True: go on. False: the page stays covered, and `status` says why.
    pub is_open: bool,
    /// True where the tab is being sent to the gate page.
    pub is_leaving: bool,
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
    /// What could not be done, in words for the user.
    pub trouble: Option<Trouble>,
}

/// What could not be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// The stable code; the text is `trouble_CODE` in the locale files.
    pub code: String,
    /// Particulars, safe to show.
    pub detail: String,
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
    /// How this browser shows certificates: `firefox`, `chromium-security-info` or `chromium-debugger`.
    pub capture: String,
    /// The list of logs: when it was published, if it says so.
    pub log_list_published: Option<Timestamp>,
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
