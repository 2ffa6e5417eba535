//! The cap, and what makes room: the oldest entries go, whoever's they are, and their records are counted.
//!
//! A put looks at a counter of bytes only. What it takes to make room grows with the number of entries; so that it is not
//! paid again by the next puts, a large outbox makes more room at once than they need.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::counters::Counter;
use super::entry::{self, Claimed, ENTRY_BYTES, Entry, MAX_ENTRY_BYTES, cost};
use super::names;
use super::{BYTES, DROPPED, Outbox};
use crate::record::time::Time;

/// What one more record without a long message takes of the disk, in an entry of its own or at the end of one.
const SMALL_RECORD_BYTES: u64 = 8 * 1024;

/// Making room in a large outbox frees this part of its cap at once: of 2 GiB 8 MiB, which is 32 full entries. Of less than
/// 64 MiB the part is smaller than one entry, and no more entries go than must.
const ROOM_PART: u64 = 256;

impl Outbox {
    /// Adds `by`, the bytes that an entry has grown by, to the counter. If the sum exceeds `most`, the oldest entries are
    /// dropped, but none of those whose inode is in `own`. How many records that cost.
    pub(super) fn account(&self, folder: &Path, by: u64, most: u64, own: &[u64]) -> u64 {
        if folder != self.folder {
            return self.trim(folder, most, own).dropped;
        }
        if by == 0 {
            return 0;
        }
        // Its lock is held to the end: others that are over the cap at the same time see what was dropped here.
        let counter = Counter::open(&self.folder.join(BYTES));
        let sum = counter.as_ref().ok().and_then(Counter::get).map(|sum| sum.saturating_add(by));
        if let (Ok(counter), Some(sum)) = (&counter, sum.filter(|sum| *sum <= most)) {
            counter.set(sum);
            return 0;
        }
        let trimmed = self.trim(folder, most, own);
        if let Ok(counter) = &counter {
            counter.set(trimmed.left);
        }
        trimmed.dropped
    }

    /// On a full disk, drops the oldest entry of `folder` that is not among `own`; how many records that had. `None` if
    /// the disk is not full, or there is nothing to drop. The counter of bytes is too high then, until the next scan.
    pub(super) fn drop_for_room(&self, folder: &Path, error: &io::Error, own: &[u64]) -> Option<u64> {
        if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return None;
        }
        let others = by_age(folder).into_iter().filter(|file| !own.contains(&file.inode));
        let dropped = others.into_iter().find_map(|file| match drop_entry(folder, &file.name) {
            Dropped::Records(records) => Some(records),
            Dropped::Nothing | Dropped::Kept => None,
        })?;
        self.count(DROPPED, dropped);
        Some(dropped)
    }

    /// Makes room for one more small record; how many were dropped for that.
    #[must_use]
    pub fn make_room(&self) -> u64 {
        self.trim(&self.folder, self.max_bytes.saturating_sub(SMALL_RECORD_BYTES), &[]).dropped
    }

    /// Drops the oldest entries in `folder` but for `spared`, until all together take `most` bytes of the disk.
    /// What somebody holds is spared too, and what is no entry counts nothing.
    fn trim(&self, folder: &Path, most: u64, spared: &[u64]) -> Trimmed {
        let files = by_age(folder);
        let mut trimmed = Trimmed { dropped: 0, left: files.iter().map(|file| file.cost).sum() };
        if trimmed.left <= most {
            return trimmed;
        }
        let room = (most / ROOM_PART).saturating_sub(ENTRY_BYTES as u64);
        for file in files.iter().filter(|file| !spared.contains(&file.inode)) {
            if trimmed.left <= most - room {
                break;
            }
            match drop_entry(folder, &file.name) {
                Dropped::Records(records) => trimmed.dropped += records,
                Dropped::Nothing => {}
                Dropped::Kept => continue,
            }
            trimmed.left -= file.cost;
        }
        self.count(DROPPED, trimmed.dropped);
        trimmed
    }
}

/// An entry, as a trim looks at it.
struct Aged {
    since: Time,
    name: String,
    /// What stays the same when it is renamed.
    inode: u64,
    /// What it takes of the disk.
    cost: u64,
}

/// The entries in a directory by their first record's time. Their names tell it, but for open ones; no other file is
/// read, since there may be thousands.
fn by_age(folder: &Path) -> Vec<Aged> {
    let aged = |name: String| {
        let (since, found) = match names::arrival(&name) {
            Some(since) => (since, fs::symlink_metadata(folder.join(&name)).ok()?),
            None => entry::front(folder, &name)?,
        };
        let is_entry = found.len() <= MAX_ENTRY_BYTES;
        is_entry.then(|| Aged { since, name, inode: found.ino(), cost: cost(found.len()) })
    };
    let mut files: Vec<_> = names::list(folder).into_iter().filter_map(aged).collect();
    files.sort_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
    files
}

/// What a trim has done.
struct Trimmed {
    /// The records of the entries that were dropped.
    dropped: u64,
    /// What is left, in bytes of the disk.
    left: u64,
}

/// What became of an entry that was to go.
enum Dropped {
    /// It is gone, and had so many records.
    Records(u64),
    /// It was none, or is gone already: it takes nothing of what the cap is for.
    Nothing,
    /// Somebody holds it, or it cannot be removed.
    Kept,
}

/// Drops the entry of that name.
fn drop_entry(folder: &Path, name: &str) -> Dropped {
    match Entry::find(folder, name) {
        Claimed::Entry(entry) if entry.remove() => Dropped::Records(entry.records()),
        Claimed::Gone | Claimed::Foreign => Dropped::Nothing,
        Claimed::Entry(_) | Claimed::Held | Claimed::Stuck(_) | Claimed::NoDescriptor => Dropped::Kept,
    }
}
