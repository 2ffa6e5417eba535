//! The records of a command: one for each line, or only one for a failure, and a last one that says how it ended.

use std::sync::Arc;

use serde_json::Value;

use super::output::{Next, Output, STUCK_AFTER};
use crate::delivery::policy::Delivery;
use crate::delivery::sender::Progress;
use crate::intake::assemble::Source;
use crate::intake::redact::{Known, after_cut};
use crate::intake::text::lines::{Lines, Piece};
use crate::intake::text::parse::{Mode, Parser};
use crate::record::defaults::Defaults;
use crate::record::item::Item;
use crate::record::level::Level;
use crate::record::time::Time;
use crate::sys::child::{CommandEnd, Ended, Tail, Target};
use crate::sys::duration;
use crate::sys::stderr;
use crate::verbs::pipeline::Pipeline;
use crate::verbs::redaction::redactor;
use crate::verbs::session::Session;

/// The end of the output that goes along with a failure. Six times as much, as control characters take in JSON, is still
/// below the server's longest line.
const TAIL_BYTES: usize = 40 * 1024;

/// What is logged of a command, and how.
pub struct CommandLog {
    /// What the command is called.
    pub name: String,
    pub session: Session,
    /// Only a failure is worth a record.
    pub on_failure: bool,
    /// What is known of secrets, if they are to be taken out.
    pub known: Option<Known>,
    /// The fields of all its records.
    pub items: Vec<Item>,
    /// Counts what is logged.
    pub progress: Arc<Progress>,
}

impl CommandLog {
    /// Logs what comes until the command has ended, and then that.
    pub fn log(&self, delivery: Delivery, output: &Output) {
        if self.on_failure {
            self.log_failure(delivery, output);
        } else {
            self.log_lines(delivery, output);
        }
        output.all_is_logged();
    }

    /// Logs the end of the output with a failure, and nothing otherwise.
    fn log_failure(&self, delivery: Delivery, output: &Output) {
        let mut tail = Tail::new(TAIL_BYTES);
        let (end, lost) = loop {
            match output.next(None) {
                Next::Log(_, _, bytes) => tail.push(&bytes),
                Next::Wait => {}
                Next::End(end, lost) => break (end, lost),
            }
            crate::sys::panic_if_asked("run-line");
        };
        if !end.is_success() {
            self.log_end(self.open(delivery), &end, Some(&tail), lost);
        } else if !self.session.mistakes.is_empty() {
            let defaults = self.session.defaults(None, self.items.clone(), &[]);
            self.open(delivery).finish(self.session.config.timeout, &defaults, &self.session);
        }
    }

    /// Logs each line, and at last the end.
    fn log_lines(&self, delivery: Delivery, output: &Output) {
        let stdout = self.of_stream(Target::Stdout, Level::Info);
        let stderr = self.of_stream(Target::Stderr, Level::Warn);
        let parser = || Parser::new(Mode::Auto, false).reserving(&self.session.config.stream_fields);
        let [mut stdout, mut stderr] = [&stdout, &stderr].map(|defaults| {
            let source = Source::new(defaults, parser()).redacting(redactor(self.known.as_ref()));
            (Lines::default(), source)
        });
        let mut pipeline = self.open(delivery);
        let (end, lost) = loop {
            match output.next(pipeline.due_in()) {
                Next::Log(target, time, bytes) => {
                    let (lines, source) = match target {
                        Target::Stdout => &mut stdout,
                        Target::Stderr => &mut stderr,
                    };
                    lines.feed(&bytes, |piece| pipeline.take(piece, time, source));
                    crate::sys::panic_if_asked("run-line");
                }
                Next::Wait => {}
                Next::End(end, lost) => break (end, lost),
            }
            pipeline.ship_if_due();
        };
        for (lines, source) in [&mut stdout, &mut stderr] {
            lines.finish(|piece| pipeline.take(piece, Time::now(), source));
        }
        self.log_end(pipeline, &end, None, lost);
    }

    /// Logs the end of a command that was not started.
    pub fn log_not_run(&self, delivery: Delivery, end: &CommandEnd) {
        self.log_end(self.open(delivery), end, None, 0);
    }

    /// Logs how the command ended, with what is kept of its output and how many lines were given up, and waits until
    /// all is delivered.
    fn log_end(&self, mut pipeline: Pipeline, end: &CommandEnd, tail: Option<&Tail>, lost: u64) {
        let level = if end.is_success() { Level::Info } else { Level::Error };
        let mut items = self.items.clone();
        items.extend(of_end(end, level));
        items.extend(tail.into_iter().flat_map(|tail| of_tail(tail, self.known.as_ref())));
        let mut mistakes = end.unwritten.clone();
        if lost > 0 {
            items.push(item("vlog_dropped_lines", lost));
            let lines = if lost == 1 { "1 line" } else { &format!("{lost} lines") };
            let text = format!(
                "could not log {lines}: there was no memory, or nothing went on for {}s; they are lost",
                STUCK_AFTER.as_secs()
            );
            stderr::say(&text);
            mistakes.push(text);
        }
        let CommandEnd { ended, time, .. } = end;
        let message = match ended {
            Ended::NotRun(_) => format!("{} {ended}", self.name),
            Ended::Code(_) | Ended::Signal(_) => {
                format!("{} {ended} after {}", self.name, duration::told(*time))
            }
        };
        let defaults = self.session.defaults(Some(level), items, &mistakes);
        // A command may be called `error`.
        let mut source = Source::new(&defaults, Parser::new(Mode::Raw, true));
        pipeline.take(Piece::Line(message.into()), Time::now(), &mut source);
        pipeline.finish(self.session.config.timeout, &defaults, &self.session);
    }

    fn open(&self, delivery: Delivery) -> Pipeline {
        let mut pipeline = Pipeline::open(&self.session, delivery, Arc::clone(&self.progress));
        pipeline.log_mistakes(&self.session, &self.items);
        pipeline
    }

    /// What the records of a stream have in common.
    fn of_stream(&self, target: Target, level: Level) -> Defaults {
        let items = [item("stream", target.name())].into_iter().chain(self.items.iter().cloned()).collect();
        self.session.defaults(Some(level), items, &[])
    }
}

fn item(key: &str, value: impl Into<Value>) -> Item {
    Item { key: key.to_owned(), value: value.into() }
}

/// The fields that say how a command ended.
fn of_end(end: &CommandEnd, level: Level) -> Vec<Item> {
    let mut items = Vec::new();
    items.extend(end.ended.code().map(|code| item("exit_code", code)));
    items.extend(end.ended.signal().map(|name| item("signal", name)));
    items.push(item("duration_ms", u64::try_from(end.time.as_millis()).unwrap_or(u64::MAX)));
    if level == Level::Error {
        // Whatever level its lines were to have.
        items.push(item("level", level.name()));
    }
    items
}

/// The fields with what is kept of the output.
fn of_tail(tail: &Tail, known: Option<&Known>) -> Vec<Item> {
    let text = tail.text();
    let text = known.map_or(text.clone(), |known| {
        // The first line of a private key may be missing.
        let whole = if tail.dropped() > 0 { after_cut(&text).0 } else { &text };
        known.redact(whole).0.into_owned()
    });
    let mut items = vec![item("output", text)];
    if tail.dropped() > 0 {
        items.push(item("vlog_dropped_bytes", tail.dropped()));
    }
    items
}
