//! What the lines of tracebacks look like, in all languages: which line begins one, and which goes on with it.
//!
//! Two tables: [`BEGINNINGS`] for a first line, [`RULES`] for those after it. The first rule that fits decides. What only
//! looks like part of a traceback must stay a line of its own, so that most rules ask for more than the look of a line.

use crate::intake::text::parse::text_level::{is_error, is_rust_panic, is_throwable, is_traceback, level};
use crate::record::level::Level;

/// So many lines may wait for one that shows whether they belong to a traceback.
const MAX_DOUBTFUL_LINES: usize = 8;

/// So many lines may the text of a Dart exception have.
const MAX_DART_LINES: usize = 12;

/// What lines joined so far look like, and so what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Indented lines, Java's causes.
    Plain,
    /// A traceback before its last line, which is the exception.
    Python,
    /// A traceback after it; another may be its consequence.
    PythonEnded,
    /// The line that says so has come, and the next is a traceback.
    PythonLinked,
    /// Goroutines until the end.
    Go,
    /// A panic before its message.
    Rust,
    /// A panic after it: perhaps more of it, a backtrace, notes.
    RustTold,
    /// A piece of source with a mark below, which node and compilers print; the error follows.
    Marked,
    /// Java's `nested exception is:`; the exception follows, and is not indented.
    Nested,
    /// Frames with numbers, of PHP.
    Php,
    /// Dart's exception, before its frames.
    Dart,
    /// And among them.
    DartFrames,
    /// A line of zap's console: names of functions may follow, each with its place below.
    Zap,
}

/// Lines joined so far.
#[derive(Debug)]
pub struct Joined {
    /// All of them.
    pub text: String,
    trace: Trace,
    lines: usize,
    ends_indented: bool,
}

/// How a line stands to the group before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It belongs to it.
    Goes,
    /// It does if one of the next lines does.
    Perhaps,
    /// It begins something else.
    Ends,
}

/// What a rule says of a line that fits.
#[derive(Debug, Clone, Copy)]
enum Effect {
    /// It belongs to the group, which then looks like this.
    Becomes(Trace),
    /// It belongs to the group, which looks like before.
    Stays,
    Perhaps,
    Ends,
}

/// Whether blank lines may stand before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    No,
    Maybe,
    Yes,
}

/// What a line must be like.
type LineTest = fn(&str) -> bool;

/// How a first line begins something.
const BEGINNINGS: [(LineTest, Trace); 5] = [
    (|line| is_traceback(line) && !is_indented(line), Trace::Python),
    (is_rust_panic, Trace::Rust),
    (is_go_failure, Trace::Go),
    (|line| line == "Unhandled exception:", Trace::Dart),
    (is_zap, Trace::Zap),
];

/// Of which groups (none: all), whether after blank lines, and what the line must be like.
type TraceRule = (&'static [Trace], Blank, fn(&Joined, &str) -> bool, Effect);

const RULES: &[TraceRule] = {
    use Blank::{Maybe, No, Yes};
    use Effect::{Becomes, Ends, Perhaps, Stays};
    use Trace::{
        Dart, DartFrames, Go, Marked, Nested, Php, Plain, Python, PythonEnded, PythonLinked, Rust, RustTold,
        Zap,
    };
    &[
        // A JSON object is a record of its own.
        (&[], Maybe, |group, line| is_object(line) || is_object(&group.text), Ends),
        // Python. Another thread's line may fall into a traceback.
        (&[Python], Maybe, |_, line| is_indented(line), Stays),
        (&[Python], Maybe, |_, line| is_log(line), Ends),
        (&[Python], Maybe, |_, _| true, Becomes(PythonEnded)),
        (&[PythonEnded], Maybe, |_, line| is_link(line), Becomes(PythonLinked)),
        (&[PythonLinked], Maybe, |_, line| is_traceback(line), Becomes(Python)),
        // Go.
        (&[Go], Maybe, |_, line| line.starts_with("exit status "), Becomes(Plain)),
        (&[Go], Maybe, |_, line| is_indented(line) || is_of_go(line), Stays),
        (&[Zap], No, |_, line| is_go_name(line), Stays),
        // Rust.
        (&[Rust], No, |_, _| true, Becomes(RustTold)),
        (&[RustTold], Maybe, |_, line| line == "stack backtrace:" || line.starts_with("note: "), Stays),
        // Dart.
        (&[Dart, DartFrames], Maybe, |_, line| is_numbered(line) && line.ends_with(')'), Becomes(DartFrames)),
        (&[DartFrames], No, |_, line| line == "<asynchronous suspension>", Stays),
        (&[Dart], No, |group, line| group.lines < MAX_DART_LINES && !is_log(line), Stays),
        (&[], No, |_, line| is_numbered(line) && line.contains(".dart:"), Becomes(DartFrames)),
        // After a message that says so, the failure itself; of an indented traceback the exception is indented too.
        (
            &[Plain, Zap],
            No,
            |group, line| is_traceback(line) && is_indented(line) && group.is_failure(),
            Becomes(Plain),
        ),
        (&[Plain, Zap], No, |group, line| is_traceback(line) && group.is_failure(), Becomes(Python)),
        (&[Plain, Zap], No, |group, line| is_throwable(line) && group.is_failure(), Stays),
        (&[Plain, Zap], No, |group, line| is_goroutine(line) && group.is_failure(), Becomes(Go)),
        (&[Plain], No, |_, line| is_of_asyncio(line), Stays),
        (&[Marked], Maybe, |_, line| is_error(line), Becomes(Plain)),
        (&[Php], No, |_, line| line.starts_with("  thrown in "), Becomes(Plain)),
        // Java.
        (&[], No, |_, line| line.trim_ascii() == "nested exception is:", Becomes(Nested)),
        (&[Nested], No, |_, _| true, Becomes(Plain)),
        (&[], Yes, |_, line| is_frame(line), Stays),
        // Indented lines that begin something: Python's groups of exceptions and errors of syntax, and Rails' errors.
        (
            &[Plain],
            Maybe,
            |group, line| is_python_beginning(line) && !group.ends_indented && !group.is_failure(),
            Ends,
        ),
        (&[], Maybe, |_, line| is_rails_error(line), Ends),
        // Indented lines after an empty one belong to what comes next, unless something is being shown.
        (&[], Yes, |group, line| is_indented(line) && !group.ends_indented, Ends),
        (&[], Maybe, |_, line| is_indented(line) && is_mark(line), Becomes(Marked)),
        (&[], Maybe, |_, line| is_indented(line), Stays),
        (
            &[],
            No,
            |_, line| {
                ["Caused by: ", "Suppressed: ", "Wrapped by: "].iter().any(|word| line.starts_with(word))
            },
            Stays,
        ),
        // .NET.
        (&[], No, |_, line| line.starts_with("--- End of "), Stays),
        // PHP, and Laravel around it.
        (&[], No, |_, line| line.starts_with("Stack trace:"), Becomes(Php)),
        (
            &[],
            Maybe,
            |_, line| line.starts_with("[stacktrace]") || line.starts_with("[previous exception]"),
            Becomes(Php),
        ),
        (&[Php], No, |_, line| is_numbered(line), Stays),
        (&[Php], No, |_, line| line.starts_with("\"}"), Becomes(Plain)),
        (&[Php], Yes, |_, line| line.starts_with("Next ") && line.contains(" in "), Becomes(Plain)),
        // The end of an object that was shown over several lines.
        (
            &[],
            No,
            |group, line| group.ends_indented && line.bytes().all(|byte| b"})];,".contains(&byte)),
            Stays,
        ),
        (&[], Yes, |group, line| line.starts_with("Node.js v") && group.text.contains("\n    at "), Stays),
        // More lines of a message: a note or another traceback shows that they were.
        (&[RustTold, PythonEnded], No, |_, line| !is_log(line), Perhaps),
    ]
};

impl Joined {
    /// A group of one line.
    #[must_use]
    pub fn new(line: String) -> Self {
        let trace = BEGINNINGS.iter().find(|(is, _)| is(&line)).map_or(Trace::Plain, |(_, trace)| *trace);
        Self { trace, lines: 1, ends_indented: is_indented(&line), text: line }
    }

    /// How the line stands to the group. Between them are so many lines that may belong to it, and perhaps blank ones.
    pub fn relation(&mut self, line: &str, doubtful: usize, after_blank: bool) -> Relation {
        let fits = |(traces, blank, is, _): &&TraceRule| {
            // An indented line belongs to the doubtful line before it, which only rules for this kind of group bring in.
            let is_for = if traces.is_empty() { doubtful == 0 } else { traces.contains(&self.trace) };
            is_for && (*blank == Blank::Maybe || after_blank == (*blank == Blank::Yes)) && is(self, line)
        };
        match RULES.iter().find(fits).map_or(Effect::Ends, |(.., verdict)| *verdict) {
            Effect::Becomes(trace) => {
                self.trace = trace;
                Relation::Goes
            }
            Effect::Stays => Relation::Goes,
            Effect::Perhaps if doubtful < MAX_DOUBTFUL_LINES => Relation::Perhaps,
            Effect::Perhaps | Effect::Ends => Relation::Ends,
        }
    }

    /// A group of the same kind, for a line that does not fit into this one.
    #[must_use]
    pub fn next(&self, line: String) -> Self {
        Self { trace: self.trace, ..Self::new(line) }
    }

    /// Adds a line.
    pub fn push(&mut self, line: &str) {
        self.text.extend(["\n", line]);
        self.lines += 1;
        self.ends_indented = is_indented(line);
    }

    /// Whether the first line says that something failed.
    fn is_failure(&self) -> bool {
        let first = self.text.lines().next().unwrap_or_default();
        level(first) >= Some(Level::Warn) || first.starts_with("Exception ignored in: ")
    }
}

/// Also the lines that pytest marks in the source it shows.
fn is_indented(line: &str) -> bool {
    line.starts_with([' ', '\t']) || line.starts_with(">   ") || line.starts_with("E   ")
}

/// A line that a logger has written.
fn is_log(line: &str) -> bool {
    level(line).is_some() && !is_error(line)
}

fn is_object(line: &str) -> bool {
    line.starts_with("{\"") && line.ends_with('}')
}

fn is_link(line: &str) -> bool {
    line == "During handling of the above exception, another exception occurred:"
        || line == "The above exception was the direct cause of the following exception:"
}

fn is_python_beginning(line: &str) -> bool {
    is_indented(line) && (is_traceback(line) || line.starts_with("  File \""))
}

/// Between the message of Python's asyncio and its traceback.
fn is_of_asyncio(line: &str) -> bool {
    let words = ["future: <", "handle: <", "task: <", "transport: <", "protocol: <", "source_traceback: "];
    words.iter().any(|word| line.starts_with(word))
}

/// ` NoMethodError (undefined method 'x'):` of Rails.
fn is_rails_error(line: &str) -> bool {
    line.ends_with("):") && is_indented(line) && {
        let name = line.trim_start().split(' ').next().unwrap_or_default();
        name.starts_with(|char: char| char.is_ascii_uppercase())
            && (name.ends_with("Error") || name.ends_with("Exception"))
    }
}

/// `\tat com.foo.Bar.f(Bar.java:1)`.
fn is_frame(line: &str) -> bool {
    is_indented(line) && line.trim_start().starts_with("at ") && line.ends_with(')')
}

/// `#0 /a.php(5): f()`, `#0      main (file.dart:1:2)`.
fn is_numbered(line: &str) -> bool {
    let rest = line.strip_prefix('#').unwrap_or_default();
    let after = rest.trim_start_matches(|char: char| char.is_ascii_digit());
    after.len() < rest.len() && after.starts_with(' ')
}

fn is_go_failure(line: &str) -> bool {
    let words =
        ["panic: ", "fatal error: ", "SIGQUIT: quit", "SIGABRT: abort", "runtime: goroutine stack exceeds"];
    words.iter().any(|word| line.starts_with(word)) || is_goroutine(line) || is_http_panic(line)
}

/// `2026/11/20 10:00:00 http: panic serving 127.0.0.1:5022: x`.
fn is_http_panic(line: &str) -> bool {
    line.starts_with(|char: char| char.is_ascii_digit() || char == 'h')
        && line.contains("http: panic serving ")
}

fn is_goroutine(line: &str) -> bool {
    line.starts_with("goroutine ") && line.ends_with("]:")
}

/// What a Go program prints below `panic:` without indenting it: goroutines, calls, registers. Another `panic:` is
/// another program's.
fn is_of_go(line: &str) -> bool {
    let is_call = line.ends_with(')')
        && line.split_once('(').is_some_and(|(name, _)| !name.is_empty() && !name.contains(' '));
    let is_register = line.len() < 32 && line.contains(" 0x");
    let words = [
        "created by ",
        "[signal ",
        "PC=0x",
        "sp=0x",
        "stack: frame=",
        "fatal error: stack overflow",
        "runtime stack:",
        "...additional frames elided...",
    ];
    is_goroutine(line) || is_call || is_register || words.iter().any(|word| line.starts_with(word))
}

/// `2026-11-20T10:00:00.000Z\tERROR\tapp/main.go:12\tmessage`.
fn is_zap(line: &str) -> bool {
    line.starts_with(|char: char| char.is_ascii_digit())
        && line.split('\t').nth(2).is_some()
        && level(line) >= Some(Level::Warn)
}

/// `main.main`, `net/http.(*conn).serve`.
fn is_go_name(line: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_./()*-[]".contains(&byte);
    let last = line.rsplit('/').next().unwrap_or_default();
    line.bytes().all(is_part)
        && last.split_once('.').is_some_and(|(package, name)| !package.is_empty() && !name.is_empty())
}

/// `    ^`, `  ~~~^^^`: it points at the source above.
fn is_mark(line: &str) -> bool {
    line.contains('^') && line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'^' | b'~'))
}
