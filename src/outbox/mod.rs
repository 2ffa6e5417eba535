//! The outbox: a directory of records that could not be delivered yet.
//!
//! Each `.jsonl` file is an entry (`entry.rs`); `ls` and `cat` explain it. There is no daemon and no index, but a
//! counter of bytes for the cap, which any scan sets right. Any number of processes may put and drain at once, and
//! a record is delivered twice only if a process died, or gave up waiting, between sending and noting it.
//!
//! Nothing is synced to disk: a power cut may cost the last seconds, which logs can bear. Files that are no entries
//! are left alone and count nothing.

mod append;
mod cap;
mod counters;
mod destination;
mod entry;
mod names;
mod read;
mod summary;
mod waiting;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use crate::record::time::Time;
use crate::sys::cause::cause;
use counters::{Counter, open_plain};
pub use destination::Destination;
pub use entry::{ENTRY_BYTES, Entry};
pub use read::OutboxReader;
pub use summary::Summary;
pub use waiting::Waiting;

/// The directory. It is made by the first put.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
    max_bytes: u64,
}

/// What became of a put.
#[derive(Debug, Default)]
pub struct Put {
    /// Records that the cap, or a full disk, has dropped for it.
    pub dropped: u64,
    /// Which bytes of it are kept: all, unless there is an error.
    pub kept: Range<usize>,
    /// Why the rest could not be.
    pub error: Option<anyhow::Error>,
}

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
                let _ = Counter::open(&self.folder.join(name)).map(|counter| counter.begin());
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
                .map_err(|error| anyhow!(cause(&error)))
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

    /// Keeps lines in `folder`, and notes in `put` what is kept and what is dropped for it. It never drops its own; of
    /// more than there is ever room for, the end is kept.
    fn put_into(&self, folder: &Path, destination: &Destination, lines: &[u8], put: &mut Put) -> Result<()> {
        let most = if folder == self.folder { self.max_bytes } else { self.max_bytes / 4 };
        let pieces = self.pieces(lines);
        let costs: Vec<_> = pieces.iter().map(|piece| append::cost_of(destination, piece)).collect();
        // What is put aside may always be one entry.
        let least = usize::from(folder != self.folder);
        let fits =
            |from: &usize| costs.iter().skip(*from).sum::<u64>() <= most || from + least >= pieces.len();
        let first = (0..=pieces.len()).find(fits).unwrap_or(pieces.len());
        let start = pieces.iter().take(first).map(|piece| piece.len()).sum();
        put.kept = start..start;
        let mut own = Vec::new();
        for piece in pieces.iter().skip(first) {
            let grown = loop {
                let error = match append::append(folder, destination, piece, self.entry_bytes()) {
                    Ok(grown) => break grown,
                    Err(error) => error,
                };
                let Some(dropped) = self.drop_for_room(folder, &error, &own) else {
                    return Err(anyhow!(cause(&error)))
                        .with_context(|| format!("could not write to {}", self.folder.display()));
                };
                put.dropped += dropped;
            };
            own.push(grown.inode);
            put.dropped += self.account(folder, grown.by, most, &own);
            put.kept.end += piece.len();
        }
        ensure!(first == 0, "the outbox may take {most} bytes only (VLOG_OUTBOX_MAX)");
        Ok(())
    }

    /// The lines in pieces that an entry takes.
    fn pieces<'a>(&self, lines: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        let mut rest = lines;
        while !rest.is_empty() {
            let (piece, later) = split_lines(rest, self.entry_bytes());
            pieces.push(piece);
            rest = later;
        }
        pieces
    }

    /// Adds to a persistent counter.
    pub fn count(&self, name: &str, by: u64) {
        if by > 0
            && let Ok(counter) = Counter::open(&self.folder.join(name))
        {
            counter.set(counter.get().unwrap_or(0).saturating_add(by));
        }
    }

    /// Notes that the next `bytes` of an entry are delivered. The entry goes if that is all.
    ///
    /// # Errors
    /// It can be neither noted nor removed.
    pub fn advance(&self, entry: &mut Entry, bytes: usize) -> Result<()> {
        let cost = entry.cost();
        entry
            .advance(bytes)
            .map_err(|error| anyhow!(cause(&error)))
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
    made.map_err(|error| anyhow!(cause(&error)))
        .with_context(|| format!("could not make {}", folder.display()))
}
