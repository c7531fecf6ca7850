#!/usr/bin/env bash
# Installs the Debian 12 packages that Lacuna needs, and only those that are missing. Works as root or with sudo.
#
# usage: scripts/install_dependencies.sh [--with-checks]
#   --with-checks   also what the style checks, fuzzing and the tests on clusters need
set -euo pipefail

packages=(
  build-essential cmake ninja-build ccache pkg-config git ca-certificates
  libtorch-dev libopenblas0-pthread      # inference; without OpenBLAS float32 products are 50 times slower
  openmpi-bin libopenmpi-dev             # sharding
  libhdf5-dev hdf5-tools                 # the store
  libyaml-cpp-dev libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libxxhash-dev libssl-dev librandom123-dev
  libpcre2-dev libutf8proc-dev           # tokenizers
  libgtest-dev libgmock-dev python3 python3-h5py python3-numpy
)
if [[ "${1:-}" == "--with-checks" ]]; then
  packages+=(clang-format-14 clang-tidy-14 libc++-14-dev libc++abi-14-dev clang-14 libclang-rt-14-dev)
  packages+=(slurm-wlm munge iproute2)  # 4 MB: the tests of the job scripts and of several hosts
fi

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed"; then
    missing+=("$package")
  fi
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "All ${#packages[@]} Debian packages are installed."
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "These Debian packages are missing, and there is no sudo to install them with: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo -n)
  if ! sudo -n true 2>/dev/null; then
    echo "sudo wants a password. Run this once and start again: sudo apt-get install -y ${missing[*]}" >&2
    exit 1
  fi
fi
echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
if ! "${as_root[@]}" apt-get update -qq >"$log" 2>&1 ||
   ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
     "${missing[@]}" >>"$log" 2>&1; then
  echo "The installation failed; the end of its output:" >&2
  tail -20 "$log" >&2
  exit 1
fi
rm -f "$log"
