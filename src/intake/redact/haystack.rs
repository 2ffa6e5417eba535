//! The text that is searched, read by byte. Positions are byte offsets; beyond the end there is nothing, never a panic.

use super::MARK;
use super::bytes::is_url;

/// A text that is searched for secrets.
#[derive(Clone, Copy)]
pub(super) struct Haystack<'a>(&'a str);

impl<'a> Haystack<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn byte(self, at: usize) -> Option<u8> {
        self.0.as_bytes().get(at).copied()
    }

    /// The byte that is `back` bytes before `at`.
    pub(super) fn before(self, at: usize, back: usize) -> Option<u8> {
        self.byte(at.checked_sub(back)?)
    }

    /// The text from `start` to `end`; empty where that is no text.
    pub(super) fn text(self, start: usize, end: usize) -> &'a str {
        self.0.get(start..end).unwrap_or_default()
    }

    pub(super) fn text_from(self, start: usize) -> &'a str {
        self.0.get(start..).unwrap_or_default()
    }

    /// The text before `end`, of at most so many bytes and whole characters.
    pub(super) fn text_before(self, end: usize, most: usize) -> &'a str {
        let from = (end.saturating_sub(most)..=end).find(|at| self.0.is_char_boundary(*at)).unwrap_or(end);
        self.text(from, end)
    }

    /// The bytes from `start` to `end`, or to the end of the text.
    pub(super) fn bytes(self, start: usize, end: usize) -> &'a [u8] {
        self.0.as_bytes().get(start..end.min(self.len())).unwrap_or_default()
    }

    pub(super) fn rest(self, at: usize) -> &'a [u8] {
        self.0.as_bytes().get(at..).unwrap_or_default()
    }

    pub(super) fn starts(self, at: usize, with: &str) -> bool {
        self.rest(at).starts_with(with.as_bytes())
    }

    /// Whether something was redacted there already.
    pub(super) fn is_marked(self, at: usize) -> bool {
        self.starts(at, MARK)
    }

    /// Where the run of such bytes that begins at `at` ends.
    pub(super) fn skip(self, at: usize, class: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest(at);
        at + rest.iter().position(|byte| !class(*byte)).unwrap_or(rest.len())
    }

    /// The first of such bytes at `at` or behind, or the end of the text.
    pub(super) fn find(self, at: usize, class: impl Fn(u8) -> bool) -> usize {
        self.skip(at, |byte| !class(byte))
    }

    /// Behind the newline at `at`, which may be two bytes.
    pub(super) fn next_line(self, at: usize) -> usize {
        at + if self.starts(at, "\r\n") { 2 } else { 1 }
    }

    /// Whether a word may begin at `at`. Words also begin behind `\n` as JSON spells it, behind `%3D`, and behind a colour
    /// that is spelt out as in `\e[1;31m`.
    pub(super) fn begins_word(self, at: usize) -> bool {
        let Some(last) = self.before(at, 1).filter(|byte| is_url(*byte)) else { return true };
        (matches!(last, b'n' | b'r' | b't') && self.before(at, 2) == Some(b'\\'))
            || (self.before(at, 3) == Some(b'%') && last.is_ascii_hexdigit())
            || (last == b'm' && self.ends_colour(at - 1))
    }

    /// Whether the `m` at `at` ends a colour whose escape character is spelt out.
    fn ends_colour(self, at: usize) -> bool {
        let window = self.bytes(at.saturating_sub(20), at);
        let mut before = window.iter().rev().skip_while(|byte| byte.is_ascii_digit() || **byte == b';');
        before.next() == Some(&b'[')
    }
}
