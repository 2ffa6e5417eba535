//! Quoted texts: where they end, with backslashes before their quotes in JSON within JSON, and what opens one.

use super::bytes::{is_alphanumeric, is_newline, is_quote, is_space};
use super::haystack::Haystack;

/// How far a quote that goes on behind another is looked for; it may be none.
const MAX_LOOK_BYTES: usize = 256;

/// What may stand right before a quote and belong to it: string prefixes of Python, Rust and C.
const PREFIXES: [&str; 8] = ["b", "r", "u", "f", "l", "br", "rb", "u8"];

/// Where a quoted text begins and ends, if a quote stands at `at`, perhaps with backslashes before it.
pub(super) fn quoted(hay: Haystack, at: usize) -> Option<(usize, usize)> {
    let quote_at = hay.skip(at, |byte| byte == b'\\');
    let quote = hay.byte(quote_at).filter(|byte| is_quote(*byte))?;
    let (start, backslashes) = (quote_at + 1, quote_at - at);
    if hay.is_marked(start) {
        return Some((start, start));
    }
    let end = closing(hay, start, quote, backslashes);
    Some((start, if backslashes == 0 { joined(hay, end) } else { end }))
}

/// The quoted text behind `Some(`, `b`, `$` or `string(10) `, where the word from `start` to `end` is such an opening.
pub(super) fn opened(hay: Haystack, start: usize, end: usize) -> Option<(usize, usize)> {
    let word = hay.text(start, end).trim_end_matches('\\');
    let mut at = start + word.len();
    if word.ends_with(')') && (word.starts_with("string(") || word.starts_with("str(")) {
        at = hay.skip(at, |byte| byte == b' ');
    } else if !word.ends_with(['(', '[', '{', '&', '$', '@', '!'])
        && !PREFIXES.iter().any(|prefix| word.eq_ignore_ascii_case(prefix))
    {
        return None;
    }
    let quote_at = hay.skip(at, |byte| byte == b'\\');
    let follows = hay.byte(quote_at).filter(|byte| is_quote(*byte)).and_then(|_| hay.byte(quote_at + 1))?;
    // The quote may as well close a text that ends with such a word.
    if is_space(follows) || b",:]})".contains(&follows) {
        return None;
    }
    quoted(hay, at)
}

/// Where a value ends that goes on behind the quote at `end`, as a shell's words do: `'hunter'"2"`.
pub(super) fn joined(hay: Haystack, mut end: usize) -> usize {
    loop {
        let Some(quote) = hay.byte(end).filter(|byte| is_quote(*byte)) else { return end };
        let from = match hay.byte(end + 1) {
            // Another quote opens behind the one that closes.
            Some(next) if is_quote(next) && next != quote => end + 2,
            _ => end + 1,
        };
        if !hay.byte(from).is_some_and(is_alphanumeric) {
            return end;
        }
        let window = hay.bytes(from, from + MAX_LOOK_BYTES);
        let stop = window.iter().position(|byte| is_quote(*byte) || is_newline(*byte));
        match stop.map(|stop| from + stop) {
            Some(stop) if hay.byte(stop).is_some_and(is_quote) => end = stop,
            _ => return hay.find(from, |byte| is_space(byte) || is_quote(byte)),
        }
    }
}

/// Where the quoted text that begins at `at` ends. Its quotes have so many backslashes before them; quotes within it have
/// more.
fn closing(hay: Haystack, at: usize, quote: u8, backslashes: usize) -> usize {
    let mut run = 0;
    let end = hay.rest(at).iter().position(|&byte| {
        let ends = byte == quote && (run <= backslashes || (backslashes == 0 && run % 2 == 0));
        if !ends {
            run = if byte == b'\\' { run + 1 } else { 0 };
        }
        ends
    });
    end.map_or(hay.len(), |end| at + end - run.min(backslashes))
}
