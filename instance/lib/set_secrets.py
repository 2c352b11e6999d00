"""Makes the text on standard input BigBlueButton's API secret, and gives this server passwords of its own where the packages
made some up.

secrets.json has the digests of the passwords that this server was given; secrets-pending.json what was being exchanged when
this was last stopped in the middle, for root's eyes only and no longer than that.
"""

from __future__ import annotations

import grp
import hashlib
import os
import re
import secrets
import sys
from pathlib import Path

from everywhere import STATE, load, note, replace, save, tell, write

API_FILE = Path("/etc/bigbluebutton/bbb-web.properties")
API_DEFAULT = Path("/usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties")
# Read by BigBlueButton's own user alone, and readable by everyone as installed.
PRIVATE = (API_FILE, Path("/etc/bigbluebutton/bbb-apps-akka.conf"))
# Where the others can be read: of the local TURN server, FreeSWITCH's event socket, Hasura, Etherpad.
MADE_UP = {
    "turn": ("/etc/turnserver.conf", r"^static-auth-secret=(\S+)$"),
    "event-socket": ("/etc/bigbluebutton/bbb-fsesl-akka.conf", r"^\s*password\s*=\s*\"([^\"]+)\""),
    "graphql": ("/etc/default/bbb-graphql-server", r"^HASURA_GRAPHQL_ADMIN_SECRET=(\S+)$"),
    "etherpad": ("/usr/share/etherpad-lite/APIKEY.txt", r"^(\S+)$"),
}


def found(file: Path, expression: str) -> str | None:
    """The value in a file, if there is one."""
    try:
        match = re.search(expression, file.read_text(), re.MULTILINE)
    except FileNotFoundError:
        return None
    return match.group(1) if match else None


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def exchange(pairs: dict[str, str], what: str) -> None:
    """Exchanges values so that a stop in the middle is made good by the next run."""
    if not pairs:
        return
    save("secrets-pending.json", pairs, 0o600)
    note("secrets-changed")
    tell(replace(pairs), what)


def done() -> None:
    (STATE / "secrets-pending.json").unlink(missing_ok=True)


def main() -> None:
    wanted = sys.stdin.read().strip()
    if not re.fullmatch(r"[A-Za-z0-9]{16,128}", wanted):
        sys.exit("failed: the API secret is not 16 to 128 letters and digits")

    ours = set(load("secrets.json").get("ours", []))
    pending = load("secrets-pending.json")
    if pending:
        ours |= {digest(new) for new in pending.values()}
        exchange(pending, "secrets whose exchange was interrupted")
        save("secrets.json", {"ours": sorted(ours)})
        done()

    pairs = {}
    for name, (file, expression) in MADE_UP.items():
        value = found(Path(file), expression)
        if value is None:
            print(f"no {name} password in {file}")
        elif digest(value) not in ours:
            pairs[value] = secrets.token_hex(24)
    exchange(pairs, "passwords made up by packages")
    ours |= {digest(new) for new in pairs.values()}
    if pairs:
        save("secrets.json", {"ours": sorted(ours)})
        done()

    salt = r"^securitySalt=(.*)$"
    current = found(API_FILE, salt) or found(API_DEFAULT, salt)
    if current != wanted:
        exchange({current: wanted} if current else {}, "the API secret")
        if found(API_FILE, salt) != wanted:
            lines = [line for line in API_FILE.read_text().splitlines() if not line.startswith("securitySalt=")]
            write(API_FILE, ("\n".join([*lines, f"securitySalt={wanted}"]) + "\n").encode())
            note("secrets-changed")
        done()
    else:
        print("the API secret is what it was")

    group = grp.getgrnam("bigbluebutton").gr_gid
    for file in PRIVATE:
        if file.exists() and file.stat().st_mode & 0o007:
            os.chown(file, file.stat().st_uid, group)
            file.chmod(0o640)


main()
