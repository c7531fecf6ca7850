#!/usr/bin/env bash
# clang-format over every source file, clang-tidy over the sources of the libraries and the binary.
#
# usage: scripts/check_style.sh [--all | --format-only]
#   --all   also the sources that include LibTorch, whose headers take clang-tidy half a minute a file, and the
#           tokenizer, which clang 14 rejects with GCC 12's C++20 library: both are read with libc++, and CI leaves
#           them to whoever changes them
set -euo pipefail
cd "$(dirname "$0")/.."
folders=(core worker orchestrator results analysis apps tests)
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- "${folders[@]}" | grep -E '\.(h|cpp)$')
clang-format-14 --dry-run --Werror "${files[@]}"
echo "clang-format: ${#files[@]} files are as .clang-format wants them."
[[ "${1:-}" == "--format-only" ]] && exit 0

plain=()
with_libcxx=()
libcxx_users='^(worker/(checkpoint|nn|models|lac|engine|tokenizer)|apps/demo_maker)/|^apps/(plan_command|trace_command|inference)\.cpp'
for file in "${files[@]}"; do
  [[ $file == *.cpp && $file != tests/* ]] || continue
  if [[ $file =~ $libcxx_users ]]; then with_libcxx+=("$file"); else plain+=("$file"); fi
done
tidy() { clang-tidy-14 -p build/release --quiet "$@" 2> >(grep -v 'warnings generated' >&2); }
export -f tidy
printf '%s\0' "${plain[@]}" | xargs -0 -n 4 -P "$(nproc)" bash -c 'tidy "$@"' tidy
if [[ "${1:-}" == "--all" ]]; then
  printf '%s\0' "${with_libcxx[@]}" |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'tidy --extra-arg=-stdlib=libc++ "$@"' tidy
  echo "clang-tidy: $((${#plain[@]} + ${#with_libcxx[@]})) files without a finding."
else
  echo "clang-tidy: ${#plain[@]} files without a finding; ${#with_libcxx[@]} that need libc++ not checked (--all)."
fi
