//! The promise: parse, dispatch, and an exit status that never stops the caller, whatever happens.

mod cli;
mod delivery;
mod intake;
mod outbox;
mod query;
mod record;
mod server;
mod sys;
mod verbs;

use std::process::ExitCode;

use cli::Understood;
use cli::config::fail_by_environment;
use sys::env::Environment;
use sys::signals::{self, Ignored};
use sys::{stderr, stdio};
use verbs::{Context, Verdict};

/// musl's malloc takes a lock and a system call too many.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let (argv, command) = cli::wrapped::split_command(std::env::args_os().collect());
    let variables = Environment::now();
    let env = |name: &str| variables.get(name);
    let promises = verbs::panics::promise(&argv, &command, &env);
    sys::panic_if_asked("main");
    // Before anything handles a signal.
    let ignored = Ignored::at_start(!command.is_empty());
    signals::survive_file_limits(ignored);
    match cli::read(&argv, !command.is_empty()) {
        Ok(Understood { verb, mistakes, dropped, doubtful }) => {
            let (env, variables) = (&env, &variables);
            let context = Context { env, variables, mistakes, dropped, doubtful, command, ignored, promises };
            verbs::dispatch(verb, context)
        }
        Err(error) if !error.use_stderr() => {
            // Help or version was asked for; a reader that went away is no failure.
            let text = error.render().to_string();
            let _ = stdio::write_all(format!("{}\n", text.trim_end()).as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            stderr::say(&cli::complaint(&error, &argv));
            let fail = cli::has_flag(&argv, "--fail") || fail_by_environment(&env);
            Verdict { done: false, fail }.into()
        }
    }
}
