#!/usr/bin/env bash
# Stands in for ssh where network namespaces stand in for hosts (many_hosts_test.py). mpirun calls it as its remote
# shell: enter_host.sh [OPTIONS] NAME COMMAND..., with the command as words for a shell.
#
# The namespace has the host's name; HOST_NAMES in the environment is the file that becomes its /etc/hosts.
set -euo pipefail
while [[ $1 == -* ]]; do shift; done
name=$1
shift
exec nsenter --net="/run/netns/$name" unshare --mount --uts bash -c '
  hostname "$0"
  mount --bind "$HOST_NAMES" /etc/hosts
  exec bash -c "$*"' "$name" "$@"
