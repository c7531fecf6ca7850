"""A small sweep for the cluster and chaos tests: its files, its undisturbed store, and what `lacuna` says about a run."""

import json
import os
import pathlib
import subprocess
import sys

# Of the sweep as it is by default.
UNITS = 48
QUESTIONS = 184
# How ctest learns that a test could not run here (SKIP_RETURN_CODE).
SKIPPED = 77


def skip(reason):
    print(f"SKIPPED: {reason}", flush=True)
    sys.exit(SKIPPED)


class SweepFiles:
    """Two models and two benchmarks for the stand-in for inference, below a folder."""

    def __init__(self, folder, fake_sweep, lacuna, questions=23,
                 compute="unit_questions: 4, heartbeat_seconds: 15, grace_seconds: 10"):
        self.folder = pathlib.Path(folder)
        self.fake_sweep = fake_sweep
        self.lacuna = lacuna
        self.experiment = self.folder / "e.yaml"
        for model in ("a", "b"):
            (self.folder / model).mkdir(parents=True)
            (self.folder / model / "config.json").write_text(f'"{model}"')
            (self.folder / f"{model}.yaml").write_text(f"{{name: {model}, path: {model}}}\n")
        (self.folder / "boolq.jsonl").write_text("".join(
            json.dumps({"question": f"q{i}", "passage": "p", "answer": i % 2 == 0}) + "\n" for i in range(questions)))
        (self.folder / "mmlu/test").mkdir(parents=True)
        (self.folder / "mmlu/test/astronomy_test.csv").write_text("".join(
            f"Question {i},w,x,y,z,{'ABCD'[i % 4]}\n" for i in range(questions)))
        self.experiment.write_text(f"""
models: [a.yaml, b.yaml]
benchmarks: [{{benchmark: boolq, path: boolq.jsonl}}, {{benchmark: mmlu, path: mmlu}}]
lac: {{alphas: [0.2, 0.5, 0.8], modes: [exit, propagate]}}
compute: {{{compute}}}
""")

    def run_undisturbed(self, name, *overrides):
        """The store of a run that nothing happens to, in one process."""
        output = self.folder / name
        subprocess.run([self.fake_sweep, self.experiment, f"output={output}", *overrides], check=True,
                       capture_output=True, timeout=600)
        return output / "store.h5"

    def committed(self, run):
        """What `lacuna status` counts: the units on disk; 0 before there is a run."""
        answer = subprocess.run([self.lacuna, "status", run, "--json"], capture_output=True, text=True, timeout=600)
        if answer.returncode != 0:
            return 0
        return json.loads(answer.stdout)["units"]["done"]

    def check(self, run, undisturbed):
        """That a run is whole, has every question exactly once, and says what the undisturbed store says."""
        for command in ([self.lacuna, "verify", run], [self.lacuna, "compare", run / "store.h5", undisturbed]):
            answer = subprocess.run(command, capture_output=True, text=True, timeout=600)
            assert answer.returncode == 0, f"{command}: {answer.returncode}\n{answer.stdout}{answer.stderr}"

    def sessions(self, run):
        """What the manifest keeps of the turns that a run took."""
        return json.loads((run / "manifest.json").read_text())["environment"]["sessions"]


def wait_until(condition, seconds, what):
    """Polls, more slowly than it would matter to two busy cores."""
    import time
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds} s")


def root_environment():
    """OpenMPI wants to be asked twice before it runs as root."""
    return os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
