#!/usr/bin/env python3
"""llama.cpp, given a demo model by bench/llama_cpp/write_gguf.py, chooses the tokens that lacuna chooses.

usage: llama_cpp_test.py LACUNA ROOT     skipped (exit code 77) where scripts/bench.sh has not installed node-llama-cpp
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import h5py

LACUNA, ROOT = sys.argv[1], sys.argv[2]
PACKAGES = os.path.join(ROOT, "build", "llama_cpp")
SCRIPTS = os.path.join(ROOT, "bench", "llama_cpp")
# By which a logit of llama.cpp's choice may be above that of ours. Near ties in bfloat16 come to 0.11; rows of queries and
# keys in the wrong order to 3 and more.
MOST_LEAD = 0.3
PROMPT = [(37 * i + 5) % 500 for i in range(48)]


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=100).stdout


class DemoModels(unittest.TestCase):
    def check(self, name):
        model = os.path.join(ROOT, "demo", "models", name)
        with tempfile.TemporaryDirectory() as folder:
            prompt, trace, gguf = (os.path.join(folder, file) for file in ("prompt.json", "trace.h5", "model.gguf"))
            with open(prompt, "w", encoding="utf-8") as out:
                json.dump(PROMPT, out)
            run(LACUNA, "trace", "--model", model, "--ids", prompt, "--alpha", "0.5", "--new-tokens", "24",
                "--dtype", "bfloat16", "--device", "cpu", "--threads", "2", "--out", trace)
            with h5py.File(trace) as file:
                tokens = file["rg/token_ids"][0].tolist()
            run("/usr/bin/python3", os.path.join(SCRIPTS, "write_gguf.py"), model, gguf)
            task = {"packages": PACKAGES, "model": gguf, "dtype": "bfloat16", "threads": 2, "context": 16,
                    "prompts": [PROMPT], "repetitions": {"least": 1, "most": 1, "enough_seconds": 0},
                    "answer": {"prompt": PROMPT, "tokens": tokens}}
            said = json.loads(run("node", os.path.join(SCRIPTS, "time_llama_cpp.mjs"), json.dumps(task)))
        self.assertEqual(24, len(said["answer"]["leads"]))
        for lead in said["answer"]["leads"]:
            self.assertLess(lead, MOST_LEAD, said["answer"])

    def test_qwen(self):
        self.check("qwen-demo")

    def test_llama(self):
        self.check("llama-demo")

    def test_mistral(self):
        self.check("mistral-demo")


if __name__ == "__main__":
    if not os.path.isdir(os.path.join(PACKAGES, "node_modules", "node-llama-cpp")):
        print(f"skipped: node-llama-cpp is not installed in {PACKAGES}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
