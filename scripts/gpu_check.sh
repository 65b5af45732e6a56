#!/usr/bin/env bash
# Scoring, training and evaluation on a CUDA machine: equality with the CPU, the ratios of benchmarks/scoring.py, and
# throughput, memory and loss curve of a mid-size LLaVA (benchmarks/training.py). Needs torch with CUDA, transformers,
# accelerate, the extra `train` (and bitsandbytes for 4 bit) and this project's core dependencies; nothing is downloaded,
# the models come from configs.
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
train() {
  echo "== training and evaluation: $*"
  "$python" benchmarks/training.py --size mid --pictures 256 --steps 60 --workers 4 "$@"
}
train --method lora --batch 8
train --method lora --batch 8 --gradient-checkpointing
train --method full --batch 4 --gradient-checkpointing
if "$python" -c 'import bitsandbytes' 2>/dev/null; then
  train --method lora --batch 8 --quantization 4bit
else
  echo "== no bitsandbytes here: training in 4 bit was not checked"
fi
