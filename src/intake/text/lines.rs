//! The bytes of a stream, cut into lines of clean text: UTF-8, without terminal codes, as last drawn.
//!
//! Invariants: memory stays flat, for a line too long for a record is handed on in pieces; no line is lost
//! whatever bytes are in it; what comes out does not depend on how the bytes were cut by the reads. Cleaning:
//! escape sequences are taken out; of a line redrawn after carriage returns the last state that shows something
//! is kept; what is not UTF-8 becomes U+FFFD; a byte order mark at the start goes. All other control characters stay.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};

use crate::record::MAX_LINE_BYTES;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// Where a piece of a long line ends, an escape sequence of at most this many bytes is not torn.
const LONGEST_ESCAPE: usize = 4096;

/// What comes out of the bytes, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole line.
    Line(Cow<'a, str>),
    /// A piece of a line too long for one record; more follow.
    Part(Cow<'a, str>),
    /// The end of a line that came in pieces.
    End,
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of the line in hand.
    pending: Vec<u8>,
    /// Whether pieces of it were handed on.
    in_parts: bool,
    /// How much of a byte order mark has come.
    mark: usize,
    cleaner: Cleaner,
}

/// What some programs, most of them for Windows, write before everything else.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Lines {
    /// `keep_ansi` leaves escape sequences in the text.
    #[must_use]
    pub fn new(keep_ansi: bool) -> Self {
        Self { cleaner: Cleaner { keep_ansi, ..Cleaner::default() }, ..Self::default() }
    }

    /// Takes what was read and hands on the lines that it ends.
    pub fn feed(&mut self, mut bytes: &[u8], mut sink: impl FnMut(Piece)) {
        while let (Some(wanted), Some((first, rest))) = (BYTE_ORDER_MARK.get(self.mark), bytes.split_first())
        {
            if wanted != first {
                self.give_up_mark();
                break;
            }
            bytes = rest;
            self.mark += 1;
        }
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.split_first().map_or(&[][..], |(_, rest)| rest);
            if self.pending.is_empty() && !self.in_parts && line.len() <= MAX_LINE_BYTES {
                sink(Piece::Line(self.cleaner.clean(line)));
            } else {
                self.pending.extend_from_slice(line);
                self.shorten(&mut sink);
                self.end(&mut sink);
            }
        }
        self.pending.extend_from_slice(bytes);
        self.shorten(&mut sink);
    }

    /// It was none: what was taken for its beginning is text, and nothing else can be one.
    fn give_up_mark(&mut self) {
        self.pending.extend_from_slice(BYTE_ORDER_MARK.get(..self.mark).unwrap_or_default());
        self.mark = BYTE_ORDER_MARK.len();
    }

    /// Hands on so much of the line in hand that the rest has no more than a record takes.
    fn shorten(&mut self, sink: &mut impl FnMut(Piece)) {
        while let Some((head, _)) =
            self.pending.split_at_checked(MAX_LINE_BYTES).filter(|(_, rest)| !rest.is_empty())
        {
            // A progress bar may be redrawn for hours without a newline.
            let outdated = if self.in_parts { 0 } else { last_state(head) };
            if outdated > 0 {
                self.pending.drain(..outdated);
                continue;
            }
            let rest = self.pending.split_off(complete_prefix(head).max(1));
            sink(Piece::Part(self.cleaner.clean(&self.pending)));
            self.pending = rest;
            self.in_parts = true;
        }
    }

    /// Hands on the last line, if it had no newline.
    pub fn finish(&mut self, mut sink: impl FnMut(Piece)) {
        if self.mark < BYTE_ORDER_MARK.len() {
            self.give_up_mark();
        }
        if self.in_parts || !self.pending.is_empty() {
            self.end(&mut sink);
        }
    }

    fn end(&mut self, sink: &mut impl FnMut(Piece)) {
        let line = self.cleaner.clean(&self.pending);
        if self.in_parts {
            sink(Piece::Part(line));
            sink(Piece::End);
        } else {
            sink(Piece::Line(line));
        }
        self.pending.clear();
        self.in_parts = false;
    }
}

/// Takes out of a line what is for terminals only. Keeps its buffers.
#[derive(Debug, Default)]
struct Cleaner {
    keep_ansi: bool,
    /// The last state that showed something.
    shown: Vec<u8>,
    /// The state being drawn.
    drawing: Vec<u8>,
}

impl Cleaner {
    fn clean<'a>(&'a mut self, line: &'a [u8]) -> Cow<'a, str> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr2(ESC, b'\r', line).is_none() {
            return text(line);
        }
        self.shown.clear();
        self.drawing.clear();
        let mut rest = line;
        let mut endless = false;
        while let Some(at) = memchr2(ESC, b'\r', rest) {
            let (text, code) = rest.split_at(at);
            self.drawing.extend_from_slice(text);
            let length = if code.first() == Some(&b'\r') { 1 } else { escape_end(code, &mut endless) };
            let (code, after) = code.split_at(length);
            match code {
                b"\r" => self.redraw(),
                // The cursor to the first column, which is what npm does instead.
                b"\x1b[G" | b"\x1b[0G" | b"\x1b[1G" if !self.keep_ansi => self.redraw(),
                _ if self.keep_ansi => self.drawing.extend_from_slice(code),
                _ => {}
            }
            rest = after;
        }
        self.drawing.extend_from_slice(rest);
        self.redraw();
        text(&self.shown)
    }

    /// The cursor is back at the start of the line.
    fn redraw(&mut self) {
        if shows_something(&self.drawing) || self.shown.is_empty() {
            std::mem::swap(&mut self.shown, &mut self.drawing);
        }
        self.drawing.clear();
    }
}

/// The bytes as text; checking first is ten times faster where there is nothing to replace.
fn text(line: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed)
}

/// Whether there is more than blanks, control characters and escape sequences.
fn shows_something(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            &ESC => {
                // One without an end is text after its beginning.
                let length = escape_length(rest).unwrap_or(2);
                rest = rest.get(length..).unwrap_or_default();
            }
            0..=b' ' | 0x7f => rest = after,
            _ => return true,
        }
    }
    false
}

/// The text without escape sequences.
#[must_use]
pub fn without_ansi(text: &str) -> Cow<'_, str> {
    if memchr(ESC, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut endless = false;
    let mut rest = text;
    while let Some(at) = memchr(ESC, rest.as_bytes()) {
        let (before, code) = rest.split_at(at);
        out.push_str(before);
        rest = code.get(escape_end(code.as_bytes(), &mut endless)..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// How many bytes go with the escape sequence at the start of `code`; of one without an end, its beginning. Once a
/// string has none, those after it have none either, and `endless` says that nobody needs to look again.
fn escape_end(code: &[u8], endless: &mut bool) -> usize {
    let length = match code {
        [_, b']' | b'P' | b'X' | b'^' | b'_', ..] if *endless => None,
        _ => escape_length(code),
    };
    *endless |= length.is_none();
    length.unwrap_or(2).min(code.len())
}

/// The length of the escape sequence at the start of `bytes`, which is its ESC (ECMA-48, 5.3 to 5.6); `None` if
/// `bytes` end before it does.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    let kind = *bytes.get(1)?;
    let body = bytes.get(2..)?;
    match kind {
        // A control sequence: parameters, intermediates and a final byte. One that is broken ends where it breaks.
        b'[' => {
            let end = body.iter().position(|byte| !(0x20..=0x3f).contains(byte))?;
            let is_final = body.get(end).is_some_and(|byte| (0x40..=0x7e).contains(byte));
            Some(2 + end + usize::from(is_final))
        }
        // Strings: OSC (titles, links), DCS, SOS, PM, APC; ended by BEL or ESC \.
        b']' | b'P' | b'X' | b'^' | b'_' => {
            let mut from = 0;
            loop {
                let end = from + memchr2(BEL, ESC, body.get(from..)?)?;
                match (body.get(end)?, body.get(end + 1)) {
                    (&BEL, _) => return Some(2 + end + 1),
                    (_, Some(b'\\')) => return Some(2 + end + 2),
                    (_, next) => from = end + 1 + usize::from(*next? != ESC),
                }
            }
        }
        // Character sets and the like: intermediates and a final byte.
        0x20..=0x2f => {
            let end = body.iter().position(|byte| !(0x20..=0x2f).contains(byte))?;
            let is_final = body.get(end).is_some_and(|byte| (0x30..=0x7e).contains(byte));
            Some(2 + end + usize::from(is_final))
        }
        0x30..=0x7e => Some(2),
        // No sequence begins so: only the ESC goes.
        _ => Some(1),
    }
}

/// How many bytes of an unfinished line were drawn over by what follows them.
fn last_state(line: &[u8]) -> usize {
    let mut end = line.len();
    while let Some(at) = line.get(..end).and_then(|before| memrchr(b'\r', before)) {
        if line.get(at + 1..end).is_some_and(shows_something) {
            return at + 1;
        }
        end = at;
    }
    0
}

/// How many bytes can be cleaned and decoded for good: not a character or an escape sequence that has only
/// begun, nor a carriage return that may turn out to belong to the line's end.
fn complete_prefix(bytes: &[u8]) -> usize {
    let mut from = bytes.len().saturating_sub(LONGEST_ESCAPE);
    while let Some(at) = bytes.get(from..).and_then(|tail| memchr(ESC, tail)) {
        match bytes.get(from + at..).and_then(escape_length) {
            Some(length) => from += at + length,
            None => return from + at,
        }
    }
    let tail = bytes.len().saturating_sub(4);
    let is_start = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
    let last = bytes.iter().skip(tail).rposition(is_start).map_or(tail, |at| tail + at);
    let rest = bytes.get(last..).unwrap_or_default();
    let unfinished = std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none());
    if unfinished || rest == b"\r" { last } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, and long lines put together again, of `input` fed in steps of `step` bytes.
    fn lines_of(mut reader: Lines, input: &[u8], step: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut long = String::new();
        let mut sink = |piece: Piece| match piece {
            Piece::Line(text) => out.push(text.into_owned()),
            Piece::Part(text) => long.push_str(&text),
            Piece::End => out.push(std::mem::take(&mut long)),
        };
        for chunk in input.chunks(step) {
            reader.feed(chunk, &mut sink);
        }
        reader.finish(&mut sink);
        out
    }

    #[track_caller]
    fn gives(input: &[u8], expected: &[&str]) {
        for step in [1, 2, 3, 7, 1000] {
            let lines = lines_of(Lines::default(), input, step);
            assert_eq!(lines, expected, "{} in steps of {step}", input.escape_ascii());
        }
    }

    #[test]
    fn lines_end_with_newlines() {
        gives(b"", &[]);
        gives(b"a\nb\n", &["a", "b"]);
        gives(b"a\n\nb", &["a", "", "b"]);
        gives(b"\n", &[""]);
    }

    #[test]
    fn a_byte_order_mark_at_the_start_goes() {
        gives("\u{feff}a\n\u{feff}b\n".as_bytes(), &["a", "\u{feff}b"]);
        gives("\u{feff}".as_bytes(), &[]);
        gives("\u{feff}\u{feff}a".as_bytes(), &["\u{feff}a"]);
        gives(b"\xef\xbb\n", &["\u{fffd}"]);
        gives(b"\xef", &["\u{fffd}"]);
    }

    #[test]
    fn carriage_returns_before_the_newline_are_dropped() {
        gives(b"a\r\nb\r\r\nc\r", &["a", "b", "c"]);
        gives(b"\r\n\r\r\n", &["", ""]);
    }

    #[test]
    fn a_redrawn_line_gives_its_last_state() {
        gives(b"10%\r50%\r100%\n", &["100%"]);
        gives(b"10%\r50%\r100%\r\n", &["100%"]);
        gives(b"10%\r100%\r    \r\n", &["100%"]);
        gives(b"\r10%\n", &["10%"]);
        gives(b"[#   ]\x1b[1G\x1b[0K[##  ]\x1b[1G\x1b[0K[####]\n", &["[####]"]);
        gives(b"one\x1b[2K\rtwo\x1b[K\n", &["two"]);
        gives(b"   \r  \n", &["   "]);
        gives(b"ERROR x\r\0\nERROR y\r\x1b[?25h\n", &["ERROR x", "ERROR y"]);
    }

    #[test]
    fn a_line_redrawn_without_end_stays_small() {
        let mut reader = Lines::default();
        let mut most = 0;
        for n in 0..20_000 {
            let state = format!("\r[{:>60}] {n}", "#".repeat(n % 60));
            reader.feed(state.as_bytes(), |piece| panic!("{piece:?} came"));
            most = most.max(reader.pending.capacity());
        }
        assert!(most < 1 << 20, "{most} bytes pending");
        let mut out = Vec::new();
        reader.feed(b"\n", |piece| out.push(format!("{piece:?}")));
        assert!(out.len() == 1 && out[0].ends_with(" 19999\")"), "{out:?}");
    }

    #[test]
    fn escape_sequences_are_taken_out() {
        gives(b"\x1b[1;31merror\x1b[0m: \x1b[38;5;12mx\x1b[m\n", &["error: x"]);
        gives(b"\x1b]0;title\x07a\x1b]0;title\x1b\\b\n", &["ab"]);
        gives(b"\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\.\n", &["link."]);
        gives(b"\x1bPq#0;1\x1b\\sixel\x1b_apc\x07\x1b^pm\x1b\\\x1bXsos\x1b\\!\n", &["sixel!"]);
        gives(b"\x1b(Ba\x1b7b\x1b=c\x1b[?25ld\x1b[2 qe\n", &["abcde"]);
        gives("\u{1b}[31mж\u{1b}[0m\n".as_bytes(), &["ж"]);
    }

    #[test]
    fn broken_sequences_cost_no_text() {
        gives(b"a\x1b\nb\x1b[\nc\x1b[12\nd\x1b]0;title\ne\n", &["a", "b", "c12", "d0;title", "e"]);
        gives("a\u{1b}ж\u{1b}[1ж\n".as_bytes(), &["aжж"]);
        gives(b"a\x1b[1\x01b\x1b\x1b[1mc\x1b]x\x1b\x1b\\d\n", &["a\u{1}bcd"]);
    }

    #[test]
    fn a_text_is_rid_of_them_as_a_line_is() {
        let text = "a\u{1b}]0;t\u{1b}[31mж\u{1b}[0m\u{1b}]b";
        assert_eq!(without_ansi(text), "a0;tжb");
        gives(format!("{text}\n").as_bytes(), &["a0;tжb"]);
    }

    #[test]
    fn a_line_of_sequences_without_end_takes_no_longer_than_others() {
        let line = [b"\x1b]".repeat(100_000), b"\n".to_vec()].concat();
        let start = std::time::Instant::now();
        assert_eq!(lines_of(Lines::default(), &line, line.len()), [""]);
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }

    #[test]
    fn sequences_stay_when_asked_to() {
        let lines = |input: &[u8]| lines_of(Lines::new(true), input, 3);
        assert_eq!(lines(b"\x1b[31mred\x1b[0m\n\x1b]0;t\x07x\n"), ["\x1b[31mred\x1b[0m", "\x1b]0;t\x07x"]);
        assert_eq!(lines(b"1%\r\x1b[K2%\r\n\x1b\n\x1b[3"), ["\x1b[K2%", "\x1b", "\x1b[3"]);
        assert_eq!(lines(b"ERROR kept\r\x1b[?25h\n"), ["ERROR kept"]);
    }

    #[test]
    fn other_control_characters_lose_nothing() {
        gives(b"a\0b\x07c\x08d\x7f\x0b\n\0\n", &["a\0b\u{7}c\u{8}d\u{7f}\u{b}", "\0"]);
    }

    #[test]
    fn bytes_that_are_no_utf_8_become_replacement_characters() {
        gives(b"a\xffb\n\xc3\n\xf0\x9f\x98\x80\n\xd1", &["a\u{fffd}b", "\u{fffd}", "😀", "\u{fffd}"]);
    }

    #[test]
    fn a_line_too_long_for_a_record_comes_in_pieces() {
        let mut input = "жλ😀\u{1b}[1;32m\u{1b}]8;;x\u{7}".repeat(100_000).into_bytes();
        input.extend_from_slice(b"\r\nnext\n");
        let expected = "жλ😀".repeat(100_000);
        for step in [65_536, 65_537, 65_539, 1_000_003] {
            let lines = lines_of(Lines::default(), &input, step);
            assert!(lines == [expected.as_str(), "next"], "in steps of {step}");
        }
    }

    #[test]
    fn how_a_long_line_is_cut_does_not_depend_on_the_reads() {
        let almost = MAX_LINE_BYTES - 3;
        for tail in
            [&b"\r\x1b[0m"[..], b"\rlast state", b"xxxxxxxxxxxx", b"\r\r\r\r\r\r", "жжжжжж".as_bytes()]
        {
            let mut input = [b"ERROR ".repeat(almost / 6), tail.to_vec()].concat();
            input.push(b'\n');
            let pieces = |step: usize| {
                let mut out = Vec::new();
                let mut reader = Lines::default();
                input
                    .chunks(step)
                    .for_each(|chunk| reader.feed(chunk, |piece| out.push(format!("{piece:?}"))));
                out
            };
            let whole = pieces(input.len());
            for step in [60_000, 65_536, input.len() - 1, input.len() - 5] {
                assert!(pieces(step) == whole, "{} in steps of {step}", tail.escape_ascii());
            }
        }
    }

    #[test]
    fn pieces_do_not_pile_up() {
        let mut reader = Lines::default();
        let mut most = 0;
        for _ in 0..1000 {
            reader.feed(&vec![b'x'; 65_536], |_| {});
            most = most.max(reader.pending.capacity());
        }
        assert!(most < 1 << 20, "{most} bytes pending");
    }

    /// A little generator of numbers, so that a failure can be repeated from its seed.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % limit as u64).unwrap()
        }
    }

    #[test]
    fn how_the_bytes_are_split_makes_no_difference() {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0) | 1;
        let mut random = Random(seed);
        let bits: [&[u8]; 16] = [
            b"\n",
            b"\r",
            b"\r\n",
            b"\x1b",
            b"\x1b[",
            b"31m",
            b"\x1b]0;",
            b"\x07",
            b"\x1b\\",
            b"a",
            b" ",
            b"word",
            "ж".as_bytes(),
            b"\xd0",
            b"\xff\0",
            b"\x1b[1G",
        ];
        for _ in 0..3000 {
            let count = random.below(40);
            let input: Vec<u8> =
                (0..count).flat_map(|_| bits[random.below(bits.len())].iter().copied()).collect();
            let whole = lines_of(Lines::default(), &input, input.len().max(1));
            // By the book: cut at newlines, then clean.
            let mut lines: Vec<_> = input.split(|byte| *byte == b'\n').collect();
            lines.pop_if(|last| last.is_empty());
            let mut cleaner = Cleaner::default();
            let expected: Vec<_> = lines.iter().map(|line| cleaner.clean(line).into_owned()).collect();
            assert_eq!(whole, expected, "{} (seed {seed})", input.escape_ascii());
            for _ in 0..3 {
                let mut reader = Lines::default();
                let mut out = Vec::new();
                let mut sink = |piece: Piece| out.push(format!("{piece:?}"));
                let mut rest = input.as_slice();
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(1 + random.below(rest.len()));
                    reader.feed(now, &mut sink);
                    rest = later;
                }
                reader.finish(&mut sink);
                let expected: Vec<_> = whole.iter().map(|line| format!("Line({line:?})")).collect();
                assert_eq!(out, expected, "{} (seed {seed})", input.escape_ascii());
            }
        }
    }
}
