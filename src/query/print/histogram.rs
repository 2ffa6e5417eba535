//! Hits over time as bars: one line a bucket, worst levels first.
//!
//! Invariant: where there is a width no line takes more cells than it.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Look;
use super::pretty::{Line, style};
use crate::record::level::Level;
use crate::record::time::Time;
use crate::sys::text::width;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Widths of buckets that people count in, in seconds.
const STEPS: [i64; 20] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
];

/// More empty lines than this are left out.
const MAX_LINES: i64 = 200;

/// One bucket in so many may be a spike, and at least one.
const SPIKES: usize = 10;

/// So many times as full as the fullest of the other buckets is a spike. Those then take half of the width.
const IS_SPIKE: u64 = 8;

/// The end of a bar that would be longer.
const CUT: &str = ">";

/// Where there is no terminal to fit.
const USUAL_WIDTH: usize = 80;

/// Worst first, so that the bad ones of all bars begin at one edge. The last is for what is no level.
const ORDER: [Option<Level>; 7] = [
    Some(Level::Fatal),
    Some(Level::Error),
    Some(Level::Warn),
    Some(Level::Info),
    Some(Level::Debug),
    Some(Level::Trace),
    None,
];

/// From when, and until when.
pub type Range = (Time, Time);

type Counts = [u64; ORDER.len()];

/// The width of a bucket in seconds, so that a range has at most so many.
#[must_use]
pub fn step(range: Range, buckets: i64) -> i64 {
    let seconds = (range.1.0.saturating_sub(range.0.0) / SECOND).max(1);
    let fits = |step: i64| seconds / step < buckets;
    let known = STEPS.into_iter().find(|step| fits(*step));
    let weeks = |step: &i64| step.checked_mul(2);
    known
        .or_else(|| std::iter::successors(Some(28 * DAY), weeks).find(|step| fits(*step)))
        .unwrap_or(28 * DAY)
}

/// `30s`, `2m`, `1d`.
#[must_use]
pub fn step_text(step: i64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")];
    let unit = units.iter().find(|(size, _)| step % size == 0);
    unit.map_or_else(|| format!("{step}s"), |(size, name)| format!("{}{name}", step / size))
}

/// Appends the bars of the server's answer, and gives how many hits there were.
///
/// # Errors
/// The answer is not what VictoriaLogs gives for hits.
pub fn draw(answer: &[u8], range: Range, step: i64, look: &Look, out: &mut Vec<u8>) -> Result<u64> {
    let mut buckets = read(answer).context("the answer holds no hits")?;
    let totals = buckets.iter().fold(Counts::default(), |mut sum, (_, counts)| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    });
    let total: u64 = totals.iter().sum();
    // The server knows how its buckets lie; the empty ones between and around them are not in its answer.
    if let Some(&(anchor, _)) = buckets.first() {
        let align = |at: Time| anchor + (at.0.div_euclid(SECOND) - anchor).div_euclid(step) * step;
        let newest = buckets.last().map_or(anchor, |&(at, _)| at);
        let (first, last) = (align(range.0).min(anchor), align(range.1).max(newest));
        if (last - first) / step <= MAX_LINES {
            let mut at = first;
            while at <= last {
                bucket(&mut buckets, at);
                at += step;
            }
        }
    }
    let label = |at: i64| label(&look.second(at), step, range);
    let most = buckets.iter().map(|(_, counts)| counts.iter().sum::<u64>()).max().unwrap_or(0);
    let digits = most.to_string().len();
    let scale = scale(buckets.iter().map(|(_, counts)| counts.iter().sum()).collect());
    for (at, counts) in &buckets {
        let mut line = Line::new(look, out);
        let label = label(*at);
        line.put(style::DIM, &label);
        let sum = counts.iter().sum::<u64>();
        let count = sum.to_string();
        line.pad(2 + digits.saturating_sub(count.len()));
        line.put(style::PLAIN, &count);
        line.pad(2);
        let used = width(&label) + 2 + digits + 2;
        let room = look.width.unwrap_or(USUAL_WIDTH).saturating_sub(used);
        let is_cut = sum > scale;
        let cells = cells(counts, scale, room.saturating_sub(usize::from(is_cut)));
        for (cells, level) in cells.into_iter().zip(ORDER) {
            line.put(color(level), &glyph(level, look).repeat(cells));
        }
        if is_cut && room > 0 {
            line.put(style::PLAIN, CUT);
        }
        line.end();
    }
    let mut line = Line::new(look, out);
    let ends = [range.0, range.1].map(|at| look.second(at.0.div_euclid(SECOND)));
    let zone = if look.zone == jiff::tz::TimeZone::UTC { " UTC" } else { "" };
    let [from, to] = ends;
    let cut = if most > scale { format!(", a full line is {scale}, {CUT} is more") } else { String::new() };
    let text = format!(
        "{} from {from} to {to}{zone}, {} a line{cut}",
        crate::sys::stderr::records(total),
        step_text(step)
    );
    line.words(style::PLAIN, &text);
    line.end();
    if total > 0 {
        let mut line = Line::new(look, out);
        for (count, level) in totals.iter().zip(ORDER).filter(|(count, _)| **count > 0) {
            let name = level.map_or("other", Level::name);
            line.item(color(level), &format!("{} {name} {count}", glyph(level, look)));
        }
        line.end();
    }
    Ok(total)
}

/// How many hits a bar of full length stands for: as many as the fullest bucket has, or fewer where it is a spike beside
/// which the others could not be seen.
fn scale(mut sums: Vec<u64>) -> u64 {
    sums.retain(|sum| *sum > 0);
    sums.sort_unstable_by(|one, other| other.cmp(one));
    let most = sums.first().copied().unwrap_or(0);
    let usual = sums.get((sums.len() / SPIKES).max(1)).copied();
    usual.filter(|usual| usual.saturating_mul(IS_SPIKE) < most).map_or(most, |usual| usual.saturating_mul(2))
}

/// Hits by the second that their bucket begins with.
fn read(answer: &[u8]) -> Option<Vec<(i64, Counts)>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let mut buckets = Vec::new();
    for group in answer.get("hits")?.as_array()? {
        let level = group.get("fields").and_then(|fields| Level::parse(fields.get("level")?.as_str()?));
        let place = ORDER.iter().position(|known| *known == level)?;
        let times = group.get("timestamps")?.as_array()?;
        for (time, count) in times.iter().zip(group.get("values")?.as_array()?) {
            let second = Time::parse(time.as_str()?)?.0.div_euclid(SECOND);
            let sum = bucket(&mut buckets, second)?.get_mut(place)?;
            *sum += count.as_u64()?;
        }
    }
    Some(buckets)
}

/// The counts of a bucket, in order among the others.
fn bucket(buckets: &mut Vec<(i64, Counts)>, at: i64) -> Option<&mut Counts> {
    let place = buckets.partition_point(|(known, _)| *known < at);
    if buckets.get(place).is_none_or(|(known, _)| *known != at) {
        buckets.insert(place, (at, Counts::default()));
    }
    buckets.get_mut(place).map(|(_, counts)| counts)
}

/// As much of `2026-11-20 10:00:00` as tells one line from another.
fn label(full: &str, step: i64, range: Range) -> String {
    let is_long = range.1.0.saturating_sub(range.0.0) / SECOND > DAY;
    let part = match step {
        DAY.. => 0..10,
        _ if is_long => 5..16,
        MINUTE.. => 11..16,
        _ => 11..19,
    };
    full.get(part).unwrap_or(full).to_owned()
}

/// How many cells each level has of a bar, the fullest bucket having `room`. What there is has one at least, if there
/// is room for that.
fn cells(counts: &Counts, most: u64, room: usize) -> [usize; ORDER.len()] {
    let total: u64 = counts.iter().sum();
    let share = |count: u64, whole: u64, cells: usize| {
        let cells = u128::from(count) * cells as u128 / u128::from(whole.max(1));
        usize::try_from(cells).unwrap_or(usize::MAX)
    };
    let kinds = counts.iter().filter(|count| **count > 0).count();
    let all = share(total, most, room).max(kinds).min(room);
    let mut cells = counts.map(|count| usize::from(count > 0));
    let mut left = all.saturating_sub(kinds);
    let shares = counts.map(|count| share(count, total, left));
    for (cells, share) in cells.iter_mut().zip(shares) {
        *cells += share;
        left = left.saturating_sub(share);
    }
    // What rounding left over goes to the largest.
    let largest = counts.iter().enumerate().max_by_key(|(_, count)| **count).map_or(0, |(at, _)| at);
    if let Some(cells) = cells.get_mut(largest) {
        *cells += left;
    }
    let mut room = all;
    cells.map(|wanted| {
        let given = wanted.min(room);
        room -= given;
        given
    })
}

fn color(level: Option<Level>) -> &'static str {
    style::of(level)
}

/// Without colour the letters tell the levels.
fn glyph(level: Option<Level>, look: &Look) -> &'static str {
    match level {
        _ if look.color && look.unicode => "█",
        _ if look.color => "#",
        Some(Level::Fatal) => "F",
        Some(Level::Error) => "E",
        Some(Level::Warn) => "W",
        Some(Level::Info) => "I",
        Some(Level::Debug) => "D",
        Some(Level::Trace) => "T",
        None => "o",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn at(second: i64) -> Time {
        Time(second * SECOND)
    }

    #[test]
    fn buckets_are_round_and_fill_a_screen() {
        for (seconds, expected) in [
            (0, "1s"),
            (10, "1s"),
            (60, "2s"),
            (600, "15s"),
            (HOUR, "2m"),
            (DAY, "30m"),
            (7 * DAY, "6h"),
            (30 * DAY, "1d"),
            (365 * DAY, "28d"),
            (60 * 365 * DAY, "448d"),
        ] {
            let step = step((at(0), at(seconds)), 50);
            assert_eq!(step_text(step), expected, "{seconds}");
            assert!(seconds / step < 50);
        }
    }

    #[test]
    fn every_level_that_is_there_is_seen_and_no_bar_is_too_long() {
        assert_eq!(cells(&[0, 1, 0, 999, 0, 0, 0], 1000, 40), [0, 1, 0, 39, 0, 0, 0]);
        assert_eq!(cells(&[0, 1, 0, 0, 0, 0, 0], 1000, 40), [0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(cells(&[1, 1, 1, 1, 1, 1, 1], 7, 3), [1, 1, 1, 0, 0, 0, 0]);
        assert_eq!(cells(&[0; 7], 0, 40), [0; 7]);
        assert_eq!(
            cells(&[0, 0, u64::MAX / 2, 0, u64::MAX / 2, 0, 0], u64::MAX, 40).iter().sum::<usize>(),
            39
        );
    }

    #[test]
    fn empty_buckets_are_shown_and_totals_told() {
        let answer = br#"{"hits":[{"fields":{"level":"ERROR"},"timestamps":["1970-01-01T00:01:00Z"],"values":[2],"total":2},
            {"fields":{},"timestamps":["1970-01-01T00:01:00Z","1970-01-01T00:03:00Z"],"values":[1,6],"total":7}]}"#;
        let look = Look::new(Some(20), false, true, TimeZone::UTC);
        let mut out = Vec::new();
        let total = draw(answer, (at(0), at(240)), 60, &look, &mut out).unwrap();
        assert_eq!(total, 9);
        let expected = "\
00:00  0
00:01  3  EEEoo
00:02  0
00:03  6  oooooooooo
00:04  0
9 records from
1970-01-01 00:00:00
to 1970-01-01
00:04:00 UTC, 1m a
line
E error 2  o other 7
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_spike_leaves_the_others_in_sight_and_is_marked() {
        assert_eq!(scale(vec![0, 5, 1000, 7]), 14);
        assert_eq!(scale(vec![10, 80]), 80);
        assert_eq!(scale(vec![1000]), 1000);
        assert_eq!(scale(vec![]), 0);
        // Where many are as full there is no spike.
        assert_eq!(scale(vec![1000, 1000, 1, 1]), 1000);
        let answer = br#"{"hits":[{"fields":{},"timestamps":["1970-01-01T00:01:00Z","1970-01-01T00:02:00Z"],
            "values":[5,9000],"total":9005}]}"#;
        let look = Look::new(Some(40), false, true, TimeZone::UTC);
        let mut out = Vec::new();
        draw(answer, (at(60), at(120)), 60, &look, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (usual, spike) = ("o".repeat(13), "o".repeat(26));
        assert!(text.starts_with(&format!("00:01     5  {usual}\n00:02  9000  {spike}>\n")), "{text}");
        assert!(text.replace('\n', " ").contains("a full line is 10, > is more"), "{text}");
    }

    #[test]
    fn what_is_no_histogram_is_said() {
        let look = Look::new(None, false, false, TimeZone::UTC);
        for answer in [&b""[..], b"{}", b"<html>", br#"{"hits":[{"fields":{}}]}"#] {
            assert!(draw(answer, (at(0), at(1)), 1, &look, &mut Vec::new()).is_err());
        }
    }
}
