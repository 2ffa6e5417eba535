//! A line that is one JSON object, as flat fields. Common lines are copied value by value; no map is built.
//!
//! Memory is bounded by the length of the line, whatever its shape: nothing is made of a value but its text, and the names
//! of the objects around a member, which the line has once and each field again, have a limit together.

use std::fmt;
use std::hint::black_box;

use memchr::{memchr, memchr2};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::record::{FieldBuffer, json_string};

use super::{decoded, encoded};

/// Objects in objects deeper than this stay JSON text. Real logs have a handful of levels; the server's parser
/// goes to 300.
const MAX_DEPTH: usize = 32;

/// So many bytes of names of objects around may the fields of a line have in all, and...
const PATH_BYTES: usize = 64 * 1024;

/// ...so many for each byte of the line. An object whose members would need more stays JSON text. With names of a usual
/// length it takes more fields to get there than a record may have.
const PATH_BYTES_PER_BYTE: usize = 4;

/// What a line takes at most while it becomes a record, for each of its bytes: 54 were seen.
const MEMORY_PER_BYTE: usize = 64;

/// Lines below this are not asked about.
const LONG_BYTES: usize = 16 * 1024;

/// Adds the members of the object that `text` is to `fields`, names joined with dots. `false` if it is no object;
/// then `fields` may hold anything.
#[must_use]
pub fn read(text: &str, keep_ansi: bool, fields: &mut FieldBuffer) -> bool {
    // Most lines are told apart by their end.
    let text = text.trim_ascii_end();
    if !text.ends_with('}') {
        return false;
    }
    let text = text.trim_start_matches('\u{feff}').trim_ascii_start();
    if !(text.starts_with('{') && has_memory_for(text.len())) {
        return false;
    }
    let room = PATH_BYTES + PATH_BYTES_PER_BYTE * text.len();
    let mut flattener = Flattener { fields, path: String::new(), room, depth: 0, keep_ansi };
    flattener.object(text).is_ok()
}

/// Whether there is the memory for a line of so many bytes. Where there is not, asking for it would end the process, and
/// under `run` with it the command; as text the line takes little.
fn has_memory_for(bytes: usize) -> bool {
    let mut trial: Vec<u8> = Vec::new();
    // Or else the compiler sees that it is for nothing.
    bytes < LONG_BYTES || black_box(&mut trial).try_reserve_exact(bytes * MEMORY_PER_BYTE).is_ok()
}

struct Flattener<'a> {
    fields: &'a mut FieldBuffer,
    /// The names of the objects around, each with a dot.
    path: String,
    /// How many bytes of it may still be put before names.
    room: usize,
    depth: usize,
    keep_ansi: bool,
}

impl Flattener<'_> {
    fn object(&mut self, text: &str) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer.deserialize_map(Members(self))?;
        deserializer.end()
    }

    /// Adds a member; `false` if there is no room for the names of the objects around it.
    fn member(&mut self, name: &str, value: &str) -> bool {
        let name = decoded(name);
        let value_start = value.as_bytes().first();
        if value_start == Some(&b'{') && self.depth < MAX_DEPTH && self.inner(&name, value) {
            return true;
        }
        let Some(room) = self.room.checked_sub(self.path.len()) else { return false };
        self.room = room;
        let encoded = match value_start {
            Some(b'{' | b'[') if name == "MESSAGE" => {
                journal_text(value).map(|text| encoded(&text, self.keep_ansi))
            }
            Some(b'n') => Some("\"\"".to_owned()),
            Some(b'"') if memchr(b'\\', value.as_bytes()).is_some() && value.contains("\\u") => {
                Some(self.string(value))
            }
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
        true
    }

    /// Adds the members of an object; none of them, and `false`, if there is no room for their names.
    fn inner(&mut self, name: &str, object: &str) -> bool {
        let (length, room, mark) = (self.path.len(), self.room, self.fields.mark());
        self.path.push_str(name);
        self.path.push('.');
        self.depth += 1;
        // It was read as a value before, so that it is an object.
        let fits = self.object(object).is_ok();
        self.depth -= 1;
        self.path.truncate(length);
        if !fits {
            self.fields.cut(mark);
            self.room = room;
        }
        fits
    }

    /// A string with `\u` in it, which may be half of a character, or an escape sequence.
    fn string(&self, value: &str) -> String {
        match crate::intake::json::read(value.as_bytes()) {
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

/// Without white space, and texts with the fewest escapes.
fn compact(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    loop {
        let (before, text) = rest.split_at(rest.find('"').unwrap_or(rest.len()));
        before.split_ascii_whitespace().for_each(|piece| out.push_str(piece));
        if text.is_empty() {
            return out;
        }
        let (text, after) = text.split_at(text_end(text));
        if text.contains('\\')
            && let Value::String(plain) = crate::intake::json::read(text.as_bytes())
        {
            out.push_str(&json_string(&plain));
        } else {
            out.push_str(text);
        }
        rest = after;
    }
}

/// Where the JSON string ends with which `text` begins.
fn text_end(text: &str) -> usize {
    let mut at = 1;
    while let Some(next) = text.as_bytes().get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += next;
        if text.as_bytes().get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    text.len()
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
            if !self.0.member(name.get(), value.get()) {
                return Err(A::Error::custom("the names are too long"));
            }
        }
        Ok(())
    }
}
