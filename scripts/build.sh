#!/usr/bin/env bash
# Configures and builds a CMake preset (CMakePresets.json). usage: scripts/build.sh PRESET [TARGET ...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
targets=()
for target in "$@"; do targets+=(--target "$target"); done
echo "Building preset $preset below build/$preset ..."
cmake --preset "$preset" -Wno-dev >"$(mkdir -p build && echo build/configure-$preset.log)" 2>&1 || {
  tail -30 "build/configure-$preset.log" >&2
  exit 1
}
cmake --build --preset "$preset" "${targets[@]}" -- --quiet
