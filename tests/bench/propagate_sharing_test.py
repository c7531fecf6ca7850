#!/usr/bin/python3
"""bench/propagate_sharing.py: shares worked out by hand, and by comparing every pair of thresholds.

usage: propagate_sharing_test.py BENCH_FOLDER
"""
import sys
import unittest

import numpy

sys.path.insert(0, sys.argv.pop())
from propagate_sharing import measure_question  # noqa: E402


def count_passes(active, token, layer):
    """Passes of a token at a layer: thresholds that decided alike before, about it and the tokens before it."""
    return len({active[alpha, :token + 1, :layer].tobytes() for alpha in range(active.shape[0])})


class MeasureQuestion(unittest.TestCase):
    def test_thresholds_that_always_agree_are_one(self):
        whole, tokens = measure_question(numpy.ones((4, 5, 3), dtype=numpy.uint8))
        self.assertEqual((whole, tokens), (0.25, 0.25))

    def test_the_second_of_three_tokens_parts_two_thresholds(self):
        active = numpy.ones((2, 3, 4), dtype=numpy.uint8)
        active[1, 1, 1] = 0
        # Whole prompts: layers 0 and 1 once, 2 and 3 twice. Tokens: token 0 stays one at layers 2 and 3, too.
        self.assertEqual(measure_question(active), ((2 * 3 + 2 * 6) / 24, (2 * 3 + 2 * 5) / 24))

    def test_as_by_comparing_histories(self):
        random = numpy.random.default_rng(1)
        for share in (0.5, 0.9, 0.99):
            active = (random.random((5, 7, 6)) < share).astype(numpy.uint8)
            alphas, tokens, layers = active.shape
            single = sum(count_passes(active, token, layer) for token in range(tokens) for layer in range(layers))
            whole = sum(tokens * count_passes(active, tokens - 1, layer) for layer in range(layers))
            self.assertAlmostEqual(measure_question(active)[0], whole / (alphas * tokens * layers))
            self.assertAlmostEqual(measure_question(active)[1], single / (alphas * tokens * layers))


if __name__ == "__main__":
    unittest.main()
