//! Texts as numbers, by the server's rules: plain numbers, durations, sizes, times and IPv4 addresses.
//!
//! A text is a number only in forms that the server takes: `007` and `.5` are none for sums, but are for comparisons.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::Date;

const SECOND: f64 = 1e9;

/// Powers of ten that a fraction may be divided by; a number has 27 bytes at most.
const TENS: [f64; 28] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
    1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27,
];

/// Units of durations in nanoseconds, those first that others begin with.
const DURATIONS: [(&str, f64); 9] = [
    ("µs", 1e3),
    ("ms", 1e6),
    ("ns", 1.0),
    ("y", 365.0 * 86_400.0 * SECOND),
    ("w", 7.0 * 86_400.0 * SECOND),
    ("d", 86_400.0 * SECOND),
    ("h", 3_600.0 * SECOND),
    ("m", 60.0 * SECOND),
    ("s", SECOND),
];

/// Units of sizes in bytes, those first that others begin with.
const SIZES: [(&str, f64); 17] = [
    ("KiB", 1_024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("Ki", 1_024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("B", 1.0),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
];

/// Decimal digits, `_` anywhere among them, without a leading zero.
pub fn unsigned(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 26 || (bytes.len() > 1 && bytes.first() == Some(&b'0')) {
        return None;
    }
    bytes.iter().filter(|byte| **byte != b'_').try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The same with a minus before it.
pub fn signed(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(digits) => 0_i64.checked_sub_unsigned(unsigned(digits)?),
        None => i64::try_from(unsigned(text)?).ok(),
    }
}

/// `-12`, `1.5`: no exponent, digits on both sides of the point.
pub fn decimal(text: &str) -> Option<f64> {
    if text.len() > 27 {
        return None;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let sign = if digits.len() < text.len() { -1.0 } else { 1.0 };
    let Some((whole, fraction)) = digits.split_once('.') else {
        return Some(sign * float(unsigned(digits)?));
    };
    let zeros =
        fraction.bytes().take_while(|byte| *byte == b'0').count().min(fraction.len().saturating_sub(1));
    let rest = unsigned(fraction.get(zeros..)?)?;
    let places = fraction.bytes().filter(|byte| *byte != b'_').count();
    Some(sign * float(rest).mul_add(*TENS.get(places)?, float(unsigned(whole)?)))
}

/// The nearest floating-point number.
#[expect(clippy::cast_precision_loss, reason = "the server computes with floating-point numbers")]
pub fn float(number: u64) -> f64 {
    number as f64
}

/// The same of a number with a sign.
#[expect(clippy::cast_precision_loss, reason = "the server computes with floating-point numbers")]
pub fn float_of(number: i64) -> f64 {
    number as f64
}

/// The whole part, cut to what an `i64` holds.
#[expect(clippy::cast_possible_truncation, reason = "cut on purpose")]
pub fn whole(number: f64) -> i64 {
    number as i64
}

/// A sum of numbers with units; `plain` says whether the last may lack its unit.
fn with_units(text: &str, units: &[(&str, f64)], plain: bool) -> Option<i64> {
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    if rest.is_empty() {
        // The server takes a lone minus for nothing.
        return (!text.is_empty()).then_some(0);
    }
    let is_negative = rest.len() < text.len();
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let end = rest.find(|char: char| !(char.is_ascii_digit() || matches!(char, '.' | '_')));
        let (number, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let number = decimal(number)?;
        let (scale, tail) = if tail.is_empty() {
            if !plain || number.fract() != 0.0 {
                return None;
            }
            (1.0, tail)
        } else {
            let (unit, scale) = units.iter().find(|(unit, _)| tail.starts_with(unit))?;
            (*scale, tail.get(unit.len()..)?)
        };
        sum = sum.checked_add(whole(number * scale)).unwrap_or(i64::MAX);
        rest = tail;
    }
    Some(if is_negative { -sum } else { sum })
}

/// `1h30m`, `1.5s`, `-5ms`, in nanoseconds.
pub fn duration(text: &str) -> Option<i64> {
    with_units(text, &DURATIONS, false)
}

/// `10KiB`, `1.5MB`, `12`, in bytes.
pub fn size(text: &str) -> Option<i64> {
    with_units(text, &SIZES, true)
}

/// `10.0.0.1`.
pub fn ipv4(text: &str) -> Option<u32> {
    if text.len() > 15 || text.bytes().any(|byte| byte != b'.' && !byte.is_ascii_digit()) {
        return None;
    }
    let mut address = 0_u32;
    let mut count = 0;
    for part in text.split('.') {
        // Zeros may lead, up to three digits; the last part may have more of them.
        let number: u32 = part.parse().ok().filter(|number| *number < 256)?;
        if part.len() > 3 && count < 3 {
            return None;
        }
        address = address.checked_shl(8)? | number;
        count += 1;
    }
    (count == 4).then_some(address)
}

/// Two digits.
fn two(text: &str) -> Option<i64> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `hh:mm` in nanoseconds; up to 24:60, as the server has it.
pub fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours <= 24 && minutes <= 60).then_some((hours * 60 + minutes) * 60_000_000_000)
}

/// `2026-11-20T10:00:00.5+02:00` in nanoseconds since 1970; without a zone it is UTC, as on most servers.
pub fn time(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes().get(10), Some(b'T' | b' ')) {
        return None;
    }
    let (seconds, rest) = (rest.get(..8)?, rest.get(8..)?);
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, two(parts.next()?)?, two(parts.next()?)?);
    let year: i64 = year.parse().ok().filter(|year| (1677..=2262).contains(year))?;
    let mut parts = seconds.split(':');
    let (hour, minute, second) = (two(parts.next()?)?, two(parts.next()?)?, two(parts.next()?)?);
    let (fraction, offset) = match rest.strip_suffix('Z') {
        Some(fraction) => (fraction, 0),
        None => match rest.rfind(['+', '-']) {
            Some(at) => {
                let offset = clock(rest.get(at + 1..)?)?;
                (rest.get(..at)?, if rest.get(at..)?.starts_with('-') { -offset } else { offset })
            }
            None => (rest, 0),
        },
    };
    // Months and days over their number go on into the next, as in Go.
    let months = year * 12 + month - 1;
    let first = Date::new(
        i16::try_from(months.div_euclid(12)).ok()?,
        i8::try_from(months.rem_euclid(12) + 1).ok()?,
        1,
    );
    let first = first.ok()?.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    let seconds = first + (day - 1) * 86_400 + hour * 3_600 + minute * 60 + second;
    let nanoseconds = seconds.checked_mul(1_000_000_000)?.checked_sub(offset)?;
    if fraction.is_empty() {
        return Some(nanoseconds);
    }
    let digits = fraction.strip_prefix('.').unwrap_or(fraction);
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_i64.pow(u32::try_from(9 - digits.len()).ok()?);
    nanoseconds.checked_add(digits.parse::<i64>().ok()? * scale)
}

/// Nanoseconds since 1970 as the server prints them.
pub fn time_text(nanoseconds: i64) -> String {
    Timestamp::from_nanosecond(nanoseconds.into()).map(|time| time.to_string()).unwrap_or_default()
}

/// What the server takes for a number where it adds up whole columns, and where it sorts.
pub fn number(text: &str) -> Option<f64> {
    // Nothing else can begin a number; most values are words.
    if !text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'i' | b'I'))
    {
        return None;
    }
    decimal(text)
        .or_else(|| duration(text).map(float_of))
        .or_else(|| size(text).map(float_of))
        .or_else(|| likely(text))
}

/// Numbers with exponents, and whole ones of other bases.
fn likely(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.eq_ignore_ascii_case("inf") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let first = digits.strip_prefix('.').unwrap_or(digits).bytes().next()?;
    let is_other = text.matches('.').count() > 1 || text.contains(':') || text.matches('-').count() > 2;
    if !first.is_ascii_digit() || is_other {
        return None;
    }
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let number = i64::try_from(based(digits)?).ok()?;
    Some(float_of(if text.starts_with('-') { -number } else { number }))
}

/// A whole number of the base that its prefix names, as Go writes it.
pub fn based(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let bases = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)];
    let found = bases.iter().find_map(|(prefix, base)| Some((lower.strip_prefix(prefix)?, *base)));
    let (digits, base) = found.filter(|(digits, _)| !digits.is_empty()).unwrap_or((&lower, 10));
    if digits.ends_with('_') || digits.contains("__") || digits.starts_with(['+', '-']) {
        return None;
    }
    if base == 10 && digits.contains('_') {
        return digits.replace('_', "").parse().ok();
    }
    u64::from_str_radix(&digits.replace('_', ""), base).ok()
}

/// What the server takes for a number where it compares: also a time, and an address.
pub fn comparable(text: &str) -> Option<f64> {
    number(text).or_else(|| time(text).map(float_of)).or_else(|| ipv4(text).map(f64::from))
}

/// A floating-point number as the server prints it.
pub fn text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    number.to_string()
}

/// Nanoseconds as the server prints durations: `1w2d3h4m5.5s`, `5ms3µs`.
pub fn duration_text(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0".to_owned();
    }
    let mut out = String::new();
    if nanoseconds < 0 {
        out.push('-');
    }
    let mut rest = nanoseconds.unsigned_abs();
    let mut take = |unit: u64, name: &str, rest: &mut u64| {
        if *rest >= unit {
            let _ = write!(out, "{}{name}", *rest / unit);
            *rest %= unit;
        }
    };
    let is_long = rest >= 1_000_000_000;
    for (unit, name) in [(604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m")] {
        take(unit * 1_000_000_000, name, &mut rest);
    }
    if is_long && rest >= 1_000_000_000 {
        out.push_str(&text(float(rest) / SECOND));
        out.push('s');
        return out;
    }
    for (unit, name) in [(1_000_000, "ms"), (1_000, "µs"), (1, "ns")] {
        take(unit, name, &mut rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_the_server_takes_for_one() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("-12.50", Some(-12.5)),
            ("1_000", Some(1000.0)),
            ("1.5s", Some(1.5e9)),
            ("1h30m", Some(5.4e12)),
            ("2KiB", Some(2048.0)),
            ("1.5MB", Some(1.5e6)),
            ("1e3", Some(1000.0)),
            ("0x10", Some(16.0)),
            ("007", Some(7.0)),
            ("-inf", Some(f64::NEG_INFINITY)),
            ("", None),
            ("abc", None),
            ("10.0.0.1", None),
            ("1e999", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        assert_eq!(comparable("10.0.0.1"), Some(167_772_161.0));
        assert_eq!(comparable("1970-01-01T00:00:01Z"), Some(1e9));
        assert_eq!((decimal("007"), decimal(".5"), decimal("1e3")), (None, None, None));
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01 00:00:01.5", Some(1_500_000_000)),
            ("1970-01-01T02:00:00+02:00", Some(0)),
            ("1970-13-01T00:00:00Z", Some(365 * 86_400 * 1_000_000_000)),
            ("1970-01-01", None),
            ("1970-01-01T00:00:00.1234567890Z", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_printed_as_the_server_does() {
        for (nanoseconds, expected) in
            [(0, "0"), (1_500_000_000, "1.5s"), (-5_003_000, "-5ms3µs"), (694_861_000_000_000, "1w1d1h1m1s")]
        {
            assert_eq!(duration_text(nanoseconds), expected);
        }
    }
}
