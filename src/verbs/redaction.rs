//! What `hook`, and `pipe` and `run` with `--redact`, do with what comes from the command line and the environment: no
//! secret of it leaves.

use super::session::Session;
use crate::intake::payload::{clean_items, clean_text};
use crate::intake::redact::{Known, Redactor};
use crate::record::item::Item;
use crate::sys::env::Environment;

/// The most that is told of mistakes, so that a call of `hook` is one record.
const MAX_MISTAKES_BYTES: usize = 16 * 1024;

/// The secrets in the values of this process' environment, if `--redact` was given.
pub fn known_if(redacts: bool) -> Option<Known> {
    redacts.then(|| Known::new(&Environment::now().0))
}

/// What takes the secrets out of a stream, if `--redact` was given.
pub fn redactor(known: Option<&Known>) -> Option<Redactor> {
    known.map(|known| Redactor::new(known.clone()))
}

/// The fields of the command line without secrets, if `--redact` was given; so are the mistakes and what else the
/// session adds to records.
pub fn clean_if_asked(items: Vec<Item>, session: &mut Session, known: Option<&Known>) -> Vec<Item> {
    let Some(known) = known else { return items };
    session.mistakes = clean_mistakes(&session.mistakes, known);
    clean_session(items, session, known).0
}

/// The fields of the command line without secrets, and how many there were, in those of the environment and in the
/// name of the service as well, which are taken out too.
pub fn clean_session(items: Vec<Item>, session: &mut Session, known: &Known) -> (Vec<Item>, usize) {
    let (items, of_items) = clean_items(items, known);
    let (fields, of_environment) = clean_items(std::mem::take(&mut session.config.fields), known);
    session.config.fields = fields;
    let (name, of_name) = clean_text(&session.config.service, known);
    session.config.service = name;
    let (service, of_option) = session.service.take().map(|name| clean_text(&name, known)).unzip();
    session.service = service;
    (items, of_items + of_environment + of_name + of_option.unwrap_or_default())
}

/// What is told of the mistakes: no secrets, and not more than a record takes.
pub fn clean_mistakes(mistakes: &[String], known: &Known) -> Vec<String> {
    let mut room = MAX_MISTAKES_BYTES;
    let mut shown: Vec<_> = mistakes.iter().map(|mistake| clean_text(mistake, known).0).collect();
    shown.retain(|mistake| {
        room = room.saturating_sub(mistake.len());
        room > 0
    });
    if shown.len() < mistakes.len() {
        shown.push(format!("{} more mistakes", mistakes.len() - shown.len()));
    }
    shown
}
