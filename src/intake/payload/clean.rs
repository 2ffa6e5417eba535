//! Texts and values without their secrets, and not longer than a record takes.

use serde_json::{Map, Value};

use super::Event;
use crate::intake::redact::{
    Known, after_key, is_header, is_name_name, is_only_secret_name, is_secret_name, is_value_name, opens_key,
};
use crate::record::item::Item;

/// The most that leaves of one value.
pub(super) const MAX_VALUE_BYTES: usize = 8 * 1024;

/// The most that all items of the command line may take, and those of the environment; for the same reason.
const MAX_ITEMS_BYTES: usize = 32 * 1024;

/// Items from elsewhere without their secrets, and how many there were. Of those that there is no room for, the size is
/// left.
#[must_use]
pub fn clean_items(items: Vec<Item>, known: &Known) -> (Vec<Item>, usize) {
    let mut event = Event { known: known.clone(), ..Event::default() };
    let mut room = MAX_ITEMS_BYTES;
    let clean = |Item { key, value }| {
        let before = event.redacted;
        let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
        let value = event.clean_whole(&key, value);
        let length = value.to_string().len();
        let of_value = event.redacted;
        let key = event.clean(&key);
        if let Some(left) = room.checked_sub(length) {
            room = left;
            return Item { key, value };
        }
        event.redacted -= of_value - before;
        Item { key: format!("{key}_bytes"), value: bytes.into() }
    };
    let items = items.into_iter().map(clean).collect();
    (items, event.redacted)
}

/// A text from elsewhere without its secrets, then cut, and how many there were.
#[must_use]
pub fn clean_text(text: &str, known: &Known) -> (String, usize) {
    let mut event = Event { known: known.clone(), ..Event::default() };
    (event.clean(text), event.redacted)
}

/// The beginning of a text that takes no more than [`MAX_VALUE_BYTES`], nor much more as JSON, where control characters
/// are six bytes.
pub(super) fn cut(text: &str) -> &str {
    // Most are so short that nobody needs to look.
    if text.len() <= MAX_VALUE_BYTES / 6 {
        return text;
    }
    let mut room = MAX_VALUE_BYTES;
    let end = text.char_indices().find(|(_, char)| {
        let length = if char.is_ascii_control() && !char.is_ascii_whitespace() { 6 } else { char.len_utf8() };
        let fits = length <= room;
        room = room.saturating_sub(length);
        !fits
    });
    end.map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

impl Event {
    /// The text without its secrets, then cut.
    pub(super) fn clean(&mut self, text: &str) -> String {
        let (clean, count) = self.known.redact(text);
        self.redacted += count;
        cut(&clean).to_owned()
    }

    /// A value without its secrets: private keys in several texts, then all that one text or name tells.
    pub(super) fn clean_whole(&mut self, name: &str, mut value: Value) -> Value {
        self.hide_keys(&mut value, &mut false);
        self.clean_value(name, value, false)
    }

    /// Takes out the lines of a private key whose beginning stands in one text of a list, and the rest in those that
    /// follow: to the key's end, or the list's.
    pub(super) fn hide_keys(&mut self, value: &mut Value, inside: &mut bool) {
        match value {
            Value::String(text) if *inside => {
                let rest = after_key(text);
                *inside = rest.is_none();
                *text = format!("[REDACTED:private-key]{}", rest.unwrap_or_default());
                self.redacted += 1;
                *inside |= opens_key(text);
            }
            Value::String(text) => *inside = opens_key(text),
            Value::Array(list) => {
                let before = *inside;
                for value in list {
                    self.hide_keys(value, inside);
                }
                *inside &= before;
            }
            Value::Object(map) => map.values_mut().for_each(|value| self.hide_keys(value, inside)),
            _ => {}
        }
    }

    /// A value without its secrets, by name and by shape, each text in it cut.
    pub(super) fn clean_value(&mut self, name: &str, value: Value, in_list: bool) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            _ if is_secret_name(name) => {
                self.redacted += 1;
                Value::String("[REDACTED:secret]".to_owned())
            }
            Value::Number(_) => value,
            Value::String(text) => Value::String(self.clean(&text)),
            // It ends up as one text, where `--password` stands beside its value.
            Value::Array(_) if !in_list => {
                let list = self.clean_value("", value, true);
                Value::String(self.clean(&list.to_string()))
            }
            Value::Array(list) => {
                // `["Authorization", "value"]`, and a flat list of headers.
                let is_pair = list.len() == 2;
                let mut names_next = false;
                let clean = |value: Value| {
                    let is_value = names_next && value.is_string();
                    names_next = value
                        .as_str()
                        .is_some_and(|text| (is_pair || is_header(text)) && is_only_secret_name(text));
                    self.clean_value(if is_value { "secret" } else { "" }, value, true)
                };
                Value::Array(list.into_iter().map(clean).collect())
            }
            Value::Object(map) => {
                let is_name = |name: &str, value: &Value| {
                    is_name_name(name) && value.as_str().is_some_and(is_only_secret_name)
                };
                let is_pair = map.iter().any(|(name, value)| is_name(name, value));
                let clean = |(name, value): (String, Value)| {
                    let told = if is_pair && is_value_name(&name) { "secret" } else { &name };
                    let value = self.clean_value(told, value, in_list);
                    (self.clean(&name), value)
                };
                Value::Object(map.into_iter().map(clean).collect::<Map<_, _>>())
            }
        }
    }
}
