//! A command whose output is kept instead of passed on, in bounded memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::relay::{Stdin, Tap};
use super::running::{StartError, prepare};
use super::{Command, CommandEnd};
use crate::sys::signals::Ignored;

/// What a command has left behind.
#[derive(Debug)]
pub struct Collected {
    /// How and when it ended.
    pub end: CommandEnd,
    /// What it wrote to stdout.
    pub stdout: Captured,
    /// What it wrote to stderr.
    pub stderr: Captured,
}

/// A stream's beginning and its end.
#[derive(Debug, Default)]
pub struct Captured {
    /// The first bytes, up to the limit.
    pub head: Vec<u8>,
    /// The last bytes, up to the limit.
    pub tail: Tail,
    most: usize,
}

impl Captured {
    /// Keeps the first `most` bytes, and the last `last`.
    #[must_use]
    pub fn new(most: usize, last: usize) -> Self {
        Self { head: Vec::new(), tail: Tail::new(last), most }
    }

    /// Takes what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = (self.most - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.tail.push(bytes);
    }

    /// Whether there was more than the head has.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.tail.seen > self.head.len() as u64
    }
}

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: VecDeque<u8>,
    most: usize,
    seen: u64,
}

impl Tail {
    /// Keeps the last `most` bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { bytes: VecDeque::new(), most, seen: 0 }
    }

    /// Takes what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        let (_, last) = bytes.split_at(bytes.len().saturating_sub(self.most));
        let too_many = (self.bytes.len() + last.len()).saturating_sub(self.most);
        self.bytes.drain(..too_many);
        self.bytes.extend(last);
    }

    /// How many bytes came in all.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// How many bytes came before those that are kept.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.seen - self.bytes.len() as u64
    }

    /// What is kept, as text, without the newline at its end. If something came before, it begins with a whole line
    /// where it can.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let newline = if self.dropped() > 0 { bytes.iter().position(|byte| *byte == b'\n') } else { None };
        // A last line that is longer than what is kept, is kept as far as it goes.
        let start = newline.map(|at| at + 1).filter(|start| *start < bytes.len()).unwrap_or(0);
        let text = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default());
        text.trim_end_matches(['\n', '\r']).to_owned()
    }
}

/// Runs `command` on `payload`, and keeps what it writes: as much as `stdout` and `stderr` take, the rest is drained.
///
/// Its end is waited for, and [`super::relay`]'s half a second more if another process holds the pipes. A command
/// that does not read its payload is fine. Signals are passed on as for `run`.
///
/// # Errors
/// vlog has no descriptors or threads left for it; the command was not tried. One that cannot be run is no error.
pub fn collect(
    command: &Command,
    payload: Arc<Vec<u8>>,
    ignored: Ignored,
    stdout: Captured,
    stderr: Captured,
) -> std::io::Result<Collected> {
    let (stdout, stderr) = (Arc::new(Mutex::new(stdout)), Arc::new(Mutex::new(stderr)));
    let tap = |kept: &Arc<Mutex<Captured>>| {
        let kept = Arc::clone(kept);
        Tap { pass: false, see: Box::new(move |bytes| lock(&kept).push(bytes)) }
    };
    let ready = prepare(Stdin::Feed(payload), (tap(&stdout), tap(&stderr)), ignored)?;
    let end = match ready.start(command) {
        Ok((running, mut inbox)) => running.wait(&mut inbox),
        Err(StartError::Command(why)) => CommandEnd::not_run(why),
        Err(StartError::Setup(error)) => return Err(error),
    };
    let take = |kept: &Mutex<Captured>| std::mem::take(&mut *lock(kept));
    Ok(Collected { end, stdout: take(&stdout), stderr: take(&stderr) })
}

fn lock(kept: &Mutex<Captured>) -> MutexGuard<'_, Captured> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::child::Ended;
    use std::time::{Duration, Instant};

    /// `sh -c SCRIPT` on a payload, with 1000 bytes kept at each end.
    fn shell(script: &str, payload: &[u8]) -> Collected {
        let words: Vec<_> = ["sh", "-c", script].iter().map(Into::into).collect();
        let command = Command::new(&words).unwrap();
        let kept = || Captured::new(1000, 1000);
        collect(&command, Arc::new(payload.to_vec()), Ignored::at_start(true), kept(), kept()).unwrap()
    }

    #[test]
    fn a_command_gets_its_payload_and_both_streams_are_kept() {
        let done = shell("cat; echo oops >&2; exit 3", b"{\"a\":1}");
        assert_eq!(done.end.ended, Ended::Code(3));
        assert_eq!(
            (done.stdout.head.as_slice(), done.stderr.head.as_slice()),
            (&b"{\"a\":1}"[..], &b"oops\n"[..])
        );
        assert!(!done.stdout.overflowed() && !done.stderr.overflowed() && !done.end.hurried);
    }

    #[test]
    fn a_command_that_does_not_read_its_payload_is_not_waited_for() {
        let start = Instant::now();
        let done = shell("exit 0", &vec![b'x'; 10 << 20]);
        assert_eq!(done.end.ended, Ended::Code(0));
        // Another process may hold the other end of the payload's pipe for as long as it likes.
        let done = shell("sleep 60 <&0 >&- 2>&- & exec head -c 5", &vec![b'x'; 10 << 20]);
        assert_eq!(done.stdout.head, b"xxxxx");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn a_payload_goes_in_while_the_output_comes_out() {
        let payload: Vec<u8> = (0..5_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let done = shell("tee /dev/stderr", &payload);
        assert_eq!(done.end.ended, Ended::Code(0));
        assert_eq!((&done.stdout.head[..], &done.stderr.head[..]), (&payload[..1000], &payload[..1000]));
        assert_eq!(done.stderr.tail.dropped(), 4_999_000);
        assert!(done.stdout.overflowed() && done.stderr.overflowed());
    }

    #[test]
    fn what_no_limit_holds_is_drained() {
        let done = shell("head -c 100000000 /dev/zero; echo the end >&2; exit 7", b"");
        assert_eq!((done.end.ended, done.stdout.head.len()), (Ended::Code(7), 1000));
        assert_eq!((done.stdout.tail.dropped(), done.stderr.tail.text().as_str()), (99_999_000, "the end"));
    }

    #[test]
    fn a_grandchild_that_holds_the_pipes_is_waited_for_half_a_second() {
        let start = Instant::now();
        let done = shell("{ echo first; sleep 0.1; echo late; sleep 60; } & echo done", b"");
        let lines: Vec<_> = done.stdout.head.split(|byte| *byte == b'\n').collect();
        assert!(lines.contains(&&b"late"[..]) && lines.contains(&&b"done"[..]), "{lines:?}");
        let time = start.elapsed();
        assert!(time >= Duration::from_millis(500) && time < Duration::from_secs(10), "{time:?}");
        assert!(done.end.time < Duration::from_millis(450), "the command's own time: {:?}", done.end.time);
    }

    #[test]
    fn a_grandchild_that_never_stops_writing_does_not_hold_it_either() {
        let start = Instant::now();
        let done = shell("{ yes & } ; echo done >&2", b"");
        assert_eq!(done.stderr.tail.text(), "done");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn signals_and_missing_commands_are_ends_like_others() {
        assert_eq!(shell("kill -s SEGV $$", b"").end.ended, Ended::Signal(11));
        let command = Command::new(&["/nonexistent/command".into()]).unwrap();
        let done = collect(
            &command,
            Arc::default(),
            Ignored::at_start(true),
            Captured::default(),
            Captured::default(),
        )
        .unwrap();
        assert_eq!(done.end.ended.code(), Some(127));
    }

    #[test]
    fn the_tail_begins_with_a_whole_line() {
        let tail = |most, text: &str| {
            let mut tail = Tail::new(most);
            // Whatever the steps.
            text.as_bytes().chunks(3).for_each(|bytes| tail.push(bytes));
            (tail.text(), tail.dropped())
        };
        assert_eq!(tail(100, "one\ntwo\n"), ("one\ntwo".to_owned(), 0));
        assert_eq!(tail(6, "one\ntwo\n"), ("two".to_owned(), 2));
        assert_eq!(tail(4, "one long line"), ("line".to_owned(), 9));
        assert_eq!(tail(4, "one long line\n"), ("ine".to_owned(), 10));
        assert_eq!(tail(0, "nothing"), (String::new(), 7));
        let mut at_once = Tail::new(3);
        at_once.push(b"a\xff\xffend");
        assert_eq!((at_once.text(), at_once.dropped()), ("end".to_owned(), 3));
    }
}
