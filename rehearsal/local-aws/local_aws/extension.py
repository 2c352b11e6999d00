"""All patches: first everything is checked, then everything is installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from . import guard

# In this order: a part may use what an earlier one has put in place.
_PARTS = (
    "clock", "server", "service_principals", "metrics", "functions", "events", "route53", "acm", "images",
    "public_parameters", "instances", "access_keys", "service_roles", "secrets_manager", "publishing", "cloudformation",
    "networks", "machines", "image_builder", "datastores", "autoscaling", "containers", "registry", "offerings",
    "application_autoscaling", "load_balancers", "monitoring", "ses", "iam", "server_authorization",
)


def _parts() -> list[ModuleType]:
    try:
        return [importlib.import_module(f"{__package__}.{name}") for name in _PARTS]
    except ImportError as error:
        raise guard.Unpatchable(f"MiniStack cannot be extended: {error}") from error


def needs() -> dict[str, str | type]:
    """Every private name of MiniStack that is patched or used, with its parameters or its type."""
    return {name: expected for part in _parts() for name, expected in part.NEEDS.items()}


def install() -> None:
    """Check every name, then patch."""
    guard.check(needs())
    for part in _parts():
        part.install()
