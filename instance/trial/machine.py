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
from dataclasses import dataclass
from pathlib import Path

from host import run
from outside import GATEWAY, REGION, SERVER

# Read by every bash before its script: writes down what it is told to run. /srv/gate, if it is there, names a step and the
# number of a command in it, before which it waits to be killed; number 0 counts the commands of every step.
BEGIN = r"""
exec {BASH_XTRACEFD}>>/srv/trace
set -x
gate() {
  { set +x; } 2>/dev/null
  gate_number=$((gate_number + 1))
  if [ "$gate_at" = 0 ]; then
    echo "$gate_number" >"/srv/commands-${0##*/}"
  elif [ "$gate_number" = "$gate_at" ]; then
    touch /srv/reached
    sleep 600
  fi
  set -x
}
if [ -e /srv/gate ]; then
  read -r gate_step gate_at </srv/gate
  gate_number=0
  case $gate_at$0 in 0*/configure.d/* | *"/configure.d/$gate_step") trap gate DEBUG && set -T ;; esac
fi
"""


@dataclass
class Surroundings:
    """What a machine finds, where machines differ."""

    address: str = SERVER
    file_systems: tuple[str, ...] = ("fs-0123456789abcdef0",)
    # How long is waited between two tries, if not as long as on a server.
    pace: str = "BBB_SERVER_PACE=0.1"


class Machine:
    """One machine. Its disk is made of layers: what it writes is a layer of its own, on which another one can be started."""

    def __init__(self, name: str, work: Path, layers: list[Path]):
        self.name = name
        self.folder = work / name
        self.layers = layers
        self.root = self.folder / "root"
        # Volume, image, device, and what holds the device: it is gone with the last process that has it open.
        self.disks: list[tuple[str, Path, str, int]] = []
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

    def set_up(self, authority: Path, shared: dict[str, Path], surroundings: Surroundings) -> None:
        """What is the machine's surroundings rather than its own: network, trust in the trial's authority, names of disks,
        the archive.
        """
        self.shared = shared
        network = f"[Match]\nName=host0\n[Network]\nAddress={surroundings.address}/32\n"
        network += f"[Route]\nGateway={GATEWAY}\nGatewayOnLink=yes\n"
        self.write("etc/systemd/network/10-host0.network", network)
        # What there is to be mounted.
        self.write("srv/efs-file-systems", "".join(f"{name}\n" for name in surroundings.file_systems))
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        self.write("etc/resolv.conf", f"nameserver {GATEWAY}\n")
        self.write("etc/hostname", "server\n")
        self.write("etc/hosts", "127.0.0.1 localhost server\n")
        self.write("usr/local/share/ca-certificates/trial.crt", authority.read_text())
        run("chroot", self.root, "update-ca-certificates")
        # The command line takes the system's certificates only when told to.
        self.write("root/.aws/config", f"[default]\nregion = {REGION}\nca_bundle = /etc/ssl/certs/ca-certificates.crt\n")
        for unit in ("bbb-server.service", "bbb-server-failed.service"):
            settings = f"{surroundings.pace} HOME=/root BASH_ENV=/srv/begin"
            self.write(f"etc/systemd/system/{unit}.d/trial.conf", f"[Service]\nEnvironment={settings}\n")
        self.write("srv/begin", BEGIN)
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
        holder = os.open(device, os.O_RDONLY)
        run("losetup", "--detach", device)
        self.disks.append((volume, image, device, holder))
        return device

    def detach_all(self) -> None:
        for _, _, _, holder in self.disks:
            os.close(holder)
        self.disks.clear()

    def boot(self) -> None:
        links = ["mkdir -p /dev/disk/by-id /dev/disk/by-uuid"]
        for volume, _, device, _ in self.disks:
            links.append(f"ln -sf {device} /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume}")
            links.append(f'uuid=$(blkid -p -s UUID -o value {device}) && ln -sf {device} "/dev/disk/by-uuid/$uuid"')
        self.write("srv/links", "\n".join([*links, "true", ""]))
        binds = [f"--bind-ro={source}:{target}" for target, source in self.shared.items()]
        binds += [f"--bind={device}" for _, _, device, _ in self.disks]
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
        return subprocess.run(
            [*enter, *clean, *command], capture_output=True, text=True, errors="replace", input=text, check=False
        )

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
            time.sleep(0.2)

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
