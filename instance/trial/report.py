"""What the trial says in the end: what was seen of each step, and what it had in its place there."""

from __future__ import annotations

import re

from host import INSTANCE_FOLDER, steps_of
from trial import Trial


def table() -> dict[str, tuple[str, str]]:
    """Step to what is real in the trial and what is a stand-in, as the page about the server has it."""
    text = (INSTANCE_FOLDER.parent / "docs/bbb-server.md").read_text()
    rows = re.findall(r"^\| ((?:install|configure)/\S+) \|[^|]*\|([^|]*)\|([^|]*)\|$", text, re.MULTILINE)
    return {step: (real.strip(), stand_in.strip()) for step, real, stand_in in rows}


def steps() -> list[str]:
    return [f"{stage}/{name}" for stage in ("install", "configure") for name in steps_of("", stage)]


def report(trial: Trial) -> list[str]:
    """Prints what was seen, and returns the steps that were not made to fail."""
    print(f"\n{'step':<28} came to its end / failed and told / killed   real; stand-in")
    for step, (real, stand_in) in table().items():
        seen = {"end": trial.passed_steps, "failed": trial.failed_steps, "killed": trial.killed_steps}
        marks = "  ".join(word if step in steps else "-" * len(word) for word, steps in seen.items())
        print(f"{step:<28} {marks}   {real or '-'}; {stand_in or '-'}")
    print()
    for name, value in trial.figures.items():
        print(f"{name}: {value}")
    return [step for step in steps() if step not in trial.failed_steps]
