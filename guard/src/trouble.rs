//! Something that failed, for a page to show.

use serde::{Deserialize, Serialize};

/// Something that failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// The stable code; the text is `trouble_CODE` in the locale files.
    pub code: String,
    /// Particulars, safe to show.
    pub detail: String,
}
