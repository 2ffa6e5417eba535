//! A line of text understood: its message, level, time and fields, whatever logger wrote it.
//!
//! Nothing is rejected and nothing is lost: what cannot be understood is the message, as it is; what loggers
//! call message, level and time under names of their own is found, and what those names held beyond that stays
//! in `vlog_level` and `vlog_time`. No input and no output happens here.

mod json;
pub mod line_time;
mod logfmt;
mod meaning;
mod names;
pub mod prefix;
pub mod text_level;

use std::borrow::Cow;

use memchr::memchr;

use crate::intake::text::lines::without_ansi;
use crate::record::level::Level;
use crate::record::time::Time;
use crate::record::{FieldBuffer, json_string};

use line_time::LineTime;
use meaning::{Meaning, adopt, substitute, text_at};

/// How lines are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// JSON objects and lines of logfmt are fields, also behind the prefixes of tools; anything else is text.
    #[default]
    Auto,
    /// All is text; a level at its head is recognised.
    Text,
    /// JSON objects are fields; anything else is text without a level.
    Json,
    /// `key=value` words are fields; a line without any is text without a level.
    Logfmt,
    /// All is text, and nothing in it is recognised.
    Raw,
}

impl Mode {
    /// The names, as `--parse` takes them.
    pub const NAMES: [(&str, Self); 5] = [
        ("auto", Self::Auto),
        ("text", Self::Text),
        ("json", Self::Json),
        ("logfmt", Self::Logfmt),
        ("raw", Self::Raw),
    ];

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, mode)| mode)
    }
}

/// What a line says.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// What happened; may be empty.
    pub message: Cow<'a, str>,
    /// How bad it is, if the line says so.
    pub level: Option<Level>,
    /// When it happened, if the line says so.
    pub time: Option<Time>,
    /// The fields that it has; `None` for plain text.
    pub fields: Option<&'a FieldBuffer>,
}

/// Understands lines, one at a time. Keeps its buffers.
#[derive(Debug, Default)]
pub struct Parser {
    mode: Mode,
    keep_ansi: bool,
    times: Option<LineTime>,
    /// Names that only the caller gives.
    reserved: Vec<String>,
    fields: FieldBuffer,
}

/// The form in which a line has its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax<'a> {
    /// An object, and what stood before it.
    Json(&'a str),
    Logfmt,
}

impl Parser {
    /// `keep_ansi` leaves escape sequences in the text of JSON strings.
    #[must_use]
    pub fn new(mode: Mode, keep_ansi: bool) -> Self {
        Self { mode, keep_ansi, reserved: vec!["host".to_owned(), "service".to_owned()], ..Self::default() }
    }

    /// Keeps these names, beside `host` and `service`, from words of logfmt: there anybody may write `service=18ms`.
    #[must_use]
    pub fn reserving(mut self, names: &[String]) -> Self {
        self.reserved.extend_from_slice(names);
        self
    }

    /// Reads the times of text lines, too.
    #[must_use]
    pub fn reading_times(mut self, times: Option<LineTime>) -> Self {
        self.times = times;
        self
    }

    /// Whether a line without a time of its own belongs to that of the line before it.
    #[must_use]
    pub fn reads_times(&self) -> bool {
        self.times.is_some()
    }

    /// Whether lines without anything in them are left out.
    #[must_use]
    pub fn skips(&self, line: &str) -> bool {
        self.mode != Mode::Raw && line.bytes().all(|byte| byte.is_ascii_whitespace())
    }

    /// The level of a line of which only the beginning is there.
    #[must_use]
    pub fn level(&self, beginning: &str) -> Option<Level> {
        self.recognises().then(|| text_level::level(beginning)).flatten()
    }

    /// Whether levels are recognised in text.
    fn recognises(&self) -> bool {
        matches!(self.mode, Mode::Auto | Mode::Text)
    }

    /// Understands one line, or several that belong together.
    pub fn parse<'a>(&'a mut self, text: &'a str) -> Parsed<'a> {
        self.fields.clear();
        let Some(form) = self.read(text) else {
            let time = self.times.as_ref().and_then(|times| times.of(text));
            return Parsed { message: Cow::Borrowed(text), level: self.level(text), time, fields: None };
        };
        self.fields.keep_last();
        if form == Syntax::Logfmt {
            for name in &self.reserved {
                if self.fields.find(name).is_some() {
                    self.fields.rename(name, &format!("line_{name}"));
                }
            }
        }
        let Meaning { message, level, time } = adopt(&mut self.fields, self.times.as_ref());
        self.fields.tidy();
        let message = match message {
            Some(_) => text_at(&self.fields, message),
            None if form == Syntax::Logfmt => Cow::Borrowed(text),
            None => Cow::Owned(substitute(&self.fields)),
        };
        let prefix = if let Syntax::Json(prefix) = form { prefix } else { "" };
        let level = level.or_else(|| self.level(&message)).or_else(|| self.level(prefix));
        let time = time.or_else(|| self.times.as_ref()?.of(text));
        Parsed { message, level, time, fields: Some(&self.fields) }
    }

    /// Reads the fields of a line that has some.
    fn read<'a>(&mut self, text: &'a str) -> Option<Syntax<'a>> {
        match self.mode {
            Mode::Auto => {
                let (prefix, object) = prefix::before_object(text).unwrap_or(("", text));
                if self.read_object(object) {
                    if !prefix.is_empty() {
                        self.fields.push("", "vlog_prefix", &json_string(prefix.trim_end()));
                    }
                    return Some(Syntax::Json(prefix));
                }
                logfmt::read_certain(text, &mut self.fields).then_some(Syntax::Logfmt)
            }
            Mode::Json => self.read_object(text).then_some(Syntax::Json("")),
            Mode::Logfmt => logfmt::read(text, &mut self.fields).then_some(Syntax::Logfmt),
            Mode::Text | Mode::Raw => None,
        }
    }

    /// Reads a line that is an object.
    fn read_object(&mut self, text: &str) -> bool {
        let found = json::read(text, self.keep_ansi, &mut self.fields);
        if found {
            self.read_docker();
        } else {
            self.fields.clear();
        }
        found
    }

    /// Of Docker's own file: if its text is an object again, its members take the place of that.
    fn read_docker(&mut self) {
        if self.fields.find("stream").is_none() {
            return;
        }
        let log = self.fields.iter().position(|(name, value)| name == "log" && value.starts_with("\"{"));
        if let Some(at) = log.filter(|_| self.mode == Mode::Auto)
            && let Some((_, log)) = self.fields.get(at)
        {
            let object = decoded(log).into_owned();
            let mark = self.fields.mark();
            if json::read(&object, self.keep_ansi, &mut self.fields) {
                self.fields.remove(at);
            } else {
                self.fields.cut(mark);
            }
        }
    }
}

/// The text of an encoded value: a string without its quotes, or the scalar as it stands.
fn decoded(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(value).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// `text` encoded, without its escape sequences unless they are to stay.
fn encoded(text: &str, keep_ansi: bool) -> String {
    if keep_ansi { json_string(text) } else { json_string(&without_ansi(text)) }
}

#[cfg(test)]
mod tests {
    use super::meaning::level_of_word;
    use super::*;
    use crate::record::{Encoder, Fields, Record};
    use serde_json::{Map, Value, json};

    /// What becomes of a line, as it is sent.
    fn record(mode: Mode, line: &str) -> Value {
        let mut parser = Parser::new(mode, false);
        let parsed = parser.parse(line);
        let mut out = Vec::new();
        let time = parsed.time.unwrap_or(Time(1_795_168_800_000_000_000));
        let fields = Fields::default();
        let record = Record {
            time,
            message: &parsed.message,
            level: parsed.level,
            fields: &fields,
            own: parsed.fields,
        };
        Encoder::new(1).write(&record, &mut out);
        let text = String::from_utf8(out).unwrap();
        let names = text.matches("\":").count();
        let record: Map<String, Value> = serde_json::from_str(&text).expect(&text);
        assert!(record.len() <= names, "duplicates in {text}");
        Value::Object(record)
    }

    #[track_caller]
    fn becomes(mode: Mode, line: &str, mut expected: Value) {
        let map = expected.as_object_mut().unwrap();
        map.entry("_time").or_insert(json!("2026-11-20T10:00:00.000000000Z"));
        assert_eq!(record(mode, line), expected, "{line}");
    }

    #[track_caller]
    fn auto(line: &str, expected: Value) {
        becomes(Mode::Auto, line, expected);
    }

    #[test]
    fn the_names_of_all_loggers_are_known() {
        for name in ["_msg", "message", "msg", "MESSAGE", "log", "event", "short_message"] {
            auto(&format!("{{\"{name}\":\"hello\"}}"), json!({"_msg": "hello"}));
        }
        for name in ["level", "lvl", "severity", "levelname", "log.level", "loglevel", "PRIORITY"] {
            let value = if name == "PRIORITY" { "3" } else { "ERROR" };
            auto(
                &format!("{{\"{name}\":\"{value}\",\"msg\":\"m\"}}"),
                json!({"_msg": "m", "level": "error"}),
            );
        }
        for name in ["_time", "time", "ts", "timestamp", "@timestamp", "asctime", "__REALTIME_TIMESTAMP"] {
            let line = format!("{{\"{name}\":\"2026-11-20T12:00:00.5+02:00\",\"msg\":\"m\"}}");
            auto(&line, json!({"_msg": "m", "_time": "2026-11-20T10:00:00.500000000Z"}));
        }
    }

    #[test]
    fn real_loggers_are_understood() {
        // zap
        auto(
            r#"{"level":"dpanic","ts":1795168800.5,"caller":"x/main.go:12","msg":"boom","stacktrace":"main.main\n\t/x"}"#,
            json!({"_time": "2026-11-20T10:00:00.500000000Z", "level": "fatal", "_msg": "boom",
                "caller": "x/main.go:12", "stacktrace": "main.main\n\t/x"}),
        );
        // slog
        auto(
            r#"{"time":"2026-11-20T11:00:00.000000001+01:00","level":"ERROR+2","msg":"m","n":1.50}"#,
            json!({"_time": "2026-11-20T10:00:00.000000001Z", "level": "error", "vlog_level": "ERROR+2",
                "_msg": "m", "n": serde_json::from_str::<Value>("1.50").unwrap()}),
        );
        // pino
        auto(
            r#"{"level":30,"time":1795168800123,"pid":7,"hostname":"h","msg":"hello","err":{"type":"E","stack":"a\nb"}}"#,
            json!({"_time": "2026-11-20T10:00:00.123000000Z", "level": "info", "pid": 7, "hostname": "h",
                "_msg": "hello", "err.type": "E", "err.stack": "a\nb"}),
        );
        // bunyan
        auto(
            r#"{"name":"app","hostname":"h","pid":1,"level":55,"msg":"m","time":"2026-11-20T10:00:00.000Z","v":0}"#,
            json!({"level": "error", "vlog_level": 55, "name": "app", "hostname": "h", "pid": 1, "_msg": "m", "v": 0}),
        );
        // tracing
        auto(
            r#"{"timestamp":"2026-11-20T10:00:00.000000Z","level":"WARN","fields":{"message":"slow","ms":7},"target":"app"}"#,
            json!({"level": "warn", "_msg": "slow", "fields.ms": 7, "target": "app"}),
        );
        // python-json-logger, whose time has no zone
        auto(
            r#"{"asctime": "2026-11-20 10:00:00,123", "levelname": "CRITICAL", "message": "m", "lineno": 3}"#,
            json!({"level": "fatal", "_msg": "m", "vlog_time": "2026-11-20 10:00:00,123", "lineno": 3}),
        );
        // structlog
        auto(
            r#"{"event": "user.login", "level": "info", "user": "a"}"#,
            json!({"_msg": "user.login", "level": "info", "user": "a"}),
        );
        // ECS
        auto(
            r#"{"@timestamp":"2026-11-20T10:00:00.000Z","log":{"level":"WARN","logger":"x"},"message":"m"}"#,
            json!({"_msg": "m", "level": "warn", "log.logger": "x"}),
        );
        // Docker's own file, around a text with a level
        auto(
            r#"{"log":"ERROR: failed\n","stream":"stderr","time":"2026-11-20T10:00:00.000000000Z"}"#,
            json!({"_msg": "ERROR: failed", "level": "error", "stream": "stderr"}),
        );
        // The journal, where what is no plain text is a list of bytes
        auto(
            r#"{"MESSAGE":[27,91,51,49,109,104,195,169],"PRIORITY":"4","__REALTIME_TIMESTAMP":"1795168800000001","_PID":"1"}"#,
            json!({"_time": "2026-11-20T10:00:00.000001000Z", "_msg": "h\u{e9}", "level": "warn", "_PID": "1"}),
        );
        // GELF
        auto(
            r#"{"version":"1.1","short_message":"m","level":3,"timestamp":1795168800.0}"#,
            json!({"version": "1.1", "_msg": "m", "level": "error"}),
        );
        // winston with colours
        auto(
            "{\"level\":\"\\u001b[31merror\\u001B[39m\",\"message\":\"\\u001b[1mx\\u001b[0m\"}",
            json!({"level": "error", "_msg": "x"}),
        );
    }

    #[test]
    fn nothing_that_a_line_says_is_lost() {
        // The second of two names for one thing stays.
        auto(r#"{"message":"a","msg":"b","log":"c"}"#, json!({"_msg": "a", "msg": "b", "log": "c"}));
        auto(
            r#"{"level":"odd","severity":"error","msg":"m"}"#,
            json!({"level": "error", "vlog_level": "odd", "_msg": "m"}),
        );
        auto("\u{feff}{\"msg\":\"m\"}", json!({"_msg": "m"}));
        auto(
            r#"{"LogLevel":"Warning","Message":"m","Timestamp":"2026-11-20T10:00:00Z"}"#,
            json!({"level": "warn", "_msg": "m"}),
        );
        auto(r#"{"level":"odd","msg":"m"}"#, json!({"vlog_level": "odd", "_msg": "m"}));
        auto(
            r#"{"level":"odd","msg":"WARN x"}"#,
            json!({"level": "warn", "vlog_level": "odd", "_msg": "WARN x"}),
        );
        auto(r#"{"time":"yesterday","ts":1795168800,"msg":"m"}"#, json!({"time": "yesterday", "_msg": "m"}));
        auto(
            r#"{"time":"x","vlog_time":"y","level":35,"vlog_level":"z","msg":"m"}"#,
            json!({"time": "x", "vlog_time": "y", "level": "info", "vlog_level": "z", "_msg": "m"}),
        );
        auto(r#"{"time":0.25,"msg":"m"}"#, json!({"vlog_time": 0.25, "_msg": "m"}));
        auto(r#"{"msg":"","message":"m"}"#, json!({"_msg": "m"}));
        auto(
            r#"{"event":{"a":1},"message":{"text":"x"}}"#,
            json!({"_msg": "x", "event.a": 1, "message.text": "x"}),
        );
        auto(r#"{"event":7,"msg":8}"#, json!({"event": 7, "_msg": "8"}));
        auto(
            r#"{"_msg":{"a":1},"_time":"x","time":"y","_stream":"s"}"#,
            json!({"_msg": "y", "_msg.a": 1, "vlog_time": "x", "time": "y", "stream": "s"}),
        );
    }

    #[test]
    fn values_keep_what_they_say() {
        auto(
            r#"{"msg":"m","a":[1, {"b": null}],"b":true,"c":null,"d":"","e":{},"f":1e3,"g":{"h":{"i":"x"}}}"#,
            json!({"_msg": "m", "a": "[1,{\"b\":null}]", "b": true, "g.h.i": "x",
                "f": serde_json::from_str::<Value>("1e3").unwrap()}),
        );
        auto(
            r#"{"msg":"a\"b\\c\n\u00e9\ud83d\ude00\/","k\u00e9y":"\t"}"#,
            json!({"_msg": "a\"b\\c\n\u{e9}\u{1f600}/", "k\u{e9}y": "\t"}),
        );
        auto(
            r#"{"msg":"lone \ud83d here","x":"\ud83d"}"#,
            json!({"_msg": "lone \u{fffd} here", "x": "\u{fffd}"}),
        );
        auto(r#"  {"msg":"m"}  "#, json!({"_msg": "m"}));
        auto("{}", json!({"_msg": "(empty)"}));
    }

    #[test]
    fn of_one_name_the_last_wins() {
        auto(r#"{"a":1,"b":2,"a":3,"msg":"x","msg":"y"}"#, json!({"a": 3, "b": 2, "_msg": "y"}));
        auto(r#"{"a":{"b":1},"a.b":2,"msg":"m"}"#, json!({"a.b": 2, "_msg": "m"}));
        auto(r#"{"a":1,"a":null,"msg":"m"}"#, json!({"_msg": "m"}));
        let many: Vec<_> = (0..100).map(|n| format!("\"k{}\":{n}", n % 50)).collect();
        let record = record(Mode::Auto, &format!("{{{},\"msg\":\"m\"}}", many.join(",")));
        assert_eq!(
            (record.as_object().unwrap().len(), &record["k49"], &record["k0"]),
            (52, &json!(99), &json!(50))
        );
    }

    #[test]
    fn what_is_no_object_is_text_as_a_whole() {
        for line in [
            "{\"a\":1",
            "{\"a\":1}x",
            "{'a':1}",
            "[1]",
            "7",
            "\"x\"",
            "null",
            "{\"a\":1}{\"b\":2}",
            "{",
            "{}{}",
            "{\"a\":\"\\x\"}",
            "{\"a\":+1}",
            "{\"a\":01}",
            "{a:1}",
        ] {
            auto(line, json!({"_msg": line}));
        }
        auto("[error] no json", json!({"_msg": "[error] no json", "level": "error"}));
    }

    #[test]
    fn deep_and_wide_lines_survive() {
        let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
        let depth = record(Mode::Auto, &deep);
        assert_eq!(depth.as_object().unwrap().len(), 3, "{depth}");
        let arrays = format!("{{\"msg\":\"m\",\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(record(Mode::Auto, &arrays)["_msg"], "m");
        let wide: Vec<_> = (0..3000).map(|n| format!("\"k{n}\":{n}")).collect();
        let wide = record(Mode::Auto, &format!("{{{},\"msg\":\"m\"}}", wide.join(",")));
        assert_eq!((wide.as_object().unwrap().len(), &wide["_msg"]), (997, &json!("m")));
        assert!(wide["vlog_overflow"].as_str().unwrap().contains("\"k2999\":2999"));
        let long = record(Mode::Auto, &format!("{{\"msg\":\"m\",\"{}\":1}}", "k".repeat(200)));
        assert!(long.as_object().unwrap().keys().all(|name| name.len() <= 128), "{long}");
        assert_eq!(
            record(Mode::Auto, "{\"\":\"x\",\"msg\":\"m\"}"),
            json!({"_time": "2026-11-20T10:00:00.000000000Z", "_msg": "m", "_": "x"})
        );
    }

    #[test]
    fn logfmt_words_are_fields() {
        let logfmt = |line: &str, expected: Value| becomes(Mode::Logfmt, line, expected);
        logfmt(
            r#"time="2026-11-20T10:00:00Z" level=warning msg="a \"b\" c\n" n=1 url=http://x/?a=b empty= q="""#,
            json!({"level": "warn", "_msg": "a \"b\" c", "n": "1", "url": "http://x/?a=b"}),
        );
        logfmt("ts=1795168800 lvl=loud msg=x", json!({"lvl": "loud", "_msg": "x"}));
        logfmt("starting up port=80", json!({"_msg": "starting up", "port": "80"}));
        logfmt("level=info msg=x debug", json!({"level": "info", "_msg": "x", "debug": true}));
        logfmt("a=\"unclosed b=1", json!({"_msg": "a=\"unclosed b=1", "a": "unclosed b=1"}));
        logfmt("event='it is' level='error'", json!({"_msg": "it is", "level": "error"}));
        logfmt("a='b c=it's", json!({"_msg": "a='b c=it's", "a": "'b", "c": "it's"}));
        logfmt("ERROR plain text", json!({"_msg": "ERROR plain text"}));
        logfmt("level=error msg=x level level", json!({"level": "error", "_msg": "x"}));
        logfmt(
            "a=\"x\"b=\"y z\" c=1",
            json!({"_msg": "a=\"x\"b=\"y z\" c=1", "a": "x", "b": "y z", "c": "1"}),
        );
        logfmt("a==b =c", json!({"_msg": "=c", "a": "=b"}));
        logfmt("", json!({"_msg": "(empty)"}));
        logfmt("k=v k=w \u{1f600}=x", json!({"_msg": "k=v k=w \u{1f600}=x", "k": "w", "\u{1f600}": "x"}));
    }

    #[test]
    fn the_names_of_collectors_and_clouds_are_known() {
        for (line, expected) in [
            (
                r#"{"@level":"warn","@message":"m","@timestamp":"2026-11-20T10:00:00Z"}"#,
                json!({"level": "warn", "_msg": "m"}),
            ),
            (
                r#"{"@t":"2026-11-20T10:00:00Z","@mt":"took {n}","@l":"Error","n":1}"#,
                json!({"level": "error", "_msg": "took {n}", "n": 1}),
            ),
            (
                r#"{"Timestamp":"2026-11-20T10:00:00Z","Level":"Error","RenderedMessage":"m"}"#,
                json!({"level": "error", "_msg": "m"}),
            ),
            (r#"{"severity":"ERROR","textPayload":"m"}"#, json!({"level": "error", "_msg": "m"})),
            (
                r#"{"severity":"WARNING","jsonPayload":{"message":"m","n":1}}"#,
                json!({"level": "warn", "_msg": "m", "jsonPayload.n": 1}),
            ),
            (
                r#"{"timeUnixNano":"1795168800000000000","severityText":"WARN","body":{"stringValue":"m"}}"#,
                json!({"level": "warn", "_msg": "m"}),
            ),
            (
                r#"{"Body":"m","SeverityText":"ERROR","Resource":{"service.name":"shop"}}"#,
                json!({"level": "error", "_msg": "m", "service": "shop"}),
            ),
            (
                r#"{"message":"m","service":{"name":"shop"},"log":{"level":"error"}}"#,
                json!({"level": "error", "_msg": "m", "service": "shop"}),
            ),
            (r#"{"SEVERITY":"FATAL","msg":"m"}"#, json!({"level": "fatal", "_msg": "m"})),
            (r#"{"metadata":{"level":"error"},"msg":"m"}"#, json!({"level": "error", "_msg": "m"})),
            (
                r#"{"instant":{"epochSecond":1795168800},"level":"INFO","message":"m"}"#,
                json!({"level": "info", "_msg": "m"}),
            ),
            (
                r#"{"timeMillis":1795168800000,"level":"INFO","message":"m"}"#,
                json!({"level": "info", "_msg": "m"}),
            ),
            (
                r#"{"t":{"$date":"2026-11-20T10:00:00Z"},"s":"W","c":"STORAGE","id":1,"msg":"m"}"#,
                json!({"level": "warn", "_msg": "m", "c": "STORAGE", "id": 1}),
            ),
            (
                r#"{"s":"D2","c":"STORAGE","id":1,"msg":"m"}"#,
                json!({"level": "debug", "vlog_level": "D2", "_msg": "m", "c": "STORAGE", "id": 1}),
            ),
            (r#"{"s":"W","t":"x","msg":"m"}"#, json!({"s": "W", "t": "x", "_msg": "m"})),
        ] {
            auto(line, expected);
        }
    }

    #[test]
    fn small_numbers_are_syslogs_only_in_its_company() {
        auto(r#"{"level":1,"message":"m"}"#, json!({"vlog_level": 1, "_msg": "m"}));
        auto(r#"{"level":2,"message":"m","app":"x"}"#, json!({"vlog_level": 2, "_msg": "m", "app": "x"}));
        auto(
            r#"{"level":3,"message":"m","facility":"cron"}"#,
            json!({"level": "error", "_msg": "m", "facility": "cron"}),
        );
        auto(r#"{"severity":4,"msg":"m","_PID":"1"}"#, json!({"level": "warn", "_msg": "m", "_PID": "1"}));
    }

    #[test]
    fn a_value_that_is_no_level_never_becomes_one() {
        for value in ["\"NA\"", "\"\\u0001\"", "7", "true", "-1"] {
            let line = format!("{{\"level\":{value},\"msg\":\"m\"}}");
            let record = record(Mode::Auto, &line);
            assert!(record.get("level").is_none() && record.get("vlog_level").is_some(), "{line}: {record}");
        }
    }

    #[test]
    fn objects_behind_the_prefixes_of_tools_are_fields() {
        auto(
            "caddy  | {\"level\":\"warn\",\"msg\":\"m\"}",
            json!({"level": "warn", "_msg": "m", "vlog_prefix": "caddy  |"}),
        );
        auto(
            "[pod/web-1/app] {\"level\":\"error\",\"msg\":\"m\"}",
            json!({"level": "error", "_msg": "m", "vlog_prefix": "[pod/web-1/app]"}),
        );
        auto(
            "2026-11-20T10:00:00.1Z stdout F {\"level\":\"error\",\"msg\":\"m\"}",
            json!({"level": "error", "_msg": "m", "vlog_prefix": "2026-11-20T10:00:00.1Z stdout F"}),
        );
        auto(
            "<11>Nov 20 10:00:00 host app[1]: {\"msg\":\"m\"}",
            json!({"level": "error", "_msg": "m", "vlog_prefix": "<11>Nov 20 10:00:00 host app[1]:"}),
        );
        auto(
            r#"{"log":"{\"level\":\"error\",\"msg\":\"m\"}\n","stream":"stderr","time":"2026-11-20T10:00:00Z"}"#,
            json!({"level": "error", "_msg": "m", "stream": "stderr"}),
        );
        let line = "sent {\"level\":\"error\",\"msg\":\"m\"}";
        auto(line, json!({"_msg": line}));
        let line = "caddy  | {\"level\":\"error\", broken}";
        auto(line, json!({"_msg": line}));
    }

    #[test]
    fn logfmt_is_read_where_it_is_beyond_doubt() {
        auto("level=warn msg=\"a b\" n=1", json!({"level": "warn", "_msg": "a b", "n": "1"}));
        auto(
            "ts=2026-11-20T10:00:00Z level=info caller=a.go:1 took=2ms",
            json!({"level": "info", "caller": "a.go:1", "took": "2ms",
                "_msg": "ts=2026-11-20T10:00:00Z level=info caller=a.go:1 took=2ms"}),
        );
        auto(
            "at=info method=GET service=18ms host=a.b msg=x",
            json!({"_msg": "x", "at": "info", "method": "GET", "line_service": "18ms", "line_host": "a.b"}),
        );
        for line in [
            "level=info",
            "a=1 b=2",
            "level=info msg=x and more",
            "level=info msg=\"x",
            "DEBUG=1 make level=2",
            "a?b=1 msg=2",
        ] {
            assert_eq!(record(Mode::Auto, line)["_msg"], line);
            assert!(record(Mode::Auto, line).get("msg").is_none());
        }
    }

    #[test]
    fn a_line_without_a_message_says_what_it_is() {
        auto(
            r#"{"type":"system","subtype":"init","n":1}"#,
            json!({"_msg": "system init", "type": "system", "subtype": "init", "n": 1}),
        );
        auto(r#"{"n":1,"what":" done "}"#, json!({"_msg": "done", "n": 1, "what": " done "}));
        auto(r#"{"n":1}"#, json!({"_msg": "(empty)", "n": 1}));
        let long = format!("{{\"text\":\"{}\"}}", "ж".repeat(5000));
        assert_eq!(record(Mode::Auto, &long)["_msg"], "ж".repeat(512));
    }

    #[test]
    fn blank_lines_are_nothing_but_in_raw() {
        for (mode, skipped) in [(Mode::Auto, true), (Mode::Text, true), (Mode::Raw, false)] {
            assert_eq!(Parser::new(mode, false).skips(" \t"), skipped);
            assert!(!Parser::new(mode, false).skips(" x"));
        }
    }

    #[test]
    fn modes_recognise_what_they_say_and_no_more() {
        let json = r#"{"level":"error","msg":"m"}"#;
        becomes(Mode::Json, json, json!({"level": "error", "_msg": "m"}));
        becomes(Mode::Json, "ERROR x", json!({"_msg": "ERROR x"}));
        becomes(Mode::Json, r#"{"msg":"ERROR x"}"#, json!({"_msg": "ERROR x"}));
        becomes(Mode::Text, json, json!({"_msg": json}));
        becomes(Mode::Text, "ERROR x", json!({"_msg": "ERROR x", "level": "error"}));
        becomes(Mode::Raw, json, json!({"_msg": json}));
        becomes(Mode::Raw, "ERROR x", json!({"_msg": "ERROR x"}));
        assert_eq!(Mode::parse("logfmt"), Some(Mode::Logfmt));
        assert_eq!(Mode::parse("Auto"), None);
    }

    #[test]
    fn levels_between_those_of_slog_are_rounded_down() {
        for (word, level) in [
            ("DEBUG-4", Level::Trace),
            ("DEBUG-1", Level::Trace),
            ("DEBUG+3", Level::Debug),
            ("INFO-1", Level::Debug),
            ("INFO+3", Level::Info),
            ("WARN+1", Level::Warn),
            ("ERROR+3", Level::Error),
            ("ERROR+4", Level::Fatal),
        ] {
            assert_eq!(level_of_word(word), Some(level), "{word}");
        }
        for word in ["INFO+", "INFO+x", "OTHER+1", "+1", "INFO+99999999999"] {
            assert_eq!(level_of_word(word), None, "{word}");
        }
    }
}
