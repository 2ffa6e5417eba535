//! Pipes: what is done with the rows that pass the filter, and how each is read from a query.

use std::fmt::Write;

use super::Refusal;
use super::filter::Filter;
use super::lexer::{STOPS, phrase_stops};
use super::number::{comparable, unsigned};
use super::parse::{QueryParser, count};
use super::row::{NameList, has};
use super::stats::{self, Stats};
use super::text::quote;

/// One pipe.
#[derive(Debug, Clone)]
pub enum Pipe {
    Filter(Filter),
    Fields(Vec<NameList>),
    Delete(Vec<NameList>),
    /// From, to, and whether what was there stays.
    Rename(Vec<(String, String)>, bool),
    Limit(u64),
    Offset(u64),
    Sort(Sort),
    Stats(Stats),
    Uniq(Uniq),
    Top(Top),
    /// The name of the column with the names, and whether the server would have found `_stream_id` too.
    FieldNames(String, bool),
}

/// `sort`, `first` and `last`.
#[derive(Debug, Clone, Default)]
pub struct Sort {
    /// Names, and whether the largest comes first. None: by all fields.
    pub by: Vec<(String, bool)>,
    /// Turns the order of all of them.
    pub is_reverse: bool,
    /// Whether it is `first` or `last`, which an `offset` behind it is no part of.
    pub is_first: bool,
    pub offset: u64,
    /// The most rows; 0 is all.
    pub limit: u64,
    /// The column that gets the place.
    pub rank: Option<String>,
    /// Each combination of these is sorted and limited by itself.
    pub partition: Vec<String>,
}

/// `uniq` and `field_values`.
#[derive(Debug, Clone)]
pub struct Uniq {
    pub by: Vec<String>,
    /// The column that counts.
    pub hits: Option<String>,
    /// The most rows; 0 is all.
    pub limit: u64,
}

#[derive(Debug, Clone)]
pub struct Top {
    pub by: Vec<String>,
    pub limit: u64,
    pub hits: String,
    pub rank: Option<String>,
}

/// Pipes that are answered here, but for functions of `stats`.
const ANSWERED: [&str; 22] = [
    "copy",
    "cp",
    "delete",
    "del",
    "rm",
    "drop",
    "field_names",
    "field_values",
    "fields",
    "keep",
    "filter",
    "where",
    "first",
    "last",
    "limit",
    "head",
    "offset",
    "skip",
    "rename",
    "mv",
    "sort",
    "order",
];

/// And these, which take more words.
const COUNTING: [&str; 3] = ["stats", "top", "uniq"];

/// Pipes that only the server can answer.
const REFUSED: [&str; 29] = [
    "block_stats",
    "blocks_count",
    "collapse_nums",
    "decolorize",
    "drop_empty_fields",
    "extract",
    "extract_regexp",
    "facets",
    "format",
    "join",
    "json_array_len",
    "hash",
    "len",
    "math",
    "eval",
    "pack_json",
    "pack_logfmt",
    "replace",
    "replace_regexp",
    "sample",
    "stats_remote",
    "stream_context",
    "union",
    "unpack_json",
    "unpack_logfmt",
    "unpack_syslog",
    "unpack_words",
    "unroll",
    "pack_logmft",
];

/// Words with a meaning in a query, which names are quoted for.
const RESERVED: [&str; 20] = [
    "and",
    "or",
    "not",
    "now",
    "offset",
    "contains_all",
    "contains_any",
    "eq_field",
    "exact",
    "i",
    "in",
    "ipv4_range",
    "le_field",
    "len_range",
    "lt_field",
    "range",
    "re",
    "seq",
    "string_range",
    "value_type",
];

/// Whether a filter cannot begin with this word, in lower case.
pub fn is_pipe_name(word: &str) -> bool {
    // The server has misspelt one of them.
    word != "pack_logfmt"
        && (word == "by" || [&ANSWERED[..], &COUNTING, &REFUSED, &stats::NAMES].concat().contains(&word))
}

/// A name as the server writes it into the names of columns.
pub fn quoted(name: &str) -> String {
    let stem = name.strip_suffix('*').filter(|stem| !stem.is_empty() || name == "*").unwrap_or(name);
    let lower = stem.to_lowercase();
    let is_plain = stem.chars().all(|char| super::word::is_word(char) || char == '.');
    let is_reserved =
        lower == "options" || is_pipe_name(&lower) || RESERVED.contains(&lower.as_str()) || (name.is_empty());
    if is_plain && !is_reserved { name.to_owned() } else { quote(name) }
}

/// Names as the server writes them between brackets.
pub fn listed(all: &[NameList]) -> String {
    let mut out = String::new();
    for names in all {
        let separator = if out.is_empty() { "" } else { ", " };
        let star = if names.has_star { "*" } else { "" };
        let _ = write!(out, "{separator}{}", quoted(&format!("{}{star}", names.text)));
    }
    out
}

type ParsedPipe = Result<Pipe, Refusal>;

impl QueryParser<'_> {
    /// All pipes, from behind the first `|` on.
    pub fn pipes(&mut self) -> Result<Vec<Pipe>, Refusal> {
        let mut pipes: Vec<Pipe> = Vec::new();
        loop {
            let start = self.lexer.clone();
            let mut pipe = self.pipe()?;
            if let Pipe::FieldNames(_, with_stream_id) = &mut pipe {
                *with_stream_id = !pipes.iter().any(hides_stream_id);
            }
            if let Some(construct) = needs_server(&pipe, &pipes) {
                return Err(start.needs_server(construct));
            }
            pipes.push(pipe);
            if self.lexer.take(&["|"]) {
                continue;
            }
            if self.lexer.is(&[")", ""]) {
                return Ok(with_limits(with_offsets(pipes)));
            }
            return Err(self.lexer.unexpected("'|'"));
        }
    }

    fn pipe(&mut self) -> ParsedPipe {
        let word = self.lexer.token().to_ascii_lowercase();
        if !self.lexer.is(&[&word]) {
            return Ok(Pipe::Filter(self.filter()?));
        }
        if REFUSED.contains(&word.as_str()) {
            return Err(self.lexer.needs_server(&format!("the pipe '{word}'")));
        }
        if stats::NAMES.contains(&word.as_str()) || word == "by" {
            return Ok(Pipe::Stats(self.stats()?));
        }
        if word == "(" {
            // Groups of a `stats` without its name, or a filter in brackets.
            let start = self.lexer.clone();
            if let Ok(stats) = self.stats() {
                return Ok(Pipe::Stats(stats));
            }
            self.lexer = start;
        }
        if !ANSWERED.contains(&word.as_str()) && !COUNTING.contains(&word.as_str()) {
            return Ok(Pipe::Filter(self.filter()?));
        }
        self.lexer.advance();
        match word.as_str() {
            "copy" | "cp" => Ok(Pipe::Rename(self.renames()?, true)),
            "rename" | "mv" => Ok(Pipe::Rename(self.renames()?, false)),
            "delete" | "del" | "rm" | "drop" => Ok(Pipe::Delete(self.names()?)),
            "fields" | "keep" => Ok(Pipe::Fields(self.names()?)),
            "filter" | "where" => Ok(Pipe::Filter(self.filter()?)),
            "limit" | "head" if self.lexer.is(&["|", ")", ""]) => Ok(Pipe::Limit(10)),
            "limit" | "head" => Ok(Pipe::Limit(self.rows()?)),
            "offset" | "skip" => Ok(Pipe::Offset(self.rows()?)),
            "first" | "last" => self.first(word == "last"),
            "sort" | "order" => self.sort(),
            "top" => self.top(),
            "uniq" => self.uniq(),
            "field_names" => self.field_names(),
            "field_values" => self.field_values(),
            _ => Ok(Pipe::Stats(self.stats()?)),
        }
    }

    /// A name that may end with a star.
    pub fn some_names(&mut self) -> Result<NameList, Refusal> {
        let start = self.lexer.clone();
        let name = self.lexer.compound(&STOPS)?;
        let name = if name.is_empty() { "_msg".to_owned() } else { name };
        if name == "_stream_id" {
            return Err(start.needs_server("_stream_id"));
        }
        Ok(NameList::new(&name))
    }

    /// A name.
    pub fn name(&mut self) -> Result<String, Refusal> {
        let start = self.lexer.clone();
        let names = self.some_names()?;
        if names.has_star { Err(start.refusal("a name cannot end with '*' here")) } else { Ok(names.text) }
    }

    fn names(&mut self) -> Result<Vec<NameList>, Refusal> {
        let mut all = vec![self.some_names()?];
        while self.lexer.take(&[","]) {
            all.push(self.some_names()?);
        }
        Ok(all)
    }

    /// `(a, b*)`; nothing between the brackets is nothing.
    pub fn names_in_brackets(&mut self) -> Result<Vec<NameList>, Refusal> {
        self.lexer.expect("(")?;
        let mut all = Vec::new();
        loop {
            if self.lexer.take(&[")"]) {
                return Ok(all);
            }
            all.push(self.some_names()?);
            if !self.lexer.is(&[")"]) {
                self.lexer.expect(",")?;
            }
        }
    }

    fn plain_names(&mut self, in_brackets: bool) -> Result<Vec<String>, Refusal> {
        let start = self.lexer.clone();
        let all = if in_brackets { self.names_in_brackets()? } else { self.names()? };
        if all.iter().any(|names| names.has_star) {
            return Err(start.refusal("names cannot end with '*' here"));
        }
        Ok(all.into_iter().map(|names| names.text).collect())
    }

    fn renames(&mut self) -> Result<Vec<(String, String)>, Refusal> {
        let mut all = Vec::new();
        loop {
            let start = self.lexer.clone();
            let from = self.some_names()?;
            self.lexer.take(&["as"]);
            let to = self.some_names()?;
            if from.has_star || to.has_star {
                // What had such a name before is there or not, as far as the server needs it for other pipes.
                return Err(start.needs_server("a new name with '*'"));
            }
            all.push((from.text, to.text));
            if !self.lexer.take(&[","]) {
                return Ok(all);
            }
        }
    }

    /// A number of rows.
    fn rows(&mut self) -> Result<u64, Refusal> {
        let rows = count(self.lexer.token()).ok_or_else(|| self.lexer.unexpected("a number"))?;
        self.lexer.advance();
        Ok(rows)
    }

    /// A whole number.
    pub fn whole(&mut self) -> Result<u64, Refusal> {
        let number = unsigned(self.lexer.token()).ok_or_else(|| self.lexer.unexpected("a number"))?;
        self.lexer.advance();
        Ok(number)
    }

    /// `by (a desc, b)`, if it is there.
    fn orders(&mut self) -> Result<Vec<(String, bool)>, Refusal> {
        if !self.lexer.take(&["by"]) && !self.lexer.is(&["("]) {
            return Ok(Vec::new());
        }
        self.lexer.expect("(")?;
        let mut orders = Vec::new();
        loop {
            if self.lexer.take(&[")"]) {
                return Ok(orders);
            }
            let name = self.name()?;
            let is_descending = self.lexer.take(&["desc"]);
            if !is_descending {
                self.lexer.take(&["asc"]);
            }
            orders.push((name, is_descending));
            if !self.lexer.is(&[")"]) {
                self.lexer.expect(",")?;
            }
        }
    }

    /// `partition by (a, b)`, behind its first word.
    fn partition(&mut self) -> Result<Vec<String>, Refusal> {
        self.lexer.take(&["by"]);
        self.plain_names(true)
    }

    /// `rank as place`, behind its first word.
    fn rank(&mut self) -> Result<String, Refusal> {
        if self.lexer.take(&["as"]) && self.lexer.is(&["", "|", ")", "("]) {
            return Err(self.lexer.unexpected("a name"));
        }
        if self.lexer.is(&["", "|", ")", "limit"]) { Ok("rank".to_owned()) } else { self.name() }
    }

    fn sort(&mut self) -> ParsedPipe {
        let mut sort = Sort { by: self.orders()?, ..Sort::default() };
        sort.is_reverse = self.lexer.take(&["desc"]);
        if !sort.is_reverse {
            self.lexer.take(&["asc"]);
        }
        loop {
            let start = self.lexer.clone();
            if self.lexer.take(&["offset"]) && sort.offset == 0 {
                sort.offset = self.whole()?;
            } else if start.is(&["limit"]) && sort.limit == 0 {
                self.lexer.advance();
                sort.limit = self.whole()?;
            } else if start.is(&["rank"]) {
                self.lexer.advance();
                sort.rank = Some(self.rank()?);
            } else if start.is(&["partition"]) && sort.partition.is_empty() {
                self.lexer.advance();
                sort.partition = self.partition()?;
            } else if start.is(&["offset", "limit", "partition"]) {
                return Err(start.refusal("this stands twice"));
            } else if !sort.partition.is_empty() && sort.limit == 0 {
                return Err(self.lexer.unexpected("'limit'"));
            } else {
                return Ok(Pipe::Sort(sort));
            }
        }
    }

    fn first(&mut self, is_reverse: bool) -> ParsedPipe {
        let mut sort = Sort { limit: 1, is_reverse, is_first: true, ..Sort::default() };
        if !self.lexer.is(&["by", "partition", "rank", "(", "|", ")", ""]) {
            let start = self.lexer.clone();
            sort.limit = self.whole()?;
            if sort.limit == 0 {
                return Err(start.unexpected("a number above 0"));
            }
        }
        sort.by = self.orders()?;
        if self.lexer.take(&["partition"]) {
            sort.partition = self.partition()?;
        }
        if self.lexer.take(&["rank"]) {
            sort.rank = Some(self.rank()?);
        }
        Ok(Pipe::Sort(sort))
    }

    /// `by (a, b)`, `(a, b)`, `by a, b` or `a, b`; none of it before one of these words.
    fn by(&mut self, ends: &[&str]) -> Result<Vec<String>, Refusal> {
        self.lexer.take(&["by"]);
        let names = if self.lexer.is(&["("]) {
            self.plain_names(true)?
        } else if self.lexer.is(ends) {
            Vec::new()
        } else {
            self.plain_names(false)?
        };
        if names.is_empty() { Err(self.lexer.unexpected("a field's name")) } else { Ok(names) }
    }

    fn top(&mut self) -> ParsedPipe {
        let mut limit = 10;
        if begins_number(self.lexer.token()) {
            let start = self.lexer.clone();
            let text = self.lexer.compound(&STOPS)?;
            let number = comparable(&text).filter(|number| *number >= 1.0);
            let number = number.ok_or_else(|| start.refusal(format!("'{text}' is no number above 0")))?;
            limit = u64::try_from(super::number::whole(number)).unwrap_or(u64::MAX);
        }
        let by = self.by(&["hits", "rank", ")", "|", ""])?;
        let mut top = Top { by, limit, hits: "hits".to_owned(), rank: None };
        loop {
            if self.lexer.take(&["hits"]) {
                self.lexer.take(&["as"]);
                top.hits = self.lexer.compound(&STOPS)?;
            } else if self.lexer.take(&["rank"]) {
                top.rank = Some(free(self.rank()?, &top.by));
            } else {
                top.hits = free(top.hits, &top.by);
                return Ok(Pipe::Top(top));
            }
        }
    }

    fn uniq(&mut self) -> ParsedPipe {
        let by = self.by(&["with", "hits", "limit", ")", "|", ""])?;
        let mut uniq = Uniq { by, hits: None, limit: 0 };
        if self.lexer.take(&["with"]) && !self.lexer.is(&["hits"]) {
            return Err(self.lexer.unexpected("'hits'"));
        }
        if self.lexer.take(&["hits"]) {
            uniq.hits = Some(free("hits".to_owned(), &uniq.by));
        }
        uniq.limit = self.limit()?;
        Ok(Pipe::Uniq(uniq))
    }

    /// `limit 5`, if it is there.
    pub fn limit(&mut self) -> Result<u64, Refusal> {
        if self.lexer.take(&["limit"]) { self.whole() } else { Ok(0) }
    }

    fn field_names(&mut self) -> ParsedPipe {
        let is_named = self.lexer.take(&["as"]) || !self.lexer.is(&["", "|"]);
        Ok(Pipe::FieldNames(if is_named { self.name()? } else { "name".to_owned() }, true))
    }

    fn field_values(&mut self) -> ParsedPipe {
        let in_brackets = self.lexer.take(&["("]);
        let name = self.name()?;
        if in_brackets {
            self.lexer.expect(")")?;
        }
        let by = vec![name];
        let hits = Some(free("hits".to_owned(), &by));
        Ok(Pipe::Uniq(Uniq { by, hits, limit: self.limit()? }))
    }

    /// The name of a field that groups are told by: it ends before a colon.
    pub fn group_name(&mut self) -> Result<String, Refusal> {
        let start = self.lexer.clone();
        let name = self.lexer.compound(phrase_stops(false))?;
        match name.as_str() {
            "" => Ok("_msg".to_owned()),
            "_stream_id" => Err(start.needs_server("_stream_id")),
            _ => Ok(name),
        }
    }
}

/// A column's name that is not among these, made so as the server does.
fn free(mut name: String, taken: &[String]) -> String {
    while taken.contains(&name) {
        name.push('s');
    }
    name
}

fn begins_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = digits.strip_prefix('.').unwrap_or(digits);
    text.eq_ignore_ascii_case("inf") || digits.starts_with(|char: char| char.is_ascii_digit())
}

/// Whether rows that have passed this pipe have no `_stream_id` on the server either.
fn hides_stream_id(pipe: &Pipe) -> bool {
    match pipe {
        Pipe::Fields(names) => !has(names, "_stream_id"),
        Pipe::Delete(names) => has(names, "_stream_id"),
        Pipe::Stats(_) | Pipe::Uniq(_) | Pipe::Top(_) | Pipe::FieldNames(..) => true,
        _ => false,
    }
}

/// What only the server can answer of a pipe behind others: its answer depends on which records it has stored together,
/// or on `_stream_id`.
fn needs_server(pipe: &Pipe, before: &[Pipe]) -> Option<&'static str> {
    let is_of_results = before.iter().any(makes_rows);
    match pipe {
        Pipe::Sort(Sort { by, .. }) if by.is_empty() && !is_of_results => Some("an order by all fields"),
        Pipe::Sort(Sort { by, rank: Some(rank), .. })
            if by.iter().any(|(name, _)| name == rank) || before.iter().any(|pipe| selects(pipe, rank)) =>
        {
            Some("a rank with the name of another column")
        }
        Pipe::Stats(stats) if stats.sees_all() && !before.iter().any(hides_stream_id) => {
            Some("a function of all fields, which counts _stream_id,")
        }
        Pipe::Stats(stats) if stats.sees_gaps() && !is_of_results => {
            Some("a function that counts empty values, of names with '*',")
        }
        Pipe::Stats(stats) if stats.measures_time() && !is_of_results => Some("sum_len(_time)"),
        Pipe::FieldNames(..) if before.last().is_some_and(|pipe| !makes_rows(pipe)) => {
            Some("field_names behind another pipe")
        }
        _ => None,
    }
}

/// Whether the rows behind it are none of those before it.
fn makes_rows(pipe: &Pipe) -> bool {
    matches!(pipe, Pipe::Stats(_) | Pipe::Uniq(_) | Pipe::Top(_) | Pipe::FieldNames(..))
}

fn selects(pipe: &Pipe, name: &str) -> bool {
    matches!(pipe, Pipe::Fields(names) if has(names, name))
}

/// Makes an `offset` part of the `sort` right before it, as the server does: it forgets one behind a limit.
fn with_offsets(pipes: Vec<Pipe>) -> Vec<Pipe> {
    let mut merged: Vec<Pipe> = Vec::new();
    for pipe in pipes {
        match (pipe, merged.last_mut()) {
            (Pipe::Offset(offset), Some(Pipe::Sort(sort))) if !sort.is_first => {
                if sort.offset == 0 && sort.limit == 0 {
                    sort.offset = offset;
                }
            }
            (pipe, _) => merged.push(pipe),
        }
    }
    merged
}

/// Makes a `limit` part of the `sort` or the `uniq` right before it.
fn with_limits(pipes: Vec<Pipe>) -> Vec<Pipe> {
    let mut merged: Vec<Pipe> = Vec::new();
    for pipe in pipes {
        match (pipe, merged.last_mut()) {
            (
                Pipe::Limit(limit),
                Some(Pipe::Sort(Sort { limit: old, .. }) | Pipe::Uniq(Uniq { limit: old, .. })),
            ) => {
                if *old == 0 || limit < *old {
                    *old = limit;
                }
            }
            (pipe, _) => merged.push(pipe),
        }
    }
    merged
}
