# A tail goes over from the outbox to a server that comes up on the default port. Alone on the loopback of a network
# namespace; $1 is vlog, $2 the server, $3 an empty directory. Prints what the tail has shown.
set -eu
ip link set lo up
cd "$3"
export HOME="$3"
vlog=$1
trap 'kill $tail $server 2>/dev/null || :' EXIT
tail=
server=
# Waits, a minute at most, until a command succeeds.
await() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "in vain: $*" >&2; break; }
        sleep 0.1
    done
}
shows() { [ "$(grep -c . shown)" -ge "$1" ]; }
n=0
send() {
    for _ in 1 2 3 4 5; do
        n=$((n + 1))
        "$vlog" send -s x "row $n"
    done
}
send
"$vlog" query -f -o raw 'service:=x' >shown 2>said &
tail=$!
await shows 5
send
await shows 10
"$2" -storageDataPath="$3/data" -httpListenAddr=127.0.0.1:9428 >log 2>&1 &
server=$!
await "$vlog" status --fail
# Some go to the server beside what waits, and some take that along.
send
"$vlog" flush
send
await shows 20
# Whatever would come twice comes within a few seconds.
sleep 5
kill $tail $server
wait $tail $server || :
cat shown
cat said >&2
