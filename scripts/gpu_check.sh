#!/usr/bin/env bash
# Scoring on a CUDA machine: equality with the CPU, and the ratios of benchmarks/scoring.py. Needs torch with CUDA,
# transformers, accelerate and this project's core dependencies; nothing is downloaded, the models come from configs.
#
#     scripts/gpu_check.sh [PYTHON]
#
# Put the figures into benchmarks/RESULTS.md, with the device that the first line names.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-${PYTHON:-python3}}"
export PYTHONPATH="src${PYTHONPATH:+:$PYTHONPATH}"
"$python" - <<'CHECK'
import sys
import torch
if not torch.cuda.is_available():
    sys.exit("no CUDA device here: nothing was checked")
print("device:", torch.cuda.get_device_name(0), "torch", torch.__version__)
CHECK
for model in small vision; do
  echo "== $model, float32: equal to the CPU?"
  "$python" benchmarks/scoring.py --model "$model" --device cuda --dtype float32 --pages 2 --equal-to-cpu 1e-3
done
for model in mid vision-mid; do
  echo "== $model, bfloat16: how much faster?"
  "$python" benchmarks/scoring.py --model "$model" --device cuda --dtype bfloat16 --pages 12 --rounds 3 --equal-to-cpu 0.05
done
