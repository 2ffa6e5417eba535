# Completion of vlog for bash, made by `make completions`.

_vlog_found() {
    timeout 0.3 sh -c 'vlog query "$0" --since 7d --fail -o raw --fields "$1" || vlog query "$0" --local -o raw --fields "$1"' "* | uniq by ($1) limit 50" "$1" 2>/dev/null
}

_vlog_command() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        COMPREPLY=($(compgen -c -- "$cur"))
    else
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}

_vlog() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= at words= IFS=$' \t\n'
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            --) case $verb in run | hook) _vlog_command $((at + 1)) ;; esac; return ;;
            help | send | pipe | hook | run | query | flush | status | completions) verb=${verb:-${COMP_WORDS[at]}} ;;
        esac
    done
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case "$verb $prev" in
        *" -m" | *" --message" | *" --url" | *" -H" | *" --header" | *" --tenant" | *" --timeout" | *" --stream-fields" | *" --multiline-start" | *" --include" | *" --event" | *" -g" | *" --grep" | *" -n" | *" --limit" | *" --fields") return ;;
        *" -t" | "send --time" | *" --since" | *" --until") words="5m 15m 1h 6h 1d 7d today yesterday monday" ;;
        *" --color") words="auto always never" ;;
        *" -o" | *" --output") words="auto pretty json raw" ;;
        *" --parse") words="auto text json logfmt raw" ;;
        *" --settings" | *" --install" | *" --uninstall") words="claude codex cursor gemini copilot" ;;
        *" --protocol") words="jsonline loki ndjson otlp" ;;
        *" --zone") words="local utc" ;;
        "pipe --time") words="read line" ;;
        *" -l" | *" --level") words="trace debug info warn error fatal" ;;
        *" --ca-file") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); return ;;
        *" -s" | *" --service") IFS=$'\n'; COMPREPLY=($(compgen -W "$(_vlog_found service)" -- "$cur")); return ;;
        *" --session") IFS=$'\n'; COMPREPLY=($(compgen -W "$(_vlog_found session_id)" -- "$cur")); return ;;
        *)
            case "$verb $cur" in
                "send -"*) words="-m --message -l --level -s --service -t --time --detach --dry-run --url -H --header --tenant --ca-file --insecure --fail -v --verbose --timeout --protocol --stream-fields --no-outbox -h --help" ;;
                "pipe -"*) words="-l --level -s --service --parse --time --zone --multiline --multiline-start --keep-ansi --redact --tee --dry-run --url -H --header --tenant --ca-file --insecure --fail -v --verbose --timeout --protocol --stream-fields --no-outbox -h --help" ;;
                "hook -"*) words="--include --event -s --service --settings --install --uninstall --never-block --dry-run --url -H --header --tenant --ca-file --insecure -v --verbose --protocol --stream-fields --no-outbox --timeout -h --help" ;;
                "run -"*) words="--on-failure --redact -s --service --dry-run --url -H --header --tenant --ca-file --insecure -v --verbose --timeout --protocol --stream-fields --no-outbox -h --help" ;;
                "query -"*) words="-g --grep --since --until -s --service -l --level --session -n --limit --local -f --follow --histogram -o --output --fields --color --utc --exit-empty --dry-run --timeout --url -H --header --tenant --ca-file --insecure --fail -v --verbose -h --help" ;;
                "flush -"*) words="--old --rejected --url -H --header --tenant --ca-file --insecure --fail -v --verbose --timeout --protocol --stream-fields --no-outbox -h --help" ;;
                "status -"*) words="--json --all --url -H --header --tenant --ca-file --insecure --fail -v --verbose --timeout --protocol --stream-fields --no-outbox -h --help" ;;
                "completions -"*) words="-h --help" ;;
                completions*) words="bash zsh fish man" ;;
                " -"*) words="-h --help -V --version" ;;
                " "* | help*) words="send pipe hook run query flush status completions help version" ;;
            esac
            ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _vlog vlog
