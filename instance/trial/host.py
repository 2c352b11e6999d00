"""The machine that the trial runs on: what it must be able to do, and what is fetched for it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from outside import GATEWAY, METADATA, SERVER

INSTANCE_FOLDER = Path(__file__).resolve().parent.parent
STAND_INS = Path(__file__).resolve().parent / "stand-ins"
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
# What an Ubuntu machine image has and a minimal Debian has not.
BASE = (
    "systemd,systemd-sysv,dbus,ca-certificates,curl,python3,gpg,gpgv,iproute2,lsb-release,openssl,rsyslog,util-linux-extra,"
    "xfsprogs,procps"
)
# What the installer's stand-in installs besides.
INSTALLER = "nginx haproxy coturn redis-server ruby rsync xmlstarlet iptables-persistent"
HOST_TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "pebble": "pebble",
    "dpkg-scanpackages": "dpkg-dev",
    "sfdisk": "fdisk",
    "ip": "iproute2",
    "gpg": "gpg",
    "git": "git",
    "openssl": "openssl",
    "mkfs.ext4": "e2fsprogs",
}


def run(*command: str | Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options)


def steps_of(role: str, stage: str = "configure") -> list[str]:
    """The names of a stage's steps for a kind of server; "" for all of them."""
    files = sorted((INSTANCE_FOLDER / f"{stage}.d").iterdir())
    return [file.name for file in files if role in re.search(r"^# For: (.*)$", file.read_text(), re.MULTILINE).group(1)]


def obstacle(cache: Path) -> str | None:
    """Why the trial cannot be made on this machine, if it cannot. Installs the tools that are missing."""
    if os.geteuid() != 0:
        return "it needs root, for namespaces, mounts and loop devices"
    missing = [package for tool, package in HOST_TOOLS.items() if not shutil.which(tool)]
    if missing and not shutil.which("apt-get"):
        return f"it needs {' '.join(missing)}, and this is no Debian or Ubuntu that could install them"
    if missing:
        print(f"installing {' '.join(missing)}", flush=True, file=sys.stderr)
        for words in (("update", "-q"), ("install", "-yq", "--no-install-recommends", *missing)):
            done = subprocess.run(["apt-get", *words], capture_output=True, text=True, check=False)
            if done.returncode:
                return f"it needs {' '.join(missing)}, which cannot be installed: {done.stderr.strip()[-300:]}"
    cache.mkdir(parents=True, exist_ok=True)
    overlay = "mkdir a b c d && exec mount -t overlay -o lowerdir=a,upperdir=b,workdir=c overlay d"
    probes = {
        "namespaces": ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "true"],
        "loop devices": ["losetup", "--find"],
        f"overlays in {cache}": ["unshare", "--mount", "--propagation", "private", "sh", "-c", overlay],
    }
    for what, command in probes.items():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode:
            return f"this machine gives no {what}: {done.stderr.strip()}"
    groups = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    if not any(kind in ("cgroup", "cgroup2") and "rw" in options.split(",") for _, _, kind, options, *_ in groups):
        return "this machine gives no control groups that can be written to, and systemd needs some"
    return None


def make_network() -> None:
    for words in (
        "link set lo up",
        "link add br0 type bridge",
        f"address add {GATEWAY}/24 dev br0",
        f"address add {METADATA}/32 dev br0",
        "link set br0 up",
        # What the internet gateway does for the server's public addresses.
        f"route add 203.0.113.0/24 via {SERVER}",
    ):
        run("ip", *words.split())


def packages_of_the_stage() -> str:
    """What the first step installs, taken from it."""
    text = (INSTANCE_FOLDER / "install.d/10-packages").read_text()
    return re.search(r"^packages (.+)$", text, re.MULTILINE).group(1)


def prepare(cache: Path) -> None:
    """Fetches what the trial needs from Debian's signed archive, once: a root and an archive of packages."""
    wanted = f"{SUITE} {BASE} {packages_of_the_stage()} {INSTALLER}"
    mark = cache / "prepared"
    if mark.exists() and mark.read_text() == wanted:
        return
    print("fetching Debian (once)", flush=True, file=sys.stderr)
    mark.unlink(missing_ok=True)
    root, archive = cache / "root", cache / "archive"
    for folder in (root, archive):
        shutil.rmtree(folder, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={BASE}", SUITE, root, MIRROR)
    archive.mkdir()
    sources = root / "etc/apt/sources.list"
    sources.write_text(
        f"deb {MIRROR} {SUITE} main\ndeb {MIRROR} {SUITE}-updates main\n"
        f"deb http://deb.debian.org/debian-security {SUITE}-security main\n"
    )
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    offline = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("chroot", root, "apt-get", "update", "-q", env=offline)
    run("chroot", root, "apt-get", "dist-upgrade", "-yq", env=offline)
    names = f"{packages_of_the_stage()} {INSTALLER}".split()
    run("chroot", root, "apt-get", "install", "-yq", "--no-install-recommends", "--download-only", *names, env=offline)
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        shutil.move(package, archive)
    index(archive)
    sources.write_text("deb [trusted=yes] file:/srv/archive ./\ndeb [trusted=yes] file:/srv/stand-ins ./\n")
    run("chroot", root, "apt-get", "clean")
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)
    mark.write_text(wanted)


def index(folder: Path) -> None:
    listing = subprocess.run(
        ["dpkg-scanpackages", "--multiversion", "."], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    (folder / "Packages").write_text(listing)


def remove_control_groups() -> None:
    """Removes what systemd-nspawn leaves beside its own control group: empty groups."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2].startswith("cgroup")]
    own = {line.split(":", 2)[2].strip("/") for line in Path("/proc/self/cgroup").read_text().splitlines()}
    for group in (Path(mount, path, name) for mount in mounts for path in own for name in ("payload", "supervisor")):
        for folder in sorted((path for path in [group, *group.rglob("*")] if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
