//! Pieces of lines in, batches of records out: their times, levels and fields, and when a batch is full or due.
//!
//! Each record is later than the one before, so that sorting by time gives the lines back as they came.

use std::time::{Duration, Instant};

use crate::intake::redact::Redactor;
use crate::intake::text::lines::Piece;
use crate::intake::text::parse::Parser;
use crate::record::defaults::Defaults;
use crate::record::level::Level;
use crate::record::time::Time;
use crate::record::{Batch, Encoder, FieldBuffer, Parts, Record};

/// A batch goes out when it has this many records...
const BATCH_RECORDS: u64 = 1000;

/// ...or this many bytes: VictoriaLogs takes most per second in bodies of 100 to 250 KB...
const BATCH_BYTES: usize = 256 * 1024;

/// ...or when its first record is this old.
const BATCH_AGE: Duration = Duration::from_secs(1);

/// Records read at once are so far apart in time. VictoriaLogs finds the newest N by halving the time range, and
/// misses some that are less than 10 ns apart.
const STEP_NANOSECONDS: i64 = 100;

/// One stream of lines.
pub struct Source<'a> {
    defaults: &'a Defaults,
    parser: Parser,
    /// Takes secrets out, if that was asked for.
    redactor: Option<Redactor>,
    long: Long<'a>,
}

/// A line that comes in pieces.
enum Long<'a> {
    /// There is none.
    Nothing,
    /// The record that they make.
    Record(Parts<'a>),
    /// It is below the minimum.
    LeftOut,
}

impl<'a> Source<'a> {
    /// `parser` understands the lines; what they do not say, `defaults` do.
    #[must_use]
    pub fn new(defaults: &'a Defaults, parser: Parser) -> Self {
        Self { defaults, parser, redactor: None, long: Long::Nothing }
    }

    /// Takes the secrets out of all that comes, before anything else is done with it.
    #[must_use]
    pub fn redacting(mut self, redactor: Option<Redactor>) -> Self {
        self.redactor = redactor;
        self
    }
}

/// Turns lines into records, and those into batches.
pub struct Assembler {
    encoder: Encoder,
    /// The time of the newest record; each is later than the one before.
    last: Time,
    own_times: OwnTimes,
    batch: Batch,
    opened: Option<Instant>,
    /// Records whose own time the server may not keep, and why the first of them.
    doubtful: (u64, Option<&'static str>),
}

impl Assembler {
    /// `encoder` writes the records.
    #[must_use]
    pub fn new(encoder: Encoder) -> Self {
        let (batch, own_times) = (Batch::default(), OwnTimes::default());
        Self { encoder, last: Time(0), own_times, batch, opened: None, doubtful: (0, None) }
    }

    /// Takes a piece of what was read from `source` at `now`; how many records that made.
    pub fn take(&mut self, piece: Piece, now: Time, source: &mut Source) -> u64 {
        let Some(redactor) = &mut source.redactor else { return self.take_clean(piece, now, source) };
        let rest = if matches!(piece, Piece::End) { redactor.rest() } else { None };
        let piece = redactor.piece(piece);
        let of_rest = rest.map_or(0, |rest| self.take_clean(Piece::Part(rest.into()), now, source));
        of_rest + self.take_clean(piece, now, source)
    }

    fn take_clean(&mut self, piece: Piece, now: Time, source: &mut Source) -> u64 {
        let time = now.max(Time(self.last.0.saturating_add(STEP_NANOSECONDS)));
        let Source { defaults, parser, long, .. } = source;
        let fields = defaults.fields();
        let out = &mut self.batch.lines;
        let written = match piece {
            Piece::Line(text) if parser.skips(&text) => return 0,
            Piece::Line(text) => {
                let keeps_time = parser.reads_times();
                let line = parser.parse(&text);
                let Ok(level) = defaults.level(line.level) else { return 0 };
                if let Some(doubt) = line.time.and_then(|own| own.doubt(now)) {
                    self.doubtful = (self.doubtful.0 + 1, self.doubtful.1.or(Some(doubt)));
                }
                // A line of a file that says no time was written after the one before it.
                let own = line.time.or(self.own_times.last.filter(|_| keeps_time));
                let of_line = own.map_or(time, |own| self.own_times.next(own));
                let record =
                    Record { time: of_line, message: &line.message, level, fields, own: line.fields };
                self.last = Time(time.0 - 1);
                self.encoder.write(&record, out)
            }
            Piece::Part(text) => {
                if matches!(long, Long::Nothing) {
                    *long = defaults.level(parser.level(&text)).map_or(Long::LeftOut, |level| {
                        self.last = Time(time.0 - 1);
                        Long::Record(self.encoder.split(time, level, fields))
                    });
                }
                let Long::Record(parts) = long else { return 0 };
                parts.push_message(&text, out)
            }
            Piece::End => match std::mem::replace(long, Long::Nothing) {
                Long::Record(parts) => parts.finish(out),
                Long::Nothing | Long::LeftOut => 0,
            },
        };
        // The parts of a record are a nanosecond apart.
        self.last.0 = self.last.0.saturating_add_unsigned(written);
        self.batch.records += written;
        if written > 0 && self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
        written
    }

    /// How long until the batch in hand must go; `None` if there is none.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        self.opened.map(|at| BATCH_AGE.saturating_sub(at.elapsed()))
    }

    /// Whether the batch in hand is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.batch.records >= BATCH_RECORDS || self.batch.lines.len() >= BATCH_BYTES
    }

    /// Gives the batch in hand away.
    pub fn give(&mut self) -> Batch {
        self.opened = None;
        std::mem::take(&mut self.batch)
    }

    /// A batch of one record that says how many others were dropped, with the fields that all have.
    pub fn tell_dropped(&mut self, message: &str, dropped: u64, defaults: &Defaults) -> Batch {
        let mut own = FieldBuffer::default();
        own.push("", "vlog_dropped", &dropped.to_string());
        let time = Time::now().max(Time(self.last.0.saturating_add(STEP_NANOSECONDS)));
        let record =
            Record { time, message, level: Some(Level::Warn), fields: defaults.fields(), own: Some(&own) };
        let mut batch = Batch::default();
        batch.records = self.encoder.write(&record, &mut batch.lines);
        batch
    }

    /// How many records had a time of their own that the server may not keep, and why the first of them.
    #[must_use]
    pub fn doubtful(&self) -> (u64, Option<&'static str>) {
        self.doubtful
    }
}

/// Times that lines have of their own. Several in a row that are the same, since their logger counts milliseconds, are
/// spread a little, so that their order by time is that in which they came.
#[derive(Default)]
struct OwnTimes {
    last: Option<Time>,
    /// How many have had it before.
    count: i64,
}

impl OwnTimes {
    fn next(&mut self, own: Time) -> Time {
        self.count = if self.last == Some(own) { self.count + 1 } else { 0 };
        self.last = Some(own);
        Time(own.0.saturating_add(self.count.saturating_mul(STEP_NANOSECONDS)))
    }
}
