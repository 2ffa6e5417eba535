//! The command behind `vlog hook --`: run on the payload, heeded where it decides, and silent where it fails.
//!
//! A hook that crashes must not stop the agent, nor show it anything: only an end with 0 or 2 reaches the agent, and a
//! 2 is the hook's decision to block. All else becomes 0, and the record says what happened.

use std::path::Path;
use std::process;
use std::sync::Arc;
use std::{panic, thread};

use nix::unistd::{AccessFlags, access};
use serde_json::Value;

use crate::child::{Collected, Command, Ended, Kept, collect, missing_script};
use crate::item::Item;
use crate::level::Level;
use crate::payload::Event;
use crate::record::floor_char_boundary;
use crate::redact::{after_cut, redact};
use crate::report::{self, Report};
use crate::signals::Ignored;
use crate::stdio;

/// The longest payload that is kept for a command. Agents send some megabytes at most.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024 * 1024;

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

/// What became of the command.
pub struct Outcome {
    /// What the command is called.
    name: String,
    /// The status for the agent.
    pub status: u8,
    /// How it went wrong, in words that follow the name; `None` if it decided.
    trouble: Option<String>,
    /// Nothing if it was not run.
    done: Option<Collected>,
    /// Whether somebody wants vlog to end now.
    pub hurried: bool,
}

/// Runs the command on the payload, and passes on what the agent should see. `None` instead of a payload that was too
/// long to keep.
pub fn run(
    command: &Command,
    words: &[String],
    payload: Option<Vec<u8>>,
    ignored: Ignored,
    never_block: bool,
) -> Outcome {
    // An interpreter is called by its script.
    let script = missing_script(words, |_| false).and_then(|script| Path::new(script).file_name());
    let name = script.map_or_else(|| command.name(), |name| name.to_string_lossy().into_owned());
    let mut outcome = Outcome { name, status: 0, trouble: None, done: None, hurried: false };
    // What may not be read counts as not there: interpreters end with 2 then, too.
    let is_there = |path: &Path| access(path, AccessFlags::R_OK).is_ok();
    if let Some(script) = missing_script(words, is_there) {
        let why = if Path::new(script).exists() { "may not be read" } else { "is not there" };
        outcome.trouble = Some(format!("could not be run: {script} {why}"));
        return outcome;
    }
    let Some(payload) = payload else {
        let most = MAX_PAYLOAD_BYTES / 1024 / 1024;
        outcome.trouble = Some(format!("was not run: the payload has more than {most} MiB"));
        return outcome;
    };
    let stdout = Kept::new(MAX_STDOUT_BYTES, 0);
    let stderr = Kept::new(MAX_STDERR_BYTES, STDERR_TAIL_BYTES);
    let done = match collect(command, Arc::from(payload), ignored, stdout, stderr) {
        Ok(done) => done,
        Err(error) => {
            outcome.trouble = Some(format!("was not run: {error}"));
            return outcome;
        }
    };
    let is_cut = done.stdout.overflowed();
    let blocks = done.end.ended == Ended::Code(BLOCK) && !never_block;
    outcome.status = if blocks { BLOCK } else { 0 };
    outcome.hurried = done.end.hurried;
    outcome.trouble = match &done.end.ended {
        Ended::Code(0) if is_cut => Some("wrote more than 1 MiB to stdout".to_owned()),
        Ended::Code(0 | BLOCK) => None,
        other => Some(other.to_string()),
    };
    // Cut JSON would be worse than none. An agent that has gone away is no trouble.
    if outcome.trouble.is_none() && !is_cut && (blocks || done.end.ended == Ended::Code(0)) {
        let _ = stdio::write_all(&done.stdout.head);
    }
    if blocks {
        report::pass(&done.stderr.head);
    }
    outcome.done = Some(done);
    outcome
}

impl Outcome {
    /// From now on nothing that goes wrong here changes what the command decided.
    #[allow(clippy::exit, reason = "after a panic there is nobody to return to")]
    pub fn keep_on_panic(&self, report: Report) {
        let (status, main_thread) = (self.status, thread::current().id());
        panic::set_hook(Box::new(move |panic| {
            report.trouble(&report::bug(panic));
            while thread::current().id() != main_thread {
                thread::park();
            }
            process::exit(i32::from(status));
        }));
    }

    /// Adds to the record of the event what became of the command.
    pub fn add_to(&self, event: &mut Event) {
        let (name, of_name) = redact(&self.name);
        event.redacted += of_name;
        // The agent's own word for how its tool ended.
        for item in &mut event.fields {
            if ["exit_code", "signal", "duration_ms", "stderr", "command"].contains(&item.key.as_str()) {
                item.key = format!("tool_{}", item.key);
            }
        }
        let mut add = |key: &str, value: Value| event.fields.push(Item { key: key.to_owned(), value });
        add("command", Value::from(&*name));
        if let Some(done) = &self.done {
            if let Some(code) = done.end.ended.code() {
                add("exit_code", Value::from(code));
            }
            if let Some(signal) = done.end.ended.signal() {
                add("signal", Value::from(signal));
            }
            add("duration_ms", Value::from(u64::try_from(done.end.time.as_millis()).unwrap_or(u64::MAX)));
            if self.trouble.is_some() || done.end.ended == Ended::Code(BLOCK) {
                let tail = done.stderr.tail.text();
                let is_cut = done.stderr.tail.dropped() > 0;
                let (tail, was_key) = if is_cut { after_cut(&tail) } else { (tail.as_str(), false) };
                event.redacted += usize::from(was_key);
                let (clean, count) = redact(tail);
                // The end of it is what tells.
                let start = floor_char_boundary(&clean, clean.len().saturating_sub(LOGGED_STDERR_BYTES));
                add("stderr", Value::from(clean.get(start..).unwrap_or_default()));
                event.redacted += count;
            }
        }
        let (level, told) = match &self.trouble {
            Some(trouble) => (Level::Error, format!("{name} {trouble}")),
            None if self.done.as_ref().is_some_and(|done| done.end.ended == Ended::Code(BLOCK)) => {
                let blocked = if self.status == BLOCK { "blocked" } else { "not blocked" };
                (Level::Warn, format!("{blocked} by {name}"))
            }
            None => return,
        };
        event.level = event.level.max(Some(level));
        event.message = format!("{}: {}", event.message, redact(&told).0);
    }
}
