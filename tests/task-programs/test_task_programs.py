"""What runs in the tasks beside the applications' own code, taken from the templates and run for real.

    target/ci-tools/bin/python -m unittest discover tests/task-programs

Needs Debian's postgresql, redis-server or valkey-server, ruby, ruby-pg and ruby-redis. POSTGRESQL names the folder with
another PostgreSQL's programs. As root it lets PostgreSQL run as the user postgres.
Greenlight's and Scalelite's own code is not here: their bundle, rake and rails are stand-ins.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import itertools
import pathlib
import shutil
import signal
import ssl
import tempfile
import threading
import time
import unittest

from support import (
    Authority,
    Cache,
    Container,
    Database,
    ProgramTest,
    containers,
    database_program,
    ended,
    free_port,
    kill,
    program,
)

SCALELITE, GREENLIGHT = containers("scalelite", "ApiTask"), containers("greenlight", "Task")
POLLER, IMPORTER = containers("scalelite", "PollerTask"), containers("scalelite", "ImporterTask")
ACCESS = {"scalelite": SCALELITE["database"], "greenlight": GREENLIGHT["database"]}
MIGRATIONS = {"scalelite": SCALELITE["migrations"], "greenlight": GREENLIGHT["preparation"]}
# `bundle exec ruby` is ruby here; what else it is to run is the test's affair.
BUNDLE = 'if [ "$2" = ruby ]; then shift; exec "$@"; fi\n'
# Ends the program without a word just before the statement that DEATH counts.
DYING = """
require "pg"
statements = 0
PG::Connection.prepend(Module.new do
  %i[exec exec_params].each do |name|
    define_method(name) do |*words|
      statements += 1
      Process.kill(:KILL, Process.pid) if statements == ENV.fetch("DEATH").to_i
      super(*words)
    end
  end
end)
"""
# How many wait for their turn.
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


class WithDatabase(ProgramTest):
    """Tests that share a database, which each begins with anew."""

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="task-programs-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        cls.authority = Authority(folder)
        (folder / "database").mkdir()
        cls.database = Database(folder / "database", cls.authority)
        cls.addClassCleanup(lambda: cls.database.end())

    def setUp(self):
        super().setUp()
        self.stand_in("bundle", BUNDLE)
        self.addCleanup(self.database.clear)
        self.connection = {
            "PGHOST": "localhost", "PGPORT": str(self.database.port), "PGSSLROOTCERT": str(self.authority.root),
        }

    def access(self, name: str, password: str, **other: str) -> dict:
        """The variables of the program that makes a user and a database of this name."""
        application = {"APPLICATION_USER": name, "APPLICATION_PASSWORD": password, "APPLICATION_DATABASE": name}
        return {**self.connection, "PGUSER": "administrator", "PGPASSWORD": Database.PASSWORD, **application, **other}

    def restart(self) -> None:
        self.database.end()
        self.database.start()

    def make(self, name: str, password: str, **other: str) -> tuple[int, str]:
        return self.run_container(ACCESS["scalelite"], **self.access(name, password, **other))

    def connects(self, user: str, password: str, database: str, then: str = "CREATE TABLE IF NOT EXISTS it (x int)") -> bool:
        code, _ = self.run_command(
            "ruby", "-e", f'require "pg"; PG.connect.exec("{then}")',
            **self.connection, PGSSLMODE="verify-full", PGUSER=user, PGPASSWORD=password, PGDATABASE=database)
        return code == 0


class Access(WithDatabase):
    def test_each_application_gets_a_user_and_a_database_of_its_own(self):
        for name in ("scalelite", "greenlight"):
            for _ in range(2):
                self.assertEqual(self.run_container(ACCESS[name], **self.access(name, name + "Password1")), (0, ""))
        self.assertTrue(self.connects("scalelite", "scalelitePassword1", "scalelite"))
        self.assertTrue(self.connects("greenlight", "greenlightPassword1", "greenlight"))
        # Not even to look at it.
        self.assertFalse(self.connects("scalelite", "scalelitePassword1", "greenlight", then="SELECT"))
        self.assertFalse(self.connects("greenlight", "greenlightPassword1", "scalelite", then="SELECT"))
        rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'scalelite'"
        self.assertEqual(self.database.sql("postgres", rights), "f")

    def test_another_password_takes_the_place_of_the_first(self):
        for password in ("First1", "Second2"):
            self.make("scalelite", password)
        self.assertFalse(self.connects("scalelite", "First1", "scalelite"))
        self.assertTrue(self.connects("scalelite", "Second2", "scalelite"))

    def test_tasks_that_start_at_once_do_not_disturb_each_other(self):
        started = [self.start_container(ACCESS["scalelite"], **self.access("scalelite", "Same1")) for _ in range(6)]
        self.assertEqual([ended(one) for one in started], [(0, "")] * 6)
        self.assertTrue(self.connects("scalelite", "Same1", "scalelite"))

    def test_what_one_left_that_was_killed_at_any_statement_the_next_completes(self):
        dying = self.folder / "dying.rb"
        dying.write_text(DYING)
        for count in itertools.count(1):
            name = f"killed{count}"
            code, output = self.make(name, "Password1", RUBYOPT=f"-r{dying}", DEATH=str(count))
            self.assertEqual(self.make(name, "Password1")[0], 0, f"after the death at statement {count}")
            self.assertTrue(self.connects(name, "Password1", name))
            if code == 0:
                break
            self.assertEqual(code, -signal.SIGKILL, output)
        self.assertEqual(count, 9, "eight statements, and none that is not there")

    def test_a_wrong_password_ends_it(self):
        code, output = self.make("scalelite", "Secret1", PGPASSWORD="NotTheOne1")
        self.assertEqual(code, 1)
        self.assertIn("password authentication failed", output)

    def test_passwords_reach_neither_the_output_nor_the_log_of_the_database(self):
        self.make("scalelite", "VerySecret1")
        _, failed = self.make("scalelite", "VerySecret1", PGPASSWORD="NotTheOne1")
        # The statement of this test itself made the administrator.
        logged = [line for line in self.database.log.read_text().splitlines() if "CREATE ROLE administrator" not in line]
        self.assertIn("ALTER ROLE", "\n".join(logged))
        for secret in ("VerySecret1", "NotTheOne1", Database.PASSWORD):
            self.assertNotIn(secret, "\n".join([*logged, failed]))

    def test_a_database_that_is_not_there_yet_ends_it_and_the_next_task_succeeds(self):
        self.database.end()
        self.addCleanup(self.restart)
        code, output = self.make("scalelite", "Secret1")
        self.assertEqual(code, 1)
        self.assertIn("Connection refused", output)
        self.database.start()
        self.assertEqual(self.make("scalelite", "Secret1"), (0, ""))

    def test_a_database_that_cannot_prove_who_it_is_gets_no_password(self):
        (self.folder / "other").mkdir()
        other = Authority(self.folder / "other")
        for name, definition in ACCESS.items():
            for change, reason in (
                ({"PGSSLROOTCERT": str(other.root)}, "certificate verify failed"),
                ({"PGHOST": "127.0.0.1"}, "does not match host name"),
            ):
                with self.subTest(name, reason=reason):
                    code, output = self.run_container(definition, **self.access("scalelite", "Secret1", **change))
                    self.assertEqual(code, 1)
                    self.assertIn(reason, output)

    def test_whatever_knows_the_database_demands_its_certificate(self):
        tasks = [*SCALELITE.values(), *POLLER.values(), *IMPORTER.values(), *GREENLIGHT.values()]
        clients = [one.fixed for one in tasks if one.variables & {"PGHOST", "DATABASE_URL"}]
        demanded = [(one["PGSSLMODE"], one["PGSSLROOTCERT"]) for one in clients]
        self.assertEqual(demanded, [("verify-full", "/certificates/database.pem")] * 8)

    def test_a_database_without_tls_gets_no_password(self):
        self.database.end()
        self.addCleanup(self.restart)
        self.database.start(ssl="off")
        code, output = self.make("scalelite", "Secret1")
        self.assertEqual(code, 1)
        self.assertIn("server does not support SSL", output)
        self.assertNotIn("administrator", self.database.log.read_text())


class Migrations(WithDatabase):
    """The turns that tasks take; Rails itself is a stand-in that says when it begins and ends."""

    def setUp(self):
        super().setUp()
        self.make("scalelite", "Secret1")
        self.notes = self.folder / "notes"
        self.notes.touch()

    def environment(self, name: str, **other: str) -> dict:
        # The same user and database do for both.
        shared = {
            **self.connection, "PGUSER": "scalelite", "PGPASSWORD": "Secret1", "PGDATABASE": "scalelite", "CACHE": "cache:6379",
            "CACHE_TOKEN": "token",
        }
        return {**shared, **({"ADMINISTRATOR": "the program"} if name == "greenlight" else {}), **other}

    def bundle(self, script: str) -> None:
        self.stand_in("bundle", BUNDLE + script)

    def test_tasks_that_start_at_once_take_turns(self):
        self.bundle(f'echo "begin $*" >> {self.notes}; sleep 0.3; echo "end $*" >> {self.notes}\n')
        for name, commands in (
            ("scalelite", ["exec rake db:prepare"]),
            ("greenlight", ["exec rails db:migrate:with_data", "exec rails runner the program"]),
        ):
            with self.subTest(name):
                self.notes.write_text("")
                started = [self.start_container(MIGRATIONS[name], **self.environment(name)) for _ in range(3)]
                self.assertEqual([ended(one) for one in started], [(0, "")] * 3)
                once = [f"{when} {command}" for command in commands for when in ("begin", "end")]
                self.assertEqual(self.notes.read_text().splitlines(), once * 3)

    def test_the_turn_of_one_that_was_killed_passes_on(self):
        for name, definition in MIGRATIONS.items():
            with self.subTest(name):
                self.notes.write_text("")
                self.bundle(f"echo $$ > {self.notes}; exec sleep 60\n")
                first = self.start_container(definition, **self.environment(name))
                self.until(lambda: self.notes.read_text())
                second = self.start_container(definition, **self.environment(name))
                self.until(lambda: self.database.sql("scalelite", WAITING) == "1")
                self.bundle("exit 0\n")
                kill(first)
                self.assertEqual(ended(second), (0, ""))

    def test_a_failure_ends_the_task(self):
        self.bundle("exit 3\n")
        for name, definition in MIGRATIONS.items():
            self.assertEqual(self.run_container(definition, **self.environment(name))[0], 1, name)

    def test_no_administrator_is_made_when_the_schema_is_not_there(self):
        self.bundle(f'echo "$2 $3" >> {self.notes}; test "$3" = runner\n')
        self.run_container(MIGRATIONS["greenlight"], **self.environment("greenlight"))
        self.assertEqual(self.notes.read_text(), "rails db:migrate:with_data\n")

    def test_nothing_is_changed_in_a_database_that_is_not_there_or_not_the_one(self):
        self.bundle(f"echo began >> {self.notes}\n")
        (self.folder / "other").mkdir()
        other = Authority(self.folder / "other")
        for name, definition in MIGRATIONS.items():
            for change, reason in (
                ({"PGPASSWORD": "NotTheOne1"}, "password authentication failed"),
                ({"PGPORT": str(free_port())}, "Connection refused"),
                ({"PGSSLROOTCERT": str(other.root)}, "certificate verify failed"),
                ({"PGHOST": "127.0.0.1"}, "does not match host name"),
            ):
                with self.subTest(name, reason=reason):
                    code, output = self.run_container(definition, **self.environment(name, **change))
                    self.assertEqual(code, 1)
                    self.assertIn(reason, output)
                    self.assertNotIn("NotTheOne1", output)
        self.assertEqual(self.notes.read_text(), "")

    def until(self, happens) -> None:
        deadline = time.monotonic() + 30
        while not happens():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)


class Administrator(ProgramTest):
    """The program for `rails runner`, on stand-ins for Greenlight's models."""

    MODELS = """
      class Role; def self.find_by!(**which) = which; end
      class User
        ROLE = {name: "Administrator", provider: "greenlight"}
        def self.exists?(**which) = ENV["THERE_IS_ONE"] == "yes" && which == {role: ROLE}
        def self.create!(**fields) = puts(fields.except(:password).inspect, fields[:password] == "Secret@1")
      end
      module I18n; def self.default_locale = :en; end
    """

    def run_with(self, **more: str) -> str:
        code, output = self.run_command(
            "ruby", "-e", self.MODELS + program("greenlight", "Administrator"), ADMINISTRATOR_EMAIL="operator@example.org",
            ADMINISTRATOR_PASSWORD="Secret@1", **more)
        self.assertEqual(code, 0, output)
        return output

    def test_it_is_made_once_and_its_password_is_not_printed(self):
        made = self.run_with()
        self.assertIn('"operator@example.org"', made)
        self.assertIn(":verified=>true", made)
        self.assertIn("\ntrue\n", made)
        self.assertNotIn("Secret@1", made)
        self.assertEqual(self.run_with(THERE_IS_ONE="yes"), "")


class Health(ProgramTest):
    def test_only_the_word_success_is_health(self):
        answers = {"success": 0, "Health Check Failure: Connection refused": 1}
        for name, definition in (("scalelite", SCALELITE["api"]), ("greenlight", GREENLIGHT["greenlight"])):
            check = definition.health_check
            self.assertIn(":3000/", check[-1])
            for text, expected in answers.items():
                with self.subTest(name, text=text), serving(text.encode(), 200) as port:
                    self.assertEqual(self.run_command(*check[:-1], check[-1].replace("3000", str(port)))[0], expected)
            with self.subTest(name, text="nobody answers"):
                self.assertEqual(self.run_command(*check[:-1], check[-1].replace("3000", str(free_port())))[0], 1)


class CertificatesOfTheDatabase(ProgramTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder)
        self.written = self.folder / "database.pem"

    def fetch(self, port: int, trusted: bool = True) -> tuple[int, str]:
        text = database_program("CertificatesProgram").replace("${Host}", f"localhost:{port}")
        text = text.replace("${AWS::Region}", "eu-central-1").replace("/certificates/", f"{self.folder}/")
        trust = {"SSL_CERT_FILE": str(self.authority.root)} if trusted else {}
        return self.run_command("ruby", "-e", text, **trust)

    def fetch_from(self, body: bytes, status: int = 200, trusted: bool = True, **answer) -> tuple[int, str]:
        with serving(body, status, self.authority, **answer) as port:
            return self.fetch(port, trusted)

    def test_they_are_written_for_all_to_read(self):
        bundle = b"# Amazon\n" + self.authority.root.read_bytes() * 2
        for _ in range(2):
            self.assertEqual(self.fetch_from(bundle), (0, ""))
        self.assertEqual(self.written.read_text().count("BEGIN CERTIFICATE"), 2)
        self.assertEqual(self.written.stat().st_mode & 0o777, 0o644)

    def test_anything_else_is_refused(self):
        broken = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"
        for body, status in ((b"missing", 404), (b"<html>login</html>", 200), (broken, 200)):
            code, output = self.fetch_from(body, status)
            self.assertEqual(code, 1, output)
        good = self.authority.root.read_bytes()
        self.assertEqual(self.fetch_from(good, trusted=False)[0], 1)
        self.assertEqual(self.fetch(free_port())[0], 1)
        self.assertFalse(self.written.exists())

    def test_an_answer_that_breaks_off_is_refused(self):
        good = self.authority.root.read_bytes()
        code, output = self.fetch_from(good, more=len(good))
        self.assertEqual(code, 1, output)
        self.assertFalse(self.written.exists())


class CacheAddress(ProgramTest):
    PING = 'require "redis"; redis = Redis.new(url: ENV.fetch("REDIS_URL")); print redis.ping, redis.connection[:db]'
    TOKEN = "a" * 32 + "B7" * 16

    def setUp(self):
        super().setUp()
        for name in ("tini", "bin/start-poller", "bin/start-recording-importer", "bin/start"):
            self.stand_in(name, f"exec ruby -e '{self.PING}'\n")
        self.authority, self.port = Authority(self.folder), free_port()

    @contextlib.contextmanager
    def cache(self, authority: Authority | None):
        cache = Cache(self.folder, authority, self.TOKEN, self.port)
        try:
            yield
        finally:
            cache.end()

    def reach(self, definition: Container, token: str = TOKEN) -> tuple[int, str]:
        trust = {"SSL_CERT_FILE": str(self.authority.root)}
        return self.run_container(definition, CACHE=f"localhost:{self.port}", CACHE_TOKEN=token, **trust)

    def test_every_application_reaches_the_cache_with_its_token_over_tls(self):
        with self.cache(self.authority):
            for definition, database in (
                (SCALELITE["api"], 0), (POLLER["poller"], 0), (IMPORTER["importer"], 0), (GREENLIGHT["greenlight"], 1),
            ):
                with self.subTest(definition.command):
                    for _ in range(2):
                        self.assertEqual(self.reach(definition), (0, f"PONG{database}"))
                    code, output = self.reach(definition, token="WrongToken1")
                    self.assertEqual(code, 1)
                    self.assertIn("WRONGPASS", output)

    def test_a_cache_that_is_not_there_or_not_the_one_gets_no_token(self):
        (self.folder / "other").mkdir()
        poller = POLLER["poller"]
        for of, cache, reason in (
            ("nobody", contextlib.nullcontext(), "Connection refused"),
            ("another", self.cache(Authority(self.folder / "other")), "certificate verify failed"),
            ("no TLS", self.cache(None), "CannotConnectError"),
        ):
            with self.subTest(of), cache:
                code, output = self.reach(poller)
                self.assertEqual(code, 1)
                self.assertIn(reason, output)
                self.assertNotIn(self.TOKEN, output)
        with self.cache(self.authority):
            self.assertEqual(self.reach(poller), (0, "PONG0"))


class serving:
    """An HTTP server with one answer, on a port of its own; over TLS with an authority's certificate.

    It announces `more` bytes than it sends.
    """

    def __init__(self, body: bytes, status: int, authority: Authority | None = None, more: int = 0):
        handler = functools.partial(_Answer, body, status, more)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.certificate, authority.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> int:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self._server.server_address[1]

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _Answer(http.server.BaseHTTPRequestHandler):
    def __init__(self, body, status, more, *arguments):
        self._body, self._status, self._more = body, status, more
        super().__init__(*arguments)

    def do_GET(self):
        self.send_response(self._status)
        self.send_header("Content-Length", str(len(self._body) + self._more))
        self.end_headers()
        self.wfile.write(self._body)

    def log_message(self, *_):
        """Quiet."""


if __name__ == "__main__":
    unittest.main()
