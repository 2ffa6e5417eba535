//! The output of real programs through `pipe`: what is stored is what the lines said.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::env::{Env, finish};
use crate::server::Server;

/// Every value as the server has it, which is text, and without what `pipe` adds.
fn plain(record: Map<String, Value>) -> Map<String, Value> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let own = |name: &str| !matches!(name, "_time" | "_stream" | "_stream_id" | "service" | "host");
    let fields = record.into_iter().filter(|(name, _)| own(name));
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, Value::String(text(value)))).collect();
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields.into_iter().collect()
}

#[test]
fn what_real_programs_print_is_stored_as_they_said_it() {
    let Some(server) = Server::start_with(&["-retentionPeriod=100y"]) else { return };
    let env = Env::new(&server);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli/samples");
    for name in [
        "zap",
        "slog",
        "pino",
        "bunyan",
        "winston-color-json",
        "python-json-logger",
        "structlog-json",
        "tracing-json",
        "tracing-text",
        "zerolog",
        "journal",
        "docker-json",
        "nginx-access-json",
        "nginx-error",
    ] {
        let input = std::fs::read(folder.join(format!("{name}.txt"))).unwrap();
        // Not told of times that are old by now.
        finish(env.vlog().args(["pipe", "--fail", "--service", name]), input).in_silence();
        let expected = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
        let mut expected: Vec<_> = expected
            .lines()
            .map(|line| Value::Object(plain(serde_json::from_str(line).unwrap())).to_string())
            .collect();
        let mut found: Vec<_> =
            server.rows_of(name).into_iter().map(|row| Value::Object(plain(row)).to_string()).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{name}");
    }
}
