//! A query at work: rows go through the filter and then from pipe to pipe; pipes that need all of them hold what they
//! need until the end.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;

use super::filter::Filter;
use super::number;
use super::pipes::{Pipe, Sort, Top, Uniq};
use super::row::Packed;
use super::stats::{GroupCounts, canonical, push_canonical};
use super::text::{is_less, is_less_natural, key_values, push_json, push_key, sorted};
use super::{Out, Row};
use crate::record::time::Time;

/// A query at work.
#[derive(Debug)]
pub struct Evaluation<'q> {
    filter: &'q Filter,
    stages: Vec<Stage<'q>>,
    newest: Option<Newest>,
}

/// A pipe with what it holds.
#[derive(Debug)]
enum Stage<'q> {
    /// It holds nothing.
    Plain(&'q Pipe),
    /// How many rows have come.
    Limit(u64, u64),
    Offset(u64, u64),
    Sort(Sorter<'q>),
    Stats(GroupCounts<'q>),
    Uniq(&'q Uniq, Tally),
    Top(&'q Top, Tally),
    NameList(&'q str, bool, Tally),
}

/// What becomes of a row.
enum Flow<'a> {
    /// It goes on.
    On(Row<'a>),
    /// It is held, or it is out.
    Held,
    /// No more rows are needed, and this one is out.
    Enough,
    /// It goes on, and no more rows are needed.
    Last(Row<'a>),
}

impl<'q> Evaluation<'q> {
    pub(super) fn new(filter: &'q Filter, pipes: &'q [Pipe], limit: usize) -> Self {
        let newest = (limit > 0 && pipes.is_empty()).then(|| Newest::new(limit));
        Self { filter, stages: pipes.iter().map(Stage::new).collect(), newest }
    }

    /// Puts a record to the query, and gives the rows that are certain already. `false`: no further record can
    /// change the answer.
    ///
    /// # Errors
    /// `out` has failed.
    pub fn take(&mut self, row: Row, out: &mut Out) -> io::Result<bool> {
        if !self.filter.passes(&row) {
            return Ok(true);
        }
        if let Some(newest) = &mut self.newest {
            newest.take(&row);
            return Ok(true);
        }
        push(&mut self.stages, row, out)
    }

    /// Gives what is left.
    ///
    /// # Errors
    /// `out` has failed.
    pub fn finish(mut self, out: &mut Out) -> io::Result<()> {
        if let Some(newest) = self.newest {
            return newest.finish(out);
        }
        let mut stages = std::mem::take(&mut self.stages);
        while !stages.is_empty() {
            let stage = stages.remove(0);
            stage.finish(&mut |row| push(&mut stages, row, out))?;
        }
        Ok(())
    }
}

/// Sends a row through these stages. `false`: they need no more.
fn push(stages: &mut [Stage], mut row: Row, out: &mut Out) -> io::Result<bool> {
    let mut goes_on = true;
    for stage in stages {
        match stage.take(row) {
            Flow::On(next) => row = next,
            Flow::Last(next) => {
                row = next;
                goes_on = false;
            }
            Flow::Held => return Ok(goes_on),
            Flow::Enough => return Ok(false),
        }
    }
    row.give(out)?;
    Ok(goes_on)
}

impl<'q> Stage<'q> {
    fn new(pipe: &'q Pipe) -> Self {
        match pipe {
            Pipe::Limit(limit) => Self::Limit(*limit, 0),
            Pipe::Offset(offset) => Self::Offset(*offset, 0),
            Pipe::Sort(sort) => Self::Sort(Sorter { sort, parts: BTreeMap::new() }),
            Pipe::Stats(stats) => Self::Stats(GroupCounts::new(stats)),
            Pipe::Uniq(uniq) => Self::Uniq(uniq, Tally::default()),
            Pipe::Top(top) => Self::Top(top, Tally::default()),
            Pipe::FieldNames(name, with_stream_id) => Self::NameList(name, *with_stream_id, Tally::default()),
            _ => Self::Plain(pipe),
        }
    }

    fn take<'a>(&mut self, mut row: Row<'a>) -> Flow<'a> {
        match self {
            Self::Plain(pipe) => {
                match pipe {
                    Pipe::Filter(filter) if !filter.passes(&row) => return Flow::Held,
                    Pipe::Fields(names) => row.keep(names),
                    Pipe::Delete(names) => row.drop(names),
                    Pipe::Rename(pairs, copy) => {
                        for (from, to) in pairs {
                            row.rename(from, to, *copy);
                        }
                    }
                    _ => {}
                }
                return Flow::On(row);
            }
            Self::Limit(limit, seen) => {
                *seen += 1;
                return match (*seen).cmp(limit) {
                    std::cmp::Ordering::Less => Flow::On(row),
                    std::cmp::Ordering::Equal => Flow::Last(row),
                    std::cmp::Ordering::Greater => Flow::Enough,
                };
            }
            Self::Offset(offset, seen) => {
                *seen += 1;
                return if *seen > *offset { Flow::On(row) } else { Flow::Held };
            }
            Self::Sort(sorter) => sorter.take(&row),
            Self::Stats(counter) => counter.take(&row),
            Self::Uniq(Uniq { by, .. }, tally) | Self::Top(Top { by, .. }, tally) => tally.take(by, &row),
            Self::NameList(_, with_stream_id, tally) => {
                row.each(|name, _| tally.count(name.as_bytes()));
                if *with_stream_id {
                    tally.count(b"_stream_id");
                }
            }
        }
        Flow::Held
    }

    /// Gives the rows that were held, as long as they are wanted.
    fn finish(self, give: &mut dyn FnMut(Row) -> io::Result<bool>) -> io::Result<()> {
        match self {
            Self::Plain(_) | Self::Limit(..) | Self::Offset(..) => Ok(()),
            Self::Sort(sorter) => sorter.finish(give),
            Self::Stats(counter) => all(counter.finish(), give),
            Self::Uniq(uniq, tally) => all(tally.uniq(uniq).into_iter(), give),
            Self::Top(top, tally) => all(tally.top(top).into_iter(), give),
            Self::NameList(name, _, tally) => {
                let row = |(key, hits): (Vec<u8>, u64)| {
                    let value = String::from_utf8_lossy(&key).into_owned();
                    row_of([(name.to_owned(), value), ("hits".to_owned(), hits.to_string())])
                };
                all(tally.counts.into_iter().map(row), give)
            }
        }
    }
}

/// Gives rows as long as they are wanted.
fn all<'a>(
    rows: impl Iterator<Item = Row<'a>>,
    give: &mut dyn FnMut(Row) -> io::Result<bool>,
) -> io::Result<()> {
    for row in rows {
        if !give(row)? {
            break;
        }
    }
    Ok(())
}

fn row_of(fields: impl IntoIterator<Item = (String, String)>) -> Row<'static> {
    Row::of(fields.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(value))).collect())
}

/// The newest records, kept as the lines that they were read from: most of them give way to newer ones, and a row with all
/// its texts costs ten times as much.
#[derive(Debug)]
struct Newest {
    limit: usize,
    /// Each with its line and the place of its stream fields in `streams`.
    rows: Vec<(Time, Box<[u8]>, usize)>,
    /// The names of stream fields that were met; destinations have few.
    streams: Vec<Vec<String>>,
    /// Older ones are too old already.
    since: Option<Time>,
}

impl Newest {
    fn new(limit: usize) -> Self {
        Self { limit, rows: Vec::new(), streams: Vec::new(), since: None }
    }

    fn take(&mut self, row: &Row) {
        let Some(time) = row.time().filter(|time| self.since.is_none_or(|since| *time >= since)) else {
            return;
        };
        let stream = row.stream_fields().unwrap_or_default();
        let place = self.streams.iter().position(|known| known == stream).unwrap_or_else(|| {
            self.streams.push(stream.to_vec());
            self.streams.len() - 1
        });
        self.rows.push((time, row.line().into(), place));
        if self.rows.len() >= self.limit.saturating_mul(2).saturating_add(64) {
            self.trim();
        }
    }

    fn trim(&mut self) {
        self.rows.sort_by_key(|(time, ..)| *time);
        let older = self.rows.len().saturating_sub(self.limit);
        self.rows.drain(..older);
        if older > 0 {
            self.since = self.rows.first().map(|(time, ..)| *time);
        }
    }

    fn finish(mut self, out: &mut Out) -> io::Result<()> {
        self.trim();
        for (_, line, stream) in &self.rows {
            let names = self.streams.get(*stream).map(Vec::as_slice).unwrap_or_default();
            if let Some(row) = Row::read(line, names) {
                row.give(out)?;
            }
        }
        Ok(())
    }
}

/// How often each key came.
#[derive(Debug, Default)]
struct Tally {
    places: HashMap<Vec<u8>, usize>,
    counts: Vec<(Vec<u8>, u64)>,
    key: Vec<u8>,
}

impl Tally {
    fn take(&mut self, by: &[String], row: &Row) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        match by {
            [name] => push_canonical(&row.value(name), &mut key),
            names => names.iter().for_each(|name| push_key(&row.value(name), &mut key)),
        }
        self.count(&key);
        self.key = key;
    }

    fn count(&mut self, key: &[u8]) {
        let place = self.places.get(key).copied().unwrap_or_else(|| {
            self.places.insert(key.to_vec(), self.counts.len());
            self.counts.push((key.to_vec(), 0));
            self.counts.len() - 1
        });
        if let Some((_, count)) = self.counts.get_mut(place) {
            *count += 1;
        }
    }

    fn uniq(mut self, uniq: &Uniq) -> Vec<Row<'static>> {
        let most =
            if uniq.limit == 0 { usize::MAX } else { usize::try_from(uniq.limit).unwrap_or(usize::MAX) };
        // Of a part of the values the server gives no counts.
        let is_part = self.counts.len() > most;
        self.counts.truncate(most);
        let row = |(key, count): (Vec<u8>, u64)| {
            let count = if is_part { 0 } else { count };
            let hits = uniq.hits.iter().map(|name| (name.clone(), count.to_string()));
            row_of(columns(&uniq.by, &key).into_iter().chain(hits))
        };
        self.counts.into_iter().map(row).collect()
    }

    fn top(mut self, top: &Top) -> Vec<Row<'static>> {
        self.counts
            .sort_unstable_by(|(one, count), (other, more)| more.cmp(count).then_with(|| one.cmp(other)));
        self.counts.truncate(usize::try_from(top.limit).unwrap_or(usize::MAX));
        let row = |(place, (key, count)): (usize, (Vec<u8>, u64))| {
            let rank = top.rank.iter().map(|name| (name.clone(), (place + 1).to_string()));
            let hits = (top.hits.clone(), count.to_string());
            row_of(columns(&top.by, &key).into_iter().chain([hits]).chain(rank))
        };
        self.counts.into_iter().enumerate().map(row).collect()
    }
}

/// Names and the values of a key.
fn columns(by: &[String], key: &[u8]) -> Vec<(String, String)> {
    let values = if by.len() == 1 { vec![canonical(key)] } else { key_values(key) };
    by.iter().cloned().zip(values).collect()
}

/// A `sort` at work: rows by the partition that they belong to.
#[derive(Debug)]
struct Sorter<'q> {
    sort: &'q Sort,
    parts: BTreeMap<Vec<u8>, SortedTogether>,
}

/// Rows that are sorted together.
#[derive(Debug, Default)]
struct SortedTogether {
    rows: Vec<(Packed, Vec<Key>)>,
    /// How many of them are in order already, and are all that may be wanted of what came before.
    sorted: usize,
}

/// What a row is sorted by.
#[derive(Debug)]
enum Key {
    Time(i64),
    /// A whole number or an address if it is not 0, a number if it is one, and the text.
    Text(i64, f64, String),
}

impl Sorter<'_> {
    fn take(&mut self, row: &Row) {
        let mut name = Vec::new();
        for field in &self.sort.partition {
            push_key(&row.value(field), &mut name);
        }
        let keys = self.keys(row);
        let most = self.most();
        let sort = self.sort;
        let part = self.parts.entry(name).or_default();
        let worst = part.sorted.checked_sub(1).and_then(|at| part.rows.get(at));
        if part.sorted >= most && worst.is_some_and(|(_, worst)| !is_before(sort, &keys, worst)) {
            return;
        }
        part.rows.push((row.packed(), keys));
        if part.rows.len() >= most.saturating_mul(2).saturating_add(64) {
            part.trim(sort, most);
        }
    }

    /// The most rows of a partition that may be wanted.
    fn most(&self) -> usize {
        let Sort { offset, limit, .. } = self.sort;
        if *limit == 0 {
            usize::MAX
        } else {
            usize::try_from(offset.saturating_add(*limit)).unwrap_or(usize::MAX)
        }
    }

    fn keys(&self, row: &Row) -> Vec<Key> {
        let plain = |text: String| {
            if self.sort.limit > 0 {
                return Key::Text(0, f64::NAN, text);
            }
            let whole = number::signed(&text).or_else(|| number::ipv4(&text).map(i64::from));
            Key::Text(whole.unwrap_or(0), number::decimal(&text).unwrap_or(f64::NAN), text)
        };
        if self.sort.by.is_empty() {
            let mut text = String::new();
            row.each(|name, value| {
                push_json(name, &mut text);
                text.push(':');
                push_json(value, &mut text);
                text.push(',');
            });
            return vec![Key::Text(0, f64::NAN, text)];
        }
        let key = |(name, _): &(String, bool)| match row.time() {
            Some(time) if name == "_time" => Key::Time(time.0),
            _ => plain(row.value(name).into_owned()),
        };
        self.sort.by.iter().map(key).collect()
    }

    fn finish(mut self, give: &mut dyn FnMut(Row) -> io::Result<bool>) -> io::Result<()> {
        let most = self.most();
        let skipped = usize::try_from(self.sort.offset).unwrap_or(usize::MAX);
        for part in self.parts.values_mut() {
            part.trim(self.sort, most);
            for (place, (packed, _)) in part.rows.iter().enumerate().skip(skipped) {
                let mut row = packed.row();
                if let Some(name) = &self.sort.rank {
                    row.put_first(name, (place + 1).to_string());
                }
                if !give(row)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl SortedTogether {
    /// Sorts the rows, and leaves no more than may be wanted.
    fn trim(&mut self, sort: &Sort, most: usize) {
        let before = |one: usize, other: usize| {
            let pair = self.rows.get(one).zip(self.rows.get(other));
            pair.is_some_and(|((_, one), (_, other))| is_before(sort, one, other))
        };
        let places = sorted(self.rows.len(), &before);
        let mut rows: Vec<_> = std::mem::take(&mut self.rows).into_iter().map(Some).collect();
        let kept = places.into_iter().take(most);
        self.rows = kept.filter_map(|place| rows.get_mut(place).and_then(Option::take)).collect();
        self.sorted = self.rows.len();
    }
}

/// Whether a row comes before another.
fn is_before(sort: &Sort, one: &[Key], other: &[Key]) -> bool {
    for (place, pair) in one.iter().zip(other).enumerate() {
        let is_descending = sort.by.get(place).is_some_and(|(_, is_descending)| *is_descending);
        let turn = is_descending != sort.is_reverse;
        let is_less = |less: bool, more: bool| if turn { more } else { less };
        match pair {
            (Key::Time(one), Key::Time(other)) if one == other => {}
            (Key::Time(one), Key::Time(other)) => return is_less(one < other, other < one),
            // Times come before all else.
            (Key::Time(_), Key::Text(..)) => return true,
            (Key::Text(..), Key::Time(_)) => return false,
            (Key::Text(a, x, one), Key::Text(b, y, other)) => {
                if sort.limit > 0 {
                    if one != other {
                        return is_less(self::is_less(one, other), self::is_less(other, one));
                    }
                } else if *a != 0 && *b != 0 {
                    if a != b {
                        return is_less(a < b, b < a);
                    }
                } else if !x.is_nan() && !y.is_nan() {
                    if x < y || y < x {
                        return is_less(x < y, y < x);
                    }
                } else if one != other {
                    return is_less(is_less_natural(one, other), is_less_natural(other, one));
                }
            }
        }
    }
    false
}
