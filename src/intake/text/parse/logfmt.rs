//! A line of `key=value` words, as fields. Values may be quoted, with the escapes of JSON and Go.
//!
//! Words without a `=` are the message where no field is; beside a message they are flags, `true`.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::record::{FieldBuffer, json_string};

use super::names::{OF_LOGFMT, Role, role};

/// Adds the words of a line that is beyond doubt of that kind: every word is a pair, there are two at least, and one has a
/// name that loggers use. `false` if it is not; then nothing is added to `fields`, which must be empty.
#[must_use]
pub fn read_certain(text: &str, fields: &mut FieldBuffer) -> bool {
    // Most lines are told apart by their first word.
    let bytes = text.as_bytes();
    if memchr2(b'=', b' ', bytes).is_none_or(|at| bytes.get(at) != Some(&b'=')) {
        return false;
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/' | b'@');
    let mut is_known = false;
    let mut adds = |word| match word {
        LogfmtWord::Pair { name, plain, quoted, closed: true } if name.bytes().all(is_name) => {
            is_known = is_known || OF_LOGFMT.contains(&name);
            push_pair(name, plain, quoted, fields);
            true
        }
        _ => false,
    };
    let is_certain = LogfmtWords(text).all(&mut adds) && is_known && fields.len() >= 2;
    if !is_certain {
        fields.clear();
    }
    is_certain
}

/// Adds the words of the line to `fields`; `false` if none is a field.
#[must_use]
pub fn read(text: &str, fields: &mut FieldBuffer) -> bool {
    let mut words: Vec<&str> = Vec::new();
    for word in LogfmtWords(text) {
        match word {
            LogfmtWord::Pair { name, plain, quoted, .. } => push_pair(name, plain, quoted, fields),
            LogfmtWord::Plain(word) => words.push(word),
        }
    }
    if fields.len() == 0 {
        return false;
    }
    if words.is_empty() {
        return true;
    }
    let is_message = |(name, value): (&str, &str)| {
        matches!(role(name), Some((_, Role::Message | Role::Text))) && value != "\"\""
    };
    if fields.iter().any(is_message) {
        for word in words {
            if fields.iter().all(|(name, _)| name != word) {
                fields.push("", word, "true");
            }
        }
    } else {
        fields.push("", "_msg", &json_string(&words.join(" ")));
    }
    true
}

/// Adds a word that is a pair.
fn push_pair(name: &str, plain: &str, quoted: Option<&str>, fields: &mut FieldBuffer) {
    match (plain, quoted.map(unescape)) {
        (plain, None) => fields.push_text(name, plain),
        ("", Some(quoted)) => fields.push_text(name, &quoted),
        (plain, Some(quoted)) => fields.push_text(name, &format!("{plain}{quoted}")),
    }
}

/// A word of the line.
enum LogfmtWord<'a> {
    /// `name=value`: what of the value stands before a quote, what is in quotes, and whether these are closed.
    Pair { name: &'a str, plain: &'a str, quoted: Option<&'a str>, closed: bool },
    /// One without a `=`.
    Plain(&'a str),
}

/// The words of the rest of a line.
struct LogfmtWords<'a>(&'a str);

impl<'a> Iterator for LogfmtWords<'a> {
    type Item = LogfmtWord<'a>;

    fn next(&mut self) -> Option<LogfmtWord<'a>> {
        let rest = self.0.trim_start();
        if rest.is_empty() {
            return None;
        }
        let (word, after) = rest.split_at(word_end(rest));
        self.0 = after;
        let Some((name, plain)) =
            word.split_once('=').filter(|(name, _)| !name.is_empty() && !name.contains('"'))
        else {
            return Some(LogfmtWord::Plain(word));
        };
        if let Some(inside) = after.strip_prefix('"') {
            let end = closing_quote(inside, b'"');
            let (quoted, after) = inside.split_at(end.unwrap_or(inside.len()));
            self.0 = after.get(1..).unwrap_or_default();
            return Some(LogfmtWord::Pair { name, plain, quoted: Some(quoted), closed: end.is_some() });
        }
        // Single quotes may also be part of a value, so that they must enclose it.
        let single = rest.get(name.len() + 1..).and_then(|value| value.strip_prefix('\''));
        if let Some((inside, end)) = single.and_then(|inside| Some((inside, closing_quote(inside, b'\'')?))) {
            let (quoted, after) = inside.split_at(end);
            let after = after.get(1..).unwrap_or_default();
            if after.is_empty() || after.starts_with(char::is_whitespace) {
                self.0 = after;
                return Some(LogfmtWord::Pair { name, plain: "", quoted: Some(quoted), closed: true });
            }
        }
        Some(LogfmtWord::Pair { name, plain, quoted: None, closed: true })
    }
}

/// Where the word ends with which `text` begins: at white space, or before the quote that its value begins with.
fn word_end(text: &str) -> usize {
    let mut last = b' ';
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        match byte {
            b'\t'..=b'\r' | b' ' => return at,
            b'"' if last == b'=' => return at,
            // There is white space beyond ASCII.
            0x80.. if is_space_at(text, at) => return at,
            _ => last = byte,
        }
    }
    text.len()
}

fn is_space_at(text: &str, at: usize) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

/// Where the quote that was opened before `text` is closed.
pub fn closing_quote(text: &str, quote: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr2(quote, b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes().get(at) == Some(&quote) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Go's escapes are JSON's and a few more; what is neither stays as it is.
fn unescape(text: &str) -> Cow<'_, str> {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    serde_json::from_str(&format!("\"{text}\"")).map_or(Cow::Borrowed(text), Cow::Owned)
}
