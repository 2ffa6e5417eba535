//! Text on a terminal: harmless, and measured in cells. Logs hold what strangers sent, and so do the answers of servers.
//!
//! Invariant: what comes out of [`harmless`] holds no character that moves the cursor, changes the terminal's
//! state, turns the direction of writing, or hides; but for the joiners U+200C and U+200D, without which some scripts and
//! emoji fall apart. What is harmless stays as it is when it goes through again.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// Stands for a byte that is not UTF-8, from 0x80 to 0xff, while a row is text: the end of the last private plane.
const STAND_IN: u32 = 0x10_ff00;

/// What a tab becomes; its real width depends on where it stands.
const TAB: &str = "    ";

/// Asks for the wide, coloured form of the character before it. Terminals differ, so it counts as one cell more.
const EMOJI_SELECTOR: char = '\u{fe0f}';

/// The bytes as text. Those that are not UTF-8 are kept as characters that [`bytes`] knows again.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(STAND_IN + u32::from(*byte))));
    }
    Cow::Owned(out)
}

/// The bytes that [`text`] was made of.
#[must_use]
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.chars().any(|char| stood_for(char).is_some()) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for char in text.chars() {
        match stood_for(char) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// The byte that a character of [`text`] stands for.
fn stood_for(char: char) -> Option<u8> {
    u8::try_from(u32::from(char).checked_sub(STAND_IN)?).ok().filter(|byte| *byte >= 0x80)
}

/// The text with everything that a terminal would obey written out: `\x1b`, `\r`, `\u202e`. Line ends stay.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|char| char != '\n' && is_harmful(char)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        // Writing to memory cannot fail.
        let _ = match char {
            _ if stood_for(char).is_some() => write!(out, "\\x{:02x}", stood_for(char).unwrap_or_default()),
            '\n' => out.write_char('\n'),
            '\t' => out.write_str(TAB),
            '\r' => out.write_str("\\r"),
            char if !is_harmful(char) => out.write_char(char),
            char if char.is_ascii() => write!(out, "\\x{:02x}", u32::from(char)),
            char => write!(out, "\\u{:04x}", u32::from(char)),
        };
    }
    Cow::Owned(out)
}

/// Whether a terminal obeys the character instead of showing it, or shows nothing at all.
fn is_harmful(char: char) -> bool {
    char.is_control()
        || stood_for(char).is_some()
        || matches!(char,
            '\u{ad}' | '\u{34f}' // soft hyphen, grapheme joiner
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' // invisible
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' // letters that show nothing
            | '\u{1d173}'..='\u{1d17a}' // musical controls
            | '\u{2028}' | '\u{2029}' // line and paragraph separators
            | '\u{fff9}'..='\u{fffb}' // annotations
            | '\u{e0000}'..='\u{e0fff}') // tags
}

/// How many cells a character takes at most.
#[must_use]
pub fn char_width(char: char) -> usize {
    if char == EMOJI_SELECTOR { 1 } else { char.width().unwrap_or(0) }
}

/// How many cells a text takes at most, if it has no line ends.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char_width).sum() }
}

/// Where to cut so that what is before takes at most `cells`; at least one character, so that a loop that cuts
/// pieces ends.
#[must_use]
pub fn fitting(text: &str, cells: usize) -> usize {
    let mut used = 0;
    for (at, char) in text.char_indices() {
        used += char_width(char);
        if used > cells && at > 0 {
            return at;
        }
    }
    text.len()
}

/// The text if it fits, else its beginning with `mark` at the end.
#[must_use]
pub fn cut<'a>(text: &'a str, cells: usize, mark: &str) -> Cow<'a, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let room = cells.saturating_sub(width(mark));
    let end = if room == 0 { 0 } else { fitting(text, room) };
    Cow::Owned(format!("{}{mark}", text.get(..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, expected) in [
            ("plain é 世 😀 👩‍💻 e\u{301}", "plain é 世 😀 👩‍💻 e\u{301}"),
            ("two\nlines", "two\nlines"),
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("100%\rdone", "100%\\rdone"),
            ("a\tb", "a    b"),
            ("\0\u{8}\u{7f}", "\\x00\\x08\\x7f"),
            ("\u{9b}31m", "\\u009b31m"),
            ("user\u{202e}gpj.exe", "user\\u202egpj.exe"),
            ("\u{2066}x\u{2069}\u{200f}", "\\u2066x\\u2069\\u200f"),
            ("\u{feff}\u{200b}\u{ad}\u{2028}\u{e0041}", "\\ufeff\\u200b\\u00ad\\u2028\\ue0041"),
            ("\u{3164}\u{1160}", "\\u3164\\u1160"),
        ] {
            assert_eq!(harmless(text), expected, "{text:?}");
            assert_eq!(harmless(expected), expected, "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_and_kept() {
        for all in [&b"a\xff\xfeb \xc3"[..], b"\xed\xa0\x80", "né".as_bytes()] {
            assert_eq!(bytes(&text(all)), all);
        }
        assert_eq!(harmless(&text(b"a\xff\xfeb")), "a\\xff\\xfeb");
    }

    #[test]
    fn no_control_character_survives() {
        for char in '\0'..='\u{10ffff}' {
            let text = char.to_string();
            let safe = harmless(&text);
            assert!(char == '\n' || !safe.chars().any(char::is_control), "{char:?}");
        }
    }

    #[test]
    fn cells_are_counted() {
        for (text, expected) in
            [("", 0), ("abc", 3), ("世界", 4), ("e\u{301}", 1), ("😀", 2), ("é", 1), ("❤\u{fe0f}", 2)]
        {
            assert_eq!(width(text), expected, "{text:?}");
        }
    }

    #[test]
    fn cuts_leave_characters_whole() {
        assert_eq!(cut("abcdef", 6, "…"), "abcdef");
        assert_eq!(cut("abcdefg", 6, "…"), "abcde…");
        assert_eq!(cut("世界世界", 5, "…"), "世界…");
        assert_eq!(cut("世界世界", 4, "…"), "世…");
        assert_eq!(cut("abc", 1, "…"), "…");
        assert_eq!(fitting("世界", 1), 3);
    }
}
