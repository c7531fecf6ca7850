"""The job scripts of configs/slurm in a real SLURM, which start_slurm.sh starts for this test alone.

usage: slurm_test.py FAKE_SWEEP LACUNA

Three jobs at once, with the stand-in for inference: one meets its time limit, one is told to stop by a user and then
loses a rank, one is an array. A fourth is preempted and then loses its node. All are queued again and end with the store
of an undisturbed run. A fifth is cancelled for good.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from sweep_files import UNITS, SweepFiles, root_environment, skip, wait_until

FAKE_SWEEP, LACUNA = sys.argv[1], sys.argv[2]
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "configs/slurm"
PATIENCE_SECONDS = 240


def find_free_ports(count):
    """The first of some ports in a row that nobody listens on."""
    for first in range(27000 + os.getpid() % 1000 * 5, 60000, 100):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise AssertionError("no free ports")


class Slurm:
    """A private cluster. It ends when this process does: its standard input is a pipe from here."""

    def __init__(self, folder):
        self.folder = folder
        # Shared memory of OpenMPI mixes up virtual nodes of one machine.
        self.environment = root_environment() | {"SLURM_CONF": str(folder / "slurm.conf"), "LACUNA": FAKE_SWEEP,
                                                 "LACUNA_ROOT": str(ROOT), "FAKE_GPUS": "1",
                                                 "OMPI_MCA_btl": "self,tcp"}
        self.process = subprocess.Popen(
            [ROOT / "tests/integration/start_slurm.sh", folder, str(find_free_ports(3))], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", "the private SLURM did not start"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)

    def call(self, *command):
        answer = subprocess.run([str(word) for word in command], env=self.environment, cwd=self.folder,
                                capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, f"{command}: {answer.stdout}{answer.stderr}"
        return answer.stdout.strip()

    def submit(self, script, options, arguments, unit_ms):
        """Returns the job's number. `options` stand for the script's own #SBATCH lines, which want real nodes."""
        self.environment["FAKE_UNIT_MS"] = str(unit_ms)
        return self.call("sbatch", "--parsable", "--mem=0", "--cpus-per-task=1", *options, SCRIPTS / script, *arguments)

    def job(self, number):
        """The fields of `scontrol show job`."""
        text = self.call("scontrol", "show", "job", number)
        return dict(re.findall(r"(\w+)=(\S*)", text))

    def wait_for_end(self, number):
        done = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}
        wait_until(lambda: self.job(number)["JobState"] in done, PATIENCE_SECONDS, f"the end of job {number}")
        return self.job(number)

    def wait_for_restart(self, number, times=1):
        wait_until(lambda: int(self.job(number)["Restarts"]) >= times and self.job(number)["JobState"] == "RUNNING",
                   PATIENCE_SECONDS, f"job {number} starts again")

    def log(self, name):
        return (self.folder / f"lacuna-{name}.log").read_text()


def require_slurm():
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "srun")
               if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None]
    if missing:
        skip(f"{', '.join(missing)} not installed (Debian: slurm-wlm, munge)")
    if os.geteuid() != 0:
        skip("slurmd needs root")


def note(text, start=time.monotonic()):
    print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)


def find_rank(run, exclude):
    """The process id of a rank of the job whose output is `run`: srun's child, not an engine and not the loop."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text().split("\0")
            variables = (entry / "environ").read_text().split("\0")
        except OSError:
            continue
        if f"output={run}" in words and "--engine=auto" in words and f"PMIX_RANK={exclude}" not in variables:
            if any(variable.startswith("PMIX_RANK=") for variable in variables):
                return int(entry.name)
    return None


def check_queued_again(slurm, sweep, undisturbed):
    alone = {model: sweep.run_undisturbed(f"alone_{model}", f"models=[{sweep.folder / model}.yaml]")
             for model in ("a", "b")}
    limited, stopped, array = sweep.folder / "limited", sweep.folder / "stopped", sweep.folder / "array"

    # 48 s of work. SLURM looks at limits twice a minute: the warning comes 40 s after the start at the latest.
    limited_job = slurm.submit("one_node.sbatch", ["--ntasks-per-node=3", "--gres=gpu:2", "--time=1",
                                                   "--signal=B:USR1@50"],
                               [sweep.experiment, f"output={limited}"], 2000)
    note(f"job {limited_job}: one node, time limit a minute")
    stopped_job = slurm.submit("many_nodes.sbatch", ["--nodes=2", "--ntasks-per-node=2", "--gres=gpu:0",
                                                     "--time=10"],
                               [sweep.experiment, f"output={stopped}"], 700)
    array_job = slurm.submit("array_over_models.sbatch", ["--array=0-1", "--gres=gpu:0", "--time=10"],
                             [sweep.experiment, array, sweep.folder / "a.yaml", sweep.folder / "b.yaml"], 300)
    elements = {"a": f"{array_job}_0", "b": f"{array_job}_1"}

    wait_until(lambda: 3 <= sweep.committed(stopped), PATIENCE_SECONDS, "the second job computes")
    slurm.call("scancel", "--signal=TERM", "--batch", stopped_job)
    note(f"job {stopped_job}: SIGTERM to its script after {sweep.committed(stopped)} units")
    wait_until(lambda: 2 <= sweep.committed(array / "b"), PATIENCE_SECONDS, "the array computes")
    slurm.call("scancel", "--signal=USR1", elements["b"])
    note(f"job {elements['b']}: SIGUSR1 to its ranks after {sweep.committed(array / 'b')} units")

    slurm.wait_for_restart(stopped_job)
    note(f"job {stopped_job} runs again")
    before = sweep.committed(stopped)
    assert 0 < before < UNITS
    wait_until(lambda: before + 2 <= sweep.committed(stopped), PATIENCE_SECONDS, "it goes on")
    rank = wait_until(lambda: find_rank(stopped, exclude=0), 20, "a rank of the job")
    os.kill(rank, 9)
    note(f"job {stopped_job}: a rank is killed after {sweep.committed(stopped)} units")

    for name, number, run, store in (("stopped", stopped_job, stopped, undisturbed),
                                     ("array a", elements["a"], array / "a", alone["a"]),
                                     ("array b", elements["b"], array / "b", alone["b"]),
                                     ("limited", limited_job, limited, undisturbed)):
        job = slurm.wait_for_end(number)
        note(f"{name}: {job['JobState']}, exit code {job['ExitCode']}, restarts {job['Restarts']}")
        assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), (name, job, slurm.log(number))
        assert (int(job["Restarts"]) > 0) == (name != "array a"), (name, job["Restarts"])
        sweep.check(run, store)
    devices = {worker["device"] for worker in sweep.sessions(limited)[-1]["workers"]}
    assert devices == {"fake GPU 0", "fake GPU 1"}, f"a GPU for each worker, not {devices}"
    for text in ("stopped by", "queues itself again", "resuming: "):
        assert text in slurm.log(limited_job), f"'{text}' is not in\n{slurm.log(limited_job)}"


def check_taken_away(slurm, sweep, undisturbed):
    """SLURM queues the job again itself, after preemption and after the loss of its node."""
    run = sweep.folder / "taken"
    number = slurm.submit("one_node.sbatch", ["--ntasks-per-node=3", "--gres=gpu:0", "--time=10"],
                          [sweep.experiment, f"output={run}"], 500)
    wait_until(lambda: 2 <= sweep.committed(run), PATIENCE_SECONDS, "the job computes")
    slurm.call("sbatch", "--partition=urgent", "--nodes=2", "--ntasks-per-node=8", "--output=urgent.log", "--wrap=true")
    slurm.wait_for_restart(number)
    before = sweep.committed(run)
    note(f"job {number} runs again after preemption, {before} units are done")
    wait_until(lambda: before + 2 <= sweep.committed(run), PATIENCE_SECONDS, "it goes on")
    node = slurm.job(number)["NodeList"]
    slurm.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    slurm.wait_for_restart(number, times=2)
    note(f"job {number} runs again after the loss of {node}, {sweep.committed(run)} units are done")
    job = slurm.wait_for_end(number)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), job
    assert job["NodeList"] != node
    slurm.call("scontrol", "update", f"NodeName={node}", "State=RESUME")
    sweep.check(run, undisturbed)


def check_final(slurm, sweep):
    """A user's scancel is final, and so is bad input."""
    run = sweep.folder / "cancelled"
    cancelled_job = slurm.submit("one_node.sbatch", ["--ntasks-per-node=3", "--gres=gpu:0", "--time=10"],
                                 [sweep.experiment, f"output={run}"], 500)
    wrong_job = slurm.submit("one_node.sbatch", ["--ntasks-per-node=2", "--gres=gpu:0", "--time=10"],
                             [sweep.experiment, f"output={run}x", "lac.alphas=[7]"], 0)
    wait_until(lambda: 2 <= sweep.committed(run), PATIENCE_SECONDS, "the last job computes")
    slurm.call("scancel", cancelled_job)
    assert slurm.wait_for_end(cancelled_job)["JobState"] == "CANCELLED"
    job = slurm.wait_for_end(wrong_job)
    assert (job["JobState"], job["ExitCode"]) == ("FAILED", "2:0"), job
    assert slurm.job(cancelled_job)["JobState"] == "CANCELLED", "it stays cancelled"
    assert slurm.job(cancelled_job)["Restarts"] == "0"
    note("a cancelled job stays cancelled, bad input fails with exit code 2")


def main():
    require_slurm()
    with tempfile.TemporaryDirectory(prefix="lacuna_slurm_") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        slurm = Slurm(folder / "slurm")
        try:
            sweep = SweepFiles(folder / "sweep", FAKE_SWEEP, LACUNA)
            undisturbed = sweep.run_undisturbed("undisturbed")
            check_queued_again(slurm, sweep, undisturbed)
            check_taken_away(slurm, sweep, undisturbed)
            check_final(slurm, sweep)
        except BaseException:
            for log in sorted((folder / "slurm").glob("lacuna-*.log")):
                lines = [line for line in log.read_text().splitlines() if not line.startswith("|")]
                print("\n".join([f"--- {log.name}", *lines[-40:]]), file=sys.stderr)
            raise
        finally:
            slurm.stop()


main()
