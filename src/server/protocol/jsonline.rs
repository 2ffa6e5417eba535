//! VictoriaLogs' own JSON lines: single node, vlinsert, vlagent, or any of them behind vmauth.
//!
//! <https://docs.victoriametrics.com/victorialogs/data-ingestion/#json-stream-api>

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{PushApi, Request};

#[derive(Debug)]
pub struct Jsonline;

impl PushApi for Jsonline {
    fn own_paths(&self) -> &'static [&'static str] {
        &["/insert/jsonline", "/select/logsql/query"]
    }

    /// The lines as they are; the stream fields go into the query.
    fn push<'a>(&self, lines: &'a [u8], stream_fields: &[String]) -> Request<'a> {
        let mut path = "/insert/jsonline".to_owned();
        let mut separator = "?_stream_fields=";
        for name in stream_fields {
            path.push_str(separator);
            path.extend(utf8_percent_encode(name, NON_ALPHANUMERIC));
            separator = ",";
        }
        request(path, lines)
    }

    /// A record that every VictoriaLogs takes, with an order not to store it (`debug=1`).
    fn check(&self, stream_fields: &[String]) -> Request<'static> {
        let line = b"{\"_msg\":\"vlog asks whether records are taken\"}\n";
        let Request { path, .. } = self.push(b"", stream_fields);
        request(format!("{path}{}debug=1", if stream_fields.is_empty() { '?' } else { '&' }), line)
    }
}

fn request(path: String, lines: &[u8]) -> Request<'_> {
    Request {
        path: Cow::Owned(path),
        content_type: "application/stream+json",
        headers: &[],
        body: Cow::Borrowed(lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_fields_are_a_list_in_the_query() {
        let paths = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            (Jsonline.push(b"", &names).path, Jsonline.check(&names).path)
        };
        let all = [
            (vec![], "/insert/jsonline", "?"),
            (vec!["service"], "/insert/jsonline?_stream_fields=service", "&"),
            (vec!["a b", "c&d"], "/insert/jsonline?_stream_fields=a%20b,c%26d", "&"),
        ];
        for (names, path, separator) in all {
            assert_eq!(paths(&names), (path.into(), format!("{path}{separator}debug=1").into()));
        }
    }
}
