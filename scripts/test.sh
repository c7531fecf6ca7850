#!/usr/bin/env bash
# Installs what is missing, builds, checks the style, runs all tests and fuzzes for a moment. Takes no input and asks nothing.
#
# Golden tests run where the reference data lies (../shared, or LACUNA_REFERENCE) and are skipped by name
# elsewhere; with LACUNA_REQUIRE_REFERENCE=1 a missing golden file is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_dependencies.sh --with-checks
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
scripts/build.sh release
scripts/check_style.sh
ctest --preset release -j 2
scripts/fuzz.sh 5
