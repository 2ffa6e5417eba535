//! Regular expressions, by RE2's syntax. They are written anew for `regex-lite`, which means something else in places;
//! what it cannot mean is refused.

use std::fmt::Write;

use memchr::memmem::Finder;
use regex_lite::{Regex, RegexBuilder};

/// How often a part may be repeated, as in RE2, and all counted repeats of an expression together.
const MAX_REPEATS: u32 = 1000;

/// Steps of a compiled expression, in bytes; the largest that RE2 takes are far smaller.
const MAX_BYTES: usize = 1024 * 1024;

/// White space in RE2; `regex-lite` adds the vertical tab.
const SPACE: &str = r"\t\n\x0C\r ";

/// Sets that a class may name, and whether they hold letters.
const SETS: [(&str, bool); 14] = [
    ("alnum", true),
    ("alpha", true),
    ("ascii", true),
    ("blank", false),
    ("cntrl", false),
    ("digit", false),
    ("graph", true),
    ("lower", true),
    ("print", true),
    ("punct", false),
    ("space", false),
    ("upper", true),
    ("word", true),
    ("xdigit", false),
];

const UNCLOSED: &str = "the regular expression lacks a ']'";

/// An expression that a text may hold.
#[derive(Debug, Clone)]
pub struct Regexp {
    /// A text that every match holds: most values lack it, and need no more than that.
    needed: Option<Finder<'static>>,
    /// `None` if the needed text is all.
    regex: Option<Regex>,
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
        // What must match the whole is looked for from the beginning on.
        let shape = if is_whole { PatternShape::Other } else { PatternShape::Empty };
        let mut writer = Writer { rest: pattern, shape, ..Writer::default() };
        writer.write()?;
        let needed = writer.needed();
        let is_plain = !is_whole && writer.is_plain && needed.as_deref() == Some(pattern);
        let text = if is_whole { format!("^(?:{})$", writer.out) } else { writer.out };
        let regex = RegexBuilder::new(&text).dot_matches_new_line(true).size_limit(MAX_BYTES).build();
        let regex = regex.map_err(|error| format!("the regular expression is wrong: {error}"))?;
        Ok(Self {
            needed: needed.map(|text| Finder::new(text.as_bytes()).into_owned()),
            regex: (!is_plain).then_some(regex),
        })
    }

    pub fn is_in(&self, text: &str) -> bool {
        self.needed.as_ref().is_none_or(|needed| needed.find(text.as_bytes()).is_some())
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// What stands before a place in an expression.
#[derive(Default, PartialEq, Eq)]
enum Before {
    /// Nothing that can be repeated.
    #[default]
    Nothing,
    Item,
    Repeat,
}

/// How an expression begins. The server looks for a text that it begins with first, and puts the rest to what follows
/// that as if a text began there: `foo\b` matches `foobar`.
#[derive(Default, PartialEq, Eq)]
enum PatternShape {
    /// Nothing so far.
    #[default]
    Empty,
    /// With nothing but texts so far.
    Text,
    /// With something else.
    Other,
}

/// A class as it is written anew.
#[derive(Default)]
struct CharClass {
    out: String,
    /// Whether it holds a letter that has another form beyond ASCII.
    has_s: bool,
    has_k: bool,
}

/// Whether an expression is a text between two `.+`, which the server looks for in one place only.
fn is_fenced(pattern: &str) -> bool {
    let bare = pattern.replace(['(', ')'], "");
    let parts = bare.strip_suffix(".+").and_then(|rest| rest.rsplit_once(".+"));
    let is_text = |text: &str| !text.contains(['.', '+', '*', '?', '[', '\\', '|', '{', '^', '$']);
    parts.is_some_and(|(before, text)| !text.is_empty() && is_text(before) && is_text(text))
}

/// Writes an expression anew.
#[derive(Default)]
struct Writer<'p> {
    rest: &'p str,
    out: String,
    /// Whether case counts not, here and in the groups around.
    folds: bool,
    groups: Vec<bool>,
    before: Before,
    shape: PatternShape,
    repeats: u32,
    /// Characters that stand for themselves, outside groups, in a row; and the longest such row so far.
    run: String,
    longest: String,
    has_choices: bool,
    is_plain: bool,
}

impl Writer<'_> {
    fn write(&mut self) -> Result<(), String> {
        self.is_plain = true;
        while let Some(char) = self.next() {
            match char {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.has_choices |= self.groups.is_empty();
                    self.special("|", false);
                }
                '*' | '+' | '?' => self.repeat(char)?,
                '{' => self.counted()?,
                '[' => self.class()?,
                '^' => self.assertion("^")?,
                '.' | '$' => self.set(char.encode_utf8(&mut [0; 4])),
                '\\' => self.escape()?,
                char => self.literal(char)?,
            }
        }
        if self.groups.is_empty() { Ok(()) } else { Err("the regular expression lacks a ')'".to_owned()) }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next();
        self.rest = chars.as_str();
        char
    }

    fn needed(&mut self) -> Option<String> {
        self.end_run();
        let text = std::mem::take(&mut self.longest);
        (!self.has_choices && !text.is_empty()).then_some(text)
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if run.len() > self.longest.len() {
            self.longest = run;
        }
    }

    /// Writes what stands for several characters, or for none.
    fn set(&mut self, text: &str) {
        self.shape = PatternShape::Other;
        self.special(text, true);
    }

    /// Writes what looks at the text before it.
    fn assertion(&mut self, text: &str) -> Result<(), String> {
        if self.shape == PatternShape::Text {
            return Err(format!("{text} behind a text in a regular expression needs the server"));
        }
        self.set(text);
        Ok(())
    }

    /// Writes what does not stand for itself.
    fn special(&mut self, text: &str, is_repeatable: bool) {
        self.out.push_str(text);
        self.end_run();
        self.is_plain = false;
        self.before = if is_repeatable { Before::Item } else { Before::Nothing };
    }

    fn literal(&mut self, char: char) -> Result<(), String> {
        if self.folds && !char.is_ascii() {
            return Err("(?i) with characters beyond ASCII needs the server".to_owned());
        }
        match char.to_ascii_lowercase() {
            // Beyond ASCII these two have another form.
            's' if self.folds => self.out.push_str("[s\u{17f}]"),
            'k' if self.folds => self.out.push_str("[k\u{212a}]"),
            _ => push_literal(char, &mut self.out),
        }
        if self.shape == PatternShape::Empty {
            self.shape = PatternShape::Text;
        }
        if self.groups.is_empty() && !self.folds {
            self.run.push(char);
        } else {
            self.end_run();
            self.is_plain = false;
        }
        self.before = Before::Item;
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        self.end_run();
        let around = self.folds;
        let Some(rest) = self.rest.strip_prefix('?') else {
            self.groups.push(around);
            self.special("(?:", false);
            return Ok(());
        };
        if let Some(named) = rest.strip_prefix("P<").or_else(|| rest.strip_prefix('<')) {
            let end = named.find('>').ok_or("the regular expression lacks a '>'")?;
            let name = named.get(..end).unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err("a group's name in the regular expression is wrong".to_owned());
            }
            self.rest = named.get(end + 1..).unwrap_or_default();
            self.groups.push(around);
            self.special(&format!("(?P<{name}>"), false);
            return Ok(());
        }
        let end = rest.find([':', ')']).ok_or("the regular expression lacks a ')'")?;
        let flags = rest.get(..end).unwrap_or_default();
        let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
        let known = |flags: &str| flags.chars().all(|flag| matches!(flag, 'i' | 's' | 'U'));
        if !known(on) || !known(off) || (flags.contains('-') && off.is_empty()) {
            return Err(format!("(?{flags}) in a regular expression needs the server, or is wrong"));
        }
        self.folds = (around || on.contains('i')) && !off.contains('i');
        let is_group = rest.get(end..).is_some_and(|rest| rest.starts_with(':'));
        self.rest = rest.get(end + 1..).unwrap_or_default();
        if is_group {
            self.groups.push(around);
        }
        if flags.is_empty() && !is_group {
            return Err("(?) in the regular expression is wrong".to_owned());
        }
        self.special(&format!("(?{flags}{}", if is_group { ':' } else { ')' }), false);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        self.folds = self.groups.pop().ok_or("the regular expression has a ')' too many")?;
        self.special(")", true);
        Ok(())
    }

    fn repeat(&mut self, char: char) -> Result<(), String> {
        self.check_repeat()?;
        if char != '+' {
            self.run.pop();
        }
        self.special(char.encode_utf8(&mut [0; 4]), true);
        self.end_repeat();
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else stands for itself.
    fn counted(&mut self) -> Result<(), String> {
        let inside = self.rest.split_once('}').map(|(inside, _)| inside);
        let is_count = |text: &str| {
            !text.is_empty() && text.len() < 10 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let counts = inside.and_then(|inside| {
            let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
            (is_count(least) && (most.is_empty() || is_count(most))).then_some((inside, least, most))
        });
        let Some((inside, least, most)) = counts else { return self.literal('{') };
        self.check_repeat()?;
        let number = |text: &str| text.parse::<u32>().unwrap_or(0);
        let largest = number(least).max(number(most));
        if largest > MAX_REPEATS || (!most.is_empty() && number(most) < number(least)) {
            return Err(format!("{{{inside}}} in the regular expression is wrong"));
        }
        self.repeats = self.repeats.max(1).saturating_mul(largest.max(1));
        if self.repeats > MAX_REPEATS {
            return Err("so many repeats in a regular expression need the server".to_owned());
        }
        self.run.pop();
        self.special(&format!("{{{inside}}}"), true);
        self.rest = self.rest.get(inside.len() + 1..).unwrap_or_default();
        self.end_repeat();
        Ok(())
    }

    fn check_repeat(&self) -> Result<(), String> {
        if self.before != Before::Item {
            return Err("the regular expression repeats nothing, or a repeat".to_owned());
        }
        Ok(())
    }

    fn end_repeat(&mut self) {
        self.shape = PatternShape::Other;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            self.out.push('?');
        }
        self.before = Before::Repeat;
    }

    fn escape(&mut self) -> Result<(), String> {
        let char = self.next().ok_or("the regular expression ends with '\\'")?;
        match char {
            's' => self.set(&format!("[{SPACE}]")),
            'S' => self.set(&format!("[^{SPACE}]")),
            'w' if self.folds => self.set("[\\w\u{17f}\u{212a}]"),
            'W' if self.folds => self.set("[^\\w\u{17f}\u{212a}]"),
            'A' => self.assertion("\\A")?,
            'd' | 'D' | 'w' | 'W' | 'z' => self.set(&format!("\\{char}")),
            'b' | 'B' => {
                if self.rest.starts_with('{') {
                    return Err(format!("\\{char}{{ in a regular expression needs the server"));
                }
                self.assertion(&format!("\\{char}"))?;
            }
            char => {
                let char = self.escaped(char)?;
                self.is_plain = false;
                self.literal(char)?;
            }
        }
        Ok(())
    }

    /// The character that an escape stands for.
    fn escaped(&mut self, char: char) -> Result<char, String> {
        let code = match char {
            'a' => 7,
            'f' => 12,
            't' => 9,
            'n' => 10,
            'r' => 13,
            'v' => 11,
            'x' => {
                let (digits, rest) = match self.rest.strip_prefix('{') {
                    Some(braced) => braced.split_once('}').unwrap_or(("", braced)),
                    None => self.rest.split_at_checked(2).unwrap_or(("", self.rest)),
                };
                let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                self.rest = rest;
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex);
                code.ok_or("\\x in the regular expression lacks its digits")?
            }
            char if char.is_ascii_punctuation() || (char.is_ascii() && !char.is_ascii_alphanumeric()) => {
                u32::from(char)
            }
            _ => return Err(format!("\\{char} in a regular expression needs the server")),
        };
        char::from_u32(code).ok_or_else(|| "\\x in the regular expression is no character".to_owned())
    }

    /// A class in brackets.
    fn class(&mut self) -> Result<(), String> {
        let mut class = CharClass { out: "[".to_owned(), ..CharClass::default() };
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            class.out.push('^');
        }
        let start = self.rest;
        while self.rest.len() == start.len() || !self.rest.starts_with(']') {
            if self.rest.starts_with("[:") {
                self.named_set(&mut class)?;
            } else if !self.escaped_set(&mut class)? {
                self.range(&mut class)?;
            }
        }
        self.next();
        if self.folds {
            class.out.extend(class.has_s.then_some('\u{17f}'));
            class.out.extend(class.has_k.then_some('\u{212a}'));
        }
        class.out.push(']');
        if self.shape == PatternShape::Empty {
            // It may be of one character.
            self.shape = PatternShape::Text;
        }
        self.special(&class.out, true);
        Ok(())
    }

    /// `[:alpha:]` in a class.
    fn named_set(&mut self, class: &mut CharClass) -> Result<(), String> {
        let (name, rest) = self.rest.split_once(":]").ok_or(UNCLOSED)?;
        let known = SETS.iter().find(|(known, _)| name.get(2..) == Some(known));
        let (name, has_letters) =
            known.ok_or("a set in a class of a regular expression is not known, or needs the server")?;
        class.out.extend(["[:", name, ":]"]);
        class.has_s |= has_letters;
        class.has_k |= has_letters;
        self.rest = rest;
        Ok(())
    }

    /// `\d` and the like in a class; whether there is one.
    fn escaped_set(&mut self, class: &mut CharClass) -> Result<bool, String> {
        let set = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
        let (text, has_letters) = match set {
            Some('d') => ("\\d", false),
            Some('D') if !self.folds => ("\\D", false),
            Some('w') => ("\\w", true),
            Some('s') => (SPACE, false),
            Some(set @ ('D' | 'S' | 'W')) => {
                return Err(format!("[\\{set}] in a regular expression needs the server"));
            }
            _ => return Ok(false),
        };
        class.out.push_str(text);
        class.has_s |= has_letters;
        class.has_k |= has_letters;
        self.rest = self.rest.get(2..).unwrap_or_default();
        Ok(true)
    }

    /// A character in a class, or a range of them.
    fn range(&mut self, class: &mut CharClass) -> Result<(), String> {
        let from = self.member()?;
        let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        let to = if is_range {
            self.next();
            self.member()?
        } else {
            from
        };
        if to < from || (self.folds && !to.is_ascii()) {
            return Err("a range in the regular expression is wrong, or needs the server".to_owned());
        }
        let holds = |chars: [char; 2]| chars.iter().any(|char| (from..=to).contains(char));
        class.has_s |= holds(['s', 'S']);
        class.has_k |= holds(['k', 'K']);
        push_literal(from, &mut class.out);
        if is_range {
            class.out.push('-');
            push_literal(to, &mut class.out);
        }
        Ok(())
    }

    /// One character of a class.
    fn member(&mut self) -> Result<char, String> {
        match self.next().ok_or(UNCLOSED)? {
            '\\' => {
                let char = self.next().ok_or(UNCLOSED)?;
                self.escaped(char)
            }
            char => Ok(char),
        }
    }
}

/// Writes a character that stands for itself, whatever it may mean.
fn push_literal(char: char, out: &mut String) {
    if char.is_ascii() && !char.is_ascii_alphanumeric() {
        let _ = write!(out, "\\x{:02X}", u32::from(char));
    } else {
        out.push(char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
