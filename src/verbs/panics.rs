//! The panic hook: a panic never unwinds (`panic = "abort"`), so what is still owed is done here.

use std::ffi::OsString;
use std::{panic, process, thread};

use super::{hook, pipe, run};
use crate::cli::config::fail_by_environment;
use crate::cli::has_flag;
use crate::sys::child;
use crate::sys::env::variable;
use crate::sys::stderr::{self, Report};

/// Sets what happens on a panic: a thread that logs is parked, since the main thread goes on without it; the
/// main thread of `pipe` takes its input to the end and passes it on, that of `hook` takes its payload so that the agent
/// is not told of a broken pipe, that of `run` makes room for its command (and says for itself what happens once that
/// is there); then the process ends with 0, or with 1 if `--fail` asks for that and the verb heeds it.
#[allow(clippy::exit, reason = "after a panic there is nobody to return to")]
pub fn keep_promise_on_panic(argv: &[String], command: &[OsString]) {
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
        Report::new(verbose || variable("VLOG_VERBOSE").is_some()).trouble(&stderr::bug(panic));
        while thread::current().id() != main_thread {
            thread::park();
        }
        if is_pipe {
            pipe::carry_on(tee);
        }
        if is_hook {
            hook::carry_on();
        }
        if let Some(command) = &to_run {
            run::carry_on(command);
        }
        process::exit(i32::from(fail));
    }));
}
