#!/usr/bin/env bash
# Configures and builds a CMake preset (CMakePresets.json). usage: scripts/build.sh PRESET [TARGET ...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
targets=()
for target in "$@"; do targets+=(--target "$target"); done
echo "Building preset $preset below build/$preset ..."
mkdir -p build
log=build/configure-$preset.log
if ! cmake --preset "$preset" -Wno-dev >"$log" 2>&1; then
  tail -30 "$log" >&2
  exit 1
fi
cmake --build --preset "$preset" "${targets[@]}" -- --quiet
