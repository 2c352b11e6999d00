"""The proof at start that MiniStack is the one that can be extended."""

from __future__ import annotations

import ast
import os
import pathlib
import sys
import unittest
from unittest import mock

os.environ.setdefault("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from local_aws import extension, guard


def private_uses(source: str) -> set[str]:
    """The `module:name` of every private name of MiniStack's modules that a source reads or replaces."""
    tree = ast.parse(source)
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
            for name in node.names:
                modules[name.asname or name.name] = f"{node.module}.{name.name}"
    return {
        f"{modules[node.value.id]}:{node.attr}" for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id in modules and node.attr.startswith("_")
    }


class Guard(unittest.TestCase):
    def test_every_name_is_there(self):
        needs = extension.needs()
        self.assertGreater(len(needs), 80)
        self.assertEqual(guard.problems(needs), [])

    def test_every_private_name_that_is_used_is_checked(self):
        used = set()
        for path in pathlib.Path(guard.__file__).parent.rglob("*.py"):
            used |= private_uses(path.read_text())
        self.assertEqual(sorted(used - set(extension.needs())), [])

    def test_what_is_missing_is_named(self):
        found = guard.problems({
            "ministack.services.acm:_no_such_name": "data",
            "ministack.services.acm:_request_certificate": "data, more",
            "ministack.services.no_such_module:name": "",
            "ministack.services.acm:NEVER": dict,
        })
        self.assertEqual(found[0], "ministack.services.acm:_no_such_name is missing")
        self.assertEqual(
            found[1], "ministack.services.acm:_request_certificate(data) was expected as (data, more)")
        self.assertIn("no_such_module", found[2])
        self.assertEqual(len(found), 4)

    def test_another_version_is_refused(self):
        expected = "version 1.5.34 is installed, 1.5.33 is needed"
        with mock.patch("importlib.metadata.version", return_value="1.5.34"), \
                self.assertRaisesRegex(guard.Unpatchable, expected):
            guard.check({})


if __name__ == "__main__":
    unittest.main()
