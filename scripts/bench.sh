#!/usr/bin/env bash
# Builds and runs the inference benchmark: a table on stdout, the same figures as JSON in build/inference_benchmark.json.
# docs/performance.md says what they mean. Takes half an hour on two cores; --quick or --only GROUP,... take less.
#
# usage: scripts/bench.sh [options of inference_benchmark: --shape, --dtype, --device, --only, --json, ... or --help]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_dependencies.sh
scripts/build.sh release inference_benchmark
if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
  echo "Without Debian's python3-torch nothing is compared with the procedure of the author's scripts (group author)." >&2
fi
# llama.cpp ready built, from npm. Of the package's optional dependencies only this processor's library is wanted: those for
# GPUs take half a gigabyte.
if [[ ! -d build/llama_cpp/node_modules/node-llama-cpp ]]; then
  case "$(uname -m)" in x86_64) machine=x64 ;; aarch64) machine=arm64 ;; *) machine=$(uname -m) ;; esac
  mkdir -p build/llama_cpp
  if ! npm install --prefix build/llama_cpp --ignore-scripts --omit=optional --no-audit --no-fund --fetch-retries=1 \
    node-llama-cpp@3 "@node-llama-cpp/linux-$machine@3" >build/llama_cpp/npm.log 2>&1; then
    rm -rf build/llama_cpp/node_modules
    echo "Without npm and its registry nothing is compared with llama.cpp (group llama_cpp; build/llama_cpp/npm.log)." >&2
  fi
fi
exec build/release/bin/inference_benchmark --json build/inference_benchmark.json "$@"
