"""What the trial makes before it begins: an authority, keys, packages that are stand-ins, repositories, and the bundle
under trial.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

from host import INSTANCE_FOLDER, STAND_INS, index, run
from outside import REGION

NAMES = [
    f"*.{REGION}.amazonaws.com",
    f"*.s3.{REGION}.amazonaws.com",
    "*.s3.amazonaws.com",
    "amazon-efs-utils.aws.com",
    "ubuntu.bigbluebutton.org",
    "acme.trial",
    "acme-v02.api.letsencrypt.org",
]


class Workshop:
    """Everything that is made anew for each trial."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.certificates = self.make_certificates()
        self.key = self.make_key()
        self.stand_ins = self.make_packages()
        self.repositories = self.make_repositories()

    def make_certificates(self) -> dict[str, Path]:
        folder = self.folder / "certificates"
        folder.mkdir()
        authority, authority_key = folder / "authority.pem", folder / "authority.key"
        key, request, certificate, extensions = (
            folder / name for name in ("key.pem", "request.pem", "certificate.pem", "extensions")
        )
        make = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
        run(*make, "-x509", "-days", "2", "-subj", "/CN=the trial's authority", "-keyout", authority_key, "-out", authority)
        run(*make, "-subj", "/CN=the trial", "-keyout", key, "-out", request)
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES))
        run(
            "openssl",
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            authority,
            "-CAkey",
            authority_key,
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            extensions,
            "-out",
            certificate,
        )
        return {"authority": authority, "chain": certificate, "key": key}

    def gpg(self, *arguments: str | Path, **options) -> str:
        return run("gpg", "--homedir", self.folder / "gnupg", "--batch", "--yes", *arguments, **options).stdout

    def make_key(self) -> str:
        (self.folder / "gnupg").mkdir(mode=0o700)
        self.gpg("--passphrase", "", "--quick-generate-key", "The trial", "rsa2048", "sign", "2d")
        self.public_key = self.gpg("--armor", "--export")
        listing = self.gpg("--with-colons", "--list-keys")
        return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))

    def package(self, name: str, into: Path) -> Path:
        """A stand-in's package, owned by root whoever checked it out."""
        tree = self.folder / "trees" / name
        shutil.copytree(STAND_INS / name, tree)
        into.mkdir(parents=True, exist_ok=True)
        run("dpkg-deb", "--root-owner-group", "--build", tree, into)
        return next(into.glob(f"*{name}*.deb"))

    def make_packages(self) -> Path:
        folder = self.folder / "stand-ins"
        self.package("bbb-web", folder)
        for name in ("bigbluebutton", "bbb-html5"):
            tree = self.folder / "trees" / name / "DEBIAN"
            tree.mkdir(parents=True)
            (tree / "control").write_text(
                f"Package: {name}\nVersion: 1:3.0.0-0\nArchitecture: all\nMaintainer: trial\n"
                "Depends: bbb-web\nDescription: A stand-in\n"
            )
            run("dpkg-deb", "--root-owner-group", "--build", tree.parent, folder)
        index(folder)
        return folder

    def artefacts(self) -> dict[str, bytes]:
        """What is downloaded over HTTPS, signed with the trial's key."""
        agent = self.package("cloudwatch-agent", self.folder / "agent")
        signature = self.folder / "agent.sig"
        self.gpg("--detach-sign", "--output", signature, agent)
        key = self.public_key.encode()
        agent_url = "amazoncloudwatch-agent.s3.amazonaws.com/ubuntu/amd64/latest/amazon-cloudwatch-agent.deb"
        repository = self.folder / "efs"
        package = self.package("efs-utils", repository)
        scan = subprocess.run(["dpkg-scanpackages", "."], cwd=repository, check=True, capture_output=True)
        listing = scan.stdout.replace(b"Filename: ./", b"Filename: ")
        packed = gzip.compress(listing, mtime=0)
        lines = [
            f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/{name}"
            for name, data in (("Packages", listing), ("Packages.gz", packed))
        ]
        release = (
            "Date: Thu, 01 Jan 2026 00:00:00 UTC\nSuite: 22.04\nCodename: 22.04\nComponents: main\n"
            "Architectures: amd64\nSHA256:\n" + "\n".join(lines) + "\n"
        )
        signed = self.gpg("--clearsign", input=release)
        base = "amazon-efs-utils.aws.com/repo/deb/ubuntu/22.04"
        return {
            agent_url: agent.read_bytes(),
            f"{agent_url}.sig": signature.read_bytes(),
            "amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg": key,
            "amazon-efs-utils.aws.com/efs-utils.gpg": key,
            "ubuntu.bigbluebutton.org/repo/bigbluebutton.asc": key,
            f"{base}/dists/22.04/InRelease": signed.encode(),
            f"{base}/dists/22.04/main/binary-amd64/Packages": listing,
            f"{base}/dists/22.04/main/binary-amd64/Packages.gz": packed,
            f"{base}/{package.name}": package.read_bytes(),
        }

    def make_repositories(self) -> Path:
        """What is fetched by git, from a folder instead of a host; the protocol is git's own."""
        folder = self.folder / "repositories"
        tree = folder / "bbb-install"
        shutil.copytree(STAND_INS / "bbb-install", tree)
        git = ["git", "-C", tree, "-c", "user.name=trial", "-c", "user.email=trial@invalid"]
        run("git", "init", "--quiet", "--initial-branch", "v3.0.x-release", tree)
        run(*git, "add", ".")
        run(*git, "commit", "--quiet", "-m", "stand-in")
        run(*git, "config", "uploadpack.allowAnySHA1InWant", "true")
        return folder

    def pins(self) -> str:
        """The real pins, but for where the stand-ins are and who vouches for them."""
        changes = {
            "UBUNTU_CODE_NAME": "bookworm",
            "BBB_INSTALL_REPOSITORY": "file:///srv/repositories/bbb-install",
            "BBB_INSTALL_COMMIT": run("git", "-C", self.repositories / "bbb-install", "rev-parse", "HEAD").stdout.strip(),
            "BBB_PACKAGES_KEY": self.key,
            "CLOUDWATCH_AGENT_KEY": self.key,
            "EFS_UTILS_KEY": self.key,
        }
        lines = []
        for line in (INSTANCE_FOLDER / "pins").read_text().splitlines():
            name = line.partition("=")[0]
            lines.append(f"{name}={changes[name]}" if name in changes else line)
        return "\n".join(lines) + "\n"

    def bundle(self) -> tuple[str, bytes]:
        """The bundle as it would be uploaded, with the trial's pins."""
        source = self.folder / "instance"
        shutil.copytree(INSTANCE_FOLDER, source, ignore=shutil.ignore_patterns("trial", "__pycache__"))
        (source / "pins").write_text(self.pins())
        digest = run("sh", source / "bundle", self.folder / "bundles").stdout.strip()
        return digest, (self.folder / "bundles" / f"{digest}.tar.gz").read_bytes()
