//! Texts that were cut: what must go where the cut may have left half of a secret.

use super::bytes::is_base64;
use crate::record::floor_char_boundary;

/// No token is longer than this, in bytes, except those that are known by how they begin.
pub(super) const MAX_TOKEN_BYTES: usize = 4096;

/// The most bytes in a line of a private key (PEM has 64, some tools write 76), and the least in all but the last.
const MAX_KEY_LINE_BYTES: usize = 76;
const MIN_KEY_LINE_BYTES: usize = 40;

/// A text that was cut at its end, without its last word, which may be half of a secret.
#[must_use]
pub fn before_cut(text: &str) -> &str {
    let blank = text.rfind(char::is_whitespace).unwrap_or(0);
    let end = floor_char_boundary(text, text.len().saturating_sub(MAX_TOKEN_BYTES)).max(blank);
    text.get(..end).unwrap_or_default()
}

/// A text that was cut at its beginning, without the lines of a private key there, and whether there were any. A key
/// without its first line is known by at least two lines of base64 that are not the hex digits of a hash.
#[must_use]
pub fn after_cut(text: &str) -> (&str, bool) {
    let mut end = 0;
    let mut count = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let is_full = bare.len() >= MIN_KEY_LINE_BYTES && !bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_key_line(bare) || !(is_full || count >= 2) {
            break;
        }
        count += 1;
        end += line.len();
        // Only the last line is shorter.
        if !is_full {
            break;
        }
    }
    if count >= 2 { (text.get(end..).unwrap_or_default(), true) } else { (text, false) }
}

fn is_key_line(line: &str) -> bool {
    !line.is_empty() && line.len() <= MAX_KEY_LINE_BYTES && line.bytes().all(is_base64)
}
