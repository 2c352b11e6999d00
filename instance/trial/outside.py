"""What a server finds outside itself: instance metadata, DNS, AWS, the places that software comes from, and Let's Encrypt.

All of it is strict about what matters here (session tokens, signed requests, authoritative answers) and remembers what it was
asked. Let's Encrypt is Pebble, its makers' own test server.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import secrets
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

GATEWAY = "10.99.0.1"
SERVER = "10.99.0.10"
METADATA = "169.254.169.254"
DOMAIN = "meet.example.org"
REGION = "eu-central-1"
INSTANCE = "i-0123456789abcdef0"
HOST = f"vc-{INSTANCE[2:]}.{DOMAIN}"
GROUP = "pool-of-the-trial"
API_SECRET = secrets.token_hex(32)
TURN_SECRET = secrets.token_hex(32)


@dataclass
class World:
    """What is so outside, for a scenario to change; and what was asked."""

    public: str = "203.0.113.10"
    lifecycle: str = "InService"
    # DNS: names of this zone that stand.
    records: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    artefacts: dict[str, bytes] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    hook_active: bool = True
    # (service operation, parameters)
    asked: list[tuple[str, dict]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    # The zone that all servers are named in.
    domain: str = DOMAIN

    def record(self, name: str) -> str | None:
        """The address of a name in the zone."""
        return self.records.get(name)

    def metadata(self, _address: str) -> dict[str, str]:
        """What the metadata service knows of the instance that has this address."""
        credentials = {
            "Code": "Success",
            "AccessKeyId": "ASIATRIALTRIALTRIAL0",
            "SecretAccessKey": "trial",
            "Token": "trial-token",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        return {
            "instance-id": INSTANCE,
            "local-ipv4": SERVER,
            "public-ipv4": self.public,
            "autoscaling/target-lifecycle-state": self.lifecycle,
            "tags/instance/aws:autoscaling:groupName": GROUP,
            "iam/security-credentials/": "server",
            "iam/security-credentials/server": json.dumps(credentials),
            "placement/region": REGION,
            "placement/availability-zone": f"{REGION}a",
        }

    def calls(self, operation: str) -> list[dict]:
        return [parameters for name, parameters in self.asked if name == operation]

    def forget(self) -> None:
        self.asked.clear()
        self.queries.clear()


class Quiet(BaseHTTPRequestHandler):
    """Answers with text; logs nothing."""

    protocol_version = "HTTP/1.1"
    world: World

    def answer(self, status: int, body: bytes | str = b"", kind: str = "text/plain", **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


class Metadata(Quiet):
    """The instance metadata service, version 2 only."""

    token = secrets.token_hex(16)

    def do_PUT(self):
        if self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
            return self.answer(200, self.token)
        return self.answer(400)

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != self.token:
            return self.answer(401)
        known = self.world.metadata(self.client_address[0])
        value = known.get(self.path.removeprefix("/latest/meta-data/"))
        return self.answer(200, value) if value else self.answer(404)


class Amazon(Quiet):
    """AWS's endpoints and the software's, told apart by their names. Requests to AWS must be signed with the instance's
    credentials.
    """

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        host = self.headers["Host"]
        if ".s3." in host and "Authorization" in self.headers:
            key = self.path.split("?")[0].lstrip("/")
            self.world.asked.append((f"s3 {self.command}", {"key": key}))
            body = self.world.objects.get(key)
        else:
            body = self.world.artefacts.get(f"{host}{self.path}")
        if body is None:
            return self.answer(404)
        stamps = {"Last_Modified": self.date_time_string(), "ETag": f'"{hashlib.md5(body).hexdigest()}"'}
        return self.answer(200, body, "application/octet-stream", **stamps)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        service = self.headers["Host"].split(".")[0]
        if not re.search(
            rf"Credential=ASIATRIALTRIALTRIAL0/\d{{8}}/{REGION}/{service}/", self.headers.get("Authorization", "")
        ):
            return self.answer(403, "not signed")
        target = self.headers.get("X-Amz-Target")
        if target:
            operation = target.split(".")[-1]
            parameters = json.loads(body)
        else:
            parameters = {name: values[0] for name, values in parse_qs(body).items()}
            operation = parameters.get("Action", "")
        self.world.asked.append((operation, parameters))
        if operation in self.world.denied:
            return self.problem(bool(target), "AccessDeniedException" if target else "AccessDenied", "not authorized")
        if operation == "GetSecretValue":
            return self.secret(parameters)
        if operation == "CompleteLifecycleAction" and not self.world.hook_active:
            return self.problem(False, "ValidationError", f"No active Lifecycle Action found with instance ID {INSTANCE}")
        if target:
            return self.answer(200, "{}", "application/x-amz-json-1.1")
        return self.answer(200, f"<{operation}Response><{operation}Result/></{operation}Response>", "text/xml")

    def secret(self, parameters):
        value = self.world.secrets.get(parameters["SecretId"])
        if value is None:
            return self.problem(True, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return self.answer(
            200, json.dumps({"ARN": parameters["SecretId"], "SecretString": value}), "application/x-amz-json-1.1"
        )

    def problem(self, as_json: bool, code: str, message: str):
        if as_json:
            return self.answer(400, json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1")
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
        return self.answer(400, text, "text/xml")


class Names(socketserver.BaseRequestHandler):
    """The zone's name server, and everybody's resolver: what is not of the zone is here."""

    world: World

    def handle(self):
        data, connection = self.request
        labels, position = [], 12
        while data[position]:
            labels.append(data[position + 1 : position + 1 + data[position]].decode())
            position += data[position] + 1
        kind = struct.unpack("!H", data[position + 1 : position + 3])[0]
        question = data[12 : position + 5]
        name = ".".join(labels).lower()
        self.world.queries.append(name)
        found = self.look_up(name, kind)
        exists = found is not None
        records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(value)) + value for value in found or [])
        flags = 0x8580 | (0 if exists else 3)
        header = data[:2] + struct.pack("!HHHHH", flags, 1, len(found or []), 0, 0)
        connection.sendto(header + question + records, self.client_address)

    def look_up(self, name: str, kind: int) -> list[bytes] | None:
        """The answers; none for a name that has others; None for a name that is not."""
        address = lambda text: [ipaddress.ip_address(text).packed] if kind == 1 else []  # noqa: E731
        domain = self.world.domain
        if name == domain:
            return [b"\x02ns" + b"\xc0\x0c"] if kind == 2 else []
        if name == f"ns.{domain}":
            return address(GATEWAY)
        if name.endswith(f".{domain}"):
            found = self.world.record(name)
            return address(found) if found else None
        if name.endswith(("amazonaws.com", "amazon-efs-utils.aws.com", "bigbluebutton.org", "acme.trial", "letsencrypt.org")):
            return address(GATEWAY)
        return None


class Outside:
    """Everything outside, running in this process's network."""

    def __init__(self, folder: Path, certificates: dict[str, Path], world: World | None = None, amazon: type[Quiet] = Amazon):
        self.world = world or World()
        self.folder = folder
        self.certificates = certificates
        self.amazon = amazon
        self.pebble: subprocess.Popen | None = None
        for handler in (Metadata, amazon, Names):
            handler.world = self.world

    def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates["chain"], self.certificates["key"])
        metadata = ThreadingHTTPServer((METADATA, 80), Metadata)
        amazon = ThreadingHTTPServer((GATEWAY, 443), self.amazon)
        amazon.socket = context.wrap_socket(amazon.socket, server_side=True)
        names = socketserver.ThreadingUDPServer((GATEWAY, 53), Names)
        for server in (metadata, amazon, names):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.start_acme()

    def start_acme(self) -> None:
        configuration = {
            "pebble": {
                "listenAddress": f"{GATEWAY}:14000",
                "managementListenAddress": f"{GATEWAY}:15000",
                "certificate": str(self.certificates["chain"]),
                "privateKey": str(self.certificates["key"]),
                "httpPort": 80,
                "tlsPort": 443,
                "ocspResponderURL": "",
            }
        }
        file = self.folder / "pebble.json"
        file.write_text(json.dumps(configuration))
        self.pebble = subprocess.Popen(
            ["pebble", "-config", str(file), "-dnsserver", f"{GATEWAY}:53"],
            env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PATH": "/usr/bin"},
            stdout=(self.folder / "pebble.log").open("ab"),
            stderr=subprocess.STDOUT,
        )
        for _ in range(100):
            try:
                socket.create_connection((GATEWAY, 15000), timeout=1).close()
                return
            except OSError:
                threading.Event().wait(0.1)
        raise RuntimeError("Pebble does not start")

    def stop_acme(self) -> None:
        if self.pebble:
            self.pebble.terminate()
            self.pebble.wait()
            self.pebble = None

    def issued(self) -> int:
        """How many certificates Pebble has issued since it was first started."""
        return (self.folder / "pebble.log").read_text(errors="replace").count("Issued certificate serial")

    def acme_roots(self) -> str:
        """Pebble makes its authority anew at each start."""
        context = ssl.create_default_context(cafile=str(self.certificates["authority"]))
        with (
            socket.create_connection((GATEWAY, 15000)) as connection,
            context.wrap_socket(connection, server_hostname="acme.trial") as stream,
        ):
            stream.sendall(b"GET /roots/0 HTTP/1.0\r\nHost: acme.trial\r\n\r\n")
            text = b""
            while chunk := stream.recv(65536):
                text += chunk
        return text.partition(b"\r\n\r\n")[2].decode()
