#!/usr/bin/env python3
"""Every golden line of the three tokenizers through the binary: lacuna tokenize, detokenize and chat, with every
combination of their flags. The library's own golden tests say more about what differs; this one covers the way
from stdin to stdout.

usage: text_commands_golden_test.py LACUNA      exit code 77: skipped, because the golden files are not there
"""
import json
import os
import subprocess
import sys
from pathlib import Path

# Flags of detokenize -> the fields that its output has to equal: of golden_encode.jsonl for `ids` and for
# `ids_special`, and of golden_decode.jsonl.
DECODED_FIELDS = {
    (): ("dec", "dec_sp", "dec"),
    ("--skip-special",): ("dec_skip", "dec_sp_skip", "dec_skip"),
    ("--clean-up",): (None, "dec_sp_clean", "dec_clean"),
    ("--skip-special", "--clean-up"): (None, "dec_sp_skip_clean", "dec_skip_clean"),
}


def read_records(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


class Checker:
    def __init__(self, lacuna):
        self.lacuna = lacuna
        self.compared = 0
        self.failures = []

    def run(self, arguments, requests):
        """The answers of one run of the binary, as many as requests."""
        sent = "".join(json.dumps(request) + "\n" for request in requests)
        done = subprocess.run([self.lacuna, *arguments], input=sent.encode(), stdout=subprocess.PIPE, check=True)
        answers = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
        if len(answers) != len(requests):
            raise SystemExit(f"{arguments}: {len(answers)} answers to {len(requests)} lines")
        return answers

    def compare(self, arguments, requests, expected):
        for request, answer, wanted in zip(requests, self.run(arguments, requests), expected):
            self.compared += 1
            if answer != wanted:
                self.failures.append(f"{' '.join(arguments)}: {json.dumps(request)[:200]} gives "
                                     f"{json.dumps(answer)[:200]} instead of {json.dumps(wanted)[:200]}")

    def check_tokenize(self, model, records):
        for flags, field in ((["--no-special"], "ids"), ([], "ids_special")):
            requests = [{"text": record["text"]} for record in records]
            expected = [{"ids": record[field]} for record in records]
            for record in records:
                if "bytes_b64" in record:
                    requests.append({"bytes_b64": record["bytes_b64"]})
                    expected.append({"ids": record[field]})
            self.compare(["tokenize", "--model", model, *flags], requests, expected)

    def check_detokenize(self, model, encoded, decoded):
        # Clean-up does nothing for a model whose config does not ask for it.
        cleans = any("dec_sp_clean" in record for record in encoded)
        for flags, fields in DECODED_FIELDS.items():
            if not cleans:
                fields = DECODED_FIELDS[tuple(flag for flag in flags if flag != "--clean-up")]
            requests, expected = [], []
            for records, ids, field in ((encoded, "ids", fields[0]), (encoded, "ids_special", fields[1]),
                                        (decoded, "ids", fields[2])):
                if field is None:
                    continue
                requests += [{"ids": record[ids]} for record in records]
                expected += [{"text": record[field]} for record in records]
            self.compare(["detokenize", "--model", model, *flags], requests, expected)

    def check_chat(self, model, records):
        asked = ("messages", "tools", "add_generation_prompt")
        answered = ("rendered", "ids", "ids_retokenized", "error")
        requests = [{key: record[key] for key in asked if key in record} for record in records]
        expected = [{key: record[key] for key in answered if key in record} for record in records]
        self.compare(["chat", "--model", model], requests, expected)


def main():
    shared = Path(os.environ.get("LACUNA_REFERENCE") or "../shared") / "reference" / "tokenizers"
    if not shared.is_dir():
        print(f"no golden files in {shared} (set LACUNA_REFERENCE)")
        return 1 if os.environ.get("LACUNA_REQUIRE_REFERENCE") == "1" else 77
    checker = Checker(sys.argv[1])
    for family in ("llama3", "mistral-v0.3", "qwen2.5"):
        folder = shared / family
        encoded = read_records(folder / "golden_encode.jsonl")
        checker.check_tokenize(str(folder), encoded)
        checker.check_detokenize(str(folder), encoded, read_records(folder / "golden_decode.jsonl"))
        checker.check_chat(str(folder), read_records(folder / "golden_chat.jsonl"))
    for failure in checker.failures[:20]:
        print(failure)
    print(f"{checker.compared} answers compared, {len(checker.failures)} differ")
    return 1 if checker.failures or checker.compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
