//! What the user can choose.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a good check may be reused at most.
pub const MAX_REUSE_MINUTES: u32 = 24 * 60;

/// All settings, with their defaults.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The version of the format.
    pub schema: u32,
    /// How long a good check is reused, in minutes; at its end an open tab's address is checked again. 1 to [`MAX_REUSE_MINUTES`].
    pub reuse_minutes: u32,
    /// True: no green without enough logs vouching (`ct-policy`).
    pub requires_ct: bool,
    /// Roots of the user's own, PEM; empty for none.
    pub roots: String,
    /// A list of logs in the place of the one that is shipped, JSON; empty for none.
    pub log_list: String,
}

/// The version of the format that is written.
pub const SCHEMA: u32 = 1;

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            reuse_minutes: 15,
            requires_ct: false,
            roots: String::new(),
            log_list: String::new(),
        }
    }
}

impl Settings {
    /// How long a good check is reused.
    pub fn reuse(&self) -> Duration {
        Duration::from_secs(u64::from(self.reuse_minutes.clamp(1, MAX_REUSE_MINUTES)) * 60)
    }
}
