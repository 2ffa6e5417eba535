//! A secret that was known by its name is one without it as well: `token=VALUE ... VALUE`.

use super::MARK;
use super::haystack::Haystack;

/// So many of a text are looked for, which keeps the time linear.
const MAX_VALUES: usize = 8;

/// Shorter ones are found by chance, longer ones are blocks of text. In bytes.
const MIN_VALUE_BYTES: usize = 12;
const MAX_VALUE_BYTES: usize = 256;

/// Keeps a secret that was known by its name, if it is one word with letters and digits.
pub(super) fn remember(
    values: &mut Vec<(usize, usize)>,
    hay: Haystack,
    (start, end): (usize, usize),
    class: &str,
) {
    let value = hay.bytes(start, end);
    let is_sized = (MIN_VALUE_BYTES..=MAX_VALUE_BYTES).contains(&value.len());
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let is_word = is_sized
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !has(u8::is_ascii_whitespace)
        && !value.starts_with(b"/");
    if class == "secret" && is_word && values.len() < MAX_VALUES {
        values.push((start, end));
    }
}

/// The text, of which secrets were taken out, without those that stand in it again; and how many those were.
pub(super) fn take_out(mut out: String, hay: Haystack, values: &[(usize, usize)]) -> (String, usize) {
    let mut count = 0;
    for (start, end) in values {
        let value = hay.text(*start, *end);
        let found = out.matches(value).count();
        if found > 0 {
            out = out.replace(value, &format!("{MARK}secret]"));
            count += found;
        }
    }
    (out, count)
}
