//! Whether two answers are the same, as far as a query says what the answer is.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::queries::How;

/// What the answers of both sides to a query are.
#[derive(Debug)]
pub enum Verdict {
    Equal,
    /// Both have no row.
    Nothing,
    RefusedByBoth,
    /// The server answers, and the query needs it.
    RefusedLocally,
    /// Not what the server says, which says something else each time.
    Varies,
    Different(String),
}

impl Verdict {
    /// What both refuse; the outbox in one line.
    pub fn of_refusal(why: &str) -> Self {
        if why.starts_with("vlog: ") && why.trim_end().lines().count() == 1 {
            Self::RefusedByBoth
        } else {
            Self::Different(format!("told in more than a line: {why}"))
        }
    }
}

impl Verdict {
    /// What the outbox alone refuses, and says why.
    pub fn of_local_refusal(why: &str) -> Self {
        if why.contains("server") {
            Self::RefusedLocally
        } else {
            Self::Different(format!("not told why: {why}"))
        }
    }
}

/// A row without what the outbox cannot know.
type Row = BTreeMap<String, String>;

/// Compares JSON lines; `ask` asks the server another query.
pub fn compare(how: &How, local: &str, remote: &str, ask: impl Fn(&str) -> String) -> Verdict {
    let (mut here, mut there) = (rows(local), rows(remote));
    let result = match how {
        How::Set | How::NeedsServer => same_rows(&here, &there),
        How::Ordered => same_rows(&here, &there).and_then(|()| same_order(&here, &there, Clone::clone)),
        How::Part => are_some_of(&here, &there),
        How::Ties { of, keys } => {
            let key = |row: &Row| keys.iter().map(|key| row.get(*key).cloned()).collect::<Vec<_>>();
            same_count(&here, &there)
                .and_then(|()| same_order(&here, &there, key))
                .and_then(|()| are_some_of(&here, &rows(&ask(of))))
        }
        How::Lists => {
            for row in here.iter_mut().chain(&mut there) {
                row.values_mut().for_each(sort_list);
            }
            same_rows(&here, &there)
        }
        How::Near => {
            for row in here.iter_mut().chain(&mut there) {
                row.values_mut().for_each(round);
            }
            same_rows(&here, &there)
        }
        How::Any { of } => {
            here.iter_mut().chain(&mut there).for_each(unfold);
            same_count(&here, &there).and_then(|()| are_like(&here, &rows(&ask(of))))
        }
    };
    match result {
        Err(how) => Verdict::Different(how),
        Ok(()) if here.is_empty() => Verdict::Nothing,
        Ok(()) => Verdict::Equal,
    }
}

fn rows(lines: &str) -> Vec<Row> {
    let row = |line: &str| {
        let row: Map<String, Value> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let texts = row.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, text),
            value => panic!("{name} is no text: {value}"),
        });
        texts.filter(|(name, _)| name != "_stream_id").collect()
    };
    lines.lines().map(row).collect()
}

fn same_count(here: &[Row], there: &[Row]) -> Result<(), String> {
    if here.len() == there.len() {
        return Ok(());
    }
    Err(format!("{} rows, the server has {}", here.len(), there.len()))
}

fn same_rows(here: &[Row], there: &[Row]) -> Result<(), String> {
    let (more, less) = (without(here, there), without(there, here));
    if more.is_empty() && less.is_empty() {
        return Ok(());
    }
    let counts = format!("{} rows, the server has {}", here.len(), there.len());
    Err(format!("{counts}; only here: {}; only there: {}", some(&more), some(&less)))
}

/// The rows that are more often in `rows` than in `others`.
fn without<'a>(rows: &'a [Row], others: &'a [Row]) -> Vec<&'a Row> {
    let mut counts: HashMap<&Row, isize> = HashMap::new();
    for row in others {
        *counts.entry(row).or_default() += 1;
    }
    let mut more = Vec::new();
    for row in rows {
        let count = counts.entry(row).or_default();
        *count -= 1;
        if *count < 0 {
            more.push(row);
        }
    }
    more
}

fn are_some_of(here: &[Row], all: &[Row]) -> Result<(), String> {
    let more = without(here, all);
    if more.is_empty() { Ok(()) } else { Err(format!("not the server's: {}", some(&more))) }
}

/// Each row says what some row of the server says, too.
fn are_like(here: &[Row], all: &[Row]) -> Result<(), String> {
    let is_like = |row: &Row, other: &Row| row.iter().all(|(name, text)| other.get(name) == Some(text));
    match here.iter().find(|row| !all.iter().any(|other| is_like(row, other))) {
        Some(row) => Err(format!("not the server's: {row:?}")),
        None => Ok(()),
    }
}

fn same_order<K: PartialEq + std::fmt::Debug>(
    here: &[Row],
    there: &[Row],
    key: impl Fn(&Row) -> K,
) -> Result<(), String> {
    match here.iter().zip(there).position(|(here, there)| key(here) != key(there)) {
        None => Ok(()),
        Some(at) => {
            let (here, there) = (key(&here[at]), key(&there[at]));
            Err(cut(format!("row {at} is not in order: {here:?}; there: {there:?}")))
        }
    }
}

/// A list's members in one order.
fn sort_list(text: &mut String) {
    if let Ok(mut list) = serde_json::from_str::<Vec<String>>(text) {
        list.sort();
        *text = format!("{list:?}");
    }
}

/// A number to ten digits: sums depend on the order of what is added.
fn round(text: &mut String) {
    if let Ok(number) = text.parse::<f64>() {
        *text = format!("{number:.9e}");
    }
}

/// A row in a row: `{"any":"{\"a\":\"1\"}"}` becomes `{"a":"1"}`.
fn unfold(row: &mut Row) {
    let inner = row.values().filter_map(|text| serde_json::from_str::<BTreeMap<String, String>>(text).ok());
    let inner: Vec<_> = inner.collect();
    row.retain(|_, text| !text.starts_with('{'));
    for inner in inner {
        row.extend(inner);
    }
    row.remove("_stream_id");
}

fn some(rows: &[&Row]) -> String {
    let first: Vec<_> = rows.iter().take(3).collect();
    cut(format!("{} {first:?}", rows.len()))
}

fn cut(text: String) -> String {
    if text.chars().count() > 600 { text.chars().take(600).chain(['…']).collect() } else { text }
}
