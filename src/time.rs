//! Points in time, as milliseconds since the Unix epoch.
//!
//! Nothing in the core asks what time it is: every function that needs to know takes a
//! [`Timestamp`]. Milliseconds, because that is what an SCT carries (RFC 6962 section 3.2).

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Twenty-four hours: how wrong a clock may be before it costs the user an alarm.
///
/// A laptop that slept, a dead battery or a wrong time zone are common; see `docs/decisions.md`.
pub const CLOCK_SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// One hour: how long a certificate may have ended before somebody should look. Clocks run behind
/// more often than ahead.
pub const ENDED_SKEW: Duration = Duration::from_secs(60 * 60);

/// One day.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored. Years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

/// The text is not a time of RFC 3339, or lies outside the years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in the form 2026-11-22T13:00:00Z")]
pub struct InvalidTime;

/// 9999-12-31T23:59:59.999Z, the last moment that RFC 3339 can write.
const LAST: u64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since the epoch; later than the year 9999 is capped there.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(LAST))
    }

    /// From seconds since the epoch; later than the year 9999 is capped there.
    pub fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// This much later, capped at the year 9999.
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(duration)))
    }

    /// This much earlier, capped at 1970.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How much later than `earlier` this is; zero where it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = i64::try_from(self.secs()).map_err(|_| fmt::Error)?;
        let utc = OffsetDateTime::from_unix_timestamp(secs).map_err(|_| fmt::Error)?;
        f.write_str(&utc.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let time = OffsetDateTime::parse(text.trim(), &Rfc3339).map_err(|_| InvalidTime)?;
        let millis =
            u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| InvalidTime)?;
        if millis > LAST { Err(InvalidTime) } else { Ok(Self(millis)) }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    /// RFC 3339 in UTC, to the millisecond: what is kept is read back as it was.
    fn from(time: Timestamp) -> Self {
        let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000).ok();
        utc.and_then(|utc| utc.format(&Rfc3339).ok()).unwrap_or_else(|| time.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(noon.secs(), 1_795_348_800);
        assert_eq!(noon.to_string(), "2026-11-22T12:00:00Z");
        assert_eq!("2026-11-22T13:30:00+01:30".parse(), Ok(noon));
        assert_eq!("2026-11-22T12:00:00.250Z".parse(), Ok(noon.plus(Duration::from_millis(250))));
        for bad in ["", "2026-11-22", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "tomorrow"] {
            assert_eq!(bad.parse::<Timestamp>(), Err(InvalidTime), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_keeps_its_milliseconds() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_348_800_000, "2026-11-22T12:00:00Z"),
            (1_795_348_800_001, "2026-11-22T12:00:00.001Z"),
            (1_795_348_800_250, "2026-11-22T12:00:00.25Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(String::from(time), text);
            assert_eq!(text.parse(), Ok(time));
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let last = Timestamp::from_millis(u64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(last.plus(DAY), last);
        assert_eq!(Timestamp::from_secs(5).minus(DAY), Timestamp::from_secs(0));
        assert_eq!(Timestamp::from_secs(5).since(last), Duration::ZERO);
    }
}
