"""A sweep over three hosts, one of which is cut off from the network in mid-run.

usage: many_hosts_test.py FAKE_SWEEP LACUNA

The hosts are network namespaces that a bridge in a fourth one joins; mpirun reaches them through enter_host.sh in place
of ssh. The launcher is the one that the job scripts use, so that its settings are tested. The job must end soon, and
the same command on the two hosts that are left must end with the store of an undisturbed run.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from sweep_files import UNITS, SweepFiles, root_environment, skip, wait_until

FAKE_SWEEP, LACUNA = sys.argv[1], sys.argv[2]
HERE = pathlib.Path(__file__).resolve().parent
RUN_IN_JOB = HERE.parents[1] / "configs/slurm/run_in_job.sh"
# Without the keepalive settings mpirun took 488 s.
NOTICE_SECONDS = 60


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True, timeout=60).stdout


class Network:
    """Hosts 1 to N at 10.213.X.N. Nothing outside namespaces of its own is touched; leaving it removes them."""

    def __init__(self, hosts, folder):
        self.name = f"lacuna{os.getpid()}"
        self.prefix = f"10.213.{os.getpid() % 250}"
        self.switch = f"{self.name}-switch"
        self.hosts = list(range(1, hosts + 1))
        self.names_file = folder / "hosts"
        self.names_file.write_text("127.0.0.1 localhost\n" + "".join(
            f"{self.address(host)} {self.host(host)}\n" for host in self.hosts))

    def host(self, number):
        return f"{self.name}-{number}"

    def address(self, number):
        return f"{self.prefix}.{number}"

    def __enter__(self):
        try:
            ip("netns", "add", self.switch)
            ip("-n", self.switch, "link", "add", "bridge0", "type", "bridge")
        except subprocess.CalledProcessError as failure:
            self.__exit__()
            skip(f"network namespaces are not permitted here ({failure.stderr.strip()})")
        ip("-n", self.switch, "link", "set", "bridge0", "up")
        for number in self.hosts:
            name, port = self.host(number), f"port{number}"
            ip("netns", "add", name)
            ip("-n", self.switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", self.switch, "link", "set", port, "master", "bridge0", "up")
            ip("-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        for name in [self.host(number) for number in self.hosts] + [self.switch]:
            for process in ip("netns", "pids", name, check=False).split():
                os.kill(int(process), signal.SIGKILL)
            ip("netns", "delete", name, check=False)

    def cut(self, number):
        """On the switch's side, as when a host loses power: it hears nothing of it."""
        ip("-n", self.switch, "link", "set", f"port{number}", "down")

    def processes(self, number):
        return ip("netns", "pids", self.host(number)).split()


class Job:
    """`lacuna run` under mpirun on some of the hosts, two workers on each."""

    def __init__(self, network, sweep, hosts, output, unit_ms):
        self.sweep, self.output = sweep, output
        folder = sweep.folder
        ranks = folder / "ranks"
        ranks.write_text("".join(f"{network.host(host)}\n" for host in [hosts[0], *sorted(hosts * 2)]))
        environment = root_environment() | {
            "HOST_NAMES": str(network.names_file), "FAKE_UNIT_MS": str(unit_ms), "LACUNA_USE_MPIRUN": "1",
            "OMPI_MCA_plm": "rsh", "OMPI_MCA_plm_rsh_agent": str(HERE / "enter_host.sh"),
            "OMPI_MCA_plm_rsh_no_tree_spawn": "1", "OMPI_MCA_btl": "self,tcp",
            "OMPI_MCA_oob_tcp_if_include": f"{network.prefix}.0/24",
            "OMPI_MCA_btl_tcp_if_include": f"{network.prefix}.0/24"}
        launcher = subprocess.run(["bash", "-c", f"source {RUN_IN_JOB}; choose_launcher {ranks}"], check=True,
                                  capture_output=True, text=True, env=environment).stdout.strip()
        command = f"{FAKE_SWEEP} run --restarts 0 --launcher '{launcher}' {sweep.experiment} output={output}"
        self.log = folder / f"job_on_{len(hosts)}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([HERE / "enter_host.sh", network.host(hosts[0]), command],
                                            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self, seconds):
        return self.process.wait(seconds)

    def has_committed(self, units):
        assert self.process.poll() is None, "the job ended too early"
        return self.sweep.committed(self.output) >= units


def note(text, start=time.monotonic()):
    print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)


def check_cut(network, sweep):
    undisturbed = sweep.run_undisturbed("undisturbed")
    run = sweep.folder / "run"
    job = Job(network, sweep, [1, 2, 3], run, unit_ms=1500)
    wait_until(lambda: job.has_committed(6), 120, "the workers compute")
    assert all(network.processes(host) for host in (1, 2, 3)), "every host computes"
    network.cut(3)
    cut_at = time.monotonic()
    note(f"host 3 is cut off after {sweep.committed(run)} units")
    code = job.wait(NOTICE_SECONDS)
    note(f"the job ended {time.monotonic() - cut_at:.1f} s later with exit code {code}")
    before = sweep.committed(run)
    assert code not in (0, 2, 3, 4), "the code says that the job ended by accident"
    assert before < UNITS
    again = Job(network, sweep, [1, 2], run, unit_ms=50)
    code = again.wait(120)
    assert code == 0, f"exit code {code}"
    assert "resuming: " in again.log.read_text()
    note(f"two hosts did the rest, {UNITS - before} units")
    sweep.check(run, undisturbed)
    workers = [len(session["workers"]) for session in sweep.sessions(run) if "workers" in session]
    assert workers == [4], f"two workers on each of two hosts ended a session, not {workers}"
    wait_until(lambda: not network.processes(3), 60, "nothing is left on the host that was cut off")
    note("the processes of the host that was cut off have ended")


def main():
    missing = [name for name in ("ip", "nsenter", "unshare", "mpirun") if shutil.which(name) is None]
    if missing:
        skip(f"{', '.join(missing)} not installed")
    if os.geteuid() != 0:
        skip("network namespaces need root")
    with tempfile.TemporaryDirectory(prefix="lacuna_hosts_") as folder:
        folder = pathlib.Path(folder)
        with Network(3, folder) as network:
            try:
                check_cut(network, SweepFiles(folder / "sweep", FAKE_SWEEP, LACUNA))
            except BaseException:
                for log in sorted((folder / "sweep").glob("job_on_*.log")):
                    print(f"--- {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)
                raise


main()
