//! The completion scripts are what the command line says; `BLESS=1` writes them anew. They do the same in three shells:
//! the values that an option takes, files only where a file is meant, commands behind `--`.

#[path = "../../src/cli/args.rs"]
#[expect(dead_code, reason = "only the tree is used here, not what it is parsed into")]
pub mod cli;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction};

use crate::env::{TestEnv, finish, skip};
use crate::server::{Answer, Server};

/// What is printed for each name, and where it is kept.
const SCRIPTS: [(&str, &str); 3] = [("bash", "vlog.bash"), ("zsh", "_vlog"), ("fish", "vlog.fish")];

/// The verbs whose words behind `--` are a command.
const WRAPPERS: &str = "run hook";

const LEVELS: &str = "trace debug info warn error fatal";
const AGENTS: &str = "claude codex cursor gemini copilot";
const TIMES: &str = "5m 15m 1h 6h 1d 7d today yesterday monday";

/// What may stand behind an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Values {
    /// Anything: nothing is offered.
    Free,
    /// One of these.
    Words(&'static str),
    /// A file.
    File,
    /// What records have in this field.
    Found(&'static str),
}

fn values(verb: &str, option: &str) -> Values {
    match (verb, option) {
        (_, "level") => Values::Words(LEVELS),
        (_, "protocol") => Values::Words("jsonline loki ndjson otlp"),
        (_, "parse") => Values::Words("auto text json logfmt raw"),
        ("pipe", "time") => Values::Words("read line"),
        (_, "time" | "since" | "until") => Values::Words(TIMES),
        (_, "zone") => Values::Words("local utc"),
        (_, "settings" | "install" | "uninstall") => Values::Words(AGENTS),
        (_, "output") => Values::Words("auto pretty json raw"),
        (_, "color") => Values::Words("auto always never"),
        (_, "ca-file") => Values::File,
        (_, "service") => Values::Found("service"),
        (_, "session") => Values::Found("session_id"),
        _ => Values::Free,
    }
}

/// An option of a verb.
struct Choice {
    long: String,
    short: Option<char>,
    help: String,
    /// `None` for a switch.
    values: Option<Values>,
}

impl Choice {
    fn names(&self) -> impl Iterator<Item = String> + '_ {
        let short = self.short.map(|short| format!("-{short}"));
        short.into_iter().chain([format!("--{}", self.long)])
    }
}

fn choice(verb: &str, argument: &Arg) -> Option<Choice> {
    let long = argument.get_long()?.to_owned();
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let values = takes_value.then(|| values(verb, &long));
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    Some(Choice { short: argument.get_short(), help, values, long })
}

/// The verbs, what they do, and their options.
fn verbs() -> Vec<(String, String, Vec<Choice>)> {
    let mut root = cli::command();
    root.build();
    let verbs = root.get_subcommands().map(|verb| {
        let shown = verb.get_arguments().filter(|argument| !argument.is_hide_set());
        let choices = shown.filter_map(|argument| choice(verb.get_name(), argument)).collect();
        (verb.get_name().to_owned(), verb.get_about().unwrap().to_string(), choices)
    });
    verbs.collect()
}

/// Looks up what records have in the field `$1`: the server is asked, and otherwise the outbox, for 0.3 s in all.
const LOOK_UP: &str = "timeout 0.3 sh -c 'vlog query \"$0\" --since 7d --fail -o raw --fields \"$1\" || \
                       vlog query \"$0\" --local -o raw --fields \"$1\"' \"* | uniq by ($FIELD) limit 50\" \"$FIELD\" 2>/dev/null";

fn names_of(verbs: &[(String, String, Vec<Choice>)]) -> String {
    verbs.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(" ")
}

fn bash() -> String {
    let verbs = verbs();
    let names = names_of(&verbs);
    // By what is offered, the options that it is offered for.
    let mut offers: BTreeMap<Values, Vec<String>> = BTreeMap::new();
    let mut all: BTreeMap<String, Vec<Values>> = BTreeMap::new();
    for (_, _, choices) in &verbs {
        for choice in choices {
            for (name, values) in choice.names().zip(std::iter::repeat(choice.values)) {
                all.entry(name).or_default().extend(values);
            }
        }
    }
    for (verb, _, choices) in &verbs {
        for choice in choices {
            let Some(values) = choice.values else { continue };
            for name in choice.names() {
                let is_same = all[&name].iter().all(|other| *other == values);
                let pattern = if is_same { format!("*\" {name}\"") } else { format!("\"{verb} {name}\"") };
                let patterns = offers.entry(values).or_default();
                if !patterns.contains(&pattern) {
                    patterns.push(pattern);
                }
            }
        }
    }
    let mut script = format!(
        "# Completion of vlog for bash, made by `make completions`.\n\n\
         _vlog_found() {{\n    {}\n}}\n\n\
         _vlog_command() {{\n    if declare -F _command_offset >/dev/null; then\n        _command_offset \"$1\"\n    \
         elif ((COMP_CWORD == $1)); then\n        COMPREPLY=($(compgen -c -- \"$cur\"))\n    else\n        \
         compopt -o filenames 2>/dev/null\n        COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi\n}}\n\n\
         _vlog() {{\n    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb= at words= IFS=$' \\t\\n'\n    \
         COMPREPLY=()\n    for ((at = 1; at < COMP_CWORD; at++)); do\n        case ${{COMP_WORDS[at]}} in\n            \
         --) case $verb in {}) _vlog_command $((at + 1)) ;; esac; return ;;\n            \
         help | {}) verb=${{verb:-${{COMP_WORDS[at]}}}} ;;\n        esac\n    done\n    \
         if [[ $cur == = ]]; then\n        cur=\n    elif [[ $prev == = ]]; then\n        prev=${{COMP_WORDS[COMP_CWORD-2]}}\n    fi\n    \
         case \"$verb $prev\" in\n",
        LOOK_UP.replace("$FIELD", "$1"),
        WRAPPERS.replace(' ', " | "),
        names.replace(' ', " | "),
    );
    for (values, patterns) in &offers {
        let action = match values {
            Values::Free => "return".to_owned(),
            Values::Words(words) => format!("words=\"{words}\""),
            Values::File => {
                "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return".to_owned()
            }
            Values::Found(field) => {
                format!(
                    "IFS=$'\\n'; COMPREPLY=($(compgen -W \"$(_vlog_found {field})\" -- \"$cur\")); return"
                )
            }
        };
        writeln!(script, "        {}) {action} ;;", patterns.join(" | ")).unwrap();
    }
    script.push_str("        *)\n            case \"$verb $cur\" in\n");
    for (verb, _, choices) in &verbs {
        let options = choices.iter().flat_map(Choice::names).collect::<Vec<_>>().join(" ");
        writeln!(script, "                \"{verb} -\"*) words=\"{options}\" ;;").unwrap();
    }
    let targets = targets();
    write!(
        script,
        "                completions*) words=\"{targets}\" ;;\n                \
         \" -\"*) words=\"-h --help -V --version\" ;;\n                \
         \" \"* | help*) words=\"{names} help version\" ;;\n            esac\n            ;;\n    esac\n    \
         COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}}\n\ncomplete -F _vlog vlog\n"
    )
    .unwrap();
    script
}

/// What `vlog completions` prints.
fn targets() -> String {
    let mut root = cli::command();
    root.build();
    let verb = root.find_subcommand("completions").unwrap();
    let shells = verb.get_positionals().next().unwrap().get_possible_values();
    shells.iter().map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(" ")
}

fn zsh() -> String {
    let verbs = verbs();
    let mut script = format!(
        "#compdef vlog\n# Completion of vlog for zsh, made by `make completions`.\n\n\
         _vlog_found() {{\n  local -a found\n  found=(${{(f)\"$({})\"}})\n  compadd -a found\n}}\n\n\
         _vlog() {{\n  local at=${{words[(i)--]}} verb=$words[2]\n  local -a verbs=(\n",
        LOOK_UP.replace("$FIELD", "$1")
    );
    for (name, about, _) in &verbs {
        writeln!(script, "    '{name}:{about}'").unwrap();
    }
    write!(
        script,
        "    'help:Explain a verb'\n    'version:Print the version'\n  )\n  if (( CURRENT == 2 )); then\n    _describe verb verbs\n    return\n  fi\n  \
         if [[ $verb == ({}) ]] && (( at < CURRENT )); then\n    words=(\"${{(@)words[at+1,-1]}}\")\n    (( CURRENT -= at ))\n    _normal\n    return\n  fi\n  \
         words=(\"${{(@)words[2,-1]}}\")\n  (( CURRENT-- ))\n  case $verb in\n    help) _describe verb verbs ;;\n    completions) compadd {} ;;\n",
        WRAPPERS.replace(' ', "|"),
        targets()
    )
    .unwrap();
    for (name, _, choices) in &verbs {
        if name == "completions" {
            continue;
        }
        writeln!(script, "    {name}) _arguments -s -S : \\").unwrap();
        for choice in choices {
            let help = choice.help.replace('\'', "'\\''");
            let help = [('[', "\\["), (']', "\\]"), (':', "\\:"), ('`', "\\`")]
                .iter()
                .fold(help, |help, (char, escaped)| help.replace(*char, escaped));
            let action = match choice.values {
                None => None,
                Some(Values::Free) => Some(" ".to_owned()),
                Some(Values::Words(words)) => Some(format!("({words})")),
                Some(Values::File) => Some("_files".to_owned()),
                Some(Values::Found(field)) => Some(format!("_vlog_found {field}")),
            };
            let is_optional = choice.values == Some(Values::Words(AGENTS));
            let colon = if is_optional { "::" } else { ":" };
            for option in choice.names() {
                let sign = match (choice.values.is_some(), option.starts_with("--")) {
                    (false, _) => "",
                    (true, true) => "=",
                    (true, false) => "+",
                };
                let rest = action.as_ref().map(|action| {
                    format!("{colon}{}{colon_action}{action}", choice.long, colon_action = ":")
                });
                let rest = rest.unwrap_or_default();
                writeln!(script, "      '*{option}{sign}[{help}]{rest}' \\").unwrap();
            }
        }
        script.push_str("      '*: : ' ;;\n");
    }
    script.push_str(
        "  esac\n}\n\nif [[ $funcstack[1] == _vlog ]]; then\n  _vlog \"$@\"\nelse\n  compdef _vlog vlog\nfi\n",
    );
    script
}

fn fish() -> String {
    let verbs = verbs();
    let mut script = format!(
        "# Completion of vlog for fish, made by `make completions`.\n\n\
         function __vlog_found\n    set -l field $argv[1]\n    {}\nend\n\n\
         function __vlog_using\n    set -l words (commandline -opc)\n    \
         contains -- \"$words[2]\" $argv; and not contains -- -- $words\nend\n\n\
         function __vlog_in_command\n    set -l words (commandline -opc)\n    \
         contains -- \"$words[2]\" {WRAPPERS}; and contains -- -- $words\nend\n\n\
         function __vlog_command\n    set -l words (commandline -opc) (commandline -ct)\n    \
         set -l at (contains -i -- -- $words)\n    complete -C (string join ' ' -- $words[(math $at + 1)..])\nend\n\n\
         complete -c vlog -f\ncomplete -c vlog -n __vlog_in_command -a '(__vlog_command)'\n",
        LOOK_UP.replace("$FIELD", "$field")
    );
    for (name, about, _) in &verbs {
        writeln!(script, "complete -c vlog -n __fish_use_subcommand -a {name} -d '{about}'").unwrap();
    }
    script.push_str("complete -c vlog -n __fish_use_subcommand -a help -d 'Explain a verb'\n");
    script.push_str("complete -c vlog -n __fish_use_subcommand -a version -d 'Print the version'\n");
    writeln!(script, "complete -c vlog -n '__vlog_using help' -a '{}'", names_of(&verbs)).unwrap();
    writeln!(script, "complete -c vlog -n '__vlog_using completions' -a '{}'", targets()).unwrap();
    // One line for all verbs that have the same option.
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (verb, _, choices) in &verbs {
        for choice in choices {
            let short = choice.short.map(|short| format!("-s {short} ")).unwrap_or_default();
            let values = match choice.values {
                None => String::new(),
                Some(Values::Free) => " -x".to_owned(),
                Some(Values::Words(words)) => format!(" -x -a '{words}'"),
                Some(Values::File) => " -r -F".to_owned(),
                Some(Values::Found(field)) => format!(" -x -a '(__vlog_found {field})'"),
            };
            let help = choice.help.replace('\'', "\\'");
            let line = format!("{short}-l {} -d '{help}'{values}", choice.long);
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, verbs)) => verbs.push(verb),
                None => lines.push((line, vec![verb])),
            }
        }
    }
    for (line, verbs) in lines {
        writeln!(script, "complete -c vlog -n '__vlog_using {}' {line}", verbs.join(" ")).unwrap();
    }
    script
}

/// The script for a shell.
fn script(shell: &str) -> String {
    match shell {
        "bash" => bash(),
        "zsh" => zsh(),
        _ => fish(),
    }
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(name)
}

#[test]
fn completion_scripts_are_up_to_date() {
    for (shell, name) in SCRIPTS {
        let (script, path) = (script(shell), committed(name));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &script).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(committed == script, "completions/{name} is stale: run `make completions`");
    }
}

#[test]
fn the_command_line_is_sound() {
    cli::command().debug_assert();
}

#[test]
fn completions_prints_what_is_committed() {
    for (shell, name) in SCRIPTS {
        let finished = TestEnv::new().run(&["completions", shell]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
        assert_eq!(finished.text(), std::fs::read_to_string(committed(name)).unwrap());
    }
    let full = finish(&mut TestEnv::new().shell("vlog completions bash > /dev/full"));
    assert_eq!((full.status, full.stderr.lines().count()), (Some(0), 1), "{full:?}");
}

#[test]
fn every_value_that_is_offered_is_taken() {
    let env = TestEnv::new();
    for (verb, _, choices) in verbs() {
        for choice in choices {
            let Some(Values::Words(words)) = choice.values else { continue };
            for word in words.split(' ') {
                let zone = if choice.long == "zone" { &["--time", "line"][..] } else { &[] };
                let option = format!("--{}={word}", choice.long);
                let dry_run = if verb == "flush" || verb == "status" { &[][..] } else { &["--dry-run"] };
                let args = [&[verb.as_str(), &option], zone, dry_run].concat();
                let args = if verb == "send" { [&args[..], &["m"]].concat() } else { args };
                let args = if verb == "run" { [&args[..], &["--", "true"]].concat() } else { args };
                let finished = env.run_with(&args, "{}");
                assert!(
                    !finished.stderr.contains("could not use") && !finished.stderr.contains("no option"),
                    "{args:?}: {finished:?}"
                );
            }
        }
    }
}

/// What is offered at the end of a line, and what is not.
const CASES: [(&str, &[&str], &[&str]); 15] = [
    ("vlog ", &["send", "query", "completions", "help"], &["app.log"]),
    ("vlog he", &["help"], &["send"]),
    ("vlog query --level ", &["warn", "fatal"], &["app.log"]),
    ("vlog query -l w", &["warn"], &["info", "app.log"]),
    ("vlog pipe --parse ", &["logfmt", "raw"], &["app.log"]),
    ("vlog pipe --time ", &["read", "line"], &["today"]),
    ("vlog send --time ", &["today", "1h"], &["line"]),
    ("vlog send --protocol ", &["loki", "otlp"], &["app.log"]),
    ("vlog query --since ", &["15m", "yesterday"], &["app.log"]),
    ("vlog query -o ", &["pretty", "raw"], &["app.log"]),
    ("vlog hook --install c", &["claude", "codex", "copilot"], &["gemini"]),
    ("vlog send --ca-file a", &["app.log"], &["agent"]),
    ("vlog pipe ", &[], &["app.log", "send"]),
    ("vlog query --loc", &["--local"], &["app.log"]),
    ("vlog run -- vlog-test-com", &["vlog-test-command"], &["app.log"]),
];

/// Tries the cases with `offered`, which gives what a shell offers for a line, in a home with a file and a command.
fn try_cases(shell: &str, offered: impl Fn(&TestEnv, &[&str]) -> Option<Vec<String>>) {
    let server = Server::new(Answer::Status(200, "", "{\"service\":\"web\"}\n{\"service\":\"nightly\"}\n"));
    let env = TestEnv::for_server(&server).with("LANG", "C.UTF-8");
    std::fs::write(env.home.path().join("app.log"), "").unwrap();
    let bin = env.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/true", bin.join("vlog-test-command")).unwrap();
    let lines: Vec<_> = CASES.iter().map(|(line, ..)| *line).collect();
    let Some(answers) = offered(&env, &lines) else {
        skip(&format!("this needs {shell}"));
        return;
    };
    assert_eq!(answers.len(), CASES.len(), "{shell}: {answers:?}");
    for ((line, wanted, unwanted), answer) in CASES.iter().zip(answers) {
        let words: Vec<_> = answer.split_whitespace().collect();
        for word in *wanted {
            assert!(words.contains(word), "{shell}: {line}{word} is not among {words:?}");
        }
        for word in *unwanted {
            assert!(!words.contains(word), "{shell}: {line}{word} is among {words:?}");
        }
    }
}

/// Whether a program is installed.
fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The shell's program with the script's path, the binary and the commands of [`try_cases`] on its `PATH`.
fn shell(env: &TestEnv, program: &str, script: &str) -> Command {
    let mut command = env.command(program);
    let here = Path::new(env!("CARGO_BIN_EXE_vlog")).parent().unwrap().display().to_string();
    let bin = env.home.path().join("bin").display().to_string();
    let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    command.env("PATH", format!("{bin}:{here}:{}", path.to_str().unwrap()));
    command.env("SCRIPT", committed(script));
    command
}

#[test]
fn bash_offers_what_fits() {
    try_cases("bash", |env, lines| {
        is_there("bash").then(|| {
            let ask = "source \"$SCRIPT\"; for line; do COMP_WORDS=($line); [[ $line == *' ' ]] && COMP_WORDS+=(''); \
                       COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _vlog; echo \"${COMPREPLY[*]}\"; done 2>/dev/null";
            let finished = finish(shell(env, "bash", "vlog.bash").args(["--norc", "-c", ask, "bash"]).args(lines));
            finished.text().lines().map(str::to_owned).collect()
        })
    });
}

#[test]
fn fish_offers_what_fits() {
    try_cases("fish", |env, lines| {
        is_there("fish").then(|| {
            let ask = "source $SCRIPT; for line in $argv; echo (complete -C \"$line\" | string replace -r '\\t.*' ''); end";
            let finished = finish(shell(env, "fish", "vlog.fish").args(["--no-config", "-c", ask]).args(lines));
            finished.text().lines().map(str::to_owned).collect()
        })
    });
}

/// Types each line into an interactive zsh and presses tab; `compadd` notes what it is given.
const ASK_ZSH: &str = r#"
zmodload zsh/zpty
zpty z "zsh -f -i"
setup='PS1=; PROMPT_EOL_MARK=; unsetopt beep; fpath=($fpath); autoload -Uz compinit; compinit -u -D
source $SCRIPT
compadd() { if [[ ${*[1,(i)(-|--)]} == *-[OAD]\ * ]]; then builtin compadd "$@"; return; fi
  local -a __hits; builtin compadd -A __hits "$@"; print -r -- $__hits >> $OUT; builtin compadd "$@" }
bindkey "^I" complete-word; zle -C ask complete-word _main_complete; bindkey "^I" ask
mark() { print -r -- "@@" >> $OUT; BUFFER=; }; zle -N mark; bindkey "^Y" mark
print ready >> $OUT.ready'
print -r -- $setup > $OUT.setup
zpty -w z "source $OUT.setup"
wait_for() { local n=0; until eval $1 || (( n++ > 600 )); do zpty -r -t z >/dev/null; sleep 0.05; done }
wait_for '[[ -e $OUT.ready ]]'
count=0
for line; do
  zpty -w -n z "$line"$'\t\x19'
  (( count++ ))
  wait_for '[[ $(grep -c "^@@" $OUT 2>/dev/null) -ge $count ]]'
done
zpty -d z
"#;

#[test]
fn zsh_offers_what_fits() {
    try_cases("zsh", |env, lines| {
        is_there("zsh").then(|| {
            let out = env.home.path().join("offered");
            let mut command = shell(env, "zsh", "_vlog");
            command.env("OUT", &out).env("TERM", "dumb").args(["-f", "-c", ASK_ZSH, "zsh"]).args(lines);
            finish(&mut command);
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            let mut answers: Vec<_> = text.split("@@\n").map(|answer| answer.replace('\n', " ")).collect();
            answers.pop();
            answers
        })
    });
}

#[test]
fn services_come_from_the_server_or_the_outbox_and_are_not_waited_for() {
    let look_up = |env: &TestEnv| {
        let script = "source \"$SCRIPT\"; COMP_WORDS=(vlog query -s ''); COMP_CWORD=3; _vlog; echo \"${COMPREPLY[*]}\"";
        let start = Instant::now();
        let finished = finish(shell(env, "bash", "vlog.bash").args(["--norc", "-c", script]));
        (finished.text().trim().to_owned(), finished.stderr, start.elapsed())
    };
    let row = |request: &crate::server::Request| request.form("query");
    let server = Server::judging(move |_, request| match request.and_then(row) {
        Some(query) if query == "* | uniq by (service) limit 50" => {
            Answer::Status(200, "", "{\"service\":\"web\"}\n{\"service\":\"nightly\"}\n")
        }
        _ => Answer::Accept,
    });
    if !is_there("bash") || !is_there("timeout") {
        skip("this needs bash and timeout(1)");
        return;
    }
    // On a busy machine 0.3 s may be over before anything has come.
    let try_often = |env: &TestEnv, expected: &str| {
        for _ in 0..50 {
            if look_up(env).0 == expected {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{expected:?} is not offered, but {:?}", look_up(env));
    };
    try_often(&TestEnv::for_server(&server), "web nightly");
    let down = TestEnv::new();
    down.run(&["send", "m", "-s", "shop"]).in_silence();
    try_often(&down, "shop");
    let hangs = Server::new(Answer::Hang);
    let (offered, said, time) = look_up(&TestEnv::for_server(&hangs));
    assert_eq!((offered.as_str(), said.as_str()), ("", ""));
    assert!(time < crate::env::within(Duration::from_secs(3)), "{time:?}");
}
