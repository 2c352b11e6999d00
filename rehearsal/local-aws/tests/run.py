#!/usr/bin/env python3
"""All tests, several classes at a time: most of them wait for the server more than they work.

`python run.py [pattern]`; the exit code is 1 when anything failed.
"""

from __future__ import annotations

import io
import pathlib
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
AT_ONCE = 4


def classes(tests) -> dict[type, unittest.TestSuite]:
    """The tests of a suite by their class."""
    found: dict[type, unittest.TestSuite] = {}
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            for kind, suite in classes(test).items():
                found.setdefault(kind, unittest.TestSuite()).addTests(suite)
        else:
            found.setdefault(type(test), unittest.TestSuite()).addTest(test)
    return found


def run(suite: unittest.TestSuite) -> tuple[unittest.TestResult, str]:
    stream = io.StringIO()
    return unittest.TextTestRunner(stream=stream).run(suite), stream.getvalue()


def main() -> int:
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    from support import shared_server

    started = time.monotonic()
    pattern = sys.argv[1] if len(sys.argv) > 1 else "test*.py"
    suites = classes(unittest.defaultTestLoader.discover(str(HERE), pattern=pattern))
    shared_server()
    # The largest first, so that none is left alone at the end.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(run, sorted(suites.values(), key=lambda one: -one.countTestCases())))
    failed = [output for result, output in results if not result.wasSuccessful()]
    print("\n".join(failed), file=sys.stderr)
    count = sum(result.testsRun for result, _output in results)
    print(f"{count} tests in {time.monotonic() - started:.1f} s, "
          f"{f'{len(failed)} classes with failures' if failed else 'all passed'}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
