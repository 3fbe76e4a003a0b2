//! Times as the model knows them: microseconds since 1970 in UTC, days as text.
//!
//! Days are counted by hand, so that no library is right or wrong on both sides.

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

/// A zone that is always the same time ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    /// Its IANA name.
    pub name: &'static str,
    /// Minutes ahead of UTC.
    pub minutes: i64,
}

/// Zones of every kind: UTC itself, ahead of it, ahead by a half hour, behind it.
pub const ZONES: &[Zone] = &[
    Zone {
        name: "UTC",
        minutes: 0,
    },
    Zone {
        name: "Asia/Tokyo",
        minutes: 540,
    },
    Zone {
        name: "Asia/Kolkata",
        minutes: 330,
    },
    Zone {
        name: "America/Phoenix",
        minutes: -420,
    },
];

impl Zone {
    /// Whether days are those of UTC.
    pub fn is_utc(self) -> bool {
        self.name == "UTC"
    }

    /// The day of an instant.
    pub fn day_of(self, micros: i64) -> String {
        day(micros + self.minutes * 60 * SECOND)
    }

    /// The first instant of a day.
    ///
    /// # Panics
    /// When the text is no day.
    pub fn start_of(self, day: &str) -> i64 {
        micros(&format!("{day}T00:00:00Z")) - self.minutes * 60 * SECOND
    }
}

/// The day of an instant in UTC, `2026-11-20`.
pub fn day(micros: i64) -> String {
    let (year, month, day) = civil(micros.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

/// An instant as Daybook writes it, `2026-11-20T14:58:49.123456Z`.
pub fn text(micros: i64) -> String {
    let of_day = micros.rem_euclid(DAY);
    let (seconds, fraction) = (of_day / SECOND, of_day % SECOND);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z",
        day(micros)
    )
}

/// The same instant as somebody `minutes` ahead of UTC writes it.
pub fn text_at(instant: i64, minutes: i64) -> String {
    let local = text(instant + minutes * 60 * SECOND);
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    format!("{}{sign}{hours:02}:{rest:02}", local.trim_end_matches('Z'))
}

/// Reads what [`text`] wrote, with any number of fraction digits up to six.
///
/// # Panics
/// When it is something else.
pub fn micros(text: &str) -> i64 {
    let number = |from: usize, to: usize| -> i64 {
        let digits = text.get(from..to).unwrap_or_default();
        digits
            .parse()
            .unwrap_or_else(|error| panic!("not a time ({error}): {text}"))
    };
    let days = days(number(0, 4), number(5, 7), number(8, 10));
    let seconds = (number(11, 13) * 60 + number(14, 16)) * 60 + number(17, 19);
    let fraction = text.get(19..).unwrap_or_default();
    let fraction = fraction.trim_start_matches('.').trim_end_matches('Z');
    let fraction: i64 = format!("{fraction:0<6}").parse().unwrap_or(0);
    days * DAY + seconds * SECOND + fraction
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

/// Days from 1970-01-01 to a day of the years from 1 on.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let months: i64 = (1..month).map(|month| days_of_month(year, month)).sum();
    days_before_year(year) - days_before_year(1970) + months + day - 1
}

/// The day that is so many days after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let mut left = days + days_before_year(1970);
    let mut year = left / 366 + 1;
    while days_before_year(year + 1) <= left {
        year += 1;
    }
    left -= days_before_year(year);
    let mut month = 1;
    while left >= days_of_month(year, month) {
        left -= days_of_month(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text_of, number) in [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2000-02-29T23:59:59.999999Z", 951_868_799_999_999),
            ("0001-01-01T00:00:00.000000Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            assert_eq!(micros(text_of), number);
            assert_eq!(text(number), text_of);
        }
        assert_eq!(text_at(0, -90), "1969-12-31T22:30:00.000000-01:30");
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        for number in -150_000..150_000 {
            let (year, month, day) = civil(number);
            assert_eq!(days(year, month, day), number);
        }
    }

    #[test]
    fn a_zone_has_days_of_its_own() {
        let [utc, tokyo, _, phoenix] = ZONES else {
            panic!("four zones");
        };
        let evening = micros("2026-11-20T20:00:00Z");
        assert_eq!(utc.day_of(evening), "2026-11-20");
        assert_eq!(tokyo.day_of(evening), "2026-11-21");
        assert_eq!(
            phoenix.start_of("2026-11-20"),
            micros("2026-11-20T07:00:00Z")
        );
    }
}
