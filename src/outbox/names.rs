//! The names of entries: what they tell, and how an entry gets another.
//!
//! `open.SERVER.STREAM.jsonl` takes appends; `TIME-PROCESS-RANDOM.SERVER.STREAM.jsonl` does not any more. TIME is that of
//! its first record, in unix nanoseconds, so that order by name is order of arrival.

use std::fs::{self, DirEntry, File};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::record::time::Time;

/// How the name of an entry begins that takes appends. It sorts behind all others.
pub const OPEN: &str = "open";

/// The names of the entries in a directory, oldest first.
#[must_use]
pub fn list(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |entry: DirEntry| entry.file_name().into_string().ok().filter(|name| is_name(name));
    let files = all.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: Vec<_> = files.filter_map(name).collect();
    names.sort_unstable();
    names
}

/// Whether a file of this name may be an entry.
#[must_use]
pub fn is_name(name: &str) -> bool {
    // Most files that are none are told apart by their end.
    let Some(name) = name.strip_suffix(".jsonl") else { return false };
    let is_hash = |part: &str| part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = name.split('.').collect();
    let [id, server, stream] = parts.as_slice() else { return false };
    let is_id = match id.split('-').collect::<Vec<_>>().as_slice() {
        [time, process, random] => {
            time.len() == 20 && is_number(time) && is_number(process) && is_hash(random)
        }
        [open] => *open == OPEN,
        _ => false,
    };
    is_id && is_hash(server) && is_hash(stream)
}

/// The part of an entry's name that tells its server.
#[must_use]
pub fn server(name: &str) -> Option<&str> {
    name.split('.').nth(1)
}

/// The part of an entry's name that tells server and stream fields.
#[must_use]
pub fn suffix(name: &str) -> &str {
    name.find('.').and_then(|at| name.get(at..)).unwrap_or_default()
}

/// When the first record of an entry came, by its name; `None` if that does not say.
#[must_use]
pub fn arrival(name: &str) -> Option<Time> {
    name.get(..20)?.parse().ok().map(Time)
}

/// Gives an open entry, whose lock the caller holds, the name of one that takes no more appends; the new name.
#[must_use]
pub fn seal(folder: &Path, name: &str, since: Time) -> Option<String> {
    let suffix = name.strip_prefix(OPEN)?;
    let sealed = sealed_name(&format!("{:020}", since.0.max(0)), suffix);
    fs::rename(folder.join(name), folder.join(&sealed)).ok()?;
    Some(sealed)
}

/// A name that no other entry has; `time` has 20 digits.
#[must_use]
pub fn sealed_name(time: &str, suffix: &str) -> String {
    let random = RandomState::new().hash_one(time);
    format!("{time}-{}-{random:016x}{suffix}", std::process::id())
}

/// Whether a file that is locked still has this name. Between opening and locking it may have been sent and removed, or
/// renamed and the name taken by another; while the lock is held nobody else does so.
#[must_use]
pub fn is_named(file: &File, path: &Path) -> bool {
    let same =
        |found: fs::Metadata, named: fs::Metadata| (found.dev(), found.ino()) == (named.dev(), named.ino());
    file.metadata().is_ok_and(|found| fs::symlink_metadata(path).is_ok_and(|named| same(found, named)))
}
