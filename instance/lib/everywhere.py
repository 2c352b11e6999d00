"""Exchanges values wherever BigBlueButton keeps them.

BigBlueButton's name, addresses and passwords stand in some twenty files of a dozen packages, and every release moves some. A
list of them would be wrong soon, and what is forgotten shows as missing sound in one conference in ten. So the old value is
searched for.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

# Where BigBlueButton and what it brings along keep configuration.
ROOTS = (
    "/etc",
    "/opt/freeswitch",
    "/usr/local/bigbluebutton",
    "/usr/share/bbb-*",
    "/usr/share/bigbluebutton",
    "/usr/share/etherpad-lite",
    "/usr/share/meteor",
    "/var/www/bigbluebutton-default",
    "/lib/systemd/system/dummy-nic.service",
    "/root/greenlight-v3",
    "/root/bbb-lti",
)
# Not configuration, however it is spelt: programs, logs, and keys and certificates, whose folders are named after the server.
SKIPPED_FOLDERS = {"node_modules", "gems", "log", "logs", "archive", "csr", "keys", ".git", "lib", "recordings"}
# Configuration is written by people; what is larger is not.
LARGEST = 2 * 1024 * 1024

# What a write that was stopped leaves behind, secrets included, is called like this, which nothing reads.
LEFT_OVER = ".bbb-server."

# Ours: what is here says what was, not what is.
STATE = Path(os.environ.get("BBB_SERVER_STATE", "/var/lib/bbb-server"))


def files(top: Path):
    """All regular files under the roots that may be configuration. Removes what stopped writes left."""
    for pattern in ROOTS:
        for start in top.glob(pattern.lstrip("/")):
            if start.is_file():
                yield start
            for folder, folders, names in os.walk(start):
                folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
                for name in names:
                    if LEFT_OVER in name and name.endswith("~"):
                        Path(folder, name).unlink()
                    else:
                        yield Path(folder, name)


def pattern(values) -> re.Pattern[bytes]:
    """Matches any of the values where it stands alone: 10.0.0.1 is not in 10.0.0.12, nor a.example in b-a.example."""
    longest_first = sorted(values, key=len, reverse=True)
    alternatives = b"|".join(re.escape(value.encode()) for value in longest_first)
    return re.compile(rb"(?<![A-Za-z0-9.\-])(?:" + alternatives + rb")(?![A-Za-z0-9\-]|\.[A-Za-z0-9])")


def clean(path: Path) -> None:
    """Removes what stopped writes of a file left."""
    for left in path.parent.glob(f"{path.name}{LEFT_OVER}*~"):
        left.unlink()


def write(path: Path, content: bytes, mode: int | None = None) -> None:
    """Writes a file in one step, keeping owner and mode, so that a stop leaves the old one or the new one."""
    clean(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + LEFT_OVER, suffix="~")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        if path.exists():
            was = path.stat()
            os.chown(name, was.st_uid, was.st_gid)
            os.chmod(name, stat.S_IMODE(was.st_mode) if mode is None else mode)
        else:
            os.chmod(name, 0o644 if mode is None else mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def replace(pairs: dict[str, str], top: Path = Path("/")) -> list[Path]:
    """Puts each pair's second value wherever its first one stands, all at once; returns the files that changed."""
    pairs = {old: new for old, new in pairs.items() if old and old != new}
    if not pairs:
        return []
    search = pattern(pairs)
    quick = [old.encode() for old in pairs]
    new_values = {old.encode(): new.encode() for old, new in pairs.items()}
    changed = []
    for path in files(top):
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
                continue
            content = path.read_bytes()
        except OSError as problem:
            sys.exit(f"failed: {path}: {problem.strerror}")
        if not any(old in content for old in quick) or b"\0" in content:
            continue
        exchanged = search.sub(lambda match: new_values[match.group(0)], content)
        if exchanged != content:
            write(path, exchanged)
            changed.append(path)
    return changed


def load(name: str) -> dict:
    """A file of ours; empty if there is none."""
    clean(STATE / name)
    try:
        return json.loads((STATE / name).read_text())
    except FileNotFoundError:
        return {}


def save(name: str, value: dict, mode: int = 0o644) -> None:
    """Keeps a file of ours."""
    write(STATE / name, (json.dumps(value, indent=1) + "\n").encode(), mode)


def note(name: str) -> None:
    """Says to the step that something changed; the step says it to the one that restarts."""
    (STATE / name).touch()


def tell(changed: list[Path], what: str) -> None:
    """Names the files, never the values."""
    print(f"{what} in {len(changed)} files" + "".join(f"\n  {path}" for path in sorted(set(changed))))
