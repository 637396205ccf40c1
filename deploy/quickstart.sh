#!/usr/bin/env bash
# Builds moelora, serves the small Qwen2 model and adapter of tests/data, and asks one task over HTTP.
#   deploy/quickstart.sh           serve until Ctrl-C
#   deploy/quickstart.sh --once    stop after the answer; exit 1 unless its tokens are the reference's
# PORT (default 8080) chooses the port.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
port=${PORT:-8080}
once=false
case "${1:-}" in
  "") ;;
  --once) once=true ;;
  *) echo "quickstart.sh: '$1' is not understood; the only option is --once" >&2; exit 2 ;;
esac
for tool in dotnet curl; do
  command -v "$tool" > /dev/null || { echo "quickstart.sh: $tool is not on PATH; install it and run this again" >&2; exit 1; }
done

# Otherwise another server there would be taken for ours.
if curl -s "http://127.0.0.1:$port/" > /dev/null; then
  echo "quickstart.sh: something answers on port $port already; set PORT to another one" >&2
  exit 1
fi

echo "Building (the first time takes a minute or two) ..."
dotnet build src/MoeLora.Cli -c Release -v quiet
pack=tests/data/qwen2-tiny
src/MoeLora.Cli/bin/Release/net10.0/moelora serve --model "$pack" --adapter "$pack/adapter" --urls "http://127.0.0.1:$port" &
server=$!
trap 'kill "$server" 2> /dev/null; wait "$server" 2> /dev/null || true' EXIT
until curl -fs "http://127.0.0.1:$port/readyz" > /dev/null; do
  kill -0 "$server" 2> /dev/null || { echo "quickstart.sh: the server stopped; if the port is taken, set PORT to another one" >&2; exit 1; }
  sleep 0.2
done

# Task 3, the reference pack's first prompt, greedy.
body='{"model": "3", "prompt": [147, 91, 295, 9, 5, 84, 218, 24, 33], "max_tokens": 12, "temperature": 0, "return_token_ids": true}'
echo "POST /v1/completions $body"
answer=$(curl -fsS "http://127.0.0.1:$port/v1/completions" -H 'Content-Type: application/json' -d "$body")
echo "$answer"
if [[ $(tr -d ' \n' <<< "$answer") == *'"token_ids":[33,65,65,65,65,65,65,65,65,65,65,65]'* ]]; then
  echo "These are the tokens that the reference pack expects of task 3."
else
  echo "quickstart.sh: these are not the tokens that the reference pack expects of task 3" >&2
  exit 1
fi

if ! $once; then
  echo "Serving on http://127.0.0.1:$port until Ctrl-C. Try: curl http://127.0.0.1:$port/v1/models"
  wait "$server"
fi
