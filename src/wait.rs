//! Waiting for descriptors with poll(2).

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollTimeout, poll};

pub use nix::poll::PollFlags;

/// Waits until one of `fds` is ready for what is asked of it, or has failed; for `timeout` at most, or for ever.
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
