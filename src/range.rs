//! `--since` and `--until`: what the server takes goes as it is, and what people say besides is worked out here.
//!
//! VictoriaLogs takes durations back from now (`1h`, `now-1h`), dates down to the second (`2026-11-20T10:00`, in
//! its own zone unless they name one), and unix time. It refuses `1h ago`, `yesterday`, `10:00`, a space instead of
//! `T`: these mean what they say on the reader's clock and are sent as instants. The clock is an argument.

use anyhow::{Result, bail};
use jiff::Timestamp;
use jiff::civil::{self, Date, DateTime, Weekday};
use jiff::tz::{Offset, TimeZone};

use crate::time::Time;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Now, and where the reader's clock hangs.
#[derive(Clone)]
pub struct Clock {
    /// The present.
    pub now: Timestamp,
    /// The reader's zone.
    pub zone: TimeZone,
}

impl Clock {
    /// When the reader's clock shows this; of two such moments the earlier, in a gap the clock is not put forward.
    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(local).compatible().ok()
    }

    /// What the reader's clock shows.
    fn local(&self) -> DateTime {
        self.zone.to_datetime(self.now)
    }
}

/// Which end of the range a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// From this time on.
    Since,
    /// Up to this time, which counts: a day means the whole of it.
    Until,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// What the server is sent.
    pub text: String,
    /// What it means; where only the server knows its zone, as if that were UTC.
    pub instant: Time,
}

/// Reads one end of a range.
///
/// # Errors
/// It is no time that vlog or the server knows.
pub fn bound(text: &str, end: End, clock: &Clock) -> Result<Bound> {
    let trimmed = text.trim();
    if let Some(instant) = of_server(trimmed, clock) {
        return Ok(Bound { text: trimmed.to_owned(), instant });
    }
    let words = trimmed.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = moment(&words, clock).or_else(|| day(&words, end, clock));
    let Some(instant) = found.and_then(time).or_else(|| ago(&words, clock)) else {
        bail!(
            "'{text}' is no time; take one such as 1h, '2 days ago', yesterday, '2026-11-20 10:00' or \
             2026-11-20T10:00:00Z"
        )
    };
    Ok(Bound { text: instant.to_string(), instant })
}

fn time(instant: Timestamp) -> Option<Time> {
    i64::try_from(instant.as_nanosecond()).ok().map(Time)
}

/// What the server understands by itself.
fn of_server(text: &str, clock: &Clock) -> Option<Time> {
    let now = time(clock.now)?;
    if text == "now" {
        return Some(now);
    }
    let offset = text.strip_prefix("now").filter(|rest| rest.starts_with('-')).unwrap_or(text);
    if let Some(nanoseconds) = server_duration(offset.strip_prefix('-').unwrap_or(offset)) {
        return now.0.checked_sub(nanoseconds).map(Time);
    }
    let is_number = |char: char| char.is_ascii_digit() || matches!(char, '.' | '-' | '+' | 'e' | 'E');
    let is_year = text.len() == 4 && text.chars().all(|char| char.is_ascii_digit());
    if !is_year && text.chars().all(is_number) && text.parse::<f64>().is_ok() {
        return Some(Time::parse(text).unwrap_or(Time(0)));
    }
    date(text)
}

/// `1h30m`, `1.5d`, `10ms` in nanoseconds; the server's units, of which a year has 365 days.
fn server_duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 10] = [
        ("ns", 1),
        ("µs", 1_000),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", SECOND),
        ("m", 60 * SECOND),
        ("h", 3600 * SECOND),
        ("d", DAY),
        ("w", 7 * DAY),
        ("y", 365 * DAY),
    ];
    amounts(text)?.into_iter().try_fold(0_i64, |sum, (number, unit)| {
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum.checked_add(times(number, *size)?)
    })
}

/// `1.5h30m` as numbers with their units; `None` if there is anything else.
fn amounts(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = text;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|char: char| !(char.is_ascii_digit() || char == '.'))?);
        let letters =
            after.find(|char: char| !(char.is_ascii_alphabetic() || char == 'µ')).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        number.parse::<f64>().ok()?;
        found.push((number, unit));
        rest = after;
    }
    (!found.is_empty()).then_some(found)
}

/// `number` units; `None` if that is more than there is.
fn times(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
    let mut all = whole.checked_mul(unit)?;
    let mut part = unit;
    for digit in fraction.bytes() {
        part /= 10;
        all = all.checked_add(part.checked_mul(i64::from(digit.checked_sub(b'0')?))?)?;
    }
    Some(all)
}

/// `2026`, `2026-11`, `2026-11-20`, with a time down to the second, with or without a zone; RFC 3339 with its fraction.
fn date(text: &str) -> Option<Time> {
    const SHAPES: [&str; 6] =
        ["0000-00-00T00:00:00", "0000-00-00T00:00", "0000-00-00T00", "0000-00-00", "0000-00", "0000"];
    const REST: &str = "0000-01-01T00:00:00";
    let shape = |text: &str| -> String {
        text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect()
    };
    let whole = shape(text);
    let known = SHAPES.iter().find(|known| whole.starts_with(**known))?;
    let (given, rest) = text.split_at(known.len());
    let digits = rest.strip_prefix('.').filter(|_| known.len() == REST.len());
    let fraction = digits
        .map_or(0, |digits| 1 + digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len()));
    let (fraction, zone) = rest.split_at(fraction);
    let zone = match zone {
        "" if fraction.is_empty() => "Z",
        "Z" => "Z",
        zone if matches!(shape(zone).as_str(), "+00:00" | "-00:00") => zone,
        _ => return None,
    };
    let full = format!("{given}{}{fraction}{zone}", REST.get(given.len()..)?);
    time(full.parse().ok()?)
}

/// A date and a time of day, with `T` or a space, without zone on the reader's clock; or a time of today.
fn moment(words: &str, clock: &Clock) -> Option<Timestamp> {
    let text = words.to_ascii_uppercase();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let local = match text.split_once([' ', 'T']) {
        Some((date, time)) => of_day(wall_clock(&format!("{date}T00:00"))?.date(), time)?,
        None => of_day(clock.local().date(), &text)?,
    };
    clock.instant(local)
}

/// A date and time without a zone.
fn wall_clock(text: &str) -> Option<DateTime> {
    let instant: Timestamp = format!("{text}Z").parse().ok()?;
    Some(Offset::UTC.to_datetime(instant))
}

/// `9:30`, `10:00:30.5` of that day.
fn of_day(date: Date, text: &str) -> Option<DateTime> {
    let is_clock = text.contains(':')
        && text.starts_with(|char: char| char.is_ascii_digit())
        && text.chars().all(|char| char.is_ascii_digit() || matches!(char, ':' | '.'));
    let hours = if text.find(':') == Some(1) { "0" } else { "" };
    if is_clock { wall_clock(&format!("{date}T{hours}{text}")) } else { None }
}

/// `today`, `yesterday`, `monday` (the latest one), with or without a time of day.
fn day(words: &str, end: End, clock: &Clock) -> Option<Timestamp> {
    let words = words.to_ascii_lowercase();
    let (name, rest) = words.split_once(' ').unwrap_or((&words, ""));
    let today = clock.local().date();
    let back = match name {
        "today" => 0,
        "yesterday" => 1,
        name => i64::from(today.weekday().since(weekday(name)?)),
    };
    let date = days_before(today, back)?;
    let local = match (rest.strip_prefix("at ").unwrap_or(rest), end) {
        ("", End::Since) => date.to_datetime(civil::Time::midnight()),
        ("", End::Until) => date.to_datetime(civil::Time::MAX),
        (rest, _) => of_day(date, rest)?,
    };
    clock.instant(local)
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// `10 m`, `1h ago`, `2 days ago`, `an hour ago`. Whole days and longer keep the time of day.
fn ago(words: &str, clock: &Clock) -> Option<Time> {
    let text = words.strip_suffix(" ago").unwrap_or(words);
    let one = text.strip_prefix("an ").or_else(|| text.strip_prefix("a "));
    let text = one.map_or_else(|| text.replace(' ', ""), |unit| format!("1{unit}"));
    let (mut seconds, mut days, mut months) = (0_i64, 0_i64, 0_i32);
    for (number, unit) in amounts(&text)? {
        let (part, unit) = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => (&mut seconds, SECOND),
            "m" | "min" | "mins" | "minute" | "minutes" => (&mut seconds, 60 * SECOND),
            "h" | "hr" | "hrs" | "hour" | "hours" => (&mut seconds, 3600 * SECOND),
            "d" | "day" | "days" => (&mut days, 1),
            "w" | "week" | "weeks" => (&mut days, 7),
            "month" | "months" => {
                months = months.checked_add(number.parse().ok()?)?;
                continue;
            }
            "y" | "year" | "years" => {
                months = months.checked_add(number.parse::<i32>().ok()?.checked_mul(12)?)?;
                continue;
            }
            _ => return None,
        };
        if unit < SECOND && number.contains('.') {
            // Half a day is twelve hours.
            seconds = seconds.checked_add(times(number, unit * DAY)?)?;
        } else {
            *part = part.checked_add(times(number, unit)?)?;
        }
    }
    let local = clock.local();
    let date = months_before(local.date(), months)?;
    let date = days_before(date, days)?;
    let then =
        if date == local.date() { clock.now } else { clock.instant(date.to_datetime(local.time()))? };
    Some(Time(time(then)?.0.checked_sub(seconds)?))
}

/// The date so many days earlier.
fn days_before(date: Date, days: i64) -> Option<Date> {
    let midnight = Offset::UTC.to_timestamp(date.to_datetime(civil::Time::midnight())).ok()?;
    let then = midnight.as_second().checked_sub(days.checked_mul(86_400)?)?;
    Some(Offset::UTC.to_datetime(Timestamp::from_second(then).ok()?).date())
}

/// The same day of an earlier month, or its last one.
fn months_before(date: Date, months: i32) -> Option<Date> {
    let month = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
    let month = month.checked_sub(months)?;
    let (year, month) =
        (i16::try_from(month.div_euclid(12)).ok()?, i8::try_from(month.rem_euclid(12)).ok()? + 1);
    (1..=date.day()).rev().find_map(|day| Date::new(year, month, day).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half past three in the afternoon of a Friday, in a zone of its own.
    fn now() -> Clock {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        Clock { now: "2026-11-20T14:30:00.25Z".parse().unwrap(), zone }
    }

    #[track_caller]
    fn sends(text: &str, end: End, expected: &str) {
        assert_eq!(bound(text, end, &now()).unwrap().text, expected, "{text}");
    }

    #[test]
    fn what_the_server_takes_goes_as_it_is() {
        for (text, instant) in [
            ("1h", "2026-11-20T13:30:00.25Z"),
            ("-1h", "2026-11-20T13:30:00.25Z"),
            ("now-1h", "2026-11-20T13:30:00.25Z"),
            ("now", "2026-11-20T14:30:00.25Z"),
            ("1h30m", "2026-11-20T13:00:00.25Z"),
            ("1.5m", "2026-11-20T14:28:30.25Z"),
            ("10ms", "2026-11-20T14:30:00.24Z"),
            ("1d", "2026-11-19T14:30:00.25Z"),
            ("2w", "2026-11-06T14:30:00.25Z"),
            ("1y", "2025-11-20T14:30:00.25Z"),
            ("2026", "2026-01-01T00:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T11", "2026-11-20T11:00:00Z"),
            ("2026-11-20T11:10", "2026-11-20T11:10:00Z"),
            ("2026-11-20T11:10Z", "2026-11-20T11:10:00Z"),
            ("2026-11-20T11:10:05", "2026-11-20T11:10:05Z"),
            ("2026-11-20T11:10:05.5+01:00", "2026-11-20T10:10:05.5Z"),
            ("1795172400", "2026-11-20T11:00:00Z"),
            ("1795172400.5", "2026-11-20T11:00:00.5Z"),
            ("1795172400123456789", "2026-11-20T11:00:00.123456789Z"),
        ] {
            let found = bound(text, End::Since, &now()).unwrap();
            assert_eq!(
                found,
                Bound { text: text.to_owned(), instant: Time::parse(instant).unwrap() },
                "{text}"
            );
        }
    }

    #[test]
    fn what_people_say_means_what_it_says_on_their_clock() {
        use End::{Since, Until};
        for (text, end, expected) in [
            ("1h ago", Since, "2026-11-20T13:30:00.250000000Z"),
            ("1 hour ago", Until, "2026-11-20T13:30:00.250000000Z"),
            ("an hour ago", Since, "2026-11-20T13:30:00.250000000Z"),
            ("10 m", Since, "2026-11-20T14:20:00.250000000Z"),
            ("10 minutes", Since, "2026-11-20T14:20:00.250000000Z"),
            ("1h 30m ago", Since, "2026-11-20T13:00:00.250000000Z"),
            ("1.5 days ago", Since, "2026-11-19T02:30:00.250000000Z"),
            ("2 weeks 1 hour ago", Since, "2026-11-06T13:30:00.250000000Z"),
            ("2 years ago", Since, "2024-11-20T14:30:00.250000000Z"),
            ("9 months ago", Since, "2026-02-20T14:30:00.250000000Z"),
            ("2026-11-20 9:05", Since, "2026-11-20T08:05:00.000000000Z"),
            ("2 days ago", Since, "2026-11-18T14:30:00.250000000Z"),
            // Over the end of summer time the clock shows the same.
            ("1 month ago", Since, "2026-10-20T13:30:00.250000000Z"),
            ("today", Since, "2026-11-19T23:00:00.000000000Z"),
            ("today", Until, "2026-11-20T22:59:59.999999999Z"),
            ("Yesterday", Since, "2026-11-18T23:00:00.000000000Z"),
            ("yesterday", Until, "2026-11-19T22:59:59.999999999Z"),
            ("yesterday 10:00", Since, "2026-11-19T09:00:00.000000000Z"),
            ("today at 9:30:15", Since, "2026-11-20T08:30:15.000000000Z"),
            ("friday", Since, "2026-11-19T23:00:00.000000000Z"),
            ("mon", Since, "2026-11-15T23:00:00.000000000Z"),
            ("saturday 18:00", Since, "2026-11-14T17:00:00.000000000Z"),
            ("10:00", Since, "2026-11-20T09:00:00.000000000Z"),
            ("2026-11-20 10:00:00", Since, "2026-11-20T09:00:00.000000000Z"),
            ("2026-11-20 10:00", Until, "2026-11-20T09:00:00.000000000Z"),
            ("2026-11-20 10:00:00.123", Since, "2026-11-20T09:00:00.123000000Z"),
            ("2026-11-20T10:00:00.123", Since, "2026-11-20T09:00:00.123000000Z"),
            ("2026-07-20 10:00", Since, "2026-07-20T08:00:00.000000000Z"),
            ("2026-11-20 10:00:00Z", Since, "2026-11-20T10:00:00.000000000Z"),
            ("2026-11-20t10:00:00z", Since, "2026-11-20T10:00:00.000000000Z"),
            ("2026-11-20 10:00:00+02:00", Since, "2026-11-20T08:00:00.000000000Z"),
        ] {
            sends(text, end, expected);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            "soon",
            "1M",
            "+1h",
            "now+1h",
            "PT1H",
            "-P1D",
            "1h5",
            "2026-13-01",
            "2026-02-30",
            "25:00",
            "yesterday noon",
            "ago",
            "h ago",
            "2026-11-20 10:00 or so",
            "1 h x",
            "tomorrow",
            "--1h",
            ":",
            "1h\u{0}",
        ] {
            assert!(
                bound(text, End::Since, &now()).is_err(),
                "{text:?}: {:?}",
                bound(text, End::Since, &now())
            );
        }
    }
}
