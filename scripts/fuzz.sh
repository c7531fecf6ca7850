#!/usr/bin/env bash
# Builds the libFuzzer targets (tests/fuzz/) and runs each for a while, as many at once as there are cores. Fails on
# any finding: a crash, a sanitizer's report, a leak, over 1 GiB of memory, over 5 s on one input.
#
# usage: scripts/fuzz.sh [SECONDS_EACH] [TARGET ...]      default: 60 seconds, all targets
#
# Inputs that reach new code are kept in build/fuzz/corpus/TARGET and used again; the seeds, and inputs that once were
# findings, are in tests/fuzz/corpus/TARGET. A finding is left in build/fuzz/findings: run build/fuzz/bin/TARGET_fuzz on
# it to see it again.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for folder in tests/fuzz/corpus/*/; do targets+=("$(basename "$folder")"); done
fi
scripts/build.sh fuzz "${targets[@]/%/_fuzz}"

fuzz_target() {
  local seconds=$1 target=$2 work=build/fuzz
  mkdir -p "$work/corpus/$target" "$work/findings" "$work/logs"
  local log=$work/logs/$target.log
  local longest=4096
  [[ $target == tokenizer_json ]] && longest=16384
  if "$work/bin/${target}_fuzz" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len="$longest" \
      -dict="tests/fuzz/dictionaries/$target.dict" -artifact_prefix="$work/findings/$target-" -print_final_stats=1 \
      "$work/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs," \
      "$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1 | sed 's/cov: \([0-9]*\) ft: \([0-9]*\)/\1 edges, \2 features/')," \
      "no finding."
  else
    echo "$target: a finding, from the end of $log:" >&2
    tail -40 "$log" >&2
    return 1
  fi
}
export -f fuzz_target
echo "Fuzzing ${#targets[@]} targets, $seconds seconds each ..."
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'fuzz_target "$@"' fuzz_target "$seconds"
