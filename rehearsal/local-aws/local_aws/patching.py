"""Replacing a function of MiniStack everywhere it was imported by name."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def replace(module: ModuleType, name: str, new: Any) -> Any:
    """Put `new` in the place of `module.name` in every loaded MiniStack module; return what was there."""
    old = getattr(module, name)
    for other_name, other in list(sys.modules.items()):
        if other is None or not other_name.startswith("ministack"):
            continue
        for attribute, value in list(vars(other).items()):
            if value is old:
                setattr(other, attribute, new)
    return old
