#!/usr/bin/env bash
# Makes the passwords of compose.yaml, where they are not there yet. Nothing is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The directory keeps other users of the machine out. The files themselves must be readable by the users of the containers into which they are mounted.
mkdir -p secrets
chmod 700 secrets
for name in postgres-password redis-password grafana-password; do
  if [ ! -s "secrets/$name" ]; then
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' > "secrets/$name"
    chmod 644 "secrets/$name"
  fi
done
printf '*\n' > secrets/.gitignore
echo "The passwords are in $PWD/secrets. Grafana's user is admin."
