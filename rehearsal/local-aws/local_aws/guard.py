"""Proof at start that every private name the extension patches is there, shaped as expected."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Mapping
from typing import Any

from . import MINISTACK_VERSION


class Unpatchable(RuntimeError):
    """MiniStack is not the one this extension was written for."""


def parameters(function: Any) -> str:
    """The parameter names of a function as they stand in its definition, without annotations and defaults."""
    names = []
    keyword_only = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            keyword_only = True
            names.append("*" + parameter.name)
        elif parameter.kind is parameter.VAR_KEYWORD:
            names.append("**" + parameter.name)
        else:
            if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
                keyword_only = True
                names.append("*")
            names.append(parameter.name)
    return ", ".join(names)


def _problem(name: str, expected: str | type) -> str | None:
    module_name, _, path = name.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
    except ImportError as error:
        return f"{module_name}: {error}"
    for part in path.split("."):
        if not hasattr(value, part):
            return f"{name} is missing"
        value = getattr(value, part)
    if isinstance(expected, type):
        return None if isinstance(value, expected) else f"{name} is {type(value).__name__}, not {expected.__name__}"
    if not callable(value):
        return f"{name} is not a function"
    found = parameters(value)
    return None if found == expected else f"{name}({found}) was expected as ({expected})"


def problems(needs: Mapping[str, str | type]) -> list[str]:
    """What of `needs` (`module:name` to parameter list, or to a type) MiniStack does not have."""
    return [problem for name, expected in needs.items() if (problem := _problem(name, expected))]


def check(needs: Mapping[str, str | type]) -> None:
    """Raise `Unpatchable`, naming everything that is missing, unless MiniStack fits."""
    version = importlib.metadata.version("ministack")
    found = problems(needs)
    if version != MINISTACK_VERSION:
        found.insert(0, f"version {version} is installed, {MINISTACK_VERSION} is needed")
    if found:
        raise Unpatchable("MiniStack cannot be extended: " + "; ".join(found))
