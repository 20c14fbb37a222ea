//! What is kept in the user's configuration folder: the pins in `doorlight/pins.json`, and what
//! [`crate::io::memory`] and [`crate::commands::log_list`] have there.
//!
//! Written whole to a new file, flushed, and put in place by a rename, so that a crash leaves the
//! old or the new file and never half of one. A file that cannot be read is never overwritten and
//! never taken for an empty one.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use doorlight::site::pins::Pins;
use etcetera::{BaseStrategy, choose_base_strategy};

use crate::failure::Failure;
use crate::io::input;

/// The folder of everything that is kept.
pub(crate) fn folder() -> Result<PathBuf, Failure> {
    let base = choose_base_strategy().map_err(|error| Failure::input("no-home-folder", error))?;
    Ok(base.config_dir().join("doorlight"))
}

/// The folder of what can be had again.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    choose_base_strategy().ok().map(|base| base.cache_dir().join("doorlight"))
}

/// Puts a file in place, whole or not at all.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::output(error).in_file(path);
    let folder = path.parent().ok_or_else(|| Failure::output("the folder has no name"))?;
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Keeps others from changing a file until this is dropped; they wait.
pub(crate) fn lock(path: &Path) -> Result<File, Failure> {
    let folder = path.parent().ok_or_else(|| Failure::output("the folder has no name"))?;
    fs::create_dir_all(folder).map_err(Failure::output)?;
    let lock = File::create(path.with_extension("lock")).map_err(Failure::output)?;
    lock.lock().map_err(Failure::output)?;
    Ok(lock)
}

/// Where the pins are.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    Ok(folder()?.join("pins.json"))
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
    let _lock = lock(&path)?;
    let mut pins = load()?;
    let before = pins.clone();
    let result = change(&mut pins);
    if pins != before {
        // What could not be read again is not written: the old file stays.
        let json = pins.to_json();
        Pins::from_json(json.as_bytes())?;
        write(&path, json.as_bytes())?;
    }
    Ok(result)
}
