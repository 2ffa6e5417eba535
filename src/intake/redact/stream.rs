//! The lines of a stream without their secrets, before anybody parses them: an object stays one, and a private key may
//! stand on many lines. Lines too long for a record come in parts, and a secret may lie across two of them.

use std::borrow::Cow;

use super::bytes::is_base64;
use super::cut::MAX_TOKEN_BYTES;
use super::haystack::Haystack;
use super::private_key::{BEGIN, END, after_key, opens_key};
use super::{Form, Known, MARK, redact_as, redact_up_to};
use crate::intake::text::lines::Piece;

/// How many lines behind the first of a private key are searched for the others, unless its end comes before. One of
/// 16,384 bits has 195; those of other programs may come between.
const MAX_KEY_LINES: u32 = 400;

/// The least bytes in all lines of a private key but the last.
const MIN_KEY_LINE_BYTES: usize = 40;

/// Takes the secrets out of a stream's lines.
#[derive(Debug)]
pub struct Redactor {
    known: Known,
    /// For how many lines the rest of a private key may still come.
    key_lines: u32,
    /// Where in the line before that of a private key began, if it was one.
    column: Option<usize>,
    /// Whether the part before ended within a private key.
    in_key: bool,
    /// The end of the part before, which may hold half of a secret.
    held: String,
}

impl Redactor {
    /// `known` are values that are secrets.
    #[must_use]
    pub fn new(known: Known) -> Self {
        Self { known, key_lines: 0, column: None, in_key: false, held: String::new() }
    }

    /// A piece of the stream without its secrets. Behind a part of a line some of it is held back; [`Redactor::rest`]
    /// gives it before the [`Piece::End`].
    pub fn piece<'a>(&mut self, piece: Piece<'a>) -> Piece<'a> {
        match piece {
            Piece::Line(text) => Piece::Line(self.line(text)),
            Piece::Part(text) => Piece::Part(self.part(&text).into()),
            Piece::End => Piece::End,
        }
    }

    /// What was held back of a line that has ended.
    pub fn rest(&mut self) -> Option<String> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() { None } else { Some(redact_as(&held, Form::default()).0.into_owned()) }
    }

    fn line<'a>(&mut self, text: Cow<'a, str>) -> Cow<'a, str> {
        let is_behind_key = self.key_lines > 0;
        let without_key = if is_behind_key { self.without_key_lines(&text) } else { None };
        let searched = without_key.as_deref().unwrap_or(&text);
        let (searched, of_values) = self.known.take_out(searched);
        let form = Form { is_object: is_object(&searched), is_behind_key };
        let (clean, count) = redact_as(&searched, form);
        let is_changed = count + of_values > 0;
        let opens = count > 0 && opens_key(&text);
        if opens {
            (self.key_lines, self.column) = (MAX_KEY_LINES, text.rfind(BEGIN));
        } else if is_behind_key {
            self.key_lines = if text.contains(END) { 0 } else { self.key_lines - 1 };
        }
        if is_changed {
            return Cow::Owned(clean.into_owned());
        }
        drop(clean);
        drop(searched);
        without_key.map_or(text, Cow::Owned)
    }

    /// The line without what may be one of a private key in it: a long word of base64, or, right below such a word, a
    /// short one that ends the line. `None` where there is none.
    fn without_key_lines(&mut self, text: &str) -> Option<String> {
        let (body, tail) = text.split_at(text.find(END).unwrap_or(text.len()));
        let hay = Haystack::new(body);
        let column = self.column.take();
        let (mut out, mut done, mut at) = (String::new(), 0, 0);
        while at < hay.len() {
            let start = hay.find(at, is_base64);
            let end = hay.skip(start, is_base64);
            let is_full = is_key_line(hay.bytes(start, end));
            let ends_line = end == hay.len() || hay.starts(end, "\\n") || hay.starts(end, "\\r");
            if is_full || (column == Some(start) && ends_line && end > start) {
                out.push_str(hay.text(done, start));
                out.push_str(MARK);
                out.push_str("private-key]");
                done = end;
            }
            self.column = if is_full { Some(start) } else { self.column };
            at = end.max(at + 1);
        }
        if done == 0 {
            return None;
        }
        out.push_str(hay.text_from(done));
        out.push_str(tail);
        Some(out)
    }

    /// A part of a long line, but for its end, behind what was held back of the one before.
    fn part(&mut self, text: &str) -> String {
        let mut all = std::mem::take(&mut self.held);
        if self.in_key
            && let Some(rest) = after_key(text)
        {
            all.push_str(rest);
        } else {
            all.push_str(text);
        }
        self.in_key = opens_key(&all);
        let all = self.known.take_out(&all).0;
        let (clean, held) = redact_up_to(&all, all.len().saturating_sub(MAX_TOKEN_BYTES));
        self.held = held;
        clean
    }
}

/// Whether a run of base64 is so long as one in a private key, and none of hex digits, or a name.
fn is_key_line(run: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| run.iter().any(kind);
    run.len() >= MIN_KEY_LINE_BYTES && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

/// Whether a line looks like a JSON object, perhaps behind a prefix.
fn is_object(text: &str) -> bool {
    let inner = text.trim_end().strip_suffix('}').and_then(|text| Some(text.split_once('{')?.1));
    inner.is_some_and(|inner| inner.trim_start().starts_with('"'))
}
