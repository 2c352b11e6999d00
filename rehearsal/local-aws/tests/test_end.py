"""The local AWS ends with whoever started it, if that is asked for."""

from __future__ import annotations

import subprocess
import unittest

from support import Server


class End(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server(END_WITH_INPUT="true")
        self.addCleanup(self.server.end)

    def test_it_ends_when_its_input_is_closed(self):
        self.server.process.stdin.close()
        self.assertEqual(self.server.process.wait(timeout=10), 0)

    def test_it_stays_when_that_was_called_off(self):
        self.server.process.stdin.write(b"\n")
        self.server.process.stdin.close()
        with self.assertRaises(subprocess.TimeoutExpired):
            self.server.process.wait(timeout=4)
        self.assertEqual(self.server.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
