//! The level that stands at the head of a line of text.
//!
//! Conservative: a level is recognised only where loggers put it, and never in prose. `0 errors` and `error rate
//! is 2` say nothing; `error: no such file`, `[error]`, `ERROR` and `2026-11-20 10:00:00 app ERROR` do.

use crate::record::level::Level;

use super::level_of_word;
use super::logfmt::closing_quote;

/// How many words the head may have...
const MAX_WORDS: usize = 10;

/// ...and how many of them, after a time, may be anything: a host, a program, a logger.
const MAX_NAMES: usize = 2;

/// Programs that put a word of their own before the level, without a colon.
const PROGRAMS: [&str; 3] = ["npm ", "PHP ", "pnpm "];

/// How lines begin that are an error whatever else they say, and what has no other place to say so.
const FAILURES: [&str; 6] = [
    "Traceback (most recent call last):",
    "Exception in thread ",
    "Unhandled exception. ",
    "Error response from daemon",
    "Error from server (",
    "E: ",
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

/// The level at the head of `text`, if there is one.
#[must_use]
pub fn level(text: &str) -> Option<Level> {
    // Boxes, bullets and the like are drawn before it.
    let is_drawn = |char: char| !char.is_ascii() && !char.is_alphanumeric();
    let text = text.trim_start_matches(|char| matches!(char, ' ' | '\t') || is_drawn(char));
    match text.as_bytes() {
        [] => return None,
        // `<3>` of sd-daemon(3), `<34>` of syslog: facility and severity.
        [b'<', b'0'..=b'9', ..] => {
            let (number, rest) = text.get(1..)?.split_once('>')?;
            let number: u64 =
                number.parse().ok().filter(|number| *number <= 191 && !rest.starts_with(' '))?;
            return level_without_marks(rest).or_else(|| Level::from_syslog(number % 8));
        }
        // Ruby's Logger: `E, [2026-11-20T10:00:00.123456 #123] ERROR -- : message`.
        [letter, b',', b' ', b'[', ..] => return level_of_letter(*letter),
        // GitHub's `::error file=a.js::` and Azure's `##[error]`.
        [b':', b':', ..] => {
            let (word, _) = text.get(2..)?.split_once([' ', ':'])?;
            return Level::parse(word).filter(|_| text.get(2..).is_some_and(|rest| rest.contains("::")));
        }
        [b'#', b'#', b'[', ..] => return level_without_marks(text.get(2..)?),
        // klog and glog: `E1120 10:00:00.123456`, `E20261120 10:00:00`.
        [letter @ (b'I' | b'W' | b'E' | b'F'), b'0'..=b'9', ..] => {
            let (date, time) = text.get(1..)?.split_once(' ')?;
            let is_date = matches!(date.len(), 4 | 8) && date.bytes().all(|byte| byte.is_ascii_digit());
            let is_time = matches!(time.as_bytes(), [b'0'..=b'9', b'0'..=b'9', b':', ..]);
            return level_of_letter(*letter).filter(|_| is_date && is_time);
        }
        _ => {}
    }
    level_without_marks(text).or_else(|| level_of_failure(text))
}

/// The letters of klog and of Ruby's Logger.
fn level_of_letter(letter: u8) -> Option<Level> {
    Some(match letter {
        b'D' => Level::Debug,
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    })
}

/// Of lines that were joined: whether a failure that names itself is among them.
fn level_of_failure(text: &str) -> Option<Level> {
    let (first, _) = text.split_once('\n')?;
    let fails = |line: &str| is_error(line) || is_throwable(line) || is_traceback(line);
    // Ruby: `x.rb:3:in 'f': boom (RuntimeError)`.
    (first.ends_with("Error)") || text.lines().any(fails)).then_some(Level::Error)
}

fn level_without_marks(text: &str) -> Option<Level> {
    if FAILURES.iter().any(|head| text.starts_with(head)) || is_rust_panic(text) {
        return Some(Level::Error);
    }
    if text.starts_with("fatal error: ") {
        return Some(Level::Fatal);
    }
    // apt says `W: ` as it says `E: `.
    if text.starts_with("W: ") {
        return Some(Level::Warn);
    }
    if let Some(rest) = PROGRAMS.iter().find_map(|program| text.strip_prefix(program)) {
        let word = rest.split([' ', '!', ':']).next().unwrap_or_default();
        return Level::parse(word);
    }
    let mut head = Head::new(text);
    for _ in 0..MAX_WORDS {
        let word = head.next()?;
        if let Some(level) = head.level(&word) {
            return Some(level);
        }
        if !head.passes(&word) {
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

/// A word and what is around it.
struct Word<'a> {
    /// Without the colon or comma at its end.
    text: &'a str,
    colon: bool,
    /// Whether a bracket or bar stands right before it.
    opened: bool,
    /// What follows.
    rest: &'a str,
}

/// The words of a line, one by one, and what was seen so far.
struct Head<'a> {
    rest: &'a str,
    first: bool,
    after_time: bool,
    after_place: bool,
    names: usize,
}

const OPENING: [char; 4] = ['[', '(', '|', '<'];
const CLOSING: [char; 4] = [']', ')', '|', '>'];

/// What a byte is in a head; all that matters is ASCII.
const MARK: u8 = 1;
const END: u8 = 2;
const OF_TIME: u8 = 4;
static CLASSES: [u8; 256] = classes();

/// Marks stand between words, ends end them, and times are made of digits and the like.
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "the index is a byte")]
        {
            classes[byte as usize] = match byte {
                b' ' | b'\t' | b'[' | b']' | b'(' | b')' | b'|' | b'<' | b'>' | b'*' => MARK | END,
                b'!' => MARK,
                b'-' | b',' | b':' => MARK | OF_TIME,
                b'"' | b'{' | b'}' => END,
                b'0'..=b'9' | b'.' | b'/' | b'+' | b'T' | b'Z' | b'A' | b'P' | b'M' | b'm' => OF_TIME,
                _ => 0,
            };
        }
        byte += 1;
    }
    classes
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|found| found & class != 0)
}

impl<'a> Head<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, first: true, after_time: false, after_place: false, names: 0 }
    }

    fn next(&mut self) -> Option<Word<'a>> {
        let start = self.rest.bytes().position(|byte| !is(byte, MARK))?;
        let (marks, rest) = self.rest.split_at(start);
        let opened = marks.ends_with(OPENING);
        let end = rest.bytes().position(|byte| is(byte, END));
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        let text = word.trim_end_matches([':', ',', '!', '.', ';']);
        Some(Word {
            text,
            colon: word.get(text.len()..).is_some_and(|end| end.starts_with(':')),
            opened,
            rest,
        })
    }

    /// The level that the word is, where it stands.
    fn level(&self, word: &Word) -> Option<Level> {
        if let Some((key, value)) = word.text.split_once('=') {
            let is_level = super::is_level_name(key);
            // The quote that may stand before the value ends the word.
            let value =
                if value.is_empty() { word.rest.strip_prefix('"')?.split('"').next()? } else { value };
            return if is_level { level_of_word(value) } else { None };
        }
        // `[1:1:1120/100000.123:ERROR:file.cc(1)]`, `10:00:00,123:ERROR:message`.
        if word.text.contains(':')
            && (word.opened || word.text.starts_with(|char: char| char.is_ascii_digit()))
        {
            let found = word.text.split(':').filter(|part| is_capital(part)).find_map(Level::parse);
            if found.is_some() {
                return found;
            }
        }
        let closed = word.rest.starts_with(CLOSING);
        // An element of XML goes on at once.
        let is_element = word.rest.starts_with('>') && !word.rest.starts_with("> ");
        if is_element {
            return None;
        }
        if word.opened || closed {
            // Apache's `[core:error]`, Python's `[INFO/MainProcess]`.
            let last = word.text.rsplit(':').next().unwrap_or_default();
            let first = word.text.split('/').next().unwrap_or_default();
            if let Some(level) = Level::parse(last).or_else(|| Level::parse(first))
                && (closed || word.colon || is_capital(word.text))
            {
                return Some(level);
            }
        }
        if !(self.first || self.after_time || self.after_place || word.colon) {
            return None;
        }
        // Python's `ERROR:root:message` and Laravel's `local.ERROR:`.
        let mut text = word.text;
        match text.split_once(':') {
            Some((before, _)) if is_capital(before) => text = before,
            _ if word.colon => text = text.rsplit('.').next().filter(|last| is_capital(last)).unwrap_or(text),
            _ => {}
        }
        let level = Level::parse(text)?;
        if word.colon {
            return (!is_count(word.rest) && !is_nothing(word.rest)).then_some(level);
        }
        // `main.c:3:5: fatal error: x.h`, `x.ts(1,2): error TS2304: message`.
        let code = || Some(word.rest.strip_prefix(' ')?.split_once(": ")?.0);
        let is_code = |code: &str| {
            let digits = code.trim_start_matches(|char: char| char.is_ascii_uppercase());
            digits.len() >= 3 && digits.len() < code.len() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if self.after_place && code().is_some_and(|code| is_code(code) || code == "error") {
            return Some(level);
        }
        let capital = is_capital(text) && !ALSO_WORDS.contains(&text);
        // `error[E0425]: cannot find`, `INFO[0000] started`.
        let code = word.rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let with_code = code.is_some_and(|(_, rest)| capital || rest.starts_with(':'));
        let apart = word.rest.starts_with('\t') || (self.after_time && word.rest.starts_with("  "));
        let ends = word.rest.is_empty() || word.rest.starts_with([' ', '\t', '*']);
        // A table has numbers there.
        let numbers = word.rest.trim();
        let is_row = !numbers.is_empty() && numbers.bytes().all(|byte| byte.is_ascii_digit());
        let found = with_code || (capital && ends) || (apart && text.len() < word.rest.len());
        (found && !is_row).then_some(level)
    }

    /// Whether the head may go on after the word.
    fn passes(&mut self, word: &Word<'a>) -> bool {
        let was_first = std::mem::replace(&mut self.first, false);
        if let Some((key, value)) = word.text.split_once('=') {
            // `key="some words"` is passed over as a whole.
            if value.is_empty()
                && let Some(quoted) = word.rest.strip_prefix('"')
            {
                let Some(end) = closing_quote(quoted) else { return false };
                self.rest = quoted.get(end + 1..).unwrap_or_default();
            }
            return !key.is_empty();
        }
        if is_time(word.text) {
            self.after_time = true;
            self.first = true;
            return true;
        }
        // A number of a process, after a time.
        if self.after_time && word.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return true;
        }
        if word.opened {
            // Whatever is in brackets, to their end.
            self.first = was_first;
            return true;
        }
        // `app-1  | ` of docker compose.
        if was_first && !self.after_time && word.rest.trim_start().starts_with("| ") {
            self.first = true;
            return true;
        }
        // `src/main.c:3:5:`, `src/x.ts(1,2):` and `clang:` before a level with a colon or a code of its own.
        let is_place =
            was_first && (word.colon || word.rest.starts_with('(') || word.rest.starts_with(" - "));
        self.after_place |= is_place;
        if self.after_time {
            self.names += 1;
        }
        is_place || (self.after_time && self.names <= MAX_NAMES)
    }
}

/// All letters and all upper case.
fn is_capital(word: &str) -> bool {
    word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_uppercase())
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
fn is_time(word: &str) -> bool {
    const NAMES: [&str; 23] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue",
        "Wed", "Thu", "Fri", "Sat", "Sun", "UTC", "GMT", "AM", "PM",
    ];
    let starts_right = word.starts_with(|char: char| char.is_ascii_digit() || char == '+');
    // `20-Nov-2026`, `20/Nov/2026:10:00:00`.
    if starts_right && let Some((day, rest)) = word.split_once(['-', '/']) {
        let month = rest.get(..3).unwrap_or_default();
        if day.len() <= 2 && NAMES.contains(&month) {
            return true;
        }
    }
    // A number alone counts something, unless it is unix time.
    let is_long = word.len() >= 8 || word.contains(['-', ':', '/', '.', '+']);
    (starts_right && is_long && word.bytes().all(|byte| is(byte, OF_TIME)))
        || (word.len() <= 3 && NAMES.contains(&word))
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
        ] {
            assert_eq!(level(line), None, "{line}");
        }
    }

    #[test]
    fn hostile_heads_are_read_in_no_time() {
        for unit in ["[", "<1", "a=\"", "1:", "[x]", "é", "=", "thread '", "\"\\"] {
            assert!(level(&unit.repeat(100_000)).is_none(), "{unit}");
        }
    }
}
