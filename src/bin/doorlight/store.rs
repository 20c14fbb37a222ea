//! The pins in the user's configuration folder: `doorlight/pins.json`.
//!
//! Written whole to a new file, flushed, and put in place by a rename, so that a crash leaves the old or the new file and never half of one. A
//! file that cannot be read is never overwritten and never taken for an empty one.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use doorlight::pins::Pins;
use etcetera::{BaseStrategy, choose_base_strategy};

use crate::failure::Failure;
use crate::input;

/// Where the file is.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    let base = choose_base_strategy().map_err(|error| Failure::input("no-home-folder", error))?;
    Ok(base.config_dir().join("doorlight").join("pins.json"))
}

/// What is kept; nothing where there is no file yet.
pub(crate) fn load() -> Result<Pins, Failure> {
    let path = path()?;
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Pins::default()),
        _ => input::pins(&path),
    }
}

/// Changes what is kept. Others wait meanwhile, so that no change is lost.
pub(crate) fn update<T>(change: impl FnOnce(&mut Pins) -> T) -> Result<T, Failure> {
    let path = path()?;
    let folder = path.parent().ok_or_else(|| Failure::output("the configuration folder has no name"))?;
    fs::create_dir_all(folder).map_err(Failure::output)?;
    let lock = File::create(folder.join("pins.lock")).map_err(Failure::output)?;
    lock.lock().map_err(Failure::output)?;
    let mut pins = load()?;
    let before = pins.clone();
    let result = change(&mut pins);
    if pins != before {
        // What could not be read again is not written: the old file stays.
        let json = pins.to_json();
        Pins::from_json(json.as_bytes())?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Failure::output)?;
        file.write_all(json.as_bytes()).map_err(Failure::output)?;
        file.as_file().sync_all().map_err(Failure::output)?;
        file.persist(&path).map_err(Failure::output)?;
    }
    Ok(result)
}
