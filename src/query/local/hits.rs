//! Records counted in steps of time, by the values of a field: what a histogram is drawn of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filter::Filter;
use super::number::time_text;
use super::row::Row;

/// A count at work.
#[derive(Debug)]
pub struct Hits<'q> {
    filter: &'q Filter,
    /// In nanoseconds.
    step: i64,
    /// Where a step begins, in nanoseconds since 1970.
    offset: i64,
    field: String,
    /// For each value of the field: the beginnings of steps, and the records in each.
    counts: BTreeMap<String, BTreeMap<i64, u64>>,
}

impl<'q> Hits<'q> {
    pub(super) fn new(filter: &'q Filter, step: i64, offset: i64, field: &str) -> Self {
        Self { filter, step: step.max(1), offset, field: field.to_owned(), counts: BTreeMap::new() }
    }

    /// Counts a record.
    pub fn take(&mut self, row: &Row) {
        let Some(time) = row.time().filter(|_| self.filter.passes(row)) else { return };
        let value = row.value(&self.field);
        let start = time.0.wrapping_sub(time.0.wrapping_sub(self.offset).rem_euclid(self.step));
        let steps = match self.counts.get_mut(value.as_ref()) {
            Some(steps) => steps,
            None => self.counts.entry(value.into_owned()).or_default(),
        };
        *steps.entry(start).or_default() += 1;
    }

    /// The answer as the server gives it.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let group = |(value, steps): (String, BTreeMap<i64, u64>)| {
            let times: Vec<_> = steps.keys().map(|start| time_text(*start)).collect();
            let counts: Vec<_> = steps.values().copied().collect();
            let total: u64 = counts.iter().sum();
            json!({ "fields": { &self.field: value }, "timestamps": times, "values": counts, "total": total })
        };
        let hits: Vec<Value> = self.counts.into_iter().map(group).collect();
        json!({ "hits": hits }).to_string().into_bytes()
    }
}
