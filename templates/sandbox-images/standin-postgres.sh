#!/bin/sh
# Starts PostgreSQL as the official image does: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE, POSTGRES_INITDB_ARGS, PGDATA.
#
# The first start can be cut off anywhere. A new cluster is made whole below "$making", where nobody can connect to it,
# then renamed to "$made", and its parts are moved up one by one. So whatever lies in "$making" never was a database,
# and what lies in "$made" only needs to be moved on. Nothing else is ever removed.
set -eu

if [ "${1:-postgres}" != postgres ]; then exec "$@"; fi
if [ "$#" -gt 0 ]; then shift; fi

: "${PGDATA:=/var/lib/postgresql/data}"
making=$PGDATA/.standin-making
made=$PGDATA/.standin-made

say() { echo "stand-in: $*" >&2; }

create_cluster() {
  : "${POSTGRES_USER:=postgres}"
  : "${POSTGRES_DB:=$POSTGRES_USER}"
  if [ ! -s "${POSTGRES_PASSWORD_FILE:-}" ]; then
    say "POSTGRES_PASSWORD_FILE names no file with a password"
    exit 1
  fi
  say "making a new database"
  mkdir -m 0700 "$making"
  # POSTGRES_INITDB_ARGS holds several words.
  # shellcheck disable=SC2086
  initdb --pgdata="$making" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-} >&2
  printf "\nlisten_addresses = '*'\n" >>"$making/postgresql.conf"
  printf '\nhost all all all scram-sha-256\n' >>"$making/pg_hba.conf"
  if [ "$POSTGRES_DB" != postgres ]; then
    # With -j, a statement ends with a semicolon and an empty line.
    name=$(printf '%s' "$POSTGRES_DB" | sed 's/"/""/g')
    printf 'CREATE DATABASE "%s";\n\n' "$name" | postgres --single -j -D "$making" postgres >/dev/null
    # The single-user server does not say by its exit status that a statement failed. Three databases are initdb's.
    if [ "$(find "$making/base" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' | wc -l)" -ne 4 ]; then
      say "could not create the database $POSTGRES_DB"
      exit 1
    fi
  fi
  sync -f "$PGDATA"
  mv "$making" "$made"
  sync -f "$PGDATA"
}

finish_cluster() {
  # PG_VERSION last: it is what says that there is a database.
  find "$made" -mindepth 1 -maxdepth 1 -not -name PG_VERSION -exec mv -t "$PGDATA" {} +
  sync -f "$PGDATA"
  if [ -e "$made/PG_VERSION" ]; then mv "$made/PG_VERSION" "$PGDATA/"; fi
  sync -f "$PGDATA"
  rmdir "$made"
}

chmod 0700 "$PGDATA"
if [ -d "$made" ]; then
  finish_cluster
elif [ ! -e "$PGDATA/PG_VERSION" ]; then
  rm -rf "$making"
  if [ -n "$(ls -A "$PGDATA")" ]; then
    say "$PGDATA holds files, but no database: nothing is touched"
    ls -lA "$PGDATA" >&2
    exit 1
  fi
  create_cluster
  finish_cluster
  say "the database is ready"
fi
exec postgres -D "$PGDATA" "$@"
