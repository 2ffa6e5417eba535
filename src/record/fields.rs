//! Fields: names and values that survive VictoriaLogs' limits, encoded once.

use std::borrow::Cow;

use serde_json::Value;

use crate::record::item::Item;

/// Longest name. One byte more and the whole record collapses into its `_msg`.
pub(super) const MAX_NAME_BYTES: usize = 128;

/// Most fields of a record (`-insert.maxFieldsPerLine`); with more the record is dropped.
pub(super) const MAX_FIELDS: usize = 1000;

/// Fields that [`Encoder`] adds: `_time`, `_msg`, `level`, `vlog_id` and `vlog_part`.
const OWN_FIELDS: usize = 5;

/// Up to so many fields of a record and of its run together need no second look.
pub(super) const MAX_OWN_FIELDS: usize = MAX_FIELDS - OWN_FIELDS;

/// The field that holds those beyond that number.
const OVERFLOW: &str = "vlog_overflow";

/// The fields that records share: names unique and within the limits, values text or JSON scalars, none empty
/// (VictoriaLogs takes an empty value for an absent field).
#[derive(Debug, Default, Clone)]
pub struct Fields {
    list: FieldBuffer,
    /// `,"name":value` for all of them.
    pub(super) encoded: Vec<u8>,
}

impl Fields {
    /// Takes items in order: of several with one name the last wins, objects are flattened with dots, what
    /// exceeds the server's number of fields goes as one JSON text into `vlog_overflow`.
    #[must_use]
    pub fn new(items: impl IntoIterator<Item = Item>) -> Self {
        let mut list = FieldBuffer::default();
        for Item { key, value } in items {
            flatten(&key, value, &mut list);
        }
        Self::of(list)
    }

    /// The same for fields that have safe names.
    fn of(mut list: FieldBuffer) -> Self {
        list.keep_last();
        list.drop_empty();
        if list.len() > MAX_OWN_FIELDS {
            list = with_overflow(&list);
        }
        let mut encoded = Vec::new();
        list.iter().for_each(|(name, value)| push_field(name, value, &mut encoded));
        Self { list, encoded }
    }

    /// These and a record's own.
    pub(super) fn with(&self, own: &FieldBuffer) -> Self {
        let mut list = self.list.clone();
        own.iter().for_each(|(name, value)| list.push("", name, value));
        Self::of(list)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether one has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.list.find(name).is_some()
    }

    /// Names and encoded values, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter()
    }
}

/// As many fields as a record may have, the last of them all the others as one text.
fn with_overflow(list: &FieldBuffer) -> FieldBuffer {
    let mut kept = FieldBuffer::default();
    let mut rest = Vec::new();
    for (name, value) in list.iter() {
        // A field of that name joins the rest, so that there are not two.
        if name != OVERFLOW && kept.len() < MAX_OWN_FIELDS - 1 {
            kept.push("", name, value);
        } else {
            push_field(name, value, &mut rest);
        }
    }
    if let Some(comma) = rest.first_mut() {
        *comma = b'{';
    }
    rest.push(b'}');
    kept.push("", OVERFLOW, &json_string(&String::from_utf8_lossy(&rest)));
    kept
}

/// Names and encoded values (a JSON string, number or boolean) in one buffer that can be used again and again. Used
/// as such for the fields of one record alone.
///
/// After [`FieldBuffer::tidy`] the same holds for them as for [`Fields`], but for their number.
#[derive(Debug, Default, Clone)]
pub struct FieldBuffer {
    text: String,
    /// Where a name begins, where it ends and its value begins, where that ends.
    list: Vec<(usize, usize, usize)>,
    /// Whether a field got another name, which may be taken.
    renamed: bool,
}

/// How much of a [`FieldBuffer`] is filled.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    text: usize,
    list: usize,
}

impl FieldBuffer {
    /// Takes everything out.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.renamed = false;
    }

    /// Adds a field whose value is a text.
    pub fn push_text(&mut self, name: &str, text: &str) {
        if first_escaped(text.as_bytes()).is_some() {
            return self.push("", name, &json_string(text));
        }
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push('"');
        self.text.push_str(text);
        self.text.push('"');
        self.list.push((start, middle, self.text.len()));
    }

    /// Adds a field, named `path` and `name` together; `value` is a JSON scalar.
    pub fn push(&mut self, path: &str, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(path);
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.list.push((start, middle, self.text.len()));
    }

    /// What is filled so far.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { text: self.text.len(), list: self.list.len() }
    }

    /// Takes out all fields added since then.
    pub fn cut(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.list.truncate(mark.list);
    }

    /// How many fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Names and encoded values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|place| self.field(place))
    }

    #[inline]
    fn field(&self, &(start, middle, end): &(usize, usize, usize)) -> (&str, &str) {
        (self.text((start, middle)), self.text((middle, end)))
    }

    /// The place of the first field of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        let text = self.text.as_bytes();
        let is_named = |&(start, middle, _): &(usize, usize, usize)| {
            middle - start == name.len() && text.get(start..middle) == Some(name.as_bytes())
        };
        self.list.iter().position(is_named)
    }

    /// Name and encoded value of the field at this place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<(&str, &str)> {
        self.list.get(at).map(|place| self.field(place))
    }

    /// What lies at this place of the buffer.
    #[must_use]
    #[inline]
    pub fn text(&self, (start, end): (usize, usize)) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Empties the field at this place; where its value lies in the buffer, until that is cleared.
    pub fn remove(&mut self, at: usize) -> Option<(usize, usize)> {
        let (_, middle, end) = self.list.get_mut(at)?;
        let place = (*middle, *end);
        *end = *middle;
        Some(place)
    }

    /// Gives the field at this place another name.
    pub fn rename_at(&mut self, at: usize, name: &str) {
        let Some(&(_, middle, end)) = self.list.get(at) else { return };
        let value = self.text((middle, end)).to_owned();
        self.push("", name, &value);
        if let Some(field) = self.list.pop() {
            self.list.splice(at..=at, [field]);
        }
        self.renamed = true;
    }

    /// Gives the field of this name another.
    pub fn rename(&mut self, from: &str, to: &str) {
        if self.find(from).is_none() {
            return;
        }
        let found = self.iter().position(|(name, value)| name == from && !value.is_empty());
        if let Some(at) = found {
            self.rename_at(at, to);
        }
    }

    /// Of several fields with one name keeps the last, in its place.
    pub fn keep_last(&mut self) {
        let Self { text, list, .. } = self;
        let name = |&(start, middle, _): &(usize, usize, usize)| text.get(start..middle).unwrap_or_default();
        // A few are compared pair by pair; sorting an index pays off only for more.
        if list.len() <= 32 {
            let mut at = 0;
            while let Some((field, later)) = list.get(at..).and_then(<[_]>::split_first) {
                let length = field.1 - field.0;
                let is_same = |other| name(other) == name(field);
                if later.iter().any(|other| other.1 - other.0 == length && is_same(other)) {
                    list.remove(at);
                } else {
                    at += 1;
                }
            }
            return;
        }
        let mut seen = std::collections::HashSet::new();
        let mut kept: Vec<_> = list.iter().rev().filter(|field| seen.insert(name(field))).copied().collect();
        kept.reverse();
        *list = kept;
    }

    /// Drops fields without a value.
    fn drop_empty(&mut self) {
        let Self { text, list, .. } = self;
        list.retain(|&(_, middle, end)| !matches!(text.get(middle..end), None | Some("" | "\"\"")));
    }

    /// Gives each field a name that VictoriaLogs keeps, and drops those that it takes for absent.
    pub fn tidy(&mut self) {
        self.drop_empty();
        for at in 0..self.list.len() {
            let Some((name, _)) = self.get(at) else { continue };
            if let Cow::Owned(safe) = own_name(name) {
                self.rename_at(at, &safe);
            }
        }
        if self.renamed {
            self.keep_last();
        }
    }
}

/// The name that a field keeps; owned if it is another.
fn own_name(name: &str) -> Cow<'_, str> {
    match safe_name(name) {
        Cow::Borrowed(safe) if safe.len() == name.len() => Cow::Borrowed(safe),
        safe => Cow::Owned(safe.into_owned()),
    }
}

/// Adds the scalars in `value`, each under its full name.
fn flatten(name: &str, value: Value, list: &mut FieldBuffer) {
    let encoded = match value {
        // `null` clears an earlier value of the same name, as the empty text does.
        Value::Null => "\"\"".to_owned(),
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&format!("{name}.{key}"), value, list);
            }
            return;
        }
        Value::String(text) => json_string(&text),
        // VictoriaLogs stores an array as its JSON text; so does every other destination, then.
        array @ Value::Array(_) => json_string(&array.to_string()),
        scalar @ (Value::Bool(_) | Value::Number(_)) => scalar.to_string(),
    };
    list.push("", &safe_name(name), &encoded);
}

/// The name under which VictoriaLogs keeps the field apart from its own and within its limit.
#[must_use]
pub fn safe_name(name: &str) -> Cow<'_, str> {
    if matches!(name, "_time" | "_msg" | "_stream" | "_stream_id") {
        return Cow::Borrowed(name.trim_start_matches('_'));
    }
    if name.is_empty() {
        // VictoriaLogs takes the empty name for `_msg`.
        return Cow::Borrowed("_");
    }
    if name.len() <= MAX_NAME_BYTES {
        return Cow::Borrowed(name);
    }
    // A hash of the whole name keeps two long names two.
    let hash = hash(name);
    let (kept, _) = name.split_at(floor_char_boundary(name, MAX_NAME_BYTES - 17));
    Cow::Owned(format!("{kept}~{hash:016x}"))
}

/// 64 bits of FNV-1a: short, and the same in every build, since outboxes remember it.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// The largest character boundary at or below `at`. The standard library's own needs Rust 1.91.
#[must_use]
pub fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// `text` as a JSON string, quotes included.
#[must_use]
pub fn json_string(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    push_string(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends `text` as a JSON string.
///
/// `serde_json`'s writer looks at each byte; this one looks at eight at once, which takes a third of the instructions
/// for a line of 60 bytes (valgrind).
pub fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = first_escaped(rest) {
        let (plain, special) = rest.split_at(at);
        let Some((&byte, after)) = special.split_first() else { break };
        out.extend_from_slice(plain);
        push_escaped(byte, out);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte is that JSON has an escape for: a quote, a backslash or a control character.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let (words, tail) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // A byte less another borrows into its high bit where it was smaller; bytes from 0x80 on are left out. A borrow
        // reaches only bytes behind the first that is found.
        let is_control = word.wrapping_sub(ONES * 0x20);
        let is_quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
        let is_backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
        let found = (is_control | is_quote | is_backslash) & !word & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let is_escaped = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    tail.iter().position(is_escaped).map(|inside| at + inside)
}

fn push_escaped(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        8 => b'b',
        12 => b'f',
        _ => {
            let digit = char::from_digit(u32::from(byte % 16), 16).unwrap_or('0');
            out.extend_from_slice(if byte < 16 { b"\\u000" } else { b"\\u001" });
            out.extend_from_slice(digit.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// Appends `,"name":value`.
pub(super) fn push_field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    push_string(name, out);
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_json_wants_it_wherever_the_byte_stands() {
        for byte in 0..=0x7f_u8 {
            for before in 0..18 {
                let text = format!("{}{}\u{e9}{}", "x".repeat(before), char::from(byte), "y".repeat(9));
                assert_eq!(json_string(&text), serde_json::to_string(&text).unwrap(), "{text:?}");
            }
        }
        let all: String = (0..0x250).filter_map(char::from_u32).collect();
        assert_eq!(json_string(&all), serde_json::to_string(&all).unwrap());
    }
}
