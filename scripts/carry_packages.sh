#!/usr/bin/env bash
# Unpacks the Debian packages that Lacuna needs (LibTorch and MPI excepted) into a folder that can be carried to a
# machine which has a compiler, CMake and LibTorch, but none of these packages and no network: docs/gpu.md.
# Installs nothing; needs apt with package lists (apt-get update).
#
# usage: scripts/carry_packages.sh [FOLDER]      default: .cache/carried, which git ignores
#
# Prints what to give CMake over there.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.cache/carried}

# With their libraries for running, which their closure below brings.
wanted=(
  libfmt-dev libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libxxhash-dev libssl-dev librandom123-dev
  libpcre2-dev libutf8proc-dev libhdf5-dev libgtest-dev libgmock-dev pkgconf
)
# What every system with a compiler has, and must have in its own version; and what nobody links here (other languages'
# and debuggers' parts, the curl and jpeg headers that HDF5's package asks for).
unwanted='^(libc6|libc6-dev|libc-dev-bin|libcrypt.*|libgcc-s1|gcc-.*|libstdc\+\+6|linux-libc-dev|libgfortran5|libquadmath0|rpcsvc-proto|libnsl.*|libtirpc.*|libdb5.3|libsqlite3-0|libnss3|libnspr4|nss-plugin-pem|catch2|libcurl3.*|libcurl4-.*-dev|libjpeg.*|libhdf5.*-(cpp|fortran).*|libpcre2-(16|32|posix).*)$'

mapfile -t packages < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
  --no-replaces --no-enhances "${wanted[@]}" | grep '^[a-z]' | sort -u | grep -Ev "$unwanted")
if [[ -e $folder && ! -e $folder/packages.cmake ]]; then
  echo "$folder is there already and is not of this script's making; give another folder." >&2
  exit 1
fi
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT
# apt's own user may not write there; it then downloads as root and says so, which is of no interest.
(
  cd "$downloads"
  apt-get download -qq "${packages[@]}" 2>&1 | { grep -v '^W: Download is performed unsandboxed' || true; }
)
count=0
for package in "$downloads"/*.deb; do
  dpkg -x "$package" "$folder"
  count=$((count + 1))
done
if [[ $count -ne ${#packages[@]} ]]; then
  echo "Only $count of ${#packages[@]} packages could be downloaded; is there a network, and did apt-get update run?" >&2
  exit 1
fi
# One folder of libraries, as the packages' own links expect it; nothing that a build does not read (gtest and gmock are
# static libraries alone).
cp -a "$folder/lib/." "$folder/usr/lib/"
(cd "$folder" && rm -rf lib usr/share/{doc,man,bash-completion,lintian,bug,locale} usr/src etc var)
libraries=$folder/usr/lib/x86_64-linux-gnu
find "$libraries" -name '*.a' ! -name 'libgtest*' ! -name 'libgmock*' -delete
find "$folder" -xtype l -delete

# pkg-config that looks here and nowhere else.
cat >"$folder/pkg-config" <<'EOF'
#!/bin/sh
carried=$(dirname "$(readlink -f "$0")")
libraries=$carried/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries PKG_CONFIG_SYSROOT_DIR=$carried
export PKG_CONFIG_LIBDIR=$libraries/pkgconfig:$carried/usr/share/pkgconfig
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
exec "$carried/usr/bin/pkgconf" "$@"
EOF
chmod +x "$folder/pkg-config"

# Every package by name, so that CMAKE_PREFIX_PATH stays free for LibTorch. The old kind of run path also serves the
# libraries that HDF5 needs; those that LibTorch needs lie where the linker does not look and the program does.
cat >"$folder/packages.cmake" <<'EOF'
set(carried "${CMAKE_CURRENT_LIST_DIR}/usr")
set(libraries "${carried}/lib/x86_64-linux-gnu")
set(PKG_CONFIG_EXECUTABLE "${CMAKE_CURRENT_LIST_DIR}/pkg-config" CACHE FILEPATH "")
set(OPENSSL_ROOT_DIR "${carried}" CACHE PATH "")
foreach(package fmt spdlog yaml-cpp nlohmann_json CLI11 GTest)
  file(GLOB folder "${libraries}/cmake/${package}" "${carried}/share/cmake/${package}" "${carried}/lib/cmake/${package}")
  set(${package}_DIR "${folder}" CACHE PATH "")
endforeach()
set(CMAKE_EXE_LINKER_FLAGS "-Wl,--disable-new-dtags,-rpath,${libraries},--unresolved-symbols=ignore-in-shared-libs" CACHE STRING "")
EOF

echo "$count packages, $(du -sm "$folder" | cut -f1) MiB in $folder. Carry that folder, and give CMake there:"
echo "  -C ${folder#"$PWD"/}/packages.cmake"
