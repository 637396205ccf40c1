#!/usr/bin/env bash
# Measures moelora and llama.cpp in turns on the same shape and prints the ratio of each round and their medians.
# See README.md beside this file for what the environment variables name.
set -euo pipefail

: "${LBENCH:?path of the lbench program, see README.md}"
: "${LBENCH_LIBS:?directory of the libraries of llama.cpp, see README.md}"
: "${GGUF_Q8:?path of the 8-bit model, see README.md}"
: "${GGUF_F16:?path of the 16-bit model, see README.md}"

root=$(cd "$(dirname "$0")/../.." && pwd)
MOELORA=${MOELORA:-$root/src/MoeLora.Cli/bin/Release/net10.0/moelora}
ROUNDS=${ROUNDS:-5}
THREADS=${THREADS:-2}
PROMPT=${PROMPT:-512}
GENERATE=${GENERATE:-32}
LBENCH_ENV=${LBENCH_ENV:-}

for file in "$LBENCH" "$GGUF_Q8" "$GGUF_F16" "$MOELORA"; do
  [[ -f $file ]] || { echo "compare-llama: there is no $file" >&2; exit 2; }
done

results=$(mktemp)
trap 'rm -f "$results"' EXIT

# Each prints "prefill decode" in tokens per second. Both run once to warm up and once that counts; decode is by the median step.
ours() { # weights
  "$MOELORA" bench --shape qwen2-0.5b --weights "$1" --threads "$THREADS" --prompt "$PROMPT" --generate "$GENERATE" --repeats 1 --json 2>/dev/null |
    sed -E 's/.*"prefill_tokens_per_second":([0-9.eE+-]+).*"decode_tokens_per_second":([0-9.eE+-]+),"mean_.*/\1 \2/'
}

theirs() { # model
  # shellcheck disable=SC2086  # LBENCH_ENV is a list of assignments
  env $LBENCH_ENV "$LBENCH" "$LBENCH_LIBS" "$1" "$THREADS" "$PROMPT" "$GENERATE" 2 2>/dev/null |
    awk '/ rep 1 / { prefill = $4 } / median / { for (i = 1; i < NF; i++) if ($i == "median") decode = $(i + 1) } END { print prefill, decode }'
}

is_pair() { [[ $1 =~ ^[0-9.eE+-]+\ [0-9.eE+-]+$ ]]; }

turn() { # round, label, weights, model
  local a b
  if (($1 % 2)); then a=$(ours "$3"); b=$(theirs "$4"); else b=$(theirs "$4"); a=$(ours "$3"); fi
  is_pair "$a" || { echo "compare-llama: moelora bench gave no numbers" >&2; exit 1; }
  is_pair "$b" || { echo "compare-llama: lbench gave no numbers" >&2; exit 1; }
  awk -v round="$1" -v label="$2" -v a="$a" -v b="$b" -v out="$results" 'BEGIN {
    split(a, x, " "); split(b, y, " ")
    printf "round %d  %-6s  prefill %8.1f against %8.1f: %.3f   decode %7.2f against %7.2f: %.3f\n", round, label, x[1], y[1], x[1] / y[1], x[2], y[2], x[2] / y[2]
    printf "%s-prefill %.6f\n%s-decode %.6f\n", label, x[1] / y[1], label, x[2] / y[2] >> out
  }'
}

median() { # key
  awk -v key="$1" '$1 == key { print $2 }' "$results" | sort -g |
    awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

verdict() { # name, key, target or -
  awk -v name="$1" -v ratio="$(median "$2")" -v target="$3" 'BEGIN {
    if (target == "-") printf "%-15s %.3f  (no target)\n", name, ratio
    else printf "%-15s %.3f  target %.2f  %s\n", name, ratio, target, (ratio >= target ? "met" : "missed")
  }'
}

echo "moelora against llama.cpp, tokens per second: qwen2-0.5b, vocabulary 32000, $THREADS threads, prompt $PROMPT, generate $GENERATE, $ROUNDS rounds"
for ((round = 1; round <= ROUNDS; round++)); do
  turn "$round" q8 q8 "$GGUF_Q8"
  turn "$round" 16-bit bf16 "$GGUF_F16"
done

echo "median ratios:"
verdict "q8 decode" q8-decode 1.3
verdict "q8 prefill" q8-prefill 1.2
verdict "16-bit decode" 16-bit-decode 1.2
verdict "16-bit prefill" 16-bit-prefill -
