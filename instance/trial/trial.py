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

from machine import INSTANCE_FOLDER, Machine
from outside import API_SECRET, DOMAIN, HOST, REGION, TURN_SECRET, Outside
from workshop import Workshop

ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret"
API_SECRET_ARN, TURN_SECRET_ARN = f"{ARN}:api-AbCdEf", f"{ARN}:turn-AbCdEf"
VOLUME = "vol0123456789abcdef0"


# The scenarios, in the order in which they are defined.
ALL = []


def scenario(function=None, *, always: bool = False):
    """Lists a scenario; one that others build on runs always."""

    def listed(function):
        function.always = always
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
        self.base = [cache / "root"]
        self.installed: list[Path] = []
        self.machines: list[Machine] = []
        self.figures: dict[str, str] = {}
        self.server: Machine | None = None
        self.leaks: set[str] = set()
        self.failed_steps: set[str] = set()
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
        if self.state(machine) == "failed":
            machine.wait(lambda: self.told(machine), 60, "the failure is not told")
        return self.state(machine)

    def told(self, machine: Machine) -> bool:
        shown = machine.call("systemctl", "show", "bbb-server-failed.service", "--property=ActiveState,Result").stdout
        return "ActiveState=inactive" in shown or "ActiveState=failed" in shown

    def again(self, machine: Machine) -> str:
        """Runs the stages once more."""
        machine.call("systemctl", "reset-failed", "bbb-server.service", "bbb-server-failed.service")
        machine.call("systemctl", "restart", "--no-block", "bbb-server.service")
        machine.wait(lambda: self.state(machine) != "active" or "activating" in self.state(machine), 10, "does not begin")
        return self.settle(machine)

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
        """Looks for words in the arguments and environments of all processes, as often as it can."""

        def look() -> None:
            needles = [word.encode() for word in words]
            while True:
                for process in Path("/proc").glob("[0-9]*"):
                    for part in ("cmdline", "environ"):
                        try:
                            text = (process / part).read_bytes()
                        except OSError:
                            continue
                        if any(needle in text for needle in needles):
                            self.leaks.add(f"{part}: {text[:200]!r}")

        threading.Thread(target=look, daemon=True).start()

    def log(self, machine: Machine) -> str:
        return (machine.root / "var/log/bbb-server/server.log").read_text()

    def last(self, machine: Machine) -> str:
        """The end of its log, for a person."""
        return "\n".join(self.log(machine).splitlines()[-15:])

    def end(self) -> None:
        for machine in self.machines:
            machine.kill()
            for _, _, device in machine.disks:
                subprocess.run(["losetup", "--detach", device], check=False)
            subprocess.run(["umount", "--lazy", machine.root], check=False)
        self.outside.stop_acme()
