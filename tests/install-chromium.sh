#!/usr/bin/env bash
# Installs the Chromium that the tests of the console page drive.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if command -v apt-get > /dev/null; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get update && $sudo apt-get install -y chromium
elif command -v dnf > /dev/null; then
  sudo dnf install -y chromium
else
  echo "tests/install-chromium.sh: no apt-get and no dnf here; install Chromium or Chrome, then set MOELORA_CHROMIUM to its program" >&2
  exit 1
fi
