//! Files and arguments, read within limits.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use doorlight::address::Address;
use doorlight::site::pins::{MAX_FILE, Pins};
use doorlight::time::Timestamp;
use doorlight::x509::bundle;
use doorlight::x509::certificate::MAX_INPUT;
use doorlight::x509::roots::Roots;

use crate::failure::Failure;

/// The whole file, or one byte more than `limit`, which the reader behind then refuses.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let result = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    result.map(|_| bytes).map_err(|error| Failure::input("file-unreadable", error).in_file(path))
}

/// Certificates in DER, in the order of the file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    bundle::split(&read(path, MAX_INPUT)?).map_err(|error| Failure::from(error).in_file(path))
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

/// An export of pins.
pub(crate) fn pins(path: &Path) -> Result<Pins, Failure> {
    Pins::from_json(&read(path, MAX_FILE)?).map_err(|error| Failure::from(error).in_file(path))
}

/// An address as a person types it; a name in letters outside ASCII is converted, as browsers do.
pub(crate) fn address(text: &str) -> Result<Address, Failure> {
    let ascii = if text.is_ascii() {
        text.to_owned()
    } else {
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        url::Url::parse(&with_scheme).map_err(|error| Failure::usage("address", error))?.to_string()
    };
    ascii.parse().map_err(|error| Failure::usage("address", error))
}

/// The time of RFC 3339 that was asked for, or this moment.
pub(crate) fn time(text: Option<&str>) -> Result<Timestamp, Failure> {
    match text {
        Some(text) => text.parse().map_err(|error| Failure::usage("time", error)),
        None => Ok(now()),
    }
}

/// This moment.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
