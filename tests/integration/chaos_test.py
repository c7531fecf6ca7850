"""Random faults at random moments, run after run: every run must end with the store of an undisturbed one.

usage: chaos_test.py --program FAKE_SWEEP [--mpirun "mpirun ..."] [--runs N] [--seed S] [--jobs J]

A run is one sweep (a stand-in for inference, hundreds of answers) that is started again with the same command
until it is complete. While a job runs, faults are drawn: an engine, a worker rank, the coordinator or the whole
job is killed, an engine or a rank is stopped, a signal asks the job to end, the disk (a small tmpfs, where this
may be mounted) is filled up. Between jobs, and now and then
in mid-run, bytes of committed parts are flipped and files cut short. Checked:
- what a restarted job says is committed is what whole files hold: nothing is lost, nothing is computed twice;
- `lacuna verify` finds nothing missing and nothing double, `lacuna compare` nothing different;
- no process of a job outlives it.
The seed is printed; the same seed draws the same faults, though not the same moments of the machine.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from sweep_files import SweepFiles

QUESTIONS = 20
COMPUTE = "unit_questions: 2, device: cpu, heartbeat_seconds: 2, grace_seconds: 2"
JOB_SECONDS = 120  # longer is a hang
MOST_JOBS = 40


def processes_of(run_directory):
    """{pid: role} of the processes that work on a run directory: mpirun, coordinator, rank, engine."""
    marker = f"output={run_directory}".encode()
    found = {}
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if status[0] == "Z":
                continue
            parents[int(entry.name)] = int(status[1])
            if marker in command:
                if b"mpirun" in command[0]:
                    found[int(entry.name)] = "mpirun"
                    continue
                environment = (entry / "environ").read_bytes().split(b"\0")
                rank = [v for v in environment if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
                found[int(entry.name)] = "rank" if rank and rank[0] != b"OMPI_COMM_WORLD_RANK=0" else "coordinator"
        except (OSError, IndexError):
            continue  # it ended meanwhile
    for pid, parent in parents.items():
        if found.get(parent) in ("rank", "coordinator") and pid not in found:
            found[pid] = "engine"
    return found


def kill(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Disk:
    """Where a run directory lies: a small tmpfs that can be filled, or a plain folder where mounting is not allowed."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", folder], capture_output=True)
        self.is_small = mounted.returncode == 0

    def fill(self):
        if not self.is_small:
            return False
        with open(self.folder / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"x" * 65536)
            except OSError:
                try:
                    while True:
                        ballast.write(b"x")
                except OSError:
                    pass
        return True

    def make_room(self):
        (self.folder / "ballast").unlink(missing_ok=True)

    def remove(self):
        if self.is_small:
            subprocess.run(["umount", "-l", self.folder], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Run:
    def __init__(self, number, seed, arguments, sweep, reference, scratch):
        self.random = random.Random(f"{seed}/{number}")
        self.arguments = arguments
        self.sweep = sweep
        self.reference = reference
        self.disk = Disk(scratch / f"disk{number}")
        self.directory = self.disk.folder / "run"
        self.log = []
        self.jobs = 0
        self.is_damaged_meanwhile = False  # while the last job ran

    # --- faults while a job runs

    def victims(self, role):
        return sorted(pid for pid, r in processes_of(self.directory).items() if r == role)

    def strike(self, role, number):
        victims = self.victims(role)
        return bool(victims) and kill(self.random.choice(victims), number)

    def kill_everything(self):
        found = processes_of(self.directory)
        return any([kill(pid, signal.SIGKILL) for pid in found])

    def inject(self):
        fault, weight = zip(*[
            (("kill engine", lambda: self.strike("engine", signal.SIGKILL)), 8),
            (("segfault engine", lambda: self.strike("engine", signal.SIGSEGV)), 3),
            (("stop engine", lambda: self.strike("engine", signal.SIGSTOP)), 2),
            (("kill rank", lambda: self.strike("rank", signal.SIGKILL)), 3),
            (("stop rank", lambda: self.strike("rank", signal.SIGSTOP)), 0.15),
            (("kill coordinator", lambda: self.strike("coordinator", signal.SIGKILL)), 3),
            (("kill mpirun", lambda: self.strike("mpirun", signal.SIGKILL)), 2),
            (("kill the whole job", self.kill_everything), 3),
            (("SIGTERM to a rank", lambda: self.strike("rank", signal.SIGTERM)), 1),
            (("SIGTERM to the coordinator", lambda: self.strike("coordinator", signal.SIGTERM)), 2),
            (("SIGTERM to mpirun", lambda: self.strike("mpirun", signal.SIGTERM)), 1),
            (("SIGUSR1 to mpirun", lambda: self.strike("mpirun", signal.SIGUSR1)), 1),
            (("fill the disk", self.disk.fill), 3),
            (("damage a file", self.damage_in_mid_run), 2),
        ])
        name, action = self.random.choices(fault, weight)[0]
        if action():
            self.log.append(f"job {self.jobs}: {name}")

    def damage_in_mid_run(self):
        try:
            self.is_damaged_meanwhile |= self.damage_a_file()
        except FileNotFoundError:
            return False  # it was bundled just now
        return self.is_damaged_meanwhile

    # --- faults between jobs, and in mid-run

    def damage_a_file(self):
        """Flips a byte of a committed part or bundle, or cuts it short. Returns whether one was damaged."""
        parts = sorted(p for p in (self.directory / "parts").glob("*") if not p.name.startswith("."))
        if not parts:
            return False
        part = self.random.choice(parts)
        content = bytearray(part.read_bytes())
        if self.random.random() < 0.7:
            content[self.random.randrange(len(content))] ^= 1 << self.random.randrange(8)
            self.log.append(f"a flipped bit in {part.name}")
        else:
            del content[self.random.randrange(len(content)):]
            self.log.append(f"{part.name} cut short")
        part.write_bytes(content)
        return True

    # --- jobs

    def command(self):
        ranks = self.random.choice([0, 2, 3, 3])
        launcher = shlex.split(self.arguments.mpirun) + ["-n", str(ranks)] if ranks and self.arguments.mpirun else []
        return launcher + [self.arguments.program, str(self.sweep.experiment), f"output={self.directory}"]

    def run_job(self, is_disturbed):
        self.jobs += 1
        self.is_damaged_meanwhile = False
        environment = dict(os.environ, FAKE_UNIT_MS=str(self.random.choice([0, 5, 20])), FAKE_WRITE_MS=str(self.random.choice([0, 5, 40])), FAKE_ENGINE="process", LACUNA_BUNDLE_PARTS=str(self.random.choice([3, 8, 64])))
        expected = self.sweep.committed(self.directory)
        with tempfile.TemporaryFile("w+") as output:
            job = subprocess.Popen(self.command(), stdout=output, stderr=output, env=environment,
                                   start_new_session=True)
            deadline = time.monotonic() + JOB_SECONDS
            strikes = self.random.choice([1, 1, 2, 3]) if is_disturbed else 0
            next_strike = time.monotonic() + self.random.uniform(0.05, 1.5)
            while job.poll() is None:
                if time.monotonic() > deadline:
                    self.kill_everything()
                    job.wait()
                    # OpenMPI may hang when a rank dies while it starts. Nothing of ours runs yet.
                    assert not self.directory.exists(), f"a job hung for {JOB_SECONDS} s"
                    self.log.append(f"job {self.jobs}: mpirun hung before the run was opened")
                if strikes and time.monotonic() > next_strike:
                    strikes -= 1
                    self.inject()
                    next_strike = time.monotonic() + self.random.uniform(0.05, 1.5)
                time.sleep(0.02)
            output.seek(0)
            text = output.read()
        self.wait_for_orphans()
        self.disk.make_room()
        return job.returncode, text, expected

    def wait_for_orphans(self):
        """After kill -9 of mpirun its ranks notice by themselves; nobody may stay for long."""
        deadline = time.monotonic() + 60
        while found := processes_of(self.directory):
            if time.monotonic() > deadline:
                raise AssertionError(f"processes outlive their job: {found}")
            for pid, role in found.items():
                if role in ("rank", "engine"):
                    kill(pid, signal.SIGCONT)  # the stopped ones cannot notice
            time.sleep(0.05)

    def execute(self):
        is_damaged = False  # and no job has opened the run since
        while True:
            # The first job of a run is always disturbed; later ones mostly.
            is_disturbed = self.jobs == 0 or self.random.random() < 0.6
            code, text, expected = self.run_job(is_disturbed)
            assert code == 0 or is_disturbed, f"exit code {code} of an undisturbed job: {text[-2000:]}"
            resumed = [line for line in text.splitlines() if line.startswith("resuming: ")]
            # A file that is damaged while the job starts may be found when it opens the run.
            if "run directory" in text and not is_damaged and not self.is_damaged_meanwhile:
                units = int(resumed[0].split()[1]) if resumed else 0
                assert units == expected, f"{units} units resumed of {expected} committed"
            if "run directory" in text:
                is_damaged = False
            is_damaged |= self.is_damaged_meanwhile
            if code == 0 and not is_damaged:
                break
            assert self.jobs < MOST_JOBS, f"no end after {self.jobs} jobs"
            assert code != 2, f"exit code {code}"
            if self.random.random() < 0.3 and self.damage_a_file():
                is_damaged = True
        self.sweep.check(self.directory, self.reference)


def execute_run(number, seed, arguments, sweep, reference, scratch):
    run = Run(number, seed, arguments, sweep, reference, scratch)
    try:
        run.execute()
        return number, None, run.log, run.jobs
    except Exception as error:  # pylint: disable=broad-except
        run.kill_everything()
        kept = scratch / f"failed{number}"
        if run.directory.exists():  # a job may hang before there is one
            shutil.copytree(run.directory, kept, dirs_exist_ok=True)
        return number, f"{error!r} (kept: {kept})", run.log, run.jobs
    finally:
        run.disk.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, help="fake_sweep")
    parser.add_argument("--mpirun", default="")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**6)))
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    arguments = parser.parse_args()
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="lacuna-chaos-"))
    sweep = SweepFiles(scratch, arguments.program, arguments.program, QUESTIONS, COMPUTE)
    undisturbed = sweep.run_undisturbed("undisturbed")
    print(f"seed {arguments.seed}, {arguments.runs} runs", flush=True)
    start = time.monotonic()
    failures, faults, jobs = 0, {}, 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = [pool.submit(execute_run, number, arguments.seed, arguments, sweep, undisturbed, scratch)
                for number in range(arguments.runs)]
        for done in concurrent.futures.as_completed(runs):
            number, failure, log, job_count = done.result()
            jobs += job_count
            for line in log:
                kind = line.split(": ", 1)[-1]
                kind = "flipped bit" if kind.startswith("a flipped") else "file cut short" if "cut" in kind else kind
                faults[kind] = faults.get(kind, 0) + 1
            if failure:
                failures += 1
                print(f"run {number} FAILED: {failure}\n  " + "\n  ".join(log), flush=True)
    seconds = time.monotonic() - start
    print(f"{arguments.runs} runs, {jobs} jobs, {sum(faults.values())} faults in {seconds:.0f} s: {failures} failed")
    for kind, count in sorted(faults.items(), key=lambda item: -item[1]):
        print(f"  {count:5} {kind}")
    if not failures:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
