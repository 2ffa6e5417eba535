//! What the fields of a line say by their names: its message, level, time and service.
//!
//! Nothing is lost: a value that says more than what was understood of it stays, in `vlog_level` or `vlog_time`. No field
//! `level` is left that is not a level.

use std::borrow::Cow;

use crate::intake::text::lines::without_ansi;
use crate::record::level::Level;
use crate::record::time::Time;
use crate::record::{FieldBuffer, floor_char_boundary};

use super::decoded;
use super::line_time::LineTime;
use super::names::{KINDS, Role, is_of_mongodb, is_of_syslog, role};

/// The first second of 2000. What is before it is no time of a log line but, say, how long something took.
const LEAST_TIME: Time = Time(946_684_800_000_000_000);

/// So much of another field stands in for a message that is missing.
const MAX_SUBSTITUTE_BYTES: usize = 1024;

/// What the well-known names say.
#[derive(Debug, Default)]
pub struct Meaning {
    /// Where in the buffer the message is.
    pub message: Option<(usize, usize)>,
    pub level: Option<Level>,
    pub time: Option<Time>,
}

/// Takes message, level and time out of the fields. `times` reads those without a zone, if it may.
pub fn adopt(fields: &mut FieldBuffer, times: Option<&LineTime>) -> Meaning {
    let mut meaning = Meaning::default();
    let mut known: Vec<_> = fields
        .iter()
        .enumerate()
        .filter_map(|(at, (name, value))| {
            let (rank, role) = role(name)?;
            (role != Role::Text || value.starts_with('"')).then_some((rank, role, at))
        })
        .collect();
    known.sort_unstable_by_key(|(rank, ..)| *rank);
    let mut unread_time = None;
    for (_, role, at) in known {
        let Some((name, value)) = fields.get(at) else { continue };
        match role {
            Role::Message | Role::Text if meaning.message.is_none() && value != "\"\"" => {
                meaning.message = fields.remove(at);
            }
            Role::Level | Role::Severity | Role::Letter if meaning.level.is_none() => {
                let Some((level, whole)) = level_of_value(role, &decoded(value), fields) else { continue };
                meaning.level = Some(level);
                if whole {
                    fields.remove(at);
                } else {
                    fields.rename_at(at, "vlog_level");
                }
            }
            Role::Time | Role::MaybeTime if meaning.time.is_none() => {
                let text = decoded(value);
                let read = Time::parse(&text).or_else(|| times?.whole(&text));
                meaning.time = read.filter(|time| *time >= LEAST_TIME);
                if meaning.time.is_some() {
                    fields.remove(at);
                } else if role == Role::Time {
                    unread_time = unread_time.or(Some(at));
                }
            }
            Role::Service if name != "service" && fields.find("service").is_none() => {
                fields.rename_at(at, "service");
            }
            _ => {}
        }
    }
    if let Some(at) = unread_time.filter(|_| meaning.time.is_none() && fields.find("vlog_time").is_none()) {
        fields.rename_at(at, "vlog_time");
    }
    fields.rename("level", "vlog_level");
    meaning
}

/// The level that a value means, and whether that says all that the value does.
fn level_of_value(role: Role, text: &str, fields: &FieldBuffer) -> Option<(Level, bool)> {
    let has = |wanted: &str| fields.find(wanted).is_some();
    let text = without_ansi(text);
    if role == Role::Letter {
        // `D1` to `D5` are steps of debugging.
        let letter = text.trim_end_matches(|char: char| ('1'..='5').contains(&char));
        let level = LETTERS.iter().find(|(known, _)| *known == letter)?.1;
        return is_of_mongodb(has).then_some((level, letter.len() == text.len()));
    }
    let Ok(number) = text.trim().parse::<u64>() else {
        let whole = Level::parse(&text).map(|level| (level, true));
        return whole.or_else(|| Some((level_between(&text)?, false)));
    };
    if role == Role::Severity || number < 10 {
        let is_syslog = role == Role::Severity || is_of_syslog(has);
        return Some((Level::from_syslog(number).filter(|_| is_syslog)?, true));
    }
    Some((Level::from_bunyan(number)?, number % 10 == 0))
}

/// The letters of `MongoDB` 4.4 and later.
const LETTERS: [(&str, Level); 5] =
    [("F", Level::Fatal), ("E", Level::Error), ("W", Level::Warn), ("I", Level::Info), ("D", Level::Debug)];

/// The level that a word means.
pub fn level_of_word(word: &str) -> Option<Level> {
    Level::parse(word).or_else(|| level_between(word))
}

/// slog writes levels between its own as `INFO+2` and `DEBUG-4`.
fn level_between(word: &str) -> Option<Level> {
    let at = word.find(['+', '-'])?;
    let (name, offset) = word.split_at(at);
    // slog's numbers: DEBUG is -4, INFO 0, WARN 4, ERROR 8.
    let base = match name {
        "DEBUG" => -4,
        "INFO" => 0,
        "WARN" => 4,
        "ERROR" => 8,
        _ => return None,
    };
    Some(match base + offset.parse::<i32>().ok()? {
        ..-4 => Level::Trace,
        -4..0 => Level::Debug,
        0..4 => Level::Info,
        4..8 => Level::Warn,
        8..12 => Level::Error,
        12.. => Level::Fatal,
    })
}

/// What says best what happened where there is no message: the kind of event, otherwise the first text of several words,
/// otherwise the first text that is no level. Empty if there is none of them.
pub fn substitute(fields: &FieldBuffer) -> String {
    let text = |value: &str| {
        let text = value.starts_with('"').then(|| decoded(value).trim().to_owned());
        text.filter(|text| !text.is_empty() && Level::parse(text).is_none())
    };
    let named =
        |wanted: &&str| fields.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| text(value));
    let kinds: Vec<_> = KINDS.iter().filter_map(named).collect();
    let texts = || {
        let others = fields.iter().filter(|(name, _)| !name.starts_with("vlog_"));
        others.filter_map(|(_, value)| text(value))
    };
    let mut message = if kinds.is_empty() {
        texts().find(|text| text.contains(' ')).or_else(|| texts().next()).unwrap_or_default()
    } else {
        kinds.join(" ")
    };
    message.truncate(floor_char_boundary(&message, MAX_SUBSTITUTE_BYTES));
    message
}

/// The text of the value at this place, without the newline that Docker's JSON has at its end.
pub fn text_at(fields: &FieldBuffer, place: Option<(usize, usize)>) -> Cow<'_, str> {
    match decoded(place.map_or("", |at| fields.text(at))) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches('\n')),
        Cow::Owned(mut text) => {
            text.truncate(text.trim_end_matches('\n').len());
            Cow::Owned(text)
        }
    }
}
