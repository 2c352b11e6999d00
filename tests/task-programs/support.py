"""The templates' task definitions, and a database and a cache with TLS and passwords to run their programs against."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where PostgreSQL's programs are; by default the newest of Debian's packages.
POSTGRESQL = os.environ.get("POSTGRESQL") or str(max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=""))
CACHE = shutil.which("valkey-server") or "redis-server"
# PostgreSQL refuses to run as root.
UNPRIVILEGED = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


# What tests give to a program beside its definition: whom to trust instead of the image's authorities, and when to die.
OF_TESTS = {"SSL_CERT_FILE", "RUBYOPT", "DEATH"}


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms as one-key maps."""


def _short_form(loader, suffix, node):
    construct = {
        yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence,
        yaml.MappingNode: loader.construct_mapping,
    }[type(node)]
    value = construct(node) if isinstance(node, yaml.ScalarNode) else construct(node, deep=True)
    return {suffix: value}


_Loader.add_multi_constructor("!", _short_form)


def template(name: str) -> dict:
    return yaml.load((ROOT / "templates" / f"{name}.yaml").read_text(), _Loader)


def program(name: str, key: str) -> str:
    """A Ruby program of a template's Mappings."""
    return template(name)["Mappings"]["Programs"][key]["Ruby"]


def database_program(name: str) -> str:
    """A Ruby program that database.yaml hands to the applications' templates."""
    value = template("database")["Outputs"][name]["Value"]
    return value["Sub"][0] if isinstance(value, dict) else value


class Container:
    """A container of a task definition: the command that it runs, and the variables that it is given."""

    def __init__(self, of_template: str, definition: dict):
        self._template = of_template
        self.command = [self._text(part) for part in [*definition["EntryPoint"], *definition["Command"]]]
        check = definition.get("HealthCheck", {}).get("Command", ["CMD"])
        assert check[0] == "CMD", check
        self.health_check = [self._text(part) for part in check[1:]]
        given = [*definition.get("Environment", []), *definition.get("Secrets", [])]
        # What the template itself says; all else it refers to.
        self.fixed = {one["Name"]: one["Value"] for one in given if isinstance(one.get("Value"), str)}
        # Those that come by a condition are If's second part.
        self.variables = {one["Name"] if "Name" in one else one["If"][1]["Name"] for one in given}

    def _text(self, part: str | dict) -> str:
        match part:
            case {"Ref": "CertificatesProgram" | "AccessProgram" as program_name}:
                return database_program(program_name)
            case {"FindInMap": ["Programs", key, "Ruby"]}:
                return program(self._template, key)
            case str():
                return part
        raise AssertionError(f"what is {part}?")


def containers(name: str, task: str) -> dict[str, Container]:
    """The containers of a template's task definition, by their names."""
    definitions = template(name)["Resources"][task]["Properties"]["ContainerDefinitions"]
    return {one["Name"]: Container(name, one) for one in definitions}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Authority:
    """A certificate authority, and a certificate of its for localhost."""

    def __init__(self, folder: pathlib.Path):
        self.certificate, self.key = folder / "localhost.pem", folder / "localhost.key"
        self.root = folder / "root.pem"
        openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
        self._run(*openssl, "-subj", "/CN=authority", "-keyout", folder / "root.key", "-out", self.root)
        self._run(*openssl, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-CA", self.root,
                  "-CAkey", folder / "root.key", "-keyout", self.key, "-out", self.certificate)

    @staticmethod
    def _run(*command) -> None:
        subprocess.run([str(part) for part in command], check=True, capture_output=True)


class Database:
    """PostgreSQL that lets nobody in without TLS, and an administrator who is, as RDS's, no superuser."""

    PASSWORD = "administrators-password"

    def __init__(self, folder: pathlib.Path, authority: Authority):
        self.folder, self.port, self.log = folder, free_port(), folder / "log"
        self.data = folder / "data"
        for one in (folder, authority.key):
            shutil.chown(one, *(["postgres"] * 2 if UNPRIVILEGED else [os.getuid(), os.getgid()]))
        command = [f"{POSTGRESQL}/initdb", "--no-sync", "--auth=trust", "--username=root", f"--pgdata={self.data}"]
        done = subprocess.run([*UNPRIVILEGED, *command], capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stderr
        (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": folder, "ssl": "on",
            "ssl_cert_file": authority.certificate, "ssl_key_file": authority.key, "log_statement": "all",
            "log_connections": "on", "fsync": "off",
        }
        with open(self.data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        authority.key.chmod(0o600)
        self.start()
        self.sql("postgres", f"CREATE ROLE administrator LOGIN CREATEROLE CREATEDB PASSWORD '{self.PASSWORD}'")

    def start(self, **settings: str) -> None:
        """With its log begun anew, and what is said here instead of its settings."""
        command = [*UNPRIVILEGED, f"{POSTGRESQL}/postgres", "-D", str(self.data)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while b"ready to accept connections" not in self.log.read_bytes():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def sql(self, database: str, statement: str) -> str:
        """What the superuser gets, through the socket."""
        done = subprocess.run(
            ["psql", "-h", str(self.folder), "-p", str(self.port), "-U", "root", "-d", database, "-Atqc", statement],
            capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def clear(self) -> None:
        """Leaves nothing of an application, whatever became of it."""
        for database in self.sql("postgres", "SELECT datname FROM pg_database WHERE datdba <> 10").split():
            self.sql("postgres", f'DROP DATABASE "{database}" WITH (FORCE)')
        for role in self.sql("postgres", "SELECT rolname FROM pg_roles WHERE rolcanlogin AND oid > 16384").split():
            if role != "administrator":
                self.sql("postgres", f'DROP ROLE "{role}"')

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


class Cache:
    """Valkey, or Redis, whose protocol it speaks, with a password; and with TLS only, or without any."""

    def __init__(self, folder: pathlib.Path, authority: Authority | None, token: str, port: int):
        self.port = port
        ports = ["--port", port] if authority is None else [
            "--port", "0", "--tls-port", port, "--tls-cert-file", authority.certificate, "--tls-key-file", authority.key,
            "--tls-ca-cert-file", authority.root, "--tls-auth-clients", "no",
        ]
        command = [CACHE, *ports, "--bind", "127.0.0.1", "--dir", folder, "--requirepass", token, "--save", ""]
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


class ProgramTest(unittest.TestCase):
    """Tests in a folder of their own, with executables that stand in for what only the images have."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="task-programs-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.commands = self.folder / "commands"
        self.commands.mkdir()

    def stand_in(self, name: str, script: str) -> None:
        path = self.commands / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        path = f"{self.commands}:/usr/local/bin:/usr/bin:/bin"
        return subprocess.Popen(
            command, env={"PATH": path, "LANG": "C.UTF-8", **environment}, cwd=self.commands, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def run_command(self, *command: str, **environment: str) -> tuple[int, str]:
        return ended(self.start(*command, **environment))

    def start_container(self, container: Container, **environment: str) -> subprocess.Popen:
        """The command of a container, with the variables that its definition fixes, and others that it has."""
        unknown = environment.keys() - container.variables - OF_TESTS
        assert not unknown, f"its definition does not give {unknown}"
        return self.start(*container.command, **{**container.fixed, **environment})

    def run_container(self, container: Container, **environment: str) -> tuple[int, str]:
        return ended(self.start_container(container, **environment))


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """How a process ended, and what it said."""
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def kill(process: subprocess.Popen) -> None:
    """At once and with all that it started, as a container ends when its host does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
