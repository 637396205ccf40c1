#!/usr/bin/env bash
# Measures the matrix products of training in moelora and in PyTorch in turns, and prints the ratio of their speeds.
# See README.md beside this file.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
MOELORA=${MOELORA:-$here/../../src/MoeLora.Cli/bin/Release/net10.0/moelora}
PYTHON=${PYTHON:-python3}
SHAPE=${SHAPE:-qwen2-0.5b}
ROWS=${ROWS:-512}
ROUNDS=${ROUNDS:-5}
REPEATS=${REPEATS:-3}
THREADS=${THREADS:-2}
VOCABULARY=${VOCABULARY:-32000}
TORCH_ENV=${TORCH_ENV:-}

"$PYTHON" -c 'import torch' 2>/dev/null || { echo "compare-torch: $PYTHON has no torch (Debian: python3-torch)" >&2; exit 2; }
[[ -f $MOELORA ]] || { echo "compare-torch: there is no $MOELORA" >&2; exit 2; }

results=$(mktemp)
trap 'rm -f "$results"' EXIT

# Lines "INPUTSxOUTPUTS COUNT forward input-gradient weight-gradient", in milliseconds; the count is how many such layers the model has.
ours() {
  "$MOELORA" bench --train --shape "$SHAPE" --vocabulary "$VOCABULARY" --rows "$ROWS" --repeats "$REPEATS" --threads "$THREADS" --json 2>/dev/null |
    "$PYTHON" -c '
import json, sys
report = json.load(sys.stdin)
for layer in report["layers"]:
    shape, speeds = layer["shape"], layer["speeds"]
    count = 1 if layer is report["layers"][-1] else shape["count"] * report["layer_count"]
    times = (speeds[name]["milliseconds"] for name in ("forward", "input_gradient", "weight_gradient"))
    print("%dx%d" % (shape["inputs"], shape["outputs"]), count, *times)
print("peak", report["peak_gigaflops"])'
}

theirs() { # shapes
  # shellcheck disable=SC2086  # TORCH_ENV is a list of assignments, $1 one of shapes
  env OPENBLAS_NUM_THREADS="$THREADS" OMP_NUM_THREADS="$THREADS" $TORCH_ENV "$PYTHON" "$here/torch_products.py" "$THREADS" "$ROWS" "$REPEATS" $1
}

shapes=
for ((round = 1; round <= ROUNDS; round++)); do
  if [[ -n $shapes ]] && ((round % 2 == 0)); then
    theirs "$shapes" | sed "s/^/torch $round /" >> "$results"
    ours | sed "s/^/ours $round /" >> "$results"
  else
    ours | sed "s/^/ours $round /" > "$results.ours"
    cat "$results.ours" >> "$results"
    shapes=$(awk '$3 != "peak" { print $3 }' "$results.ours" | awk '!seen[$0]++' | tr '\n' ' ')
    rm -f "$results.ours"
    theirs "$shapes" | sed "s/^/torch $round /" >> "$results"
  fi
done

"$PYTHON" - "$results" "$SHAPE" "$ROWS" "$THREADS" "$ROUNDS" <<'END'
import statistics
import sys

path, name, rows, threads, rounds = sys.argv[1:]
ours, torch, counts, peaks, library = {}, {}, {}, [], ""
for line in open(path):
    who, turn, shape, *rest = line.split()
    if shape == "torch":
        library = " ".join(rest)
    elif shape == "peak":
        peaks.append(float(rest[0]))
    elif who == "ours":
        # Layers of the same shape: the mean of their times, all of their counts.
        entry = ours.setdefault(turn, {}).setdefault(shape, [])
        entry.append(list(map(float, rest[1:])))
        if turn == "1":
            counts[shape] = counts.get(shape, 0) + int(rest[0])
    else:
        torch.setdefault(turn, {})[shape] = list(map(float, rest))

if library.split()[-1].startswith("/") and "blas/libblas.so" in library and "openblas" not in library:
    print(f"compare-torch: PyTorch's products come from the reference library, {library.split()[-1]}: too slow to compare with, see README.md", file=sys.stderr)
products = ("forward", "input gradient", "weight gradient")
print(f"moelora against PyTorch {library}, GFLOP/s, medians of {rounds} rounds in turns: {name}, {rows} rows, {threads} threads, peak {statistics.median(peaks):.0f}")
for shape in counts:
    inputs, outputs = map(int, shape.split("x"))
    operations = 2e-6 * int(rows) * inputs * outputs
    text = f"{inputs:>6} -> {outputs:<7}"
    for p in range(3):
        a = statistics.median(statistics.mean(times[p] for times in ours[t][shape]) for t in ours)
        b = statistics.median(torch[t][shape][p] for t in ours)
        ratio = statistics.median(torch[t][shape][p] / statistics.mean(times[p] for times in ours[t][shape]) for t in ours)
        text += f"  {products[p]} {operations / a:6.1f} against {operations / b:6.1f}: {ratio:.2f}"
    print(text)
for p in range(3):
    ratio = statistics.median(
        sum(counts[s] * torch[t][s][p] for s in counts) / sum(counts[s] * statistics.mean(times[p] for times in ours[t][s]) for s in counts) for t in ours)
    print(f"{'whole model, ' + products[p]:<32} {ratio:.3f}  target 1.00  {'met' if ratio >= 1 else 'missed'}")
END
