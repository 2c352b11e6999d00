"""What goes wrong, seen to be told and made good."""

from __future__ import annotations

import hashlib
import json
import random
import re

from machine import INSTANCE_FOLDER, Machine, run
from outside import GROUP, HOST, INSTANCE
from scenarios import CONFIGURATION, places_of
from trial import TURN_SECRET_ARN, Trial, check, scenario


def expect_failure(trial: Trial, machine: Machine, step: str, reason: str) -> None:
    """The stages end at this step, and it is told: to the console, the log group and Auto Scaling, with the reason in the
    log's last lines.
    """
    check(trial.state(machine) == "failed", f"{step} did not fail: {trial.last(machine)}")
    told = [json.dumps(call) for call in trial.world.calls("PutLogEvents")]
    check(
        len(told) == 1 and f"step {step} failed" in told[0] and reason in told[0], f"for {step} the log group was told {told}"
    )
    actions = trial.world.calls("CompleteLifecycleAction")
    expected = {
        "AutoScalingGroupName": GROUP,
        "LifecycleHookName": "launch",
        "InstanceId": INSTANCE,
        "LifecycleActionResult": "ABANDON",
    }
    check(len(actions) == 1 and actions[0].items() >= expected.items(), f"for {step} Auto Scaling was told {actions}")
    machine.wait(lambda: f"step {step} failed" in machine.console.read_text(errors="replace"), 10, "nothing on the console")
    check(machine.call("test", "-e", "/run/bbb-server/configured").returncode != 0, "it counts as configured")
    trial.failed_steps.add(step)


@scenario
def every_install_step_fails(trial: Trial) -> None:
    """Each step of the install stage fails once, is told, and the server is set up when the fault is gone: without an
    image, from the bare system.
    """
    world, artefacts = trial.world, trial.world.artefacts
    machine = trial.machine("bare", trial.base)
    world.records[HOST] = world.public
    trial.boot(machine)
    agent = "amazoncloudwatch-agent.s3.amazonaws.com/ubuntu/amd64/latest/amazon-cloudwatch-agent.deb"
    release = next(name for name in artefacts if name.endswith("InRelease"))
    good = dict(artefacts)
    packages = "/opt/bbb-server/install.d/10-packages"
    faults = [
        (
            "install/10-packages",
            "Unable to locate package no-such-package",
            f"sed -i 's/^packages awscli/packages no-such-package awscli/' {packages}",
            f"sed -i 's/no-such-package //' {packages}",
        ),
        (
            "install/20-cloudwatch-agent",
            "is not signed by",
            lambda: artefacts.update({agent: good[agent] + b"x"}),
            lambda: artefacts.update(good),
        ),
        (
            "install/30-efs-client",
            "is not signed",
            lambda: artefacts.update({release: good[release].replace(b"Suite", b"Suita")}),
            lambda: artefacts.update(good),
        ),
        (
            "install/40-bigbluebutton",
            "the package haproxy is not installed",
            "mkdir -p /srv/faults; touch /srv/faults/no-haproxy",
            "rm /srv/faults/no-haproxy",
        ),
        (
            "install/50-recordings",
            "couldn't find remote ref refs/tags/v0",
            "sed -i s/=v1.8.5/=v0/ /opt/bbb-server/pins",
            "sed -i s/=v0/=v1.8.5/ /opt/bbb-server/pins",
        ),
        (
            "install/60-units",
            "bbb-server-status.timer is masked",
            "mv /opt/bbb-server/files/bbb-server-status.timer /srv/; "
            "rm -f /etc/systemd/system/bbb-server-status.timer; systemctl mask bbb-server-status.timer",
            "systemctl unmask bbb-server-status.timer; mv /srv/bbb-server-status.timer /opt/bbb-server/files/",
        ),
    ]
    first = True
    for step, reason, fault, mend in faults:
        world.forget()
        if first:
            # The bundle is fetched with the tools of the distribution; only then there is a step to break.
            trial.place_bundle(machine, trial.settings())
            machine.sh("apt-get -q update && apt-get -yq install --no-install-recommends awscli")
        fault() if callable(fault) else machine.sh(fault)
        if first:
            trial.launch(machine)
            trial.settle(machine)
        else:
            trial.again(machine)
        first = False
        expect_failure(trial, machine, step, reason)
        mend() if callable(mend) else machine.sh(mend)
    world.forget()
    check(trial.again(machine) == "active", trial.last(machine))
    machine.wait(lambda: (trial.status() or {}).get("ready") is True, 60, "not ready")
    machine.remove()
    trial.machines.remove(machine)


@scenario
def every_configure_step_fails(trial: Trial) -> None:
    """Each step of the configure stage fails once, is told, and the server becomes ready when the fault is gone."""
    world = trial.world
    machine = trial.machine("faults", trial.installed)
    device = machine.disks[0][2]
    world.records.pop(HOST, None)
    trial.boot(machine)
    public = world.public

    def break_disk() -> None:
        machine.sh(f"printf data | dd of={device} bs=1 seek=100000 conv=notrunc status=none")

    def deny(operation: str):
        return lambda: world.denied.add(operation)

    settings = "/etc/bbb-server/settings"
    faults = [
        ("configure/10-logs", "agent: no credentials", "mkdir -p /srv/faults; touch /srv/faults/agent", "rm /srv/faults/agent"),
        (
            "configure/20-data-disk",
            "holds something that is not ours",
            break_disk,
            f"dd if=/dev/zero of={device} bs=1M count=1 conv=notrunc status=none",
        ),
        ("configure/30-spool", "access denied by server", "touch /srv/faults/efs", "rm /srv/faults/efs"),
        ("configure/40-secrets", "AccessDenied", deny("GetSecretValue"), world.denied.clear),
        (
            "configure/50-addresses",
            "no public IPv4 address",
            lambda: setattr(world, "public", ""),
            lambda: setattr(world, "public", public),
        ),
        ("configure/60-name", f"is '' and not {public}", lambda: None, lambda: world.records.update({HOST: public})),
        (
            "configure/70-certificate",
            "acme.trial",
            trial.outside.stop_acme,
            lambda: (trial.outside.start_acme(), trial.trust(machine)),
        ),
        (
            "configure/75-turn-servers",
            "the TURN secret is not",
            f"printf 'TURN_HOST=turn.{HOST}\\nTURN_SECRET_ARN={TURN_SECRET_ARN}x\\n' >>{settings}",
            f"sed -i '/^TURN_/d' {settings}",
        ),
        (
            "configure/80-web",
            "nginx does not take",
            "sed -i 's/autoindex/no-such-directive/' /opt/bbb-server/files/pool-status.nginx",
            "sed -i 's/no-such-directive/autoindex/' /opt/bbb-server/files/pool-status.nginx",
        ),
        (
            "configure/90-healthy",
            "freeswitch is not active",
            "systemctl mask --runtime --now freeswitch",
            "systemctl unmask freeswitch",
        ),
    ]
    world.secrets[f"{TURN_SECRET_ARN}x"] = "not a secret"
    first = True
    for step, reason, fault, mend in faults:
        world.forget()
        fault() if callable(fault) else machine.sh(fault)
        if first:
            trial.launch(machine)
            trial.settle(machine)
        else:
            trial.again(machine)
        first = False
        expect_failure(trial, machine, step, reason)
        mend() if callable(mend) else machine.sh(mend)
    world.forget()
    check(trial.again(machine) == "active", trial.last(machine))
    machine.wait(lambda: (trial.status() or {}).get("ready") is True, 60, "not ready")
    check(not trial.world.calls("CompleteLifecycleAction"), "the hook is the pool's")
    world.hook_active = False
    machine.sh("touch /srv/faults/agent")
    check(trial.again(machine) == "failed", "it did not fail")
    told = machine.sh("cat /var/log/bbb-server/failure.log")
    check("Auto Scaling does not wait for this server" in told, told[-500:])
    world.hook_active = True
    machine.remove()
    trial.machines.remove(machine)


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


@scenario
def killed_at_every_step(trial: Trial) -> None:
    """The stage is killed as soon as each step has begun: that is told, and run again it ends like one that was not
    disturbed.
    """
    world = trial.world
    world.records[HOST] = world.public
    expected = None
    machine = trial.machine("undisturbed", trial.installed)
    trial.boot(machine)
    trial.launch(machine)
    check(trial.settle(machine) == "active", trial.last(machine))
    expected = result(machine)
    machine.remove()
    trial.machines.remove(machine)

    machine = trial.machine("killed", trial.installed)
    trial.boot(machine)
    steps = steps_of_the_pool()
    for number, step in enumerate(steps):
        world.forget()
        if number == 0:
            trial.launch(machine)
        else:
            machine.call("systemctl", "reset-failed", "bbb-server.service", "bbb-server-failed.service")
            machine.call("systemctl", "restart", "--no-block", "bbb-server.service")
        machine.wait(
            lambda step=step: machine.call("cat", "/run/bbb-server/step").stdout.strip() == step,
            120,
            f"does not come to {step}",
        )
        machine.call("systemctl", "kill", "--signal", "KILL", "bbb-server.service")
        trial.settle(machine)
        told = [json.dumps(call) for call in world.calls("PutLogEvents")]
        check(len(told) == 1 and re.search(r"step \S+ failed \(signal\)", told[0]), f"killed at {step}: {told}")
        check(len(world.calls("CompleteLifecycleAction")) == 1, f"killed at {step}: Auto Scaling was not told")
    world.forget()
    check(trial.again(machine) == "active", trial.last(machine))
    found = result(machine)
    check(found == expected, "\n".join(sorted(set(found.splitlines()) ^ set(expected.splitlines()))))
    machine.remove()
    trial.machines.remove(machine)


def steps_of_the_pool() -> list[str]:
    """The configure stage's steps, as they name themselves."""
    return [
        f"configure/{file.name}"
        for file in sorted((INSTANCE_FOLDER / "configure.d").iterdir())
        if "pool" in re.search(r"^# For: (.*)$", file.read_text(), re.MULTILINE).group(1)
    ]


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
    check(
        not machine.call(
            "sh", "-c", f"grep -rlE '198\\.51\\.100\\.|192\\.0\\.2\\.|vc-000|bbb-server.invalid' {CONFIGURATION}"
        ).stdout.split(),
        f"seed {seed}: an old value is left",
    )
    check(
        {place: machine.sh(f"wc -l <{place}") for place in places_of(machine, "203.0.113.5")} == before,
        f"seed {seed}: a file is not whole",
    )
    check(not machine.call("sh", "-c", "ls /var/lib/bbb-server/*pending*").stdout, f"seed {seed}: something is left pending")
    check(len(places_of(machine, "f" * 32)) == 3, f"seed {seed}: the secret is in {places_of(machine, 'f' * 32)}")
    machine.remove()
    trial.machines.remove(machine)


@scenario
def disks_with_data_are_left_alone(trial: Trial) -> None:
    """A disk that holds anything is left alone to the last byte; one of ours is used with what is on it; two are too many."""
    machine = trial.machine("disks", trial.installed, disk=False)
    foreign = {
        "a partition table": "sfdisk -q DISK <<<'label: gpt\n,50M'",
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


@scenario
def bundle_cannot_be_fetched(trial: Trial) -> None:
    """Without its bundle a server of the pool says so on its console and ends itself; a bundle that is not the one asked
    for is not run.
    """
    for name, change in (("gone", {}), ("tampered", {f"instance/{trial.bundle_id}.tar.gz": trial.bundle + b"x"})):
        objects = dict(trial.world.objects)
        trial.world.objects.clear()
        trial.world.objects.update(change)
        machine = trial.machine(name, trial.installed, disk=False)
        trial.boot(machine)
        machine.sh("rm -r /opt/bbb-server; printf '#!/bin/sh\n' >/usr/local/bin/sleep; chmod +x /usr/local/bin/sleep")
        machine.call("bash", "-s", text=trial.user_data())
        machine.wait(lambda machine=machine: machine.process.poll() is not None, 60, "does not end")
        check("cannot be fetched" in machine.console.read_text(errors="replace"), "nothing on the console")
        check(not (machine.root / "opt/bbb-server").exists(), "something was unpacked")
        trial.world.objects.update(objects)
        machine.remove()
        trial.machines.remove(machine)
