"""`lacuna status`, `verify`, `compare`, `merge` and `table --out` on a made-up run, as a user calls them: outputs, exit codes, --json.

usage: run_commands_test.py MAKE_SYNTHETIC_RUN LACUNA
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

MAKE_RUN, LACUNA = sys.argv[1], sys.argv[2]


def lacuna(*arguments, code=0):
    done = subprocess.run([LACUNA, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, (arguments, done)
    return done.stdout if code != 2 else done.stderr


def flip(file, position):
    data = bytearray(file.read_bytes())
    data[position] ^= 1
    file.write_bytes(data)


def snapshot(folder):
    return {str(file): file.stat().st_mtime_ns for file in sorted(folder.rglob("*"))}


def check_status(run):
    units = len(list((run / "parts").glob("*.h5")))
    text = lacuna("status", run)
    assert f"{units} of {units} units" in text and "store: not merged yet" in text, text
    status = json.loads(lacuna("status", run, "--json"))
    assert status["units"] == {"done": units, "total": units}, status
    assert status["state"] == "unknown" and status["coordinator"] is None
    last_sign = {"state": "running", "updated_at": int(time.time()) - 200, "host": "n1", "process_id": 7, "job_id": "42",
                 "units_done": 1, "units_total": 2, "units_failed": 0, "questions_done": 1, "questions_total": 2,
                 "questions_per_second": 1.5, "eta_seconds": None, "workers": 4, "in_flight": [], "last_error": ""}
    (run / "status.json").write_text(json.dumps(last_sign))
    text = lacuna("status", run)
    assert "no sign of life for 3 min 2" in text and "process 7 on n1, job 42" in text, text
    assert json.loads(lacuna("status", run, "--json"))["state"] == "silent"


def check_whole(run):
    assert "all well and complete" in lacuna("verify", run)
    store = pathlib.Path(lacuna("merge", run).strip())
    report = json.loads(lacuna("verify", run, "--json"))
    assert report["complete"] and report["store"] == {"present": True, "compared": True}, report
    assert "all well and complete" in lacuna("verify", store)
    assert json.loads(lacuna("status", run, "--json"))["store"] == {"present": True, "current": True}
    return store


def check_compare(store, other):
    assert lacuna("compare", store, other) == "equal\n"
    lacuna("compare", store, other.parent / "manifest.json", code=2)


def check_table_file(store):
    out = store.parent / "table.md"
    assert lacuna("table", store, "--out", out) == "" and out.read_text() == lacuna("table", store)
    out.unlink()
    nowhere = store.parent / "gone" / "table.md"
    message = lacuna("table", store, "--out", nowhere, code=2)
    assert f"cannot write '{nowhere}'" in message and "there is no folder" in message, message


def check_wrong_command_lines(run):
    def message_of(*arguments):
        message = lacuna(*arguments, code=2)
        assert message.startswith("lacuna: error: ") and message.count("\n") == 1, message
        return message

    assert "no command is given; see lacuna --help" in message_of()
    assert "there is no command or option 'tabel'; see lacuna --help" in message_of("tabel", run)
    assert "there is no command or option '--json'; see lacuna --help" in message_of("--json")
    message = message_of("status", run, "--jsno")
    assert "--jsno" in message and message.endswith("; see lacuna status --help\n"), message
    assert message_of("status").endswith("; see lacuna status --help\n")


def check_damage(run):
    part = sorted((run / "parts").glob("*.h5"))[3]
    whole = part.read_bytes()
    flip(part, len(whole) // 2)
    text = lacuna("verify", run, code=1)
    assert f"damage: {part}: its checksum does not match" in text, text
    part.unlink()
    assert "it holds units whose parts are gone" in lacuna("verify", run, code=3)
    report = json.loads(lacuna("verify", run, "--json", code=3))
    assert report["units"]["whole"] == report["units"]["planned"] - 1
    (run / "store.h5").unlink()
    text = lacuna("verify", run, code=3)
    assert f"missing: unit {part.stem}: no whole part" in text and "whole but incomplete" in text, text
    part.write_bytes(whole)
    lacuna("verify", run)


def main():
    with tempfile.TemporaryDirectory() as folder:
        run, other = pathlib.Path(folder, "run"), pathlib.Path(folder, "other")
        subprocess.run([MAKE_RUN, run], check=True)
        shutil.copytree(run, other)
        check_status(run)
        store = check_whole(run)
        lacuna("merge", other)
        before = snapshot(run)
        check_compare(store, other / "store.h5")
        lacuna("verify", run)
        lacuna("status", run)
        assert snapshot(run) == before, "status, verify and compare change nothing"
        check_wrong_command_lines(run)
        check_table_file(other / "store.h5")
        check_damage(run)
        for command in ("status", "verify"):
            assert "manifest.json" in lacuna(command, folder, code=2)
        lacuna("verify", pathlib.Path(__file__), code=2)
    print("ok")


main()
