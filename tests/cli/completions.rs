//! The completion scripts are what the command line says; `BLESS=1` writes them anew.

#[path = "../../src/cli/args.rs"]
#[expect(dead_code, reason = "only the tree is used here, not what it is parsed into")]
mod cli;

use std::path::Path;

use clap_complete::{Shell, generate};

use crate::env::{TestEnv, finish};

const SCRIPTS: [(Shell, &str, &str); 3] =
    [(Shell::Bash, "bash", "vlog.bash"), (Shell::Zsh, "zsh", "_vlog"), (Shell::Fish, "fish", "vlog.fish")];

/// The script for a shell. What `clap_complete` leaves out for fish, the values of an argument, is added.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut cli::command(), "vlog", &mut script);
    if shell == Shell::Fish {
        let shells = SCRIPTS.map(|(_, name, _)| name).join(" ");
        let line =
            format!("complete -c vlog -n \"__fish_vlog_using_subcommand completions\" -f -a \"{shells}\"\n");
        script.extend_from_slice(line.as_bytes());
    }
    script
}

#[test]
fn completion_scripts_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, _, name) in SCRIPTS {
        let script = script(shell);
        let path = folder.join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &script).unwrap();
        }
        let committed = std::fs::read(&path).unwrap();
        assert!(committed == script, "completions/{name} is stale: run `make completions`");
    }
}

#[test]
fn the_command_line_is_sound() {
    cli::command().debug_assert();
}

#[test]
fn completions_prints_what_is_committed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (_, shell, name) in SCRIPTS {
        let finished = TestEnv::new().run(&["completions", shell]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
        assert_eq!(finished.text(), std::fs::read_to_string(folder.join(name)).unwrap());
    }
    let full = finish(&mut TestEnv::new().shell("vlog completions bash > /dev/full"));
    assert_eq!((full.status, full.stderr.lines().count()), (Some(0), 1), "{full:?}");
}
