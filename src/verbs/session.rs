//! How `send`, `pipe`, `hook`, `run` and `flush` begin: settings, mistakes, the fields of all records, the delivery.
//!
//! A verb calls [`Session::begin`], adds the mistakes that only it can find, calls [`Session::tell`], and then makes its
//! records from [`Session::defaults`] and hands them to [`Session::delivery`].

use std::hash::{BuildHasher, RandomState};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Context, Verdict};
use crate::cli::args::DeliveryArgs;
use crate::cli::config::{Config, Route};
use crate::cli::values::parse_level;
use crate::delivery::breaker::Breaker;
use crate::delivery::policy::{Delivery, Fate};
use crate::delivery::setup::Setup;
use crate::outbox::Outbox;
use crate::query::range::Clock;
use crate::record::defaults::Defaults;
use crate::record::item::{self, Item, Word};
use crate::record::level::Level;
use crate::record::time::Time;
use crate::record::{Batch, Encoder, Record};
use crate::server::socket::Deadline;
use crate::sys::panics::Promises;
use crate::sys::stderr::{self, Report, records};
use crate::sys::zone;

/// What a verb that delivers knows of its settings and of its command line.
pub struct Session {
    /// The settings.
    pub config: Config,
    /// Whether trouble is told.
    pub report: Report,
    /// What was wrong with the command line so far.
    pub mistakes: Vec<String>,
    /// The words of it that were taken out.
    pub dropped: Vec<String>,
    /// The words left in it that may be secrets.
    pub doubtful: Vec<String>,
    /// `--service`.
    pub service: Option<String>,
    /// What is done after a panic.
    pub promises: Promises,
    /// Whether something was said beside mistakes.
    pub has_said: bool,
}

impl Session {
    /// Reads the settings.
    pub fn begin(args: &DeliveryArgs, dry_run: bool, service: Option<String>, context: &mut Context) -> Self {
        let mut config = Config::for_delivery(args, context.env);
        config.dry_run = dry_run;
        let mut mistakes = std::mem::take(&mut context.mistakes);
        mistakes.append(&mut config.mistakes);
        let report = Report::new(config.verbose);
        let [dropped, doubtful] = [&mut context.dropped, &mut context.doubtful].map(std::mem::take);
        let promises = context.promises.clone();
        promises.set_verbose(config.verbose);
        Self { config, report, mistakes, dropped, doubtful, service, promises, has_said: false }
    }

    /// The value of `--level`, if it is one.
    pub fn level(&mut self, option: Option<&str>) -> Option<Level> {
        level_flag(option, &mut self.mistakes)
    }

    /// Splits words into fields and the rest. A field that is not what it says is kept, and is a mistake.
    pub fn sort_words(&mut self, words: Vec<String>) -> (Vec<Item>, Vec<String>) {
        let (mut items, mut rest) = (Vec::new(), Vec::new());
        for word in words {
            match item::parse(&word) {
                Word::Item(item) => items.push(item),
                Word::BadJson(item, why) => {
                    items.push(item);
                    self.mistakes.push(why);
                }
                Word::Text => rest.push(word),
            }
        }
        (items, rest)
    }

    /// The fields that `words` are; a word that is none is a mistake.
    pub fn fields(&mut self, words: Vec<String>) -> Vec<Item> {
        let (items, rest) = self.sort_words(words);
        for word in &rest {
            self.not_a_field(word);
        }
        items
    }

    /// Notes that a word should have been a field. After an unknown option it may be that option's value, and a secret.
    pub fn not_a_field(&mut self, word: &str) {
        self.mistakes.push(if self.doubtful.iter().any(|doubtful| doubtful == word) {
            "a word is not KEY=VALUE".to_owned()
        } else {
            format!("'{word}' is not KEY=VALUE")
        });
    }

    /// Tells what was wrong with the command line, with what `became` of the records for that, and with the environment.
    pub fn tell(&self, became: &str) {
        tell(&self.config, &self.mistakes, became, self.report);
    }

    /// Tells what became of the only record of a call, and of `mistakes` in the command line that it is marked with;
    /// `true` if it was delivered.
    #[must_use]
    pub fn tell_fate(&self, mistakes: &[String], fate: &Fate) -> bool {
        tell(&self.config, mistakes, self.mark_of(fate), self.report);
        match fate {
            Fate::Delivered => {
                self.confirm(1);
                return true;
            }
            Fate::Kept(why, _) | Fate::Refused(why, _) => self.report.trouble(why),
            Fate::Withheld(why, _) | Fate::PutAside(why, _) | Fate::Lost(why, _) => stderr::say(why),
        }
        false
    }

    /// What became of a record with mistakes; where it is, unless that is told for itself.
    fn mark_of(&self, fate: &Fate) -> &'static str {
        match fate {
            Fate::Delivered if !self.config.dry_run => "the record was sent, marked vlog_error",
            Fate::Kept(..) if !self.report.is_talkative() => {
                "the record is kept in the outbox, marked vlog_error"
            }
            Fate::Refused(..) if !self.report.is_talkative() => "the record was put aside, marked vlog_error",
            _ => "the record is marked vlog_error",
        }
    }

    /// Whether it is said that all has gone well: to those who ask for that, where nothing else was said.
    pub fn confirms(&self) -> bool {
        let has_said = self.has_said || !self.mistakes.is_empty() || !self.config.warnings.is_empty();
        self.config.verbose && !self.config.dry_run && !has_said
    }

    /// Says that all has gone well.
    pub fn confirm(&self, count: u64) {
        if let Some(endpoint) = self.config.route.endpoint().filter(|_| self.confirms()) {
            stderr::say(&format!("{} delivered to {endpoint}", records(count)));
        }
    }

    /// What the records have in common that are about `items`, with `level` unless a field says otherwise. Goes from
    /// the general to the particular, since of one name the last wins: the default service and the host, the
    /// environment's fields, the options, the fields of the command line. `mistakes` travel along.
    #[must_use]
    pub fn defaults(&self, level: Option<Level>, items: Vec<Item>, mistakes: &[String]) -> Defaults {
        let text = |key: &str, value: &str| Item { key: key.to_owned(), value: Value::from(value) };
        let mut all = vec![text("service", &self.config.service)];
        if let Ok(host) = nix::unistd::gethostname() {
            all.push(text("host", &host.to_string_lossy()));
        }
        if !mistakes.is_empty() {
            all.push(text("vlog_error", &mistakes.join("; ")));
        }
        all.extend(self.config.fields.iter().cloned());
        all.extend(self.service.iter().filter(|name| !name.is_empty()).map(|name| text("service", name)));
        all.extend(level.map(|level| text("level", level.name())));
        all.extend(items);
        Defaults::new(all, !mistakes.is_empty(), self.config.min_level)
    }

    /// The way to the server and the outbox; `None` if delivery is off. A byte to read from `cancel` ends every wait.
    #[must_use]
    pub fn delivery(&self, cancel: Option<UnixStream>) -> Option<Delivery> {
        delivery(&self.config, cancel)
    }

    /// Delivers the only batch of a call by the deadline, and then for `most` at most what waits in the outbox. Tells
    /// what went wrong, with `mistakes` that its record is marked with; `true` if it was delivered.
    #[must_use]
    pub fn deliver(
        &self,
        batch: &Batch,
        delivery: &Delivery,
        (deadline, most): (Deadline, Duration),
        mistakes: &[String],
    ) -> bool {
        let start = Instant::now();
        let fate = delivery.deliver(batch, deadline);
        let took = start.elapsed();
        let is_delivered = self.tell_fate(mistakes, &fate);
        if is_delivered {
            delivery.drain_along(took, most, deadline);
        }
        is_delivered
    }

    /// How the verb ends.
    #[must_use]
    pub fn verdict(&self, done: bool) -> Verdict {
        Verdict { done, fail: self.config.fail }
    }
}

/// A batch of one record; `None` if its level is below the minimum.
#[must_use]
pub fn one_record(defaults: &Defaults, time: Time, message: &str) -> Option<Batch> {
    let level = defaults.level(None).ok()?;
    let mut batch = Batch::default();
    let record = Record { time, message, level, fields: defaults.fields(), own: None };
    batch.records = encoder().write(&record, &mut batch.lines);
    Some(batch)
}

/// An encoder whose split records are told from those of all other runs.
#[must_use]
pub fn encoder() -> Encoder {
    Encoder::new(RandomState::new().hash_one(std::process::id()))
}

/// Where the records of a configuration go, and where they wait. `None` if delivery is off.
#[must_use]
pub fn setup(config: &Config) -> Option<Setup> {
    let (endpoint, blocked) = match &config.route {
        Route::Off => return None,
        Route::To(endpoint) => (Some(endpoint.clone()), None),
        Route::Held(endpoint, why) => (Some(endpoint.clone()), Some(why.clone())),
        Route::Unknown(why) => (None, Some(why.clone())),
    };
    let outbox = config.outbox.clone();
    Some(Setup {
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

/// Whether the outbox is the only store there ever was: no server is named, and none was ever delivered to.
pub fn is_outbox_the_store(config: &Config) -> bool {
    let Some(setup) = setup(config) else { return false };
    let server = setup.destination().server();
    let has_delivered = |outbox: &Outbox| Breaker::new(outbox.folder(), &server).has_delivered();
    !config.names_server() && setup.outbox.is_ok_and(|outbox| !has_delivered(&outbox))
}

/// A delivery for a configuration; `None` if it is off. A byte to read from `cancel` ends every wait.
#[must_use]
pub fn delivery(config: &Config, cancel: Option<UnixStream>) -> Option<Delivery> {
    setup(config).map(|setup| Delivery::new(setup, cancel))
}

/// The value of `--level`, if it is one; an empty one is none.
pub fn level_flag(text: Option<&str>, mistakes: &mut Vec<String>) -> Option<Level> {
    parse_level(text.filter(|text| !text.is_empty())?)
        .map_err(|error| mistakes.push(format!("could not use --level: {error}")))
        .ok()
}

/// Tells what was wrong with the command line, with what `became` of the data for that, and, to those who want to hear it,
/// with the environment. What keeps records from being sent is told for itself, with what became of them.
pub fn tell(config: &Config, mistakes: &[String], became: &str, report: Report) {
    tell_mistakes(mistakes.iter().filter(|mistake| config.route.trouble() != Some(mistake)), became);
    for warning in &config.warnings {
        report.trouble(warning);
    }
}

/// Tells what was wrong with the command line, the last with what `became` of the data.
pub fn tell_mistakes<'a>(mistakes: impl Iterator<Item = &'a String>, became: &str) {
    let mut mistakes = mistakes.peekable();
    while let Some(mistake) = mistakes.next() {
        if mistakes.peek().is_some() {
            stderr::say(mistake);
        } else if mistake.ends_with('?') {
            let (first, rest) = became.split_at_checked(1).unwrap_or_default();
            stderr::say(&format!("{mistake} {}{rest}", first.to_uppercase()));
        } else {
            stderr::say(&format!("{mistake}; {became}"));
        }
    }
}

/// Now, on the clock of the person who asks; `verbose` says if the time zone cannot be found.
#[must_use]
pub fn clock(utc: bool, verbose: bool) -> Clock {
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
