//! `vlog completions`: prints a script, or the manual page, that was generated when vlog was made.

use super::{Context, Verdict};
use crate::cli::args::CompletionsArgs;
use crate::cli::config::fail_by_environment;
use crate::sys::signals;
use crate::sys::stderr;
use crate::sys::stdio;

/// Prints the script for `args.shell`.
pub fn run(args: &CompletionsArgs, context: Context) -> Verdict {
    let fail = fail_by_environment(context.env);
    signals::exit_on_stop(i32::from(fail), context.ignored);
    crate::sys::panic_if_asked("completions");
    for mistake in context.mistakes {
        stderr::say(&format!("{mistake}; the script is printed all the same"));
    }
    let script = match args.shell.as_str() {
        "bash" => include_str!("../../completions/vlog.bash"),
        "zsh" => include_str!("../../completions/_vlog"),
        "man" => include_str!("../../completions/vlog.1"),
        _ => include_str!("../../completions/vlog.fish"),
    };
    let printed = stdio::write_all(script.as_bytes());
    if let Err(error) = &printed {
        stderr::say(&format!("could not print the script: {error}"));
    }
    Verdict { done: printed.is_ok(), fail }
}
