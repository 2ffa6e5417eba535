//! What is asked, whoever answers: the query as it is, and the conditions, the range and the limit beside it.

use jiff::Timestamp;

use super::follow;
use super::print::histogram;
use super::question::stages;
use super::range::{Bound, Clock};
use crate::record::time::Time;
use crate::server::http::form;

/// The most records of a query without pipes unless told otherwise: a screenful and some.
const DEFAULT_LIMIT: u64 = 100;

/// The same before those that `--follow` waits for, as in tail(1).
const FOLLOW_LIMIT: u64 = 10;

/// What a histogram shows unless told otherwise: an hour.
const HISTOGRAM_RANGE: i64 = 3600 * SECOND;

/// The lines of a histogram, if the terminal does not say how many it has, and at least and at most.
const HISTOGRAM_LINES: i64 = 40;
const LEAST_HISTOGRAM_LINES: i64 = 4;
const MAX_HISTOGRAM_LINES: i64 = 50;

/// The prompt, two lines of totals, what is said of the range, and a bucket cut by both ends of it take so many lines of
/// a terminal.
const LINES_AROUND: i64 = 5;

const SECOND: i64 = 1_000_000_000;

/// What is asked.
pub struct Search {
    /// `LogsQL`.
    pub query: String,
    /// Conditions beside it, `LogsQL` each.
    pub filters: Vec<String>,
    /// The beginning of the range.
    pub since: Option<Bound>,
    /// Its end, which belongs to it.
    pub until: Option<Bound>,
    /// What `--limit` says.
    pub limit: Option<u64>,
    /// Whose clock tells where days begin.
    pub clock: Clock,
}

/// What the bars of a histogram stand for.
#[derive(Debug, Clone, Copy)]
pub struct Buckets {
    /// All of them together.
    pub range: histogram::Range,
    /// The width of each, in seconds.
    pub step: i64,
    /// How far their edges lie from those in UTC, in seconds: days begin at midnight on the reader's clock.
    pub offset: i64,
}

impl Search {
    /// A query without anything beside it.
    #[must_use]
    pub fn of(query: &str, clock: Clock) -> Self {
        Self { query: query.to_owned(), filters: Vec::new(), since: None, until: None, limit: None, clock }
    }

    /// What was asked for in words, to follow "no records": ` since 2026-11-20 10:00:00 that match 'level:error'`.
    #[must_use]
    pub fn described(&self) -> String {
        let at = |time: Time| {
            let at = Timestamp::from_nanosecond(time.0.into()).unwrap_or_default();
            let local = self.clock.zone.to_datetime(at);
            format!("{} {}", local.date(), local.time().round(jiff::Unit::Second).unwrap_or_default())
        };
        let bounds = [("since", &self.since), ("until", &self.until)];
        let bounds = bounds
            .iter()
            .filter_map(|(word, bound)| Some(format!(" {word} {}", at(bound.as_ref()?.instant))));
        let query = self.query.trim();
        let matching = [query].into_iter().filter(|query| !["", "*"].contains(query));
        let texts = matching.chain(self.filters.iter().map(String::as_str));
        let texts = texts.map(|text| format!("'{text}'")).collect::<Vec<_>>().join(" and ");
        let matching = if texts.is_empty() { String::new() } else { format!(" that match {texts}") };
        bounds.chain([matching]).collect()
    }

    /// The query and the conditions beside it, as the server is sent them.
    #[must_use]
    pub fn arguments(&self) -> Vec<(&'static str, &str)> {
        let filters = self.filters.iter().map(|filter| ("extra_filters", filter.as_str()));
        [("query", self.query.as_str())].into_iter().chain(filters).collect()
    }

    /// Whether rows are made into others.
    #[must_use]
    pub fn has_pipes(&self) -> bool {
        stages(&self.query).len() > 1
    }

    /// The most rows to ask for; 0 is all. With pipes the server would cut groups, or give the oldest.
    #[must_use]
    pub fn limit(&self) -> u64 {
        if self.has_pipes() { 0 } else { self.limit.unwrap_or(DEFAULT_LIMIT) }
    }

    /// The most rows to begin with when those that come are waited for; 0 is all.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.limit.unwrap_or(FOLLOW_LIMIT)
    }

    /// The first and the last moment that is asked for. As the server has it, an end on a whole second means all of that
    /// second.
    #[must_use]
    pub fn range(&self) -> (Time, Time) {
        let whole =
            |time: Time| if time.0 % SECOND == 0 { Time(time.0.saturating_add(SECOND - 1)) } else { time };
        let since = self.since.as_ref().map_or(Time(i64::MIN), |bound| bound.instant);
        (since, self.until.as_ref().map_or(Time(i64::MAX), |bound| whole(bound.instant)))
    }

    /// The body of the request for rows.
    #[must_use]
    pub fn form(&self) -> String {
        let limit = self.limit().to_string();
        let mut arguments = self.arguments();
        let bounds = [("start", &self.since), ("end", &self.until)];
        arguments.insert(1, ("limit", &limit));
        arguments.retain(|(name, value)| *name != "limit" || *value != "0");
        arguments
            .extend(bounds.iter().filter_map(|(name, bound)| Some((*name, bound.as_ref()?.text.as_str()))));
        form(&arguments)
    }

    /// The body of the request for rows as they come.
    #[must_use]
    pub fn tail_form(&self) -> String {
        form(&follow::arguments(self.arguments(), self.since.as_ref()))
    }

    /// The body of the request for a histogram.
    #[must_use]
    pub fn hits_form(&self, buckets: Buckets) -> String {
        let (step, offset) = (format!("{}s", buckets.step), format!("{}s", buckets.offset));
        let ends = [buckets.range.0, buckets.range.1].map(|end| end.to_string());
        let [from, to] = &ends;
        let mut arguments = self.arguments();
        arguments.extend([("field", "level"), ("step", &step), ("offset", &offset)]);
        arguments.push(("start", self.since.as_ref().map_or(from, |bound| &bound.text)));
        arguments.push(("end", self.until.as_ref().map_or(to, |bound| &bound.text)));
        form(&arguments)
    }

    /// The bars of a histogram on a terminal of so many lines.
    #[must_use]
    pub fn buckets(&self, height: Option<usize>) -> Buckets {
        let to = self.until.as_ref().map_or_else(Time::now, |bound| bound.instant);
        let hour_before = || Time(to.0.saturating_sub(HISTOGRAM_RANGE));
        let from = self.since.as_ref().map_or_else(hour_before, |bound| bound.instant);
        let lines = height.and_then(|lines| i64::try_from(lines).ok()).unwrap_or(HISTOGRAM_LINES);
        let lines = (lines - LINES_AROUND).clamp(LEAST_HISTOGRAM_LINES, MAX_HISTOGRAM_LINES);
        let at = Timestamp::from_nanosecond(to.0.into()).unwrap_or_default();
        let offset = -i64::from(self.clock.zone.to_offset(at).seconds());
        Buckets { range: (from, to), step: histogram::step((from, to), lines), offset }
    }
}
