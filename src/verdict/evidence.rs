//! Evidence: what each check found, under a stable code.
//!
//! The table below is the one place that knows a code: its text, what it means, what to do.
//! `docs/codes.md` is made from it.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Check {
    /// That the way there is encrypted, and leads to the host that was meant.
    Transport,
    /// That the browser itself does not object, and was not told to look away.
    Browser,
    /// That a certificate came, and can be read.
    Certificate,
    /// That the server proved to hold the certificate's key.
    Possession,
    /// That the certificate is for this host.
    Name,
    /// That its time is now.
    Validity,
    /// That its own key is strong.
    Key,
    /// That a chain of good signatures leads to a trusted root.
    Path,
    /// That the logs' promises in it are genuine.
    Sct,
    /// That there are enough of them.
    CtPolicy,
    /// That the list of logs is of use.
    LogList,
    /// That the key is the one known for this address.
    Pin,
    /// That the logs kept their promise and published it.
    Inclusion,
    /// That the logs show one history.
    Consistency,
    /// That nobody else was given a certificate for the name.
    Issuances,
    /// That the home itself holds this certificate.
    Home,
    /// That the home's software is safe to reach from outside.
    HomeVersion,
    /// That the home's accounts are hard to break into.
    HomeAccount,
}

impl Check {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Browser => "browser",
            Self::Certificate => "certificate",
            Self::Possession => "possession",
            Self::Name => "name",
            Self::Validity => "validity",
            Self::Key => "key",
            Self::Path => "path",
            Self::Sct => "sct",
            Self::CtPolicy => "ct-policy",
            Self::LogList => "log-list",
            Self::Pin => "pin",
            Self::Inclusion => "inclusion",
            Self::Consistency => "consistency",
            Self::Issuances => "issuances",
            Self::Home => "home",
            Self::HomeVersion => "home-version",
            Self::HomeAccount => "home-account",
        }
    }
}

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Pass,
    /// Worth saying. Some notes ask for the user's attention ([`Code::asks_attention`]), others
    /// only explain.
    Note,
    /// Not as it should be.
    Fail,
    /// Could not be looked at. Never taken for "fine", never for "danger".
    NotChecked,
}

impl Outcome {
    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Note => "note",
            Self::Fail => "fail",
            Self::NotChecked => "not-checked",
        }
    }
}

/// One finding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// What was checked.
    pub check: Check,
    /// How it came out.
    pub outcome: Outcome,
    /// Why, in a form that stays the same from version to version.
    pub code: Code,
    /// The same as a sentence for people.
    pub message: String,
    /// Particulars, all of them safe to show.
    pub detail: Map<String, Value>,
}

impl Evidence {
    /// A finding without particulars.
    pub fn new(code: Code) -> Self {
        let entry = code.entry();
        Self {
            check: entry.check,
            outcome: entry.outcome,
            code,
            message: entry.message.into(),
            detail: Map::new(),
        }
    }

    /// Adds a particular.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.into(), value.into());
        self
    }
}

/// What is known of a code.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The code itself.
    pub code: Code,
    /// As it stands in reports.
    pub name: &'static str,
    /// Which check says it.
    pub check: Check,
    /// What it stands for.
    pub outcome: Outcome,
    /// True for a note that asks the user to look.
    pub asks_attention: bool,
    /// One sentence for people.
    pub message: &'static str,
}

/// What a code means and what to do about it. Kept apart from [`Entry`], so that a module that only
/// judges does not carry these texts.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    code: Code,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub action: &'static str,
}

impl Code {
    /// What is known of this code.
    pub fn entry(self) -> &'static Entry {
        // Every variant is made together with its entry, so the search finds it; the first is there
        // to say so without a panic.
        TABLE.iter().find(|entry| entry.code == self).unwrap_or(FIRST)
    }

    /// What it means, and what to do.
    pub fn explanation(self) -> &'static Explanation {
        EXPLANATIONS.iter().find(|one| one.code == self).unwrap_or(FIRST_EXPLANATION)
    }

    /// As it stands in reports.
    pub fn as_str(self) -> &'static str {
        self.entry().name
    }

    /// True for a note that asks the user to look: it keeps the light from being green.
    pub fn asks_attention(self) -> bool {
        self.entry().asks_attention
    }

    /// All codes, in the order of the checks.
    pub fn all() -> impl Iterator<Item = &'static Entry> {
        TABLE.iter()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no code of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a code of this version of Doorlight")]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        TABLE.iter().find(|entry| entry.name == text).map(|entry| entry.code).ok_or(UnknownCode)
    }
}

impl TryFrom<String> for Code {
    type Error = UnknownCode;

    fn try_from(text: String) -> Result<Self, UnknownCode> {
        text.parse()
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.as_str().into()
    }
}

macro_rules! codes {
    ($($variant:ident $name:literal $check:ident $outcome:ident $(, $attention:ident)?
        message $message:literal
        meaning $meaning:literal
        action $action:literal)*) => {
        /// Why a check came out as it did. The names are stable: scripts and translations hang on
        /// them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $message] $variant,)*
        }

        const TABLE: &[Entry] = &[$(Entry {
            code: Code::$variant,
            name: $name,
            check: Check::$check,
            outcome: Outcome::$outcome,
            asks_attention: codes!(@attention $($attention)?),
            message: $message,
        },)*];

        const EXPLANATIONS: &[Explanation] = &[$(Explanation {
            code: Code::$variant,
            meaning: $meaning,
            action: $action,
        },)*];
    };
    (@attention attention) => { true };
    (@attention) => { false };
}

static FIRST: &Entry = match TABLE.first() {
    Some(entry) => entry,
    None => panic!("the table of codes is empty"),
};

static FIRST_EXPLANATION: &Explanation = match EXPLANATIONS.first() {
    Some(explanation) => explanation,
    None => panic!("the table of codes is empty"),
};

codes! {
    TransportPlain "transport-plain" Transport Fail
        message "The page was asked for without encryption (http)."
        meaning "Everybody on the way could read and change it, and there is no certificate to check. An old bookmark or link does this; so does somebody who wants to read along."
        action "Open the address with https://. If a link brought you here, correct the link."
    TransportLookAlike "transport-look-alike" Transport Fail
        message "Your address sent you on to another one that looks like it."
        meaning "The names differ, and are alike enough to be mistaken. A login page there is not your home's."
        action "Do not log in there. Compare the two names letter by letter."

    BrowserRefuses "browser-refuses" Browser Fail
        message "The browser itself refuses the certificate."
        meaning "Its own check failed: an unknown issuer, another name, a date that has passed, or a damaged certificate."
        action "Do not log in, and do not click the browser's warning away. Try from another network."
    BrowserOverride "browser-override" Browser Fail
        message "The browser was told to accept whatever is presented here."
        meaning "Somebody clicked a certificate warning away earlier. The browser keeps such an exception and shows nobody the certificate any more."
        action "Remove the exception in the browser's certificate settings, then check again."

    CertificateRead "certificate-read" Certificate Pass
        message "A certificate was presented and could be read."
        meaning "The certificate is well-formed; all other checks look at it."
        action "Nothing."
    CertificateMalformed "certificate-malformed" Certificate Fail
        message "The certificate that was presented is malformed."
        meaning "The server sent something in place of a certificate that breaks the format. No public authority issues such a thing."
        action "Do not log in. Try from another network; if it stays, look at the server."
    CertificateTooLarge "certificate-too-large" Certificate Fail
        message "The certificate that was presented is larger than any real one."
        meaning "Certificates have a few kilobytes; this one is over 64, made to exhaust whoever reads it."
        action "Do not log in. Try from another network; if it stays, look at the server."
    ChainTooLong "chain-too-long" Certificate Fail
        message "More certificates were presented than any server needs."
        meaning "Chains have one to five certificates; this one has more than 32."
        action "Do not log in. Try from another network; if it stays, look at the server."
    CertificateMissing "certificate-missing" Certificate NotChecked
        message "No certificate was seen."
        meaning "The address could not be reached, or the connection ended before a certificate came."
        action "See whether the address is right and the network works, then check again."
    CertificateClientWanted "certificate-client-wanted" Certificate NotChecked
        message "Whoever answers asks for a certificate of yours."
        meaning "The connection ended because none was shown (a client certificate, mutual TLS). Doorlight's look carries nothing of yours, so it saw no certificate. Anybody on the way can answer like this."
        action "If you did not set your home up like this, stay away and try from another network. If you did, the browser can show yours for the look: Doorlight offers it where it stops you."
    CertificateHandshakeFailed "certificate-handshake-failed" Certificate NotChecked
        message "The encrypted connection could not be set up."
        meaning "Something answers, but the connection ended before a certificate came: it may speak no TLS at this port, or none that this browser knows, or ask for a certificate of yours. Anybody on the way can answer like this."
        action "See whether the port is right, and whether the server's TLS is set up, then check again."
    CertificatePlainHttp "certificate-plain-http" Certificate NotChecked
        message "Plain http is spoken there, without encryption."
        meaning "The port answers, and knows no TLS: there is no certificate, and whatever is sent there can be read and changed on the way. Anybody on the way can answer like this."
        action "See whether the port is right: Home Assistant's own, 8123, speaks plain http unless it was given a certificate. Type no password there."
    CertificateLookEnded "certificate-look-ended" Certificate NotChecked
        message "You ended the look at the certificate."
        meaning "In this browser Doorlight can see a certificate only while the browser's bar says that it is debugging. Cancel was pressed."
        action "Check again, and leave the bar alone: it goes by itself."
    CertificateTimedOut "certificate-timed-out" Certificate NotChecked
        message "No certificate was seen in time."
        meaning "The address answered too slowly, or the browser did not hand out what it saw."
        action "Check again."
    CertificateNotShown "certificate-not-shown" Certificate NotChecked
        message "The browser did not show the certificate."
        meaning "The connection worked. Some browsers show no certificate of a server that only sends its visitors on to another address."
        action "Check again. If it stays, let your server answer /robots.txt itself, without sending it on; or use Firefox, which shows the certificate then too."

    PossessionProven "possession-proven" Possession Pass
        message "The server proved that it holds the certificate's key."
        meaning "The handshake was signed with the private key that belongs to the certificate."
        action "Nothing."
    PossessionUnproven "possession-unproven" Possession Fail
        message "The server could not prove that it holds the certificate's key."
        meaning "Somebody presents a certificate that is not theirs: the handshake's signature does not fit it."
        action "Do not log in. Try from another network."
    PossessionUnknown "possession-unknown" Possession NotChecked
        message "Whether the server holds the certificate's key was not seen."
        meaning "The handshake ended before the server signed it, or in a way that cannot be judged."
        action "Check again."

    NameMatch "name-match" Name Pass
        message "The certificate is for this host."
        meaning "One of the names in the certificate matches."
        action "Nothing."
    NameMismatch "name-mismatch" Name Fail
        message "The certificate is for another host."
        meaning "None of the names in the certificate matches. Either the address is mistyped or somebody answers in its place."
        action "Compare the address letter by letter. Do not log in past a browser's warning."

    ValidityCurrent "validity-current" Validity Pass
        message "The certificate is valid at this time."
        meaning "The time of the check lies between its first and its last moment."
        action "Nothing."
    ValiditySkewed "validity-skewed" Validity Note
        message "The certificate's time is off by less than a day; a clock may be wrong."
        meaning "It starts within the next day, or ended within the last hour. A wrong clock is the likely cause and no reason for an alarm."
        action "Set this device's clock. If it is right, see that the home renews its certificate."
    ValidityJustEnded "validity-just-ended" Validity Note, attention
        message "The certificate has ended, less than a day ago."
        meaning "Its last moment is more than an hour past. Either this device's clock is ahead, or your home has not renewed its certificate."
        action "Set this device's clock. If it is right, see at home why the certificate was not renewed."
    ValidityExpired "validity-expired" Validity Fail
        message "The certificate has expired."
        meaning "Its last moment was more than a day ago. An old certificate may be a stolen one, and nobody watches over it any more."
        action "Do not log in from outside. At home, see why it was not renewed."
    ValidityNotYet "validity-not-yet" Validity Fail
        message "The certificate is not valid yet."
        meaning "Its first moment is more than a day away. Most often this device's clock is wrong."
        action "Set this device's clock and check again."

    KeyStrong "key-strong" Key Pass
        message "The certificate's key is strong enough."
        meaning "RSA of 2048 to 8192 bits, or P-256, P-384, P-521 or Ed25519."
        action "Nothing."
    KeyWeak "key-weak" Key Fail
        message "The certificate's key is too short to protect anything."
        meaning "An RSA key of less than 2048 bits can be broken, and no public authority signs one."
        action "Do not log in. If this is your own certificate, make a new key."
    KeyUnsupported "key-unsupported" Key Fail
        message "The certificate's key is of a kind that no browser accepts."
        meaning "DSA, a curve outside the web's three, or an RSA key of more than 8192 bits."
        action "Do not log in. If this is your own certificate, make a key of P-256 or RSA-2048."

    PathPublic "path-public" Path Pass
        message "A chain of good signatures leads to a root in Mozilla's programme."
        meaning "Checked by Doorlight itself, whatever roots are installed on this machine."
        action "Nothing."
    PathAddedRoot "path-added-root" Path Note
        message "A chain of good signatures leads to a root that you added."
        meaning "The root is not in Mozilla's programme; it counts because you handed it in."
        action "Nothing, if the root is your own. Remove it if it is not."
    PathPrivateRoot "path-private-root" Path Fail
        message "The chain ends at a root that no browser maker trusts."
        meaning "A proxy of an office, a school or a virus scanner signs its own certificates by such a root, and reads along. Also seen where a public root was withdrawn."
        action "Do not log in on this machine or network. If it is your own authority, add its root."
    PathSelfSigned "path-self-signed" Path Fail
        message "The certificate vouches for itself."
        meaning "Nobody else has signed it, so anybody could have made it."
        action "Do not log in from outside. If it is your own, make a root of your own, issue a certificate for the server with it, and add the root."
    PathUnknownIssuer "path-unknown-issuer" Path Fail
        message "Who issued the certificate is not known to anyone."
        meaning "The chain ends with an issuer that is neither in it nor in Mozilla's programme, and nothing says where to fetch it, as public certificates do. A proxy's look like this; so do some under a root that was withdrawn."
        action "Do not log in on this machine or network. If it is your own authority, add its root."
    PathIssuerMissing "path-issuer-missing" Path NotChecked
        message "An issuer's certificate is missing, so the chain could not be checked."
        meaning "The chain stops before it reaches a root that is known. Its last certificate says where its issuer's can be fetched; that was not at hand. The root may also have left Mozilla's programme."
        action "Check again with a network that reaches the issuer. Let the server send its full chain."
    PathBadSignature "path-bad-signature" Path Fail
        message "A signature in the chain is forged or damaged."
        meaning "A certificate names an issuer that did not sign it."
        action "Do not log in. Try from another network."
    PathWeakSignature "path-weak-signature" Path Fail
        message "A signature in the chain uses a method that is no longer safe."
        meaning "SHA-1, MD5, DSA or a key of an unknown kind. No public authority uses them."
        action "Do not log in. If this is your own authority, sign with SHA-256."
    PathWeakIssuerKey "path-weak-issuer-key" Path Fail
        message "An issuer's key is too short to protect anything."
        meaning "An RSA key of less than 2048 bits can be broken; whoever breaks it can issue for any name."
        action "Do not log in. If this is your own authority, make a new key."
    PathIssuerExpired "path-issuer-expired" Path Fail
        message "A certificate between this one and the root has expired."
        meaning "The chain that was sent is out of date."
        action "Do not log in from outside. At home, renew the certificate with its full chain."
    PathIssuerNotYetValid "path-issuer-not-yet-valid" Path Fail
        message "A certificate between this one and the root is not valid yet."
        meaning "Most often this device's clock is wrong."
        action "Set this device's clock and check again."
    PathNameConstraints "path-name-constraints" Path Fail
        message "An issuer in the chain may not issue for this name."
        meaning "The issuer's own certificate limits it to other names."
        action "Do not log in."
    PathTooLong "path-too-long" Path Fail
        message "The chain is longer than an issuer in it allows."
        meaning "A certificate that may not make further authorities seems to have made one."
        action "Do not log in."
    PathWrongPurpose "path-wrong-purpose" Path Fail
        message "The certificate is not meant for a web server."
        meaning "It was issued for another purpose, such as signing mail or code."
        action "Do not log in. If this is your own certificate, issue it with serverAuth."
    PathLeafIsCa "path-leaf-is-ca" Path Fail
        message "The certificate is an authority's, not a server's."
        meaning "A certificate that can issue others must not be used by a server."
        action "Do not log in. If this is your own certificate, issue one for the server."
    PathIssuerNotCa "path-issuer-not-ca" Path Fail
        message "A certificate in the chain was issued by one that may not issue."
        meaning "It is a server's, or says that its key is not for signing certificates. Somebody used it as if it were an authority's."
        action "Do not log in."
    PathCriticalPolicies "path-critical-policies" Path NotChecked
        message "A certificate in the chain insists on policies that cannot be checked here."
        meaning "Its certificatePolicies are marked critical, and the library that judges paths does not read them. No public authority marks them so."
        action "Let your authority issue without the mark, if it is your own."
    PathEarlyDate "path-early-date" Path NotChecked
        message "A certificate in the chain has a date before 1970, which cannot be checked here."
        meaning "The library that judges paths knows no time before that. It is shown as the beginning of 1970. No public authority issues so."
        action "Issue it anew with a true date, if it is your own."
    PathUnknownExtension "path-unknown-extension" Path Fail
        message "A certificate in the chain has a critical part that nobody here understands."
        meaning "The standard says: what is critical and unknown makes the certificate invalid."
        action "Do not log in."
    PathPrecertificate "path-precertificate" Path Fail
        message "This is a precertificate: made for the logs, never for a server."
        meaning "Precertificates are public and carry a mark that forbids their use."
        action "Do not log in. If you pasted it, paste the certificate of the same serial number."
    PathRootDistrusted "path-root-distrusted" Path Fail
        message "The root no longer counts for certificates as young as this one."
        meaning "Mozilla has withdrawn its trust, for all certificates or for those issued after a date."
        action "Do not log in. If this is your own certificate, get one from another authority."
    PathTooComplex "path-too-complex" Path Fail
        message "The chain is a maze that was given up on."
        meaning "So many certificates bear the same names that no honest server can have sent them."
        action "Do not log in."
    PathMalformed "path-malformed" Path Fail
        message "A part of the chain is not as the standard wants it."
        meaning "Path validation refuses it for its form."
        action "Do not log in."

    SctValid "sct-valid" Sct Pass
        message "Public logs signed that they have seen this certificate."
        meaning "Every signature of a known log in it is genuine. Whether the logs kept their promise to publish it is a further check."
        action "Nothing."
    SctNone "sct-none" Sct Note, attention
        message "The certificate carries no word of any public log."
        meaning "Public authorities put such words into every certificate. Without them it may have been issued in secret."
        action "Compare the fingerprint at home before you log in."
    SctNotExpected "sct-not-expected" Sct Note
        message "The certificate carries no word of any public log, as is usual under a root of one's own."
        meaning "Only public authorities send their certificates to the logs."
        action "Nothing."
    SctInvalid "sct-invalid" Sct Fail
        message "The certificate carries a log's signature that is forged or belongs to another certificate."
        meaning "No public authority issues such a certificate: the signature was invented or copied, or the certificate was altered."
        action "Do not log in. Try from another network."
    SctFromTheFuture "sct-from-the-future" Sct Fail
        message "A log's signature in the certificate is dated in the future."
        meaning "More than a day ahead of this device's clock."
        action "Set this device's clock and check again. If it was right, do not log in."
    SctMalformed "sct-malformed" Sct Fail
        message "The part of the certificate that is for the logs' signatures is malformed."
        meaning "No public authority issues such a certificate."
        action "Do not log in."
    SctUnknownLogs "sct-unknown-logs" Sct Note, attention
        message "The certificate carries signatures of logs that nobody knows."
        meaning "None of them is in the list, though the list is younger than they are. Nobody can look the certificate up there."
        action "Compare the fingerprint at home before you log in."
    SctNewerLogs "sct-newer-logs" Sct NotChecked
        message "The certificate's logs are not in the list, which is older than they may be."
        meaning "The list of logs at hand was published before these signatures were made."
        action "Update the list of logs."
    SctIssuerMissing "sct-issuer-missing" Sct NotChecked
        message "The logs' signatures could not be checked without the issuer's certificate."
        meaning "What a log signs contains the issuer's key."
        action "Check again with the full chain."

    CtPolicyMet "ct-policy-met" CtPolicy Pass
        message "Enough logs of enough operators have seen the certificate."
        meaning "As many as Chrome asks for; see the particulars."
        action "Nothing."
    CtPolicyShort "ct-policy-short" CtPolicy Note, attention
        message "Fewer logs have seen the certificate than browsers ask for."
        meaning "Rejected and pending logs do not count, nor retired ones after their end, nor one log or operator twice. This informs; it does not block by itself."
        action "Compare the fingerprint at home before you log in."
    CtPolicyNotExpected "ct-policy-not-expected" CtPolicy Note
        message "The browsers' rule for logs is not for certificates under a root of one's own."
        meaning "Only public authorities send their certificates to the logs."
        action "Nothing."
    CtPolicyListTooOld "ct-policy-list-too-old" CtPolicy NotChecked
        message "The list of logs is too old to count by."
        meaning "Logs come and go; after 70 days a list says too little."
        action "Update the list of logs."
    CtPolicyNoList "ct-policy-no-list" CtPolicy NotChecked
        message "There is no list of logs from that time to count by."
        meaning "Only a list that is not younger than the time of the check can judge."
        action "Hand in a list of that time."
    CtPolicyNewerLogs "ct-policy-newer-logs" CtPolicy NotChecked
        message "Some of the certificate's logs are newer than the list, so they could not be counted."
        meaning "With them it might be enough."
        action "Update the list of logs."
    CtPolicyUnverified "ct-policy-unverified" CtPolicy NotChecked
        message "The logs were not counted, because their signatures could not be checked."
        meaning "See the finding about the signatures."
        action "See there."

    LogListCurrent "log-list-current" LogList Pass
        message "The list of logs is recent."
        meaning "It was published less than 70 days before the time of the check."
        action "Nothing."
    LogListUnsigned "log-list-unsigned" LogList Note
        message "The list of logs was handed in without a signature."
        meaning "It is believed because you chose it."
        action "Hand in its signature too, if it is the public list."
    LogListTooOld "log-list-too-old" LogList NotChecked
        message "The list of logs is old."
        meaning "It was published more than 70 days before the time of the check. Signatures of the logs in it are still checked; their number is not judged."
        action "Update the list of logs: in the extension's options (Renew the list of logs once a day); on the command line, doorlight log-list update."
    LogListMissing "log-list-missing" LogList NotChecked
        message "There is no list of logs from that time."
        meaning "Only a list that is not younger than the time of the check can judge."
        action "Hand in a list of that time."

    PinSameKey "pin-same-key" Pin Pass
        message "The key is the one you pinned for this address."
        meaning "Whoever holds the private key of your home answered; the certificate around it may be new."
        action "Nothing."
    PinConfirmed "pin-confirmed" Pin Note
        message "The certificate has the fingerprint that you entered."
        meaning "Your home shows this fingerprint, so the key is your home's."
        action "Nothing."
    PinFirstSight "pin-first-sight" Pin Note, attention
        message "First visit: nothing is known of this address yet."
        meaning "Everything else may be right, and still the certificate be another's. Only your home can tell."
        action "Confirm it: enter the fingerprint that your home shows, import your pins, or accept what was seen."
    PinRenewalDue "pin-renewal-due" Pin Note, attention
        message "The key is new, as is to be expected at this time; confirm that it is yours."
        meaning "The old certificate was due, the same authority issued the new one, and it is logged. An attacker would have to wait for this moment."
        action "Compare the fingerprint at home, then accept it."
    PinNewKey "pin-new-key" Pin Fail
        message "The key is not the one of your home."
        meaning "This address keeps its key through every renewal. Another key means another owner, or a home that made itself a new one: set up anew, or gone back to an older version of Home Assistant."
        action "Do not log in. Was your home set up anew, or did it go back to an older version? At home, let Doorlight ask it again, or compare the fingerprint and enter it."
    PinNewKeyUnexplained "pin-new-key-unexplained" Pin Fail
        message "The key is new, and nothing explains why."
        meaning "A renewal would come when the old certificate is due, from the same authority, and be logged. The particulars say what is different."
        action "Do not log in. Was your home set up anew, or did it go back to an older version? At home, let Doorlight ask it again, or compare the fingerprint and enter it."
    PinFingerprintMismatch "pin-fingerprint-mismatch" Pin Fail
        message "The certificate does not have the fingerprint that you entered."
        meaning "What your home shows and what is presented here are two certificates."
        action "Do not log in. At home, read the fingerprint again; it changes at each renewal."
    PinToldByHome "pin-told-by-home" Pin Pass
        message "The certificate is the one that your home told of."
        meaning "Your home was asked over the local network, and holds this certificate. From now on its key counts as your home's."
        action "Nothing."
    PinDoubtedByHome "pin-doubted-by-home" Pin Fail
        message "The key was accepted here before, but your home has told of another certificate."
        meaning "The key was only seen on the line and never confirmed at home. Your home, asked over the local network, holds a certificate that is not known to be of it."
        action "Do not log in. At home, let Doorlight ask your home again and compare the fingerprint."
    PinRecordUnreadable "pin-record-unreadable" Pin NotChecked
        message "What was kept about this address cannot be read."
        meaning "It is damaged or of a newer version. It is kept aside, and not taken for 'nothing known'."
        action "Import your pins again from an export."

    InclusionProven "inclusion-proven" Inclusion Pass
        message "The logs proved that they published this certificate."
        meaning "Each of them led from the certificate to a tree head that it has signed. Whoever watches the logs can see it."
        action "Nothing."
    InclusionPending "inclusion-pending" Inclusion Note
        message "A log has not published this certificate yet, and still has time to."
        meaning "A log may take as long as it has announced, mostly a minute or a day, from its promise to the entry."
        action "Nothing. It is looked at again."
    InclusionMissing "inclusion-missing" Inclusion Fail
        message "A log promised to publish this certificate and did not."
        meaning "The time it had for that is over, and the tree that it signed does not hold the certificate where it has to be. It may have been issued in secret."
        action "Do not log in. At home, compare the fingerprint. If it is your certificate, get a new one and tell the log's operator."
    InclusionHeadStale "inclusion-head-stale" Inclusion NotChecked
        message "A log answered with an old state, so the proof of publication says too little."
        meaning "Somebody may be holding back what the log says now, or the log is no longer looked after."
        action "Check again later, or from another network."
    InclusionNotChecked "inclusion-not-checked" Inclusion NotChecked
        message "Whether the logs published this certificate could not be checked with all of them."
        meaning "A log could not be reached, asked to be left alone, or gave an answer that proves nothing. The particulars name the log and the reason."
        action "Check again later, or from another network."
    InclusionNoPromise "inclusion-no-promise" Inclusion NotChecked
        message "There is no genuine promise of a known log to look up."
        meaning "Without one, no log can be asked for the certificate. See the findings about the signatures of logs."
        action "See there."
    InclusionNotExpected "inclusion-not-expected" Inclusion Note
        message "The certificate is in no public log, as is usual under a root of one's own."
        meaning "Only public authorities send their certificates to the logs."
        action "Nothing."

    ConsistencyProven "consistency-proven" Consistency Pass
        message "The logs show the same history as when they were seen before."
        meaning "What they have signed now contains everything that they had signed then, in the same order."
        action "Nothing."
    ConsistencyFirstSight "consistency-first-sight" Consistency Note
        message "A log was seen for the first time; what it shows is remembered."
        meaning "From now on it has to prove that it goes on from there."
        action "Nothing."
    ConsistencyContradiction "consistency-contradiction" Consistency Fail
        message "A log has signed two histories that exclude each other."
        meaning "It shows different people different things, so nothing that it promises counts. Both signatures are kept, and anybody can check them."
        action "Do not log in before you have compared the fingerprint at home. Pass the kept evidence on to the log's operator and to browser makers."
    ConsistencyNotChecked "consistency-not-checked" Consistency NotChecked
        message "Whether a log shows the same history as before could not be checked."
        meaning "A log could not be reached, or gave an answer that proves nothing. The particulars name the log and the reason. Its word is kept and asked about again."
        action "Check again later, or from another network."

    IssuancesAllYours "issuances-all-yours" Issuances Pass
        message "Every valid certificate that the monitors know for your name is yours."
        meaning "Each has a key that you pinned, or was seen at your address and accepted before. Certificates that no log was shown are not among them."
        action "Nothing."
    IssuancesNoneFound "issuances-none-found" Issuances Note
        message "The monitors know no valid certificate for your name."
        meaning "A certificate of a public authority appears there within a day. One of an authority of your own never does."
        action "Nothing, if the certificate is of your own authority or of today. Else look again tomorrow."
    IssuancesUnknown "issuances-unknown" Issuances Note, attention
        message "A certificate for your name was issued to a key that is not yours."
        meaning "Whoever holds that key can pose as your home to visitors without Doorlight. The connection of this moment is judged by its own key and may be fine. A home that changes its key at each renewal causes this too, until you accept the new key."
        action "If you just renewed or moved your home, accept its new key or acknowledge the certificate. Otherwise write to the authority named in the particulars and ask it to revoke; change the passwords of your DNS and hosting accounts; and set a CAA record that names only the authority you use."
    IssuancesAcknowledged "issuances-acknowledged" Issuances Note
        message "You acknowledged certificates for your name whose keys are not pinned."
        meaning "They are valid and known to you, for example of a server beside your home."
        action "Nothing."
    IssuancesOpen "issuances-open" Issuances NotChecked
        message "Whose some certificates for your name are could not be said."
        meaning "The monitor does not say their keys and the certificates could not be fetched, or no key of yours is pinned yet."
        action "Accept or confirm your key if none is pinned. Otherwise wait for the next look."
    IssuancesNotChecked "issuances-not-checked" Issuances NotChecked
        message "The monitors of the public logs could not be asked."
        meaning "They did not answer, or may not be asked. That says nothing about your certificate."
        action "Wait for the next look, or allow it in the settings."
    IssuancesIncomplete "issuances-incomplete" Issuances NotChecked
        message "A monitor's answer was not whole."
        meaning "Some of its entries made no sense, there were too many, or it contradicted a certificate that it shows. What could be read was looked at."
        action "Wait for the next look. If it stays, turn this monitor off and use the other."
    IssuancesStale "issuances-stale" Issuances NotChecked
        message "The last whole look at the monitors is too old."
        meaning "More than three days. What was issued since is not known."
        action "Look again when you are online."

    HomeConfirms "home-confirms" Home Pass
        message "Your home itself holds this certificate."
        meaning "It told so over the local network, at the time in the particulars. Nobody on the way could have put another in its place unnoticed."
        action "Nothing."
    HomeSameKey "home-same-key" Home Pass
        message "The key is the one that your home has confirmed, in another certificate."
        meaning "Most likely it was renewed since your home was asked last."
        action "Nothing. It is asked again when it is near."
    HomeOtherCertificate "home-other-certificate" Home Fail
        message "Your home holds another certificate than the one presented here."
        meaning "Your home told of its certificate over the local network, at the time in the particulars, and keeps its key when it renews it. Whoever presents this one is not your home, whichever authority issued it, unless your home was given a new key since."
        action "Do not log in. If you just changed the names of your remote address, set your home up anew or went back to an older version of Home Assistant, let Doorlight ask it again at home."
    HomeLongAgo "home-long-ago" Home NotChecked
        message "Your home was asked too long ago to say anything about this certificate."
        meaning "The certificate that it told of was due to be replaced since. Only your home knows by which."
        action "Ask your home when you are in its network."
    HomeTold "home-told" Home Pass
        message "Your home told which certificate it holds."
        meaning "It was asked over the local network. From now on its word is compared with what is presented at the remote address."
        action "Nothing."
    HomeSaysNothing "home-says-nothing" Home NotChecked
        message "Your home has no certificate of Home Assistant Cloud for this address to tell of."
        meaning "It runs without that cloud, is not logged in there, has no certificate yet, or has one for another name than this; the particulars say which. What it told before still counts."
        action "If you use Home Assistant Cloud, log in there under Settings. If you use a certificate of your own, enter its fingerprint."
    HomeNotAsked "home-not-asked" Home NotChecked
        message "Your home was not asked which certificate it holds: that needs an access token."
        meaning "Without one it tells its version and no more."
        action "Give Doorlight a token of an account that may do nothing else."
    HomeNotReached "home-not-reached" Home NotChecked
        message "Your home could not be asked."
        meaning "It did not answer at its local address, or not as Home Assistant does. Away from home that is to be expected."
        action "Ask again when you are in its network. If you are, compare its address."
    HomeBans "home-bans" Home NotChecked
        message "Whoever answers at the local address refuses to talk to this device."
        meaning "The answer is 403 to everything: Home Assistant does so to an address from which too many logins failed, for example with a token that was withdrawn. A proxy before it may refuse likewise."
        action "In your home's configuration folder, take this device's address out of ip_bans.yaml and restart Home Assistant. If Doorlight's token was refused before, make a new one first."
    HomeDistrustsProxy "home-distrusts-proxy" Home NotChecked
        message "Whoever answers at the local address refuses every question as malformed."
        meaning "The answer is 400. Servers that want encryption give it to plain http, and Home Assistant to what comes through a proxy that is not among its trusted_proxies."
        action "Begin the address with https://, or give the home's own. If you run a proxy before your home, name it under trusted_proxies in the http settings."
    HomeSendsOn "home-sends-on" Home NotChecked
        message "The local address sends on to another one."
        meaning "Doorlight follows nobody with a token in its hand. The particulars say where it leads, if that was told."
        action "If that is your home in your own network, give Doorlight the address that it leads to."
    HomeSpeaksTls "home-speaks-tls" Home NotChecked
        message "Your home wants encryption at this address."
        meaning "It was asked over plain http, and there is TLS."
        action "Begin its address with https:// instead of http://."
    HomeSpeaksPlainHttp "home-speaks-plain-http" Home NotChecked
        message "Plain http is spoken at this address, without encryption."
        meaning "It was asked over https, and there is no TLS. Anybody in the network can answer like this."
        action "See whether the port is right. Go over to http:// only if your home never had a certificate, and in your own network: whoever controls the network reads the token then."
    HomeCertificateEnded "home-certificate-ended" Home Note, attention
        message "The certificate that your home holds for its remote address has ended."
        meaning "Browsers and apps refuse it from outside. Most likely the home could not renew it."
        action "In your home, open Settings, Home Assistant Cloud, and look at the remote address; restart Home Assistant if nothing is said there."
    HomeCertificateOverdue "home-certificate-overdue" Home Note, attention
        message "The certificate of your home's remote address should have been renewed by now."
        meaning "It ends within a week. Home Assistant renews earlier by itself, so something keeps it from that."
        action "In your home, open Settings, Home Assistant Cloud, and look at the remote address; restart Home Assistant if nothing is said there."
    HomeCertificateNotReady "home-certificate-not-ready" Home Note, attention
        message "Your home says that the certificate of its remote address is not ready."
        meaning "It is being made or renewed, which takes minutes, or that has failed. The particulars have the home's own word for it."
        action "Ask again in some minutes. If it stays, open Settings, Home Assistant Cloud in your home, and its log."
    HomeNotConnected "home-not-connected" Home Note, attention
        message "Your home's remote address is not connected."
        meaning "The home is logged in to Home Assistant Cloud, and cannot be reached through it now: its connection is broken, or is being set up. Whoever answers at the address meanwhile is not your home."
        action "In your home, open Settings, Home Assistant Cloud, and look at the remote address."
    HomeTokenRefused "home-token-refused" Home NotChecked
        message "The home that answered refused the access token. It is not tried again by itself."
        meaning "The token was withdrawn, or another home answered, as in somebody else's network. Every further try would count as a failed login, and could lock this device out."
        action "If it was another home, try the same token again in your own network. Otherwise make a new one in your home, and hand it in."
    HomeOtherHost "home-other-host" Home Note, attention
        message "The home that answered holds a certificate for another address."
        meaning "It is not the home of the guarded address, or it got a new name. Nothing that it told was taken over."
        action "Compare its local address, and the remote address that it shows under Settings."
    HomeOtherAccount "home-other-account" Home Note, attention
        message "Another home answered than the one that is known."
        meaning "The account behind the token has a number that nobody outside your home knows, and this home told another. Away from home, somebody may pose as it. Nothing that it told was taken over."
        action "Ask again in your own network. If you set your home up anew or gave Doorlight another account, hand the token in again while you are at home."

    HomeVersionCurrent "home-version-current" HomeVersion Pass
        message "No weakness of your home's version is known."
        meaning "None in the table of advisories, which is dated in the particulars, and the version is less than two years old."
        action "Nothing. Install updates as they come."
    HomeVersionAdvisory "home-version-advisory" HomeVersion Note, attention
        message "Weaknesses of your home's version are known, and mended in a newer one."
        meaning "They are published, so that attackers know them too. The particulars name them."
        action "Update Home Assistant."
    HomeVersionUnsupported "home-version-unsupported" HomeVersion Note, attention
        message "Your home's version is more than two years old."
        meaning "Nabu Casa supports the remote address of younger versions only, and nobody mends weaknesses in it."
        action "Update Home Assistant."
    HomeVersionBlocked "home-version-blocked" HomeVersion Fail
        message "Your home's version is too insecure to be reached from outside."
        meaning "Nabu Casa shuts the remote address of versions up to 2021.1.4: strangers could read your home's secrets without logging in."
        action "Update Home Assistant before you use it from outside. At home it goes on working."
    HomeVersionOverridden "home-version-overridden" HomeVersion Note, attention
        message "You let your home's insecure version be reached from outside, at your own risk."
        meaning "Nabu Casa shuts the remote address of such versions. Your word ends by itself when something new becomes known against this one."
        action "Update Home Assistant."
    HomeVersionUnknown "home-version-unknown" HomeVersion NotChecked
        message "Your home's version could not be told."
        meaning "It was not reached, or names a version in a form that is not known."
        action "Look it up in your home under Settings, About."
    HomeVersionTableOld "home-version-table-old" HomeVersion NotChecked
        message "The table of advisories is too old to say that nothing is known against your home's version."
        meaning "It is more than half a year old. Weaknesses that were published since are not in it."
        action "Update Doorlight, or hand in a newer table."

    HomeAccountTwoFactorOn "home-account-two-factor-on" HomeAccount Pass
        message "The account has a second factor."
        meaning "A password alone does not open it. This was told of the account that the token belongs to, and of no other."
        action "Nothing. See that every account that can be used from outside has one."
    HomeAccountTwoFactorOff "home-account-two-factor-off" HomeAccount Note, attention
        message "The administrator's account has no second factor."
        meaning "Whoever learns or guesses its password owns the home. This was told of the account that the token belongs to, and of no other."
        action "In your home, open your profile, Security, Multi-factor authentication modules, and enable one."
    HomeAccountTwoFactorUnseen "home-account-two-factor-unseen" HomeAccount NotChecked
        message "Whether your own account has a second factor was not told."
        meaning "A home tells this of the account that the token belongs to, and of no other. That account has none and is no administrator's: most likely it is there for Doorlight alone."
        action "In your home, open your own profile, Security, Multi-factor authentication modules, and see that one is enabled. Allow Doorlight's account in the local network only."
    HomeAccountAdminToken "home-account-admin-token" HomeAccount Note
        message "The token belongs to an administrator."
        meaning "Whoever gets hold of it can do everything in your home. Doorlight needs no such right."
        action "Make an account for Doorlight that is no administrator and may log in from the local network only, and use a token of it."
    HomeAccountBanOn "home-account-ban-on" HomeAccount Pass
        message "Your home bans addresses from which somebody keeps failing to log in."
        meaning "Passwords cannot be guessed without end. The particulars say after how many failures."
        action "Nothing."
    HomeAccountBanOff "home-account-ban-off" HomeAccount Note, attention
        message "Your home lets anybody guess passwords without end."
        meaning "Home Assistant can ban an address after a number of failed logins; as it comes, that number is not set."
        action "Set login_attempts_threshold in your home's http settings, for example to 5."
    HomeAccountBanUnknown "home-account-ban-unknown" HomeAccount NotChecked
        message "Whether your home bans addresses that keep failing to log in cannot be read."
        meaning "Only newer versions tell, and only to an administrator. As Home Assistant comes, it does not ban anybody."
        action "See that login_attempts_threshold is set in your home's http settings, for example to 5."
    HomeAccountNotAsked "home-account-not-asked" HomeAccount NotChecked
        message "The accounts of your home were not looked at: that needs an access token."
        meaning "Without one it tells its version and no more."
        action "Give Doorlight a token, or look at your profile in your home."
}

/// `docs/codes.md`: every code with its meaning and what to do.
pub fn codes_page() -> String {
    let mut page = String::from(
        "# Codes\n\n\
         Every finding of Doorlight has a code that stays the same from version to version. This page is made from the table in\n\
         `src/verdict/evidence.rs` by `./build.sh codes`; the tests fail where the two differ.\n\n\
         `pass` is as it should be. `note` is worth saying; where it asks for attention, the light is not green. `fail` makes the light\n\
         red. `not-checked` could not be looked at, and is never taken for fine nor for danger.\n",
    );
    let mut check = None;
    for entry in TABLE {
        if check != Some(entry.check) {
            check = Some(entry.check);
            page += &format!("\n## {}\n", entry.check.as_str());
        }
        let attention = if entry.asks_attention { ", asks for attention" } else { "" };
        let Explanation { meaning, action, .. } = entry.code.explanation();
        page += &format!(
            "\n### {}\n\n*{}{attention}.* **{}**\n\n{meaning}\n\n**What to do:** {action}\n",
            entry.name,
            entry.outcome.as_str(),
            entry.message,
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_start_with_their_check() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in Code::all() {
            assert!(seen.insert(entry.name), "{} stands twice", entry.name);
            assert_eq!(entry.name.parse(), Ok(entry.code));
            assert!(
                entry.name.starts_with(entry.check.as_str()) || entry.code == Code::ChainTooLong,
                "{}",
                entry.name
            );
            assert!(!entry.asks_attention || entry.outcome == Outcome::Note);
            let Explanation { code, meaning, action } = entry.code.explanation();
            assert_eq!(*code, entry.code);
            for text in [&entry.message, meaning, action] {
                assert!(text.ends_with('.') && !text.contains('<'), "{text}");
            }
        }
    }
}
