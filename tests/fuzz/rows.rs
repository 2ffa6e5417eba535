//! Whatever is asked of whatever records: a record has the fields that its JSON has, a query is answered, and no answer has
//! an empty value. The first line is the query, the others are records beside some that are always there.
#![no_main]
#![allow(dead_code, missing_docs, unused_imports)]

#[path = "../../src/query/local/mod.rs"]
mod local;
#[path = "../../src/record/mod.rs"]
mod record;

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

use local::{Query, Row};
use record::time::Time;

const RECORDS: [&str; 5] = [
    r#"{"_time":"2026-11-20T10:00:00.5Z","_msg":"an error: timeout after 1.5s","level":"error","service":"api","n":"-7","v":"10.0.0.1"}"#,
    r#"{"_time":"2026-11-20T11:00:00Z","_msg":"über \"quoted\" foo-bar","level":"info","service":"q\"x","n":"1_000","v":"5KiB"}"#,
    r#"{"_time":"1700-01-01T00:00:00Z","_msg":"x","n":"9223372036854775807","v":"2026-11-20T10:00:00Z"}"#,
    r#"{"_time":"2262-01-01T00:00:00Z","a":{"b":1,"c":[1,null]},"n":"0.000000000000000001","v":"99999999y"}"#,
    r#"{"_time":"2026-11-20T12:00:00Z","_msg":"","n":"-0","v":"","level":"warn"}"#,
];

/// The texts of a value that is no number, by path.
fn collect(path: String, value: &Value, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Null | Value::Number(_) => {}
        Value::Object(members) => {
            for (name, value) in members {
                collect(format!("{path}.{name}"), value, fields);
            }
        }
        Value::String(text) => drop(fields.insert(path, text.clone())),
        other => drop(fields.insert(path, other.to_string())),
    }
}

/// A record has the fields that `serde_json` finds in its line.
fn check_fields(line: &[u8]) {
    let row = Row::read(line, &[]);
    match serde_json::from_slice(line) {
        Ok(Value::Object(members)) => {
            let Some(row) = row else { return };
            let mut fields = BTreeMap::new();
            for (name, value) in members {
                collect(if name.is_empty() { "_msg".to_owned() } else { name }, &value, &mut fields);
            }
            let is_plain = |name: &str| !name.starts_with('_') && !name.contains('.');
            for (name, value) in fields.iter().filter(|(name, value)| is_plain(name) && !value.is_empty()) {
                let mut count = 0;
                row.each(|known, _| count += usize::from(known == name));
                // Of a name that stands twice one value counts.
                assert!(row.value(name) == *value || count > 1, "{name} {value} {row:?}");
            }
        }
        Ok(_) => assert!(row.is_none(), "{row:?}"),
        Err(_) => {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
            assert!(row.is_none() || is_json, "{row:?}");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (text, lines) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let Ok(text) = std::str::from_utf8(text) else { return };
    let stream_fields = ["service".to_owned(), "host".to_owned()];
    for line in lines.split(|byte| *byte == b'\n') {
        check_fields(line);
    }
    let Ok(query) = Query::parse(text, &[], Time(1_795_172_400_000_000_000)) else { return };
    for limit in [0, 2] {
        let mut rows = 0;
        let mut out = |row: &[(&str, &str)]| {
            assert!(row.iter().all(|(_, value)| !value.is_empty()));
            rows += 1;
            Ok(())
        };
        let mut evaluation = query.start(limit);
        let lines = RECORDS.iter().map(|line| line.as_bytes()).chain(lines.split(|byte| *byte == b'\n'));
        for line in lines {
            let Some(row) = Row::read(line, &stream_fields) else { continue };
            if !evaluation.take(row, &mut out).expect("nothing fails") {
                break;
            }
        }
        evaluation.finish(&mut out).expect("nothing fails");
    }
    let mut hits = query.hits(3_600_000_000_000, 0, "level");
    for line in RECORDS {
        if let Some(row) = Row::read(line.as_bytes(), &stream_fields) {
            hits.take(&row);
        }
    }
    let hits: serde_json::Value = serde_json::from_slice(&hits.finish()).expect("hits are JSON");
    assert!(hits["hits"].is_array());
});
