//! stdin and stdout as the caller left them: unbuffered, perhaps non-blocking, and with no descriptor to spare.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use crate::wait::{PollFlags, ready};

/// Reads what is there; 0 bytes at the end. Waits if nothing is there yet.
///
/// # Errors
/// stdin cannot be read.
pub fn read(buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match nix::unistd::read(io::stdin(), buffer).map_err(io::Error::from) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ready(&[(io::stdin().as_fd(), PollFlags::POLLIN)], None)?;
            }
            result => return result,
        }
    }
}

/// Writes as much as stdout takes now; 0 bytes if that is nothing.
///
/// # Errors
/// stdout cannot be written.
pub fn write(bytes: &[u8]) -> io::Result<usize> {
    write_to(io::stdout().as_fd(), bytes)
}

fn write_to(to: BorrowedFd, bytes: &[u8]) -> io::Result<usize> {
    match nix::unistd::write(to, bytes).map_err(io::Error::from) {
        Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => Ok(0),
        result => result,
    }
}

/// Writes everything to stdout, however long the reader takes.
///
/// # Errors
/// stdout cannot be written; the text is without the error's number, which tells a reader nothing.
pub fn write_all(bytes: &[u8]) -> io::Result<()> {
    write_all_to(io::stdout().as_fd(), bytes)
}

/// Writes everything to a descriptor that a command would write to, however long the reader takes.
///
/// # Errors
/// It cannot be written; the text is without the error's number.
pub fn write_all_to(to: BorrowedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = write_to(to, bytes).map_err(|error| {
            let text = error.to_string();
            io::Error::new(error.kind(), text.split(" (os error").next().unwrap_or_default().to_owned())
        })?;
        bytes = bytes.get(written..).unwrap_or_default();
        if written == 0 {
            ready(&[(to, PollFlags::POLLOUT)], None)?;
        }
    }
    Ok(())
}
