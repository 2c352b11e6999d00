"""A machine to try the stages on: Debian with its own systemd, in namespaces (systemd-nspawn), its disk an overlay, its
data disk a loop device.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from outside import GATEWAY, REGION, SERVER

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
}


def run(*command: str | Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options)


def needs_tools() -> None:
    missing = [package for tool, package in HOST_TOOLS.items() if not shutil.which(tool)]
    if missing:
        print(f"installing {' '.join(missing)}", flush=True)
        run("apt-get", "update", "-q")
        run("apt-get", "install", "-yq", "--no-install-recommends", *missing)


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
    print("fetching Debian (once)", flush=True)
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    root, archive = cache / "root", cache / "archive"
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


class Machine:
    """One machine. Its disk is made of layers: what it writes is a layer of its own, on which another one can be started."""

    def __init__(self, name: str, work: Path, layers: list[Path], network: bool = True):
        self.name = name
        self.folder = work / name
        self.layers = layers
        self.root = self.folder / "root"
        self.disks: list[tuple[str, Path, str]] = []
        self.process: subprocess.Popen | None = None
        self.leader = 0
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("root", "upper", "work"):
            (self.folder / part).mkdir(parents=True)
        lower = ":".join(str(layer) for layer in layers)
        run(
            "mount",
            "-t",
            "overlay",
            "-o",
            f"lowerdir={lower},upperdir={self.folder}/upper,workdir={self.folder}/work",
            "overlay",
            self.root,
        )

    @property
    def upper(self) -> Path:
        return self.folder / "upper"

    @property
    def console(self) -> Path:
        return self.folder / "console"

    def set_up(self, authority: Path, shared: dict[str, Path]) -> None:
        """What is the machine's surroundings rather than its own: network, trust in the trial's authority, names of disks,
        the archive.
        """
        self.shared = shared
        self.write(
            "etc/systemd/network/10-host0.network", f"[Match]\nName=host0\n[Network]\nAddress={SERVER}/24\nGateway={GATEWAY}\n"
        )
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        self.write("etc/resolv.conf", f"nameserver {GATEWAY}\n")
        self.write("etc/hostname", "server\n")
        self.write("etc/hosts", "127.0.0.1 localhost server\n")
        self.write("usr/local/share/ca-certificates/trial.crt", authority.read_text())
        run("chroot", self.root, "update-ca-certificates")
        # The command line takes the system's certificates only when told to.
        self.write("root/.aws/config", f"[default]\nregion = {REGION}\nca_bundle = /etc/ssl/certs/ca-certificates.crt\n")
        for unit in ("bbb-server.service", "bbb-server-failed.service"):
            self.write(f"etc/systemd/system/{unit}.d/trial.conf", "[Service]\nEnvironment=BBB_SERVER_PACE=0.2 HOME=/root\n")
        links = "[Unit]\nDefaultDependencies=no\nBefore=local-fs-pre.target bbb-server.service\n"
        links += "[Service]\nType=oneshot\nExecStart=/bin/sh /srv/links\n"
        self.write(
            "etc/systemd/system/trial-disks.service", f"{links}[Install]\nWantedBy=local-fs-pre.target multi-user.target\n"
        )
        self.write("srv/links", "")
        # Nobody needs what is written here after a power cut.
        self.write("etc/dpkg/dpkg.cfg.d/trial", "force-unsafe-io\n")
        run("chroot", self.root, "systemctl", "enable", "-q", "systemd-networkd", "systemd-networkd-wait-online", "trial-disks")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def attach(self, volume: str, image: Path) -> str:
        """A disk that the machine will have at its next start, named as EC2's kernels name a volume."""
        device = run("losetup", "--find", "--show", "--partscan", image).stdout.strip()
        self.disks.append((volume, image, device))
        return device

    def detach_all(self) -> None:
        for _, _, device in self.disks:
            run("losetup", "--detach", device)
        self.disks.clear()

    def boot(self) -> None:
        links = ["mkdir -p /dev/disk/by-id /dev/disk/by-uuid"]
        for volume, _, device in self.disks:
            links.append(f"ln -sf {device} /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume}")
            links.append(f'uuid=$(blkid -p -s UUID -o value {device}) && ln -sf {device} "/dev/disk/by-uuid/$uuid"')
        self.write("srv/links", "\n".join([*links, "true", ""]))
        binds = [f"--bind-ro={source}:{target}" for target, source in self.shared.items()]
        binds += [f"--bind={device}" for _, _, device in self.disks]
        # A file system on a disk of its own is what this is about: the capability to mount one is given.
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", f"--directory={self.root}"]
        command += [
            f"--machine={self.name}",
            "--network-bridge=br0",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
        ]
        command += ["--console=read-only", "--capability=CAP_NET_ADMIN,CAP_SYS_ADMIN", *binds]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.console.open("ab"), stderr=subprocess.STDOUT, start_new_session=True
        )
        self.wait(lambda: self.found_leader(), 30, "no first process")
        # Not until all is up: the server's own stages are a part of that.
        self.wait(lambda: "default" in self.call("ip", "route").stdout, 90, "no network")
        self.wait(lambda: self.call("systemctl", "is-active", "--quiet", "dbus.socket").returncode == 0, 30, "no bus")

    def found_leader(self) -> bool:
        """nspawn has helpers besides; the machine's first process calls itself 1 in its own namespace."""
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            status = Path(f"/proc/{child}/status").read_text()
            if re.search(r"^Name:\s+systemd$", status, re.MULTILINE) and re.search(r"^NSpid:.*\s1$", status, re.MULTILINE):
                self.leader = int(child)
                return True
        return False

    def call(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess:
        """Runs something in the machine, whatever comes of it."""
        enter = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        clean = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        return subprocess.run([*enter, *clean, *command], capture_output=True, text=True, input=text, check=False)

    def sh(self, script: str) -> str:
        """Runs a script in the machine; a failure is one of the trial."""
        done = self.call("bash", "-c", script)
        if done.returncode:
            raise AssertionError(f"{script!r} in {self.name}: {done.stdout}{done.stderr}")
        return done.stdout

    def wait(self, condition, seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"{self.name}: {what} after {seconds} s; console and log:\n{self.tail()}")
            time.sleep(0.1)

    def tail(self) -> str:
        texts = [self.console, self.root / "var/log/bbb-server/server.log"]
        return "\n".join("\n".join(text.read_text(errors="replace").splitlines()[-25:]) for text in texts if text.exists())

    def off(self) -> None:
        """Stops it as EC2 does: in order, and at last by force."""
        if not self.process:
            return
        self.call("systemctl", "poweroff")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        self.kill()

    def kill(self) -> None:
        """Cuts its power: with the first process of a namespace all others end."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader or self.process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()
            self.process.wait()
        self.process, self.leader = None, 0

    def remove(self) -> None:
        self.off()
        self.detach_all()
        run("umount", self.root)
