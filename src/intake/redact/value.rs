//! The value that a secret name is given: where it begins and ends, in whatever a language, a shell or a header writes.

use super::bytes::{is_blank, is_newline, is_quote, is_space, is_url};
use super::haystack::Haystack;
use super::quotes;
use super::{Hit, MARK, is_header, token};

/// Authentication schemes, which stand before a credential.
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "digest", "negotiate", "apikey"];

/// The most bytes between a scheme and its credential, which may be the next argument in a list.
const MAX_SCHEME_GAP_BYTES: usize = 16;

/// A `Bearer` with so much behind it is no prose.
const MIN_BEARER_BYTES: usize = 16;

/// Parts of names that a prompt has whose answer stands on the next line.
const PROMPTS: [&str; 3] = ["passw", "passphrase", "passcode"];

/// Names that stand before a colon in prose as well: "invalid token: expected a name". Words longer than
/// [`MAX_WORD_BYTES`] are secrets even there.
const WEAK_NAMES: [&str; 6] = ["token", "auth", "secret", "credential", "credentials", "cookie"];
const MAX_WORD_BYTES: usize = 15;

/// Values that say that there is none.
const NONE: [&str; 11] = ["true", "false", "null", "none", "nil", "undefined", "{", "[", "{}", "[]", "***"];

/// The place behind a secret name and its separator.
pub(super) struct Slot<'a> {
    hay: Haystack<'a>,
    name: &'a str,
    /// The last byte of the separator that the name was seen by; more such bytes may follow.
    separator: usize,
    /// Behind the separator and blanks.
    after: usize,
    /// Behind opening brackets as well.
    start: usize,
    /// The end of the word that begins at `start`.
    word: usize,
    /// The end of the value if it is unquoted: that of the word, or of the line in a header.
    end: usize,
}

/// What a form makes of a slot.
enum Step {
    /// It is of another form.
    GoOn,
    /// There is no secret.
    Stop,
    /// The secret begins and ends there.
    Take(usize, usize),
}

/// The forms that a value may have, in the order in which they are tried; the last takes all that is left.
const FORMS: [fn(&Slot) -> Step; 9] =
    [answer, redacted, quoted, opened, scheme, yaml_tag, rust_type, prose, word];

/// The value of `name`, whose separator ends with the byte at `separator`. In the query of a URL it ends at the next `&`.
pub(super) fn value(hay: Haystack, name: &str, separator: usize, in_query: bool) -> Option<Hit> {
    let slot = Slot::new(hay, name, separator, in_query);
    let step = FORMS.iter().map(|form| form(&slot)).find(|step| !matches!(step, Step::GoOn))?;
    if let Step::Take(start, end) = step { secret(hay, start, end) } else { None }
}

/// A value as a secret, unless it is blank or says that there is none.
pub(super) fn secret(hay: Haystack, start: usize, end: usize) -> Option<Hit> {
    let value = hay.text(start, end);
    let bare = value.trim_end_matches([',', ')', '}', ']']);
    if bare.trim().is_empty() || NONE.iter().any(|none| bare.eq_ignore_ascii_case(none)) {
        return None;
    }
    // A shape says more than a name, if the value has nothing else.
    let shaped = token::token(hay, start).filter(|hit| hit.end >= end);
    Some(shaped.unwrap_or(Hit::new(start, end, "secret")))
}

impl<'a> Slot<'a> {
    fn new(hay: Haystack<'a>, name: &'a str, separator: usize, in_query: bool) -> Self {
        let after = hay.skip(separator + 1, |byte| is_blank(byte) || matches!(byte, b'=' | b':' | b'>'));
        let start = hay.skip(after, |byte| matches!(byte, b'[' | b'(' | b' '));
        let word = hay.find(start, |byte| is_quote(byte) || is_space(byte) || (in_query && byte == b'&'));
        let is_line = is_header(name) && hay.byte(separator) == Some(b':');
        let mut end = if is_line { hay.find(start, ends_line) } else { word };
        if end > start && hay.before(end, 1) == Some(b'\\') {
            end -= 1;
        }
        Self { hay, name, separator, after, start, word, end }
    }

    fn unquoted(&self) -> &'a str {
        self.hay.text(self.start, self.end).trim_end()
    }

    /// What follows an unquoted value at `at`: up to the next blank, newline or quote.
    fn end_of_word(&self, at: usize) -> usize {
        self.hay.find(at, |byte| is_quote(byte) || is_space(byte))
    }
}

/// The answer to a prompt for a password, alone on the next line.
fn answer(slot: &Slot) -> Step {
    let hay = slot.hay;
    if hay.byte(slot.separator) != Some(b':') || !hay.byte(slot.after).is_some_and(is_newline) {
        return Step::GoOn;
    }
    let name = slot.name.to_ascii_lowercase();
    let start = hay.skip(hay.next_line(slot.after), is_blank);
    let end = hay.find(start, is_space);
    let value = hay.bytes(start, end);
    let is_alone = hay.byte(end).is_none_or(is_newline);
    let is_list = value.starts_with(b"-") || value.starts_with(b"#") || value.contains(&b':');
    let is_answer = PROMPTS.iter().any(|part| name.contains(part)) && is_alone && !is_list;
    if is_answer && !hay.is_marked(start) { Step::Take(start, end) } else { Step::Stop }
}

fn redacted(slot: &Slot) -> Step {
    if slot.hay.is_marked(slot.after) { Step::Stop } else { Step::GoOn }
}

/// `"VALUE"`
fn quoted(slot: &Slot) -> Step {
    quotes::quoted(slot.hay, slot.start).map_or(Step::GoOn, |(start, end)| Step::Take(start, end))
}

/// `Some("VALUE")`, `b"VALUE"`
fn opened(slot: &Slot) -> Step {
    quotes::opened(slot.hay, slot.start, slot.word).map_or(Step::GoOn, |(start, end)| Step::Take(start, end))
}

/// `Bearer VALUE`: the scheme is no secret, but the next word or argument is.
fn scheme(slot: &Slot) -> Step {
    let hay = slot.hay;
    let value = slot.unquoted();
    let Some(scheme) = SCHEMES.iter().find(|scheme| value.eq_ignore_ascii_case(scheme)) else {
        return Step::GoOn;
    };
    let is_gap = |byte: u8| is_space(byte) || is_quote(byte) || matches!(byte, b',' | b'\\');
    let from = hay.skip(slot.end, is_gap);
    // An argument ends at its quote.
    let is_argument = from > slot.end && hay.before(from, 1).is_some_and(is_quote);
    let next = if is_argument { hay.find(from, ends_line) } else { slot.end_of_word(from) };
    let follows = hay.text(from, next);
    let is_short = *scheme != "bearer" || follows.len() < MIN_BEARER_BYTES;
    let is_prose = !is_header(slot.name) && is_short && is_words(follows);
    if is_prose || from > slot.end + MAX_SCHEME_GAP_BYTES || from == next || follows.starts_with(MARK) {
        return Step::Stop;
    }
    Step::Take(slot.start, if follows.ends_with('\\') { next - 1 } else { next })
}

/// A tag of YAML: `!secret VALUE`.
fn yaml_tag(slot: &Slot) -> Step {
    let value = slot.unquoted();
    let is_apart = slot.start > slot.separator + 1;
    let is_tag = |tag: &str| tag.bytes().all(|byte| byte == b'!' || is_url(byte));
    if !is_apart || !value.strip_prefix('!').is_some_and(is_tag) {
        return Step::GoOn;
    }
    let from = slot.hay.skip(slot.end, |byte| byte == b' ' || is_quote(byte));
    Step::Take(slot.start, slot.end_of_word(from))
}

/// A type of Rust: `token: &str,`.
fn rust_type(slot: &Slot) -> Step {
    let value = slot.unquoted();
    if value.starts_with("&str") && value.len() < 8 { Step::Stop } else { Step::GoOn }
}

/// "invalid token: expected a name".
fn prose(slot: &Slot) -> Step {
    let value = slot.unquoted();
    let is_weak = WEAK_NAMES.iter().any(|name| slot.name.eq_ignore_ascii_case(name));
    let is_apart = slot.start > slot.separator + 1;
    let goes_on = slot.hay.byte(slot.end) == Some(b' ')
        && slot.hay.byte(slot.end + 1).is_some_and(|byte| byte.is_ascii_alphabetic());
    let is_prose = is_weak && is_apart && value.len() <= MAX_WORD_BYTES && is_words(value) && goes_on;
    if is_prose { Step::Stop } else { Step::GoOn }
}

fn word(slot: &Slot) -> Step {
    Step::Take(slot.start, if slot.end == slot.word { quotes::joined(slot.hay, slot.end) } else { slot.end })
}

fn ends_line(byte: u8) -> bool {
    is_quote(byte) || is_newline(byte)
}

/// Whether that is letters and punctuation only.
fn is_words(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic() || b".,!?".contains(&byte))
}
