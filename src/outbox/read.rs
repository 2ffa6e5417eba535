//! The outbox as a store that is read: the records that wait, oldest entry first, while others put and drain.
//!
//! It takes no lock, so no put and no drain ever waits for a reader. What may happen to an entry meanwhile:
//! it grows (only whole lines are read), it gets another name (it is known by its inode and the time of its first
//! record, so it is read once, and the directory is listed again until nothing new turns up), or it goes (its
//! records are delivered or dropped, and need not be found any more).

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::Result;

use super::Outbox;
use super::destination::Destination;
use super::entry::{Header, MAX_ENTRY_BYTES};
use super::names::{self, OPEN};

/// How often the directory is listed in one pass. An entry that is renamed while the directory is listed may be
/// missing from that list; it is renamed once in its life, so the next list has it.
const LISTS: usize = 3;

/// What takes the records: where those of an entry go, and their lines, each with its newline. Torn lines are among
/// them. `false` ends the pass: no more is wanted.
pub type Take<'a> = &'a mut dyn FnMut(&Destination, &[u8]) -> io::Result<bool>;

/// Reads what waits: all of it at first, and what has come since with each further pass.
#[derive(Debug)]
pub struct OutboxReader {
    folder: PathBuf,
    /// The tenant whose records are wanted, as destinations name it; `None` is everybody's.
    tenant: Option<String>,
    /// How far each entry was read, in bytes from its start.
    read: HashMap<Id, usize>,
    /// What the files looked like when they were read last, by name.
    snapshots: HashMap<String, Snapshot>,
    is_first_pass: bool,
    content: Vec<u8>,
}

/// What stays the same of an entry. The inode alone is soon used again by another.
type Id = (u64, i64);

/// What tells whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Snapshot {
    inode: u64,
    length: u64,
    /// When it was last written, in seconds and nanoseconds.
    written: (i64, i64),
}

impl Snapshot {
    fn of(found: &fs::Metadata) -> Self {
        Self { inode: found.ino(), length: found.len(), written: (found.mtime(), found.mtime_nsec()) }
    }
}

impl Outbox {
    /// A reader of what waits for any server; with `tenant`, of what waits for that one (`ACCOUNT:PROJECT`).
    ///
    /// # Errors
    /// The directory is not the caller's own.
    pub fn reader(&self, tenant: Option<String>) -> Result<OutboxReader> {
        self.is_ours()?;
        Ok(OutboxReader {
            folder: self.folder.clone(),
            tenant,
            read: HashMap::new(),
            snapshots: HashMap::new(),
            is_first_pass: true,
            content: Vec::new(),
        })
    }
}

impl OutboxReader {
    /// Hands what waits to `take`; from the second pass on what was put since, also if it was delivered already.
    ///
    /// # Errors
    /// What `take` says.
    pub fn pass(&mut self, take: Take) -> io::Result<()> {
        let mut done = HashSet::new();
        for _ in 0..LISTS {
            for name in names::list(&self.folder) {
                // Another entry may have the name of an open one by now.
                if name.starts_with(OPEN) || !done.contains(&name) {
                    if !self.look(&name, take)? {
                        return Ok(());
                    }
                    done.insert(name);
                }
            }
        }
        self.snapshots.retain(|name, _| done.contains(name));
        self.is_first_pass = false;
        Ok(())
    }

    /// Reads what is new in the file of that name; `false` if no more is wanted.
    fn look(&mut self, name: &str, take: Take) -> io::Result<bool> {
        let path = self.folder.join(name);
        let Ok(found) = fs::symlink_metadata(&path) else { return Ok(true) };
        if self.snapshots.get(name) == Some(&Snapshot::of(&found)) {
            return Ok(true);
        }
        let Some(look) = File::open(&path).ok().and_then(|file| self.load(file)) else { return Ok(true) };
        self.snapshots.insert(name.to_owned(), look);
        let Some(header) = Header::read(&self.content, name) else { return Ok(true) };
        let id = (look.inode, header.since.0);
        let known = self.read.get(&id).copied();
        // What was delivered before the first pass does not wait.
        let from = known.unwrap_or(if self.is_first_pass { header.sent } else { header.end });
        let end = self.content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.read.insert(id, end);
        let is_wanted = self.tenant.as_ref().is_none_or(|tenant| *tenant == header.destination.tenant);
        match self.content.get(from..end) {
            Some(lines) if is_wanted && !lines.is_empty() => take(&header.destination, lines),
            _ => Ok(true),
        }
    }

    /// Reads a whole file; `None` if that fails, or it is too large for an entry.
    fn load(&mut self, file: File) -> Option<Snapshot> {
        let found = file.metadata().ok()?;
        self.content.clear();
        let read = file.take(MAX_ENTRY_BYTES + 1).read_to_end(&mut self.content).ok()?;
        (read as u64 <= MAX_ENTRY_BYTES).then(|| Snapshot::of(&found))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::super::append::append;
    use super::super::entry::{Claimed, Entry};
    use super::*;

    /// Small entries, so that many are begun, full and renamed.
    const ENTRY_BYTES: usize = 2048;

    fn destination(url: &str) -> Destination {
        Destination { url: url.to_owned(), tenant: "0:0".to_owned(), ..Destination::default() }
    }

    fn put(folder: &std::path::Path, destination: &Destination, lines: &str) {
        append(folder, destination, lines.as_bytes(), ENTRY_BYTES).unwrap();
    }

    fn outbox() -> (tempfile::TempDir, Outbox) {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(folder.path().to_owned(), 1 << 30);
        (folder, outbox)
    }

    /// The lines of one more pass.
    fn lines(reader: &mut OutboxReader) -> Vec<String> {
        let mut found = Vec::new();
        let take: Take = &mut |_, lines| {
            found.extend(String::from_utf8_lossy(lines).lines().map(str::to_owned));
            Ok(true)
        };
        reader.pass(take).unwrap();
        found
    }

    fn claim(folder: &std::path::Path, name: &str) -> Option<Box<Entry>> {
        match Entry::find(folder, name) {
            Claimed::Entry(entry) => Some(entry),
            _ => None,
        }
    }

    #[test]
    fn what_is_delivered_torn_or_no_entry_is_not_read() {
        let (folder, outbox) = outbox();
        put(folder.path(), &destination("a"), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
        let name = names::list(folder.path()).remove(0);
        let mut entry = claim(folder.path(), &name).unwrap();
        entry.next(0);
        entry.advance(8).unwrap();
        drop(entry);
        put(folder.path(), &destination("a"), "{\"n\":4}\n");
        let open = folder.path().join(names::list(folder.path()).pop().unwrap());
        let whole = fs::read_to_string(&open).unwrap();
        fs::write(&open, whole + "{\"n\":5").unwrap();
        fs::write(folder.path().join("notes.txt"), "{\"n\":6}\n").unwrap();
        fs::create_dir(folder.path().join("rejected")).unwrap();
        put(&folder.path().join("rejected"), &destination("a"), "{\"n\":7}\n");
        let later = name.replace("open", "00000000000000000001-1-0000000000000000");
        fs::write(folder.path().join(&later), "{\"vlog_outbox\":3}\n{\"n\":8}\n").unwrap();
        let mut reader = outbox.reader(None).unwrap();
        assert_eq!(lines(&mut reader), ["{\"n\":2}", "{\"n\":3}", "{\"n\":4}"]);
        assert_eq!(lines(&mut reader), Vec::<String>::new());
    }

    #[test]
    fn entries_of_the_first_version_are_read() {
        let (folder, outbox) = outbox();
        let name = "00000000000000000001-1-0000000000000000.0000000000000000.0000000000000000.jsonl";
        let header = "{\"vlog_outbox\":1,\"protocol\":\"jsonline\",\"url\":\"a\",\"tenant\":\"0:0\",\"host\":\"\",\
                      \"stream_fields\":[]}";
        fs::write(folder.path().join(name), format!("{header}\n\n\n\n{{\"n\":1}}\n")).unwrap();
        assert_eq!(lines(&mut outbox.reader(None).unwrap()).concat(), "{\"n\":1}");
    }

    #[test]
    fn a_tenant_narrows() {
        let (folder, outbox) = outbox();
        put(folder.path(), &destination("a"), "{\"n\":1}\n");
        put(folder.path(), &Destination { tenant: "5:0".to_owned(), ..destination("a") }, "{\"n\":2}\n");
        assert_eq!(lines(&mut outbox.reader(None).unwrap()).len(), 2);
        assert_eq!(lines(&mut outbox.reader(Some("5:0".to_owned())).unwrap()), ["{\"n\":2}"]);
    }

    #[test]
    fn what_is_put_later_comes_with_the_next_pass_also_if_it_was_delivered_already() {
        let (folder, outbox) = outbox();
        let mut reader = outbox.reader(None).unwrap();
        assert_eq!(lines(&mut reader), Vec::<String>::new());
        put(folder.path(), &destination("a"), "{\"n\":1}\n");
        assert_eq!(lines(&mut reader), ["{\"n\":1}"]);
        put(folder.path(), &destination("a"), "{\"n\":2}\n{\"n\":3}\n");
        let name = names::list(folder.path()).remove(0);
        let mut entry = claim(folder.path(), &name).unwrap();
        entry.next(0);
        entry.advance(16).unwrap();
        assert_eq!(lines(&mut reader), ["{\"n\":2}", "{\"n\":3}"]);
        entry.advance(8).unwrap();
        assert_eq!(lines(&mut reader), Vec::<String>::new());
    }

    /// One process fills entries of a server that is down, two others put and drain for one that is up, and a fourth
    /// drops. Whatever lies there all the time is found by each reader, and nothing is found twice.
    #[test]
    fn nothing_is_lost_and_nothing_comes_twice_while_others_put_drain_and_drop() {
        const OLD: usize = 500;
        let (folder, outbox) = outbox();
        for n in 0..OLD {
            put(folder.path(), &destination("down"), &format!("{{\"old\":{n}}}\n"));
        }
        let is_over = AtomicBool::new(false);
        let again = || !is_over.load(Ordering::Relaxed);
        let folder = folder.path();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 0;
                while again() {
                    n += 1;
                    put(folder, &destination("down"), &format!("{{\"new\":{n}}}\n"));
                }
            });
            scope.spawn(|| {
                let mut n = 0;
                while again() {
                    n += 1;
                    put(folder, &destination("up"), &format!("{{\"gone\":{n}}}\n{{\"too\":{n}}}\n"));
                }
            });
            scope.spawn(|| {
                let up = destination("up").server();
                while again() {
                    let all = names::list(folder);
                    for name in all.iter().filter(|name| names::server(name) == Some(&up)) {
                        if let Some(mut entry) = claim(folder, name) {
                            let bytes = entry.next(100).len();
                            entry.advance(bytes).unwrap();
                        }
                    }
                }
            });
            for _ in 0..50 {
                let found = lines(&mut outbox.reader(None).unwrap());
                let old = found.iter().filter(|line| line.starts_with("{\"old\"")).count();
                let different: HashSet<_> = found.iter().collect();
                assert_eq!((old, different.len()), (OLD, found.len()));
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}
