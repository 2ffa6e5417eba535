//! `vlog hook`: one record of what an agent tells its hook, and nothing that the agent could notice.
//!
//! Whatever comes, one record goes out, stdout stays empty, and the status is 0; only a command may decide otherwise
//! (`command.rs`), and does so before anything is logged.

mod agents;
mod command;
mod install;
mod instead;
mod merge;
mod payload;

use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::command::CommandResult;
use self::install::Action;
use self::payload::{PayloadCopy, ReadPayload, Taken, bare};
use super::redaction::{clean_mistakes, clean_session};
use super::session::{Session, one_record, tell};
use super::{Context, Verdict};
use crate::cli::args::HookArgs;
use crate::cli::config::fail_by_environment;
use crate::delivery::drain::DRAIN_TIME;
use crate::intake::payload::{Event, Given, event};
use crate::intake::redact::Known;
use crate::record::item::Item;
use crate::record::time::Time;
use crate::server::socket::Deadline;
use crate::sys::child::Command;
use crate::sys::signals;

pub use self::payload::carry_on;

/// From the last byte of the payload to the end of the delivery; hooks at the end of a session share 1.5 s.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is left of it once the command was asked to end.
const HURRY: Duration = Duration::from_millis(250);

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
    // A signal is an order to stop waiting, not to lose the record.
    let stop = signals::stop(context.ignored).ok();
    let mut session = Session::begin(&args.delivery, args.dry_run, args.service, &mut context);
    session.config.timeout = session.config.timeout.min(TIMEOUT);
    crate::sys::panic_if_asked("hook");

    let (payload, words) = payload::split_payload(args.words);
    let names = args.include.iter().flat_map(|list| list.split(',')).map(str::trim);
    let given = Given {
        event: args.event.filter(|name| !name.is_empty()),
        include: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        env: context.env,
        known: Known::new(&context.variables.0),
    };
    let ReadPayload { scan, copy, mut taken } =
        payload::read(payload, &given, &context.command, stop.as_ref());
    let result = run_command(copy, &mut taken, args.never_block, stop.as_ref(), &context);
    let status = ExitCode::from(result.as_ref().map_or(0, |result| result.status));
    crate::sys::panic_if_asked("hook-record");
    let mut event = event(&scan, &given);
    if let Some(result) = &result {
        result.add_to(&mut event, given.include.iter().any(|name| name == "stderr"));
    }

    let items = fields(words, &mut session);
    let mistakes = take_mistakes(&event, &taken, &mut session);
    if let Some(agent) = event.harness.filter(|_| (context.env)("VLOG_SERVICE").is_none()) {
        agent.clone_into(&mut session.config.service);
    }
    let items = redacted(&mut event, items, &mut session);
    let deadline = deadline(&taken, result.is_some_and(|result| result.hurried), &session);
    let defaults = session.defaults(event.level, items, &session.mistakes);
    let batch = one_record(&defaults, time, &event.message);
    if let Some((batch, delivery)) = batch.zip(session.delivery(stop)) {
        // Whatever came of it, the agent is not told.
        let _ = session.deliver(&batch, &delivery, (deadline, DRAIN_TIME), &mistakes);
    } else {
        tell(&session.config, &mistakes, "no record is sent", session.report);
    }
    status
}

/// Runs the command, if there is one, on the payload; not if a signal came before all of it was there.
fn run_command(
    payload: PayloadCopy,
    taken: &mut Taken,
    never_block: bool,
    stop: Option<&UnixStream>,
    context: &Context,
) -> Option<CommandResult> {
    let command = Command::new(&context.command)?;
    let has_signal = || stop.is_some_and(|stop| signals::use_up(stop) > 0);
    let result = if taken.stopped || has_signal() {
        CommandResult::interrupted(&command)
    } else {
        let words: Vec<_> = context.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        command::run(&command, &words, payload, context.ignored, never_block)
    };
    // What came meanwhile was about the command.
    has_signal();
    // From now on nothing that goes wrong here changes what the command decided.
    let status = result.status;
    context.promises.main(move || status);
    taken.last_byte = Instant::now();
    Some(result)
}

/// What was wrong with the command line, without secrets. What was wrong with the payload is told, and the record says so
/// too.
fn take_mistakes(event: &Event, taken: &Taken, session: &mut Session) -> Vec<String> {
    session.mistakes = clean_mistakes(&session.mistakes, &event.known);
    let mistakes = session.mistakes.clone();
    for trouble in event.mistakes.iter().chain(&taken.trouble) {
        session.report.trouble(&format!("{trouble}; the record says so"));
        session.mistakes.push(trouble.clone());
    }
    mistakes
}

/// When the delivery must be over.
fn deadline(taken: &Taken, hurried: bool, session: &Session) -> Deadline {
    let time = if hurried { HURRY } else { session.config.timeout };
    Instant::now().checked_add(time).into_iter().chain(taken.last_byte.checked_add(TIMEOUT)).min()
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

/// The fields of an event and of the command line. Secrets are taken out of all that leaves, whoever put it there.
fn redacted(event: &mut Event, items: Vec<Item>, session: &mut Session) -> Vec<Item> {
    let (items, of_session) = clean_session(items, session, &event.known);
    let count = event.redacted + of_session;
    let mut all = std::mem::take(&mut event.fields);
    if count > 0 {
        all.push(Item { key: "redacted".to_owned(), value: Value::from(count) });
    }
    all.extend(items);
    all
}
