//! Times: `recorded_at` and `effective_at` (D11). Microseconds in UTC; days in the ledger's zone.

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, TimeZone as _, Utc};
use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// An instant in UTC, in microseconds since 1970-01-01T00:00:00Z, of the years 1 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// 0001-01-01T00:00:00Z.
const MICROS_MIN: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z.
const MICROS_MAX: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// Wraps microseconds since the Unix epoch if the year is 1 to 9999.
    pub const fn try_from_micros(micros: i64) -> Option<Self> {
        if micros < MICROS_MIN || micros > MICROS_MAX {
            return None;
        }
        Some(Self(micros))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The later of this instant and the one a microsecond after `last` (D11).
    #[must_use]
    pub fn after(self, last: Option<Self>) -> Self {
        match last {
            Some(last) if last.0 >= self.0 => Self(last.0.saturating_add(1).min(MICROS_MAX)),
            _ => self,
        }
    }

    /// Parses RFC 3339 with any offset and at most six fraction digits.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let what = "time";
        let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
        if fraction.bytes().take_while(u8::is_ascii_digit).count() > 6 {
            return Err(Invalid::new(what, "more than six fraction digits"));
        }
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|error| {
            Invalid::new(
                what,
                format!("{error}; expected RFC 3339 such as 2026-11-20T14:58:49Z"),
            )
        })?;
        // chrono reads a leap second as nanosecond ≥ 10^9; POSIX time has no place for it.
        if parsed.timestamp_subsec_nanos() >= 1_000_000_000 {
            return Err(Invalid::new(
                what,
                "leap seconds have no place in UTC as stored here",
            ));
        }
        Self::try_from_micros(parsed.timestamp_micros())
            .ok_or_else(|| Invalid::new(what, "the year must be 1 to 9999 in UTC"))
    }

    /// The instant as chrono's type.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
    }

    /// The instant from chrono's type; sub-microseconds are cut off, years out of range refused.
    pub fn try_from_utc(time: DateTime<Utc>) -> Option<Self> {
        Self::try_from_micros(time.timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    /// `2026-11-20T14:58:49.123456Z`, always six fraction digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// A calendar day of the years 1 to 9999, in a ledger's time zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(NaiveDate);

impl Day {
    /// Parses `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let what = "date";
        // chrono would also take signs and blanks for digits.
        let is_shaped = text.len() == 10
            && text.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !is_shaped {
            return Err(Invalid::new(what, "expected YYYY-MM-DD"));
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map_err(|error| Invalid::new(what, format!("{error}; expected YYYY-MM-DD")))?;
        Self::try_new(date).ok_or_else(|| Invalid::new(what, "the year must be 1 to 9999"))
    }

    /// Wraps chrono's type if the year is 1 to 9999.
    pub fn try_new(date: NaiveDate) -> Option<Self> {
        use chrono::Datelike as _;
        (1..=9999).contains(&date.year()).then_some(Self(date))
    }

    /// The day as chrono's type.
    pub const fn date(self) -> NaiveDate {
        self.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// When a transaction counts: a whole day of the ledger's zone, or an instant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effective {
    /// A day; ordered as its start.
    Day(Day),
    /// An instant.
    Instant(Timestamp),
}

impl Effective {
    /// Parses `YYYY-MM-DD` or RFC 3339.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() == 10 {
            return Day::parse(text).map(Self::Day);
        }
        Timestamp::parse(text).map(Self::Instant)
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::Instant(time) => time.fmt(f),
        }
    }
}

/// A ledger's time zone, by its IANA name; fixed at opening.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TimeZone(chrono_tz::Tz);

impl TimeZone {
    /// The default.
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);

    /// Parses an IANA name such as `Europe/Prague`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        text.parse()
            .map(Self)
            .map_err(|error: chrono_tz::ParseError| {
                Invalid::new(
                    "time zone",
                    format!("{error}; expected an IANA name such as Europe/Prague"),
                )
            })
    }

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether it is UTC, where days need no table.
    pub fn is_utc(self) -> bool {
        self == Self::UTC
    }

    /// The first instant of the day here; where midnight does not exist (a zone that springs
    /// forward at midnight), the first instant after the gap.
    pub fn start_of(self, day: Day) -> Timestamp {
        let midnight = day.0.and_time(chrono::NaiveTime::MIN);
        // No zone has a gap longer than a day; steps of 15 minutes meet every known transition.
        for quarter in 0..=96_i64 {
            let step = TimeDelta::minutes(quarter.saturating_mul(15));
            let Some(local) = midnight.checked_add_signed(step) else {
                break;
            };
            if let Some(time) = self.0.from_local_datetime(&local).earliest() {
                let micros = time.timestamp_micros().clamp(MICROS_MIN, MICROS_MAX);
                return Timestamp(micros);
            }
        }
        Timestamp(
            midnight
                .and_utc()
                .timestamp_micros()
                .clamp(MICROS_MIN, MICROS_MAX),
        )
    }

    /// The day that the instant falls on here, held within the years 1 to 9999.
    pub fn day_of(self, time: Timestamp) -> Day {
        let date = self
            .0
            .from_utc_datetime(&time.to_utc().naive_utc())
            .date_naive();
        Day::try_new(date).unwrap_or_else(|| Day(time.to_utc().date_naive()))
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! as_string {
    ($name:ident, $expecting:literal, |$value:ident| $show:expr) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                s.collect_str(&$show)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }
                d.deserialize_str(Text)
            }
        }
    };
}

as_string!(Timestamp, "an RFC 3339 time", |value| value);
as_string!(Day, "a date YYYY-MM-DD", |value| value);
as_string!(
    Effective,
    "a date YYYY-MM-DD or an RFC 3339 time",
    |value| value
);
as_string!(TimeZone, "an IANA time zone name", |value| value.name());

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_keeps_six_digits_and_moves_to_utc() {
        let time = Timestamp::parse("2026-11-20T16:58:49.123456+02:00").unwrap();
        assert_eq!(time.to_string(), "2026-11-20T14:58:49.123456Z");
        assert!(Timestamp::parse("2026-11-20T14:58:49.1234567Z").is_err());
        assert!(Timestamp::parse("2026-11-20 14:58").is_err());
        assert!(Timestamp::parse("0000-12-31T23:59:59Z").is_err());
    }

    #[test]
    fn the_ends_of_the_calendar_hold() {
        for text in ["0001-01-01", "9999-12-31"] {
            let day = Day::parse(text).unwrap();
            assert_eq!(day.to_string(), text);
            let start = TimeZone::UTC.start_of(day);
            assert_eq!(TimeZone::UTC.day_of(start), day);
        }
        assert!(Day::parse("0000-01-01").is_err());
        assert!(Day::parse("2026-02-29").is_err());
    }

    #[test]
    fn a_day_is_ten_characters_and_nothing_else() {
        assert!(Day::parse("2027-01-01").is_ok());
        for text in [
            " 2027-01-1",
            "+2027-01-1",
            "2027- 1- 1",
            "2027-1-001",
            "2027/01/01",
            "2027-02-30",
            "0000-01-01",
            "2027-01-0\u{661}",
            "",
        ] {
            assert!(Day::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_day_without_midnight_starts_after_the_gap() {
        // Beirut sprang forward at midnight on 2021-03-28.
        let zone = TimeZone::parse("Asia/Beirut").unwrap();
        let day = Day::parse("2021-03-28").unwrap();
        assert_eq!(
            zone.start_of(day).to_string(),
            "2021-03-27T22:00:00.000000Z"
        );
        assert_eq!(zone.day_of(zone.start_of(day)), day);
    }

    #[test]
    fn recorded_times_never_stand_still() {
        let now = Timestamp::try_from_micros(5).unwrap();
        assert_eq!(now.after(None).micros(), 5);
        assert_eq!(now.after(Timestamp::try_from_micros(9)).micros(), 10);
    }
}
