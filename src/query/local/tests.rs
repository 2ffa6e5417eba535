//! Queries and what VictoriaLogs 1.26.0 answers to them over the same records, asked at a moment of 2026-11-22.

use super::{Query, Row};
use crate::record::time::Time;

/// `service` and `host` tell streams.
#[rustfmt::skip]
const RECORDS: [&str; 12] = [
    r#"{"_time":"2026-11-20T10:00:00Z","_msg":"connection refused: timeout after 1.5s","level":"error","service":"api","host":"a","v":"1","n":"5","ip":"10.0.0.1","i":"1"}"#,
    r#"{"_time":"2026-11-20T10:00:00.5Z","_msg":"Error in foo-bar","level":"error","service":"api","v":"10","n":"-7","d":"1.5s","i":"2"}"#,
    r#"{"_time":"2026-11-20T10:20:00Z","_msg":"foobar errors","level":"info","service":"web","host":"b","v":"9","n":"100","d":"100ms","i":"3"}"#,
    r#"{"_time":"2026-11-20T11:00:00Z","_msg":"GET /api/v1/users 200","level":"info","service":"web","v":"abc","n":"20","s":"5KB","i":"4"}"#,
    r#"{"_time":"2026-11-20T12:00:00Z","_msg":"über straße naïve","level":"warn","service":"q\"x","v":"Abc","n":"3","s":"5KiB","i":"5"}"#,
    r#"{"_time":"2026-11-20T23:59:59.999999999Z","_msg":"日本語 x² Ⅷ","level":"warn","service":"web","host":"a","v":"abc def","s":"1MB","i":"6"}"#,
    r#"{"_time":"2026-11-21T00:00:00Z","_msg":"user_id=42 said \"hi\"","level":"debug","service":"db srv","v":"a9","w":"a9","n":"1_000","i":"7"}"#,
    r#"{"_time":"2026-11-21T08:30:00Z","_msg":"back\\slash\tand tab","level":"debug","service":"db srv","v":"a10","w":"x","n":"1000","i":"8"}"#,
    r#"{"_time":"2026-11-21T09:00:00Z","_msg":"new\nline","level":"INFO","service":"api","v":"10.0.0.7","n":"2e3","ip":"10.0.1.7","i":"9"}"#,
    r#"{"_time":"2026-11-21T10:00:00Z","_msg":"it's <ok> 😀x","service":"api","v":"2026-11-20T10:00:00Z","a b":"y z","and":"1","i":"10"}"#,
    r#"{"_time":"2026-11-22T10:00:00Z","_msg":"foo bar foo","level":"info","service":"api","host":"a","v":"-0.5","f":"2.50","a.b":"1","i":"11"}"#,
    r#"{"_time":"2026-11-22T10:10:00Z","_msg":"ΣΑΣ Kelvin \u212aelvin","level":"info","service":"api","host":"b","v":"007","f":"12.75","n":"7","i":"12"}"#,
];

/// Filters, and the `i` of the records that pass.
#[rustfmt::skip]
const FILTERS: [(&str, &str); 171] = [
    ("*", "1 2 3 4 5 6 7 8 9 10 11 12"),
    ("error", ""),
    ("Error", "2"),
    ("errors", "3"),
    ("err*", "3"),
    (r#""foo bar""#, "11"),
    ("foo bar", "2 11"),
    ("foo-bar", "2"),
    (r#""foo b"*"#, "11"),
    ("foobar or GET", "3 4"),
    ("error or foo !bar", ""),
    ("(error or foo) !bar", ""),
    ("not (error or foo)", "1 3 4 5 6 7 8 9 10 12"),
    ("!error -foo", "1 3 4 5 6 7 8 9 10 12"),
    ("user_id", "7"),
    ("user_id=42", "7"),
    ("/api/v1/users", "4"),
    (r#""api/v1""#, "4"),
    ("v1", "4"),
    ("über", "5"),
    ("ber", ""),
    ("日本語", "6"),
    ("日本", ""),
    ("x", "6 10"),
    ("Ⅷ", "6"),
    (r#""\"hi\"""#, "7"),
    (r#""back\\slash""#, "8"),
    (r"`back\slash`", "8"),
    (r"'it\'s'", "10"),
    ("it's", "10"),
    (r#""tab\tx""#, ""),
    (r#""and tab""#, "8"),
    (r#""new\nline""#, "9"),
    ("😀x", "10"),
    ("i(error)", "2"),
    ("i(ERR*)", "2 3"),
    ("i(ÜBER)", "5"),
    ("i(STRASSE)", ""),
    ("i(σας)", ""),
    ("i(kelvin)", "12"),
    ("level:error", "1 2"),
    ("level:=err", ""),
    ("level:=err*", "1 2"),
    ("level:i(info)", "3 4 9 11 12"),
    (r#"level:"""#, "10"),
    ("level:*", "1 2 3 4 5 6 7 8 9 11 12"),
    ("level:!=info", "1 2 5 6 7 8 9 10"),
    ("level:!info", "1 2 5 6 7 8 9 10"),
    ("level:(error or warn)", "1 2 5 6"),
    ("level:in(error, warn)", "1 2 5 6"),
    (r#"level:~"err|warn""#, "1 2 5 6"),
    (r#"level:!~"^(err|warn)""#, "3 4 7 8 9 10 11 12"),
    ("v:1", "1"),
    ("v:=10", "2"),
    ("v:10*", "2 9"),
    (r#"v:"10.0""#, "9"),
    ("v:abc", "4 6"),
    ("v:ABC", ""),
    (r#"v:"abc def""#, "6"),
    (r#"v:exact("abc"*)"#, "4 6"),
    ("v:>5", "2 3 9 10 12"),
    ("v:>=9", "2 3 9 10"),
    ("v:<5", "1 11"),
    ("v:<=10 v:>1", "2 3 12"),
    ("v:>abc", "6"),
    ("v:<abc", "1 2 3 5 7 8 9 10 11 12"),
    ("v:range[1,10]", "1 2 3 12"),
    ("v:range(1,10)", "3 12"),
    ("v:range(1,10]", "2 3 12"),
    ("v:>10.0.0.0", "9 10"),
    ("v:>1795000000s", "10"),
    (r#"v:in(1, abc, "abc def")"#, "1 4 6"),
    ("v:contains_any(abc, 10)", "2 4 6 9"),
    ("v:contains_all(abc, def)", "6"),
    ("v:len_range(2,3)", "2 4 5 7 8 12"),
    ("v:string_range(a, b)", "4 6 7 8"),
    ("v:ipv4_range(10.0.0.0/8)", "9"),
    ("ip:ipv4_range(10.0.0.0, 10.0.0.255)", "1"),
    ("v:eq_field(w)", "7"),
    ("v:le_field(n)", "1 3 12"),
    ("v:lt_field(n)", "1 3"),
    ("nosuch:eq_field(alsonot)", "1 2 3 4 5 6 7 8 9 10 11 12"),
    ("n:>100", "7 8 9"),
    ("n:>=1KB", "7 8 9"),
    ("n:<0", "2"),
    ("n:-7", "1 3 4 5 6 7 8 9 10 11"),
    ("n:7", "2 12"),
    ("n:=1000", "8"),
    ("s:>5KB", "5 6"),
    ("s:>=5KiB", "5 6"),
    ("d:>1s", "2"),
    ("d:<1s", "3"),
    ("f:>2", "11 12"),
    ("f:2.5", ""),
    ("f:2.50", "11"),
    ("seq(foo, foo)", "11"),
    ("seq(foo, bar, foo)", "11"),
    (r#"seq("foo bar", foo, foo)"#, ""),
    ("contains_all(foo, bar)", "2 11"),
    (r#"~"foo.?bar""#, "2 3 11"),
    (r#"~"\\d{3}""#, "4"),
    (r#"~"new.line""#, "9"),
    (r#"~"(?i)ERROR""#, "2 3"),
    (r#"~"(?i)\\bkelvin""#, "12"),
    (r#"~"[[:upper:]]{3}""#, "4"),
    (r#"~"^.{9,10}$""#, ""),
    (r#"~"ü""#, "5"),
    (r#"{service="api"}"#, "1 2 9 10 11 12"),
    (r#"{service=~"a.*|web"}"#, "1 2 3 4 6 9 10 11 12"),
    (r#"{service!="api",host="a"}"#, "6"),
    (r#"{host=""}"#, "2 4 5 7 8 9 10"),
    (r#"{service="api" or host="b"}"#, "1 2 3 9 10 11 12"),
    (r#"{service in (web, "db srv")}"#, "3 4 6 7 8"),
    ("{service not_in (web, api)}", "5 7 8"),
    (r#"{service="q\"x"}"#, "5"),
    (r#"_stream:{host!=""} foo"#, "11"),
    (r#""a b":y"#, "10"),
    (r#""a b":="y z""#, "10"),
    (r#""and":1"#, "10"),
    ("a.b:1", "11"),
    ("_time:2026", "1 2 3 4 5 6 7 8 9 10 11 12"),
    ("_time:2026-11-20", "1 2 3 4 5 6"),
    ("_time:2026-11-20T10", "1 2 3"),
    ("_time:2026-11-20T10:00:00Z", "1 2"),
    ("_time:<2026-11-20T11:00:00Z", "1 2 3"),
    ("_time:>2026-11-21T10:00:00Z", "11 12"),
    ("_time:[2026-11-20T10:20:00Z, 2026-11-20T12:00:00Z)", "3 4"),
    ("_time:(2026-11-20T10:20:00Z, 2026-11-20T12:00:00Z]", "4 5"),
    ("_time:[2026-11-20, 2026-11-20]", "1 2 3 4 5 6"),
    ("_time:[2026-11-20T12:00:00+02:00, 2026-11-20T13:00:00+02:00)", "1 2 3"),
    ("_time:1d", "8 9 10"),
    ("_time:1d offset 1d", "1 2 3 4 5 6 7"),
    ("_time:<1d", "8 9 10"),
    ("_time:>2d", ""),
    ("_time:day_range[10:00, 11:00]", "1 2 3 4 10 11 12"),
    ("_time:day_range(10:00, 11:00) offset 1h", ""),
    ("_time:week_range[Sat, Sat]", "7 8 9 10"),
    ("_time:week_range[Sun, Fri]", "1 2 3 4 5 6 11 12"),
    (r#""" foo"#, ""),
    (r#"_msg:"""#, ""),
    ("in", "2"),
    ("i", ""),
    ("foo # a comment", "2 11"),
    ("foo and", "refused"),
    ("and", "8"),
    ("or", ""),
    ("limit", "refused"),
    ("foo:", "refused"),
    ("v:>", "refused"),
    ("(foo", "refused"),
    ("foo)", "refused"),
    ("foo(bar)", "refused"),
    ("foo (bar)", "2 11"),
    (r#""foo"#, "refused"),
    ("'foo", "refused"),
    ("*:x", "refused"),
    ("x*:y", "refused"),
    ("{service", "refused"),
    ("{service>api}", "refused"),
    ("v:range[1", "refused"),
    ("v:range[a,b]", "refused"),
    ("v:len_range(1)", "refused"),
    ("v:ipv4_range(x)", "refused"),
    ("_time:abc", "refused"),
    ("_time:5", "refused"),
    (r#"~"(""#, "refused"),
    (r#"~"a**""#, "refused"),
    ("foo,bar", "refused"),
    (r#""limit""#, ""),
    ("options(concurrency=2) foo", "2 11"),
    ("options(x=1) foo", "refused"),
];

/// Queries with pipes, and their rows: names in order, and the rows too where the query does not order them.
#[rustfmt::skip]
const PIPES: [(&str, &str); 79] = [
    ("* | count()", r#"{"count(*)":"12"}"#),
    ("* | stats by (level) count() n, sum(n) s", r#"{"level":"INFO","n":"1","s":"NaN"} {"level":"debug","n":"2","s":"2000"} {"level":"error","n":"2","s":"-2"} {"level":"info","n":"4","s":"127"} {"level":"warn","n":"2","s":"3"} {"n":"1","s":"NaN"}"#),
    ("* | by (service, host) count() n", r#"{"host":"a","n":"1","service":"web"} {"host":"a","n":"2","service":"api"} {"host":"b","n":"1","service":"api"} {"host":"b","n":"1","service":"web"} {"n":"1","service":"q\"x"} {"n":"1","service":"web"} {"n":"2","service":"db srv"} {"n":"3","service":"api"}"#),
    ("* | (level) count_uniq(v), count(host)", r#"{"count(host)":"0","count_uniq(v)":"1","level":"INFO"} {"count(host)":"0","count_uniq(v)":"1"} {"count(host)":"0","count_uniq(v)":"2","level":"debug"} {"count(host)":"1","count_uniq(v)":"2","level":"error"} {"count(host)":"1","count_uniq(v)":"2","level":"warn"} {"count(host)":"3","count_uniq(v)":"4","level":"info"}"#),
    ("* | stats count(host) a, count_empty(host) b, count(host, ip) c, count_empty(host, ip) d, count(h*) e", r#"{"a":"5","b":"7","c":"6","d":"6","e":"5"}"#),
    ("* | stats sum(n) a, avg(n) b, min(n) c, max(n) d, median(n) e, sum_len(v) f", r#"{"a":"4128","b":"458.6666666666667","d":"2e3","e":"7","f":"57"}"#),
    ("* | stats by (service) sum(f) a, avg(f) b, min(f) c, max(f) d, quantile(0.9, f) e", r#"{"a":"15.25","b":"7.625","d":"12.75","e":"12.75","service":"api"} {"a":"NaN","b":"NaN","service":"db srv"} {"a":"NaN","b":"NaN","service":"q\"x"} {"a":"NaN","b":"NaN","service":"web"}"#),
    ("* | stats quantile(0, n) a, quantile(1, n) b, quantile(0.5, nosuch) c", r#"{"b":"2e3"}"#),
    ("nosuch | stats count() a, sum(n) b, avg(n) c, min(n) d, uniq_values(n) e, row_any(n) f, count_uniq(n) g, sum_len(n) h", r#"{"a":"0","b":"NaN","c":"NaN","e":"[]","f":"{}","g":"0","h":"0"}"#),
    ("nosuch | stats by (level) count() a", ""),
    ("* | stats uniq_values(level) a, uniq_values(host, level) b, uniq_values(level) limit 2 c", r#"{"a":"[\"INFO\",\"debug\",\"error\",\"info\",\"warn\"]","b":"[\"INFO\",\"a\",\"b\",\"debug\",\"error\",\"info\",\"warn\"]","c":"[\"INFO\",\"debug\"]"}"#),
    ("i:11 | stats values(v) a, values(v, f) b, row_any(v, f) c", r#"{"a":"[\"-0.5\"]","b":"[\"-0.5\",\"2.50\"]","c":"{\"f\":\"2.50\",\"v\":\"-0.5\"}"}"#),
    ("* | stats row_min(f, f) a, row_max(f, f) b", r#"{"a":"{\"f\":\"2.50\"}","b":"{\"f\":\"12.75\"}"}"#),
    ("* | stats by (_time:1d) count() n", r#"{"_time":"2026-11-20T00:00:00Z","n":"6"} {"_time":"2026-11-21T00:00:00Z","n":"4"} {"_time":"2026-11-22T00:00:00Z","n":"2"}"#),
    ("* | stats by (_time:1h offset 30m) count() n", r#"{"_time":"2026-11-20T09:30:00Z","n":"3"} {"_time":"2026-11-20T10:30:00Z","n":"1"} {"_time":"2026-11-20T11:30:00Z","n":"1"} {"_time":"2026-11-20T23:30:00Z","n":"2"} {"_time":"2026-11-21T08:30:00Z","n":"2"} {"_time":"2026-11-21T09:30:00Z","n":"1"} {"_time":"2026-11-22T09:30:00Z","n":"2"}"#),
    ("* | stats by (_time:week) count() n", r#"{"_time":"2026-11-16T00:00:00Z","n":"12"}"#),
    ("* | stats by (n:10) count() c", r#"{"c":"1","n":"-10"} {"c":"1","n":"100"} {"c":"1","n":"20"} {"c":"1","n":"2e3"} {"c":"2","n":"1000"} {"c":"3","n":"0"} {"c":"3"}"#),
    ("* | stats by (f:0.5) count() c", r#"{"c":"1","f":"12.5"} {"c":"1","f":"2.5"} {"c":"10"}"#),
    ("* | stats by (v:5) count() c", r#"{"c":"1","v":"007"} {"c":"1","v":"10"} {"c":"1","v":"10.0.0.5"} {"c":"1","v":"2026-11-20T10:00:00Z"} {"c":"1","v":"5"} {"c":"1","v":"Abc"} {"c":"1","v":"a10"} {"c":"1","v":"a9"} {"c":"1","v":"abc def"} {"c":"1","v":"abc"} {"c":"2","v":"0"}"#),
    ("* | stats by (ip:/24) count() c", r#"{"c":"1","ip":"10.0.0.0"} {"c":"1","ip":"10.0.1.0"} {"c":"10"}"#),
    ("* | stats by (s:2KB, d:1s) count() c", r#"{"c":"1","d":"0"} {"c":"1","d":"1s"} {"c":"1","s":"1MB"} {"c":"1","s":"5KB"} {"c":"1","s":"5KiB"} {"c":"7"}"#),
    ("* | stats by (n) count() c", r#"{"c":"1","n":"-7"} {"c":"1","n":"100"} {"c":"1","n":"20"} {"c":"1","n":"2e3"} {"c":"1","n":"3"} {"c":"1","n":"5"} {"c":"1","n":"7"} {"c":"2","n":"1000"} {"c":"3"}"#),
    ("* | stats count() if (foo) a, count() if (level:error v:10) b", r#"{"a":"2","b":"1"}"#),
    ("* | stats by (level) count() n | filter n:>2", r#"{"level":"info","n":"4"}"#),
    ("* | stats by (level) count() n | sort by (n desc, level)", r#"{"level":"info","n":"4"} {"level":"debug","n":"2"} {"level":"error","n":"2"} {"level":"warn","n":"2"} {"n":"1"} {"level":"INFO","n":"1"}"#),
    ("* | stats by (level) count() n | stats sum(n) s", r#"{"s":"12"}"#),
    ("* | stats by (level) count() n | sort by (level) limit 2 rank", r#"{"n":"1","rank":"1"} {"level":"INFO","n":"1","rank":"2"}"#),
    ("* | sort by (i) | limit 3 | fields i", r#"{"i":"1"} {"i":"2"} {"i":"3"}"#),
    ("* | sort by (i desc) limit 3 | fields i", r#"{"i":"12"} {"i":"11"} {"i":"10"}"#),
    ("* | sort by (i) offset 9 | fields i", r#"{"i":"10"} {"i":"11"} {"i":"12"}"#),
    ("* | sort by (i) limit 5 | offset 2 | fields i", r#"{"i":"1"} {"i":"2"} {"i":"3"} {"i":"4"} {"i":"5"}"#),
    ("* | sort by (_time desc) limit 2 | fields i, _time", r#"{"_time":"2026-11-22T10:10:00Z","i":"12"} {"_time":"2026-11-22T10:00:00Z","i":"11"}"#),
    ("* | sort by (d, i) limit 4 | fields d, i", r#"{"i":"1"} {"i":"4"} {"i":"5"} {"i":"6"}"#),
    ("* | sort by (s, i) limit 12 | fields s, i", r#"{"i":"1"} {"i":"2"} {"i":"3"} {"i":"7"} {"i":"8"} {"i":"9"} {"i":"10"} {"i":"11"} {"i":"12"} {"i":"4","s":"5KB"} {"i":"5","s":"5KiB"} {"i":"6","s":"1MB"}"#),
    ("* | sort by (level, i desc) | fields level, i", r#"{"i":"10"} {"i":"9","level":"INFO"} {"i":"8","level":"debug"} {"i":"7","level":"debug"} {"i":"2","level":"error"} {"i":"1","level":"error"} {"i":"12","level":"info"} {"i":"11","level":"info"} {"i":"4","level":"info"} {"i":"3","level":"info"} {"i":"6","level":"warn"} {"i":"5","level":"warn"}"#),
    ("* | first 2 by (i) partition by (level) | fields level, i", r#"{"i":"10"} {"i":"9","level":"INFO"} {"i":"3","level":"info"} {"i":"4","level":"info"} {"i":"5","level":"warn"} {"i":"6","level":"warn"} {"i":"7","level":"debug"} {"i":"8","level":"debug"} {"i":"1","level":"error"} {"i":"2","level":"error"}"#),
    ("* | first 3 by (i) | offset 1 | fields i", r#"{"i":"2"} {"i":"3"}"#),
    ("* | last by (i) | fields i", r#"{"i":"12"}"#),
    ("* | last 2 by (i) rank as r | fields i, r", r#"{"i":"12","r":"1"} {"i":"11","r":"2"}"#),
    ("* | limit 0", ""),
    ("* | offset 11 | count()", r#"{"count(*)":"1"}"#),
    ("* | head 3 | count()", r#"{"count(*)":"3"}"#),
    ("i:1 | fields _time, v, no*", r#"{"_time":"2026-11-20T10:00:00Z","v":"1"}"#),
    ("i:1 | keep h*, _stream", r#"{"_stream":"{host=\"a\",service=\"api\"}","host":"a"}"#),
    ("i:1 | delete _msg, _time, _stream", r#"{"host":"a","i":"1","ip":"10.0.0.1","level":"error","n":"5","service":"api","v":"1"}"#),
    ("i:1 | drop *", ""),
    ("i:1 | rename v as x, host as gost | fields x, v, g*", r#"{"gost":"a","x":"1"}"#),
    ("i:1 | mv nosuch as v | fields v, n", r#"{"n":"5"}"#),
    ("i:1 | copy v as x, host h2 | fields x, v, h2", r#"{"h2":"a","v":"1","x":"1"}"#),
    ("i:1 | cp _time as t | fields t, _time", r#"{"_time":"2026-11-20T10:00:00Z","t":"2026-11-20T10:00:00Z"}"#),
    ("i:1 | rename service as x | fields _stream, x", r#"{"_stream":"{host=\"a\",service=\"api\"}","x":"api"}"#),
    ("* | fields v | filter v:abc", r#"{"v":"abc def"} {"v":"abc"}"#),
    ("* | foo", r#"{"_msg":"Error in foo-bar","_stream":"{service=\"api\"}","_time":"2026-11-20T10:00:00.5Z","d":"1.5s","i":"2","level":"error","n":"-7","service":"api","v":"10"} {"_msg":"foo bar foo","_stream":"{host=\"a\",service=\"api\"}","_time":"2026-11-22T10:00:00Z","a.b":"1","f":"2.50","host":"a","i":"11","level":"info","service":"api","v":"-0.5"}"#),
    ("* | !v:*", ""),
    ("* | uniq by (level)", r#"{"level":"INFO"} {"level":"debug"} {"level":"error"} {"level":"info"} {"level":"warn"}"#),
    ("* | uniq by (level, host) with hits", r#"{"hits":"1","host":"a","level":"error"} {"hits":"1","host":"a","level":"info"} {"hits":"1","host":"a","level":"warn"} {"hits":"1","level":"INFO"} {"hits":"1","level":"error"} {"hits":"1","level":"info"} {"hits":"1","level":"warn"} {"hits":"1"} {"hits":"2","host":"b","level":"info"} {"hits":"2","level":"debug"}"#),
    ("* | uniq (n) hits", r#"{"hits":"1","n":"-7"} {"hits":"1","n":"100"} {"hits":"1","n":"20"} {"hits":"1","n":"2e3"} {"hits":"1","n":"3"} {"hits":"1","n":"5"} {"hits":"1","n":"7"} {"hits":"2","n":"1000"} {"hits":"3"}"#),
    ("* | top 2 by (service)", r#"{"hits":"6","service":"api"} {"hits":"3","service":"web"}"#),
    ("* | top by (level, host) hits as n rank as r", r#"{"host":"b","level":"info","n":"2","r":"1"} {"level":"debug","n":"2","r":"2"} {"n":"1","r":"3"} {"level":"INFO","n":"1","r":"4"} {"level":"info","n":"1","r":"5"} {"host":"a","level":"info","n":"1","r":"6"} {"level":"warn","n":"1","r":"7"} {"host":"a","level":"warn","n":"1","r":"8"} {"level":"error","n":"1","r":"9"} {"host":"a","level":"error","n":"1","r":"10"}"#),
    ("* | field_values level", r#"{"hits":"1","level":"INFO"} {"hits":"1"} {"hits":"2","level":"debug"} {"hits":"2","level":"error"} {"hits":"2","level":"warn"} {"hits":"4","level":"info"}"#),
    ("i:<3 | field_names", r#"{"hits":"1","name":"d"} {"hits":"1","name":"host"} {"hits":"1","name":"ip"} {"hits":"2","name":"_msg"} {"hits":"2","name":"_stream"} {"hits":"2","name":"_stream_id"} {"hits":"2","name":"_time"} {"hits":"2","name":"i"} {"hits":"2","name":"level"} {"hits":"2","name":"n"} {"hits":"2","name":"service"} {"hits":"2","name":"v"}"#),
    ("* | field_names as x | fields x", r#"{"x":"_msg"} {"x":"_stream"} {"x":"_stream_id"} {"x":"_time"} {"x":"a b"} {"x":"a.b"} {"x":"and"} {"x":"d"} {"x":"f"} {"x":"host"} {"x":"i"} {"x":"ip"} {"x":"level"} {"x":"n"} {"x":"s"} {"x":"service"} {"x":"v"} {"x":"w"}"#),
    (r#"i:7 | stats by ("a b") count() "x y", count(limit), max(a.b)"#, r#"{"count(\"limit\")":"0","x y":"1"}"#),
    ("* | stats count() x, count() x", "refused"),
    ("* | stats by (x) count() x", "refused"),
    ("* | stats", "refused"),
    ("* | stats foo()", "refused"),
    ("* | stats count_uniq()", "refused"),
    ("* | stats quantile(2, v)", "refused"),
    ("* | sort by v", "refused"),
    ("* | limit x", "refused"),
    ("* | uniq", "refused"),
    ("* | top 0 by (v)", "refused"),
    ("* | first 0", "refused"),
    ("* | fields", "refused"),
    ("* | rename v", "refused"),
    ("* |", "refused"),
    ("* | bogus", ""),
    ("* | filter limit", "refused"),
];

/// What only a server can answer.
const NEED_THE_SERVER: [&str; 24] = [
    "_stream_id:x",
    "* | fields _stream_id",
    "* | stats by (_stream_id) count() n",
    "v:eq_field(_stream_id)",
    "v:value_type(string)",
    "in(foo | fields v)",
    "{}",
    r#"~"\\pL""#,
    "~\"(?i)\u{fc}\"",
    r#"~"foo\\b""#,
    "options(ignore_global_time_filter=true) foo",
    "* | extract \"a<b>\"",
    "* | math 1 as x",
    "* | unpack_json",
    "* | format \"<v>\"",
    "* | replace (\"a\", \"b\")",
    "* | facets",
    "* | sample 2",
    "* | join by (v) (foo)",
    "* | stats rate() x",
    "* | stats histogram(n) x",
    "* | stats count() if (foo)",
    "* | stats sum_len(*) x",
    "* | sort",
];

const NOW: Time = Time(1_795_305_600_123_456_789);

/// The rows of an answer. `None` if the query is refused.
fn answer(text: &str) -> Option<Vec<String>> {
    let query = Query::parse(text, &[], NOW).ok()?;
    let streams = ["service".to_owned(), "host".to_owned()];
    let mut rows = Vec::new();
    let mut out = |fields: &[(&str, &str)]| {
        let mut fields = fields.to_vec();
        fields.sort_unstable();
        let json = fields.iter().map(|(name, value)| {
            format!("{}:{}", serde_json::Value::from(*name), serde_json::Value::from(*value))
        });
        rows.push(format!("{{{}}}", json.collect::<Vec<_>>().join(",")));
        Ok(())
    };
    let mut evaluation = query.start(0);
    for line in RECORDS {
        let row = Row::read(line.as_bytes(), &streams).expect(line);
        if !evaluation.take(row, &mut out).expect(text) {
            break;
        }
    }
    evaluation.finish(&mut out).expect(text);
    Some(rows)
}

#[test]
fn filters_find_what_the_server_finds() {
    for (text, expected) in FILTERS {
        let number = |row: &String| Some(row.split("\"i\":\"").nth(1)?.split('"').next()?.to_owned());
        let found = answer(text).map(|rows| rows.iter().filter_map(number).collect::<Vec<_>>().join(" "));
        assert_eq!(found.as_deref().unwrap_or("refused"), expected, "{text}");
    }
}

#[test]
fn pipes_give_what_the_server_gives() {
    for (text, expected) in PIPES {
        let found = answer(text).map(|mut rows| {
            let is_ordered = ["| sort", "| first", "| last", "| top"].iter().any(|pipe| text.contains(pipe));
            if !is_ordered {
                rows.sort_unstable();
            }
            rows.join(" ")
        });
        assert_eq!(found.as_deref().unwrap_or("refused"), expected, "{text}");
    }
}

#[test]
fn what_only_a_server_can_answer_is_refused_by_name() {
    for text in NEED_THE_SERVER {
        let refusal = Query::parse(text, &[], NOW).expect_err(text);
        assert!(
            refusal.what.contains("needs the server") && !refusal.what.contains('\n'),
            "{text}: {refusal:?}"
        );
    }
}

#[test]
fn a_refusal_points_at_its_cause() {
    for (text, at) in [
        ("foo and", 7),
        ("v:range[a,b]", 8),
        ("* | bogus | x y |", 17),
        ("* | extract x", 4),
        ("_time:abc", 6),
    ] {
        let refusal = Query::parse(text, &[], NOW).expect_err(text);
        assert_eq!(refusal.at, Some(at), "{text}: {refusal:?}");
    }
    let refusal = Query::parse("foo", &["(".to_owned()], NOW).expect_err("a filter that is wrong");
    assert_eq!(refusal.at, None);
}

#[test]
fn filters_beside_the_query_must_hold_too() {
    let query = Query::parse("foo or error", &["level:=info".to_owned()], NOW).unwrap();
    let mut count = 0;
    let mut evaluation = query.start(0);
    for line in RECORDS {
        let mut out = |_: &[(&str, &str)]| {
            count += 1;
            Ok(())
        };
        evaluation.take(Row::read(line.as_bytes(), &[]).unwrap(), &mut out).unwrap();
    }
    assert_eq!(count, 1);
}

#[test]
fn the_newest_rows_are_given_oldest_first() {
    let query = Query::parse("*", &[], NOW).unwrap();
    let mut evaluation = query.start(2);
    let mut times = Vec::new();
    let mut out = |fields: &[(&str, &str)]| {
        times.extend(fields.iter().filter(|(name, _)| *name == "_time").map(|(_, time)| (*time).to_owned()));
        Ok(())
    };
    let mut lines: Vec<_> = RECORDS.iter().cycle().take(997).collect();
    lines.rotate_left(7);
    for line in lines {
        evaluation.take(Row::read(line.as_bytes(), &[]).unwrap(), &mut out).unwrap();
    }
    evaluation.finish(&mut out).unwrap();
    assert_eq!(times, ["2026-11-22T10:10:00Z", "2026-11-22T10:10:00Z"]);
}

#[test]
fn what_is_nested_deeply_is_an_error() {
    for part in ["(", "!", "not ", "-", "a:(", ":", "!("] {
        assert!(Query::parse(&part.repeat(100_000), &[], NOW).is_err(), "{part}");
    }
    let long = "a or ".repeat(20_000) + "b";
    assert!(Query::parse(&long, &[], NOW).is_ok());
}

#[test]
fn a_record_is_read_as_the_server_stores_it() {
    let line = r#"{"_time":"2026-11-20T10:00:00Z","":"m","a":1.50,"b":true,"c":null,"d":"","e":{"f":{"g":[1,"x",null]},"h":{}},"i":"\u00fc\n"}"#;
    let streams = ["b".to_owned(), "nosuch".to_owned()];
    let row = Row::read(line.as_bytes(), &streams).unwrap();
    for (name, expected) in [
        ("_msg", "m"),
        ("a", "1.50"),
        ("b", "true"),
        ("c", ""),
        ("d", ""),
        ("e.f.g", r#"[1,"x",null]"#),
        ("i", "\u{fc}\n"),
        ("_time", "2026-11-20T10:00:00Z"),
        ("_stream", r#"{b="true"}"#),
    ] {
        assert_eq!(row.value(name), expected, "{name}");
    }
    for line in ["", "{", "[]", "{}", "x", r#"{"_time":"x"}"#, r#"{"_time":"2026-11-20T10:00:00Z"} x"#] {
        assert!(Row::read(line.as_bytes(), &streams).is_none(), "{line}");
    }
}

#[test]
fn hits_are_counted_by_step_and_field() {
    let query = Query::parse("* | limit 1", &[], NOW).unwrap();
    let mut hits = query.hits(86_400_000_000_000, 0, "level");
    for line in RECORDS {
        hits.take(&Row::read(line.as_bytes(), &[]).unwrap());
    }
    let answer = String::from_utf8(hits.finish()).unwrap();
    let group =
        r#"{"fields":{"level":"error"},"timestamps":["2026-11-20T00:00:00Z"],"values":[2],"total":2}"#;
    assert!(answer.contains(group), "{answer}");
}
