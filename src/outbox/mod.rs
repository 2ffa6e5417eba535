//! The outbox: a directory of records that could not be delivered yet.
//!
//! Each `.jsonl` file is an entry (`entry.rs`); `ls` and `cat` explain it. There is no daemon and no index, but a
//! counter of bytes for the cap, which any scan sets right. Any number of processes may put and drain at once, and
//! a record is delivered twice only if a process died, or gave up waiting, between sending and noting it.
//!
//! Nothing is synced to disk: a power cut may cost the last seconds, which logs can bear. Files that are no entries
//! are left alone and count nothing.

mod counters;
mod destination;
mod entry;

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::record::time::Time;
use counters::{Counter, open_plain};
pub use destination::Destination;
pub use entry::{ENTRY_BYTES, Entry};
use entry::{Found, cost};

/// The directory. It is made by the first put.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
    max_bytes: u64,
}

/// What waits, for people.
#[derive(Debug, Default)]
pub struct Summary {
    /// Records that wait for this server.
    pub records: u64,
    /// The bytes of their entries.
    pub bytes: u64,
    /// When the oldest of them came.
    pub oldest: Option<Time>,
    /// Those of them that only `flush --old` sends.
    pub old: u64,
    /// Records that wait for other servers.
    pub records_of_others: u64,
    /// Records that their server refused.
    pub rejected: u64,
    /// Records put aside because it could not be told where they were to go.
    pub misdirected: u64,
    /// Records dropped by the cap since the outbox was made.
    pub dropped: u64,
    /// Records sent whose time the server may not keep.
    pub doubtful: u64,
    /// Files that are no entries, damaged ones, and those of other versions.
    pub foreign: u64,
}

/// What became of a put.
#[derive(Debug, Default)]
pub struct Put {
    /// Records that the cap, or a full disk, has dropped for it.
    pub dropped: u64,
    /// How many bytes of it are kept: all, unless there is an error.
    pub kept: usize,
    /// Why the rest could not be.
    pub error: Option<anyhow::Error>,
}

/// What one more record without a long message takes of the disk, in an entry of its own or at the end of one.
const SMALL_RECORD_BYTES: u64 = 8 * 1024;

/// VictoriaLogs keeps 7 days by default and drops older records while it answers 200 (`-retentionPeriod`).
const OLD: Duration = Duration::from_secs(6 * 24 * 60 * 60);

/// The counter of what all entries together take of the disk.
const BYTES: &str = "bytes";

/// The counter of records that the cap has dropped.
pub const DROPPED: &str = "dropped";

/// The counter of records sent with a time that the server may not keep.
pub const DOUBTFUL: &str = "doubtful_times";

/// The directory of records that were put aside.
const REJECTED: &str = "rejected";

/// What went wrong last, by server.
const LAST_ERROR: &str = "last_error";

/// The most that is read of the last error.
const MAX_ERROR_BYTES: u64 = 64 * 1024;

impl Outbox {
    /// An outbox in `folder` that takes `max_bytes` of disk at most, and a quarter of that for what is put aside.
    #[must_use]
    pub fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self { folder, max_bytes }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it may take of the disk.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Keeps whole JSON lines for `destination`. If that exceeds the cap, or the disk is full, the oldest entries go.
    #[must_use]
    pub fn put(&self, destination: &Destination, lines: &[u8]) -> Put {
        let mut put = Put::default();
        put.error =
            self.prepare().and_then(|()| self.put_into(&self.folder, destination, lines, &mut put)).err();
        put
    }

    /// Keeps lines that their server refused, or that have no known destination, where no drain finds them.
    #[must_use]
    pub fn put_aside(&self, destination: &Destination, lines: &[u8]) -> Put {
        let mut put = Put::default();
        let folder = self.folder.join(REJECTED);
        let made = self.prepare().and_then(|()| make_folder(&folder));
        put.error = made.and_then(|()| self.put_into(&folder, destination, lines, &mut put)).err();
        put
    }

    /// Makes the directory if it is missing.
    ///
    /// # Errors
    /// It cannot be made, or is not the caller's own.
    pub fn prepare(&self) -> Result<()> {
        if !self.is_ours()? {
            make_folder(&self.folder)?;
            for name in [BYTES, DROPPED] {
                // While there is room for them. Where there is none, the first count tries again.
                let _ = Counter::open(&self.folder.join(name)).map(|counter| counter.set(0));
            }
        }
        Ok(())
    }

    /// Whether the directory is there. A directory that others own or may write is not used, nor one that somebody
    /// else's symbolic link names: what lies in it may be anybody's.
    ///
    /// # Errors
    /// It is not the caller's own.
    pub fn is_ours(&self) -> Result<bool> {
        let user = nix::unistd::geteuid().as_raw();
        let look = |found: io::Result<fs::Metadata>| match found {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found
                .map(Some)
                .map_err(|error| anyhow!(without_code(&error)))
                .with_context(|| format!("could not use {}", self.folder.display())),
        };
        let Some(mut found) = look(fs::symlink_metadata(&self.folder))? else { return Ok(false) };
        if found.is_symlink() {
            if ![0, user].contains(&found.uid()) {
                bail!("could not use {}: it is somebody else's symbolic link", self.folder.display());
            }
            let Some(target) = look(fs::metadata(&self.folder))? else { return Ok(false) };
            found = target;
        }
        if found.uid() != user || found.mode() & 0o002 != 0 || !found.is_dir() {
            bail!("could not use {}: it is not a directory of your own", self.folder.display());
        }
        Ok(true)
    }

    /// When an entry is full. Under a small cap entries are small, so that dropping one spares the others.
    fn entry_bytes(&self) -> usize {
        usize::try_from(self.max_bytes / 4).unwrap_or(ENTRY_BYTES).clamp(1, ENTRY_BYTES)
    }

    /// Keeps lines in `folder`, and counts in `put` what is kept and what is dropped for it. It never drops its own.
    fn put_into(&self, folder: &Path, destination: &Destination, lines: &[u8], put: &mut Put) -> Result<()> {
        let most = if folder == self.folder { self.max_bytes } else { self.max_bytes / 4 };
        let (mut own, mut own_bytes) = (Vec::new(), 0);
        let mut rest = lines;
        while !rest.is_empty() {
            let (now, later) = split_lines(rest, self.entry_bytes());
            own_bytes += entry::cost_of(destination, now);
            // What is put aside may always be one entry.
            if own_bytes > most && !(own.is_empty() && folder != self.folder) {
                bail!("the outbox may take {most} bytes only (VLOG_OUTBOX_MAX)");
            }
            match entry::append(folder, destination, now, self.entry_bytes()) {
                Ok(grown) => {
                    own.push(grown.inode);
                    put.dropped += self.account(folder, grown.by, most, &own);
                }
                Err(error) => match self.drop_for_room(folder, &error, &own) {
                    Some(dropped) => {
                        put.dropped += dropped;
                        own_bytes -= entry::cost_of(destination, now);
                        continue;
                    }
                    None => {
                        return Err(anyhow!(without_code(&error)))
                            .with_context(|| format!("could not write to {}", self.folder.display()));
                    }
                },
            }
            put.kept += now.len();
            rest = later;
        }
        Ok(())
    }

    /// Adds what an entry has grown by; if the sum exceeds `most`, the oldest go that are not among `own`. How many
    /// records those had.
    fn account(&self, folder: &Path, by: u64, most: u64, own: &[u64]) -> u64 {
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
    fn drop_for_room(&self, folder: &Path, error: &io::Error, own: &[u64]) -> Option<u64> {
        if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return None;
        }
        let others = by_age(folder).into_iter().filter(|file| !own.contains(&file.inode));
        let dropped = others.into_iter().find_map(|file| drop_entry(folder, &file.name))?;
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
        for file in files {
            if trimmed.left <= most {
                break;
            }
            if spared.contains(&file.inode) {
                continue;
            }
            if let Some(records) = drop_entry(folder, &file.name) {
                trimmed.dropped += records;
                trimmed.left -= file.cost;
            }
        }
        self.count(DROPPED, trimmed.dropped);
        trimmed
    }

    /// Adds to a persistent counter.
    pub fn count(&self, name: &str, by: u64) {
        if by > 0
            && let Ok(counter) = Counter::open(&self.folder.join(name))
        {
            counter.set(counter.get().unwrap_or(0).saturating_add(by));
        }
    }

    /// What waits for `destination`, oldest first; with what is so old that its server would drop it if `old`.
    ///
    /// # Errors
    /// The directory is not the caller's own.
    pub fn waiting(&self, destination: &Destination, old: bool) -> Result<Waiting> {
        self.list(self.folder.clone(), vec![destination.clone()], old)
    }

    /// What was put aside for `destination`, and what had no known one.
    ///
    /// # Errors
    /// The directory is not the caller's own.
    pub fn aside(&self, destination: &Destination) -> Result<Waiting> {
        let all = vec![destination.clone(), Destination::unknown(Vec::new())];
        self.list(self.folder.join(REJECTED), all, true)
    }

    fn list(&self, folder: PathBuf, destinations: Vec<Destination>, old: bool) -> Result<Waiting> {
        let youngest = if old { Time(i64::MIN) } else { youngest() };
        let mut names = if self.is_ours()? { entry::names(&folder) } else { Vec::new() };
        // Mostly there are none, and hashes cost more than all the rest.
        if !names.is_empty() {
            let servers: Vec<_> = destinations.iter().flat_map(Destination::servers).collect();
            names.retain(|name| servers.iter().any(|server| entry::server(name) == Some(server)));
        }
        Ok(Waiting {
            folder,
            destinations,
            youngest,
            names: names.into(),
            held: VecDeque::new(),
            stuck: Vec::new(),
            lacks_descriptors: false,
            old: 0,
            foreign: 0,
        })
    }

    /// Notes that the next `bytes` of an entry are delivered. The entry goes if that is all.
    ///
    /// # Errors
    /// It can be neither noted nor removed.
    pub fn advance(&self, entry: &mut Entry, bytes: usize) -> Result<()> {
        let cost = entry.cost();
        entry
            .advance(bytes)
            .map_err(|error| anyhow!(without_code(&error)))
            .with_context(|| format!("could not note in {} what is delivered", self.folder.display()))?;
        // What is put aside is not counted.
        if entry.is_over()
            && entry.is_in(&self.folder)
            && let Ok(counter) = Counter::open(&self.folder.join(BYTES))
        {
            // Without a number the next put scans.
            let _ = counter.get().map(|sum| counter.set(sum.saturating_sub(cost)));
        }
        Ok(())
    }

    /// Remembers what went wrong with `destination`, for `status`.
    pub fn remember(&self, destination: &Destination, error: &str) {
        let text = format!("{}\n", json!({"time": Time::now().0, "error": error}));
        let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).to_owned();
        // It only informs; that it could not be written is told by whatever comes next.
        let _ = open_plain(&self.last_error_path(destination), &options)
            .and_then(|mut file| file.write_all(text.as_bytes()));
    }

    /// What went wrong last with `destination`, and when.
    #[must_use]
    pub fn last_error(&self, destination: &Destination) -> Option<(Time, String)> {
        let mut text = Vec::new();
        let file = open_plain(&self.last_error_path(destination), OpenOptions::new().read(true)).ok()?;
        file.take(MAX_ERROR_BYTES).read_to_end(&mut text).ok()?;
        let found: Value = serde_json::from_slice(&text).ok()?;
        Some((Time(found.get("time")?.as_i64()?), found.get("error")?.as_str()?.to_owned()))
    }

    fn last_error_path(&self, destination: &Destination) -> PathBuf {
        self.folder.join(format!("{LAST_ERROR}.{}", destination.server()))
    }

    /// Counts what lies in the outbox, and sets its counter of bytes right.
    ///
    /// # Errors
    /// It is not the caller's own.
    pub fn summary(&self, destination: &Destination) -> Result<Summary> {
        let mut summary = Summary::default();
        if !self.is_ours()? {
            return Ok(summary);
        }
        summary.dropped = counters::read(&self.folder.join(DROPPED));
        summary.doubtful = counters::read(&self.folder.join(DOUBTFUL));
        summary.foreign = self.strangers();
        let youngest = youngest();
        let mut bytes = 0;
        for name in entry::names(&self.folder) {
            let Some(look) = entry::look(&self.folder, &name) else {
                summary.foreign += 1;
                continue;
            };
            bytes += cost(look.bytes);
            if !destination.takes(&look.header.destination, look.header.version) {
                summary.records_of_others += look.records;
            } else if look.records > 0 {
                summary.records += look.records;
                summary.bytes += look.bytes;
                summary.oldest = summary.oldest.min(Some(look.header.since)).or(Some(look.header.since));
                summary.old += if look.header.since < youngest { look.records } else { 0 };
            }
        }
        if let Ok(counter) = Counter::open(&self.folder.join(BYTES)) {
            counter.set(bytes);
        }
        let rejected = self.folder.join(REJECTED);
        for look in entry::names(&rejected).iter().filter_map(|name| entry::look(&rejected, name)) {
            let known = look.header.destination.is_known();
            *(if known { &mut summary.rejected } else { &mut summary.misdirected }) += look.records;
        }
        Ok(summary)
    }

    /// How many files are none of ours by their names.
    fn strangers(&self) -> u64 {
        let ours = |name: &str| {
            let kind = name.split('.').next().unwrap_or_default();
            [BYTES, DROPPED, DOUBTFUL, REJECTED].contains(&name) || [LAST_ERROR, "breaker"].contains(&kind)
        };
        let all = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_strange = |entry: &fs::DirEntry| {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            entry.file_name().to_str().is_none_or(|name| !(ours(name) || is_file && entry::is_name(name)))
        };
        all.filter(is_strange).count() as u64
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

/// The entries in a directory by their first record's time. The names alone do not tell it: open entries have none.
fn by_age(folder: &Path) -> Vec<Aged> {
    let aged = |name: String| {
        let (since, found) = entry::front(folder, &name)?;
        Some(Aged { since, name, inode: found.ino(), cost: cost(found.len()) })
    };
    let mut files: Vec<_> = entry::names(folder).into_iter().filter_map(aged).collect();
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

/// Drops the entry of that name, unless somebody holds it or it is none; how many records it had.
fn drop_entry(folder: &Path, name: &str) -> Option<u64> {
    let Found::Entry(entry) = Entry::find(folder, name) else { return None };
    entry.remove().then(|| entry.records())
}

/// Entries that came before this are old.
fn youngest() -> Time {
    Time(Time::now().0.saturating_sub_unsigned(u64::try_from(OLD.as_nanos()).unwrap_or(u64::MAX)))
}

/// Entries that wait for one destination, oldest first, as they were listed. Each is looked at once, so that going
/// through them has an end whatever the server and the disk do; only what another process holds can be asked for again.
#[derive(Debug)]
pub struct Waiting {
    folder: PathBuf,
    destinations: Vec<Destination>,
    /// Entries that came before this are left alone.
    youngest: Time,
    names: VecDeque<String>,
    held: VecDeque<String>,
    /// Entries that could not be taken, and why.
    pub stuck: Vec<(String, String)>,
    /// Whether there was no descriptor left for the next.
    pub lacks_descriptors: bool,
    /// Entries left alone because of their age.
    pub old: u64,
    /// Files left alone because they are none of ours, or of another version.
    pub foreign: u64,
}

impl Waiting {
    /// The next entry.
    pub fn claim(&mut self) -> Option<Box<Entry>> {
        while let Some(name) = self.names.pop_front() {
            if entry::arrival(&name).is_some_and(|arrival| arrival < self.youngest) {
                self.old += 1;
                continue;
            }
            match Entry::find(&self.folder, &name) {
                Found::Entry(entry) if entry.since < self.youngest => self.old += 1,
                // A name can be forged by a slip of the hand; what the entry says goes.
                Found::Entry(entry) if self.takes(&entry) => return Some(entry),
                Found::Entry(_) | Found::Gone => {}
                Found::Foreign => self.foreign += 1,
                Found::Held => self.held.push_back(name),
                Found::Stuck(why) => self.stuck.push((name, why)),
                Found::NoDescriptor => {
                    self.names.push_front(name);
                    self.lacks_descriptors = true;
                    return None;
                }
            }
        }
        None
    }

    fn takes(&self, entry: &Entry) -> bool {
        self.destinations.iter().any(|destination| destination.takes(&entry.destination, entry.version()))
    }

    /// The next entry, if it may share a request with the one called `name`.
    pub fn claim_like(&mut self, name: &str) -> Option<Box<Entry>> {
        let next = self.names.front().filter(|next| entry::suffix(next) == entry::suffix(name))?.clone();
        let claimed = self.claim();
        match claimed {
            // It may have been another that was next, after this one turned out to be gone.
            Some(entry) if entry::suffix(entry.name()) != entry::suffix(&next) => {
                self.put_back(&entry);
                None
            }
            claimed => claimed,
        }
    }

    /// Makes an entry the next one again.
    pub fn put_back(&mut self, entry: &Entry) {
        self.names.push_front(entry.name().to_owned());
    }

    /// Leaves these entries out.
    pub fn leave_out(&mut self, names: &BTreeSet<String>) {
        self.names.retain(|name| !names.contains(name));
    }

    /// Whether nothing is left to be claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many entries other processes held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Asks again for what other processes held.
    pub fn retry_held(&mut self) {
        self.names.append(&mut self.held);
    }
}

/// Cuts after the last line that ends within `most` bytes; the first piece has at least one line.
#[must_use]
pub fn split_lines(lines: &[u8], most: usize) -> (&[u8], &[u8]) {
    if lines.len() <= most {
        return (lines, &[]);
    }
    let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
    let within = lines.get(..most).and_then(end);
    let first = || lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |at| at + 1);
    lines.split_at(within.unwrap_or_else(first))
}

/// Makes a directory for this user only, and what is missing above it.
fn make_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| anyhow!(without_code(&error)))
        .with_context(|| format!("could not make {}", folder.display()))
}

/// The error without its number, which tells a reader nothing.
fn without_code(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
