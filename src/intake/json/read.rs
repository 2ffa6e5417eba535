//! JSON that may be cut or broken, read leniently: what is there becomes a value, and nothing fails.

use serde_json::{Map, Number, Value};

/// [`read`] goes no deeper, for it calls itself.
const MAX_DEPTH: usize = 64;

/// The value that `raw` holds, or the part of it that is there: a text that ends early ends what is open.
#[must_use]
pub fn read(raw: &[u8]) -> Value {
    Reader { rest: raw }.value(0)
}

/// The text of a JSON string without its quotes.
pub(super) fn text(raw: &[u8]) -> String {
    Reader { rest: raw }.text()
}

/// Reads JSON leniently: it never fails.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The next byte that is neither white space nor one of `also`; it is not taken.
    fn peek(&mut self, also: &[u8]) -> Option<u8> {
        let skip = |byte: &u8| byte.is_ascii_whitespace() || also.contains(byte);
        let at = self.rest.iter().position(|byte| !skip(byte))?;
        self.rest = self.rest.get(at..)?;
        self.rest.first().copied()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.peek(b"") {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                self.rest = &[];
                Value::Null
            }
            Some(b'{') => {
                self.next();
                let mut map = Map::new();
                while let Some(byte) = self.peek(b",") {
                    self.next();
                    if byte != b'"' {
                        break;
                    }
                    let key = self.text();
                    // A name without its value says nothing.
                    if self.peek(b":").is_none() {
                        break;
                    }
                    map.insert(key, self.value(depth + 1));
                }
                Value::Object(map)
            }
            Some(b'[') => {
                self.next();
                let mut list = Vec::new();
                while let Some(byte) = self.peek(b",") {
                    if matches!(byte, b']' | b'}') {
                        self.next();
                        break;
                    }
                    list.push(self.value(depth + 1));
                }
                Value::Array(list)
            }
            Some(b'"') => {
                self.next();
                Value::String(self.text())
            }
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Value {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b'"') || byte.is_ascii_whitespace();
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        // What cannot be read must not be met again.
        self.rest = if length == 0 { rest.get(1..).unwrap_or_default() } else { rest };
        match word {
            b"true" => Value::Bool(true),
            b"false" => Value::Bool(false),
            _ => {
                let text = std::str::from_utf8(word).unwrap_or_default();
                text.parse::<Number>().map_or(Value::Null, Value::Number)
            }
        }
    }

    /// The rest of a string, to its quote or to the end.
    fn text(&mut self) -> String {
        // Most have no escapes.
        let end = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(self.rest.len());
        let (plain, rest) = self.rest.split_at(end);
        if let (Some(b'"') | None, Ok(text)) = (rest.first(), std::str::from_utf8(plain)) {
            self.rest = rest.get(1..).unwrap_or_default();
            return text.to_owned();
        }
        let mut out = Vec::new();
        let mut high: Option<u32> = None;
        while let Some(byte) = self.next() {
            let plain = match byte {
                b'"' => break,
                b'\\' => match self.next() {
                    Some(b'u') => {
                        let unit = self.unit();
                        let char = match (high.take(), unit) {
                            (Some(high), 0xdc00..=0xdfff) => {
                                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00))
                            }
                            (lone, unit) => {
                                // Half of a pair alone stands for nothing.
                                out.extend_from_slice(lone.map_or("", |_| "\u{fffd}").as_bytes());
                                if (0xd800..0xdc00).contains(&unit) {
                                    high = Some(unit);
                                    continue;
                                }
                                char::from_u32(unit)
                            }
                        };
                        let char = char.unwrap_or('\u{fffd}');
                        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                        continue;
                    }
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'r') => b'\r',
                    Some(b'b') => 8,
                    Some(b'f') => 12,
                    Some(other) => other,
                    None => break,
                },
                other => other,
            };
            if high.take().is_some() {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
            out.push(plain);
        }
        if high.is_some() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Four hexadecimal digits, or as many as there are.
    fn unit(&mut self) -> u32 {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.rest.first().and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else { break };
            value = value * 16 + digit;
            self.next();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reading_never_fails() {
        let reads = |text: &str, expected: Value| assert_eq!(read(text.as_bytes()), expected, "{text}");
        reads(r#"{"a":[1,{"b":"c"}],"d":true}"#, json!({"a": [1, {"b": "c"}], "d": true}));
        reads(r#"{"a":[1,{"b":"c"#, json!({"a": [1, {"b": "c"}]}));
        reads(r#"{"a":"x","b"#, json!({"a": "x"}));
        reads(r#"{"a":"x","b":"#, json!({"a": "x"}));
        reads(r#"{"a":"x","b":tr"#, json!({"a": "x", "b": null}));
        reads(r#""x\"#, json!("x"));
        reads(r#""\ud83d\ude00 \ud83d \ud83dx \ude00 \u12""#, json!("😀 \u{fffd} \u{fffd}x \u{fffd} \u{12}"));
        reads("\"a\nb\u{1}\"", json!("a\nb\u{1}"));
        reads("[,,1,]", json!([1]));
        reads("[}", json!([]));
        reads("{]", json!({}));
        reads("nonsense", json!(null));
        reads("", json!(null));
        assert_eq!(read(b"\"a\xffb\""), json!("a\u{fffd}b"));
        assert_eq!(read(b"1.50").to_string(), "1.50");
        let _ = read(&b"[".repeat(1_000_000));
        let _ = read(&b"{\"a\":".repeat(100_000));
    }
}
