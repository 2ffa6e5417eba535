//! Times as a clock and a calendar show them: `2026-11-20 10:00`, `2026-11`, `yesterday`, `monday 9:00`, `10:30`.

use jiff::civil::{self, Date, Weekday};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

use super::{Clock, Edge, days_before, instant, months_before, time};
use crate::record::time::Time;

/// `2026`, `2026-11`, `2026-11-20`, the last with a time of day behind a blank or `t`; each with or without a zone.
pub(super) fn date(text: &str, edge: Edge, clock: &Clock) -> Option<Time> {
    let is_dash = |at: usize| text.as_bytes().get(at) == Some(&b'-');
    // How long the date is, what it lacks of a day, and how many months it stands for.
    let (length, lacks, months) = match (is_dash(4), is_dash(7)) {
        (true, true) => (10, "", 0),
        (true, false) => (7, "-01", 1),
        (false, _) => (4, "-01-01", 12),
    };
    let (date, rest) = text.split_at_checked(length)?;
    let first: Date = format!("{date}{lacks}").parse().ok()?;
    let behind_day = rest.strip_prefix(['t', ' ']).filter(|_| lacks.is_empty());
    let hours = behind_day.filter(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
    let (hour, rest) = match hours {
        Some(rest) => {
            let (hour, rest) = rest.split_at(rest.find(|char| !is_of_clock(char)).unwrap_or(rest.len()));
            (Some(time_of_day(hour)?), rest)
        }
        None => (None, rest),
    };
    let zone =
        if rest.is_empty() { clock.zone.clone() } else { zone(rest.strip_prefix(' ').unwrap_or(rest))? };
    match hour {
        Some(hour) => instant(first.to_datetime(hour), edge, &zone),
        None if months == 0 => whole(first, days_before(first, -1)?, edge, &zone),
        None => whole(first, months_before(first, -months)?, edge, &zone),
    }
}

/// `today`, `yesterday`, `monday`, each with or without a time of day; `10:30`.
pub(super) fn some_day(words: &str, edge: Edge, clock: &Clock) -> Option<Time> {
    let today = clock.local().date();
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    // How many days back, after how many it comes again, and what follows its name.
    let (back, again, rest) = match name {
        "today" => (0, None, rest),
        "yesterday" => (1, None, rest),
        name => match weekday(name) {
            Some(day) => (today.weekday().since(day).into(), Some(7), rest),
            None => (0_i64, Some(1), words),
        },
    };
    let rest = rest.strip_prefix("at ").unwrap_or(rest);
    let hour = match time_of_day(rest) {
        Some(hour) if rest.contains(':') => Some(hour),
        None if rest.is_empty() && again != Some(1) => None,
        _ => return None,
    };
    let at = |back: i64, edge: Edge| {
        let day = days_before(today, back)?;
        match hour {
            Some(hour) => instant(day.to_datetime(hour), edge, &clock.zone),
            None => whole(day, days_before(day, -1)?, edge, &clock.zone),
        }
    };
    let Some(again) = again else { return at(back, edge) };
    let latest = if at(back, Edge::Since)? > time(clock.now)? { back + again } else { back };
    match (at(latest, edge)?, edge) {
        (found, Edge::Until(Some(since))) if found < since => at(latest - again, edge),
        (found, _) => Some(found),
    }
}

/// The days from `first` to the one before `next`: their beginning, or their last nanosecond.
fn whole(first: Date, next: Date, edge: Edge, zone: &TimeZone) -> Option<Time> {
    let start = |day: Date| instant(day.to_datetime(civil::Time::midnight()), Edge::Since, zone);
    match edge {
        Edge::Since => start(first),
        Edge::Until(_) => start(next)?.0.checked_sub(1).map(Time),
    }
}

fn is_of_clock(char: char) -> bool {
    char.is_ascii_digit() || matches!(char, ':' | '.')
}

/// `9`, `9:30`, `10:00:30.5`. jiff wants two digits for the hour, and would take `1030` for a time.
fn time_of_day(text: &str) -> Option<civil::Time> {
    let hour = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let lacks = *["0", ""].get(hour.checked_sub(1)?)?;
    text.chars().all(is_of_clock).then(|| format!("T{lacks}{text}").parse().ok())?
}

/// `z`, `+02:00`, `-0500`, `+02`.
fn zone(text: &str) -> Option<TimeZone> {
    match text {
        "z" => Some(TimeZone::UTC),
        _ if text.starts_with(['+', '-']) => DateTimeParser::new().parse_time_zone(text).ok(),
        _ => None,
    }
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
