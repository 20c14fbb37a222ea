//! Files of JSON that name the version of their format: how each is opened.
//!
//! The version is read before anything else, so that a file of a newer Doorlight is told from a
//! broken one. Neither is ever taken for an empty one: whoever reads keeps it aside.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::text::printable;

/// What a file has to be.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// The field of the version.
    pub field: Field,
    /// What its field `kind` says, if it has one.
    pub kind: Option<&'static str>,
    /// The newest version that is read.
    pub newest: u32,
    /// The largest file that is read, in bytes.
    pub max_bytes: usize,
}

/// Where a file names its version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// `schema`, in what people exchange.
    Schema,
    /// `version`, in what one machine keeps.
    Version,
}

/// A file cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Over [`Format::max_bytes`].
    #[error("larger than any file of its kind")]
    TooLarge,
    /// Not JSON of this form.
    #[error("{reason}")]
    Malformed {
        /// What the JSON reader objected to, safe to show.
        reason: String,
    },
    /// From a version that is newer than this one.
    #[error("written by a newer version of Doorlight (version {version})")]
    Newer {
        /// The version it names.
        version: u32,
    },
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed { reason: printable(&error.to_string()) }
    }
}

impl Format {
    /// Reads a file. What is in it is for the caller to judge.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, Unreadable> {
        self.check(json)?;
        Ok(serde_json::from_slice(json)?)
    }

    /// Not generic: one copy for all files.
    fn check(&self, json: &[u8]) -> Result<(), Unreadable> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
            kind: Option<String>,
        }
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        if json.len() > self.max_bytes {
            return Err(Unreadable::TooLarge);
        }
        let Schema { schema: version, kind } = match self.field {
            Field::Schema => serde_json::from_slice(json)?,
            Field::Version => {
                let Version { version } = serde_json::from_slice(json)?;
                Schema { schema: version, kind: None }
            }
        };
        if self.kind.is_some() && (kind.as_deref() != self.kind || version == 0) {
            return Err(Unreadable::Malformed { reason: "it is of another kind".into() });
        }
        if version > self.newest {
            return Err(Unreadable::Newer { version });
        }
        Ok(())
    }
}

/// Makes an error of one kind of file out of [`Unreadable`]: three of its variants have the same
/// names and fields, but for the one that says "newer".
macro_rules! from_unreadable {
    ($error:ident, $newer:ident { $version:ident }) => {
        impl From<$crate::versioned::Unreadable> for $error {
            fn from(error: $crate::versioned::Unreadable) -> Self {
                use $crate::versioned::Unreadable;
                match error {
                    Unreadable::TooLarge => Self::TooLarge,
                    Unreadable::Malformed { reason } => Self::Malformed { reason },
                    Unreadable::Newer { version } => Self::$newer { $version: version },
                }
            }
        }
    };
}
pub(crate) use from_unreadable;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const EXPORT: Format =
        Format { field: Field::Schema, kind: Some("doorlight-x"), newest: 2, max_bytes: 64 };
    const KEPT: Format = Format { field: Field::Version, kind: None, ..EXPORT };

    fn read(format: Format, json: &str) -> Result<Value, Unreadable> {
        format.read(json.as_bytes())
    }

    #[test]
    fn the_version_is_read_before_the_rest() {
        for (format, json) in [
            (EXPORT, r#"{"schema":1,"kind":"doorlight-x"}"#),
            (EXPORT, r#"{"kind":"doorlight-x","schema":2,"version":"2026.1"}"#),
            (KEPT, r#"{"version":2,"schema":"other"}"#),
            (KEPT, r#"{"version":0}"#),
        ] {
            assert!(read(format, json).is_ok(), "{json}");
        }
        let newer = Err(Unreadable::Newer { version: 3 });
        assert_eq!(read(EXPORT, r#"{"schema":3,"kind":"doorlight-x"}"#), newer);
        assert_eq!(read(KEPT, r#"{"version":3,"logs":"of another form"}"#), newer);
    }

    #[test]
    fn what_is_none_is_refused() {
        for (format, json) in [
            (EXPORT, ""),
            (EXPORT, "[]"),
            (EXPORT, r#"{"schema":1}"#),
            (EXPORT, r#"{"schema":0,"kind":"doorlight-x"}"#),
            (EXPORT, r#"{"schema":1,"kind":"doorlight-y"}"#),
            (EXPORT, r#"{"schema":-1,"kind":"doorlight-x"}"#),
            (EXPORT, r#"{"version":1,"kind":"doorlight-x"}"#),
            (KEPT, r#"{"schema":1}"#),
            (KEPT, r#"{"version":1"#),
        ] {
            assert!(matches!(read(format, json), Err(Unreadable::Malformed { .. })), "{json}");
        }
        let large = format!(r#"{{"version":1,"x":"{}"}}"#, "x".repeat(64));
        assert_eq!(read(KEPT, &large), Err(Unreadable::TooLarge));
    }
}
