//! stdin and stdout as the caller left them: unbuffered, perhaps non-blocking, and with no descriptor to spare.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use crate::sys::cause::cause;
use crate::sys::poll::{PollFlags, ready};

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

/// Puts /dev/null in the place of stdin: the program that writes to it gets an error, as of a pipe without a reader.
pub fn close_stdin() {
    // Should it fail, it gets the error when this process ends.
    let _ = File::open("/dev/null").map(nix::unistd::dup2_stdin);
}

/// Another descriptor of stdout, if that is a pipe: poll(2) tells by it whether the pipe still has a reader.
#[must_use]
pub fn pipe_reader() -> Option<OwnedFd> {
    let fd = io::stdout().as_fd().try_clone_to_owned().ok()?;
    let kind = File::from(fd.try_clone().ok()?).metadata().ok()?.file_type();
    (kind.is_fifo() || kind.is_socket()).then_some(fd)
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
/// stdout cannot be written; the text is that of [`cause`].
pub fn write_all(bytes: &[u8]) -> io::Result<()> {
    write_all_to(io::stdout().as_fd(), bytes)
}

/// Writes everything to a descriptor that a command would write to, however long the reader takes.
///
/// # Errors
/// It cannot be written; the text is that of [`cause`].
pub fn write_all_to(to: BorrowedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = write_to(to, bytes).map_err(|error| io::Error::new(error.kind(), cause(&error)))?;
        bytes = bytes.get(written..).unwrap_or_default();
        if written == 0 {
            ready(&[(to, PollFlags::POLLOUT)], None)?;
        }
    }
    Ok(())
}
