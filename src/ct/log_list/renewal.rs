//! A newer list from its publisher: fetched with its signature, believed where that is good and the
//! list is not older than the one at hand.
//!
//! What is kept is what came, byte for byte, so that it can be verified again at each use. An old
//! list that is signed is a real one: whoever holds newer ones back could keep a log that has been
//! rejected since in good standing (A15), hence the comparison with what is at hand.

use base64ct::{Base64, Encoding};
use pki_types::SubjectPublicKeyInfoDer;
use pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::ct::log_list::{LogList, LogListError, MAX_LIST, Provenance};
use crate::fetch::{self, FetchError, Get, Platform};
use crate::time::{CLOCK_SKEW, Timestamp};
use crate::versioned::{Field, Format, Unreadable};
use crate::x509::signature::SignatureCheck;

/// Where Google publishes its list. Its signature lies beside it.
pub const PUBLISHER: &str = "https://www.gstatic.com/ct/log_list/v3/log_list.json";
/// The version of the format of [`Fetched`].
pub const VERSION: u32 = 1;
/// The largest signature, in bytes; one by RSA-8192 has 1024.
const MAX_SIGNATURE: usize = 4096;

/// The largest [`Fetched`] that is kept, in bytes: a list whose every letter is escaped, and more.
pub const MAX_FETCHED: usize = 3 * MAX_LIST;
const FORMAT: Format =
    Format { field: Field::Version, kind: None, newest: VERSION, max_bytes: MAX_FETCHED };

/// A list as it was fetched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetched {
    /// [`VERSION`].
    pub version: u32,
    /// Where it was fetched.
    pub from: String,
    /// When.
    pub fetched_at: Timestamp,
    /// The key it is signed by (SubjectPublicKeyInfo in base64), if not the publisher's.
    pub key: Option<String>,
    /// In base64.
    pub signature: String,
    /// As it came.
    pub list: String,
}

/// The list that is at hand stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalError {
    /// The address does not end in `.json`, so that the signature's is not known.
    #[error("the address of a list ends in .json")]
    Address,
    /// The key that was named is none, or of another kind.
    #[error("not a public key of a kind that is known")]
    Key,
    /// No answer to use.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Not signed by the key.
    #[error("the list is not signed by {}", if *.is_own_key { "the key that was named" } else { "the pinned key" })]
    Signature {
        /// True where the user named a key.
        is_own_key: bool,
    },
    /// Not a list.
    #[error(transparent)]
    List(#[from] LogListError),
    /// Without the moment of its publication, so that nobody could tell whether it is newer.
    #[error("the list has no date")]
    Undated,
    /// Published in time to come.
    #[error("the list is of {published}, which is yet to come; is this machine's clock right?")]
    FromTheFuture {
        /// When it says it was published.
        published: Timestamp,
    },
    /// Older than the one at hand.
    #[error("the list is of {published}, and the one held of {held}")]
    Older {
        /// When it was published.
        published: Timestamp,
        /// When the one at hand was.
        held: Timestamp,
    },
}

impl RenewalError {
    /// The stable code of the error, for scripts and texts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address => "log-list-address",
            Self::Key => "log-list-key",
            Self::Fetch(FetchError::TooLarge { .. }) => "log-list-too-large",
            Self::Fetch(error) => error.code(),
            Self::Signature { .. } => "log-list-signature",
            Self::List(error) => error.code(),
            Self::Undated => "log-list-malformed",
            Self::FromTheFuture { .. } => "log-list-from-the-future",
            Self::Older { .. } => "log-list-older",
        }
    }
}

impl Fetched {
    /// Reads what was kept. Whether it is signed is to be asked again.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        FORMAT.read(json)
    }

    /// What to ask the platform before anything of the list is believed. `None` where it cannot be
    /// signed by its key.
    pub fn signature_check(&self) -> Option<SignatureCheck> {
        let signature = Base64::decode_vec(&self.signature).ok()?;
        let json = self.list.as_bytes();
        match &self.key {
            None => LogList::signature_check(json, &signature),
            Some(key) => {
                LogList::signature_check_by(&Base64::decode_vec(key).ok()?, json, &signature)
            }
        }
    }

    /// The list itself, once the platform has said that the signature is good.
    ///
    /// # Errors
    /// [`RenewalError::Signature`] where it is not, [`RenewalError::List`].
    pub fn read(&self, is_signed: bool) -> Result<LogList, RenewalError> {
        if !is_signed {
            return Err(RenewalError::Signature { is_own_key: self.key.is_some() });
        }
        Ok(LogList::parse(self.list.as_bytes(), Provenance::Signed)?)
    }

    /// Verifies and reads it.
    ///
    /// # Errors
    /// As [`Fetched::read`].
    pub async fn verify<H: Platform>(&self, host: &H) -> Result<LogList, RenewalError> {
        let is_signed = match self.signature_check() {
            Some(check) => host.verify(&[check]).await == [true],
            None => false,
        };
        self.read(is_signed)
    }
}

/// Reads a public key in PEM or DER, as SubjectPublicKeyInfo.
///
/// # Errors
/// [`RenewalError::Key`].
pub fn public_key(input: &[u8]) -> Result<Vec<u8>, RenewalError> {
    let spki =
        SubjectPublicKeyInfoDer::from_pem_slice(input).map_or(input.to_vec(), |spki| spki.to_vec());
    match LogList::signature_check_by(&spki, b"", &[]) {
        Some(_) => Ok(spki),
        None => Err(RenewalError::Key),
    }
}

/// Fetches a list from `from` and believes it where it is signed by `own_key` (SubjectPublicKeyInfo
/// in DER; the publisher's where there is none) and not older than the one `held`.
///
/// # Errors
/// [`RenewalError`].
pub async fn renew<H: Platform>(
    host: &H,
    from: &str,
    own_key: Option<&[u8]>,
    held: Option<Timestamp>,
    at: Timestamp,
) -> Result<(Fetched, LogList), RenewalError> {
    let stem = from.strip_suffix(".json").ok_or(RenewalError::Address)?;
    if own_key.is_some_and(|key| LogList::signature_check_by(key, b"", &[]).is_none()) {
        return Err(RenewalError::Key);
    }
    let get = |url: String, max_bytes| Get { url, max_bytes, is_immutable: false };
    let list = fetch::get(host, &get(from.into(), MAX_LIST)).await?;
    let signature = fetch::get(host, &get(format!("{stem}.sig"), MAX_SIGNATURE)).await?;
    let list = String::from_utf8(list)
        .map_err(|_| LogListError::Malformed { reason: "it is not UTF-8".into() })?;
    let fetched = Fetched {
        version: VERSION,
        from: from.into(),
        fetched_at: at,
        key: own_key.map(Base64::encode_string),
        signature: Base64::encode_string(&signature),
        list,
    };
    let list = fetched.verify(host).await?;
    let published = list.timestamp.ok_or(RenewalError::Undated)?;
    if published > at.plus(CLOCK_SKEW) {
        return Err(RenewalError::FromTheFuture { published });
    }
    match held {
        Some(held) if published < held => Err(RenewalError::Older { published, held }),
        _ => Ok((fetched, list)),
    }
}
