#!/usr/bin/env bash
# Starts and stops a throw-away PostgreSQL for tests and benchmarks: the real server, without containers.
# It works as root, which hands the server to another user, and as an ordinary user. It listens on 127.0.0.1 and on a
# socket in DIR, asks for a password of its own, and keeps PostgreSQL's defaults: what it answered is on the disk.
#
#   postgres.sh find                        prints where the server's programs are; fails if there are none
#   postgres.sh start DIR [name=value…]     makes DIR if need be, starts the server in it, prints its URL when it answers;
#                                           a DIR that was stopped or crashed starts again with its data
#   postgres.sh stop DIR                    stops it; DIR stays and is the caller's to remove
#
# The same URL is in DIR/url, the server's log in DIR/log. A DIR of root belongs to the server's user afterwards.
set -euo pipefail

# Ports are drawn below the range from which systems take those of outgoing connections.
first_port=20000
ports=12000
# Each taken port costs one failed start.
port_attempts=20
# A socket's path may have 107 bytes, its name included.
longest_dir=90
patience_s=60

fail() {
    echo "postgres: $*" >&2
    exit 1
}

# Programs on the PATH come first, then the newest that Debian keeps beside it.
find_programs() {
    local found
    for found in "$(command -v initdb || true)" $(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -rV); do
        found=$(dirname "$(readlink -f "$found")")
        if [ -x "$found/initdb" ] && [ -x "$found/postgres" ] && [ -x "$found/pg_isready" ]; then
            echo "$found"
            return 0
        fi
    done
    return 1
}

# The server refuses to run as root: root's is run by the user of the package, or by nobody.
choose_user() {
    as=()
    user=$(id -un)
    if [ "$(id -u)" -eq 0 ]; then
        user=nobody
        if id -u postgres >/dev/null 2>&1; then user=postgres; fi
        as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
    fi
}

# run PROGRAM ARGUMENTS…: one of the server's programs, as its user and where that user may be.
run() {
    local program=$1
    shift
    (cd / && "${as[@]}" "$programs/$program" "$@")
}

# make_cluster SETTING…: new data in DIR; the password differs each time, so that no other user of this machine gets in.
make_cluster() {
    local password
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "$password" >"$dir/password")
    if [ "${#as[@]}" -gt 0 ]; then
        chown "$user:" "$dir" "$dir/password"
        (cd / && "${as[@]}" test -r "$dir/password") || fail "$user runs the server and may not enter a parent of $dir"
    fi
    run initdb --pgdata="$dir/data" --username=concord --pwfile="$dir/password" --auth=password \
        --encoding=UTF8 --locale=C --no-sync --no-instructions >"$dir/log" 2>&1 || fail "no data made: $(cat "$dir/log")"
    if [ "${#as[@]}" -gt 0 ]; then chown "$user:" "$dir/log"; fi
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = '${dir//\'/\'\'}'"
    } >>"$dir/data/postgresql.conf"
}

start() {
    [ $# -ge 1 ] || fail "start needs a directory"
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    shift
    [ "${#dir}" -le "$longest_dir" ] || fail "$dir is too long a path for a socket: $longest_dir bytes at most"
    [ -e "$dir/data" ] || make_cluster
    await_the_dead
    if run pg_ctl status --pgdata="$dir/data" >/dev/null; then fail "$dir has a running server: $(cat "$dir/url")"; fi
    local setting
    for setting in "$@"; do
        [[ $setting == *=* ]] || fail "a setting is name=value, not $setting"
        printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}" >>"$dir/data/postgresql.conf"
    done
    start_on_a_free_port
    # The start was announced by the server's own file; this asks it through the port.
    if ! run pg_isready --quiet --host=127.0.0.1 --port="$port" --timeout="$patience_s"; then
        stop "$dir"
        fail "no answer on port $port"
    fi
    (umask 077 && echo "postgresql://concord:$(cat "$dir/password")@127.0.0.1:$port/postgres" >"$dir/url")
    cat "$dir/url"
}

# A killed server keeps its process id, and so its lock, until the system's first process has taken note of its end.
await_the_dead() {
    local pid waited=0
    pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null || true)
    while [ -n "$pid" ] && [[ $(ps -o state= -p "$pid" || true) == Z* ]] && [ "$waited" -lt $((patience_s * 50)) ]; do
        sleep 0.02
        waited=$((waited + 1))
    done
}

# The server itself takes the port, so that no other program can come between looking and taking.
start_on_a_free_port() {
    local attempt before
    for attempt in $(seq "$port_attempts"); do
        port=$((first_port + (RANDOM * 32768 + RANDOM) % ports))
        before=$(wc -c <"$dir/log")
        if run pg_ctl start --silent --wait --timeout="$patience_s" --pgdata="$dir/data" --log="$dir/log" \
            --options="-p $port" >/dev/null 2>&1; then
            return 0
        fi
        tail -c "+$((before + 1))" "$dir/log" | grep -q 'could not create any TCP/IP sockets' ||
            fail "the server did not start: $(tail -n 20 "$dir/log")"
    done
    fail "no free port in $attempt attempts"
}

stop() {
    [ $# -eq 1 ] || fail "stop needs a directory"
    dir=$(cd "$1" && pwd)
    await_the_dead
    run pg_ctl status --pgdata="$dir/data" >/dev/null || return 0
    run pg_ctl stop --silent --wait --timeout="$patience_s" --mode=fast --pgdata="$dir/data" ||
        run pg_ctl stop --silent --wait --timeout="$patience_s" --mode=immediate --pgdata="$dir/data"
}

programs=$(find_programs) || fail "there is no PostgreSQL server: apt-get install postgresql"
choose_user
command=${1:-}
[ $# -eq 0 ] || shift
case $command in
find) echo "$programs" ;;
start) start "$@" ;;
stop) stop "$@" ;;
*) fail "say find, start DIR or stop DIR" ;;
esac
