#!/usr/bin/env python3
"""Who may use whom: reads every #include below the source folders and reports each one that breaks a rule.

usage: check_layers.py ROOT      exit code 0 if every rule holds, 1 with one line for each breach otherwise
"""
import re
import sys
from pathlib import Path

# Folder -> folders of ours that it may include, besides itself. docs/architecture.md says why.
MAY_USE = {
    "core": set(),
    "worker": {"core"},  # results only through core/record_sink.h
    "orchestrator": {"core"},
    "results": {"core"},
    "analysis": {"core", "results"},
    "apps": {"core", "worker", "orchestrator", "results", "analysis"},
    "bench": {"core", "worker", "orchestrator", "results", "apps"},
}

# Inside worker/: part -> parts it may include, besides itself. The text side knows nothing of tensors.
WORKER_MAY_USE = {
    "tokenizer": set(),
    "benchmarks": set(),
    "serve": set(),
    "checkpoint": set(),
    "nn": set(),
    "models": {"nn", "checkpoint"},
    "lac": {"models", "nn"},
    "engine": {"nn", "checkpoint", "models", "lac", "tokenizer", "benchmarks", "serve"},
}

# Outside library (pattern of the included file) -> places that may include it, and at most how many files.
LIBRARY_HOMES = [
    (re.compile(r"^mpi\.h$"), ["orchestrator/"], 1),
    (re.compile(r"^hdf5(_hl)?\.h$"), ["results/"], None),
    (re.compile(r"^yaml-cpp/"), ["core/"], None),
    (re.compile(r"^(ATen|c10|torch)/"), ["worker/checkpoint/", "worker/nn/", "worker/models/", "worker/lac/",
                                         "worker/engine/", "apps/demo_maker/", "bench/"], None),
    (re.compile(r"^cuda"), ["worker/nn/cuda/"], None),
    (re.compile(r"^c10/cuda/"), ["worker/nn/"], 1),
    (re.compile(r"^openssl/"), ["core/"], 1),
    (re.compile(r"^(pcre2|utf8proc)\.h$"), ["worker/tokenizer/"], None),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def find_breaches(root):
    """One sentence for each include that breaks a rule."""
    breaches = []
    library_users = {index: set() for index in range(len(LIBRARY_HOMES))}
    for folder, allowed in MAY_USE.items():
        for source in sorted((root / folder).rglob("*")):
            if source.suffix not in (".h", ".cpp", ".cu", ".cuh"):
                continue
            name = source.relative_to(root).as_posix()
            for included in INCLUDE.findall(source.read_text(encoding="utf-8")):
                parts = included.split("/")
                if parts[0] in MAY_USE and parts[0] != folder and parts[0] not in allowed:
                    breaches.append(f"{name}: {folder}/ may not use {included}")
                if parts[0] == "tests":
                    breaches.append(f"{name}: nothing outside of tests/ may use {included}")
                if folder == "worker" and parts[0] == "worker":
                    own, other = name.split("/")[1], parts[1]
                    if other != own and other not in WORKER_MAY_USE.get(own, set()):
                        breaches.append(f"{name}: worker/{own}/ may not use {included}")
                for index, (pattern, homes, _) in enumerate(LIBRARY_HOMES):
                    if not pattern.match(included):
                        continue
                    library_users[index].add(name)
                    if not any(name.startswith(home) for home in homes):
                        breaches.append(f"{name}: {included} belongs to {', '.join(homes)} alone")
    for index, (pattern, _, most) in enumerate(LIBRARY_HOMES):
        if most is not None and len(library_users[index]) > most:
            breaches.append(f"{pattern.pattern}: at most {most} file may include it, not "
                            f"{', '.join(sorted(library_users[index]))}")
    return breaches


def main():
    root = Path(sys.argv[1])
    missing = [folder for folder in MAY_USE if not (root / folder).is_dir()]
    breaches = [f"{folder}/ is missing: wrong root?" for folder in missing] or find_breaches(root)
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
