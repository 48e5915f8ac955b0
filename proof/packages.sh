# Programs that tests compare with or talk to, from Debian or Ubuntu; sourced by test.sh and services/for-tests.sh.

# get_package PACKAGE PROBE…: whether the command PROBE succeeds, the package installed for it now if this user may.
get_package() {
    local package=$1
    local -a as=()
    shift
    if "$@" >/dev/null 2>&1; then
        return 0
    fi
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" -ne 0 ]; then
        # Never asks for a password: a test run has nobody to give one.
        sudo -n true 2>/dev/null || return 1
        as=(sudo -n)
    fi
    printf '\n── package %s\n' "$package"
    install_package "$package" || { "${as[@]}" apt-get update -qq && install_package "$package"; }
    "$@" >/dev/null 2>&1
}

# Installs without starting what the package may bring as a service of this machine: Debian asks policy-rc.d first.
# A policy that stands already is its owner's and stays; ours goes with the subshell.
install_package() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
        trap '"${as[@]}" rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee "$policy" >/dev/null
        "${as[@]}" chmod 755 "$policy"
    fi
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"
)
