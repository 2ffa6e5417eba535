//! The promise: parse, dispatch, and an exit status that never stops the caller, whatever happens.
//!
//! Nothing else. A panic never unwinds (`panic = "abort"`): the hook below ends the process as the verb
//! promises. `RUST_BACKTRACE` has no say, for a hook must not spill traces into an agent's view.

mod breaker;
mod child;
mod cli;
mod client;
mod cmd;
mod config;
mod deliver;
mod follow;
mod item;
mod json;
mod level;
mod line;
mod logsql;
mod multiline;
mod net;
mod outbox;
mod output;
mod parse;
mod payload;
mod protocol;
mod range;
mod record;
mod redact;
mod report;
mod salvage;
mod ship;
mod signals;
mod stdio;
mod terminal;
mod time;
mod wait;
mod zone;

use std::ffi::OsString;
use std::panic;
use std::process::{self, ExitCode};
use std::thread;

use clap::error::ErrorKind;

use cli::Verb;
use cmd::{Context, Verdict};
use config::fail_by_environment;
use report::{Report, say};
use signals::Ignored;

/// musl's malloc takes a lock and a system call too many.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let (argv, command) = salvage::split_command(std::env::args_os().collect());
    keep_promise_on_panic(&argv, &command);
    panic_if_asked("main");
    // Before anything handles a signal.
    let ignored = Ignored::at_start(!command.is_empty());
    signals::survive_file_limits(ignored);
    match read(&argv, !command.is_empty()) {
        Ok((verb, mistakes, dropped)) => {
            dispatch(verb, Context { env: &variable, mistakes, dropped, command, ignored })
        }
        Err(error) if !error.use_stderr() => {
            // Help or version was asked for; a reader that went away is no failure.
            let text = error.render().to_string();
            let _ = stdio::write_all(format!("{}\n", text.trim_end()).as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&complaint(&error));
            let fail = has_flag(&argv, "--fail") || fail_by_environment(&variable);
            Verdict { done: false, fail }.into()
        }
    }
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    let text = std::env::var_os(name)?.to_string_lossy().into_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// The verb, what was wrong with the command line, and the words that were taken out of it. Whoever gives a command
/// wants it run, and no help.
fn read(argv: &[String], has_command: bool) -> Result<(Verb, Vec<String>, Vec<String>), clap::Error> {
    let error = match cli::parse(argv) {
        Ok(verb) => return Ok((verb, Vec::new(), Vec::new())),
        // `send -host` is no cry for help.
        Err(error) if !error.use_stderr() && salvage::wants_help(argv) && !has_command => return Err(error),
        Err(error) => error,
    };
    let helpless = has_command.then(|| salvage::without_help(argv));
    let Some(good) = salvage::salvage(helpless.as_deref().unwrap_or(argv)) else { return Err(error) };
    cli::parse(&good.argv).map(|verb| (verb, good.mistakes.clone(), good.dropped)).inspect_err(|error| {
        // Not before the help that was asked for, which says it better.
        good.mistakes.iter().filter(|_| error.use_stderr()).for_each(|mistake| say(mistake));
    })
}

fn dispatch(verb: Verb, context: Context) -> ExitCode {
    let verdict = match verb {
        Verb::Send(args) => cmd::send::run(args, context),
        Verb::Pipe(args) => cmd::pipe::run(args, context),
        Verb::Hook(args) => return cmd::hook::run(args, context),
        Verb::Run(args) => return cmd::run::run(args, context),
        Verb::Query(args) => cmd::query::run(&args, context),
        Verb::Flush(args) => cmd::flush::run(&args, context),
        Verb::Status(args) => cmd::status::run(&args, context),
        Verb::Completions(args) => cmd::completions::run(&args, &context),
    };
    verdict.into()
}

/// A panic on demand, for the tests of what happens then; not in the release binary.
#[cfg(debug_assertions)]
fn panic_if_asked(place: &str) {
    assert!(std::env::var_os("VLOG_TEST_PANIC").is_none_or(|asked| asked != place), "forced in {place}");
}

/// A panic on demand, for the tests of what happens then; not in the release binary.
#[cfg(not(debug_assertions))]
fn panic_if_asked(_: &str) {}

/// What clap says, on one line.
fn complaint(error: &clap::Error) -> String {
    if matches!(
        error.kind(),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        return "there is no verb; see vlog --help".to_owned();
    }
    let text = error.render().to_string();
    let lines: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let first = lines.join(" ").trim_start_matches("error: ").to_owned();
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let tip = tip.map(|tip| format!("; {tip}")).unwrap_or_default();
    let text = format!("could not read the command line: {first}{tip}; nothing was done, see vlog --help");
    text.replace("subcommand", "verb")
}

/// Whether the flag stands somewhere; for when the command line cannot be read, or not yet.
fn has_flag(argv: &[String], flag: &str) -> bool {
    argv.iter().any(|word| word == flag)
}

/// Sets what happens on a panic: a thread that logs is parked, since the main thread goes on without it; the
/// main thread of `pipe` takes its input to the end and passes it on, that of `hook` takes its payload so that the agent
/// is not told of a broken pipe, that of `run` makes room for its command (and says for itself what happens once that
/// is there); then the process ends with 0, or with 1 if `--fail` asks for that and the verb heeds it.
#[allow(clippy::exit, reason = "after a panic there is nobody to return to")]
fn keep_promise_on_panic(argv: &[String], command: &[OsString]) {
    let is = |wanted: &str| match argv.get(1) {
        Some(option) if option.starts_with('-') => has_flag(argv, wanted),
        verb => verb.is_some_and(|verb| verb == wanted),
    };
    let (is_pipe, is_hook) = (is("pipe"), is("hook"));
    let to_run = if is("run") { child::Command::new(command) } else { None };
    let fail = !is_hook && (has_flag(argv, "--fail") || fail_by_environment(&variable));
    let (tee, verbose) = (has_flag(argv, "--tee"), has_flag(argv, "--verbose") || has_flag(argv, "-v"));
    let main_thread = thread::current().id();
    panic::set_hook(Box::new(move |panic| {
        Report::new(verbose || variable("VLOG_VERBOSE").is_some()).trouble(&report::bug(panic));
        while thread::current().id() != main_thread {
            thread::park();
        }
        if is_pipe {
            cmd::pipe::carry_on(tee);
        }
        if is_hook {
            cmd::hook::carry_on();
        }
        if let Some(command) = &to_run {
            cmd::run::carry_on(command);
        }
        process::exit(i32::from(fail));
    }));
}
