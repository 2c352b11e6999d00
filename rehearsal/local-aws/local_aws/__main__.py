"""`python -m local_aws`: the local AWS on loopback, configured by its environment alone.

Needed: `BIND_HOST` and `MINISTACK_HOST` (127.0.0.1), `GATEWAY_PORT`, `AWS_ENDPOINT_URL`
(`http://127.0.0.1:$GATEWAY_PORT`), `MINISTACK_REGION`, `AUTH=true`, `TMPDIR`, `PATH`.
Functions inherit this environment, so give it nothing else.

The account's root user, who may do everything: the 12-digit account id as the access key id, `test` as the secret
access key, no session token. MiniStack does not verify the root user's signature, and the access key id `test` is
root too. Any other caller needs an access key of IAM's or a session of STS's making, and is held to its policies.

Ready: `GET /_ministack/health` answers 200. End: SIGTERM; it exits with 0 within three seconds and takes the
functions' processes with it, even while a custom resource is still waited for. With `END_WITH_INPUT=true` also when
its standard input is closed, unless anything was written there before.
"""

from __future__ import annotations

import os
import sys

REQUIRED = ("BIND_HOST", "MINISTACK_HOST", "GATEWAY_PORT", "AWS_ENDPOINT_URL", "MINISTACK_REGION", "TMPDIR", "PATH")


def main() -> int:
    missing = [name for name in REQUIRED if not os.environ.get(name)]
    if missing:
        print("local_aws: not set in the environment: " + ", ".join(missing), file=sys.stderr)
        return 2
    # Set before MiniStack reads it: without this it listens for MQTT on a second, fixed port.
    os.environ["IOT_MTLS_ENABLED"] = "0"

    from . import extension, guard, server

    try:
        extension.install()
    except guard.Unpatchable as error:
        print(f"local_aws: {error}", file=sys.stderr)
        return 3
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
