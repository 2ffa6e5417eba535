//! The outbox: a directory of records that could not be delivered yet.
//!
//! Each `.jsonl` file is an entry: a first line that says where its records go, then one JSON line each. `ls` and
//! `cat` explain it; there is no index and no daemon. A name is `TIME-PROCESS-RANDOM.SERVER.STREAM.jsonl`: unix
//! nanoseconds, so that order by name is order of arrival, then what makes it unique, then hashes of the
//! destination, so that no entry is opened for another's sake.
//!
//! A put appends to the newest entry of its destination, or starts one. Whoever appends to an entry, sends it or
//! drops it holds its flock(2), which dies with its holder. Between opening and locking an entry may have been
//! sent and removed; its link count is 0 then, and it is let go. So any number of processes may put and drain at
//! once, and a record is delivered twice only if a process died, or gave up waiting, between sending and removing.
//!
//! A line torn by a crash is closed before the next append and skipped at delivery. Nothing is synced to disk: a
//! power cut may cost the last seconds, which logs can bear. Files that are no entries are left alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::record::hash;
use crate::time::Time;

/// An entry takes no more appends at this size; it is also what one request of a drain carries at most.
pub const ENTRY_BYTES: usize = 256 * 1024;

/// A larger file is no entry: one record may exceed the size at which an entry is full, but not by much.
const MAX_ENTRY_BYTES: u64 = 4 * ENTRY_BYTES as u64;

/// How often a new entry is tried under another name, should a drain be faster than its creator.
const TRIES: usize = 10;

/// Whose records an entry holds. Credentials are no part of it: they are never written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The endpoint's base URL.
    pub url: String,
    /// The tenant, as its headers say it.
    pub tenant: String,
    /// The machine, if the URL means "this one": a home may be shared between several.
    pub host: String,
    /// Which fields make up the stream.
    pub stream_fields: Vec<String>,
}

impl Destination {
    /// The first line of an entry, newline included.
    fn header(&self) -> Vec<u8> {
        let Self { url, tenant, host, stream_fields } = self;
        let header = json!({"vlog_outbox": 1, "protocol": "jsonline", "url": url, "tenant": tenant, "host": host,
            "stream_fields": stream_fields});
        format!("{header}\n").into_bytes()
    }

    fn from_header(line: &[u8]) -> Option<Self> {
        let header: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| Some(header.get(name)?.as_str()?.to_owned());
        let names = header.get("stream_fields")?.as_array()?.iter();
        let stream_fields = names.map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?;
        Some(Self { url: text("url")?, tenant: text("tenant")?, host: text("host")?, stream_fields })
    }

    /// What tells this server's entries and breaker from others'.
    #[must_use]
    pub fn server(&self) -> String {
        format!("{:016x}", hash(&format!("jsonline\n{}\n{}\n{}", self.url, self.tenant, self.host)))
    }

    fn suffix(&self) -> String {
        format!(".{}.{:016x}.jsonl", self.server(), hash(&self.stream_fields.join(",")))
    }
}

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
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest of them came.
    pub oldest: Option<Time>,
    /// Records that wait for other servers.
    pub records_of_others: u64,
    /// Records that their server refused.
    pub rejected: u64,
    /// Records dropped by the cap since the outbox was made.
    pub dropped: u64,
    /// Records sent whose time the server may not keep.
    pub doubtful: u64,
    /// Files that are no entries, or damaged ones.
    pub foreign: u64,
}

/// What one more record without a long message takes of the disk, in an entry of its own or at the end of one.
const SMALL_RECORD_BYTES: u64 = 8 * 1024;

/// The counter of records that the cap has dropped.
const DROPPED: &str = "dropped";

/// The counter of records sent with a time that the server may not keep.
pub const DOUBTFUL: &str = "doubtful_times";

/// The directory of records that their server refused.
const REJECTED: &str = "rejected";

/// What went wrong last.
const LAST_ERROR: &str = "last_error";

impl Outbox {
    /// An outbox in `folder` that takes `max_bytes` of disk at most.
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

    /// Keeps whole JSON lines for `destination`; if that exceeds the cap, the oldest entries go. How many records
    /// those had.
    ///
    /// # Errors
    /// The directory cannot be made or written, or is not the caller's own.
    pub fn put(&self, destination: &Destination, lines: &[u8]) -> Result<u64> {
        self.prepare()?;
        self.put_into(&self.folder, destination, lines)?;
        Ok(self.trim(self.max_bytes))
    }

    /// Keeps lines that their server refused where no drain finds them.
    ///
    /// # Errors
    /// As for [`Outbox::put`].
    pub fn reject(&self, destination: &Destination, lines: &[u8]) -> Result<()> {
        self.prepare()?;
        let folder = self.folder.join(REJECTED);
        make_folder(&folder)?;
        self.put_into(&folder, destination, lines)?;
        self.trim(self.max_bytes);
        Ok(())
    }

    /// Makes the directory if it is missing.
    ///
    /// # Errors
    /// As for [`Outbox::put`].
    pub fn prepare(&self) -> Result<()> {
        if !self.is_ours()? {
            make_folder(&self.folder)?;
        }
        Ok(())
    }

    /// Whether the directory is there. A directory that others own or may write is not used: what lies in it
    /// may be anybody's.
    ///
    /// # Errors
    /// It is not the caller's own.
    pub fn is_ours(&self) -> Result<bool> {
        let found = match fs::metadata(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            found => found
                .map_err(|error| without_code(&error))
                .with_context(|| format!("could not use {}", self.folder.display()))?,
        };
        if found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o002 != 0 || !found.is_dir() {
            bail!("could not use {}: it is not a directory of your own", self.folder.display());
        }
        Ok(true)
    }

    /// When an entry is full. Under a small cap entries are small, so that dropping one spares the others.
    fn entry_bytes(&self) -> usize {
        usize::try_from(self.max_bytes / 4).unwrap_or(ENTRY_BYTES).clamp(1, ENTRY_BYTES)
    }

    fn put_into(&self, folder: &Path, destination: &Destination, lines: &[u8]) -> Result<()> {
        let mut rest = lines;
        while !rest.is_empty() {
            let (now, later) = split_lines(rest, self.entry_bytes());
            append(folder, destination, now, self.entry_bytes())
                .map_err(|error| without_code(&error))
                .with_context(|| format!("could not write to {}", self.folder.display()))?;
            rest = later;
        }
        Ok(())
    }

    /// Takes the oldest entry for the server of `destination` that nobody holds; torn lines are left out.
    ///
    /// # Errors
    /// The directory is not the caller's own.
    pub fn claim(&self, destination: &Destination) -> Result<Option<Claim>> {
        if !self.is_ours()? {
            return Ok(None);
        }
        let server = destination.server();
        let ours = |name: &String| name.split('.').nth(1) == Some(&server);
        let claims =
            names(&self.folder).into_iter().filter(ours).filter_map(|name| Claim::new(&self.folder, name));
        // A name can be forged by a slip of the hand; what the entry says goes.
        Ok(claims.into_iter().find(|claim| claim.destination.server() == server))
    }

    /// Whether anything waits for the server of `destination`.
    #[must_use]
    pub fn has_entries(&self, destination: &Destination) -> bool {
        let server = destination.server();
        names(&self.folder).iter().any(|name| name.split('.').nth(1) == Some(&server))
    }

    /// Makes room for one more small record; how many were dropped for that.
    #[must_use]
    pub fn make_room(&self) -> u64 {
        self.trim(self.max_bytes.saturating_sub(SMALL_RECORD_BYTES))
    }

    /// Drops the oldest entries, waiting or rejected, until the disk blocks of all are within `most`. What
    /// somebody holds is spared. How many records were dropped.
    fn trim(&self, most: u64) -> u64 {
        let mut files = Vec::new();
        let mut total = 0;
        for folder in [self.folder.clone(), self.folder.join(REJECTED)] {
            for name in names(&folder) {
                let path = folder.join(&name);
                let Ok(found) = fs::metadata(&path) else { continue };
                // Disk blocks are counted in 512 bytes, whatever the file system's own size.
                let bytes = found.blocks() * 512;
                total += bytes;
                files.push((name, path, bytes));
            }
        }
        if total <= most {
            return 0;
        }
        files.sort_unstable();
        let mut dropped = 0;
        for (_, path, bytes) in files {
            if total <= most {
                break;
            }
            let Some(mut file) = lock(&path) else { continue };
            dropped += count_records(&mut file);
            if fs::remove_file(&path).is_ok() {
                total -= bytes;
            }
        }
        self.count(DROPPED, dropped);
        dropped
    }

    /// Adds to a persistent counter. Should another process hold it for long, the count is given up.
    pub fn count(&self, name: &str, by: u64) {
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).to_owned();
        let Ok(file) = open_plain(&self.folder.join(name), &options) else { return };
        for _ in 0..20 {
            if file.try_lock().is_ok() {
                let sum = read_number(&file).unwrap_or(0).saturating_add(by);
                // One write of constant length: a crash leaves the old number or the new one.
                let _ = file.write_all_at(format!("{sum:020}\n").as_bytes(), 0);
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Remembers what went wrong, for `status`.
    pub fn remember(&self, error: &str) {
        let text = format!("{}\n", json!({"time": Time::now().0, "error": error}));
        let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).to_owned();
        // It only informs; that it could not be written is told by whatever comes next.
        let _ = open_plain(&self.folder.join(LAST_ERROR), &options)
            .and_then(|mut file| file.write_all(text.as_bytes()));
    }

    /// What went wrong last, and when.
    #[must_use]
    pub fn last_error(&self) -> Option<(Time, String)> {
        let mut text = Vec::new();
        let file = open_plain(&self.folder.join(LAST_ERROR), OpenOptions::new().read(true)).ok()?;
        file.take(MAX_ENTRY_BYTES).read_to_end(&mut text).ok()?;
        let found: Value = serde_json::from_slice(&text).ok()?;
        Some((Time(found.get("time")?.as_i64()?), found.get("error")?.as_str()?.to_owned()))
    }

    /// Counts what lies in the outbox.
    ///
    /// # Errors
    /// It is not the caller's own.
    pub fn summary(&self, destination: &Destination) -> Result<Summary> {
        let mut summary = Summary::default();
        if !self.is_ours()? {
            return Ok(summary);
        }
        let counter = |name: &str| {
            let file = open_plain(&self.folder.join(name), OpenOptions::new().read(true));
            file.ok().and_then(|file| read_number(&file))
        };
        summary.dropped = counter(DROPPED).unwrap_or(0);
        summary.doubtful = counter(DOUBTFUL).unwrap_or(0);
        let known = |name: &str| {
            [DROPPED, DOUBTFUL, REJECTED, LAST_ERROR].contains(&name) || name.starts_with("breaker.")
        };
        let all = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let others = all.filter_map(|entry| entry.file_name().into_string().ok());
        summary.foreign += others.filter(|name| !known(name) && !is_entry(name)).count() as u64;
        let server = destination.server();
        for name in names(&self.folder) {
            let Ok(mut file) = File::open(self.folder.join(&name)) else { continue };
            let mut start = [0; 4096];
            let read = file.read_at(&mut start, 0).unwrap_or(0);
            let header = start.get(..read).and_then(|start| start.split(|byte| *byte == b'\n').next());
            let records = count_records(&mut file);
            let is_huge = file.metadata().is_ok_and(|found| found.len() > MAX_ENTRY_BYTES);
            if is_huge || header.and_then(Destination::from_header).is_none() {
                summary.foreign += 1;
            } else if name.split('.').nth(1) == Some(&server) {
                summary.records += records;
                summary.bytes += file.metadata().map_or(0, |found| found.len());
                summary.oldest = summary.oldest.or_else(|| arrival(&name));
            } else {
                summary.records_of_others += records;
            }
        }
        let rejected = self.folder.join(REJECTED);
        let files = names(&rejected).into_iter().filter_map(|name| File::open(rejected.join(name)).ok());
        summary.rejected = files.map(|mut file| count_records(&mut file)).sum();
        Ok(summary)
    }
}

/// An entry that is ours to send, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    name: String,
    /// Holds the lock.
    file: File,
    /// Where its records go.
    pub destination: Destination,
    /// Whole JSON lines.
    pub lines: Vec<u8>,
}

impl Claim {
    fn new(folder: &Path, name: String) -> Option<Self> {
        let mut file = lock(&folder.join(&name))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        let mut all = content.split_inclusive(|byte| *byte == b'\n');
        let destination = all.next().map(Destination::from_header);
        let lines: Vec<u8> = all.filter(|line| is_record(line)).flat_map(whole).collect();
        if lines.is_empty() && (destination.is_none() || destination.as_ref().is_some_and(Option::is_some)) {
            // Nothing but torn lines, or a creator that died at once.
            let _ = fs::remove_file(folder.join(&name));
            return None;
        }
        Some(Self { folder: folder.to_owned(), name, file, destination: destination??, lines })
    }

    /// Puts back only these pieces, each as an entry of its own, in the place of the claims, which are of one
    /// destination. A crash in between leaves some twice, never none. `false` if the claims could not be taken away.
    pub fn replace(claims: Vec<Self>, pieces: &[&[u8]]) -> bool {
        let Some(last) = claims.last() else { return true };
        let (header, suffix) = (last.destination.header(), last.destination.suffix());
        let mut place = arrival(&last.name).unwrap_or_else(Time::now);
        let mut made: Vec<(PathBuf, usize)> = Vec::new();
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            place.0 = place.0.saturating_add(1);
            if let Ok(path) = create(&last.folder, place, &suffix, &header, piece) {
                made.push((path, header.len() + piece.len()));
                continue;
            }
            // Without room for the pieces the claims stay as they are.
            for (path, length) in made {
                take_back(&path, length as u64);
            }
            return false;
        }
        // All are taken away, also after one could not be.
        claims.into_iter().map(Self::remove).filter(|removed| !removed).count() == 0
    }

    /// Takes the entry away, or at least what is in it.
    fn remove(self) -> bool {
        fs::remove_file(self.folder.join(&self.name)).is_ok() || self.file.set_len(0).is_ok()
    }
}

/// Removes an entry of `length` bytes, unless somebody has appended to it or sends it.
fn take_back(path: &Path, length: u64) {
    let Some(file) = lock(path) else { return };
    if file.metadata().is_ok_and(|found| found.len() == length) {
        // What cannot be removed comes twice: at least once.
        let _ = fs::remove_file(path);
    }
}

/// The line with its newline.
fn whole(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    if !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    line
}

/// Whether the line is a JSON object: a torn one is not.
fn is_record(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|value| value.is_object())
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

/// The names of the entries in a directory, oldest first.
fn names(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = all.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: Vec<_> = files
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_entry(name))
        .collect();
    names.sort_unstable();
    names
}

/// `TIME-PROCESS-RANDOM.SERVER.STREAM.jsonl`.
fn is_entry(name: &str) -> bool {
    let is_hash = |part: &str| part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = name.split('.');
    let (id, server, stream, kind) = (parts.next(), parts.next(), parts.next(), parts.next());
    let mut id = id.unwrap_or_default().split('-');
    let (time, process, random) = (id.next(), id.next(), id.next());
    time.is_some_and(|part| part.len() == 20 && is_number(part))
        && process.is_some_and(is_number)
        && random.is_some_and(is_hash)
        && server.is_some_and(is_hash)
        && stream.is_some_and(is_hash)
        && kind == Some("jsonl")
        && parts.next().is_none()
        && id.next().is_none()
}

/// When the first record of an entry came.
fn arrival(name: &str) -> Option<Time> {
    name.get(..20)?.parse().ok().map(Time)
}

/// Opens an entry and locks it; `None` if somebody holds it, or it is gone.
fn lock(path: &Path) -> Option<File> {
    let file = OpenOptions::new().read(true).append(true).open(path).ok()?;
    file.try_lock().ok()?;
    let found = file.metadata().ok()?;
    // Gone between opening and locking: sent or dropped by whoever held it.
    (found.nlink() > 0 && found.len() <= MAX_ENTRY_BYTES).then_some(file)
}

/// Opens a file of the outbox that is no entry, unless something else than a file has its name.
fn open_plain(path: &Path, options: &OpenOptions) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is no regular file")),
        _ => options.open(path),
    }
}

/// Appends to the newest entry that is not full at `most` bytes and that nobody holds, or starts one.
fn append(folder: &Path, destination: &Destination, lines: &[u8], most: usize) -> io::Result<()> {
    let (header, suffix) = (destination.header(), destination.suffix());
    let newest = names(folder).into_iter().rfind(|name| name.ends_with(&suffix));
    let mut time = Time::now();
    if let Some(name) = newest {
        // A clock set back must not make the new entry an old one, or every put would start one.
        time = time.max(Time(arrival(&name).map_or(0, |time| time.0.saturating_add(1))));
        if let Some(file) = lock(&folder.join(name)) {
            let length = file.metadata()?.len();
            let mut start = vec![0; header.len()];
            let is_sound = file.read_exact_at(&mut start, 0).is_ok() && start == header;
            if is_sound && usize::try_from(length).unwrap_or(usize::MAX) + lines.len() <= most {
                return append_lines(&file, length, lines);
            }
        }
    }
    create(folder, time, &suffix, &header, lines).map(drop)
}

/// Appends to a locked entry of `length` bytes. What cannot be written whole is taken back.
fn append_lines(mut file: &File, length: u64, lines: &[u8]) -> io::Result<()> {
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    // A line torn by a crash must not swallow the next one.
    let text = if last == *b"\n" { lines.to_vec() } else { [b"\n", lines].concat() };
    file.write_all(&text).inspect_err(|_| drop(file.set_len(length)))
}

/// Starts an entry; where it is.
fn create(folder: &Path, time: Time, suffix: &str, header: &[u8], lines: &[u8]) -> io::Result<PathBuf> {
    for _ in 0..TRIES {
        let random = RandomState::new().hash_one(time.0);
        let path = folder.join(format!("{:020}-{}-{random:016x}{suffix}", time.0.max(0), std::process::id()));
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path)?;
        // A drain may have found it empty, and removed it, before it could be locked.
        if file.try_lock().is_err() || file.metadata()?.nlink() == 0 {
            continue;
        }
        let text = [header, lines].concat();
        (&file).write_all(&text).inspect_err(|_| drop(fs::remove_file(&path)))?;
        return Ok(path);
    }
    Err(io::Error::other("others are always faster"))
}

/// Makes a directory for this user only, and what is missing above it.
fn make_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| without_code(&error)).with_context(|| format!("could not make {}", folder.display()))
}

/// The error without its number, which tells a reader nothing.
fn without_code(error: &io::Error) -> anyhow::Error {
    let text = error.to_string();
    anyhow::anyhow!(text.split(" (os error").next().unwrap_or_default().to_lowercase())
}

/// The number at the beginning of a file.
fn read_number(file: &File) -> Option<u64> {
    let mut text = [0; 20];
    file.read_exact_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text).ok()?.parse().ok()
}

/// The lines after the first.
fn count_records(file: &mut File) -> u64 {
    let mut content = Vec::new();
    if file.take(MAX_ENTRY_BYTES).read_to_end(&mut content).is_err() {
        return 0;
    }
    let lines = content.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty());
    lines.count() as u64
}
