//! A line of `key=value` words, as fields. Values may be quoted, with the escapes of JSON and Go.
//!
//! Words without a `=` are the message where no field is; beside a message they are flags, `true`.

use memchr::memchr2;

use crate::record::{FieldBuffer, json_string};

use super::names::{OF_LOGFMT, Role, role};

/// Whether the line is beyond doubt of that kind: every word is a pair, there are two at least, and one has a name that
/// loggers use.
#[must_use]
pub fn is_certain(text: &str) -> bool {
    // Most lines are told apart by their first word.
    let bytes = text.as_bytes();
    if memchr2(b'=', b' ', bytes).is_none_or(|at| bytes.get(at) != Some(&b'=')) {
        return false;
    }
    let (mut count, mut is_known) = (0, false);
    for word in LogfmtWords(text) {
        let LogfmtWord::Pair { name, closed: true, .. } = word else { return false };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/@".contains(&byte);
        if !name.bytes().all(is_name) {
            return false;
        }
        count += 1;
        is_known |= OF_LOGFMT.contains(&name);
    }
    count >= 2 && is_known
}

/// Adds the words of the line to `fields`; `false` if none is a field.
#[must_use]
pub fn read(text: &str, fields: &mut FieldBuffer) -> bool {
    let mut words: Vec<&str> = Vec::new();
    for word in LogfmtWords(text) {
        match word {
            LogfmtWord::Pair { name, plain, quoted, .. } => {
                let value =
                    quoted.map_or_else(|| plain.to_owned(), |quoted| plain.to_owned() + &unescape(quoted));
                fields.push("", name, &json_string(&value));
            }
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
        // A word ends at white space, or before the quote that its value begins with.
        let mut last = ' ';
        let end = rest.find(|char: char| {
            let ends = char.is_whitespace() || (char == '"' && last == '=');
            last = char;
            ends
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
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

/// Where the quote that was opened before `text` is closed.
pub fn closing_quote(text: &str, quote: u8) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == quote && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Go's escapes are JSON's and a few more; what is neither stays as it is.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}
