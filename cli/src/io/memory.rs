//! What audits remember: the heads of the logs (`heads.json`), and for each address what was issued
//! for it (`watch/HOST_PORT.json`). In the configuration folder beside the pins, or in `FILE.audit`
//! beside an export of pins that was handed in.
//!
//! As with the pins, what cannot be read is neither overwritten nor taken for nothing.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use doorlight::address::Address;
use doorlight::ct::heads::{Heads, MAX_HEADS};
use doorlight::issuances::watch::{MAX_RECORD, WatchRecord};
use doorlight_guard::prove::HeadMemory;

use crate::failure::Failure;
use crate::io::input;
use crate::io::store;

/// Where audits remember.
pub(crate) struct Memory {
    folder: PathBuf,
}

impl Memory {
    /// Beside the export of pins, or in the configuration folder.
    pub(crate) fn beside(site: Option<&Path>) -> Result<Self, Failure> {
        let folder = match site {
            Some(file) => {
                let mut name = file.as_os_str().to_owned();
                name.push(".audit");
                name.into()
            }
            None => store::folder()?,
        };
        Ok(Self { folder })
    }

    fn heads_file(&self) -> PathBuf {
        self.folder.join("heads.json")
    }

    /// What was seen of the logs.
    pub(crate) fn heads(&self) -> Result<Heads, Failure> {
        let path = self.heads_file();
        match read(&path, MAX_HEADS)? {
            Some(json) => {
                Heads::from_json(&json).map_err(|error| Failure::from(error).in_file(&path))
            }
            None => Ok(Heads::default()),
        }
    }

    /// The watch over an address. Others wait until it is dropped, so that nothing is told twice.
    pub(crate) fn watch(&self, address: &Address) -> Result<Watch, Failure> {
        let name: String = address
            .to_string()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' })
            .collect();
        let path = self.folder.join("watch").join(name + ".json");
        let lock = store::lock(&path)?;
        let record = match read(&path, MAX_RECORD)? {
            Some(json) => {
                let record = WatchRecord::from_json(&json)
                    .map_err(|error| Failure::from(error).in_file(&path))?;
                if record.address != *address {
                    return Err(Failure::input("watch-malformed", "it is about another address")
                        .in_file(&path));
                }
                Some(record)
            }
            None => None,
        };
        Ok(Watch { path, record, _lock: lock })
    }
}

impl HeadMemory for Memory {
    type Failure = Failure;

    async fn change_heads(&self, change: impl FnOnce(Heads) -> Heads) -> Result<(), Failure> {
        let _lock = store::lock(&self.heads_file())?;
        // What could not be read again is not written: the old file stays.
        let json = change(self.heads()?).to_json();
        Heads::from_json(json.as_bytes())?;
        store::write(&self.heads_file(), json.as_bytes())
    }
}

/// The watch over one address, held by this process.
pub(crate) struct Watch {
    path: PathBuf,
    /// `None` where none was begun.
    pub(crate) record: Option<WatchRecord>,
    _lock: File,
}

impl Watch {
    /// Remembers the record as it is.
    pub(crate) fn keep(&self) -> Result<(), Failure> {
        let Some(record) = &self.record else { return Ok(()) };
        let json = record.to_json();
        WatchRecord::from_json(json.as_bytes())?;
        store::write(&self.path, json.as_bytes())
    }
}

fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => input::read(path, limit).map(Some),
    }
}
