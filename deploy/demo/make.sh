#!/usr/bin/env bash
# Makes everything that `moelora demo` serves, from nothing: data, a base model, and two versions of an adapter bundle.
#   deploy/demo/make.sh [DIR]     writes base, v1, v2 and test.jsonl into DIR (default: deploy/demo/files, replacing what is there)
# WORK (default: a temporary folder) keeps what is made on the way: data, runs, metrics and curves.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=${1:-$root/deploy/demo/files}
if [[ -z ${WORK:-} ]]; then
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
fi
mkdir -p "$out" "$WORK"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build "$root/src/MoeLora.Cli" -c Release -v quiet
moelora=$root/src/MoeLora.Cli/bin/Release/net10.0/moelora

echo "== data"
"$moelora" data synth --out "$WORK/data" --size 600 --dev-size 20 --test-size 40 --corpus-size 80000 --seed 1

echo "== base model (the longest part)"
rm -rf "$WORK/base"
"$moelora" pretrain --corpus "$WORK/data/corpus.jsonl" --out "$WORK/base" --vocabulary 2048 --steps 1800 --batch-size 96 \
  --learning-rate 0.003 --warmup-steps 100

# Version 1 has seen each record once, version 2 six times.
train() {
  echo "== adapter, version $1"
  rm -rf "$WORK/run-v$1" "$WORK/v$1"
  "$moelora" train --model "$WORK/base" --train "$WORK/data/train.jsonl" --validation "$WORK/data/dev.jsonl" --validation-interval 75 \
    --out "$WORK/run-v$1" --steps "$2" --batch-size 32 --learning-rate 0.005 --warmup-steps 30 --rank 32 --alpha 64 --dropout 0
  "$moelora" bundle --model "$WORK/base" --adapter "$WORK/run-v$1/adapter" --name demo --adapter-version "$1" \
    --check-data "$WORK/data/dev.jsonl" --out "$WORK/v$1"
}
train 1 150
train 2 900

for part in base v1 v2; do
  rm -rf "${out:?}/$part"
  cp -r "$WORK/$part" "$out/$part"
done
cp "$WORK/data/test.jsonl" "$out/test.jsonl"
du -sh "$out"
echo "moelora demo --files $out shows it."
