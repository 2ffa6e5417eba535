//! Waiting for stdin, and for a signal to stop at the same time.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::sys::cause::cause;
use crate::sys::poll::{PollFlags, ready};
use crate::sys::signals;
use crate::sys::stdio;

/// What one read takes: the size of a pipe.
const READ_BYTES: usize = 64 * 1024;

/// What has ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// There is something to read, or the end of it.
    Readable,
    /// A signal came; it is used up.
    Signal,
    /// Neither, in that time.
    Timeout,
}

/// Waits until there is something to read or a signal comes on `stop`, for `time` at most if that is given.
///
/// # Errors
/// More descriptors than the kernel allows, or no memory for them.
pub fn wait(stop: Option<&UnixStream>, time: Option<Duration>) -> io::Result<Wake> {
    let stdin = io::stdin();
    let mut fds = vec![(stdin.as_fd(), PollFlags::POLLIN)];
    fds.extend(stop.map(|stop| (stop.as_fd(), PollFlags::POLLIN)));
    let ready = ready(&fds, time)?;
    Ok(if ready.get(1) == Some(&true) && stop.is_some_and(|stop| signals::use_up(stop) > 0) {
        Wake::Signal
    } else if ready.first() == Some(&true) {
        Wake::Readable
    } else {
        Wake::Timeout
    })
}

/// What came on stdin.
#[derive(Debug, Default)]
pub struct Content {
    /// The first bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// How many came after them.
    pub dropped: usize,
    /// Why it could not be read to its end, if so.
    pub error: Option<String>,
}

/// Reads to the end, a signal on `stop` or an error, and keeps the first `most` bytes. The rest is read too, so that the
/// program that writes it is not cut off.
#[must_use]
pub fn read_all(stop: Option<&UnixStream>, most: usize) -> Content {
    let mut content = Content::default();
    let mut buffer = vec![0; READ_BYTES];
    // Should waiting fail, reading tells.
    while !matches!(wait(stop, None), Ok(Wake::Signal)) {
        match stdio::read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                let room = (most - content.bytes.len()).min(read);
                content.bytes.extend_from_slice(buffer.get(..room).unwrap_or_default());
                content.dropped += read - room;
            }
            Err(error) => {
                content.error = Some(cause(&error));
                break;
            }
        }
    }
    content
}
