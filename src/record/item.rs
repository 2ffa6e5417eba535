//! The `key=value` grammar of the command line and of `VLOG_FIELDS`.
//!
//! A word is an item when it has the form `key=text` or `key:=json`. The first `=` separates, the key is not
//! empty and holds no white space, and the text is literal: no quoting, no coercion, no file reading, because
//! values are often variables. Everything else is plain text.

use serde_json::Value;

/// One `key=value` word.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The field's name as typed.
    pub key: String,
    /// The field's value: text for `=`, parsed JSON for `:=`.
    pub value: Value,
}

/// What a word of the command line turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// A field.
    Item(Item),
    /// A field whose `:=` value is not JSON; it is kept as text, and the reason says what was wrong.
    BadJson(Item, String),
    /// No field.
    Text,
}

/// Reads one word.
#[must_use]
pub fn parse(word: &str) -> Word {
    let Some((key, text)) = word.split_once('=') else { return Word::Text };
    let (key, is_json) = key.strip_suffix(':').map_or((key, false), |key| (key, true));
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Word::Text;
    }
    let item = |value| Item { key: key.to_owned(), value };
    if !is_json {
        return Word::Item(item(Value::String(text.to_owned())));
    }
    match serde_json::from_str(text) {
        Ok(value) => Word::Item(item(value)),
        Err(error) => Word::BadJson(
            item(Value::String(text.to_owned())),
            format!("the value of '{key}' is not JSON: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn is_item(word: &str, key: &str, value: Value) {
        assert_eq!(parse(word), Word::Item(Item { key: key.to_owned(), value }), "{word}");
    }

    #[test]
    fn the_first_separator_wins_and_text_is_literal() {
        is_item("a=b", "a", json!("b"));
        is_item("a=", "a", json!(""));
        is_item("a=b=c", "a", json!("b=c"));
        is_item("a==b", "a", json!("=b"));
        is_item("a=\"b\"", "a", json!("\"b\""));
        is_item("a=b:=1", "a", json!("b:=1"));
        is_item("a=@file", "a", json!("@file"));
        is_item("a=1", "a", json!("1"));
        is_item("a= b ", "a", json!(" b "));
        is_item("a:b=c", "a:b", json!("c"));
        is_item("ключ=значение", "ключ", json!("значение"));
    }

    #[test]
    fn colon_equals_takes_json() {
        is_item("n:=1", "n", json!(1));
        is_item("b:=true", "b", json!(true));
        is_item("o:={\"p\":[1,null]}", "o", json!({"p": [1, null]}));
        is_item("s:=\"x\"", "s", json!("x"));
        is_item("z:=null", "z", Value::Null);
        is_item("a::=1", "a:", json!(1));
    }

    #[test]
    fn numbers_keep_their_text() {
        let Word::Item(item) = parse("n:=1.50") else { panic!("not an item") };
        assert_eq!(item.value.to_string(), "1.50");
        let Word::Item(item) = parse("n:=123456789012345678901234567890") else { panic!("not an item") };
        assert_eq!(item.value.to_string(), "123456789012345678901234567890");
    }

    #[test]
    fn what_has_no_key_is_text() {
        for word in ["", "word", "=x", ":=1", "two words=x", "a\tb=c", "no separator here"] {
            assert_eq!(parse(word), Word::Text, "{word}");
        }
    }

    #[test]
    fn bad_json_is_kept_as_text_with_the_reason() {
        let Word::BadJson(item, why) = parse("n:={oops") else { panic!("accepted") };
        assert_eq!((item.key.as_str(), item.value), ("n", json!("{oops")));
        assert!(why.starts_with("the value of 'n' is not JSON: "), "{why}");
    }
}
