#!/usr/bin/env bash
# What `make test` proves, a step a line. Long runs use the same code with other counts: see soak.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. proof/steps.sh
. proof/services/for-tests.sh

step_with fmt "rustup component add rustfmt" format cargo fmt --all --check
step_with clippy "rustup component add clippy" lints \
    cargo clippy --workspace --all-targets --locked -- -D warnings
step tidy cargo xtask tidy
step dependencies cargo xtask deps
if ! get_package hledger command -v hledger; then
    step_lacks hledger "hledger is missing, so exports are not read by it: apt-get install hledger"
fi
start_services
step tests cargo test --workspace --locked

step_summary
