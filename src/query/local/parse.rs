//! Filters from tokens, with the server's precedence: NOT before AND before OR, and AND where nothing stands.

use super::Refusal;
use super::filter::{DAY, Filter, Tag, TagTest, Test};
use super::lexer::{Lexer, STOPS, phrase_stops};
use super::moment::{end_of, moment};
use super::number::{based, clock, comparable, duration, ipv4, size, unsigned};
use super::pipes::is_pipe_name;
use super::regexp::Regexp;
use super::word::{Phrase, lower};

/// Brackets and NOTs in each other; the server knows no bound, but people need no more.
const MAX_DEPTH: usize = 100;

type ParsedFilter = Result<Filter, Refusal>;

/// Reads a query.
#[derive(Debug)]
pub struct QueryParser<'q> {
    pub lexer: Lexer<'q>,
    /// Where relative times end, in nanoseconds since 1970.
    now: i64,
    depth: usize,
}

/// The field that words are looked for in where none is named.
fn field(name: &str) -> String {
    if name.is_empty() { "_msg".to_owned() } else { name.to_owned() }
}

fn on(name: &str, test: Test) -> Filter {
    Filter::Field { name: field(name), test }
}

fn not(filter: Filter) -> Filter {
    match filter {
        Filter::Not(filter) => *filter,
        filter => Filter::Not(Box::new(filter)),
    }
}

/// The empty phrase stands for the empty value.
fn phrase(name: &str, text: &str) -> Filter {
    on(name, if text.is_empty() { Test::Exact(String::new()) } else { Test::Word(Phrase::new(text, false)) })
}

/// The empty prefix stands for any value that is not empty.
fn prefix(name: &str, text: &str) -> Filter {
    on(name, if text.is_empty() { Test::Present } else { Test::Word(Phrase::new(text, true)) })
}

fn any_case(name: &str, text: &str, is_prefix: bool) -> Filter {
    match (text.is_empty(), is_prefix) {
        (true, true) => prefix(name, ""),
        (true, false) => phrase(name, ""),
        _ => on(name, Test::AnyCase(Phrase::new(&lower(text), is_prefix))),
    }
}

fn exact(name: &str, text: String, is_prefix: bool) -> Filter {
    on(name, if is_prefix { Test::Prefix(text) } else { Test::Exact(text) })
}

fn phrases(texts: &[String]) -> Vec<Phrase> {
    texts.iter().map(|text| Phrase::new(text, false)).collect()
}

impl<'q> QueryParser<'q> {
    /// Stands at the beginning of a query.
    pub fn new(query: &'q str, now: i64) -> Self {
        Self { lexer: Lexer::new(query), now, depth: 0 }
    }

    /// `options(...)` before a query; those that change how the server works change nothing here.
    pub fn options(&mut self) -> Result<(), Refusal> {
        if !self.lexer.take(&["options"]) {
            return Ok(());
        }
        self.lexer.expect("(")?;
        let stops = ["=", ",", "(", ")", "[", "]", "|", ""];
        while !self.lexer.take(&[")"]) {
            let start = self.lexer.clone();
            let name = self.lexer.compound(&stops)?;
            self.lexer.expect("=")?;
            let value = self.lexer.compound(&stops)?;
            if name != "concurrency" {
                return Err(start.needs_server(&format!("the option '{name}'")));
            }
            if unsigned(&value).is_none() {
                return Err(start.refusal("concurrency is no number"));
            }
            if !self.lexer.is(&[")"]) {
                self.lexer.expect(",")?;
            }
        }
        Ok(())
    }

    /// A whole filter: up to a pipe, a closing bracket or the end.
    pub fn filter(&mut self) -> ParsedFilter {
        if self.lexer.is(&["|", ")", ""]) {
            return Err(self.lexer.unexpected("a filter"));
        }
        if is_pipe_name(&self.lexer.raw_lower()) {
            let name = self.lexer.token().to_owned();
            return Err(self
                .lexer
                .refusal(format!("a filter cannot begin with '{name}'; quote it to search for it")));
        }
        self.any_of("")
    }

    /// What is above one more bracket or NOT.
    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> ParsedFilter) -> ParsedFilter {
        if self.depth == MAX_DEPTH {
            return Err(self.lexer.refusal("brackets and NOTs in each other are too many"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn any_of(&mut self, name: &str) -> ParsedFilter {
        let mut filters = Vec::new();
        loop {
            filters.push(self.all_of(name)?);
            if self.lexer.is(&["|", ")", ""]) {
                break;
            }
            if self.lexer.take(&["or"]) && self.lexer.is_end() {
                return Err(self.lexer.unexpected("a filter"));
            }
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Or(filters) })
    }

    fn all_of(&mut self, name: &str) -> ParsedFilter {
        let mut filters = Vec::new();
        loop {
            filters.push(self.one(name)?);
            if self.lexer.is(&["or", "|", ")", ""]) {
                break;
            }
            if self.lexer.take(&["and"]) && self.lexer.is_end() {
                return Err(self.lexer.unexpected("a filter"));
            }
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::And(filters) })
    }

    /// One filter on the field of this name; the empty name stands for none.
    fn one(&mut self, name: &str) -> ParsedFilter {
        if let Some(parsed) = self.sign(name) {
            return parsed;
        }
        let word = self.lexer.token().to_ascii_lowercase();
        if self.lexer.is(&[&word])
            && let Some(parsed) = self.function(&word, name)
        {
            return parsed;
        }
        if self.lexer.is(&[",", "]", "[", ")", "|", ""]) {
            return Err(self.lexer.unexpected("a filter"));
        }
        let text = self.lexer.compound(phrase_stops(!name.is_empty()))?;
        self.phrase(&text, name)
    }

    /// A filter that begins with a sign.
    fn sign(&mut self, name: &str) -> Option<ParsedFilter> {
        if !self.lexer.is(&["{", ":", "*", "(", ">", "<", "=", "!=", "~", "=~", "!~", "!", "-", "not"]) {
            return None;
        }
        let sign = self.lexer.token().to_ascii_lowercase();
        Some(match sign.as_str() {
            "{" if name.is_empty() || name == "_stream" => self.stream(),
            "{" => Err(self.lexer.refusal(format!("streams are no field of '{name}'"))),
            "(" if !self.lexer.is_apart && !self.lexer.is_after(&["", ":", "(", "!", "-", "not"]) => {
                Err(self.lexer.refusal("a '(' right behind a word"))
            }
            "=~" => return None,
            _ => self.deeper(|parser| parser.signed(&sign, name)),
        })
    }

    fn signed(&mut self, sign: &str, name: &str) -> ParsedFilter {
        if sign == ">" || sign == "<" {
            return self.comparison(sign == ">", name);
        }
        self.lexer.advance();
        match sign {
            "*" if self.lexer.is(&[":"]) => Err(self.lexer.refusal("a field's name cannot be '*'")),
            "*" => Ok(prefix(name, "")),
            "=" => Ok(self.equal(name)),
            "!=" => Ok(not(self.equal(name))),
            "~" => self.regexp_behind(name),
            "!~" => Ok(not(self.regexp_behind(name)?)),
            _ if self.lexer.is_end() => Err(self.lexer.unexpected("a filter")),
            "(" => {
                let filter = self.any_of(name)?;
                self.lexer.expect(")")?;
                Ok(filter)
            }
            ":" => self.one(name),
            _ => Ok(not(self.one(name)?)),
        }
    }

    /// A filter that is a function. `None` if no function has this name.
    fn function(&mut self, word: &str, name: &str) -> Option<ParsedFilter> {
        Some(match word {
            "i" => self.maybe_prefix(name, |text, is_prefix| any_case(name, &text, is_prefix)),
            "exact" => self.maybe_prefix(name, |text, is_prefix| exact(name, text, is_prefix)),
            "range" => self.range(name),
            "contains_all" | "contains_any" | "in" => self.values(word, name),
            "eq_field" | "ipv4_range" | "le_field" | "len_range" | "lt_field" | "re" | "seq"
            | "string_range" | "value_type" => self.plain_function(word, name),
            _ => return None,
        })
    }

    /// A function's name that stands for itself, since no bracket follows.
    fn as_word(&mut self, word: String, name: &str) -> ParsedFilter {
        let suffix = self.lexer.suffix(phrase_stops(!name.is_empty()));
        self.phrase(&(word + &suffix), name)
    }

    /// A phrase, a prefix, or a field's name with what is asked of it.
    fn phrase(&mut self, text: &str, name: &str) -> ParsedFilter {
        if !name.is_empty() || !self.lexer.is(&[":"]) {
            if !self.lexer.is(&["*"]) || self.lexer.is_apart {
                return Ok(phrase(name, text));
            }
            self.lexer.advance();
            if self.lexer.is(&[":"]) {
                return Err(self.lexer.refusal("a field's name cannot end with '*'"));
            }
            return Ok(prefix(name, text));
        }
        if text == "_stream_id" {
            return Err(self.lexer.needs_server("_stream_id"));
        }
        self.lexer.advance();
        if self.lexer.is_end() {
            return Err(self.lexer.unexpected("a filter"));
        }
        match text {
            "_time" => self.time(),
            "_stream" => self.stream(),
            // As the server has it, the empty name stands for none.
            _ => self.deeper(|parser| parser.one(text)),
        }
    }

    fn maybe_prefix(&mut self, name: &str, make: impl FnOnce(String, bool) -> Filter) -> ParsedFilter {
        let word = self.lexer.grab();
        if !self.lexer.is(&["("]) {
            return self.as_word(word, name);
        }
        self.lexer.advance();
        let text = self.lexer.argument();
        let is_prefix = self.lexer.is(&["*"]) && !self.lexer.is_apart;
        if is_prefix {
            self.lexer.advance();
        }
        self.lexer.expect(")")?;
        Ok(make(text, is_prefix))
    }

    /// `name(a, b)`: the texts in brackets.
    pub fn arguments(&mut self) -> Result<Vec<String>, Refusal> {
        self.lexer.expect("(")?;
        let mut texts = Vec::new();
        while !self.lexer.is(&[")"]) {
            if self.lexer.is(&[",", "(", "|", ""]) {
                return Err(self.lexer.unexpected("a value"));
            }
            let text = self.lexer.argument();
            texts.push(if text.is_empty() && self.lexer.take(&["*"]) { "*".to_owned() } else { text });
            if self.lexer.is(&[")"]) {
                break;
            }
            self.lexer.expect(",")?;
            if self.lexer.is_end() {
                return Err(self.lexer.unexpected("a value"));
            }
        }
        self.lexer.advance();
        Ok(texts)
    }

    fn values(&mut self, word: &str, name: &str) -> ParsedFilter {
        let start = self.lexer.clone();
        let shown = self.lexer.grab();
        if !self.lexer.is(&["("]) {
            return self.as_word(shown, name);
        }
        let Ok(mut texts) = self.arguments() else {
            return Err(start.needs_server(&format!("a query in {word}(...), or what is wrong there,")));
        };
        if texts.len() == 1 && texts.iter().all(|text| text == "*") {
            return Ok(Filter::All);
        }
        Ok(on(
            name,
            match word {
                "contains_all" => Test::ContainsAll(phrases(&texts)),
                "contains_any" => Test::ContainsAny(phrases(&texts)),
                _ => {
                    texts.sort_unstable();
                    Test::In(texts)
                }
            },
        ))
    }

    fn plain_function(&mut self, word: &str, name: &str) -> ParsedFilter {
        let start = self.lexer.clone();
        let shown = self.lexer.grab();
        if !self.lexer.is(&["("]) {
            return self.as_word(shown, name);
        }
        let texts = self.arguments()?;
        let wrong = || start.refusal(format!("{word}() cannot take these values"));
        let other = |text: &str| {
            if text == "_stream_id" { Err(start.needs_server("_stream_id")) } else { Ok(field(text)) }
        };
        Ok(match (word, texts.as_slice()) {
            ("value_type", [_]) => return Err(start.needs_server("value_type()")),
            ("re", [text]) => return regexp(name, text).map_err(|what| start.refusal(what)),
            ("eq_field", [text]) => Filter::Same { name: field(name), other: other(text)? },
            ("le_field" | "lt_field", [text]) => {
                Filter::Less { name: field(name), other: other(text)?, or_same: word == "le_field" }
            }
            ("seq", texts) => {
                let texts: Vec<_> = texts.iter().filter(|text| !text.is_empty()).cloned().collect();
                if texts.is_empty() { Filter::All } else { on(name, Test::Sequence(phrases(&texts))) }
            }
            ("string_range", [least, end]) => on(name, Test::Strings(least.clone(), Some(end.clone()))),
            ("len_range", [least, most]) => {
                on(name, Test::Length(count(least).ok_or_else(wrong)?, count(most).ok_or_else(wrong)?))
            }
            ("ipv4_range", [network]) => {
                let (least, most) = subnet(network).ok_or_else(wrong)?;
                on(name, Test::Ipv4(least, most))
            }
            ("ipv4_range", [least, most]) => {
                on(name, Test::Ipv4(ipv4(least).ok_or_else(wrong)?, ipv4(most).ok_or_else(wrong)?))
            }
            _ => return Err(wrong()),
        })
    }

    fn equal(&mut self, name: &str) -> Filter {
        let text = self.lexer.argument();
        let is_prefix = self.lexer.is(&["*"]) && !self.lexer.is_apart;
        if is_prefix {
            self.lexer.advance();
        }
        exact(name, text, is_prefix)
    }

    fn regexp_behind(&mut self, name: &str) -> ParsedFilter {
        let start = self.lexer.clone();
        let text = self.lexer.compound(&STOPS)?;
        regexp(name, &text).map_err(|what| start.refusal(what))
    }

    /// `>x`, `>=x`, `<x`, `<=x`: of numbers if x is one, else of texts.
    fn comparison(&mut self, is_greater: bool, name: &str) -> ParsedFilter {
        self.lexer.advance();
        let or_same = self.lexer.take(&["="]);
        let text = self.lexer.compound(&STOPS)?;
        let Some(number) = number(&text) else {
            let above = |text: &str| format!("{text}\0");
            return Ok(on(
                name,
                match (is_greater, or_same) {
                    (true, true) => Test::Strings(text, None),
                    (true, false) => Test::Strings(above(&text), None),
                    (false, true) => Test::Strings(String::new(), Some(above(&text))),
                    (false, false) => Test::Strings(String::new(), Some(text)),
                },
            ));
        };
        Ok(on(
            name,
            match (is_greater, or_same) {
                (true, true) => Test::Range(number, f64::INFINITY),
                (true, false) => Test::Range(above(number), f64::INFINITY),
                (false, true) => Test::Range(f64::NEG_INFINITY, number),
                (false, false) => Test::Range(f64::NEG_INFINITY, below(number)),
            },
        ))
    }

    /// `range[a, b]`; round brackets leave the end out.
    fn range(&mut self, name: &str) -> ParsedFilter {
        let word = self.lexer.grab();
        if !self.lexer.is(&["(", "["]) {
            return self.as_word(word, name);
        }
        let with_least = self.lexer.grab() == "[";
        let least = self.range_end()?;
        self.lexer.expect(",")?;
        let most = self.range_end()?;
        let with_most = self.closing()?;
        let least = if with_least { least } else { above(least) };
        Ok(on(name, Test::Range(least, if with_most { most } else { below(most) })))
    }

    fn range_end(&mut self) -> Result<f64, Refusal> {
        let start = self.lexer.clone();
        let text = self.lexer.compound(&STOPS)?;
        number(&text).ok_or_else(|| start.refusal(format!("'{text}' is no number")))
    }

    /// The end of a range; whether what stands there belongs to it.
    fn closing(&mut self) -> Result<bool, Refusal> {
        if self.lexer.take(&["]"]) {
            return Ok(true);
        }
        self.lexer.expect(")").map_err(|_| self.lexer.unexpected("']' or ')'"))?;
        Ok(false)
    }

    /// The beginning of a range; whether what stands there belongs to it.
    fn opening(&mut self) -> Result<bool, Refusal> {
        if self.lexer.take(&["["]) {
            return Ok(true);
        }
        self.lexer.expect("(").map_err(|_| self.lexer.unexpected("'[' or '('"))?;
        Ok(false)
    }

    /// What stands behind `_time:`.
    fn time(&mut self) -> ParsedFilter {
        if self.lexer.take(&["day_range"]) {
            return self.day();
        }
        if self.lexer.take(&["week_range"]) {
            return self.week();
        }
        let (first, last) =
            if self.lexer.is(&["offset"]) { (i64::MIN, self.now) } else { self.time_range()? };
        let offset = self.offset()?;
        // Without a bound the server's sums run over; nobody can ask for that.
        let shift = |at: i64| if at == i64::MIN || at == i64::MAX { at } else { at.saturating_sub(offset) };
        Ok(Filter::Time { first: shift(first), last: shift(last) })
    }

    fn time_range(&mut self) -> Result<(i64, i64), Refusal> {
        if self.lexer.is(&["[", "("]) {
            let with_first = self.opening()?;
            let (first, _) = self.moment()?;
            self.lexer.expect(",")?;
            let (last, text) = self.moment()?;
            let last = if self.closing()? { end_of(last, &text) } else { last.saturating_sub(1) };
            return Ok((if with_first { first } else { first.saturating_add(1) }, last));
        }
        let sign = self.lexer.token().to_owned();
        let sign = if self.lexer.take(&[">", "<", "="]) { sign } else { String::new() };
        let or_same = sign != "=" && !sign.is_empty() && self.lexer.take(&["="]);
        if self.lexer.is(&["now"]) || starts_with_year(self.lexer.token()) {
            let (at, text) = self.moment()?;
            let end = end_of(at, &text);
            return Ok(match (sign.as_str(), or_same) {
                (">", true) => (at, i64::MAX),
                (">", false) => (at.saturating_add(1), i64::MAX),
                ("<", true) => (i64::MIN, end),
                ("<", false) => (i64::MIN, at.saturating_sub(1)),
                _ => (at, end),
            });
        }
        let age = self.duration()?.saturating_abs();
        let ago = |age: i64| self.now.saturating_sub(age);
        Ok(match (sign.as_str(), or_same) {
            (">", true) => (i64::MIN, ago(age)),
            (">", false) => (i64::MIN, ago(age.saturating_add(1))),
            ("<", false) => (ago(age.saturating_sub(1)), self.now),
            _ => (ago(age), self.now),
        })
    }

    fn moment(&mut self) -> Result<(i64, String), Refusal> {
        let start = self.lexer.clone();
        let text = self.lexer.compound(&STOPS)?;
        let at = moment(&text, self.now).ok_or_else(|| start.refusal(format!("'{text}' is no time")))?;
        Ok((at, text))
    }

    fn duration(&mut self) -> Result<i64, Refusal> {
        let start = self.lexer.clone();
        let text = self.lexer.compound(&STOPS)?;
        duration(&text).ok_or_else(|| start.refusal(format!("'{text}' is no duration")))
    }

    /// `offset 1h`, if it is there.
    fn offset(&mut self) -> Result<i64, Refusal> {
        if self.lexer.take(&["offset"]) { self.duration() } else { Ok(0) }
    }

    /// Two ends of a range, each read by `read`, and the offset behind it.
    fn ends(&mut self, read: impl Fn(&str) -> Option<i64>) -> Result<(i64, i64, i64), Refusal> {
        let with_first = self.opening()?;
        let end = |parser: &mut Self| {
            let start = parser.lexer.clone();
            let text = parser.lexer.compound(&STOPS)?;
            read(&text).ok_or_else(|| start.refusal(format!("'{text}' is no time of a day")))
        };
        let first = end(self)?;
        self.lexer.expect(",")?;
        let last = end(self)?;
        let with_last = self.closing()?;
        let offset = self.offset()?;
        Ok((first + i64::from(!with_first), last - i64::from(!with_last), offset))
    }

    fn day(&mut self) -> ParsedFilter {
        let (first, last, offset) = self.ends(|text| Some(clock(text)?.min(DAY - 1)))?;
        Ok(Filter::Day { first, last, offset })
    }

    fn week(&mut self) -> ParsedFilter {
        let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
        let full = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        // The server takes what is no day for Sunday.
        let number = |text: &str| {
            let text = text.to_lowercase();
            let place = days.iter().zip(full).position(|(day, full)| *day == text || full == text);
            i64::try_from(place.unwrap_or(0)).ok()
        };
        let (first, last, offset) = self.ends(number)?;
        Ok(Filter::Week { first, last, offset })
    }

    /// `{a="b", c=~"d" or e in (f, g)}`.
    fn stream(&mut self) -> ParsedFilter {
        let start = self.lexer.clone();
        self.lexer.expect("{")?;
        let mut choices = Vec::new();
        loop {
            let mut tags = Vec::new();
            while !self.lexer.is(&["}"]) {
                tags.push(self.tag()?);
                if self.lexer.is(&["or", "}"]) {
                    break;
                }
                self.lexer.expect(",")?;
            }
            choices.push(tags);
            if self.lexer.take(&["}"]) {
                // To the server it means nothing or everything, depending on what stands beside it.
                let is_empty = choices.iter().all(Vec::is_empty);
                return if is_empty { Err(start.needs_server("{}")) } else { Ok(Filter::Stream(choices)) };
            }
            self.lexer.expect("or")?;
            if self.lexer.is(&["}"]) {
                return Err(self.lexer.unexpected("a stream's field"));
            }
        }
    }

    fn tag(&mut self) -> Result<Tag, Refusal> {
        let name = self.lexer.compound(&["=", "!=", "=~", "!~", ",", "{", "}", "'", "\"", "`", ""])?;
        if !self.lexer.is(&["=", "!=", "=~", "!~", "in", "not_in"]) {
            return Err(self.lexer.unexpected("'=', '!=', '=~', '!~', 'in' or 'not_in'"));
        }
        let start = self.lexer.clone();
        let sign = self.lexer.grab();
        let not = matches!(sign.as_str(), "!=" | "!~" | "not_in");
        if !sign.contains(['=', '~']) {
            if sign != "in" && sign != "not_in" {
                return Err(start.unexpected("'in' or 'not_in'"));
            }
            let texts = self.arguments()?;
            let is_any = texts.len() == 1 && texts.iter().all(|text| text == "*");
            let any = || Regexp::new(".*", false).map_err(|what| start.refusal(what));
            let is = if is_any { TagTest::Regexp(Box::new(any()?)) } else { TagTest::In(texts) };
            return Ok(Tag { name, is, not });
        }
        let text = self.lexer.compound(&[",", "{", "}", "(", "'", "\"", "`", ""])?;
        let is = if sign.contains('~') {
            TagTest::Regexp(Box::new(Regexp::new(&text, true).map_err(|what| start.refusal(what))?))
        } else {
            TagTest::In(vec![text])
        };
        Ok(Tag { name, is, not })
    }
}

/// A regular expression; some of them need none.
fn regexp(name: &str, text: &str) -> Result<Filter, String> {
    Ok(match text {
        "" | ".*" => Filter::All,
        ".+" => prefix(name, ""),
        _ => on(name, Test::Regexp(Box::new(Regexp::new(text, false)?))),
    })
}

/// A number to compare with.
fn number(text: &str) -> Option<f64> {
    comparable(text).or_else(|| text.eq_ignore_ascii_case("nan").then_some(f64::NAN))
}

fn above(number: f64) -> f64 {
    if number.is_finite() { number.next_up() } else { number }
}

fn below(number: f64) -> f64 {
    if number.is_finite() { number.next_down() } else { number }
}

/// A number of characters or rows: also as a size or a duration, as the server has it.
pub fn count(text: &str) -> Option<u64> {
    if text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("+inf") {
        return Some(u64::MAX);
    }
    based(text).or_else(|| size(text).map(i64::cast_unsigned)).or_else(|| u64::try_from(duration(text)?).ok())
}

/// The first and the last address of `10.0.0.0/8`, or of a single one.
fn subnet(text: &str) -> Option<(u32, u32)> {
    let Some((address, bits)) = text.split_once('/') else {
        return ipv4(text).map(|address| (address, address));
    };
    let (address, bits) = (ipv4(address)?, u32::try_from(unsigned(bits)?).ok()?);
    let mask = match bits {
        0..=31 => u32::MAX >> bits,
        32 => 0,
        _ => return None,
    };
    Some((address & !mask, address | mask))
}

fn starts_with_year(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && matches!(bytes.get(4), None | Some(b'-' | b'+' | b'Z' | b'z'))
}
