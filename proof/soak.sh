#!/usr/bin/env bash
# What `make soak` proves: every test again, optimised, with PROOF_SCALE times the counts of `make test`.
# A scaffolded context is built and asked, too.
# Tests that repeat themselves (seeds, commands, kills) multiply their counts by that variable.
set -euo pipefail
cd "$(dirname "$0")/.."
. proof/steps.sh
. proof/services/for-tests.sh

export PROOF_SCALE="${PROOF_SCALE:-100}"
start_services
step "tests ×$PROOF_SCALE" cargo test --workspace --locked --release
step new-context proof/new-context.sh

step_summary
