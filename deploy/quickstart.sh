#!/usr/bin/env bash
# Builds moelora and runs its demo: a small trained model serves eight tasks over HTTP, and its adapter is upgraded while requests run.
#   deploy/quickstart.sh                  serve on until Ctrl-C
#   deploy/quickstart.sh --once --json    one report, then end; all options of `moelora demo` may follow
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
command -v dotnet > /dev/null || { echo "quickstart.sh: dotnet is not on PATH; install the .NET 10 SDK and run this again" >&2; exit 1; }
echo "Building (the first time takes a minute or two) ..." >&2
dotnet build src/MoeLora.Cli -c Release -v quiet >&2
exec src/MoeLora.Cli/bin/Release/net10.0/moelora demo "$@"
