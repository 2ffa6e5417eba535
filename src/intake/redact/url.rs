//! Credentials in URLs: `scheme://user:password@host`.

use super::bytes::{is_quote, is_space};
use super::haystack::Haystack;
use super::value::is_password;
use super::{Hit, MARK};

/// How far behind the authority the `@` is looked for where a password has a `/`, `?` or `#` that ought to be escaped.
const MAX_PASSWORD_BYTES: usize = 256;

/// `user:password` before the `@` of the authority that begins at `start`.
pub(super) fn userinfo(hay: Haystack, start: usize) -> Option<Hit> {
    let end = hay.find(start, |byte| ends_url(byte) || b"/?#".contains(&byte));
    let authority = hay.bytes(start, end);
    let colon = authority.iter().position(|byte| *byte == b':')?;
    let at = last_at(authority).or_else(|| {
        let after = authority.get(colon + 1..)?;
        let is_port = authority.starts_with(b"[") || after.iter().all(u8::is_ascii_digit);
        let window = hay.bytes(start, end + MAX_PASSWORD_BYTES);
        let length = window.iter().position(|byte| ends_url(*byte)).unwrap_or(window.len());
        if is_port { None } else { last_at(window.get(..length)?) }
    })?;
    let is_marked = authority.starts_with(MARK.as_bytes());
    let is_secret = colon + 1 < at && is_password(hay.text(start + colon + 1, start + at));
    (!is_marked && is_secret).then_some(Hit::new(start, start + at, "url-credentials"))
}

fn ends_url(byte: u8) -> bool {
    is_space(byte) || is_quote(byte) || matches!(byte, b'<' | b'>' | b'\\')
}

fn last_at(text: &[u8]) -> Option<usize> {
    text.iter().rposition(|byte| *byte == b'@')
}
