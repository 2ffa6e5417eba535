//! Putting lines into an entry: at the end of the open one of their destination, or into a new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::counters::open_plain;
use super::destination::Destination;
use super::entry::{cost, fixed, number};
use super::names::{OPEN, is_named, seal, sealed_name};
use crate::record::time::Time;

/// An entry takes no more appends after this time. All of it counts as old as its first record, and what is too old is not
/// sent (`waiting.rs`): a record that comes now must not share an entry with one that came days ago.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the open entry is tried, a millisecond apart, before a new one is made beside it. An append takes
/// microseconds.
const TRIES: usize = 10;

/// What a put has changed.
#[derive(Debug)]
pub struct Grown {
    /// Which entry has the lines now: this stays the same when it is renamed.
    pub inode: u64,
    /// How many bytes of the disk it takes more than before.
    pub by: u64,
}

/// Appends whole lines to the open entry of `destination`, or starts one if that is full at `most` bytes, or old.
///
/// # Errors
/// The directory or the entry cannot be written; nothing of the lines is there then.
pub fn append(folder: &Path, destination: &Destination, lines: &[u8], most: usize) -> io::Result<Grown> {
    let (members, suffix) = (destination.members(), destination.suffix());
    let open = format!("{OPEN}{suffix}");
    let now = Time::now();
    let header = || [fixed(now).as_bytes(), members.as_bytes(), b"\n"].concat();
    for _ in 0..TRIES {
        let options = OpenOptions::new().read(true).append(true).create(true).mode(0o600).to_owned();
        let Ok(file) = open_plain(&folder.join(&open), &options) else { break };
        if file.try_lock().is_err() {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        if !is_named(&file, &folder.join(&open)) {
            continue;
        }
        let found = file.metadata()?;
        let length = found.len();
        if length == 0 {
            write_lines(&file, 0, &[&header(), lines].concat())
                .inspect_err(|_| drop(fs::remove_file(folder.join(&open))))?;
            let by = cost((header().len() + lines.len()) as u64);
            return Ok(Grown { inode: found.ino(), by });
        }
        let Some(since) = since(&file, &members) else { break };
        let age = now.0.saturating_sub(since.0);
        let is_old = u64::try_from(age).map_or(true, |age| Duration::from_nanos(age) > MAX_AGE);
        if is_old || length + lines.len() as u64 > most as u64 {
            if seal(folder, &open, since).is_none() {
                break;
            }
            continue;
        }
        let written = append_lines(&file, length, lines)?;
        return Ok(Grown { inode: found.ino(), by: cost(length + written) - cost(length) });
    }
    create(folder, &format!("{now:020}", now = now.0.max(0)), &suffix, &[&header(), lines].concat())
}

/// What an entry of `destination` takes of the disk if it has these lines only.
#[must_use]
pub fn cost_of(destination: &Destination, lines: &[u8]) -> u64 {
    cost((fixed(Time(0)).len() + destination.members().len() + 1 + lines.len()) as u64)
}

/// When the first record of an open file came, if it is an entry of the destination with these members.
fn since(file: &File, members: &str) -> Option<Time> {
    let fixed = fixed(Time(0)).len();
    let mut start = vec![0; fixed + members.len()];
    file.read_exact_at(&mut start, 0).ok()?;
    let (fixed, found) = start.split_at_checked(fixed)?;
    let header: Value = serde_json::from_slice(&[fixed.strip_suffix(b",")?, b"}"].concat()).ok()?;
    let since = i64::try_from(number(&header, "since")?).ok().map(Time);
    since.filter(|_| found == members.as_bytes())
}

/// Appends to a locked entry of `length` bytes; how many bytes that took.
fn append_lines(file: &File, length: u64, lines: &[u8]) -> io::Result<u64> {
    let mut last = [b'\n'];
    file.read_exact_at(&mut last, length - 1)?;
    // A line torn by a crash must not swallow the next one.
    let text = if last == *b"\n" { lines.to_vec() } else { [b"\n", lines].concat() };
    write_lines(file, length, &text)?;
    Ok(text.len() as u64)
}

/// Writes at the end of a file of `length` bytes. What cannot be written whole is taken back.
fn write_lines(mut file: &File, length: u64, text: &[u8]) -> io::Result<()> {
    file.write_all(text).inspect_err(|_| drop(file.set_len(length)))
}

/// Makes an entry beside the open one, for when that is held or cannot be used.
fn create(folder: &Path, time: &str, suffix: &str, text: &[u8]) -> io::Result<Grown> {
    for _ in 0..TRIES {
        let name = sealed_name(time, suffix);
        let path = folder.join(&name);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        // A drain may have found it empty, and removed it, before it could be locked.
        if file.try_lock().is_err() || !is_named(&file, &path) {
            continue;
        }
        write_lines(&file, 0, text).inspect_err(|_| drop(fs::remove_file(&path)))?;
        return Ok(Grown { inode: file.metadata()?.ino(), by: cost(text.len() as u64) });
    }
    Err(io::Error::other("another process kept removing the new file"))
}
