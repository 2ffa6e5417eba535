//! `vlog run`: a command with its output passed through and logged, and its end made vlog's own.
//!
//! The main thread and one thread for each stream do what the command needs (`sys::child`). All that has to do with
//! records happens in a thread of its own, behind a bounded queue (`output.rs`): a panic there parks it, and the command
//! never notices.

mod command_log;
mod output;

use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use self::command_log::CommandLog;
use self::output::{LOGGER, Output, ROOM_BYTES};
use super::Context;
use super::redaction::{clean_if_asked, known_if};
use super::session::Session;
use crate::cli::args::RunArgs;
use crate::delivery::sender::Progress;
use crate::sys::cause::cause;
use crate::sys::child::{
    Command, CommandEnd, NotRun, Ready, StartError, Stdin, Tap, Target, linger, prepare,
};
use crate::sys::memory::has_room;
use crate::sys::panics::Promises;
use crate::sys::poll::{self, Countdown, PollFlags};
use crate::sys::signals::{self, Ignored};
use crate::sys::stderr;

/// What the logging thread may take beside the delivery itself.
const SLACK: Duration = Duration::from_millis(500);

/// Memory that must be there before the command is started: the stacks of four threads, 2 MiB each, and [`ROOM_BYTES`].
/// Without it nothing is logged, and the command is run in vlog's place.
const ROOM_TO_START_BYTES: usize = 8 * 1024 * 1024 + ROOM_BYTES;

/// What the logging may still take once vlog is asked to end; and how long it may then make no progress.
const HURRY: Duration = Duration::from_secs(2);

/// The status when there is no command: what a shell says of one that it does not find.
const NO_COMMAND: u8 = 127;

/// Runs the command and ends as it did.
pub fn run(args: RunArgs, mut context: Context) -> ExitCode {
    let (command, ignored) = (Command::new(&context.command), context.ignored);
    let mut session = Session::begin(&args.delivery, args.dry_run, args.service, &mut context);
    if let (Some(command), None) = (&command, (context.env)("VLOG_SERVICE")) {
        session.config.service = command.name();
    }
    let known = known_if(args.redact);
    let items = session.fields(args.words);
    let items = clean_if_asked(items, &mut session, known.as_ref());
    session.tell(match session.config.route.trouble() {
        None => "the command is run, and a record of its own is marked vlog_error",
        Some(_) => "the command is run, and nothing is sent",
    });
    crate::sys::panic_if_asked("run");

    let (cancel, to_cancel) = UnixStream::pair().ok().unzip();
    let (delivery, timeout) = (session.delivery(cancel), session.config.timeout);
    let progress = Arc::new(Progress::default());
    let name = command.as_ref().map_or("the command".to_owned(), Command::name);
    let on_failure = args.on_failure;
    let log = CommandLog { name, session, on_failure, known, items, progress: Arc::clone(&progress) };
    let Some(command) = command else {
        stderr::say("there is no command; see vlog run --help");
        let end = CommandEnd::not_run(NotRun { code: NO_COMMAND, why: "there is none".to_owned() });
        if let Some(delivery) = delivery {
            log.log_not_run(delivery, &end);
        }
        return end.pass();
    };
    let Some(delivery) = delivery else { return ExitCode::from(instead(&command, ignored).code) };
    let (output, ready) = match set_up(ignored) {
        Ok(set_up) => set_up,
        Err(error) => return without_logging(&command, ignored, &error),
    };
    keep_promise(&context.promises, &ready, &output, &command, ignored);
    let (running, mut inbox) = match ready.start(&command) {
        Ok(started) => started,
        Err(StartError::Setup(error)) => return without_logging(&command, ignored, &error),
        Err(StartError::Command(why)) => {
            stderr::say(&format!("could not run {}: {}", command.path(), why.why));
            let end = CommandEnd::not_run(why);
            log.log_not_run(delivery, &end);
            return end.pass();
        }
    };
    crate::sys::panic_if_asked("run-start");
    let of_log = Arc::clone(&output);
    output.begin(move || log.log(delivery, &of_log));
    let end = running.wait(&mut inbox);
    crate::sys::panic_if_asked("run-end");
    output.end(&end);
    let time = if end.hurried { timeout.min(HURRY) } else { timeout };
    if !linger(&mut inbox, output.done(), &mut Some(Countdown::new(time + SLACK)), Duration::ZERO) {
        // Time is up: what is on its way goes to the outbox.
        let _ = to_cancel.map(|mut cancel| cancel.write(&[0]));
        output.wait_while_it_goes_on(&mut inbox, &progress, HURRY);
    }
    end.pass()
}

/// Makes all that is needed to log the output of a command.
///
/// # Errors
/// There is no memory, or no descriptor, for it.
fn set_up(ignored: Ignored) -> io::Result<(Arc<Output>, Ready)> {
    if !has_room(ROOM_TO_START_BYTES) {
        return Err(ErrorKind::OutOfMemory.into());
    }
    let output = Arc::new(Output::new()?);
    let tap = |target| {
        let output = Arc::clone(&output);
        Tap { pass: true, see: Box::new(move |bytes| output.push(target, bytes)) }
    };
    let ready = prepare(Stdin::Inherit, (tap(Target::Stdout), tap(Target::Stderr)), ignored)?;
    Ok((output, ready))
}

/// What `run` still does when it has panicked before its command was there: to run it. The status to end with if that
/// cannot be.
#[must_use]
pub fn carry_on(command: &Command) -> u8 {
    instead(command, Ignored::at_start(true)).code
}

/// Puts the command into the place of this process, since there is nothing to log, or no way to do it. Returns only
/// if that cannot be.
fn instead(command: &Command, ignored: Ignored) -> NotRun {
    signals::catch_pipe(ignored);
    let why = command.exec();
    stderr::say(&format!("could not run {}: {}", command.path(), why.why));
    why
}

fn without_logging(command: &Command, ignored: Ignored, error: &io::Error) -> ExitCode {
    stderr::say(&format!("could not log {}: {}; it runs all the same", command.name(), cause(error)));
    ExitCode::from(instead(command, ignored).code)
}

/// From now on a panic leaves the command alone: the thread that it happened in does what the command needs, and
/// nothing else.
fn keep_promise(
    promises: &Promises,
    ready: &Ready,
    output: &Arc<Output>,
    command: &Command,
    ignored: Ignored,
) {
    for target in [Target::Stdout, Target::Stderr] {
        let running = Arc::clone(&ready.running);
        promises.thread(target.name(), move || running.carry_on(target));
    }
    let abandoned = Arc::clone(output);
    promises.thread(LOGGER, move || abandoned.abandon());
    let (running, output, command) = (Arc::clone(&ready.running), Arc::clone(output), command.clone());
    promises.main(move || {
        let Some(end) = running.wait_again(ignored) else { return carry_on(&command) };
        // What is in the queue is logged, if the logging thread is sound.
        output.end(&end);
        let _ = poll::ready(&[(output.done(), PollFlags::POLLIN)], Some(HURRY));
        end.pass();
        end.code()
    });
}
