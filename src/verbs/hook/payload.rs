//! The payload of a hook: read whole, so that the agent is not told of a broken pipe, but never without a deadline, for
//! some agents leave the pipe open. What the record needs is kept of it, and a copy for the command if there is one.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Seek, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::instead::unnamed_file;
use crate::intake::json::{Kind, Scan, Scanner};
use crate::intake::payload::{Given, plan};
use crate::sys::cause::cause;
use crate::sys::memory::has_room;
use crate::sys::stderr;
use crate::sys::stdin::{self, Wake};
use crate::sys::stdio;

/// An agent that is silent for so long in the middle of its payload, or before it, has nothing more to say.
const SILENCE: Duration = Duration::from_millis(500);

/// The longest that a payload may take.
const LONGEST: Duration = Duration::from_secs(5);

/// The longest payload that is kept for a command. Agents send some megabytes at most.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024 * 1024;

/// Memory that must be there before more of a payload is kept: for the record.
pub const ROOM_BYTES: usize = 2 * 1024 * 1024;

/// A payload that was read.
pub struct ReadPayload {
    /// What matters of it for the record.
    pub scan: Scan,
    /// All of it, as it came, for the command.
    pub copy: PayloadCopy,
    /// How the reading went.
    pub taken: Taken,
}

/// Reads the payload from the word that it is, or from stdin.
pub fn read(
    word: Option<String>,
    given: &Given,
    command: &[OsString],
    stop: Option<&UnixStream>,
) -> ReadPayload {
    let plan = |path: &[String]| plan(path, &given.include);
    let mut scanner = Scanner::new(&plan);
    let mut copy = PayloadCopy::InMemory(Vec::new());
    let mut see = |bytes: &[u8]| {
        if !command.is_empty() {
            copy.push(bytes);
        }
        scanner.feed(bytes);
        scanner.is_done()
    };
    let taken = match word {
        Some(word) => {
            see(word.as_bytes());
            Taken { last_byte: Instant::now(), stopped: false, trouble: None }
        }
        None => take(stop, &mut see),
    };
    let mut scan = scanner.finish();
    // Codex' `notify` puts the payload behind the command's own words.
    let last = command.last().map(|word| word.to_string_lossy());
    if let Some(word) = last.filter(|word| scan.kind == Some(Kind::Empty) && word.starts_with('{')) {
        let mut scanner = Scanner::new(&plan);
        scanner.feed(word.as_bytes());
        scan = scanner.finish();
    }
    ReadPayload { scan, copy, taken }
}

/// After a panic: takes what the agent still sends.
pub fn carry_on() {
    if !io::stdin().is_terminal() {
        take(None, &mut |_| false);
    }
}

/// The payload that stands among the words (Codex' `notify` puts it last), and the other words.
pub fn split_payload(mut words: Vec<String>) -> (Option<String>, Vec<String>) {
    let at = words.iter().rposition(|word| bare(word).starts_with('{'));
    (at.map(|at| bare(&words.remove(at)).to_owned()), words)
}

/// A word without the mark and the blanks that may stand before JSON.
pub fn bare(word: &str) -> &str {
    word.trim_start_matches(|char: char| char == '\u{feff}' || char.is_whitespace())
}

/// How the taking of a payload went.
pub struct Taken {
    /// When its last byte came, or the wait for it began.
    pub last_byte: Instant,
    /// Whether a signal has ended it.
    pub stopped: bool,
    /// Why it could not be taken, if so.
    pub trouble: Option<String>,
}

/// Hands on what comes on stdin, until `sink` has enough, the agent is silent, or a signal comes; then what lies in the
/// pipe already.
fn take(stop: Option<&UnixStream>, sink: &mut dyn FnMut(&[u8]) -> bool) -> Taken {
    let mut taken = Taken { last_byte: Instant::now(), stopped: false, trouble: None };
    if io::stdin().is_terminal() {
        stderr::say(
            "there is no payload on a terminal; vlog hook belongs in an agent's settings, see vlog hook --settings",
        );
        return taken;
    }
    let end = taken.last_byte + LONGEST;
    // Most payloads are small; the large ones come as a pipe takes them.
    let mut buffer = vec![0; 4 * 1024];
    let mut has_enough = false;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let time = if has_enough { Duration::ZERO } else { left.min(SILENCE) };
        let wake = stdin::wait(stop, Some(time)).unwrap_or(Wake::Timeout);
        if wake != Wake::Readable || left.is_zero() {
            taken.stopped = wake == Wake::Signal;
            return taken;
        }
        match stdio::read(&mut buffer) {
            Ok(0) => return taken,
            Ok(read) => {
                taken.last_byte = Instant::now();
                has_enough |= sink(buffer.get(..read).unwrap_or_default());
                if read == buffer.len() {
                    buffer.resize(64 * 1024, 0);
                }
            }
            Err(error) => {
                taken.trouble = Some(format!("could not read stdin: {}", cause(&error)));
                return taken;
            }
        }
    }
}

/// A payload as it came, for a command.
#[derive(Debug)]
pub enum PayloadCopy {
    /// All of it.
    InMemory(Vec<u8>),
    /// All of it, for there was no memory.
    InFile(File),
    /// It has more than [`MAX_PAYLOAD_BYTES`].
    TooLong,
    /// There was neither memory nor a file for it.
    Failed(io::Error),
}

impl PayloadCopy {
    /// Adds what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Self::InMemory(kept) = self {
            if kept.len() + bytes.len() > MAX_PAYLOAD_BYTES {
                *self = Self::TooLong;
            } else if has_room(ROOM_BYTES) && kept.try_reserve(bytes.len()).is_ok() {
                kept.extend_from_slice(bytes);
                return;
            } else {
                let kept = std::mem::take(kept);
                let file = unnamed_file().and_then(|mut file| file.write_all(&kept).map(|()| file));
                *self = file.map_or_else(Self::Failed, Self::InFile);
            }
        }
        if let Self::InFile(file) = self {
            let length = file.stream_position().unwrap_or_default();
            if length + bytes.len() as u64 > MAX_PAYLOAD_BYTES as u64 {
                *self = Self::TooLong;
            } else if let Err(error) = file.write_all(bytes) {
                *self = Self::Failed(error);
            }
        }
    }
}
