"""Real servers for `bbb rehearse --real-servers`: each instance that its local AWS launches is one of the trial's machines and
runs the user data that it was launched with.

Here a server finds the local AWS under AWS's names, with the credentials of its instance's role; its metadata service; the
hosted zone of the local AWS as DNS; and Pebble under Let's Encrypt's name. The rehearsal is in another network. Two sockets
in a folder lead across: `aws` to the local AWS, `machines` to here. On the second a request is one line of JSON, and so is its
answer:

{"instance": {...}}                 what the local AWS says of an instance (INSTANCE_HOOK)
{"connect": ["198.51.100.1", 443]}  leads to a machine by its public address; what follows the answer goes to and fro
{"run": "i-...", "script": "..."}   runs a script in a machine: {"status": ..., "output": ...}
{"about": "i-..."}                  the end of its log

It ends when its standard input does.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import select
import socket
import socketserver
import ssl
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from host import run
from machine import Machine, Surroundings
from outside import GATEWAY, REGION, Amazon, Outside, World
from trial import VOLUME, Trial
from workshop import Workshop

# The root user of the local AWS, whose signature is not looked at.
ROOT = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/eu-central-1/any/aws4_request, SignedHeaders=host, Signature=0"
LETS_ENCRYPT = "acme-v02.api.letsencrypt.org"
# Public addresses of the local AWS's instances.
PUBLIC = "198.18.0.0/15"
# What a request must not say for the connection behind.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"}


class Across(http.client.HTTPConnection):
    """A connection to the local AWS."""

    def __init__(self, path: Path):
        super().__init__("local-aws", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


@dataclass
class Zone(World):
    """The world as the local AWS has it."""

    aws: Path = Path()
    # By private address, what the local AWS said last of the instance.
    instances: dict[str, dict] = field(default_factory=dict)

    def get(self, path: str, service: str) -> str:
        """What the local AWS answers its root user."""
        connection = Across(self.aws)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": f"{service}.{REGION}.amazonaws.com", "Authorization": ROOT})
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status} {text}")
        return text

    def record(self, name: str) -> str | None:
        zones = self.get(f"/2013-04-01/hostedzonesbyname?dnsname={self.domain}&maxitems=1", "route53")
        zone = re.search(r"<Id>/hostedzone/(\w+)</Id><Name>" + re.escape(self.domain) + r"\.</Name>", zones)
        if not zone:
            return None
        sets = self.get(f"/2013-04-01/hostedzone/{zone.group(1)}/rrset?name={name}&type=A&maxitems=1", "route53")
        found = re.search(rf"<Name>{re.escape(name)}\.</Name><Type>A</Type>.*?<Value>([0-9.]+)</Value>", sets, re.DOTALL)
        return found.group(1) if found else None

    def file_systems(self) -> tuple[str, ...]:
        listing = json.loads(self.get("/2015-02-01/file-systems", "elasticfilesystem"))
        return tuple(each["FileSystemId"] for each in listing["FileSystems"])

    def metadata(self, address: str) -> dict[str, str]:
        instance = self.instances.get(address)
        if not instance:
            return {}
        known = {
            "instance-id": instance["instanceId"],
            "local-ipv4": address,
            "public-ipv4": instance["publicIpAddress"] or "",
            "autoscaling/target-lifecycle-state": "InService",
            "placement/region": REGION,
            "placement/availability-zone": f"{REGION}a",
        }
        known |= {f"tags/instance/{name}": value for name, value in instance["tags"].items()}
        if credentials := instance["credentials"]:
            known["iam/security-credentials/"] = "server"
            known["iam/security-credentials/server"] = json.dumps(
                {
                    "Code": "Success",
                    "AccessKeyId": credentials["accessKeyId"],
                    "SecretAccessKey": credentials["secretAccessKey"],
                    "Token": credentials["sessionToken"],
                    "Expiration": "2099-01-01T00:00:00Z",
                }
            )
        return known


class LocalAws(Amazon):
    """AWS's names lead to the local AWS, Let's Encrypt's to Pebble; where software comes from is as in the trial."""

    world: Zone

    def do_GET(self):
        self.lead()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def lead(self) -> None:
        host = self.headers["Host"].partition(":")[0]
        if host == LETS_ENCRYPT:
            # Its makers' test server has the same under a shorter name.
            path = "/dir" if self.path == "/directory" else self.path
            self.hand_on(http.client.HTTPSConnection(GATEWAY, 14000, timeout=60, context=self.trusting()), path)
        elif host.endswith("amazonaws.com") and "Authorization" in self.headers:
            self.hand_on(Across(self.world.aws), self.path)
        else:
            super().do_GET()

    @staticmethod
    def trusting() -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname = False
        # It is this trial's own, in this network.
        context.verify_mode = ssl.CERT_NONE
        return context

    def hand_on(self, connection: http.client.HTTPConnection, path: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            return self.answer(411, "not in chunks")
        with contextlib.closing(connection):
            connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            # TLS ends here, and the bucket's policy lets nobody in without.
            connection.putheader("X-Forwarded-Proto", "https")
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        return self.wfile.write(content)


class Instances:
    """The machines, by the instances that they are."""

    def __init__(self, trial: Trial, zone: Zone):
        self.trial, self.zone = trial, zone
        self.machines: dict[str, Machine] = {}
        self.problems: dict[str, str] = {}
        self.number = 0
        self.lock = threading.Lock()

    def hear(self, told: dict) -> None:
        identity = told["instanceId"]
        if told["state"] == "running" and identity not in self.machines:
            self.zone.instances[told["privateIpAddress"]] = told
            with self.lock:
                self.number += 1
                name = f"server{self.number}"
            threading.Thread(target=self.guarded, args=(identity, self.launch, told, name), daemon=True).start()
        elif told["state"] in ("stopping", "shutting-down") and identity in self.machines:
            threading.Thread(target=self.guarded, args=(identity, self.end), daemon=True).start()

    def guarded(self, identity: str, work, *arguments) -> None:
        try:
            work(identity, *arguments)
        except Exception as problem:
            # Whoever asks about the instance is told.
            self.problems[identity] = repr(problem)

    def launch(self, identity: str, told: dict, name: str) -> None:
        """A machine with nothing on it but the system, and what cloud-init does on it."""
        trial, address = self.trial, told["privateIpAddress"]
        run("ip", "route", "replace", f"{address}/32", "dev", "br0")
        run("ip", "route", "replace", f"{told['publicIpAddress']}/32", "via", address, "dev", "br0", "onlink")
        machine = Machine(name, trial.work, trial.base)
        self.machines[identity] = machine
        trial.machines.append(machine)
        shared = {
            "/srv/archive": trial.cache / "archive",
            "/srv/stand-ins": trial.workshop.stand_ins,
            "/srv/repositories": trial.workshop.repositories,
        }
        authority = trial.workshop.certificates["authority"]
        machine.set_up(authority, shared, Surroundings(address, self.zone.file_systems(), pace=""))
        machine.attach(VOLUME[:-1] + str(self.number), trial.blank_disk(machine))
        trial.boot(machine)
        done = machine.call("bash", "-s", text=base64.b64decode(told["userData"]).decode())
        # Without its bundle a server ends itself, and that is no failure of the script.
        if done.returncode or "cannot be fetched" in done.stdout:
            self.problems[identity] = f"user data: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def end(self, identity: str) -> None:
        machine = self.machines.pop(identity)
        machine.remove()
        self.trial.machines.remove(machine)

    def about(self, identity: str) -> dict:
        machine = self.machines.get(identity)
        log = self.trial.last(machine) if machine else ""
        return {"problem": self.problems.get(identity), "log": log}


class Requests(socketserver.StreamRequestHandler):
    """The requests of the rehearsal."""

    instances: Instances

    def handle(self):
        request = json.loads(self.rfile.readline())
        if "connect" in request:
            return self.tunnel(*request["connect"])
        return self.say(self.answer(request))

    def answer(self, request: dict) -> dict:
        if "instance" in request:
            self.instances.hear(request["instance"])
            return {}
        if "run" in request:
            machine = self.instances.machines.get(request["run"])
            if not machine:
                return {"status": -1, "output": "there is no such machine"}
            done = machine.call("bash", "-c", request["script"])
            return {"status": done.returncode, "output": done.stdout + done.stderr}
        return self.instances.about(request["about"])

    def say(self, answer: dict) -> None:
        self.wfile.write(json.dumps(answer).encode() + b"\n")
        self.wfile.flush()

    def tunnel(self, address: str, port: int) -> None:
        try:
            other = socket.create_connection((address, port), timeout=10)
        except OSError as problem:
            return self.say({"problem": str(problem)})
        with other:
            self.say({})
            ends = {self.connection: other, other: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return None
                    ends[end].sendall(data)


def serve(cache: Path, work: Path, folder: Path, domain: str) -> int:
    """Serves until standard input ends."""
    run("ip", "route", "add", "blackhole", PUBLIC)
    workshop = Workshop(work)
    zone = Zone(domain=domain, aws=folder / "aws")
    outside = Outside(work, workshop.certificates, zone, LocalAws)
    outside.start()
    trial = Trial(cache, work, workshop, outside)
    try:
        archive = folder / f"{trial.bundle_id}.tar.gz"
        archive.write_bytes(trial.bundle)
        Requests.instances = Instances(trial, zone)
        server = socketserver.ThreadingUnixStreamServer(str(folder / "machines"), Requests)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ready = {"roots": outside.acme_roots(), "bundle": trial.bundle_id, "archive": str(archive)}
        print(json.dumps(ready), flush=True)
        sys.stdin.read()
    finally:
        trial.end()
    return 0
