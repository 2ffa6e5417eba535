//! A line of `key=value` words, as fields. Values may be quoted, with the escapes of JSON and Go.
//!
//! Words without a `=` are the message where no field is; beside a message they are flags, `true`.

use crate::record::{FieldBuffer, json_string};

use super::{Role, role};

/// Adds the words of the line to `fields`; `false` if none is a field.
#[must_use]
pub fn read(text: &str, fields: &mut FieldBuffer) -> bool {
    let mut words: Vec<&str> = Vec::new();
    let mut has_message = false;
    let mut found = false;
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        // A word ends at white space, or before the quote that its value begins with.
        let mut last = ' ';
        let end = rest.find(|char: char| {
            let ends = char.is_whitespace() || (char == '"' && last == '=');
            last = char;
            ends
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.trim_start();
        let Some((key, value)) =
            word.split_once('=').filter(|(key, _)| !key.is_empty() && !key.contains('"'))
        else {
            words.push(word);
            continue;
        };
        found = true;
        let mut value = value.to_owned();
        if let Some(quoted) = after.strip_prefix('"') {
            let (inside, after) = quoted.split_at(closing_quote(quoted).unwrap_or(quoted.len()));
            value.push_str(&unescape(inside));
            rest = after.get(1..).unwrap_or_default().trim_start();
        }
        has_message |= matches!(role(key), Some(Role::Message(_))) && !value.is_empty();
        fields.push("", key, &json_string(&value));
    }
    if found && !words.is_empty() {
        if has_message {
            for word in words {
                if fields.iter().all(|(name, _)| name != word) {
                    fields.push("", word, "true");
                }
            }
        } else {
            fields.push("", "_msg", &json_string(&words.join(" ")));
        }
    }
    found
}

/// Where the quote that was opened before `text` is closed.
pub fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
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
