"""Properties that a type knows here. What is not one of them is refused, so that nothing is left out in silence."""

from __future__ import annotations


def check(kind: str, properties: dict, known: set[str], required: tuple[str, ...] = ()) -> None:
    if unknown := sorted(set(properties) - known):
        raise ValueError(f"the local AWS does not know {', '.join(unknown)} of {kind}")
    if missing := [name for name in required if not properties.get(name)]:
        raise ValueError(f"Properties validation failed for {kind}: required key [{missing[0]}] not found")


def changed(old: dict, new: dict, *names: str) -> list[str]:
    """Which of these properties differ."""
    return [name for name in names if old.get(name) != new.get(name)]


def no_updates(kind: str, old: dict, new: dict, *names: str) -> None:
    """For properties of which EC2's reference says that updates are not supported."""
    if found := changed(old, new, *names):
        raise ValueError(f"Update to property {found[0]} of {kind} is not supported.")
