"""Servers that are late, or silent, or noisy."""

import asyncio
from collections.abc import AsyncGenerator
from time import perf_counter

from ..drivers.emit_timing import record_heads, record_pace, record_parallel, record_silence
from ..options import Options
from .driving import live
from .golden import Golden, Out
from .http import Asked, Wire

HASTY = Options(time_scale=0.1)
HEARTBEAT = 0.7  # seconds
IMPATIENT = Options(heartbeat=HEARTBEAT)

Blocks = AsyncGenerator[bytes, None]


@live("LIV-01", record_silence, heartbeat=HEARTBEAT, options=IMPATIENT)
class Silent(Golden):
    """Sends no heartbeats."""

    async def with_heartbeats(self, blocks: Blocks) -> Blocks:
        async for block in blocks:
            yield block


@live("LIV-02", record_heads)
class LateHead(Golden):
    """Keeps the head back until there is an event."""

    async def deliver(self, out: Out, blocks: Blocks, head: bytes) -> bool:
        return await super().deliver(out, self.after(out, head, blocks), b"")

    async def after(self, out: Out, head: bytes, blocks: Blocks) -> Blocks:
        """The blocks, and the head before the first of them."""
        async for block in blocks:
            await out.wire.write(head)
            head = b""
            yield block


class Gathering(Out):
    """Sends all blocks when the last one is there."""

    gathered = b""

    async def send(self, block: bytes) -> None:
        self.gathered += self.framed(block)

    def end(self) -> None:
        self.wire.write_now(self.gathered)
        super().end()


@live("LIV-03", record_pace)
class Buffering(Golden):
    """Buffers the body."""

    out_type = Gathering


@live("LIV-05", record_silence, heartbeat=HEARTBEAT, options=IMPATIENT)
class Talkative(Golden):
    """Its heartbeat is a message."""

    heartbeat_block = b"data: still here\n\n"


@live("LIV-06", record_silence, heartbeat=HEARTBEAT, options=IMPATIENT)
class Busy(Golden):
    """Sends heartbeats between events only."""

    async def with_heartbeats(self, blocks: Blocks) -> Blocks:
        last = perf_counter()
        async for block in blocks:
            if perf_counter() - last >= self.heartbeat:
                yield self.heartbeat_block
            last = perf_counter()
            yield block


@live("LIV-07", record_parallel, options=HASTY)
class OneByOne(Golden):
    """Serves one stream after the other."""

    def __init__(self, *, heartbeat: float = 15.0) -> None:
        super().__init__(heartbeat=heartbeat)
        self.turn = asyncio.Lock()

    async def stream(self, asked: Asked, wire: Wire, blocks: Blocks) -> bool:
        async with self.turn:
            return await super().stream(asked, wire, blocks)
