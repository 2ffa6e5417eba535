//! `vlog hook`: one record of what an agent tells its hook, and nothing that the agent could notice.
//!
//! The payload is taken whole, so that the agent is not told of a broken pipe, but never waited for without a deadline:
//! some agents leave the pipe open. Whatever comes, one record goes out, stdout stays empty, and the status is 0; only a
//! command may decide otherwise (`command.rs`), and does so before anything is logged.

mod agents;
mod command;
mod install;
mod instead;
mod merge;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::install::Action;
use super::session::{Session, one_record};
use super::{Context, Verdict};
use crate::cli::args::HookArgs;
use crate::cli::config::fail_by_environment;
use crate::delivery::drain::DRAIN_TIME;
use crate::intake::json::{Kind, Scan, Scanner};
use crate::intake::payload::{Event, Given, clean_items, clean_text, event, plan};
use crate::record::item::Item;
use crate::record::time::Time;
use crate::sys::cause::cause;
use crate::sys::child::Command;
use crate::sys::poll::{PollFlags, ready};
use crate::sys::signals;
use crate::sys::stderr;
use crate::sys::stdio;

/// An agent that is silent for so long in the middle of its payload, or before it, has nothing more to say.
const SILENCE: Duration = Duration::from_millis(500);

/// The longest that a payload may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// From the last byte of the payload to the end of the delivery; hooks at the end of a session share 1.5 s.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is left of it once somebody wants the command to end.
const HURRY: Duration = Duration::from_millis(250);

/// The most that is told of mistakes, so that a call is one record.
const MAX_MISTAKES_BYTES: usize = 16 * 1024;

/// The most fields that are taken from the command line, and from the environment; for the same reason.
const MAX_ITEMS: usize = 300;

/// Takes the payload and sends the record of it.
///
/// The status is 0, or 2 if a command wants to block. `--fail` is not heeded: an agent takes any other for trouble.
pub fn run(args: HookArgs, mut context: Context) -> ExitCode {
    for (action, agent) in [
        (Action::Print, &args.settings),
        (Action::Install, &args.install),
        (Action::Uninstall, &args.uninstall),
    ] {
        if let Some(agent) = agent {
            let fail = args.delivery.server.fail || fail_by_environment(context.env);
            return Verdict { done: install::run(action, agent, context.env), fail }.into();
        }
    }
    let time = Time::now();
    let command = Command::new(&context.command);
    // A signal is an order to stop waiting, not to lose the record.
    let stop = signals::stop(context.ignored).ok();
    let mut session = Session::begin(&args.delivery, args.dry_run, args.service, &mut context);
    session.config.timeout = session.config.timeout.min(TIMEOUT);
    crate::sys::panic_if_asked("hook");

    let (payload, words) = split_payload(args.words);
    let names = args.include.iter().flat_map(|list| list.split(',')).map(str::trim);
    let given = Given {
        event: args.event.filter(|name| !name.is_empty()),
        include: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        env: context.env,
    };
    let Payload { scan, kept, mut taken } = read(payload, &given, &context.command, stop.as_ref());
    let outcome = command.map(|command| {
        let words: Vec<_> = context.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let has_signal = |stop: &UnixStream| signals::use_up(stop) > 0;
        let outcome = if taken.stopped || stop.as_ref().is_some_and(has_signal) {
            command::Outcome::interrupted(&command)
        } else {
            command::run(&command, &words, kept, context.ignored, args.never_block)
        };
        // What came meanwhile was about the command.
        stop.as_ref().map(has_signal);
        outcome.keep_on_panic(session.report);
        taken.last_byte = Instant::now();
        outcome
    });
    let status = ExitCode::from(outcome.as_ref().map_or(0, |outcome| outcome.status));
    crate::sys::panic_if_asked("hook-record");
    let mut event = event(&scan, &given);
    if let Some(outcome) = &outcome {
        outcome.add_to(&mut event, given.include.iter().any(|name| name == "stderr"));
    }
    // Not worth taking down: the process ends soon.
    std::mem::forget(scan);

    let mut items = fields(words, &mut session);
    session.mistakes = shown(&session.mistakes);
    session.tell();
    let trouble: Vec<_> = event.mistakes.iter().cloned().chain(taken.trouble).collect();
    for trouble in &trouble {
        session.report.trouble(&format!("{trouble}; the record says so"));
    }
    session.mistakes.extend(trouble);
    if let Some(agent) = event.harness.filter(|_| (context.env)("VLOG_SERVICE").is_none()) {
        agent.clone_into(&mut session.config.service);
    }
    let hurried = outcome.is_some_and(|outcome| outcome.hurried);
    let time_left = if hurried { HURRY } else { session.config.timeout };
    let deadline =
        Instant::now().checked_add(time_left).into_iter().chain(taken.last_byte.checked_add(TIMEOUT)).min();
    items = redacted(&mut event, items, &mut session);
    let defaults = session.defaults(event.level, items, &session.mistakes);
    let batch = one_record(&defaults, time, &event.message);
    if let Some((batch, delivery)) = batch.zip(session.delivery(stop)) {
        let _ = session.deliver(&batch, &delivery, deadline, DRAIN_TIME);
        std::mem::forget((delivery, batch));
    }
    std::mem::forget((session, defaults));
    status
}

/// The fields of the command line, and not too many of them.
fn fields(words: Vec<String>, session: &mut Session) -> Vec<Item> {
    // Parts of a payload are shown nowhere.
    let (json, words): (Vec<_>, Vec<_>) =
        words.into_iter().partition(|word| bare(word).starts_with(['{', '[', '"']));
    session.mistakes.extend(json.iter().map(|_| "a word is not KEY=VALUE".to_owned()));
    let mut items = session.fields(words);
    for list in [&mut items, &mut session.config.fields] {
        if list.len() > MAX_ITEMS {
            session.mistakes.push(format!("{} more fields are not logged", list.len() - MAX_ITEMS));
            list.truncate(MAX_ITEMS);
        }
    }
    items
}

/// What is told of the mistakes: no secrets, and not more than a record takes.
fn shown(mistakes: &[String]) -> Vec<String> {
    let mut room = MAX_MISTAKES_BYTES;
    let mut shown: Vec<_> = mistakes.iter().map(|mistake| clean_text(mistake).0).collect();
    shown.retain(|mistake| {
        room = room.saturating_sub(mistake.len());
        room > 0
    });
    if shown.len() < mistakes.len() {
        shown.push(format!("{} more mistakes", mistakes.len() - shown.len()));
    }
    shown
}

/// A payload that was read.
struct Payload {
    /// What matters of it for the record.
    scan: Scan,
    /// All of it, as it came, for the command.
    kept: command::Payload,
    taken: Taken,
}

/// Reads the payload from the word that it is, or from stdin.
fn read(word: Option<String>, given: &Given, command: &[OsString], stop: Option<&UnixStream>) -> Payload {
    let plan = |path: &[String]| plan(path, &given.include);
    let mut scanner = Scanner::new(&plan);
    let mut kept = command::Payload::Kept(Vec::new());
    let mut see = |bytes: &[u8]| {
        if !command.is_empty() {
            kept.push(bytes);
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
    Payload { scan, kept, taken }
}

/// After a panic: takes what the agent still sends.
pub fn carry_on() {
    if !io::stdin().is_terminal() {
        take(None, &mut |_| false);
    }
}

/// The payload that stands among the words (Codex' `notify` puts it last), and the other words.
fn split_payload(mut words: Vec<String>) -> (Option<String>, Vec<String>) {
    let at = words.iter().rposition(|word| bare(word).starts_with('{'));
    (at.map(|at| bare(&words.remove(at)).to_owned()), words)
}

/// A word without the mark and the blanks that may stand before JSON.
fn bare(word: &str) -> &str {
    word.trim_start_matches(|char: char| char == '\u{feff}' || char.is_whitespace())
}

/// How the taking of a payload went.
struct Taken {
    /// When its last byte came, or the wait for it began.
    last_byte: Instant,
    /// Whether a signal has ended it.
    stopped: bool,
    /// Why it could not be taken, if so.
    trouble: Option<String>,
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
    let end = taken.last_byte + PATIENCE;
    // Most payloads are small; the large ones come as a pipe takes them.
    let mut buffer = vec![0; 4 * 1024];
    let mut has_enough = false;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let wait = if has_enough { Duration::ZERO } else { left.min(SILENCE) };
        if left.is_zero() || !wait_for_stdin(stop, wait) {
            taken.stopped = stop.is_some_and(|stop| signals::use_up(stop) > 0);
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

/// Waits until there is something to read; `false` if nothing came, or a signal did.
fn wait_for_stdin(stop: Option<&UnixStream>, time: Duration) -> bool {
    let stdin = io::stdin();
    let mut fds = vec![(stdin.as_fd(), PollFlags::POLLIN)];
    fds.extend(stop.map(|stop| (stop.as_fd(), PollFlags::POLLIN)));
    let ready = ready(&fds, Some(time)).unwrap_or_default();
    ready.first() == Some(&true) && ready.get(1) != Some(&true)
}

/// The fields of an event and of the command line. Secrets are taken out of all that leaves, whoever put it there.
fn redacted(event: &mut Event, items: Vec<Item>, session: &mut Session) -> Vec<Item> {
    let (items, of_items) = clean_items(items);
    let (fields, of_environment) = clean_items(std::mem::take(&mut session.config.fields));
    session.config.fields = fields;
    let (name, of_name) = clean_text(&session.config.service);
    session.config.service = name;
    let (service, of_option) = session.service.take().map(|name| clean_text(&name)).unzip();
    session.service = service;
    let count = event.redacted + of_items + of_environment + of_name + of_option.unwrap_or_default();
    let mut all = std::mem::take(&mut event.fields);
    if count > 0 {
        all.push(Item { key: "redacted".to_owned(), value: Value::from(count) });
    }
    all.extend(items);
    all
}
