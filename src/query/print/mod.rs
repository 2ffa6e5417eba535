//! What `query` prints: bytes of the server's rows in, bytes for stdout out.
//!
//! Pure: how wide, whether in colour, in which zone and in which characters are arguments. Invariants: without
//! chosen fields JSON comes out byte for byte as it went in; at most one row is held, or the sample of a table, and of
//! that row [`MAX_ROW_BYTES`].

pub mod histogram;
pub mod pretty;
mod table;

use std::cell::RefCell;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::record::time::Time;
use crate::sys::text;

/// Rows up to this length are held in memory. The server stores none of more than 2 MiB; only a query can make a longer
/// one. The bytes of such a row are printed as they come, unread; for people only its beginning is.
pub const MAX_ROW_BYTES: usize = 4 * 1024 * 1024;

/// What people are told behind the beginning of such a row.
const CUT: &str = " (cut: a row of more than 4 MiB; -o json gives all of it)";

/// How output for people looks.
pub struct Look {
    /// Cells of a line; with `None` no line is broken.
    pub width: Option<usize>,
    /// In colour.
    pub color: bool,
    /// Whether characters beyond ASCII may be added.
    pub unicode: bool,
    /// Whose clock.
    pub zone: TimeZone,
    /// The second that was written last, and how.
    last_second: RefCell<(Option<i64>, String)>,
}

impl Look {
    /// `width` is in cells; `zone` is the one that times are shown in.
    #[must_use]
    pub fn new(width: Option<usize>, color: bool, unicode: bool, zone: TimeZone) -> Self {
        Self { width, color, unicode, zone, last_second: RefCell::default() }
    }

    /// What stands for what was cut off.
    #[must_use]
    pub fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "~" }
    }

    /// `2026-11-20 10:00:00`, from seconds since 1970.
    fn second(&self, second: i64) -> String {
        let local = self.zone.to_datetime(Timestamp::from_second(second).unwrap_or_default());
        let (date, time) = (local.date(), local.time());
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            date.year(),
            date.month(),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    /// A `_time` on the reader's clock, in a form that `--since` takes; as it is if it is no time.
    fn time(&self, text: &str) -> String {
        let Some(time) = Time::parse(text) else { return text.to_owned() };
        let second = time.0.div_euclid(1_000_000_000);
        let mut last = self.last_second.borrow_mut();
        if last.0 != Some(second) {
            *last = (Some(second), self.second(second));
        }
        let mut shown = last.1.clone();
        // Writing to memory cannot fail.
        let _ = write!(shown, ".{:03}", time.0.rem_euclid(1_000_000_000) / 1_000_000);
        if self.zone == TimeZone::UTC {
            shown.push('Z');
        }
        shown
    }
}

/// What becomes of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The server's JSON, a row a line.
    Json,
    /// For people.
    Pretty,
    /// Messages only.
    Raw,
}

/// Turns the rows into what is printed.
pub struct Printer {
    form: Form,
    /// Only these fields, in this order.
    fields: Option<Vec<String>>,
    look: Look,
    /// Whether rows that are no records may wait for a table.
    tables: bool,
    /// The beginning of a row whose end has not come yet.
    partial: Vec<u8>,
    /// The row at hand is too long to be held, and its beginning was printed.
    is_too_long: bool,
    /// Bytes to print.
    out: Vec<u8>,
    pretty: pretty::Pretty,
    table: table::Table,
    /// Names in the order in which a table should have them.
    order: Vec<String>,
    /// Lines of JSON are counted until there are more than this; counting costs time.
    enough: u64,
    rows: u64,
    printed: u64,
    /// Of JSON that goes through: whether a row has begun.
    has_begun: bool,
}

impl Printer {
    /// Prints `fields`, or all; in a table as `order` has them. Rows of a live tail never wait for a table. More than
    /// `enough` rows need not be counted.
    #[must_use]
    pub fn new(
        form: Form,
        fields: Option<Vec<String>>,
        order: Vec<String>,
        look: Look,
        is_live: bool,
        enough: u64,
    ) -> Self {
        Self {
            form,
            fields,
            look,
            tables: !is_live,
            partial: Vec::new(),
            is_too_long: false,
            out: Vec::new(),
            pretty: pretty::Pretty::default(),
            table: table::Table::default(),
            order,
            enough,
            rows: 0,
            printed: 0,
            has_begun: false,
        }
    }

    /// How many rows came, or that there are more than enough.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many of them were printed: those that have one of the fields.
    #[must_use]
    pub fn printed(&self) -> u64 {
        self.printed
    }

    /// Takes a piece of the server's answer, and gives what to print now.
    pub fn piece<'a>(&'a mut self, piece: &'a [u8]) -> &'a [u8] {
        if self.form == Form::Json && self.fields.is_none() {
            self.count(piece);
            return piece;
        }
        self.out.clear();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let is_end = part.ends_with(b"\n");
            if self.is_too_long {
                self.go_on(part);
                self.is_too_long = !is_end;
            } else if is_end && self.partial.is_empty() {
                self.row(part);
            } else {
                self.partial.extend_from_slice(part);
                if is_end {
                    let whole = std::mem::take(&mut self.partial);
                    self.row(&whole);
                } else if self.partial.len() > MAX_ROW_BYTES {
                    self.begin_too_long();
                }
            }
        }
        &self.out
    }

    /// Gives what is left to print. A row without its end is printed if the answer is complete.
    pub fn end(&mut self, is_complete: bool) -> &[u8] {
        self.out.clear();
        let rest = std::mem::take(&mut self.partial);
        if is_complete && !rest.is_empty() {
            self.row(&rest);
        }
        self.end_too_long();
        if self.has_begun {
            self.count(b"\n");
        }
        self.end_table();
        &self.out
    }

    /// Gives what ends a row of which no more will come, before the rows of another answer.
    pub fn break_off(&mut self) -> &[u8] {
        self.out.clear();
        self.partial.clear();
        self.end_too_long();
        if std::mem::take(&mut self.has_begun) {
            self.out.push(b'\n');
        }
        &self.out
    }

    /// Counts the rows of JSON that goes through.
    fn count(&mut self, piece: &[u8]) {
        if self.rows > self.enough {
            // It is still of interest whether the answer ends within a row.
            self.has_begun = !piece.ends_with(b"\n");
            return;
        }
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.has_begun |= !part.trim_ascii().is_empty();
            if part.ends_with(b"\n") && std::mem::take(&mut self.has_begun) {
                self.rows += 1;
                self.printed += 1;
            }
        }
    }

    /// Prints the beginning of a row that is too long to be held.
    fn begin_too_long(&mut self) {
        self.is_too_long = true;
        self.rows += 1;
        self.printed += 1;
        self.end_table();
        let begun = std::mem::take(&mut self.partial);
        if self.form == Form::Pretty {
            let shown = pretty::beginning(&text::text(&begun), &self.look);
            pretty::text(&format!("{shown}{CUT}"), &self.look, &mut self.out);
        } else {
            self.out.extend_from_slice(&begun);
        }
    }

    /// Prints more of it.
    fn go_on(&mut self, part: &[u8]) {
        if self.form != Form::Pretty {
            self.out.extend_from_slice(part);
        }
    }

    /// Ends it where its line end is missing.
    fn end_too_long(&mut self) {
        if std::mem::take(&mut self.is_too_long) {
            self.go_on(b"\n");
        }
    }

    fn end_table(&mut self) {
        let layout = table::Layout { asked: self.fields.as_deref(), order: &self.order, look: &self.look };
        self.table.end(layout, &mut self.out);
    }

    /// One row, with or without its line end.
    fn row(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        self.rows += 1;
        let text = text::text(line);
        let asked = self.fields.as_deref();
        let layout = table::Layout { asked, order: &self.order, look: &self.look };
        let Ok(row) = serde_json::from_str::<Map<String, Value>>(&text) else {
            // No row, but the server sent it: shown as it is.
            self.printed += 1;
            if self.form == Form::Pretty {
                self.table.end(layout, &mut self.out);
                return pretty::text(&text, &self.look, &mut self.out);
            }
            self.out.extend_from_slice(line);
            self.out.push(b'\n');
            return;
        };
        if asked.is_some_and(|names| !names.iter().any(|name| row.contains_key(name))) {
            // As the server's own `fields` pipe has it.
            return;
        }
        self.printed += 1;
        match self.form {
            Form::Json => {
                let names = asked.unwrap_or_default().iter();
                let some: Map<_, _> =
                    names.filter_map(|name| Some((name.clone(), row.get(name)?.clone()))).collect();
                self.out.extend_from_slice(&text::bytes(&Value::Object(some).to_string()));
                self.out.push(b'\n');
            }
            Form::Raw => {
                let texts: Vec<_> = match asked {
                    Some(names) => {
                        names.iter().map(|name| row.get(name).map(display).unwrap_or_default()).collect()
                    }
                    None if row.contains_key("_msg") => row.get("_msg").map(display).into_iter().collect(),
                    None => row.values().map(display).collect(),
                };
                self.out.extend_from_slice(&text::bytes(&texts.join("\t")));
                self.out.push(b'\n');
            }
            Form::Pretty => {
                let is_record =
                    row.contains_key("_msg") && asked.is_none_or(|names| names.iter().any(|n| n == "_msg"));
                if is_record || !self.tables {
                    self.table.end(layout, &mut self.out);
                    self.pretty.row(&row, asked, &self.look, &mut self.out);
                } else {
                    self.table.row(row, line.len(), layout, &mut self.out);
                }
            }
        }
    }
}

/// A value as text. The server's are all strings.
fn display(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
