//! Rows that are no records, as those of a `stats` query: columns, numbers to the right.
//!
//! Invariant: at most [`SAMPLE`] rows are held, of [`SAMPLE_BYTES`] and one row. They decide on the columns; later rows are
//! printed as they come.

use serde_json::{Map, Value};

use super::pretty::{Line, Pretty, single_line, style};
use super::{Look, display};
use crate::record::level::Level;
use crate::sys::text::{cut, width};

/// How many rows decide on columns and widths.
const SAMPLE: usize = 1000;

/// How many bytes of them, as the server sent them.
const SAMPLE_BYTES: usize = 4 * 1024 * 1024;

/// Cells between two columns.
const GAP: usize = 2;

/// No column is cut to less than this.
const LEAST_CELLS: usize = 6;

/// What is the same for all rows.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    /// Only these columns, in this order.
    pub asked: Option<&'a [String]>,
    /// Otherwise these first: the server has no order of its own.
    pub order: &'a [String],
    pub look: &'a Look,
}

/// Prints rows as a table.
#[derive(Debug, Default)]
pub struct Table {
    /// Rows that wait until there are enough of them.
    sample: Vec<Map<String, Value>>,
    /// Their bytes.
    bytes: usize,
    /// Empty until the sample was looked at.
    columns: Vec<Column>,
    /// There are more columns than the terminal has room for.
    is_too_wide: bool,
    is_ready: bool,
}

#[derive(Debug)]
struct Column {
    name: String,
    cells: usize,
    is_number: bool,
}

impl Table {
    /// Takes a row, which came in so many bytes, and appends what can be printed.
    pub fn row(&mut self, row: Map<String, Value>, bytes: usize, layout: Layout, out: &mut Vec<u8>) {
        if self.is_ready && row.keys().any(|name| !self.has(name, layout.asked)) {
            // What the sample did not show: a new table.
            self.end(layout, out);
            out.push(b'\n');
        }
        if self.is_ready {
            return self.print(&row, layout, out);
        }
        self.sample.push(row);
        self.bytes += bytes;
        if self.sample.len() >= SAMPLE || self.bytes >= SAMPLE_BYTES {
            self.begin(layout, out);
        }
    }

    /// Appends what is left, and is ready for another table.
    pub fn end(&mut self, layout: Layout, out: &mut Vec<u8>) {
        if !self.is_ready && !self.sample.is_empty() {
            self.begin(layout, out);
        }
        *self = Self::default();
    }

    fn has(&self, name: &str, asked: Option<&[String]>) -> bool {
        self.is_too_wide
            || asked.is_some_and(|names| !names.iter().any(|known| known == name))
            || self.columns.iter().any(|column| column.name == name)
    }

    /// Decides on the columns, and prints the head and what waits.
    fn begin(&mut self, layout: Layout, out: &mut Vec<u8>) {
        let Layout { asked, order, look } = layout;
        self.is_ready = true;
        let sample = std::mem::take(&mut self.sample);
        let mut names: Vec<String> = asked.map(<[String]>::to_vec).unwrap_or_default();
        if asked.is_none() {
            let found = || sample.iter().flat_map(|row| row.keys());
            let ordered = order.iter().filter(|name| found().any(|known| known == *name));
            for name in ordered.chain(found()) {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        let column = |name: String| {
            let texts: Vec<_> = sample.iter().map(|row| cell(row, &name, look)).collect();
            let is_number = texts.iter().all(|text| text.is_empty() || text.parse::<f64>().is_ok())
                && texts.iter().any(|text| !text.is_empty());
            let widest = texts.iter().map(|text| width(text)).max().unwrap_or(0);
            Column { cells: widest.max(width(&single_line(&name))), name, is_number }
        };
        self.columns = names.into_iter().map(column).collect();
        if let Some(all) = look.width {
            let gaps = GAP * self.columns.len().saturating_sub(1);
            self.is_too_wide = !fit(&mut self.columns, all.saturating_sub(gaps));
        }
        if !self.is_too_wide {
            let mut line = Line::new(look, out);
            self.line(&mut line, look, |column| (single_line(&column.name).into_owned(), style::BOLD));
        }
        for row in &sample {
            self.print(row, layout, out);
        }
    }

    fn print(&self, row: &Map<String, Value>, layout: Layout, out: &mut Vec<u8>) {
        let Layout { asked, look, .. } = layout;
        if self.is_too_wide {
            return Pretty::default().row(row, asked, look, out);
        }
        let mut line = Line::new(look, out);
        self.line(&mut line, look, |column| {
            let text = cell(row, &column.name, look);
            let style = match column.name.as_str() {
                "level" => style::of(Level::parse(&text)),
                "_time" => style::DIM,
                _ => style::PLAIN,
            };
            (text, style)
        });
    }

    fn line(&self, line: &mut Line, look: &Look, text: impl Fn(&Column) -> (String, &'static str)) {
        for (at, column) in self.columns.iter().enumerate() {
            let (text, style) = text(column);
            // Without a width nothing is lost: a later text that is too long makes its line longer.
            let text = if look.width.is_some() {
                cut(&text, column.cells, look.ellipsis()).into_owned()
            } else {
                text
            };
            let blanks = column.cells.saturating_sub(width(&text));
            if at > 0 {
                line.pad(GAP);
            }
            if column.is_number {
                line.pad(blanks);
            }
            line.put(style, &text);
            if !column.is_number {
                line.pad(blanks);
            }
        }
        line.end();
    }
}

/// A field as it stands in the table; empty if it is missing.
fn cell(row: &Map<String, Value>, name: &str, look: &Look) -> String {
    let text = row.get(name).map(display).unwrap_or_default();
    let text = if name == "_time" { look.time(&text) } else { text };
    single_line(&text).into_owned()
}

/// Takes from the widest column, texts before numbers, until all fit; `false` if they cannot.
fn fit(columns: &mut [Column], room: usize) -> bool {
    for column in columns.iter_mut().filter(|column| !column.is_number) {
        column.cells = column.cells.min(room.max(LEAST_CELLS));
    }
    loop {
        let all: usize = columns.iter().map(|column| column.cells).sum();
        if all <= room {
            return true;
        }
        let can_give = |column: &&mut Column| column.cells > LEAST_CELLS && !column.is_number;
        let Some(widest) = columns.iter_mut().filter(can_give).max_by_key(|column| column.cells) else {
            return false;
        };
        widest.cells -= 1;
    }
}
