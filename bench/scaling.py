#!/usr/bin/python3
"""Questions a second of whole sweeps with one and with two workers on the same cores, and rank 0's share of the CPU.

usage: bench/scaling.py [--bin build/release/bin] [--shape qwen2.5-0.5b] [--cores 2] [--questions 64]

A model of that shape with random weights gets the demo's tokenizer and answers the demo's MMLU-style questions under
`mpirun lacuna run`. One worker has all cores, then two have half of them each.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
from datetime import datetime

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXPERIMENT = """\
name: scaling
models: [{{name: random, path: {model}}}]
benchmarks: [{{benchmark: mmlu, path: {data}, limit: {questions}}}]
lac: {{modes: [exit], alphas: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]}}
generation: {{max_new_tokens: 16}}
compute: {{dtype: bfloat16, device: cpu, unit_questions: 8, threads: {threads}}}
"""


def find_rank_zero(directory):
    """The process id of the coordinator of the run in `directory`."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(directory).encode() not in (process / "cmdline").read_bytes():
                continue
            if b"OMPI_COMM_WORLD_RANK=0\0" in (process / "environ").read_bytes():
                return int(process.name)
        except OSError:
            continue
    return None


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_moments(log):
    """Moments, in seconds, at which the first unit was handed out and each was done."""
    moments = [(datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S.%f").timestamp(), line) for line in log.splitlines()
               if re.match(r"\d{4}-", line)]
    handed = [moment for moment, line in moments if " goes to worker " in line]
    done = [moment for moment, line in moments if " is done by worker " in line]
    return handed, done


def find_share(samples, begin, end):
    """CPU seconds a second between two moments, of (moment, CPU seconds so far)."""
    inside = [sample for sample in samples if begin <= sample[0] <= end]
    if len(inside) < 2:
        return float("nan")
    return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def run_sweep(arguments, folder, model, workers):
    """Questions a second while units were computed, and rank 0's share of one core meanwhile."""
    run = folder / f"run{workers}"
    experiment = folder / f"{workers}.yaml"
    experiment.write_text(EXPERIMENT.format(model=model, data=ROOT / "demo/data/mmlu", questions=arguments.questions,
                                            threads=max(1, arguments.cores // workers)))
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(workers + 1), arguments.bin / "lacuna", "run",
               experiment, f"output={run}"]
    start = time.time()
    with open(folder / f"{workers}.txt", "w", encoding="utf-8") as output:
        with subprocess.Popen(command, env=environment, stdout=output, stderr=output) as job:
            rank_zero, samples = None, []
            while job.poll() is None:
                rank_zero = rank_zero or find_rank_zero(run)
                try:
                    samples.append((time.time(), cpu_seconds(rank_zero)))
                except (OSError, TypeError):
                    pass
                time.sleep(0.2)
    if job.returncode != 0:
        raise SystemExit(f"{command} ended with {job.returncode}: {(folder / f'{workers}.txt').read_text()}")
    handed, done = read_moments((run / "run.log").read_text())
    # The first unit of every worker includes loading the model.
    first = sorted(done)[workers - 1]
    counted = len([moment for moment in done if moment > first])
    return {"workers": workers, "threads_each": max(1, arguments.cores // workers), "units": len(done),
            "questions_per_second": 8 * counted / (max(done) - first), "seconds_in_all": time.time() - start,
            "seconds_to_first_unit": first - min(handed), "rank_0_share_of_a_core": find_share(samples, first, max(done))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--shape", default="qwen2.5-0.5b")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "model"
        model.mkdir()
        subprocess.run([arguments.bin / "inference_benchmark", "--shape", arguments.shape, "--write-model", model], check=True)
        for file in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            shutil.copy(ROOT / "demo/models/qwen-demo" / file, model)
        figures = [run_sweep(arguments, folder, model, workers) for workers in (1, 2)]
    for figure in figures:
        print("{workers} worker(s) with {threads_each} thread(s): {questions_per_second:.2f} questions/s, rank 0 used "
              "{rank_0_share_of_a_core:.2%} of a core, first unit after {seconds_to_first_unit:.1f} s".format(**figure))
    print(f"two workers against one: {figures[1]['questions_per_second'] / figures[0]['questions_per_second']:.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
