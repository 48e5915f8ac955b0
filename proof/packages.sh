# Programs that tests compare with, from Debian or Ubuntu; sourced by test.sh.

# get_package PROGRAM PACKAGE: whether the program is there, installed now if this user may.
get_package() {
    local program=$1 package=$2
    local -a as=()
    if command -v "$program" >/dev/null; then
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
    command -v "$program" >/dev/null
}

install_package() {
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"
}
