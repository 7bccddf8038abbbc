# shellcheck shell=sh
# A private PostgreSQL for the demo, in a scratch folder and reachable by its socket alone; sourced by demo.sh.  Sets PGHOST, PGUSER and
# PGDATABASE.  PostgreSQL refuses to run as root: then its own account postgres runs it.

postgres_start() {
    postgres_dir=$(mktemp -d "${TMPDIR:-/tmp}/retail-postgres.XXXXXX")
    postgres_as=
    if [ "$(id -u)" -eq 0 ]; then
        postgres_as='setpriv --reuid=postgres --regid=postgres --clear-groups'
        chown postgres: "$postgres_dir"
    fi
    chmod 700 "$postgres_dir"
    postgres_bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -x "$postgres_bin/initdb" ] || { echo "PostgreSQL is missing (Debian package postgresql)" >&2; return 2; }
    # shellcheck disable=SC2086  # words are meant to be split
    (cd "$postgres_dir" && $postgres_as "$postgres_bin/initdb" -D "$postgres_dir/data" -U owner -A trust -E UTF8 --locale=C.UTF-8 &&
        $postgres_as "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/log" -w \
            -o "-c listen_addresses='' -c unix_socket_directories='$postgres_dir' -c max_connections=50" start) >"$1" 2>&1 || {
        cat "$1" >&2
        return 1
    }
    export PGHOST="$postgres_dir" PGUSER=owner PGDATABASE=postgres
}

postgres_stop() {
    [ -n "${postgres_dir:-}" ] || return 0
    # shellcheck disable=SC2086
    (cd / && $postgres_as "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -m fast -w stop) >/dev/null 2>&1 || true
    rm -rf "$postgres_dir"
}
