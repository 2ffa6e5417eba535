//! One entry: a file of records that wait for one destination.
//!
//! Its first line says where they go, since when, and how far they are delivered already; one JSON line each
//! follows. The newest entry of a destination takes appends, and its name (`names.rs`) says so: a put finds it without
//! looking at the others. An entry that is full, a day old or being sent gets another name.
//!
//! Whoever appends to an entry, renames it, sends it or drops it holds its flock(2), which dies with its holder.
//! Between opening and locking an entry may have been sent and removed, or renamed; then it is let go.
//!
//! What was delivered is noted in place, in fields of fixed width, so that it needs no room on a full disk. An
//! entry of version 1 has no such fields: there the delivered lines are overwritten with newlines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memchr::memchr_iter;
use nix::errno::Errno;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::destination::Destination;
use super::names::{arrival, is_named, seal};
use crate::record::time::Time;
use crate::sys::cause::cause;

/// An entry takes no more appends at this size; it is also what one request of a drain carries at most.
pub const ENTRY_BYTES: usize = 256 * 1024;

/// A larger file is no entry: one record may exceed the size at which an entry is full, but not by much.
pub const MAX_ENTRY_BYTES: u64 = 4 * ENTRY_BYTES as u64;

/// What is read of a file to see its first line; names of stream fields may make that long.
const FRONT_BYTES: usize = 16 * 1024;

/// What a file takes of the disk is a multiple of this; the block size of most file systems.
const BLOCK_BYTES: u64 = 4096;

/// The version that this program writes.
const VERSION: u64 = 2;

/// How the first line begins. The place where `sent` and `most` stand follows from it.
const START: &str = "{\"vlog_outbox\":2,\"sent\":\"";

/// What a file of this length takes of the disk.
#[must_use]
pub fn cost(length: u64) -> u64 {
    length.div_ceil(BLOCK_BYTES) * BLOCK_BYTES
}

/// A locked entry: while this value lives no other process sends it, appends to it or removes it.
#[derive(Debug)]
pub struct Entry {
    folder: PathBuf,
    name: String,
    /// Holds the lock. Not opened for appending, since what is noted in place would land at the end then.
    file: File,
    version: u64,
    /// Where its records go.
    pub destination: Destination,
    /// When its first record came.
    pub since: Time,
    content: Vec<u8>,
    /// Where the first byte stands that was not delivered.
    sent: usize,
    /// The most that a request may carry, after one that was too slow; 0 if nothing is known against more.
    pub most: usize,
}

/// What there was under a name.
#[derive(Debug)]
pub enum Claimed {
    /// An entry, locked.
    Entry(Box<Entry>),
    /// Another process appends to it, sends it or drops it.
    Held,
    /// Nothing any more.
    Gone,
    /// No entry, or one of another version or protocol: it is left alone.
    Foreign,
    /// It cannot be opened; why.
    Stuck(String),
    /// There is no descriptor left for it.
    NoDescriptor,
}

/// The fields of the first line that have a fixed width.
#[must_use]
pub fn fixed(since: Time) -> String {
    format!("{START}{}\",\"since\":\"{:020}\",", mark(0, 0), since.0.max(0))
}

/// How far an entry is delivered and how much a request may carry, with what stands between the two.
fn mark(sent: usize, most: usize) -> String {
    format!("{sent:010}\",\"most\":\"{most:010}")
}

/// The number that a member of the first line holds as text.
#[must_use]
pub fn number(header: &Value, name: &str) -> Option<u64> {
    header.get(name)?.as_str()?.parse().ok()
}

impl Entry {
    /// Opens and locks the file of that name, and reads it.
    #[must_use]
    pub fn find(folder: &Path, name: &str) -> Claimed {
        let path = folder.join(name);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Claimed::Gone,
            Err(error)
                if [Errno::EMFILE as i32, Errno::ENFILE as i32].map(Some).contains(&error.raw_os_error()) =>
            {
                return Claimed::NoDescriptor;
            }
            Err(error) => return Claimed::Stuck(cause(&error)),
            Ok(file) => file,
        };
        if file.try_lock().is_err() {
            return Claimed::Held;
        }
        if !is_named(&file, &path) {
            return Claimed::Gone;
        }
        let content = match read(&file) {
            Ok(content) => content,
            Err(error) => return Claimed::Stuck(cause(&error)),
        };
        if content.is_empty() {
            // Left by a writer that died at once.
            let _ = fs::remove_file(&path);
            return Claimed::Gone;
        }
        let Some(Header { version, destination, since, sent, most, .. }) = Header::read(&content, name)
        else {
            return Claimed::Foreign;
        };
        let (folder, name) = (folder.to_owned(), name.to_owned());
        let mut entry = Self { folder, name, file, version, destination, since, content, sent, most };
        if entry.next(0).is_empty() {
            // Nothing but torn lines, or delivered and still there. Whoever cannot remove it finds the same again.
            let _ = entry.remove();
            return Claimed::Gone;
        }
        // From now on appends go to another; where it cannot be renamed, they make one.
        entry.name = seal(&entry.folder, &entry.name, since).unwrap_or(entry.name);
        Claimed::Entry(Box::new(entry))
    }

    /// Its name in the directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the program that wrote it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether it lies in this directory.
    #[must_use]
    pub fn is_in(&self, folder: &Path) -> bool {
        self.folder == folder
    }

    /// What it takes of the disk.
    #[must_use]
    pub fn cost(&self) -> u64 {
        cost(self.content.len() as u64)
    }

    /// The next whole records of `most` bytes together, or one that is larger; torn lines are passed over. Nothing
    /// if all are delivered.
    pub fn next(&mut self, most: usize) -> &[u8] {
        let Range { start, end } = next(&self.content, self.sent, most);
        self.sent = start;
        self.content.get(start..end).unwrap_or_default()
    }

    /// Writes what is noted once more. If this works, what will be delivered can be noted too.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn confirm(&self) -> io::Result<()> {
        self.note(self.sent..self.sent)
    }

    /// Notes that the next so many bytes are delivered, and removes the entry if that is all.
    ///
    /// # Errors
    /// It can be neither noted nor removed.
    pub fn advance(&mut self, bytes: usize) -> io::Result<()> {
        let before = self.sent;
        self.sent = (before + bytes).min(self.content.len());
        if self.is_over() && self.remove() { Ok(()) } else { self.note(before..self.sent) }
    }

    /// Whether all its records are delivered.
    #[must_use]
    pub fn is_over(&mut self) -> bool {
        self.next(0).is_empty()
    }

    /// Notes how much a request of it may carry at most.
    pub fn limit(&mut self, most: usize) {
        self.most = most;
        // Without it the next try is as slow as this one was.
        let _ = self.confirm();
    }

    fn note(&self, delivered: Range<usize>) -> io::Result<()> {
        if self.version == 1 {
            let blank = vec![b'\n'; delivered.len()];
            return self.file.write_all_at(b"{", 0).and_then(|()| {
                let at = u64::try_from(delivered.start).unwrap_or(u64::MAX);
                self.file.write_all_at(&blank, at)
            });
        }
        self.file.write_all_at(mark(self.sent, self.most).as_bytes(), START.len() as u64)
    }

    /// How many records are left.
    #[must_use]
    pub fn records(&self) -> u64 {
        count(&self.content, self.sent)
    }

    /// Takes the file away; whether that worked.
    #[must_use]
    pub fn remove(&self) -> bool {
        fs::remove_file(self.folder.join(&self.name)).is_ok()
    }
}

/// What the first line of an entry says.
#[derive(Debug)]
pub struct Header {
    /// Of the program that wrote it.
    pub version: u64,
    /// Where its records go.
    pub destination: Destination,
    /// When its first record came.
    pub since: Time,
    /// Where the first record would stand: behind the first line.
    pub end: usize,
    /// As [`Entry::sent`].
    pub sent: usize,
    /// As [`Entry::most`].
    most: usize,
}

impl Header {
    /// `None` if this is no entry, or one of a version or protocol that is not known.
    pub fn read(content: &[u8], name: &str) -> Option<Self> {
        let line = content.iter().position(|byte| *byte == b'\n')?;
        let header: Value = serde_json::from_slice(content.get(..line)?).ok()?;
        let version =
            header.get("vlog_outbox")?.as_u64().filter(|version| (1..=VERSION).contains(version))?;
        let destination = Destination::from_members(&header)?;
        let usize = |name| usize::try_from(number(&header, name)?).ok();
        let end = line + 1;
        // Whatever does not stand behind a newline was never written by us.
        let is_sound = |sent: &usize| *sent > end && content.get(*sent - 1) == Some(&b'\n');
        let sent = usize("sent").filter(is_sound).unwrap_or(end);
        let since = number(&header, "since").and_then(|since| i64::try_from(since).ok()).map(Time);
        Some(Self {
            version,
            destination,
            since: since.or_else(|| arrival(name))?,
            end,
            sent,
            most: usize("most").unwrap_or(0),
        })
    }
}

/// An entry as it looks without its lock.
#[derive(Debug)]
pub struct Overview {
    /// What its first line says.
    pub header: Header,
    /// Records that are not delivered.
    pub records: u64,
    /// The length of the file.
    pub bytes: u64,
}

/// Looks at the file of that name; `None` if it is no entry that this version knows.
#[must_use]
pub fn look(folder: &Path, name: &str) -> Option<Overview> {
    let content = read(&File::open(folder.join(name)).ok()?).ok()?;
    let header = Header::read(&content, name)?;
    let records = count(&content, header.sent);
    Some(Overview { header, records, bytes: content.len() as u64 })
}

/// When the first record of the entry of that name came, and what the file system says of it; `None` if it is no entry
/// that this version knows.
#[must_use]
pub fn front(folder: &Path, name: &str) -> Option<(Time, fs::Metadata)> {
    let file = File::open(folder.join(name)).ok()?;
    let found = file.metadata().ok()?;
    let mut start = vec![0; FRONT_BYTES];
    let read = file.read_at(&mut start, 0).ok()?;
    let header = Header::read(start.get(..read)?, name)?;
    (found.len() <= MAX_ENTRY_BYTES).then_some((header.since, found))
}

/// The content of an entry, its last line closed if a crash has torn it; of a file that is too large for one, nothing
/// that an entry begins with.
fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if file.metadata()?.len() > MAX_ENTRY_BYTES {
        return Ok(b"too large\n".to_vec());
    }
    file.take(MAX_ENTRY_BYTES).read_to_end(&mut content)?;
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    Ok(content)
}

/// Where the next whole records stand from `from` on: of `most` bytes together, but at least one. They begin behind
/// lines that are no records, and end before the next of these.
fn next(content: &[u8], from: usize, most: usize) -> Range<usize> {
    let (mut start, mut end) = (from, from);
    let rest = content.get(from..).unwrap_or_default();
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        if !is_record(line) {
            if end > start {
                break;
            }
            start += line.len();
            end = start;
        } else if end > start && end - start + line.len() > most {
            break;
        } else {
            end += line.len();
        }
        if end > start && end - start >= most {
            break;
        }
    }
    start..end
}

/// Whether the line is a whole JSON object: a torn one is not.
fn is_record(line: &[u8]) -> bool {
    line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// The lines from `from` on that are not blank. The content ends with a newline.
fn count(content: &[u8], from: usize) -> u64 {
    let rest = content.get(from..).unwrap_or_default();
    let is_blank = |at: &usize| *at == 0 || rest.get(at - 1) == Some(&b'\n');
    memchr_iter(b'\n', rest).filter(|at| !is_blank(at)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::super::append::append;
    use super::super::names::{is_name, list};
    use super::*;

    const LINES: &str = "{\"a\":1}\n{\"b\":2}\n{\"to\n\n{\"c\":3}\n";

    /// An entry with these lines, in a directory of its own.
    fn entry(lines: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), &Destination::default(), lines.as_bytes(), ENTRY_BYTES).unwrap();
        let name = list(folder.path()).remove(0);
        (folder, name)
    }

    #[track_caller]
    fn found(folder: &Path, name: &str) -> Box<Entry> {
        match Entry::find(folder, name) {
            Claimed::Entry(entry) => entry,
            other => panic!("{other:?}"),
        }
    }

    fn text(entry: &mut Entry, most: usize) -> String {
        String::from_utf8(entry.next(most).to_vec()).unwrap()
    }

    #[test]
    fn records_come_in_pieces_between_what_is_torn() {
        let (folder, name) = entry(LINES);
        let mut entry = found(folder.path(), &name);
        assert_eq!(entry.records(), 4);
        assert_eq!(text(&mut entry, 1), "{\"a\":1}\n", "one at the least");
        assert_eq!(text(&mut entry, 15), "{\"a\":1}\n");
        assert_eq!(text(&mut entry, 9999), "{\"a\":1}\n{\"b\":2}\n", "up to the torn one");
        entry.advance(8).unwrap();
        entry.limit(7777);
        let name = entry.name().to_owned();
        drop(entry);
        let mut entry = found(folder.path(), &name);
        assert_eq!((text(&mut entry, 9999).as_str(), entry.most), ("{\"b\":2}\n", 7777));
        entry.advance(8).unwrap();
        assert_eq!(text(&mut entry, 9999), "{\"c\":3}\n");
        entry.advance(8).unwrap();
        assert!(entry.is_over() && !folder.path().join(name).exists());
    }

    #[test]
    fn an_offset_that_is_not_just_behind_a_newline_counts_as_none() {
        let (folder, name) = entry("{\"a\":1}\n{\"b\":2}\n");
        let content = fs::read_to_string(folder.path().join(&name)).unwrap();
        let start = content.find('\n').unwrap() + 1;
        for (sent, first) in [
            (start + 8, "{\"b\":2}\n"),
            (start, "{\"a\":1}\n"),
            (start + 9, "{\"a\":1}\n"),
            (7, "{\"a\":1}\n"),
            (9_999_999, "{\"a\":1}\n"),
        ] {
            let noted = content.replacen(&mark(0, 0), &mark(sent, 0), 1);
            fs::write(folder.path().join(&name), noted).unwrap();
            let mut entry = found(folder.path(), &name);
            assert_eq!(text(&mut entry, 1), first, "{sent}");
            fs::rename(folder.path().join(entry.name()), folder.path().join(&name)).unwrap();
        }
    }

    #[test]
    fn whoever_opened_an_entry_that_was_renamed_meanwhile_lets_it_go() {
        let (folder, name) = entry("{\"a\":1}\n");
        let path = folder.path().join(&name);
        let file = File::open(&path).unwrap();
        assert!(is_named(&file, &path));
        let sealed = seal(folder.path(), &name, Time(1)).unwrap();
        assert!(is_name(&sealed) && !is_named(&file, &path));
        append(folder.path(), &Destination::default(), b"{\"b\":2}\n", ENTRY_BYTES).unwrap();
        assert!(!is_named(&file, &path));
        fs::remove_file(folder.path().join(&sealed)).unwrap();
        assert!(!is_named(&file, &folder.path().join(sealed)));
    }

    #[test]
    fn while_an_entry_is_held_another_is_made_beside_it() {
        let (folder, name) = entry("{\"a\":1}\n");
        let file = File::open(folder.path().join(&name)).unwrap();
        file.try_lock().unwrap();
        append(folder.path(), &Destination::default(), b"{\"b\":2}\n", ENTRY_BYTES).unwrap();
        assert!(matches!(Entry::find(folder.path(), &name), Claimed::Held));
        let names = list(folder.path());
        assert_eq!((names.len(), &names[1]), (2, &name));
    }
}
