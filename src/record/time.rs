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
        let nanoseconds = match unix(text) {
            Some(nanoseconds) => nanoseconds,
            None => text.parse::<Timestamp>().ok()?.as_nanosecond(),
        };
        // VictoriaLogs takes 0 for the present.
        i64::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds != 0).map(Self)
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
/// Keeps the text of the last second, because most records share it with their neighbour.
#[derive(Debug, Default)]
pub struct TimeFormat {
    second: Option<i64>,
    prefix: String,
}

impl TimeFormat {
    /// Appends `time`, 30 bytes.
    pub fn write(&mut self, time: Time, out: &mut Vec<u8>) {
        let second = time.0.div_euclid(SECOND);
        if self.second != Some(second) {
            self.second = Some(second);
            let full = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
            full.trim_end_matches('Z').clone_into(&mut self.prefix);
        }
        out.extend_from_slice(self.prefix.as_bytes());
        let mut digits = *b".000000000Z";
        let mut rest = time.0.rem_euclid(SECOND);
        for digit in digits.iter_mut().skip(1).take(9).rev() {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        out.extend_from_slice(&digits);
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
    fn the_remembered_second_is_only_used_for_itself() {
        let mut format = TimeFormat::default();
        let mut out = Vec::new();
        for time in [Time(SECOND - 1), Time(SECOND), Time(SECOND + 1), Time(0)] {
            format.write(time, &mut out);
            out.push(b' ');
        }
        let expected = "1970-01-01T00:00:00.999999999Z 1970-01-01T00:00:01.000000000Z \
                        1970-01-01T00:00:01.000000001Z 1970-01-01T00:00:00.000000000Z ";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
