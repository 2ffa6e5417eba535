//! `vlog pipe`: each line of stdin is a record, and the program that writes them never waits for the server.
//!
//! Input is read and copied to stdout (`sys::tee`) before anything else is done with it, so that whatever goes wrong
//! here, the pipeline gets its bytes. Delivery happens in a thread of its own (`delivery::sender`).

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use regex_lite::RegexBuilder;

use super::pipeline::Pipeline;
use super::redaction::{clean_if_asked, known_if, redactor};
use super::session::Session;
use super::{Context, Verdict};
use crate::cli::args::PipeArgs;
use crate::intake::assemble::Source;
use crate::intake::text::join::{Join, Joiner};
use crate::intake::text::lines::{Lines, Piece};
use crate::intake::text::parse::line_time::LineTime;
use crate::intake::text::parse::{Mode, Parser};
use crate::record::item::Item;
use crate::record::time::Time;
use crate::sys::signals::Ignored;
use crate::sys::stderr::{self, records};
use crate::sys::stdio;
use crate::sys::tee::{self, Signals, Tee, Upstream};
use crate::sys::zone;

/// The most that a pattern may become; matching takes as long for each byte of input.
const MAX_PATTERN_BYTES: usize = 32 * 1024;

/// How often those who look on are told how much is kept.
const REMINDER_PAUSE: Duration = Duration::from_secs(60);

/// What the last delivery may take after a signal to end.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(2);

/// The fields that `words` are; a word that is none is a mistake. A file's name was meant as the input.
fn fields(words: Vec<String>, session: &mut Session) -> Vec<Item> {
    let (items, rest) = session.sort_words(words);
    for word in &rest {
        if !session.doubtful.contains(word) && Path::new(word).is_file() {
            let meant = format!("pipe reads its standard input; did you mean: vlog pipe < {word}");
            session.mistakes.push(meant);
        } else {
            session.not_a_field(word);
        }
    }
    items
}

/// Sends the lines of stdin.
pub fn run(args: PipeArgs, mut context: Context) -> Verdict {
    let mut signals = Signals::catch(context.ignored);
    let mut session = Session::begin(&args.delivery, args.dry_run, args.service, &mut context);
    let level = session.level(args.level.as_deref());
    let items = fields(args.words, &mut session);
    let mode = mode_flag(args.parse.as_deref(), &mut session.mistakes);
    let join = join_flag(args.multiline, args.multiline_start.as_deref(), &mut session.mistakes);
    let times = times_flags(args.time.as_deref(), args.zone.as_deref(), &mut session.mistakes);
    let known = known_if(args.redact);
    let items = clean_if_asked(items, &mut session, known.as_ref());
    session.tell(match session.config.route.trouble() {
        None => "every line is logged, and a record of its own is marked vlog_error",
        Some(_) => "nothing is sent",
    });

    if io::stdin().is_terminal() {
        stderr::say("reading lines from the terminal; Ctrl-D ends");
    }
    let mut upstream = Upstream::default();
    let mut tee = Tee::new(args.tee);
    crate::sys::panic_if_asked("pipe");
    let Some(delivery) = session.delivery(None) else {
        tee::copy(&mut upstream, &mut signals, &mut tee);
        return session.verdict(true);
    };
    let timeout = session.config.timeout;
    let parser =
        Parser::new(mode, args.keep_ansi).reserving(&session.config.stream_fields).reading_times(times);
    let mut pipeline = Pipeline::open(&session, delivery, Arc::default());
    pipeline.log_mistakes(&session, &items);
    let defaults = session.defaults(level, items, &[]);
    let mut intake = Intake {
        lines: Lines::new(args.keep_ansi),
        joiner: Joiner::new(join, mode == Mode::Auto),
        source: Source::new(&defaults, parser).redacting(redactor(known.as_ref())),
        pipeline,
    };
    let mut reminder = Reminder::new(Instant::now());
    while let Some(bytes) = upstream.next(&mut signals, intake.due_in()) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = tee.write(rest, &mut signals, intake.due_in());
            intake.send_what_is_due();
        }
        intake.feed(bytes);
        crate::sys::panic_if_asked("pipe-line");
        intake.send_what_is_due();
        if io::stderr().is_terminal()
            && let Some(text) = reminder.due(Instant::now(), || intake.pipeline.kept())
        {
            stderr::say(&text);
        }
        if tee == Tee::Orphaned {
            stdio::close_stdin();
            break;
        }
    }
    // After a signal to end, not for long.
    let time = if signals.ended { timeout.min(SIGNAL_TIMEOUT) } else { timeout };
    let is_done = intake.finish().finish(time, &defaults, &session);
    session.verdict(is_done)
}

/// Tells those who look on, once in a while, that the server still takes nothing.
struct Reminder {
    next: Option<Instant>,
    kept: u64,
}

impl Reminder {
    fn new(now: Instant) -> Self {
        Self { next: now.checked_add(REMINDER_PAUSE), kept: 0 }
    }

    /// What is to be said now, if more was `kept` since the last time.
    fn due(&mut self, now: Instant, kept: impl FnOnce() -> u64) -> Option<String> {
        self.next.filter(|next| now >= *next)?;
        *self = Self { kept: self.kept, ..Self::new(now) };
        let kept = kept();
        let is_more = kept > std::mem::replace(&mut self.kept, kept);
        is_more.then(|| {
            format!("the server does not take everything; {} kept in the outbox so far", records(kept))
        })
    }
}

/// The value of `--parse`.
fn mode_flag(name: Option<&str>, mistakes: &mut Vec<String>) -> Mode {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Mode::default() };
    Mode::parse(name).unwrap_or_else(|| {
        let names = Mode::NAMES.map(|(name, _)| name).join(", ");
        mistakes.push(format!("could not use --parse: '{name}' is none of {names}"));
        Mode::default()
    })
}

/// What `--time` and `--zone` ask for.
fn times_flags(which: Option<&str>, zone: Option<&str>, mistakes: &mut Vec<String>) -> Option<LineTime> {
    let zone = zone.filter(|zone| !zone.is_empty());
    match which.filter(|which| !which.is_empty()) {
        Some("line") => Some(LineTime { zone: zone.and_then(|name| zone_named(name, mistakes)) }),
        None | Some("read") => {
            mistakes.extend(zone.map(|_| "could not use --zone: it goes with --time line".to_owned()));
            None
        }
        Some(other) => {
            mistakes.push(format!("could not use --time: '{other}' is neither read nor line"));
            None
        }
    }
}

/// The zone that `--zone` names.
fn zone_named(name: &str, mistakes: &mut Vec<String>) -> Option<TimeZone> {
    let found = match name {
        "local" => zone::local(&|variable| std::env::var_os(variable)),
        // As `TZ` would name it.
        _ => zone::local(&|variable| {
            if variable == "TZ" { Some(name.into()) } else { std::env::var_os(variable) }
        }),
    };
    if found.is_none() {
        mistakes.push(format!("could not use --zone: no zone '{name}'; times without a zone are not read"));
    }
    found
}

/// What `--multiline` and `--multiline-start` ask for. A pattern that is none leaves the known shapes.
fn join_flag(wanted: bool, start: Option<&str>, mistakes: &mut Vec<String>) -> Join {
    let Some(pattern) = start.filter(|pattern| !pattern.is_empty()) else {
        return if wanted { Join::Traces } else { Join::Nothing };
    };
    RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build().map_or_else(
        |error| {
            mistakes.push(format!("could not use --multiline-start: {error}"));
            Join::Traces
        },
        Join::UpTo,
    )
}

/// What becomes of the bytes: lines, perhaps joined, then records.
struct Intake<'a> {
    lines: Lines,
    joiner: Joiner,
    source: Source<'a>,
    pipeline: Pipeline,
}

impl Intake<'_> {
    /// Takes what was read just now.
    fn feed(&mut self, bytes: &[u8]) {
        self.lines_into(|lines, sink| lines.feed(bytes, sink));
    }

    /// Takes the last line and what was held back.
    fn finish(mut self) -> Pipeline {
        self.lines_into(|lines, sink| lines.finish(sink));
        self.release();
        self.pipeline
    }

    /// Hands the lines that `read` finds on to the shipper.
    fn lines_into(&mut self, read: impl FnOnce(&mut Lines, &mut dyn FnMut(Piece))) {
        let Self { lines, joiner, source, pipeline } = self;
        let now = (Time::now(), Instant::now());
        read(lines, &mut |piece| joiner.take(piece, now, |piece, time| pipeline.take(piece, time, source)));
    }

    /// Hands on the lines that were held back to be joined.
    fn release(&mut self) {
        let Self { joiner, source, pipeline, .. } = self;
        joiner.flush(|piece, time| pipeline.take(piece, time, source));
    }

    /// How long until something must be done even if nothing comes.
    fn due_in(&self) -> Option<Duration> {
        let held = self.joiner.due_in(Instant::now());
        self.pipeline.due_in().into_iter().chain(held).min()
    }

    fn send_what_is_due(&mut self) {
        if self.joiner.due_in(Instant::now()) == Some(Duration::ZERO) {
            self.release();
        }
        self.pipeline.ship_if_due();
    }
}

/// What `pipe` still does for the programs around it when it has panicked: takes everything, and passes it on.
pub fn carry_on(tee: bool) {
    tee::copy(&mut Upstream::default(), &mut Signals::catch(Ignored::at_start(false)), &mut Tee::new(tee));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute_those_who_look_on_are_told_how_many_were_kept() {
        let start = Instant::now();
        let mut reminder = Reminder::new(start);
        let mut at = |seconds, kept| reminder.due(start + Duration::from_secs(seconds), || kept);
        assert_eq!(at(59, 9), None);
        let first = at(61, 1200).unwrap();
        assert_eq!(first, "the server does not take everything; 1200 records kept in the outbox so far");
        assert_eq!(at(62, 1300), None);
        assert!(at(121, 1300).unwrap().contains("1300 records"));
        // Nothing more was kept: the server is there again.
        assert_eq!(at(200, 1300), None);
    }
}
