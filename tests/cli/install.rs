//! `vlog hook --settings`, `--install` and `--uninstall`: what they do to the settings of agents.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

/// Each agent with its settings file below the home directory.
const FILES: [(&str, &str); 5] = [
    ("claude", ".claude/settings.json"),
    ("codex", ".codex/hooks.json"),
    ("cursor", ".cursor/hooks.json"),
    ("gemini", ".gemini/settings.json"),
    ("copilot", ".copilot/hooks/vlog.json"),
];

/// An environment with a settings file for Claude Code in it.
fn with_settings(text: &str) -> (TestEnv, PathBuf) {
    let env = TestEnv::new();
    let path = env.home.path().join(".claude/settings.json");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    (env, path)
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The hooks of a settings file: event, command, time-out.
fn hooks(settings: &Value) -> Vec<(String, String, u64)> {
    let of_event = |(event, entries): (&String, &Value)| {
        let entry = &entries[0];
        let hook = if entry["hooks"].is_array() { &entry["hooks"][0] } else { entry };
        assert_eq!((&hook["type"], hook.get("args")), (&json!("command"), None), "{event}");
        (event.clone(), hook["command"].as_str().unwrap().to_owned(), hook["timeout"].as_u64().unwrap())
    };
    settings["hooks"].as_object().unwrap().iter().map(of_event).collect()
}

#[test]
fn the_settings_of_each_agent_are_json_with_hooks_that_work_as_they_stand() {
    for (agent, file) in FILES {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        let printed = env.run(&["hook", "--settings", agent]);
        assert_eq!((printed.status, printed.stderr.as_str()), (Some(0), ""));
        let settings: Value = serde_json::from_str(printed.text()).unwrap();
        for (event, command, wait) in hooks(&settings) {
            let seconds = if agent == "gemini" { wait / 1000 } else { wait };
            assert!((2..=7).contains(&seconds), "{agent} {event} {wait}");
            let mut shell = env.command("sh");
            let payload = json!({"hook_event_name": event, "session_id": "s-1"}).to_string();
            env::finish_with(shell.args(["-c", &command]), payload).in_silence();
        }
        let records = server.records();
        assert_eq!(records.len(), settings["hooks"].as_object().unwrap().len(), "{agent}");
        // The same is put into the file.
        let installed = env.run(&["hook", "--install", agent]);
        let path = env.home.path().join(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), printed.text());
        let said = format!("vlog: hooks for {} events are in {}\n", records.len(), path.display());
        assert!(installed.stderr.starts_with(&said), "{}", installed.stderr);
        assert_eq!((installed.status, installed.text()), (Some(0), ""));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let removed = env.run(&["hook", "--uninstall", agent]);
        assert!(removed.stderr.starts_with("vlog: removed "), "{}", removed.stderr);
        assert!(!path.exists());
    }
}

#[test]
fn without_a_name_the_settings_are_those_of_claude_code_and_no_event_is_unknown_to_its_older_versions() {
    let env = TestEnv::new();
    let printed = env.run(&["hook", "--settings"]);
    assert_eq!(printed.text(), env.run(&["hook", "--settings", "claude-code"]).text());
    let settings: Value = serde_json::from_str(printed.text()).unwrap();
    let events: Vec<_> = hooks(&settings).into_iter().map(|(event, ..)| event).collect();
    for event in ["PermissionRequest", "PostToolUse", "SessionEnd"] {
        assert!(events.iter().any(|known| known == event), "{event}");
    }
    for event in ["PreCompact", "PreToolUse", "PostModelSwitch", "DirectoryAdded", "MessageDisplay"] {
        assert!(!events.iter().any(|known| known == event), "{event}");
    }
    assert_eq!(env::finish(&mut env.shell("vlog hook --settings > /dev/full")).status, Some(0));
}

#[test]
fn what_was_in_the_file_stays_and_is_kept_beside_it() {
    let text = "{\n    \"model\": \"opus\",\n    \"n\": 1.50,\n    \"hooks\": {\n        \"Stop\": [\n            { \"hooks\": [ { \"type\": \"command\", \"command\": \"say done\" } ] }\n        ]\n    }\n}\n";
    let (env, path) = with_settings(text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let installed = env.run(&["hook", "--install", "claude"]);
    assert!(installed.stderr.contains("settings.json.before-vlog"), "{}", installed.stderr);
    let added = fs::read_to_string(&path).unwrap();
    assert!(added.starts_with(text.split("say done\" } ] }").next().unwrap()), "{added}");
    let settings: Value = serde_json::from_str(&added).unwrap();
    assert_eq!(settings["hooks"]["Stop"].as_array().unwrap().len(), 2);
    assert_eq!(fs::read_to_string(path.with_extension("json.before-vlog")).unwrap(), text);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    // Once more changes nothing.
    let again = env.run(&["hook", "--install", "claude"]);
    assert_eq!(again.stderr, format!("vlog: {} has the hooks already\n", path.display()));
    assert_eq!(fs::read_to_string(&path).unwrap(), added);
    let removed = env.run(&["hook", "--uninstall", "claude"]);
    assert_eq!(removed.stderr, format!("vlog: the hooks are out of {}\n", path.display()));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let removed = env.run(&["hook", "--uninstall", "claude"]);
    assert_eq!(removed.stderr, format!("vlog: {} has no hooks of vlog\n", path.display()));
    assert_eq!(names(path.parent().unwrap()), ["settings.json", "settings.json.before-vlog"]);
}

#[test]
fn a_file_behind_a_symbolic_link_is_changed_and_the_link_stays() {
    let (env, path) = with_settings("{}\n");
    let real = env.home.path().join("dotfiles.json");
    fs::rename(&path, &real).unwrap();
    symlink(&real, &path).unwrap();
    env.run(&["hook", "--install", "claude"]);
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("PostToolUse"));
    assert_eq!(names(path.parent().unwrap()), ["settings.json"]);
}

#[test]
fn what_cannot_be_changed_safely_stays_as_it_is_and_what_belongs_there_is_printed() {
    for text in
        ["{\n  // mine\n  \"model\": \"opus\"\n}\n", "[features]\nhooks = true\n", "{\"hooks\": []}", "[]"]
    {
        let (env, path) = with_settings(text);
        for (args, status) in
            [(&["hook", "--install", "claude"][..], 0), (&["hook", "--install", "claude", "--fail"][..], 1)]
        {
            let refused = env.run(args);
            assert_eq!(refused.status, Some(status), "{text}");
            assert_eq!(refused.text(), env.run(&["hook", "--settings", "claude"]).text());
            let start = format!("vlog: could not install the hooks: {}: ", path.display());
            assert!(refused.stderr.starts_with(&start), "{}", refused.stderr);
            assert!(refused.stderr.contains("not changed") && refused.stderr.lines().count() == 1);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(names(path.parent().unwrap()), ["settings.json"]);
    }
    let (env, path) = with_settings("{}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(env.run(&["hook", "--install", "claude"]).stderr.contains("read-only"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
}

#[test]
fn an_agent_that_there_is_not_is_said_with_those_that_there_are() {
    let env = TestEnv::new();
    for args in
        [&["hook", "--install", "emacs"][..], &["hook", "--settings", "emacs"], &["hook", "--install"]]
    {
        let refused = env.run(args);
        assert!(
            refused.stderr.contains("one of claude, codex, cursor, gemini, copilot")
                || refused.stderr.contains("'emacs' is none of claude, codex, cursor, gemini, copilot"),
            "{}",
            refused.stderr
        );
        assert_eq!((refused.status, refused.text()), (Some(0), ""));
    }
    assert_eq!(env.run(&["hook", "--uninstall", "emacs", "--fail"]).status, Some(1));
    assert_eq!(env.with("VLOG_FAIL", "1").run(&["hook", "--install", "emacs"]).status, Some(1));
}

#[test]
fn an_agents_own_variable_says_where_its_settings_are() {
    let env = TestEnv::new();
    let folder = env.home.path().join("elsewhere");
    let env = env.with("CODEX_HOME", folder.to_str().unwrap());
    let installed = env.run(&["hook", "--install", "codex"]);
    assert!(installed.stderr.contains("/hooks"), "{}", installed.stderr);
    assert_eq!(names(&folder), ["hooks.json"]);
}
