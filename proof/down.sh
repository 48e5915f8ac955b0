#!/usr/bin/env bash
# Stops the server that holds a data directory: asks it to drain and waits until it has ended.
# The lock's file has the server's process id and is empty while none runs.
set -euo pipefail

data=${1:-./data}
# Longer than any drain the configuration allows by default.
patience_s=30

pid=$(tr -dc '0-9' 2>/dev/null <"$data/lock" || true)
if [ -z "$pid" ] || ! kill -0 "$pid" 2>/dev/null; then
    echo "No server uses $data."
    exit 0
fi
# After a kill the file may still name a process id that something else has now.
if [ "$(cat "/proc/$pid/comm" 2>/dev/null || ps -o comm= -p "$pid")" != concord ]; then
    echo "No server uses $data; its lock names process $pid, which is not Concord."
    exit 0
fi
kill -TERM "$pid"
for _ in $(seq $((patience_s * 10))); do
    if ! kill -0 "$pid" 2>/dev/null; then
        echo "Stopped process $pid."
        exit 0
    fi
    sleep 0.1
done
echo "Process $pid is still draining after $patience_s s; look at its log." >&2
exit 1
