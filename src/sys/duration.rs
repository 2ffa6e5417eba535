//! Durations as people read them.

use std::time::Duration;

const HALF_A_TENTH: Duration = Duration::from_millis(50);

/// `350ms`, `2s`, `1.2s`, `2m05s`, `3h07m`: two units at most.
#[must_use]
pub fn told(time: Duration) -> String {
    // To the nearest tenth of a second, where that is what is shown.
    let time = if time < Duration::from_secs(1) { time } else { time.saturating_add(HALF_A_TENTH) };
    let (seconds, tenths) = (time.as_secs(), time.subsec_millis() / 100);
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 if tenths == 0 => format!("{seconds}s"),
        1..60 => format!("{seconds}.{tenths}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_two_units_at_most() {
        for (milliseconds, expected) in [
            (0, "0ms"),
            (350, "350ms"),
            (1230, "1.2s"),
            (1999, "2s"),
            (2000, "2s"),
            (59_940, "59.9s"),
            (59_999, "1m00s"),
            (125_000, "2m05s"),
            (11_280_000, "3h08m"),
        ] {
            assert_eq!(told(Duration::from_millis(milliseconds)), expected);
        }
    }
}
