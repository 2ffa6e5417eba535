//! Waiting: for descriptors with poll(2), and for anything else until a [`Countdown`] is over.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollTimeout, poll};

pub use nix::poll::PollFlags;

/// Each wait counts as this much of a [`Countdown`] at most.
const STEP: Duration = Duration::from_millis(100);

/// Time to wait for another thread. Only time counts in which this process runs: while it is stopped, or the machine
/// sleeps, the other thread does nothing either.
#[derive(Debug, Clone, Copy)]
pub struct Countdown {
    left: Duration,
}

impl Countdown {
    /// Waits for `time` in all.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self { left: time }
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.left.is_zero()
    }

    /// Leaves `time` of it, unless there is less already.
    pub fn shorten(&mut self, time: Duration) {
        self.left = self.left.min(time);
    }

    /// Waits once; `wait` is given the longest that it may take.
    pub fn step<T>(&mut self, wait: impl FnOnce(Duration) -> T) -> T {
        let start = Instant::now();
        let result = wait(self.left.min(STEP));
        self.left = self.left.saturating_sub(start.elapsed().min(STEP));
        result
    }
}

/// Waits until one of `fds` is ready for what is asked of it, or has failed; for `timeout` at most if that is given.
/// Says of each, in order, whether it is ready: none is when the time was over first.
///
/// # Errors
/// More descriptors than the kernel allows, or no memory for them.
pub fn ready(fds: &[(BorrowedFd, PollFlags)], timeout: Option<Duration>) -> io::Result<Vec<bool>> {
    Ok(events(fds, timeout)?.into_iter().map(|found| !found.is_empty()).collect())
}

/// As [`ready`], but says of each what it is ready for, errors and hang-ups among it.
///
/// # Errors
/// More descriptors than the kernel allows, or no memory for them.
pub fn events(fds: &[(BorrowedFd, PollFlags)], timeout: Option<Duration>) -> io::Result<Vec<PollFlags>> {
    let end = timeout.and_then(|time| Instant::now().checked_add(time));
    let mut polled: Vec<_> = fds.iter().map(|(fd, flags)| PollFd::new(*fd, *flags)).collect();
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = match left {
            None => PollTimeout::NONE,
            Some(Duration::ZERO) => PollTimeout::ZERO,
            // Rounded up: poll(2) counts milliseconds, and 0 would spin.
            Some(left) => PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
        };
        match poll(&mut polled, timeout) {
            // A signal with a handler; if it concerns us, a descriptor is ready now.
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                return Ok(polled.iter().map(|fd| fd.revents().unwrap_or(PollFlags::POLLERR)).collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn patience_lasts_as_long_as_this_process_waits_and_not_over_a_pause() {
        let mut countdown = Countdown::new(Duration::from_millis(250));
        let start = Instant::now();
        countdown.step(|_| thread::sleep(Duration::from_millis(600)));
        assert!(!countdown.is_over());
        countdown.step(|time| assert_eq!(time, STEP));
        while !countdown.is_over() {
            countdown.step(thread::sleep);
        }
        assert!(start.elapsed() >= Duration::from_millis(600 + 100), "{:?}", start.elapsed());
    }
}
