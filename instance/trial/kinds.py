"""Other servers than one of the pool that is wanted at once."""

from __future__ import annotations

import json
import re

from host import run
from machine import Machine
from outside import API_SECRET, DOMAIN, GATEWAY, HOST, METADATA, SERVER, TURN_SECRET
from trial import ARN, TURN_SECRET_ARN, Trial, check, scenario

# Docker is not there to be installed; this keeps what it is asked and given.
DOCKER = """#!/bin/sh
echo "docker $*" >>/srv/docker.arguments
case "$*" in *"runner -") cat >>/srv/docker.input ;; esac
"""


def expect_signal(trial: Trial, machine: Machine, step: str, reason: str) -> None:
    """The stages ended at this step, and it was told to the log group and to CloudFormation, not to Auto Scaling."""
    world = trial.world
    check(trial.state(machine) == "failed", f"{step} did not fail: {trial.last(machine)}")
    told = json.dumps(world.calls("PutLogEvents")[-1:])
    check(f"step {step} failed" in told and reason in told, f"for {step} the log group was told {told}")
    # Told each time anew, denied or not.
    check(world.calls("SignalResource")[-1:] and world.calls("SignalResource")[-1]["Status"] == "FAILURE", "not told")
    check(not world.calls("CompleteLifecycleAction"), "Auto Scaling has nothing to do with it")
    trial.failed_steps.add(step)


@scenario
def waits_in_the_warm_pool(trial: Trial) -> None:
    """In the warm pool a server is prepared without a name, says so and waits; started again it becomes ready."""
    world = trial.world
    machine = trial.machine("warm", trial.installed)
    world.forget()
    world.lifecycle, issued = "Warmed:Stopped", trial.outside.issued()
    world.records.pop(HOST, None)
    trial.boot(machine)
    trial.launch(machine)
    check(trial.settle(machine) == "active", trial.last(machine))
    actions = [call["LifecycleActionResult"] for call in world.calls("CompleteLifecycleAction")]
    check(actions == ["CONTINUE"], f"Auto Scaling was told {actions}")
    check(trial.outside.issued() == issued and HOST not in world.queries, "it asked for a name or a certificate")
    check("mountpoint" in machine.sh("mountpoint /var/bigbluebutton/spool"), "the spool is not mounted")
    check(machine.call("test", "-e", "/run/bbb-server/configured").returncode != 0, "it counts as configured")
    machine.off()

    world.lifecycle, world.public = "InService", "203.0.113.91"
    world.records[HOST] = world.public
    world.forget()
    trial.boot(machine)
    check(trial.settle(machine) == "active", trial.last(machine))
    machine.wait(lambda: (trial.status() or {}).get("ready") is True, 60, "not ready")
    check(not world.calls("CompleteLifecycleAction"), "the hook into service is the pool's")
    machine.remove()
    trial.machines.remove(machine)


@scenario
def own_certificate_and_turn_server(trial: Trial) -> None:
    """An own certificate out of Secrets Manager is used if it fits, and a TURN server of the deployment's is announced."""
    world = trial.world
    world.records[HOST] = world.public
    folder = trial.work / "own"
    folder.mkdir()
    names = {"good": f"*.{DOMAIN}", "other": "*.example.net"}
    for name, subject in names.items():
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={subject}",
            "-addext",
            f"subjectAltName=DNS:{subject}",
            "-keyout",
            folder / f"{name}.key",
            "-out",
            folder / f"{name}.pem",
        )
    pair = {
        name: {"certificate": (folder / f"{name}.pem").read_text(), "key": (folder / f"{name}.key").read_text()}
        for name in names
    }
    secret = f"{ARN}:certificate-AbCdEf"
    machine = trial.machine("own", trial.installed, disk=False)
    machine.write("usr/local/share/ca-certificates/own.crt", pair["good"]["certificate"])
    trial.boot(machine)
    issued = trial.outside.issued()
    wrong = [
        ("is not for", pair["other"]),
        ("do not belong together", {**pair["good"], "key": pair["other"]["key"]}),
        ("is not {", {"certificate": pair["good"]["certificate"]}),
    ]
    settings = {
        "CERTIFICATE_SECRET_ARN": secret,
        "DATA_VOLUME": "none",
        "TURN_HOST": f"turn.{DOMAIN}",
        "TURN_SECRET_ARN": TURN_SECRET_ARN,
    }
    for number, (reason, value) in enumerate(wrong):
        world.secrets[secret] = json.dumps(value)
        if number:
            trial.again(machine)
        else:
            trial.launch(machine, **settings)
            trial.settle(machine)
        check(trial.state(machine) == "failed" and reason in trial.log(machine), f"{reason}: {trial.last(machine)}")
        check("PRIVATE KEY" not in trial.log(machine), "a key is in the log")
    world.secrets[secret] = json.dumps(pair["good"])
    check(trial.again(machine) == "active", trial.last(machine))
    check(trial.outside.issued() == issued, "Let's Encrypt was asked all the same")
    served = machine.sh(
        f"openssl s_client -connect 127.0.0.1:443 -servername {HOST} </dev/null 2>/dev/null | openssl x509 -noout -subject"
    )
    check(f"*.{DOMAIN}" in served, f"served is {served}")
    announced = machine.sh(
        "cat /etc/bigbluebutton/turn-stun-servers.xml; stat -c '%a %U:%G' /etc/bigbluebutton/turn-stun-servers.xml"
    )
    check(
        f"turns:turn.{DOMAIN}:443?transport=tcp" in announced
        and TURN_SECRET in announced
        and "640 root:bigbluebutton" in announced,
        "not announced",
    )
    machine.sh("xmlstarlet val -q /etc/bigbluebutton/turn-stun-servers.xml && sed -i '/^TURN_/d' /etc/bbb-server/settings")
    check(trial.again(machine) == "active", trial.last(machine))
    check(
        machine.call("test", "-e", "/etc/bigbluebutton/turn-stun-servers.xml").returncode,
        "a TURN server that is gone is announced",
    )
    machine.remove()
    trial.machines.remove(machine)


@scenario
def single_server(trial: Trial) -> None:
    """A single server has Greenlight and its administrator, whose password is in no argument, and CloudFormation is told."""
    world, host = trial.world, f"conference.{DOMAIN}"
    world.records[host] = world.public
    password, mail = "secret-'\"`$ of the administrator", "smtp-password-of-the-trial"
    world.secrets[f"{ARN}:administrator"] = json.dumps({"username": "operator@example.org", "password": password})
    world.secrets[f"{ARN}:smtp"] = json.dumps(
        {
            "username": "AKIATRIAL",
            "password": mail,
            "endpoint": "email-smtp.eu-central-1.amazonaws.com",
            "port": 587,
            "region": "eu-central-1",
        }
    )
    machine = trial.machine("single", trial.base)
    machine.write("usr/local/bin/docker", DOCKER)
    (machine.root / "usr/local/bin/docker").chmod(0o755)
    world.forget()
    trial.boot(machine)
    trial.watch([password, mail])
    # From the bare system: the user data installs what it needs to fetch the bundle, and fetches it.
    settings = {
        "ROLE": "single",
        "HOST": host,
        "GREENLIGHT": "true",
        "ADMINISTRATOR_SECRET_ARN": f"{ARN}:administrator",
        "SMTP_SECRET_ARN": f"{ARN}:smtp",
    }
    settings |= {
        "SMTP_SENDER": f"noreply@{DOMAIN}",
        "STACK": "single-stack",
        "SIGNAL_RESOURCE": "Ready",
        "SPOOL_FILE_SYSTEM": "",
    }
    administrator = world.secrets.pop(f"{ARN}:administrator")
    trial.launch(machine, **settings)
    trial.settle(machine, 600)
    expect_signal(trial, machine, "configure/95-greenlight", "find the specified secret")
    world.secrets[f"{ARN}:administrator"] = administrator
    world.denied.add("SignalResource")
    trial.again(machine)
    expect_signal(trial, machine, "configure/99-signal", "AccessDenied")
    world.denied.clear()
    world.forget()
    check(trial.again(machine) == "active", trial.last(machine))
    signals = world.calls("SignalResource")
    check(
        [signal["Status"] for signal in signals] == ["SUCCESS"] and signals[0]["LogicalResourceId"] == "Ready",
        f"CloudFormation was told {signals}",
    )
    environment = machine.sh("cat /root/greenlight-v3/.env; stat -c %a /root/greenlight-v3/.env")
    check(
        f"https://{host}/" in environment and mail in environment and environment.rstrip().endswith("600"),
        environment.replace(mail, "..."),
    )
    check(
        password not in machine.sh("cat /srv/docker.arguments") and mail not in machine.sh("cat /srv/docker.arguments"),
        "a password is an argument",
    )
    ruby = machine.sh("cat /srv/docker.input")
    words = re.search(r"%w\[(\S+) (\S+)\]", ruby).groups()
    check(
        machine.sh(f"ruby -e 'print %w[{words[1]}].first.unpack1(%q(m))'") == password,
        "the administrator's password arrives changed",
    )
    check(machine.call("ruby", "-c", text=ruby).stdout.strip() == "Syntax OK", ruby)
    check(trial.again(machine) == "active", trial.last(machine))
    trial.search(
        machine,
        {"API secret": API_SECRET, "administrator's password": password, "password for mail": mail},
        r"^/etc/bigbluebutton/(bbb-web\.properties|bbb-apps-akka\.conf)$|^/usr/share/bbb-web/WEB-INF/classes/"
        r"|^/root/greenlight-v3/\.env$|^/srv/docker\.input$",
    )
    machine.remove()
    trial.machines.remove(machine)


@scenario
def turn_server(trial: Trial) -> None:
    """A TURN server relays with the deployment's secret, under its certificate, and not into its own network."""
    world, host = trial.world, f"turn.{DOMAIN}"
    world.records[host] = world.public
    machine = trial.machine("turn", trial.packaged, disk=False)
    world.forget()
    trial.boot(machine)
    # What the internet gateway does besides: the machine itself has its private address alone.
    machine.sh(f"iptables -t nat -A PREROUTING -d {world.public}/32 -j DNAT --to-destination {SERVER}")
    settings = {
        "ROLE": "turn",
        "HOST": host,
        "TURN_SECRET_ARN": TURN_SECRET_ARN,
        "STACK": "turn-stack",
        "SIGNAL_RESOURCE": "Ready",
    }
    trial.launch(machine, **settings)
    check(trial.settle(machine, 600) == "active", trial.last(machine))
    check([signal["Status"] for signal in world.calls("SignalResource")] == ["SUCCESS"], "CloudFormation was not told")
    with trial.https(host) as stream:
        check(stream.version() in ("TLSv1.2", "TLSv1.3"), "TLS")
    check(
        machine.sh("stat -c '%a %U:%G' /etc/turnserver.conf").strip() == "640 root:turnserver",
        "its configuration is readable by all",
    )
    trial.search(machine, {"TURN secret": TURN_SECRET}, r"^/etc/turnserver\.conf$")
    # coturn's own client, with credentials made from the secret (an argument of it, hence after the search) as BigBlueButton
    # makes them: from relay to relay, which have public addresses; with another secret; to peers in its network and outside.
    client = "turnutils_uclient -v -u trial -n 1 -m 1"
    relayed = machine.call("sh", "-c", f"timeout 30 {client} -W {TURN_SECRET} -y 127.0.0.1 2>&1").stdout
    check(re.search(r"tot_recv_msgs=[1-9]", relayed), f"nothing is relayed: {relayed[-1500:]}")
    wrong = machine.call("sh", "-c", f"timeout 30 {client} -W {'0' * 64} -y 127.0.0.1 2>&1").stdout
    check(
        "Cannot complete Allocation" in wrong and not re.search(r"tot_recv_msgs=[1-9]", wrong),
        f"another secret is as good: {wrong[-1500:]}",
    )
    for peer, forbidden in ((GATEWAY, True), (METADATA, True), ("198.51.100.7", False)):
        said = machine.call("sh", "-c", f"timeout 5 {client} -W {TURN_SECRET} -e {peer} 127.0.0.1 2>&1").stdout
        check(("403 (Forbidden IP)" in said) == forbidden, f"relaying to {peer}: {said[:2000]}")
        check(forbidden or "success: 0x" in said, f"relaying to {peer}: {said[:2000]}")
    check(trial.again(machine) == "active", trial.last(machine))
    world.denied.add("GetSecretValue")
    trial.again(machine)
    expect_signal(trial, machine, "configure/80-turn-server", "AccessDenied")
    world.denied.clear()
    machine.remove()
    trial.machines.remove(machine)


@scenario
def own_steps(trial: Trial) -> None:
    """Own steps run before and after, for the servers that they are for; one that fails is told by its name."""
    world = trial.world
    world.records[HOST] = world.public
    machine = trial.machine("custom", trial.installed)
    world.forget()
    trial.boot(machine)
    trial.place_bundle(machine, trial.settings())
    custom = "/opt/bbb-server/custom"
    own = {
        "configure-before/10-first": "echo first >>/srv/own\n",
        "configure-before/20-other": "# For: turn\necho never >>/srv/own\n",
        "configure-after/10-last": "#!/usr/bin/python3\nopen('/srv/own', 'a').write('last\\n')\n",
        "configure-after/90-broken": "echo what is wrong; exit 3\n",
    }
    machine.sh(f"mkdir -p {custom}/configure-before {custom}/configure-after")
    for name, text in own.items():
        machine.call("sh", "-c", f"cat >{custom}/{name}", text=text)
    machine.sh(f"chmod +x {custom}/configure-after/10-last")
    trial.launch(machine)
    check(trial.settle(machine) == "failed", "a failed own step does not matter")
    told = json.dumps(world.calls("PutLogEvents"))
    check("step custom/configure-after/90-broken failed" in told and "what is wrong" in told, told)
    machine.sh(f"rm {custom}/configure-after/90-broken; rm /srv/own")
    check(trial.again(machine) == "active", trial.last(machine))
    check(machine.sh("cat /srv/own") == "first\nlast\n", f"own steps wrote {machine.sh('cat /srv/own')}")
    machine.remove()
    trial.machines.remove(machine)
