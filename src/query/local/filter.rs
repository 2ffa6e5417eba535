//! Filters: what a record must be like.

use std::cmp::Ordering;

use super::lexer::unquote;
use super::number::{comparable, ipv4, time};
use super::regexp::Regexp;
use super::row::Row;
use super::word::{Phrase, lower};

/// Nanoseconds of a day.
pub const DAY: i64 = 86_400_000_000_000;

/// What a row must be like.
#[derive(Debug, Clone)]
pub enum Filter {
    /// Anything.
    All,
    Not(Box<Filter>),
    And(Vec<Filter>),
    Or(Vec<Filter>),
    /// A field's value.
    Field {
        name: String,
        test: Test,
    },
    /// Two fields have one value.
    Same {
        name: String,
        other: String,
    },
    /// The one is less than the other.
    Less {
        name: String,
        other: String,
        or_same: bool,
    },
    /// From when to when, both included, in nanoseconds since 1970.
    Time {
        first: i64,
        last: i64,
    },
    /// From when to when in a day, after the offset was taken off.
    Day {
        first: i64,
        last: i64,
        offset: i64,
    },
    /// From which to which day of the week, Sunday being 0.
    Week {
        first: i64,
        last: i64,
        offset: i64,
    },
    /// Streams with all the tags of one of these.
    Stream(Vec<Vec<Tag>>),
}

/// What a value must be like.
#[derive(Debug, Clone)]
pub enum Test {
    /// It is not empty.
    Present,
    /// It is this text.
    Exact(String),
    /// It begins with this text.
    Prefix(String),
    /// It is one of these, in order.
    In(Vec<String>),
    /// It holds this, between boundaries of words.
    Word(Phrase),
    /// The same, whatever the case; the phrase is in lower case.
    AnyCase(Phrase),
    /// It holds all of these.
    ContainsAll(Vec<Phrase>),
    /// It holds one of these.
    ContainsAny(Vec<Phrase>),
    /// It holds these, one behind the other.
    Sequence(Vec<Phrase>),
    Regexp(Box<Regexp>),
    /// It is a number from the one to the other.
    Range(f64, f64),
    /// It is this text or sorts behind it, and before the other.
    Strings(String, Option<String>),
    /// It has so many characters.
    Length(u64, u64),
    Ipv4(u32, u32),
}

/// A condition on a field of the stream.
#[derive(Debug, Clone)]
pub struct Tag {
    pub name: String,
    pub is: TagTest,
    /// Whether the test must fail.
    pub not: bool,
}

/// What the value of a stream's field must be like.
#[derive(Debug, Clone)]
pub enum TagTest {
    In(Vec<String>),
    Regexp(Box<Regexp>),
}

impl Filter {
    /// Whether a row passes.
    pub fn passes(&self, row: &Row) -> bool {
        match self {
            Self::All => true,
            Self::Not(filter) => !filter.passes(row),
            Self::And(filters) => filters.iter().all(|filter| filter.passes(row)),
            Self::Or(filters) => filters.iter().any(|filter| filter.passes(row)),
            Self::Field { name, test } => test.passes(&row.value(name)),
            Self::Same { name, other } => name == other || row.value(name) == row.value(other),
            Self::Less { name, other, or_same } => {
                let order = if name == other {
                    Ordering::Equal
                } else {
                    compare(&row.value(name), &row.value(other))
                };
                order == Ordering::Less || (*or_same && order == Ordering::Equal)
            }
            Self::Time { first, last } => instant(row).is_some_and(|at| (*first..=*last).contains(&at)),
            Self::Day { first, last, offset } => {
                let is_all = *first == 0 && *last == DAY - 1;
                is_all
                    || instant(row)
                        .is_some_and(|at| (*first..=*last).contains(&(at.wrapping_sub(*offset) % DAY)))
            }
            Self::Week { first, last, offset } => {
                let is_all = *first <= 0 && *last >= 6 && first <= last;
                // 1970 began on a Thursday.
                let day = |at: i64| (at.wrapping_sub(*offset).div_euclid(DAY) + 4).rem_euclid(7);
                is_all || instant(row).is_some_and(|at| (*first..=*last).contains(&day(at)))
            }
            Self::Stream(choices) => {
                choices.iter().any(|tags| tags.iter().all(|tag| tag.passes(&tag_value(row, &tag.name))))
            }
        }
    }

    /// The first and the last moment that a record may have, as far as the filter itself says so.
    pub fn time_range(&self) -> (i64, i64) {
        let all = (i64::MIN, i64::MAX);
        match self {
            Self::Time { first, last } => (*first, *last),
            Self::And(filters) => filters
                .iter()
                .map(Self::time_range)
                .fold(all, |sum, range| (sum.0.max(range.0), sum.1.min(range.1))),
            _ => all,
        }
    }
}

impl Test {
    fn passes(&self, value: &str) -> bool {
        match self {
            Self::Present => !value.is_empty(),
            Self::Exact(text) => value == text,
            Self::Prefix(text) => value.starts_with(text.as_str()),
            Self::In(texts) => texts.binary_search_by(|text| text.as_str().cmp(value)).is_ok(),
            Self::Word(phrase) => phrase.is_in(value),
            Self::AnyCase(phrase) => {
                if value.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
                    phrase.is_in(&lower(value))
                } else {
                    phrase.is_in(value)
                }
            }
            Self::ContainsAll(phrases) => {
                phrases.iter().all(|phrase| phrase.is_empty() || phrase.is_in(value))
            }
            Self::ContainsAny(phrases) => {
                phrases.iter().any(|phrase| phrase.is_empty() || phrase.is_in(value))
            }
            Self::Sequence(phrases) => {
                let rest = phrases.iter().try_fold(value, |rest, phrase| rest.get(phrase.find(rest)?..));
                rest.is_some()
            }
            Self::Regexp(regexp) => regexp.is_in(value),
            Self::Range(least, most) => {
                comparable(value).is_some_and(|number| number >= *least && number <= *most)
            }
            Self::Strings(least, end) => {
                value >= least.as_str() && end.as_ref().is_none_or(|end| value < end.as_str())
            }
            Self::Length(least, most) => {
                let length = value.chars().count() as u64;
                length >= *least && length <= *most
            }
            Self::Ipv4(least, most) => ipv4(value).is_some_and(|address| (*least..=*most).contains(&address)),
        }
    }
}

impl Tag {
    fn passes(&self, value: &str) -> bool {
        let passes = match &self.is {
            TagTest::In(texts) => texts.iter().any(|text| text == value),
            TagTest::Regexp(regexp) => regexp.is_in(value),
        };
        passes != self.not
    }
}

/// The order of two values where fields are compared: of numbers if both are, else of texts.
fn compare(one: &str, other: &str) -> Ordering {
    let numbers = comparable(one).zip(comparable(other));
    numbers.and_then(|(one, other)| one.partial_cmp(&other)).unwrap_or_else(|| one.cmp(other))
}

/// When a row was written, or what its field says of that.
fn instant(row: &Row) -> Option<i64> {
    row.time().map(|time| time.0).or_else(|| time(&row.value("_time")))
}

/// The value of a field of the row's stream; empty if the stream has no such field.
fn tag_value(row: &Row, name: &str) -> String {
    if let Some(names) = row.stream_fields() {
        return if names.iter().any(|known| known == name) {
            row.value(name).into_owned()
        } else {
            String::new()
        };
    }
    let stream = row.value("_stream");
    let mut rest = stream.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    while let Some((known, quoted)) = rest.split_once('=') {
        let Some((length, value)) = unquote(quoted, '"') else { break };
        if known == name {
            return value;
        }
        rest = quoted.get(length..).unwrap_or_default();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    String::new()
}
