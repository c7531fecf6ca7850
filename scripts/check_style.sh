#!/usr/bin/env bash
# clang-format over every source file, clang-tidy over the sources of the libraries and the binary.
#
# usage: scripts/check_style.sh [--all | --format-only]
#   --all   also the sources that include LibTorch, whose headers take clang-tidy half a minute a file (read with
#           libc++: clang 14 rejects them with GCC 12's C++20 library), and the tokenizer, which takes minutes: CI
#           leaves them to whoever changes them
set -euo pipefail
cd "$(dirname "$0")/.."
folders=(core worker orchestrator results analysis apps bench tests)
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- "${folders[@]}" | grep -E '\.(h|cpp|cu|cuh)$')
clang-format-14 --dry-run --Werror "${files[@]}"
echo "clang-format: ${#files[@]} files are as .clang-format wants them."
[[ "${1:-}" == "--format-only" ]] && exit 0

needs_cuda='^worker/nn/cuda_stream\.cpp$'  # headers that other builds do not have
plain=()
slow=()
with_libcxx=()
libcxx_users='^(worker/(checkpoint|nn|models|lac|engine)|apps/demo_maker)/|^apps/(plan_command|trace_command|inference)\.cpp|^bench/'
no_torch='^worker/nn/(kernels|cuda)/|^bench/(benchmark_report|message_rate|scheduler_scale|scratch_folder|script_output|simulated_cluster)\.cpp'
for file in "${files[@]}"; do
  [[ $file == *.cpp && $file != tests/* && ! $file =~ $needs_cuda ]] || continue
  if [[ $file =~ $libcxx_users && ! $file =~ $no_torch ]]; then with_libcxx+=("$file")
  elif [[ $file == worker/tokenizer/* ]]; then slow+=("$file"); else plain+=("$file"); fi
done
# clang reads no precompiled headers of GCC's and does not know all of its warnings.
mkdir -p build/tidy
sed -E 's/ -include [^ ]*cmake_pch\.hxx| -Winvalid-pch| -fpch-preprocess| -Wno-maybe-uninitialized//g' build/release/compile_commands.json \
  >build/tidy/compile_commands.json
tidy() { clang-tidy-14 -p build/tidy --quiet "$@" 2> >(grep -v 'warnings generated' >&2); }
export -f tidy
[[ "${1:-}" == "--all" ]] && plain+=("${slow[@]}") && slow=()
printf '%s\0' "${plain[@]}" | xargs -0 -n 4 -P "$(nproc)" bash -c 'tidy "$@"' tidy
if [[ "${1:-}" == "--all" ]]; then
  printf '%s\0' "${with_libcxx[@]}" |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'tidy --extra-arg=-stdlib=libc++ "$@"' tidy
  echo "clang-tidy: $((${#plain[@]} + ${#with_libcxx[@]})) files without a finding."
else
  echo "clang-tidy: ${#plain[@]} files without a finding; $((${#slow[@]} + ${#with_libcxx[@]})) slow ones not checked (--all)."
fi
