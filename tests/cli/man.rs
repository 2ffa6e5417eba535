//! The manual page is what the command line and the README say; `BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use clap::Arg;

use crate::completions::cli;
use crate::env::{TestEnv, skip};
use crate::server::{Answer, Server};

const PAGE: &str = "completions/vlog.1";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Text as roff takes it: no character of it has a meaning.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "");
    let guarded = text
        .lines()
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() });
    guarded.collect::<Vec<_>>().join("\n")
}

fn option(page: &mut String, argument: &Arg) {
    let Some(long) = argument.get_long() else { return };
    let short = argument.get_short().map(|short| format!("\\fB\\-{short}\\fR, ")).unwrap_or_default();
    let takes_value = argument.get_action().takes_values();
    let value = argument
        .get_value_names()
        .filter(|_| takes_value)
        .map(|names| format!(" \\fI{}\\fR", roff(&names[0])));
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let long = roff(long);
    writeln!(page, ".TP\n{short}\\fB\\-\\-{long}\\fR{}\n{}.", value.unwrap_or_default(), roff(&help))
        .unwrap();
}

/// Paragraphs of a help text; its examples are set as they stand.
fn paragraphs(page: &mut String, text: &str) {
    for paragraph in text.split("\n\n") {
        writeln!(page, ".PP\n{}", roff(paragraph)).unwrap();
    }
}

fn examples(page: &mut String, text: &str) {
    let lines = text.lines().filter_map(|line| line.strip_prefix("  ")).collect::<Vec<_>>().join("\n");
    let gap = if page.ends_with(".SH EXAMPLES\n") { "" } else { ".PP\n" };
    writeln!(page, "{gap}.nf\n.RS\n{}\n.RE\n.fi", roff(&lines)).unwrap();
}

/// The rows of the README's table of variables.
fn variables() -> Vec<[String; 3]> {
    let text = read("README.md");
    let table = text.split("## Environment").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let rows = table.lines().filter(|line| line.starts_with("| `VLOG_"));
    let cells = |line: &str| -> [String; 3] {
        let cells: Vec<_> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect();
        [cells[0].clone(), cells[1].clone(), cells.get(2).cloned().unwrap_or_default()]
    };
    rows.map(cells).collect()
}

fn page() -> String {
    let mut root = cli::command();
    root.build();
    let mut page = format!(
        ".TH VLOG 1 2026-11-21 \"vlog {}\" \"User Commands\"\n.SH NAME\nvlog \\- {}\n.SH SYNOPSIS\n",
        env!("CARGO_PKG_VERSION"),
        roff("send log records to VictoriaLogs from hooks and scripts, and read them back")
    );
    for verb in root.get_subcommands() {
        let usage = verb.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").to_owned();
        let gap = if page.ends_with(".SH SYNOPSIS\n") { "" } else { ".PP\n" };
        writeln!(page, "{gap}.B {}", roff(&usage)).unwrap();
    }
    page.push_str(".SH DESCRIPTION\n");
    page.push_str(&roff(
        "vlog makes a record of words, of lines or of what an agent tells its hook, and delivers it to VictoriaLogs.\n\
         It gives up after two seconds in all, keeps what it could not deliver in a directory, the outbox, from where\n\
         later calls deliver it, and ends with 0, so that logging never breaks what is logged.\n",
    ));
    page.push('\n');
    let shared: Vec<_> = ["Server", "Delivery"].into_iter().collect();
    let is_shared =
        |argument: &Arg| argument.get_help_heading().is_some_and(|heading| shared.contains(&heading));
    for verb in root.get_subcommands() {
        writeln!(
            page,
            ".SH {}\n{}.",
            roff(&format!("VLOG {}", verb.get_name().to_uppercase())),
            roff(&verb.get_about().unwrap().to_string())
        )
        .unwrap();
        if let Some(text) = verb.get_after_long_help() {
            paragraphs(&mut page, &text.to_string());
        }
        let own = verb.get_arguments().filter(|argument| !argument.is_hide_set() && !is_shared(argument));
        own.filter(|argument| argument.get_long() != Some("help"))
            .for_each(|argument| option(&mut page, argument));
    }
    page.push_str(".SH OPTIONS OF ALL VERBS THAT DELIVER\n");
    let flush = root.find_subcommand("flush").unwrap();
    flush
        .get_arguments()
        .filter(|argument| is_shared(argument))
        .for_each(|argument| option(&mut page, argument));
    page.push_str(
        ".SH ENVIRONMENT\nAn option goes over the environment, and that over the settings files.\n",
    );
    for [name, meaning, usual] in variables() {
        let usual = if usual.is_empty() { String::new() } else { format!(" Default: {usual}.") };
        writeln!(page, ".TP\n.B {}\n{}.{}", roff(&name), roff(&meaning), roff(&usual)).unwrap();
    }
    page.push_str(".SH FILES\n");
    for (path, what) in [
        (
            "~/.config/vlog/config, /etc/vlog/config",
            "Settings: lines such as VLOG_URL=http://HOST:9428, # comments.",
        ),
        (
            "~/.local/state/vlog/outbox",
            "The outbox: what could not be delivered yet, one JSON line a record.",
        ),
    ] {
        writeln!(page, ".TP\n.I {}\n{}", roff(path), roff(what)).unwrap();
    }
    let statuses = roff(
        "0, whatever happens. With --fail or VLOG_FAIL=1 it is 1 where what was asked did not happen now; a record may be\n\
         kept all the same, so do not send it again. query --exit-empty gives 1 where nothing was found.\n\
         run ends as its command does, and hook -- COMMAND passes on a 2.",
    );
    write!(page, ".SH EXIT STATUS\n{statuses}\n.SH EXAMPLES\n").unwrap();
    for verb in root.get_subcommands() {
        if let Some(text) = verb.get_before_long_help() {
            examples(&mut page, &text.to_string());
        }
    }
    page
}

#[test]
fn the_manual_page_is_up_to_date() {
    let (page, path) = (page(), Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(read(PAGE) == page, "{PAGE} is stale: run `make completions`");
}

#[test]
fn the_manual_page_is_printed_and_sound() {
    let env = TestEnv::new();
    let finished = env.run(&["completions", "man"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    assert_eq!(finished.text(), read(PAGE));
    for section in ["NAME", "SYNOPSIS", "VLOG SEND", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES"] {
        assert!(finished.text().contains(&format!("\n.SH {section}\n")), "{section}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let Ok(output) = Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(path).output() else {
        skip("this needs mandoc");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_example_of_the_help_is_understood() {
    let server = Server::judging(|_, request| match request.map_or("", |request| request.line.as_str()) {
        line if line.contains("/hits ") => Answer::Status(200, "", "{\"hits\":[]}"),
        _ => Answer::Status(200, "", "{\"_msg\":\"a row\"}\n"),
    });
    let env = TestEnv::for_server(&server).with("msg", "--dashed");
    let bin = env.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["some-cmd", "backup.sh"] {
        std::os::unix::fs::symlink("/bin/true", bin.join(name)).unwrap();
    }
    std::fs::write(env.home.path().join("app.log"), "a line\n").unwrap();
    let mut count = 0;
    for verb in ["", "send", "pipe", "hook", "run", "query", "flush", "status"] {
        let args = if verb.is_empty() { vec!["--help"] } else { vec!["help", verb] };
        let help = env.run(&args);
        let examples =
            help.text().split("Examples:\n").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
        for example in examples.lines().map(str::trim) {
            count += 1;
            // These go on for ever, change settings, or name what is not there.
            if [" -f ", "--install", "guard.py", "/opt/sync/run", "old.example", "HOST"]
                .iter()
                .any(|part| example.contains(part))
            {
                continue;
            }
            let line = format!("PATH=$HOME/bin:$PATH; {example}");
            let finished = crate::env::finish(&mut env.shell(&line));
            assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{example}");
        }
    }
    assert!(count > 20, "{count}");
}
