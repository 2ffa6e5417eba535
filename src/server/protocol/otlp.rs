//! OpenTelemetry logs over HTTP with JSON: any collector, and Loki's own endpoint (base URL `.../otlp`).
//!
//! Service, host and the stream fields are the resource; the level is the severity, the message the body, everything else
//! an attribute with its type. Field names stay as they are.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>, <https://opentelemetry.io/docs/specs/otel/logs/data-model/>

use std::borrow::Cow;

use serde_json::Value;

use super::log_line::{LogField, LogLine, log_lines, push_text, text};
use super::{Acceptance, PushApi, Request, loki};
use crate::record::level::Level;
use crate::record::push_string;

/// OpenTelemetry's names for fields of vlog's.
const RESOURCE_NAMES: [(&str, &str); 2] = [("service", "service.name"), ("host", "host.name")];

#[derive(Debug)]
pub struct Otlp;

impl PushApi for Otlp {
    fn own_paths(&self) -> &'static [&'static str] {
        &["/v1/logs"]
    }

    fn push<'a>(&self, lines: &'a [u8], stream_fields: &[String]) -> Request<'a> {
        let mut resources: Vec<Resource> = Vec::new();
        for line in log_lines(lines) {
            let attributes =
                attributes(line.fields.iter().filter(|(name, _)| is_resource(name, stream_fields)));
            let at = resources.iter().position(|known| known.attributes == attributes).unwrap_or_else(|| {
                resources.push(Resource { attributes, records: Vec::new() });
                resources.len() - 1
            });
            if let Some(resource) = resources.get_mut(at) {
                push_record(&line, stream_fields, &mut resource.records);
            }
        }
        let mut body = b"{\"resourceLogs\":[".to_vec();
        for (at, Resource { attributes, records }) in resources.iter().enumerate() {
            let begin: &[u8] = if at == 0 { b"{\"resource\":{" } else { b",{\"resource\":{" };
            let scope = b"},\"scopeLogs\":[{\"scope\":{\"name\":\"vlog\"},\"logRecords\":[";
            for part in [begin, attributes, scope, records, b"]}]}"] {
                body.extend_from_slice(part);
            }
        }
        body.extend_from_slice(b"]}");
        request(Cow::Owned(body))
    }

    /// No resource at all.
    fn check(&self, _: &[String]) -> Request<'static> {
        request(Cow::Borrowed(b"{\"resourceLogs\":[]}"))
    }

    /// There are many kinds of servers, and none has to take a request without records.
    fn may_refuse_check(&self) -> bool {
        true
    }

    /// A 200 may still refuse some: `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"..."}}`.
    fn acceptance(&self, status: u16, answer: &str) -> Acceptance {
        match Acceptance::by_status(status) {
            Acceptance::All => refused(answer).map_or(Acceptance::All, Acceptance::AllBut),
            other => other,
        }
    }

    /// Loki takes OpenTelemetry's logs too, and words its yes as it does for its own.
    fn is_yes(&self, status: u16, answer: &str) -> bool {
        loki::is_empty_push_taken(status, answer)
    }
}

fn request(body: Cow<'_, [u8]>) -> Request<'_> {
    Request { path: Cow::Borrowed("/v1/logs"), content_type: "application/json", headers: &[], body }
}

/// Records of the same resource.
struct Resource {
    /// `"attributes":[...]`
    attributes: Vec<u8>,
    /// JSON objects with commas between.
    records: Vec<u8>,
}

/// How many records a good answer says were refused, if any.
fn refused(answer: &str) -> Option<u64> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let count = answer.get("partialSuccess")?.get("rejectedLogRecords")?;
    // A number or, as protobuf's JSON has 64 bits, a string.
    text(&count.to_string()).parse().ok().filter(|count| *count > 0)
}

fn is_resource(name: &str, stream_fields: &[String]) -> bool {
    let is_wanted = stream_fields.iter().any(|field| field == name) && name != "level";
    is_wanted || RESOURCE_NAMES.iter().any(|(own, _)| *own == name)
}

/// The fields as `"attributes":[...]`.
fn attributes<'a>(fields: impl Iterator<Item = &'a LogField<'a>>) -> Vec<u8> {
    let mut out = b"\"attributes\":[".to_vec();
    for (at, (name, value)) in fields.enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"key\":" } else { b",{\"key\":" });
        let known = RESOURCE_NAMES.iter().find(|(own, _)| *own == name);
        push_string(known.map_or(name, |(_, theirs)| theirs), &mut out);
        out.extend_from_slice(b",\"value\":{\"");
        let kind = kind(value);
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\":");
        match kind {
            "stringValue" => push_text(value, &mut out),
            // As protobuf's JSON has 64 bits.
            "intValue" => push_string(value, &mut out),
            _ => out.extend_from_slice(value.as_bytes()),
        }
        out.extend_from_slice(b"}}");
    }
    out.push(b']');
    out
}

/// The type of a JSON value. A number that neither 64 bits nor a double hold is text, so that no digit is lost.
fn kind(value: &str) -> &'static str {
    if value == "true" || value == "false" {
        return "boolValue";
    }
    if value.starts_with(|char: char| char == '-' || char.is_ascii_digit()) {
        if value.parse::<i64>().is_ok() {
            return "intValue";
        }
        // 17 digits are what a double may need at most.
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        if digits <= 17 && value.parse::<f64>().is_ok_and(f64::is_finite) {
            return "doubleValue";
        }
    }
    "stringValue"
}

/// The severity number of a level, the lowest of its range.
fn severity(level: Level) -> &'static str {
    match level {
        Level::Trace => "1",
        Level::Debug => "5",
        Level::Info => "9",
        Level::Warn => "13",
        Level::Error => "17",
        Level::Fatal => "21",
    }
}

/// The id that a field holds, where it is one: so many hexadecimal digits, not all of them 0.
fn id<'a>(line: &'a LogLine, field: &str, digits: usize) -> Option<&'a str> {
    let (_, value) = line.fields.iter().find(|(name, _)| name == field)?;
    let id = value.strip_prefix('"')?.strip_suffix('"')?;
    let is_one = id.len() == digits
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        && id.bytes().any(|byte| byte != b'0');
    is_one.then_some(id)
}

/// Appends a record to those of its resource.
fn push_record(line: &LogLine, stream_fields: &[String], out: &mut Vec<u8>) {
    let ids =
        [("trace_id", "traceId", id(line, "trace_id", 32)), ("span_id", "spanId", id(line, "span_id", 16))];
    let is_id = |name: &str| ids.iter().any(|(field, _, id)| *field == name && id.is_some());
    let begin = if out.is_empty() { "" } else { "," };
    out.extend_from_slice(format!("{begin}{{\"timeUnixNano\":\"{}\"", line.time.0.max(0)).as_bytes());
    if let Some((_, level)) = line.fields.iter().find(|(name, _)| name == "level") {
        if let Some(level) = Level::parse(&text(level)) {
            out.extend_from_slice(b",\"severityNumber\":");
            out.extend_from_slice(severity(level).as_bytes());
        }
        out.extend_from_slice(b",\"severityText\":");
        push_text(level, out);
    }
    out.extend_from_slice(b",\"body\":{\"stringValue\":");
    push_string(&line.message, out);
    out.extend_from_slice(b"},");
    let is_other = |name: &str| name != "level" && !is_resource(name, stream_fields) && !is_id(name);
    let others = line.fields.iter().filter(|(name, _)| is_other(name));
    out.append(&mut attributes(others));
    for (_, name, id) in ids {
        if let Some(id) = id {
            out.extend_from_slice(format!(",\"{name}\":\"{id}\"").as_bytes());
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pushed(lines: &str) -> Value {
        serde_json::from_slice(&Otlp.push(lines.as_bytes(), &["service".to_owned()]).body).unwrap()
    }

    #[test]
    fn a_record_has_resource_severity_body_and_typed_attributes() {
        let trace = "0123456789abcdef0123456789ABCDEF";
        let line = format!(
            "{{\"_time\":\"1970-01-01T00:00:01Z\",\"level\":\"warn\",\"_msg\":\"m\",\"service\":\"s\",\"host\":\"h\",\
             \"i\":-3,\"d\":1.50,\"b\":true,\"t\":\"1\",\"big\":123456789012345678901234567890,\
             \"trace_id\":\"{trace}\",\"span_id\":\"short\"}}\n"
        );
        let other =
            "{\"_time\":\"1970-01-01T00:00:02Z\",\"_msg\":\"n\",\"service\":\"s2\",\"level\":\"loud\"}\n";
        let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
        let expected = json!({"resourceLogs": [
            {"resource": {"attributes": [attribute("service.name", json!({"stringValue": "s"})), attribute("host.name", json!({"stringValue": "h"}))]},
             "scopeLogs": [{"scope": {"name": "vlog"}, "logRecords": [
                {"timeUnixNano": "1000000000", "severityNumber": 13, "severityText": "warn", "body": {"stringValue": "m"},
                 "attributes": [attribute("i", json!({"intValue": "-3"})), attribute("d", json!({"doubleValue": 1.5})),
                    attribute("b", json!({"boolValue": true})), attribute("t", json!({"stringValue": "1"})),
                    attribute("big", json!({"stringValue": "123456789012345678901234567890"})),
                    attribute("span_id", json!({"stringValue": "short"}))],
                 "traceId": trace}]}]},
            {"resource": {"attributes": [attribute("service.name", json!({"stringValue": "s2"}))]},
             "scopeLogs": [{"scope": {"name": "vlog"}, "logRecords": [
                {"timeUnixNano": "2000000000", "severityText": "loud", "body": {"stringValue": "n"}, "attributes": []}]}]},
        ]});
        // Compared as text: with arbitrary_precision 1.50 is not 1.5.
        assert_eq!(pushed(&(line + other)).to_string(), expected.to_string().replace("1.5}", "1.50}"));
    }

    #[test]
    fn a_partial_success_says_how_many_are_refused() {
        for (answer, expected) in [
            ("", Acceptance::All),
            ("{}", Acceptance::All),
            ("{\"partialSuccess\":{}}", Acceptance::All),
            (
                "{\"partialSuccess\":{\"rejectedLogRecords\":\"0\",\"errorMessage\":\"slow\"}}",
                Acceptance::All,
            ),
            (
                "{\"partialSuccess\":{\"rejectedLogRecords\":\"3\",\"errorMessage\":\"x\"}}",
                Acceptance::AllBut(3),
            ),
            ("{\"partialSuccess\":{\"rejectedLogRecords\":3}}", Acceptance::AllBut(3)),
        ] {
            assert_eq!(Otlp.acceptance(200, answer), expected, "{answer}");
        }
        assert_eq!(Otlp.acceptance(400, "{}"), Acceptance::Refused);
    }
}
