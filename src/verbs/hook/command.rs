//! The command behind `vlog hook --`: run on the payload, heeded where it decides, and silent where it fails.
//!
//! A hook that crashes must not stop the agent, nor show it anything: only an end with 0 or 2 reaches the agent, and a
//! 2 is the hook's decision to block. All else becomes 0, and the record says what happened.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::instead::{Input, run_instead};
use super::payload::{MAX_PAYLOAD_BYTES, PayloadCopy, ROOM_BYTES};
use crate::intake::payload::{Decision, Event, decision};
use crate::intake::redact::after_cut;
use crate::record::floor_char_boundary;
use crate::record::item::Item;
use crate::record::level::Level;
use crate::sys::cause::cause;
use crate::sys::child::{Captured, Collected, Command, Ended, Tail, collect, missing_script};
use crate::sys::memory::has_room;
use crate::sys::signals::Ignored;
use crate::sys::stderr;
use crate::sys::stdio;

/// Memory that must be there before the command is started: the stacks of three threads, 2 MiB each, what is kept of its
/// output, and [`ROOM_BYTES`]. Without it the command is run in vlog's place.
const ROOM_TO_START_BYTES: usize = 6 * 1024 * 1024 + MAX_STDOUT_BYTES + ROOM_BYTES;

/// The most that is passed on of a command's stdout. Agents read JSON or a few lines there.
const MAX_STDOUT_BYTES: usize = 1024 * 1024;

/// The most that is passed on of the stderr of a command that blocks; agents show 10,000 characters at most.
const MAX_STDERR_BYTES: usize = 256 * 1024;

/// What is kept of the end of stderr: far more than is logged, so that secrets are found before it is cut.
const STDERR_TAIL_BYTES: usize = 64 * 1024;

/// What is logged of it.
const LOGGED_STDERR_BYTES: usize = 8 * 1024;

/// The status by which a hook blocks.
const BLOCK: u8 = 2;

/// Fields that tell of the command. The agent's own of these names tell of its tool.
const OWN_FIELDS: [&str; 7] =
    ["command", "decision", "exit_code", "signal", "duration_ms", "stderr", "stderr_bytes"];

/// What became of the command.
pub struct CommandResult {
    /// What the command is called.
    name: String,
    /// The status for the agent.
    pub status: u8,
    /// How it went wrong, in words that follow the name; `None` if it decided.
    trouble: Option<String>,
    /// What it decided by the JSON that it wrote, if that holds the agent up.
    decision: Option<Decision>,
    /// Nothing if it was not run.
    done: Option<Collected>,
    /// Whether vlog was asked to end now.
    pub hurried: bool,
}

/// Runs the command on the payload, and passes on what the agent should see.
pub fn run(
    command: &Command,
    words: &[String],
    payload: PayloadCopy,
    ignored: Ignored,
    never_block: bool,
) -> CommandResult {
    let name = script_name(words).unwrap_or_else(|| command.name());
    let was_not = |why: &str| format!("was not run: {why}");
    // A command in vlog's place would block whatever was asked for.
    let instead = |input: Input, why: &io::Error| {
        if !never_block {
            run_instead(command, &name, input, ignored, why);
        }
        was_not(&cause(why))
    };
    let no_memory = io::Error::from(ErrorKind::OutOfMemory);
    let payload = match payload {
        PayloadCopy::InMemory(bytes) if has_room(ROOM_TO_START_BYTES) => Arc::new(bytes),
        PayloadCopy::InMemory(bytes) => {
            let trouble = instead(Input::Bytes(&bytes), &no_memory);
            return CommandResult::not_run(name, trouble);
        }
        PayloadCopy::InFile(file) => {
            let trouble = instead(Input::File(file), &no_memory);
            return CommandResult::not_run(name, trouble);
        }
        PayloadCopy::TooLong => {
            let most = MAX_PAYLOAD_BYTES / 1024 / 1024;
            return CommandResult::not_run(name, was_not(&format!("the payload has more than {most} MiB")));
        }
        PayloadCopy::Failed(error) => return CommandResult::not_run(name, was_not(&cause(&error))),
    };
    let stdout = Captured::new(MAX_STDOUT_BYTES, 0);
    let stderr = Captured::new(MAX_STDERR_BYTES, STDERR_TAIL_BYTES);
    match collect(command, Arc::clone(&payload), ignored, stdout, stderr) {
        Ok(done) => CommandResult::of(name, words, done, never_block),
        Err(error) => {
            let trouble = instead(Input::Bytes(&payload), &error);
            CommandResult::not_run(name, trouble)
        }
    }
}

/// The script that is missing, if that is why the command has ended.
fn missing<'a>(words: &[String], done: &'a Collected) -> Option<&'a str> {
    let is_silent = done.stdout.head.is_empty() && !done.stderr.overflowed();
    if done.end.ended != Ended::Code(BLOCK) || !is_silent {
        return None;
    }
    missing_script(words, std::str::from_utf8(&done.stderr.head).ok()?)
}

/// Programs that are called by the name of the script that they run.
const LAUNCHERS: [&str; 22] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox", "python", "pypy", "node", "nodejs", "ruby",
    "perl", "php", "deno", "bun", "uv", "env", "timeout", "nice", "stdbuf",
];

/// How the names of scripts end.
const ENDINGS: [&str; 13] =
    [".sh", ".bash", ".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".jsx", ".tsx", ".rb", ".pl", ".php"];

/// What a command is called that is an interpreter's with a script.
fn script_name(words: &[String]) -> Option<String> {
    let (program, rest) = words.split_first()?;
    let program = Path::new(program).file_name()?.to_str()?;
    // python3.12
    let program = program.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.');
    let is_script = |word: &&String| {
        !word.contains(char::is_whitespace) && ENDINGS.iter().any(|ending| word.ends_with(ending))
    };
    let script = rest.iter().find(is_script).filter(|_| LAUNCHERS.contains(&program))?;
    Some(Path::new(script).file_name()?.to_str()?.to_owned())
}

impl CommandResult {
    /// Of a command that was not run.
    fn not_run(name: String, trouble: String) -> Self {
        Self { name, status: 0, trouble: Some(trouble), decision: None, done: None, hurried: false }
    }

    /// Of a command that was not run, since a signal came while its payload did: vlog was asked to end, and half a
    /// payload is nothing to decide by.
    #[must_use]
    pub fn interrupted(command: &Command) -> Self {
        let trouble = "was not run: a signal came before all of its payload".to_owned();
        Self { hurried: true, ..Self::not_run(command.name(), trouble) }
    }

    /// Of a command that has ended; passes on what the agent should see.
    fn of(name: String, words: &[String], done: Collected, never_block: bool) -> Self {
        let is_cut = done.stdout.overflowed();
        let missing = missing(words, &done).map(str::to_owned);
        let trouble = match (&done.end.ended, missing) {
            (_, Some(script)) => Some(format!("could not be run: {script} is not there")),
            (Ended::Code(0), _) if is_cut => Some("wrote more than 1 MiB to stdout".to_owned()),
            (Ended::Code(0 | BLOCK), _) => None,
            (other, _) => Some(other.to_string()),
        };
        let decides = trouble.is_none();
        let blocks = decides && done.end.ended == Ended::Code(BLOCK) && !never_block;
        let mut verdict = None;
        // Cut JSON would be worse than none. An agent that has gone away is no trouble.
        if decides && !is_cut && (blocks || done.end.ended == Ended::Code(0)) {
            verdict = decision(&done.stdout.head);
            let _ = stdio::write_all(&done.stdout.head);
        }
        if blocks {
            stderr::pass(&done.stderr.head);
        }
        let (status, hurried) = (if blocks { BLOCK } else { 0 }, done.end.hurried);
        Self { name, status, trouble, decision: verdict, done: Some(done), hurried }
    }

    /// Adds to the record of the event what became of the command. Of a reason to block only the size is told unless
    /// `with_reason`: guards quote there what they block.
    pub fn add_to(&self, event: &mut Event, with_reason: bool) {
        let (name, of_name) = event.known.redact(&self.name);
        event.redacted += of_name;
        // The agent's own word for how its tool ended.
        for item in &mut event.fields {
            if OWN_FIELDS.contains(&item.key.as_str()) {
                item.key = format!("tool_{}", item.key);
            }
        }
        let mut add = |key: &str, value: Value| event.fields.push(Item { key: key.to_owned(), value });
        add("command", Value::from(&*name));
        if let Some(decision) = self.decision {
            add("decision", Value::from(decision.name()));
        }
        if let Some(done) = &self.done {
            if let Some(code) = done.end.ended.code() {
                add("exit_code", Value::from(code));
            }
            if let Some(signal) = done.end.ended.signal() {
                add("signal", Value::from(signal));
            }
            add("duration_ms", Value::from(u64::try_from(done.end.time.as_millis()).unwrap_or(u64::MAX)));
            let tail = &done.stderr.tail;
            if self.trouble.is_some() || (with_reason && self.has_decided()) {
                add_end(tail, event);
            } else if self.has_decided() && tail.seen() > 0 {
                add("stderr_bytes", Value::from(tail.seen()));
            }
        }
        let (level, told) = match (&self.trouble, self.decision) {
            (Some(trouble), _) => (Level::Error, format!("{name} {trouble}")),
            (None, _) if self.has_decided() => {
                let blocked = if self.status == BLOCK { "blocked" } else { "not blocked" };
                (Level::Warn, format!("{blocked} by {name}"))
            }
            (None, Some(decision)) => (Level::Warn, format!("{} by {name}", decision.done())),
            (None, None) => return,
        };
        event.level = event.level.max(Some(level));
        event.message = format!("{}: {}", event.message, event.known.redact(&told).0);
    }

    /// Whether the command has ended with a deliberate 2.
    fn has_decided(&self) -> bool {
        let has_blocked = |done: &Collected| done.end.ended == Ended::Code(BLOCK);
        self.trouble.is_none() && self.done.as_ref().is_some_and(has_blocked)
    }
}

/// Adds the end of what a command wrote to stderr, which tells most.
fn add_end(tail: &Tail, event: &mut Event) {
    let text = tail.text();
    let (text, was_key) = if tail.dropped() > 0 { after_cut(&text) } else { (text.as_str(), false) };
    let (clean, count) = event.known.redact(text);
    event.redacted += count + usize::from(was_key);
    let start = floor_char_boundary(&clean, clean.len().saturating_sub(LOGGED_STDERR_BYTES));
    let value = Value::from(clean.get(start..).unwrap_or_default());
    event.fields.push(Item { key: "stderr".to_owned(), value });
}
