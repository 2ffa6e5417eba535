//! Points in time as `_time:` takes them: years, days, seconds, RFC 3339, unix time, and times relative to now.
//!
//! Where there is no zone it is UTC, as on a server whose own zone is UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::number::clock;

const SECOND: i64 = 1_000_000_000;

/// Reads a point in time, in nanoseconds since 1970; `now` is what relative times are relative to.
pub fn moment(text: &str, now: i64) -> Option<i64> {
    if text == "now" {
        return Some(now);
    }
    let (plain, offset) = zone(text)?;
    let last = plain.bytes().next_back();
    if last.is_some_and(|byte| byte > b'9') || plain.starts_with('-') || plain.starts_with("now") {
        let age = age(plain.strip_prefix("now").unwrap_or(plain))?;
        return now.checked_sub(age.saturating_abs());
    }
    let at = match plain.len() {
        4 => day(plain.parse().ok().filter(|year| (1970..=2262).contains(year))?, "01", "01")?.at(0, 0, 0, 0),
        _ if !text.contains('-') => return unix(text),
        7 => day(plain.get(..4)?.parse().ok()?, part(plain, 4, '-')?, "01")?.at(0, 0, 0, 0),
        10 => date(plain)?.at(0, 0, 0, 0),
        13 => at(plain, "00", "00")?,
        16 => at(plain, part(plain, 13, ':')?, "00")?,
        19 => at(plain, part(plain, 13, ':')?, part(plain, 16, ':')?)?,
        _ => {
            let is_full = text.as_bytes().get(10) == Some(&b'T') && text.len() > 19;
            let at = text.parse::<Timestamp>().ok().filter(|_| is_full)?;
            return i64::try_from(at.as_nanosecond()).ok();
        }
    };
    nanoseconds(at)?.checked_add(offset)
}

/// Cuts the zone off, and gives what is to be added for it.
fn zone(text: &str) -> Option<(&str, i64)> {
    let behind = text.len().checked_sub(6).filter(|at| *at > 0).and_then(|at| text.split_at_checked(at));
    if let Some((plain, zone)) = behind
        && zone.starts_with(['+', '-'])
        && zone.as_bytes().get(3) == Some(&b':')
    {
        let offset = clock(zone.get(1..)?)?;
        return Some((plain, if zone.starts_with('+') { -offset } else { offset }));
    }
    Some((text.strip_suffix('Z').unwrap_or(text), 0))
}

/// Two digits behind a separator that stands there.
fn part(text: &str, at: usize, separator: char) -> Option<&str> {
    text.get(at..at + 3)?.strip_prefix(separator)
}

fn two(text: &str) -> Option<i8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn day(year: i16, month: &str, day: &str) -> Option<Date> {
    Date::new(year, two(month)?, two(day)?).ok()
}

fn date(text: &str) -> Option<Date> {
    day(text.get(..4)?.parse().ok()?, part(text, 4, '-')?, part(text, 7, '-')?)
}

/// The hour that stands in the text, with these minutes and seconds.
fn at(text: &str, minute: &str, second: &str) -> Option<DateTime> {
    let time = Time::new(two(part(text, 10, 'T')?)?, two(minute)?, two(second)?, 0).ok()?;
    Some(date(text)?.to_datetime(time))
}

fn nanoseconds(at: DateTime) -> Option<i64> {
    let at = at.to_zoned(TimeZone::UTC).ok()?;
    i64::try_from(at.timestamp().as_nanosecond()).ok()
}

/// A duration as Prometheus has it, in nanoseconds; whole milliseconds of it count.
fn age(text: &str) -> Option<i64> {
    if text.contains(['µ', 'n', '_', '+']) {
        return None;
    }
    super::number::duration(text).map(|age| age / 1_000_000 * 1_000_000)
}

/// Unix time in seconds, milli-, micro- or nanoseconds, told by its size.
fn unix(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    crate::record::time::Time::parse(text).map(|time| time.0).or_else(|| (text.parse() == Ok(0)).then_some(0))
}

/// The last nanosecond of what a text names: of the year, the month, the day, the hour, the minute, the second or the
/// millisecond.
pub fn end_of(start: i64, text: &str) -> i64 {
    let plain = zone(text).map_or(text, |(plain, _)| plain);
    let is_date = plain.as_bytes().get(4) == Some(&b'-');
    let length = match plain.len() {
        4 | 7 if plain.len() == 4 || is_date => {
            return end_of_months(start, plain.len() == 4).unwrap_or(start);
        }
        10 if is_date => 86_400 * SECOND,
        13 if is_date => 3_600 * SECOND,
        16 if is_date => 60 * SECOND,
        19 if is_date => SECOND,
        23 if is_date => 1_000_000,
        _ => 1,
    };
    start.saturating_add(length - 1)
}

/// The same of a year or a month.
fn end_of_months(start: i64, is_year: bool) -> Option<i64> {
    let at = Timestamp::from_nanosecond(start.into()).ok()?.to_zoned(TimeZone::UTC).datetime();
    let next = at.checked_add(if is_year { jiff::Span::new().years(1) } else { jiff::Span::new().months(1) });
    nanoseconds(next.ok()?).map(|next| next - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_172_400 * SECOND;

    #[test]
    fn times_are_read_in_every_form() {
        for (text, expected) in [
            ("now", Some(NOW)),
            ("now-1h", Some(NOW - 3_600 * SECOND)),
            ("5m", Some(NOW - 300 * SECOND)),
            ("2026", Some(1_767_225_600 * SECOND)),
            ("2026-11", Some(1_793_491_200 * SECOND)),
            ("2026-11-20", Some(1_795_132_800 * SECOND)),
            ("2026-11-20T11", Some(NOW)),
            ("2026-11-20T11:00Z", Some(NOW)),
            ("2026-11-20T13:00:00+02:00", Some(NOW)),
            ("2026-11-20T11:00:00.5Z", Some(NOW + SECOND / 2)),
            ("1795172400", Some(NOW)),
            ("1795172400000", Some(NOW)),
            ("2026-11-20 11:00:00", None),
            ("yesterday", None),
            ("2026-13", None),
            ("2026-11-20T10:00:80Z", None),
            ("2026-11-20T24", None),
            ("2026-11-20T10:60", None),
            ("", None),
        ] {
            assert_eq!(moment(text, NOW), expected, "{text}");
        }
    }

    #[test]
    fn what_a_text_names_has_an_end() {
        let length = |text: &str| {
            (end_of(moment(text, NOW).unwrap(), text) + 1 - moment(text, NOW).unwrap()) / 1_000_000
        };
        for (text, expected) in [
            ("2026", 365 * 86_400_000),
            ("2026-02", 28 * 86_400_000),
            ("2026-11-20", 86_400_000),
            ("2026-11-20T11Z", 3_600_000),
            ("2026-11-20T11:00+02:00", 60_000),
            ("2026-11-20T11:00:00Z", 1_000),
            ("2026-11-20T11:00:00.123Z", 1),
        ] {
            assert_eq!(length(text), expected, "{text}");
        }
    }
}
