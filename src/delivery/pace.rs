//! How large a request of a drain may be: as large as the connection has shown to carry in time.

use std::time::Duration;

use super::drain::{DRAIN_BYTES, LEAST_BYTES};
use super::policy::IN_VAIN;
use crate::outbox::ENTRY_BYTES;

/// The size of the next request.
#[derive(Debug)]
pub struct Pace {
    /// The next request's size.
    pub bytes: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: DRAIN_BYTES }
    }
}

impl Pace {
    /// Learns from a request of `sent` bytes that was answered in `time`: a quick one allows more, up to a whole entry;
    /// a slow one as much as takes half of the timeout. The small rest of an entry says nothing.
    pub fn learn(&mut self, sent: usize, time: Duration, timeout: Duration) {
        let fits = sent as u128 * timeout.as_millis() / time.as_millis().max(1) / 2;
        let most = match time < IN_VAIN {
            true if sent < self.bytes / 2 => return,
            true => self.bytes * 4,
            false => usize::try_from(fits).unwrap_or(ENTRY_BYTES),
        };
        self.bytes = most.clamp(LEAST_BYTES, ENTRY_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_grows_with_quick_answers_and_shrinks_with_slow_ones() {
        let timeout = Duration::from_secs(2);
        let quick = Duration::from_millis(10);
        let mut pace = Pace::default();
        pace.learn(pace.bytes, quick, timeout);
        assert_eq!(pace.bytes, 4 * DRAIN_BYTES);
        pace.learn(pace.bytes, quick, timeout);
        pace.learn(pace.bytes, quick, timeout);
        assert_eq!(pace.bytes, ENTRY_BYTES);
        pace.learn(100_000, Duration::from_secs(1), timeout);
        assert_eq!(pace.bytes, 100_000);
        pace.learn(1000, quick, timeout);
        assert_eq!(pace.bytes, 100_000, "the rest of an entry says nothing about the line");
        pace.learn(4096, Duration::from_secs(2), timeout);
        assert_eq!(pace.bytes, LEAST_BYTES);
    }
}
