//! One file per verb, and what those that make records share.

pub mod completions;
pub mod flush;
pub mod hook;
pub mod panics;
pub mod pipe;
pub mod query;
pub mod run;
pub mod send;
pub mod status;

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cli::args::Verb;
use crate::cli::config::{Config, Route};
use crate::cli::values::parse_level;
use crate::delivery::policy::{Delivery, Plan};
use crate::delivery::sender::{Missing, Shipper, ToSender};
use crate::intake::assemble::{Assembler, Common, Source};
use crate::intake::text::lines::Piece;
use crate::outbox::Outbox;
use crate::query::range::Clock;
use crate::record::item::{self, Item, Word};
use crate::record::level::Level;
use crate::record::time::Time;
use crate::record::{Encoder, Fields};
use crate::sys::env::Env;
use crate::sys::signals::Ignored;
use crate::sys::stderr::{self, Report};
use crate::sys::zone;

/// What a verb is told beside its own arguments.
pub struct Context<'a> {
    /// The environment.
    pub env: Env<'a>,
    /// What was wrong with the command line.
    pub mistakes: Vec<String>,
    /// The words of it that were taken out.
    pub dropped: Vec<String>,
    /// The command to run and its arguments, for verbs that run one.
    pub command: Vec<OsString>,
    /// What vlog was started to ignore.
    pub ignored: Ignored,
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
        Verb::Completions(args) => completions::run(&args, &context),
    };
    verdict.into()
}

/// What all records of one command line have in common.
struct Shared {
    /// `None` if a field of that name holds a word that is no level.
    level: Option<Level>,
    /// The least level of all records: what is wrong with the command line is worth a warning.
    floor: Option<Level>,
    fields: Fields,
}

impl Shared {
    /// Puts the fields in order from the general to the particular, since of one name the last wins: the default
    /// service and the host, the environment's fields, the flags, the command line's fields. Mistakes travel along
    /// and make it a warning at least.
    fn new(
        config: &Config,
        level: Option<Level>,
        service: Option<String>,
        items: Vec<Item>,
        mistakes: &[String],
    ) -> Self {
        let text = |key: &str, value: String| Item { key: key.to_owned(), value: Value::String(value) };
        let mut all = vec![text("service", config.service.clone())];
        if let Ok(host) = nix::unistd::gethostname() {
            all.push(text("host", host.to_string_lossy().into_owned()));
        }
        if !mistakes.is_empty() {
            all.push(text("vlog_error", mistakes.join("; ")));
        }
        all.extend(config.fields.iter().cloned());
        all.extend(service.filter(|name| !name.is_empty()).map(|name| text("service", name)));
        all.extend(level.map(|level| text("level", level.name().to_owned())));
        all.extend(items);
        // An empty text is no field, so it does not hide the level either.
        let stated = all.iter().rev().find(|item| item.key == "level" && item.value != "");
        let level = stated.map_or(Some(Level::Info), |item| item.value.as_str().and_then(Level::parse));
        all.retain(|item| item.key != "level" || (level.is_none() && item.value != ""));
        let floor = (!mistakes.is_empty()).then_some(Level::Warn);
        Self {
            level: level.map(|level| floor.map_or(level, |floor| level.max(floor))),
            floor,
            fields: Fields::new(all),
        }
    }

    /// The same, for lines that may say more themselves.
    fn common(&self, min_level: Option<Level>) -> Common<'_> {
        Common { level: self.level, floor: self.floor, min_level, fields: &self.fields }
    }

    /// Whether `VLOG_MIN_LEVEL` keeps such records back.
    fn is_below(&self, least: Option<Level>) -> bool {
        self.level.zip(least).is_some_and(|(level, least)| level < least)
    }
}

/// Splits words into fields and the rest; a field that is not what it says is kept and noted.
fn sort_words(words: Vec<String>, mistakes: &mut Vec<String>) -> (Vec<Item>, Vec<String>) {
    let mut items = Vec::new();
    let mut rest = Vec::new();
    for word in words {
        match item::parse(&word) {
            Word::Item(item) => items.push(item),
            Word::BadJson(item, why) => {
                items.push(item);
                mistakes.push(why);
            }
            Word::Text => rest.push(word),
        }
    }
    (items, rest)
}

/// What is wrong with a word that should be a field. After an option that there is not, it may be that one's value,
/// and a secret.
fn not_an_item(word: &str, dropped: &[String]) -> String {
    if dropped.is_empty() {
        format!("'{word}' is not KEY=VALUE")
    } else {
        "a word is not KEY=VALUE".to_owned()
    }
}

/// Now, on the clock of the person who asks. Zones are looked for here only.
fn clock(utc: bool, verbose: bool) -> Clock {
    let local = || {
        zone::local(&|name| std::env::var_os(name)).unwrap_or_else(|| {
            if verbose {
                stderr::say("could not find the local time zone; times are in UTC");
            }
            TimeZone::UTC
        })
    };
    Clock { now: Timestamp::now(), zone: if utc { TimeZone::UTC } else { local() } }
}

/// The value of `--level`, if it is one; an empty one is none.
fn level_flag(text: Option<&str>, mistakes: &mut Vec<String>) -> Option<Level> {
    parse_level(text.filter(|text| !text.is_empty())?)
        .map_err(|error| mistakes.push(format!("could not use --level: {error}")))
        .ok()
}

/// Tells what was wrong with the command line and, to those who want to hear it, with the environment. What keeps
/// records from being sent is told later, with what became of them.
fn tell(config: &Config, mistakes: &[String], report: Report) {
    for mistake in mistakes.iter().filter(|mistake| config.route.trouble() != Some(mistake)) {
        stderr::say(mistake);
    }
    for warning in &config.warnings {
        report.trouble(warning);
    }
}

/// An encoder whose split records are told from those of all other runs.
fn encoder() -> Encoder {
    Encoder::new(RandomState::new().hash_one(std::process::id()))
}

/// Where the records of a configuration go, and where they wait. `None` if delivery is off.
fn plan(config: &Config) -> Option<Plan> {
    let (endpoint, blocked) = match &config.route {
        Route::Off => return None,
        Route::To(endpoint) => (Some(endpoint.clone()), None),
        Route::Held(endpoint, why) => (Some(endpoint.clone()), Some(why.clone())),
        Route::Unknown(why) => (None, Some(why.clone())),
    };
    let outbox = config.outbox.clone();
    Some(Plan {
        endpoint,
        access: config.access.clone(),
        blocked,
        protocol: config.protocol,
        stream_fields: config.stream_fields.clone(),
        timeout: config.timeout,
        dry_run: config.dry_run,
        outbox: outbox.map(|store| Outbox::new(store.folder, store.max_bytes)),
    })
}

/// A delivery for a configuration; `None` if it is off. A byte to read from `cancel` ends every wait.
fn delivery(config: &Config, cancel: Option<UnixStream>) -> Option<Delivery> {
    plan(config).map(|plan| Delivery::new(plan, cancel))
}

/// The road of a line: assembled to a record, gathered to a batch, sent off.
struct Road {
    assembler: Assembler,
    shipper: Shipper,
}

impl Road {
    /// Opens the road and starts the sender.
    fn open(to_sender: ToSender, delivery: Delivery) -> Self {
        Self { assembler: Assembler::new(encoder()), shipper: Shipper::start(to_sender, delivery) }
    }

    /// Takes a piece of what was read from `source` at `now`.
    fn take(&mut self, piece: Piece, now: Time, source: &mut Source) {
        let made = self.assembler.take(piece, now, source);
        self.shipper.progress().made(made);
        if self.assembler.is_full() {
            self.shipper.ship(self.assembler.give());
        }
    }

    /// How long until the batch in hand must go; `None` if there is none.
    fn due_in(&self) -> Option<Duration> {
        self.assembler.due_in()
    }

    /// Sends the batch in hand off if it is due.
    fn ship_if_due(&mut self) {
        if self.due_in().is_some_and(|left| left.is_zero()) {
            self.shipper.ship(self.assembler.give());
        }
    }

    /// Sends off the rest and waits until all is delivered, for `time` at most; what is not goes to the outbox. If that
    /// was full, a last record with the fields of `common` says how many it dropped. What became of the records that were
    /// not delivered, since the start.
    fn finish(mut self, time: Duration, common: &Common) -> Missing {
        self.shipper.ship(self.assembler.give());
        let assembler = &mut self.assembler;
        let missing = self
            .shipper
            .finish(time, |message, dropped| assembler.tell_dropped(message, dropped, common.fields));
        self.shipper.doubt(self.assembler.doubtful());
        missing
    }
}
