//! One JSON object per line with the names that log collectors expect: Vector's `http_server` source
//! (`framing.method: newline_delimited`, `decoding.codec: json`), Fluent Bit's `http` input, and anything alike.
//!
//! The URL is the whole of it: Vector takes one path only (`/` unless told otherwise). There are no tenants.
//! <https://vector.dev/docs/reference/configuration/sources/http_server/>

use std::borrow::Cow;

use super::log_line::{free_name, log_lines};
use super::{PushApi, Request};
use crate::record::push_string;
use crate::record::time::TimeFormat;

#[derive(Debug)]
pub struct Ndjson;

/// The names that a field of the record may not have; it gets a number then.
const OWN_NAMES: [&str; 2] = ["timestamp", "message"];

impl PushApi for Ndjson {
    fn own_paths(&self) -> &'static [&'static str] {
        &[]
    }

    fn push<'a>(&self, lines: &'a [u8], _: &[String]) -> Request<'a> {
        let mut body = Vec::with_capacity(lines.len() + lines.len() / 16);
        let mut format = TimeFormat::default();
        for line in log_lines(lines) {
            body.extend_from_slice(b"{\"timestamp\":\"");
            format.write(line.time, &mut body);
            body.extend_from_slice(b"\",\"message\":");
            push_string(&line.message, &mut body);
            let is_taken =
                |name: &str| OWN_NAMES.contains(&name) || line.fields.iter().any(|(known, _)| known == name);
            for (name, value) in &line.fields {
                body.push(b',');
                if OWN_NAMES.contains(&name.as_ref()) {
                    push_string(&free_name(Cow::Borrowed(name), is_taken), &mut body);
                } else {
                    push_string(name, &mut body);
                }
                body.push(b':');
                body.extend_from_slice(value.as_bytes());
            }
            body.extend_from_slice(b"}\n");
        }
        request(Cow::Owned(body))
    }

    /// An empty body: no event.
    fn check(&self, _: &[String]) -> Request<'static> {
        request(Cow::Borrowed(b""))
    }

    /// Fluent Bit's `http` input, for one, answers 400 to an empty body.
    fn may_refuse_check(&self) -> bool {
        true
    }
}

fn request(body: Cow<'_, [u8]>) -> Request<'_> {
    Request { path: Cow::Borrowed(""), content_type: "application/x-ndjson", headers: &[], body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_get_the_names_that_collectors_expect_and_lose_nothing() {
        let line = b"{\"_time\":\"1970-01-01T00:00:01.5Z\",\"level\":\"warn\",\"_msg\":\"m\\\"\",\"n\":1.50,\"message\":\"own\"}\n";
        let request = Ndjson.push(line, &[]);
        let expected = "{\"timestamp\":\"1970-01-01T00:00:01.500000000Z\",\
            \"message\":\"m\\\"\",\"level\":\"warn\",\"n\":1.50,\"message_2\":\"own\"}\n";
        assert_eq!(String::from_utf8_lossy(&request.body), expected);
    }
}
