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
exec build/release/bin/inference_benchmark --json build/inference_benchmark.json "$@"
