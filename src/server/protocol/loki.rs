//! Loki's push API with JSON; VictoriaLogs has the same below `/insert`.
//!
//! The stream fields and `level` are the labels of a record, its message is the line, everything else is structured
//! metadata. What exceeds Loki's limits goes along at the end of the line, as JSON, so that nothing is lost.
//! A record is never longer than 256 KiB (`record`), so that no line exceeds Loki's `max_line_size`, which is the same.
//!
//! <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>

use std::borrow::Cow;

use super::log_line::{LogField, LogLine, free_name, log_lines, push_text, text};
use super::{Acceptance, PushApi, Request};
use crate::record::push_string;
use crate::record::time::Time;

/// Most labels of a stream (`max_label_names_per_series`, 15 by default) less `service_name`, which Loki adds, and [`LATE`].
const MAX_LABELS: usize = 13;

/// The label of records that come late: their hour. Loki refuses what is an hour older than the newest record of its stream
/// (half of `max_chunk_age`), which after an outage is everything that waited. A stream for each hour takes it.
const LATE: &str = "vlog_late";

/// The age in nanoseconds from which a record counts as late: Loki's hour, less what delivery may take.
const LATE_AGE: i64 = 50 * 60 * 1_000_000_000;

/// Longest name and value of a label in bytes (`max_label_name_length`, `max_label_value_length`).
const MAX_LABEL_NAME_BYTES: usize = 1024;
const MAX_LABEL_VALUE_BYTES: usize = 2048;

/// Most entries of structured metadata of a record (`max_structured_metadata_entries_count`), and their bytes, names and
/// values together (`max_structured_metadata_size`).
const MAX_METADATA: usize = 128;
const MAX_METADATA_BYTES: usize = 64 * 1024;

/// What of a time is its hour: `2026-11-20T12`.
const HOUR_CHARS: usize = 13;

/// A stream must have a label. This is the one that Loki gives to streams without a service.
const NO_LABELS: &[u8] = b"{\"service_name\":\"unknown_service\"";

/// Loki answers an empty push with 422 and this, once path, credentials and tenant were found to be right.
const NO_STREAM: &str = "at least one valid stream is required";

/// VictoriaLogs would take a message that is a JSON object apart, and its labels with it. Loki ignores this.
const KEEP_MESSAGE: (&str, &str) = ("VL-Loki-Disable-Message-Parsing", "1");

#[derive(Debug)]
pub struct Loki;

impl PushApi for Loki {
    fn own_paths(&self) -> &'static [&'static str] {
        &["/loki/api/v1/push"]
    }

    fn push<'a>(&self, lines: &'a [u8], stream_fields: &[String]) -> Request<'a> {
        let mut streams: Vec<Stream> = Vec::new();
        let late = Time(Time::now().0 - LATE_AGE);
        for line in log_lines(lines) {
            let (labels, rest) = labels(&line, stream_fields, line.time < late);
            let at = streams.iter().position(|stream| stream.labels == labels).unwrap_or_else(|| {
                streams.push(Stream { labels, values: Vec::new() });
                streams.len() - 1
            });
            if let Some(stream) = streams.get_mut(at) {
                push_value(&line, &rest, &mut stream.values);
            }
        }
        let mut body = b"{\"streams\":[".to_vec();
        for (at, Stream { labels, values }) in streams.iter().enumerate() {
            let begin: &[u8] = if at == 0 { b"{\"stream\":" } else { b",{\"stream\":" };
            for part in [begin, labels, b",\"values\":[", values, b"]}"] {
                body.extend_from_slice(part);
            }
        }
        body.extend_from_slice(b"]}");
        request(Cow::Owned(body))
    }

    /// No stream at all.
    fn check(&self, _: &[String]) -> Request<'static> {
        request(Cow::Borrowed(b"{\"streams\":[]}"))
    }

    fn is_yes(&self, status: u16, answer: &str) -> bool {
        is_empty_push_taken(status, answer)
    }
}

/// Whether the answer to a push of nothing says that something would be taken.
pub fn is_empty_push_taken(status: u16, answer: &str) -> bool {
    Acceptance::by_status(status) == Acceptance::All || (status == 422 && answer.contains(NO_STREAM))
}

fn request(body: Cow<'_, [u8]>) -> Request<'_> {
    Request {
        path: Cow::Borrowed("/loki/api/v1/push"),
        // VictoriaLogs takes anything else for protobuf, even with a charset behind it.
        content_type: "application/json",
        headers: &[KEEP_MESSAGE],
        body,
    }
}

/// Records with the same labels.
struct Stream {
    /// As a JSON object.
    labels: Vec<u8>,
    /// `["time","line",{metadata}]`, with commas between.
    values: Vec<u8>,
}

/// The labels of a record as a JSON object, and the fields that are none.
fn labels<'a, 'l>(
    line: &'l LogLine<'a>,
    stream_fields: &[String],
    is_late: bool,
) -> (Vec<u8>, Vec<&'l LogField<'a>>) {
    let mut out = Vec::new();
    let mut names: Vec<Cow<str>> = Vec::new();
    let mut rest = Vec::new();
    for field in &line.fields {
        let (name, value) = field;
        let label = free_name(valid_name(name), |name| names.iter().any(|known| known == name));
        let is_label = (name == "level" || stream_fields.iter().any(|wanted| wanted == name))
            && names.len() < MAX_LABELS
            && label.len() <= MAX_LABEL_NAME_BYTES
            && text(value).len() <= MAX_LABEL_VALUE_BYTES;
        if is_label {
            push_member(&label, names.is_empty(), &mut out);
            push_text(value, &mut out);
            names.push(label);
        } else {
            rest.push(field);
        }
    }
    if out.is_empty() {
        out.extend_from_slice(NO_LABELS);
    }
    if is_late {
        push_member(LATE, false, &mut out);
        let hour: String = line.time.to_string().chars().take(HOUR_CHARS).collect();
        push_string(&hour, &mut out);
    }
    out.push(b'}');
    (out, rest)
}

/// Appends a record to the values of its stream.
fn push_value(line: &LogLine, fields: &[&LogField], out: &mut Vec<u8>) {
    let mut metadata = Vec::new();
    let mut names: Vec<Cow<str>> = Vec::new();
    let mut bytes = 0;
    let mut too_much = Vec::new();
    for (name, value) in fields {
        let length = name.len() + text(value).len();
        if names.len() == MAX_METADATA || bytes + length > MAX_METADATA_BYTES {
            push_member(name, too_much.is_empty(), &mut too_much);
            too_much.extend_from_slice(value.as_bytes());
            continue;
        }
        let name = free_name(valid_name(name), |name| names.iter().any(|known| known == name));
        push_member(&name, names.is_empty(), &mut metadata);
        push_text(value, &mut metadata);
        bytes += length;
        names.push(name);
    }
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(format!("[\"{}\",", line.time.0).as_bytes());
    if too_much.is_empty() {
        push_string(&line.message, out);
    } else {
        push_string(&format!("{} {}}}", line.message, String::from_utf8_lossy(&too_much)), out);
    }
    if !metadata.is_empty() {
        out.push(b',');
        out.append(&mut metadata);
        out.push(b'}');
    }
    out.push(b']');
}

/// Appends a name and the colon, after a brace or a comma.
fn push_member(name: &str, is_first: bool, out: &mut Vec<u8>) {
    out.push(if is_first { b'{' } else { b',' });
    push_string(name, out);
    out.push(b':');
}

/// The name with every character but letters, digits and `_` replaced, as Loki does it itself.
fn valid_name(name: &str) -> Cow<'_, str> {
    let is_valid = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let begins_with_digit = name.starts_with(|char: char| char.is_ascii_digit());
    if name.chars().all(is_valid) && !begins_with_digit {
        return Cow::Borrowed(name);
    }
    let prefix = if begins_with_digit { "_" } else { "" };
    Cow::Owned(format!("{prefix}{}", name.replace(|char| !is_valid(char), "_")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pushed(lines: &str, stream_fields: &[&str]) -> Value {
        let names: Vec<_> = stream_fields.iter().map(|name| (*name).to_owned()).collect();
        serde_json::from_slice(&Loki.push(lines.as_bytes(), &names).body).unwrap()
    }

    /// A record of a time that is not late for some centuries.
    fn line(second: u32, rest: &str) -> String {
        format!("{{\"_time\":\"2200-01-01T00:00:0{second}Z\",\"_msg\":\"m\"{rest}}}\n")
    }

    #[test]
    fn what_comes_late_has_a_stream_for_its_hour() {
        let line = |time: &str| format!("{{\"_time\":\"{time}\",\"_msg\":\"m\",\"service\":\"a\"}}\n");
        let lines = ["1970-01-02T03:59:59Z", "1970-01-02T04:00:00Z", "1970-01-02T04:59:59Z"].map(line);
        let body = pushed(&lines.concat(), &["service"]);
        let stream = |at: usize| {
            (body["streams"][at]["stream"].clone(), body["streams"][at]["values"].as_array().unwrap().len())
        };
        assert_eq!(stream(0), (json!({"service": "a", "vlog_late": "1970-01-02T03"}), 1));
        assert_eq!(stream(1), (json!({"service": "a", "vlog_late": "1970-01-02T04"}), 2));
    }

    #[test]
    fn streams_are_made_of_the_stream_fields_and_the_level() {
        let lines = [
            line(1, ",\"level\":\"info\",\"service\":\"a\",\"n\":1.50,\"ok\":true"),
            line(2, ",\"level\":\"warn\",\"service\":\"a\""),
            line(3, ",\"level\":\"info\",\"service\":\"a\",\"user.id\":\"x\""),
        ];
        let expected = json!({"streams": [
            {"stream": {"level": "info", "service": "a"},
             "values": [["7258118401000000000", "m", {"n": "1.50", "ok": "true"}], ["7258118403000000000", "m", {"user_id": "x"}]]},
            {"stream": {"level": "warn", "service": "a"}, "values": [["7258118402000000000", "m"]]},
        ]});
        assert_eq!(pushed(&lines.concat(), &["service"]), expected);
    }

    #[test]
    fn names_are_made_valid_and_stay_apart() {
        let body = pushed(&line(1, ",\"a.b\":1,\"a_b\":2,\"0é\":3"), &["a.b"]);
        let stream = &body["streams"][0];
        assert_eq!(stream["stream"], json!({"a_b": "1"}));
        assert_eq!(stream["values"][0][2], json!({"a_b": "2", "_0_": "3"}));
        let body = pushed(&line(1, ",\"a.b\":1,\"a_b\":2"), &[]);
        assert_eq!(body["streams"][0]["values"][0][2], json!({"a_b": "1", "a_b_2": "2"}));
    }

    #[test]
    fn without_labels_there_is_one() {
        assert_eq!(
            pushed(&line(1, ""), &["service"])["streams"][0]["stream"],
            json!({"service_name": "unknown_service"})
        );
    }

    #[test]
    fn what_exceeds_the_limits_goes_along_elsewhere() {
        let many = (0..200).map(|n| format!(",\"k{n}\":{n}")).collect::<Vec<_>>().concat();
        let labels: Vec<_> = (0..20).map(|n| format!("k{n}")).collect();
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        let stream = pushed(&line(1, &many), &labels)["streams"][0].clone();
        assert_eq!(stream["stream"].as_object().unwrap().len(), 13);
        let value = &stream["values"][0];
        let metadata = value[2].as_object().unwrap();
        assert_eq!((metadata.len(), &metadata["k13"], metadata.get("k141")), (128, &json!("13"), None));
        let (message, rest) = value[1].as_str().unwrap().split_once(' ').unwrap();
        let rest: Value = serde_json::from_str(rest).unwrap();
        assert_eq!((message, rest.as_object().unwrap().len(), &rest["k199"]), ("m", 59, &json!(199)));
    }

    #[test]
    fn long_values_are_no_labels_and_too_long_ones_no_metadata() {
        let (long, huge) = ("x".repeat(3000), "y".repeat(70_000));
        let fields = format!(",\"service\":\"{long}\",\"a\":\"{huge}\",\"b\":\"z\"");
        let stream = pushed(&line(1, &fields), &["service"])["streams"][0].clone();
        assert_eq!(stream["stream"], json!({"service_name": "unknown_service"}));
        assert_eq!(stream["values"][0][2], json!({"service": long, "b": "z"}));
        assert_eq!(stream["values"][0][1], format!("m {{\"a\":\"{huge}\"}}"));
    }

    #[test]
    fn a_check_is_taken_when_only_its_emptiness_is_refused() {
        let says = "error at least one valid stream is required for ingestion\n";
        assert!(Loki.is_yes(422, says) && Loki.is_yes(204, ""));
        assert!(!Loki.is_yes(422, "another reason") && !Loki.is_yes(401, "no org id"));
        assert_eq!(Loki.acceptance(422, says), Acceptance::NotNow);
    }
}
