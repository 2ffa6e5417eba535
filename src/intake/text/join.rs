//! Lines that belong together, joined: a traceback is one record and not forty.
//!
//! A line is held back until the next one shows that it does not go on, until [`QUIET`] has passed without one,
//! or until the group has [`MAX_GROUP_BYTES`]. Invariant: all lines come out, in order, joined by newlines and
//! otherwise unchanged. The clock is an argument.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use regex_lite::Regex;

use crate::intake::text::lines::Piece;
use crate::intake::text::parse::text_level::{self, is_error, is_throwable, is_traceback};
use crate::record::level::Level;
use crate::record::time::Time;

/// A group that nothing was added to for so long is complete: whoever prints a traceback prints it at once.
pub const QUIET: Duration = Duration::from_millis(500);

/// Larger groups are cut. VictoriaLogs does well with records of up to 100 KB (its FAQ).
const MAX_GROUP_BYTES: usize = 64 * 1024;

/// Joins lines.
#[derive(Debug)]
pub struct Joiner {
    /// What lines look like that begin a record; without it, the known shapes say which lines go on.
    start: Option<Regex>,
    group: Option<Group>,
    /// Blank lines, each after a newline, that belong to the group if what follows them does.
    blanks: String,
    /// Whether the line in hand comes in pieces.
    in_parts: bool,
    /// When the last line came.
    last: Option<Instant>,
}

/// Lines joined so far.
#[derive(Debug)]
struct Group {
    text: String,
    time: Time,
    shape: Shape,
    /// Whether the first line says that something failed.
    is_failure: bool,
    last_is_indented: bool,
}

/// What the group looks like so far, and so what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
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
    /// A panic after it: perhaps a backtrace, and notes.
    RustTold,
    /// A piece of source with a mark below, which node and compilers print; the error follows.
    Marked,
}

impl Joiner {
    /// With `start`, each line that matches begins a record; without, the known shapes are joined.
    #[must_use]
    pub fn new(start: Option<Regex>) -> Self {
        Self { start, group: None, blanks: String::new(), in_parts: false, last: None }
    }

    /// Takes what was read at `now`, and hands on what is complete, each with the time of its first line.
    pub fn take(&mut self, piece: Piece, now: (Time, Instant), mut sink: impl FnMut(Piece, Time)) {
        let line = match piece {
            Piece::Line(line) => line,
            // Too long for any group.
            part => {
                if !self.in_parts {
                    self.flush(&mut sink);
                }
                self.in_parts = part != Piece::End;
                sink(part, now.0);
                return;
            }
        };
        self.last = Some(now.1);
        if let Some(group) = &mut self.group {
            let fits = group.text.len() + self.blanks.len() + 1 + line.len() <= MAX_GROUP_BYTES;
            let goes_on = match &self.start {
                Some(start) => !start.is_match(&line),
                // Whether it does, the next line tells.
                None if fits && line.trim_ascii().is_empty() => {
                    self.blanks.extend(["\n", &line]);
                    return;
                }
                None => group.goes_on(&line, !self.blanks.is_empty()),
            };
            if goes_on && fits {
                group.push(&line, &std::mem::take(&mut self.blanks));
                return;
            }
            let shape = if goes_on { group.shape } else { Shape::of(&line) };
            self.flush(&mut sink);
            self.group = Some(Group::new(line, now.0, shape));
        } else {
            let shape = Shape::of(&line);
            self.group = Some(Group::new(line, now.0, shape));
        }
    }

    /// How long until what is held back must go; `None` if nothing is.
    #[must_use]
    pub fn due_in(&self, now: Instant) -> Option<Duration> {
        self.group.as_ref()?;
        Some(QUIET.saturating_sub(now.saturating_duration_since(self.last?)))
    }

    /// Hands on what is held back.
    pub fn flush(&mut self, mut sink: impl FnMut(Piece, Time)) {
        let Some(group) = self.group.take() else { return };
        sink(Piece::Line(Cow::Owned(group.text)), group.time);
        for blank in std::mem::take(&mut self.blanks).split('\n').skip(1) {
            sink(Piece::Line(Cow::Borrowed(blank)), group.time);
        }
    }
}

impl Group {
    fn new(line: Cow<str>, time: Time, shape: Shape) -> Self {
        let is_failure = text_level::level(&line) >= Some(Level::Warn);
        let last_is_indented = is_indented(&line);
        Self { text: line.into_owned(), time, shape, is_failure, last_is_indented }
    }

    fn push(&mut self, line: &str, blanks: &str) {
        self.text.extend([blanks, "\n", line]);
        self.last_is_indented = is_indented(line);
    }

    /// Whether the line goes on with the group; `after_blank` if empty lines stand between them.
    fn goes_on(&mut self, line: &str, after_blank: bool) -> bool {
        if is_object(line) || is_object(&self.text) {
            return false;
        }
        let is_log = || text_level::level(line).is_some() && !is_error(line);
        let next = match self.shape {
            Shape::Python if is_indented(line) => Some(Shape::Python),
            // Another thread's line may fall into a traceback.
            Shape::Python if is_log() => None,
            Shape::Python => Some(Shape::PythonEnded),
            Shape::Go if line.starts_with("exit status ") => Some(Shape::Plain),
            Shape::PythonEnded if is_link(line) => Some(Shape::PythonLinked),
            Shape::PythonLinked if is_traceback(line) => Some(Shape::Python),
            Shape::Go if is_indented(line) || is_of_go(line) => Some(Shape::Go),
            Shape::Rust if !after_blank => Some(Shape::RustTold),
            Shape::RustTold if line == "stack backtrace:" || line.starts_with("note: ") => {
                Some(Shape::RustTold)
            }
            Shape::Marked if is_error(line) => Some(Shape::Plain),
            _ => None,
        };
        if let Some(next) = next {
            self.shape = next;
            return true;
        }
        // After a message that says so, the failure itself.
        if self.is_failure && !after_blank && self.shape == Shape::Plain {
            if is_traceback(line) {
                // Of an indented one the exception is indented too.
                self.shape = if is_indented(line) { Shape::Plain } else { Shape::Python };
                return true;
            }
            if is_throwable(line) {
                return true;
            }
        }
        // Python's groups of exceptions and its errors of syntax begin with an indented line.
        let begins = is_traceback(line) || line.starts_with("  File \"");
        if is_indented(line)
            && begins
            && !self.is_failure
            && self.shape == Shape::Plain
            && !self.last_is_indented
        {
            return false;
        }
        if is_indented(line) {
            // Indented lines after an empty one belong to what comes next, unless something is being shown.
            if after_blank && !self.last_is_indented {
                return false;
            }
            if is_mark(line) {
                self.shape = Shape::Marked;
            }
            return true;
        }
        let is_cause = ["Caused by: ", "Suppressed: ", "Stack trace:", "Wrapped by: "]
            .iter()
            .any(|word| line.starts_with(word));
        let is_frame = self.text.contains("Stack trace:")
            && line
                .strip_prefix('#')
                .is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
        let closes = self.last_is_indented && line.bytes().all(|byte| b"})];,".contains(&byte));
        let ends_node = after_blank && line.starts_with("Node.js v") && self.text.contains("\n    at ");
        (!after_blank && (is_cause || is_frame || closes)) || ends_node
    }
}

impl Shape {
    /// What a first line begins.
    fn of(line: &str) -> Self {
        if is_traceback(line) && !is_indented(line) {
            Self::Python
        } else if text_level::is_rust_panic(line) {
            Self::Rust
        } else if line.starts_with("panic: ")
            || line.starts_with("fatal error: ")
            || line.contains("http: panic serving ")
            || is_goroutine(line)
        {
            Self::Go
        } else {
            Self::Plain
        }
    }
}

/// Also the lines that pytest marks in the source it shows.
fn is_indented(line: &str) -> bool {
    line.starts_with([' ', '\t']) || line.starts_with(">   ") || line.starts_with("E   ")
}

/// A JSON object is a record of its own.
fn is_object(line: &str) -> bool {
    line.starts_with("{\"") && line.ends_with('}')
}

fn is_link(line: &str) -> bool {
    line == "During handling of the above exception, another exception occurred:"
        || line == "The above exception was the direct cause of the following exception:"
}

fn is_goroutine(line: &str) -> bool {
    line.starts_with("goroutine ") && line.ends_with("]:")
}

/// What a Go program prints below `panic:` without indenting it: goroutines, calls, registers.
fn is_of_go(line: &str) -> bool {
    let is_call = line.ends_with(')')
        && line.split_once('(').is_some_and(|(name, _)| !name.is_empty() && !name.contains(' '));
    let is_register = line.len() < 32 && line.contains(" 0x");
    is_goroutine(line)
        || is_call
        || is_register
        || [
            "created by ",
            "[signal ",
            "exit status ",
            "panic: ",
            "runtime stack:",
            "...additional frames elided...",
        ]
        .iter()
        .any(|start| line.starts_with(start))
}

/// `    ^`, `  ~~~^^^`: it points at the source above.
fn is_mark(line: &str) -> bool {
    line.contains('^') && line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'^' | b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(joiner: &mut Joiner, input: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut sink = |piece: Piece, _| match piece {
            Piece::Line(text) => out.push(text.into_owned()),
            other => out.push(format!("{other:?}")),
        };
        let now = Instant::now();
        for (at, line) in input.lines().enumerate() {
            let time = Time(i64::try_from(at).unwrap());
            joiner.take(Piece::Line(Cow::Borrowed(line)), (time, now), &mut sink);
        }
        joiner.flush(&mut sink);
        out
    }

    /// Groups are separated by a line of dashes in `input`, which is not fed.
    #[track_caller]
    fn groups(input: &str) {
        let expected: Vec<_> = input.split("\n-----\n").map(|group| group.trim_end_matches('\n')).collect();
        let fed = input.replace("\n-----\n", "\n");
        assert_eq!(joined(&mut Joiner::new(None), fed.trim_end_matches('\n')), expected);
    }

    #[test]
    fn lines_of_their_own_stay_so() {
        groups(
            "one\n-----\ntwo\n-----\n{\"a\":1}\n-----\n{\"b\":2}\n-----\nINFO x\n-----\nERROR y\n-----\nINFO z\n",
        );
    }

    #[test]
    fn indented_lines_go_on() {
        groups("settings:\n  a: 1\n\n  b: 2\n\tc: 3\n-----\nnext\n-----\nobject {\n  x: 1,\n},\n-----\nlast");
    }

    #[test]
    fn python_tracebacks_are_whole() {
        groups(
            "starting\n-----\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\n    ~^^\n\
             ZeroDivisionError: division by zero\n\nDuring handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    g()\nValueError: x\n-----\nnext\n-----\n\
             2026-11-20 10:00:00,123 ERROR failed\nTraceback (most recent call last):\n  File \"b.py\", line 1, in f\n    g()\n\
             KeyError: 'x'\n-----\n2026-11-20 10:00:00,124 INFO going on\n-----\n\
             Traceback (most recent call last):\n  File \"c.py\", line 1\nA: a\n-----\n\
             Traceback (most recent call last):\n  File \"c.py\", line 1\nB: b\n",
        );
        groups(
            "  + Exception Group Traceback (most recent call last):\n  |   File \"x.py\", line 1, in <module>\n  | ExceptionGroup: two\n\
             \x20 +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    | ValueError: 1\n    +------------------------------------\n",
        );
        groups("  File \"x.py\", line 1\n    f(\n     ^\nSyntaxError: '(' was never closed\n-----\nnext\n");
    }

    #[test]
    fn java_stack_traces_are_whole() {
        groups(
            "10:00:00.123 [main] ERROR com.foo.Bar - failed\njava.lang.IllegalStateException: outer\n\tat com.foo.Bar.f(Bar.java:1)\n\
             \tat com.foo.Bar.main(Bar.java:2)\nCaused by: java.io.IOException: inner\n\tat com.foo.X.g(X.java:3)\n\t... 2 more\n-----\n\
             10:00:00.124 [main] INFO com.foo.Bar - going on\n-----\n\
             Exception in thread \"main\" java.lang.RuntimeException: x\n\tat A.main(A.java:1)\n\tSuppressed: java.lang.Exception: y\n\t\tat A.z(A.java:9)\n",
        );
    }

    #[test]
    fn go_panics_are_whole() {
        groups(
            "started\n-----\npanic: runtime error: index out of range [1] with length 1\n\tpanic: again\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 1 [running]:\nmain.(*T).f(0x1, {0x2, 0x3})\n\t/x/main.go:5 +0x1d\nmain.main()\n\t/x/main.go:9 +0x20\n\
             created by main.x in goroutine 1\n\t/x/main.go:4\n\ngoroutine 7 [select]:\nmain.g(...)\n\t/x/g.go:1\nexit status 2\n-----\ndone\n",
        );
    }

    #[test]
    fn rust_panics_are_whole() {
        groups(
            "running\n-----\nthread 'main' panicked at src/main.rs:2:5:\nassertion `left == right` failed\n  left: 1\n right: 2\nstack backtrace:\n\
             \x20  0: rust_begin_unwind\n             at /rustc/x.rs:1:2\n   1: main\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n-----\nnext\n-----\n\
             thread 'a' (77) panicked at x.rs:1:1:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        );
    }

    #[test]
    fn node_errors_are_whole() {
        groups(
            "up\n-----\n/x/app.js:3\n    throw new TypeError(\"x\");\n    ^\n\nTypeError: x\n    at Object.<anonymous> (/x/app.js:3:11)\n    at node:internal/main/run_main_module:28:49 {\n  code: 'X',\n  cause: [\n    1\n  ]\n}\n\nNode.js v20.1.0\n-----\nnext\n-----\n\
             Error: plain\n    at f (/x.js:1:1)\n-----\nnext\n",
        );
    }

    #[test]
    fn php_traces_are_whole() {
        groups(
            "PHP Fatal error:  Uncaught Exception: x in /a.php:3\nStack trace:\n#0 /a.php(5): f()\n#1 {main}\n  thrown in /a.php on line 3\n-----\nnext\n",
        );
    }

    #[test]
    fn what_only_looks_alike_is_not_joined() {
        groups("{\"level\":\"error\",\"msg\":\"a\"}\n-----\n  note\n-----\n{\"b\":1}\n-----\nCaused by: x\n");
        groups("INFO building\n-----\n#1 [internal] load\n-----\n#2 RUN make\n");
        groups(
            "ERROR in job 3\n  Traceback (most recent call last):\n    File \"a\"\n  ValueError: x\n-----\nINFO unrelated\n",
        );
        groups(
            "INFO ok\n-----\n  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: two\n-----\nINFO next\n",
        );
        groups("INFO before\n-----\n  File \"x.py\", line 1\n    f(\n     ^\nSyntaxError: x\n-----\nnext\n");
        groups(
            "Traceback (most recent call last):\n  File \"a\"\n-----\n2026-11-20 10:00:00 INFO another thread\n-----\nValueError: y\n",
        );
        groups(
            "panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/x:1\nexit status 2\n-----\nprocessed(3)\n",
        );
    }

    #[test]
    fn a_pattern_says_where_records_begin() {
        let mut joiner = Joiner::new(Some(Regex::new(r"^\d{4}-").unwrap()));
        let input = "tail of something\n2026-11-20 one\nmore\n\n{\"a\":1}\n2026-11-21 two";
        assert_eq!(
            joined(&mut joiner, input),
            ["tail of something", "2026-11-20 one\nmore\n\n{\"a\":1}", "2026-11-21 two"]
        );
    }

    #[test]
    fn empty_lines_between_are_lines() {
        assert_eq!(joined(&mut Joiner::new(None), "a\n\n\nb\n\n"), ["a", "", "", "b", ""]);
        assert_eq!(joined(&mut Joiner::new(None), "\n\na"), ["", "", "a"]);
        assert_eq!(joined(&mut Joiner::new(None), "a\n  \nb\n \t"), ["a", "  ", "b", " \t"]);
        let mut joiner = Joiner::new(None);
        let now = (Time(1), Instant::now());
        let mut count = 0;
        for _ in 0..200_000 {
            joiner.take(Piece::Line("".into()), now, |_, _| count += 1);
        }
        assert!(count > 100_000 && joiner.blanks.len() <= MAX_GROUP_BYTES, "{count}");
    }

    #[test]
    fn large_groups_are_cut_and_nothing_is_lost() {
        let input = format!("head\n{}", "  indented line\n".repeat(20_000));
        let groups = joined(&mut Joiner::new(None), &input);
        assert!(
            groups.len() > 4 && groups.iter().all(|group| group.len() <= MAX_GROUP_BYTES),
            "{}",
            groups.len()
        );
        assert_eq!(groups.join("\n"), input.trim_end_matches('\n'));
        let large = format!("a\n  {}\n  b", "x".repeat(100_000));
        assert_eq!(joined(&mut Joiner::new(None), &large).len(), 3);
    }

    #[test]
    fn what_comes_in_pieces_ends_a_group() {
        let mut joiner = Joiner::new(None);
        let mut out = Vec::new();
        let now = (Time(1), Instant::now());
        for piece in [
            Piece::Line("a".into()),
            Piece::Line("  b".into()),
            Piece::Part("c".into()),
            Piece::Part("d".into()),
            Piece::End,
            Piece::Line("e".into()),
        ] {
            joiner.take(piece, now, |piece, _| out.push(format!("{piece:?}")));
        }
        joiner.flush(|piece, _| out.push(format!("{piece:?}")));
        assert_eq!(out, ["Line(\"a\\n  b\")", "Part(\"c\")", "Part(\"d\")", "End", "Line(\"e\")"]);
    }

    #[test]
    fn a_group_is_due_when_nothing_has_come_for_a_while_and_has_the_time_of_its_first_line() {
        let mut joiner = Joiner::new(None);
        let start = Instant::now();
        assert_eq!(joiner.due_in(start), None);
        let mut times = Vec::new();
        joiner.take(Piece::Line("a".into()), (Time(1), start), |_, _| panic!("too early"));
        joiner.take(Piece::Line(" b".into()), (Time(2), start + QUIET / 2), |_, _| panic!("too early"));
        assert_eq!(joiner.due_in(start + QUIET), Some(QUIET / 2));
        assert_eq!(joiner.due_in(start + QUIET * 2), Some(Duration::ZERO));
        joiner.flush(|_, time| times.push(time));
        assert_eq!((times, joiner.due_in(start)), (vec![Time(1)], None));
    }
}
