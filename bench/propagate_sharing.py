#!/usr/bin/python3
"""What sharing layers would save under `propagate`: of a store, the share of prompt layer passes that would remain.

usage: bench/propagate_sharing.py STORE

Under `propagate` every threshold has a stream of its own. Two of them are equal up to the first layer at which they decide
otherwise, so they could share a pass until then: *whole prompts*, if a pass goes on by itself from the first layer at which any
token was decided otherwise, or *tokens*, if those before the first such token are shared further on. 1 means that nothing is
saved; one over the number of thresholds, that all are one pass. Needs h5py and numpy.
"""
import argparse

import h5py
import numpy


def number_classes(rows):
    """Equal rows get the same number."""
    return numpy.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)


def count_classes(numbers):
    """How many different numbers each column of `numbers` [alphas, columns] has."""
    ordered = numpy.sort(numbers, axis=0)
    return 1 + (ordered[1:] != ordered[:-1]).sum(axis=0)


def measure_question(active):
    """active [alphas, tokens, layers] of one question -> shares that remain: (whole prompts, tokens)."""
    alphas, tokens, layers = active.shape
    # Thresholds with the same number have decided alike so far, [alphas, tokens]: about a token and those before it.
    so_far = numpy.zeros((alphas, tokens), dtype=numpy.int64)
    whole, single = 0, 0
    for layer in range(layers):
        single += int(count_classes(so_far).sum())
        whole += tokens * int(count_classes(so_far[:, -1:])[0])
        state = numpy.zeros(alphas, dtype=numpy.int64)
        for token in range(tokens):
            state = number_classes(numpy.stack([state, so_far[:, token], active[:, token, layer]], axis=1))
            so_far[:, token] = state
    return whole / (alphas * tokens * layers), single / (alphas * tokens * layers)


def measure_group(group, layers, most):
    prompts = group["propagate/pp"]
    alpha = prompts["alpha_index"][:]
    question = prompts["question_index"][:]
    offsets = prompts["row_offsets"][:]
    active = numpy.unpackbits(prompts["active"][:], axis=1)[:, :layers]
    shares = []
    for number in numpy.unique(question)[:most]:
        members = numpy.flatnonzero(question == number)
        members = members[numpy.argsort(alpha[members])]
        shares.append(measure_question(numpy.stack([active[offsets[i]:offsets[i + 1]] for i in members])))
    tokens = numpy.diff(offsets).mean()
    return len(shares), tokens, len(numpy.unique(alpha)), numpy.mean(shares, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--questions", type=int, default=64, help="of each benchmark, at most")
    arguments = parser.parse_args()
    with h5py.File(arguments.store, "r") as store:
        for model, benchmarks in store["results"].items():
            for benchmark, group in benchmarks.items():
                if "propagate" not in group:
                    continue
                layers = len(group["layer"])
                count, tokens, alphas, (whole, single) = measure_group(group, layers, arguments.questions)
                print(f"{model} {benchmark}: {count} questions of {tokens:.0f} tokens, {alphas} thresholds, {layers} layers; "
                      f"whole prompts {whole:.0%}, tokens {single:.0%}")


if __name__ == "__main__":
    main()
