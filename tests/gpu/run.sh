#!/usr/bin/env bash
# Every check and benchmark for a GPU in one go, and one table at the end.
#   tests/gpu/run.sh                      the first GPU
#   tests/gpu/run.sh --device cuda:1      another one
#   tests/gpu/run.sh --device torch-cpu --tiny
#                                         the same on libtorch for the processor with shapes of almost nothing: tries the script, measures nothing
#   --turns N        how often each side is measured, 2 by default      --out DIR   where logs and figures go, artifacts/gpu by default
#   --shapes "A B"   other shapes (moelora bench --help lists them)     --no-build  takes what the last run built
# The other side is Hugging Face transformers with PEFT, by peer.py on the same device in turns; PYTHON names the interpreter. Without it the table has our side alone.
# Exits 1 when a check fails. A goal that is missed is said in the table and fails nothing: it depends on the card.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

device=cuda tiny= turns=2 out=$PWD/artifacts/gpu build=1 shapes=
stop() { echo "tests/gpu/run.sh: $1" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --device | --turns | --shapes | --out) [ $# -gt 1 ] || stop "$1 needs a value" ;;&
    --device) device=$2; shift ;;
    --turns) turns=$2; shift ;;
    --shapes) shapes=$2; shift ;;
    --out) out=$2; shift ;;
    --tiny) tiny=1 ;;
    --no-build) build= ;;
    *) stop "'$1' is not understood; the head of this file says what is" ;;
  esac
  shift
done
[[ $turns =~ ^[1-9][0-9]*$ ]] || stop "--turns: '$turns' is no number of turns"
case "$device" in
  cuda | cuda:[0-9]*) libraries=-p:Cuda=true tests='FullyQualifiedName~Cuda' ;;
  torch-cpu) libraries=-p:TorchCpu=true tests='FullyQualifiedName~TorchCpuConformance' ;;
  *) stop "--device: '$device' is none of cuda, cuda:N, torch-cpu" ;;
esac

# One GPU is shown to all that runs, so that nothing but it is checked and measured.
if [[ $device == cuda:* ]]; then
  export CUDA_VISIBLE_DEVICES=${device#cuda:}
  device=cuda
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
PYTHON=${PYTHON:-python3}
MOELORA=${MOELORA:-$out/build/bin/MoeLora.Silo/release/moelora-silo}
mkdir -p "$out"
results=$out/figures.txt
: > "$results"
failed=0
check() { # what it is, its log, a command: prints how it went
  local what=$1 log=$out/$2
  shift 2
  if "$@" > "$log" 2>&1; then echo "   passed: $what"; else failed=1; echo "   FAILED: $what ($log)"; tail -5 "$log" | sed 's/^/      /'; fi
}

# Built apart, so that what the usual build made stays as it is.
if [ -n "$build" ]; then
  echo "== build, with $libraries"
  for project in src/MoeLora.Silo tests/MoeLora.Torch.Tests; do
    dotnet build "$project" -c Release -v quiet "$libraries" --artifacts-path "$out/build" > "$out/build.log" 2>&1 ||
      { grep -E "error" "$out/build.log" | sort -u | head; stop "$project cannot be built; is its package source reachable?"; }
  done
fi
[ -x "$MOELORA" ] || stop "there is no $MOELORA; leave out --no-build"

echo "== checks on $device"
check "conformance of the device" conformance.log dotnet test tests/MoeLora.Torch.Tests -c Release --no-build "$libraries" --artifacts-path "$out/build" --filter "$tests"
for pack in chatglm-tiny llama-tiny qwen2-tiny; do
  check "verify $pack, f32 without TF32" "verify-$pack.log" "$MOELORA" verify "tests/data/$pack" --device "$device"
  grep -h "^greedy answers" "$out/verify-$pack.log" | sed 's/^/      /'
done
if [[ $device == cuda* ]] && ! grep -qE "Passed: +[1-9]" "$out/conformance.log"; then
  failed=1
  echo "   FAILED: no conformance test ran on CUDA"
fi

# What is measured: a shape, and the numbers for it. Training is wanted of the smaller shape, but both show it.
if [ -n "$tiny" ]; then
  shapes=${shapes:-llama-smallest chatglm-smallest}
  sizes=(--prompt 48 --generate 4 --repeats 1 --batch 8 --tasks 4 --rank 8 --experts 4 --rows 64)
  export PEER_TINY=1
else
  shapes=${shapes:-tinyllama-1.1b chatglm-6b}
  sizes=(--prompt 1024 --generate 64 --repeats 2 --batch 64 --tasks 8 --rank 16 --experts 8 --rows 2048)
fi

ours() { # shape: lines "name value"
  "$MOELORA" bench --suite --shape "$1" --device "$device" "${sizes[@]}" --json 2> "$out/bench-$1.err" > "$out/bench-$1.json" || return 1
  grep -o '"figures":{[^}]*}' "$out/bench-$1.json" | grep -oE '"[a-z0-9_]+":[-+0-9.eE]+' | tr -d '"' | tr ':' ' '
}
theirs() { "$PYTHON" tests/gpu/peer.py --shape "$1" --device "$device" 2> "$out/peer-$1.err"; }
peer=1
missing=$("$PYTHON" tests/gpu/peer.py --check --device "$device" 2>&1) || { peer=; echo "== transformers + PEFT are skipped: ${missing:-there is no $PYTHON}"; }

for shape in $shapes; do
  for ((turn = 1; turn <= turns; turn++)); do
    echo "== $shape, turn $turn of $turns"
    for side in $( ((turn % 2)) && echo "ours theirs" || echo "theirs ours"); do
      [ "$side" = theirs ] && [ -z "$peer" ] && continue
      if ! "$side" "$shape" > "$out/turn.txt" || [ ! -s "$out/turn.txt" ]; then
        failed=1
        echo "   FAILED: $side gave no figures ($out/$([ "$side" = ours ] && echo bench || echo peer)-$shape.err)"
        tail -3 "$out/$([ "$side" = ours ] && echo bench || echo peer)-$shape.err" | sed 's/^/      /'
      fi
      sed "s/^/$shape $side /" "$out/turn.txt" >> "$results"
    done
  done
  grep -oE '"notes":\[[^]]*\]' "$out/bench-$shape.json" 2> /dev/null | grep -oE '"[^"]{12,}"' | sed 's/^/   /'
done

# The goals: a name, which column they are about (own: our figure; ratio: ours over theirs), at least or at most, how much, and for which shapes.
goals="floor_share own >= 0.70 any
shared_1 ratio >= 5 any
mixed_ratio own >= 6 any
recovery_ms own <= 100 chatglm-6b
gap_upgrade_ms own <= 100 any
train ratio >= 1 tinyllama-1.1b"
echo
echo "device: $(grep -oE '"device":"[^"]*"' "$out"/bench-*.json 2> /dev/null | head -1 | cut -d'"' -f4); medians of $turns turns"
{ [ -n "$tiny" ] || sed 's/^/goal /' <<< "$goals"; sed 's/^/figure /' "$results"; } | awk '
  function median(list,   n, v, i, j, t) {
    n = split(list, v, " ")
    if (n == 0) return ""
    for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2
  }
  $1 == "goal" { goals[++count] = $0; next }
  {
    if (!(($2, $4) in seen)) { seen[$2, $4] = 1; rows[++total] = $2 " " $4 }
    values[$2, $3, $4] = values[$2, $3, $4] " " $5
  }
  END {
    printf "%-18s %-20s %14s %18s %8s  %s\n", "shape", "figure", "moelora", "transformers+PEFT", "ratio", "goal"
    for (i = 1; i <= total; i++) {
      split(rows[i], row, " ")
      a = median(values[row[1], "ours", row[2]]); b = median(values[row[1], "theirs", row[2]])
      ratio = (a != "" && b != "" && b + 0 > 0) ? a / b : ""
      verdict = ""
      for (g = 1; g <= count; g++) {
        split(goals[g], goal, " ")
        if (goal[2] != row[2] || (goal[6] != "any" && goal[6] != row[1])) continue
        value = goal[3] == "own" ? a : ratio
        verdict = goal[4] " " goal[5] (goal[3] == "ratio" ? " times" : "") ": "
        if (value == "") verdict = verdict "not measured"
        else verdict = verdict ((goal[4] == ">=" ? value + 0 >= goal[5] + 0 : value + 0 <= goal[5] + 0) ? "met" : "missed")
      }
      printf "%-18s %-20s %14s %18s %8s  %s\n", row[1], row[2], a == "" ? "-" : sprintf("%.3f", a), b == "" ? "-" : sprintf("%.3f", b), ratio == "" ? "-" : sprintf("%.2f", ratio), verdict
    }
  }'
[ -z "$tiny" ] || echo "These shapes are too small to mean anything: the run tried the script."
[ "$failed" -eq 0 ] && echo "all checks passed" || echo "checks FAILED; logs are in $out"
exit "$failed"
