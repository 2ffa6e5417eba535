//! `stats`: groups of rows, and functions of the rows in each.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::Refusal;
use super::bucket::Bucket;
use super::filter::Filter;
use super::number::{decimal, number, text};
use super::parse::QueryParser;
use super::pipes::{listed, quoted};
use super::row::{NameList, Row, has};
use super::text::{is_less, key_values, push_json, push_key, sorted};

/// Functions, which may begin a pipe.
pub const NAMES: [&str; 20] = [
    "avg",
    "count",
    "count_empty",
    "count_uniq",
    "count_uniq_hash",
    "histogram",
    "json_values",
    "max",
    "median",
    "min",
    "quantile",
    "rate",
    "rate_sum",
    "row_any",
    "row_max",
    "row_min",
    "sum",
    "sum_len",
    "uniq_values",
    "values",
];

/// Of these only the server knows the answer.
const REFUSED: [&str; 5] = ["count_uniq_hash", "histogram", "json_values", "rate", "rate_sum"];

#[derive(Debug, Clone)]
pub struct Stats {
    pub by: Vec<Group>,
    pub functions: Vec<Function>,
}

/// What groups are told by.
#[derive(Debug, Clone)]
pub struct Group {
    pub name: String,
    pub bucket: Option<Bucket>,
}

#[derive(Debug, Clone)]
pub struct Function {
    kind: FunctionKind,
    fields: Vec<NameList>,
    /// The most values; 0 is all.
    limit: u64,
    condition: Option<Filter>,
    /// The column of the result.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq)]
enum FunctionKind {
    Count,
    CountEmpty,
    CountUniq,
    Sum,
    Length,
    Average,
    Least,
    Most,
    Quantile(f64),
    UniqValues,
    Values,
    AnyRow,
    /// The row with the least or the largest value of this field.
    LeastRow(String),
    MostRow(String),
}

impl Stats {
    /// Whether a function looks at all fields, `_stream_id` among them, and that shows.
    pub fn sees_all(&self) -> bool {
        let shows = |kind: &FunctionKind| !matches!(kind, FunctionKind::Count | FunctionKind::CountEmpty);
        self.functions.iter().any(|function| shows(&function.kind) && has(&function.fields, "_stream_id"))
    }

    /// Whether a function measures times, of which the server counts more bytes than it shows in some groups.
    pub fn measures_time(&self) -> bool {
        self.functions
            .iter()
            .any(|function| function.kind == FunctionKind::Length && has(&function.fields, "_time"))
    }

    /// Whether a function notes empty values, of fields that are not named one by one: the server takes them from
    /// the records that are stored beside.
    pub fn sees_gaps(&self) -> bool {
        let notes = |kind: &FunctionKind| {
            matches!(kind, FunctionKind::Least | FunctionKind::Quantile(_) | FunctionKind::Values)
        };
        let has_star = |function: &Function| function.fields.iter().any(|names| names.has_star);
        self.functions.iter().any(|function| notes(&function.kind) && has_star(function))
    }
}

impl QueryParser<'_> {
    /// Groups and functions.
    pub fn stats(&mut self) -> Result<Stats, Refusal> {
        let by = if self.lexer.take(&["by"]) || self.lexer.is(&["("]) { self.groups()? } else { Vec::new() };
        let mut functions: Vec<Function> = Vec::new();
        loop {
            let start = self.lexer.clone();
            let function = self.named_function()?;
            let name = &function.name;
            if by.iter().any(|group| group.name == *name) || functions.iter().any(|other| other.name == *name)
            {
                return Err(start.refusal(format!("the name '{name}' stands twice")));
            }
            functions.push(function);
            if self.lexer.is(&["|", ")", ""]) {
                return Ok(Stats { by, functions });
            }
            self.lexer.expect(",")?;
        }
    }

    fn groups(&mut self) -> Result<Vec<Group>, Refusal> {
        self.lexer.expect("(")?;
        let mut groups = Vec::new();
        loop {
            if self.lexer.take(&[")"]) {
                return Ok(groups);
            }
            let name = self.group_name()?;
            let bucket = if self.lexer.take(&[":"]) { Some(self.bucket(&name)?) } else { None };
            groups.push(Group { name, bucket });
            if !self.lexer.is(&[")"]) {
                self.lexer.expect(",")?;
            }
        }
    }

    /// The step of this field.
    fn bucket(&mut self, field: &str) -> Result<Bucket, Refusal> {
        let start = self.lexer.clone();
        let mut size = self.lexer.grab();
        if size == "/" {
            size.push_str(&self.lexer.grab());
        }
        if field != "_time" && self.lexer.is(&["offset"]) {
            // What is less than the offset depends on how the server has stored the numbers.
            return Err(self.lexer.needs_server("the offset of a step that is no time"));
        }
        let offset = self.lexer.take(&["offset"]).then(|| {
            let mut offset = self.lexer.grab();
            if offset == "-" {
                offset.push_str(&self.lexer.grab());
            }
            offset
        });
        Bucket::new(&size, offset.as_deref()).ok_or_else(|| start.refusal(format!("'{size}' is no step")))
    }

    /// A function, its condition and its name.
    fn named_function(&mut self) -> Result<Function, Refusal> {
        let start = self.lexer.clone();
        let mut function = self.stats_function()?;
        if self.lexer.take(&["if"]) {
            self.lexer.expect("(")?;
            let filter = if self.lexer.is(&[")"]) { Filter::All } else { self.filter()? };
            self.lexer.expect(")")?;
            function.condition = Some(filter);
        }
        if self.lexer.is(&[",", "|", ")", ""]) {
            if function.condition.is_some() {
                return Err(start.needs_server("a function with a condition and without a name ('as x')"));
            }
            return Ok(function);
        }
        self.lexer.take(&["as"]);
        function.name = self.name()?;
        Ok(function)
    }

    fn stats_function(&mut self) -> Result<Function, Refusal> {
        let start = self.lexer.clone();
        let word = self.lexer.token().to_ascii_lowercase();
        if !self.lexer.is(&NAMES) {
            return Err(self.lexer.unexpected("a function"));
        }
        if REFUSED.contains(&word.as_str()) {
            return Err(self.lexer.needs_server(&format!("{word}()")));
        }
        self.lexer.advance();
        let mut fields = self.names_in_brackets()?;
        let wrong = |what: &str| start.refusal(format!("{word}() {what}"));
        let mut first = String::new();
        if matches!(word.as_str(), "quantile" | "row_max" | "row_min") {
            if fields.is_empty() {
                return Err(wrong("lacks what it is about"));
            }
            let names = fields.remove(0);
            if names.has_star {
                return Err(wrong("cannot be about names with '*'"));
            }
            first = names.text;
        }
        let kind = match word.as_str() {
            "avg" => FunctionKind::Average,
            "count" => FunctionKind::Count,
            "count_empty" => FunctionKind::CountEmpty,
            "count_uniq" => {
                if fields.is_empty() || fields.iter().any(|names| names.has_star) {
                    return Err(wrong("takes names of fields"));
                }
                FunctionKind::CountUniq
            }
            "max" => FunctionKind::Most,
            "min" => FunctionKind::Least,
            "median" => FunctionKind::Quantile(0.5),
            "quantile" => {
                let share = decimal(&first).filter(|share| (0.0..=1.0).contains(share));
                FunctionKind::Quantile(share.ok_or_else(|| wrong("begins with a number from 0 to 1"))?)
            }
            "row_any" => FunctionKind::AnyRow,
            "row_max" => FunctionKind::MostRow(first.clone()),
            "row_min" => FunctionKind::LeastRow(first.clone()),
            "sum" => FunctionKind::Sum,
            "sum_len" => FunctionKind::Length,
            "uniq_values" => FunctionKind::UniqValues,
            _ => FunctionKind::Values,
        };
        let is_all = fields.is_empty();
        if is_all {
            fields.push(NameList::new("*"));
        }
        let mut name = match kind {
            FunctionKind::Quantile(_) if word == "quantile" && is_all => format!("quantile({first})"),
            FunctionKind::Quantile(_) if word == "quantile" => {
                format!("quantile({first}, {})", listed(&fields))
            }
            FunctionKind::MostRow(_) | FunctionKind::LeastRow(_) if has(&fields, "*") => {
                format!("{word}({})", quoted(&first))
            }
            FunctionKind::MostRow(_) | FunctionKind::LeastRow(_) => {
                format!("{word}({}, {})", quoted(&first), listed(&fields))
            }
            _ => format!("{word}({})", listed(&fields)),
        };
        let mut limit = 0;
        if matches!(kind, FunctionKind::CountUniq | FunctionKind::UniqValues | FunctionKind::Values) {
            limit = self.limit()?;
            if limit > 0 {
                let _ = write!(name, " limit {limit}");
            }
        }
        Ok(Function { kind, fields, limit, condition: None, name })
    }
}

/// What a function has seen of a group.
#[derive(Debug)]
enum FunctionState {
    Count(u64),
    Sum(Option<f64>),
    Average(f64, f64),
    Extreme(Option<String>),
    Values(Vec<String>),
    Uniq(HashSet<Vec<u8>>),
    /// The value that was best so far, and its row as JSON.
    Row(String, Option<String>),
}

/// A `stats` at work.
#[derive(Debug)]
pub struct GroupCounts<'q> {
    stats: &'q Stats,
    places: HashMap<Vec<u8>, usize>,
    groups: Vec<Vec<FunctionState>>,
    key: Vec<u8>,
}

impl<'q> GroupCounts<'q> {
    pub fn new(stats: &'q Stats) -> Self {
        let mut counter = Self { stats, places: HashMap::new(), groups: Vec::new(), key: Vec::new() };
        if stats.by.is_empty() {
            counter.place();
        }
        counter
    }

    /// Counts a row.
    pub fn take(&mut self, row: &Row) {
        self.key.clear();
        if let [group] = self.stats.by.as_slice() {
            push_canonical(&group.value(row), &mut self.key);
        } else {
            for group in &self.stats.by {
                push_key(&group.value(row), &mut self.key);
            }
        }
        let place = self.place();
        let Some(states) = self.groups.get_mut(place) else { return };
        for (function, state) in self.stats.functions.iter().zip(states) {
            if function.condition.as_ref().is_none_or(|filter| filter.passes(row)) {
                function.update(state, row, &self.stats.by);
            }
        }
    }

    /// The group of the key.
    fn place(&mut self) -> usize {
        if let Some(place) = self.places.get(self.key.as_slice()) {
            return *place;
        }
        let place = self.groups.len();
        self.places.insert(self.key.clone(), place);
        self.groups.push(self.stats.functions.iter().map(Function::begin).collect());
        place
    }

    /// One row for each group, in the order in which they came.
    pub fn finish(self) -> impl Iterator<Item = Row<'static>> {
        let mut keys: Vec<_> = self.places.into_iter().map(|(key, place)| (place, key)).collect();
        keys.sort_unstable();
        let stats = self.stats;
        keys.into_iter().zip(self.groups).map(move |((_, key), states)| {
            let values = match stats.by.len() {
                1 => vec![canonical(&key)],
                _ => key_values(&key),
            };
            let by = stats.by.iter().map(|group| group.name.clone()).zip(values);
            let results = stats
                .functions
                .iter()
                .zip(states)
                .map(|(function, state)| (function.name.clone(), function.end(state)));
            Row::of(by.chain(results).map(|(name, value)| (name.into(), value.into())).collect())
        })
    }
}

impl Group {
    fn value<'r>(&self, row: &'r Row) -> std::borrow::Cow<'r, str> {
        let Some(bucket) = &self.bucket else { return row.value(&self.name) };
        match row.time() {
            Some(time) if self.name == "_time" => super::number::time_text(bucket.of_time(time.0)).into(),
            _ => bucket.of(row.value(&self.name)),
        }
    }
}

/// Appends the value of a group that is told by one field: numbers that are equal are one group.
pub fn push_canonical(value: &str, key: &mut Vec<u8>) {
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    if !value.bytes().all(is_digit) && !value.starts_with('-') {
        key.extend_from_slice(value.as_bytes());
    } else if let Some(number) = super::number::unsigned(value) {
        key.extend_from_slice(number.to_string().as_bytes());
    } else if let Some(number) = super::number::signed(value) {
        // A zero with a minus is a group of its own that shows as 0.
        key.extend_from_slice(if number == 0 { "-0".to_owned() } else { number.to_string() }.as_bytes());
    } else {
        key.extend_from_slice(value.as_bytes());
    }
}

/// How such a value shows.
pub fn canonical(key: &[u8]) -> String {
    if key == b"-0" { "0".to_owned() } else { String::from_utf8_lossy(key).into_owned() }
}

impl Function {
    fn begin(&self) -> FunctionState {
        match self.kind {
            FunctionKind::Count | FunctionKind::CountEmpty | FunctionKind::Length => FunctionState::Count(0),
            FunctionKind::Sum => FunctionState::Sum(None),
            FunctionKind::Average => FunctionState::Average(0.0, 0.0),
            FunctionKind::Least | FunctionKind::Most => FunctionState::Extreme(None),
            FunctionKind::Quantile(_) | FunctionKind::Values => FunctionState::Values(Vec::new()),
            FunctionKind::CountUniq | FunctionKind::UniqValues => FunctionState::Uniq(HashSet::new()),
            FunctionKind::AnyRow | FunctionKind::LeastRow(_) | FunctionKind::MostRow(_) => {
                FunctionState::Row(String::new(), None)
            }
        }
    }

    /// The values that the function looks at. Of a single field also an empty one.
    fn values(&self, row: &Row, mut take: impl FnMut(&str, &str)) {
        if self.fields.iter().any(|names| names.has_star) {
            return row.each(|name, value| {
                if has(&self.fields, name) {
                    take(name, value);
                }
            });
        }
        for names in &self.fields {
            take(&names.text, &row.value(&names.text));
        }
    }

    fn update(&self, state: &mut FunctionState, row: &Row, by: &[Group]) {
        match (&self.kind, state) {
            (FunctionKind::Count, FunctionState::Count(count)) => {
                let mut found =
                    has(&self.fields, "*") && self.fields.iter().any(|names| names.text.is_empty());
                if !found {
                    self.values(row, |_, value| found |= !value.is_empty());
                }
                *count += u64::from(found);
            }
            (FunctionKind::CountEmpty, FunctionState::Count(count)) => {
                let mut found = false;
                self.values(row, |_, value| found |= !value.is_empty());
                *count += u64::from(!found);
            }
            (_, FunctionState::Count(length)) => self.values(row, |_, value| *length += value.len() as u64),
            (_, FunctionState::Sum(sum)) => {
                self.numbers(row, by, |number| *sum = Some(sum.map_or(number, |sum| sum + number)));
            }
            (_, FunctionState::Average(sum, count)) => self.numbers(row, by, |number| {
                *sum += number;
                *count += 1.0;
            }),
            (kind, FunctionState::Extreme(best)) => self.values(row, |_, value| {
                let is_better = |best: &String| {
                    if *kind == FunctionKind::Least { is_less(value, best) } else { is_less(best, value) }
                };
                if best.as_ref().is_none_or(is_better) {
                    *best = Some(value.to_owned());
                }
            }),
            (_, FunctionState::Values(values)) => self.values(row, |_, value| values.push(value.to_owned())),
            (FunctionKind::CountUniq, FunctionState::Uniq(seen)) => self.combine(row, seen),
            (_, FunctionState::Uniq(seen)) => self.values(row, |_, value| {
                if !value.is_empty() && !seen.contains(value.as_bytes()) {
                    seen.insert(value.as_bytes().to_vec());
                }
            }),
            (kind, FunctionState::Row(best, shown)) => self.choose(kind, row, best, shown),
        }
    }

    /// The values that are numbers. Those with units are only where the groups are streams, or all is one group: the
    /// server adds up whole columns then.
    fn numbers(&self, row: &Row, by: &[Group], mut take: impl FnMut(f64)) {
        self.values(row, |name, value| {
            let of_stream =
                |group: &Group| row.stream_fields().is_some_and(|names| names.contains(&group.name));
            let is_whole = || by.iter().all(of_stream);
            let found = decimal(value).or_else(|| number(value).filter(|_| is_whole()));
            if let Some(number) = found.filter(|_| name != "_time") {
                take(number);
            }
        });
    }

    /// Notes the values of a row together.
    fn combine(&self, row: &Row, seen: &mut HashSet<Vec<u8>>) {
        let mut key = Vec::new();
        let mut is_empty = true;
        self.values(row, |_, value| {
            is_empty &= value.is_empty();
            if self.fields.len() == 1 { push_canonical(value, &mut key) } else { push_key(value, &mut key) }
        });
        if !is_empty && !seen.contains(&key) {
            seen.insert(key);
        }
    }

    /// Keeps the row if it is the best so far.
    fn choose(&self, kind: &FunctionKind, row: &Row, best: &mut String, shown: &mut Option<String>) {
        match kind {
            FunctionKind::LeastRow(name) | FunctionKind::MostRow(name) => {
                let value = row.value(name);
                let is_better = match kind {
                    _ if best.is_empty() => true,
                    FunctionKind::LeastRow(_) => is_less(&value, best),
                    _ => is_less(best, &value),
                };
                if value.is_empty() || !is_better {
                    return;
                }
                *best = value.into_owned();
            }
            _ if shown.is_some() => return,
            _ => {}
        }
        let mut fields = Vec::new();
        self.values(row, |name, value| fields.push((name.to_owned(), value.to_owned())));
        if *kind == FunctionKind::AnyRow {
            fields.sort_unstable();
        }
        *shown = Some(object(&fields));
    }

    fn end(&self, state: FunctionState) -> String {
        match (&self.kind, state) {
            (_, FunctionState::Count(count)) => count.to_string(),
            (_, FunctionState::Sum(sum)) => text(sum.unwrap_or(f64::NAN)),
            (_, FunctionState::Average(sum, count)) => text(sum / count),
            (_, FunctionState::Extreme(best)) => best.unwrap_or_default(),
            (FunctionKind::Quantile(share), FunctionState::Values(values)) => quantile(&values, *share),
            (_, FunctionState::Values(values)) => self.array(&values),
            (FunctionKind::CountUniq, FunctionState::Uniq(seen)) => {
                let count = seen.len() as u64;
                if self.limit > 0 { count.min(self.limit) } else { count }.to_string()
            }
            (_, FunctionState::Uniq(seen)) => {
                let mut values: Vec<_> =
                    seen.into_iter().map(|value| String::from_utf8_lossy(&value).into_owned()).collect();
                // First in one order that is the same each time.
                values.sort_unstable();
                let places = order(&values);
                self.array(&places.into_iter().filter_map(|at| values.get(at).cloned()).collect::<Vec<_>>())
            }
            (_, FunctionState::Row(_, shown)) => shown.unwrap_or_else(|| "{}".to_owned()),
        }
    }

    /// The values as a JSON array, no more than the limit.
    fn array(&self, values: &[String]) -> String {
        let most =
            if self.limit > 0 { usize::try_from(self.limit).unwrap_or(usize::MAX) } else { usize::MAX };
        let mut out = String::from("[");
        for value in values.iter().take(most) {
            if out.len() > 1 {
                out.push(',');
            }
            push_json(value, &mut out);
        }
        out.push(']');
        out
    }
}

/// The places of values in the server's order.
fn order(values: &[String]) -> Vec<usize> {
    sorted(values.len(), &|one, other| {
        values.get(one).zip(values.get(other)).is_some_and(|(one, other)| is_less(one, other))
    })
}

/// The value below which this share of them lies.
fn quantile(values: &[String], share: f64) -> String {
    let order = order(values);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let at = (share * super::number::float(values.len() as u64)) as usize;
    let at = order.get(at.min(values.len().saturating_sub(1)));
    at.and_then(|at| values.get(*at)).cloned().unwrap_or_default()
}

/// Fields as a JSON object, without the empty ones.
fn object(fields: &[(String, String)]) -> String {
    let mut out = String::from("{");
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        if out.len() > 1 {
            out.push(',');
        }
        push_json(name, &mut out);
        out.push(':');
        push_json(value, &mut out);
    }
    out.push('}');
    out
}
