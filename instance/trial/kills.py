"""Stopped in the middle, and disks that are somebody's."""

from __future__ import annotations

import hashlib
import json
import random

from host import run, steps_of
from machine import Machine
from outside import HOST
from scenarios import CONFIGURATION, places_of
from trial import Trial, check, scenario


def result(machine: Machine) -> str:
    """What a server is in the end, but for what is made up anew each time."""
    files = machine.sh(
        f"find {CONFIGURATION} -xdev -type f ! -path '/etc/ssl/*' ! -path '/etc/letsencrypt/*' ! -name pebble.crt "
        "! -path '*/.hand-over.lock' ! -name 'machine-id' -printf '%p %m %u %g\\n' | sort"
    )
    texts = machine.sh(
        "cat /var/lib/bbb-server/identity.json; "
        "findmnt -no TARGET,FSTYPE,SOURCE -l | grep -E 'bbb-data|/var/(big|free|media)' | sort"
    )
    return files + texts


def reached(machine: Machine) -> bool:
    """Whether a step waits at the command at which it is to be killed."""
    return machine.call("test", "-e", "/srv/reached").returncode == 0


@scenario
def killed_at_every_step(trial: Trial) -> None:
    """The stage is killed before a random command of each step: that is told, and run again it ends like one that was not
    disturbed.
    """
    world = trial.world
    world.records[HOST] = world.public
    machine = trial.machine("undisturbed", trial.installed)
    trial.boot(machine)
    machine.sh("echo count 0 >/srv/gate")
    trial.launch(machine)
    check(trial.settle(machine) == "active", trial.last(machine))
    expected = result(machine)
    commands = {step: int(machine.sh(f"cat /srv/commands-{step}")) for step in steps_of("pool")}
    machine.remove()
    trial.machines.remove(machine)

    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    moments = []
    machine = trial.machine("killed", trial.installed)
    trial.boot(machine)
    trial.place_bundle(machine, trial.settings())
    machine.sh("/opt/bbb-server/lib/install-units")
    for step, number in commands.items():
        # What a step finds done already it does not do again: then the moment may not come, and its beginning does.
        for moment in (chance.randint(2, number), 1):
            world.forget()
            machine.sh(f"rm -f /srv/reached; echo {step} {moment} >/srv/gate")
            trial.again(machine, lambda: reached(machine) or trial.state(machine) in ("active", "failed"))
            if reached(machine):
                break
        moments.append(f"{step.partition('-')[0]}:{moment}/{number}")
        machine.call("systemctl", "kill", "--signal", "KILL", "bbb-server.service")
        check(trial.settle(machine) == "failed", f"killed at {step}, command {moment}: {trial.last(machine)}")
        told = [json.dumps(call) for call in world.calls("PutLogEvents")]
        check(
            len(told) == 1 and f"step configure/{step} failed (signal)" in told[0],
            f"seed {seed}: killed at {step}, command {moment}: {told}",
        )
        check(len(world.calls("CompleteLifecycleAction")) == 1, f"killed at {step}: Auto Scaling was not told")
        trial.killed_steps.add(f"configure/{step}")
    trial.figures["killed at (step:command/commands)"] = f"{' '.join(moments)}, seed {seed}"
    machine.sh("rm /srv/gate")
    check(trial.again(machine) == "active", f"seed {seed}: {trial.last(machine)}")
    found = result(machine)
    check(found == expected, f"seed {seed}:\n" + "\n".join(sorted(set(found.splitlines()) ^ set(expected.splitlines()))))
    machine.remove()
    trial.machines.remove(machine)


@scenario
def killed_while_exchanging(trial: Trial) -> None:
    """Killed while values are being exchanged, at forty random moments: the next run finishes it, and no file holds an old
    value or half of one.
    """
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    trial.figures["seed of the random kills"] = str(seed)
    machine = trial.machine("exchange", trial.installed, disk=False)
    trial.boot(machine)
    machine.sh("install -d /var/lib/bbb-server /run/bbb-server")
    before = {place: machine.sh(f"wc -l <{place}") for place in places_of(machine, "192.0.2.1")}
    check(len(before) >= 5, f"the placeholder stands in {before}")
    for number in range(40):
        wanted = json.dumps(
            {"host": f"vc-{number:017x}.meet.example.org", "public": f"198.51.100.{number + 1}", "private": "10.99.0.10"}
        )
        limit = f"{chance.uniform(0.02, 0.4):.3f}"
        machine.call("timeout", "--signal", "KILL", limit, "python3", "/opt/bbb-server/lib/set_identity.py", text=wanted)
        machine.call(
            "timeout", "--signal", "KILL", limit, "python3", "/opt/bbb-server/lib/set_secrets.py", text=f"{number:032}"
        )
    wanted = json.dumps({"host": HOST, "public": "203.0.113.5", "private": "10.99.0.10"})
    for script, text in (("set_identity", wanted), ("set_secrets", "f" * 32)):
        done = machine.call("python3", f"/opt/bbb-server/lib/{script}.py", text=text)
        check(done.returncode == 0, f"seed {seed}: {done.stderr}")
    olds = f"grep -rE '198\\.51\\.100\\.|192\\.0\\.2\\.|vc-000|bbb-server.invalid' {CONFIGURATION}"
    left = machine.call("sh", "-c", olds).stdout
    check(not left, f"seed {seed}: an old value is left: {left}")
    check(
        {place: machine.sh(f"wc -l <{place}") for place in places_of(machine, "203.0.113.5")} == before,
        f"seed {seed}: a file is not whole",
    )
    unfinished = machine.call(
        "sh", "-c", f"ls /var/lib/bbb-server/*pending*; find {CONFIGURATION} -name '*.bbb-server.*~'"
    ).stdout
    check(not unfinished, f"seed {seed}: something is left pending: {unfinished}")
    check(len(places_of(machine, "f" * 32)) == 3, f"seed {seed}: the secret is in {places_of(machine, 'f' * 32)}")
    machine.remove()
    trial.machines.remove(machine)


@scenario
def disks_with_data_are_left_alone(trial: Trial) -> None:
    """A disk that holds anything is left alone to the last byte; one of ours is used with what is on it; two are too many."""
    machine = trial.machine("disks", trial.installed, disk=False)
    foreign = {
        # Not every kernel reads the table by itself.
        "a partition table": "sfdisk -q DISK <<<'label: gpt\n,50M' && partx --update DISK",
        "another file system": "mkfs.ext4 -q -L photos DISK",
        "a file system of another kind": "mkfs.xfs -q -f -m crc=0 DISK || mkfs.ext2 -q -L bbb-data DISK",
        "an LVM volume": "printf 'LABELONE' | dd of=DISK bs=1 seek=512 conv=notrunc status=none",
        "bytes that mean nothing to anyone": "printf 'x' | dd of=DISK bs=1 seek=3000000 conv=notrunc status=none",
        "bytes at the end": "printf 'x' | dd of=DISK bs=1 seek=134217000 conv=notrunc status=none",
    }
    images = {}
    for number, (what, command) in enumerate(foreign.items()):
        image = machine.folder / f"foreign-{number}"
        with image.open("wb") as file:
            file.truncate(128 * 1024 * 1024)
        device = machine.attach(f"vol{number:017x}", image)
        run("bash", "-c", command.replace("DISK", device))
        images[what] = (f"vol{number:017x}", image, device)
    blank = trial.blank_disk(machine)
    ours = machine.attach("vol0aaaaaaaaaaaaaaaa", blank)
    trial.boot(machine)
    trial.place_bundle(machine, trial.settings())
    machine.sh("install -d /run/bbb-server")
    step = ["env", "BBB_SERVER=/opt/bbb-server", "BBB_SERVER_PACE=0", "bash", "/opt/bbb-server/configure.d/20-data-disk"]
    several = machine.call(*step)
    check(several.returncode and "which is the data volume?" in several.stderr, f"{several.stderr}")
    for what, (volume, image, device) in images.items():
        run("sync")
        before = hashlib.sha256(image.read_bytes()).hexdigest()
        machine.sh(
            "sed -i '/^DATA_VOLUME/d' /etc/bbb-server/settings; "
            f"echo DATA_VOLUME={volume.replace('vol', 'vol-')} >>/etc/bbb-server/settings"
        )
        done = machine.call(*step)
        check(done.returncode and "was left alone" in done.stderr, f"a disk with {what}: {done.stdout}{done.stderr}")
        run("blockdev", "--flushbufs", device)
        check(hashlib.sha256(image.read_bytes()).hexdigest() == before, f"a disk with {what} was changed")
    machine.sh(
        "sed -i '/^DATA_VOLUME/d' /etc/bbb-server/settings; echo DATA_VOLUME=vol-0aaaaaaaaaaaaaaaa >>/etc/bbb-server/settings"
    )
    run("mkfs.ext4", "-q", "-L", "bbb-data", ours)
    run(
        "bash",
        "-c",
        f"d=$(mktemp -d); mount {ours} $d; mkdir -p $d/var/bigbluebutton/published; "
        "echo kept >$d/var/bigbluebutton/published/lesson; umount $d",
    )
    done = machine.call(*step)
    check(done.returncode == 0, f"our own disk: {done.stdout}{done.stderr}")
    check(machine.sh("cat /var/bigbluebutton/published/lesson").strip() == "kept", "what was on our own disk is gone")
    check(
        machine.sh("stat -c %U /var/bigbluebutton/recording").strip() == "bigbluebutton", "the package's folders are not there"
    )
    check(machine.call(*step).returncode == 0, "a second time")

    # The system's own disk is no candidate, though its volume is attached like any other. The machine's root being an
    # overlay, its number is pretended.
    system, _, device = images["a partition table"]
    number = run("lsblk", "--noheadings", "--output", "MAJ:MIN", f"{device}p1").stdout.strip()
    machine.call(
        "sh",
        "-c",
        "cat >/usr/local/bin/mountpoint; chmod +x /usr/local/bin/mountpoint",
        text=f'#!/bin/sh\n[ "$1" != --fs-devno ] || {{ echo {number}; exit; }}\nexec /usr/bin/mountpoint "$@"\n',
    )
    machine.sh(
        f"cd /dev/disk/by-id; for link in *; do case $link in *{system} | *aaaa) ;; *) rm $link ;; esac; done; "
        "sed -i '/^DATA_VOLUME/d' /etc/bbb-server/settings"
    )
    done = machine.call(*step)
    check(done.returncode == 0 and "vol0aaaaaaaaaaaaaaaa" in done.stdout, f"beside the system's: {done.stdout}{done.stderr}")
    machine.remove()
    trial.machines.remove(machine)
