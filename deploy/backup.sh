#!/usr/bin/env bash
# Backs up a node or silo that may run: its state directory (registry, bundles, audit trail) and, where PGDATABASE or PGSERVICE names one, the PostgreSQL database of the
# cluster. What is in it is checked before it counts. Every silo's state has its own audit trail: back up each; the database once is enough.
#   backup.sh --state DIR --to DIR [--keep N]
# It writes TO/NAME-TIME/ with state/, database.dump, head (of the audit trail; keep a copy on another machine) and SHA256SUMS.
# Needs moelora or moelora-silo on PATH, and pg_dump for a database; libpq's variables (PGHOST, PGUSER, PGPASSFILE, …) say how to reach it.
set -euo pipefail
umask 077

usage() { sed -n '2,6s/^# \?//p' "$0" >&2; exit 2; }
state='' to='' keep=''
while [ $# -gt 0 ]; do
  case "$1" in
    --state) state="${2:?--state needs a directory}"; shift 2 ;;
    --to) to="${2:?--to needs a directory}"; shift 2 ;;
    --keep) keep="${2:?--keep needs a number}"; shift 2 ;;
    *) echo "backup.sh: '$1' is not understood." >&2; usage ;;
  esac
done
if [ -z "$state" ] || [ -z "$to" ]; then usage; fi
[[ "$keep" =~ ^([1-9][0-9]*)?$ ]] || { echo "backup.sh: --keep needs a number of at least 1, not '$keep'." >&2; exit 2; }
moelora=$(command -v moelora || command -v moelora-silo) || { echo 'backup.sh: neither moelora nor moelora-silo is on PATH.' >&2; exit 1; }

name="moelora-$(hostname)"
mkdir -p "$to"
work="$to/.$name.unfinished"
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT

# The database before the state: a version is in it only after its bundle is in a silo's store.
if [ -n "${PGDATABASE:-}${PGSERVICE:-}" ]; then
  pg_dump --format=custom --no-owner --file="$work/database.dump"
  pg_restore --list "$work/database.dump" > /dev/null
fi
"$moelora" backup "$state" --out "$work/state"
"$moelora" audit verify "$work/state/audit" --json | sed -n 's/.*"head":"\([^"]*\)".*/\1/p' > "$work/head"
(cd "$work" && find . -type f -print0 | sort -z | xargs -0 sha256sum) > "$to/.$name.sums"
mv "$to/.$name.sums" "$work/SHA256SUMS"

target="$to/$name-$(date -u +%Y%m%dT%H%M%SZ)"
mv "$work" "$target"
trap - EXIT
echo "$target"

# Only whole backups of this machine are counted, and only after the new one is there.
if [ -n "$keep" ]; then
  find "$to" -maxdepth 1 -type d -name "$name-[0-9]*Z" | sort -r | tail -n "+$((keep + 1))" | while IFS= read -r old; do rm -rf "$old"; done
fi
