//! Durations back from now: `1h`, `now-1h30m` as the server reads them, `2 days ago` as people write them.

use super::{Clock, DAY, Edge, SECOND, days_before, instant, months_before, time};
use crate::record::time::Time;

/// The server's units in nanoseconds; a year has 365 days.
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

/// How long a unit is that people use.
#[derive(Clone, Copy)]
enum Length {
    /// So many nanoseconds.
    Exact(i64),
    /// So many days of the calendar.
    Days(i64),
    Months(i64),
}

const SPOKEN_UNITS: [(&[&str], Length); 7] = [
    (&["s", "sec", "secs", "second", "seconds"], Length::Exact(SECOND)),
    (&["m", "min", "mins", "minute", "minutes"], Length::Exact(60 * SECOND)),
    (&["h", "hr", "hrs", "hour", "hours"], Length::Exact(3600 * SECOND)),
    (&["d", "day", "days"], Length::Days(1)),
    (&["w", "week", "weeks"], Length::Days(7)),
    (&["month", "months"], Length::Months(1)),
    (&["y", "year", "years"], Length::Months(12)),
];

/// `now`, `1h`, `-1.5d`, `now-1h30m`.
pub(super) fn as_the_server_has_it(text: &str, clock: &Clock) -> Option<Time> {
    let now = time(clock.now)?;
    if text == "now" {
        return Some(now);
    }
    let offset = text.strip_prefix("now").filter(|rest| rest.starts_with('-')).unwrap_or(text);
    let amounts = amounts(offset.strip_prefix('-').unwrap_or(offset))?;
    let back = amounts.into_iter().try_fold(0_i64, |sum, (number, unit)| {
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum.checked_add(times(number, *size)?)
    });
    now.0.checked_sub(back?).map(Time)
}

/// `10 m`, `1h ago`, `2 days ago`, `an hour ago`. Whole days and longer keep the time of day.
pub(super) fn in_words(words: &str, edge: Edge, clock: &Clock) -> Option<Time> {
    let text = words.strip_suffix(" ago").unwrap_or(words);
    let one = text.strip_prefix("an ").or_else(|| text.strip_prefix("a "));
    let text = one.map_or_else(|| text.replace(' ', ""), |unit| format!("1{unit}"));
    let (mut exact, mut days, mut months) = (0_i64, 0_i64, 0_i64);
    for (number, unit) in amounts(&text)? {
        let (_, length) = SPOKEN_UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        let (sum, size) = match *length {
            // Half a day is twelve hours.
            Length::Days(size) if number.contains('.') => (&mut exact, size * DAY),
            Length::Exact(size) => (&mut exact, size),
            Length::Days(size) => (&mut days, size),
            Length::Months(_) if number.contains('.') => return None,
            Length::Months(size) => (&mut months, size),
        };
        *sum = sum.checked_add(times(number, size)?)?;
    }
    let then = if (days, months) == (0, 0) {
        time(clock.now)?
    } else {
        let local = clock.local();
        let date = days_before(months_before(local.date(), i32::try_from(months).ok()?)?, days)?;
        instant(date.to_datetime(local.time()), edge, &clock.zone)?
    };
    then.0.checked_sub(exact).map(Time)
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
