//! What both sides are asked, by theme: lists of queries as they are, and crosses of fields with filters.

#![allow(clippy::needless_raw_string_hashes)] // quotes come and go with a line

use super::records::Numbers;

/// How the answer of one side is compared with the other's.
#[derive(Debug, Clone)]
pub enum How {
    /// The same rows.
    Set,
    /// The same rows in the same order: the query leaves no ties.
    Ordered,
    /// As many rows, of those that another query finds, with these fields in the same order: the query says not
    /// which of several rows.
    Ties { of: String, keys: &'static [&'static str] },
    /// The same rows; lists in them in any order.
    Lists,
    /// The same rows; numbers but for their last digits.
    Near,
    /// As many rows, each like a part of one that another query finds.
    Any { of: String },
    /// Some of the server's rows: it tells fields that other records have, too.
    Part,
    /// Refused in the outbox, or the same rows.
    NeedsServer,
}

/// A query and its theme.
pub struct Query {
    pub theme: &'static str,
    pub text: String,
    pub how: How,
}

/// All of them.
pub fn all() -> Vec<Query> {
    let mut queries = Vec::new();
    for (theme, how, texts) in LISTS {
        queries.extend(lines(texts).map(|line| Query { theme, text: line.to_owned(), how: how.clone() }));
    }
    for (theme, fields, filters) in FILTERS {
        let texts = crossed(fields, filters).map(|filter| format!("{filter} | fields n"));
        queries.extend(texts.map(|text| Query { theme, text, how: How::Set }));
    }
    queries.extend(sorted());
    queries.extend(calculated());
    queries.extend(tied());
    queries.extend(any());
    queries.extend(mixed());
    queries
}

/// Each filter of every other field, and the other way round; of each where there is time.
fn crossed(fields: &[&str], filters: &str) -> impl Iterator<Item = String> {
    let with = move |(column, field): (usize, &&str)| {
        let is_asked = move |row: usize| is_long() || (row + column).is_multiple_of(2);
        let asked = lines(filters).enumerate().filter(move |(row, _)| is_asked(*row));
        asked.map(|(_, filter)| filter.replace("$:", &format!("{field}:"))).collect::<Vec<_>>()
    };
    fields.iter().enumerate().flat_map(with)
}

fn is_long() -> bool {
    std::env::var_os("VLOG_REAL_LONG").is_some()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Themes, fields, and filters of each of them, the field as `$`.
const FILTERS: &[(&str, &[&str], &str)] = &[
    (
        "words",
        &["_msg", "word", "mix"],
        r#"
        $:error
        $:ERROR
        $:foo
        $:"foo bar"
        $:foo*
        $:"foo b"*
        $:er*
        $:""
        $:""*
        $:*
        $:=error
        $:="foo bar"
        $:=foo*
        $:=""
        $:=""*
        $:!=error
        $:i(ERROR)
        $:i(Err*)
        $:i("foo BAR")
        $:1
        $:"1.5"
        $:1*
        $:5
        $:é
        $:мир
        $:i(МИР)
        $:日本
        $:日本*
        $:"😀"
        $:i(größe)
        $:i("straße")
        $:in(error, foo, "foo bar", "1", "")
        $:contains_any(error, foo, 1)
        $:contains_all(foo, bar)
        $:seq(foo, bar)
        $:~"fo+"
        $:~"^[A-Z]"
        $:~"(?i)error"
        $:!~"o"
        !$:error
        -$:foo
        $:(foo or bar)
        $:(foo and !bar)
        "#,
    ),
    (
        "escapes",
        &["esc", "quoted", "same"],
        r#"
        $:="a\"b"
        $:='a"b'
        $:=`a"b`
        $:"tab\there"
        $:"new\nline"
        $:=`back\slash`
        $:="back\\slash"
        $:="\x01"
        $:="a/b"
        $:"<tag>"
        $:="it's"
        $:="\u2028"
        $:"\u00e9"
        $:caf*
        $:="café 😀"
        $:cafe
        $:"caf"
        $:error
        $:="error"
        $:"\"error\""
        $:="x\x00y"
        $:~`\\`
        $:~"\\s"
        $:~"a.b"
        $:~"^.{3}$"
        $:"a"
        $:b
        $:"\r\n"
        $:"\\"
        $:in("a\"b", "\\", 'it\'s')
        "#,
    ),
    (
        "numbers",
        &["int", "big", "neg", "flt", "exp", "mix"],
        r#"
        $:5
        $:=5
        $:=-5
        $:=1.5
        $:"-5"
        $:1*
        $:>0
        $:>=5
        $:<5
        $:<=-1
        $:>1.5
        $:<1e3
        $:>=1e3
        $:>1KB
        $:<5m
        $:>0.3
        $:<=18446744073709551615
        $:>9007199254740992
        $:<inf
        $:>-inf
        $:range(1,10)
        $:range[1,10]
        $:range(-5,5]
        $:range[10,1]
        $:range[0.25,1.5]
        $:range[-inf,inf]
        $:in(1,5,"1.5",-5)
        $:contains_any(1, 5, 1.5)
        $:string_range("1","2")
        $:len_range(1,2)
        $:len_range(0,0)
        $:>abc
        $:~"^-"
        $:=NaN
        $:<0x20
        "#,
    ),
    (
        "suffixes",
        &["size", "dur", "mix", "took", "load"],
        r#"
        $:>1KB
        $:>=1KiB
        $:<10MB
        $:>1.5KiB
        $:<=5m
        $:>1h
        $:>=90m
        $:<1d
        $:=1h
        $:>300s
        $:range[1KB,10MB]
        $:range(1m,2h]
        $:range[5m30s,1w)
        $:<0
        $:>-5m
        $:>10us
        $:<=7ns
        $:1h
        $:1*
        $:"1.5"
        $:>1K
        $:>1Ki
        $:<2TB
        $:>500
        $:len_range(2KB, inf)
        $:len_range(2, 4)
        "#,
    ),
    (
        "addresses",
        &["ip", "goodip", "addr", "mix"],
        r#"
        $:10.0.0.5
        $:"10.0.0"
        $:10.0.0.*
        $:=10.0.0.1
        $:>10.0.0.5
        $:<=10.0.1.77
        $:ipv4_range(10.0.0.0, 10.0.0.255)
        $:ipv4_range("10.0.0.0/8")
        $:ipv4_range("10.0.0.5")
        $:ipv4_range(0.0.0.0, 255.255.255.255)
        $:ipv4_range("192.168.1.1/32")
        $:ipv4_range("10.0.0.0/0")
        $:ipv4_range(10.0.0.12, 10.0.0.1)
        $:range[10.0.0.0,10.0.255.255]
        $:string_range(10, 11)
        $:in(10.0.0.1, 8.8.8.8)
        $:~"^10\\.0"
        $:contains_any(10, 255)
        $:i(10.0.0.1)
        "#,
    ),
    (
        "times in fields",
        &["when", "iso", "mix"],
        r#"
        $:"2026-03-01"
        $:2026
        $:2026*
        $:="2026-03-01T10:00:00Z"
        $:="2026-03-01T10:00:00.123Z"
        $:>"2026-03-01T10:00:00Z"
        $:>2026-03-01T10:00:00Z
        $:<=2026-03-01T10:00:00.123Z
        $:>=2026-03-01
        $:>2026
        $:<2000-01-01T00:00:00Z
        $:range[2026-03-01T00:00:00Z,2026-03-02T00:00:00Z]
        $:string_range(2026, 2027)
        $:10
        $:"10:00:00"
        $:in("2026-03-01", "1999-12-31T23:59:59.999Z")
        "#,
    ),
    (
        "names",
        &[
            r#""a b""#,
            r#""a.b""#,
            r#"a.b"#,
            r#""a:b""#,
            r#""a\"b""#,
            r#"`back\slash`"#,
            r#""x*""#,
            r#""and""#,
            r#""fields""#,
            r#""in""#,
            r#"ключ"#,
            r#""-lead""#,
            r#""a|b""#,
            r#"name-with/slash"#,
            r#"UPPER"#,
            r#"upper"#,
            r#"error"#,
            r#"obj.id"#,
            r#"obj.deep.er"#,
            r#"obj.list"#,
            r#"日本"#,
        ],
        r#"
        $:one
        $:*
        $:=two
        "#,
    ),
    (
        "lengths, strings and types",
        &["_msg", "word", "path", "service", "blank", "long", "missing", "n"],
        r#"
        $:len_range(0, 3)
        $:len_range(4, inf)
        $:len_range(10, 20)
        $:string_range(a, h)
        $:string_range("", "b")
        $:string_range(А, Я)
        $:<"f"
        $:>="f"
        $:>foo
        $:<=error
        $:""
        $:*
        "#,
    ),
    (
        "regular expressions",
        &["_msg", "path"],
        r#"
        $:~"error|timeout"
        $:~"^/api"
        $:~"users$"
        $:~"v[12]/"
        $:~"[0-9]{2,}"
        $:~"^$"
        $:~""
        $:~".*"
        $:~".+"
        $:~"."
        $:~"a.c"
        $:~"foo.*bar"
        $:~"(foo|bar)+"
        $:~"x?"
        $:~"\\d+ms"
        $:~"\\bfoo\\b"
        $:~"[^a-z]+$"
        $:~"(?s)two.lines"
        $:~`two\nlines`
        $:~"é"
        $:~"[é]"
        $:~"e.tude"
        $:re("err(or)?")
        $:~"("
        $:~"a{2,1}"
        $:~"(?=x)"
        $:~"*"
        $:!~"[a-z]"
        $:~"\\W"
        $:~"[[:digit:]]"
        $:~"(?:foo)(?P<name>bar)?"
        $:~"\\x41"
        $:~"\\."
        "#,
    ),
    (
        "fields with fields",
        &["left", "right", "int", "flt", "missing"],
        r#"
        $:eq_field(right)
        $:eq_field(left)
        $:eq_field(missing)
        $:le_field(right)
        $:lt_field(right)
        $:lt_field(left)
        $:le_field(int)
        $:lt_field(dur)
        $:eq_field("a b")
        !$:eq_field(right)
        "#,
    ),
];

/// Themes, how their answers are compared, and queries, one a line.
const LISTS: &[(&str, How, &str)] = &[
    (
        "whole rows",
        How::Set,
        r#"
        n:=1
        n:in(1,2,3,4400,5500)
        n:<50
        _msg:error service:api
        "two lines"
        obj.id:1
        "a b":three*
        same:* | limit 100000
        *
        "#,
    ),
    (
        "words of the default field",
        How::Set,
        r#"
        error | fields n
        "request failed" | fields n
        failed request | fields n
        err* | fields n
        "" | fields n
        * | fields n
        "*" | fields n
        ="request failed" | fields n
        =request* | fields n
        ~"re.*ed" | fields n
        i(error) | fields n
        i("REQUEST") | fields n
        exact("x") | fields n
        exact(request*) | fields n
        re("fo+") | fields n
        contains_all(foo, bar) | fields n
        contains_any(foo, мир) | fields n
        seq("foo", "bar") | fields n
        len_range(1, 5) | fields n
        string_range(a, c) | fields n
        in("x", "foo bar") | fields n
        range(1, 5) | fields n
        >x | fields n
        <foo | fields n
        foo_bar | fields n
        foo-bar | fields n
        foo.bar | fields n
        foo/bar | fields n
        don't | fields n
        user@example.com | fields n
        "user@example.com" | fields n
        50% | fields n
        /var/log | fields n
        x=y | fields n
        "x=y" | fields n
        "a:b" | fields n
        'a:b' | fields n
        `a:b` | fields n
        "a|b" | fields n
        "[x]" | fields n
        ~ | fields n
        "~" | fields n
        _ | fields n
        __ | fields n
        a_ | fields n
        ü | fields n
        ключ | fields n
        エラー | fields n
        接続* | fields n
        e | fields n
        café | fields n
        1.5 | fields n
        -5 | fields n
        "-5" | fields n
        "," | fields n
        ", " | fields n
        "  " | fields n
        "\t" | fields n
        "\n" | fields n
        " foo" | fields n
        "foo " | fields n
        "c:\\dir" | fields n
        `c:\dir` | fields n
        ½ | fields n
        ٣ | fields n
        ﬁ | fields n
        ǅ | fields n
        i(ǆ) | fields n
        i(İSTANBUL) | fields n
        i(istanbul) | fields n
        i(strasse) | fields n
        i(STRASSE) | fields n
        ß | fields n
        i(ss) | fields n
        i(K) | fields n
        "#,
    ),
    (
        "precedence and grouping",
        How::Set,
        r#"
        error or foo bar | fields n
        error foo or bar | fields n
        error and foo or bar and baz | fields n
        error and (foo or bar) | fields n
        (error or foo) (bar or timeout) | fields n
        not error or foo | fields n
        not (error or foo) | fields n
        !error foo | fields n
        -error foo | fields n
        !!error | fields n
        not not error | fields n
        ! error | fields n
        error !foo -bar not timeout | fields n
        ERROR OR FOO | fields n
        error Or foo aNd bar | fields n
        NOT error | fields n
        error AND NOT foo | fields n
        level:(error or warn) foo | fields n
        word:(foo or "bar" or é*) | fields n
        word:(foo or esc:b) | fields n
        word:(not foo) | fields n
        word:!foo | fields n
        word:-foo | fields n
        word:not foo | fields n
        word:(=foo or ="foo bar") | fields n
        int:(>5 and <100) | fields n
        int:>5 int:<100 | fields n
        int:(>5 or flt:<0) | fields n
        ((((error)))) | fields n
        (error) and ((foo)) | fields n
        (error)foo | fields n
        "error"foo | fields n
        "error" "foo" | fields n
        error"foo" | fields n
        word: foo | fields n
        word :foo | fields n
        word : foo | fields n
        _msg:word:foo | fields n
        "word":"foo" | fields n
        'word':'foo' | fields n
        `word`:`foo` | fields n
        {service="api"} error | fields n
        error {service="api"} | fields n
        _stream:{service="api"} or error | fields n
        * error | fields n
        error * | fields n
        "and" | fields n
        "or" | fields n
        "not" | fields n
        and | fields n
        error and | fields n
        or error | fields n
        error or | fields n
        not | fields n
        "#,
    ),
    (
        "comments and spaces",
        How::Set,
        r#"
        error # comment
        error # comment | fields n
          error   |   fields    n
        error|fields n|sort by(n)
        error | fields n # | limit 1
        #
        # only a comment
        "error#foo" | fields n
        error#foo | fields n
        "#,
    ),
    (
        "functions without brackets",
        How::Set,
        r#"
        i | fields n
        in | fields n
        range | fields n
        seq | fields n
        re | fields n
        exact | fields n
        contains_any | fields n
        len_range | fields n
        string_range | fields n
        ipv4_range | fields n
        eq_field | fields n
        word:in | fields n
        in:one | fields n
        i:one | fields n
        in:in(one) | fields n
        i* | fields n
        in* | fields n
        range* | fields n
        IN(x, foo) | fields n
        I(error) | fields n
        Range(1, 3) | fields n
        in() | fields n
        in(*) | fields n
        word:in() | fields n
        word:in(*) | fields n
        word:in("*") | fields n
        word:contains_all() | fields n
        word:contains_any() | fields n
        word:contains_all("") | fields n
        word:contains_any("") | fields n
        word:contains_any(foo, "") | fields n
        word:contains_all(foo, "") | fields n
        word:seq() | fields n
        word:seq("") | fields n
        word:seq(foo) | fields n
        word:seq("", foo) | fields n
        seq(foo, bar, baz) | fields n
        seq(bar, foo) | fields n
        seq("foo bar", x) | fields n
        seq(о, ш) | fields n
        word:i("") | fields n
        word:i(*) | fields n
        word:i(""*) | fields n
        word:exact("") | fields n
        word:exact(""*) | fields n
        word:exact(*) | fields n
        word:re("") | fields n
        word:re(".+") | fields n
        "#,
    ),
    (
        "streams",
        How::Set,
        r#"
        {service="api"} | fields n, _stream
        {service="web",host="h1"} | fields n, _stream
        {service=~"a.*"} | fields n, _stream
        {service!~"a.*"} | fields n, _stream
        {service!="api"} | fields n, _stream
        {service in ("api","db")} | fields n, _stream
        {service not_in ("api","db")} | fields n, _stream
        {service="api" or host="h1"} | fields n, _stream
        {service="api", host="h1" or env="prod"} | fields n, _stream
        {service=""} | fields n, _stream
        {service!=""} | fields n, _stream
        {env=""} | fields n, _stream
        {env=~".+"} | fields n, _stream
        {env=~".*"} | fields n, _stream
        {env=~""} | fields n, _stream
        {env!~".+"} | fields n, _stream
        {missing="x"} | fields n, _stream
        {missing!="x"} | fields n, _stream
        {missing=""} | fields n, _stream
        {level="error"} | fields n, _stream
        {zone="eu-1"} | fields n, _stream
        {zone="eu-1",kind="c d"} | fields n, _stream
        {service="Größe dienst"} | fields n, _stream
        {service="a\"b\\c"} | fields n, _stream
        {service='a"b\c'} | fields n
        {"service"="api"} | fields n
        {service=api} | fields n
        {kind=~"é"} | fields n
        {kind="né"} | fields n
        {kind=~"n."} | fields n
        {service=~"api|web"} | fields n
        {service=~"ap"} | fields n
        {service=~"pi"} | fields n
        {host=~"h[0-9]+"} | fields n
        {host=~"(?i)h1"} | fields n
        { service = "api" } | fields n
        {service="api"} {host="h1"} | fields n
        {service="api"} or {host="h1"} | fields n
        !{service="api"} | fields n
        _stream:{service="api"} | fields n
        _stream:"api" | fields n
        _stream:api | fields n
        _stream:* | fields n
        _stream:="{service=\"api\"}" | fields n
        {env="{x=\"y\"}"} | fields n, _stream
        {service} | fields n
        {service="api" | fields n
        {service="api",} | fields n
        {service=} | fields n
        {="api"} | fields n
        {service=~"("} | fields n
        word:{service="api"} | fields n
        * | stats by (_stream) count() c
        * | uniq by (_stream)
        * | fields _stream | uniq by (_stream) with hits
        _stream:~"api" | fields n
        * | filter _stream:~"api" | fields n
        * | filter _stream:api | fields n
        * | filter {service="api"} | fields n
        * | filter _stream:{service="api"} | fields n
        * | fields n | filter {service="api"}
        * | sort by (_stream, n) limit 5 | fields _stream, n
        * | stats by (service) count() if ({host="h1"}) c
        "#,
    ),
    (
        "times",
        How::Set,
        r#"
        _time:2026-03-01Z | fields n, _time
        _time:2026-03Z | fields n
        _time:2026Z | fields n
        _time:2026-03-01T10Z | fields n
        _time:2026-03-01T10:15Z | fields n
        _time:2026-03-01T10:30:00Z | fields n
        _time:2026-03-01T10:30:00.5Z | fields n
        _time:2026-03-01T10:30:00.500Z | fields n
        _time:2026-03-01T10:30:00.123456Z | fields n
        _time:2026-03-01T10:30:00.000000001Z | fields n
        _time:=2026-03-01Z | fields n
        _time:2026-03-01 | fields n
        _time:2026-03 | fields n
        _time:2026 | fields n
        _time:2026-03-01T10 | fields n
        _time:2026-03-01T10:30 | fields n
        _time:2026-03-01T10:30:00 | fields n
        _time:2026-03-01T10:30:00+02:00 | fields n
        _time:2026-03-01+02:00 | fields n
        _time:2026-03-01T10-05:00 | fields n
        _time:"2026-03-01Z" | fields n
        _time:"2026-03-01 10:30:00Z" | fields n
        _time:2026-3-1 | fields n
        _time:2026-13-01 | fields n
        _time:20260301 | fields n
        _time:now | fields n
        _time:yesterday | fields n
        _time:[2026-03-01Z,2026-03-02Z) | fields n
        _time:[2026-03-01Z, 2026-03-02Z] | fields n
        _time:(2026-03-01T10:00:00Z,2026-03-01T12:00:00Z) | fields n
        _time:[2026-03-01T10:00:00Z,2026-03-01T12:00:00Z] | fields n
        _time:[2026-03-01T10:00:00.5Z,2026-03-01T12:00:00.5Z] | fields n
        _time:[2026-03-02Z,2026-03-01Z] | fields n
        _time:[2026-03-01Z,now] | fields n
        _time:[2026-03-01T10:30:00Z,2026-03-01T10:30:00Z] | fields n
        _time:>2026-03-02Z | fields n
        _time:>=2026-03-02Z | fields n
        _time:<2026-03-02Z | fields n
        _time:<=2026-03-02Z | fields n
        _time:>2026-03-01T10:30:00Z | fields n
        _time:<=2026-03-01T10:30:00Z | fields n
        _time:>1h | fields n
        _time:>=1h | fields n
        _time:<1h | fields n
        _time:<=1h | fields n
        _time:>1d _time:<5d | fields n
        _time:1h | fields n
        _time:-1h | fields n
        _time:1h30m | fields n
        _time:60m | fields n
        _time:2d | fields n
        _time:1w | fields n
        _time:1y | fields n
        _time:1.5h | fields n
        _time:1h offset 1h | fields n
        _time:2d offset 1d | fields n
        _time:offset 1h | fields n
        _time:offset 2d | fields n
        _time:2026-03-01Z offset 1h | fields n
        _time:2026-03-01Z offset -1d | fields n
        _time:[2026-03-01Z,2026-03-02Z) offset 12h | fields n
        _time:1M | fields n
        _time:5 | fields n
        _time:0 | fields n
        _time:3600 | fields n
        _time: | fields n
        _time:1h offset | fields n
        _time:1h offset x | fields n
        _time:[1h,2h] | fields n
        _time:[now-1h,now] | fields n
        _time:[now-2d,now-1h] | fields n
        _time:[2026-03-01Z | fields n
        _time:[2026-03-01Z,2026-03-02Z | fields n
        !_time:1d | fields n
        _time:1d or error | fields n
        (_time:1d or _time:2026-03-01Z) error | fields n
        _time:day_range[08:00, 18:00] | fields n
        _time:day_range[08:00, 18:00) | fields n
        _time:day_range(08:00, 18:00) | fields n
        _time:day_range[18:00, 08:00] | fields n
        _time:day_range[00:00, 24:00] | fields n
        _time:day_range[08:00, 18:00] offset 2h | fields n
        _time:day_range[08:00, 18:00] offset -5h30m | fields n
        _time:day_range[8:00, 18:00] | fields n
        _time:day_range[08:00,18:00 | fields n
        _time:day_range[25:00, 26:00] | fields n
        _time:week_range[Mon, Fri] | fields n
        _time:week_range(Mon, Fri) | fields n
        _time:week_range[Sun, Sun] | fields n
        _time:week_range[sunday, Monday) | fields n
        _time:week_range[Fri, Mon] | fields n
        _time:week_range[Mon, Fri] offset 12h | fields n
        _time:week_range[Mon, Fri] offset -12h | fields n
        _time:week_range[foo, Fri] | fields n
        _time:week_range[Mon | fields n
        * | filter _time:1d | fields n
        * | filter _time:2026-03-01Z | fields n, _time
        * | fields n | filter _time:2026-03-01Z
        _time:* | fields n
        _time:"" | fields n
        _time:~"2026-03-01T10" | fields n
        * | filter _time:~"T10:30:00Z" | fields n
        * | filter _time:in("2026-03-01T10:30:00Z") | fields n
        * | copy _time t | filter t:"2026-03-01" | fields n, t
        * | copy _time t | filter t:>2026-03-02T00:00:00Z | fields n
        * | copy _time t | filter t:="2026-03-01T12:00:00Z" | fields n
        * | stats min(_time) a, max(_time) b
        * | stats by (_time:1d) count() c
        * | stats by (_time:1h) count() c
        * | stats by (_time:day) count() c
        * | stats by (_time:week) count() c
        * | stats by (_time:1w) count() c
        * | stats by (_time:hour) count() c
        * | stats by (_time:month) count() c
        * | stats by (_time:year) count() c
        * | stats by (_time:minute) count() c
        * | stats by (_time:second) count() c
        * | stats by (_time:1d offset 2h) count() c
        * | stats by (_time:1d offset -5h30m) count() c
        * | stats by (_time:1.5h) count() c
        * | stats by (_time:7m30s) count() c
        * | stats by (_time:3600) count() c
        * | stats by (_time:1d, service) count() c
        * | stats by (_time) count() c
        * | stats by (_time:1M) count() c
        * | stats by (_time:-1d) count() c
        * | stats by (_time:0) count() c
        * | stats by (_time:week offset 1d) count() c
        * | stats by (_time:month offset 2h) count() c
        "#,
    ),
    (
        "fields, delete, rename, copy",
        How::Set,
        r#"
        n:<200 | fields n, level
        n:<200 | keep n, level
        n:<200 | fields n,level,missing
        n:<200 | fields missing
        n:<200 | fields *
        n:<200 | fields "a b", a.b, n
        n:<200 | fields a*
        n:<200 | fields "a "*
        n:<200 | fields "a*"
        n:<200 | fields obj.*, n
        n:<200 | fields (n, level)
        n:<200 | fields
        n:<200 | fields n level
        n:<200 | fields n, | fields n
        n:<200 | fields _msg, _time, _stream
        n:<200 | fields n, n
        n:<200 | fields "n"
        n:<200 | fields ключ, n
        n:<200 | fields UPPER
        n:<200 | fields n | fields level
        n:<200 | fields level | filter n:=1
        n:<200 | fields level | sort by (n)
        n:<200 | delete _msg, _stream, _time
        n:<200 | del _msg
        n:<200 | rm _msg
        n:<200 | drop _msg, a.b
        n:<200 | delete missing
        n:<200 | delete *
        n:<200 | delete a*, s*
        n:<200 | delete "a b"
        n:<200 | delete
        n:<200 | delete n
        n:<200 | rename n as number | fields number
        n:<200 | rename n number | fields n, number
        n:<200 | mv n as level | fields n, level
        n:<200 | rename level as a, n as b | fields a, b
        n:<200 | rename level as n, n as level | fields n, level
        n:<200 | rename missing as n | fields n
        n:<200 | rename n as n | fields n
        n:<200 | rename n | fields n
        n:<200 | rename n as | fields n
        n:<200 | rename n as "new name" | fields "new name"
        n:<200 | rename _msg as m, _time as t | fields m, t
        n:<200 | rename _msg as _time | fields _time, n
        n:<200 | copy n as number | fields n, number
        n:<200 | copy n number, level as l | fields n, number, l
        n:<200 | cp n as level | fields n, level
        n:<200 | copy missing as n | fields n
        n:<200 | copy level as a, a as b | fields a, b, level
        n:<200 | copy n as n | fields n
        n:<200 | copy n
        n:<200 | copy _time as t, _msg as m | fields t, m
        n:<200 | rename n as x | filter x:<5 | fields x
        n:<200 | rename n as x | filter n:<5 | fields x
        n:<200 | copy level as n | filter n:info | fields n
        n:<200 | delete level | filter level:info | fields n
        n:<200 | delete _time | sort by (n) | fields n
        n:<200 | fields blank, word
        n:<200 | FIELDS n
        n:<200 | Fields n, level | SORT BY (n)
        "#,
    ),
    (
        "filter, limit, offset",
        How::Set,
        r#"
        n:<200 | filter level:info | fields n
        n:<200 | where level:info | fields n
        n:<200 | level:info | fields n
        n:<200 | "error" | fields n
        n:<200 | error or foo | fields n
        n:<200 | !error | fields n
        n:<200 | filter | fields n
        n:<200 | filter int:>5 and int:<100 | fields n
        n:<200 | filter n:<100 | filter n:>50 | fields n
        n:<200 | bogus | fields n
        n:<200 | bogus x | fields n
        n:<200 | sort by (n) | limit 5 | fields n
        n:<200 | sort by (n) | head 5 | fields n
        n:<200 | sort by (n) | limit | fields n
        n:<200 | sort by (n) | head | fields n
        n:<200 | sort by (n) | limit 0 | fields n
        n:<200 | sort by (n) | limit 1000 | fields n
        n:<200 | sort by (n) | limit 1K | fields n
        n:<200 | sort by (n) | limit 0x10 | fields n
        n:<200 | sort by (n) | limit 1_0 | fields n
        n:<200 | sort by (n) | limit x | fields n
        n:<200 | sort by (n) | limit -1 | fields n
        n:<200 | sort by (n) | limit 1.5 | fields n
        n:<200 | sort by (n) | limit inf | fields n
        n:<200 | sort by (n) | offset 195 | fields n
        n:<200 | sort by (n) | skip 195 | fields n
        n:<200 | sort by (n) | offset 10 | limit 5 | fields n
        n:<200 | sort by (n) | limit 10 | offset 5 | fields n
        n:<200 | sort by (n) | offset 1000 | fields n
        n:<200 | sort by (n) | offset | fields n
        n:<200 | sort by (n) | offset x | fields n
        n:<200 | sort by (n) | tail 5 | fields n
        n:<200 |
        n:<200 | | fields n
        | fields n
        n:<200 | fields n )
        (n:<200 | fields n)
        fields n
        limit 5
        sort by (n)
        "fields" n
        "#,
    ),
    (
        "sort",
        How::Ordered,
        r#"
        n:<500 | sort by (n)
        n:<500 | sort by (n desc) | fields n
        n:<500 | sort by (n asc) | fields n
        n:<500 | sort by (n) desc | fields n
        n:<500 | sort by (n desc) desc | fields n
        n:<500 | order by (n) | fields n
        n:<500 | sort (n) | fields n
        n:<500 | sort by (_time, n) | fields _time, n
        n:<500 | sort by (_time desc, n) | fields _time, n
        n:<500 | sort by (_time desc, n desc) | fields n
        n:<500 | sort by (service, n desc) | fields service, n
        n:<500 | sort by (missing, n) | fields n
        n:<500 | sort by (n) limit 5 | fields n
        n:<500 | sort by (n) limit 5 offset 10 | fields n
        n:<500 | sort by (n) offset 490 | fields n
        n:<500 | sort by (n desc) offset 3 limit 2 | fields n
        n:<500 | sort by (n) limit 0 | fields n
        n:<500 | sort by (n) rank as r limit 5 | fields n, r
        n:<500 | sort by (n) rank r | fields n, r
        n:<500 | sort by (n) rank | fields n, rank
        n:<500 | sort by (n) limit 5 rank as position | fields position, n
        n:<500 | sort by (n) offset 5 rank as r limit 3 | fields n, r
        n:<500 | sort by (n) partition by (service) limit 2 | fields service, n | sort by (service, n)
        n:<500 | sort by (n desc) partition by (service, host) limit 1 | fields service, n | sort by (n)
        n:<500 | sort by (n) partition by (service) | fields n
        n:<500 | sort by (n) limit 1 limit 2 | fields n
        n:<500 | sort by (n) limit x | fields n
        n:<500 | sort by (n) limit 1KB | fields n
        n:<500 | sort by n | fields n
        n:<500 | sort by (n | fields n
        n:<500 | sort by (n*) | fields n
        n:<500 | sort by (n foo) | fields n
        n:<500 | sort by (n,) | fields n
        n:<500 | sort by ("a b", n) | fields "a b", n
        n:<500 | sort by (id) | fields id
        n:<500 | sort by (_msg, n) | fields n
        n:<500 | first 5 by (n) | fields n
        n:<500 | first by (n) | fields n
        n:<500 | first 5 (n) | fields n
        n:<500 | first 5 by (n desc) | fields n
        n:<500 | last 5 by (n) | fields n
        n:<500 | last by (n) | fields n
        n:<500 | last 5 by (n desc) | fields n
        n:<500 | last 3 by (_time, n) | fields n
        n:<500 | first 2 by (n) partition by (service) | fields service, n | sort by (service, n)
        n:<500 | last 1 by (n) partition by (service) | fields service, n | sort by (service, n)
        n:<500 | first 2 by (n) rank as r | fields n, r
        n:<500 | first 2 by (n) partition by (service) rank as r | fields service, n, r | sort by (service, n)
        n:<500 | first 0 by (n) | fields n
        n:<500 | first x by (n) | fields n
        n:<500 | first 5 by n | fields n
        n:<500 | sort by (ms, n) limit 20 | fields ms, n
        n:<500 | sort by (ms desc, n) | fields ms, n
        n:<500 | sort by (took, n) | fields took, n
        n:<500 | sort by (load, n) | fields load, n
        n:<500 | sort by (addr, n) | fields addr, n
        * | stats by (service) count() c | sort by (c desc, service)
        * | stats by (service) count() c | sort by (service) | fields service
        * | stats by (service, host) max(ms) m | sort by (m desc, service, host) limit 7
        * | uniq by (service) | sort by (service)
        * | uniq by (service, host) with hits | sort by (hits desc, service, host)
        n:<500 | sort by (n) | sort by (n desc) | limit 3 | fields n
        "#,
    ),
    (
        "stats",
        How::Set,
        r#"
        * | stats count()
        * | stats count() c
        * | stats count() as c
        * | stats count(*) c
        * | stats count(level) c
        * | stats count(level, missing) c
        * | stats count(missing) c
        * | stats count(s*) c
        * | count()
        * | count() c
        * | by (service) count() c
        * | stats by (service) count() c, count(level) l
        * | stats by (service, host, env) count() c
        * | stats (service) count() c
        * | stats by () count() c
        * | stats by (missing) count() c
        * | stats by ("a b") count() c
        * | stats by (a.b) count() c
        * | stats by (word) count() c
        * | stats by (esc) count() c
        * | stats by (same) count() c
        * | stats by (quoted) count() c
        * | stats by (mix) count() c
        * | stats by (_msg) count() c
        * | stats by (blank) count() c
        * | stats by (service) count() if (level:error) c
        * | stats by (service) count() if (level:error) c, count() if (!level:error) d, count() e
        * | stats count() if () c
        * | stats count() if (n:<10 or n:>5990) as c
        * | stats by (service) sum(int) s if (level:error)
        * | stats by (int:10) count() c
        * | stats by (int:100) count() c
        * | stats by (n:1000) count() c
        * | stats by (n:0.5) count() c | filter n:<20
        * | stats by (flt:1) count() c
        * | stats by (flt:0.5) count() c
        * | stats by (neg:10) count() c
        * | stats by (size:1KB) count() c
        * | stats by (size:1KiB) count() c
        * | stats by (dur:1m) count() c
        * | stats by (dur:1h) count() c
        * | stats by (took:10s) count() c
        * | stats by (goodip:/24) count() c
        * | stats by (goodip:/8) count() c
        * | stats by (ip:/16) count() c
        * | stats by (goodip:/33) count() c
        * | stats by (when:1d) count() c
        * | stats by (iso:1d) count() c
        * | stats by (mix:10) count() c
        * | stats by (big:1000) count() c
        * | stats by (exp:10) count() c
        * | stats by (load:100) count() c
        * | stats by (int:x) count() c
        * | stats by (int:0) count() c
        * | stats by (int:-5) count() c
        * | stats by (word:10) count() c
        missing:x | stats count() c
        missing:x | stats by (service) count() c
        missing:x | stats sum(int) s, avg(int) a, min(int) b, max(int) c, median(int) d, count_uniq(int) e
        missing:x | stats uniq_values(int) u, values(int) v, sum_len(int) l, count_empty(int) e, quantile(0.5, int) q
        missing:x | stats row_any(n) r, row_min(n, n) s, row_max(n, n) t
        * | stats by (service) count_empty(level) c
        * | stats count_empty(word) c, count_empty(word, esc) d, count_empty(missing) e
        * | stats count_uniq(service) c, count_uniq(service, host) d, count_uniq(missing) e, count_uniq(n) f
        * | stats by (service) count_uniq(host) c, count_uniq(int) d
        * | stats count_uniq(n) limit 10 as c
        * | stats count_uniq(word) limit 1000 c
        * | stats count_uniq() c
        * | stats count_uniq(*) c
        * | stats by (level) sum_len(_msg) c
        * | stats sum_len(word, esc) c, sum_len(missing) d, sum_len(n) e
        * | stats by (service) count() hits | filter hits:>500
        * | stats by (service) count() hits | fields hits
        * | stats by (service) count() service
        * | stats by (service) count() c, sum(n) c
        * | stats by (service)
        * | stats
        * | stats by (service count() c
        * | stats by service count() c
        * | stats count
        * | stats bogus() c
        * | stats count() c count() d
        * | stats count() c,
        * | stats by (service) count() c | stats sum(c) total, count() groups
        * | stats by (service, level) count() c | stats by (service) max(c) m
        * | stats by (service) count() "number of rows"
        * | stats by (service) count() "c" | rename c as d
        * | stats by (s*) count() c
        * | stats by (*) count() c | stats count() d
        * | stats by (service) count() c | limit 100
        * | stats by (service) count() c | delete c
        * | stats by (service) count() c | copy c d
        * | stats by (service as s) count() c
        * | STATS BY (service) COUNT() c
        * | stats count() as count
        * | stats by (_time:1d) count() c, count_uniq(service) s
        * | stats sum("a b"), count("a b", a.b)
        "#,
    ),
    (
        "lists",
        How::Lists,
        r#"
        * | stats by (service) uniq_values(level) v
        * | stats uniq_values(word) v
        * | stats uniq_values(mix) v
        * | stats uniq_values(int, level) v
        * | stats uniq_values(esc) v
        * | stats uniq_values(missing) v
        * | stats by (service) uniq_values(size) v
        * | stats uniq_values(level) limit 100 as v
        * | stats uniq_values(s*) v | fields missing
        n:<100 | stats values(n) v
        n:<100 | stats by (service) values(n) v
        n:<100 | stats values(word) v
        n:<100 | stats values(n, level) v
        n:<100 | stats values(missing) v
        n:<100 | stats values(esc) v
        n:<100 | stats by (level) values(n) if (service:=api) v
        n:<100 | stats values(n) limit 1000 v
        "#,
    ),
    (
        "names of fields of some records",
        How::Part,
        r#"
        service:=api | field_names | fields name
        n:<100 | field_names | fields name
        missing:x | field_names | fields name
        "#,
    ),
    (
        "uniq, top, field_names, field_values",
        How::Set,
        r#"
        * | uniq by (service)
        * | uniq (service)
        * | uniq service
        * | uniq by service
        * | uniq by (service, host)
        * | uniq service, host
        * | uniq by (service) with hits
        * | uniq by (service) hits
        * | uniq by (missing)
        * | uniq by (missing) with hits
        * | uniq by (missing, service)
        * | uniq by (word) with hits
        * | uniq by (mix)
        * | uniq by (mix) with hits
        * | uniq by (same) with hits
        * | uniq by (esc)
        * | uniq by (n) | stats count() c
        * | uniq by (service) limit 100
        * | uniq by (service) with hits limit 100
        * | uniq by (service, hits) with hits
        * | uniq by ("a b", a.b)
        * | uniq by (a*)
        * | uniq by ()
        * | uniq by
        * | uniq
        * | uniq by (service) with
        * | uniq by (service) limit x
        * | uniq by (_time) | stats count() c
        * | uniq by (_msg)
        * | fields service | uniq by (host)
        * | top by (lvl)
        * | top 100 by (lvl)
        * | top 100 (lvl)
        * | top 100 lvl
        * | top 100 by (service, host)
        * | top 100 by (missing)
        * | top 100 by (missing, service)
        * | top 100 by (word)
        * | top 100 by (service) hits as c
        * | top 100 by (service) hits c
        * | top 100 by (service) hits as service
        * | top 100 by (hits, service)
        * | top 0 by (service)
        * | top x by (service)
        * | top 1.5K by (service)
        * | top 100 by ()
        * | top 100
        * | top
        * | top 100 by (s*)
        * | field_names | filter name:!=_stream_id | fields name
        * | field_names as f | filter f:!=_stream_id | fields f
        * | field_names f | filter f:!=_stream_id | fields f
        * | field_names *
        * | stats by (service) count() c | field_names
        * | field_values service
        * | field_values (service)
        * | field_values "a b"
        * | field_values missing
        * | field_values word
        * | field_values mix
        * | field_values same
        * | field_values _stream
        * | field_values service limit 100
        * | field_values
        * | field_values s*
        * | field_values (service, host)
        * | field_values service limit x
        service:=api | field_values level
        * | fields n | field_values level
        * | rename level as l | field_values l
        "#,
    ),
    (
        "subqueries",
        How::NeedsServer,
        r#"
        n:in(n:<10 | fields n) | fields n
        service:in(host:=h1 env:=prod | fields service) | fields n
        service:in(level:error | uniq by (service)) | fields n
        word:contains_any(n:<50 | fields word) | fields n
        word:contains_all(n:=11 | fields word) | fields n
        n:in(missing:x | fields n) | fields n
        n:in(*) | fields n
        n:in(n:<10) | fields n
        n:in(n:<10 | fields n, level) | fields n
        n:in(n:<10 | fields *) | fields n
        n:in(n:<10 | stats max(n) n) | fields n
        n:in(n:<10 | sort by (n desc) | limit 3 | fields n) | fields n
        !n:in(n:>10 | fields n) | fields n
        n:<10 | filter n:in(n:<5 | fields n) | fields n
        n:<100 | stats count() if (n:in(n:<5 | fields n)) c
        service:in(service:=api | fields service | uniq by (service)) | stats count() c
        "#,
    ),
    (
        "what the parser refuses",
        How::Set,
        r#"
        (
        )
        ()
        foo)
        (foo
        "foo
        'foo
        `foo
        foo:(
        foo:
        foo:()
        :foo
        foo:"bar
        "a\q"
        foo:=
        foo:>
        foo:<=
        foo:~
        foo:range(
        foo:range(1
        foo:range(1,
        foo:range(1,2
        foo:range(a,b)
        foo:range 1,2
        foo:in(
        foo:in(a
        foo:in(a b)
        foo:in(a,,b)
        foo:in(a,
        foo:i(
        foo:i(a
        foo:i(a,b)
        foo:exact(a,b)
        foo:len_range(1)
        foo:len_range(a,b)
        foo:len_range(-1,2)
        foo:len_range(5,2)
        foo:string_range(a)
        foo:ipv4_range(a)
        foo:ipv4_range(1.2.3.4,5)
        foo:ipv4_range("1.2.3.4/33")
        foo:eq_field()
        foo:eq_field(a,b)
        foo:re(a,b)
        foo*:bar
        *:bar
        *foo
        foo**
        foo:**
        foo,bar
        [foo]
        foo]
        {foo}
        }
        foo | sort by (
        foo | fields *x
        foo |fields
        foo or | bar
        foo and and bar
        foo or or bar
        !
        -
        not and
        foo:not
        foo bar |
        foo | stats by (a:) count()
        foo | rename a, b
        foo | limit 1 2
        foo | sort by (a) foo
        foo | top 5 by (a) foo
        options(x=1) foo
        "#,
    ),
    (
        "what needs the server",
        How::NeedsServer,
        r#"
        n:<50 | extract "took <t>ms" from _msg | fields n, t
        n:<50 | extract_regexp "took (?P<t>[0-9]+)ms" | fields n, t
        n:<50 | format "<n>: <_msg>" as line | fields line
        n:<50 | math n + 1 as m | fields m
        n:<50 | eval n * 2 m | fields m
        n:<50 | unpack_json | fields inner
        n:<50 | unpack_logfmt | fields key
        n:<50 | unpack_syslog
        n:<50 | unpack_words | fields words
        n:<50 | replace ("a", "b") at _msg | fields _msg
        n:<50 | replace_regexp ("a+", "b") at _msg | fields _msg
        n:<50 | pack_json fields (n) as p | fields p
        n:<50 | pack_logfmt fields (n) as p | fields p
        n:<50 | len(_msg) as l | fields l
        n:<50 | hash(_msg) as h | fields h
        n:<50 | collapse_nums at _msg | fields _msg
        n:<50 | decolorize _msg | fields _msg
        n:<50 | drop_empty_fields | fields n
        n:<50 | join by (n) (n:<10 | fields n, level) | fields n
        n:<50 | union (n:>5990) | fields n
        n:<50 | unroll (word) | fields n
        n:<50 | json_array_len(mix) as l | fields l
        n:<50 | facets
        n:<50 | sample 1 | fields n
        n:<50 | stream_context before 1 | fields n
        n:<50 | block_stats | fields field
        n:<50 | blocks_count as b | fields c
        n:<50 | stats histogram(ms) h
        n:<50 | stats json_values(n) j
        n:<50 | stats rate() r
        n:<50 | stats rate_sum(n) r
        n:<50 | stats count_uniq_hash(n) h
        n:<50 | stats_remote count() c
        n:<50 | stats sum_len(*) l
        n:<50 | stats sum_len() l
        n:<50 | stats values(*) l
        n:<50 | stats values() l
        n:<50 | stats uniq_values(*) l
        n:<50 | stats uniq_values() l
        n:<50 | stats max() l
        n:<50 | stats min(*) l
        n:<50 | stats sum(*) l
        n:<50 | stats count_empty() l
        n:<50 | stats count_uniq(_stream_id) l
        n:<50 | fields _stream_id
        n:<50 | delete _stream_id | fields n
        n:<50 | sort by (_stream_id, n) | fields n
        n:<50 | sort | fields n
        n:<50 | sort by () | limit 3 | fields n
        n:<50 | stats by (_stream_id) count() c | fields c
        n:<50 | uniq by (_stream_id) | fields x
        n:<50 | copy _stream_id as i | fields i
        n:<50 | rename _s* as i* | fields itream
        n:<50 | fields _s*
        _stream_id:0000000000000000e934a84adb05276890d7f7bfcadabe92 | fields n
        _stream_id:in(0000000000000000e934a84adb05276890d7f7bfcadabe92) | fields n
        _stream_id:* | fields n
        _stream_id:in(n:<10 | fields _stream_id) | fields n
        n:<50 | filter _stream_id:* | fields n
        word:value_type(string) | fields n
        int:value_type(uint64) | fields n
        options(concurrency=1) n:<50 | fields n
        n:<500 | sort by () | fields n
        n:<500 | sort by (n) rank as n limit 3
        * | stats by (n:1000 offset 500) count() c
        * | stats count() if (level:error)
        * | fields n, level, missing | field_names
        * | rename n as m | fields m | field_names
        n:<200 | rename obj.* as o_* | fields o_*
        n:<200 | rename a* as b* | fields b*
        n:<200 | copy obj.* as o* | fields o*
        n:<200 | copy * as x.* | fields x.n, x._msg
        {} | fields n
        * | stats sum(int), max(int) if (service:=api), quantile(0.9, int)
        path:~"\\Q.\\E" | fields n
        _msg:~"(?m)^lines$" | fields n
        missing:x | stats row_min(n) s
        * | first 3 | fields n
        * | last | fields n
        * | sort by (n) | fields n, word | sort by (n) rank as word | fields n
        * | stats min(a*) m
        * | stats quantile(0.5, a*) m, median(a*) n
        * | stats values(a*) m
        * | stats sum_len(_time) l
        options(ignore_global_time_filter=true) n:<50 | fields n
        word:~"(?i)größe" | fields n
        word:~"(?i)k" | fields n
        word:~"\\pL" | fields n
        word:~"\\p{Greek}" | fields n
        word:~"[\\p{L}]+" | fields n
        word:~"\\w+é" | fields n
        word:~"(?i)[a-z]" | fields n
        word:~"[[:alpha:]]" | fields n
        word:~"\\b" | fields n
        word:~"\\C" | fields n
        word:~"(?U)a+" | fields n
        word:~"(?x) a" | fields n
        word:~"\\d{1001}" | fields n
        word:~"(?<name>a)" | fields n
        word:~"\\u00e9" | fields n
        word:~"[a&&b]" | fields n
        word:~"[a--b]" | fields n
        word:~"\\z" | fields n
        word:~"\\A." | fields n
        word:~"\\x{1F600}" | fields n
        word:~"\\07" | fields n
        word:~"(?R)a" | fields n
        "#,
    ),
];

/// Each kind of field in order, up and down, ties by number.
fn sorted() -> impl Iterator<Item = Query> {
    let fields = [
        "int",
        "neg",
        "flt",
        "exp",
        "big",
        "ms",
        "goodip",
        "addr",
        "size",
        "dur",
        "when",
        "iso",
        "word",
        "path",
        "esc",
        "level",
        "_stream",
        "flag",
        "same",
        "took",
        "blank",
        "left",
        "ip",
        "mix",
        "lvl",
        "kind",
        "session_id",
        "obj.name",
    ];
    fields.into_iter().flat_map(|field| {
        ["", " desc"].map(|order| Query {
            theme: "sort by each kind",
            text: format!("* | sort by ({field}{order}, n) | fields {field}, n"),
            how: How::Ordered,
        })
    })
}

/// All functions over each kind of field.
///
/// Not sums of numbers with units or exponents: the server leaves those out that stand alone in what it has stored
/// together.
fn calculated() -> Vec<Query> {
    let plain = ["int", "neg", "flt", "load", "n", "ms", "int, flt"];
    let others = [
        "exp", "big", "mix", "size", "dur", "ip", "goodip", "when", "iso", "word", "missing", "_time",
        "took", "blank", "_msg", "level",
    ];
    let functions = [
        "min($) a, max($) b, count($) c, count_empty($) d, count_uniq($) e",
        "median($) a, quantile(0, $) b, quantile(0.25, $) c, quantile(0.99, $) d, quantile(1, $) e",
    ];
    let mut queries = Vec::new();
    let mut ask = |function: &str, field: &str| {
        for by in ["", "by (service) "] {
            let text = format!("* | stats {by}{}", function.replace('$', field));
            queries.push(Query { theme: "functions", text, how: How::Near });
        }
    };
    for field in plain {
        ask("sum($) a, avg($) b", field);
    }
    for field in ["word", "esc", "same", "_msg", "missing", "n", "word, esc", "mix"] {
        ask("sum_len($) a", field);
    }
    for field in plain.into_iter().chain(others) {
        for function in functions {
            ask(function, field);
        }
    }
    ask("max(a*) a, count(a*) b, count_empty(a*) c, sum_len(a*) d, uniq_values(missing*) e", "a*");
    for query in
        ["quantile(1.5, int)", "quantile(x, int)", "quantile()", "quantile(0.5)", "median()", "avg()", "sum"]
    {
        queries.push(Query {
            theme: "functions",
            text: format!("n:<9 | stats {query} r"),
            how: How::NeedsServer,
        });
    }
    queries
}

/// What several answers are right for.
fn tied() -> impl Iterator<Item = Query> {
    let queries: [(&str, &str, &[&str]); 21] = [
        ("level:info | limit 5", "level:info", &[]),
        ("level:info | fields n | head 7", "level:info | fields n", &[]),
        ("level:info | fields n | limit", "level:info | fields n", &[]),
        ("n:<100 | fields n | offset 90", "n:<100 | fields n", &[]),
        ("n:<100 | fields n | offset 90 | limit 5", "n:<100 | fields n", &[]),
        ("* | sort by (level) limit 10 | fields level, n", "* | fields level, n", &["level"]),
        ("* | sort by (int desc) | limit 30 | fields int, n", "* | fields int, n", &["int"]),
        ("* | sort by (_time) limit 30 | fields _time, n", "* | fields _time, n", &["_time"]),
        ("* | sort by (_time desc) offset 5 limit 30 | fields _time, n", "* | fields _time, n", &["_time"]),
        ("* | sort by (service) | fields service, n", "* | fields service, n", &["service"]),
        ("* | first 20 by (flt) | fields flt, n", "* | fields flt, n", &["flt"]),
        ("* | last 20 by (dur) | fields dur, n", "* | fields dur, n", &[]),
        ("* | uniq by (word) limit 3", "* | uniq by (word)", &[]),
        ("* | uniq by (n) limit 10", "* | uniq by (n)", &[]),
        ("* | uniq by (service, host) limit 2", "* | uniq by (service, host)", &[]),
        ("* | top 3 by (service)", "* | top 1000 by (service)", &["hits"]),
        ("* | top 5 by (word)", "* | top 1000 by (word)", &["hits"]),
        ("* | top by (n)", "* | top 10000 by (n)", &["hits"]),
        ("* | top 4 by (service) rank as r", "* | top 1000 by (service) rank as r", &["hits", "r"]),
        ("* | top 4 by (service, host) rank", "* | top 1000 by (service, host) rank", &["hits", "rank"]),
        ("* | field_values n limit 5 | fields n", "* | field_values n | fields n", &[]),
    ];
    queries.into_iter().map(|(text, of, keys)| Query {
        theme: "ties",
        text: text.to_owned(),
        how: How::Ties { of: of.to_owned(), keys },
    })
}

/// A row of each group, whichever.
fn any() -> impl Iterator<Item = Query> {
    let all = "* | fields service, n, level, ms, word, _time, _msg, flt, int, dur, size, host";
    [
        "* | stats row_any(n, level) r",
        "* | stats by (service) row_any(n, level, _msg) r",
        "* | stats by (service) row_any(missing, n) r",
        "* | stats by (service) row_min(n, n, level) r",
        "* | stats by (service) row_max(n, n, level) r",
        "* | stats row_min(ms, n, ms) r",
        "* | stats row_max(ms, n, ms) r",
        "* | stats by (level) row_max(_time, n, _time) r",
        "* | stats by (level) row_min(_time, _time) r",
        "* | stats by (service) row_max(flt, n, flt) r",
        "* | stats by (service) row_min(int, int) r",
        "* | stats by (service) row_min(word, word, n) r",
        "* | stats by (service) row_max(missing, n) r",
        "* | stats by (service) row_max(dur, dur) r",
        "* | stats by (service) row_max(size, size) if (level:error) r",
        "* | stats by (service) row_any(h*) r",
    ]
    .into_iter()
    .map(move |text| Query {
        theme: "rows of groups",
        text: text.to_owned(),
        how: How::Any { of: all.to_owned() },
    })
}

/// Filters of all themes put together at random, with pipes behind them; the same in every run.
fn mixed() -> Vec<Query> {
    // A wrong expression would make the whole query wrong.
    let themes = FILTERS.iter().filter(|(theme, ..)| *theme != "regular expressions");
    let filters: Vec<_> = themes.flat_map(|(_, fields, filters)| crossed(fields, filters)).collect();
    let mut numbers = Numbers::new(11);
    let mut queries = Vec::new();
    for _ in 0..if is_long() { 300 } else { 150 } {
        let mut text = combined(&filters, 3, &mut numbers);
        for _ in 0..numbers.below(4) {
            text += PIPES[numbers.below(PIPES.len())];
        }
        text += ENDS[numbers.below(ENDS.len())];
        queries.push(Query { theme: "mixed", text, how: How::Set });
    }
    queries
}

fn combined(filters: &[String], depth: usize, numbers: &mut Numbers) -> String {
    let deeper = |numbers: &mut Numbers| combined(filters, depth - 1, numbers);
    match if depth == 0 { 0 } else { numbers.below(8) } {
        0 | 1 => filters[numbers.below(filters.len())].clone(),
        2 => format!("({})", deeper(numbers)),
        3 => format!("!({})", deeper(numbers)),
        4 => format!("{} {}", deeper(numbers), deeper(numbers)),
        5 => format!("{} and {}", deeper(numbers), deeper(numbers)),
        _ => format!("{} or {}", deeper(numbers), deeper(numbers)),
    }
}

/// Pipes that keep `n`, `service` and the time.
const PIPES: &[&str] = &[
    " | filter int:>5 or word:foo",
    " | where !host:h1",
    " | delete word, mix",
    " | rename host as h, word as host",
    " | copy service as s, n as number",
    " | fields _time, _stream, n, service, host, word, int, ms",
    " | sort by (n desc) limit 700",
    " | sort by (ms, n) offset 10 rank as r",
    " | last 900 by (_time, n)",
    " | first 20 by (n) partition by (service)",
    " | sort by (n) | limit 1500",
];

/// What ends a query.
const ENDS: &[&str] = &[
    " | fields n",
    " | fields n, service, host, word, s, h",
    " | stats by (service) count() c, sum(int) s, max(ms) m, count_uniq(host) u",
    " | stats by (_time:1d, host) count() c, min(n) n",
    " | uniq by (service, host) with hits",
    " | top 1000 by (host)",
    " | stats count() c, quantile(0.9, ms) q, sum_len(word) l | filter c:>0",
    " | stats by (int:10) count() if (host:h1) c",
    " | field_values word",
];

/// Options of `query`, which print the same rows in the same order of both.
pub const ARGUMENTS: &[&[&str]] = &[
    &["n:<100", "-n", "5"],
    &["n:<1000 _time:<2026-03-06Z | sort by (_time, n)", "-n", "5"],
    &["* | stats by (service) count() c | sort by (service)", "--since", "2d"],
    &["* | sort by (n) | fields n", "--since", "2h"],
    &["* | sort by (n) | fields n", "--since", "2h", "--until", "20m"],
    &["* | sort by (n) | fields n", "--since", "2026-03-01", "--until", "2026-03-02"],
    &["* | sort by (n) | fields n", "--since", "2026-03-01T10:30:00Z", "--until", "2026-03-01T10:30:00Z"],
    &["* | sort by (n) | fields n", "-s", "api"],
    &["* | sort by (n) | fields n", "-s", "a\"b\\c"],
    &["* | sort by (n) | fields n", "-l", "error"],
    &["* | sort by (n) | fields n", "-l", "warn", "-s", "Größe dienst"],
    &["* | sort by (n) | fields n, session_id", "--session", "s5"],
    &["* | sort by (n)", "--fields", "n,level,a b", "--since", "1d"],
    &["error or foo | sort by (n) | fields n", "-s", "web", "--since", "2026"],
    &["| sort", "-s", "web"],
    &["(", "-s", "web"],
    &["* | stats by (lvl) count() c | sort by (lvl)", "-o", "json", "-l", "info"],
];
