"""Measures the copying of images against skopeo, between two registries on this machine.

    cargo build --workspace --example copy_images        # add --release for an optimised one
    python3 tests/image-copy/measure.py target/debug/examples/copy_images

Needs Debian's docker-registry and skopeo. Five images of 20 layers each, 600 MB in all, are copied cold (nothing is
there), and again under another tag (all layers are there). Time is that of the clock; processor time and the largest
memory are the copying processes' own.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

IMAGES, LAYERS, LAYER_BYTES = 5, 20, 6_000_000
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def registry(folder: pathlib.Path) -> tuple[subprocess.Popen, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = {"version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
                "http": {"addr": address, "secret": "x"}, "storage": {"filesystem": {"rootdirectory": str(folder)}}}
    file = folder / "config.json"
    file.write_text(json.dumps(settings))
    process = subprocess.Popen(["docker-registry", "serve", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://{address}/v2/").close()
            return process, address
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the registry does not answer")


def send(method: str, url: str, body: bytes = b"", kind: str = "application/octet-stream"):
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request) as answer:
        return answer.headers


def push(address: str, repository: str, body: bytes) -> dict:
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    place = send("POST", f"http://{address}/v2/{repository}/blobs/uploads/")["Location"]
    send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", body)
    return {"digest": digest, "size": len(body)}


def fill(address: str) -> list[str]:
    numbers, names = random.Random(8), []
    for image in range(IMAGES):
        repository = f"measure/image{image}"
        kind = "application/vnd.oci.image.layer.v1.tar"
        layers = [{"mediaType": kind, **push(address, repository, numbers.randbytes(LAYER_BYTES))} for _ in range(LAYERS)]
        config = json.dumps({"os": "linux", "architecture": "amd64", "config": {},
                             "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}).encode()
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **push(address, repository, config)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        send("PUT", f"http://{address}/v2/{repository}/manifests/v1", json.dumps(manifest).encode(), MANIFEST)
        names.append(repository)
    return names


def run(commands: list[list[str]], at_once: bool) -> tuple[float, float, float]:
    """Seconds of the clock and of processors, and megabytes of the largest process, or of all that ran at once."""
    begun, processors, memory, pending = time.monotonic(), 0.0, [], list(commands)
    while pending:
        batch, pending = (pending, []) if at_once else (pending[:1], pending[1:])
        for pid in [os.posix_spawnp(command[0], command, os.environ) for command in batch]:
            _, status, used = os.wait4(pid, 0)
            if status:
                raise SystemExit(f"failed: {status}")
            processors += used.ru_utime + used.ru_stime
            memory.append(used.ru_maxrss / 1000)
    return time.monotonic() - begun, processors, sum(memory) if at_once else max(memory)


def main() -> None:
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        folders = [pathlib.Path(folder, name) for name in ("source", "target")]
        for one in folders:
            one.mkdir()
        processes = []
        try:
            process, source = registry(folders[0])
            processes.append(process)
            names = fill(source)
            ways = {
                program: lambda pairs: ([[program, *[part for pair in pairs for part in pair]]], False),
                "skopeo, one image after the other": lambda pairs: (skopeo(pairs), False),
                "skopeo, five at once": lambda pairs: (skopeo(pairs), True),
            }
            for way, commands in ways.items():
                place = folders[1] / str(len(processes))
                place.mkdir()
                process, target = registry(place)
                processes.append(process)
                for how, tag in (("cold", "v1"), ("again", "v2")):
                    pairs = [(f"{source}/{name}:v1", f"{target}/{name}:{tag}") for name in names]
                    seconds, processors, memory = run(*commands(pairs))
                    print(f"{way}, {how}: {seconds:.1f} s, {processors:.1f} s of processors, {memory:.0f} MB", flush=True)
        finally:
            for process in processes:
                process.terminate()
                process.wait()


def skopeo(pairs: list[tuple[str, str]]) -> list[list[str]]:
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests", "--quiet"]
    return [["skopeo", "--insecure-policy", "copy", "--all", *plain, f"docker://{a}", f"docker://{b}"] for a, b in pairs]


main()
