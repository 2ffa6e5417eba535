//! The time that stands at the head of a line of text, for files that are read long after they were written.
//!
//! Taken only where it cannot mean anything else: with year, month and day, and with a zone of its own unless the caller
//! has said which clock the line is on.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use crate::record::time::Time;

/// Where in the head a time may begin: so many words may stand before it, as in `host - - [20/Nov/2026:...`.
const MAX_WORDS_BEFORE: usize = 4;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads the times of lines.
#[derive(Debug, Clone, Default)]
pub struct LineTime {
    /// The clock of times without a zone; without it they are not read.
    pub zone: Option<TimeZone>,
}

/// What reads a date and a time of day, and gives how many bytes they had.
type DateShape = fn(&mut Cursor) -> Option<DateTime>;

/// The shapes of date and time together; the zone is read afterwards.
const SHAPES: [DateShape; 4] = [iso, common_log, apache_error, syslog_with_year];

impl LineTime {
    /// The time at the head of a line.
    #[must_use]
    pub fn of(&self, line: &str) -> Option<Time> {
        // `<14>1 ` of syslog stands before it.
        let line =
            line.strip_prefix('<').and_then(|rest| rest.split_once('>')).map_or(line, |(_, rest)| rest);
        let mut rest = line;
        for _ in 0..=MAX_WORDS_BEFORE {
            rest = rest.trim_start_matches([' ', '\t', '[', '(']);
            if let Some(time) = self.at(rest) {
                return Some(time);
            }
            let (_, after) = rest.split_once([' ', '\t'])?;
            rest = after;
        }
        None
    }

    /// The time that the text is, and nothing else.
    #[must_use]
    pub fn whole(&self, text: &str) -> Option<Time> {
        self.dated(&mut Cursor(text.trim().as_bytes()))
            .filter(|(_, rest)| rest.is_empty())
            .map(|(time, _)| time)
    }

    /// The time with which the text begins.
    fn at(&self, text: &str) -> Option<Time> {
        if !text.starts_with(|char: char| char.is_ascii_digit() || char.is_ascii_uppercase()) {
            return None;
        }
        match self.dated(&mut Cursor(text.as_bytes())) {
            Some((time, rest)) => {
                // Digits that go on are no time.
                let ends = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric());
                ends.then_some(time)
            }
            None => unix(text),
        }
    }

    /// A date, a time of day and a zone; what follows them.
    fn dated<'a>(&self, cursor: &mut Cursor<'a>) -> Option<(Time, &'a [u8])> {
        let start = cursor.0;
        let at = SHAPES.iter().find_map(|shape| {
            cursor.0 = start;
            shape(cursor)
        })?;
        let zone = cursor.zone().or_else(|| self.zone.clone())?;
        let nanoseconds = zone.to_ambiguous_timestamp(at).compatible().ok()?.as_nanosecond();
        Some((Time(i64::try_from(nanoseconds).ok()?), cursor.0))
    }
}

/// Unix time, in seconds with or without a fraction, milli-, micro- or nanoseconds, of this century.
fn unix(text: &str) -> Option<Time> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let whole = number.split('.').next().unwrap_or_default();
    let is_unit = matches!(whole.len(), 10 | 13 | 16 | 19);
    let ends = rest.is_empty() || rest.starts_with([' ', '\t', ']', ',', ':']);
    (is_unit && ends && whole.starts_with('1')).then(|| Time::parse(number))?
}

/// `2026-11-20T10:00:00.123`, `2026/11/20 10:00:00,123`, `2026-11-20-10.00.00.123456`.
fn iso(text: &mut Cursor) -> Option<DateTime> {
    let year = text.number(4)?;
    let separator = text.one_of(b"-/.")?;
    let month = text.number(2)?;
    text.one_of(&[separator])?;
    let day = text.number(2)?;
    text.one_of(b"T -_")?;
    text.clock(year, month, day)
}

/// Of web servers and Tomcat: `20/Nov/2026:10:00:00`, `20-Nov-2026 10:00:00.123`.
fn common_log(text: &mut Cursor) -> Option<DateTime> {
    let day = text.number(2)?;
    let separator = text.one_of(b"/-")?;
    let month = text.month()?;
    text.one_of(&[separator])?;
    let year = text.number(4)?;
    text.one_of(b": ")?;
    text.clock(year, month, day)
}

/// `Fri Nov 20 10:00:00.123456 2026`.
fn apache_error(text: &mut Cursor) -> Option<DateTime> {
    text.0 = text.0.get(3..)?;
    text.one_of(b" ")?;
    let month = text.month()?;
    text.one_of(b" ")?;
    let day = text.day()?;
    text.one_of(b" ")?;
    let at = text.clock(2000, month, day)?;
    text.one_of(b" ")?;
    at.with().year(text.number(4)?).build().ok()
}

/// `Nov 20 2026 10:00:00`.
fn syslog_with_year(text: &mut Cursor) -> Option<DateTime> {
    let month = text.month()?;
    text.one_of(b" ")?;
    let day = text.day()?;
    text.one_of(b" ")?;
    let year = text.number(4)?;
    text.one_of(b" ")?;
    text.clock(year, month, day)
}

/// What is still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// One of these bytes.
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    /// So many digits.
    fn number(&mut self, digits: usize) -> Option<i16> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let add = |sum: i16, digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0'));
        let number = number.iter().try_fold(0, add)?;
        self.0 = rest;
        Some(number)
    }

    /// ` 2`, `02` or `2`.
    fn day(&mut self) -> Option<i16> {
        self.one_of(b" ");
        self.number(2).or_else(|| self.number(1))
    }

    fn month(&mut self) -> Option<i16> {
        let (name, rest) = self.0.split_at_checked(3)?;
        let at = MONTHS.iter().position(|month| month.as_bytes() == name)?;
        self.0 = rest;
        i16::try_from(at + 1).ok()
    }

    /// `10:00:00`, `10.00.00`, with a fraction of up to nine digits behind a dot, a comma or a colon.
    fn clock(&mut self, year: i16, month: i16, day: i16) -> Option<DateTime> {
        let hour = self.number(2)?;
        let separator = self.one_of(b":.")?;
        let minute = self.number(2)?;
        self.one_of(&[separator])?;
        let second = self.number(2)?;
        let fraction = self.fraction();
        let small = |number: i16| i8::try_from(number).ok();
        // A leap second is taken for the second before it, as in unix time.
        let second = second.min(if second == 60 { 59 } else { second });
        let day = date_of(year, small(month)?, small(day)?)?;
        day.with()
            .hour(small(hour)?)
            .minute(small(minute)?)
            .second(small(second)?)
            .subsec_nanosecond(fraction)
            .build()
            .ok()
    }

    /// Nanoseconds.
    fn fraction(&mut self) -> i32 {
        let Some((b'.' | b',' | b':', digits)) = self.0.split_first() else { return 0 };
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return 0;
        }
        self.0 = digits.get(count..).unwrap_or_default();
        let padded =
            digits.iter().take(count).map(|digit| i32::from(digit - b'0')).chain(std::iter::repeat(0));
        padded.take(9).fold(0, |sum, digit| sum * 10 + digit)
    }

    /// `Z`, `+01:00`, `-0500`, ` +0000`, ` UTC`, ` GMT`.
    fn zone(&mut self) -> Option<TimeZone> {
        let start = self.0;
        self.one_of(b" ");
        if let Some(rest) = [&b"UTC"[..], b"GMT", b"Z"].iter().find_map(|name| self.0.strip_prefix(*name)) {
            self.0 = rest;
            return Some(TimeZone::UTC);
        }
        let offset = self.offset();
        if offset.is_none() {
            self.0 = start;
        }
        offset
    }

    fn offset(&mut self) -> Option<TimeZone> {
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        self.one_of(b":");
        let minutes = self.number(2).unwrap_or(0);
        let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60 * sign;
        Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
    }
}

/// Midnight of the day, if there is such a day.
fn date_of(year: i16, month: i8, day: i8) -> Option<DateTime> {
    Date::new(year, month, day).ok().map(|date| date.at(0, 0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, zone: Option<TimeZone>) -> Option<String> {
        LineTime { zone }.of(line).map(|time| time.to_string())
    }

    #[test]
    fn times_with_a_zone_and_unix_times_are_read() {
        for (line, expected) in [
            ("2026-11-20T10:00:00Z x", "2026-11-20T10:00:00.000000000Z"),
            ("2026-11-20T11:00:00.123456789+01:00 x", "2026-11-20T10:00:00.123456789Z"),
            ("2026-11-20 10:00:00,123 +0000 x", "2026-11-20T10:00:00.123000000Z"),
            ("2026-11-20 10:00:00.123 UTC [42] x", "2026-11-20T10:00:00.123000000Z"),
            ("[2026-11-20T05:00:00-0500] x", "2026-11-20T10:00:00.000000000Z"),
            ("2026/11/20 10:00:00 +00 x", "2026-11-20T10:00:00.000000000Z"),
            ("1795168800 x", "2026-11-20T10:00:00.000000000Z"),
            ("1795168800.5 x", "2026-11-20T10:00:00.500000000Z"),
            ("1795168800123\tx", "2026-11-20T10:00:00.123000000Z"),
            ("1795168800123456 x", "2026-11-20T10:00:00.123456000Z"),
            ("1795168800123456789 x", "2026-11-20T10:00:00.123456789Z"),
            (
                "127.0.0.1 - - [20/Nov/2026:11:00:00 +0100] \"GET / HTTP/1.1\" 200",
                "2026-11-20T10:00:00.000000000Z",
            ),
            ("<14>1 2026-11-20T10:00:00Z host app 1 - - x", "2026-11-20T10:00:00.000000000Z"),
            ("Nov 20 2026 10:00:00 UTC host app: x", "2026-11-20T10:00:00.000000000Z"),
            ("app-1  | 2026-11-20T10:00:00Z x", "2026-11-20T10:00:00.000000000Z"),
        ] {
            assert_eq!(read(line, None).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn times_without_a_zone_are_on_the_clock_that_was_named() {
        let zone = || TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").ok();
        for (line, expected) in [
            ("2026-11-20 11:00:00,123 ERROR x", "2026-11-20T10:00:00.123000000Z"),
            ("2026-07-20 12:00:00 x", "2026-07-20T10:00:00.000000000Z"),
            ("2026/11/20 11:00:00 [error] x", "2026-11-20T10:00:00.000000000Z"),
            ("[Fri Nov 20 11:00:00.5 2026] [core:error] x", "2026-11-20T10:00:00.500000000Z"),
            ("20-Nov-2026 11:00:00.000 SEVERE x", "2026-11-20T10:00:00.000000000Z"),
            ("Nov  2 2026 11:00:00 host x", "2026-11-02T10:00:00.000000000Z"),
            // A zone of its own wins.
            ("2026-11-20 11:00:00Z x", "2026-11-20T11:00:00.000000000Z"),
        ] {
            assert_eq!(read(line, None).filter(|_| !line.contains('Z')), None, "{line}");
            assert_eq!(read(line, zone()).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for line in [
            "",
            "x",
            "10:00:00 x",
            "Nov 20 10:00:00 host x",
            "03-17 16:13:38.811 x",
            "2026-13-20 10:00:00 x",
            "2026-02-30 10:00:00 x",
            "2026-11-20 25:00:00 x",
            "2026-11-20",
            "2026 of them",
            "12345 x",
            "9795168800 x",
            "17951688001 x",
            "version 2026-11-20T10:00:00 and a sentence",
            "a b c d e f g 2026-11-20T10:00:00Z",
            "\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(read(line, None), None, "{line}");
        }
        assert_eq!(LineTime::default().whole("2026-11-20T10:00:00Z and more"), None);
    }
}
