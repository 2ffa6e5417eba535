//! What `status` says of the outbox: what waits and for whom, what was dropped, what went wrong last.

use serde_json::{Map, Value, json};

use crate::cli::config::Config;
use crate::delivery::breaker::{Breaker, BreakerState};
use crate::outbox::{Destination, Summary};
use crate::record::protocol::Protocol;
use crate::record::time::Time;
use crate::verbs::session::{is_outbox_the_store, setup};

/// What waits, what was dropped, what went wrong last.
pub fn outbox(config: &Config) -> (Map<String, Value>, Summary) {
    let mut part = Map::new();
    let Some(setup) = setup(config) else { return (part, Summary::default()) };
    let Ok(outbox) = &setup.outbox else { return (part, Summary::default()) };
    let destination = setup.destination();
    let summary = match outbox.summary(&destination) {
        Ok(summary) => summary,
        Err(error) => {
            part.insert("error".to_owned(), json!(format!("{error:#}")));
            return (part, Summary::default());
        }
    };
    let last = outbox.last_error(&destination);
    let next = match Breaker::new(outbox.folder(), &destination.server()).look(Time::now()) {
        BreakerState::Closed => "with the next call".to_owned(),
        BreakerState::Probe(_) => "now, by the next call".to_owned(),
        BreakerState::Open(left) | BreakerState::Paused(left) => format!("in {}s", left.as_secs() + 1),
    };
    let (used, most) = (summary.bytes, outbox.max_bytes());
    // Where nothing ever leaves it but by the cap, that is how far back a query reaches.
    let reach = is_outbox_the_store(config).then(|| match summary.oldest {
        Some(oldest) => format!("to {oldest}, with {used} of {most} bytes; then the oldest go"),
        None => format!("there is no record yet; {most} bytes of them will be kept"),
    });
    let rows = [
        ("records", json!(summary.records)),
        ("bytes", json!(summary.bytes)),
        ("reaches_back", json!(reach)),
        ("oldest", json!(summary.oldest.map(|time| time.to_string()))),
        ("older_than_6_days", json!(summary.old)),
        ("records_for_other_servers", json!(summary.records_of_others())),
        ("rejected", json!(summary.rejected)),
        ("without_destination", json!(summary.misdirected)),
        ("dropped", json!(summary.dropped)),
        ("doubtful_times", json!(summary.doubtful)),
        ("foreign_files", json!(summary.foreign)),
        ("last_error", json!(last.as_ref().map(|(_, error)| error))),
        ("last_error_time", json!(last.as_ref().map(|(time, _)| time.to_string()))),
        ("next_try", json!(next)),
    ];
    part.extend(rows.map(|(name, value)| (name.to_owned(), value)));
    (part, summary)
}

/// The command that delivers what waits for another server.
pub fn flush_command(destination: &Destination) -> String {
    let Destination { protocol, url, tenant, user, .. } = destination;
    let mut command = format!("vlog flush --url {url}");
    if *protocol != Protocol::default() {
        command = format!("{command} --protocol {}", protocol.name());
    }
    if !["", "0:0"].contains(&tenant.as_str()) {
        command = format!("{command} --tenant '{}'", tenant.trim());
    }
    if user.is_empty() { command } else { format!("VLOG_USER=... VLOG_PASSWORD=... {command}") }
}
