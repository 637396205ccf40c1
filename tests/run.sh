#!/usr/bin/env bash
# Restores, builds, checks the format and runs every test. Exits non-zero on any failure and closes with one plain line of counts.
#   tests/run.sh          everything in its short form
#   tests/run.sh --long   storms, soaks and fuzz runs in their full form
# The tests of the console page drive a real Chromium and are skipped without one; tests/install-chromium.sh installs it.
# Tests of the node's state and of clusters run on SQLite, and on a PostgreSQL and a Redis server of their own. Where their programs are missing, root on a
# Debian installs them; anybody else is told, and those tests are skipped.
# On a machine whose package source lacks a family (see MoeLora.Node.slnf) the rest is built and tested, and what is left out is named.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
results="$PWD/artifacts/test-results"
log="$PWD/artifacts/run.log"

fail() {
  echo "tests/run.sh: $1" >&2
  echo "${2:-0} passed, ${3:-1} failed, ${4:-0} skipped"
  exit 1
}

for argument in "$@"; do
  case "$argument" in
    --long) export MOELORA_LONG=1 ;;
    *) fail "'$argument' is not understood; the only option is --long" ;;
  esac
done

command -v dotnet > /dev/null || fail "dotnet is not on PATH; install the .NET SDK that global.json names"
rm -rf "$results" && mkdir -p "$results"

find_postgres() { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2> /dev/null; }
find_redis() { command -v redis-server; }
provide() { # the function that finds it, Debian's package, its name
  echo "== $2"
  if ! "$1" > /dev/null && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "   not here; installing Debian's package"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2"; } > "$log" 2>&1 || tail -3 "$log"
  fi
  "$1" > /dev/null || echo "   not here: the tests on $3 are skipped; on Debian: apt-get install $2"
}
provide find_postgres postgresql PostgreSQL
provide find_redis redis-server Redis

solution=MoeLora.Grid.sln
echo "== restore"
if ! dotnet restore "$solution" > "$log" 2>&1; then
  missing=$(grep -oE "NU110[0-9]: Unable to find package [^ ,]+" "$log" | sed 's/.*package //; s/\.$//' | sort -u | paste -sd ' ')
  [ -n "$missing" ] || { tail -20 "$log"; fail "restore failed"; }
  echo "   the package source lacks: $missing"
  left_out=$(comm -23 <(dotnet sln "$solution" list | grep csproj | sort) <(grep -oE '(src|tests)/[^"]+csproj' MoeLora.Node.slnf | sort) | paste -sd ' ')
  echo "   left out, because they need it: ${left_out:-nothing}"
  solution=MoeLora.Node.slnf
  dotnet restore "$solution" > "$log" 2>&1 || { tail -20 "$log"; fail "restore of $solution failed"; }
fi

echo "== build $solution"
dotnet build "$solution" --no-restore -c Release -v quiet > "$log" 2>&1 || { grep -E "error|warning" "$log" | sort -u | head -40; fail "the build failed"; }

echo "== format"
dotnet format "$solution" --no-restore --verify-no-changes > "$log" 2>&1 || { sort -u "$log" | head -40; fail "the format check failed; run: dotnet format $solution"; }

echo "== OpenAI's client (npm)"
tests/openai-client/install.sh > "$log" 2>&1 || echo "   not there, its test is skipped: $(tail -1 "$log")"

echo "== test"
dotnet test "$solution" --no-build -c Release -m:1 --logger trx --results-directory "$results" > "$log" 2>&1
status=$?
awk '/Error Message:/ { follows = 8 } follows-- > 0 || /^(Passed|Failed|Skipped)!|\[FAIL\]|\[SKIP\]|^   at .*Tests\./' "$log" | head -200
sum() { local n=0 v; for v in $(grep -rhoE "<Counters [^>]*" "$results" --include='*.trx' | grep -oE " $1=\"[0-9]+\"" | grep -oE '[0-9]+'); do n=$((n + v)); done; echo "$n"; }
total=$(sum total) passed=$(sum passed) executed=$(sum executed)
skipped=$((total - executed)) failed=$((executed - passed))
[ "$total" -gt 0 ] || { tail -40 "$log"; fail "no test ran"; }
[ "$status" -eq 0 ] || { [ "$failed" -gt 0 ] || { tail -40 "$log"; failed=1; }; fail "tests failed; the full log is artifacts/run.log" "$passed" "$failed" "$skipped"; }
[ "$failed" -eq 0 ] || fail "tests failed; the full log is artifacts/run.log" "$passed" "$failed" "$skipped"
echo "$passed passed, 0 failed, $skipped skipped"
