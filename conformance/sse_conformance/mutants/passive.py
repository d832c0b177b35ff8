"""Servers that are late, silent or confused by a reconnection, as anybody may see from outside."""

import asyncio
from collections.abc import AsyncGenerator

from ..options import Options
from ..transcript import Record
from .alter import driven
from .golden import Golden
from .http import Asked, Wire
from .registry import mutant

QUICK = 0.03  # seconds between events
SLOW = 0.15  # so that what waits for the next event is seen to wait
LATE = 0.18


@mutant("LIV-01", "is silent for ever", Golden(interval=3600, heartbeat=3600).serve)
def silent_for_ever() -> Record:
    return driven(Golden(interval=3600, heartbeat=3600), Options(heartbeat=0.5))


class LateHead(Golden):
    """Has no head before there is an event."""

    async def passive(self, asked: Asked, wire: Wire) -> bool:
        if asked.method == "GET":
            await asyncio.sleep(LATE)
        return await super().passive(asked, wire)


@mutant("LIV-02", "holds its head back", LateHead().serve)
def late_head() -> Record:
    return driven(LateHead(events=3, interval=QUICK), Options(time_scale=0.12))


class LateBlankLine(Golden):
    """Ends a block when the next one begins."""

    async def ticks(self, after: int) -> AsyncGenerator[bytes, None]:
        blank = b""
        async for block in super().ticks(after):
            yield blank + block.removesuffix(b"\n")
            blank = b"\n"
        yield blank


@mutant("LIV-04", "ends a block with the next one", LateBlankLine().serve)
def late_blank_line() -> Record:
    return driven(LateBlankLine(events=4, interval=SLOW))


class Padded(Golden):
    """Begins with much of nothing."""

    async def ticks(self, after: int) -> AsyncGenerator[bytes, None]:
        yield b":" + b" " * 2048 + b"\n\n"
        async for block in super().ticks(after):
            yield block


@mutant("LIV-08", "begins with 2 KiB of nothing", Padded().serve)
def padded() -> Record:
    return driven(Padded(events=3, interval=QUICK))


class NumbersOnly(Golden):
    """Fails where the last event ID is no number."""

    async def passive(self, asked: Asked, wire: Wire) -> bool:
        try:
            int(asked.last_event_id or 0)
        except ValueError:
            return await self.respond(asked, wire, 500, [])
        return await super().passive(asked, wire)


@mutant("REC-04", "fails for an unknown event ID", NumbersOnly().serve)
def numbers_only() -> Record:
    return driven(NumbersOnly(events=3, interval=QUICK))


class RetryAtOnce(Golden):
    """Has all clients come back without a pause."""

    async def ticks(self, after: int) -> AsyncGenerator[bytes, None]:
        yield b"retry: 0\n\n"
        async for block in super().ticks(after):
            yield block


@mutant("REC-08", "sets retry to 0", RetryAtOnce().serve)
def retry_at_once() -> Record:
    return driven(RetryAtOnce(events=3, interval=QUICK))


class Moved(Golden):
    """Says with 302 where the stream is."""

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        if asked.path == "/moved":
            return await self.respond(asked, wire, 302, [("Location", "/stream")])
        return await super().answer(asked, wire)


@mutant("REC-12", "redirects with 302", Moved().serve)
def moved() -> Record:
    return driven(Moved(events=3, interval=QUICK), path="/moved")
