#!/usr/bin/env bash
# Measures a ledger in plain SQL on this machine's PostgreSQL, as the baseline of ours: one function a transfer, driven
# by pgbench at 1, 16 and 64 clients, uniform and on one hot pair, then the same inserts set by set on one connection.
# A throw-away server is started for it, with PostgreSQL's defaults except shared memory: every commit is synced.
# Every run must leave books that balance. Figures go to the screen, and to FILE if that is set.
#
#   proof/bench/postgres/plain.sh                     10 s each
#   DURATION_S=3 RUNS=3 proof/bench/postgres/plain.sh     the median of three runs of 3 s
#   DATA=/mnt/disk FILE=/tmp/mine.md proof/bench/postgres/plain.sh
#
# The machine should be quiet: pgbench and the server share its processor with everything else that runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
service=$here/../../services/postgres.sh

duration_s=${DURATION_S:-10}
runs=${RUNS:-1}
accounts=${ACCOUNTS:-10000}
memory=${SHARED_BUFFERS:-2GB}
file=${FILE:-/dev/null}

programs=$("$service" find)
PATH=$programs:$PATH
# The disk of this directory is measured: a temporary directory that is memory would flatter.
dir=$(mktemp -d "${DATA:-${TMPDIR:-/tmp}}/plain.XXXXXX")
finish() {
    "$service" stop "$dir" || true
    rm -rf "$dir"
}
trap finish EXIT
url=$("$service" start "$dir" "shared_buffers=$memory")

ask() {
    psql "$url" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"
}

ask --file="$here/plain.sql"
ask --command="INSERT INTO account (id) SELECT 'acc_' || lpad(n::text, 8, '0') FROM generate_series(1, $accounts) n"
ask --command="VACUUM ANALYZE"

# row FIGURE TRANSFERS SCRIPT CLIENTS HOW: the median of the runs, each pgbench transaction making TRANSFERS transfers.
row() {
    local figure=$1 transfers=$2 script=$3 clients=$4 how=$5 run before after made
    local -a rates=() bytes=()
    for run in $(seq "$runs"); do
        ask --command="CHECKPOINT"
        before=$(ask --command="SELECT pg_current_wal_insert_lsn()")
        pgbench "$url" --no-vacuum --protocol=prepared --file="$here/$script" --define="accounts=$accounts" \
            --define="batch=$transfers" --client="$clients" --jobs="$((clients < 2 ? 1 : 2))" --time="$duration_s" \
            >"$dir/told" 2>&1 || { cat "$dir/told" >&2; return 1; }
        made=$(awk -v each="$transfers" '/actually processed:/ { print $NF * each }' "$dir/told")
        after=$(ask --command="SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before')")
        rates+=("$(awk -v each="$transfers" '/^tps = / { printf "%.0f", $3 * each }' "$dir/told")")
        bytes+=("$((after / made))")
        check
    done
    printf '| %s | %s /s | %s B | %s |\n' \
        "$figure" "$(median "${rates[@]}")" "$(median "${bytes[@]}")" "$how" | tee -a "$file"
}

median() {
    printf '%s\n' "$@" | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

# The sum over all accounts is zero, and each balance is the sum of its postings and the last one's balance.
check() {
    local wrong
    wrong=$(ask --command="SELECT count(*) FROM account FULL JOIN (
            SELECT account_id AS id, sum(amount) AS total, count(*) AS postings,
                (array_agg(balance_after ORDER BY version_after DESC))[1] AS last
            FROM posting GROUP BY account_id) AS kept USING (id)
        WHERE (balance, balance, version) IS DISTINCT FROM (coalesce(total, 0), coalesce(last, 0), coalesce(postings, 0))")
    [ "$wrong $(ask --command="SELECT sum(balance) FROM account")" = "0 0" ] || {
        echo "plain: $wrong accounts differ from their postings, or the books do not balance" >&2
        return 1
    }
}

{
    echo "# A ledger in plain SQL"
    echo
    echo "Measured by \`proof/bench/postgres/plain.sh\` at $(date -u +%Y-%m-%dT%H:%M:%SZ)."
    echo
    echo "- processor: $(nproc) cores, $(awk -F ': ' '/model name/ { print $2; exit }' /proc/cpuinfo)"
    echo "- server: PostgreSQL $(ask --command="SHOW server_version"), shared_buffers $memory," \
        "fsync $(ask --command="SHOW fsync"), synchronous_commit $(ask --command="SHOW synchronous_commit")"
    echo "- disk: fdatasync of 8 KiB:" \
        "$(pg_test_fsync --secs-per-test=1 --filename="$dir/sync" | awk '/^ +fdatasync/ { print $4; exit }') µs"
    echo "- load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
    echo "- $accounts accounts, $duration_s s a run, median of $runs; pgbench and server share these cores"
    echo
    echo "| figure | transfers | log a transfer | how |"
    echo "|---|--:|--:|---|"
} | tee -a "$file"
for clients in 1 16 64; do
    row "uniform, clients: $clients" 1 uniform.sql "$clients" "one function call a transaction"
done
for clients in 1 16 64; do
    row "hot pair, clients: $clients" 1 hot.sql "$clients" "the same between two accounts"
done
for size in 100 1000 4000; do
    row "set-based, batches of $size" "$size" batch.sql 1 "one connection, one statement a batch, keys too"
done
