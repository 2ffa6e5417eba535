# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_vlog_global_optspecs
    string join \n h/help V/version
end

function __fish_vlog_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_vlog_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_vlog_using_subcommand
    set -l cmd (__fish_vlog_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c vlog -n "__fish_vlog_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_needs_command" -s V -l version -d 'Print version'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "send" -d 'Send one record'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "pipe" -d 'Send each line of stdin as a record'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "hook" -d 'Log what an agent tells its hook'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "run" -d 'Run a command and log what it writes'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "query" -d 'Read records back'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "flush" -d 'Deliver what waits in the outbox'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "status" -d 'Show the settings, the server and the outbox'
complete -c vlog -n "__fish_vlog_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c vlog -n "__fish_vlog_using_subcommand send" -s m -l message -d 'What happened; every word is then a field' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -s l -l level -d 'trace, debug, info, warn, error or fatal [default: info]' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -s s -l service -d 'The program [default: `$VLOG_SERVICE` or vlog]' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -s t -l time -d 'When it happened, as `query --since` takes it' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -l url -d 'Server, or `off`' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -s H -l header -d 'Add `Name: value`, or a file of headers' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -l tenant -d 'Tenant; for loki and otlp a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -l ca-file -d 'Trust the certificates in this PEM file only' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -l timeout -d 'Give up after this time in all [default: 2s]' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -l protocol -d 'jsonline (default), loki, ndjson or otlp' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -l stream-fields -d 'Fields that make up the log stream' -r
complete -c vlog -n "__fish_vlog_using_subcommand send" -l detach -d 'Return at once and deliver in the background'
complete -c vlog -n "__fish_vlog_using_subcommand send" -l dry-run -d 'Print the request, and send nothing'
complete -c vlog -n "__fish_vlog_using_subcommand send" -l insecure -d 'Accept any certificate'
complete -c vlog -n "__fish_vlog_using_subcommand send" -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n "__fish_vlog_using_subcommand send" -s v -l verbose -d 'Say on stderr what went wrong'
complete -c vlog -n "__fish_vlog_using_subcommand send" -l no-outbox -d 'Do not keep what cannot be delivered'
complete -c vlog -n "__fish_vlog_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -s l -l level -d 'Of lines that name none [default: info]' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -s s -l service -d 'The program [default: `$VLOG_SERVICE` or vlog]' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l parse -d 'auto (default), text, json, logfmt or raw' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l time -d 'read (default), or line: what the line says' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l zone -d 'With --time line: local, utc or a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l multiline-start -d 'Join all lines up to the next that matches' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l url -d 'Server, or `off`' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -s H -l header -d 'Add `Name: value`, or a file of headers' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l tenant -d 'Tenant; for loki and otlp a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l ca-file -d 'Trust the certificates in this PEM file only' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l timeout -d 'Give up after this time in all [default: 2s]' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l protocol -d 'jsonline (default), loki, ndjson or otlp' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l stream-fields -d 'Fields that make up the log stream' -r
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l multiline -d 'Join tracebacks and indented lines'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l keep-ansi -d 'Leave colours and other codes in the text'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l tee -d 'Copy stdin to stdout as it comes'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l dry-run -d 'Print the requests, and send nothing'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l insecure -d 'Accept any certificate'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -s v -l verbose -d 'Say on stderr what went wrong'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -l no-outbox -d 'Do not keep what cannot be delivered'
complete -c vlog -n "__fish_vlog_using_subcommand pipe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l include -d 'Log the text of these too, secrets taken out' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l event -d 'The event, if the payload does not name it' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -s s -l service -d 'The program [default: `$VLOG_SERVICE` or the agent]' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l settings -d 'Print what belongs into an agent\'s settings' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l install -d 'Put it into that agent\'s settings file' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l uninstall -d 'Take it out of there' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l url -d 'Server, or `off`' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -s H -l header -d 'Add `Name: value`, or a file of headers' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l tenant -d 'Tenant; for loki and otlp a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l ca-file -d 'Trust the certificates in this PEM file only' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l protocol -d 'jsonline (default), loki, ndjson or otlp' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l stream-fields -d 'Fields that make up the log stream' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l timeout -d 'Give up after this time, 1s at most' -r
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l never-block -d 'Turn 2, by which the command blocks, into 0'
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l dry-run -d 'Print the request, and send nothing'
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l insecure -d 'Accept any certificate'
complete -c vlog -n "__fish_vlog_using_subcommand hook" -s v -l verbose -d 'Say on stderr what went wrong'
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l no-outbox -d 'Do not keep what cannot be delivered'
complete -c vlog -n "__fish_vlog_using_subcommand hook" -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n "__fish_vlog_using_subcommand hook" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_using_subcommand run" -s s -l service -d 'Its name [default: `$VLOG_SERVICE` or the command\'s]' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -l url -d 'Server, or `off`' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -s H -l header -d 'Add `Name: value`, or a file of headers' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -l tenant -d 'Tenant; for loki and otlp a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -l ca-file -d 'Trust the certificates in this PEM file only' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -l timeout -d 'Give up after this time in all [default: 2s]' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -l protocol -d 'jsonline (default), loki, ndjson or otlp' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -l stream-fields -d 'Fields that make up the log stream' -r
complete -c vlog -n "__fish_vlog_using_subcommand run" -l on-failure -d 'Log only a failure: the end of the output'
complete -c vlog -n "__fish_vlog_using_subcommand run" -l dry-run -d 'Run, print the requests, and send nothing'
complete -c vlog -n "__fish_vlog_using_subcommand run" -l insecure -d 'Accept any certificate'
complete -c vlog -n "__fish_vlog_using_subcommand run" -s v -l verbose -d 'Say on stderr what went wrong'
complete -c vlog -n "__fish_vlog_using_subcommand run" -l no-outbox -d 'Do not keep what cannot be delivered'
complete -c vlog -n "__fish_vlog_using_subcommand run" -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n "__fish_vlog_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_using_subcommand query" -l since -d 'From this time on' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -l until -d 'Up to this time, inclusive' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -s s -l service -d 'Of this service; may be repeated' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -s l -l level -d 'Of this level or worse, in any spelling' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -l session -d 'Of this `session_id`; may be repeated' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -s n -l limit -d 'At most this many, 0 for all [default: 100, -f 10]' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -s o -l output -d 'auto, pretty, json or raw' -r -f -a "auto\t''
pretty\t''
json\t''
raw\t''"
complete -c vlog -n "__fish_vlog_using_subcommand query" -l fields -d 'Print these fields only, in this order' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -l color -d 'auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c vlog -n "__fish_vlog_using_subcommand query" -l timeout -d 'Give up after this long without a byte [30s]' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -l url -d 'Server, or `off`' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -s H -l header -d 'Add `Name: value`, or a file of headers' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -l tenant -d 'Tenant; for loki and otlp a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -l ca-file -d 'Trust the certificates in this PEM file only' -r
complete -c vlog -n "__fish_vlog_using_subcommand query" -l local -d 'Ask the outbox and no server'
complete -c vlog -n "__fish_vlog_using_subcommand query" -s f -l follow -d 'Go on with records as they come'
complete -c vlog -n "__fish_vlog_using_subcommand query" -l histogram -d 'Draw the hits of the last hour, or --since, instead'
complete -c vlog -n "__fish_vlog_using_subcommand query" -l utc -d 'Show and read times in UTC'
complete -c vlog -n "__fish_vlog_using_subcommand query" -l exit-empty -d 'Exit with 1 when there are no records'
complete -c vlog -n "__fish_vlog_using_subcommand query" -l dry-run -d 'Print the request, and send nothing'
complete -c vlog -n "__fish_vlog_using_subcommand query" -l insecure -d 'Accept any certificate'
complete -c vlog -n "__fish_vlog_using_subcommand query" -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n "__fish_vlog_using_subcommand query" -s v -l verbose -d 'Say on stderr what went wrong'
complete -c vlog -n "__fish_vlog_using_subcommand query" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l url -d 'Server, or `off`' -r
complete -c vlog -n "__fish_vlog_using_subcommand flush" -s H -l header -d 'Add `Name: value`, or a file of headers' -r
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l tenant -d 'Tenant; for loki and otlp a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l ca-file -d 'Trust the certificates in this PEM file only' -r
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l timeout -d 'Give up after this time in all [default: 2s]' -r
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l protocol -d 'jsonline (default), loki, ndjson or otlp' -r
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l stream-fields -d 'Fields that make up the log stream' -r
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l old -d 'Also what is over 6 days old, which the server may drop'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l rejected -d 'Also what was refused, or had no readable destination'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l detached -d 'Leave the caller\'s session and descriptors first'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l insecure -d 'Accept any certificate'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -s v -l verbose -d 'Say on stderr what went wrong'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -l no-outbox -d 'Do not keep what cannot be delivered'
complete -c vlog -n "__fish_vlog_using_subcommand flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_using_subcommand status" -l url -d 'Server, or `off`' -r
complete -c vlog -n "__fish_vlog_using_subcommand status" -s H -l header -d 'Add `Name: value`, or a file of headers' -r
complete -c vlog -n "__fish_vlog_using_subcommand status" -l tenant -d 'Tenant; for loki and otlp a name' -r
complete -c vlog -n "__fish_vlog_using_subcommand status" -l ca-file -d 'Trust the certificates in this PEM file only' -r
complete -c vlog -n "__fish_vlog_using_subcommand status" -l timeout -d 'Give up after this time in all [default: 2s]' -r
complete -c vlog -n "__fish_vlog_using_subcommand status" -l protocol -d 'jsonline (default), loki, ndjson or otlp' -r
complete -c vlog -n "__fish_vlog_using_subcommand status" -l stream-fields -d 'Fields that make up the log stream' -r
complete -c vlog -n "__fish_vlog_using_subcommand status" -l json -d 'Print one JSON object'
complete -c vlog -n "__fish_vlog_using_subcommand status" -l insecure -d 'Accept any certificate'
complete -c vlog -n "__fish_vlog_using_subcommand status" -l fail -d 'Exit with 1 when it did not work'
complete -c vlog -n "__fish_vlog_using_subcommand status" -s v -l verbose -d 'Say on stderr what went wrong'
complete -c vlog -n "__fish_vlog_using_subcommand status" -l no-outbox -d 'Do not keep what cannot be delivered'
complete -c vlog -n "__fish_vlog_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vlog -n "__fish_vlog_using_subcommand completions" -s h -l help -d 'Print help'
complete -c vlog -n "__fish_vlog_using_subcommand completions" -f -a "bash zsh fish"
