# Timed steps and their summary; sourced by test.sh and soak.sh.
# A step that fails does not stop the next ones, so that one run shows everything; the summary's exit code tells.

step_lines=()
step_failures=0
step_skips=0

# step NAME COMMAND…: runs a command and notes its outcome and time.
step() {
    local name=$1 outcome=ok start=$SECONDS
    shift
    printf '\n── %s: %s\n' "$name" "$*"
    if ! "$@"; then
        outcome=FAILED
        step_failures=$((step_failures + 1))
    fi
    step_note "$name" "$outcome" "$((SECONDS - start)) s"
}

# step_with TOOL REMEDY NAME COMMAND…: a step that needs `cargo TOOL`.
# Where the tool is missing it is skipped and said so; under CI=true that is a failure.
step_with() {
    local tool=$1 remedy=$2 name=$3
    shift 2
    if cargo "$tool" --version >/dev/null 2>&1; then
        step "$@"
    else
        step_lacks "$name" "cargo $tool is missing: $remedy"
    fi
}

# step_lacks NAME REASON: something is missing, so a part of the proof is skipped and said so; under CI=true that is a failure.
step_lacks() {
    if [ "${CI:-}" = true ]; then
        step_failures=$((step_failures + 1))
        step_note "$1" FAILED "$2"
    else
        step_skips=$((step_skips + 1))
        step_note "$1" skipped "$2"
    fi
}

step_note() {
    step_lines+=("$(printf '  %-14s %-8s %s' "$1" "$2" "$3")")
}

# Prints all outcomes; fails if a step did.
step_summary() {
    printf '\n── summary, %s s in all\n' "$SECONDS"
    printf '%s\n' "${step_lines[@]}"
    if [ "$step_failures" -gt 0 ]; then
        printf '\nFAILED: %s step(s).\n' "$step_failures"
        return 1
    fi
    if [ "$step_skips" -gt 0 ]; then
        printf '\nPassed, but %s step(s) were skipped for want of a tool.\n' "$step_skips"
    else
        printf '\nPassed.\n'
    fi
}
