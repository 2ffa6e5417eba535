//! Escapes that hide where a word begins: JSON's `\u00xx` for plain characters.

use std::borrow::Cow;

use memchr::memchr;

/// How an escape of a character below 256 begins.
const ESCAPE: &str = "\\u00";

/// The text with escapes such as `\u003d` read, unless what they stand for must be escaped in JSON.
pub(super) fn without_escapes(text: &str) -> Cow<'_, str> {
    // Most texts have no backslash, which is cheaper to see.
    if memchr(b'\\', text.as_bytes()).is_none() || !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ESCAPE) {
        let (before, escape) = rest.split_at(at);
        let code = escape.get(4..6).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let plain = code.filter(|byte| matches!(byte, 0x1b | 0x20..0x7f) && !matches!(byte, b'"' | b'\\'));
        // JSON within JSON has more backslashes.
        out.push_str(if plain.is_some() { before.trim_end_matches('\\') } else { before });
        let length = if let Some(byte) = plain {
            out.push(char::from(byte));
            ESCAPE.len() + 2
        } else {
            out.push_str(ESCAPE);
            ESCAPE.len()
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}
