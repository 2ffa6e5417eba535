//! The records that are asked for: the same in every run, but for those whose time is counted from now.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What goes through one `vlog pipe`.
pub struct Group {
    /// `VLOG_STREAM_FIELDS`.
    pub stream_fields: &'static str,
    /// One JSON object a line.
    pub lines: String,
}

/// How many records there are.
pub const COUNT: usize = 5000;

const DAY: i64 = 86_400;

/// Records of three sets of stream fields. Each has an `n` of its own, from 0 to [`COUNT`].
pub fn groups(now: Timestamp) -> Vec<Group> {
    let mut numbers = Numbers::new(7);
    let mut groups = Vec::new();
    let mut n = 0;
    for (stream_fields, count) in [("service,host,env", COUNT - 1500), ("zone,kind", 1000), ("service", 500)]
    {
        let mut lines = String::new();
        for _ in 0..count {
            lines.push_str(&record(n, now, &mut numbers));
            lines.push('\n');
            n += 1;
        }
        groups.push(Group { stream_fields, lines });
    }
    groups
}

fn record(n: usize, now: Timestamp, numbers: &mut Numbers) -> String {
    let mut members = Members(String::new());
    members.text("_time", &time(n, now, numbers));
    members.raw("n", &n.to_string());
    members.text("_msg", &message(n, numbers));
    for (name, share, values) in TEXTS {
        if let Some(value) = numbers.choose(*share, values) {
            members.text(name, value);
        }
    }
    for (name, share, values) in RAW {
        if let Some(value) = numbers.choose(*share, values) {
            members.raw(name, value);
        }
    }
    members.counted(n, numbers);
    format!("{{{}}}", members.0)
}

/// A fixed hour of some days in March, many of them shared, or some time ago.
fn time(n: usize, now: Timestamp, numbers: &mut Numbers) -> String {
    if n.is_multiple_of(20) {
        // Nowhere near the limits that queries ask for.
        let minutes = [10, 30, 90, 5 * 60, 26 * 60, 3 * 1440, 8 * 1440];
        return (now - SignedDuration::from_mins(minutes[n / 20 % minutes.len()])).to_string();
    }
    let base: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let seconds = i64::try_from(numbers.below(400)).unwrap() * (5 * DAY / 400);
    let nanoseconds = [0, 0, 0, 1, 999_999_999, 500_000_000, 123_456_000][numbers.below(7)];
    (base + SignedDuration::new(seconds, nanoseconds)).to_string()
}

fn message(n: usize, numbers: &mut Numbers) -> String {
    match n % 50 {
        0 => format!("long {} tail{n}", "lorem ipsum dolor ".repeat(numbers.below(200))),
        1 => format!("{{\"inner\":\"json {n}\",\"code\":{}}}", numbers.below(9)),
        2 => format!("key={} other=\"quoted {n}\"", numbers.below(5)),
        _ => {
            let mut words = vec![OPENERS[numbers.below(OPENERS.len())].to_owned()];
            for _ in 0..numbers.below(4) {
                words.push(WORDS[numbers.below(WORDS.len())].to_owned());
            }
            if numbers.below(3) == 0 {
                words.push(format!("took {}ms", numbers.below(300)));
            }
            words.join([" ", " ", " ", ", ", "/", "\t", "  "][numbers.below(7)])
        }
    }
}

const OPENERS: &[&str] = &[
    "request failed",
    "Request done",
    "error: connection refused",
    "ERROR timeout",
    "user logged in",
    "cannot open file",
    "level",
    "service api level error",
    "GET /api/v1/users?id=5 200",
    "Größe überschritten",
    "ошибка сети",
    "Ошибка диска",
    "接続 エラー",
    "emoji 😀 here",
    "e\u{301}tude cafe\u{301}",
    "étude café",
    "a\\b c:\\dir\\file",
    "say \"hello world\"",
    "two\nlines",
    "foo_bar baz-qux",
    "foo bar",
    "bar foo",
    "foobar",
    "10.0.0.5 refused",
    "1.5 of 3",
    "(nested [brackets] {here})",
    "*",
    "and or not",
    "İstanbul ISTANBUL straße STRASSE",
    "x",
];

const WORDS: &[&str] = &[
    "error",
    "Error",
    "ERROR",
    "timeout",
    "foo",
    "bar",
    "foo_bar",
    "foo.bar",
    "naïve",
    "日本語",
    "мир",
    "1",
    "15",
    "1.5",
    "-5",
    "a",
    "ab",
    "abc",
    "😀",
    "don't",
    "x=y",
    "a:b",
    "a|b",
    "[x]",
    "50%",
    "user@example.com",
    "/var/log",
    "~",
    "ǅ",
    "ß",
    "K",
    "ﬁ",
    "٣",
    "½",
    "_",
    "__",
    "a_",
    "é",
    "e\u{301}",
];

/// Names of text fields, in how many of three hundred records they are, and what they hold.
const TEXTS: &[(&str, usize, &[&str])] = &[
    ("service", 280, &["api", "web", "db", "worker-1", "Größe dienst", "a\"b\\c", "api v2", "ключ"]),
    ("host", 250, &["h1", "h2", "h10", "host.example.com", "h 3", "H1"]),
    ("env", 170, &["prod", "stage", "dev,1", "{x=\"y\"}"]),
    ("zone", 70, &["eu-1", "us-1", "eu-2", ""]),
    (
        "kind",
        70,
        &[
            "a",
            "b",
            "c d",
            "=",
            "né",
            "tab\there",
            "\u{1}\u{7f}",
            "\u{a0}\u{2028}",
            "new\nline",
            "\u{ad}\u{300}",
            "😀",
        ],
    ),
    ("lvl", 220, &["info", "warn", "error", "debug", "ERROR", "Info", "WARNING", "fatal", ""]),
    (
        "word",
        70,
        &[
            "error",
            "Error",
            "foo",
            "foo bar",
            "foobar",
            "foo-bar",
            "foo_bar",
            "bar",
            "Größe",
            "GRÖSSE",
            "größe",
            "мир",
            "МИР",
            "Мир труд",
            "日本",
            "日本語",
            "😀",
            "😀😀",
            "naïve",
            "é",
            "e\u{301}",
            "*",
            "",
            " ",
            "-",
            "_",
            "level",
            "_msg",
            "and",
            "true",
            "null",
            "İ",
            "i̇",
            "ß",
            "SS",
            "ſ",
            "K",
            "k",
            "ΑΣ",
            "ας",
            "ασ",
        ],
    ),
    (
        "esc",
        60,
        &[
            "a\"b",
            "tab\there",
            "new\nline",
            "back\\slash",
            "\u{1}",
            "\u{7f}",
            "a/b",
            "<tag>",
            "it's",
            "\u{2028}",
            "`tick`",
            "a\r\nb",
            "é\"ж",
            "\\u00e9",
            "\\",
        ],
    ),
    (
        "size",
        60,
        &[
            "1.5KiB", "10MB", "7B", "1.2GiB", "512", "1KB", "1KiB", "0B", "-3KB", "2TB", "10M", "5Ki", "1.5",
            "1000KB", "x", "1 KB", "3K", "1.5kb", "9EB",
        ],
    ),
    (
        "dur",
        60,
        &[
            "5m30s", "1h", "250ms", "1.5s", "3d", "-5m", "10µs", "10us", "7ns", "1w", "2y", "1h30m", "90m",
            "0s", "300s", "5", "x", "1.5h", "1m1m", "1d12h", "24h",
        ],
    ),
    (
        "ip",
        60,
        &[
            "10.0.0.1",
            "10.0.0.5",
            "10.0.1.77",
            "192.168.1.1",
            "255.255.255.255",
            "0.0.0.0",
            "8.8.8.8",
            "1.2.3",
            "1.2.3.256",
            "10.0.0.1:80",
            "::1",
            "010.0.0.1",
            "10.0.0.12",
        ],
    ),
    (
        "goodip",
        70,
        &[
            "10.0.0.1",
            "10.0.0.5",
            "10.0.1.77",
            "192.168.1.1",
            "255.255.255.255",
            "0.0.0.0",
            "8.8.8.8",
            "10.0.0.12",
            "172.16.0.9",
            "10.10.0.1",
        ],
    ),
    (
        "when",
        60,
        &[
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:00:00.123Z",
            "2026-03-01T12:00:00+02:00",
            "2026-03-02T00:00:00.000000001Z",
            "2026-03-01 10:00:00",
            "2026-03-01",
            "1999-12-31T23:59:59Z",
            "2026-13-01T00:00:00Z",
            "10:00",
            "2026-03-01T10:00:00",
        ],
    ),
    (
        "iso",
        60,
        &[
            "2026-03-01T10:00:00.123Z",
            "2026-03-01T10:00:00.000Z",
            "2025-03-01T10:00:00.500Z",
            "1999-12-31T23:59:59.999Z",
        ],
    ),
    (
        "path",
        60,
        &[
            "/",
            "/api/v1/users",
            "/api/v1/users?id=5&x=y",
            "/api/v2/users",
            "/static/app.js",
            "C:\\dir",
            "/größe/日本",
            "//double",
            "/api",
        ],
    ),
    ("left", 50, &["1", "1.0", "2", "a", "b", "10", "1e1", "", "x y", "5m", "300s", "1KB", "1000"]),
    ("right", 50, &["1", "1.0", "2", "a", "b", "10", "1e1", "", "x y", "5m", "300s", "1KB", "1000"]),
    ("blank", 50, &["", " ", "x"]),
    ("fixed", 300, &["same"]),
    ("flag", 60, &["true", "false"]),
    // Names that a query has to put in quotes, and names that are words of the language.
    ("a b", 40, &["one", "two", "three words here"]),
    ("a.b", 40, &["one", "two", "5"]),
    ("a:b", 30, &["one", "two"]),
    ("a\"b", 30, &["one", "two"]),
    ("back\\slash", 30, &["one", "two"]),
    ("x*", 30, &["one", "two"]),
    ("and", 30, &["one", "or"]),
    ("fields", 30, &["one", "two"]),
    ("in", 30, &["one", "two"]),
    ("ключ", 30, &["значение", "один два"]),
    ("error", 30, &["error", "foo", "connection refused"]),
    ("-lead", 30, &["one"]),
    ("a|b", 30, &["one", "two"]),
    ("name-with/slash", 30, &["one", "two"]),
    ("UPPER", 30, &["one", "TWO"]),
    ("upper", 30, &["one", "two"]),
    ("日本", 30, &["東京", "大阪"]),
];

/// The same for values as they stand in JSON.
const RAW: &[(&str, usize, &[&str])] = &[
    ("int", 200, &["0", "1", "2", "5", "7", "10", "15", "100", "200", "255", "9", "42"]),
    (
        "big",
        60,
        &[
            "0",
            "4294967296",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "1000000000000",
            "123456789012345678901234567890",
            "\"9223372036854775807\"",
            "\"9223372036854775808\"",
        ],
    ),
    ("neg", 60, &["-1", "-5", "0", "-100", "3", "-9223372036854775808", "-0", "\"-7\""]),
    ("flt", 70, &["0.25", "1.5", "-2.75", "100.5", "3", "0.5", "10.125", "-0.25"]),
    (
        "exp",
        60,
        &[
            "1e3",
            "-2.5E-3",
            "1E+2",
            "1e400",
            "5e-324",
            "1.0",
            "1.50",
            "0.1",
            "0.30000000000000004",
            "100000000000000000000.5",
            "-1e-7",
        ],
    ),
    (
        "mix",
        80,
        &[
            "1",
            "\"1\"",
            "\"01\"",
            "1.5",
            "\"1.50\"",
            "-3",
            "\"+3\"",
            "\"abc\"",
            "\"ABC\"",
            "\"\"",
            "\" 5\"",
            "true",
            "null",
            "\"NaN\"",
            "\"inf\"",
            "\"-inf\"",
            "\"0x1F\"",
            "\"1_000\"",
            "\"1,000\"",
            "\"10KB\"",
            "\"5m\"",
            "\"10.0.0.5\"",
            "\"2026-03-01T10:00:00Z\"",
            "1e3",
            "\"1e3\"",
            "\"10\"",
            "9",
            "\"a10\"",
            "\"a9\"",
            "\"foo 1 bar\"",
            "[1,\"x\",null]",
            "\"é\"",
            "\"\\u00e9\"",
            "\".5\"",
            "\"5.\"",
            "\"-\"",
            "\"--5\"",
        ],
    ),
    // One text, written in several ways.
    (
        "same",
        60,
        &[
            "\"caf\u{e9} \u{1f600}\"",
            "\"caf\\u00e9 \\ud83d\\ude00\"",
            "\"caf\\u00E9 \u{1f600}\"",
            "\"\\u0063afé \\uD83D\\uDE00\"",
            "\"cafe\"",
        ],
    ),
    (
        "quoted",
        60,
        &[
            "\"a\\\"b\"",
            "\"a\\u0022b\"",
            "\"a\\/b\"",
            "\"a/b\"",
            "\"err\\u006fr\"",
            "\"error\"",
            "\"\\\"error\\\"\"",
            "\"x\\u0000y\"",
        ],
    ),
    (
        "obj",
        40,
        &["{\"id\":1,\"name\":\"one\"}", "{\"id\":2,\"deep\":{\"er\":\"two\"}}", "{}", "{\"list\":[1,2]}"],
    ),
    ("bool", 50, &["true", "false", "null"]),
];

/// The members of a JSON object.
struct Members(String);

impl Members {
    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &Value::from(value).to_string());
    }

    fn raw(&mut self, name: &str, value: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        write!(self.0, "{comma}{}:{value}", Value::from(name)).unwrap();
    }

    /// Fields of many values.
    fn counted(&mut self, n: usize, numbers: &mut Numbers) {
        self.text("id", &format!("{:08x}-{n}", n * 2_654_435));
        self.raw("ms", &numbers.below(5000).to_string());
        if n.is_multiple_of(3) {
            let quarters = numbers.below(4000);
            self.raw("load", &format!("{}.{:02}", quarters / 4, quarters % 4 * 25));
        }
        if n.is_multiple_of(4) {
            self.text("took", &format!("{}ms", numbers.below(90_000)));
            self.text("addr", &format!("10.{}.{}.{}", n % 3, n % 7, n % 256));
        }
        if n.is_multiple_of(5) {
            self.text("session_id", &format!("s{}", n % 35));
        }
        if n.is_multiple_of(100) {
            self.text("long", &"0123456789 é".repeat(n % 900));
        }
    }
}

/// A sequence that looks random and is always the same.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// One of these in `share` of three hundred cases: a record has enough fields.
    fn choose<'a>(&mut self, share: usize, values: &[&'a str]) -> Option<&'a str> {
        let value = values[self.below(values.len())];
        (self.below(300) < share).then_some(value)
    }
}
