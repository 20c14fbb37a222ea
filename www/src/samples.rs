//! Three certificates to try, in a small world of their own: its root and its logs count for them
//! alone, and they are judged at the moment at which they were made, so that they say the same at
//! any time. `./build.sh renew samples` makes new ones.

use std::rc::Rc;

use doorlight::address::Address;
use doorlight::ct::log_list::{LogList, LogLists, Provenance};
use doorlight::site::pins::Pins;
use doorlight::time::Timestamp;
use doorlight::x509::bundle;
use doorlight::x509::chain::Chain;
use doorlight::x509::roots::Roots;
use serde::Deserialize;

use crate::check::{Checked, Origin, World};

/// A sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample {
    /// The home's own.
    Good,
    /// Its renewal, with the same key.
    Renewed,
    /// That of a proxy in between.
    Between,
}

#[derive(Deserialize)]
struct Setting {
    at: Timestamp,
    host: Address,
}

impl Sample {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Good, Self::Renewed, Self::Between];

    /// In keys of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Renewed => "renewed",
            Self::Between => "between",
        }
    }

    fn pem(self) -> &'static [u8] {
        match self {
            Self::Good => include_bytes!("../samples/good.pem"),
            Self::Renewed => include_bytes!("../samples/renewed.pem"),
            Self::Between => include_bytes!("../samples/between.pem"),
        }
    }

    /// Judges it. `None` cannot happen with the samples that are shipped; a test keeps it so.
    pub async fn check(self) -> Option<Checked> {
        let (chain, setting, world) = self.read()?;
        Some(Checked::new(chain, setting.host, Some(setting.at), Origin::Sample, world).await)
    }

    fn read(self) -> Option<(Chain, Setting, World)> {
        let setting: Setting =
            serde_json::from_slice(include_bytes!("../samples/world.json")).ok()?;
        let mut roots = Roots::none();
        roots.add(&bundle::split(include_bytes!("../samples/root.pem")).ok()?).ok()?;
        let list = LogList::parse(include_bytes!("../samples/log_list.json"), Provenance::Unsigned)
            .ok()?;
        let pins = Pins::from_json(include_bytes!("../samples/pins.json")).ok()?;
        let world = World {
            roots: Rc::new(roots),
            log_lists: Rc::new(LogLists::new(vec![list])),
            record: pins.site(&setting.host).cloned(),
        };
        Some((Chain::read(self.pem()).ok()?, setting, world))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_samples_read() {
        for sample in Sample::ALL {
            let (chain, setting, world) = sample.read().unwrap();
            assert!(world.record.is_some());
            assert!(
                chain.leaf().not_before() <= setting.at && setting.at <= chain.leaf().not_after()
            );
        }
    }
}
