//! Secrets in text: known by their shape, or by the name that they are given.
//!
//! One pass over the text, in linear time whatever it holds: each matcher looks at a run of bytes once. A secret becomes
//! `[REDACTED:class]`, the rest stays as it is. Rather too much is taken for a secret than too little: of a value, what
//! follows up to the next blank or quote goes with it. Nothing here does input or output.
//!
//! Redact a text before it is cut. Where that cannot be, cut it with [`before_cut`], for half a secret has no shape.

mod names;
mod shapes;

use std::borrow::Cow;

use crate::intake::text::lines::without_ansi;
use crate::record::floor_char_boundary;

pub use names::{is_name_name, is_only_secret_name, is_secret_name, is_value_name, names_secret_file};

use names::MAX_NAME_BYTES;
use shapes::{AWS, SHAPES, is_alphanumeric, is_base64, is_dotted, is_token68, is_url, may_begin};

/// How a credential is used, which is what stands before it.
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "digest", "negotiate", "apikey"];

/// How the lines around a key begin.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// What stands in the place of a secret, with its class and a bracket.
const MARK: &str = "[REDACTED:";

/// How much of a text without blanks may be half of a secret.
const MAX_TOKEN_BYTES: usize = 4096;

/// So many blanks and quotes may stand between a name and its separator, as in a table.
const MAX_GAP_BYTES: usize = 64;

/// So far is looked for the end of a quote, or of a URL's password, that may be none.
const MAX_LOOK_BYTES: usize = 256;

/// Whether that is a header all of whose value is secret.
fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("authorization") || name.ends_with("cookie")
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// The text with every secret replaced, and how many there were. Colours go too, and escapes of plain characters are
/// read, for either may hide where a word begins.
#[must_use]
pub fn redact(text: &str) -> (Cow<'_, str>, usize) {
    match without_escapes(text) {
        Cow::Borrowed(_) => match without_ansi(text) {
            Cow::Borrowed(_) => pass(text),
            Cow::Owned(plain) => owned(plain),
        },
        Cow::Owned(plain) => owned(without_ansi(&plain).into_owned()),
    }
}

fn owned(plain: String) -> (Cow<'static, str>, usize) {
    let (clean, count) = pass(&plain);
    (Cow::Owned(if count == 0 { plain } else { clean.into_owned() }), count)
}

/// The text with escapes of JSON such as `\\u003d` read, as long as what they stand for needs none.
fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u00") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u00") {
        let (before, escape) = rest.split_at(at);
        let code = escape.get(4..6).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let plain = code.filter(|byte| matches!(byte, 0x1b | 0x20..0x7f) && !matches!(byte, b'"' | b'\\'));
        // Escaped more than once, it has more backslashes.
        out.push_str(if plain.is_some() { before.trim_end_matches('\\') } else { before });
        let length = if let Some(byte) = plain {
            out.push(char::from(byte));
            6
        } else {
            out.push_str("\\u00");
            4
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn pass(text: &str) -> (Cow<'_, str>, usize) {
    let mut pass = Pass {
        text,
        bytes: text.as_bytes(),
        at: 0,
        word: (0, 0),
        named: None,
        out: String::new(),
        done: 0,
        count: 0,
    };
    pass.run();
    if pass.count == 0 {
        return (Cow::Borrowed(text), 0);
    }
    pass.out.push_str(text.get(pass.done..).unwrap_or_default());
    (Cow::Owned(pass.out), pass.count)
}

/// The beginning of a text that was cut at its end, less the word that may be half of a secret.
#[must_use]
pub fn before_cut(text: &str) -> &str {
    let blank = text.rfind(char::is_whitespace).unwrap_or(0);
    // No token is longer, but for those that are known by their beginning.
    let end = floor_char_boundary(text, text.len().saturating_sub(MAX_TOKEN_BYTES)).max(blank);
    text.get(..end).unwrap_or_default()
}

/// What comes after the lines of a private key at the beginning of a text that was cut there, and whether there were
/// any. Without its first line a key has no shape but that of its lines: base64, and not the digits of a hash.
#[must_use]
pub fn after_cut(text: &str) -> (&str, bool) {
    let is_plain = |line: &str| !line.is_empty() && line.len() <= 76 && line.bytes().all(is_base64);
    let mut end = 0;
    let mut count = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let is_body = bare.len() >= 40 && !bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_plain(bare) || !(is_body || count >= 2) {
            break;
        }
        count += 1;
        end += line.len();
        // The last one is shorter.
        if !is_body {
            break;
        }
    }
    if count >= 2 { (text.get(end..).unwrap_or_default(), true) } else { (text, false) }
}

/// Whether a private key begins in a text and does not end there.
#[must_use]
pub fn opens_key(text: &str) -> bool {
    text.rfind(BEGIN).is_some_and(|at| {
        let body = after_label(text.as_bytes(), at + BEGIN.len());
        body.is_some_and(|body| !text.get(body..).unwrap_or_default().contains(END))
    })
}

/// What a text has behind the end of a private key.
#[must_use]
pub fn after_key(text: &str) -> Option<&str> {
    let tail = text.find(END)? + END.len();
    text.get(after_label(text.as_bytes(), tail).unwrap_or(tail)..)
}

/// Where a key's label ends that begins there, if it is that of a private one.
fn after_label(bytes: &[u8], from: usize) -> Option<usize> {
    // Labels are short; a line of dashes is none.
    let window = bytes.get(from..bytes.len().min(from + 64))?;
    let length = window.windows(5).position(|part| part == b"-----")?;
    let label = window.get(..length)?;
    let is_private = label.windows(11).any(|part| part.eq_ignore_ascii_case(b"private key"));
    is_private.then_some(from + length + 5)
}

/// A secret: where it is in the text, and what it is called.
type Hit = (usize, usize, &'static str);

/// A pass over a text.
struct Pass<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The last run of bytes that a name may have.
    word: (usize, usize),
    /// How far the `value` may be whose `name` is that of a secret.
    named: Option<usize>,
    out: String,
    /// Up to here the text is in `out`.
    done: usize,
    count: usize,
}

impl Pass<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.byte(self.at) {
            let hit = match byte {
                b':' | b'=' => self.after_separator(self.at),
                b'%' if self.is_escaped_separator() => self.after_separator(self.at + 2),
                b'>' => self.element(),
                b',' => self.after_comma(),
                b'-' if self.byte(self.at + 1) == Some(b'-') => self.private_key().or_else(|| self.option()),
                b'-' => self.option(),
                b' ' | b'\t' | b'\r' | b'\n' => self.scheme(),
                _ if may_begin(byte, self.byte(self.at + 1).unwrap_or_default()) => self.shaped(self.at),
                _ => None,
            };
            if let Some(hit) = hit {
                self.take(hit);
                continue;
            }
            if is_dotted(byte) {
                if self.word.1 != self.at {
                    self.word = (self.at, self.at);
                }
                self.word.1 = self.at + 1;
            }
            self.at += 1;
        }
    }

    fn take(&mut self, (start, end, class): Hit) {
        // The end of a private key may lie behind secrets that were taken from its middle.
        self.out.push_str(self.text.get(self.done..start).unwrap_or_default());
        self.out.push_str(MARK);
        self.out.push_str(class);
        self.out.push(']');
        self.count += 1;
        self.done = end;
        self.at = end;
        self.word = (end, end);
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn rest(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Where the run of such bytes that begins at `at` ends.
    fn run_of(&self, at: usize, class: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest(at);
        at + rest.iter().position(|byte| !class(*byte)).unwrap_or(rest.len())
    }

    /// Whether no word goes on at `at`. After `\n` as it stands in JSON, after `%3D`, and after a colour that is spelt out
    /// as in `\e[1;31m`, one begins.
    fn begins_word(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).and_then(|at| self.byte(at));
        let Some(last) = before(1).filter(|byte| is_url(*byte)) else { return true };
        (matches!(last, b'n' | b'r' | b't') && before(2) == Some(b'\\'))
            || (before(3) == Some(b'%') && last.is_ascii_hexdigit())
            || (last == b'm' && self.ends_colour(at - 1))
    }

    /// Whether the `m` at `at` ends a colour, less its escape character.
    fn ends_colour(&self, at: usize) -> bool {
        let window = self.bytes.get(at.saturating_sub(20)..at).unwrap_or_default();
        let mut before = window.iter().rev().skip_while(|byte| byte.is_ascii_digit() || **byte == b';');
        before.next() == Some(&b'[')
    }

    /// A secret of a known shape that begins at `at`.
    fn shaped(&self, at: usize) -> Option<Hit> {
        let first = self.byte(at)?;
        if !may_begin(first, self.byte(at + 1)?) {
            return None;
        }
        let rest = self.rest(at);
        if first == b'e' {
            return self.jwt(at);
        }
        if let Some(hit) = self.aws(at) {
            return Some(hit);
        }
        let begins = |prefix: &[u8]| {
            prefix.get(1) == rest.get(1) && prefix.first() == Some(&first) && rest.starts_with(prefix)
        };
        let shape = SHAPES.iter().find(|shape| begins(shape.prefix.as_bytes()))?;
        if !shape.anywhere && !self.begins_word(at) {
            return None;
        }
        let start = at + shape.prefix.len();
        let end = self.run_of(start, shape.rest);
        if end - start < shape.least {
            return None;
        }
        // `sk-learn-and-other-words` is a name; keys have digits or capitals.
        let plain = |byte: &u8| byte.is_ascii_lowercase() || !byte.is_ascii_alphanumeric();
        if shape.prefix == "sk-" && self.bytes.get(start..end).unwrap_or_default().iter().all(plain) {
            return None;
        }
        Some((at, end, shape.class))
    }

    fn aws(&self, at: usize) -> Option<Hit> {
        let rest = self.rest(at);
        AWS.iter().find(|prefix| rest.starts_with(prefix.as_bytes()))?;
        let key = rest.get(..20)?;
        let sound = key.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let ends = !rest.get(20).is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        // `prod-AKIA...`: a dash ends a word here.
        let is_apart = !at.checked_sub(1).and_then(|at| self.byte(at)).is_some_and(is_alphanumeric);
        (sound && ends && (is_apart || self.begins_word(at))).then_some((at, at + 20, "aws-key"))
    }

    /// Three parts of base64 with dots between them; the last may be empty, or cut off.
    fn jwt(&self, at: usize) -> Option<Hit> {
        if !self.rest(at).starts_with(b"eyJ") || !self.begins_word(at) {
            return None;
        }
        let head = self.run_of(at, is_url);
        let body = self.run_of(head + 1, is_url);
        let is_pair = self.byte(head) == Some(b'.') && self.rest(head + 1).starts_with(b"eyJ");
        if head - at < 8 || !is_pair {
            return None;
        }
        let end = if self.byte(body) == Some(b'.') { self.run_of(body + 1, is_url) } else { body };
        Some((at, end, "jwt"))
    }

    /// `-----BEGIN PRIVATE KEY-----` to its end, or to that of the text; a text that begins within one, from its
    /// beginning.
    fn private_key(&self) -> Option<Hit> {
        let label = |from: usize| after_label(self.bytes, from);
        let rest = self.rest(self.at);
        if rest.starts_with(END.as_bytes()) {
            let end = label(self.at + END.len())?;
            return Some((self.done, end, "private-key"));
        }
        if !rest.starts_with(BEGIN.as_bytes()) {
            return None;
        }
        let body = label(self.at + BEGIN.len())?;
        let found = self.text.get(body..).unwrap_or_default().find(END);
        let end = found.map_or(self.text.len(), |at| {
            let tail = body + at + END.len();
            label(tail).unwrap_or(tail)
        });
        Some((self.at, end, "private-key"))
    }

    /// Whether a `%3D` or `%3A` is in hand.
    fn is_escaped_separator(&self) -> bool {
        let code = self.bytes.get(self.at + 1..self.at + 3).unwrap_or_default();
        code.eq_ignore_ascii_case(b"3d") || code.eq_ignore_ascii_case(b"3a")
    }

    /// What follows the separator that is in hand and ends at `last`: the value of a secret name, a bot's token, or a
    /// password in a URL.
    fn after_separator(&mut self, last: usize) -> Option<Hit> {
        let (start, end) = self.word;
        let between = self.bytes.get(end..self.at)?;
        if self.rest(self.at).starts_with(b"://") {
            return self.userinfo(self.at + 3);
        }
        let is_glue = |byte: &u8| {
            matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b' ' | b'\t' | b']' | b')' | b':' | b'?')
        };
        if start == end || between.len() > MAX_GAP_BYTES || !between.iter().all(is_glue) {
            return None;
        }
        let name = self.name(start, end);
        // A bot's number, and its token.
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        if self.byte(self.at) == Some(b':') && digits >= 8 {
            let token = self.run_of(self.at + 1, is_url);
            if self.rest(self.at + 1).starts_with(b"AA") && token - self.at > 30 {
                return Some((end - digits.min(10), token, "telegram-token"));
            }
        }
        // `C:\...`, `http:` and most words are no secret names, which is cheap to see.
        if name.len() < 3 {
            return None;
        }
        if is_value_name(name) {
            return if self.named.take()? >= self.at { self.value("password", last) } else { None };
        }
        if is_name_name(name) {
            let from = self.run_of(last, |byte| b":=>\"'`\\ ".contains(&byte));
            let window = self.bytes.get(from..self.bytes.len().min(from + MAX_NAME_BYTES))?;
            let length = window.iter().position(|byte| !is_url(*byte)).unwrap_or(window.len());
            let is_secret = from - last <= MAX_GAP_BYTES
                && self.text.get(from..from + length).is_some_and(is_secret_name);
            self.named = is_secret.then_some(from + length + MAX_GAP_BYTES);
            return None;
        }
        if !is_secret_name(name) {
            return None;
        }
        let is_directory = matches!(name, "PWD" | "OLDPWD") && self.byte(self.at + 1) == Some(b'/');
        if is_directory { None } else { self.value(name, last) }
    }

    /// `["password", "VALUE"]`, and the value of a header in any list; the byte in hand is the first comma.
    fn after_comma(&self) -> Option<Hit> {
        let (start, end) = self.word;
        let is_glue = |byte: &u8| is_quote(*byte) || *byte == b'\\';
        let closing = self.bytes.get(end..self.at)?;
        if start == end || closing.is_empty() || closing.len() > 8 || !closing.iter().all(is_glue) {
            return None;
        }
        let window = self.bytes.get(start.saturating_sub(9)..start)?;
        let glue = window.iter().rev().take_while(|byte| is_glue(byte)).count();
        let before = window.iter().rev().nth(glue);
        let name = self.name(start, end);
        if glue == 0 || name.len() < 3 || !is_secret_name(name) {
            return None;
        }
        let hit = self.value(name, self.at)?;
        let after = self.run_of(hit.1, |byte| is_quote(byte) || byte == b'\\' || byte == b' ');
        let is_pair =
            matches!(before, Some(b'[' | b'(')) && matches!(self.byte(after), None | Some(b']' | b')'));
        // The value has a quote before it, or it is none.
        let is_quoted = self.byte(hit.0.wrapping_sub(1)).is_some_and(is_quote);
        let is_key = self.byte(after) == Some(b':');
        (is_quoted && !is_key && (is_pair || is_header(name))).then_some(hit)
    }

    /// `<password>VALUE</password>`; the byte in hand is the first `>`.
    fn element(&self) -> Option<Hit> {
        let (start, end) = self.word;
        let before = start.checked_sub(1).and_then(|at| self.byte(at));
        let is_tag = end == self.at && start < end && matches!(before, Some(b'<' | b':'));
        if !is_tag || !is_secret_name(self.name(start, end)) {
            return None;
        }
        let from = self.at + 1;
        let close = self.run_of(from, |byte| byte != b'<');
        let is_element = self.rest(close).starts_with(b"</") || self.rest(close).starts_with(b"<\\/");
        let is_marked = self.rest(from).starts_with(MARK.as_bytes());
        if is_element && !is_marked { self.valued(from, close) } else { None }
    }

    /// The name that a run of bytes holds: not the `n` of a `\n` before it, and no more than the last bytes.
    fn name(&self, start: usize, end: usize) -> &str {
        let escaped = start.checked_sub(1).and_then(|at| self.byte(at)) == Some(b'\\');
        let skip = usize::from(escaped && matches!(self.byte(start), Some(b'n' | b'r' | b't')));
        let from = (start + skip).max(end.saturating_sub(MAX_NAME_BYTES));
        self.text.get(from..end).unwrap_or_default()
    }

    /// The value that a secret name is given after the separator at `at`.
    fn value(&self, name: &str, at: usize) -> Option<Hit> {
        let lower = name.to_ascii_lowercase();
        let after = self.run_of(at + 1, |byte| matches!(byte, b'=' | b':' | b'>' | b' ' | b'\t'));
        if self.byte(at) == Some(b':') && matches!(self.byte(after), Some(b'\n' | b'\r')) {
            return self.next_line(&lower, after);
        }
        if self.rest(after).starts_with(MARK.as_bytes()) {
            return None;
        }
        let start = self.run_of(after, |byte| matches!(byte, b'[' | b'(' | b' '));
        let spaced = start > at + 1;
        // Quotes in JSON in JSON have several backslashes.
        let quoted = self.run_of(start, |byte| byte == b'\\');
        if let Some(quote) = self.byte(quoted).filter(|byte| is_quote(*byte)) {
            if self.rest(quoted + 1).starts_with(MARK.as_bytes()) {
                return None;
            }
            let end = self.closing(quoted + 1, quote, quoted - start);
            return self.valued(quoted + 1, if quoted == start { self.joined(end) } else { end });
        }
        let ends = |byte: u8| is_quote(byte) || matches!(byte, b'\n' | b'\r');
        // In a query other values follow.
        let before = self.word.0.checked_sub(1).and_then(|at| self.byte(at));
        let in_query = matches!(before, Some(b'?' | b'&' | b'#'));
        let end_of_word = |from: usize| {
            self.run_of(from, |byte| {
                !(ends(byte) || byte.is_ascii_whitespace() || (in_query && byte == b'&'))
            })
        };
        let word = end_of_word(start);
        if let Some(hit) = self.opened(start, word) {
            return self.valued(hit.0, hit.1);
        }
        let is_header = is_header(name);
        let is_line = is_header && self.byte(at) == Some(b':');
        let mut end = if is_line { self.run_of(start, |byte| !ends(byte)) } else { word };
        if self.byte(end.wrapping_sub(1)) == Some(b'\\') && end > start {
            end -= 1;
        }
        // `Bearer` is no secret, but what follows it is: in the next word, or the next argument.
        let value = self.text.get(start..end).unwrap_or_default().trim_end();
        let scheme = SCHEMES.iter().find(|scheme| value.eq_ignore_ascii_case(scheme));
        if let Some(scheme) = scheme {
            let is_gap =
                |byte: u8| byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, b',' | b'\\');
            let from = self.run_of(end, is_gap);
            // An argument goes to its quote.
            let is_argument = from > end && self.byte(from - 1).is_some_and(is_quote);
            let next = if is_argument { self.run_of(from, |byte| !ends(byte)) } else { end_of_word(from) };
            let follows = self.text.get(from..next).unwrap_or_default();
            let is_prose = !is_header
                && (*scheme != "bearer" || follows.len() < 16)
                && follows.bytes().all(|byte| byte.is_ascii_alphabetic() || b".,!?".contains(&byte));
            if is_prose || from > end + 16 || from == next || follows.starts_with(MARK) {
                return None;
            }
            let next = if follows.ends_with('\\') { next - 1 } else { next };
            return self.valued(start, next);
        }
        // A tag of YAML: `!secret value`.
        if spaced && value.starts_with('!') && value.bytes().skip(1).all(|byte| byte == b'!' || is_url(byte))
        {
            let from = self.run_of(end, |byte| byte == b' ' || is_quote(byte));
            return self.valued(start, end_of_word(from));
        }
        // A type of Rust.
        if value.starts_with("&str") && value.len() < 8 {
            return None;
        }
        // "invalid token: expected a name" is prose.
        let is_weak =
            matches!(lower.as_str(), "token" | "auth" | "secret" | "credential" | "credentials" | "cookie");
        let is_prose = value.len() < 16
            && value.bytes().all(|byte| byte.is_ascii_alphabetic() || b".,!?".contains(&byte));
        let goes_on =
            self.byte(end) == Some(b' ') && self.byte(end + 1).is_some_and(|byte| byte.is_ascii_alphabetic());
        if is_weak && spaced && is_prose && goes_on {
            return None;
        }
        self.valued(start, if end == word { self.joined(end) } else { end })
    }

    /// The answer to a prompt for a password: the only word of the next line. The byte at `at` ends the prompt's.
    fn next_line(&self, name: &str, at: usize) -> Option<Hit> {
        let is_prompt = ["passw", "passphrase", "passcode"].iter().any(|part| name.contains(part));
        let line = at + if self.rest(at).starts_with(b"\r\n") { 2 } else { 1 };
        let start = self.run_of(line, |byte| matches!(byte, b' ' | b'\t'));
        let end = self.run_of(start, |byte| !byte.is_ascii_whitespace());
        let value = self.bytes.get(start..end)?;
        let is_alone = matches!(self.byte(end), None | Some(b'\n' | b'\r'));
        let is_list = value.starts_with(b"-") || value.starts_with(b"#") || value.contains(&b':');
        let is_answer = is_prompt && is_alone && !is_list && !value.starts_with(MARK.as_bytes());
        if is_answer { self.valued(start, end) } else { None }
    }

    /// The quoted text after `Some(`, `b`, `$` or `string(10) `, which is what the word from `start` to `end` holds.
    fn opened(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let before = self.text.get(start..end)?.trim_end_matches('\\');
        let mut at = start + before.len();
        if before.ends_with(')') && (before.starts_with("string(") || before.starts_with("str(")) {
            at = self.run_of(at, |byte| byte == b' ');
        } else if !(before.ends_with(['(', '[', '{', '&', '$', '@', '!'])
            || ["b", "r", "u", "f", "l", "br", "rb", "u8"]
                .iter()
                .any(|prefix| before.eq_ignore_ascii_case(prefix)))
        {
            return None;
        }
        let quoted = self.run_of(at, |byte| byte == b'\\');
        let quote = self.byte(quoted).filter(|byte| is_quote(*byte))?;
        let follows = self.byte(quoted + 1)?;
        // The quote may be the last of a text that has this in it.
        if follows.is_ascii_whitespace() || b",:]})".contains(&follows) {
            return None;
        }
        if self.rest(quoted + 1).starts_with(MARK.as_bytes()) {
            return Some((start, start));
        }
        let close = self.closing(quoted + 1, quote, quoted - at);
        Some((quoted + 1, if quoted == at { self.joined(close) } else { close }))
    }

    /// Where a value ends that goes on behind the quote at `end`, as a shell's words do: `'hunter'"2"`.
    fn joined(&self, mut end: usize) -> usize {
        loop {
            let Some(quote) = self.byte(end).filter(|byte| is_quote(*byte)) else { return end };
            let from = match self.byte(end + 1) {
                // Another opens behind the one that closes.
                Some(next) if is_quote(next) && next != quote => end + 2,
                _ => end + 1,
            };
            if !self.byte(from).is_some_and(is_alphanumeric) {
                return end;
            }
            let limit = self.bytes.len().min(from + MAX_LOOK_BYTES);
            let rest = self.bytes.get(from..limit).unwrap_or_default();
            let stop = rest.iter().position(|byte| is_quote(*byte) || matches!(byte, b'\n' | b'\r'));
            match stop.map(|stop| from + stop) {
                Some(stop) if self.byte(stop).is_some_and(is_quote) => end = stop,
                _ => return self.run_of(from, |byte| !byte.is_ascii_whitespace() && !is_quote(byte)),
            }
        }
    }

    /// Where the quoted text ends that begins at `at`, after a quote with so many backslashes before it. Quotes within it
    /// have more.
    fn closing(&self, at: usize, quote: u8, backslashes: usize) -> usize {
        let mut run = 0;
        let rest = self.rest(at);
        let end = rest.iter().position(|&byte| {
            let ends = byte == quote && (run <= backslashes || (backslashes == 0 && run % 2 == 0));
            if !ends {
                run = if byte == b'\\' { run + 1 } else { 0 };
            }
            ends
        });
        end.map_or(self.text.len(), |end| at + end - run.min(backslashes))
    }

    /// A value as a secret, unless it says that there is none, or was taken already.
    fn valued(&self, start: usize, end: usize) -> Option<Hit> {
        let value = self.text.get(start..end).filter(|value| !value.trim().is_empty())?;
        let none = ["true", "false", "null", "none", "nil", "undefined", "{", "[", "{}", "[]", "***"];
        let bare = value.trim_end_matches([',', ')', '}', ']']);
        if none.iter().any(|word| bare.eq_ignore_ascii_case(word)) || bare.is_empty() {
            return None;
        }
        // The shape says more than the name, if it is all there is.
        let shaped = self.shaped(start).filter(|(_, shaped, _)| *shaped >= end);
        Some(shaped.unwrap_or((start, end, "secret")))
    }

    /// `user:password` before the `@` of a URL's authority.
    fn userinfo(&self, start: usize) -> Option<Hit> {
        let ends = |byte: u8| byte.is_ascii_whitespace() || b"\"'`<>\\".contains(&byte);
        let end = self.run_of(start, |byte| !ends(byte) && !b"/?#".contains(&byte));
        let authority = self.bytes.get(start..end)?;
        let colon = authority.iter().position(|byte| *byte == b':')?;
        let last = |text: &[u8]| text.iter().rposition(|byte| *byte == b'@');
        let at = last(authority).or_else(|| {
            // No port, so a password that ought to be escaped.
            let after = authority.get(colon + 1..)?;
            let window = self.bytes.get(start..self.bytes.len().min(end + MAX_LOOK_BYTES))?;
            let length = window.iter().position(|byte| ends(*byte)).unwrap_or(window.len());
            let is_port = authority.starts_with(b"[") || after.iter().all(u8::is_ascii_digit);
            if is_port { None } else { last(window.get(..length)?) }
        })?;
        let is_mark = authority.starts_with(MARK.as_bytes());
        (!is_mark && colon < at && colon + 1 < at).then_some((start, start + at, "url-credentials"))
    }

    /// `--password VALUE`, `-u USER:PASSWORD`; the byte in hand is the dash.
    fn option(&self) -> Option<Hit> {
        // Not the dash of `non-token`, nor a later one of several.
        if !self.begins_word(self.at) {
            return None;
        }
        let start = self.run_of(self.at, |byte| byte == b'-');
        let end = self.run_of(start, is_url);
        let name = self.name(start, end);
        let is_short = start == self.at + 1;
        if is_short && name.starts_with('u') {
            // The user follows at once: `-uadmin:password`.
            let colon = self.run_of(end, |byte| is_dotted(byte) || matches!(byte, b'@' | b'+'));
            let is_pair = self.byte(colon) == Some(b':') && colon > start + 1;
            if is_pair && !self.rest(colon).starts_with(b"://") {
                let stop = self.run_of(colon + 1, |byte| !byte.is_ascii_whitespace() && !is_quote(byte));
                let mut pair = self.bytes.get(start + 1..stop).unwrap_or_default().iter();
                let ids = pair.all(|byte| byte.is_ascii_digit() || *byte == b':');
                return (stop > colon + 1 && !ids).then_some((start + 1, stop, "basic-auth"));
            }
        }
        // Switches of curl may stand before it: `-sSu`.
        let is_curl = is_short
            && name.strip_suffix('u').is_some_and(|switches| {
                switches.len() <= 8 && switches.chars().all(|switch| "sSfLkvigGIOjJNZ".contains(switch))
            });
        // The quotes are those of a list of arguments: `"-u","user:password"`.
        let is_gap = |byte: u8| byte.is_ascii_whitespace() || b"\"',\\".contains(&byte);
        let mut from = self.run_of(end, is_gap);
        if self.byte(end) == Some(b'=') {
            from = self.run_of(end + 1, is_gap);
        }
        if from == end || from > end + 16 {
            return None;
        }
        let quote = self.byte(from - 1).filter(|byte| matches!(byte, b'"' | b'\''));
        let stop = || match quote {
            Some(quote) => self.run_of(from, |byte| byte != quote && byte != b'\\'),
            None => self.run_of(from, |byte| !byte.is_ascii_whitespace() && !b"\"'".contains(&byte)),
        };
        if self.rest(from).starts_with(MARK.as_bytes()) {
            return None;
        }
        if is_curl || matches!(name, "u" | "U" | "user" | "proxy-user") {
            // Looked for before the end is, so that no run is walked twice.
            let window = self.bytes.get(from..self.bytes.len().min(from + MAX_NAME_BYTES))?;
            let colon = from + window.iter().position(|byte| *byte == b':' || byte.is_ascii_whitespace())?;
            if colon == from || self.byte(colon) != Some(b':') || self.rest(colon).starts_with(b"://") {
                return None;
            }
            let stop = stop();
            let is_id = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
            let ids = is_id(window.get(..colon - from)?) && is_id(self.bytes.get(colon + 1..stop)?);
            return (!ids).then_some((from, stop, "basic-auth"));
        }
        if self.byte(end) == Some(b'=') || name.len() < 3 || !is_secret_name(name) {
            return None;
        }
        let stop = stop();
        if self.byte(from) == Some(b'-') {
            // Another option, unless it looks like none.
            let value = self.bytes.get(from..stop)?;
            let is_option =
                value.len() < 7 || value.starts_with(b"--") || !value.iter().any(u8::is_ascii_digit);
            return if is_option { None } else { self.valued(from, stop) };
        }
        self.valued(from, stop)
    }

    /// `Bearer VALUE`, `Basic VALUE`, `token VALUE`, where it does not look like prose. The byte in hand is the blank, or the
    /// end of the line.
    fn scheme(&self) -> Option<Hit> {
        if self.word.1 != self.at {
            return None;
        }
        let name = self.name(self.word.0, self.word.1);
        let scheme =
            ["bearer", "basic", "token"].into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme))?;
        let is_blank = |byte: u8| matches!(byte, b' ' | b'\t');
        let mut start = self.run_of(self.at, is_blank);
        if scheme == "bearer" && matches!(self.byte(start), Some(b'\n' | b'\r')) {
            let line = start + if self.rest(start).starts_with(b"\r\n") { 2 } else { 1 };
            start = self.run_of(line, is_blank);
        }
        let end = self.run_of(start, is_token68);
        let value = self.bytes.get(start..end)?;
        // Words of prose have no digits, and one capital at most besides the first: TypeScript.
        let capitals = value.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
        let mixed = capitals > 1 || value.iter().any(u8::is_ascii_digit);
        let enough = value.len() >= 8 && (mixed || (scheme == "bearer" && value.len() >= 20));
        (enough && value.iter().any(u8::is_ascii_alphabetic)).then_some((start, end, "authorization"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made-up secrets, in halves so that nobody's scanner takes them for real ones.
    fn secrets() -> Vec<(&'static str, String)> {
        let list = [
            ("aws-key", "AKIA", "IOSFODNN7EXAMPLE"),
            ("aws-key", "ASIA", "IOSFODNN7EXAMPLE"),
            ("aws-key", "A3TX", "IOSFODNN7EXAMPLE"),
            ("github-token", "ghp_", "0123456789abcdefghijABCDEFGHIJ012345"),
            ("github-token", "gho_", "0123456789abcdefghijABCDEFGHIJ012345"),
            (
                "github-token",
                "github_pat_",
                "11AAAAAAA0123456789abc_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123",
            ),
            ("gitlab-token", "glpat-", "0123456789abcdefghij"),
            ("slack-token", "xoxb-", "012345678901-012345678901-abcdefghijklmnopqrstuvwx"),
            ("slack-webhook", "hooks.slack.com/", "services/T00000000/B00000000/aBcDeFgHiJkLmNoPqRsTuVwY"),
            ("anthropic-key", "sk-ant-", "api03-abcdefghij0123456789-_AA"),
            ("openai-key", "sk-proj-", "abcdefghij0123456789"),
            ("openai-key", "sk-", "abcdefghijABCDEFGHIJ0123456789abcdefghij01234567"),
            ("openrouter-key", "sk-or-v1-", "0123456789abcdef0123456789abcdef"),
            ("stripe-key", "sk_live_", "0123456789abcdefghijABCD"),
            ("stripe-key", "rk_live_", "0123456789abcdefghijABCD"),
            ("stripe-key", "whsec_", "0123456789abcdefghijABCDEFGHIJ01"),
            ("google-key", "AIza", "SyA0123456789abcdefghijABCDEFGHIJ01"),
            ("npm-token", "npm_", "0123456789abcdefghijABCDEFGHIJ012345"),
            ("huggingface-token", "hf_", "abcdefghijABCDEFGHIJabcdefghijABCD"),
            ("supabase-key", "sbp_", "0123456789abcdef0123456789abcdef01234567"),
            (
                "digitalocean-token",
                "dop_v1_",
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            ),
            ("vault-token", "hvs.", "CAESIJ0123456789abcdefghij"),
            ("sendgrid-key", "SG.", "0123456789abcdefghijAB.0123456789abcdefghijABCDEFGHIJ0123456789abc"),
            ("telegram-token", "0123456789:", "AAabcdefghij0123456789ABCDEFGHIJ012"),
            ("jwt", "eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.0123456789abcdefghijABCDEFGHIJ"),
        ];
        list.iter().map(|(class, first, second)| (*class, format!("{first}{second}"))).collect()
    }

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        assert_eq!(redact(text).0, expected, "{text}");
    }

    #[track_caller]
    fn stays(text: &str) {
        assert_eq!(redact(text), (Cow::Borrowed(text), 0));
    }

    #[test]
    fn every_shape_is_known_wherever_it_stands() {
        for (class, secret) in secrets() {
            let mark = format!("[REDACTED:{class}]");
            for (before, after) in [
                ("", ""),
                ("text ", " more"),
                ("\"", "\","),
                ("ключ ", ", ключ"),
                ("curl https://x/?k=", "&n=1"),
                ("\\n", "\\n"),
                ("a%3D", "%26"),
                ("(", ")."),
                ("X=", "\nY=1"),
            ] {
                let text = format!("{before}{secret}{after}");
                let (found, count) = redact(&text);
                assert_eq!(found, format!("{before}{mark}{after}"), "{secret}");
                assert_eq!(count, 1);
            }
        }
    }

    #[test]
    fn private_keys_go_with_all_that_is_in_them() {
        let head = concat!("-----BEGIN RSA PRI", "VATE KEY-----");
        let tail = concat!("-----END RSA PRI", "VATE KEY-----");
        becomes(&format!("a\n{head}\nMIIE\nabc\n{tail}\nb"), "a\n[REDACTED:private-key]\nb");
        becomes(&format!("a {head}\\nMIIE"), "a [REDACTED:private-key]");
        becomes(&format!("MIIE\nabc\n{tail}\nb"), "[REDACTED:private-key]\nb");
        becomes(
            &format!("{{\"private_key\":\"{head}\\nMIIE\\n{tail}\\n\"}}"),
            "{\"private_key\":\"[REDACTED:secret]\"}",
        );
        stays("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----");
        stays("-----------------------------------------");
    }

    #[test]
    fn values_with_secret_names_go() {
        becomes("password=hunter2", "password=[REDACTED:secret]");
        becomes("DB_PASSWORD = 'hunter 2' next", "DB_PASSWORD = '[REDACTED:secret]' next");
        becomes("{\"apiKey\": \"hunter2\", \"n\": 1}", "{\"apiKey\": \"[REDACTED:secret]\", \"n\": 1}");
        becomes(r#"{\"token\":\"hunter2\",\"n\":1}"#, r#"{\"token\":\"[REDACTED:secret]\",\"n\":1}"#);
        becomes("{'client_secret': 'hunter2'}", "{'client_secret': '[REDACTED:secret]'}");
        becomes("secret: hunter2\nb: c", "secret: [REDACTED:secret]\nb: c");
        becomes("env PGPASSWORD=hunter2 psql", "env PGPASSWORD=[REDACTED:secret] psql");
        becomes("x?access_token=hunter2&n=1", "x?access_token=[REDACTED:secret]&n=1");
        becomes("mysql --password hunter2 db", "mysql --password [REDACTED:secret] db");
        becomes("cli --api-key=hunter2 --n 1", "cli --api-key=[REDACTED:secret] --n 1");
        becomes("[\"--password\",\"hunter2\"]", "[\"--password\",\"[REDACTED:secret]\"]");
        becomes("password => \"hunter2\"", "password => \"[REDACTED:secret]\"");
        becomes("pwd: [\"hunter2\"]", "pwd: [\"[REDACTED:secret]\"]");
        becomes("password=\"never closed hunter2", "password=\"[REDACTED:secret]");
        let nested = r#"{\\\"token\\\":\\\"hunter \\\\\\\"2\\\",\\\"n\\\":1}"#;
        becomes(nested, r#"{\\\"token\\\":\\\"[REDACTED:secret]\\\",\\\"n\\\":1}"#);
        becomes(r#"password="a\"b\\" c"#, r#"password="[REDACTED:secret]" c"#);
        becomes("line\\nauth=hunter2", "line\\nauth=[REDACTED:secret]");
        let (class, secret) = secrets().swap_remove(3);
        becomes(&format!("token={secret}"), &format!("token=[REDACTED:{class}]"));
    }

    #[test]
    fn credentials_of_http_go() {
        becomes("-H 'Authorization: Bearer abc.def' x", "-H 'Authorization: [REDACTED:secret]' x");
        becomes("Cookie: a=b; c=d\r\nHost: x", "Cookie: [REDACTED:secret]\r\nHost: x");
        becomes("x-api-key: hunter2", "x-api-key: [REDACTED:secret]");
        becomes("sent bearer abcdef0123456789", "sent bearer [REDACTED:authorization]");
        becomes("Basic dXNlcjpwYXNz", "Basic [REDACTED:authorization]");
        becomes("token 0123abcd", "token [REDACTED:authorization]");
        becomes("curl -u ana:hunter2 http://x", "curl -u [REDACTED:basic-auth] http://x");
        becomes("curl -u \"ana:hunter 2\" x", "curl -u \"[REDACTED:basic-auth]\" x");
        becomes("curl --user=ana:hunter2 x", "curl --user=[REDACTED:basic-auth] x");
        becomes("[\"curl\",\"-u\",\"ana:hunter2\"]", "[\"curl\",\"-u\",\"[REDACTED:basic-auth]\"]");
        becomes("postgres://ana:hunter2@db:5432/x", "postgres://[REDACTED:url-credentials]@db:5432/x");
        becomes("https://ana:p@ss@host", "https://[REDACTED:url-credentials]@host");
    }

    /// Asserts that the secret in each of the texts is found.
    #[track_caller]
    fn goes(texts: &[&str]) {
        for text in texts {
            let (clean, count) = redact(text);
            let left = ["hunter", "2xyz", "dXNlcj"].iter().find(|part| clean.contains(**part));
            assert!(left.is_none() && count > 0, "{text:?} became {clean:?}");
        }
    }

    #[test]
    fn a_scheme_is_not_mistaken_for_the_value() {
        goes(&[
            "Authorization:Bearer hunter2xyz",
            "Authorization:Basic dXNlcjpodW50ZXIy",
            "-H 'Authorization:Basic dXNlcjpodW50ZXIy'",
            "AUTHORIZATION=Bearer hunter2xyz",
            "access_token: Bearer hunter2xyz",
            "token=Bearer hunter2xyz",
            "token: bearer hunter2xyz",
            "Cookie:sid=abc; tok=hunter2xyz",
            r#"["-H","Authorization: Bearer","hunter2hunter2xyz"]"#,
            r#"["-H","Authorization:Basic","dXNlcjpodW50ZXIy hunter2xyz"]"#,
            r#"[\"-H\",\"Authorization: Bearer\",\"hunter2hunter2xyz\"]"#,
            "sent Bearer\thunter2hunter2xyz",
            "sent Bearer\n  hunter2hunter2xyz",
            "Authorization: Bearer\n hunter2xyz",
        ]);
        becomes("Authorization: Bearer", "Authorization: Bearer");
        becomes("Authorization:Bearer a.b\nHost: x", "Authorization:[REDACTED:secret]\nHost: x");
    }

    #[test]
    fn quotes_may_open_behind_something_and_follow_each_other() {
        goes(&[
            r#"password: Some("hunter2xyz")"#,
            r#"password: Some(\"hunter2xyz\")"#,
            r#"password: String::from("hunter2xyz")"#,
            "{'password': b'hunter2xyz'}",
            "PASSWORD=$'hunter2xyz'",
            r#"['password']=>string(10) "hunter2xyz""#,
            "PASSWORD='hunter'\"2xyz\" next",
            "PASSWORD=hun'ter2xyz' next",
            "PASSWORD='hunter'2xyz next",
        ]);
        becomes(r#"password: Some("a b") x"#, r#"password: Some("[REDACTED:secret]") x"#);
        becomes(r#"["password=a","next"]"#, r#"["password=[REDACTED:secret]","next"]"#);
        becomes(r#"["password=b","next"]"#, r#"["password=[REDACTED:secret]","next"]"#);
    }

    #[test]
    fn colours_and_escapes_hide_nothing() {
        for (class, secret) in secrets() {
            for before in ["\u{1b}[31m", "\u{1b}[1;32m", "\\u001b[31m", "\\\\u001b[31m"] {
                let text = format!("{before}{secret}\u{1b}[0m");
                assert_eq!(redact(&text), (Cow::Owned(format!("[REDACTED:{class}]")), 1), "{text}");
            }
        }
        goes(&[
            "\u{1b}[36mpassword\u{1b}[0m=hunter2xyz",
            "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0mhunter2xyz",
            "password\\u003dhunter2xyz",
            "password%3Dhunter2xyz",
            "password%3ahunter2xyz",
            "\\u0070assword=hunter2xyz",
            "\\x1b[36mpassword=hunter2xyz\\x1b[0m",
        ]);
        becomes("\u{1b}[1mplain\u{1b}[0m", "plain");
        stays("C:\\u00 \\u00zz \\u00e9 \\u0022 \\u000a");
    }

    #[test]
    fn values_are_found_however_they_are_set_apart() {
        goes(&[
            "password            = hunter2xyz",
            "DB_PASSWORD=abcd&hunter2;2xyz",
            "Password:\nhunter2xyz\n",
            "Password: \r\n  hunter2xyz",
            "curl -uadmin:hunter2xyz http://x",
            "curl -su admin:hunter2xyz http://x",
            "curl -sSLu 'admin:hunter2xyz' http://x",
            "x --password -hunter2xyz",
            "postgres://u:pa/hunter2xyz@h/db",
            "postgres://u:pa#hunter2xyz@h/db",
            "postgres://u:pa?hunter2xyz@h/db",
            "authkey=hunter2xyz",
            "httpauth=hunter2xyz",
            "<password>hunter2xyz</password>",
            "<ns:db.password>hunter2xyz</ns:db.password>",
            r#"{"name":"DB_PASSWORD","value":"hunter2xyz"}"#,
            "- name: DB_PASSWORD\n  value: hunter2xyz\n",
            r#"{\"key\":\"Authorization\",\"value\":\"hunter2xyz\"}"#,
        ]);
        goes(&[
            r#"["Authorization","hunter2xyz"]"#,
            r#"["Host","x","Authorization", "Bearer hunter2xyz", "Accept","y"]"#,
            r#"[\"password\",\"hunter2xyz\"]"#,
            "headers.insert('x-api-key', 'hunter2xyz')",
            "password: !secret hunter2xyz",
        ]);
        becomes("\\e[1;31mAKIAIOSFODNN7EXAMPLE", "\\e[1;31m[REDACTED:aws-key]");
        becomes("prod-AKIAIOSFODNN7EXAMPLE", "prod-[REDACTED:aws-key]");
        becomes("?token=a&b=c", "?token=[REDACTED:secret]&b=c");
        becomes("<password>a</password>", "<password>[REDACTED:secret]</password>");
        becomes("curl -uana:b x", "curl -u[REDACTED:basic-auth] x");
        for text in [
            "usage: x <token> <name>",
            "auth:\n  enabled: true",
            "password:\n  min_length: 8",
            "Password:\nSorry, try again.",
            "x --password -h --token -v",
            "docker run -u1000:1000 -update: now -util x",
            r#"{"name":"COLOUR","value":"red"} name: x, value: y"#,
            "http://host:80/a@b http://[::1]:80/a@b",
            "the bearer\nof this letter",
            "token\n0123456789abcdef",
            "a%3Db author%3Dana",
            r#"["password","username","email"]"#,
            "fn f(token: &str, name: &str)",
            "the auth: Bearer token is required",
            "HashMap<Token> x if a<token>b",
        ] {
            stays(text);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "",
            "commit d95733a0123456789abcdef0123456789abcdef01",
            "7b3e0f52-9c41-4d1e-8a6f-2f0c5d9be114",
            "toolu_01Hq7VbN3xKpR5sYt8ZwLmDc",
            "author: Ana, key=value, monkey=1, tokenizer: fast",
            "max_tokens=4096 input_tokens: 12, token_count=3",
            "SyntaxError: invalid token: expected a name",
            "the token expired yesterday, basic TypeScript, bearer authentication",
            "sk-learn-contrib-imbalanced-and-more task-management-for-everyone",
            "https://example.com:8080/a@b http://host/path?x=1 git@github.com:x/y.git ssh://git@host/x",
            "PWD=/home/ana/shop",
            "password_file=/run/x password=\nnext line",
            "docker run -u 1000:1000 -u ana image",
            "password: null, token: true",
            "src/author.rs:12:34: error: mismatched types",
            "10:00:00 2026-11-20T10:00:00Z",
            "C:\\Users\\ana",
            "the auth: failed for all of them",
            "primary_key=id public_key: x authorized_keys",
        ] {
            stays(text);
        }
    }

    #[test]
    fn redacting_twice_changes_nothing() {
        let both = |(_, secret): (&str, String)| format!("{secret} token={secret} ");
        let mut text = secrets().into_iter().map(both).collect::<Vec<_>>().concat();
        text.push_str("password=a Authorization: Bearer b\n--token c -u d:e https://f:g@h");
        let once = redact(&text).0.into_owned();
        assert_eq!(redact(&once), (Cow::Borrowed(once.as_str()), 0));
    }

    #[test]
    fn the_rest_of_a_key_is_known_by_its_lines() {
        let body = format!("{}\n", "MIIEvQIBADANBgkq".repeat(4));
        assert_eq!(after_cut(&format!("{}AbC=\nnext", body.repeat(3))), ("next", true));
        assert_eq!(after_cut(&body.repeat(3)), ("", true));
        let hashes = format!("{}\n", "0123456789abcdef0123456789abcdef01234567").repeat(3);
        for text in ["", "some\nlines\nof\ntext", hashes.as_str(), body.as_str()] {
            assert_eq!(after_cut(text), (text, false));
        }
        assert!(opens_key("+-----BEGIN PRIVATE KEY-----\nMIIE") && !opens_key("-----BEGIN CERTIFICATE-----"));
        assert!(!opens_key("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"));
        assert_eq!(after_key("-----END PRIVATE KEY-----, x"), Some(", x"));
    }

    #[test]
    fn half_a_secret_does_not_outlive_a_cut() {
        assert_eq!(before_cut("a b AKI"), "a b");
        assert_eq!(before_cut("AKI"), "");
        let long = "x".repeat(10_000);
        assert_eq!(before_cut(&long).len(), 10_000 - MAX_TOKEN_BYTES);
        assert_eq!(before_cut(&"ж".repeat(5000)).len(), 5904);
    }

    /// Pieces that the matchers look for, in every order that a small generator comes upon.
    #[test]
    fn hostile_text_is_taken_in_linear_time() {
        let pieces = [
            "sk-",
            "ghp_",
            "AKIA",
            "eyJ",
            "eyJaaaaaaaaaa.",
            "-u,",
            "-u ",
            "a://",
            ":",
            "=",
            "token",
            "password",
            "\"",
            "'",
            "\\",
            "\\n",
            "-----BEGIN ",
            "-----END ",
            "PRIVATE KEY-----",
            "-----",
            "bearer ",
            "://",
            "@",
            " ",
            "\n",
            "x",
            "[",
            "[REDACTED:",
            "--token,",
            "1:1,",
            "ж",
            "\u{0}",
            "AA",
            "0123456789:",
            "%3D",
            ")",
            "true",
            "hooks.slack.com/",
            "%3D",
            "name:",
            "value:",
            "<token>",
            "-u",
            "b'",
            "$\"",
            "\\u003d",
            "\u{1b}[1m",
            "\t",
            "a:b",
            "\"password\",",
            "\"cookie\", \"",
            "!a ",
        ];
        let mut seed = 7_u64;
        let mut random = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % most
        };
        let start = std::time::Instant::now();
        for _ in 0..20_000 {
            let text: String = (0..random(30)).map(|_| pieces[random(pieces.len())]).collect();
            let (_, count) = redact(&text);
            assert!(count <= text.len() && before_cut(&text).len() <= text.len());
            let _ = names_secret_file(&text);
        }
        for first in pieces {
            for second in pieces {
                let _ = redact(&format!("{first}{second}").repeat(5_000));
            }
            let _ = redact(&format!("{first}{}", "a-".repeat(100_000)));
        }
        // It takes a second or two; in quadratic time it would be an hour.
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }
}
