#!/usr/bin/env bash
# Proves that `cargo xtask new-context NAME` makes what it promises: in a copy of the tree a new context compiles
# without warnings, passes its tests and the house's checks, and answers over HTTP in the built program.
# A start on its directory finds its rows again. Nothing of this tree is changed; what is built is kept beside the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-gift_cards}
route=/v1/${name//_/-}
built=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$built/new-context
copy=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$copy"
}
trap finish EXIT

fail() {
    echo "new-context: $*" >&2
    exit 1
}

tar -c --exclude=./target --exclude=./.git --exclude=./data . | tar -x -C "$copy"
cd "$copy"

cargo xtask new-context "$name"
if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all; fi
# The lock learns the new crate here; its dependencies are known already.
cargo test --package "$name"
if cargo xtask new-context "$name" 2>"$copy/refused"; then fail "a second context of the same name was made"; fi
grep -q "is there already" "$copy/refused" || fail "a second context is refused so: $(cat "$copy/refused")"
if cargo clippy --version >/dev/null 2>&1; then
    cargo clippy --locked --no-deps --package "$name" --package concord --all-targets -- -D warnings
fi
cargo run --quiet --locked --package concord -- openapi >"$copy/openapi.json"
mv "$copy/openapi.json" api/openapi.json
cargo test --locked --package concord --test surface
cargo xtask tidy

# start: runs the built program on the copy's data directory; sets `server` and `port`.
start() {
    rm -f "$copy/told"
    mkfifo "$copy/told"
    "$CARGO_TARGET_DIR/debug/concord" serve --listen 127.0.0.1:0 --data-dir "$copy/rows" \
        >"$copy/told" 2>"$copy/log" &
    server=$!
    local line
    read -r line <"$copy/told" || fail "the server did not start: $(cat "$copy/log")"
    port=${line##*:}
}

stop() {
    kill -TERM "$server"
    wait "$server" || fail "the server ended with $?: $(cat "$copy/log")"
    server=
}

# ask METHOD PATH [BODY]: a request by hand; prints the status line, headers and body.
ask() {
    local body=${3:-}
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nIdempotency-Key: one\r\n' "$1" "$2" >&3
    printf 'Content-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body" >&3
    cat <&3
    exec 3>&-
}

# expect STATUS PATTERN ANSWER
expect() {
    case $3 in
    "HTTP/1.1 $1 "*"$2"*) ;;
    *) fail "expected $1 with $2, got: $3" ;;
    esac
}

start
expect 201 '"name":"blue"' "$(ask POST "$route" '{"name":"blue"}')"
expect 201 'idempotency-replayed: true' "$(ask POST "$route" '{"name":"blue"}')"
expect 422 '"/name"' "$(ask POST "$route" '{}')"
expect 200 '"next_cursor":null' "$(ask GET "$route")"
expect 200 "item-exists" "$(ask GET "/problems/${name//_/-}-item-exists")"
stop
start
expect 200 '"name":"blue"' "$(ask GET "$route")"
"$CARGO_TARGET_DIR/debug/concord" backup "$copy/backup" --data-dir "$copy/rows" | grep -q "$name.sqlite" ||
    fail "the backup leaves $name.sqlite out"
stop
echo "new-context: $name compiles, is tidy and tested, answers at $route, and keeps what it answered."
