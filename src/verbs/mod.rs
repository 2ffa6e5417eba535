//! One file per verb, and what those that make records share.

pub mod completions;
pub mod flush;
pub mod hook;
pub mod panics;
pub mod pipe;
mod pipeline;
pub mod query;
mod redaction;
pub mod run;
pub mod send;
mod session;
pub mod status;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::args::Verb;
use crate::sys::env::{Env, Environment};
use crate::sys::panics::Promises;
use crate::sys::signals::Ignored;
use session::{clock, delivery, is_outbox_the_store, level_flag, setup, tell, tell_mistakes};

/// What a verb is told beside its own arguments.
pub struct Context<'a> {
    /// The environment.
    pub env: Env<'a>,
    /// All of it.
    pub variables: &'a Environment,
    /// What was wrong with the command line.
    pub mistakes: Vec<String>,
    /// The words of it that were taken out.
    pub dropped: Vec<String>,
    /// The words left in it that may be secrets.
    pub doubtful: Vec<String>,
    /// The command to run and its arguments, for verbs that run one.
    pub command: Vec<OsString>,
    /// What vlog was started to ignore.
    pub ignored: Ignored,
    /// What it does after a panic.
    pub promises: Promises,
}

/// How a verb ended.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// Whether what was asked for has happened.
    pub done: bool,
    /// Whether the exit status should tell.
    pub fail: bool,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(u8::from(verdict.fail && !verdict.done))
    }
}

/// Runs the verb.
#[must_use]
pub fn dispatch(verb: Verb, context: Context) -> ExitCode {
    let verdict = match verb {
        Verb::Send(args) => send::run(args, context),
        Verb::Pipe(args) => pipe::run(args, context),
        Verb::Hook(args) => return hook::run(args, context),
        Verb::Run(args) => return run::run(args, context),
        Verb::Query(args) => query::run(&args, context),
        Verb::Flush(args) => flush::run(&args, context),
        Verb::Status(args) => status::run(&args, context),
        Verb::Completions(args) => completions::run(&args, context),
    };
    verdict.into()
}
