"""What goes wrong, seen to be told and made good."""

from __future__ import annotations

import json

from machine import Machine
from outside import GROUP, HOST, INSTANCE
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


def go_through(trial: Trial, machine: Machine, faults: list[tuple]) -> None:
    """Sets the machine up once for each fault (a step, what is to be told, how to break and to mend), the first time by its
    user data.
    """
    for number, (step, reason, fault, mend) in enumerate(faults):
        trial.world.forget()
        fault() if callable(fault) else machine.sh(fault)
        if number:
            trial.again(machine)
        else:
            trial.launch(machine)
            trial.settle(machine)
        expect_failure(trial, machine, step, reason)
        mend() if callable(mend) else machine.sh(mend)


@scenario
def every_install_step_fails(trial: Trial) -> None:
    """Each step of the install stage fails once, is told, and the server is set up when the fault is gone: without an
    image.
    """
    world, artefacts = trial.world, trial.world.artefacts
    machine = trial.machine("bare", trial.packaged)
    world.records[HOST] = world.public
    trial.boot(machine)
    agent = "amazoncloudwatch-agent.s3.amazonaws.com/ubuntu/amd64/latest/amazon-cloudwatch-agent.deb"
    release = next(name for name in artefacts if name.endswith("InRelease"))
    good = dict(artefacts)
    packages = "/opt/bbb-server/install.d/10-packages"
    faults = [
        (
            "install/05-pins",
            "does not say what to install: EFS_UTILS_KEY",
            "cp /opt/bbb-server/pins /srv/; sed -i 's/^EFS_UTILS_KEY=.*/EFS_UTILS_KEY=/' /opt/bbb-server/pins",
            "mv /srv/pins /opt/bbb-server/pins",
        ),
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
            "which says where its recordings are",
            "mv /usr/local/bigbluebutton/core/scripts/bigbluebutton.yml /srv/",
            "mv /srv/bigbluebutton.yml /usr/local/bigbluebutton/core/scripts/",
        ),
        (
            "install/60-units",
            "bbb-server-status.timer is masked",
            "mv /opt/bbb-server/files/bbb-server-status.timer /srv/; "
            "rm -f /etc/systemd/system/bbb-server-status.timer; systemctl mask bbb-server-status.timer",
            "systemctl unmask bbb-server-status.timer; mv /srv/bbb-server-status.timer /opt/bbb-server/files/",
        ),
    ]
    trial.place_bundle(machine, trial.settings())
    go_through(trial, machine, faults)
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
            "systemctl unmask --runtime freeswitch",
        ),
    ]
    world.secrets[f"{TURN_SECRET_ARN}x"] = "not a secret"
    go_through(trial, machine, faults)
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


@scenario
def bundle_cannot_be_fetched(trial: Trial) -> None:
    """Without its bundle a server of the pool says so on its console and ends itself; a bundle that is not the one asked
    for is not run.
    """
    key = f"instance/{trial.bundle_id}.tar.gz"
    for name, change, reason in (("gone", {}, "404"), ("tampered", {key: trial.bundle + b"x"}, "/root/bundle: FAILED")):
        objects = dict(trial.world.objects)
        trial.world.objects.clear()
        trial.world.objects.update(change)
        machine = trial.machine(name, trial.installed, disk=False)
        trial.boot(machine)
        machine.sh("rm -r /opt/bbb-server; printf '#!/bin/sh\n' >/usr/local/bin/sleep; chmod +x /usr/local/bin/sleep")
        done = machine.call("bash", "-s", text=trial.user_data())
        said = done.stdout + done.stderr
        check(reason in said, f"a bundle that is {name}: {said[-1000:]}")
        machine.wait(lambda machine=machine: machine.process.poll() is not None, 60, "does not end")
        check("cannot be fetched" in machine.console.read_text(errors="replace"), "nothing on the console")
        check(not (machine.root / "opt/bbb-server").exists(), "something was unpacked")
        trial.world.objects.update(objects)
        machine.remove()
        trial.machines.remove(machine)
