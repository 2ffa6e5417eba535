//! Secrets in a line that is a JSON object, replaced so that it stays one: whatever a secret covers of strings and
//! numbers is replaced, each for itself, and the brackets, quotes, colons and commas between them stay.

use super::MARK;
use super::haystack::Haystack;

/// Where a pass is in an object.
#[derive(Clone, Copy, Default)]
pub(super) struct ObjectPlace {
    at: usize,
    in_string: bool,
    is_escaped: bool,
}

impl ObjectPlace {
    /// Goes on to `to`.
    fn advance(&mut self, hay: Haystack, to: usize) {
        for byte in hay.bytes(self.at, to) {
            self.step(*byte);
        }
        self.at = self.at.max(to);
    }

    fn step(&mut self, byte: u8) {
        let is_escape = self.in_string && byte == b'\\' && !self.is_escaped;
        self.in_string ^= byte == b'"' && !self.is_escaped;
        self.is_escaped = is_escape;
    }

    /// Where the string ends that `from` lies in; where it lies in none, the end of the text.
    pub(super) fn end_of_string(&mut self, hay: Haystack, from: usize) -> usize {
        self.advance(hay, from);
        let mut end = Self { at: from, ..*self };
        while end.in_string && end.at < hay.len() {
            end.advance(hay, end.at + 1);
        }
        if end.at > from { end.at - 1 } else { hay.len() }
    }

    /// Writes what stands for the secret of that class from `start` to `end`, and gives where it has ended: no number
    /// goes on behind a comma.
    pub(super) fn replace(
        &mut self,
        hay: Haystack,
        (start, end): (usize, usize),
        class: &str,
        out: &mut String,
    ) -> usize {
        self.advance(hay, start);
        let mark = format!("{MARK}{class}]");
        let is_number = !self.in_string;
        let mut is_replaced = false;
        for (at, byte) in (start..).zip(hay.bytes(start, end)) {
            let before = *self;
            self.step(*byte);
            let is_between = !before.in_string && (byte.is_ascii_whitespace() || b"{}[]:,".contains(byte));
            if is_between && is_number && is_replaced {
                *self = before;
                break;
            }
            self.at = at + 1;
            if is_between || before.in_string != self.in_string {
                out.push(char::from(*byte));
                is_replaced = false;
            } else if !is_replaced {
                let quote = if before.in_string { "" } else { "\"" };
                out.extend([quote, &mark, quote]);
                is_replaced = true;
            }
        }
        self.at
    }
}
