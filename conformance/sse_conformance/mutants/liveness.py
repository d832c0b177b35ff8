"""Servers that are late, or silent, or noisy."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter

from ..drivers.emit_timing import (
    record_compression,
    record_heads,
    record_pace,
    record_parallel,
    record_silence,
)
from ..options import Options
from .driving import live
from .golden import Golden, Out
from .http import Asked, Fields, Wire

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


class Compressing(Golden):
    """Compresses a stream for those who can read it so."""

    flush_mode = zlib.Z_SYNC_FLUSH

    def stream_fields(self, asked: Asked) -> Fields:
        coding = [("Content-Encoding", "gzip")] if takes_gzip(asked) else []
        return [*super().stream_fields(asked), *coding]

    async def stream(self, asked: Asked, wire: Wire, blocks: Blocks) -> bool:
        written = self.compressed(blocks) if takes_gzip(asked) else blocks
        return await super().stream(asked, wire, written)

    async def compressed(self, blocks: Blocks) -> Blocks:
        """What the compressor gives away of the blocks so far, and the rest in the end."""
        deflating = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        async with aclosing(blocks):
            async for block in blocks:
                if data := deflating.compress(block) + deflating.flush(self.flush_mode):
                    yield data
        yield deflating.flush()


def takes_gzip(asked: Asked) -> bool:
    """Whether the client can read it."""
    return "gzip" in (asked.value("accept-encoding") or "")


@live("HTTP-13", record_compression)
class Withholding(Compressing):
    """Compresses without flushing."""

    flush_mode = zlib.Z_NO_FLUSH


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
