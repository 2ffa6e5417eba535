//! The level that stands at the head of a line of text.
//!
//! Conservative: a level is recognised only where loggers put it, and never in prose. `0 errors` and `error rate
//! is 2` say nothing; `error: no such file`, `[error]`, `ERROR` and `2026-11-20 10:00:00 app ERROR` do.
//!
//! Three tables decide: [`MARKS`] has the ways in which a line may begin, [`BEGINNINGS`] the beginnings that are a level in
//! themselves, and [`RULES`] what a word of the head means where it stands. [`Head::passes`] says how far the head goes.

use memchr::memchr;

use crate::record::level::Level;

use super::logfmt::closing_quote;
use super::meaning::level_of_word;
use super::names::is_level_name;

/// How many words the head may have...
const MAX_WORDS: usize = 10;

/// ...and how many of them, after a time, may be anything: a host, a program, a logger.
const MAX_NAMES: usize = 2;

/// Programs that put a word of their own before the level, without a colon.
const PROGRAMS: [&str; 3] = ["npm ", "PHP ", "pnpm "];

/// Beginnings of lines that have no other place for their level. apt says `E: ` and `W: `.
const BEGINNINGS: [(&str, Level); 10] = [
    ("Traceback (most recent call last):", Level::Error),
    ("Exception in thread ", Level::Error),
    ("Unhandled exception. ", Level::Error),
    ("Unhandled exception:", Level::Error),
    ("Task exception was never retrieved", Level::Error),
    ("Error response from daemon", Level::Error),
    ("Error from server (", Level::Error),
    ("E: ", Level::Error),
    ("W: ", Level::Warn),
    ("fatal error: ", Level::Fatal),
];

/// What stands for `there is none` behind `error:`.
const NOTHING: [&str; 15] = [
    "none",
    "nil",
    "<nil>",
    "null",
    "undefined",
    "false",
    "true",
    "no",
    "yes",
    "off",
    "on",
    "\"\"",
    "''",
    "[]",
    "{}",
];

/// Capitals that are also common words; these must be delimited.
const ALSO_WORDS: [&str; 9] =
    ["ALERT", "EMERGENCY", "FAIL", "FINE", "PANIC", "SILLY", "SUCCESS", "VERBOSE", "NOTICE"];

/// Syslog's facilities, which some write before the severity: `daemon.err`.
const FACILITIES: [&str; 12] =
    ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"];

/// Whether a line begins so, and its level then.
type LineStart = (fn(&[u8]) -> bool, fn(&str) -> Option<Level>);

/// How a line may begin, and what reads its level then; nothing else is asked.
const MARKS: [LineStart; 6] = [
    // `<3>` of sd-daemon(3), `<34>` of syslog.
    (|head| matches!(head, [b'<', b'0'..=b'9', ..]), priority),
    // Ruby's Logger: `E, [2026-11-20T10:00:00.123456 #123] ERROR -- : message`.
    (|head| matches!(head, [_, b',', b' ', b'[', ..]), first_letter),
    // CUPS: `E [20/Nov/2026:10:00:00 +0000] message`.
    (|head| matches!(head, [_, b' ', b'[', b'0'..=b'9', b'0'..=b'9', b'/', ..]), first_letter),
    // GitHub's `::error file=a.js::`.
    (|head| head.starts_with(b"::"), workflow_command),
    // Azure's `##[error]`.
    (|head| head.starts_with(b"##["), |text| level_without_marks(text.get(2..)?)),
    // klog and glog: `E1120 10:00:00.123456`, `E20261120 10:00:00`.
    (|head| matches!(head, [b'I' | b'W' | b'E' | b'F', b'0'..=b'9', ..]), klog),
];

/// The level at the head of `text`, if there is one.
#[must_use]
pub fn level(text: &str) -> Option<Level> {
    let text = without_decoration(text);
    if is_prose(text) {
        return level_of_failure(text);
    }
    let head = text.as_bytes();
    match MARKS.iter().find(|(is, _)| is(head)) {
        Some((_, read)) => read(text),
        None => level_without_marks(text).or_else(|| level_of_failure(text)),
    }
}

/// Whether a line begins with two words of which the first is no level, nor anything else that a rule below is about. Most
/// lines that say no level do, and asking each rule costs ten times as much.
fn is_prose(text: &str) -> bool {
    let Some((first, rest)) = text.as_bytes().split_first() else { return false };
    let small = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    // Months and days are written with three letters.
    let is_word = small > 0 && (first.is_ascii_lowercase() || (first.is_ascii_uppercase() && small > 2));
    // A date may follow a label, and begins with 1 or 2.
    let goes_on =
        matches!(rest.get(small..), Some([b' ', b'a'..=b'z' | b'A'..=b'Z' | b'0' | b'3'..=b'9', ..]));
    let begins = |word: &str| word.as_bytes().first() == Some(first) && text.starts_with(word);
    is_word
        && goes_on
        && text.get(..=small).is_some_and(|word| Level::parse(word).is_none())
        && !BEGINNINGS.iter().any(|(word, _)| begins(word))
        && !PROGRAMS.iter().any(|word| begins(word))
}

/// The text behind boxes, bullets and the like that are drawn before it.
fn without_decoration(text: &str) -> &str {
    let is_drawn = |char: char| !char.is_ascii() && !char.is_alphanumeric();
    match text.as_bytes().first() {
        Some(b' ' | b'\t' | 0x80..) => {
            text.trim_start_matches(|char| matches!(char, ' ' | '\t') || is_drawn(char))
        }
        _ => text,
    }
}

fn priority(text: &str) -> Option<Level> {
    let (number, rest) = text.get(1..)?.split_once('>')?;
    // The highest facility is 23, the highest severity 7 (RFC 5424).
    let number: u64 = number.parse().ok().filter(|number| *number <= 191 && !rest.starts_with(' '))?;
    level_without_marks(rest).or_else(|| Level::from_syslog(number % 8))
}

fn first_letter(text: &str) -> Option<Level> {
    level_of_letter(*text.as_bytes().first()?)
}

fn workflow_command(text: &str) -> Option<Level> {
    let (word, _) = text.get(2..)?.split_once([' ', ':'])?;
    Level::parse(word).filter(|_| text.get(2..).is_some_and(|rest| rest.contains("::")))
}

fn klog(text: &str) -> Option<Level> {
    let (date, time) = text.get(1..)?.split_once(' ')?;
    let is_date = matches!(date.len(), 4 | 8) && is_number(date);
    let is_time = matches!(time.as_bytes(), [b'0'..=b'9', b'0'..=b'9', b':', ..]);
    first_letter(text).filter(|_| is_date && is_time)
}

/// The letters of klog, Ruby's Logger, CUPS, Android and `MongoDB`.
fn level_of_letter(letter: u8) -> Option<Level> {
    Some(match letter {
        b'V' | b'T' => Level::Trace,
        b'D' => Level::Debug,
        b'I' | b'N' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    })
}

/// Of lines that were joined: whether a failure that names itself is among them.
fn level_of_failure(text: &str) -> Option<Level> {
    let first = text.get(..memchr(b'\n', text.as_bytes())?)?;
    let fails = |line: &str| is_error(line) || is_throwable(line) || is_traceback(line);
    // Ruby: `x.rb:3:in 'f': boom (RuntimeError)`.
    (first.ends_with("Error)") || text.lines().any(fails)).then_some(Level::Error)
}

fn level_without_marks(text: &str) -> Option<Level> {
    let first = text.as_bytes().first();
    let begins = |word: &str| word.as_bytes().first() == first && text.starts_with(word);
    if let Some((_, level)) = BEGINNINGS.iter().find(|(word, _)| begins(word)) {
        return Some(*level);
    }
    if is_rust_panic(text) {
        return Some(Level::Error);
    }
    if let Some(program) = PROGRAMS.iter().find(|program| begins(program)) {
        let word = text.get(program.len()..)?.split([' ', '!', ':']).next()?;
        return Level::parse(word);
    }
    let mut head = Head::new(text);
    for _ in 0..MAX_WORDS {
        let token = head.next()?;
        if let Some(level) = head.level(&token) {
            return Some(level);
        }
        if !head.passes(&token) {
            return None;
        }
    }
    None
}

/// `thread 'main' panicked at src/main.rs:1:1:`, in recent versions with a number after the name.
pub fn is_rust_panic(text: &str) -> bool {
    text.strip_prefix("thread '")
        .and_then(|rest| rest.split_once('\''))
        .is_some_and(|(_, rest)| rest.contains(" panicked at ") && rest.len() < 4096)
}

/// Also in the message of a logger, and for groups of exceptions.
#[must_use]
pub fn is_traceback(line: &str) -> bool {
    line.trim_end().ends_with("Traceback (most recent call last):")
}

/// `TypeError: x is not a function`, `SyntaxError`, `Uncaught Error`.
#[must_use]
pub fn is_error(line: &str) -> bool {
    let name = line.trim_start_matches("Uncaught ").split([':', ' ']).next().unwrap_or_default();
    name.ends_with("Error") || name.ends_with("Exception")
}

/// `java.lang.IllegalStateException: x`: a name with dots whose last part is a class.
#[must_use]
pub fn is_throwable(line: &str) -> bool {
    let name = line.split([':', ' ']).next().unwrap_or_default();
    let class = name.rsplit('.').next().unwrap_or_default();
    name.len() > class.len()
        && class.starts_with(|char: char| char.is_ascii_uppercase())
        && (class.ends_with("Exception") || class.ends_with("Error") || class.ends_with("Throwable"))
}

/// A word of the head and what is around it.
struct HeadWord<'a> {
    /// Without the colon or comma at its end.
    text: &'a str,
    /// The classes of all its bytes together.
    seen: u8,
    colon: bool,
    /// Whether a bracket or bar stands right before it.
    opened: bool,
    /// What follows.
    rest: &'a str,
}

impl HeadWord<'_> {
    fn has(&self, class: u8) -> bool {
        self.seen & class != 0
    }

    fn is_closed(&self) -> bool {
        self.rest.starts_with(CLOSING)
    }

    /// The word after it, and what follows that.
    fn next(&self) -> (&str, &str) {
        let rest = self.rest.trim_start();
        rest.split_once(' ').unwrap_or((rest, ""))
    }
}

/// The words of a line, one by one, and what was seen so far.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that was seen")]
struct Head<'a> {
    rest: &'a str,
    /// Whether nothing was passed but times and what is drawn around them.
    is_first: bool,
    after_time: bool,
    /// Whether the word before was a time with date, `T` and zone.
    after_full_time: bool,
    after_place: bool,
    /// Names and numbers since the last date.
    names: usize,
    numbers: usize,
    /// Whether the name before was all capitals.
    after_capitals: bool,
}

const OPENING: [char; 4] = ['[', '(', '|', '<'];
const CLOSING: [char; 4] = [']', ')', '|', '>'];

/// What a byte is in a head; all that matters is ASCII. Marks stand between words, ends end them, and times are made of
/// digits and the like.
const MARK: u8 = 1;
const END: u8 = 2;
const OF_TIME: u8 = 4;
const EQUALS: u8 = 8;
const COLON: u8 = 16;
const DOT: u8 = 32;
const NO_TIME: u8 = 64;
const NO_DIGIT: u8 = 128;
const ANY: u8 = 0xff;
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [NO_TIME | NO_DIGIT; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "the index is a byte")]
        {
            classes[byte as usize] = match byte {
                b' ' | b'\t' | b'[' | b']' | b'(' | b')' | b'|' | b'<' | b'>' | b'*' => MARK | END,
                b'!' => MARK | NO_TIME | NO_DIGIT,
                b':' => MARK | OF_TIME | COLON | NO_DIGIT,
                b'-' | b',' => MARK | OF_TIME | NO_DIGIT,
                b'"' | b'{' | b'}' => END,
                b'0'..=b'9' => OF_TIME,
                b'.' => OF_TIME | DOT | NO_DIGIT,
                b'/' | b'+' | b'T' | b'Z' | b'A' | b'P' | b'M' | b'm' => OF_TIME | NO_DIGIT,
                b'=' => EQUALS | NO_TIME | NO_DIGIT,
                _ => NO_TIME | NO_DIGIT,
            };
        }
        byte += 1;
    }
    classes
}

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// The level that a word is where it stands, by one rule.
type LevelRule = fn(&Head, &HeadWord) -> Option<Level>;

/// The first rule that finds a level decides. Each with the classes of bytes of which the word must have one.
const RULES: [(u8, LevelRule); 7] = [
    (EQUALS, pair),
    (COLON, between_colons),
    (ANY, in_brackets),
    (ANY, letter),
    (DOT, facility),
    (ANY, after_full_time),
    (ANY, bare),
];

/// `level=error`, `level="error"`, `level='error'`.
fn pair(_: &Head, token: &HeadWord) -> Option<Level> {
    let (key, value) = token.text.split_once('=')?;
    if !is_level_name(key) {
        return None;
    }
    // The quote that may stand before the value ends the word.
    let quoted = || token.rest.strip_prefix('"')?.split('"').next();
    let value = if value.is_empty() { quoted()? } else { value.trim_matches('\'') };
    level_of_word(value)
}

/// `[1:1:1120/100000.123:ERROR:file.cc(1)]`, `10:00:00,123:ERROR:message`, `Thread-15::DEBUG::2026-11-20`.
fn between_colons(head: &Head, token: &HeadWord) -> Option<Level> {
    let mut parts = token.text.split("::").skip(1);
    if let (true, Some(word), Some(next)) = (head.is_first, parts.next(), parts.next())
        && next.starts_with(|char: char| char.is_ascii_digit())
        && let Some(level) = Level::parse(word).filter(|_| is_capital(word))
    {
        return Some(level);
    }
    if !(token.opened || token.text.starts_with(|char: char| char.is_ascii_digit())) {
        return None;
    }
    token.text.split(':').filter(|part| is_capital(part)).find_map(Level::parse)
}

/// `[error]`, Apache's `[core:error]`, Python's `[INFO/MainProcess]`; `<error>` of XML goes on at once.
fn in_brackets(_: &Head, token: &HeadWord) -> Option<Level> {
    let closed = token.is_closed();
    if !(token.opened || closed) {
        return None;
    }
    if token.rest.starts_with('>') && !token.rest.starts_with("> ") {
        return None;
    }
    let last = token.text.rsplit(':').next().unwrap_or_default();
    let first = token.text.split('/').next().unwrap_or_default();
    let level = Level::parse(last).or_else(|| Level::parse(first))?;
    (closed || token.colon || is_capital(token.text)).then_some(level)
}

/// Android's `03-17 16:13:38.811  1702  2395 D Tag: message`, `MongoDB`'s `2016-11-20T10:00:00.000+0000 W NETWORK  [conn1] x`.
fn letter(head: &Head, token: &HeadWord) -> Option<Level> {
    let &[letter] = token.text.as_bytes() else { return None };
    if !head.after_time || head.names > 0 || token.colon || !token.rest.starts_with(' ') {
        return None;
    }
    let (next, after) = token.next();
    let is_tag =
        next.ends_with(':') || is_capital(next) || (next == "-" && after.trim_start().starts_with('['));
    // After the numbers of a process and a thread a letter is not a word.
    if is_tag || head.numbers >= 2 { level_of_letter(letter) } else { None }
}

/// `Nov 20 10:00:00 host daemon.err program: message`.
fn facility(head: &Head, token: &HeadWord) -> Option<Level> {
    let (facility, severity) = token.text.split_once('.')?;
    let is_local = matches!(facility.as_bytes(), [b'l', b'o', b'c', b'a', b'l', b'0'..=b'7']);
    let is_facility = head.after_time && (is_local || FACILITIES.contains(&facility));
    if is_facility { Level::parse(severity) } else { None }
}

/// `2022-06-02T10:54:45.001Z debug program [1234] message`: a small letter, so that a bracket must follow.
fn after_full_time(head: &Head, token: &HeadWord) -> Option<Level> {
    if !head.after_full_time || token.colon || !token.rest.starts_with(' ') {
        return None;
    }
    let (next, after) = token.next();
    let is_program = next.starts_with('[') || after.starts_with('[');
    if is_program { Level::parse(token.text) } else { None }
}

/// A word that nothing encloses.
fn bare(head: &Head, token: &HeadWord) -> Option<Level> {
    if !(head.is_first || head.after_time || head.after_place || token.colon) {
        return None;
    }
    // Python's `ERROR:root:message` and Laravel's `local.ERROR:`.
    let mut text = token.text;
    match text.split_once(':').filter(|_| token.has(COLON)) {
        Some((before, _)) if is_capital(before) => text = before,
        _ if token.colon => text = text.rsplit('.').next().filter(|last| is_capital(last)).unwrap_or(text),
        _ => {}
    }
    let level = Level::parse(text)?;
    if token.colon {
        return (!is_count(token.rest) && !is_nothing(token.rest)).then_some(level);
    }
    // `main.c:3:5: fatal error: x.h`, `x.ts(1,2): error TS2304: message`.
    let code = || Some(token.rest.strip_prefix(' ')?.split_once(": ")?.0);
    if head.after_place && code().is_some_and(|code| is_code(code) || code == "error") {
        return Some(level);
    }
    let capital = is_capital(text) && !ALSO_WORDS.contains(&text);
    // `error[E0425]: cannot find`, `INFO[0000] started`.
    let code = token.rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let with_code = code.is_some_and(|(_, rest)| capital || rest.starts_with(':'));
    let apart = token.rest.starts_with('\t') || (head.after_time && token.rest.starts_with("  "));
    let ends = token.rest.is_empty() || token.rest.starts_with([' ', '\t', '*']);
    // A table has numbers there.
    let numbers = token.rest.trim();
    let is_row = !numbers.is_empty() && is_number(numbers);
    let found = with_code || (capital && ends) || (apart && text.len() < token.rest.len());
    (found && !is_row).then_some(level)
}

impl<'a> Head<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, is_first: true, ..Self::default() }
    }

    fn next(&mut self) -> Option<HeadWord<'a>> {
        let bytes = self.rest.as_bytes();
        let start = bytes.iter().position(|byte| class(*byte) & MARK == 0)?;
        let mut seen = 0;
        let mut end = start;
        while let Some(class) = bytes.get(end).map(|byte| class(*byte)).filter(|class| class & END == 0) {
            seen |= class;
            end += 1;
        }
        let (marks, _) = self.rest.split_at(start);
        let word = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        let text = word.trim_end_matches([':', ',', '!', '.', ';']);
        let colon = word.as_bytes().get(text.len()) == Some(&b':');
        Some(HeadWord { text, seen, colon, opened: marks.ends_with(OPENING), rest: self.rest })
    }

    /// The level that the word is, where it stands.
    fn level(&self, token: &HeadWord) -> Option<Level> {
        // No level has only letters of times, but for one that is a letter.
        if !token.has(NO_TIME) && token.text.len() > 1 {
            return None;
        }
        RULES.iter().filter(|(class, _)| token.has(*class)).find_map(|(_, rule)| rule(self, token))
    }

    /// Whether the head may go on after the word.
    fn passes(&mut self, token: &HeadWord<'a>) -> bool {
        let was_first = std::mem::replace(&mut self.is_first, false);
        let after_capitals = std::mem::replace(&mut self.after_capitals, false);
        self.after_full_time = false;
        if token.has(EQUALS)
            && let Some((key, value)) = token.text.split_once('=')
        {
            return !key.is_empty() && self.passes_value(value, token);
        }
        if is_time(token) || (was_first && is_compact_date(token)) {
            self.pass_time(token);
            return true;
        }
        // The number of a process, after a time.
        if self.after_time && !token.has(NO_DIGIT) {
            self.numbers += 1;
            return true;
        }
        if token.opened {
            // Whatever is in brackets, to their end.
            self.is_first = was_first;
            return true;
        }
        // `app-1  | ` of docker compose, and one word before the time: a file, a label.
        if was_first && !self.after_time && is_label(token) {
            self.is_first = true;
            return true;
        }
        // `src/main.c:3:5:`, `src/x.ts(1,2):` and `clang:` before a level with a colon or a code of its own.
        let is_place =
            was_first && (token.colon || token.rest.starts_with('(') || token.rest.starts_with(" - "));
        self.after_place |= is_place;
        is_place || (self.after_time && self.passes_name(token.text, after_capitals))
    }

    /// Passes over a value in quotes as a whole: `key="some words"`, `key='some words'`.
    fn passes_value(&mut self, value: &str, token: &HeadWord<'a>) -> bool {
        if let Some(quoted) = token.rest.strip_prefix('"').filter(|_| value.is_empty()) {
            let Some(end) = closing_quote(quoted, b'"') else { return false };
            self.rest = quoted.get(end + 1..).unwrap_or_default();
        } else if value.starts_with('\'') && (value.len() == 1 || !value.ends_with('\'')) {
            let Some(end) = closing_quote(token.rest, b'\'') else { return false };
            self.rest = token.rest.get(end + 1..).unwrap_or_default();
        }
        true
    }

    fn pass_time(&mut self, token: &HeadWord) {
        self.is_first = true;
        self.after_time = true;
        let text = token.text.as_bytes();
        self.after_full_time =
            text.get(10) == Some(&b'T') && !text.last().is_some_and(u8::is_ascii_whitespace);
        if text.len() >= 10 {
            (self.names, self.numbers) = (0, 0);
        }
    }

    /// Two names may be anything; a third only one of capitals after another: `NODE RAS KERNEL FATAL`.
    fn passes_name(&mut self, name: &str, after_capitals: bool) -> bool {
        self.names += 1;
        self.after_capitals = is_capital(name);
        self.names <= MAX_NAMES || (self.names == MAX_NAMES + 1 && after_capitals && self.after_capitals)
    }
}

/// All letters and all upper case.
fn is_capital(word: &str) -> bool {
    word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Digits and nothing else.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `TS2304`, `CS1002`.
fn is_code(code: &str) -> bool {
    let digits = code.trim_start_matches(|char: char| char.is_ascii_uppercase());
    digits.len() >= 3 && digits.len() < code.len() && is_number(digits)
}

/// What follows `error:` where it counts errors: nought, of whatever, or a list of numbers. `ERROR: 5` says more.
fn is_count(rest: &str) -> bool {
    let rest = rest.trim();
    let end = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    let is_zero = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    is_zero && (rest.is_empty() || rest.starts_with([',', ';', '%', ' ']))
        || (!digits.is_empty() && rest.starts_with([',', ';']) && rest.contains(':'))
}

/// What follows `error:` where a setting or an answer says that there is none.
fn is_nothing(rest: &str) -> bool {
    let rest = rest.trim().trim_end_matches([',', ';', '.']);
    let rest = rest.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(rest);
    NOTHING.contains(&rest)
}

/// Digits and what stands between them in dates and times; names of months, days and zones.
fn is_time(token: &HeadWord) -> bool {
    const NAMES: [&str; 23] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue",
        "Wed", "Thu", "Fri", "Sat", "Sun", "UTC", "GMT", "AM", "PM",
    ];
    let word = token.text;
    match word.as_bytes() {
        [b'0'..=b'9' | b'+', ..] => {
            // A number alone counts something, unless it is unix time.
            let is_long = word.len() >= 8 || word.contains(['-', ':', '/', '.', '+']);
            if is_long && !token.has(NO_TIME) {
                return true;
            }
            // `20-Nov-2026`, `20/Nov/2026:10:00:00`.
            let month = |(day, rest): (&str, &'_ str)| {
                day.len() <= 2 && rest.get(..3).is_some_and(|month| NAMES.contains(&month))
            };
            word.split_once(['-', '/']).is_some_and(month)
        }
        [b'A'..=b'Z', _] | [b'A'..=b'Z', _, _] => NAMES.contains(&word),
        _ => false,
    }
}

/// `081109 203615`: year, month, day, and after it hours, minutes, seconds.
fn is_compact_date(token: &HeadWord) -> bool {
    let pairs = |word: &str, most: [u8; 3]| {
        let (pairs, rest) = word.as_bytes().as_chunks::<2>();
        let fits = |([tens, ones], most): (&[u8; 2], u8)| {
            tens.is_ascii_digit() && ones.is_ascii_digit() && (tens - b'0') * 10 + ones - b'0' <= most
        };
        pairs.len() == 3 && rest.is_empty() && pairs.iter().zip(most).all(fits)
    };
    token.text.len() == 6 && pairs(token.text, [99, 12, 31]) && pairs(token.next().0, [23, 59, 59])
}

/// Whether the line proper follows: behind a bar, or with a date with year, month and day, perhaps behind unix time.
fn is_label(token: &HeadWord) -> bool {
    // Most words are followed by another word.
    match token.rest.bytes().find(|byte| *byte != b' ') {
        Some(b'|') => return token.rest.trim_start().starts_with("| "),
        Some(b'1' | b'2') => {}
        _ => return false,
    }
    let is_date = |text: &str| {
        matches!(text.as_bytes(), [b'1' | b'2', y, _, _, b'-' | b'.' | b'/', m, _, b'-' | b'.' | b'/', d, _, ..]
            if [y, m, d].iter().all(|digit| digit.is_ascii_digit()))
    };
    let (next, after) = token.next();
    token.rest.starts_with(' ') && (is_date(next) || (next.len() == 10 && is_number(next) && is_date(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn levels_are_recognised_where_loggers_put_them() {
        use Level::{Debug, Error, Fatal, Info, Trace, Warn};
        for (line, expected) in [
            // Bare, with a colon, in brackets.
            ("ERROR no such file", Error),
            ("ERROR", Error),
            ("WARN  two spaces", Warn),
            ("error: no such file", Error),
            ("Error: Cannot find module 'x'", Error),
            ("warning: unused variable: `x`", Warn),
            ("error[E0425]: cannot find value `x` in this scope", Error),
            ("[warn] low on space", Warn),
            ("[ERROR] failed", Error),
            ("(debug) step", Debug),
            ("|INFO| started", Info),
            ("<warning> x", Warn),
            ("[info]: x", Info),
            ("   ERROR indented", Error),
            ("panic: runtime error: index out of range", Fatal),
            ("fatal: not a git repository", Fatal),
            ("fatal error: all goroutines are asleep - deadlock!", Fatal),
            ("CRITICAL:root:message", Fatal),
            ("WARNING:django.request:Not Found: /x", Warn),
            ("ERROR    tests/test_x.py:10 boom", Error),
            ("SEVERE: Exception while dispatching", Error),
            ("FINE: entering", Debug),
            ("FINEST: entering", Trace),
            // After a time.
            ("2026-11-20 10:00:00,123 ERROR message", Error),
            ("2026-11-20 10:00:00,123 - my.module - ERROR - message", Error),
            ("2026-11-20 10:00:00,123 my_module WARNING message", Warn),
            ("2026-11-20T10:00:00.123456Z  WARN hyper::server: slow", Warn),
            ("2026-11-20T10:00:00.123+01:00 info: Server started", Info),
            ("2026-11-20T10:00:00.123Z\terror\tcaller/file.go:12\tmessage", Error),
            ("1763632800.123\tdebug\tmessage", Debug),
            ("10:00:00.123 [main] ERROR com.foo.Bar - failed", Error),
            ("10:00AM INF started port=80", Info),
            ("2026-11-20T10:00:00Z ERR failed error=x", Error),
            ("2026-11-20 10:00:00.000  INFO 1234 --- [main] o.s.Boot : Started", Info),
            ("2026-11-20T10:00:00.000+01:00 ERROR 1 --- [nio-1] o.a.c : Servlet threw", Error),
            ("[2026-11-20T10:00:00Z ERROR my_crate] failed", Error),
            ("[2026-11-20 10:00:00] local.ERROR: failed {\"a\":1}", Error),
            ("[2026-11-20 10:00:00,123: WARNING/MainProcess] slow", Warn),
            ("[INFO/MainProcess] started", Info),
            ("2026/11/20 10:00:00 [error] 31#31: *1 open() \"/x\" failed", Error),
            ("[Fri Nov 20 10:00:00.123456 2026] [core:error] [pid 1:tid 2] AH00126: x", Error),
            ("Nov 20 10:00:00 web01 app[123]: ERROR: failed", Error),
            ("Nov 20 10:00:00 web01 kernel: WARNING: CPU: 0", Warn),
            ("2026-11-20 10:00:00.123 UTC [42] FATAL:  role does not exist", Fatal),
            ("2026-11-20 10:00:00 | ERROR    | __main__:f:1 - failed", Error),
            // Marks of their own.
            ("<3>disk failing", Error),
            ("<6>started", Info),
            ("<34>Nov 20 10:00:00 host su: failed", Fatal),
            ("<14>Nov 20 10:00:00 host app: ERROR: failed", Error),
            ("E1120 10:00:00.123456   1234 file.go:12] failed", Error),
            ("W20261120 10:00:00.123456 1 file.cc:1] slow", Warn),
            ("I1120 10:00:00.123456   1234 file.go:12] fine", Info),
            ("INFO[0000] started", Info),
            ("ERRO[0012] failed", Error),
            ("info: Microsoft.Hosting.Lifetime[14]", Info),
            ("fail: Microsoft.AspNetCore[1]", Error),
            ("npm ERR! code E404", Error),
            ("npm error code E404", Error),
            ("npm WARN deprecated x@1: y", Warn),
            ("npm warn deprecated x@1: y", Warn),
            ("PHP Warning:  Undefined variable $x in /x.php on line 1", Warn),
            ("PHP Fatal error:  Uncaught Exception", Fatal),
            // key=value.
            ("level=error msg=failed", Error),
            ("time=\"2026-11-20T10:00:00Z\" level=warning msg=\"a \\\" b\" x=1", Warn),
            ("time=2026-11-20T10:00:00.000Z level=INFO msg=started", Info),
            ("ts=2026-11-20 caller=main.go:1 level=debug msg=x", Debug),
            ("level=\"error\" msg=x", Error),
            ("time=x level=ERROR+2 msg=y", Error),
            ("2026-11-20T10:00:00Z level=error msg=x", Error),
            // Compilers.
            ("main.c:3:5: error: 'x' undeclared", Error),
            ("src/a.cpp:10:1: warning: unused", Warn),
            ("clang: error: no such file or directory: 'x'", Error),
            ("main.c:3:5: fatal error: x.h: No such file", Fatal),
            ("src/x.ts(1,2): error TS2304: Cannot find name", Error),
            ("src/x.ts:1:2 - error TS2304: x", Error),
            ("Program.cs(3,5): error CS1002: ; expected", Error),
            // Others with ways of their own.
            ("E, [2026-11-20T10:00:00.123456 #123] ERROR -- : x", Error),
            ("20-Nov-2026 10:00:00.000 SEVERE [main] x", Error),
            ("20/Nov/2026:10:00:00 +0000 ERROR x", Error),
            ("app-1  | ERROR x", Error),
            ("web_1  | 2026-11-20 10:00:00 WARN x", Warn),
            ("[1:1:1120/100000.123456:ERROR:file.cc(1)] x", Error),
            ("2026-11-20 10:00:00,123:ERROR:x", Error),
            ("::error file=a.js,line=1::x", Error),
            ("##[warning]x", Warn),
            ("│ Error: x", Error),
            ("❌ Error: x", Error),
            ("*** ERROR: x", Error),
            ("**ERROR** x", Error),
            ("ERROR... x", Error),
            ("ERROR; x", Error),
            ("ERROR: 5", Error),
            ("Error: 500", Error),
            ("EROR[11-20|10:00:00.000] x", Error),
            ("E: Unable to locate package x", Error),
            ("W: GPG error: x", Warn),
            ("Error response from daemon: x", Error),
            ("Unhandled exception. System.Exception: x", Error),
            // Times, letters and labels of their own.
            ("081109 214043 2561 WARN dfs.DataNode: x", Warn),
            ("03-17 16:13:38.811  1702  2395 D WindowManager: x", Debug),
            ("03-17 16:13:38.811  1702  2395 V Two Words: x", Trace),
            ("2026-11-20T10:00:00.000+0000 W NETWORK  [conn1] x", Warn),
            ("2026-11-20T10:00:00.000+0000 E -        [main] x", Error),
            ("E [20/Nov/2026:10:00:00 +0000] [Job 1] x", Error),
            ("api.log.1 2026-11-20 00:00:20.345 2931 WARNING x [req-1] y", Warn),
            ("- 1117838570 2026.11.20 R02-M1 2026-11-20-15.42.50.675872 R02-M1 RAS KERNEL FATAL x", Fatal),
            ("LABEL 1117838570 2026.11.20 R02-M1 2026-11-20-15.42.50.675872 R02-M1 RAS APP ERROR x", Error),
            ("Nov 20 10:00:00 router daemon.err mcad: x", Error),
            ("2026-11-20T10:54:45.001Z debug wcp [4201] x", Debug),
            ("2026-11-20T10:54:45.001Z warning vpxd[4201] [x] y", Warn),
            ("Thread-15::DEBUG::2026-11-20 10:00:00,737::x::y", Debug),
            ("event='x y' level='error'", Error),
            // Failures.
            ("java.lang.IllegalStateException: x\n\tat A.f(A.java:2)", Error),
            ("TypeError: x\n    at f (/x.js:1:1)", Error),
            ("x.rb:3:in 'f': boom (RuntimeError)\n\tfrom x.rb:9", Error),
            ("Traceback (most recent call last):", Error),
            ("Exception in thread \"main\" java.lang.RuntimeException: x", Error),
            ("thread 'main' panicked at src/main.rs:2:5:", Error),
            ("thread 'main' (1234) panicked at src/main.rs:2:5:", Error),
            ("/x.js:1\n    throw e;\n    ^\n\nTypeError: x\n    at f", Error),
            ("started\njava.lang.IllegalStateException: x\n\tat f", Error),
        ] {
            assert_eq!(level(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn prose_has_no_level() {
        for line in [
            "",
            " ",
            "0 errors, 0 warnings",
            "0 errors",
            "no errors found",
            "error rate is 2 percent",
            "Error handling is enabled",
            "errors: 0",
            "error: 0",
            "error: 0, warning: 0",
            "error: 3, warning: 0",
            "warning: 0 ",
            "Error: 0%",
            "error: 0.0%",
            "error: none",
            "err: <nil>",
            "  error: null,",
            "fatal: false",
            "  warn: 'off',",
            "verbose: true",
            "ERROR     3",
            "ERROR\t3",
            "3\tERROR\tfoo",
            "   10 ERROR",
            "<error>foo</error>",
            "<3> hearts",
            "2026 ERROR budget",
            ":: a heading",
            "error_count=0 warn=3",
            "errors=0",
            "DEBUG=1 make all",
            "test result: ok. 3 passed; 0 failed",
            "an ERROR in the middle",
            "information about the system",
            "Warning lights are on",
            "fine, thanks",
            "FINE WORK",
            "PANIC ROOM",
            "2026-11-20 10:00:00 error rate is 2",
            "2026-11-20 10:00:00 nothing to see here, no ERROR at all",
            "the info desk [error]",
            "GET /error HTTP/1.1",
            "127.0.0.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /error HTTP/1.1\" 200 5 \"-\" \"error\"",
            "{\"level\":\"error\", broken",
            "E1120 is a model of car",
            "Error404",
            "errored: x",
            "<html>",
            "<9999>x",
            "<3",
            "a=b error happened",
            "level= x",
            "level=loud msg=x",
            "msg=\"level=error\"",
            "msg=\"unclosed level=error",
            "---",
            "[]()",
            "thread 'main' is fine",
            "TypeError: x",
            "list:\n  TypeError: x\n  another",
            "2026-11-20 10:00:00 I went home",
            "2026-11-20 10:00:00 host app D is a letter",
            "2026-11-20T10:00:00Z error rate is 2",
            "2026-11-20T10:00:00.123456789Z info desk opens at nine",
            "Nov 20 10:00:00 mac app: SecOSStatusWith error:[-50] x",
            "Nov 20 10:00:00 mac one two three ERROR x",
            "Nov 20 10:00:00 host my.err is here",
            "123456 items ERROR x",
            "991399 991399 WARN x",
            "std::ERROR::x",
        ] {
            assert_eq!(level(line), None, "{line}");
        }
    }

    #[test]
    fn what_looks_like_prose_is_nothing_that_a_rule_is_about() {
        let rules = |line: &str| level_without_marks(line).or_else(|| level_of_failure(line));
        for word in BEGINNINGS.iter().map(|(word, _)| *word).chain(PROGRAMS) {
            assert!(!is_prose(&format!("{word}x y")), "{word}");
        }
        let words = [
            "a",
            "D",
            "Nov",
            "Mon",
            "May",
            "Maybe",
            "error",
            "Info",
            "npm",
            "label",
            "x:",
            "ERROR",
            "W",
            "T",
            "123456",
            "1763632800",
            "2026-11-20",
            "081109",
            "-",
            "|",
            "(x)",
            "[x]",
            "level=error",
            "main.c:3:5:",
            "thread",
            "'x'",
        ];
        for first in words {
            for second in words {
                for third in words {
                    let line = format!("{first} {second} {third} ERROR x");
                    assert!(!is_prose(&line) || rules(&line).is_none(), "{line}");
                }
            }
        }
    }

    #[test]
    fn hostile_heads_are_read_in_no_time() {
        for unit in ["[", "<1", "a=\"", "1:", "[x]", "é", "=", "thread '", "\"\\"] {
            assert!(level(&unit.repeat(100_000)).is_none(), "{unit}");
        }
    }
}
