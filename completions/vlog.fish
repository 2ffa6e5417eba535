# Completion of vlog for fish, made by `make completions`.

function __vlog_found
    set -l field $argv[1]
    timeout 0.3 sh -c 'vlog query "$0" --since 7d --fail -o raw --fields "$1" || vlog query "$0" --local -o raw --fields "$1"' "* | uniq by ($field) limit 50" "$field" 2>/dev/null
end

function __vlog_using
    set -l words (commandline -opc)
    contains -- "$words[2]" $argv; and not contains -- -- $words
end

function __vlog_in_command
    set -l words (commandline -opc)
    contains -- "$words[2]" run hook; and contains -- -- $words
end

function __vlog_command
    set -l words (commandline -opc) (commandline -ct)
    set -l at (contains -i -- -- $words)
    complete -C (string join ' ' -- $words[(math $at + 1)..])
end

complete -c vlog -f
complete -c vlog -n __vlog_in_command -a '(__vlog_command)'
complete -c vlog -n __fish_use_subcommand -a send -d 'Send one record'
complete -c vlog -n __fish_use_subcommand -a pipe -d 'Send each line of stdin as a record'
complete -c vlog -n __fish_use_subcommand -a hook -d 'Log what an agent tells its hook'
complete -c vlog -n __fish_use_subcommand -a run -d 'Run a command and log what it writes'
complete -c vlog -n __fish_use_subcommand -a query -d 'Read records back'
complete -c vlog -n __fish_use_subcommand -a flush -d 'Deliver what waits in the outbox'
complete -c vlog -n __fish_use_subcommand -a status -d 'Show the settings, the server and the outbox'
complete -c vlog -n __fish_use_subcommand -a completions -d 'Print the completion script for a shell, or the manual page'
complete -c vlog -n __fish_use_subcommand -a help -d 'Explain a verb'
complete -c vlog -n __fish_use_subcommand -a version -d 'Print the version'
complete -c vlog -n '__vlog_using help' -a 'send pipe hook run query flush status completions'
complete -c vlog -n '__vlog_using completions' -a 'bash zsh fish man'
complete -c vlog -n '__vlog_using send' -s m -l message -d 'What happened; every word is then a field' -x
complete -c vlog -n '__vlog_using send' -s l -l level -d 'trace, debug, info, warn, error or fatal [default: info]' -x -a 'trace debug info warn error fatal'
complete -c vlog -n '__vlog_using send pipe' -s s -l service -d 'The program [default: `$VLOG_SERVICE` or vlog]' -x -a '(__vlog_found service)'
complete -c vlog -n '__vlog_using send' -s t -l time -d 'When it happened, as `query --since` takes it' -x -a '5m 15m 1h 6h 1d 7d today yesterday monday'
complete -c vlog -n '__vlog_using send' -l detach -d 'Return at once and deliver in the background'
complete -c vlog -n '__vlog_using send hook query' -l dry-run -d 'Print the request, and send nothing'
complete -c vlog -n '__vlog_using send pipe hook run query flush status' -l url -d 'Server, or `off`' -x
complete -c vlog -n '__vlog_using send pipe hook run query flush status' -s H -l header -d 'Add `Name: value`, or a file of headers' -x
complete -c vlog -n '__vlog_using send pipe hook run query flush status' -l tenant -d 'Tenant; for loki and otlp a name' -x
complete -c vlog -n '__vlog_using send pipe hook run query flush status' -l ca-file -d 'Trust the certificates in this PEM file only' -r -F
complete -c vlog -n '__vlog_using send pipe hook run query flush status' -l insecure -d 'Accept any certificate'
complete -c vlog -n '__vlog_using send pipe query flush status' -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n '__vlog_using send pipe hook run query flush status' -s v -l verbose -d 'Say on stderr how it went'
complete -c vlog -n '__vlog_using send pipe run flush status' -l timeout -d 'Give up after this time in all [default: 2s]' -x
complete -c vlog -n '__vlog_using send pipe hook run flush status' -l protocol -d 'jsonline (default), loki, ndjson or otlp' -x -a 'jsonline loki ndjson otlp'
complete -c vlog -n '__vlog_using send pipe hook run flush status' -l stream-fields -d 'Fields that make up the log stream' -x
complete -c vlog -n '__vlog_using send pipe hook run flush status' -l no-outbox -d 'Do not keep what cannot be delivered'
complete -c vlog -n '__vlog_using send pipe hook run query flush status' -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n '__vlog_using pipe' -s l -l level -d 'Of lines that name none [default: info]' -x -a 'trace debug info warn error fatal'
complete -c vlog -n '__vlog_using pipe' -l parse -d 'auto (default), text, json, logfmt or raw' -x -a 'auto text json logfmt raw'
complete -c vlog -n '__vlog_using pipe' -l time -d 'read (default), or line: what the line says' -x -a 'read line'
complete -c vlog -n '__vlog_using pipe' -l zone -d 'With --time line: local, utc or a name' -x -a 'local utc'
complete -c vlog -n '__vlog_using pipe' -l multiline -d 'Join tracebacks and indented lines'
complete -c vlog -n '__vlog_using pipe' -l multiline-start -d 'Join all lines up to the next that matches' -x
complete -c vlog -n '__vlog_using pipe' -l keep-ansi -d 'Leave colours and other codes in the text'
complete -c vlog -n '__vlog_using pipe' -l redact -d 'Take secrets out, as hook does'
complete -c vlog -n '__vlog_using pipe' -l tee -d 'Copy stdin to stdout as it comes'
complete -c vlog -n '__vlog_using pipe' -l dry-run -d 'Print the requests, and send nothing'
complete -c vlog -n '__vlog_using hook' -l include -d 'Log the text of these too, secrets taken out' -x
complete -c vlog -n '__vlog_using hook' -l event -d 'The event, if the payload does not name it' -x
complete -c vlog -n '__vlog_using hook' -s s -l service -d 'The program [default: `$VLOG_SERVICE` or the agent]' -x -a '(__vlog_found service)'
complete -c vlog -n '__vlog_using hook' -l settings -d 'Print what belongs into an agent\'s settings' -x -a 'claude codex cursor gemini copilot'
complete -c vlog -n '__vlog_using hook' -l install -d 'Put it into that agent\'s settings file' -x -a 'claude codex cursor gemini copilot'
complete -c vlog -n '__vlog_using hook' -l uninstall -d 'Take it out of there' -x -a 'claude codex cursor gemini copilot'
complete -c vlog -n '__vlog_using hook' -l never-block -d 'Turn 2, by which the command blocks, into 0'
complete -c vlog -n '__vlog_using hook' -l timeout -d 'Give up after this time, 1s at most' -x
complete -c vlog -n '__vlog_using run' -l on-failure -d 'Log only a failure: the end of the output'
complete -c vlog -n '__vlog_using run' -l redact -d 'Take secrets out of what is logged'
complete -c vlog -n '__vlog_using run' -s s -l service -d 'Its name [default: `$VLOG_SERVICE` or the command\'s]' -x -a '(__vlog_found service)'
complete -c vlog -n '__vlog_using run' -l dry-run -d 'Run, print the requests, and send nothing'
complete -c vlog -n '__vlog_using query' -s g -l grep -d 'With these words in the message, as they are' -x
complete -c vlog -n '__vlog_using query' -l since -d 'From this time on' -x -a '5m 15m 1h 6h 1d 7d today yesterday monday'
complete -c vlog -n '__vlog_using query' -l until -d 'Up to this time, inclusive' -x -a '5m 15m 1h 6h 1d 7d today yesterday monday'
complete -c vlog -n '__vlog_using query' -s s -l service -d 'Of this service; may be repeated' -x -a '(__vlog_found service)'
complete -c vlog -n '__vlog_using query' -s l -l level -d 'Of this level or worse, in any spelling' -x -a 'trace debug info warn error fatal'
complete -c vlog -n '__vlog_using query' -l session -d 'Of this `session_id`; may be repeated' -x -a '(__vlog_found session_id)'
complete -c vlog -n '__vlog_using query' -s n -l limit -d 'At most this many, 0 for all [default: 100, -f 10]' -x
complete -c vlog -n '__vlog_using query' -l local -d 'Ask the outbox and no server'
complete -c vlog -n '__vlog_using query' -s f -l follow -d 'Go on with records as they come'
complete -c vlog -n '__vlog_using query' -l histogram -d 'Draw the hits of the last hour, or --since, instead'
complete -c vlog -n '__vlog_using query' -s o -l output -d 'auto, pretty, json or raw' -x -a 'auto pretty json raw'
complete -c vlog -n '__vlog_using query' -l fields -d 'Print these fields only, in this order' -x
complete -c vlog -n '__vlog_using query' -l color -d 'auto, always or never' -x -a 'auto always never'
complete -c vlog -n '__vlog_using query' -l utc -d 'Show and read times in UTC'
complete -c vlog -n '__vlog_using query' -l exit-empty -d 'Exit with 1 when there are no records'
complete -c vlog -n '__vlog_using query' -l timeout -d 'Give up after this long without a byte [30s]' -x
complete -c vlog -n '__vlog_using flush' -l old -d 'Also what is over 6 days old, which the server may drop'
complete -c vlog -n '__vlog_using flush' -l rejected -d 'Also what was refused, or had no readable destination'
complete -c vlog -n '__vlog_using status' -l json -d 'Print one JSON object'
complete -c vlog -n '__vlog_using status' -l all -d 'Show what is the default, empty or zero too'
complete -c vlog -n '__vlog_using completions' -s h -l help -d 'Print help'
