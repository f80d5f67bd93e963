#!/bin/sh
# As much of the official image's entry point as we use: POSTGRES_PASSWORD[_FILE], POSTGRES_USER, POSTGRES_DB,
# and the *.sh and *.sql of /docker-entrypoint-initdb.d, at the first start.
set -eu
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres: /var/lib/postgresql
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    secret=$(mktemp)
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then cat "$POSTGRES_PASSWORD_FILE"; else echo "${POSTGRES_PASSWORD:?is not set}"; fi >"$secret"
    initdb --username="$user" --pwfile="$secret" --auth-host=scram-sha-256 --auth-local=trust --encoding=UTF8 --locale=C >/dev/null
    rm "$secret"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    pg_ctl --silent --wait start -o "-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql"
    export PGHOST=/var/run/postgresql PGUSER="$user"
    database=${POSTGRES_DB:-$user}
    [ "$database" = postgres ] || createdb "$database"
    for script in /docker-entrypoint-initdb.d/*; do
        # shellcheck disable=SC1090 # whatever is mounted there
        case $script in
            *.sh) . "$script" ;;
            *.sql) psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname "$database" --file "$script" ;;
        esac
    done
    pg_ctl --silent --wait --mode=fast stop
fi
if [ "$1" = postgres ]; then
    shift
    exec postgres -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
fi
exec "$@"
