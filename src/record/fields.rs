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

/// The fields of a record beside time, message and level: names unique and within the limits, values text or
/// JSON scalars, none empty (VictoriaLogs takes an empty value for an absent field).
#[derive(Debug, Default, Clone)]
pub struct Fields {
    /// Name and encoded value: a JSON string, number or boolean.
    pub(super) list: Vec<(String, String)>,
    /// `,"name":value` for all of them.
    pub(super) encoded: Vec<u8>,
}

impl Fields {
    /// Takes items in order: of several with one name the last wins, objects are flattened with dots, what
    /// exceeds the server's number of fields goes as one JSON text into `vlog_overflow`.
    #[must_use]
    pub fn new(items: impl IntoIterator<Item = Item>) -> Self {
        let mut list: Vec<(String, String)> = Vec::new();
        for Item { key, value } in items {
            flatten(&key, value, &mut list);
        }
        Self::of(list)
    }

    /// The same for names and encoded values.
    fn of(mut list: Vec<(String, String)>) -> Self {
        keep_last_of_each_name(&mut list);
        list.retain(|(_, value)| value != "\"\"");
        let most = MAX_OWN_FIELDS;
        if list.len() > most {
            // A field of that name goes the way of the rest, so that there are not two.
            let (mut rest, kept): (Vec<_>, Vec<_>) =
                list.into_iter().partition(|(name, _)| name == "vlog_overflow");
            list = kept;
            rest.splice(0..0, list.split_off(most - 1));
            list.push(("vlog_overflow".to_owned(), json_string(&object_text(&rest))));
        }
        let mut encoded = Vec::new();
        for (name, value) in &list {
            push_field(name, value, &mut encoded);
        }
        Self { list, encoded }
    }
}

impl Fields {
    /// These and a record's own.
    pub(super) fn with(&self, own: &OwnFields) -> Self {
        let own = own.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::of(self.list.iter().cloned().chain(own).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(known, _)| known == name)
    }
}

/// The fields of one record alone: names and encoded values, in one buffer that is used again and again.
///
/// After [`OwnFields::tidy`] the same holds for them as for [`Fields`], but for their number.
#[derive(Debug, Default)]
pub struct OwnFields {
    text: String,
    /// Where a name begins, where it ends and its value begins, where that ends.
    pub(super) list: Vec<(usize, usize, usize)>,
    /// Whether a field got another name, which may be taken.
    renamed: bool,
}

/// A place among a record's own fields.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    text: usize,
    list: usize,
}

impl OwnFields {
    /// Takes everything out.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.renamed = false;
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

    /// Where the next field will be.
    #[must_use]
    pub fn end(&self) -> Place {
        Place { text: self.text.len(), list: self.list.len() }
    }

    /// Takes out all fields from that place on.
    pub fn cut(&mut self, place: Place) {
        self.text.truncate(place.text);
        self.list.truncate(place.list);
    }

    /// Names and encoded values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|place| self.field(place))
    }

    fn field(&self, &(start, middle, end): &(usize, usize, usize)) -> (&str, &str) {
        (self.text((start, middle)), self.text((middle, end)))
    }

    /// Name and encoded value of the field at this place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<(&str, &str)> {
        self.list.get(at).map(|place| self.field(place))
    }

    /// What lies at this place of the buffer.
    #[must_use]
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
        let found = self.iter().position(|(name, value)| name == from && !value.is_empty());
        if let Some(at) = found {
            self.rename_at(at, to);
        }
    }

    /// Makes of several fields with one name the last, and drops those without a value.
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

    /// Gives each field a name that VictoriaLogs keeps, and drops those that it takes for absent.
    pub fn tidy(&mut self) {
        let Self { text, list, .. } = self;
        list.retain(|&(_, middle, end)| !matches!(text.get(middle..end), None | Some("" | "\"\"")));
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

/// Appends the scalars in `value`, each under its full name and already encoded.
fn flatten(name: &str, value: Value, list: &mut Vec<(String, String)>) {
    let encoded = match value {
        Value::Null => String::new(),
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
    // `null` clears an earlier value of the same name, as the empty text does.
    let encoded = if encoded.is_empty() { "\"\"".to_owned() } else { encoded };
    list.push((safe_name(name).into_owned(), encoded));
}

/// Of fields with one name keeps the last, in its place.
fn keep_last_of_each_name(list: &mut Vec<(String, String)>) {
    // A handful is compared pair by pair; sorting an index pays off only for more.
    if list.len() <= 16 {
        let mut at = 0;
        while at < list.len() {
            let (_, later) = list.split_at(at);
            let repeated =
                later.split_first().is_some_and(|((name, _), rest)| rest.iter().any(|(n, _)| n == name));
            if repeated {
                list.remove(at);
            } else {
                at += 1;
            }
        }
        return;
    }
    let mut seen = std::collections::HashSet::new();
    let is_last: Vec<_> = list.iter().rev().map(|(name, _)| seen.insert(name.as_str())).collect();
    let mut is_last = is_last.into_iter().rev();
    list.retain(|_| is_last.next().unwrap_or(true));
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
    let kept = floor_char_boundary(name, MAX_NAME_BYTES - 17);
    Cow::Owned(format!("{}~{hash:016x}", name.get(..kept).unwrap_or_default()))
}

/// 64 bits of FNV-1a: short, and the same in every build, since outboxes remember it.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// The largest character boundary at or below `at`.
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
pub(super) fn push_string(text: &str, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends `,"name":value`.
pub(super) fn push_field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    push_string(name, out);
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
}

/// The fields as the text of one JSON object.
fn object_text(list: &[(String, String)]) -> String {
    let mut out = Vec::new();
    for (name, value) in list {
        push_field(name, value, &mut out);
    }
    match out.first_mut() {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}
