//! The settings that `status` shows: each with its value, where that comes from, and what is wrong with others.

use serde_json::{Map, Value, json};

use crate::cli::config::{Config, Route, is_variable, query_url};
use crate::server::protocol::ORG_ID;
use crate::sys::duration;
use crate::sys::env::Env;

/// Each setting with its value, where that comes from, and what is wrong with others. Of what may be a secret only
/// that it is there.
pub fn settings(config: &Config, env: Env) -> Map<String, Value> {
    let (query_url, of_query) = query_url(env);
    let origins: Vec<_> = config.origins.iter().chain(&of_query).collect();
    let is_set = |name: &str| origins.iter().any(|origin| origin.setting == name && origin.wrong.is_none());
    let secret = |name: &str| if is_set(name) { json!("(set)") } else { Value::Null };
    let url = match &config.route {
        Route::Off => json!("off"),
        Route::To(endpoint) | Route::Held(endpoint, _) => json!(endpoint.to_string()),
        Route::Unknown(_) => Value::Null,
    };
    let tenant = |name| config.access.header(name).map(str::to_owned);
    let tenant = tenant("AccountID").map(|account| {
        let project = tenant("ProjectID").unwrap_or_else(|| "0".to_owned());
        format!("{account}:{project}")
    });
    let tenant = tenant.or_else(|| config.access.header(ORG_ID).map(str::to_owned));
    let headers: Vec<_> = config.access.headers.iter().map(|(name, _)| name.as_str()).collect();
    let fields: Vec<_> = config.fields.iter().map(|item| format!("{}={}", item.key, item.value)).collect();
    let outbox =
        config.outbox.as_ref().map_or("off".to_owned(), |outbox| outbox.folder.display().to_string());
    let outbox_max = config.outbox.as_ref().ok().map(|outbox| outbox.max_bytes);
    let files: Vec<_> = config.files.iter().map(|path| path.display().to_string()).collect();
    let rows = [
        ("url", url),
        ("query_url", json!(query_url.map(|endpoint| endpoint.to_string()))),
        ("protocol", json!(config.protocol.name())),
        ("timeout", json!(duration::told(config.timeout))),
        ("service", json!(config.service)),
        ("min_level", json!(config.min_level.map(crate::record::level::Level::name))),
        ("fields", json!(fields.join(" "))),
        ("stream_fields", json!(config.stream_fields.join(","))),
        ("tenant", json!(tenant)),
        ("token", secret("token")),
        ("user", secret("user")),
        ("password", secret("password")),
        ("headers", json!(headers.join(", "))),
        ("ca_file", secret("ca_file")),
        ("proxy", secret("proxy")),
        ("outbox", json!(outbox)),
        ("outbox_max", json!(outbox_max)),
        ("fail", json!(config.fail)),
        ("verbose", json!(config.verbose)),
        ("config", json!(files.join(", "))),
    ];
    let rows = rows.into_iter().map(|(name, value)| {
        let of_this = || origins.iter().filter(|origin| origin.setting == name);
        let in_force = of_this().find(|origin| origin.wrong.is_none());
        // Nothing takes the place of what says where records go.
        let in_force = in_force.or_else(|| {
            of_this().next().filter(|_| ["url", "protocol", "tenant", "headers"].contains(&name))
        });
        let source = in_force.map_or("default", |origin| origin.source.as_ref());
        let mut row = json!({"value": value, "source": source});
        let wrong: Vec<_> = of_this().filter_map(|origin| origin.wrong.as_deref()).collect();
        if let (Some(row), false) = (row.as_object_mut(), wrong.is_empty()) {
            row.insert("wrong".to_owned(), json!(wrong.join("; ")));
        }
        (name.to_owned(), row)
    });
    rows.collect()
}

/// Whether a row says more than what goes without saying.
pub fn is_special(row: &Value) -> bool {
    row.get("source") != Some(&json!("default")) || row.get("wrong").is_some()
}

/// Variables of the environment that are named like vlog's, and are none.
pub fn unknown_variables(variables: &[(String, String)]) -> Vec<String> {
    let names = variables.iter().map(|(name, _)| name);
    let mut names: Vec<_> =
        names.filter(|name| name.starts_with("VLOG_") && !is_variable(name)).cloned().collect();
    names.sort();
    names
}
