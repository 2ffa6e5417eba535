//! A record for a person to read: time, level, service, message, then the other fields.
//!
//! Invariant: where there is a width no line takes more cells than it. What is too long goes on below, indented.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Look, display};
use crate::record::level::Level;
use crate::sys::text::{cut, fitting, harmless, width};

/// Fits the six names of levels.
const LEVEL_CELLS: usize = 5;

/// Longer words in the field `level` are no levels.
const MAX_LEVEL_CELLS: usize = 12;

/// The column of services grows to this; longer names push the message aside.
const MAX_SERVICE_CELLS: usize = 20;

/// With fewer cells than this left for the message, its further lines begin near the left edge.
const LEAST_MESSAGE_CELLS: usize = 40;

/// How far from the left edge they begin then.
const NARROW_INDENT: usize = 4;

/// What a terminal shows of a message: some hundred lines. The other outputs give all of it.
const MAX_MESSAGE_CELLS: usize = 8000;

/// What a terminal shows of any other field.
const MAX_VALUE_CELLS: usize = 1000;

/// Fields that have a place of their own at the beginning.
const BEFORE: [&str; 4] = ["_time", "level", "service", "_msg"];

/// Fields that only the server has a use for: shown only if they are asked for.
const OF_THE_SERVER: [&str; 2] = ["_stream", "_stream_id"];

/// Codes of "select graphic rendition". Only those that a user's theme decides on: readable on dark and on light.
pub mod style {
    use super::Level;

    pub const PLAIN: &str = "";
    pub const DIM: &str = "2";
    pub const BOLD: &str = "1";
    pub const SERVICE: &str = "36";

    /// The colour of a level; `None` is a word that is no level.
    #[must_use]
    pub fn of(level: Option<Level>) -> &'static str {
        match level {
            Some(Level::Fatal) => "1;35",
            Some(Level::Error) => "1;31",
            Some(Level::Warn) => "33",
            Some(Level::Info) => "32",
            Some(Level::Debug) => "34",
            Some(Level::Trace) => "2",
            None => PLAIN,
        }
    }
}

/// Writes records one below the other.
#[derive(Debug, Default)]
pub struct Pretty {
    /// The widest service so far.
    service_cells: usize,
}

impl Pretty {
    /// Appends a row. `asked` are the fields to show; without it all but those of the server.
    pub fn row(
        &mut self,
        row: &Map<String, Value>,
        asked: Option<&[String]>,
        look: &Look,
        out: &mut Vec<u8>,
    ) {
        let mut line = Line::new(look, out);
        let is_asked = |name: &str| asked.is_none_or(|names| names.iter().any(|known| known == name));
        let get = |name: &str| row.get(name).filter(|_| is_asked(name)).map(display);
        let time = get("_time");
        if let Some(time) = &time {
            line.put(style::DIM, &harmless(&look.time(time)));
            line.put(style::PLAIN, " ");
        }
        match get("level") {
            Some(level) => put_level(&level, &mut line),
            // The column stays where there are times, so that services stand below each other.
            None if time.is_some() && is_asked("level") => line.pad(LEVEL_CELLS + 1),
            None => {}
        }
        if let Some(service) = get("service") {
            self.put_service(&service, &mut line);
        }
        line.indent = match look.width {
            Some(all) if all < 2 * NARROW_INDENT => 0,
            Some(all) if all < line.column + LEAST_MESSAGE_CELLS => NARROW_INDENT,
            _ => line.column,
        };
        if let Some(message) = get("_msg") {
            line.message(&message);
        }
        // Two cells end the message, one each field.
        let mut gap = 2;
        for (name, value) in others(row, asked) {
            let value = display(value);
            let value = value_word(&value);
            let value =
                if look.width.is_some() { cut(&value, MAX_VALUE_CELLS, look.ellipsis()) } else { value };
            line.field(&value_word(name), &value, std::mem::replace(&mut gap, 1));
        }
        line.end();
    }

    /// Appends the service and fills its column, which grows with the services that came.
    fn put_service(&mut self, service: &str, line: &mut Line) {
        let shown = single_line(service);
        let shown = if line.look.width.is_some() {
            cut(&shown, 2 * MAX_SERVICE_CELLS, line.look.ellipsis())
        } else {
            Cow::Borrowed(&*shown)
        };
        let cells = width(&shown);
        self.service_cells = self.service_cells.max(cells.min(MAX_SERVICE_CELLS));
        line.put(style::SERVICE, &shown);
        line.pad(self.service_cells.saturating_sub(cells) + 1);
    }
}

/// Appends the level and fills its column.
fn put_level(level: &str, line: &mut Line) {
    let known = Level::parse(level);
    let shown = single_line(level);
    let shown = cut(&shown, MAX_LEVEL_CELLS, line.look.ellipsis());
    line.put(style::of(known), &shown);
    line.pad(LEVEL_CELLS.saturating_sub(width(&shown)) + 1);
}

/// The fields that stand behind the message: as they were asked for, or as the row has them.
fn others<'a>(row: &'a Map<String, Value>, asked: Option<&'a [String]>) -> Vec<(&'a str, &'a Value)> {
    if let Some(names) = asked {
        let behind = names.iter().filter(|name| !BEFORE.contains(&name.as_str()));
        return behind.filter_map(|name| Some((name.as_str(), row.get(name)?))).collect();
    }
    let all = row.iter().map(|(name, value)| (name.as_str(), value));
    all.filter(|(name, _)| !BEFORE.contains(name) && !OF_THE_SERVER.contains(name)).collect()
}

/// Appends a line that is no row.
pub fn text(text: &str, look: &Look, out: &mut Vec<u8>) {
    let mut line = Line::new(look, out);
    line.message(text);
    line.end();
}

/// The harmless beginning of a text: half of what a terminal shows of a message.
#[must_use]
pub fn beginning(text: &str, look: &Look) -> String {
    let ends = text.char_indices().map(|(at, _)| at);
    // Bounded in bytes first: a letter with a thousand accents is one cell wide.
    let end = ends.take_while(|at| *at < 4 * MAX_MESSAGE_CELLS).last().unwrap_or(0);
    let text = harmless(text.get(..end).unwrap_or_default());
    cut(&text, MAX_MESSAGE_CELLS / 2, look.ellipsis()).into_owned()
}

/// A value as one word that shows where it ends: in quotes if it has to be.
fn value_word(value: &str) -> Cow<'_, str> {
    let is_bare = |char: char| !char.is_whitespace() && char != '"';
    if !value.is_empty() && value.chars().all(is_bare) {
        return harmless(value);
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    Cow::Owned(format!("\"{}\"", harmless(&escaped)))
}

/// Harmless, and with line ends written out.
pub fn single_line(text: &str) -> Cow<'_, str> {
    let safe = harmless(text);
    if safe.contains('\n') { Cow::Owned(safe.replace('\n', "\\n")) } else { safe }
}

/// Puts words on lines that fit.
pub struct Line<'a> {
    look: &'a Look,
    out: &'a mut Vec<u8>,
    /// Cells used of the line.
    column: usize,
    /// Where a line begins that goes on from the one above.
    indent: usize,
    /// The style in force.
    style: &'static str,
}

impl<'a> Line<'a> {
    /// An empty line.
    pub fn new(look: &'a Look, out: &'a mut Vec<u8>) -> Self {
        Self { look, out, column: 0, indent: 0, style: style::PLAIN }
    }

    /// Appends a text without line ends, broken wherever the line is full.
    pub fn put(&mut self, style: &'static str, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let room = self.look.width.map(|all| all.saturating_sub(self.column));
            let end = match room {
                Some(0) => {
                    self.go_on();
                    continue;
                }
                Some(room) => {
                    let end = fitting(rest, room);
                    // A wide character does not fit into the last cell.
                    let is_too_wide = width(rest.get(..end).unwrap_or_default()) > room;
                    if is_too_wide && self.column > self.indent {
                        self.go_on();
                        continue;
                    }
                    end
                }
                None => rest.len(),
            };
            let (piece, after) = rest.split_at(end);
            self.dress(style);
            self.out.extend_from_slice(piece.as_bytes());
            self.column += width(piece);
            rest = after;
        }
    }

    /// Appends a text, broken between words where that helps.
    pub fn words(&mut self, style: &'static str, text: &str) {
        let Some(all) = self.look.width.filter(|all| self.column + width(text) > *all) else {
            return self.put(style, text);
        };
        for word in text.split_inclusive(' ') {
            let bare = word.trim_end_matches(' ');
            let cells = width(bare);
            if self.column + cells > all && self.column > self.indent && self.indent + cells <= all {
                self.go_on();
            }
            self.put(style, bare);
            // Of the blanks at the end of a line only those are written that fit.
            let blanks = word.len() - bare.len();
            self.pad(blanks.min(all.saturating_sub(self.column)));
        }
    }

    /// Appends a message; its further lines stand below the first.
    fn message(&mut self, message: &str) {
        let text = message.replace("\r\n", "\n");
        let text = harmless(text.trim_end_matches('\n'));
        let text = if self.look.width.is_some() {
            cut(&text, MAX_MESSAGE_CELLS, self.look.ellipsis())
        } else {
            text
        };
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.go_on();
            }
            self.words(style::PLAIN, line);
        }
    }

    /// Appends `name=value`, on a new line if it does not fit on this one.
    fn field(&mut self, name: &str, value: &str, gap: usize) {
        let cells = width(name) + 1 + width(value);
        if self.column > self.indent {
            let fits = self.look.width.is_none_or(|all| self.column + gap + cells <= all);
            if fits { self.pad(gap) } else { self.go_on() }
        }
        self.put(style::DIM, name);
        self.put(style::DIM, "=");
        self.words(style::PLAIN, value);
    }

    /// Appends one of several things, two cells behind the one before, on a new line if it does not fit on this one.
    pub fn item(&mut self, style: &'static str, text: &str) {
        if self.column > self.indent {
            let fits = self.look.width.is_none_or(|all| self.column + 2 + width(text) <= all);
            if fits { self.pad(2) } else { self.go_on() }
        }
        self.put(style, text);
    }

    /// Appends blanks, as many as fit.
    pub fn pad(&mut self, cells: usize) {
        let cells = self.look.width.map_or(cells, |all| cells.min(all.saturating_sub(self.column)));
        self.dress(style::PLAIN);
        self.out.extend(std::iter::repeat_n(b' ', cells));
        self.column += cells;
    }

    /// Goes on below.
    fn go_on(&mut self) {
        self.end();
        self.pad(self.indent);
    }

    /// Ends the line, without the blanks at its end.
    pub fn end(&mut self) {
        self.dress(style::PLAIN);
        while self.out.last() == Some(&b' ') {
            self.out.pop();
        }
        self.out.push(b'\n');
        self.column = 0;
    }

    fn dress(&mut self, style: &'static str) {
        if style == self.style || !self.look.color {
            return;
        }
        if !self.style.is_empty() {
            self.out.extend_from_slice(b"\x1b[0m");
        }
        if !style.is_empty() {
            self.out.extend_from_slice(format!("\x1b[{style}m").as_bytes());
        }
        self.style = style;
    }
}
