#!/usr/bin/env python3
"""lacuna-make-demo writes the same bytes twice, and its files are all there. usage: ... PATH_OF_THE_BINARY"""
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL_FILES = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
               "tokenizer_config.json"]


def make(binary, folder):
    subprocess.run([binary, "--out", str(folder), "--steps", "3", "--training-questions", "600"], check=True,
                   stdout=subprocess.DEVNULL)
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


def main():
    with tempfile.TemporaryDirectory() as folder:
        first = make(sys.argv[1], Path(folder) / "a")
        second = make(sys.argv[1], Path(folder) / "b")
    assert sorted(first) == sorted(second), (sorted(first), sorted(second))
    different = [name for name in first if first[name] != second[name]]
    assert not different, f"not repeatable: {different}"
    for model in ["llama-demo", "mistral-demo", "qwen-demo"]:
        for name in MODEL_FILES:
            assert f"models/{model}/{name}" in first, (model, name)
    assert len([name for name in first if name.startswith("data/mmlu/test/")]) == 4
    assert {"data/gpqa.csv", "data/boolq.jsonl"} <= set(first)


if __name__ == "__main__":
    main()
