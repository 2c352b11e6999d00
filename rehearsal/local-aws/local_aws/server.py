"""Serving the gateway on loopback, and ending promptly whatever still waits."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core import lambda_runtime

from . import control, response_url

NEEDS = {
    "ministack.app:app": "scope, receive, send",
    "ministack.app:_resolve_port": "",
    "ministack.app:_HEALTH_PATHS": tuple,
    "ministack.core.lambda_runtime:_workers": dict,
}

# A custom resource that is waited for keeps a thread busy for up to an hour; nobody waits that long for an end.
GRACE_SECONDS = 2.0


async def _gateway(scope, receive, send):
    """MiniStack, with two places in front: where custom resources PUT their answers, and the control of the clock."""
    if scope["type"] == "http" and response_url.serves(scope["path"]):
        await response_url.handle(scope, receive, send)
    elif scope["type"] == "http" and control.serves(scope["path"]):
        await control.handle(scope, receive, send)
    else:
        await ministack.app(scope, receive, send)


def install() -> None:
    """Nothing is patched: the gateway stands in front of MiniStack."""


def _config() -> Config:
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{ministack._resolve_port()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = GRACE_SECONDS / 2
    config.loglevel = ministack.LOG_LEVEL
    return config


def _kill_functions() -> None:
    for workers in list(lambda_runtime._workers.values()):
        for worker in list(workers):
            process = worker._proc
            if process is not None:
                process.kill()


def _exit() -> None:
    _kill_functions()
    logging.shutdown()
    # Threads that wait for a custom resource cannot be cancelled, so the interpreter's own exit would wait for them.
    os._exit(0)


def _end_with_input() -> None:
    """Waits until standard input is closed, as it is when whoever holds its other end dies of whatever cause."""
    if not sys.stdin.buffer.read(1):
        os.kill(os.getpid(), signal.SIGTERM)


async def _serve() -> None:
    stop = asyncio.Event()

    def terminate() -> None:
        stop.set()
        watchdog = threading.Timer(GRACE_SECONDS, _exit)
        watchdog.daemon = True
        watchdog.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, terminate)
    if os.environ.get("END_WITH_INPUT") == "true":
        threading.Thread(target=_end_with_input, daemon=True).start()
    await serve(_gateway, _config(), shutdown_trigger=stop.wait)
    _exit()


def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_serve())
