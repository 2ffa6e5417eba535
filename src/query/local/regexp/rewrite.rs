//! An expression is written anew for `regex-lite`, which means something else in places; what it cannot mean is refused.

use std::fmt::Write;

use super::compile;
use super::first::FirstChars;

/// How often a part may be repeated, as in RE2, and all counted repeats of an expression together.
const MAX_REPEATS: u32 = 1000;

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

/// An expression as `regex-lite` takes it.
pub struct Rewritten {
    pub text: String,
    /// A text that every match holds.
    pub needed: Option<String>,
    /// The text that every match begins with, and the expression behind it.
    pub head: Option<(String, String)>,
    /// The ASCII characters that a match may begin with, bit by bit, where they can be told.
    pub first: Option<u128>,
}

/// Writes an expression anew; `is_whole` if it is to match the whole of a text.
///
/// # Errors
/// What is wrong with it, or what needs the server.
pub fn rewrite(pattern: &str, is_whole: bool) -> Result<Rewritten, String> {
    // What must match the whole is looked for from the beginning on.
    let shape = if is_whole { PatternShape::Other } else { PatternShape::Empty };
    let mut writer = Writer { rest: pattern, shape, ..Writer::default() };
    writer.write()?;
    let needed = writer.needed();
    let tail = writer.out.get(writer.head_end..).unwrap_or_default().to_owned();
    // An assertion must see the text before it.
    let is_sound = !writer.has_choices && !writer.has_assertions;
    let head = writer.head.filter(|head| is_sound && !head.is_empty()).map(|head| (head, tail));
    Ok(Rewritten { needed, head, first: writer.first.finish(), text: writer.out })
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
    /// The first such row, once it has ended, and how far it is written out.
    head: Option<String>,
    head_end: usize,
    /// Where the last character was written.
    literal_at: usize,
    has_choices: bool,
    has_assertions: bool,
    first: FirstChars,
}

impl Writer<'_> {
    fn write(&mut self) -> Result<(), String> {
        while let Some(char) = self.next() {
            match char {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.has_choices |= self.groups.is_empty();
                    self.first.choice();
                    self.special("|", false);
                }
                '*' | '+' | '?' => self.repeat(char)?,
                '{' => self.counted()?,
                '[' => self.class()?,
                '^' => self.assertion("^")?,
                '.' => self.set("."),
                '$' => self.end_of_text("$"),
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
        if self.head.is_none() {
            self.head = Some(run.clone());
            self.head_end = self.out.len();
        }
        if run.len() > self.longest.len() {
            self.longest = run;
        }
    }

    /// The last character is going to be repeated, so it is no part of what every match begins with.
    fn end_head(&mut self) {
        if self.head.is_none() {
            let mut head = self.run.clone();
            head.pop();
            self.head = Some(head);
            self.head_end = self.literal_at;
        }
    }

    /// Writes what stands for one of several characters.
    fn set(&mut self, text: &str) {
        self.shape = PatternShape::Other;
        self.one_of(text);
    }

    fn one_of(&mut self, text: &str) {
        let flags = if self.folds { "(?i)" } else { "" };
        self.first.item(|| ascii_matches(&format!("^{flags}{text}")));
        self.special(text, true);
    }

    /// Writes what looks at the text before it.
    fn assertion(&mut self, text: &str) -> Result<(), String> {
        if self.shape == PatternShape::Text {
            return Err(format!("{text} behind a text in a regular expression needs the server"));
        }
        self.shape = PatternShape::Other;
        self.has_assertions = true;
        self.first.assertion();
        self.special(text, true);
        Ok(())
    }

    /// Writes what looks at the text behind it.
    fn end_of_text(&mut self, text: &str) {
        self.shape = PatternShape::Other;
        self.first.item(|| 0);
        self.first.optional();
        self.special(text, true);
    }

    /// Writes what does not stand for itself.
    fn special(&mut self, text: &str, is_repeatable: bool) {
        self.end_run();
        self.out.push_str(text);
        self.before = if is_repeatable { Before::Item } else { Before::Nothing };
    }

    fn literal(&mut self, char: char) -> Result<(), String> {
        if self.folds && !char.is_ascii() {
            return Err("(?i) with characters beyond ASCII needs the server".to_owned());
        }
        self.literal_at = self.out.len();
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
        }
        let cases =
            if self.folds { [char.to_ascii_lowercase(), char.to_ascii_uppercase()] } else { [char; 2] };
        self.first.item(|| {
            cases.into_iter().filter(char::is_ascii).fold(0, |all, char| all | 1 << u32::from(char))
        });
        self.before = Before::Item;
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        self.end_run();
        let around = self.folds;
        let Some(rest) = self.rest.strip_prefix('?') else {
            self.open_group(around);
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
            self.open_group(around);
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
            self.open_group(around);
        }
        if flags.is_empty() && !is_group {
            return Err("(?) in the regular expression is wrong".to_owned());
        }
        self.special(&format!("(?{flags}{}", if is_group { ':' } else { ')' }), false);
        Ok(())
    }

    /// `folds` is what holds again behind the group.
    fn open_group(&mut self, folds: bool) {
        self.groups.push(folds);
        self.first.open();
    }

    fn close(&mut self) -> Result<(), String> {
        self.folds = self.groups.pop().ok_or("the regular expression has a ')' too many")?;
        self.first.close();
        self.special(")", true);
        Ok(())
    }

    fn repeat(&mut self, char: char) -> Result<(), String> {
        self.check_repeat()?;
        self.end_head();
        if char != '+' {
            self.run.pop();
            self.first.optional();
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
        self.end_head();
        self.run.pop();
        if number(least) == 0 {
            self.first.optional();
        }
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
            'd' | 'D' | 'w' | 'W' => self.set(&format!("\\{char}")),
            'z' => self.end_of_text("\\z"),
            'b' | 'B' => {
                if self.rest.starts_with('{') {
                    return Err(format!("\\{char}{{ in a regular expression needs the server"));
                }
                self.assertion(&format!("\\{char}"))?;
            }
            char => {
                let char = self.escaped(char)?;
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
        self.one_of(&class.out);
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

/// The ASCII characters that match, bit by bit; none if the expression is wrong, which shows where it is used.
fn ascii_matches(text: &str) -> u128 {
    let Ok(regex) = compile(text) else { return 0 };
    let matches = (0..0x80_u8).filter(|byte| regex.is_match(char::from(*byte).encode_utf8(&mut [0; 4])));
    matches.fold(0, |all, byte| all | 1 << byte)
}
