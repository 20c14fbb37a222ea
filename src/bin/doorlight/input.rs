//! Files and arguments, read within limits.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use doorlight::address::Address;
use doorlight::certificate::{self, MAX_INPUT};
use doorlight::ct::log_list::{LogList, LogLists, MAX_LIST, Provenance};
use doorlight::pins::{MAX_FILE, Pins};
use doorlight::roots::Roots;
use doorlight::time::Timestamp;

use crate::failure::Failure;
use crate::log_list;

/// The whole file, or one byte more than `limit`, which the reader behind then refuses.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let result = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    result.map(|_| bytes).map_err(|error| Failure::input("file-unreadable", error).in_file(path))
}

/// Certificates in DER, in the order of the file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    certificate::split(&read(path, MAX_INPUT)?).map_err(|error| Failure::from(error).in_file(path))
}

/// Mozilla's roots and those of the files.
pub(crate) fn roots(paths: &[PathBuf]) -> Result<Roots, Failure> {
    let mut roots = Roots::mozilla();
    for path in paths {
        let ders = certificates(path)?;
        roots.add(&ders).map_err(|error| Failure::input("root-unusable", error).in_file(path))?;
    }
    Ok(roots)
}

/// The lists of the files, or the shipped one and the fetched one where there are none. Every signature has to fit one of the lists.
pub(crate) fn log_lists(lists: &[PathBuf], signatures: &[PathBuf]) -> Result<LogLists, Failure> {
    if lists.is_empty() {
        return log_list::at_hand();
    }
    let lists = lists
        .iter()
        .map(|path| read(path, MAX_LIST).map(|json| (path, json)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut is_signed = vec![false; lists.len()];
    for path in signatures {
        let signature = read(path, 4096)?;
        let fits = |json: &[u8]| {
            LogList::signature_check(json, &signature).is_some_and(|check| check.verify_natively())
        };
        match lists.iter().zip(&mut is_signed).find(|((_, json), _)| fits(json)) {
            Some((_, signed)) => *signed = true,
            None => {
                let message = "the signature is not by the pinned key over one of the lists";
                return Err(Failure::input("log-list-signature", message).in_file(path));
            }
        }
    }
    let read = |((path, json), signed): (&(&PathBuf, Vec<u8>), bool)| {
        let provenance = if signed { Provenance::Signed } else { Provenance::Unsigned };
        LogList::parse(json, provenance).map_err(|error| Failure::from(error).in_file(path))
    };
    lists.iter().zip(is_signed).map(read).collect::<Result<Vec<_>, _>>().map(LogLists::new)
}

/// An export of pins.
pub(crate) fn pins(path: &Path) -> Result<Pins, Failure> {
    Pins::from_json(&read(path, MAX_FILE)?).map_err(|error| Failure::from(error).in_file(path))
}

/// An address as a person types it; a name in letters outside ASCII is converted, as browsers do.
pub(crate) fn address(text: &str) -> Result<Address, Failure> {
    let ascii = if text.is_ascii() {
        text.to_owned()
    } else {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        url::Url::parse(&with_scheme).map_err(|error| Failure::usage("address", error))?.to_string()
    };
    ascii.parse().map_err(|error| Failure::usage("address", error))
}

/// The time of RFC 3339 that was asked for, or this moment.
pub(crate) fn time(text: Option<&str>) -> Result<Timestamp, Failure> {
    match text {
        Some(text) => text.parse().map_err(|error| Failure::usage("time", error)),
        None => {
            let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Ok(Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)))
        }
    }
}
