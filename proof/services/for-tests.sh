# The services that tests talk to, for the length of a run; sourced by test.sh and soak.sh after steps.sh.
# A test finds each by its variable and goes without where it is not set; a run says which were skipped.
#
#   CONCORD_TEST_POSTGRES   postgresql://…, a superuser's URL; set by the caller, that server is used and left alone

. proof/packages.sh

service_dir=

# Starts what the caller has not set, and has it stopped when the run ends, interrupted or not.
start_services() {
    if [ -n "${CONCORD_TEST_POSTGRES:-}" ]; then
        return 0
    fi
    if ! get_package postgresql proof/services/postgres.sh find; then
        step_lacks postgresql "PostgreSQL is missing, so nothing is tested against it: apt-get install postgresql"
        return 0
    fi
    get_package openssl command -v openssl ||
        step_lacks openssl "openssl is missing, so TLS towards PostgreSQL is not tested: apt-get install openssl"
    trap stop_services EXIT
    service_dir=$(mktemp -d)
    if CONCORD_TEST_POSTGRES=$(proof/services/postgres.sh start "$service_dir"); then
        export CONCORD_TEST_POSTGRES
    else
        step_failures=$((step_failures + 1))
        step_note postgresql FAILED "PostgreSQL did not start: see above"
        unset CONCORD_TEST_POSTGRES
    fi
}

stop_services() {
    if [ -n "$service_dir" ]; then
        proof/services/postgres.sh stop "$service_dir" || echo "PostgreSQL in $service_dir was not stopped." >&2
        rm -rf "$service_dir"
        service_dir=
    fi
}
