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
use crate::delivery::policy::{Delivery, Fate, Setup};
use crate::outbox::Outbox;
use crate::query::range::Clock;
use crate::record::defaults::Defaults;
use crate::record::item::{self, Item, Word};
use crate::record::level::Level;
use crate::record::time::Time;
use crate::record::{Batch, Encoder, Record};
use crate::server::socket::Deadline;
use crate::sys::panics::Promises;
use crate::sys::stderr::{self, Report};
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
    /// `--service`.
    pub service: Option<String>,
    /// What is done after a panic.
    pub promises: Promises,
}

impl Session {
    /// Reads the settings.
    pub fn begin(args: &DeliveryArgs, dry_run: bool, service: Option<String>, context: &mut Context) -> Self {
        let mut config = Config::for_delivery(args, context.env);
        config.dry_run = dry_run;
        let mut mistakes = std::mem::take(&mut context.mistakes);
        mistakes.append(&mut config.mistakes);
        let (report, dropped) = (Report::new(config.verbose), std::mem::take(&mut context.dropped));
        let promises = context.promises.clone();
        promises.set_verbose(config.verbose);
        Self { config, report, mistakes, dropped, service, promises }
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
        self.mistakes.push(if self.dropped.is_empty() {
            format!("'{word}' is not KEY=VALUE")
        } else {
            "a word is not KEY=VALUE".to_owned()
        });
    }

    /// Tells what was wrong with the command line and the environment.
    pub fn tell(&self) {
        tell(&self.config, &self.mistakes, self.report);
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
    /// what went wrong; `true` if nothing did.
    #[must_use]
    pub fn deliver(&self, batch: &Batch, delivery: &Delivery, deadline: Deadline, most: Duration) -> bool {
        let start = Instant::now();
        let is_delivered = self.is_delivered(&delivery.deliver(batch, deadline));
        if is_delivered {
            delivery.drain_along(start.elapsed(), most, deadline);
        }
        is_delivered
    }

    /// Whether a batch was delivered; tells why not.
    #[must_use]
    pub fn is_delivered(&self, fate: &Fate) -> bool {
        match fate {
            Fate::Delivered => return true,
            Fate::Kept(why, _) | Fate::Refused(why, _) => self.report.trouble(why),
            Fate::Withheld(why, _) | Fate::PutAside(why, _) | Fate::Lost(why, _) => stderr::say(why),
        }
        false
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

/// Tells what was wrong with the command line and, to those who want to hear it, with the environment. What keeps
/// records from being sent is told later, with what became of them.
pub fn tell(config: &Config, mistakes: &[String], report: Report) {
    for mistake in mistakes.iter().filter(|mistake| config.route.trouble() != Some(mistake)) {
        stderr::say(mistake);
    }
    for warning in &config.warnings {
        report.trouble(warning);
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
