//! An answer's bytes -> rows, and what tells one row from another.
//!
//! Invariant: of a row at most [`MAX_ROW_BYTES`] are held; the rest of a longer one follows in parts.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::query::print::MAX_ROW_BYTES;
use crate::record::time::Time;
use crate::server::http::Failure;
use crate::sys::text;

/// A row, and what tells it from others.
pub(super) struct TailRow {
    /// With its line end; the beginning of one that is too long to be held.
    pub(super) line: Vec<u8>,
    pub(super) is_whole: bool,
    /// In nanoseconds since 1970.
    pub(super) time: Option<i64>,
    /// Of its fields, in whatever order they came; of one that cannot be read, of its bytes.
    pub(super) hash: u64,
}

impl TailRow {
    pub(super) fn new(line: Vec<u8>) -> Self {
        let hash = |what: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            what(&mut hasher);
            hasher.finish()
        };
        let is_whole = line.ends_with(b"\n");
        let text = text::text(&line);
        let (time, hash) = match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(fields) => {
                // The outbox knows no stream ids, and may write a time with other digits.
                let same =
                    fields.iter().filter(|(name, _)| !["_stream_id", "_time"].contains(&name.as_str()));
                let hashes = same.map(|(name, value)| hash(&|hasher| (name, value.as_str()).hash(hasher)));
                // A sum knows no order.
                let hash = hashes.fold(0, u64::wrapping_add);
                (fields.get("_time").and_then(|time| Time::parse(time.as_str()?)), hash)
            }
            // Where a row that is too long was cut is chance, so only what is there in any case counts.
            Err(_) => {
                (time_in(&text), hash(&|hasher| line.get(..MAX_ROW_BYTES).unwrap_or(&line).hash(hasher)))
            }
        };
        Self { time: time.map(|time| time.0), hash, is_whole, line }
    }

    /// Asserts that it has a time: without one it cannot be told whether it was shown.
    pub(super) fn check(&self) -> Result<(), Failure> {
        // In one that is too long to be held the time may come later.
        if self.time.is_none() && self.is_whole { Err(timeless()) } else { Ok(()) }
    }
}

/// The time of a row that is not all there.
fn time_in(text: &str) -> Option<Time> {
    struct TimeOf<'a>(&'a mut Option<Time>);

    impl<'de> Visitor<'de> for TimeOf<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a row")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut fields: M) -> Result<(), M::Error> {
            while let Some(name) = fields.next_key::<String>()? {
                if name == "_time" {
                    *self.0 = Time::parse(&fields.next_value::<String>()?);
                } else {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }

    let mut time = None;
    // It ends in an error where the row is cut.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(TimeOf(&mut time));
    time
}

fn timeless() -> Failure {
    Failure::Refused("could not follow: the rows have no _time; let the query keep it".to_owned())
}

/// A row, or more of one that is too long to be held.
pub(super) enum RowPart {
    TailRow(TailRow),
    More(Vec<u8>),
}

/// Puts rows together again that were cut into pieces.
#[derive(Default)]
pub(super) struct Rows {
    partial: Vec<u8>,
    /// The beginning of the row at hand was given, for it is too long to be held.
    is_too_long: bool,
}

impl Rows {
    /// Every row that is whole now, or too long.
    pub(super) fn of(&mut self, piece: &[u8]) -> Vec<RowPart> {
        let mut pieces = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let is_end = part.ends_with(b"\n");
            if self.is_too_long {
                pieces.push(RowPart::More(part.to_vec()));
                self.is_too_long = !is_end;
                continue;
            }
            self.partial.extend_from_slice(part);
            if is_end || self.partial.len() > MAX_ROW_BYTES {
                self.is_too_long = !is_end;
                pieces.push(RowPart::TailRow(TailRow::new(std::mem::take(&mut self.partial))));
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_another_order_make_the_same_row() {
        let one = TailRow::new(b"{\"_time\":\"2026-11-20T10:00:00Z\",\"a\":\"1\",\"b\":\"<\"}\n".to_vec());
        let other =
            TailRow::new(b"{\"b\":\"\\u003c\",\"a\":\"1\",\"_time\":\"2026-11-20T10:00:00Z\"}\n".to_vec());
        assert_eq!((one.time, one.hash), (other.time, other.hash));
        assert_ne!(
            one.hash,
            TailRow::new(b"{\"_time\":\"2026-11-20T10:00:00Z\",\"a\":\"2\",\"b\":\"<\"}\n".to_vec()).hash
        );
    }

    /// The rows of an answer that comes in these pieces, and what follows the beginning of those that are too long.
    fn put_together<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let mut rows = Rows::default();
        let found = pieces.into_iter().flat_map(|piece| rows.of(piece)).map(|piece| match piece {
            RowPart::TailRow(row) => row.line,
            RowPart::More(more) => more,
        });
        found.collect()
    }

    #[test]
    fn rows_are_put_together() {
        let pieces = ["a\nb", "c", "\n\nd\n", "e"];
        assert_eq!(put_together(pieces.map(str::as_bytes)), [&b"a\n"[..], b"bc\n", b"\n", b"d\n"]);
    }

    #[test]
    fn a_row_without_end_is_not_held_to_its_end() {
        let long = vec![b'x'; MAX_ROW_BYTES];
        let found = put_together([b"a\n", &long[..], b"y", b"z", b"\nb\n"]);
        assert_eq!(found.len(), 5);
        assert_eq!(
            (found[1].len(), &found[2..]),
            (MAX_ROW_BYTES + 1, &[b"z".to_vec(), b"\n".to_vec(), b"b\n".to_vec()][..])
        );
    }

    #[test]
    fn the_time_of_a_row_that_is_cut_is_found_before_the_cut() {
        let time = Time::parse("2026-11-20T10:00:00Z");
        for text in [
            "{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"a",
            "{\"a\":[{\"_time\":1}],\"_time\":\"2026-11-20T10:00:00Z\",\"b\":{\"c\":",
        ] {
            assert_eq!(time_in(text), time, "{text}");
        }
        for text in
            ["", "x", "{\"_time\":\"2026-11-20T10", "{\"_msg\":\"\\\"_time\\\":\\\"2026-11-20T10:00:00Z\\\""]
        {
            assert_eq!(time_in(text), None, "{text}");
        }
    }
}
