#!/bin/sh
# The tour of `make demo`, and of the README's first screen: what each command is for, the command, and what it prints.
# `vlog` is on PATH. Where a server answers the tour goes through it, otherwise through the outbox, which should be empty.
set -u
start=$(date +%s)
# How far back the tour goes, without the wait for a server.
span=2s

# What is shown, and the command as one would type it.
show() {
    printf '\n# %s\n$ %s\n' "$1" "$2"
    eval "$2"
}

# A server makes new records searchable after a second or two; the outbox has them at once.
wait_for_server() {
    vlog status --fail >/dev/null 2>&1 || return 0
    tries=0
    until vlog query --exit-empty --since "$start" 'service:=backup exit_code:=3' >/dev/null 2>&1 || [ $tries -ge 50 ]; do
        tries=$((tries + 1))
        sleep 0.2
    done
    span=$(($(date +%s) - start + 1))s
}

show 'One record, from a hook or a script.' \
    'vlog send "observation stored" service=nmem-capture'
show 'Each line of a program. A level at its head is recognised.' \
    "printf 'INFO 3 orders read\nERROR order 17 has no price\n' | vlog pipe --service shop"
show 'What an agent tells its hook: names and sizes, no contents.' \
    "echo '{\"hook_event_name\":\"PostToolUse\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"make\"}}' | vlog hook"
show 'A job, with its output and how it ended.' \
    "vlog run -s backup -- sh -c 'echo copying; exit 3'; echo \"exit status \$?\""
wait_for_server
show 'Read it back.' \
    'vlog query --since 5m'
show 'See when it happened.' \
    "vlog query --histogram --since $span"
