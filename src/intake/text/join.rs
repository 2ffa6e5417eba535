//! Lines that belong together, joined: a traceback is one record and not forty.
//!
//! A line is held back until the next one shows that it does not go on, until [`QUIET`] has passed without one,
//! or until the group has [`MAX_GROUP_BYTES`]. Invariant: all lines come out, in order, joined by newlines and
//! otherwise unchanged, but for the parts of lines that a container runtime has cut. The clock is an argument.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use regex_lite::Regex;

use crate::intake::text::lines::Piece;
use crate::intake::text::parse::prefix;
use crate::intake::text::traces::{Joined, Relation};
use crate::record::MAX_LINE_BYTES;
use crate::record::time::Time;

/// A group that nothing was added to for so long is complete: whoever prints a traceback prints it at once.
pub const QUIET: Duration = Duration::from_millis(500);

/// Larger groups are cut. VictoriaLogs does well with records of up to 100 KB (its FAQ).
const MAX_GROUP_BYTES: usize = 64 * 1024;

/// What is joined.
#[derive(Debug)]
pub enum Join {
    /// Nothing: each line is a record.
    Nothing,
    /// Tracebacks and indented lines.
    Traces,
    /// All lines up to the next that looks like this.
    UpTo(Regex),
}

/// Joins lines.
#[derive(Debug)]
pub struct Joiner {
    join: Join,
    /// Whether lines that a container runtime has cut are put together.
    mends: bool,
    cut: Vec<CutLine>,
    group: Option<(Joined, Time)>,
    /// Lines that belong to the group if what follows them does.
    doubtful: Vec<(String, Time)>,
    doubtful_bytes: usize,
    /// Whether the line in hand comes in pieces.
    in_parts: bool,
    /// When the last line came.
    last: Option<Instant>,
}

/// A line of which only parts have come, one at most for each stream of the program.
#[derive(Debug)]
struct CutLine {
    /// The time of the first part and the stream.
    head: String,
    text: String,
    time: Time,
}

impl CutLine {
    /// The line as the runtime would have written it whole; with `P` if the end is missing.
    fn whole(self, tag: &str) -> String {
        format!("{} {tag} {}", self.head, self.text)
    }

    fn is_of(&self, head: &str) -> bool {
        let stream = |head: &str| head.ends_with("stderr");
        stream(&self.head) == stream(head)
    }
}

impl Joiner {
    /// `mends` puts lines together that a container runtime has cut.
    #[must_use]
    pub fn new(join: Join, mends: bool) -> Self {
        Self {
            join,
            mends,
            cut: Vec::new(),
            group: None,
            doubtful: Vec::new(),
            doubtful_bytes: 0,
            in_parts: false,
            last: None,
        }
    }

    /// Takes what was read at `now`, and hands on what is complete, each with the time of its first line.
    pub fn take(&mut self, piece: Piece, now: (Time, Instant), mut sink: impl FnMut(Piece, Time)) {
        let Piece::Line(line) = piece else {
            // Too long for any group.
            if !self.in_parts {
                self.flush(&mut sink);
            }
            self.in_parts = piece != Piece::End;
            sink(piece, now.0);
            return;
        };
        let Some((line, time)) = self.mended(line, now.0) else {
            self.last = Some(now.1);
            return;
        };
        if matches!(self.join, Join::Nothing) {
            sink(Piece::Line(line), time);
            return;
        }
        self.last = Some(now.1);
        self.line(line, time, &mut sink);
    }

    /// The line, whole; `None` if more of it is to come.
    fn mended<'a>(&mut self, line: Cow<'a, str>, time: Time) -> Option<(Cow<'a, str>, Time)> {
        let parts = if self.mends { prefix::of_runtime(&line) } else { None };
        let Some((head, goes_on, text)) = parts else { return Some((line, time)) };
        let begun = self.cut.iter().position(|cut| cut.is_of(head));
        let Some(at) = begun else {
            if !goes_on {
                return Some((line, time));
            }
            self.cut.push(CutLine { head: head.to_owned(), text: text.to_owned(), time });
            return None;
        };
        let cut = self.cut.get_mut(at)?;
        cut.text.push_str(text);
        let is_full = cut.text.len() + head.len() > MAX_LINE_BYTES / 2;
        if goes_on && !is_full {
            return None;
        }
        let cut = self.cut.remove(at);
        let time = cut.time;
        Some((Cow::Owned(cut.whole(if goes_on { "P" } else { "F" })), time))
    }

    fn line(&mut self, line: Cow<str>, time: Time, sink: &mut impl FnMut(Piece, Time)) {
        let is_blank = |line: &str| line.trim_ascii().is_empty();
        let Some((group, _)) = &mut self.group else {
            if matches!(self.join, Join::Traces) && is_blank(&line) {
                sink(Piece::Line(line), time);
            } else {
                self.group = Some((Joined::new(line.into_owned()), time));
            }
            return;
        };
        let fits = group.text.len() + self.doubtful_bytes + 1 + line.len() <= MAX_GROUP_BYTES;
        let relation = match &self.join {
            Join::UpTo(start) if start.is_match(&line) => Relation::Ends,
            Join::UpTo(_) => Relation::Goes,
            // Whether it belongs to the group, the next line tells.
            _ if is_blank(&line) => Relation::Perhaps,
            _ => {
                let doubtful = self.doubtful.iter().filter(|(line, _)| !is_blank(line)).count();
                group.relation(&line, doubtful, doubtful < self.doubtful.len())
            }
        };
        match relation {
            Relation::Goes if fits => {
                self.doubtful.drain(..).for_each(|(doubtful, _)| group.push(&doubtful));
                self.doubtful_bytes = 0;
                group.push(&line);
            }
            Relation::Perhaps if fits => {
                self.doubtful_bytes += line.len() + 1;
                self.doubtful.push((line.into_owned(), time));
            }
            // What does not fit goes on in a group of the same kind.
            Relation::Goes => {
                let next = group.next(line.into_owned());
                self.release_all(sink);
                self.group = Some((next, time));
            }
            Relation::Perhaps | Relation::Ends => {
                self.release(sink);
                self.line(line, time, sink);
            }
        }
    }

    /// How long until what is held back must go; `None` if nothing is.
    #[must_use]
    pub fn due_in(&self, now: Instant) -> Option<Duration> {
        if self.group.is_none() && self.cut.is_empty() {
            return None;
        }
        Some(QUIET.saturating_sub(now.saturating_duration_since(self.last?)))
    }

    /// Hands on what is held back.
    pub fn flush(&mut self, mut sink: impl FnMut(Piece, Time)) {
        self.release_all(&mut sink);
        for cut in std::mem::take(&mut self.cut) {
            let time = cut.time;
            sink(Piece::Line(Cow::Owned(cut.whole("P"))), time);
        }
    }

    fn release_all(&mut self, sink: &mut impl FnMut(Piece, Time)) {
        while self.group.is_some() {
            self.release(sink);
        }
    }

    /// Hands on the group. The lines that may have belonged to it are looked at again, as if they came now.
    fn release(&mut self, sink: &mut impl FnMut(Piece, Time)) {
        let Some((group, time)) = self.group.take() else { return };
        sink(Piece::Line(Cow::Owned(group.text)), time);
        self.doubtful_bytes = 0;
        for (line, time) in std::mem::take(&mut self.doubtful) {
            self.line(Cow::Owned(line), time, sink);
        }
    }
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
        assert_eq!(joined(&mut Joiner::new(Join::Traces, false), fed.trim_end_matches('\n')), expected);
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
            "  + Exception Joined Traceback (most recent call last):\n  |   File \"x.py\", line 1, in <module>\n  | ExceptionGroup: two\n\
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
    fn exceptions_of_net_are_whole() {
        groups(
            "before\n-----\nSystem.InvalidOperationException: x\n   at A.F() in c:/a.cs:line 3\n\
             --- End of stack trace from previous location where exception was thrown ---\n   at B.G()\n-----\n\
             System.ArgumentException: y ---> System.Exception: z\n  at A.F()\n  --- End of inner exception stack trace ---\n  at B.G()\n-----\nafter\n",
        );
    }

    #[test]
    fn a_second_panic_begins_a_record_and_goroutines_go_on() {
        let panic = "panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:1 +0x1\n\ngoroutine 7 gp=0xc0 m=nil [select]:\nmain.f(0x1)\n\t/x.go:2";
        groups(&format!("{panic}\n-----\n{panic}\n"));
        groups(
            "SIGQUIT: quit\nPC=0x46c m=0 sigcode=0\n\ngoroutine 1 [idle]:\nmain.main()\n\t/x.go:1\n\nrax    0x1\nrbx    0x2\n",
        );
        groups(
            "E1120 10:00:00.123456 1 x.go:1] recovered\ngoroutine 5 [running]:\nmain.f(...)\n\t/x.go:1\n-----\nnext\n",
        );
    }

    #[test]
    fn laravels_and_phps_chained_traces_are_whole() {
        groups(
            "[2026-11-20 10:00:00] local.ERROR: x {\"exception\":\"[object] (E(code: 0): x at /a.php:1)\n[stacktrace]\n#0 /a.php(3): f()\n#1 {main}\n\n\
             [previous exception] [object] (F(code: 0): y at /b.php:1)\n[stacktrace]\n#0 {main}\n\"} \n-----\n[2026-11-20 10:00:01] local.INFO: next\n",
        );
        groups(
            "PHP Fatal error:  Uncaught E: a in /a.php:3\nStack trace:\n#0 {main}\n\nNext F: b in /a.php:5\nStack trace:\n#0 {main}\n  thrown in /a.php on line 5\n-----\n#1 step\n",
        );
    }

    #[test]
    fn nested_exceptions_of_java_are_whole() {
        groups(
            "java.lang.RuntimeException: a.B: x;\n  nested exception is:\na.b.C: y\n\n\tat a.B.f(B.java:1)\nCaused by: a.B: x;\n  nested exception is:\na.b.C: y\n\n\tat a.B.g(B.java:2)\n-----\nnext\n",
        );
    }

    #[test]
    fn rails_errors_begin_records() {
        groups(
            "Started GET \"/\"\n-----\n NoMethodError (undefined method `x'):\n  \n  app/a.rb:1:in `f'\n  app/b.rb:2:in `g'\n-----\n A::RoutingError (No route matches):\n  lib/a.rb:1:in `f'\n-----\nnext\n",
        );
    }

    #[test]
    fn darts_errors_are_whole() {
        groups(
            "before\n-----\nUnhandled exception:\nNoSuchMethodError: x\nReceiver: y\n  f(\n   ^\n\n#0      main (file:///a.dart:1:2)\n<asynchronous suspension>\n#1      g (dart:core/x.dart:3)\n-----\n\
             Unhandled exception:\nOut of Memory\n#0      main (file:///a.dart:1:2)\n-----\n#1 [internal] load\n",
        );
    }

    #[test]
    fn functions_below_an_error_of_zaps_console_belong_to_it() {
        let head = "2026-11-20T10:00:00.000Z\tERROR\tapp/main.go:12\tfailed\t{\"n\": 1}";
        groups(&format!(
            "{head}\nmain.run\n\t/app/main.go:12\nnet/http.(*conn).serve\n\t/go/server.go:1\n-----\n{head}\n-----\nfinished\n"
        ));
        groups("2026-11-20T10:00:00.000Z\tINFO\tapp/main.go:12\tdone\n-----\nmain.run\n");
    }

    #[test]
    fn more_lines_of_a_message_belong_to_it_if_what_follows_shows_it() {
        groups(
            "thread 'main' panicked at a.rs:1:1:\nfirst\nsecond\nthird\nnote: run with `RUST_BACKTRACE=1`\n-----\nnext\n",
        );
        groups("thread 'main' panicked at a.rs:1:1:\nfirst\n-----\nother\n  of it\n-----\nlast\n");
        groups(
            "Traceback (most recent call last):\n  File \"a\"\nValueError: a\nnote one\nnote two\n\nDuring handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"a\"\nKeyError: 1\n-----\nother\n  of it\n-----\nINFO last\n",
        );
        let many = "\n-----\nline".repeat(20);
        groups(&format!("thread 'main' panicked at a.rs:1:1:\nfirst{many}"));
    }

    #[test]
    fn the_errors_of_asyncio_are_whole() {
        groups(
            "ERROR:asyncio:Task exception was never retrieved\nfuture: <Task finished exception=ValueError('x')>\nTraceback (most recent call last):\n  File \"a\"\nValueError: x\n-----\n\
             Exception ignored in: <function f at 0x1>\nTraceback (most recent call last):\n  File \"a\"\nValueError: x\n-----\nnext\n",
        );
    }

    #[test]
    fn lines_that_a_container_runtime_has_cut_are_whole() {
        let mut joiner = Joiner::new(Join::Nothing, true);
        let at = "2026-11-20T10:00:00.1Z";
        let input = format!(
            "{at} stdout F one\n{at} stdout P a\n{at} stderr P x\n{at} stdout P b \nplain\n{at} stdout F c\n{at} stderr F y\n{at} stdout P rest"
        );
        assert_eq!(
            joined(&mut joiner, &input),
            [
                format!("{at} stdout F one"),
                "plain".to_owned(),
                format!("{at} stdout F ab c"),
                format!("{at} stderr F xy"),
                format!("{at} stdout P rest")
            ]
        );
        let large = format!("{at} stdout P {}\n", "x".repeat(16_000)).repeat(100);
        let lines = joined(&mut joiner, &large);
        assert!(lines.len() > 5 && lines.iter().all(|line| line.len() < MAX_LINE_BYTES), "{}", lines.len());
        assert_eq!(lines.iter().map(|line| line.matches('x').count()).sum::<usize>(), 1_600_000);
        assert_eq!(joined(&mut Joiner::new(Join::Nothing, false), &input).len(), 8);
    }

    #[test]
    fn what_only_looks_alike_is_not_joined() {
        groups("{\"level\":\"error\",\"msg\":\"a\"}\n-----\n  note\n-----\n{\"b\":1}\n-----\nCaused by: x\n");
        groups("INFO building\n-----\n#1 [internal] load\n-----\n#2 RUN make\n");
        groups(
            "ERROR in job 3\n  Traceback (most recent call last):\n    File \"a\"\n  ValueError: x\n-----\nINFO unrelated\n",
        );
        groups(
            "INFO ok\n-----\n  + Exception Joined Traceback (most recent call last):\n  | ExceptionGroup: two\n-----\nINFO next\n",
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
        let mut joiner = Joiner::new(Join::UpTo(Regex::new(r"^\d{4}-").unwrap()), false);
        let input = "tail of something\n2026-11-20 one\nmore\n\n{\"a\":1}\n2026-11-21 two";
        assert_eq!(
            joined(&mut joiner, input),
            ["tail of something", "2026-11-20 one\nmore\n\n{\"a\":1}", "2026-11-21 two"]
        );
    }

    #[test]
    fn empty_lines_between_are_lines() {
        assert_eq!(joined(&mut Joiner::new(Join::Traces, false), "a\n\n\nb\n\n"), ["a", "", "", "b", ""]);
        assert_eq!(joined(&mut Joiner::new(Join::Traces, false), "\n\na"), ["", "", "a"]);
        assert_eq!(joined(&mut Joiner::new(Join::Traces, false), "a\n  \nb\n \t"), ["a", "  ", "b", " \t"]);
        let mut joiner = Joiner::new(Join::Traces, false);
        let now = (Time(1), Instant::now());
        let mut count = 0;
        for _ in 0..200_000 {
            joiner.take(Piece::Line("".into()), now, |_, _| count += 1);
        }
        assert!(count > 100_000 && joiner.doubtful_bytes <= MAX_GROUP_BYTES, "{count}");
    }

    #[test]
    fn large_groups_are_cut_and_nothing_is_lost() {
        let input = format!("head\n{}", "  indented line\n".repeat(20_000));
        let groups = joined(&mut Joiner::new(Join::Traces, false), &input);
        assert!(
            groups.len() > 4 && groups.iter().all(|group| group.len() <= MAX_GROUP_BYTES),
            "{}",
            groups.len()
        );
        assert_eq!(groups.join("\n"), input.trim_end_matches('\n'));
        let large = format!("a\n  {}\n  b", "x".repeat(100_000));
        assert_eq!(joined(&mut Joiner::new(Join::Traces, false), &large).len(), 3);
    }

    #[test]
    fn what_comes_in_pieces_ends_a_group() {
        let mut joiner = Joiner::new(Join::Traces, false);
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
        let mut joiner = Joiner::new(Join::Traces, false);
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
