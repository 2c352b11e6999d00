"""Publishes what the pool's function must know of this server and nobody else can tell it.

/var/lib/bbb-server/www/pool-status/<sha256("poolStatus" + API secret)>.json, which nginx serves:
{"version": 1, "written": "2026-05-04T08:15:00Z", "ready": true, "recordings": {"unfinished": 0}}

A recording is unfinished from the end of its meeting until all that was published of it has arrived in Scalelite's spool.
What cannot be read is an error, and then nothing is written: a silent server counts as unfinished.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import socket
import sys
from pathlib import Path

import health
from everywhere import STATE, write

RECORDING = Path("/var/bigbluebutton/recording")
PUBLISHED = Path("/var/bigbluebutton/published")
CONFIGURED = Path("/run/bbb-server/configured")
# The units that ran when the server became ready: asking bbb-conf for them takes a second of a processor each time.
UNITS = Path("/run/bbb-server/units")
FOLDER = STATE / "www/pool-status"
NAME = STATE / "status-name"
# Stages in which a file <id>[-<format>][-<time>].<done|fail> says that there is something left to do, or that it failed and
# is still here to be rescued.
STAGES = ("recorded", "ended", "archived", "sanity", "processed")
ID = re.compile(r"[0-9a-f]{40}-[0-9]{13}")


def ids_in(folder: Path, *suffixes: str) -> set[str]:
    """The recordings that a folder names. A folder that is not there names none; one that cannot be read is an error."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return set()
    return {match.group(0) for name in names if (match := ID.match(name)) and (not suffixes or name.endswith(suffixes))}


def queued() -> set[str]:
    """The recordings that wait in Resque's queues or are being worked on: between two stages nothing else knows of them."""
    with socket.create_connection(("127.0.0.1", 6379), timeout=5) as connection:
        stream = connection.makefile("rwb")

        def ask(*words: str):
            stream.write(
                b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
            )
            stream.flush()
            return answer()

        def answer():
            line = stream.readline()
            kind, rest = line[:1], line[1:].strip()
            if kind == b"-":
                raise OSError(f"Redis: {rest.decode(errors='replace')}")
            if kind == b"*":
                return [answer() for _ in range(int(rest))]
            if kind == b"$":
                return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
            if not kind:
                raise OSError("Redis closed the connection")
            return rest

        found = set()
        for queue in ask("SMEMBERS", "resque:queues"):
            for job in ask("LRANGE", f"resque:queue:{queue.decode()}", "0", "-1"):
                found |= set(ID.findall(job.decode(errors="replace")))
        for worker in ask("SMEMBERS", "resque:workers"):
            job = ask("GET", f"resque:worker:{worker.decode(errors='replace')}")
            found |= set(ID.findall((job or b"").decode(errors="replace")))
        return found


def published_and_left() -> set[str]:
    """Recordings with a published format of which nothing says that it arrived."""
    arrived = set(os.listdir(RECORDING / "status/handed-over")) if (RECORDING / "status/handed-over").is_dir() else set()
    left = set()
    for form in PUBLISHED.iterdir() if PUBLISHED.is_dir() else ():
        # The whole name: a part of a recording that was broken into several has the break's time behind the id.
        left |= {name for name in os.listdir(form) if ID.match(name) and f"{name}-{form.name}.done" not in arrived}
    return left


def unfinished() -> set[str]:
    status = RECORDING / "status"
    in_work = set().union(*(ids_in(status / stage, ".done", ".fail") for stage in STAGES))
    # A recording that nobody marked as one ends after the archive.
    discarded = ids_in(status / "archived", ".norecord")
    published = ids_in(status / "published", ".done")
    raw = ids_in(RECORDING / "raw") - published - discarded
    failed = ids_in(status / "published", ".fail")
    return in_work | raw | failed | queued() | published_and_left()


def main() -> None:
    if "--name-only" in sys.argv:
        name = hashlib.sha256(("poolStatus" + health.api_secret()).encode()).hexdigest()
        if not NAME.exists() or NAME.read_text() != name:
            # Whoever still asks for the old one is not answered with what was true once.
            for old in FOLDER.glob("*.json") if FOLDER.is_dir() else ():
                old.unlink()
            write(NAME, name.encode(), 0o600)
        return
    count = len(unfinished())
    problems = [] if CONFIGURED.exists() else ["not configured yet"]
    problems += health.down(UNITS.read_text().split()) if not problems else []
    status = {
        "version": 1,
        "written": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ready": not problems,
        "recordings": {"unfinished": count},
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    write(FOLDER / f"{NAME.read_text().strip()}.json", json.dumps(status).encode(), 0o644)
    if problems:
        print("not ready: " + "; ".join(problems))


main()
