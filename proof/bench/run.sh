#!/usr/bin/env bash
# Measures the ledger on this machine: builds the program, runs `concord bench ledger`, and writes the figures as
# Markdown to FILE (default: proof/bench/RESULTS.md). Arguments go to `concord bench ledger`.
#
#   proof/bench/run.sh                                       every workload, 10 million entries
#   proof/bench/run.sh --entries 1000000 --runs 1 --accounts 500000     the same in two minutes
#   CLEAN=1 proof/bench/run.sh --workload startup            also times a clean release build of the workspace
#   FILE=/tmp/mine.md proof/bench/run.sh --workload bulk
#
# The machine should be quiet: generator and server share its processor with everything else that runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

file=${FILE:-proof/bench/RESULTS.md}
target=${CARGO_TARGET_DIR:-target}
clean_note=""
if [ "${CLEAN:-}" = 1 ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    start=$SECONDS
    CARGO_TARGET_DIR=$scratch cargo build --release --locked --workspace
    clean_note="clean release build of the workspace: $((SECONDS - start)) s on $(nproc) cores (wanted: under 360 s)"
fi
cargo build --release --locked --package concord
mkdir -p "$target/bench"
"$target/release/concord" bench ledger --data-dir "$target/bench" --report "$file" "$@"
if [ -n "$clean_note" ]; then
    echo "$clean_note"
    printf '\n%s\n' "$clean_note" >>"$file"
fi
