#!/usr/bin/env python3
"""The inference benchmark as its users run it, on a shape that takes seconds.

usage: inference_benchmark_test.py BENCHMARK WITH_STORE     WITH_STORE: 1 in a build that has HDF5
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCHMARK, WITH_STORE = sys.argv[1], sys.argv[2] == "1"
LLAMA_CPP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "llama_cpp")
# Group "author" needs PyTorch for Python, which is no dependency of ours; "llama_cpp" needs what npm installs.
GROUPS = ["products", "prefill", "decode", "overhead", "sampling", "thresholds", "startup"] + (["store"] if WITH_STORE else [])
BOUNDED = {"products", "prefill", "decode", "overhead", "sampling", "startup"}


def run(*arguments):
    return subprocess.run([BENCHMARK, *arguments], capture_output=True, text=True, timeout=280)


class InferenceBenchmark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "figures.json")
            cls.process = run("--shape", "tiny", "--quick", "--repetitions", "1", "--threads", "2",
                              "--only", ",".join(GROUPS), "--json", file)
            assert cls.process.returncode == 0, cls.process.stderr
            with open(file, encoding="utf-8") as text:
                cls.document = json.load(text)
        cls.figures = cls.document["figures"]

    def of_group(self, group):
        return [figure for figure in self.figures if figure["group"] == group]

    def test_says_what_was_measured(self):
        self.assertEqual("tiny", self.document["shape"])
        self.assertEqual("bfloat16", self.document["dtype"])
        self.assertEqual("cpu", self.document["device"])
        self.assertEqual(2, self.document["threads"])

    def test_every_group_has_figures_above_zero(self):
        for group in [*GROUPS, "bounds"]:
            self.assertTrue(self.of_group(group), f"no figures of {group}")
        for figure in self.figures:
            self.assertGreater(figure["value"], 0, figure)
        names = [(figure["group"], figure["name"]) for figure in self.figures]
        self.assertEqual(len(names), len(set(names)), "two figures of one name")

    def test_bounded_figures_state_bound_and_ratio(self):
        for figure in self.figures:
            if figure["group"] in BOUNDED:
                self.assertIsNotNone(figure["bound"], figure)
            if figure["bound"] is not None:
                self.assertGreater(figure["bound_value"], 0, figure)
                self.assertGreater(figure["ratio"], 0, figure)
        for figure in self.of_group("prefill") + self.of_group("decode"):
            # A tiny model is all overhead; more than the machine can do would be a miscount.
            self.assertLess(figure["ratio"], 1, figure)

    def test_forks_feed_the_rows_they_must(self):
        rows = {(figure["thresholds"], figure["forks"]): figure["decode_rows"]
                for figure in self.of_group("thresholds") if "decode_rows" in figure}
        # --quick: eight questions, four new tokens, of which the first three are fed.
        self.assertEqual(8 * 3, rows[1, "model"])
        self.assertEqual(8 * 3, rows[9, "none"])
        self.assertEqual(8 * 3 * 9, rows[9, "worst"])
        self.assertLessEqual(8 * 3, rows[9, "model"])

    def test_the_table_has_a_line_for_each_figure(self):
        for figure in self.figures:
            self.assertTrue(any(line.startswith(figure["group"]) and figure["name"] in line
                                for line in self.process.stdout.splitlines()), figure)

    def test_bad_input_is_refused(self):
        for arguments in (["--shape", "gpt"], ["--only", "speed"], ["--dtype", "int8"], ["--repetitions", "0"]):
            process = run(*arguments)
            self.assertNotEqual(0, process.returncode, arguments)
            self.assertIn(arguments[0], process.stderr)

    def test_a_group_asked_for_by_name_must_work(self):
        process = run("--shape", "tiny", "--quick", "--only", "author", "--python", "/nonexistent/python3")
        self.assertEqual(1, process.returncode)
        self.assertIn("/nonexistent/python3", process.stderr)
        process = run("--shape", "tiny", "--quick", "--only", "llama_cpp", "--llama-cpp", "/nonexistent/packages")
        self.assertEqual(1, process.returncode)
        self.assertRegex(process.stderr, "/nonexistent/packages|there is no node")

    @unittest.skipUnless(os.path.isdir(os.path.join(LLAMA_CPP, "node_modules", "node-llama-cpp")),
                         "node-llama-cpp is not installed in build/llama_cpp (scripts/bench.sh does it)")
    def test_llama_cpp_is_timed_on_weights_of_the_same_type(self):
        for dtype, weights in (("bfloat16", "BF16"), ("float32", "F32")):
            with tempfile.TemporaryDirectory() as folder:
                file = os.path.join(folder, "figures.json")
                process = run("--shape", "tiny", "--dtype", dtype, "--repetitions", "1", "--threads", "2",
                              "--only", "llama_cpp", "--llama-cpp", LLAMA_CPP, "--json", file)
                self.assertEqual(0, process.returncode, process.stderr)
                with open(file, encoding="utf-8") as text:
                    figures = [figure for figure in json.load(text)["figures"] if figure["group"] == "llama_cpp"]
            for figure in figures:
                self.assertGreater(figure["value"], 0, figure)
            theirs = [figure for figure in figures if figure["name"].startswith("llama.cpp, ")]
            self.assertEqual(3, len(theirs))
            for figure in theirs:
                self.assertIn(weights, figure["weights"])
                self.assertIs(False, figure["gpu"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
