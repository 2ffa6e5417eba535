//! Settings files: who may write one, what a line means, which goes over which, and whom its secrets are for.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

/// A user who is neither root nor whoever runs the tests.
const STRANGER: u32 = 65_534;

/// Commands that look for settings files, and for no server by a variable.
fn settings() -> TestEnv {
    TestEnv::new().without("VLOG_CONFIG").without("VLOG_URL")
}

/// Writes the caller's settings file.
fn write(env: &TestEnv, text: &str) -> PathBuf {
    let path = env.home.path().join(".config/vlog/config");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// Whether files can be given to another user; said where not.
fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        env::skip("files of other users: only root can make them");
    }
    is_root
}

/// The request that a record would go out with, headers included.
fn request(env: &TestEnv, args: &[&str]) -> String {
    let args = [&["send", "m", "--dry-run"], args].concat();
    env.run(&args).text().to_owned()
}

fn setting(env: &TestEnv, name: &str) -> Value {
    env.status()["settings"][name].clone()
}

#[test]
fn one_file_says_where_every_verb_goes() {
    let server = Server::new(Answer::Accept);
    let env = settings();
    write(&env, &format!("# ours\nexport VLOG_URL='{}'\nVLOG_SERVICE=cron # all\n", server.url()));
    env.run(&["send", "one"]).in_silence();
    env.run_with(&["pipe"], "two\n").in_silence();
    env.run_with(&["hook"], "{\"hook_event_name\":\"Stop\"}").in_silence();
    env.run(&["run", "--", "true"]).in_silence();
    assert_eq!(server.records().len(), 4);
    assert_eq!(server.records()[0]["service"], "cron");
    let asked = env.run(&["query", "x", "--dry-run"]);
    assert!(asked.text().contains(server.url().trim_start_matches("http://")), "{asked:?}");
}

#[test]
fn a_flag_goes_over_a_variable_and_that_over_a_file() {
    let env = settings();
    let path = write(&env, "VLOG_URL=http://file.example:1\nVLOG_TIMEOUT=3s\nVLOG_TIMEOUT=4s\n");
    assert_eq!(setting(&env, "url"), json!({"value": "http://file.example:1", "source": place(&path, 1)}));
    assert_eq!(setting(&env, "timeout"), json!({"value": "4s", "source": place(&path, 3)}));
    assert!(request(&env, &["--url", "http://flag.example:1"]).contains("flag.example"));
    let env = env.with("VLOG_URL", "http://env.example:1").with("VLOG_TIMEOUT", "5s");
    assert_eq!(setting(&env, "url"), json!({"value": "http://env.example:1", "source": "VLOG_URL"}));
    assert_eq!(setting(&env, "timeout"), json!({"value": "5s", "source": "VLOG_TIMEOUT"}));
    // An empty variable is unset.
    let env = env.with("VLOG_URL", "");
    assert_eq!(setting(&env, "url")["value"], "http://file.example:1");
    assert_eq!(setting(&env, "config"), json!({"value": path.to_str().unwrap(), "source": "default"}));
}

fn place(path: &Path, line: usize) -> String {
    format!("{}:{line}", path.display())
}

#[test]
fn the_folder_of_settings_is_named_by_xdg_and_the_file_by_vlog_config() {
    let env = settings();
    write(&env, "VLOG_URL=http://home.example\n");
    let folder = env.home.path().join("xdg");
    fs::create_dir_all(folder.join("vlog")).unwrap();
    fs::write(folder.join("vlog/config"), "VLOG_URL=http://xdg.example\n").unwrap();
    let named = env.home.path().join("named");
    fs::write(&named, "VLOG_URL=http://named.example\n").unwrap();
    assert!(request(&env, &[]).contains("home.example"));
    let env = env.with("XDG_CONFIG_HOME", folder.to_str().unwrap());
    assert!(request(&env, &[]).contains("xdg.example"));
    // The specification has relative paths ignored.
    let env = env.with("XDG_CONFIG_HOME", "xdg");
    assert!(request(&env, &[]).contains("home.example"));
    let env = env.with("VLOG_CONFIG", named.to_str().unwrap());
    assert!(request(&env, &[]).contains("named.example"));
    let env = env.with("VLOG_CONFIG", "off");
    assert!(request(&env, &[]).contains("127.0.0.1:9428"));
}

/// Asserts that with this file nothing is sent, and that the record is put aside.
#[track_caller]
fn is_refused(env: &TestEnv, why: &str) {
    let server = Server::new(Answer::Accept);
    let url = server.url();
    let finished = env.run(&["send", "m", "--url", &url]).kept_the_promise();
    let finished = finished.saying("could not use the settings file ");
    assert!(finished.stderr.contains(why) && finished.stderr.contains("put aside"), "{finished:?}");
    assert_eq!(server.connections(), 0);
    let asked = env.run(&["query", "x", "--fail", "--url", &url]);
    assert_eq!((asked.status, server.connections()), (Some(1), 0), "{asked:?}");
    let status: Value = serde_json::from_str(env.run(&["status", "--json"]).text()).unwrap();
    assert!(status["settings"]["config"]["wrong"].as_str().unwrap().contains(why), "{status}");
}

#[test]
fn a_file_that_others_could_have_written_or_that_cannot_be_read_sends_nothing() {
    let env = settings();
    let path = write(&env, "VLOG_URL=http://127.0.0.1:1\n");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o646)).unwrap();
    is_refused(&env, "everybody may write it");
    for (text, why) in [
        ("VLOG_SERVICE=x\nVLOG_URL http://x\n", "line 2: it is not NAME=VALUE"),
        ("VLOG_PASSWORD=s3cret two\n", "line 1: a value with blanks needs quotes"),
        ("VLOG_URL=$S3CRET\n", "needs 'single quotes'"),
        ("VLOG_ULR=http://x\n", "line 1: there is no VLOG_ULR; did you mean VLOG_URL?"),
    ] {
        write(&env, text);
        is_refused(&env, why);
        let finished = env.run(&["send", "m"]);
        assert!(!finished.stderr.to_lowercase().contains("s3cret"), "{finished:?}");
    }
    fs::write(&path, b"VLOG_URL=\xff\n").unwrap();
    is_refused(&env, "it is not UTF-8");
    fs::write(&path, vec![b'#'; 70_000]).unwrap();
    is_refused(&env, "it is larger than 64 KiB");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    is_refused(&env, "it is no regular file");
    fs::remove_dir(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    is_refused(&env, "it is no regular file");
    fs::remove_file(&path).unwrap();
    symlink(&path, &path).unwrap();
    is_refused(&env, "");
}

#[test]
fn a_file_of_another_user_sends_nothing() {
    if !is_root() {
        return;
    }
    let env = settings();
    let path = write(&env, "VLOG_URL=http://127.0.0.1:1\n");
    chown(&path, Some(STRANGER), None).unwrap();
    is_refused(&env, "it belongs to another user");
}

#[test]
fn off_needs_no_settings_file() {
    let env = settings();
    write(&env, "nonsense\n");
    env.run(&["send", "m", "--url", "off"]).in_silence();
}

#[test]
fn symbolic_links_are_followed() {
    let env = settings();
    let path = write(&env, "");
    let elsewhere = env.home.path().join("dotfiles");
    fs::write(&elsewhere, "VLOG_URL=http://linked.example\n").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(request(&env, &[]).contains("linked.example"));
    // One that leads nowhere is a file that is not there.
    fs::remove_file(&elsewhere).unwrap();
    assert!(request(&env, &[]).contains("127.0.0.1:9428"));
}

#[test]
fn a_named_file_must_be_there() {
    let env = settings().with("VLOG_CONFIG", "/nonexistent/config");
    is_refused(&env, "no such file or directory");
}

#[test]
fn a_file_that_the_caller_may_not_read_is_as_absent() {
    let env = settings();
    let path = write(&env, "VLOG_URL=http://127.0.0.1:1\n");
    let mut command = env.vlog();
    if geteuid().is_root() {
        // Root may read everything, so another user runs a copy of the binary that it can reach.
        let copy = env.home.path().join("vlog");
        fs::copy(env!("CARGO_BIN_EXE_vlog"), &copy).unwrap();
        fs::set_permissions(env.home.path(), PermissionsExt::from_mode(0o755)).unwrap();
        command = env.command(&copy);
        command.uid(STRANGER).gid(STRANGER);
    } else {
        fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    }
    let finished = env::finish(command.args(["send", "m", "--dry-run"]));
    assert!(finished.text().contains("127.0.0.1:9428"), "{finished:?}");
    assert_eq!(finished.stderr, "");
}

#[test]
fn root_heeds_no_settings_in_the_home_of_another_user() {
    if !is_root() {
        return;
    }
    let env = settings();
    let path = write(&env, "VLOG_URL=http://theirs.example\n");
    for path in [env.home.path(), &path] {
        chown(path, Some(STRANGER), None).unwrap();
    }
    assert!(!request(&env, &[]).contains("theirs.example"));
    let folder = env.home.path().join(".config");
    chown(&folder, Some(STRANGER), None).unwrap();
    let env = env.with("HOME", "/").with("XDG_CONFIG_HOME", folder.to_str().unwrap());
    assert!(!request(&env, &[]).contains("theirs.example"));
}

#[test]
fn secrets_of_a_file_go_to_its_own_server_only() {
    let secrets = "VLOG_TOKEN=t0ken\nVLOG_TENANT=7\nVLOG_CA_FILE=/nonexistent/ca\n";
    let env = settings();
    let path = write(&env, &format!("VLOG_URL=http://file.example:8080/prefix\n{secrets}"));
    // The CA cannot be read, so a request to its server says so, and one to another does not look for it.
    let own = |args: &[&str]| {
        let text = request(&env, args);
        (text.contains("AccountID: 7"), text.contains("Authorization"))
    };
    for url in ["http://other.example:8080/prefix", "http://file.example/prefix", "https://file.example:8080"]
    {
        if url.starts_with("https") && cfg!(not(feature = "tls")) {
            continue;
        }
        assert_eq!(own(&["--url", url]), (false, false), "{url}");
    }
    let told = env.run(&["send", "m", "-v", "--dry-run", "--url", "http://other.example"]);
    let why = format!("VLOG_TOKEN in {} is not for http://other.example, so it is not used", place(&path, 2));
    assert!(told.stderr.contains(&why) && !told.stderr.contains("t0ken"), "{told:?}");
    write(&env, "VLOG_URL=http://file.example:8080/prefix\nVLOG_TOKEN=t0ken\nVLOG_TENANT=7\n");
    assert_eq!(own(&[]), (true, true));
    assert_eq!(own(&["--url", "http://FILE.example:8080/other"]), (true, true));
    // A variable of the environment goes wherever records go, as before.
    let env = env.with("VLOG_TOKEN", "mine");
    let text = request(&env, &["--url", "http://other.example"]);
    assert!(text.contains("Authorization") && !text.contains("AccountID"), "{text}");
    // A cluster answers elsewhere.
    let env = env.without("VLOG_TOKEN");
    write(&env, "VLOG_URL=http://in.example\nVLOG_QUERY_URL=http://out.example\nVLOG_TOKEN=t0ken\n");
    let asked = env.run(&["query", "x", "--dry-run"]);
    assert!(asked.text().contains("out.example") && asked.text().contains("Authorization"), "{asked:?}");
}

#[test]
fn of_credentials_the_nearest_count() {
    let server = Server::new(Answer::Accept);
    let env = settings();
    write(&env, &format!("VLOG_URL={}\nVLOG_TOKEN=t0ken\nVLOG_PASSWORD=theirs\n", server.url()));
    let sent = |env: &TestEnv| {
        env.run(&["send", "m"]).in_silence();
        server.requests().last().unwrap().headers["authorization"].clone()
    };
    assert_eq!(sent(&env), "Bearer t0ken");
    // `u:` and no password, for that of the file is another user's.
    let env = env.with("VLOG_USER", "u");
    assert_eq!(sent(&env), "Basic dTo=");
    let env = env.with("VLOG_PASSWORD", "p");
    assert_eq!(sent(&env), "Basic dTpw");
}

/// Runs `vlog` where `/etc/vlog/config` holds this, in a file system of its own.
fn on_machine(env: &TestEnv, text: &str, args: &str) -> Option<String> {
    let file = env.home.path().join("of-machine");
    fs::write(&file, text).unwrap();
    let script = "mount -t tmpfs none /etc && mkdir /etc/vlog && cp \"$1\" /etc/vlog/config && echo ready && \
                  exec \"$2\" $3";
    let mut command = env.command("unshare");
    command.args(if geteuid().is_root() { ["-m"].as_slice() } else { &["-r", "-m"] });
    command.args(["sh", "-c", script, "sh"]).arg(&file).args([env!("CARGO_BIN_EXE_vlog"), args]);
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let rest = text.strip_prefix("ready\n").map(str::to_owned);
    if rest.is_none() {
        env::skip("the machine's settings file: there is no /etc of one's own here");
    }
    rest
}

#[test]
fn the_callers_file_goes_over_the_machines() {
    let env = settings();
    let path = write(&env, "VLOG_SERVICE=mine\n");
    let machine = "VLOG_URL=http://127.0.0.1:1\nVLOG_SERVICE=all\nVLOG_MIN_LEVEL=warn\n";
    let Some(text) = on_machine(&env, machine, "status --json") else { return };
    let status: Value = serde_json::from_str(&text).unwrap();
    let settings = &status["settings"];
    assert_eq!(settings["url"], json!({"value": "http://127.0.0.1:1", "source": "/etc/vlog/config:1"}));
    assert_eq!(settings["service"], json!({"value": "mine", "source": place(&path, 1)}));
    assert_eq!(settings["min_level"], json!({"value": "warn", "source": "/etc/vlog/config:3"}));
    assert_eq!(settings["config"]["value"], format!("{}, /etc/vlog/config", path.display()));
}

#[test]
fn secrets_of_the_machine_do_not_follow_the_callers_url() {
    let env = settings();
    let machine = "VLOG_URL=http://machine.example\nVLOG_TOKEN=t0ken\n";
    write(&env, "VLOG_SERVICE=mine\n");
    let Some(text) = on_machine(&env, machine, "send m --dry-run") else { return };
    assert!(text.contains("machine.example") && text.contains("Authorization"), "{text}");
    write(&env, "VLOG_URL=http://mine.example\n");
    let text = on_machine(&env, machine, "send m --dry-run").unwrap();
    assert!(text.contains("mine.example") && !text.contains("Authorization"), "{text}");
    // The caller's secrets may go where the machine's file says.
    write(&env, "VLOG_TOKEN=mine\n");
    let text = on_machine(&env, "VLOG_URL=http://machine.example\n", "send m --dry-run").unwrap();
    assert!(text.contains("machine.example") && text.contains("Authorization"), "{text}");
}

#[test]
fn a_shell_reads_the_same_values() {
    let env = settings();
    for value in [
        "plain",
        "a#b # a comment",
        "'single $x `y` \\ \"z\"' # a comment",
        r#""double \"x\" \$y \\ \z""#,
        "a=b,c:d/e@f?g%h+i",
        "é*",
    ] {
        let path = write(&env, &format!("export VLOG_SERVICE={value}\n"));
        let script = format!(". '{}'; printf %s \"$VLOG_SERVICE\"", path.display());
        let shell = env::finish(env.command("sh").args(["-c", &script]));
        assert_eq!(setting(&env, "service")["value"], shell.text(), "{value}: {shell:?}");
    }
}
