"""What runs in the tasks beside the applications' own code, taken from the templates and run for real.

    target/local-aws/bin/python -m unittest discover tests/task-programs

Needs Debian's postgresql, redis-server, ruby, ruby-pg and ruby-redis. POSTGRESQL names the folder with another PostgreSQL's
programs.
Greenlight's and Scalelite's own code is not here: their rake and rails are stand-ins.
"""

from __future__ import annotations

import functools
import http.server
import ssl
import threading
import unittest

from support import Authority, Cache, Database, ProgramTest, container, free_port, program, template

ACCESS = template("database")["Outputs"]["AccessProgram"]["Value"]
CERTIFICATES = template("database")["Outputs"]["CertificatesProgram"]["Value"]["Sub"][0]


class WithDatabase(ProgramTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder)
        (self.folder / "database").mkdir()
        self.database = Database(self.folder / "database", self.authority)
        self.addCleanup(self.database.end)
        self.connection = {
            "PGHOST": "localhost", "PGPORT": str(self.database.port), "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.authority.root),
        }
        self.administrator = {**self.connection, "PGUSER": "administrator", "PGPASSWORD": Database.PASSWORD}

    def access(self, name: str, password: str, **other: str) -> dict:
        """The variables of the program that makes a user and a database of this name."""
        application = {"APPLICATION_USER": name, "APPLICATION_PASSWORD": password, "APPLICATION_DATABASE": name}
        return {**self.administrator, **application, **other}

    def connects(self, user: str, password: str, database: str) -> bool:
        code, _ = self.run_ruby(
            'require "pg"; PG.connect.exec("CREATE TABLE IF NOT EXISTS it (x int)")',
            **self.connection, PGUSER=user, PGPASSWORD=password, PGDATABASE=database)
        return code == 0


class Access(WithDatabase):
    def test_each_application_gets_a_user_and_a_database_of_its_own(self):
        for name in ("scalelite", "greenlight"):
            for _ in range(2):
                self.assertEqual(self.run_ruby(ACCESS, **self.access(name, name + "Password1")), (0, ""))
        self.assertTrue(self.connects("scalelite", "scalelitePassword1", "scalelite"))
        self.assertTrue(self.connects("greenlight", "greenlightPassword1", "greenlight"))
        self.assertFalse(self.connects("scalelite", "scalelitePassword1", "greenlight"))
        self.assertFalse(self.connects("greenlight", "greenlightPassword1", "scalelite"))
        rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'scalelite'"
        self.assertEqual(self.database.sql("postgres", rights), "f")

    def test_another_password_takes_the_place_of_the_first(self):
        for password in ("First1", "Second2"):
            self.run_ruby(ACCESS, **self.access("scalelite", password))
        self.assertFalse(self.connects("scalelite", "First1", "scalelite"))
        self.assertTrue(self.connects("scalelite", "Second2", "scalelite"))

    def test_tasks_that_start_at_once_do_not_disturb_each_other(self):
        started = [self.start("ruby", "-e", ACCESS, **self.access("scalelite", "Same1")) for _ in range(6)]
        self.assertEqual([(one.communicate(timeout=60)[0], one.returncode) for one in started], [("", 0)] * 6)
        self.assertTrue(self.connects("scalelite", "Same1", "scalelite"))

    def test_passwords_reach_neither_the_output_nor_the_log_of_the_database(self):
        self.run_ruby(ACCESS, **self.access("scalelite", "VerySecret1"))
        _, failed = self.run_ruby(ACCESS, **self.access("scalelite", "VerySecret1", PGPASSWORD="NotTheOne1"))
        # The statement of this test itself made the administrator.
        logged = [line for line in self.database.log.read_text().splitlines() if "CREATE ROLE administrator" not in line]
        self.assertIn("ALTER ROLE", "\n".join(logged))
        for secret in ("VerySecret1", "NotTheOne1", Database.PASSWORD):
            self.assertNotIn(secret, "\n".join([*logged, failed]))

    def test_a_database_that_cannot_prove_who_it_is_gets_no_password(self):
        (self.folder / "other").mkdir()
        other = Authority(self.folder / "other")
        code, output = self.run_ruby(ACCESS, **self.access("scalelite", "Secret1", PGSSLROOTCERT=str(other.root)))
        self.assertEqual(code, 1)
        self.assertIn("certificate verify failed", output)


class Migrations(WithDatabase):
    """The turns that tasks take; Rails itself is a stand-in that says when it begins and ends."""

    def setUp(self):
        super().setUp()
        self.run_ruby(ACCESS, **self.access("scalelite", "Secret1"))
        self.environment = {
            **self.connection, "PGUSER": "scalelite", "PGPASSWORD": "Secret1", "PGDATABASE": "scalelite", "CACHE": "cache:6379",
            "CACHE_TOKEN": "token", "ADMINISTRATOR": "the program",
        }
        self.notes = self.folder / "notes"

    def test_tasks_that_start_at_once_take_turns(self):
        self.stand_in("bundle", f'echo "begin $*" >> {self.notes}; sleep 0.3; echo "end $*" >> {self.notes}\n')
        for name, key, commands in (
            ("scalelite", "Migrations", ["exec rake db:prepare"]),
            ("greenlight", "Preparation", ["exec rails db:migrate:with_data", "exec rails runner the program"]),
        ):
            with self.subTest(name):
                self.notes.write_text("")
                started = [self.start("ruby", "-e", program(name, key), **self.environment) for _ in range(3)]
                self.assertEqual([(one.communicate(timeout=60)[0], one.returncode) for one in started], [("", 0)] * 3)
                once = [f"{when} {command}" for command in commands for when in ("begin", "end")]
                self.assertEqual(self.notes.read_text().splitlines(), once * 3)

    def test_a_failure_ends_the_task(self):
        self.stand_in("bundle", "exit 3\n")
        for name, key in (("scalelite", "Migrations"), ("greenlight", "Preparation")):
            self.assertEqual(self.run_ruby(program(name, key), **self.environment)[0], 1, name)

    def test_no_administrator_is_made_when_the_schema_is_not_there(self):
        self.stand_in("bundle", f'echo "$2 $3" >> {self.notes}; test "$3" = runner\n')
        self.run_ruby(program("greenlight", "Preparation"), **self.environment)
        self.assertEqual(self.notes.read_text(), "rails db:migrate:with_data\n")


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
        code, output = self.run_ruby(
            self.MODELS + program("greenlight", "Administrator"), ADMINISTRATOR_EMAIL="operator@example.org",
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
        for name, task, which in (("scalelite", "ApiTask", "api"), ("greenlight", "Task", "greenlight")):
            options = container(name, task, which)["HealthCheck"]["Command"][2:-1]
            for text, expected in answers.items():
                with self.subTest(name, text=text), serving(text.encode(), 200) as port:
                    code, _ = self.run_ruby(program(name, "Health").replace("3000", str(port)), *options[:-1])
                    self.assertEqual(code, expected)
        self.assertEqual(self.run_ruby(program("scalelite", "Health").replace("3000", str(free_port())), "-rnet/http")[0], 1)


class CertificatesOfTheDatabase(ProgramTest):
    def fetch(self, body: bytes, status: int, trusted: bool = True) -> tuple[int, str]:
        authority = Authority(self.folder)
        with serving(body, status, authority) as port:
            text = CERTIFICATES.replace("${Host}", f"localhost:{port}").replace("${AWS::Region}", "eu-central-1")
            trust = {"SSL_CERT_FILE": str(authority.root)} if trusted else {}
            return self.run_ruby(text.replace("/certificates/", f"{self.folder}/"), **trust)

    def test_they_are_written_for_all_to_read(self):
        authority = Authority(self.folder)
        bundle = b"# Amazon\n" + authority.root.read_bytes() * 2
        self.assertEqual(self.fetch(bundle, 200), (0, ""))
        written = self.folder / "database.pem"
        self.assertEqual(written.read_text().count("BEGIN CERTIFICATE"), 2)
        self.assertEqual(written.stat().st_mode & 0o777, 0o644)

    def test_anything_else_is_refused(self):
        broken = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"
        for body, status in ((b"missing", 404), (b"<html>login</html>", 200), (broken, 200)):
            code, output = self.fetch(body, status)
            self.assertEqual(code, 1, output)
        authority = Authority(self.folder)
        self.assertEqual(self.fetch(authority.root.read_bytes(), 200, trusted=False)[0], 1)
        self.assertFalse((self.folder / "database.pem").exists())


class CacheAddress(ProgramTest):
    def test_every_application_reaches_the_cache_with_its_token_over_tls(self):
        authority, token = Authority(self.folder), "a" * 32 + "B7" * 16
        cache = Cache(self.folder, authority, token)
        self.addCleanup(cache.end)
        ping = 'require "redis"; redis = Redis.new(url: ENV.fetch("REDIS_URL")); print redis.ping, redis.connection[:db]'
        script = f"exec ruby -e '{ping}'\n"
        for name in ("tini", "bin/start-poller", "bin/start-recording-importer", "bin/start"):
            self.stand_in(name, script)
        trust = {"SSL_CERT_FILE": str(authority.root)}
        for name, task, which, database in (
            ("scalelite", "ApiTask", "api", 0), ("scalelite", "PollerTask", "poller", 0),
            ("scalelite", "ImporterTask", "importer", 0), ("greenlight", "Task", "greenlight", 1),
        ):
            with self.subTest(which):
                definition = container(name, task, which)
                command = [*definition["EntryPoint"], *definition["Command"]]
                process = self.start(*command, CACHE=f"localhost:{cache.port}", CACHE_TOKEN=token, **trust)
                self.assertEqual(process.communicate(timeout=60)[0], f"PONG{database}")
                process = self.start(*command, CACHE=f"localhost:{cache.port}", CACHE_TOKEN="wrong", **trust)
                self.assertNotIn("PONG", process.communicate(timeout=60)[0])


class serving:
    """An HTTP server with one answer, on a port of its own; over TLS with an authority's certificate."""

    def __init__(self, body: bytes, status: int, authority: Authority | None = None):
        handler = functools.partial(_Answer, body, status)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.certificate, authority.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> int:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self._server.server_address[1]

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _Answer(http.server.BaseHTTPRequestHandler):
    def __init__(self, body, status, *arguments):
        self._body, self._status = body, status
        super().__init__(*arguments)

    def do_GET(self):
        self.send_response(self._status)
        self.send_header("Content-Length", str(len(self._body)))
        self.end_headers()
        self.wfile.write(self._body)

    def log_message(self, *_):
        """Quiet."""


if __name__ == "__main__":
    unittest.main()
