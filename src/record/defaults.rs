//! What the records of one command line have in common: fields, and the level of those that state none.
//!
//! The only place where a level is raised because of mistakes, and compared with the minimum of `VLOG_MIN_LEVEL`.

use crate::record::fields::Fields;
use crate::record::item::Item;
use crate::record::level::Level;

/// What a record has where its line says nothing else.
#[derive(Debug)]
pub struct Defaults {
    /// `None` if a field `level` holds a word that is no level.
    level: Option<Level>,
    /// No record has less.
    floor: Option<Level>,
    /// Records below it are not sent.
    minimum: Option<Level>,
    fields: Fields,
}

/// The record is not sent: its level is below the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BelowMinimum;

impl Defaults {
    /// Of several `items` with one name the last wins; one called `level` is the level, which is `info` otherwise. With
    /// mistakes in the command line the level is `warn` at least.
    #[must_use]
    pub fn new(mut items: Vec<Item>, has_mistakes: bool, minimum: Option<Level>) -> Self {
        // An empty text is no field, so it does not hide a level before it.
        let stated = items.iter().rev().find(|item| item.key == "level" && item.value != "");
        let level = stated.map_or(Some(Level::Info), |item| item.value.as_str().and_then(Level::parse));
        items.retain(|item| item.key != "level" || (level.is_none() && item.value != ""));
        let floor = has_mistakes.then_some(Level::Warn);
        Self { level, floor, minimum, fields: Fields::new(items) }
    }

    /// The fields of every record, where a line has none of that name.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The level of a record whose line states `of_line`; `None` if the fields state it in a word of their own.
    ///
    /// # Errors
    /// It is below the minimum.
    pub fn level(&self, of_line: Option<Level>) -> Result<Option<Level>, BelowMinimum> {
        let level = of_line.or(self.level).map(|level| self.floor.map_or(level, |floor| level.max(floor)));
        let is_below = level.zip(self.minimum).is_some_and(|(level, minimum)| level < minimum);
        if is_below { Err(BelowMinimum) } else { Ok(level) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level of a line that states `of_line`, with these values of `level` in the command line.
    fn level(
        stated: &[&str],
        has_mistakes: bool,
        of_line: Option<Level>,
    ) -> Result<Option<Level>, BelowMinimum> {
        let items =
            stated.iter().map(|text| Item { key: "level".to_owned(), value: (*text).into() }).collect();
        Defaults::new(items, has_mistakes, Some(Level::Info)).level(of_line)
    }

    #[test]
    fn the_line_goes_before_the_command_line_and_the_last_level_there_wins() {
        for (stated, of_line, expected) in [
            (&[][..], None, Ok(Some(Level::Info))),
            (&[], Some(Level::Error), Ok(Some(Level::Error))),
            (&["warn", "error"], None, Ok(Some(Level::Error))),
            (&["warn", ""], None, Ok(Some(Level::Warn))),
            (&["warn"], Some(Level::Info), Ok(Some(Level::Info))),
            (&["strange"], None, Ok(None)),
            (&["strange"], Some(Level::Error), Ok(Some(Level::Error))),
            (&["debug"], None, Err(BelowMinimum)),
            (&[], Some(Level::Debug), Err(BelowMinimum)),
        ] {
            assert_eq!(level(stated, false, of_line), expected, "{stated:?} {of_line:?}");
        }
    }

    #[test]
    fn a_mistake_makes_it_a_warning_at_least_before_the_minimum_is_asked() {
        assert_eq!(level(&["debug"], true, None), Ok(Some(Level::Warn)));
        assert_eq!(level(&[], true, Some(Level::Debug)), Ok(Some(Level::Warn)));
        assert_eq!(level(&["error"], true, None), Ok(Some(Level::Error)));
        assert_eq!(level(&["strange"], true, None), Ok(None));
    }
}
