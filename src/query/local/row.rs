//! One record as the server would store it: names and values that are texts, a time, and the stream it belongs to.
//!
//! Invariant: no value is empty: the server does not store those, and takes a missing field for an empty one.

use std::io;

use super::Out;
use super::line::{Text, read_fields};
use super::number::time_text;
use super::text::quote;
use crate::record::time::Time;

/// What the server stores where a record has no message.
const NO_MESSAGE: &str =
    "missing _msg field; see https://docs.victoriametrics.com/victorialogs/keyconcepts/#message-field";

/// Room for a time and a stream of the usual length, with their names.
const COMPUTED_BYTES: usize = 96;

/// A record, or a row that pipes have made of records.
#[derive(Debug, Clone, Default)]
pub struct Row<'a> {
    /// `_time`, as long as no pipe has made it a field like any other.
    time: Option<Time>,
    /// The names of the fields that tell the stream, as long as `_stream` is not written out.
    stream: Option<&'a [String]>,
    fields: Vec<(Text<'a>, Text<'a>)>,
    /// The line that it was read from; empty for rows that pipes have made.
    line: &'a [u8],
}

/// A name, or with a star at its end the beginning of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameList {
    /// Without the star.
    pub text: String,
    pub has_star: bool,
}

impl NameList {
    pub fn new(text: &str) -> Self {
        let stem = text.strip_suffix('*');
        Self { text: stem.unwrap_or(text).to_owned(), has_star: stem.is_some() }
    }

    pub fn has(&self, name: &str) -> bool {
        name.strip_prefix(self.text.as_str()).is_some_and(|rest| self.has_star || rest.is_empty())
    }
}

/// Whether a name is among these.
pub fn has(all: &[NameList], name: &str) -> bool {
    all.iter().any(|names| names.has(name))
}

impl<'a> Row<'a> {
    /// Reads one JSON line of an entry whose destination tells streams by these fields. `None` if it is no record:
    /// torn, no object, or without a time.
    #[must_use]
    pub fn read(line: &'a [u8], stream_fields: &'a [String]) -> Option<Self> {
        let mut fields = Vec::with_capacity(16);
        read_fields(std::str::from_utf8(line).ok()?, &mut fields)?;
        let at = fields.iter().position(|(name, _)| name == "_time")?;
        let (_, text) = fields.swap_remove(at);
        let time = Time::parse(&text)?;
        if !fields.iter().any(|(name, _)| name == "_msg") {
            fields.push((Text::Borrowed("_msg"), Text::Borrowed(NO_MESSAGE)));
        }
        Some(Self { time: Some(time), stream: Some(stream_fields), fields, line })
    }

    /// A row of these fields.
    pub fn of(fields: Vec<(Text<'a>, Text<'a>)>) -> Self {
        Self { time: None, stream: None, fields, line: &[] }
    }

    /// When the record was written. Rows that pipes have made have none.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        self.time
    }

    /// The names of the fields that tell the stream, if this is still a record.
    pub fn stream_fields(&self) -> Option<&'a [String]> {
        self.stream
    }

    /// The line that it was read from, as [`Row::read`] takes it; empty for rows that pipes have made.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// The value of a field; empty if there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> Text<'_> {
        match (name, self.time, self.stream) {
            ("_time", Some(time), _) => Text::Owned(time_text(time.0)),
            ("_stream", _, Some(names)) => Text::Owned(self.stream_text(names)),
            _ => Text::Borrowed(self.stored(name)),
        }
    }

    /// The value of a field that is not computed.
    fn stored(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// `{name="value",...}`, the names in order, those without a value left out.
    fn stream_text(&self, names: &[String]) -> String {
        let mut tags: Vec<_> = names.iter().map(|name| (name, self.stored(name))).collect();
        tags.retain(|(_, value)| !value.is_empty());
        tags.sort_unstable();
        tags.dedup();
        // Every row that is shown has one, so no texts are made on the way.
        let mut text = String::with_capacity(64);
        for (name, value) in tags {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(name);
            text.push('=');
            text.push_str(&quote(value));
        }
        text.push_str(if text.is_empty() { "{}" } else { "}" });
        text
    }

    /// All names and values, those that are computed first, then the message.
    pub fn each(&self, mut show: impl FnMut(&str, &str)) {
        for name in ["_time", "_stream"] {
            let is_computed = if name == "_time" { self.time.is_some() } else { self.stream.is_some() };
            if is_computed {
                show(name, &self.value(name));
            }
        }
        let is_message = |field: &&(Text, Text)| field.0 == "_msg" && self.time.is_some();
        for (name, value) in self.fields.iter().filter(is_message) {
            show(name, value);
        }
        for (name, value) in self.fields.iter().filter(|field| !is_message(field)) {
            show(name, value);
        }
    }

    /// Writes the stream out, for the fields that tell it may change.
    fn settle(&mut self) {
        if let Some(names) = self.stream.take() {
            let text = self.stream_text(names);
            self.fields.insert(0, (Text::Borrowed("_stream"), Text::Owned(text)));
        }
    }

    /// Leaves nothing but the fields of these names.
    pub fn keep(&mut self, all: &[NameList]) {
        if has(all, "_stream") {
            self.settle();
        }
        self.stream = None;
        self.time = self.time.filter(|_| has(all, "_time"));
        self.fields.retain(|(name, _)| has(all, name));
    }

    /// Leaves out the fields of these names.
    pub fn drop(&mut self, all: &[NameList]) {
        self.settle();
        self.time = self.time.filter(|_| !has(all, "_time"));
        self.fields.retain(|(name, _)| !has(all, name));
    }

    /// Gives a field another name; the old one stays if `copy`.
    pub fn rename(&mut self, from: &str, to: &str, copy: bool) {
        self.settle();
        let value = self.value(from).into_owned();
        if !copy {
            self.set(from.to_owned(), String::new());
        }
        self.set(to.to_owned(), value);
    }

    /// Gives a field a value, whatever it had before.
    pub fn set(&mut self, name: String, value: String) {
        if name == "_time" {
            self.time = None;
        }
        self.fields.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.fields.push((Text::Owned(name), Text::Owned(value)));
        }
    }

    /// Puts a field before all others.
    pub fn put_first(&mut self, name: &str, value: String) {
        self.set(name.to_owned(), String::new());
        self.fields.insert(0, (Text::Owned(name.to_owned()), Text::Owned(value)));
    }

    /// Gives the row out, unless it has no value at all.
    pub fn give(&self, out: &mut Out) -> io::Result<()> {
        self.packed().give(out)
    }

    /// The row by itself.
    pub fn packed(&self) -> Packed {
        let bytes: usize = self.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut texts = String::with_capacity(bytes + COMPUTED_BYTES);
        let mut ends = Vec::with_capacity(2 * self.fields.len() + 4);
        self.each(|name, value| {
            for text in [name, value] {
                texts.push_str(text);
                ends.push(u32::try_from(texts.len()).unwrap_or(u32::MAX));
            }
        });
        Packed { time: self.time, texts: texts.into(), ends: ends.into() }
    }
}

/// A row that is held: names and values in one text.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Of a row whose `_time` is that of its record.
    pub time: Option<Time>,
    texts: Box<str>,
    /// Where each name and each value ends, in turns.
    ends: Box<[u32]>,
}

impl Packed {
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let at = |end: Option<&u32>| end.map_or(0, |end| *end as usize);
        let mut start = 0;
        self.ends.chunks(2).map(move |ends| {
            let (middle, end) = (at(ends.first()), at(ends.last()));
            let found = (start..middle, middle..end);
            start = end;
            (self.texts.get(found.0).unwrap_or_default(), self.texts.get(found.1).unwrap_or_default())
        })
    }

    /// The row as it was.
    pub fn row(&self) -> Row<'_> {
        let fields = self.fields().filter(|(name, _)| self.time.is_none() || *name != "_time");
        let borrowed = fields.map(|(name, value)| (Text::Borrowed(name), Text::Borrowed(value)));
        Row { time: self.time, stream: None, fields: borrowed.collect(), line: &[] }
    }

    /// Gives the row out, unless it has no value at all.
    pub fn give(&self, out: &mut Out) -> io::Result<()> {
        let fields: Vec<_> = self.fields().filter(|(_, value)| !value.is_empty()).collect();
        if fields.is_empty() { Ok(()) } else { out(&fields) }
    }
}
