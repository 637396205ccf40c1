#!/usr/bin/env bash
# Puts a backup of backup.sh into the place of a state directory that is empty or not there, and with --database into an empty PostgreSQL database that PGDATABASE or
# PGSERVICE names. Every file is checked before anything is written, the audit trail with the head that was kept elsewhere where --head gives it.
#   restore.sh --from DIR --state DIR [--head FILE] [--database]
# The node or silo must be stopped; for --database all silos. Needs moelora or moelora-silo on PATH, and pg_restore for a database.
set -euo pipefail
umask 077

usage() { sed -n '2,5s/^# \?//p' "$0" >&2; exit 2; }
from='' state='' head='' database=''
while [ $# -gt 0 ]; do
  case "$1" in
    --from) from="${2:?--from needs a directory}"; shift 2 ;;
    --state) state="${2:?--state needs a directory}"; shift 2 ;;
    --head) head="${2:?--head needs a file}"; shift 2 ;;
    --database) database=yes; shift ;;
    *) echo "restore.sh: '$1' is not understood." >&2; usage ;;
  esac
done
if [ -z "$from" ] || [ -z "$state" ]; then usage; fi
moelora=$(command -v moelora || command -v moelora-silo) || { echo 'restore.sh: neither moelora nor moelora-silo is on PATH.' >&2; exit 1; }
refuse() { echo "restore.sh: $1" >&2; exit 1; }
[ -f "$from/SHA256SUMS" ] || refuse "'$from' is no backup of backup.sh: it holds no SHA256SUMS."
# An empty file system of its own has lost+found.
[ ! -e "$state" ] || [ -z "$(ls -A -I lost+found "$state")" ] || refuse "'$state' is not empty; move what is there away first."
[ -z "$database" ] || [ -f "$from/database.dump" ] || refuse "'$from' holds no database.dump."
[ -z "$database" ] || [ -n "${PGDATABASE:-}${PGSERVICE:-}" ] || refuse 'set PGDATABASE or PGSERVICE to the empty database.'

(cd "$from" && sha256sum --check --quiet --strict SHA256SUMS) || refuse "'$from' is not what was backed up; nothing was written."
unlisted=$(cd "$from" && find . ! -type d ! -path ./SHA256SUMS | LC_ALL=C sort | LC_ALL=C comm -23 - <(sed 's/^[^ ]* [ *]//' SHA256SUMS | LC_ALL=C sort))
[ -z "$unlisted" ] || refuse "'$from' holds what SHA256SUMS does not list: ${unlisted//$'\n'/, }; nothing was written."
"$moelora" audit verify "$from/state/audit" ${head:+--head "$head"}

if [ -n "$database" ]; then
  pg_restore --exit-on-error --single-transaction --no-owner --dbname="${PGDATABASE:-service=$PGSERVICE}" "$from/database.dump"
fi
mkdir -p "$state"
cp -R --preserve=mode,timestamps "$from/state/." "$state/"
"$moelora" audit verify "$state/audit" > /dev/null
echo "Restored $state. It belongs to $(id -un): give it to the node's user where that is another one."
