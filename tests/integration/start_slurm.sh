#!/usr/bin/env bash
# A private SLURM on this machine, for tests: munged, slurmctld and one slurmd for each of two virtual nodes with
# eight cores and two pretended GPUs each; jobs of the partition "urgent" preempt others. Root, slurm-wlm and munge are needed; no systemd, nothing outside FOLDER.
#
# usage: start_slurm.sh FOLDER [FIRST_PORT]
#
# Prints "ready" when jobs can be submitted (with SLURM_CONF=FOLDER/slurm.conf), and holds the cluster until its
# standard input ends or it gets SIGTERM: a test that dies takes its cluster along.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
port=${2:-27000}
host=$(hostname -s)
nodes=("$host" n2)  # mpirun wants a node to have the name of its machine
daemons=()

# Processes that SLURM itself started for a job of this cluster (slurmstepd, the job's script, its ranks).
list_job_processes() {
  local environment pid
  for environment in /proc/[0-9]*/environ; do
    pid=${environment//[^0-9]/}
    grep -qzxF "SLURM_CONF=$folder/slurm.conf" "$environment" 2>/dev/null || continue
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == slurmstepd* ]] || grep -qz '^SLURM_JOB_ID=' "$environment" 2>/dev/null
    then echo "$pid"; fi
  done
}

stop() {
  trap - EXIT TERM INT
  timeout 10 scancel --quiet --full --user="$(id -un)" >/dev/null 2>&1 || true
  for _ in $(seq 80); do  # KillWait and some more
    [[ -n "$(timeout 5 squeue --noheader 2>/dev/null)" ]] || break
    sleep 0.25
  done
  for pid in "${daemons[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${daemons[@]}"; do
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
  done
  for pid in $(list_job_processes); do kill -KILL "$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 0' TERM INT

# Runs a daemon in the background of this script; its output goes to a file.
hold() {
  local log=$folder/log/$1
  shift
  "$@" >"$log" 2>&1 </dev/null &
  daemons+=($!)
}

write_configuration() {
  # cred_expire is also how long a requeued job waits; its default of two minutes is long for a test.
  # config_overrides: the nodes may claim more cores than there are. TmpFS: the nodes' PMIx folders must differ.
  cat >"$folder/slurm.conf" <<CONF
ClusterName=lacuna
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
TmpFS=$folder/tmp-%n
PlugStackConfig=$folder/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
GresTypes=gpu
MpiDefault=none
JobRequeue=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=1
KillWait=5
SlurmdTimeout=60
MessageTimeout=30
CONF
  : >"$folder/plugstack.conf"
  echo "CgroupAutomount=no" >"$folder/cgroup.conf"
  local at=0
  for node in "${nodes[@]}"; do
    at=$((at + 1))
    mkdir -p "$folder/spool-$node" "$folder/tmp-$node"
    chmod 1777 "$folder/tmp-$node"
    echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + at)) CPUs=8 RealMemory=1000 Gres=gpu:2"
  done >>"$folder/slurm.conf"
  {
    echo "PartitionName=all Nodes=ALL Default=YES MaxTime=1:00:00 State=UP PriorityTier=1 GraceTime=5"
    echo "PartitionName=urgent Nodes=ALL MaxTime=1:00:00 State=UP PriorityTier=2 PreemptMode=OFF"
  } >>"$folder/slurm.conf"
  # SLURM wants device files behind its GPUs and never opens them.
  for node in "${nodes[@]}"; do
    printf 'NodeName=%s Name=gpu File=%s\n' "$node" /dev/null "$node" /dev/zero
  done >"$folder/gres.conf"
}

mkdir -p "$folder"/{munge,state,log}
chmod 755 "$folder"
chmod 700 "$folder/munge"
write_configuration
export SLURM_CONF=$folder/slurm.conf

(umask 277 && head -c 128 /dev/urandom >"$folder/munge/key")
# --force: the folder may lie below one that others can write to.
hold munged munged --foreground --force --key-file="$folder/munge/key" --socket="$folder/munge.socket" \
  --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" --log-file="$folder/log/munged.log"
for _ in $(seq 100); do [[ -S "$folder/munge.socket" ]] && break; sleep 0.1; done
hold slurmctld slurmctld -D -c
for node in "${nodes[@]}"; do hold "slurmd-$node" slurmd -D -c -N "$node"; done

for _ in $(seq 300); do
  for pid in "${daemons[@]}"; do
    if ! kill -0 "$pid" 2>/dev/null; then
      echo "a daemon of the private SLURM ended:" >&2
      tail -n 5 "$folder"/log/* >&2
      exit 1
    fi
  done
  idle=$(timeout 10 sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | sort -u | wc -l) || true
  if [[ $idle -eq ${#nodes[@]} ]]; then
    echo ready
    # A trap is served between two commands: short sleeps, and reading that gives up now and then.
    while true; do
      status=0
      read -r -t 1 _ || status=$?
      [[ $status -eq 0 || $status -gt 128 ]] || exit 0  # the end of standard input
    done
  fi
  sleep 0.2
done
echo "the nodes of the private SLURM did not come up:" >&2
tail -n 5 "$folder"/log/* >&2
exit 1
