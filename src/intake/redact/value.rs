//! The value that a secret name is given: where it begins and ends, in whatever a language, a shell or a header writes.

use super::bytes::{is_blank, is_dotted, is_newline, is_quote, is_space, is_url};
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
const NONE: [&str; 14] =
    ["true", "false", "null", "none", "nil", "undefined", "{", "[", "{}", "[]", "***", "...", "|", ">"];

/// Types in programming languages.
pub(super) const TYPES: [&str; 18] = [
    "string", "String", "str", "bool", "boolean", "number", "int", "any", "object", "bytes", "Buffer", "u8",
    "u32", "u64", "usize", "i32", "Self", "unknown",
];

/// What stands before a dot where the value is a property, and the secret elsewhere.
const ROOTS: [&str; 20] = [
    "self", "this", "process", "env", "os", "args", "config", "cfg", "ctx", "req", "request", "response",
    "res", "options", "opts", "params", "props", "settings", "state", "user",
];

/// The most bytes of a value that is looked at and found to be no secret.
pub(super) const MAX_REJECTED_BYTES: usize = 256;

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
enum SlotStep {
    /// It is of another form.
    GoOn,
    /// There is no secret.
    Stop,
    /// The secret begins and ends there.
    Take(usize, usize),
}

/// The forms that a value may have, in the order in which they are tried; the last takes all that is left.
const FORMS: [fn(&Slot) -> SlotStep; 12] =
    [block, answer, redacted, path, quoted, opened, scheme, yaml_tag, typed, expression, prose, word];

/// The value of `name`, whose separator ends with the byte at `separator`. In the query of a URL it ends at the next `&`.
pub(super) fn value(hay: Haystack, name: &str, separator: usize, in_query: bool) -> Option<Hit> {
    let slot = Slot::new(hay, name, separator, in_query);
    for form in FORMS {
        match form(&slot) {
            SlotStep::Take(start, end) => return secret(hay, start, end),
            // A long word is not looked at twice, so that the pass takes linear time.
            SlotStep::Stop if slot.word <= slot.start + MAX_REJECTED_BYTES => return None,
            SlotStep::Stop | SlotStep::GoOn => {}
        }
    }
    None
}

/// A value as a secret, unless it is blank or says that there is none.
pub(super) fn secret(hay: Haystack, start: usize, end: usize) -> Option<Hit> {
    let value = hay.text(start, end);
    // `Bearer $TOKEN`
    let credential = value
        .split_once(' ')
        .filter(|(first, _)| SCHEMES.iter().any(|known| first.eq_ignore_ascii_case(known)));
    let credential = credential.map_or(value, |(_, rest)| rest.trim());
    let bare = value.trim_end_matches([',', ')', '}', ']', ';', '"', ' ']);
    if bare.is_empty()
        || NONE.iter().chain(&SCHEMES).any(|none| bare.eq_ignore_ascii_case(none))
        || is_reference(credential)
        || is_placeholder(credential)
    {
        return None;
    }
    // A shape says more than a name, if the value has nothing else.
    let shaped = token::token(hay, start).filter(|hit| hit.end >= end);
    Some(shaped.unwrap_or(Hit::new(start, end, "secret")))
}

/// Whether a value is the name of what holds the secret, or a place for it: `$PASSWORD`, `${{ secrets.TOKEN }}`, `<token>`,
/// `%s`.
pub(super) fn is_reference(value: &str) -> bool {
    if value.len() > MAX_REJECTED_BYTES {
        return false;
    }
    let bare = value.trim_matches([',', ';', ' ', ')']);
    let within = |open: &str, close: &str| bare.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let is_name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_words = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic() || b" _-".contains(&byte));
    let is_constant = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        text.contains('_') && is_name(text) && digits < 3 && digits * 8 < text.len()
    };
    bare.strip_prefix('$').is_some_and(is_name)
        || within("${", "}").is_some_and(|name| name.bytes().all(is_dotted))
        || bare.starts_with("${{")
        || bare.starts_with("{{")
        || bare.starts_with("$(")
        || is_constant(bare)
        || [("{", "}"), ("[", "]")].iter().any(|(open, close)| within(open, close).is_some_and(is_words))
        || (bare.len() == 2 && bare.starts_with('$'))
        || within("#{", "}").is_some_and(|name| name.bytes().all(is_dotted))
        || within("<", ">").is_some_and(is_words)
        || within("%", "%").is_some_and(is_name)
        || (bare.len() == 2 && bare.starts_with('%'))
}

/// Whether the password of a pair is one: no reference to it, and no example that says `user:password`.
pub(super) fn is_password(password: &str) -> bool {
    let is_example = password.is_empty()
        || ["password", "pass", "token"].iter().any(|word| password.eq_ignore_ascii_case(word));
    !is_example && !is_reference(password) && !is_placeholder(password)
}

/// So many of one character at the end of a value tell that it is a placeholder, unless they are digits.
const MIN_FILLER_BYTES: usize = 16;

/// What words say that stand in a secret's place.
const FILLERS: [&str; 5] = ["_here", "-here", "placeholder", "your_", "insert_"];

/// Whether a value only shows where one goes, or how long it is: `xxxx-xxxx`, `****`, `insert_key_here`.
pub(super) fn is_placeholder(value: &str) -> bool {
    if value.len() > MAX_REJECTED_BYTES {
        return false;
    }
    let mut rest =
        value.bytes().rev().filter(|byte| !b"-_. ".contains(byte)).map(|byte| byte.to_ascii_lowercase());
    let Some(last) = rest.next() else { return false };
    let same = 1 + rest.by_ref().take_while(|byte| *byte == last).count();
    let is_whole = rest.next().is_none();
    let is_filler = |filler: &&str| value.to_ascii_lowercase().contains(*filler);
    same >= MIN_FILLER_BYTES
        || (is_whole && matches!(last, b'x' | b'*'))
        || (is_words(&value.replace(['_', '-'], "")) && FILLERS.iter().any(is_filler))
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
fn answer(slot: &Slot) -> SlotStep {
    let hay = slot.hay;
    if hay.byte(slot.separator) != Some(b':') || !hay.byte(slot.after).is_some_and(is_newline) {
        return SlotStep::GoOn;
    }
    let name = slot.name.to_ascii_lowercase();
    let start = hay.skip(hay.next_line(slot.after), is_blank);
    let end = hay.find(start, is_space);
    let value = hay.bytes(start, end);
    let is_alone = hay.byte(end).is_none_or(is_newline);
    let is_list = value.starts_with(b"-") || value.starts_with(b"#") || value.contains(&b':');
    let is_answer = PROMPTS.iter().any(|part| name.contains(part)) && is_alone && !is_list;
    if is_answer && !hay.is_marked(start) { SlotStep::Take(start, end) } else { SlotStep::Stop }
}

fn redacted(slot: &Slot) -> SlotStep {
    if slot.hay.is_marked(slot.after) || (slot.start > slot.after && slot.hay.is_marked(slot.start - 1)) {
        SlotStep::Stop
    } else {
        SlotStep::GoOn
    }
}

/// `"VALUE"`
fn quoted(slot: &Slot) -> SlotStep {
    quotes::quoted(slot.hay, slot.start).map_or(SlotStep::GoOn, |(start, end)| SlotStep::Take(start, end))
}

/// `Some("VALUE")`, `b"VALUE"`
fn opened(slot: &Slot) -> SlotStep {
    quotes::opened(slot.hay, slot.start, slot.word)
        .map_or(SlotStep::GoOn, |(start, end)| SlotStep::Take(start, end))
}

/// `Bearer VALUE`: the scheme is no secret, but the next word or argument is.
fn scheme(slot: &Slot) -> SlotStep {
    let hay = slot.hay;
    let value = slot.unquoted();
    let Some(scheme) = SCHEMES.iter().find(|scheme| value.eq_ignore_ascii_case(scheme)) else {
        return SlotStep::GoOn;
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
        return SlotStep::Stop;
    }
    SlotStep::Take(slot.start, if follows.ends_with('\\') { next - 1 } else { next })
}

/// A tag of YAML: `!secret VALUE`.
fn yaml_tag(slot: &Slot) -> SlotStep {
    let value = slot.unquoted();
    let is_apart = slot.start > slot.separator + 1;
    let is_tag = |tag: &str| tag.bytes().all(|byte| byte == b'!' || is_url(byte));
    if !is_apart || !value.strip_prefix('!').is_some_and(is_tag) {
        return SlotStep::GoOn;
    }
    let from = slot.hay.skip(slot.end, |byte| byte == b' ' || is_quote(byte));
    SlotStep::Take(slot.start, slot.end_of_word(from))
}

/// What comes after a type: `token: string = "VALUE"`. A type alone is no secret.
fn typed(slot: &Slot) -> SlotStep {
    let (hay, value) = (slot.hay, slot.unquoted());
    let bare = value.trim_end_matches([',', ';', ')', '?', '{']);
    if hay.byte(slot.separator) != Some(b':') || slot.start == slot.separator + 1 {
        return SlotStep::GoOn;
    }
    let is_type = value.starts_with(['&', '*']) && value.len() < 8
        || TYPES.contains(&bare)
        || (value.contains('<') && bare.ends_with('>'));
    let equals = hay.skip(slot.word, is_blank);
    let is_followed = hay.byte(equals) == Some(b'=')
        && equals > slot.word
        && !hay.byte(equals + 1).is_some_and(|byte| matches!(byte, b'=' | b'>'));
    if is_followed && (is_type || !value.bytes().any(|byte| byte.is_ascii_digit())) {
        return match self::value(hay, slot.name, equals, false) {
            Some(hit) => SlotStep::Take(hit.start, hit.end),
            None => SlotStep::Stop,
        };
    }
    if is_type { SlotStep::Stop } else { SlotStep::GoOn }
}

/// A path of Rust or C++: `Token::Name`.
fn path(slot: &Slot) -> SlotStep {
    let (hay, at) = (slot.hay, slot.separator);
    let next = if hay.before(at, 1) == Some(b':') { at + 1 } else { at + 2 };
    let is_path = hay.starts(next.saturating_sub(2), "::")
        && hay.byte(next).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'<');
    if is_path { SlotStep::Stop } else { SlotStep::GoOn }
}

/// An expression of a programming language: `token = next_token()`, `secret: process.env.SECRET`, `AUTH = 80`.
fn expression(slot: &Slot) -> SlotStep {
    let value = slot.unquoted();
    let is_apart = slot.start > slot.separator + 1;
    let name_end = value.find(|char: char| !(char.is_ascii_alphanumeric() || "_.:".contains(char)));
    let is_call = name_end
        .is_some_and(|end| end > 1 && value.get(end..).is_some_and(|rest| rest.starts_with(['(', '['])));
    let root = value.split_once('.').map(|(root, _)| root);
    let is_number =
        value.len() < 6 && value.trim_end_matches([';', ',']).bytes().all(|byte| byte.is_ascii_digit());
    let is_prompt = PROMPTS.iter().any(|part| slot.name.to_ascii_lowercase().contains(part));
    let is_expression = (is_apart && is_call)
        || root.is_some_and(|root| ROOTS.contains(&root))
        || (is_apart && is_number && !is_prompt);
    if is_expression { SlotStep::Stop } else { SlotStep::GoOn }
}

/// A block of YAML: `password: |`, and the value on the lines below, which are indented.
fn block(slot: &Slot) -> SlotStep {
    let hay = slot.hay;
    let mark = hay.skip(slot.separator + 1, is_blank);
    let line = hay.skip(mark, |byte| matches!(byte, b'|' | b'>' | b'-' | b'+') || byte.is_ascii_digit());
    let is_block = matches!(hay.byte(mark), Some(b'|' | b'>')) && hay.byte(line).is_some_and(is_newline);
    if !is_block {
        return SlotStep::GoOn;
    }
    let start = hay.next_line(line);
    let end = indented(hay, start);
    let first = hay.skip(start, is_blank);
    if end > first && !hay.is_marked(first) { SlotStep::Take(first, end) } else { SlotStep::Stop }
}

/// The most bytes of an indented block, but for its last line.
const MAX_BLOCK_BYTES: usize = 16 * 1024;

/// Where the lines end that are indented as the one that begins at `start`, or more; `start` if that is not.
pub(super) fn indented(hay: Haystack, start: usize) -> usize {
    let indent = hay.skip(start, |byte| byte == b' ') - start;
    let (mut at, mut end) = (start, start);
    while indent > 0 && at < start + MAX_BLOCK_BYTES && hay.skip(at, |byte| byte == b' ') >= at + indent {
        end = hay.find(at, is_newline);
        at = hay.next_line(end).min(hay.len());
    }
    end
}

/// "invalid token: expected a name".
fn prose(slot: &Slot) -> SlotStep {
    let value = slot.unquoted();
    let is_weak = WEAK_NAMES.iter().any(|name| slot.name.eq_ignore_ascii_case(name));
    let is_apart = slot.start > slot.separator + 1;
    let goes_on = slot.hay.byte(slot.end) == Some(b' ')
        && slot.hay.byte(slot.end + 1).is_some_and(|byte| byte.is_ascii_alphabetic());
    let is_prose = is_weak && is_apart && value.len() <= MAX_WORD_BYTES && is_words(value) && goes_on;
    if is_prose { SlotStep::Stop } else { SlotStep::GoOn }
}

fn word(slot: &Slot) -> SlotStep {
    SlotStep::Take(
        slot.start,
        if slot.end == slot.word { quotes::joined(slot.hay, slot.end) } else { slot.end },
    )
}

fn ends_line(byte: u8) -> bool {
    is_quote(byte) || is_newline(byte)
}

/// Whether that is letters and punctuation only.
fn is_words(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic() || b".,!?".contains(&byte))
}
