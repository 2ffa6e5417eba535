//! The first lines of `status`: what works, what does not, and what to type.

use super::{Health, wait};
use crate::cli::config::{Config, Route};
use crate::outbox::Summary;
use crate::sys::stderr::records;

/// One or two lines.
pub fn verdict(found: &Health, config: &Config, summary: &Summary) -> Vec<String> {
    let endpoint = match &config.route {
        Route::Off => return vec!["delivery is off: nothing is sent, and nothing is kept".to_owned()],
        Route::Held(_, why) | Route::Unknown(why) => {
            let offer = "vlog flush --rejected offers it once that is put right";
            return vec![format!("nothing is sent: {why}"), format!("what is logged is put aside; {offer}")];
        }
        Route::To(endpoint) => endpoint,
    };
    let Err(why) = &found.accepting else {
        let mut lines = vec![format!("delivering to {endpoint}")];
        lines.extend(query_trouble(found).or_else(|| what_waits(summary)));
        return lines;
    };
    vec![format!("not delivering: {why}"), advice(config)]
}

/// What keeps records from being read back.
fn query_trouble(found: &Health) -> Option<String> {
    let (asked, answer) = found.answering.as_ref()?;
    let why = answer.as_ref().err()?;
    let hint = "VLOG_QUERY_URL names the server that answers queries";
    Some(format!("but {asked} answers no queries: {why}; {hint}"))
}

/// What there is to be delivered.
fn what_waits(summary: &Summary) -> Option<String> {
    if summary.records > summary.old {
        Some(format!("{}; vlog flush delivers what is left", wait(summary.records)))
    } else if summary.old > 0 {
        Some(format!("{} over 6 days old; vlog flush --old delivers them", records(summary.old)))
    } else if summary.rejected + summary.misdirected > 0 {
        let aside = records(summary.rejected + summary.misdirected);
        Some(format!("{aside} put aside; vlog flush --rejected offers them again"))
    } else {
        None
    }
}

/// What to do where the server takes nothing.
fn advice(config: &Config) -> String {
    match &config.outbox {
        Err(none) => format!("what is logged now is lost, for there is no outbox ({none})"),
        Ok(_) if config.names_server() => {
            "what is logged waits in the outbox; try another address: vlog status --url http://HOST:9428"
                .to_owned()
        }
        Ok(_) => "no server is named: vlog query reads the outbox; to name one:\n  \
                  mkdir -p ~/.config/vlog && echo VLOG_URL=http://HOST:9428 >> ~/.config/vlog/config"
            .to_owned(),
    }
}
