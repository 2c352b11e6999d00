"""What the scenarios share: the world outside, the layers of disks, and what a person would do to a server."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import threading
from pathlib import Path

from host import INSTANCE_FOLDER
from machine import Machine, Surroundings
from outside import API_SECRET, DOMAIN, HOST, REGION, TURN_SECRET, Outside
from workshop import Workshop

ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret"
API_SECRET_ARN, TURN_SECRET_ARN = f"{ARN}:api-AbCdEf", f"{ARN}:turn-AbCdEf"
VOLUME = "vol0123456789abcdef0"


# The scenarios, in the order in which they are defined, part by part.
ALL = []


def scenario(function=None, *, always: bool = False):
    """Lists a scenario; one that others build on runs always."""

    def listed(function):
        function.always = always
        function.title = " ".join(function.__doc__.split()).rstrip(".")
        ALL.append(function)
        return function

    return listed(function) if function else listed


def check(condition, what: str) -> None:
    if not condition:
        raise AssertionError(what)


class Trial:
    """What the scenarios share: the world outside, and the layers of disks that earlier ones left."""

    def __init__(self, cache: Path, work: Path, workshop: Workshop, outside: Outside):
        self.cache, self.work, self.workshop, self.outside = cache, work, workshop, outside
        self.world = outside.world
        # The bare system; with the distribution's packages that the first step takes; and an image.
        self.base = [cache / "root"]
        self.packaged: list[Path] = []
        self.installed: list[Path] = []
        self.machines: list[Machine] = []
        self.figures: dict[str, str] = {}
        self.server: Machine | None = None
        self.leaks: set[str] = set()
        self.watched: set[bytes] = set()
        # What was seen of the steps: that they came to their end, that they failed and it was told, that they were killed.
        self.passed_steps: set[str] = set()
        self.failed_steps: set[str] = set()
        self.killed_steps: set[str] = set()
        self.bundle_id, self.bundle = workshop.bundle()
        self.world.artefacts.update(workshop.artefacts())
        self.world.objects[f"instance/{self.bundle_id}.tar.gz"] = self.bundle
        self.world.secrets.update({API_SECRET_ARN: API_SECRET, TURN_SECRET_ARN: TURN_SECRET})

    def settings(self, **changes: str) -> str:
        values = {
            "ROLE": "pool",
            "REGION": REGION,
            "DOMAIN": DOMAIN,
            "EMAIL": "operator@example.org",
            "BBB_VERSION": "jammy-300",
            "API_SECRET_ARN": API_SECRET_ARN,
            "SPOOL_FILE_SYSTEM": "fs-0123456789abcdef0",
            "SPOOL_ACCESS_POINT": "fsap-0123456789abcdef0",
            "LAUNCH_HOOK": "launch",
            "LOG_GROUP": "/trial/servers",
            "METRICS_NAMESPACE": "BigBlueButton/Servers",
            "ACME_DIRECTORY": "https://acme.trial:14000/dir",
            **changes,
        }
        return "\n".join(f"{name}={value}" for name, value in values.items())

    def user_data(self, **changes: str) -> str:
        """The user data as CloudFormation would make it of the reference."""
        text = (INSTANCE_FOLDER / "user-data.sh").read_text()
        substitutes = {
            "AWS::Region": REGION,
            "SourcesBucket": "sources",
            "InstanceBundle": self.bundle_id,
            "Settings": self.settings(**changes),
        }
        return re.sub(r"\$\{([A-Za-z:]+)\}", lambda match: substitutes[match.group(1)], text)

    def machine(self, name: str, layers: list[Path], disk: bool = True) -> Machine:
        machine = Machine(name, self.work, layers)
        machine.set_up(
            self.workshop.certificates["authority"],
            {
                "/srv/archive": self.cache / "archive",
                "/srv/stand-ins": self.workshop.stand_ins,
                "/srv/repositories": self.workshop.repositories,
            },
            Surroundings(),
        )
        if disk:
            machine.attach(VOLUME, self.blank_disk(machine))
        self.machines.append(machine)
        return machine

    def blank_disk(self, machine: Machine) -> Path:
        image = machine.folder / "disk"
        with image.open("wb") as file:
            file.truncate(128 * 1024 * 1024)
        return image

    def make_room(self, keep_server: bool) -> None:
        """Ends what earlier scenarios left running: all machines have one address, so there is one at a time."""
        for machine in list(self.machines):
            if not (keep_server and machine is self.server):
                machine.kill()
                machine.remove()
                self.machines.remove(machine)

    def boot(self, machine: Machine) -> None:
        machine.boot()
        self.trust(machine)

    def trust(self, machine: Machine) -> None:
        """Pebble's authority is trusted as Let's Encrypt's is by every system; it has a new one whenever it starts."""
        roots, file = self.outside.acme_roots(), "/usr/local/share/ca-certificates/pebble.crt"
        if machine.call("cat", file).stdout != roots:
            machine.call("sh", "-c", f"cat >{file} && update-ca-certificates --fresh", text=roots)

    def launch(self, machine: Machine, **changes: str) -> None:
        """What cloud-init does with the user data."""
        done = machine.call("bash", "-s", text=self.user_data(**changes))
        check(done.returncode == 0, f"user data: {done.stdout}{done.stderr}")

    def state(self, machine: Machine) -> str:
        return machine.call("systemctl", "show", "bbb-server.service", "--property=ActiveState", "--value").stdout.strip()

    def settle(self, machine: Machine, seconds: float = 240) -> str:
        """Waits until the server is set up or could not be, and that is told."""
        machine.wait(lambda: self.state(machine) in ("active", "failed"), seconds, "neither set up nor failed")
        state = self.state(machine)
        if state == "failed":
            machine.wait(lambda: self.told(machine), 60, "the failure is not told")
        log = self.log(machine)
        begun = re.findall(r"^== \S+ (\S+)$", log, re.MULTILINE)
        self.passed_steps.update(begun[:-1] if state == "failed" else begun)
        return state

    def told(self, machine: Machine) -> bool:
        """Whether what reports a failure has run to its end since the last one."""
        stamps = []
        for unit, stamp in (("bbb-server", "InactiveEnter"), ("bbb-server-failed", "ExecMainExit")):
            text = machine.call("systemctl", "show", unit, f"--property={stamp}TimestampMonotonic", "--value").stdout
            stamps.append(int(text.strip() or 0))
        return stamps[1] >= stamps[0] > 0

    def again(self, machine: Machine, until=None) -> str:
        """Runs the stages once more; up to a moment, if one is given, or to their end."""
        machine.call("systemctl", "reset-failed", "bbb-server.service", "bbb-server-failed.service")
        if until is None:
            machine.call("systemctl", "restart", "bbb-server.service")
            return self.settle(machine)
        machine.call("systemctl", "stop", "bbb-server.service")
        machine.call("systemctl", "start", "--no-block", "bbb-server.service")
        machine.wait(until, 120, "does not come to the moment")
        return self.state(machine)

    def status(self, host: str = HOST, secret: str = API_SECRET) -> dict | None:
        """The status as the pool's function reads it: by HTTPS, under the server's name, with its certificate checked;
        None if there is none.
        """
        name = hashlib.sha256(f"poolStatus{secret}".encode()).hexdigest()
        with self.https(host) as stream:
            answer = http.client.HTTPResponse(stream)
            stream.sendall(f"GET /pool-status/{name}.json HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer.begin()
            if answer.status == 404:
                return None
            check(answer.status == 200, f"the status answers {answer.status}")
            return json.loads(answer.read())

    def https(self, host: str, port: int = 443) -> ssl.SSLSocket:
        context = ssl.create_default_context(cadata=self.outside.acme_roots())
        return context.wrap_socket(socket.create_connection((self.world.public, port), timeout=10), server_hostname=host)

    def place_bundle(self, machine: Machine, settings: str) -> None:
        """The bundle and settings by hand, as the image's component does it."""
        text = base64.b64encode(self.bundle).decode()
        done = machine.call(
            "sh", "-c", "mkdir -p /opt/bbb-server /etc/bbb-server && base64 -d | tar -xz -C /opt/bbb-server", text=text
        )
        check(done.returncode == 0, done.stderr)
        machine.call(
            "sh", "-c", f"echo {self.bundle_id} >/opt/bbb-server/bundle-id; cat >/etc/bbb-server/settings", text=settings + "\n"
        )

    def failure_told(self, step: str) -> str:
        """What was told about a failure: to the log group, in full, and to Auto Scaling."""
        events = [json.dumps(call) for call in self.world.calls("PutLogEvents")]
        check(len(events) == 1 and f"step {step} failed" in events[0], f"the log group was told {events}")
        return events[0]

    def watch(self, words: list[str]) -> None:
        """Looks for words in the arguments and environments of all processes, many times a second, from now on. What bash is
        told to run is in the machine's trace besides, however short it lives.
        """
        if not self.watched:
            threading.Thread(target=self.look, daemon=True).start()
        self.watched |= {word.encode() for word in words}

    def look(self) -> None:
        pause = threading.Event()
        while not pause.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for part in ("cmdline", "environ"):
                    try:
                        text = (process / part).read_bytes()
                    except OSError:
                        continue
                    if any(word in text for word in self.watched):
                        self.leaks.add(f"{part} of {text.split(bytes(1))[0]!r}")

    def search(self, machine: Machine, words: dict[str, str], allowed: str) -> None:
        """Looks for secrets in everything that a machine wrote: its files, but for those that a pattern allows, its disks byte
        by byte, its journal and console, the trace of its scripts; in what was sent to AWS; and among processes.
        """
        check(not self.leaks, f"secrets were seen in processes: {self.leaks}")
        needles = {name: word.encode() for name, word in words.items()}
        texts = {
            "the journal": machine.sh("journalctl --no-pager -o export").encode(),
            "the console": machine.console.read_bytes(),
            "a request to AWS": json.dumps([entry for entry in self.world.asked if entry[0] != "GetSecretValue"]).encode(),
            "the user data": self.user_data().encode(),
        }
        machine.sh("sync")
        texts |= {f"the disk {volume}": image.read_bytes() for volume, image, _, _ in machine.disks}
        files = [file for file in machine.upper.rglob("*") if file.is_file() and not file.is_symlink()]
        for file in files:
            name = f"/{file.relative_to(machine.upper)}"
            if not re.search(allowed, name):
                texts[name] = file.read_bytes()
        found = [f"{name} is in {place}" for place, text in texts.items() for name, word in needles.items() if word in text]
        check(not found, "; ".join(found))
        check(len(files) > 20, f"only {len(files)} files were searched")
        size = sum(len(text) for text in texts.values()) // 2**20
        self.figures[f"searched for secrets: {machine.name}"] = f"{len(texts)} texts, {size} MiB, for {', '.join(words)}"

    def log(self, machine: Machine) -> str:
        file = machine.root / "var/log/bbb-server/server.log"
        return file.read_text() if file.exists() else ""

    def last(self, machine: Machine) -> str:
        """The end of its log, for a person."""
        return "\n".join(self.log(machine).splitlines()[-15:])

    def end(self) -> None:
        for machine in self.machines:
            machine.kill()
            machine.detach_all()
            # One that is just being removed is not mounted any more.
            subprocess.run(["umount", "--lazy", machine.root], check=False, capture_output=True)
        self.outside.stop_acme()
