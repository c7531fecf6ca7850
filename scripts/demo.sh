#!/usr/bin/env bash
# Installs what is missing, builds, and runs the demo sweep under mpirun: three tiny models, three benchmarks.
# Takes no input and asks nothing. usage: scripts/demo.sh [key=value ...]   (overrides, as for lacuna run)
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_dependencies.sh
scripts/build.sh release lacuna
# OpenMPI wants to be asked twice before it runs as root; containers usually are root.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
echo "Running the demo: one rank coordinates, two compute."
exec mpirun --oversubscribe --bind-to none -n 3 build/release/bin/lacuna run configs/experiments/demo.yaml "$@"
