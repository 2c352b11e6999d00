"""What is tried: each scenario is a function, the first line of its documentation its name. They build on each other in
this order.
"""

from __future__ import annotations

import hashlib
import re
import time

import importer
from host import INSTANCE_FOLDER
from machine import Machine
from outside import API_SECRET, HOST, INSTANCE, TURN_SECRET
from report import steps, table
from trial import ALL, API_SECRET_ARN, Trial, check, scenario

# Where a value would be configuration, as a shell pattern; what was written by a trial's stand-ins only to tell is not.
CONFIGURATION = (
    "/etc /opt/freeswitch /usr/local/bigbluebutton /usr/share/bbb-web /usr/share/etherpad-lite /lib/systemd/system /root"
)


def places_of(machine: Machine, word: str) -> list[str]:
    """The configuration files that hold a word."""
    return machine.call("sh", "-c", f"grep -rlF -f - {CONFIGURATION} 2>/dev/null", text=f"{word}\n").stdout.split()


def fingerprint(machine: Machine) -> str:
    """All configuration, but for what systemd, certificates' logs and the like write by themselves."""
    not_ours = [
        "*/www/*",
        "/etc/ssl/*",
        "/etc/bbb-server/*",
        "/etc/letsencrypt/*",
        "*/resolv.conf",
        "*/pebble.crt",
        "*/recording/*",
    ]
    paths = " ".join(f"! -path '{path}'" for path in not_ours)
    places = f"{CONFIGURATION} /var/lib/bbb-server /mnt/bbb-data"
    return machine.sh(f"find {places} -xdev -type f {paths} -printf '%p %m %u %g ' -exec sha256sum {{}} \\; | sort")


@scenario(always=True)
def installs(trial: Trial) -> None:
    """The install stage runs on a fresh machine, and its result is an image; it refuses what is not pinned, and the pins can be
    looked up.
    """
    machine = trial.machine("packages", trial.base, disk=False)
    trial.boot(machine)
    trial.place_bundle(machine, "ROLE=image\nBBB_VERSION=jammy-300")
    machine.sh("cd /opt/bbb-server && BBB_SERVER=/opt/bbb-server bash install.d/10-packages")
    machine.off()
    trial.packaged = [machine.upper, *trial.base]

    machine = trial.machine("install", trial.packaged, disk=False)
    trial.boot(machine)
    pins = machine.sh("cat /opt/bbb-server/pins")
    machine.sh("sed -i 's/^\\(BBB_INSTALL_COMMIT\\|EFS_UTILS_KEY\\)=.*/\\1=/' /opt/bbb-server/pins")
    done = machine.call("/opt/bbb-server/install")
    check(
        done.returncode and "does not say what to install: BBB_INSTALL_COMMIT EFS_UTILS_KEY" in done.stderr,
        f"it installs what is not pinned: {done.stdout[-1000:]}{done.stderr[-1000:]}",
    )
    trial.failed_steps.add("install/05-pins")
    machine.sh("sh /opt/bbb-server/pin")
    check(machine.sh("cat /opt/bbb-server/pins") == pins, "the pins that are looked up are others")

    machine.sh("mount --bind /etc/machine-id /etc/machine-id && mount -o remount,bind,ro /etc/machine-id")
    done = machine.call("/opt/bbb-server/install")
    check(done.returncode and "Read-only file system" in done.stderr, f"sealed what it cannot seal: {done.stderr[-1000:]}")
    check(machine.sh("cat /run/bbb-server/step").strip() == "install/90-seal", "another step failed")
    trial.failed_steps.add("install/90-seal")
    machine.sh("umount /etc/machine-id; printf 'ROLE=image\nBBB_VERSION=jammy-300\n' >/etc/bbb-server/settings")
    done = machine.call("/opt/bbb-server/install")
    check(done.returncode == 0, f"install: {done.stdout[-3000:]}{done.stderr[-2000:]}")
    trial.passed_steps.update(re.findall(r"^== \S+ (\S+)$", done.stdout, re.MULTILINE))
    installed = machine.sh("cat /etc/bbb-server/installed")
    for name in ("STAGE", "BBB_VERSION=jammy-300", "BBB_INSTALL", "CLOUDWATCH_AGENT", "EFS_UTILS=3.3.0-1"):
        check(name in installed, f"{name} is not in {installed}")
    units = machine.sh("ls /etc/systemd/system/bbb-server*").split()
    verified = machine.call("systemd-analyze", "verify", *(unit for unit in units if unit.endswith((".service", ".timer"))))
    check(verified.returncode == 0 and not verified.stderr, f"systemd-analyze verify: {verified.stderr}")
    machine.off()
    trial.installed = [machine.upper, *trial.packaged]


@scenario
def templates_agree(trial: Trial) -> None:
    """The user data in the templates are those that are tried here."""
    text = [line.strip() for line in (INSTANCE_FOLDER / "user-data.sh").read_text().splitlines()]
    for name in ("application", "single-server", "turn"):
        template = (INSTANCE_FOLDER.parent / f"templates/{name}.yaml").read_text()
        lines = [line.strip() for line in template.splitlines()]
        begins = [number for number, line in enumerate(lines) if line == text[0] and lines[number : number + len(text)] == text]
        check(len(begins) == 1, f"templates/{name}.yaml has other user data than instance/user-data.sh")


@scenario
def page_is_true(trial: Trial) -> None:
    """The page about the server has a row for each step and names each scenario."""
    check(sorted(table()) == sorted(steps()), f"rows and steps differ: {sorted(set(table()) ^ set(steps()))}")
    text = " ".join((INSTANCE_FOLDER.parent / "docs/bbb-server.md").read_text().split())
    missing = [each.title for each in ALL if f"- {each.title}." not in text]
    check(not missing, f"not named: {missing}")


@scenario
def image_is_nobodys(trial: Trial) -> None:
    """The image holds no secret, no settings, no keys and no machine's id."""
    uppers = trial.installed[:2]
    for path in (
        "etc/bbb-server/settings",
        "etc/ssh/ssh_host_rsa_key",
        "var/lib/bbb-server/secrets.json",
        "var/lib/bbb-server/failure",
    ):
        # What is removed from a layer below is a device in this one.
        check(not (uppers[0] / path).is_file(), f"{path} is in the image")
    check((uppers[0] / "etc/machine-id").stat().st_size == 0, "the image has a machine id")
    words = [word.encode() for word in (API_SECRET, TURN_SECRET, HOST, INSTANCE)]
    for file in (file for upper in uppers for file in upper.rglob("*") if file.is_file() and not file.is_symlink()):
        text = file.read_bytes()
        check(not any(word in text for word in words), f"a server's secret or name is in {file}")


@scenario(always=True)
def becomes_ready(trial: Trial) -> None:
    """A server from the image becomes ready: its user data, a blank disk, a name that comes late, a real certificate."""
    world = trial.world
    made_up = re.findall(r"static-auth-secret=(\S+)", (trial.installed[0] / "etc/turnserver.conf").read_text())
    made_up.append((trial.installed[0] / "usr/share/etherpad-lite/APIKEY.txt").read_text().strip())
    trial.watch([API_SECRET, TURN_SECRET])
    machine = trial.server = trial.machine("server", trial.installed)
    world.forget()
    trial.boot(machine)
    began = time.monotonic()
    trial.launch(machine)
    machine.wait(lambda: "configure/60-name" in trial.log(machine), 180, "does not come to its name")
    check(not machine.call("test", "-e", "/run/bbb-server/configured").returncode == 0, "configured before it has a name")
    world.records[HOST] = world.public
    check(trial.settle(machine) == "active", trial.last(machine))
    check("== " in trial.log(machine) and "install/" not in trial.log(machine), "it installs what the image has")
    trial.figures["from image to ready, on this machine"] = f"{time.monotonic() - began:.0f} s"
    trial.figures["user data"] = f"{len(trial.user_data())} bytes of 16384"
    trial.figures["bundle"] = f"{len(trial.bundle)} bytes"

    machine.wait(lambda: (trial.status() or {}).get("ready") is True, 60, "does not say that it is ready")
    status = trial.status()
    check(status["version"] == 1 and status["recordings"] == {"unfinished": 0}, f"the status is {status}")
    check(not world.calls("CompleteLifecycleAction"), "a server that is ready leaves the hook to the pool's function")
    check(trial.outside.issued() == 1, "one certificate was issued")
    for word in ("bbb-server.invalid", "192.0.2.1", "192.0.2.2", *made_up):
        check(not places_of(machine, word), f"{word[:12]} still stands in {places_of(machine, word)}")
    holders = set(places_of(machine, API_SECRET))
    check(
        holders
        == {"/etc/bigbluebutton/bbb-web.properties", "/etc/bigbluebutton/bbb-apps-akka.conf"}
        | {"/usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties"},
        f"the secret is in {holders}",
    )
    check(
        machine.sh("stat -c '%a %G' /etc/bigbluebutton/bbb-web.properties").strip() == "640 bigbluebutton",
        "the secret is readable by all",
    )
    check(
        "bbb-data"
        in machine.sh("findmnt -no LABEL /mnt/bbb-data; blkid -o value -s LABEL $(findmnt -no SOURCE /mnt/bbb-data)"),
        "no data disk",
    )
    asked = machine.sh("cat /var/log/stand-ins/efs")
    check("tls,iam,accesspoint=fsap-0123456789abcdef0" in asked, f"EFS was asked {asked}")
    check(machine.sh("ss -ltn").count(f"{world.public}:5066") == 1, "FreeSWITCH does not listen on the public address")
    check(f"-d {world.public}/32" in machine.sh("iptables -t nat -S OUTPUT"), "TURN does not reach FreeSWITCH")


@scenario
def runs_twice(trial: Trial) -> None:
    """The stages run again on a server that is ready, and change nothing and restart nothing."""
    machine = trial.server
    before, process = fingerprint(machine), machine.sh("systemctl show -p MainPID --value bbb-web coturn haproxy")
    check(trial.again(machine) == "active", trial.last(machine))
    after = fingerprint(machine)
    check(before == after, "\n".join(sorted(set(before.splitlines()) ^ set(after.splitlines()))))
    check(process == machine.sh("systemctl show -p MainPID --value bbb-web coturn haproxy"), "something was restarted")
    check(trial.outside.issued() == 1, "another certificate was issued")


def recording(machine: Machine, number: int, *files: str) -> str:
    """Makes files of a recording; {id} is its id."""
    identity = f"{hashlib.sha1(str(number).encode()).hexdigest()}-17770000000{number:02}"
    for file in files:
        path = f"/var/bigbluebutton/{file.format(id=identity)}"
        machine.sh(
            f"install -d -o bigbluebutton -g bigbluebutton $(dirname {path}); runuser -u bigbluebutton -- touch {path}"
            if not path.endswith("/")
            else f"runuser -u bigbluebutton -- mkdir -p {path}"
        )
    return identity


def metadata_of(identity: str, form: str) -> str:
    """The metadata.xml of a published format, with all that BigBlueButton writes and Scalelite reads."""
    link, image = f"https://{HOST}/playback/{form}/2.3/{identity}", f"https://{HOST}/{form}/{identity}/thumb-1.png"
    return (
        f"<recording><id>{identity}</id><state>published</state><published>true</published>"
        "<start_time>1777000000000</start_time><end_time>1777003600000</end_time><participants>3</participants>"
        f"<meeting id='{identity}' externalId='lesson' name='A lesson' breakout='false'/>"
        "<meta><meetingId>lesson</meetingId><meetingName>A lesson</meetingName><isBreakout>false</isBreakout></meta>"
        f"<playback><format>{form}</format><link>{link}</link><duration>3600000</duration><extensions><preview><images>"
        f"<image width='176' height='136' alt='Slide'>{image}</image></images></preview></extensions></playback></recording>"
    )


@scenario
def recordings_are_counted_and_handed_over(trial: Trial) -> None:
    """Recordings count as unfinished in every stage, and no longer once they have arrived in the spool; what arrived is what
    Scalelite's importer takes.
    """
    machine = trial.server
    # Nobody else writes it meanwhile.
    machine.sh("systemctl stop bbb-server-status.timer bbb-server-status.service bbb-server-hand-over.timer")

    def count() -> int:
        machine.sh("systemctl start bbb-server-status.service")
        return trial.status()["recordings"]["unfinished"]

    stages = ("recorded", "ended", "archived", "sanity", "processed")
    for number, stage in enumerate(stages):
        recording(machine, number, "recording/status/" + stage + "/{id}.done")
        check(count() == number + 1, f"a recording that is {stage} does not count")
    machine.sh("rm /var/bigbluebutton/recording/status/{recorded,ended,archived,sanity,processed}/*")
    check(count() == 0, "nothing is left")

    between = recording(machine, 20)
    machine.sh(
        "redis-cli sadd resque:queues rap:archive; "
        f'redis-cli rpush resque:queue:rap:archive \'{{"args":[{{"meeting_id":"{between}"}}]}}\''
    )
    check(count() == 1, "a recording in the queue does not count")
    machine.sh("redis-cli flushall")
    recording(machine, 21, "recording/raw/{id}/", "recording/status/archived/{id}.norecord")
    check(count() == 0, "a meeting that nobody marked counts")
    recording(machine, 22, "recording/raw/{id}/")
    check(count() == 1, "raw media do not count")

    published = recording(machine, 22, "recording/status/published/{id}-presentation.done", "published/presentation/{id}/")
    metadata = metadata_of(published, "presentation")
    machine.call("sh", "-c", f"cat >/var/bigbluebutton/published/presentation/{published}/metadata.xml", text=metadata)
    check(count() == 1, "a published recording that has not arrived does not count")
    hand_over = "runuser -u bigbluebutton -- ruby /usr/local/bigbluebutton/core/scripts/post_publish/hand_over.rb"
    machine.sh("umount /var/bigbluebutton/spool")
    check(machine.call("sh", "-c", f"{hand_over} -m {published} -f presentation").returncode != 0, "handed over into nothing")
    check(count() == 1, "a recording is lost")
    machine.sh("systemctl restart 'var-bigbluebutton-spool.mount'")
    half = recording(machine, 24, "published/video/{id}/")
    machine.sh(f"echo '<recording/>' >/var/bigbluebutton/published/video/{half}/metadata.xml")
    machine.sh("systemctl start bbb-server-hand-over.service")
    archive = machine.sh(f"tar -tf /srv/efs/{published}-presentation.tar").split()
    check(f"presentation/{published}/metadata.xml" in archive, f"the archive holds {archive}")
    check(machine.sh("ls -A /srv/efs").split() == [f"{published}-presentation.tar"], "what is being published is handed over")
    check(count() == 1, "a recording that arrived still counts, or one that is being published does not")
    machine.sh(f"rm -r /var/bigbluebutton/published/video/{half}")
    arrived = machine.sh(f"stat -c %i /srv/efs/{published}-presentation.tar")
    machine.sh(f"{hand_over} -m {published} -f presentation")
    check(arrived == machine.sh(f"stat -c %i /srv/efs/{published}-presentation.tar"), "it was handed over twice")
    check(not machine.sh("ls /var/bigbluebutton/published/presentation"), "what arrived is still listed as published here")
    played = trial.work / "played"
    [taken] = importer.import_all(machine.root / "srv/efs", played)
    seen = (taken.recording, taken.format, taken.meeting, taken.minutes)
    check(seen == (published, "presentation", "lesson", 60), f"Scalelite has {taken}")
    check((played / "presentation" / published / "metadata.xml").read_text() == metadata, "Scalelite has other metadata")
    check(machine.sh("ls -A /srv/efs") == "" and count() == 0, "the archive is still in the spool, or was forgotten here")
    failed = recording(machine, 23, "recording/status/processed/{id}-presentation.fail", "recording/raw/{id}/")
    check(count() == 1, "a recording that failed, and could be rescued, does not count")
    machine.sh(
        f"rm -r /var/bigbluebutton/recording/raw/{failed} /var/bigbluebutton/recording/status/processed/*; "
        "systemctl stop redis-server"
    )
    written = trial.status()["written"]
    check(
        machine.call("systemctl", "start", "bbb-server-status.service").returncode != 0, "a status without knowing the queues"
    )
    check(trial.status()["written"] == written, "what could not be known was published")
    machine.sh("systemctl start redis-server && systemctl reset-failed bbb-server-status.service")
    machine.sh("systemctl start bbb-server-status.timer bbb-server-hand-over.timer")


@scenario
def another_secret(trial: Trial) -> None:
    """Another API secret takes the old one's place everywhere, and back."""
    machine, other = trial.server, "0" * 20 + "anotherSecret"
    for old, new in ((API_SECRET, other), (other, API_SECRET)):
        trial.world.secrets[API_SECRET_ARN] = new
        check(trial.again(machine) == "active", trial.last(machine))
        check(not places_of(machine, old), f"the old secret is in {places_of(machine, old)}")
        machine.wait(lambda new=new: (trial.status(secret=new) or {}).get("ready"), 60, "no status under the new name")
        check(trial.status(secret=old) is None, "the status is still under the old name")


@scenario
def another_address(trial: Trial) -> None:
    """Power is cut, and the server starts with another public address: it stands everywhere, and the old one nowhere."""
    machine, world, old = trial.server, trial.world, trial.world.public
    issued, ran = trial.outside.issued(), trial.log(machine).count("configure/60-name")
    machine.kill()
    world.public = "203.0.113.77"
    trial.boot(machine)
    machine.wait(lambda: trial.log(machine).count("configure/60-name") > ran, 120, "does not come to its name")
    world.records[HOST] = world.public
    check(trial.settle(machine) == "active", trial.last(machine))
    check(not places_of(machine, old), f"{old} still stands in {places_of(machine, old)}")
    for place in (
        "/opt/freeswitch/etc/freeswitch/vars.xml",
        "/etc/bigbluebutton/bbb-webrtc-sfu/production.yml",
        "/etc/turnserver.conf",
        "/lib/systemd/system/dummy-nic.service",
        "/etc/iptables/rules.v4",
    ):
        check(place in places_of(machine, world.public), f"{place} does not have the new address")
    check(
        old not in machine.sh("ip address show dev lo") and world.public in machine.sh("ip address show dev lo"),
        "the loopback interface",
    )
    rules = machine.sh("iptables -t nat -S OUTPUT")
    check(old not in rules and rules.count(world.public) == 1, f"the rules are {rules}")
    check(machine.sh("ss -ltn").count(f"{world.public}:5066") == 1, "FreeSWITCH does not listen on the new address")
    machine.wait(lambda: (trial.status() or {}).get("ready") is True, 60, "not ready")
    check(trial.outside.issued() == issued, "another certificate was issued for the same name")
    machine.sh("mountpoint /var/bigbluebutton && mountpoint /var/bigbluebutton/spool")


@scenario
def nothing_leaks(trial: Trial) -> None:
    """No secret is in an argument, an environment, a unit, a log, the console, or a file that is not BigBlueButton's own
    configuration.
    """
    machine = trial.server
    local = re.search(r"static-auth-secret=(\S+)", machine.sh("cat /etc/turnserver.conf")).group(1)
    trial.search(
        machine,
        {"API secret": API_SECRET, "deployment's TURN secret": TURN_SECRET, "own TURN secret": local},
        r"^/etc/bigbluebutton/(bbb-web\.properties|bbb-apps-akka\.conf)$|^/usr/share/bbb-web/WEB-INF/classes/|^/etc/turnserver\.conf$",
    )
    check(API_SECRET not in trial.user_data() and TURN_SECRET not in trial.user_data(), "a secret is in the user data")
