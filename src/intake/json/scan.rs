//! One walk over JSON of any size as it streams by, which keeps little of it.
//!
//! [`Scanner`] takes bytes in pieces, knows when the first value ends, and keeps of an object the size of each field,
//! small scalars, and the values that were asked for up to a limit: memory stays flat whatever comes. It never fails: what is
//! no JSON is told as such. Nothing here does input or output.
//!
//! Why not `serde_json`: it needs the whole text at once. This walk logs a payload of 60 MiB in 6 MiB of address space, all
//! of the process included, so that the record has its fields even where there is no memory for the payload.

use serde_json::Value;

use super::read::{read, text};

/// Numbers and words are kept up to this length; no real one is longer.
const MAX_SCALAR_BYTES: usize = 64;

/// Names are told apart by so many bytes.
const MAX_KEY_BYTES: usize = 256;

/// So many fields are kept that nobody asked for; the others are counted.
const MAX_FIELDS: usize = 100;

/// What is wanted of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its size, if it is a field of the outermost object.
    Size,
    /// Its size, and so many bytes of the beginning of its JSON.
    Text(usize),
    /// Its size, and so many bytes of the end of its JSON.
    End(usize),
}

/// Says what is wanted of the value at a path: names from the outermost object inwards, arrays are not entered. And
/// whether something may be wanted of what is inside, if it is an object.
pub type Plan<'a> = &'a dyn Fn(&[String]) -> (Want, bool);

/// What the text as a whole turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, or only white space.
    Empty,
    /// It does not begin like JSON.
    NotJson,
    /// A string, number, word or array.
    NotObject,
    /// An object.
    Object,
}

/// A field that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name in the outermost object.
    pub name: String,
    /// The names from there inwards.
    pub inner: Vec<String>,
    /// The size: of a string its text, of anything else its JSON.
    pub bytes: u64,
    /// The beginning or the end of its JSON, if that was asked for; numbers and words are kept anyway.
    pub raw: Vec<u8>,
    /// Whether `raw` is not all of it.
    pub cut: bool,
    /// The first byte of its JSON.
    pub first: u8,
}

/// What a walk has found.
#[derive(Debug, Default)]
pub struct Scan {
    /// What the text is; `None` before [`Scanner::finish`].
    pub kind: Option<Kind>,
    /// Whether the first value came to its end, without an error in the parts that were looked into.
    pub complete: bool,
    /// Bytes taken in all.
    pub bytes: u64,
    /// Fields of the outermost object, and those asked for.
    pub fields: Vec<Found>,
    /// Fields of the outermost object that were not kept for their number.
    pub more: u64,
}

/// Where in the text the walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Key,
    InKey,
    Colon,
    Value,
    InString,
    InScalar,
    /// Inside a value that nothing is wanted from.
    Inside,
    InsideString,
    After,
    Done,
    Bad,
}

/// What a byte outside of a string does.
enum Step {
    Stay,
    /// It may be part of a byte order mark.
    Mark,
    NotJson,
    To(State),
    /// The outermost object begins; a name; a value.
    Object,
    Key,
    Begin,
    /// A bracket opens or closes in a value that nothing is wanted from.
    Deeper,
    Back,
    /// The word or number has ended before this byte.
    EndBefore,
    /// The object that the walk is in ends.
    Close,
    /// Nothing more is looked at.
    Over,
}

fn step(state: State, byte: u8) -> Step {
    match (state, byte) {
        (State::Inside, b'"') => Step::To(State::InsideString),
        (State::Inside, b'{' | b'[') => Step::Deeper,
        (State::Inside, b'}' | b']') => Step::Back,
        (State::InScalar, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | 0x0c) => Step::EndBefore,
        (State::Done | State::Bad, _) => Step::Over,
        (State::Inside | State::InScalar, _) | (_, b' ' | b'\t' | b'\n' | b'\r' | 0x0c) => Step::Stay,
        (State::Start, 0xef | 0xbb | 0xbf) => Step::Mark,
        (State::Start, b'{') => Step::Object,
        (State::Start | State::Value, _) if begins_value(byte) => Step::Begin,
        (State::Start, _) => Step::NotJson,
        (State::Key, b'"') => Step::Key,
        (State::Key | State::After, b'}') => Step::Close,
        (State::Colon, b':') => Step::To(State::Value),
        (State::After, b',') => Step::To(State::Key),
        _ => Step::To(State::Bad),
    }
}

/// A value that has begun.
#[derive(Debug)]
struct Open {
    /// Where it began in the text.
    start: u64,
    first: u8,
    /// Whether its text was asked for; how much is kept, of the end if `is_end`, and what of it there is.
    asked: bool,
    is_end: bool,
    most: usize,
    raw: Vec<u8>,
    /// From where in the bytes at hand it goes on.
    from: usize,
}

/// Walks over JSON that comes in pieces.
pub struct Scanner<'a> {
    plan: Plan<'a>,
    state: State,
    kind: Kind,
    /// The name in hand, as raw JSON.
    key: Vec<u8>,
    /// The names of the objects that the walk is in, and of the value in hand.
    path: Vec<String>,
    /// The objects that the walk is in, the outermost aside, and the value in hand.
    open: Vec<Open>,
    /// Brackets that are open in a value that nothing is wanted from.
    nested: u64,
    escape: Escape,
    /// What the escapes of the string in hand make it shorter.
    shorter: u64,
    scan: Scan,
    unasked: usize,
}

/// How far an escape in a string has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// Digits still to come, and their value so far.
    Hex(u8, u32),
}

impl<'a> Scanner<'a> {
    /// Keeps what `plan` asks for.
    #[must_use]
    pub fn new(plan: Plan<'a>) -> Self {
        Self {
            plan,
            state: State::Start,
            kind: Kind::Empty,
            key: Vec::new(),
            path: Vec::new(),
            open: Vec::new(),
            nested: 0,
            escape: Escape::None,
            shorter: 0,
            scan: Scan { fields: Vec::with_capacity(32), ..Scan::default() },
            unasked: 0,
        }
    }

    /// Whether the first value is over, so that nothing more need come.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next bytes; what follows the first value is only counted.
    pub fn feed(&mut self, bytes: &[u8]) {
        let before = self.scan.bytes;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if matches!(self.state, State::InString | State::InsideString | State::InKey) {
                at = self.string(bytes, at, before);
                continue;
            }
            match step(self.state, byte) {
                Step::Stay => {}
                // A byte order mark, whole or in pieces.
                Step::Mark if before + at as u64 <= 2 => {}
                Step::Mark | Step::NotJson => {
                    self.kind = Kind::NotJson;
                    self.state = State::Bad;
                }
                Step::To(state) => self.state = state,
                Step::Object => {
                    self.kind = Kind::Object;
                    self.state = State::Key;
                }
                Step::Key => {
                    self.key.clear();
                    self.state = State::InKey;
                }
                Step::Begin => {
                    if self.state == State::Start {
                        self.kind = Kind::NotObject;
                    }
                    self.begin(byte, at, before);
                }
                Step::Deeper => self.nested += 1,
                Step::Back => {
                    self.nested -= 1;
                    if self.nested == 0 {
                        self.end(bytes, at + 1, before);
                    }
                }
                Step::EndBefore => {
                    self.end(bytes, at, before);
                    continue;
                }
                Step::Close => self.close(bytes, at + 1, before),
                Step::Over => break,
            }
            at += 1;
        }
        self.scan.bytes += bytes.len() as u64;
        for open in &mut self.open {
            open.keep(bytes.get(open.from..).unwrap_or_default());
            open.from = 0;
        }
    }

    /// What was found; a value that has not ended is told with the size that it has so far.
    #[must_use]
    pub fn finish(mut self) -> Scan {
        if self.kind == Kind::NotObject && self.state == State::InScalar {
            self.end(&[], 0, self.scan.bytes);
        }
        self.scan.complete = self.state == State::Done;
        // The quote that is missing is counted with the others.
        let end = self.scan.bytes + u64::from(self.state == State::InString);
        while !self.open.is_empty() {
            self.found(end);
        }
        self.scan.kind = Some(self.kind);
        self.scan
    }

    /// Goes on in a string, from `at` to its end or to that of the bytes; where to go on after it.
    fn string(&mut self, bytes: &[u8], mut at: usize, before: u64) -> usize {
        let start = at;
        let mut closed = false;
        while let Some(&byte) = bytes.get(at) {
            match self.escape {
                Escape::None => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let Some(next) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                        at = bytes.len();
                        break;
                    };
                    at += next;
                    if rest.get(next) == Some(&b'"') {
                        closed = true;
                        break;
                    }
                    self.escape = Escape::Begun;
                }
                Escape::Begun => {
                    self.shorter += 1;
                    self.escape = if byte == b'u' { Escape::Hex(4, 0) } else { Escape::None };
                }
                Escape::Hex(left, value) => {
                    let value = value * 16 + char::from(byte).to_digit(16).unwrap_or(0);
                    self.escape = if left > 1 { Escape::Hex(left - 1, value) } else { Escape::None };
                    if left == 1 {
                        // Six bytes of JSON; one is taken off already. Each half of a pair counts for two.
                        self.shorter += match value {
                            ..0x80 => 4,
                            0x80..0x800 | 0xd800..0xe000 => 3,
                            _ => 2,
                        };
                    }
                }
            }
            at += 1;
        }
        if self.state == State::InKey {
            let text = bytes.get(start..at).unwrap_or_default();
            let room = MAX_KEY_BYTES.saturating_sub(self.key.len()).min(text.len());
            self.key.extend_from_slice(text.get(..room).unwrap_or_default());
        }
        if !closed {
            return at;
        }
        match self.state {
            State::InKey => self.state = State::Colon,
            State::InString => self.end(bytes, at + 1, before),
            _ => self.state = State::Inside,
        }
        at + 1
    }

    /// A value begins.
    fn begin(&mut self, first: u8, at: usize, before: u64) {
        if self.kind == Kind::Object {
            self.path.push(text(&self.key));
        }
        self.shorter = 0;
        let (want, leads_on) = (self.plan)(&self.path);
        let (asked, mut most) = match want {
            Want::Size => (false, 0),
            Want::Text(most) | Want::End(most) => (true, most),
        };
        let is_end = matches!(want, Want::End(_));
        self.state = match first {
            b'"' => State::InString,
            b'{' if leads_on && self.kind == Kind::Object => State::Key,
            b'{' | b'[' => {
                self.nested = 1;
                State::Inside
            }
            _ => {
                most = most.max(MAX_SCALAR_BYTES);
                State::InScalar
            }
        };
        self.open.push(Open {
            start: before + at as u64,
            first,
            asked,
            is_end,
            most,
            raw: Vec::new(),
            from: at,
        });
    }

    /// An object that the walk is in ends before `at`.
    fn close(&mut self, bytes: &[u8], at: usize, before: u64) {
        if self.open.is_empty() {
            self.state = State::Done;
        } else {
            self.end(bytes, at, before);
        }
    }

    /// The value in hand ends before `at`.
    fn end(&mut self, bytes: &[u8], at: usize, before: u64) {
        if let Some(open) = self.open.last_mut() {
            open.keep(bytes.get(open.from..at).unwrap_or_default());
        }
        let is_scalar = self.state == State::InScalar;
        let is_word = |open: &Open| !is_scalar || open.raw == b"null" || read(&open.raw) != Value::Null;
        let is_json = self.kind == Kind::Object || self.open.last().is_none_or(is_word);
        self.found(before + at as u64);
        self.state = match self.kind {
            Kind::Object => State::After,
            _ if is_json => State::Done,
            // Text whose first letter could have begun `true`.
            _ => {
                self.kind = Kind::NotJson;
                State::Bad
            }
        };
    }

    /// Notes the value in hand, which ends at `end` of the whole text.
    fn found(&mut self, end: u64) {
        let Some(open) = self.open.pop() else { return };
        let last = self.path.pop().unwrap_or_default();
        let (name, inner) = match self.path.split_first() {
            None => (last, Vec::new()),
            Some((name, path)) => (name.clone(), path.iter().cloned().chain([last]).collect()),
        };
        let length = end - open.start;
        let quotes = if open.first == b'"' { 2 } else { 0 };
        let bytes = length.saturating_sub(quotes).saturating_sub(if quotes > 0 { self.shorter } else { 0 });
        let cut = (open.raw.len() as u64) < length;
        let found = Found { name, inner, bytes, raw: open.raw, cut, first: open.first };
        if open.asked {
            // The last of several with one name wins.
            self.scan.fields.retain(|field| field.name != found.name || field.inner != found.inner);
            self.scan.fields.push(found);
        } else if found.inner.is_empty() && self.kind == Kind::Object {
            if self.unasked < MAX_FIELDS {
                self.unasked += 1;
                self.scan.fields.push(found);
            } else {
                self.scan.more += 1;
            }
        }
    }
}

impl Open {
    fn keep(&mut self, bytes: &[u8]) {
        if self.is_end {
            let bytes = bytes.get(bytes.len().saturating_sub(self.most)..).unwrap_or_default();
            self.raw.extend_from_slice(bytes);
            self.raw.drain(..self.raw.len().saturating_sub(self.most));
            return;
        }
        let room = self.most.saturating_sub(self.raw.len()).min(bytes.len());
        let bytes = bytes.get(..room).unwrap_or_default();
        if self.raw.is_empty() {
            // Mostly that is all, and takes just its room.
            self.raw = bytes.to_vec();
        } else {
            self.raw.extend_from_slice(bytes);
        }
    }
}

fn begins_value(byte: u8) -> bool {
    matches!(byte, b'"' | b'{' | b'[' | b'-' | b't' | b'f' | b'n') || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Keeps these paths, up to so many bytes.
    fn plan(path: &[String], list: &[(&str, usize)]) -> (Want, bool) {
        let path = path.join(".");
        let asked = list.iter().find(|(wanted, _)| *wanted == path);
        let inside = list.iter().any(|(wanted, _)| wanted.starts_with(&format!("{path}.")));
        (asked.map_or(Want::Size, |(_, most)| Want::Text(*most)), inside)
    }

    /// Scans in steps of so many bytes.
    fn scan(input: &[u8], step: usize, list: &[(&str, usize)]) -> Scan {
        let plan = |path: &[String]| plan(path, list);
        let mut scanner = Scanner::new(&plan);
        for piece in input.chunks(step) {
            scanner.feed(piece);
        }
        scanner.finish()
    }

    /// Path, size, kept value and whether it was cut, for each field.
    fn fields(scan: &Scan) -> Vec<(String, u64, Value, bool)> {
        let path = |found: &Found| [&[found.name.clone()][..], &found.inner].concat().join(".");
        let field = |found: &Found| (path(found), found.bytes, read(&found.raw), found.cut);
        scan.fields.iter().map(field).collect()
    }

    #[test]
    fn sizes_scalars_and_wanted_values_are_kept_however_the_bytes_come() {
        let text = "\u{feff} {\"a\":\"h\\u0436\\n\\ud83d\\ude00\", \"n\" : -1.50, \"t\":true,\"z\":null,\
                    \"o\":{\"p\":{\"q\":\"deep\",\"r\":[1,\"}\"]},\"s\":\"\\\"{\"},\"l\":[[],{}],\"e\":{}} trailing";
        for step in [1, 2, 3, 5, 7, 1000] {
            let scan = scan(text.as_bytes(), step, &[("a", 100), ("o.p.q", 4), ("o.s", 100), ("l", 100)]);
            assert_eq!((scan.kind, scan.complete), (Some(Kind::Object), true), "{step}");
            assert_eq!(scan.bytes, text.len() as u64);
            let expected = [
                ("a", 8, json!("hж\n😀"), false),
                ("n", 5, read(b"-1.50"), false),
                ("t", 4, json!(true), false),
                ("z", 4, json!(null), false),
                ("o.p.q", 4, json!("dee"), true),
                ("o.s", 2, json!("\"{"), false),
                ("o", 40, json!(null), true),
                ("l", 7, json!([[], {}]), false),
                ("e", 2, json!(null), true),
            ];
            let expected = expected.map(|(path, bytes, value, cut)| (path.to_owned(), bytes, value, cut));
            assert_eq!(fields(&scan), expected, "in steps of {step}");
        }
    }

    #[test]
    fn a_captured_object_is_whole_even_if_something_inside_is_wanted_too() {
        let text = br#"{"o":{"content":"xxxxxxxxxx","path":".env"}}"#;
        for step in [1, 4, 1000] {
            let scan = scan(text, step, &[("o", 1000), ("o.path", 100)]);
            let expected = [
                ("o.path".to_owned(), 4, json!(".env"), false),
                ("o".to_owned(), 38, json!({"content": "xxxxxxxxxx", "path": ".env"}), false),
            ];
            assert_eq!(fields(&scan), expected);
        }
    }

    #[test]
    fn what_is_no_object_is_told() {
        let kind = |text: &str| {
            let scan = scan(text.as_bytes(), 2, &[]);
            (scan.kind.unwrap(), scan.complete)
        };
        assert_eq!(kind(""), (Kind::Empty, false));
        assert_eq!(kind(" \n\t"), (Kind::Empty, false));
        assert_eq!(kind("\u{feff}"), (Kind::Empty, false));
        assert_eq!(kind("hello"), (Kind::NotJson, false));
        assert_eq!(kind("<html>"), (Kind::NotJson, false));
        assert_eq!(kind("text of a hook"), (Kind::NotJson, false));
        assert_eq!(kind("tr"), (Kind::NotJson, false));
        assert_eq!(kind("[1,[2]]"), (Kind::NotObject, true));
        assert_eq!(kind("\"a\\\"b\""), (Kind::NotObject, true));
        assert_eq!(kind("42"), (Kind::NotObject, true));
        assert_eq!(kind("null "), (Kind::NotObject, true));
        assert_eq!(kind("{}"), (Kind::Object, true));
        assert_eq!(kind("{\"a\":{}}"), (Kind::Object, true));
        for bad in ["{", "{a}", "{\"a\" 1}", "{\"a\":}", "{\"a\":1 2}", "{\"a\":[", "{\"a\":\"", "{\"a"] {
            assert_eq!(kind(bad), (Kind::Object, false), "{bad}");
        }
    }

    #[test]
    fn the_end_of_the_first_value_is_known_when_it_comes() {
        for text in ["{\"a\":[\"]}\"]}", "{}", "\"x\"", "[{}]"] {
            let mut scanner = Scanner::new(&|_| (Want::Size, false));
            let (last, all) = text.as_bytes().split_last().unwrap();
            scanner.feed(all);
            assert!(!scanner.is_done(), "{text}");
            scanner.feed(&[*last]);
            assert!(scanner.is_done(), "{text}");
            scanner.feed(b"{\"more\":1}");
            assert!(scanner.finish().fields.iter().all(|field| field.name != "more"));
        }
    }

    #[test]
    fn a_text_that_ends_early_tells_what_there_was() {
        let scan = scan(b"{\"event\":\"Stop\",\"prompt\":\"abc\\n", 3, &[("event", 100)]);
        assert!(!scan.complete);
        let expected =
            [("event".to_owned(), 4, json!("Stop"), false), ("prompt".to_owned(), 4, json!(null), true)];
        assert_eq!(fields(&scan), expected);
    }

    #[test]
    fn the_end_of_a_value_is_kept_however_the_bytes_come() {
        for step in [1, 3, 1000] {
            let plan = |path: &[String]| (if path == ["a"] { Want::End(7) } else { Want::Size }, false);
            let mut scanner = Scanner::new(&plan);
            b"{\"a\":\"0123456789\",\"b\":1}".chunks(step).for_each(|piece| scanner.feed(piece));
            let scan = scanner.finish();
            let found = scan.fields.first().unwrap();
            assert_eq!(
                (found.raw.as_slice(), found.bytes, found.cut),
                (&b"456789\""[..], 10, true),
                "{step}"
            );
        }
    }

    #[test]
    fn memory_stays_flat_whatever_comes() {
        let nested = [&b"{\"a\":"[..], &b"[".repeat(1_000_000)].concat();
        let long_key = [&b"{\""[..], &b"k".repeat(1_000_000), b"\":1}"].concat();
        let fields = (0..100_000).map(|n| format!("\"k{n}\":1,")).collect::<Vec<_>>().concat();
        for text in [nested, long_key, format!("{{{fields}\"z\":1}}").into_bytes()] {
            let plan = |path: &[String]| plan(path, &[("z", 10)]);
            let mut scanner = Scanner::new(&plan);
            scanner.feed(&text);
            assert!(scanner.key.capacity() < 1024 && scanner.open.len() < 3);
            let scan = scanner.finish();
            assert!(scan.fields.len() <= MAX_FIELDS + 1);
            assert!(scan.fields.iter().all(|field| field.name.len() <= MAX_KEY_BYTES));
        }
    }

    #[test]
    fn the_last_of_several_fields_with_one_name_wins() {
        let scan = scan(b"{\"a\":\"1\",\"a\":\"2\"}", 100, &[("a", 10)]);
        assert_eq!(fields(&scan), [("a".to_owned(), 1, json!("2"), false)]);
    }
}
