//! Home Assistant's version, as its first message names it (`ha_version`).
//!
//! ```text
//! 2025.4.4                       a release: year, month, patch (since 2020.12)
//! 2026.12.0b1                    a beta of it
//! 2026.12.0.dev0                 what is being written; nightly builds carry their time: 2026.12.0.dev202611220230
//! 0.118.5                        a release from before 2020.12
//! ```
//!
//! Read strictly, in exactly the form in which Home Assistant writes it (`homeassistant/const.py`):
//! what is anything else is unknown, and never guessed at.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use time::{Date, Month, Weekday};

use crate::text::printable;
use crate::time::{DAY, Timestamp};

/// The longest text that is read as a version.
pub const MAX_VERSION: usize = 40;

/// The first and the last year that a version may name.
const YEARS: core::ops::RangeInclusive<u32> = 2020..=2099;
/// The month of the first release that is named after its month.
const FIRST_MONTH: (u32, Month) = (2020, Month::December);

/// A version of Home Assistant Core. The order is that of the releases: what is being written comes
/// before its betas, and these before the release.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// The year; 0 before 2020.12.
    major: u32,
    /// The month; a running number before 2020.12.
    minor: u32,
    patch: u32,
    stage: Stage,
}

/// How far a version has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Being written; the number tells a nightly build's time.
    Dev(u64),
    /// Being tried.
    Beta(u32),
    /// Released.
    Release,
}

/// The text is no version in any of Home Assistant's forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is no version of Home Assistant that is known")]
pub struct InvalidVersion {
    /// What was read, safe to show.
    pub text: String,
}

impl InvalidVersion {
    /// The stable code of the error, for scripts.
    pub fn code(&self) -> &'static str {
        "home-version-unknown"
    }
}

impl Version {
    /// How far it has come.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The same as the release that it is or leads to: for `2026.12.0b1`, `2026.12.0`.
    #[must_use]
    pub fn release(&self) -> Self {
        Self { stage: Stage::Release, ..*self }
    }

    /// The day on which its month's release came out, by convention: the first Wednesday of the
    /// month, at 00:00 UTC.
    ///
    /// Home Assistant keeps to it but for a few days: 2020.12 came eleven days later, 2021.12 ten,
    /// 2025.1 two (New Year's Day was the Wednesday). A patch counts from its month's release,
    /// because it brings nothing new. Everything before 2020.12 is taken for as old as 2020.12
    /// would be, which is younger than it is.
    pub fn released(&self) -> Timestamp {
        let (year, month) = if self.major == 0 {
            FIRST_MONTH
        } else {
            let month = u8::try_from(self.minor).ok().and_then(|month| Month::try_from(month).ok());
            (self.major, month.unwrap_or(Month::December))
        };
        first_wednesday(year, month)
    }

    /// The first moment at which it is more than two years old, to the day: what came out on
    /// 2024-11-06 is supported throughout 2026-11-06.
    pub fn unsupported_since(&self) -> Timestamp {
        let (year, month) = if self.major == 0 {
            FIRST_MONTH
        } else {
            let month = u8::try_from(self.minor).ok().and_then(|month| Month::try_from(month).ok());
            (self.major, month.unwrap_or(Month::December))
        };
        // The day of the month is that of the release, not of the first Wednesday two years later.
        // It is no later than the 7th: every month has it.
        day(year.saturating_add(2), month, first_wednesday_day(year, month)).plus(DAY)
    }
}

/// The day of the month, 1 to 7.
fn first_wednesday_day(year: u32, month: Month) -> u8 {
    let is_wednesday = |day: &u8| {
        let year = i32::try_from(year).unwrap_or(i32::MAX);
        Date::from_calendar_date(year, month, *day)
            .is_ok_and(|date| date.weekday() == Weekday::Wednesday)
    };
    (1..=7).find(is_wednesday).unwrap_or(7)
}

fn first_wednesday(year: u32, month: Month) -> Timestamp {
    day(year, month, first_wednesday_day(year, month))
}

fn day(year: u32, month: Month, day: u8) -> Timestamp {
    let date =
        i32::try_from(year).ok().and_then(|year| Date::from_calendar_date(year, month, day).ok());
    let secs =
        date.and_then(|date| u64::try_from(date.midnight().assume_utc().unix_timestamp()).ok());
    // Years from 2020 to 2101 have such a day.
    Timestamp::from_secs(secs.unwrap_or(u64::MAX))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        match self.stage {
            Stage::Dev(number) => write!(f, ".dev{number}"),
            Stage::Beta(number) => write!(f, "b{number}"),
            Stage::Release => Ok(()),
        }
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        parse(text).ok_or_else(|| InvalidVersion { text: printable(text) })
    }
}

fn parse(text: &str) -> Option<Version> {
    if text.len() > MAX_VERSION {
        return None;
    }
    let (major, rest) = text.split_once('.')?;
    let (minor, rest) = rest.split_once('.')?;
    let (patch, stage) = if let Some((patch, dev)) = rest.split_once(".dev") {
        (patch, Stage::Dev(number(dev)?))
    } else if let Some((patch, beta)) = rest.split_once('b') {
        (patch, Stage::Beta(small(beta)?))
    } else {
        (rest, Stage::Release)
    };
    let (major, minor, patch) = (small(major)?, small(minor)?, small(patch)?);
    // What is named after its month began with 2020.12; what is not ended with 0.118.
    let is_known = match major {
        0 => minor <= 118,
        2020 => minor == 12,
        year => YEARS.contains(&year) && (1..=12).contains(&minor),
    };
    is_known.then_some(Version { major, minor, patch, stage })
}

/// A decimal number without sign and without a zero in front.
fn number(text: &str) -> Option<u64> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_canonical { text.parse().ok() } else { None }
}

/// The same, of no more than five digits.
fn small(text: &str) -> Option<u32> {
    if text.len() > 5 { None } else { number(text).and_then(|number| u32::try_from(number).ok()) }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn every_form_is_read_and_written_the_same() {
        for text in [
            "2025.4.4",
            "2026.12.0b1",
            "2026.12.0b12",
            "2026.12.0.dev0",
            "2026.12.0.dev202611220230",
            "2020.12.0",
            "0.118.5",
            "0.118.0b3",
            "0.67.1",
            "0.99.0.dev0",
            "2099.12.99999",
        ] {
            assert_eq!(version(text).to_string(), text);
            let json = serde_json::to_string(&version(text)).unwrap();
            assert_eq!(serde_json::from_str::<Version>(&json).unwrap(), version(text));
        }
    }

    #[test]
    fn what_is_none_is_unknown_and_safe_to_show() {
        for text in [
            "",
            " ",
            "2025",
            "2025.4",
            "2025.4.",
            ".4.4",
            "2025..4",
            "2025.4.4.4",
            "2025.04.4",
            "2025.4.04",
            "02025.4.4",
            "2025.0.1",
            "2025.13.1",
            "2020.11.0",
            "2019.1.0",
            "2100.1.0",
            "1.0.0",
            "0.119.0",
            "0.118",
            "-0.118.5",
            "+2025.4.4",
            "2025.4.4 ",
            " 2025.4.4",
            "2025.4.4\n",
            "2025.4.4b",
            "2025.4.4b01",
            "2025.4.4bb1",
            "2025.4.4b1b2",
            "2025.4.4rc1",
            "2025.4.4.dev",
            "2025.4.4.dev-1",
            "2025.4.4.dev01",
            "2025.4.4b1.dev0",
            "2025.4.4.dev0b1",
            "2025.4.4.dev99999999999999999999",
            "2025.4.4b99999999999",
            "2025.4.999999",
            "2025.4.4+x",
            "v2025.4.4",
            "２０２５.4.4",
            "2025.4.4\u{202e}",
            "<b>2025.4.4</b>",
            "2025.4.٤",
            "0x7e9.4.4",
            "1e3.1.1",
            "latest",
        ] {
            let error = text.parse::<Version>().unwrap_err();
            assert_eq!(error.text, printable(text), "{text:?}");
            assert_eq!(error.code(), "home-version-unknown");
        }
        let long = "9".repeat(10_000_000);
        assert!(long.parse::<Version>().unwrap_err().to_string().chars().count() < 400);
        let hostile = "2025.4.4\u{1b}[31m".parse::<Version>().unwrap_err().to_string();
        assert!(!hostile.contains('\u{1b}'), "{hostile}");
    }

    #[test]
    fn the_order_is_that_of_the_releases() {
        let ascending = [
            "0.7.0",
            "0.67.0",
            "0.118.0.dev0",
            "0.118.0b0",
            "0.118.0b9",
            "0.118.0b10",
            "0.118.0",
            "0.118.5",
            "2020.12.0",
            "2021.1.4",
            "2021.1.5",
            "2021.2.0.dev0",
            "2021.2.0.dev20210101",
            "2021.2.0b0",
            "2021.2.0",
            "2021.10.0",
            "2021.12.10",
            "2022.2.0",
        ]
        .map(version);
        for (n, one) in ascending.iter().enumerate() {
            for (m, other) in ascending.iter().enumerate() {
                assert_eq!(one.cmp(other), n.cmp(&m), "{one} {other}");
            }
        }
        assert_eq!(version("2026.12.0b1").release(), version("2026.12.0"));
    }

    #[test]
    fn the_first_wednesday() {
        for (text, day) in [
            ("2025.1.0", "2025-01-01"),
            ("2025.4.4", "2025-04-02"),
            ("2025.10.2", "2025-10-01"),
            ("2026.12.0b1", "2026-12-02"),
            ("2024.2.0", "2024-02-07"),
            ("2024.11.3", "2024-11-06"),
            ("2020.12.2", "2020-12-02"),
            ("0.118.5", "2020-12-02"),
            ("0.7.0", "2020-12-02"),
        ] {
            assert_eq!(version(text).released().to_string(), format!("{day}T00:00:00Z"), "{text}");
        }
    }

    #[test]
    fn two_years_to_the_day() {
        let version = version("2024.11.3");
        let last: Timestamp = "2026-11-06T23:59:59Z".parse().unwrap();
        assert!(last < version.unsupported_since());
        assert_eq!(version.unsupported_since().to_string(), "2026-11-07T00:00:00Z");
        // A leap year in between, a month whose first Wednesday moves.
        for (text, since) in [
            ("2024.2.0", "2026-02-08"),
            ("2022.3.1", "2024-03-03"),
            ("2023.3.2", "2025-03-02"),
            ("0.67.0", "2022-12-03"),
        ] {
            let version: Version = text.parse().unwrap();
            assert_eq!(
                version.unsupported_since().to_string(),
                format!("{since}T00:00:00Z"),
                "{text}"
            );
        }
    }
}
