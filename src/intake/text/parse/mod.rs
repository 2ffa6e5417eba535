//! A line of text understood: its message, level, time and fields, whatever logger wrote it.
//!
//! Nothing is rejected and nothing is lost: what cannot be understood is the message, as it is; what loggers
//! call message, level and time under names of their own is found, and what those names held beyond that stays
//! in `vlog_level` and `vlog_time`. No input and no output happens here.

mod json;
mod logfmt;
pub mod text_level;

use std::borrow::Cow;

use crate::intake::text::lines::without_ansi;
use crate::record::level::Level;
use crate::record::time::Time;
use crate::record::{FieldBuffer, json_string};

/// How lines are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// JSON objects are fields; anything else is text.
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
    /// Whether the fields say it instead, in a word of their own.
    pub has_own_level: bool,
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
    fields: FieldBuffer,
}

impl Parser {
    /// `keep_ansi` leaves escape sequences in the text of JSON strings.
    #[must_use]
    pub fn new(mode: Mode, keep_ansi: bool) -> Self {
        Self { mode, keep_ansi, fields: FieldBuffer::default() }
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
        let found = match self.mode {
            Mode::Auto | Mode::Json => json::read(text, self.keep_ansi, &mut self.fields),
            Mode::Logfmt => logfmt::read(text, &mut self.fields),
            Mode::Text | Mode::Raw => false,
        };
        let recognises = self.recognises();
        let level_of_text = |text: &str| if recognises { text_level::level(text) } else { None };
        if !found {
            self.fields.clear();
            let level = level_of_text(text);
            let message = Cow::Borrowed(text);
            return Parsed { message, level, has_own_level: false, time: None, fields: None };
        }
        self.fields.keep_last();
        let Meaning { message, level, time } = adopt(&mut self.fields);
        let level = level.or_else(|| level_of_text(&text_at(&self.fields, message)));
        if level.is_some() {
            // A word of its own for what is now known as something else.
            self.fields.rename("level", "vlog_level");
        }
        self.fields.tidy();
        let message = text_at(&self.fields, message);
        let has_own_level = self.fields.iter().any(|(name, _)| name == "level");
        Parsed { message, level, has_own_level, time, fields: Some(&self.fields) }
    }
}

/// The text of the value at this place, without the newline that Docker's JSON has at its end.
fn text_at(fields: &FieldBuffer, place: Option<(usize, usize)>) -> Cow<'_, str> {
    match decoded(place.map_or("", |at| fields.text(at))) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches('\n')),
        Cow::Owned(mut text) => {
            text.truncate(text.trim_end_matches('\n').len());
            Cow::Owned(text)
        }
    }
}

/// What the well-known names say: where the message is, the level, the time.
#[derive(Debug, Default)]
struct Meaning {
    message: Option<(usize, usize)>,
    level: Option<Level>,
    time: Option<Time>,
}

/// What a field is by its name; the number tells which of several wins, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Message(u8),
    Level(u8),
    Time(u8),
}

/// What loggers call these things: pino, bunyan, winston, zap, slog, logrus, zerolog, tracing, structlog,
/// python-json-logger, Docker, the journal, ECS, GELF, Monolog.
fn role(name: &str) -> Option<Role> {
    Some(match name {
        "_msg" => Role::Message(0),
        "message" => Role::Message(1),
        "msg" => Role::Message(2),
        "MESSAGE" => Role::Message(3),
        "fields.message" => Role::Message(4),
        "short_message" => Role::Message(5),
        "log" => Role::Message(6),
        "event" => Role::Message(7),
        // .NET, Serilog, OpenTelemetry
        "Message" => Role::Message(8),
        "@m" => Role::Message(9),
        "body" => Role::Message(10),
        "level" => Role::Level(0),
        "lvl" => Role::Level(1),
        "severity" => Role::Level(2),
        "log.level" => Role::Level(3),
        "levelname" => Role::Level(4),
        "level_name" => Role::Level(5),
        "loglevel" => Role::Level(6),
        "log_level" => Role::Level(7),
        "@level" => Role::Level(8),
        "PRIORITY" => Role::Level(9),
        "LogLevel" => Role::Level(10),
        "Level" => Role::Level(11),
        "@l" => Role::Level(12),
        "SeverityText" => Role::Level(13),
        "severity_text" => Role::Level(14),
        "_time" => Role::Time(0),
        "time" => Role::Time(1),
        "ts" => Role::Time(2),
        "timestamp" => Role::Time(3),
        "@timestamp" => Role::Time(4),
        "datetime" => Role::Time(5),
        "asctime" => Role::Time(6),
        "__REALTIME_TIMESTAMP" => Role::Time(7),
        "Timestamp" => Role::Time(8),
        "@t" => Role::Time(9),
        _ => return None,
    })
}

/// Whether a field of this name holds a level.
fn is_level_name(name: &str) -> bool {
    matches!(role(name), Some(Role::Level(_)))
}

/// The first second of 2000. What is before it is no time of a log line but, say, how long something took.
const LEAST_TIME: Time = Time(946_684_800_000_000_000);

/// Takes message, level and time out of the fields.
fn adopt(fields: &mut FieldBuffer) -> Meaning {
    let mut meaning = Meaning::default();
    let mut roles = [None; 32];
    let known = fields.iter().enumerate().filter_map(|(at, (name, value))| {
        // Another type than text is a message only under a name that means one.
        let fits = |role: &Role| value.starts_with('"') || !matches!(role, Role::Message(3..));
        Some((role(name).filter(fits)?, at))
    });
    let mut count = 0;
    for (slot, found) in roles.iter_mut().zip(known) {
        *slot = Some(found);
        count += 1;
    }
    let roles = roles.get_mut(..count).unwrap_or_default();
    roles.sort_unstable();
    let mut unread_time = None;
    for (role, at) in roles.iter().flatten().copied() {
        let Some((_, value)) = fields.get(at) else { continue };
        match role {
            Role::Message(_) if meaning.message.is_none() && value != "\"\"" => {
                meaning.message = fields.remove(at);
            }
            Role::Level(_) if meaning.level.is_none() => {
                let text = decoded(value);
                if let Some((level, whole)) = level_of_value(role, &text) {
                    meaning.level = Some(level);
                    if whole {
                        fields.remove(at);
                    } else {
                        fields.rename_at(at, "vlog_level");
                    }
                }
            }
            Role::Time(_) if meaning.time.is_none() => {
                let time = Time::parse(&decoded(value)).filter(|time| *time >= LEAST_TIME);
                if time.is_some() {
                    meaning.time = time;
                    fields.remove(at);
                } else {
                    unread_time = unread_time.or(Some(at));
                }
            }
            _ => {}
        }
    }
    let is_taken = fields.iter().any(|(name, _)| name == "vlog_time");
    if let Some(at) = unread_time.filter(|_| meaning.time.is_none() && !is_taken) {
        fields.rename_at(at, "vlog_time");
    }
    meaning
}

/// The level that a value means, and whether that says all that the value does.
fn level_of_value(role: Role, text: &str) -> Option<(Level, bool)> {
    let text = without_ansi(text);
    let Ok(number) = text.trim().parse::<u64>() else {
        let whole = Level::parse(&text).is_some();
        return Some((level_of_word(&text)?, whole));
    };
    if role == Role::Level(9) || number < 10 {
        return Some((Level::from_syslog(number)?, true));
    }
    Some((Level::from_bunyan(number)?, number % 10 == 0))
}

/// The level that a word means; slog writes those between its own as `INFO+2` and `DEBUG-4`.
fn level_of_word(word: &str) -> Option<Level> {
    if let Some(level) = Level::parse(word) {
        return Some(level);
    }
    let at = word.find(['+', '-'])?;
    let (name, offset) = word.split_at(at);
    // slog's numbers: DEBUG is -4, INFO 0, WARN 4, ERROR 8.
    let base = match name {
        "DEBUG" => -4,
        "INFO" => 0,
        "WARN" => 4,
        "ERROR" => 8,
        _ => return None,
    };
    Some(match base + offset.parse::<i32>().ok()? {
        ..-4 => Level::Trace,
        -4..0 => Level::Debug,
        0..4 => Level::Info,
        4..8 => Level::Warn,
        8..12 => Level::Error,
        12.. => Level::Fatal,
    })
}

/// The text of an encoded value: a string without its quotes, or the scalar as it stands.
fn decoded(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    if !inner.contains('\\') {
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
        auto(r#"{"level":"odd","msg":"m"}"#, json!({"level": "odd", "_msg": "m"}));
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
            json!({"_msg": "(empty)", "event.a": 1, "message.text": "x"}),
        );
        auto(r#"{"event":7,"msg":8}"#, json!({"event": 7, "_msg": "8"}));
        auto(
            r#"{"_msg":{"a":1},"_time":"x","time":"y","_stream":"s"}"#,
            json!({"_msg": "(empty)", "_msg.a": 1, "vlog_time": "x", "time": "y", "stream": "s"}),
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
        logfmt("a=\"unclosed b=1", json!({"_msg": "(empty)", "a": "unclosed b=1"}));
        logfmt("ERROR plain text", json!({"_msg": "ERROR plain text"}));
        logfmt("level=error msg=x level level", json!({"level": "error", "_msg": "x"}));
        logfmt("a=\"x\"b=\"y z\" c=1", json!({"_msg": "(empty)", "a": "x", "b": "y z", "c": "1"}));
        logfmt("a==b =c", json!({"_msg": "=c", "a": "=b"}));
        logfmt("", json!({"_msg": "(empty)"}));
        logfmt("k=v k=w \u{1f600}=x", json!({"_msg": "(empty)", "k": "w", "\u{1f600}": "x"}));
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
