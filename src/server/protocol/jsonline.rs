//! VictoriaLogs' own JSON lines: single node, vlinsert, vlagent, or any of them behind vmauth.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Request;

/// The lines as they are; the stream fields go into the query.
#[must_use]
pub fn request<'a>(lines: &'a [u8], stream_fields: &[String]) -> Request<'a> {
    let mut path = "/insert/jsonline".to_owned();
    let mut separator = "?_stream_fields=";
    for name in stream_fields {
        path.push_str(separator);
        path.extend(utf8_percent_encode(name, NON_ALPHANUMERIC));
        separator = ",";
    }
    Request { path, content_type: "application/stream+json", body: lines }
}

/// A record that every VictoriaLogs takes, with an order not to store it (`debug=1`).
#[must_use]
pub fn canned(stream_fields: &[String]) -> Request<'static> {
    let mut request = request(b"{\"_msg\":\"vlog asks whether records are taken\"}\n", stream_fields);
    request.path.push_str(if stream_fields.is_empty() { "?debug=1" } else { "&debug=1" });
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_fields_are_a_list_in_the_query() {
        let path = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            request(b"", &names).path
        };
        assert_eq!(path(&[]), "/insert/jsonline");
        assert_eq!(path(&["service"]), "/insert/jsonline?_stream_fields=service");
        assert_eq!(path(&["a b", "c&d"]), "/insert/jsonline?_stream_fields=a%20b,c%26d");
    }
}
