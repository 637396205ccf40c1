#!/bin/bash
# Runs in the container metrics-key: a tenant for monitoring and its key, which may read metrics and the overview and nothing else.
set -euo pipefail
first=/silo-1/first-admin-key
key=/var/lib/moelora-keys/metrics-key
[ -s "$key" ] && exit 0
if [ ! -r "$first" ]; then
  echo "metrics-key: silo-1 holds no first-admin-key. Make a key with an admin's key of your own: moelora-silo key create monitoring --roles operator, and write it to $key." >&2
  exit 1
fi
ask=(--node http://silo-1:8081 --insecure-http --key-file "$first" --wait 300)
moelora-silo tenant put monitoring "${ask[@]}"
moelora-silo key create monitoring --roles operator --label prometheus "${ask[@]}" > "$key.new"
chmod 644 "$key.new" # Prometheus runs as another user; only the two containers see this volume
mv "$key.new" "$key"
