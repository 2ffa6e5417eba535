//! Times as people write them: `--since`, `--until`, `send --time`.
//!
//! What is relative to now (`1h`, `now-1h`) is sent as the server takes it, everything else as an instant in UTC: a time
//! without a zone is on the clock of the person who asks, never on the server's. The clock is an argument.
//!
//! A time without a date (`23:00`, `saturday 23:00`) means the latest in the past, since logs are in the past. At the end of a
//! range it means the first one after the range's beginning, unless that is still to come.

mod ago;
mod civil;

use anyhow::{Result, bail};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time as TimeOfDay};
use jiff::tz::{Offset, TimeZone};

use crate::record::time::Time;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Now, and the zone of the reader's clock.
#[derive(Clone)]
pub struct Clock {
    /// The present.
    pub now: Timestamp,
    /// The reader's zone.
    pub zone: TimeZone,
}

impl Clock {
    /// What the reader's clock shows.
    fn local(&self) -> DateTime {
        self.zone.to_datetime(self.now)
    }
}

/// Which edge of the range a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// From this time on.
    Since,
    /// Up to this time, which counts: a day means the whole of it. With it the beginning of the range, if that is known.
    Until(Option<Time>),
}

/// One edge of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// What the server is sent.
    pub text: String,
    /// What it means.
    pub instant: Time,
}

/// Reads one edge of a range.
///
/// # Errors
/// It is no time.
pub fn bound(text: &str, edge: Edge, clock: &Clock) -> Result<Bound> {
    let trimmed = text.trim();
    if let Some(instant) = ago::as_the_server_has_it(trimmed, clock) {
        return Ok(Bound { text: trimmed.to_owned(), instant });
    }
    let words = trimmed.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = words.to_ascii_lowercase();
    let found = unix(&lower)
        .or_else(|| civil::date(&lower, edge, clock))
        .or_else(|| civil::some_day(&lower, edge, clock))
        // Units keep their case: an M could be a month.
        .or_else(|| ago::in_words(&words, edge, clock));
    let Some(instant) = found else {
        bail!(
            "'{text}' is no time; take one such as 1h, '2 days ago', yesterday, '2026-11-20 10:00' or \
             2026-11-20T10:00:00Z"
        )
    };
    Ok(Bound { text: instant.to_string(), instant })
}

/// Reads the moment of a record: as the beginning of a range.
///
/// # Errors
/// It is no time, or the very beginning of 1970, which VictoriaLogs takes for the present.
pub fn moment(text: &str, clock: &Clock) -> Result<Time> {
    match bound(text, Edge::Since, clock)?.instant {
        Time(0) => bail!("'{text}' is 1970, which the server takes for now"),
        instant => Ok(instant),
    }
}

/// `None` beyond the years 1677 to 2262.
fn time(instant: Timestamp) -> Option<Time> {
    i64::try_from(instant.as_nanosecond()).ok().map(Time)
}

/// Unix time, in seconds or less by its size; four digits are a year.
fn unix(text: &str) -> Option<Time> {
    let is_number = |char: char| char.is_ascii_digit() || matches!(char, '.' | '-' | '+' | 'e');
    let is_year = text.len() == 4 && text.chars().all(|char| char.is_ascii_digit());
    let number: f64 = text.parse().ok().filter(|_| !is_year && text.chars().all(is_number))?;
    // Time takes 0 for no time, and knows no exponents.
    if number == 0.0 {
        Some(Time(0))
    } else {
        Time::parse(text).or_else(|| Time::parse(&format!("{number:.9}")))
    }
}

/// The instant when a clock shows this. Where clocks are put back there are two of them: a range begins with the first and
/// ends with the second. A time that is skipped when clocks are put forward counts as if they had not been.
fn instant(local: DateTime, edge: Edge, zone: &TimeZone) -> Option<Time> {
    let found = zone.to_ambiguous_timestamp(local);
    let found = if edge == Edge::Since { found.compatible() } else { found.later() };
    time(found.ok()?)
}

/// The date so many days earlier. By hand, as the months below: jiff's `Span` would cost 16 KiB of the binary, where its
/// parsers of dates, times and offsets cost 4.
fn days_before(date: Date, days: i64) -> Option<Date> {
    let midnight = Offset::UTC.to_timestamp(date.to_datetime(TimeOfDay::midnight())).ok()?;
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
    fn means(text: &str, edge: Edge, clock: &Clock, expected: &str) {
        let found = bound(text, edge, clock).unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected = Time::parse(expected).unwrap();
        assert_eq!(found.instant, expected, "{text} {edge:?}: {} instead of {expected}", found.instant);
    }

    #[test]
    fn what_is_relative_to_now_goes_as_it_is() {
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
        ] {
            let found = bound(text, Edge::Since, &now()).unwrap();
            assert_eq!(
                found,
                Bound { text: text.to_owned(), instant: Time::parse(instant).unwrap() },
                "{text}"
            );
        }
    }

    #[test]
    fn everything_else_is_sent_as_an_instant_with_a_zone() {
        for text in ["2026", "2026-11-20", "2026-11-20T10:00", "10:00", "today", "1h ago", "1795172400"] {
            let found = bound(text, Edge::Since, &now()).unwrap();
            assert_eq!(found.text, found.instant.to_string(), "{text}");
            assert!(found.text.ends_with('Z') && found.text.len() == 30, "{text}: {}", found.text);
        }
    }

    /// Every form on a Friday, 15:30 in UTC+1: as the beginning of a range, and as its end.
    #[test]
    fn every_form_means_what_it_says_on_the_clock_of_the_person_who_asks() {
        let same = "";
        for (text, since, until) in [
            // Without a zone: this clock, however it is written.
            ("2026-11-20T11", "2026-11-20T10:00:00Z", same),
            ("2026-11-20 11", "2026-11-20T10:00:00Z", same),
            ("2026-11-20T11:10", "2026-11-20T10:10:00Z", same),
            ("2026-11-20 11:10", "2026-11-20T10:10:00Z", same),
            ("2026-11-20  9:05", "2026-11-20T08:05:00Z", same),
            ("2026-11-20T11:10:05", "2026-11-20T10:10:05Z", same),
            ("2026-11-20 11:10:05", "2026-11-20T10:10:05Z", same),
            ("2026-11-20T11:10:05.123", "2026-11-20T10:10:05.123Z", same),
            ("2026-11-20 11:10:05.123456789", "2026-11-20T10:10:05.123456789Z", same),
            ("2026-11-20 11:10:60", "2026-11-20T10:10:59Z", same),
            ("2026-07-20 10:00", "2026-07-20T08:00:00Z", same),
            ("2026-07-20T10:00", "2026-07-20T08:00:00Z", same),
            // A day, a month, a year: its beginning, and all of it.
            ("2026-11-20", "2026-11-19T23:00:00Z", "2026-11-20T22:59:59.999999999Z"),
            ("2026-07-20", "2026-07-19T22:00:00Z", "2026-07-20T21:59:59.999999999Z"),
            ("2026-12-31", "2026-12-30T23:00:00Z", "2026-12-31T22:59:59.999999999Z"),
            ("2024-02-29", "2024-02-28T23:00:00Z", "2024-02-29T22:59:59.999999999Z"),
            ("2026-11", "2026-10-31T23:00:00Z", "2026-11-30T22:59:59.999999999Z"),
            ("2026-12", "2026-11-30T23:00:00Z", "2026-12-31T22:59:59.999999999Z"),
            ("2026", "2025-12-31T23:00:00Z", "2026-12-31T22:59:59.999999999Z"),
            // With a zone: that one.
            ("2026-11-20T11Z", "2026-11-20T11:00:00Z", same),
            ("2026-11-20T11:10Z", "2026-11-20T11:10:00Z", same),
            ("2026-11-20 11:10:05Z", "2026-11-20T11:10:05Z", same),
            ("2026-11-20t11:10:05z", "2026-11-20T11:10:05Z", same),
            ("2026-11-20T11:10:05.5+02:00", "2026-11-20T09:10:05.5Z", same),
            ("2026-11-20 11:10:05 -0530", "2026-11-20T16:40:05Z", same),
            ("2026-11-20T11+02", "2026-11-20T09:00:00Z", same),
            ("2026-11-20Z", "2026-11-20T00:00:00Z", "2026-11-20T23:59:59.999999999Z"),
            ("2026-11-20-05:00", "2026-11-20T05:00:00Z", "2026-11-21T04:59:59.999999999Z"),
            ("2026-11Z", "2026-11-01T00:00:00Z", "2026-11-30T23:59:59.999999999Z"),
            // Unix time.
            ("1795172400", "2026-11-20T11:00:00Z", same),
            ("1795172400.5", "2026-11-20T11:00:00.5Z", same),
            ("1795172400123", "2026-11-20T11:00:00.123Z", same),
            ("1795172400123456789", "2026-11-20T11:00:00.123456789Z", same),
            ("1.7951724e9", "2026-11-20T11:00:00Z", same),
            ("-1.5", "1969-12-31T23:59:58.5Z", same),
            // Days by name; the latest that has been.
            ("today", "2026-11-19T23:00:00Z", "2026-11-20T22:59:59.999999999Z"),
            ("Yesterday", "2026-11-18T23:00:00Z", "2026-11-19T22:59:59.999999999Z"),
            ("friday", "2026-11-19T23:00:00Z", "2026-11-20T22:59:59.999999999Z"),
            ("mon", "2026-11-15T23:00:00Z", "2026-11-16T22:59:59.999999999Z"),
            ("saturday", "2026-11-13T23:00:00Z", "2026-11-14T22:59:59.999999999Z"),
            ("yesterday 10:00", "2026-11-19T09:00:00Z", same),
            ("yesterday 23:00", "2026-11-19T22:00:00Z", same),
            ("today at 9:30:15", "2026-11-20T08:30:15Z", same),
            ("today 23:00", "2026-11-20T22:00:00Z", same),
            ("saturday 18:00", "2026-11-14T17:00:00Z", same),
            ("friday 15:30", "2026-11-20T14:30:00Z", same),
            ("friday 15:31", "2026-11-13T14:31:00Z", same),
            ("Fri at 23:00", "2026-11-13T22:00:00Z", same),
            ("10:00", "2026-11-20T09:00:00Z", same),
            ("15:30:00", "2026-11-20T14:30:00Z", same),
            ("15:31", "2026-11-19T14:31:00Z", same),
            ("23:59:59.5", "2026-11-19T22:59:59.5Z", same),
            // So long ago.
            ("1h ago", "2026-11-20T13:30:00.25Z", same),
            ("1 hour ago", "2026-11-20T13:30:00.25Z", same),
            ("an hour ago", "2026-11-20T13:30:00.25Z", same),
            ("10 m", "2026-11-20T14:20:00.25Z", same),
            ("10 minutes", "2026-11-20T14:20:00.25Z", same),
            ("1h 30m ago", "2026-11-20T13:00:00.25Z", same),
            ("2 days ago", "2026-11-18T14:30:00.25Z", same),
            ("1.5 days ago", "2026-11-19T02:30:00.25Z", same),
            ("2 weeks 1 hour ago", "2026-11-06T13:30:00.25Z", same),
            // Over the end of summer time the clock shows the same.
            ("1 month ago", "2026-10-20T13:30:00.25Z", same),
            ("9 months ago", "2026-02-20T14:30:00.25Z", same),
            ("2 years ago", "2024-11-20T14:30:00.25Z", same),
        ] {
            means(text, Edge::Since, &now(), since);
            means(text, Edge::Until(None), &now(), if until == same { since } else { until });
        }
    }

    #[test]
    fn the_beginning_of_a_range_is_never_ahead_unless_it_names_its_day() {
        let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        for hour in 0..24 * 14 {
            let zone = now().zone;
            let clock = Clock { now: Timestamp::from_second(1_795_172_400 + 3600 * hour).unwrap(), zone };
            for time in ["", "00:00", "3:00", "12:30", "23:00", "23:59:59.999999999"] {
                let names = week.iter().copied().chain((!time.is_empty()).then_some(""));
                for name in names {
                    let text = format!("{name} {time}");
                    let found = bound(&text, Edge::Since, &clock).unwrap().instant;
                    let ahead = found.0 - super::time(clock.now).unwrap().0;
                    let again = if name.is_empty() { DAY } else { 7 * DAY };
                    assert!(ahead <= 0 && ahead > -again - 3600 * SECOND, "{text} at {}: {found}", clock.now);
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_range_is_not_before_its_beginning_if_it_need_not_be() {
        for (since, until, expected) in [
            // 15:30 on Friday: 22:00 was yesterday, and so was the 23:00 behind it.
            ("22:00", "23:00", "2026-11-19T22:00:00Z"),
            ("9:00", "16:00", "2026-11-20T15:00:00Z"),
            ("9:00", "10:00", "2026-11-20T09:00:00Z"),
            ("yesterday", "10:00", "2026-11-20T09:00:00Z"),
            ("thursday 8:00", "wednesday 9:00", "2026-11-25T08:00:00Z"),
            ("thursday", "monday", "2026-11-23T22:59:59.999999999Z"),
            ("monday", "wednesday", "2026-11-18T22:59:59.999999999Z"),
            // What names its day stays.
            ("today", "yesterday", "2026-11-19T22:59:59.999999999Z"),
            ("today", "2026-11-18 10:00", "2026-11-18T09:00:00Z"),
        ] {
            let since = bound(since, Edge::Since, &now()).unwrap().instant;
            means(until, Edge::Until(Some(since)), &now(), expected);
        }
    }

    #[test]
    fn days_on_which_clocks_are_put_back_or_forward_are_whole() {
        let at =
            |now: &str, zone: &str| Clock { now: now.parse().unwrap(), zone: TimeZone::posix(zone).unwrap() };
        let berlin = |now| at(now, "CET-1CEST,M3.5.0,M10.5.0/3");
        // In this zone clocks are put back from midnight, so that a day ends twice.
        let brazil = |now| at(now, "<-03>3<-02>,M10.3.0/0,M2.3.0/0");
        // In this one they are put forward at midnight, so that a day begins at one.
        let cuba = |now| at(now, "CST5CDT,M3.2.0/0,M11.1.0/1");
        for (clock, text, since, until) in [
            // 23 hours, and a time that there was not.
            (
                berlin("2026-03-29T12:00:00Z"),
                "today",
                "2026-03-28T23:00:00Z",
                "2026-03-29T21:59:59.999999999Z",
            ),
            (
                berlin("2026-03-29T12:00:00Z"),
                "2026-03-29",
                "2026-03-28T23:00:00Z",
                "2026-03-29T21:59:59.999999999Z",
            ),
            (berlin("2026-03-29T12:00:00Z"), "2:30", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"),
            (berlin("2026-03-29T12:00:00Z"), "1:59", "2026-03-29T00:59:00Z", "2026-03-29T00:59:00Z"),
            (berlin("2026-03-29T12:00:00Z"), "3:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
            (berlin("2026-03-29T12:00:00Z"), "1 day ago", "2026-03-28T13:00:00Z", "2026-03-28T13:00:00Z"),
            (berlin("2026-03-29T12:00:00Z"), "24 hours ago", "2026-03-28T12:00:00Z", "2026-03-28T12:00:00Z"),
            // 25 hours, and an hour that there was twice: a range takes in both.
            (
                berlin("2026-10-25T12:00:00Z"),
                "today",
                "2026-10-24T22:00:00Z",
                "2026-10-25T22:59:59.999999999Z",
            ),
            (
                berlin("2026-10-25T12:00:00Z"),
                "2026-10",
                "2026-09-30T22:00:00Z",
                "2026-10-31T22:59:59.999999999Z",
            ),
            (berlin("2026-10-25T12:00:00Z"), "2:30", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            (
                berlin("2026-10-25T12:00:00Z"),
                "2026-10-25T02:30",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:30:00Z",
            ),
            (berlin("2026-10-25T12:00:00Z"), "3:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
            (
                berlin("2026-10-26T12:00:00Z"),
                "yesterday 12:00",
                "2026-10-25T11:00:00Z",
                "2026-10-25T11:00:00Z",
            ),
            (berlin("2026-10-26T12:00:00Z"), "2 days ago", "2026-10-24T11:00:00Z", "2026-10-24T11:00:00Z"),
            // Asked in the hour that comes twice, the second time.
            (berlin("2026-10-25T01:15:00Z"), "2:10", "2026-10-25T00:10:00Z", "2026-10-25T01:10:00Z"),
            (
                brazil("2026-02-16T12:00:00Z"),
                "2026-02-14",
                "2026-02-14T02:00:00Z",
                "2026-02-15T02:59:59.999999999Z",
            ),
            (
                brazil("2026-02-16T12:00:00Z"),
                "yesterday",
                "2026-02-15T03:00:00Z",
                "2026-02-16T02:59:59.999999999Z",
            ),
            (cuba("2026-03-08T18:00:00Z"), "today", "2026-03-08T05:00:00Z", "2026-03-09T03:59:59.999999999Z"),
            (
                cuba("2026-03-08T18:00:00Z"),
                "yesterday",
                "2026-03-07T05:00:00Z",
                "2026-03-08T04:59:59.999999999Z",
            ),
            (cuba("2026-11-01T18:00:00Z"), "today", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59.999999999Z"),
            (cuba("2026-11-01T18:00:00Z"), "0:30", "2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z"),
        ] {
            means(text, Edge::Since, &clock, since);
            means(text, Edge::Until(None), &clock, until);
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
            "2026-11-20T",
            "2026-11-20T10:",
            "2026-11-20T10:00:00.",
            "2026-11-20T10:00:00.1234567890",
            "2026-11-20T10:00+25:99",
            "2026-11-20T10:00+2",
            "2026-11-20 24:00",
            "2026-11T10:00",
            "2026-1-1",
            "9999-01-01",
            "today 10",
            "today friday",
            "inf",
            "1e400",
            "1 h x",
            "tomorrow",
            "--1h",
            ":",
            "1h\u{0}",
        ] {
            assert!(
                bound(text, Edge::Since, &now()).is_err(),
                "{text:?}: {:?}",
                bound(text, Edge::Since, &now())
            );
        }
    }
}
