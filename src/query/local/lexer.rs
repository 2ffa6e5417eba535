//! A query as tokens, cut as the server cuts it: words of letters, digits, `_` and `.`, quoted texts, and single
//! characters; `#` begins a comment.
//!
//! Words with other characters among them (`a-b/c`) are put together by whoever reads them: see [`Lexer::compound`].

use super::Refusal;
use super::word::is_word;

/// What ends a word that may hold other characters.
pub const STOPS: [&str; 7] = [",", "(", ")", "[", "]", "|", ""];

/// What ends a phrase: the same, a star, which makes a prefix of it, and last a colon, which makes a field's name of it.
const PHRASE_STOPS: [&str; 9] = ["*", ",", "(", ")", "[", "]", "|", "", ":"];

/// What ends a phrase; within that of a field a colon does not.
pub fn phrase_stops(in_field: bool) -> &'static [&'static str] {
    if in_field { PHRASE_STOPS.get(..8).unwrap_or_default() } else { &PHRASE_STOPS }
}

/// A place in a query, and the token there.
#[derive(Debug, Clone)]
pub struct Lexer<'q> {
    query: &'q str,
    /// Where the rest begins, behind the token.
    next: usize,
    /// Where the token begins.
    at: usize,
    /// What the token says, without its quotes. Empty at the end.
    token: String,
    raw: &'q str,
    /// What the token before it said.
    before: String,
    /// Whether there is white space before the token.
    pub is_apart: bool,
}

impl<'q> Lexer<'q> {
    /// Stands at the first token.
    pub fn new(query: &'q str) -> Self {
        let mut lexer = Self {
            query,
            next: 0,
            at: 0,
            token: String::new(),
            raw: "",
            before: String::new(),
            is_apart: false,
        };
        lexer.advance();
        lexer
    }

    /// A refusal that points at the token. What it repeats of the query is shown in one line.
    pub fn refusal(&self, what: impl AsRef<str>) -> Refusal {
        let show = |char: char| if char.is_control() { ' ' } else { char };
        Refusal { what: what.as_ref().chars().map(show).collect(), at: Some(self.at) }
    }

    /// A refusal of what is not expected here.
    pub fn unexpected(&self, wanted: &str) -> Refusal {
        let found = if self.is_end() { "the end".to_owned() } else { format!("'{}'", self.raw) };
        self.refusal(format!("{found} where {wanted} is expected"))
    }

    /// A refusal of what the server alone can answer.
    pub fn needs_server(&self, construct: &str) -> Refusal {
        self.refusal(format!("{construct} needs the server"))
    }

    pub fn is_end(&self) -> bool {
        self.raw.is_empty()
    }

    /// What the token says.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The token as it stands in the query, in lower case.
    pub fn raw_lower(&self) -> String {
        self.raw.to_lowercase()
    }

    /// Whether the token before this one is one of these; the empty one stands for the beginning.
    pub fn is_after(&self, tokens: &[&str]) -> bool {
        tokens.contains(&self.before.as_str())
    }

    /// Whether the token is one of these and not in quotes. The empty one is the end.
    pub fn is(&self, words: &[&str]) -> bool {
        self.token.len() == self.raw.len() && words.iter().any(|word| self.token.eq_ignore_ascii_case(word))
    }

    /// Goes on if the token is one of these.
    pub fn take(&mut self, words: &[&str]) -> bool {
        let found = self.is(words);
        if found {
            self.advance();
        }
        found
    }

    /// Goes on behind this token, or refuses what is there instead.
    pub fn expect(&mut self, word: &str) -> Result<(), Refusal> {
        if self.take(&[word]) { Ok(()) } else { Err(self.unexpected(&format!("'{word}'"))) }
    }

    /// Takes the token, whatever it is.
    pub fn grab(&mut self) -> String {
        let token = self.token.clone();
        self.advance();
        token
    }

    /// Goes on to the next token.
    pub fn advance(&mut self) {
        self.before = std::mem::take(&mut self.token);
        self.is_apart = false;
        self.raw = "";
        loop {
            let rest = self.query.get(self.next..).unwrap_or_default();
            let blank = rest.len() - rest.trim_start_matches(is_space).len();
            self.is_apart |= blank > 0;
            self.next += blank;
            let rest = rest.get(blank..).unwrap_or_default();
            if !rest.starts_with('#') {
                break;
            }
            self.next += rest.find('\n').map_or(rest.len(), |end| end + 1);
        }
        self.at = self.next;
        let rest = self.query.get(self.next..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return };
        let word = rest.find(|char| !(is_word(char) || char == '.')).unwrap_or(rest.len());
        let quoted = if word > 0 { None } else { unquote(rest, first) };
        let length = match (word, &quoted) {
            (1.., _) => word,
            (_, Some((length, _))) => *length,
            _ if first == '=' && rest.starts_with("=~") => 2,
            _ if first == '!' && (rest.starts_with("!~") || rest.starts_with("!=")) => 2,
            _ => first.len_utf8(),
        };
        self.raw = rest.get(..length).unwrap_or_default();
        self.token = quoted.map_or_else(|| self.raw.to_owned(), |(_, text)| text);
        self.next += length;
    }

    /// A word that may hold other characters, up to white space or one of these stops. Quotes count only around the
    /// whole of it.
    pub fn compound(&mut self, stops: &[&str]) -> Result<String, Refusal> {
        if self.is(&["\"", "'", "`"]) {
            return Err(self.refusal("a quoted text without its end, or with an escape that does not exist"));
        }
        if self.is(stops) {
            return Err(self.unexpected("a word"));
        }
        Ok(self.joined(stops))
    }

    /// The same of an argument, which may be empty.
    pub fn argument(&mut self) -> String {
        if self.is(&["*"]) {
            return String::new();
        }
        self.joined(&["*", ",", "(", ")", "|", ""])
    }

    fn joined(&mut self, stops: &[&str]) -> String {
        let (start, mut end) = (self.at, self.next);
        let token = self.grab();
        let first = end;
        while !self.is_apart && !self.is(stops) && !self.is_end() {
            end = self.next;
            self.advance();
        }
        if end == first { token } else { self.query.get(start..end).unwrap_or_default().to_owned() }
    }

    /// What follows a word without white space, up to a stop.
    pub fn suffix(&mut self, stops: &[&str]) -> String {
        let mut suffix = String::new();
        while !self.is_apart && !self.is(stops) && !self.is_end() {
            suffix.push_str(self.raw);
            self.advance();
        }
        suffix
    }
}

/// White space as Go knows it.
fn is_space(char: char) -> bool {
    char.is_whitespace()
}

/// The length of the quoted text that `rest` begins with, and what it says. `None` if it is none.
pub fn unquote(rest: &str, quote: char) -> Option<(usize, String)> {
    let inside = rest.get(1..)?;
    match quote {
        '`' => {
            let end = inside.find('`')?;
            Some((end + 2, inside.get(..end)?.replace('\r', "")))
        }
        '"' | '\'' => {
            let mut bytes = Vec::new();
            let mut left = inside;
            while !left.starts_with(quote) {
                left = character(left, quote, &mut bytes)?;
            }
            // Texts that are no UTF-8 match nothing that is stored here.
            Some((rest.len() - left.len() + 1, String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => None,
    }
}

/// Appends the character that a quoted text begins with, by Go's rules, and gives the rest.
fn character<'t>(text: &'t str, quote: char, out: &mut Vec<u8>) -> Option<&'t str> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first != '\\' {
        // Single quotes may hold line ends.
        if first == '\n' && quote == '"' {
            return None;
        }
        out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
        return Some(chars.as_str());
    }
    let digits = match chars.next()? {
        'a' => return Some(plain(7, chars.as_str(), out)),
        'b' => return Some(plain(8, chars.as_str(), out)),
        'f' => return Some(plain(12, chars.as_str(), out)),
        'n' => return Some(plain(b'\n', chars.as_str(), out)),
        'r' => return Some(plain(b'\r', chars.as_str(), out)),
        't' => return Some(plain(b'\t', chars.as_str(), out)),
        'v' => return Some(plain(11, chars.as_str(), out)),
        '\\' => return Some(plain(b'\\', chars.as_str(), out)),
        same @ ('"' | '\'') if same == quote => {
            return Some(plain(u8::try_from(same).ok()?, chars.as_str(), out));
        }
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '0'..='7' => {
            let digits = text.get(1..4)?;
            let code = u8::from_str_radix(digits, 8).ok()?;
            byte(code, quote, out);
            return text.get(4..);
        }
        _ => return None,
    };
    let code =
        chars.as_str().get(..digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let code = u32::from_str_radix(code, 16).ok()?;
    let rest = chars.as_str().get(digits..)?;
    if digits == 2 {
        byte(u8::try_from(code).ok()?, quote, out);
        return Some(rest);
    }
    out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

/// Appends a byte given by its number, which in single quotes the server takes for a character.
fn byte(code: u8, quote: char, out: &mut Vec<u8>) {
    if quote == '\'' {
        out.extend_from_slice(char::from(code).encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.push(code);
    }
}

fn plain<'t>(byte: u8, rest: &'t str, out: &mut Vec<u8>) -> &'t str {
    out.push(byte);
    rest
}
