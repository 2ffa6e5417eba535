//! What each verb still does after a panic, from its start on. As it goes on it promises other things (`sys::panics`).

use std::ffi::OsString;

use super::{hook, pipe, run};
use crate::cli::config::fail_by_environment;
use crate::cli::has_flag;
use crate::sys::child;
use crate::sys::env::Env;
use crate::sys::panics::Promises;

/// Installs the panic hook: `pipe` takes its input to the end and passes it on, `hook` takes its payload so that the agent
/// is not told of a broken pipe, `run` makes room for its command; then the process ends with 0, or with 1 if `--fail`
/// asks for that and the verb heeds it.
pub fn promise(argv: &[String], command: &[OsString], env: Env) -> Promises {
    let is = |wanted: &str| match argv.get(1) {
        Some(option) if option.starts_with('-') => has_flag(argv, wanted),
        verb => verb.is_some_and(|verb| verb == wanted),
    };
    let (is_pipe, is_hook) = (is("pipe"), is("hook"));
    let to_run = if is("run") { child::Command::new(command) } else { None };
    let fail = !is_hook && (has_flag(argv, "--fail") || fail_by_environment(env));
    let verbose = has_flag(argv, "--verbose") || has_flag(argv, "-v") || env("VLOG_VERBOSE").is_some();
    let tee = has_flag(argv, "--tee");
    Promises::install(verbose, move || {
        if is_pipe {
            pipe::carry_on(tee);
        }
        if is_hook {
            hook::carry_on();
        }
        to_run.as_ref().map_or(u8::from(fail), run::carry_on)
    })
}
