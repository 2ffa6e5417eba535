//! Bytes of stdin to lines of text.
//!
//! Lines end with a newline, a carriage return before it is not part of them, and a last line without one
//! counts. Bytes that are not UTF-8 become U+FFFD. Memory stays flat: a line that outgrows what one record
//! holds is handed on in pieces while it is read.

use std::borrow::Cow;

use crate::record::MAX_LINE_BYTES;

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
}

impl Lines {
    /// Takes what was read and hands on the lines that it ends.
    pub fn feed(&mut self, mut bytes: &[u8], mut sink: impl FnMut(Piece)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.split_first().map_or(&[][..], |(_, rest)| rest);
            if self.pending.is_empty() && !self.in_parts {
                sink(Piece::Line(text(line)));
            } else {
                self.pending.extend_from_slice(line);
                self.end(&mut sink);
            }
        }
        self.pending.extend_from_slice(bytes);
        if self.pending.len() > MAX_LINE_BYTES {
            let complete = complete_prefix(&self.pending);
            let rest = self.pending.split_off(complete);
            sink(Piece::Part(String::from_utf8_lossy(&self.pending)));
            self.pending = rest;
            self.in_parts = true;
        }
    }

    /// Hands on the last line, if it had no newline.
    pub fn finish(&mut self, mut sink: impl FnMut(Piece)) {
        if self.in_parts || !self.pending.is_empty() {
            self.end(&mut sink);
        }
    }

    fn end(&mut self, sink: &mut impl FnMut(Piece)) {
        let line = text(&self.pending);
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

/// The line's text, without the carriage return at its end.
fn text(line: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))
}

/// How many bytes can be decoded for good: not a character that has only begun, nor a carriage return that may
/// turn out to belong to the line's end.
fn complete_prefix(bytes: &[u8]) -> usize {
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
    fn lines(input: &[u8], step: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut long = String::new();
        let mut sink = |piece: Piece| match piece {
            Piece::Line(text) => out.push(text.into_owned()),
            Piece::Part(text) => long.push_str(&text),
            Piece::End => out.push(std::mem::take(&mut long)),
        };
        let mut lines = Lines::default();
        for chunk in input.chunks(step) {
            lines.feed(chunk, &mut sink);
        }
        lines.finish(&mut sink);
        out
    }

    #[track_caller]
    fn gives(input: &[u8], expected: &[&str]) {
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(lines(input, step), expected, "in steps of {step}");
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
    fn one_carriage_return_before_the_newline_is_dropped() {
        gives(b"a\r\nb\rc\r\r\nd\r", &["a", "b\rc\r", "d"]);
    }

    #[test]
    fn bytes_that_are_no_utf_8_become_replacement_characters() {
        gives(b"a\xffb\n\xc3\n\xf0\x9f\x98\x80\n\xd1", &["a\u{fffd}b", "\u{fffd}", "😀", "\u{fffd}"]);
    }

    #[test]
    fn a_line_too_long_for_a_record_comes_in_pieces() {
        let mut input = "жλ😀\r".repeat(200_000).into_bytes();
        let expected = String::from_utf8(input.clone()).unwrap();
        input.extend_from_slice(b"\r\nnext\n");
        for step in [65_536, 65_537, 65_539, 1_000_003] {
            assert_eq!(lines(&input, step), [expected.as_str(), "next"], "in steps of {step}");
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
}
