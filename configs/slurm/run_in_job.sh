# What the job scripts of this folder share; they source it. Not a script of its own.
#
# Settings, from the environment of sbatch:
#   LACUNA                    the binary; default: lacuna, from PATH
#   LACUNA_WORKERS_PER_NODE   default: the node's GPUs, or 1 where the job has none
#   LACUNA_RESTARTS           how often the ranks are started again within the job after a crash; default 5
#   LACUNA_REQUEUES           how often the job is queued again after its time limit; default 100
#   LACUNA_USE_MPIRUN=1       start the ranks with mpirun; that is also done where srun knows no PMIx

# A line for each rank, in the order of ranks: the node it runs on. Rank 0 only hands out work and needs no GPU: it is
# one more rank on the first node. SLURM's own distributions cannot say that.
list_ranks() {
  local workers=${LACUNA_WORKERS_PER_NODE:-${SLURM_GPUS_ON_NODE:-1}}
  local node
  scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1
  for node in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
    for ((i = 0; i < workers; i++)); do echo "$node"; done
  done
}

# Prints the command that starts the ranks that a file lists.
choose_launcher() {
  local ranks=$1
  local count
  count=$(wc -l <"$ranks")
  if [[ -z "${LACUNA_USE_MPIRUN:-}" ]] && srun --mpi=list 2>&1 | grep -q pmix; then
    # cpus-per-task: srun does not take it from the job since SLURM 22.05. kill-on-bad-exit=0: when a rank fails
    # the others go on. wait: ranks that cannot say farewell to one that is gone are ended. (SLURM's PMIx may end all of them when one is killed; then --restarts has its turn.)
    # No --gpus-per-task=1, which would give rank 0 a GPU too, and no --gpu-bind: every rank sees all
    # of the job's GPUs on its node, and lacuna gives each worker its own. (--gpu-bind=none does not mean that: it
    # leaves CUDA_VISIBLE_DEVICES unset.)
    echo "srun --mpi=pmix --ntasks=$count --distribution=arbitrary --cpus-per-task=${SLURM_CPUS_PER_TASK:-1}" \
      "--kill-on-bad-exit=0 --wait=60"
    return
  fi
  # bind-to none: lacuna shares a node's cores among its workers itself. The keepalive settings: without them mpirun
  # notices after eight minutes that a node is gone, with them in less than ten seconds.
  echo "mpirun -n $count --hostfile $ranks --map-by seq --bind-to none" \
    "--mca oob_tcp_keepalive_time 3 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3"
}

# Queues this job again unless SLURM has ended it already: after preemption or the loss of a node SLURM queues it again
# itself, and a user's scancel must not be undone.
requeue_this_job() {
  local job=$SLURM_JOB_ID state
  # One element of an array has the number of the whole array, which must not be queued again with it.
  [[ -z "${SLURM_ARRAY_JOB_ID:-}" ]] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
  state=$(squeue --noheader --jobs="$job" --format=%T)
  if [[ $state != RUNNING ]]; then
    echo "lacuna job: SLURM has ended job $job ($state); it is not queued again from here." >&2
  elif ((${SLURM_RESTART_COUNT:-0} >= ${LACUNA_REQUEUES:-100})); then
    echo "lacuna job: queued again $SLURM_RESTART_COUNT times already; submit it again to go on." >&2
  else
    echo "lacuna job: interrupted; job $job queues itself again." >&2
    scontrol requeue "$job"
  fi
}

# run_in_job EXPERIMENT.yaml [key=value ...]: runs or resumes the sweep on all of the job's nodes. Returns the exit code
# of lacuna run.
run_in_job() {
  local ranks run code warned
  ranks=$(mktemp)
  list_ranks >"$ranks"
  export SLURM_HOSTFILE=$ranks  # what srun's "arbitrary" reads
  unset SLURM_NTASKS_PER_NODE   # it holds for the first node only, and srun would warn
  "${LACUNA:-lacuna}" run --restarts "${LACUNA_RESTARTS:-5}" --launcher "$(choose_launcher "$ranks")" "$@" &
  run=$!
  # SLURM's warning comes to this shell alone (--signal=B:). The ranks then finish the units in flight.
  trap 'warned=1; kill -USR1 "$run" 2>/dev/null' USR1 TERM
  # A signal ends `wait` before the run has ended.
  while true; do
    warned=0
    code=0
    wait "$run" || code=$?
    ((warned)) || break
  done
  trap - USR1 TERM
  rm -f "$ranks"
  [[ $code -ne 4 ]] || requeue_this_job  # 4: interrupted, the same command resumes
  return "$code"
}
