//! One file per verb, and what those that make records share.

pub mod completions;
pub mod pipe;
pub mod query;
pub mod send;

use std::hash::{BuildHasher, RandomState};

use serde_json::Value;

use crate::config::{Config, Env, parse_level};
use crate::item::{self, Item, Word};
use crate::level::Level;
use crate::record::{Encoder, Fields};
use crate::report::{self, Report};

/// What a verb is told beside its own arguments.
pub struct Context<'a> {
    /// The environment.
    pub env: Env<'a>,
    /// What was wrong with the command line.
    pub mistakes: Vec<String>,
    /// The words of it that were taken out.
    pub dropped: Vec<String>,
}

/// How a verb ended.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// Whether what was asked for has happened.
    pub done: bool,
    /// Whether the exit status should tell.
    pub fail: bool,
}

/// What all records of one command line have in common.
struct Shared {
    /// `None` if a field of that name holds a word that is no level.
    level: Option<Level>,
    fields: Fields,
}

impl Shared {
    /// Puts the fields in order from the general to the particular, since of one name the last wins: host,
    /// service, the environment's, the command line's. Mistakes travel along and make it a warning at least.
    fn new(
        config: &Config,
        level: Option<Level>,
        service: Option<String>,
        items: Vec<Item>,
        mistakes: &[String],
    ) -> Self {
        let text = |key: &str, value: String| Item { key: key.to_owned(), value: Value::String(value) };
        let service = service.unwrap_or_else(|| config.service.clone());
        let mut all = vec![text("service", service)];
        if let Ok(host) = nix::unistd::gethostname() {
            all.push(text("host", host.to_string_lossy().into_owned()));
        }
        if !mistakes.is_empty() {
            all.push(text("vlog_error", mistakes.join("; ")));
        }
        all.extend(config.fields.iter().cloned());
        all.extend(items);
        // An empty text is no field, so it does not hide the level either.
        all.retain(|item| item.key != "level" || item.value != "");
        let stated = all.iter().rev().find(|item| item.key == "level");
        let level = match stated.map(|item| item.value.as_str().and_then(Level::parse)) {
            None => Some(level.unwrap_or(Level::Info)),
            Some(None) => None,
            Some(known) => {
                all.retain(|item| item.key != "level");
                known
            }
        };
        let level = if mistakes.is_empty() { level } else { level.map(|level| level.max(Level::Warn)) };
        Self { level, fields: Fields::new(all) }
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

/// The value of `--level`, if it is one.
fn level_flag(text: Option<&str>, mistakes: &mut Vec<String>) -> Option<Level> {
    parse_level(text?).map_err(|error| mistakes.push(format!("could not use --level: {error}"))).ok()
}

/// Tells what was wrong with the command line and, to those who want to hear it, with the environment.
fn tell(config: &Config, mistakes: &[String], report: Report) {
    for mistake in mistakes {
        report::say(mistake);
    }
    for warning in &config.warnings {
        report.trouble(warning);
    }
}

/// An encoder whose split records are told from those of all other runs.
fn encoder() -> Encoder {
    Encoder::new(RandomState::new().hash_one(std::process::id()))
}
