//! Steps: what a value, or a time, is rounded down to where groups are made of ranges.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::number::{
    decimal, duration, duration_text, float, float_of, ipv4, signed, size, text, time, time_text, unsigned,
    whole,
};

const SECOND: f64 = 1e9;
const DAY: i64 = 86_400_000_000_000;

/// Steps that have a name, in nanoseconds; those of months and years are the calendar's.
const NAMED: [(&str, f64); 10] = [
    ("nanosecond", 1.0),
    ("microsecond", 1e3),
    ("millisecond", 1e6),
    ("second", SECOND),
    ("minute", 60.0 * SECOND),
    ("hour", 3_600.0 * SECOND),
    ("day", 86_400.0 * SECOND),
    ("week", 7.0 * 86_400.0 * SECOND),
    ("month", 0.0),
    ("year", 0.0),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calendar {
    None,
    /// From Monday on.
    Week,
    Month,
    Year,
}

/// A step and where it begins.
#[derive(Debug, Clone)]
pub struct Bucket {
    size: f64,
    offset: f64,
    calendar: Calendar,
}

/// A number, a duration or a size.
fn measure(text: &str) -> Option<f64> {
    decimal(text).or_else(|| duration(text).map(float_of)).or_else(|| size(text).map(float_of))
}

/// `/24`: how many addresses such a net has.
fn net(text: &str) -> Option<f64> {
    let bits = unsigned(text.strip_prefix('/')?).filter(|bits| *bits <= 32)?;
    Some(float(1_u64 << (32 - bits)))
}

/// A size that rounds, as a whole number.
fn step(size: f64) -> i64 {
    whole(size).max(1)
}

fn round_down(number: i64, step: i64, offset: i64) -> i64 {
    let number = number.wrapping_sub(offset);
    number.wrapping_sub(number.rem_euclid(step)).wrapping_add(offset)
}

impl Bucket {
    /// Of a size and an offset as they stand in a query.
    pub fn new(size: &str, offset: Option<&str>) -> Option<Self> {
        let named = NAMED.iter().find(|(name, _)| *name == size);
        let calendar = match size {
            "week" => Calendar::Week,
            "month" => Calendar::Month,
            "year" => Calendar::Year,
            _ => Calendar::None,
        };
        let size = named.map(|(_, size)| *size).or_else(|| measure(size)).or_else(|| net(size))?;
        let offset = offset.map_or(Some(0.0), measure)?;
        Some(Self { size, offset, calendar })
    }

    /// What a value is rounded down to; itself if it is neither number, time, address nor duration.
    pub fn of<'v>(&self, value: Cow<'v, str>) -> Cow<'v, str> {
        if !value.starts_with(|char: char| char.is_ascii_digit() || char == '-') {
            return value;
        }
        let (step, offset) = (step(self.size), whole(self.offset));
        if let Some(number) = signed(&value) {
            return round_down(number, step, offset).to_string().into();
        }
        if let Some(number) = decimal(&value) {
            return text(self.of_float(number)).into();
        }
        if let Some(at) = time(&value) {
            return time_text(self.of_time(at)).into();
        }
        if let Some(address) = ipv4(&value) {
            return std::net::Ipv4Addr::from(self.of_address(address)).to_string().into();
        }
        if let Some(nanoseconds) = duration(&value) {
            return duration_text(round_down(nanoseconds, step, offset)).into();
        }
        value
    }

    /// The beginning of a time's step, in nanoseconds since 1970.
    pub fn of_time(&self, at: i64) -> i64 {
        let offset = whole(self.offset);
        match self.calendar {
            Calendar::None => round_down(at, step(self.size), offset),
            Calendar::Week => round_down(at, step(self.size), offset.wrapping_add(4 * DAY)),
            Calendar::Month | Calendar::Year => {
                let shifted = at.wrapping_sub(offset);
                self.of_date(shifted).unwrap_or(shifted).wrapping_add(offset)
            }
        }
    }

    fn of_date(&self, at: i64) -> Option<i64> {
        let date = Timestamp::from_nanosecond(at.into()).ok()?.to_zoned(TimeZone::UTC).date();
        let first =
            if self.calendar == Calendar::Year { date.first_of_year() } else { date.first_of_month() };
        let first = first.to_zoned(TimeZone::UTC).ok()?.timestamp();
        i64::try_from(first.as_nanosecond()).ok()
    }

    /// Computed in the digits of the step, as the server does.
    fn of_float(&self, number: f64) -> f64 {
        let size = if self.size > 0.0 { self.size } else { 1.0 };
        let digits = size.to_string();
        let exponent = match digits.split_once('.') {
            Some((_, fraction)) => -i64::try_from(fraction.len()).unwrap_or(0),
            None => i64::try_from(digits.len() - digits.trim_end_matches('0').len()).unwrap_or(0),
        };
        let scale: f64 = format!("1e{}", -exponent).parse().unwrap_or(1.0);
        let scaled = whole(((number - self.offset) * scale).floor());
        let rest = scaled.checked_rem(whole(size * scale)).unwrap_or(0);
        float_of(scaled.wrapping_sub(rest)) / scale + self.offset
    }

    fn of_address(&self, address: u32) -> u32 {
        let cut = |number: f64| u32::try_from(whole(number)).unwrap_or(u32::MAX);
        let (step, offset) = (cut(self.size).max(1), cut(self.offset.max(0.0)));
        match address.checked_sub(offset) {
            Some(rest) => rest - rest % step + offset,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_down_as_the_server_does() {
        for (size, offset, value, expected) in [
            ("10", None, "25", "20"),
            ("10", None, "-25", "-30"),
            ("10", Some("5"), "23", "15"),
            ("0.5", None, "1.7", "1.5"),
            ("10", None, "25.5", "20"),
            ("1KiB", None, "3000", "2048"),
            ("1h", None, "2026-11-20T10:20:30Z", "2026-11-20T10:00:00Z"),
            ("week", None, "2026-11-20T10:20:30Z", "2026-11-16T00:00:00Z"),
            ("month", None, "2026-11-20T10:20:30Z", "2026-11-01T00:00:00Z"),
            ("year", None, "2026-11-20T10:20:30Z", "2026-01-01T00:00:00Z"),
            ("/24", None, "10.0.0.77", "10.0.0.0"),
            ("1s", None, "2500ms", "2s"),
            ("10", None, "abc", "abc"),
            ("10", None, "", ""),
        ] {
            let bucket = Bucket::new(size, offset).unwrap();
            assert_eq!(bucket.of(value.into()), expected, "{value} by {size}");
        }
        assert!(Bucket::new("x", None).is_none());
    }
}
