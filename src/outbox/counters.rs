//! Small files of one number each: 20 digits and a newline, written in place.
//!
//! They are made together with the outbox and never grow, so that counting needs no room on a full disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How often a lock that somebody else holds is tried, a millisecond apart. A holder is done in microseconds, or, where it
/// makes room, in milliseconds; on a busy machine it may wait for a processor much longer. One that was stopped (SIGSTOP)
/// must not hold up the others for long: after these tries a number may be off.
const TRIES: u32 = 300;

/// A counter that is open, and locked unless somebody holds the lock for too long.
#[derive(Debug)]
pub struct Counter(File);

impl Counter {
    /// Opens it, and makes it if it is missing.
    ///
    /// # Errors
    /// It cannot be opened, or something else than a file has its name.
    pub fn open(path: &Path) -> io::Result<Self> {
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).to_owned();
        let file = open_plain(path, &options)?;
        for _ in 0..TRIES {
            if file.try_lock().is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Self(file))
    }

    /// The number; `None` if there is none yet.
    #[must_use]
    pub fn get(&self) -> Option<u64> {
        let mut text = [0; 20];
        self.0.read_exact_at(&mut text, 0).ok()?;
        std::str::from_utf8(&text).ok()?.parse().ok()
    }

    /// Sets it to 0 unless it has a number: of several that make the outbox at once, one may have counted already.
    pub fn begin(&self) {
        if self.get().is_none() {
            self.set(0);
        }
    }

    /// Sets it. One write of constant length: a crash leaves the old number or the new one.
    pub fn set(&self, number: u64) {
        // It only informs, or is set right by the next scan.
        let _ = self.0.write_all_at(format!("{number:020}\n").as_bytes(), 0);
    }
}

/// The number in the file; 0 if there is none.
#[must_use]
pub fn read(path: &Path) -> u64 {
    let file = open_plain(path, OpenOptions::new().read(true));
    file.ok().and_then(|file| Counter(file).get()).unwrap_or(0)
}

/// Opens a file of the outbox that is no entry, unless something else than a file has its name: a FIFO would make
/// us wait.
///
/// # Errors
/// It cannot be opened.
pub fn open_plain(path: &Path, options: &OpenOptions) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is no regular file")),
        _ => options.open(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_makes_the_outbox_second_sets_no_count_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dropped");
        Counter::open(&path).unwrap().begin();
        assert_eq!((fs::read_to_string(&path).unwrap().len(), read(&path)), (21, 0));
        Counter::open(&path).unwrap().set(7);
        Counter::open(&path).unwrap().begin();
        assert_eq!(read(&path), 7);
    }
}
