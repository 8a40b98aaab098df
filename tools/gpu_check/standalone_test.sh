#!/usr/bin/env bash
# tools/gpu-check with a compiler and LibTorch alone, on a small network.
set -euo pipefail
tools/gpu-check --help | grep -- "--device cuda:0"
tools/gpu-check --build "$TEST_TMPDIR/build" --device cpu --input-size 32 \
  --batches 3,8 --images 8 --threads 1 | tee "$TEST_TMPDIR/out"
grep -q "all as it should be" "$TEST_TMPDIR/out"
if LIBTORCH=/nowhere tools/gpu-check 2>"$TEST_TMPDIR/err"; then
  echo "a LIBTORCH that is not there was taken"
  exit 1
fi
grep -q "LIBTORCH is /nowhere" "$TEST_TMPDIR/err"
