//! A line that is one JSON object, as flat fields. Common lines are copied value by value; no map is built.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::record::{OwnFields, json_string};

use super::{decoded, encoded};

/// Objects in objects deeper than this stay JSON text. Real logs have a handful of levels; the server's parser
/// goes to 300.
const MAX_DEPTH: usize = 32;

/// Adds the members of the object that `text` is to `fields`, names joined with dots. `false` if it is no object;
/// then `fields` may hold anything.
#[must_use]
pub fn read(text: &str, keep_ansi: bool, fields: &mut OwnFields) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_ascii();
    if !(text.starts_with('{') && text.ends_with('}')) {
        return false;
    }
    let mut flattener = Flattener { fields, path: String::new(), depth: 0, keep_ansi };
    flattener.object(text).is_ok()
}

struct Flattener<'a> {
    fields: &'a mut OwnFields,
    /// The names of the objects around, each with a dot.
    path: String,
    depth: usize,
    keep_ansi: bool,
}

impl Flattener<'_> {
    fn object(&mut self, text: &str) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer.deserialize_map(Members(self))?;
        deserializer.end()
    }

    fn member(&mut self, name: &str, value: &str) {
        let name = decoded(name);
        let value_start = value.as_bytes().first();
        if value_start == Some(&b'{') && self.depth < MAX_DEPTH {
            let before = self.path.len();
            self.path.push_str(&name);
            self.path.push('.');
            self.depth += 1;
            // It was read as a value before, so that it is an object.
            let _ = self.object(value);
            self.depth -= 1;
            self.path.truncate(before);
            return;
        }
        let encoded = match value_start {
            Some(b'{' | b'[') if name == "MESSAGE" => {
                journal_text(value).map(|text| encoded(&text, self.keep_ansi))
            }
            Some(b'n') => Some("\"\"".to_owned()),
            Some(b'"') if value.contains("\\u") => Some(self.string(value)),
            _ => None,
        };
        match encoded {
            Some(encoded) => self.fields.push(&self.path, &name, &encoded),
            // VictoriaLogs stores an array as its JSON text; so does every other destination, then.
            None if matches!(value_start, Some(b'{' | b'[')) => {
                self.fields.push(&self.path, &name, &json_string(&compact(value)));
            }
            None => self.fields.push(&self.path, &name, value),
        }
    }

    /// A string with `\u` in it, which may be half of a character, or an escape sequence.
    fn string(&self, value: &str) -> String {
        match crate::json::read(value.as_bytes()) {
            Value::String(text) => encoded(&text, self.keep_ansi),
            _ => value.to_owned(),
        }
    }
}

/// The bytes that the journal writes as a list of numbers where they are no plain text.
fn journal_text(value: &str) -> Option<String> {
    let bytes: Vec<u8> = serde_json::from_str(value).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Without white space, unless that takes deeper nesting than `serde_json` follows.
fn compact(value: &str) -> String {
    serde_json::from_str::<Value>(value).map_or_else(|_| value.to_owned(), |value| value.to_string())
}

/// Takes the members of one object, raw, one after the other.
struct Members<'f, 'a>(&'f mut Flattener<'a>);

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<&RawValue>()? {
            let value: &RawValue = members.next_value()?;
            self.0.member(name.get(), value.get());
        }
        Ok(())
    }
}
