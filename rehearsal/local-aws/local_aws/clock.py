"""The clock of the local AWS, which can be moved forward, and what is due at set times.

Every service reads the time of this process, so moving the clock moves all of them together: states that time out,
schedules, alarms, sessions. What is due on the way happens at its own moment and in order, each thing only when what
came before has come to rest, so that an hour passes in seconds and looks as it would have looked in an hour.

Only the time of day moves. What waits for so and so many real seconds, such as the time-out of a function or a
connection that is kept open, does not notice.

Whoever runs functions whose clock should move too names a file in `CLOCK_FILE`: its first eight bytes are kept at the
number of nanoseconds that this clock is ahead, a signed little-endian integer.
"""

from __future__ import annotations

import contextvars
import datetime
import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import time_machine
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region

NEEDS: dict[str, str | type] = {
    "ministack.core.responses:get_account_id": "",
    "ministack.core.responses:get_region": "",
    "ministack.core.responses:set_request_account_id": "access_key_id",
    "ministack.core.responses:set_request_region": "region",
}

logger = logging.getLogger("local_aws.clock")

# How long the clock stands still for something that does not come to rest, in seconds of the real clock. As long as the
# slowest tick of the pool may take, and more.
REST_SECONDS = 180.0
_LOOK_SECONDS = 0.02
# A source is asked when it is due at least this often.
_SOURCE_SECONDS = 0.25


def scope(account: str = "", region: str = "") -> contextvars.Context:
    """A context of the account and region given, or of the caller's, and of nothing else that is known of the request."""
    context = contextvars.Context()
    context.run(set_request_account_id, account or get_account_id())
    context.run(set_request_region, region or get_region())
    return context


@dataclass(order=True)
class Timer:
    """Something that will happen once, unless it is cancelled."""

    due: float
    number: int
    context: contextvars.Context = field(compare=False)
    action: Callable[[], Any] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(frozen=True)
class Source:
    """Something that happens again and again: when it is next due, and what to do then."""

    due: Callable[[], float | None]
    fire: Callable[[], Any]


class Clock:
    def __init__(self) -> None:
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        # Held by whoever lets things happen, so that they happen one after another.
        self._happening = threading.RLock()
        # Held while the clock is moved, so that two movers do not mix.
        self._moving = threading.Lock()
        self._sources: list[Source] = []
        self._busy: list[Callable[[], bool]] = []
        self._traveller: Any = None
        self._ahead = 0.0
        self._file: int | None = None

    def start(self) -> None:
        """Take over the time of this process; from here on it passes as before until it is moved."""
        now = datetime.datetime.now(datetime.timezone.utc)
        self._traveller = time_machine.travel(now, tick=True).start()
        if path := os.environ.get("CLOCK_FILE"):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            self._tell()
        threading.Thread(target=self._run, name="local-aws-clock", daemon=True).start()

    @property
    def ahead(self) -> float:
        """How many seconds it is ahead of the real clock."""
        return self._ahead

    def at(self, due: float, action: Callable[[], Any]) -> Timer:
        """Let `action` happen at a moment (seconds since 1970), in the account and region of the caller."""
        timer = Timer(due, next(self._numbers), scope(), action)
        with self._changed:
            heapq.heappush(self._timers, timer)
            self._changed.notify_all()
        return timer

    def after(self, seconds: float, action: Callable[[], Any]) -> Timer:
        return self.at(time.time() + seconds, action)

    def repeat(self, due: Callable[[], float | None], fire: Callable[[], Any]) -> None:
        """Let `fire` happen whenever `due()` has come; `due()` is asked again afterwards."""
        self._sources.append(Source(due, fire))

    def busy_while(self, probe: Callable[[], bool]) -> None:
        """Do not move past a moment while `probe()` says that something that began before it goes on."""
        self._busy.append(probe)

    def advance(self, seconds: float) -> None:
        """Move forward; return when everything that was due on the way has happened and come to rest."""
        with self._moving:
            # What was made a moment ago counts from when it is first asked for: not from later than the way begins.
            self._next()
            target = time.time() + seconds
            self._rest()
            while (due := self._next()) is not None and due <= target:
                self._shift(due - time.time())
                self._happen()
                self._rest()
            self._shift(target - time.time())

    def _shift(self, seconds: float) -> None:
        if seconds > 0:
            self._traveller.shift(seconds)
            self._ahead += seconds
            self._tell()
            with self._changed:
                self._changed.notify_all()

    def _tell(self) -> None:
        if self._file is not None:
            os.pwrite(self._file, round(self._ahead * 1e9).to_bytes(8, "little", signed=True), 0)

    def _next(self) -> float | None:
        """The moment of what is due first."""
        with self._changed:
            while self._timers and self._timers[0].cancelled:
                heapq.heappop(self._timers)
            moments = [self._timers[0].due] if self._timers else []
        moments += [due for source in self._sources if (due := source.due()) is not None]
        return min(moments, default=None)

    def _pop(self) -> Timer | None:
        with self._changed:
            while self._timers and (self._timers[0].cancelled or self._timers[0].due <= time.time()):
                timer = heapq.heappop(self._timers)
                if not timer.cancelled:
                    return timer
        return None

    def _happen(self) -> None:
        """Let everything that is due happen, the earliest first."""
        with self._happening:
            while timer := self._pop():
                _guarded(lambda timer=timer: timer.context.run(timer.action))
            for source in self._sources:
                due = source.due()
                if due is not None and due <= time.time():
                    _guarded(lambda source=source: contextvars.Context().run(source.fire))

    def _rest(self) -> None:
        """Wait until nothing is going on."""
        deadline = time.monotonic() + REST_SECONDS
        while any(probe() for probe in self._busy):
            if time.monotonic() > deadline:
                logger.warning("the clock moves on although something has not come to rest")
                return
            time.sleep(_LOOK_SECONDS)

    def _run(self) -> None:
        while True:
            due = self._next()
            wait = _SOURCE_SECONDS if due is None else min(max(due - time.time(), 0), _SOURCE_SECONDS)
            with self._changed:
                if wait:
                    self._changed.wait(wait)
            self._happen()


def _guarded(action: Callable[[], Any]) -> None:
    try:
        action()
    except Exception:
        logger.exception("what was due failed")


clock = Clock()


def install() -> None:
    clock.start()
