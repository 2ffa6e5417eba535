//! Whatever bytes come, however they are cut: lines do not depend on the cuts, nothing is lost, and every record
//! is one that the server takes.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../src/intake/mod.rs"]
mod intake;
#[path = "../../src/record/mod.rs"]
mod record;

use std::collections::HashSet;
use std::fmt;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use serde::de::{Deserializer, MapAccess, Visitor};

use intake::text::join::{Join, Joiner};
use intake::text::lines::{Lines, Piece};
use intake::text::parse::{Mode, Parser};
use record::time::Time;
use record::{Encoder, Fields, MAX_LINE_BYTES, Record};

/// The lines of `input`, cut after every `step` bytes, each as one text.
fn lines(input: &[u8], step: usize, keep_ansi: bool) -> Vec<String> {
    let mut out = Vec::new();
    let mut long = String::new();
    let mut sink = |piece: Piece| match piece {
        Piece::Line(text) => out.push(text.into_owned()),
        Piece::Part(text) => long.push_str(&text),
        Piece::End => out.push(std::mem::take(&mut long)),
    };
    let mut reader = Lines::new(keep_ansi);
    for chunk in input.chunks(step) {
        reader.feed(chunk, &mut sink);
    }
    reader.finish(&mut sink);
    out
}

/// The names of an object's members, each as often as it stands there.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        while let Some((name, _)) = members.next_entry::<String, serde_json::Value>()? {
            names.push(name);
        }
        Ok(names)
    }
}

/// What the server would take of a line.
fn check_record(text: &str, mode: Mode, keep_ansi: bool) {
    let mut parser = Parser::new(mode, keep_ansi);
    let parsed = parser.parse(text);
    let fields = Fields::default();
    let time = parsed.time.unwrap_or(Time(1));
    let record =
        Record { time, message: &parsed.message, level: parsed.level, fields: &fields, own: parsed.fields };
    let mut out = Vec::new();
    let count = Encoder::new(1).write(&record, &mut out);
    let out = std::str::from_utf8(&out).expect("records are UTF-8");
    assert_eq!(out.lines().count() as u64, count);
    for line in out.lines() {
        assert!(line.len() <= MAX_LINE_BYTES);
        let names = serde_json::Deserializer::from_str(line).deserialize_map(Names).expect(line);
        assert!(names.len() <= 1000 && names.iter().all(|name| name.len() <= 128), "{line}");
        let unique: HashSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{line}");
    }
    if parsed.fields.is_none() {
        assert_eq!(parsed.message, text, "text is kept as it is");
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[step, flags], input)) = data.split_first_chunk::<2>() else { return };
    let keep_ansi = flags & 1 != 0;
    let (_, mode) = Mode::NAMES[usize::from(flags >> 1) % Mode::NAMES.len()];
    let whole = lines(input, input.len().max(1), keep_ansi);
    assert_eq!(whole, lines(input, usize::from(step) + 1, keep_ansi));
    let newlines = input.iter().filter(|byte| **byte == b'\n').count();
    let last = input.last().is_some_and(|byte| *byte != b'\n');
    assert_eq!(whole.len(), newlines + usize::from(last));

    let mut joiner = Joiner::new(Join::Traces, false);
    let mut groups = Vec::new();
    let mut sink = |piece: Piece, _| match piece {
        Piece::Line(text) => groups.push(text.into_owned()),
        other => panic!("{other:?}"),
    };
    let now = Instant::now();
    for line in &whole {
        joiner.take(Piece::Line(line.as_str().into()), (Time(1), now), &mut sink);
    }
    joiner.flush(&mut sink);
    assert_eq!(groups.join("\n"), whole.join("\n"), "joining loses nothing");
    for text in whole.iter().chain(&groups) {
        check_record(text, mode, keep_ansi);
    }
});
