//! How long a busy server asks to be left alone, in its header `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.

use std::time::Duration;

use crate::record::time::Time;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What is left of the pause at `now`, in whole seconds rounded up; `None` if it is over, or cannot be read.
pub fn pause(value: &str, now: Time) -> Option<Duration> {
    let value = value.trim();
    let seconds = value.parse().ok().or_else(|| {
        let left = Duration::from_nanos(u64::try_from(date(value)?.0.checked_sub(now.0)?).ok()?);
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    })?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Reads the one form of a date that servers may send: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<Time> {
    let mut words = text.split_ascii_whitespace().skip(1);
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Time::parse(&format!("{year}-{month:02}-{day}T{clock}Z")).filter(|_| words.eq(["GMT"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_what_is_over_or_unclear_is_no_pause() {
        let now = Time::parse("1994-11-06T08:49:30.5Z").unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            (" 1 ", Some(1)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Tue, 06 Dec 1994 08:49:30 GMT", Some(30 * 24 * 60 * 60)),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:49:30 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 November 1994 08:49:37 GMT", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(pause(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
