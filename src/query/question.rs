//! `LogsQL` as far as vlog reads and writes it: where a query has pipes, and conditions beside it.

use crate::record::level::Level;

/// The condition that a field is one of these texts. No text can change the query: a `LogsQL` string is a Go
/// string, and every JSON string that leaves what is not ASCII as it is means the same there.
#[must_use]
pub fn is_any_of(field: &str, texts: &[impl AsRef<str>]) -> String {
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let values: Vec<_> = texts.iter().map(|text| quote(text.as_ref())).collect();
    match values.as_slice() {
        [value] => format!("{}:={value}", quote(field)),
        values => format!("{}:in({})", quote(field), values.join(",")),
    }
}

/// The condition that the message has these words in a row, whatever else they mean in `LogsQL`.
#[must_use]
pub fn has_words(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The condition that a record is of this level or worse, whoever wrote it: every spelling, in lower case, in
/// capitals, and with one capital.
#[must_use]
pub fn is_at_least(level: Level) -> String {
    let cases = |spelling: &'static str| {
        let mut capital = spelling.to_owned();
        if let Some(first) = capital.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        [spelling.to_owned(), spelling.to_ascii_uppercase(), capital]
    };
    is_any_of("level", &level.spellings_or_worse().flat_map(cases).collect::<Vec<_>>())
}

/// Cuts a query at its own pipes: those outside quotes, comments and the brackets of subqueries.
///
/// With pipes the server appends the limit as one more pipe, which cuts groups, or gives the oldest rows.
pub fn stages(query: &str) -> Vec<&str> {
    let mut stages = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    for token in tokens(query) {
        match token.kind {
            TokenKind::Other('|') if depth == 0 => {
                stages.push(query.get(start..token.start).unwrap_or_default());
                start = token.end;
            }
            TokenKind::Other('(' | '[' | '{') => depth += 1,
            TokenKind::Other(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    stages.push(query.get(start..).unwrap_or_default());
    stages
}

/// The words of a query and its texts in quotes, in order: the names of a result's columns are among them.
#[must_use]
pub fn words(query: &str) -> Vec<String> {
    let text = |token: Token| {
        let text = query.get(token.start..token.end)?;
        match token.kind {
            TokenKind::Word => Some(text.to_owned()),
            TokenKind::Quoted(_) => Some(text.get(1..text.len() - 1)?.to_owned()),
            _ => None,
        }
    };
    tokens(query).filter_map(text).collect()
}

/// What a piece of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A text in quotes, which are of this kind.
    Quoted(char),
    /// Letters, digits and what may stand among them.
    Word,
    /// To the end of the line.
    Comment,
    /// White space.
    Blank,
    /// Any other character.
    Other(char),
}

/// A piece of a query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Takes a query apart, as the server's lexer does: words hold letters, digits, `_`, `.`, `-`, `/`.
pub(super) fn tokens(query: &str) -> impl Iterator<Item = Token> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = query.get(start..)?;
        let first = rest.chars().next()?;
        let until = |is_in: fn(char) -> bool| rest.find(|char| !is_in(char)).unwrap_or(rest.len());
        let is_word = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.' | '-' | '/');
        let (kind, length) = match first {
            '#' => (TokenKind::Comment, rest.find('\n').unwrap_or(rest.len())),
            '`' | '"' | '\'' => match quoted(rest, first) {
                Some(length) => (TokenKind::Quoted(first), length),
                // A quote without its end is a character like any other: `don't`.
                None => (TokenKind::Other(first), 1),
            },
            char if char.is_whitespace() => (TokenKind::Blank, until(char::is_whitespace)),
            '-' => (TokenKind::Other('-'), 1),
            char if is_word(char) => (TokenKind::Word, until(is_word)),
            char => (TokenKind::Other(char), char.len_utf8()),
        };
        let token = Token { kind, start, end: start + length };
        start = token.end;
        Some(token)
    })
}

/// The length of the quoted text that `rest` begins with.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let inside = rest.get(1..)?;
    let (at, _) = inside.char_indices().find(|(_, char)| {
        let end = *char == quote && !escaped;
        escaped = *char == '\\' && !escaped && quote != '`';
        end
    })?;
    Some(at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_told_from_what_looks_like_them() {
        for query in [
            "* | count()",
            "a|b",
            "\"x\" | limit 1",
            "'it''s' | x",
            "\"\\\\\" | x",
            "in(a) | x",
            "# c\n| x",
            "range[1,2) | x",
            "!don't | x",
        ] {
            assert_eq!(stages(query).len(), 2, "{query}");
        }
        for query in [
            "",
            "*",
            "\"a | b\"",
            "'a | b'",
            "`a | b`",
            "\"\\\" | \"",
            "x # | y",
            "id:in(a | fields id)",
            "{a=\"|\"}",
        ] {
            assert_eq!(stages(query), [query]);
        }
        assert_eq!(stages("* | a | b"), ["* ", " a ", " b"]);
    }

    #[test]
    fn values_cannot_change_a_condition() {
        assert_eq!(is_any_of("service", &["x"]), "\"service\":=\"x\"");
        assert_eq!(is_any_of("service", &["a\" or *", "b\\\né"]), r#""service":in("a\" or *","b\\\né")"#);
    }

    #[test]
    fn plain_words_mean_themselves() {
        assert_eq!(has_words("a | b (c) level:x"), "\"a | b (c) level:x\"");
        assert_eq!(has_words("say \"no\"\n"), r#""say \"no\"\n""#);
    }

    #[test]
    fn levels_come_with_all_that_is_worse_in_every_spelling() {
        let condition = is_at_least(Level::Error);
        for spelling in ["error", "ERROR", "Error", "err", "fatal", "CRITICAL", "Emerg"] {
            assert!(condition.contains(&format!("\"{spelling}\"")), "{condition}");
        }
        for spelling in ["warn", "WARNING", "info", "debug"] {
            assert!(!condition.contains(&format!("\"{spelling}\"")), "{condition}");
        }
    }
}
