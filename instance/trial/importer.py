"""What Scalelite does with an archive in its spool, so that ours can be held against it.

Read off blindsidenetworks/scalelite and written anew: the task recordings:watch (it takes every *.tar and tries one that failed
again and again), lib/recording_importer.rb as of commit 00660593809e, and app/models/recording.rb as of 08550b7fb474.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as Xml
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

STATES = {"processing", "processed", "published", "unpublished", "deleted"}


class Stumbles(Exception):
    """Scalelite would fail on it, now and at every further try: the archive stays."""


@dataclass(frozen=True)
class Imported:
    """What Scalelite knows of a format of a recording."""

    recording: str
    meeting: str
    name: str | None
    format: str
    path: str
    minutes: int
    participants: int
    thumbnails: tuple[str, ...]


def import_all(spool: Path, published: Path) -> list[Imported]:
    """Imports every archive of a spool into the folder that Scalelite plays from."""
    return [imported for archive in sorted(spool.glob("[!.]*.tar")) for imported in _import(archive, published)]


def _import(archive: Path, published: Path) -> list[Imported]:
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["tar", "--extract", "--file", archive], cwd=folder, check=False).returncode:
            raise Stumbles(f"{archive.name} cannot be unpacked")
        found = [_take(metadata, Path(folder), published) for metadata in sorted(Path(folder).glob("*/*/metadata.xml"))]
    if not found:
        raise Stumbles(f"{archive.name} has no FORMAT/ID/metadata.xml")
    archive.unlink()
    return found


def _take(metadata: Path, folder: Path, published: Path) -> Imported:
    imported = read(metadata.read_text())
    # By what the metadata say, not by where they lie.
    source = folder / imported.format / imported.recording
    if not source.is_dir():
        raise Stumbles(f"{source.relative_to(folder)} is not in the archive of {metadata.relative_to(folder)}")
    target = published / imported.format / imported.recording
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
    return imported


def read(text: str) -> Imported:
    """What is taken from a metadata.xml."""
    recording = Xml.fromstring(text)
    if recording.tag != "recording":
        raise Stumbles("the metadata are of no recording")
    meta, playback = recording.find("meta"), recording.find("playback")
    if meta is None or playback is None:
        raise Stumbles("the metadata lack meta or playback")
    identity, meeting = recording.findtext("id"), meta.findtext("meetingId")
    link, form = playback.findtext("link"), playback.findtext("format")
    for name, value in {"id": identity, "meta/meetingId": meeting, "playback/link": link, "playback/format": form}.items():
        if not value:
            raise Stumbles(f"the metadata lack {name}")
    state = recording.findtext("state") or "published"
    if state not in STATES | {"available"}:
        raise Stumbles(f"the state {state} is none of Scalelite's")
    images = playback.findall("extensions/preview/images/*")
    return Imported(
        recording=identity,
        meeting=meeting,
        name=meta.findtext("meetingName"),
        format=form,
        path=urlsplit(link.strip()).path,
        minutes=round(float(playback.findtext("duration") or 0) / 60_000),
        participants=int(recording.findtext("participants") or 0),
        thumbnails=tuple(urlsplit((image.text or "").strip()).path for image in images),
    )
