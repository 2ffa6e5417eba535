//! Regular expressions, by RE2's syntax: `rewrite` puts them into the words of `regex-lite`, and `first` tells where a match
//! may begin, since `regex-lite` takes some 20 ns for each character of a text.

mod first;
mod rewrite;

use memchr::memmem::Finder;
use regex_lite::{Regex, RegexBuilder};

use rewrite::Rewritten;

/// Steps of a compiled expression, in bytes; the largest that RE2 takes are far smaller.
const MAX_BYTES: usize = 1024 * 1024;

/// So many places of a text are tried one by one. After that the rest is searched as a whole: each try may go on to the
/// end, and thousands of them would take for ever.
const MAX_TRIES: usize = 16;

/// An expression that a text may hold.
#[derive(Debug, Clone)]
pub struct Regexp {
    /// A text that every match holds: most values lack it, and need no more than that.
    needed: Option<Finder<'static>>,
    /// `None` if the needed text is all.
    regex: Option<Regex>,
    /// Where a match may begin, and the expression that holds from there on, or behind the text that it begins with.
    start: Option<(MatchStart, Regex)>,
}

/// How a match begins.
#[derive(Debug, Clone)]
enum MatchStart {
    /// With this text.
    Text(Box<Finder<'static>>),
    /// With one of these ASCII characters, bit by bit, or one beyond ASCII.
    Chars(u128),
}

impl MatchStart {
    /// The next place at or behind `from` where a match may begin, and where what is left of the expression begins then.
    fn find(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        let rest = text.as_bytes().get(from..)?;
        match self {
            Self::Text(head) => {
                let at = from + head.find(rest)?;
                Some((at, at + head.needle().len()))
            }
            Self::Chars(chars) => {
                let may_begin = |byte: &u8| if *byte < 0x80 { chars >> byte & 1 == 1 } else { *byte >= 0xc0 };
                let at = from + rest.iter().position(may_begin)?;
                Some((at, at))
            }
        }
    }
}

fn finder(text: &str) -> Finder<'static> {
    Finder::new(text.as_bytes()).into_owned()
}

impl Regexp {
    /// An expression that matches anywhere in a text, or the whole of it. As on the server, a dot is any character.
    ///
    /// # Errors
    /// What is wrong with it, or what needs the server.
    pub fn new(pattern: &str, is_whole: bool) -> Result<Self, String> {
        if !is_whole && is_fenced(pattern) {
            return Err("'.+' on both sides of a text in a regular expression needs the server".to_owned());
        }
        let Rewritten { text, needed, head, first } = rewrite::rewrite(pattern, is_whole)?;
        let regex = compile(&if is_whole { format!("^(?:{text})$") } else { text.clone() })?;
        let is_plain = !is_whole && needed.as_deref() == Some(pattern);
        let start = match (head, first) {
            _ if is_whole || is_plain => None,
            (Some((head, tail)), _) => Some((MatchStart::Text(Box::new(finder(&head))), tail)),
            (None, first) => first.map(|first| (MatchStart::Chars(first), text)),
        };
        let start = match start {
            Some((start, text)) => Some((start, compile(&format!("^(?:{text})"))?)),
            None => None,
        };
        Ok(Self { needed: needed.as_deref().map(finder), regex: (!is_plain).then_some(regex), start })
    }

    pub fn is_in(&self, text: &str) -> bool {
        if self.needed.as_ref().is_some_and(|needed| needed.find(text.as_bytes()).is_none()) {
            return false;
        }
        let Some(regex) = &self.regex else { return true };
        let Some((start, anchored)) = &self.start else { return regex.is_match(text) };
        let mut from = 0;
        for _ in 0..MAX_TRIES {
            let Some((at, behind)) = start.find(text, from) else { return false };
            if text.get(behind..).is_some_and(|rest| anchored.is_match(rest)) {
                return true;
            }
            from = at + 1;
        }
        start.find(text, from).and_then(|(at, _)| text.get(at..)).is_some_and(|rest| regex.is_match(rest))
    }
}

/// An expression in the words of `regex-lite`.
fn compile(text: &str) -> Result<Regex, String> {
    let regex = RegexBuilder::new(text).dot_matches_new_line(true).size_limit(MAX_BYTES).build();
    regex.map_err(|error| format!("the regular expression is wrong: {error}"))
}

/// Whether an expression is a text between two `.+`, which the server looks for in one place only.
fn is_fenced(pattern: &str) -> bool {
    let bare = pattern.replace(['(', ')'], "");
    let parts = bare.strip_suffix(".+").and_then(|rest| rest.rsplit_once(".+"));
    let is_text = |text: &str| !text.contains(['.', '+', '*', '?', '[', '\\', '|', '{', '^', '$']);
    parts.is_some_and(|(before, text)| !text.is_empty() && is_text(before) && is_text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_match_may_begin_is_told_from_the_expression() {
        for (pattern, expected) in [
            ("foo.*", Some("f")),
            ("err|warn", Some("ew")),
            ("(eu|us)x", Some("eu")),
            ("a?b*c", Some("abc")),
            ("a{0,2}b{1,2}c", Some("ab")),
            ("(a|b?)c", Some("abc")),
            ("((a)|(b+))+", Some("ab")),
            ("[0-9a]+ ms", Some("0123456789a")),
            ("(?i)ab", Some("Aa")),
            ("(?i:a)b", Some("Aa")),
            (r"\dx", Some("0123456789")),
            (r"\.x+", Some(".")),
            ("ä+|b", Some("b")),
            ("a*", None),
            ("a|", None),
            ("$", None),
            ("(^|,)a", None),
            (r"\bfoo", None),
            (r"x*\bfoo", None),
        ] {
            let chars = rewrite::rewrite(pattern, false).unwrap().first;
            let text = |chars: u128| {
                (0..0x80).filter(|byte| chars >> byte & 1 == 1).map(char::from).collect::<String>()
            };
            assert_eq!(chars.map(text).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn the_text_that_a_match_begins_with_is_told() {
        for (pattern, head, tail) in [
            ("foo.*", "foo", ".*"),
            ("worker [0-9]+ in", "worker ", "[0-9]+\\x20in"),
            ("ab+c", "a", "b+c"),
            ("ab*c", "a", "b*c"),
            ("ab{2}c", "a", "b{2}c"),
            (r"a\.b", "a.b", ""),
            ("ä(b|c)", "ä", "(?:b|c)"),
            ("a{x", "a{x", ""),
        ] {
            let found = rewrite::rewrite(pattern, false).unwrap().head;
            assert_eq!(found, Some((head.to_owned(), tail.to_owned())), "{pattern}");
        }
        for pattern in ["a+b", "[a]b", "(a)b", "a|b", "(?i)ab", "", r"fo*\bx", "^ab", "a?b"] {
            assert_eq!(rewrite::rewrite(pattern, false).unwrap().head, None, "{pattern}");
        }
    }

    #[test]
    fn a_match_is_found_wherever_it_begins() {
        for (pattern, text, expected) in [
            ("a+b", "aaac aab", true),
            ("(eu|us)$", "eux usx eu", true),
            ("(eu|us)$", "eux usx eu.", false),
            (r"[0-9]+ ms\b", "7 8 9 12 msx 13 ms", true),
            ("ä+|b", "xxä", true),
            ("aa[ ]b", "aaa b", true),
            ("aa[ ]b", "aaab", false),
            ("a[^a]$", &"a".repeat(100), false),
            (r"fo*\b", "f", true),
            ("x$|a.*z", &"a".repeat(100), false),
            ("x$|a.*z", &("a".repeat(100) + "z"), true),
            ("a[^a]", &("a".repeat(1000) + "b"), true),
        ] {
            assert_eq!(Regexp::new(pattern, false).unwrap().is_in(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn where_a_match_is_looked_for_changes_nothing() {
        const PARTS: [&str; 24] = [
            "a", "b", "ab", "é", "1", " ", "[ab]", "[^a]", ".", r"\d", r"\w", "(a|b)", "(?:ab|)", "(", ")",
            "|", "*", "+", "?", "{2}", "{0,1}", "^", "$", r"\b",
        ];
        const CHARS: [&str; 5] = ["a", "b", "1", " ", "é"];
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        let mut tried = 0;
        for _ in 0..3_000 {
            let pattern: String = (0..=random(6)).map(|_| PARTS[random(PARTS.len())]).collect();
            let Ok(regexp) = Regexp::new(&pattern, false) else { continue };
            let plain = compile(&rewrite::rewrite(&pattern, false).unwrap().text).unwrap();
            for _ in 0..4 {
                let text: String = (0..random(30)).map(|_| CHARS[random(CHARS.len())]).collect();
                assert_eq!(regexp.is_in(&text), plain.is_match(&text), "{pattern} in '{text}'");
                tried += 1;
            }
        }
        assert!(tried > 1_500, "{tried}");
    }

    #[test]
    fn expressions_mean_what_they_mean_to_the_server() {
        for (pattern, text, expected) in [
            ("err", "an error", true),
            ("err(or|ing)s?$", "an error", true),
            ("^err", "an error", false),
            ("a.c", "a\nc", true),
            ("(?-s)a.c", "a\nc", false),
            (r"\bfoo\b", "foobar", false),
            ("x{1,}.b$", "xab", true),
            ("(?i)SKY", "a \u{17f}\u{212a}y", true),
            ("(?i)[a-z]+x", "\u{212a}x", true),
            ("(?i:A)b", "aB", false),
            (r"\d+\s\w", "12 x", true),
            (r"a\sb", "a\u{b}b", false),
            (r"\<x\>", "<x>", true),
            ("a{2,3}b", "aab", true),
            ("a{,3}", "a{,3}", true),
            ("x{1", "x{1", true),
            ("[]a]+$", "]a", true),
            ("[^]a]", "]a", false),
            ("[[:digit:]-]+", "-", true),
            (r"[\s.]", "x.y", true),
            ("ab?c", "ac", true),
            ("ab*", "a", true),
            ("ü+", "übb", true),
            ("a|b", "b", true),
            ("(?P<n>a)|(?:b)", "b", true),
            (r"\x41\x{42}", "AB", true),
            (r"1\.5", "1.5", true),
            (r"1\.5", "1x5", false),
        ] {
            let regexp = Regexp::new(pattern, false).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regexp.is_in(text), expected, "{pattern} in {text:?}");
        }
        assert!(!Regexp::new("a|b", true).unwrap().is_in("ab"));
        assert!(Regexp::new("a.*", true).unwrap().is_in("ab"));
    }

    #[test]
    fn what_is_wrong_or_means_something_else_is_refused() {
        for pattern in [
            "(",
            ")",
            "a**",
            "*a",
            "[",
            "[z-a]",
            r"\pL",
            r"\Qa\E",
            r"\1",
            "(?i)ä",
            "(?x)a",
            "a{2000}",
            r"\b{start}",
            "(?",
            "(?)",
            r"\u{41}",
            "(a{100}){100}",
            "\\",
            "(?i)[à-ü]",
            r"[\S]",
            "a{3,2}",
            r"foo\b",
            "x^",
            "(?m)a$",
            ".+a.+",
            "b.+(a).+",
        ] {
            assert!(Regexp::new(pattern, false).is_err(), "{pattern}");
        }
        assert!(Regexp::new(&"(".repeat(10_000), false).is_err());
    }
}
