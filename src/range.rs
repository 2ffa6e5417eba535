//! `--since` and `--until`: what the server takes goes as it is, and what people say besides is worked out here.
//!
//! VictoriaLogs takes durations back from now (`1h`, `now-1h`), dates down to the second (`2026-11-20T10:00`, in
//! its own zone unless they name one), and unix time. It refuses `1h ago`, `yesterday`, `10:00`, a space instead of
//! `T`: these mean what they say on the reader's clock and are sent as instants. The clock is an argument.

use anyhow::{Result, bail};
use jiff::civil::{DateTime, Time, Weekday};
use jiff::{Span, Timestamp, ToSpan, Zoned};

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
    pub instant: Timestamp,
}

/// Reads one end of a range.
///
/// # Errors
/// It is no time that vlog or the server knows.
pub fn bound(text: &str, end: End, now: &Zoned) -> Result<Bound> {
    let trimmed = text.trim();
    if let Some(instant) = of_server(trimmed, now) {
        return Ok(Bound { text: trimmed.to_owned(), instant });
    }
    let words = trimmed.to_ascii_lowercase();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = moment(&words, now).or_else(|| day(&words, end, now)).or_else(|| ago(&words, now));
    let Some(zoned) = found else {
        bail!(
            "'{text}' is no time; take one such as 1h, '2 days ago', yesterday, '2026-11-20 10:00' or \
             2026-11-20T10:00:00Z"
        )
    };
    let instant = zoned.timestamp();
    Ok(Bound { text: format!("{instant:.9}"), instant })
}

/// What the server understands by itself.
fn of_server(text: &str, now: &Zoned) -> Option<Timestamp> {
    if text == "now" {
        return Some(now.timestamp());
    }
    let offset = text.strip_prefix("now").filter(|rest| rest.starts_with('-')).unwrap_or(text);
    if let Some(nanoseconds) = server_duration(offset.strip_prefix('-').unwrap_or(offset)) {
        let then = now.timestamp().as_nanosecond().checked_sub(nanoseconds)?;
        return Timestamp::from_nanosecond(then).ok();
    }
    let is_number = |char: char| char.is_ascii_digit() || matches!(char, '.' | '-' | '+' | 'e' | 'E');
    let is_year = text.len() == 4 && text.chars().all(|char| char.is_ascii_digit());
    if !is_year && text.chars().all(is_number) && text.parse::<f64>().is_ok() {
        let time = crate::time::Time::parse(text).map(|time| i128::from(time.0));
        return Some(time.and_then(|at| Timestamp::from_nanosecond(at).ok()).unwrap_or_default());
    }
    date(text)
}

/// `1h30m`, `1.5d`, `10ms` in nanoseconds; the server's units, of which a year has 365 days.
fn server_duration(text: &str) -> Option<i128> {
    const UNITS: [(&str, i128); 10] = [
        ("ns", 1),
        ("µs", 1_000),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
        ("w", 604_800_000_000_000),
        ("y", 31_536_000_000_000_000),
    ];
    let mut rest = text;
    let mut all = 0_i128;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !(char.is_ascii_digit() || char == '.'))?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|char: char| !char.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let number: f64 = number.parse().ok()?;
        // Close enough to choose the width of a bucket by; the server works with its own reading.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let part = (number * *size as f64) as i128;
        all = all.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then_some(all)
}

/// `2026`, `2026-11`, `2026-11-20`, with a time down to the second, with or without a zone; RFC 3339 with its fraction.
fn date(text: &str) -> Option<Timestamp> {
    let shape: String = text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    const SHAPES: [&str; 6] =
        ["0000-00-00T00:00:00", "0000-00-00T00:00", "0000-00-00T00", "0000-00-00", "0000-00", "0000"];
    const REST: &str = "0000-01-01T00:00:00";
    let known = SHAPES.iter().find(|known| shape.starts_with(**known))?;
    let (given, zone) = text.split_at(known.len());
    let is_second = known.len() == REST.len();
    let (fraction, zone) = match zone.strip_prefix('.').filter(|_| is_second) {
        Some(rest) => zone.split_at(rest.find(|char: char| !char.is_ascii_digit()).map_or(zone.len(), |at| at + 1)),
        None => ("", zone),
    };
    let is_offset = |zone: &str| {
        let shape: String = zone.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
        matches!(shape.as_str(), "+00:00" | "-00:00")
    };
    let zone = match zone {
        "" if fraction.is_empty() => "Z",
        "Z" => "Z",
        zone if is_offset(zone) => zone,
        _ => return None,
    };
    format!("{given}{}{fraction}{zone}", REST.get(given.len()..)?).parse().ok()
}

/// A date and a time of day, with `T` or a space, without zone on the reader's clock; or a time of today.
fn moment(words: &str, now: &Zoned) -> Option<Zoned> {
    let text = words.to_ascii_uppercase();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.to_zoned(now.time_zone().clone()));
    }
    if words.starts_with(|char: char| char.is_ascii_digit()) && words.contains(':') {
        if let Ok(local) = text.parse::<DateTime>() {
            return local.to_zoned(now.time_zone().clone()).ok();
        }
        return clock(words).and_then(|time| now.with().time(time).build().ok());
    }
    None
}

/// `10:00`, `10:00:30.5`.
fn clock(text: &str) -> Option<Time> {
    let is_clock = text.chars().all(|char| char.is_ascii_digit() || matches!(char, ':' | '.')) && text.contains(':');
    text.parse().ok().filter(|_| is_clock)
}

/// `today`, `yesterday`, `monday` (the latest one), with or without a time of day.
fn day(words: &str, end: End, now: &Zoned) -> Option<Zoned> {
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    let date = match name {
        "today" => now.date(),
        "yesterday" => now.date().yesterday().ok()?,
        name => {
            let weekday = weekday(name)?;
            let back = now.weekday().since(weekday);
            now.date().checked_sub(i64::from(back).days()).ok()?
        }
    };
    let rest = rest.strip_prefix("at ").unwrap_or(rest);
    let time = match (rest, end) {
        ("", End::Since) => Time::midnight(),
        ("", End::Until) => Time::MAX,
        (rest, _) => clock(rest)?,
    };
    date.to_datetime(time).to_zoned(now.time_zone().clone()).ok()
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

/// `10 m`, `1h ago`, `2 days ago`, `an hour ago`. Days and longer keep the time of day.
fn ago(words: &str, now: &Zoned) -> Option<Zoned> {
    let text = words.strip_suffix(" ago").unwrap_or(words);
    let text = text.strip_prefix("an ").or_else(|| text.strip_prefix("a ")).map_or_else(
        || text.to_owned(),
        |unit| format!("1 {unit}"),
    );
    // `-P1D` is a span too, but nothing that a person says.
    let span: Span = text.parse().ok().filter(|_| text.starts_with(|char: char| char.is_ascii_digit()))?;
    now.checked_sub(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    /// Half past three in the afternoon of a Friday, in a zone of its own.
    fn now() -> Zoned {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        "2026-11-20T14:30:00.25Z".parse::<Timestamp>().unwrap().to_zoned(zone)
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
            assert_eq!(found, Bound { text: text.to_owned(), instant: instant.parse().unwrap() }, "{text}");
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
            "", " ", "soon", "1M", "+1h", "now+1h", "PT1H", "-P1D", "1h5", "2026-13-01", "2026-02-30", "25:00",
            "yesterday noon", "ago", "h ago", "2026-11-20 10:00 or so", "1 h x", "tomorrow", "--1h", ":", "1h\u{0}",
        ] {
            assert!(bound(text, End::Since, &now()).is_err(), "{text:?}: {:?}", bound(text, End::Since, &now()));
        }
    }
}
