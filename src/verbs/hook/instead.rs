//! A hook's command in vlog's place, where there are no descriptors or threads left to run it beside: what it decides
//! matters more than the record of it.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, IntoRawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::{close, dup2_stdin};

use crate::sys::cause::cause;
use crate::sys::child::Command;
use crate::sys::signals::{self, Ignored};
use crate::sys::stderr;

/// The payload for a command in vlog's place.
pub enum Input<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// In a file of [`unnamed_file`], for there was no memory.
    File(File),
}

/// Replaces this process by `command`, called `name`, with the payload as its stdin; `why` says what is lacking. Returns
/// only if that cannot be.
pub fn run_instead(command: &Command, name: &str, payload: Input, ignored: Ignored, why: &io::Error) {
    if let Err(error) = put_on_stdin(payload) {
        stderr::say(&format!("could not run {name}: {}; nor in vlog's place: {}", cause(why), cause(&error)));
        return;
    }
    stderr::say(&format!("could not log {name}: {}; it runs all the same", cause(why)));
    signals::catch_pipe(ignored);
    let not_run = command.exec();
    stderr::say(&format!("could not run {name}: {}", not_run.why));
}

/// Makes `payload` what is read on stdin, by this process and by one in its place.
fn put_on_stdin(payload: Input) -> io::Result<()> {
    // What was there has been read, and its descriptor may be the only one to be had.
    let stdin = io::stdin().as_raw_fd();
    let _ = close(stdin);
    let mut file = match payload {
        Input::File(file) => file,
        Input::Bytes(bytes) => {
            let mut file = unnamed_file()?;
            file.write_all(bytes)?;
            file
        }
    };
    file.rewind()?;
    if file.as_raw_fd() == stdin {
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let _ = file.into_raw_fd();
    } else {
        dup2_stdin(&file)?;
    }
    Ok(())
}

/// A file that nobody else can open.
#[cfg(target_os = "linux")]
pub fn unnamed_file() -> io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    Ok(memfd_create(c"payload", MFdFlags::MFD_CLOEXEC)?.into())
}

/// A file that nobody else can open: it has a name, for its owner alone, for a moment only.
#[cfg(not(target_os = "linux"))]
pub fn unnamed_file() -> io::Result<File> {
    use std::hash::{BuildHasher, RandomState};
    use std::os::unix::fs::OpenOptionsExt;
    let name = format!("vlog-{:016x}", RandomState::new().hash_one(std::process::id()));
    let path = std::env::temp_dir().join(name);
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
