//! A record: one JSON line that VictoriaLogs stores as it was meant.
//!
//! VictoriaLogs answers 200 and drops or mangles lines that are too long, have too many fields, too long names,
//! reserved names, duplicate names or no message. Nothing of that leaves this file: [`Fields`] holds only
//! names and values that survive, and [`Encoder`] splits what would be too long into several records.
//! No input and no output happens here.

pub mod defaults;
mod fields;
pub mod item;
pub mod level;
pub mod protocol;
pub mod time;

use crate::record::level::Level;
use crate::record::time::{Time, TimeFormat};

pub use fields::{FieldBuffer, Fields, floor_char_boundary, hash, json_string, push_string, safe_name};
use fields::{MAX_OWN_FIELDS, push_field};

/// Longest line without its newline. VictoriaLogs drops longer ones (`-insert.maxLineSizeBytes`, 256 KiB), and
/// with them the lines that follow in the same request.
pub const MAX_LINE_BYTES: usize = 256 * 1024 - 1;

/// When a record is split, fields of at most this many bytes go along in every part...
const SMALL_FIELD_BYTES: usize = 8 * 1024;

/// ...until together they have this many.
const SMALL_FIELDS_BYTES: usize = 32 * 1024;

/// The message where there is none. VictoriaLogs would store a sentence about a missing field.
const EMPTY_MESSAGE: &str = "(empty)";

/// The message of a part that carries another field on.
const CONTINUED_MESSAGE: &str = "(continued)";

/// Records on their way, as JSON lines.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    /// One JSON object and a newline each.
    pub lines: Vec<u8>,
    /// How many lines.
    pub records: u64,
}

impl Batch {
    /// A batch of whole lines.
    #[must_use]
    pub fn of(lines: Vec<u8>) -> Self {
        Self { records: count_lines(&lines), lines }
    }
}

/// How many lines.
#[must_use]
pub fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// One log record, to be written by [`Encoder::write`].
#[derive(Debug)]
pub struct Record<'a> {
    /// When it happened.
    pub time: Time,
    /// What happened; may be empty.
    pub message: &'a str,
    /// How bad it is; `None` if the fields say it in words of their own.
    pub level: Option<Level>,
    /// Everything else. Records of one run mostly share it.
    pub fields: &'a Fields,
    /// Fields of this record alone; where both have a name, these win.
    pub own: Option<&'a FieldBuffer>,
}

/// Writes records as JSON lines. One per run: it numbers what it splits.
#[derive(Debug)]
pub struct Encoder {
    time_format: TimeFormat,
    next_id: u64,
}

impl Encoder {
    /// `seed` tells the split records of this run from those of all others; take 64 random bits.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { time_format: TimeFormat::default(), next_id: seed }
    }

    /// Appends the record to `out`, newline included, and returns how many lines it took: one, or as many parts
    /// as the server's longest line makes necessary. Parts are a nanosecond apart, so that time orders them.
    pub fn write(&mut self, record: &Record, out: &mut Vec<u8>) -> u64 {
        if let Some(own) = record.own.filter(|own| own.len() + record.fields.len() > MAX_OWN_FIELDS) {
            let fields = record.fields.with(own);
            return self.write(&Record { fields: &fields, own: None, ..*record }, out);
        }
        let start = out.len();
        let message = if record.message.is_empty() { EMPTY_MESSAGE } else { record.message };
        push_head(&mut self.time_format, record.time, record.level, out);
        out.extend_from_slice(b",\"_msg\":");
        push_string(message, out);
        push_fields(record, out);
        out.push(b'}');
        if out.len() - start <= MAX_LINE_BYTES {
            out.push(b'\n');
            return 1;
        }
        out.truncate(start);
        let all = record.own.map(|own| record.fields.with(own));
        let mut parts = self.split(record.time, record.level, all.as_ref().unwrap_or(record.fields));
        parts.push_message(message, out) + parts.finish(out)
    }

    /// Starts a record whose message comes piece by piece and is too long for one line.
    pub fn split<'a>(&mut self, time: Time, level: Option<Level>, fields: &'a Fields) -> Parts<'a> {
        let mut shared = Vec::new();
        let mut large = Vec::new();
        let others = |(name, _): &(&str, &str)| match *name {
            "vlog_id" | "vlog_part" => false,
            "level" => level.is_none(),
            _ => true,
        };
        for (name, value) in fields.iter().filter(others) {
            // A byte of a name takes up to six as JSON.
            let length = name.len() * 6 + value.len();
            if length <= SMALL_FIELD_BYTES && shared.len() + length <= SMALL_FIELDS_BYTES {
                push_field(name, value, &mut shared);
            } else {
                large.push((name, value));
            }
        }
        let id = format!("\"{:016x}\"", self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        push_field("vlog_id", &id, &mut shared);
        // What is left beside the shared fields, less the head, `vlog_part` and punctuation (under 200 bytes).
        let room = MAX_LINE_BYTES - shared.len() - 200;
        let time_format = TimeFormat::default();
        Parts { time_format, time, level, shared, large, room, part: 0, rest: String::new() }
    }
}

/// Appends `{"_time":"...","level":"..."`.
fn push_head(format: &mut TimeFormat, time: Time, level: Option<Level>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"_time\":\"");
    format.write(time, out);
    out.push(b'"');
    if let Some(level) = level {
        out.extend_from_slice(b",\"level\":\"");
        out.extend_from_slice(level.name().as_bytes());
        out.push(b'"');
    }
}

/// Appends the fields of a record, its own last.
fn push_fields(record: &Record, out: &mut Vec<u8>) {
    let is_hidden = |(name, _): &(&str, &str)| {
        let is_own = record.own.is_some_and(|own| own.find(name).is_some());
        is_own || (*name == "level" && record.level.is_some())
    };
    let hides_level = record.level.is_some() && record.fields.has("level");
    let hides_any = || record.fields.iter().any(|field| is_hidden(&field));
    if hides_level || (record.own.is_some() && hides_any()) {
        let others = record.fields.iter().filter(|field| !is_hidden(field));
        others.for_each(|(name, value)| push_field(name, value, out));
    } else {
        out.extend_from_slice(&record.fields.encoded);
    }
    if let Some(own) = record.own {
        own.iter().for_each(|(name, value)| push_field(name, value, out));
    }
}

/// A record being split: first the message in parts, then the large fields in parts of their own.
///
/// Every part has the small fields, one `vlog_id`, and its number in `vlog_part`.
#[derive(Debug)]
pub struct Parts<'a> {
    time_format: TimeFormat,
    time: Time,
    level: Option<Level>,
    shared: Vec<u8>,
    large: Vec<(&'a str, &'a str)>,
    room: usize,
    part: u64,
    rest: String,
}

impl Parts<'_> {
    /// Adds to the message; appends the parts that it fills and returns their number.
    pub fn push_message(&mut self, text: &str, out: &mut Vec<u8>) -> u64 {
        let before = self.part;
        self.rest.push_str(text);
        let rest = std::mem::take(&mut self.rest);
        let mut rest = rest.as_str();
        while rest.len() > self.room {
            let (now, later) = split_encoded(rest, self.room);
            self.emit(now, &[], out);
            rest = later;
        }
        rest.clone_into(&mut self.rest);
        self.part - before
    }

    /// Appends the parts that are left and returns their number.
    pub fn finish(mut self, out: &mut Vec<u8>) -> u64 {
        let before = self.part;
        let message = std::mem::take(&mut self.rest);
        let mut rest = message.as_str();
        while !rest.is_empty() {
            let (now, later) = split_encoded(rest, self.room);
            self.emit(now, &[], out);
            rest = later;
        }
        let mut extra = Vec::new();
        for (name, value) in std::mem::take(&mut self.large) {
            let length = name.len() * 6 + value.len() + 4;
            if extra.len() + length > self.room && !extra.is_empty() {
                self.emit(CONTINUED_MESSAGE, &extra, out);
                extra.clear();
            }
            if length <= self.room {
                push_field(name, value, &mut extra);
                continue;
            }
            let text: String = serde_json::from_str(value).unwrap_or_else(|_| value.to_owned());
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let (now, later) = split_encoded(rest, self.room - name.len() * 6 - 4);
                push_field(name, &json_string(now), &mut extra);
                self.emit(CONTINUED_MESSAGE, &extra, out);
                extra.clear();
                rest = later;
            }
        }
        if !extra.is_empty() {
            self.emit(CONTINUED_MESSAGE, &extra, out);
        }
        self.part - before
    }

    /// Appends one part.
    fn emit(&mut self, message: &str, extra: &[u8], out: &mut Vec<u8>) {
        let after = i64::try_from(self.part).unwrap_or(i64::MAX);
        self.part += 1;
        let time = Time(self.time.0.saturating_add(after));
        push_head(&mut self.time_format, time, self.level, out);
        out.extend_from_slice(b",\"_msg\":");
        push_string(message, out);
        out.extend_from_slice(&self.shared);
        push_field("vlog_part", &self.part.to_string(), out);
        out.extend_from_slice(extra);
        out.extend_from_slice(b"}\n");
    }
}

/// Cuts `text` on a character boundary so that the first piece takes at most `room` bytes as a JSON string. The
/// piece has at least one character.
fn split_encoded(text: &str, room: usize) -> (&str, &str) {
    let mut used = 2;
    for (at, char) in text.char_indices() {
        used += match char {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..'\u{20}' => 6,
            _ => char.len_utf8(),
        };
        if used > room && at > 0 {
            return text.split_at(at);
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::fields::{MAX_FIELDS, MAX_NAME_BYTES};
    use super::*;
    use crate::record::item::Item;
    use serde_json::{Map, Value, json};

    const NOON: Time = Time(1_795_176_000_000_000_000);

    fn items(list: &[(&str, Value)]) -> Vec<Item> {
        list.iter().map(|(key, value)| Item { key: (*key).to_owned(), value: value.clone() }).collect()
    }

    fn fields(list: &[(&str, Value)]) -> Fields {
        Fields::new(items(list))
    }

    /// Encodes one record and checks each line against the server's limits.
    fn lines(message: &str, fields: &Fields) -> Vec<Map<String, Value>> {
        let mut out = Vec::new();
        let record = Record { time: NOON, message, level: Some(Level::Info), fields, own: None };
        let count = Encoder::new(7).write(&record, &mut out);
        let lines = read(&out);
        assert_eq!(lines.len() as u64, count);
        lines
    }

    fn read(out: &[u8]) -> Vec<Map<String, Value>> {
        let text = std::str::from_utf8(out).unwrap();
        text.lines()
            .map(|line| {
                assert!(line.len() <= MAX_LINE_BYTES, "a line of {} bytes", line.len());
                let record: Map<String, Value> = serde_json::from_str(line).unwrap();
                assert!(record.len() <= MAX_FIELDS, "{} fields", record.len());
                assert!(record.keys().all(|name| name.len() <= MAX_NAME_BYTES));
                assert_ne!(record["_msg"], "");
                record
            })
            .collect()
    }

    /// The value of `name` over all parts, joined.
    fn joined(lines: &[Map<String, Value>], name: &str) -> String {
        let of = |line: &Map<String, Value>| line.get(name).and_then(Value::as_str).map(str::to_owned);
        lines.iter().filter_map(of).collect()
    }

    #[test]
    fn a_plain_record_is_one_line() {
        let mut out = Vec::new();
        let fields = fields(&[("service", json!("x")), ("n", json!(1)), ("ok", json!(true))]);
        let record = Record {
            time: NOON,
            message: "say \"hi\"\n",
            level: Some(Level::Warn),
            fields: &fields,
            own: None,
        };
        assert_eq!(Encoder::new(0).write(&record, &mut out), 1);
        let expected = "{\"_time\":\"2026-11-20T12:00:00.000000000Z\",\"level\":\"warn\",\
            \"_msg\":\"say \\\"hi\\\"\\n\",\"service\":\"x\",\"n\":1,\"ok\":true}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_empty_message_is_said() {
        assert_eq!(lines("", &Fields::default())[0]["_msg"], "(empty)");
        assert_eq!(lines(" ", &Fields::default())[0]["_msg"], " ");
    }

    #[test]
    fn objects_are_flattened_and_arrays_are_text() {
        let line =
            &lines("m", &fields(&[("a", json!({"b": {"c": 1.5, "d": "x"}, "e": [1, "y"], "f": {}}))]))[0];
        assert_eq!(line["a.b.c"].to_string(), "1.5");
        assert_eq!(line["a.b.d"], "x");
        assert_eq!(line["a.e"], "[1,\"y\"]");
        assert!(!line.contains_key("a.f"));
    }

    #[test]
    fn of_one_name_the_last_value_wins() {
        let few =
            fields(&[("a.b", json!("1")), ("a", json!({"b": "2"})), ("c", json!("x")), ("c", json!(null))]);
        let line = &lines("m", &few)[0];
        assert_eq!(line["a.b"], "2");
        assert!(!line.contains_key("c"));
        let many: Vec<_> = (0..100).map(|n| Item { key: format!("k{}", n % 50), value: json!(n) }).collect();
        let line = &lines("m", &Fields::new(many))[0];
        assert_eq!((line.len(), line["k3"].to_string()), (53, "53".to_owned()));
    }

    #[test]
    fn empty_values_are_left_out_as_the_server_does() {
        let line = &lines("m", &fields(&[("a", json!("")), ("b", json!(null)), ("c", json!(" "))]))[0];
        assert!(!line.contains_key("a") && !line.contains_key("b"));
        assert_eq!(line["c"], " ");
    }

    #[test]
    fn reserved_names_lose_their_underscore() {
        let line = &lines(
            "m",
            &fields(&[("_stream", json!("x")), ("_stream_id", json!("y")), ("_other", json!("z"))]),
        )[0];
        assert_eq!(
            (&line["stream"], &line["stream_id"], &line["_other"]),
            (&json!("x"), &json!("y"), &json!("z"))
        );
        assert!(!line.contains_key("_stream"));
    }

    #[test]
    fn long_names_are_shortened_and_stay_apart() {
        let long = "n".repeat(200);
        let (one, two) = (format!("{long}1"), format!("{long}2"));
        let wide = "ы".repeat(100);
        let line = &lines("m", &fields(&[(&one, json!(1)), (&two, json!(2)), (&wide, json!(3))]))[0];
        assert_eq!(line.len(), 6);
        assert_eq!(safe_name(&"n".repeat(128)), "n".repeat(128));
        assert_eq!(safe_name(&one).len(), 128);
    }

    #[test]
    fn fields_past_the_limit_are_kept_as_one_json_text() {
        let many = (0..1500).map(|n| Item { key: format!("k{n}"), value: json!(n) });
        let line = &lines("m", &Fields::new(many))[0];
        let overflow: Map<String, Value> =
            serde_json::from_str(line["vlog_overflow"].as_str().unwrap()).unwrap();
        let kept = line.keys().filter(|name| name.starts_with('k')).count();
        assert_eq!(kept + overflow.len(), 1500);
        assert_eq!(overflow["k1499"], json!(1499));
        assert!(line.len() <= 1000);
    }

    #[test]
    fn a_field_named_as_the_overflow_is_part_of_it() {
        let own = Item { key: "vlog_overflow".to_owned(), value: json!("mine") };
        let many = (0..1500).map(|n| Item { key: format!("k{n}"), value: json!(n) });
        let line = &lines("m", &Fields::new(std::iter::once(own.clone()).chain(many)))[0];
        let overflow: Map<String, Value> =
            serde_json::from_str(line["vlog_overflow"].as_str().unwrap()).unwrap();
        assert_eq!(overflow["vlog_overflow"], "mine");
        assert_eq!(lines("m", &Fields::new([own]))[0]["vlog_overflow"], "mine");
    }

    #[test]
    fn a_long_message_is_split_and_nothing_is_lost() {
        let text = "0123456789".repeat(100_000);
        let parts = lines(&text, &fields(&[("service", json!("x"))]));
        assert_eq!(parts.len(), 4);
        assert_eq!(joined(&parts, "_msg"), text);
        for (at, part) in parts.iter().enumerate() {
            assert_eq!(part["vlog_part"], json!(at + 1));
            assert_eq!(part["vlog_id"], parts[0]["vlog_id"]);
            assert_eq!(part["service"], "x");
            assert_eq!(part["_time"], format!("2026-11-20T12:00:00.00000000{at}Z"));
        }
    }

    #[test]
    fn the_longest_line_that_fits_is_not_split() {
        let empty = lines("m", &Fields::default());
        let overhead = serde_json::to_string(&empty[0]).unwrap().len() - 1;
        assert_eq!(lines(&"x".repeat(MAX_LINE_BYTES - overhead), &Fields::default()).len(), 1);
        assert_eq!(lines(&"x".repeat(MAX_LINE_BYTES - overhead + 1), &Fields::default()).len(), 2);
    }

    #[test]
    fn splitting_minds_characters_and_escapes() {
        for unit in ["ы", "😀", "\u{1}", "\"", "\n", "a\u{0}ы"] {
            let text = unit.repeat(600_000 / unit.len());
            let parts = lines(&text, &Fields::default());
            assert!(parts.len() > 1, "{unit:?}");
            assert_eq!(joined(&parts, "_msg"), text, "{unit:?}");
        }
    }

    #[test]
    fn a_long_value_is_split_and_the_message_stays() {
        let text = "v".repeat(600_000);
        let parts =
            lines("m", &fields(&[("big", json!(text)), ("small", json!("s")), ("big2", json!(text))]));
        assert_eq!(parts[0]["_msg"], "m");
        assert_eq!((joined(&parts, "big"), joined(&parts, "big2")), (text.clone(), text));
        assert!(parts.iter().all(|part| part["small"] == "s"));
    }

    #[test]
    fn many_middling_values_share_their_parts() {
        let text = "v".repeat(9000);
        let parts =
            lines("m", &Fields::new((0..900).map(|n| Item { key: format!("k{n}"), value: json!(text) })));
        assert!(parts.len() < 50, "{} parts", parts.len());
        let seen: usize =
            parts.iter().map(|part| part.keys().filter(|name| name.starts_with('k')).count()).sum();
        assert_eq!(seen, 900);
    }

    #[test]
    fn a_message_in_pieces_is_one_record() {
        let fields = fields(&[("service", json!("x"))]);
        let mut encoder = Encoder::new(1);
        let mut out = Vec::new();
        let mut parts = encoder.split(NOON, None, &fields);
        let mut count: u64 = (0..100).map(|_| parts.push_message(&"ab\n".repeat(10_000), &mut out)).sum();
        count += parts.finish(&mut out);
        let lines = read(&out);
        assert_eq!(lines.len() as u64, count);
        assert_eq!(joined(&lines, "_msg"), "ab\n".repeat(1_000_000));
        let mut again = Vec::new();
        encoder.split(NOON, None, &fields).finish(&mut again);
        assert!(again.is_empty());
    }
}
