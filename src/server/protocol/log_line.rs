//! A JSON line of a batch taken apart, for the protocols that have another shape.
//!
//! The lines are vlog's own, so they are flat objects with `_time` and `_msg`. One that is not (an outbox may be
//! edited by hand) is passed on as a message rather than lost.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::record::push_string;
use crate::record::time::Time;

/// One record.
#[derive(Debug)]
pub struct LogLine<'a> {
    /// When it happened.
    pub time: Time,
    /// What happened.
    pub message: Cow<'a, str>,
    /// Everything else, in order, `level` among it.
    pub fields: Vec<LogField<'a>>,
}

/// The name of a field and its JSON value: a string, number or boolean.
pub type LogField<'a> = (Cow<'a, str>, &'a str);

/// The records of a batch.
pub fn log_lines(lines: &[u8]) -> impl Iterator<Item = LogLine<'_>> {
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(LogLine::read)
}

impl<'a> LogLine<'a> {
    fn read(line: &'a [u8]) -> Self {
        let mut found = LogLine { time: Time(0), message: Cow::Borrowed(""), fields: Vec::new() };
        let read = serde_json::Deserializer::from_slice(line).deserialize_map(LineVisitor(&mut found));
        if read.is_err() {
            found.message = String::from_utf8_lossy(line);
            found.fields.clear();
        }
        if found.time == Time(0) {
            found.time = Time::now();
        }
        found
    }

    fn member(&mut self, name: Cow<'a, str>, value: &'a str) {
        match name.as_ref() {
            "_time" => self.time = Time::parse(&text(value)).unwrap_or(Time(0)),
            "_msg" => self.message = text(value),
            _ => self.fields.push((name, value)),
        }
    }
}

/// Reads the members of an object one by one, without a map.
struct LineVisitor<'a, 'd>(&'a mut LogLine<'d>);

impl<'d> Visitor<'d> for LineVisitor<'_, 'd> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut members: A) -> Result<(), A::Error> {
        // A name comes raw too: it can be borrowed then, which a string with escapes cannot.
        while let Some((name, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            self.0.member(text(name.get()), value.get());
        }
        Ok(())
    }
}

/// The text of a JSON value: what is between the quotes of a string, of anything else its JSON.
#[must_use]
pub fn text(value: &str) -> Cow<'_, str> {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None => Cow::Borrowed(value),
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        Some(_) => Cow::Owned(serde_json::from_str(value).unwrap_or_default()),
    }
}

/// Appends a JSON value as a JSON string, which is what it is already if it has quotes.
pub fn push_text(value: &str, out: &mut Vec<u8>) {
    if value.starts_with('"') {
        out.extend_from_slice(value.as_bytes());
    } else {
        push_string(value, out);
    }
}

/// A name like this one that is not taken: itself, or with `_2`, `_3`, ... behind it.
#[must_use]
pub fn free_name(name: Cow<'_, str>, is_taken: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !is_taken(&name) {
        return name;
    }
    // A record has 1000 fields at most.
    let numbered = (2..=1001).map(|number| format!("{name}_{number}")).find(|name| !is_taken(name));
    numbered.map_or(name.clone(), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let lines = b"{\"_time\":\"1970-01-01T00:00:01.5Z\",\"level\":\"warn\",\"_msg\":\"a\\nb\",\"n\":1.50,\"\\u0061\":\"\\\"\"}\n";
        let line = log_lines(lines).next().unwrap();
        assert_eq!((line.time, line.message.as_ref()), (Time(1_500_000_000), "a\nb"));
        assert_eq!(
            line.fields,
            [("level".into(), "\"warn\""), ("n".into(), "1.50"), ("a".into(), "\"\\\"\"")]
        );
        assert_eq!((text("\"\\\"\"").as_ref(), text("1.50").as_ref()), ("\"", "1.50"));
    }

    #[test]
    fn a_line_that_is_no_record_becomes_a_message() {
        let lines: Vec<_> = log_lines(b"{\"a\":1,\n\nno JSON\n").collect();
        let messages: Vec<_> = lines.iter().map(|line| line.message.as_ref()).collect();
        assert_eq!(messages, ["{\"a\":1,", "no JSON"]);
        assert!(
            lines.iter().all(|line| line.fields.is_empty() && line.time > Time(1_700_000_000_000_000_000))
        );
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let free = |taken: &[&str]| free_name("a".into(), |name| taken.contains(&name)).into_owned();
        assert_eq!([free(&[]), free(&["a"]), free(&["a", "a_2"])], ["a", "a_2", "a_3"]);
    }
}
