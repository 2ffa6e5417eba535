//! One record as the server would store it: names and values that are texts, a time, and the stream it belongs to.
//!
//! Invariant: no value of a record is empty: the server does not store those, and takes a missing field for an empty one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::record::time::Time;

/// What the server stores where a record has no message.
const NO_MESSAGE: &str =
    "missing _msg field; see https://docs.victoriametrics.com/victorialogs/keyconcepts/#message-field";

/// A text of a row.
pub type Text<'a> = Cow<'a, str>;

/// A record, or a row that a pipe has made of records.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Of a record: its time, and the names of the fields that tell its stream. `_time` and `_stream` are written from
    /// these when somebody asks.
    origin: Option<(Time, &'a [String])>,
    fields: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> Row<'a> {
    /// Reads one JSON line of an entry whose destination tells streams by these fields. `None` if it is no record:
    /// torn, no object, or without a time.
    #[must_use]
    pub fn read(line: &'a [u8], stream_fields: &'a [String]) -> Option<Self> {
        let mut fields = Vec::with_capacity(16);
        let mut reader = serde_json::Deserializer::from_slice(line);
        reader.deserialize_map(Members { fields: &mut fields }).ok()?;
        reader.end().ok()?;
        let at = fields.iter().position(|(name, _)| name == "_time")?;
        let (_, text) = fields.swap_remove(at);
        let time = Time::parse(&text)?;
        if !fields.iter().any(|(name, _)| name == "_msg") {
            fields.push((Text::Borrowed("_msg"), Text::Borrowed(NO_MESSAGE)));
        }
        Some(Self { origin: Some((time, stream_fields)), fields })
    }

    /// When the record was written. Rows that a pipe has made have none.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        self.origin.map(|(time, _)| time)
    }

    /// The value of a field; empty if there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> Text<'_> {
        match (self.origin, name) {
            (Some((time, _)), "_time") => Text::Owned(time.to_string()),
            (Some((_, names)), "_stream") => Text::Owned(self.stream(names)),
            _ => Text::Borrowed(self.stored(name)),
        }
    }

    /// The value of a field that is none of those that are computed.
    fn stored(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// `{name="value",...}`, the names in order, those without a value left out.
    fn stream(&self, names: &[String]) -> String {
        let mut names: Vec<_> = names.iter().map(|name| (name, self.stored(name))).collect();
        names.retain(|(_, value)| !value.is_empty());
        names.sort_unstable();
        names.dedup();
        let tag = |(name, value): &(&String, &str)| format!("{name}={}", quote(value));
        format!("{{{}}}", names.iter().map(tag).collect::<Vec<_>>().join(","))
    }

    /// All fields, those that are computed first.
    #[must_use]
    pub fn into_fields(self) -> Vec<(String, String)> {
        let mut all = Vec::with_capacity(self.fields.len() + 2);
        if self.origin.is_some() {
            all.extend(["_time", "_stream"].map(|name| (name.to_owned(), self.value(name).into_owned())));
        }
        all.extend(self.fields.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())));
        all
    }
}

/// A text as Go's `strconv.Quote` writes it, which is how the server shows the values of a stream.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Collects the members of an object as fields.
struct Members<'f, 'a> {
    fields: &'f mut Vec<(Text<'a>, Text<'a>)>,
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            let mut name = string(name.get());
            if name.is_empty() {
                name = Text::Borrowed("_msg");
            }
            add(name, value.get(), self.fields);
        }
        Ok(())
    }
}

/// Adds a member: the members of an object each by their path, an array as its JSON, nothing for null.
fn add<'a>(name: Text<'a>, raw: &'a str, fields: &mut Vec<(Text<'a>, Text<'a>)>) {
    let value = match raw.as_bytes().first() {
        Some(b'"') => string(raw),
        Some(b'{') => {
            if let Ok(Value::Object(members)) = serde_json::from_str(raw) {
                flatten(&name, members, fields);
            }
            return;
        }
        Some(b'[') => {
            Text::Owned(serde_json::from_str::<Value>(raw).map(|value| value.to_string()).unwrap_or_default())
        }
        Some(b'n') | None => return,
        _ => Text::Borrowed(raw),
    };
    if !value.is_empty() {
        fields.push((name, value));
    }
}

/// Adds the members of a nested object. `serde_json` has bounded its depth.
fn flatten(path: &str, members: serde_json::Map<String, Value>, fields: &mut Vec<(Text<'_>, Text<'_>)>) {
    for (name, value) in members {
        let name = format!("{path}.{name}");
        let text = match value {
            Value::Null => continue,
            Value::Object(members) => {
                flatten(&name, members, fields);
                continue;
            }
            Value::String(text) => text,
            other => other.to_string(),
        };
        if !text.is_empty() {
            fields.push((Text::Owned(name), Text::Owned(text)));
        }
    }
}

/// What a JSON string says.
fn string(raw: &str) -> Text<'_> {
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Text::Borrowed(plain),
        _ => Text::Owned(serde_json::from_str(raw).unwrap_or_default()),
    }
}
