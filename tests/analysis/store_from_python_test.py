"""Opens a store as its users do, with h5py, and recomputes cells of `lacuna table` from the raw trace.

usage: store_from_python_test.py MAKE_SYNTHETIC_RUN LACUNA
"""

import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np

MAKE_RUN, LACUNA = sys.argv[1], sys.argv[2]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def unpack(active, layers):
    """uint8 [..., bytes] to bool [..., layers]: layer 0 is the most significant bit of the first byte."""
    return np.unpackbits(active, axis=-1, count=layers).astype(bool)


def folders_above(path):
    """The folders of an object, innermost first: "/a/b", "/a", "" of "/a/b/c"."""
    while path:
        path = path.rsplit("/", 1)[0]
        yield path


def check_named_dimensions(file):
    """As xarray resolves them: every axis of every dataset under /results has one scale, of the axis' length, that lies
    in the dataset's group or above it under the axis' label, or the dataset is a scale itself. Compared as objects, as
    a scale in a group of two names (exit/pp, trace/pp) tells the library's choice of them."""
    checked = 0

    def visit(name, item):
        nonlocal checked
        if not isinstance(item, h5py.Dataset) or h5py.h5ds.is_scale(item.id):
            return
        for axis, dimension in enumerate(item.dims):
            assert len(dimension) == 1, f"{name} axis {axis} has {len(dimension)} scales"
            scale = dimension[0]
            assert scale.shape == (item.shape[axis],), f"{name} axis {axis}: {scale.name} {scale.shape}"
            reachable = (f"{folder}/{dimension.label}" for folder in folders_above(item.name))
            assert any(file.get(path) == scale for path in reachable), f"{item.name} axis {axis}: no {dimension.label}"
            assert "units" in item.attrs, name
            checked += 1

    file["/results"].visititems(visit)
    assert checked > 100, checked


def mean_share(active, offsets, layers, rows):
    """Mean over the items `rows` of the share of active layers; items without rows do not count."""
    shares = []
    for item in rows:
        first, last = offsets[item], offsets[item + 1]
        if last > first:
            shares.append(unpack(active[first:last], layers).mean())
    return np.mean(shares)


def recompute(sweep, mode, alpha):
    """n, accuracy, PP share, RG share, unparsed share from the raw datasets."""
    layers = int(sweep.attrs["layers"])
    group = sweep[mode]
    response = group["response"]
    alphas = response["alpha_index"][:]
    rows = np.flatnonzero((alphas == alpha) | (alphas == -1))
    pp_alphas = group["pp/alpha_index"][:]
    prompts = np.flatnonzero((pp_alphas == alpha) | (pp_alphas == -1))
    pp_active = group["pp/active"][:]
    rg_active = group["rg/active"][:]
    if pp_active.ndim == 3:
        pp_active = pp_active[:, alpha]
    if rg_active.ndim == 3:
        rg_active = rg_active[:, alpha]
    choices = response["choice"].asstr()[:]
    return {
        "n": len(rows),
        "accuracy": response["correct"][:][rows].mean(),
        "pp_layers": mean_share(pp_active, group["pp/row_offsets"][:], layers, prompts),
        "rg_layers": mean_share(rg_active, group["rg/row_offsets"][:], layers, rows),
        "unparsed_share": np.mean(choices[rows] == ""),
    }


def check_loglik_line(sweep, line, alpha):
    column = "correct_normalized" if line["scoring"] == "loglik-norm" else "correct"
    loglik = sweep[line["mode"]]["loglik"]
    alphas = loglik["alpha_index"][:]
    rows = np.flatnonzero((alphas == alpha) | (alphas == -1))
    assert int(line["n"]) == len(rows)
    assert abs(float(line["accuracy"]) - loglik[column][:][rows].mean()) < 1e-12, line
    baseline = sweep["trace/loglik"][column][:].mean()
    assert abs(float(line["baseline_accuracy"]) - baseline) < 1e-12, line
    assert line["rg_layers"] == "" and line["unparsed_share"] == "" and line["unparsed"] == "0", line
    prompt_share = recompute(sweep, line["mode"], alpha)["pp_layers"]
    assert abs(float(line["pp_layers"]) - prompt_share) < 1e-12, line


def check_table(file, table):
    lines = list(csv.DictReader(io.StringIO(table)))
    assert len(lines) == 2 * (3 + 1) * 3 * 3, len(lines)  # mmlu: generate, loglik, loglik-norm; boolq: generate
    for line in lines:
        sweep = file[f"/results/{line['model']}/{line['benchmark']}"]
        alpha = int(np.flatnonzero(sweep["alpha"][:] == float(line["alpha"]))[0])
        if line["scoring"] != "generate":
            check_loglik_line(sweep, line, alpha)
            continue
        for name, value in recompute(sweep, line["mode"], alpha).items():
            assert abs(float(line[name]) - value) < 1e-12, (line, name, value)
        baseline = sweep["trace/response/correct"][:].mean()
        assert abs(float(line["baseline_accuracy"]) - baseline) < 1e-12, line
        assert line["complete"] == "true"


def check_contents(file):
    assert file.attrs["format"] == "lacuna-store" and file.attrs["format_version_major"] == 1
    assert file.attrs["complete"] == 1 and len(file["/missing_units/id"]) == 0
    manifest = json.loads(file["/manifest"].asstr()[()])
    assert manifest["models"] == ["tiny-a", "tiny-b"]
    sweep = file["/results/tiny-b/mmlu"]
    assert list(sweep["question/index"][:]) == list(range(40))
    assert sweep["question/id"].asstr()[7] == "mmlu/test/7"
    assert sweep["exit/pp"] == sweep["trace/pp"], "exit and trace share one prompt trace"
    assert sweep["trace/pp/norms"].shape[1] == sweep["state"].shape[0] == sweep.attrs["layers"] + 1
    offsets = sweep["question/prompt_token_offsets"][:]
    assert np.array_equal(offsets, sweep["trace/pp/row_offsets"][:])
    assert offsets[-1] == len(sweep["question/prompt_token_ids"])
    tokens, rows = sweep["exit/response/token_offsets"][:], sweep["exit/rg/row_offsets"][:]
    assert np.array_equal(np.diff(tokens) - 1, np.diff(rows)), "the last token of a response is never fed"
    for dataset in (sweep["trace/pp/norms"], sweep["trace/pp/active"]):
        assert dataset.compression == "gzip" and dataset.shuffle
    assert sweep["trace/response/text"].asstr()[0].startswith("réponse ")
    assert file.attrs["format_version_minor"] == 1 and "loglik" not in file["/results/tiny-b/boolq/exit"]
    loglik = sweep["exit/loglik"]
    assert len(loglik["score"]) == 40 * 3 and loglik["log_likelihood"].dtype == np.float64
    offsets = loglik["continuation_offsets"][:]
    assert offsets[-1] == len(loglik["log_likelihood"]) and np.all(np.diff(offsets) >= 2)
    second = slice(*offsets[1:3])
    assert list(loglik["continuation_choice"].asstr()[second])[:2] == ["A", "B"]
    assert np.all(loglik["log_likelihood"][:] < 0) and np.all(loglik["token_count"][:] >= 1)


def main():
    with tempfile.TemporaryDirectory() as folder:
        directory = str(pathlib.Path(folder) / "run")
        run(MAKE_RUN, directory)
        with h5py.File(next(pathlib.Path(directory, "parts").glob("*.h5"))) as part:
            assert part.attrs["kind"] == "part"
        table = run(LACUNA, "table", directory, "--format", "csv")
        store = run(LACUNA, "merge", directory).strip()
        with h5py.File(store) as file:
            check_contents(file)
            check_named_dimensions(file)
            check_table(file, table)
        refused = subprocess.run([LACUNA, "table", folder], capture_output=True, text=True)
        assert refused.returncode == 2 and "manifest.json" in refused.stderr, refused
    print("ok")


main()
