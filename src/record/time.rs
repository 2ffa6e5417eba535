//! Points in time as records carry them: nanoseconds since 1970, UTC.

use std::fmt;

use jiff::Timestamp;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, from 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut text = Vec::new();
        TimeFormat::default().write(*self, &mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 24 * 60 * 60 * SECOND;

impl Time {
    /// The system clock's time.
    #[must_use]
    pub fn now() -> Self {
        Self(i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
    }

    /// Reads RFC 3339 with a zone, or unix seconds, milli-, micro- or nanoseconds with or without a fraction.
    ///
    /// A time without a zone is `None`: VictoriaLogs would take it as its own local time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let nanoseconds = match fixed(text) {
            Some(nanoseconds) => nanoseconds,
            None => i64::try_from(match unix(text) {
                Some(nanoseconds) => nanoseconds,
                None => text.parse::<Timestamp>().ok()?.as_nanosecond(),
            })
            .ok()?,
        };
        // VictoriaLogs takes 0 for the present.
        Some(Self(nanoseconds)).filter(|time| time.0 != 0)
    }

    /// Why the server may drop a record of this time while it answers 200, if it may: it keeps 7 days
    /// (`-retentionPeriod`) and takes up to 2 days ahead (`-futureRetention`) unless told otherwise.
    #[must_use]
    pub fn doubt(self, now: Self) -> Option<&'static str> {
        let age = now.0.saturating_sub(self.0);
        if age < -2 * DAY {
            Some("is more than 2 days ahead; the server drops it unless its -futureRetention is longer")
        } else if age > 7 * DAY {
            Some("is over 7 days old; the server drops it unless its -retentionPeriod is longer")
        } else {
            None
        }
    }
}

/// Reads `2026-11-20T10:00:00.123Z`, with up to nine digits of a second or none: so [`TimeFormat`] and most loggers write,
/// and a query reads millions. `None` for all else.
fn fixed(text: &str) -> Option<i64> {
    let (text, fraction) = text.strip_suffix('Z')?.as_bytes().split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| text.get(*at) != Some(mark)) {
        return None;
    }
    let nanosecond = match fraction.split_first() {
        None => 0,
        Some((b'.', places)) if matches!(places.len(), 1..=9) => {
            digits(places)? * 10_i64.pow(9 - u32::try_from(places.len()).ok()?)
        }
        Some(_) => return None,
    };
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years begin in March here, so that the day of a leap year is the last: the lengths of the months before it follow a
    // rule then. 719468 days lie between March of the year 0 and 1970.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let before = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) - 719_468;
    let days = before + (153 * month + 2) / 5 + day - 1;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    seconds.checked_mul(SECOND)?.checked_add(nanosecond)
}

/// The number that a few decimal digits make.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Unix time with the unit told from its size, as VictoriaLogs tells it (`-2^31..2^31` are seconds, and so on).
fn unix(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i128 = whole.parse::<i64>().ok()?.into();
    let limit = i128::from(i32::MAX) + 1;
    let unit = match number.abs() {
        n if n < limit => i128::from(SECOND),
        n if n < limit * 1_000 => 1_000_000,
        n if n < limit * 1_000_000 => 1_000,
        _ => 1,
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut rest = 0;
    let mut scale = unit;
    for digit in fraction.bytes() {
        scale /= 10;
        rest += i128::from(digit - b'0') * scale;
    }
    Some(number * unit + if whole.starts_with('-') { -rest } else { rest })
}

/// Writes times as RFC 3339 with nine digits and `Z`, so that their order as text is their order in time.
///
/// Keeps the text of the last day, because most records share it with their neighbour.
#[derive(Debug, Default)]
pub struct TimeFormat {
    day: Option<i64>,
    /// `2026-11-20T`.
    date: String,
}

impl TimeFormat {
    /// Appends `time`, 30 bytes.
    pub fn write(&mut self, time: Time, out: &mut Vec<u8>) {
        let day = time.0.div_euclid(DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            let midnight = Timestamp::from_second(day * (DAY / SECOND)).unwrap_or(Timestamp::UNIX_EPOCH);
            midnight.to_string().trim_end_matches("00:00:00Z").clone_into(&mut self.date);
        }
        out.extend_from_slice(self.date.as_bytes());
        let of_day = time.0.rem_euclid(DAY);
        // Less than 86,400 and less than 1,000,000,000.
        let second = u32::try_from(of_day / SECOND).unwrap_or(0);
        let nanosecond = u32::try_from(of_day % SECOND).unwrap_or(0);
        let mut text = *b"00:00:00.000000000Z";
        let parts =
            [(0..2, second / 3600), (3..5, second / 60 % 60), (6..8, second % 60), (9..18, nanosecond)];
        for (place, number) in parts {
            put_digits(number, text.get_mut(place).unwrap_or_default());
        }
        out.extend_from_slice(&text);
    }
}

/// Writes the last digits of a number.
fn put_digits(number: u32, places: &mut [u8]) {
    let mut rest = number;
    for place in places.iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, expected: &str) {
        let time = Time::parse(text).unwrap_or_else(|| panic!("{text} was not read"));
        let mut out = Vec::new();
        TimeFormat::default().write(time, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
    }

    #[test]
    fn rfc_3339_with_a_zone_is_read() {
        reads("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000000000Z");
        reads("2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00.123456789Z");
        reads("2026-11-20T12:00:00.5+02:00", "2026-11-20T10:00:00.500000000Z");
        reads("2026-11-20 10:00:00Z", "2026-11-20T10:00:00.000000000Z");
        reads(" 2026-11-20T10:00:00Z\n", "2026-11-20T10:00:00.000000000Z");
        reads("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000000Z");
        reads("2024-02-29T23:59:60Z", "2024-02-29T23:59:59.000000000Z");
        reads("2026-11-20t10:00:00,5z", "2026-11-20T10:00:00.500000000Z");
        reads("2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z");
    }

    #[test]
    fn our_own_form_is_read_as_any_other() {
        let general = |text: &str| {
            let time = text.parse::<Timestamp>().ok()?;
            i64::try_from(time.as_nanosecond()).ok().filter(|nanoseconds| *nanoseconds != 0).map(Time)
        };
        for year in
            [1, 1600, 1677, 1678, 1700, 1900, 1969, 1970, 1972, 2000, 2026, 2096, 2100, 2261, 2262, 9999]
        {
            for month in 0..=13 {
                for day in [0, 1, 28, 29, 30, 31, 32] {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:59.000000001Z");
                    assert_eq!(Time::parse(&text), general(&text), "{text}");
                }
            }
        }
        for time in [
            "00:00:00.000000000",
            "24:00:00.000000000",
            "23:60:00.000000000",
            "12:34:56.987654321",
            "1a:00:00.000000000",
        ] {
            let text = format!("2026-11-20T{time}Z");
            assert_eq!(Time::parse(&text), general(&text), "{text}");
        }
        assert_eq!(Time::parse("1970-01-01T00:00:00.000000000Z"), None);
    }

    #[test]
    fn unix_time_is_read_in_every_unit() {
        reads("1", "1970-01-01T00:00:01.000000000Z");
        reads("1795172400", "2026-11-20T11:00:00.000000000Z");
        reads("1795172400.25", "2026-11-20T11:00:00.250000000Z");
        reads("1795172400123", "2026-11-20T11:00:00.123000000Z");
        reads("1795172400123.456", "2026-11-20T11:00:00.123456000Z");
        reads("1795172400123456", "2026-11-20T11:00:00.123456000Z");
        reads("1795172400123456789", "2026-11-20T11:00:00.123456789Z");
        reads("-1.5", "1969-12-31T23:59:58.500000000Z");
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "0",
            "1970-01-01T00:00:00Z",
            "now",
            "yesterday",
            "2026-11-20T10:00:00",
            "2026-11-20",
            "2025-02-29T10:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T10:00:00.Z",
            "2026-11-20T10:00:00.1234567890Z",
            "2262-04-11T23:47:16.854775808Z",
            "1600-01-01T00:00:00Z",
            "10:00",
            "1e9",
            "1.x",
            "--1",
            ".",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_the_server_may_drop_are_doubted() {
        let now = Time::parse("2026-11-20T10:00:00Z").unwrap();
        let doubt = |text| Time::parse(text).unwrap().doubt(now).map(|why| why.split_once(';').unwrap().0);
        assert_eq!(doubt("2026-11-20T10:00:00Z"), None);
        assert_eq!(doubt("2026-11-14T10:00:00Z"), None);
        assert_eq!(doubt("2026-11-12T10:00:00Z"), Some("is over 7 days old"));
        assert_eq!(doubt("2026-11-22T09:00:00Z"), None);
        assert_eq!(doubt("2026-11-22T11:00:00Z"), Some("is more than 2 days ahead"));
    }

    #[test]
    fn the_remembered_day_is_only_used_for_itself() {
        let mut format = TimeFormat::default();
        let mut out = Vec::new();
        for time in [Time(DAY - 1), Time(DAY), Time(DAY + SECOND * 45_296 + 1), Time(-1), Time(0)] {
            format.write(time, &mut out);
            out.push(b' ');
        }
        let expected = "1970-01-01T23:59:59.999999999Z 1970-01-02T00:00:00.000000000Z \
                        1970-01-02T12:34:56.000000001Z 1969-12-31T23:59:59.999999999Z \
                        1970-01-01T00:00:00.000000000Z ";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
