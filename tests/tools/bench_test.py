#!/usr/bin/python3
"""What tools/bench says of a ratio against the one that was kept."""

import importlib.util
import pathlib
import unittest

PATH = pathlib.Path("tools/bench.py").resolve()
SPEC = importlib.util.spec_from_file_location("bench", PATH)
bench = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bench)


def ratio(low, median, high):
    return {"low": low, "median": median, "high": high}


class VerdictTest(unittest.TestCase):
    def test_verdicts(self):
        zero = ratio(0, 0, 0)
        for now, before, expected in (
            (ratio(1, 2, 3), None, "new"),
            (ratio(1, 2, 3), ratio(2.5, 2.6, 2.7), "as before"),
            (ratio(1.99, 2, 2.01), ratio(2.02, 2.03, 2.04), "as before"),
            (ratio(1.9, 2, 2.1), ratio(0.9, 1, 1.1), "MOVED +100%"),
            (ratio(0.9, 1, 1.1), ratio(1.9, 2, 2.1), "MOVED -50%"),
            (zero, zero, "as before"),
            (ratio(1, 2, 3), zero, "MOVED from 0 to 2"),
            (zero, ratio(1, 2, 3), "MOVED -100%"),
        ):
            with self.subTest(now=now, before=before):
                self.assertEqual(bench.verdict(now, before), expected)


if __name__ == "__main__":
    unittest.main()
