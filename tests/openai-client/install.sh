#!/usr/bin/env bash
# Puts the pinned version of OpenAI's npm package into node_modules (ignored by git), for OpenAiClientTests. Needs node 20 and npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v node > /dev/null && command -v npm > /dev/null || { echo "install.sh: node and npm are not on PATH" >&2; exit 1; }
npm ci --omit=peer --ignore-scripts --no-audit --no-fund --loglevel=error
