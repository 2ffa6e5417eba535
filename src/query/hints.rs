//! What may be wrong with a query: the place of an error in it, and known traps that find nothing.
//!
//! A hint is given for a query without rows only, and only where the query looks like a trap: VictoriaLogs answers
//! these with 200 and nothing, and no word of explanation.

use super::question::{Token, TokenKind, stages, tokens};
use crate::record::level::Level;
use crate::sys::text::{cut, harmless, width};

/// The pipes of VictoriaLogs 1.26, all of their names.
const PIPES: [&str; 53] = [
    "block_stats",
    "blocks_count",
    "collapse_nums",
    "copy",
    "cp",
    "decolorize",
    "del",
    "delete",
    "drop",
    "drop_empty_fields",
    "eval",
    "extract",
    "extract_regexp",
    "facets",
    "field_names",
    "field_values",
    "fields",
    "filter",
    "first",
    "format",
    "hash",
    "head",
    "join",
    "json_array_len",
    "keep",
    "last",
    "len",
    "limit",
    "math",
    "mv",
    "offset",
    "order",
    "pack_json",
    "pack_logfmt",
    "rename",
    "replace",
    "replace_regexp",
    "rm",
    "sample",
    "skip",
    "sort",
    "stats",
    "stats_remote",
    "stream_context",
    "top",
    "union",
    "uniq",
    "unpack_json",
    "unpack_logfmt",
    "unpack_syslog",
    "unpack_words",
    "unroll",
    "where",
];

/// A filter may stand where a pipe does, and begin with these.
const OPERATORS: [&str; 3] = ["and", "not", "or"];

/// Two words at least this alike (Jaro, 0 to 1) may be the same one misspelt.
const ALIKE: f64 = 0.8;

/// How much of a query the server repeats, in bytes, to say where it stopped reading.
const CONTEXT_BYTES: usize = 50;

/// Where in the query the server stopped reading: the byte of the last character that it read. `None` if it does
/// not say, or if the place could be more than one.
#[must_use]
pub fn place(query: &str, error: &str) -> Option<usize> {
    let (_, rest) = error.rsplit_once("; context: [")?;
    let context = rest.strip_suffix(']')?;
    let end = if query.starts_with(context) {
        context.len()
    } else if context.len() == CONTEXT_BYTES && query.matches(context).count() == 1 {
        query.find(context)? + context.len()
    } else {
        return None;
    };
    let read = query.get(..end)?.trim_end();
    read.char_indices().next_back().map(|(at, _)| at)
}

/// The line of the query with this byte in it, harmless and cut to some 80 cells, and the cell where the byte is.
#[must_use]
pub fn mark(query: &str, at: usize) -> (String, usize) {
    const BEFORE: usize = 50;
    const AFTER: usize = 25;
    let (before, rest) = query.split_at_checked(at).unwrap_or((query, ""));
    let before = before.rsplit('\n').next().map(harmless).unwrap_or_default();
    let rest = rest.split('\n').next().map(harmless).unwrap_or_default();
    let mut start = 0;
    while width(before.get(start..).unwrap_or_default()) > BEFORE {
        start += before.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    let shown = before.get(start..).unwrap_or_default();
    let lead = if start > 0 { "..." } else { "" };
    (format!("{lead}{shown}{}", cut(&rest, AFTER, "...")), lead.len() + width(shown))
}

/// What a query that found nothing may have meant.
#[must_use]
pub fn hints(query: &str) -> Vec<String> {
    let stages = stages(query);
    let mut hints: Vec<_> = stages.iter().skip(1).filter_map(|stage| misspelt_pipe(stage)).collect();
    hints.extend(stages.first().into_iter().flat_map(|filter| filter_traps(filter)));
    hints.dedup();
    hints
}

/// `| bogus` is a filter for the word.
fn misspelt_pipe(stage: &str) -> Option<String> {
    let mut words =
        tokens(stage).skip_while(|token| matches!(token.kind, TokenKind::Blank | TokenKind::Comment));
    let word = words.next().filter(|token| token.kind == TokenKind::Word)?;
    let name = stage.get(word.start..word.end)?.to_ascii_lowercase();
    // `| level:error` and `| count()` are meant as they stand.
    let is_meant = words.next().is_some_and(|next| matches!(next.kind, TokenKind::Other(':' | '(')));
    if PIPES.contains(&name.as_str()) || OPERATORS.contains(&name.as_str()) || is_meant {
        return None;
    }
    let proposal = alike(&name).map(|pipe| format!("; did you mean '| {pipe}'?")).unwrap_or_default();
    Some(format!("'| {name}' is no pipe: the server looked for the word '{name}'{proposal}"))
}

/// The pipe that a word is most like, if it is like one.
fn alike(name: &str) -> Option<&'static str> {
    let likeness = |pipe: &str| strsim::jaro(pipe, name);
    let near = PIPES.into_iter().filter(|pipe| likeness(pipe) > ALIKE);
    near.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

/// What an error of the server about a pipe may have been about.
#[must_use]
pub fn proposal(error: &str) -> Option<String> {
    let (_, rest) = error.split_once("unexpected pipe \"")?;
    let pipe = alike(&rest.split_once('"')?.0.to_ascii_lowercase())?;
    Some(format!("did you mean '| {pipe}'?"))
}

/// What is easily written in a filter, and finds nothing.
fn filter_traps(filter: &str) -> Vec<String> {
    let found = FilterTokens { filter, tokens: tokens(filter).collect() };
    let mut braces = 0_usize;
    let mut hints = Vec::new();
    for (at, token) in found.tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Other('{') => braces += 1,
            TokenKind::Other('}') => braces = braces.saturating_sub(1),
            _ => {}
        }
        hints.extend(if braces > 0 {
            other_stream_field(&found, at)
        } else {
            unusual_level(&found, at).or_else(|| equals_sign(&found, at))
        });
    }
    hints
}

/// The tokens of a filter.
struct FilterTokens<'a> {
    filter: &'a str,
    tokens: Vec<Token>,
}

impl FilterTokens<'_> {
    /// The text of the token at `at`, without its quotes, if it is one.
    fn text(&self, at: usize) -> Option<&str> {
        let token = self.tokens.get(at)?;
        let text = self.filter.get(token.start..token.end)?;
        match token.kind {
            TokenKind::Word => Some(text),
            TokenKind::Quoted(_) => text.get(1..text.len() - 1),
            _ => None,
        }
    }

    fn is(&self, at: usize, char: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Other(char))
    }

    /// Whether the token at `at` is the first in its braces, or follows a comma: a name.
    fn is_name(&self, at: usize) -> bool {
        let before = self.tokens.get(..at).unwrap_or_default();
        let before = before.iter().rev().find(|token| token.kind != TokenKind::Blank);
        before.is_some_and(|token| matches!(token.kind, TokenKind::Other('{' | ',')))
    }
}

/// `{host="a"}`, in braces.
fn other_stream_field(tokens: &FilterTokens, at: usize) -> Option<String> {
    let name = tokens.text(at).filter(|name| *name != "service")?;
    (tokens.is(at + 1, '=') && tokens.is_name(at)).then(|| {
        format!(
            "{{{name}=...}} finds it as a stream field only (vlog's is service); {name}:=... finds it anywhere"
        )
    })
}

/// `level:ERROR`.
fn unusual_level(tokens: &FilterTokens, at: usize) -> Option<String> {
    tokens.text(at).filter(|name| *name == "level" && tokens.is(at + 1, ':'))?;
    let value = tokens.text(if tokens.is(at + 2, '=') { at + 3 } else { at + 2 })?;
    let level = Level::parse(value).map(Level::name).filter(|level| *level != value)?;
    Some(format!(
        "vlog stores this level as {level}: write level:{level}, or --level {level}, which finds every spelling"
    ))
}

/// `level=error`.
fn equals_sign(tokens: &FilterTokens, at: usize) -> Option<String> {
    tokens.tokens.get(at).filter(|token| token.kind == TokenKind::Word && tokens.is(at + 1, '='))?;
    let (name, value) = (tokens.text(at)?, tokens.text(at + 2)?);
    Some(format!("{name}={value} is looked for as a text in the message; write {name}:{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn hint(query: &str, expected: &str) {
        let found = hints(query);
        assert!(found.len() == 1 && found[0].contains(expected), "{query}: {found:?}");
    }

    #[test]
    fn a_word_that_is_no_pipe_is_found() {
        hint("* | bogus", "'| bogus' is no pipe: the server looked for the word 'bogus'");
        hint("* | stast", "did you mean '| stats'?");
        hint("* | bogus (x)", "'| bogus' is no pipe");
        hint("level:error | tail 1", "'| tail' is no pipe");
        hint("* | sort by (_time) | limt 3", "did you mean '| limit'?");
    }

    #[test]
    fn a_word_that_the_server_calls_no_pipe_is_like_one() {
        let error = |name: &str| format!("cannot parse query [x]: unexpected pipe \"{name}\"; context: [x]");
        assert_eq!(proposal(&error("stast")).as_deref(), Some("did you mean '| stats'?"));
        assert_eq!(proposal(&error("bogus")), None);
        assert_eq!(proposal("missing filter after '('"), None);
    }

    #[test]
    fn a_level_that_is_not_written_so_is_found() {
        hint("level:ERROR", "write level:error, or --level error");
        hint("a or level:=\"Warning\"", "write level:warn, or --level warn");
        hint("\"level\":err", "level:error");
    }

    #[test]
    fn an_equals_sign_without_its_colon_is_found() {
        hint("level=error", "write level:error");
    }

    #[test]
    fn a_stream_filter_on_another_field_is_found() {
        hint("{host=\"db1\"} level:error", "as a stream field only");
    }

    #[test]
    fn there_is_no_hint_where_nothing_is_wrong() {
        for query in [
            "*",
            "level:error",
            "service:nmem-capture level:error",
            "error and not timeout",
            "\"level=error\"",
            "{service=\"x\"}",
            "{service=\"x\"} | stats by (level) count() if (level:error) n",
            "* | count()",
            "* | level:error",
            "* | where level:error | FIELDS a | \"text\"",
            "service:=nm*",
            "service:=nmem",
            "path:=\"C:\\dir\"",
            "_time:5m level:in(error, fatal)",
            "_msg:~`\\d+`",
            "_msg:\"a \\\"b\\\" \\u00e9\\n\"",
            "don't",
            "# level=error",
            "a:>=5 b:<=3",
            "x:(a=b)",
        ] {
            // The last one is odd: a hint for it does no harm.
            let found = hints(query);
            assert!(found.is_empty() || query == "x:(a=b)", "{query}: {found:?}");
        }
    }

    #[test]
    fn a_place_is_marked_on_its_line() {
        assert_eq!(mark("foo:(", 4), ("foo:(".to_owned(), 4));
        assert_eq!(mark("a\nж世 (b\nc", 8), ("ж世 (b".to_owned(), 4));
        let (line, cell) = mark(&"word ".repeat(40), 150);
        assert_eq!((line.len(), cell), (78, 53));
    }

    #[test]
    fn the_place_of_an_error_is_found() {
        let place = |query: &str, context: &str| {
            place(query, &format!("cannot parse query [x]: why; context: [{context}]"))
        };
        assert_eq!(place("foo:(", "foo:("), Some(4));
        assert_eq!(place("foo( ", "foo("), Some(3));
        assert_eq!(place("é (", "é ("), Some(3));
        assert_eq!(place("a b", "other"), None);
        let long = format!("{} | stats by (", "word ".repeat(20));
        assert_eq!(place(&long, &long[long.len() - 50..]), Some(long.len() - 1));
        let twice = "same words of fifty bytes, and a few more, to fill!".repeat(2);
        assert_eq!(place(&twice, &twice[1..51]), None);
        assert_eq!(super::place("foo", "some other trouble"), None);
    }
}
